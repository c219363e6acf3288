//! Codes that are sent for logins: drawn here, carried to their person, and kept as digests alone.
//!
//! They wait in memory for the moment that they are good for. After a restart nobody's is, and the
//! person logs in again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::audit::{Event, What};
use domain::contact::{Address, Channel, Language};
use domain::login::{Origin, Proof, Refusal};
use domain::name::CanonicalName;
use domain::one_time::{Allowances, CodeKey, Issued, NotSent, OneTimeCode};
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use store::gateway::GatewayStore;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use super::{FirstProven, Undecided};
use crate::clock::{self, NoEntropy};
use crate::delivery::{Courier, LoginCode, Matter};

/// Codes that wait for a connection at most: some seconds' worth of what mail servers take.
const WAITING_MAX: usize = 1_024;
/// Codes that are on their way at the same time: mail servers take few connections from one peer.
const UNDER_WAY_MAX: usize = 8;
/// The wait before a code is tried again that may still come in time.
const RETRY: Duration = Duration::from_secs(5);

/// Why no code is sent.
pub(super) enum NotIssued {
    /// Too many were.
    TooMany(Refusal),
    /// It cannot be now.
    Undecided(Undecided),
}

impl From<NoEntropy> for NotIssued {
    fn from(error: NoEntropy) -> Self {
        Self::Undecided(error.into())
    }
}

/// Draws codes and has them carried.
pub(crate) struct OneTimeCodes {
    store: Arc<GatewayStore>,
    key: CodeKey,
    allowances: Mutex<Allowances>,
    /// Of logins in which codes stand alone.
    allowances_alone: Mutex<Allowances>,
    waiting: mpsc::Sender<Parcel>,
}

/// A code on its way.
struct Parcel {
    code: OneTimeCode,
    person: CanonicalName,
    to: Address,
    origin: Origin,
    lifetime: Span,
    expires: Timestamp,
}

impl std::fmt::Debug for OneTimeCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneTimeCodes").finish_non_exhaustive()
    }
}

impl OneTimeCodes {
    /// Starts carrying on the current runtime; it ends with the last that draws.
    pub(crate) fn start(
        store: Arc<GatewayStore>,
        courier: Arc<Courier>,
    ) -> Result<Self, NoEntropy> {
        let (waiting, parcels) = mpsc::channel(WAITING_MAX);
        let key = CodeKey::new(clock::random()?);
        tokio::spawn(carry_all(parcels, courier, Arc::clone(&store)));
        Ok(Self {
            store,
            key,
            allowances: Mutex::default(),
            allowances_alone: Mutex::new(Allowances::of_codes_alone()),
            waiting,
        })
    }

    /// By what the codes are known that were sent.
    pub(super) fn key(&self) -> &CodeKey {
        &self.key
    }

    /// Has a code sent; what is needed to judge it, and until when it is good.
    pub(super) fn issue(
        &self,
        proof: Proof,
        to: Address,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(FirstProven, Timestamp), NotIssued> {
        let (issued, expires) = self.send(&proof, to, origin, now)?;
        Ok((FirstProven::sent(proof, issued), expires))
    }

    /// Has another code sent in the place of the one that is waited for, which is good for nothing from then on.
    /// Until when the new one is good; nothing if none was sent, and the old one stays.
    pub(super) fn issue_another(
        &self,
        first: &mut FirstProven,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Timestamp, NotIssued> {
        let Some(to) = first.issued().map(|issued| issued.to().clone()) else {
            return Err(NotIssued::Undecided(Undecided::Codes));
        };
        let (another, expires) = self.send(&first.proof, to, origin, now)?;
        first.wait_for(another);
        Ok(expires)
    }

    /// Until when no other code is sent to somebody: where this unit checks passwords, and where codes stand alone.
    pub(crate) fn waits(
        &self,
        person: &CanonicalName,
        channel: Channel,
        now: Timestamp,
    ) -> [Option<Timestamp>; 2] {
        let lifetime = self.store.settings(Vdom::ROOT).sent_lifetime(channel);
        [&self.allowances, &self.allowances_alone].map(|allowances| {
            let allowances = allowances.lock().unwrap_or_else(PoisonError::into_inner);
            allowances.waits(person, lifetime, now)
        })
    }

    fn send(
        &self,
        proof: &Proof,
        to: Address,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(Issued, Timestamp), NotIssued> {
        // Before it is counted: what cannot be carried costs nobody an allowance.
        let place = self.waiting.try_reserve();
        let place = place.map_err(|_| NotIssued::Undecided(Undecided::Codes))?;
        let person = proof.person().clone();
        let lifetime = self.store.settings(Vdom::ROOT).sent_lifetime(to.channel());
        let allowances = match proof.client() {
            Some(_) => &self.allowances_alone,
            None => &self.allowances,
        };
        let allowed = allowances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(&person, lifetime, now);
        allowed.map_err(|why| match why {
            NotSent::Until(next) => NotIssued::TooMany(Refusal::too_many_sent(next)),
            NotSent::Full => NotIssued::Undecided(Undecided::Recipients),
        })?;
        let code = OneTimeCode::draw(clock::random()?);
        let expires = now.after(lifetime);
        let issued = code.issue(&self.key, person.clone(), to.clone(), expires);
        place.send(Parcel {
            code,
            person,
            to,
            origin: origin.clone(),
            lifetime,
            expires,
        });
        Ok((issued, expires))
    }
}

async fn carry_all(
    mut parcels: mpsc::Receiver<Parcel>,
    courier: Arc<Courier>,
    store: Arc<GatewayStore>,
) {
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    while let Some(parcel) = parcels.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (courier, store) = (Arc::clone(&courier), Arc::clone(&store));
        tokio::spawn(async move {
            let language = language_of(&parcel.person, &store).await;
            let failure = carry(&parcel, language, &courier).await.err();
            note(parcel, failure, &store).await;
            drop(place);
        });
    }
}

/// The language that the person's own record names. The code goes even if it cannot be read.
async fn language_of(person: &CanonicalName, store: &GatewayStore) -> Option<Language> {
    store.person(person.clone()).await.ok()??.contact.language
}

/// Tries for as long as the code is good. An error is why it did not get through.
async fn carry(
    parcel: &Parcel,
    language: Option<Language>,
    courier: &Courier,
) -> Result<(), String> {
    let matter = Matter::Login(LoginCode {
        code: parcel.code.as_str(),
        seconds: parcel.lifetime.secs_rounded_up(),
    });
    let wait = Span::from_millis(i64::try_from(RETRY.as_millis()).unwrap_or(i64::MAX));
    let mut attempts = 1;
    loop {
        let Err(error) = courier.carry(&parcel.to, language, &matter).await else {
            return Ok(());
        };
        let is_late = clock::now().after(wait) >= parcel.expires;
        if is_late || !error.is_transient(attempts) {
            return Err(error.to_string());
        }
        attempts += 1;
        tokio::time::sleep(RETRY).await;
    }
}

async fn note(parcel: Parcel, failure: Option<String>, store: &GatewayStore) {
    if let Some(why) = &failure {
        warn!(user = %parcel.person, why, "a code for a login was not sent");
    }
    let what = What::CodeSent {
        person: parcel.person,
        origin: parcel.origin,
        channel: parcel.to.channel(),
        failure: failure.map(Into::into),
    };
    let at = clock::now();
    // A store that fails tells of it itself.
    let _ = store.record(Event { at, what }).await;
}
