//! Key URIs: what the QR code of an authenticator app holds, `otpauth://` with a token's seed and
//! parameters.
//!
//! The format is a convention (Google Authenticator's "Key Uri Format") and no standard. Rendering
//! says every parameter, since apps differ in their defaults and several assume 30 s. Parsing takes
//! what real issuers write and refuses what can be read in two ways.

use std::fmt::{self, Write as _};

use zeroize::Zeroizing;

use crate::{Digest, Digits, DigitsError, Kind, Parameters, Period, PeriodError, Seed, SeedError};

/// The longest URI that is read, in bytes: the largest QR code in byte mode holds no more (ISO/IEC
/// 18004, version 40, level L).
pub const MAX_URI_BYTES: usize = 2_953;

/// More query parameters than any issuer writes.
const MAX_PARAMETERS: usize = 16;

/// A token as a key URI describes it.
#[derive(Debug)]
pub struct KeyUri {
    /// Who issued the token.
    pub issuer: Option<Name>,
    /// Whose token it is.
    pub account: Name,
    /// The shared secret.
    pub seed: Seed,
    /// Kind, digest and digits.
    pub parameters: Parameters,
    /// The next counter of an event-based token, 0 if absent; a time-based one has none.
    pub counter: Option<u64>,
}

/// An issuer or an account: 1 to 255 bytes, without colon (it separates the two in a label), control
/// characters, or blanks at either end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name(String);

/// Why text is not a [`Name`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// No character at all.
    #[error("the name is empty")]
    Empty,
    /// More than 255 bytes.
    #[error("the name has {0} bytes, at most {max} are allowed", max = Name::MAX_BYTES)]
    TooLong(usize),
    /// A colon, a control character, or a blank at either end.
    #[error("a name holds no colon or control character, nor blanks at its ends")]
    Character,
}

/// Why text is not a key URI. Never quotes the text: it holds a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyUriError {
    /// Longer than [`MAX_URI_BYTES`].
    #[error("the key URI has {0} bytes, at most {MAX_URI_BYTES} are read")]
    TooLong(usize),
    /// Another scheme.
    #[error("not an otpauth:// URI")]
    Scheme,
    /// Neither `totp` nor `hotp`.
    #[error("the key URI's type is neither totp nor hotp")]
    Kind,
    /// A broken percent escape, escaped bytes that are not UTF-8, a parameter without `=`, a fragment,
    /// or more parameters than are read.
    #[error("the key URI is malformed")]
    Syntax,
    /// A parameter that occurs twice: which one counts would be a guess.
    #[error("a parameter of the key URI occurs twice")]
    Duplicate,
    /// A parameter that is needed is not there.
    #[error("the key URI lacks `{0}`")]
    Missing(&'static str),
    /// The issuer or the account is not a name.
    #[error("the label of the key URI is unusable")]
    Name(#[from] NameError),
    /// The secret is not a seed.
    #[error("the secret of the key URI is unusable")]
    Seed(#[from] SeedError),
    /// An unknown algorithm.
    #[error("the algorithm of the key URI is none of SHA1, SHA256, SHA512")]
    Algorithm,
    /// `digits`, `period` or `counter` is not a decimal number in range.
    #[error("`{0}` of the key URI is not a usable number")]
    Number(&'static str),
    /// A number of digits that no code has.
    #[error("the digits of the key URI are unusable")]
    Digits(#[from] DigitsError),
    /// A period of 0 seconds.
    #[error("the period of the key URI is unusable")]
    Period(#[from] PeriodError),
}

impl KeyUri {
    /// Reads a key URI of at most [`MAX_URI_BYTES`].
    ///
    /// The parameter `issuer` outranks the label's prefix. Absent parameters have the format's
    /// defaults: SHA-1, 6 digits, 30 s. Unknown parameters (`image`, `lock`) are passed over, as are
    /// those of the other kind, but not twice the same one.
    pub fn parse(uri: &str) -> Result<Self, KeyUriError> {
        let rules = Rules {
            names: stated_names,
            seed: Seed::from_base32,
        };
        Self::parse_by(&rules, uri)
    }

    /// Reads a key URI whose codes another issuer verifies, as [`KeyUri::parse`] does but for the names, which are taken
    /// as near as they can be shown, and the secret: it has the length that its issuer chose, written as people copy it.
    pub fn parse_foreign(uri: &str) -> Result<Self, KeyUriError> {
        let rules = Rules {
            names: nearest_names,
            seed: Seed::from_foreign_base32,
        };
        Self::parse_by(&rules, uri)
    }

    fn parse_by(rules: &Rules, uri: &str) -> Result<Self, KeyUriError> {
        if uri.len() > MAX_URI_BYTES {
            return Err(KeyUriError::TooLong(uri.len()));
        }
        if uri.contains('#') {
            return Err(KeyUriError::Syntax);
        }
        let rest = strip_scheme(uri).ok_or(KeyUriError::Scheme)?;
        let (address, query) = rest.split_once('?').ok_or(KeyUriError::Missing("secret"))?;
        let (kind, label) = address
            .split_once('/')
            .ok_or(KeyUriError::Missing("label"))?;
        let query = Query::parse(query)?;
        let (kind, counter) = match kind {
            _ if kind.eq_ignore_ascii_case("totp") => (Kind::Totp(query.period()?), None),
            _ if kind.eq_ignore_ascii_case("hotp") => (Kind::Hotp, Some(query.counter()?)),
            _ => return Err(KeyUriError::Kind),
        };
        let Names { issuer, account } = (rules.names)(label, query.value("issuer"))?;
        Ok(Self {
            issuer,
            account,
            seed: (rules.seed)(
                query
                    .value("secret")
                    .ok_or(KeyUriError::Missing("secret"))?,
            )?,
            parameters: Parameters {
                kind,
                digest: query.digest()?,
                digits: query.digits()?,
            },
            counter,
        })
    }

    /// The URI, at most [`MAX_URI_BYTES`] long.
    pub fn render(&self) -> Zeroizing<String> {
        // Reserved once: growing would leave copies of the secret behind.
        let mut uri = Zeroizing::new(String::with_capacity(MAX_URI_BYTES));
        uri.push_str(match self.parameters.kind {
            Kind::Totp(_) => "otpauth://totp/",
            Kind::Hotp => "otpauth://hotp/",
        });
        if let Some(issuer) = &self.issuer {
            encode_into(&mut uri, issuer.as_str());
            uri.push(':');
        }
        encode_into(&mut uri, self.account.as_str());
        uri.push_str("?secret=");
        uri.push_str(&self.seed.to_base32());
        if let Some(issuer) = &self.issuer {
            uri.push_str("&issuer=");
            encode_into(&mut uri, issuer.as_str());
        }
        match self.parameters.kind {
            Kind::Totp(period) => push_number(&mut uri, "period", period.secs().into()),
            Kind::Hotp => push_number(&mut uri, "counter", self.counter.unwrap_or(0)),
        }
        push_number(&mut uri, "digits", self.parameters.digits.count().into());
        uri.push_str("&algorithm=");
        uri.push_str(algorithm(self.parameters.digest));
        uri
    }
}

impl Name {
    /// The longest name in bytes. A URI holds three of them, each byte escaped to three: with the
    /// longest secret and all numbers that stays below [`MAX_URI_BYTES`].
    pub const MAX_BYTES: usize = 255;

    /// Checks that `text` is a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        if text.trim() != text || text.chars().any(|c| c == ':' || c.is_control()) {
            return Err(NameError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name that comes nearest to a text of another app: colons as blanks, without control characters, cut
    /// to its length. Nothing where nothing is left.
    pub fn nearest(text: &str) -> Option<Self> {
        let shown = text.chars().filter(|c| !c.is_control());
        let shown: String = shown.map(|c| if c == ':' { ' ' } else { c }).collect();
        let shown = shown.trim();
        let cut = shown.floor_char_boundary(Self::MAX_BYTES);
        Self::new(shown[..cut].trim_end()).ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is not read of every URI alike.
struct Rules {
    /// Of an escaped label and the parameter `issuer`.
    names: fn(&str, Option<&str>) -> Result<Names, KeyUriError>,
    seed: fn(&str) -> Result<Seed, SeedError>,
}

/// Who issued a token, and whose it is.
struct Names {
    issuer: Option<Name>,
    account: Name,
}

/// Those that stand there, and no others.
fn stated_names(label: &str, issuer: Option<&str>) -> Result<Names, KeyUriError> {
    let label = decode(label)?;
    let (prefix, account) = divided(&label);
    let issuer = issuer
        .or(prefix)
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Ok(Names {
        issuer: issuer.map(Name::new).transpose()?,
        account: Name::new(account.trim())?,
    })
}

/// The colon that is not escaped divides; some issuers escape that one too, and some name no account.
fn nearest_names(label: &str, issuer: Option<&str>) -> Result<Names, KeyUriError> {
    let [prefix, account] = match divided(label) {
        (Some(prefix), account) => [decode(prefix)?, decode(account)?],
        (None, label) => {
            let label = decode(label)?;
            let (prefix, account) = divided(&label);
            [prefix.unwrap_or_default(), account].map(|part| Zeroizing::new(part.to_owned()))
        }
    };
    let issuer = issuer
        .and_then(Name::nearest)
        .or_else(|| Name::nearest(&prefix));
    let account = Name::nearest(&account)
        .or_else(|| issuer.clone())
        .or_else(|| Name::nearest("Token"));
    let account = account.ok_or(NameError::Empty)?;
    Ok(Names { issuer, account })
}

fn divided(label: &str) -> (Option<&str>, &str) {
    match label.split_once(':') {
        Some((prefix, account)) => (Some(prefix), account),
        None => (None, label),
    }
}

/// The decoded parameters, no key twice.
struct Query(Vec<(Zeroizing<String>, Zeroizing<String>)>);

impl Query {
    fn parse(query: &str) -> Result<Self, KeyUriError> {
        let mut parameters: Vec<(Zeroizing<String>, Zeroizing<String>)> =
            Vec::with_capacity(MAX_PARAMETERS);
        for parameter in query.split('&') {
            let (key, value) = parameter.split_once('=').ok_or(KeyUriError::Syntax)?;
            let key = decode(key)?;
            if parameters.iter().any(|(known, _)| *known == key) {
                return Err(KeyUriError::Duplicate);
            }
            if parameters.len() == MAX_PARAMETERS {
                return Err(KeyUriError::Syntax);
            }
            parameters.push((key, decode(value)?));
        }
        Ok(Self(parameters))
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.as_str() == key)
            .map(|(_, value)| value.as_str())
    }

    fn digest(&self) -> Result<Digest, KeyUriError> {
        let Some(name) = self.value("algorithm") else {
            return Ok(Digest::Sha1);
        };
        [Digest::Sha1, Digest::Sha256, Digest::Sha512]
            .into_iter()
            .find(|&digest| algorithm(digest).eq_ignore_ascii_case(name))
            .ok_or(KeyUriError::Algorithm)
    }

    fn digits(&self) -> Result<Digits, KeyUriError> {
        let Some(count) = self.value("digits") else {
            return Ok(Digits::SIX);
        };
        let count = number(count).ok_or(KeyUriError::Number("digits"))?;
        Ok(Digits::new(
            u8::try_from(count).map_err(|_| KeyUriError::Number("digits"))?,
        )?)
    }

    fn period(&self) -> Result<Period, KeyUriError> {
        let Some(seconds) = self.value("period") else {
            return Ok(Period::THIRTY);
        };
        let seconds = number(seconds).ok_or(KeyUriError::Number("period"))?;
        Ok(Period::new(
            u32::try_from(seconds).map_err(|_| KeyUriError::Number("period"))?,
        )?)
    }

    fn counter(&self) -> Result<u64, KeyUriError> {
        let counter = self
            .value("counter")
            .ok_or(KeyUriError::Missing("counter"))?;
        number(counter).ok_or(KeyUriError::Number("counter"))
    }
}

fn strip_scheme(uri: &str) -> Option<&str> {
    const SCHEME: &str = "otpauth://";
    let (scheme, rest) = uri.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

fn algorithm(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "SHA1",
        Digest::Sha256 => "SHA256",
        Digest::Sha512 => "SHA512",
    }
}

/// Decimal digits and nothing else; `str::parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn push_number(uri: &mut String, key: &str, value: u64) {
    // Writing to a string cannot fail.
    let _ = write!(uri, "&{key}={value}");
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3.
fn encode_into(uri: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            uri.push(char::from(DIGITS[usize::from(byte >> 4)]));
            uri.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
        }
    }
}

/// Undoes percent-encoding. `+` stays `+`: accounts are often mail addresses that hold one.
pub(crate) fn decode(text: &str) -> Result<Zeroizing<String>, KeyUriError> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => (
                nibble(*high)
                    .zip(nibble(*low))
                    .map(|(high, low)| high << 4 | low),
                tail,
            ),
            (b'%', _) => (None, tail),
            (byte, tail) => (Some(*byte), tail),
        };
        decoded.push(byte.ok_or(KeyUriError::Syntax)?);
        rest = tail;
    }
    match str::from_utf8(&decoded) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(KeyUriError::Syntax),
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
