//! First factor by signature: public keys of administrators.
//!
//! [`KeyVerified`] is to a key what [`PasswordVerified`](crate::password::PasswordVerified) is to a
//! password; it comes from this module only.

use std::fmt;

use data_encoding::BASE64;

use crate::name::CanonicalName;

/// Algorithms of the keys that are taken (RFC 8709, RFC 5656). RSA is left out: what verifies it here
/// would have to leak its time (RUSTSEC-2023-0071).
const ALGORITHMS: [&str; 4] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
];

/// A text that is no public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublicKeyError {
    /// Not the one line of an OpenSSH key file.
    #[error("a public key is one line: ALGORITHM BASE64, as in id_ed25519.pub")]
    Shape,
    /// An algorithm that is not taken.
    #[error("take a key of ssh-ed25519, ecdsa-sha2-nistp256, -nistp384 or -nistp521")]
    Algorithm,
}

/// A public key as it goes over the wire (RFC 4253, 6.6): that form tells keys apart.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Box<[u8]>);

impl PublicKey {
    /// Takes `ALGORITHM BASE64`, with or without a comment behind it.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let mut words = text.split_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(PublicKeyError::Shape);
        };
        if !ALGORITHMS.contains(&algorithm) {
            return Err(PublicKeyError::Algorithm);
        }
        let octets = BASE64
            .decode(base64.as_bytes())
            .map_err(|_| PublicKeyError::Shape)?;
        match named(&octets) {
            Some(name) if name == algorithm.as_bytes() => Ok(Self(octets.into())),
            _ => Err(PublicKeyError::Shape),
        }
    }

    /// A key as a client sends it.
    pub fn from_wire(octets: &[u8]) -> Self {
        Self(Box::from(octets))
    }
}

/// The algorithm that the key itself names: a length in four octets, and so many octets.
fn named(key: &[u8]) -> Option<&[u8]> {
    let (length, rest) = key.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.get(..length)
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", BASE64.encode(&self.0))
    }
}

/// Proof that this person's key made a signature. It is worth nothing once the key is taken away.
#[derive(Debug)]
pub struct KeyVerified {
    person: CanonicalName,
    key: PublicKey,
}

impl KeyVerified {
    /// Takes the key of a verified signature, if it is one of the person's.
    pub fn of(person: &CanonicalName, keys: &[PublicKey], signed_by: &PublicKey) -> Option<Self> {
        keys.contains(signed_by).then(|| Self {
            person: person.clone(),
            key: signed_by.clone(),
        })
    }

    /// Whose key it was.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// Whether the key is still among these.
    pub fn is_of(&self, current: &[PublicKey]) -> bool {
        current.contains(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpLQmRZQXdqRkZ5Z0VtY1d0S2hXb3pUc1ZmUXJNeHl6";

    #[test]
    fn a_comment_makes_no_other_key() {
        let key = PublicKey::parse(KEY).unwrap();
        assert_eq!(
            PublicKey::parse(&format!("{KEY} admin@host")),
            Ok(key.clone())
        );
        assert_eq!(PublicKey::from_wire(&key.0), key);
    }

    #[test]
    fn what_is_no_key_says_what_is() {
        let base64 = KEY.split(' ').nth(1).unwrap();
        for (text, error) in [
            ("", PublicKeyError::Shape),
            ("ssh-ed25519", PublicKeyError::Shape),
            ("ssh-ed25519 AAAA", PublicKeyError::Shape),
            ("ssh-ed25519 !", PublicKeyError::Shape),
            (&format!("ssh-rsa {base64}"), PublicKeyError::Algorithm),
            (
                &format!("ecdsa-sha2-nistp256 {base64}"),
                PublicKeyError::Shape,
            ),
        ] {
            assert_eq!(PublicKey::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_signature_by_a_key_of_somebody_else_proves_nothing() {
        let person = CanonicalName::of("alice").unwrap();
        let (own, other) = (PublicKey::from_wire(b"own"), PublicKey::from_wire(b"other"));
        let keys = [own.clone()];
        assert!(KeyVerified::of(&person, &keys, &other).is_none());
        let proof = KeyVerified::of(&person, &keys, &own).unwrap();
        assert!(proof.is_of(&keys) && !proof.is_of(&[other]));
    }
}
