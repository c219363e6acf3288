#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]
//! Tokens that go to another phone: who may begin, and that one phone has the token at any time.

use domain::access::Authority;
use domain::admin::{
    AdminError, Change, Entropy, Facts, Message, Operation, Owned, Owner, Phone, Plan, Polled,
    Supplied, apply,
};
use domain::audit::{ActivationStage, Actor, What};
use domain::contact::Contact;
use domain::name::UserName;
use domain::password::SALT_LEN;
use domain::schema::{FTM_PUSH, Object, Value};
use domain::settings::PushSettings;
use domain::time::{Span, Timestamp};
use domain::token::{ActivationLink, Provisioned, Provisioning, Stage, Token, TokenStatus};
use domain::transfer::{GRACE, Handing, LIFETIME, NotMoved, Transfer, movable};
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, Pace, RegistrationId, TokenSerial};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn serial() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn phone(number: u8) -> RegistrationId {
    RegistrationId::from_bytes([number; 32])
}

fn code(expires: Timestamp) -> Provisioning {
    Provisioning {
        code: ActivationCode::from_random([2; 8], Pace::Sixty),
        link: ActivationLink::new("ftm://next".into()),
        expires,
    }
}

fn on_phone(transfer: Option<Transfer>) -> Owned {
    Owned {
        token: Token {
            stage: Stage::Provisioned(Provisioned {
                code: ActivationCode::from_random([1; 8], Pace::Sixty),
                expires: NOW,
                registration: phone(1),
                os_version: "5.4_IOS".into(),
                transfer,
            }),
            has_seed: true,
            ..Token::imported(Vdom::ROOT, serial(), LicenceSerial::purchased(1))
        },
        owner: Some(Owner {
            name: UserName::parse("alice").unwrap(),
            contact: Contact::default().with("email-to", "alice@example.org"),
        }),
    }
}

fn waiting(expires: Timestamp) -> Owned {
    on_phone(Some(Transfer::Waiting(code(expires), Handing::Mailed)))
}

fn decide(operation: Operation, owned: Owned, now: Timestamp) -> Result<Plan, AdminError> {
    let facts = Facts {
        tokens: vec![owned],
        vdoms: vec![Vdom::ROOT],
        code_lifetime: Span::from_hours(72),
        ..Facts::default()
    };
    let entropy = Entropy {
        seed: Zeroizing::new([0x5e; 20]),
        salt: [9; SALT_LEN],
    };
    let actor = Actor {
        name: "forticldd".into(),
        interface: "system".into(),
    };
    apply(
        operation,
        facts,
        &entropy,
        &Authority::unlimited(actor),
        now,
    )
}

fn plan(operation: Operation, owned: Owned) -> Plan {
    decide(operation, owned, NOW).unwrap()
}

fn begin(handing: Handing) -> Operation {
    let token = serial();
    Operation::BeginTransfer { token, handing }
}

fn polled(number: Option<u8>) -> Operation {
    Operation::Polled(vec![Polled {
        token: serial(),
        phone: number.map(|number| Phone {
            registration: phone(number),
            os_version: "0.1.0_WEB".into(),
        }),
    }])
}

fn supplied() -> Operation {
    let Provisioning { code, link, .. } = code(NOW);
    Operation::Provisioned(vec![Supplied {
        token: serial(),
        code,
        link,
        valid: Span::from_hours(72),
    }])
}

fn stages(plan: &Plan) -> Vec<ActivationStage> {
    let stage = |what: &What| match what {
        What::Activation { stage, .. } => *stage,
        other => panic!("{other:?}"),
    };
    plan.events.iter().map(|event| stage(&event.what)).collect()
}

fn token(plan: &Plan) -> &Token {
    match &plan.changes[0] {
        Change::Token(token) => token,
        other => panic!("{other:?}"),
    }
}

fn registration(token: &Token) -> RegistrationId {
    match &token.stage {
        Stage::Provisioned(phone) => phone.registration,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_phone_keeps_the_token_until_another_has_it() {
    let begun = plan(begin(Handing::Mailed), on_phone(None));
    assert_eq!(registration(token(&begun)), phone(1));
    assert!(matches!(begun.changes[1], Change::NextSeed(_, Some(_))));
    assert!(matches!(begun.messages[..], [Message::Provision { .. }]));
    assert_eq!(stages(&begun), [ActivationStage::TransferBegun]);

    let asked = on_phone(Some(Transfer::Requested(Handing::Mailed)));
    let coded = plan(supplied(), asked);
    let Some(Transfer::Waiting(code, _)) = token(&coded).transfer() else {
        panic!("{coded:?}");
    };
    assert_eq!(code.expires, NOW.after(LIFETIME));
    assert!(matches!(
        coded.messages[..],
        [Message::ActivationCode { .. }]
    ));
    assert_eq!(coded.changes.len(), 1);

    let taken = plan(polled(Some(2)), waiting(NOW.after(LIFETIME)));
    assert_eq!(registration(token(&taken)), phone(2));
    assert!(token(&taken).transfer().is_none());
    assert!(matches!(taken.changes[1], Change::SeedTaken(_)));
    assert!(matches!(
        taken.messages[..],
        [Message::TransferNotice { .. }]
    ));
    assert_eq!(stages(&taken), [ActivationStage::Transferred]);
}

#[test]
fn a_code_that_is_shown_is_mailed_to_nobody() {
    let asked = on_phone(Some(Transfer::Requested(Handing::Shown)));
    assert!(plan(supplied(), asked).messages.is_empty());
}

#[test]
fn a_poll_moves_a_token_only_while_its_code_waits() {
    for transfer in [Transfer::Requested(Handing::Mailed), Transfer::Withdrawn] {
        let plan = plan(polled(Some(2)), on_phone(Some(transfer)));
        assert!(
            plan.changes.is_empty() && plan.events.is_empty(),
            "{plan:?}"
        );
    }
    let alarm = plan(polled(Some(2)), on_phone(None));
    assert!(alarm.changes.is_empty());
    assert_eq!(stages(&alarm), [ActivationStage::OtherPhone]);
}

#[test]
fn a_code_that_nobody_takes_ends_and_the_token_stays() {
    let expires = NOW.after(LIFETIME);
    // The token server's clock decides whether it was taken in time.
    let late = decide(
        polled(Some(2)),
        waiting(expires),
        expires.after(Span::from_secs(30)),
    );
    assert_eq!(registration(token(&late.unwrap())), phone(2));
    let waits = decide(polled(None), waiting(expires), expires).unwrap();
    assert!(waits.changes.is_empty());
    let over = decide(polled(None), waiting(expires), expires.after(GRACE)).unwrap();
    assert_eq!(registration(token(&over)), phone(1));
    assert!(token(&over).transfer().is_none());
    assert!(matches!(over.changes[1], Change::NextSeed(_, None)));
    assert_eq!(stages(&over), [ActivationStage::TransferEnded]);
}

#[test]
fn what_is_taken_back_dies_at_the_token_server() {
    let cancel = || Operation::CancelTransfer { token: serial() };
    let cancelled = plan(cancel(), waiting(NOW.after(LIFETIME)));
    assert!(matches!(
        token(&cancelled).transfer(),
        Some(Transfer::Withdrawn)
    ));
    assert!(matches!(
        cancelled.messages[..],
        [Message::Provision { .. }]
    ));
    assert_eq!(stages(&cancelled), [ActivationStage::TransferEnded]);
    let forgotten = plan(supplied(), on_phone(Some(Transfer::Withdrawn)));
    assert!(token(&forgotten).transfer().is_none());
    assert!(forgotten.messages.is_empty());
    // Twice, or without one: nothing.
    for before in [None, Some(Transfer::Withdrawn)] {
        assert!(plan(cancel(), on_phone(before)).changes.is_empty());
    }
}

#[test]
fn a_refusal_of_the_token_server_leaves_the_token_where_it_is() {
    let refused = Operation::ProvisionRefused {
        token: serial(),
        answer: "31".into(),
    };
    let asked = on_phone(Some(Transfer::Requested(Handing::Mailed)));
    let plan = plan(refused, asked);
    assert_eq!(registration(token(&plan)), phone(1));
    assert!(token(&plan).transfer().is_none());
}

#[test]
fn symptom_27_and_28_what_does_not_move_and_why() {
    let bent = |bend: fn(&mut Owned)| {
        let mut owned = on_phone(None);
        bend(&mut owned);
        owned
    };
    for (owned, why) in [
        (
            bent(|it| it.token.licence = LicenceSerial::trial(7)),
            NotMoved::Trial,
        ),
        (
            bent(|it| it.token.status = TokenStatus::Lock),
            NotMoved::Locked,
        ),
        (bent(|it| it.token.stage = Stage::New), NotMoved::NotOnPhone),
        (bent(|it| it.owner = None), NotMoved::Unreachable),
        (
            bent(|it| it.owner.as_mut().unwrap().contact = Contact::default()),
            NotMoved::Unreachable,
        ),
    ] {
        assert_eq!(movable(&owned, Handing::Mailed), Err(why));
        let error = decide(begin(Handing::Mailed), owned, NOW).unwrap_err();
        assert_eq!(error, AdminError::NotMoved(why));
        assert_eq!(error.to_string(), "no valid token found");
        assert_eq!(error.next_step(), why.to_string());
    }
    // Without an address it is shown.
    let unreachable = bent(|it| it.owner.as_mut().unwrap().contact = Contact::default());
    assert_eq!(movable(&unreachable, Handing::Shown), Ok(()));
}

#[test]
fn symptom_27_transfer_is_off_until_there_is_an_address_too() {
    let settings = |fields: &[(&str, &str)]| {
        let mut object = Object::new(&FTM_PUSH, "");
        for (name, value) in fields {
            object.set(FTM_PUSH.field(name).unwrap(), Value::Text((*value).into()));
        }
        PushSettings::from_object(&object)
    };
    assert_eq!(settings(&[]).transfers(), Err(NotMoved::Off));
    let on = ("token-transfer", "enable");
    assert_eq!(settings(&[on]).transfers(), Err(NotMoved::NoAddress));
    let at = ("server", "gate.example.org");
    assert_eq!(settings(&[on, at]).transfers(), Ok(()));
    assert_eq!(settings(&[at]).recovers(), Err(NotMoved::RecoveryOff));
    assert_eq!(settings(&[("token-recovery", "enable")]).recovers(), Ok(()));
}
