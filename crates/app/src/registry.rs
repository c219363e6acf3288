//! HTTPS to a registry that is believed for one reason alone: the authority that the activation link
//! or the person named.

use crate::contents::{Server, Trust};
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap};
use reqwest::redirect::Policy;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName,
    OtherError, RootCertStore, SignatureScheme, WantsVerifier,
};
use softtoken::address::ServerUrl;
use softtoken::limits::MAX_MOBILE_BYTES;
use softtoken::link::SpkiPin;
use softtoken::mobile::{MobileRequest, MobileResponse};
use softtoken::{MOBILE_PATH, MessageError};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A person waits; a registry answers in milliseconds, a slow network in seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to one registry.
#[derive(Debug)]
pub struct Registry {
    http: reqwest::Client,
    server: Server,
}

/// An answer and the registry's clock.
#[derive(Debug)]
pub struct Answer {
    /// The message.
    pub message: MobileResponse,
    /// The registry's time in seconds after the epoch, if it told.
    pub date_unix: Option<u64>,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No connection, or no answer in time.
    #[error("the token server {url} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: ServerUrl,
        /// What the network said.
        reason: String,
    },
    /// The registry's certificate is not to be believed.
    #[error("the token server {url} has a wrong certificate: {reason}")]
    Certificate {
        /// The address.
        url: ServerUrl,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry's certificate is not valid at this computer's time.
    #[error("the certificate of the token server {0} is not valid at this computer's time")]
    CertificateTime(ServerUrl),
    /// Not the answer of a registry.
    #[error("{url} answered with status {status}: {text}")]
    Status {
        /// The address.
        url: ServerUrl,
        /// HTTP status.
        status: u16,
        /// The first line of the body.
        text: String,
    },
    /// A body that is no message.
    #[error("{url} did not answer as a token server does: {reason}")]
    Message {
        /// The address.
        url: ServerUrl,
        /// What is wrong with it.
        reason: MessageError,
    },
    /// The message answers another question.
    #[error("{0} answered another question than was asked")]
    OtherAnswer(ServerUrl),
    /// The trusted authorities cannot be used.
    #[error("the certificate authority for {url} cannot be used: {reason}")]
    Authority {
        /// The address.
        url: ServerUrl,
        /// What is wrong with it.
        reason: String,
    },
}

impl Registry {
    /// Prepares connections to a registry; connects to nothing yet.
    pub fn new(server: Server) -> Result<Self, RegistryError> {
        let authority = |reason: String| RegistryError::Authority {
            url: server.url.clone(),
            reason,
        };
        let tls = client_config(&server.trust).map_err(|error| authority(error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(Policy::none())
            .connect_timeout(TIMEOUT)
            .build()
            .map_err(|error| authority(error.to_string()))?;
        Ok(Self { http, server })
    }

    /// Which registry this is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a message and reads the answer.
    pub async fn ask(&self, request: &MobileRequest) -> Result<Answer, RegistryError> {
        let mut response = self.post(MOBILE_PATH, &request.to_json(), TIMEOUT).await?;
        let date_unix = date_unix(response.headers());
        let body = self.bounded_body(&mut response).await?;
        let message = MobileResponse::parse(&body).map_err(|reason| RegistryError::Message {
            url: self.server.url.clone(),
            reason,
        })?;
        Ok(Answer { message, date_unix })
    }

    /// Posts a message; the answer to it begins with status 200.
    pub(crate) async fn post(
        &self,
        path: &str,
        message: &str,
        timeout: Duration,
    ) -> Result<reqwest::Response, RegistryError> {
        let mut response = self
            .http
            .post(self.server.url.endpoint(path))
            .header(CONTENT_TYPE, "application/json")
            .timeout(timeout)
            .body(message.as_bytes().to_vec())
            .send()
            .await
            .map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let body = self.bounded_body(&mut response).await?;
        Err(RegistryError::Status {
            url: self.server.url.clone(),
            status,
            text: first_line(&body),
        })
    }

    /// One byte more than allowed is read, so that the parser sees that it is too long.
    pub(crate) async fn bounded_body(
        &self,
        response: &mut reqwest::Response,
    ) -> Result<Zeroizing<Vec<u8>>, RegistryError> {
        let mut body = Zeroizing::new(Vec::with_capacity(MAX_MOBILE_BYTES + 1));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error))?
        {
            let room = MAX_MOBILE_BYTES + 1 - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        Ok(body)
    }

    fn failed(&self, error: &reqwest::Error) -> RegistryError {
        let url = self.server.url.clone();
        match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(reason)) if is_about_time(reason) => {
                RegistryError::CertificateTime(url)
            }
            Some(rustls::Error::InvalidCertificate(reason)) => RegistryError::Certificate {
                url,
                reason: certificate_reason(reason),
            },
            _ => RegistryError::Unreachable {
                url,
                reason: root_cause(error),
            },
        }
    }
}

fn client_config(trust: &Trust) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    Ok(match trust {
        Trust::Pin(pin) => verified(builder, Expected::Authority(*pin), provider),
        Trust::Key(pin) => verified(builder, Expected::Key(*pin), provider),
        Trust::Authorities(certificates) => {
            let mut roots = RootCertStore::empty();
            for der in certificates {
                roots.add(CertificateDer::from_slice(der))?;
            }
            let roots =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            let roots = roots.build().map_err(|error| unusable(&error))?;
            verified(builder, Expected::Authorities(roots), provider)
        }
    })
}

fn verified(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    expected: Expected,
    provider: Arc<CryptoProvider>,
) -> ClientConfig {
    builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier {
            expected,
            // No name that it would know: that this client trusts a certain authority is what the server
            // has to know (RFC 8446, section 4.2.4).
            authorities: [DistinguishedName::in_sequence(&[])],
            provider,
        }))
        .with_no_client_auth()
}

fn unusable(error: &VerifierBuilderError) -> rustls::Error {
    rustls::Error::General(error.to_string())
}

/// What a certificate has to be.
#[derive(Clone, Debug)]
enum Expected {
    /// In the end that of an authority with this key. The authority's certificate comes with the chain; everything
    /// else is checked as usual, with it as the only root.
    Authority(SpkiPin),
    /// One for this key; TLS proves that the other end holds it.
    Key(SpkiPin),
    /// In the end that of a known authority.
    Authorities(Arc<WebPkiServerVerifier>),
}

/// Believes what is expected. It says that it trusts certain authorities: a token server that shows browsers
/// another certificate shows it the installation's own.
#[derive(Debug)]
struct Verifier {
    expected: Expected,
    authorities: [DistinguishedName; 1],
    provider: Arc<CryptoProvider>,
}

/// No certificate of the chain has the pinned key.
#[derive(Debug, thiserror::Error)]
#[error("it does not come with the certificate authority that the activation link names")]
struct PinMissing;

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let missing = || CertificateError::Other(OtherError(Arc::new(PinMissing)));
        let pin = match &self.expected {
            Expected::Key(pin) if has_key(end_entity, *pin) => {
                return Ok(ServerCertVerified::assertion());
            }
            Expected::Key(_) => return Err(missing().into()),
            Expected::Authorities(roots) => {
                return roots.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
            }
            Expected::Authority(pin) => *pin,
        };
        let authority = intermediates
            .iter()
            .find(|certificate| has_key(certificate, pin))
            .ok_or_else(missing)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let provider = Arc::clone(&self.provider);
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| unusable(&error))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        Some(&self.authorities)
    }
}

/// Whether a certificate (DER) has a key.
pub(crate) fn has_key(der: &[u8], pin: SpkiPin) -> bool {
    key_of(der) == Some(pin)
}

/// The key of a certificate (DER), if it is one.
pub(crate) fn key_of(der: &[u8]) -> Option<SpkiPin> {
    let certificate = CertificateDer::from(der);
    let parsed = ParsedCertificate::try_from(&certificate).ok()?;
    Some(SpkiPin::of_spki(&parsed.subject_public_key_info()))
}

/// The registry's time from the `Date` header (RFC 9110 section 6.6.1).
fn date_unix(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(time.as_second()).ok()
}

/// The TLS error under a failed request.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| cause(*error)).find_map(<dyn Error>::downcast_ref)
}

/// What an error comes from. `io::Error` hides what it wraps from `source`.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn is_about_time(reason: &CertificateError) -> bool {
    matches!(
        reason,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

fn certificate_reason(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Other(OtherError(other)) => other.to_string(),
        // Two installations' authorities may have the same name: then the signature tells them apart.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it does not come from the given certificate authority".to_owned()
        }
        other => other.to_string(),
    }
}

/// The last of the causes says most: `connection refused`, `operation timed out`.
fn root_cause(error: &reqwest::Error) -> String {
    let first: &(dyn Error + 'static) = error;
    let last = std::iter::successors(Some(first), |error| cause(*error)).last();
    last.unwrap_or(first).to_string()
}

/// Enough of a body for a person, without what would steer a terminal.
fn first_line(body: &[u8]) -> String {
    const MAX_SHOWN: usize = 200;
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_SHOWN)
        .collect()
}
