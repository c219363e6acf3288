//! Renaming, copying and purging entries: what each plan changes, and how each is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use domain::access::Authority;
use domain::admin::{
    AdminError, Change, Edit, Entropy, Facts, Operation, Owned, Owner, Plan, Use, Uses, apply,
};
use domain::audit::{Actor, What};
use domain::contact::Contact;
use domain::name::{CanonicalName, UserName};
use domain::password::SALT_LEN;
use domain::schema::{
    CERTIFICATE_LOCAL, FORTITOKEN, LOCAL, Object, Place, RADIUS_CLIENT, Table, Value,
};
use domain::time::{Span, Timestamp};
use domain::token::Token;
use domain::user::{Switch, TwoFactor, User};
use domain::vdom::Vdom;
use ident::{LicenceSerial, TokenSerial};
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn facts() -> Facts {
    Facts {
        vdoms: vec![Vdom::ROOT],
        code_lifetime: Span::from_hours(72),
        ..Facts::default()
    }
}

fn decide(operation: Operation, facts: Facts) -> Result<Plan, AdminError> {
    let entropy = Entropy {
        seed: Zeroizing::new([1; 20]),
        salt: [1; SALT_LEN],
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

fn rename(table: &'static Table, from: &str, to: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, table, from);
    let to = to.into();
    Operation::Rename { place, to }
}

fn copy(table: &'static Table, from: &str, to: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, table, from);
    let to = to.into();
    Operation::Clone { place, to }
}

fn purge(table: &'static Table) -> Operation {
    let vdom = Vdom::ROOT;
    Operation::Purge { vdom, table }
}

fn remove(table: &'static Table, key: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, table, key);
    Operation::Remove { place }
}

fn user(name: &str) -> User {
    User::new(UserName::parse(name).unwrap())
}

fn serial() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

fn holder(name: &str) -> User {
    User {
        two_factor: TwoFactor::Fortitoken,
        token: Some(serial()),
        ..user(name)
    }
}

fn owned(owner: Option<&str>) -> BTreeMap<TokenSerial, Owned> {
    let owned = Owned {
        token: Token::imported(Vdom::ROOT, serial(), LicenceSerial::purchased(1)),
        owner: owner.map(|name| Owner {
            name: UserName::parse(name).unwrap(),
            status: Switch::Enable,
            contact: Contact::default(),
        }),
    };
    [(serial(), owned)].into()
}

#[test]
fn a_renamed_user_is_the_same_person_in_the_audit_log() {
    let held = Facts {
        users: vec![holder("alice")],
        tokens: owned(Some("alice")),
        ..facts()
    };
    let plan = decide(rename(&LOCAL, "CORP\\Alice", "Bob"), held).unwrap();
    let [Change::UserRenamed(from, to)] = &plan.changes[..] else {
        panic!("{:?}", plan.changes);
    };
    assert_eq!((from.as_str(), to.as_written()), ("alice", "Bob"));
    let renamed = |what: &What| matches!(what, What::Renamed { from, to, .. } if from.as_str() == "alice" && to.as_str() == "bob");
    assert!(plan.events.iter().any(|event| renamed(&event.what)));
}

#[test]
fn a_name_that_is_taken_or_missing_or_none_is_refused() {
    let both = || Facts {
        users: vec![user("alice"), user("bob")],
        ..facts()
    };
    for operation in [rename(&LOCAL, "alice", "BOB"), copy(&LOCAL, "alice", "bob")] {
        let error = decide(operation, both()).unwrap_err();
        assert_eq!(error.return_code(), -5, "{error}");
    }
    let error = decide(rename(&LOCAL, "carol", "dave"), both()).unwrap_err();
    assert_eq!(error.return_code(), -3, "{error}");
    let error = decide(rename(&LOCAL, "alice", " "), both()).unwrap_err();
    assert!(matches!(error, AdminError::Name { .. }), "{error}");

    let client = || Facts {
        object: Some(Object::new(&RADIUS_CLIENT, "vpn1")),
        ..facts()
    };
    let reads = rename(&RADIUS_CLIENT, "vpn1", "vpn2").reads();
    let taken = Facts {
        named: reads
            .named
            .into_iter()
            .map(|it| (it, "vpn2".into()))
            .collect(),
        ..client()
    };
    let error = decide(rename(&RADIUS_CLIENT, "vpn1", "vpn2"), taken).unwrap_err();
    assert_eq!(error.return_code(), -5, "{error}");
    let long = "x".repeat(36);
    let error = decide(copy(&RADIUS_CLIENT, "vpn1", &long), client()).unwrap_err();
    assert!(matches!(error, AdminError::KeyTooLong { .. }), "{error}");
    let error = decide(rename(&RADIUS_CLIENT, "vpn1", "vpn2"), facts()).unwrap_err();
    assert_eq!(error.return_code(), -3, "{error}");
}

#[test]
fn tokens_are_neither_renamed_nor_copied() {
    for operation in [
        rename(&FORTITOKEN, serial().as_str(), "FTKMOB0000000001"),
        copy(&FORTITOKEN, serial().as_str(), "FTKMOB0000000001"),
    ] {
        let held = Facts {
            tokens: owned(None),
            ..facts()
        };
        let error = decide(operation, held).unwrap_err();
        assert_eq!(error, AdminError::FixedKey(&FORTITOKEN));
    }
}

#[test]
fn a_copy_has_everything_but_may_not_share_a_token() {
    let held = Facts {
        users: vec![User {
            contact: Contact::default().with("email-to", "a@example.org"),
            ..user("alice")
        }],
        ..facts()
    };
    let plan = decide(copy(&LOCAL, "alice", "bob"), held).unwrap();
    let [Change::User(bob)] = &plan.changes[..] else {
        panic!("{:?}", plan.changes);
    };
    assert_eq!(
        (bob.name.as_written(), bob.contact.email.as_deref()),
        ("bob", Some("a@example.org"))
    );
    let held = Facts {
        users: vec![holder("alice")],
        tokens: owned(Some("alice")),
        ..facts()
    };
    let error = decide(copy(&LOCAL, "alice", "bob"), held).unwrap_err();
    assert!(matches!(error, AdminError::HasToken { .. }), "{error}");
}

#[test]
fn a_purge_gives_the_tokens_of_users_back() {
    let held = Facts {
        users: vec![holder("alice"), user("bob")],
        tokens: owned(Some("alice")),
        ..facts()
    };
    let plan = decide(purge(&LOCAL), held).unwrap();
    let gone: Vec<&CanonicalName> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::UserRemoved(name) => Some(name),
            _ => None,
        })
        .collect();
    assert_eq!(gone.len(), 2);
    let freed = |change: &Change| matches!(change, Change::Seed(token, None) if *token == serial());
    assert!(plan.changes.iter().any(freed), "{:?}", plan.changes);
}

#[test]
fn an_entry_that_is_named_stays_and_the_error_names_who_names_it() {
    let uses = Uses {
        of: "vpn1".into(),
        first: vec![Use {
            vdom: Vdom::ROOT,
            table: "user group".into(),
            key: "staff".into(),
            field: "member".into(),
        }],
        total: 41,
    };
    for operation in [purge(&RADIUS_CLIENT), remove(&RADIUS_CLIENT, "vpn1")] {
        let held = Facts {
            object: Some(Object::new(&RADIUS_CLIENT, "vpn1")),
            uses: Some(uses.clone()),
            ..facts()
        };
        let error = decide(operation, held).unwrap_err();
        assert_eq!(error.return_code(), -23);
        assert_eq!(error.to_string(), "The entry is used by other 41 entries");
        assert_eq!(
            error.next_step(),
            "user radius-client \"vpn1\" is in use: user group \"staff\" names it in member; and 40 more; \
             change that first"
        );
    }
}

#[test]
fn what_is_gone_already_is_not_said_to_be_in_use() {
    let error = decide(remove(&RADIUS_CLIENT, "vpn1"), facts()).unwrap_err();
    assert_eq!(error.return_code(), -3, "{error}");
}

#[test]
fn a_new_key_takes_the_place_of_no_other() {
    let add = || Operation::AddCertificate {
        place: Place::new(Vdom::ROOT, &CERTIFICATE_LOCAL, "vpn"),
        edits: vec![Edit::Set(
            CERTIFICATE_LOCAL.field("csr").unwrap(),
            Value::Text("a request".into()),
        )],
    };
    let plan = decide(add(), facts()).unwrap();
    assert!(matches!(
        plan.changes.as_slice(),
        [Change::Object(object)] if *object.key == *"vpn"
    ));
    let made_meanwhile = Facts {
        object: Some(Object::new(&CERTIFICATE_LOCAL, "vpn")),
        ..facts()
    };
    let refused = decide(add(), made_meanwhile).unwrap_err();
    assert!(matches!(refused, AdminError::Exists { .. }), "{refused}");
}
