//! A token goes from one phone to another: at any time the codes of one of them are good, whatever happens meanwhile.
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

use std::path::Path;

use domain::admin::{AdminError, CodeNews, Message, Operation, Phone, Polled};
use domain::reason::Reason;
use domain::schema::{FORTITOKEN, FTM_PUSH, LOCAL};
use domain::time::{Span, Timestamp};
use domain::token::Stage;
use domain::transfer::{Asker, Handing, NotMoved, Transfer};
use domain::vdom::Vdom;
use ident::{RegistrationId, TokenSerial};
use store::Failure;
use store::gateway::{GatewayStore, Holder, Lane, Told};
use support::*;
use tempfile::{TempDir, tempdir};

const OLD: [u8; 20] = [9; 20];
const NEW: [u8; 20] = [8; 20];

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn phone(number: u8) -> RegistrationId {
    RegistrationId::from_bytes([number; 32])
}

fn on(number: u8) -> Phone {
    Phone {
        registration: phone(number),
        os_version: "0.1.0_WEB".into(),
    }
}

/// The other phone has stored the token by the code that [`supplied`] made.
fn confirmed(number: u8) -> Operation {
    let Operation::Provisioned(mut supplied) = supplied(token()) else {
        panic!("it makes a code");
    };
    Operation::TransferPolled {
        token: token(),
        code: supplied.remove(0).code,
        news: CodeNews::Confirmed(on(number)),
    }
}

fn cancelled() -> Operation {
    Operation::CancelTransfer {
        token: token(),
        holder: phone(1),
    }
}

/// Alice's token is on her first phone.
async fn alice() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    enrol(&store, "alice", token(), OLD, START).await;
    let address = configure(
        &LOCAL,
        "alice",
        vec![set(&LOCAL, "email-to", "a@example.org")],
    );
    run(&store, address, START).await;
    let activated = Operation::Polled(vec![Polled {
        token: token(),
        phone: Some(on(1)),
    }]);
    run(&store, activated, START).await;
    let allow = vec![
        set(&FTM_PUSH, "token-transfer", "enable"),
        set(&FTM_PUSH, "server", "gate.example.org"),
    ];
    run(&store, configure(&FTM_PUSH, "", allow), START).await;
    (dir, store)
}

async fn begin(store: &GatewayStore) {
    let begin = Operation::BeginTransfer {
        token: token(),
        asker: Asker::Phone,
        handing: Handing::Mailed,
        holder: phone(1),
    };
    run_with(store, begin, NEW, START).await;
}

async fn reopen(dir: &Path, store: GatewayStore) -> GatewayStore {
    reopen_at(dir, store, START).await
}

async fn reopen_at(dir: &Path, store: GatewayStore, now: Timestamp) -> GatewayStore {
    drop(store);
    open(dir, now).await
}

/// Whose codes are good: each is tried in a step of its own.
async fn good(store: &GatewayStore, step: &mut i64) -> [bool; 2] {
    let mut good = [false; 2];
    for (at, seed) in [OLD, NEW].into_iter().enumerate() {
        *step += 1;
        let now: Timestamp = START.after(Span::from_mins(*step));
        let outcome = login(store, "alice", &code(seed, step_at(now)), now).await;
        good[at] = is_granted(&outcome);
    }
    good
}

const FIRST: [bool; 2] = [true, false];
const SECOND: [bool; 2] = [false, true];

#[tokio::test]
async fn one_phone_has_the_token_at_every_step_and_after_every_restart() {
    let (dir, mut store) = alice().await;
    let mut step = 0;
    assert_eq!(good(&store, &mut step).await, FIRST);
    begin(&store).await;
    let next = store.to_provision(token()).await.unwrap().unwrap();
    assert_eq!((next.seed.expose(), next.holder), (&NEW[..], Holder::Phone));
    store = reopen(dir.path(), store).await;
    assert_eq!(good(&store, &mut step).await, FIRST);
    assert_eq!(store.open_transfers("", 10).await.unwrap(), [token()]);

    run(&store, supplied(token()), START).await;
    assert!(store.to_provision(token()).await.unwrap().is_none());
    store = reopen(dir.path(), store).await;
    assert_eq!(good(&store, &mut step).await, FIRST);
    assert_eq!(store.open_transfers("", 10).await.unwrap(), [token()]);

    run(&store, confirmed(2), START).await;
    assert_eq!(good(&store, &mut step).await, SECOND);
    store = reopen(dir.path(), store).await;
    assert_eq!(good(&store, &mut step).await, SECOND);
    assert!(store.open_transfers("", 10).await.unwrap().is_empty());
    let owned = store.token(token()).await.unwrap().unwrap();
    let Stage::Provisioned(provisioned) = owned.token.stage else {
        panic!("{:?}", owned.token.stage);
    };
    assert_eq!(provisioned.registration, phone(2));
    assert!(provisioned.transfer.is_none());
}

#[tokio::test]
async fn the_first_phones_code_of_a_login_under_way_is_refused_once_the_token_has_moved() {
    let (_dir, store) = alice().await;
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    let now = START.after(Span::from_mins(1));
    let under_way = decide(&store, "alice", &code(OLD, step_at(now)), now);
    run(&store, confirmed(2), now).await;
    let refusal = consume(&store, under_way).await;
    assert_eq!(refused(&refusal), Reason::ChangedMeanwhile);
}

#[tokio::test]
async fn what_was_decided_by_the_first_phones_seed_falls_with_it_whatever_the_clocks_say() {
    let (_dir, store) = alice().await;
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    let ahead = START.after(Span::from_mins(3));
    let under_way = decide(&store, "alice", &code(OLD, step_at(ahead)), ahead);
    run(&store, confirmed(2), START).await;
    let refusal = consume(&store, under_way).await;
    assert_eq!(refused(&refusal), Reason::ChangedMeanwhile);
}

#[tokio::test]
async fn the_new_phones_codes_are_good_at_once_however_far_the_first_phones_clock_was_ahead() {
    let (dir, mut store) = alice().await;
    // Step by step its clock was learned to be three minutes ahead.
    for ahead in 1..=3 {
        let now = START.after(Span::from_mins(ahead));
        let fast = now.after(Span::from_mins(ahead));
        granted(&login(&store, "alice", &code(OLD, step_at(fast)), now).await);
    }
    let now = START.after(Span::from_mins(3));
    begin(&store).await;
    run(&store, supplied(token()), now).await;
    run(&store, confirmed(2), now).await;
    let used = code(NEW, step_at(now));
    granted(&login(&store, "alice", &used, now).await);
    // Each code is accepted once, also after a restart, and no login of the first phone comes back.
    let replayed = login(&store, "alice", &used, now).await;
    assert_eq!(refused(&replayed), Reason::CodeReplayed);
    store = reopen_at(dir.path(), store, now).await;
    let replayed = login(&store, "alice", &used, now).await;
    assert_eq!(refused(&replayed), Reason::CodeReplayed);
    let next = now.after(Span::from_mins(1));
    granted(&login(&store, "alice", &code(NEW, step_at(next)), next).await);
}

#[tokio::test]
async fn the_new_phones_first_code_is_good_after_a_restart_too() {
    let (dir, store) = alice().await;
    let now = START.after(Span::from_mins(1));
    let fast = now.after(Span::from_mins(1));
    granted(&login(&store, "alice", &code(OLD, step_at(fast)), now).await);
    begin(&store).await;
    run(&store, supplied(token()), now).await;
    run(&store, confirmed(2), now).await;
    let store = reopen_at(dir.path(), store, now).await;
    granted(&login(&store, "alice", &code(NEW, step_at(now)), now).await);
}

#[tokio::test]
async fn the_phone_that_was_left_is_known_and_no_other() {
    let (dir, store) = alice().await;
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    let left = async |store: &GatewayStore, number| {
        let phones = store.phones(token(), phone(number)).await;
        phones.map(|it| it.has_left)
    };
    assert!(!left(&store, 1).await.unwrap());
    run(&store, confirmed(2), START).await;
    let store = reopen(dir.path(), store).await;
    assert!(left(&store, 1).await.unwrap());
    for other in [2, 3] {
        assert!(!left(&store, other).await.unwrap());
    }
}

#[tokio::test]
async fn what_the_token_server_was_told_is_known_after_a_restart() {
    let (dir, mut store) = alice().await;
    for (told, known) in [(Told::Address, true), (Told::None, false)] {
        store.tell_transfer_address(told).await.unwrap();
        store = reopen(dir.path(), store).await;
        assert_eq!(store.is_transfer_address_told().await.unwrap(), known);
    }
}

#[tokio::test]
async fn five_transfers_an_hour_are_the_most_and_no_restart_forgets_them() {
    let (dir, mut store) = alice().await;
    let wanted = || Operation::BeginTransfer {
        token: token(),
        asker: Asker::Phone,
        handing: Handing::Mailed,
        holder: phone(1),
    };
    for minute in 0..5 {
        run(&store, wanted(), START.after(Span::from_mins(minute))).await;
    }
    let hour = START.after(Span::from_hours(1));
    store = reopen(dir.path(), store).await;
    let last = hour.before(Span::from_secs(1));
    let refused = store.administer(wanted(), entropy(NEW), authority(), last, None);
    let refused = refused.await.unwrap_err();
    assert!(
        matches!(
            &refused,
            Failure::Refused(AdminError::NotMoved(NotMoved::TooOften))
        ),
        "{refused:?}"
    );
    run(&store, wanted(), hour).await;
}

#[tokio::test]
async fn a_transfer_that_is_taken_back_leaves_nothing() {
    let (dir, store) = alice().await;
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    run(&store, cancelled(), START).await;
    let store = reopen(dir.path(), store).await;
    // Who took the code before the token server forgot it does not get the token.
    run(&store, confirmed(2), START).await;
    assert!(matches!(
        store
            .token(token())
            .await
            .unwrap()
            .unwrap()
            .token
            .transfer(),
        Some(Transfer::Withdrawn)
    ));
    run(&store, supplied(token()), START).await;
    assert!(store.to_provision(token()).await.unwrap().is_none());
    let mut step = 0;
    assert_eq!(good(&store, &mut step).await, FIRST);
}

#[tokio::test]
async fn a_token_that_is_locked_or_whose_user_is_disabled_does_not_move_and_its_code_dies() {
    let lock = || {
        configure(
            &FORTITOKEN,
            token().as_str(),
            vec![set(&FORTITOKEN, "status", "lock")],
        )
    };
    let disable = || configure(&LOCAL, "alice", vec![set(&LOCAL, "status", "disable")]);
    let forbid = || {
        configure(
            &FTM_PUSH,
            "",
            vec![set(&FTM_PUSH, "token-transfer", "disable")],
        )
    };
    let moved_away = || {
        configure(
            &LOCAL,
            "alice",
            vec![set(&LOCAL, "email-to", "b@example.org")],
        )
    };
    for change in [lock(), disable(), forbid(), moved_away()] {
        let (dir, store) = alice().await;
        begin(&store).await;
        run(&store, supplied(token()), START).await;
        let store = reopen(dir.path(), store).await;
        run(&store, change, START).await;
        run(&store, confirmed(2), START).await;
        let owned = store.token(token()).await.unwrap().unwrap();
        assert!(matches!(owned.token.transfer(), Some(Transfer::Withdrawn)));
        let Stage::Provisioned(provisioned) = &owned.token.stage else {
            panic!("{:?}", owned.token.stage);
        };
        assert_eq!(provisioned.registration, phone(1));
        let asked = store.due(Lane::Codes, START, 10).await.unwrap();
        assert!(matches!(
            asked[..],
            [ref one] if matches!(one.message, Message::Provision { .. })
        ));
    }
}

#[tokio::test]
async fn an_administrators_provisioning_ends_both_phones_and_the_transfer() {
    let (_dir, store) = alice().await;
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    provision_again(&store, token(), [7; 20], START).await;
    let mut step = 0;
    assert_eq!(good(&store, &mut step).await, [false, false]);
    assert!(store.open_transfers("", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_user_is_told_in_the_transaction_that_moves_the_token() {
    let (dir, store) = alice().await;
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    let done = run(&store, confirmed(2), START).await;
    assert_eq!(done.messages.len(), 1);
    let store = reopen(dir.path(), store).await;
    let due = store.due(Lane::People, START, 100).await.unwrap();
    let notices: Vec<_> = due
        .iter()
        .filter_map(|waiting| match &waiting.message {
            Message::TransferNotice { user, to, .. } => Some((&**user, to.as_str().to_owned())),
            _ => None,
        })
        .collect();
    assert_eq!(notices, [("alice", "a@example.org".to_owned())]);
}

#[tokio::test]
async fn who_may_wish_something_is_known_at_each_step() {
    let (_dir, store) = alice().await;
    let known = async || {
        let phones = store.phones(token(), phone(1)).await.unwrap();
        let next = phones.next.map(|seed| *seed.expose() == NEW);
        (phones.holder, next, phones.has_left)
    };
    assert_eq!(known().await, (Some(phone(1)), None, false));
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    assert_eq!(known().await, (Some(phone(1)), Some(true), false));
    // Whoever took a code that was taken back holds a seed of nothing.
    run_with(&store, cancelled(), OLD, START).await;
    assert_eq!(known().await, (Some(phone(1)), Some(false), false));
    run(&store, supplied(token()), START).await;
    assert_eq!(known().await, (Some(phone(1)), None, false));
    begin(&store).await;
    run(&store, supplied(token()), START).await;
    run(&store, confirmed(2), START).await;
    assert_eq!(known().await, (Some(phone(2)), None, true));
    let other = TokenSerial::mobile([9; 5]);
    let nobody = store.phones(other, phone(1)).await.unwrap();
    assert!(nobody.holder.is_none() && nobody.next.is_none() && !nobody.has_left);
}

#[tokio::test]
async fn all_open_transfers_are_followed_in_pages_however_many_they_are() {
    const PAGE: i64 = 1_000;
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let serial = |number: u16| {
        let [high, low] = number.to_be_bytes();
        TokenSerial::mobile([0, 0, 0, high, low])
    };
    let tokens: Vec<_> = (0..3_000).map(serial).collect();
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: tokens.clone(),
    };
    run(&store, imported, START).await;
    drop(store);
    let database = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    // Every fourth stays, and every fourth was taken back.
    let mut open_ones = Vec::new();
    for (token, state) in tokens.iter().zip(
        [Some("mailed"), None, Some("shown"), Some("withdrawn")]
            .iter()
            .cycle(),
    ) {
        let row = rusqlite::params![token.as_str(), state];
        database
            .execute("UPDATE token SET transfer = ?2 WHERE serial = ?1", row)
            .unwrap();
        if matches!(state, Some("mailed" | "shown")) {
            open_ones.push(*token);
        }
    }
    drop(database);
    let store = open(dir.path(), START).await;
    let (mut followed, mut after) = (Vec::new(), String::new());
    loop {
        let page = store.open_transfers(&after, PAGE).await.unwrap();
        assert!(page.len() <= 1_000);
        let Some(last) = page.last() else { break };
        last.as_str().clone_into(&mut after);
        followed.extend(page);
    }
    open_ones.sort_unstable();
    assert_eq!(followed, open_ones);
}
