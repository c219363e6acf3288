//! Requests as they come from gateways, and go on to the token server unless the reserve answers them.

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
use softtoken::mobile::MobileRequest;
use softtoken::process::{PollingRequest, PollingResponse, Request as Message, Response as Answer};
use softtoken::{ENROLMENT_PATH, EnrolmentRequest, MOBILE_PATH, PROCESS_PATH, SIGNATURE_HEADER};

use super::keep::Keep;
use super::polls;
use super::upstream::{self, Upstream};
use crate::enrol;
use crate::http::{
    Certified, GATEWAY_CERTIFICATE_HEADER, JSON, MESSAGE_ID_HEADER, Problem, json, message_id,
    read, unread,
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
    keep: Arc<Keep>,
    tries: Tries,
}

impl Relay {
    pub(super) fn new(upstream: Arc<Upstream>, keep: Arc<Keep>) -> Self {
        Self {
            upstream,
            keep,
            tries: Tries::new(MAX_WRONG_HERE),
        }
    }
}

pub(super) fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route(PROCESS_PATH, post(process))
        .route(MOBILE_PATH, post(mobile))
        .route(ENROLMENT_PATH, post(enrolment))
        .method_not_allowed_fallback(|request| unread(request, Problem::Method))
        .fallback(|request| unread(request, Problem::Path))
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
    for name in [MESSAGE_ID_HEADER, SIGNATURE_HEADER] {
        if let Some(value) = request.headers().get(name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(GATEWAY_CERTIFICATE_HEADER, gateway.shown.clone());
    let body = read(request, Message::MAX_BYTES).await?;
    let certified = gateway.certified;
    let asked = Asked { headers, certified };
    // What is no message is the token server's to refuse, in its words.
    match Message::parse(&body) {
        Err(_) => relay.pass_on(asked, &body).await,
        Ok(message) => {
            demand_own(certified.product, &message)?;
            relay.answer(asked, message, &body).await
        }
    }
}

/// A gateway's request and what goes along with it.
struct Asked {
    /// As they are passed on.
    headers: HeaderMap,
    certified: Certified,
}

/// Phones get here what the reserve gave out, and nothing else.
async fn mobile(
    State(relay): State<Arc<Relay>>,
    Extension(Asker { source, .. }): Extension<Asker>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(request, MobileRequest::MAX_BYTES).await?;
    let answer = relay.keep.local.mobile(source, &body).await?;
    Ok(json(&answer))
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
    /// From the reserve, or from the token server.
    async fn answer(
        &self,
        asked: Asked,
        message: Message,
        body: &[u8],
    ) -> Result<Response, Problem> {
        let id = message_id(&asked.headers)?;
        let answer = self
            .keep
            .answer(asked.certified, id, &message, body)
            .await?;
        match (answer, message) {
            (Some(answer), _) => Ok(json(&answer)),
            (None, Message::Polling(request)) => self.poll(asked, request, body).await,
            (None, _) => self.pass_on(asked, body).await,
        }
    }

    async fn poll(
        &self,
        asked: Asked,
        request: PollingRequest,
        body: &[u8],
    ) -> Result<Response, Problem> {
        let held = self.keep.holds_each(request.tokens.iter()).await?;
        let is_any_held = held.contains(&true);
        if !is_any_held || !self.keep.knows(asked.certified.product).await? {
            return self.pass_on(asked, body).await;
        }
        let (tokens, own) = polls::own(request, &held);
        let own = Message::Polling(own).to_json();
        let here = self.keep.ask(asked.certified, None, own.as_bytes()).await?;
        if held.iter().all(|held| *held) {
            return Ok(json(&here));
        }
        let here = polls::response(here.as_bytes()).ok_or(Problem::Unavailable)?;
        let there = self.poll_there(asked, body).await;
        let merged = polls::merge(tokens, &held, here, there);
        Ok(json(&Answer::Polling(merged).to_json()))
    }

    /// What the token server tells of all, if it does: the gateway signed the whole.
    async fn poll_there(&self, asked: Asked, body: &[u8]) -> Option<PollingResponse> {
        let answer = self.upstream.pass(asked.headers, body.to_vec()).await;
        let answer = upstream::read(answer.ok()?, MAX_RESPONSE_BYTES);
        let (status, body) = answer.await.ok()?;
        polls::response(&body).filter(|_| status == StatusCode::OK)
    }

    async fn pass_on(&self, asked: Asked, body: &[u8]) -> Result<Response, Problem> {
        let answer = self.upstream.pass(asked.headers, body.to_vec()).await;
        back(answer.map_err(behind)?).await
    }

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
async fn back(answer: reqwest::Response) -> Result<Response, Problem> {
    let mut headers = HeaderMap::from_iter(JSON);
    for name in PASSED_BACK {
        if let Some(value) = answer.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let read = upstream::read(answer, MAX_RESPONSE_BYTES).await;
    let (status, body) = read.map_err(behind)?;
    Ok((status, headers, Body::from(body)).into_response())
}
