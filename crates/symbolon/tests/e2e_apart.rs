//! Gateways that run apart from their token server: certificates, outages, and what is said of them.
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
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use common::apart::{Apart, enrolled, identity, import, invite, put, registry, token_server};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, until};

const SERIAL: &str = "FGT0000000000042";

#[test]
fn logins_go_on_without_the_token_server_and_it_is_caught_up_with_in_order() {
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);
    let running = gateway.start();
    assert!(running.greeting.contains(SERIAL), "{}", running.greeting);
    assert_eq!(gateway.reach(), "unknown");
    let home = &gateway.home;
    let serials = import(&gateway, &tokens.issue(4));
    let alice = enrolled(&gateway, &tokens, "alice", &serials[0]);
    let bob = enrolled(&gateway, &tokens, "bob", &serials[1]);
    home.radius_client("vpn", "127.0.0.1", "");
    let vpn = Vpn::new(home, "127.0.0.1");
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Accept);
    assert_eq!(gateway.reach(), "reachable");
    let waiting = tokens.issue(1);

    server.kill();
    assert_eq!(vpn.log_in("bob", &bob.code("bob")), Answer::Accept);
    // A token that is unassigned while the token server is away is not locked: it is assigned again.
    assigned_meanwhile(home, "carol", &serials[2]);
    home.console("config user local\nedit carol\nunset two-factor\nunset fortitoken\nend")
        .ok();
    assert_eq!(home.status(&serials[2]), "new");
    assigned_meanwhile(home, "dave", &serials[2]);
    assigned_meanwhile(home, "erin", &serials[3]);
    let said = home.console(&format!("execute fortitoken-mobile import {waiting}"));
    assert!(said.out.contains("was not reached"), "{said:?}");
    assert_eq!(gateway.reach(), "unreachable");
    let status = gateway.connection("status");
    assert!(status.starts_with("unreachable: https://127"), "{status}");

    let server = Running::start(&mut registry(&tokens), &tokens);
    let back = Instant::now();
    let code_of = |serial: &str| {
        let shown = home.console(&format!("show user fortitoken {serial}")).ok();
        shown.contains("set activation-code")
    };
    until("what waited is done", || {
        code_of(&serials[2])
            && code_of(&serials[3])
            && home
                .console("show user fortitoken")
                .ok()
                .matches("edit ")
                .count()
                == 5
    });
    assert!(
        back.elapsed() < Duration::from_secs(30),
        "{:?}",
        back.elapsed()
    );
    assert_eq!(gateway.reach(), "reachable");
    assert_eq!(gateway.connection("proxy"), "none");
    // They were written in this order.
    let log = home.console("execute log display").ok();
    let [dave, erin] = [&serials[2], &serials[3]].map(|serial| {
        let made = log.lines().position(|line| {
            line.contains(serial.as_str()) && line.contains("activation code made")
        });
        made.unwrap_or_else(|| panic!("{serial}:\n{log}"))
    });
    assert!(erin < dave, "the latest is shown first:\n{log}");
    running.stop();
    server.stop();
}

#[test]
fn a_certificate_is_renewed_in_time_and_the_old_one_serves_until_then() {
    let (tokens, server) = token_server();
    tokens.desk(&["register-product", SERIAL]).ok();
    let gateway = Apart::of(&tokens);
    let aged = identity(&tokens, SERIAL, 300, 60);
    put(&gateway, &aged);
    server.stop();

    let running = gateway.start();
    until("the renewal was tried", || {
        let shown = gateway
            .home
            .console("diagnose test application forticldd 7")
            .ok();
        shown.contains("last renewal:") && shown.contains("failed: https://127")
    });
    assert_eq!(fs::read_to_string(gateway.identity()).unwrap(), aged);
    let log = gateway.home.console("execute log display").ok();
    assert!(log.contains("not renewed, tried again"), "{log}");
    running.stop();

    let server = Running::start(&mut registry(&tokens), &tokens);
    let running = gateway.start();
    until("there is another identity", || {
        fs::read_to_string(gateway.identity()).unwrap() != aged
    });
    let mode = fs::metadata(gateway.identity())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    until("it is used", || {
        !gateway.connection("last renewal").contains("failed")
    });
    let log = gateway.home.console("execute log display").ok();
    assert!(log.contains("renewed until"), "{log}");
    assert_eq!(import(&gateway, &tokens.issue(2)).len(), 2);
    running.stop();
    // What was kept is whole: the next start uses it.
    let running = gateway.start();
    gateway.home.console("execute fortitoken-mobile poll").ok();
    running.stop();
    server.stop();
}

#[test]
fn a_certificate_that_ended_stops_no_login_and_is_replaced_without_a_restart() {
    let (tokens, server) = token_server();
    tokens.desk(&["register-product", SERIAL]).ok();
    let gateway = Apart::of(&tokens);
    put(&gateway, &identity(&tokens, SERIAL, 400, -5));
    let running = gateway.start();
    let said = gateway
        .home
        .console("execute fortitoken-mobile import 0000-0000-0000-0000-0000");
    assert!(said.out.contains("ertificate"), "{said:?}");
    assert_eq!(gateway.reach(), "unreachable");
    assert!(
        gateway.home.log().contains("has ended"),
        "{}",
        gateway.home.log()
    );

    gateway.enrol(Some(&invite(&tokens, SERIAL))).ok();
    until("the new identity is taken up and the import done", || {
        gateway
            .home
            .console("show user fortitoken")
            .ok()
            .contains("FTMTRIAL")
    });
    running.stop();
    server.stop();
}

#[test]
fn who_is_at_the_other_end_is_known_or_nothing_is_said() {
    let (tokens, strangers) = (Home::new(), Home::new());
    let server = Running::start(&mut registry(&tokens), &tokens);
    let stranger = Running::start(&mut registry(&strangers), &strangers);
    let gateway = Apart::of(&tokens).enrolled(&tokens, SERIAL);

    // The authority of somebody else.
    let deceived = Apart {
        authority: strangers.authority(),
        ..Apart::of(&tokens)
    };
    fs::copy(gateway.identity(), deceived.identity()).unwrap();
    let running = deceived.start();
    let status = deceived.connection("status");
    assert!(status.contains("certificate"), "{status}");
    assert_eq!(deceived.reach(), "unreachable");
    running.stop();

    // The right authority, under a name that the certificate does not have.
    let misnamed = Apart {
        server: format!("https://127.0.0.2:{}", tokens.https.port()),
        ..Apart::of(&tokens)
    };
    fs::copy(gateway.identity(), misnamed.identity()).unwrap();
    let running = misnamed.start();
    let status = misnamed.connection("status");
    assert!(status.starts_with("unreachable"), "{status}");
    running.stop();

    // An identity of somebody else's authority.
    let foreign = Apart::of(&tokens);
    put(&foreign, &identity(&strangers, SERIAL, 1, 300));
    let running = foreign.start();
    let said = foreign
        .home
        .console("execute fortitoken-mobile import 0000-0000-0000-0000-0000");
    assert!(!said.status.success(), "{said:?}");
    assert_eq!(foreign.reach(), "unreachable");
    running.stop();

    // A directory is one serial's.
    put(&foreign, &identity(&tokens, "FGT0000000000043", 1, 300));
    let said = foreign.refused();
    assert!(
        said.contains(SERIAL) && said.contains("FGT0000000000043"),
        "{said}"
    );
    // What others can read is no secret.
    fs::set_permissions(foreign.identity(), fs::Permissions::from_mode(0o644)).unwrap();
    let said = foreign.refused();
    assert!(said.contains("chmod 600"), "{said}");
    server.stop();
    stranger.stop();
}

/// Gives a user a token while the token server is away.
#[track_caller]
fn assigned_meanwhile(home: &Home, user: &str, token: &str) {
    let said = home.console(&format!(
        "config user local\nedit {user}\nset passwd {PASSWORD}\nset two-factor fortitoken\n\
         set fortitoken {token}\nend"
    ));
    assert!(said.out.contains("It is kept and sent again"), "{said:?}");
}
