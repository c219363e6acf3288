//! The token server out of reach, and answers that are lost on their way: what goes on meanwhile, and what
//! is caught up with afterwards.
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

use std::time::{Duration, Instant};

use common::cable::Cable;
use common::phone::{Phone, enrol};
use common::radius::{Answer, Vpn};
use common::store::provisioned_at;
use common::{Home, Running, run, tool, until};
use serde_json::Value;
use soak::clock::Clock;

const CLIENT: &str = "127.0.0.1";

/// What was queued has arrived so soon after the token server is back.
const CATCH_UP: Duration = Duration::from_secs(30);

const HOUR_S: i64 = 3_600;

const DEVICE: &str = "FTK2000BHV1KRZCC";
const SEED: &str = "3132333435363738393031323334353637383930";

/// A gateway behind a cable that is whole.
fn behind(cable: &Cable) -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    cable.lay(&home);
    (home, up)
}

/// How often the desk's history has a deed.
fn deeds(home: &Home, subject: &str, action: &str) -> usize {
    let history = home.desk(&["history", subject, "--json"]).ok();
    let history: Value = serde_json::from_str(&history).unwrap();
    let events = history["events"].as_array().unwrap().iter();
    events.filter(|event| event["action"] == action).count()
}

fn outbox(home: &Home) -> String {
    home.console("diagnose outbox list").ok()
}

fn caught_up(home: &Home) {
    until("the outbox is empty", || home.nothing_waits());
}

/// Gives a user a token; the gateway says that it has to wait.
fn assign_in_vain(home: &Home, name: &str, token: &str) {
    let said = home.console(&format!(
        "config user local\nedit {name}\nset two-factor fortitoken\nset fortitoken {token}\nend"
    ));
    assert!(said.out.contains("outbox"), "{}{}", said.out, said.err);
}

fn unassign(home: &Home, name: &str) {
    home.console(&format!(
        "config user local\nedit {name}\nunset two-factor\nunset fortitoken\nend"
    ))
    .ok();
}

#[test]
fn a_gateway_that_is_cut_off_for_a_day_lets_in_and_catches_up_in_order() {
    let home = Home::new();
    let mut clock = Clock::new(&home);
    let mut command = home.up();
    clock.rules(&mut command);
    let up = Running::start(&mut command, &home);
    let cable = Cable::new();
    cable.lay(&home);
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(&home, CLIENT);
    let tokens = home.import(9);
    let [first, leaver, passer, queued @ ..] = tokens.as_slice() else {
        panic!("{tokens:?}");
    };
    let mut phone = enrol(&home, "alice", first);
    home.user("bob", leaver);
    for name in 0..queued.len() {
        home.user_without_token(&format!("user{name}"));
    }
    home.user_without_token("carol");
    let code = home.issue(3);

    cable.cut();
    unassign(&home, "bob");
    assert_eq!(home.status(leaver), "new");
    assign_in_vain(&home, "carol", passer);
    unassign(&home, "carol");
    home.console(&format!("execute fortitoken-mobile import {code}"))
        .refused();
    for (number, token) in queued.iter().enumerate() {
        clock.turn(4 * HOUR_S);
        assign_in_vain(&home, &format!("user{number}"), token);
    }
    phone = phone.at("+24h");
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    // What carol's token waited for is no longer wanted; the others each say why they wait.
    let waiting = outbox(&home);
    assert_eq!(
        waiting.matches("last error:").count(),
        1 + queued.len(),
        "{waiting}"
    );
    let info = home.console("diagnose fortitoken info").ok();
    assert!(info.contains("Token server status: unreachable"), "{info}");
    assert!(!info.contains("lock"), "{info}");

    cable.mend();
    let mended = Instant::now();
    caught_up(&home);
    assert!(mended.elapsed() < CATCH_UP, "{:?}", mended.elapsed());
    assert_eq!(deeds(&home, passer, "provision"), 0);
    assert_eq!(home.status(passer), "new");
    let info = home.console("diagnose fortitoken info").ok();
    assert_eq!(info.matches("FTKMOB").count(), 12, "{info}");
    assert!(info.contains("Token server status: reachable"), "{info}");
    up.stop();
    let data = home.data();
    let database = data.join("registry/registry.db");
    let moments = provisioned_at(&database, &data.join("root.key"), queued);
    assert_eq!(moments.len(), queued.len(), "each once");
    assert!(moments.is_sorted(), "{moments:?}");
}

#[test]
fn an_answer_that_is_lost_and_asked_for_again_makes_nothing_twice() {
    let cable = Cable::new();
    let (home, up) = behind(&cable);
    home.radius_client("vpn", CLIENT, "");
    let vpn = Vpn::new(&home, CLIENT);

    // The licence is redeemed, and the gateway does not hear of it.
    let code = home.issue(2);
    cable.lose_an_answer();
    let said = home.console(&format!("execute fortitoken-mobile import {code}"));
    assert!(said.refused().contains("outbox"));
    assert!(cable.has_lost_it());
    let looked: Value = serde_json::from_str(&home.desk(&["look", &code, "--json"]).ok()).unwrap();
    let licence = looked["licence"]["licence"].as_str().unwrap();
    assert_eq!(deeds(&home, licence, "import"), 1);
    caught_up(&home);
    let tokens = home.tokens_of(licence);
    assert_eq!(tokens.len(), 2);
    assert_eq!(deeds(&home, licence, "import"), 1);

    // The same of a code for a phone, which must be the code that the phone may use.
    let token = &tokens[0];
    home.user_without_token("alice");
    cable.lose_an_answer();
    assign_in_vain(&home, "alice", token);
    assert!(cable.has_lost_it());
    assert_eq!(deeds(&home, token, "provision"), 1);
    caught_up(&home);
    assert_eq!(deeds(&home, token, "provision"), 1);
    let phone = Phone::new(&home, "alice");
    phone
        .add(&home.field(token, "activation-code"), "alice")
        .ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);

    // The same of a seed, which is given once.
    let table = home.path("stock.csv");
    std::fs::write(&table, format!("{DEVICE},{SEED}\n")).unwrap();
    home.desk(&["import-hardware", table.to_str().unwrap()])
        .ok();
    cable.lose_an_answer();
    home.console(&format!("config user fortitoken\nedit {DEVICE}\nend"));
    assert!(cable.has_lost_it());
    assert_eq!(deeds(&home, DEVICE, "activate-hardware"), 1);
    caught_up(&home);
    assert_eq!(deeds(&home, DEVICE, "activate-hardware"), 1);
    home.user("bob", DEVICE);
    let mut device = tool("oathtool", "oathtool");
    let shown = run(device.args(["--totp=sha1", "-s", "60s", SEED]), "").ok();
    assert_eq!(vpn.log_in("bob", shown.trim()), Answer::Accept);
    up.stop();
}
