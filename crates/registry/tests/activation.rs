//! A token's way to a phone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Gateway, SEED, World};
use domain::licensing::Lock;
use domain::time::Span;
use ident::{OpaqueCode, TokenSerial};
use softtoken::address::ServerName;
use softtoken::link::LinkSecret;
use softtoken::process::TokenState;
use softtoken::{ServerError, WireError};

const SERIAL: &str = "FGT0000000000001";
const TRIAL: &str = "0000-0000-0000-0000-0000";

/// A gateway with a trial token that belongs to it.
async fn gateway(world: &World) -> (Gateway, TokenSerial) {
    let gateway = world.gateway(SERIAL);
    let (_, tokens) = gateway.import(TRIAL).await;
    (gateway, tokens[0])
}

fn error<T>(outcome: Result<T, WireError>) -> ServerError {
    match outcome {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.known().unwrap(),
    }
}

async fn state(gateway: &Gateway, token: TokenSerial) -> TokenState {
    gateway.poll(token).await.unwrap().state
}

#[tokio::test]
async fn a_token_goes_from_the_licence_to_the_phone() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let issued = world.issue(3).await;
    let (licence, tokens) = gateway.import(issued.code.as_str()).await;
    assert_eq!(
        (licence.as_str(), tokens.len()),
        (issued.serial.as_str(), 3)
    );
    assert_eq!(state(&gateway, tokens[0]).await, TokenState::New);

    let (code, link) = gateway.provision(tokens[0]).await;
    assert_eq!(state(&gateway, tokens[0]).await, TokenState::Provisioning);
    assert_eq!(link.code, code);
    assert_eq!(link.pin, world.pki.pin());
    assert_eq!(link.server.to_string(), "https://registry.test");

    let phone = world.phone();
    let token = phone
        .activate(link.code.opaque(), Some(&link.secret))
        .await
        .unwrap();
    assert_eq!(token.token, tokens[0]);
    assert_eq!(token.issuer.as_str(), "Example Ltd");
    assert_eq!(phone.open(&token).to_hex().to_uppercase(), SEED);
    assert_eq!(phone.receipt(&token).await, None);

    let polled = gateway.poll(tokens[0]).await.unwrap();
    assert_eq!(polled.state, TokenState::Provisioned);
    let registration = polled.registration.unwrap();
    assert_eq!(registration.id, phone.keys.registration_id());
    assert_eq!(registration.version.as_str(), "5.4.2_IOS");
}

#[tokio::test]
async fn the_same_phone_gets_the_same_bytes_until_its_receipt() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (code, _) = gateway.provision(token).await;
    let phone = world.phone();
    let first = phone.activate(code.opaque(), None).await.unwrap();
    let world = world.restart().await;
    let phone = phone.over(world.anybody());
    let again = phone.activate(code.opaque(), None).await.unwrap();
    assert_eq!(again, first);

    assert_eq!(phone.receipt(&again).await, None);
    assert_eq!(
        phone.receipt(&again).await,
        None,
        "a receipt may be sent again"
    );
    let used = error(phone.activate(code.opaque(), None).await);
    assert_eq!(used, ServerError::ActivationCodeUsed);
}

#[tokio::test]
async fn symptom_15_another_phone_never_gets_it() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (code, link) = gateway.provision(token).await;
    let (phone, thief) = (world.phone(), world.phone());
    let given = phone.activate(code.opaque(), None).await.unwrap();
    let stolen = error(thief.activate(code.opaque(), Some(&link.secret)).await);
    assert_eq!(
        stolen.message(),
        "Failed. Forticare: FTM token Activation Code is invalid"
    );
    let forged = thief.receipt(&given).await.unwrap().known();
    assert_eq!(forged, Some(ServerError::ProofWrong));
    assert_eq!(phone.activate(code.opaque(), None).await.unwrap(), given);
}

#[tokio::test]
async fn symptom_17_and_18_a_code_ends() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (code, _) = gateway.provision(token).await;
    world.pass(Span::from_mins(4_320));
    assert_eq!(state(&gateway, token).await, TokenState::ProvisionTimeout);
    let late = error(world.phone().activate(code.opaque(), None).await);
    assert_eq!(late.message(), "FortiCare : provision code not exist");
    let (code, _) = gateway.provision(token).await;
    assert_eq!(state(&gateway, token).await, TokenState::Provisioning);
    world.phone().activate(code.opaque(), None).await.unwrap();
}

#[tokio::test]
async fn symptom_19_a_code_that_was_replaced_does_not_exist() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (old, _) = gateway.provision(token).await;
    let old_phone = world.phone();
    old_phone.activate(old.opaque(), None).await.unwrap();
    let (new, _) = gateway.provision(token).await;
    let polled = gateway.poll(token).await.unwrap();
    assert_eq!(
        (polled.state, polled.registration),
        (TokenState::Provisioning, None)
    );
    let dead = error(old_phone.activate(old.opaque(), None).await);
    assert_eq!(dead.message(), "FTM Server: Token code doesn't exist");
    world.phone().activate(new.opaque(), None).await.unwrap();
}

#[tokio::test]
async fn a_locked_token_is_not_served() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (code, _) = gateway.provision(token).await;
    world
        .desk
        .set_lock(common::actor(), token, Lock::Locked, "lost in a move")
        .await
        .unwrap();
    assert_eq!(state(&gateway, token).await, TokenState::Locked);
    let refused = error(world.phone().activate(code.opaque(), None).await);
    assert_eq!(refused, ServerError::ActivationCodeUnknown);
    let answer = gateway
        .process(&gateway.provision_body(token.as_str()))
        .await;
    assert!(answer.contains(r#""error_code":31"#) && answer.contains(r#""error_code":17"#));
}

#[tokio::test]
async fn a_proof_is_for_one_nonce_and_one_server() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (code, _) = gateway.provision(token).await;
    let mut phone = world.phone();
    let nonce = phone.nonce().await;

    let own = phone.server.clone();
    phone.server = ServerName::parse("elsewhere.test").unwrap();
    let elsewhere = phone.claim(nonce, code.opaque(), None);
    assert_eq!(
        error(phone.try_claim(elsewhere).await),
        ServerError::ProofWrong
    );
    phone.server = own;
    let repeated = phone.claim(nonce, code.opaque(), None);
    assert_eq!(
        error(phone.try_claim(repeated).await),
        ServerError::NonceUnknown
    );

    let mut swapped = phone.claim(phone.nonce().await, code.opaque(), None);
    swapped.keys.sealing = world.phone().keys.sealing;
    assert_eq!(
        error(phone.try_claim(swapped).await),
        ServerError::ProofWrong
    );
    phone.activate(code.opaque(), None).await.unwrap();
}

#[tokio::test]
async fn wrong_codes_make_a_source_wait() {
    let world = World::new(&[SERIAL]).await;
    let (gateway, token) = gateway(&world).await;
    let (code, link) = gateway.provision(token).await;
    let phone = world.phone();
    let wrong_link = LinkSecret::from_random([0; 16]);
    let unknown = error(phone.activate(link.code.opaque(), Some(&wrong_link)).await);
    assert_eq!(unknown, ServerError::ActivationCodeUnknown);
    for guess in 1..10 {
        let guess = OpaqueCode::from_bytes([guess; 8]);
        let unknown = error(phone.activate(&guess, None).await);
        assert_eq!(unknown, ServerError::ActivationCodeUnknown);
    }
    let waiting = error(phone.activate(code.opaque(), None).await);
    assert_eq!(waiting, ServerError::TooManyTries);
}
