//! Users without a record: whose word lets them in, through which client, and for how long.
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

use domain::admin::{AdminError, Edit, Operation};
use domain::login::{self, CodePosition, Facts, Verification};
use domain::name::{CanonicalName, Realm};
use domain::password::Presented;
use domain::reason::Reason;
use domain::remote::Told;
use domain::schema::{
    GLOBAL, GROUP, GROUP_MATCH, LDAP, LOCAL, Object, Place, RADIUS_CLIENT, SECURITY, Table, VDOM,
    Value,
};
use domain::vdom::Vdom;
use store::engine::Failure;
use store::gateway::{Decision, GatewayStore, Outcome};
use support::*;
use tempfile::TempDir;
use zeroize::Zeroizing;

const AMONG: &str = "cn=vpn,dc=example";

fn list(table: &'static Table, field: &str, keys: &[&str]) -> Edit {
    let keys = keys.iter().map(|key| Box::from(*key)).collect();
    Edit::Set(table.field(field).unwrap(), Value::List(keys))
}

fn matches(server: &str, group: &str) -> Edit {
    let one = Object::new(&GROUP_MATCH, "1")
        .with("server-name", Some(server))
        .with("group-name", Some(group));
    Edit::Children(&GROUP_MATCH, vec![one])
}

fn directory(vdom: Vdom) -> Operation {
    let edits = vec![
        set(&LDAP, "server", "192.0.2.1"),
        set(&LDAP, "dn", "dc=example"),
    ];
    configure_in(vdom, &LDAP, "corp", edits)
}

fn client(vdom: Vdom, subnet: &str, groups: &[&str]) -> Operation {
    let secret = RADIUS_CLIENT.field("secret").unwrap();
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", subnet),
        Edit::Set(secret, Value::Secret("xyzzy5461".to_owned().into())),
        list(&RADIUS_CLIENT, "remote-groups", groups),
    ];
    configure_in(vdom, &RADIUS_CLIENT, "vpn1", edits)
}

fn zoe(vdom: Vdom) -> CanonicalName {
    CanonicalName::within(Realm::Vdom(vdom), "zoe").unwrap()
}

/// A group of those of `corp` who are in [`AMONG`], by which the client lets in.
async fn staff() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    run(&store, directory(Vdom::ROOT), START).await;
    let edits = vec![list(&GROUP, "member", &["corp"]), matches("corp", AMONG)];
    run(&store, configure(&GROUP, "staff", edits), START).await;
    run(&store, client(Vdom::ROOT, "192.0.2.9", &["staff"]), START).await;
    (dir, store)
}

fn facts(store: &GatewayStore) -> Facts {
    let name = zoe(Vdom::ROOT);
    let facts = store.facts(name, CodePosition::Challenge, START).unwrap();
    let sources = store.sources(&facts.name, "vpn1").unwrap();
    Facts { sources, ..facts }
}

/// A login that is decided, and waits to be recorded.
fn decided(store: &GatewayStore) -> Decision {
    let facts = facts(store);
    let password = Presented::new(Zeroizing::new(b"known there".to_vec()));
    let Verification::AskSources(check) = login::begin(&facts, password).check else {
        panic!("nobody is asked");
    };
    let told = Told {
        names: vec!["Zoe".to_owned()],
        other_names: Vec::new(),
        groups: vec![AMONG.into()],
        unread: None,
    };
    let verified = check.confirmed(&check.sources()[0], &told, |it| {
        store.has_record(it).unwrap()
    });
    let consume = login::remote(&facts, verified.unwrap(), START).unwrap();
    Decision::Grant(consume, origin("vpn1"))
}

#[tokio::test]
async fn a_server_vouches_for_groups_on_record() {
    let (_dir, store) = staff().await;
    let decision = decided(&store);
    let Outcome::Granted(granted) = consume(&store, decision).await else {
        panic!("not granted");
    };
    assert_eq!(granted.groups(), ["staff".into()]);
    let event = store.event(granted.event()).await.unwrap().unwrap();
    let said = format!("{:?}", event.event.what);
    assert!(said.contains("ldap 'corp', groups: staff"), "{said}");
}

#[tokio::test]
async fn an_empty_password_is_asked_of_no_server() {
    let (_dir, store) = staff().await;
    let facts = facts(&store);
    assert_eq!(facts.sources.len(), 1);
    let password = Presented::new(Zeroizing::new(Vec::new()));
    let check = login::begin(&facts, password).check;
    assert!(matches!(check, Verification::Hash(_)), "{check:?}");
}

#[tokio::test]
async fn what_changes_before_the_record_holds() {
    let rename = |table, from: &str, to: &str| Operation::Rename {
        place: Place::new(Vdom::ROOT, table, from),
        to: to.into(),
    };
    let remove = |table, key: &str| Operation::Remove {
        place: Place::new(Vdom::ROOT, table, key),
    };
    for change in [
        // A record rules, as soon as there is one, and however its name is written.
        configure(&LOCAL, "ZOE", vec![passwd()]),
        configure(
            &LOCAL,
            "Zoe",
            vec![passwd(), set(&LOCAL, "status", "disable")],
        ),
        configure(&GROUP, "staff", vec![matches("corp", "cn=other")]),
        configure(&GROUP, "staff", vec![list(&GROUP, "member", &[])]),
        configure(&GROUP, "staff", vec![set(&GROUP, "group-type", "rsso")]),
        configure(&LDAP, "corp", vec![set(&LDAP, "server", "192.0.2.2")]),
        rename(&LDAP, "corp", "headquarters"),
        client(Vdom::ROOT, "192.0.2.9", &[]),
        remove(&RADIUS_CLIENT, "vpn1"),
        rename(&RADIUS_CLIENT, "vpn1", "vpn2"),
        configure(
            &GLOBAL,
            "",
            vec![set(&GLOBAL, "multi-factor-authentication", "mandatory")],
        ),
        configure(&SECURITY, "", vec![set(&SECURITY, "profile", "strict")]),
    ] {
        let (_dir, store) = staff().await;
        let decision = decided(&store);
        let said = format!("{change:?}");
        run(&store, change, START).await;
        let outcome = consume(&store, decision).await;
        assert_eq!(refused(&outcome), Reason::ChangedMeanwhile, "{said}");
    }
}

#[tokio::test]
async fn a_renamed_server_goes_on_bounding_its_group() {
    let (dir, store) = staff().await;
    let rename = Operation::Rename {
        place: Place::new(Vdom::ROOT, &LDAP, "corp"),
        to: "headquarters".into(),
    };
    run(&store, rename, START).await;
    // A user who takes the name that the server had is no server.
    run(&store, configure(&LOCAL, "corp", vec![passwd()]), START).await;
    let look = |store: &GatewayStore| {
        let sources = store.sources(&zoe(Vdom::ROOT), "vpn1").unwrap();
        assert_eq!(sources.len(), 1);
        assert_eq!(&*sources[0].backend.name, "headquarters");
        assert_eq!(sources[0].asked(), [AMONG]);
    };
    look(&store);
    store.shutdown();
    drop(store);
    let store = open(dir.path(), START).await;
    look(&store);
    let remove = Operation::Remove {
        place: Place::new(Vdom::ROOT, &LDAP, "headquarters"),
    };
    let done = store
        .administer(remove, entropy([0; 20]), authority(), START, None)
        .await;
    let Err(Failure::Refused(AdminError::InUse { uses, .. })) = done else {
        panic!("it is not in use: {done:?}");
    };
    let uses = uses.to_string();
    for field in ["member", "match server-name"] {
        let named = format!("user group \"staff\" names it in {field}");
        assert!(uses.contains(&named), "{uses}");
    }
}

#[tokio::test]
async fn a_server_of_another_virtual_domain_vouches_for_nobody() {
    let (_dir, store) = staff().await;
    let mode = set(&GLOBAL, "vdom-mode", "multi-vdom");
    run(&store, configure(&GLOBAL, "", vec![mode]), START).await;
    run(&store, configure(&VDOM, "sales", Vec::new()), START).await;
    // It has a group of this name, and no server.
    let group = configure_in(sales(), &GROUP, "staff", Vec::new());
    run(&store, group, START).await;
    run(&store, client(sales(), "198.51.100.9", &["staff"]), START).await;
    assert_eq!(store.sources(&zoe(Vdom::ROOT), "vpn1").unwrap().len(), 1);
    assert_eq!(store.sources(&zoe(sales()), "vpn1").unwrap(), []);
    let administrator = CanonicalName::within(Realm::Administrators, "zoe").unwrap();
    assert_eq!(store.sources(&administrator, "vpn1").unwrap(), []);
    assert_eq!(store.sources(&zoe(Vdom::ROOT), "ssh").unwrap(), []);
    run(&store, directory(sales()), START).await;
    let member = list(&GROUP, "member", &["corp"]);
    run(
        &store,
        configure_in(sales(), &GROUP, "staff", vec![member]),
        START,
    )
    .await;
    let sources = store.sources(&zoe(sales()), "vpn1").unwrap();
    assert_eq!(sources[0].backend.vdom, sales());
}
