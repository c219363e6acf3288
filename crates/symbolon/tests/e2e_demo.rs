//! `symbolon demo --once`, the README's first command.
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

use common::{run, symbolon, tool, transcript};

#[test]
fn every_step_is_shown_as_its_user_sees_it() {
    // The transcript names it: without it the demonstration would use a client of its own.
    drop(tool("radclient", "freeradius-utils"));
    let shown = run(symbolon().args(["demo", "--once"]), "").ok();
    transcript::compare("demo", &shown);
}
