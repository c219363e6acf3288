//! Settings of the unit that decide logins.
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
use domain::audit::Event;
use domain::login::{CodePosition, Second, second};
use domain::password::{Credential, Evaluation, PasswordVerified, Presented, SALT_LEN};
use domain::password_policy::Weakness;
use domain::password_renewal::{Candidate, Renewed, Unfit};
use domain::reason::Reason;
use domain::schema::{
    GLOBAL, LOCAL, PASSWORD_POLICY, Place, RADIUS_CLIENT, SETTING, SETTINGS, VDOM, Value,
};
use domain::throttle::CodeCounter;
use domain::time::{Span, Timestamp};
use domain::user::User;
use domain::vdom::Vdom;
use store::engine::Failure;
use store::gateway::{Decision, GatewayStore};
use support::*;
use tempfile::TempDir;
use zeroize::Zeroizing;

async fn store() -> (TempDir, GatewayStore) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    (dir, store)
}

/// A user whose password is enough.
async fn without_token(store: &GatewayStore, user: &str) {
    run(store, configure(&LOCAL, user, vec![passwd()]), START).await;
}

/// What a login by the password alone comes to, before the store's word.
fn by_password(store: &GatewayStore, user: &str, now: Timestamp) -> Decision {
    let person = name(user);
    let facts = store
        .facts(person.clone(), CodePosition::Challenge, now)
        .unwrap();
    let counter = &mut CodeCounter::default();
    match second(&facts, verified(&facts), None, counter, now) {
        Second::Consume(consume) => Decision::Grant(consume, origin("vpn1")),
        Second::Refuse(refusal, _) => Decision::Refuse {
            person,
            origin: origin("vpn1"),
            refusal,
            at: now,
        },
        Second::Challenge(_) | Second::Send(..) | Second::AskNext(..) => {
            panic!("a code is asked for")
        }
    }
}

/// Why it is refused, if it is.
fn judged(decision: &Decision) -> Option<Reason> {
    match decision {
        Decision::Refuse { refusal, .. } => Some(refusal.reason),
        _ => None,
    }
}

#[tokio::test]
async fn where_a_second_factor_is_mandatory_the_password_alone_lets_nobody_in() {
    let (_dir, store) = store().await;
    without_token(&store, "alice").await;
    granted(&consume(&store, by_password(&store, "alice", START)).await);
    let under_way = by_password(&store, "alice", START);
    let mandatory = set(&GLOBAL, "multi-factor-authentication", "mandatory");
    run(&store, configure(&GLOBAL, "", vec![mandatory]), START).await;
    let late = consume(&store, under_way).await;
    assert_eq!(refused(&late), Reason::ChangedMeanwhile);
    let refusal = consume(&store, by_password(&store, "alice", START)).await;
    assert_eq!(refused(&refusal), Reason::SecondFactorRequired);
}

#[tokio::test]
async fn the_clients_of_a_disabled_virtual_domain_are_nobodys() {
    let (_dir, store) = store().await;
    let sales = Vdom::parse("sales").unwrap();
    let mode = set(&GLOBAL, "vdom-mode", "multi-vdom");
    run(&store, configure(&GLOBAL, "", vec![mode]), START).await;
    run(&store, configure(&VDOM, "sales", Vec::new()), START).await;
    let secret = RADIUS_CLIENT.field("secret").unwrap();
    let edits = vec![
        set(&RADIUS_CLIENT, "subnet", "192.0.2.1"),
        Edit::Set(secret, Value::Secret("xyzzy5461".to_owned().into())),
    ];
    let within = |table, key: &str, edits| Operation::Configure {
        place: Place::new(sales, table, key),
        edits,
    };
    run(&store, within(&RADIUS_CLIENT, "vpn1", edits), START).await;
    for (status, clients) in [("disable", 0), ("enable", 1)] {
        let edits = vec![set(&SETTINGS, "status", status)];
        run(&store, within(&SETTINGS, "", edits), START).await;
        assert_eq!(store.clients().len(), clients, "{status}");
    }
}

fn add_policy(name: &str, settings: &[(&str, &str)]) -> Operation {
    let edits = settings
        .iter()
        .map(|(field, value)| set(&PASSWORD_POLICY, field, value));
    configure(&PASSWORD_POLICY, name, edits.collect())
}

#[tokio::test]
async fn a_password_lasts_as_long_as_the_policy_of_its_user_says() {
    let (dir, mut store) = store().await;
    let ninety = [("expire-status", "enable"), ("expire-days", "90")];
    run(&store, add_policy("ninety", &ninety), START).await;
    let thirty = [("expire-status", "enable"), ("expire-days", "30")];
    run(&store, add_policy("thirty", &thirty), START).await;
    for user in ["alice", "bob"] {
        without_token(&store, user).await;
    }
    let own = vec![set(&LOCAL, "passwd-policy", "ninety")];
    run(&store, configure(&LOCAL, "alice", own), START).await;
    let default = set(&SETTING, "default-user-password-policy", "thirty");
    run(&store, configure(&SETTING, "", vec![default]), START).await;
    let day = |days| START.after(Span::from_days(days));
    for _ in 0..2 {
        for (user, last) in [("alice", 89), ("bob", 29)] {
            assert_eq!(
                judged(&by_password(&store, user, day(last))),
                None,
                "{user}"
            );
            let expired = judged(&by_password(&store, user, day(last + 1)));
            assert_eq!(expired, Some(Reason::PasswordExpired), "{user}");
            let told = |days| store.welcome(&name(user), day(days)).password_days_left;
            assert_eq!((told(last - 15), told(last)), (None, Some(1)), "{user}");
        }
        store.shutdown();
        drop(store);
        store = open(dir.path(), day(0)).await;
    }
}

const NEW: &str = "a-new-password-of-hers";

/// A password that has expired by `START`, and who knows it.
async fn with_expired(store: &GatewayStore, user: &str) {
    let mut edits = vec![passwd()];
    for (field, value) in [
        ("passwd-policy", "daily"),
        ("passwd-time", "2020-01-01 00:00:00"),
        ("radius-legacy", "enable"),
    ] {
        edits.push(set(&LOCAL, field, value));
    }
    run(store, configure(&LOCAL, user, edits), START).await;
}

fn proven(user: &User) -> PasswordVerified {
    let hash = user.password.clone().unwrap();
    let presented = Presented::new(Zeroizing::new(PASSWORD.into()));
    let check = Evaluation::of(user.name.canonical().clone(), hash);
    check.verify(&presented).unwrap()
}

/// A new password as it is judged and hashed before the store hears of it.
async fn renewed(store: &GatewayStore, user: &str, new: &str) -> Result<Renewed, Unfit> {
    let found = store.person_with_policy(name(user)).await.unwrap();
    let (user, policy) = found.unwrap();
    let proven = proven(&user);
    let new = Presented::new(Zeroizing::new(new.into()));
    let candidate = Candidate::new(&proven, Some(&user), policy, &new, START)?;
    // Its own hash, and that of each former one.
    let former = user.history.hashes().count().max(1);
    assert_eq!(candidate.evaluations(), 1 + former);
    Ok(candidate.hash(&proven, [7; SALT_LEN])?.0)
}

fn by_owner(user: &str) -> Event {
    Event::changed(&admin(), Vdom::ROOT, "password-renewal", user, "set", START)
}

#[tokio::test]
async fn a_new_password_of_its_owner_is_kept_while_all_that_it_was_judged_by_stands() {
    let (_dir, store) = store().await;
    let daily = [
        ("expire-status", "enable"),
        ("expire-days", "1"),
        ("expired-password-renewal", "enable"),
        ("reuse-password", "disable"),
    ];
    run(&store, add_policy("daily", &daily), START).await;
    with_expired(&store, "Alice").await;
    let short = renewed(&store, "alice", "short").await.unwrap_err();
    assert_eq!(
        short.to_string(),
        "it takes at least 8 characters, and this has 5"
    );
    let again = renewed(&store, "alice", PASSWORD).await.unwrap_err();
    assert_eq!(again, Unfit::Weak(vec![Weakness::Reused]));

    let of_alice = renewed(&store, "alice", NEW).await.unwrap();
    let twice = renewed(&store, "alice", "another-password").await.unwrap();
    let keep = async |renewed| store.renew_password(renewed, by_owner("alice")).await;
    assert!(keep(of_alice).await.unwrap());
    let alice = store.person(name("alice")).await.unwrap().unwrap();
    let hash = alice.password.clone().unwrap();
    assert_eq!(alice.name.as_written(), "Alice");
    assert_eq!(alice.password_set, Some(START));
    assert!(hash.is_of(NEW));
    assert!(store.kept_password(&name("alice"), hash.digest()).is_some());
    let facts = store.facts(name("alice"), CodePosition::Challenge, START);
    let in_force = facts.unwrap().person.unwrap().password;
    assert_eq!(in_force, Some(Credential::from(&hash)));
    // The other was judged beside the password that is gone.
    assert!(!keep(twice).await.unwrap());

    let edit = |edits| configure(&LOCAL, "bob", edits);
    for meanwhile in [
        edit(vec![set(&LOCAL, "status", "disable")]),
        edit(vec![passwd()]),
        edit(vec![set(&LOCAL, "passwd-policy", "another")]),
        edit(vec![set(&LOCAL, "passwd-time", "2036-01-01 00:00:00")]),
        add_policy("daily", &[("minimum-length", "64")]),
        add_policy("daily", &[("expired-password-renewal", "disable")]),
        Operation::Remove {
            place: Place::new(Vdom::ROOT, &LOCAL, "bob"),
        },
    ] {
        run(&store, add_policy("daily", &daily), START).await;
        run(&store, add_policy("another", &daily), START).await;
        let shorter = add_policy("daily", &[("minimum-length", "8")]);
        run(&store, shorter, START).await;
        with_expired(&store, "bob").await;
        run(&store, edit(vec![set(&LOCAL, "status", "enable")]), START).await;
        let of_bob = renewed(&store, "bob", NEW).await.unwrap();
        let what = format!("{meanwhile:?}");
        run(&store, meanwhile, START).await;
        let before = store.person(name("bob")).await.unwrap();
        let kept = store.renew_password(of_bob, by_owner("bob")).await;
        assert!(!kept.unwrap(), "{what}");
        assert_eq!(store.person(name("bob")).await.unwrap(), before, "{what}");
    }
}

#[tokio::test]
async fn a_policy_goes_by_its_new_name_with_everybody_who_has_it() {
    let (_dir, store) = store().await;
    let policy = [("expire-status", "enable"), ("expire-days", "1")];
    run(&store, add_policy("short", &policy), START).await;
    without_token(&store, "alice").await;
    let own = vec![set(&LOCAL, "passwd-policy", "short")];
    run(&store, configure(&LOCAL, "alice", own), START).await;
    let default = set(&SETTING, "default-user-password-policy", "short");
    run(&store, configure(&SETTING, "", vec![default]), START).await;
    let place = || Place::new(Vdom::ROOT, &PASSWORD_POLICY, "short");
    let remove = Operation::Remove { place: place() };
    let done = store.administer(remove, entropy([0; 20]), authority(), START, None);
    let Err(Failure::Refused(error)) = done.await else {
        panic!("a policy in use was deleted");
    };
    assert_eq!(error.to_string(), "The entry is used by other 2 entries");
    assert!(
        error
            .next_step()
            .contains("user local \"alice\" names it in passwd-policy")
    );
    assert!(
        error
            .next_step()
            .contains("user setting names it in default-user-password-policy")
    );
    let rename = Operation::Rename {
        place: place(),
        to: "daily".into(),
    };
    run(&store, rename, START).await;
    let alice = store.person(name("alice")).await.unwrap().unwrap();
    assert_eq!(alice.policy.as_deref(), Some("daily"));
    let settings = store.settings(Vdom::ROOT);
    assert_eq!(settings.default_password_policy.as_deref(), Some("daily"));
    let tomorrow = START.after(Span::from_days(1));
    let refusal = consume(&store, by_password(&store, "alice", tomorrow)).await;
    assert_eq!(refused(&refusal), Reason::PasswordExpired);
}
