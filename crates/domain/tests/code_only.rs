//! Clients that check the first factor themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::code_only::Vouched;
use domain::contact::Address;
use domain::login::{CodePosition, Factor, Facts, Person, Proof, Second, Submitted, second};
use domain::name::{CanonicalName, Realm};
use domain::password_policy::Validity;
use domain::reason::Reason;
use domain::throttle::CodeCounter;
use domain::time::Timestamp;
use domain::user::Switch;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PORTAL: &str = "rest:portal";

fn alice() -> CanonicalName {
    CanonicalName::within(Realm::ROOT, "alice").unwrap()
}

fn facts(factor: Factor) -> Facts {
    Facts {
        name: alice(),
        person: Some(Person {
            name: alice(),
            status: Switch::Enable,
            // The password that is over is not the one that the client checks.
            validity: Some(Validity {
                renewal: Switch::Disable,
                warns: NOW,
                ends: NOW,
            }),
            password: None,
            former: None,
            keys: Box::default(),
            factor,
            recovery: Box::default(),
        }),
        sources: Vec::new(),
        position: CodePosition::CodeOnly,
    }
}

fn judged(facts: &Facts, code: Option<&str>) -> Second {
    let proof = Proof::Client(Vouched::by(PORTAL, facts).unwrap());
    let code = code.map(|code| Submitted::new(code.as_bytes()));
    second(
        facts,
        proof,
        code.as_ref(),
        &mut CodeCounter::default(),
        NOW,
    )
}

fn reason(second: Second) -> Reason {
    match second {
        Second::Refuse(refusal, _) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_is_let_in_by_the_word_of_a_client_alone() {
    let facts = facts(Factor::None);
    for code in [None, Some(""), Some("123456")] {
        assert_eq!(reason(judged(&facts, code)), Reason::SecondFactorMissing);
    }
}

#[test]
fn a_client_that_is_set_otherwise_vouches_for_nobody() {
    let mut facts = facts(Factor::None);
    facts.position = CodePosition::Challenge;
    assert_eq!(Vouched::by(PORTAL, &facts), Err(Reason::ChangedMeanwhile));
    facts.position = CodePosition::CodeOnly;
    facts.person = None;
    assert_eq!(Vouched::by(PORTAL, &facts), Err(Reason::UserUnknown));
}

#[test]
fn a_code_is_sent_when_it_is_asked_for_and_not_taken_unasked() {
    let to = Address::Mail("alice@example.org".into());
    let facts = facts(Factor::Sent(to));
    assert!(matches!(judged(&facts, None), Second::Send(..)));
    assert_eq!(
        reason(judged(&facts, Some("123456"))),
        Reason::SentCodeUnasked
    );
}

#[test]
fn a_disabled_person_stays_out() {
    let mut facts = facts(Factor::None);
    facts.person.as_mut().unwrap().status = Switch::Disable;
    assert_eq!(reason(judged(&facts, Some("123456"))), Reason::UserDisabled);
}
