//! Administrative operations: what each plan changes, says and sends, and how each is refused.
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

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::access::Authority;
use domain::admin::{
    AdminError, Change, Delivery, Edit, Entropy, Facts, Message, Operation, Owned, Owner, Phone,
    Plan, Polled, Remark, Supplied, apply,
};
use domain::audit::{ActivationStage, Actor, What};
use domain::contact::Contact;
use domain::name::{CanonicalName, UserName};
use domain::password::{PasswordHash, SALT_LEN};
use domain::schema::{FORTITOKEN, GLOBAL, LOCAL, Object, Place, RADIUS_CLIENT, Table, Value};
use domain::time::{Span, Timestamp};
use domain::token::{ActivationLink, Provisioned, Provisioning, Stage, Token, TokenStatus};
use domain::user::{Switch, TwoFactor, User};
use domain::vdom::Vdom;
use ident::{
    ActivationCode, LicenceCode, LicenceSerial, Pace, RegistrationId, TokenKind, TokenSerial,
};
use otp::Drift;
use proptest::prelude::*;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LIFETIME: Span = Span::from_hours(72);
const SEED: [u8; 20] = [0x5e; 20];
const PASSWORD: &str = "correct horse";

/// `ENC` text of a hash: users are made without hashing again.
static ENC: LazyLock<String> =
    LazyLock::new(|| PasswordHash::new(PASSWORD, [7; SALT_LEN]).unwrap().to_enc());

fn mobile(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn hardware() -> TokenSerial {
    TokenSerial::parse("FTK2000000000001").unwrap()
}

fn licence() -> LicenceSerial {
    LicenceSerial::purchased(1).unwrap()
}

fn phone(number: u8) -> RegistrationId {
    RegistrationId::from_bytes([number; 32])
}

fn code(number: u8) -> ActivationCode {
    ActivationCode::from_random([number; 8], Pace::Sixty)
}

fn canonical(name: &str) -> CanonicalName {
    CanonicalName::of(name).unwrap()
}

fn waiting(expires: Timestamp) -> Stage {
    Stage::Provisioning(Provisioning {
        code: code(1),
        link: ActivationLink::new("ftm://link".into()),
        expires,
    })
}

fn provisioned(number: u8) -> Stage {
    Stage::Provisioned(Provisioned {
        code: code(1),
        expires: NOW,
        registration: phone(number),
        os_version: "5.4_android".into(),
        transfer: None,
        known_by: domain::token::KnownBy::TokenServer,
    })
}

fn token(serial: TokenSerial, stage: Stage) -> Token {
    Token {
        stage,
        drift: Drift(-3),
        ..Token::imported(
            Vdom::ROOT,
            serial,
            (serial.kind() == TokenKind::Mobile).then(licence),
        )
    }
}

fn owned(token: Token, owner: Option<&str>) -> Owned {
    Owned {
        token,
        owner: owner.map(|name| Owner {
            name: UserName::parse(name).unwrap(),
            status: Switch::Enable,
            contact: Contact::default().with("email-to", &format!("{name}@example.org")),
        }),
    }
}

fn user(name: &str, token: Option<TokenSerial>) -> User {
    User {
        password: Some(PasswordHash::from_enc(&ENC).unwrap()),
        two_factor: if token.is_some() {
            TwoFactor::Fortitoken
        } else {
            TwoFactor::Disable
        },
        token,
        ..User::new(UserName::parse(name).unwrap())
    }
}

fn facts(users: Vec<User>, tokens: Vec<Owned>) -> Facts {
    let tokens = tokens.into_iter().map(|owned| (owned.token.serial, owned));
    Facts {
        users,
        tokens: tokens.collect(),
        vdoms: vec![Vdom::ROOT],
        code_lifetime: LIFETIME,
        ..Facts::default()
    }
}

fn nothing() -> Facts {
    facts(Vec::new(), Vec::new())
}

fn set(table: &'static Table, field: &str, value: &str) -> Edit {
    let field = table.field(field).unwrap();
    Edit::Set(field, Value::Text(value.into()))
}

fn secret(table: &'static Table, field: &str, value: &str) -> Edit {
    let field = table.field(field).unwrap();
    Edit::Set(field, Value::Secret(Zeroizing::new(value.into())))
}

fn unset(table: &'static Table, field: &str) -> Edit {
    Edit::Unset(table.field(field).unwrap())
}

fn enc() -> Edit {
    let passwd = LOCAL.field("passwd").unwrap();
    Edit::Set(passwd, Value::Sealed(ENC.as_str().into()))
}

fn edit(table: &'static Table, key: &str, edits: Vec<Edit>) -> Operation {
    let place = Place::new(Vdom::ROOT, table, key);
    Operation::Configure { place, edits }
}

fn delete(table: &'static Table, key: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, table, key);
    Operation::Remove { place }
}

fn provision(token: TokenSerial) -> Operation {
    let vdom = Vdom::ROOT;
    Operation::Provision { vdom, token }
}

fn renew(token: TokenSerial) -> Operation {
    let vdom = Vdom::ROOT;
    Operation::Renew { vdom, token }
}

fn decide(operation: Operation, facts: Facts) -> Result<Plan, AdminError> {
    let entropy = Entropy {
        seed: Zeroizing::new(SEED),
        salt: [9; SALT_LEN],
    };
    let actor = Actor {
        name: "admin".into(),
        interface: "console".into(),
    };
    apply(
        operation,
        facts,
        &entropy,
        &Authority::unlimited(actor),
        NOW,
    )
}

fn plan(operation: Operation, facts: Facts) -> Plan {
    decide(operation, facts).expect("a plan")
}

fn refused(operation: Operation, facts: Facts) -> AdminError {
    let error = decide(operation, facts).expect_err("a refusal");
    assert!(error.return_code() < 0, "{error}");
    assert!(!error.to_string().is_empty());
    assert!(error.next_step().len() > 10, "{error}: no next step");
    error
}

/// A change in few words, for comparing whole plans.
fn word(change: &Change) -> String {
    match change {
        Change::User(user) => format!(
            "user {} {:?} {}",
            user.name,
            user.two_factor,
            user.token.as_ref().map_or("-", TokenSerial::as_str)
        ),
        Change::UserRemoved(name) => format!("user {name} gone"),
        Change::Token(token) => {
            format!("token {} {}", token.serial, token.status_text(NOW))
        }
        Change::TokenRemoved(serial) => format!("token {serial} gone"),
        Change::Seed(serial, None) => format!("seed {serial} gone"),
        Change::Seed(serial, Some(seed)) => {
            assert_eq!(seed.expose(), SEED);
            format!("seed {serial} new")
        }
        Change::NextSeed(serial, None) => format!("no seed waits for {serial}"),
        Change::NextSeed(serial, Some(seed)) => {
            assert_eq!(seed.expose(), SEED);
            format!("a seed waits for {serial}")
        }
        Change::SeedTaken(serial) => format!("seed {serial} taken"),
        Change::Left(serial, phone) => format!("{phone} left by {serial}"),
        Change::Recovered(person) => format!("{person} recovered"),
        Change::TransferBegun(serial, _) => format!("transfer of {serial} begun"),
        Change::Object(object) => format!("{} {}", object.table.path, object.key),
        Change::VdomRemoved(vdom) => format!("vdom {vdom} gone"),
        Change::UserRenamed(from, to) => format!("{from} is {to}"),
        Change::ObjectRenamed { place, to } => {
            format!("{} {} is {to}", place.table().path, place.key())
        }
        Change::ObjectCopied { place, to } => {
            format!("{} {to} is as {}", place.table().path, place.key())
        }
        Change::ObjectRemoved(place) => format!("{} {} gone", place.table().path, place.key()),
        Change::FileGiven(_, _, file) => format!("file {} given", file.id),
        Change::FileTaken(file) => format!("file {file} taken"),
        Change::FailuresCleared(name) => format!("failures of {name} cleared"),
        Change::Recovery { person, kind, held } => format!("{} {kind:?} of {person}", held.len()),
        Change::Spent(serial, step) => format!("{serial} spent up to {}", step.0),
    }
}

fn words(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(word).collect()
}

/// Actions and details of the events.
fn events(plan: &Plan) -> Vec<(String, String, String)> {
    let said = plan.events.iter().map(|event| {
        assert_eq!(event.at, NOW);
        match &event.what {
            What::Changed {
                actor,
                action,
                object,
                detail,
                ..
            } => {
                assert_eq!(&*actor.name, "admin");
                (action.to_string(), object.to_string(), detail.to_string())
            }
            What::Activation {
                actor,
                token,
                stage,
                detail,
                ..
            } => {
                assert_eq!(&*actor.name, "admin");
                (stage.id().into(), token.to_string(), detail.to_string())
            }
            What::Unlocked { person, .. } => ("unlock".into(), person.to_string(), String::new()),
            other => panic!("{other:?}"),
        }
    });
    said.collect()
}

fn is_provisioning_of(plan: &Plan, serial: TokenSerial) -> bool {
    matches!(plan.messages.as_slice(), [Message::Provision { tokens, .. }] if *tokens == [serial])
}

// ---------------------------------------------------------------- users and their tokens

#[test]
fn a_user_who_gets_a_token_gets_it_with_a_new_seed() {
    let a = mobile(1);
    let edits = vec![
        enc(),
        set(&LOCAL, "two-factor", "fortitoken"),
        set(&LOCAL, "fortitoken", a.as_str()),
        set(&LOCAL, "email-to", "alice@example.org"),
    ];
    let operation = edit(&LOCAL, "alice", edits);
    let reads = operation.reads();
    assert_eq!(reads.users, [canonical("alice")]);
    assert_eq!(reads.tokens, [a]);
    let plan = plan(
        operation,
        facts(vec![], vec![owned(token(a, Stage::New), None)]),
    );
    assert_eq!(
        words(&plan),
        [
            format!("user alice Fortitoken {a}"),
            format!("token {a} provisioning"),
            format!("seed {a} new"),
        ]
    );
    assert!(is_provisioning_of(&plan, a));
    let said = events(&plan);
    assert_eq!(said[0].0, "user.local");
    assert_eq!(said[0].1, "alice");
    assert_eq!(said[1].0, "requested");
    assert_eq!(said[1].1, a.to_string());
    let printed = format!("{plan:?}");
    for hidden in [PASSWORD, "argon2", ENC.as_str(), "5e5e", "94, 94"] {
        assert!(!printed.contains(hidden), "{printed}");
    }
}

#[test]
fn a_new_token_starts_without_the_drift_of_the_old_phone() {
    let a = mobile(1);
    for stage in [Stage::New, waiting(NOW), provisioned(1)] {
        let held = facts(vec![], vec![owned(token(a, stage), None)]);
        let plan = plan(provision(a), held);
        let Change::Token(token) = &plan.changes[0] else {
            panic!("{plan:?}")
        };
        assert_eq!(token.drift, Drift(0));
        assert!(matches!(token.stage, Stage::Requested));
    }
}

#[test]
fn a_user_who_changes_tokens_gives_the_old_one_back() {
    let (a, b) = (mobile(1), mobile(2));
    let held = facts(
        vec![user("alice", Some(a))],
        vec![
            owned(token(a, provisioned(1)), Some("alice")),
            owned(token(b, Stage::New), None),
        ],
    );
    let change = edit(&LOCAL, "alice", vec![set(&LOCAL, "fortitoken", b.as_str())]);
    let plan = plan(change, held);
    assert_eq!(
        words(&plan),
        [
            format!("user alice Fortitoken {b}"),
            format!("token {a} new"),
            format!("seed {a} gone"),
            format!("token {b} provisioning"),
            format!("seed {b} new"),
        ]
    );
    assert!(is_provisioning_of(&plan, b));
}

#[test]
fn taking_the_token_away_kills_its_codes() {
    let a = mobile(1);
    let held = || {
        facts(
            vec![user("alice", Some(a))],
            vec![owned(token(a, provisioned(1)), Some("alice"))],
        )
    };
    let disable = edit(&LOCAL, "alice", vec![unset(&LOCAL, "two-factor")]);
    let gone = [format!("token {a} new"), format!("seed {a} gone")];
    let disabled = plan(disable, held());
    assert_eq!(words(&disabled)[1..], gone);
    assert!(disabled.messages.is_empty());
    let removed = plan(delete(&LOCAL, "alice"), held());
    assert_eq!(words(&removed)[0], "user alice gone");
    assert_eq!(words(&removed)[1..], gone);
}

#[test]
fn a_hardware_token_keeps_its_seed_when_it_changes_hands() {
    let serial = hardware();
    let device = || token(serial, Stage::Activated);
    let taken = plan(
        delete(&LOCAL, "alice"),
        facts(
            vec![user("alice", Some(serial))],
            vec![owned(device(), Some("alice"))],
        ),
    );
    assert_eq!(words(&taken), ["user alice gone"]);
    let given = plan(
        edit(
            &LOCAL,
            "bob",
            vec![
                enc(),
                set(&LOCAL, "two-factor", "fortitoken"),
                set(&LOCAL, "fortitoken", serial.as_str()),
            ],
        ),
        facts(vec![], vec![owned(device(), None)]),
    );
    assert_eq!(words(&given), [format!("user bob Fortitoken {serial}")]);
    assert!(given.messages.is_empty());
}

#[test]
fn other_edits_leave_the_token_alone() {
    let a = mobile(1);
    for change in [
        set(&LOCAL, "email-to", "new@example.org"),
        set(&LOCAL, "status", "disable"),
        set(&LOCAL, "fortitoken", a.as_str()),
        set(&LOCAL, "two-factor", "fortitoken"),
        enc(),
    ] {
        let held = facts(
            vec![user("alice", Some(a))],
            vec![owned(token(a, provisioned(1)), Some("alice"))],
        );
        let plan = plan(edit(&LOCAL, "alice", vec![change]), held);
        assert_eq!(words(&plan), [format!("user alice Fortitoken {a}")]);
        assert!(plan.messages.is_empty());
    }
}

#[test]
fn a_token_of_somebody_else_cannot_be_assigned() {
    let a = mobile(1);
    let held = facts(
        vec![user("bob", None)],
        vec![owned(token(a, provisioned(1)), Some("alice"))],
    );
    let steal = edit(&LOCAL, "bob", vec![set(&LOCAL, "fortitoken", a.as_str())]);
    let error = refused(steal, held);
    assert!(matches!(error, AdminError::TokenTaken { .. }), "{error}");
    assert!(error.to_string().contains("alice"), "{error}");
    assert!(error.next_step().contains("edit \"alice\""));
}

#[test]
fn a_token_that_is_not_here_cannot_be_assigned() {
    for text in [mobile(9).as_str(), "FTK", "nonsense"] {
        let change = edit(&LOCAL, "bob", vec![enc(), set(&LOCAL, "fortitoken", text)]);
        let error = refused(change, nothing());
        assert!(
            matches!(&error, AdminError::NotFound { table, .. } if **table == FORTITOKEN),
            "{error}"
        );
        assert!(error.next_step().contains(text), "{}", error.next_step());
    }
}

#[test]
fn a_user_needs_a_password_and_with_two_factor_a_token() {
    let bare = edit(&LOCAL, "bob", vec![set(&LOCAL, "status", "enable")]);
    let error = refused(bare, nothing());
    assert!(
        matches!(
            error,
            AdminError::Incomplete {
                field: "passwd",
                ..
            }
        ),
        "{error}"
    );
    let factor = edit(
        &LOCAL,
        "bob",
        vec![enc(), set(&LOCAL, "two-factor", "fortitoken")],
    );
    let error = refused(factor, nothing());
    assert!(
        matches!(
            error,
            AdminError::Incomplete {
                field: "fortitoken",
                ..
            }
        ),
        "{error}"
    );
    let held = facts(
        vec![user("alice", Some(mobile(1)))],
        vec![owned(token(mobile(1), Stage::New), Some("alice"))],
    );
    refused(
        edit(&LOCAL, "alice", vec![unset(&LOCAL, "fortitoken")]),
        held,
    );
    let held = facts(vec![user("bob", None)], vec![]);
    refused(edit(&LOCAL, "bob", vec![unset(&LOCAL, "passwd")]), held);
}

#[test]
fn a_password_that_cannot_be_stored_is_refused() {
    for change in [
        secret(&LOCAL, "passwd", ""),
        secret(&LOCAL, "passwd", &"x".repeat(129)),
        Edit::Set(
            LOCAL.field("passwd").unwrap(),
            Value::Sealed("bm8gaGFzaA==".into()),
        ),
        Edit::Set(LOCAL.field("passwd").unwrap(), Value::Sealed("%".into())),
    ] {
        let error = refused(edit(&LOCAL, "bob", vec![change]), nothing());
        assert!(matches!(error, AdminError::Password(_)), "{error}");
    }
}

#[test]
fn one_person_is_one_entry() {
    for other in ["ALICE", "CORP\\alice", "alice@example.org", " alice"] {
        let held = facts(vec![user("alice", None)], vec![]);
        let error = refused(edit(&LOCAL, other, vec![enc()]), held);
        assert!(matches!(error, AdminError::SamePerson { .. }), "{error}");
        assert!(error.next_step().contains("\"alice\""));
    }
    let held = facts(vec![user("alice", None)], vec![]);
    plan(edit(&LOCAL, "alice", vec![enc()]), held);
}

#[test]
fn names_that_name_nobody_are_refused() {
    for name in ["", "  ", "a\nb", &"x".repeat(65), "CORP\\"] {
        let error = refused(edit(&LOCAL, name, vec![enc()]), nothing());
        assert!(matches!(error, AdminError::Name { .. }), "{name:?} {error}");
        let missing = refused(delete(&LOCAL, name), nothing());
        assert!(matches!(missing, AdminError::NotFound { .. }), "{missing}");
    }
}

// ---------------------------------------------------------------- tokens

#[test]
fn a_token_in_use_cannot_be_deleted() {
    let a = mobile(1);
    let held = facts(vec![], vec![owned(token(a, Stage::New), Some("alice"))]);
    let error = refused(delete(&FORTITOKEN, a.as_str()), held);
    assert!(matches!(error, AdminError::InUse { .. }), "{error}");
    assert!(error.next_step().contains("alice"));
    let free = facts(vec![], vec![owned(token(a, Stage::New), None)]);
    let plan = plan(delete(&FORTITOKEN, a.as_str()), free);
    assert_eq!(words(&plan), [format!("token {a} gone")]);
    for key in [a.as_str(), "nonsense"] {
        let missing = refused(delete(&FORTITOKEN, key), nothing());
        assert_eq!(missing.return_code(), -3);
    }
}

#[test]
fn locking_a_token_changes_its_status_alone() {
    let a = mobile(1);
    let held = facts(vec![], vec![owned(token(a, provisioned(1)), Some("alice"))]);
    let lock = vec![
        set(&FORTITOKEN, "status", "lock"),
        set(&FORTITOKEN, "comments", "lost"),
    ];
    let plan = plan(edit(&FORTITOKEN, a.as_str(), lock), held);
    let [Change::Token(locked)] = plan.changes.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(locked.status, TokenStatus::Lock);
    assert_eq!(&*locked.comments, "lost");
    assert!(matches!(locked.stage, Stage::Provisioned(_)));
    assert_eq!(locked.drift, Drift(-3));
}

#[test]
fn hardware_tokens_are_entered_and_mobile_ones_are_imported() {
    let entered = plan(edit(&FORTITOKEN, hardware().as_str(), vec![]), nothing());
    let status = "activation error (token not exist in FortiGuard)";
    assert_eq!(words(&entered), [format!("token {} {status}", hardware())]);
    let error = refused(edit(&FORTITOKEN, mobile(1).as_str(), vec![]), nothing());
    assert!(matches!(error, AdminError::MobileNotImported(_)), "{error}");
    assert!(error.next_step().contains("import"));
    let error = refused(edit(&FORTITOKEN, "FTK1", vec![]), nothing());
    assert!(matches!(error, AdminError::Serial { .. }), "{error}");
}

#[test]
fn provisioning_is_for_unlocked_mobile_tokens_that_are_here() {
    let a = mobile(1);
    let missing = refused(provision(a), nothing());
    assert!(matches!(missing, AdminError::NotFound { .. }));
    let locked = Token {
        status: TokenStatus::Lock,
        ..token(a, provisioned(1))
    };
    let error = refused(
        provision(a),
        facts(vec![], vec![owned(locked, Some("alice"))]),
    );
    assert!(matches!(error, AdminError::Locked(_)));
    assert!(error.next_step().contains("renew"));
    let device = owned(token(hardware(), Stage::Activated), Some("alice"));
    let error = refused(provision(hardware()), facts(vec![], vec![device]));
    assert!(matches!(error, AdminError::NotMobile(_)));
}

fn withheld() -> Stage {
    match provisioned(1) {
        Stage::Provisioned(phone) => Stage::Withheld(phone),
        other => other,
    }
}

#[test]
fn a_token_that_is_another_units_keeps_its_phone_whatever_is_tried_to_provision_it() {
    let a = mobile(1);
    let held = |owner| {
        let users = vec![user("alice", owner)];
        let owner = owner.map(|_| "alice");
        facts(users, vec![owned(token(a, withheld()), owner)])
    };
    let typed = || {
        edit(
            &LOCAL,
            "alice",
            vec![
                set(&LOCAL, "two-factor", "fortitoken"),
                set(&LOCAL, "fortitoken", a.as_str()),
            ],
        )
    };
    for (operation, facts) in [
        (provision(a), held(Some(a))),
        (renew(a), held(Some(a))),
        (renew(a), held(None)),
        (typed(), held(None)),
    ] {
        let error = refused(operation, facts);
        assert_eq!(error, AdminError::OfAnotherUnit(a));
        let next = error.next_step();
        assert!(
            next.contains("replace-unit") && next.contains("fortitoken-mobile poll"),
            "{next}"
        );
    }
    // Whoever takes it from its user means that.
    let edits = vec![unset(&LOCAL, "two-factor"), unset(&LOCAL, "fortitoken")];
    let given_up = plan(edit(&LOCAL, "alice", edits), held(Some(a)));
    assert!(words(&given_up).contains(&format!("seed {a} gone")));
}

#[test]
fn renewing_unlocks_and_provisions_what_a_user_has() {
    let a = mobile(1);
    let locked = || Token {
        status: TokenStatus::Lock,
        ..token(a, provisioned(1))
    };
    let held = facts(vec![], vec![owned(locked(), Some("alice"))]);
    let renewed = plan(renew(a), held);
    assert_eq!(
        words(&renewed),
        [format!("token {a} provisioning"), format!("seed {a} new")]
    );
    assert!(is_provisioning_of(&renewed, a));
    let free = facts(vec![], vec![owned(locked(), None)]);
    let renewed = plan(renew(a), free);
    assert_eq!(
        words(&renewed),
        [format!("token {a} new"), format!("seed {a} gone")]
    );
    assert!(renewed.messages.is_empty());
}

#[test]
fn renewing_never_costs_a_hardware_token_its_seed() {
    for owner in [None, Some("alice")] {
        let device = owned(token(hardware(), Stage::Activated), owner);
        let error = refused(renew(hardware()), facts(vec![], vec![device]));
        assert!(matches!(error, AdminError::NotMobile(_)), "{error}");
    }
}

// ---------------------------------------------------------------- answers of the token server

fn answer(serial: TokenSerial, valid: Span) -> Operation {
    Operation::Provisioned(vec![Supplied {
        token: serial,
        code: code(7),
        link: ActivationLink::new("ftm://new".into()),
        valid,
    }])
}

#[test]
fn an_answer_makes_the_code_wait_for_the_shorter_time() {
    let a = mobile(1);
    for (valid, expires) in [
        (Span::from_hours(1), NOW.after(Span::from_hours(1))),
        (Span::from_hours(999), NOW.after(LIFETIME)),
    ] {
        for stage in [Stage::Requested, waiting(NOW)] {
            let held = facts(vec![], vec![owned(token(a, stage), Some("alice"))]);
            let plan = plan(answer(a, valid), held);
            let [
                Change::Token(Token {
                    stage: Stage::Provisioning(waiting),
                    ..
                }),
            ] = plan.changes.as_slice()
            else {
                panic!("{plan:?}")
            };
            assert_eq!(waiting.expires, expires);
            assert_eq!(waiting.code, code(7));
            assert!(matches!(
                plan.messages.as_slice(),
                [Message::ActivationCode { token, to, .. }]
                    if *token == a && to.as_str() == "alice@example.org"
            ));
            assert!(!format!("{plan:?}").contains(code(7).as_str()));
        }
    }
}

#[test]
fn nobody_gets_a_mail_about_a_token_that_nobody_has() {
    let a = mobile(1);
    let held = facts(vec![], vec![owned(token(a, Stage::Requested), None)]);
    assert!(plan(answer(a, LIFETIME), held).messages.is_empty());
    let mut silent = owned(token(a, Stage::Requested), Some("alice"));
    silent.owner.as_mut().unwrap().contact = Contact::default();
    let held = facts(vec![], vec![silent]);
    assert!(plan(answer(a, LIFETIME), held).messages.is_empty());
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let a = mobile(1);
    for stage in [Stage::New, provisioned(1), Stage::Activated] {
        let held = facts(vec![], vec![owned(token(a, stage), Some("alice"))]);
        let plan = plan(answer(a, LIFETIME), held);
        assert!(
            plan.changes.is_empty() && plan.messages.is_empty(),
            "{plan:?}"
        );
    }
    let plan = plan(answer(a, LIFETIME), nothing());
    assert!(plan.changes.is_empty());
}

#[test]
fn a_refusal_of_the_token_server_ends_the_waiting() {
    let a = mobile(1);
    let refusal = || Operation::ProvisionRefused {
        token: a,
        answer: "-7566: token is locked".into(),
    };
    let held = facts(
        vec![],
        vec![owned(token(a, Stage::Requested), Some("alice"))],
    );
    let ended = plan(refusal(), held);
    assert_eq!(
        words(&ended),
        [format!("token {a} new"), format!("seed {a} gone")]
    );
    assert!(events(&ended)[0].2.contains("-7566"));
    for stage in [Stage::New, waiting(NOW), provisioned(1)] {
        let held = facts(vec![], vec![owned(token(a, stage), Some("alice"))]);
        let late = plan(refusal(), held);
        assert!(late.changes.is_empty(), "{late:?}");
        assert_eq!(late.events.len(), 1);
    }
}

#[test]
fn what_a_peer_says_of_a_token_goes_on_record_without_its_code() {
    let a = mobile(1);
    let held = || {
        let token = token(a, waiting(NOW));
        facts(vec![], vec![owned(token, Some("alice"))])
    };
    let Stage::Provisioning(secret) = waiting(NOW) else {
        unreachable!()
    };
    let (code, link) = (secret.code.as_str(), secret.link.as_str());
    let said: Box<str> = format!("550 spam: 'type {code} or open {link}'").into();
    let failed = Delivery::Failed { why: said.clone() };
    let operations = [
        Operation::Delivered {
            token: a,
            delivery: failed,
        },
        Operation::ProvisionRefused {
            token: a,
            answer: said,
        },
    ];
    for operation in operations {
        let plan = plan(operation, held());
        let detail = &events(&plan)[0].2;
        assert_eq!(detail, "550 spam: 'type <code> or open <link>'");
    }
    let to = "alice@example.org".into();
    let sent = Operation::Delivered {
        token: a,
        delivery: Delivery::Sent { to },
    };
    let plan = plan(sent, held());
    let [event] = plan.events.as_slice() else {
        panic!("{plan:?}")
    };
    let What::Activation { owner, stage, .. } = &event.what else {
        panic!("{plan:?}")
    };
    assert_eq!(owner.as_ref().unwrap().as_str(), "alice");
    assert_eq!(*stage, ActivationStage::CodeSent);
}

fn poll(serial: TokenSerial, registration: Option<RegistrationId>) -> Operation {
    let phone = registration.map(|registration| Phone {
        registration,
        os_version: "6.0_ios".into(),
    });
    Operation::Polled(vec![Polled {
        token: serial,
        phone,
    }])
}

#[test]
fn a_poll_moves_a_waiting_token_to_its_phone_also_after_the_expiry() {
    let a = mobile(1);
    for expires in [NOW.after(LIFETIME), NOW] {
        let held = facts(
            vec![],
            vec![owned(token(a, waiting(expires)), Some("alice"))],
        );
        let plan = plan(poll(a, Some(phone(2))), held);
        let [
            Change::Token(Token {
                stage: Stage::Provisioned(known),
                ..
            }),
        ] = plan.changes.as_slice()
        else {
            panic!("{plan:?}")
        };
        assert_eq!(known.registration, phone(2));
        assert_eq!(&*known.os_version, "6.0_ios");
        assert_eq!(known.expires, expires);
    }
}

#[test]
fn a_poll_never_changes_the_phone_of_a_token_that_has_one() {
    let a = mobile(1);
    let held = || facts(vec![], vec![owned(token(a, provisioned(1)), Some("alice"))]);
    let alarm = plan(poll(a, Some(phone(2))), held());
    assert!(alarm.changes.is_empty() && alarm.messages.is_empty());
    let (stage, _, said) = &events(&alarm)[0];
    assert_eq!(stage, "other-phone");
    assert!(said.contains(phone(1).as_str()) && said.contains(phone(2).as_str()));
    let same = plan(poll(a, Some(phone(1))), held());
    assert!(same.changes.is_empty() && same.events.is_empty());
}

#[test]
fn a_poll_about_a_token_that_does_not_wait_changes_nothing() {
    let a = mobile(1);
    for stage in [Stage::New, Stage::Requested, Stage::Activated] {
        let held = facts(vec![], vec![owned(token(a, stage), Some("alice"))]);
        let plan = plan(poll(a, Some(phone(2))), held);
        assert!(plan.changes.is_empty(), "{plan:?}");
    }
    let held = facts(vec![], vec![owned(token(a, waiting(NOW)), Some("alice"))]);
    assert!(plan(poll(a, None), held).changes.is_empty());
    assert!(plan(poll(a, Some(phone(2))), nothing()).changes.is_empty());
}

fn imported(tokens: Vec<TokenSerial>) -> Operation {
    Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens,
    }
}

#[test]
fn an_import_brings_new_tokens_and_leaves_the_others_alone() {
    let (a, b, c) = (mobile(1), mobile(2), mobile(3));
    let operation = imported(vec![a, b, c]);
    assert_eq!(operation.reads().tokens, [a, b, c]);
    let of_no_licence = Token {
        licence: None,
        ..token(c, provisioned(1))
    };
    let held = facts(
        vec![],
        vec![
            owned(token(a, provisioned(1)), Some("alice")),
            owned(of_no_licence, Some("bob")),
        ],
    );
    let plan = plan(operation, held);
    assert!(
        matches!(plan.remarks.as_slice(), [Remark::Here(here)] if *here == a),
        "{plan:?}"
    );
    assert_eq!(
        words(&plan),
        [format!("token {b} new"), format!("token {c} provisioned")]
    );
    let [Change::Token(new), Change::Token(kept)] = plan.changes.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!((kept.drift, new.drift), (Drift(-3), Drift(0)));
    assert_eq!(
        (kept.licence, new.licence),
        (Some(licence()), Some(licence()))
    );
    assert_eq!(events(&plan)[0].2, "2 tokens");
}

#[test]
fn a_serial_that_the_token_server_names_twice_is_one_token() {
    let (a, b) = (mobile(1), mobile(2));
    let held = facts(vec![], vec![owned(token(a, provisioned(1)), Some("alice"))]);
    let plan = plan(imported(vec![a, b, a, b]), held);
    assert!(
        matches!(plan.remarks.as_slice(), [Remark::Here(here)] if *here == a),
        "{plan:?}"
    );
    assert_eq!(words(&plan), [format!("token {b} new")]);
    assert_eq!(events(&plan)[0].2, "1 tokens");
}

#[test]
fn a_licence_code_is_sent_and_never_said() {
    let text = "A1B2-C3D4-E5F6-A7B8-C9D0";
    let plan = plan(
        Operation::Import {
            vdom: Vdom::ROOT,
            code: LicenceCode::parse(text).unwrap(),
        },
        nothing(),
    );
    assert!(matches!(
        plan.messages.as_slice(),
        [Message::ActivateLicence { code, .. }] if code.as_str() == text
    ));
    assert!(plan.changes.is_empty());
    assert!(!format!("{:?}", plan.events).contains("C3D4"));
}

// ---------------------------------------------------------------- failures and other tables

#[test]
fn unlocking_forgets_the_failures_of_a_user_who_exists() {
    let unlock = || Operation::Unlock(canonical("alice"));
    assert_eq!(unlock().reads().users, [canonical("alice")]);
    let unlocked = plan(unlock(), facts(vec![user("alice", None)], vec![]));
    assert_eq!(words(&unlocked), ["failures of alice cleared"]);
    assert_eq!(events(&unlocked)[0].0, "unlock");
    let missing = refused(unlock(), nothing());
    assert!(matches!(missing, AdminError::NotFound { .. }));
}

fn client(key: &str, edits: Vec<Edit>) -> Operation {
    edit(&RADIUS_CLIENT, key, edits)
}

#[test]
fn a_client_needs_its_network_and_a_secret_that_is_one() {
    let subnet = || set(&RADIUS_CLIENT, "subnet", "192.0.2.0/24");
    let whole = plan(
        client(
            "vpn1",
            vec![subnet(), secret(&RADIUS_CLIENT, "secret", "s")],
        ),
        nothing(),
    );
    assert_eq!(words(&whole), ["user radius-client vpn1"]);
    for (edits, missing) in [
        (vec![subnet()], "secret"),
        (vec![secret(&RADIUS_CLIENT, "secret", "s")], "subnet"),
        (
            vec![subnet(), secret(&RADIUS_CLIENT, "secret", "")],
            "secret",
        ),
    ] {
        let error = refused(client("vpn1", edits), nothing());
        assert!(
            matches!(error, AdminError::Incomplete { field, .. } if field == missing),
            "{error}"
        );
    }
}

#[test]
fn an_entry_has_a_name_that_can_be_written() {
    let edits = || {
        vec![
            set(&RADIUS_CLIENT, "subnet", "192.0.2.0/24"),
            secret(&RADIUS_CLIENT, "secret", "s"),
        ]
    };
    plan(client(&"ä".repeat(35), edits()), nothing());
    let error = refused(client(&"ä".repeat(36), edits()), nothing());
    assert!(
        matches!(error, AdminError::KeyTooLong { max: 35, got: 36 }),
        "{error}"
    );
    for key in ["", "a\nb", "\u{1b}[2J"] {
        let error = refused(client(key, edits()), nothing());
        assert!(matches!(error, AdminError::Name { .. }), "{key:?} {error}");
    }
}

#[test]
fn a_hostname_is_one_word() {
    plan(
        edit(&GLOBAL, "", vec![set(&GLOBAL, "hostname", "gate-1_a")]),
        nothing(),
    );
    for name in ["two words", "a$b", "ä", "#"] {
        let change = edit(&GLOBAL, "", vec![set(&GLOBAL, "hostname", name)]);
        let error = refused(change, nothing());
        assert!(matches!(error, AdminError::Field { .. }), "{error}");
        assert!(error.next_step().contains("hostname"));
    }
}

#[test]
fn an_entry_that_is_not_there_cannot_be_deleted() {
    let error = refused(delete(&RADIUS_CLIENT, "vpn1"), nothing());
    assert!(error.next_step().contains("user radius-client"));
    let held = Facts {
        object: Some(Object::new(&RADIUS_CLIENT, "vpn1")),
        ..nothing()
    };
    let plan = plan(delete(&RADIUS_CLIENT, "vpn1"), held);
    assert_eq!(words(&plan), ["user radius-client vpn1 gone"]);
}

#[test]
fn the_audit_names_fields_and_no_values() {
    let plan = plan(
        client(
            "vpn1",
            vec![
                set(&RADIUS_CLIENT, "subnet", "192.0.2.0/24"),
                secret(&RADIUS_CLIENT, "secret", "canary"),
                unset(&RADIUS_CLIENT, "code-position"),
            ],
        ),
        nothing(),
    );
    assert_eq!(
        events(&plan)[0].2,
        "add, set subnet, set secret, unset code-position"
    );
    assert!(!format!("{plan:?}").contains("canary"));
}

// ---------------------------------------------------------------- a small world

/// What a store keeps, as far as assignments go.
#[derive(Default)]
struct World {
    users: BTreeMap<String, (TwoFactor, Option<TokenSerial>)>,
    tokens: BTreeMap<TokenSerial, &'static str>,
    seeds: BTreeMap<TokenSerial, bool>,
}

impl World {
    fn facts(&self, operation: &Operation) -> Facts {
        let reads = operation.reads();
        let mut serials = reads.tokens;
        let mut users = Vec::new();
        for name in &reads.users {
            if let Some((two_factor, token)) = self.users.get(name.as_str()) {
                serials.extend(*token);
                users.push(User {
                    two_factor: *two_factor,
                    ..user(name.as_str(), *token)
                });
            }
        }
        serials.sort_unstable();
        serials.dedup();
        let tokens = serials
            .into_iter()
            .filter_map(|serial| self.tokens.get(&serial).map(|stage| (serial, *stage)))
            .map(|(serial, stage)| owned(token(serial, Self::stage(stage)), self.owner(serial)));
        facts(users, tokens.collect())
    }

    fn stage(word: &str) -> Stage {
        match word {
            "new" => Stage::New,
            "requested" => Stage::Requested,
            "waiting" => waiting(NOW.after(LIFETIME)),
            _ => provisioned(1),
        }
    }

    fn owner(&self, serial: TokenSerial) -> Option<&str> {
        let mut owners = self
            .users
            .iter()
            .filter(|(_, (_, token))| *token == Some(serial));
        let owner = owners.next().map(|(name, _)| name.as_str());
        assert!(owners.next().is_none(), "{serial} has two users");
        owner
    }

    fn carry_out(&mut self, plan: Plan) {
        for change in plan.changes {
            match change {
                Change::User(user) => {
                    let name = user.name.canonical().to_string();
                    self.users.insert(name, (user.two_factor, user.token));
                }
                Change::UserRemoved(name) => {
                    self.users.remove(name.as_str());
                }
                Change::Token(token) => {
                    let word = match token.stage {
                        // A hardware token waits for its seed, a mobile one has its new one already.
                        Stage::Requested if !token.is_mobile() => "new",
                        Stage::New | Stage::Failed(_) => "new",
                        Stage::Requested => "requested",
                        Stage::Provisioning(_) => "waiting",
                        Stage::Provisioned(_) | Stage::Withheld(_) | Stage::Activated => {
                            "provisioned"
                        }
                    };
                    self.tokens.insert(token.serial, word);
                }
                Change::TokenRemoved(serial) => {
                    self.tokens.remove(&serial);
                    self.seeds.remove(&serial);
                }
                Change::Seed(serial, seed) => {
                    self.seeds.insert(serial, seed.is_some());
                }
                _ => {}
            }
        }
    }

    fn check(&self) {
        for (serial, stage) in &self.tokens {
            let owner = self.owner(*serial);
            let seeded = self.seeds.get(serial).copied().unwrap_or(false);
            assert_eq!(*stage != "new", seeded, "{serial} is {stage}");
            if let Some((TwoFactor::Fortitoken, Some(held))) =
                owner.and_then(|name| self.users.get(name))
            {
                assert_eq!(held, serial);
            }
        }
        for (name, (two_factor, token)) in &self.users {
            if let Some(token) = token {
                assert!(
                    self.tokens.contains_key(token),
                    "{name} has {token}, which is gone"
                );
            }
            assert!(*two_factor == TwoFactor::Disable || token.is_some());
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Assign(u8, u8),
    TwoFactor(u8, bool),
    Unset(u8),
    RemoveUser(u8),
    RemoveToken(u8),
    Provision(u8),
    Renew(u8),
    Import(Vec<u8>),
    Answer(u8),
    Refuse(u8),
    Poll(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (user, token) = (|| 0_u8..3, || 0_u8..3);
    let act = prop_oneof![
        4 => (user(), token()).prop_map(|(user, token)| Act::Assign(user, token)),
        2 => (user(), any::<bool>()).prop_map(|(user, on)| Act::TwoFactor(user, on)),
        1 => user().prop_map(Act::Unset),
        1 => user().prop_map(Act::RemoveUser),
        1 => token().prop_map(Act::RemoveToken),
        1 => token().prop_map(Act::Provision),
        1 => token().prop_map(Act::Renew),
        1 => proptest::collection::vec(token(), 1..5).prop_map(Act::Import),
        2 => token().prop_map(Act::Answer),
        1 => token().prop_map(Act::Refuse),
        2 => token().prop_map(Act::Poll),
    ];
    proptest::collection::vec(act, 1..60)
}

fn operation(act: Act) -> Operation {
    let person = |number: u8| ["alice", "bob", "carol"][usize::from(number)];
    let set = |field, value: &str| set(&LOCAL, field, value);
    match act {
        Act::Assign(user, token) => edit(
            &LOCAL,
            person(user),
            vec![
                enc(),
                set("two-factor", "fortitoken"),
                set("fortitoken", mobile(token).as_str()),
            ],
        ),
        Act::TwoFactor(user, on) => {
            let word = if on { "fortitoken" } else { "disable" };
            edit(&LOCAL, person(user), vec![enc(), set("two-factor", word)])
        }
        Act::Unset(user) => edit(
            &LOCAL,
            person(user),
            vec![
                enc(),
                unset(&LOCAL, "two-factor"),
                unset(&LOCAL, "fortitoken"),
            ],
        ),
        Act::RemoveUser(user) => delete(&LOCAL, person(user)),
        Act::RemoveToken(token) => delete(&FORTITOKEN, mobile(token).as_str()),
        Act::Provision(token) => provision(mobile(token)),
        Act::Renew(token) => renew(mobile(token)),
        Act::Import(tokens) => imported(tokens.into_iter().map(mobile).collect()),
        Act::Answer(token) => answer(mobile(token), LIFETIME),
        Act::Refuse(token) => Operation::ProvisionRefused {
            token: mobile(token),
            answer: "-1".into(),
        },
        Act::Poll(token) => poll(mobile(token), Some(phone(1))),
    }
}

proptest! {
    /// Whatever administrators and the token server do: a token has one user, a user's token exists,
    /// and a token has a seed exactly while it is not `new`.
    #[test]
    fn no_token_has_two_users_and_none_keeps_a_seed_that_nobody_asked_for(acts in acts()) {
        let mut world = World::default();
        world.carry_out(plan(imported(vec![mobile(0), mobile(1), mobile(2)]), nothing()));
        for act in acts {
            let operation = operation(act);
            let facts = world.facts(&operation);
            match decide(operation, facts) {
                Ok(plan) => world.carry_out(plan),
                Err(error) => {
                    prop_assert!(error.return_code() < 0);
                    prop_assert!(!error.next_step().is_empty());
                }
            }
            world.check();
        }
    }
}
