//! `diagnose login test`: a login is tried out for a user whose token is on a phone, by an administrator over SSH. It is
//! decided as `radclient` sees it decided, and nothing of it is spent.
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

use common::phone::{Phone, enrol};
use common::radius::{Answer, Vpn};
use common::ssh::{Ssh, first_login};
use common::{Home, PASSWORD, Running, run};

const CLIENT: &str = "127.0.0.1";

struct Scene {
    home: Home,
    running: Running,
    admin: Ssh,
    phone: Phone,
    token: String,
}

fn scene() -> Scene {
    let home = Home::with_ssh();
    let running = Running::up(&home);
    let admin = first_login(&home, &running);
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    home.radius_client("vpn", CLIENT, "");
    Scene {
        home,
        running,
        admin,
        phone,
        token,
    }
}

impl Scene {
    fn code(&self) -> String {
        self.phone.code("alice")
    }

    fn log_in(&self, code: &str) -> Answer {
        Vpn::new(&self.home, CLIENT).log_in("alice", code)
    }
}

fn test(password: &str, code: &str) -> String {
    format!("diagnose login test alice {password} {code}")
}

fn has(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "no '{line}' in:\n{said}");
    }
}

#[test]
fn what_is_typed_unseen_is_decided_as_a_login_and_not_spent() {
    let scene = scene();
    let code = scene.code();
    let mut terminal = scene.admin.terminal();
    terminal.expect("symbolon # ");
    terminal.type_in("diagnose login test EXAMPLE\\\\Alice\r");
    terminal.expect("Password: ");
    terminal.type_in(&format!("{PASSWORD}\r"));
    terminal.expect("Token code (empty for none): ");
    terminal.type_in(&format!("{code}\r"));
    let shown = terminal.expect("symbolon # ");
    let token = format!("second factor: token {}, in use", scene.token);
    has(
        &shown,
        &[
            "name: 'EXAMPLE\\Alice' is looked up as 'alice' in VDOM root",
            "record: user local 'alice', enabled",
            "wrong codes: 0 in 31 days; codes are looked at",
            "password: kept here; right",
            &token,
            "code: right, of step ",
            "verdict: would be granted; nothing was spent",
            "tries: 4 of 5 in 10 minutes are left",
        ],
    );
    for secret in [PASSWORD, &code] {
        assert!(!shown.contains(secret), "{shown}");
    }

    assert_eq!(scene.log_in(&code), Answer::Accept);
    let again = scene.admin.exec(&test(PASSWORD, &code)).refused();
    has(
        &again,
        &[
            "code: not right",
            "verdict: would be refused: code-replayed",
            "evidence: already used at ",
            "through client vpn",
            "next step: ",
        ],
    );

    let log = "execute log filter category event\nexecute log display";
    let log = scene.admin.exec(log).ok();
    has(
        &log,
        &[
            "logdesc=\"Login tried out\"",
            "Login of user alice tried out: would be granted\"",
            "reason=\"code-replayed\" msg=\"Login of user alice tried out: would be refused: ",
        ],
    );
    let logins = scene.home.console("diagnose login show").ok();
    assert_eq!(logins.matches("user alice").count(), 1, "{logins}");
    for text in [log, scene.home.log()] {
        assert!(!text.contains(PASSWORD) && !text.contains(&code), "{text}");
    }
    scene.running.stop();
}

#[test]
fn each_stage_that_stops_a_login_is_named() {
    let scene = scene();
    let tried = |line: &str, expected: &[&str]| {
        let said = scene.home.console(line);
        has(&said.out, expected);
    };
    tried(
        &test("wrong", "111111"),
        &[
            "password: kept here; not right",
            "code: not looked at",
            "verdict: would be refused: password-wrong",
        ],
    );
    // A script's next lines are the answers.
    let asked = |answers: &str| {
        run(
            scene.admin.client().arg("diagnose login test alice"),
            answers,
        )
    };
    let unanswered = asked("").refused();
    has(
        &unanswered,
        &["the question was not answered: nothing was done"],
    );
    let said = asked(&format!("{PASSWORD}\n\n"));
    assert!(said.status.success(), "{said:?}");
    has(
        &said.out,
        &[
            "code: none; it would be asked for",
            "verdict: would go on: give a code too",
        ],
    );
    let slow = Phone::new(&scene.home, "alice").at("-20m").code("alice");
    tried(
        &test(PASSWORD, &slow),
        &[
            "code: right for another time",
            "verdict: would be asked for the next code: clock-slow",
            "steps slow\n",
        ],
    );
    scene
        .home
        .console(&format!(
            "config user fortitoken\nedit {}\nset status lock\nend\nconfig user local\nedit bob\nset passwd {PASSWORD}\n\
             set status disable\nend",
            scene.token
        ))
        .ok();
    tried(
        &test(PASSWORD, "111111"),
        &[
            ", locked",
            "code: not looked at",
            "verdict: would be refused: token-locked",
        ],
    );
    tried(
        &format!("diagnose login test bob {PASSWORD} \"\""),
        &[
            "record: user local 'bob', disabled",
            "password: kept here; right",
            "verdict: would be refused: user-disabled",
        ],
    );
    tried(
        "diagnose login test nobody x y",
        &["record: none", "verdict: would be refused: user-unknown"],
    );
    scene
        .home
        .console(&format!(
            "config user fortitoken\nedit {}\nset status active\nend",
            scene.token
        ))
        .ok();
    // Nothing of it counted against the user, and nothing was learned.
    assert_eq!(scene.log_in(&scene.code()), Answer::Accept);
    scene.running.stop();
}

#[test]
fn further_tries_count_as_wrong_codes_and_are_bounded_as_these_are() {
    let scene = scene();
    let wrong = |free: bool| {
        let said = scene.home.console(&test(PASSWORD, "12345x")).refused();
        assert_eq!(
            said.contains("are left; further ones count"),
            free,
            "{said}"
        );
        said
    };
    for _ in 0..5 {
        wrong(true);
    }
    assert_eq!(scene.log_in(&scene.code()), Answer::Accept);
    for counted in 0..5 {
        let said = wrong(false);
        let before = format!("wrong codes: {counted} in 31 days");
        has(&said, &[&before, "refused: code-malformed"]);
    }
    let said = scene.home.console(&test(PASSWORD, "12345x")).refused();
    has(
        &said,
        &[
            "wrong codes: 5 in 31 days; none is looked at before ",
            "password: kept here; not looked at",
            "refused: code-throttled",
            "diagnose login unlock alice",
        ],
    );
    // It holds for the user's own logins too, and after a restart.
    let later = Phone::new(&scene.home, "alice").at("+1m").code("alice");
    assert_eq!(scene.log_in(&later), Answer::Reject);
    scene.home.login_says("alice", "refused: code-throttled");
    scene.running.stop();
    let running = Running::up(&scene.home);
    let said = scene.home.console(&test(PASSWORD, "12345x")).refused();
    has(
        &said,
        &["wrong codes: 5 in 31 days", "refused: code-throttled"],
    );
    scene.home.console("diagnose login unlock alice").ok();
    let said = scene.home.console(&test(PASSWORD, &later)).ok();
    has(&said, &["would be granted"]);
    running.stop();
}

#[test]
fn a_code_of_a_later_time_counts_at_once_and_lets_nobody_in() {
    let scene = scene();
    let soon = Phone::new(&scene.home, "alice").at("+3m").code("alice");
    let said = scene.home.console(&test(PASSWORD, &soon)).refused();
    has(
        &said,
        &[
            "asked for the next code: clock-fast",
            "counts as a wrong one of 'alice', and lets nobody in when that time comes",
        ],
    );
    let said = scene.home.console(&test(PASSWORD, "\"\"")).ok();
    has(&said, &["wrong codes: 1 in 31 days"]);
    scene.running.stop();
}
