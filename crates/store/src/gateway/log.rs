//! The event log for those who read it: administrators, and syslog servers.

use domain::audit::{Actor, Event, What};
use domain::explain::FirstUse;
use domain::time::Timestamp;
use ident::TokenSerial;
use tokio::sync::watch;

use super::events::{self, Link, Recorded, select_events};
use super::memory;
use super::queries::Never;
use super::retention::anchor;
use super::{GatewayStore, Undecided, undecided};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::vals;

/// Name of the mark up to which an administrator deleted the log.
pub(super) const DELETED: &str = "log-deleted";

/// Events that are verified at once.
const VERIFY_PAGE: i64 = 1_000;

/// Which events the log shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogBounds {
    /// The number of the oldest; one more than `newest` if there is none.
    pub oldest: i64,
    /// The number of the newest.
    pub newest: i64,
}

impl LogBounds {
    /// How many there are: numbers have no gaps.
    pub fn count(self) -> u64 {
        u64::try_from(self.newest - self.oldest + 1).unwrap_or(0)
    }
}

/// What the hash chain shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Events whose hash is right, one after the other from the oldest that is kept.
    pub events: u64,
    /// The first that does not follow the one before it, if any.
    pub broken: Option<i64>,
}

impl GatewayStore {
    /// The number of the last event, and how it goes on.
    pub fn news(&self) -> watch::Receiver<i64> {
        self.memory.news()
    }

    /// Which events the log shows.
    pub async fn log_bounds(&self) -> Result<LogBounds, Undecided> {
        self.read(Bounds).await
    }

    /// Up to `limit` events with numbers below `before`, newest first.
    pub async fn events_before(&self, before: i64, limit: i64) -> Result<Vec<Recorded>, Undecided> {
        self.read(Before { before, limit }).await
    }

    /// Up to `limit` events with numbers above `after`, oldest first.
    pub async fn events_after(&self, after: i64, limit: i64) -> Result<Vec<Recorded>, Undecided> {
        self.read(After { after, limit }).await
    }

    /// Hides all events up to now from the log, and says so in it; retention then removes them.
    pub async fn delete_log(&self, actor: Actor, now: Timestamp) -> Result<(), Undecided> {
        let memory = std::sync::Arc::clone(&self.memory);
        let deleted = self
            .database
            .write_then(Delete { actor, now }, move |link| {
                memory.committed(*link, now);
            });
        deleted.await.map(drop).map_err(undecided)
    }

    /// Follows the hash chain from the oldest event that is kept.
    pub async fn verify_log(&self) -> Result<Verified, Undecided> {
        let mut link = self.read(Anchor).await?;
        let mut verified = Verified {
            events: 0,
            broken: None,
        };
        loop {
            let page = self.events_after(link.id, VERIFY_PAGE).await?;
            if page.is_empty() {
                return Ok(verified);
            }
            for recorded in page {
                if !recorded.follows(&link) {
                    verified.broken = Some(recorded.id);
                    return Ok(verified);
                }
                link = recorded.link();
                verified.events += 1;
            }
        }
    }

    /// The last event that the reader of this name has taken; none if it was never here.
    pub async fn log_mark(&self, reader: &str) -> Result<Option<i64>, Undecided> {
        let name = mark_name(reader);
        self.read(Mark { name }).await
    }

    /// Keeps the last event that the reader has taken; `None` forgets the reader.
    pub async fn set_log_mark(&self, reader: &str, event: Option<i64>) -> Result<(), Undecided> {
        let name = mark_name(reader);
        self.database
            .write(SetMark { name, event })
            .await
            .map_err(undecided)
    }
}

fn mark_name(reader: &str) -> String {
    format!("log-{reader}")
}

struct Bounds;

impl Work for Bounds {
    type Out = LogBounds;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<LogBounds, Failure<Never>> {
        let removed = anchor(tx).await?.id;
        let deleted = memory::mark(tx, DELETED).await?.unwrap_or(0);
        Ok(LogBounds {
            oldest: removed.max(deleted) + 1,
            newest: Link::last(tx).await?.id,
        })
    }
}

struct Anchor;

impl Work for Anchor {
    type Out = Link;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Link, Failure<Never>> {
        Ok(anchor(tx).await?)
    }
}

struct Before {
    before: i64,
    limit: i64,
}

impl Work for Before {
    type Out = Vec<Recorded>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<Recorded>, Failure<Never>> {
        let sql = select_events!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
        Ok(tx.rows(sql, &vals![self.before, self.limit]).await?)
    }
}

struct After {
    after: i64,
    limit: i64,
}

impl Work for After {
    type Out = Vec<Recorded>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<Recorded>, Failure<Never>> {
        Ok(events::after(tx, self.after, self.limit).await?)
    }
}

struct Delete {
    actor: Actor,
    now: Timestamp,
}

impl Work for Delete {
    type Out = Link;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Link, Failure<Never>> {
        let mut link = Link::last(tx).await?;
        let through = link.id;
        memory::set_mark(tx, DELETED, through).await?;
        let what = What::LogDeleted {
            actor: self.actor,
            through,
        };
        link.append(tx, &Event { at: self.now, what }, None).await?;
        Ok(link)
    }
}

struct Mark {
    name: String,
}

impl Work for Mark {
    type Out = Option<i64>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Option<i64>, Failure<Never>> {
        Ok(memory::mark(tx, &self.name).await?)
    }
}

struct SetMark {
    name: String,
    event: Option<i64>,
}

impl Work for SetMark {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        match self.event {
            Some(event) => memory::set_mark(tx, &self.name, event).await?,
            None => memory::remove_mark(tx, &self.name).await?,
        }
        Ok(())
    }
}

/// The login of an event that spent a token's latest step, also when the event itself was removed.
pub(super) struct FirstUseOf {
    pub(super) token: TokenSerial,
    pub(super) event: i64,
}

impl Work for FirstUseOf {
    type Out = Option<FirstUse>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Option<FirstUse>, Failure<Never>> {
        let recorded = events::at(tx, self.event).await?;
        if let Some(event) = recorded.map(|recorded| recorded.event) {
            let at = event.at;
            return Ok(match event.what {
                What::Accepted { origin, .. } => Some(FirstUse {
                    at,
                    client: origin.client,
                    source: origin.source.as_str().into(),
                }),
                _ => None,
            });
        }
        Ok(self.of_removed(tx).await?)
    }
}

impl FirstUseOf {
    async fn of_removed<T: Tx>(&self, tx: &mut T) -> Result<Option<FirstUse>, SqlError> {
        let row: Option<(Timestamp, String, String)> = tx
            .row(
                "SELECT at, client, source FROM spender WHERE token = $1 AND event = $2",
                &vals![self.token.as_str(), self.event],
            )
            .await?;
        Ok(row.map(|(at, client, source)| FirstUse {
            at,
            client: client.into(),
            source: source.into(),
        }))
    }
}
