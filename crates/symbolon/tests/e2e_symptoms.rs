//! The symptoms of docs/symptoms.md from end to end: the cause, the text as it is seen, the next step,
//! the cure. Those of RADIUS and mail are beside their other tests.
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

use common::phone::{PIN, Phone, activation_code, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, Running, Said, after, at_offset, run, symbolon};

const TRIAL: &str = "0000-0000-0000-0000-0000";

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

/// The same system, its clock moved on.
fn up_at(home: &Home, offset: &str) -> Running {
    let mut command = home.up();
    at_offset(&mut command, offset);
    Running::start(&mut command, home)
}

fn import(home: &Home, code: &str) -> Said {
    home.console(&format!("execute fortitoken-mobile import {code}"))
}

/// The trial tokens after an import of them.
fn import_trial(home: &Home) -> Vec<String> {
    let said = import(home, TRIAL).ok();
    let licence = said
        .split_whitespace()
        .nth(1)
        .unwrap()
        .trim_end_matches(':');
    assert!(licence.starts_with("FTMTRIAL"), "{said}");
    home.tokens_of(licence)
}

fn delete(home: &Home, tokens: &[String]) {
    let list = tokens.join("\ndelete ");
    home.console(&format!("config user fortitoken\ndelete {list}\nend"))
        .ok();
}

/// Provisions with the debug lines of the token server switched on.
fn provision_watched(home: &Home, token: &str) -> Said {
    home.console(&format!(
        "diagnose fortitoken debug enable\ndiagnose debug enable\n\
         execute fortitoken-mobile provision {token}"
    ))
}

fn provision(home: &Home, token: &str) -> String {
    let said = home.console(&format!("execute fortitoken-mobile provision {token}"));
    activation_code(&said.ok())
}

#[test]
fn symptom_01_trial_tokens_of_a_gateway_that_was_replaced() {
    let (home, up) = system();
    let old = import_trial(&home);
    assert_eq!(old.len(), 2);
    up.stop();
    // The configuration is carried over to another unit.
    let gateway = home.data().join("gateway");
    fs::write(gateway.join("serial"), "SYMBVM9999999999\n").unwrap();
    fs::remove_file(gateway.join("gateway.pem")).unwrap();
    let up = Running::up(&home);

    let said = provision_watched(&home, &old[0]).refused();
    for text in [
        "\"error_code\": 31",
        "\"error_message\": \"token does not belong to product\"",
        "\"error_code\": 17",
        "\"error_message\": \"no valid token found\"",
    ] {
        let (loose, compact) = (text, text.replace(": ", ":"));
        assert!(
            said.contains(loose) || said.contains(&compact),
            "no {text} in:\n{said}"
        );
    }
    assert!(
        said.contains("delete it and import the trial tokens again"),
        "{said}"
    );

    delete(&home, &old);
    let new = import_trial(&home);
    assert_eq!(new.len(), 2);
    enrol(&home, "alice", &new[0]);
    assert_eq!(home.status(&new[0]), "provisioned");
    up.stop();
}

#[test]
fn symptom_09_a_licence_past_its_date_is_replaced() {
    let (home, up) = system();
    let issued = home
        .desk(&["issue-licence", "--tokens", "1", "--valid-days", "1"])
        .ok();
    let late = after(&issued, "Code:").to_owned();
    up.stop();
    let up = up_at(&home, "+2d");
    let said = home
        .console(&format!(
            "diagnose fortitoken debug enable\ndiagnose debug enable\n\
             execute fortitoken-mobile import {late}"
        ))
        .refused();
    for text in [
        "forticare license expired",
        "received error from forticare [-7564]",
        "import fortitoken license error: -7564",
        "Ask for a new code",
    ] {
        assert!(said.contains(text), "no '{text}' in:\n{said}");
    }
    assert_eq!(home.import(1).len(), 1);
    up.stop();
}

#[test]
fn symptom_10_an_unknown_licence_code_is_compared_and_typed_again() {
    let (home, up) = system();
    let code = home.issue(1);
    let last = if code.ends_with('0') { "1" } else { "0" };
    let said = import(&home, &(code[..code.len() - 1].to_owned() + last)).refused();
    assert!(
        said.contains("import fortitoken license error: -7560"),
        "{said}"
    );
    assert!(said.contains("character by character"), "{said}");
    import(&home, &code).ok();
    up.stop();
}

#[test]
fn symptom_11_locked_trial_tokens_stand_in_the_way_of_a_licence() {
    let (home, up) = system();
    let trial = import_trial(&home);
    home.desk(&["lock-token", &trial[0], "--reason", "reported stolen"])
        .ok();
    let code = home.issue(1);
    let said = home
        .console(&format!(
            "diagnose fortitoken debug enable\ndiagnose debug enable\n\
             execute fortitoken-mobile import {code}"
        ))
        .refused();
    for text in [
        "forticare unkown error",
        "received error from forticare [-7549]",
        "import fortitoken license error: -7549",
        "delete",
        TRIAL,
    ] {
        assert!(said.contains(text), "no '{text}' in:\n{said}");
    }
    delete(&home, &trial);
    assert_eq!(import_trial(&home), trial);
    import(&home, &code).ok();
    up.stop();
}

#[test]
fn symptom_12_a_licence_that_was_activated_before_is_found() {
    let (home, up) = system();
    let code = home.issue(2);
    let first = import(&home, &code).ok();
    let licence = first
        .split_whitespace()
        .nth(1)
        .unwrap()
        .trim_end_matches(':');
    let said = import(&home, &code).refused();
    assert!(
        said.contains("import fortitoken license error: -7561"),
        "{said}"
    );
    assert!(
        said.contains("Look for its tokens with `show user fortitoken`"),
        "{said}"
    );
    let shown = home
        .console(&format!("show user fortitoken | grep {licence}"))
        .ok();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    // They are lost, and the licence is this gateway's own.
    delete(&home, &home.tokens_of(licence));
    import(&home, &code).refused();
    let reset = [
        "reset-import",
        licence,
        "--reason",
        "put back from a backup",
    ];
    let said = home.desk(&reset).ok();
    assert!(said.contains("once more"), "{said}");
    assert!(home.desk(&reset).ok().contains("already"));
    import(&home, &code).ok();
    assert_eq!(home.tokens_of(licence).len(), 2);
    import(&home, &code).refused();
    up.stop();
}

#[test]
fn symptom_15_and_29_a_new_code_moves_a_token_from_the_phone_that_was_lost() {
    let (home, up) = system();
    home.radius_client("vpn1", "127.0.0.1", "");
    let vpn = Vpn::new(&home, "127.0.0.1");
    let token = home.import(1).remove(0);
    let code = activation_code(&home.user("alice", &token));
    let lost = Phone::new(&home, "alice");
    lost.add(&code, "work").ok();
    home.console("execute fortitoken-mobile poll").ok();

    let new = Phone::new(&home, "alice, the new one");
    let said = new.add(&code, "work").refused();
    assert!(
        said.contains("Failed. Forticare: FTM token Activation Code is invalid"),
        "{said}"
    );
    assert!(
        said.contains("ask the administrator for a new activation code"),
        "{said}"
    );

    let code = provision(&home, &token);
    // Already before the new phone has it.
    assert_eq!(vpn.log_in("alice", &lost.code("work")), Answer::Reject);
    home.login_says("alice", "refused: code-of-other-token");
    new.add(&code, "work").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(vpn.log_in("alice", &lost.code("work")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &new.code("work")), Answer::Accept);
    up.stop();
}

#[test]
fn symptom_16_two_tokens_on_one_phone_have_one_registration() {
    let (home, up) = system();
    let tokens = home.import(2);
    let phone = Phone::new(&home, "alice and bob");
    for (user, token) in ["alice", "bob"].into_iter().zip(&tokens) {
        phone
            .add(&activation_code(&home.user(user, token)), user)
            .ok();
    }
    home.console("execute fortitoken-mobile poll").ok();
    let registration = home.field(&tokens[0], "reg-id");
    assert_eq!(registration.len(), 64);
    assert_eq!(home.field(&tokens[1], "reg-id"), registration);
    assert_ne!(phone.code("alice"), phone.code("bob"));
    up.stop();
}

#[test]
fn symptom_17_and_18_a_code_that_nobody_used_in_time_is_made_anew() {
    let (home, up) = system();
    home.radius_client("vpn1", "127.0.0.1", "");
    let token = home.import(1).remove(0);
    let late = activation_code(&home.user("alice", &token));
    assert_eq!(home.status(&token), "provisioning");
    up.stop();

    let up = up_at(&home, "+73h");
    assert_eq!(home.status(&token), "provision timeout");
    let phone = Phone::new(&home, "alice").at("+73h");
    let said = phone.add(&late, "work").refused();
    assert!(
        said.contains("FortiCare : provision code not exist"),
        "{said}"
    );
    assert!(
        said.contains("Ask the administrator for a new activation code."),
        "{said}"
    );
    let vpn = Vpn::new(&home, "127.0.0.1");
    assert_eq!(vpn.ask("alice", common::PASSWORD), Answer::Reject);
    let said = home.login_says("alice", "refused: token-provision-timeout");
    assert!(
        said.contains("execute fortitoken-mobile provision SERIAL"),
        "{said}"
    );

    phone.add(&provision(&home, &token), "work").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(home.status(&token), "provisioned");
    assert_eq!(vpn.log_in("alice", &phone.code("work")), Answer::Accept);
    up.stop();
}

#[test]
fn symptom_19_a_code_with_a_wrong_character_is_typed_again() {
    let (home, up) = system();
    let token = home.import(1).remove(0);
    let code = activation_code(&home.user("alice", &token));
    let phone = Phone::new(&home, "alice");
    let said = phone.add(&mistyped(&code), "work").refused();
    assert!(
        said.contains("FTM Server: Token code doesn't exist"),
        "{said}"
    );
    assert!(
        said.contains("ask the administrator whether the token is assigned"),
        "{said}"
    );
    assert_eq!(home.status(&token), "provisioning");
    phone.add(&code.to_lowercase(), "work").ok();
    up.stop();
}

/// The code with another last character.
fn mistyped(code: &str) -> String {
    let (rest, last) = code.split_at(code.len() - 1);
    rest.to_owned() + if last == "A" { "B" } else { "A" }
}

#[test]
fn symptom_20_a_token_that_the_app_has_already_takes_the_place_of_its_entry() {
    let (home, up) = system();
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    let code = provision(&home, &token);
    phone.add(&code, "again").ok();
    phone.code("again");
    let said = phone.app(&["code", "alice"]).refused();
    assert!(said.contains("no token here is called alice"), "{said}");
    up.stop();
}

#[test]
fn symptom_22_ten_wrong_pins_empty_the_app_and_a_new_code_fills_it() {
    let (home, up) = system();
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    phone.set_pin("9999");
    for left in (1..10).rev() {
        let said = phone.app(&["code"]).refused();
        assert!(said.contains(&format!("{left} tr")), "{left}: {said}");
        assert!(
            said.contains("After the last try all tokens here are destroyed."),
            "{said}"
        );
    }
    let said = phone.app(&["code"]).refused();
    assert!(
        said.contains("Ask the administrator for new activation codes."),
        "{said}"
    );
    phone.set_pin(PIN);
    let said = phone.app(&["code"]).refused();
    assert!(said.contains("there is no token in this app yet"), "{said}");
    assert!(said.contains("symbolon app add"), "{said}");
    phone.add(&provision(&home, &token), "work").ok();
    phone.code("work");
    up.stop();
}

#[test]
fn symptom_32_a_bought_licence_is_entered_and_its_token_reaches_a_phone() {
    let (home, up) = system();
    let issued = home.desk(&["issue-licence", "--tokens", "3"]).ok();
    let line = after(&issued, "On the gateway:");
    assert!(
        line.starts_with("execute fortitoken-mobile import "),
        "{line}"
    );
    let said = home.console(line).ok();
    assert!(said.contains("3 tokens imported"), "{said}");
    let licence = said
        .split_whitespace()
        .nth(1)
        .unwrap()
        .trim_end_matches(':');
    let token = home.tokens_of(licence).remove(0);
    let said = home.desk(&["show", &token]).ok();
    assert!(said.contains(licence), "{said}");

    // A phone takes the code as the start of the system says.
    let code = activation_code(&home.user("alice", &token));
    let line = after(&up.greeting, "phones").replace("CODE", &code);
    let words: Vec<&str> = line.strip_prefix("symbolon ").unwrap().split(' ').collect();
    let pin = home.path("pin");
    fs::write(&pin, "2741\n").unwrap();
    let mut phone = symbolon();
    phone
        .args(words)
        .arg("--pin-file")
        .arg(&pin)
        .arg("--data")
        .arg(home.path("vault"));
    phone.arg("--secrets").arg(home.path("secrets"));
    run(&mut phone, "").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(home.status(&token), "provisioned");
    up.stop();
}

#[test]
fn symptom_33_each_product_has_two_trial_tokens() {
    let (home, up) = system();
    let trial = import_trial(&home);
    assert_eq!(trial.len(), 2);
    assert_eq!(
        import_trial(&home),
        trial,
        "an import again brings the same two"
    );
    enrol(&home, "alice", &trial[1]);
    assert_eq!(home.status(&trial[1]), "provisioned");
    up.stop();
}

const DEVICE: &str = "FTK2000BHV1KRZCC";

/// The status of a token and what is said of it when it is asked for alone.
fn explained(home: &Home, token: &str) -> String {
    home.console(&format!("diagnose fortitoken info {token}"))
        .ok()
}

#[test]
fn symptom_04_a_seed_of_another_unit_is_deleted_and_the_token_added_again() {
    let (home, up) = system();
    home.console(&format!(
        "config user fortitoken\nedit {DEVICE}\nset seed ENC c2VhbGVkIGJ5IGFub3RoZXIgdW5pdA==\nnext\nend"
    ))
    .ok();
    // A seed is shown, and yet an error.
    let shown = home.console("show full-configuration | grep -f FTK").ok();
    assert!(
        shown.contains("set seed ENC c2VhbGVkIGJ5IGFub3RoZXIgdW5pdA=="),
        "{shown}"
    );
    assert_eq!(
        home.status(DEVICE),
        "token already activated, and seed won't be returned"
    );
    let said = explained(&home, DEVICE);
    assert!(
        said.contains("taken over with the configuration of another unit"),
        "{said}"
    );
    assert!(
        said.contains(&format!("delete {DEVICE} / edit {DEVICE} / end")),
        "{said}"
    );

    // Its addition activates it: the token server is asked.
    home.console(&format!("config user fortitoken\ndelete {DEVICE}\nend"))
        .ok();
    let said = home.console(&format!(
        "diagnose fortitoken debug enable\ndiagnose debug enable\n\
         config user fortitoken\nedit {DEVICE}\nend"
    ));
    assert!(
        said.out.contains("SoftToken.HardwareActivationRequest"),
        "{}",
        said.out
    );
    let shown = home.console(&format!("show user fortitoken {DEVICE}")).ok();
    assert!(!shown.contains("set seed"), "{shown}");
    up.stop();
}

#[test]
fn symptom_05_and_08_a_token_without_a_seed_that_the_token_server_does_not_know() {
    let (home, up) = system();
    home.console(&format!("config user fortitoken\nedit {DEVICE}\nend"))
        .refused();
    let shown = home.console("show user fortitoken").ok();
    assert!(!shown.contains("set seed"), "{shown}");
    let said = home
        .console(&format!(
            "diagnose debug disable\ndiagnose debug reset\ndiagnose debug console timestamp enable\n\
             diagnose debug application forticldd 255\ndiagnose fortitoken debug enable\n\
             diagnose debug enable\nexecute fortitoken activate {DEVICE}"
        ))
        .refused();
    for text in [
        "SoftToken.HardwareActivationRequest",
        "received error from forticare [-7662]",
        &format!("activate fortitoken {DEVICE} error: -7662"),
        "The token server has no hardware token with this serial.",
    ] {
        assert!(said.contains(text), "no '{text}' in:\n{said}");
    }
    assert_eq!(
        home.status(DEVICE),
        "activation error (token not exist in FortiGuard)"
    );
    let said = explained(&home, DEVICE);
    assert!(
        said.contains("compare the serial with the token's back"),
        "{said}"
    );
    // Hardware tokens alone are activated.
    let mobile = home.import(1).remove(0);
    let said = home
        .console(&format!("execute fortitoken activate {mobile}"))
        .refused();
    assert!(
        said.contains(&format!("execute fortitoken-mobile provision {mobile}")),
        "{said}"
    );
    up.stop();
}
