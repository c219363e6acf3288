//! How far codes have got by which tokens go to other phones, as gateways are told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{Gateway, World, account, actor};
use domain::time::Span;
use ident::{ActivationCode, TokenSerial};
use softtoken::process::{CodeState, Response};
use softtoken::{ServerError, WireError};

const SERIAL: &str = "FGT0000000000001";
const OTHER: &str = "FGT0000000000002";
const TRIAL: &str = "0000-0000-0000-0000-0000";

async fn asked(
    gateway: &Gateway,
    token: TokenSerial,
    code: &ActivationCode,
) -> Result<CodeState, WireError> {
    let answer = gateway
        .process(&gateway.transfer_body(token.as_str(), code.as_str()))
        .await;
    let Response::TransferPolling(mut response) = Response::parse(answer.as_bytes()).unwrap()
    else {
        panic!("{answer}")
    };
    response.tokens.remove(0).outcome
}

#[tokio::test]
async fn a_code_is_confirmed_by_the_receipt_of_the_phone_that_used_it() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let token = gateway.import(TRIAL).await.1[0];
    let (code, _) = gateway.provision(token).await;
    assert_eq!(asked(&gateway, token, &code).await, Ok(CodeState::Waiting));

    let phone = world.phone();
    let given = phone.activate(code.opaque(), None).await.unwrap();
    let taken = asked(&gateway, token, &code).await.unwrap();
    assert!(
        matches!(&taken, CodeState::Taken(by) if by.id == phone.keys.registration_id()),
        "{taken:?}"
    );
    assert_eq!(phone.receipt(&given).await, None);
    let confirmed = asked(&gateway, token, &code).await.unwrap();
    assert!(
        matches!(&confirmed, CodeState::Confirmed(by) if by.id == phone.keys.registration_id()),
        "{confirmed:?}"
    );
}

#[tokio::test]
async fn another_code_than_the_tokens_has_ended_whoever_has_the_token() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let token = gateway.import(TRIAL).await.1[0];
    let (first, _) = gateway.provision(token).await;
    let phone = world.phone();
    let given = phone.activate(first.opaque(), None).await.unwrap();
    phone.receipt(&given).await;
    let (second, _) = gateway.provision(token).await;
    assert_eq!(asked(&gateway, token, &first).await, Ok(CodeState::Ended));
    assert_eq!(
        asked(&gateway, token, &second).await,
        Ok(CodeState::Waiting)
    );
}

#[tokio::test]
async fn a_database_that_was_put_back_confirms_no_code_that_it_does_not_know() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let token = gateway.import(TRIAL).await.1[0];
    let (first, _) = gateway.provision(token).await;
    let phone = world.phone();
    let given = phone.activate(first.opaque(), None).await.unwrap();
    phone.receipt(&given).await;

    let kept = tempfile::NamedTempFile::new().unwrap();
    let keep = |database: &Path| {
        fs::copy(database, kept.path()).unwrap();
    };
    let world = world.restart_after(keep).await;
    let gateway = world.gateway(SERIAL);
    let (second, _) = gateway.provision(token).await;
    let put_back = |database: &Path| {
        fs::copy(kept.path(), database).unwrap();
    };
    let world = world.restart_after(put_back).await;
    // It names the phone before as the token's.
    let gateway = world.gateway(SERIAL);
    let polled = gateway.poll(token).await.unwrap().registration.unwrap();
    assert_eq!(polled.id, phone.keys.registration_id());
    assert_eq!(asked(&gateway, token, &second).await, Ok(CodeState::Ended));
}

#[tokio::test]
async fn a_code_ends_with_its_time_and_with_that_of_the_receipt() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let tokens = gateway.import(TRIAL).await.1;
    let (unused, _) = gateway.provision(tokens[0]).await;
    let (used, _) = gateway.provision(tokens[1]).await;
    let phone = world.phone();
    let given = phone.activate(used.opaque(), None).await.unwrap();
    world.pass(Span::from_mins(4_320));
    let ended = Ok(CodeState::Ended);
    assert_eq!(asked(&gateway, tokens[0], &unused).await, ended);
    let taken = asked(&gateway, tokens[1], &used).await;
    assert!(matches!(taken, Ok(CodeState::Taken(_))), "{taken:?}");
    world.pass(Span::from_days(1));
    assert_eq!(asked(&gateway, tokens[1], &used).await, ended);
    // What was told to have ended is not confirmed afterwards.
    let late = phone.receipt(&given).await.unwrap().known();
    assert_eq!(late, Some(ServerError::ProofWrong));
    assert_eq!(asked(&gateway, tokens[1], &used).await, ended);
}

#[tokio::test]
async fn another_products_codes_are_nobodys_business() {
    let world = World::new(&[SERIAL]).await;
    let other = account("Other Ltd");
    world.desk.register_account(actor(), other).await.unwrap();
    world.register(OTHER, "Other Ltd").await;
    let gateway = world.gateway(SERIAL);
    let token = gateway.import(TRIAL).await.1[0];
    let (code, _) = gateway.provision(token).await;
    let refused = asked(&world.gateway(OTHER), token, &code).await;
    assert_eq!(
        refused.unwrap_err().known(),
        Some(ServerError::TokenNotOfProduct)
    );
}
