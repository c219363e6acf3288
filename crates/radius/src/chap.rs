//! CHAP (RFC 1994): the client proves that it knows the password without showing it. The server must
//! know it in clear.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// A response and the challenge that it answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    identifier: u8,
    challenge: Box<[u8]>,
    digest: [u8; 16],
}

impl Response {
    /// Takes the value of a CHAP-Password (RFC 2865 section 5.3) and the challenge that the client chose.
    pub(crate) fn new(value: [u8; 17], challenge: &[u8]) -> Self {
        let [identifier, digest @ ..] = value;
        Self {
            identifier,
            challenge: challenge.into(),
            digest,
        }
    }

    /// Whether it was made with this password; compares in constant time (RFC 1994 section 4.1).
    pub fn is_of(&self, password: &[u8]) -> bool {
        let digest = Md5::new_with_prefix([self.identifier])
            .chain_update(password)
            .chain_update(&self.challenge)
            .finalize();
        digest.as_slice().ct_eq(&self.digest).into()
    }
}
