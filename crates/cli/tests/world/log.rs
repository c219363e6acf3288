//! An event log of a few lines.

use cli::render::{LogLines, Zone};
use domain::audit::{ActivationStage, Actor, Event, Leave, What};
use domain::contact::Channel;
use domain::login::{Origin, Spend};
use domain::name::CanonicalName;
use domain::query::LogPage;
use domain::reason::Reason;
use domain::source::LoginSource;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use ident::TokenSerial;

fn admin() -> Actor {
    Actor {
        name: "admin".into(),
        interface: "ssh(192.0.2.9)".into(),
    }
}

fn alice() -> CanonicalName {
    CanonicalName::of("alice").unwrap()
}

fn origin() -> Origin {
    Origin {
        client: "vpn1".into(),
        source: LoginSource::of([192, 0, 2, 7].into()),
    }
}

/// The oldest first, a minute apart.
pub(crate) fn events(now: Timestamp) -> Vec<Event> {
    let refused = |reason| What::Refused {
        person: alice(),
        origin: origin(),
        reason,
        token: None,
        step: None,
        evidence: None,
    };
    let kinds = vec![
        What::AdminLogin { actor: admin() },
        What::Changed {
            vdom: Vdom::ROOT,
            actor: admin(),
            action: "user.local".into(),
            object: "alice".into(),
            detail: "set passwd, set fortitoken".into(),
        },
        What::Activation {
            vdom: Vdom::ROOT,
            actor: admin(),
            token: TokenSerial::parse("FTKMOB4BA4BE9B84").unwrap(),
            owner: Some(alice()),
            stage: ActivationStage::Requested,
            detail: "".into(),
        },
        refused(Reason::PasswordWrong),
        refused(Reason::PasswordWrong),
        refused(Reason::CodeWrong),
        What::Explained {
            refusal: 6,
            reason: Reason::ClockSlow,
            evidence: "14 steps slow".into(),
        },
        What::Accepted {
            person: alice(),
            origin: origin(),
            spend: Spend::Nothing,
            vouched: None,
        },
        What::AdminRefused {
            actor: Actor {
                name: "eve\" action=\"login".into(),
                interface: "ssh(198.51.100.3)".into(),
            },
            reason: Reason::UserUnknown,
        },
        What::Unlocked {
            actor: admin(),
            person: alice(),
        },
        What::AdminLogout {
            actor: admin(),
            cause: Leave::IdleTimeout,
        },
    ];
    let count = i64::try_from(kinds.len()).unwrap();
    let minutes = (0..count).map(|minute| now.before(Span::from_mins(count - minute)));
    minutes
        .zip(kinds)
        .map(|(at, what)| Event { at, what })
        .collect()
}

/// What became of some messages to people.
pub(crate) fn messages(now: Timestamp) -> Vec<Event> {
    let activation = |stage, detail: &str| What::Activation {
        vdom: Vdom::ROOT,
        actor: admin(),
        token: TokenSerial::parse("FTKMOB4BA4BE9B84").unwrap(),
        owner: Some(alice()),
        stage,
        detail: detail.into(),
    };
    let login = |failure: Option<&str>| What::CodeSent {
        person: alice(),
        origin: origin(),
        channel: Channel::Sms,
        failure: failure.map(Box::from),
    };
    let kinds = [
        activation(ActivationStage::CodeNotSent, "no mail server is configured"),
        activation(ActivationStage::CodeSent, "alice@example.com"),
        login(None),
        login(Some("SMS server: 503")),
    ];
    kinds.map(|what| Event { at: now, what }).into()
}

/// What became of the log when an administrator had it deleted.
pub(crate) fn deleted(events: &[Event], now: Timestamp) -> Vec<Event> {
    let through = i64::try_from(events.len()).unwrap();
    let actor = admin();
    vec![Event {
        at: now,
        what: What::LogDeleted { actor, through },
    }]
}

pub(crate) fn show(page: &LogPage, events: &[Event], zone: Zone) -> String {
    let mut lines = LogLines::new(page.clone(), zone);
    let all = events.len() as u64;
    let numbered: Vec<(i64, &Event)> = (1..).zip(events).collect();
    let newest_first = numbered.into_iter().rev();
    if lines.is_everything() {
        let skipped = page.start_line as usize - 1;
        let shown = newest_first.skip(skipped).take(page.view_lines as usize);
        lines.show_unsearched(all, shown);
    } else {
        for (number, event) in newest_first {
            lines.look_at(number, event);
        }
    }
    lines.render(all)
}
