//! The audit chain: events as rows, each with the hash of the one before.

use aws_lc_rs::digest::{Context, SHA256};
use domain::audit::{Actor, Event, What};
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
}

impl Tally {
    pub(super) fn from_number(number: i64) -> Option<Self> {
        [Self::Failed, Self::Succeeded, Self::Cleared]
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
        let columns = Columns::of(event, tally);
        let id = self.id + 1;
        let hash = columns.chained(id, &self.hash);
        let [at, kind, person, client, source, token, step, drift] = columns.first;
        let [
            reason,
            detail,
            actor,
            interface,
            action,
            object,
            refers,
            tally,
        ] = columns.second;
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

/// An event's columns in the order of the table, without number and hash.
struct Columns<'a> {
    first: [Val<'a>; 8],
    second: [Val<'a>; 8],
}

const ACCEPTED: i64 = 1;
const REFUSED: i64 = 2;
const EXPLAINED: i64 = 3;
const RESYNCHRONISED: i64 = 4;
const UNLOCKED: i64 = 5;
const CHANGED: i64 = 6;
const FLOOR_RAISED: i64 = 7;

/// Steps are numbers of minutes or presses: they fit.
fn step_value(step: Step) -> i64 {
    i64::try_from(step.0).unwrap_or(i64::MAX)
}

pub(super) fn step_from(value: i64) -> Step {
    Step(u64::try_from(value).unwrap_or(0))
}

impl<'a> Columns<'a> {
    fn of(event: &'a Event, tally: Option<Tally>) -> Self {
        let at = Val::from(event.at);
        let tally = Val::from(tally.map(|tally| tally as i64));
        let null = || Val::Null;
        match &event.what {
            What::Accepted {
                person,
                origin,
                spend,
            } => {
                let (token, step, drift) = match spend {
                    Spend::Nothing => (Val::Null, Val::Null, Val::Null),
                    Spend::Step { token, step, drift } => (
                        Val::from(token.as_str().to_owned()),
                        Val::from(step_value(*step)),
                        Val::from(i64::from(drift.0)),
                    ),
                };
                let (client, source) = (Val::from(&*origin.client), Val::from(&*origin.source));
                Self {
                    first: [
                        at,
                        ACCEPTED.into(),
                        person.as_str().into(),
                        client,
                        source,
                        token,
                        step,
                        drift,
                    ],
                    second: [
                        null(),
                        null(),
                        null(),
                        null(),
                        null(),
                        null(),
                        null(),
                        tally,
                    ],
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
                first: [
                    at,
                    REFUSED.into(),
                    person.as_str().into(),
                    Val::from(&*origin.client),
                    Val::from(&*origin.source),
                    Val::from(token.as_ref().map(|token| token.as_str().to_owned())),
                    Val::from(step.map(step_value)),
                    null(),
                ],
                second: [
                    reason.id().into(),
                    Val::from(evidence.as_deref()),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                    tally,
                ],
            },
            What::Explained {
                refusal,
                reason,
                evidence,
            } => Self {
                first: [
                    at,
                    EXPLAINED.into(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                ],
                second: [
                    reason.id().into(),
                    Val::from(&**evidence),
                    null(),
                    null(),
                    null(),
                    null(),
                    (*refusal).into(),
                    tally,
                ],
            },
            What::Resynchronised {
                actor,
                token,
                step,
                drift,
            } => Self {
                first: [
                    at,
                    RESYNCHRONISED.into(),
                    null(),
                    null(),
                    null(),
                    token.as_str().to_owned().into(),
                    step_value(*step).into(),
                    i64::from(drift.0).into(),
                ],
                second: [
                    null(),
                    null(),
                    Val::from(&*actor.name),
                    Val::from(&*actor.interface),
                    null(),
                    null(),
                    null(),
                    tally,
                ],
            },
            What::Unlocked { actor, person } => Self {
                first: [
                    at,
                    UNLOCKED.into(),
                    person.as_str().into(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                ],
                second: [
                    null(),
                    null(),
                    Val::from(&*actor.name),
                    Val::from(&*actor.interface),
                    null(),
                    null(),
                    null(),
                    tally,
                ],
            },
            What::Changed {
                actor,
                action,
                object,
                detail,
            } => Self {
                first: [
                    at,
                    CHANGED.into(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                ],
                second: [
                    null(),
                    Val::from(&**detail),
                    Val::from(&*actor.name),
                    Val::from(&*actor.interface),
                    Val::from(&**action),
                    Val::from(&**object),
                    null(),
                    tally,
                ],
            },
            What::FloorRaised { cause } => Self {
                first: [
                    at,
                    FLOOR_RAISED.into(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                ],
                second: [
                    null(),
                    Val::from(&**cause),
                    null(),
                    null(),
                    null(),
                    null(),
                    null(),
                    tally,
                ],
            },
        }
    }

    /// SHA-256 over the hash before, the number and every column with its type and length.
    fn chained(&self, id: i64, before: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
        let mut context = Context::new(&SHA256);
        context.update(before);
        context.update(&id.to_be_bytes());
        for value in self.first.iter().chain(&self.second) {
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
        let columns = Columns::of(&self.event, self.tally);
        self.id == before.id + 1 && columns.chained(self.id, &before.hash) == self.hash
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
