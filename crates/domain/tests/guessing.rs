//! A year of guessing codes, with the password known, against the counter that every login asks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::throttle::{CodeCounter, ProvenBy, Throttled};
use domain::time::{Span, Timestamp};
use otp::Window;

/// Codes of six digits.
const CODES: f64 = 1_000_000.0;
/// What a year of guessing may gain: 1.1 in 1,000.
const GAIN_MAX: f64 = 1.1e-3;

const MINUTE: Span = Span::from_mins(1);
/// Shorter than any wait for a guess of last month to be forgotten.
const PAUSE: Span = Span::from_mins(5);
const DAY: Span = Span::from_days(1);
const YEAR: Span = Span::from_days(365);
/// Codes that may be right in all guesses that block a person: thirty, each right at one of three.
const BLOCKING: usize = 90;

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

/// Where one guesses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Clients that ask for the password too.
    One,
    /// Those and clients that check it themselves, in turn.
    Both,
    /// At those first, then at the others.
    ClientsFirst,
}

/// Guesses as fast as it is let to.
const GREEDY: Guesser = Guesser {
    pause: PAUSE,
    counted: None,
    success: None,
};

/// How many guesses of a year are looked at, where so many codes are right at one moment.
fn guesses(guesser: Guesser, at: At, right: usize) -> u32 {
    let begin = Timestamp::from_secs(1_700_000_000);
    let end = begin.after(YEAR);
    let mut counters = [CodeCounter::default(), CodeCounter::default()];
    let (mut now, mut evaluated) = (begin, 0);
    let mut next_success = begin;
    while now < end {
        if let Some(every) = guesser.success
            && next_success <= now
        {
            counters.iter_mut().for_each(CodeCounter::succeeded);
            next_success = now.after(every);
        }
        let counted: usize = counters.iter().map(|it| it.failures(now)).sum();
        let restrained = guesser.counted.is_some_and(|most| counted >= most);
        let kind = match at {
            At::One => 0,
            At::Both => evaluated % 2,
            At::ClientsFirst => u32::from(counters[1].failures(now) < 19),
        };
        let [proven, alone] = &mut counters;
        let (own, other, proven_by) = if kind == 0 {
            (proven, alone, ProvenBy::Unit)
        } else {
            (alone, proven, ProvenBy::Client)
        };
        own.count_along(other.failures(now), proven_by);
        match own.admit(now) {
            Ok(()) if !restrained => {
                own.failed_among(right, now);
                evaluated += 1;
            }
            Ok(()) | Err(Throttled::Until(_) | Throttled::Blocked) => {}
        }
        now = now.after(guesser.pause);
    }
    evaluated
}

fn gain(guesses: u32, right: usize) -> f64 {
    let right = f64::from(u32::try_from(right).unwrap());
    1.0 - (1.0 - right / CODES).powi(i32::try_from(guesses).unwrap())
}

/// Codes of a token by the time, and of one by presses.
fn windows() -> [usize; 2] {
    [Window::LOGIN, Window::COUNTER_LOGIN].map(Window::steps)
}

#[test]
fn a_year_of_guessing_gains_next_to_nothing() {
    for right in windows() {
        let patient = Guesser {
            counted: Some(BLOCKING / right - 1),
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
            for at in [At::One, At::Both, At::ClientsFirst] {
                let guesses = guesses(guesser, at, right);
                assert!(guesses > 0, "{guesser:?} is never looked at");
                let gain = gain(guesses, right);
                assert!(
                    gain <= GAIN_MAX,
                    "{guesser:?} has {guesses} guesses a year at {at:?}, and gets in with {gain}"
                );
            }
        }
    }
}

#[test]
fn whoever_guesses_on_is_blocked_until_an_administrator_looks() {
    let [time, presses] = windows();
    assert_eq!(guesses(GREEDY, At::One, time), 30);
    // The one that blocks at one kind of client leaves one at the other.
    assert_eq!(guesses(GREEDY, At::Both, time), 31);
    assert_eq!(guesses(GREEDY, At::One, presses), 22);
    let unnoticed = guesses(
        Guesser {
            counted: Some(29),
            ..GREEDY
        },
        At::One,
        time,
    );
    assert!(unnoticed >= 12 * 29, "a patient guesser is not blocked");
}

#[test]
fn who_guesses_without_a_password_leaves_a_third_to_the_person() {
    let now = Timestamp::from_secs(1_700_000_000);
    let mut alone = CodeCounter::default();
    alone.count_along(0, ProvenBy::Client);
    while alone.admit(now.after(YEAR)) != Err(Throttled::Blocked) {
        alone.failed(now);
    }
    assert_eq!(alone.failures(now), 20);
    let mut own = CodeCounter::default();
    own.count_along(20, ProvenBy::Unit);
    for _ in 0..9 {
        own.failed(now);
        assert_eq!(own.admit(now.after(DAY)), Ok(()));
    }
    own.failed(now);
    assert_eq!(own.admit(now.after(DAY)), Err(Throttled::Blocked));
}
