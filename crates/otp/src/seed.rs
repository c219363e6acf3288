//! The secret that a token and its verifier share.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE, Encoding, HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

/// A token's secret: 10 to 64 bytes, wiped when dropped, never printed.
///
/// RFC 4226 section 4 (R6) demands 16 bytes and recommends 20; 10 are accepted because many makers of tokens give no
/// more. Whoever only shows the codes that another issuer verifies has no say in that: such a secret may have any length
/// up to 64. Above 64 bytes HMAC-SHA-1 would hash the key first, which adds nothing: RFC 2104 section 3.
pub struct Seed(Zeroizing<Vec<u8>>);

/// Why bytes or text are not a seed. Says nothing of the content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SeedError {
    /// The length in bytes is outside 10 to 64.
    #[error("a seed has {min} to {max} bytes, not {0}", min = Seed::MIN_BYTES, max = Seed::MAX_BYTES)]
    Length(usize),
    /// The length in bytes of another issuer's secret is outside 1 to 64.
    #[error("a secret has 1 to {max} bytes, not {0}", max = Seed::MAX_BYTES)]
    ForeignLength(usize),
    /// Not hexadecimal: another character or an odd number of them.
    #[error("the seed is not hexadecimal")]
    Hex,
    /// Not base32: another character, wrong padding, or bits left over at the end.
    #[error("the seed is not base32")]
    Base32,
}

impl Seed {
    /// The shortest seed, in bytes.
    pub const MIN_BYTES: usize = 10;
    /// The longest seed, in bytes: one block of SHA-1 and SHA-256.
    pub const MAX_BYTES: usize = 64;

    /// Takes 10 to 64 raw bytes.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SeedError> {
        if bytes.len() < Self::MIN_BYTES || bytes.len() > Self::MAX_BYTES {
            return Err(SeedError::Length(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// Reads hexadecimal in either case, without separators.
    pub fn from_hex(text: &str) -> Result<Self, SeedError> {
        Self::decode(&HEXLOWER_PERMISSIVE, text, SeedError::Hex)
    }

    /// Reads base32 (RFC 4648 section 6) in either case, without padding or with all of it.
    pub fn from_base32(text: &str) -> Result<Self, SeedError> {
        let bare = text.trim_end_matches('=');
        let padding = text.len() - bare.len();
        if padding > 0 && (padding >= 8 || !text.len().is_multiple_of(8)) {
            return Err(SeedError::Base32);
        }
        Self::decode(&BASE32_NOPAD_NOCASE, bare, SeedError::Base32)
    }

    /// Takes the 1 to 64 raw bytes that another issuer gave.
    pub fn from_foreign_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SeedError> {
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES {
            return Err(SeedError::ForeignLength(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// Reads another issuer's secret as people copy it: blanks, hyphens and padding are forgiven, and bits beyond the
    /// last byte, since some issuers cut it anywhere.
    pub fn from_foreign_base32(text: &str) -> Result<Self, SeedError> {
        let mut bare = Zeroizing::new(String::with_capacity(text.len()));
        bare.extend(
            text.chars()
                .filter(|c| !c.is_whitespace() && !['-', '='].contains(c)),
        );
        // A last character that is no byte's.
        if [1, 3, 6].contains(&(bare.len() % 8)) {
            bare.pop();
        }
        let mut forgiving = BASE32_NOPAD_NOCASE.specification();
        forgiving.check_trailing_bits = false;
        let encoding = forgiving.encoding().map_err(|_| SeedError::Base32)?;
        let length = encoding
            .decode_len(bare.len())
            .map_err(|_| SeedError::Base32)?;
        if length > Self::MAX_BYTES {
            return Err(SeedError::ForeignLength(length));
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        encoding
            .decode_mut(bare.as_bytes(), &mut bytes)
            .map_err(|_| SeedError::Base32)?;
        Self::from_foreign_bytes(bytes)
    }

    /// The seed in lower-case hexadecimal.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER.encode(&self.0))
    }

    /// The seed in upper-case base32 without padding, as key URIs carry it.
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// The raw bytes, for sealing and for sending inside a sealed message.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    fn decode(encoding: &Encoding, text: &str, malformed: SeedError) -> Result<Self, SeedError> {
        let length = encoding.decode_len(text.len()).map_err(|_| malformed)?;
        if length > Self::MAX_BYTES {
            return Err(SeedError::Length(length));
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        encoding
            .decode_mut(text.as_bytes(), &mut bytes)
            .map_err(|_| malformed)?;
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(<sealed>)")
    }
}
