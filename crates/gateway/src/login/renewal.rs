//! New passwords in the place of those that have expired, typed at the login.
//!
//! Whoever is asked has shown the password that expired, and is in no further by the new one than by a password that
//! is good: the second factor comes next.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use domain::access::Authority;
use domain::admin::{AdminError, Edit, Operation};
use domain::audit::{Actor, Event};
use domain::login::{CodePosition, Facts, Origin};
use domain::name::{CanonicalName, Realm};
use domain::password::{
    BackendCheck, Check, Credential, PASSWORD_MAX, PasswordVerified, Presented,
};
use domain::reason::Reason;
use domain::schema::{LOCAL, Place, Value};
use domain::time::{Span, Timestamp};
use domain::user::Switch;
use store::Failure;
use zeroize::Zeroizing;

use super::answering::missed;
use super::backends::Checked;
use super::challenges::{Missed, Owner, ProvenBy};
use super::{
    Asked, Asking, Begun, Exchange, Logins, PasswordOutcome, Progress, Wanted, refusal_of, refused,
    refused_with,
};
use crate::clock;

/// How long a new password is waited for in all: thinking of one takes longer than reading a code.
pub(crate) const RENEWAL_SPAN: Span = Span::from_mins(3);
/// New passwords that are tried in one login.
const TRIES_MAX: u8 = 3;

/// Who keeps the password.
pub(super) enum Keeper {
    /// A directory.
    Backend(BackendCheck),
    /// This unit.
    Here,
}

/// A login whose password is right and has expired.
pub(super) struct Renewal {
    begun: Begun,
    keeper: Keeper,
    /// The new one, once it was typed the first time.
    typed: Option<Presented>,
    tries_left: u8,
    expires: Timestamp,
}

/// A new password that was typed twice.
pub(super) struct NewPassword {
    keeper: Keeper,
    new: Presented,
    tries_left: u8,
    expires: Timestamp,
}

/// What became of a new password.
enum Renewed {
    Yes(PasswordVerified),
    /// It is not taken: what the person is told, and what is on record.
    No(String, String),
    Unknown(String),
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
        let (name, origin) = (&begun.name, &begun.origin);
        if let Err(refusal) = self.store.listens_to(name, origin.source.network(), now) {
            return refusal_of(begun.name, begun.origin, refusal, now);
        }
        self.settle(name, origin, PasswordOutcome::Right, now);
        let facts = match self.store.facts(name.clone(), begun.position, now) {
            Ok(facts) => facts,
            Err(stepped_back) => return Progress::Undecided(stepped_back.into()),
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
            begun,
            keeper,
            typed: None,
            tries_left: TRIES_MAX,
            expires: now.after(RENEWAL_SPAN),
        };
        self.ask_new(renewal, Wanted::NewPassword(None), now)
    }

    fn ask_new(&self, renewal: Renewal, wanted: Wanted, now: Timestamp) -> Progress {
        let owner = Owner {
            person: renewal.begun.name.clone(),
            proven_by: ProvenBy::Unit,
        };
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
                let refusal = missed(why, |_| Reason::ChallengeExpired);
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
            Some(first) if verify_slices_are_equal(first.as_bytes(), typed).is_ok() => {
                let Renewal {
                    begun,
                    keeper,
                    tries_left,
                    expires,
                    ..
                } = renewal;
                let check = Asked::NewPassword(NewPassword {
                    keeper,
                    new: first,
                    tries_left,
                    expires,
                });
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

    /// Has the new password kept, and goes on with it.
    pub(super) async fn renew(&self, mut begun: Begun, asked: NewPassword) -> Progress {
        let NewPassword {
            keeper,
            new,
            tries_left,
            expires,
        } = asked;
        let renewed = match &keeper {
            Keeper::Backend(check) => self.renewed_at(check, &begun.password, &new).await,
            Keeper::Here => self.renewed_here(&begun.name, &new).await,
        };
        let now = clock::now();
        match renewed {
            Renewed::Yes(verified) => {
                if let Err(why) = self.note_renewal(&begun, &keeper, now).await {
                    return Progress::Undecided(why.into());
                }
                begun.password = new;
                self.verified(begun, verified, None, now)
            }
            Renewed::No(told, evidence) => {
                let renewal = Renewal {
                    begun,
                    keeper,
                    typed: None,
                    tries_left,
                    expires,
                };
                self.ask_again(renewal, &told, &evidence, now)
            }
            Renewed::Unknown(why) => self.silent(begun, why, now).await,
        }
    }

    async fn renewed_at(
        &self,
        check: &BackendCheck,
        expired: &Presented,
        new: &Presented,
    ) -> Renewed {
        match self.backends.renew(check, expired, new).await {
            Checked::Right(verified) => Renewed::Yes(verified),
            Checked::Expired(evidence)
            | Checked::Held(_, evidence)
            | Checked::Wrong(_, evidence) => {
                Renewed::No("the new password was not accepted".to_owned(), evidence)
            }
            Checked::Undecided(evidence) => Renewed::Unknown(evidence),
        }
    }

    /// As an administrator would set it, so that the policy and the passwords so far are looked at.
    async fn renewed_here(&self, person: &CanonicalName, new: &Presented) -> Renewed {
        let not_taken = |why: String| Renewed::No(why.clone(), why);
        let (Ok(text), Realm::Vdom(vdom)) = (std::str::from_utf8(new.as_bytes()), person.realm())
        else {
            return not_taken("a password is text in UTF-8".to_owned());
        };
        let Some(field) = LOCAL.field("passwd") else {
            return Renewed::Unknown("users have no password".to_owned());
        };
        let operation = Operation::Configure {
            place: Place::new(vdom, &LOCAL, person.bare()),
            edits: vec![Edit::Set(
                field,
                Value::Secret(Zeroizing::new(text.to_owned())),
            )],
        };
        let entropy = match clock::entropy() {
            Ok(entropy) => entropy,
            Err(error) => return Renewed::Unknown(error.to_string()),
        };
        let (by, now) = (Authority::system("password-renewal"), clock::now());
        let done = self.store.administer(operation, entropy, by, now, None);
        match done.await {
            Ok(_) => self.verified_anew(person, new).await,
            Err(Failure::Refused(AdminError::WeakPassword { weaknesses, .. })) => {
                let wants: Vec<String> = weaknesses.iter().map(ToString::to_string).collect();
                not_taken(format!("it takes {}", wants.join("; ")))
            }
            Err(Failure::Refused(error)) => Renewed::No(
                "the new password was not accepted".to_owned(),
                error.to_string(),
            ),
            Err(Failure::Undecided(why)) => Renewed::Unknown(why.to_string()),
        }
    }

    /// The proof of the password that was just set.
    async fn verified_anew(&self, person: &CanonicalName, new: &Presented) -> Renewed {
        let facts = self
            .store
            .facts(person.clone(), CodePosition::Challenge, clock::now());
        let hash = match facts.map(|facts| facts.person.and_then(|person| person.password)) {
            Ok(Some(Credential::Stored(hash))) => hash,
            Ok(_) => return Renewed::Unknown("the user was changed meanwhile".to_owned()),
            Err(why) => return Renewed::Unknown(why.to_string()),
        };
        let check = Check::stored(person.clone(), hash);
        let new = Presented::new(Zeroizing::new(new.as_bytes().to_vec()));
        let verified = tokio::task::spawn_blocking(move || check.verify(&new)).await;
        verified.ok().flatten().map_or_else(
            || Renewed::Unknown("the user was changed meanwhile".to_owned()),
            Renewed::Yes,
        )
    }

    async fn note_renewal(
        &self,
        begun: &Begun,
        keeper: &Keeper,
        now: Timestamp,
    ) -> Result<(), store::Undecided> {
        let actor = Actor {
            name: begun.name.bare().into(),
            interface: begun.origin.client.clone(),
        };
        let detail = match keeper {
            Keeper::Backend(check) => format!("set at {}", check.account().backend),
            Keeper::Here => "set".to_owned(),
        };
        let (vdom, object) = (begun.name.realm().vdom(), begun.name.bare());
        let event = Event::changed(&actor, vdom, "password-renewal", object, &detail, now);
        self.store.record(event).await
    }

    /// Whether a password that is kept here has expired, and its owner may set a new one.
    pub(super) fn is_renewable(facts: &Facts, now: Timestamp) -> bool {
        let person = facts.person.as_ref();
        let validity = person.and_then(|person| person.validity);
        validity.is_some_and(|validity| validity.ends <= now && validity.renewal == Switch::Enable)
    }
}

impl Begun {
    /// Whether another question can follow. Transactions have one answer that may come again and again, and this
    /// takes two that may not.
    pub(super) fn may_be_asked(&self) -> bool {
        self.position.is_asked() && self.exchange == Exchange::Challenge
    }
}
