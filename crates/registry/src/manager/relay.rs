//! Requests as they come from gateways and go on to the token server.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::CertificateDer;
use softtoken::limits::MAX_RESPONSE_BYTES;
use softtoken::process::Request as Message;
use softtoken::{ENROLMENT_PATH, EnrolmentRequest, PROCESS_PATH};

use super::upstream::Upstream;
use crate::enrol;
use crate::http::{
    Certified, GATEWAY_CERTIFICATE_HEADER, JSON, MESSAGE_ID_HEADER, Problem, read, unread,
};
use crate::process::demand_own;
use crate::tries::{MAX_WRONG, Tries};

/// The headers of an answer that gateways look at.
const PASSED_BACK: [HeaderName; 2] = [header::CONTENT_TYPE, header::RETRY_AFTER];

/// Wrong codes from one address. The token server takes [`MAX_WRONG`] from the manager, whoever sent them:
/// who guesses is to leave some for others.
const MAX_WRONG_HERE: u32 = MAX_WRONG / 3;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    source: IpAddr,
    /// If it showed a certificate.
    gateway: Option<Gateway>,
}

#[derive(Clone, Debug)]
struct Gateway {
    certified: Certified,
    /// Its certificate as the header shows it.
    shown: HeaderValue,
}

impl Asker {
    /// From the verified certificate.
    pub(super) fn new(source: IpAddr, certificate: Option<&CertificateDer<'_>>) -> Self {
        Self {
            source,
            gateway: certificate.and_then(Gateway::of),
        }
    }
}

impl Gateway {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let shown = BASE64URL_NOPAD.encode(certificate);
        Some(Self {
            certified: Certified::of(certificate)?,
            shown: HeaderValue::from_str(&shown).ok()?,
        })
    }
}

/// What requests are answered from.
pub(super) struct Relay {
    upstream: Arc<Upstream>,
    tries: Tries,
}

impl Relay {
    pub(super) fn new(upstream: Arc<Upstream>) -> Self {
        Self {
            upstream,
            tries: Tries::new(MAX_WRONG_HERE),
        }
    }
}

pub(super) fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route(PROCESS_PATH, post(process))
        .route(ENROLMENT_PATH, post(enrolment))
        .method_not_allowed_fallback(|request| unread(request, Problem::Method))
        .fallback(|request| unread(request, Problem::ManagersPath))
        .with_state(relay)
}

async fn process(
    State(relay): State<Arc<Relay>>,
    Extension(Asker { gateway, .. }): Extension<Asker>,
    request: Request,
) -> Result<Response, Problem> {
    let Some(gateway) = gateway else {
        return Err(unread(request, Problem::NoCertificate).await);
    };
    let mut headers = HeaderMap::new();
    if let Some(id) = request.headers().get(MESSAGE_ID_HEADER) {
        headers.insert(MESSAGE_ID_HEADER, id.clone());
    }
    headers.insert(GATEWAY_CERTIFICATE_HEADER, gateway.shown);
    let body = read(request, Message::MAX_BYTES).await?;
    // What is no message is the token server's to refuse, in its words.
    if let Ok(message) = Message::parse(&body) {
        demand_own(gateway.certified.product, &message)?;
    }
    let answer = relay.upstream.post(PROCESS_PATH, headers, body.to_vec());
    back(answer.await.map_err(behind)?).await
}

/// A code, or a renewal's signature, vouches for itself.
async fn enrolment(
    State(relay): State<Arc<Relay>>,
    Extension(Asker { source, .. }): Extension<Asker>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(request, enrol::MAX_BYTES).await?;
    let message: Option<EnrolmentRequest> = serde_json::from_slice(&body).ok();
    if message.is_some_and(|message| message.enrolment_code.is_some()) {
        relay.by_code(source, body.to_vec()).await
    } else {
        relay.enrol(body.to_vec()).await
    }
}

impl Relay {
    async fn by_code(&self, source: IpAddr, body: Vec<u8>) -> Result<Response, Problem> {
        let Some(tried) = self.tries.begin(source).await else {
            return Err(Problem::TooManyTries);
        };
        let answer = self.enrol(body).await;
        let is_refused = |answer: &Response| answer.status() == StatusCode::FORBIDDEN;
        if !answer.as_ref().is_ok_and(is_refused) {
            tried.forgive();
        }
        answer
    }

    async fn enrol(&self, body: Vec<u8>) -> Result<Response, Problem> {
        let answer = self.upstream.enrol(body).await;
        back(answer.map_err(behind)?).await
    }
}

/// The log and the gateway's administrator are to learn the same.
fn behind(why: String) -> Problem {
    tracing::warn!(why, "the token server was not reached");
    Problem::Behind(why.into())
}

/// The answer as it came.
async fn back(mut answer: reqwest::Response) -> Result<Response, Problem> {
    let status = answer.status();
    let mut headers = HeaderMap::from_iter(JSON);
    for name in PASSED_BACK {
        if let Some(value) = answer.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(behind(identity::causes(&error))),
        }
        if body.len() > MAX_RESPONSE_BYTES {
            return Err(behind("its answer is too long".to_owned()));
        }
    }
    let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    Ok((status, headers, Body::from(body)).into_response())
}
