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

use domain::audit::{Actor, Event, Leave, What};
use domain::reason::Reason;
use support::*;
use tempfile::tempdir;

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
