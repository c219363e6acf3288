//! Logins over RADIUS, asked for by `radclient` and `pyrad`, with codes of the app and of `oathtool`.
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
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::phone::{activation_code, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, free_port, python, run, tool, until};

const VPN1: &str = "127.0.0.1";
const VPN2: &str = "127.0.0.2";
const NOBODY: &str = "127.0.0.9";

/// A running system with a RADIUS client at [`VPN1`].
fn system() -> (Home, Running, Vpn) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", VPN1, "");
    let vpn = Vpn::new(&home, VPN1);
    (home, up, vpn)
}

#[test]
fn what_begins_at_one_address_goes_on_at_another() {
    let home = Home::new();
    let second = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let one = format!("radius = [\"{}\"]", home.radius);
    let both = format!("radius = [\"{}\", \"{second}\"]", home.radius);
    let configuration = home.configuration();
    assert!(configuration.contains(&one), "{configuration}");
    let toml = home.data().join("symbolon.toml");
    fs::write(toml, configuration.replace(&one, &both)).unwrap();
    let up = Running::up(&home);
    home.radius_client("vpn1", VPN1, "");
    let here = Vpn::new(&home, VPN1);
    let there = Vpn {
        server: second,
        ..Vpn::new(&home, VPN1)
    };
    let tokens = home.import(1);
    let alice = enrol(&home, "alice", &tokens[0]);
    let challenge = here.ask("alice", PASSWORD);
    let code = alice.code("alice");
    assert_eq!(there.answer("alice", &code, &challenge), Answer::Accept);
    assert_eq!(here.answer("alice", &code, &challenge), Answer::Reject);
    home.login_says("alice", "refused: challenge-unknown");
    up.stop();
}

fn wrong(code: &str) -> String {
    let last = code.chars().last().unwrap();
    code[..code.len() - 1].to_owned() + if last == '0' { "1" } else { "0" }
}

#[test]
fn the_code_answers_a_challenge_or_follows_the_password() {
    let (home, up, vpn1) = system();
    home.radius_client("vpn2", VPN2, "set code-position after-password");
    let vpn2 = Vpn::new(&home, VPN2);
    let tokens = home.import(2);
    let alice = enrol(&home, "alice", &tokens[0]);
    let bob = enrol(&home, "bob", &tokens[1]);

    let code = alice.code("alice");
    let challenge = vpn1.ask("alice", PASSWORD);
    let Answer::Challenge(_, prompt) = &challenge else {
        panic!("{challenge:?}")
    };
    assert_eq!(prompt, "Please enter your token code");
    assert_eq!(
        vpn1.answer("alice", &wrong(&code), &challenge),
        Answer::Reject
    );
    home.login_says("alice", "refused: code-wrong");

    // A challenge is spent by its first answer, and belongs to who was asked.
    assert_eq!(vpn1.answer("alice", &code, &challenge), Answer::Reject);
    home.login_says("alice", "refused: challenge-unknown");
    let challenge = vpn1.ask("alice", PASSWORD);
    assert_eq!(vpn2.answer("alice", &code, &challenge), Answer::Reject);
    let said = home.login_says("alice", "refused: challenge-unknown");
    assert!(said.contains("the challenge is another client's"), "{said}");

    assert_eq!(vpn1.log_in("alice", &code), Answer::Accept);
    home.login_says("alice", &format!("accepted: token {}", tokens[0]));
    assert_eq!(vpn1.log_in("alice", &code), Answer::Reject);
    home.login_says("alice", "through client vpn1");
    assert_eq!(vpn1.ask("alice", "guess"), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");

    let code = bob.code("bob");
    assert_eq!(vpn2.ask("bob", PASSWORD), Answer::Reject);
    assert_eq!(
        vpn2.ask("bob", &format!("{PASSWORD}{}", wrong(&code))),
        Answer::Reject
    );
    home.login_says("bob", "refused: code-wrong");
    assert_eq!(
        vpn2.ask("bob", &format!("{PASSWORD}{code}")),
        Answer::Accept
    );
    assert_eq!(
        vpn2.ask("bob", &format!("{PASSWORD}{code}")),
        Answer::Reject
    );
    home.login_says("bob", "through client vpn2");
    up.stop();
}

#[test]
fn the_code_comes_before_the_password_or_after_a_separator() {
    let (home, up, vpn) = system();
    let tokens = home.import(2);
    let alice = enrol(&home, "alice", &tokens[0]);
    let bob = enrol(&home, "bob", &tokens[1]);
    home.radius_client("vpn1", VPN1, "set code-position before-password");
    let code = alice.code("alice");
    let both = format!("{code}{PASSWORD}");
    assert_eq!(vpn.ask("alice", &both), Answer::Accept);
    home.radius_client(
        "vpn1",
        VPN1,
        "set code-position separator\nset code-separator ;",
    );
    assert!(matches!(vpn.ask("bob", PASSWORD), Answer::Challenge(_, _)));
    let both = format!("{PASSWORD};{}", bob.code("bob"));
    assert_eq!(vpn.ask("bob", &both), Answer::Accept);
    up.stop();
}

#[test]
fn oathtool_logs_in_with_the_seed_that_the_phone_got() {
    let (home, up, vpn) = system();
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    up.stop();
    let seed = common::store::seed_of(&home, token);
    let up = Running::up(&home);

    let oathtool = || {
        let said = run(
            tool("oathtool", "oathtool").args(["--totp", "--time-step-size=60", "--digits=6", "-"]),
            &seed,
        );
        said.ok().trim().to_owned()
    };
    // Both are asked again when a minute ended between them.
    let (theirs, ours) = loop {
        let (before, ours, after) = (oathtool(), phone.code("alice"), oathtool());
        if before == after {
            break (after, ours);
        }
    };
    assert_eq!(theirs, ours);
    assert_eq!(vpn.log_in("alice", &theirs), Answer::Accept);
    up.stop();
}

#[test]
fn a_message_authenticator_is_demanded_as_the_client_is_configured() {
    let (home, up, vpn) = system();
    home.user_without_token("robot");
    let require = |policy: &str| {
        home.radius_client(
            "vpn1",
            VPN1,
            &format!("set require-message-authenticator {policy}"),
        );
    };

    require("enable");
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Silence);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);

    require("disable");
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask_unauthenticated("robot", "guess"), Answer::Reject);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);

    // An address that has sent one must from then on, over a restart too.
    require("auto");
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Silence);
    up.stop();
    let up = Running::up(&home);
    assert_eq!(vpn.ask_unauthenticated("robot", PASSWORD), Answer::Silence);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    up.stop();
}

#[test]
fn strangers_and_wrong_secrets_hear_nothing() {
    let (home, up, vpn) = system();
    home.user_without_token("robot");
    let stranger = Vpn::new(&home, NOBODY);
    assert_eq!(stranger.ask("robot", PASSWORD), Answer::Silence);
    assert_eq!(stranger.status(), Answer::Silence);
    let mistaken = Vpn {
        secret: "not-the-secret",
        ..Vpn::new(&home, VPN1)
    };
    assert_eq!(mistaken.ask("robot", PASSWORD), Answer::Silence);
    assert_eq!(mistaken.status(), Answer::Silence);
    assert_eq!(home.console("diagnose login show").ok(), "");
    // The administrator is told whom to look at.
    let log = home.log();
    for (address, about) in [(NOBODY, "config user radius-client"), (VPN1, "secret")] {
        assert!(
            log.lines()
                .any(|line| line.contains(address) && line.contains(about)),
            "{log}"
        );
    }

    assert_eq!(vpn.status(), Answer::Accept);
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    up.stop();
}

/// Stands between a client and the server, and sends what the client sends twice.
struct Repeater {
    address: SocketAddr,
    relayed: JoinHandle<[Vec<u8>; 2]>,
}

impl Repeater {
    fn before(server: SocketAddr) -> Self {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = client.local_addr().unwrap();
        let relayed = thread::spawn(move || {
            let out = UdpSocket::bind("127.0.0.1:0").unwrap();
            out.connect(server).unwrap();
            out.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut buffer = [0; 4_096];
            let (length, peer) = client.recv_from(&mut buffer).unwrap();
            let request = buffer[..length].to_vec();
            let replies = [(); 2].map(|()| {
                out.send(&request).unwrap();
                let length = out.recv(&mut buffer).unwrap();
                buffer[..length].to_vec()
            });
            client.send_to(&replies[0], peer).unwrap();
            replies
        });
        Self { address, relayed }
    }
}

#[test]
fn a_retransmission_gets_the_same_bytes_and_is_not_judged_again() {
    let (home, up, _) = system();
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    let code = phone.code("alice");

    let mut challenge = None;
    for (password, expected) in [
        (PASSWORD, "challenge"),
        (&code, "accept"),
        ("guess", "reject"),
    ] {
        let repeater = Repeater::before(home.radius);
        let vpn = Vpn {
            server: repeater.address,
            ..Vpn::new(&home, VPN1)
        };
        let answer = match &challenge {
            Some(challenge) if expected == "accept" => vpn.answer("alice", password, challenge),
            _ => vpn.ask("alice", password),
        };
        let [first, second] = repeater.relayed.join().unwrap();
        assert_eq!(first, second, "{expected}");
        match (expected, answer) {
            ("challenge", answer @ Answer::Challenge(..)) => challenge = Some(answer),
            ("accept", Answer::Accept) | ("reject", Answer::Reject) => {}
            (_, answer) => panic!("no {expected}, but {answer:?}"),
        }
    }
    home.login_says("alice", "refused: password-wrong");
    let shown = home.console("diagnose login show user alice").ok();
    assert_eq!(shown.matches("accepted: ").count(), 1, "{shown}");
    assert_eq!(shown.matches("refused: ").count(), 1, "{shown}");
    up.stop();
}

#[test]
fn one_person_has_one_record_however_the_name_is_written() {
    let (home, up, vpn) = system();
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    let code = phone.code("alice");
    let written = [
        "alice",
        "ALICE",
        "Alice",
        "CORP\\alice",
        "alice@example.org",
        " alice ",
        "\u{ff41}lice",
    ];
    assert_eq!(vpn.log_in("CORP\\ALICE", &code), Answer::Accept);
    for name in written {
        assert_eq!(vpn.log_in(name, &code), Answer::Reject, "{name}");
        home.login_says("alice", "refused: code-replayed");
    }
    let shown = home.console("diagnose login show user alice").ok();
    assert_eq!(shown.matches("user alice ").count(), 1 + written.len());
    // A name that only looks like hers is nobody's: Cyrillic а.
    assert_eq!(vpn.ask("\u{430}lice", PASSWORD), Answer::Reject);
    let refused = home
        .console("config user local\nedit ALICE@example.org\nset passwd other\nend")
        .refused();
    assert!(refused.contains("alice"), "{refused}");
    up.stop();
}

#[test]
fn symptom_13_codes_of_a_locked_token_are_refused() {
    let (home, up, vpn) = system();
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    let set = |status: &str| {
        home.console(&format!(
            "config user fortitoken\nedit {token}\nset status {status}\nnext\nend"
        ))
        .ok();
    };
    set("lock");
    assert_eq!(home.field(token, "status"), "lock");
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    let said = home.login_says("alice", "refused: token-locked");
    assert!(
        said.contains("next step: config user fortitoken / edit SERIAL / set status active"),
        "{said}"
    );
    set("active");
    vpn.ask("alice", PASSWORD).state();

    // One that stays locked is renewed: a new code for a phone, a new seed.
    set("lock");
    let refused = home
        .console(&format!("execute fortitoken-mobile provision {token}"))
        .refused();
    assert!(
        refused.contains(&format!("execute fortitoken-mobile renew {token}")),
        "{refused}"
    );
    let shown = home
        .console(&format!("execute fortitoken-mobile renew {token}"))
        .ok();
    phone.app(&["remove", "alice"]).ok();
    phone.add(&activation_code(&shown), "alice").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    up.stop();
}

#[test]
fn symptom_26_a_login_with_a_token_that_is_on_no_phone() {
    let (home, up, vpn) = system();
    let token = &home.import(1)[0];
    home.user("alice", token);
    assert_eq!(vpn.log_in("alice", "123456"), Answer::Reject);
    let said = home.login_says("alice", "evidence: ");
    assert!(said.contains("refused: code-wrong"), "{said}");
    assert!(
        said.contains("the token waits for its activation: no phone is known to have it"),
        "{said}"
    );
    let shown = home
        .console(&format!("execute fortitoken-mobile provision {token}"))
        .ok();
    let phone = common::phone::Phone::new(&home, "alice");
    phone.add(&activation_code(&shown), "alice").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    up.stop();
}

#[test]
fn a_disabled_user_is_refused_with_the_right_code_too() {
    let (home, up, vpn) = system();
    home.user_without_token("robot");
    let set = |status: &str| {
        home.console(&format!(
            "config user local\nedit robot\nset status {status}\nend"
        ))
        .ok();
    };
    set("disable");
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Reject);
    let said = home.login_says("robot", "refused: user-disabled");
    assert!(
        said.contains("config user local / edit NAME / set status enable"),
        "{said}"
    );
    set("enable");
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    up.stop();
}

#[test]
fn symptom_34_a_new_password_takes_the_place_of_the_forgotten_one() {
    let (home, up, vpn) = system();
    home.user_without_token("robot");
    assert_eq!(vpn.ask("robot", "forgotten"), Answer::Reject);
    home.login_says("robot", "refused: password-wrong");
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Accept);
    home.console("config user local\nedit robot\nset passwd another-one\nnext\nend")
        .ok();
    // The old one is not remembered beyond the change.
    assert_eq!(vpn.ask("robot", PASSWORD), Answer::Reject);
    assert_eq!(vpn.ask("robot", "another-one"), Answer::Accept);
    up.stop();
}

/// Keeps the store from taking a login of alice's until that second.
const HOLD_ALICE: &str = r#"
import sqlite3, sys
database, until = sys.argv[1:]
sqlite3.connect(database).executescript(f"""
    CREATE TRIGGER alice BEFORE INSERT ON event
    WHEN NEW.person = 'alice' AND NEW.kind IN (1, 2)
    AND CAST(strftime('%s', 'now') AS INTEGER) < {int(until)}
    BEGIN SELECT RAISE(ABORT, 'not now'); END""")
"#;

#[test]
fn an_answer_that_nobody_could_judge_is_judged_when_it_comes_again() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    let phone = enrol(&home, "alice", &home.import(1)[0]);
    up.stop();
    let seconds = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_secs()
    };
    let again = seconds() + 25;
    let database = home.data().join("gateway/gateway.db");
    let mut hold = python();
    hold.args(["-c", HOLD_ALICE]).arg(database);
    run(hold.arg(again.to_string()), "").ok();

    let up = Running::up(&home);
    let vpn = Vpn::new(&home, "127.0.0.1");
    let code = phone.code("alice");
    let [right, mistyped] = [vpn.ask("alice", PASSWORD), vpn.ask("alice", PASSWORD)];
    assert_eq!(vpn.answer("alice", &code, &right), Answer::Silence);
    let mistype = wrong(&code);
    assert_eq!(vpn.answer("alice", &mistype, &mistyped), Answer::Silence);
    assert!(seconds() < again, "the machine is too slow for this test");
    until("the store takes her logins", || seconds() > again);
    assert_eq!(vpn.answer("alice", &mistype, &mistyped), Answer::Reject);
    home.login_says("alice", "refused: code-wrong");
    assert_eq!(vpn.answer("alice", &code, &right), Answer::Accept);
    // Once, as ever.
    assert_eq!(vpn.answer("alice", &code, &right), Answer::Reject);
    home.login_says("alice", "refused: challenge-unknown");
    up.stop();
}
