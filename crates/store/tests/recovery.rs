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

use domain::admin::{Operation, Phone, Polled};
use domain::reason::Reason;
use domain::recovery::{Held, Kind, RecoveryCode};
use domain::schema::{FTM_PUSH, LOCAL, Place};
use domain::transfer::{Asker, Handing};
use domain::vdom::Vdom;
use ident::{RegistrationId, TokenSerial};
use store::gateway::{GatewayStore, Recovered};
use support::*;
use tempfile::{TempDir, tempdir};

const SEED: [u8; 20] = [9; 20];

/// Alice has a token, and one recovery code.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let held = Held::new(Kind::Code, code().digest(), None);
    run(&store, holds(vec![held]), START).await;
    (dir, store)
}

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn phone() -> RegistrationId {
    RegistrationId::from_bytes([1; 32])
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

/// Alice's token is on a phone, and her code brings her another.
async fn recovering() -> (TempDir, GatewayStore) {
    let (dir, store) = alice().await;
    let address = vec![set(&LOCAL, "email-to", "a@example.org")];
    run(&store, configure(&LOCAL, "alice", address), START).await;
    let activated = Operation::Polled(vec![Polled {
        token: token(),
        phone: Some(Phone {
            registration: phone(),
            os_version: "0.1.0_WEB".into(),
        }),
    }]);
    run(&store, activated, START).await;
    let enable = vec![set(&FTM_PUSH, "token-recovery", "enable")];
    run(&store, configure(&FTM_PUSH, "", enable), START).await;
    (dir, store)
}

async fn to_serve(store: &GatewayStore) -> Vec<Recovered> {
    store.recovered("", 10).await.unwrap()
}

#[tokio::test]
async fn who_recovered_is_served_after_any_end_and_once() {
    let (dir, store) = recovering().await;
    granted(&login(&store, "alice", &code().grouped(), START).await);
    drop(store);
    let store = open(dir.path(), START).await;
    let login = Recovered {
        person: name("alice"),
        at: START,
    };
    assert_eq!(to_serve(&store).await, [login]);
    assert!(store.recovered("alice", 10).await.unwrap().is_empty());
    let begin = Operation::BeginTransfer {
        token: token(),
        asker: Asker::Login,
        handing: Handing::Recovery,
        holder: phone(),
    };
    run(&store, begin, START).await;
    assert!(to_serve(&store).await.is_empty());
    drop(store);
    let store = open(dir.path(), START).await;
    assert!(to_serve(&store).await.is_empty());
    assert_eq!(store.open_transfers("", 10).await.unwrap(), [token()]);
}

#[tokio::test]
async fn who_cannot_be_served_is_forgotten_and_a_later_login_is_not() {
    let (_dir, store) = recovering().await;
    granted(&login(&store, "alice", &code().grouped(), START).await);
    let first = to_serve(&store).await.remove(0);
    let again = RecoveryCode::from_random([6; 10]);
    let held = Held::new(Kind::Code, again.digest(), None);
    run(&store, holds(vec![held]), START).await;
    let later = START.after(secs(1));
    granted(&login(&store, "alice", &again.grouped(), later).await);
    store.forget_recovered(first).await.unwrap();
    let second = to_serve(&store).await.remove(0);
    assert_eq!(second.at, later);
    let renamed = Operation::Rename {
        place: Place::new(Vdom::ROOT, &LOCAL, "alice"),
        to: "alicia".into(),
    };
    run(&store, renamed, later).await;
    let renamed = to_serve(&store).await.remove(0);
    assert_eq!(renamed.person, name("alicia"));
    store.forget_recovered(renamed).await.unwrap();
    assert!(to_serve(&store).await.is_empty());
}

#[tokio::test]
async fn nobody_is_served_where_recovery_codes_bring_no_phone() {
    let (_dir, store) = alice().await;
    granted(&login(&store, "alice", &code().grouped(), START).await);
    assert!(to_serve(&store).await.is_empty());
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
