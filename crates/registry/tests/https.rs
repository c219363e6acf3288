//! Who is heard, and what becomes of requests that are none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and speaks to sockets"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{World, account, actor, product};
use domain::licensing::{Generation, LicenceSize, Remark};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use softtoken::process::Response;
use softtoken::{MOBILE_PATH, PROCESS_PATH};
use store::registry::{NewLicence, Note};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

const SERIAL: &str = "FGT0000000000001";
const OTHER: &str = "FGT0000000000002";
const TRIAL: &str = "0000-0000-0000-0000-0000";

#[tokio::test]
async fn a_gateway_speaks_for_itself_alone() {
    let world = World::new(&[SERIAL, OTHER]).await;
    let body = world.gateway(OTHER).import_body(TRIAL);
    let (status, answer) = world.gateway(SERIAL).post(PROCESS_PATH, body.clone()).await;
    assert_eq!(status, 403);
    assert_eq!(
        answer,
        r#"{"d":{"error":{"error_code":121,"error_message":"request does not match the client certificate: the certificate is FGT0000000000001's, the request speaks for FGT0000000000002"}}}"#
    );
    let (status, answer) = world.anybody().post(PROCESS_PATH, body).await;
    assert_eq!(status, 403);
    assert!(
        answer.contains("a gateway's client certificate is needed here"),
        "{answer}"
    );
}

#[tokio::test]
async fn another_authoritys_certificate_opens_nothing() {
    let world = World::new(&[SERIAL]).await;
    let stranger = World::new(&[SERIAL]).await;
    let identity = stranger
        .pki
        .issue_gateway(common::product(SERIAL), Generation::default())
        .unwrap();
    let pem = format!("{}{}", identity.certificate_pem, *identity.key_pem);
    let client = reqwest::Client::builder()
        .tls_certs_only([
            reqwest::Certificate::from_pem(world.pki.authority_pem().as_bytes()).unwrap(),
        ])
        .identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
        .resolve(common::HOST, world.address)
        .no_proxy()
        .build()
        .unwrap();
    let gateway = world.gateway(SERIAL);
    let sent = client
        .post(gateway.url(PROCESS_PATH))
        .body(gateway.import_body(TRIAL))
        .send()
        .await;
    assert!(sent.is_err(), "{sent:?}");
}

#[tokio::test]
async fn what_is_no_request_gets_an_answer_that_says_why() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let import = gateway.import_body(TRIAL);
    let torn = import[..import.len() / 2].to_owned();
    let huge = " ".repeat((1 << 20) + 1);
    for (path, body, status, says) in [
        ("/", import.clone(), 405, "only POST"),
        ("/SoftToken", import.clone(), 404, "no such path"),
        (PROCESS_PATH, torn, 400, "error_code\":400"),
        (PROCESS_PATH, String::new(), 400, "error_code\":400"),
        (
            PROCESS_PATH,
            import.replace("7.0", "7.0\",\"x\":\"y"),
            400,
            "d.x",
        ),
        (PROCESS_PATH, huge, 413, "longer than 1048576 bytes"),
        (
            MOBILE_PATH,
            " ".repeat(8_193),
            413,
            "longer than 8192 bytes",
        ),
        (MOBILE_PATH, import, 400, "error_code\":400"),
    ] {
        let (got, answer) = gateway.post(path, body).await;
        assert_eq!(got, status, "{answer}");
        assert!(answer.contains(says), "{says} is not in {answer}");
        assert!(answer.starts_with(r#"{"d":{"error":{"#), "{answer}");
    }
    let got = gateway
        .client
        .get(gateway.url(PROCESS_PATH))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            got.status().as_u16(),
            got.headers()["allow"].to_str().unwrap()
        ),
        (405, "POST")
    );
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let send = |client: reqwest::Client| {
        client
            .post(gateway.url(PROCESS_PATH))
            .body(gateway.import_body(TRIAL))
            .send()
    };
    let newer = send(gateway.client.clone()).await.unwrap();
    assert_eq!(
        (newer.version(), newer.status().as_u16()),
        (reqwest::Version::HTTP_2, 200)
    );
    let older = world.plain_client().http1_only().build().unwrap();
    let older = send(older).await.unwrap();
    assert_eq!(
        (older.version(), older.status().as_u16()),
        (reqwest::Version::HTTP_11, 403)
    );
}

#[tokio::test]
async fn a_lost_answer_can_be_had_again() {
    let world = World::new(&[SERIAL, OTHER]).await;
    let gateway = world.gateway(SERIAL);
    let code = world.issue(2).await.code;
    let import = gateway.import_body(code.as_str());
    let (status, first) = gateway.process_once("outbox-1", &import).await;
    assert_eq!(status, 200);
    let world = world.restart().await;
    let gateway = world.gateway(SERIAL);
    assert_eq!(
        gateway.process_once("outbox-1", &import).await,
        (200, first.clone())
    );
    assert!(
        gateway
            .process(&import)
            .await
            .contains(r#""error_code":11"#)
    );

    let (status, answer) = gateway
        .process_once("outbox-1", &gateway.import_body(TRIAL))
        .await;
    assert_eq!(status, 409, "{answer}");
    let (status, answer) = gateway.process_once("no blanks", &import).await;
    assert_eq!(status, 400, "{answer}");

    let Response::ActivationLicense(first) = Response::parse(first.as_bytes()).unwrap() else {
        panic!("another answer")
    };
    let token = first.outcome.unwrap().tokens[0];
    let provision = gateway.provision_body(token.as_str());
    let (_, code) = gateway.process_once("outbox-2", &provision).await;
    assert_eq!(gateway.process_once("outbox-2", &provision).await.1, code);
    assert_ne!(gateway.process_once("outbox-3", &provision).await.1, code);
}

#[tokio::test]
async fn an_answer_is_repeated_only_to_a_unit_that_is_registered() {
    let world = World::new(&[SERIAL, OTHER]).await;
    let gateway = world.gateway(SERIAL);
    let code = world.issue(2).await.code;
    let import = gateway.import_body(code.as_str());
    let answered = gateway.process_once("outbox-1", &import).await;
    assert_eq!(answered.0, 200);
    let note = Note {
        reason: Remark::parse("broken").unwrap(),
        ticket: None,
    };
    let replaced = world
        .desk
        .replace_unit(actor(), product(SERIAL), product(OTHER), note);
    replaced.await.unwrap();
    let (status, told) = gateway.process_once("outbox-1", &import).await;
    assert_eq!(status, 200);
    assert!(told.contains(r#""error_code":21"#), "{told}");
}

#[tokio::test]
async fn one_batch_serves_what_it_can() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let (_, tokens) = gateway.import(TRIAL).await;
    let body = gateway.provision_body(tokens[0].as_str());
    let one = &body[body.find(r#"{"token""#).unwrap()..body.len() - 3];
    let strange = one.replace(tokens[0].as_str(), "not a serial");
    let fast = one
        .replace(tokens[0].as_str(), tokens[1].as_str())
        .replace(":60,", ":45,");
    let answer = gateway
        .process(&body.replace(one, &format!("{strange},{one},{fast}")))
        .await;
    let Response::Provision(response) = Response::parse(answer.as_bytes()).unwrap() else {
        panic!("{answer}")
    };
    let codes: Vec<_> = response
        .tokens
        .iter()
        .map(|token| token.outcome.as_ref().err().map(|error| error.code))
        .collect();
    assert_eq!(
        (codes, response.error),
        (vec![Some(31), None, Some(16)], None)
    );
}

#[tokio::test]
async fn an_unregistered_gateway_is_told_so() {
    let world = World::new(&[SERIAL]).await;
    let unknown = world.gateway(OTHER);
    let answer = unknown.process(&unknown.import_body(TRIAL)).await;
    assert!(answer.contains(r#"{"sn":"FGT0000000000002","error":"Product is not registered"}"#));
    assert!(answer.contains(r#""error":{"error_code":21,"#), "{answer}");
    let answer = unknown
        .process(&unknown.provision_body("FTKMOB947FDC1754"))
        .await;
    assert!(answer.ends_with(
        r#""error":{"error_code":21,"error_message":"Product is not registered"}}],"result":0,"error":{"error_code":21,"error_message":"Product is not registered"}}}"#
    ), "{answer}");
}

#[tokio::test]
async fn the_largest_licence_fits_into_one_answer() {
    let world = World::new(&[SERIAL]).await;
    let gateway = world.gateway(SERIAL);
    let code = world.issue(LicenceSize::MAX).await.code;
    let (_, tokens) = gateway.import(code.as_str()).await;
    assert_eq!(tokens.len(), 10_000);
    assert_eq!(
        gateway.poll(tokens[9_999]).await.unwrap().licence.as_str(),
        "EFTM000000000001"
    );
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_cut() {
    let world = World::new(&[SERIAL]).await;
    let mut silent = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let mut read = [0; 1];
    let cut = tokio::time::timeout(Duration::from_secs(20), silent.read(&mut read)).await;
    assert!(matches!(cut.expect("still open"), Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_peer_that_asks_for_nothing_over_http_2_is_cut() {
    let world = World::new(&[SERIAL]).await;
    let authority = world.pki.authority_pem();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = https::protocols();
    let host = ServerName::try_from(common::HOST).unwrap();
    let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut idle = connector.connect(host, stream).await.unwrap();
    // The preface and empty settings (RFC 9113, section 3.4).
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    idle.write_all(preface).await.unwrap();
    let mut said = Vec::new();
    // 15 s idle, and 10 s to end what is under way. It would answer no ping, and be cut for that after 40 s.
    let ended = tokio::time::timeout(Duration::from_secs(30), idle.read_to_end(&mut said)).await;
    assert!(ended.is_ok() && !said.is_empty(), "still open");
}

#[tokio::test]
async fn the_desk_shows_what_it_did() {
    let world = World::new(&[SERIAL]).await;
    let licence = NewLicence {
        account: account("Example Ltd"),
        product: Some(common::product(SERIAL)),
        size: LicenceSize::new(1).unwrap(),
        redeem_until: world.now(),
    };
    let issued = world.desk.issue_licence(actor(), licence).await.unwrap();
    let (_, tokens) = world.gateway(SERIAL).import(issued.code.as_str()).await;
    let product = world
        .desk
        .product(common::product(SERIAL))
        .await
        .unwrap()
        .to_string();
    assert_eq!(
        product,
        "\
Product:      FGT0000000000001
Account:      Example Ltd
Registered:   2023-11-14 22:13:20Z

LICENCE           TOKENS  STATE      ISSUED                ACTIVATED             REDEEM UNTIL
EFTM000000000001       1  activated  2023-11-14 22:13:20Z  2023-11-14 22:13:20Z  2023-11-14 22:13:20Z
"
    );
    let licence = world.desk.licence(issued.serial).await.unwrap().to_string();
    assert_eq!(
        licence,
        format!(
            "\
Licence:      EFTM000000000001
Account:      Example Ltd
Product:      FGT0000000000001
Tokens:       1
State:        activated
Issued:       2023-11-14 22:13:20Z
Redeem until: 2023-11-14 22:13:20Z
Activated:    2023-11-14 22:13:20Z

TOKEN             STATUS
{}  new
",
            tokens[0]
        )
    );
    let events = world.desk.history("EFTM000000000001").await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].actor, actor());
    assert_eq!(
        events[0].detail.as_ref(),
        "account \"Example Ltd\", FGT0000000000001, 1 tokens, redeem until 2023-11-14 22:13:20Z"
    );
    let import = &events[1];
    assert_eq!((&*import.actor.name, &*import.action), (SERIAL, "import"));
}
