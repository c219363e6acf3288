//! Audit events: what happened, by whom, to what. The acceptance of a login is one of them.

use ident::TokenSerial;
use otp::{Drift, Step};

use crate::login::{Origin, Refusal, Spend};
use crate::name::CanonicalName;
use crate::reason::Reason;
use crate::time::Timestamp;

/// Who acts on the administrator's side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The administrator's name, or the system's part that acts.
    pub name: Box<str>,
    /// Through what: `console`, `ssh(192.0.2.1)`, `system`.
    pub interface: Box<str>,
}

impl Actor {
    /// The system itself: pollers, workers, the first start.
    pub fn system(part: &str) -> Self {
        Self {
            name: Box::from(part),
            interface: Box::from("system"),
        }
    }
}

/// What ended an administrator's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The administrator: `exit`, or the end of the input.
    Exit,
    /// The connection went away.
    Disconnected,
    /// Nothing was typed for as long as `admintimeout` says.
    IdleTimeout,
    /// Another administrator.
    Killed,
    /// The gateway stops, or its configuration no longer lets this administrator in.
    Server,
}

impl Leave {
    const ALL: [Self; 5] = [
        Self::Exit,
        Self::Disconnected,
        Self::IdleTimeout,
        Self::Killed,
        Self::Server,
    ];

    /// The word in logs and in the store.
    pub fn id(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Disconnected => "disconnected",
            Self::IdleTimeout => "timeout",
            Self::Killed => "killed",
            Self::Server => "server",
        }
    }

    /// The cause with this word.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.id() == id)
    }
}

/// One event, complete before it is chained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A login was granted; the step is spent by this very record.
    Accepted {
        /// Whose.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// What it used up.
        spend: Spend,
    },
    /// A login was refused.
    Refused {
        /// The name that was presented, in canonical form.
        person: CanonicalName,
        /// From where.
        origin: Origin,
        /// As known when the reply was due.
        reason: Reason,
        /// The token whose code was looked at.
        token: Option<TokenSerial>,
        /// The spent step of a replay.
        step: Option<Step>,
        /// More than the reason says.
        evidence: Option<Box<str>>,
    },
    /// What a refusal turned out to be.
    Explained {
        /// The refusal's number.
        refusal: i64,
        /// The reason that the evidence shows.
        reason: Reason,
        /// The evidence.
        evidence: Box<str>,
    },
    /// Two codes were burnt to learn a token's clock difference.
    Resynchronised {
        /// Who asked for it.
        actor: Actor,
        /// The token.
        token: TokenSerial,
        /// The step of the second code.
        step: Step,
        /// The clock difference learned.
        drift: Drift,
    },
    /// The failures of a person were cleared.
    Unlocked {
        /// Who did it.
        actor: Actor,
        /// Whose failures.
        person: CanonicalName,
    },
    /// Something was configured, imported, assigned or learned.
    Changed {
        /// Who did it.
        actor: Actor,
        /// The table or action: `user.local`, `fortitoken-mobile.import`.
        action: Box<str>,
        /// The entry.
        object: Box<str>,
        /// What changed, without anything secret.
        detail: Box<str>,
    },
    /// An administrator is in. What a code spent stands in an [`What::Accepted`] of the same moment.
    AdminLogin {
        /// Who, and through what: `ssh(192.0.2.1)`.
        actor: Actor,
    },
    /// Somebody who wants to administer was turned away.
    AdminRefused {
        /// The name as presented, and through what.
        actor: Actor,
        /// As known when the reply was due.
        reason: Reason,
    },
    /// Nothing that comes from there, or for that name from there, is looked at for a while.
    AdminLockout {
        /// The name as presented last, and through what.
        actor: Actor,
        /// For how many seconds.
        seconds: i64,
    },
    /// An administrator is out.
    AdminLogout {
        /// Who, and through what.
        actor: Actor,
        /// What ended the session.
        cause: Leave,
    },
    /// Steps were spent wholesale, because the store may have gone back.
    FloorRaised {
        /// Why.
        cause: Box<str>,
    },
}

impl Event {
    /// The event of a refusal.
    pub fn refused(person: CanonicalName, origin: Origin, refusal: Refusal, at: Timestamp) -> Self {
        let Refusal {
            reason,
            token,
            step,
            evidence,
        } = refusal;
        Self {
            at,
            what: What::Refused {
                person,
                origin,
                reason,
                token,
                step,
                evidence,
            },
        }
    }

    /// The event of a change.
    pub fn changed(actor: &Actor, action: &str, object: &str, detail: &str, at: Timestamp) -> Self {
        Self {
            at,
            what: What::Changed {
                actor: actor.clone(),
                action: Box::from(action),
                object: Box::from(object),
                detail: Box::from(detail),
            },
        }
    }
}
