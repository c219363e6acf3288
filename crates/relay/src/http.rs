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
use softtoken::address::ServerName;
use softtoken::push::{
    PushAcceptedResponse, PushDeviceRequest, PushDeviceResponse, PushListenRequest,
    PushLoginRequest, PushNonceResponse, PushRequest, PushResponse, verify_listener,
};
use softtoken::{MessageError, PUSH_PATH, ServerError};
use tokio::sync::watch;

use crate::clock::now_unix;
use crate::events::Events;
use crate::subscriptions::{NotTaken, Subscriptions};
use crate::switchboard::{Full, NotCarried, Stream, Switchboard};

/// 8 KiB over a slow line.
const BODY: Limit = Limit {
    bytes: PushRequest::MAX_BYTES,
    time: Duration::from_secs(15),
};

/// From where a request comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What requests are answered from.
pub(crate) struct Service {
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) switchboard: Arc<Switchboard>,
    pub(crate) nonces: Nonces,
    pub(crate) names: Vec<ServerName>,
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
    Extension(Peer(source)): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let body = body::read(request.into_body(), BODY).await?;
    let answered = match PushRequest::parse(&body)? {
        PushRequest::Nonce(_) => json(&service.nonce()?.into()),
        PushRequest::Device(request) => json(&service.device(&request).into()),
        PushRequest::Login(request) => accepted(service.login(request)),
        PushRequest::Withdraw(request) => {
            service.switchboard.withdraw(request);
            accepted(Ok(()))
        }
        PushRequest::Answer(request) => {
            let carried = service.switchboard.answer(request, now_unix());
            accepted(carried.map_err(|why| match why {
                NotCarried::Full => ServerError::TooManyPushes,
                NotCarried::Unknown => ServerError::PushMailboxUnknown,
            }))
        }
        PushRequest::Listen(request) => service.stream(service.listen(request, source).await?),
        PushRequest::Collect(request) => {
            let collected = service
                .switchboard
                .collect(request.secret.mailbox(), now_unix());
            service.stream(collected.map_err(|Full| ServerError::TooManyPushes))
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

    fn device(&self, request: &PushDeviceRequest) -> PushDeviceResponse {
        let keys = self.subscriptions.keys(&request.device);
        PushDeviceResponse {
            outcome: keys.ok_or_else(|| ServerError::PushDeviceUnknown.into()),
        }
    }

    fn login(&self, request: PushLoginRequest) -> Result<(), ServerError> {
        if self.subscriptions.keys(&request.addressed.device).is_none() {
            return Err(ServerError::PushDeviceUnknown);
        }
        let carried = self.switchboard.login(request, now_unix());
        carried.map_err(|Full| ServerError::TooManyPushes)
    }

    async fn listen(
        &self,
        request: PushListenRequest,
        source: IpAddr,
    ) -> Result<Result<Stream, ServerError>, Problem> {
        if let Err(NotOurs) = self.nonces.take(&request.nonce) {
            return Ok(Err(ServerError::NonceUnknown));
        }
        let device = match verify_listener(&request, &self.names) {
            Ok(device) => device,
            Err(error) => {
                tracing::info!(%source, %error, "a device that proves nothing");
                return Ok(Err(ServerError::ProofWrong));
            }
        };
        if self.subscriptions.keys(&device).is_none() {
            let (subscriptions, keys) = (Arc::clone(&self.subscriptions), request.keys);
            let taken = tokio::task::spawn_blocking(move || subscriptions.take(keys)).await;
            match taken {
                Ok(Ok(())) => {}
                Ok(Err(why @ NotTaken::Full)) => {
                    tracing::warn!(%why, "a new device is not taken");
                    return Ok(Err(ServerError::TooManyPushes));
                }
                Ok(Err(why)) => {
                    tracing::error!(%why, "a new device is not taken");
                    return Err(Problem::Unavailable);
                }
                Err(_) => return Err(Problem::Unavailable),
            }
        }
        let stream = self.switchboard.listen(device, now_unix());
        Ok(stream.map_err(|Full| ServerError::TooManyPushes))
    }

    fn stream(&self, stream: Result<Stream, ServerError>) -> Response {
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
        let events = Events::of(stream, self.stopping.clone());
        (headers, Body::new(events)).into_response()
    }
}

/// Why a request gets no message in answer.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Message(#[from] MessageError),
    #[error("{}", ServerError::Unavailable.message())]
    Unavailable,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Body(why) => why.status(),
            Self::Message(_) => StatusCode::BAD_REQUEST,
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
