//! A token goes from one gateway to another: what is known of it goes along, and it is in use at one of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use domain::admin::{
    AdminError, Arriving, Coverage, Edit, FileGiven, Incoming, ItsPhone, MoveIn, MoveOut,
    NotMovedIn, Obstacle, Operation, Phone, Polled, Restore, Serials, Understood,
};
use domain::conveyed::{Conveyed, Holder};
use domain::reason::Reason;
use domain::schema::{FORTITOKEN, LOCAL, Place, Table, Value};
use domain::time::{Span, Timestamp};
use domain::token::TokenStatus;
use domain::vdom::Vdom;
use ident::{ActivationCode, Pace, ProductSerial, RegistrationId, TokenSerial};
use otp::{Seed, Step};
use store::Failure;
use store::gateway::{Extent, GatewayStore};
use support::*;
use tempfile::{TempDir, tempdir};
use zeroize::Zeroizing;

const SEED: [u8; 20] = [9; 20];

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn phone() -> RegistrationId {
    RegistrationId::from_bytes([1; 32])
}

fn minutes(minutes: i64) -> Timestamp {
    START.after(Span::from_mins(minutes))
}

/// The token server says that alice's token is this gateway's, and on her phone.
fn on_her_phone() -> Operation {
    on(phone())
}

fn on(registration: RegistrationId) -> Operation {
    Operation::Polled(vec![Polled {
        token: token(),
        phone: Some(Phone {
            registration,
            os_version: "0.1.0_WEB".into(),
        }),
    }])
}

/// Alice's token is on her phone, and she has logged in.
async fn old_gateway() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    run(&store, on_her_phone(), START).await;
    assert!(logs_in(&store, START).await);
    (dir, store)
}

/// Alice is a user there, and the token server was asked for a code of her token.
async fn new_gateway() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token()],
    };
    run(&store, imported, START).await;
    run(&store, assignment("alice", token()), START).await;
    (dir, store)
}

async fn logs_in(store: &GatewayStore, now: Timestamp) -> bool {
    let outcome = login(store, "alice", &code(SEED, step_at(now)), now).await;
    is_granted(&outcome)
}

async fn leaving(store: &GatewayStore) -> Vec<Conveyed> {
    store.leaving(Vdom::ROOT, licence()).await.unwrap().tokens
}

fn out() -> Operation {
    Operation::MoveOut(MoveOut {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![(token(), phone())],
        file: given(),
    })
}

fn given() -> FileGiven {
    FileGiven {
        id: "ab".into(),
        name: "tokens.move".into(),
        to: ProductSerial::parse("FGT0000000000042").unwrap(),
        at: START,
    }
}

fn on_its_phone(token: Conveyed) -> Arriving {
    let phone = Phone {
        registration: token.phone.registration,
        os_version: token.phone.os_version.clone(),
    };
    Arriving {
        token,
        phone: ItsPhone::Named(phone),
    }
}

fn taken(tokens: Vec<Conveyed>) -> Operation {
    Operation::MoveIn(MoveIn {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: tokens.into_iter().map(on_its_phone).collect(),
        from: ProductSerial::parse("FGT0000000000041").unwrap(),
        file: "ab".into(),
    })
}

async fn not_done(store: &GatewayStore, operation: Operation) -> AdminError {
    let done = store.administer(operation, entropy([0; 20]), authority(), START, None);
    match done.await {
        Err(Failure::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn switch(status: &'static str) -> Operation {
    let edits = vec![set(&FORTITOKEN, "status", status)];
    configure(&FORTITOKEN, token().as_str(), edits)
}

#[tokio::test]
async fn a_locked_and_used_token_is_locked_and_used_where_it_comes_in() {
    let (_old, old) = old_gateway().await;
    run(&old, switch("lock"), START).await;
    let conveyed = leaving(&old).await.remove(0);
    assert_eq!(conveyed.status, TokenStatus::Lock);
    assert_eq!(conveyed.spent, Some(Step(step_at(START))));
    assert_eq!(conveyed.holder, Some(Holder::User("alice".into())));
    let text = conveyed.render();
    let read = || vec![Conveyed::parse(&text).unwrap()];
    let last = || old.last_given(Vdom::ROOT, licence());
    assert_eq!(last().await.unwrap(), None);
    assert_eq!(old.given_file("ab").await.unwrap(), None);
    run(&old, out(), START).await;
    assert!(leaving(&old).await.is_empty());
    assert_eq!(last().await.unwrap(), Some(given()));
    assert_eq!(old.given_file("ab").await.unwrap(), Some(given()));
    run(&old, switch("active"), START).await;
    assert!(!logs_in(&old, minutes(1)).await);

    let (_new, new) = new_gateway().await;
    let waits = NotMovedIn::Obstructed(Obstacle::Awaited, Serials([token()].into()));
    assert_eq!(not_done(&new, taken(read())).await, waits.into());
    let no_code = Operation::ProvisionRefused {
        token: token(),
        answer: "31".into(),
    };
    run(&new, no_code, START).await;
    // Nothing was taken before, so the file is good still.
    run(&new, taken(read()), START).await;
    assert!(!logs_in(&new, minutes(2)).await);
    run(&new, switch("active"), minutes(2)).await;
    // The old gateway could have taken this one when the token came in.
    let last = code(SEED, step_at(minutes(1)));
    assert!(!is_granted(&login(&new, "alice", &last, minutes(2)).await));
    assert!(logs_in(&new, minutes(2)).await);
    let again = not_done(&new, taken(read())).await;
    assert_eq!(again, NotMovedIn::Again.into());
}

/// What a backup with a password says of alice and her token.
fn backup(conveyed: Conveyed) -> Restore {
    let entry = |table: &'static Table, key: &str, edits| Incoming {
        place: Place::new(Vdom::ROOT, table, key),
        edits,
        understood: Understood::Whole,
    };
    let seed = FORTITOKEN.field("seed").unwrap();
    let of_token = vec![
        set(&FORTITOKEN, "license", licence().as_str()),
        Edit::Set(seed, Value::Secret(conveyed.render())),
    ];
    let of_alice = vec![
        passwd(),
        set(&LOCAL, "two-factor", "fortitoken"),
        set(&LOCAL, "fortitoken", token().as_str()),
    ];
    Restore {
        origin: "file".into(),
        coverage: Coverage::Part,
        entries: vec![
            entry(&FORTITOKEN, token().as_str(), of_token),
            entry(&LOCAL, "alice", of_alice),
        ],
    }
}

async fn pollable(store: &GatewayStore) -> Vec<TokenSerial> {
    store.pollable_after(None, "", 10).await.unwrap()
}

/// A new gateway whose backup came before its time.
async fn restored_early(conveyed: Conveyed) -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    restore(&store, conveyed).await;
    run(&store, Operation::Disowned(vec![token()]), START).await;
    (dir, store)
}

async fn restore(store: &GatewayStore, conveyed: Conveyed) {
    let report = store.restore(backup(conveyed), Extent::Apply, authority(), START);
    assert_eq!(report.await.unwrap().conveyed, 1);
}

#[tokio::test]
async fn a_token_that_a_backup_brought_is_of_no_use_until_it_is_this_units() {
    let (_old, old) = old_gateway().await;
    let conveyed = leaving(&old).await.remove(0);
    let (dir, store) = restored_early(conveyed).await;
    let right = |now| code(SEED, step_at(now));
    let outcome = login(&store, "alice", &right(minutes(2)), minutes(2)).await;
    assert_eq!(refused(&outcome), Reason::TokenOfAnotherUnit);
    // The gateway to which its licence goes may have its seed from here alone.
    assert_eq!(leaving(&store).await.len(), 1);

    drop(store);
    let store = open(dir.path(), minutes(3)).await;
    let outcome = login(&store, "alice", &right(minutes(3)), minutes(3)).await;
    assert_eq!(refused(&outcome), Reason::TokenOfAnotherUnit);
    // It is asked about until it is this one's. The other unit may have taken a code of this minute.
    assert_eq!(pollable(&store).await, [token()]);
    run(&store, on_her_phone(), minutes(5)).await;
    assert!(!logs_in(&store, minutes(5)).await);
    assert!(!logs_in(&store, minutes(6)).await);
    assert!(logs_in(&store, minutes(7)).await);
}

#[tokio::test]
async fn a_withheld_token_takes_the_phone_of_the_next_backup_and_stays_withheld() {
    const LATER_SEED: [u8; 20] = [8; 20];
    let (_old, old) = old_gateway().await;
    let conveyed = leaving(&old).await.remove(0);
    let text = conveyed.render();
    let (_dir, store) = restored_early(Conveyed::parse(&text).unwrap()).await;
    let mut later = Conveyed::parse(&text).unwrap();
    let other = RegistrationId::from_bytes([2; 32]);
    later.seed = Seed::from_bytes(Zeroizing::new(LATER_SEED.to_vec())).unwrap();
    later.phone.code = ActivationCode::from_random([2; 8], Pace::Sixty);
    later.phone.registration = other;
    restore(&store, later).await;
    let right = |now| code(LATER_SEED, step_at(now));
    let outcome = login(&store, "alice", &right(minutes(2)), minutes(2)).await;
    assert_eq!(refused(&outcome), Reason::TokenOfAnotherUnit);
    run(&store, on(other), minutes(2)).await;
    assert!(!logs_in(&store, minutes(4)).await);
    let outcome = login(&store, "alice", &right(minutes(4)), minutes(4)).await;
    assert!(is_granted(&outcome));
}
