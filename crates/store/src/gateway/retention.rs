//! Retention: old events are removed from the front of the audit chain, a little at a time.
//!
//! The chain stays whole: the last event that was removed is the anchor of the first that is left. What
//! a later start or answer needs of a removed event is carried over: wrong codes that still count, and
//! who spent a token's latest step. Events that a checkpoint does not cover stay, since they alone say
//! what was spent.

use domain::audit::{Event, What};
use domain::login::{Origin, Spend};
use domain::name::CanonicalName;
use domain::time::Timestamp;
use ident::TokenSerial;

use super::events::{self, HASH_LEN, Link, Recorded, Tally};
use super::memory::{self, CHECKPOINT, COUNTED};
use super::queries::Never;
use super::{GatewayStore, Undecided, log, undecided};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::vals;

/// Events that one transaction removes: a few milliseconds, and logins share the writer.
const CHUNK: i64 = 250;

/// How much of the log a call has removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    /// This many events, and there are more to remove.
    Some(u64),
    /// The last of them.
    All(u64),
}

impl GatewayStore {
    /// Removes some of the events from before a moment, and of those that an administrator deleted. The
    /// caller pauses between calls; each is one small transaction.
    ///
    /// An event that does not follow the one before it is not removed, nor anything after it: what was
    /// tampered with stays for those who look.
    pub async fn remove_events(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Removed, Undecided> {
        let work = Remove { before, now };
        self.database.write(work).await.map_err(undecided)
    }

    /// Brings the head record onto the disk; to be called before events are removed. One that is older
    /// than all events that are left could not tell whether the database went back. Blocks.
    pub fn sync_head(&self) -> std::io::Result<()> {
        self.memory.sync_head()
    }
}

/// The last event that was removed; the link before the first one if none was.
pub(super) async fn anchor<T: Tx>(tx: &mut T) -> Result<Link, SqlError> {
    let row: Option<(i64, [u8; HASH_LEN])> = tx.row("SELECT event, hash FROM anchor", &[]).await?;
    Ok(row.map_or(Link::FIRST, |(id, hash)| Link { id, hash }))
}

async fn set_anchor<T: Tx>(tx: &mut T, link: Link) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO anchor (only, event, hash) VALUES (0, $1, $2) \
         ON CONFLICT (only) DO UPDATE SET event = $1, hash = $2",
        &vals![link.id, &link.hash],
    )
    .await
}

struct Remove {
    before: Timestamp,
    now: Timestamp,
}

impl Work for Remove {
    type Out = Removed;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Removed, Failure<Never>> {
        let first = anchor(tx).await?;
        let deleted = memory::mark(tx, log::DELETED).await?.unwrap_or(0);
        let checkpoint = memory::mark(tx, CHECKPOINT).await?.unwrap_or(0);
        let mut link = first;
        let mut removed = 0;
        for recorded in events::after(tx, first.id, CHUNK).await? {
            let is_old = recorded.event.at < self.before || recorded.id <= deleted;
            // The event at the checkpoint is where a start begins to read.
            if !is_old || recorded.id >= checkpoint {
                break;
            }
            if !recorded.follows(&link) {
                tracing::error!(
                    event = recorded.id,
                    "the audit chain is broken here: nothing from here on is removed"
                );
                break;
            }
            self.carry_over(tx, &recorded).await?;
            link = recorded.link();
            removed += 1;
        }
        self.forget(tx).await?;
        if removed > 0 {
            let range = vals![first.id, link.id];
            tx.exec("DELETE FROM event WHERE id > $1 AND id <= $2", &range)
                .await?;
            set_anchor(tx, link).await?;
        }
        Ok(if removed == CHUNK.unsigned_abs() {
            Removed::Some(removed)
        } else {
            Removed::All(removed)
        })
    }
}

impl Remove {
    async fn carry_over<T: Tx>(&self, tx: &mut T, recorded: &Recorded) -> Result<(), SqlError> {
        self.carry_tally(tx, recorded).await?;
        let Event { at, what } = &recorded.event;
        match what {
            What::Accepted {
                origin,
                spend: Spend::Step { token, .. },
                ..
            } => carry_spender(tx, *token, recorded.id, *at, origin).await,
            _ => Ok(()),
        }
    }

    async fn carry_tally<T: Tx>(&self, tx: &mut T, recorded: &Recorded) -> Result<(), SqlError> {
        let (Some(tally), Some(person)) = (recorded.tally, recorded.event.person()) else {
            return Ok(());
        };
        match (tally, &recorded.event.what) {
            (Tally::Cleared, _) => forget_person(tx, person).await,
            (_, What::Renamed { from, to, .. }) => {
                forget_person(tx, to).await?;
                let sql = "UPDATE tally SET person = $2 WHERE person = $1";
                let names = vals![from.as_str(), to.as_str()];
                tx.exec(sql, &names).await.map(drop)
            }
            _ => put_tally(tx, recorded, tally, person).await,
        }
    }

    /// Blocks do not age; other counts do. As many leave as come, so none waits for long.
    async fn forget<T: Tx>(&self, tx: &mut T) -> Result<(), SqlError> {
        tx.exec(
            "DELETE FROM tally WHERE event IN \
             (SELECT event FROM tally WHERE at <= $1 AND kind IN (1, 2, 6, 7) LIMIT $2)",
            &vals![self.now.before(COUNTED), 2 * CHUNK],
        )
        .await
        .map(drop)
    }
}

async fn put_tally<T: Tx>(
    tx: &mut T,
    recorded: &Recorded,
    tally: Tally,
    person: &CanonicalName,
) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO tally (event, at, person, kind) VALUES ($1, $2, $3, $4)",
        &vals![
            recorded.id,
            recorded.event.at,
            person.as_str(),
            tally as i64
        ],
    )
    .await
}

/// A count that is cleared begins anew, and so does that of a name whose person is another from now on.
async fn forget_person<T: Tx>(tx: &mut T, person: &CanonicalName) -> Result<(), SqlError> {
    let sql = "DELETE FROM tally WHERE person = $1";
    tx.exec(sql, &vals![person.as_str()]).await.map(drop)
}

/// The row of a token has what a checkpoint wrote, and events after the checkpoint are not removed.
async fn carry_spender<T: Tx>(
    tx: &mut T,
    token: TokenSerial,
    event: i64,
    at: Timestamp,
    origin: &Origin,
) -> Result<(), SqlError> {
    tx.exec(
        "INSERT INTO spender (token, event, at, client, source) \
         SELECT serial, $2, $3, $4, $5 FROM token WHERE serial = $1 AND spent_by = $2 \
         ON CONFLICT (token) DO UPDATE SET event = $2, at = $3, client = $4, source = $5",
        &vals![
            token.as_str(),
            event,
            at,
            &*origin.client,
            origin.source.as_str()
        ],
    )
    .await
    .map(drop)
}
