//! Password policies as `set passwd` meets them: which one judges, what it keeps, and how it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use domain::access::{Authority, SUPER_ADMIN};
use domain::admin::{AdminError, Change, Edit, Entropy, Facts, Operation, Plan, apply};
use domain::name::UserName;
use domain::password::{PasswordHash, SALT_LEN};
use domain::schema::{ADMIN, LOCAL, Object, PASSWORD_POLICY, Place, Table, Value};
use domain::time::{Span, Timestamp};
use domain::user::User;
use domain::vdom::Vdom;
use zeroize::Zeroizing;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const GOOD: &str = "correct horse 9";

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(LOCAL.field(field).unwrap(), Value::Text(value.into()))
}

fn typed(password: &str) -> Edit {
    let secret = Value::Secret(Zeroizing::new(password.into()));
    Edit::Set(LOCAL.field("passwd").unwrap(), secret)
}

fn pasted(password: &str) -> Edit {
    let enc = PasswordHash::new(password, [1; SALT_LEN]).unwrap().to_enc();
    Edit::Set(LOCAL.field("passwd").unwrap(), Value::Sealed(enc.into()))
}

/// A policy of twelve characters, and one of digits.
fn policies() -> Vec<Object> {
    let policy = |name| Object::new(&PASSWORD_POLICY, name);
    vec![
        policy("long").with("minimum-length", Some("12")),
        policy("digits").with("min-number", Some("1")),
        policy("fresh").with("reuse-password", Some("disable")),
    ]
}

/// The facts that an operation on this user asks for.
fn facts(operation: &Operation, user: Option<User>, default_policy: Option<&str>) -> Facts {
    let reads = operation.reads();
    let is_policy = |(_, table): &(Vdom, &Table)| *table == &PASSWORD_POLICY;
    let all = reads.all.filter(is_policy).map(|_| policies());
    let named = reads.named.into_iter();
    Facts {
        users: user.into_iter().collect(),
        all: all.unwrap_or_default(),
        named: named.map(|named| (named.clone(), named.key)).collect(),
        default_policy: default_policy.map(Box::from),
        ..Facts::default()
    }
}

fn configured(
    user: Option<User>,
    default_policy: Option<&str>,
    edits: Vec<Edit>,
) -> Result<User, AdminError> {
    let place = Place::new(Vdom::ROOT, &LOCAL, "alice");
    let operation = Operation::Configure { place, edits };
    let facts = facts(&operation, user, default_policy);
    decided(operation, facts)
}

fn decided(operation: Operation, facts: Facts) -> Result<User, AdminError> {
    match changed(operation, facts)? {
        Change::User(user) => Ok(user),
        other => panic!("{other:?}"),
    }
}

/// What is changed first.
fn changed(operation: Operation, facts: Facts) -> Result<Change, AdminError> {
    let entropy = Entropy {
        seed: Zeroizing::new([1; 20]),
        salt: [9; SALT_LEN],
    };
    let Plan { changes, .. } = apply(operation, facts, &entropy, &Authority::system("test"), NOW)?;
    Ok(changes.into_iter().next().unwrap())
}

#[track_caller]
fn refused(result: Result<User, AdminError>) -> String {
    let error = result.expect_err("a refusal");
    assert_eq!(error.return_code(), -651);
    assert_eq!(error.to_string(), "node_check_object fail! for passwd");
    error.next_step()
}

#[test]
fn the_policy_of_the_user_rules_then_that_of_all() {
    for (own, default, password, wants) in [
        (None, None, "a", None),
        (
            None,
            Some("long"),
            "a",
            Some("\"long\" wants at least 12 characters, and this has 1"),
        ),
        (Some("digits"), Some("long"), "elevenchars1", None),
        (
            Some("digits"),
            Some("long"),
            "elevenchars",
            Some("\"digits\" wants at least 1 digits"),
        ),
        (Some("digits"), None, GOOD, None),
    ] {
        let policy = own.map(|own| set("passwd-policy", own));
        let edits = [typed(password)].into_iter().chain(policy).collect();
        let result = configured(None, default, edits);
        match wants {
            Some(wants) => {
                let said = refused(result);
                assert!(said.contains(wants), "{said}");
            }
            None => assert!(result.is_ok(), "{own:?} {default:?} {password}: {result:?}"),
        }
    }
}

#[test]
fn a_password_is_dated_when_it_is_set_or_as_the_configuration_says() {
    let user = configured(None, None, vec![typed(GOOD)]).unwrap();
    assert_eq!(user.password_set, Some(NOW));
    for edits in [
        vec![set("passwd-time", "2023-01-02 03:04:05"), pasted(GOOD)],
        vec![pasted(GOOD), set("passwd-time", "2023-01-02 03:04:05")],
    ] {
        let user = configured(None, None, edits).unwrap();
        let shown = Object::from(&user);
        assert_eq!(shown.text("passwd-time"), "2023-01-02 03:04:05");
    }
    let earlier = NOW.before(Span::from_days(9));
    let before = User {
        password_set: Some(earlier),
        ..user
    };
    let after = configured(Some(before), None, vec![set("email-to", "a@example.org")]).unwrap();
    assert_eq!(after.password_set, Some(earlier));
}

#[test]
fn a_pasted_hash_is_taken_as_it_is() {
    let user = configured(None, Some("long"), vec![pasted("a")]).unwrap();
    assert!(user.password.is_some() && user.history.is_empty());
}

#[test]
fn what_was_used_is_remembered_only_where_a_policy_asks_for_it() {
    let with = |user, password: &str| {
        let edits = vec![set("passwd-policy", "fresh"), typed(password)];
        configured(user, None, edits)
    };
    let plain = configured(None, None, vec![typed("the first one")]).unwrap();
    assert!(plain.history.is_empty());
    let user = with(Some(plain), "the second one").unwrap();
    let said = refused(with(Some(user.clone()), "the first one"));
    assert_eq!(
        said,
        "user password-policy \"fresh\" wants a password that was not used before"
    );
    with(Some(user), "the third one").unwrap();
}

#[test]
fn fields_without_effect_are_kept_and_shown() {
    let edits = vec![
        pasted(GOOD),
        set("authtimeout", "30"),
        set("id", "17"),
        set("auth-concurrent-value", "0"),
    ];
    let user = configured(None, None, edits).unwrap();
    let shown = Object::from(&user);
    assert_eq!((shown.text("authtimeout"), shown.text("id")), ("30", "17"));
    assert!(shown.value("auth-concurrent-value").is_none());
    let name = UserName::parse("alice").unwrap();
    assert_eq!(user.name, name);
    let unset = vec![Edit::Unset(LOCAL.field("authtimeout").unwrap())];
    let user = configured(Some(user), None, unset).unwrap();
    assert!(Object::from(&user).value("authtimeout").is_none());
}

/// The hash is that which was computed before, and what is refused stays refused.
#[test]
fn a_password_that_was_hashed_before_is_judged_as_any_other() {
    let alice = configured(None, None, vec![typed(GOOD)]).unwrap();
    for (password, wants) in [
        ("another horse 7", None),
        (GOOD, Some("not used before")),
        ("seven77", Some("at least 8 characters")),
    ] {
        let operation = Operation::Configure {
            place: Place::new(Vdom::ROOT, &LOCAL, "alice"),
            edits: vec![set("passwd-policy", "fresh"), typed(password)],
        };
        let new = operation.new_password().unwrap();
        let prepared = new.prepare(Some(&alice), [4; SALT_LEN]);
        let facts = facts(&operation, Some(alice.clone()), None);
        let user = decided(operation, Facts { prepared, ..facts });
        let hash = PasswordHash::new(password, [4; SALT_LEN]).unwrap();
        match wants {
            None => assert_eq!(user.unwrap().password, Some(hash)),
            Some(wants) => assert!(refused(user).contains(wants), "{password}"),
        }
    }
}

#[test]
fn an_administrators_password_that_was_hashed_before_is_not_hashed_again() {
    let text = |field, value| Edit::Set(ADMIN.field(field).unwrap(), value);
    let operation = Operation::Configure {
        place: Place::new(Vdom::ROOT, &ADMIN, "second"),
        edits: vec![
            text("password", Value::Secret(Zeroizing::new(GOOD.into()))),
            text("accprofile", Value::Text(SUPER_ADMIN.into())),
        ],
    };
    let new = operation.new_password().unwrap();
    let prepared = new.prepare(None, [4; SALT_LEN]);
    let facts = facts(&operation, None, None);
    let Change::Object(second) = changed(operation, Facts { prepared, ..facts }).unwrap() else {
        panic!("no entry");
    };
    let hash = PasswordHash::new(GOOD, [4; SALT_LEN]).unwrap();
    let Some(Value::Secret(kept)) = second.value("password") else {
        panic!("no hash");
    };
    assert_eq!(**kept, hash.as_phc());
}
