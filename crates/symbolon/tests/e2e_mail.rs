//! Activation mails through a foreign mail server, their picture read by a foreign reader, and what
//! the administrator sees when the server does not take them.
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

use std::path::Path;

use common::mail_server::MailServer;
use common::phone::{Phone, activation_code};
use common::{Home, PASSWORD, Running, free_port, run, tool, until};
use mail_parser::{Message, MessageParser, MimeHeaders};

const ALICE: &str = "alice@example.org";

/// Tells the gateway of a mail server at `port`.
fn configure(home: &Home, port: u16, settings: &str) {
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {port}\n\
         set reply-to tokens@example.org\n{settings}\nend"
    ))
    .ok();
}

/// Gives alice, who has a mail address, a token; what the console says.
fn assign(home: &Home, token: &str) -> common::Said {
    home.console(&format!(
        "config user local\nedit alice\nset passwd {PASSWORD}\nset email-to {ALICE}\n\
         set two-factor fortitoken\nset fortitoken {token}\nend"
    ))
}

/// A running system whose mail server listens, or will, at the port.
fn system(settings: &str) -> (Home, Running, u16, String) {
    let home = Home::new();
    let up = Running::up(&home);
    let port = free_port();
    configure(&home, port, settings);
    let token = home.import(1).remove(0);
    (home, up, port, token)
}

/// A certificate that nobody has signed but itself, and its key.
fn certificate(home: &Home) -> (String, String) {
    let path = |name: &str| home.path(name).to_string_lossy().into_owned();
    let (certificate, key) = (path("mail.pem"), path("mail.key"));
    let said = run(
        tool("openssl", "openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args([
                "-subj",
                "/CN=127.0.0.1",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ])
            .args(["-keyout", &key, "-out", &certificate]),
        "",
    );
    assert!(said.status.success(), "{}", said.err);
    (certificate, key)
}

/// What a picture of a QR code says.
fn zbarimg(picture: &Path) -> String {
    let said = run(
        tool("zbarimg", "zbar-tools")
            .args(["--quiet", "--raw"])
            .arg(picture),
        "",
    );
    said.ok().trim_end().to_owned()
}

fn attached_picture(mail: &Message<'_>) -> Vec<u8> {
    let picture = mail.attachments().next().unwrap();
    assert_eq!(picture.attachment_name(), Some("activation.png"));
    picture.contents().to_vec()
}

/// The QR code among what a terminal shows, as a PBM picture four dots to the module. The terminal
/// draws light modules, two to a character.
fn picture_of(shown: &str) -> String {
    let drawn: Vec<&str> = shown
        .lines()
        .filter(|line| line.chars().count() > 40 && line.chars().all(|c| " █▀▄".contains(c)))
        .collect();
    let mut rows = Vec::new();
    for line in &drawn {
        let light =
            |halves: &str| -> Vec<bool> { line.chars().map(|c| halves.contains(c)).collect() };
        rows.push(light("█▀"));
        rows.push(light("█▄"));
    }
    let dots: String = rows
        .iter()
        .flat_map(|row| {
            let line: String = row
                .iter()
                .map(|light| if *light { "0000" } else { "1111" })
                .collect();
            [line.clone(), line.clone(), line.clone(), line]
        })
        .map(|line| line + "\n")
        .collect();
    format!("P1\n{} {}\n{dots}", rows[0].len() * 4, rows.len() * 4)
}

#[test]
fn the_mail_has_code_link_and_picture_and_a_phone_reads_it() {
    let (home, up, port, token) = system("");
    let server = MailServer::start(&home, port, &[]);
    let said = assign(&home, &token).ok();
    assert!(said.contains(&format!("goes to {ALICE}")), "{said}");
    let raw = server.mail();
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(
        mail.from().unwrap().first().unwrap().address().unwrap(),
        "tokens@example.org"
    );
    assert_eq!(
        mail.to().unwrap().first().unwrap().address().unwrap(),
        ALICE
    );
    assert_eq!(mail.subject().unwrap(), "Activate your token");
    let text = mail.body_text(0).unwrap();
    let code = home.field(&token, "activation-code");
    assert!(text.lines().any(|line| line == code), "{text}");
    let link = text
        .lines()
        .find(|line| line.starts_with("symbolon://"))
        .unwrap();
    assert!(link.contains(&format!("c={code}&")), "{link}");

    let picture = home.path("activation.png");
    std::fs::write(&picture, attached_picture(&mail)).unwrap();
    assert_eq!(zbarimg(&picture), link);
    Phone::new(&home, "alice")
        .app(&["add", "--qr", &picture.to_string_lossy()])
        .ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(home.status(&token), "provisioned");
    assert!(home.nothing_waits());
    up.stop();
}

#[test]
fn the_mail_is_in_the_persons_language_or_else_in_the_units() {
    let (home, up, port, token) = system("");
    home.console("config system global\nset language french\nend")
        .ok();
    let server = MailServer::start(&home, port, &[]);
    assign(&home, &token).ok();
    let raw = server.mail();
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(mail.subject().unwrap(), "Activez votre jeton");
    assert!(
        mail.body_text(0)
            .unwrap()
            .contains("un jeton vous a été attribué")
    );
    let page = mail.body_html(0).unwrap();
    let code = home.field(&token, "activation-code");
    assert!(
        page.contains(&code) && page.contains("cid:activation"),
        "{page}"
    );

    home.console("config user local\nedit alice\nset language english\nend")
        .ok();
    home.console(&format!(
        "execute fortitoken-mobile send-activation {token}"
    ))
    .ok();
    let raw = server.nth(2);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(mail.subject().unwrap(), "Activate your token");
    up.stop();
}

#[test]
fn the_terminals_picture_is_read_by_a_camera_too() {
    let home = Home::new();
    let up = Running::up(&home);
    let token = home.import(1).remove(0);
    let shown = home.user("alice", &token);
    let picture = home.path("terminal.pbm");
    std::fs::write(&picture, picture_of(&shown)).unwrap();
    let link = zbarimg(&picture);
    assert!(link.contains(&activation_code(&shown)), "{link}");
    Phone::new(&home, "alice")
        .app(&["add", "--qr-text", &link])
        .ok();
    up.stop();
}

#[test]
fn symptom_14_a_dead_mail_server_is_named_and_the_mail_goes_later() {
    let (home, up, port, token) = system("");
    let said = assign(&home, &token).refused();
    assert!(
        said.contains(&format!("The activation code for {token} was not sent yet"))
            && said.contains(&format!("127.0.0.1:{port}"))
            && said.contains("Connection refused"),
        "{said}"
    );
    let waiting = home.console("diagnose outbox list").ok();
    assert!(
        waiting.contains(&format!("activation mail for {token} to alice <{ALICE}>"))
            && waiting.contains("Connection refused"),
        "{waiting}"
    );
    // A restart forgets nothing of it.
    up.stop();
    let up = Running::up(&home);
    let server = MailServer::start(&home, port, &[]);
    server.mail();
    until("the outbox is empty", || home.nothing_waits());
    up.stop();
}

#[test]
fn symptom_14_a_server_that_is_busy_gets_the_mail_again() {
    let (home, up, port, token) = system("");
    let busy = ["--answer", "451 4.3.0 come back later", "--times", "1"];
    let server = MailServer::start(&home, port, &busy);
    let said = assign(&home, &token).refused();
    assert!(
        said.contains("451") && said.contains("come back later"),
        "{said}"
    );
    assert!(said.contains("It is tried again"), "{said}");
    server.mail();
    up.stop();
}

#[test]
fn symptom_14_a_mailbox_that_does_not_exist_is_not_tried_again() {
    let (home, up, port, token) = system("");
    let unknown = ["--answer", "550 5.1.1 no such user here"];
    let server = MailServer::start(&home, port, &unknown);
    let said = assign(&home, &token).ok();
    assert!(
        said.contains("No activation code was sent") && said.contains("no such user here"),
        "{said}"
    );
    // The administrator hands the code over.
    assert_eq!(
        activation_code(&said),
        home.field(&token, "activation-code")
    );
    assert!(home.nothing_waits());
    let shown = home.console("diagnose outbox history").ok();
    assert!(
        shown.contains("not sent  activation code") && shown.contains("no such user here"),
        "{shown}"
    );
    assert!(server.is_empty());
    up.stop();
}

#[test]
fn symptom_14_an_expired_mail_password_is_named_and_the_mail_goes_once_it_is_right() {
    let (home, up, port, token) = system(
        "set security starttls\nset authenticate enable\nset username gateway\nset password expired",
    );
    let (certificate, key) = certificate(&home);
    let options = [
        "--certificate",
        &certificate,
        "--key",
        &key,
        "--login",
        "gateway:renewed",
    ];
    let server = MailServer::start(&home, port, &options);
    let said = assign(&home, &token).refused();
    assert!(
        said.contains("535")
            && said.contains("are wrong or have expired")
            && said.contains("config system email-server / set username / set password"),
        "{said}"
    );

    // The next step of the symptom: watch the next attempt.
    let said = home
        .console(&format!(
            "diagnose debug application alertmail -1\ndiagnose debug enable\n\
             execute fortitoken-mobile provision {token}"
        ))
        .refused();
    assert!(
        said.contains(&format!("send mail to {ALICE} through 127.0.0.1:{port}"))
            && said.contains("C: AUTH <sealed>\nS: permanent error (535)"),
        "{said}"
    );
    assert!(!said.contains("expired\n"), "the password is shown: {said}");
    assert!(server.is_empty());

    configure(&home, port, "set password renewed");
    let raw = server.mail();
    let code = home.field(&token, "activation-code");
    assert!(String::from_utf8_lossy(&raw).contains(&code));
    until("the outbox is empty", || home.nothing_waits());
    up.stop();
}

#[test]
fn symptom_14_the_code_goes_again_as_it_is_and_what_became_of_it_is_shown() {
    let (home, up, port, token) = system("");
    assign(&home, &token).refused();
    let code = home.field(&token, "activation-code");
    let again = format!("execute fortitoken-mobile send-activation {token}");
    let said = home.console(&again).refused();
    assert!(
        said.contains("send activation code error: no answer") && said.contains("refused"),
        "{said}"
    );
    let waiting = home.console("diagnose outbox list").ok();
    assert_eq!(waiting.matches("activation mail").count(), 1, "{waiting}");

    let server = MailServer::start(&home, port, &[]);
    let said = home.console(&again).ok();
    assert!(said.contains(&format!("sent to {ALICE}")), "{said}");
    let mail = server.nth(1);
    assert!(String::from_utf8_lossy(&mail).contains(&code));
    assert_eq!(home.field(&token, "activation-code"), code);
    assert!(home.nothing_waits());
    let shown = home.console("diagnose outbox history").ok();
    let line = format!("sent  activation code of {token} for alice to {ALICE}");
    assert!(shown.contains(&line) && !shown.contains(&code), "{shown}");
    up.stop();
}

#[test]
fn symptom_14_the_dialogue_is_shown_and_the_code_is_not() {
    let (home, up, port, token) = system("");
    let server = MailServer::start(&home, port, &[]);
    let said = home
        .console(&format!(
            "diagnose debug application alertmail -1\ndiagnose debug enable\n\
             config user local\nedit alice\nset passwd {PASSWORD}\nset email-to {ALICE}\n\
             set two-factor fortitoken\nset fortitoken {token}\nend"
        ))
        .ok();
    server.mail();
    let dialogue = [
        "(in clear)",
        "C: MAIL FROM:<tokens@example.org>",
        "S: 250 OK",
        "C: RCPT TO:<alice@example.org>",
        "S: 250 OK",
        "C: DATA",
        "S: 354 ",
        "C: <mail of ",
        "S: 250 Message accepted for delivery",
        "C: QUIT",
    ];
    let mut rest = said.as_str();
    for line in dialogue {
        let (_, behind) = rest
            .split_once(line)
            .unwrap_or_else(|| panic!("{line}: {said}"));
        rest = behind;
    }
    let code = home.field(&token, "activation-code");
    assert!(!said.contains(&code), "{said}");
    up.stop();
}

#[test]
fn a_server_that_repeats_what_it_refuses_shows_the_code_to_nobody() {
    let (home, up, port, token) = system("");
    let _server = MailServer::start(&home, port, &["--quotes"]);
    home.console(&format!(
        "config user local\nedit alice\nset passwd {PASSWORD}\nset email-to {ALICE}\n\
         set two-factor fortitoken\nset fortitoken {token}\nend"
    ))
    .ok();
    let said = home
        .console(&format!(
            "diagnose debug application alertmail -1\ndiagnose debug enable\n\
             execute fortitoken-mobile provision {token}"
        ))
        .ok();
    let code = home.field(&token, "activation-code");
    let watched: String = said.lines().filter(|line| line.contains("spam")).collect();
    assert!(watched.contains("'<code>' looks like spam"), "{said}");
    assert!(!watched.contains(&code), "{said}");
    let history = home.console("diagnose outbox history").ok();
    assert!(
        history.contains("'<code>' looks like spam") && !history.contains(&code),
        "{history}"
    );
    up.stop();
}

#[test]
fn the_next_server_takes_what_those_before_do_not() {
    let (home, up, dead, token) = system("");
    let port = free_port();
    configure(
        &home,
        dead,
        &format!("set tertiary-server localhost\nset tertiary-port {port}"),
    );
    let server = MailServer::start(&home, port, &[]);
    let said = assign(&home, &token).ok();
    assert!(said.contains(&format!("goes to {ALICE}")), "{said}");
    server.mail();
    drop(server);
    let said = home
        .console(&format!("execute fortitoken-mobile provision {token}"))
        .refused();
    assert!(
        said.contains(&format!("127.0.0.1:{dead}")) && said.contains(&format!("localhost:{port}")),
        "{said}"
    );
    up.stop();
}

/// The second server of a unit whose first is another.
fn with_second_server(home: &Home, first: u16) -> u16 {
    let port = free_port();
    let second = format!("set secondary-server localhost\nset secondary-port {port}");
    configure(home, first, &second);
    port
}

#[test]
fn symptom_14_a_server_that_relays_for_nobody_leaves_the_mail_to_the_next() {
    let (home, up, first, token) = system("");
    let port = with_second_server(&home, first);
    let denied = ["--answer", "554 5.7.1 Relay access denied"];
    let _first = MailServer::start(&home, first, &denied);
    let second = MailServer::start(&home, port, &[]);
    let said = assign(&home, &token).ok();
    assert!(said.contains(&format!("goes to {ALICE}")), "{said}");
    second.mail();
    drop(second);
    // While the next is away, the mail waits for it.
    let said = home
        .console(&format!("execute fortitoken-mobile provision {token}"))
        .refused();
    assert!(
        said.contains("Relay access denied") && said.contains("It is tried again"),
        "{said}"
    );
    up.stop();
}

#[test]
fn symptom_14_a_sender_that_is_refused_ends_the_mail_and_names_its_setting() {
    let (home, up, port, token) = system("");
    let unknown = "550 5.1.8 <tokens@example.org>: Sender address rejected: Domain not found";
    let server = MailServer::start(&home, port, &["--sender-answer", unknown]);
    let said = assign(&home, &token).ok();
    assert!(
        said.contains("No activation code was sent")
            && said.contains("Domain not found")
            && said.contains("config system email-server / set reply-to"),
        "{said}"
    );
    assert!(home.nothing_waits());
    drop(server);

    // Many a server says so once it knows the recipient; and without a code of its own, or only for now.
    let again = format!("execute fortitoken-mobile provision {token}");
    for (option, answer, waits) in [
        ("--answer", "553 5.1.7 bad sender", false),
        ("--sender-answer", "553 no such sender here", false),
        ("--sender-answer", "450 4.1.8 Domain not found", true),
    ] {
        let server = MailServer::start(&home, port, &[option, answer]);
        let said = home.console(&again);
        let said = said.out + &said.err;
        assert!(said.contains("/ set reply-to"), "{answer}: {said}");
        assert_eq!(
            said.contains("It is tried again"),
            waits,
            "{answer}: {said}"
        );
        assert_eq!(home.nothing_waits(), !waits, "{answer}");
        drop(server);
    }

    // What waits goes once the setting is right.
    let server = MailServer::start(&home, port, &[]);
    configure(&home, port, "set reply-to gateway@example.org");
    let mail = server.mail();
    let mail = String::from_utf8_lossy(&mail);
    assert!(mail.contains("From: gateway@example.org"), "{mail}");
    up.stop();
}

#[test]
fn symptom_14_a_server_that_takes_nothing_leaves_the_mail_to_the_next_and_no_server_ends_it() {
    let (home, up, first, token) = system("");
    let port = with_second_server(&home, first);
    let blocked = ["--sender-answer", "554 5.7.1 Client host blocked"];
    let _first = MailServer::start(&home, first, &blocked);
    let second = MailServer::start(&home, port, &[]);
    let said = assign(&home, &token).ok();
    assert!(said.contains(&format!("goes to {ALICE}")), "{said}");
    second.mail();
    drop(second);
    let again = format!("execute fortitoken-mobile provision {token}");
    let second = MailServer::start(&home, port, &["--sender-answer", "521 no mail here"]);
    let said = home.console(&again).ok();
    for fact in [
        "No activation code was sent",
        "Client host blocked",
        "no mail here",
        "name another server in config system email-server",
    ] {
        assert!(said.contains(fact), "no {fact} in: {said}");
    }
    assert!(home.nothing_waits());
    drop(second);

    // What this unit can cure by itself waits for the cure.
    let unprotected = "530 5.7.0 Must issue a STARTTLS command first";
    let _second = MailServer::start(&home, port, &["--sender-answer", unprotected]);
    let said = home.console(&again).refused();
    assert!(
        said.contains("set authenticate / set security") && said.contains("It is tried again"),
        "{said}"
    );
    up.stop();
}

#[test]
fn symptom_14_a_server_that_looks_at_the_mail_for_long_gets_it_once() {
    let (home, up, first, token) = system("");
    let port = with_second_server(&home, first);
    // Longer than all that comes before the mail may take.
    let server = MailServer::start(&home, first, &["--scans", "22"]);
    let beside = Home::new();
    let other = MailServer::start(&beside, port, &[]);
    assign(&home, &token).ok();
    server.mail();
    until("the mail is taken", || {
        let history = home.console("diagnose outbox history").ok();
        history.contains("sent  activation code") && !history.contains("not sent")
    });
    assert!(!server.file(2).exists() && other.is_empty());
    up.stop();
}

#[test]
fn a_second_server_has_an_account_of_its_own() {
    let (home, up, dead, token) = system(
        "set security starttls\nset authenticate enable\nset username gateway\nset password first",
    );
    let port = free_port();
    configure(
        &home,
        dead,
        &format!(
            "set secondary-server 127.0.0.1\nset secondary-port {port}\n\
             set secondary-username other\nset secondary-password second"
        ),
    );
    let (certificate, key) = certificate(&home);
    let options = [
        "--certificate",
        &certificate,
        "--key",
        &key,
        "--login",
        "other:second",
    ];
    let server = MailServer::start(&home, port, &options);
    assign(&home, &token).ok();
    server.mail();
    up.stop();
}

#[test]
fn symptom_14_a_certificate_that_nobody_signed_is_refused_where_it_is_validated() {
    let (home, up, port, token) = system("set security starttls\nset validate-server enable");
    let (certificate, key) = certificate(&home);
    let server = MailServer::start(&home, port, &["--certificate", &certificate, "--key", &key]);
    let said = assign(&home, &token).refused();
    assert!(
        said.contains("certificate") && said.contains("It is tried again"),
        "{said}"
    );
    assert!(server.is_empty());
    configure(&home, port, "set validate-server disable");
    server.mail();
    up.stop();
}

#[test]
fn symptom_14_a_server_without_starttls_gets_no_mail_in_the_clear() {
    let (home, up, port, token) = system("set security starttls");
    let server = MailServer::start(&home, port, &[]);
    let said = assign(&home, &token).refused();
    assert!(said.contains("STARTTLS"), "{said}");
    assert!(server.is_empty());
    configure(&home, port, "set security none");
    server.mail();
    up.stop();
}

#[test]
fn the_mail_comes_from_the_address_that_is_set() {
    for (settings, peer) in [
        ("set source-ip 127.0.0.77", "peer 127.0.0.77"),
        (
            "set interface-select-method specify\nset interface lo\nset source-ip 127.0.0.77",
            "peer 127.0.0.1",
        ),
    ] {
        let (home, up, port, token) = system(settings);
        let server = MailServer::start(&home, port, &[]);
        assign(&home, &token).ok();
        let session = server.session();
        assert!(session.starts_with(peer), "{settings}: {session}");
        up.stop();
    }
}

#[test]
fn a_server_that_speaks_no_tls_1_3_is_refused_where_that_is_the_least() {
    for least in ["default", "TLSv1", "TLSv1-3"] {
        let (home, up, port, token) = system(&format!(
            "set security smtps\nset ssl-min-proto-version {least}"
        ));
        let (certificate, key) = certificate(&home);
        let options = [
            "--certificate",
            &certificate,
            "--key",
            &key,
            "--smtps",
            "--tls-1.2",
        ];
        let server = MailServer::start(&home, port, &options);
        let said = assign(&home, &token);
        if least == "TLSv1-3" {
            let said = said.refused();
            assert!(said.contains("was not sent yet"), "{said}");
            assert!(server.is_empty());
        } else {
            said.ok();
            server.mail();
        }
        up.stop();
    }
}
