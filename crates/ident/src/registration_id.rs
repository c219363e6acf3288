use crate::text::{Text, plain_identifier};
use crate::{Identifier, ParseError};
use data_encoding::HEXLOWER;

/// The name of a device: a SHA-256 of its public keys, 64 hexadecimal digits in lower case.
///
/// Two tokens on one phone share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(Text<64>);

plain_identifier!(RegistrationId);

impl RegistrationId {
    /// Reads exactly 64 of `[0-9a-f]`.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let allowed = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        Text::parse(Identifier::RegistrationId, input, allowed).map(Self)
    }

    /// From the 32 bytes of the digest.
    pub fn from_bytes(digest: [u8; 32]) -> Self {
        let mut digits = [0; 64];
        HEXLOWER.encode_mut(&digest, &mut digits);
        Self(Text::join(b"", &digits))
    }
}
