//! Passwords that have expired, and whose owners set others at the login: at a directory with a password policy, and
//! here.
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
mod soak;

use std::fs;

use common::directory::{BASE, Directory, EXPIRED, READER, RESET, password_of};
use common::https_gateway::Gateway;
use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, run, tool};
use soak::clock::Clock;

const CLIENT: &str = "127.0.0.1";
const ASKED: &str = "Your password has expired. Please enter a new password";
const AGAIN: &str = "Please enter the new password again";
const NEW: &str = "a-new-password-of-hers";

/// A directory that is asked over TLS by the one who may set passwords, unless `more` says otherwise.
fn directory(home: &Home, more: &str) -> Directory {
    let directory = Directory::start(home);
    let authority = home.data().join("certificates").join("corp-ca.pem");
    fs::copy(directory.authority(), authority).unwrap();
    let ((reader, secret), port) = (READER, directory.port);
    home.console(&format!(
        "config user ldap\nedit corp\nset server localhost\nset port {port}\nset dn {BASE}\nset cnid uid\n\
         set type regular\nset username {reader}\nset password {secret}\nset secure starttls\n\
         set ca-cert corp-ca\nset password-renewal enable\n{more}\nend"
    ))
    .ok();
    directory
}

fn known_to_directory(home: &Home, name: &str) {
    home.console(&format!(
        "config user local\nedit {name}\nset type ldap\nset ldap-server corp\nend"
    ))
    .ok();
}

#[track_caller]
fn asks(answer: &Answer, question: &str) {
    assert!(
        matches!(answer, Answer::Challenge(_, text) if text == question),
        "{question}: {answer:?}"
    );
}

/// A new password, typed twice.
fn set(vpn: &Vpn, user: &str, asked: &Answer, new: &str) -> Answer {
    let again = vpn.answer(user, new, asked);
    asks(&again, AGAIN);
    vpn.answer(user, new, &again)
}

/// Whether the directory itself takes a password.
fn is_taken(directory: &Directory, login: &str, password: &str) -> bool {
    let mut curl = tool("curl", "curl");
    curl.args(["-sS", "-u", &format!("cn={login},{BASE}:{password}")]);
    curl.arg(format!("ldap://127.0.0.1:{}/{BASE}??base", directory.port));
    run(&mut curl, "").status.success()
}

#[test]
fn a_password_that_expired_at_the_directory_is_renewed_there_and_the_code_comes_next() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    let directory = directory(home, "");
    let phone = enrol(home, EXPIRED, &home.import(1)[0]);
    known_to_directory(home, EXPIRED);
    let old = password_of(EXPIRED);

    assert_eq!(vpn.ask(EXPIRED, "wrong"), Answer::Reject);
    home.login_says(EXPIRED, "refused: password-wrong");
    let asked = vpn.ask(EXPIRED, old);
    asks(&asked, ASKED);
    // Mistyped, and one that the directory's policy refuses.
    let again = vpn.answer(EXPIRED, NEW, &asked);
    asks(&again, AGAIN);
    let asked = vpn.answer(EXPIRED, "another one", &again);
    asks(
        &asked,
        "the two passwords are not the same. Please enter another new password",
    );
    let asked = set(&vpn, EXPIRED, &asked, "short");
    asks(
        &asked,
        "the new password was not accepted. Please enter another new password",
    );
    assert!(!is_taken(&directory, EXPIRED, NEW));

    let asked = set(&vpn, EXPIRED, &asked, NEW);
    asks(&asked, "Please enter your token code");
    assert!(is_taken(&directory, EXPIRED, NEW));
    assert!(!is_taken(&directory, EXPIRED, old));
    assert_eq!(
        vpn.answer(EXPIRED, &phone.code(EXPIRED), &asked),
        Answer::Accept
    );
    assert_eq!(vpn.ask(EXPIRED, old), Answer::Reject);
    let log = home
        .console("execute log filter category event\nexecute log display")
        .ok();
    let renewed = format!(
        "New password of user {EXPIRED} set at ldap 'corp' by somebody who knew the one that had expired, and has \
         not shown the second factor yet"
    );
    assert!(log.contains("level=\"alert\" vd=\"root\" logdesc=\"Password renewed before"));
    assert!(log.contains(&renewed), "{log}");
    for secret in [old, NEW] {
        assert!(!log.contains(secret) && !home.log().contains(secret));
    }
    gateway.up.stop();
}

#[test]
fn three_new_passwords_are_tried_and_a_question_belongs_to_its_client() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    for (name, address) in [("vpn", CLIENT), ("other", "127.0.0.8")] {
        home.radius_client(name, address, "");
    }
    home.radius_client("gate", "127.0.0.9", "set code-position after-password");
    let (vpn, other) = (Vpn::new(home, CLIENT), Vpn::new(home, "127.0.0.8"));
    let directory = directory(home, "");
    known_to_directory(home, EXPIRED);
    let old = password_of(EXPIRED);

    let asked = vpn.ask(EXPIRED, old);
    let asked = set(&vpn, EXPIRED, &asked, "short-1");
    let asked = set(&vpn, EXPIRED, &asked, "short-2");
    assert_eq!(set(&vpn, EXPIRED, &asked, "short-3"), Answer::Reject);
    let said = home.login_says(EXPIRED, "refused: password-expired");
    assert!(
        said.contains("no new password was set: ldap 'corp'"),
        "{said}"
    );
    assert!(said.contains("19 ConstraintViolation"), "{said}");

    let asked = vpn.ask(EXPIRED, old);
    assert_eq!(other.answer(EXPIRED, NEW, &asked), Answer::Reject);
    let said = home.login_says(EXPIRED, "refused: challenge-unknown");
    assert!(said.contains("the challenge is another client's"), "{said}");
    // Who else knows a question ends nothing with it.
    let again = vpn.answer(EXPIRED, NEW, &asked);
    assert!(
        matches!(&again, Answer::Challenge(_, said) if said.ends_with("again")),
        "{again:?}"
    );

    // Whom nobody can ask is told the reason, and the administrator what helps.
    let gate = Vpn::new(home, "127.0.0.9");
    assert_eq!(gate.ask(EXPIRED, old), Answer::Reject);
    let said = home.login_says(EXPIRED, "refused: password-expired");
    assert!(said.contains("set password-renewal enable"), "{said}");
    let tried = format!("diagnose login test {EXPIRED} {old} \"\"");
    let said = home.console(&tried).refused();
    assert!(said.contains("known to ldap 'corp'; right"), "{said}");
    assert!(
        said.contains("would be refused: password-expired"),
        "{said}"
    );
    home.console(&format!(
        "config user local\nedit {EXPIRED}\nset status disable\nend"
    ))
    .ok();
    assert_eq!(vpn.ask(EXPIRED, old), Answer::Reject);
    home.login_says(EXPIRED, "refused: user-disabled");
    assert!(!is_taken(&directory, EXPIRED, NEW));
    gateway.up.stop();
}

#[test]
fn a_password_that_was_reset_is_changed_by_its_owner() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    let directory = directory(home, "set type anonymous");
    known_to_directory(home, RESET);
    known_to_directory(home, EXPIRED);

    let asked = vpn.ask(RESET, password_of(RESET));
    asks(&asked, ASKED);
    assert_eq!(set(&vpn, RESET, &asked, NEW), Answer::Accept);
    assert!(is_taken(&directory, RESET, NEW));
    // One that has expired opens nothing to its owner either.
    let asked = vpn.ask(EXPIRED, password_of(EXPIRED));
    let asked = set(&vpn, EXPIRED, &asked, NEW);
    let asked = set(&vpn, EXPIRED, &asked, NEW);
    assert_eq!(set(&vpn, EXPIRED, &asked, NEW), Answer::Reject);
    let said = home.login_says(EXPIRED, "refused: password-expired");
    assert!(said.contains("it takes 'set type regular'"), "{said}");
    gateway.up.stop();
}

#[test]
fn a_password_that_is_kept_here_is_renewed_where_its_policy_says_so() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    home.user_without_token("alice");
    let policy = |settings: &str| {
        let lines = format!("config user password-policy\nedit staff\n{settings}\nend\n");
        home.console(&lines).ok();
    };
    policy(
        "set expire-status enable\nset expire-days 30\nset minimum-length 12\nset reuse-password disable",
    );
    home.console(
        "config user local\nedit alice\nset passwd-policy staff\nset passwd-time 2020-01-01 00:00:00\nend",
    )
    .ok();
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: password-expired");

    policy("set expired-password-renewal enable");
    let asked = vpn.ask("alice", PASSWORD);
    asks(&asked, ASKED);
    let asked = set(&vpn, "alice", &asked, "eleven-char");
    asks(
        &asked,
        "it takes at least 12 characters, and this has 11. Please enter another new password",
    );
    assert_eq!(set(&vpn, "alice", &asked, NEW), Answer::Accept);
    assert_eq!(vpn.ask("alice", NEW), Answer::Accept);
    assert_eq!(vpn.ask("alice", PASSWORD), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    gateway.up.stop();
}

#[test]
fn where_the_directory_is_silent_the_question_waits_for_the_client_to_ask_again() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    let mut directory = directory(home, "");
    for name in [EXPIRED, RESET] {
        known_to_directory(home, name);
    }
    let asked = |name| {
        let asked = vpn.ask(name, password_of(name));
        let again = vpn.answer(name, NEW, &asked);
        asks(&again, AGAIN);
        again
    };
    let (expired, reset) = (asked(EXPIRED), asked(RESET));
    directory.stop();
    assert_eq!(vpn.answer(EXPIRED, NEW, &expired), Answer::Silence);
    assert_eq!(vpn.answer(RESET, NEW, &reset), Answer::Silence);
    directory.resume();
    assert_eq!(vpn.answer(RESET, NEW, &reset), Answer::Accept);
    assert!(is_taken(&directory, RESET, NEW));

    // It has the new password by now, as if only its answer had been lost.
    let elsewhere = vpn.ask(EXPIRED, password_of(EXPIRED));
    assert_eq!(set(&vpn, EXPIRED, &elsewhere, NEW), Answer::Accept);
    assert_eq!(vpn.answer(EXPIRED, NEW, &expired), Answer::Accept);
    let log = home
        .console("execute log filter category event\nexecute log filter view-lines 100\nexecute log display")
        .ok();
    for (name, times) in [(RESET, 2), (EXPIRED, 3)] {
        let asked = format!("New password of user {name} asked for at ldap 'corp'");
        assert_eq!(log.matches(&asked).count(), times, "{name}: {log}");
        let set = format!("New password of user {name} set at ldap 'corp', in the place");
        assert_eq!(log.matches(&set).count(), times - 1, "{name}: {log}");
    }
    gateway.up.stop();
}

#[test]
fn a_password_that_the_directory_may_have_is_asked_for_before_another_that_is_typed() {
    const OTHER: &str = "another-password-of-hers";
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    let mut directory = directory(home, "");
    known_to_directory(home, EXPIRED);
    let asked = vpn.ask(EXPIRED, password_of(EXPIRED));
    let again = vpn.answer(EXPIRED, NEW, &asked);
    asks(&again, AGAIN);
    directory.stop();
    assert_eq!(vpn.answer(EXPIRED, NEW, &again), Answer::Silence);
    directory.resume();
    // It has the new password by now, as if only its answer had been lost.
    let elsewhere = vpn.ask(EXPIRED, password_of(EXPIRED));
    assert_eq!(set(&vpn, EXPIRED, &elsewhere, NEW), Answer::Accept);

    let asked = vpn.answer(EXPIRED, OTHER, &again);
    let why = "the two passwords are not the same. Please enter another new password";
    asks(&asked, why);
    let asked = set(&vpn, EXPIRED, &asked, OTHER);
    let which = "The new password that you typed before is set. Please enter that one";
    asks(&asked, which);
    assert_eq!(vpn.answer(EXPIRED, NEW, &asked), Answer::Accept);
    assert!(is_taken(&directory, EXPIRED, NEW));
    gateway.up.stop();
}

/// What has a user's password expire by [`renewable`].
const EXPIRED_HERE: &str = "set passwd-policy staff\nset passwd-time 2020-01-01 00:00:00";

/// A policy whose passwords last 30 days and are renewed at the login.
fn renewable(home: &Home) {
    home.console(
        "config user password-policy\nedit staff\nset expire-status enable\nset expire-days 30\n\
         set expired-password-renewal enable\nend",
    )
    .ok();
}

/// A user whose password is kept here, and expired.
fn expired_here(home: &Home, name: &str) {
    home.user_without_token(name);
    edit(home, name, EXPIRED_HERE);
}

fn edit(home: &Home, name: &str, settings: &str) {
    let lines = format!("config user local\nedit {name}\n{settings}\nend");
    home.console(&lines).ok();
}

#[test]
fn who_was_shut_out_since_the_question_does_not_come_back_by_answering_it() {
    const HELP_DESK: &str = "set-by-the-help-desk";
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    let _directory = directory(home, "");
    renewable(home);
    let log = || {
        home.console("execute log filter category event\nexecute log display")
            .ok()
    };
    let help_desk = format!("set passwd {HELP_DESK}");
    for (name, meanwhile, reason) in [
        ("ann", None, "changed-meanwhile"),
        ("bea", Some("set status disable"), "changed-meanwhile"),
        ("cleo", Some(&*help_desk), "changed-meanwhile"),
        (
            "dora",
            Some("set type ldap\nset ldap-server corp"),
            "changed-meanwhile",
        ),
        (
            "eva",
            Some("set passwd-time 2036-01-01 00:00:00"),
            "changed-meanwhile",
        ),
    ] {
        expired_here(home, name);
        let asked = vpn.ask(name, PASSWORD);
        let again = vpn.answer(name, NEW, &asked);
        asks(&again, AGAIN);
        match meanwhile {
            Some(settings) => edit(home, name, settings),
            None => drop(
                home.console(&format!("config user local\ndelete {name}\nend"))
                    .ok(),
            ),
        }
        assert_eq!(vpn.answer(name, NEW, &again), Answer::Reject, "{name}");
        home.login_says(name, &format!("refused: {reason}"));
        assert!(!log().contains(&format!("New password of user {name}")));
    }
    assert!(
        !home
            .console("show user local")
            .ok()
            .contains("edit \"ann\"")
    );
    assert_eq!(vpn.ask("cleo", HELP_DESK), Answer::Accept);
    edit(home, "bea", "set status enable");
    for name in ["ann", "bea", "cleo"] {
        assert_eq!(vpn.ask(name, NEW), Answer::Reject, "{name}");
    }
    gateway.up.stop();
}

#[test]
fn a_code_that_came_with_the_expired_password_is_asked_for_anew() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "set code-position separator");
    let vpn = Vpn::new(home, CLIENT);
    let phone = enrol(home, "alice", &home.import(1)[0]);
    renewable(home);
    edit(home, "alice", EXPIRED_HERE);
    let asked = vpn.ask("alice", &format!("{PASSWORD},{}", phone.code("alice")));
    let asked = set(&vpn, "alice", &asked, NEW);
    asks(&asked, "Please enter your token code");
    assert_eq!(
        vpn.answer("alice", &phone.code("alice"), &asked),
        Answer::Accept
    );
    gateway.up.stop();
}

#[test]
fn a_new_password_that_comes_too_late_is_told_from_a_late_code() {
    let home = Home::new();
    let mut clock = Clock::new(&home);
    let mut command = home.up();
    clock.rules(&mut command);
    let up = Running::start(&mut command, &home);
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(&home, CLIENT);
    renewable(&home);
    expired_here(&home, "alice");
    let asked = vpn.ask("alice", PASSWORD);
    asks(&asked, ASKED);
    clock.turn(181);
    assert_eq!(vpn.answer("alice", NEW, &asked), Answer::Reject);
    let said = home.login_says("alice", "refused: challenge-expired");
    let evidence = "the question for a new password was open until ";
    assert!(said.contains(evidence), "{said}");
    up.stop();
}

#[test]
fn a_name_is_the_same_persons_however_it_is_written() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(home, CLIENT);
    renewable(home);
    expired_here(home, "Alice");
    let login = "CORP\\\\alice";
    let asked = vpn.ask(login, PASSWORD);
    assert_eq!(set(&vpn, login, &asked, NEW), Answer::Accept);
    assert_eq!(vpn.ask("ALICE", NEW), Answer::Accept);
    let shown = home.console("show user local").ok();
    assert!(
        shown.contains("edit \"Alice\"") && !shown.contains("edit \"alice\""),
        "{shown}"
    );
    gateway.up.stop();
}

#[test]
fn over_https_the_same_is_asked() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    let _directory = directory(home, "");
    known_to_directory(home, EXPIRED);
    let old = password_of(EXPIRED);
    let post = |form: &str| run(&mut gateway.curl("/remote/logincheck"), form).ok();
    let answer = |asked: &str, new: &str| {
        let field = |name| {
            let (_, rest) = asked.split_once(name).unwrap();
            rest.split(',').next().unwrap()
        };
        let (reqid, polid) = (field("reqid="), field("polid="));
        post(&format!(
            "username={EXPIRED}&realm=&reqid={reqid}&polid={polid}&code={new}&code2="
        ))
    };
    let asked = post(&format!(
        "username={EXPIRED}&credential={old}&realm=&ajax=1"
    ));
    assert!(asked.contains(&format!("chal_msg={ASKED}")), "{asked}");
    let again = answer(&asked, NEW);
    assert!(again.contains(&format!("chal_msg={AGAIN}")), "{again}");
    let granted = answer(&again, NEW);
    assert!(granted.contains("ret=1,"), "{granted}");
    gateway.up.stop();
}
