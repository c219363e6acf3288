//! Approvals on the phone: spent once, on record, and worth nothing after a change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    dead_code,
    reason = "a test fails by panicking, and it needs files; the support is shared with other tests"
)]

mod support;

use domain::admin::{Operation, Phone, Polled};
use domain::audit::What;
use domain::login::{CodePosition, Second, Spend, pushed};
use domain::push::{Outstanding, Said, Session};
use domain::reason::Reason;
use domain::schema::FORTITOKEN;
use domain::throttle::CodeCounter;
use ident::{RegistrationId, TokenSerial};
use store::gateway::{Decision, GatewayStore};
use support::*;
use tempfile::tempdir;

const SEED: [u8; 20] = *b"canary-seed-1-0123ab";

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn session(number: u8) -> Session {
    Session::new([number; 16])
}

/// The phone of this number has activated the token.
async fn activated_on(store: &GatewayStore, phone: u8) {
    let polled = Polled {
        token: token(),
        phone: Some(Phone {
            registration: RegistrationId::from_bytes([phone; 32]),
            os_version: "0.1.0_LNX".into(),
        }),
    };
    run(store, Operation::Polled(vec![polled]), START).await;
}

/// A decision to let alice in because she approved this request.
fn approved(store: &GatewayStore, session: Session) -> Decision {
    let facts = store
        .facts(name("alice"), CodePosition::Challenge, START)
        .unwrap();
    let outstanding = Outstanding {
        session,
        person: name("alice"),
        token: token(),
        device: RegistrationId::from_bytes([4; 32]),
        number: None,
        expires: START.after(secs(60)),
    };
    let (proof, said) = (verified(&facts), Some(Said::Approve(None)));
    let counter = &mut CodeCounter::default();
    match pushed(&facts, proof, outstanding, said, counter, START) {
        Second::Consume(consume) => Decision::Grant(consume, origin("vpn1")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_approval_lets_in_once_and_is_on_record() {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    activated_on(&store, 4).await;
    let event = granted(&consume(&store, approved(&store, session(1))).await);
    let again = consume(&store, approved(&store, session(1))).await;
    assert_eq!(refused(&again), Reason::PushReplayed);
    granted(&consume(&store, approved(&store, session(2))).await);

    // An administrator locks the token while somebody approves.
    let decision = approved(&store, session(3));
    let lock = vec![set(&FORTITOKEN, "status", "lock")];
    run(
        &store,
        configure(&FORTITOKEN, token().as_str(), lock),
        START,
    )
    .await;
    let outcome = consume(&store, decision).await;
    assert_eq!(refused(&outcome), Reason::ChangedMeanwhile);

    drop(store);
    let store = open(dir.path(), START).await;
    let recorded = store.event(event).await.unwrap().unwrap();
    let What::Accepted { spend, .. } = recorded.event.what else {
        panic!("{recorded:?}");
    };
    let (token, session) = (token(), session(1));
    assert_eq!(spend, Spend::Push { token, session });
}

#[tokio::test]
async fn an_approval_is_worth_nothing_once_the_token_has_left_the_phone() {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    activated_on(&store, 4).await;
    let [before_the_code, before_the_phone] =
        [1, 2].map(|number| approved(&store, session(number)));
    run_with(&store, provision(token()), [9; 20], START).await;
    run(&store, supplied(token()), START).await;
    let outcome = consume(&store, before_the_code).await;
    assert_eq!(refused(&outcome), Reason::ChangedMeanwhile);
    activated_on(&store, 5).await;
    let outcome = consume(&store, before_the_phone).await;
    assert_eq!(refused(&outcome), Reason::ChangedMeanwhile);
}

#[tokio::test]
async fn an_approval_is_worth_nothing_in_the_transaction_that_takes_the_token_from_the_phone() {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    activated_on(&store, 4).await;
    let approval = approved(&store, session(1));
    let release = hold(&store);
    let (_, outcomes) = tokio::join!(
        run_with(&store, provision(token()), [9; 20], START),
        async {
            let outcomes = submit(&store, vec![approval]);
            release.send(()).unwrap();
            outcomes.await.unwrap()
        }
    );
    assert_eq!(refused(&outcomes[0]), Reason::ChangedMeanwhile);
}
