//! Settings of the unit that decide logins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs files to fail"
)]

mod support;

use domain::admin::{Edit, Operation};
use domain::login::{CodePosition, Second, second};
use domain::reason::Reason;
use domain::schema::{GLOBAL, LOCAL, Place, RADIUS_CLIENT, SETTINGS, VDOM, Value};
use domain::throttle::CodeCounter;
use domain::time::Timestamp;
use domain::vdom::Vdom;
use store::gateway::{Decision, GatewayStore};
use support::*;
use tempfile::TempDir;

async fn store() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    (dir, store)
}

/// A user whose password is enough.
async fn without_token(store: &GatewayStore, user: &str) {
    run(store, configure(&LOCAL, user, vec![passwd()]), START).await;
}

/// What a login by the password alone comes to, before the store's word.
fn by_password(store: &GatewayStore, user: &str, now: Timestamp) -> Decision {
    let person = name(user);
    let facts = store
        .facts(person.clone(), CodePosition::Challenge, now)
        .unwrap();
    let counter = &mut CodeCounter::default();
    match second(&facts, verified(&facts), None, counter, now) {
        Second::Consume(consume) => Decision::Grant(consume, origin("vpn1")),
        Second::Refuse(refusal) => Decision::Refuse {
            person,
            origin: origin("vpn1"),
            refusal,
            at: now,
        },
        Second::Challenge(_) => panic!("a code is asked for"),
    }
}

#[tokio::test]
async fn where_a_second_factor_is_mandatory_the_password_alone_lets_nobody_in() {
    let (_dir, store) = store().await;
    without_token(&store, "alice").await;
    granted(&consume(&store, by_password(&store, "alice", START)).await);
    let under_way = by_password(&store, "alice", START);
    let mandatory = set(&GLOBAL, "multi-factor-authentication", "mandatory");
    run(&store, configure(&GLOBAL, "", vec![mandatory]), START).await;
    let late = consume(&store, under_way).await;
    assert_eq!(refused(&late), Reason::ChangedMeanwhile);
    let refusal = consume(&store, by_password(&store, "alice", START)).await;
    assert_eq!(refused(&refusal), Reason::SecondFactorRequired);
}

#[tokio::test]
async fn the_clients_of_a_disabled_virtual_domain_are_nobodys() {
    let (_dir, store) = store().await;
    let sales = Vdom::parse("sales").unwrap();
    let mode = set(&GLOBAL, "vdom-mode", "multi-vdom");
    run(&store, configure(&GLOBAL, "", vec![mode]), START).await;
    run(&store, configure(&VDOM, "sales", Vec::new()), START).await;
    let secret = RADIUS_CLIENT.field("secret").unwrap();
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.1"),
        Edit::Set(secret, Value::Secret("xyzzy5461".to_owned().into())),
    ];
    let within = |table, key: &str, edits| Operation::Configure {
        place: Place::new(sales, table, key),
        edits,
    };
    run(&store, within(&RADIUS_CLIENT, "vpn1", edits), START).await;
    for (status, clients) in [("disable", 0), ("enable", 1)] {
        let edits = vec![set(&SETTINGS, "status", status)];
        run(&store, within(&SETTINGS, "", edits), START).await;
        assert_eq!(store.clients().len(), clients, "{status}");
    }
}
