//! The login decision where a directory or RADIUS server knows the password, and what their entries
//! must hold.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::hash::RandomState;

use domain::access::Authority;
use domain::admin::{self, AdminError, Change, Edit, Entropy, Operation, Plan};
use domain::backend::{Account, Backend, Kind};
use domain::client::Secret;
use domain::login::{
    CodePosition, Factor, Facts, Person, Second, Spend, Verification, begin, second,
};
use domain::name::CanonicalName;
use domain::password::{BackendCheck, KEY_LEN, Presented, Remembered, SALT_LEN};
use domain::reason::Reason;
use domain::schema::{LDAP, LOCAL, Object, Place, RADIUS, Table, Value};
use domain::throttle::CodeCounter;
use domain::time::{Span, Timestamp};
use domain::user::{Keeper, Switch};
use domain::vdom::Vdom;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn alice() -> CanonicalName {
    CanonicalName::of("alice").unwrap()
}

fn presented(text: &str) -> Presented {
    Presented::new(Zeroizing::new(text.as_bytes().to_vec()))
}

/// Alice's account at a directory at this address.
fn account(server: &str) -> Account {
    let object = Object::new(&LDAP, "corp")
        .with("server", Some(server))
        .with("dn", Some("dc=example,dc=org"));
    let backend = Backend::from_object(&object, |_| Some(Secret::new(Zeroizing::default())));
    backend.unwrap().account("Alice")
}

fn facts(account: Account) -> Facts {
    Facts {
        name: alice(),
        person: Some(Person {
            name: alice(),
            status: Switch::Enable,
            password: Some(domain::password::Credential::Backend(account)),
            validity: None,
            former: None,
            keys: Box::default(),
            factor: Factor::None,
            recovery: Box::default(),
        }),
        sources: Vec::new(),
        position: CodePosition::Challenge,
    }
}

fn asked(facts: &Facts, password: &str) -> Option<BackendCheck> {
    match begin(facts, presented(password)).check {
        Verification::Ask(check) => Some(check),
        Verification::Hash(_) | Verification::AskSources(_) => None,
    }
}

#[test]
fn the_backend_is_asked_for_the_name_of_the_record() {
    let check = asked(&facts(account("192.0.2.1")), "secret").unwrap();
    assert_eq!(check.account(), &account("192.0.2.1"));
    assert_eq!(&*check.account().login, "Alice");
}

#[test]
fn an_empty_password_is_asked_of_nobody() {
    let facts = facts(account("192.0.2.1"));
    assert!(asked(&facts, "").is_none());
    let first = begin(&facts, presented(""));
    assert_eq!(first.refusal, Reason::PasswordWrong);
    let Verification::Hash(check) = first.check else {
        panic!("a backend is asked")
    };
    assert!(check.against(None).verify(&first.password).is_none());
}

#[test]
fn a_backends_word_is_the_first_factor() {
    let facts = facts(account("192.0.2.1"));
    let proof = asked(&facts, "secret").unwrap().confirmed();
    let counter = &mut CodeCounter::default();
    match second(&facts, proof.into(), None, counter, NOW) {
        Second::Consume(consume) => assert_eq!(consume.spend(), Spend::Nothing),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_word_of_another_configuration_is_worth_nothing() {
    let before = facts(account("192.0.2.1"));
    let proof = asked(&before, "secret").unwrap().confirmed();
    let after = facts(account("192.0.2.2"));
    let counter = &mut CodeCounter::default();
    match second(&after, proof.into(), None, counter, NOW) {
        Second::Refuse(refusal, _) => assert_eq!(refusal.reason, Reason::ChangedMeanwhile),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_confirmed_password_is_remembered_like_a_local_one() {
    let lifetime = Span::from_secs(60);
    let mut memory = Remembered::new([3; KEY_LEN], 10, RandomState::new());
    let check = asked(&facts(account("192.0.2.1")), "secret").unwrap();
    memory.remember(&check.confirmed(), &presented("secret"), lifetime, NOW);
    let recalled = |check: &BackendCheck, password, now| {
        check.recall(&presented(password), &memory, now).is_some()
    };
    assert!(recalled(&check, "secret", NOW));
    assert!(!recalled(&check, "Secret", NOW));
    assert!(!recalled(&check, "secret", NOW.after(lifetime)));
    let moved = asked(&facts(account("192.0.2.2")), "secret").unwrap();
    assert!(!recalled(&moved, "secret", NOW));
}

// ---------------------------------------------------------------- entries

fn set(table: &'static Table, field: &str, value: &str) -> Edit {
    let field = table.field(field).unwrap();
    let words: Vec<String> = vec![value.to_owned()];
    Edit::Set(field, field.parse(&words).expect(value))
}

fn configure(table: &'static Table, key: &str, edits: &[(&str, &str)]) -> Result<Plan, AdminError> {
    let edits = edits.iter().map(|(field, value)| set(table, field, value));
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, table, key),
        edits: edits.collect(),
    };
    // Every entry that is named exists, but for "nowhere".
    let named = operation.reads().named.into_iter();
    let named = named.filter(|named| &*named.key != "nowhere");
    let named = named.map(|named| (named.clone(), named.key)).collect();
    let facts = admin::Facts {
        named,
        vdoms: vec![Vdom::ROOT],
        ..admin::Facts::default()
    };
    let entropy = Entropy {
        seed: Zeroizing::new([0; 20]),
        salt: [9; SALT_LEN],
    };
    admin::apply(operation, facts, &entropy, &Authority::system("test"), NOW)
}

fn missing(table: &'static Table, key: &str, edits: &[(&str, &str)]) -> &'static str {
    match configure(table, key, edits) {
        Err(AdminError::Incomplete { field, .. } | AdminError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_of_a_backend_names_it_and_needs_no_password() {
    for kind in [Kind::Ldap, Kind::Radius] {
        let server = format!("{kind}-server");
        let kind_is = ("type", kind.word());
        assert_eq!(missing(&LOCAL, "alice", &[kind_is]), server);
        let plan = configure(&LOCAL, "alice", &[kind_is, (&server, "corp")]).unwrap();
        let [Change::User(user)] = &plan.changes[..] else {
            panic!("{plan:?}")
        };
        assert_eq!(user.keeper, Keeper::Backend(kind));
        assert_eq!(user.server(kind), Some("corp"));
        let shown = Object::from(user);
        assert_eq!(shown.text("type"), kind.word());
        assert_eq!(shown.text(&server), "corp");
    }
    assert_eq!(missing(&LOCAL, "alice", &[]), "passwd");
    let nowhere = configure(&LOCAL, "alice", &[("ldap-server", "nowhere")]);
    assert!(matches!(nowhere, Err(AdminError::NoReference { .. })));
}

#[test]
fn an_entry_that_cannot_be_asked_is_refused_by_its_field() {
    let ldap = [("server", "192.0.2.1"), ("dn", "dc=example,dc=org")];
    let radius = [("server", "192.0.2.1"), ("secret", "s3cret")];
    assert!(configure(&LDAP, "corp", &ldap).is_ok());
    assert!(configure(&RADIUS, "hq", &radius).is_ok());
    assert_eq!(missing(&LDAP, "corp", &ldap[..1]), "dn");
    assert_eq!(missing(&LDAP, "corp", &ldap[1..]), "server");
    assert_eq!(missing(&RADIUS, "hq", &radius[..1]), "secret");
    for (added, field) in [
        (("type", "regular"), "username"),
        (("cnid", "cn=*)(uid"), "cnid"),
        (("ca-cert", "../root.key"), "ca-cert"),
        (("ca-cert", ".hidden"), "ca-cert"),
        (("source-ip", "here"), "source-ip"),
    ] {
        let edits = [ldap[0], ldap[1], added];
        assert_eq!(missing(&LDAP, "corp", &edits), field, "{added:?}");
    }
    let edits = [radius[0], radius[1], ("secondary-server", "192.0.2.2")];
    assert_eq!(missing(&RADIUS, "hq", &edits), "secondary-secret");
}

#[test]
fn what_is_not_spoken_is_not_taken() {
    for (table, field, word) in [
        (&RADIUS, "auth-type", "ms_chap_v2"),
        (&RADIUS, "auth-type", "chap"),
        (&RADIUS, "require-message-authenticator", "disable"),
        (&RADIUS, "transport-protocol", "tcp"),
        (&LDAP, "ssl-min-proto-version", "TLSv1"),
    ] {
        let refused = table.field(field).unwrap().parse(&[word.to_owned()]);
        assert!(refused.is_err(), "{field} {word}");
    }
    let least = LDAP.field("ssl-min-proto-version").unwrap();
    assert!(matches!(
        least.parse(&["TLSv1-3".to_owned()]),
        Ok(Value::Text(_))
    ));
}
