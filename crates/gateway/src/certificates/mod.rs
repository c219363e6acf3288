//! `config certificate local`: what stands in its entries, and the one that the listeners show.
//!
//! - `material`: a certificate and its key out of PEM.
//! - `details`: what a certificate says.
//! - `keeper`: what is due in time; `acme`: authorities that give certificates by themselves.
//! - `request`: a key and the request to have it certified.

mod acme;
mod details;
pub(crate) mod keeper;
mod material;
pub(crate) mod request;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::admin::{AdminError, Edit};
use domain::certificate::{Held, State};
use domain::schema::{CERTIFICATE_LOCAL, GLOBAL, Object, Place};
use domain::vdom::Vdom;
use https::Chosen;
use store::Undecided;
use store::gateway::GatewayStore;
use tokio::sync::Mutex;
use tracing::{info, warn};
use zeroize::Zeroizing;

use keeper::Progress;
use material::{Pair, Pem, Unusable};

/// The setting that names the certificate of the listeners.
pub(crate) const SERVER_CERT: &str = "admin-server-cert";

/// The certificates of a unit.
pub(crate) struct Certificates {
    store: Arc<GatewayStore>,
    chosen: Chosen,
    /// Of what `set acme-ca-cert` names.
    directory: PathBuf,
    progress: Progress,
    /// Held from looking what is configured until it is shown: else what was looked at first may be shown last.
    following: Mutex<()>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates(..)")
    }
}

impl Certificates {
    /// Has `chosen` shown what is configured.
    pub(crate) async fn open(
        store: &Arc<GatewayStore>,
        chosen: &Chosen,
        directory: &Path,
    ) -> Result<Arc<Self>, Undecided> {
        let certificates = Arc::new(Self {
            store: Arc::clone(store),
            chosen: chosen.clone(),
            directory: directory.to_owned(),
            progress: Progress::default(),
            following: Mutex::default(),
        });
        certificates.follow().await?;
        Ok(certificates)
    }

    /// Has the listeners show what is configured. One that cannot be shown leaves them with what they show.
    pub(crate) async fn follow(&self) -> Result<(), Undecided> {
        let _following = self.following.lock().await;
        let name = self.server_cert().await?;
        if name.is_empty() {
            self.chosen.show(None);
            return Ok(());
        }
        let Some(entry) = self.store.object(place(&name)).await? else {
            return Ok(());
        };
        match self.read(&entry) {
            Ok(pair) => {
                self.chosen.show(Some(Arc::new(pair.shown)));
                info!(certificate = %name, "the HTTPS listeners show the configured certificate");
            }
            Err(why) => warn!(certificate = %name, %why, "the certificate cannot be shown"),
        }
        Ok(())
    }

    /// Every entry as what it holds.
    pub(crate) async fn held(&self) -> Result<Vec<Held>, Undecided> {
        let shown = self.server_cert().await?;
        let entries = self.store.objects(Vdom::ROOT, &CERTIFICATE_LOCAL).await?;
        let held = entries.iter().map(|entry| Held {
            name: entry.key.clone(),
            used_by: (entry.key == shown).then(|| format!("{} {SERVER_CERT}", GLOBAL.path).into()),
            state: self.state(entry),
            enrolment: self.enrolment(entry),
        });
        Ok(held.collect())
    }

    /// Whether these edits leave the entry as one that TLS can use, or as one that is not complete yet and that
    /// nobody is shown.
    pub(crate) async fn agrees(&self, place: &Place, edits: &[Edit]) -> Result<(), AdminError> {
        let (Ok(stored), Ok(shown)) = (
            self.store.object(place.clone()).await,
            self.server_cert().await,
        ) else {
            // The change itself will not be decided either.
            return Ok(());
        };
        let mut entry = stored.unwrap_or_else(|| Object::at(place));
        let is_shown = *entry.key == *shown;
        for edit in self.store.understood_edits(place, edits.to_vec()) {
            match edit {
                Edit::Set(field, value) => entry.set(field, value),
                Edit::Unset(field) => entry.unset(field),
                Edit::Children(..) => {}
            }
        }
        match self.read(&entry) {
            Ok(_) => Ok(()),
            // The rest comes later; a key that another unit sealed is kept until somebody sets it again.
            Err(Unusable::NoCertificate | Unusable::NoKey | Unusable::Foreign) if !is_shown => {
                Ok(())
            }
            Err(why) => Err(refused(&why)),
        }
    }

    /// Whether an entry can be what the listeners show.
    pub(crate) async fn can_be_shown(&self, name: &str) -> Result<(), AdminError> {
        match self.store.object(place(name)).await {
            Ok(Some(entry)) => match self.read(&entry) {
                Ok(_) => Ok(()),
                Err(why) => Err(AdminError::Field {
                    field: SERVER_CERT,
                    why: format!("certificate {name}: {why}").into(),
                }),
            },
            // Without an entry the reference is refused.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// An entry was changed.
    pub(crate) async fn changed(&self, name: &str) -> Result<(), Undecided> {
        self.progress.forget(name);
        self.follow().await
    }

    async fn server_cert(&self) -> Result<Box<str>, Undecided> {
        let global = Place::new(Vdom::ROOT, &GLOBAL, "");
        let global = self.store.object(global).await?;
        Ok(global.map_or_else(Box::default, |global| global.text(SERVER_CERT).into()))
    }

    fn state(&self, entry: &Object) -> State {
        let has = |field: &str| entry.value(field).is_some();
        match self.read(entry) {
            Ok(pair) => State::Ready(Box::new(pair.details)),
            Err(Unusable::NoCertificate) if has("csr") => State::Requested,
            Err(Unusable::NoCertificate) if !has("private-key") => State::Empty,
            Err(why) => State::Unusable(why.to_string().into()),
        }
    }

    fn read(&self, entry: &Object) -> Result<Pair, Unusable> {
        let has_key = entry.value("private-key").is_some();
        let pem = self.opened(entry);
        match &pem.key {
            None if has_key && !pem.certificate.is_empty() => Err(Unusable::Foreign),
            _ => pem.read(),
        }
    }

    fn opened(&self, entry: &Object) -> Pem {
        let open = |field: &str| {
            let secret = self.store.open_secret(entry, field)?;
            let text = String::from_utf8(secret.expose().to_vec()).ok()?;
            Some(Zeroizing::new(text))
        };
        Pem {
            certificate: entry.text("certificate").to_owned(),
            key: open("private-key"),
            password: open("password"),
        }
    }
}

/// The entry of this name.
pub(crate) fn place(name: &str) -> Place {
    Place::new(Vdom::ROOT, &CERTIFICATE_LOCAL, name)
}

/// What is wrong stands in one of two fields; the sentence names it.
fn refused(why: &Unusable) -> AdminError {
    let field = match why {
        Unusable::NoCertificate | Unusable::Certificate | Unusable::ChainTooLong => "certificate",
        Unusable::NeedsPassword | Unusable::WrongPassword => "password",
        _ => "private-key",
    };
    AdminError::Field {
        field,
        why: why.to_string().into(),
    }
}
