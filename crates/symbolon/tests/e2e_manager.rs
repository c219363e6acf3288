//! Gateways that get their tokens from a manager: all of it through processes of their own, and what is
//! said when one of them is away.
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
use std::thread;
use std::time::{Duration, Instant};

use common::apart::{
    Apart, Managing, NOWHERE, enrolled, identity, import, invite, put, registry, token_server,
};
use common::radius::{Answer, Vpn};
use common::{Running, after, until};

const SERIAL: &str = "FGT0000000000042";
const MANAGER: &str = "FMG0000000000001";
const SECOND: &str = "FMG0000000000002";
/// A gateway's patience with a server that has taken its question is 10 s.
const NOTICED: Duration = Duration::from_secs(15);
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn a_gateway_gets_everything_from_its_manager() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    assert!(managing.greeting.contains(MANAGER), "{}", managing.greeting);
    tokens.desk(&["register-product", SERIAL]).ok();
    // Its certificate, too.
    let first = Apart {
        server: manager.url(),
        authority: manager.authority(),
        ..Apart::of(&tokens)
    };
    first.enrol(Some(&invite(&tokens, SERIAL))).ok();
    let gateway = Apart {
        server: NOWHERE.to_owned(),
        authority: tokens.authority(),
        ..first
    };
    let running = gateway.start();
    gateway.managed_by(&[&manager]);
    let serials = import(&gateway, &tokens.issue(2));
    let alice = enrolled(&gateway, &tokens, "alice", &serials[0]);
    gateway.home.radius_client("vpn", "127.0.0.1", "");
    let vpn = Vpn::new(&gateway.home, "127.0.0.1");
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Accept);
    assert_eq!(gateway.reach(), "reachable");
    assert_eq!(gateway.connection("manager"), manager.url());
    assert!(gateway.connection("status").starts_with("reachable"));
    let told = tokens.desk(&["history", &serials[0]]).ok();
    assert!(told.contains(SERIAL), "{told}");
    // What is refused is refused in the token server's words.
    let unknown = "execute fortitoken-mobile import 1111-2222-3333-4444-5555";
    let said = gateway.home.console(unknown);
    assert!(said.out.contains("-7560"), "{said:?}");

    server.stop();
    let said = gateway
        .home
        .console("execute fortitoken-mobile import 0000-0000-0000-0000-0000");
    assert!(
        said.out.contains("does not reach the token server"),
        "{said:?}"
    );
    assert_eq!(gateway.reach(), "unreachable");
    let info = gateway.home.console("diagnose fortitoken info").ok();
    let asked = after(&info, "Asked:");
    assert!(asked.starts_with(&manager.url()), "{info}");
    assert!(asked.contains("does not reach the token server"), "{info}");
    let status = gateway.connection("status");
    assert!(status.contains("this manager does not reach"), "{status}");
    let server = Running::start(&mut registry(&tokens), &tokens);
    until("the trial is imported", || {
        gateway
            .home
            .console("show user fortitoken")
            .ok()
            .contains("FTMTRIAL")
    });
    managing.stop();
    let status = gateway.connection("status");
    assert!(status.contains("was not reached"), "{status}");
    running.stop();
    server.stop();
}

#[test]
fn servers_are_asked_in_their_order_and_the_default_one_last() {
    let (tokens, server) = token_server();
    let managers = [MANAGER, SECOND].map(|serial| Managing::of(&tokens, serial));
    let [first, second] = [managers[0].start(), managers[1].start()];
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    gateway.managed_by(&[&managers[0], &managers[1]]);
    let asked = || {
        import(&gateway, &tokens.issue(1));
        gateway.connection("last request")
    };
    assert!(asked().contains(&managers[0].url()));
    first.kill();
    assert!(asked().contains(&managers[1].url()));
    second.kill();
    let code = tokens.issue(1);
    let said = gateway
        .home
        .console(&format!("execute fortitoken-mobile import {code}"));
    for manager in &managers {
        assert!(said.out.contains(&manager.url()), "{said:?}");
    }
    assert_eq!(gateway.reach(), "unreachable");
    gateway
        .home
        .console("config system central-management\nset include-default-servers enable\nend")
        .ok();
    until("what waited is done", || {
        gateway
            .home
            .console("show user fortitoken")
            .ok()
            .matches("edit ")
            .count()
            == 3
    });
    assert!(gateway.connection("last request").contains(&gateway.server));
    running.stop();
    server.stop();
}

#[test]
fn a_server_that_stops_in_the_middle_is_passed_over() {
    let (tokens, server) = token_server();
    let managers = [MANAGER, SECOND].map(|serial| Managing::of(&tokens, serial));
    let [first, second] = [managers[0].start(), managers[1].start()];
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    gateway.managed_by(&[&managers[0], &managers[1]]);
    let asked = || {
        let code = tokens.issue(1);
        let begun = Instant::now();
        import(&gateway, &code);
        let took = begun.elapsed();
        (gateway.connection("last request"), took)
    };
    assert!(asked().0.contains(&managers[0].url()));
    first.freeze();
    let (server_asked, took) = asked();
    assert!(server_asked.contains(&managers[1].url()));
    assert!(took < NOTICED, "{took:?}");
    // From then on it comes last.
    let (_, took) = asked();
    assert!(took < AT_ONCE, "{took:?}");
    first.kill();
    running.stop();
    second.stop();
    server.stop();
}

#[test]
fn a_manager_is_known_by_its_authority_and_passes_for_nobody_else() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    let gateway = Apart {
        server: NOWHERE.to_owned(),
        ..Apart::of(&tokens).enrolled(&tokens, SERIAL)
    };
    let running = gateway.start();
    gateway.managed_by(&[&manager]);
    // The token server's authority does not vouch for it.
    let unset = "config system central-management\nunset ca-cert\nend";
    gateway.home.console(unset).ok();
    let status = gateway.connection("status");
    assert!(status.contains("certificate"), "{status}");
    let missing = "config system central-management\nset ca-cert nothing\nend";
    gateway.home.console(missing).ok();
    let status = gateway.connection("status");
    assert!(status.contains("nothing is not there"), "{status}");
    gateway.managed_by(&[&manager]);
    assert!(gateway.connection("status").starts_with("reachable"));

    // The desk ends what it let the manager do.
    tokens
        .desk(&["dismiss-manager", MANAGER, "--reason", "sold"])
        .ok();
    let status = gateway.connection("status");
    assert!(status.contains("is no manager"), "{status}");
    running.stop();
    managing.stop();
    server.stop();
}

#[test]
fn a_managed_gateway_renews_its_certificate_through_the_manager() {
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let managing = manager.start();
    tokens.desk(&["register-product", SERIAL]).ok();
    let gateway = Apart {
        server: NOWHERE.to_owned(),
        ..Apart::of(&tokens)
    };
    let aged = identity(&tokens, SERIAL, 300, 60);
    put(&gateway, &aged);
    let running = gateway.start();
    gateway.managed_by(&[&manager]);
    running.stop();
    let running = gateway.start();
    until("there is another identity", || {
        fs::read_to_string(gateway.identity()).unwrap() != aged
    });
    assert_eq!(import(&gateway, &tokens.issue(1)).len(), 1);
    running.stop();
    managing.stop();
    server.stop();
}

#[test]
fn a_manager_that_is_killed_between_loses_nothing_and_does_nothing_twice() {
    const ROUNDS: u64 = 6;
    let (tokens, server) = token_server();
    let manager = Managing::of(&tokens, MANAGER);
    let mut managing = Some(manager.start());
    let gateway = Apart {
        server: NOWHERE.to_owned(),
        ..Apart::of(&tokens).enrolled(&tokens, SERIAL)
    };
    let running = gateway.start();
    gateway.managed_by(&[&manager]);
    let codes: Vec<String> = (0..ROUNDS).map(|_| tokens.issue(1)).collect();
    for (round, code) in (1..).zip(&codes) {
        let import = format!("execute fortitoken-mobile import {code}");
        thread::scope(|scope| {
            // Whether it is told in time or waits: both are right.
            scope.spawn(|| gateway.home.console(&import));
            thread::sleep(Duration::from_millis(round * 15));
            managing.take().unwrap().kill();
            managing = Some(manager.start());
        });
    }
    let listed = || {
        gateway
            .home
            .console("show user fortitoken")
            .ok()
            .matches("edit ")
            .count()
    };
    until("every licence is there", || listed() == codes.len());
    let outbox = gateway.home.console("diagnose outbox list").ok();
    assert!(!outbox.contains("import"), "{outbox}");
    let account = tokens.desk(&["account", "local"]).ok();
    assert_eq!(
        account.matches("activated").count(),
        codes.len(),
        "{account}"
    );
    running.stop();
    managing.unwrap().stop();
    server.stop();
}
