//! The link that an activation QR code carries.

use crate::address::ServerUrl;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ident::ActivationCode;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `symbolon://activate?v=1&c=…&k=…&s=…&p=…`: what a device needs to take over a token, in one
/// picture.
///
/// Compared with the typed code it carries 128 random bits more and the registry's key, so nobody can
/// guess it and nobody can stand between.
#[derive(Debug)]
pub struct ActivationLink {
    /// `c`, the code as it is typed.
    pub code: ActivationCode,
    /// `k`, which only the picture carries.
    pub secret: LinkSecret,
    /// `s`, where the registry answers.
    pub server: ServerUrl,
    /// `p`, the certificate authority that the registry's certificate must come from.
    pub pin: SpkiPin,
}

/// 16 random bytes that only the QR code carries.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct LinkSecret([u8; 16]);

/// SHA-256 of a certificate's `SubjectPublicKeyInfo` in DER (RFC 7469 section 2.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiPin([u8; 32]);

/// Why a text is not an activation link. Never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than [`ActivationLink::MAX_CHARS`].
    #[error("the link is longer than {} characters", ActivationLink::MAX_CHARS)]
    TooLong,
    /// Another kind of link.
    #[error("this is not an activation link: it does not begin with {PREFIX}")]
    NotALink,
    /// Made for a newer app.
    #[error("the link has version {0:?}; this app knows version 1: update the app")]
    Version(String),
    /// A part is not there.
    #[error("the link has no part {0}")]
    Missing(char),
    /// A part stands twice.
    #[error("the link has the part {0} twice")]
    Duplicate(char),
    /// A part that version 1 does not have.
    #[error("the link has a part that version 1 does not know")]
    Unknown,
    /// A part has a wrong value.
    #[error("the part {0} of the link is wrong: {1}")]
    Value(char, String),
}

/// Why a text is not a secret or a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenTextError {
    /// Not 26 characters of base32.
    #[error("should be 26 characters of base32")]
    Secret,
    /// Not 43 characters of base64url.
    #[error("should be a SHA-256 digest in 43 characters of base64url")]
    Pin,
}

const PREFIX: &str = "symbolon://activate?";
const LINK_VERSION: &str = "1";

impl ActivationLink {
    /// Room for the longest host name; a QR code of this size is still read from a phone's screen.
    pub const MAX_CHARS: usize = 512;

    /// Reads a link. Its parts may come in any order, each exactly once.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        if text.len() > Self::MAX_CHARS {
            return Err(LinkError::TooLong);
        }
        let query = text.strip_prefix(PREFIX).ok_or(LinkError::NotALink)?;
        let mut parts = Parts::split(query)?;
        let version = parts.take('v')?;
        if *version != LINK_VERSION {
            return Err(LinkError::Version(version.chars().take(8).collect()));
        }
        Ok(Self {
            code: parts.parsed('c', ActivationCode::parse)?,
            secret: parts.parsed('k', LinkSecret::parse)?,
            server: parts.parsed('s', ServerUrl::parse)?,
            pin: parts.parsed('p', SpkiPin::parse)?,
        })
    }

    /// The link, its parts in the order `v c k s p`.
    pub fn render(&self) -> Zeroizing<String> {
        let mut link = Zeroizing::new(String::with_capacity(Self::MAX_CHARS));
        link.push_str(PREFIX);
        link.push_str("v=1&c=");
        link.push_str(self.code.as_str());
        link.push_str("&k=");
        link.push_str(&self.secret.to_base32());
        link.push_str("&s=");
        push_escaped(&mut link, &self.server.to_string());
        link.push_str("&p=");
        link.push_str(&self.pin.to_string());
        link
    }
}

impl LinkSecret {
    /// From 16 random bytes.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// Reads 26 characters of base32.
    pub fn parse(text: &str) -> Result<Self, TokenTextError> {
        let mut bytes = [0; 16];
        let is_right = BASE32_NOPAD.decode_len(text.len()) == Ok(bytes.len())
            && BASE32_NOPAD.decode_mut(text.as_bytes(), &mut bytes).is_ok();
        if is_right {
            Ok(Self(bytes))
        } else {
            Err(TokenTextError::Secret)
        }
    }

    /// 26 characters of base32.
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// The bytes, for sealing at rest and for hashing.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for LinkSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LinkSecret {}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(<sealed>)")
    }
}

impl SpkiPin {
    /// The pin of a `SubjectPublicKeyInfo` in DER.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// From the digest.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Reads 43 characters of base64url.
    pub fn parse(text: &str) -> Result<Self, TokenTextError> {
        let mut digest = [0; 32];
        let is_right = BASE64URL_NOPAD.decode_len(text.len()) == Ok(digest.len())
            && BASE64URL_NOPAD
                .decode_mut(text.as_bytes(), &mut digest)
                .is_ok();
        if is_right {
            Ok(Self(digest))
        } else {
            Err(TokenTextError::Pin)
        }
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

/// The parts of a link's query, each at most once.
struct Parts([Option<Zeroizing<String>>; KEYS.len()]);

const KEYS: [char; 5] = ['v', 'c', 'k', 's', 'p'];

impl Parts {
    fn split(query: &str) -> Result<Self, LinkError> {
        let mut parts = Self([const { None }; KEYS.len()]);
        for part in query.split('&') {
            let (key, value) = part.split_once('=').ok_or(LinkError::Unknown)?;
            let (slot, key) = parts
                .0
                .iter_mut()
                .zip(KEYS)
                .find(|(_, known)| key.chars().eq([*known]))
                .ok_or(LinkError::Unknown)?;
            if slot.is_some() {
                return Err(LinkError::Duplicate(key));
            }
            let value = unescape(value)
                .ok_or_else(|| LinkError::Value(key, "has a wrong percent-encoding".to_owned()))?;
            *slot = Some(value);
        }
        Ok(parts)
    }

    fn take(&mut self, key: char) -> Result<Zeroizing<String>, LinkError> {
        let slot = self.0.iter_mut().zip(KEYS).find(|(_, known)| *known == key);
        slot.and_then(|(value, _)| value.take())
            .ok_or(LinkError::Missing(key))
    }

    fn parsed<T, E: fmt::Display>(
        &mut self,
        key: char,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, LinkError> {
        let value = self.take(key)?;
        read(&value).map_err(|error| LinkError::Value(key, error.to_string()))
    }
}

/// RFC 3986 section 3.4 lets a query hold all that a server's address has, but the brackets of an
/// IPv6 address.
fn push_escaped(link: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '[' => link.push_str("%5B"),
            ']' => link.push_str("%5D"),
            c => link.push(c),
        }
    }
}

/// Percent-decoding to printable ASCII; `None` for anything else.
fn unescape(text: &str) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (decoded, length) = match c {
            '%' => {
                let digits = rest.get(1..3)?;
                let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
                (char::from(byte), 3)
            }
            c => (c, c.len_utf8()),
        };
        if !decoded.is_ascii_graphic() {
            return None;
        }
        out.push(decoded);
        rest = &rest[length..];
    }
    Some(out)
}
