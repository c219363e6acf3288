//! An identity that is renewed in time, by whoever uses it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::time::{Span, Timestamp};
use domain::unit::Renewal;
use ident::ProductSerial;
use reqwest::Client;
use rustls::RootCertStore;
use store::private_file::PrivateFileError;

use crate::enrolment::{EnrolError, Right, enrol, is_accepted};
use crate::file::{Identity, IdentityError};

/// The first wait after a renewal that failed; it doubles.
const RETRY_FIRST: Span = Span::from_mins(1);
/// The longest such wait: a third of a year has more than 400 of them.
const RETRY_LONGEST: Span = Span::from_hours(6);

/// The identity in use, and the file that it came from.
#[derive(Debug)]
pub struct Keeper {
    product: ProductSerial,
    /// None for an identity that its installation issues again by itself.
    renewed: Option<Renewed>,
    state: Mutex<State>,
}

/// Where a new identity goes, and who must vouch for it: whoever brings it may be a manager, which has an
/// authority of its own.
#[derive(Debug)]
struct Renewed {
    file: PathBuf,
    roots: Arc<RootCertStore>,
}

#[derive(Debug)]
struct State {
    identity: Arc<Identity>,
    failures: u32,
    latest: Option<Renewal>,
}

/// Why an identity was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// The server did not certify a new key, or does not take the certificate that it gave.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// There is none.
    #[error("no server is configured that renews it")]
    NoServer,
    /// The connection could not be prepared.
    #[error("the connection cannot be prepared: {0}")]
    Connect(String),
    /// What was certified is another product's, or nobody's whom the token server knows.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The new one could not be kept.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}

/// A way to a server that renews identities.
pub trait Way: Sync {
    /// Its base URL.
    fn url(&self) -> &str;

    /// Connections to it for whoever `identity` names; why there can be none.
    fn connect(&self, identity: &Identity) -> Result<Client, String>;
}

impl Keeper {
    /// The identity in a file, which is renewed there with certificates for which one of `roots` vouches: the
    /// token server's authority, also where a manager passes renewals on.
    pub fn load(file: &Path, roots: RootCertStore) -> Result<Self, IdentityError> {
        let identity = Identity::load(file)?;
        let renewed = Renewed {
            file: file.to_owned(),
            roots: Arc::new(roots),
        };
        Ok(Self::new(identity, Some(renewed)))
    }

    /// An identity that nobody renews.
    pub fn fixed(identity: Identity) -> Self {
        Self::new(identity, None)
    }

    fn new(identity: Identity, renewed: Option<Renewed>) -> Self {
        Self {
            product: identity.product(),
            renewed,
            state: Mutex::new(State {
                identity: Arc::new(identity),
                failures: 0,
                latest: None,
            }),
        }
    }

    /// Whom it names; that never changes.
    pub fn product(&self) -> ProductSerial {
        self.product
    }

    /// The identity in use.
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.state().identity)
    }

    /// What came of the latest renewal.
    pub fn latest(&self) -> Option<Renewal> {
        self.state().latest.clone()
    }

    /// When it is renewed next; never for one that nobody renews.
    pub fn next(&self) -> Option<Timestamp> {
        self.renewed.as_ref()?;
        let state = self.state();
        let due = state.identity.renewal();
        let Some(latest) = state.latest.as_ref().filter(|_| state.failures > 0) else {
            return Some(due);
        };
        Some(due.max(latest.at.after(pause(state.failures))))
    }

    /// Takes up what somebody else put into the file. Whether that is news.
    fn reread(&self) -> Result<bool, IdentityError> {
        let Some(Renewed { file, .. }) = &self.renewed else {
            return Ok(false);
        };
        let found = self.demand_product(Identity::load(file)?)?;
        let mut state = self.state();
        if found.is(&state.identity) {
            return Ok(false);
        }
        state.identity = Arc::new(found);
        state.failures = 0;
        Ok(true)
    }

    /// Renews the identity if it is due, or takes up what was put into its file; what there is to tell. The
    /// old one stays in use until a server accepts the new one and it is on the disk.
    pub async fn tend<W: Way>(&self, ways: &[W], now: Timestamp) -> Option<String> {
        match self.reread() {
            Ok(true) => return Some("another identity was put into its file".to_owned()),
            Ok(false) => {}
            Err(error) => return Some(format!("its file cannot be used: {error}")),
        }
        if self.next().is_none_or(|next| next > now) {
            return None;
        }
        Some(match self.renew(ways, now).await {
            Ok(until) => format!("renewed until {until}"),
            Err(error) => format!("not renewed, tried again: {error}"),
        })
    }

    /// Gets a new identity over the first of the ways that leads to one; its end.
    async fn renew<W: Way>(&self, ways: &[W], now: Timestamp) -> Result<Timestamp, RenewalError> {
        let mut renewed = Err(RenewalError::NoServer);
        for way in ways {
            renewed = self.renewed_over(way, now).await;
            if renewed.is_ok() {
                break;
            }
        }
        let mut state = self.state();
        let outcome = match renewed {
            Ok(identity) => {
                let until = identity.certificate().not_after;
                state.identity = Arc::new(identity);
                state.failures = 0;
                Ok(until)
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                Err(error)
            }
        };
        state.latest = Some(Renewal {
            at: now,
            failure: outcome.as_ref().err().map(|error| error.to_string().into()),
        });
        outcome
    }

    async fn renewed_over<W: Way>(
        &self,
        way: &W,
        now: Timestamp,
    ) -> Result<Identity, RenewalError> {
        let connect = |identity: &Identity| way.connect(identity).map_err(RenewalError::Connect);
        let old = self.identity();
        let identity = enrol(&connect(&old)?, way.url(), Right::Renewal(&old)).await?;
        let identity = self.demand_product(identity)?;
        if let Some(Renewed { roots, .. }) = &self.renewed {
            identity.demand_vouched(roots, now)?;
        }
        is_accepted(&connect(&identity)?, way.url()).await?;
        if let Some(Renewed { file, .. }) = &self.renewed {
            identity.save(file)?;
        }
        Ok(identity)
    }

    fn demand_product(&self, identity: Identity) -> Result<Identity, IdentityError> {
        let (expected, found) = (self.product, identity.product());
        if expected == found {
            Ok(identity)
        } else {
            Err(IdentityError::OtherProduct { expected, found })
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause(failures: u32) -> Span {
    let doubled = RETRY_FIRST.micros() << failures.saturating_sub(1).min(16);
    Span::from_micros(doubled.min(RETRY_LONGEST.micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_again_ever_later() {
        assert_eq!(pause(1), Span::from_mins(1));
        assert_eq!(pause(3), Span::from_mins(4));
        assert_eq!(pause(9), Span::from_mins(256));
        assert_eq!(pause(10), RETRY_LONGEST);
        assert_eq!(pause(u32::MAX), RETRY_LONGEST);
    }
}
