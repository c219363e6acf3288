//! Administrators on their way in, whatever the protocol.
//!
//! The steps are those of every login ([`domain::login`]); what is an administrator's own stands in
//! [`domain::administrator`]: trusted hosts before the password, and the lockout around each factor.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::access::{Authority, Profile, Realms};
use domain::administrator::{self, Administrator, Ended, Lockouts, NotNow};
use domain::audit::{Actor, Event, Leave, What};
use domain::login::{
    self, CodePosition, Facts, Origin, Proof, Refusal, Second, Submitted, Verification,
};
use domain::name::{CanonicalName, NAME_MAX, Realm};
use domain::password::Presented;
use domain::public_key::{KeyVerified, PublicKey};
use domain::reason::Reason;
use domain::schema::{ACCPROFILE, ADMIN, Place};
use domain::source::LoginSource;
use domain::vdom::Vdom;
use store::gateway::{Decision, GatewayStore, Outcome};
use tokio::sync::{Notify, oneshot};
use tracing::warn;

use super::admin_steps::{AdminSteps, Factor};
use super::explainer::{Explainer, Question};
use super::first_proven::FirstProven;
use super::one_time::{NotIssued, OneTimeCodes};
use super::pool::Pool;
use super::{Unknown, recorded};
use crate::clock;
use crate::command_line::{Full, LoggedIn, Sessions, Via};
use crate::debug_log::DebugLog;

/// Threads that hash administrators' passwords: their own, so that a flood of logins elsewhere does
/// not keep an administrator out.
const HASHING_THREADS: usize = 1;

/// Who knocks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    name: Box<str>,
    via: Via,
    source: IpAddr,
}

impl Caller {
    /// A name as presented over SSH, between these addresses.
    pub(crate) fn over_ssh(name: &str, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            name: Box::from(name),
            via: Via::Ssh { local, remote },
            source: remote.ip(),
        }
    }

    /// Another name from the same place.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        Self {
            name: Box::from(name),
            ..self.clone()
        }
    }

    pub(crate) fn source(&self) -> IpAddr {
        self.source
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How events name the caller. What was presented is not trusted to be a name.
    pub(crate) fn actor(&self) -> Actor {
        let name = self.name.chars().filter(|c| !c.is_control());
        Actor {
            name: name.take(NAME_MAX).collect::<String>().into(),
            interface: self.via.to_string().into(),
        }
    }

    fn origin(&self) -> Origin {
        Origin {
            client: self.via.protocol().into(),
            source: LoginSource::of(self.source),
        }
    }

    fn person(&self) -> CanonicalName {
        administrator::person(&self.name)
            .unwrap_or_else(|_| CanonicalName::nobody(Realm::Administrators))
    }
}

/// What came of a factor.
pub(crate) enum Verdict {
    /// The administrator is in: what the store granted has become a session.
    In(Arc<LoggedIn>),
    /// All is right, and there is no place.
    Full(Full),
    /// A code is asked for.
    Code(FirstProven),
    /// No: what was presented is wrong. The caller is told nothing else.
    Wrong,
    /// No, whatever was presented: it says nothing about that.
    Refused,
}

/// The way in for administrators.
#[derive(Debug)]
pub(crate) struct AdminLogins {
    store: Arc<GatewayStore>,
    sessions: Arc<Sessions>,
    codes: Arc<OneTimeCodes>,
    explainer: Explainer,
    pool: Pool,
    lockouts: Mutex<Lockouts>,
    steps: AdminSteps,
    /// An attempt has ended, and another may begin.
    ended: Notify,
}

/// What is known of a caller, with what a failed first factor is called.
struct Known {
    facts: Facts,
    stranger: Option<Reason>,
}

impl AdminLogins {
    pub(crate) fn start(
        store: Arc<GatewayStore>,
        sessions: Arc<Sessions>,
        codes: Arc<OneTimeCodes>,
        debug: DebugLog,
    ) -> std::io::Result<Self> {
        Ok(Self {
            explainer: Explainer::start(Arc::clone(&store)),
            pool: Pool::with_threads(HASHING_THREADS)?,
            store,
            sessions,
            codes,
            lockouts: Mutex::default(),
            steps: AdminSteps(debug),
            ended: Notify::new(),
        })
    }

    /// Checks a password.
    pub(crate) async fn password(&self, caller: &Caller, password: Presented) -> Verdict {
        self.steps.presented(caller, Factor::Password);
        let verdict = self.try_password(caller, password).await;
        self.answered(caller, verdict)
    }

    /// Whether a signature by this key would be looked at.
    pub(crate) async fn knows_key(&self, caller: &Caller, key: &PublicKey) -> bool {
        let known = self.look_up(caller).await;
        known.is_ok_and(|known| {
            let person = known.facts.person.as_ref();
            person.is_some_and(|person| person.keys.contains(key))
        })
    }

    /// Takes a signature by this key, which was verified.
    pub(crate) async fn key(&self, caller: &Caller, signed_by: &PublicKey) -> Verdict {
        self.steps.presented(caller, Factor::Key);
        let verdict = self.try_key(caller, signed_by).await;
        self.answered(caller, verdict)
    }

    /// Checks the code of a caller whose first factor is proven.
    pub(crate) async fn code(
        &self,
        caller: &Caller,
        first: FirstProven,
        code: Submitted,
    ) -> Verdict {
        self.steps.presented(caller, Factor::Code);
        let verdict = self.try_code(caller, first, code).await;
        self.answered(caller, verdict)
    }

    async fn try_password(&self, caller: &Caller, password: Presented) -> Result<Verdict, Unknown> {
        let known = self.look_up(caller).await?;
        let Some(attempt) = self.begin(caller).await? else {
            return Ok(Verdict::Refused);
        };
        let first = login::begin(&known.facts, password);
        let refusal = known.stranger.unwrap_or(first.refusal);
        let Verification::Hash(check) = first.check else {
            return Err(Unknown::because(
                "an administrator's password is kept here, and at no backend",
            ));
        };
        let (answer, verified) = oneshot::channel();
        let store = Arc::clone(&self.store);
        let hashing = self.pool.submit(check, move |check| {
            let evaluation = store.evaluation(&check);
            let verified = evaluation.map(|it| it.verify(&first.password));
            // The caller may have gone.
            let _ = answer.send(verified);
        });
        if hashing.is_err() {
            return Err(Unknown::because("too many passwords wait for their check"));
        }
        let verified = verified.await.map_err(Unknown::because)?;
        match verified.map_err(Unknown::because)? {
            Some(verified) => {
                let proof = Proof::Password(verified);
                self.second(caller, known, proof.into(), None, attempt)
                    .await
            }
            None => self.wrong(caller, refusal, attempt).await,
        }
    }

    async fn try_key(&self, caller: &Caller, signed_by: &PublicKey) -> Result<Verdict, Unknown> {
        let known = self.look_up(caller).await?;
        let Some(attempt) = self.begin(caller).await? else {
            return Ok(Verdict::Refused);
        };
        let person = known.facts.person.as_ref();
        let proof =
            person.and_then(|person| KeyVerified::of(&person.name, &person.keys, signed_by));
        match proof {
            Some(verified) => {
                let proof = Proof::Key(verified);
                self.second(caller, known, proof.into(), None, attempt)
                    .await
            }
            None => {
                let reason = known.stranger.unwrap_or(Reason::KeyUnknown);
                self.wrong(caller, reason, attempt).await
            }
        }
    }

    async fn try_code(
        &self,
        caller: &Caller,
        first: FirstProven,
        code: Submitted,
    ) -> Result<Verdict, Unknown> {
        let known = self.look_up(caller).await?;
        let Some(attempt) = self.begin(caller).await? else {
            return Ok(Verdict::Refused);
        };
        self.second(caller, known, first, Some(code), attempt).await
    }

    /// All that is known of a caller, at this moment.
    async fn look_up(&self, caller: &Caller) -> Result<Known, Unknown> {
        let stored = self
            .store
            .object(Place::new(Vdom::ROOT, &ADMIN, caller.name.clone()))
            .await;
        let administrator = stored
            .map_err(Unknown::because)?
            .map(|object| Administrator::from_object(&object));
        let person = caller.person();
        let facts = self
            .store
            .facts(person, CodePosition::Challenge, clock::now())
            .map_err(Unknown::because)?;
        let source = caller.source;
        let (facts, stranger) = administrator::admitted(facts, administrator.as_ref(), source);
        Ok(Known { facts, stranger })
    }

    async fn second(
        &self,
        caller: &Caller,
        known: Known,
        first: FirstProven,
        code: Option<Submitted>,
        attempt: Attempt<'_>,
    ) -> Result<Verdict, Unknown> {
        let now = clock::now();
        let name = &known.facts.name;
        let origin = caller.origin();
        let refuse = |refusal| Decision::Refuse {
            person: name.clone(),
            origin: origin.clone(),
            refusal: known.named(refusal),
            at: now,
        };
        let mut next = None;
        let (key, facts) = (self.codes.key(), &known.facts);
        let decision = match first.judge(&self.store, key, facts, code.as_ref(), now) {
            Second::Challenge(proof) => return Ok(Verdict::Code(proof.into())),
            Second::Send(proof, to) => match self.codes.issue(proof, to, &origin, now) {
                Ok((first, _)) => return Ok(Verdict::Code(first)),
                Err(NotIssued::TooMany(refusal)) => refuse(refusal),
                Err(NotIssued::Undecided(why)) => return Err(Unknown::because(why)),
            },
            Second::Consume(consume) => Decision::Grant(consume, origin.clone()),
            Second::Refuse(refusal, _) => refuse(refusal),
            Second::AskNext(refusal, drifted) => {
                next = Some(FirstProven::from(*drifted));
                refuse(refusal)
            }
        };
        match self.recorded(decision).await? {
            Outcome::Granted(_) => self.admit(caller, attempt).await,
            Outcome::Refused(refused) => {
                let reason = refused.reason;
                self.explainer.ask(Question { refused, code });
                let verdict = self.wrong(caller, reason, attempt).await?;
                Ok(next.map_or(verdict, Verdict::Code))
            }
            outcome => Err(Unknown(format!("{outcome:?}"))),
        }
    }

    async fn recorded(&self, decision: Decision) -> Result<Outcome, Unknown> {
        match recorded(&self.store, decision).await {
            Some(Outcome::Undecided(why, _)) => Err(Unknown::because(why)),
            Some(outcome) => Ok(outcome),
            None => Err(Unknown::because("the store has no answer")),
        }
    }

    async fn admit(&self, caller: &Caller, attempt: Attempt<'_>) -> Result<Verdict, Unknown> {
        let actor = caller.actor();
        let Some(authority) = self.authority(actor.clone()).await? else {
            return Err(Unknown::because("the access profile is gone"));
        };
        let places = self.store.settings(Vdom::ROOT).administration.sessions_max;
        let opened = self
            .sessions
            .open(authority, caller.via, places, clock::now());
        let session = match opened {
            Ok(session) => session,
            Err(why) => {
                let reason = Reason::SessionsFull;
                warn!(administrator = %actor.name, %why, "an administrator is not let in");
                self.steps.refused(caller, reason);
                attempt.end(Ended::Open);
                self.note(What::AdminRefused { actor, reason }).await?;
                return Ok(Verdict::Full(why));
            }
        };
        attempt.end(Ended::In);
        self.note(What::AdminLogin { actor }).await?;
        Ok(Verdict::In(session))
    }

    async fn wrong(
        &self,
        caller: &Caller,
        reason: Reason,
        attempt: Attempt<'_>,
    ) -> Result<Verdict, Unknown> {
        let locked = attempt.end(match reason {
            // The password was right, and no code was tried.
            Reason::SentCodesTooMany => Ended::Open,
            _ => Ended::Wrong,
        });
        self.steps.refused(caller, reason);
        let actor = caller.actor();
        self.note(What::AdminRefused {
            actor: actor.clone(),
            reason,
        })
        .await?;
        if locked {
            let duration = self
                .store
                .settings(Vdom::ROOT)
                .administration
                .lockout
                .duration;
            let seconds = duration.secs_rounded_up();
            self.note(What::AdminLockout { actor, seconds }).await?;
        }
        Ok(Verdict::Wrong)
    }

    /// What an administrator may do now; nothing for one who is gone.
    async fn authority(&self, actor: Actor) -> Result<Option<Authority>, Unknown> {
        let place = Place::new(Vdom::ROOT, &ADMIN, actor.name.clone());
        let stored = self.store.object(place).await;
        let Some(administrator) = stored.map_err(Unknown::because)? else {
            return Ok(None);
        };
        let place = Place::new(Vdom::ROOT, &ACCPROFILE, administrator.text("accprofile"));
        let stored = self.store.object(place).await;
        let profile = stored.map_err(Unknown::because)?;
        Ok(profile.map(|profile| Authority {
            actor,
            profile: Profile::from_object(&profile),
            realms: Realms::of(&administrator),
        }))
    }

    /// Has a session act with what its administrator may do now; whether there still is one. What
    /// cannot be looked up stays as it is.
    pub(crate) async fn refresh(&self, session: &LoggedIn) -> bool {
        match self.authority(session.actor().clone()).await {
            Ok(Some(authority)) => {
                session.set_authority(authority);
                true
            }
            Ok(None) => false,
            Err(why) => {
                warn!(%why, "an administrator's rights cannot be looked up");
                true
            }
        }
    }

    /// Notes that an administrator's session is over.
    pub(crate) async fn log_out(&self, actor: Actor, cause: Leave) {
        if let Err(error) = self.note(What::AdminLogout { actor, cause }).await {
            warn!(%error, "the end of an administrator's session is not on record");
        }
    }

    async fn note(&self, what: What) -> Result<(), Unknown> {
        let at = clock::now();
        let noted = self.store.record(Event { at, what }).await;
        noted.map_err(Unknown::because)
    }

    /// Waits for its turn, or is not looked at.
    async fn begin(&self, caller: &Caller) -> Result<Option<Attempt<'_>>, Unknown> {
        let person = caller.person();
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // From here on: an attempt that ends before this one waits is not missed.
            ended.as_mut().enable();
            let limit = self.store.settings(Vdom::ROOT).administration.lockout;
            let begun = self
                .lockouts()
                .begin(&person, caller.source, limit, clock::now());
            match begun {
                Ok(()) => {
                    return Ok(Some(Attempt {
                        logins: self,
                        person,
                        source: caller.source,
                        is_open: true,
                    }));
                }
                Err(NotNow::Busy) => ended.await,
                Err(NotNow::Locked(_)) => {
                    let (actor, reason) = (caller.actor(), Reason::SourceThrottled);
                    self.steps.refused(caller, reason);
                    self.note(What::AdminRefused { actor, reason }).await?;
                    return Ok(None);
                }
                Err(NotNow::StillLocked(_)) => {
                    self.steps.refused(caller, Reason::SourceThrottled);
                    return Ok(None);
                }
            }
        }
    }

    fn answered(&self, caller: &Caller, verdict: Result<Verdict, Unknown>) -> Verdict {
        let verdict = verdict.unwrap_or_else(|why| {
            warn!(source = %caller.source, %why, "an administrator's login cannot be decided");
            self.steps.undecided(caller, &why);
            Verdict::Refused
        });
        match &verdict {
            Verdict::In(_) => self.steps.admitted(caller),
            Verdict::Code(first) => self.steps.asked(caller, first),
            Verdict::Full(_) | Verdict::Wrong | Verdict::Refused => {}
        }
        verdict
    }

    fn lockouts(&self) -> MutexGuard<'_, Lockouts> {
        self.lockouts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A stranger is refused for what the log is to say, not for what the decision was given.
    fn named(&self, refusal: Refusal) -> Refusal {
        match self.stranger {
            Some(reason) => Refusal::because(reason),
            None => refusal,
        }
    }
}

/// An attempt under way. One that is given up counts as neither right nor wrong: its caller never
/// learns how it ended.
struct Attempt<'a> {
    logins: &'a AdminLogins,
    person: CanonicalName,
    source: IpAddr,
    is_open: bool,
}

impl Attempt<'_> {
    /// Ends it; whether this locked out.
    fn end(mut self, ended: Ended) -> bool {
        self.is_open = false;
        self.settle(ended)
    }

    fn settle(&self, ended: Ended) -> bool {
        let limit = self
            .logins
            .store
            .settings(Vdom::ROOT)
            .administration
            .lockout;
        let locked =
            self.logins
                .lockouts()
                .end(&self.person, self.source, ended, limit, clock::now());
        self.logins.ended.notify_waiters();
        locked.is_some()
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.settle(Ended::Open);
        }
    }
}
