//! Recovery codes and passes: each is used once, whatever happens meanwhile.
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

use std::fs;

use domain::admin::Operation;
use domain::reason::Reason;
use domain::recovery::{Held, Kind, RecoveryCode};
use domain::schema::{LOCAL, Place};
use domain::vdom::Vdom;
use ident::TokenSerial;
use store::gateway::GatewayStore;
use support::*;
use tempfile::{TempDir, tempdir};

const SEED: [u8; 20] = [9; 20];

/// Alice has a token, and one recovery code.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", TokenSerial::mobile([1; 5]), SEED, START).await;
    let held = Held::new(Kind::Code, code().digest(), None);
    run(&store, holds(vec![held]), START).await;
    (dir, store)
}

fn code() -> RecoveryCode {
    RecoveryCode::from_random([5; 10])
}

fn holds(held: Vec<Held>) -> Operation {
    Operation::Recovery {
        person: name("alice"),
        kind: Kind::Code,
        held,
    }
}

#[tokio::test]
async fn of_two_logins_in_one_transaction_one_is_granted() {
    let (dir, store) = alice().await;
    let typed = code().grouped();
    let decided = || decide(&store, "alice", &typed, START);
    let outcomes = submit(&store, vec![decided(), decided()]).await.unwrap();
    assert!(is_granted(&outcomes[0]));
    assert_eq!(refused(&outcomes[1]), Reason::RecoveryCodeUsed);
    drop(store);
    let store = open(dir.path(), START).await;
    let held = store.recovery(&name("alice"));
    let used = held[0].used.as_ref().unwrap();
    assert_eq!((used.at, &*used.client), (START, "vpn1"));
    let again = login(&store, "alice", &typed, START).await;
    assert_eq!(refused(&again), Reason::RecoveryCodeUsed);
}

#[tokio::test]
async fn a_code_that_is_taken_back_meanwhile_lets_nobody_in() {
    let (_dir, store) = alice().await;
    let decided = decide(&store, "alice", &code().grouped(), START);
    run(&store, holds(Vec::new()), START).await;
    let late = consume(&store, decided).await;
    assert_eq!(refused(&late), Reason::RecoveryCodeUsed);
}

#[tokio::test]
async fn codes_go_along_with_a_name_and_away_with_a_person() {
    let (dir, store) = alice().await;
    let place = |name: &str| Place::new(Vdom::ROOT, &LOCAL, name);
    let renamed = Operation::Rename {
        place: place("alice"),
        to: "alicia".into(),
    };
    run(&store, renamed, START).await;
    assert_eq!(store.recovery(&name("alicia")).len(), 1);
    assert!(store.recovery(&name("alice")).is_empty());
    let renamed = login(&store, "alicia", &code().grouped(), START).await;
    granted(&renamed);
    let place = place("alicia");
    run(&store, Operation::Remove { place }, START).await;
    assert!(store.recovery(&name("alicia")).is_empty());
    drop(store);
    let store = open(dir.path(), START).await;
    assert!(store.recovery(&name("alicia")).is_empty());
}

#[tokio::test]
async fn no_code_outlives_a_copy_that_is_put_back() {
    let (dir, store) = alice().await;
    drop(store);
    let backup = tempdir().unwrap();
    copy(dir.path(), backup.path());
    let store = open(dir.path(), START).await;
    granted(&login(&store, "alice", &code().grouped(), START).await);
    drop(store);
    let database = |dir: &TempDir| dir.path().join("gateway.db");
    fs::copy(database(&backup), database(&dir)).unwrap();
    let _ = fs::remove_file(dir.path().join("gateway.db-wal"));
    let store = open(dir.path(), START).await;
    let again = login(&store, "alice", &code().grouped(), START).await;
    assert_eq!(refused(&again), Reason::RecoveryCodeWrong);
    assert!(store.recovery(&name("alice")).is_empty());
}
