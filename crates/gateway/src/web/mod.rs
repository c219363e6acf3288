//! HTTPS of the gateway: logins of VPN clients (`logincheck`), and those that applications have checked
//! (`verification`).

pub(crate) mod certificate;
mod logincheck;
mod verification;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use domain::interface;
use https::files::Listener;
use https::{Audience, Certificates, Chosen, Connections, Places, Site};
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use store::gateway::GatewayStore;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tracing::info;

pub(crate) use logincheck::again as logincheck_again;

use crate::clock::NoEntropy;
use crate::login::{AwaitedLogins, Backends, SecondFactors};
use crate::seldom::Seldom;
use crate::stopped;
use crate::{allow_access, clock};
pub use certificate::{CertificateError, Pin};
pub(crate) use certificate::{Identity, pin_of};
pub(crate) use verification::CredentialGuesses;

/// People behind one address share it: a company's network, or a proxy before this listener. A login takes a
/// second or two, so 64 of them are thousands in an hour.
const PLACES: Places = Places {
    listener: Listener::Logins,
    connections: 1_024,
    of_one_host: 64,
};

/// Beside the identity for VPN clients.
const PUSH_IDENTITY: &str = "ftm-push.pem";

/// Where HTTPS is served: nowhere unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// Addresses to listen on; nobody is served without.
    pub addresses: Vec<SocketAddr>,
    /// A PEM file with a certificate chain and its key, made if it is not there.
    pub identity: PathBuf,
    /// What clients are shown in its place, once an administrator chose it.
    pub chosen: Chosen,
}

/// Why HTTPS is not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// An address.
    #[error("cannot listen for HTTPS on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The threads that hash passwords.
    #[error("cannot start the threads that hash passwords: {0}")]
    Threads(io::Error),
    /// The key of tickets.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// A running listener.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// Where.
    pub address: SocketAddr,
    /// What its certificate's key is known by.
    pub pin: Pin,
}

/// What phones are shown that answer pushes; made if it is not there. Each push names its key, so that its
/// names do not matter.
pub(crate) fn push_identity(config: &WebConfig) -> Result<Identity, WebError> {
    let path = config.identity.with_file_name(PUSH_IDENTITY);
    Ok(certificate::load_or_create(&path, &[])?)
}

/// Serves until `stopping` says otherwise.
pub(crate) async fn start(
    config: &WebConfig,
    store: &Arc<GatewayStore>,
    backends: &Arc<Backends>,
    factors: &SecondFactors,
    guesses: &Arc<CredentialGuesses>,
    stopping: &watch::Receiver<bool>,
) -> Result<(Vec<Served>, Vec<JoinHandle<()>>), WebError> {
    if config.addresses.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let identity = certificate::load_or_create(&config.identity, &config.addresses)?;
    let tls = acceptor(identity.chain, identity.key, config.chosen.clone())?;
    let logins = AwaitedLogins::start(store, backends, factors).map_err(WebError::Threads)?;
    let logins = Arc::new(logins);
    let applications =
        verification::Door::new(Arc::clone(&logins), Arc::clone(store), Arc::clone(guesses))?;
    let router =
        logincheck::router(logins, Arc::clone(store)).merge(verification::router(applications));
    let site = Site {
        tls,
        router,
        connections: Connections::new(PLACES),
        admits: admits(Arc::clone(store)),
        peer: |source, _| Visitor(source),
    };
    let (mut served, mut tasks) = (Vec::new(), Vec::new());
    for address in &config.addresses {
        let cannot = |source| WebError::Listen {
            address: *address,
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        served.push(Served {
            address: listener.local_addr().map_err(cannot)?,
            pin: identity.pin,
        });
        tasks.push(tokio::spawn(serve(
            listener,
            site.clone(),
            stopping.clone(),
        )));
    }
    Ok((served, tasks))
}

/// `set allowaccess` of the interface that has the address.
fn admits(store: Arc<GatewayStore>) -> Arc<dyn Fn(IpAddr) -> bool + Send + Sync> {
    let refusals = Seldom::default();
    Arc::new(move |local| {
        let admitted = allow_access::permits(&store, local, interface::Service::Https);
        if !admitted && let Some(left_out) = refusals.due(clock::now()) {
            info!(%local, left_out, "an HTTPS connection came to an interface without 'allowaccess https'");
        }
        admitted
    })
}

async fn serve(listener: TcpListener, site: Site<Visitor>, mut stopping: watch::Receiver<bool>) {
    https::serve(listener, site, async move { stopped(&mut stopping).await }).await;
}

/// From where a request comes.
#[derive(Clone, Copy, Debug)]
struct Visitor(IpAddr);

pub(crate) fn acceptor(
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
    chosen: Chosen,
) -> Result<TlsAcceptor, CertificateError> {
    let config = ServerConfig::builder().with_no_client_auth();
    let own = CertifiedKey::from_der(chain, key, config.crypto_provider());
    let own = Arc::new(own.map_err(CertificateError::Pair)?);
    let shown = Certificates::new(own, chosen, Audience::Everybody);
    let mut config = config.with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = https::protocols();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
