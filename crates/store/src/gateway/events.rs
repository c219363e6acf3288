//! The audit chain: events as rows, each with the hash of the one before.

use aws_lc_rs::digest::{SHA256, digest};
use domain::audit::Event;

use crate::engine::{Column, SqlError, Tx, Val};
use crate::vals;

mod columns;
mod fields;
mod replayed;

use columns::Columns;
pub(super) use columns::{ACCEPTED, step_from, step_value};
pub(super) use replayed::replayed_after;

/// Octets of a link of the chain.
pub(super) const HASH_LEN: usize = 32;

/// Octets of a login that are hashed, or a few less.
const USUAL_LEN: usize = 256;

/// How an event bears on a person's count of wrong codes, so that a start can count again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tally {
    Failed = 1,
    Succeeded = 2,
    Cleared = 3,
    /// A failure that blocks.
    Blocked = 4,
    /// The count goes on under another name.
    Renamed = 5,
    /// A failure at a client that checks first factors itself.
    FailedAtClient = 6,
    SucceededAtClient = 7,
    /// A failure at such a client that blocks at all of them.
    BlockedAtClients = 8,
}

impl Tally {
    pub(super) fn from_number(number: i64) -> Option<Self> {
        [
            Self::Failed,
            Self::Succeeded,
            Self::Cleared,
            Self::Blocked,
            Self::Renamed,
            Self::FailedAtClient,
            Self::SucceededAtClient,
            Self::BlockedAtClients,
        ]
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
        self.append_all(tx, [(event, tally)]).await?;
        Ok(self.id)
    }

    /// Appends events in their order, by one statement, and moves on to the last.
    pub(super) async fn append_all<'e, T: Tx>(
        &mut self,
        tx: &mut T,
        events: impl IntoIterator<Item = (&'e Event, Option<Tally>)>,
    ) -> Result<(), SqlError> {
        let columns = |(event, tally)| Columns::of(event, tally).values();
        let values: Vec<_> = events.into_iter().map(columns).collect();
        let links: Vec<_> = values
            .iter()
            .scan(*self, |link, values| {
                *link = link.next(values);
                Some(*link)
            })
            .collect();
        let rows: Vec<_> = values
            .into_iter()
            .zip(&links)
            .map(|(values, link)| link.row(values))
            .collect();
        tx.exec_each(
            "INSERT INTO event (id, hash, at, kind, person, client, source, token, step, drift, \
             reason, detail, actor, interface, action, object, refers, tally, vdom) VALUES \
             ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
            &rows,
        )
        .await?;
        *self = links.last().copied().unwrap_or(*self);
        Ok(())
    }

    fn next(&self, values: &[Val<'_>]) -> Self {
        let id = self.id + 1;
        let hash = chained(self, id, values);
        Self { id, hash }
    }

    /// The row of the event of this link: its number, its hash and its values.
    fn row<'v>(&'v self, values: [Val<'v>; 17]) -> [Val<'v>; 19] {
        let [id, hash] = [self.id.into(), Val::from(&self.hash)];
        let mut row = [id, hash].into_iter().chain(values);
        std::array::from_fn(|_| row.next().unwrap_or(Val::Null))
    }
}

/// Events of one transaction that have their numbers and are not written yet.
pub(super) struct Batch {
    before: Link,
    events: Vec<(Event, Option<Tally>)>,
}

impl Batch {
    /// One that goes on where the chain stands.
    pub(super) async fn begin<T: Tx>(tx: &mut T, room: usize) -> Result<Self, SqlError> {
        Ok(Self {
            before: Link::last(tx).await?,
            events: Vec::with_capacity(room),
        })
    }

    /// Takes one more, and says its number.
    pub(super) fn push(&mut self, event: Event, tally: Option<Tally>) -> i64 {
        self.events.push((event, tally));
        self.last_id()
    }

    /// The number of the last one.
    pub(super) fn last_id(&self) -> i64 {
        self.before
            .id
            .saturating_add_unsigned(self.events.len() as u64)
    }

    /// Writes them all; says where the chain stands then.
    pub(super) async fn write<T: Tx>(self, tx: &mut T) -> Result<Link, SqlError> {
        let mut link = self.before;
        let events = self.events.iter().map(|(event, tally)| (event, *tally));
        link.append_all(tx, events).await?;
        Ok(link)
    }
}

/// SHA-256 over the hash before, the number and every value with its type and length.
fn chained(before: &Link, id: i64, values: &[Val<'_>]) -> [u8; HASH_LEN] {
    let mut octets = preimage(id, values.iter().map(Val::column));
    hash_after(before, &mut octets)
}

/// What is hashed, with room for the hash before. An empty virtual domain, the last value, is left out: the chain is as it
/// was before there was that column.
fn preimage<'v>(id: i64, values: impl IntoIterator<Item = Column<'v>>) -> Vec<u8> {
    let mut octets = Vec::with_capacity(USUAL_LEN);
    octets.extend([0; HASH_LEN]);
    octets.extend(id.to_be_bytes());
    let mut last = None;
    for value in values {
        match value {
            Column::Null => octets.push(b'n'),
            Column::Int(number) => {
                octets.push(b'i');
                octets.extend(number.to_be_bytes());
            }
            Column::Text(text) => push_sized(&mut octets, b't', text.as_bytes()),
            Column::Blob(blob) => push_sized(&mut octets, b'b', blob),
        }
        last = Some(value);
    }
    if last == Some(Column::Null) {
        octets.pop();
    }
    octets
}

fn hash_after(before: &Link, preimage: &mut [u8]) -> [u8; HASH_LEN] {
    if let Some(place) = preimage.first_chunk_mut() {
        *place = before.hash;
    }
    let mut hash = [0; HASH_LEN];
    hash.copy_from_slice(digest(&SHA256, preimage).as_ref());
    hash
}

fn push_sized(octets: &mut Vec<u8>, kind: u8, value: &[u8]) {
    octets.push(kind);
    octets.extend((value.len() as u64).to_be_bytes());
    octets.extend(value);
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

/// A query for events, in the order of columns in which they are read.
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT id, at, kind, person, client, source, token, step, drift, reason, detail, actor, \
             interface, action, object, refers, tally, hash, vdom FROM event ",
            $rest
        )
    };
}
pub(super) use select_events;

/// The event with this number.
pub(super) async fn at<T: Tx>(tx: &mut T, id: i64) -> Result<Option<Recorded>, SqlError> {
    tx.row(select_events!("WHERE id = $1"), &vals![id]).await
}

/// Events with numbers above `after`, oldest first.
pub(super) async fn after<T: Tx>(
    tx: &mut T,
    after: i64,
    limit: i64,
) -> Result<Vec<Recorded>, SqlError> {
    tx.rows(
        select_events!("WHERE id > $1 ORDER BY id LIMIT $2"),
        &vals![after, limit],
    )
    .await
}

/// Events that one statement looks at for logins: a few milliseconds of a reader.
pub const LOOKED_AT: i64 = 2_000;

const LOGINS_OF: &str =
    select_events!("WHERE id > $1 AND id <= $2 AND kind IN (1, 2, 17) ORDER BY id DESC");

/// Logins among the latest [`LOOKED_AT`] events with numbers below `before`, newest first, and below which number the next
/// ones are, if there are any. No index tells logins from other events, since each login would pay for it.
pub(super) async fn some_logins_before<T: Tx>(
    tx: &mut T,
    before: i64,
) -> Result<(Vec<Recorded>, Option<i64>), SqlError> {
    let latest: Option<(Option<i64>,)> = tx
        .row("SELECT max(id) FROM event WHERE id < $1", &vals![before])
        .await?;
    let Some((Some(latest),)) = latest else {
        return Ok((Vec::new(), None));
    };
    let rest = latest.saturating_sub(LOOKED_AT);
    let logins = tx.rows(LOGINS_OF, &vals![rest, latest]).await?;
    Ok((logins, Some(rest + 1)))
}

/// What became of messages to people, newest first: in events with numbers below `before`, of which the
/// latest `looked_at` are looked at.
pub(super) async fn deliveries_before<T: Tx>(
    tx: &mut T,
    before: i64,
    looked_at: i64,
    limit: i64,
) -> Result<Vec<Recorded>, SqlError> {
    tx.rows(
        select_events!(
            "WHERE id < $1 AND id >= (SELECT max(id) FROM event) - $2 AND (kind = 18 OR \
             (kind = 13 AND action IN ('code-sent', 'code-not-sent'))) ORDER BY id DESC LIMIT $3"
        ),
        &vals![before, looked_at, limit],
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
        select_events!(
            "WHERE refers IS NOT NULL AND refers BETWEEN $1 AND $2 AND kind = 3 ORDER BY id"
        ),
        &vals![from, to],
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::columns::{ACCEPTED, REFUSED, UNDECIDED};
    use super::*;

    #[test]
    fn logins_are_what_was_accepted_refused_or_left_undecided() {
        let kinds = format!("kind IN ({ACCEPTED}, {REFUSED}, {UNDECIDED})");
        assert!(LOGINS_OF.contains(&kinds), "{kinds}");
    }
}
