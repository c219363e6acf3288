//! The recorded exchanges, out of real state and over real HTTPS, byte for byte. Recordings mask what
//! was private in them: each test has a table from the real values to the recorded ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{START, World, account, actor};
use domain::licensing::{LicenceSize, Lock};
use domain::time::Span;
use store::registry::NewLicence;

const IMPORT: &str = include_str!("golden/activate-license.request.json");
const NOT_FOUND: &str = include_str!("golden/activate-license.card-not-found.response.json");
const ACTIVATED: &str = include_str!("golden/activate-license.already-activated.response.json");
const EXPIRED: &str = include_str!("golden/activate-license.expired.response.json");
const UNKNOWN: &str = include_str!("golden/activate-license.unknown-error.response.json");
const PROVISION: &str = include_str!("golden/provision.request.json");
const WRONG_PRODUCT: &str = include_str!("golden/provision.wrong-product.response.json");
const POLL: &str = include_str!("golden/polling.request.json");
const PROVISIONED: &str = include_str!("golden/polling.provisioned.response.json");

/// Two members of a cluster, whose recorded serials are masked.
const ACTIVE: &str = "FGT0000000000001";
const STANDBY: &str = "FGT0000000000002";
const MASKED_SERIAL: &str = "FGTXXXXKXXXXXXXX";
const MASKED_CODE: &str = "XXXX-XXXX-XXXX-XXXX-XXXX";

/// Replaces each `from` by its `to`, once, and insists that it is there.
fn with(text: &str, table: &[(&str, &str)]) -> String {
    table
        .iter()
        .fold(text.trim_end().to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "no {from} in {text}");
            text.replacen(from, to, 1)
        })
}

/// The recorded import request, of this version and build, for both members of the cluster.
fn import(code: &str, version: &str, build: &str) -> String {
    let version = format!(r#""__device_version":"{version}""#);
    let build = format!(r#""__device_build":"{build}""#);
    with(
        IMPORT,
        &[
            (MASKED_CODE, code),
            (MASKED_SERIAL, ACTIVE),
            (MASKED_SERIAL, ACTIVE),
            (MASKED_SERIAL, STANDBY),
            (r#""__device_version":"6.0""#, &version),
            (r#""__device_build":"6325""#, &build),
        ],
    )
}

/// The answer with the serials of the cluster and the code as the recording masks them.
fn masked(answer: &str, code: (&str, &str), serial: &str) -> String {
    with(
        answer,
        &[code, (ACTIVE, serial), (ACTIVE, serial), (STANDBY, serial)],
    )
}

async fn cluster() -> World {
    World::new(&[ACTIVE, STANDBY]).await
}

#[tokio::test]
async fn symptom_10_license_card_not_found() {
    let world = cluster().await;
    let gateway = world.gateway(ACTIVE);
    let answer = gateway
        .process(&import("xxxxxxxxxxxxxxxx", "6.0", "xxxx"))
        .await;
    assert_eq!(
        with(&answer, &[(ACTIVE, MASKED_SERIAL)]),
        NOT_FOUND.trim_end()
    );
    // A code of the right shape that nobody issued looks the same.
    let code = "0123-4567-89AB-CDEF-0123";
    let answer = gateway.process(&import(code, "6.0", "xxxx")).await;
    let table = [(ACTIVE, MASKED_SERIAL), (code, "xxxxxxxxxxxxxxxx")];
    assert_eq!(with(&answer, &table), NOT_FOUND.trim_end());
}

#[tokio::test]
async fn symptom_12_license_already_activated() {
    let world = cluster().await;
    let gateway = world.gateway(ACTIVE);
    let code = world.issue(5).await.code;
    let request = import(code.as_str(), "7.0", "0366");
    assert!(
        gateway
            .process(&request)
            .await
            .contains(r#""result":2,"error":null"#)
    );
    let answer = gateway.process(&request).await;
    let code = (code.as_str(), "AAAA-BBBB-CCCC-DDDD-EEEE");
    assert_eq!(masked(&answer, code, "FGT81F*******"), ACTIVATED.trim_end());
}

#[tokio::test]
async fn symptom_09_license_expired() {
    let world = cluster().await;
    let late = NewLicence {
        account: account("Example Ltd"),
        product: None,
        size: LicenceSize::new(5).unwrap(),
        redeem_until: START.before(Span::from_secs(1)),
    };
    let code = world.desk.issue_licence(actor(), late).await.unwrap().code;
    let answer = world
        .gateway(ACTIVE)
        .process(&import(code.as_str(), "6.0", "6325"))
        .await;
    let code = (code.as_str(), "DXXXX-XXXX-XXXX-XXXX-XXXX");
    assert_eq!(masked(&answer, code, MASKED_SERIAL), EXPIRED.trim_end());
}

#[tokio::test]
async fn symptom_11_trial_tokens_block_the_import() {
    let world = cluster().await;
    let gateway = world.gateway(ACTIVE);
    let (_, trial) = gateway.import("0000-0000-0000-0000-0000").await;
    world
        .desk
        .set_lock(actor(), trial[1], Lock::Locked, "move broken off")
        .await
        .unwrap();
    let code = world.issue(5).await.code;
    let request = import(code.as_str(), "7.8", "1740");
    let answer = gateway.process(&request).await;
    let masked_code = (code.as_str(), MASKED_CODE);
    assert_eq!(
        masked(&answer, masked_code, "FGxxxxxxxxxxxxxx"),
        UNKNOWN.trim_end()
    );

    assert_eq!(gateway.import("0000-0000-0000-0000-0000").await.1, trial);
    assert!(
        gateway
            .process(&request)
            .await
            .contains(r#""result":2,"error":null"#)
    );
}

#[tokio::test]
async fn symptom_01_and_02_the_token_belongs_to_another_product() {
    let world = World::new(&["FG140E4Q17000494", "FG140E4Q17000999"]).await;
    let (_, tokens) = world
        .gateway("FG140E4Q17000999")
        .import("0000-0000-0000-0000-0000")
        .await;
    let recorded = "FTKMOB947FDC1754";
    let request = with(PROVISION, &[(recorded, tokens[0].as_str())]);
    let answer = world.gateway("FG140E4Q17000494").process(&request).await;
    assert_eq!(
        with(&answer, &[(tokens[0].as_str(), recorded)]),
        WRONG_PRODUCT.trim_end()
    );
}

#[tokio::test]
async fn a_poll_tells_of_the_device_that_has_the_token() {
    let world = World::new(&["FGT3HD3915801656", "FGT3HD3915801685"]).await;
    let gateway = world.gateway("FGT3HD3915801656");
    let (licence, tokens) = gateway.import("0000-0000-0000-0000-0000").await;
    let (code, _) = gateway.provision(tokens[0]).await;
    let phone = world.phone();
    phone.activate(code.opaque(), None).await.unwrap();

    let recorded = "FTKMOB83F91CD33B";
    let request = with(POLL, &[(recorded, tokens[0].as_str())]);
    let answer = gateway.process(&request).await;
    let registration_id = phone.keys.registration_id();
    let table = [
        (tokens[0].as_str(), recorded),
        (licence.as_str(), "FTMTRIAL02062407"),
        (
            registration_id.as_str(),
            "fa0678e8f9e35f6a251cea691e4d56ed6fe9169ad03d2d26fe6dede6c8985a90",
        ),
    ];
    assert_eq!(with(&answer, &table), PROVISIONED.trim_end());
}
