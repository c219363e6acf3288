//! Passwords that are kept themselves: when they are, and what a response is checked against.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use domain::access::Authority;
use domain::admin::{Change, Edit, Entropy, Facts as AdminFacts, Operation, apply};
use domain::legacy::{Kept, Opened, begin};
use domain::login::{CodePosition, Factor, Facts, Person, Proof};
use domain::name::CanonicalName;
use domain::password::{Credential, HashDigest, PasswordHash, SALT_LEN};
use domain::reason::Reason;
use domain::schema::{LOCAL, Place, Value};
use domain::time::Timestamp;
use domain::user::{Switch, User};
use domain::vdom::Vdom;
use zeroize::Zeroizing;

static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::new("clientPass", [7; SALT_LEN]).unwrap());

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(LOCAL.field(field).unwrap(), Value::Text(value.into()))
}

fn typed(password: &str) -> Edit {
    let secret = Value::Secret(Zeroizing::new(password.into()));
    Edit::Set(LOCAL.field("passwd").unwrap(), secret)
}

fn pasted(hash: &PasswordHash) -> Edit {
    let sealed = Value::Sealed(hash.to_enc().into());
    Edit::Set(LOCAL.field("passwd").unwrap(), sealed)
}

fn configured(user: Option<User>, edits: Vec<Edit>) -> User {
    let place = Place::new(Vdom::ROOT, &LOCAL, "alice");
    let facts = AdminFacts {
        users: user.into_iter().collect(),
        ..AdminFacts::default()
    };
    let entropy = Entropy {
        seed: Zeroizing::new([1; 20]),
        salt: [9; SALT_LEN],
    };
    let operation = Operation::Configure { place, edits };
    let by = Authority::system("test");
    let now = Timestamp::from_secs(1_700_000_000);
    let plan = apply(operation, facts, &entropy, &by, now).unwrap();
    match plan.changes.into_iter().next() {
        Some(Change::User(user)) => user,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_is_kept_from_the_next_one_on_and_no_longer_than_it_is_valid() {
    let kept = |password: &str| Some(Kept::Open(Zeroizing::new(password.to_owned())));
    let user = configured(None, vec![typed("first")]);
    assert_eq!(user.legacy, None);
    let user = configured(Some(user), vec![set("radius-legacy", "enable")]);
    assert_eq!(user.legacy, None, "the one so far is known to nobody");
    let user = configured(Some(user), vec![typed("second")]);
    assert_eq!(user.legacy, kept("second"));
    let user = configured(Some(user), vec![set("email-to", "alice@example.net")]);
    assert_eq!(user.legacy, kept("second"));
    let same = pasted(user.password.as_ref().unwrap());
    let user = configured(Some(user), vec![same]);
    assert_eq!(user.legacy, kept("second"));
    let other = configured(Some(user.clone()), vec![pasted(&HASH)]);
    assert_eq!(other.legacy, None, "it is not the password any more");
    let off = configured(Some(user), vec![set("radius-legacy", "disable")]);
    assert_eq!(off.legacy, None);
    assert!(!format!("{:?}", kept("second")).contains("second"));
}

fn facts(password: Option<Credential>) -> Facts {
    let name = CanonicalName::of("alice").unwrap();
    Facts {
        name: name.clone(),
        person: Some(Person {
            name,
            status: Switch::Enable,
            password,
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

fn kept_beside_it(digest: HashDigest) -> Option<Opened> {
    assert_eq!(digest, HASH.digest());
    Opened::new(b"clientPass")
}

#[test]
fn a_right_response_proves_the_password_as_long_as_it_stays() {
    let own = Some(Credential::from(&*HASH));
    let check = begin(&facts(own.clone()), kept_beside_it).unwrap();
    assert!(check.verify(|_| None::<()>).is_none());
    let (verified, seen) = check.verify(|kept| Some(kept.to_owned())).unwrap();
    assert_eq!(seen, "clientPass");
    let proof = Proof::from(verified);
    assert!(proof.holds(own.as_ref(), &[]));
    let other = PasswordHash::new("other", [7; SALT_LEN]).unwrap();
    assert!(!proof.holds(Some(&Credential::from(&other)), &[]));
}

#[test]
fn nobody_else_has_what_a_response_is_checked_against() {
    let own = || Some(Credential::from(&*HASH));
    let none = begin(&facts(own()), |_| None).unwrap_err();
    assert_eq!(none.reason, Reason::MethodNeedsLegacySecret);
    let unasked = |_: HashDigest| panic!("nothing is opened for whom no response can be checked");
    let elsewhere = begin(&facts(None), unasked).unwrap_err();
    assert_eq!(elsewhere.reason, Reason::MethodNeedsLegacySecret);
    let nobody = Facts {
        person: None,
        ..facts(own())
    };
    assert_eq!(
        begin(&nobody, unasked).unwrap_err().reason,
        Reason::UserUnknown
    );
}
