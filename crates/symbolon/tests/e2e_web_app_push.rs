//! Logins that people answer in the web app, in a real Chromium, against the real program:
//! `crates/webapp/test/browser/push.test.js` says what a person does there.
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

use std::fs;

use common::browser::plays;
use common::phone::activation_code;
use common::{Home, Running, SECRET, free_port, tool};
use serde_json::json;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

#[test]
fn a_person_answers_logins_in_chromium() {
    let home = Home::new();
    let answer_port = free_port();
    let toml = home.data().join("symbolon.toml");
    let own = format!(r#"answer-urls = ["https://127.0.0.1:{answer_port}"]"#);
    let text = home.configuration().replace("answer-urls = []", &own);
    fs::write(&toml, text).unwrap();
    let up = Running::up(&home);
    home.radius_client("vpn", "127.0.0.1", "");
    home.console(
        "config system ftm-push\nset status enable\nend\n\
         config system global\nset two-factor-ftk-expiry 60\nend",
    )
    .ok();
    let tokens = home.import(PEOPLE.len());
    let codes: Vec<String> = PEOPLE
        .iter()
        .zip(&tokens)
        .map(|(name, token)| activation_code(&home.user(name, token)))
        .collect();

    tool("radclient", "freeradius-utils");
    let told = json!({
        "certificates": [home.authority(), home.data().join("gateway/ftm-push.pem")],
        "codes": codes,
        "radius": { "server": home.radius.to_string(), "secret": SECRET },
        "answerPort": answer_port,
    });
    plays(&home, "push", told);
    up.stop();
}
