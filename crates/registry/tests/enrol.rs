//! Gateways get certificates with a code, renew them, and lose them.
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

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use common::{Gateway, World, account, actor, product};
use domain::licensing::Remark;
use domain::time::{Span, Timestamp};
use identity::{Application, Identity, Keeper, Right, Way};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use reqwest::StatusCode;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use softtoken::{ENROLMENT_PATH, Enrolment, EnrolmentRequest};
use store::registry::Note;

const SERIAL: &str = "FGT0000000000001";
const OTHER: &str = "FGT0000000000002";
const LIFE: Span = Span::from_hours(72);

/// At the time that TLS knows.
async fn world() -> World {
    let world = World::new(&[SERIAL, OTHER]).await;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap());
    world.pass(now.since(world.now()));
    world
}

fn csr(key: &KeyPair) -> String {
    let params = CertificateParams::default();
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn asking(code: Option<&str>, key: &KeyPair) -> String {
    let request = EnrolmentRequest {
        enrolment_code: code.map(str::to_owned),
        renewal: None,
        certificate_request: csr(key),
    };
    serde_json::to_string(&request).unwrap()
}

/// The certificate of a gateway that must get one.
async fn certified(line: &Gateway, code: Option<&str>, key: &KeyPair) -> Enrolment {
    let (status, answer) = line.post(ENROLMENT_PATH, asking(code, key)).await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

async fn refused(line: &Gateway, code: Option<&str>, key: &KeyPair) -> String {
    let (status, answer) = line.post(ENROLMENT_PATH, asking(code, key)).await;
    assert_eq!(status, 403, "{answer}");
    answer
}

impl World {
    async fn code(&self, serial: &str) -> String {
        let invited = self.desk.invite(actor(), product(serial), LIFE).await;
        invited.unwrap().0.as_str().to_owned()
    }

    /// A gateway with the certificate that it got.
    fn enrolled(&self, enrolment: &Enrolment, key: &KeyPair) -> Gateway {
        let pem = enrolment.certificate.clone() + &key.serialize_pem();
        let identity = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
        let client = self.plain_client().identity(identity).build().unwrap();
        Gateway {
            serial: enrolment.serial_number.clone(),
            client,
            ..self.anybody()
        }
    }
}

#[tokio::test]
async fn a_code_brings_one_key_a_certificate() {
    let world = world().await;
    let (key, thief) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let code = world.code(SERIAL).await;
    let line = world.anybody();
    let enrolment = certified(&line, Some(&code.to_lowercase()), &key).await;
    assert_eq!(enrolment.serial_number, SERIAL);
    // The answer was lost.
    certified(&line, Some(&code), &key).await;
    let used = refused(&line, Some(&code), &thief).await;
    assert!(used.contains("used for another key"), "{used}");

    let gateway = world.enrolled(&enrolment, &key);
    gateway.import("0000-0000-0000-0000-0000").await;
    let events = world.desk.history(SERIAL).await.unwrap();
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    assert_eq!(
        actions,
        ["register-product", "enrol", "certificate", "certificate"]
    );
}

#[tokio::test]
async fn a_code_ends_and_is_replaced() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let line = world.anybody();
    let first = world.code(SERIAL).await;
    let second = world.code(SERIAL).await;
    let replaced = refused(&line, Some(&first), &key).await;
    assert!(replaced.contains("no gateway waits"), "{replaced}");
    world.pass(LIFE);
    let late = refused(&line, Some(&second), &key).await;
    assert!(late.contains("time is over"), "{late}");
    let unknown = world
        .desk
        .invite(actor(), product("FGT0000000000009"), LIFE)
        .await;
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("register it first")
    );
}

#[tokio::test]
async fn a_certificate_is_renewed_with_the_one_before() {
    let world = world().await;
    let (old, new) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let code = world.code(SERIAL).await;
    let first = certified(&world.anybody(), Some(&code), &old).await;
    world.pass(Span::from_days(1));
    let second = certified(&world.enrolled(&first, &old), None, &new).await;
    assert_eq!(second.serial_number, SERIAL);
    assert_eq!(second.expires - first.expires, 24 * 60 * 60);
    world
        .enrolled(&second, &new)
        .import("0000-0000-0000-0000-0000")
        .await;
    let stranger = refused(&world.anybody(), None, &new).await;
    assert!(stranger.contains("no gateway waits"), "{stranger}");
}

#[tokio::test]
async fn a_revoked_certificate_speaks_for_nobody() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let code = world.code(SERIAL).await;
    let line = world.anybody();
    let gateway = world.enrolled(&certified(&line, Some(&code), &key).await, &key);
    let waiting = world.code(SERIAL).await;
    let why = Remark::parse("stolen").unwrap();
    world
        .desk
        .revoke_certificates(actor(), product(SERIAL), why)
        .await
        .unwrap();
    let body = gateway.import_body("0000-0000-0000-0000-0000");
    let (status, answer) = gateway.post(softtoken::PROCESS_PATH, body).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("enrol it anew"), "{answer}");
    refused(&gateway, None, &key).await;
    refused(&line, Some(&waiting), &key).await;
    // Other gateways go on, and this one comes back.
    world
        .gateway(OTHER)
        .import("0000-0000-0000-0000-0000")
        .await;
    let code = world.code(SERIAL).await;
    let again = world.enrolled(&certified(&line, Some(&code), &key).await, &key);
    again.import("0000-0000-0000-0000-0000").await;
}

#[tokio::test]
async fn no_clock_decides_which_certificates_count() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let line = world.anybody();
    let trial = "0000-0000-0000-0000-0000";
    let enrolled = async || {
        let code = world.code(SERIAL).await;
        world.enrolled(&certified(&line, Some(&code), &key).await, &key)
    };
    let revoke = async || {
        let why = Remark::parse("stolen").unwrap();
        let revoked = world
            .desk
            .revoke_certificates(actor(), product(SERIAL), why);
        revoked.await.unwrap();
    };
    let status = async |gateway: &Gateway| {
        let body = gateway.import_body(trial);
        gateway.post(softtoken::PROCESS_PATH, body).await.0
    };
    // Issued while the clock was fast, revoked when it was right.
    world.pass(Span::from_hours(12));
    let fast = enrolled().await;
    world.pass(Span::from_hours(-12));
    revoke().await;
    assert_eq!(status(&fast).await, 403);
    // Revoked while the clock was fast, issued when it was right.
    world.pass(Span::from_hours(12));
    revoke().await;
    world.pass(Span::from_hours(-12));
    let right = enrolled().await;
    right.import(trial).await;
    revoke().await;
    assert_eq!(status(&right).await, 403);
    assert_eq!(status(&fast).await, 403);
}

#[tokio::test]
async fn a_unit_that_changes_hands_enrols_anew() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let code = world.code(SERIAL).await;
    let gateway = world.enrolled(&certified(&world.anybody(), Some(&code), &key).await, &key);
    let kept = world.code(SERIAL).await;
    let why = Remark::parse("sold").unwrap();
    world
        .desk
        .unregister_product(actor(), product(SERIAL), why)
        .await
        .unwrap();
    world
        .desk
        .register_account(actor(), account("Others"))
        .await
        .unwrap();
    world.register(SERIAL, "Others").await;
    let body = gateway.import_body("0000-0000-0000-0000-0000");
    let (status, answer) = gateway.post(softtoken::PROCESS_PATH, body).await;
    assert_eq!(status, 403, "{answer}");
    refused(&world.anybody(), Some(&kept), &key).await;
}

#[tokio::test]
async fn a_unit_whose_place_was_taken_enrols_anew() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let code = world.code(SERIAL).await;
    let stolen = world.enrolled(&certified(&world.anybody(), Some(&code), &key).await, &key);
    world
        .desk
        .replace_unit(actor(), product(SERIAL), product(OTHER), note())
        .await
        .unwrap();
    world.register(SERIAL, "Example Ltd").await;
    let body = stolen.import_body("0000-0000-0000-0000-0000");
    let (status, answer) = stolen.post(softtoken::PROCESS_PATH, body).await;
    assert_eq!(status, 403, "{answer}");
}

fn note() -> Note {
    Note {
        reason: Remark::parse("broken").unwrap(),
        ticket: None,
    }
}

#[tokio::test]
async fn a_unit_that_takes_anothers_place_keeps_its_code() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let code = world.code(SERIAL).await;
    world
        .desk
        .replace_unit(actor(), product(OTHER), product(SERIAL), note())
        .await
        .unwrap();
    certified(&world.anybody(), Some(&code), &key).await;
}

#[tokio::test]
async fn what_is_no_request_of_a_p256_key_is_refused() {
    let world = world().await;
    let line = world.anybody();
    let code = world.code(SERIAL).await;
    let ask = async |body: String| line.post(ENROLMENT_PATH, body).await;
    for algorithm in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let (status, answer) = ask(asking(Some(&code), &key)).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer.contains("prime256v1"), "{answer}");
    }
    // Another's key in a request that it did not sign.
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (mut request, key) = (der(&csr(&other)), der(&csr(&key)));
    let at = request.len() - 100;
    request[..at].copy_from_slice(&key[..at]);
    let body = format!(
        r#"{{"enrolment_code":"{code}","certificate_request":{}}}"#,
        serde_json::to_string(&pem(&request)).unwrap()
    );
    let (status, answer) = ask(body).await;
    assert_eq!(status, 400, "{answer}");
    for body in [
        "",
        "{}",
        r#"{"certificate_request":"x"}"#,
        r#"{"certificate_request":"","x":1}"#,
    ] {
        let (status, answer) = ask(body.to_owned()).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
    // Nothing of that used the code up.
    certified(&line, Some(&code), &KeyPair::generate().unwrap()).await;
}

fn der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::CertificateSigningRequestDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap();
    der.to_vec()
}

fn pem(der: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(der);
    let lines: Vec<_> = body
        .as_bytes()
        .chunks(64)
        .map(|it| str::from_utf8(it).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        lines.join("\n")
    )
}

#[tokio::test]
async fn many_wrong_codes_have_to_wait() {
    let world = world().await;
    let key = KeyPair::generate().unwrap();
    let line = world.anybody();
    let code = world.code(SERIAL).await;
    for _ in 0..10 {
        refused(&line, Some("AAAA-AAAA-AAAA-AAAA"), &key).await;
    }
    let (status, answer) = line.post(ENROLMENT_PATH, asking(Some(&code), &key)).await;
    assert_eq!(status, 429, "{answer}");
}

fn roots(world: &World) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(world.pki.authority_pem().as_bytes());
    roots.add(authority.unwrap()).unwrap();
    roots
}

/// A server that renews.
struct Renewing {
    url: String,
    roots: RootCertStore,
}

impl Way for Renewing {
    fn url(&self) -> &str {
        &self.url
    }

    fn connect(&self, identity: &Identity) -> Result<reqwest::Client, String> {
        let tls = identity.tls(self.roots.clone()).unwrap();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
        Ok(client.no_proxy().build().unwrap())
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_the_token_servers_or_the_old_one_stays() {
    let age = Span::from_days(300);
    let world = World::new(&[SERIAL]).await;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap());
    let past = now.since(world.now()).micros() - age.micros();
    world.pass(Span::from_micros(past));
    let code = world.code(SERIAL).await;
    let application = Application::new(Right::Code(&code)).unwrap();
    let body = application.body().unwrap();
    let (status, answer) = world.anybody().post(ENROLMENT_PATH, body).await;
    let status = StatusCode::from_u16(status).unwrap();
    let aged = application.granted(status, answer.as_bytes()).unwrap();
    world.pass(age);
    let file = world.dir.path().join("gateway.pem");
    aged.save(&file).unwrap();
    let before = fs::read(&file).unwrap();
    let ways = [Renewing {
        url: format!("https://{}", world.address),
        roots: roots(&world),
    }];

    // Whoever is asked accepts what it certified; the token server is another.
    let other = World::new(&[]).await;
    let keeper = Keeper::load(&file, roots(&other)).unwrap();
    let told = keeper.tend(&ways, now).await.unwrap();
    assert!(told.contains("the token server's authority"), "{told}");
    assert!(keeper.identity().is(&aged));
    assert_eq!(fs::read(&file).unwrap(), before);

    let keeper = Keeper::load(&file, roots(&world)).unwrap();
    let told = keeper.tend(&ways, now).await.unwrap();
    assert!(told.starts_with("renewed until"), "{told}");
    assert_ne!(fs::read(&file).unwrap(), before);
}
