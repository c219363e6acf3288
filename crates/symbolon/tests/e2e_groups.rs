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
use common::{Home, PASSWORD, Running};

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
