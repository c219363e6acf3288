//! What a certificate says, for its administrator.

use std::net::{Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use domain::certificate::Details;
use identity::certificate_of;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// RFC 8017, appendix C.
const RSA: &str = "1.2.840.113549.1.1.1";
/// RFC 5480, section 2.1.1.
const EC: &str = "1.2.840.10045.2.1.1";
/// RFC 5480, section 2.1.1.1.
const CURVES: [(&str, &str); 3] = [
    ("1.2.840.10045.3.1.7", "secp256r1"),
    ("1.3.132.0.34", "secp384r1"),
    ("1.3.132.0.35", "secp521r1"),
];

/// What it says; nothing if the octets are no certificate.
pub(super) fn of(der: &CertificateDer<'_>, authorities: usize) -> Option<Details> {
    let seen = certificate_of(der)?;
    let certificate = Certificate::from_der(der).ok()?;
    let content = certificate.tbs_certificate();
    Some(Details {
        subject: seen.subject,
        issuer: seen.issuer,
        names: names(&certificate),
        serial: HEXLOWER.encode(content.serial_number().as_bytes()).into(),
        key: key(&certificate).into(),
        fingerprint: digest(&SHA256, der).as_ref().try_into().ok()?,
        not_before: seen.not_before,
        not_after: seen.not_after,
        authorities,
    })
}

/// RFC 5280, section 4.2.1.6: those by which a server is reached.
fn names(certificate: &Certificate) -> Vec<Box<str>> {
    let extensions = certificate.tbs_certificate().extensions();
    let names = extensions
        .into_iter()
        .flatten()
        .find(|extension| extension.extn_id == SubjectAltName::OID)
        .and_then(|extension| SubjectAltName::from_der(extension.extn_value.as_bytes()).ok());
    names
        .map(|names| names.0.iter().filter_map(name).collect())
        .unwrap_or_default()
}

fn name(name: &GeneralName) -> Option<Box<str>> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().into()),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<Box<str>> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).to_string().into());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(octets).to_string().into())
}

fn key(certificate: &Certificate) -> String {
    let algorithm = &certificate
        .tbs_certificate()
        .subject_public_key_info()
        .algorithm;
    match algorithm.oid.to_string().as_str() {
        RSA => "RSA".to_owned(),
        EC => {
            let parameters = algorithm.parameters.as_ref();
            let curve = parameters.and_then(|it| it.decode_as::<ObjectIdentifier>().ok());
            let curve = curve.map(|curve| curve.to_string()).unwrap_or_default();
            let known = CURVES.iter().find(|(oid, _)| *oid == curve);
            format!("EC {}", known.map_or(curve.as_str(), |(_, name)| name))
        }
        other => other.to_owned(),
    }
}
