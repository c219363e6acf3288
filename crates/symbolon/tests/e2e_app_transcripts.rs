//! `symbolon app` as a person has it in a terminal, against the real program: `transcripts/app_*.txt`.
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
use std::path::PathBuf;

use common::mail_server::MailServer;
use common::phone::{PIN, Phone, allow_transfers};
use common::radius::{Answer, Vpn};
use common::transcript::Transcript;
use common::{Home, PASSWORD, Running, free_port, until};
use mail_parser::{MessageParser, MimeHeaders};

const CLIENT: &str = "127.0.0.1";

/// Alice, whose activation message has come with its picture.
struct World {
    home: Home,
    up: Running,
    phone: Phone,
    /// Where the picture is.
    downloads: PathBuf,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        let up = Running::up(&home);
        home.radius_client("vpn1", CLIENT, "");
        let port = free_port();
        home.console(&format!(
            "config system email-server\nset server 127.0.0.1\nset port {port}\n\
             set reply-to tokens@example.org\nend\n\
             config system ftm-push\nset status enable\nend"
        ))
        .ok();
        let mails = MailServer::start(&home, port, &[]);
        let token = home.import(1).remove(0);
        home.console(&format!(
            "config user local\nedit alice\nset passwd {PASSWORD}\nset email-to alice@example.org\n\
             set two-factor fortitoken\nset fortitoken {token}\nend"
        ))
        .ok();
        let mail = mails.nth(1);
        let mail = MessageParser::default().parse(&mail).unwrap();
        let picture = mail.attachments().next().unwrap();
        let downloads = home.path("downloads");
        fs::create_dir(&downloads).unwrap();
        let name = picture.attachment_name().unwrap();
        fs::write(downloads.join(name), picture.contents()).unwrap();
        let phone = Phone::new(&home, "alice");
        Self {
            home,
            up,
            phone,
            downloads,
        }
    }

    /// Takes the token over by its picture.
    fn activated(&self, transcript: &mut Transcript) {
        let add = ["add", "--qr", "activation.png", "--name", "alice"];
        transcript.app_in(&self.downloads, &self.phone, &add);
        self.home.console("execute fortitoken-mobile poll").ok();
    }
}

#[test]
fn ten_wrong_pins_end_what_a_picture_began() {
    let world = World::new();
    let mut transcript = Transcript::default();
    transcript.tells("The picture of the activation message brings the token.");
    world.activated(&mut transcript);
    transcript.app(&world.phone, &["list"]);
    transcript.app(&world.phone, &["code", "alice"]);
    transcript.tells("The right PIN forgives the wrong ones before it.");
    for pin in ["9999", PIN] {
        world.phone.set_pin(pin);
        transcript.app(&world.phone, &["list"]);
    }
    transcript.tells("Ten wrong ones in a row end what is here.");
    world.phone.set_pin("9999");
    for _ in 0..10 {
        transcript.app(&world.phone, &["list"]);
    }
    world.phone.set_pin(PIN);
    transcript.app(&world.phone, &["list"]);
    transcript.app_in(
        &world.downloads,
        &world.phone,
        &["add", "--qr", "activation.png"],
    );
    transcript.compare("app_wipe");
    world.up.stop();
}

#[test]
fn a_login_is_answered_with_its_number_denied_and_reported() {
    let world = World::new();
    let vpn = Vpn::new(&world.home, CLIENT);
    let mut transcript = Transcript::default();
    world.activated(&mut transcript);
    transcript.app(&world.phone, &["push", "--approve", "42"]);
    for (tells, decision, expected) in [
        ("The number is the login's.", "--approve", Answer::Accept),
        ("The number is another one.", "--wrong", Answer::Reject),
        ("The person does not want it.", "--deny", Answer::Reject),
        ("It is somebody else's.", "--not-me", Answer::Reject),
    ] {
        let offer = vpn.ask("alice", PASSWORD);
        let shown = vpn.answer("alice", "push", &offer);
        let Answer::Challenge(_, prompt) = &shown else {
            panic!("{shown:?}");
        };
        let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
        transcript.tells(tells);
        let other = if number == "00" { "01" } else { "00" };
        match decision {
            "--approve" => transcript.app(&world.phone, &["push", "--approve", &number]),
            "--wrong" => transcript.app(&world.phone, &["push", "--approve", other]),
            other => transcript.app(&world.phone, &["push", other]),
        };
        assert_eq!(vpn.answer("alice", "push", &shown), expected, "{tells}");
    }
    transcript.compare("app_push");
    world.up.stop();
}

#[test]
fn a_token_moves_by_a_code_that_is_shown() {
    let world = World::new();
    let mut transcript = Transcript::default();
    world.activated(&mut transcript);
    let (old, new) = (&world.phone, &Phone::new(&world.home, "alice, the new one"));
    transcript.app(old, &["transfer", "start", "alice", "--show", "--no-wait"]);
    transcript.tells("The administrator has allowed it. Who begins may take it back.");
    allow_transfers(&world.home, free_port(), old);
    transcript.app(old, &["transfer", "start", "alice", "--show", "--no-wait"]);
    transcript.app(old, &["transfer", "cancel", "alice"]);
    transcript.tells("The new device takes the code.");
    let start = ["transfer", "start", "alice", "--show", "--no-wait"];
    let shown = transcript.app(old, &start);
    let link = shown
        .split('\'')
        .find(|word| word.starts_with("symbolon://"));
    let take = [
        "transfer",
        "take",
        "--name",
        "alice",
        "--qr-text",
        link.unwrap(),
    ];
    transcript.app(new, &take);
    until("the gateway knows the new phone", || {
        let log = world.home.console("execute log display").ok();
        log.contains("FortiToken transferred")
    });
    transcript.app(new, &["code", "alice"]);
    transcript.tells("The old one keeps its entry until its person deletes it.");
    transcript.app(old, &["transfer", "status", "alice"]);
    transcript.app(old, &["remove", "alice"]);
    transcript.app(old, &["list"]);
    transcript.compare("app_transfer");
    world.up.stop();
}
