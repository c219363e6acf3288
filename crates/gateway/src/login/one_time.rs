//! Codes that are sent for logins: drawn here, carried to their person, and kept as digests alone.
//!
//! They wait in memory for the moment that they are good for. After a restart nobody's is, and the
//! person logs in again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::audit::{Event, What};
use domain::code_only::Vouched;
use domain::contact::{Address, Channel, Language};
use domain::login::{
    self, Drifted, Facts, Origin, Proof, Refusal, Retry, Second, Submitted, Waiting,
};
use domain::name::CanonicalName;
use domain::one_time::{Allowances, CodeKey, Issued, NotSent, OneTimeCode};
use domain::password::{Mark, Rehash};
use domain::reason::Reason;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use radius::mschapv2::Success;
use store::gateway::GatewayStore;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use super::{Owner, ProvenBy, Undecided, Wanted, with_counter};
use crate::clock::{self, NoEntropy};
use crate::delivery::{Courier, LoginCode, Matter};

/// Codes that wait for a connection at most: some seconds' worth of what mail servers take.
const WAITING_MAX: usize = 1_024;
/// Codes that are on their way at the same time: mail servers take few connections from one peer.
const UNDER_WAY_MAX: usize = 8;
/// The wait before a code is tried again that may still come in time.
const RETRY: Duration = Duration::from_secs(5);

/// A person whose first factor is proven, with what the second is judged by.
pub(crate) struct FirstProven {
    pub(super) proof: Proof,
    waits_for: WaitsFor,
    pub(super) beside: Beside,
}

/// What the code that a proven first factor waits for is judged by.
enum WaitsFor {
    /// The token, and what else does in its place.
    Token,
    /// The token, by the code that asked for it.
    Next(Box<Waiting>),
    /// What was sent.
    Sent(Box<Issued>),
}

/// What goes with a proven first factor until its login ends.
#[derive(Default)]
pub(super) struct Beside {
    /// The server's half of MS-CHAPv2, for the client once it is let in.
    pub(super) success: Option<Box<Success>>,
    /// By what the password is known if it comes again where a code is asked for.
    pub(super) mark: Option<Mark>,
    /// The hash that takes the place of one from elsewhere, once the login is on record.
    pub(super) rehash: Option<Box<Rehash>>,
}

impl From<Proof> for FirstProven {
    fn from(proof: Proof) -> Self {
        Self {
            proof,
            waits_for: WaitsFor::Token,
            beside: Beside::default(),
        }
    }
}

impl From<Retry> for FirstProven {
    fn from(retry: Retry) -> Self {
        Self {
            waits_for: retry
                .issued
                .map_or(WaitsFor::Token, |issued| WaitsFor::Sent(Box::new(issued))),
            ..retry.proof.into()
        }
    }
}

impl From<Drifted> for FirstProven {
    fn from(drifted: Drifted) -> Self {
        Self {
            waits_for: WaitsFor::Next(Box::new(drifted.waiting)),
            ..drifted.proof.into()
        }
    }
}

impl FirstProven {
    pub(super) fn with(self, beside: Beside) -> Self {
        Self { beside, ..self }
    }

    /// The client that checked the first factor itself, if one did.
    pub(crate) fn client(&self) -> Option<&Vouched> {
        self.proof.client()
    }

    /// Who found it right.
    pub(crate) fn proven_by(&self) -> ProvenBy {
        match self.client() {
            Some(_) => ProvenBy::Client,
            None => ProvenBy::Unit,
        }
    }

    /// Among whose challenges it counts.
    pub(super) fn owner(&self) -> Owner {
        Owner {
            person: self.person().clone(),
            proven_by: self.proven_by(),
        }
    }

    /// Whose it is.
    pub(crate) fn person(&self) -> &CanonicalName {
        self.proof.person()
    }

    /// What code is asked for.
    pub(crate) fn asked(&self) -> CodeOf {
        match &self.waits_for {
            WaitsFor::Token | WaitsFor::Next(_) => CodeOf::Token,
            WaitsFor::Sent(issued) => CodeOf::Sent(issued.to().channel()),
        }
    }

    /// What the person is asked.
    pub(super) fn wanted(&self) -> Wanted {
        self.drifted().unwrap_or_else(|| Wanted::Code(self.asked()))
    }

    /// What was sent, if that is what is waited for.
    pub(super) fn issued(&self) -> Option<&Issued> {
        match &self.waits_for {
            WaitsFor::Sent(issued) => Some(issued),
            WaitsFor::Token | WaitsFor::Next(_) => None,
        }
    }

    /// What asks for the code after one that is right for another time, if one is.
    pub(crate) fn drifted(&self) -> Option<Wanted> {
        match &self.waits_for {
            WaitsFor::Next(waiting) => Some(Wanted::NextCode(waiting.shown().into())),
            WaitsFor::Token | WaitsFor::Sent(_) => None,
        }
    }
}

/// What makes the code that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CodeOf {
    /// The person's token.
    Token,
    /// This unit, which sent it.
    Sent(Channel),
}

impl CodeOf {
    /// What a person is asked at a challenge.
    pub(crate) const fn question(self) -> &'static str {
        match self {
            Self::Token => "Please enter your token code",
            Self::Sent(Channel::Email) => "Please enter the token code sent to you by email",
            Self::Sent(Channel::Sms) => "Please enter the token code sent to you by SMS",
        }
    }
}

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

    /// Judges the second factor, by the code that was sent if one was.
    pub(super) fn judge(
        &self,
        facts: &Facts,
        first: FirstProven,
        code: Option<&Submitted>,
        now: Timestamp,
    ) -> Second {
        let FirstProven {
            proof, waits_for, ..
        } = first;
        let client = proof.client().cloned();
        with_counter(
            &self.store,
            client.as_ref(),
            &facts.name,
            now,
            |counter| match (waits_for, code) {
                (WaitsFor::Sent(issued), Some(code)) => {
                    login::sent(facts, proof, *issued, code, &self.key, counter, now)
                }
                (WaitsFor::Next(waiting), Some(code)) => {
                    let waiting = *waiting;
                    login::next(facts, Drifted { proof, waiting }, code, counter, now)
                }
                _ => login::second(facts, proof, code, counter, now),
            },
        )
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
        let first = FirstProven {
            waits_for: WaitsFor::Sent(Box::new(issued)),
            ..proof.into()
        };
        Ok((first, expires))
    }

    /// Has another code sent in the place of the one that is waited for, which is good for nothing from then on.
    /// Until when the new one is good; nothing if none was sent, and the old one stays.
    pub(super) fn issue_another(
        &self,
        first: &mut FirstProven,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Timestamp, NotIssued> {
        let WaitsFor::Sent(issued) = &mut first.waits_for else {
            return Err(NotIssued::Undecided(Undecided::Codes));
        };
        let (another, expires) = self.send(&first.proof, issued.to().clone(), origin, now)?;
        **issued = another;
        Ok(expires)
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
            NotSent::Until(next) => NotIssued::TooMany(too_many(next)),
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

fn too_many(next: Timestamp) -> Refusal {
    Refusal {
        evidence: Some(format!("no other is sent before {next}").into()),
        ..Refusal::because(Reason::SentCodesTooMany)
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
