//! New passwords in the place of those that have expired, typed at the login.
//!
//! Whoever is asked has shown the password that expired, and is in no further by the new one than by a password that
//! is good: the second factor comes next.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use domain::audit::{Event, RenewalStage, What};
use domain::login::{self, CodePosition, Factor, Facts, Origin};
use domain::name::CanonicalName;
use domain::password::{
    BackendCheck, Credential, PASSWORD_MAX, PasswordVerified, Presented, SALT_LEN,
};
use domain::password_renewal::{Candidate, Renewed, Unfit};
use domain::reason::Reason;
use domain::throttle::{Charge, ProvenBy};
use domain::time::{Span, Timestamp};
use domain::user::Switch;
use zeroize::Zeroizing;

use super::answering::missed;
use super::backends::Checked;
use super::challenges::{Missed, Owner};
use super::{
    Asked, Asking, Begun, Exchange, Hashing, Logins, PasswordOutcome, Progress, Undecided, Wanted,
    Work, refusal_of, refused, refused_with,
};
use crate::clock;

/// How long a new password is waited for in all: thinking of one takes longer than reading a code.
pub(crate) const RENEWAL_SPAN: Span = Span::from_mins(3);
/// New passwords that are tried in one login.
const TRIES_MAX: u8 = 3;

/// What a person is told whose new password the directory does not take.
const NOT_ACCEPTED: &str = "the new password was not accepted";

/// Who keeps the password.
pub(super) enum Keeper {
    /// A directory.
    Backend(BackendCheck),
    /// This unit: the proof of the one that has expired.
    Here(PasswordVerified),
}

/// A login whose password is right and has expired.
pub(super) struct Renewal {
    begun: Begun,
    keeper: Keeper,
    /// The new one, once it was typed the first time.
    typed: Option<Presented>,
    /// One that its keeper was asked for without an answer, and may have by now, whatever is typed next.
    doubtful: Option<Presented>,
    tries_left: u8,
    expires: Timestamp,
}

/// A new password that was typed twice.
pub(super) struct NewPassword {
    keeper: Keeper,
    typed: Twice,
}

/// What was typed twice.
pub(super) struct Twice {
    /// Under which state the second time.
    state: Vec<u8>,
    new: Presented,
    doubtful: Option<Presented>,
    tries_left: u8,
    expires: Timestamp,
}

/// A new password that this unit is to keep, and that waits for its hash.
pub(super) struct Unhashed {
    proven: PasswordVerified,
    typed: Twice,
    candidate: Candidate,
    salt: [u8; SALT_LEN],
}

/// The same with its hash, and what proves it once it is kept.
pub(super) struct HashedAnew {
    proven: PasswordVerified,
    typed: Twice,
    outcome: Result<(Renewed, PasswordVerified), Unfit>,
}

/// A hashed one on its way to the store.
pub(super) struct Keeping {
    proven: PasswordVerified,
    typed: Twice,
    renewed: Renewed,
    proof: PasswordVerified,
}

impl Unhashed {
    /// How many evaluations its hash takes at most.
    pub(super) fn evaluations(&self) -> usize {
        self.candidate.evaluations()
    }

    /// For a thread of the pool.
    pub(super) fn hash(self) -> HashedAnew {
        let Self {
            proven,
            typed,
            candidate,
            salt,
        } = self;
        let outcome = candidate.hash(&proven, salt);
        HashedAnew {
            proven,
            typed,
            outcome,
        }
    }
}

impl Logins {
    /// Goes on with a password that is right and has expired: asks for a new one, where somebody can be asked.
    pub(super) fn expired(
        &self,
        begun: Begun,
        keeper: Keeper,
        evidence: String,
        now: Timestamp,
    ) -> Progress {
        let (name, source) = (&begun.name, begun.origin.source.network());
        if let Err(refusal) = self.store.listens_to(name, source, now) {
            return refusal_of(begun.name, begun.origin, refusal, now);
        }
        self.settle(&begun, PasswordOutcome::Right, now);
        let facts = match self.store.facts(name.clone(), begun.position, now) {
            Ok(facts) => facts,
            Err(why) => return Progress::Undecided(why.into()),
        };
        match facts.person {
            Some(person) if person.status == Switch::Enable => {}
            Some(_) => return refused(begun.name, begun.origin, Reason::UserDisabled, now),
            None => return refused(begun.name, begun.origin, Reason::UserUnknown, now),
        }
        if !begun.may_be_asked() {
            return refused_with(begun, Reason::PasswordExpired, evidence, now);
        }
        let renewal = Renewal {
            // Thinking of a password takes longer than a code is good for: it is asked for once more.
            begun: Begun {
                code: None,
                charge: Charge::default(),
                ..begun
            },
            keeper,
            typed: None,
            doubtful: None,
            tries_left: TRIES_MAX,
            expires: now.after(RENEWAL_SPAN),
        };
        self.ask_new(renewal, Wanted::NewPassword(None), now)
    }

    fn ask_new(&self, renewal: Renewal, wanted: Wanted, now: Timestamp) -> Progress {
        let owner = renewal.owner();
        let client = renewal.begun.origin.client.clone();
        let expires = renewal.expires;
        // Passwords stand in them.
        self.renewals.drop_expired(now);
        match self.renewals.open(renewal, owner, &client, expires, now) {
            Ok(state) => Progress::Challenge(state, wanted),
            Err(undecided) => Progress::Undecided(undecided),
        }
    }

    /// What was typed where a new password was asked for; nothing if none was.
    pub(super) fn new_password(
        &self,
        name: &CanonicalName,
        state: &[u8],
        presented: &Presented,
        origin: &Origin,
        now: Timestamp,
    ) -> Option<Progress> {
        let taken = self.renewals.take(state, name, &origin.client, now);
        let (mut renewal, _) = match taken {
            Ok(taken) => taken,
            Err(Missed::Unknown) => return None,
            Err(why) => {
                let refusal = missed(why, |_| (Reason::ChallengeExpired, "a new password"));
                return Some(refusal_of(name.clone(), origin.clone(), refusal, now));
            }
        };
        let typed = presented.as_bytes();
        Some(match renewal.typed.take() {
            None if !(1..=PASSWORD_MAX).contains(&typed.len()) => {
                let why = format!("a password has 1 to {PASSWORD_MAX} octets");
                self.ask_again(renewal, &why, &why, now)
            }
            None => {
                renewal.typed = Some(Presented::new(Zeroizing::new(typed.to_vec())));
                self.ask_new(renewal, Wanted::NewPasswordAgain, now)
            }
            Some(new) if verify_slices_are_equal(new.as_bytes(), typed).is_ok() => {
                let Renewal {
                    begun,
                    keeper,
                    doubtful,
                    tries_left,
                    expires,
                    ..
                } = renewal;
                let typed = Twice {
                    state: state.to_vec(),
                    new,
                    doubtful,
                    tries_left,
                    expires,
                };
                let check = Asked::NewPassword(NewPassword { keeper, typed });
                Progress::Ask(Box::new(Asking { check, begun }))
            }
            Some(_) => {
                let why = "the two passwords are not the same";
                self.ask_again(renewal, why, why, now)
            }
        })
    }

    /// Asks once more, or gives up.
    fn ask_again(
        &self,
        mut renewal: Renewal,
        told: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Progress {
        renewal.tries_left -= 1;
        if renewal.tries_left == 0 || renewal.expires <= now {
            let evidence = format!("no new password was set: {evidence}");
            return refused_with(renewal.begun, Reason::PasswordExpired, evidence, now);
        }
        self.ask_new(renewal, Wanted::NewPassword(Some(told.into())), now)
    }

    /// Asks for the password that turned out to be set: whoever typed another does not know which one is.
    fn ask_for_set(&self, mut renewal: Renewal, now: Timestamp) -> Progress {
        renewal.tries_left -= 1;
        if renewal.tries_left == 0 || renewal.expires <= now {
            let evidence = "a new password was set, and others were typed after it".to_owned();
            return refused_with(renewal.begun, Reason::PasswordExpired, evidence, now);
        }
        renewal.typed = renewal.doubtful.as_ref().map(again);
        self.ask_new(renewal, Wanted::NewPasswordBefore, now)
    }

    /// Has the new password kept, and goes on with it.
    pub(super) async fn renew(&self, begun: Begun, asked: NewPassword) -> Progress {
        let NewPassword { keeper, typed } = asked;
        match keeper {
            Keeper::Backend(check) => self.renew_there(begun, check, typed).await,
            Keeper::Here(proven) => self.renew_here(begun, proven, typed).await,
        }
    }

    async fn renew_there(&self, begun: Begun, check: BackendCheck, mut typed: Twice) -> Progress {
        match self.is_kept_by(&check, &begun.name) {
            Ok(true) => {}
            Ok(false) => return changed_meanwhile(begun),
            Err(why) => return self.not_renewed(begun, Keeper::Backend(check), typed, why),
        }
        let backend = check.account().backend.to_string();
        // What the directory does cannot be taken back when the store fails after it.
        let asked = renewal_event(&begun, RenewalStage::AskedFor, Some(&backend));
        if let Err(why) = self.store.record(asked).await {
            return self.not_renewed(begun, Keeper::Backend(check), typed, why);
        }
        // Who may have one by now is asked for that first: the expired one would be wrong there.
        if let Some(doubtful) = &typed.doubtful {
            match self.backends.check(&check, doubtful).await {
                Checked::Right(verified) if typed.is_doubtful() => {
                    return self.set_there(begun, check, typed, verified).await;
                }
                // It has not expired: no other takes its place here.
                Checked::Right(_) => {
                    let renewal = typed.in_vain(begun, Keeper::Backend(check));
                    return self.ask_for_set(renewal, clock::now());
                }
                Checked::Undecided(why) => {
                    return self.silent_there(begun, check, typed, why).await;
                }
                Checked::Held(..) => {}
                Checked::Expired(_) | Checked::Wrong(..) => typed.doubtful = None,
            }
        }
        match self
            .backends
            .renew(&check, &begun.password, &typed.new)
            .await
        {
            Checked::Right(verified) => self.set_there(begun, check, typed, verified).await,
            Checked::Expired(evidence)
            | Checked::Held(_, evidence)
            | Checked::Wrong(_, evidence) => {
                let renewal = typed.in_vain(begun, Keeper::Backend(check));
                self.ask_again(renewal, NOT_ACCEPTED, &evidence, clock::now())
            }
            Checked::Undecided(why) => self.silent_there(begun, check, typed.tried(), why).await,
        }
    }

    /// Goes on with a password that the directory has.
    async fn set_there(
        &self,
        mut begun: Begun,
        check: BackendCheck,
        typed: Twice,
        verified: PasswordVerified,
    ) -> Progress {
        let backend = check.account().backend.to_string();
        let set = renewal_event(&begun, self.stage_set(&begun), Some(&backend));
        if let Err(why) = self.store.record(set).await {
            return self.not_renewed(begun, Keeper::Backend(check), typed.tried(), why);
        }
        begun.password = typed.new;
        self.verified(begun, verified, None, clock::now())
    }

    async fn silent_there(
        &self,
        begun: Begun,
        check: BackendCheck,
        typed: Twice,
        why: String,
    ) -> Progress {
        let progress = self.silent(&begun, why, clock::now()).await;
        self.reopen_renewal(begun, Keeper::Backend(check), typed);
        progress
    }

    /// Whether the password is still the directory's to change: an administrator may have shut its owner out.
    fn is_kept_by(&self, check: &BackendCheck, name: &CanonicalName) -> Result<bool, Undecided> {
        let facts = self
            .store
            .facts(name.clone(), CodePosition::Challenge, clock::now())?;
        Ok(facts.person.is_some_and(|person| {
            let account = Credential::Backend(check.account().clone());
            person.status == Switch::Enable && person.password == Some(account)
        }))
    }

    /// How far a login is whose password is set now: the one that has expired is all that was shown.
    fn stage_set(&self, begun: &Begun) -> RenewalStage {
        let name = begun.name.clone();
        let facts = self.store.facts(name, begun.position, clock::now());
        match facts.map(|facts| facts.person.map(|person| person.factor)) {
            Ok(Some(Factor::None)) => RenewalStage::Set,
            _ => RenewalStage::SetBeforeCode,
        }
    }

    /// Judges what needs no hash; the rest is for the pool.
    async fn renew_here(&self, begun: Begun, proven: PasswordVerified, typed: Twice) -> Progress {
        let user = self.store.person_with_policy(begun.name.clone()).await;
        let (user, policy) = match user {
            Ok(user) => user.unzip(),
            Err(why) => return self.not_renewed(begun, Keeper::Here(proven), typed, why),
        };
        let salt = match clock::random() {
            Ok(salt) => salt,
            Err(why) => return self.not_renewed(begun, Keeper::Here(proven), typed, why),
        };
        let (policy, now) = (policy.flatten(), clock::now());
        match Candidate::new(&proven, user.as_ref(), policy, &typed.new, now) {
            Ok(candidate) => {
                let work = Work::NewPassword(Box::new(Unhashed {
                    proven,
                    typed,
                    candidate,
                    salt,
                }));
                Progress::Hash(Box::new(Hashing { work, begun }))
            }
            // The store may have had it before it failed. Whether it has is a login of its own.
            Err(Unfit::Changed) if typed.is_doubtful() => {
                let first = |facts: &Facts| login::begin(facts, typed.new);
                let manner = (CodePosition::Challenge, begun.exchange);
                self.begin(begun.name, first, begun.origin, manner, now)
            }
            Err(unfit) => self.unfit(begun, proven, typed, &unfit, now),
        }
    }

    /// Goes on once the new password is hashed.
    pub(super) fn hashed_anew(&self, begun: Begun, hashed: HashedAnew, now: Timestamp) -> Progress {
        let HashedAnew {
            proven,
            typed,
            outcome,
        } = hashed;
        match outcome {
            Ok((renewed, proof)) => {
                let check = Asked::Renewed(Box::new(Keeping {
                    proven,
                    typed,
                    renewed,
                    proof,
                }));
                Progress::Ask(Box::new(Asking { check, begun }))
            }
            Err(unfit) => self.unfit(begun, proven, typed, &unfit, now),
        }
    }

    /// Has this unit keep the new password.
    pub(super) async fn keep_new(&self, mut begun: Begun, keeping: Keeping) -> Progress {
        let Keeping {
            proven,
            typed,
            renewed,
            proof,
        } = keeping;
        let event = renewal_event(&begun, self.stage_set(&begun), None);
        match self.store.renew_password(renewed, event).await {
            Ok(true) => {
                begun.password = typed.new;
                self.verified(begun, proof, None, clock::now())
            }
            Ok(false) => changed_meanwhile(begun),
            Err(why) => self.not_renewed(begun, Keeper::Here(proven), typed.tried(), why),
        }
    }

    fn unfit(
        &self,
        begun: Begun,
        proven: PasswordVerified,
        typed: Twice,
        unfit: &Unfit,
        now: Timestamp,
    ) -> Progress {
        if *unfit == Unfit::Changed {
            return changed_meanwhile(begun);
        }
        let why = unfit.to_string();
        let renewal = typed.in_vain(begun, Keeper::Here(proven));
        self.ask_again(renewal, &why, &why, now)
    }

    /// Nobody can tell what becomes of the new password: the client asks again and is to find its question.
    fn not_renewed(
        &self,
        begun: Begun,
        keeper: Keeper,
        typed: Twice,
        why: impl Into<Undecided>,
    ) -> Progress {
        self.reopen_renewal(begun, keeper, typed);
        Progress::Undecided(why.into())
    }

    fn reopen_renewal(&self, begun: Begun, keeper: Keeper, typed: Twice) {
        let Twice {
            state,
            new,
            doubtful,
            tries_left,
            expires,
        } = typed;
        let renewal = Renewal {
            begun,
            keeper,
            typed: Some(new),
            doubtful,
            tries_left,
            expires,
        };
        let (owner, client) = (renewal.owner(), renewal.begun.origin.client.clone());
        self.renewals
            .reopen(&state, renewal, owner, &client, expires);
    }

    /// The pool was full.
    pub(super) fn not_hashed_anew(&self, begun: Begun, unhashed: Unhashed) {
        let Unhashed { proven, typed, .. } = unhashed;
        self.reopen_renewal(begun, Keeper::Here(proven), typed);
    }

    /// Whether a password that is kept here has expired, and its owner may set a new one.
    pub(super) fn is_renewable(facts: &Facts, now: Timestamp) -> bool {
        let person = facts.person.as_ref();
        let validity = person.and_then(|person| person.validity);
        validity.is_some_and(|validity| validity.is_renewable(now))
    }
}

impl Renewal {
    fn owner(&self) -> Owner {
        Owner {
            person: self.begun.name.clone(),
            proven_by: ProvenBy::Unit,
        }
    }
}

impl Twice {
    /// Its keeper was asked, and nobody can tell whether it has it.
    fn tried(self) -> Self {
        let doubtful = Some(again(&self.new));
        Self { doubtful, ..self }
    }

    /// Whether it is the one that its keeper may have.
    fn is_doubtful(&self) -> bool {
        let new = self.new.as_bytes();
        let doubtful = self.doubtful.as_ref();
        doubtful.is_some_and(|it| verify_slices_are_equal(it.as_bytes(), new).is_ok())
    }

    /// It is not taken: what asks for another goes on without it.
    fn in_vain(self, begun: Begun, keeper: Keeper) -> Renewal {
        Renewal {
            begun,
            keeper,
            typed: None,
            doubtful: self.doubtful,
            tries_left: self.tries_left,
            expires: self.expires,
        }
    }
}

fn again(password: &Presented) -> Presented {
    Presented::new(Zeroizing::new(password.as_bytes().to_vec()))
}

/// Who was deleted, disabled or given another password since would come back by setting one.
fn changed_meanwhile(begun: Begun) -> Progress {
    refused(
        begun.name,
        begun.origin,
        Reason::ChangedMeanwhile,
        clock::now(),
    )
}

/// Who sets a password where, never what.
fn renewal_event(begun: &Begun, stage: RenewalStage, at: Option<&str>) -> Event {
    Event {
        at: clock::now(),
        what: What::PasswordRenewal {
            person: begun.name.clone(),
            origin: begun.origin.clone(),
            stage,
            at: at.map(Box::from),
        },
    }
}

impl Begun {
    /// Whether another question can follow. Transactions have one answer that may come again and again, and this
    /// takes two that may not.
    pub(super) fn may_be_asked(&self) -> bool {
        self.position.is_asked() && self.exchange == Exchange::Challenge
    }
}
