//! The login decision: every way through `begin` and `second`, from outside.
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

use std::hash::RandomState;
use std::sync::{LazyLock, Mutex};

use domain::contact::Address;
use domain::login::{
    CodePosition, Factor, Facts, FirstFactor, Person, Proof, Refusal, Second, Spend, Submitted,
    Verification, begin, begin_with_code, second,
};
use domain::name::CanonicalName;
use domain::password::{
    Check, KEY_LEN, PasswordHash, PasswordVerified, Presented, Remembered, SALT_LEN,
};
use domain::password_policy::Validity;
use domain::public_key::{KeyVerified, PublicKey};
use domain::reason::Reason;
use domain::throttle::{CodeCounter, Throttled};
use domain::time::{Span, Timestamp};
use domain::token::{SeedVersion, Usability, Verifier};
use domain::user::Switch;
use ident::TokenSerial;
use otp::{Digits, Drift, Kind, Parameters, Period, Seed, Step, code_at};
use proptest::prelude::*;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const TOTP: Parameters = Parameters {
    kind: Kind::Totp(Period::SIXTY),
    digest: otp::Digest::Sha1,
    digits: Digits::SIX,
};
const HOTP: Parameters = Parameters {
    kind: Kind::Hotp,
    ..TOTP
};
/// Steps `COLLISION` and the next one of [`rfc_seed`] show the same code.
const COLLISION: u64 = 910_737;

const PASSWORD: &str = "correct horse";
static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::new(PASSWORD, [7; SALT_LEN]).unwrap());

/// The seed of RFC 6238, appendix B.
fn rfc_seed() -> Seed {
    seed(*b"12345678901234567890")
}

fn seed(octets: [u8; 20]) -> Seed {
    Seed::from_bytes(Zeroizing::new(octets.to_vec())).unwrap()
}

fn serial() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn step_at(now: Timestamp) -> u64 {
    now.unix() / 60
}

fn moment_of(step: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(step * 60).unwrap())
}

fn code(parameters: Parameters, step: u64) -> String {
    code_at(&rfc_seed(), parameters, Step(step)).as_str().into()
}

/// A code that no step near shows.
fn wrong_code(parameters: Parameters, step: u64) -> String {
    let near: Vec<String> = (step.saturating_sub(3)..=step + 5)
        .map(|step| code(parameters, step))
        .collect();
    let width = usize::from(parameters.digits.count());
    let mut candidates = (0..100).map(|number| format!("{number:0width$}"));
    candidates.find(|code| !near.contains(code)).unwrap()
}

fn verifier(parameters: Parameters, spent: Option<u64>) -> Verifier {
    Verifier {
        serial: serial(),
        seed_version: SeedVersion::default(),
        seed: rfc_seed(),
        parameters,
        drift: Drift(0),
        spent: spent.map(Step),
        held: Box::default(),
    }
}

fn token(spent: Option<u64>) -> Factor {
    usable(verifier(TOTP, spent))
}

fn usable(verifier: Verifier) -> Factor {
    Factor::Token {
        verifier,
        usability: Usability::Usable,
    }
}

fn name(name: &str) -> CanonicalName {
    CanonicalName::of(name).unwrap()
}

fn alice() -> CanonicalName {
    name("alice")
}

fn facts(factor: Factor, position: CodePosition) -> Facts {
    Facts {
        name: alice(),
        person: Some(Person {
            name: alice(),
            status: Switch::Enable,
            password: Some((&*HASH).into()),
            validity: None,
            former: None,
            keys: Box::default(),
            factor,
            recovery: Box::default(),
        }),
        sources: Vec::new(),
        position,
    }
}

fn challenge(factor: Factor) -> Facts {
    facts(factor, CodePosition::Challenge)
}

fn presented(text: &str) -> Presented {
    Presented::new(Zeroizing::new(text.as_bytes().to_vec()))
}

/// The proof that this person's password was right; each person costs one hash in all.
fn verified(person: &CanonicalName) -> Proof {
    static MEMORY: LazyLock<Mutex<Remembered<RandomState>>> =
        LazyLock::new(|| Mutex::new(Remembered::new([3; KEY_LEN], 10, RandomState::new())));
    let mut memory = MEMORY.lock().unwrap();
    let check = Check::stored(person.clone(), HASH.digest());
    let password = presented(PASSWORD);
    let recalled = check.recall(&password, &memory, NOW);
    let verified: PasswordVerified = recalled.unwrap_or_else(|| {
        let evaluation = check.against(Some(HASH.clone()));
        let proof = evaluation.verify(&password).unwrap();
        memory.remember(&proof, &password, Span::from_secs(60), NOW);
        proof
    });
    verified.into()
}

fn judge(facts: &Facts, code: Option<&str>, counter: &mut CodeCounter, now: Timestamp) -> Second {
    let submitted = code.map(|code| Submitted::new(code.as_bytes()));
    second(facts, verified(&alice()), submitted.as_ref(), counter, now)
}

fn refusal(facts: &Facts, code: Option<&str>) -> Refusal {
    refused(judge(facts, code, &mut CodeCounter::default(), NOW))
}

fn refused(second: Second) -> Refusal {
    match second {
        Second::Refuse(refusal, _) | Second::AskNext(refusal, _) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The step that a decision spends, and the drift that it teaches.
fn spent(second: &Second) -> (u64, i32) {
    match second {
        Second::Consume(consume) => {
            assert_eq!(consume.person(), &alice());
            match consume.spend() {
                Spend::Step { token, step, drift } => {
                    assert_eq!(token, serial());
                    (step.0, drift.0)
                }
                Spend::Nothing | Spend::Sent(_) | Spend::Recovery(_) | Spend::Push { .. } => {
                    panic!("no step spent")
                }
            }
        }
        other => panic!("not granted: {other:?}"),
    }
}

/// The one hash that a login begins with.
fn hashed(first: &FirstFactor) -> Option<PasswordVerified> {
    match &first.check {
        Verification::Hash(check) => check.against(Some(HASH.clone())).verify(&first.password),
        other => panic!("a backend is asked: {other:?}"),
    }
}

// ---------------------------------------------------------------- begin

#[test]
fn an_unknown_name_costs_one_hash_and_never_matches() {
    let unknown = Facts {
        person: None,
        ..challenge(Factor::None)
    };
    for position in [CodePosition::Challenge, CodePosition::AfterPassword] {
        let first = begin(
            &Facts {
                sources: Vec::new(),
                position,
                name: alice(),
                person: None,
            },
            presented(PASSWORD),
        );
        assert_eq!(first.refusal, Reason::UserUnknown);
        assert!(first.code.is_none());
        assert!(hashed(&first).is_none());
    }
    let counter = &mut CodeCounter::default();
    assert_eq!(
        refused(judge(&unknown, None, counter, NOW)).reason,
        Reason::UserUnknown
    );
}

#[test]
fn a_person_without_a_password_is_refused_by_a_decoy() {
    let mut facts = challenge(Factor::None);
    facts.person.as_mut().unwrap().password = None;
    for text in ["", PASSWORD, "anything"] {
        let first = begin(&facts, presented(text));
        assert_eq!(first.refusal, Reason::PasswordWrong);
        assert!(hashed(&first).is_none());
    }
}

#[test]
fn the_right_password_is_verified_for_the_person_in_both_positions() {
    let digits = code(TOTP, step_at(NOW));
    for (position, text, code) in [
        (CodePosition::Challenge, PASSWORD.to_owned(), None),
        (
            CodePosition::AfterPassword,
            format!("{PASSWORD}{digits}"),
            Some(digits.as_str()),
        ),
    ] {
        let first = begin(&facts(token(None), position), presented(&text));
        assert_eq!(first.refusal, Reason::PasswordWrong);
        assert_eq!(first.code.as_ref().map(Submitted::as_str), code);
        let proof = hashed(&first).expect("right password");
        assert_eq!(proof.person(), &alice());
    }
}

#[test]
fn a_wrong_password_is_no_proof_whatever_code_follows() {
    let digits = code(TOTP, step_at(NOW));
    for (position, text) in [
        (CodePosition::Challenge, format!("{PASSWORD}{digits}")),
        (CodePosition::AfterPassword, PASSWORD.to_owned()),
        (CodePosition::AfterPassword, format!("{PASSWORD} {digits}")),
        (CodePosition::AfterPassword, digits.clone()),
    ] {
        let first = begin(&facts(token(None), position), presented(&text));
        assert!(hashed(&first).is_none(), "{text}");
    }
}

#[test]
fn the_code_is_split_off_by_the_digits_of_the_token() {
    for (digits, text, password, code) in [
        (Digits::SIX, "pw000123", "pw", "000123"),
        (Digits::EIGHT, "pw12000123", "pw", "12000123"),
        (Digits::SIX, "000123", "", "000123"),
    ] {
        let parameters = Parameters { digits, ..TOTP };
        let factor = usable(verifier(parameters, None));
        let first = begin(&facts(factor, CodePosition::AfterPassword), presented(text));
        assert_eq!(first.password.as_bytes(), password.as_bytes());
        assert_eq!(first.code.unwrap().as_str(), code);
    }
}

#[test]
fn the_code_stands_where_the_client_puts_it() {
    let comma = CodePosition::Separator(',');
    for (position, text, password, code) in [
        (
            CodePosition::BeforePassword,
            "000123pw",
            "pw",
            Some("000123"),
        ),
        (CodePosition::BeforePassword, "00012", "00012", None),
        (comma, "pw,000123", "pw", Some("000123")),
        (comma, "p,w,12", "p,w", Some("12")),
        (comma, "pw000123", "pw000123", None),
        (comma, ",", "", Some("")),
        (comma.unasked(), "pw,000123", "pw", Some("000123")),
        (comma.unasked(), "pw000123", "pw000123", None),
        (
            CodePosition::Challenge.unasked(),
            "pw000123",
            "pw",
            Some("000123"),
        ),
        (
            CodePosition::Separator('€'),
            "pw€000123",
            "pw",
            Some("000123"),
        ),
        (CodePosition::Challenge, "pw,000123", "pw,000123", None),
    ] {
        let first = begin(&facts(token(None), position), presented(text));
        assert_eq!(first.password.as_bytes(), password.as_bytes(), "{text}");
        assert_eq!(first.code.as_ref().map(Submitted::as_str), code, "{text}");
    }
}

#[test]
fn a_code_that_did_not_come_is_asked_for_where_the_client_can_answer() {
    for (position, is_asked) in [
        (CodePosition::Challenge, true),
        (CodePosition::Separator(','), true),
        (CodePosition::AfterPassword, false),
        (CodePosition::BeforePassword, false),
        (CodePosition::Challenge.unasked(), false),
        (CodePosition::Separator(',').unasked(), false),
        (CodePosition::BeforePassword.unasked(), false),
    ] {
        let facts = facts(token(None), position);
        let mut counter = CodeCounter::default();
        let second = judge(&facts, None, &mut counter, NOW);
        assert_eq!(matches!(second, Second::Challenge(_)), is_asked);
    }
}

#[test]
fn what_is_too_short_for_a_code_is_password_alone() {
    let facts = facts(token(None), CodePosition::AfterPassword);
    let first = begin(&facts, presented("00123"));
    assert_eq!(first.password.as_bytes(), b"00123");
    assert!(first.code.is_none());
}

#[test]
fn nothing_is_split_off_where_no_token_is_asked_for() {
    for factor in [
        Factor::None,
        Factor::TokenMissing,
        Factor::TokenWithoutSeed(serial()),
    ] {
        let facts = facts(factor, CodePosition::AfterPassword);
        let first = begin(&facts, presented("password123456"));
        assert_eq!(first.password.as_bytes(), b"password123456");
        assert!(first.code.is_none());
    }
}

#[test]
fn a_code_beside_the_password_never_goes_where_the_password_goes() {
    let to = Address::Mail("alice@example.org".into());
    for (factor, reason) in [
        (Factor::None, Reason::CodeUnneeded),
        (Factor::Sent(to), Reason::SentCodeUnasked),
        (token(None), Reason::CodeWrong),
    ] {
        let facts = facts(factor, CodePosition::Beside);
        let code = Submitted::new(wrong_code(TOTP, step_at(NOW)).as_bytes());
        let first = begin_with_code(&facts, presented(PASSWORD), code);
        assert_eq!(first.password.as_bytes(), PASSWORD.as_bytes());
        assert!(hashed(&first).is_some(), "{reason:?}");
        let code = first.code.map(|code| code.as_str().to_owned());
        assert_eq!(refusal(&facts, code.as_deref()).reason, reason);
    }
    let right = code(TOTP, step_at(NOW));
    let facts = facts(token(None), CodePosition::Beside);
    let granted = judge(&facts, Some(&right), &mut CodeCounter::default(), NOW);
    assert_eq!(spent(&granted).0, step_at(NOW));
}

// ---------------------------------------------------------------- second, before the code

#[test]
fn a_disabled_person_is_refused_after_the_password() {
    let mut facts = challenge(token(None));
    facts.person.as_mut().unwrap().status = Switch::Disable;
    let now = code(TOTP, step_at(NOW));
    for code in [None, Some(now.as_str())] {
        assert_eq!(refusal(&facts, code).reason, Reason::UserDisabled);
    }
}

#[test]
fn an_expired_password_opens_nothing_and_a_right_code_after_it_is_not_spent() {
    let ends = NOW.after(Span::from_secs(1));
    let warns = NOW.before(Span::from_days(1));
    let mut facts = challenge(token(None));
    facts.person.as_mut().unwrap().validity = Some(Validity {
        warns,
        ends,
        renewal: Switch::Disable,
    });
    let now = code(TOTP, step_at(NOW));
    let judged = |at| {
        let counter = &mut CodeCounter::default();
        judge(&facts, Some(now.as_str()), counter, at)
    };
    assert!(matches!(judged(NOW), Second::Consume(_)));
    assert_eq!(refused(judged(ends)).reason, Reason::PasswordExpired);
}

#[test]
fn where_a_second_factor_is_demanded_the_password_is_not_enough() {
    for position in [CodePosition::Challenge, CodePosition::AfterPassword] {
        let counter = &mut CodeCounter::default();
        let judged = judge(&facts(Factor::Required, position), None, counter, NOW);
        assert_eq!(refused(judged).reason, Reason::SecondFactorRequired);
    }
}

#[test]
fn without_a_second_factor_the_password_is_enough() {
    for position in [CodePosition::Challenge, CodePosition::AfterPassword] {
        let counter = &mut CodeCounter::default();
        let Second::Consume(consume) = judge(&facts(Factor::None, position), None, counter, NOW)
        else {
            panic!("not granted")
        };
        assert_eq!(
            (consume.spend(), consume.at(), consume.person()),
            (Spend::Nothing, NOW, &alice())
        );
    }
}

#[test]
fn a_token_that_cannot_be_used_is_refused_with_its_reason_and_serial() {
    let unusable = |usability| Factor::Token {
        verifier: verifier(TOTP, None),
        usability,
    };
    let named = Some(serial());
    let right = code(TOTP, step_at(NOW));
    for (factor, reason, token) in [
        (Factor::TokenMissing, Reason::TokenMissing, None),
        (
            Factor::TokenWithoutSeed(serial()),
            Reason::TokenWithoutSeed,
            named,
        ),
        (unusable(Usability::Locked), Reason::TokenLocked, named),
        (
            unusable(Usability::NotActivated),
            Reason::TokenNotActivated,
            named,
        ),
        (
            unusable(Usability::OfAnotherUnit),
            Reason::TokenOfAnotherUnit,
            named,
        ),
        (
            unusable(Usability::ProvisionTimeout),
            Reason::TokenProvisionTimeout,
            named,
        ),
    ] {
        let mut facts = challenge(factor);
        for position in [CodePosition::Challenge, CodePosition::AfterPassword] {
            facts.position = position;
            for code in [None, Some(right.as_str())] {
                let counter = &mut CodeCounter::default();
                let refusal = refused(judge(&facts, code, counter, NOW));
                assert_eq!((refusal.reason, refusal.token), (reason, token));
                assert_eq!(counter.failures(NOW), 0, "{reason} is no guess");
            }
        }
    }
}

#[test]
fn a_missing_code_is_asked_for_or_refused_as_the_client_is_set() {
    let asked = judge(
        &challenge(token(None)),
        None,
        &mut CodeCounter::default(),
        NOW,
    );
    assert!(
        matches!(&asked, Second::Challenge(proof) if proof.person() == &alice()),
        "{asked:?}"
    );
    let refusal = refusal(&facts(token(None), CodePosition::AfterPassword), None);
    assert_eq!(refusal.reason, Reason::CodeMissing);
    assert_eq!(refusal.token, Some(serial()));
}

// ---------------------------------------------------------------- second, the code

#[test]
fn a_right_code_is_spent_in_both_positions() {
    let step = step_at(NOW);
    for position in [CodePosition::Challenge, CodePosition::AfterPassword] {
        for offset in [-1, 0, 1] {
            let at = step.checked_add_signed(offset).unwrap();
            let decided = judge(
                &facts(token(None), position),
                Some(&code(TOTP, at)),
                &mut CodeCounter::default(),
                NOW,
            );
            assert_eq!(i64::from(spent(&decided).1), offset);
            assert_eq!(spent(&decided).0, at);
        }
    }
}

#[test]
fn steps_beyond_the_window_are_wrong() {
    let step = step_at(NOW);
    for at in [step - 2, step + 2] {
        let facts = facts(token(None), CodePosition::AfterPassword);
        let refusal = refusal(&facts, Some(&code(TOTP, at)));
        assert_eq!(refusal.reason, Reason::CodeWrong);
    }
}

#[test]
fn the_window_follows_the_drift_and_a_match_teaches_it() {
    let step = step_at(NOW);
    let drifted = |drift| {
        challenge(usable(Verifier {
            drift: Drift(drift),
            ..verifier(TOTP, None)
        }))
    };
    let counter = &mut CodeCounter::default();
    let decided = judge(&drifted(14), Some(&code(TOTP, step + 15)), counter, NOW);
    assert_eq!(spent(&decided), (step + 15, 15));
    let decided = judge(&drifted(-14), Some(&code(TOTP, step - 15)), counter, NOW);
    assert_eq!(spent(&decided), (step - 15, -15));
    let refusal = refused(judge(&drifted(14), Some(&code(TOTP, step)), counter, NOW));
    assert_eq!(refusal.reason, Reason::ClockSlow);
}

#[test]
fn a_code_begins_with_zeros_or_is_another_code() {
    let from = step_at(NOW);
    let (step, digits) = (from..from + 10_000)
        .map(|step| (step, code(TOTP, step)))
        .find(|(_, code)| code.starts_with("00"))
        .unwrap();
    let now = moment_of(step);
    let facts = facts(token(None), CodePosition::AfterPassword);
    let first = begin(&facts, presented(&format!("{PASSWORD}{digits}")));
    let kept = first.code.unwrap();
    assert_eq!(kept.as_str(), digits);
    let counter = &mut CodeCounter::default();
    let decided = judge(&facts, Some(kept.as_str()), counter, now);
    assert_eq!(spent(&decided), (step, 0));
    let trimmed = digits.trim_start_matches('0');
    let refusal = refused(judge(&facts, Some(trimmed), counter, now));
    assert_eq!(refusal.reason, Reason::CodeMalformed);
}

#[test]
fn what_is_no_code_is_malformed_counted_and_says_what_is_wrong() {
    let right = code(TOTP, step_at(NOW));
    let spaced = format!("{} {}", &right[..3], &right[3..]);
    let wide: String = right
        .chars()
        .filter_map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10))
        .collect();
    for typed in [
        spaced.as_str(),
        &format!(" {right}"),
        &format!("{right}\n"),
        &format!("{right}0"),
        &right[1..],
        "",
        "abcdef",
        "-12345",
        wide.as_str(),
        "12345\u{0}",
    ] {
        let counter = &mut CodeCounter::default();
        let facts = challenge(token(None));
        let refusal = refused(judge(&facts, Some(typed), counter, NOW));
        assert_eq!(refusal.reason, Reason::CodeMalformed, "{typed:?}");
        assert_eq!(refusal.token, Some(serial()));
        let evidence = refusal.evidence.expect("evidence");
        assert!(evidence.contains("digits"), "{evidence}");
        assert!(typed.is_empty() || !evidence.contains(typed), "{evidence}");
        assert_eq!(counter.failures(NOW), 1, "{typed:?}");
    }
}

#[test]
fn octets_that_are_no_text_are_a_malformed_code() {
    let submitted = Submitted::new(&[0x31, 0xff, 0x32, 0x33, 0x34, 0x35]);
    let facts = challenge(token(None));
    let counter = &mut CodeCounter::default();
    let decided = second(&facts, verified(&alice()), Some(&submitted), counter, NOW);
    assert_eq!(refused(decided).reason, Reason::CodeMalformed);
}

#[test]
fn a_replay_names_its_step_and_is_not_counted_as_a_guess() {
    let step = step_at(NOW);
    for parameters in [TOTP, HOTP] {
        let last = if parameters == HOTP { 41 } else { step };
        let facts = challenge(usable(verifier(parameters, Some(last))));
        let counter = &mut CodeCounter::default();
        for _ in 0..40 {
            let refusal = refused(judge(&facts, Some(&code(parameters, last)), counter, NOW));
            assert_eq!(refusal.reason, Reason::CodeReplayed, "{parameters:?}");
            assert_eq!(refusal.step, Some(Step(last)));
            assert_eq!(refusal.token, Some(serial()));
        }
        assert_eq!(*counter, CodeCounter::default(), "{parameters:?}");
    }
}

#[test]
fn a_step_before_a_spent_one_is_spent_too() {
    let step = step_at(NOW);
    let facts = challenge(token(Some(step + 1)));
    for at in step - 1..=step + 1 {
        let refusal = refusal(&facts, Some(&code(TOTP, at)));
        assert_eq!(refusal.reason, Reason::CodeReplayed);
        assert_eq!(refusal.step, Some(Step(at)));
    }
}

#[test]
fn a_floor_in_the_far_future_refuses_everything() {
    let facts = challenge(token(Some(u64::MAX)));
    let refusal = refusal(&facts, Some(&code(TOTP, step_at(NOW))));
    assert_eq!(refusal.reason, Reason::CodeReplayed);
}

#[test]
fn two_neighbouring_steps_with_one_code_are_two_codes() {
    let shared = code(TOTP, COLLISION);
    assert_eq!(shared, code(TOTP, COLLISION + 1), "the constant is wrong");
    let now = moment_of(COLLISION);
    let counter = &mut CodeCounter::default();
    let first = judge(&challenge(token(None)), Some(&shared), counter, now);
    assert_eq!(spent(&first), (COLLISION, 0));
    let facts = challenge(token(Some(COLLISION)));
    let again = judge(&facts, Some(&shared), counter, now);
    assert_eq!(spent(&again), (COLLISION + 1, 1));
    let facts = challenge(token(Some(COLLISION + 1)));
    let third = refused(judge(&facts, Some(&shared), counter, now));
    assert_eq!(third.reason, Reason::CodeReplayed);
    assert_eq!(third.step, Some(Step(COLLISION + 1)));
}

#[test]
fn a_counter_goes_on_from_its_last_press() {
    let counter = &mut CodeCounter::default();
    let mut press = |last: Option<u64>, at: u64| {
        let facts = challenge(usable(verifier(HOTP, last)));
        judge(&facts, Some(&code(HOTP, at)), counter, NOW)
    };
    assert_eq!(spent(&press(None, 0)), (0, 0));
    assert_eq!(spent(&press(None, 3)), (3, 0));
    assert_eq!(spent(&press(Some(41), 42)), (42, 0));
    assert_eq!(spent(&press(Some(41), 45)), (45, 0));
    assert_eq!(refused(press(None, 4)).reason, Reason::ClockFast);
    assert_eq!(refused(press(Some(41), 46)).reason, Reason::ClockFast);
}

// ---------------------------------------------------------------- whose password, whose facts

#[test]
fn a_password_of_one_person_opens_nobody_elses_login() {
    let right = code(TOTP, step_at(NOW));
    let submitted = Submitted::new(right.as_bytes());
    for factor in [Factor::None, token(None), Factor::TokenMissing] {
        let facts = challenge(factor);
        for submitted in [None, Some(&submitted)] {
            let counter = &mut CodeCounter::default();
            let decided = second(&facts, verified(&name("mallory")), submitted, counter, NOW);
            assert_eq!(refused(decided).reason, Reason::UserUnknown);
            assert_eq!(counter.failures(NOW), 0);
        }
    }
}

// ---------------------------------------------------------------- the counter

#[test]
fn five_wrong_codes_and_the_sixth_is_not_looked_at() {
    let facts = challenge(token(None));
    let counter = &mut CodeCounter::default();
    let wrong = wrong_code(TOTP, step_at(NOW));
    for _ in 0..5 {
        let refusal = refused(judge(&facts, Some(&wrong), counter, NOW));
        assert_eq!(refusal.reason, Reason::CodeWrong);
    }
    let right = code(TOTP, step_at(NOW));
    let refusal = refused(judge(&facts, Some(&right), counter, NOW));
    assert_eq!(refusal.reason, Reason::CodeThrottled);
    assert_eq!(refusal.token, Some(serial()));
    let until = NOW.after(Span::from_secs(30));
    assert!(refusal.evidence.unwrap().contains(&until.to_string()));
    assert_eq!(counter.failures(NOW), 5, "what is not looked at counts not");
    let later = judge(&facts, Some(&right), counter, until);
    assert_eq!(spent(&later).0, step_at(NOW));
}

#[test]
fn thirty_wrong_codes_block_also_the_right_one() {
    let facts = challenge(token(None));
    let counter = &mut CodeCounter::default();
    for _ in 0..30 {
        counter.failed(NOW);
        counter.succeeded();
    }
    let refusal = refused(judge(&facts, Some(&code(TOTP, step_at(NOW))), counter, NOW));
    assert_eq!(refusal.reason, Reason::CodeBlocked);
    let asked = judge(&facts, None, counter, NOW);
    assert!(
        matches!(asked, Second::Challenge(_)),
        "the reply tells a stranger nothing of the count: {asked:?}"
    );
}

#[test]
fn a_decision_does_not_forget_failures_before_it_is_durable() {
    let facts = challenge(token(None));
    let counter = &mut CodeCounter::default();
    let wrong = wrong_code(TOTP, step_at(NOW));
    for _ in 0..4 {
        judge(&facts, Some(&wrong), counter, NOW);
    }
    let before = counter.clone();
    spent(&judge(
        &facts,
        Some(&code(TOTP, step_at(NOW))),
        counter,
        NOW,
    ));
    assert_eq!(*counter, before);
}

#[test]
fn a_throttled_source_is_told_apart_from_a_throttled_code() {
    let until = NOW.after(Span::from_secs(30));
    let refusal = Refusal::throttled(Throttled::Until(until), Reason::SourceThrottled);
    assert_eq!(refusal.reason, Reason::SourceThrottled);
    assert!(refusal.evidence.unwrap().contains(&until.to_string()));
    let blocked = Refusal::throttled(Throttled::Blocked, Reason::CodeThrottled);
    assert_eq!(blocked.reason, Reason::CodeBlocked);
}

// ---------------------------------------------------------------- secrets

#[test]
fn nothing_that_was_typed_is_printed() {
    let right = code(TOTP, step_at(NOW));
    let facts = facts(token(None), CodePosition::AfterPassword);
    let first = begin(&facts, presented(&format!("{PASSWORD}{right}")));
    let second = judge(&facts, Some(&right), &mut CodeCounter::default(), NOW);
    let printed = format!("{facts:?} {first:?} {second:?}");
    for secret in [PASSWORD, &right, "$argon2", "12345678901234567890"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

// ---------------------------------------------------------------- properties

proptest! {
    /// Whatever is typed, a grant spends a fresh step of the window that shows exactly this code.
    #[test]
    fn a_grant_is_a_fresh_step_of_the_window_that_shows_the_code(
        behind in 0_u64..4,
        drift in -3_i32..=3,
        typed in prop_oneof![(-6_i64..=6).prop_map(Ok), "\\PC{0,8}".prop_map(Err)],
    ) {
        let centre = step_at(NOW).checked_add_signed(drift.into()).unwrap();
        let floor = centre + 1 - behind;
        let text = match typed {
            Ok(offset) => code(TOTP, centre.checked_add_signed(offset).unwrap()),
            Err(text) => text,
        };
        let facts = challenge(usable(Verifier {
            drift: Drift(drift),
            ..verifier(TOTP, Some(floor))
        }));
        let counter = &mut CodeCounter::default();
        match judge(&facts, Some(&text), counter, NOW) {
            Second::Consume(consume) => {
                let Spend::Step { step, drift: learned, .. } = consume.spend() else {
                    panic!("nothing spent")
                };
                prop_assert!(step.0 > floor);
                prop_assert!(step.0.abs_diff(centre) <= 1);
                prop_assert_eq!(code(TOTP, step.0), text);
                let offset = i32::try_from(step.0.cast_signed() - centre.cast_signed()).unwrap();
                prop_assert_eq!(learned.0, drift + offset);
                prop_assert_eq!(counter.failures(NOW), 0);
            }
            Second::Refuse(refusal, _) | Second::AskNext(refusal, _) => {
                let counted = refusal.reason.is_wrong_code();
                prop_assert_eq!(counter.failures(NOW), usize::from(counted));
            }
            Second::Challenge(_) | Second::Send(..) => panic!("a code was typed"),
        }
    }

    /// Splitting gives back what was typed, octet for octet.
    #[test]
    fn what_is_split_is_what_was_typed(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
        let facts = facts(token(None), CodePosition::AfterPassword);
        let first = begin(&facts, Presented::new(Zeroizing::new(octets.clone())));
        let at = octets.len().saturating_sub(6);
        if octets.len() < 6 {
            prop_assert!(first.code.is_none());
            prop_assert_eq!(first.password.as_bytes(), octets.as_slice());
        } else {
            prop_assert_eq!(first.password.as_bytes(), &octets[..at]);
            let typed = String::from_utf8_lossy(&octets[at..]).into_owned();
            let kept = first.code.unwrap();
            prop_assert_eq!(kept.as_str(), typed.as_str());
        }
    }
}

// ---------------------------------------------------------------- a key instead of the password

fn with_key(factor: Factor, keys: &[PublicKey]) -> Facts {
    let mut facts = challenge(factor);
    if let Some(person) = &mut facts.person {
        person.keys = keys.into();
    }
    facts
}

fn signed(keys: &[PublicKey], by: &PublicKey) -> Proof {
    Proof::Key(KeyVerified::of(&alice(), keys, by).unwrap())
}

#[test]
fn a_signature_stands_for_the_password_and_not_for_the_code() {
    let (key, counter) = (PublicKey::from_wire(b"key"), &mut CodeCounter::default());
    let keys = [key.clone()];
    let without = with_key(Factor::None, &keys);
    let decided = second(&without, signed(&keys, &key), None, counter, NOW);
    assert!(matches!(decided, Second::Consume(_)));
    let with_token = with_key(token(None), &keys);
    let decided = second(&with_token, signed(&keys, &key), None, counter, NOW);
    assert!(matches!(decided, Second::Challenge(Proof::Key(_))));
}

#[test]
fn a_key_that_was_taken_away_meanwhile_is_worth_nothing() {
    let (key, counter) = (PublicKey::from_wire(b"key"), &mut CodeCounter::default());
    let keys = [key.clone()];
    let decided = second(
        &with_key(Factor::None, &[]),
        signed(&keys, &key),
        None,
        counter,
        NOW,
    );
    assert!(
        matches!(decided, Second::Refuse(refusal, _) if refusal.reason == Reason::ChangedMeanwhile)
    );
}
