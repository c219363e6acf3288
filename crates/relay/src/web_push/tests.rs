//! A relay and a push service of a test's own, over TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use softtoken::push::PushSession;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::message::tests::{decrypt, subscription};
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

/// What was posted, and to say to that in turn.
struct Service {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    posted: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
}

impl Service {
    /// Says the answers in turn, the last one for good; `""` is nothing at all.
    async fn start(answers: &[&'static str]) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".into(), "localhost".into()]);
        let made = made.unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, posted) = mpsc::unbounded_channel();
        tokio::spawn(answer(listener, tls.into(), answers.to_vec(), tell));
        Self {
            address,
            certificate,
            posted,
        }
    }

    /// A relay that knows this service by that name.
    fn relay(&self, listed: &str, exceptions: &[IpAddr]) -> (tempfile::TempDir, Arc<WebPush>) {
        relay_to(&[(self, listed)], exceptions)
    }

    /// A relay that may ask it, and a phone that subscribed.
    fn subscribed(&self) -> (tempfile::TempDir, Arc<WebPush>) {
        let listed = self.address.to_string();
        let (directory, relay) = self.relay(&listed, &[self.address.ip()]);
        let here = subscription(&format!("https://{listed}/p/1"));
        relay.subscribe(device(), Some(here), |_| false).unwrap();
        (directory, relay)
    }

    async fn next(&mut self) -> (String, Vec<u8>) {
        let posted = tokio::time::timeout(PATIENCE, self.posted.recv()).await;
        posted.expect("something is posted").unwrap()
    }

    async fn is_left_alone(&mut self, during: Duration) {
        let posted = tokio::time::timeout(during, self.posted.recv()).await;
        assert!(posted.is_err(), "{posted:?}");
    }
}

/// A relay that knows these services by these names.
fn relay_to(
    services: &[(&Service, &str)],
    exceptions: &[IpAddr],
) -> (tempfile::TempDir, Arc<WebPush>) {
    let directory = tempfile::tempdir().unwrap();
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let listed = services.iter().map(|(_, name)| PushService::parse(name));
    let config = Config {
        subscriptions: directory.path().join("web-push"),
        key: key.unwrap().as_ref().to_vec().into(),
        contact: "mailto:push@example.org".to_owned(),
        services: listed.collect::<Result<_, _>>().unwrap(),
        private_addresses: exceptions.to_vec(),
        authorities: services
            .iter()
            .map(|(it, _)| it.certificate.clone())
            .collect(),
    };
    (directory, Arc::new(WebPush::open(config).unwrap()))
}

async fn answer(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    mut answers: Vec<&'static str>,
    tell: mpsc::UnboundedSender<(String, Vec<u8>)>,
) {
    while let Ok((connection, _)) = listener.accept().await {
        let Ok(mut connection) = TlsAcceptor::from(Arc::clone(&tls)).accept(connection).await
        else {
            continue;
        };
        let request = read(&mut connection).await;
        let says = match answers.len() {
            1 => answers[0],
            _ => answers.remove(0),
        };
        tell.send(request).unwrap();
        if says.is_empty() {
            tokio::spawn(async move {
                tokio::time::sleep(PATIENCE).await;
                drop(connection);
            });
            continue;
        }
        connection.write_all(says.as_bytes()).await.unwrap();
        if says.contains("Content-Length: 99999999999") {
            while connection.write_all(&[b'a'; 4_096]).await.is_ok() {}
        }
        // Who has heard enough may be gone.
        let _ = connection.shutdown().await;
    }
}

/// Headers in small letters, and the body.
async fn read(connection: &mut TlsStream<TcpStream>) -> (String, Vec<u8>) {
    let mut octets = Vec::new();
    loop {
        let read = connection.read_buf(&mut octets).await.unwrap();
        let end = octets.windows(4).position(|it| it == b"\r\n\r\n");
        let Some(end) = end.filter(|_| read > 0) else {
            continue;
        };
        let headers = String::from_utf8(octets[..end].to_vec()).unwrap();
        let headers = headers.replace("POST", "post").to_lowercase();
        let length = headers
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        if octets.len() == end + 4 + length {
            return (headers, octets.split_off(end + 4));
        }
    }
}

fn device() -> RegistrationId {
    RegistrationId::from_bytes([1; 32])
}

fn login(session: u8, seconds: u64) -> Addressed {
    Addressed {
        device: device(),
        session: PushSession::from_bytes([session; 16]),
        expires_unix: now_unix() + seconds,
    }
}

fn places(relay: &WebPush) -> usize {
    UNDER_WAY_MAX - relay.under_way.available_permits()
}

async fn idle(relay: &WebPush) {
    let began = Instant::now();
    while places(relay) > 0 {
        assert!(began.elapsed() < PATIENCE, "messages are still under way");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_login_wakes_its_phone_and_names_nobody() {
    let mut service = Service::start(&[CREATED]).await;
    let (_directory, relay) = service.subscribed();
    let login = login(7, 60);
    relay.wake(login, || true);
    let (headers, body) = service.next().await;
    let session = login.session.to_base64url();
    for expected in [
        "post /p/1 http/1.1",
        "urgency: high",
        "content-encoding: aes128gcm",
        &format!("topic: {}", session.to_lowercase()),
        &format!("k={}", relay.key().to_base64url().to_lowercase()),
    ] {
        assert!(headers.contains(expected), "{expected}: {headers}");
    }
    let ttl = headers
        .lines()
        .find_map(|it| it.strip_prefix("ttl: "))
        .unwrap();
    assert!((55..=60).contains(&ttl.parse::<u64>().unwrap()), "{ttl}");
    let expires = login.expires_unix;
    assert_eq!(
        decrypt(&body).unwrap(),
        format!(
            r#"{{"d":{{"__type":"SoftToken.PushWakeUp","__version":"4","session":"{session}","expires":{expires}}}}}"#
        )
    );
    idle(&relay).await;
}

#[tokio::test]
async fn no_message_is_kept_longer_than_its_login() {
    let mut service = Service::start(&[CREATED]).await;
    let (_directory, relay) = service.subscribed();
    relay.wake(login(1, 1_000_000), || true);
    let (headers, _) = service.next().await;
    let ttl = headers.lines().find_map(|it| it.strip_prefix("ttl: "));
    assert!(ttl.unwrap().parse::<u64>().unwrap() <= KEPT_S, "{headers}");
    idle(&relay).await;
}

#[tokio::test]
async fn a_subscription_that_has_ended_is_forgotten() {
    for gone in [
        "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    ] {
        let mut service = Service::start(&[gone]).await;
        let (directory, relay) = service.subscribed();
        relay.wake(login(1, 60), || true);
        service.next().await;
        idle(&relay).await;
        relay.wake(login(2, 60), || true);
        assert_eq!(places(&relay), 0);
        let again = Book::open(&directory.path().join("web-push")).unwrap();
        assert!(again.find(&device()).is_none());
    }
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_left_alone_so_long() {
    let later = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n";
    let mut service = Service::start(&[later, CREATED]).await;
    let (_directory, relay) = service.subscribed();
    relay.wake(login(1, 60), || true);
    service.next().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What would be too late after that is not sent; nor is the other for now.
    relay.wake(login(2, 2), || true);
    service.is_left_alone(Duration::from_secs(1)).await;
    let (headers, _) = service.next().await;
    let first = PushSession::from_bytes([1; 16])
        .to_base64url()
        .to_lowercase();
    assert!(headers.contains(&first), "{headers}");
    idle(&relay).await;
    service.is_left_alone(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn trouble_at_a_service_is_gone_by_and_a_login_that_is_over_is_not_told_of() {
    let trouble = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
    let mut service = Service::start(&[trouble, CREATED, trouble]).await;
    let (_directory, relay) = service.subscribed();
    relay.wake(login(1, 60), || true);
    service.next().await;
    service.next().await;
    idle(&relay).await;
    let waits = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&waits);
    relay.wake(login(2, 60), move || still.load(Ordering::Relaxed));
    service.next().await;
    waits.store(false, Ordering::Relaxed);
    idle(&relay).await;
    service.is_left_alone(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn a_redirection_leads_nowhere() {
    let mut elsewhere = Service::start(&[CREATED]).await;
    let text = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://{}/p/1\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address
    );
    let mut service = Service::start(&[text.leak()]).await;
    let (_directory, relay) = service.subscribed();
    relay.wake(login(1, 60), || true);
    service.next().await;
    idle(&relay).await;
    elsewhere.is_left_alone(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let huge = "HTTP/1.1 201 Created\r\nContent-Length: 99999999999\r\n\r\n";
    let mut service = Service::start(&[huge]).await;
    let (_directory, relay) = service.subscribed();
    let began = Instant::now();
    relay.wake(login(1, 60), || true);
    service.next().await;
    idle(&relay).await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_service_that_is_silent_holds_few_messages_and_nobody_up() {
    let mut service = Service::start(&[""]).await;
    let (_directory, relay) = service.subscribed();
    let began = Instant::now();
    for session in 0..20 {
        relay.wake(login(session, 5), || true);
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(places(&relay), OF_PHONE_MAX);
    service.next().await;
    // After its time a login is not told of again.
    idle(&relay).await;
}

#[tokio::test]
async fn a_silent_service_takes_its_share_and_others_answer() {
    let (mut silent, mut prompt) = (
        Service::start(&[""]).await,
        Service::start(&[CREATED]).await,
    );
    let names = [silent.address.to_string(), prompt.address.to_string()];
    let services = [(&silent, &*names[0]), (&prompt, &*names[1])];
    let (_directory, relay) = relay_to(&services, &[Ipv4Addr::LOCALHOST.into()]);
    let phones = OF_SERVICE_MAX + 8;
    let wake = |number: usize, name: &str| {
        let login = Addressed {
            device: RegistrationId::from_bytes([u8::try_from(number).unwrap(); 32]),
            ..login(1, 30)
        };
        let here = subscription(&format!("https://{name}/p/{number}"));
        relay.subscribe(login.device, Some(here), |_| true).unwrap();
        relay.wake(login, || true);
    };
    for number in 0..phones {
        wake(number, &names[0]);
    }
    for _ in 0..OF_SERVICE_MAX {
        silent.next().await;
    }
    wake(phones, &names[1]);
    prompt.next().await;
    silent.is_left_alone(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_private_address_is_neither_subscribed_at_nor_connected_to() {
    let mut service = Service::start(&[CREATED]).await;
    let port = service.address.port();
    let (_directory, relay) = service.relay(&format!("127.0.0.1:{port}"), &[]);
    let literal = subscription(&format!("https://127.0.0.1:{port}/p/1"));
    assert_eq!(
        relay.subscribe(device(), Some(literal), |_| false),
        Err(NotListed)
    );
    // A name is on the list; where it leads is looked at when it is connected to.
    let (_directory, relay) = service.relay(&format!("localhost:{port}"), &[]);
    let named = subscription(&format!("https://localhost:{port}/p/1"));
    relay.subscribe(device(), Some(named), |_| false).unwrap();
    relay.wake(login(1, 4), || true);
    service.is_left_alone(Duration::from_secs(1)).await;
    idle(&relay).await;
}
