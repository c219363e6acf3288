//! A key that is made where its holder is, and the file that it shares with its certificate.

use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use zeroize::Zeroizing;

use super::new_file::NewFile;
use super::parcel::Content;
use super::requests::is_waiting;

/// The file of a key, empty. It is there before the certificate is.
pub(super) struct NewKey {
    file: NewFile,
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
        let file = NewFile::create(path)?;
        Ok(Self { file, key })
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
                    self.file.path().display()
                );
                self.write("")
            }
            Some(answer) => self.write(certificate(answer).context("no certificate came")?),
            None => self.file.discard(),
        }
    }

    fn write(self, certificate: &str) -> Result<()> {
        let content = Zeroizing::new(self.key.serialize_pem() + certificate);
        self.file.write(content.as_bytes())
    }
}
