//! The manager: passes on what gateways ask of a token server that they do not reach themselves.
//!
//! It is trusted with the gateways of one account, and with nothing else. It shows the token server the
//! certificate of the gateway that asks, which it has from TLS, so it asks as nobody who did not come to
//! it; gateways know it by an authority of its own, so it passes for no token server. What it has in its
//! reserve it gives out itself.

mod keep;
mod polls;
mod relay;
mod upstream;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use https::{Chosen, Connections, Site};
use identity::Keeper;
use rustls::RootCertStore;
use softtoken::address::{ServerName, ServerUrl};
use store::registry::StoreError;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use self::keep::ReserveDesk;
use self::keep::{Exchanges, Keep};
use self::relay::{Asker, Relay};
use self::upstream::Upstream;
use crate::clock::Clock;
use crate::pki::{Pki, host};
use crate::process::known;
use crate::registry::{
    Clients, Front, OpenError, PLACES, Service, bind, open_store, sweep, tls, verifier,
};
use crate::transfer_hosts::TransferHosts;
use crate::vouched::Vouched;

/// How often it is looked whether the manager's certificate is to be renewed.
const TICK: Duration = Duration::from_secs(10);

/// What a manager needs.
#[derive(Debug)]
pub struct ManagerConfig {
    /// The directory of its own authority (`pki/`) and its reserve (`reserve.db`).
    pub data: PathBuf,
    /// The file of the root key, which seals what is secret in the reserve. It is made if neither it nor the
    /// reserve is there.
    pub root_key: PathBuf,
    /// Where it listens for gateways; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Names and addresses under which gateways reach it. The loopback addresses always are.
    pub names: Vec<ServerName>,
    /// Where phones reach it, as QR codes say of tokens that it gives out; none for its address.
    pub phones: Option<ServerUrl>,
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
    keep: Arc<Keep>,
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
            root_key,
            listen,
            names,
            phones,
            token_server,
            roots,
            identity: keeper,
            clock,
        } = config;
        let upstream = Upstream::new(token_server, roots.clone(), Arc::clone(&keeper));
        let upstream = Arc::new(upstream.map_err(OpenError::Tls)?);
        let store = Arc::new(open_store(&data.join("reserve.db"), &root_key).await?);
        let begun = known(store.begin_record(keeper.product()).await);
        begun.map_err(StoreError::Undecided)?;
        let (listener, address) = bind(listen).await?;
        let front = front(phones, &names, address)?;
        let tls_names: Vec<_> = names.iter().chain(&front.own_names).cloned().collect();
        let pki = Arc::new(Pki::open_or_create(&data.join("pki"), &tls_names)?);
        let clients = verifier(roots.clone(), Clients::Any)?;
        let tls = tls(&pki, &tls_names, clients, Chosen::default())?;
        let vouched = Vouched::by(verifier(roots.clone(), Clients::Certified)?);
        let local = Service::new(store, vouched, clock.clone(), pki, front)?;
        let keep = Arc::new(Keep {
            own: keeper.product(),
            local: Arc::new(local),
            upstream: Arc::clone(&upstream),
            identity: Arc::clone(&keeper),
            authorities: roots,
            exchanges: Exchanges::default(),
        });
        let relay = Relay::new(Arc::clone(&upstream), Arc::clone(&keep));
        Ok(Self {
            relay: Arc::new(relay),
            keep,
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

    /// Its reserve; may be kept while the manager runs. The database's lock is held until it is dropped, too.
    pub fn reserve(&self) -> ReserveDesk {
        ReserveDesk(Arc::clone(&self.keep))
    }

    /// Answers until `shutdown` is done, lets running requests end, and closes the reserve.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            relay,
            keep,
            keeper,
            upstream,
            clock,
            tls,
            listener,
            ..
        } = self;
        let tending = tokio::spawn(keep_certified(keeper, upstream, clock));
        let sweeping = tokio::spawn(sweep(Arc::clone(&keep.local)));
        let store = Arc::clone(&keep.local.store);
        let settling = tokio::spawn(async move { keep.run().await });
        let site = Site {
            tls,
            router: relay::router(relay),
            connections: Connections::new(PLACES),
            peer: Asker::new,
            admits: https::anywhere(),
        };
        https::serve(listener, site, shutdown).await;
        for task in [tending, sweeping, settling] {
            task.abort();
        }
        let closed = tokio::task::spawn_blocking(move || store.shutdown()).await;
        if let Err(error) = closed {
            tracing::error!(%error, "the reserve was not closed cleanly");
        }
    }
}

/// Where phones reach it, and what they may call it in what they sign.
fn front(
    phones: Option<ServerUrl>,
    names: &[ServerName],
    address: SocketAddr,
) -> Result<Front, OpenError> {
    let broken = |error: &dyn std::fmt::Display| OpenError::Tls(error.to_string());
    let at_port = |name: &ServerName| match host(name) {
        v6 if v6.contains(':') => format!("https://[{v6}]:{}", address.port()),
        host => format!("https://{host}:{}", address.port()),
    };
    let text = names
        .first()
        .map_or_else(|| format!("https://{address}"), at_port);
    let public_url = match phones {
        Some(url) => url,
        None => ServerUrl::parse(&text).map_err(|error| broken(&error))?,
    };
    let own_names = vec![public_url.name().clone()];
    Ok(Front {
        public_url,
        own_names,
        // Phones that reach a manager alone reach no relay.
        relay: None,
        answer_urls: Vec::new(),
        // Tokens of its reserve do not move.
        transfer_hosts: TransferHosts::default(),
    })
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
