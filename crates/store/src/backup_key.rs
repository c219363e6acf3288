//! The key under which a backup's secrets are sealed: made of a password, so that another
//! installation can open them.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::sealing::{ROOT_KEY_LEN, RootKey, SealError, Sealer};

/// Octets of salt (RFC 9106, 3.1 recommends 16).
pub const SALT_LEN: usize = 16;

/// A backup is guessed at where nobody counts the tries.
pub const PASSWORD_MIN: usize = 8;

/// How a key is made of a password: Argon2id with one lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Derivation {
    /// In KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Of this backup alone.
    pub salt: [u8; SALT_LEN],
}

impl Derivation {
    /// RFC 9106's second recommendation, 64 MiB and 3 passes, with one lane: a quarter of a second.
    const MEMORY: u32 = 65_536;
    const PASSES: u32 = 3;

    /// The most that a file may ask for: a gigabyte would be taken from the logins.
    const MEMORY_MAX: u32 = 262_144;
    const PASSES_MAX: u32 = 16;

    /// How this version makes keys.
    pub fn new(salt: [u8; SALT_LEN]) -> Self {
        Self {
            memory: Self::MEMORY,
            passes: Self::PASSES,
            salt,
        }
    }
}

/// Why there is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BackupKeyError {
    /// It would be guessed.
    #[error(
        "a backup's password has at least {PASSWORD_MIN} characters: whoever has the file can guess at it undisturbed"
    )]
    TooShort,
    /// Its derivation costs too much, or nothing.
    #[error("the backup's key cannot be made at a price that this unit pays")]
    Cost,
    /// The library refused; never expected.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The key of a backup.
#[derive(Debug)]
pub struct BackupKey {
    sealer: Sealer,
    derivation: Derivation,
}

impl BackupKey {
    /// Makes the key of a new backup: a quarter of a second of one core.
    pub fn new(password: &str, derivation: Derivation) -> Result<Self, BackupKeyError> {
        if password.chars().count() < PASSWORD_MIN {
            return Err(BackupKeyError::TooShort);
        }
        Self::derive(password, derivation)
    }

    /// Makes the key of a backup that exists. Whether the password was right tells [`BackupKey::id`].
    pub fn derive(password: &str, derivation: Derivation) -> Result<Self, BackupKeyError> {
        let Derivation {
            memory,
            passes,
            salt,
        } = &derivation;
        if *memory > Derivation::MEMORY_MAX || *passes > Derivation::PASSES_MAX {
            return Err(BackupKeyError::Cost);
        }
        let params = Params::new(*memory, *passes, 1, Some(ROOT_KEY_LEN));
        let params = params.map_err(|_| BackupKeyError::Cost)?;
        let mut key = Zeroizing::new([0; ROOT_KEY_LEN]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), salt, key.as_mut())
            .map_err(|_| BackupKeyError::Cost)?;
        Ok(Self {
            sealer: Sealer::new(&RootKey::from_octets(key), "backup")?,
            derivation,
        })
    }

    /// The name of the key: a wrong password has another.
    pub fn id(&self) -> u32 {
        self.sealer.key_id()
    }

    /// How it was made.
    pub fn derivation(&self) -> &Derivation {
        &self.derivation
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derivation() -> Derivation {
        Derivation {
            memory: 64,
            passes: 1,
            salt: [7; SALT_LEN],
        }
    }

    #[test]
    fn the_name_of_the_key_tells_a_wrong_password() {
        let id = |password| BackupKey::derive(password, derivation()).unwrap().id();
        assert_eq!(id("correct horse"), id("correct horse"));
        assert_ne!(id("correct horse"), id("correct horsf"));
    }

    #[test]
    fn a_short_password_or_a_dear_key_is_refused() {
        let short = BackupKey::new("1234567", derivation()).unwrap_err();
        assert_eq!(short, BackupKeyError::TooShort);
        assert!(BackupKey::new("12345678", derivation()).is_ok());
        for (memory, passes) in [(u32::MAX, 1), (64, u32::MAX), (0, 1), (64, 0)] {
            let dear = Derivation {
                memory,
                passes,
                ..derivation()
            };
            let refused = BackupKey::derive("12345678", dear).unwrap_err();
            assert_eq!(refused, BackupKeyError::Cost);
        }
    }
}
