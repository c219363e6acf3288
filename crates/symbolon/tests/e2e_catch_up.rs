//! Tokens that were given to people while the token server was away.
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

use std::fmt::Write;
use std::time::{Duration, Instant};

use common::apart::{Apart, import, registry, token_server};
use common::{Home, Running};

const SERIAL: &str = "FGT0000000000042";
/// What was queued has arrived so soon after the token server is back.
const CATCH_UP: Duration = Duration::from_secs(30);

/// Users of a directory, whose passwords need not be hashed, each with a token. What the console says of one
/// that waits has to be read before it goes on, so they come in pages.
fn assign(home: &Home, tokens: &[String]) {
    let there = "config user ldap\nedit there\nset server 127.0.0.1\nset dn dc=example\nend";
    home.console(there).ok();
    for page in tokens.chunks(20) {
        let mut lines = "config user local\n".to_owned();
        for token in page {
            write!(
                lines,
                "edit {token}\nset type ldap\nset ldap-server there\nset two-factor fortitoken\n\
                 set fortitoken {token}\nnext\n"
            )
            .unwrap();
        }
        // Its status tells that activation codes are still to come.
        home.console(&(lines + "end"));
    }
}

#[test]
fn a_queue_is_caught_up_with_in_half_a_minute_and_each_is_served_once() {
    let count = std::env::var("SYMBOLON_QUEUED");
    let count: usize = count.map_or(60, |text| text.parse().unwrap());
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    let serials = import(&gateway, &tokens.issue(count));
    server.stop();
    assign(&gateway.home, &serials);
    let home = &gateway.home;
    let queued = || home.console("diagnose fortitoken info").ok();
    assert_eq!(queued().matches("FTKMOB").count(), count);

    let server = Running::start(&mut registry(&tokens), &tokens);
    let back = Instant::now();
    let waits = || {
        home.console("diagnose outbox list")
            .ok()
            .contains("provision")
    };
    while waits() && back.elapsed() < CATCH_UP {
        std::thread::sleep(Duration::from_millis(200));
    }
    let took = back.elapsed();
    println!("{count} tokens after {took:?}");
    let shown = home.console("show user fortitoken").ok();
    assert_eq!(shown.matches("set activation-code").count(), count);
    assert!(took < CATCH_UP, "{took:?}");
    for serial in [&serials[0], &serials[count / 2], &serials[count - 1]] {
        let history = tokens.desk(&["history", serial]).ok();
        assert_eq!(history.matches(" provision ").count(), 1, "{history}");
    }
    running.stop();
    server.stop();
}
