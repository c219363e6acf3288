//! Codes that are right for another time, over a real store: what asks for the next is on record, and two that follow
//! each other are spent together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs files"
)]

mod support;

use domain::audit::{Event, What};
use domain::login::Drifted;
use domain::login::trial::Counting;
use domain::reason::Reason;
use domain::time::Timestamp;
use ident::TokenSerial;
use otp::{Drift, Step};
use store::gateway::{GatewayStore, Outcome};
use support::*;

const SEED: [u8; 20] = [1; 20];

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn shown(offset: i64) -> String {
    code(SEED, step_at(START).checked_add_signed(offset).unwrap())
}

async fn typed(
    store: &GatewayStore,
    drifted: Option<Drifted>,
    code: &str,
    now: Timestamp,
) -> (Outcome, Option<Drifted>) {
    let person = name("alice");
    let decided = judge(store, &person, drifted, code, now);
    let (decision, asks) = decision(person, decided, now);
    (consume(store, decision).await, asks)
}

#[track_caller]
fn reason(outcome: &Outcome) -> Reason {
    match outcome {
        Outcome::Refused(refused) => refused.reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn two_codes_let_in_teach_the_drift_and_are_spent_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let (asked, drifted) = typed(&store, None, &shown(-14), START).await;
    assert_eq!(reason(&asked), Reason::ClockSlow);
    let (granted, _) = typed(&store, drifted, &shown(-13), START).await;
    assert!(is_granted(&granted), "{granted:?}");
    assert_eq!(store.drift(token()).unwrap(), Some(Drift(-13)));
    for offset in [-14, -13] {
        let again = login(&store, "alice", &shown(offset), START).await;
        assert_eq!(reason(&again), Reason::CodeReplayed, "{offset}");
    }
    drop(store);
    let store = open(dir.path(), START).await;
    assert_eq!(store.drift(token()).unwrap(), Some(Drift(-13)));
    let next = login(&store, "alice", &shown(-12), START).await;
    assert!(is_granted(&next), "{next:?}");
}

#[tokio::test]
async fn a_code_that_asked_for_the_next_is_held_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let (asked, _) = typed(&store, None, &shown(20), START).await;
    assert_eq!(reason(&asked), Reason::ClockFast);
    drop(store);
    let its_time = START.after(secs(20 * 60));
    for _ in 0..2 {
        let store = open(dir.path(), its_time).await;
        let (held, asks) = typed(&store, None, &shown(20), its_time).await;
        assert_eq!(reason(&held), Reason::CodeReplayed);
        assert!(asks.is_none());
    }
    let store = open(dir.path(), its_time).await;
    let next = login(&store, "alice", &shown(21), its_time).await;
    assert!(is_granted(&next), "{next:?}");
}

#[tokio::test]
async fn a_pair_whose_first_code_was_spent_meanwhile_lets_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let (_, drifted) = typed(&store, None, &shown(-14), START).await;
    let person = name("alice");
    let decided = judge(&store, &person, drifted, &shown(-13), START);
    let (pair, _) = decision(person, decided, START);
    let burnt = resync(&store, token(), (&shown(-15), &shown(-14)), START).await;
    assert!(matches!(burnt, Some(Outcome::Resynchronised)), "{burnt:?}");
    assert_eq!(reason(&consume(&store, pair).await), Reason::CodeReplayed);
}

#[tokio::test]
async fn a_try_that_counts_is_counted_and_holds_its_code_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let its_time = START.after(secs(20 * 60));
    let step = Step(step_at(its_time));
    store.with_code_counter(&name("alice"), START, |counter| counter.failed(START));
    let tested = What::LoginTested {
        actor: admin(),
        person: name("alice"),
        reason: Some(Reason::ClockFast),
        detail: "would be asked for the next code".into(),
        counting: Counting::AsWrongCode,
        held: Some((token(), step)),
    };
    let event = Event {
        at: START,
        what: tested,
    };
    store.record(event).await.unwrap();
    for _ in 0..2 {
        let held = login(&store, "alice", &code(SEED, step.0), its_time).await;
        assert_eq!(reason(&held), Reason::CodeReplayed);
    }
    drop(store);
    let store = open(dir.path(), its_time).await;
    let counted = store.with_code_counter(&name("alice"), its_time, |it| it.failures(its_time));
    assert_eq!(counted, 1);
    let held = login(&store, "alice", &code(SEED, step.0), its_time).await;
    assert_eq!(reason(&held), Reason::CodeReplayed);
}
