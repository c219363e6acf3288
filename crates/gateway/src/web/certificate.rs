//! What this unit shows to those who connect over TLS.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use softtoken::link::SpkiPin;
use store::private_file::{self, PrivateFileError};
use zeroize::Zeroizing;

/// The name in a certificate that is made here.
const SUBJECT: &str = "Symbolon gateway";
/// Clients pin such a certificate or are told to trust it: a new one costs every one of them a question.
const LAST_YEAR: i32 = 2050;
/// A chain of five certificates with the longest keys stays below a quarter of it.
const MAX_OCTETS: u64 = 64 << 10;

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) pin: Pin,
}

/// SHA-256 of a certificate's `SubjectPublicKeyInfo`, as `openconnect --servercert` takes it
/// (RFC 7469, section 2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pin([u8; 32]);

impl Pin {
    /// As the SoftToken protocol has it.
    pub(crate) fn as_spki(self) -> SpkiPin {
        SpkiPin::from_digest(self.0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pin-sha256:{}", BASE64.encode(&self.0))
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file.
    #[error("the certificate: {0}")]
    File(#[from] PrivateFileError),
    /// What is in it.
    #[error(
        "{} holds no certificate with its key in PEM ({why}); remove it, and another is made",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The key is another certificate's, or none that TLS takes.
    #[error("the certificate and its key cannot be used: {0}")]
    Pair(rustls::Error),
    /// The library refused.
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Reads chain and key from the file, which is made first if it is not there.
pub(crate) fn load_or_create(
    path: &Path,
    addresses: &[SocketAddr],
) -> Result<Identity, CertificateError> {
    if !path.exists() {
        private_file::create(path, made(addresses)?.as_bytes())?;
    }
    let text = private_file::read(path, MAX_OCTETS)?;
    let damaged = |why: &dyn fmt::Display| CertificateError::Damaged {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| damaged(&error))?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| damaged(&error))?;
    let pin = chain.first().and_then(pin_of);
    let pin = pin.ok_or_else(|| damaged(&"no certificate in it"))?;
    Ok(Identity { chain, key, pin })
}

fn made(addresses: &[SocketAddr]) -> Result<Zeroizing<String>, CertificateError> {
    let names = addresses.iter().map(|address| address.ip().to_string());
    let names: Vec<String> = names.chain(["localhost".to_owned()]).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, SUBJECT);
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Zeroizing::new(key.serialize_pem() + &certificate.pem()))
}

fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    use x509_cert::der::{Decode, Encode};

    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.to_der().ok()?);
    digest.as_ref().try_into().ok().map(Pin)
}
