//! What waits for the token server, and what does not wait for that.
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
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::apart::{Apart, Aside, Managing, NOWHERE, assign, import, registry, token_server};
use common::cable::Cable;
use common::{Home, Running, after, until};

const SERIAL: &str = "FGT0000000000042";
const SECOND: &str = "FGT0000000000043";
const MANAGER: &str = "FMG0000000000001";
/// More than one look at the outbox takes up.
const QUEUED: usize = 120;
/// A manager that knows that the token server is silent answers at once.
const AT_ONCE: Duration = Duration::from_secs(3);

fn outbox(home: &Home) -> String {
    home.console("diagnose outbox list").ok()
}

fn has_code(home: &Home, token: &str) -> bool {
    let shown = home.console(&format!("show user fortitoken {token}")).ok();
    shown.contains("set activation-code")
}

/// How often the desk's history has a deed.
fn deeds(tokens: &Home, subject: &str, deed: &str) -> usize {
    let told = tokens.desk(&["history", subject]).ok();
    told.matches(&format!(" {deed} ")).count()
}

#[test]
fn what_a_manager_keeps_is_told_and_holds_up_nothing_else() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    let home = &gateway.home;
    let [aside, other] = [(), ()].map(|()| Aside::of(&tokens, MANAGER, 2));
    until("the manager has both", || {
        let held = manager.reserve(&["status"]).ok();
        held.contains(&aside.serial) && held.contains(&other.serial)
    });

    let said = home.console(&format!("execute fortitoken-mobile import {}", aside.code));
    let said = said.refused();
    assert!(said.contains("not served"), "{said}");
    assert!(
        said.contains(MANAGER) && said.contains("take-back"),
        "{said}"
    );
    assert!(said.contains("config system central-management"), "{said}");
    assert_eq!(gateway.reach(), "reachable");
    let direct = import(&gateway, &tokens.issue(3));
    assert_eq!(direct.len(), 3);
    assert!(outbox(home).contains(MANAGER), "{}", outbox(home));

    // What waits is served once the manager is asked, and its tokens are not without it.
    gateway.managed_by(&[&manager]);
    until("it is imported", || {
        home.tokens_of(&aside.serial).len() == 2
    });
    let kept = home.tokens_of(&aside.serial);
    home.console("config system central-management\nunset type\nend")
        .ok();
    assign(home, &[&kept[..1], &direct[..1]].concat());
    assert!(has_code(home, &direct[0]));
    assert!(!has_code(home, &kept[0]));

    // The same after an outage.
    server.stop();
    let said = home.console("execute fortitoken-mobile poll").refused();
    assert!(said.contains("polled again within five minutes"), "{said}");
    assign(home, &[&kept[1..], &direct[1..]].concat());
    let server = Running::start(&mut registry(&tokens), &tokens);
    until("what is not kept is served", || {
        direct.iter().all(|token| has_code(home, token))
    });
    let waiting = outbox(home);
    for token in &kept {
        assert!(waiting.contains(token.as_str()), "{waiting}");
        assert_eq!(deeds(&tokens, token, "provision"), 0);
    }
    assert_eq!(gateway.reach(), "reachable", "{waiting}");
    for stopped in [running, managing, server] {
        stopped.stop();
    }
}

#[test]
fn a_reserve_is_given_out_at_once_before_a_silent_token_server_and_a_long_queue() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let gateway = Apart {
        server: NOWHERE.to_owned(),
        ..Apart::of(&tokens).enrolled(&tokens, SERIAL)
    };
    let running = gateway.start();
    let home = &gateway.home;
    gateway.managed_by(&[&manager]);
    let licence = Aside::of(&tokens, MANAGER, 1);
    let later = Aside::of(&tokens, MANAGER, 1);
    until("the manager has them", || {
        let held = manager.reserve(&["status"]).ok();
        held.contains(&licence.serial) && held.contains(&later.serial)
    });
    let others = import(&gateway, &tokens.issue(QUEUED));
    let reserved = import(&gateway, &licence.code);
    managing.stop();
    server.stop();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let manager = manager.before(&silent);
    let managing = manager.start();

    assign(home, &others);
    assert!(outbox(home).matches("provisioning of").count() > 90);
    let begun = Instant::now();
    assert_eq!(import(&gateway, &later.code).len(), 1);
    assert!(begun.elapsed() < AT_ONCE, "import: {:?}", begun.elapsed());
    let begun = Instant::now();
    assign(home, &reserved);
    assert!(begun.elapsed() < AT_ONCE, "code: {:?}", begun.elapsed());
    assert!(has_code(home, &reserved[0]));
    let begun = Instant::now();
    home.console("execute fortitoken-mobile poll").ok();
    assert!(begun.elapsed() < AT_ONCE, "poll: {:?}", begun.elapsed());
    running.stop();
    managing.stop();
}

#[test]
fn a_message_is_repeated_as_it_left_whatever_is_configured_since() {
    let (tokens, server) = token_server();
    tokens.desk(&["register-product", SECOND]).ok();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    let cable = Cable::new();
    cable.lay(&gateway.home);
    let code = tokens.issue(2);
    cable.lose_an_answer();
    let said = gateway
        .home
        .console(&format!("execute fortitoken-mobile import {code}"));
    assert!(said.refused().contains("outbox"));
    assert!(cable.has_lost_it());
    running.stop();

    let mut command = gateway.command();
    command.args(["--partner", SECOND]);
    let running = Running::start(&mut command, &gateway.home);
    let home = &gateway.home;
    until("the outbox is empty", || home.nothing_waits());
    let licence = tokens.desk(&["look", &code]).ok();
    let licence = after(&licence, "Licence:")
        .split_whitespace()
        .next()
        .unwrap();
    let imported = home.tokens_of(licence);
    assert_eq!(imported.len(), 2);
    assert_eq!(deeds(&tokens, licence, "import"), 1);

    // The same of a code, which lives as long as it did when it was asked for.
    cable.lose_an_answer();
    assign(home, &imported[..1]);
    assert!(cable.has_lost_it());
    home.console("config system global\nset two-factor-ftm-expiry 2\nend")
        .ok();
    until("the outbox is empty", || home.nothing_waits());
    assert!(has_code(home, &imported[0]));
    assert_eq!(deeds(&tokens, &imported[0], "provision"), 1);
    running.stop();
    server.stop();
}

#[test]
fn a_gateway_that_was_put_back_asks_anew_for_what_it_asked_otherwise_before() {
    let (tokens, server) = token_server();
    tokens.desk(&["register-product", SECOND]).ok();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    let home = &gateway.home;
    let imported = import(&gateway, &tokens.issue(1));
    let code = tokens.issue(1);
    server.stop();
    assign(home, &imported);
    home.console(&format!("execute fortitoken-mobile import {code}"));
    running.stop();
    let (data, backup) = (home.data().join("gateway"), home.path("backup"));
    let copy = |from: &Path, to: &Path| {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
    };
    copy(&data, &backup);
    let server = Running::start(&mut registry(&tokens), &tokens);
    let running = gateway.start();
    until("all is sent", || home.nothing_waits());
    assert_eq!(deeds(&tokens, &imported[0], "provision"), 1);
    running.stop();

    // What waited waits again, and what it asks has another member.
    fs::remove_dir_all(&data).unwrap();
    copy(&backup, &data);
    let mut command = gateway.command();
    command.args(["--partner", SECOND]);
    let running = Running::start(&mut command, home);
    until("all is sent", || home.nothing_waits());
    assert!(has_code(home, &imported[0]));
    assert_eq!(deeds(&tokens, &imported[0], "provision"), 2);
    // The licence was given out before, and is not again.
    assert_eq!(
        home.console("show user fortitoken")
            .ok()
            .matches("edit ")
            .count(),
        1
    );
    let said = home.console(&format!("execute fortitoken-mobile import {code}"));
    assert!(said.refused().contains("-7561"));
    running.stop();
    server.stop();
}
