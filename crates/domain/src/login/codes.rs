//! The code of a token, and what is asked for in its place if it is right for another time.
//!
//! A token whose clock went wrong shows codes outside of the window. One of them within reach of a resynchronisation
//! asks for the next: two that follow each other let in and teach the clock difference, one alone never does.

use ident::TokenSerial;
use otp::{Code, CodeError, Found, Step};

use super::{Bound, Facts, Proof, Refusal, Second, Spend, Submitted, judged, looked_at, refuse};
use crate::explain;
use crate::reason::Reason;
use crate::throttle::CodeCounter;
use crate::time::{Span, Timestamp};
use crate::token::{Resync, Verifier};

/// How long the next code is asked for, whatever is typed meanwhile: two periods of 60 s, the rest of the one whose
/// code was typed and all of the next.
pub const NEXT_CODE_SPAN: Span = Span::from_mins(2);

/// What was typed in the place of the next code says nothing new: it is no guess, and asks again.
const SAME_AGAIN: &str = "the same code again, where the next one was asked for";
/// Who knows that a code is right for a later time must not wait for that time.
const HELD: &str = "this code asked for the next one at an earlier login, and lets nobody in alone";

/// What a refusal says in the place of which the next code is asked for.
pub(super) const NEXT_ASKED: &str = "; the next code was asked for";

/// A code that asked for the next, and until when that is waited for.
#[derive(Debug)]
pub struct Waiting {
    token: TokenSerial,
    /// The latest that is right for another time: the one that is followed.
    code: Code,
    /// The first, where another came after it. A prompt that showed the latest would tell it from a wrong one.
    first: Option<Code>,
    until: Timestamp,
}

impl Waiting {
    /// What is asked for, in the words of [`Refusal::too_late`].
    pub const ASKED: &'static str = "the next code";

    /// The first such code, for the person who typed it.
    pub fn shown(&self) -> &str {
        self.first.as_ref().unwrap_or(&self.code).as_str()
    }

    /// Until when the next one is waited for.
    pub fn until(&self) -> Timestamp {
        self.until
    }
}

/// A first factor that is proven, and a code that is right for another time.
#[derive(Debug)]
pub struct Drifted {
    /// The first factor, as it was proven.
    pub proof: Proof,
    /// That code.
    pub waiting: Waiting,
}

/// Judges the code that was asked for after one that is right for another time.
///
/// Whatever it is, the reply asks for the next one until the time is over: that of a wrong one tells nothing. Each
/// wrong one counts.
pub fn next(
    facts: &Facts,
    drifted: Drifted,
    submitted: &Submitted,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    let Drifted { proof, waiting } = drifted;
    if waiting.until <= now {
        let late = Refusal::too_late(Reason::ChallengeExpired, Waiting::ASKED, waiting.until);
        return refuse(late);
    }
    let turn = Turn::Next(waiting);
    judged(facts, proof, Some(submitted), turn, counter, now)
}

/// Whether another code may be asked for.
#[derive(Debug)]
pub(super) enum Turn {
    /// No: the client cannot be asked, or nobody has proven a first factor here.
    Only,
    /// Yes.
    First,
    /// It was, by this one.
    Next(Waiting),
}

/// What a code came to.
pub(super) enum Verdict {
    Right(Spend, Bound),
    Wrong(Refusal),
    /// As wrong, and the next one is asked for.
    Next(Refusal, Waiting),
}

/// Judges a code of the token. A wrong one is counted here and nowhere else.
pub(super) fn judge(
    verifier: &Verifier,
    submitted: &Submitted,
    turn: Turn,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Verdict {
    if let Err(refusal) = looked_at(counter, now) {
        return Verdict::Wrong(refusal);
    }
    let code = match Code::parse(submitted.as_str(), verifier.parameters.digits) {
        Ok(code) => code,
        Err(error) => {
            counter.failed_among(verifier.right_codes(), now);
            return turn.over(malformed(&error));
        }
    };
    match verifier.find(&code, now) {
        Found::Fresh { step, .. } if verifier.held.contains(&step) => {
            turn.over(with_evidence(Reason::CodeReplayed, HELD))
        }
        Found::Fresh { step, offset } => {
            let (token, drift) = (verifier.serial, verifier.drift_after(offset));
            let bound = Bound::Seed(verifier.seed_version);
            Verdict::Right(Spend::Step { token, step, drift }, bound)
        }
        // Who repeats a spent code guesses nothing: it is refused, and not counted as a guess.
        Found::Spent { step } => turn.over(Refusal {
            step: Some(step),
            ..Refusal::because(Reason::CodeReplayed)
        }),
        Found::Absent => absent(verifier, code, turn, counter, now),
    }
}

/// A code that the window does not show.
fn absent(
    verifier: &Verifier,
    code: Code,
    turn: Turn,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Verdict {
    if let Turn::Next(waiting) = &turn
        && waiting.token == verifier.serial
    {
        if waiting.code == code {
            return turn.over(with_evidence(Reason::CodeReplayed, SAME_AGAIN));
        }
        if let Ok(pair) = Resync::of_codes(verifier, &waiting.code, &code, now) {
            return Verdict::Right(pair.spend(), Bound::Pair(pair.seed()));
        }
    }
    counter.failed_among(verifier.right_codes(), now);
    // Who cannot be asked for the next is not looked up in the hundred steps around.
    let drifted = match turn {
        Turn::Only => None,
        Turn::First | Turn::Next(_) => verifier.find_drifted(&code, now),
    };
    match drifted {
        Some((step, offset)) => match turn.asks(verifier.serial, code, now) {
            Some(waiting) => Verdict::Next(off(verifier, step, offset), waiting),
            None => Verdict::Wrong(Refusal::because(Reason::CodeWrong)),
        },
        None => turn.over(Refusal::because(Reason::CodeWrong)),
    }
}

impl Turn {
    /// Asks for the code after this one, where one may be asked for. A further prompt does not prolong the time.
    fn asks(self, token: TokenSerial, code: Code, now: Timestamp) -> Option<Waiting> {
        let (first, until) = match self {
            Self::Only => return None,
            Self::First => (None, now.after(NEXT_CODE_SPAN)),
            Self::Next(Waiting {
                code, first, until, ..
            }) => (Some(first.unwrap_or(code)), until),
        };
        Some(Waiting {
            token,
            code,
            first,
            until,
        })
    }

    fn over(self, refusal: Refusal) -> Verdict {
        match self {
            Self::Only | Self::First => Verdict::Wrong(refusal),
            Self::Next(waiting) => Verdict::Next(refusal, waiting),
        }
    }
}

/// The step goes on record, which holds its code before anybody hears that it is right for another time.
fn off(verifier: &Verifier, step: Step, offset: i32) -> Refusal {
    let (reason, evidence) = explain::off(verifier, offset);
    Refusal {
        step: Some(step),
        ..with_evidence(reason, &(evidence + NEXT_ASKED))
    }
}

fn malformed(error: &CodeError) -> Refusal {
    with_evidence(Reason::CodeMalformed, &error.to_string())
}

fn with_evidence(reason: Reason, evidence: &str) -> Refusal {
    Refusal {
        evidence: Some(evidence.into()),
        ..Refusal::because(reason)
    }
}
