//! Seeds of hardware tokens over HTTPS: once, sealed, and the same again when the answer was lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Gateway, World, account, actor, product};
use domain::time::Span;
use otp::Parameters;
use otp::seed_file::csv;
use registry::HardwareLine;
use softtoken::device::{SealContext, SealingPrivateKey, open_seed};
use softtoken::process::{HardwareActivationResponse, Response};
use store::registry::{AccountPage, HardwareCount, OnBadLine};

const SERIAL: &str = "FGT0000000000001";
const FOREIGN: &str = "FGT0000000000003";
const TOKEN: &str = "FTK2000BHV1KRZCC";
const OTHER: &str = "FTK2000BHV1KRZCD";
const UNKNOWN: &str = "FTK2000BHV1KRZCE";
const SEED: &str = "3132333435363738393031323334353637383930";

/// Two tokens in stock, and a gateway of another account.
async fn world() -> World {
    let world = World::new(&[SERIAL]).await;
    let other = world.desk.register_account(actor(), account("Other Ltd"));
    other.await.unwrap();
    world.register(FOREIGN, "Other Ltd").await;
    let table = format!("{TOKEN},{SEED}\n{OTHER},{SEED},totp,8,30\n");
    let entries = csv::read(&table, Parameters::default()).unwrap();
    world
        .desk
        .import_hardware(actor(), entries, None, OnBadLine::Refuse)
        .await
        .unwrap();
    world
}

fn key(random: u8) -> SealingPrivateKey {
    SealingPrivateKey::from_random(&[random; 32])
}

fn parsed(answer: &str) -> HardwareActivationResponse {
    match Response::parse(answer.as_bytes()).unwrap() {
        Response::HardwareActivation(response) => response,
        other => panic!("{other:?}"),
    }
}

/// The numbers of an answer: of each token, and of the request.
fn numbers(answer: &str) -> (Vec<Option<i32>>, Option<i32>) {
    let response = parsed(answer);
    let tokens = response.tokens.iter();
    let tokens = tokens.map(|token| token.outcome.as_ref().err().map(|error| error.code));
    (tokens.collect(), response.error.map(|error| error.code))
}

async fn ask(gateway: &Gateway, key: &SealingPrivateKey, tokens: &[&str]) -> String {
    gateway.process(&gateway.seeds_body(key, tokens)).await
}

#[tokio::test]
async fn a_seed_is_sealed_to_the_gateway_that_asks() {
    let world = world().await;
    let answer = ask(&world.gateway(SERIAL), &key(1), &[OTHER]).await;
    let mut response = parsed(&answer);
    let sealed = response.tokens.remove(0).outcome.unwrap();
    assert_eq!(sealed.parameters.digits.count(), 8);
    let context = |gateway| {
        let token = OTHER.parse().unwrap();
        SealContext::gateway(&product(gateway), &token, sealed.parameters)
    };
    let seed = open_seed(&sealed.sealed_seed, &key(1), &context(SERIAL)).unwrap();
    assert_eq!(seed.to_hex().as_str(), SEED);
    assert!(open_seed(&sealed.sealed_seed, &key(2), &context(SERIAL)).is_err());
    assert!(open_seed(&sealed.sealed_seed, &key(1), &context(FOREIGN)).is_err());
}

#[tokio::test]
async fn each_token_of_a_request_has_its_own_answer() {
    let world = world().await;
    let gateway = world.gateway(SERIAL);
    let first = ask(&gateway, &key(1), &[TOKEN, UNKNOWN, "no serial"]).await;
    assert_eq!(numbers(&first), (vec![None, Some(112), Some(112)], None));
    let second = ask(&gateway, &key(1), &[TOKEN, OTHER]).await;
    assert_eq!(numbers(&second), (vec![Some(111), None], None));
    assert!(second.contains("token already activated, and seed won't be returned"));
    let none = ask(&gateway, &key(1), &[TOKEN, UNKNOWN]).await;
    assert_eq!(numbers(&none), (vec![Some(111), Some(112)], Some(17)));
    // Of what is another account's, nobody learns that it is there.
    let foreign = ask(&world.gateway(FOREIGN), &key(1), &[TOKEN, UNKNOWN]).await;
    assert_eq!(numbers(&foreign), (vec![Some(112), Some(112)], Some(17)));
    let mobile = ask(&gateway, &key(1), &["FTKMOB83F91CD33B"]).await;
    assert_eq!(numbers(&mobile), (vec![Some(112)], Some(17)));
    let unregistered = world.gateway("FGT0000000000009");
    let answer = ask(&unregistered, &key(1), &[TOKEN]).await;
    assert_eq!(numbers(&answer), (vec![Some(21)], Some(21)));
}

#[tokio::test]
async fn a_lost_answer_is_had_again_and_a_new_question_is_not_answered() {
    let world = world().await;
    let gateway = world.gateway(SERIAL);
    let question = gateway.seeds_body(&key(1), &[TOKEN]);
    let (status, first) = gateway.process_once("outbox-1", &question).await;
    assert_eq!((status, numbers(&first)), (200, (vec![None], None)));
    let world = world.restart().await;
    let gateway = world.gateway(SERIAL);
    let again = gateway.process_once("outbox-1", &question).await;
    assert_eq!(again, (200, first.clone()));
    let (_, new) = gateway.process_once("outbox-2", &question).await;
    assert_eq!(numbers(&new), (vec![Some(111)], Some(17)));
    // Under the same id nobody gets the seed sealed to another key.
    let other_key = gateway.seeds_body(&key(2), &[TOKEN]);
    let (status, answer) = gateway.process_once("outbox-1", &other_key).await;
    assert_eq!(status, 409, "{answer}");

    let reset = world
        .desk
        .reset_activation(actor(), TOKEN.parse().unwrap(), "lost");
    reset.await.unwrap();
    let (_, once_more) = gateway.process_once("outbox-3", &question).await;
    assert_eq!(numbers(&once_more), (vec![None], None));
    let (_, and_no_more) = gateway.process_once("outbox-4", &question).await;
    assert_eq!(numbers(&and_no_more), (vec![Some(111)], Some(17)));
}

#[tokio::test]
async fn more_than_twenty_tokens_are_no_request() {
    let world = world().await;
    let gateway = world.gateway(SERIAL);
    let body = gateway.seeds_body(&key(1), &[TOKEN; 21]);
    let (status, answer) = gateway.post(softtoken::PROCESS_PATH, body).await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn a_customer_sees_how_many_of_which_import_are_activated() {
    let world = world().await;
    let desk = &world.desk;
    let first = world.now();
    ask(&world.gateway(SERIAL), &key(1), &[TOKEN]).await;
    world.pass(Span::from_days(30));
    let many: Vec<String> = (0..1_001).map(|n| format!("7{n:07},{SEED}\n")).collect();
    let many = many.concat();
    let entries = csv::read(&many, Parameters::default()).unwrap();
    let owner = Some(account("Example Ltd"));
    let taken = desk.import_hardware(actor(), entries, owner, OnBadLine::Refuse);
    taken.await.unwrap();

    let second = world.now();
    let own = || account("Example Ltd");
    let record = desk
        .account(own(), AccountPage::default())
        .await
        .unwrap()
        .record;
    let count = |new, activated| HardwareCount { new, activated };
    let imports: Vec<_> = record.hardware.iter().map(|it| (it.at, it.count)).collect();
    // The token that is nobody's is no customer's.
    assert_eq!(imports, [(first, count(0, 1)), (second, count(1_001, 0))]);
    assert_eq!(record.hardware_total, count(1_001, 1));
    let told = desk
        .account(own(), AccountPage::default())
        .await
        .unwrap()
        .to_string();
    assert!(
        told.contains(&format!("{second}     1001          0\n")),
        "{told}"
    );
    let none = desk
        .account(account("Other Ltd"), AccountPage::default())
        .await
        .unwrap()
        .to_string();
    assert!(!none.contains("HARDWARE"), "{none}");

    let page = desk.list_hardware(own(), None).await.unwrap();
    assert_eq!(page.len(), 1_000);
    let last = page.last().unwrap().0.serial;
    let rest = desk.list_hardware(own(), Some(last)).await.unwrap();
    let rest: Vec<_> = rest
        .iter()
        .map(|sheet| sheet.0.serial.to_string())
        .collect();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[1], TOKEN);
    let line = desk
        .list_hardware(own(), Some(rest[0].parse().unwrap()))
        .await
        .unwrap();
    let line = HardwareLine(&line[0]).to_string();
    assert_eq!(
        line,
        format!("{TOKEN}  activated  {first}  {first}  {SERIAL}\n")
    );
    desk.list_hardware(account("nobody"), None)
        .await
        .unwrap_err();
}
