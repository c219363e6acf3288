//! TLS towards a server of an installation. It says whose certificates it trusts (RFC 8446, section 4.2.4): a
//! server that shows browsers another certificate shows it the installation's own.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

/// A client of servers that one of `roots` vouches for; without any it trusts nobody.
pub fn trusting(
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, VerifierBuilderError> {
    if roots.is_empty() {
        return Ok(ClientConfig::builder().with_root_certificates(roots));
    }
    let names = roots.subjects();
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build()?;
    let verifier = Arc::new(Named { names, verifier });
    Ok(ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier))
}

/// The library's own verifier, which does not tell whom it trusts.
#[derive(Debug)]
struct Named {
    names: Vec<DistinguishedName>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        Some(&self.names)
    }
}

/// A verifier that believes the certificates that `judge` takes, by the certificate, those behind it, and the
/// time; whatever name was asked for. TLS proves that the other end holds the certificate's key.
pub fn judging<J>(provider: &CryptoProvider, judge: J) -> Arc<dyn ServerCertVerifier>
where
    J: Fn(&CertificateDer<'_>, &[CertificateDer<'_>], UnixTime) -> Result<(), Error>,
    J: Send + Sync + 'static,
{
    let algorithms = provider.signature_verification_algorithms;
    Arc::new(Judging { judge, algorithms })
}

struct Judging<J> {
    judge: J,
    algorithms: WebPkiSupportedAlgorithms,
}

impl<J> fmt::Debug for Judging<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judging")
    }
}

impl<J> ServerCertVerifier for Judging<J>
where
    J: Fn(&CertificateDer<'_>, &[CertificateDer<'_>], UnixTime) -> Result<(), Error>,
    J: Send + Sync,
{
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        (self.judge)(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
