use crate::limits::MAX_TEXT_BYTES;
use ident::{LicenceCode, ParseError};
use std::fmt;
use zeroize::Zeroizing;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Longer than its limit.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// It would end up in a log or on a terminal, where such a character does harm.
    #[error("has a character that cannot stand there: {0:?}")]
    Character(char),
}

/// A text that is only passed on or shown: at most [`MAX_TEXT_BYTES`] of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Echo(Box<str>);

impl Echo {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        printable(text).map(|text| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Echo {
    /// For texts that stand in the source.
    fn from(text: &'static str) -> Self {
        Self(text.into())
    }
}

/// Identifiers are printable ASCII of bounded length by their type.
macro_rules! echo_from_identifier {
    ($($identifier:ty),+) => {$(
        impl From<$identifier> for Echo {
            fn from(identifier: $identifier) -> Self {
                Self(identifier.as_str().into())
            }
        }
    )+};
}

echo_from_identifier!(
    ident::ProductSerial,
    ident::TokenSerial,
    ident::LicenceSerial
);

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Echo {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What was given as a licence code, right or wrong. It goes back in the answer as it came, so that
/// even a code which is none can be answered with `forticare license card not found`.
///
/// A mistyped code is nearly a code: it is treated as a secret.
pub struct TypedLicenceCode(Zeroizing<String>);

impl TypedLicenceCode {
    /// Checks that it is at most [`MAX_TEXT_BYTES`] of printable ASCII.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        printable(text).map(|text| Self(Zeroizing::new(text.to_owned())))
    }

    /// The code that it means.
    pub fn code(&self) -> Result<LicenceCode, ParseError> {
        LicenceCode::parse(&self.0)
    }

    /// As it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For logs: letters and digits after the first four characters are `X`. The code for trial
    /// tokens is public and stays.
    pub fn masked(&self) -> String {
        if *self.0 == LicenceCode::TRIAL.as_str() {
            return self.as_str().to_owned();
        }
        let mask = |(index, c): (usize, char)| {
            if index >= 4 && c.is_ascii_alphanumeric() {
                'X'
            } else {
                c
            }
        };
        self.0.chars().enumerate().map(mask).collect()
    }
}

impl From<&LicenceCode> for TypedLicenceCode {
    fn from(code: &LicenceCode) -> Self {
        Self(Zeroizing::new(code.as_str().to_owned()))
    }
}

impl fmt::Debug for TypedLicenceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedLicenceCode({})", self.masked())
    }
}

/// Version and platform of an app, such as `5.4.2_IOS`: 1 to 15 of `[A-Za-z0-9._-]`, which is what
/// `os-ver` holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MobileVersion(Box<str>);

impl MobileVersion {
    /// The size of `os-ver`.
    pub const MAX_CHARS: usize = 15;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        bounded(text, Self::MAX_CHARS, allowed).map(|text| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who issued a token, for people: 1 to 64 characters of any script, none of which steers a terminal
/// or the direction of writing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IssuerName(Box<str>);

impl IssuerName {
    /// Fits on one line of a phone.
    pub const MAX_CHARS: usize = 64;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        shown(text, Self::MAX_CHARS).map(|text| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn printable(text: &str) -> Result<&str, TextError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextError::TooLong(MAX_TEXT_BYTES));
    }
    match text.chars().find(|c| !matches!(c, ' '..='~')) {
        Some(wrong) => Err(TextError::Character(wrong)),
        None => Ok(text),
    }
}

/// A text that people read: nothing in it steers a terminal or the direction of writing.
pub(crate) fn shown(text: &str, limit: usize) -> Result<&str, TextError> {
    let allowed = |c: char| !c.is_control() && !is_direction_mark(c);
    bounded(text, limit, allowed)
}

fn bounded(text: &str, limit: usize, allowed: fn(char) -> bool) -> Result<&str, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().count() > limit {
        return Err(TextError::TooLong(limit));
    }
    match text.chars().find(|&c| !allowed(c)) {
        Some(wrong) => Err(TextError::Character(wrong)),
        None => Ok(text),
    }
}

/// Unicode's explicit directional formatting, which can make one name look like another
/// (UAX #9, section 2).
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
