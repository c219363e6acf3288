//! A login that an administrator tries out for somebody: the decision itself, taken to its end. Nothing of it is
//! spent, learned, sent or on record as a login.
//!
//! Whoever may try logins out could guess with them. So an administrator has a few tries with each person that
//! count nowhere else, and further ones count as wrong codes of that person, whatever was presented.

use std::fmt;

use ident::TokenSerial;
use otp::Step;

use super::codes::NEXT_ASKED;
use super::{Factor, Facts, Proof, Refusal, Second, Spend, Submitted, second};
use crate::backend::BackendName;
use crate::bounded::Bounded;
use crate::contact::Channel;
use crate::name::CanonicalName;
use crate::password::Credential;
use crate::reason::Reason;
use crate::throttle::{CodeCounter, Throttled};
use crate::time::{Span, Timestamp};
use crate::token::Usability;
use crate::user::Switch;

/// Tries of one administrator with one person that count nowhere else.
pub const FREE_TRIES: usize = 5;
/// Within this time.
pub const FREE_TRIES_SPAN: Span = Span::from_mins(10);
/// Administrators and persons whose tries are kept at most, at some 200 octets each; beyond them no try is free.
const PAIRS_MAX: usize = 10_000;

/// How a try bears on the limits of the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counting {
    /// Not at all.
    Free,
    /// As a wrong code.
    AsWrongCode,
}

impl Counting {
    /// The word in the store. It never changes.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::AsWrongCode => "counted",
        }
    }

    /// What this word says.
    pub fn from_id(id: &str) -> Option<Self> {
        [Self::Free, Self::AsWrongCode]
            .into_iter()
            .find(|counting| counting.id() == id)
    }
}

/// The latest tries of administrators.
#[derive(Debug)]
pub struct FreeTries(Bounded<(Box<str>, CanonicalName), Vec<Timestamp>>);

impl Default for FreeTries {
    fn default() -> Self {
        Self(Bounded::new(PAIRS_MAX))
    }
}

impl FreeTries {
    /// Takes one of an administrator's tries with a person: how many more are free for now, or none if this one is
    /// not.
    pub fn take(
        &mut self,
        administrator: &str,
        person: &CanonicalName,
        now: Timestamp,
    ) -> Option<usize> {
        let is_recent = |at: &Timestamp| at.after(FREE_TRIES_SPAN) > now;
        let pair = (Box::from(administrator), person.clone());
        let tries = self.0.entry(pair, |tries| !tries.iter().any(is_recent))?;
        tries.retain(is_recent);
        let left = FREE_TRIES.checked_sub(tries.len() + 1)?;
        tries.push(now);
        Some(left)
    }
}

/// Who tells whether a person's password is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Keeper {
    /// This unit.
    Here,
    /// A directory or RADIUS server.
    Backend(BackendName),
    /// Nobody: there is none.
    Nobody,
}

/// What is asked for besides the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Needed {
    /// Nothing.
    Nothing,
    /// Something, since nobody may do without; and nothing is set.
    Anything,
    /// A code of a token, of which none is assigned.
    UnknownToken,
    /// A code of this token, which has no seed here.
    SeedlessToken(TokenSerial),
    /// A code of this token.
    Token(TokenSerial, Usability),
    /// A code that is sent.
    Sent(Channel),
    /// A code that would be sent, if somebody said where to.
    Unaddressed,
    /// A code that would be sent, if the security profile took it.
    SentRefused,
}

/// How somebody stands before anything is presented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Whether the record lets anybody in.
    pub status: Switch,
    /// Who knows the password.
    pub keeper: Keeper,
    /// Until when it is good, if it is not for ever.
    pub password_ends: Option<Timestamp>,
    /// What is asked for besides.
    pub needed: Needed,
    /// Recovery codes and passes that would do in a token's place.
    pub recovery: usize,
    /// Wrong codes that count.
    pub wrong_codes: usize,
    /// Why no code is looked at now, if none is.
    pub throttled: Option<Throttled>,
}

impl Standing {
    /// That of whom the facts are about; none for a name without a record.
    pub fn of(facts: &Facts, counter: &CodeCounter, now: Timestamp) -> Option<Self> {
        let person = facts.person.as_ref()?;
        let recovery = person.recovery.iter().filter(|held| held.is_open(now));
        Some(Self {
            status: person.status,
            keeper: match &person.password {
                Some(Credential::Stored(_)) => Keeper::Here,
                Some(Credential::Backend(account)) => Keeper::Backend(account.backend.clone()),
                None => Keeper::Nobody,
            },
            password_ends: person.validity.map(|validity| validity.ends),
            needed: needed(&person.factor),
            recovery: recovery.count(),
            wrong_codes: counter.failures(now),
            throttled: counter.admit(now).err(),
        })
    }
}

fn needed(factor: &Factor) -> Needed {
    match factor {
        Factor::None => Needed::Nothing,
        Factor::Required => Needed::Anything,
        Factor::TokenMissing => Needed::UnknownToken,
        Factor::TokenWithoutSeed(token) => Needed::SeedlessToken(*token),
        Factor::Token {
            verifier,
            usability,
        } => Needed::Token(verifier.serial, *usability),
        Factor::Sent(to) => Needed::Sent(to.channel()),
        Factor::AddressMissing => Needed::Unaddressed,
        Factor::SentCodesRefused => Needed::SentRefused,
    }
}

/// What would become of a login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tried {
    /// It would be granted, and this used up.
    LetIn(Spend),
    /// It would be asked for a code.
    CodeAsked,
    /// A code would be sent and asked for.
    CodeSent(Channel),
    /// It would be asked for the code after one that is right for another time.
    NextAsked(Refusal),
    /// It would be refused.
    Refused(Refusal),
    /// It could not be decided: what is known of that.
    Undecided(Box<str>),
}

impl Tried {
    /// The step of a code that is right for a later time, and its token. Whoever knows of it must not wait for that
    /// time.
    pub fn of_later_time(&self) -> Option<(TokenSerial, Step)> {
        match self {
            Self::NextAsked(refusal) if refusal.reason == Reason::ClockFast => {
                refusal.token.zip(refusal.step)
            }
            _ => None,
        }
    }

    /// Why it would not be granted, if so.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::LetIn(_) | Self::CodeAsked | Self::CodeSent(_) => None,
            Self::NextAsked(refusal) | Self::Refused(refusal) => Some(refusal.reason),
            Self::Undecided(_) => Some(Reason::BackendUnreachable),
        }
    }
}

/// As the event log has it, without a name.
impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LetIn(_) => f.write_str("would be granted"),
            Self::CodeAsked => f.write_str("would be asked for a code"),
            Self::CodeSent(channel) => write!(f, "would be sent a code by {channel}"),
            Self::NextAsked(refusal) => {
                write!(f, "would be asked for the next code: {}", Because(refusal))
            }
            Self::Refused(refusal) => write!(f, "would be refused: {}", Because(refusal)),
            Self::Undecided(evidence) => write!(f, "could not be decided: {evidence}"),
        }
    }
}

struct Because<'a>(&'a Refusal);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.reason.cause())?;
        match &self.0.evidence {
            Some(evidence) => write!(f, " ({evidence})"),
            None => Ok(()),
        }
    }
}

/// Judges the second factor of a person whose first was right, as [`second`] does, with a copy of the count of
/// wrong codes. What the decision would use up goes no further.
pub fn try_second(
    facts: &Facts,
    proof: Proof,
    submitted: Option<&Submitted>,
    mut counter: CodeCounter,
    now: Timestamp,
) -> Tried {
    // What is sent is sent for one login, so nothing typed here can be it.
    let person = facts.person.as_ref();
    let is_sent = person.is_some_and(|person| matches!(person.factor, Factor::Sent(_)));
    let submitted = submitted.filter(|_| !is_sent);
    match second(facts, proof, submitted, &mut counter, now) {
        Second::Consume(consume) => Tried::LetIn(consume.spend()),
        Second::Challenge(_) => Tried::CodeAsked,
        Second::Send(_, to) => Tried::CodeSent(to.channel()),
        Second::AskNext(refusal, _) => Tried::NextAsked(unasked(refusal)),
        Second::Refuse(refusal, _) => Tried::Refused(refusal),
    }
}

/// Nobody was asked.
fn unasked(mut refusal: Refusal) -> Refusal {
    let evidence = refusal.evidence.as_deref();
    let unasked = evidence.and_then(|evidence| evidence.strip_suffix(NEXT_ASKED));
    if let Some(unasked) = unasked {
        refusal.evidence = Some(unasked.into());
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn named(name: &str) -> CanonicalName {
        CanonicalName::of(name).unwrap()
    }

    #[test]
    fn five_tries_in_ten_minutes_are_free_for_each_administrator_and_person() {
        let mut tries = FreeTries::default();
        let alice = named("alice");
        for left in (0..FREE_TRIES).rev() {
            let now = NOW.after(Span::from_secs(60 * i64::try_from(left).unwrap()));
            assert_eq!(tries.take("admin", &alice, now), Some(left));
        }
        assert_eq!(tries.take("admin", &alice, NOW), None);
        assert_eq!(tries.take("helper", &alice, NOW), Some(4));
        assert_eq!(tries.take("admin", &named("bob"), NOW), Some(4));
        // The earliest was at NOW, the next a minute later.
        let later = NOW.after(FREE_TRIES_SPAN);
        assert_eq!(tries.take("admin", &alice, later), Some(0));
        assert_eq!(tries.take("admin", &alice, later), None);
    }
}
