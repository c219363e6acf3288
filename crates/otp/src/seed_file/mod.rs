//! Files in which makers of hardware tokens tell the seeds: key containers ([`pskc`], RFC 6030) and
//! tables ([`csv`]), and the list of serials ([`serials`]) that comes with tokens whose seeds somebody
//! else has.
//!
//! A file that cannot be read as a whole is a [`FileError`]. Else each token is an [`Entry`] with the line
//! where it stands, and is a record or a [`Fault`]: whoever imports decides what a fault means for the
//! rest. No error quotes what stands in a file.

pub mod csv;
pub mod pskc;
pub mod serials;

use crate::{DigitsError, Parameters, PeriodError, Seed, SeedError};

/// The longest file that is read, in bytes. An encrypted token in a key container takes about 1,500.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// The most tokens that one file may name: as many as a licence brings, and one transaction where they
/// are kept.
pub const MAX_TOKENS: usize = 10_000;

/// A token in a file.
#[derive(Debug)]
pub struct Entry<T> {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The token, or what is wrong with it.
    pub token: Result<T, Fault>,
}

/// A token as its maker describes it.
#[derive(Debug)]
pub struct SeedRecord {
    /// Its serial, as it stands on its back.
    pub serial: MakerSerial,
    /// Its secret.
    pub seed: Seed,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// The next counter of an event-based token; 0 for a time-based one.
    pub counter: u64,
}

/// A serial number as a maker writes it: 1 to 64 printable characters of ASCII without blanks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MakerSerial(Box<str>);

impl MakerSerial {
    const MAX_LEN: usize = 64;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let is_right = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_right {
            Ok(Self(text.into()))
        } else {
            Err(Fault::Serial)
        }
    }

    /// The serial.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a file is not read at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// Longer than [`MAX_FILE_BYTES`].
    #[error("the file has {0} bytes, at most {MAX_FILE_BYTES} are read; split it")]
    TooLong(usize),
    /// More than [`MAX_TOKENS`].
    #[error("the file names more than {MAX_TOKENS} tokens; split it")]
    TooManyTokens,
    /// Not UTF-8, or with characters that no text has.
    #[error(
        "the file is no text: an encrypted seed file of a maker's own form is not read; \
         ask the maker for a key container (RFC 6030) or a table of serials and seeds"
    )]
    NotText,
    /// No token at all.
    #[error("the file names no token")]
    Empty,
    /// A key container that cannot be used.
    #[error(transparent)]
    Container(#[from] pskc::ContainerError),
}

/// What is wrong with one token of a file. Never quotes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Something that a token needs is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// More fields than any known table has.
    #[error("the line has more than {0} fields")]
    Fields(usize),
    /// Something stands there twice: which one counts would be a guess.
    #[error("`{0}` stands there twice")]
    Twice(&'static str),
    /// Not a serial.
    #[error("the serial is not 1 to {max} printable characters", max = MakerSerial::MAX_LEN)]
    Serial,
    /// The seed is neither hexadecimal nor base32.
    #[error("the seed is neither hexadecimal nor base32")]
    Encoding,
    /// Not a seed.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// Not a decimal number in range.
    #[error("`{0}` is not a usable number")]
    Number(&'static str),
    /// A number of digits that no code has.
    #[error(transparent)]
    Digits(#[from] DigitsError),
    /// A period of 0 seconds.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// Neither HOTP nor TOTP.
    #[error("the token is neither HOTP nor TOTP")]
    Kind,
    /// None of the digests that codes are computed with.
    #[error("the algorithm is none of SHA1, SHA256, SHA512")]
    Digest,
    /// Codes that are not plain decimal digits, or carry a check digit.
    #[error("its codes are not plain decimal digits")]
    CodeForm,
    /// A policy that does not let the key make one-time codes.
    #[error("its policy does not allow one-time codes")]
    Policy,
    /// A key that is told by reference.
    #[error("its key is told by reference to a profile that is not in the file")]
    Reference,
    /// Not base64.
    #[error("`{0}` is not base64")]
    Base64(&'static str),
    /// An open value where a key or password was given.
    #[error("its seed is not encrypted, though a key or password was given for the file")]
    Open,
    /// A ciphertext that the container's key cannot open.
    #[error("its encryption is not that of the file's key")]
    Cipher,
    /// No MAC over an encrypted value: RFC 6030 section 6.1.1 wants one for AES in CBC mode.
    #[error("it has no MAC: nothing shows that its encrypted seed is what the maker wrote")]
    NoMac,
    /// The MAC is that of another value or key.
    #[error("its MAC is wrong: the key or password is not the file's, or the file was changed")]
    Mac,
}

/// What a file is, as its content tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For [`pskc::read`].
    Container,
    /// For [`csv::read`].
    Table,
    /// For [`serials::read`].
    Serials,
}

impl Form {
    /// By the first line that says something: an element, several fields, or one.
    pub fn of(text: &str) -> Self {
        let first = lines(text).next().map_or("", |(_, line)| line);
        if first.starts_with('<') {
            Self::Container
        } else if first.contains([',', ';']) {
            Self::Table
        } else {
            Self::Serials
        }
    }
}

/// A file as text: within bounds, UTF-8, without the mark that some editors write first.
pub fn text(bytes: &[u8]) -> Result<&str, FileError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(FileError::TooLong(bytes.len()));
    }
    let text = str::from_utf8(bytes).map_err(|_| FileError::NotText)?;
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.chars().all(is_text) {
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    } else {
        Err(FileError::NotText)
    }
}

/// Lines that say something, with their numbers: no blank ones and no comments.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// All entries, unless there are none or too many.
fn bounded<T>(entries: impl Iterator<Item = Entry<T>>) -> Result<Vec<Entry<T>>, FileError> {
    let mut all = Vec::new();
    for entry in entries {
        if all.len() == MAX_TOKENS {
            return Err(FileError::TooManyTokens);
        }
        all.push(entry);
    }
    if all.is_empty() {
        return Err(FileError::Empty);
    }
    Ok(all)
}
