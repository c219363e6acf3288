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
use std::path::Path;

use common::phone::activation_code;
use common::{Home, PASSWORD, Running, SECRET, SYMBOLON, free_port, run, tool};
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

    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap();
    let scene = home.path("scene.json");
    let written = json!({
        "origin": format!("https://{}", home.https),
        "certificates": [home.authority(), home.data().join("gateway/ftm-push.pem")],
        "codes": codes,
        "links": [],
        "pictures": [],
        "login": [],
        "console": [SYMBOLON, "console", "--data", home.data()],
        "password": PASSWORD,
        "artefacts": workspace.join("target/web-app"),
        "radius": { "server": home.radius.to_string(), "secret": SECRET },
        "answerPort": answer_port,
    });
    fs::write(&scene, written.to_string()).unwrap();

    tool("chromium", "chromium");
    tool("radclient", "freeradius-utils");
    let said = run(
        tool("node", "nodejs")
            .args(["--test", "--test-force-exit", "test/browser/push.test.js"])
            .current_dir(workspace.join("crates/webapp"))
            .env("SYMBOLON_SCENE", &scene),
        "",
    );
    assert!(said.status.success(), "{}\n{}", said.out, said.err);
    up.stop();
}
