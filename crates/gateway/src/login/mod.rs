//! The login path between the protocols and the store.
//!
//! A protocol brings an [`Attempt`] and is told what comes next: a hash to compute in the pool, a
//! decision to record, a challenge to send, or silence. Every protocol goes through here, so none can
//! do what another cannot.

mod admin_steps;
mod administrators;
mod answering;
mod awaited;
mod backends;
mod challenges;
mod code_only;
mod explainer;
mod first_proven;
mod one_time;
mod pool;
mod pushing;
mod remote;
mod renewal;
mod responses;
mod trial;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use domain::audit::{Event, What};
use domain::code_only::Vouched;
use domain::legacy;
use domain::login::{
    self, CodePosition, Drifted, Facts, FirstFactor, Origin, Proof, Refusal, Second, Submitted,
    Verification,
};
use domain::name::{CanonicalName, Realm};
use domain::password::{
    BackendCheck, Check, Evaluation, PasswordVerified, Presented, Rehash, Remembered,
};
use domain::reason::Reason;
use domain::remote::RemoteCheck;
use domain::throttle::{Charge, CodeCounter};
use domain::time::Timestamp;
use domain::vdom::Vdom;
use radius::mschapv2::Success;
use store::gateway::{Decision, GatewayStore, NoFacts, Outcome, PasswordOutcome};
use tokio::sync::oneshot;

pub(crate) use administrators::{AdminLogins, Caller, Verdict};
use answering::Answering;
pub(crate) use answering::{Answered, Exchange, Reopening, Standing};
pub(crate) use awaited::{AwaitedLogins, Decided};
use backends::Checked;
pub(crate) use backends::{Answer, Backends, Credentials, Said, vouched_for_nobody};
pub use challenges::OpenStates;
pub(crate) use challenges::State;
use challenges::{Challenges, Full};
pub(crate) use explainer::{Explainer, Question};
use first_proven::Beside;
pub(crate) use first_proven::{CodeOf, FirstProven};
use one_time::NotIssued;
pub(crate) use one_time::OneTimeCodes;
pub(crate) use pool::{Claim, Pool, Turn, Whose};
pub(crate) use pushing::{Anew, Later, Wanted, unclaimed};
pub(crate) use renewal::RENEWAL_SPAN;
use renewal::{HashedAnew, Keeper, Keeping, NewPassword, Renewal, Unhashed};
pub(crate) use responses::{Presentation, Response, told};
pub(crate) use trial::{Trial, Trials};

use crate::clock::{self, NoEntropy};
use crate::push::Pushes;

/// Questions for a new password that are open of one person: a new one costs as many hashes as there are former ones
/// that may not come again, and one person's are not to fill the queue of everybody's.
const RENEWALS_MAX: usize = 2;

/// Verified passwords that are remembered at most: as many people as one unit is built for, at some 50 octets each.
const REMEMBERED_MAX: usize = 1_000_000;

/// One request to be let in.
pub(crate) struct Attempt {
    /// Among whom the name names one person.
    pub(crate) realm: Realm,
    /// The name as presented.
    pub(crate) name: Vec<u8>,
    /// Password, code, or both, as the client combines them; or a response made with the password.
    pub(crate) presented: Presentation,
    /// The challenge that it answers.
    pub(crate) state: Option<Vec<u8>>,
    /// From where.
    pub(crate) origin: Origin,
    /// How the client combines password and code.
    pub(crate) position: CodePosition,
    /// How the client goes on after a challenge.
    pub(crate) exchange: Exchange,
}

/// What comes next.
#[expect(
    clippy::large_enum_variant,
    reason = "handed on at once: a box would cost every login an allocation"
)]
pub(crate) enum Progress {
    /// One hash; then [`Logins::hashed`].
    Hash(Box<Hashing>),
    /// One question to a directory or RADIUS server: [`Logins::ask`].
    Ask(Box<Asking>),
    /// A person to be asked on the phone, or waited for: [`Logins::later`].
    Later(Box<Later>),
    /// A decision to be made durable, and what goes with its answer.
    Record(Decision, Judged),
    /// The password was right; the code is asked for.
    Challenge(State, Wanted),
    /// Nothing can be decided: no answer.
    Undecided(Undecided),
}

/// What a decision judged, and what the client is told if it is let in.
#[derive(Default)]
pub(crate) struct Judged {
    /// The code, for the explanation of a refusal.
    pub(crate) code: Option<Submitted>,
    /// The server's half of MS-CHAPv2.
    pub(crate) success: Option<Box<Success>>,
    /// Whose pushes count anew.
    pub(crate) anew: Option<Anew>,
    /// What a refusal is answered with, once it is on record: the next code is asked for.
    pub(crate) ask: Option<(State, Wanted)>,
    /// What is done where nobody can tell: see [`Logins::undecided`].
    pub(crate) reopening: Option<Box<Reopening>>,
}

/// Nobody can tell: nothing is known of what was typed, and nothing is counted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unknown(String);

impl Unknown {
    fn because(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Why nothing can be decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    #[error(transparent)]
    Facts(#[from] NoFacts),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("too many codes wait to be sent")]
    Codes,
    #[error("codes were sent to too many people within an hour")]
    Recipients,
    #[error("too many challenges are open")]
    Challenges(#[from] Full),
    #[error("{0}")]
    Backend(String),
    #[error(transparent)]
    Store(#[from] store::Undecided),
    #[error("the client asked again, and waits with its new question")]
    Superseded,
}

/// A login that waits for the verdict on its password.
struct Begun {
    password: Presented,
    code: Option<Submitted>,
    /// Why a failed check fails.
    refusal: Reason,
    name: CanonicalName,
    origin: Origin,
    position: CodePosition,
    exchange: Exchange,
    /// By what its password was counted, as long as that is not settled.
    charge: Charge,
}

/// A login that waits for its hash.
pub(crate) struct Hashing {
    work: Work,
    begun: Begun,
}

/// What is hashed.
enum Work {
    /// The password, to be checked against the hash that the store has.
    Password(Check, Arc<GatewayStore>),
    /// One that is to take its place.
    NewPassword(Box<Unhashed>),
}

/// A login whose hash is known.
pub(crate) struct Hashed {
    outcome: Computed,
    begun: Begun,
}

enum Computed {
    /// What proves the password, if it is right.
    Password(Result<Option<Proven>, store::Undecided>),
    NewPassword(Box<HashedAnew>),
}

/// What proves a password, and the hash that takes the place of the one that was right, if one does.
type Proven = (PasswordVerified, Option<Rehash>);

impl Hashing {
    /// What it takes of the queue: each of its hashes takes as long as another's only one.
    pub(crate) fn claim(&self) -> Claim {
        let Begun { name, origin, .. } = &self.begun;
        Claim {
            whose: Whose::of(name.realm(), origin),
            places: match &self.work {
                Work::Password(check, _) => check.evaluations(),
                Work::NewPassword(unhashed) => unhashed.evaluations(),
            },
        }
    }

    /// Computes the hash; for a thread of the pool.
    pub(crate) fn compute(self) -> Hashed {
        let Self { work, begun } = self;
        let outcome = match work {
            Work::Password(check, store) => {
                let evaluation = store.evaluation(&check);
                Computed::Password(evaluation.map(|it| evaluated(&it, &begun.password)))
            }
            Work::NewPassword(unhashed) => Computed::NewPassword(Box::new(unhashed.hash())),
        };
        Hashed { outcome, begun }
    }
}

fn evaluated(evaluation: &Evaluation, password: &Presented) -> Option<Proven> {
    let verified = evaluation.verify(password)?;
    // Without chance the next login does it.
    let salt = clock::random().ok();
    let rehash = salt.and_then(|salt| evaluation.rehash(&verified, password, &salt));
    Some((verified, rehash))
}

/// A login that waits for a backend.
pub(crate) struct Asking {
    check: Asked,
    begun: Begun,
}

/// What backends are asked about.
enum Asked {
    /// The password of a person whose record names one.
    Record(BackendCheck),
    /// That of somebody without a record.
    Remote(RemoteCheck),
    /// To have another password in the place of one that has expired.
    NewPassword(NewPassword),
    /// The same, of one that is hashed: this unit's store.
    Renewed(Box<Keeping>),
}

/// What judges second factors besides the codes of tokens.
#[derive(Clone, Debug)]
pub(crate) struct SecondFactors {
    /// Codes that are sent.
    pub(crate) codes: Arc<OneTimeCodes>,
    /// Approvals on phones.
    pub(crate) pushes: Arc<Pushes>,
}

/// The login path: what is remembered between its steps.
pub(crate) struct Logins {
    store: Arc<GatewayStore>,
    backends: Arc<Backends>,
    challenges: Challenges<FirstProven>,
    renewals: Challenges<Renewal>,
    codes: Arc<OneTimeCodes>,
    pushes: Arc<Pushes>,
    remembered: Mutex<Remembered<RandomState>>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

impl Logins {
    pub(crate) fn new(
        store: Arc<GatewayStore>,
        backends: Arc<Backends>,
        factors: &SecondFactors,
    ) -> Result<Self, NoEntropy> {
        let remembered = Remembered::new(clock::random()?, REMEMBERED_MAX, RandomState::new());
        Ok(Self {
            store,
            backends,
            challenges: Challenges::default(),
            renewals: Challenges::of_each(RENEWALS_MAX),
            codes: Arc::clone(&factors.codes),
            pushes: Arc::clone(&factors.pushes),
            remembered: Mutex::new(remembered),
        })
    }

    /// Begins with an attempt, or goes on with the answer to a challenge.
    pub(crate) fn start(&self, attempt: Attempt, now: Timestamp) -> Progress {
        let Some(name) = canonical(attempt.realm, &attempt.name) else {
            let nobody = CanonicalName::nobody(attempt.realm);
            let refusal = match attempt.presented {
                Presentation::Refused(refusal) => refusal,
                _ => Refusal::because(Reason::UserUnknown),
            };
            return refusal_of(nobody, attempt.origin, refusal, now);
        };
        let (origin, position, exchange) = (attempt.origin, attempt.position, attempt.exchange);
        match (attempt.presented, attempt.state) {
            (Presentation::Refused(refusal), _) => refusal_of(name, origin, refusal, now),
            (Presentation::Password(code), state) if position == CodePosition::CodeOnly => {
                let answer = state
                    .as_deref()
                    .map(|state| Answering::new(state, &code, exchange));
                self.code_alone(name, &code, answer.as_ref(), origin, now)
            }
            (Presentation::Response(response), _) if position == CodePosition::CodeOnly => {
                refusal_of(name, origin, response.hides_the_code(), now)
            }
            (Presentation::Password(code), Some(state)) => {
                let answer = Answering::new(&state, &code, exchange);
                self.answered(name, &answer, origin, now)
            }
            (Presentation::Password(password), None) => {
                let first = |facts: &Facts| login::begin(facts, password);
                self.begin(name, first, origin, (position, exchange), now)
            }
            (Presentation::PasswordAndCode(password, code), _) => {
                let first = |facts: &Facts| login::begin_with_code(facts, password, code);
                self.begin(name, first, origin, (CodePosition::Beside, exchange), now)
            }
            (Presentation::Response(response), Some(_)) => {
                let refusal = response.hides_the_code();
                refusal_of(name, origin, refusal, now)
            }
            (Presentation::Response(response), None) => {
                self.respond(name, &response, origin, position, now)
            }
        }
    }

    /// The password as a new login presents it.
    fn begin(
        &self,
        name: CanonicalName,
        first: impl FnOnce(&Facts) -> FirstFactor,
        origin: Origin,
        (position, exchange): (CodePosition, Exchange),
        now: Timestamp,
    ) -> Progress {
        let facts = match self.facts(&origin, name.clone(), position, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        let FirstFactor {
            check,
            password,
            code,
            refusal,
        } = first(&facts);
        let reserved = match &check {
            Verification::AskSources(_) => self.reserve_guess(&name, &password, &origin, now),
            _ => self
                .store
                .reserve_password(&name, origin.source.network(), now),
        };
        let charge = match reserved {
            Ok(charge) => charge,
            Err(refusal) => return refusal_of(name, origin, refusal, now),
        };
        let recalled = match &check {
            // Its owner sets another one, with the password itself at hand.
            Verification::Hash(_) if Self::is_renewable(&facts, now) => None,
            Verification::Hash(check) => check.recall(&password, &self.remembered(), now),
            Verification::Ask(check) => check.recall(&password, &self.remembered(), now),
            // Groups may change at any time, and no record here says what they were.
            Verification::AskSources(_) => None,
        };
        if let Some(verified) = recalled {
            let first = self.proven(verified, &password, None);
            return self.first_right(&facts, first, (code, charge), origin, now);
        }
        let begun = Begun {
            password,
            code,
            refusal,
            name,
            origin,
            position,
            exchange,
            charge,
        };
        match check {
            Verification::Hash(check) => {
                let work = Work::Password(check, Arc::clone(&self.store));
                Progress::Hash(Box::new(Hashing { work, begun }))
            }
            Verification::Ask(check) => {
                let check = Asked::Record(check);
                Progress::Ask(Box::new(Asking { check, begun }))
            }
            Verification::AskSources(check) => {
                let check = Asked::Remote(check);
                Progress::Ask(Box::new(Asking { check, begun }))
            }
        }
    }

    /// A response as a new login presents it. What it takes to check one is no secret worth a hash: all
    /// refusals cost the same little.
    fn respond(
        &self,
        name: CanonicalName,
        response: &Response,
        origin: Origin,
        position: CodePosition,
        now: Timestamp,
    ) -> Progress {
        let facts = match self.store.facts(name.clone(), position, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        let source = origin.source.network();
        let charge = match self.store.reserve_password(&name, source, now) {
            Ok(charge) => charge,
            Err(refusal) => return refusal_of(name, origin, refusal, now),
        };
        let open = |digest| self.store.kept_password(&facts.name, digest);
        let check = match legacy::begin(&facts, open) {
            Ok(check) => check,
            // It counts whoever it names: what does not would be known by that.
            Err(refusal) => return refusal_of(name, origin, response.named(refusal), now),
        };
        match response.check(&check) {
            Some(first) => self.first_right(&facts, first, (None, charge), origin, now),
            None => refused(name, origin, Reason::PasswordWrong, now),
        }
    }

    /// Goes on once the hash is known.
    pub(crate) fn hashed(&self, hashed: Hashed, now: Timestamp) -> Progress {
        let Hashed { outcome, begun } = hashed;
        let verified = match outcome {
            Computed::Password(Ok(verified)) => verified,
            Computed::Password(Err(why)) => {
                self.settle(&begun, PasswordOutcome::Undecided, now);
                return Progress::Undecided(why.into());
            }
            Computed::NewPassword(hashed) => return self.hashed_anew(begun, *hashed, now),
        };
        match verified {
            Some((verified, rehash)) => {
                match self.store.facts(begun.name.clone(), begun.position, now) {
                    Ok(facts) if Self::is_renewable(&facts, now) && begun.may_be_asked() => {
                        self.expired(begun, Keeper::Here(verified), String::new(), now)
                    }
                    _ => self.verified(begun, verified, rehash, now),
                }
            }
            None => refused(begun.name, begun.origin, begun.refusal, now),
        }
    }

    /// Asks the backend, and goes on with what it says. That nobody decided is put on record, since the
    /// client hears nothing of it.
    pub(crate) async fn ask(&self, asking: Asking) -> Progress {
        let Asking { check, begun } = asking;
        let check = match check {
            Asked::Record(check) => check,
            Asked::Remote(check) => return self.ask_sources(check, begun).await,
            Asked::NewPassword(asked) => return self.renew(begun, asked).await,
            Asked::Renewed(keeping) => return self.keep_new(begun, *keeping).await,
        };
        let checked = self.backends.check(&check, &begun.password).await;
        let now = clock::now();
        match checked {
            Checked::Right(verified) => self.verified(begun, verified, None, now),
            Checked::Expired(evidence) => {
                self.expired(begun, Keeper::Backend(check), evidence, now)
            }
            Checked::Wrong(reason, evidence) => refused_with(begun, reason, evidence, now),
            Checked::Held(held, evidence) => {
                self.settle(&begun, held.outcome(), now);
                refused_with(begun, held.reason(), evidence, now)
            }
            Checked::Undecided(evidence) => self.unreachable(begun, evidence, now).await,
        }
    }

    async fn unreachable(&self, begun: Begun, evidence: String, now: Timestamp) -> Progress {
        self.settle(&begun, PasswordOutcome::Undecided, now);
        self.silent(&begun, evidence, now).await
    }

    async fn silent(&self, begun: &Begun, evidence: String, now: Timestamp) -> Progress {
        let what = What::Undecided {
            person: begun.name.clone(),
            origin: begun.origin.clone(),
            reason: Reason::BackendUnreachable,
            evidence: evidence.as_str().into(),
        };
        // A store that fails tells of it itself; there is no answer either way.
        let _ = self.store.record(Event { at: now, what }).await;
        Progress::Undecided(Undecided::Backend(evidence))
    }

    /// The password was right just now. The facts are read again: an administrator may have locked the
    /// token while it was checked.
    fn verified(
        &self,
        begun: Begun,
        verified: PasswordVerified,
        rehash: Option<Rehash>,
        now: Timestamp,
    ) -> Progress {
        let (name, password) = (&begun.name, &begun.password);
        // Guesses that were under way when the blackout began tell nothing.
        let source = begun.origin.source.network();
        if let Err(refusal) = self.store.listens_to(name, source, now) {
            return refusal_of(begun.name, begun.origin, refusal, now);
        }
        let lifetime = self.store.settings(name.realm().vdom()).password_memory;
        self.remembered()
            .remember(&verified, password, lifetime, now);
        let first = self.proven(verified, password, rehash);
        match self.store.facts(name.clone(), begun.position, now) {
            Ok(facts) => {
                let typed = (begun.code, begun.charge);
                self.first_right(&facts, first, typed, begun.origin, now)
            }
            Err(why) => {
                self.settle(&begun, PasswordOutcome::Undecided, now);
                Progress::Undecided(why.into())
            }
        }
    }

    /// The pool was full: the attempt does not count.
    pub(crate) fn not_hashed(&self, hashing: Hashing) {
        let Hashing { work, begun } = hashing;
        match work {
            Work::Password(..) => {
                self.settle(&begun, PasswordOutcome::Undecided, clock::now());
            }
            Work::NewPassword(unhashed) => self.not_hashed_anew(begun, *unhashed),
        }
    }

    fn settle(&self, begun: &Begun, outcome: PasswordOutcome, now: Timestamp) {
        let source = begun.origin.source.network();
        self.store
            .settle_password(&begun.name, source, begun.charge, outcome, now);
    }

    fn proven(
        &self,
        verified: PasswordVerified,
        password: &Presented,
        rehash: Option<Rehash>,
    ) -> FirstProven {
        let mark = self.remembered().mark(&verified, password);
        FirstProven::from(Proof::from(verified)).with(Beside {
            success: None,
            mark: Some(mark),
            rehash: rehash.map(Box::new),
        })
    }

    fn first_right(
        &self,
        facts: &Facts,
        first: FirstProven,
        (code, charge): (Option<Submitted>, Charge),
        origin: Origin,
        now: Timestamp,
    ) -> Progress {
        let (name, source) = (&facts.name, origin.source.network());
        let right = PasswordOutcome::Right;
        self.store.settle_password(name, source, charge, right, now);
        self.second(facts, first, code, origin, now)
    }

    fn second(
        &self,
        facts: &Facts,
        first: FirstProven,
        code: Option<Submitted>,
        origin: Origin,
        now: Timestamp,
    ) -> Progress {
        self.judged(facts, first, code, origin, now).0
    }

    /// Judges the second factor; with what another try needs, where one may come.
    fn judged(
        &self,
        facts: &Facts,
        mut first: FirstProven,
        code: Option<Submitted>,
        origin: Origin,
        now: Timestamp,
    ) -> (Progress, Option<FirstProven>) {
        let beside = std::mem::take(&mut first.beside);
        let refuse = |refusal, code, ask| {
            let decision = Decision::Refuse {
                person: facts.name.clone(),
                origin: origin.clone(),
                refusal,
                at: now,
            };
            let judged = Judged {
                code,
                ask,
                ..Judged::default()
            };
            Progress::Record(decision, judged)
        };
        let key = self.codes.key();
        let progress = match first.judge(&self.store, key, facts, code.as_ref(), now) {
            Second::Refuse(refusal, retry) => {
                let retry = retry.map(|retry| FirstProven::from(*retry).with(beside));
                return (refuse(refusal, code, None), retry);
            }
            Second::AskNext(refusal, drifted) => {
                match self.ask_next(*drifted, beside, &origin, now) {
                    Ok(asked) => refuse(refusal, code, Some(asked)),
                    Err(undecided) => Progress::Undecided(undecided),
                }
            }
            Second::Consume(consume) => {
                let judged = Judged {
                    code,
                    success: beside.success,
                    anew: Some(self.anew(&facts.name, beside.rehash)),
                    ..Judged::default()
                };
                Progress::Record(Decision::Grant(consume, origin), judged)
            }
            Second::Challenge(proof) => {
                let expires = now.after(self.store.settings(Vdom::ROOT).challenge_lifetime);
                let first = FirstProven::from(proof).with(beside);
                let offered = self.pushes.offered(facts);
                let asked = offered.map_or(Wanted::Code(CodeOf::Token), |_| Wanted::CodeOrPush);
                self.challenge(first, asked, &origin, expires, now)
            }
            Second::Send(proof, to) => match self.codes.issue(proof, to, &origin, now) {
                Ok((first, expires)) => {
                    let asked = first.wanted();
                    self.challenge(first.with(beside), asked, &origin, expires, now)
                }
                Err(NotIssued::TooMany(refusal)) => refuse(refusal, None, None),
                Err(NotIssued::Undecided(undecided)) => Progress::Undecided(undecided),
            },
        };
        (progress, None)
    }

    fn anew(&self, person: &CanonicalName, rehash: Option<Box<Rehash>>) -> Anew {
        Anew {
            pushes: Arc::clone(&self.pushes),
            person: person.clone(),
            rehash: rehash.map(|rehash| (Arc::clone(&self.store), rehash)),
        }
    }

    fn challenge(
        &self,
        first: FirstProven,
        asked: Wanted,
        origin: &Origin,
        expires: Timestamp,
        now: Timestamp,
    ) -> Progress {
        match self.open(first, origin, expires, now) {
            Ok(state) => Progress::Challenge(state, asked),
            Err(undecided) => Progress::Undecided(undecided),
        }
    }

    /// Opens a challenge for the code after one that is right for another time.
    fn ask_next(
        &self,
        drifted: Drifted,
        beside: Beside,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(State, Wanted), Undecided> {
        let expires = drifted.waiting.until();
        let first = FirstProven::from(drifted).with(beside);
        let asked = first.wanted();
        self.open(first, origin, expires, now)
            .map(|state| (state, asked))
    }

    fn open(
        &self,
        first: FirstProven,
        origin: &Origin,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<State, Undecided> {
        let owner = first.owner();
        self.challenges
            .open(first, owner, &origin.client, expires, now)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered<RandomState>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has one decision recorded; nothing if the store is gone. Whoever stops waiting changes nothing: what is spent
/// stays spent.
async fn recorded(store: &GatewayStore, decision: Decision) -> Option<Outcome> {
    let (answer, outcome) = oneshot::channel();
    store.consume(vec![decision], move |mut outcomes| {
        // Nobody may be waiting any more.
        let _ = answer.send(outcomes.pop());
    });
    outcome.await.ok().flatten()
}

/// The counter of wrong codes that a decision reads and raises: the person's, or that of codes which come alone.
fn with_counter<R>(
    store: &GatewayStore,
    client: Option<&Vouched>,
    person: &CanonicalName,
    now: Timestamp,
    decide: impl FnOnce(&mut CodeCounter) -> R,
) -> R {
    match client {
        Some(vouched) => store.with_code_counter_at(vouched, now, decide),
        None => store.with_code_counter(person, now, decide),
    }
}

fn canonical(realm: Realm, name: &[u8]) -> Option<CanonicalName> {
    CanonicalName::within(realm, std::str::from_utf8(name).ok()?).ok()
}

fn refused(person: CanonicalName, origin: Origin, reason: Reason, at: Timestamp) -> Progress {
    refusal_of(person, origin, Refusal::because(reason), at)
}

fn refused_with(begun: Begun, reason: Reason, evidence: String, at: Timestamp) -> Progress {
    let refusal = Refusal {
        evidence: Some(evidence.into()),
        ..Refusal::because(reason)
    };
    refusal_of(begun.name, begun.origin, refusal, at)
}

fn refusal_of(person: CanonicalName, origin: Origin, refusal: Refusal, at: Timestamp) -> Progress {
    let decision = Decision::Refuse {
        person,
        origin,
        refusal,
        at,
    };
    Progress::Record(decision, Judged::default())
}
