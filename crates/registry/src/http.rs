//! From HTTP to messages and back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::licensing::{EnrolRefusal, Generation, RecordBehind};
use domain::time::Timestamp;
use https::body::{self, BodyError, Limit};
use ident::ProductSerial;
use rustls::pki_types::CertificateDer;
use softtoken::revocations::REVOCATIONS_PATH;
use softtoken::{
    ENROLMENT_PATH, MOBILE_PATH, PROCESS_PATH, RequestSignature, SIGNATURE_HEADER, ServerError,
    TRANSFER_PATH, request_transcript,
};
use store::Undecided;
use store::registry::{MessageId, REPLIES_KEPT};
use zeroize::Zeroizing;

use crate::enrol;
use crate::phone;
use crate::pki;
use crate::registry::Service;
use crate::reserve::{self, RESERVE_PATH, TravelError, Wanted};
use crate::revocations;
use crate::web_app;

/// The header that names a message, so that it can be repeated: `docs/protocol.md`.
pub const MESSAGE_ID_HEADER: &str = "symbolon-message-id";

/// The header in which a manager shows the certificate of the gateway whose request it passes on: DER in
/// base64url without padding.
pub const GATEWAY_CERTIFICATE_HEADER: &str = "symbolon-gateway-certificate";

/// RFC 7240: what comes back may be nothing where there is nothing new.
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const ONLY_NEWS: &str = "return=minimal";

/// A request of 1 MiB over a slow line; who takes longer holds a connection for nothing.
const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// How far the time at which a gateway signed may be from this server's, and so for how long a manager can hold a
/// request back: a clock that nobody sets is not an hour off in years, and one that is lets hardly anybody in.
const SIGNATURE_COUNTS: Duration = Duration::from_hours(1);
/// A clock that is ahead signs what counts for twice that. As long as it counts the answer must be here, or a
/// manager could have an old request done again; a day more is for clocks that are set meanwhile.
const _: () = assert!(
    Duration::from_micros(REPLIES_KEPT.micros().unsigned_abs()).as_secs()
        >= 2 * SIGNATURE_COUNTS.as_secs() + Duration::from_hours(24).as_secs()
);
/// When to try again after the store could not decide.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) source: IpAddr,
    /// Whom its certificate names, if it showed one.
    pub(crate) gateway: Option<Certified>,
}

/// Whom a certificate names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certified {
    pub(crate) product: ProductSerial,
    pub(crate) generation: Generation,
}

impl Peer {
    /// From its address and its verified certificate.
    pub(crate) fn new(source: IpAddr, certificate: Option<&CertificateDer<'_>>) -> Self {
        Self {
            source,
            gateway: certificate.and_then(Certified::of),
        }
    }
}

impl Certified {
    /// What a verified certificate says; `None` for one of another kind.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        Some(Self {
            product: pki::product_of(certificate)?,
            generation: pki::generation_of(certificate)?,
        })
    }
}

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(PROCESS_PATH, post(process))
        .route(MOBILE_PATH, post(mobile))
        .route(TRANSFER_PATH, post(transfer))
        .route(ENROLMENT_PATH, post(enrolment))
        .route(RESERVE_PATH, post(settlement))
        .route(REVOCATIONS_PATH, get(revocations::answer))
        .merge(web_app::routes(&service.app_policy))
        .merge(phone::routes(&service.pki))
        .method_not_allowed_fallback(|request| unread(request, Problem::Method))
        .fallback(|request| unread(request, Problem::Path))
        .with_state(service)
}

async fn process(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let asker = match asker(&service, peer, request.headers()) {
        Ok(asker) => asker,
        Err(problem) => return Err(unread(request, problem).await),
    };
    let body = read(request, softtoken::process::Request::MAX_BYTES).await?;
    service.process(asker, &body).await.map(|body| json(&body))
}

async fn mobile(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(request, softtoken::mobile::MobileRequest::MAX_BYTES).await?;
    service
        .mobile(peer.source, &body)
        .await
        .map(|body| json(&body))
}

async fn transfer(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(request, softtoken::transfer::TransferRequest::MAX_BYTES).await?;
    let answer = service.transfer(peer.source, &body).await?;
    Ok(json(&answer))
}

async fn enrolment(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(request, enrol::MAX_BYTES).await?;
    service.enrolment(peer, &body).await.map(|body| json(&body))
}

async fn settlement(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    if peer.gateway.is_none() {
        return Err(unread(request, Problem::NoCertificate).await);
    }
    let wanted = match request.headers().get(PREFER) {
        Some(preference) if preference == ONLY_NEWS => Wanted::News,
        _ => Wanted::Whole,
    };
    let body = read(request, reserve::MAX_BYTES).await?;
    let reserve = service.reserve(peer, &body, wanted).await?;
    Ok(reserve.map_or_else(
        || StatusCode::NO_CONTENT.into_response(),
        |reserve| json(&reserve),
    ))
}

/// Why a request gets no message in answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "no such path; gateways post to {PROCESS_PATH} and {ENROLMENT_PATH}, apps to {MOBILE_PATH}"
    )]
    Path,
    #[error("only POST is answered here")]
    Method,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Message(#[from] softtoken::MessageError),
    #[error(
        "the header {MESSAGE_ID_HEADER} is wrong: a message id is 1 to 64 letters, digits, dots, hyphens or underscores"
    )]
    MessageId,
    #[error("this message id was used for another message")]
    MessageIdReused,
    #[error("a gateway's client certificate is needed here")]
    NoCertificate,
    #[error(
        "{}: the certificate is {certificate}'s, the request speaks for {request}",
        ServerError::CertificateOfOtherProduct.message()
    )]
    OtherProduct {
        certificate: ProductSerial,
        request: ProductSerial,
    },
    #[error("{0} is no manager: it speaks for itself alone")]
    NoManager(ProductSerial),
    #[error(
        "{0} is a manager: it asks for no tokens of its own, and signs what renews its certificate"
    )]
    Manager(ProductSerial),
    #[error(
        "the header {GATEWAY_CERTIFICATE_HEADER} shows no certificate that this token server vouches for"
    )]
    NotVouched,
    #[error(
        "the header {SIGNATURE_HEADER} has no signature of this body with the gateway's key: the manager changed \
         it, or the gateway is older than this token server"
    )]
    NotSigned,
    #[error(
        "the gateway signed this at {signed}, and here it is {now}: more than an hour between them says that one of \
         the two clocks is wrong, or that the manager held it back"
    )]
    SignedAtOtherTime { signed: Timestamp, now: Timestamp },
    #[error(
        "the certificate that is renewed counts no more, or the renewal is not signed with its key; enrol \
         with a new code"
    )]
    NoRenewal,
    #[error("the body is no enrolment: {0}")]
    NoEnrolment(Box<str>),
    #[error("{0}")]
    Enrolment(#[from] EnrolRefusal),
    #[error("too many wrong enrolment codes came from here; wait a quarter of an hour")]
    TooManyTries,
    #[error("{}", ServerError::Unavailable.message())]
    Unavailable,
    #[error("this manager does not reach the token server: {0}")]
    Behind(Box<str>),
    #[error("{0}")]
    Reserve(#[from] TravelError),
    #[error(
        "manager {0} has this in its reserve, and alone answers for it. Add {0} to 'config server-list' of \
         'config system central-management', or have the desk take the licence back ('symbolon desk \
         take-back')"
    )]
    Kept(ProductSerial),
    #[error(
        "the record of {0} is behind what it gave out: {1}. It was put back from a backup, or begun anew, and gets \
         no reserve before the desk has looked at that ('symbolon desk reserve {0}', 'confirm-record {0}')"
    )]
    RecordBehind(ProductSerial, RecordBehind),
    #[error(
        "this manager was put back from a backup, or begun anew, and gives out no licences before the token \
         server's desk has looked at that ('symbolon manager status')"
    )]
    GivesNothing,
    #[error(
        "this manager's reserve names no gateway {0}: it does so once the manager has the token server's latest \
         ('symbolon manager load', or by itself where it reaches it)"
    )]
    NotInReserve(ProductSerial),
}

impl Problem {
    /// Whether the same request may be answered later.
    fn is_for_later(&self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Behind(_) | Self::GivesNothing | Self::NotInReserve(_)
        )
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(why) => why.status(),
            Self::Message(_) | Self::MessageId | Self::NoEnrolment(_) | Self::Reserve(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
            Self::Kept(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::MessageIdReused | Self::RecordBehind(..) => StatusCode::CONFLICT,
            Self::NoCertificate
            | Self::OtherProduct { .. }
            | Self::NoManager(_)
            | Self::Manager(_)
            | Self::NotVouched
            | Self::NotSigned
            | Self::SignedAtOtherTime { .. }
            | Self::NoRenewal
            | Self::Enrolment(_) => StatusCode::FORBIDDEN,
            Self::Unavailable | Self::Behind(_) | Self::GivesNothing | Self::NotInReserve(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The protocol's number where it has one, else the status.
    fn code(&self) -> i32 {
        match self {
            Self::OtherProduct { .. } => ServerError::CertificateOfOtherProduct.code(),
            other if other.is_for_later() => ServerError::Unavailable.code(),
            other => other.status().as_u16().into(),
        }
    }
}

/// The log learns why, the peer does not.
impl From<Undecided> for Problem {
    fn from(why: Undecided) -> Self {
        tracing::error!(%why, "request not decided");
        Self::Unavailable
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = serde_json::json!({
            "d": { "error": { "error_code": self.code(), "error_message": self.to_string() } }
        });
        let mut response = (self.status(), JSON, error.to_string()).into_response();
        match self {
            problem if problem.is_for_later() => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Self::Method => {
                let post = HeaderValue::from_static("POST");
                response.headers_mut().insert(header::ALLOW, post);
            }
            _ => {}
        }
        response
    }
}

pub(crate) const JSON: [(header::HeaderName, HeaderValue); 1] = [(
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/json"),
)];

pub(crate) fn json(body: &str) -> Response {
    (JSON, Body::from(Bytes::copy_from_slice(body.as_bytes()))).into_response()
}

/// Whose request it is, who passed it on, and what it calls its message.
pub(crate) struct Asker {
    pub(crate) gateway: Certified,
    /// The address from which it speaks, unless a manager speaks for it.
    pub(crate) source: Option<IpAddr>,
    pub(crate) manager: Option<Passer>,
    pub(crate) id: Option<MessageId>,
}

/// A manager that passes a request on.
pub(crate) struct Passer {
    pub(crate) certified: Certified,
    /// The gateway's certificate, as it shows it.
    shown: String,
    /// The gateway's, which comes along.
    signature: Option<RequestSignature>,
}

impl Passer {
    /// Demands that what it passes on is the gateway's own word: no manager asks in its name, or changes what
    /// it asks.
    pub(crate) fn demand_signed(
        &self,
        service: &Service,
        id: Option<&MessageId>,
        body: &[u8],
    ) -> Result<(), Problem> {
        let signature = self.signature.as_ref().ok_or(Problem::NotSigned)?;
        let RequestSignature { at_s, signature } = signature;
        let transcript = request_transcript(id.map(MessageId::as_str), *at_s, body);
        let signer = service.vouched.signer(&self.shown, signature, &transcript);
        signer.ok_or(Problem::NotSigned)?;
        let now = service.clock.now();
        if now.unix().abs_diff(*at_s) > SIGNATURE_COUNTS.as_secs() {
            let signed = Timestamp::from_secs(i64::try_from(*at_s).unwrap_or(i64::MAX));
            return Err(Problem::SignedAtOtherTime { signed, now });
        }
        Ok(())
    }
}

fn asker(service: &Service, peer: Peer, headers: &HeaderMap) -> Result<Asker, Problem> {
    let sender = peer.gateway.ok_or(Problem::NoCertificate)?;
    let id = message_id(headers)?;
    let Some(shown) = headers.get(GATEWAY_CERTIFICATE_HEADER) else {
        return Ok(Asker {
            gateway: sender,
            source: Some(peer.source),
            manager: None,
            id,
        });
    };
    let gateway = service.vouched.certified(shown.as_bytes());
    let signature = headers.get(SIGNATURE_HEADER).map(HeaderValue::to_str);
    let manager = Passer {
        certified: sender,
        shown: String::from_utf8_lossy(shown.as_bytes()).into_owned(),
        signature: signature.and_then(|text| RequestSignature::parse(text.ok()?)),
    };
    Ok(Asker {
        gateway: gateway.ok_or(Problem::NotVouched)?,
        source: None,
        manager: Some(manager),
        id,
    })
}

pub(crate) fn message_id(headers: &HeaderMap) -> Result<Option<MessageId>, Problem> {
    let Some(value) = headers.get(MESSAGE_ID_HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| Problem::MessageId)?;
    MessageId::parse(text)
        .map(Some)
        .map_err(|_| Problem::MessageId)
}

/// A problem that shows before the body does.
pub(crate) async fn unread(request: Request, problem: Problem) -> Problem {
    body::drain(request.into_body()).await;
    problem
}

/// Bodies are JSON whatever their Content-Type says: clients send several.
pub(crate) async fn read(request: Request, bytes: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let limit = Limit {
        bytes,
        time: BODY_DEADLINE,
    };
    Ok(body::read(request.into_body(), limit).await?)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn what_the_store_cannot_decide_is_busy_and_says_no_more() {
        let why = Undecided::Unavailable("disk I/O error in `UPDATE licence`".into());
        let response = Problem::from(why).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = r#"{"d":{"error":{"error_code":122,"error_message":"token server busy"}}}"#;
        assert_eq!(body, expected.as_bytes());
    }
}
