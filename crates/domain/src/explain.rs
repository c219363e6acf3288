//! What a wrong code was, worked out after the reply has left.
//!
//! The candidates are the same person's tokens and at most ±60 steps of each, and what an app that
//! ignores its parameters would show. A finding is named only where a chance match among the
//! candidates tried is below 1 in 1,000; else the code stays `code-wrong`.

use std::fmt;

use otp::{Code, Digest, Digits, Found, Kind, Parameters, Period, Step, Window};

use crate::login::Submitted;
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::token::Verifier;

/// One in this many is the chance at which a match says nothing any more.
const CHANCE: u64 = 1_000;

/// What the code turned out to be, with the evidence for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The reason that the evidence shows.
    pub reason: Reason,
    /// The evidence, in words.
    pub evidence: Box<str>,
}

/// Works out what `submitted` is, among the person's tokens; `tokens[0]` is the one that the login
/// asked for, the others are the person's further tokens.
pub fn wrong_code(tokens: &[Verifier], submitted: &Submitted, now: Timestamp) -> Finding {
    let mut search = Search {
        now,
        submitted,
        tried: 0,
    };
    let found = tokens.split_first().and_then(|(asked, others)| {
        search
            .clock(asked)
            .or_else(|| others.iter().find_map(|other| search.other(other)))
            .or_else(|| search.parameters(asked))
    });
    let tried = search.tried;
    match found {
        Some((reason, what)) if search.is_telling() => Finding {
            reason,
            evidence: what.into(),
        },
        Some(_) => still_wrong(format!("a match among {tried} candidates may be chance")),
        None => still_wrong(format!("no match among {tried} candidates")),
    }
}

fn still_wrong(evidence: String) -> Finding {
    Finding {
        reason: Reason::CodeWrong,
        evidence: evidence.into(),
    }
}

/// What a wrong code of a token means that waits for a phone: nobody may have its codes yet. A finding
/// with a reason of its own proves that somebody has, and stays.
pub fn not_activated(finding: Finding) -> Finding {
    match finding {
        Finding {
            reason: Reason::CodeWrong,
            evidence,
        } => still_wrong(format!(
            "{evidence}; the token waits for its activation: no phone is known to have it"
        )),
        other => other,
    }
}

/// Where a spent code was used before.
pub fn replayed(first_use: Option<&FirstUse>, step: Step) -> Finding {
    let evidence = match first_use {
        Some(first_use) => format!("{first_use}"),
        None => format!(
            "step {} or a later one is spent; by whom is not known",
            step.0
        ),
    };
    Finding {
        reason: Reason::CodeReplayed,
        evidence: evidence.into(),
    }
}

/// What a code so many steps from the expected one says of its token.
pub(crate) fn off(token: &Verifier, offset: i32) -> (Reason, String) {
    let (what, unit) = match token.parameters.kind {
        Kind::Totp(_) => ("clock", "steps"),
        Kind::Hotp => ("counter", "presses"),
    };
    let (reason, pace) = match offset {
        ..0 => (Reason::ClockSlow, "slow"),
        _ => (Reason::ClockFast, "fast"),
    };
    let (serial, distance) = (token.serial, offset.unsigned_abs());
    let evidence = format!("{what} of this token ({serial}) is {distance} {unit} {pace}");
    (reason, evidence)
}

/// The acceptance that spent a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstUse {
    /// When.
    pub at: Timestamp,
    /// Through which client.
    pub client: Box<str>,
    /// From where.
    pub source: Box<str>,
}

impl fmt::Display for FirstUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "already used at {} through client {}",
            self.at, self.client
        )?;
        if *self.source != *self.client {
            write!(f, " from {}", self.source)?;
        }
        Ok(())
    }
}

struct Search<'a> {
    now: Timestamp,
    submitted: &'a Submitted,
    tried: u64,
}

type Match = (Reason, String);

impl Search<'_> {
    /// The asked token at another time.
    fn clock(&mut self, token: &Verifier) -> Option<Match> {
        let offset = self.look(token, token.parameters, Window::SYNC)?;
        let accepted = match token.parameters.kind {
            Kind::Totp(_) => Window::LOGIN.ahead,
            Kind::Hotp => Window::COUNTER_LOGIN.ahead,
        };
        if offset.unsigned_abs() <= accepted.into() {
            return Some(right_by_now());
        }
        let (reason, evidence) = off(token, offset);
        let tried = self.tried;
        Some((reason, format!("{evidence} ({tried} candidates tried)")))
    }

    /// Another token of the same person, now.
    fn other(&mut self, token: &Verifier) -> Option<Match> {
        self.look(token, token.parameters, Window::LOGIN)?;
        Some((
            Reason::OtherToken,
            format!(
                "this code belongs to token {} of the same person ({} candidates tried)",
                token.serial, self.tried
            ),
        ))
    }

    /// What an app shows that ignores the period, digest or digits that it was given.
    fn parameters(&mut self, token: &Verifier) -> Option<Match> {
        let wrong = misreadings(token.parameters)
            .find(|wrong| self.look(token, *wrong, Window::LOGIN).is_some())?;
        Some((
            Reason::OtherParameters,
            format!(
                "valid for {} while token {} has {} ({} candidates tried)",
                Read(wrong),
                token.serial,
                Read(token.parameters),
                self.tried
            ),
        ))
    }

    fn look(&mut self, token: &Verifier, as_if: Parameters, window: Window) -> Option<i32> {
        let code = Code::parse(self.submitted.as_str(), as_if.digits).ok()?;
        self.tried += u64::from(window.behind) + u64::from(window.ahead) + 1;
        let centre = match as_if.kind {
            Kind::Totp(period) => otp::centre(period, self.now.unix(), token.drift),
            Kind::Hotp => token.centre(self.now),
        };
        match otp::search(&token.seed, as_if, centre, window, &code, None) {
            Found::Fresh { offset, .. } => Some(offset),
            Found::Spent { .. } | Found::Absent => None,
        }
    }

    /// Whether a match by chance among those tried is rare enough to name one.
    fn is_telling(&self) -> bool {
        let digits = u32::try_from(self.submitted.as_str().len()).unwrap_or(0);
        10_u64
            .checked_pow(digits)
            .is_none_or(|codes| self.tried * CHANCE < codes)
    }
}

/// The login window shows the code now and did not when it was refused.
fn right_by_now() -> Match {
    let evidence = "the code is right by now: the token was changed after the refusal";
    (Reason::CodeWrong, evidence.to_owned())
}

/// The parameters of apps that do not honour their link: 30 s, SHA-1 and six digits are what an app
/// assumes that reads none of it.
fn misreadings(told: Parameters) -> impl Iterator<Item = Parameters> {
    let kinds = [
        told.kind,
        Kind::Totp(Period::THIRTY),
        Kind::Totp(Period::SIXTY),
    ];
    let digests = [told.digest, Digest::Sha1];
    let lengths = [told.digits, Digits::SIX];
    let all = kinds.into_iter().flat_map(move |kind| {
        digests.into_iter().flat_map(move |digest| {
            lengths.into_iter().map(move |digits| Parameters {
                kind,
                digest,
                digits,
            })
        })
    });
    all.filter(move |wrong| *wrong != told)
}

/// Parameters in words.
struct Read(Parameters);

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::Totp(period) => write!(f, "a {} s period", period.secs())?,
            Kind::Hotp => f.write_str("a counter")?,
        }
        write!(f, ", {:?}, {} digits", self.0.digest, self.0.digits.count())
    }
}
