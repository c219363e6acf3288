//! The login decision where the code is sent: every way through `second` and `sent`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use domain::contact::{Address, Channel};
use domain::login::{
    CodePosition, Factor, Facts, Person, Proof, Second, Spend, Submitted, second, sent,
};
use domain::name::CanonicalName;
use domain::one_time::{CodeKey, Issued, OneTimeCode};
use domain::password::{Evaluation, KEY_LEN, PasswordHash, Presented, SALT_LEN};
use domain::reason::Reason;
use domain::throttle::CodeCounter;
use domain::time::{Span, Timestamp};
use domain::user::Switch;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LIFETIME: Span = Span::from_secs(60);
const PASSWORD: &str = "correct horse";
static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::new(PASSWORD, [7; SALT_LEN]).unwrap());

fn alice() -> CanonicalName {
    CanonicalName::of("alice").unwrap()
}

fn mailbox() -> Address {
    Address::Mail("alice@example.org".into())
}

fn facts(factor: Factor) -> Facts {
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
        position: CodePosition::Challenge,
    }
}

fn proof() -> Proof {
    let presented = Presented::new(Zeroizing::new(PASSWORD.as_bytes().to_vec()));
    let evaluation = Evaluation::of(alice(), HASH.clone());
    evaluation.verify(&presented).unwrap().into()
}

fn key() -> CodeKey {
    CodeKey::new([3; KEY_LEN])
}

/// The code 000042, sent to alice's mailbox.
fn issued() -> Issued {
    let code = OneTimeCode::draw(42_u64.to_be_bytes());
    code.issue(&key(), alice(), mailbox(), NOW.after(LIFETIME))
}

fn answer(facts: &Facts, typed: &str, counter: &mut CodeCounter, now: Timestamp) -> Second {
    let typed = Submitted::new(typed.as_bytes());
    sent(facts, proof(), issued(), &typed, &key(), counter, now)
}

#[track_caller]
fn refused(second: Second) -> Reason {
    match second {
        Second::Refuse(refusal, _) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_right_password_has_a_code_sent_and_the_code_lets_in() {
    let facts = facts(Factor::Sent(mailbox()));
    let counter = &mut CodeCounter::default();
    let Second::Send(_, to) = second(&facts, proof(), None, counter, NOW) else {
        panic!("no code is sent");
    };
    assert_eq!(to, mailbox());
    let Second::Consume(consume) = answer(&facts, "000042", counter, NOW) else {
        panic!("the code is refused");
    };
    assert_eq!(consume.spend(), Spend::Sent(Channel::Email));
    assert_eq!(consume.sent_to(), Some(&mailbox()));
}

#[test]
fn a_wrong_code_counts_and_a_late_one_does_not() {
    let facts = facts(Factor::Sent(mailbox()));
    let mut counter = CodeCounter::default();
    let late = answer(&facts, "000042", &mut counter, NOW.after(LIFETIME));
    assert_eq!(refused(late), Reason::SentCodeExpired);
    assert_eq!(counter.failures(NOW), 0);
    for typed in ["000043", "", "000042 "] {
        let wrong = answer(&facts, typed, &mut counter, NOW);
        assert_eq!(refused(wrong), Reason::SentCodeWrong, "{typed:?}");
    }
    assert_eq!(counter.failures(NOW), 3);
}

#[test]
fn who_guessed_too_often_is_sent_nothing_and_not_looked_at() {
    let facts = facts(Factor::Sent(mailbox()));
    let mut counter = CodeCounter::default();
    for _ in 0..5 {
        answer(&facts, "000043", &mut counter, NOW);
    }
    let right = answer(&facts, "000042", &mut counter, NOW);
    assert_eq!(refused(right), Reason::CodeThrottled);
    let again = second(&facts, proof(), None, &mut counter, NOW);
    assert_eq!(refused(again), Reason::CodeThrottled);
}

#[test]
fn what_was_changed_since_the_code_was_sent_holds() {
    let elsewhere = Address::Mail("mallory@example.org".into());
    let counter = &mut CodeCounter::default();
    for (factor, reason) in [
        (Factor::Sent(elsewhere), Reason::ChangedMeanwhile),
        (Factor::TokenMissing, Reason::ChangedMeanwhile),
        (Factor::None, Reason::ChangedMeanwhile),
        (Factor::SentCodesRefused, Reason::SentCodesRefused),
    ] {
        let answered = answer(&facts(factor), "000042", counter, NOW);
        assert_eq!(refused(answered), reason);
    }
    let mut disabled = facts(Factor::Sent(mailbox()));
    disabled.person.as_mut().unwrap().status = Switch::Disable;
    let answered = answer(&disabled, "000042", counter, NOW);
    assert_eq!(refused(answered), Reason::UserDisabled);
}

#[test]
fn anothers_code_lets_nobody_in() {
    let code = OneTimeCode::draw(42_u64.to_be_bytes());
    let bob = CanonicalName::of("bob").unwrap();
    let of_bob = code.issue(&key(), bob, mailbox(), NOW.after(LIFETIME));
    let typed = Submitted::new(b"000042");
    let facts = facts(Factor::Sent(mailbox()));
    let counter = &mut CodeCounter::default();
    let answered = sent(&facts, proof(), of_bob, &typed, &key(), counter, NOW);
    assert_eq!(refused(answered), Reason::ChangedMeanwhile);
}

#[test]
fn codes_that_cannot_be_sent_or_asked_for_are_refused_for_what_is_missing() {
    let counter = &mut CodeCounter::default();
    let missing = second(&facts(Factor::AddressMissing), proof(), None, counter, NOW);
    assert_eq!(refused(missing), Reason::AddressMissing);
    let weak = second(
        &facts(Factor::SentCodesRefused),
        proof(),
        None,
        counter,
        NOW,
    );
    assert_eq!(refused(weak), Reason::SentCodesRefused);
    let mut appending = facts(Factor::Sent(mailbox()));
    appending.position = CodePosition::AfterPassword;
    let unasked = second(&appending, proof(), None, counter, NOW);
    assert_eq!(refused(unasked), Reason::SentCodeUnasked);
    // The challenge of a token, answered after its user was changed to codes by mail.
    let typed = Submitted::new(b"000042");
    let changed = facts(Factor::Sent(mailbox()));
    let answered = second(&changed, proof(), Some(&typed), counter, NOW);
    assert_eq!(refused(answered), Reason::ChangedMeanwhile);
}
