//! The login decision where a person is asked on the phone: every way through `pushed`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use domain::login::{
    CodePosition, Factor, Facts, Person, Proof, Second, Spend, may_be_asked, pushed,
};
use domain::name::CanonicalName;
use domain::password::{Evaluation, PasswordHash, Presented, SALT_LEN};
use domain::push::{Number, Outstanding, Said, Session};
use domain::reason::Reason;
use domain::throttle::CodeCounter;
use domain::time::{Span, Timestamp};
use domain::token::{SeedVersion, Usability, Verifier};
use domain::user::Switch;
use ident::{RegistrationId, TokenSerial};
use otp::{Digest, Digits, Drift, Kind, Parameters, Period, Seed};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LIFETIME: Span = Span::from_secs(60);
const PASSWORD: &str = "correct horse";
static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::new(PASSWORD, [7; SALT_LEN]).unwrap());

fn alice() -> CanonicalName {
    CanonicalName::of("alice").unwrap()
}

fn serial(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn token(number: u8, usability: Usability) -> Factor {
    Factor::Token {
        verifier: Verifier {
            serial: serial(number),
            seed_version: SeedVersion::default(),
            seed: Seed::from_bytes(Zeroizing::new(vec![number; 20])).unwrap(),
            parameters: Parameters {
                kind: Kind::Totp(Period::SIXTY),
                digest: Digest::Sha1,
                digits: Digits::SIX,
            },
            drift: Drift(0),
            spent: None,
            held: Box::default(),
        },
        usability,
    }
}

fn facts(status: Switch, factor: Factor) -> Facts {
    Facts {
        name: alice(),
        person: Some(Person {
            name: alice(),
            status,
            password: Some((&*HASH).into()),
            validity: None,
            former: None,
            keys: Box::default(),
            recovery: Box::default(),
            factor,
        }),
        sources: Vec::new(),
        position: CodePosition::Challenge,
    }
}

fn proof() -> Proof {
    let presented = Presented::new(Zeroizing::new(PASSWORD.as_bytes().to_vec()));
    let evaluation = Evaluation::of(alice(), HASH.clone());
    evaluation.verify(&presented).unwrap().into()
}

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn outstanding() -> Outstanding {
    Outstanding {
        session: Session::new([9; 16]),
        person: alice(),
        token: serial(1),
        device: RegistrationId::from_bytes([4; 32]),
        number: Some(number("47")),
        expires: NOW.after(LIFETIME),
    }
}

fn judged(facts: &Facts, said: Option<Said>, counter: &mut CodeCounter, at: Timestamp) -> Second {
    pushed(facts, proof(), outstanding(), said, counter, at)
}

#[track_caller]
fn refused(second: Second) -> Reason {
    match second {
        Second::Refuse(refusal, _) => {
            assert_eq!(refusal.token, Some(serial(1)));
            refusal.reason
        }
        other => panic!("{other:?}"),
    }
}

fn approve(typed: &str) -> Said {
    Said::Approve(Some(number(typed)))
}

#[test]
fn the_number_of_the_login_lets_in() {
    let facts = facts(Switch::Enable, token(1, Usability::Usable));
    let counter = &mut CodeCounter::default();
    let Second::Consume(consume) = judged(&facts, Some(approve("47")), counter, NOW) else {
        panic!("the approval is refused");
    };
    let (token, session) = (serial(1), Session::new([9; 16]));
    assert_eq!(consume.spend(), Spend::Push { token, session });
    assert_eq!(consume.phone(), Some(&RegistrationId::from_bytes([4; 32])));
    assert_eq!(counter.failures(NOW), 0);
}

#[test]
fn what_a_person_denies_counts_and_silence_does_not() {
    let facts = facts(Switch::Enable, token(1, Usability::Usable));
    let mut counter = CodeCounter::default();
    for (said, reason, failures) in [
        (None, Reason::PushExpired, 0),
        (Some(approve("48")), Reason::PushNumberWrong, 1),
        (Some(Said::Deny), Reason::PushDenied, 2),
        (Some(Said::NotMe), Reason::PushNotMe, 3),
        (Some(Said::Approve(None)), Reason::PushNumberWrong, 4),
    ] {
        let second = judged(&facts, said, &mut counter, NOW);
        assert_eq!(refused(second), reason);
        assert_eq!(counter.failures(NOW), failures);
        assert_eq!(reason.is_wrong_code(), failures > 0);
    }
    let late = judged(
        &facts,
        Some(approve("47")),
        &mut counter,
        NOW.after(LIFETIME),
    );
    assert_eq!(refused(late), Reason::PushExpired);
}

#[test]
fn what_was_changed_since_the_person_was_asked_holds() {
    let counter = &mut CodeCounter::default();
    for (facts, reason) in [
        (
            facts(Switch::Disable, token(1, Usability::Usable)),
            Reason::UserDisabled,
        ),
        (
            facts(Switch::Enable, token(1, Usability::Locked)),
            Reason::TokenLocked,
        ),
        (
            facts(Switch::Enable, token(1, Usability::NotActivated)),
            Reason::TokenNotActivated,
        ),
        (
            facts(Switch::Enable, token(2, Usability::Usable)),
            Reason::ChangedMeanwhile,
        ),
        (
            facts(Switch::Enable, Factor::None),
            Reason::ChangedMeanwhile,
        ),
    ] {
        let second = judged(&facts, Some(approve("47")), counter, NOW);
        assert_eq!(refused(second), reason);
    }
}

#[test]
fn who_may_not_have_a_code_looked_at_is_neither_asked_nor_let_in() {
    let facts = facts(Switch::Enable, token(1, Usability::Usable));
    for (wrong_codes, reason) in [(5, Reason::CodeThrottled), (30, Reason::CodeBlocked)] {
        let mut counter = CodeCounter::default();
        assert_eq!(may_be_asked(&facts, &proof(), &counter, NOW), Ok(()));
        for _ in 0..wrong_codes {
            counter.failed(NOW);
        }
        let asked = may_be_asked(&facts, &proof(), &counter, NOW);
        assert_eq!(asked.map_err(|refusal| refusal.reason), Err(reason));
        let before = counter.clone();
        for typed in ["47", "48"] {
            let second = judged(&facts, Some(approve(typed)), &mut counter, NOW);
            assert_eq!(refused(second), reason);
        }
        assert_eq!(counter, before);
        let denied = judged(&facts, Some(Said::Deny), &mut counter, NOW);
        assert_eq!(refused(denied), Reason::PushDenied);
    }
}

#[test]
fn who_may_not_log_in_is_not_asked() {
    let facts = facts(Switch::Disable, token(1, Usability::Usable));
    let asked = may_be_asked(&facts, &proof(), &CodeCounter::default(), NOW);
    let reason = asked.map_err(|refusal| refusal.reason);
    assert_eq!(reason, Err(Reason::UserDisabled));
}
