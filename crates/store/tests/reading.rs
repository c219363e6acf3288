//! Logins while people and tokens are still to be read: whoever comes is known, and what was spent stays spent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs processes and files to fail"
)]

mod support;

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use domain::admin::{Edit, Operation};
use domain::backend::Kind;
use domain::login::{self, CodePosition, Factor, Facts, Verification};
use domain::password::Presented;
use domain::reason::Reason;
use domain::remote::Told;
use domain::schema::{FORTITOKEN, GROUP, LDAP, LOCAL, Place, RADIUS_CLIENT, Table, Value};
use domain::time::Timestamp;
use domain::token::Usability;
use domain::user::Switch;
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::Drift;
use rusqlite::Connection;
use store::gateway::{Decision, GatewayStore, NoFacts, Outcome, Rest};
use store::{Failure, Health, Undecided};
use support::*;
use tempfile::{TempDir, tempdir};
use zeroize::Zeroizing;

const SEED: [u8; 20] = *b"canary-seed-1-0123ab";

fn token(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn now_code(now: Timestamp) -> String {
    code(SEED, step_at(now))
}

/// A store that nobody has read the people and tokens of.
async fn begin(dir: &Path, now: Timestamp) -> (GatewayStore, Rest) {
    let begun = GatewayStore::begin(&location(dir), &root(dir), now).await;
    begun.unwrap()
}

/// Alice and Bob with a token each, in a directory as a crash leaves it after `before`.
async fn after<F: AsyncFnOnce(&GatewayStore)>(before: F) -> TempDir {
    let (dir, crashed) = (tempdir().unwrap(), tempdir().unwrap());
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(1), SEED, START).await;
    enrol(&store, "bob", token(2), SEED, START).await;
    before(&store).await;
    copy(dir.path(), crashed.path());
    crashed
}

fn execute(dir: &Path, sql: &str) {
    let database = Connection::open(dir.join("gateway.db")).unwrap();
    database.execute_batch(sql).unwrap();
}

fn facts(store: &GatewayStore, user: &str) -> Facts {
    let facts = store.facts(name(user), CodePosition::Challenge, START);
    facts.unwrap()
}

#[tokio::test]
async fn steps_are_spent_whether_the_row_says_so_or_an_event_alone() {
    let dir = after(async |store| {
        granted(&login(store, "bob", &now_code(START), START).await);
        store.checkpoint().await.unwrap();
        granted(&login(store, "alice", &now_code(START), START).await);
    })
    .await;
    let (store, rest) = begin(dir.path(), START).await;
    for user in ["alice", "bob"] {
        let again = login(&store, user, &now_code(START), START).await;
        assert_eq!(refused(&again), Reason::CodeReplayed, "{user}");
    }
    let next = START.after(secs(60));
    granted(&login(&store, "alice", &now_code(next), next).await);
    rest.read().unwrap();
    assert_eq!(store.sizes().await, Ok((2, 2)));
    let again = login(&store, "alice", &now_code(next), next).await;
    assert_eq!(refused(&again), Reason::CodeReplayed);
    granted(&login(&store, "bob", &now_code(next), next).await);
    // What came in late is brought into the rows as well.
    store.checkpoint().await.unwrap();
    drop((store, rest));
    execute(
        dir.path(),
        "DELETE FROM event WHERE id < (SELECT max(id) FROM event)",
    );
    let store = open(dir.path(), next).await;
    for user in ["alice", "bob"] {
        let again = login(&store, user, &now_code(next), next).await;
        assert_eq!(refused(&again), Reason::CodeReplayed, "{user}");
    }
}

#[tokio::test]
async fn what_was_spent_in_events_alone_is_spent_once_all_are_read() {
    let dir = after(async |store| {
        store.checkpoint().await.unwrap();
        granted(&login(store, "alice", &now_code(START), START).await);
    })
    .await;
    let (store, rest) = begin(dir.path(), START).await;
    rest.read().unwrap();
    let again = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&again), Reason::CodeReplayed);
    store.checkpoint().await.unwrap();
    drop((store, rest));
    let rows = "SELECT spent FROM token WHERE serial = ?1";
    let database = Connection::open(dir.path().join("gateway.db")).unwrap();
    let spent: i64 = database
        .query_row(rows, [token(1).as_str()], |row| row.get(0))
        .unwrap();
    assert_eq!(spent.unsigned_abs(), step_at(START));
}

#[tokio::test]
async fn a_step_that_asked_for_the_next_is_held() {
    let shown = code(SEED, step_at(START) + 20);
    let dir = after(async |store| {
        let asked = login(store, "alice", &shown, START).await;
        assert_eq!(refused(&asked), Reason::ClockFast);
    })
    .await;
    let its_time = START.after(secs(20 * 60));
    let (store, rest) = begin(dir.path(), its_time).await;
    let held = login(&store, "alice", &shown, its_time).await;
    assert_eq!(refused(&held), Reason::CodeReplayed);
    rest.read().unwrap();
    let held = login(&store, "alice", &shown, its_time).await;
    assert_eq!(refused(&held), Reason::CodeReplayed);
}

#[tokio::test]
async fn a_drift_that_an_event_taught_is_known() {
    let early = code(SEED, step_at(START) + 1);
    let dir = after(async |store| {
        granted(&login(store, "alice", &early, START).await);
    })
    .await;
    let (store, _rest) = begin(dir.path(), START).await;
    assert_eq!(store.drift(token(1)), Ok(Some(Drift(1))));
    assert_eq!(store.drift(token(2)), Ok(Some(Drift(0))));
    assert_eq!(store.drift(token(3)), Ok(None));
    assert_eq!(store.token_of(&name("bob")), Ok(Some(token(2))));
}

#[tokio::test]
async fn whoever_comes_is_who_they_are() {
    let dir = after(async |store| {
        let disable = configure(&LOCAL, "bob", vec![set(&LOCAL, "status", "disable")]);
        run(store, disable, START).await;
        let lock = vec![set(&FORTITOKEN, "status", "lock")];
        run(
            store,
            configure(&FORTITOKEN, token(1).as_str(), lock),
            START,
        )
        .await;
    })
    .await;
    let (store, rest) = begin(dir.path(), START).await;
    for _ in 0..2 {
        let alice = facts(&store, "alice").person.unwrap();
        let Factor::Token { usability, .. } = alice.factor else {
            panic!("{:?}", alice.factor);
        };
        assert_eq!(usability, Usability::Locked);
        let bob = facts(&store, "bob").person.unwrap();
        assert_eq!(bob.status, Switch::Disable);
        assert!(facts(&store, "carol").person.is_none());
        assert_eq!(store.has_record(&name("alice")), Ok(true));
        assert_eq!(store.has_record(&name("carol")), Ok(false));
        rest.read().unwrap();
    }
}

/// Servers that let people without a record in through `vpn1`.
async fn let_others_in(store: &GatewayStore) {
    let list = |table: &'static Table, field: &str, key: &str| {
        Edit::Set(table.field(field).unwrap(), Value::List(vec![key.into()]))
    };
    let server = vec![
        set(&LDAP, "server", "192.0.2.1"),
        set(&LDAP, "dn", "dc=example"),
    ];
    run(store, configure(&LDAP, "corp", server), START).await;
    let staff = vec![list(&GROUP, "member", "corp")];
    run(store, configure(&GROUP, "staff", staff), START).await;
    let secret = RADIUS_CLIENT.field("secret").unwrap();
    let client = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.9"),
        Edit::Set(secret, Value::Secret("xyzzy5461".to_owned().into())),
        list(&RADIUS_CLIENT, "remote-groups", "staff"),
    ];
    run(store, configure(&RADIUS_CLIENT, "vpn1", client), START).await;
}

#[tokio::test]
async fn no_server_vouches_for_somebody_who_is_not_read_yet() {
    let dir = after(let_others_in).await;
    let (store, rest) = begin(dir.path(), START).await;
    assert_eq!(store.sources(&name("alice"), "vpn1"), Ok(Vec::new()));
    let sources = store.sources(&name("zoe"), "vpn1").unwrap();
    assert_eq!(sources[0].backend.kind, Kind::Ldap);
    // Who has no record is let in all the same, also by the writer's own look.
    let facts = facts(&store, "zoe");
    let facts = Facts { sources, ..facts };
    let password = Presented::new(Zeroizing::new(b"known there".to_vec()));
    let Verification::AskSources(check) = login::begin(&facts, password).check else {
        panic!("nobody is asked");
    };
    let told = |other: &str| Told {
        names: vec!["zoe".to_owned()],
        other_names: vec![other.to_owned()],
        groups: Vec::new(),
        unread: None,
    };
    let confirmed = |told| {
        check.confirmed(&check.sources()[0], &told, |it| {
            store.has_record(it).unwrap()
        })
    };
    assert_eq!(confirmed(told("bob")).unwrap_err(), Reason::NameOfAnother);
    let consume = login::remote(&facts, confirmed(told("nobody")).unwrap(), START).unwrap();
    let vouched = support::consume(&store, Decision::Grant(consume, origin("vpn1"))).await;
    granted(&vouched);
    drop(rest);
}

#[tokio::test]
async fn a_change_waits_until_all_are_read_and_holds() {
    let dir = after(async |_| {}).await;
    let (store, rest) = begin(dir.path(), START).await;
    let decided = decide(&store, "alice", &now_code(START), START);
    let disable = configure(&LOCAL, "alice", vec![set(&LOCAL, "status", "disable")]);
    let change = store.administer(disable, entropy([0; 20]), authority(), START, None);
    let mut change = pin!(change);
    let context = &mut Context::from_waker(Waker::noop());
    assert!(matches!(change.as_mut().poll(context), Poll::Pending));
    let place = Place::new(Vdom::ROOT, &LOCAL, "bob");
    let remove = Operation::Remove { place };
    let removal = store.administer(remove, entropy([0; 20]), authority(), START, None);
    let mut removal = pin!(removal);
    assert!(matches!(removal.as_mut().poll(context), Poll::Pending));
    rest.read().unwrap();
    change.await.unwrap();
    removal.await.unwrap();
    let outcome = support::consume(&store, decided).await;
    assert_eq!(refused(&outcome), Reason::ChangedMeanwhile);
    assert_eq!(store.has_record(&name("bob")), Ok(false));
    // Nobody comes back who was removed.
    rest.read().unwrap();
    assert_eq!(store.has_record(&name("bob")), Ok(false));
}

#[tokio::test]
async fn a_damaged_row_is_nobody_and_ends_the_reading() {
    let dir = after(async |_| {}).await;
    let damage = "UPDATE person SET status = 'perhaps' WHERE canonical LIKE '%bob'";
    execute(dir.path(), damage);
    let (store, rest) = begin(dir.path(), START).await;
    let facts = store.facts(name("bob"), CodePosition::Challenge, START);
    assert!(
        matches!(facts, Err(NoFacts::Undecided(Undecided::Statement(_)))),
        "{facts:?}"
    );
    assert!(store.has_record(&name("bob")).is_err());
    let error = rest.read().unwrap_err().to_string();
    assert!(
        error.contains("bob: the stored status is damaged"),
        "{error}"
    );
    let checkpoint = store.checkpoint().await;
    assert!(
        matches!(checkpoint, Err(Undecided::Statement(_))),
        "{checkpoint:?}"
    );
    granted(&login(&store, "alice", &now_code(START), START).await);
    drop((store, rest));
    let error = try_open(dir.path(), START).await.unwrap_err().to_string();
    assert!(error.contains("gateway.db: person "), "{error}");
}

#[tokio::test]
async fn nobody_waits_for_what_is_not_read_any_more() {
    let dir = after(async |_| {}).await;
    let (store, rest) = begin(dir.path(), START).await;
    drop(rest);
    assert_eq!(store.checkpoint().await, Err(Undecided::Stopped));
    let disable = configure(&LOCAL, "alice", vec![set(&LOCAL, "status", "disable")]);
    let change = store.administer(disable, entropy([0; 20]), authority(), START, None);
    assert!(matches!(
        change.await,
        Err(Failure::Undecided(Undecided::Stopped))
    ));
}

#[tokio::test]
async fn after_a_failed_write_all_are_read_before_anything_is_answered() {
    let dir = after(async |_| {}).await;
    let (store, rest) = begin(dir.path(), START).await;
    let decided = decide(&store, "alice", &now_code(START), START);
    execute(
        dir.path(),
        "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
    );
    let outcome = support::consume(&store, decided).await;
    assert!(matches!(outcome, Outcome::Undecided(..)), "{outcome:?}");
    execute(dir.path(), "DROP TRIGGER full");
    while store.health() != Health::Healthy {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Nobody read the rest.
    assert_eq!(store.sizes().await, Ok((2, 2)));
    rest.read().unwrap();
    for user in ["alice", "bob"] {
        granted(&login(&store, user, &now_code(START), START).await);
        let again = login(&store, user, &now_code(START), START).await;
        assert_eq!(refused(&again), Reason::CodeReplayed, "{user}");
    }
}

#[tokio::test]
async fn a_crash_before_all_are_read_loses_nothing() {
    let dir = after(async |store| {
        granted(&login(store, "bob", &now_code(START), START).await);
    })
    .await;
    let (store, _rest) = begin(dir.path(), START).await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    let crashed = tempdir().unwrap();
    copy(dir.path(), crashed.path());
    let (store, rest) = begin(crashed.path(), START).await;
    for user in ["alice", "bob"] {
        let again = login(&store, user, &now_code(START), START).await;
        assert_eq!(refused(&again), Reason::CodeReplayed, "{user}");
    }
    rest.read().unwrap();
    let again = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&again), Reason::CodeReplayed);
}

#[tokio::test]
async fn all_are_read_where_the_store_may_have_gone_back() {
    let early = code(SEED, step_at(START) + 1);
    let dir = after(async |store| {
        granted(&login(store, "alice", &early, START).await);
        store.checkpoint().await.unwrap();
    })
    .await;
    fs::remove_file(dir.path().join("gateway.head")).unwrap();
    let (store, _rest) = begin(dir.path(), START).await;
    assert_eq!(store.sizes().await, Ok((2, 2)));
    // The floor counts from the latest step of all.
    let (code, later) = (code(SEED, step_at(START) + 2), START.after(secs(60)));
    let ahead = login(&store, "bob", &code, later).await;
    assert_eq!(refused(&ahead), Reason::CodeReplayed);
}
