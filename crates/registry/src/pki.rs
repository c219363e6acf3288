//! The installation's own certificates: an authority that is made once, the server's certificate
//! that is made at every start, and one certificate for each gateway and each agent of the desk.

mod names;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use domain::licensing::{AgentName, CertificateHash, Generation, KeyHash};
use domain::time::{Span, Timestamp};
use ident::ProductSerial;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer,
};
use softtoken::address::ServerName;
use softtoken::link::SpkiPin;
use store::private_file::{self, PrivateFileError};
use x509_cert::der::{Decode, Encode};
use x509_cert::request::CertReq;
use zeroize::Zeroizing;

/// Every phone pins the authority, so its end would be the end of the installation: it is far away.
const AUTHORITY_LIFE: Duration = days(30 * 365);
/// Nothing renews a gateway's certificate by itself; it is issued again by hand within this time.
const GATEWAY_LIFE: Duration = days(10 * 365);
/// A gateway that enrolled renews its certificate by itself, an agent asks for another; one that was lost
/// counts for no longer.
const ENROLLED_LIFE: Duration = days(365);
/// The most that phones accept of a server. It is made anew at every start.
const SERVER_LIFE: Duration = days(825);
/// Clocks of peers may be a little slow.
const BACKDATED: Duration = days(1);
/// Files of a P-256 key and of a certificate have less than 2 KiB.
const MAX_PEM_LEN: u64 = 16 << 10;
const AUTHORITY_NAME: &str = "Symbolon registry authority";
/// What the subject of an agent's certificate begins with, so that none is a gateway's: theirs begin with
/// the serial.
const AGENT_UNIT: &str = "Symbolon desk agent";

/// `Name { RDN { commonName: UTF8String of 16 } }` without the outer SEQUENCE (X.501): what the subject
/// of every gateway's certificate begins with, so that nothing of it has to be interpreted.
const SUBJECT_PREFIX: [u8; 11] = [
    0x31, 0x19, 0x30, 0x17, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x10,
];

/// The certificate authority of an installation.
#[derive(Debug)]
pub struct Pki {
    authority: CertificateDer<'static>,
    authority_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a gateway needs to be heard.
pub struct GatewayIdentity {
    /// Its certificate, subject `CN=SERIAL`.
    pub certificate_pem: String,
    /// Its private key (PKCS #8).
    pub key_pem: Zeroizing<String>,
}

/// A certificate for a key that stays with its holder.
pub(crate) struct Issued {
    /// The certificate and its authority's.
    pub(crate) pem: String,
    pub(crate) hash: CertificateHash,
    pub(crate) end: Timestamp,
}

/// What the registry, or the push relay beside it, shows to those who connect.
pub struct ServerIdentity {
    /// Its certificate and the authority's.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key file.
    #[error("certificate authority: {0}")]
    File(#[from] PrivateFileError),
    /// Another file.
    #[error("certificate authority: {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// One of the two files is missing, damaged or another authority's.
    #[error(
        "{} does not hold a certificate and its key (ca.pem, ca.key); restore both from the backup: \
         phones and gateways trust no other",
        directory.display()
    )]
    Damaged {
        /// The directory.
        directory: PathBuf,
    },
    /// No random octets.
    #[error("the system's random source failed")]
    Random,
    /// The library refused.
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

impl Pki {
    /// Reads the authority from `directory` (`ca.pem`, `ca.key`), or makes there what is missing: both, or
    /// the certificate of a key, which is whatever certifies that key under this name. One that is made may
    /// certify servers of these names alone; where its names are others by now, it is made anew for its key.
    pub fn open_or_create(directory: &Path, names: &[ServerName]) -> Result<Self, PkiError> {
        let io = |source| PkiError::Io {
            path: directory.to_owned(),
            source,
        };
        private_file::create_directory(directory).map_err(io)?;
        let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key"));
        let hosts = names::hosts(names);
        if certificate.exists() {
            let loaded = Self::load(directory, &certificate, &key)?;
            return loaded.permitting(&hosts, &certificate);
        }
        // The key first: a start that was cut short between the two goes on from it.
        let key_pair = if key.exists() {
            read_key(&key)?.ok_or_else(|| PkiError::Damaged {
                directory: directory.to_owned(),
            })?
        } else {
            let made = KeyPair::generate()?;
            private_file::create(&key, Zeroizing::new(made.serialize_pem()).as_bytes())?;
            made
        };
        let made = Self::certified(key_pair, &hosts)?;
        private_file::create(&certificate, made.authority_pem.as_bytes())?;
        Ok(made)
    }

    /// The same key with a certificate that lets it certify these.
    fn permitting(self, hosts: &[String], certificate: &Path) -> Result<Self, PkiError> {
        if names::permits(&self.authority, hosts) {
            return Ok(self);
        }
        let key = KeyPair::try_from(self.issuer.key().serialized_der())?;
        let made = Self::certified(key, hosts)?;
        private_file::replace(certificate, made.authority_pem.as_bytes())?;
        tracing::warn!(
            "the authority's certificate was made anew, for the names of now: who trusts {} by itself has to be \
             given it again; pins in QR codes stay",
            certificate.display()
        );
        Ok(made)
    }

    /// The authority of this key.
    fn certified(key: KeyPair, hosts: &[String]) -> Result<Self, PkiError> {
        let params = authority_params(hosts);
        let made = params.self_signed(&key)?;
        Ok(Self {
            authority: made.der().clone(),
            authority_pem: made.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate, which gateways trust.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// SHA-256 of the authority's `SubjectPublicKeyInfo`, which phones trust (RFC 7469).
    pub fn pin(&self) -> SpkiPin {
        SpkiPin::of_spki(&self.issuer.key().subject_public_key_info())
    }

    /// Issues a certificate to a gateway. Earlier ones of its generation stay valid.
    pub fn issue_gateway(
        &self,
        serial: ProductSerial,
        generation: Generation,
    ) -> Result<GatewayIdentity, PkiError> {
        let mut params = leaf_params(serial.as_str(), GATEWAY_LIFE);
        params.serial_number = Some(numbered(generation)?);
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
        let key = KeyPair::generate()?;
        let certificate_pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(GatewayIdentity {
            certificate_pem,
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// Certifies a gateway's own key from `now` on.
    pub(crate) fn certify(
        &self,
        serial: ProductSerial,
        generation: Generation,
        key: &RequestedKey,
        now: Timestamp,
    ) -> Result<Issued, PkiError> {
        let mut params = leaf_params(serial.as_str(), ENROLLED_LIFE);
        params.serial_number = Some(numbered(generation)?);
        self.certify_client(params, key, now)
    }

    /// Certifies an agent's own key from `now` on.
    pub(crate) fn certify_agent(
        &self,
        name: &AgentName,
        key: &RequestedKey,
        now: Timestamp,
    ) -> Result<Issued, PkiError> {
        let mut params = leaf_params(name.as_str(), ENROLLED_LIFE);
        let mut subject = DistinguishedName::new();
        for (kind, value) in [
            (DnType::OrganizationalUnitName, AGENT_UNIT),
            (DnType::CommonName, name.as_str()),
        ] {
            subject.push(kind, DnValue::Utf8String(value.to_owned()));
        }
        params.distinguished_name = subject;
        self.certify_client(params, key, now)
    }

    fn certify_client(
        &self,
        mut params: CertificateParams,
        key: &RequestedKey,
        now: Timestamp,
    ) -> Result<Issued, PkiError> {
        let end = now.after(Span::from_secs(ENROLLED_LIFE.as_secs().cast_signed()));
        params.not_before = (system_time(now) - BACKDATED).into();
        params.not_after = system_time(end).into();
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(Issued {
            hash: hash_of(certificate.der()),
            pem: certificate.pem() + &self.authority_pem,
            end,
        })
    }

    /// Signs a transcript as the authority: ECDSA with SHA-256, as DER. It begins with what it is for, so it is
    /// no certificate.
    pub(crate) fn sign(&self, transcript: &[u8]) -> Result<Vec<u8>, PkiError> {
        Ok(self.issuer.key().sign(transcript)?)
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> CertificateDer<'static> {
        self.authority.clone()
    }

    /// A certificate for these names, its key in memory only.
    pub fn issue_server(&self, names: &[ServerName]) -> Result<ServerIdentity, PkiError> {
        let mut params = leaf_params("Symbolon registry", SERVER_LIFE);
        params.subject_alt_names = CertificateParams::new(names::hosts(names))?.subject_alt_names;
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerIdentity {
            // The authority goes along: phones that scanned its pin have never seen it.
            chain: vec![certificate.der().clone(), self.authority()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    fn load(directory: &Path, certificate: &Path, key: &Path) -> Result<Self, PkiError> {
        let damaged = || PkiError::Damaged {
            directory: directory.to_owned(),
        };
        if !key.exists() {
            return Err(damaged());
        }
        let io = |source| PkiError::Io {
            path: certificate.to_owned(),
            source,
        };
        let authority_pem = std::fs::read_to_string(certificate).map_err(io)?;
        let authority =
            CertificateDer::from_pem_slice(authority_pem.as_bytes()).map_err(|_| damaged())?;
        let key = read_key(key)?.ok_or_else(damaged)?;
        let parsed = webpki::EndEntityCert::try_from(&authority).map_err(|_| damaged())?;
        if parsed.subject_public_key_info().as_ref() != key.subject_public_key_info() {
            return Err(damaged());
        }
        Ok(Self {
            authority,
            authority_pem,
            issuer: Issuer::new(authority_params(&[]), key),
        })
    }
}

/// The key in a file; `None` if there is none in it.
fn read_key(path: &Path) -> Result<Option<KeyPair>, PrivateFileError> {
    let pem = private_file::read(path, MAX_PEM_LEN)?;
    let pem = str::from_utf8(&pem).ok();
    Ok(pem.and_then(|pem| KeyPair::from_pem(pem).ok()))
}

impl GatewayIdentity {
    /// Writes `gateway.pem` and `gateway.key` into `directory`, which must not have them.
    pub fn save(&self, directory: &Path) -> Result<(), PkiError> {
        private_file::create(&directory.join("gateway.key"), self.key_pem.as_bytes())?;
        private_file::create(
            &directory.join("gateway.pem"),
            self.certificate_pem.as_bytes(),
        )?;
        Ok(())
    }
}

impl std::fmt::Debug for GatewayIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GatewayIdentity(<sealed>)")
    }
}

/// The serial number of a gateway's certificate: a mark, the generation, and random octets as RFC 5280, section
/// 4.1.2.2, lets them follow. Shorter than those without a generation, which have 20 octets.
const NUMBER_LEN: usize = 17;
const NUMBER_MARK: u8 = 1;

fn numbered(generation: Generation) -> Result<SerialNumber, PkiError> {
    let mut number = [NUMBER_MARK; NUMBER_LEN];
    let (head, random) = number.split_at_mut(1 + size_of::<u32>());
    head[1..].copy_from_slice(&generation.0.to_be_bytes());
    aws_lc_rs::rand::fill(random).map_err(|_| PkiError::Random)?;
    Ok(SerialNumber::from_slice(&number))
}

/// Of which generation a gateway's certificate is. Those from before there were generations are of the first.
pub(crate) fn generation_of(certificate: &CertificateDer<'_>) -> Option<Generation> {
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    let number = parsed.tbs_certificate().serial_number().as_bytes();
    let generation = match number {
        [NUMBER_MARK, a, b, c, d, random @ ..] if 5 + random.len() == NUMBER_LEN => {
            u32::from_be_bytes([*a, *b, *c, *d])
        }
        _ => 0,
    };
    Some(Generation(generation))
}

/// A P-256 key whose holder asks for a certificate.
pub(crate) struct RequestedKey {
    /// The point, uncompressed (SEC 1, 2.3.3).
    point: [u8; 65],
    spki: Vec<u8>,
}

/// Why a certificate request is not one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("certificate_request is no PEM of a PKCS #10 request")]
    Shape,
    #[error("the key is not one of P-256 (prime256v1)")]
    Key,
    #[error("the request is not signed with its own key (ECDSA with SHA-256)")]
    Signature,
}

/// `SubjectPublicKeyInfo` of a P-256 key up to its point (RFC 5480).
pub(crate) const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl RequestedKey {
    /// Reads a PKCS #10 request (RFC 2986) and checks that its sender holds the key. Names and
    /// attributes are not looked at: the registry says whose the certificate is.
    pub(crate) fn of_request(pem: &str) -> Result<Self, RequestError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| RequestError::Shape)?;
        let request = CertReq::from_der(&der).map_err(|_| RequestError::Shape)?;
        let (info, spki) = (request.info.to_der(), request.info.public_key.to_der());
        let (Ok(info), Ok(spki)) = (info, spki) else {
            return Err(RequestError::Shape);
        };
        let point = spki.strip_prefix(&P256_PREFIX).ok_or(RequestError::Key)?;
        let point = point.try_into().map_err(|_| RequestError::Key)?;
        let signature = request.signature.as_bytes().unwrap_or_default();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point)
            .verify(&info, signature)
            .map_err(|_| RequestError::Signature)?;
        Ok(Self { point, spki })
    }

    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash(sha256(&self.spki))
    }
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// By which a certificate is known to the store.
pub(crate) fn hash_of(certificate: &CertificateDer<'_>) -> CertificateHash {
    CertificateHash(sha256(certificate))
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    hash
}

/// The serial in a gateway's verified certificate; `None` for a certificate of another kind.
pub fn product_of(certificate: &CertificateDer<'_>) -> Option<ProductSerial> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let serial = parsed.subject().strip_prefix(&SUBJECT_PREFIX)?;
    ProductSerial::parse(str::from_utf8(serial).ok()?).ok()
}

/// The gateway in a verified certificate, and how often its certificates had been revoked before; `None` for a
/// certificate of another kind.
pub fn certified(certificate: &CertificateDer<'_>) -> Option<(ProductSerial, u32)> {
    let Generation(number) = generation_of(certificate)?;
    Some((product_of(certificate)?, number))
}

/// Of an authority for servers of these names, or any if there are none.
fn authority_params(hosts: &[String]) -> CertificateParams {
    let mut params = params(AUTHORITY_NAME, AUTHORITY_LIFE);
    params.name_constraints = (!hosts.is_empty()).then(|| names::constraints(hosts));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(name: &str, life: Duration) -> CertificateParams {
    let mut params = params(name, life);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn params(name: &str, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, DnValue::Utf8String(name.to_owned()));
    params.distinguished_name = subject;
    let now = SystemTime::now();
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + life).into();
    params
}

/// The host of `host[:port]` or `[v6][:port]`.
pub fn host(name: &ServerName) -> &str {
    let text = name.as_str();
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => text.split_once(':').map_or(text, |(host, _)| host),
    }
}

/// A moment as certificates have it, in whole seconds.
fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.unix())
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let made = Pki::open_or_create(dir.path(), &[]).unwrap();
        let read = Pki::open_or_create(dir.path(), &[]).unwrap();
        assert_eq!(made.pin(), read.pin());
        assert_eq!(made.authority_pem(), read.authority_pem());
    }

    #[test]
    fn half_an_authority_or_another_ones_key_is_refused() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Pki::open_or_create(one.path(), &[]).unwrap();
        Pki::open_or_create(two.path(), &[]).unwrap();
        std::fs::copy(two.path().join("ca.key"), one.path().join("ca.key")).unwrap();
        let crossed = Pki::open_or_create(one.path(), &[]);
        assert!(
            matches!(crossed, Err(PkiError::Damaged { .. })),
            "{crossed:?}"
        );
        std::fs::remove_file(two.path().join("ca.key")).unwrap();
        let half = Pki::open_or_create(two.path(), &[]);
        assert!(matches!(half, Err(PkiError::Damaged { .. })), "{half:?}");
    }

    #[test]
    fn a_start_that_was_cut_short_goes_on_from_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let pin = Pki::open_or_create(dir.path(), &[]).unwrap().pin();
        std::fs::remove_file(dir.path().join("ca.pem")).unwrap();
        assert_eq!(Pki::open_or_create(dir.path(), &[]).unwrap().pin(), pin);
        assert_eq!(Pki::open_or_create(dir.path(), &[]).unwrap().pin(), pin);
    }

    #[test]
    fn a_gateway_is_named_by_its_certificate_alone() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::open_or_create(dir.path(), &[]).unwrap();
        let serial = ProductSerial::parse("FGT3HD3915801656").unwrap();
        let identity = pki.issue_gateway(serial, Generation(7)).unwrap();
        let certificate =
            CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
        assert_eq!(product_of(&certificate), Some(serial));
        assert_eq!(generation_of(&certificate), Some(Generation(7)));
        assert_eq!(generation_of(&pki.authority()), Some(Generation(0)));
        let server = pki
            .issue_server(&[ServerName::parse("tokens.example.org").unwrap()])
            .unwrap();
        assert_eq!(product_of(&server.chain[0]), None);
        assert_eq!(product_of(&pki.authority()), None);
        // An agent may be called as a gateway is.
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let key = RequestedKey::of_request(&request.pem().unwrap()).unwrap();
        let name = "4711081547110815".parse().unwrap();
        let issued = pki
            .certify_agent(&name, &key, Timestamp::default())
            .unwrap();
        let agent = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        assert_eq!(product_of(&agent), None);
        assert_eq!(hash_of(&agent), issued.hash);
    }

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        for (name, expected) in [
            ("tokens.example.org", "tokens.example.org"),
            ("tokens.example.org:8443", "tokens.example.org"),
            ("[2001:db8::1]:8443", "2001:db8::1"),
            ("192.0.2.1:8443", "192.0.2.1"),
        ] {
            assert_eq!(host(&ServerName::parse(name).unwrap()), expected);
        }
    }
}
