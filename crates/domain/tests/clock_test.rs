//! `diagnose fortitoken test`: what two codes tell of a clock, with nothing spent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::time::{Span, Timestamp};
use domain::token::{ClockTest, GoodFor, SeedVersion, Verifier};
use ident::TokenSerial;
use otp::{Drift, Parameters, Seed, Step};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_721_067_030);

fn token(spent: Option<Step>) -> Verifier {
    Verifier {
        serial: TokenSerial::parse("FTK2000BHV1KRZCC").unwrap(),
        seed_version: SeedVersion::default(),
        seed: Seed::from_bytes(Zeroizing::new(vec![7; 20])).unwrap(),
        parameters: Parameters::default(),
        drift: Drift(0),
        spent,
        held: Box::default(),
    }
}

/// What a token shows whose clock is off by this many steps.
fn shows(offset: i64) -> String {
    let at = NOW.after(Span::from_mins(offset));
    let token = token(None);
    otp::code_at(&token.seed, token.parameters, token.centre(at))
        .as_str()
        .into()
}

fn test(spent: Option<Step>, codes: [&str; 2], screen: u16) -> Option<ClockTest> {
    ClockTest::find(&token(spent), codes[0], codes[1], screen, NOW).unwrap()
}

#[test]
fn the_drift_is_found_as_far_as_the_screen_reaches() {
    let codes = [shows(-14), shows(-13)];
    let codes = codes.each_ref().map(String::as_str);
    let found = test(None, codes, 30).unwrap();
    assert_eq!((found.drift, found.good_for), (Drift(-13), GoodFor::Resync));
    assert_eq!(test(None, codes, 5), None);
    assert_eq!(
        test(None, [codes[1], codes[0]], 30),
        None,
        "in the wrong order"
    );
    assert_eq!(test(None, [codes[0], codes[0]], 30), None, "twice the same");
}

#[test]
fn what_is_used_or_too_far_away_is_told_apart() {
    let codes = [shows(90), shows(91)];
    let found = test(None, codes.each_ref().map(String::as_str), 120).unwrap();
    assert_eq!(
        (found.drift, found.good_for),
        (Drift(91), GoodFor::Diagnosis)
    );
    let used = token(None).centre(NOW);
    let codes = [shows(0), shows(1)];
    let found = test(Some(used), codes.each_ref().map(String::as_str), 10).unwrap();
    assert_eq!((found.drift, found.good_for), (Drift(1), GoodFor::Nothing));
}

#[test]
fn a_code_of_another_length_is_refused() {
    assert!(ClockTest::find(&token(None), "12345678", "123456", 10, NOW).is_err());
}
