//! Key containers: PSKC, RFC 6030.
//!
//! Read are HOTP and TOTP keys with decimal codes, in the clear, encrypted with a shared AES key
//! (section 6.1) or with one derived from a password (section 6.2, PBKDF2). The MAC of an encrypted
//! value is checked before the value is opened, and one without a MAC is refused: AES in CBC mode says
//! nothing of who wrote it. A MAC covers a seed and not the serial beside it, as the RFC has it. Document
//! types are refused, and with them entities. Not read: keys for certificates (section 6.3), key wraps,
//! signatures, and dates of a policy.

mod container;
mod protection;

use roxmltree::{Document, ParsingOptions};

use super::{Entry, FileError, SeedRecord, bounded};
use container::Container;

/// Elements and texts of a document; a token takes 30 to 60 of them.
const MAX_NODES: u32 = 1_000_000;

/// Rounds of the key derivation that are computed for a file: some seconds. RFC 8018 recommends 1,000
/// and more; current advice for HMAC-SHA-1 is 1,300,000.
pub const MAX_ITERATIONS: u32 = 4_000_000;

/// What opens an encrypted container.
#[derive(Clone, Copy)]
pub enum Unlock<'s> {
    /// Nothing: it is in the clear.
    Nothing,
    /// The shared AES key: 16, 24 or 32 bytes.
    Key(&'s [u8]),
    /// The password from which its key is derived.
    Password(&'s str),
}

/// Why a container is not used at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContainerError {
    /// Not XML.
    #[error("line {line}: the file is not well-formed XML")]
    Xml {
        /// Where.
        line: u32,
    },
    /// A document type, which could name files and hosts.
    #[error("the file declares a document type; such files are not read")]
    DocumentType,
    /// More elements than `MAX_NODES`.
    #[error("the file has more than {MAX_NODES} elements; split it")]
    TooManyNodes,
    /// Another document.
    #[error("the file is not a key container of RFC 6030, version 1")]
    NotAContainer,
    /// Something is missing.
    #[error("the container lacks `{0}`")]
    Missing(&'static str),
    /// Something stands there twice.
    #[error("`{0}` stands in the container twice")]
    Twice(&'static str),
    /// Encrypted, and nothing to open it with.
    #[error("the file is encrypted with a shared key")]
    NeedsKey,
    /// As above.
    #[error("the file is encrypted with a password")]
    NeedsPassword,
    /// Not encrypted, though it should be: what it says could be anybody's.
    #[error(
        "the file is not encrypted, though a key or password was given; ask the maker whether it should be"
    )]
    NotEncrypted,
    /// Encrypted in a way that is not read.
    #[error(
        "the file is encrypted in a way that is not read; ask for AES-CBC with a shared key or a password"
    )]
    Protection,
    /// A key of the wrong length for its cipher.
    #[error("the file's cipher takes a key of {wanted} bytes, not of {given}")]
    KeyLength {
        /// The cipher's.
        wanted: usize,
        /// The key's.
        given: usize,
    },
    /// A key derivation that is not computed: another function, too many rounds, no salt.
    #[error("the key derivation is not PBKDF2 with HMAC and 1 to {MAX_ITERATIONS} rounds")]
    Derivation,
    /// Not an HMAC over SHA-1 or SHA-2.
    #[error("the MAC is no HMAC over SHA-1 or SHA-2")]
    MacMethod,
    /// The MAC's key does not open.
    #[error("the key or password is not the file's: the key of its MAC does not open")]
    MacKey,
}

/// Reads a key container. `unlock` opens it if it is encrypted.
pub fn read(text: &str, unlock: Unlock<'_>) -> Result<Vec<Entry<SeedRecord>>, FileError> {
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| not_xml(&error))?;
    let container = Container::open(&document, unlock)?;
    bounded(container.entries())
}

/// The parser's own words could quote the file.
fn not_xml(error: &roxmltree::Error) -> ContainerError {
    match error {
        roxmltree::Error::DtdDetected => ContainerError::DocumentType,
        roxmltree::Error::NodesLimitReached => ContainerError::TooManyNodes,
        _ => ContainerError::Xml {
            line: error.pos().row,
        },
    }
}
