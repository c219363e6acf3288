//! RADIUS over TCP and TLS (RFC 6613, 6614): the same requests on connections, which bring order, long packets
//! and, over TLS, a client that proves who it is.
//!
//! Connections are tasks of the runtime; what they bring takes the way of the datagrams, and goes back by the
//! connection that it came by.

mod connection;
mod frame;
mod names;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::client::Transport;
use https::files::Listener;
use https::{Hosts, Place};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, warn};

use super::admission::Receiver;
use super::{Core, Parts, Shared};
use crate::seldom::Seldom;
use crate::web::certificate::Identity;
use crate::{clock, stopped};
use connection::Connection;
pub(super) use connection::Slot;

/// Connections at most, if the process has files for as many. One takes some 50 KiB, and a proxy needs a handful.
const CONNECTIONS_MAX: usize = 1_024;

/// Connections of one host at most: several proxies behind one address, or one that opens another for each 256
/// requests that wait.
const OF_ONE_HOST_MAX: usize = 64;

/// Connections at most that have not finished their handshake, half of all at most: who knows no secret and has no certificate takes no
/// more than these.
const HALF_OPEN_MAX: usize = 128;

/// The wait after a connection that was not accepted: a lasting failure must not take a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What TLS may name, the better first (RFC 9765, 3.3). Who names nothing speaks the second.
const ALPN_1_1: &[u8] = b"radius/1.1";
const ALPN_1_0: &[u8] = b"radius/1.0";

/// Where RADIUS is served by connections: nowhere unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct StreamConfig {
    /// Addresses for TCP.
    pub tcp: Vec<SocketAddr>,
    /// Addresses for TLS.
    pub tls: Vec<SocketAddr>,
    /// A PEM file with the authorities of the clients' certificates; read if TLS is served.
    pub client_authorities: PathBuf,
}

/// Why RADIUS is not served by connections.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// An address.
    #[error("cannot listen for RADIUS on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Nobody is known whose certificates would be taken.
    #[error("RADIUS over TLS knows no authority of its clients ('radius-client-ca'): {0}")]
    Authorities(String),
    /// The certificate of this unit.
    #[error("RADIUS over TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    /// The threads behind it.
    #[error("cannot start the threads of RADIUS: {0}")]
    Threads(io::Error),
}

/// Where connections are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamAddress {
    /// The address.
    pub address: SocketAddr,
    /// Whether TLS is spoken there, and not TCP alone.
    pub security: Security,
}

/// What protects a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// The shared secret alone.
    Secret,
    /// TLS, and certificates on both ends.
    Tls,
}

/// Running listeners.
pub struct StreamServer {
    shared: Arc<Shared>,
    addresses: Vec<StreamAddress>,
    answering: JoinHandle<()>,
    listening: Vec<tokio::task::JoinHandle<()>>,
}

impl std::fmt::Debug for StreamServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamServer")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl StreamServer {
    /// Binds and starts, if there is an address; it takes connections until `stopping` says otherwise.
    pub(crate) async fn start(
        config: &StreamConfig,
        identity: Identity,
        parts: &Parts,
        core: &Core,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Option<Self>, StreamError> {
        let tcp = config.tcp.iter().map(|address| (*address, None));
        let tls = match config.tls.as_slice() {
            [] => None,
            _ => Some(acceptor(&config.client_authorities, identity)?),
        };
        let over_tls = config.tls.iter().map(|address| (*address, tls.clone()));
        let wanted: Vec<_> = tcp.chain(over_tls).collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        let (shared, answering) = Shared::start(parts, core, None).map_err(StreamError::Threads)?;
        let connections = Listener::Radius.share(CONNECTIONS_MAX);
        let common = Arc::new(Common {
            receiver: Mutex::new(Receiver::new(Arc::clone(&shared))),
            shared: Arc::clone(&shared),
            hosts: Arc::new(Hosts::new(OF_ONE_HOST_MAX)),
            half_open: Arc::new(Semaphore::new(HALF_OPEN_MAX.min(connections / 2))),
            places: Arc::new(Semaphore::new(connections)),
            refused: Seldom::default(),
        });
        let (mut addresses, mut listening) = (Vec::new(), Vec::new());
        for (address, tls) in wanted {
            let cannot = |source| StreamError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(cannot)?;
            addresses.push(StreamAddress {
                address: listener.local_addr().map_err(cannot)?,
                security: tls.as_ref().map_or(Security::Secret, |_| Security::Tls),
            });
            let (common, stopping) = (Arc::clone(&common), stopping.clone());
            listening.push(tokio::spawn(listen(listener, tls, common, stopping)));
        }
        Ok(Some(Self {
            shared,
            addresses,
            answering,
            listening,
        }))
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[StreamAddress] {
        &self.addresses
    }

    /// Waits until the connections have brought their last answers; `stopping` has to say so first.
    pub(crate) async fn stop(self) {
        for listening in self.listening {
            if listening.await.is_err() {
                error!("a RADIUS listener panicked");
            }
        }
        self.shared.stop.store(true, Ordering::Release);
        let answering = self.answering;
        if tokio::task::spawn_blocking(|| answering.join())
            .await
            .is_err()
        {
            error!("a RADIUS thread panicked");
        }
    }
}

/// What all listeners and connections share.
struct Common {
    shared: Arc<Shared>,
    receiver: Mutex<Receiver>,
    hosts: Arc<Hosts>,
    half_open: Arc<Semaphore>,
    places: Arc<Semaphore>,
    refused: Seldom,
}

impl Common {
    fn receiver(&self) -> std::sync::MutexGuard<'_, Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among all connections, among its host's, and among those without a handshake.
    fn enter(&self, peer: SocketAddr) -> Option<Places> {
        Some(Places {
            half_open: Some(Arc::clone(&self.half_open).try_acquire_owned().ok()?),
            _of_host: self.hosts.enter(peer.ip())?,
            _of_all: Arc::clone(&self.places).try_acquire_owned().ok()?,
        })
    }

    fn refused(&self, peer: SocketAddr, why: &dyn std::fmt::Display) {
        if let Some(left_out) = self.refused.due(clock::now()) {
            warn!(%peer, %why, left_out, "a RADIUS connection is refused");
        }
    }
}

/// The places that a connection has taken; free again when dropped.
struct Places {
    /// Until the handshake is over.
    half_open: Option<OwnedSemaphorePermit>,
    _of_host: Place,
    _of_all: OwnedSemaphorePermit,
}

async fn listen(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    common: Arc<Common>,
    mut stopping: watch::Receiver<bool>,
) {
    let by = tls.as_ref().map_or(Transport::Tcp, |_| Transport::Tls);
    let mut connections = JoinSet::new();
    let ended = stopping.clone();
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => {}
            (stream, peer) = accept(&listener) => {
                if !common.receiver().knows(peer.ip(), by) {
                    continue;
                }
                let Some(places) = common.enter(peer) else {
                    common.refused(peer, &"too many connections");
                    continue;
                };
                let connection = Connection {
                    peer,
                    common: Arc::clone(&common),
                    places,
                    stopping: ended.clone(),
                };
                connections.spawn(connection.serve(stream, tls.clone()));
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                debug!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Every client shows a certificate (RFC 6614, 2.3).
fn acceptor(authorities: &Path, identity: Identity) -> Result<TlsAcceptor, StreamError> {
    let roots = identity::authorities(authorities).map_err(StreamError::Authorities)?;
    let verifier: Arc<dyn ClientCertVerifier> = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .map_err(|error| StreamError::Authorities(error.to_string()))?;
    let mut config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)
        .map_err(StreamError::Tls)?;
    config.alpn_protocols = vec![ALPN_1_1.to_vec(), ALPN_1_0.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
