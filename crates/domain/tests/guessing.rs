//! A year of guessing codes, with the password known, against the counter that every login asks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::throttle::{CodeCounter, Throttled};
use domain::time::{Span, Timestamp};

/// Codes of six digits.
const CODES: f64 = 1_000_000.0;
/// Codes that are right at one moment: the step of now and one either way.
const RIGHT: f64 = 3.0;
/// What a year of guessing may gain: 1.1 in 1,000.
const GAIN_MAX: f64 = 1.1e-3;

const MINUTE: Span = Span::from_mins(1);
const DAY: Span = Span::from_days(1);
const YEAR: Span = Span::from_days(365);
/// One guess less than what blocks a person.
const UNNOTICED: usize = 29;

/// Who guesses, and what happens beside it.
#[derive(Clone, Copy, Debug)]
struct Guesser {
    /// How long after a guess the next one is tried at the earliest.
    pause: Span,
    /// Guesses that count at a time, beyond which the guesser waits for one of them to be forgotten.
    counted: Option<usize>,
    /// How often the person logs in with a right code.
    success: Option<Span>,
}

/// Guesses as fast as it is let to.
const GREEDY: Guesser = Guesser {
    pause: MINUTE,
    counted: None,
    success: None,
};

/// How many guesses of a year are looked at.
fn guesses(guesser: Guesser) -> u32 {
    let begin = Timestamp::from_secs(1_700_000_000);
    let end = begin.after(YEAR);
    let (mut counter, mut now, mut evaluated) = (CodeCounter::default(), begin, 0);
    let mut next_success = begin;
    while now < end {
        if let Some(every) = guesser.success
            && next_success <= now
        {
            counter.succeeded();
            next_success = now.after(every);
        }
        let restrained = guesser
            .counted
            .is_some_and(|most| counter.failures(now) >= most);
        match counter.admit(now) {
            Ok(()) if !restrained => {
                counter.failed(now);
                evaluated += 1;
            }
            Ok(()) | Err(Throttled::Until(_) | Throttled::Blocked) => {}
        }
        now = now.after(guesser.pause);
    }
    evaluated
}

fn gain(guesses: u32) -> f64 {
    1.0 - (1.0 - RIGHT / CODES).powi(i32::try_from(guesses).unwrap())
}

#[test]
fn a_year_of_guessing_gains_next_to_nothing() {
    let patient = Guesser {
        counted: Some(UNNOTICED),
        ..GREEDY
    };
    for guesser in [
        GREEDY,
        Guesser {
            success: Some(DAY),
            ..GREEDY
        },
        Guesser {
            success: Some(MINUTE),
            ..GREEDY
        },
        patient,
        Guesser {
            success: Some(MINUTE),
            ..patient
        },
        Guesser {
            pause: Span::from_hours(25),
            ..patient
        },
    ] {
        let guesses = guesses(guesser);
        assert!(guesses > 0, "{guesser:?} is never looked at");
        let gain = gain(guesses);
        assert!(
            gain <= GAIN_MAX,
            "{guesser:?} has {guesses} guesses a year, and gets in with {gain}"
        );
    }
}

#[test]
fn whoever_guesses_on_is_blocked_until_an_administrator_looks() {
    assert_eq!(guesses(GREEDY), 30);
    let unnoticed = guesses(Guesser {
        counted: Some(UNNOTICED),
        ..GREEDY
    });
    assert!(unnoticed >= 12 * 29, "a patient guesser is not blocked");
}
