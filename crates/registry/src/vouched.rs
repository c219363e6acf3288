//! Certificates of gateways and managers that come otherwise than in TLS: a manager shows a gateway's, and
//! renewals and settlements bring their signer's. They are held to what TLS holds them to.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use softtoken::{Renewal, renewal_transcript};

use crate::http::Certified;
use crate::pki::P256_PREFIX;

/// The judge of what TLS would take.
#[derive(Clone, Debug)]
pub(crate) struct Vouched(Arc<dyn ClientCertVerifier>);

impl Vouched {
    pub(crate) fn by(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self(verifier)
    }

    /// Whom a certificate names, given as DER in base64url; `None` if this authority does not vouch for it
    /// now.
    pub(crate) fn certified(&self, text: &[u8]) -> Option<Certified> {
        Certified::of(&self.certificate(text)?)
    }

    /// Who wants `certificate_request` certified, proved with the key that was certified before.
    pub(crate) fn renewed(
        &self,
        renewal: &Renewal,
        certificate_request: &str,
    ) -> Option<Certified> {
        let Renewal {
            certificate,
            signature,
        } = renewal;
        let transcript = renewal_transcript(certificate_request);
        self.signer(certificate, signature, &transcript)
    }

    /// Who signed a transcript: the certificate as DER and the signature, both in base64url.
    pub(crate) fn signer(
        &self,
        certificate: &str,
        signature: &str,
        transcript: &[u8],
    ) -> Option<Certified> {
        let certificate = self.certificate(certificate.as_bytes())?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let parsed = webpki::EndEntityCert::try_from(&certificate).ok()?;
        let spki = parsed.subject_public_key_info();
        let point = spki.as_ref().strip_prefix(&P256_PREFIX)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(transcript, &signature)
            .ok()?;
        Certified::of(&certificate)
    }

    fn certificate(&self, text: &[u8]) -> Option<CertificateDer<'static>> {
        let certificate = CertificateDer::from(BASE64URL_NOPAD.decode(text).ok()?);
        let verified = self
            .0
            .verify_client_cert(&certificate, &[], UnixTime::now());
        verified.ok().map(|_| certificate)
    }
}
