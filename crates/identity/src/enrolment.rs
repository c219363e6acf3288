//! The exchange in which a token server certifies a new key.

use rcgen::{CertificateParams, KeyPair};
use reqwest::{Client, Response, StatusCode};
use softtoken::{ENROLMENT_PATH, Enrolment, EnrolmentRequest, PROCESS_PATH};
use zeroize::Zeroizing;

use crate::file::{Identity, IdentityError};

/// A certificate and its authority's have less than 2 KiB each.
const MAX_ANSWER_BYTES: usize = 16 << 10;

/// Why there is no new identity.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The server was not reached.
    #[error("{url} was not reached: {why}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What failed, innermost cause last.
        why: String,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(String),
    /// What it said is no enrolment.
    #[error("the answer is no enrolment; is this a token server?")]
    Strange,
    /// A key could not be made.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// What it certified is not what was asked for.
    #[error("the new identity is none: {0}")]
    Identity(#[from] IdentityError),
}

/// By which right a key is certified.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a code is a secret")]
pub enum Right<'a> {
    /// A code from the desk.
    Code(&'a str),
    /// The identity that is renewed.
    Renewal(&'a Identity),
}

/// A new key that waits for its certificate.
pub struct Application {
    key: KeyPair,
    request: EnrolmentRequest,
}

/// Not the key.
impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Application(<sealed>)")
    }
}

impl Application {
    /// Makes a key.
    pub fn new(right: Right<'_>) -> Result<Self, EnrolError> {
        let key = KeyPair::generate()?;
        let certificate_request = CertificateParams::default().serialize_request(&key)?;
        let certificate_request = certificate_request.pem()?;
        let (enrolment_code, renewal) = match right {
            Right::Code(code) => (Some(code.to_owned()), None),
            Right::Renewal(identity) => (None, Some(identity.prove(&certificate_request)?)),
        };
        let request = EnrolmentRequest {
            enrolment_code,
            renewal,
            certificate_request,
        };
        Ok(Self { key, request })
    }

    /// What is posted to [`ENROLMENT_PATH`].
    pub fn body(&self) -> Result<String, EnrolError> {
        serde_json::to_string(&self.request).map_err(|_| EnrolError::Strange)
    }

    /// The key with the certificate that came back for it.
    pub fn granted(self, status: StatusCode, answer: &[u8]) -> Result<Identity, EnrolError> {
        if !status.is_success() {
            let refusal = refusal(answer).unwrap_or_else(|| status.to_string());
            return Err(EnrolError::Refused(refusal));
        }
        let enrolment: Enrolment =
            serde_json::from_slice(answer).map_err(|_| EnrolError::Strange)?;
        let pem = Zeroizing::new(self.key.serialize_pem() + &enrolment.certificate);
        Ok(Identity::of_pem(&pem)?)
    }
}

/// Has the server at `server` certify a new key.
pub(crate) async fn enrol(
    http: &Client,
    server: &str,
    right: Right<'_>,
) -> Result<Identity, EnrolError> {
    let application = Application::new(right)?;
    let (status, answer) = post(http, server, ENROLMENT_PATH, application.body()?).await?;
    application.granted(status, &answer)
}

/// Whether the server takes whoever `http` is for a gateway. A body that is no message is looked at after
/// the certificate.
pub(crate) async fn is_accepted(http: &Client, server: &str) -> Result<(), EnrolError> {
    let (status, answer) = post(http, server, PROCESS_PATH, String::new()).await?;
    if status == StatusCode::BAD_REQUEST {
        return Ok(());
    }
    let refusal = refusal(&answer).unwrap_or_else(|| status.to_string());
    Err(EnrolError::Refused(refusal))
}

async fn post(
    http: &Client,
    server: &str,
    path: &str,
    body: String,
) -> Result<(StatusCode, Vec<u8>), EnrolError> {
    let url = format!("{server}{path}");
    let unreachable = |error: reqwest::Error| EnrolError::Unreachable {
        url: server.to_owned(),
        why: causes(&error),
    };
    let answer = http.post(url).body(body).send().await;
    let answer = answer.map_err(unreachable)?;
    let status = answer.status();
    let body = body_within(answer, MAX_ANSWER_BYTES).await;
    Ok((status, body.map_err(unreachable)?))
}

/// The body of an answer, of which no more is read once it is longer than `max` octets.
pub async fn body_within(mut answer: Response, max: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > max {
            break;
        }
    }
    Ok(body)
}

/// The text in `{"d":{"error":{"error_message":…}}}`.
pub fn refusal(answer: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let message = answer.pointer("/d/error/error_message")?.as_str()?;
    Some(message.to_owned())
}

/// What failed below HTTP, innermost cause last.
pub fn causes(error: &reqwest::Error) -> String {
    let mut why = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        why.push(error.to_string());
        cause = error.source();
    }
    if why.is_empty() {
        return error.to_string();
    }
    why.join(": ")
}
