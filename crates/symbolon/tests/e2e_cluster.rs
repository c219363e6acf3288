//! Gateways of one cluster: each names all members, and what belongs to one serves all.
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

use common::apart::{Apart, enrolled, import, token_server};
use common::radius::{Answer, Vpn};
use common::{Home, Running};

const FIRST: &str = "FGT0000000000042";
const SECOND: &str = "FGT0000000000043";
/// Nobody registered it.
const UNKNOWN: &str = "FGT0000000000044";
const TRIAL: &str = "0000-0000-0000-0000-0000";

/// A member that names these, itself among them: one line of a service serves all members.
fn member(tokens: &Home, serial: &str, members: &[&str]) -> (Apart, Running) {
    let member = Apart::of(tokens).enrolled(tokens, serial);
    let mut command = member.command();
    for serial in members {
        command.args(["--partner", serial]);
    }
    let running = Running::start(&mut command, &member.home);
    (member, running)
}

#[test]
fn symptom_02_members_share_what_one_of_them_has_and_each_is_answered_on_its_own() {
    let (tokens, server) = token_server();
    let (first, running_first) = member(&tokens, FIRST, &[FIRST, SECOND]);
    let (second, running_second) = member(&tokens, SECOND, &[FIRST, SECOND, UNKNOWN]);
    let trial = import(&first, TRIAL);
    assert_eq!(trial.len(), 2);
    assert_eq!(import(&second, TRIAL), trial);
    let alice = enrolled(&second, &tokens, "alice", &trial[1]);
    second.home.radius_client("vpn", "127.0.0.1", "");
    let vpn = Vpn::new(&second.home, "127.0.0.1");
    assert_eq!(vpn.log_in("alice", &alice.code("alice")), Answer::Accept);
    let told = second.home.console(
        "diagnose debug enable\ndiagnose fortitoken debug enable\nexecute fortitoken-mobile poll",
    );
    assert!(told.out.contains("Product is not registered"), "{told:?}");
    assert!(told.out.contains(UNKNOWN), "{told:?}");
    // Alone, nothing of the first is at the second's command.
    running_second.stop();
    let alone = second.start();
    let poll = second.home.console("execute fortitoken-mobile poll");
    assert!(poll.out.contains("-7567"), "{poll:?}");
    alone.stop();
    running_first.stop();
    server.stop();
}

#[test]
fn members_in_the_configuration_share_from_the_next_request_on() {
    let (tokens, server) = token_server();
    let first = Apart::of(&tokens).enrolled(&tokens, FIRST);
    let second = Apart::of(&tokens).enrolled(&tokens, SECOND);
    let running = [first.start(), second.start()];
    let trial = import(&first, TRIAL);
    let members = |words: &str| {
        let lines = format!("config system ha\n{words}\nend");
        second.home.console(&lines)
    };
    members(&format!("set members {FIRST} {SECOND}")).ok();
    assert_eq!(import(&second, TRIAL), trial);
    let shown = second.home.console("show system ha").ok();
    assert!(
        shown.contains(&format!("set members \"{FIRST}\"")),
        "{shown}"
    );
    members("unset members").ok();
    let poll = second.home.console(
        "diagnose debug enable\ndiagnose fortitoken debug enable\nexecute fortitoken-mobile poll",
    );
    assert!(!poll.out.contains(FIRST), "{poll:?}");

    let said = members("set members FGT1").refused();
    assert!(said.contains("serial numbers of units"), "{said}");
    let many: Vec<String> = (100..117)
        .map(|number| format!("FGT0000000000{number}"))
        .collect();
    let said = members(&format!("set members {}", many.join(" "))).refused();
    assert!(said.contains("at most 16 members"), "{said}");
    for running in running {
        running.stop();
    }
    server.stop();
}

#[test]
fn a_cluster_has_sixteen_members() {
    let (tokens, server) = token_server();
    let gateway = Apart::of(&tokens).enrolled(&tokens, FIRST);
    let mut command = gateway.command();
    for number in 100..116 {
        command.args(["--partner", &format!("FGT0000000000{number}")]);
    }
    let said = common::run(&mut command, "").refused();
    assert!(said.contains("at most 16 members"), "{said}");
    server.stop();
}
