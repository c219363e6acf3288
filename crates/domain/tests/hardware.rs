//! Hardware tokens: added, activated, taken over from another unit, cured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::access::Authority;
use domain::admin::{
    AdminError, Change, Edit, Entropy, Facts, HardwareAnswer, Message, Operation, Owned, Plan,
    Remark, apply,
};
use domain::audit::{ActivationStage, What};
use domain::intake;
use domain::schema::{FORTITOKEN, Place, Value};
use domain::time::{Span, Timestamp};
use domain::token::{ActivationFailure, Stage, Token, TokenStatus};
use domain::vdom::Vdom;
use ident::{LicenceSerial, TokenSerial};
use otp::{KeyUri, Parameters, Seed};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_721_067_019);
const NOT_GIVEN: &str = "token already activated, and seed won't be returned";
const UNKNOWN: &str = "activation error (token not exist in FortiGuard)";

fn device() -> TokenSerial {
    TokenSerial::parse("FTK2000BHV1KRZCC").unwrap()
}

fn mobile() -> TokenSerial {
    TokenSerial::parse("FTKMOB4BA4BE9B84").unwrap()
}

fn seed() -> Seed {
    Seed::from_bytes(Zeroizing::new(vec![7; 20])).unwrap()
}

fn token(stage: Stage) -> Token {
    Token {
        has_seed: matches!(stage, Stage::Activated),
        stage,
        ..Token::imported(Vdom::ROOT, device(), None)
    }
}

fn facts(tokens: Vec<Token>) -> Facts {
    let owned = |token: Token| (token.serial, Owned { token, owner: None });
    Facts {
        tokens: tokens.into_iter().map(owned).collect(),
        vdoms: vec![Vdom::ROOT],
        code_lifetime: Span::from_hours(72),
        ..Facts::default()
    }
}

fn decide(operation: Operation, facts: Facts) -> Result<Plan, AdminError> {
    let entropy = Entropy {
        seed: Zeroizing::new([9; 20]),
        salt: [9; 16],
    };
    apply(operation, facts, &entropy, &Authority::system("test"), NOW)
}

fn edit(serial: TokenSerial, seed: Option<Value>) -> Operation {
    let field = FORTITOKEN.field("seed").unwrap();
    let edits = seed.map(|seed| Edit::Set(field, seed));
    Operation::Configure {
        place: Place::new(Vdom::ROOT, &FORTITOKEN, serial.as_str()),
        edits: edits.into_iter().collect(),
    }
}

/// What another unit sealed.
fn foreign() -> Value {
    Value::Foreign("c2VlZA==".into())
}

/// What this unit sealed, opened.
fn own() -> Value {
    let uri = KeyUri {
        issuer: None,
        account: otp::key_uri::Name::new(device().as_str()).unwrap(),
        seed: seed(),
        parameters: Parameters::default(),
        counter: None,
    };
    Value::Secret(uri.render())
}

fn activate() -> Operation {
    Operation::ActivateHardware {
        vdom: Vdom::ROOT,
        tokens: vec![device()],
    }
}

fn answer(outcome: Result<(Seed, Parameters), ActivationFailure>) -> Operation {
    Operation::HardwareActivated(vec![HardwareAnswer {
        token: device(),
        outcome,
        answer: "token already activated, and seed won't be returned (111)".into(),
    }])
}

/// The token of a plan, and whether a seed is written with it.
fn outcome(plan: &Plan) -> (&Token, bool) {
    let token = plan.changes.iter().find_map(|change| match change {
        Change::Token(token) => Some(token),
        _ => None,
    });
    let is_seed = |change: &Change| matches!(change, Change::Seed(_, Some(_)));
    (token.unwrap(), plan.changes.iter().any(is_seed))
}

fn asks(plan: &Plan) -> bool {
    matches!(&plan.messages[..], [Message::ActivateHardware { tokens, .. }] if *tokens == [device()])
}

#[test]
fn a_token_that_is_added_asks_for_its_seed() {
    let plan = decide(edit(device(), None), facts(vec![])).unwrap();
    let (added, seeded) = outcome(&plan);
    assert!(asks(&plan) && !seeded);
    // Until the token server is reached.
    assert_eq!(added.status_text(NOW), UNKNOWN);
    // A later change of it does not.
    let plan = decide(edit(device(), None), facts(vec![token(Stage::Activated)])).unwrap();
    assert!(plan.messages.is_empty());
}

#[test]
fn the_answer_makes_it_active_or_says_why_not() {
    let waiting = || facts(vec![token(Stage::Requested)]);
    let plan = decide(answer(Ok((seed(), Parameters::default()))), waiting()).unwrap();
    let (active, seeded) = outcome(&plan);
    assert_eq!((active.status_text(NOW), seeded), ("active", true));
    for (failure, status) in [
        (ActivationFailure::AlreadyActivated, NOT_GIVEN),
        (ActivationFailure::Unknown, UNKNOWN),
    ] {
        let plan = decide(answer(Err(failure)), waiting()).unwrap();
        let (failed, seeded) = outcome(&plan);
        assert_eq!((failed.status_text(NOW), seeded), (status, false));
        let refused = plan.events.iter().any(|event| {
            matches!(
                &event.what,
                What::Activation {
                    stage: ActivationStage::Refused,
                    ..
                }
            )
        });
        assert!(refused);
        // It may be tried again.
        let failed = token(Stage::Failed(ActivationFailure::AlreadyActivated));
        assert!(asks(&decide(activate(), facts(vec![failed])).unwrap()));
    }
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let foreign = Stage::Failed(ActivationFailure::Foreign("c2VlZA==".into()));
    for stage in [Stage::Activated, Stage::New, foreign] {
        let late = answer(Err(ActivationFailure::Unknown));
        let plan = decide(late, facts(vec![token(stage)])).unwrap();
        assert!(plan.changes.is_empty());
    }
    let late = answer(Ok((seed(), Parameters::default())));
    assert!(decide(late, facts(vec![])).unwrap().changes.is_empty());
}

#[test]
fn a_seed_that_is_given_once_is_not_lost_to_a_second_request() {
    let failed = token(Stage::Failed(ActivationFailure::AlreadyActivated));
    let first = answer(Ok((seed(), Parameters::default())));
    let plan = decide(first, facts(vec![failed])).unwrap();
    assert_eq!(outcome(&plan).0.status_text(NOW), "active");
}

#[test]
fn a_seed_of_another_unit_is_kept_and_shown_as_an_error_until_the_token_is_added_anew() {
    let plan = decide(edit(device(), Some(foreign())), facts(vec![])).unwrap();
    let (foreign, seeded) = outcome(&plan);
    assert!(!seeded && plan.messages.is_empty());
    assert_eq!(foreign.status_text(NOW), NOT_GIVEN);
    // To activate it is not the cure.
    let stage = Stage::Failed(ActivationFailure::Foreign("c2VlZA==".into()));
    let error = decide(activate(), facts(vec![token(stage)])).unwrap_err();
    assert!(matches!(error, AdminError::SeedOfOther(_)), "{error}");
    assert!(error.next_step().contains("delete it and add it again"));
}

#[test]
fn a_seed_of_this_unit_is_taken_over() {
    let plan = decide(edit(device(), Some(own())), facts(vec![])).unwrap();
    let (active, seeded) = outcome(&plan);
    assert_eq!((active.status_text(NOW), seeded), ("active", true));
}

#[test]
fn a_seed_that_works_is_not_lost_to_one_that_does_not() {
    let known = || facts(vec![token(Stage::Activated)]);
    let plan = decide(edit(device(), Some(foreign())), known()).unwrap();
    let (kept, seeded) = outcome(&plan);
    assert_eq!((kept.status_text(NOW), seeded), ("active", false));
    assert!(
        matches!(&plan.remarks[..], [Remark::Kept(_)]),
        "{:?}",
        plan.remarks
    );
    let error = decide(activate(), known()).unwrap_err();
    assert!(matches!(error, AdminError::HasSeed(_)), "{error}");
}

#[test]
fn mobile_tokens_neither_activate_nor_take_over() {
    let token = || {
        let licence = LicenceSerial::parse("EFTM000000001234").ok();
        Token::imported(Vdom::ROOT, mobile(), licence)
    };
    for seed in [foreign(), own()] {
        let plan = decide(edit(mobile(), Some(seed)), facts(vec![token()])).unwrap();
        let (kept, seeded) = outcome(&plan);
        assert_eq!((kept.status_text(NOW), seeded), ("new", false));
        assert!(
            matches!(&plan.remarks[..], [Remark::System(_)]),
            "{:?}",
            plan.remarks
        );
    }
    let operation = Operation::ActivateHardware {
        vdom: Vdom::ROOT,
        tokens: vec![mobile()],
    };
    let error = decide(operation, facts(vec![token()])).unwrap_err();
    assert!(matches!(error, AdminError::NotHardware(_)), "{error}");
    assert!(
        error
            .next_step()
            .contains("execute fortitoken-mobile provision")
    );
}

#[test]
fn what_is_locked_or_missing_is_said() {
    let locked = Token {
        status: TokenStatus::Lock,
        ..token(Stage::New)
    };
    let error = decide(activate(), facts(vec![locked])).unwrap_err();
    assert!(
        error.next_step().ends_with("set status active"),
        "{}",
        error.next_step()
    );
    assert!(!error.next_step().contains("fortitoken-mobile"));
    let error = decide(activate(), facts(vec![])).unwrap_err();
    assert!(matches!(error, AdminError::NotFound { .. }), "{error}");
}

// ---------------------------------------------------------------- files on the gateway

fn serial(number: usize) -> TokenSerial {
    TokenSerial::parse(&format!("FTK2{number:012}")).unwrap()
}

fn from_file(vdom: Vdom) -> Operation {
    let table = b"FTK2000BHV1KRZCC,3132333435363738393031323334353637383930,totp,8,30";
    Operation::ImportHardware {
        vdom,
        tokens: intake::seed_file(table, None, intake::Way::Local).unwrap(),
        origin: "from file tokens.csv".into(),
    }
}

#[test]
fn a_list_adds_what_is_not_here_and_activates_it_twenty_at_once() {
    let mut tokens: Vec<_> = (1..=41).map(serial).collect();
    tokens.push(device());
    let vdom = Vdom::ROOT;
    let here = facts(vec![token(Stage::Activated)]);
    let plan = decide(Operation::AddHardware { vdom, tokens }, here).unwrap();
    let added = plan.changes.iter().filter(
        |change| matches!(change, Change::Token(token) if matches!(token.stage, Stage::Requested)),
    );
    assert_eq!((added.count(), plan.changes.len()), (41, 41));
    let asked = plan.messages.iter().map(|message| match message {
        Message::ActivateHardware { tokens, .. } => tokens.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(asked.collect::<Vec<_>>(), [20, 20, 1]);
    assert!(matches!(
        &plan.remarks[..],
        [Remark::Stays(AdminError::Exists { .. })]
    ));
}

#[test]
fn a_seed_from_a_file_needs_no_token_server() {
    for here in [
        vec![],
        vec![token(Stage::New)],
        vec![token(Stage::Failed(ActivationFailure::AlreadyActivated))],
    ] {
        let plan = decide(from_file(Vdom::ROOT), facts(here)).unwrap();
        let [Change::Token(token), Change::Seed(of, Some(seed))] = &plan.changes[..] else {
            panic!("{:?}", plan.changes);
        };
        assert_eq!((token.serial, *of), (device(), device()));
        assert!(matches!(token.stage, Stage::Activated));
        assert_eq!(token.parameters.digits.count(), 8);
        assert_eq!(seed.expose(), b"12345678901234567890");
        assert!(plan.messages.is_empty());
        let What::Activation { stage, detail, .. } = &plan.events[0].what else {
            panic!("{:?}", plan.events);
        };
        assert_eq!(*stage, ActivationStage::Activated);
        assert_eq!(&**detail, "from file tokens.csv");
    }
}

#[test]
fn a_file_changes_no_token_that_has_its_seed_nor_one_of_another_virtual_domain() {
    let plan = decide(from_file(Vdom::ROOT), facts(vec![token(Stage::Activated)])).unwrap();
    assert!(plan.changes.is_empty());
    assert!(matches!(
        &plan.remarks[..],
        [Remark::Stays(AdminError::HasSeed(_))]
    ));
    let elsewhere = Token {
        vdom: Vdom::parse("branch").unwrap(),
        ..token(Stage::New)
    };
    let refused = decide(from_file(Vdom::ROOT), facts(vec![elsewhere])).unwrap_err();
    assert!(matches!(refused, AdminError::TokenElsewhere(_)));
}
