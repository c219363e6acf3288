//! Export codes of Google Authenticator: `otpauth-migration://offline?data=…`, a Protocol Buffers message
//! (<https://protobuf.dev/programming-guides/encoding>) in base64, as the QR codes hold it that the app shows.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::key_uri::{MAX_URI_BYTES, Name, decode};
use crate::{Digest, Digits, KeyUri, Kind, Parameters, Period, Seed};

/// Why text is not an export code. Never quotes the text: it holds secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExportCodeError {
    /// Another scheme.
    #[error("not an otpauth-migration:// code")]
    Scheme,
    /// Longer than a QR code.
    #[error("the export code has {0} bytes, at most {MAX_URI_BYTES} are read")]
    TooLong(usize),
    /// No data, or none that can be read to its end.
    #[error("the export code is damaged")]
    Syntax,
    /// No token in it.
    #[error("there is no token in the export code")]
    Empty,
    /// A token of another kind, digest or number of digits, or whose secret is no seed.
    #[error("token {0} of the export code cannot be used")]
    Token(usize),
}

/// What an export code holds.
#[derive(Debug)]
pub struct ExportCode {
    /// At least one.
    pub tokens: Vec<KeyUri>,
    /// Where the export has other codes besides this one.
    pub batch: Option<Batch>,
}

/// The place of a code in an export of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    /// What all codes of the export have in common.
    pub id: u64,
    /// Which of them this is, from 0 on.
    pub index: u8,
    /// How many there are, at least two.
    pub size: u8,
}

/// The fields of the message. A token's occurs once for each.
const TOKEN: u64 = 1;
const BATCH_SIZE: u64 = 3;
const BATCH_INDEX: u64 = 4;
const BATCH_ID: u64 = 5;

/// Reads an export code of at most [`MAX_URI_BYTES`]: all its tokens or none.
pub fn parse(text: &str) -> Result<ExportCode, ExportCodeError> {
    const SCHEME: &str = "otpauth-migration://";
    let scheme = text.split_at_checked(SCHEME.len());
    let (_, rest) = scheme
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
        .ok_or(ExportCodeError::Scheme)?;
    if text.len() > MAX_URI_BYTES {
        return Err(ExportCodeError::TooLong(text.len()));
    }
    let (_, query) = rest.split_once('?').ok_or(ExportCodeError::Syntax)?;
    let data = query.split('&').find_map(|it| it.strip_prefix("data="));
    let data = decode(data.ok_or(ExportCodeError::Syntax)?).map_err(|_| ExportCodeError::Syntax)?;
    let message = BASE64.decode(data.as_bytes());
    let message = Zeroizing::new(message.map_err(|_| ExportCodeError::Syntax)?);
    let mut tokens = Vec::new();
    let [mut size, mut index, mut id] = [0; 3];
    for field in Fields(&message) {
        match field? {
            (TOKEN, Value::Octets(token)) => {
                let number = tokens.len() + 1;
                tokens.push(key_uri(token)?.ok_or(ExportCodeError::Token(number))?);
            }
            (BATCH_SIZE, Value::Number(number)) => size = number,
            (BATCH_INDEX, Value::Number(number)) => index = number,
            (BATCH_ID, Value::Number(number)) => id = number,
            _ => {}
        }
    }
    if tokens.is_empty() {
        return Err(ExportCodeError::Empty);
    }
    let batch = Batch::of(id, index, size);
    Ok(ExportCode { tokens, batch })
}

impl Batch {
    /// The most codes of an export, ten tokens each: beyond it nobody is told which are missing.
    pub const MAX_SIZE: u8 = 64;

    /// Nothing where the code is the only one, or its place is none.
    pub fn of(id: u64, index: u64, size: u64) -> Option<Self> {
        let is_place = (2..=u64::from(Self::MAX_SIZE)).contains(&size) && index < size;
        let (index, size) = (u8::try_from(index).ok()?, u8::try_from(size).ok()?);
        is_place.then_some(Self { id, index, size })
    }
}

/// `OtpParameters`; nothing where it is none that can be used.
fn key_uri(message: &[u8]) -> Result<Option<KeyUri>, ExportCodeError> {
    let [mut secret, mut name, mut issuer]: [&[u8]; 3] = [&[]; 3];
    let [mut algorithm, mut digits, mut kind, mut counter] = [0; 4];
    for field in Fields(message) {
        match field? {
            (1, Value::Octets(octets)) => secret = octets,
            (2, Value::Octets(octets)) => name = octets,
            (3, Value::Octets(octets)) => issuer = octets,
            (4, Value::Number(number)) => algorithm = number,
            (5, Value::Number(number)) => digits = number,
            (6, Value::Number(number)) => kind = number,
            (7, Value::Number(number)) => counter = number,
            _ => {}
        }
    }
    let digest = match algorithm {
        0 | 1 => Some(Digest::Sha1),
        2 => Some(Digest::Sha256),
        3 => Some(Digest::Sha512),
        _ => None,
    };
    let digits = match digits {
        0 | 1 => Digits::new(6).ok(),
        2 => Digits::new(8).ok(),
        _ => None,
    };
    let kind = match kind {
        1 => Some(Kind::Hotp),
        // The exporter knows no other period.
        0 | 2 => Some(Kind::Totp(Period::THIRTY)),
        _ => None,
    };
    let seed = Seed::from_foreign_bytes(Zeroizing::new(secret.to_vec())).ok();
    let (Some(seed), Some(kind), Some(digest), Some(digits)) = (seed, kind, digest, digits) else {
        return Ok(None);
    };
    let text = |octets| str::from_utf8(octets).map_err(|_| ExportCodeError::Syntax);
    let name = text(name)?;
    let account = name.split_once(':').map_or(name, |(_, account)| account);
    let issuer = Name::nearest(text(issuer)?);
    let account = Name::nearest(account).or_else(|| issuer.clone());
    Ok(account
        .or_else(|| Name::nearest("Token"))
        .map(|account| KeyUri {
            issuer,
            account,
            seed,
            parameters: Parameters {
                kind,
                digest,
                digits,
            },
            counter: (kind == Kind::Hotp).then_some(counter),
        }))
}

/// The fields of a message, up to the first that is none.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), ExportCodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(ExportCodeError::Syntax))
    }
}

impl<'a> Fields<'a> {
    /// Varints and length-delimited fields: the message has no others.
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (octets, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Octets(octets)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (octet, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(octet & 0x7f);
            // Beyond the highest bit there is no number.
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if octet & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
