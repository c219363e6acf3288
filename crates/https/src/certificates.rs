//! Which certificate a listener shows. It may become another while the listener runs: handshakes from then on
//! show the new one, and connections that are open stay open.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};

/// What a server of authorities speaks to see that a name is ours (RFC 8737, section 6.2).
pub const ALPN_ACME: &[u8] = b"acme-tls/1";

/// The certificate that an administrator chose for the listeners of a process, and what an authority is shown
/// that asks whether a name is ours. Clones share it.
#[derive(Clone, Default)]
pub struct Chosen(Arc<RwLock<Shared>>);

#[derive(Default)]
struct Shared {
    chosen: Option<Arc<CertifiedKey>>,
    /// By name, in lower case.
    challenges: HashMap<Box<str>, Arc<CertifiedKey>>,
}

impl Chosen {
    /// Shows this from the next handshake on; nothing for what each listener has of its own.
    pub fn show(&self, certificate: Option<Arc<CertifiedKey>>) {
        self.write().chosen = certificate;
    }

    /// Answers challenges for a name (RFC 8737) with this certificate, until told otherwise.
    pub fn answer(&self, name: &str, certificate: Arc<CertifiedKey>) {
        let name = name.to_ascii_lowercase().into();
        self.write().challenges.insert(name, certificate);
    }

    /// Answers no challenges for a name any more.
    pub fn fall_silent(&self, name: &str) {
        let name = name.to_ascii_lowercase();
        self.write().challenges.remove(name.as_str());
    }

    /// What was chosen, if anything was.
    pub fn chosen(&self) -> Option<Arc<CertifiedKey>> {
        self.read().chosen.clone()
    }

    fn challenge(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        self.read().challenges.get(name.as_str()).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Shared> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chosen(..)")
    }
}

/// Who is shown the certificate that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Everybody.
    Everybody,
    /// Who asks for one of its names and trusts whom their system trusts, as browsers do. Who names the
    /// authorities that they trust (RFC 8446, section 4.2.4), or comes to an address, trusts this listener's own.
    Browsers,
}

/// The certificates of one listener.
#[derive(Debug)]
pub struct Certificates {
    own: Arc<CertifiedKey>,
    chosen: Chosen,
    audience: Audience,
}

impl Certificates {
    /// Shows its own, and to `audience` the one that was chosen, once there is one.
    pub fn new(own: Arc<CertifiedKey>, chosen: Chosen, audience: Audience) -> Self {
        Self {
            own,
            chosen,
            audience,
        }
    }

    fn is_for(&self, hello: &ClientHello<'_>, certificate: &CertifiedKey) -> bool {
        match self.audience {
            Audience::Everybody => true,
            Audience::Browsers => {
                hello.certificate_authorities().is_none()
                    && hello
                        .server_name()
                        .is_some_and(|name| is_valid_for(certificate, name))
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if is_challenge(&hello) {
            return self.chosen.challenge(hello.server_name()?);
        }
        let chosen = self.chosen.chosen();
        let chosen = chosen.filter(|chosen| self.is_for(&hello, chosen));
        Some(chosen.unwrap_or_else(|| Arc::clone(&self.own)))
    }
}

/// RFC 8737, section 3: it offers this protocol and no other.
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello
        .alpn()
        .is_some_and(|mut offered| offered.next() == Some(ALPN_ACME) && offered.next().is_none())
}

/// Certificates of a chain at most that an administrator chooses: the longest ones that are in use have four.
pub const CHAIN_MAX: usize = 8;

/// A chain with the key of its first certificate; nothing if that belongs to another key. An error says why TLS cannot
/// use it.
pub fn paired(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Option<CertifiedKey>, TlsError> {
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(paired) => Ok(Some(paired)),
        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Whether a certificate is good for a server's name or address.
pub fn is_valid_for(certificate: &CertifiedKey, name: &str) -> bool {
    let parsed = certificate.end_entity_cert().ok();
    let parsed = parsed.and_then(|own| ParsedCertificate::try_from(own).ok());
    let name = ServerName::try_from(name).ok();
    match (parsed, name) {
        (Some(own), Some(name)) => verify_server_name(&own, &name).is_ok(),
        _ => false,
    }
}
