//! Starting, stopping and everything that stands in the way of it.
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

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, at_offset, run, symbolon};
use socket2::{Domain, Socket, Type};

/// A start that must be refused; what it says.
#[track_caller]
fn refused(home: &Home) -> String {
    run(&mut home.up(), "").refused()
}

#[test]
fn a_new_directory_is_up_within_a_second_or_so() {
    let home = Home::new();
    let began = Instant::now();
    let up = Running::up(&home);
    let took = began.elapsed();
    println!("up on a new directory after {took:?}");
    // One second is the aim; a debug build on a busy machine may take some more.
    assert!(took < Duration::from_secs(10), "{took:?}");
    up.stop();
}

#[test]
fn the_first_start_shows_a_password_once_and_a_stop_leaves_no_socket() {
    let home = Home::new();
    let up = Running::up(&home);
    for line in [
        "gateway          SYMBVM".to_owned(),
        format!("RADIUS           {} (udp)", home.radius),
        format!("token server     https://{}", home.https),
        format!("web app          https://{}/app/", home.https),
        format!(
            "phones           symbolon app add CODE --server https://{} --pin ",
            home.https
        ),
    ] {
        assert!(up.greeting.contains(&line), "{}", up.greeting);
    }
    let serial =
        common::after(&home.console("get system status").ok(), "Serial-Number:").to_owned();
    let password = up.first_password();
    assert!(
        password.starts_with("administrator    admin\none-time password "),
        "{password}"
    );
    let sockets = [
        home.data().join("console.sock"),
        home.data().join("desk.sock"),
    ];
    assert!(sockets.iter().all(|socket| socket.exists()));
    assert_eq!(up.terminate().code(), Some(0));
    assert!(!sockets.iter().any(|socket| socket.exists()));

    let again = Running::up(&home);
    assert_eq!(again.first_password(), "");
    let status = home.console("get system status").ok();
    assert_eq!(common::after(&status, "Serial-Number:"), serial);
    assert_eq!(again.interrupt().code(), Some(0));
    assert!(!sockets.iter().any(|socket| socket.exists()));
}

#[test]
fn nothing_in_the_data_directory_is_for_others() {
    fn walk(directory: &Path, exposed: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                exposed.push(format!("{} {mode:o}", entry.path().display()));
            }
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), exposed);
            }
        }
    }
    let home = Home::new();
    fs::remove_dir_all(home.data()).unwrap();
    let mut up = home.up();
    // Without a configuration it writes one, whose ports may be taken: nothing more is needed here.
    up.env("SYMBOLON_LOG", "error");
    let up = Running::try_start(&mut up, &home);
    let mut exposed = Vec::new();
    walk(&home.data(), &mut exposed);
    assert!(exposed.is_empty(), "{exposed:?}");
    drop(up);
}

#[test]
fn a_second_process_on_the_same_data_names_the_first() {
    let home = Home::new();
    let up = Running::up(&home);
    let said = refused(&home);
    assert!(
        said.contains(&format!("held by process {}", up.pid())),
        "{said}"
    );
    // The first one's sockets are still its own.
    home.console("get system status").ok();
    home.desk(&["history", "local"]).ok();
    up.stop();
}

#[test]
fn a_killed_process_is_no_hindrance() {
    let home = Home::new();
    let up = Running::up(&home);
    home.user_without_token("robot");
    up.kill();
    let said = home.console("get system status").refused();
    assert!(
        said.contains("is 'symbolon up' running with this --data?"),
        "{said}"
    );
    let up = Running::up(&home);
    assert!(home.console("show user local robot").ok().contains("robot"));
    up.stop();
}

/// `symbolon up` under a limit that `ulimit` sets.
fn up_under(home: &Home, limit: &str) -> Command {
    let up = home.up();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"])
        .arg(up.get_program())
        .args(up.get_args())
        .env_remove("SYMBOLON_DATA");
    command
}

/// The limit of a process on open files, and how far it may raise it.
fn files_of(up: &Running) -> (usize, usize) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", up.pid())).unwrap();
    let (_, files) = limits.split_once("Max open files").unwrap();
    let mut numbers = files.split_whitespace().map_while(|it| it.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn it_takes_as_many_files_as_it_may_and_needs_some() {
    let home = Home::new();
    let up = Running::start(&mut up_under(&home, "-Sn 600"), &home);
    let (files, maximum) = files_of(&up);
    assert!(files == maximum && files > 600, "{files} of {maximum}");
    up.stop();
    let said = run(&mut up_under(&home, "-n 256"), "").refused();
    assert!(
        said.contains("may open 256 files and needs 1024 at least"),
        "{said}"
    );
}

#[test]
fn strangers_leave_files_to_the_database_and_to_whoever_comes_another_way() {
    let home = Home::new();
    let up = Running::start(&mut up_under(&home, "-n 1024"), &home);
    assert!(home.log().contains("LimitNOFILE=16384"), "{}", home.log());
    https::files::raise_limit();
    let strangers: Vec<Socket> = (0..1_100_u16)
        .map(|number| {
            let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let [_, host] = (number % 100).to_be_bytes();
            let source = SocketAddr::from(([127, 0, 1, host], 0));
            stranger.bind(&source.into()).unwrap();
            stranger.connect(&home.https.into()).unwrap();
            stranger
        })
        .collect();
    home.user_without_token("bob");
    let open = fs::read_dir(format!("/proc/{}/fd", up.pid()))
        .unwrap()
        .count();
    assert!(open < 512, "{open} files are open");
    drop(strangers);
    up.stop();
}

#[test]
fn commands_say_that_nothing_runs() {
    let home = Home::new();
    for said in [
        home.console("get system status").refused(),
        home.desk(&["history", "local"]).refused(),
    ] {
        assert!(
            said.contains("is 'symbolon up' running with this --data?"),
            "{said}"
        );
    }
    let nowhere = run(
        symbolon()
            .args(["console", "--data"])
            .arg(home.path("nowhere")),
        "",
    )
    .refused();
    assert!(
        nowhere.contains("nowhere/symbolon.toml; 'symbolon up' writes it"),
        "{nowhere}"
    );
}

#[test]
fn a_directory_that_others_can_read_is_refused() {
    let home = Home::new();
    fs::set_permissions(home.data(), Permissions::from_mode(0o750)).unwrap();
    let said = refused(&home);
    let data = home.data();
    assert!(
        said.contains(&format!(
            "{0} can be read by others than its owner (mode 750); chmod 700 {0}",
            data.display()
        )),
        "{said}"
    );
}

#[test]
fn a_configuration_that_means_nothing_is_refused_with_its_place() {
    let cases = [
        (
            "[gateway]",
            "[gateway]\nradious = 1",
            "unknown field `radious`",
            Some("radious"),
        ),
        (
            "radius = [\"",
            "radius = [\"localhost-",
            "invalid socket address",
            Some("radius = "),
        ),
        (
            "console = \"console.sock\"",
            "console = 7",
            "expected",
            Some("console = "),
        ),
        (
            "url = \"sqlite\"",
            "url = \"postgres://x\"",
            "this version has the embedded store only",
            None,
        ),
        (
            "public-url = \"https",
            "public-url = \"http",
            "begins with https://",
            None,
        ),
    ];
    for (good, bad, complaint, place) in cases {
        let home = Home::new();
        let text = home.configuration().replace(good, bad);
        fs::write(home.data().join("symbolon.toml"), &text).unwrap();
        let said = refused(&home);
        assert!(said.contains(complaint), "{bad}: {said}");
        if let Some(place) = place {
            let line = text
                .lines()
                .position(|line| line.starts_with(place))
                .unwrap()
                + 1;
            assert!(said.contains(&format!("line {line}")), "{bad}: {said}");
            assert!(said.contains("symbolon.toml"), "{bad}: {said}");
        }
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let home = Home::new();
    let taken = TcpListener::bind(home.https).unwrap();
    let said = refused(&home);
    assert!(
        said.contains(&format!("cannot listen on {}", home.https)),
        "{said}"
    );
    drop(taken);
    let taken = UdpSocket::bind(home.radius).unwrap();
    let said = refused(&home);
    assert!(
        said.contains(&format!("cannot listen for RADIUS on {}", home.radius)),
        "{said}"
    );
    drop(taken);
    Running::up(&home).stop();
}

#[test]
fn a_root_key_that_is_wrong_missing_or_exposed_opens_nothing_and_harms_nothing() {
    let home = Home::new();
    Running::up(&home).stop();
    let key = home.data().join("root.key");
    let right = fs::read(&key).unwrap();
    let write = |octets: &[u8], mode| {
        fs::write(&key, octets).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
    };

    let mut wrong = right.clone();
    wrong[0] ^= 1;
    write(&wrong, 0o600);
    let said = refused(&home);
    assert!(
        said.contains("start with the root key that belongs to this database"),
        "{said}"
    );
    write(&right[1..], 0o600);
    let said = refused(&home);
    assert!(
        said.contains("it does not hold 32 octets; restore it from the backup"),
        "{said}"
    );
    write(&right, 0o640);
    let said = refused(&home);
    assert!(
        said.contains("others may read it; run `chmod 600 "),
        "{said}"
    );
    fs::remove_file(&key).unwrap();
    let said = refused(&home);
    assert!(
        said.contains("is missing; put it back from its backup"),
        "{said}"
    );
    assert!(!key.exists(), "a second key was made");

    write(&right, 0o600);
    Running::up(&home).stop();
}

#[test]
fn a_clock_that_went_back_decides_no_login_and_says_so() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    let vpn = Vpn::new(&home, "127.0.0.1");
    let code = phone.code("alice");
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    up.stop();

    let mut behind = home.up();
    at_offset(&mut behind, "-1d");
    let up = Running::start(&mut behind, &home);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Silence);
    let log = home.log();
    assert!(
        log.contains("no login is decided: the clock went back"),
        "{log}"
    );
    assert!(log.contains("--accept-clock"), "{log}");
    up.stop();

    // The clock is right again, and nothing is lost or spent twice.
    let up = Running::up(&home);
    assert_eq!(vpn.log_in("alice", &code), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    up.stop();
}
