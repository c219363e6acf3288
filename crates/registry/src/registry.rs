use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use https::files::Listener;
use https::{Audience, Certificates, Chosen, Connections, NoRandom, Nonces, Places, Site};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use softtoken::address::{ServerName, ServerUrl};
use softtoken::link::SpkiPin;
use store::Health;
use store::registry::{RegistryStore, StoreError};
use store::sealing::{RootKey, RootKeyError};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::desk::Desk;
use crate::desk_api::{self, DeskApi, DeskCommands};
use crate::http::{Peer, router};
use crate::pki::{Pki, PkiError, ServerIdentity};
use crate::process::known;
use crate::revocations::LastList;
use crate::transfer::MAX_UNPROVEN;
use crate::transfer_hosts::TransferHosts;
use crate::tries::{MAX_WRONG, Tries};
use crate::vouched::Vouched;
use crate::ways::Ways;

/// Gateways and phones. Thousands may stand behind one address.
pub(crate) const PLACES: Places = Places {
    listener: Listener::TokenServer,
    connections: 1_024,
    of_one_host: 1_024,
};

/// How often ended codes lose their secrets.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// What a registry needs before it has a store.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory of its database (`registry.db`) and certificates (`pki/`).
    pub data: PathBuf,
    /// The file of the root key. It is made if neither it nor the database is there.
    pub root_key: PathBuf,
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where phones and gateways reach it, as QR codes say.
    pub public_url: ServerUrl,
    /// Other names under which it is reached. The loopback addresses always are.
    pub other_names: Vec<ServerName>,
    /// Where phones and gateways reach the push relay, if there is one.
    pub relay: Option<ServerUrl>,
    /// Where gateways take answers to pushes themselves, as far as the web app may ask there.
    pub answer_urls: Vec<ServerUrl>,
    /// Where gateways are called about tokens that move.
    pub transfer_hosts: TransferHosts,
    /// What browsers are shown in place of a certificate of its own authority.
    pub chosen: Chosen,
    /// Where it reads the time.
    pub clock: Clock,
}

/// Why a registry does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory.
    #[error("{}: {source}", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// TLS refuses the certificates.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The random source.
    #[error("{0}")]
    Random(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// An address that cannot stand in a header.
    #[error(
        "the addresses of the push relay and the gateways cannot stand in the web app's policy"
    )]
    Policy,
}

/// What requests are answered from.
pub(crate) struct Service {
    pub(crate) store: Arc<RegistryStore>,
    pub(crate) clock: Clock,
    pub(crate) pki: Arc<Pki>,
    pub(crate) vouched: Vouched,
    pub(crate) link: LinkParts,
    pub(crate) own_names: Vec<ServerName>,
    pub(crate) relay: Option<ServerUrl>,
    pub(crate) transfer_hosts: TransferHosts,
    /// The Content-Security-Policy of the web app.
    pub(crate) app_policy: HeaderValue,
    pub(crate) nonces: Nonces,
    pub(crate) ways: Ways,
    /// Wrong activation codes.
    pub(crate) tries: Tries,
    /// Wishes that their gateways found to be nobody's.
    pub(crate) wish_tries: Tries,
    pub(crate) last_list: LastList,
    /// Wrong enrolment codes: phones and gateways behind one address do not pay for each other.
    pub(crate) enrolment_tries: Tries,
}

/// How phones reach a token server.
pub(crate) struct Front {
    /// As QR codes say.
    pub(crate) public_url: ServerUrl,
    /// The names in what phones sign.
    pub(crate) own_names: Vec<ServerName>,
    /// Where the push relay is.
    pub(crate) relay: Option<ServerUrl>,
    /// Where else the web app may leave answers to pushes.
    pub(crate) answer_urls: Vec<ServerUrl>,
    /// Where gateways are called.
    pub(crate) transfer_hosts: TransferHosts,
}

impl Front {
    fn app_policy(&self) -> Result<HeaderValue, OpenError> {
        let others = self.relay.iter().chain(&self.answer_urls);
        let policy = webapp::content_security_policy(others.map(ToString::to_string));
        HeaderValue::try_from(policy).map_err(|_| OpenError::Policy)
    }
}

impl Service {
    pub(crate) fn new(
        store: Arc<RegistryStore>,
        vouched: Vouched,
        clock: Clock,
        pki: Arc<Pki>,
        front: Front,
    ) -> Result<Self, OpenError> {
        let random = |error: NoRandom| OpenError::Random(error.to_string());
        let app_policy = front.app_policy()?;
        let link = LinkParts {
            server: front.public_url,
            pin: pki.pin(),
        };
        Ok(Self {
            store,
            clock,
            pki,
            vouched,
            link,
            own_names: front.own_names,
            relay: front.relay,
            transfer_hosts: front.transfer_hosts,
            app_policy,
            nonces: Nonces::new().map_err(random)?,
            ways: Ways::default(),
            tries: Tries::new(MAX_WRONG),
            wish_tries: Tries::new(MAX_UNPROVEN),
            last_list: LastList::default(),
            enrolment_tries: Tries::new(MAX_WRONG),
        })
    }
}

/// What every QR code says.
#[derive(Clone, Debug)]
pub(crate) struct LinkParts {
    pub(crate) server: ServerUrl,
    pub(crate) pin: SpkiPin,
}

/// A token server that listens and does not answer yet.
pub struct Registry {
    service: Arc<Service>,
    pki: Arc<Pki>,
    pub(crate) tls: TlsAcceptor,
    pub(crate) listener: TcpListener,
    address: SocketAddr,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Opens or creates everything under `config.data` and binds the listener. Needs a tokio runtime.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        store::private_file::create_directory(&config.data).map_err(|source| OpenError::Data {
            path: config.data.clone(),
            source,
        })?;
        let own_names = own_names(&config);
        let pki = Pki::open_or_create(&config.data.join("pki"), &certified_names(&config))?;
        let pki = Arc::new(pki);
        let verifier = own_verifier(&pki, Clients::Any)?;
        let tls = tls(&pki, &own_names, verifier, config.chosen.clone())?;
        let database = config.data.join("registry.db");
        let store = Arc::new(open_store(&database, &config.root_key).await?);
        let (listener, address) = bind(config.listen).await?;
        let vouched = Vouched::by(own_verifier(&pki, Clients::Certified)?);
        let front = Front {
            public_url: config.public_url,
            own_names,
            relay: config.relay,
            answer_urls: config.answer_urls,
            transfer_hosts: config.transfer_hosts,
        };
        let service = Service::new(store, vouched, config.clock, Arc::clone(&pki), front)?;
        Ok(Self {
            service: Arc::new(service),
            pki,
            tls,
            listener,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The installation's certificates.
    pub fn pki(&self) -> Arc<Pki> {
        Arc::clone(&self.pki)
    }

    /// Customer service; may be kept while the registry runs. The database's lock is held until the
    /// last desk is dropped, too.
    pub fn desk(&self) -> Desk {
        let Service {
            store,
            clock,
            pki,
            vouched,
            ..
        } = &*self.service;
        Desk::new(
            Arc::clone(store),
            clock.clone(),
            Arc::clone(pki),
            vouched.clone(),
        )
    }

    /// Binds the desk's own listener, where agents with certificates have `commands` carried out. It
    /// may be kept and run while the registry runs.
    pub async fn desk_api(
        &self,
        address: SocketAddr,
        commands: impl DeskCommands,
    ) -> Result<DeskApi, OpenError> {
        let verifier = own_verifier(&self.pki, Clients::Certified)?;
        // Agents trust this authority alone.
        let chosen = Chosen::default();
        let tls = tls(&self.pki, &self.service.own_names, verifier, chosen)?;
        let (listener, address) = bind(address).await?;
        let router = desk_api::router(self.desk(), commands);
        Ok(DeskApi::new(listener, address, tls, router))
    }

    /// Whether writes get through.
    pub fn health(&self) -> Health {
        self.service.store.health()
    }

    /// Answers until `shutdown` is done, lets running requests end, and closes the database.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            service,
            tls,
            listener,
            ..
        } = self;
        let store = Arc::clone(&service.store);
        let sweeper = tokio::spawn(sweep(Arc::clone(&service)));
        let site = Site {
            tls,
            router: router(service),
            connections: Connections::new(PLACES),
            admits: https::anywhere(),
            peer: Peer::new,
        };
        https::serve(listener, site, shutdown).await;
        sweeper.abort();
        let closed = tokio::task::spawn_blocking(move || store.shutdown()).await;
        if let Err(error) = closed {
            tracing::error!(%error, "the registry's store was not closed cleanly");
        }
    }
}

/// A lost root key must not be replaced silently: what it sealed would be lost.
pub(crate) async fn open_store(path: &Path, root_key: &Path) -> Result<RegistryStore, OpenError> {
    let root = if path.exists() {
        RootKey::load(root_key)?
    } else {
        RootKey::load_or_create(root_key)?
    };
    Ok(RegistryStore::open(path, &root).await?)
}

pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), OpenError> {
    let cannot = |source| OpenError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    Ok((listener, bound))
}

fn own_names(config: &Config) -> Vec<ServerName> {
    let mut names = vec![config.public_url.name().clone()];
    names.extend(config.other_names.iter().cloned());
    names
}

/// For which the authority certifies servers: this one, and the push relay.
fn certified_names(config: &Config) -> Vec<ServerName> {
    let relay = config.relay.as_ref().map(ServerUrl::name);
    own_names(config)
        .into_iter()
        .chain(relay.cloned())
        .collect()
}

/// Who may connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clients {
    /// Apps have no certificate. Where one is needed is the router's to say.
    Any,
    /// Who has a certificate of this authority.
    Certified,
}

/// The judge of clients that this authority vouches for.
fn own_verifier(pki: &Pki, clients: Clients) -> Result<Arc<dyn ClientCertVerifier>, OpenError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(pki.authority())
        .map_err(|error| OpenError::Tls(error.to_string()))?;
    verifier(roots, clients)
}

/// The judge of clients that one of `roots` vouches for.
pub(crate) fn verifier(
    roots: RootCertStore,
    clients: Clients,
) -> Result<Arc<dyn ClientCertVerifier>, OpenError> {
    let provider = Arc::new(default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match clients {
        Clients::Any => builder.allow_unauthenticated(),
        Clients::Certified => builder,
    };
    builder
        .build()
        .map_err(|error| OpenError::Tls(error.to_string()))
}

pub(crate) fn tls(
    pki: &Pki,
    names: &[ServerName],
    verifier: Arc<dyn ClientCertVerifier>,
    chosen: Chosen,
) -> Result<TlsAcceptor, OpenError> {
    let broken = |error: &dyn std::fmt::Display| OpenError::Tls(error.to_string());
    let ServerIdentity { chain, key } = pki.issue_server(names)?;
    let provider = Arc::new(default_provider());
    let own = CertifiedKey::from_der(chain, key, &provider).map_err(|e| broken(&e))?;
    let shown = Certificates::new(Arc::new(own), chosen, Audience::Browsers);
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| broken(&e))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = https::protocols();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

pub(crate) async fn sweep(service: Arc<Service>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = known(service.store.sweep(service.clock.now()).await) {
            tracing::warn!(%error, "ended codes keep their secrets until the next try");
        }
    }
}
