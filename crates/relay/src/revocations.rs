//! Which gateways' certificates count no more, by a list that the token server's authority signed.
//!
//! The last list that came counts until another comes, over restarts too: a token server that is away silences
//! nobody's pushes, and brings no revoked gateway back.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ident::ProductSerial;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use softtoken::revocations::{Revocations, RevocationsError, SignedRevocations};
use tokio::sync::watch;
use webpki::EndEntityCert;

/// Whom a verified certificate names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certified {
    /// The gateway.
    pub product: ProductSerial,
    /// How often its certificates had been revoked when this one was issued.
    pub number: u32,
}

/// The list that counts. Clones share it.
#[derive(Clone, Debug)]
pub struct Revoked(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    authority: CertificateDer<'static>,
    file: PathBuf,
    list: RwLock<Revocations>,
    /// That another list counts, for those who were let in by one before.
    news: watch::Sender<()>,
    /// Held from judging a list until it is kept: else the older of two may be kept last.
    taking: Mutex<()>,
}

/// Why a list is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It cannot be read.
    #[error(transparent)]
    Text(#[from] RevocationsError),
    /// Somebody else's, or changed on its way.
    #[error("the list of revocations is not signed by the token server's authority")]
    Forged,
    /// A later one is here.
    #[error(
        "a later list of revocations is here: the token server's clock went back, or it was put back"
    )]
    Older,
    /// The file.
    #[error("the list of revocations, {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Revoked {
    /// Reads what was kept in the file; without one nobody is revoked.
    pub fn open(file: &Path, authority: CertificateDer<'static>) -> Result<Self, NotTaken> {
        let revoked = Self(Arc::new(Kept {
            authority,
            file: file.to_owned(),
            list: RwLock::default(),
            news: watch::Sender::default(),
            taking: Mutex::default(),
        }));
        match fs::read_to_string(file) {
            Ok(text) => {
                let list = revoked.signed(&text)?;
                revoked.replace(list);
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(revoked.failed(source)),
        }
        Ok(revoked)
    }

    /// Has a list count from now on, and keeps it. Blocks until it is on disk.
    pub fn take(&self, text: &str) -> Result<(), NotTaken> {
        let _taking = self.0.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let list = self.signed(text)?;
        let held = self.list().clone();
        if list.at_unix < held.at_unix {
            return Err(NotTaken::Older);
        }
        let is_news = !list.says_the_same(&held);
        // What counts, counts at once; a file that cannot be written is told of.
        self.replace(list);
        if is_news {
            self.keep(text).map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    /// Whether a gateway's certificate counts.
    pub(crate) fn trusts(&self, certified: Certified) -> bool {
        self.list().trusts(certified.product, certified.number)
    }

    /// Waits until a gateway's certificate counts no more: what was opened for it before ends then.
    pub(crate) async fn revokes(self, certified: Certified) {
        let mut news = self.0.news.subscribe();
        while self.trusts(certified) {
            // The other end is held here, so there is no error.
            let _ = news.changed().await;
        }
    }

    fn signed(&self, text: &str) -> Result<Revocations, NotTaken> {
        let signed = SignedRevocations::parse(text)?;
        let algorithms = default_provider().signature_verification_algorithms;
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        let known = algorithms.mapping.iter().find(|(it, _)| *it == scheme);
        let algorithms = known.map_or(&[][..], |(_, algorithms)| algorithms);
        let authority = EndEntityCert::try_from(&self.0.authority).map_err(|_| NotTaken::Forged)?;
        let is_signed = algorithms.iter().any(|algorithm| {
            let (text, signature) = (signed.transcript.as_bytes(), &signed.signature);
            authority
                .verify_signature(*algorithm, text, signature)
                .is_ok()
        });
        is_signed.then_some(signed.list).ok_or(NotTaken::Forged)
    }

    /// A crash leaves the list of before or this one.
    fn keep(&self, text: &str) -> io::Result<()> {
        let new = self.0.file.with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.0.file)
    }

    fn list(&self) -> std::sync::RwLockReadGuard<'_, Revocations> {
        self.0.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, list: Revocations) {
        *self.0.list.write().unwrap_or_else(PoisonError::into_inner) = list;
        self.0.news.send_replace(());
    }

    fn failed(&self, source: io::Error) -> NotTaken {
        NotTaken::File {
            path: self.0.file.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair, SigningKey};

    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(10);

    struct Authority(KeyPair);

    impl Authority {
        fn new() -> Self {
            Self(KeyPair::generate().unwrap())
        }

        fn certificate(&self) -> CertificateDer<'static> {
            let made = CertificateParams::default().self_signed(&self.0).unwrap();
            made.der().clone()
        }

        fn list(&self, at_unix: u64, first: u32) -> String {
            let list = Revocations::new(at_unix, [(gateway(), first)]);
            let signature = self.0.sign(list.transcript().as_bytes()).unwrap();
            list.signed(&signature)
        }
    }

    fn gateway() -> ProductSerial {
        ProductSerial::parse("FGT3HD3915801656").unwrap()
    }

    fn trusts(revoked: &Revoked, number: u32) -> bool {
        let product = gateway();
        revoked.trusts(Certified { product, number })
    }

    #[test]
    fn the_last_list_counts_and_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("revocations");
        let authority = Authority::new();
        let revoked = Revoked::open(&file, authority.certificate()).unwrap();
        assert!(trusts(&revoked, 0));
        revoked.take(&authority.list(10, 1)).unwrap();
        assert!(!trusts(&revoked, 0) && trusts(&revoked, 1));
        let again = Revoked::open(&file, authority.certificate()).unwrap();
        assert!(!trusts(&again, 0) && trusts(&again, 1));
        again.take(&authority.list(11, 2)).unwrap();
        assert!(!trusts(&again, 1));
    }

    #[tokio::test]
    async fn who_waits_for_a_revocation_learns_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("revocations");
        let authority = Authority::new();
        let revoked = Revoked::open(&file, authority.certificate()).unwrap();
        let waiting = |number| {
            let product = gateway();
            let waiting = revoked.clone().revokes(Certified { product, number });
            tokio::spawn(waiting)
        };
        let [first, second] = [0, 1].map(waiting);
        tokio::task::yield_now().await;
        // The same again is no news of anybody.
        revoked.take(&authority.list(10, 0)).unwrap();
        tokio::time::sleep(SOON).await;
        assert!(!first.is_finished() && !second.is_finished());
        revoked.take(&authority.list(11, 1)).unwrap();
        tokio::time::timeout(PATIENCE, first)
            .await
            .unwrap()
            .unwrap();
        assert!(!second.is_finished());
        second.abort();
        // Who was revoked before does not wait.
        let again = waiting(0);
        tokio::time::timeout(PATIENCE, again)
            .await
            .unwrap()
            .unwrap();
    }

    #[test]
    fn a_list_of_somebody_else_or_of_before_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("revocations");
        let authority = Authority::new();
        let revoked = Revoked::open(&file, authority.certificate()).unwrap();
        revoked.take(&authority.list(10, 2)).unwrap();
        let forged = revoked.take(&Authority::new().list(11, 0));
        assert!(matches!(forged, Err(NotTaken::Forged)), "{forged:?}");
        let changed = authority.list(11, 2).replace(" 2\n", " 0\n");
        let changed = revoked.take(&changed);
        assert!(matches!(changed, Err(NotTaken::Forged)), "{changed:?}");
        let older = revoked.take(&authority.list(9, 0));
        assert!(matches!(older, Err(NotTaken::Older)), "{older:?}");
        assert!(!trusts(&revoked, 1));
        let elsewhere = Revoked::open(&file, Authority::new().certificate());
        assert!(matches!(elsewhere, Err(NotTaken::Forged)), "{elsewhere:?}");
    }
}
