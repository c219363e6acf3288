//! EAP as Wi-Fi and VPN devices speak it, by `eapol_test`, which compares the keys of the Accept with its own.
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

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use common::eapol::{Device, Ended};
use common::phone::{Phone, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, SECRET, python, run, script};

const AP: &str = "127.0.0.1";

/// A running system with an access point.
fn system(settings: &str) -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("ap1", AP, settings);
    (home, up)
}

/// A person with a token.
fn person(home: &Home, name: &str) -> Phone {
    let token = &home.import(1)[0];
    enrol(home, name, token)
}

/// Another code of as many digits.
fn wrong(code: &str) -> String {
    let turned = code.bytes().map(|digit| b'0' + (digit - b'0' + 5) % 10);
    String::from_utf8(turned.collect()).unwrap()
}

fn legacy(home: &Home, user: &str) {
    home.console(&format!(
        "config user local\nedit {user}\nset radius-legacy enable\nset passwd {PASSWORD}\nend"
    ))
    .ok();
}

fn network(eap: &str, inner: &str, user: &str, password: &str) -> String {
    let password = match password {
        "" => String::new(),
        stored => format!("password=\"{stored}\"\n"),
    };
    format!(
        "eap={eap}\nidentity=\"{user}\"\nanonymous_identity=\"somebody\"\n{password}\
         phase2=\"{inner}\"\n"
    )
}

/// The methods without a place for a code.
const BY_RESPONSE: [(&str, &str); 3] = [
    ("TTLS", "auth=MSCHAPV2"),
    ("TTLS", "autheap=MSCHAPV2"),
    ("PEAP", "auth=MSCHAPV2"),
];

/// The methods that show the password.
const BY_PASSWORD: [(&str, &str); 3] = [
    ("TTLS", "auth=PAP"),
    ("TTLS", "autheap=GTC"),
    ("PEAP", "auth=GTC"),
];

#[track_caller]
fn is_in(ended: &Ended) {
    assert!(ended.let_in, "{}", ended.said);
}

#[track_caller]
fn is_refused(ended: &Ended) {
    assert!(!ended.let_in, "{}", ended.said);
    assert!(ended.said.contains("(Access-Reject)"), "{}", ended.said);
}

#[test]
fn a_password_is_enough_for_somebody_without_a_token() {
    let (home, up) = system("");
    legacy(&home, "bob");
    let device = Device::new(&home);
    for (eap, inner) in [BY_RESPONSE, BY_PASSWORD].concat() {
        let connect = |password: &str| device.connect(&network(eap, inner, "bob", password));
        is_in(&connect(PASSWORD));
        home.login_says("bob", "accepted");
        is_refused(&connect("guess"));
        home.login_says("bob", "refused: password-wrong");
    }
    up.stop();
}

#[test]
fn the_code_follows_the_password_where_it_cannot_be_asked_for() {
    let (home, up) = system("");
    let phone = person(&home, "alice");
    let device = Device::new(&home);
    let connect = |typed: &str| device.connect(&network("TTLS", "auth=PAP", "alice", typed));
    let code = phone.code("alice");
    is_refused(&connect(&format!("{PASSWORD}{}", wrong(&code))));
    home.login_says("alice", "refused: code-wrong");
    is_refused(&connect(&format!("guess{code}")));
    home.login_says("alice", "refused: password-wrong");
    let right = format!("{PASSWORD}{code}");
    is_in(&connect(&right));
    home.login_says("alice", "accepted: token");
    is_refused(&connect(&right));
    home.login_says("alice", "refused: code-replayed");
    home.radius_client("ap1", AP, "set code-position separator");
    is_refused(&connect(PASSWORD));
    home.login_says("alice", "refused: code-missing");
    is_refused(&connect(&format!("{PASSWORD},{code}")));
    home.login_says("alice", "refused: code-replayed");
    up.stop();
}

#[test]
fn a_device_that_asks_its_owner_is_asked_for_the_code() {
    let (home, up) = system("");
    for (eap, inner) in [("PEAP", "auth=GTC"), ("TTLS", "autheap=GTC")] {
        let name = format!("{}-user", eap.to_lowercase());
        let phone = person(&home, &name);
        let device = Device::new(&home);
        let begin = |password: &str| {
            let typing = device.type_into(&network(eap, inner, &name, ""));
            assert!(typing.question().contains("Password:"));
            typing.answer(password);
            typing
        };
        is_refused(&begin("guess").ended());
        home.login_says(&name, "refused: password-wrong");

        let typing = begin(PASSWORD);
        let question = typing.question();
        assert!(
            question.contains("Please enter your token code"),
            "{question}"
        );
        let code = phone.code(&name);
        typing.answer(&wrong(&code));
        is_refused(&typing.ended());
        home.login_says(&name, "refused: code-wrong");

        // Whoever walks away has spent nothing.
        let typing = begin(PASSWORD);
        typing.question();
        typing.leave();

        let typing = begin(PASSWORD);
        typing.question();
        typing.answer(&code);
        let ended = typing.ended();
        is_in(&ended);
        let inner_name = format!("Value: '{name}'");
        for told in ["(Session-Timeout)", &inner_name] {
            assert!(ended.said.contains(told), "{told}: {}", ended.said);
        }
        home.login_says(&name, "accepted: token");

        let typing = begin(PASSWORD);
        typing.question();
        typing.answer(&code);
        is_refused(&typing.ended());
        home.login_says(&name, "refused: code-replayed");
    }
    up.stop();
}

#[test]
fn a_device_that_repeats_the_password_blocks_nobody() {
    let (home, up) = system("");
    let phone = person(&home, "alice");
    let device = Device::new(&home);
    for _ in 0..6 {
        is_refused(&device.connect(&network("PEAP", "auth=GTC", "alice", PASSWORD)));
        home.login_says("alice", "refused: code-missing");
    }
    let right = format!("{PASSWORD}{}", phone.code("alice"));
    is_in(&device.connect(&network("TTLS", "auth=PAP", "alice", &right)));
    up.stop();
}

#[test]
fn a_response_has_no_place_for_a_code() {
    let (home, up) = system("");
    person(&home, "alice");
    legacy(&home, "alice");
    let device = Device::new(&home);
    for (eap, inner) in BY_RESPONSE {
        is_refused(&device.connect(&network(eap, inner, "alice", PASSWORD)));
        home.login_says("alice", "refused: code-missing");
    }
    up.stop();
}

#[test]
fn a_device_that_is_refused_hears_it_within_the_tunnel() {
    let (home, up) = system("");
    legacy(&home, "bob");
    let device = Device::new(&home);
    let by_response = "failure message: 'Login refused' (retry not allowed, error 691)";
    let result = "TLV Result - Failure";
    for (eap, inner, says) in [
        ("PEAP", "auth=MSCHAPV2", &[by_response, result][..]),
        ("PEAP", "auth=GTC", &[result]),
        ("TTLS", "autheap=MSCHAPV2", &[by_response]),
        ("TTLS", "autheap=GTC", &[]),
    ] {
        for user in ["bob", "nobody"] {
            let refused = device.connect(&network(eap, inner, user, "wrong"));
            is_refused(&refused);
            for words in says {
                assert!(refused.said.contains(words), "{words}: {}", refused.said);
            }
        }
    }
    // One login each, on record once.
    let shown = home.console("diagnose login show user bob").ok();
    assert_eq!(
        shown.matches("refused: password-wrong").count(),
        4,
        "{shown}"
    );
    assert!(!shown.contains("eap-failed"), "{shown}");
    is_in(&device.connect(&network("PEAP", "auth=MSCHAPV2", "bob", PASSWORD)));
    up.stop();
}

#[test]
fn tunnel_and_login_are_bound_where_the_device_demands_it() {
    let (home, up) = system("");
    legacy(&home, "bob");
    let device = Device::new(&home);
    for inner in ["auth=GTC", "auth=MSCHAPV2"] {
        let bound = network("PEAP", inner, "bob", PASSWORD)
            + "phase1=\"crypto_binding=2\"\ndomain_match=\"radius.symbolon.internal\"\n";
        is_in(&device.connect(&bound));
    }
    up.stop();
}

#[test]
fn a_device_that_comes_again_proves_itself_again() {
    let (home, up) = system("");
    home.user_without_token("bob");
    let device = Device::new(&home);
    for (eap, inner) in [("TTLS", "auth=PAP"), ("PEAP", "auth=GTC")] {
        let network =
            network(eap, inner, "bob", PASSWORD) + "phase1=\"tls_disable_session_ticket=0\"\n";
        let said = run(&mut device.command(&network, &["-r1"]), "").ok();
        assert!(said.trim_end().ends_with("SUCCESS"), "{said}");
    }
    let shown = home.console("diagnose login show user bob").ok();
    assert_eq!(shown.matches("accepted").count(), 4, "{shown}");
    up.stop();
}

/// Between device and server, with a fault in the request of this number; how many requests came, and whether the
/// device was let in.
fn connected_with_fault(home: &Home, network: &str, at: usize) -> (usize, bool) {
    let mut between = python();
    between
        .arg(script("eap_damage.py"))
        .args([home.radius.ip().to_string(), home.radius.port().to_string()])
        .args([SECRET, &at.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut between = between.spawn().unwrap();
    let mut said = BufReader::new(between.stdout.take().unwrap()).lines();
    let mut number = || said.next().unwrap().unwrap().parse::<usize>().unwrap();
    let port = number().to_string();
    let device = Device::new(home);
    let mut device = device.command(network, &["-p", &port]);
    let said = run(&mut device, "");
    // Its end is the sign.
    drop(between.stdin.take());
    let requests = number();
    between.wait().unwrap();
    (requests, said.out.trim_end().ends_with("SUCCESS"))
}

#[test]
fn a_login_that_is_accepted_and_breaks_off_before_the_device_hears_so_is_on_record() {
    let (home, up) = system("");
    home.user_without_token("bob");
    let network = network("PEAP", "auth=GTC", "bob", PASSWORD);
    let (requests, is_let_in) = connected_with_fault(&home, &network, 0);
    assert!(is_let_in && requests > 4, "{requests}");
    home.login_says("bob", "accepted");
    // The last that a device says is that it heard of the acceptance.
    let (_, is_let_in) = connected_with_fault(&home, &network, requests);
    assert!(!is_let_in);
    home.login_says("bob", "refused: eap-unfinished");
    up.stop();
}

#[test]
fn small_links_carry_it_in_pieces() {
    let (home, up) = system("");
    home.user_without_token("bob");
    let device = Device::new(&home);
    let network = network("TTLS", "auth=PAP", "bob", PASSWORD) + "fragment_size=64\n";
    let said = run(&mut device.command(&network, &["-N12:d:300"]), "").ok();
    let in_pieces = ["more fragments will follow", "Flags 0xc0", "\nSUCCESS"];
    assert!(in_pieces.iter().all(|sign| said.contains(sign)), "{said}");
    up.stop();
}

#[test]
fn the_log_says_why_there_was_no_tunnel() {
    let (home, up) = system("set auth-methods pap ttls-pap ttls-gtc");
    home.user_without_token("bob");
    let stranger = Device::new(&home).trusting(home.authority());
    is_refused(&stranger.connect(&network("TTLS", "auth=PAP", "bob", PASSWORD)));
    let said = home.login_says("somebody", "refused: eap-failed");
    assert!(said.contains("alert"), "{said}");

    let device = Device::new(&home);
    is_refused(&device.connect(&network("PEAP", "auth=GTC", "bob", PASSWORD)));
    let said = home.login_says("somebody", "refused: method-not-allowed");
    assert!(
        said.contains("the device wants PEAP, and its RADIUS client may use ttls-gtc, ttls-pap"),
        "{said}"
    );
    is_refused(&device.connect(&network("TTLS", "auth=MSCHAPV2", "bob", PASSWORD)));
    home.login_says("bob", "refused: method-not-allowed");
    is_in(&device.connect(&network("TTLS", "auth=PAP", "bob", PASSWORD)));
    up.stop();
}

#[test]
fn a_client_that_checks_passwords_itself_may_use_no_eap() {
    let (home, up) = system("set code-position code-only");
    let phone = person(&home, "alice");
    let device = Device::new(&home);
    for (eap, inner) in BY_PASSWORD {
        is_refused(&device.connect(&network(eap, inner, "alice", &phone.code("alice"))));
        let said = home.login_says("somebody", "refused: method-not-allowed");
        assert!(said.contains("may use no EAP method"), "{said}");
    }
    up.stop();
}

#[test]
fn eap_without_a_message_authenticator_hears_nothing_and_a_lost_state_a_failure() {
    const IDENTITY: &str = "0x0207000801616c69";
    const LATE: &str = "0x020700061500, User-Name = ali";
    let (home, up) = system("set require-message-authenticator disable");
    let vpn = Vpn::new(&home, AP);
    assert!(!hears_anything(
        &home,
        &[79, 10, 2, 7, 0, 8, 1, b'a', b'l', b'i']
    ));
    let offer = vpn.received("auth", &format!("EAP-Message = {IDENTITY}, "));
    assert!(offer.unwrap().starts_with("Received Access-Challenge"));
    let late = format!("EAP-Message = {LATE}, State = 0x00, ");
    let late = vpn.received("auth", &late).unwrap();
    assert!(late.starts_with("Received Access-Reject"), "{late}");
    assert!(late.contains("EAP-Message = 0x04070004"), "{late}");
    let said = home.login_says("ali", "refused: eap-failed");
    assert!(said.contains("not known any more"), "{said}");
    let anew = format!("EAP-Message = {IDENTITY}, State = 0x00, ");
    let offer = vpn.received("auth", &anew).unwrap();
    assert!(offer.starts_with("Received Access-Challenge"), "{offer}");
    up.stop();
}

#[test]
fn a_client_that_begins_without_asking_is_told_to_ask() {
    let (home, up) = system("");
    let said = run(
        python()
            .arg(script("eap_start.py"))
            .args([home.radius.ip().to_string(), home.radius.port().to_string()])
            .args([AP, SECRET]),
        "",
    );
    assert_eq!(said.ok().trim(), "11 0100000501 with a State");
    up.stop();
}

#[test]
fn an_answer_to_another_request_ends_nothing() {
    let (home, up) = system("");
    let vpn = Vpn::new(&home, AP);
    let send = |packet: &str, state: &str| {
        let attributes = format!("User-Name = ali, EAP-Message = {packet}, {state}");
        vpn.radclient("auth", &attributes)
    };
    let offer = send("0x0207000801616c69", "");
    let state = format!("State = {}, ", offer.state());
    // It wants EAP-TTLS, first by an identifier of before.
    assert_eq!(send("0x020700060315", &state), Answer::Silence);
    assert!(matches!(
        send("0x020800060315", &state),
        Answer::Challenge(..)
    ));
    up.stop();
}

/// Whether there is an answer to a request of these attributes alone.
fn hears_anything(home: &Home, attributes: &[u8]) -> bool {
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    let header = [&[1, 9][..], &length, &[5; 16]].concat();
    let socket = UdpSocket::bind((AP, 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let request = [&header, attributes].concat();
    socket.send_to(&request, home.radius).unwrap();
    socket.recv(&mut [0; 4_096]).is_ok()
}
