//! The event log in the store: what is read back, what retention removes, and what it leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use domain::audit::{ActivationStage, Event, Leave, TargetState, What};
use domain::login::Spend;
use domain::reason::Reason;
use ident::TokenSerial;
use otp::{Drift, Step};
use support::{START, admin, name, open, origin};
use tempfile::TempDir;

fn token() -> TokenSerial {
    TokenSerial::parse("FTKMOB99C7D975DF").unwrap()
}

fn every_kind() -> Vec<What> {
    let spend = Spend::Step {
        token: token(),
        step: Step(7),
        drift: Drift(-1),
    };
    let mut kinds = vec![
        What::Accepted {
            person: name("alice"),
            origin: origin("vpn1"),
            spend,
        },
        What::Refused {
            person: name("alice"),
            origin: origin("vpn1"),
            reason: Reason::CodeWrong,
            token: Some(token()),
            step: None,
            evidence: Some("none near".into()),
        },
        What::Explained {
            refusal: 2,
            reason: Reason::ClockSlow,
            evidence: "14 steps".into(),
        },
        What::Resynchronised {
            actor: admin(),
            token: token(),
            step: Step(9),
            drift: Drift(3),
        },
        What::NotResynchronised {
            actor: admin(),
            token: token(),
            cause: "no match".into(),
        },
        What::Unlocked {
            actor: admin(),
            person: name("alice"),
        },
        What::Renamed {
            actor: admin(),
            from: name("alice"),
            to: name("bob"),
        },
        What::Changed {
            actor: admin(),
            action: "user.local".into(),
            object: "alice".into(),
            detail: "set status".into(),
        },
        What::FloorRaised {
            cause: "put back".into(),
        },
        What::LogDeleted {
            actor: admin(),
            through: 3,
        },
    ];
    kinds.extend(ActivationStage::ALL.map(|stage| What::Activation {
        actor: admin(),
        token: token(),
        owner: (stage != ActivationStage::Refused).then(|| name("alice")),
        stage,
        detail: "detail".into(),
    }));
    kinds.extend(administrators());
    kinds.extend(TargetState::ALL.map(|state| What::LogTarget {
        target: "syslogd".into(),
        state,
        detail: "detail".into(),
    }));
    kinds
}

fn administrators() -> [What; 4] {
    let actor = admin();
    [
        What::AdminLogin {
            actor: actor.clone(),
        },
        What::AdminRefused {
            actor: actor.clone(),
            reason: Reason::PasswordWrong,
        },
        What::AdminLockout {
            actor: actor.clone(),
            seconds: 60,
        },
        What::AdminLogout {
            actor,
            cause: Leave::IdleTimeout,
        },
    ]
}

#[tokio::test]
async fn every_kind_of_event_is_read_back_as_it_was_written() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path(), START).await;
    let kinds = every_kind();
    for what in kinds.clone() {
        store.record(Event { at: START, what }).await.unwrap();
    }
    drop(store);
    let store = open(dir.path(), START).await;
    for (id, what) in (1..).zip(kinds) {
        let recorded = store.event(id).await.unwrap().unwrap();
        assert_eq!(recorded.event.what, what);
    }
}
