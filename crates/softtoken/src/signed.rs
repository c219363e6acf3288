//! Requests that a gateway signs, since somebody who carries them could change them.

use std::fmt;

/// What is signed for a request begins with this, so that no other signature of the key is taken for one.
const REQUEST_CONTEXT: &str = "symbolon-request-v1\n";

/// The header with a [`RequestSignature`].
pub const SIGNATURE_HEADER: &str = "symbolon-signature";

/// When a gateway signed a request, and its signature: `SECONDS.SIGNATURE` in the header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestSignature {
    /// By the gateway's clock, in seconds after the epoch.
    pub at_s: u64,
    /// Of [`request_transcript`] with the key of the gateway's certificate: ECDSA with SHA-256 as DER
    /// (RFC 3279), base64url without padding.
    pub signature: String,
}

impl RequestSignature {
    /// Reads the header; none if it is of another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, signature) = text.split_once('.')?;
        let is_number = (1..=20).contains(&at.len()) && at.bytes().all(|b| b.is_ascii_digit());
        Some(Self {
            at_s: at.parse().ok().filter(|_| is_number)?,
            signature: signature.to_owned(),
        })
    }
}

impl fmt::Display for RequestSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at_s, self.signature)
    }
}

/// What is signed: the message's id (nothing where it has none), the time and the body.
pub fn request_transcript(id: Option<&str>, at_s: u64, body: &[u8]) -> Vec<u8> {
    let id = id.unwrap_or_default();
    let head = format!("{REQUEST_CONTEXT}{id}\n{at_s}\n");
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_as_it_is_written() {
        let signature = RequestSignature {
            at_s: 1_700_000_000,
            signature: "MEUC".to_owned(),
        };
        assert_eq!(signature.to_string(), "1700000000.MEUC");
        assert_eq!(RequestSignature::parse("1700000000.MEUC"), Some(signature));
        for other in [
            "",
            "MEUC",
            ".MEUC",
            "+1.MEUC",
            "x.MEUC",
            "99999999999999999999.M",
        ] {
            assert_eq!(RequestSignature::parse(other), None, "{other}");
        }
    }

    #[test]
    fn id_time_and_body_are_signed_apart() {
        let signed = request_transcript(Some("m1"), 7, b"{}");
        assert_eq!(signed, b"symbolon-request-v1\nm1\n7\n{}");
        assert_eq!(
            request_transcript(None, 7, b"{}"),
            b"symbolon-request-v1\n\n7\n{}"
        );
    }
}
