//! What another gateway signed and somebody carried here, outside of TLS.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use domain::time::Timestamp;
use ident::ProductSerial;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use x509_cert::der::Decode;

use crate::certificate::certificate_of;
use crate::file::Signed;

/// Why nobody is known to have signed.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// The certificate, or who gave it.
    #[error("its certificate is none that this gateway's token server gives to gateways: {0}")]
    Stranger(String),
    /// The key, or what was signed.
    #[error("its signature does not fit it: it was changed, or is cut off")]
    Signature,
}

/// The gateway that signed a transcript, whose certificate one of `roots` vouches for at `now`.
pub fn signer(
    signed: &Signed,
    transcript: &[u8],
    roots: &RootCertStore,
    now: Timestamp,
) -> Result<ProductSerial, NotSigned> {
    let octets = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let der = octets(&signed.certificate).ok_or(NotSigned::Signature)?;
    let signature = octets(&signed.signature).ok_or(NotSigned::Signature)?;
    vouched(&der, roots, now)?;
    let parsed = x509_cert::Certificate::from_der(&der).map_err(|_| NotSigned::Signature)?;
    let key = parsed.tbs_certificate().subject_public_key_info();
    let point = key.subject_public_key.raw_bytes();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(transcript, &signature)
        .map_err(|_| NotSigned::Signature)?;
    let subject = certificate_of(&der).map(|known| known.subject);
    let subject = subject.unwrap_or_default();
    let serial = subject.strip_prefix("CN=").unwrap_or(&subject);
    ProductSerial::parse(serial).map_err(|_| NotSigned::Stranger(format!("it is for '{serial}'")))
}

fn vouched(der: &[u8], roots: &RootCertStore, now: Timestamp) -> Result<(), NotSigned> {
    let told = |why: &dyn std::fmt::Display| NotSigned::Stranger(why.to_string());
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unix()));
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots.clone())).build();
    let verifier = verifier.map_err(|error| told(&error))?;
    let verified = verifier.verify_client_cert(&CertificateDer::from(der), &[], now);
    verified.map(drop).map_err(|error| told(&error))
}
