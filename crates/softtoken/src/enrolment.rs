//! How a gateway gets a certificate for its own key: `POST` [`ENROLMENT_PATH`].

use serde::{Deserialize, Serialize};

/// What is signed for a renewal begins with this, so that no other signature of the key is taken for one.
const RENEWAL_CONTEXT: &str = "symbolon-renewal-v1\n";

/// Where gateways ask for certificates.
pub const ENROLMENT_PATH: &str = "/SoftToken/Enrolment";

/// What a gateway asks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The code from the desk; none with the certificate before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment_code: Option<String>,
    /// The certificate before; none where TLS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// A PKCS #10 request (RFC 2986) as PEM, for a key of P-256.
    pub certificate_request: String,
}

/// The certificate that is renewed, and the proof of who holds its key: it gets through managers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The certificate's DER in base64url without padding.
    pub certificate: String,
    /// Of [`renewal_transcript`] with the certificate's key: ECDSA with SHA-256 as DER (RFC 3279), base64url
    /// without padding.
    pub signature: String,
}

/// What the holder of a certificate signs to have `certificate_request` certified in its place.
pub fn renewal_transcript(certificate_request: &str) -> Vec<u8> {
    [RENEWAL_CONTEXT, certificate_request].concat().into_bytes()
}

/// Not the code.
impl std::fmt::Debug for EnrolmentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnrolmentRequest(<sealed>)")
    }
}

/// What it gets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Enrolment {
    /// Whom the certificate names.
    pub serial_number: String,
    /// The certificate and its authority's, as PEM.
    pub certificate: String,
    /// Its end, in seconds after the epoch.
    pub expires: u64,
}
