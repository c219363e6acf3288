//! The keys by which clients know this server: made at the first start, the same from then on.

use std::io;
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key;
use russh::keys::ssh_key::private::{EcdsaKeypair, Ed25519Keypair};
use store::private_file::{self, PrivateFileError};
use zeroize::Zeroizing;

use crate::clock::{self, NoEntropy};

/// A key file of OpenSSH has some hundred octets.
const FILE_MAX: u64 = 16_384;

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// A key could not be made.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The directory could not be looked at.
    #[error("cannot look for {}: {source}", path.display())]
    Directory {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no key.
    #[error("{} holds no private key of OpenSSH's format: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ssh_key::Error,
    },
}

/// A kind of host key: its file, and how it is made.
type Kind = (&'static str, fn() -> Result<PrivateKey, NoEntropy>);

/// Ed25519 first; ECDSA for clients that know nothing newer. RSA is left out with its library.
const KINDS: [Kind; 2] = [
    ("ssh_host_ed25519_key", ed25519),
    ("ssh_host_ecdsa_key", ecdsa),
];

/// Reads the keys in a directory, and makes those that are missing.
pub(super) fn load_or_create(directory: &Path) -> Result<Vec<PrivateKey>, HostKeyError> {
    KINDS
        .into_iter()
        .map(|(file, make)| {
            let path = directory.join(file);
            let exists = path
                .try_exists()
                .map_err(|source| HostKeyError::Directory {
                    path: path.clone(),
                    source,
                })?;
            if !exists {
                let text = write(&make()?, &path)?;
                private_file::create(&path, text.as_bytes())?;
            }
            read(&path)
        })
        .collect()
}

fn write(key: &PrivateKey, path: &Path) -> Result<Zeroizing<String>, HostKeyError> {
    key.to_openssh(ssh_key::LineEnding::LF)
        .map_err(|source| HostKeyError::Key {
            path: path.to_owned(),
            source,
        })
}

fn read(path: &Path) -> Result<PrivateKey, HostKeyError> {
    let text = private_file::read(path, FILE_MAX)?;
    PrivateKey::from_openssh(text.as_slice()).map_err(|source| HostKeyError::Key {
        path: path.to_owned(),
        source,
    })
}

fn ed25519() -> Result<PrivateKey, NoEntropy> {
    let seed = Zeroizing::new(clock::random()?);
    Ok(Ed25519Keypair::from_seed(&seed).into())
}

fn ecdsa() -> Result<PrivateKey, NoEntropy> {
    loop {
        let octets = Zeroizing::new(clock::random::<32>()?);
        // One in 2^32 is no scalar of the curve.
        if let Ok(secret) = p256::SecretKey::from_slice(octets.as_slice()) {
            let public = p256::Sec1Point::from(secret.public_key());
            let pair = EcdsaKeypair::NistP256 {
                public,
                private: secret.into(),
            };
            return Ok(pair.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_for_their_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let fingerprints = || -> Vec<String> {
            let keys = load_or_create(directory.path()).unwrap();
            let prints = keys
                .iter()
                .map(|key| key.fingerprint(ssh_key::HashAlg::Sha256));
            prints.map(|print| print.to_string()).collect()
        };
        let made = fingerprints();
        assert_eq!(made.len(), 2);
        assert_eq!(fingerprints(), made);
        for (file, _) in KINDS {
            let metadata = std::fs::metadata(directory.path().join(file)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_damaged_key_is_named_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ssh_host_ecdsa_key");
        private_file::create(&path, b"no key").unwrap();
        let error = load_or_create(directory.path()).unwrap_err();
        assert!(error.to_string().contains("ssh_host_ecdsa_key"), "{error}");
        assert_eq!(std::fs::read(path).unwrap(), b"no key");
    }
}
