//! Key and certificate as one PEM file for its owner alone.

use crate::trust::trusting;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use domain::time::Timestamp;
use domain::unit::Certificate;
use ident::ProductSerial;
use rcgen::{KeyPair, SigningKey};
use rustls::client::VerifierBuilderError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore};
use softtoken::{Renewal, renewal_transcript};
use store::private_file::{self, PrivateFileError};
use zeroize::Zeroizing;

use crate::certificate::certificate_of;

/// A key and two certificates of P-256 have less than 2 KiB each.
const MAX_BYTES: u64 = 16 << 10;

/// A key and the certificate that names its product.
pub struct Identity {
    product: ProductSerial,
    certificate: Certificate,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pem: Zeroizing<String>,
}

/// Not the key.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({}, <sealed>)", self.product)
    }
}

/// A signature and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The certificate's DER in base64url without padding.
    pub certificate: String,
    /// As DER (RFC 3279), in base64url without padding.
    pub signature: String,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Its file.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// There is no key, or none that can be read.
    #[error("there is no private key (PKCS #8, PEM) in it")]
    NoKey,
    /// There is no certificate, or none that can be read.
    #[error("there is no certificate (PEM) in it")]
    NoCertificate,
    /// The certificate's subject is no product.
    #[error("its certificate is for '{0}', which is no serial number of a product")]
    NoProduct(Box<str>),
    /// The certificate is for another key.
    #[error("its certificate and its key do not belong together: {0}")]
    Mismatched(rustls::Error),
    /// Nobody is trusted.
    #[error("no server can be trusted: {0}")]
    Untrusting(#[from] VerifierBuilderError),
    /// Whoever gave it is not the token server's authority, or it is no client's.
    #[error("its certificate is none that the token server's authority gives to clients: {0}")]
    NotVouched(String),
    /// It names another product than before.
    #[error("its certificate is {found}'s, not {expected}'s")]
    OtherProduct {
        /// Who it should be.
        expected: ProductSerial,
        /// Who it is.
        found: ProductSerial,
    },
}

impl Identity {
    /// Reads a file that nobody but its owner may read.
    pub fn load(file: &Path) -> Result<Self, IdentityError> {
        let octets = private_file::read(file, MAX_BYTES)?;
        let text = str::from_utf8(&octets).map_err(|_| IdentityError::NoKey)?;
        Self::of_pem(text)
    }

    /// Reads key and certificates, in any order; of certificates the first is the product's.
    pub fn of_pem(pem: &str) -> Result<Self, IdentityError> {
        let key =
            PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| IdentityError::NoKey)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::NoCertificate)?;
        let certificate = chain.first().and_then(|own| certificate_of(own));
        let certificate = certificate.ok_or(IdentityError::NoCertificate)?;
        let serial = certificate.subject.strip_prefix("CN=");
        let product = serial.and_then(|serial| ProductSerial::parse(serial).ok());
        let product =
            product.ok_or_else(|| IdentityError::NoProduct(certificate.subject.clone()))?;
        let identity = Self {
            product,
            certificate,
            chain,
            key,
            pem: Zeroizing::new(pem.to_owned()),
        };
        identity.tls(RootCertStore::empty())?;
        Ok(identity)
    }

    /// Puts it in the place of what the file held, so that a crash leaves one of the two.
    pub fn save(&self, file: &Path) -> Result<(), PrivateFileError> {
        private_file::replace(file, self.pem.as_bytes())
    }

    /// Whom the certificate names.
    pub fn product(&self) -> ProductSerial {
        self.product
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether key and certificates are the very same.
    pub fn is(&self, other: &Self) -> bool {
        self.pem == other.pem
    }

    /// When it is to be renewed: at two thirds of its life, so that a server may be away for months.
    pub fn renewal(&self) -> Timestamp {
        let Certificate {
            not_before,
            not_after,
            ..
        } = self.certificate;
        let life = not_after.since(not_before).micros();
        Timestamp::from_micros(not_before.micros().saturating_add(life / 3 * 2))
    }

    /// Demands that one of `roots` vouches for this client at `now`.
    pub(crate) fn demand_vouched(
        &self,
        roots: &Arc<RootCertStore>,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let told = |why: &dyn std::fmt::Display| IdentityError::NotVouched(why.to_string());
        let Some((own, authorities)) = self.chain.split_first() else {
            return Err(IdentityError::NoCertificate);
        };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unix()));
        let verifier = WebPkiClientVerifier::builder(Arc::clone(roots)).build();
        let verifier = verifier.map_err(|error| told(&error))?;
        let verified = verifier.verify_client_cert(own, authorities, now);
        verified.map(|_| ()).map_err(|error| told(&error))
    }

    /// Proves to the authority that the holder of this identity wants another key certified.
    pub(crate) fn prove(&self, certificate_request: &str) -> Result<Renewal, rcgen::Error> {
        let Signed {
            certificate,
            signature,
        } = self.sign(&renewal_transcript(certificate_request))?;
        Ok(Renewal {
            certificate,
            signature,
        })
    }

    /// Signs a transcript, which begins with what it is for: ECDSA with SHA-256.
    pub fn sign(&self, transcript: &[u8]) -> Result<Signed, rcgen::Error> {
        let signature = KeyPair::try_from(&self.key)?.sign(transcript)?;
        let own = self.chain.first().map_or(&[][..], |own| own);
        Ok(Signed {
            certificate: BASE64URL_NOPAD.encode(own),
            signature: BASE64URL_NOPAD.encode(&signature),
        })
    }

    /// TLS with this identity towards servers that one of `roots` vouches for.
    pub fn tls(&self, roots: RootCertStore) -> Result<ClientConfig, IdentityError> {
        trusting(roots)?
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(IdentityError::Mismatched)
    }
}

/// The authorities in a PEM file; why there are none.
pub fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", PathBuf::from(file).display());
    let pem = std::fs::read(file).map_err(|error| told(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
    }
    if roots.is_empty() {
        return Err(told(&"there is no certificate (PEM) in it"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType};

    use super::*;

    #[test]
    fn a_file_with_the_certificate_first_renews_too() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "FGT0000000000001");
        let certificate = params.self_signed(&key).unwrap().pem();
        let key = key.serialize_pem();
        for pem in [key.clone() + &certificate, certificate + &key] {
            let identity = Identity::of_pem(&pem).unwrap();
            assert!(identity.prove("request").is_ok());
        }
    }
}
