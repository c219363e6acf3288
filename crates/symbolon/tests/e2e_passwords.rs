//! Passwords that expire, as a VPN server and the administrator see it.
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

use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, python, run, until};

/// Writes `ENC` text for a password, hashed by Python.
const PBKDF2: &str = "
import base64, hashlib, sys
salt = b'from elsewhere 7'
text = lambda octets: base64.b64encode(octets).decode().rstrip('=')
key = hashlib.pbkdf2_hmac('sha256', sys.argv[1].encode(), salt, 10000)
phc = f'$pbkdf2-sha256$i=10000,l=32${text(salt)}${text(key)}'
print(base64.b64encode(phc.encode()).decode())
";

#[test]
fn a_hash_from_elsewhere_lets_in_and_gives_way_at_the_first_login() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    let vpn = Vpn::new(&home, "127.0.0.1");
    let enc = run(python().args(["-c", PBKDF2, PASSWORD]), "").ok();
    let set = |enc: &str| {
        home.console(&format!(
            "config user local\nedit alice\nset passwd ENC {}\nend",
            enc.trim()
        ))
    };
    set(&enc).ok();
    let renewed = || {
        let log = home.console("execute log filter category event\nexecute log display");
        let log = log.ok();
        log.lines()
            .filter(|line| line.contains("renew-hash"))
            .count()
    };
    assert_eq!(vpn.ask("alice", "a guess"), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    assert_eq!(renewed(), 0);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Accept);
    until("the hash is renewed", || renewed() == 1);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Accept);
    assert_eq!(vpn.ask("alice", "a guess"), Answer::Reject);
    up.stop();
    let up = Running::up(&home);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Accept);
    assert_eq!(renewed(), 1);

    // 256 MiB, three times over: `$argon2id$v=19$m=262144,t=3,p=1$...`.
    let dear = "JGFyZ29uMmlkJHY9MTkkbT0yNjIxNDQsdD0zLHA9MSRjM2x0WW05c2IyNGdkMjl5YkdSeiR1WDF5Z0hONTRHdytq\
                QUxHVTVrc3hEcEQ3Y1hJMUJBR1l6ZFVHOVptdSs4";
    let said = set(dear).refused();
    assert!(said.contains("costs too much to check"), "{said}");
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Accept);
    up.stop();
}

#[test]
fn an_old_password_warns_then_opens_nothing_until_there_is_a_new_one() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    let vpn = Vpn::new(&home, "127.0.0.1");
    home.user_without_token("alice");
    let policy = |settings: &str| {
        let lines = format!("config user password-policy\nedit staff\n{settings}\nend\n");
        home.console(&lines).ok();
    };
    let alice =
        |settings: &str| home.console(&format!("config user local\nedit alice\n{settings}\nend\n"));
    policy("set expire-status enable\nset expire-days 30\nset warn-days 30");
    assert!(!vpn.told("alice", PASSWORD).contains("Reply-Message"));
    alice("set passwd-policy staff").ok();
    let told = vpn.told("alice", PASSWORD);
    assert!(told.starts_with("Received Access-Accept"), "{told}");
    assert!(told.contains("Your password expires in 30 days."), "{told}");

    alice("set passwd-time 2020-01-01 00:00:00").ok();
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: password-expired");

    let said = alice("set passwd short").refused();
    assert!(said.contains("wants at least 8 characters"), "{said}");
    alice("set passwd a-new-password").ok();
    assert_eq!(vpn.ask("alice", "a-new-password"), Answer::Accept);
    up.stop();
}
