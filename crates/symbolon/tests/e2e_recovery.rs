//! Recovery codes and passes: logins of people whose token is out of reach.
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

use std::thread;

use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::{Home, Running};

const VPN1: &str = "127.0.0.1";

/// A running system with a RADIUS client and alice, whose token is on a phone.
fn system() -> (Home, Running, Vpn, String) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", VPN1, "");
    let vpn = Vpn::new(&home, VPN1);
    let token = home.import(1).remove(0);
    enrol(&home, "alice", &token);
    (home, up, vpn, token)
}

/// The codes that a command shows, each on a line of its own.
fn codes(home: &Home, line: &str) -> Vec<String> {
    let said = home.console(line).ok();
    let shown = said.lines().filter_map(|line| line.strip_prefix("    "));
    shown.map(ToOwned::to_owned).collect()
}

#[test]
fn a_recovery_code_is_good_once_also_after_a_restart() {
    let (home, up, vpn, _) = system();
    let codes = codes(&home, "execute recovery-code generate alice");
    assert_eq!(codes.len(), 10);
    assert_eq!(vpn.log_in("alice", &codes[0]), Answer::Accept);
    home.login_says("alice", "accepted: recovery code");
    let without_hyphens = codes[1].replace('-', "").to_uppercase();
    assert_eq!(vpn.log_in("alice", &without_hyphens), Answer::Accept);
    assert_eq!(vpn.log_in("alice", &codes[0]), Answer::Reject);
    home.login_says("alice", "refused: recovery-code-used");
    up.stop();
    let up = Running::up(&home);
    assert_eq!(vpn.log_in("alice", &codes[1]), Answer::Reject);
    let said = home.login_says("alice", "refused: recovery-code-used");
    assert!(
        said.contains("already used at") && said.contains("through client vpn1"),
        "{said}"
    );
    let left = home.console("execute recovery-code list alice").ok();
    assert!(
        left.starts_with("alice: 8 of 10 recovery codes left\nused at "),
        "{left}"
    );
    assert_eq!(vpn.log_in("alice", "aaaa-bbbb-cccc-dddd"), Answer::Reject);
    home.login_says("alice", "refused: recovery-code-wrong");
    let log = home
        .console("execute log filter category event\nexecute log display")
        .ok();
    assert!(log.contains("recovery-code generate, 10 codes"), "{log}");
    assert!(codes.iter().all(|code| !log.contains(code)));
    up.stop();
}

#[test]
fn of_many_submissions_of_one_recovery_code_one_is_accepted() {
    let (home, up, vpn, _) = system();
    let code = codes(&home, "execute recovery-code generate alice").remove(0);
    let challenges: Vec<Answer> = (0..8).map(|_| vpn.ask("alice", common::PASSWORD)).collect();
    let accepted = thread::scope(|scope| {
        let answers: Vec<_> = challenges
            .iter()
            .map(|challenge| scope.spawn(|| vpn.answer("alice", &code, challenge)))
            .collect();
        let answers = answers.into_iter().map(|it| it.join().unwrap());
        answers.filter(|answer| *answer == Answer::Accept).count()
    });
    assert_eq!(accepted, 1);
    up.stop();
}

#[test]
fn a_pass_lets_in_whose_token_is_locked_and_codes_can_be_taken_back() {
    let (home, up, vpn, token) = system();
    home.console(&format!(
        "config user fortitoken\nedit {token}\nset status lock\nend"
    ))
    .ok();
    assert_eq!(vpn.ask("alice", common::PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: token-locked");
    let first = codes(&home, "execute recovery-pass issue alice 1").remove(0);
    let pass = codes(&home, "execute recovery-pass issue alice").remove(0);
    assert_eq!(vpn.log_in("alice", &first), Answer::Reject);
    home.login_says("alice", "refused: recovery-code-wrong");
    assert_eq!(vpn.log_in("alice", &pass), Answer::Accept);
    home.login_says("alice", "accepted: recovery pass");
    assert_eq!(vpn.ask("alice", common::PASSWORD), Answer::Reject);

    let made = codes(&home, "execute recovery-code generate alice");
    home.console("execute recovery-code revoke alice").ok();
    assert_eq!(vpn.ask("alice", common::PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: token-locked");
    home.console(&format!(
        "config user fortitoken\nedit {token}\nset status active\nend"
    ))
    .ok();
    assert_eq!(vpn.log_in("alice", &made[0]), Answer::Reject);
    home.login_says("alice", "refused: recovery-code-wrong");
    let nobody = home
        .console("execute recovery-code generate nobody")
        .refused();
    assert!(nobody.contains("Return code -3"), "{nobody}");
    up.stop();
}
