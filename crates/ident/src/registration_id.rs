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

    /// The 32 bytes of the digest.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut digest = [0; 32];
        // Only such digits get in, so all of them are read.
        let _ = HEXLOWER.decode_mut(self.as_str().as_bytes(), &mut digest);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_comes_back_as_it_was() {
        let digest: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8).unwrap_or(u8::MAX));
        let id = RegistrationId::from_bytes(digest);
        assert_eq!(id.to_bytes(), digest);
        assert_eq!(RegistrationId::parse(id.as_str()), Ok(id));
    }
}
