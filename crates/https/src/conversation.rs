//! What is said on one connection, from the handshake to its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use crate::answering::Answering;
use crate::certificates::ALPN_ACME;
use crate::connections::Connection;
use crate::lasting::{Remainder, pour};
use crate::server::{ALPN_H2, DRAIN_DEADLINE, Site};

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

/// What is said on a connection.
pub(crate) struct Conversation<P> {
    pub(crate) source: SocketAddr,
    pub(crate) site: Site<P>,
    pub(crate) draining: watch::Receiver<()>,
}

/// On the heap: it is handed on from stage to stage, each of which would keep a place of its size.
type Tls = Box<TlsStream<TcpStream>>;
type Io = TokioIo<Tls>;

impl<P: Clone + Send + Sync + Unpin + 'static> Conversation<P> {
    /// As long as the connection has its place.
    pub(crate) async fn hold(self, stream: TcpStream, connection: Connection) {
        let (source, connection) = (self.source, Arc::new(connection));
        tokio::select! {
            () = self.serve(stream, &connection) => {}
            () = connection.shut() => tracing::debug!(%source, "connection made room for another"),
        }
    }

    /// Each stage has a future of its own, which is gone before the next one begins.
    async fn serve(mut self, stream: TcpStream, connection: &Arc<Connection>) {
        // Answers are small and complete: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let Some(stream) = Box::pin(self.handshake(stream)).await else {
            return;
        };
        let conversing: Pin<Box<dyn Future<Output = _> + Send>> =
            match stream.get_ref().1.alpn_protocol() {
                // RFC 8737, section 3: the handshake was the answer.
                Some(ALPN_ACME) => return,
                Some(ALPN_H2) => Box::pin(self.serve_http2(stream, connection)),
                _ => Box::pin(self.serve_http1(stream, connection)),
            };
        if let Some((stream, body)) = conversing.await {
            self.go_on(stream, body).await;
        }
    }

    async fn handshake(&self, stream: TcpStream) -> Option<Tls> {
        match timeout(HANDSHAKE_DEADLINE, self.site.tls.accept(stream)).await {
            Ok(Ok(stream)) => return Some(Box::new(stream)),
            Ok(Err(error)) => tracing::debug!(source = %self.source, %error, "handshake failed"),
            Err(_) => tracing::debug!(source = %self.source, "handshake took too long"),
        }
        None
    }

    async fn serve_http2(
        &mut self,
        stream: Tls,
        connection: &Arc<Connection>,
    ) -> Option<(Tls, Answering)> {
        let service = self.service(&stream, connection, None);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL);
        let mut http = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
        self.until_end(&mut http, connection).await;
        None
    }

    /// What is left to be sent when HTTP has ended, and over what.
    async fn serve_http1(
        &mut self,
        stream: Tls,
        connection: &Arc<Connection>,
    ) -> Option<(Tls, Answering)> {
        let remainder = Remainder::default();
        let service = self.service(&stream, connection, Some(remainder.clone()));
        let mut builder = http1::Builder::new();
        builder
            // Some clients look for `Set-Cookie` in these very letters.
            .title_case_headers(true)
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_DEADLINE);
        let mut http = builder.serve_connection(TokioIo::new(stream), service);
        let ended = self.until_end(&mut http, connection).await;
        let mut stream = http.into_parts().io.into_inner();
        match remainder.take() {
            Some(body) if ended == Ended::InOrder => Some((stream, body)),
            _ => {
                // Whoever is gone does not hear of the end.
                let _ = timeout(DRAIN_DEADLINE, stream.shutdown()).await;
                None
            }
        }
    }

    /// Answers from the site's paths; what lasts goes into the remainder, if there is one.
    fn service(
        &self,
        stream: &Tls,
        connection: &Arc<Connection>,
        remainder: Option<Remainder>,
    ) -> impl Service + use<P> {
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(|chain| chain.first());
        let peer = (self.site.peer)(self.source.ip(), certificate);
        let (router, place) = (self.site.router.clone(), Arc::clone(connection));
        service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let (router, under_way) = (router.clone(), place.request());
            let remainder = remainder.clone();
            Box::pin(async move {
                let Ok(answer) = router.oneshot(request).await;
                let answer = answer.map(|body| Answering::new(body, under_way));
                Ok(match remainder {
                    Some(remainder) => remainder.split_off(answer),
                    None => answer,
                })
            })
        })
    }

    async fn until_end(&mut self, http: &mut impl Http, connection: &Connection) -> Ended {
        let ended = tokio::select! {
            outcome = poll_fn(|context| http.poll(context)) => Some(outcome),
            // An error means that the sender is gone: the server drains.
            _ = self.draining.changed() => None,
            () = sleep(CONNECTION_LIFE) => None,
            // In HTTP/2 the peer's answers to pings keep it open, and no deadline is on the next head.
            () = connection.idle(IDLE_DEADLINE) => None,
        };
        let ended = match ended {
            Some(outcome) => Ok(outcome),
            None => {
                http.take_no_more();
                timeout(DRAIN_DEADLINE, poll_fn(|context| http.poll(context))).await
            }
        };
        match ended {
            Ok(Ok(())) => return Ended::InOrder,
            Ok(Err(error)) => tracing::debug!(source = %self.source, %error, "connection ended"),
            Err(_) => tracing::debug!(source = %self.source, "connection cut"),
        }
        Ended::Cut
    }

    /// The rest of an answer that lasts.
    async fn go_on(&self, mut stream: Tls, body: Answering) {
        let poured = timeout(CONNECTION_LIFE, pour(body, &mut stream)).await;
        if let Ok(Err(error)) = poured {
            tracing::debug!(source = %self.source, %error, "an answer ended before its end");
        }
        // Whoever is gone does not hear of the end.
        let _ = timeout(DRAIN_DEADLINE, stream.shutdown()).await;
    }
}

/// What hyper asks for answers.
trait Service:
    HttpService<Incoming, ResBody = Answering, Error = Infallible, Future: Send + Unpin + 'static>
    + Unpin
{
}

impl<S> Service for S where
    S: HttpService<
            Incoming,
            ResBody = Answering,
            Error = Infallible,
            Future: Send + Unpin + 'static,
        > + Unpin
{
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    InOrder,
    Cut,
}

/// A connection as hyper drives it.
trait Http {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>>;

    /// What is under way is answered, and nothing more.
    fn take_no_more(&mut self);
}

impl<S: Service> Http for http1::Connection<Io, S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.poll_without_shutdown(context)
    }

    fn take_no_more(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<S: Service> Http for Pin<Box<http2::Connection<Io, S, TokioExecutor>>> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Future::poll(self.as_mut(), context)
    }

    fn take_no_more(&mut self) {
        self.as_mut().graceful_shutdown();
    }
}
