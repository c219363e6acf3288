//! The event log in the store: what is read back, what retention removes, and what it leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use std::path::Path;

use domain::admin::{Operation, Phone, Polled};
use domain::audit::{
    ActivationStage, CertificateEvent, Event, Leave, RenewalStage, TargetState, What,
};
use domain::login::Spend;
use domain::login::trial::Counting;
use domain::reason::Reason;
use domain::schema::{LOCAL, Place};
use domain::throttle::CodeCounter;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use ident::{RegistrationId, TokenSerial};
use otp::{Drift, Step};
use rusqlite::Connection;
use store::gateway::{GatewayStore, Removed, Verified};
use support::{
    START, admin, code, copy, enrol, granted, login, name, open, origin, refused, run, sales, secs,
    step_at, wrong,
};
use tempfile::TempDir;

const SEED: [u8; 20] = [0x5e; 20];

fn token() -> TokenSerial {
    TokenSerial::parse("FTKMOB99C7D975DF").unwrap()
}

#[expect(clippy::too_many_lines, reason = "an entry for each kind of event")]
fn every_kind() -> Vec<What> {
    let spend = Spend::Step {
        token: token(),
        step: Step(7),
        drift: Drift(-1),
    };
    let mut kinds = vec![
        What::Accepted {
            person: name("alice"),
            origin: origin("vpn1"),
            spend,
            vouched: None,
        },
        What::Accepted {
            person: name("zoe"),
            origin: origin("vpn1"),
            spend: Spend::Nothing,
            vouched: Some("ldap 'corp', groups: vpn".into()),
        },
        What::Refused {
            person: name("alice"),
            origin: origin("vpn1"),
            reason: Reason::CodeWrong,
            token: Some(token()),
            step: None,
            evidence: Some("none near".into()),
        },
        What::Undecided {
            person: name("alice"),
            origin: origin("vpn1"),
            reason: Reason::BackendUnreachable,
            evidence: "no answer".into(),
        },
        What::PasswordRenewal {
            person: name("alice"),
            origin: origin("vpn1"),
            stage: RenewalStage::SetBeforeCode,
            at: Some("ldap 'corp'".into()),
        },
        What::PasswordRenewal {
            person: name("alice"),
            origin: origin("vpn1"),
            stage: RenewalStage::Set,
            at: None,
        },
        What::Explained {
            refusal: 2,
            reason: Reason::ClockSlow,
            evidence: "14 steps".into(),
        },
        What::Resynchronised {
            actor: admin(),
            vdom: Vdom::ROOT,
            token: token(),
            step: Step(9),
            drift: Drift(3),
        },
        What::NotResynchronised {
            actor: admin(),
            vdom: sales(),
            token: token(),
            cause: "no match".into(),
        },
        What::LoginTested {
            actor: admin(),
            person: name("alice"),
            reason: Some(Reason::ClockSlow),
            detail: "would be refused".into(),
            counting: Counting::AsWrongCode,
            held: Some((token(), Step(9))),
        },
        What::LoginTested {
            actor: admin(),
            person: name("alice"),
            reason: None,
            detail: "would be granted".into(),
            counting: Counting::Free,
            held: None,
        },
        What::Unlocked {
            actor: admin(),
            person: name("alice"),
        },
        What::Renamed {
            actor: admin(),
            from: name("alice"),
            to: name("bob"),
        },
        What::Changed {
            actor: admin(),
            vdom: sales(),
            action: "user.local".into(),
            object: "alice".into(),
            detail: "set status".into(),
        },
        What::FloorRaised {
            cause: "put back".into(),
        },
        What::LogDeleted {
            actor: admin(),
            through: 3,
        },
    ];
    kinds.extend(ActivationStage::ALL.map(|stage| What::Activation {
        actor: admin(),
        vdom: sales(),
        token: token(),
        owner: (stage != ActivationStage::Refused).then(|| name("alice")),
        stage,
        detail: "detail".into(),
    }));
    kinds.extend(administrators());
    kinds.extend(CertificateEvent::ALL.map(|event| What::Certificate {
        name: "web".into(),
        event,
        detail: "it ends in 7 days".into(),
    }));
    kinds.extend(TargetState::ALL.map(|state| What::LogTarget {
        target: "syslogd".into(),
        state,
        detail: "detail".into(),
    }));
    kinds
}

fn administrators() -> [What; 4] {
    let actor = admin();
    [
        What::AdminLogin {
            actor: actor.clone(),
        },
        What::AdminRefused {
            actor: actor.clone(),
            reason: Reason::PasswordWrong,
        },
        What::AdminLockout {
            actor: actor.clone(),
            seconds: 60,
        },
        What::AdminLogout {
            actor,
            cause: Leave::IdleTimeout,
        },
    ]
}

#[tokio::test]
async fn every_kind_of_event_is_read_back_as_it_was_written() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let kinds = every_kind();
    for what in kinds.clone() {
        store.record(Event { at: START, what }).await.unwrap();
    }
    drop(store);
    let store = open(dir.path(), START).await;
    for (id, what) in (1..).zip(kinds) {
        let recorded = store.event(id).await.unwrap().unwrap();
        assert_eq!(recorded.event.what, what);
    }
}

// ---------------------------------------------------------------- retention

/// Alice has a token on her phone.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let phone = Some(Phone {
        registration: RegistrationId::from_bytes([7; 32]),
        os_version: "0.1.0_LNX".into(),
    });
    let token = token();
    run(
        &store,
        Operation::Polled(vec![Polled { token, phone }]),
        START,
    )
    .await;
    (dir, store)
}

fn now_code(now: Timestamp) -> String {
    code(SEED, step_at(now))
}

fn day(number: i64) -> Timestamp {
    START.after(Span::from_days(number))
}

/// Removes all that may be removed of what is older than a moment.
async fn remove(store: &GatewayStore, before: Timestamp, now: Timestamp) -> i64 {
    store.checkpoint().await.unwrap();
    let mut all = 0;
    loop {
        match store.remove_events(before, now).await.unwrap() {
            Removed::Some(some) => all += some,
            Removed::All(last) => return i64::try_from(all + last).unwrap(),
        }
    }
}

async fn ids(store: &GatewayStore) -> Vec<i64> {
    let events = store.events_after(0, 10_000).await.unwrap();
    events.iter().map(|recorded| recorded.id).collect()
}

async fn last_id(store: &GatewayStore) -> i64 {
    *ids(store).await.last().unwrap()
}

async fn assert_whole(store: &GatewayStore) {
    let events = ids(store).await.len() as u64;
    let broken = None;
    let verified = store.verify_log().await.unwrap();
    assert_eq!(verified, Verified { events, broken });
}

async fn again(dir: &Path, store: GatewayStore, now: Timestamp) -> GatewayStore {
    drop(store);
    open(dir, now).await
}

fn failures(store: &GatewayStore, now: Timestamp) -> usize {
    let count = |counter: &mut CodeCounter| counter.failures(now);
    store.with_code_counter(&name("alice"), now, count)
}

#[tokio::test]
async fn what_is_left_is_a_whole_chain_over_restarts() {
    let (dir, mut store) = alice().await;
    let enrolment = last_id(&store).await;
    for number in 0..10 {
        let now = day(number);
        granted(&login(&store, "alice", &now_code(now), now).await);
    }
    let now = day(9);
    assert_eq!(remove(&store, day(3), now).await, 3 + enrolment);
    for _ in 0..2 {
        let bounds = store.log_bounds().await.unwrap();
        assert_eq!(
            (bounds.oldest, bounds.newest),
            (enrolment + 4, enrolment + 10)
        );
        assert_eq!(bounds.count(), 7);
        assert_eq!(*store.news().borrow(), bounds.newest);
        assert_whole(&store).await;
        store = again(dir.path(), store, now).await;
    }
    let replay = login(&store, "alice", &now_code(now), now).await;
    assert_eq!(refused(&replay), Reason::CodeReplayed);
    let later = now.after(secs(60));
    granted(&login(&store, "alice", &now_code(later), later).await);
    assert_whole(&store).await;
}

#[tokio::test]
async fn what_no_checkpoint_covers_stays() {
    let (dir, store) = alice().await;
    store.checkpoint().await.unwrap();
    let before = last_id(&store).await;
    for minute in 0..3 {
        let now = START.after(secs(60 * minute));
        granted(&login(&store, "alice", &now_code(now), now).await);
    }
    let now = START.after(secs(180));
    store.remove_events(day(1), now).await.unwrap();
    let left: Vec<i64> = (before..=before + 3).collect();
    assert_eq!(
        ids(&store).await,
        left,
        "the checkpoint's event and all behind it"
    );
    let store = again(dir.path(), store, now).await;
    let replay = login(&store, "alice", &now_code(START.after(secs(120))), now).await;
    assert_eq!(refused(&replay), Reason::CodeReplayed);
    assert_whole(&store).await;
}

#[tokio::test]
async fn a_kill_between_two_steps_leaves_a_whole_chain() {
    let (dir, store) = alice().await;
    let crowd = 600;
    for number in 0..crowd {
        let what = What::FloorRaised {
            cause: format!("event {number}").into(),
        };
        store.record(Event { at: START, what }).await.unwrap();
    }
    store.checkpoint().await.unwrap();
    let mut steps = 0;
    loop {
        let removed = store.remove_events(day(1), START).await.unwrap();
        steps += 1;
        let crashed = TempDir::new().unwrap();
        copy(dir.path(), crashed.path());
        let after = open(crashed.path(), START).await;
        assert_eq!(ids(&after).await, ids(&store).await);
        assert_whole(&after).await;
        granted(&login(&after, "alice", &now_code(START), START).await);
        if let Removed::All(_) = removed {
            break;
        }
    }
    assert!(steps >= 3, "{steps}");
    assert_eq!(ids(&store).await.len(), 1);
}

#[tokio::test]
async fn wrong_codes_count_when_their_events_are_gone() {
    let (dir, store) = alice().await;
    for number in 0..4 {
        let now = day(number);
        assert_eq!(
            refused(&login(&store, "alice", &wrong(SEED, now), now).await),
            Reason::CodeWrong
        );
    }
    let now = day(20);
    granted(&login(&store, "alice", &now_code(now), now).await);
    assert!(remove(&store, now, now).await > 4);
    let store = again(dir.path(), store, now).await;
    assert_eq!(failures(&store, now), 4);
    let later = day(36);
    granted(&login(&store, "alice", &now_code(later), later).await);
    remove(&store, later, later).await;
    let store = again(dir.path(), store, later).await;
    assert_eq!(failures(&store, later), 0, "31 days have gone by");
}

#[tokio::test]
async fn wrong_codes_follow_a_person_to_another_name() {
    let (dir, store) = alice().await;
    login(&store, "alice", &wrong(SEED, START), START).await;
    let rename = Operation::Rename {
        place: Place::new(Vdom::ROOT, &LOCAL, "alice"),
        to: "alicia".into(),
    };
    run(&store, rename, START).await;
    let now = day(8);
    granted_nothing(&store, now).await;
    remove(&store, now, now).await;
    let store = again(dir.path(), store, now).await;
    let count = |counter: &mut CodeCounter| counter.failures(now);
    assert_eq!(store.with_code_counter(&name("alicia"), now, count), 1);
    assert_eq!(failures(&store, now), 0);
}

#[tokio::test]
async fn a_block_outlives_its_events_until_it_is_cleared() {
    let (dir, store) = alice().await;
    let mut now = START;
    for _ in 0..30 {
        now = now.after(Span::from_hours(2));
        login(&store, "alice", &wrong(SEED, now), now).await;
    }
    now = day(90);
    granted_nothing(&store, now).await;
    remove(&store, now, now).await;
    let store = again(dir.path(), store, now).await;
    let blocked = login(&store, "alice", &now_code(now), now).await;
    assert_eq!(refused(&blocked), Reason::CodeBlocked);
    run(&store, Operation::Unlock(name("alice")), now).await;
    now = day(91);
    granted_nothing(&store, now).await;
    remove(&store, now, now).await;
    let store = again(dir.path(), store, now).await;
    granted(&login(&store, "alice", &now_code(now), now).await);
    assert_whole(&store).await;
}

/// Moves the log on by an event that counts for nothing.
async fn granted_nothing(store: &GatewayStore, now: Timestamp) {
    let what = What::FloorRaised {
        cause: "a test".into(),
    };
    store.record(Event { at: now, what }).await.unwrap();
}

#[tokio::test]
async fn who_used_a_code_first_is_known_when_the_event_is_gone() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    let now = day(10);
    granted_nothing(&store, now).await;
    remove(&store, now, now).await;
    let store = again(dir.path(), store, now).await;
    assert_eq!(ids(&store).await.len(), 1);
    let first = store
        .first_use(token(), Step(step_at(START)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((first.at, &*first.client), (START, "vpn1"));
}

#[tokio::test]
async fn what_was_tampered_with_is_not_removed() {
    let (dir, store) = alice().await;
    for number in 0..5 {
        granted_nothing(&store, day(number)).await;
    }
    store.checkpoint().await.unwrap();
    let last = last_id(&store).await;
    drop(store);
    let database = Connection::open(dir.path().join("gateway.db")).unwrap();
    let damaged = last - 2;
    database
        .execute("UPDATE event SET detail = 'other' WHERE id = ?1", [damaged])
        .unwrap();
    drop(database);
    let store = open(dir.path(), day(9)).await;
    assert_eq!(remove(&store, day(9), day(9)).await, damaged - 1);
    let verified = store.verify_log().await.unwrap();
    assert_eq!(verified.broken, Some(damaged));
}

#[tokio::test]
async fn a_deleted_log_is_hidden_at_once_and_says_who_did_it() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    let last = last_id(&store).await;
    store.delete_log(admin(), START).await.unwrap();
    let store = again(dir.path(), store, START).await;
    let bounds = store.log_bounds().await.unwrap();
    assert_eq!((bounds.oldest, bounds.newest), (last + 1, last + 1));
    let recorded = store.event(last + 1).await.unwrap().unwrap();
    let actor = admin();
    let through = last;
    assert_eq!(recorded.event.what, What::LogDeleted { actor, through });
    assert_eq!(remove(&store, START, START).await, last);
    assert_whole(&store).await;
    let replay = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&replay), Reason::CodeReplayed);
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let (dir, store) = alice().await;
    assert_eq!(store.log_mark("syslogd").await.unwrap(), None);
    store.set_log_mark("syslogd", Some(3)).await.unwrap();
    let store = again(dir.path(), store, START).await;
    assert_eq!(store.log_mark("syslogd").await.unwrap(), Some(3));
    assert_eq!(store.log_mark("syslogd2").await.unwrap(), None);
    store.set_log_mark("syslogd", None).await.unwrap();
    assert_eq!(store.log_mark("syslogd").await.unwrap(), None);
}
