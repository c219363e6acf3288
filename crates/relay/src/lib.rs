//! The push relay: it carries sealed login requests to devices and sealed answers to gateways.
//!
//! It sees who listens (registration ids, which are hashes of keys), how many octets pass and when; never a
//! name, an address or a number of a login: what it carries is sealed to its ends (`docs/protocol.md`). It
//! links neither `domain` nor `store`.
//!
//! - [`subscriptions`]: the devices that proved themselves once, in an append-only file.
//! - `revocations`: gateways that are not heard any more.
//! - `lines`: such files, which hold whole lines whatever happens to the disk.
//! - `switchboard`: who listens now, and what waits.
//! - `http`: messages in, streams out.
//! - [`web_push`]: how phones are woken whose app is closed, where that is switched on.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it owns the sockets, the file and the clock that the pure crates are denied"
)]

mod clock;
mod events;
mod http;
mod lines;
mod revocations;
pub mod subscriptions;
mod switchboard;
pub mod web_push;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use https::files::Listener;
use https::{Audience, Certificates, Chosen, Connections, NoRandom, Nonces, Places, Site};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use softtoken::address::ServerName;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use http::{Service, router};
pub use revocations::{Certified, NotTaken, Revoked};
use subscriptions::{Subscriptions, SubscriptionsError};
use switchboard::Switchboard;
use web_push::{WebPush, WebPushError};

/// Devices with the app open, and a few gateways. A phone network has thousands behind one address; whoever
/// takes all that one address can have leaves as many to others.
const fn places(listener: Listener) -> Places {
    Places {
        listener,
        connections: 12_000,
        of_one_host: 6_000,
    }
}
/// How often what is too late is thrown away.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Reads whom a certificate of the token server's authority names, if that is a gateway.
pub type CertifiedOf = fn(&CertificateDer<'_>) -> Option<Certified>;

/// What a relay needs.
#[derive(Debug)]
pub struct Config {
    /// The file of devices that are known.
    pub subscriptions: PathBuf,
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// As what it shares the files of its process: [`Listener::Relay`] or [`Listener::RelayAlone`].
    pub share: Listener,
    /// The names by which devices dial it; they sign one of them.
    pub names: Vec<ServerName>,
    /// Its certificate with those of its authorities.
    pub chain: Vec<CertificateDer<'static>>,
    /// The certificate's key.
    pub key: PrivateKeyDer<'static>,
    /// The token server's authority, which certifies gateways.
    pub authority: CertificateDer<'static>,
    /// How gateways are told from others that it certifies.
    pub certified_of: CertifiedOf,
    /// Which of them are not heard any more.
    pub revoked: Revoked,
    /// What browsers are shown in its place.
    pub chosen: Chosen,
    /// How closed apps are woken, if they are.
    pub web_push: Option<web_push::Config>,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file of devices.
    #[error(transparent)]
    Subscriptions(#[from] SubscriptionsError),
    /// TLS refuses the certificate.
    #[error("the relay's certificate and its key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The authority cannot be one.
    #[error("the certificate of the token server's authority cannot be used: {0}")]
    Authority(String),
    /// Web Push.
    #[error(transparent)]
    WebPush(#[from] WebPushError),
    /// The random source.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The address cannot be listened on.
    #[error("cannot listen for the push relay on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A relay that listens and does not answer yet.
#[expect(missing_debug_implementations, reason = "an acceptor has none")]
pub struct Relay {
    service: Arc<Service>,
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
    share: Listener,
    stop: watch::Sender<bool>,
}

impl Relay {
    /// Reads the devices and binds the listener. Needs a tokio runtime.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let subscriptions = Subscriptions::open(&config.subscriptions)?;
        let web_push = config.web_push.map(WebPush::open).transpose()?;
        let tls = ServerConfig::builder().with_client_cert_verifier(gateways(config.authority)?);
        let own = CertifiedKey::from_der(config.chain, config.key, tls.crypto_provider())?;
        let shown = Certificates::new(Arc::new(own), config.chosen, Audience::Browsers);
        let mut tls = tls.with_cert_resolver(Arc::new(shown));
        tls.alpn_protocols = protocols();
        let cannot = |source| OpenError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (stop, stopping) = watch::channel(false);
        let service = Service {
            subscriptions: Arc::new(subscriptions),
            switchboard: Arc::new(Switchboard::default()),
            web_push: web_push.map(Arc::new),
            nonces: Nonces::new()?,
            names: config.names,
            certified_of: config.certified_of,
            revoked: config.revoked,
            stopping,
        };
        Ok(Self {
            service: Arc::new(service),
            listener,
            address,
            tls: TlsAcceptor::from(Arc::new(tls)),
            share: config.share,
            stop,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Carries until `shutdown` is done; then streams end and running requests are answered.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            service,
            listener,
            tls,
            share,
            stop,
            ..
        } = self;
        let swept = Arc::clone(&service);
        let sweeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                swept.sweep();
            }
        });
        let site = Site {
            tls,
            router: router(service),
            connections: Connections::new(places(share)),
            admits: https::anywhere(),
            peer: |source, certificate| http::Peer {
                source,
                certificate: certificate.map(|it| it.clone().into_owned()),
            },
        };
        https::serve(listener, site, async move {
            shutdown.await;
            // Nobody listens any more if all streams have ended.
            let _ = stop.send(true);
        })
        .await;
        sweeper.abort();
    }
}

/// HTTP/1.1 alone: a phone has one stream on its connection, and HTTP/2 keeps another 10 KiB for the many that
/// it could have.
fn protocols() -> Vec<Vec<u8>> {
    let mut spoken = https::protocols();
    spoken.retain(|protocol| protocol != b"h2");
    spoken
}

/// Devices show no certificate; gateways show one of this authority.
fn gateways(authority: CertificateDer<'static>) -> Result<Arc<dyn ClientCertVerifier>, OpenError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()
        .map_err(|error| OpenError::Authority(error.to_string()))
}
