//! CHAP and MS-CHAPv2, asked for by `radclient`, whose reading of the keys is the proof that they are
//! right: the exchange is the one of RFC 2759 section 9.2 and RFC 3079 section 3.5.3.
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

use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running};

const VPN1: &str = "127.0.0.1";

const MSCHAPV2: &str = "User-Name = \"User\", \
    MS-CHAP-Challenge = 0x5b5d7c7d7b3f2f3e3c2c602132262628, \
    MS-CHAP2-Response = 0x050021402324255e262a28295f2b3a337c7e0000000000000000\
82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df, ";

fn chap(user: &str, password: &str) -> String {
    format!("User-Name = \"{user}\", CHAP-Password = \"{password}\", ")
}

/// A running system with a RADIUS client.
fn system() -> (Home, Running, Vpn) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", VPN1, "");
    let vpn = Vpn::new(&home, VPN1);
    (home, up, vpn)
}

fn legacy(home: &Home, user: &str, password: &str) {
    home.console(&format!(
        "config user local\nedit {user}\nset radius-legacy enable\nset passwd {password}\nend"
    ))
    .ok();
}

#[test]
fn mschapv2_leaves_the_keys_of_the_rfc_also_after_a_restart() {
    let (home, up, vpn) = system();
    legacy(&home, "User", "clientPass");
    let said = |vpn: &Vpn| {
        let said = vpn.received("auth", MSCHAPV2).unwrap();
        assert!(said.starts_with("Received Access-Accept"), "{said}");
        said.to_lowercase()
    };
    let accept = said(&vpn);
    let success = "ms-chap2-success = 0x05533d343037413535383931313546443044363230394635313046453943303435363639333243444135\
36";
    assert!(accept.contains(&success.to_lowercase()), "{accept}");
    assert!(
        accept.contains("ms-mppe-send-key = 0x8b7cdc149b993a1ba118cb153f56dccb"),
        "{accept}"
    );
    assert!(accept.contains("ms-mppe-recv-key = 0x"), "{accept}");
    up.stop();
    let up = Running::up(&home);
    assert!(said(&vpn).contains("ms-chap2-success"));
    home.console("config user local\nrename User to Visitor\nend")
        .ok();
    assert_eq!(vpn.radclient("auth", MSCHAPV2), Answer::Reject);
    home.login_says("User", "refused: user-unknown");
    home.console("config user local\nrename Visitor to User\nend")
        .ok();
    assert!(said(&vpn).contains("ms-chap2-success"));
    up.stop();
}

#[test]
fn the_code_comes_by_challenge_and_the_keys_with_the_accept() {
    let (home, up, vpn) = system();
    let token = &home.import(1)[0];
    let phone = enrol(&home, "User", token);
    legacy(&home, "User", "clientPass");
    let challenge = vpn.radclient("auth", MSCHAPV2);
    let answer = |code: &str, by: &str| {
        let state = challenge.state();
        let attributes = format!("User-Name = \"User\", {by} = \"{code}\", State = {state}, ");
        vpn.received("auth", &attributes).unwrap()
    };
    let code = phone.code("User");
    let by_chap = answer(&code, "CHAP-Password");
    assert!(by_chap.starts_with("Received Access-Reject"), "{by_chap}");
    home.login_says("User", "refused: code-by-response");
    let accept = answer(&code, "User-Password").to_lowercase();
    assert!(accept.starts_with("received access-accept"), "{accept}");
    assert!(
        accept.contains("ms-mppe-send-key = 0x8b7cdc149b993a1ba118cb153f56dccb"),
        "{accept}"
    );
    home.login_says("User", &format!("accepted: token {token}"));
    up.stop();
}

#[test]
fn chap_needs_a_legacy_secret_and_the_clients_leave() {
    let (home, up, vpn) = system();
    home.user_without_token("alice");
    let ask = |password: &str| vpn.radclient("auth", &chap("alice", password));
    assert_eq!(ask(PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: method-needs-legacy-secret");
    home.console("config user local\nedit alice\nset radius-legacy enable\nend")
        .ok();
    assert_eq!(ask(PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: method-needs-legacy-secret");
    legacy(&home, "alice", PASSWORD);
    assert_eq!(ask(PASSWORD), Answer::Accept);
    assert_eq!(ask("guess"), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Accept);
    assert_eq!(
        vpn.radclient("auth", &chap("stranger", PASSWORD)),
        Answer::Reject
    );

    home.radius_client("vpn1", VPN1, "set auth-methods pap mschapv2");
    assert_eq!(ask(PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: method-not-allowed");
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Accept);
    let security = home.console("diagnose security").ok();
    assert!(
        security.contains("kept themselves, for CHAP and MS-CHAPv2, of: alice"),
        "{security}"
    );
    up.stop();
}

#[test]
fn by_chap_nobody_learns_whose_name_is_known() {
    let (home, up, vpn) = system();
    home.user_without_token("alice");
    home.console(
        "config user setting\nset auth-lockout-threshold 3\nset auth-lockout-duration 60\nend",
    )
    .ok();
    for (user, reason) in [
        ("alice", "method-needs-legacy-secret"),
        ("stranger", "user-unknown"),
    ] {
        for _ in 0..3 {
            assert_eq!(vpn.radclient("auth", &chap(user, PASSWORD)), Answer::Reject);
            home.login_says(user, &format!("refused: {reason}"));
        }
        assert_eq!(vpn.radclient("auth", &chap(user, PASSWORD)), Answer::Reject);
        home.login_says(user, "refused: source-throttled");
    }
    up.stop();
}

#[test]
fn a_guesser_is_one_source_whatever_the_client_reports() {
    let (home, up, vpn) = system();
    home.user_without_token("alice");
    home.console(
        "config user setting\nset auth-lockout-threshold 3\nset auth-lockout-duration 60\nend",
    )
    .ok();
    let ask = |password: &str, station: &str| {
        let attributes = format!(
            "User-Name = \"alice\", User-Password = \"{password}\", Calling-Station-Id = \"{station}\", "
        );
        vpn.radclient("auth", &attributes)
    };
    for [one, two, three, four] in [
        [
            "198.51.100.7",
            "198.51.100.7:1024",
            "198.51.100.7[4500]",
            "::ffff:198.51.100.7",
        ],
        [
            "2001:db8::1",
            "[2001:db8::2]:1024",
            "2001:db8::a:b:c:d",
            "2001:DB8:0:0::4",
        ],
        // What a device calls itself counts for the client.
        [
            "00-11-22-33-44-51",
            "00:11:22:33:44:52",
            "00:11:22:33:44:55:66:77",
            "of nobody",
        ],
    ] {
        for station in [one, two, three] {
            assert_eq!(ask("a guess", station), Answer::Reject);
            let said = home.login_says("alice", "refused: password-wrong");
            assert!(said.contains(station), "{said}");
        }
        assert_eq!(ask(PASSWORD, four), Answer::Reject, "{four}");
        home.login_says("alice", "refused: source-throttled");
    }
    for other in ["198.51.100.8", "2001:db8:0:1::1"] {
        assert_eq!(ask(PASSWORD, other), Answer::Accept, "{other}");
    }
    up.stop();
}

#[test]
fn the_password_lies_sealed_on_the_disk_and_shows_nowhere() {
    const CANARY: &str = "canary-Quoth-77";
    let (home, up, _) = system();
    legacy(&home, "alice", CANARY);
    let shown = home.console("show user local\nget user local alice").ok();
    assert!(!shown.contains(CANARY), "{shown}");
    up.stop();
    for entry in walk(&home.path("")) {
        let octets = std::fs::read(&entry).unwrap();
        let mut windows = octets.windows(CANARY.len());
        assert!(
            !windows.any(|window| window == CANARY.as_bytes()),
            "{}",
            entry.display()
        );
    }
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn chap_without_a_message_authenticator_hears_nothing() {
    let (home, up, vpn) = system();
    legacy(&home, "alice", PASSWORD);
    let silence = vpn.chap_unauthenticated("alice", PASSWORD);
    assert_eq!(silence, Answer::Silence);
    home.radius_client("vpn1", VPN1, "set require-message-authenticator disable\n");
    let excepted = vpn.chap_unauthenticated("alice", PASSWORD);
    assert_eq!(excepted, Answer::Accept);
    up.stop();
}

#[test]
fn a_client_that_checks_passwords_itself_sends_the_code_alone() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", VPN1, "set code-position code-only");
    let vpn = Vpn::new(&home, VPN1);
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    let code = phone.code("alice");
    assert_eq!(vpn.ask("alice", &code), Answer::Accept);
    assert_eq!(vpn.ask("alice", &code), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: code-malformed");
    let chap = chap("alice", &code);
    assert_eq!(vpn.radclient("auth", &chap), Answer::Reject);
    home.login_says("alice", "refused: code-by-response");
    home.user_without_token("bob");
    assert_eq!(vpn.ask("bob", PASSWORD), Answer::Reject);
    home.login_says("bob", "refused: second-factor-missing");
    let security = home.console("diagnose security").ok();
    assert!(
        security.contains("RADIUS client 'vpn1' has codes alone checked"),
        "{security}"
    );
    up.stop();
}
