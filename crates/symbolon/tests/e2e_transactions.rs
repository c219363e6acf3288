//! Transactions of plug-ins of other token servers: they outlive mistypes, and are polled for what the phone says.
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

use common::https_gateway::Gateway;
use common::phone::{Phone, enrol};
use common::{PASSWORD, SECRET, run, until};
use serde_json::Value;

/// A gateway whose phones are asked, with an application `portal` and alice's phone.
fn system(settings: &str) -> (Gateway, Phone) {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.console(&format!(
        "config user verification-client\nedit portal\nset subnet 127.0.0.1/32\nset secret {SECRET}\n\
         {settings}\nend\nconfig user setting\nset reject-delay 0\nend\n\
         config system ftm-push\nset status enable\nend"
    ))
    .ok();
    let phone = enrol(home, "alice", &home.import(1).remove(0));
    (gateway, phone)
}

trait Plugin {
    fn asks(&self, options: &[&str], path: &str, form: &str) -> Value;

    fn checks(&self, form: &str) -> Value {
        self.asks(&[], "/validate/check", form)
    }

    /// What a plug-in polls for: whether to go on, and how it stands.
    fn polls(&self, transaction: &str) -> (bool, String) {
        let path = format!("/validate/polltransaction/{transaction}");
        let said = self.asks(&["--get"], &path, "");
        let value = said["result"]["value"].as_bool().unwrap();
        assert_eq!(said["result"].get("authentication"), None, "{said}");
        (value, text(&said["detail"]["challenge_status"]))
    }
}

impl Plugin for Gateway {
    fn asks(&self, options: &[&str], path: &str, form: &str) -> Value {
        let mut curl = self.curl(path);
        curl.args(["--user", &format!("portal:{SECRET}")]);
        let said = run(curl.args(options), form).ok();
        serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).into()
}

fn verdict(said: &Value) -> String {
    text(&said["result"]["authentication"])
}

/// A transaction that waits for the phone, and the number that it shows.
#[track_caller]
fn pushed(said: &Value) -> (String, String) {
    assert_eq!(verdict(said), "CHALLENGE", "{said}");
    let one = &said["detail"]["multi_challenge"][0];
    assert_eq!(
        (&one["type"], &one["client_mode"]),
        (&"push".into(), &"poll".into())
    );
    let question = text(&one["message"]);
    let number = question.chars().filter(char::is_ascii_digit).collect();
    (text(&one["transaction_id"]), number)
}

fn begin() -> String {
    format!("user=alice&pass={PASSWORD}")
}

fn goes_on(transaction: &str, pass: &str) -> String {
    format!("user=alice&transaction_id={transaction}&pass={pass}")
}

#[test]
fn a_push_is_sent_with_the_challenge_polled_for_and_finished() {
    let (gateway, phone) = system("set push at-once");
    let (transaction, number) = pushed(&gateway.checks(&begin()));
    assert_eq!(gateway.polls(&transaction), (false, "pending".into()));
    // Who goes on too early is asked to wait, and nothing is counted.
    let early = gateway.checks(&goes_on(&transaction, ""));
    assert_eq!(pushed(&early), (transaction.clone(), number.clone()));
    phone.app(&["push", "--approve", &number]).ok();
    until("the phone's word is here", || {
        gateway.polls(&transaction) == (true, "accept".into())
    });
    // Nobody else's application, and nobody else, goes on with it.
    let other = gateway.checks(&format!("user=bob&transaction_id={transaction}&pass="));
    assert_eq!(verdict(&other), "REJECT");
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, ""))),
        "ACCEPT"
    );
    let logins = gateway.home.console("diagnose login show").ok();
    assert!(logins.contains("approved on the phone"), "{logins}");
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, ""))),
        "REJECT"
    );
    assert_eq!(gateway.polls(&transaction), (false, "declined".into()));

    let (transaction, _) = pushed(&gateway.checks(&begin()));
    phone.app(&["push", "--deny"]).ok();
    until("the denial is here", || {
        gateway.polls(&transaction) == (false, "declined".into())
    });
    gateway.home.login_says("alice", "refused: push-denied");
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, ""))),
        "REJECT"
    );

    // The code does too, also after a mistype; then the phone lets nobody in.
    let (transaction, number) = pushed(&gateway.checks(&begin()));
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, "000000"))),
        "REJECT"
    );
    assert_eq!(gateway.polls(&transaction), (false, "pending".into()));
    let code = phone.code("alice");
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, &code))),
        "ACCEPT"
    );
    phone.app(&["push", "--approve", &number]);
    assert_eq!(gateway.polls(&transaction), (false, "declined".into()));
    gateway.up.stop();
}

#[test]
fn where_a_push_is_on_request_or_cannot_be_sent_the_code_is_asked_for() {
    let (gateway, phone) = system("");
    let offered = gateway.checks(&begin());
    assert_eq!(offered["detail"]["multi_challenge"][0]["type"], "totp");
    let transaction = text(&offered["detail"]["transaction_id"]);
    assert_eq!(gateway.polls(&transaction), (false, "pending".into()));
    let (same, number) = pushed(&gateway.checks(&goes_on(&transaction, "")));
    assert_eq!(same, transaction);

    // One at a time: the next login goes on with a code, and the first is not disturbed.
    gateway
        .home
        .console("config user verification-client\nedit portal\nset push at-once\nend")
        .ok();
    let second = gateway.checks(&begin());
    assert_eq!(second["detail"]["multi_challenge"][0]["type"], "totp");
    gateway
        .home
        .login_says("alice", "refused: push-outstanding");
    let second = text(&second["detail"]["transaction_id"]);
    let code = phone.code("alice");
    assert_eq!(verdict(&gateway.checks(&goes_on(&second, &code))), "ACCEPT");
    phone.app(&["push", "--approve", &number]).ok();
    until("the phone's word is here", || gateway.polls(&transaction).0);
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, ""))),
        "ACCEPT"
    );

    // A wrong number is no approval, and counts once the login goes on.
    let (transaction, number) = pushed(&gateway.checks(&begin()));
    let wrong = if number == "00" { "01" } else { "00" };
    phone.app(&["push", "--approve", wrong]).ok();
    until("the phone's word is here", || {
        gateway.polls(&transaction) == (false, "declined".into())
    });
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, ""))),
        "REJECT"
    );
    gateway
        .home
        .login_says("alice", "refused: push-number-wrong");
    gateway.up.stop();
}

#[test]
fn an_application_that_checks_passwords_itself_has_people_asked() {
    let (gateway, phone) = system("set code-position code-only\nset push at-once");
    let triggered = gateway.asks(&[], "/validate/triggerchallenge", "user=alice");
    let (transaction, number) = pushed(&triggered);
    phone.app(&["push", "--approve", &number]).ok();
    until("the phone's word is here", || gateway.polls(&transaction).0);
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, ""))),
        "ACCEPT"
    );
    // Five in an hour; then codes are asked for.
    for _ in 0..4 {
        let (transaction, _) =
            pushed(&gateway.asks(&[], "/validate/triggerchallenge", "user=alice"));
        phone.app(&["push", "--deny"]).ok();
        until("the denial is here", || !gateway.polls(&transaction).0);
    }
    gateway.home.console("diagnose login unlock alice").ok();
    let sixth = gateway.asks(&[], "/validate/triggerchallenge", "user=alice");
    assert_eq!(
        sixth["detail"]["multi_challenge"][0]["type"], "totp",
        "{sixth}"
    );
    gateway.home.login_says("alice", "refused: push-too-many");
    gateway.up.stop();
}

#[test]
fn a_mistype_counts_and_leaves_the_transaction_open() {
    let (gateway, phone) = system("");
    let transaction = text(&gateway.checks(&begin())["detail"]["transaction_id"]);
    for mistype in ["000000", "12345", "12345678"] {
        let said = gateway.checks(&goes_on(&transaction, mistype));
        assert_eq!(verdict(&said), "REJECT");
    }
    gateway.home.login_says("alice", "refused: code-malformed");
    let code = phone.code("alice");
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, &code))),
        "ACCEPT"
    );
    assert_eq!(
        verdict(&gateway.checks(&goes_on(&transaction, &code))),
        "REJECT"
    );
    gateway
        .home
        .login_says("alice", "refused: challenge-unknown");
    // They count: after five none is looked at for a while.
    let transaction = text(&gateway.checks(&begin())["detail"]["transaction_id"]);
    for _ in 0..6 {
        gateway.checks(&goes_on(&transaction, "000000"));
    }
    gateway.home.login_says("alice", "refused: code-throttled");
    gateway.up.stop();
}
