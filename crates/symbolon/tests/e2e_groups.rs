//! What clients are told of the groups of a user who is let in.
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

use common::radius::Vpn;
use common::{Home, PASSWORD, Running, until};

/// More groups with names of 35 characters than an answer holds: 4,096 octets less header and Message-Authenticator
/// are 94 attributes of 43 octets.
const MANY: usize = 100;
const FITTING: usize = 94;

#[test]
fn groups_that_do_not_fit_into_an_answer_are_left_out_aloud() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    let vpn = Vpn::new(&home, "127.0.0.1");
    home.user_without_token("alice");
    let entries: Vec<String> = (0..MANY)
        .map(|number| format!("edit group-{number:029}\nset member alice"))
        .collect();
    let entries = entries.join("\nnext\n");
    home.console(&format!("config user group\n{entries}\nend"))
        .ok();
    let told = vpn.told("alice", PASSWORD);
    let told = groups(&told);
    assert_eq!(told.len(), FITTING);
    let is_in_order = |(number, name): (usize, &&str)| *name == format!("group-{number:029}");
    assert!(told.iter().enumerate().all(is_in_order), "{told:?}");
    let log = || home.console("execute log display").out;
    until("it is on record", || {
        log().contains("radius.groups-left-out")
    });
    let says = format!("user alice: 6 groups do not fit behind {FITTING}, from group-");
    assert!(log().contains(&says), "{}", log());

    home.radius_client("vpn1", "127.0.0.1", "set group-attributes filter-id class");
    let told = vpn.told("alice", PASSWORD);
    let count = |kind: &str| told.lines().filter(|line| line.contains(kind)).count();
    assert_eq!((count("Filter-Id = "), count("Class = ")), (54, 54));
    up.stop();
}

fn groups(told: &str) -> Vec<&str> {
    assert!(told.starts_with("Received Access-Accept"), "{told}");
    told.lines()
        .filter_map(|line| line.trim().strip_prefix("Fortinet-Group-Name = "))
        .map(|value| value.trim_matches('"'))
        .collect()
}

#[test]
fn an_accept_names_every_group_of_the_user_and_no_other() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    let vpn = Vpn::new(&home, "127.0.0.1");
    for user in ["alice", "bob"] {
        home.user_without_token(user);
    }
    assert_eq!(groups(&vpn.told("alice", PASSWORD)), Vec::<&str>::new());
    home.console(
        "config user group\nedit \"vpn users\"\nset member Alice bob\nnext\n\
         edit admins\nset member alice\nnext\nedit sso\nset group-type rsso\nset member alice\nend\n",
    )
    .ok();
    assert_eq!(
        groups(&vpn.told("alice", PASSWORD)),
        ["admins", "vpn users"]
    );
    assert_eq!(groups(&vpn.told("BOB", PASSWORD)), ["vpn users"]);
    home.console("config user group\nedit admins\nunselect member alice\nend\n")
        .ok();
    assert_eq!(groups(&vpn.told("alice", PASSWORD)), ["vpn users"]);

    home.radius_client("vpn1", "127.0.0.1", "set group-attributes filter-id class");
    let told = vpn.told("alice", PASSWORD);
    assert_eq!(groups(&told), Vec::<&str>::new());
    assert!(told.contains("Filter-Id = \"vpn users\""), "{told}");
    // "vpn users", as radclient shows octets.
    assert!(told.contains("Class = 0x76706e207573657273"), "{told}");
    up.stop();
}
