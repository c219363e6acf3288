//! A token server that is replaced by a newer one under a web app, in a real Chromium:
//! `crates/webapp/test/browser/update.test.js` says what a person sees there.
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

use common::browser::plays;
use common::{Home, Running};
use serde_json::json;

#[test]
fn a_web_app_never_mixes_the_files_of_two_versions() {
    let home = Home::new();
    let up = Running::up(&home);
    plays(&home, "update", json!({}));
    up.stop();
}
