//! An event as the values of its row.

use domain::audit::{Actor, Event, What};
use domain::login::{Origin, Spend};
use domain::name::CanonicalName;
use domain::reason::Reason;
use domain::time::Timestamp;
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::{Drift, Step};

use super::Tally;
use crate::engine::Val;

pub(in super::super) const ACCEPTED: i64 = 1;
pub(super) const REFUSED: i64 = 2;
pub(super) const EXPLAINED: i64 = 3;
pub(super) const RESYNCHRONISED: i64 = 4;
pub(super) const UNLOCKED: i64 = 5;
pub(super) const CHANGED: i64 = 6;
pub(super) const FLOOR_RAISED: i64 = 7;
pub(super) const ADMIN_LOGIN: i64 = 8;
pub(super) const ADMIN_REFUSED: i64 = 9;
pub(super) const ADMIN_LOCKOUT: i64 = 10;
pub(super) const ADMIN_LOGOUT: i64 = 11;
pub(super) const NOT_RESYNCHRONISED: i64 = 12;
pub(super) const ACTIVATION: i64 = 13;
pub(super) const LOG_DELETED: i64 = 14;
pub(super) const LOG_TARGET: i64 = 15;
pub(super) const RENAMED: i64 = 16;
pub(super) const UNDECIDED: i64 = 17;
pub(super) const CODE_SENT: i64 = 18;
pub(super) const SESSION: i64 = 19;
pub(super) const CERTIFICATE: i64 = 20;
pub(super) const LOGIN_TESTED: i64 = 21;
pub(super) const PASSWORD_RENEWAL: i64 = 22;

/// Steps are numbers of minutes or presses: they fit.
pub(in super::super) fn step_value(step: Step) -> i64 {
    i64::try_from(step.0).unwrap_or(i64::MAX)
}

pub(in super::super) fn step_from(value: i64) -> Step {
    Step(u64::try_from(value).unwrap_or(0))
}

/// An event's columns, without number and hash.
#[derive(Clone, Copy, Default)]
pub(super) struct Columns<'a> {
    at: Timestamp,
    kind: i64,
    person: Option<&'a str>,
    client: Option<&'a str>,
    source: Option<&'a str>,
    token: Option<&'a str>,
    step: Option<i64>,
    drift: Option<i64>,
    reason: Option<&'a str>,
    detail: Option<&'a str>,
    actor: Option<&'a str>,
    interface: Option<&'a str>,
    action: Option<&'a str>,
    object: Option<&'a str>,
    refers: Option<i64>,
    tally: Option<i64>,
    vdom: Option<&'a str>,
}

impl<'a> Columns<'a> {
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of event")]
    pub(super) fn of(event: &'a Event, tally: Option<Tally>) -> Self {
        let blank = Self {
            at: event.at,
            tally: tally.map(|tally| tally as i64),
            ..Self::default()
        };
        match &event.what {
            What::Accepted {
                person,
                origin,
                spend,
                vouched,
            } => {
                let login = Self {
                    detail: vouched.as_deref(),
                    ..blank.login(ACCEPTED, person, origin)
                };
                match spend {
                    Spend::Nothing => login,
                    Spend::Sent(channel) => Self {
                        action: Some(channel.word()),
                        ..login
                    },
                    Spend::Recovery(kind) => Self {
                        action: Some(kind.word()),
                        ..login
                    },
                    Spend::Step { token, step, drift } => login.spent(token, *step, *drift),
                    Spend::Push { token, session } => Self {
                        token: Some(token.as_str()),
                        object: Some(session.as_str()),
                        ..login
                    },
                }
            }
            What::Refused {
                person,
                origin,
                reason,
                token,
                step,
                evidence,
            } => Self {
                token: token.as_ref().map(TokenSerial::as_str),
                step: step.map(step_value),
                reason: Some(reason.id()),
                detail: evidence.as_deref(),
                ..blank.login(REFUSED, person, origin)
            },
            What::Undecided {
                person,
                origin,
                reason,
                evidence,
            } => Self {
                reason: Some(reason.id()),
                detail: Some(evidence),
                ..blank.login(UNDECIDED, person, origin)
            },
            What::CodeSent {
                person,
                origin,
                channel,
                failure,
            } => Self {
                action: Some(channel.word()),
                detail: failure.as_deref(),
                ..blank.login(CODE_SENT, person, origin)
            },
            What::Session {
                person,
                origin,
                accounted,
                detail,
            } => Self {
                action: Some(accounted.id()),
                detail: Some(detail),
                ..blank.login(SESSION, person, origin)
            },
            What::PasswordRenewal {
                person,
                origin,
                stage,
                at,
            } => Self {
                action: Some(stage.id()),
                detail: at.as_deref(),
                ..blank.login(PASSWORD_RENEWAL, person, origin)
            },
            What::Explained {
                refusal,
                reason,
                evidence,
            } => Self {
                kind: EXPLAINED,
                reason: Some(reason.id()),
                detail: Some(evidence),
                refers: Some(*refusal),
                ..blank
            },
            What::FloorRaised { cause } => Self {
                kind: FLOOR_RAISED,
                detail: Some(cause),
                ..blank
            },
            What::Certificate {
                name,
                event,
                detail,
            } => Self {
                kind: CERTIFICATE,
                action: Some(event.id()),
                object: Some(name),
                detail: Some(detail),
                ..blank
            },
            What::LogTarget {
                target,
                state,
                detail,
            } => Self {
                kind: LOG_TARGET,
                action: Some(state.id()),
                object: Some(target),
                detail: Some(detail),
                ..blank
            },
            What::Resynchronised {
                actor,
                vdom,
                token,
                step,
                drift,
            } => Self {
                kind: RESYNCHRONISED,
                ..blank.by(actor).within(vdom)
            }
            .spent(token, *step, *drift),
            What::NotResynchronised {
                actor,
                vdom,
                token,
                cause,
            } => Self {
                kind: NOT_RESYNCHRONISED,
                token: Some(token.as_str()),
                detail: Some(cause),
                ..blank.by(actor).within(vdom)
            },
            What::Activation {
                actor,
                vdom,
                token,
                owner,
                stage,
                detail,
            } => Self {
                kind: ACTIVATION,
                person: owner.as_ref().map(CanonicalName::as_str),
                token: Some(token.as_str()),
                action: Some(stage.id()),
                detail: Some(detail),
                ..blank.by(actor).within(vdom)
            },
            What::LoginTested {
                actor,
                person,
                reason,
                detail,
                counting,
                held,
            } => Self {
                kind: LOGIN_TESTED,
                person: Some(person.as_str()),
                token: held.as_ref().map(|(token, _)| token.as_str()),
                step: held.map(|(_, step)| step_value(step)),
                reason: reason.map(Reason::id),
                detail: Some(detail),
                action: Some(counting.id()),
                ..blank.by(actor)
            },
            What::Unlocked { actor, person } => Self {
                kind: UNLOCKED,
                person: Some(person.as_str()),
                ..blank.by(actor)
            },
            What::Renamed { actor, from, to } => Self {
                kind: RENAMED,
                person: Some(from.as_str()),
                object: Some(to.as_str()),
                ..blank.by(actor)
            },
            What::Changed {
                actor,
                vdom,
                action,
                object,
                detail,
            } => Self {
                kind: CHANGED,
                action: Some(action),
                object: Some(object),
                detail: Some(detail),
                ..blank.by(actor).within(vdom)
            },
            What::AdminLogin { actor } => Self {
                kind: ADMIN_LOGIN,
                ..blank.by(actor)
            },
            What::AdminRefused { actor, reason } => Self {
                kind: ADMIN_REFUSED,
                reason: Some(reason.id()),
                ..blank.by(actor)
            },
            What::AdminLockout { actor, seconds } => Self {
                kind: ADMIN_LOCKOUT,
                // The column for this kind's one number.
                step: Some(*seconds),
                ..blank.by(actor)
            },
            What::AdminLogout { actor, cause } => Self {
                kind: ADMIN_LOGOUT,
                reason: Some(cause.id()),
                ..blank.by(actor)
            },
            What::LogDeleted { actor, through } => Self {
                kind: LOG_DELETED,
                refers: Some(*through),
                ..blank.by(actor)
            },
        }
    }

    fn login(self, kind: i64, person: &'a CanonicalName, origin: &'a Origin) -> Self {
        Self {
            kind,
            person: Some(person.as_str()),
            client: Some(&origin.client),
            source: Some(origin.source.as_str()),
            ..self
        }
    }

    fn spent(self, token: &'a TokenSerial, step: Step, drift: Drift) -> Self {
        Self {
            token: Some(token.as_str()),
            step: Some(step_value(step)),
            drift: Some(drift.0.into()),
            ..self
        }
    }

    fn by(self, actor: &'a Actor) -> Self {
        Self {
            actor: Some(&actor.name),
            interface: Some(&actor.interface),
            ..self
        }
    }

    /// The root goes without saying.
    fn within(self, vdom: &'a Vdom) -> Self {
        Self {
            vdom: (!vdom.is_root()).then_some(vdom.as_str()),
            ..self
        }
    }

    /// The values in the order of the table, but for the hash.
    pub(super) fn values(self) -> [Val<'a>; 17] {
        [
            self.at.into(),
            self.kind.into(),
            self.person.into(),
            self.client.into(),
            self.source.into(),
            self.token.into(),
            self.step.into(),
            self.drift.into(),
            self.reason.into(),
            self.detail.into(),
            self.actor.into(),
            self.interface.into(),
            self.action.into(),
            self.object.into(),
            self.refers.into(),
            self.tally.into(),
            self.vdom.into(),
        ]
    }
}
