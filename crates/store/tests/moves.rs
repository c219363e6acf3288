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
    AdminError, Arriving, MoveIn, MoveOut, NotMovedIn, Obstacle, Operation, Phone, Polled, Serials,
};
use domain::conveyed::{Conveyed, Holder};
use domain::schema::FORTITOKEN;
use domain::time::{Span, Timestamp};
use domain::token::TokenStatus;
use domain::vdom::Vdom;
use ident::{ProductSerial, RegistrationId, TokenSerial};
use otp::Step;
use store::Failure;
use store::gateway::GatewayStore;
use support::*;
use tempfile::{TempDir, tempdir};

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

/// Alice's token is on her phone, and she has logged in.
async fn old_gateway() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let activated = Operation::Polled(vec![Polled {
        token: token(),
        phone: Some(Phone {
            registration: phone(),
            os_version: "0.1.0_WEB".into(),
        }),
    }]);
    run(&store, activated, START).await;
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
        to: ProductSerial::parse("FGT0000000000042").unwrap(),
        file: "ab".into(),
    })
}

fn on_its_phone(token: Conveyed) -> Arriving {
    let phone = Phone {
        registration: token.phone.registration,
        os_version: token.phone.os_version.clone(),
    };
    Arriving {
        token,
        phone: Some(phone),
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

async fn refused(store: &GatewayStore, operation: Operation) -> AdminError {
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
    run(&old, out(), START).await;
    assert!(leaving(&old).await.is_empty());
    run(&old, switch("active"), START).await;
    assert!(!logs_in(&old, minutes(1)).await);

    let (_new, new) = new_gateway().await;
    let waits = NotMovedIn::Obstructed(Obstacle::Awaited, Serials([token()].into()));
    assert_eq!(refused(&new, taken(read())).await, waits.into());
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
    let again = refused(&new, taken(read())).await;
    assert_eq!(again, NotMovedIn::Again.into());
}
