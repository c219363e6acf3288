//! What the store keeps of how people are reached.
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

use domain::admin::{Edit, Message, Operation};
use domain::audit::{Event, What};
use domain::contact::{Address, Channel, Language};
use domain::login::{CodePosition, Second, Spend, Submitted, second, sent};
use domain::one_time::{CodeKey, OneTimeCode};
use domain::password::KEY_LEN;
use domain::reason::Reason;
use domain::schema::{ADMIN, LOCAL, Place, SECURITY, SMS_SERVER, Table, Value};
use domain::throttle::CodeCounter;
use domain::time::Span;
use domain::vdom::Vdom;
use ident::TokenSerial;
use store::Failure;
use store::gateway::{Decision, GatewayStore};
use support::*;
use tempfile::{TempDir, tempdir};
use zeroize::Zeroizing;

const SEED: [u8; 20] = *b"canary-seed-1-0123ab";

fn token(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn password(table: &'static Table, field: &str) -> Edit {
    let secret = Value::Secret(Zeroizing::new(PASSWORD.into()));
    Edit::Set(table.field(field).unwrap(), secret)
}

/// Two tokens that nobody has, and an SMS server that is called `gate`.
async fn equipped() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token(1), token(2)],
    };
    run(&store, imported, START).await;
    let gate = vec![set(&SMS_SERVER, "mail-server", "sms.example.net")];
    run(&store, configure(&SMS_SERVER, "gate", gate), START).await;
    (dir, store)
}

/// Gives somebody a telephone at `gate` and a token.
async fn by_sms(store: &GatewayStore, table: &'static Table, name: &str, token: TokenSerial) {
    let secret = if table == &ADMIN {
        "password"
    } else {
        "passwd"
    };
    let mut edits = vec![
        password(table, secret),
        set(table, "sms-phone", "+491701234567"),
        set(table, "sms-server", "custom"),
        set(table, "sms-custom-server", "gate"),
        set(table, "two-factor", "fortitoken"),
        set(table, "fortitoken", token.as_str()),
    ];
    if table == &ADMIN {
        edits.push(set(table, "accprofile", "super_admin"));
    }
    run_with(store, configure(table, name, edits), SEED, START).await;
    run(store, supplied(token), START).await;
}

/// A decision to let alice in by the code that was sent to her.
fn by_code(store: &GatewayStore) -> Decision {
    let facts = store
        .facts(name("alice"), CodePosition::Challenge, START)
        .unwrap();
    let (key, counter) = (CodeKey::new([3; KEY_LEN]), &mut CodeCounter::default());
    let Second::Send(proof, to) = second(&facts, verified(&facts), None, counter, START) else {
        panic!("no code is sent");
    };
    let code = OneTimeCode::draw([9; 8]);
    let issued = code.issue(&key, name("alice"), to, START.after(Span::from_mins(1)));
    let typed = Submitted::new(code.as_str().as_bytes());
    match sent(&facts, proof, issued, &typed, &key, counter, START) {
        Second::Consume(consume) => Decision::Grant(consume, origin("vpn1")),
        other => panic!("{other:?}"),
    }
}

/// To whom messages go, and through what.
async fn messages(store: &GatewayStore) -> Vec<String> {
    let waiting = store.outbox(None, 10).await.unwrap();
    let messages = waiting.into_iter().filter_map(|it| match it.message {
        Message::ActivationCode {
            user,
            to: Address::Phone { number, server },
            ..
        } => Some(format!("{user} {number} {server}")),
        _ => None,
    });
    messages.collect()
}

#[tokio::test]
async fn users_and_administrators_get_their_codes_by_sms() {
    let (dir, store) = equipped().await;
    by_sms(&store, &LOCAL, "alice", token(1)).await;
    by_sms(&store, &ADMIN, "admin", token(2)).await;
    let expected = ["alice +491701234567 gate", "admin +491701234567 gate"];
    assert_eq!(messages(&store).await, expected);
    drop(store);
    let store = open(dir.path(), START).await;
    assert_eq!(messages(&store).await, expected);
}

#[tokio::test]
async fn a_code_that_was_sent_lets_in_unless_somebody_changed_where_codes_go() {
    let (dir, store) = equipped().await;
    let edits = vec![
        password(&LOCAL, "passwd"),
        set(&LOCAL, "two-factor", "email"),
        set(&LOCAL, "email-to", "alice@example.org"),
        set(&LOCAL, "language", "french"),
    ];
    run(&store, configure(&LOCAL, "alice", edits), START).await;
    let alice = store.person(name("alice")).await.unwrap().unwrap();
    assert_eq!(alice.contact.language, Some(Language::French));
    granted(&consume(&store, by_code(&store)).await);
    for change in [
        set(&LOCAL, "email-to", "a@example.org"),
        set(&LOCAL, "status", "disable"),
    ] {
        let decision = by_code(&store);
        run(&store, configure(&LOCAL, "alice", vec![change]), START).await;
        let outcome = consume(&store, decision).await;
        assert_eq!(refused(&outcome), Reason::ChangedMeanwhile);
    }
    let enable = vec![set(&LOCAL, "status", "enable")];
    run(&store, configure(&LOCAL, "alice", enable), START).await;
    let decision = by_code(&store);
    let strict = vec![set(&SECURITY, "profile", "strict")];
    run(&store, configure(&SECURITY, "", strict), START).await;
    let outcome = consume(&store, decision).await;
    assert_eq!(refused(&outcome), Reason::ChangedMeanwhile);

    // What was recorded is read again as it was.
    let what = What::CodeSent {
        person: name("alice"),
        origin: origin("vpn1"),
        channel: Channel::Email,
        failure: Some("no".into()),
    };
    let sent = Event { at: START, what };
    store.record(sent.clone()).await.unwrap();
    drop(store);
    let store = open(dir.path(), START).await;
    let mut accepted = 0;
    for number in 1.. {
        let Some(recorded) = store.event(number).await.unwrap() else {
            break;
        };
        match recorded.event.what {
            What::Accepted { spend, .. } => {
                assert_eq!(spend, Spend::Sent(Channel::Email));
                accepted += 1;
            }
            What::CodeSent { .. } => assert_eq!(recorded.event, sent),
            _ => {}
        }
    }
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn an_sms_server_goes_by_its_new_name_with_everybody_who_has_it() {
    let (_dir, store) = equipped().await;
    by_sms(&store, &LOCAL, "alice", token(1)).await;
    by_sms(&store, &ADMIN, "admin", token(2)).await;
    let place = || Place::new(Vdom::ROOT, &SMS_SERVER, "gate");
    let remove = Operation::Remove { place: place() };
    let done = store.administer(remove, entropy(SEED), authority(), START, None);
    let Err(Failure::Refused(error)) = done.await else {
        panic!("an SMS server in use was deleted");
    };
    for user in ["user local \"alice\"", "system admin \"admin\""] {
        let named = format!("{user} names it in sms-custom-server");
        assert!(error.next_step().contains(&named), "{}", error.next_step());
    }
    let rename = Operation::Rename {
        place: place(),
        to: "api".into(),
    };
    run(&store, rename, START).await;
    let alice = store.person(name("alice")).await.unwrap().unwrap();
    let phone = |server: &str| Address::Phone {
        number: "+491701234567".into(),
        server: server.into(),
    };
    assert_eq!(alice.contact.at(Channel::Sms), Some(phone("api")));
    for token in [token(1), token(2)] {
        let owner = store.token(token).await.unwrap().unwrap().owner.unwrap();
        assert_eq!(owner.contact.for_activation(), Some(phone("api")));
    }
}
