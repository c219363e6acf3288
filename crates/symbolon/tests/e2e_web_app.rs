//! The web app in a real Chromium, against the real program: `crates/webapp/test/browser` says what a
//! person does there.
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

use common::browser::plays;
use common::mail_server::MailServer;
use common::phone::activation_code;
use common::{Home, PASSWORD, Running, SECRET, SYMBOLON, free_port};
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;

/// People whose message comes by mail, with its link and its picture.
const BY_MAIL: usize = 4;
/// People to whom the administrator reads out the code.
const BY_HAND: usize = 3;

/// The link of a mail; its picture is kept.
fn link_of(mail: &[u8], picture: &Path) -> String {
    let mail = MessageParser::default().parse(mail).unwrap();
    let attached = mail.attachments().next().unwrap();
    assert_eq!(attached.attachment_name(), Some("activation.png"));
    fs::write(picture, attached.contents()).unwrap();
    let text = mail.body_text(0).unwrap();
    let mut lines = text.lines();
    lines
        .find(|line| line.starts_with("symbolon://"))
        .unwrap()
        .to_owned()
}

#[test]
fn a_person_uses_the_web_app_in_chromium() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn", "127.0.0.1", "");
    let port = free_port();
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {port}\n\
         set reply-to tokens@example.org\nend"
    ))
    .ok();
    let mails = MailServer::start(&home, port, &[]);
    let mut tokens = home.import(BY_MAIL + BY_HAND).into_iter();

    let mut links = Vec::new();
    let mut pictures = Vec::new();
    for number in 1..=BY_MAIL {
        let token = tokens.next().unwrap();
        home.console(&format!(
            "config user local\nedit mailed{number}\nset passwd {PASSWORD}\n\
             set email-to mailed{number}@example.org\nset two-factor fortitoken\n\
             set fortitoken {token}\nend"
        ))
        .ok();
        let picture = home.path(&format!("activation{number}.png"));
        links.push(link_of(&mails.nth(number), &picture));
        pictures.push(picture);
    }
    let codes: Vec<String> = tokens
        .enumerate()
        .map(|(number, token)| activation_code(&home.user(&format!("told{number}"), &token)))
        .collect();

    let secret = home.path("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let told = json!({
        "links": links,
        "pictures": pictures,
        "codes": codes,
        "login": [
            SYMBOLON, "login", "mailed1", "--timeout", "3",
            "--server", home.radius.to_string(), "--secret-file", secret,
        ],
    });
    plays(&home, "app", told);
    up.stop();
}
