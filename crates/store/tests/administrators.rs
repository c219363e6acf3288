//! What the store keeps of administrators' logins.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    dead_code,
    reason = "a test fails by panicking, and it needs files; the support is shared with other tests"
)]

mod support;

use domain::access::{
    Authority, BUILT_IN, FIXED, PROF_ADMIN, Profile, SUPER_ADMIN, SUPER_ADMIN_READONLY,
};
use domain::admin::{AdminError, Edit, Message, Operation, Owned};
use domain::administrator;
use domain::audit::{Actor, Event, Leave, What};
use domain::login::{CodePosition, Factor};
use domain::reason::Reason;
use domain::schema::{ACCPROFILE, ADMIN, GLOBAL, LOCAL, Place, Value};
use domain::token::Stage;
use domain::vdom::Vdom;
use ident::TokenSerial;
use store::Failure;
use store::gateway::{GatewayStore, Waiting};
use support::*;
use tempfile::{TempDir, tempdir};
use zeroize::Zeroizing;

const SEED: [u8; 20] = *b"canary-seed-1-0123ab";

fn token() -> TokenSerial {
    TokenSerial::mobile([1; 5])
}

/// A store with a token that nobody has, and the administrators `admin` and `second`.
async fn administered() -> (TempDir, GatewayStore) {
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    let imported = Operation::Imported {
        vdom: Vdom::ROOT,
        licence: licence(),
        tokens: vec![token()],
    };
    run(&store, imported, START).await;
    for name in ["admin", "second"] {
        run(&store, first_of(name), START).await;
    }
    (dir, store)
}

/// With every right.
fn first_of(name: &str) -> Operation {
    let profile = set(&ADMIN, "accprofile", SUPER_ADMIN);
    configure(&ADMIN, name, vec![password(), profile])
}

fn password() -> Edit {
    let secret = Value::Secret(Zeroizing::new(PASSWORD.into()));
    Edit::Set(ADMIN.field("password").unwrap(), secret)
}

fn with_token(name: &str) -> Operation {
    let edits = vec![
        set(&ADMIN, "two-factor", "fortitoken"),
        set(&ADMIN, "fortitoken", token().as_str()),
        set(&ADMIN, "email-to", "admin@example.org"),
    ];
    configure(&ADMIN, name, edits)
}

fn delete(table: &'static domain::schema::Table, key: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, table, key);
    Operation::Remove { place }
}

async fn refused(store: &GatewayStore, operation: Operation) -> AdminError {
    let done = store.administer(operation, entropy(SEED), authority(), START, None);
    match done.await.unwrap_err() {
        Failure::Refused(error) => error,
        Failure::Undecided(why) => panic!("{why}"),
    }
}

async fn owned(store: &GatewayStore) -> Owned {
    store.token(token()).await.unwrap().unwrap()
}

async fn mails(store: &GatewayStore) -> Vec<String> {
    let waiting = store.outbox(None, 10).await.unwrap();
    let mails = waiting
        .into_iter()
        .filter_map(|waiting: Waiting| match waiting.message {
            Message::ActivationCode { user, to, .. } => Some(format!("{user} {to}")),
            _ => None,
        });
    mails.collect()
}

#[tokio::test]
async fn an_administrator_gets_a_token_as_users_do() {
    let (dir, store) = administered().await;
    run_with(&store, with_token("admin"), SEED, START).await;
    let given = owned(&store).await;
    assert!(matches!(given.token.stage, Stage::Requested));
    let owner = given.owner.unwrap();
    assert_eq!(owner.name.as_written(), "admin");
    assert_eq!(
        owner.name.canonical(),
        &administrator::person("admin").unwrap()
    );
    run(&store, supplied(token()), START).await;
    assert_eq!(mails(&store).await, ["admin admin@example.org"]);

    drop(store);
    let store = open(dir.path(), START).await;
    let name = administrator::person("admin").unwrap();
    let facts = store.facts(name, CodePosition::Challenge, START).unwrap();
    let factor = facts.person.unwrap().factor;
    assert!(matches!(factor, Factor::Token { .. }), "{factor:?}");
    let user = store.facts(support::name("admin"), CodePosition::Challenge, START);
    assert!(user.unwrap().person.is_none());
}

#[tokio::test]
async fn a_token_is_an_administrator_s_or_a_user_s_and_never_both() {
    let (_dir, store) = administered().await;
    run_with(&store, with_token("admin"), SEED, START).await;
    let error = refused(&store, assignment("alice", token())).await;
    assert!(
        error.to_string().contains("administrator 'admin'"),
        "{error}"
    );
    assert!(error.next_step().contains("config system admin"), "{error}");
    let error = refused(&store, with_token("second")).await;
    assert!(matches!(error, AdminError::TokenTaken { .. }), "{error}");

    let unset = ["two-factor", "fortitoken"].map(|field| Edit::Unset(ADMIN.field(field).unwrap()));
    run(&store, configure(&ADMIN, "admin", unset.into()), START).await;
    let released = owned(&store).await;
    assert!(released.owner.is_none() && !released.token.has_seed);
    assert!(matches!(released.token.stage, Stage::New));

    run_with(&store, assignment("alice", token()), SEED, START).await;
    let error = refused(&store, with_token("admin")).await;
    assert!(error.to_string().contains("user 'alice'"), "{error}");
    assert!(error.next_step().contains("config user local"), "{error}");
    run(&store, delete(&LOCAL, "alice"), START).await;
    run_with(&store, with_token("second"), SEED, START).await;
    run(&store, delete(&ADMIN, "second"), START).await;
    let released = owned(&store).await;
    assert!(released.owner.is_none() && !released.token.has_seed);
}

#[tokio::test]
async fn the_last_who_may_do_everything_stays() {
    let (_dir, store) = administered().await;
    run(&store, delete(&ADMIN, "second"), START).await;
    let error = refused(&store, delete(&ADMIN, "admin")).await;
    assert!(matches!(error, AdminError::LastSuperAdmin(_)), "{error}");
    let purge = Operation::Purge {
        vdom: Vdom::ROOT,
        table: &ADMIN,
    };
    let error = refused(&store, purge).await;
    assert!(matches!(error, AdminError::LastSuperAdmin(_)), "{error}");
    let name = administrator::person("admin").unwrap();
    let facts = store.facts(name, CodePosition::Challenge, START).unwrap();
    assert!(facts.person.is_some());
}

#[tokio::test]
async fn events_of_administrators_are_read_as_they_were_written() {
    let actor = Actor {
        name: "admin".into(),
        interface: "ssh(192.0.2.1)".into(),
    };
    let of = |actor: &Actor| actor.clone();
    let mut written = vec![
        What::AdminLogin { actor: of(&actor) },
        What::AdminRefused {
            actor: of(&actor),
            reason: Reason::PasswordWrong,
        },
        What::AdminLockout {
            actor: of(&actor),
            seconds: 60,
        },
    ];
    for cause in ["exit", "disconnected", "timeout", "killed", "server"] {
        let cause = Leave::from_id(cause).unwrap();
        let actor = of(&actor);
        written.push(What::AdminLogout { actor, cause });
    }
    let dir = tempdir().unwrap();
    let store = open(dir.path(), START).await;
    for what in written.clone() {
        store.record(Event { at: START, what }).await.unwrap();
    }
    drop(store);

    let store = open(dir.path(), START).await;
    for (number, what) in (1..).zip(written) {
        let event = store.event(number).await.unwrap().unwrap().event;
        assert_eq!(event.what, what);
    }
}

// ---------------------------------------------------------------- rights

async fn by(store: &GatewayStore, profile: &str) -> Authority {
    let object = store.object(Place::new(Vdom::ROOT, &ACCPROFILE, profile));
    Authority {
        profile: Profile::from_object(&object.await.unwrap().unwrap()),
        ..authority()
    }
}

async fn denied(store: &GatewayStore, operation: Operation, by: &Authority) -> bool {
    let done = store.administer(operation, entropy(SEED), by.clone(), START, None);
    match done.await {
        Ok(_) => false,
        Err(Failure::Refused(error)) => {
            assert_eq!(error.return_code(), -37, "{error}");
            true
        }
        Err(Failure::Undecided(why)) => panic!("{why}"),
    }
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_but_the_own_password() {
    let (_dir, store) = administered().await;
    let readonly = by(&store, SUPER_ADMIN_READONLY).await;
    let vdom = Vdom::ROOT;
    let operations = vec![
        assignment("alice", token()),
        configure(&GLOBAL, "", vec![set(&GLOBAL, "hostname", "other")]),
        configure(&ADMIN, "second", vec![password()]),
        configure(
            &ADMIN,
            "admin",
            vec![password(), set(&ADMIN, "comments", "x")],
        ),
        delete(&ADMIN, "second"),
        Operation::Purge {
            vdom,
            table: &LOCAL,
        },
        provision(token()),
        Operation::Renew {
            vdom,
            token: token(),
        },
        import("A1B2-C3D4-E5F6-A7B8-C9D0"),
        Operation::Unlock(name("alice")),
    ];
    for operation in operations {
        let said = format!("{operation:?}");
        assert!(denied(&store, operation, &readonly).await, "{said}");
    }
    let own = configure(&ADMIN, "admin", vec![password()]);
    assert!(!denied(&store, own, &readonly).await);
    assert!(!denied(&store, supplied(token()), &readonly).await);
}

#[tokio::test]
async fn who_was_deleted_does_not_come_back_by_setting_a_password() {
    let (_dir, store) = administered().await;
    let mut second = by(&store, SUPER_ADMIN_READONLY).await;
    second.actor.name = "second".into();
    run(&store, delete(&ADMIN, "second"), START).await;
    let own = configure(&ADMIN, "second", vec![password()]);
    let done = store.administer(own, entropy(SEED), second, START, None);
    let Err(Failure::Refused(AdminError::NotFound { .. })) = done.await else {
        panic!("no entry, no password");
    };
    assert!(!is_known(&store, "second"));
}

#[tokio::test]
async fn nobody_gets_a_profile_by_naming_none() {
    let (_dir, store) = administered().await;
    let profile = ADMIN.field("accprofile").unwrap();
    for operation in [
        configure(&ADMIN, "third", vec![password()]),
        configure(&ADMIN, "second", vec![Edit::Unset(profile)]),
    ] {
        let error = refused(&store, operation).await;
        assert_eq!(error.return_code(), -56, "{error}");
    }
}

#[tokio::test]
async fn only_super_admin_makes_administrators_and_profiles() {
    let (_dir, store) = administered().await;
    let prof_admin = by(&store, PROF_ADMIN).await;
    let global = configure(&GLOBAL, "", vec![set(&GLOBAL, "hostname", "other")]);
    assert!(!denied(&store, global, &prof_admin).await);
    for operation in [
        configure(&ADMIN, "mine", vec![password()]),
        configure(
            &ACCPROFILE,
            "mine",
            vec![set(&ACCPROFILE, "authgrp", "read")],
        ),
        delete(&ADMIN, "second"),
    ] {
        assert!(denied(&store, operation, &prof_admin).await);
    }
}

#[tokio::test]
async fn built_in_profiles_stay_and_a_saved_configuration_may_name_them() {
    let (_dir, store) = administered().await;
    let everything = by(&store, SUPER_ADMIN).await;
    for profile in BUILT_IN {
        assert!(denied(&store, delete(&ACCPROFILE, profile), &everything).await);
    }
    let less = || vec![set(&ACCPROFILE, "authgrp", "none")];
    for profile in FIXED {
        let changed = configure(&ACCPROFILE, profile, less());
        assert!(denied(&store, changed, &everything).await, "{profile}");
    }
    let changed = configure(&ACCPROFILE, PROF_ADMIN, less());
    assert!(!denied(&store, changed, &everything).await);
    let same = vec![
        set(&ACCPROFILE, "authgrp", "read-write"),
        set(&ACCPROFILE, "scope", "global"),
    ];
    let again = configure(&ACCPROFILE, SUPER_ADMIN, same);
    assert!(!denied(&store, again, &everything).await);
}

// ---------------------------------------------------------------- names

fn renamed(from: &str, to: &str) -> Operation {
    let place = Place::new(Vdom::ROOT, &ADMIN, from);
    let to = to.into();
    Operation::Rename { place, to }
}

fn is_known(store: &GatewayStore, name: &str) -> bool {
    let name = administrator::person(name).unwrap();
    let facts = store.facts(name, CodePosition::Challenge, START);
    facts.unwrap().person.is_some()
}

#[tokio::test]
async fn two_administrators_are_never_one_person() {
    let (_dir, store) = administered().await;
    let copied = Operation::Clone {
        place: Place::new(Vdom::ROOT, &ADMIN, "admin"),
        to: "SECOND".into(),
    };
    for operation in [
        first_of("Second"),
        first_of("EXAMPLE\\second"),
        renamed("admin", "SECOND"),
        copied,
    ] {
        let error = refused(&store, operation).await;
        assert!(matches!(error, AdminError::SamePerson { .. }), "{error}");
    }
    run(&store, renamed("second", "Second"), START).await;
    assert!(is_known(&store, "second"));
    run(&store, renamed("Second", "third"), START).await;
    assert!(is_known(&store, "third") && !is_known(&store, "second"));
    let error = refused(&store, renamed("third", "a\\ ")).await;
    assert!(matches!(error, AdminError::Name { .. }), "{error}");
}

/// An earlier version took them both.
#[tokio::test]
async fn administrators_of_one_name_get_in_when_one_is_gone() {
    let (dir, store) = administered().await;
    run(&store, first_of("other"), START).await;
    drop(store);
    let file = rusqlite::Connection::open(dir.path().join("gateway.db")).unwrap();
    let same = "UPDATE config SET entry = 'SECOND' WHERE entry = 'other'";
    assert!(file.execute(same, []).unwrap() > 0);
    drop(file);

    let store = open(dir.path(), START).await;
    assert!(is_known(&store, "admin") && !is_known(&store, "second"));
    run(&store, delete(&ADMIN, "SECOND"), START).await;
    assert!(is_known(&store, "second"));
}
