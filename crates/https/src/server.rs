//! Connections: accepted up to a limit, each with deadlines, drained at the end.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use crate::answering::Answering;
use crate::certificates::ALPN_ACME;
use crate::connections::{Connection, Connections};

const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// A handshake is two round trips; a phone far away takes well below a second for each.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// From the last answer, or the handshake, to the end of the next request's head.
const IDLE_DEADLINE: Duration = Duration::from_secs(15);
/// However busy: then the peer connects again, and dead peers and old certificates are forgotten.
const CONNECTION_LIFE: Duration = Duration::from_mins(10);
/// A live HTTP/2 peer answers a ping in this time.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Requests of one connection at a time.
const STREAMS: u32 = 32;
/// How long running requests may take to end, at a shutdown or at the end of a connection's life.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
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
pub async fn serve<P: Clone + Send + Sync + 'static>(
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

/// What is said on a connection.
struct Conversation<P> {
    source: SocketAddr,
    site: Site<P>,
    draining: watch::Receiver<()>,
}

impl<P: Clone + Send + Sync + 'static> Conversation<P> {
    /// As long as the connection has its place.
    async fn hold(self, stream: TcpStream, connection: Connection) {
        let (source, connection) = (self.source, Arc::new(connection));
        tokio::select! {
            () = self.serve(stream, &connection) => {}
            () = connection.shut() => tracing::debug!(%source, "connection made room for another"),
        }
    }

    async fn serve(self, stream: TcpStream, connection: &Arc<Connection>) {
        // Answers are small and complete: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        match timeout(HANDSHAKE_DEADLINE, self.site.tls.accept(stream)).await {
            // RFC 8737, section 3: the handshake was the answer.
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(ALPN_ACME) => {}
            Ok(Ok(stream)) => self.serve_http(stream, connection).await,
            Ok(Err(error)) => tracing::debug!(source = %self.source, %error, "handshake failed"),
            Err(_) => tracing::debug!(source = %self.source, "handshake took too long"),
        }
    }

    async fn serve_http(mut self, stream: TlsStream<TcpStream>, connection: &Arc<Connection>) {
        let builder = http(&stream);
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(|chain| chain.first());
        let peer = (self.site.peer)(self.source.ip(), certificate);
        let router = self.site.router;
        let place = Arc::clone(connection);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let (router, under_way) = (router.clone(), place.request());
            async move {
                let answer: Result<_, Infallible> = router.oneshot(request).await;
                answer.map(|answer| answer.map(|body| Answering::new(body, under_way)))
            }
        });
        let mut http = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            outcome = http.as_mut() => Some(outcome),
            // An error means that the sender is gone: the server drains.
            _ = self.draining.changed() => None,
            () = sleep(CONNECTION_LIFE) => None,
            // In HTTP/2 the peer's answers to pings keep it open, and no deadline is on the next head.
            () = connection.idle(IDLE_DEADLINE) => None,
        };
        let ended = match ended {
            Some(outcome) => Ok(outcome),
            None => {
                http.as_mut().graceful_shutdown();
                timeout(DRAIN_DEADLINE, http).await
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(source = %self.source, %error, "connection ended"),
            Err(_) => tracing::debug!(source = %self.source, "connection cut"),
        }
    }
}

fn http(stream: &TlsStream<TcpStream>) -> auto::Builder<TokioExecutor> {
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_H2);
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut builder = if is_h2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    };
    builder
        .http1()
        // Some clients look for `Set-Cookie` in these very letters.
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_DEADLINE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    builder
}
