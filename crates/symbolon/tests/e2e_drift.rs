//! A token whose clock went wrong: the next code is asked for over each way in, and two that follow each other let in.
//! The codes are `oathtool`'s, of a machine whose clock is wrong.
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
use std::process::Command;

use common::https_gateway::Gateway;
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, SECRET, run, symbolon, tool};

const TOKEN: &str = "FTK2000BHV1KRZCC";
const SEED: &str = "3132333435363738393031323334353637383930";
const CLIENT: &str = "127.0.0.1";

/// A gateway with a user whose token is a device with this seed.
fn started() -> Gateway {
    let gateway = Gateway::start();
    let home = &gateway.home;
    let table = home.path("tokens.csv");
    fs::write(&table, format!("{TOKEN},{SEED}\n")).unwrap();
    home.desk(&["import-hardware", table.to_str().unwrap()])
        .ok();
    home.console(&format!("config user fortitoken\nedit {TOKEN}\nend"))
        .ok();
    home.radius_client("vpn", CLIENT, "");
    home.user("alice", TOKEN);
    gateway
}

/// The code that the device shows where its clock is off by so many minutes, and the next.
fn two_shown(minutes: i32) -> (String, String) {
    let mut oathtool = tool("oathtool", "oathtool");
    oathtool.args(["--totp=sha1", "-s", "60s", "-w", "1", "--now"]);
    oathtool.arg(format!("{minutes:+} minutes")).arg(SEED);
    let codes = run(&mut oathtool, "").ok();
    let (first, next) = codes.trim().split_once('\n').unwrap();
    (first.to_owned(), next.to_owned())
}

fn shown(minutes: i32) -> String {
    two_shown(minutes).0
}

fn question(code: &str) -> String {
    format!(
        "FortiToken clock drift detected (code: {code}). Please input the next code and continue"
    )
}

fn drift(home: &Home) -> i32 {
    let shown = home.console("diagnose fortitoken info").ok();
    let line = shown.lines().find(|line| line.starts_with(TOKEN)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[track_caller]
fn has_learned(home: &Home, minutes: i32) {
    // A minute may have ended between the two codes and the login.
    let drift = drift(home);
    assert!((minutes - 1..=minutes).contains(&drift), "drift {drift}");
}

#[test]
fn over_radius_the_next_code_is_asked_for_again_until_it_comes() {
    let gateway = started();
    let home = &gateway.home;
    let vpn = Vpn::new(home, CLIENT);
    let (first, next) = two_shown(-20);
    let asked = vpn.log_in("alice", &first);
    assert!(
        matches!(&asked, Answer::Challenge(_, text) if *text == question(&first)),
        "{asked:?}"
    );
    home.login_says("alice", "refused: clock-slow");
    home.login_says("alice", "steps slow; the next code was asked for");
    // Too early, mistyped, and one of another time: the answer asks for the next.
    let again = vpn.answer("alice", &first, &asked);
    let mistyped = vpn.answer("alice", "12", &again);
    let asked = vpn.answer("alice", &first, &mistyped);
    for asked in [&again, &mistyped, &asked] {
        assert!(
            matches!(asked, Answer::Challenge(_, text) if *text == question(&first)),
            "{asked:?}"
        );
    }
    assert_eq!(vpn.answer("alice", &next, &asked), Answer::Accept);
    has_learned(home, -19);
    assert_eq!(vpn.log_in("alice", &next), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    assert_eq!(vpn.log_in("alice", &shown(-18)), Answer::Accept);
    // Whoever cannot be asked is refused as for any wrong code.
    home.radius_client("gate", "127.0.0.9", "set code-position after-password");
    let gate = Vpn::new(home, "127.0.0.9");
    let appended = format!("{PASSWORD}{}", shown(10));
    assert_eq!(gate.ask("alice", &appended), Answer::Reject);
    home.login_says("alice", "refused: clock-fast");
    gateway.up.stop();
}

/// What is posted to `/remote/logincheck` is answered with.
fn post(gateway: &Gateway, form: &str) -> String {
    let said = run(&mut gateway.curl("/remote/logincheck"), form).ok();
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

/// The challenge after the password, as its answer names it.
fn challenged(gateway: &Gateway) -> String {
    answers(&post(
        gateway,
        &format!("username=alice&credential={PASSWORD}&realm="),
    ))
}

fn answers(challenge: &str) -> String {
    let value = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=")).expect(challenge);
        rest.split(',').next().unwrap().to_owned()
    };
    format!(
        "username=alice&realm=&reqid={}&polid={}",
        value("ret=2,reqid"),
        value(",polid")
    )
}

#[test]
fn vpn_clients_send_the_next_code_alone_or_both_codes() {
    let gateway = started();
    let let_in = "ret=1,redir=/remote/fortisslvpn_xml";
    let (first, next) = two_shown(5);
    let open = challenged(&gateway);
    let asked = post(&gateway, &format!("{open}&code={first}&code2="));
    assert!(
        asked.ends_with(&format!(",tokeninfo=,chal_msg={}", question(&first))),
        "{asked}"
    );
    let open = answers(&asked);
    let granted = post(&gateway, &format!("{open}&code={next}&code2="));
    assert_eq!(granted, let_in);
    has_learned(&gateway.home, 6);

    // In the answer to the drift prompt the first code stands where it stood.
    let (first, next) = two_shown(12);
    let open = challenged(&gateway);
    let open = answers(&post(&gateway, &format!("{open}&code={first}")));
    let granted = post(&gateway, &format!("{open}&code={first}&code2={next}"));
    assert_eq!(granted, let_in);

    // Both at once.
    let (first, next) = two_shown(20);
    let open = challenged(&gateway);
    let granted = post(&gateway, &format!("{open}&code={first}&code2={next}"));
    assert_eq!(granted, let_in);
    has_learned(&gateway.home, 21);

    // openconnect shows what is asked and sends what is typed.
    let mut openconnect = tool("openconnect", "openconnect");
    openconnect
        .args(["--protocol=fortinet", "--authenticate", "--passwd-on-stdin"])
        .args(["--user", "alice"])
        .arg(format!("--servercert=pin-sha256:{}", gateway.pin()))
        .arg(gateway.url("/"));
    let (first, next) = two_shown(30);
    let said = run(&mut openconnect, &format!("{PASSWORD}\n{first}\n{next}\n"));
    assert!(said.err.contains(&question(&first)), "{said:?}");
    assert!(said.ok().contains("COOKIE='SVPNCOOKIE="));
    gateway.up.stop();
}

#[test]
fn applications_and_symbolon_login_ask_for_it_too() {
    let gateway = started();
    let home = &gateway.home;
    home.console(&format!(
        "config user verification-client\nedit portal\nset subnet 127.0.0.1/32\nset secret {SECRET}\nend"
    ))
    .ok();
    let asks = |path: &str, form: &str| -> serde_json::Value {
        let mut curl = gateway.curl(path);
        let said = run(curl.args(["--user", &format!("portal:{SECRET}")]), form).ok();
        let (_, body) = said.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    };
    let own = |form: &str| asks("/api/v1/auth/", form);
    let (first, next) = two_shown(5);
    let state = |answer: &serde_json::Value| answer["state"].as_str().unwrap().to_owned();
    let open = state(&own(&format!("username=alice&password={PASSWORD}")));
    let asked = own(&format!("username=alice&state={open}&token_code={first}"));
    assert_eq!(asked["status"], "challenge");
    assert_eq!(asked["message"], question(&first));
    let open = state(&asked);
    let granted = own(&format!("username=alice&state={open}&token_code={next}"));
    assert_eq!(granted["status"], "accepted");

    let plugin = |form: &str| asks("/validate/check", form);
    let (first, next) = two_shown(15);
    let transaction = |answer: &serde_json::Value| {
        let id = answer["detail"]["transaction_id"].as_str();
        id.unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let open = transaction(&plugin(&format!("user=alice&pass={PASSWORD}")));
    let asked = plugin(&format!("user=alice&pass={first}&transaction_id={open}"));
    assert_eq!(asked["detail"]["message"], question(&first));
    let open = transaction(&asked);
    let granted = plugin(&format!("user=alice&pass={next}&transaction_id={open}"));
    assert_eq!(granted["result"]["value"], true, "{granted}");

    let secret = home.path("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let (first, next) = two_shown(25);
    let mut login: Command = symbolon();
    login.args(["login", "alice", "--timeout", "3", "--server"]);
    login.arg(home.radius.to_string());
    login.arg("--secret-file").arg(secret);
    let said = run(&mut login, &format!("{PASSWORD}\n{first}\n{next}\n"));
    assert_eq!(said.ok(), "alice is let in\n");
    gateway.up.stop();
}
