//! What a refused code turns out to be: only what the evidence shows, and nothing where a chance match
//! is likely.
//!
//! A failed property prints its input and a seed line `cc …`, which is kept in a file beside this one: the
//! same input runs first in the next run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::explain::{Finding, FirstUse, Former, not_activated, replayed, wrong_code};
use domain::login::Submitted;
use domain::reason::Reason;
use domain::time::{Span, Timestamp};
use domain::token::{SeedVersion, Verifier};
use ident::TokenSerial;
use otp::{Digest, Digits, Drift, Kind, Parameters, Period, Seed, Step, code_at};
use proptest::prelude::*;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const TOTP: Parameters = Parameters {
    kind: Kind::Totp(Period::SIXTY),
    digest: Digest::Sha1,
    digits: Digits::SIX,
};

fn seed(number: u8) -> Seed {
    Seed::from_bytes(Zeroizing::new(vec![number; 20])).unwrap()
}

/// The person's token of this number.
fn token(number: u8) -> Verifier {
    Verifier {
        serial: TokenSerial::mobile([number; 5]),
        seed_version: SeedVersion::default(),
        seed: seed(number),
        parameters: TOTP,
        drift: Drift(0),
        spent: None,
        held: Box::default(),
    }
}

fn centre(parameters: Parameters) -> u64 {
    let Kind::Totp(period) = parameters.kind else {
        return 0;
    };
    period.step_at(NOW.unix()).0
}

/// The code that a token of this number shows `offset` steps from now.
fn shown(number: u8, parameters: Parameters, offset: i64) -> String {
    let step = Step(centre(parameters).checked_add_signed(offset).unwrap());
    code_at(&seed(number), parameters, step).as_str().into()
}

/// When the person had the token of this number last.
fn until(number: u8) -> Timestamp {
    NOW.before(Span::from_days(number.into()))
}

/// The token of this number, which the person had before.
fn former(number: u8) -> Former {
    Former {
        token: TokenSerial::mobile([number; 5]),
        seed: seed(number),
        seed_version: SeedVersion::default(),
        parameters: TOTP,
        drift: Drift(0),
        spent: None,
        until: until(number),
    }
}

fn explain(token: &Verifier, code: &str) -> Finding {
    explain_beside(token, &[], code)
}

fn explain_beside(token: &Verifier, former: &[Former], code: &str) -> Finding {
    wrong_code(Some(token), former, &Submitted::new(code.as_bytes()), NOW)
}

#[test]
fn a_clock_is_slow_or_fast_by_so_many_steps() {
    for (offset, reason, says) in [
        (-60, Reason::ClockSlow, "60 steps slow"),
        (-15, Reason::ClockSlow, "15 steps slow"),
        (-2, Reason::ClockSlow, "2 steps slow"),
        (2, Reason::ClockFast, "2 steps fast"),
        (60, Reason::ClockFast, "60 steps fast"),
    ] {
        let found = explain(&token(1), &shown(1, TOTP, offset));
        assert_eq!(found.reason, reason, "{found:?}");
        assert!(found.evidence.contains(says), "{}", found.evidence);
        let serial = token(1).serial;
        assert!(
            found.evidence.contains(serial.as_str()),
            "{}",
            found.evidence
        );
        assert!(found.evidence.contains("121 candidates tried"));
    }
}

#[test]
fn beyond_an_hour_nothing_is_said() {
    for offset in [-61, 61] {
        let found = explain(&token(1), &shown(1, TOTP, offset));
        assert_eq!(found.reason, Reason::CodeWrong, "{found:?}");
    }
}

#[test]
fn the_difference_is_told_from_what_was_learned_before() {
    let drifted = Verifier {
        drift: Drift(-10),
        ..token(1)
    };
    let found = explain(&drifted, &shown(1, TOTP, -12));
    assert_eq!(found.reason, Reason::ClockSlow);
    assert!(
        found.evidence.contains("2 steps slow"),
        "{}",
        found.evidence
    );
}

#[test]
fn a_code_that_is_right_by_now_blames_no_clock() {
    // The token was resynchronised after the refusal and before its explanation.
    for offset in -1..=1 {
        let found = explain(&token(1), &shown(1, TOTP, offset));
        assert_eq!(found.reason, Reason::CodeWrong, "{found:?}");
        assert!(
            found.evidence.contains("right by now"),
            "{}",
            found.evidence
        );
    }
}

#[test]
fn a_code_of_a_token_that_the_person_had_before_names_that_token() {
    let before = [former(2), former(3)];
    for offset in -1..=1 {
        let found = explain_beside(&token(1), &before, &shown(3, TOTP, offset));
        assert_eq!(found.reason, Reason::OtherToken, "{found:?}");
        let (serial, until) = (token(3).serial, until(3));
        let says = format!("to token {serial}, which the same person had until {until}");
        assert!(found.evidence.contains(&says), "{}", found.evidence);
    }
    let far = explain_beside(&token(1), &before, &shown(3, TOTP, 2));
    assert_eq!(
        far.reason,
        Reason::CodeWrong,
        "what the person had before is looked at around now only"
    );
    let code = Submitted::new(shown(3, TOTP, 0).as_bytes());
    let alone = wrong_code(None, &before, &code, NOW);
    assert_eq!(alone.reason, Reason::OtherToken, "and without a token");
}

#[test]
fn a_code_of_the_seed_before_blames_no_other_token() {
    let renewed = Verifier {
        seed: seed(2),
        seed_version: SeedVersion(1),
        ..token(1)
    };
    let found = explain_beside(&renewed, &[former(1)], &shown(1, TOTP, 0));
    assert_eq!(found.reason, Reason::OtherToken, "{found:?}");
    let says = format!("the seed that token {} had until", token(1).serial);
    assert!(found.evidence.contains(&says), "{}", found.evidence);
}

#[test]
fn a_token_that_came_back_to_the_person_is_none_that_the_person_had_before() {
    let counter = Parameters {
        kind: Kind::Hotp,
        ..TOTP
    };
    let back = Verifier {
        parameters: counter,
        spent: Some(Step(50)),
        ..token(1)
    };
    let as_it_was = Former {
        parameters: counter,
        spent: Some(Step(20)),
        ..former(1)
    };
    let press = code_at(&seed(1), counter, Step(22));
    let found = explain_beside(&back, &[as_it_was], press.as_str());
    assert_eq!(found.reason, Reason::CodeWrong, "{found:?}");
}

#[test]
fn a_counter_that_the_person_had_before_is_looked_at_some_presses_on() {
    let counter = Parameters {
        kind: Kind::Hotp,
        ..TOTP
    };
    let before = || Former {
        parameters: counter,
        spent: Some(Step(20)),
        ..former(2)
    };
    for (press, reason) in [(24, Reason::OtherToken), (60, Reason::CodeWrong)] {
        let code = code_at(&seed(2), counter, Step(press));
        let found = explain_beside(&token(1), &[before()], code.as_str());
        assert_eq!(found.reason, reason, "{press}: {found:?}");
    }
}

#[test]
fn the_token_that_was_asked_for_comes_first() {
    let twin = Former {
        token: TokenSerial::mobile([9; 5]),
        ..former(1)
    };
    let found = explain_beside(&token(1), &[twin], &shown(1, TOTP, 14));
    assert_eq!(found.reason, Reason::ClockFast);
}

#[test]
fn an_app_that_ignores_its_parameters_is_recognised() {
    let told = Parameters {
        kind: Kind::Totp(Period::SIXTY),
        digest: Digest::Sha256,
        digits: Digits::SIX,
    };
    let token = || Verifier {
        parameters: told,
        ..token(1)
    };
    for (shows, says) in [
        (
            Parameters {
                kind: Kind::Totp(Period::THIRTY),
                ..told
            },
            "30 s period",
        ),
        (
            Parameters {
                digest: Digest::Sha1,
                ..told
            },
            "Sha1",
        ),
        (
            Parameters {
                kind: Kind::Totp(Period::THIRTY),
                digest: Digest::Sha1,
                digits: Digits::SIX,
            },
            "30 s period",
        ),
    ] {
        let found = explain(&token(), &shown(1, shows, 0));
        assert_eq!(found.reason, Reason::OtherParameters, "{shows:?} {found:?}");
        assert!(found.evidence.contains(says), "{}", found.evidence);
        assert!(
            found.evidence.contains("60 s period, Sha256, 6 digits"),
            "{}",
            found.evidence
        );
    }
}

#[test]
fn six_digits_of_a_token_with_eight_are_recognised() {
    let told = Parameters {
        digits: Digits::EIGHT,
        ..TOTP
    };
    let token = Verifier {
        parameters: told,
        ..token(1)
    };
    let found = explain(&token, &shown(1, TOTP, 0));
    assert_eq!(found.reason, Reason::OtherParameters, "{found:?}");
    assert!(found.evidence.contains("6 digits"), "{}", found.evidence);
}

#[test]
fn nothing_is_named_where_chance_is_above_one_in_a_thousand() {
    // 121 candidates of the token and 3 of each that was before: 294 tokens are 1,000.
    let before = |others: u16| -> Vec<Former> {
        let other = |number: u16| Former {
            token: TokenSerial::mobile([0, 0, 1, (number >> 8) as u8, (number & 0xff) as u8]),
            ..former(200)
        };
        let mut all: Vec<Former> = (0..others).map(other).collect();
        all.push(former(2));
        all
    };
    let code = shown(2, TOTP, 0);
    let telling = explain_beside(&token(1), &before(291), &code);
    assert_eq!(telling.reason, Reason::OtherToken, "{telling:?}");
    let silent = explain_beside(&token(1), &before(293), &code);
    assert_eq!(silent.reason, Reason::CodeWrong, "{silent:?}");
    assert!(
        !silent.evidence.contains("no match"),
        "there was one, and it says nothing: {}",
        silent.evidence
    );
    assert!(
        !silent.evidence.contains(token(2).serial.as_str()),
        "{}",
        silent.evidence
    );
}

#[test]
fn a_code_that_nothing_shows_says_how_much_was_tried() {
    let found = explain_beside(&token(1), &[former(2)], "000000");
    assert_eq!(found.reason, Reason::CodeWrong, "{found:?}");
    assert!(found.evidence.contains("candidates"), "{}", found.evidence);
    assert!(!found.evidence.contains("000000"));
}

#[test]
fn a_token_that_waits_for_a_phone_is_said_to_wait_unless_the_code_proves_more() {
    let waits = not_activated(explain(&token(1), "000000"));
    assert_eq!(waits.reason, Reason::CodeWrong);
    assert!(
        waits
            .evidence
            .ends_with("the token waits for its activation: no phone is known to have it"),
        "{}",
        waits.evidence
    );
    let slow = explain(&token(1), &shown(1, TOTP, -15));
    assert_eq!(not_activated(slow.clone()), slow);
}

#[test]
fn what_is_no_code_is_compared_with_nothing() {
    let right = shown(1, TOTP, 5);
    for typed in [
        format!("{} {}", &right[..3], &right[3..]),
        format!("{right} "),
        right[1..].to_owned(),
        String::new(),
        "abcdef".to_owned(),
    ] {
        let found = explain_beside(&token(1), &[former(2)], &typed);
        assert_eq!(found.reason, Reason::CodeWrong, "{typed:?} {found:?}");
        assert!(
            found.evidence.contains(" 0 candidates"),
            "{}",
            found.evidence
        );
    }
}

#[test]
fn a_person_without_a_token_has_nothing_to_compare_with() {
    let found = wrong_code(None, &[], &Submitted::new(b"123456"), NOW);
    assert_eq!(found.reason, Reason::CodeWrong);
}

#[test]
fn a_counter_has_no_clock() {
    let counter = |spent| Verifier {
        parameters: Parameters {
            kind: Kind::Hotp,
            ..TOTP
        },
        spent: Some(Step(spent)),
        ..token(1)
    };
    let pressed = |step| {
        let code = code_at(&seed(1), counter(0).parameters, Step(step));
        code.as_str().to_owned()
    };
    let found = explain(&counter(100), &pressed(120));
    assert_eq!(found.reason, Reason::ClockFast);
    assert!(
        found
            .evidence
            .contains("counter of this token (FTKMOB0101010101) is 19 presses fast"),
        "{}",
        found.evidence
    );
    let near = explain(&counter(100), &pressed(104));
    assert_eq!(near.reason, Reason::CodeWrong);
}

#[test]
fn a_replay_says_when_and_through_which_client() {
    let at = Timestamp::from_secs(1_665_950_284);
    let first = |source: &str| FirstUse {
        at,
        client: "vpn1".into(),
        source: source.into(),
    };
    let found = replayed(Some(&first("192.0.2.7")), Step(7));
    assert_eq!(found.reason, Reason::CodeReplayed);
    assert_eq!(
        &*found.evidence,
        "already used at 2022-10-16 19:58:04Z through client vpn1 from 192.0.2.7"
    );
    let same = replayed(Some(&first("vpn1")), Step(7));
    assert!(same.evidence.ends_with("through client vpn1"));
}

#[test]
fn a_replay_of_unknown_origin_claims_no_more_than_is_known() {
    let found = replayed(None, Step(28_333_333));
    assert_eq!(found.reason, Reason::CodeReplayed);
    assert!(found.evidence.contains("28333333"), "{}", found.evidence);
    // It may have been used itself, before the later one, or lie before the floor of a restore.
    assert!(
        !found.evidence.contains("passed over"),
        "{}",
        found.evidence
    );
}

proptest! {
    /// No code, right or wrong, is ever named by anything but what shows it, and never printed.
    #[test]
    fn a_named_reason_is_true(offset in -70_i64..=70, which in 1_u8..=2) {
        let code = shown(which, TOTP, offset);
        let found = explain_beside(&token(1), &[former(2)], &code);
        prop_assert!(!found.evidence.contains(&code));
        let expected = match (which, offset) {
            (1, -60..=-2) => Reason::ClockSlow,
            (1, 2..=60) => Reason::ClockFast,
            (2, -1..=1) => Reason::OtherToken,
            _ => Reason::CodeWrong,
        };
        prop_assert_eq!(found.reason, expected);
    }
}
