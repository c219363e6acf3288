use crate::typed;
use crate::{Fault, Identifier, ParseError};
use data_encoding::{BASE32, HEXLOWER};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The code that a person types into the app: 16 base32 characters (RFC 4648), which are a header of
/// two bytes and [`OpaqueCode`], 8 random bytes.
///
/// Who has it first gets the token, so it is a secret: no `Clone`, no `Display`, a masked `Debug`,
/// equality in constant time, memory wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ActivationCode {
    #[zeroize(skip)]
    pace: Pace,
    opaque: OpaqueCode,
    text: [u8; TEXT_LEN],
}

/// The period of the token behind an activation code, told by the code's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// A code every 60 seconds, header `0x2110`.
    Sixty,
    /// A code every 30 seconds, header `0x2100`.
    Thirty,
}

/// The random part of an activation code. On the wire it is 16 hexadecimal digits in lower case.
///
/// A secret, as [`ActivationCode`] is.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct OpaqueCode {
    bytes: [u8; OPAQUE_LEN],
    text: [u8; 2 * OPAQUE_LEN],
}

const OPAQUE_LEN: usize = 8;
const HEADER_LEN: usize = 2;
const BINARY_LEN: usize = HEADER_LEN + OPAQUE_LEN;
const TEXT_LEN: usize = BINARY_LEN / 5 * 8;

impl ActivationCode {
    /// Reads 16 base32 characters with a known header. People type them: lower case is folded, blanks
    /// and hyphens are skipped.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let identifier = Identifier::ActivationCode;
        let mut text = typed::base32::<TEXT_LEN>(identifier, input)?;
        let mut binary = [0; BINARY_LEN];
        BASE32.decode_mut(&text, &mut binary).map_err(|_| {
            identifier.fault(Fault::Length {
                got: TEXT_LEN,
                want: TEXT_LEN,
            })
        })?;
        let [high, low, opaque @ ..] = binary;
        binary.zeroize();
        text.zeroize();
        let header = u16::from_be_bytes([high, low]);
        let pace =
            Pace::from_header(header).ok_or_else(|| identifier.fault(Fault::Header(header)))?;
        Ok(Self::from_random(opaque, pace))
    }

    /// A new code from 64 random bits.
    pub fn from_random(random: [u8; 8], pace: Pace) -> Self {
        let mut binary = [0; BINARY_LEN];
        binary[..HEADER_LEN].copy_from_slice(&pace.header().to_be_bytes());
        binary[HEADER_LEN..].copy_from_slice(&random);
        let mut text = [0; TEXT_LEN];
        BASE32.encode_mut(&binary, &mut text);
        binary.zeroize();
        Self {
            pace,
            opaque: OpaqueCode::from_bytes(random),
            text,
        }
    }

    /// The period that the header promises.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The random part, which goes to the registry.
    pub fn opaque(&self) -> &OpaqueCode {
        &self.opaque
    }

    /// The 16 base32 characters, in capitals, without blanks.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so the default is never taken; it spares a panic.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

impl Pace {
    /// The period in seconds.
    pub fn period_s(self) -> u32 {
        match self {
            Self::Sixty => 60,
            Self::Thirty => 30,
        }
    }

    fn header(self) -> u16 {
        match self {
            Self::Sixty => 0x2110,
            Self::Thirty => 0x2100,
        }
    }

    fn from_header(header: u16) -> Option<Self> {
        [Self::Sixty, Self::Thirty]
            .into_iter()
            .find(|pace| pace.header() == header)
    }
}

impl OpaqueCode {
    /// Reads the wire form: exactly 16 hexadecimal digits in lower case.
    pub fn parse(input: &str) -> Result<Self, ParseError> {
        let identifier = Identifier::OpaqueCode;
        let got = input.chars().count();
        let want = 2 * OPAQUE_LEN;
        if got != want {
            return Err(identifier.fault(Fault::Length { got, want }));
        }
        let wrong = |(_, c): &(usize, char)| !matches!(c, '0'..='9' | 'a'..='f');
        if let Some((index, found)) = input.chars().enumerate().find(wrong) {
            return Err(identifier.fault(Fault::Character {
                found,
                position: index + 1,
            }));
        }
        let mut bytes = [0; OPAQUE_LEN];
        HEXLOWER
            .decode_mut(input.as_bytes(), &mut bytes)
            .map_err(|_| identifier.fault(Fault::Length { got, want }))?;
        Ok(Self::from_bytes(bytes))
    }

    /// From 8 bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        let mut text = [0; 2 * OPAQUE_LEN];
        HEXLOWER.encode_mut(&bytes, &mut text);
        Self { bytes, text }
    }

    /// The 8 bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.bytes
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so the default is never taken; it spares a panic.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

impl PartialEq for OpaqueCode {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl Eq for OpaqueCode {}

impl PartialEq for ActivationCode {
    fn eq(&self, other: &Self) -> bool {
        self.text.ct_eq(&other.text).into()
    }
}

impl Eq for ActivationCode {}

impl std::str::FromStr for ActivationCode {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        Self::parse(input)
    }
}

impl std::str::FromStr for OpaqueCode {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        Self::parse(input)
    }
}

impl fmt::Debug for ActivationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActivationCode({:?}, <sealed>)", self.pace)
    }
}

impl fmt::Debug for OpaqueCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueCode(<sealed>)")
    }
}
