//! What customer service cures, from end to end: the cause, the text at the gateway's command line, the
//! desk's command, the cure. Symptoms by their id in docs/symptoms.md.
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
use std::process::Stdio;

use common::phone::enrol;
use common::store::accounts_from_before;
use common::{Home, Running, Said, after, at_offset, run, symbolon, tool};
use serde_json::Value;

const NEW: &str = "SYMBVM9999999999";
const TRIAL: &str = "0000-0000-0000-0000-0000";

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

fn serial(home: &Home) -> String {
    let serial = fs::read_to_string(home.data().join("gateway/serial")).unwrap();
    serial.trim().to_owned()
}

/// Carries the configuration over to another unit, which enrols as its own.
fn on_another_unit(home: &Home, up: Running) -> Running {
    up.stop();
    let gateway = home.data().join("gateway");
    fs::write(gateway.join("serial"), format!("{NEW}\n")).unwrap();
    fs::remove_file(gateway.join("gateway.pem")).unwrap();
    Running::up(home)
}

/// The command with the debug lines of the token server switched on.
fn watched(home: &Home, command: &str) -> Said {
    home.console(&format!(
        "diagnose fortitoken debug enable\ndiagnose debug enable\n{command}"
    ))
}

#[track_caller]
fn shows(said: &str, texts: &[&str]) {
    // Requests are printed with spaces after colons, answers without.
    let compact = said.replace(": ", ":");
    for text in texts {
        let found = said.contains(text) || compact.contains(&text.replace(": ", ":"));
        assert!(found, "no '{text}' in:\n{said}");
    }
}

fn json(home: &Home, words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.push("--json");
    serde_json::from_str(&home.desk(&words).ok()).unwrap()
}

/// The licence that a token came with.
fn licence_of(home: &Home, token: &str) -> String {
    let seen = json(home, &["look", token]);
    seen["token"]["licence"].as_str().unwrap().to_owned()
}

fn provision(home: &Home, token: &str) -> Said {
    watched(
        home,
        &format!("execute fortitoken-mobile provision {token}"),
    )
}

#[test]
fn symptom_01_a_licence_moves_to_the_gateway_that_has_its_tokens() {
    let (home, up) = system();
    let old = serial(&home);
    let token = home.import(2).remove(0);
    let up = on_another_unit(&home, up);
    let said = provision(&home, &token).refused();
    shows(
        &said,
        &[
            "\"error_code\": 31",
            "\"error_message\": \"token does not belong to product\"",
            "\"error_code\": 17",
            "\"error_message\": \"no valid token found\"",
            "Have customer service move the licence to this serial",
        ],
    );

    let seen = json(&home, &["look", &token]);
    assert_eq!(seen["token"]["product"], old.as_str());
    let licence = licence_of(&home, &token);
    let said = home
        .desk(&["move-licence", &licence, "--to", NEW, "--reason", "RMA 7"])
        .ok();
    shows(&said, &[&format!("belongs to {NEW}, with 2 tokens")]);
    // One that nobody imported has no phones.
    let issued = json(&home, &["issue-licence"]);
    let waits = issued["licence"].as_str().unwrap();
    let moving = ["move-licence", waits, "--to", NEW, "--reason", "RMA 7"];
    let said = home.desk(&moving).ok();
    shows(&said, &["nobody has imported it yet"]);
    assert!(!said.contains("phones"), "{said}");
    enrol(&home, "alice", &token);
    assert_eq!(home.status(&token), "provisioned");
    up.stop();
}

#[test]
fn symptom_02_a_product_that_is_not_registered_is_registered() {
    let (home, up) = system();
    let own = serial(&home);
    home.desk(&["unregister-product", &own, "--reason", "a mistake"])
        .ok();
    let said = watched(&home, &format!("execute fortitoken-mobile import {TRIAL}")).refused();
    let member = format!("{{\"sn\":\"{own}\",\"error\":\"Product is not registered\"}}");
    shows(
        &said,
        &[
            &member,
            "received error from forticare [-7571]",
            "import fortitoken license error: -7571",
            "Have customer service register the serial",
        ],
    );
    let said = home.desk(&["look", &own]).ok();
    shows(&said, &[&format!("symbolon desk register-product {own}")]);
    home.desk(&["register-product", &own]).ok();
    home.console(&format!("execute fortitoken-mobile import {TRIAL}"))
        .ok();
    up.stop();
}

#[test]
fn symptom_09_a_licence_past_its_date_is_renewed() {
    let (home, up) = system();
    let issued = home
        .desk(&["issue-licence", "--tokens", "1", "--valid-days", "1"])
        .ok();
    let (licence, late) = (after(&issued, "Licence:"), after(&issued, "Code:"));
    up.stop();
    let mut command = home.up();
    at_offset(&mut command, "+2d");
    let up = Running::start(&mut command, &home);
    let import = |code: &str| watched(&home, &format!("execute fortitoken-mobile import {code}"));
    shows(
        &import(late).refused(),
        &[
            "forticare license expired",
            "received error from forticare [-7564]",
            "import fortitoken license error: -7564",
        ],
    );
    let said = home.desk(&["look", late]).ok();
    shows(&said, &[&format!("symbolon desk renew-licence {licence}")]);
    let file = home.path("renewed.txt");
    let renewed = home
        .desk(&[
            "renew-licence",
            licence,
            "--certificate",
            file.to_str().unwrap(),
        ])
        .ok();
    let code = after(&renewed, "Code:");
    let certificate = fs::read_to_string(file).unwrap();
    shows(&certificate, &[code, licence]);
    let said = import(code).ok();
    shows(&said, &["1 token"]);
    // The code before is one that nobody issued.
    shows(&import(late).refused(), &["[-7560]"]);
    up.stop();
}

#[test]
fn symptom_12_a_licence_that_another_gateway_activated_is_moved() {
    let (home, up) = system();
    let old = serial(&home);
    let code = home.issue(2);
    home.console(&format!("execute fortitoken-mobile import {code}"))
        .ok();
    let tokens = json(&home, &["look", &code])["licence"]["stock"].clone();
    // Another gateway, with nothing of the old one's configuration.
    up.stop();
    fs::remove_dir_all(home.data().join("gateway")).unwrap();
    let up = Running::up(&home);
    let new = serial(&home);
    assert_ne!(new, old);
    let import = || watched(&home, &format!("execute fortitoken-mobile import {code}"));
    shows(
        &import().refused(),
        &[
            "forticare license already activated",
            "received error from forticare [-7561]",
            "import fortitoken license error: -7561",
            "have customer service move the licence to this gateway",
        ],
    );

    let seen = json(&home, &["look", &code]);
    assert_eq!(seen["licence"]["product"], old.as_str());
    assert_eq!(seen["found_by"], "licence-code");
    let licence = seen["licence"]["licence"].as_str().unwrap();
    home.desk(&[
        "move-licence",
        licence,
        "--to",
        &new,
        "--reason",
        "new unit",
    ])
    .ok();
    import().ok();
    let here = home.tokens_of(licence);
    assert_eq!(here.len(), 2);
    for token in tokens.as_array().unwrap() {
        assert!(here.iter().any(|it| token["token"] == it.as_str()));
    }
    enrol(&home, "alice", &here[0]);
    up.stop();
}

#[test]
fn symptom_33_a_trial_that_is_stuck_or_lost_is_looked_up_and_had_again() {
    let (home, up) = system();
    home.console(&format!("execute fortitoken-mobile import {TRIAL}"))
        .ok();
    let trial = home.tokens_of("FTMTRIAL");
    assert_eq!(trial.len(), 2);
    home.desk(&["lock-token", &trial[0], "--reason", "reported stolen"])
        .ok();
    let said = home.desk(&["look", &trial[0]]).ok();
    shows(
        &said,
        &["locked at the token server", "importing the trial again"],
    );
    home.console(&format!("config user fortitoken\ndelete {}\nend", trial[0]))
        .ok();
    home.console(&format!("execute fortitoken-mobile import {TRIAL}"))
        .ok();
    assert_eq!(home.tokens_of("FTMTRIAL"), trial);
    enrol(&home, "alice", &trial[0]);
    up.stop();
}

/// What is said of a command line that is none.
fn misread(home: &Home, words: &[&str]) -> String {
    let said = home.desk(words);
    assert_eq!(said.status.code(), Some(2), "{}{}", said.out, said.err);
    said.err
}

#[test]
fn an_account_whose_name_nobody_gets_any_more_is_served_by_it_and_renamed() {
    const NAMES: [&str; 4] = [
        "Example  Ltd",
        "Example\u{a0}Ltd",
        "Stadtwerke Ko\u{308}ln",
        "STADTWERKEBERLIN",
    ];
    let (home, up) = system();
    up.stop();
    accounts_from_before(&home, &NAMES);
    let up = Running::up(&home);
    for (number, name) in NAMES.into_iter().enumerate() {
        let serial = |kind: &str| format!("{kind}000000000000{number}");
        let (gateway, manager) = (serial("FGT"), serial("FMG"));
        let account = ["--account", name];
        for words in [
            &["register-product", &gateway][..],
            &["register-manager", &manager],
            &["issue-licence"],
            &[
                "open-ticket",
                "--old",
                &gateway,
                "--new",
                NEW,
                "--reason",
                "r",
            ],
            &["list-tickets"],
        ] {
            let words = [words, &account].concat();
            home.desk(&words).ok();
        }
        let shown = home.desk(&["account", name]).ok();
        shows(&shown, &[&gateway, "EFTM"]);
        home.desk(&["list-hardware", name]).ok();
        home.desk(&["list-accounts", "--after", name]).ok();
        let key = format!("{number}.pem");
        let agent = format!("agent-{number}");
        let add = ["add-agent", &agent, "--role", "account", "--certificate"];
        let key = home.path(&key);
        let key = [key.to_str().unwrap()];
        home.desk(&[&add[..], &key, &account].concat()).ok();
        let plain = format!("Customer {number}");
        home.desk(&["rename-account", name, &plain]).ok();
        shows(&home.desk(&["account", &plain]).ok(), &[&gateway, "EFTM"]);
        shows(
            &home.desk(&["account", name]).refused(),
            &["an account's name", "list-accounts"],
        );
        assert_eq!(
            home.desk(&["register-account", name]).status.code(),
            Some(2)
        );
    }
    up.stop();
}

#[test]
fn a_name_that_looks_like_another_is_refused_wherever_one_is_given() {
    let (home, up) = system();
    home.desk(&["register-account", "Example Ltd"]).ok();
    for c in ['\u{200b}', '\u{202e}', '\u{feff}'] {
        let name = format!("Example{c} Ltd");
        let shown = format!("the character '{}'", c.escape_unicode());
        for words in [
            &["register-account", &name][..],
            &["rename-account", "Example Ltd", &name],
        ] {
            shows(&misread(&home, words), &[&shown]);
        }
        for words in [
            &["register-product", "FGT0000000000001", "--account", &name][..],
            &["issue-licence", "--account", &name],
            &[
                "add-agent",
                "erin",
                "--role",
                "account",
                "--account",
                &name,
                "--certificate",
                "erin.pem",
            ],
        ] {
            let said = home.desk(words);
            assert!(!said.status.success(), "{}", said.out);
            shows(&said.err, &[&shown]);
        }
        let agent = format!("er{c}in");
        let words = [
            "add-agent",
            &agent,
            "--role",
            "read",
            "--certificate",
            "erin.pem",
        ];
        shows(&misread(&home, &words), &["lower-case letters"]);
    }
    up.stop();
}

#[test]
fn a_refusal_is_json_too_and_a_code_is_not_repeated() {
    let (home, up) = system();
    let unknown = "0123-4567-89AB-CDEF-0123";
    let said = home.desk(&["look", unknown, "--json"]).refused();
    let refusal: Value = serde_json::from_str(&said).unwrap();
    let message = refusal["error"]["message"].as_str().unwrap();
    assert!(message.contains("character by character"), "{message}");
    let code = home.issue(1);
    let mut look = symbolon();
    look.args(["desk", "look", "-", "--data"]).arg(home.data());
    let said = run(&mut look, &format!("{code}\n")).ok();
    shows(&said, &["EFTM000000000001", "issue-licence"]);
    for text in [said, home.log()] {
        assert!(!text.contains(&code) && !text.contains(unknown), "{text}");
    }
    up.stop();
}

/// `symbolon enrol` at the token server of this home.
fn enrol_gateway(home: &Home, words: &[&str]) -> Said {
    let mut enrol = symbolon();
    enrol
        .args([
            "enrol",
            "--server",
            &format!("https://{}", home.https),
            "--ca",
        ])
        .arg(home.authority())
        .arg("--identity")
        .arg(home.path("gateway.pem"))
        .args(words);
    run(&mut enrol, "")
}

/// Asks for trial tokens with a foreign client.
fn curl(home: &Home, serial: &str) -> String {
    let body = format!(
        r#"{{"d":{{"__type":"SoftToken.ActivationLicenseRequest","__version":"4","license_activation_code":"{TRIAL}","serial_number":"{serial}","__device_version":"7.0","__device_build":"2573","__clustered_sns":[{{"sn":"{serial}"}}]}}}}"#
    );
    let mut curl = tool("curl", "curl");
    curl.arg("--silent")
        .arg("--cacert")
        .arg(home.authority())
        .arg("--cert")
        .arg(home.path("gateway.pem"))
        .args(["--data", &body])
        .arg(format!(
            "https://{}/SoftToken/Provisioning.asmx/Process",
            home.https
        ));
    run(&mut curl, "").ok()
}

#[test]
fn a_gateway_elsewhere_enrols_renews_and_is_shut_out() {
    const ELSEWHERE: &str = "FGT0000000000042";
    let (home, up) = system();
    home.desk(&["register-product", ELSEWHERE]).ok();
    let code = json(&home, &["enrol", ELSEWHERE])["code"].clone();
    let code = code.as_str().unwrap();
    shows(&enrol_gateway(&home, &[]).refused(), &["needs --code"]);
    let said = enrol_gateway(&home, &["--code", code]).ok();
    shows(&said, &[ELSEWHERE, "is certified until"]);
    shows(&curl(&home, ELSEWHERE), &["FTMTRIAL", r#""result":2"#]);
    let said = enrol_gateway(&home, &["--code", code]).refused();
    shows(&said, &["used for another key"]);

    enrol_gateway(&home, &[]).ok();
    shows(&curl(&home, ELSEWHERE), &["FTMTRIAL"]);
    home.desk(&["revoke-certificates", ELSEWHERE, "--reason", "stolen"])
        .ok();
    shows(&curl(&home, ELSEWHERE), &["revoked; enrol it anew"]);
    shows(
        &enrol_gateway(&home, &[]).refused(),
        &["revoked; enrol it anew"],
    );
    assert!(!home.log().contains(code));
    up.stop();
}

#[test]
fn whoever_reads_the_beginning_alone_breaks_nothing() {
    let (home, up) = system();
    for form in [&["list-accounts"][..], &["--json", "list-accounts"]] {
        let mut desk = symbolon()
            .arg("desk")
            .args(form)
            .arg("--data")
            .arg(home.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(desk.stdout.take());
        let ended = desk.wait_with_output().unwrap();
        assert!(
            ended.status.success() && ended.stderr.is_empty(),
            "{ended:?}"
        );
    }
    up.stop();
}
