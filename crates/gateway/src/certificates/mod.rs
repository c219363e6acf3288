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
use domain::schema::{CERTIFICATE_LOCAL, FTM_PUSH, GLOBAL, Object, Place, Table};
use domain::vdom::Vdom;
use https::Chosen;
use store::Undecided;
use store::gateway::GatewayStore;
use tokio::sync::Mutex;
use tracing::{info, warn};
use zeroize::Zeroizing;

use keeper::Progress;
use material::{Pair, Pem, Unusable};

/// A setting that names the certificate of listeners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    table: &'static Table,
    field: &'static str,
}

impl Setting {
    const ALL: [Self; 2] = [Self::HTTPS, Self::PUSHES];
    /// Of browsers and VPN clients.
    const HTTPS: Self = Self {
        table: &GLOBAL,
        field: "admin-server-cert",
    };
    /// Of phones that answer pushes. Unless it is set they are shown what browsers are.
    const PUSHES: Self = Self {
        table: &FTM_PUSH,
        field: "server-cert",
    };

    /// The setting that stands in a table.
    pub(crate) fn of(table: &Table) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.table == table)
    }

    /// What these edits have it name.
    pub(crate) fn named(self, edits: &[Edit]) -> Option<&str> {
        edits.iter().rev().find_map(|edit| match edit {
            Edit::Set(field, value) if field.name == self.field => value.as_text(),
            _ => None,
        })
    }
}

/// The certificates of a unit.
pub(crate) struct Certificates {
    store: Arc<GatewayStore>,
    chosen: Chosen,
    of_pushes: Chosen,
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
            of_pushes: Chosen::default(),
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
        let https = self.named_by(Setting::HTTPS).await?;
        let Some(pushes) = self.named_by(Setting::PUSHES).await? else {
            let both = [&self.chosen, &self.of_pushes];
            return self.show(https.as_deref(), &both).await;
        };
        self.show(https.as_deref(), &[&self.chosen]).await?;
        self.show(Some(&pushes), &[&self.of_pushes]).await
    }

    /// What phones are shown that answer pushes.
    pub(crate) fn of_pushes(&self) -> Chosen {
        self.of_pushes.clone()
    }

    async fn show(&self, name: Option<&str>, to: &[&Chosen]) -> Result<(), Undecided> {
        let Some(name) = name else {
            for chosen in to {
                chosen.show(None);
            }
            return Ok(());
        };
        let Some(entry) = self.store.object(place(name)).await? else {
            return Ok(());
        };
        match self.read(&entry) {
            Ok(pair) => {
                let shown = Arc::new(pair.shown);
                for chosen in to {
                    chosen.show(Some(Arc::clone(&shown)));
                }
                info!(certificate = %name, "listeners show the configured certificate");
            }
            Err(why) => warn!(certificate = %name, %why, "the certificate cannot be shown"),
        }
        Ok(())
    }

    /// Every entry as what it holds.
    pub(crate) async fn held(&self) -> Result<Vec<Held>, Undecided> {
        let named = self.named().await?;
        let entries = self.store.objects(Vdom::ROOT, &CERTIFICATE_LOCAL).await?;
        let held = entries.iter().map(|entry| Held {
            name: entry.key.clone(),
            used_by: used_by(&named, &entry.key),
            state: self.state(entry),
            enrolment: self.enrolment(entry),
        });
        Ok(held.collect())
    }

    /// Whether these edits leave the entry as one that TLS can use, or as one that is not complete yet and that
    /// nobody is shown.
    pub(crate) async fn agrees(&self, place: &Place, edits: &[Edit]) -> Result<(), AdminError> {
        let (Ok(stored), Ok(named)) = (self.store.object(place.clone()).await, self.named().await)
        else {
            // The change itself will not be decided either.
            return Ok(());
        };
        let mut entry = stored.unwrap_or_else(|| Object::at(place));
        let is_shown = used_by(&named, &entry.key).is_some();
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

    /// Whether an entry can be what listeners show.
    pub(crate) async fn can_be_shown(&self, by: Setting, name: &str) -> Result<(), AdminError> {
        match self.store.object(place(name)).await {
            Ok(Some(entry)) => match self.read(&entry) {
                Ok(_) => Ok(()),
                Err(why) => Err(AdminError::Field {
                    field: by.field,
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

    /// Which entries the settings name.
    async fn named(&self) -> Result<Vec<(Setting, Box<str>)>, Undecided> {
        let mut named = Vec::new();
        for setting in Setting::ALL {
            named.extend(self.named_by(setting).await?.map(|name| (setting, name)));
        }
        Ok(named)
    }

    async fn named_by(&self, setting: Setting) -> Result<Option<Box<str>>, Undecided> {
        let object = self.store.object(Place::of_unit(setting.table)).await?;
        let set = object.and_then(|object| {
            let name = object.value(setting.field)?.as_text()?;
            let field = object.table.field(setting.field)?;
            (!field.names_nothing(name)).then(|| name.into())
        });
        Ok(set)
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

fn used_by(named: &[(Setting, Box<str>)], entry: &str) -> Option<Box<str>> {
    let by = named.iter().filter(|(_, name)| **name == *entry);
    let by: Vec<_> = by
        .map(|(setting, _)| format!("{} {}", setting.table.path, setting.field))
        .collect();
    (!by.is_empty()).then(|| by.join(", ").into())
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
