//! A certificate and its key out of PEM.

use domain::certificate::Details;
use https::CHAIN_MAX;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::pem::PemLabel;
use rustls::Error as TlsError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::{Decode, SecretDocument};
use zeroize::Zeroizing;

use super::details;

/// OpenSSL's own way to encrypt a key, from before PKCS #8 (RFC 5958).
const TRADITIONAL: &str = "Proc-Type: 4,ENCRYPTED";

/// What an entry holds, open.
pub(super) struct Pem {
    pub(super) certificate: String,
    pub(super) key: Option<Zeroizing<String>>,
    pub(super) password: Option<Zeroizing<String>>,
}

/// Why a certificate cannot be shown. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("'set certificate' is missing: the certificate in PEM")]
    NoCertificate,
    #[error(
        "what stands in 'certificate' is no certificate in PEM: paste its lines as they are, in quotes"
    )]
    Certificate,
    #[error("'certificate' takes at most {CHAIN_MAX} certificates, the unit's own first")]
    ChainTooLong,
    #[error("'set private-key' is missing: the key that belongs to the certificate, in PEM")]
    NoKey,
    #[error(
        "what stands in 'private-key' is no private key in PEM: paste its lines as they are, in quotes"
    )]
    Key,
    #[error("the private key is encrypted: 'set password' has to open it")]
    NeedsPassword,
    #[error("the password does not open the private key")]
    WrongPassword,
    #[error(
        "the private key is encrypted in OpenSSL's old way: convert it by 'openssl pkcs8 -topk8 -in FILE'"
    )]
    Traditional,
    #[error("the private key was sealed by another unit, and opens nothing here: set it again")]
    Foreign,
    #[error("the certificate belongs to another key")]
    OtherKey,
    #[error("TLS cannot use it: {0}")]
    Tls(TlsError),
}

/// A pair that belongs together.
pub(super) struct Pair {
    pub(super) shown: CertifiedKey,
    pub(super) details: Details,
}

impl Pem {
    /// Reads it; the key has to be that of the first certificate.
    pub(super) fn read(&self) -> Result<Pair, Unusable> {
        let chain = chain(&self.certificate)?;
        let own = chain.first().ok_or(Unusable::NoCertificate)?;
        let details = details::of(own, chain.len() - 1).ok_or(Unusable::Certificate)?;
        let shown = https::paired(chain, self.key()?).map_err(Unusable::Tls)?;
        let shown = shown.ok_or(Unusable::OtherKey)?;
        Ok(Pair { shown, details })
    }

    /// The key; in PKCS #8 (RFC 5958), plain or encrypted, PKCS #1 (RFC 8017) or SEC 1 (RFC 5915).
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, Unusable> {
        let pem = self.key.as_ref().ok_or(Unusable::NoKey)?;
        if pem.contains(EncryptedPrivateKeyInfoRef::PEM_LABEL) {
            return self.decrypted(pem);
        }
        if pem.contains(TRADITIONAL) {
            return Err(Unusable::Traditional);
        }
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| Unusable::Key)
    }

    fn decrypted(&self, pem: &str) -> Result<PrivateKeyDer<'static>, Unusable> {
        let password = self.password.as_ref().ok_or(Unusable::NeedsPassword)?;
        let (_, document) = SecretDocument::from_pem(pem).map_err(|_| Unusable::Key)?;
        let sealed = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes());
        let opened = sealed
            .map_err(|_| Unusable::Key)?
            .decrypt(password.as_bytes());
        let opened = opened.map_err(|_| Unusable::WrongPassword)?;
        Ok(PrivatePkcs8KeyDer::from(opened.as_bytes().to_vec()).into())
    }
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|_| Unusable::Certificate)?;
    match chain.len() {
        0 if pem.is_empty() => Err(Unusable::NoCertificate),
        0 => Err(Unusable::Certificate),
        1..=CHAIN_MAX => Ok(chain),
        _ => Err(Unusable::ChainTooLong),
    }
}
