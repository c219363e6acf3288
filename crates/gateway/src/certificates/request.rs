//! A key and the request to have it certified (RFC 2986).

use cli::{NewKey, Requested};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256, RsaKeySize,
};
use zeroize::Zeroizing;

/// What becomes of a request.
pub(crate) struct Made {
    /// The key (PKCS #8), in PEM.
    pub(crate) key: Zeroizing<String>,
    /// The request, in PEM.
    pub(crate) request: String,
}

/// Makes both. An RSA key takes seconds of computing.
pub(crate) fn make(asked: &Requested) -> Result<Made, rcgen::Error> {
    let key = key(asked.key)?;
    let names: Vec<String> = asked.names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = subject(asked);
    let request = params.serialize_request(&key)?.pem()?;
    Ok(Made {
        key: Zeroizing::new(key.serialize_pem()),
        request,
    })
}

fn key(key: NewKey) -> Result<KeyPair, rcgen::Error> {
    match key {
        NewKey::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        NewKey::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
        NewKey::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        NewKey::EcP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        NewKey::EcP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        NewKey::EcP521 => KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512),
    }
}

/// RFC 5280, section 4.1.2.4, from the country down.
fn subject(asked: &Requested) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    let mut push = |kind, value: &str| {
        if !value.is_empty() {
            subject.push(kind, value);
        }
    };
    push(DnType::CountryName, &asked.country);
    push(DnType::StateOrProvinceName, &asked.state);
    push(DnType::LocalityName, &asked.city);
    push(DnType::OrganizationName, &asked.organization);
    push(DnType::OrganizationalUnitName, &asked.units);
    push(DnType::CustomDnType(EMAIL.to_vec()), &asked.email);
    push(DnType::CommonName, &asked.subject);
    subject
}

/// RFC 2985, section 5.2.1.
const EMAIL: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 1];
