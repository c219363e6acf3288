//! A key that is made where its holder is, and the file that it shares with its certificate.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use zeroize::Zeroizing;

use super::parcel::Content;
use super::requests::is_waiting;

/// The file of a key, empty. It is there before the certificate is.
pub(super) struct NewKey {
    path: PathBuf,
    file: File,
    key: KeyPair,
}

/// The certificate in an answer.
pub(super) fn certificate(answer: &Value) -> Option<&str> {
    answer.get("certificate")?.as_str()
}

impl NewKey {
    /// Makes the key, and its file for its owner alone. One that is there is somebody else's.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let key = KeyPair::generate()?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| {
                format!("cannot create {}, which must be a new file", path.display())
            })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            key,
        })
    }

    /// A PKCS #10 request for its certificate. Whoever certifies it says whose it is.
    pub(super) fn request(&self) -> Result<Content> {
        let request = CertificateParams::default().serialize_request(&self.key)?;
        Ok(Zeroizing::new(request.pem()?.into_bytes()))
    }

    /// Writes key and certificate. A key whose certificate another agent has to approve is kept; one of which
    /// nothing becomes goes.
    pub(super) fn settle(self, answer: Option<&Value>) -> Result<()> {
        match answer {
            Some(answer) if is_waiting(answer) => {
                eprintln!(
                    "{} has the key; append the certificate that the approval answers with",
                    self.path.display()
                );
                self.write("")
            }
            Some(answer) => self.write(certificate(answer).context("no certificate came")?),
            None => fs::remove_file(&self.path)
                .with_context(|| format!("cannot remove {}", self.path.display())),
        }
    }

    /// Through to the disk.
    fn write(mut self, certificate: &str) -> Result<()> {
        let content = Zeroizing::new(self.key.serialize_pem() + certificate);
        self.file
            .write_all(content.as_bytes())
            .and_then(|()| self.file.sync_all())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}
