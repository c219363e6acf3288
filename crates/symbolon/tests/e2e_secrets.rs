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
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::relay::{Relay, Window};
use common::{Home, Running, free_port, until};
use data_encoding::{
    BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER,
};
use registry::pki::Pki;
use softtoken::link::ActivationLink;

const PASSWORD: &str = "canary-password-Zq3";
const RADIUS_SECRET: &str = "canary-radius-Vt8";
const MAIL_PASSWORD: &str = "canary-mail-Kx5";
/// As long as a PIN can be: four digits are somewhere in any log.
const PIN: &str = "83920174";

/// A backup under a password has the seeds of tokens that are on phones.
const BACKUPS: &str = "execute backup config file plain.conf\n\
    execute backup config file sealed.conf backup-password\n\
    execute restore config file sealed.conf backup-password dry-run";

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
        let mut forms = Vec::from(forms);
        for encoding in [BASE64_NOPAD, BASE64URL_NOPAD] {
            for before in 1..3 {
                forms.push(within(&encoding, before, octets));
            }
        }
        Self { what, forms }
    }

    /// Text that is only ever written down as it is.
    fn plain(what: &'static str, text: &str) -> Self {
        Self {
            what,
            forms: vec![text.into()],
        }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        self.forms.iter().any(|form| {
            text.windows(form.len())
                .any(|window| window == form.as_slice())
        })
    }
}

/// The digits of base64 that octets have for themselves where `before` others stand before them.
fn within(encoding: &Encoding, before: usize, octets: &[u8]) -> Vec<u8> {
    let text = encoding.encode(&[&vec![0; before][..], octets].concat());
    let own = (before * 8).div_ceil(6)..(before + octets.len()) * 8 / 6;
    text.as_bytes()[own].to_vec()
}

/// A log without the moments before its lines: their fractions have six digits, as codes have.
fn without_moments(log: &str) -> String {
    let lines = log
        .lines()
        .map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest));
    lines.collect::<Vec<_>>().join("\n")
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

/// The same for backups, which have what `show` prints: activation codes that were used among it.
fn scan_backups(data: [&Path; 3], canaries: &[Canary], found: &mut Vec<String>) {
    for directory in data.map(|data| data.join("gateway/backup")) {
        assert!(directory.join("sealed.conf").exists());
        scan_files(&directory, canaries, found);
        fs::remove_dir_all(directory).unwrap();
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
    let canary = Canary::new("the name", b"alice");
    for before in ["", "+", "++", "+++"] {
        let text = BASE64.encode(format!("{before}alice, or whoever").as_bytes());
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
    phone.set_pin(PIN);
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
    console(BACKUPS);
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
    let mut canaries = seeds(&home, &tokens);
    let shown_once = life_of_a_phone(&home, &vpn, &phone);
    canaries.extend(seeds(&home, &tokens));

    canaries.extend([
        Canary::new("the password", PASSWORD.as_bytes()),
        Canary::new("the RADIUS secret", RADIUS_SECRET.as_bytes()),
        Canary::new("the mail password", MAIL_PASSWORD.as_bytes()),
        Canary::new("the first password", first_password.as_bytes()),
        Canary::new("the licence code", licence_code.as_bytes()),
        Canary::new("the PIN", PIN.as_bytes()),
        Canary::plain("a code", &typed),
    ]);
    let mut found = Vec::new();
    assert!(
        outputs.contains("\"seed\": \"<sealed>\""),
        "the debug lines are not searched: {outputs}"
    );
    scan("the outputs", outputs.as_bytes(), &canaries, &mut found);
    scan_backups([&home.data(), &copy, &killed], &canaries, &mut found);
    // The administrator was shown it, to hand it on.
    canaries.push(Canary::new("the activation code", code.as_bytes()));
    canaries.extend(shown_once);
    let log = without_moments(&home.log());
    scan("the log", log.as_bytes(), &canaries, &mut found);
    scan("the event log", event_log.as_bytes(), &canaries, &mut found);
    for directory in [home.data(), copy, killed].iter().chain(&vaults(&home)) {
        scan_files(directory, &canaries, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(home.log().contains("TRACE"), "the log is not searched");
}

/// What its person keeps on both phones.
fn vaults(home: &Home) -> Vec<PathBuf> {
    let phones = ["phone of alice", "phone of alice again"].map(|phone| home.path(phone));
    let places = phones
        .iter()
        .flat_map(|phone| [phone.join("vault"), phone.join("secrets")]);
    places.collect()
}

/// The seeds of tokens as they are now; nothing runs meanwhile.
fn seeds(home: &Home, tokens: &[String]) -> Vec<Canary> {
    let seed = |token: &String| {
        let seed = common::store::seed_of(home, token);
        Canary::new("a seed", &HEXLOWER.decode(seed.as_bytes()).unwrap())
    };
    tokens.iter().map(seed).collect()
}

/// Has a login approved on the phone, one let in by a pass, and the token moved to another phone, in a life of the
/// program that ends in order. What was shown to somebody meanwhile comes back.
fn life_of_a_phone(home: &Home, vpn: &Vpn, phone: &Phone) -> Vec<Canary> {
    let up = Running::start(home.up().env("SYMBOLON_LOG", "trace"), home);
    home.console(&format!(
        "{DEBUG}config system interface\nedit lo\nset allowaccess ssh ftm\nend\n\
         config system ftm-push\nset status enable\nset token-transfer enable\nset server 127.0.0.1\n\
         set server-port {}\nend",
        free_port()
    ))
    .ok();
    // The relay's life is another too: it knows the phone once the app was opened.
    phone.app(&["push", "--deny"]).refused();
    let (shown, number) = pushed(vpn, "alice", PASSWORD);
    phone.app(&["push", "--approve", &number]).ok();
    assert_eq!(vpn.answer("alice", "push", &shown), Answer::Accept);
    let said = home.console("execute recovery-pass issue alice").ok();
    let pass = said.lines().last().unwrap().trim().to_owned();
    let challenge = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", &pass, &challenge), Answer::Accept);

    let start = ["transfer", "start", "work", "--show", "--no-wait"];
    let mut said = String::new();
    until("the transfer begins", || {
        let started = phone.app(&start);
        said = started.out;
        started.status.success()
    });
    let mut words = said.split(['\'', '\n']);
    let link = words.find(|word| word.starts_with("symbolon://")).unwrap();
    let new = Phone::new(home, "alice again");
    new.set_pin(PIN);
    new.app(&["transfer", "take", "--qr-text", link, "--name", "work"])
        .ok();
    until("the gateway knows the new phone", || {
        let log = home.console("execute log display").ok();
        log.contains("FortiToken transferred")
    });
    up.stop();
    let link = ActivationLink::parse(link).unwrap();
    vec![
        Canary::new("the pass", pass.as_bytes()),
        Canary::new("the transfer code", link.code.as_str().as_bytes()),
        Canary::new("the secret of the transfer code", link.secret.expose()),
    ]
}

/// A login that has asked for a push, and the number that it shows.
fn pushed(vpn: &Vpn, user: &str, password: &str) -> (Answer, String) {
    let offer = vpn.ask(user, password);
    let shown = vpn.answer(user, "push", &offer);
    let Answer::Challenge(_, prompt) = &shown else {
        panic!("{shown:?}");
    };
    let number = prompt.chars().filter(char::is_ascii_digit).collect();
    (shown, number)
}

/// Who logs in into what from where, what is shown, typed and answered, is nowhere in what the relay reads and
/// writes inside TLS, logs at its most talkative, or keeps.
#[test]
fn the_push_relay_learns_nothing_of_a_login() {
    const USER: &str = "canary-user-wq7";
    const VPN: &str = "canary-vpn-hd4";
    const SOURCE: &str = "127.0.0.77";
    const ADDRESS: &str = "canary-mail-jx2";

    let (home, own) = (Home::new(), Home::new());
    let dialled = SocketAddr::from(([127, 0, 0, 1], free_port()));
    dial(&home, dialled);
    dial(&own, dialled);
    let up = Running::up(&home);
    let pki = Pki::open_or_create(&home.data().join("registry/pki"), &[]).unwrap();
    let relay = Relay::start(&own, &pki, dialled, "trace");
    let window = Window::open(&pki, dialled, own.relay);

    home.radius_client(VPN, SOURCE, "");
    home.console("config system ftm-push\nset status enable\nend")
        .ok();
    let token = home.import(1).remove(0);
    let shown = home.user(USER, &token);
    let phone = Phone::new(&home, "somebody");
    phone.set_pin(PIN);
    let activation_code = activation_code(&shown);
    phone.add(&activation_code, "work").ok();
    home.console(&format!(
        "execute fortitoken-mobile poll\n\
         config user local\nedit {USER}\nset email-to {ADDRESS}@example.org\nend"
    ))
    .ok();

    let vpn = Vpn::new(&home, SOURCE);
    let mut canaries = Vec::new();
    let answers = [Some("--approve"), Some("--deny"), None, Some("--not-me")];
    for answer in answers {
        let (shown, number) = pushed(&vpn, USER, common::PASSWORD);
        canaries.push(Canary::plain("the number", &format!("\"{number}\"")));
        let verdict = match answer {
            Some("--approve") => {
                phone.app(&["push", "--approve", &number]).ok();
                vpn.answer(USER, "push", &shown)
            }
            Some(word) => {
                phone.app(&["push", word]).ok();
                vpn.answer(USER, "push", &shown)
            }
            None => {
                let code = phone.code("work");
                canaries.push(Canary::plain("a code", &code));
                vpn.answer(USER, &code, &shown)
            }
        };
        let is_in = !matches!(answer, Some("--deny" | "--not-me"));
        assert_eq!(verdict == Answer::Accept, is_in, "{answer:?}");
    }
    drop(relay);
    up.stop();

    canaries.extend(seeds(&home, std::slice::from_ref(&token)));
    let texts = [
        ("the user", USER),
        ("what is logged into", VPN),
        ("where from", SOURCE),
        ("the mail address", ADDRESS),
        ("the password", common::PASSWORD),
        ("the PIN", PIN),
        ("the activation code", &activation_code),
        ("the token", &token),
    ];
    canaries.extend(texts.map(|(what, text)| Canary::new(what, text.as_bytes())));
    let mut found = Vec::new();
    let seen = window.seen();
    for octets in &seen {
        scan("the traffic", octets, &canaries, &mut found);
    }
    let log = without_moments(&own.log());
    scan("the log", log.as_bytes(), &canaries, &mut found);
    scan_files(&own.data(), &canaries, &mut found);
    assert!(found.is_empty(), "{found:#?}");

    let seen = String::from_utf8_lossy(&seen.concat()).into_owned();
    for message in [
        "PushLoginRequest",
        "PushAnswerRequest",
        "PushWithdrawRequest",
    ] {
        assert!(seen.contains(message), "{message} is not searched");
    }
    assert!(log.contains("TRACE"), "the log is not searched: {log}");
    assert!(own.data().join("relay/devices").exists());
}

/// Has phones and gateways told that the relay is there.
fn dial(home: &Home, address: SocketAddr) {
    let own = format!("public-url = \"https://{}\"", home.relay);
    let toml = home.configuration();
    assert!(toml.contains(&own));
    let toml = toml.replace(&own, &format!("public-url = \"https://{address}\""));
    fs::write(home.data().join("symbolon.toml"), toml).unwrap();
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
