//! Entries under other names: what stays theirs, and who goes on naming them.
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

use domain::admin::{AdminError, Edit, Operation};
use domain::reason::Reason;
use domain::schema::{FORTITOKEN, GROUP, LOCAL, Place, RADIUS_CLIENT, Table, Value};
use domain::throttle::CodeCounter;
use domain::vdom::Vdom;
use ident::TokenSerial;
use store::engine::Failure;
use store::gateway::GatewayStore;
use support::*;
use tempfile::TempDir;

const SEED: [u8; 20] = [3; 20];

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

async fn alice() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    (dir, store)
}

fn at(table: &'static Table, key: &str) -> Place {
    Place::new(Vdom::ROOT, table, key)
}

fn rename(table: &'static Table, from: &str, to: &str) -> Operation {
    let place = at(table, from);
    let to = to.into();
    Operation::Rename { place, to }
}

fn copy(table: &'static Table, from: &str, to: &str) -> Operation {
    let place = at(table, from);
    let to = to.into();
    Operation::Clone { place, to }
}

fn purge(table: &'static Table) -> Operation {
    Operation::Purge {
        vdom: Vdom::ROOT,
        table,
    }
}

async fn refusal(store: &GatewayStore, operation: Operation) -> AdminError {
    let done = store.administer(operation, entropy([0; 20]), authority(), START, None);
    match done.await {
        Err(Failure::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn failures(store: &GatewayStore, user: &str) -> usize {
    store.with_code_counter(&name(user), START, |it: &mut CodeCounter| {
        it.failures(START)
    })
}

#[tokio::test]
async fn a_renamed_user_keeps_token_spent_steps_and_counters() {
    let (dir, mut store) = alice().await;
    let spent = code(SEED, step_at(START));
    granted(&login(&store, "alice", &spent, START).await);
    for _ in 0..3 {
        login(&store, "alice", &wrong(SEED, START), START).await;
    }
    run(&store, rename(&LOCAL, "ALICE", "Zoë"), START).await;
    for _ in 0..2 {
        assert!(store.person(name("alice")).await.unwrap().is_none());
        let zoe = store.person(name("zoë")).await.unwrap().unwrap();
        assert_eq!((zoe.name.as_written(), zoe.token), ("Zoë", Some(token())));
        let owned = store.token(token()).await.unwrap().unwrap();
        assert_eq!(owned.owner.unwrap().name.as_written(), "Zoë");
        assert_eq!((failures(&store, "alice"), failures(&store, "zoë")), (0, 3));
        let replayed = login(&store, "zoë", &spent, START).await;
        assert_eq!(refused(&replayed), Reason::CodeReplayed);
        store.shutdown();
        drop(store);
        store = open(dir.path(), START).await;
    }
    let later = START.after(secs(60));
    granted(&login(&store, "zoë", &code(SEED, step_at(later)), later).await);
}

#[tokio::test]
async fn a_name_may_change_its_letters_only() {
    let (_dir, store) = alice().await;
    login(&store, "alice", &wrong(SEED, START), START).await;
    run(&store, rename(&LOCAL, "alice", "Alice"), START).await;
    let alice = store.person(name("alice")).await.unwrap().unwrap();
    assert_eq!(alice.name.as_written(), "Alice");
    assert_eq!(failures(&store, "alice"), 1);
    granted(&login(&store, "alice", &code(SEED, step_at(START)), START).await);
}

#[tokio::test]
async fn a_new_user_of_an_old_name_inherits_no_failures() {
    let (dir, store) = alice().await;
    login(&store, "alice", &wrong(SEED, START), START).await;
    run(&store, rename(&LOCAL, "alice", "bob"), START).await;
    enrol(&store, "alice", TokenSerial::mobile([2; 5]), SEED, START).await;
    store.shutdown();
    drop(store);
    let store = open(dir.path(), START).await;
    assert_eq!((failures(&store, "alice"), failures(&store, "bob")), (0, 1));
}

async fn client(store: &GatewayStore, key: &str) {
    let secret = Value::Secret("xyzzy5461".to_owned().into());
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.1"),
        Edit::Set(RADIUS_CLIENT.field("secret").unwrap(), secret),
    ];
    run(store, configure(&RADIUS_CLIENT, key, edits), START).await;
}

#[tokio::test]
async fn secrets_open_under_the_new_key() {
    let (dir, store) = alice().await;
    client(&store, "vpn1").await;
    run(&store, rename(&RADIUS_CLIENT, "vpn1", "vpn2"), START).await;
    store.shutdown();
    drop(store);
    let store = open(dir.path(), START).await;
    let clients = store.clients();
    let known: Vec<(&str, &[u8])> = clients
        .iter()
        .map(|client| (&*client.name, client.secret.expose()))
        .collect();
    let secret: &[u8] = b"xyzzy5461";
    assert_eq!(known, [("vpn2", secret)]);
    let missing = refusal(&store, copy(&RADIUS_CLIENT, "vpn1", "vpn4")).await;
    assert_eq!(missing.return_code(), -3);
}

#[tokio::test]
async fn a_purge_takes_all_or_nothing() {
    let (_dir, store) = alice().await;
    run(
        &store,
        Operation::Imported {
            vdom: Vdom::ROOT,
            licence: licence(),
            tokens: vec![TokenSerial::mobile([2; 5])],
        },
        START,
    )
    .await;
    let used = refusal(&store, purge(&FORTITOKEN)).await;
    assert_eq!(used.return_code(), -23);
    assert!(
        used.next_step()
            .contains("user local \"alice\" names it in fortitoken"),
        "{}",
        used.next_step()
    );
    assert_eq!(store.sizes().await.unwrap(), (1, 2));
    client(&store, "vpn1").await;
    run(&store, purge(&RADIUS_CLIENT), START).await;
    assert!(store.clients().is_empty());
    run(&store, purge(&LOCAL), START).await;
    assert!(store.person(name("alice")).await.unwrap().is_none());
    let owned = store.token(token()).await.unwrap().unwrap();
    assert!(owned.owner.is_none() && !owned.token.has_seed);
    run(&store, purge(&FORTITOKEN), START).await;
    assert!(
        store
            .tokens_after(Vdom::ROOT, "", 10)
            .await
            .unwrap()
            .is_empty()
    );
}

fn members(names: &[&str]) -> Edit {
    let names = names.iter().map(|name| (*name).into()).collect();
    Edit::Set(GROUP.field("member").unwrap(), Value::List(names))
}

async fn group(store: &GatewayStore, key: &str, names: &[&str]) {
    run(store, configure(&GROUP, key, vec![members(names)]), START).await;
}

fn groups(store: &GatewayStore, user: &str) -> Vec<String> {
    let welcome = store.welcome(&name(user), START);
    welcome.groups.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_named_user_stays_and_takes_a_new_name_along() {
    let (dir, mut store) = alice().await;
    enrol(&store, "bob", TokenSerial::mobile([2; 5]), SEED, START).await;
    group(&store, "vpn", &["ALICE", "bob", "alice"]).await;
    group(&store, "admins", &["alice"]).await;
    assert_eq!(groups(&store, "alice"), ["admins", "vpn"]);
    let used = refusal(
        &store,
        Operation::Remove {
            place: at(&LOCAL, "Alice"),
        },
    )
    .await;
    assert_eq!(used.to_string(), "The entry is used by other 2 entries");
    assert_eq!(
        used.next_step(),
        "user local \"alice\" is in use: user group \"admins\" names it in member; \
         user group \"vpn\" names it in member; change that first"
    );
    assert_eq!(refusal(&store, purge(&LOCAL)).await.return_code(), -23);
    run(&store, rename(&LOCAL, "alice", "zoë"), START).await;
    run(&store, rename(&GROUP, "vpn", "remote"), START).await;
    for _ in 0..2 {
        assert_eq!(groups(&store, "zoë"), ["admins", "remote"]);
        assert!(groups(&store, "alice").is_empty());
        let remote = store.object(at(&GROUP, "remote")).await.unwrap().unwrap();
        assert_eq!(remote.list("member"), ["zoë".into(), "bob".into()]);
        let reopened = {
            store.shutdown();
            drop(store);
            open(dir.path(), START).await
        };
        store = reopened;
    }
    group(&store, "admins", &[]).await;
    run(&store, purge(&GROUP), START).await;
    assert!(groups(&store, "zoë").is_empty());
    run(&store, purge(&LOCAL), START).await;
}

#[tokio::test]
async fn nobody_names_what_does_not_exist() {
    let (_dir, store) = alice().await;
    let edits = vec![members(&["alice", "carol"])];
    let error = refusal(&store, configure(&GROUP, "vpn", edits)).await;
    assert_eq!(error.return_code(), -3);
    assert!(
        error.next_step().contains("'carol'"),
        "{}",
        error.next_step()
    );
    assert!(store.object(at(&GROUP, "vpn")).await.unwrap().is_none());
}

/// A scan of 100,000 names for each deletion would stop logins meanwhile.
#[tokio::test]
async fn who_names_an_entry_is_found_by_an_index() {
    let (dir, store) = alice().await;
    store.shutdown();
    drop(store);
    let database = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    let plan: String = database
        .query_row(
            "EXPLAIN QUERY PLAN SELECT path, entry, field FROM reference \
             WHERE target = 'user local' AND name = 'alice'",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(
        plan.contains("reference_target (target=? AND name=?)"),
        "{plan}"
    );
}
