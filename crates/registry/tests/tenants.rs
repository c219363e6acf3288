//! Three accounts, every request: nobody gets an answer about what is another's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and certificates are checked against the real clock"
)]

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use common::{Gateway, SEED, World, account, actor, product};
use data_encoding::BASE64URL_NOPAD;
use domain::licensing::{Generation, LicenceSize, Remark};
use domain::time::{Span, Timestamp};
use ident::{ActivationCode, TokenSerial};
use otp::Parameters;
use otp::seed_file::csv;
use rcgen::{KeyPair, SigningKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use store::registry::{NewLicence, OnBadLine};

const TENANTS: [(&str, &str); 3] = [
    ("Albion", "FGT0000000000001"),
    ("Borea", "FGT0000000000002"),
    ("Corvus", "FGT0000000000003"),
];
const TRIAL: &str = "0000-0000-0000-0000-0000";

/// A customer's gateway, and what the registry has of it.
struct Tenant {
    gateway: Gateway,
    /// Its manager, with a licence in its reserve: serial, code, tokens.
    manager: Gateway,
    kept: (String, String, Vec<TokenSerial>),
    /// Never provisioned, waiting for a phone, on a phone, locked, of the trial.
    tokens: Vec<TokenSerial>,
    /// Codes for phones: of the token that waits, and of the one that is on a phone.
    for_phones: [ActivationCode; 2],
    /// Codes of an activated and of a waiting licence.
    codes: [String; 2],
    trial: String,
    /// Whatever must stand in no answer to another: licences, codes, the phone.
    secrets: Vec<String>,
}

async fn issue(world: &World, owner: &str) -> (String, String) {
    let licence = NewLicence {
        account: account(owner),
        product: None,
        size: LicenceSize::new(4).unwrap(),
        redeem_until: world.now().after(Span::from_days(1)),
    };
    let issued = world.desk.issue_licence(actor(), licence).await.unwrap();
    (issued.serial.to_string(), issued.code.as_str().to_owned())
}

async fn settle(world: &World, (owner, serial): (&str, &str)) -> Tenant {
    world
        .desk
        .register_account(actor(), account(owner))
        .await
        .unwrap();
    world.register(serial, owner).await;
    let gateway = world.gateway(serial);
    let (licence, used) = issue(world, owner).await;
    let (waiting_licence, waiting) = issue(world, owner).await;
    let (manager, kept) = reserve(world, owner, &serial.replace("FGT", "FMG")).await;
    let (_, mut tokens) = gateway.import(&used).await;
    let (trial, trial_tokens) = gateway.import(TRIAL).await;
    tokens.push(trial_tokens[0]);
    let (open, _) = gateway.provision(tokens[1]).await;
    let (taken, _) = gateway.provision(tokens[2]).await;
    let phone = world.phone();
    phone.activate(taken.opaque(), None).await.unwrap();
    world
        .desk
        .set_lock(actor(), tokens[3], domain::licensing::Lock::Locked, "lost")
        .await
        .unwrap();
    Tenant {
        gateway,
        secrets: vec![
            manager.serial.clone(),
            kept.0.clone(),
            licence,
            waiting_licence,
            trial.clone(),
            open.as_str().to_owned(),
            taken.as_str().to_owned(),
            phone.keys.registration_id().to_string(),
        ],
        trial,
        manager,
        kept,
        tokens,
        codes: [used, waiting],
        for_phones: [open, taken],
    }
}

/// A manager of the account that keeps a licence.
async fn reserve(
    world: &World,
    owner: &str,
    manager: &str,
) -> (Gateway, (String, String, Vec<TokenSerial>)) {
    let (licence, code) = issue(world, owner).await;
    let (desk, serial) = (&world.desk, product(manager));
    let registered = desk.register_manager(actor(), account(owner), serial);
    registered.await.unwrap();
    let reason = Remark::parse("bought ahead").unwrap();
    let aside = desk.set_aside(actor(), licence.parse().unwrap(), serial, reason);
    aside.await.unwrap();
    let file = desk.reserve_file(serial).await.unwrap();
    let tokens = signed(&file, "reserve")["licences"][0]["tokens"].clone();
    let tokens = serde_json::from_value::<Vec<String>>(tokens).unwrap();
    let tokens = tokens.iter().map(|token| token.parse().unwrap()).collect();
    (world.gateway(manager), (licence, code, tokens))
}

/// What is signed in a message between manager and token server.
fn signed(message: &str, field: &str) -> serde_json::Value {
    let message: serde_json::Value = serde_json::from_str(message).unwrap();
    let text = message[field].as_str().unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()).unwrap()
}

/// A settlement that says `licence` was given to `gateway`, signed by `signer`.
fn settlement(world: &World, signer: &str, manager: &str, licence: &str, gateway: &str) -> String {
    let text = serde_json::json!({
        "version": 2,
        "manager": manager,
        "record": "01".repeat(16),
        "reserve": null,
        "licences": [{ "licence": licence, "product": gateway, "at_us": world.now().micros() }],
    });
    let text = text.to_string();
    let issued = world
        .pki
        .issue_gateway(product(signer), Generation::default());
    let issued = issued.unwrap();
    let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
    let key = KeyPair::from_pem(&issued.key_pem).unwrap();
    let signature = key.sign(format!("symbolon-settlement-v1\n{text}").as_bytes());
    serde_json::json!({
        "settlement": BASE64URL_NOPAD.encode(text.as_bytes()),
        "certificate": BASE64URL_NOPAD.encode(&certificate),
        "signature": BASE64URL_NOPAD.encode(&signature.unwrap()),
    })
    .to_string()
}

async fn tenants() -> (World, Vec<Tenant>) {
    let world = World::new(&[]).await;
    // A settlement's certificate is checked against the real clock.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap());
    world.pass(now.since(world.now()));
    let mut settled = Vec::new();
    for tenant in TENANTS {
        settled.push(settle(&world, tenant).await);
    }
    (world, settled)
}

/// Every ordered pair of two of them: who asks, and whose it is.
fn pairs(tenants: &[Tenant]) -> impl Iterator<Item = (&Tenant, &Tenant)> {
    tenants.iter().flat_map(move |asker| {
        let others = tenants
            .iter()
            .filter(|other| other.gateway.serial != asker.gateway.serial);
        others.map(move |other| (asker, other))
    })
}

/// The request with the other's gateway in its cluster.
fn as_partner(body: &str, asker: &Tenant, owner: &Tenant) -> String {
    let (own, other) = (&asker.gateway.serial, &owner.gateway.serial);
    let alone = format!(r#"[{{"sn":"{own}"}}]"#);
    assert!(body.contains(&alone), "{body}");
    body.replace(&alone, &format!(r#"[{{"sn":"{own}"}},{{"sn":"{other}"}}]"#))
}

/// What the asker is told, alone and as a pretended partner; the owner's secrets are not in it.
async fn told(asker: &Tenant, owner: &Tenant, body: &str) -> [String; 2] {
    let answers = [
        asker.gateway.process(body).await,
        asker.gateway.process(&as_partner(body, asker, owner)).await,
    ];
    for answer in &answers {
        for secret in &owner.secrets {
            assert!(!answer.contains(secret), "{secret} in {answer}");
        }
    }
    let unknown = format!(
        r#"{{"sn":"{}","error":"Product is not registered"}}"#,
        owner.gateway.serial
    );
    let hides_cluster = answers[1].contains(r#""__clustered_sns":[]"#);
    assert!(
        hides_cluster || answers[1].contains(&unknown),
        "{}",
        answers[1]
    );
    answers
}

fn refused_token(token: &str, fields: &str) -> String {
    format!(
        r#""tokens":[{{"token":"{token}",{fields}"error":{{"error_code":31,"error_message":"token does not belong to product"}}}}],"result":0,"error":{{"error_code":17,"error_message":"no valid token found"}}}}}}"#
    )
}

const NO_PROVISION: &str =
    r#""license":null,"token_activation_code":null,"qr_code":null,"code_expire":null,"#;
const NO_STATE: &str =
    r#""license":null,"state":null,"registration_id":null,"mobile_device_version":null,"#;
const NO_CODE: &str = r#""state":null,"registration_id":null,"mobile_device_version":null,"#;

#[tokio::test]
async fn symptom_01_nobody_is_told_of_anothers_token() {
    let (_world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        for token in &owner.tokens {
            let token = token.as_str();
            let codes = owner.for_phones.iter();
            let transfers = codes.map(|code| {
                let body = asker.gateway.transfer_body(token, code.as_str());
                (body, NO_CODE)
            });
            let others = [
                (asker.gateway.provision_body(token), NO_PROVISION),
                (asker.gateway.poll_body(token), NO_STATE),
            ];
            for (body, fields) in others.into_iter().chain(transfers) {
                let refusal = refused_token(token, fields);
                for answer in told(asker, owner, &body).await {
                    assert!(answer.ends_with(&refusal), "{answer}");
                }
            }
        }
    }
    // It is as if the tokens were nobody's.
    let gateway = &tenants[0].gateway;
    let nobodys = "FTKMOB0000000000";
    let answer = gateway.process(&gateway.poll_body(nobodys)).await;
    assert!(
        answer.ends_with(&refused_token(nobodys, NO_STATE)),
        "{answer}"
    );
}

#[tokio::test]
async fn symptom_08_nobody_is_told_of_anothers_hardware_token() {
    let (world, tenants) = tenants().await;
    let serial = |number: usize| format!("FTK2000BHV1KRZ{number:02}");
    for (number, (owner, _)) in TENANTS.iter().enumerate() {
        let table = format!("{},{SEED}\n{},{SEED}", serial(number), serial(number + 10));
        let entries = csv::read(&table, Parameters::default()).unwrap();
        let imported =
            world
                .desk
                .import_hardware(actor(), entries, Some(account(owner)), OnBadLine::Refuse);
        imported.await.unwrap();
        // One of its tokens is activated, the other not.
        let gateway = &tenants[number].gateway;
        gateway
            .process(&gateway.hardware_body(&serial(number)))
            .await;
    }
    let unknown = "FTK2000BHV1KRZ99";
    for (asker, owner) in pairs(&tenants) {
        let number = tenants
            .iter()
            .position(|it| it.gateway.serial == owner.gateway.serial);
        let body = asker.gateway.hardware_body(unknown);
        let nobodys = told(asker, owner, &body).await;
        for token in [serial(number.unwrap()), serial(number.unwrap() + 10)] {
            let answers = told(asker, owner, &body.replace(unknown, &token)).await;
            for (answer, nobodys) in answers.iter().zip(&nobodys) {
                assert_eq!(*answer, nobodys.replace(unknown, &token));
            }
        }
        assert!(
            nobodys[0].contains(r#""error_code":112,"#),
            "{}",
            nobodys[0]
        );
        assert!(nobodys[0].contains(r#""error_code":17,"#), "{}", nobodys[0]);
    }
}

#[tokio::test]
async fn anothers_token_among_ones_own_is_refused_alone() {
    let (_world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        let (own, other) = (asker.tokens[0].as_str(), owner.tokens[2].as_str());
        let one = |token: &str| {
            format!(
                r#"{{"token":"{token}","seed":"{SEED}","code_expire":4320,"type":"totp","period":60,"digits":6}}"#
            )
        };
        let taken = owner.for_phones[1].as_str();
        let with_code =
            |token: &str| format!(r#"{{"token":"{token}","token_activation_code":"{taken}"}}"#);
        for (body, first, second) in [
            (asker.gateway.provision_body(own), one(own), one(other)),
            (
                asker.gateway.poll_body(own),
                format!(r#"{{"token":"{own}"}}"#),
                format!(r#"{{"token":"{other}"}}"#),
            ),
            (
                asker.gateway.transfer_body(own, taken),
                with_code(own),
                with_code(other),
            ),
        ] {
            let both = body.replacen(&first, &format!("{first},{second}"), 1);
            assert_ne!(both, body);
            for answer in told(asker, owner, &both).await {
                let refusal = r#""error":{"error_code":31,"error_message":"token does not belong to product"}}],"result":2,"error":null}}"#;
                assert!(answer.ends_with(refusal), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_told_of_anothers_licence() {
    let (world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        for (code, error) in owner.codes.iter().zip([11, 16]) {
            let refusal =
                format!(r#""license":"","tokens":null,"result":0,"error":{{"error_code":{error},"#);
            for answer in told(asker, owner, &asker.gateway.import_body(code)).await {
                assert!(answer.contains(&refusal), "{answer}");
            }
        }
        for answer in told(asker, owner, &asker.gateway.import_body(TRIAL)).await {
            assert!(answer.contains(&asker.trial), "its own: {answer}");
        }
    }
    // The owner's licence was not spent by the tries of others.
    for tenant in &tenants {
        tenant.gateway.import(&tenant.codes[1]).await;
    }
    drop(world);
}

#[tokio::test]
async fn nobody_speaks_for_another() {
    let (_world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        let token = owner.tokens[2].as_str();
        for body in [
            owner.gateway.import_body(&owner.codes[1]),
            owner.gateway.provision_body(token),
            owner.gateway.poll_body(token),
            owner
                .gateway
                .transfer_body(token, owner.for_phones[1].as_str()),
            owner.gateway.hardware_body("FTK2000BHV1KRZCC"),
            owner.gateway.address_body(),
        ] {
            let (status, answer) = asker.gateway.post(softtoken::PROCESS_PATH, body).await;
            assert_eq!(status, 403, "{answer}");
            assert!(answer.contains(r#""error_code":121"#), "{answer}");
        }
    }
}

#[tokio::test]
async fn nobody_tells_where_anothers_gateway_is() {
    let (_world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        let [alone, as_partner] = told(asker, owner, &asker.gateway.address_body()).await;
        for answer in [&alone, &as_partner] {
            assert!(answer.ends_with(r#""result":2,"error":null}}"#), "{answer}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_the_answer_to_anothers_message() {
    let (_world, tenants) = tenants().await;
    let owner = &tenants[0];
    let body = owner.gateway.provision_body(owner.tokens[0].as_str());
    let (status, first) = owner.gateway.process_once("message-1", &body).await;
    assert_eq!(status, 200);
    for asker in &tenants[1..] {
        let body = asker.gateway.provision_body(owner.tokens[0].as_str());
        let (_, answer) = asker.gateway.process_once("message-1", &body).await;
        assert_ne!(answer, first);
        assert!(answer.contains(r#""error_code":31"#), "{answer}");
    }
}

#[tokio::test]
async fn nobody_is_told_of_anothers_reserve() {
    let (world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        let (_, code, tokens) = &owner.kept;
        for answer in told(asker, owner, &asker.gateway.import_body(code)).await {
            assert!(answer.contains(r#""error_code":16,"#), "{answer}");
        }
        let token = tokens[0].as_str();
        for (body, fields) in [
            (asker.gateway.provision_body(token), NO_PROVISION),
            (asker.gateway.poll_body(token), NO_STATE),
        ] {
            let refusal = refused_token(token, fields);
            for answer in told(asker, owner, &body).await {
                assert!(answer.ends_with(&refusal), "{answer}");
            }
        }
    }
    // Its own gateways are sent to the manager.
    for Tenant { gateway, kept, .. } in &tenants {
        let body = gateway.import_body(&kept.1);
        let (status, answer) = gateway.post(softtoken::PROCESS_PATH, body).await;
        assert_eq!(status, 421, "{answer}");
    }
    drop(world);
}

#[tokio::test]
async fn nobody_settles_for_another() {
    const RESERVE_PATH: &str = "/SoftToken/Reserve";
    let (world, tenants) = tenants().await;
    for (asker, owner) in pairs(&tenants) {
        let [own, other] = [asker, owner].map(|tenant| tenant.manager.serial.as_str());
        let (licence, gateway) = (owner.kept.0.as_str(), asker.gateway.serial.as_str());
        // In the other's name, signed by oneself; and as the other's over one's own connection.
        for (signer, manager) in [(own, other), (other, other)] {
            let body = settlement(&world, signer, manager, licence, gateway);
            let (status, answer) = asker.manager.post(RESERVE_PATH, body).await;
            assert_eq!(status, 400, "{answer}");
        }
        // A gateway settles nothing.
        let body = settlement(&world, gateway, gateway, licence, gateway);
        let (status, answer) = asker.gateway.post(RESERVE_PATH, body).await;
        assert_eq!(status, 403, "{answer}");
        // In one's own name, of the other's licence and to the other's gateway: nothing comes of it.
        for to in [gateway, owner.gateway.serial.as_str()] {
            let body = settlement(&world, own, own, licence, to);
            let (status, answer) = asker.manager.post(RESERVE_PATH, body).await;
            assert_eq!(status, 200, "{answer}");
            let reserve = signed(&answer, "reserve").to_string();
            for secret in &owner.secrets {
                assert!(!reserve.contains(secret), "{secret} in {reserve}");
            }
        }
    }
    for owner in &tenants {
        let sheet = world.desk.reserve(product(&owner.manager.serial)).await;
        let lines = sheet.unwrap().record.lines;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].given, None);
    }
}
