//! The manager: passes on what gateways ask of a token server that they do not reach themselves.
//!
//! It is trusted with the gateways of one account, and with nothing else. It shows the token server the
//! certificate of the gateway that asks, which it has from TLS, so it asks as nobody who did not come to
//! it; gateways know it by an authority of its own, so it passes for no token server.

mod relay;
mod upstream;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use https::Site;
use identity::Keeper;
use rustls::RootCertStore;
use softtoken::address::ServerName;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::relay::{Asker, Relay};
use self::upstream::Upstream;
use crate::clock::Clock;
use crate::pki::Pki;
use crate::registry::{Clients, OpenError, PLACES, bind, tls, verifier};

/// How often it is looked whether the manager's certificate is to be renewed.
const TICK: Duration = Duration::from_secs(10);

/// What a manager needs.
#[derive(Debug)]
pub struct ManagerConfig {
    /// The directory of its own authority (`pki/`).
    pub data: PathBuf,
    /// Where it listens for gateways; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Names and addresses under which gateways reach it. The loopback addresses always are.
    pub names: Vec<ServerName>,
    /// The token server, such as `https://tokens.example.org:8443`.
    pub token_server: String,
    /// Who vouches for the token server, and for gateways.
    pub roots: RootCertStore,
    /// Who it is there.
    pub identity: Arc<Keeper>,
    /// Where it reads the time.
    pub clock: Clock,
}

/// A manager that listens and does not answer yet.
pub struct Manager {
    relay: Arc<Relay>,
    keeper: Arc<Keeper>,
    upstream: Arc<Upstream>,
    clock: Clock,
    tls: TlsAcceptor,
    listener: TcpListener,
    address: SocketAddr,
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Manager {
    /// Opens or creates everything under `config.data` and binds the listener. Needs a tokio runtime.
    pub async fn open(config: ManagerConfig) -> Result<Self, OpenError> {
        let ManagerConfig {
            data,
            listen,
            names,
            token_server,
            roots,
            identity: keeper,
            clock,
        } = config;
        let pki = Pki::open_or_create(&data.join("pki"))?;
        let tls = tls(&pki, &names, verifier(roots.clone(), Clients::Any)?)?;
        let upstream = Upstream::new(token_server, roots, Arc::clone(&keeper));
        let upstream = Arc::new(upstream.map_err(OpenError::Tls)?);
        let relay = Arc::new(Relay::new(Arc::clone(&upstream)));
        let (listener, address) = bind(listen).await?;
        Ok(Self {
            relay,
            keeper,
            upstream,
            clock,
            tls,
            listener,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is done, and lets running requests end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            relay,
            keeper,
            upstream,
            clock,
            tls,
            listener,
            ..
        } = self;
        let tending = tokio::spawn(keep_certified(keeper, upstream, clock));
        let site = Site {
            tls,
            router: relay::router(relay),
            places: PLACES,
            peer: Asker::new,
            admits: https::anywhere(),
        };
        https::serve(listener, site, shutdown).await;
        tending.abort();
    }
}

/// Keeps the manager's certificate from ending.
async fn keep_certified(keeper: Arc<Keeper>, upstream: Arc<Upstream>, clock: Clock) {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        let ways = std::slice::from_ref(&*upstream);
        if let Some(told) = keeper.tend(ways, clock.now()).await {
            tracing::warn!("certificate: {told}");
        }
    }
}
