//! The sealed file: `symbolon-backup-v1`, as the web app writes it.

use crate::vault::Effort;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

const FORMAT: &str = "symbolon-backup-v1";
const SALT_LEN: usize = 16;
pub(super) const KEY_LEN: usize = 32;
/// A file cannot ask for more; it is not trusted before it is opened.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 16;

/// What opens a backup: at least 12 characters. Nothing counts who guesses at a file.
pub struct Passphrase(Zeroizing<String>);

/// Why a file is no backup, or does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Too short.
    #[error("a passphrase has at least {least} characters, not {0}", least = Passphrase::MIN_CHARS)]
    Short(usize),
    /// The second entry differs from the first.
    #[error("the two passphrases are not the same")]
    Mismatch,
    /// Another kind of file.
    #[error("this file is no backup of this app, of Aegis or of 2FAS")]
    Unknown,
    /// Nothing is in it.
    #[error("there is no token in this file")]
    Empty,
    /// Not as it was written.
    #[error("this backup is damaged")]
    Damaged,
    /// Another passphrase.
    #[error("the passphrase does not open this backup")]
    Passphrase,
    /// The web app wrote it, for tokens of a token server that is not known here.
    #[error("nothing says why the token server of this backup can be believed")]
    Untrusted,
    /// Cryptography failed, which lack of memory can cause.
    #[error("the backup's key cannot be computed: is there enough memory?")]
    Crypto,
}

#[derive(Serialize, Deserialize)]
struct SealedFile {
    format: String,
    argon2id: Stretching,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stretching {
    memory_kib: u32,
    passes: u32,
    salt: String,
}

impl Passphrase {
    /// Four words make a good one.
    pub const MIN_CHARS: usize = 12;

    /// One spelling of what looks the same, whichever keyboard typed it (NFKC).
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        let length = text.chars().count();
        if length < Self::MIN_CHARS {
            return Err(BackupError::Short(length));
        }
        Ok(Self(Zeroizing::new(text.nfkc().collect())))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(<sealed>)")
    }
}

/// Seals under a fresh salt and nonce, in one lane: a browser has no more.
pub(super) fn seal(
    plain: &[u8],
    passphrase: &Passphrase,
    effort: Effort,
) -> Result<String, BackupError> {
    let Effort {
        memory_kib, passes, ..
    } = effort;
    let (mut salt, mut nonce) = ([0; SALT_LEN], [0; NONCE_LEN]);
    aws_lc_rs::rand::fill(&mut salt)?;
    aws_lc_rs::rand::fill(&mut nonce)?;
    let mut sealed = Zeroizing::new(plain.to_vec());
    let key = key(passphrase, &salt, memory_kib, passes)?;
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key)?).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut *sealed,
    )?;
    let file = SealedFile {
        format: FORMAT.to_owned(),
        argon2id: Stretching {
            memory_kib,
            passes,
            salt: BASE64.encode(&salt),
        },
        sealed: BASE64.encode(&[&nonce, &sealed[..]].concat()),
    };
    serde_json::to_string(&file).map_err(|_| BackupError::Crypto)
}

/// What was sealed.
pub(super) fn open(
    file: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let SealedFile {
        format,
        argon2id,
        sealed,
    } = serde_json::from_slice(file).map_err(|_| BackupError::Unknown)?;
    if format != FORMAT {
        return Err(BackupError::Unknown);
    }
    let Stretching {
        memory_kib,
        passes,
        salt,
    } = argon2id;
    if memory_kib > MAX_MEMORY_KIB || passes > MAX_PASSES {
        return Err(BackupError::Damaged);
    }
    let salt = decoded(&salt)?;
    let sealed = decoded(&sealed)?;
    let (nonce, sealed) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(BackupError::Damaged)?;
    unsealed(&*key(passphrase, &salt, memory_kib, passes)?, nonce, sealed)
}

/// What was sealed by AES-256-GCM, with the tag behind the ciphertext.
pub(super) fn unsealed(
    key: &[u8; KEY_LEN],
    nonce: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| BackupError::Damaged)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?)
        .open_in_place(nonce, Aad::empty(), &mut plain)
        .map_err(|_| BackupError::Passphrase)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

fn decoded(text: &str) -> Result<Vec<u8>, BackupError> {
    BASE64
        .decode(text.as_bytes())
        .map_err(|_| BackupError::Damaged)
}

fn key(
    passphrase: &Passphrase,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Zeroizing<[u8; KEY_LEN]>, BackupError> {
    let params =
        Params::new(memory_kib, passes, 1, Some(KEY_LEN)).map_err(|_| BackupError::Damaged)?;
    let mut key = Zeroizing::new([0; KEY_LEN]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), salt, &mut *key)
        .map_err(|_| BackupError::Crypto)?;
    Ok(key)
}

impl From<Unspecified> for BackupError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}
