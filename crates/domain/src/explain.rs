//! What a wrong code was, worked out after the reply has left.
//!
//! The candidates are at most ±60 steps of the person's token, what an app that ignores its parameters would
//! show, and what the person had before, around now. A finding is named only where a chance match among the
//! candidates tried is below 1 in 1,000; else the code stays `code-wrong`.

use std::fmt;

use ident::TokenSerial;
use otp::{Code, Digest, Digits, Drift, Found, Kind, Parameters, Period, Seed, Step, Window};

use crate::login::Submitted;
use crate::reason::Reason;
use crate::time::{Span, Timestamp};
use crate::token::{self, SeedVersion, Verifier};

/// One in this many is the chance at which a match says nothing any more.
const CHANCE: u64 = 1_000;

/// How long a seed is kept of which a person had the codes before. Who types codes of a phone that was put
/// into a drawer has done so by then.
pub const FORMER_KEPT: Span = Span::from_days(90);

/// What the code turned out to be, with the evidence for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The reason that the evidence shows.
    pub reason: Reason,
    /// The evidence, in words.
    pub evidence: Box<str>,
}

/// A seed of which a person had the codes: of a token that the person has no more, or that has another seed by
/// now. No login can be decided by it, for it is no [`Verifier`].
#[derive(Debug)]
pub struct Former {
    /// The token.
    pub token: TokenSerial,
    /// The seed, open for this one explanation.
    pub seed: Seed,
    /// Which of the token's seeds that is.
    pub seed_version: SeedVersion,
    /// How its codes are made.
    pub parameters: Parameters,
    /// The clock difference that was learned of it.
    pub drift: Drift,
    /// The highest step that was spent while the person had it.
    pub spent: Option<Step>,
    /// Until when the person had its codes.
    pub until: Timestamp,
}

impl Former {
    /// Whether it is what the token has now.
    fn is_of(&self, token: &Verifier) -> bool {
        (self.token, self.seed_version) == (token.serial, token.seed_version)
    }
}

/// Works out what `submitted` is: a code of the token that the login asked for, if there is one, or of what the
/// person had before.
pub fn wrong_code(
    asked: Option<&Verifier>,
    former: &[Former],
    submitted: &Submitted,
    now: Timestamp,
) -> Finding {
    let mut search = Search {
        now,
        submitted,
        tried: 0,
    };
    let found = asked
        .and_then(|asked| search.clock(asked))
        .or_else(|| {
            let mut others = former.iter();
            others.find_map(|former| match asked {
                Some(asked) if former.is_of(asked) => None,
                _ => search.former(former, asked),
            })
        })
        .or_else(|| asked.and_then(|asked| search.parameters(asked)));
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

/// What shows codes.
#[derive(Clone, Copy)]
struct Source<'a> {
    seed: &'a Seed,
    drift: Drift,
    spent: Option<Step>,
}

impl<'a> From<&'a Verifier> for Source<'a> {
    fn from(token: &'a Verifier) -> Self {
        let (seed, drift, spent) = (&token.seed, token.drift, token.spent);
        Self { seed, drift, spent }
    }
}

impl<'a> From<&'a Former> for Source<'a> {
    fn from(former: &'a Former) -> Self {
        let (seed, drift, spent) = (&former.seed, former.drift, former.spent);
        Self { seed, drift, spent }
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
        let offset = self.look(token.into(), token.parameters, Window::SYNC)?;
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

    /// What the person had before, now.
    fn former(&mut self, former: &Former, asked: Option<&Verifier>) -> Option<Match> {
        let window = match former.parameters.kind {
            Kind::Totp(_) => Window::LOGIN,
            Kind::Hotp => Window::COUNTER_LOGIN,
        };
        self.look(former.into(), former.parameters, window)?;
        let (token, until) = (former.token, former.until);
        let whose = if asked.is_some_and(|asked| asked.serial == token) {
            format!("this code belongs to the seed that token {token} had until {until}")
        } else {
            format!("this code belongs to token {token}, which the same person had until {until}")
        };
        let evidence = format!("{whose} ({} candidates tried)", self.tried);
        Some((Reason::OtherToken, evidence))
    }

    /// What an app shows that ignores the period, digest or digits that it was given.
    fn parameters(&mut self, token: &Verifier) -> Option<Match> {
        let wrong = misreadings(token.parameters)
            .find(|wrong| self.look(token.into(), *wrong, Window::LOGIN).is_some())?;
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

    fn look(&mut self, source: Source<'_>, as_if: Parameters, window: Window) -> Option<i32> {
        let code = Code::parse(self.submitted.as_str(), as_if.digits).ok()?;
        self.tried += u64::from(window.behind) + u64::from(window.ahead) + 1;
        let Source { seed, drift, spent } = source;
        let centre = token::centre(as_if.kind, drift, spent, self.now);
        match otp::search(seed, as_if, centre, window, &code, None) {
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
