//! Events as a start reads them.

use domain::time::Timestamp;
use ident::TokenSerial;
use otp::{Drift, Step};

use super::columns::{ACCEPTED, RESYNCHRONISED};
use super::fields::{self, Fields};
use super::{HASH_LEN, Link, hash_after, preimage, select_events};
use crate::engine::{Column, FromRow, Row, SqlError, Tx};
use crate::vals;

/// The columns of `select_events!` that are hashed, in the order of the table.
const HASHED: [usize; 17] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18];

/// An event, and of what it says no more than what it spent: of those after a checkpoint there may be millions, and
/// everybody waits until they are read.
pub(in super::super) struct Replayed {
    pub(in super::super) id: i64,
    pub(in super::super) at: Timestamp,
    pub(in super::super) spent: Option<(TokenSerial, Step, Drift)>,
    hash: [u8; HASH_LEN],
    preimage: Vec<u8>,
}

impl FromRow for Replayed {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let id: i64 = row.get(0)?;
        Self::read(id, row).map_err(|error| fields::damaged(id, error))
    }
}

impl Replayed {
    fn read(id: i64, row: &Row<'_>) -> Result<Self, SqlError> {
        let mut values = [Column::Null; HASHED.len()];
        for (value, column) in values.iter_mut().zip(HASHED) {
            *value = row.column(column)?;
        }
        let spent = match row.get(2)? {
            ACCEPTED | RESYNCHRONISED => Fields { id, row }.spent()?,
            _ => None,
        };
        Ok(Self {
            id,
            at: row.get(1)?,
            spent,
            hash: row.get(17)?,
            preimage: preimage(id, values),
        })
    }

    /// Its link, if it follows `before` and is what was written.
    pub(in super::super) fn follows(&mut self, before: &Link) -> Option<Link> {
        let hash = hash_after(before, &mut self.preimage);
        let id = self.id;
        (id == before.id + 1 && hash == self.hash).then_some(Link { id, hash })
    }
}

/// Events with numbers above `after`, oldest first.
pub(in super::super) async fn replayed_after<T: Tx>(
    tx: &mut T,
    after: i64,
    limit: i64,
) -> Result<Vec<Replayed>, SqlError> {
    tx.rows(
        select_events!("WHERE id > $1 ORDER BY id LIMIT $2"),
        &vals![after, limit],
    )
    .await
}
