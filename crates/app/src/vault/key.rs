//! The vault's key: a PIN made slow by Argon2id, tied to this machine by HKDF.

use super::VaultError;
use super::file::{Header, VaultFile};
use crate::disk::{self, DiskError};
use crate::pin::Pin;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes of the secret that binds a vault to a machine.
pub(super) const SECRET_LEN: usize = 32;
const KEY_LEN: usize = 32;

/// A machine id is 32 digits and a line end (machine-id(5)).
const MAX_MACHINE_ID_BYTES: usize = 256;

/// What Argon2id costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

#[cfg(test)]
impl Effort {
    /// Next to nothing.
    pub(crate) const CHEAP: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
}

/// What ties a vault to this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingKind {
    /// A secret in a file of its own.
    SecretFile,
    /// And the machine's id.
    SecretFileAndMachineId,
}

impl Effort {
    /// RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
    pub const RECOMMENDED: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 4,
    };

    /// A file cannot ask for more than this; it is not trusted before it is opened.
    const MAX: Self = Self {
        memory_kib: 1 << 20,
        passes: 16,
        lanes: 16,
    };

    pub(super) fn within_bounds(self) -> Option<Self> {
        let is_within = self.memory_kib <= Self::MAX.memory_kib
            && self.passes <= Self::MAX.passes
            && self.lanes <= Self::MAX.lanes;
        is_within.then_some(self)
    }
}

impl BindingKind {
    pub(super) fn with(machine_id: Option<&[u8]>) -> Self {
        if machine_id.is_some() {
            Self::SecretFileAndMachineId
        } else {
            Self::SecretFile
        }
    }

    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::SecretFile => 1,
            Self::SecretFileAndMachineId => 2,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::SecretFile, Self::SecretFileAndMachineId]
            .into_iter()
            .find(|k| k.to_byte() == byte)
    }
}

/// The machine's half of the key.
pub(super) struct Binding(Zeroizing<Vec<u8>>);

impl Binding {
    pub(super) fn new(secret: &[u8], machine_id: Option<&[u8]>) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_LEN + MAX_MACHINE_ID_BYTES));
        bytes.extend_from_slice(secret);
        bytes.extend_from_slice(machine_id.unwrap_or_default());
        Self(bytes)
    }

    /// Tells one machine from another and nothing about the secret, which has 256 bits.
    pub(super) fn check(&self) -> Result<[u8; 16], Unspecified> {
        let mut check = [0; 16];
        expand(b"", &self.0, b"symbolon-vault-binding-v1", &mut check)?;
        Ok(check)
    }
}

/// The key of a vault's contents.
pub(super) struct VaultKey(LessSafeKey);

impl VaultKey {
    pub(super) fn derive(
        pin: &Pin,
        header: &Header,
        binding: &Binding,
    ) -> Result<Self, VaultError> {
        let Effort {
            memory_kib,
            passes,
            lanes,
        } = header.effort;
        let params = Params::new(memory_kib, passes, lanes, Some(KEY_LEN))
            .map_err(|_| VaultError::Crypto)?;
        let mut stretched = Zeroizing::new([0; KEY_LEN]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(pin.expose(), &header.salt, &mut *stretched)
            .map_err(|_| VaultError::Crypto)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        expand(&binding.0, &*stretched, b"symbolon-vault-v1", &mut *key)?;
        Ok(Self(LessSafeKey::new(UnboundKey::new(
            &AES_256_GCM,
            &*key,
        )?)))
    }

    /// Seals contents under a fresh nonce. A vault is saved far less often than the 2^32 times for
    /// which random nonces are safe (NIST SP 800-38D section 8.3).
    pub(super) fn seal(
        &self,
        header: Header,
        mut plaintext: Zeroizing<Vec<u8>>,
    ) -> Result<VaultFile, VaultError> {
        let mut nonce = [0; 12];
        aws_lc_rs::rand::fill(&mut nonce)?;
        plaintext.reserve(AES_256_GCM.tag_len());
        self.0.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.sealed_part()),
            &mut *plaintext,
        )?;
        Ok(VaultFile {
            header,
            nonce,
            ciphertext: std::mem::take(&mut *plaintext),
        })
    }

    pub(super) fn open(&self, file: &VaultFile) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let mut bytes = Zeroizing::new(file.ciphertext.clone());
        let aad = Aad::from(file.header.sealed_part());
        let nonce = Nonce::assume_unique_for_key(file.nonce);
        let length = self.0.open_in_place(nonce, aad, &mut bytes)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(<sealed>)")
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(<sealed>)")
    }
}

pub(super) fn random_secret() -> Result<Zeroizing<[u8; SECRET_LEN]>, VaultError> {
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    aws_lc_rs::rand::fill(&mut *secret)?;
    Ok(secret)
}

/// The machine's id without its line end; `None` on a machine that has none.
pub(super) fn machine_id(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    let bytes = disk::read_bounded(path, MAX_MACHINE_ID_BYTES)?;
    Ok(bytes
        .map(|bytes| bytes.trim_ascii().to_vec())
        .filter(|id| !id.is_empty()))
}

/// HKDF with SHA-256 (RFC 5869).
fn expand(salt: &[u8], secret: &[u8], label: &[u8], out: &mut [u8]) -> Result<(), Unspecified> {
    let key = Salt::new(HKDF_SHA256, salt).extract(secret);
    key.expand(&[label], OutputLength(out.len()))?.fill(out)
}

struct OutputLength(usize);

impl KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}
