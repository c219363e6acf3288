//! Who knows a person's password, as memory has it: in each virtual domain, after every change, and
//! after a start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs files to fail"
)]

mod support;

use domain::admin::{Edit, Operation};
use domain::backend::{Account, BackendName, Kind, Protocol};
use domain::login::CodePosition;
use domain::name::{CanonicalName, Realm};
use domain::password::Credential;
use domain::schema::{GLOBAL, LDAP, LOCAL, Place, RADIUS, VDOM, Value};
use domain::vdom::Vdom;
use store::gateway::GatewayStore;
use support::*;
use tempfile::TempDir;

const SECRET: &str = "canary-of-the-server";

fn server(kind: Kind, vdom: Vdom, name: &str) -> BackendName {
    let name = name.into();
    BackendName { kind, vdom, name }
}

fn directory(vdom: Vdom, name: &str, address: &str) -> Operation {
    let edits = vec![
        set(&LDAP, "server", address),
        set(&LDAP, "dn", "dc=example,dc=org"),
    ];
    configure_in(vdom, &LDAP, name, edits)
}

fn radius(name: &str) -> Operation {
    let secret = RADIUS.field("secret").unwrap();
    let edits = vec![
        set(&RADIUS, "server", "192.0.2.1"),
        Edit::Set(secret, Value::Secret(SECRET.to_owned().into())),
    ];
    configure(&RADIUS, name, edits)
}

fn user(vdom: Vdom, name: &str, kind: Kind, server: &str) -> Operation {
    let edits = vec![
        set(&LOCAL, "type", kind.word()),
        set(&LOCAL, kind.server_field(), server),
    ];
    configure_in(vdom, &LOCAL, name, edits)
}

fn account(store: &GatewayStore, vdom: Vdom, name: &str) -> Account {
    let person = CanonicalName::within(Realm::Vdom(vdom), name).unwrap();
    let facts = store.facts(person, CodePosition::Challenge, START).unwrap();
    match facts.person.unwrap().password {
        Some(Credential::Backend(account)) => account,
        other => panic!("no backend knows it: {other:?}"),
    }
}

#[tokio::test]
async fn each_virtual_domain_has_its_own_directory() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let mode = set(&GLOBAL, "vdom-mode", "multi-vdom");
    run(&store, configure(&GLOBAL, "", vec![mode]), START).await;
    run(&store, configure(&VDOM, "sales", Vec::new()), START).await;
    for (vdom, address) in [(Vdom::ROOT, "192.0.2.1"), (sales(), "192.0.2.2")] {
        run(&store, directory(vdom, "corp", address), START).await;
        run(&store, user(vdom, "Alice", Kind::Ldap, "corp"), START).await;
    }
    let look = |store: &GatewayStore| {
        [(Vdom::ROOT, "192.0.2.1"), (sales(), "192.0.2.2")].map(|(vdom, address)| {
            let account = account(store, vdom, "alice");
            assert_eq!(account.backend, server(Kind::Ldap, vdom, "corp"));
            assert_eq!(&*account.login, "Alice");
            let backend = store.backend(&account.backend).unwrap();
            assert_eq!(account.revision, Some(backend.revision));
            assert_eq!(&*backend.servers()[0].host, address);
            account
        })
    };
    let before = look(&store);
    assert_ne!(before[0], before[1]);
    drop(store);
    let store = open(dir.path(), START).await;
    assert_eq!(look(&store), before);
}

#[tokio::test]
async fn a_change_of_the_entry_makes_another_account() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    run(&store, radius("hq"), START).await;
    run(&store, user(Vdom::ROOT, "bob", Kind::Radius, "hq"), START).await;
    let before = account(&store, Vdom::ROOT, "bob");
    let Protocol::Radius(upstream) = &store.backend(&before.backend).unwrap().protocol else {
        panic!("not RADIUS")
    };
    assert_eq!(upstream.servers[0].1.expose(), SECRET.as_bytes());
    let longer = configure(&RADIUS, "hq", vec![set(&RADIUS, "timeout", "9")]);
    run(&store, longer, START).await;
    let after = account(&store, Vdom::ROOT, "bob");
    assert_eq!(after.backend, before.backend);
    assert_ne!(after.revision, before.revision);
}

#[tokio::test]
async fn a_renamed_entry_and_a_renamed_user_stay_together() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    run(&store, radius("hq"), START).await;
    run(&store, user(Vdom::ROOT, "bob", Kind::Radius, "hq"), START).await;
    let rename = |table, from, to: &str| Operation::Rename {
        place: Place::new(Vdom::ROOT, table, from),
        to: to.into(),
    };
    run(&store, rename(&RADIUS, "hq", "head"), START).await;
    run(&store, rename(&LOCAL, "bob", "Robert"), START).await;
    let look = |store: &GatewayStore| {
        let account = account(store, Vdom::ROOT, "robert");
        assert_eq!(account.backend, server(Kind::Radius, Vdom::ROOT, "head"));
        assert_eq!(&*account.login, "Robert");
        assert!(store.backend(&account.backend).is_some());
    };
    look(&store);
    drop(store);
    look(&open(dir.path(), START).await);
}
