//! What is torn, unknown, too long, too much or away gets an answer that says so, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::namespaces::apart;
use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, SECRET, console_of, run, tool, until};
use radius::{Authenticator, Identifier, Packet, Request, Secret, Type, verify_reply};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const PROCESS: &str = "/SoftToken/Provisioning.asmx/Process";
const MOBILE: &str = "/SoftToken/Provisioning.asmx/Mobile";

/// Posts with `curl`; the status, and the body.
fn curl(home: &Home, path: &str, options: &[&str], body: &str) -> (String, String) {
    let mut command = tool("curl", "curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "10",
            "--noproxy",
            "*",
        ])
        .args([
            "--write-out",
            "\n%{http_code}",
            "--data-binary",
            "@-",
            "--cacert",
        ])
        .arg(home.authority())
        .args(options)
        .arg(format!("https://{}{path}", home.https));
    let said = run(&mut command, body);
    assert!(
        said.err.is_empty(),
        "{path} {options:?} {body}: {}{}",
        said.out,
        said.err
    );
    let (body, status) = said.out.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn torn_messages_are_refused_with_what_is_torn() {
    let home = Home::new();
    let up = Running::up(&home);
    let gateway = |name: &str| {
        home.data()
            .join("gateway")
            .join(name)
            .to_string_lossy()
            .into_owned()
    };
    let (certificate, key) = (gateway("gateway.pem"), gateway("gateway.key"));
    let as_gateway = ["--cert", &certificate, "--key", &key];
    let serial =
        common::after(&home.console("get system status").ok(), "Serial-Number:").to_owned();
    let whole = format!(
        "{{\"d\":{{\"__type\":\"SoftToken.PollingRequest\",\"__version\":\"4\",\"serial_number\":\"{serial}\",\
         \"__device_version\":\"7.0\",\"__device_build\":\"0001\",\"__clustered_sns\":[{{\"sn\":\"{serial}\"}}],\
         \"tokens\":[{{\"token\":\"FTKMOB83712DC7FE\"}}]}}}}"
    );
    let (status, body) = curl(&home, PROCESS, &as_gateway, &whole);
    assert_eq!(status, "200", "{body}");
    assert!(body.contains("SoftToken.PollingResponse"), "{body}");

    for torn in [
        &whole[..whole.len() / 2],
        "",
        "{\"d\":",
        "\u{0}\u{1}",
        &(whole.clone() + "}"),
    ] {
        for path in [PROCESS, MOBILE] {
            let (status, body) = curl(&home, path, &as_gateway, torn);
            assert_eq!(status, "400", "{path} {torn}: {body}");
            assert!(
                body.starts_with("{\"d\":{\"error\":{\"error_code\":"),
                "{body}"
            );
        }
    }
    let misspelt = whole.replace("\"tokens\"", "\"tokans\"");
    let (status, body) = curl(&home, PROCESS, &as_gateway, &misspelt);
    assert_eq!(status, "400");
    assert!(body.contains("d.tokens: is missing"), "{body}");

    // Without the gateway's certificate, and with it in another's name.
    let (status, body) = curl(&home, PROCESS, &[], &whole);
    assert_eq!(status, "403", "{body}");
    let other = whole.replace(&serial, "FGT3HD3915801656");
    let (status, body) = curl(&home, PROCESS, &as_gateway, &other);
    assert_eq!(status, "403");
    assert!(
        body.contains("request does not match the client certificate"),
        "{body}"
    );

    // Not for this server, and more than it takes.
    let (status, body) = curl(&home, "/SoftToken/", &as_gateway, &whole);
    assert_eq!(status, "404", "{body}");
    let (status, body) = curl(&home, PROCESS, &["--request", "PUT"], &whole);
    assert_eq!(status, "405", "{body}");
    let (status, body) = curl(&home, MOBILE, &[], &"x".repeat(100_000));
    assert_eq!(status, "413", "{body}");
    up.stop();
}

#[test]
fn licence_codes_that_are_wrong_are_told_apart() {
    let home = Home::new();
    let up = Running::up(&home);
    let import = |code: &str| home.console(&format!("execute fortitoken-mobile import {code}"));
    let code = home.issue(1);

    let said = import(&code[..code.len() - 1]).refused();
    assert!(said.contains("it has 23 characters, not 24"), "{said}");
    assert!(
        said.contains("20 hexadecimal digits in five groups of four"),
        "{said}"
    );
    let said = import(&code.replace('-', "_")).refused();
    assert!(said.contains("'_' cannot stand at position 5"), "{said}");
    let said = import("").refused();
    assert!(said.contains("Command fail"), "{said}");
    assert!(home.nothing_waits());
    up.stop();
}

#[test]
fn symptom_21_a_long_name_is_refused_before_the_code_is_used() {
    let home = Home::new();
    let up = Running::up(&home);
    let token = home.import(1).remove(0);
    let code = activation_code(&home.user("alice", &token));
    let phone = Phone::new(&home, "alice");
    let said = phone.add(&code, &"x".repeat(33)).refused();
    assert!(said.contains("the token name has 33 characters"), "{said}");
    assert!(said.contains("Shorten the name"), "{said}");
    phone.add(&code, &"x".repeat(32)).ok();
    up.stop();
}

/// A Status-Server request of the client at 127.0.0.1, sent from `socket`; how long its answer took.
fn status_server(socket: &UdpSocket, number: u8) -> Option<Duration> {
    let secret = Secret::new(SECRET.as_bytes()).unwrap();
    let authenticator = Authenticator([number; 16]);
    let request = Request::status_server(Identifier(number), authenticator, &secret);
    let datagram = request.encode().unwrap();
    let began = Instant::now();
    socket.send(&datagram).unwrap();
    let mut buffer = [0; 4_096];
    while let Ok(length) = socket.recv(&mut buffer) {
        let sent = Packet::parse(&datagram).unwrap();
        if verify_reply(&sent, &buffer[..length], &secret).is_ok() {
            return Some(began.elapsed());
        }
    }
    None
}

/// A datagram that is nearly a request: cut short, with a wrong length, or plain noise.
fn malformed(random: &mut ChaCha8Rng) -> Vec<u8> {
    let secret = Secret::new(SECRET.as_bytes()).unwrap();
    let mut authenticator = [0; 16];
    random.fill_bytes(&mut authenticator);
    let mut datagram = Request::access(Identifier(1), Authenticator(authenticator), &secret)
        .attribute(Type::USER_NAME, b"robot")
        .unwrap()
        .user_password(PASSWORD.as_bytes())
        .unwrap()
        .encode()
        .unwrap();
    let length = u32::try_from(datagram.len()).unwrap();
    match random.next_u32() % 4 {
        0 => datagram.truncate((random.next_u32() % length) as usize),
        1 => datagram[2..4].copy_from_slice(&u16::MAX.to_be_bytes()),
        2 => datagram[21] = u8::try_from(random.next_u32() % 2).unwrap(),
        _ => random.fill_bytes(&mut datagram),
    }
    datagram
}

#[test]
fn malformed_datagrams_get_no_answer_and_keep_nobody_waiting() {
    const COUNT: u32 = 100_000;
    const SEED: u64 = 0x5EED;
    println!("the datagrams are those of seed {SEED}");
    let home = Home::new();
    let mut up = Running::up(&home);
    home.user_without_token("robot");
    home.radius_client("vpn1", "127.0.0.1", "");
    let connected = |address: &str| {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(home.radius).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        socket
    };
    let (known, stranger, watcher) = (
        connected("127.0.0.1"),
        connected("127.0.0.9"),
        connected("127.0.0.1"),
    );
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut answered = Vec::new();
    for number in 0..COUNT {
        let datagram = malformed(&mut random);
        let sender = if number % 2 == 0 { &known } else { &stranger };
        // The kernel may have no room for more just now.
        let _ = sender.send(&datagram);
        if number % (COUNT / 20) == 0 {
            answered.extend(status_server(
                &watcher,
                u8::try_from(number / (COUNT / 20)).unwrap(),
            ));
        }
    }
    answered.sort_unstable();
    println!(
        "{} of 20 Status-Server answered under load: {answered:?}",
        answered.len()
    );
    assert!(answered.len() >= 15, "{answered:?}");
    let median = answered[answered.len() / 2];
    assert!(median < Duration::from_millis(100), "{answered:?}");

    let mut buffer = [0; 4_096];
    for socket in [&known, &stranger] {
        socket
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        assert!(socket.recv(&mut buffer).is_err(), "an answer to noise");
    }
    assert!(up.lives());
    assert_eq!(
        Vpn::new(&home, "127.0.0.1").ask("robot", PASSWORD),
        Answer::Accept
    );
    assert!(!home.log().contains("panicked"), "{}", home.log());
    up.stop();
}

#[test]
fn a_full_disk_silences_logins_and_loses_nothing() {
    const SMALL: &str =
        "mount -t tmpfs -o size=4m,mode=700 none \"$1\"; cp \"$2\" \"$1\"/symbolon.toml";
    let home = Home::new();
    let mut up = apart(&home, "-rm", SMALL);
    // The data directory as the process sees it.
    let data = PathBuf::from(format!("/proc/{}/root{}", up.pid(), home.data().display()));
    let console = |lines: &str| console_of(&data, lines);
    console(&format!(
        "config user local\nedit robot\nset passwd {PASSWORD}\nend\n\
         config user radius-client\nedit vpn1\nset subnet 127.0.0.1/32\nset secret {SECRET}\nend"
    ))
    .ok();
    let vpn = Vpn::new(&home, "127.0.0.1");
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    let mut accepted = 1;

    let filler = data.join("filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    drop(file);
    // What the files had room for already is still used.
    loop {
        match vpn.ask("robot", PASSWORD) {
            Answer::Accept => accepted += 1,
            Answer::Silence => break,
            other => panic!("{other:?}"),
        }
        assert!(accepted < 10_000, "the disk is not full");
    }
    let said = console("config user local\nedit carol\nset passwd x\nend").refused();
    assert!(said.contains("full"), "{said}");
    assert!(console("get system status").status.success());
    assert!(
        home.log().contains("a login cannot be decided"),
        "{}",
        home.log()
    );

    fs::remove_file(&filler).unwrap();
    until("logins are decided again", || {
        let answer = vpn.ask("robot", PASSWORD);
        assert_ne!(answer, Answer::Reject);
        accepted += usize::from(answer == Answer::Accept);
        answer == Answer::Accept
    });
    let shown = console("diagnose login show last 1000").ok();
    assert_eq!(
        shown.matches("accepted: first factor only").count(),
        accepted,
        "{shown}"
    );
    assert!(!console("show user local").ok().contains("carol"));
    console("config user local\nedit carol\nset passwd x\nend").ok();
    assert!(up.lives());
    up.stop();
}

/// Switches the loopback interface of the network in which a process is.
fn loopback(up: &Running, state: &str) {
    let pid = up.pid().to_string();
    let said = run(
        tool("nsenter", "util-linux")
            .args([
                "--target",
                &pid,
                "--user",
                "--net",
                "--preserve-credentials",
            ])
            .args(["ip", "link", "set", "lo", state]),
        "",
    );
    assert!(said.status.success(), "{}", said.err);
}

#[test]
fn symptom_03_an_import_waits_for_a_registry_that_is_away() {
    drop(tool("ip", "iproute2"));
    let home = Home::new();
    let up = apart(&home, "-rn", "ip link set lo up");
    let code = home.issue(2);
    loopback(&up, "down");
    let said = home
        .console(&format!(
            "diagnose fortitoken debug enable\ndiagnose debug enable\n\
             execute fortitoken-mobile import {code}"
        ))
        .refused();
    assert!(
        said.contains(&format!("https://{} was not reached", home.https)),
        "{said}"
    );
    assert!(said.contains("outbox"), "{said}");
    let info = home.console("diagnose fortitoken info").ok();
    assert!(info.contains("Token server status: unreachable"), "{info}");
    let waiting = home.console("diagnose outbox list").ok();
    assert!(waiting.contains("import of a licence"), "{waiting}");
    assert!(
        !waiting.contains(&code),
        "the code lets its bearer in: {waiting}"
    );

    loopback(&up, "up");
    until("the import went through", || home.nothing_waits());
    let info = home.console("diagnose fortitoken info").ok();
    assert_eq!(info.matches("FTKMOB").count(), 2, "{info}");
    assert!(info.contains("Token server status: reachable"), "{info}");
    up.stop();
}
