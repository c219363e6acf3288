//! A token moves from one web app to another, in a real Chromium, against the real program:
//! `crates/webapp/test/browser/transfer.test.js` says what a person does there.
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
use common::mail_server::MailServer;
use common::{Home, PASSWORD, Running, SECRET, SYMBOLON, free_port};
use mail_parser::MessageParser;
use serde_json::json;

#[test]
fn a_token_moves_to_a_second_browser_and_the_first_one_is_dead() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn", "127.0.0.1", "");
    let (mail, push) = (free_port(), free_port());
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {mail}\n\
         set reply-to tokens@example.org\nend\n\
         config system interface\nedit lo\nset allowaccess ssh ftm\nend\n\
         config system ftm-push\nset token-transfer enable\nset server 127.0.0.1\n\
         set server-port {push}\nend"
    ))
    .ok();
    let mails = MailServer::start(&home, mail, &[]);
    let token = home.import(1).remove(0);
    home.console(&format!(
        "config user local\nedit alice\nset passwd {PASSWORD}\nset email-to alice@example.org\n\
         set two-factor fortitoken\nset fortitoken {token}\nend"
    ))
    .ok();
    let letter = mails.nth(1);
    let letter = MessageParser::default().parse(&letter).unwrap();
    let text = letter.body_text(0).unwrap();
    let mut lines = text.lines();
    let link = lines.find(|line| line.starts_with("symbolon://")).unwrap();

    let secret = home.path("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let told = json!({
        "links": [link],
        "login": [
            SYMBOLON, "login", "alice", "--timeout", "3",
            "--server", home.radius.to_string(), "--secret-file", secret,
        ],
    });
    plays(&home, "transfer", told);
    up.stop();
}
