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
    AdminError, Change, CodeNews, Entropy, Facts, Message, Operation, Owned, Owner, Phone, Plan,
    Polled, Supplied, apply,
};
use domain::advice::Advice;
use domain::audit::{ActivationStage, Actor, What};
use domain::contact::Contact;
use domain::name::UserName;
use domain::password::SALT_LEN;
use domain::schema::{FTM_PUSH, Object, Value};
use domain::settings::PushSettings;
use domain::time::{Span, Timestamp};
use domain::token::{
    ActivationLink, KnownBy, Provisioned, Provisioning, Stage, Token, TokenStatus, Usability,
};
use domain::transfer::{
    Asker, BEGUN_MAX, Begun, Handing, LIFETIME, NotMoved, Target, Transfer, movable,
};
use domain::user::Switch;
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, Pace, RegistrationId, TokenSerial};
use otp::Step;
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

fn alice() -> Owner {
    Owner {
        name: UserName::parse("alice").unwrap(),
        status: Switch::Enable,
        contact: Contact::default().with("email-to", "alice@example.org"),
    }
}

fn begun(handing: Handing) -> Begun {
    Begun {
        handing,
        target: Target::of(&alice(), handing),
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
                known_by: KnownBy::TokenServer,
            }),
            has_seed: true,
            ..Token::imported(Vdom::ROOT, serial(), LicenceSerial::purchased(1))
        },
        owner: Some(alice()),
    }
}

fn waiting(expires: Timestamp) -> Owned {
    on_phone(Some(Transfer::Waiting(
        code(expires),
        begun(Handing::Mailed),
    )))
}

fn decide(operation: Operation, owned: Owned, now: Timestamp) -> Result<Plan, AdminError> {
    decide_under(&[ON, AT], operation, owned, now)
}

fn decide_under(
    push: &[(&str, &str)],
    operation: Operation,
    owned: Owned,
    now: Timestamp,
) -> Result<Plan, AdminError> {
    apply_to(facts(push, owned), operation, now)
}

fn facts(push: &[(&str, &str)], owned: Owned) -> Facts {
    Facts {
        tokens: [(owned.token.serial, owned)].into(),
        vdoms: vec![Vdom::ROOT],
        code_lifetime: Span::from_hours(72),
        push: settings(push).into(),
        ..Facts::default()
    }
}

fn apply_to(facts: Facts, operation: Operation, now: Timestamp) -> Result<Plan, AdminError> {
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
    Operation::BeginTransfer {
        token: serial(),
        asker: match handing {
            Handing::Mailed | Handing::Shown => Asker::Phone,
            Handing::Recovery => Asker::Login,
        },
        handing,
        holder: phone(1),
    }
}

fn on(number: u8) -> Phone {
    Phone {
        registration: phone(number),
        os_version: "0.1.0_WEB".into(),
    }
}

fn about(code: u8, news: CodeNews) -> Operation {
    Operation::TransferPolled {
        token: serial(),
        code: ActivationCode::from_random([code; 8], Pace::Sixty),
        news,
    }
}

/// The phone with this number has stored the token by the code that waits.
fn confirmed(number: u8) -> Operation {
    about(2, CodeNews::Confirmed(on(number)))
}

const ON: (&str, &str) = ("token-transfer", "enable");
const AT: (&str, &str) = ("server", "gate.example.org");

fn settings(fields: &[(&str, &str)]) -> PushSettings {
    let mut object = Object::new(&FTM_PUSH, "");
    for (name, value) in fields {
        object.set(FTM_PUSH.field(name).unwrap(), Value::Text((*value).into()));
    }
    PushSettings::from_object(&object)
}

fn polled(number: Option<u8>) -> Operation {
    Operation::Polled(vec![Polled {
        token: serial(),
        phone: number.map(on),
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
    let asked_for = plan(begin(Handing::Mailed), on_phone(None));
    assert_eq!(registration(token(&asked_for)), phone(1));
    assert!(matches!(asked_for.changes[1], Change::NextSeed(_, Some(_))));
    assert!(matches!(
        asked_for.messages[..],
        [Message::Provision { .. }]
    ));
    assert_eq!(stages(&asked_for), [ActivationStage::TransferBegun]);

    let asked = on_phone(Some(Transfer::Requested(begun(Handing::Mailed))));
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

    let taken = plan(confirmed(2), waiting(NOW.after(LIFETIME)));
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
    let asked = on_phone(Some(Transfer::Requested(begun(Handing::Shown))));
    assert!(plan(supplied(), asked).messages.is_empty());
}

#[test]
fn a_poll_that_names_a_phone_moves_no_token() {
    let requested = Transfer::Requested(begun(Handing::Mailed));
    let waits = Transfer::Waiting(code(NOW.after(LIFETIME)), begun(Handing::Mailed));
    for transfer in [requested, waits, Transfer::Withdrawn] {
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
fn only_the_code_that_waits_moves_a_token() {
    let of_another = about(3, CodeNews::Confirmed(on(2)));
    let plans = [
        plan(of_another, waiting(NOW.after(LIFETIME))),
        plan(confirmed(2), on_phone(None)),
        plan(confirmed(2), on_phone(Some(Transfer::Withdrawn))),
        plan(
            confirmed(2),
            on_phone(Some(Transfer::Requested(begun(Handing::Mailed)))),
        ),
        plan(about(3, CodeNews::Ended), waiting(NOW.after(LIFETIME))),
    ];
    for plan in plans {
        assert!(
            plan.changes.is_empty() && plan.events.is_empty(),
            "{plan:?}"
        );
    }
}

#[test]
fn a_code_that_ends_unconfirmed_is_made_useless_and_the_token_stays() {
    let over = plan(about(2, CodeNews::Ended), waiting(NOW));
    assert_eq!(registration(token(&over)), phone(1));
    assert!(matches!(token(&over).transfer(), Some(Transfer::Withdrawn)));
    assert!(matches!(over.messages[..], [Message::Provision { .. }]));
    assert_eq!(stages(&over), [ActivationStage::TransferEnded]);
}

#[test]
fn a_wish_is_carried_out_for_the_phone_of_which_it_was_judged_alone() {
    let moved = |operation| decide(operation, on_phone(None), NOW).unwrap_err();
    let refused = AdminError::NotMoved(NotMoved::OtherPhone);
    let (token, holder) = (serial(), phone(2));
    let begin = Operation::BeginTransfer {
        token,
        asker: Asker::Phone,
        handing: Handing::Shown,
        holder,
    };
    assert_eq!(moved(begin), refused);
    assert_eq!(moved(Operation::CancelTransfer { token, holder }), refused);
}

#[test]
fn the_event_log_says_who_asked() {
    let (token, holder) = (serial(), phone(1));
    for (asker, handing, told) in [
        (Asker::Phone, Handing::Mailed, "the code goes to the user"),
        (
            Asker::Phone,
            Handing::Shown,
            "the code is shown by the phone that has the token",
        ),
        (
            Asker::Backup,
            Handing::Shown,
            "by a backup of the phone that has the token, which gets the code",
        ),
    ] {
        let begin = Operation::BeginTransfer {
            token,
            asker,
            handing,
            holder,
        };
        let [event] = &plan(begin, on_phone(None)).events[..] else {
            panic!("one event");
        };
        assert!(format!("{event:?}").contains(told), "{event:?}");
    }
}

/// What changes while a code waits.
type Bend = fn(&mut Owned);

#[test]
fn a_transfer_ends_when_what_it_was_begun_for_changes() {
    let changes: [(&[(&str, &str)], Bend); 7] = [
        (&[AT], |_| ()),
        (&[ON], |_| ()),
        (&[ON, AT], |it| it.token.status = TokenStatus::Lock),
        (&[ON, AT], |it| it.owner = None),
        (&[ON, AT], |it| {
            it.owner.as_mut().unwrap().status = Switch::Disable;
        }),
        (&[ON, AT], |it| {
            it.owner.as_mut().unwrap().name = UserName::parse("bob").unwrap();
        }),
        (&[ON, AT], |it| {
            let contact = Contact::default().with("email-to", "mallory@example.org");
            it.owner.as_mut().unwrap().contact = contact;
        }),
    ];
    let review = || Operation::ReviewTransfer { token: serial() };
    for (push, bend) in changes {
        // Before its code is made, while it waits, and when the other phone has stored the token.
        let requested = on_phone(Some(Transfer::Requested(begun(Handing::Mailed))));
        let waits = || waiting(NOW.after(LIFETIME));
        for (operation, mut owned) in [
            (review(), waits()),
            (supplied(), requested),
            (confirmed(2), waits()),
        ] {
            bend(&mut owned);
            let ended = decide_under(push, operation, owned, NOW).unwrap();
            assert_eq!(registration(token(&ended)), phone(1));
            assert!(matches!(
                token(&ended).transfer(),
                Some(Transfer::Withdrawn)
            ));
            assert!(matches!(ended.messages[..], [Message::Provision { .. }]));
            assert_eq!(stages(&ended), [ActivationStage::TransferEnded]);
        }
    }
    let stands = plan(review(), waiting(NOW.after(LIFETIME)));
    assert!(stands.changes.is_empty() && stands.events.is_empty());
}

#[test]
fn a_code_that_is_shown_goes_to_no_address_and_minds_no_other() {
    let transfer = Transfer::Waiting(code(NOW.after(LIFETIME)), begun(Handing::Shown));
    let mut owned = on_phone(Some(transfer));
    owned.owner.as_mut().unwrap().contact = Contact::default();
    let moved = plan(confirmed(2), owned);
    assert_eq!(registration(token(&moved)), phone(2));
}

#[test]
fn a_recovery_is_begun_and_goes_on_under_its_own_switch() {
    let begin = || begin(Handing::Recovery);
    let refused = decide(begin(), on_phone(None), NOW).unwrap_err();
    assert_eq!(refused, AdminError::NotMoved(NotMoved::RecoveryOff));
    let recovery: &[_] = &[("token-recovery", "enable")];
    let begins = decide_under(recovery, begin(), on_phone(None), NOW).unwrap();
    assert!(matches!(
        token(&begins).transfer(),
        Some(Transfer::Requested(_))
    ));
    let transfer = || Transfer::Waiting(code(NOW.after(LIFETIME)), begun(Handing::Recovery));
    let waits = || on_phone(Some(transfer()));
    let moved = decide_under(recovery, confirmed(2), waits(), NOW).unwrap();
    assert_eq!(registration(token(&moved)), phone(2));
    assert_eq!(
        stages(&plan(confirmed(2), waits())),
        [ActivationStage::TransferEnded]
    );
}

#[test]
fn no_phone_ends_what_a_recovery_began_and_none_uses_up_its_place() {
    let push: &[_] = &[ON, AT, ("token-recovery", "enable")];
    let requested = || Transfer::Requested(begun(Handing::Recovery));
    let waits = || Transfer::Waiting(code(NOW.after(LIFETIME)), begun(Handing::Recovery));
    for transfer in [requested as fn() -> Transfer, waits] {
        let cancel = Operation::CancelTransfer {
            token: serial(),
            holder: phone(1),
        };
        for operation in [cancel, begin(Handing::Mailed), begin(Handing::Shown)] {
            let refused = decide_under(push, operation, on_phone(Some(transfer())), NOW);
            let recovering = AdminError::NotMoved(NotMoved::Recovering);
            assert_eq!(refused.unwrap_err(), recovering);
        }
    }
    // A later login by another code replaces the code of the one before, and what the phone itself began.
    for handing in [Handing::Recovery, Handing::Shown] {
        let waits = Transfer::Waiting(code(NOW.after(LIFETIME)), begun(handing));
        let again = decide_under(push, begin(Handing::Recovery), on_phone(Some(waits)), NOW);
        assert_eq!(stages(&again.unwrap()), [ActivationStage::TransferBegun]);
    }
    let often = |handing| {
        let mut facts = facts(push, on_phone(None));
        facts.transfers_begun = vec![NOW; BEGUN_MAX];
        apply_to(facts, begin(handing), NOW)
    };
    assert_eq!(
        often(Handing::Mailed).unwrap_err(),
        AdminError::NotMoved(NotMoved::TooOften)
    );
    assert!(often(Handing::Recovery).is_ok());
}

#[test]
fn what_is_taken_back_dies_at_the_token_server() {
    let cancel = || Operation::CancelTransfer {
        token: serial(),
        holder: phone(1),
    };
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
    let asked = on_phone(Some(Transfer::Requested(begun(Handing::Mailed))));
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
            bent(|it| it.owner.as_mut().unwrap().status = Switch::Disable),
            NotMoved::Disabled,
        ),
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
    assert_eq!(settings(&[]).transfers(), Err(NotMoved::Off));
    assert_eq!(settings(&[ON]).transfers(), Err(NotMoved::NoAddress));
    assert_eq!(settings(&[ON, AT]).transfers(), Ok(()));
    assert_eq!(settings(&[AT]).recovers(), Err(NotMoved::RecoveryOff));
    assert_eq!(settings(&[("token-recovery", "enable")]).recovers(), Ok(()));
}

/// A token that came from another unit with its phone.
fn conveyed() -> Owned {
    let mut owned = on_phone(None);
    if let Stage::Provisioned(phone) = &mut owned.token.stage {
        phone.known_by = KnownBy::OtherUnit;
    }
    owned
}

#[test]
fn the_token_server_confirms_the_phone_with_which_a_token_came() {
    let plan = plan(polled(Some(1)), conveyed());
    assert!(plan.events.is_empty() && plan.messages.is_empty());
    let [Change::Token(token)] = &plan.changes[..] else {
        panic!("{:?}", plan.changes)
    };
    let Stage::Provisioned(known) = &token.stage else {
        panic!("{:?}", token.stage)
    };
    assert_eq!(
        (known.known_by, known.registration),
        (KnownBy::TokenServer, phone(1))
    );
}

#[test]
fn a_token_that_came_with_a_phone_that_has_it_no_more_is_new() {
    for (named, said) in [
        (Some(2), phone(2).to_string()),
        (None, "no phone that has it".to_owned()),
    ] {
        let plan = plan(polled(named), conveyed());
        let [Change::Token(token), Change::Seed(_, None)] = &plan.changes[..] else {
            panic!("{:?}", plan.changes)
        };
        assert!(matches!(token.stage, Stage::New));
        assert_eq!(stages(&plan), [ActivationStage::OtherPhone]);
        let What::Activation { detail, .. } = &plan.events[0].what else {
            panic!("{:?}", plan.events)
        };
        assert!(
            detail.contains(&said) && detail.contains("provision FTKMOB"),
            "{detail}"
        );
    }
}

fn withheld() -> Owned {
    let mut owned = on_phone(None);
    if let Stage::Provisioned(phone) = std::mem::replace(&mut owned.token.stage, Stage::New) {
        owned.token.stage = Stage::Withheld(phone);
    }
    owned
}

#[test]
fn a_token_that_came_from_another_unit_is_withheld_while_it_is_that_ones() {
    let disowned = || Operation::Disowned(vec![serial()]);
    let plan = plan(disowned(), conveyed());
    let [Change::Token(token)] = &plan.changes[..] else {
        panic!("{:?}", plan.changes)
    };
    assert!(matches!(&token.stage, Stage::Withheld(known) if known.registration == phone(1)));
    assert_eq!(token.usability(NOW), Usability::OfAnotherUnit);
    assert_eq!(token.status_text(NOW), "new");
    let advice = Advice::of(token, NOW).unwrap();
    assert!(advice.next_step.contains("replace-unit"), "{advice:?}");
    assert_eq!(stages(&plan), [ActivationStage::OtherPhone]);
    // What was activated here is known here, and what is withheld needs no second word.
    for owned in [on_phone(None), withheld()] {
        let plan = self::plan(disowned(), owned);
        assert!(
            plan.changes.is_empty() && plan.events.is_empty(),
            "{plan:?}"
        );
    }
}

#[test]
fn a_token_of_whose_phone_the_token_server_never_heard_stays_on_it() {
    let unheard = || Operation::PhonesUnheard(vec![serial()]);
    let stays = plan(unheard(), conveyed());
    assert!(
        stays.changes.is_empty() && stays.events.is_empty(),
        "{stays:?}"
    );
    let back = plan(unheard(), withheld());
    let [Change::Token(token), Change::Spent(..)] = &back.changes[..] else {
        panic!("{:?}", back.changes)
    };
    assert!(
        matches!(&token.stage, Stage::Provisioned(known) if known.registration == phone(1)
        && known.known_by == KnownBy::OtherUnit)
    );
    // No manager gives a trial out: its tokens were put back to new.
    for mut owned in [conveyed(), withheld()] {
        owned.token.licence = Some(LicenceSerial::parse("FTMTRIAL0012ABCD").unwrap());
        let plan = self::plan(unheard(), owned);
        assert!(matches!(
            plan.changes[..],
            [Change::Token(_), Change::Seed(_, None)]
        ));
    }
}

#[test]
fn a_withheld_token_goes_on_with_its_phone_once_it_is_this_units() {
    let plan = plan(polled(Some(1)), withheld());
    let [Change::Token(token), Change::Spent(_, spent)] = &plan.changes[..] else {
        panic!("{:?}", plan.changes)
    };
    assert!(
        matches!(&token.stage, Stage::Provisioned(known) if known.registration == phone(1)
        && known.known_by == KnownBy::TokenServer)
    );
    // The other unit may have taken the code of this minute and the next.
    assert_eq!(*spent, Step(NOW.unix() / 60 + 1));
    assert_eq!(stages(&plan), [ActivationStage::Activated]);
    for named in [Some(2), None] {
        let plan = self::plan(polled(named), withheld());
        let [Change::Token(token), Change::Seed(_, None)] = &plan.changes[..] else {
            panic!("{:?}", plan.changes)
        };
        assert!(matches!(token.stage, Stage::New));
    }
}
