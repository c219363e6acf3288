//! A push relay as a process of its own, and a window on all that it reads and writes inside TLS.

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use domain::licensing::Generation;
use ident::ProductSerial;
use registry::pki::{Pki, ServerIdentity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use softtoken::address;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream as Connection};
use tokio::runtime::Runtime;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Home, symbolon, until};

/// `symbolon relay`, which ends with the test. What it says goes into the log of its home.
pub(crate) struct Relay(Child);

impl Relay {
    /// With a certificate for the name by which it is dialled, and a log from this level on.
    #[track_caller]
    pub(crate) fn start(home: &Home, pki: &Pki, dialled: impl Display, level: &str) -> Self {
        let identity = home.path("relay.pem");
        let pem = pem(&server_identity(pki, dialled));
        store::private_file::create(&identity, pem.as_bytes()).unwrap();
        let mut command = symbolon();
        command.args(["relay", "--data"]).arg(home.data());
        command.arg("--identity").arg(&identity);
        command.env("SYMBOLON_LOG", level);
        let log = File::create(home.path("log")).unwrap();
        let relay = command.stdout(Stdio::null()).stderr(log).spawn();
        let relay = Self(relay.unwrap());
        until("the relay listens", || {
            TcpStream::connect(home.relay).is_ok()
        });
        relay
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server_identity(pki: &Pki, dialled: impl Display) -> ServerIdentity {
    let name = address::ServerName::parse(&dialled.to_string()).unwrap();
    pki.issue_server(&[name]).unwrap()
}

fn pem(identity: &ServerIdentity) -> String {
    let PrivateKeyDer::Pkcs8(key) = &identity.key else {
        panic!("a key of another kind");
    };
    let block = |tag: &str, octets: &[u8]| {
        let text = data_encoding::BASE64_MIME.encode(octets);
        format!("-----BEGIN {tag}-----\n{text}-----END {tag}-----\n")
    };
    let chain = identity.chain.iter().map(|it| block("CERTIFICATE", it));
    chain.fold(block("PRIVATE KEY", key.secret_pkcs8_der()), |all, it| {
        all + &it
    })
}

/// All octets that passed, those of each direction of each connection by themselves.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

/// Where phones and gateways find the relay: it ends their TLS and begins its own, and keeps what passes between.
pub(crate) struct Window {
    seen: Seen,
    _runtime: Runtime,
}

/// Both ends of the window.
#[derive(Clone)]
struct Ends {
    relay: SocketAddr,
    acceptor: TlsAcceptor,
    /// The relay hears gateways by their certificates.
    as_gateway: TlsConnector,
    as_phone: TlsConnector,
}

impl Window {
    /// At the address that people dial, before the relay at another.
    pub(crate) fn open(pki: &Pki, dialled: SocketAddr, relay: SocketAddr) -> Self {
        let ends = Ends::new(pki, dialled, relay);
        let seen = Seen::default();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind(dialled)).unwrap();
        let shared = Arc::clone(&seen);
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (ends, seen) = (ends.clone(), Arc::clone(&shared));
                tokio::spawn(async move { ends.carry(connection, &seen).await });
            }
        });
        Self {
            seen,
            _runtime: runtime,
        }
    }

    pub(crate) fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Ends {
    fn new(pki: &Pki, dialled: SocketAddr, relay: SocketAddr) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(pki.authority()).unwrap();
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder(Arc::clone(&roots)).allow_unauthenticated();
        let ServerIdentity { chain, key } = server_identity(pki, dialled);
        let server = ServerConfig::builder()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(chain, key);
        let serial = ProductSerial::parse("FGT3HD3915801656").unwrap();
        let gateway = pki.issue_gateway(serial, Generation::default()).unwrap();
        let chain = CertificateDer::pem_slice_iter(gateway.certificate_pem.as_bytes());
        let chain: Result<Vec<_>, _> = chain.collect();
        let key = PrivateKeyDer::from_pem_slice(gateway.key_pem.as_bytes()).unwrap();
        let client = || ClientConfig::builder().with_root_certificates(Arc::clone(&roots));
        let as_gateway = client().with_client_auth_cert(chain.unwrap(), key).unwrap();
        let as_phone = client().with_no_client_auth();
        Self {
            relay,
            acceptor: TlsAcceptor::from(Arc::new(server.unwrap())),
            as_gateway: Arc::new(as_gateway).into(),
            as_phone: Arc::new(as_phone).into(),
        }
    }

    /// A connection that breaks is its ends' affair.
    async fn carry(self, connection: Connection, seen: &Seen) -> Option<()> {
        let outer = self.acceptor.accept(connection).await.ok()?;
        let (_, session) = outer.get_ref();
        let connector = match session.peer_certificates() {
            Some(_) => self.as_gateway,
            None => self.as_phone,
        };
        let relay = Connection::connect(self.relay).await.ok()?;
        let name = ServerName::from(IpAddr::from([127, 0, 0, 1]));
        let inner = connector.connect(name, relay).await.ok()?;
        let (from_client, to_client) = tokio::io::split(outer);
        let (from_relay, to_relay) = tokio::io::split(inner);
        // The first end of either is the end of both.
        tokio::select! {
            _ = pass(from_client, to_relay, seen) => {}
            _ = pass(from_relay, to_client, seen) => {}
        }
        Some(())
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: &Seen,
) -> io::Result<()> {
    let place = {
        let mut seen = seen.lock().unwrap();
        seen.push(Vec::new());
        seen.len() - 1
    };
    let mut octets = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut octets).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        seen.lock().unwrap()[place].extend_from_slice(&octets[..length]);
        to.write_all(&octets[..length]).await?;
        to.flush().await?;
    }
}
