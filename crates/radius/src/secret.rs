//! The secret that a client and the server share.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use thiserror::Error;
use zeroize::Zeroizing;

/// RFC 2865 section 3: the shared secret must not be empty, anyone could forge its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the shared secret is empty")]
pub struct EmptySecret;

/// A shared secret. Wiped when dropped, never shown.
///
/// Keeps the state of both digests after the secret went in, so that no packet pays for it again.
pub struct Secret {
    octets: Zeroizing<Vec<u8>>,
    prefixed: Md5,
    keyed: Hmac<Md5>,
}

impl Secret {
    /// Takes a copy of `octets`; the caller wipes its own.
    pub fn new(octets: &[u8]) -> Result<Self, EmptySecret> {
        if octets.is_empty() {
            return Err(EmptySecret);
        }
        Ok(Secret {
            octets: Zeroizing::new(octets.to_vec()),
            prefixed: Md5::new_with_prefix(octets),
            keyed: keyed(octets),
        })
    }

    /// MD5 of the secret followed by `tail`: the pad that hides a User-Password.
    pub(crate) fn digest_before(&self, tail: &[u8; 16]) -> [u8; 16] {
        self.digest_with(&[tail])
    }

    /// MD5 of the secret followed by `parts`: the pads that hide keys (RFC 2548).
    pub(crate) fn digest_with(&self, parts: &[&[u8]]) -> [u8; 16] {
        let prefixed = self.prefixed.clone();
        let digest = parts.iter().fold(prefixed, Md5::chain_update);
        digest.finalize().into()
    }

    /// MD5 of `parts` followed by the secret: the packet authenticators of RFC 2865 and 2866.
    pub(crate) fn digest_after(&self, parts: &[&[u8]]) -> [u8; 16] {
        let digest = parts.iter().fold(Md5::new(), Md5::chain_update);
        digest.chain_update(&*self.octets).finalize().into()
    }

    /// HMAC-MD5 of `parts` under the secret: the Message-Authenticator of RFC 3579.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mac = parts.iter().fold(self.keyed.clone(), Hmac::chain_update);
        mac.finalize().into_bytes().into()
    }
}

/// Pads the key to MD5's block as RFC 2104 section 2 does, which makes keying infallible.
fn keyed(secret: &[u8]) -> Hmac<Md5> {
    let mut key = Zeroizing::new([0; 64]);
    if secret.len() <= key.len() {
        key.iter_mut()
            .zip(secret)
            .for_each(|(slot, octet)| *slot = *octet);
    } else {
        let digest = Zeroizing::new(<[u8; 16]>::from(Md5::digest(secret)));
        key.iter_mut()
            .zip(&*digest)
            .for_each(|(slot, octet)| *slot = *octet);
    }
    Hmac::new((&*key).into())
}
