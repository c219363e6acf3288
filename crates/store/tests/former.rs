//! What is kept of the seeds that people had before: long enough to explain a refusal, and never to grant a login.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one reads the file"
)]

mod support;

use domain::access::SUPER_ADMIN;
use domain::admin::{Edit, Operation};
use domain::administrator;
use domain::explain::FORMER_KEPT;
use domain::name::CanonicalName;
use domain::reason::Reason;
use domain::schema::{ADMIN, FORTITOKEN, LOCAL, Place, Table, Value};
use domain::time::Timestamp;
use domain::vdom::Vdom;
use ident::TokenSerial;
use store::gateway::{GatewayStore, Removed};
use support::*;
use tempfile::TempDir;
use zeroize::Zeroizing;

const FIRST: [u8; 20] = *b"canary-seed-1-0123ab";
const SECOND: [u8; 20] = *b"canary-seed-2-0123ab";

fn token(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

/// alice, who has token 1 with the first seed; token 2 is nobody's.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(1), FIRST, START).await;
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token(2)],
    };
    run(&store, imported, START).await;
    (dir, store)
}

/// What somebody had the codes of: token, seed and until when.
async fn had(
    store: &GatewayStore,
    person: &CanonicalName,
    now: Timestamp,
) -> Vec<(TokenSerial, Vec<u8>, Timestamp)> {
    let former = store.former_seeds(person, now).await.unwrap();
    former
        .iter()
        .map(|it| (it.token, it.seed.expose().to_vec(), it.until))
        .collect()
}

fn remove(table: &'static Table, key: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, table, key);
    Operation::Remove { place }
}

fn rename(table: &'static Table, from: &str, to: &str) -> Operation {
    Operation::Rename {
        place: Place::new(Vdom::ROOT, table, from),
        to: to.into(),
    }
}

/// The sealed seeds in the file.
fn sealed(dir: &TempDir) -> Vec<Vec<u8>> {
    let database = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    let mut rows = database.prepare("SELECT seed FROM former_seed").unwrap();
    let seeds = rows.query_map([], |row| row.get(0)).unwrap();
    seeds.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_token_that_was_taken_away_explains_and_lets_nobody_in() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &code(FIRST, step_at(START)), START).await);
    let later = START.after(secs(600));
    assign(&store, "alice", token(2), SECOND, later).await;
    let expected = vec![(token(1), FIRST.to_vec(), later)];
    assert_eq!(had(&store, &name("alice"), later).await, expected);
    let former = store.former_seeds(&name("alice"), later).await.unwrap();
    assert_eq!(former[0].spent.map(|step| step.0), Some(step_at(START)));
    let old = login(&store, "alice", &code(FIRST, step_at(later)), later).await;
    assert_eq!(refused(&old), Reason::CodeWrong);
    assert!(had(&store, &name("bob"), later).await.is_empty());
    store.shutdown();
    drop(store);
    let store = open(dir.path(), later).await;
    assert_eq!(had(&store, &name("alice"), later).await, expected);
    for sealed in sealed(&dir) {
        assert!(!sealed.windows(FIRST.len()).any(|it| it == FIRST));
    }
}

#[tokio::test]
async fn a_token_that_is_provisioned_anew_had_another_seed() {
    let (_dir, store) = alice().await;
    let later = START.after(secs(600));
    run_with(&store, provision(token(1)), SECOND, later).await;
    let expected = vec![(token(1), FIRST.to_vec(), later)];
    assert_eq!(had(&store, &name("alice"), later).await, expected);
    run(&store, supplied(token(1)), later).await;
    let new = code(SECOND, step_at(later));
    granted(&login(&store, "alice", &new, later).await);
    assert_eq!(had(&store, &name("alice"), later).await, expected);
}

#[tokio::test]
async fn a_seed_that_no_phone_was_asked_to_take_is_not_kept() {
    let (_dir, store) = alice().await;
    run_with(&store, assignment("alice", token(2)), SECOND, START).await;
    run_with(&store, assignment("alice", token(1)), SECOND, START).await;
    let kept = had(&store, &name("alice"), START).await;
    assert_eq!(kept, [(token(1), FIRST.to_vec(), START)]);
}

#[tokio::test]
async fn after_ninety_days_it_is_gone() {
    let (dir, store) = alice().await;
    assign(&store, "alice", token(2), SECOND, START).await;
    let last = START.after(FORMER_KEPT).before(secs(1));
    assert_eq!(had(&store, &name("alice"), last).await.len(), 1);
    let removed = store.remove_former_seeds(last).await.unwrap();
    assert_eq!((removed, sealed(&dir).len()), (Removed::All(0), 1));
    let over = START.after(FORMER_KEPT);
    assert!(had(&store, &name("alice"), over).await.is_empty());
    let removed = store.remove_former_seeds(over).await.unwrap();
    assert_eq!((removed, sealed(&dir).len()), (Removed::All(1), 0));
}

#[tokio::test]
async fn a_deleted_token_takes_its_seeds_along() {
    let (dir, store) = alice().await;
    assign(&store, "alice", token(2), SECOND, START).await;
    assert_eq!(sealed(&dir).len(), 1);
    run(&store, remove(&FORTITOKEN, token(1).as_str()), START).await;
    assert_eq!(sealed(&dir).len(), 0);
}

#[tokio::test]
async fn a_person_keeps_them_under_another_name_and_takes_them_along() {
    let (dir, store) = alice().await;
    assign(&store, "alice", token(2), SECOND, START).await;
    run(&store, rename(&LOCAL, "alice", "alicia"), START).await;
    assert!(had(&store, &name("alice"), START).await.is_empty());
    assert_eq!(had(&store, &name("alicia"), START).await.len(), 1);
    run(&store, remove(&LOCAL, "alicia"), START).await;
    assert_eq!(sealed(&dir).len(), 0, "neither token 1 nor token 2");
}

#[tokio::test]
async fn the_latest_of_a_person_are_kept() {
    let (dir, store) = alice().await;
    for number in 1..=20 {
        let seed = [number; 20];
        let at = START.after(secs(number.into()));
        run_with(&store, provision(token(1)), seed, at).await;
        run(&store, supplied(token(1)), at).await;
    }
    let kept = had(&store, &name("alice"), START.after(secs(30))).await;
    assert_eq!((kept.len(), sealed(&dir).len()), (16, 16));
    let newest: Vec<u8> = kept.iter().map(|(_, seed, _)| seed[0]).collect();
    assert_eq!(newest, (4..=19).rev().collect::<Vec<u8>>());
}

#[tokio::test]
async fn administrators_are_people_too() {
    let (dir, store) = alice().await;
    let password = Value::Secret(Zeroizing::new(PASSWORD.into()));
    let edits = vec![
        Edit::Set(ADMIN.field("password").unwrap(), password),
        set(&ADMIN, "accprofile", SUPER_ADMIN),
    ];
    for entry in ["admin", "second"] {
        run(&store, configure(&ADMIN, entry, edits.clone()), START).await;
    }
    let edits = vec![
        set(&ADMIN, "two-factor", "fortitoken"),
        set(&ADMIN, "fortitoken", token(2).as_str()),
        set(&ADMIN, "email-to", "admin@example.org"),
    ];
    run_with(&store, configure(&ADMIN, "admin", edits), SECOND, START).await;
    run(&store, supplied(token(2)), START).await;
    run_with(&store, provision(token(2)), FIRST, START).await;
    let admin = administrator::person("admin").unwrap();
    let expected = vec![(token(2), SECOND.to_vec(), START)];
    assert_eq!(had(&store, &admin, START).await, expected);

    run(&store, supplied(token(2)), START).await;
    let later = START.after(secs(1));
    let unset = ["fortitoken", "two-factor"].map(|field| Edit::Unset(ADMIN.field(field).unwrap()));
    run(&store, configure(&ADMIN, "admin", unset.into()), later).await;
    let had_both = had(&store, &admin, later).await;
    assert_eq!(had_both[0], (token(2), FIRST.to_vec(), later));
    assert_eq!(had_both.len(), 2);

    run(&store, rename(&ADMIN, "admin", "boss"), later).await;
    let boss = administrator::person("boss").unwrap();
    assert_eq!(had(&store, &boss, later).await, had_both);
    run(&store, remove(&ADMIN, "boss"), later).await;
    assert_eq!(sealed(&dir).len(), 0);
}
