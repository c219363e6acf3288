//! The gateway's store over real files: what is spent stays spent, whatever happens to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs processes and files to fail"
)]

mod support;

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use domain::admin::Edit;
use domain::admin::{Message, Operation, Phone, Polled};
use domain::audit::{Event, What};
use domain::login::{CodePosition, Refusal, Submitted, second};
use domain::name::CanonicalName;
use domain::password::{Check, Credential, KEY_LEN, PasswordHash, Presented, Rehash, Remembered};
use domain::reason::Reason;
use domain::schema::{FORTITOKEN, LOCAL, Place, RADIUS_CLIENT, SETTING, Value};
use domain::source::Network;
use domain::throttle::{Charge, CodeCounter, Guess, Throttled};
use domain::time::{Span, Timestamp};
use domain::token::Stage;
use domain::vdom::Vdom;
use ident::{ActivationCode, Pace, RegistrationId, TokenSerial};
use otp::{Drift, Step};
use rusqlite::Connection;
use store::gateway::{
    ClockTrust, Decision, GatewayStore, Lane, Location, NoFacts, Outcome, PasswordOutcome,
    Recorded, Refused, Waiting,
};
use store::{Health, Undecided};
use support::*;
use tempfile::{TempDir, tempdir};
use zeroize::Zeroizing;

const SEED: [u8; 20] = *b"canary-seed-1-0123ab";
const OTHER: [u8; 20] = *b"canary-seed-2-4567cd";

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

/// A store in which alice has a token.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    (dir, store)
}

fn now_code(now: Timestamp) -> String {
    code(SEED, step_at(now))
}

async fn reopen(dir: &Path, store: GatewayStore, now: Timestamp) -> GatewayStore {
    drop(store);
    open(dir, now).await
}

/// Every event of the chain, oldest first.
async fn chain(store: &GatewayStore) -> Vec<Recorded> {
    let mut events = Vec::new();
    for number in 1.. {
        match store.event(number).await.unwrap() {
            Some(event) => events.push(event),
            None => break,
        }
    }
    events
}

async fn floors(store: &GatewayStore) -> Vec<String> {
    let events = chain(store).await;
    let causes = events
        .into_iter()
        .filter_map(|event| match event.event.what {
            What::FloorRaised { cause } => Some(cause.into()),
            _ => None,
        });
    causes.collect()
}

// ---------------------------------------------------------------- one step, one login

#[tokio::test]
async fn of_sixty_four_logins_with_one_code_one_is_granted() {
    let (_dir, store) = alice().await;
    let store = Arc::new(store);
    for round in 0..20 {
        let now = START.after(secs(60 * round));
        let code = now_code(now);
        let start = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (store, code, start) = (Arc::clone(&store), code.clone(), Arc::clone(&start));
                std::thread::spawn(move || {
                    let mut decisions: Vec<Decision> = (0..8)
                        .map(|_| decide(&store, "alice", &code, now))
                        .collect();
                    start.wait();
                    let mut waiting = Vec::new();
                    while !decisions.is_empty() {
                        let batch = decisions.split_off(decisions.len().saturating_sub(1 + thread));
                        waiting.push(submit(&store, batch));
                    }
                    let outcomes = waiting.into_iter().map(|it| it.blocking_recv().unwrap());
                    outcomes.flatten().collect::<Vec<_>>()
                })
            })
            .collect();
        let outcomes: Vec<Outcome> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(outcomes.len(), 64);
        let (yes, no): (Vec<_>, Vec<_>) = outcomes.iter().partition(|it| is_granted(it));
        assert_eq!(yes.len(), 1, "round {round}");
        assert!(no.iter().all(|it| refused(it) == Reason::CodeReplayed));
    }
}

#[tokio::test]
async fn decisions_of_one_call_are_taken_in_their_order() {
    let (_dir, store) = alice().await;
    let step = step_at(START);
    let at = |step| decide(&store, "alice", &code(SEED, step), START);
    let decisions = vec![at(step), at(step), at(step + 1), at(step), at(step - 1)];
    let outcomes = submit(&store, decisions).await.unwrap();
    let yes: Vec<bool> = outcomes.iter().map(is_granted).collect();
    assert_eq!(yes, [true, false, true, false, false]);
    assert!(submit(&store, Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_earlier_step_is_spent_with_a_later_one() {
    let (_dir, store) = alice().await;
    let step = step_at(START);
    let earlier = decide(&store, "alice", &code(SEED, step), START);
    granted(&login(&store, "alice", &code(SEED, step + 1), START).await);
    assert_eq!(
        refused(&consume(&store, earlier).await),
        Reason::CodeReplayed
    );
}

#[tokio::test]
async fn a_login_without_a_second_factor_spends_nothing() {
    let (dir, store) = alice().await;
    let disable = configure(&LOCAL, "alice", vec![set(&LOCAL, "two-factor", "disable")]);
    run(&store, disable, START).await;
    for _ in 0..2 {
        granted(&login(&store, "alice", "", START).await);
    }
    let store = reopen(dir.path(), store, START).await;
    granted(&login(&store, "alice", "", START).await);
}

#[tokio::test]
async fn a_job_that_fails_gives_back_no_step_of_another() {
    let (dir, store) = alice().await;
    let bob = TokenSerial::mobile([2; 5]);
    enrol(&store, "bob", bob, OTHER, START).await;
    drop(store);
    // Events of bob cannot be written: his job fails alone, inside a transaction with others.
    let raw = Connection::open(dir.path().join("gateway.db")).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER bob BEFORE INSERT ON event WHEN NEW.person = 'bob' \
         BEGIN SELECT RAISE(ABORT, 'not bob'); END",
    )
    .unwrap();
    drop(raw);
    let store = open(dir.path(), START).await;
    let step = step_at(START);
    let alice = |step| decide(&store, "alice", &code(SEED, step), START);
    let failing = decide(&store, "bob", &code(OTHER, step), START);
    let (one, two, again) = (alice(step), alice(step + 1), alice(step));
    let release = hold(&store);
    let first = submit(&store, vec![one]);
    let broken = submit(&store, vec![two, failing]);
    let second = submit(&store, vec![again]);
    release.send(()).unwrap();
    granted(&first.await.unwrap()[0]);
    let broken = broken.await.unwrap();
    // Both come back, in their order: whoever tries again has to prove nothing anew.
    let back = broken.into_iter().map(|outcome| match outcome {
        Outcome::Undecided(_, Some(consume)) => consume.undone().unwrap().person().clone(),
        other => panic!("{other:?}"),
    });
    assert_eq!(back.collect::<Vec<_>>(), [name("alice"), name("bob")]);
    assert_eq!(refused(&second.await.unwrap()[0]), Reason::CodeReplayed);
    // What failed spent nothing.
    granted(&login(&store, "alice", &code(SEED, step + 1), START).await);
}

// ---------------------------------------------------------------- after a restart

#[tokio::test]
async fn a_replay_is_refused_after_a_restart_with_and_without_a_checkpoint() {
    for checkpoint in [false, true] {
        let (dir, store) = alice().await;
        let stale = || decide(&store, "alice", &now_code(START), START);
        let (early, late) = (stale(), stale());
        granted(&consume(&store, early).await);
        if checkpoint {
            store.checkpoint().await.unwrap();
        }
        let store = reopen(dir.path(), store, START).await;
        let again = login(&store, "alice", &now_code(START), START).await;
        assert_eq!(refused(&again), Reason::CodeReplayed);
        let decided_before = consume(&store, late).await;
        assert_eq!(refused(&decided_before), Reason::CodeReplayed);
        let next = START.after(secs(60));
        granted(&login(&store, "alice", &now_code(next), next).await);
        assert!(floors(&store).await.is_empty());
    }
}

#[tokio::test]
async fn what_a_kill_leaves_behind_knows_every_granted_login() {
    let (dir, store) = alice().await;
    let after = tempdir().unwrap();
    let mut granted_steps = Vec::new();
    for round in 0..6 {
        let now = START.after(secs(60 * round));
        granted(&login(&store, "alice", &now_code(now), now).await);
        granted_steps.push(step_at(now));
        if round == 3 {
            store.checkpoint().await.unwrap();
        }
        copy(dir.path(), after.path());
        let survivor = open(after.path(), now).await;
        for step in &granted_steps {
            let replay = login(&survivor, "alice", &code(SEED, *step), now).await;
            assert!(!is_granted(&replay), "step {step} of {granted_steps:?}");
        }
        assert!(floors(&survivor).await.is_empty(), "nothing went back");
        let logins = survivor.logins_before(i64::MAX, 100).await.unwrap();
        let accepted = logins
            .iter()
            .filter(|it| matches!(it.event.what, What::Accepted { .. }));
        assert_eq!(accepted.count(), granted_steps.len());
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_accepts_nothing_spent_before() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    drop(store);
    let backup = tempdir().unwrap();
    copy(dir.path(), backup.path());
    let store = open(dir.path(), START).await;
    let later = START.after(secs(300));
    let step = step_at(later);
    granted(&login(&store, "alice", &code(SEED, step), later).await);
    granted(&login(&store, "alice", &code(SEED, step + 1), later).await);
    drop(store);
    fs::copy(
        backup.path().join("gateway.db"),
        dir.path().join("gateway.db"),
    )
    .unwrap();
    let _ = fs::remove_file(dir.path().join("gateway.db-wal"));

    let store = open(dir.path(), later).await;
    let causes = floors(&store).await;
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert!(causes[0].contains("put back"), "{causes:?}");
    for spent in step - 1..=step + 1 {
        let replay = login(&store, "alice", &code(SEED, spent), later).await;
        assert_eq!(refused(&replay), Reason::CodeReplayed);
    }
    let store = reopen(dir.path(), store, later).await;
    assert_eq!(floors(&store).await.len(), 1, "once is enough");
    for minutes in 1..=3 {
        let now = later.after(secs(60 * minutes));
        let replay = login(&store, "alice", &code(SEED, step + 1), now).await;
        assert!(!is_granted(&replay), "after {minutes} minutes");
    }
    let next = later.after(secs(240));
    granted(&login(&store, "alice", &now_code(next), next).await);
}

#[tokio::test]
async fn a_fast_or_corrected_clock_outlives_no_database_that_was_put_back() {
    for (before, lost) in [(0, 10), (-14, 0), (-14, 10), (5, -5), (0, 30)] {
        let (dir, store) = alice().await;
        let step = step_at(START).checked_add_signed(before).unwrap();
        let codes = (code(SEED, step), code(SEED, step + 1));
        resync(&store, token(), (&codes.0, &codes.1), START).await;
        drop(store);
        let backup = tempdir().unwrap();
        copy(dir.path(), backup.path());
        let later = START.after(secs(3_600));
        let store = open(dir.path(), later).await;
        let shown = step_at(later).checked_add_signed(lost).unwrap();
        let codes = (code(SEED, shown), code(SEED, shown + 1));
        let burnt = resync(&store, token(), (&codes.0, &codes.1), later).await;
        assert!(matches!(burnt, Some(Outcome::Resynchronised)), "{burnt:?}");
        if lost == 30 {
            // A head record that was lost once is written again from what the rows know.
            store.checkpoint().await.unwrap();
            drop(store);
            fs::remove_file(dir.path().join("gateway.head")).unwrap();
            drop(open(dir.path(), later).await);
        } else {
            drop(store);
        }
        fs::copy(
            backup.path().join("gateway.db"),
            dir.path().join("gateway.db"),
        )
        .unwrap();
        let store = open(dir.path(), later).await;
        for minutes in 0..=90 {
            let now = later.after(secs(60 * minutes));
            let decision = decide(&store, "alice", &codes.1, now);
            assert!(
                !matches!(decision, Decision::Grant(..)),
                "drift {before}, then {lost}: spent, and accepted {minutes} minutes later"
            );
            store.with_code_counter(&name("alice"), now, |counter| {
                *counter = CodeCounter::default();
            });
        }
    }
}

#[tokio::test]
async fn another_database_in_its_place_is_noticed() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    drop(store);
    let (other, store) = alice().await;
    drop(store);
    fs::copy(
        other.path().join("gateway.db"),
        dir.path().join("gateway.db"),
    )
    .unwrap();
    fs::copy(other.path().join("root.key"), dir.path().join("root.key")).unwrap();
    let store = open(dir.path(), START).await;
    assert_eq!(floors(&store).await.len(), 1);
    let replay = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&replay), Reason::CodeReplayed);
}

#[tokio::test]
async fn a_missing_or_damaged_head_record_spends_the_window() {
    for damage in ["remove", "empty", "cut", "flip a byte of the moment"] {
        let (dir, store) = alice().await;
        granted(&login(&store, "alice", &now_code(START), START).await);
        drop(store);
        let head = dir.path().join("gateway.head");
        let mut octets = fs::read(&head).unwrap();
        match damage {
            "remove" => fs::remove_file(&head).unwrap(),
            "empty" => fs::write(&head, []).unwrap(),
            "cut" => fs::write(&head, &octets[..octets.len() - 1]).unwrap(),
            _ => {
                // The moment stands behind magic, number and hash.
                octets[48] ^= 0x40;
                fs::write(&head, octets).unwrap();
            }
        }
        let now = START.after(secs(30));
        let store = open(dir.path(), now).await;
        let causes = floors(&store).await;
        assert_eq!(causes.len(), 1, "{damage}: {causes:?}");
        let step = step_at(now);
        for step in step - 1..=step + 1 {
            let refusal = login(&store, "alice", &code(SEED, step), now).await;
            assert_eq!(refused(&refusal), Reason::CodeReplayed, "{damage}");
        }
        let next = now.after(secs(120));
        granted(&login(&store, "alice", &now_code(next), next).await);
        let store = reopen(dir.path(), store, next).await;
        assert_eq!(floors(&store).await.len(), 1, "{damage}");
    }
}

#[tokio::test]
async fn a_new_store_needs_no_floor() {
    let (dir, store) = alice().await;
    assert!(floors(&store).await.is_empty());
    let other = tempdir().unwrap();
    drop(open(other.path(), START).await);
    let again = open(other.path(), START).await;
    assert!(floors(&again).await.is_empty());
    let store = reopen(dir.path(), store, START).await;
    assert!(floors(&store).await.is_empty());
}

// ---------------------------------------------------------------- clocks

fn refuses_for(store: &GatewayStore, now: Timestamp) -> Option<Timestamp> {
    let facts = store.facts(name("alice"), CodePosition::Challenge, now);
    facts.err().map(|why| match why {
        NoFacts::Clock(stepped_back) => stepped_back.latest,
        NoFacts::Undecided(why) => panic!("{why}"),
    })
}

#[tokio::test]
async fn a_clock_that_went_back_decides_nothing() {
    let (dir, store) = alice().await;
    let later = START.after(secs(600));
    granted(&login(&store, "alice", &now_code(later), later).await);
    assert_eq!(refuses_for(&store, later.before(secs(5))), None);
    let back = later.before(secs(6));
    assert_eq!(refuses_for(&store, back), Some(later));
    let store = reopen(dir.path(), store, back).await;
    assert_eq!(refuses_for(&store, back), Some(later));
    assert_eq!(refuses_for(&store, later), None);
    assert!(floors(&store).await.is_empty());
}

#[tokio::test]
async fn without_a_head_record_the_events_tell_that_the_clock_went_back() {
    let (dir, store) = alice().await;
    let later = START.after(secs(600));
    granted(&login(&store, "alice", &now_code(later), later).await);
    drop(store);
    fs::remove_file(dir.path().join("gateway.head")).unwrap();
    let store = open(dir.path(), START).await;
    assert_eq!(refuses_for(&store, START), Some(later));
    let replay = login(&store, "alice", &now_code(later), later).await;
    assert_eq!(refused(&replay), Reason::CodeReplayed);
}

#[tokio::test]
async fn a_clock_that_an_administrator_trusts_spends_everything_up_to_now() {
    let (dir, store) = alice().await;
    let wrong = START.after(secs(600));
    granted(&login(&store, "alice", &now_code(wrong), wrong).await);
    drop(store);
    let location = Location {
        clock: ClockTrust::Clock,
        ..location(dir.path())
    };
    let store = GatewayStore::open(&location, &root(dir.path()), START)
        .await
        .unwrap();
    let causes = floors(&store).await;
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert!(causes[0].contains("clock"), "{causes:?}");
    assert_eq!(refuses_for(&store, START), None);
    for now in [START, wrong] {
        let refusal = login(&store, "alice", &now_code(now), now).await;
        assert!(!is_granted(&refusal), "{now}");
        assert_eq!(refuses_for(&store, now), None);
    }
    let next = wrong.after(secs(120));
    granted(&login(&store, "alice", &now_code(next), next).await);
    drop(store);
    let store = GatewayStore::open(&location, &root(dir.path()), next)
        .await
        .unwrap();
    assert_eq!(
        floors(&store).await.len(),
        1,
        "a right clock needs no trust"
    );
}

// ---------------------------------------------------------------- damage

async fn damaged_by(sql: &str, checkpoint: bool) -> String {
    let (dir, store) = alice().await;
    for round in 0..3 {
        let now = START.after(secs(60 * round));
        granted(&login(&store, "alice", &now_code(now), now).await);
    }
    let now = START.after(secs(180));
    let refusal = login(&store, "alice", &wrong(SEED, now), now).await;
    assert_eq!(refused(&refusal), Reason::CodeWrong);
    assert_eq!(chain(&store).await.len(), 8);
    if checkpoint {
        store.checkpoint().await.unwrap();
    }
    drop(store);
    let raw = Connection::open(dir.path().join("gateway.db")).unwrap();
    assert_eq!(raw.execute(sql, []).unwrap(), 1, "{sql}");
    drop(raw);
    match try_open(dir.path(), now).await {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_damaged_event_is_named_and_nothing_is_opened() {
    for (column, value) in [
        ("at", "at + 1"),
        ("person", "'mallory'"),
        ("person", "person || 'x'"),
        ("client", "'vpn2'"),
        ("source", "'192.0.2.8'"),
        ("token", "'FTKMOB0202020202'"),
        ("token", "'nonsense'"),
        ("step", "step - 1"),
        ("drift", "drift + 1"),
        ("tally", "1"),
        ("kind", "kind + 1"),
        ("kind", "99"),
        ("hash", "zeroblob(32)"),
        ("hash", "substr(hash, 1, 31)"),
    ] {
        let damage = format!("UPDATE event SET {column} = {value} WHERE id = 6");
        let error = damaged_by(&damage, false).await;
        assert!(error.contains("event 6"), "{damage}: {error:?}");
        assert!(error.contains("backup"), "{damage}: {error:?}");
    }
    let error = damaged_by(
        "UPDATE event SET reason = 'user-unknown' WHERE id = 8",
        false,
    )
    .await;
    assert!(error.contains("event 8"), "{error:?}");
}

#[tokio::test]
async fn a_missing_event_is_noticed() {
    let error = damaged_by("DELETE FROM event WHERE id = 6", false).await;
    assert!(error.contains("event 7"), "{error:?}");
    let error = damaged_by("DELETE FROM event WHERE id = 1", false).await;
    assert!(error.contains("event 2"), "{error:?}");
    let error = damaged_by("DELETE FROM event WHERE id = 8", true).await;
    assert!(error.contains("event 8"), "{error:?}");
}

#[tokio::test]
async fn another_root_key_does_not_open_the_store() {
    let (dir, store) = alice().await;
    drop(store);
    let key = dir.path().join("root.key");
    let kept = dir.path().join("kept.key");
    fs::rename(&key, &kept).unwrap();
    let refused = support::try_open(dir.path(), START).await.unwrap_err();
    assert!(
        refused.to_string().contains("start with the root key"),
        "{refused}"
    );
    fs::rename(&kept, &key).unwrap();
    let store = open(dir.path(), START).await;
    granted(&login(&store, "alice", &now_code(START), START).await);
}

// ---------------------------------------------------------------- failed writes

/// Runs one of the `#[ignore]`d tests of this file in a process of its own, in which a write past a
/// limit is an error as on a full disk.
fn in_another_process(test: &str, dir: &Path) {
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env("STORE_TEST_DIR", dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn limit_file_sizes(octets: Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = octets.or(maximum);
    setrlimit(Resource::Fsize, Rlimit { current, maximum }).unwrap();
}

#[test]
fn a_commit_that_fails_decides_nothing() {
    let dir = tempdir().unwrap();
    in_another_process("child_fails_to_commit", dir.path());
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn child_fails_to_commit() {
    let dir = std::path::PathBuf::from(std::env::var_os("STORE_TEST_DIR").unwrap());
    let store = open(&dir, START).await;
    enrol(&store, "alice", token(), SEED, START).await;
    let now = START.after(secs(60));
    granted(&login(&store, "alice", &now_code(START), START).await);
    let (who, home) = (name("alice"), network("192.0.2.1"));
    store.settle_password(&who, home, Charge::default(), PasswordOutcome::Right, START);
    let guesses = || guesses(&store, &who, network("203.0.113.7"), START);
    assert_eq!((0..100).map(|_| guesses()).sum::<usize>(), 50);
    for round in 0..3 {
        let step = step_at(now) + round;
        let now = now.after(secs(60 * i64::try_from(round).unwrap()));
        let right = code(SEED, step);
        let decisions = |count: usize| {
            let decide = || decide(&store, "alice", &right, now);
            (0..count).map(|_| decide()).collect::<Vec<_>>()
        };
        let wrong = decide(&store, "alice", &wrong(SEED, now), now);
        let release = hold(&store);
        limit_file_sizes(Some(1));
        let (one, many) = (submit(&store, decisions(1)), submit(&store, decisions(8)));
        let refusal = submit(&store, vec![wrong]);
        release.send(()).unwrap();
        for outcomes in [one, many, refusal] {
            for outcome in outcomes.await.unwrap() {
                assert!(matches!(outcome, Outcome::Undecided(..)), "{outcome:?}");
            }
        }
        limit_file_sizes(None);
        wait_until_healthy(&store).await;
        let outcomes = submit(&store, decisions(8)).await.unwrap();
        let yes = outcomes.iter().filter(|it| is_granted(it)).count();
        assert_eq!(yes, 1, "round {round}: {outcomes:?}");
        let failures = store.with_code_counter(&name("alice"), now, |it| it.failures(now));
        assert_eq!(failures, 0, "what is undecided does not count");
        // Neither are guesses forgotten, nor where people logged in.
        assert_eq!(guesses(), 0);
        assert_eq!(reserve(&store, &who, home, START), Ok(()));
    }
    assert!(floors(&store).await.is_empty());
}

async fn wait_until_healthy(store: &GatewayStore) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.health() != Health::Healthy {
        assert!(Instant::now() < deadline, "{}", store.health());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_store_that_is_closed_decides_nothing() {
    let (_dir, store) = alice().await;
    let decision = decide(&store, "alice", &now_code(START), START);
    store.shutdown();
    let outcomes = submit(&store, vec![decision]).await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::Undecided(..)]));
}

// ---------------------------------------------------------------- drift and resynchronisation

#[tokio::test]
async fn resynchronising_burns_both_codes_and_teaches_the_drift() {
    for checkpoint in [false, true] {
        let (dir, store) = alice().await;
        let slow = step_at(START) - 14;
        let (first, second) = (code(SEED, slow), code(SEED, slow + 1));
        let refusal = login(&store, "alice", &second, START).await;
        assert_eq!(refused(&refusal), Reason::ClockSlow);
        let burnt = resync(&store, token(), (&first, &second), START).await;
        assert!(matches!(burnt, Some(Outcome::Resynchronised)), "{burnt:?}");
        assert_eq!(store.drift(token()).unwrap(), Some(Drift(-13)));
        if checkpoint {
            store.checkpoint().await.unwrap();
        }
        let store = reopen(dir.path(), store, START).await;
        assert_eq!(store.drift(token()).unwrap(), Some(Drift(-13)));
        let shown = store.token(token()).await.unwrap().unwrap();
        assert_eq!(shown.token.drift, Drift(-13));
        for burnt in [&first, &second] {
            let replay = login(&store, "alice", burnt, START).await;
            assert_eq!(refused(&replay), Reason::CodeReplayed);
        }
        assert!(
            resync(&store, token(), (&first, &second), START)
                .await
                .is_none()
        );
        let third = code(SEED, slow + 2);
        granted(&login(&store, "alice", &third, START.after(secs(60))).await);
    }
}

#[tokio::test]
async fn of_a_login_and_a_resynchronisation_with_one_code_one_wins() {
    let step = step_at(START);
    let codes = || (code(SEED, step - 1), code(SEED, step));
    let found = |store: &GatewayStore| {
        let verifier = store.verifier(token()).unwrap().unwrap();
        let (first, second) = codes();
        let found = domain::token::Resync::find(&verifier, &first, &second, START).unwrap();
        resync_of(found, START)
    };
    for spent in [step - 1, step] {
        let (_dir, store) = alice().await;
        let burn = found(&store);
        granted(&login(&store, "alice", &code(SEED, spent), START).await);
        let outcome = consume(&store, burn).await;
        assert!(matches!(outcome, Outcome::ResyncRefused), "{outcome:?}");

        let (_dir, store) = alice().await;
        let late = decide(&store, "alice", &code(SEED, spent), START);
        let both = vec![found(&store), found(&store), late];
        let outcomes = submit(&store, both).await.unwrap();
        assert!(
            matches!(
                outcomes[..],
                [
                    Outcome::Resynchronised,
                    Outcome::ResyncRefused,
                    Outcome::Refused(Refused {
                        reason: Reason::CodeReplayed,
                        ..
                    })
                ]
            ),
            "{outcomes:?}"
        );
    }
}

#[tokio::test]
async fn every_login_teaches_the_drift_and_a_restart_keeps_it() {
    let (dir, mut store) = alice().await;
    for round in 1..=6_i64 {
        let now = START.after(secs(round * 600));
        let shown = step_at(now) - u64::try_from(round).unwrap();
        granted(&login(&store, "alice", &code(SEED, shown), now).await);
        if round % 2 == 0 {
            store.checkpoint().await.unwrap();
        }
        store = reopen(dir.path(), store, now).await;
        assert_eq!(
            store.drift(token()).unwrap(),
            Some(Drift(-i32::try_from(round).unwrap()))
        );
    }
}

#[tokio::test]
async fn a_new_phone_does_not_inherit_the_drift_of_the_old_one() {
    for checkpoint in [false, true] {
        let (dir, store) = alice().await;
        let slow = step_at(START) - 14;
        let codes = (code(SEED, slow), code(SEED, slow + 1));
        resync(&store, token(), (&codes.0, &codes.1), START).await;
        let now = START.after(secs(120));
        provision_again(&store, token(), OTHER, now).await;
        assert_eq!(store.drift(token()).unwrap(), Some(Drift(0)));
        if checkpoint {
            store.checkpoint().await.unwrap();
        }
        let store = reopen(dir.path(), store, now).await;
        assert_eq!(
            store.drift(token()).unwrap(),
            Some(Drift(0)),
            "{checkpoint}"
        );
        granted(&login(&store, "alice", &code(OTHER, step_at(now)), now).await);
        let old = login(&store, "alice", &code(SEED, step_at(now) - 14), now).await;
        assert!(!is_granted(&old));
    }
}

#[tokio::test]
async fn a_checkpoint_that_waits_behind_a_new_seed_does_not_undo_its_drift() {
    let (dir, store) = alice().await;
    let slow = step_at(START) - 14;
    let codes = (code(SEED, slow), code(SEED, slow + 1));
    resync(&store, token(), (&codes.0, &codes.1), START).await;
    let now = START.after(secs(120));
    let release = hold(&store);
    let operation = provision(token());
    let (provisioned, checkpointed, ()) = tokio::join!(
        store.administer(operation, entropy(OTHER), authority(), now, None),
        store.checkpoint(),
        async { release.send(()).unwrap() }
    );
    provisioned.unwrap();
    checkpointed.unwrap();
    run(&store, supplied(token()), now).await;
    let store = reopen(dir.path(), store, now).await;
    assert_eq!(store.drift(token()).unwrap(), Some(Drift(0)));
    granted(&login(&store, "alice", &code(OTHER, step_at(now)), now).await);
}

#[tokio::test]
async fn a_new_seed_kills_the_codes_of_the_old_one_at_once() {
    let (dir, store) = alice().await;
    let now = START.after(secs(60));
    run_with(&store, provision(token()), OTHER, now).await;
    for seed in [SEED, OTHER] {
        let refusal = login(&store, "alice", &code(seed, step_at(now)), now).await;
        assert_eq!(refused(&refusal), Reason::TokenNotActivated);
    }
    run(&store, supplied(token()), now).await;
    let store = reopen(dir.path(), store, now).await;
    let old = login(&store, "alice", &code(SEED, step_at(now)), now).await;
    assert_eq!(refused(&old), Reason::CodeWrong);
    granted(&login(&store, "alice", &code(OTHER, step_at(now)), now).await);
}

// ---------------------------------------------------------------- guesses

#[tokio::test]
async fn wrong_codes_are_counted_over_a_restart() {
    let (dir, mut store) = alice().await;
    for round in 0..5 {
        let refusal = login(&store, "alice", &wrong(SEED, START), START).await;
        assert_eq!(refused(&refusal), Reason::CodeWrong, "{round}");
        if round % 2 == 0 {
            store.checkpoint().await.unwrap();
        }
        store = reopen(dir.path(), store, START).await;
    }
    let throttled = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&throttled), Reason::CodeThrottled);
    let later = START.after(secs(30));
    granted(&login(&store, "alice", &now_code(later), later).await);
    for _ in 0..2 {
        store = reopen(dir.path(), store, later).await;
        let failures = |now| move |it: &mut CodeCounter| it.failures(now);
        let counted = store.with_code_counter(&name("alice"), later, failures(later));
        assert_eq!(counted, 5, "a success ends the delay and keeps the count");
        let admitted = store.with_code_counter(&name("alice"), later, |it| it.admit(later));
        assert_eq!(admitted, Ok(()));
    }
}

#[tokio::test]
async fn thirty_wrong_codes_block_until_they_are_cleared() {
    let (dir, store) = alice().await;
    let mut now = START;
    for _ in 0..30 {
        now = now.after(Span::from_hours(2));
        let refusal = login(&store, "alice", &wrong(SEED, now), now).await;
        assert_eq!(refused(&refusal), Reason::CodeWrong);
    }
    let store = reopen(dir.path(), store, now).await;
    now = now.after(Span::from_hours(2));
    let blocked = login(&store, "alice", &now_code(now), now).await;
    assert_eq!(refused(&blocked), Reason::CodeBlocked);
    run(&store, Operation::Unlock(name("alice")), now).await;
    let store = reopen(dir.path(), store, now).await;
    granted(&login(&store, "alice", &now_code(now), now).await);
}

#[tokio::test]
async fn a_change_that_was_acknowledged_holds_for_logins_under_way() {
    let serial = token();
    for (table, key, field, value) in [
        (&LOCAL, "alice", "status", "disable"),
        (&LOCAL, "alice", "two-factor", "disable"),
        (&FORTITOKEN, serial.as_str(), "status", "lock"),
    ] {
        let (_dir, store) = alice().await;
        let under_way = decide(&store, "alice", &now_code(START), START);
        run(
            &store,
            configure(table, key, vec![set(table, field, value)]),
            START,
        )
        .await;
        let refusal = consume(&store, under_way).await;
        assert_eq!(
            refused(&refusal),
            Reason::ChangedMeanwhile,
            "{field} {value}"
        );
    }
}

#[tokio::test]
async fn a_block_does_not_age() {
    let (dir, store) = alice().await;
    let phone = Phone {
        registration: RegistrationId::from_bytes([7; 32]),
        os_version: "0.1.0_LNX".into(),
    };
    let polled = Polled {
        token: token(),
        phone: Some(phone),
    };
    run(&store, Operation::Polled(vec![polled]), START).await;
    let mut now = START;
    for _ in 0..30 {
        now = now.after(Span::from_hours(2));
        login(&store, "alice", &wrong(SEED, now), now).await;
    }
    now = now.after(Span::from_days(90));
    let blocked = login(&store, "alice", &now_code(now), now).await;
    assert_eq!(refused(&blocked), Reason::CodeBlocked);
    let store = reopen(dir.path(), store, now).await;
    let blocked = login(&store, "alice", &now_code(now), now).await;
    assert_eq!(refused(&blocked), Reason::CodeBlocked);
}

#[tokio::test]
async fn a_replay_is_recorded_and_not_counted() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    for _ in 0..40 {
        let replay = login(&store, "alice", &now_code(START), START).await;
        assert_eq!(refused(&replay), Reason::CodeReplayed);
    }
    let store = reopen(dir.path(), store, START).await;
    let next = START.after(secs(60));
    granted(&login(&store, "alice", &now_code(next), next).await);
    let logins = store.logins_before(i64::MAX, 100).await.unwrap();
    assert_eq!(logins.len(), 42);

    // However many other events lie between.
    let actor = domain::audit::Actor::system("test");
    let other = Event::changed(&actor, Vdom::ROOT, "other", "", "", next);
    store.note_all(vec![other; 4_500]).await.unwrap();
    let later = next.after(secs(60));
    granted(&login(&store, "alice", &now_code(later), later).await);
    let numbers = |logins: Vec<Recorded>| logins.iter().map(|it| it.id).collect::<Vec<_>>();
    let again = numbers(store.logins_before(i64::MAX, 3).await.unwrap());
    assert_eq!(again[1..], numbers(logins)[..2]);
    assert_eq!(
        numbers(store.logins_before(again[0], 1).await.unwrap()),
        again[1..2]
    );
    assert_eq!(numbers(store.logins_before(1, 3).await.unwrap()), []);
}

#[tokio::test]
async fn names_beyond_those_that_are_counted_count_for_their_source() {
    let (_dir, store) = alice().await;
    let limit = vec![
        set(&SETTING, "auth-lockout-threshold", "3"),
        set(&SETTING, "auth-lockout-duration", "60"),
    ];
    run(&store, configure(&SETTING, "", limit), START).await;
    let reserve = |who: &str, source: &str, at| {
        store
            .reserve_password(&name(who), network(source), at)
            .is_ok()
    };
    for number in 0..100_000 {
        assert!(reserve(&format!("user{number}"), "198.51.100.1", START));
    }
    // Ten times as many as of one name: people behind one address are many.
    let crowd = network("192.0.2.1");
    let of_new = |number| charged(&store, &name(&format!("new{number}")), crowd, START);
    let charges: Vec<Charge> = (0..30).map(of_new).collect();
    assert!(!reserve("new30", "192.0.2.1", START));
    let waiting = |who: &str, source| {
        let limits = store.limits(&name(who), &[source], START);
        assert_eq!(limits.waiting.len(), limits.waiting_count);
        limits.waiting
    };
    let until = START.after(secs(60));
    assert_eq!(waiting("new30", crowd), [(crowd, until)]);
    assert_eq!(waiting("new30", network("192.0.2.2")), []);
    let known = network("198.51.100.1");
    for _ in 0..2 {
        assert_eq!(waiting("user0", known), []);
        assert!(reserve("user0", "198.51.100.1", START));
    }
    assert_eq!(waiting("user0", crowd), [(crowd, until), (known, until)]);
    assert!(reserve("new30", "192.0.2.2", START));
    // A right password is taken back alone.
    let right = PasswordOutcome::Right;
    store.settle_password(&name("new1"), crowd, charges[1], right, START);
    assert!(reserve("new30", "192.0.2.1", START));
    assert!(!reserve("new31", "192.0.2.1", START));
    let later = START.after(secs(60));
    assert!(reserve("new31", "192.0.2.1", later));
    // Nor from what is counted of the name alone, for which there is room by then.
    for _ in 0..3 {
        assert!(reserve("new2", "192.0.2.1", later));
    }
    let undecided = PasswordOutcome::Undecided;
    store.settle_password(&name("new2"), crowd, charges[2], undecided, later);
    assert!(!reserve("new2", "192.0.2.1", later));
}

#[tokio::test]
async fn a_hash_gives_way_unless_another_password_was_set_meanwhile() {
    let (dir, store) = alice().await;
    let [kept, from, to] = [PASSWORD, "another", PASSWORD].map(|password| {
        let salt = [password.len().try_into().unwrap(); 16];
        PasswordHash::new(password, salt).unwrap()
    });
    let is_kept = async |store: &GatewayStore, hash: &PasswordHash| {
        let user = store.person(name("alice")).await.unwrap().unwrap();
        let facts = store.facts(name("alice"), CodePosition::Challenge, START);
        let credential = facts.unwrap().person.unwrap().password;
        assert_eq!(credential, user.password.as_ref().map(Credential::from));
        user.password.as_ref() == Some(hash)
    };
    let before = store.person(name("alice")).await.unwrap().unwrap();
    let before = before.password.unwrap();
    let renew = async |from: &PasswordHash, to: &PasswordHash| {
        let rehash = Rehash {
            person: name("alice"),
            from: from.clone(),
            to: to.clone(),
        };
        store.rehash_password(rehash, START);
        // It waits for nobody; what comes after it does.
        let write = set(&SETTING, "reject-delay", "0");
        run(&store, configure(&SETTING, "", vec![write]), START).await;
    };
    renew(&from, &to).await;
    assert!(is_kept(&store, &before).await);
    renew(&before, &kept).await;
    assert!(is_kept(&store, &kept).await);
    drop(store);
    let store = open(dir.path(), START).await;
    assert!(is_kept(&store, &kept).await);
}

/// The hash that a thread gets which is to compute it.
async fn hash_of(store: &Arc<GatewayStore>, user: &str) -> Result<Option<PasswordHash>, Undecided> {
    let (store, user) = (Arc::clone(store), name(user));
    let read = tokio::task::spawn_blocking(move || store.password_hash(&user));
    read.await.unwrap()
}

#[tokio::test]
async fn a_hash_is_the_one_that_the_row_has_when_it_is_to_be_computed() {
    let (_dir, store) = alice().await;
    let store = Arc::new(store);
    let facts = store.facts(name("alice"), CodePosition::Challenge, START);
    let Some(Credential::Stored(digest)) = facts.unwrap().person.unwrap().password else {
        panic!("her password is kept here");
    };
    let check = Check::stored(name("alice"), digest);
    let hash = hash_of(&store, "alice").await.unwrap().unwrap();
    assert!(hash.digest() == digest && hash.is_of(PASSWORD));
    assert_eq!(hash_of(&store, "nobody").await.unwrap(), None);
    // Another password is set after her login began: what she presents is checked against that one.
    let another = PasswordHash::new("another", [4; 16]).unwrap().to_enc();
    let field = LOCAL.field("passwd").unwrap();
    let passwd = Edit::Set(field, Value::Sealed(another.into()));
    run(&store, configure(&LOCAL, "alice", vec![passwd]), START).await;
    let evaluation = check.against(hash_of(&store, "alice").await.unwrap());
    let presented = |text: &str| Presented::new(Zeroizing::new(text.into()));
    assert!(evaluation.verify(&presented(PASSWORD)).is_none());
    let proof = evaluation.verify(&presented("another")).unwrap();
    let facts = store.facts(name("alice"), CodePosition::Challenge, START);
    let password = facts.unwrap().person.unwrap().password;
    assert!(proof.is_of(password.as_ref()));
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_is_undecided_and_not_that_of_nobody() {
    let (dir, store) = alice().await;
    let store = Arc::new(store);
    let raw = Connection::open(dir.path().join("gateway.db")).unwrap();
    let damage = "UPDATE person SET password = 'damaged' WHERE canonical = 'alice'";
    assert_eq!(raw.execute(damage, []).unwrap(), 1);
    drop(raw);
    assert!(matches!(
        hash_of(&store, "alice").await,
        Err(Undecided::Statement(_))
    ));
    let stopping = Arc::clone(&store);
    tokio::task::spawn_blocking(move || stopping.shutdown())
        .await
        .unwrap();
    assert!(matches!(
        hash_of(&store, "alice").await,
        Err(Undecided::Stopped)
    ));
}

#[tokio::test]
async fn another_hash_of_the_same_password_refuses_no_login_that_is_under_way() {
    let (_dir, store) = alice().await;
    let facts = |now| {
        let facts = store.facts(name("alice"), CodePosition::Challenge, now);
        facts.unwrap()
    };
    let user = store.person(name("alice")).await.unwrap().unwrap();
    let rehash = Rehash {
        person: name("alice"),
        from: user.password.unwrap(),
        to: PasswordHash::new(PASSWORD, [3; 16]).unwrap(),
    };
    let answered = |proof, at| {
        let (facts, typed) = (facts(at), Submitted::new(now_code(at).as_bytes()));
        let counter = &mut CodeCounter::default();
        let decided = second(&facts, proof, Some(&typed), counter, at);
        decision(name("alice"), decided, at).0
    };
    // One has its code judged before there is another hash, one after it, one when it has waited for too long.
    let [before, after, late] = [(); 3].map(|()| verified(&facts(START)));
    let before = answered(before, START);
    store.rehash_password(rehash, START);
    let write = set(&SETTING, "reject-delay", "0");
    run(&store, configure(&SETTING, "", vec![write]), START).await;
    granted(&consume(&store, before).await);
    let then = START.after(secs(60));
    granted(&consume(&store, answered(after, then)).await);
    let over = START.after(secs(15 * 60));
    let late = consume(&store, answered(late, over)).await;
    assert_eq!(refused(&late), Reason::ChangedMeanwhile);
}

#[tokio::test]
async fn another_password_refuses_logins_that_began_before_another_hash_of_the_last() {
    let (_dir, store) = alice().await;
    let facts = || store.facts(name("alice"), CodePosition::Challenge, START);
    let (begun, code) = (verified(&facts().unwrap()), now_code(START));
    let user = store.person(name("alice")).await.unwrap().unwrap();
    store.rehash_password(
        Rehash {
            person: name("alice"),
            from: user.password.unwrap(),
            to: PasswordHash::new(PASSWORD, [3; 16]).unwrap(),
        },
        START,
    );
    let another = PasswordHash::new("another", [4; 16]).unwrap().to_enc();
    let field = LOCAL.field("passwd").unwrap();
    let passwd = Edit::Set(field, Value::Sealed(another.into()));
    run(&store, configure(&LOCAL, "alice", vec![passwd]), START).await;
    let (facts, typed) = (facts().unwrap(), Submitted::new(code.as_bytes()));
    let decided = second(
        &facts,
        begun,
        Some(&typed),
        &mut CodeCounter::default(),
        START,
    );
    let late = consume(&store, decision(name("alice"), decided, START).0).await;
    assert_eq!(refused(&late), Reason::ChangedMeanwhile);
}

#[tokio::test]
async fn wrong_passwords_delay_their_source_and_nobody_else() {
    let (_dir, store) = alice().await;
    let limit = vec![
        set(&SETTING, "auth-lockout-threshold", "3"),
        set(&SETTING, "auth-lockout-duration", "60"),
    ];
    run(&store, configure(&SETTING, "", limit), START).await;
    let who = name("alice");
    let until = START.after(secs(60));
    for _ in 0..3 {
        assert_eq!(reserve(&store, &who, network("192.0.2.1"), START), Ok(()));
    }
    let throttled = reserve(&store, &who, network("192.0.2.1"), START);
    assert_eq!(
        throttled,
        Err(Refusal::throttled(
            Throttled::Until(until),
            Reason::SourceThrottled
        ))
    );
    let second = network("192.0.2.2");
    let charge = charged(&store, &who, second, START);
    assert_eq!(
        reserve(&store, &name("bob"), network("192.0.2.1"), START),
        Ok(())
    );
    assert_eq!(reserve(&store, &who, network("192.0.2.1"), until), Ok(()));

    store.settle_password(&who, second, charge, PasswordOutcome::Right, START);
    let [_, charge] = [(); 2].map(|()| charged(&store, &who, second, START));
    store.settle_password(&who, second, charge, PasswordOutcome::Undecided, START);
    for _ in 0..2 {
        assert_eq!(reserve(&store, &who, second, START), Ok(()));
    }
    assert!(reserve(&store, &who, second, START).is_err());
    run(&store, Operation::Unlock(who.clone()), START).await;
    assert_eq!(reserve(&store, &who, second, START), Ok(()));
}

#[tokio::test]
async fn what_was_under_way_when_another_was_right_takes_nothing_from_the_count_that_begins() {
    let (_dir, store) = alice().await;
    let limit = vec![
        set(&SETTING, "auth-lockout-threshold", "3"),
        set(&SETTING, "auth-lockout-duration", "60"),
    ];
    run(&store, configure(&SETTING, "", limit), START).await;
    let (who, home) = (name("alice"), network("192.0.2.1"));
    let [right, late] = [(); 2].map(|()| charged(&store, &who, home, START));
    store.settle_password(&who, home, right, PasswordOutcome::Right, START);
    for _ in 0..3 {
        assert_eq!(reserve(&store, &who, home, START), Ok(()));
    }
    store.settle_password(&who, home, late, PasswordOutcome::Undecided, START);
    assert!(reserve(&store, &who, home, START).is_err());
}

#[tokio::test]
async fn one_name_has_a_rate_over_all_sources_from_which_it_never_logged_in() {
    let (_dir, store) = alice().await;
    let who = name("alice");
    let home = network("192.0.2.1");
    let at = |subnet: u16, host: u16| Network::of([0x2001, 0xdb8, 0, subnet, 0, 0, 0, host].into());
    let charge = charged(&store, &who, home, START);
    store.settle_password(&who, home, charge, PasswordOutcome::Right, START);
    // What was right, or not decided, takes nothing away.
    for _ in 0..200 {
        let charge = charged(&store, &who, at(0, 1), START);
        store.settle_password(&who, at(0, 1), charge, PasswordOutcome::Undecided, START);
    }
    // One source that guesses on is kept to half of the tries.
    let guesser = network("203.0.113.7");
    let tries = (0..1_000).filter(|_| reserve(&store, &who, guesser, START).is_ok());
    assert_eq!(tries.count(), 50);
    for subnet in 0..30 {
        assert_eq!(reserve(&store, &who, at(subnet, 1), START), Ok(()));
    }
    let throttled = Refusal::throttled(
        Throttled::Until(START.after(secs(60))),
        Reason::NameThrottled,
    );
    let guess = reserve(&store, &who, at(30, 1), START);
    assert_eq!(guess, Err(throttled));
    // Who logged in from elsewhere at the same provider has tries that no stranger uses up.
    let nearby = network("192.0.200.9");
    let charge = charged(&store, &who, nearby, START);
    store.settle_password(&who, nearby, charge, PasswordOutcome::Undecided, START);
    let next = START.after(secs(60));
    assert_eq!(reserve(&store, &who, at(30, 1), next), Ok(()));
    assert!(reserve(&store, &who, at(31, 1), next).is_err());
    // Nobody is kept out where he has logged in from, and others have rates of their own.
    for _ in 0..200 {
        assert_eq!(reserve(&store, &who, home, next), Ok(()));
    }
    let another = reserve(&store, &name("bob"), at(31, 1), next);
    assert_eq!(another, Ok(()));
    run(&store, Operation::Unlock(who.clone()), next).await;
    assert_eq!(reserve(&store, &who, at(31, 1), next), Ok(()));
}

/// The same, and by what it is counted.
fn charged(store: &GatewayStore, who: &CanonicalName, from: Network, now: Timestamp) -> Charge {
    store.reserve_password(who, from, now).unwrap()
}

/// Counts a wrong password before it is looked at.
fn reserve(
    store: &GatewayStore,
    who: &CanonicalName,
    from: Network,
    now: Timestamp,
) -> Result<(), Refusal> {
    store.reserve_password(who, from, now).map(drop)
}

/// 1 if a wrong password is looked at.
fn guesses(store: &GatewayStore, who: &CanonicalName, from: Network, now: Timestamp) -> usize {
    usize::from(store.reserve_password(who, from, now).is_ok())
}

/// How many strangers more, of as many sources, have a password of this name looked at.
fn strangers(store: &GatewayStore, who: &CanonicalName, first: u32) -> usize {
    let strangers = first..first + 100;
    let addresses = strangers.map(|last| std::net::Ipv4Addr::from(0x0909_0000 + last));
    let from = addresses.map(|address| Network::of(address.into()));
    from.map(|from| guesses(store, who, from, START)).sum()
}

#[tokio::test]
async fn no_more_is_given_back_than_was_counted() {
    let (_dir, store) = alice().await;
    let (who, away) = (name("remote"), network("203.0.113.7"));
    let reserve = |guess: &Guess| store.reserve_guess(&who, away, guess, START).unwrap();
    let remembered = Remembered::new([7; KEY_LEN], 1, std::hash::RandomState::new());
    let guess = remembered.guess(&who, &Presented::new(Zeroizing::new(b"guess".to_vec())));
    let first = reserve(&guess);
    store.keep_open(&who, away, guess, first, START);
    assert_eq!(strangers(&store, &who, 0), 79);
    // What is open counts once, and so it is given back, whatever comes of its repetitions.
    for _ in 0..50 {
        let again = reserve(&guess);
        let undecided = PasswordOutcome::Undecided;
        store.settle_password(&who, away, again, undecided, START);
    }
    assert_eq!(strangers(&store, &who, 100), 0);
    let again = reserve(&guess);
    store.settle_guess(&who, away, &guess, again, START);
    assert_eq!(strangers(&store, &who, 200), 1);
}

#[tokio::test]
async fn what_was_counted_of_a_stranger_is_given_back_to_who_is_known_by_then() {
    let (_dir, store) = alice().await;
    let (who, away) = (name("alice"), network("203.0.113.7"));
    let reserve = || store.reserve_password(&who, away, START).unwrap();
    let (one, other) = (reserve(), reserve());
    assert!([one, other].iter().all(|it| it.source.is_some() && it.name));
    store.settle_password(&who, away, one, PasswordOutcome::Right, START);
    store.settle_password(&who, away, other, PasswordOutcome::Undecided, START);
    assert_eq!(strangers(&store, &who, 0), 80);
}

#[tokio::test]
async fn a_guesser_who_waits_as_told_is_still_kept_to_half_of_the_tries() {
    let (_dir, store) = alice().await;
    let limit = vec![
        set(&SETTING, "auth-lockout-threshold", "3"),
        set(&SETTING, "auth-lockout-duration", "60"),
    ];
    run(&store, configure(&SETTING, "", limit), START).await;
    let (who, guesser) = (name("alice"), network("203.0.113.7"));
    let mut now = START;
    for second in 1..6 * 3_600 {
        guesses(&store, &who, guesser, now);
        // Whoever comes from a new place with the right password gets in at any time.
        if second % 60 == 0 {
            let place = Network::of(std::net::Ipv4Addr::from(0x0909_0000 + second).into());
            let charge = charged(&store, &who, place, now);
            store.settle_password(&who, place, charge, PasswordOutcome::Undecided, now);
        }
        now = now.after(secs(1));
    }
}

#[tokio::test]
async fn somebody_whom_a_server_knows_is_unlocked_too() {
    let (_dir, store) = alice().await;
    let remote = name("remote");
    let unlock = || Operation::Unlock(remote.clone());
    let refused = store.administer(unlock(), entropy([0; 20]), authority(), START, None);
    assert!(refused.await.is_err(), "nothing is known of that name");
    let guesser = network("203.0.113.7");
    let mut tries = (0..1_000).map(|_| reserve(&store, &remote, guesser, START));
    assert!(tries.any(|reserved| reserved.is_err()));
    run(&store, unlock(), START).await;
    assert_eq!(reserve(&store, &remote, guesser, START), Ok(()));
}

#[tokio::test]
async fn where_people_logged_in_is_read_again_after_a_restart() {
    let (dir, store) = alice().await;
    let (who, home) = (name("alice"), origin("vpn").source.network());
    granted(&login(&store, "alice", &now_code(START), START).await);
    let store = reopen(dir.path(), store, START).await;
    let elsewhere = network("203.0.113.7");
    let spent = (0..100_u32).filter(|last| {
        let stranger = Network::of(std::net::Ipv4Addr::from(0x0909_0000 + last).into());
        reserve(&store, &who, stranger, START).is_ok()
    });
    assert_eq!(spent.count(), 80);
    let mut before = None;
    while let Some(next) = store.recall_known(before, START).await.unwrap() {
        before = Some(next);
    }
    for _ in 0..200 {
        assert_eq!(reserve(&store, &who, home, START), Ok(()));
    }
    assert!(reserve(&store, &who, elsewhere, START).is_err());
    // What is older than a month says nothing any more.
    let later = START.after(Span::from_days(31));
    assert_eq!(store.recall_known(None, later).await.unwrap(), None);
}

#[tokio::test]
async fn wrong_logins_black_out_their_source_whatever_the_names() {
    let (_dir, store) = alice().await;
    let limit = vec![
        set(&SETTING, "auth-invalid-max", "3"),
        set(&SETTING, "auth-blackout-time", "600"),
    ];
    run(&store, configure(&SETTING, "", limit), START).await;
    let here = origin("vpn").source.network();
    for _ in 0..3 {
        assert_eq!(reserve(&store, &name("bob"), here, START), Ok(()));
        login(&store, "alice", &wrong(SEED, START), START).await;
    }
    let until = START.after(secs(600));
    let refusal = Refusal::throttled(Throttled::Until(until), Reason::SourceBlackout);
    for who in ["alice", "bob", "nobody"] {
        assert_eq!(
            reserve(&store, &name(who), here, START),
            Err(refusal.clone())
        );
    }
    let elsewhere = reserve(&store, &name("alice"), network("198.51.100.1"), START);
    assert_eq!(elsewhere, Ok(()));
    assert_eq!(reserve(&store, &name("alice"), here, until), Ok(()));
}

// ---------------------------------------------------------------- checkpoints

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_under_load_loses_nothing() {
    const PEOPLE: u8 = 12;
    let dir = tempdir().unwrap();
    let store = Arc::new(open(dir.path(), START).await);
    let seed = |person: u8| [person + 1; 20];
    for person in 0..PEOPLE {
        let token = TokenSerial::mobile([person; 5]);
        enrol(&store, &format!("user{person}"), token, seed(person), START).await;
    }
    // One clock for all: nobody logs in at a time that is over for the others.
    let together = Arc::new(tokio::sync::Barrier::new(PEOPLE.into()));
    let logins: Vec<_> = (0..PEOPLE)
        .map(|person| {
            let (store, together) = (Arc::clone(&store), Arc::clone(&together));
            tokio::spawn(async move {
                for round in 0..10 {
                    together.wait().await;
                    let now = START.after(secs(60 * round));
                    let code = code(seed(person), step_at(now));
                    granted(&login(&store, &format!("user{person}"), &code, now).await);
                }
            })
        })
        .collect();
    let checkpoints: Vec<_> = (0..3)
        .map(|turn| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..20_u32 {
                    if turn == 0 {
                        // Who asked gives up before the answer.
                        let patience = Duration::from_micros(u64::from(round) * 50);
                        let _ = tokio::time::timeout(patience, store.checkpoint()).await;
                    } else {
                        store.checkpoint().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in logins.into_iter().chain(checkpoints) {
        task.await.unwrap();
    }
    store.checkpoint().await.unwrap();
    let last = START.after(secs(60 * 9));
    let after = tempdir().unwrap();
    copy(dir.path(), after.path());
    let survivor = open(after.path(), last).await;
    for person in 0..PEOPLE {
        let code = code(seed(person), step_at(last));
        let replay = login(&survivor, &format!("user{person}"), &code, last).await;
        assert_eq!(refused(&replay), Reason::CodeReplayed, "user{person}");
    }
}

/// More people than one transaction of a checkpoint takes.
const CROWD: u16 = 600;

fn member(number: u16) -> (String, TokenSerial) {
    let [high, low] = number.to_be_bytes();
    (
        format!("user{number}"),
        TokenSerial::mobile([0, 0, 7, high, low]),
    )
}

/// A store in which many people have tokens with one seed, and all of them have just logged in.
async fn crowd() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let tokens: Vec<TokenSerial> = (0..CROWD).map(|number| member(number).1).collect();
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: tokens.clone(),
    };
    run(&store, imported, START).await;
    let assigned = (0..CROWD).map(|number| {
        let (user, token) = member(number);
        let operation = assignment(&user, token);
        store.administer(operation, entropy(SEED), authority(), START, None)
    });
    let assigned: Vec<_> = assigned.collect();
    join_all(assigned).await;
    run(&store, supplied_all(&tokens), START).await;
    let decisions = (0..CROWD)
        .map(|number| decide(&store, &member(number).0, &now_code(START), START))
        .collect();
    let outcomes = submit(&store, decisions).await.unwrap();
    assert!(outcomes.iter().all(is_granted));
    (dir, store)
}

/// Polls all of them, so that what they write shares transactions.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut begun = Vec::with_capacity(futures.len());
    for future in futures {
        let mut future = Box::pin(future);
        let first = poll_once(future.as_mut());
        begun.push((future, first));
    }
    let mut outputs = Vec::with_capacity(begun.len());
    for (future, first) in begun {
        outputs.push(rest(future, first).await);
    }
    outputs
}

/// Lets a future begin. On a busy machine it may even be done by that.
fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    future.poll(&mut context)
}

/// What a future comes to that was begun.
async fn rest<F: Future>(future: Pin<Box<F>>, first: Poll<F::Output>) -> F::Output {
    match first {
        Poll::Ready(output) => output,
        Poll::Pending => future.await,
    }
}

/// No member of the crowd gets in again with the same code, after a kill now.
async fn nobody_again(dir: &Path) {
    let after = tempdir().unwrap();
    copy(dir, after.path());
    let survivor = open(after.path(), START).await;
    for number in 0..CROWD {
        let decision = decide(&survivor, &member(number).0, &now_code(START), START);
        assert!(
            matches!(&decision, Decision::Refuse { refusal, .. } if refusal.reason == Reason::CodeReplayed),
            "user{number}: {decision:?}"
        );
    }
}

#[tokio::test]
async fn a_checkpoint_that_nobody_waits_for_any_more_loses_nothing() {
    let (dir, store) = crowd().await;
    let _ = poll_once(Box::pin(store.checkpoint()).as_mut());
    enrol(&store, "alice", token(), SEED, START).await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    store.checkpoint().await.unwrap();
    nobody_again(dir.path()).await;
}

#[tokio::test]
async fn two_checkpoints_at_once_pass_over_nothing() {
    let (dir, store) = crowd().await;
    let mut first = Box::pin(store.checkpoint());
    let begun = poll_once(first.as_mut());
    enrol(&store, "alice", token(), SEED, START).await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    let mut second = Box::pin(store.checkpoint());
    let _ = tokio::time::timeout(Duration::from_millis(200), second.as_mut()).await;
    nobody_again(dir.path()).await;
    let (one, two) = tokio::join!(rest(first, begun), second);
    one.unwrap();
    two.unwrap();
    nobody_again(dir.path()).await;
}

// ---------------------------------------------------------------- tokens that go and come

#[tokio::test]
async fn a_token_that_was_removed_and_imported_again_keeps_what_was_spent() {
    for checkpoint in [false, true] {
        let (dir, mut store) = alice().await;
        granted(&login(&store, "alice", &now_code(START), START).await);
        let remove = |table, key: &str| Operation::Remove {
            place: Place::new(Vdom::ROOT, table, key),
        };
        run(&store, remove(&LOCAL, "alice"), START).await;
        run(&store, remove(&FORTITOKEN, token().as_str()), START).await;
        assert!(store.token(token()).await.unwrap().is_none());
        assert!(store.verifier(token()).unwrap().is_none());
        if checkpoint {
            store.checkpoint().await.unwrap();
            store = reopen(dir.path(), store, START).await;
        }
        enrol(&store, "alice", token(), SEED, START).await;
        for _ in 0..2 {
            let replay = login(&store, "alice", &now_code(START), START).await;
            assert_eq!(refused(&replay), Reason::CodeReplayed, "{checkpoint}");
            store = reopen(dir.path(), store, START).await;
        }
        let next = START.after(secs(60));
        granted(&login(&store, "alice", &now_code(next), next).await);
    }
}

#[tokio::test]
async fn importing_again_leaves_a_token_in_use_alone() {
    let (dir, store) = alice().await;
    granted(&login(&store, "alice", &now_code(START), START).await);
    let again = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token(), token()],
    };
    run(&store, again, START).await;
    let store = reopen(dir.path(), store, START).await;
    let next = START.after(secs(60));
    granted(&login(&store, "alice", &now_code(next), next).await);
}

#[tokio::test]
async fn what_administrators_change_is_in_force_before_they_are_told() {
    let (dir, store) = alice().await;
    let disable = configure(&LOCAL, "alice", vec![set(&LOCAL, "status", "disable")]);
    run(&store, disable, START).await;
    let refusal = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&refusal), Reason::UserDisabled);
    let enable = configure(&LOCAL, "alice", vec![set(&LOCAL, "status", "enable")]);
    run(&store, enable, START).await;
    let lock = vec![set(&FORTITOKEN, "status", "lock")];
    run(
        &store,
        configure(&FORTITOKEN, token().as_str(), lock),
        START,
    )
    .await;
    let refusal = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&refusal), Reason::TokenLocked);
    let store = reopen(dir.path(), store, START).await;
    let refusal = login(&store, "alice", &now_code(START), START).await;
    assert_eq!(refused(&refusal), Reason::TokenLocked);
}

// ---------------------------------------------------------------- evidence

#[tokio::test]
async fn the_first_use_of_a_step_is_known_also_after_a_restart() {
    let (dir, store) = alice().await;
    let event = granted(&login(&store, "alice", &now_code(START), START).await);
    store.checkpoint().await.unwrap();
    let store = reopen(dir.path(), store, START).await;
    let step = Step(step_at(START));
    let first = store.first_use(token(), step).await.unwrap().unwrap();
    assert_eq!(
        (first.at, &*first.client, &*first.source),
        (START, "vpn1", "192.0.2.7")
    );
    let recorded = store.event(event).await.unwrap().unwrap();
    assert!(matches!(recorded.event.what, What::Accepted { .. }));
    assert_eq!(
        store.first_use(token(), Step(step.0 + 1)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_refusal_that_counts_for_nothing_is_no_claim_of_the_head_record() {
    let (dir, store) = alice().await;
    let head = || fs::read(dir.path().join("gateway.head")).unwrap();
    let refuse = |reason| Decision::Refuse {
        person: name("alice"),
        origin: origin("vpn1"),
        refusal: Refusal::because(reason),
        at: START,
    };
    let (before, asked) = (head(), Instant::now());
    let replayed = consume(&store, refuse(Reason::CodeReplayed)).await;
    assert_eq!(refused(&replayed), Reason::CodeReplayed);
    let after = head();
    // On a machine that took longer it may be on disk by now.
    if asked.elapsed() < Duration::from_millis(100) {
        assert_eq!(after, before, "of what a power failure may take");
    }
    consume(&store, refuse(Reason::CodeWrong)).await;
    assert_ne!(head(), before);

    // It follows once they are on disk, or the events that it knows would be removed before it.
    let before = head();
    let _ = consume(&store, refuse(Reason::UserUnknown)).await;
    let patience = Instant::now() + Duration::from_secs(30);
    while head() == before {
        assert!(Instant::now() < patience, "it does not follow");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let store = reopen(dir.path(), store, START).await;
    assert_eq!(floors(&store).await, [] as [&str; 0]);
    let last = store.logins_before(i64::MAX, 1).await.unwrap();
    assert!(matches!(
        &last[0].event.what,
        What::Refused {
            reason: Reason::UserUnknown,
            ..
        }
    ));
}

#[tokio::test]
async fn an_explanation_is_kept_beside_its_refusal() {
    let (dir, store) = alice().await;
    let refusal = Decision::Refuse {
        person: name("alice"),
        origin: origin("vpn1"),
        refusal: Refusal::because(Reason::CodeWrong),
        at: START,
    };
    let Outcome::Refused(Refused { event, .. }) = consume(&store, refusal).await else {
        panic!("not refused")
    };
    let what = What::Explained {
        refusal: event,
        reason: Reason::ClockSlow,
        evidence: "14 steps slow".into(),
    };
    store.record(Event { at: START, what }).await.unwrap();
    let store = reopen(dir.path(), store, START).await;
    let found = store.explanations(event, event).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(
        &found[0].event.what,
        What::Explained { refusal, reason: Reason::ClockSlow, .. } if *refusal == event
    ));
}

// ---------------------------------------------------------------- the outbox

fn provisions(message: &Message, serial: TokenSerial) -> bool {
    matches!(message, Message::Provision { tokens, .. } if *tokens == [serial])
}

#[tokio::test]
async fn the_outbox_survives_and_is_settled_with_the_answer() {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let asked = import("A1B2-C3D4-E5F6-A7B8-C9D0");
    let done = run(&store, asked, START).await;
    let [number] = done.messages[..] else {
        panic!("{:?}", done.messages)
    };
    let store = reopen(dir.path(), store, START).await;
    let waiting = store.due(Lane::Commands, START, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].id, number);
    assert!(matches!(
        &waiting[0].message,
        Message::ActivateLicence { code, .. } if code.as_str() == "A1B2-C3D4-E5F6-A7B8-C9D0"
    ));

    let later = START.after(secs(60));
    store
        .postpone(vec![number], later, "connection refused")
        .await
        .unwrap();
    let at_once = store.due(Lane::Commands, START, 10).await.unwrap();
    assert!(at_once.is_empty());
    let again = store.due(Lane::Commands, later, 10).await.unwrap();
    assert_eq!(again[0].attempts, 1);
    assert_eq!(again[0].last_error.as_deref(), Some("connection refused"));
    assert_eq!(again[0].message_id, waiting[0].message_id);

    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token()],
    };
    let settled = store.administer(imported, entropy([0; 20]), authority(), later, Some(number));
    settled.await.unwrap();
    assert!(store.outbox(None, 10).await.unwrap().is_empty());
    let store = reopen(dir.path(), store, later).await;
    assert!(store.outbox(None, 10).await.unwrap().is_empty());
    assert!(store.token(token()).await.unwrap().is_some());
}

#[tokio::test]
async fn each_lane_of_the_outbox_has_its_own_messages_in_their_order() {
    let (_dir, store) = alice().await;
    for number in 1_000..1_012 {
        let code = format!("A1B2-C3D4-E5F6-A7B8-{number}");
        run(&store, import(&code), START).await;
    }
    let to = set(&LOCAL, "email-to", "a@example.org");
    run(&store, configure(&LOCAL, "alice", vec![to]), START).await;
    provision_again(&store, token(), OTHER, START).await;
    let due = async |lane| -> Vec<Waiting> { store.due(lane, START, 10).await.unwrap() };
    let commands: Vec<i64> = due(Lane::Commands).await.iter().map(|it| it.id).collect();
    assert_eq!(commands.len(), 10);
    assert!(commands.is_sorted());
    let [code] = &due(Lane::Codes).await[..] else {
        panic!("one token waits for its code");
    };
    assert!(provisions(&code.message, token()));
    let [mail] = &due(Lane::People).await[..] else {
        panic!("one mail waits");
    };
    assert!(matches!(mail.message, Message::ActivationCode { .. }));
    let found = store.waiting(Lane::Codes, code.id).await.unwrap();
    assert_eq!(found.map(|waiting| waiting.id), Some(code.id));
    assert!(
        store
            .waiting(Lane::People, code.id)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn what_waits_for_a_peer_that_is_back_is_due_at_once() {
    let (_dir, store) = alice().await;
    let [code] = &store.due(Lane::Codes, START, 10).await.unwrap()[..] else {
        panic!("one token waits for its code");
    };
    let later = START.after(secs(60));
    store.postpone(vec![code.id], later, "away").await.unwrap();
    store.take_up(Lane::Commands, START).await.unwrap();
    assert!(store.due(Lane::Codes, START, 10).await.unwrap().is_empty());
    store.take_up(Lane::Codes, START).await.unwrap();
    assert_eq!(store.due(Lane::Codes, START, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_that_left_is_kept_sealed_until_its_messages_are_settled_or_it_is_undone() {
    const BODY: &[u8] = b"the very same octets";
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let first = run(&store, import("A1B2-C3D4-E5F6-A7B8-C9D0"), START).await;
    let second = run(&store, import("A1B2-C3D4-E5F6-A7B8-C9D1"), START).await;
    let ids = [first.messages[0], second.messages[0]];
    store.sending("r1", BODY, ids.to_vec()).await.unwrap();
    let store = reopen(dir.path(), store, START).await;
    for waiting in store.due(Lane::Commands, START, 10).await.unwrap() {
        assert_eq!(waiting.request.as_deref(), Some("r1"));
    }
    let sent = store.sent("r1").await.unwrap().unwrap();
    assert_eq!(&*sent.body, BODY);
    let messages: Vec<i64> = sent.messages.unwrap().iter().map(|it| it.id).collect();
    assert_eq!(messages, ids);
    let file = std::fs::read(dir.path().join("gateway.db")).unwrap();
    assert!(!file.windows(BODY.len()).any(|octets| octets == BODY));

    // Not for all of them any more: it is nobody's repetition.
    store.settle(ids[0]).await.unwrap();
    assert!(store.sent("r1").await.unwrap().unwrap().messages.is_none());
    store.settle(ids[1]).await.unwrap();
    assert!(store.sent("r1").await.unwrap().is_none());

    let third = run(&store, import("A1B2-C3D4-E5F6-A7B8-C9D2"), START).await;
    store
        .sending("r2", BODY, third.messages.clone())
        .await
        .unwrap();
    store.undone("r2").await.unwrap();
    assert!(store.sent("r2").await.unwrap().is_none());
    let [waiting] = &store.due(Lane::Commands, START, 10).await.unwrap()[..] else {
        panic!("it still waits");
    };
    assert_eq!(waiting.request, None);

    // Under another identity it is the same message, and nothing of it left.
    store
        .sending("r3", BODY, third.messages.clone())
        .await
        .unwrap();
    let renamed = store.renamed(third.messages[0]).await.unwrap();
    assert!(store.sent("r3").await.unwrap().is_none());
    let [again] = &store.due(Lane::Commands, START, 10).await.unwrap()[..] else {
        panic!("it still waits");
    };
    assert_ne!(again.message_id, waiting.message_id);
    assert_eq!((&again.message_id, &again.request), (&renamed, &None));
    assert!(matches!(again.message, Message::ActivateLicence { .. }));
}

#[tokio::test]
async fn an_operation_that_is_refused_settles_nothing() {
    let (_dir, store) = alice().await;
    let before = store.outbox(None, 10).await.unwrap();
    assert!(provisions(&before[0].message, token()));
    let unknown = provision(TokenSerial::mobile([9; 5]));
    let refused = store.administer(
        unknown,
        entropy(SEED),
        authority(),
        START,
        Some(before[0].id),
    );
    refused.await.unwrap_err();
    let after = store.outbox(None, 10).await.unwrap();
    assert_eq!(after.len(), before.len());
}

#[tokio::test]
async fn an_answer_for_a_seed_that_is_gone_is_not_taken_in() {
    let (_dir, store) = alice().await;
    let first = store.outbox(None, 10).await.unwrap()[0].id;
    let answered = async |answer, message| {
        let done = store.administer(answer, entropy(SEED), authority(), START, Some(message));
        done.await.unwrap()
    };
    let again = run_with(&store, provision(token()), OTHER, START).await;
    let refused = Operation::ProvisionRefused {
        token: token(),
        answer: "31".into(),
    };
    for answer in [supplied(token()), refused] {
        let done = answered(answer, first).await;
        assert!(done.messages.is_empty());
        let next = store.to_provision(token()).await.unwrap().unwrap();
        assert_eq!(next.seed.expose(), &OTHER);
        let stage = store.token(token()).await.unwrap().unwrap().token.stage;
        assert!(matches!(stage, Stage::Requested), "{stage:?}");
    }
    let [second] = again.messages[..] else {
        panic!("{again:?}");
    };
    answered(supplied(token()), second).await;
    let stage = store.token(token()).await.unwrap().unwrap().token.stage;
    assert!(matches!(stage, Stage::Provisioning(_)), "{stage:?}");
    assert!(
        store
            .outbox(None, 10)
            .await
            .unwrap()
            .iter()
            .all(|it| it.id != second)
    );
}

#[tokio::test]
async fn the_number_of_a_message_names_no_other_message_ever() {
    let (dir, store) = alice().await;
    let first = store.outbox(None, 10).await.unwrap()[0].id;
    store.settle(first).await.unwrap();
    let store = reopen(dir.path(), store, START).await;
    let done = run_with(&store, provision(token()), OTHER, START).await;
    assert_ne!(done.messages, [first]);
    // A late second answer to the first message.
    store.settle(first).await.unwrap();
    assert_eq!(store.outbox(None, 10).await.unwrap().len(), 1);
}

// ---------------------------------------------------------------- secrets at rest

#[tokio::test]
async fn no_secret_lies_open_in_any_file() {
    let (dir, store) = alice().await;
    let code = ActivationCode::from_random([5; 8], Pace::Sixty);
    let licence = "DEAD-BEEF-CAFE-F00D-1234";
    let import = import(licence);
    run(&store, import, START).await;
    let secret = RADIUS_CLIENT.field("secret").unwrap();
    let client = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.0/24"),
        Edit::Set(
            secret,
            Value::Secret(Zeroizing::new("canary-radius-31d0".into())),
        ),
    ];
    run(&store, configure(&RADIUS_CLIENT, "vpn1", client), START).await;
    assert_eq!(store.clients()[0].secret.expose(), b"canary-radius-31d0");
    let passwd = LOCAL.field("passwd").unwrap();
    let typed = Value::Secret(Zeroizing::new(PASSWORD.into()));
    let edits = vec![
        Edit::Set(passwd, typed),
        set(&LOCAL, "email-to", "a@example.org"),
    ];
    run(&store, configure(&LOCAL, "alice", edits), START).await;
    provision_again(&store, token(), OTHER, START).await;
    let phone = Phone {
        registration: RegistrationId::from_bytes([3; 32]),
        os_version: "5.4_android".into(),
    };
    let polled = Operation::Polled(vec![Polled {
        token: token(),
        phone: Some(phone),
    }]);
    run(&store, polled, START).await;
    let now = self::code(OTHER, step_at(START));
    granted(&login(&store, "alice", &now, START).await);
    login(&store, "alice", "755224", START).await;
    store.checkpoint().await.unwrap();

    let mut canaries: Vec<Vec<u8>> = [
        PASSWORD,
        "canary-link",
        "canary-radius",
        licence,
        &licence.replace('-', ""),
        code.as_str(),
        code.opaque().as_str(),
        &now,
        "755224",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    for seed in [SEED, OTHER] {
        let typed = otp::Seed::from_bytes(Zeroizing::new(seed.to_vec())).unwrap();
        canaries.push(seed[..12].to_vec());
        canaries.push(typed.to_hex().as_bytes()[..24].to_vec());
        canaries.push(typed.to_hex().to_uppercase().as_bytes()[..24].to_vec());
        canaries.push(typed.to_base32().as_bytes()[..20].to_vec());
    }
    let scan = || {
        let mut seen = Vec::new();
        for entry in fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let octets = fs::read(&path).unwrap();
            seen.push(path.file_name().unwrap().to_string_lossy().into_owned());
            for canary in &canaries {
                assert!(
                    !octets.windows(canary.len()).any(|window| window == canary),
                    "{} holds {:?}",
                    path.display(),
                    String::from_utf8_lossy(canary)
                );
            }
        }
        seen
    };
    let live = scan();
    for file in ["gateway.db", "gateway.db-wal", "gateway.head"] {
        assert!(live.iter().any(|name| name == file), "{live:?}");
    }
    drop(store);
    scan();
}
