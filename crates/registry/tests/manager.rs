//! What a manager may say for others at the registry: what gateways of its account ask, and no more.
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

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::{Gateway, HOST, World, account, actor, product};
use data_encoding::BASE64URL_NOPAD;
use domain::licensing::{Change, Generation, Remark};
use domain::time::{Span, Timestamp};
use identity::{Identity, Keeper};
use rcgen::{CertificateParams, KeyPair, SigningKey};
use registry::{Clock, GATEWAY_CERTIFICATE_HEADER, MESSAGE_ID_HEADER, Manager, ManagerConfig};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use softtoken::address::ServerName;
use softtoken::{
    ENROLMENT_PATH, EnrolmentRequest, PROCESS_PATH, Renewal, RequestSignature, SIGNATURE_HEADER,
    renewal_transcript, request_transcript,
};
use store::registry::{IssuedLicence, Note};

const OWN: &str = "FGT0000000000001";
const FOREIGN: &str = "FGT0000000000002";
const PARTNER: &str = "FGT0000000000003";
const MANAGER: &str = "FMG0000000000001";
const HOUR_S: u64 = 60 * 60;
const UNSIGNED: &str = "has no signature of this body";
const TRIAL: &str = "0000-0000-0000-0000-0000";

/// A manager of the account `Example Ltd`, to which one of two gateways belongs.
struct Managed {
    world: World,
    manager: Gateway,
}

impl Managed {
    async fn new() -> Self {
        let world = World::new(&[OWN]).await;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap());
        world.pass(now.since(world.now()));
        let other = world
            .desk
            .register_account(actor(), account("Other Ltd"))
            .await;
        other.unwrap();
        world.register(FOREIGN, "Other Ltd").await;
        let registered =
            world
                .desk
                .register_manager(actor(), account("Example Ltd"), product(MANAGER));
        registered.await.unwrap();
        let manager = world.gateway(MANAGER);
        Self { world, manager }
    }

    /// What a gateway has: its certificate the manager shows, with its key it signs.
    fn shown(&self, serial: &str) -> Identity {
        shown_by(&self.world, serial)
    }

    /// Status and answer to a body that the manager passes on, as the gateway signed it.
    async fn pass_on(&self, shown: &Identity, id: Option<&str>, body: String) -> (u16, String) {
        let at_s = self.world.now().unix();
        let (certificate, signature) = signed(shown, id, at_s, body.as_bytes());
        let signature = Some(signature.to_string());
        self.pass(&certificate, signature, id, body).await
    }

    /// The same with whatever the manager shows.
    async fn pass(
        &self,
        certificate: &str,
        signature: Option<String>,
        id: Option<&str>,
        body: String,
    ) -> (u16, String) {
        let Gateway { client, .. } = &self.manager;
        let mut post = client
            .post(self.manager.url(PROCESS_PATH))
            .header(GATEWAY_CERTIFICATE_HEADER, certificate)
            .body(body);
        if let Some(signature) = signature {
            post = post.header(SIGNATURE_HEADER, signature);
        }
        if let Some(id) = id {
            post = post.header(MESSAGE_ID_HEADER, id);
        }
        let answer = post.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn import(&self, serial: &str, code: &str) -> String {
        self.world.gateway(serial).import_body(code)
    }
}

/// The manager itself, before the token server.
struct Relaying {
    /// Somebody without a certificate at its port.
    stranger: Gateway,
    /// A gateway of its account there.
    gateway: Asking,
    /// One of another account.
    foreign: Asking,
    running: tokio::task::JoinHandle<()>,
    _files: tempfile::TempDir,
}

/// A gateway at the manager's port, which signs what it asks.
struct Asking {
    line: Gateway,
    identity: Identity,
    at_s: u64,
}

impl Asking {
    async fn import(&self, id: &str, code: &str) -> (u16, String) {
        let body = self.line.import_body(code);
        let (_, signature) = signed(&self.identity, Some(id), self.at_s, body.as_bytes());
        let post = self.line.client.post(self.line.url(PROCESS_PATH));
        let post = post
            .header(MESSAGE_ID_HEADER, id)
            .header(SIGNATURE_HEADER, signature.to_string());
        let answer = post.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Relaying {
    async fn of(managed: &Managed) -> Self {
        let pki = &managed.world.pki;
        let issued = pki
            .issue_gateway(product(MANAGER), Generation::default())
            .unwrap();
        let pem = format!("{}{}", *issued.key_pem, issued.certificate_pem);
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(pki.authority_pem().as_bytes());
        roots.add(authority.unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let now = managed.world.now();
        let manager = Manager::open(ManagerConfig {
            data: files.path().to_owned(),
            root_key: files.path().join("root.key"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            names: vec![ServerName::parse(HOST).unwrap()],
            phones: None,
            token_server: format!("https://{}", managed.world.address),
            roots,
            identity: Arc::new(Keeper::fixed(Identity::of_pem(&pem).unwrap())),
            clock: Clock::new(move || now),
        });
        let manager = manager.await.unwrap();
        let address = manager.address();
        let authority = std::fs::read(files.path().join("pki/ca.pem")).unwrap();
        let client = || {
            reqwest::Client::builder()
                .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
                .resolve(HOST, address)
                .no_proxy()
        };
        let at_port = |serial: &str, client: reqwest::ClientBuilder| Gateway {
            serial: serial.to_owned(),
            client: client.build().unwrap(),
            port: address.port(),
        };
        let asking = |serial: &str| {
            let issued = pki.issue_gateway(product(serial), Generation::default());
            let issued = issued.unwrap();
            let pem = format!("{}{}", *issued.key_pem, issued.certificate_pem);
            let shown = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
            Asking {
                line: at_port(serial, client().identity(shown)),
                identity: Identity::of_pem(&pem).unwrap(),
                at_s: now.unix(),
            }
        };
        Self {
            stranger: at_port("", client()),
            gateway: asking(OWN),
            foreign: asking(FOREIGN),
            running: tokio::spawn(manager.run(std::future::pending())),
            _files: files,
        }
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// What whoever has a new key asks.
fn request(code: Option<&str>) -> String {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key);
    let request = EnrolmentRequest {
        enrolment_code: code.map(str::to_owned),
        renewal: None,
        certificate_request: request.unwrap().pem().unwrap(),
    };
    serde_json::to_string(&request).unwrap()
}

fn shown_by(world: &World, serial: &str) -> Identity {
    let issued = world
        .pki
        .issue_gateway(product(serial), Generation::default())
        .unwrap();
    let pem = format!("{}{}", *issued.key_pem, issued.certificate_pem);
    Identity::of_pem(&pem).unwrap()
}

/// A certificate as the manager shows it, and the signature of its key.
fn signed(
    identity: &Identity,
    id: Option<&str>,
    at_s: u64,
    body: &[u8],
) -> (String, RequestSignature) {
    let signed = identity.sign(&request_transcript(id, at_s, body)).unwrap();
    let signature = RequestSignature {
        at_s,
        signature: signed.signature,
    };
    (signed.certificate, signature)
}

#[tokio::test]
async fn a_gateway_of_the_account_is_answered_as_if_it_asked_itself() {
    let managed = Managed::new().await;
    let issued = managed.world.issue(3).await;
    let body = managed.import(OWN, issued.code.as_str());
    let shown = managed.shown(OWN);
    let (status, answer) = managed.pass_on(&shown, Some("m1"), body.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(issued.serial.as_str()), "{answer}");
    // The answer was lost, and the gateway asks again: through the manager, or itself.
    let again = managed.pass_on(&shown, Some("m1"), body.clone()).await;
    assert_eq!(again, (200, answer.clone()));
    let gateway = managed.world.gateway(OWN);
    assert_eq!(gateway.process_once("m1", &body).await, (200, answer));
    // Everything that goes wrong is said in the same words.
    let (_, spent) = managed.pass_on(&shown, None, body.clone()).await;
    assert_eq!(spent, gateway.process(&body).await);
    assert!(spent.contains(r#""error_code":11"#), "{spent}");
    let events = managed.world.desk.history(issued.serial.as_str()).await;
    let imported = events.unwrap().pop().unwrap();
    assert_eq!(
        (&*imported.actor.name, &*imported.actor.interface),
        (OWN, MANAGER)
    );
}

#[tokio::test]
async fn another_accounts_gateway_is_one_that_nobody_registered() {
    let managed = Managed::new().await;
    let gateway = managed.world.gateway(FOREIGN);
    let body = gateway.import_body(TRIAL);
    let (_, answer) = gateway.process_once("m1", &body).await;
    assert!(answer.contains("FTMTRIAL"), "{answer}");
    // Even with the certificate, the message and its name in hand.
    let shown = managed.shown(FOREIGN);
    let (status, told) = managed.pass_on(&shown, Some("m1"), body.clone()).await;
    assert_eq!(status, 200, "{told}");
    assert!(told.contains(r#""error_code":21"#), "{told}");
    assert!(!told.contains("FTMTRIAL"), "{told}");
    // Nor does a manager say where it is.
    let (status, told) = managed.pass_on(&shown, None, gateway.address_body()).await;
    assert_eq!(status, 200, "{told}");
    assert!(told.contains(r#""error_code":21"#), "{told}");
    // It is no partner of a cluster either.
    let members = format!(r#"[{{"sn":"{OWN}"}},{{"sn":"{FOREIGN}"}}]"#);
    let alone = format!(r#"[{{"sn":"{OWN}"}}]"#);
    let body = managed.import(OWN, TRIAL).replace(&alone, &members);
    let (_, told) = managed.pass_on(&managed.shown(OWN), None, body).await;
    let refused = format!(r#"{{"sn":"{FOREIGN}","error":"Product is not registered"}}"#);
    assert!(told.contains(&refused), "{told}");
}

#[tokio::test]
async fn nobody_speaks_for_a_gateway_without_its_certificate_and_the_right() {
    let managed = Managed::new().await;
    let body = managed.import(OWN, TRIAL);
    let denied = |(status, answer): (u16, String), why: &str| {
        assert_eq!(status, 403, "{answer}");
        assert!(answer.contains(why), "{answer}");
    };
    for certificate in ["", "AAAA"] {
        let told = managed.pass(certificate, None, None, body.clone()).await;
        denied(told, "shows no certificate");
    }
    let stranger = World::new(&[OWN]).await;
    let told = managed
        .pass_on(&shown_by(&stranger, OWN), None, body.clone())
        .await;
    denied(told, "shows no certificate");
    // The certificate of one gateway, the serial of another.
    let told = managed
        .pass_on(&managed.shown(FOREIGN), None, body.clone())
        .await;
    denied(told, "121");
    // Its own certificate is not enough for another's request.
    let (status, answer) = managed.manager.post(PROCESS_PATH, body.clone()).await;
    assert_eq!(status, 403, "{answer}");

    // A gateway is no manager.
    let gateway = Managed {
        manager: managed.world.gateway(FOREIGN),
        world: managed.world,
    };
    let (status, answer) = gateway.pass_on(&gateway.shown(OWN), None, body).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("is no manager"), "{answer}");
}

#[tokio::test]
async fn a_manager_changes_nothing_of_what_a_gateway_signed_and_asks_nothing_in_its_name() {
    let managed = Managed::new().await;
    let (own, foreign) = (managed.shown(OWN), managed.shown(FOREIGN));
    let issued = managed.world.issue(1).await;
    let other = managed.world.issue(1).await;
    let body = managed.import(OWN, issued.code.as_str());
    let changed = managed.import(OWN, other.code.as_str());
    let now = managed.world.now().unix();
    let sign = |signer: &Identity, id: Option<&str>, at_s: u64| {
        signed(signer, id, at_s, body.as_bytes()).1.to_string()
    };
    let right = sign(&own, Some("m1"), now);
    let certificate = signed(&own, None, now, b"").0;
    let told = async |signature: Option<String>, id: Option<&str>, body: &str| {
        managed
            .pass(&certificate, signature, id, body.to_owned())
            .await
    };
    let refused = |(status, answer): (u16, String), why: &str| {
        assert_eq!(status, 403, "{answer}");
        assert!(answer.contains(why), "{answer}");
    };
    refused(told(None, Some("m1"), &body).await, UNSIGNED);
    refused(
        told(Some("x".to_owned()), Some("m1"), &body).await,
        UNSIGNED,
    );
    refused(
        told(Some(right.clone()), Some("m1"), &changed).await,
        UNSIGNED,
    );
    refused(told(Some(right.clone()), Some("m2"), &body).await, UNSIGNED);
    refused(told(Some(right.clone()), None, &body).await, UNSIGNED);
    // Signed with the manager's key, or another gateway's.
    for signer in [&managed.shown(MANAGER), &foreign] {
        let signature = sign(signer, Some("m1"), now);
        refused(told(Some(signature), Some("m1"), &body).await, UNSIGNED);
    }
    // What was signed at one time is not signed at another.
    let (_, bare) = right.split_once('.').unwrap();
    let moved = format!("{}.{bare}", now + 1);
    refused(told(Some(moved), Some("m1"), &body).await, UNSIGNED);
    for at_s in [now - HOUR_S - 1, now + HOUR_S + 1, u64::MAX] {
        let old = sign(&own, Some("m1"), at_s);
        refused(told(Some(old), Some("m1"), &body).await, "clocks is wrong");
    }
    // Nothing was done for any of them.
    let almost = sign(&own, Some("m1"), now - HOUR_S + 60);
    let (status, answer) = told(Some(almost), Some("m1"), &body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(issued.serial.as_str()), "{answer}");
    // Over its own connection a gateway needs no signature: TLS has its key's.
    let (status, _) = managed.world.gateway(OWN).process_once("m1", &body).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn what_a_clock_that_is_ahead_signed_is_done_once() {
    let managed = Managed::new().await;
    let issued = managed.world.issue(1).await;
    let (_, tokens) = managed
        .world
        .gateway(OWN)
        .import(issued.code.as_str())
        .await;
    let body = managed
        .world
        .gateway(OWN)
        .provision_body(tokens[0].as_str());
    let ahead = managed.world.now().unix() + HOUR_S - 60;
    let (certificate, signature) = signed(&managed.shown(OWN), Some("m1"), ahead, body.as_bytes());
    let signature = signature.to_string();
    let pass = async || {
        managed
            .pass(
                &certificate,
                Some(signature.clone()),
                Some("m1"),
                body.clone(),
            )
            .await
    };
    let (status, first) = pass().await;
    assert_eq!(status, 200, "{first}");
    for minutes in [60, 58] {
        managed.world.pass(Span::from_mins(minutes));
        assert_eq!(pass().await, (200, first.clone()));
    }
    managed.world.pass(Span::from_mins(2));
    assert_eq!(pass().await.0, 403);
}

#[tokio::test]
async fn what_is_revoked_or_dismissed_passes_nothing_on() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let reason = || Remark::parse("stolen").unwrap();
    let (shown, body) = (managed.shown(OWN), managed.import(OWN, TRIAL));
    desk.revoke_certificates(actor(), product(OWN), reason())
        .await
        .unwrap();
    let (status, answer) = managed.pass_on(&shown, None, body.clone()).await;
    assert_eq!(status, 403, "{answer}");

    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let shown = managed.shown(OWN);
    desk.dismiss_manager(actor(), product(MANAGER), reason())
        .await
        .unwrap();
    let (status, answer) = managed.pass_on(&shown, None, body.clone()).await;
    assert_eq!(status, 403, "{answer}");
    let registered = desk.register_manager(actor(), account("Example Ltd"), product(MANAGER));
    registered.await.unwrap();
    desk.revoke_certificates(actor(), product(MANAGER), reason())
        .await
        .unwrap();
    let (status, answer) = managed.pass_on(&shown, None, body).await;
    assert_eq!(status, 403, "{answer}");
}

#[tokio::test]
async fn a_manager_that_was_taken_off_the_register_comes_back_as_a_product() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let (shown, body) = (managed.shown(OWN), managed.import(OWN, TRIAL));
    let reason = Remark::parse("out of service").unwrap();
    desk.unregister_product(actor(), product(MANAGER), reason)
        .await
        .unwrap();
    desk.register_product(actor(), account("Example Ltd"), product(MANAGER))
        .await
        .unwrap();
    let (status, answer) = managed.pass_on(&shown, None, body).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("is no manager"), "{answer}");
}

#[tokio::test]
async fn a_gateway_with_licences_becomes_no_manager_and_a_manager_gets_none() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let issued = managed.world.issue(1).await;
    let (trial, _) = managed.world.gateway(OWN).import(TRIAL).await;
    let refused = desk
        .register_manager(actor(), account("Example Ltd"), product(OWN))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(&trial), "{refused}");
    let note = || Note {
        reason: Remark::parse("RMA 7").unwrap(),
        ticket: None,
    };
    let moved = desk.move_licence(actor(), issued.serial, product(MANAGER), note());
    let refused = moved.await.unwrap_err().to_string();
    assert!(refused.contains("is a manager"), "{refused}");
    let replaced = desk.replace_unit(actor(), product(OWN), product(MANAGER), note());
    let refused = replaced.await.unwrap_err().to_string();
    assert!(refused.contains("dismiss-manager"), "{refused}");
    let sheet = desk.look(MANAGER).await.unwrap();
    let standing = sheet.standing().unwrap().cause;
    assert!(standing.contains("It is a manager"), "{standing}");
}

#[tokio::test]
async fn a_product_of_another_account_becomes_no_manager() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let refused = desk
        .register_manager(actor(), account("Example Ltd"), product(FOREIGN))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("Other Ltd"), "{refused}");
    let unknown = desk
        .dismiss_manager(actor(), product(OWN), Remark::parse("none").unwrap())
        .await;
    assert!(unknown.unwrap_err().to_string().contains("is no manager"));
}

#[tokio::test]
async fn a_certificate_is_renewed_by_whoever_holds_its_key() {
    let managed = Managed::new().await;
    let issued = managed
        .world
        .pki
        .issue_gateway(product(OWN), Generation::default())
        .unwrap();
    let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
    let own = KeyPair::from_pem(&issued.key_pem).unwrap();
    let new = KeyPair::generate().unwrap();
    let request = CertificateParams::default()
        .serialize_request(&new)
        .unwrap();
    let request = request.pem().unwrap();
    let renewal = |signer: &KeyPair, signed: &str| EnrolmentRequest {
        enrolment_code: None,
        renewal: Some(Renewal {
            certificate: BASE64URL_NOPAD.encode(&certificate),
            signature: BASE64URL_NOPAD.encode(&signer.sign(&renewal_transcript(signed)).unwrap()),
        }),
        certificate_request: request.clone(),
    };
    let ask = async |line: &Gateway, request: EnrolmentRequest| {
        let body = serde_json::to_string(&request).unwrap();
        line.post(ENROLMENT_PATH, body).await
    };
    // The manager has seen the certificate, not its key; and what was signed for another key is no proof.
    let line = &managed.manager;
    assert_eq!(ask(line, renewal(&new, &request)).await.0, 403);
    assert_eq!(ask(line, renewal(&own, "another request")).await.0, 403);
    let (status, answer) = ask(line, renewal(&own, &request)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(OWN), "{answer}");
    assert_eq!(
        ask(&managed.world.anybody(), renewal(&own, &request))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_managers_connection_alone_renews_no_certificate() {
    let managed = Managed::new().await;
    let body = request(None);
    let (status, answer) = managed.manager.post(ENROLMENT_PATH, body.clone()).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("is a manager"), "{answer}");
    // A gateway's does, and so does the one of a manager that is none any more.
    let gateway = managed.world.gateway(OWN);
    assert_eq!(gateway.post(ENROLMENT_PATH, body.clone()).await.0, 200);
    let sold = Remark::parse("sold").unwrap();
    let dismissed = managed
        .world
        .desk
        .dismiss_manager(actor(), product(MANAGER), sold);
    dismissed.await.unwrap();
    assert_eq!(managed.manager.post(ENROLMENT_PATH, body).await.0, 200);
}

#[tokio::test]
async fn a_stranger_at_a_managers_port_gets_no_certificate_of_the_managers() {
    let managed = Managed::new().await;
    let relay = Relaying::of(&managed).await;
    // Not even from a token server that would take the manager's certificate for a renewal.
    let desk = &managed.world.desk;
    let sold = Remark::parse("sold").unwrap();
    let dismissed = desk.dismiss_manager(actor(), product(MANAGER), sold);
    dismissed.await.unwrap();
    let (status, answer) = relay.stranger.post(ENROLMENT_PATH, request(None)).await;
    assert_eq!(status, 403, "{answer}");
    let invited = desk.invite(actor(), product(OWN), Span::from_hours(1));
    let (code, _) = invited.await.unwrap();
    let asked = relay
        .stranger
        .post(ENROLMENT_PATH, request(Some(code.as_str())));
    let (status, answer) = asked.await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(OWN), "{answer}");
}

#[tokio::test]
async fn a_manager_asks_for_no_tokens_of_its_own() {
    let managed = Managed::new().await;
    let alone = format!(r#"[{{"sn":"{MANAGER}"}}]"#);
    let both = format!(r#"[{{"sn":"{MANAGER}"}},{{"sn":"{OWN}"}}]"#);
    let gateway = managed.world.gateway(OWN);
    let issued = managed.world.issue(1).await;
    let (_, tokens) = gateway.import(issued.code.as_str()).await;
    // The serials of its account's gateways do not make their tokens its own, whatever certificate it shows.
    let body = managed.manager.provision_body(tokens[0].as_str());
    let body = body.replace(&alone, &both);
    let (status, answer) = managed.manager.post(PROCESS_PATH, body.clone()).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("is a manager"), "{answer}");
    let shown = managed.shown(MANAGER);
    let (status, answer) = managed.pass_on(&shown, None, body).await;
    assert_eq!(status, 403, "{answer}");
    // It learns whether its certificate counts.
    assert_eq!(managed.manager.post(PROCESS_PATH, "").await.0, 400);
    // It is no partner in a cluster.
    let alone = format!(r#"[{{"sn":"{OWN}"}}]"#);
    let body = gateway.poll_body(tokens[0].as_str()).replace(&alone, &both);
    let told = gateway.process(&body).await;
    let refused = format!(r#"{{"sn":"{MANAGER}","error":"Product is not registered"}}"#);
    assert!(told.contains(&refused), "{told}");
}

#[tokio::test]
async fn who_guesses_codes_at_a_manager_is_stopped_there() {
    let managed = Managed::new().await;
    let relay = Relaying::of(&managed).await;
    let guess = || {
        relay
            .stranger
            .post(ENROLMENT_PATH, request(Some("AAAA-AAAA-AAAA-AAAA")))
    };
    for _ in 0..3 {
        assert_eq!(guess().await.0, 403);
    }
    for _ in 0..10 {
        let (status, answer) = guess().await;
        assert_eq!(status, 429, "{answer}");
    }
    // The token server, to which all that comes from the manager has one address, did not hear of those.
    let direct = managed.world.anybody();
    let invited = managed
        .world
        .desk
        .invite(actor(), product(OWN), Span::from_hours(1));
    let (code, _) = invited.await.unwrap();
    let asked = direct.post(ENROLMENT_PATH, request(Some(code.as_str())));
    assert_eq!(asked.await.0, 200);
}

/// A manager that has a licence in its reserve.
async fn with_reserve(managed: &Managed) -> (Relaying, IssuedLicence) {
    let desk = &managed.world.desk;
    let issued = managed.world.issue(2).await;
    let reason = Remark::parse("bought ahead").unwrap();
    let aside = desk.set_aside(actor(), issued.serial, product(MANAGER), reason);
    aside.await.unwrap();
    let relay = Relaying::of(managed).await;
    until(async || {
        let sheet = desk.reserve(product(MANAGER)).await.unwrap();
        sheet.record.loaded.is_some()
    })
    .await;
    (relay, issued)
}

#[tokio::test]
async fn an_import_whose_answer_was_lost_by_a_take_back_gets_it_once_more() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let (relay, issued) = with_reserve(&managed).await;
    let import = async |id| relay.gateway.import(id, issued.code.as_str()).await;
    let settled = async || {
        let sheet = desk.reserve(product(MANAGER)).await.unwrap();
        sheet.record.lines.first().map(|line| line.given.is_some())
    };
    let (status, answer) = import("m1").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(issued.serial.as_str()), "{answer}");
    until(async || settled().await == Some(true)).await;
    let reason = Remark::parse("wanted here").unwrap();
    let back = desk.take_back(actor(), issued.serial, reason);
    back.await.unwrap();
    until(async || settled().await.is_none()).await;
    assert_eq!(import("m1").await, (200, answer));
    // Another message is another import, which the token server refuses.
    let (status, refused) = import("m2").await;
    assert_eq!(status, 200, "{refused}");
    assert!(refused.contains(r#""error_code":11"#), "{refused}");
}

#[tokio::test]
async fn the_desk_confirms_a_record_once_as_soon_as_it_is_behind() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    let (relay, _) = with_reserve(&managed).await;
    drop(relay);
    // It has lost what it remembered.
    let _anew = Relaying::of(&managed).await;
    let record = async || desk.reserve(product(MANAGER)).await.unwrap().record;
    until(async || record().await.behind.is_some()).await;
    // What follows at once has come.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let reason = Remark::parse("nothing was given").unwrap();
    let confirmed = desk.confirm_record(actor(), product(MANAGER), reason);
    assert_eq!(confirmed.await.unwrap(), Change::Made);
    until(async || {
        let record = record().await;
        assert_eq!(record.behind, None);
        record.loaded.is_some()
    })
    .await;
}

#[tokio::test]
async fn a_partner_is_sent_to_the_manager_that_keeps_a_licence_that_moved() {
    let managed = Managed::new().await;
    let desk = &managed.world.desk;
    managed.world.register(PARTNER, "Example Ltd").await;
    let (relay, issued) = with_reserve(&managed).await;
    let (status, answer) = relay.gateway.import("m1", issued.code.as_str()).await;
    assert_eq!(status, 200, "{answer}");
    until(async || {
        let licence = desk.licence(issued.serial).await.unwrap();
        licence.record.licence.activated.is_some()
    })
    .await;
    let note = Note {
        reason: Remark::parse("sold").unwrap(),
        ticket: None,
    };
    let moved = desk.move_licence(actor(), issued.serial, product(PARTNER), note);
    moved.await.unwrap();

    let partner = managed.world.gateway(OWN);
    let alone = partner.import_body(issued.code.as_str());
    let (own, both) = (
        format!(r#"[{{"sn":"{OWN}"}}]"#),
        format!(r#"[{{"sn":"{OWN}"}},{{"sn":"{PARTNER}"}}]"#),
    );
    assert!(alone.contains(&own), "{alone}");
    let (status, answer) = partner.post(PROCESS_PATH, alone.replace(&own, &both)).await;
    assert_eq!(status, 421, "{answer}");
    assert!(answer.contains(MANAGER), "{answer}");
    // Without its partner it is another product, for which the licence is spent.
    let (status, answer) = partner.post(PROCESS_PATH, alone).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""error_code":11"#), "{answer}");
}

#[tokio::test]
async fn another_accounts_gateway_gets_nothing_of_a_reserve_and_asks_for_it_no_more() {
    let managed = Managed::new().await;
    let (relay, issued) = with_reserve(&managed).await;
    let (status, answer) = relay.foreign.import("m1", issued.code.as_str()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""error_code":21"#), "{answer}");
}

async fn until(mut done: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !done().await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let minute = std::time::Duration::from_mins(1);
    tokio::time::timeout(minute, waited).await.unwrap();
}
