//! Codes by SMS: through a real HTTP gateway, through a domain that makes mails into SMS, and what the
//! administrator sees when neither takes them.
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
use common::sms_gateway::SmsGateway;
use common::{Home, PASSWORD, Running, free_port};

const PHONE: &str = "+491701234567";

/// Tells the gateway of an HTTP gateway for SMS.
fn configure(home: &Home, port: u16, fields: &str) {
    home.console(&format!(
        "config system sms-server\nedit gate\nset url http://127.0.0.1:{port}/send\n{fields}\nend"
    ))
    .ok();
}

const JSON: &str = "set header \"Authorization: Bearer %%KEY%%\"\nset key s3cret-of-the-account\n\
                    set body '{\"to\":\"%%PHONE%%\",\"text\":\"%%MESSAGE%%\"}'";

/// Gives alice, who has a telephone, a token; what the console says.
fn assign(home: &Home, token: &str, fields: &str) -> common::Said {
    home.console(&format!(
        "config user local\nedit alice\nset passwd {PASSWORD}\nset sms-phone {PHONE}\n{fields}\n\
         set two-factor fortitoken\nset fortitoken {token}\nend"
    ))
}

const BY_GATE: &str = "set sms-server custom\nset sms-custom-server gate";

#[test]
fn an_http_gateway_is_told_number_and_code_and_nothing_secret_is_shown() {
    let home = Home::new();
    let up = Running::up(&home);
    let gateway = SmsGateway::start(&[200]);
    configure(&home, gateway.port(), JSON);
    let token = home.import(1).remove(0);
    let said = home
        .console(&format!(
            "diagnose debug application alertmail -1\ndiagnose debug enable\n\
             config user local\nedit alice\nset passwd {PASSWORD}\nset sms-phone {PHONE}\n{BY_GATE}\n\
             set two-factor fortitoken\nset fortitoken {token}\nend"
        ))
        .ok();
    assert!(said.contains(&format!("goes to {PHONE}")), "{said}");
    let request = gateway.request();
    let code = home.field(&token, "activation-code");
    assert!(request.starts_with("POST /send HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("authorization: Bearer s3cret-of-the-account\r\n")
            && request.contains("content-type: application/json\r\n"),
        "{request}"
    );
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        body.starts_with(&format!("{{\"to\":\"{PHONE}\",\"text\":\"")) && body.contains(&code),
        "{body}"
    );
    // Who watches sees the way, and neither code nor key.
    assert!(
        said.contains(&format!(
            "send SMS through gate: POST http://127.0.0.1:{}/send",
            gateway.port()
        )) && said.contains("SMS server: 200 OK taken <code> for 'Bearer <key>'"),
        "{said}"
    );
    assert!(!said.contains(&code) && !said.contains("s3cret"), "{said}");
    let shown = home.console("show system sms-server").ok();
    assert!(
        shown.contains("set key ENC ") && !shown.contains("s3cret"),
        "{shown}"
    );
    up.stop();
}

#[test]
fn a_gateway_that_is_overloaded_is_asked_again_and_not_often() {
    let home = Home::new();
    let up = Running::up(&home);
    let gateway = SmsGateway::start(&[503, 200]);
    configure(&home, gateway.port(), JSON);
    let token = home.import(1).remove(0);
    let said = assign(&home, &token, BY_GATE).refused();
    assert!(
        said.contains("SMS server gate did not take the message")
            && said.contains("503")
            && said.contains("taken <code>")
            && said.contains("It is tried again"),
        "{said}"
    );
    gateway.request();
    let again = gateway.request();
    assert!(again.contains(&home.field(&token, "activation-code")));
    up.stop();
}

#[test]
fn a_gateway_that_refuses_a_number_is_not_asked_again() {
    let home = Home::new();
    let up = Running::up(&home);
    let gateway = SmsGateway::start(&[400]);
    configure(&home, gateway.port(), JSON);
    let token = home.import(1).remove(0);
    let said = assign(&home, &token, BY_GATE).ok();
    assert!(
        said.contains("No activation code was sent")
            && said.contains("400 Bad Request taken <code> for 'Bearer <key>'"),
        "{said}"
    );
    // It repeats the key too, which is nobody's to read.
    let history = home.console("diagnose outbox history").ok();
    let events = home.console("execute log display").ok();
    for shown in [&said, &history, &events] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    assert!(events.contains("Bearer <key>"), "{events}");
    // The administrator hands the code over.
    assert!(
        said.contains(&home.field(&token, "activation-code")),
        "{said}"
    );
    assert!(home.nothing_waits());
    up.stop();
}

#[test]
fn who_has_no_sms_server_is_told_how_to_get_one() {
    let home = Home::new();
    let up = Running::up(&home);
    let token = home.import(1).remove(0);
    let said = assign(&home, &token, "").ok();
    assert!(
        said.contains("config system sms-server / edit fortiguard"),
        "{said}"
    );
    // An entry of that name stands for the service.
    let gateway = SmsGateway::start(&[200]);
    home.console(&format!(
        "config system sms-server\nedit fortiguard\n\
         set url \"http://127.0.0.1:{}/?to=%%PHONE%%&text=%%MESSAGE%%\"\nset method get\nend\n\
         execute fortitoken-mobile provision {token}",
        gateway.port()
    ))
    .ok();
    let request = gateway.request();
    assert!(
        request.starts_with("GET /?to=%2B491701234567&text=Your%20token"),
        "{request}"
    );
    up.stop();
}

#[test]
fn a_domain_makes_mails_into_sms() {
    let home = Home::new();
    let up = Running::up(&home);
    let port = free_port();
    home.console(&format!(
        "config system email-server\nset server 127.0.0.1\nset port {port}\nend\n\
         config system sms-server\nedit gate\nset mail-server sms.example.net\nend"
    ))
    .ok();
    let server = MailServer::start(&home, port, &[]);
    let token = home.import(1).remove(0);
    // A mail address is there too, and the way is set.
    let said = assign(
        &home,
        &token,
        &format!("{BY_GATE}\nset email-to a@example.org\nset two-factor-notification sms"),
    )
    .ok();
    assert!(said.contains(&format!("goes to {PHONE}")), "{said}");
    let code = home.field(&token, "activation-code");
    let mail = String::from_utf8(server.mail()).unwrap();
    assert!(
        server
            .session()
            .contains(&format!("to {PHONE}@sms.example.net")),
        "{}",
        server.session()
    );
    assert!(
        mail.contains(&code) && !mail.contains("image/png"),
        "{mail}"
    );
    up.stop();
}
