//! What this unit shows to those who connect over TLS.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use softtoken::link::SpkiPin;
use store::private_file::{self, PrivateFileError};
use zeroize::Zeroizing;

/// The name in a certificate that is made here.
const SUBJECT: &str = "Symbolon gateway";
/// The authority of one that is made for RADIUS.
const AUTHORITY: &str = "Symbolon RADIUS authority";
/// What devices that check a name (`domain_match` of `wpa_supplicant`) are told to expect: they have no address of
/// the server, and `.internal` is no public name's.
const RADIUS_NAME: &str = "radius.symbolon.internal";
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
    load(path, || made(addresses))
}

/// The same for devices, many of which take none for trustworthy but an authority: what is made has one behind it.
pub(crate) fn load_or_create_for_devices(
    path: &Path,
    addresses: &[SocketAddr],
) -> Result<Identity, CertificateError> {
    load(path, || made_for_devices(addresses))
}

fn load(
    path: &Path,
    made: impl FnOnce() -> Result<Zeroizing<String>, rcgen::Error>,
) -> Result<Identity, CertificateError> {
    if !path.exists() {
        private_file::create(path, made()?.as_bytes())?;
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

fn made(addresses: &[SocketAddr]) -> Result<Zeroizing<String>, rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = server(addresses, "localhost")?.self_signed(&key)?;
    Ok(Zeroizing::new(key.serialize_pem() + &certificate.pem()))
}

/// Nobody has the authority's key afterwards: it vouches for this one server.
fn made_for_devices(addresses: &[SocketAddr]) -> Result<Zeroizing<String>, rcgen::Error> {
    let mut params = named(Vec::new(), AUTHORITY)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let signing = KeyPair::generate()?;
    let authority = params.self_signed(&signing)?;
    let key = KeyPair::generate()?;
    let issuer = Issuer::new(params, signing);
    let certificate = server(addresses, RADIUS_NAME)?.signed_by(&key, &issuer)?;
    let pem = key.serialize_pem() + &certificate.pem() + &authority.pem();
    Ok(Zeroizing::new(pem))
}

fn server(addresses: &[SocketAddr], name: &str) -> Result<CertificateParams, rcgen::Error> {
    let names = addresses.iter().map(|address| address.ip().to_string());
    let mut params = named(names.chain([name.to_owned()]).collect(), SUBJECT)?;
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    Ok(params)
}

fn named(names: Vec<String>, subject: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, subject);
    params.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
    Ok(params)
}

/// What its key is known by; `None` if it is no certificate.
pub(crate) fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    use x509_cert::der::{Decode, Encode};

    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.to_der().ok()?);
    digest.as_ref().try_into().ok().map(Pin)
}
