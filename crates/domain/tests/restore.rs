//! Taking a configuration in: in which order, what is left out, and what is never brought back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;

use domain::access::{Authority, PROF_ADMIN, Profile};
use domain::admin::{
    About, Change, Coverage, Edit, Entropy, Facts, Incoming, Named, Owned, Owner, Reads, Remark,
    Report, Restore, Restoring, Understood,
};
use domain::audit::{Actor, What};
use domain::contact::Contact;
use domain::conveyed::Conveyed;
use domain::name::UserName;
use domain::password::{PasswordHash, SALT_LEN};
use domain::schema::{
    ACCPROFILE, ADMIN, FORTITOKEN, GLOBAL, GROUP, GROUP_MATCH, LDAP, LOCAL, Object, Place,
    RADIUS_CLIENT, SETTING, Shape, Table, VDOM, Value,
};
use domain::time::{Span, Timestamp};
use domain::token::{KnownBy, Provisioned, Stage, Token, TokenStatus};
use domain::user::{Switch, TwoFactor, User};
use domain::vdom::Vdom;
use ident::{ActivationCode, LicenceSerial, Pace, RegistrationId, TokenSerial};
use otp::{Drift, KeyUri, Parameters, Seed, Step};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const HARDWARE: &str = "FTK200BHV1KRZCC0";

/// What a store has, and what becomes of it.
#[derive(Default)]
struct World {
    users: Vec<User>,
    tokens: Vec<(TokenSerial, Option<LicenceSerial>)>,
    objects: Vec<Object>,
    /// Tokens that came with their phones.
    conveyed: Vec<TokenSerial>,
    /// Seeds and steps that were written, in words.
    secrets: Vec<String>,
}

impl World {
    fn facts(&self, reads: &Reads) -> Facts {
        let all = |table: &'static Table| reads.all == Some((Vdom::ROOT, table));
        let users = self
            .users
            .iter()
            .filter(|user| all(&LOCAL) || reads.users.contains(user.name.canonical()));
        let users: Vec<User> = users.cloned().collect();
        let theirs = users.iter().filter_map(|user| user.token);
        let wanted: Vec<TokenSerial> = reads.tokens.iter().copied().chain(theirs).collect();
        let tokens = self
            .tokens
            .iter()
            .filter(|(serial, _)| wanted.contains(serial));
        let named = reads.named.iter().filter(|named| self.has(named));
        let in_table = |object: &&Object| all(object.table);
        Facts {
            tokens: tokens.map(|token| (token.0, self.owned(token))).collect(),
            users,
            object: reads
                .object
                .as_ref()
                .and_then(|place| self.object(place))
                .cloned(),
            all: self.objects.iter().filter(in_table).cloned().collect(),
            named: named
                .map(|named| (named.clone(), named.key.clone()))
                .collect::<HashMap<_, _>>(),
            vdoms: vec![Vdom::ROOT],
            code_lifetime: Span::from_hours(72),
            was_seeded: reads.seeded.is_some_and(|serial| {
                let word = format!("no seed of {serial}");
                self.secrets.contains(&word)
            }),
            ..Facts::default()
        }
    }

    fn owned(&self, (serial, licence): &(TokenSerial, Option<LicenceSerial>)) -> Owned {
        let owner = self.users.iter().find(|user| user.token == Some(*serial));
        let seeded = |word: &String| *word == format!("seed of {serial}");
        Owned {
            token: Token {
                has_seed: self.secrets.iter().any(seeded),
                stage: if self.conveyed.contains(serial) {
                    Stage::Provisioned(phone())
                } else {
                    Stage::New
                },
                ..Token::imported(Vdom::ROOT, *serial, *licence)
            },
            owner: owner.map(|user| Owner {
                name: user.name.clone(),
                status: Switch::Enable,
                contact: Contact::default(),
            }),
        }
    }

    fn object(&self, place: &Place) -> Option<&Object> {
        self.objects.iter().find(|object| object.place() == *place)
    }

    fn has(&self, named: &Named) -> bool {
        let is_user = |user: &User| user.name.as_written() == &*named.key;
        let is_object =
            |object: &Object| named.tables.contains(&object.table.path) && object.key == named.key;
        let names_users = named.tables.contains(&LOCAL.path);
        (names_users && self.users.iter().any(is_user)) || self.objects.iter().any(is_object)
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::User(user) => {
                self.users.retain(|other| other.name != user.name);
                self.users.push(user);
            }
            Change::UserRemoved(name) => self.users.retain(|user| *user.name.canonical() != name),
            Change::Token(token) => {
                self.tokens.retain(|(serial, _)| *serial != token.serial);
                self.tokens.push((token.serial, token.licence));
                self.conveyed.retain(|serial| *serial != token.serial);
                if token.is_conveyed() {
                    self.conveyed.push(token.serial);
                }
            }
            Change::Seed(serial, Some(_)) => self.secrets.push(format!("seed of {serial}")),
            Change::Seed(serial, None) => self.secrets.push(format!("no seed of {serial}")),
            Change::Spent(serial, Step(step)) => {
                self.secrets.push(format!("{serial} up to {step}"));
            }
            Change::Object(object) => {
                self.objects.retain(|other| other.place() != object.place());
                self.objects.push(object);
            }
            Change::ObjectRemoved(place) => self.objects.retain(|object| object.place() != place),
            other => panic!("{other:?} is no part of a restore"),
        }
    }

    fn restore(&mut self, coverage: Coverage, entries: Vec<Incoming>) -> Report {
        let by = Authority::unlimited(Actor {
            name: "admin".into(),
            interface: "console".into(),
        });
        self.restore_by(by, coverage, entries)
    }

    fn restore_by(&mut self, by: Authority, coverage: Coverage, entries: Vec<Incoming>) -> Report {
        let entropy = Entropy {
            seed: Zeroizing::new([1; 20]),
            salt: [1; SALT_LEN],
        };
        let restore = Restore {
            origin: "file a.conf".into(),
            coverage,
            entries,
        };
        let mut restoring = Restoring::new(restore, by);
        while let Some(reads) = restoring.reads() {
            let plan = restoring.decide(self.facts(&reads), &entropy, NOW);
            assert!(plan.messages.is_empty(), "nobody is asked for anything");
            assert!(plan.events.is_empty(), "one event tells of all");
            plan.changes
                .into_iter()
                .for_each(|change| self.change(change));
        }
        let (event, report) = restoring.finish(NOW);
        assert!(
            matches!(&event.what, What::Changed { action, object, .. }
                if &**action == "config.restore" && &**object == "file a.conf"),
            "{event:?}"
        );
        report
    }

    fn user(&self, name: &str) -> &User {
        let found = self
            .users
            .iter()
            .find(|user| user.name.as_written() == name);
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }
}

fn incoming(table: &'static Table, key: &str, values: &[(&str, &str)]) -> Incoming {
    let edits = values.iter().map(|(name, words)| {
        let field = table.field(name).unwrap();
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let value = match field.read(&words).unwrap() {
            Value::Sealed(foreign) if &*foreign == "foreign" => Value::Foreign(foreign),
            value => value,
        };
        Edit::Set(field, value)
    });
    Incoming {
        place: Place::new(Vdom::ROOT, table, key),
        edits: edits.collect(),
        understood: Understood::Whole,
    }
}

fn hash() -> PasswordHash {
    PasswordHash::new("correct-horse", [7; SALT_LEN]).unwrap()
}

fn mobile(number: u8) -> TokenSerial {
    TokenSerial::mobile([number; 5])
}

fn token(number: u8) -> (TokenSerial, Option<LicenceSerial>) {
    (mobile(number), LicenceSerial::purchased(1))
}

fn holder(name: &str, number: u8) -> User {
    User {
        two_factor: TwoFactor::Fortitoken,
        token: Some(mobile(number)),
        ..person(name)
    }
}

fn person(name: &str) -> User {
    User {
        password: Some(hash()),
        ..User::new(UserName::parse(name).unwrap())
    }
}

fn left_out(report: &Report) -> Vec<usize> {
    let remarks = report.remarks.iter();
    let places = remarks.filter_map(|(about, remark)| match about {
        About::Incoming(place) if remark.leaves_out() => Some(*place),
        _ => None,
    });
    places.collect()
}

#[test]
fn the_order_of_the_entries_does_not_matter() {
    let serial = mobile(1).to_string();
    let enc = format!("ENC {}", hash().to_enc());
    let entries = vec![
        incoming(&GROUP, "vpn", &[("member", "alice")]),
        incoming(
            &LOCAL,
            "alice",
            &[
                ("two-factor", "fortitoken"),
                ("fortitoken", &serial),
                ("passwd", &enc),
            ],
        ),
        incoming(&FORTITOKEN, &serial, &[("license", "EFTM000000000001")]),
    ];
    let mut world = World::default();
    let report = world.restore(Coverage::Part, entries);
    assert_eq!((report.added, left_out(&report)), (3, vec![]));
    assert_eq!(world.user("alice").token, Some(mobile(1)));
    let told = |wanted: fn(&Remark) -> bool| report.remarks.iter().any(|(_, it)| wanted(it));
    assert!(told(|it| matches!(it, Remark::New(_))));
    assert!(told(|it| matches!(it, Remark::Unprovisioned(_))));
}

fn phone() -> Provisioned {
    Provisioned {
        code: ActivationCode::from_random([3; 8], Pace::Sixty),
        expires: NOW,
        registration: RegistrationId::from_bytes([9; 32]),
        os_version: "0.1_terminal".into(),
        transfer: None,
        known_by: KnownBy::OtherUnit,
    }
}

/// What a backup says of a mobile token that is on a phone.
fn on_phone(number: u8) -> Incoming {
    let conveyed = Conveyed {
        serial: mobile(number),
        seed: Seed::from_bytes(Zeroizing::new(vec![5; 20])).unwrap(),
        parameters: Parameters::default(),
        drift: Drift(2),
        spent: None,
        phone: phone(),
        status: TokenStatus::Active,
        holder: None,
    };
    let mut entry = incoming(
        &FORTITOKEN,
        mobile(number).as_str(),
        &[("license", "EFTM000000000001")],
    );
    let field = FORTITOKEN.field("seed").unwrap();
    let text = Value::Secret(conveyed.render());
    entry.edits.push(Edit::Set(field, text));
    entry
}

fn alice_with(number: u8) -> Incoming {
    let enc = format!("ENC {}", hash().to_enc());
    let serial = mobile(number);
    let values = [
        ("two-factor", "fortitoken"),
        ("fortitoken", serial.as_str()),
        ("passwd", &enc),
    ];
    incoming(&LOCAL, "alice", &values)
}

#[test]
fn a_backups_seed_keeps_the_phone_and_what_may_have_been_used_is_spent() {
    let mut world = World::default();
    let entries = vec![alice_with(1), on_phone(1)];
    let report = world.restore(Coverage::Whole, entries);
    assert_eq!((report.added, report.conveyed), (2, 1));
    assert!(report.remarks.is_empty(), "{:?}", report.remarks);
    let now = NOW.unix() / 60;
    // The clock may have been two steps ahead, and a login takes one more.
    let spent = format!("{} up to {}", mobile(1), now + 3);
    assert_eq!(world.secrets, [format!("seed of {}", mobile(1)), spent]);
    assert_eq!(world.user("alice").token, Some(mobile(1)));
}

#[test]
fn a_token_that_was_taken_from_its_person_here_does_not_go_back_to_the_phone() {
    let gone = format!("no seed of {}", mobile(1));
    let mut world = World {
        tokens: vec![token(1)],
        secrets: vec![gone.clone()],
        ..World::default()
    };
    let report = world.restore(Coverage::Part, vec![alice_with(1), on_phone(1)]);
    assert_eq!(report.conveyed, 0);
    assert!(!world.secrets.iter().any(|word| word.starts_with("seed of")));
    let told = |(_, remark): &(About, Remark)| matches!(remark, Remark::Unprovisioned(_));
    assert!(report.remarks.iter().any(told));

    // One that was imported and never given to anybody takes it.
    let mut world = World {
        tokens: vec![token(1)],
        ..World::default()
    };
    let report = world.restore(Coverage::Part, vec![on_phone(1)]);
    assert_eq!((report.changed, report.conveyed), (1, 1));
}

#[test]
fn a_seed_of_another_entry_is_not_taken() {
    let mut world = World::default();
    let mut other = on_phone(1);
    other.place = Place::new(Vdom::ROOT, &FORTITOKEN, mobile(2).as_str());
    let report = world.restore(Coverage::Part, vec![other]);
    assert_eq!((report.added, report.conveyed), (1, 0));
    assert!(matches!(report.remarks[..], [(_, Remark::New(serial))] if serial == mobile(2)));
}

#[test]
fn a_token_goes_from_one_user_to_another_and_loses_its_seed() {
    let mut world = World {
        users: vec![holder("alice", 1), holder("bob", 2)],
        tokens: vec![token(1), token(2), token(3)],
        ..World::default()
    };
    let third = mobile(3).to_string();
    let second = mobile(2).to_string();
    let entries = vec![
        incoming(&LOCAL, "alice", &[("fortitoken", &second)]),
        incoming(&LOCAL, "bob", &[("fortitoken", &third)]),
    ];
    let report = world.restore(Coverage::Part, entries);
    assert_eq!((report.changed, left_out(&report)), (2, vec![]));
    assert_eq!(world.user("alice").token, Some(mobile(2)));
    assert!(world.secrets.contains(&format!("no seed of {}", mobile(2))));
    assert!(!world.secrets.iter().any(|word| word.starts_with("seed of")));
}

#[test]
fn a_user_without_the_second_factor_that_the_text_demands_stays_out() {
    let mut world = World::default();
    let enc = format!("ENC {}", hash().to_enc());
    let entries = vec![
        incoming(
            &LOCAL,
            "alice",
            &[
                ("two-factor", "fortitoken"),
                ("fortitoken", "FTKMOB0000000009"),
                ("passwd", &enc),
            ],
        ),
        incoming(&GROUP, "vpn", &[("member", "alice bob")]),
        incoming(&LOCAL, "bob", &[("passwd", &enc)]),
    ];
    let report = world.restore(Coverage::Part, entries);
    assert_eq!(left_out(&report), [0]);
    let group = world
        .objects
        .iter()
        .find(|object| object.table == &GROUP)
        .unwrap();
    assert_eq!(group.list("member"), ["bob".into()]);
    let missing = report.remarks.iter().find_map(|(_, remark)| match remark {
        Remark::NotNamed(field, named) => Some((field.name, &*named.key)),
        _ => None,
    });
    assert_eq!(missing, Some(("member", "alice")));
}

/// A group, each of whose matches names one of these servers.
fn group(name: &str, members: &str, matched: &[&str]) -> Incoming {
    let matches = matched.iter().enumerate().map(|(number, server)| {
        Object::new(&GROUP_MATCH, &(number + 1).to_string())
            .with("server-name", Some(*server))
            .with("group-name", Some("staff"))
    });
    let mut group = incoming(&GROUP, name, &[("member", members)]);
    let matches = Edit::Children(&GROUP_MATCH, matches.collect());
    group.edits.insert(0, matches);
    group
}

#[test]
fn a_match_is_left_out_only_with_the_server_that_it_bounds() {
    let mut world = World {
        objects: vec![Object::new(&LDAP, "corp"), Object::new(&VDOM, "root")],
        ..World::default()
    };
    let entries = vec![
        group("open", "corp", &["crop"]),
        group("half-open", "corp gone", &["crop", "gone"]),
        group("vpn", "corp gone", &["corp", "gone"]),
    ];
    let report = world.restore(Coverage::Part, entries);
    assert_eq!(left_out(&report), [0, 1]);
    let groups: Vec<&Object> = world
        .objects
        .iter()
        .filter(|object| object.table == &GROUP)
        .collect();
    let [vpn] = groups[..] else {
        panic!("{groups:?}")
    };
    assert_eq!(vpn.list("member"), ["corp".into()]);
    let servers: Vec<&str> = vpn
        .children(&GROUP_MATCH)
        .map(|one| one.text("server-name"))
        .collect();
    assert_eq!(servers, ["corp"]);
}

#[test]
fn an_administrator_of_virtual_domains_that_are_not_here_stays_out() {
    let mut world = World {
        objects: vec![
            Object::new(&ACCPROFILE, PROF_ADMIN),
            Object::new(&VDOM, "root"),
        ],
        ..World::default()
    };
    let enc = format!("ENC {}", hash().to_enc());
    let administrator = |name: &str, vdoms: &str| {
        let profile = ("accprofile", PROF_ADMIN);
        incoming(
            &ADMIN,
            name,
            &[profile, ("vdom", vdoms), ("password", &enc)],
        )
    };
    let entries = vec![
        administrator("one", "sales"),
        administrator("two", "sales root"),
    ];
    let report = world.restore(Coverage::Part, entries);
    assert_eq!(left_out(&report), [0]);
    let admins: Vec<&Object> = world
        .objects
        .iter()
        .filter(|object| object.table == &ADMIN)
        .collect();
    assert_eq!(admins.len(), 1, "{admins:?}");
    assert_eq!(admins[0].list("vdom"), ["root".into()]);
}

#[test]
fn a_password_of_another_unit_lets_nobody_in_and_locks_nobody_out() {
    let mut world = World {
        users: vec![person("alice")],
        ..World::default()
    };
    let entries = vec![
        incoming(&LOCAL, "alice", &[("passwd", "ENC foreign")]),
        incoming(&LOCAL, "bob", &[("passwd", "ENC foreign")]),
    ];
    let report = world.restore(Coverage::Part, entries);
    assert_eq!(world.user("alice").password, Some(hash()));
    assert_eq!(world.user("bob").password, None);
    let remarks: Vec<&Remark> = report.remarks.iter().map(|(_, remark)| remark).collect();
    assert!(
        matches!(remarks[..], [Remark::Kept(_), Remark::Foreign(_)]),
        "{remarks:?}"
    );
}

#[test]
fn a_whole_configuration_deletes_what_it_does_not_name_but_no_token() {
    let client = |name: &str| {
        let mut object = Object::new(&RADIUS_CLIENT, name).with("subnet", Some("192.0.2.1/32"));
        let secret = RADIUS_CLIENT.field("secret").unwrap();
        object.set(secret, Value::Sealed("c2VhbGVk".into()));
        object
    };
    let setting = Object::new(&SETTING, "").with("auth-lockout-threshold", Some("9"));
    let mut world = World {
        users: vec![holder("alice", 1), person("bob")],
        tokens: vec![token(1)],
        objects: vec![
            client("vpn1"),
            client("vpn2"),
            setting,
            Object::new(&VDOM, "root"),
        ],
        ..World::default()
    };
    let enc = format!("ENC {}", hash().to_enc());
    let entries = vec![
        incoming(&LOCAL, "BOB", &[("passwd", &enc)]),
        incoming(
            &RADIUS_CLIENT,
            "vpn1",
            &[("subnet", "192.0.2.1/32"), ("secret", "ENC c2VhbGVk")],
        ),
    ];
    let report = world.restore(Coverage::Whole, entries);
    // A name in another spelling is the same person's, who keeps it.
    assert_eq!(left_out(&report), [0]);
    assert_eq!((report.deleted, report.unchanged), (2, 1));
    let users: Vec<&str> = world
        .users
        .iter()
        .map(|user| user.name.as_written())
        .collect();
    assert_eq!(users, ["bob"]);
    assert_eq!(world.tokens.len(), 1);
    let keyed = world
        .objects
        .iter()
        .filter(|object| matches!(object.table.shape, Shape::Keyed(_)));
    let keys: Vec<&str> = keyed.map(|object| &*object.key).collect();
    assert_eq!(keys, ["vpn1", "root"]);
    let setting = world
        .objects
        .iter()
        .find(|object| object.table == &SETTING)
        .unwrap();
    assert_eq!(setting.text("auth-lockout-threshold"), "3");
}

#[test]
fn of_two_entries_of_one_person_neither_is_taken() {
    let enc = format!("ENC {}", hash().to_enc());
    let second_factor = [
        ("two-factor", "fortitoken"),
        ("fortitoken", "FTKMOB0000000009"),
        ("passwd", &enc),
    ];
    let password = [("passwd", &*enc)];
    let profile = [("accprofile", PROF_ADMIN), ("password", &enc)];
    for coverage in [Coverage::Part, Coverage::Whole] {
        let mut world = World {
            users: vec![person("carol")],
            objects: vec![Object::new(&ACCPROFILE, PROF_ADMIN)],
            ..World::default()
        };
        let report = world.restore(
            coverage,
            vec![
                incoming(&LOCAL, "Carol", &second_factor),
                incoming(&LOCAL, "bob", &password),
                incoming(&LOCAL, "CAROL", &password),
                incoming(&ADMIN, "Dora", &profile),
                incoming(&ADMIN, "DORA", &profile),
                incoming(&SETTING, "", &[("auth-lockout-threshold", "9")]),
                incoming(&SETTING, "", &[("auth-lockout-duration", "9")]),
                incoming(&LOCAL, "carol", &password),
            ],
        );
        assert_eq!(left_out(&report), [0, 2, 3, 4, 5, 6, 7], "{coverage:?}");
        let others = report
            .remarks
            .iter()
            .filter_map(|(_, remark)| match remark {
                Remark::Twice(other) => Some(*other),
                _ => None,
            });
        assert_eq!(others.collect::<Vec<_>>(), [2, 0, 4, 3, 6, 5, 0]);
        let users: Vec<&str> = world
            .users
            .iter()
            .map(|user| user.name.as_written())
            .collect();
        assert_eq!(users, ["carol", "bob"]);
        assert!(
            !world
                .objects
                .iter()
                .any(|object| [&ADMIN, &SETTING].contains(&object.table))
        );
    }
}

#[test]
fn an_entry_that_was_not_understood_stands_for_its_person_nevertheless() {
    let enc = format!("ENC {}", hash().to_enc());
    let lost = |key| Incoming {
        understood: Understood::TooLittle,
        ..incoming(&LOCAL, key, &[])
    };
    let mut world = World {
        users: vec![person("bob")],
        ..World::default()
    };
    let report = world.restore(
        Coverage::Whole,
        vec![
            lost("Carol"),
            incoming(&LOCAL, "CAROL", &[("passwd", &enc)]),
            lost("bob"),
        ],
    );
    assert_eq!((left_out(&report), report.deleted), (vec![1], 0));
    let users: Vec<&str> = world
        .users
        .iter()
        .map(|user| user.name.as_written())
        .collect();
    assert_eq!(users, ["bob"]);
}

#[test]
fn what_an_authority_may_not_change_is_neither_named_nor_touched() {
    let profile = Object::new(&ACCPROFILE, "unit").with("sysgrp", Some("read-write"));
    let by = Authority {
        profile: Profile::from_object(&profile),
        ..Authority::system("test")
    };
    let setting = Object::new(&SETTING, "").with("auth-lockout-threshold", Some("9"));
    let mut world = World {
        users: vec![person("labuser")],
        objects: vec![setting],
        ..World::default()
    };
    let entries = vec![
        incoming(&GLOBAL, "", &[("hostname", "gate")]),
        incoming(&LOCAL, "alice", &[("status", "disable")]),
        incoming(&ADMIN, "ann", &[("comments", "new")]),
    ];
    let report = world.restore_by(by, Coverage::Whole, entries);
    assert_eq!((report.deleted, left_out(&report)), (0, vec![1, 2]));
    let remarks: Vec<&Remark> = report.remarks.iter().map(|(_, remark)| remark).collect();
    assert!(
        matches!(remarks[..], [Remark::Unseen, Remark::LeftOut(_)]),
        "{report:?}"
    );
    for table in [&LOCAL, &GROUP, &SETTING] {
        assert!(report.foreign.contains(&table.path), "{report:?}");
    }
    assert!(!report.foreign.contains(&FORTITOKEN.path), "{report:?}");
    assert_eq!(world.users.len(), 1);
}

#[test]
fn settings_of_which_a_line_is_lost_stay_as_they_are() {
    let mandatory =
        || Object::new(&GLOBAL, "").with("multi-factor-authentication", Some("mandatory"));
    for (understood, kept) in [
        (Understood::Whole, "optional"),
        (Understood::Partly, "mandatory"),
    ] {
        let mut world = World {
            objects: vec![mandatory()],
            ..World::default()
        };
        let entry = Incoming {
            understood,
            ..incoming(&GLOBAL, "", &[("hostname", "gate")])
        };
        world.restore(Coverage::Whole, vec![entry]);
        let global = world.objects.iter().find(|object| object.table == &GLOBAL);
        let global = global.unwrap();
        assert_eq!(global.text("hostname"), "gate");
        assert_eq!(global.text("multi-factor-authentication"), kept);
    }
}

fn seeded() -> Incoming {
    let uri = KeyUri {
        issuer: None,
        account: otp::key_uri::Name::new(HARDWARE).unwrap(),
        seed: Seed::from_bytes(Zeroizing::new(vec![9; 20])).unwrap(),
        parameters: Parameters::default(),
        counter: None,
    };
    let seed = FORTITOKEN.field("seed").unwrap();
    let secret = Zeroizing::new(uri.render().to_string());
    Incoming {
        place: Place::new(Vdom::ROOT, &FORTITOKEN, HARDWARE),
        edits: vec![Edit::Set(seed, Value::Secret(secret))],
        understood: Understood::Whole,
    }
}

#[test]
fn a_seed_comes_with_its_spent_steps_and_never_in_place_of_one_that_is_here() {
    let mut world = World::default();
    world.restore(Coverage::Part, vec![seeded()]);
    let step = NOW.unix() / 60 + 1;
    let expected = [
        format!("seed of {HARDWARE}"),
        format!("{HARDWARE} up to {step}"),
    ];
    assert_eq!(world.secrets, expected);
    world.restore(Coverage::Part, vec![seeded()]);
    assert_eq!(world.secrets, expected);
}

#[test]
fn a_mobile_token_without_a_licence_is_nobodys() {
    let mut world = World::default();
    let serial = mobile(4).to_string();
    let report = world.restore(
        Coverage::Part,
        vec![incoming(&FORTITOKEN, &serial, &[("status", "lock")])],
    );
    assert_eq!(left_out(&report), [0]);
    assert!(world.tokens.is_empty());
    let said = |license: &[(&str, &str)]| {
        let entry = incoming(&FORTITOKEN, &serial, license);
        let report = World::default().restore(Coverage::Part, vec![entry]);
        match report.remarks.as_slice() {
            [(_, Remark::LeftOut(error))] => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!(said(&[]).contains("names no license"));
    for license in ["FTMTRIAL0012ABC", "EFTM0012ABCD"] {
        assert!(said(&[("license", license)]).contains(&format!("its license '{license}'")));
    }
}
