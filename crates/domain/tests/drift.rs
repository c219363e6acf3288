//! A code that is right for another time: the next one is asked for, and two that follow each other let in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use domain::code_only::Vouched;
use domain::contact::{Address, Channel};
use domain::login::trial::{Tried, try_second};
use domain::login::{
    CodePosition, Drifted, Factor, Facts, NEXT_CODE_SPAN, Person, Proof, Refusal, Second, Spend,
    Submitted, next, second,
};
use domain::name::CanonicalName;
use domain::password::{Check, PasswordHash, Presented, SALT_LEN};
use domain::reason::Reason;
use domain::throttle::CodeCounter;
use domain::time::{Span, Timestamp};
use domain::token::{SeedVersion, Usability, Verifier};
use domain::user::Switch;
use ident::TokenSerial;
use otp::{Drift, Kind, Parameters, Seed, Step, code_at};
use proptest::prelude::*;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const TOTP: Parameters = Parameters {
    kind: Kind::Totp(otp::Period::SIXTY),
    digest: otp::Digest::Sha1,
    digits: otp::Digits::SIX,
};
const HOTP: Parameters = Parameters {
    kind: Kind::Hotp,
    ..TOTP
};
const PASSWORD: &str = "correct horse";
static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::new(PASSWORD, [7; SALT_LEN]).unwrap());

fn rfc_seed() -> Seed {
    Seed::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec())).unwrap()
}

fn serial() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn alice() -> CanonicalName {
    CanonicalName::of("alice").unwrap()
}

/// The code of the step so many away from that of `NOW`.
fn shown(offset: i64) -> String {
    let step = NOW.unix() / 60;
    code(TOTP, step.checked_add_signed(offset).unwrap())
}

fn code(parameters: Parameters, step: u64) -> String {
    code_at(&rfc_seed(), parameters, Step(step)).as_str().into()
}

fn verifier() -> Verifier {
    Verifier {
        serial: serial(),
        seed_version: SeedVersion::default(),
        seed: rfc_seed(),
        parameters: TOTP,
        drift: Drift(0),
        spent: None,
        held: Box::default(),
    }
}

fn facts(verifier: Verifier, position: CodePosition) -> Facts {
    Facts {
        name: alice(),
        person: Some(Person {
            name: alice(),
            status: Switch::Enable,
            password: Some((&*HASH).into()),
            validity: None,
            former: None,
            keys: Box::default(),
            factor: Factor::Token {
                verifier,
                usability: Usability::Usable,
            },
            recovery: Box::default(),
        }),
        sources: Vec::new(),
        position,
    }
}

fn asked() -> Facts {
    facts(verifier(), CodePosition::Challenge)
}

/// The proof that the password was right, of one hash in all.
fn proof() -> Proof {
    use domain::password::{KEY_LEN, Remembered};
    use std::hash::RandomState;
    use std::sync::Mutex;
    static MEMORY: LazyLock<Mutex<Remembered<RandomState>>> =
        LazyLock::new(|| Mutex::new(Remembered::new([3; KEY_LEN], 10, RandomState::new())));
    let mut memory = MEMORY.lock().unwrap();
    let check = Check::stored(alice(), HASH.digest());
    let password = Presented::new(Zeroizing::new(PASSWORD.as_bytes().to_vec()));
    let recalled = check.recall(&password, &memory, NOW);
    let verified = recalled.unwrap_or_else(|| {
        let evaluation = check.against(Some(HASH.clone()));
        let proof = evaluation.verify(&password).unwrap();
        memory.remember(&proof, &password, Span::from_secs(60), NOW);
        proof
    });
    verified.into()
}

fn first(facts: &Facts, code: &str, counter: &mut CodeCounter, now: Timestamp) -> Second {
    let submitted = Submitted::new(code.as_bytes());
    second(facts, proof(), Some(&submitted), counter, now)
}

fn follow(
    facts: &Facts,
    drifted: Drifted,
    code: &str,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Second {
    next(
        facts,
        drifted,
        &Submitted::new(code.as_bytes()),
        counter,
        now,
    )
}

#[track_caller]
fn asks_next(second: Second) -> (Refusal, Drifted) {
    match second {
        Second::AskNext(refusal, drifted) => (refusal, *drifted),
        other => panic!("the next code is not asked for: {other:?}"),
    }
}

#[track_caller]
fn refused(second: Second) -> Reason {
    match second {
        Second::Refuse(refusal, _) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// The first step of those that are spent, the last, and the drift that is learned.
#[track_caller]
fn spent(second: &Second) -> (u64, u64, i32) {
    let Second::Consume(consume) = second else {
        panic!("not let in: {second:?}");
    };
    let Spend::Step { step, drift, .. } = consume.spend() else {
        panic!("no step is spent: {consume:?}");
    };
    let (_, first) = consume.first_step().unwrap();
    (first.0, step.0, drift.0)
}

#[test]
fn a_code_of_another_time_asks_for_the_next_which_lets_in_and_teaches_the_drift() {
    for offset in [-60, -14, -2, 2, 14, 59] {
        let counter = &mut CodeCounter::default();
        let facts = asked();
        let (refusal, drifted) = asks_next(first(&facts, &shown(offset), counter, NOW));
        let (reason, pace) = if offset < 0 {
            (Reason::ClockSlow, "slow")
        } else {
            (Reason::ClockFast, "fast")
        };
        assert_eq!(refusal.reason, reason);
        assert_eq!(refusal.token, Some(serial()));
        let evidence = format!(
            "clock of this token ({}) is {} steps {pace}; the next code was asked for",
            serial(),
            offset.unsigned_abs()
        );
        assert_eq!(refusal.evidence.as_deref(), Some(&*evidence));
        assert_eq!(drifted.waiting.shown(), shown(offset));
        assert_eq!(counter.failures(NOW), 1);

        let later = NOW.after(Span::from_secs(61));
        let decided = follow(&facts, drifted, &shown(offset + 1), counter, later);
        let (begin, end, drift) = spent(&decided);
        assert_eq!(end, begin + 1);
        let now = later.unix() / 60;
        assert_eq!(i64::from(drift), end.cast_signed() - now.cast_signed());
    }
}

#[test]
fn beyond_reach_nothing_is_asked_for() {
    for offset in [-62, 62] {
        let counter = &mut CodeCounter::default();
        let decided = first(&asked(), &shown(offset), counter, NOW);
        assert_eq!(refused(decided), Reason::CodeWrong);
    }
}

#[test]
fn who_cannot_be_asked_or_has_proven_nothing_is_refused_as_for_any_wrong_code() {
    for position in [
        CodePosition::AfterPassword,
        CodePosition::BeforePassword,
        CodePosition::SeparatorAlone('/'),
        CodePosition::Beside,
    ] {
        let counter = &mut CodeCounter::default();
        let facts = facts(verifier(), position);
        let decided = first(&facts, &shown(-14), counter, NOW);
        assert_eq!(refused(decided), Reason::CodeWrong, "{position:?}");
    }
    let counter = &mut CodeCounter::default();
    let facts = facts(verifier(), CodePosition::CodeOnly);
    let vouched = Vouched::by("portal", &facts).unwrap();
    let code = Submitted::new(shown(-14).as_bytes());
    let decided = second(&facts, Proof::Client(vouched), Some(&code), counter, NOW);
    assert_eq!(refused(decided), Reason::CodeWrong);
}

#[test]
fn whatever_else_is_typed_the_next_code_is_asked_for_again_and_wrong_ones_count() {
    let facts = asked();
    let counter = &mut CodeCounter::default();
    let (_, mut drifted) = asks_next(first(&facts, &shown(-14), counter, NOW));
    for (typed, reason, failures) in [
        (shown(-14), Reason::CodeReplayed, 1),
        ("12".to_owned(), Reason::CodeMalformed, 2),
        (shown(-200), Reason::CodeWrong, 3),
        (shown(-12), Reason::ClockSlow, 4),
    ] {
        let (refusal, again) = asks_next(follow(&facts, drifted, &typed, counter, NOW));
        assert_eq!((refusal.reason, counter.failures(NOW)), (reason, failures));
        assert_eq!(again.waiting.until(), NOW.after(NEXT_CODE_SPAN));
        // The prompt tells none of them from another.
        assert_eq!(again.waiting.shown(), shown(-14));
        drifted = again;
    }
    // The last of them is the one that is followed now.
    spent(&follow(&facts, drifted, &shown(-11), counter, NOW));
}

#[test]
fn two_codes_that_do_not_follow_each_other_let_nobody_in() {
    for (one, other) in [(-14, -15), (-14, -12), (-14, -16), (14, 13), (14, 16)] {
        let facts = asked();
        let counter = &mut CodeCounter::default();
        let (_, drifted) = asks_next(first(&facts, &shown(one), counter, NOW));
        asks_next(follow(&facts, drifted, &shown(other), counter, NOW));
    }
}

#[test]
fn what_is_over_is_asked_for_no_more() {
    let facts = asked();
    let counter = &mut CodeCounter::default();
    let (_, drifted) = asks_next(first(&facts, &shown(-14), counter, NOW));
    let late = NOW.after(NEXT_CODE_SPAN);
    let decided = follow(&facts, drifted, &shown(-13), counter, late);
    let Second::Refuse(refusal, None) = decided else {
        panic!("{decided:?}");
    };
    assert_eq!(refusal.reason, Reason::ChallengeExpired);
    // Which time is over: that of a challenge can be set, and this cannot.
    let evidence = format!("the question for the next code was open until {late}");
    assert_eq!(refusal.evidence.as_deref(), Some(&*evidence));
}

#[test]
fn the_fifth_wrong_code_is_the_last_that_is_looked_at() {
    let facts = asked();
    let counter = &mut CodeCounter::default();
    let (_, mut drifted) = asks_next(first(&facts, &shown(-14), counter, NOW));
    for _ in 0..4 {
        drifted = asks_next(follow(&facts, drifted, &shown(-200), counter, NOW)).1;
    }
    let decided = follow(&facts, drifted, &shown(-13), counter, NOW);
    assert_eq!(refused(decided), Reason::CodeThrottled);
}

#[test]
fn a_used_code_asks_for_nothing_and_follows_nothing() {
    let step = NOW.unix() / 60;
    let used = |offset| Verifier {
        spent: Some(Step(step - offset)),
        ..verifier()
    };
    let counter = &mut CodeCounter::default();
    let facts_of = |verifier| facts(verifier, CodePosition::Challenge);
    let decided = first(&facts_of(used(14)), &shown(-14), counter, NOW);
    assert_eq!(refused(decided), Reason::CodeWrong);
    // The first is spent between the two: by a resynchronisation, say.
    let (_, drifted) = asks_next(first(&asked(), &shown(-14), counter, NOW));
    let decided = follow(&facts_of(used(14)), drifted, &shown(-13), counter, NOW);
    assert!(matches!(decided, Second::AskNext(..)), "{decided:?}");
}

#[test]
fn a_code_that_asked_for_the_next_lets_nobody_in_when_its_time_comes() {
    let counter = &mut CodeCounter::default();
    let (refusal, _) = asks_next(first(&asked(), &shown(20), counter, NOW));
    let verifier = Verifier {
        held: refusal.step.into_iter().collect(),
        ..verifier()
    };
    let facts = facts(verifier, CodePosition::Challenge);
    let its_time = NOW.after(Span::from_mins(20));
    let decided = first(&facts, &shown(20), counter, its_time);
    assert_eq!(refused(decided), Reason::CodeReplayed);
    let decided = first(&facts, &shown(21), counter, its_time);
    assert_eq!(spent(&decided).0, NOW.unix() / 60 + 21);
}

#[test]
fn the_code_of_now_lets_in_whatever_was_asked_for() {
    let facts = asked();
    let counter = &mut CodeCounter::default();
    let (_, drifted) = asks_next(first(&facts, &shown(-14), counter, NOW));
    let step = NOW.unix() / 60;
    let decided = follow(&facts, drifted, &shown(0), counter, NOW);
    assert_eq!(spent(&decided), (step, step, 0));
}

#[test]
fn another_token_meanwhile_follows_nothing() {
    let counter = &mut CodeCounter::default();
    let (_, drifted) = asks_next(first(&asked(), &shown(-14), counter, NOW));
    let other = Verifier {
        serial: TokenSerial::mobile([2; 5]),
        ..verifier()
    };
    let facts = facts(other, CodePosition::Challenge);
    let decided = follow(&facts, drifted, &shown(-13), counter, NOW);
    assert!(matches!(decided, Second::AskNext(..)), "{decided:?}");
}

#[test]
fn a_counter_that_was_pressed_too_often_is_followed_too() {
    let counter_token = Verifier {
        parameters: HOTP,
        spent: Some(Step(9)),
        ..verifier()
    };
    let facts = facts(counter_token, CodePosition::Challenge);
    let counter = &mut CodeCounter::default();
    let (refusal, drifted) = asks_next(first(&facts, &code(HOTP, 50), counter, NOW));
    assert_eq!(
        refusal.evidence.as_deref(),
        Some(&*format!(
            "counter of this token ({}) is 40 presses fast; the next code was asked for",
            serial()
        ))
    );
    let decided = follow(&facts, drifted, &code(HOTP, 51), counter, NOW);
    assert_eq!(spent(&decided), (50, 51, 0));
}

#[test]
fn nothing_that_was_typed_is_printed() {
    let counter = &mut CodeCounter::default();
    let (_, drifted) = asks_next(first(&asked(), &shown(-14), counter, NOW));
    assert!(!format!("{drifted:?}").contains(&shown(-14)));
}

proptest! {
    /// Whatever is typed in whatever order: nobody is let in but by the code of the window, or by two that follow each
    /// other; nothing that is spent comes again; and the time in which the next is asked for does not grow.
    #[test]
    fn only_the_window_or_a_pair_lets_in(
        typed in proptest::collection::vec((-70_i64..=70, 0_i64..90), 1..12),
        floor in proptest::option::of(-70_i64..=70),
    ) {
        let step = NOW.unix() / 60;
        let spent_before = floor.map(|floor| Step(step.checked_add_signed(floor).unwrap()));
        let verifier = Verifier { spent: spent_before, ..verifier() };
        let facts = facts(verifier, CodePosition::Challenge);
        let counter = &mut CodeCounter::default();
        let (mut now, mut waiting, mut until) = (NOW, None::<Drifted>, None);
        let mut before = None;
        for (offset, seconds) in typed {
            now = now.after(Span::from_secs(seconds));
            let shown = shown(offset);
            let decided = match waiting.take() {
                Some(drifted) => follow(&facts, drifted, &shown, counter, now),
                None => first(&facts, &shown, counter, now),
            };
            match decided {
                Second::Consume(_) => {
                    let (first, last, _) = spent(&decided);
                    prop_assert!(spent_before.is_none_or(|spent| spent.0 < first));
                    let centre = now.unix() / 60;
                    let in_window = last.abs_diff(centre) <= 1;
                    let follows = before.is_some_and(|before: i64| before + 1 == offset);
                    prop_assert!(in_window || (follows && first + 1 == last));
                    return Ok(());
                }
                Second::AskNext(refusal, drifted) => {
                    let begun = until.get_or_insert(drifted.waiting.until());
                    prop_assert_eq!(*begun, drifted.waiting.until());
                    let is_off = matches!(refusal.reason, Reason::ClockSlow | Reason::ClockFast);
                    before = is_off.then_some(offset).or(before);
                    waiting = Some(*drifted);
                }
                Second::Refuse(..) => (before, until) = (None, None),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

fn tried(facts: &Facts, code: &str, counter: &CodeCounter) -> Tried {
    let submitted = Submitted::new(code.as_bytes());
    try_second(facts, proof(), Some(&submitted), counter.clone(), NOW)
}

#[test]
fn what_is_tried_out_is_decided_as_a_login_is_and_counts_nowhere() {
    let facts = asked();
    let counter = CodeCounter::default();
    for _ in 0..2 {
        let right = tried(&facts, &shown(0), &counter);
        assert!(
            matches!(right, Tried::LetIn(Spend::Step { .. })),
            "{right:?}"
        );
        let fast = tried(&facts, &shown(20), &counter);
        let Tried::NextAsked(refusal) = fast else {
            panic!("{fast:?}");
        };
        assert_eq!(refusal.reason, Reason::ClockFast);
        assert!(!refusal.evidence.unwrap().contains("was asked for"));
        assert_eq!(refusal.step, Some(Step(NOW.unix() / 60 + 20)));
        let wrong = tried(&facts, &shown(1_000), &counter);
        assert_eq!(wrong.reason(), Some(Reason::CodeWrong));
    }
    assert!(counter.is_clear(NOW));
    let none = try_second(&facts, proof(), None, counter, NOW);
    assert_eq!(none, Tried::CodeAsked);
    let mut delayed = CodeCounter::default();
    (0..5).for_each(|_| delayed.failed(NOW));
    let throttled = tried(&facts, &shown(0), &delayed);
    assert_eq!(throttled.reason(), Some(Reason::CodeThrottled));
}

#[test]
fn a_code_that_would_be_sent_is_none_that_is_typed_at_a_try() {
    let mut facts = asked();
    let to = Address::Mail("alice@example.org".into());
    facts.person.as_mut().unwrap().factor = Factor::Sent(to);
    let tried = tried(&facts, &shown(0), &CodeCounter::default());
    assert_eq!(tried, Tried::CodeSent(Channel::Email));
}
