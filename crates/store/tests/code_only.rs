//! Guessing at clients that check first factors themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use std::path::Path;

use domain::admin::{Edit, Operation, Phone, Polled};
use domain::audit::{Event, What};
use domain::code_only::Vouched;
use domain::login::{CodePosition, Proof, Second, Submitted, second};
use domain::reason::Reason;
use domain::schema::{RADIUS_CLIENT, Value};
use domain::time::{Span, Timestamp};
use ident::{RegistrationId, TokenSerial};
use store::gateway::{Decision, GatewayStore, Outcome, Removed};
use support::{
    START, code, configure, consume, decision, enrol, granted, judge, login, name, open, origin,
    refused, run, set, step_at, wrong,
};
use tempfile::TempDir;

const SEED: [u8; 20] = [0x5e; 20];
const DOORS: [&str; 3] = ["vpn5", "vpn6", "vpn7"];

/// A user with a token, and clients that have codes alone checked.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let token = TokenSerial::parse("FTKMOB99C7D975DF").unwrap();
    enrol(&store, "alice", token, SEED, START).await;
    let phone = Some(Phone {
        registration: RegistrationId::from_bytes([7; 32]),
        os_version: "0.1.0_LNX".into(),
    });
    run(
        &store,
        Operation::Polled(vec![Polled { token, phone }]),
        START,
    )
    .await;
    for (door, subnet) in DOORS.iter().zip(["192.0.2.5", "192.0.2.6", "192.0.2.7"]) {
        let secret = RADIUS_CLIENT.field("secret").unwrap();
        let edits = vec![
            set(&RADIUS_CLIENT, "subnet", subnet),
            set(&RADIUS_CLIENT, "code-position", "code-only"),
            Edit::Set(secret, Value::Secret("xyzzy5461".to_owned().into())),
        ];
        run(&store, configure(&RADIUS_CLIENT, door, edits), START).await;
    }
    (dir, store)
}

/// A code alone, by the word of a client.
async fn vouched(store: &GatewayStore, door: &str, code: &str, now: Timestamp) -> Outcome {
    let facts = store
        .facts(name("alice"), CodePosition::CodeOnly, now)
        .unwrap();
    let vouched = Vouched::by(door, &facts).unwrap();
    let proof = Proof::Client(vouched.clone());
    let code = Submitted::new(code.as_bytes());
    let decided = store.with_code_counter_at(&vouched, now, |counter| {
        second(&facts, proof, Some(&code), counter, now)
    });
    let decision = match decided {
        Second::Consume(consume) => Decision::Grant(consume, origin(door)),
        Second::Refuse(refusal, _) => Decision::Refuse {
            person: name("alice"),
            origin: origin(door),
            refusal,
            at: now,
        },
        other => panic!("{other:?}"),
    };
    consume(store, decision).await
}

fn now_code(now: Timestamp) -> String {
    code(SEED, step_at(now))
}

async fn again(dir: &Path, store: GatewayStore, now: Timestamp) -> GatewayStore {
    drop(store);
    open(dir, now).await
}

/// Removes all events that may go.
async fn remove_events(store: &GatewayStore, now: Timestamp) {
    let what = What::FloorRaised {
        cause: "a test".into(),
    };
    store.record(Event { at: now, what }).await.unwrap();
    store.checkpoint().await.unwrap();
    while let Removed::Some(_) = store.remove_events(now, now).await.unwrap() {}
}

#[tokio::test]
async fn a_code_that_asked_for_the_next_lets_nobody_in_at_a_client_or_after_an_unlock() {
    let (dir, store) = alice().await;
    let its_time = START.after(Span::from_mins(20));
    let asked = decision(
        name("alice"),
        judge(&store, &name("alice"), None, &now_code(its_time), START),
        START,
    );
    assert_eq!(refused(&consume(&store, asked.0).await), Reason::ClockFast);
    run(&store, Operation::Unlock(name("alice")), START).await;
    let held = vouched(&store, DOORS[0], &now_code(its_time), its_time).await;
    assert_eq!(refused(&held), Reason::CodeReplayed);
    let store = again(dir.path(), store, its_time).await;
    for door in DOORS {
        let held = vouched(&store, door, &now_code(its_time), its_time).await;
        assert_eq!(refused(&held), Reason::CodeReplayed, "{door}");
    }
    let own = login(&store, "alice", &now_code(its_time), its_time).await;
    assert_eq!(refused(&own), Reason::CodeReplayed);
    let next = its_time.after(Span::from_mins(1));
    granted(&vouched(&store, DOORS[0], &now_code(next), next).await);
}

#[tokio::test]
async fn guesses_over_all_clients_add_up_to_a_block_at_them_alone() {
    let (dir, mut store) = alice().await;
    let mut now = START;
    for round in 0..20 {
        now = now.after(Span::from_hours(2));
        let door = DOORS[round % 2];
        let refusal = vouched(&store, door, &wrong(SEED, now), now).await;
        assert_eq!(refused(&refusal), Reason::CodeWrong, "{round}");
        if round == 14 {
            // A login of the person's own forgets none of them.
            now = now.after(Span::from_hours(2));
            granted(&vouched(&store, door, &now_code(now), now).await);
            remove_events(&store, now).await;
            store = again(dir.path(), store, now).await;
        }
    }
    for days in [1, 90] {
        now = now.after(Span::from_days(days));
        for door in DOORS {
            let blocked = vouched(&store, door, &now_code(now), now).await;
            assert_eq!(refused(&blocked), Reason::CodeBlocked, "{door}, {days}");
        }
        granted(&login(&store, "alice", &now_code(now), now).await);
        remove_events(&store, now).await;
        store = again(dir.path(), store, now).await;
    }
    run(&store, Operation::Unlock(name("alice")), now).await;
    now = now.after(Span::from_days(1));
    store = again(dir.path(), store, now).await;
    granted(&vouched(&store, DOORS[2], &now_code(now), now).await);
}

#[tokio::test]
async fn what_blocks_is_the_sum_over_both_kinds_of_clients() {
    let (_dir, store) = alice().await;
    let mut now = START;
    let mut later = || {
        now = now.after(Span::from_hours(2));
        now
    };
    for _ in 0..20 {
        let now = later();
        let refusal = vouched(&store, DOORS[0], &wrong(SEED, now), now).await;
        assert_eq!(refused(&refusal), Reason::CodeWrong);
    }
    let now = later();
    let blocked = vouched(&store, DOORS[0], &now_code(now), now).await;
    assert_eq!(refused(&blocked), Reason::CodeBlocked);
    // What others guess at clients that ask for no password leaves the person ten.
    for _ in 0..10 {
        let now = later();
        granted(&login(&store, "alice", &now_code(now), now).await);
        let now = later();
        let mistyped = login(&store, "alice", &wrong(SEED, now), now).await;
        assert_eq!(refused(&mistyped), Reason::CodeWrong);
    }
    let now = later();
    let blocked = login(&store, "alice", &now_code(now), now).await;
    assert_eq!(refused(&blocked), Reason::CodeBlocked);
}
