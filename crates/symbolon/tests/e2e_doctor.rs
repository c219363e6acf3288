//! `symbolon doctor login`: what would stop a user's login, by the real program, with each thing set up that stops one.
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

use std::process::Command;

use common::directory::{BASE, Directory, READER, password_of};
use common::phone::{Phone, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, SECRET, free_port, symbolon};

const CLIENT: &str = "127.0.0.1";

struct Told {
    out: String,
    errors: String,
    code: Option<i32>,
}

impl Told {
    #[track_caller]
    fn has(&self, code: i32, lines: &[&str]) {
        let Self { out, errors, .. } = self;
        assert_eq!(self.code, Some(code), "{out}{errors}");
        for line in lines {
            assert!(out.contains(line), "no '{line}' in:\n{out}{errors}");
        }
        for secret in [PASSWORD, SECRET] {
            assert!(!out.contains(secret), "{out}");
        }
    }
}

fn asked(command: &mut Command) -> Told {
    let output = command.output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Told {
        out: text(output.stdout),
        errors: text(output.stderr),
        code: output.status.code(),
    }
}

fn doctor(home: &Home, words: &[&str]) -> Told {
    let mut command = symbolon();
    command.args(["doctor", "login"]).args(words);
    asked(command.arg("--data").arg(home.data()))
}

/// A system with a RADIUS client, and a user whose token is on a phone.
fn scene() -> (Home, Running, Phone, String) {
    let home = Home::new();
    let up = Running::up(&home);
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "Alice", &token);
    home.radius_client("vpn", CLIENT, "");
    (home, up, phone, token)
}

#[test]
fn a_user_with_a_phone_is_told_whole() {
    let (home, up, phone, token) = scene();
    let vpn = Vpn::new(&home, CLIENT);
    let told = doctor(&home, &["EXAMPLE\\alice"]);
    let of_token = format!("token: {token}, provisioned, drift 0; not used yet");
    told.has(
        0,
        &[
            "name: 'EXAMPLE\\alice' is looked up as 'alice' in VDOM root",
            "record: user local 'Alice', enabled",
            "password: kept here",
            &format!("second factor: token {token}, in use"),
            &of_token,
            "phone: registration ",
            "push is off (config system ftm-push / set status enable)",
            "recovery: 0 codes left, no pass",
            "wrong codes: 0 in 31 days; codes are looked at",
            "wrong passwords: no source waits",
            "sources of the latest logins: none is shut out",
            "radius clients: vpn (127.0.0.1/32, code in answer to a challenge)",
            "latest refusals: none",
            "verdict: nothing stands in the way",
        ],
    );

    let code = phone.code("Alice");
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    assert_eq!(vpn.log_in("alice", &code), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    home.console("config system ftm-push\nset status enable\nend")
        .ok();
    let told = doctor(&home, &["alice"]);
    told.has(
        0,
        &[
            "already used at ",
            "through client vpn",
            "push is offered",
            "refused: code-replayed",
            "next step: ",
        ],
    );
    assert!(!told.out.contains(&code), "{}", told.out);

    up.stop();
}

#[test]
fn each_thing_in_the_way_is_named_and_a_pass_does_in_the_place_of_a_token() {
    let (home, up, _phone, token) = scene();
    home.console(&format!(
        "config user local\nedit Alice\nset status disable\nend\n\
         config user fortitoken\nedit {token}\nset status lock\nend"
    ))
    .ok();
    let told = doctor(&home, &["alice"]);
    told.has(
        1,
        &[
            "record: user local 'Alice', disabled",
            "in the way: user-disabled",
            &format!("in the way: token-locked, token {token}"),
            "next step: config user local / edit NAME / set status enable",
            "verdict: could not log in: 2 things stand in the way",
        ],
    );

    // A pass does in the place of the token.
    home.console("config user local\nedit Alice\nset status enable\nend")
        .ok();
    let issued = home.console("execute recovery-pass issue alice").ok();
    let told = doctor(&home, &["alice"]);
    told.has(
        0,
        &[
            "recovery: 0 codes left, a pass until ",
            "in the way of the token's codes: token-locked",
            "verdict: could log in, by a recovery code or pass alone",
        ],
    );
    let pass = issued.lines().find_map(|line| line.strip_prefix("    "));
    assert!(!told.out.contains(pass.unwrap()), "{}", told.out);
    up.stop();
}

#[test]
fn whoever_waits_is_told_where_and_until_when() {
    let (home, up, ..) = scene();
    let vpn = Vpn::new(&home, CLIENT);
    // Wrong passwords keep a source waiting, and wrong codes everybody.
    home.console(
        "config user setting\nset auth-lockout-threshold 1\nset auth-lockout-duration 600\nend",
    )
    .ok();
    assert_eq!(vpn.ask("alice", "wrong"), Answer::Reject);
    let told = doctor(&home, &["alice"]);
    // Who guesses at her name says nothing of whether she could log in from elsewhere.
    told.has(
        0,
        &[
            "wrong passwords: these sources wait: 127.0.0.1 until ",
            "in the way at one place: source-throttled",
            "evidence: from 127.0.0.1: not looked at before ",
            "refused: password-wrong",
            "verdict: could log in, but not from everywhere",
        ],
    );
    home.console("diagnose login unlock alice").ok();
    doctor(&home, &["alice"]).has(0, &["wrong passwords: no source waits"]);
    for _ in 0..5 {
        assert_eq!(vpn.log_in("alice", "000000"), Answer::Reject);
    }
    let told = doctor(&home, &["alice"]);
    told.has(
        1,
        &[
            "wrong codes: 5 in 31 days; none is looked at before ",
            "in the way: code-throttled",
        ],
    );
    home.console("diagnose login unlock alice").ok();

    // Other names shut the source out.
    home.console("config user setting\nset auth-invalid-max 1\nset auth-blackout-time 600\nend")
        .ok();
    assert_eq!(vpn.ask("nobody", "wrong"), Answer::Reject);
    doctor(&home, &["alice"]).has(
        0,
        &[
            "sources of the latest logins: shut out: 127.0.0.1 until ",
            "in the way at one place: source-blackout",
        ],
    );
    up.stop();
}

#[test]
fn what_is_in_the_way_is_judged_by_the_clients_that_there_are() {
    let home = Home::new();
    let up = Running::up(&home);
    home.console(&format!(
        "config user local\nedit bob\nset passwd {PASSWORD}\nnext\n\
         edit carol\nset passwd {PASSWORD}\nset two-factor email\nset email-to carol@example.org\nend"
    ))
    .ok();
    home.radius_client("vpn", CLIENT, "set code-position code-only");
    doctor(&home, &["bob"]).has(1, &["in the way: second-factor-missing"]);
    let unsent = [
        "in the way: code-not-sent",
        "evidence: no mail server is configured",
    ];
    doctor(&home, &["carol"]).has(1, &unsent);
    home.console("config system email-server\nset server 127.0.0.1\nend")
        .ok();
    doctor(&home, &["carol"]).has(0, &["verdict: nothing stands in the way"]);
    // Each request has a code sent, of which three are valid at once.
    let vpn = Vpn::new(&home, CLIENT);
    for _ in 0..3 {
        vpn.ask_with_empty_password("carol");
    }
    let too_many = [
        "in the way: sent-codes-too-many",
        "evidence: no other is sent before ",
    ];
    doctor(&home, &["carol"]).has(1, &too_many);

    // Where passwords are checked too, those who have one get in there.
    home.console(
        "config user radius-client\nedit wifi\nset subnet 192.0.2.1\nset secret xyzzy5461\nend",
    )
    .ok();
    let at_clients = "evidence: at clients that check passwords themselves";
    let but = "verdict: could log in, but not from everywhere";
    let partial = [
        "in the way at one place: second-factor-missing",
        at_clients,
        but,
    ];
    doctor(&home, &["bob"]).has(0, &partial);
    let partial = [
        "in the way at one place: sent-codes-too-many",
        at_clients,
        but,
    ];
    doctor(&home, &["carol"]).has(0, &partial);
    up.stop();
}

#[test]
fn servers_are_told_as_they_were_when_asked_last() {
    let home = Home::new();
    let up = Running::up(&home);
    let mut slapd = Directory::start(&home);
    let (reader, secret) = READER;
    let port = slapd.port;
    home.console(&format!(
        "config user ldap\nedit corp\nset server 127.0.0.1\nset port {port}\nset dn {BASE}\n\
         set cnid uid\nset type regular\nset username {reader}\nset password {secret}\nend\n\
         config user local\nedit alice\nset type ldap\nset ldap-server corp\nnext\n\
         edit bob\nset type ldap\nset ldap-server corp\nend\n\
         config user group\nedit staff\nset member corp\nend"
    ))
    .ok();
    home.radius_client("vpn", CLIENT, "set remote-groups staff");
    let vpn = Vpn::new(&home, CLIENT);
    assert_eq!(vpn.ask("alice", password_of("alice")), Answer::Accept);
    let known = "ldap 'corp': primary server 127.0.0.1, not known to be silent";
    doctor(&home, &["alice"]).has(
        0,
        &[
            "password: known to ldap 'corp'",
            "second factor: none",
            known,
        ],
    );
    // Whom the directory alone knows.
    doctor(&home, &["dora"]).has(0, &["record: none", known, "radius clients: vpn "]);
    // The password of alice is remembered for a while, that of bob was not asked for yet.
    slapd.stop();
    assert_eq!(vpn.ask("bob", password_of("bob")), Answer::Silence);
    for user in ["alice", "bob", "dora"] {
        doctor(&home, &[user]).has(
            1,
            &[
                "silent when asked last, asked after the others for ",
                "in the way: backend-unreachable",
                "evidence: ldap 'corp': no server of it answered when asked last",
            ],
        );
    }
    doctor(&home, &["bob"]).has(1, &["not decided: backend-unreachable"]);
    home.console("config user radius-client\nedit vpn\nunset remote-groups\nend")
        .ok();
    doctor(&home, &["dora"]).has(
        1,
        &[
            "radius clients: none takes this user",
            "in the way: user-unknown",
            "verdict: could not log in: one thing stands in the way",
        ],
    );
    up.stop();
}

#[test]
fn a_user_of_a_virtual_domain_is_looked_up_there_and_none_is_made() {
    let home = Home::new();
    let up = Running::up(&home);
    home.console(
        "config system global\nset vdom-mode multi-vdom\nend\nconfig vdom\nedit sales\n\
         config user local\nedit bob\nset passwd example-Passw0rd-of-bob\nend\nend",
    )
    .ok();
    doctor(&home, &["bob", "--vdom", "sales"]).has(
        0,
        &[
            "name: 'bob' is looked up as 'bob' in VDOM sales",
            "record: user local 'bob', enabled",
        ],
    );
    doctor(&home, &["bob"]).has(1, &["in VDOM root", "in the way: user-unknown"]);
    let none = doctor(&home, &["bob", "--vdom", "salse"]);
    none.has(2, &[]);
    assert!(
        none.errors.contains("entry not found in datasource"),
        "{}",
        none.errors
    );
    let shown = home.console("config vdom\nshow\nend").ok();
    assert!(!shown.contains("salse"), "{shown}");
    up.stop();
}

#[test]
fn what_cannot_be_told_is_no_verdict() {
    let home = Home::new();
    let up = Running::up(&home);
    for words in [
        &["a\nconfig system global"][..],
        &["alice", "--vdom", "a b"],
    ] {
        let told = doctor(&home, words);
        told.has(2, &[]);
        assert!(told.out.is_empty() && !told.errors.is_empty(), "{words:?}");
    }
    let quoted = "a\" | grep \"verdict";
    doctor(&home, &[quoted]).has(1, &["in the way: user-unknown"]);
    up.stop();
    let gone = doctor(&home, &["alice"]);
    gone.has(2, &[]);
    assert!(
        gone.errors.contains("cannot connect to "),
        "{}",
        gone.errors
    );
    asked(symbolon().args(["doctor", "login"])).has(2, &[]);
    let nowhere = free_port().to_string();
    let mut command = symbolon();
    command.args(["doctor", "login", "alice", "--data", &nowhere]);
    asked(&mut command).has(2, &[]);
}
