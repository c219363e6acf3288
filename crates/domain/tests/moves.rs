//! Mobile tokens that go from one gateway to another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::access::{Authority, Profile, Realms};
use domain::admin::{
    AdminError, Arriving, Change, Entropy, Facts, FileGiven, ItsPhone, MOVE_REQUEST_DAYS, MoveIn,
    MoveOut, NotMovedIn, Obstacle, Operation, Owned, Owner, Phone, Plan, Remark, Serials, Untimely,
    apply, timely,
};
use domain::audit::{ActivationStage, Actor, What};
use domain::contact::Contact;
use domain::conveyed::{Conveyed, Holder};
use domain::name::UserName;
use domain::password::SALT_LEN;
use domain::schema::{ACCPROFILE, Object};
use domain::time::{Span, Timestamp};
use domain::token::{KnownBy, Provisioned, Stage, Token, TokenStatus, Usability};
use domain::transfer::{NotMoved, Transfer};
use domain::user::Switch;
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, Pace, ProductSerial, RegistrationId, TokenSerial};
use otp::{Drift, Parameters, Seed, Step};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_040);

fn licence() -> LicenceSerial {
    LicenceSerial::parse("EFTM000000000001").unwrap()
}

fn product(serial: &str) -> ProductSerial {
    ProductSerial::parse(serial).unwrap()
}

fn serial(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn phone(number: u8) -> Provisioned {
    Provisioned {
        code: ActivationCode::from_random([number; 8], Pace::Sixty),
        expires: NOW,
        registration: RegistrationId::from_bytes([number; 32]),
        os_version: "0.1_terminal".into(),
        transfer: None,
        known_by: KnownBy::TokenServer,
    }
}

fn token(number: u8, stage: Stage) -> Owned {
    Owned {
        token: Token {
            stage,
            ..Token::imported(Vdom::ROOT, serial(number), Some(licence()))
        },
        owner: None,
    }
}

fn on_phone(number: u8) -> Owned {
    token(number, Stage::Provisioned(phone(number)))
}

fn conveyed(number: u8) -> Conveyed {
    Conveyed {
        serial: serial(number),
        seed: Seed::from_bytes(Zeroizing::new(vec![number; 20])).unwrap(),
        parameters: Parameters::default(),
        drift: Drift(0),
        spent: None,
        phone: Provisioned {
            known_by: KnownBy::OtherUnit,
            ..phone(number)
        },
        status: TokenStatus::Active,
        holder: None,
    }
}

fn admin() -> Authority {
    Authority::unlimited(Actor {
        name: "admin".into(),
        interface: "console".into(),
    })
}

fn decide(operation: Operation, facts: Facts, by: &Authority) -> Result<Plan, AdminError> {
    let entropy = Entropy {
        seed: Zeroizing::new([1; 20]),
        salt: [1; SALT_LEN],
    };
    let facts = Facts {
        vdoms: vec![Vdom::ROOT],
        ..facts
    };
    apply(operation, facts, &entropy, by, NOW)
}

fn moving_out(licence: LicenceSerial, numbers: &[u8]) -> Operation {
    let moved = numbers
        .iter()
        .map(|number| (serial(*number), phone(*number).registration));
    Operation::MoveOut(MoveOut {
        vdom: Vdom::ROOT,
        licence,
        tokens: moved.collect(),
        file: FileGiven {
            id: "ab".into(),
            name: "tokens.move".into(),
            to: product("FGT0000000000042"),
            at: NOW,
        },
    })
}

fn out(licence: LicenceSerial, numbers: &[u8], tokens: Vec<Owned>) -> Result<Plan, AdminError> {
    decide(moving_out(licence, numbers), here(tokens), &admin())
}

fn taken(numbers: &[u8], facts: Facts) -> Result<Plan, AdminError> {
    take(numbers.iter().copied().map(conveyed).collect(), facts)
}

fn here(tokens: Vec<Owned>) -> Facts {
    let tokens = tokens.into_iter().map(|owned| (owned.token.serial, owned));
    Facts {
        tokens: tokens.collect(),
        ..Facts::default()
    }
}

fn seeded(plan: &Plan) -> Vec<TokenSerial> {
    let seeded = plan.changes.iter().filter_map(|change| match change {
        Change::Seed(serial, Some(_)) => Some(*serial),
        _ => None,
    });
    seeded.collect()
}

/// All of them are on the phones with which they come.
fn take(tokens: Vec<Conveyed>, facts: Facts) -> Result<Plan, AdminError> {
    let on_its_phone = |token: Conveyed| Arriving {
        phone: ItsPhone::Named(Phone {
            registration: token.phone.registration,
            os_version: "0.1_terminal".into(),
        }),
        token,
    };
    arrive(tokens.into_iter().map(on_its_phone).collect(), facts)
}

fn arrive(tokens: Vec<Arriving>, facts: Facts) -> Result<Plan, AdminError> {
    let operation = Operation::MoveIn(MoveIn {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens,
        from: product("FGT0000000000041"),
        file: "ab".into(),
    });
    decide(operation, facts, &admin())
}

#[test]
fn a_request_is_good_for_a_week_and_not_before_its_time() {
    let week = Span::from_days(MOVE_REQUEST_DAYS);
    let second = Span::from_secs(1);
    assert_eq!(timely(NOW, NOW.after(week)), Ok(()));
    let late = NOW.after(week).after(second);
    assert_eq!(timely(NOW, late), Err(Untimely::Old(NOW)));
    let ahead = NOW.after(Span::from_mins(5));
    assert_eq!(timely(ahead, NOW), Ok(()));
    let made = ahead.after(second);
    let refused = timely(made, NOW).unwrap_err();
    assert_eq!(refused, Untimely::Ahead { made, now: NOW });
    assert!(refused.to_string().contains(&made.to_string()), "{refused}");
    let end = Timestamp::from_secs(i64::MAX);
    assert!(matches!(timely(end, NOW), Err(Untimely::Ahead { .. })));
}

#[test]
fn tokens_that_leave_have_no_seed_here_any_more() {
    let plan = out(licence(), &[1, 2], vec![on_phone(1), on_phone(2)]).unwrap();
    let gone = plan
        .changes
        .iter()
        .filter(|it| matches!(it, Change::Seed(_, None)));
    assert_eq!(gone.count(), 2);
    let is_new = |change: &Change| matches!(change, Change::Token(token) if matches!(token.stage, Stage::New));
    assert_eq!(plan.changes.iter().filter(|it| is_new(it)).count(), 2);
    assert_eq!((plan.events.len(), plan.messages.len()), (1, 0));
}

#[test]
fn seeds_leave_by_who_may_do_everything_here_alone() {
    let groups = ["authgrp", "sysgrp", "loggrp"];
    let all_groups = groups.iter().fold(
        Object::new(&ACCPROFILE, "all but administrators"),
        |profile, group| profile.with(group, Some("read-write")),
    );
    let limited = Authority {
        profile: Profile::from_object(&all_groups),
        ..admin()
    };
    let of_a_vdom = Authority {
        realms: Realms::These(Box::new([Vdom::ROOT])),
        ..admin()
    };
    for by in [limited, of_a_vdom] {
        let refused = decide(moving_out(licence(), &[1]), here(vec![on_phone(1)]), &by);
        let stay = AdminError::SeedsStay(by.profile.name.clone());
        assert_eq!(refused.unwrap_err(), stay);
    }
}

#[test]
fn one_that_is_withheld_leaves_with_the_others() {
    let withheld = token(2, Stage::Withheld(phone(2)));
    let plan = out(licence(), &[1, 2], vec![on_phone(1), withheld]).unwrap();
    let unseeded = |it: &&Change| matches!(it, Change::Seed(_, None));
    assert_eq!(plan.changes.iter().filter(unseeded).count(), 2);
}

#[test]
fn none_leaves_if_one_changed_since_it_was_sealed() {
    let other = token(2, Stage::Provisioned(phone(3)));
    let transferred = Provisioned {
        transfer: Some(Transfer::Withdrawn),
        ..phone(2)
    };
    for changed in [
        other,
        token(2, Stage::Requested),
        token(2, Stage::New),
        token(2, Stage::Provisioned(transferred)),
    ] {
        let refused = out(licence(), &[1, 2], vec![on_phone(1), changed]).unwrap_err();
        assert_eq!(refused, AdminError::ChangedMeanwhile(serial(2)));
    }
    assert!(out(licence(), &[1], vec![]).is_err());
    let trial = LicenceSerial::parse("FTMTRIAL00000001").unwrap();
    let refused = out(trial, &[1], vec![on_phone(1)]).unwrap_err();
    assert!(
        matches!(refused, AdminError::NotMoved(NotMoved::Trial)),
        "{refused}"
    );
}

#[test]
fn tokens_come_in_with_their_phones_and_a_file_once() {
    let facts = here(vec![token(2, Stage::New), on_phone(3)]);
    let mut provisioned_since = conveyed(3);
    provisioned_since.phone.code = ActivationCode::from_random([4; 8], Pace::Sixty);
    let plan = take(vec![conveyed(1), conveyed(2), provisioned_since], facts).unwrap();
    assert_eq!(seeded(&plan), [serial(1), serial(2)]);
    let floor = Step(NOW.unix() / 60 + 1);
    let spent = |it: &&Change| matches!(it, Change::Spent(_, step) if *step == floor);
    assert_eq!(plan.changes.iter().filter(spent).count(), 2);
    assert!(matches!(plan.remarks[..], [Remark::Here(stays)] if stays == serial(3)));
    assert!(matches!(&plan.changes[0], Change::FileTaken(file) if &**file == "ab"));

    let again = Facts {
        is_file_taken: true,
        ..Facts::default()
    };
    assert_eq!(taken(&[1], again).unwrap_err(), NotMovedIn::Again.into());
}

#[test]
fn a_token_that_went_to_another_phone_since_begins_anew() {
    let other = || {
        ItsPhone::Named(Phone {
            registration: RegistrationId::from_bytes([7; 32]),
            os_version: "0.1_terminal".into(),
        })
    };
    let restored = Provisioned {
        known_by: KnownBy::OtherUnit,
        ..phone(1)
    };
    for (named, here_is) in [
        (other(), vec![]),
        (ItsPhone::None, vec![]),
        (other(), vec![token(1, Stage::New)]),
        (other(), vec![token(1, Stage::Provisioned(restored))]),
        (other(), vec![token(1, Stage::Withheld(phone(1)))]),
        // Nobody logs in with it, so whose it is there does not matter.
        (other(), vec![of("bob", token(1, Stage::New))]),
    ] {
        let mut came = conveyed(1);
        came.status = TokenStatus::Lock;
        let gone = Arriving {
            token: came,
            phone: named,
        };
        let plan = arrive(vec![gone], here(here_is)).unwrap();
        assert!(seeded(&plan).is_empty());
        let has = |wanted: &dyn Fn(&Change) -> bool| plan.changes.iter().any(wanted);
        assert!(has(&|it| matches!(it, Change::FileTaken(_))));
        assert!(has(&|it| matches!(it, Change::Seed(_, None))));
        assert!(has(&|it| matches!(it, Change::Token(token)
            if matches!(token.stage, Stage::New) && token.status == TokenStatus::Lock
                && token.licence == Some(licence()))));
        assert!(matches!(plan.remarks[..], [Remark::OtherPhone(new)] if new == serial(1)));
        let told = plan.events.iter().any(|event| {
            matches!(&event.what, What::Activation { stage: ActivationStage::OtherPhone, token, .. }
                if *token == serial(1))
        });
        assert!(told);
    }
    // One that was provisioned here meanwhile has that phone.
    let since = Provisioned {
        code: ActivationCode::from_random([4; 8], Pace::Sixty),
        registration: RegistrationId::from_bytes([7; 32]),
        ..phone(1)
    };
    let stays = Arriving {
        token: conveyed(1),
        phone: other(),
    };
    let refused = arrive(vec![stays], here(vec![token(1, Stage::Provisioned(since))])).unwrap_err();
    let expected = NotMovedIn::Obstructed(Obstacle::OtherPhones, Serials([serial(1)].into()));
    assert_eq!(refused, expected.into());
}

#[test]
fn a_token_of_whose_phone_the_token_server_never_heard_comes_in_by_the_other_gateways_word() {
    for here_is in [Stage::New, Stage::Withheld(phone(1))] {
        let arriving = Arriving {
            token: conveyed(1),
            phone: ItsPhone::Unheard,
        };
        let plan = arrive(vec![arriving], here(vec![token(1, here_is)])).unwrap();
        assert_eq!(seeded(&plan), [serial(1)]);
        let is_unconfirmed = |it: &Change| {
            matches!(it, Change::Token(token) if matches!(&token.stage,
                Stage::Provisioned(phone) if phone.known_by == KnownBy::OtherUnit))
        };
        assert!(plan.changes.iter().any(is_unconfirmed));
    }
}

#[test]
fn a_token_that_a_backup_brought_too_early_comes_in_with_its_phone() {
    let early = here(vec![token(1, Stage::Withheld(phone(1)))]);
    let plan = taken(&[1], early).unwrap();
    assert_eq!(seeded(&plan), [serial(1)]);
    let is_in_use = |it: &Change| matches!(it, Change::Token(token) if token.usability(NOW) == Usability::Usable);
    assert!(plan.changes.iter().any(is_in_use));
}

#[test]
fn what_comes_in_is_known_by_the_token_server_which_was_asked() {
    let plan = taken(&[1], Facts::default()).unwrap();
    let known = |it: &Change| {
        matches!(it, Change::Token(token) if matches!(&token.stage,
            Stage::Provisioned(phone) if phone.known_by == KnownBy::TokenServer))
    };
    assert!(plan.changes.iter().any(known));
}

#[test]
fn a_token_that_a_backup_brought_takes_over_what_the_other_gateway_accepted_since() {
    let late = Step(NOW.unix() / 60 + 5);
    for (known_by, registered) in [
        // The token server named the same phone since, or was not asked and the phone is another by now.
        (KnownBy::TokenServer, 1),
        (KnownBy::OtherUnit, 7),
    ] {
        let restored = Provisioned {
            known_by,
            ..phone(registered)
        };
        let facts = here(vec![token(1, Stage::Provisioned(restored))]);
        let mut came = conveyed(1);
        (came.drift, came.spent) = (Drift(2), Some(late));
        let plan = take(vec![came], facts).unwrap();
        assert_eq!(seeded(&plan), [serial(1)]);
        let has = |wanted: &dyn Fn(&Change) -> bool| plan.changes.iter().any(wanted);
        assert!(has(
            &|it| matches!(it, Change::Spent(_, step) if *step == late)
        ));
        assert!(has(
            &|it| matches!(it, Change::Token(token) if token.drift == Drift(2)
            && matches!(&token.stage, Stage::Provisioned(now) if now.registration == phone(1).registration))
        ));
    }
}

#[test]
fn a_file_whose_tokens_have_no_place_here_is_not_taken() {
    let sales = Vdom::parse("sales").unwrap();
    let mut elsewhere = token(2, Stage::New);
    elsewhere.token.vdom = sales;
    let since = Provisioned {
        code: ActivationCode::from_random([4; 8], Pace::Sixty),
        ..phone(2)
    };
    let transferred = Provisioned {
        transfer: Some(Transfer::Withdrawn),
        ..phone(2)
    };
    for (stays, obstacle) in [
        (elsewhere, Obstacle::Elsewhere(Some(sales))),
        (token(2, Stage::Requested), Obstacle::Awaited),
        (token(2, Stage::Provisioned(transferred)), Obstacle::Awaited),
    ] {
        let refused = taken(&[1, 2, 3], here(vec![stays])).unwrap_err();
        let expected = NotMovedIn::Obstructed(obstacle, Serials([serial(2)].into()));
        assert_eq!(refused, expected.into());
        assert!(
            refused.to_string().contains(serial(2).as_str()),
            "{refused}"
        );
    }
    let other_phone = here(vec![token(2, Stage::Provisioned(since))]);
    let refused = taken(&[2], other_phone).unwrap_err();
    let expected = NotMovedIn::Obstructed(Obstacle::OtherPhones, Serials([serial(2)].into()));
    assert_eq!(refused, expected.into());
    // Once the reason is gone the file is taken.
    assert_eq!(
        seeded(&taken(&[2], here(vec![token(2, Stage::New)])).unwrap()),
        [serial(2)]
    );
}

#[test]
fn a_token_that_either_administrator_locked_is_locked() {
    for (there, here_is) in [
        (TokenStatus::Lock, TokenStatus::Active),
        (TokenStatus::Active, TokenStatus::Lock),
    ] {
        let mut came = conveyed(1);
        came.status = there;
        let mut known = token(1, Stage::New);
        known.token.status = here_is;
        let plan = take(vec![came], here(vec![known])).unwrap();
        let locked =
            |it: &Change| matches!(it, Change::Token(token) if token.status == TokenStatus::Lock);
        assert!(plan.changes.iter().any(locked));
    }
}

fn of(name: &str, owned: Owned) -> Owned {
    Owned {
        owner: Some(Owner {
            name: UserName::parse(name).unwrap(),
            status: Switch::Enable,
            contact: Contact::default(),
        }),
        ..owned
    }
}

#[test]
fn a_token_comes_in_for_the_person_alone_who_had_it() {
    let came = |holder: Option<&str>| {
        let mut came = conveyed(1);
        came.holder = holder.map(|name| Holder::User(name.into()));
        vec![came]
    };
    let new = || token(1, Stage::New);
    let taken = take(came(Some("alice")), here(vec![of("Alice", new())])).unwrap();
    assert_eq!(seeded(&taken), [serial(1)]);
    for (holder, here_is, obstacle) in [
        (Some("alice"), vec![], Obstacle::Ownerless),
        (Some("alice"), vec![new()], Obstacle::Ownerless),
        (Some("alice"), vec![of("bob", new())], Obstacle::OtherHolder),
        (None, vec![of("bob", new())], Obstacle::OtherHolder),
    ] {
        let refused = take(came(holder), here(here_is)).unwrap_err();
        let expected = NotMovedIn::Obstructed(obstacle, Serials([serial(1)].into()));
        assert_eq!(refused, expected.into());
    }
}
