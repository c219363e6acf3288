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
use common::{Home, PASSWORD, Running};

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
