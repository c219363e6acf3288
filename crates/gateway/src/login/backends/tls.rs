//! TLS towards directories: whose certificates are trusted, and whether they must name the server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use domain::backend::{TlsVersion, Trust};
use domain::user::Switch;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fault, connect};

/// Configurations that are kept ready: more than there are entries in use.
const READY_MAX: usize = 64;

/// Begins TLS with a host.
pub(super) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<S>, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::Unclear(format!("no certificate can name '{host}'")))?;
    let begun = TlsConnector::from(config).connect(name, stream).await;
    begun.map_err(|error| match connect::failed(&error) {
        Fault::Unwell(why) | Fault::Unclear(why) => Fault::Unwell(format!("TLS: {why}")),
    })
}

/// The authorities that entries name, as files of one directory.
#[derive(Debug)]
pub(super) struct Certificates {
    directory: PathBuf,
    /// A file that changes makes its configuration anew.
    ready: Mutex<HashMap<Trust, Ready>>,
}

#[derive(Debug)]
struct Ready {
    changed: Option<SystemTime>,
    config: Arc<ClientConfig>,
}

impl Certificates {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            ready: Mutex::default(),
        }
    }

    /// How TLS is spoken with servers that are trusted like this.
    pub(super) async fn config(&self, trust: &Trust) -> Result<Arc<ClientConfig>, Fault> {
        let file = match &trust.authority {
            Some(name) => Some(self.file(name).await?),
            None => None,
        };
        let changed = file.as_ref().and_then(|(_, changed)| *changed);
        if let Some(config) = self.ready(trust, changed) {
            return Ok(config);
        }
        let roots = match &file {
            Some((path, _)) => roots_of(path).await?,
            None => system_roots().await?,
        };
        let config = Arc::new(config(trust, roots)?);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= READY_MAX {
            ready.clear();
        }
        let made = Ready {
            changed,
            config: Arc::clone(&config),
        };
        ready.insert(trust.clone(), made);
        Ok(config)
    }

    fn ready(&self, trust: &Trust, changed: Option<SystemTime>) -> Option<Arc<ClientConfig>> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = ready.get(trust)?;
        (ready.changed == changed).then(|| Arc::clone(&ready.config))
    }

    /// The file of this name, or of this name with `.pem` behind it, and when it was changed.
    async fn file(&self, name: &str) -> Result<(PathBuf, Option<SystemTime>), Fault> {
        for path in [
            self.directory.join(name),
            self.directory.join(format!("{name}.pem")),
        ] {
            if let Ok(found) = tokio::fs::metadata(&path).await {
                return Ok((path, found.modified().ok()));
            }
        }
        let path = self.directory.join(name);
        Err(unusable(
            &path,
            "is not there: put the authority's certificate in PEM there",
        ))
    }
}

async fn roots_of(path: &Path) -> Result<RootCertStore, Fault> {
    let pem = tokio::fs::read(path).await;
    let pem = pem.map_err(|error| unusable(path, &error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(path, &error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| unusable(path, &error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable(path, "has no certificate"));
    }
    Ok(roots)
}

async fn system_roots() -> Result<RootCertStore, Fault> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let certificates = loaded.map(|loaded| loaded.certs).unwrap_or_default();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let why = "the system trusts no authority: name one with 'set ca-cert'";
        return Err(Fault::Unclear(why.to_owned()));
    }
    Ok(roots)
}

fn unusable(path: &Path, why: &str) -> Fault {
    Fault::Unclear(format!("{} {why}", path.display()))
}

fn config(trust: &Trust, roots: RootCertStore) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let versions: &[&SupportedProtocolVersion] = match trust.least_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| Fault::Unclear(format!("TLS: {error}")))?;
    let builder = match trust.identity_check {
        Switch::Enable => builder.with_root_certificates(roots),
        Switch::Disable => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyName { roots, algorithms })),
    };
    Ok(builder.with_no_client_auth())
}

/// `set server-identity-check disable`: whoever has a certificate of the authority is the server,
/// whatever it is called.
#[derive(Debug)]
struct AnyName {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
