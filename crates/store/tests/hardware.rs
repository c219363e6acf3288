//! Hardware tokens: their seeds come once, are shown sealed, and open again here and nowhere else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one opens databases"
)]

mod support;

use domain::admin::{Edit, HardwareAnswer, Message, Operation};
use domain::schema::{FORTITOKEN, Place, Value};
use domain::token::Stage;
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::{Parameters, Seed};
use store::gateway::GatewayStore;
use support::{START, configure, open, run};
use tempfile::TempDir;
use zeroize::Zeroizing;

const GIVEN: &str = "token already activated, and seed won't be returned";

fn device() -> TokenSerial {
    TokenSerial::parse("FTK2000BHV1KRZCC").unwrap()
}

fn add(edits: Vec<Edit>) -> Operation {
    configure(&FORTITOKEN, device().as_str(), edits)
}

fn seed_line(text: &str) -> Edit {
    Edit::Set(
        FORTITOKEN.field("seed").unwrap(),
        Value::Sealed(text.into()),
    )
}

fn remove() -> Operation {
    let place = Place::new(Vdom::ROOT, &FORTITOKEN, device().as_str());
    Operation::Remove { place }
}

/// What stands after `ENC`, and the status.
async fn shown(store: &GatewayStore) -> (Option<String>, &'static str) {
    let owned = store.token(device()).await.unwrap().unwrap();
    let object = store.as_text(owned.token.to_object(None), None).unwrap();
    let text = match object.value("seed") {
        Some(Value::Sealed(text)) => Some(text.to_string()),
        _ => None,
    };
    (text, owned.token.status_text(START))
}

/// A token that the token server gave its seed.
async fn activated(store: &GatewayStore) -> String {
    let done = run(store, add(Vec::new()), START).await;
    let waiting = store.outbox(None, 10).await.unwrap();
    assert!(matches!(&waiting[..], [one] if one.id == done.messages[0]
            && matches!(&one.message, Message::ActivateHardware { tokens, .. } if *tokens == [device()])));
    assert_eq!(shown(store).await.0, None);
    let seed = Seed::from_bytes(Zeroizing::new(vec![7; 20])).unwrap();
    let answer = HardwareAnswer {
        token: device(),
        outcome: Ok((seed, Parameters::default())),
        answer: Box::default(),
    };
    run(store, Operation::HardwareActivated(vec![answer]), START).await;
    let (text, status) = shown(store).await;
    assert_eq!(status, "active");
    text.unwrap()
}

#[tokio::test]
async fn what_a_unit_shows_opens_there_again() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let text = activated(&store).await;
    assert_eq!(
        store.verifier(device()).unwrap().unwrap().seed.expose(),
        [7; 20]
    );
    run(&store, remove(), START).await;
    run(&store, add(vec![seed_line(&text)]), START).await;
    assert_eq!(shown(&store).await.1, "active");
    assert_eq!(
        store.verifier(device()).unwrap().unwrap().seed.expose(),
        [7; 20]
    );
}

#[tokio::test]
async fn what_another_unit_shows_is_kept_as_it_is_and_opens_nothing() {
    let (there, here) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let text = activated(&open(there.path(), START).await).await;
    let store = open(here.path(), START).await;
    run(&store, add(vec![seed_line(&text)]), START).await;
    assert_eq!(shown(&store).await, (Some(text.clone()), GIVEN));
    assert!(store.verifier(device()).unwrap().is_none());
    store.shutdown();
    drop(store);
    let store = open(here.path(), START).await;
    assert_eq!(shown(&store).await, (Some(text), GIVEN), "after a restart");
    run(&store, remove(), START).await;
    run(&store, add(Vec::new()), START).await;
    assert_eq!(shown(&store).await.0, None);
}

#[tokio::test]
async fn a_seed_opens_for_its_own_token_only() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let text = activated(&store).await;
    let other = configure(&FORTITOKEN, "FTK2000000000001", vec![seed_line(&text)]);
    run(&store, other, START).await;
    let serial = TokenSerial::parse("FTK2000000000001").unwrap();
    let owned = store.token(serial).await.unwrap().unwrap();
    assert!(matches!(owned.token.stage, Stage::Failed(_)));
}
