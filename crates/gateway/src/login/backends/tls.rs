//! TLS towards directories: whose certificates are trusted, and whether they must name the server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use domain::backend::{TlsVersion, Trust};
use domain::user::Switch;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
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
    let versions: &[&SupportedProtocolVersion] = match trust.least_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| Fault::Unclear(format!("TLS: {error}")))?;
    let builder = match trust.identity_check {
        Switch::Enable => builder.with_root_certificates(roots),
        Switch::Disable => builder
            .dangerous()
            .with_custom_certificate_verifier(any_name(&provider, roots)),
    };
    Ok(builder.with_no_client_auth())
}

/// `set server-identity-check disable`: whoever has a certificate of the authority is the server,
/// whatever it is called.
fn any_name(provider: &CryptoProvider, roots: RootCertStore) -> Arc<dyn ServerCertVerifier> {
    let algorithms = provider.signature_verification_algorithms.all;
    identity::judging(provider, move |shown, intermediates, now| {
        let shown = ParsedCertificate::try_from(shown)?;
        verify_server_cert_signed_by_trust_anchor(&shown, &roots, intermediates, now, algorithms)
    })
}
