//! The audit chain: events as rows, each with the hash of the one before.

use aws_lc_rs::digest::{Context, SHA256};
use domain::audit::{Actor, Event, Leave, What};
use domain::login::{Origin, Spend};
use domain::name::CanonicalName;
use domain::reason::Reason;
use domain::time::Timestamp;
use ident::TokenSerial;
use otp::{Drift, Step};

use crate::engine::{FromRow, Row, SqlError, Tx, Val};
use crate::vals;

/// Octets of a link of the chain.
pub(super) const HASH_LEN: usize = 32;

/// How an event bears on a person's count of wrong codes, so that a start can count again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tally {
    Failed = 1,
    Succeeded = 2,
    Cleared = 3,
    /// A failure that blocks.
    Blocked = 4,
}

impl Tally {
    pub(super) fn from_number(number: i64) -> Option<Self> {
        [Self::Failed, Self::Succeeded, Self::Cleared, Self::Blocked]
            .into_iter()
            .find(|tally| *tally as i64 == number)
    }
}

/// The last link: what the next event is chained to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link {
    pub(super) id: i64,
    pub(super) hash: [u8; HASH_LEN],
}

impl Link {
    /// What the first event is chained to.
    pub(super) const FIRST: Self = Self {
        id: 0,
        hash: [0; HASH_LEN],
    };

    pub(super) async fn last<T: Tx>(tx: &mut T) -> Result<Self, SqlError> {
        let row: Option<(i64, [u8; HASH_LEN])> = tx
            .row("SELECT id, hash FROM event ORDER BY id DESC LIMIT 1", &[])
            .await?;
        Ok(row.map_or(Self::FIRST, |(id, hash)| Self { id, hash }))
    }

    /// Appends an event and moves on to it.
    pub(super) async fn append<T: Tx>(
        &mut self,
        tx: &mut T,
        event: &Event,
        tally: Option<Tally>,
    ) -> Result<i64, SqlError> {
        let values = Columns::of(event, tally).values();
        let id = self.id + 1;
        let hash = chained(self, id, &values);
        let [
            at,
            kind,
            person,
            client,
            source,
            token,
            step,
            drift,
            reason,
            detail,
            actor,
            interface,
            action,
            object,
            refers,
            tally,
        ] = values;
        tx.exec_one(
            "INSERT INTO event (id, at, kind, person, client, source, token, step, drift, \
             reason, detail, actor, interface, action, object, refers, tally, hash) VALUES \
             ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
            &[
                id.into(),
                at,
                kind,
                person,
                client,
                source,
                token,
                step,
                drift,
                reason,
                detail,
                actor,
                interface,
                action,
                object,
                refers,
                tally,
                Val::from(&hash),
            ],
        )
        .await?;
        *self = Self { id, hash };
        Ok(id)
    }
}

/// An event's columns, without number and hash.
#[derive(Clone, Copy, Default)]
struct Columns<'a> {
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
}

const ACCEPTED: i64 = 1;
const REFUSED: i64 = 2;
const EXPLAINED: i64 = 3;
const RESYNCHRONISED: i64 = 4;
const UNLOCKED: i64 = 5;
const CHANGED: i64 = 6;
const FLOOR_RAISED: i64 = 7;
const ADMIN_LOGIN: i64 = 8;
const ADMIN_REFUSED: i64 = 9;
const ADMIN_LOCKOUT: i64 = 10;
const ADMIN_LOGOUT: i64 = 11;

/// Steps are numbers of minutes or presses: they fit.
pub(super) fn step_value(step: Step) -> i64 {
    i64::try_from(step.0).unwrap_or(i64::MAX)
}

pub(super) fn step_from(value: i64) -> Step {
    Step(u64::try_from(value).unwrap_or(0))
}

impl<'a> Columns<'a> {
    fn of(event: &'a Event, tally: Option<Tally>) -> Self {
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
            } => {
                let login = blank.login(ACCEPTED, person, origin);
                match spend {
                    Spend::Nothing => login,
                    Spend::Step { token, step, drift } => login.spent(token, *step, *drift),
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
            What::Resynchronised {
                actor,
                token,
                step,
                drift,
            } => Self {
                kind: RESYNCHRONISED,
                ..blank.by(actor)
            }
            .spent(token, *step, *drift),
            What::Unlocked { actor, person } => Self {
                kind: UNLOCKED,
                person: Some(person.as_str()),
                ..blank.by(actor)
            },
            What::Changed {
                actor,
                action,
                object,
                detail,
            } => Self {
                kind: CHANGED,
                action: Some(action),
                object: Some(object),
                detail: Some(detail),
                ..blank.by(actor)
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
            What::FloorRaised { cause } => Self {
                kind: FLOOR_RAISED,
                detail: Some(cause),
                ..blank
            },
        }
    }

    fn login(self, kind: i64, person: &'a CanonicalName, origin: &'a Origin) -> Self {
        Self {
            kind,
            person: Some(person.as_str()),
            client: Some(&origin.client),
            source: Some(&origin.source),
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

    /// The values in the order of the table.
    fn values(self) -> [Val<'a>; 16] {
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
        ]
    }
}

/// SHA-256 over the hash before, the number and every value with its type and length.
fn chained(before: &Link, id: i64, values: &[Val<'_>]) -> [u8; HASH_LEN] {
    let mut context = Context::new(&SHA256);
    context.update(&before.hash);
    context.update(&id.to_be_bytes());
    for value in values {
        match value {
            Val::Null => context.update(b"n"),
            Val::Int(number) => {
                context.update(b"i");
                context.update(&number.to_be_bytes());
            }
            Val::Text(text) => update_sized(&mut context, b"t", text.as_bytes()),
            Val::Blob(octets) => update_sized(&mut context, b"b", octets),
        }
    }
    let mut hash = [0; HASH_LEN];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn update_sized(context: &mut Context, kind: &[u8], octets: &[u8]) {
    context.update(kind);
    context.update(&(octets.len() as u64).to_be_bytes());
    context.update(octets);
}

/// An event as it stands in the chain.
#[derive(Debug)]
pub struct Recorded {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub event: Event,
    pub(super) hash: [u8; HASH_LEN],
    pub(super) tally: Option<Tally>,
}

impl Recorded {
    /// Whether this event follows `before` and is what was written.
    pub(super) fn follows(&self, before: &Link) -> bool {
        let values = Columns::of(&self.event, self.tally).values();
        self.id == before.id + 1 && chained(before, self.id, &values) == self.hash
    }

    pub(super) fn link(&self) -> Link {
        Link {
            id: self.id,
            hash: self.hash,
        }
    }
}

impl FromRow for Recorded {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let id: i64 = row.get(0)?;
        Self::read(id, row).map_err(|error| match error {
            SqlError::Column { column, .. } => {
                let field = COLUMNS.get(column).copied().unwrap_or("row");
                SqlError::damaged("event", id.to_string(), field)
            }
            other => other,
        })
    }
}

/// The columns in the order in which they are read.
const COLUMNS: [&str; 18] = [
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
];

impl Recorded {
    fn read(id: i64, row: &Row<'_>) -> Result<Self, SqlError> {
        let fields = Fields { id, row };
        let what = match row.get::<i64>(2)? {
            ACCEPTED => What::Accepted {
                person: fields.person()?,
                origin: fields.origin()?,
                spend: fields.spend()?,
            },
            REFUSED => What::Refused {
                person: fields.person()?,
                origin: fields.origin()?,
                reason: fields.reason()?,
                token: fields.token()?,
                step: fields.step()?,
                evidence: row.get::<Option<String>>(10)?.map(Into::into),
            },
            EXPLAINED => What::Explained {
                refusal: row.get(15)?,
                reason: fields.reason()?,
                evidence: fields.text(10)?,
            },
            RESYNCHRONISED => What::Resynchronised {
                actor: fields.actor()?,
                token: fields.token()?.ok_or_else(|| fields.damaged("token"))?,
                step: fields.step()?.ok_or_else(|| fields.damaged("step"))?,
                drift: fields.drift()?,
            },
            UNLOCKED => What::Unlocked {
                actor: fields.actor()?,
                person: fields.person()?,
            },
            CHANGED => What::Changed {
                actor: fields.actor()?,
                action: fields.text(13)?,
                object: fields.text(14)?,
                detail: fields.text(10)?,
            },
            FLOOR_RAISED => What::FloorRaised {
                cause: fields.text(10)?,
            },
            ADMIN_LOGIN => What::AdminLogin {
                actor: fields.actor()?,
            },
            ADMIN_REFUSED => What::AdminRefused {
                actor: fields.actor()?,
                reason: fields.reason()?,
            },
            ADMIN_LOCKOUT => What::AdminLockout {
                actor: fields.actor()?,
                seconds: row.get(7)?,
            },
            ADMIN_LOGOUT => What::AdminLogout {
                actor: fields.actor()?,
                cause: Leave::from_id(&row.get::<String>(9)?)
                    .ok_or_else(|| fields.damaged("reason"))?,
            },
            _ => return Err(fields.damaged("kind")),
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
struct Fields<'a, 'r> {
    id: i64,
    row: &'a Row<'r>,
}

impl Fields<'_, '_> {
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

    fn origin(&self) -> Result<Origin, SqlError> {
        Ok(Origin {
            client: self.text(4)?,
            source: self.text(5)?,
        })
    }

    fn actor(&self) -> Result<Actor, SqlError> {
        Ok(Actor {
            name: self.text(11)?,
            interface: self.text(12)?,
        })
    }

    fn reason(&self) -> Result<Reason, SqlError> {
        Reason::from_id(&self.row.get::<String>(9)?).ok_or_else(|| self.damaged("reason"))
    }

    fn token(&self) -> Result<Option<TokenSerial>, SqlError> {
        self.row
            .get::<Option<String>>(6)?
            .map(|serial| TokenSerial::parse(&serial).map_err(|_| self.damaged("token")))
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

    fn spend(&self) -> Result<Spend, SqlError> {
        match (self.token()?, self.step()?) {
            (Some(token), Some(step)) => Ok(Spend::Step {
                token,
                step,
                drift: self.drift()?,
            }),
            (None, None) => Ok(Spend::Nothing),
            _ => Err(self.damaged("step")),
        }
    }
}

/// The event with this number.
pub(super) async fn at<T: Tx>(tx: &mut T, id: i64) -> Result<Option<Recorded>, SqlError> {
    tx.row(
        "SELECT id, at, kind, person, client, source, token, step, drift, reason, detail, actor, \
         interface, action, object, refers, tally, hash FROM event WHERE id = $1",
        &vals![id],
    )
    .await
}

/// Logins with a number below `before`, newest first.
pub(super) async fn logins_before<T: Tx>(
    tx: &mut T,
    before: i64,
    limit: i64,
) -> Result<Vec<Recorded>, SqlError> {
    tx.rows(
        "SELECT id, at, kind, person, client, source, token, step, drift, reason, detail, actor, \
         interface, action, object, refers, tally, hash FROM event \
         WHERE id < $1 AND kind IN (1, 2) ORDER BY id DESC LIMIT $2",
        &vals![before, limit],
    )
    .await
}

/// The explanations of refusals with numbers from `from` to `to`.
pub(super) async fn explanations<T: Tx>(
    tx: &mut T,
    from: i64,
    to: i64,
) -> Result<Vec<Recorded>, SqlError> {
    tx.rows(
        "SELECT id, at, kind, person, client, source, token, step, drift, reason, detail, actor, \
         interface, action, object, refers, tally, hash FROM event \
         WHERE refers IS NOT NULL AND refers BETWEEN $1 AND $2 ORDER BY id",
        &vals![from, to],
    )
    .await
}
