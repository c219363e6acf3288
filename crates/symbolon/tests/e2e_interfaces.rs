//! The host's interfaces as the command line shows them.
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

use common::{Home, Running};

#[test]
fn every_interface_of_the_host_has_an_entry_with_its_address() {
    let home = Home::new();
    let up = Running::up(&home);
    let loopback = home.console("show system interface lo").ok();
    assert!(
        loopback.contains("    edit \"lo\"\n        set ip 127.0.0.1 255.0.0.0\n"),
        "{loopback}"
    );
    home.console("config system interface\nedit lo\nset alias here\nend\n")
        .ok();
    up.stop();
    let up = Running::up(&home);
    let loopback = home
        .console("config system interface\nedit lo\nget\nend\n")
        .ok();
    assert!(
        loopback.contains("alias               : here"),
        "{loopback}"
    );
    up.stop();
}
