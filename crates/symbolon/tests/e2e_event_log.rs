//! The event log as an administrator reads, searches and deletes it.
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

use common::phone::{Phone, activation_code};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, until};

/// The lines of `execute log display` after these filters.
fn display(home: &Home, filters: &str) -> Vec<String> {
    let said = home
        .console(&format!(
            "execute log filter view-lines 1000\n{filters}\nexecute log display"
        ))
        .ok();
    said.lines()
        .filter(|line| line.contains(" logid=\""))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_life_of_a_token_is_in_the_log_and_its_code_is_not() {
    let home = Home::new();
    let up = Running::up(&home);
    let token = home.import(1).remove(0);
    home.radius_client("vpn1", "127.0.0.1", "");
    let code = activation_code(&home.user("alice", &token));
    let phone = Phone::new(&home, "alice");
    phone.add(&code, "work").ok();
    home.console("execute fortitoken-mobile poll").ok();
    let vpn = Vpn::new(&home, "127.0.0.1");
    let challenge = vpn.ask("alice", PASSWORD);
    let typed = phone.code("work");
    assert_eq!(vpn.answer("alice", &typed, &challenge), Answer::Accept);
    assert_eq!(vpn.ask("alice", "wrong"), Answer::Reject);
    home.console(&format!("execute fortitoken sync {token} 000000 000000"));

    let ids = |filters: &str| -> Vec<String> {
        let lines = display(&home, filters);
        let id = |line: &String| line.split(" logid=\"").nth(1).unwrap()[..10].to_owned();
        lines.iter().map(id).collect()
    };
    let of_the_token = format!("execute log filter field serialno {token}");
    assert_eq!(
        ids(&of_the_token),
        [
            "0100032158",
            "0102043008",
            "0100032156",
            "0100099010",
            "0100032155"
        ]
    );
    let failed = "execute log filter free-style \"user alice and status failure\"";
    assert_eq!(ids(failed), ["0102043009"]);

    let everything = display(&home, "").join("\n");
    assert!(everything.contains(&token), "{everything}");
    assert!(!everything.contains(&code), "{everything}");
    assert!(!everything.contains(&typed), "{everything}");
    up.stop();
}

#[test]
fn a_deleted_log_begins_anew_and_the_chain_stays_whole() {
    let home = Home::new();
    let up = Running::up(&home);
    for number in 0..5 {
        home.user_without_token(&format!("u{number}"));
    }
    assert_eq!(
        display(&home, "execute log filter field cfgpath user.local").len(),
        5
    );
    let kept = home.console("execute log delete\nn").ok();
    assert!(!kept.contains("begins anew"), "{kept}");
    home.console("execute log delete\ny").ok();
    let left = display(&home, "");
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(left[0].contains("logid=\"0100099020\""), "{left:#?}");
    // What is hidden is soon gone.
    until("the events are removed", || {
        let said = home.console("diagnose log verify").ok();
        said.starts_with("Events verified: 1. The chain is whole.")
    });
    up.kill();
    let up = Running::up(&home);
    let said = home.console("diagnose log verify").ok();
    assert!(said.contains("The chain is whole"), "{said}");
    assert!(!home.log().contains("older copy"), "{}", home.log());
    assert_eq!(display(&home, "").len(), 1);
    up.stop();
}
