//! Codes that are sent as second factor: by mail and by SMS, over RADIUS and SSH, with foreign servers
//! and clients at both ends.
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

use common::mail_server::MailServer;
use common::radius::{Answer, Vpn};
use common::sms_gateway::SmsGateway;
use common::ssh::first_login;
use common::{Home, PASSWORD, Running, free_port, until};

const CLIENT: &str = "127.0.0.1";

/// A user whose codes go by mail, and a server that takes them.
fn by_mail(home: &Home) -> MailServer {
    let port = free_port();
    home.radius_client("vpn", CLIENT, "");
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {port}\n\
         set reply-to tokens@example.org\nend\n\
         config user local\nedit alice\nset passwd {PASSWORD}\nset two-factor email\n\
         set email-to alice@example.org\nend"
    ))
    .ok();
    MailServer::start(home, port, &[])
}

/// The six digits of a message.
fn code(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let (_, rest) = text.split_once("code for this login is ").expect(&text);
    rest.chars().take(6).collect()
}

/// A code that is another.
fn other(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &code[1..])
}

#[test]
fn a_code_by_mail_is_good_once_for_the_login_that_asked_for_it() {
    let home = Home::new();
    let up = Running::up(&home);
    let server = by_mail(&home);
    let vpn = Vpn::new(&home, CLIENT);

    let first = vpn.ask("alice", PASSWORD);
    let Answer::Challenge(_, prompt) = &first else {
        panic!("{first:?}");
    };
    assert_eq!(prompt, "Please enter the token code sent to you by email");
    let first_code = code(&server.nth(1));
    let second = vpn.ask("alice", PASSWORD);
    let second_code = code(&server.nth(2));
    if first_code != second_code {
        // The code of another login of the same person.
        assert_eq!(vpn.answer("alice", &second_code, &first), Answer::Reject);
        home.login_says("alice", "refused: sent-code-wrong");
    }
    assert_eq!(vpn.answer("alice", &second_code, &second), Answer::Accept);
    // Neither the code nor the challenge is of any use again.
    assert_eq!(vpn.answer("alice", &second_code, &second), Answer::Reject);
    let third = vpn.ask("alice", PASSWORD);
    assert_eq!(
        vpn.answer("alice", &other(&code(&server.nth(3))), &third),
        Answer::Reject
    );
    assert_eq!(
        vpn.answer("alice", &code(&server.nth(3)), &third),
        Answer::Reject
    );
    let shown = home.console("diagnose login show").ok();
    assert!(shown.contains("accepted: code sent by mail"), "{shown}");

    // Three are valid at once; the log says what was sent and never the code.
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: sent-codes-too-many");
    let log = home
        .console("execute log filter free-style \"action send-code\"\nexecute log display")
        .out;
    assert!(
        log.contains("Code for a login of user alice sent by mail"),
        "{log}"
    );
    for number in 1..=3 {
        let code = code(&server.nth(number));
        assert!(!log.contains(&code) && !shown.contains(&code), "{code}");
    }
    up.stop();
}

#[test]
fn an_empty_answer_has_another_code_sent_and_is_no_guess() {
    let home = Home::new();
    let up = Running::up(&home);
    let server = by_mail(&home);
    let vpn = Vpn::new(&home, CLIENT);

    let challenge = vpn.ask("alice", PASSWORD);
    let first = code(&server.nth(1));
    let again = vpn.answer_with_nothing("alice", &challenge);
    let Answer::Challenge(_, prompt) = &again else {
        panic!("{again:?}");
    };
    assert_eq!(prompt, "Please enter the token code sent to you by email");
    let second = code(&server.nth(2));
    // Three are valid at once; the latest is asked for again, and five empty answers delay nobody.
    let third = vpn.answer_with_nothing("alice", &again);
    server.nth(3);
    let last = (0..4).fold(third, |asked, _| vpn.answer_with_nothing("alice", &asked));
    assert!(matches!(last, Answer::Challenge(..)), "{last:?}");
    let latest = code(&server.nth(3));
    if ![first, second].contains(&latest) {
        assert_eq!(vpn.answer("alice", &latest, &last), Answer::Accept);
    }
    let shown = home.console("diagnose login show").ok();
    assert!(!shown.contains("refused"), "{shown}");
    up.stop();
}

#[test]
fn a_code_by_sms_lets_in_and_expires() {
    let home = Home::new();
    let up = Running::up(&home);
    let gateway = SmsGateway::start(&[200]);
    home.radius_client("vpn", CLIENT, "");
    home.console(&format!(
        "config system sms-server\nedit gate\nset url http://127.0.0.1:{}/\nset content text\n\
         set body \"%%PHONE%% %%MESSAGE%%\"\nend\n\
         config user local\nedit alice\nset passwd {PASSWORD}\nset two-factor sms\n\
         set sms-phone +491701234567\nset sms-server custom\nset sms-custom-server gate\nend\n\
         config system global\nset two-factor-sms-expiry 30\nend",
        gateway.port()
    ))
    .ok();
    let vpn = Vpn::new(&home, CLIENT);
    let challenge = vpn.ask("alice", PASSWORD);
    let Answer::Challenge(_, prompt) = &challenge else {
        panic!("{challenge:?}");
    };
    assert_eq!(prompt, "Please enter the token code sent to you by SMS");
    let request = gateway.request();
    assert!(
        request.contains("\r\n\r\n+491701234567 Your code"),
        "{request}"
    );
    assert_eq!(
        vpn.answer("alice", &code(request.as_bytes()), &challenge),
        Answer::Accept
    );

    let late = vpn.ask("alice", PASSWORD);
    let code = code(gateway.request().as_bytes());
    std::thread::sleep(std::time::Duration::from_secs(31));
    assert_eq!(vpn.answer("alice", &code, &late), Answer::Reject);
    let said = home.login_says("alice", "refused: sent-code-expired");
    let evidence = "the question for the code that was sent was open until ";
    assert!(said.contains(evidence), "{said}");
    up.stop();
}

#[test]
fn a_code_that_cannot_be_sent_is_on_record_with_its_cause() {
    let home = Home::new();
    let up = Running::up(&home);
    drop(by_mail(&home));
    home.console("config system email-server\nset server ''\nend")
        .ok();
    let vpn = Vpn::new(&home, CLIENT);
    // The person who knows the password learns nothing of it.
    assert!(matches!(vpn.ask("alice", PASSWORD), Answer::Challenge(..)));
    let log = || home.console("execute log display").out;
    until("the failure is on record", || log().contains("not sent"));
    assert!(
        log().contains(
            "Code for a login of user alice not sent by mail: no mail server is configured"
        ),
        "{}",
        log()
    );
    let shown = home.console("diagnose outbox history").ok();
    assert!(
        shown.contains("not sent  code for a login of alice by mail"),
        "{shown}"
    );
    // A client that appends codes cannot be asked for one.
    home.radius_client("vpn", CLIENT, "set code-position after-password");
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: sent-code-unasked");
    up.stop();
}

#[test]
fn the_strict_profile_takes_no_codes_that_are_sent() {
    let home = Home::new();
    let up = Running::up(&home);
    let server = by_mail(&home);
    let shown = home.console("diagnose security").out;
    assert!(shown.contains("1 user has codes by mail or SMS"), "{shown}");
    home.console("config system security\nset profile strict\nend")
        .ok();
    let vpn = Vpn::new(&home, CLIENT);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: sent-codes-refused");
    assert!(server.is_empty());
    let shown = home.console("diagnose security").out;
    assert!(shown.contains("and is not let in"), "{shown}");
    let said = home
        .console(&format!(
            "config user local\nedit bob\nset passwd {PASSWORD}\nset email-to b@example.org\n\
             set two-factor email\nend"
        ))
        .refused();
    assert!(said.contains("profile strict"), "{said}");
    up.stop();
}

#[test]
fn an_administrator_types_the_code_of_a_mail_over_ssh() {
    let home = Home::with_ssh();
    let up = Running::up(&home);
    let server = by_mail(&home);
    let admin = first_login(&home, &up);
    admin
        .exec("config system admin\nedit admin\nset two-factor email\nset email-to a@example.org\nend")
        .ok();
    let with_code = admin.clone().code_of(&server.file(1));
    with_code.exec("get system status").ok();
    let asked = with_code.asked();
    assert!(
        asked.iter().any(|it| it.contains("Email token code")),
        "{asked:?}"
    );
    assert!(server.session().contains("to a@example.org"));
    // The same code again, where another was sent.
    let said = admin
        .clone()
        .code(&other(&code(&server.nth(1))))
        .exec("get system status");
    assert_eq!(said.status.code(), Some(255), "{said:?}");
    server.nth(2);
    up.stop();
}
