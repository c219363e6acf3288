//! Connections: accepted up to a limit, each with deadlines, drained at the end.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::certificates::ALPN_ACME;
use crate::connections::Connections;
use crate::conversation::Conversation;

pub(crate) const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// How long running requests may take to end, at a shutdown or at the end of a connection's life.
pub(crate) const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served to whom.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "an acceptor has none")]
pub struct Site<P> {
    /// With [`protocols`], and a verifier of client certificates where they are wanted.
    pub tls: TlsAcceptor,
    /// Paths and what answers them.
    pub router: Router,
    /// Those that are open: the same where several addresses are one listener's.
    pub connections: Arc<Connections>,
    /// Whether a connection may come to this local address.
    pub admits: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// What handlers learn of a peer, from its address and its verified certificate.
    pub peer: fn(IpAddr, Option<&CertificateDer<'_>>) -> P,
}

/// For [`Site::admits`]: where a connection comes to does not matter.
pub fn anywhere() -> Arc<dyn Fn(IpAddr) -> bool + Send + Sync> {
    Arc::new(|_| true)
}

/// What [`serve`] speaks, as ALPN names it (RFC 7301).
pub fn protocols() -> Vec<Vec<u8>> {
    [ALPN_H2, ALPN_HTTP1, ALPN_ACME].map(<[u8]>::to_vec).into()
}

/// Serves until `shutdown` is done and every connection has ended, or was given 10 s to.
pub async fn serve<P: Clone + Send + Sync + Unpin + 'static>(
    listener: TcpListener,
    site: Site<P>,
    shutdown: impl Future<Output = ()>,
) {
    let (drain, draining) = watch::channel(());
    let mut conversations = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = conversations.join_next() => {}
            (stream, source) = accept(&listener) => {
                if !stream.local_addr().is_ok_and(|local| (site.admits)(local.ip())) {
                    tracing::debug!(%source, "a connection came to an address that is closed");
                    continue;
                }
                let Some(connection) = site.connections.enter(source.ip()) else {
                    tracing::debug!(%source, "too many connections, and requests under way on all");
                    continue;
                };
                let conversation = Conversation {
                    source,
                    site: site.clone(),
                    draining: draining.clone(),
                };
                conversations.spawn(conversation.hold(stream, connection));
            }
        }
    }
    drop(listener);
    drop(draining);
    drop(drain);
    let ended = timeout(DRAIN_DEADLINE, async {
        while conversations.join_next().await.is_some() {}
    });
    if ended.await.is_err() {
        tracing::warn!(left = conversations.len(), "connections cut at shutdown");
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
