//! A row as the event that it holds.

use domain::audit::{
    Accounted, ActivationStage, Actor, CertificateEvent, Event, Leave, RenewalStage, TargetState,
    What,
};
use domain::contact::Channel;
use domain::login::trial::Counting;
use domain::login::{Origin, Spend};
use domain::name::CanonicalName;
use domain::push::Session;
use domain::reason::Reason;
use domain::recovery::Kind;
use domain::source::LoginSource;
use domain::time::Timestamp;
use domain::vdom::Vdom;
use ident::TokenSerial;
use otp::{Drift, Step};

use super::columns::{
    ACCEPTED, ACTIVATION, ADMIN_LOCKOUT, ADMIN_LOGIN, ADMIN_LOGOUT, ADMIN_REFUSED, CERTIFICATE,
    CHANGED, CODE_SENT, EXPLAINED, FLOOR_RAISED, LOG_DELETED, LOG_TARGET, LOGIN_TESTED,
    NOT_RESYNCHRONISED, PASSWORD_RENEWAL, REFUSED, RENAMED, RESYNCHRONISED, SESSION, UNDECIDED,
    UNLOCKED, step_from,
};
use super::{Recorded, Tally};
use crate::engine::{FromRow, Row, SqlError};

impl FromRow for Recorded {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let id: i64 = row.get(0)?;
        Self::read(id, row).map_err(|error| damaged(id, error))
    }
}

/// A column that holds something else than it has to is a damaged event.
pub(super) fn damaged(id: i64, error: SqlError) -> SqlError {
    match error {
        SqlError::Column { column, .. } => {
            let field = COLUMNS.get(column).copied().unwrap_or("row");
            SqlError::damaged("event", id.to_string(), field)
        }
        other => other,
    }
}

/// The columns in the order in which they are read.
const COLUMNS: [&str; 19] = [
    "id",
    "at",
    "kind",
    "person",
    "client",
    "source",
    "token",
    "step",
    "drift",
    "reason",
    "detail",
    "actor",
    "interface",
    "action",
    "object",
    "refers",
    "tally",
    "hash",
    "vdom",
];

impl Recorded {
    fn read(id: i64, row: &Row<'_>) -> Result<Self, SqlError> {
        let fields = Fields { id, row };
        let what = match row.get::<i64>(2)? {
            ACCEPTED => What::Accepted {
                person: fields.person()?,
                origin: fields.origin()?,
                spend: fields.spend()?,
                vouched: row.get::<Option<String>>(10)?.map(Into::into),
            },
            REFUSED => What::Refused {
                person: fields.person()?,
                origin: fields.origin()?,
                reason: fields.reason()?,
                token: fields.token()?,
                step: fields.step()?,
                evidence: row.get::<Option<String>>(10)?.map(Into::into),
            },
            UNDECIDED => What::Undecided {
                person: fields.person()?,
                origin: fields.origin()?,
                reason: fields.reason()?,
                evidence: fields.text(10)?,
            },
            CODE_SENT => What::CodeSent {
                person: fields.person()?,
                origin: fields.origin()?,
                channel: fields.channel()?.ok_or_else(|| fields.damaged("action"))?,
                failure: row.get::<Option<String>>(10)?.map(Into::into),
            },
            SESSION => What::Session {
                person: fields.person()?,
                origin: fields.origin()?,
                accounted: Accounted::from_id(&fields.text(13)?)
                    .ok_or_else(|| fields.damaged("action"))?,
                detail: fields.text(10)?,
            },
            PASSWORD_RENEWAL => What::PasswordRenewal {
                person: fields.person()?,
                origin: fields.origin()?,
                stage: RenewalStage::from_id(&fields.text(13)?)
                    .ok_or_else(|| fields.damaged("action"))?,
                at: row.get::<Option<String>>(10)?.map(Into::into),
            },
            EXPLAINED => What::Explained {
                refusal: row.get(15)?,
                reason: fields.reason()?,
                evidence: fields.text(10)?,
            },
            RESYNCHRONISED => What::Resynchronised {
                actor: fields.actor()?,
                vdom: fields.vdom()?,
                token: fields.token()?.ok_or_else(|| fields.damaged("token"))?,
                step: fields.step()?.ok_or_else(|| fields.damaged("step"))?,
                drift: fields.drift()?,
            },
            UNLOCKED => What::Unlocked {
                actor: fields.actor()?,
                person: fields.person()?,
            },
            RENAMED => What::Renamed {
                actor: fields.actor()?,
                from: fields.person()?,
                to: CanonicalName::from_stored(&row.get::<String>(14)?),
            },
            CHANGED => What::Changed {
                actor: fields.actor()?,
                vdom: fields.vdom()?,
                action: fields.text(13)?,
                object: fields.text(14)?,
                detail: fields.text(10)?,
            },
            FLOOR_RAISED => What::FloorRaised {
                cause: fields.text(10)?,
            },
            NOT_RESYNCHRONISED => What::NotResynchronised {
                actor: fields.actor()?,
                vdom: fields.vdom()?,
                token: fields.token()?.ok_or_else(|| fields.damaged("token"))?,
                cause: fields.text(10)?,
            },
            ACTIVATION => What::Activation {
                actor: fields.actor()?,
                vdom: fields.vdom()?,
                token: fields.token()?.ok_or_else(|| fields.damaged("token"))?,
                owner: fields.owner()?,
                stage: ActivationStage::from_id(&fields.text(13)?)
                    .ok_or_else(|| fields.damaged("action"))?,
                detail: fields.text(10)?,
            },
            kind => fields.administration(kind)?,
        };
        Ok(Self {
            id,
            event: Event {
                at: row.get::<Timestamp>(1)?,
                what,
            },
            hash: row.get(17)?,
            tally: row.get::<Option<i64>>(16)?.and_then(Tally::from_number),
        })
    }
}

/// One row of `event`, read field by field.
pub(super) struct Fields<'a, 'r> {
    pub(super) id: i64,
    pub(super) row: &'a Row<'r>,
}

impl Fields<'_, '_> {
    /// What administrators and the log itself did.
    fn administration(&self, kind: i64) -> Result<What, SqlError> {
        Ok(match kind {
            LOGIN_TESTED => What::LoginTested {
                actor: self.actor()?,
                person: self.person()?,
                reason: match self.row.get::<Option<String>>(9)? {
                    Some(_) => Some(self.reason()?),
                    None => None,
                },
                detail: self.text(10)?,
                counting: Counting::from_id(&self.text(13)?)
                    .ok_or_else(|| self.damaged("action"))?,
                held: self.token()?.zip(self.step()?),
            },
            ADMIN_LOGIN => What::AdminLogin {
                actor: self.actor()?,
            },
            ADMIN_REFUSED => What::AdminRefused {
                actor: self.actor()?,
                reason: self.reason()?,
            },
            ADMIN_LOCKOUT => What::AdminLockout {
                actor: self.actor()?,
                seconds: self.row.get(7)?,
            },
            ADMIN_LOGOUT => What::AdminLogout {
                actor: self.actor()?,
                cause: Leave::from_id(&self.row.get::<String>(9)?)
                    .ok_or_else(|| self.damaged("reason"))?,
            },
            LOG_DELETED => What::LogDeleted {
                actor: self.actor()?,
                through: self.row.get(15)?,
            },
            CERTIFICATE => What::Certificate {
                name: self.text(14)?,
                event: CertificateEvent::from_id(&self.text(13)?)
                    .ok_or_else(|| self.damaged("action"))?,
                detail: self.text(10)?,
            },
            LOG_TARGET => What::LogTarget {
                target: self.text(14)?,
                state: TargetState::from_id(&self.text(13)?)
                    .ok_or_else(|| self.damaged("action"))?,
                detail: self.text(10)?,
            },
            _ => return Err(self.damaged("kind")),
        })
    }

    fn damaged(&self, field: &'static str) -> SqlError {
        SqlError::damaged("event", self.id.to_string(), field)
    }

    fn text(&self, column: usize) -> Result<Box<str>, SqlError> {
        self.row.get::<String>(column).map(Into::into)
    }

    fn person(&self) -> Result<CanonicalName, SqlError> {
        self.row
            .get::<String>(3)
            .map(|name| CanonicalName::from_stored(&name))
    }

    fn owner(&self) -> Result<Option<CanonicalName>, SqlError> {
        let owner = self.row.get::<Option<String>>(3)?;
        Ok(owner.as_deref().map(CanonicalName::from_stored))
    }

    fn origin(&self) -> Result<Origin, SqlError> {
        Ok(Origin {
            client: self.text(4)?,
            source: LoginSource::recorded(self.text(5)?),
        })
    }

    fn actor(&self) -> Result<Actor, SqlError> {
        Ok(Actor {
            name: self.text(11)?,
            interface: self.text(12)?,
        })
    }

    fn vdom(&self) -> Result<Vdom, SqlError> {
        let name = self.row.get::<Option<String>>(18)?;
        name.map_or(Ok(Vdom::ROOT), |name| {
            Vdom::parse(&name).map_err(|_| self.damaged("vdom"))
        })
    }

    fn reason(&self) -> Result<Reason, SqlError> {
        Reason::from_id(&self.row.get::<String>(9)?).ok_or_else(|| self.damaged("reason"))
    }

    fn token(&self) -> Result<Option<TokenSerial>, SqlError> {
        self.row
            .text(6)?
            .map(|serial| TokenSerial::parse(serial).map_err(|_| self.damaged("token")))
            .transpose()
    }

    fn step(&self) -> Result<Option<Step>, SqlError> {
        Ok(self.row.get::<Option<i64>>(7)?.map(step_from))
    }

    fn drift(&self) -> Result<Drift, SqlError> {
        let drift = self.row.get::<Option<i64>>(8)?.unwrap_or(0);
        i32::try_from(drift)
            .map(Drift)
            .map_err(|_| self.damaged("drift"))
    }

    fn channel(&self) -> Result<Option<Channel>, SqlError> {
        let word = self.row.get::<Option<String>>(13)?;
        word.map(|word| Channel::parse(&word).ok_or_else(|| self.damaged("action")))
            .transpose()
    }

    /// The recovery code or pass that an acceptance used, if it was one.
    fn recovery(&self) -> Result<Option<Kind>, SqlError> {
        let word = self.row.get::<Option<String>>(13)?;
        Ok(word.as_deref().and_then(Kind::parse))
    }

    /// The token and the step that were spent, if a code was, and what that taught of its clock.
    pub(super) fn spent(&self) -> Result<Option<(TokenSerial, Step, Drift)>, SqlError> {
        Ok(match (self.token()?, self.step()?) {
            (Some(token), Some(step)) => Some((token, step, self.drift()?)),
            _ => None,
        })
    }

    fn spend(&self) -> Result<Spend, SqlError> {
        match (self.token()?, self.step()?) {
            (Some(token), Some(step)) => Ok(Spend::Step {
                token,
                step,
                drift: self.drift()?,
            }),
            (Some(token), None) => {
                let session = Session::parse(&self.row.get::<String>(14)?);
                let session = session.ok_or_else(|| self.damaged("object"))?;
                Ok(Spend::Push { token, session })
            }
            (None, None) => match self.recovery()? {
                Some(kind) => Ok(Spend::Recovery(kind)),
                None => Ok(self.channel()?.map_or(Spend::Nothing, Spend::Sent)),
            },
            (None, Some(_)) => Err(self.damaged("step")),
        }
    }
}
