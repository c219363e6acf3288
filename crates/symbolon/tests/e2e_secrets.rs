//! Secrets that were planted are searched for in everything that the program wrote.
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

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::{Home, Running, free_port, until};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

const PASSWORD: &str = "canary-password-Zq3";
const RADIUS_SECRET: &str = "canary-radius-Vt8";
const MAIL_PASSWORD: &str = "canary-mail-Kx5";

/// Every debug line there is.
const DEBUG: &str = "diagnose fortitoken debug enable\ndiagnose debug application forticldd -1\n\
    diagnose debug application alertmail -1\ndiagnose debug application fnbamd -1\n\
    diagnose debug enable\n";

/// A secret, and every way in which it may be written down.
struct Canary {
    what: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn new(what: &'static str, octets: &[u8]) -> Self {
        let base32 = BASE32_NOPAD.encode(octets);
        let forms = [
            octets.to_vec(),
            HEXLOWER.encode(octets).into(),
            HEXUPPER.encode(octets).into(),
            base32.to_lowercase().into(),
            base32.into(),
            BASE64.encode(octets).into(),
            BASE64_NOPAD.encode(octets).into(),
            BASE64URL_NOPAD.encode(octets).into(),
            // As `{:?}` of a slice.
            format!("{octets:?}").into(),
        ];
        Self {
            what,
            forms: forms.into(),
        }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        self.forms.iter().any(|form| {
            text.windows(form.len())
                .any(|window| window == form.as_slice())
        })
    }
}

/// Names every canary that is in a text.
fn scan(place: &str, text: &[u8], canaries: &[Canary], found: &mut Vec<String>) {
    for canary in canaries {
        if canary.is_in(text) {
            found.push(format!("{} in {place}", canary.what));
        }
    }
}

/// The same for every file below a directory.
fn scan_files(directory: &Path, canaries: &[Canary], found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            scan_files(&entry.path(), canaries, found);
        } else if kind.is_file() {
            let text = fs::read(entry.path()).unwrap();
            scan(&entry.path().display().to_string(), &text, canaries, found);
        }
    }
}

#[test]
fn a_planted_secret_is_found() {
    let canary = Canary::new("the seed", &[0xA8, 0x4E, 0x2C]);
    for text in [
        "…a84e2c…",
        "A84E2C",
        "seed: qe4a… VBHCY",
        "qE4s",
        "[168, 78, 44]",
    ] {
        assert!(canary.is_in(text.as_bytes()), "{text}");
    }
    assert!(!canary.is_in(b"a84e2d"));
}

#[test]
fn no_secret_is_in_a_file_a_log_or_an_output() {
    let home = Home::new();
    let mut command = home.up();
    command.env("SYMBOLON_LOG", "trace");
    let up = Running::start(&mut command, &home);
    let first_password = up.first_password();
    let first_password = first_password
        .split_whitespace()
        .find(|word| word.len() == 19 && word.matches('-').count() == 3)
        .unwrap()
        .to_owned();
    let licence_code = home.issue(2);

    let mut outputs = String::new();
    let mut console = |lines: &str| {
        let said = home.console(&format!("{DEBUG}{lines}"));
        outputs += &said.out;
        outputs += &said.err;
        said.out
    };
    let syslog = syslog_server(&home);
    console(&format!("execute fortitoken-mobile import {licence_code}"));
    let tokens = home.tokens_of("EFTM");
    // A mail server that is dead, so that mails wait in the outbox.
    console(&format!(
        "config user radius-client\nedit vpn1\nset subnet 127.0.0.1/32\nset secret {RADIUS_SECRET}\nend\n\
         config user setting\nset reject-delay 0\nend\n\
         config system email-server\nset server 127.0.0.1\nset port {}\nset authenticate enable\n\
         set username gateway\nset password {MAIL_PASSWORD}\nset reply-to tokens@example.org\nend",
        free_port()
    ));
    console(&format!(
        "config user local\nedit bob\nset passwd {PASSWORD}\nset email-to bob@example.org\n\
         set two-factor fortitoken\nset fortitoken {}\nend",
        tokens[1]
    ));
    let shown = console(&format!(
        "config user local\nedit alice\nset passwd {PASSWORD}\nset two-factor fortitoken\n\
         set fortitoken {}\nend",
        tokens[0]
    ));
    let phone = Phone::new(&home, "alice");
    let code = activation_code(&shown);
    phone.add(&code, "work").ok();
    console("execute fortitoken-mobile poll");

    let vpn = Vpn {
        secret: RADIUS_SECRET,
        ..Vpn::new(&home, "127.0.0.1")
    };
    let log_in = |typed: &str| {
        let challenge = vpn.ask("alice", PASSWORD);
        vpn.answer("alice", typed, &challenge)
    };
    let typed = phone.code("work");
    assert_eq!(log_in(&typed), Answer::Accept);
    assert_eq!(log_in(&typed), Answer::Reject);
    assert_eq!(log_in("000000"), Answer::Reject);
    // A password where a code belongs.
    assert_eq!(log_in(PASSWORD), Answer::Reject);
    console(
        "show\nshow full-configuration\nget user local alice\nget user radius-client vpn1\n\
         get system email-server\ndiagnose fortitoken info\ndiagnose login show\n\
         diagnose outbox list\ndiagnose debug info",
    );
    let event_log = event_log(&home, &syslog);
    outputs += &home.desk(&["show", "EFTM000000000001"]).ok();
    outputs += &home.desk(&["history", "EFTM000000000001"]).ok();
    outputs += &phone.app(&["list"]).ok();

    // While it runs, after a kill, and after an orderly end: the write-ahead logs differ.
    let copy = home.path("running");
    copy_files(&home.data(), &copy);
    up.kill();
    let killed = home.path("killed");
    copy_files(&home.data(), &killed);
    Running::up(&home).stop();

    let mut canaries = vec![
        Canary::new("the password", PASSWORD.as_bytes()),
        Canary::new("the RADIUS secret", RADIUS_SECRET.as_bytes()),
        Canary::new("the mail password", MAIL_PASSWORD.as_bytes()),
        Canary::new("the first password", first_password.as_bytes()),
        Canary::new("the licence code", licence_code.as_bytes()),
    ];
    for token in &tokens {
        let seed = HEXLOWER
            .decode(common::store::seed_of(&home, token).as_bytes())
            .unwrap();
        canaries.push(Canary::new("a seed", &seed));
    }
    let mut found = Vec::new();
    assert!(
        outputs.contains("\"seed\": \"<sealed>\""),
        "the debug lines are not searched: {outputs}"
    );
    scan("the outputs", outputs.as_bytes(), &canaries, &mut found);
    // The administrator was shown it, to hand it on.
    canaries.push(Canary::new("the activation code", code.as_bytes()));
    scan("the log", home.log().as_bytes(), &canaries, &mut found);
    scan("the event log", event_log.as_bytes(), &canaries, &mut found);
    for directory in [&home.data(), &copy, &killed, &home.path("phone of alice")] {
        scan_files(directory, &canaries, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(home.log().contains("TRACE"), "the log is not searched");
}

/// A syslog server that gets all events.
fn syslog_server(home: &Home) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let port = socket.local_addr().unwrap().port();
    home.console(&format!(
        "config log syslogd setting\nset status enable\nset server 127.0.0.1\nset port {port}\nend"
    ))
    .ok();
    socket
}

/// The event log as it is displayed, and as the syslog server got it.
fn event_log(home: &Home, syslog: &UdpSocket) -> String {
    let displayed = home
        .console("execute log filter view-lines 1000\nexecute log display")
        .ok();
    let known = "FortiToken activation successful";
    assert!(
        displayed.contains(known),
        "the event log is not searched: {displayed}"
    );
    let mut datagram = [0; 8_192];
    let mut sent = String::new();
    until("the syslog server has the events", || {
        while let Ok(length) = syslog.recv(&mut datagram) {
            sent += &String::from_utf8_lossy(&datagram[..length]);
            sent.push('\n');
        }
        sent.contains(known)
    });
    displayed + &sent
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_files(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
