//! Messages in, answers and streams out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use https::body::{self, BodyError, Limit};
use https::{Nonces, NotOurs};
use ident::ProductSerial;
use rustls::pki_types::CertificateDer;
use softtoken::address::ServerName;
use softtoken::push::{
    PushAcceptedResponse, PushDeviceRequest, PushDeviceResponse, PushListenRequest,
    PushLoginRequest, PushNonceResponse, PushRequest, PushResponse, PushSubscribeRequest,
    PushWebKeyResponse, verify_listener, verify_subscriber,
};
use softtoken::{MessageError, PUSH_PATH, ServerError};
use tokio::sync::watch;

use crate::CertifiedOf;
use crate::clock::now_unix;
use crate::events::Events;
use crate::revocations::{Certified, Revoked};
use crate::subscriptions::Subscriptions;
use crate::switchboard::{Full, NotCarried, Stream, Switchboard};
use crate::web_push::{NotListed, WebPush};

/// 8 KiB over a slow line.
const BODY: Limit = Limit {
    bytes: PushRequest::MAX_BYTES,
    time: Duration::from_secs(15),
};

/// From where a request comes, and the verified certificate that was shown.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) source: IpAddr,
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

/// What requests are answered from.
pub(crate) struct Service {
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) switchboard: Arc<Switchboard>,
    /// None where no app is woken.
    pub(crate) web_push: Option<Arc<WebPush>>,
    pub(crate) nonces: Nonces,
    pub(crate) names: Vec<ServerName>,
    pub(crate) certified_of: CertifiedOf,
    pub(crate) revoked: Revoked,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Pages of any origin may ask: what counts is inside the messages, and no cookie goes with them.
const ANY_ORIGIN: (HeaderName, HeaderValue) = (
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderValue::from_static("*"),
);

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(PUSH_PATH, post(message).options(preflight))
        .with_state(service)
}

async fn preflight() -> Response {
    let allowed = [
        ANY_ORIGIN,
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type"),
        ),
        (
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("86400"),
        ),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

async fn message(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let body = body::read(request.into_body(), BODY).await?;
    let answered = match PushRequest::parse(&body)? {
        PushRequest::Nonce(_) => json(&service.nonce()?.into()),
        PushRequest::Device(request) => {
            service.gateway(&peer)?;
            json(&service.device(&request).await.into())
        }
        PushRequest::Login(request) => {
            let gateway = service.gateway(&peer)?.product;
            accepted(service.login(request, gateway))
        }
        PushRequest::Withdraw(request) => {
            let gateway = service.gateway(&peer)?.product;
            service.switchboard.withdraw(request, gateway);
            accepted(Ok(()))
        }
        PushRequest::Answer(request) => {
            let carried = service.switchboard.answer(request, now_unix());
            accepted(carried.map_err(|why| match why {
                NotCarried::Full => ServerError::TooManyPushes,
                NotCarried::Unknown => ServerError::PushMailboxUnknown,
            }))
        }
        PushRequest::Listen(request) => {
            let listening = service.listen(&request, peer.source);
            stream(listening, service.stopped())
        }
        PushRequest::WebKey(_) => {
            let key = service.web_push.as_ref().map(|it| it.key());
            json(&PushWebKeyResponse { outcome: Ok(key) }.into())
        }
        PushRequest::Subscribe(request) => accepted(service.subscribe(request, peer.source).await),
        PushRequest::Collect(request) => {
            let gateway = service.gateway(&peer)?;
            let mailbox = request.secret.mailbox();
            let collected = service
                .switchboard
                .collect(mailbox, gateway.product, now_unix());
            let collected = collected.map_err(|Full| ServerError::TooManyPushes);
            stream(collected, service.distrusted(gateway))
        }
    };
    Ok(answered)
}

impl Service {
    fn nonce(&self) -> Result<PushNonceResponse, Problem> {
        match self.nonces.issue() {
            Ok(nonce) => Ok(PushNonceResponse { outcome: Ok(nonce) }),
            Err(error) => {
                tracing::error!(%error, "no nonce");
                Err(Problem::Unavailable)
            }
        }
    }

    /// The gateway that asks: anybody can make a device, but only the token server's authority makes gateways.
    fn gateway(&self, peer: &Peer) -> Result<Certified, Problem> {
        let certificate = peer.certificate.as_ref();
        let certified = certificate.and_then(self.certified_of).ok_or_else(|| {
            tracing::info!(source = %peer.source, "no gateway, but it asks as one");
            Problem::NoGateway
        })?;
        if !self.revoked.trusts(certified) {
            tracing::warn!(source = %peer.source, gateway = %certified.product, "its certificate was revoked");
            return Err(Problem::Revoked);
        }
        Ok(certified)
    }

    /// When a gateway's stream ends before its time: the relay stops, or the certificate that it was opened with
    /// counts no more.
    fn distrusted(&self, gateway: Certified) -> impl Future<Output = ()> + use<> {
        let (stopped, revoked) = (self.stopped(), self.revoked.clone().revokes(gateway));
        async move {
            tokio::select! {
                () = stopped => {}
                () = revoked => tracing::warn!(
                    gateway = %gateway.product,
                    "its certificate was revoked: it collects no more answers"
                ),
            }
        }
    }

    /// When a stream of any kind ends before its time.
    fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stopping = self.stopping.clone();
        async move {
            // An error says that the relay is gone: that is a stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        }
    }

    /// A device that a gateway asks for is remembered.
    async fn device(&self, request: &PushDeviceRequest) -> PushDeviceResponse {
        let device = request.device;
        if self.subscriptions.is_new(&device) {
            let subscriptions = Arc::clone(&self.subscriptions);
            let kept = tokio::task::spawn_blocking(move || subscriptions.keep(device)).await;
            if let Ok(Err(why)) = kept {
                tracing::error!(%why, "a device is forgotten when the relay ends");
            }
        }
        if let Some(web_push) = self.web_push.clone().filter(|it| it.is_new(&device)) {
            // What is not on disk is said there.
            let _ = tokio::task::spawn_blocking(move || web_push.keep(&device)).await;
        }
        let keys = self.subscriptions.keys(&device);
        PushDeviceResponse {
            outcome: keys.ok_or_else(|| ServerError::PushDeviceUnknown.into()),
        }
    }

    fn login(&self, request: PushLoginRequest, gateway: ProductSerial) -> Result<(), ServerError> {
        if self.subscriptions.keys(&request.addressed.device).is_none() {
            return Err(ServerError::PushDeviceUnknown);
        }
        let login = request.addressed;
        let carried = self.switchboard.login(request, gateway, now_unix());
        carried.map_err(|Full| ServerError::TooManyPushes)?;
        if let Some(web_push) = &self.web_push {
            let switchboard = Arc::clone(&self.switchboard);
            let waits = move || switchboard.keeps(&login.device, &login.session, now_unix());
            web_push.wake(login, waits);
        }
        Ok(())
    }

    /// Where a device is woken from now on, or that it is not.
    async fn subscribe(
        &self,
        request: PushSubscribeRequest,
        source: IpAddr,
    ) -> Result<(), ServerError> {
        let Some(web_push) = self.web_push.clone() else {
            return Err(ServerError::PushServiceNotAllowed);
        };
        if let Err(NotOurs) = self.nonces.take(&request.nonce) {
            return Err(ServerError::NonceUnknown);
        }
        let device = verify_subscriber(&request, &self.names).map_err(|error| {
            tracing::info!(%source, %error, "a device that proves nothing");
            ServerError::ProofWrong
        })?;
        self.subscriptions.heard(request.keys, source, now_unix());
        let devices = Arc::clone(&self.subscriptions);
        let subscribed = tokio::task::spawn_blocking(move || {
            web_push.subscribe(device, request.subscription, |it| devices.is_new(it))
        });
        match subscribed.await {
            Ok(subscribed) => subscribed.map_err(|NotListed| ServerError::PushServiceNotAllowed),
            Err(_) => Err(ServerError::Unavailable),
        }
    }

    /// Forgets what is too late, and where devices are woken that are forgotten.
    pub(crate) fn sweep(&self) {
        self.switchboard.sweep(now_unix());
        if let Some(web_push) = &self.web_push {
            web_push.sweep(|device| self.subscriptions.keys(device).is_some());
        }
    }

    fn listen(&self, request: &PushListenRequest, source: IpAddr) -> Result<Stream, ServerError> {
        if let Err(NotOurs) = self.nonces.take(&request.nonce) {
            return Err(ServerError::NonceUnknown);
        }
        let device = verify_listener(request, &self.names).map_err(|error| {
            tracing::info!(%source, %error, "a device that proves nothing");
            ServerError::ProofWrong
        })?;
        let now = now_unix();
        self.subscriptions.heard(request.keys, source, now);
        let stream = self.switchboard.listen(device, now);
        stream.map_err(|Full| ServerError::TooManyPushes)
    }
}

/// Events for as long as nothing ends them before.
fn stream(
    stream: Result<Stream, ServerError>,
    end: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let stream = match stream {
        Ok(stream) => stream,
        Err(error) => return accepted(Err(error)),
    };
    let headers = [
        ANY_ORIGIN,
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let events = Events::of(stream, end);
    (headers, Extension(https::Lasting), Body::new(events)).into_response()
}

/// Why a request gets no message in answer.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Message(#[from] MessageError),
    #[error("only gateways ask this, with the certificate of the token server's authority")]
    NoGateway,
    #[error("this gateway's certificate was revoked: enrol it anew ('symbolon enrol')")]
    Revoked,
    #[error("{}", ServerError::Unavailable.message())]
    Unavailable,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Body(why) => why.status(),
            Self::Message(_) => StatusCode::BAD_REQUEST,
            Self::NoGateway | Self::Revoked => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        let error = serde_json::json!({
            "d": { "error": { "error_code": status.as_u16(), "error_message": self.to_string() } }
        });
        (status, [ANY_ORIGIN, JSON], error.to_string()).into_response()
    }
}

const JSON: (HeaderName, HeaderValue) = (
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/json"),
);

fn accepted(outcome: Result<(), ServerError>) -> Response {
    let error = outcome.err().map(Into::into);
    json(&PushAcceptedResponse { error }.into())
}

fn json(message: &PushResponse) -> Response {
    ([ANY_ORIGIN, JSON], message.to_json().as_str().to_owned()).into_response()
}
