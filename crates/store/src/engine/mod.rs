//! One use case = one struct = one transaction.
//!
//! A use case implements [`Work`] against the two methods of [`Tx`]. [`Database::write`] runs it on
//! the one writer thread, where all that wait share a transaction and its sync (group commit);
//! [`Database::read`] runs it on a reader over one snapshot. No answer leaves before the commit that
//! it rests on is on disk ([`Durability`] says which rest on none).

mod database;
mod migrate;
mod queue;
mod reader;
mod sqlite;
mod tx;
mod write_back;
mod writer;

pub use database::{Database, Reads, Rejected};
pub use migrate::Migration;
#[cfg(test)]
pub(crate) use migrate::{database, plan_of};
pub(crate) use sqlite::poll_ready;
pub use sqlite::{OpenError, SqliteTx};
pub use tx::{Column, FromColumn, FromRow, Row, SqlError, Tx, Val};
pub use writer::{Durability, Effect, Health, Hooks, Job, Statistics};

use std::future::Future;
use std::sync::Arc;

/// A use case: everything it reads and writes happens in one transaction.
///
/// Its future may wait for nothing but `tx`; the embedded store polls it once.
pub trait Work: Send + 'static {
    /// What the caller learns.
    type Out: Send + 'static;
    /// Why the domain refuses. A refusal takes back everything the use case wrote; what has to
    /// outlive a refusal (a count of failures, say) belongs into `Out`.
    type Err: Send + 'static;

    /// Runs the use case.
    fn run<T: Tx>(
        self,
        tx: &mut T,
    ) -> impl Future<Output = Result<Self::Out, Failure<Self::Err>>> + Send;
}

/// Why a use case has no outcome. The two are different answers: "denied" and "don't know".
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure<E> {
    /// The domain said no; nothing was written.
    #[error("{0}")]
    Refused(E),
    /// The store could not tell; nothing was acknowledged.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

impl<E> From<SqlError> for Failure<E> {
    fn from(error: SqlError) -> Self {
        Self::Undecided(error.into())
    }
}

/// The store does not know the outcome. Never to be shown, counted or treated as a refusal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Undecided {
    /// The queue is full: nothing was tried. The caller may try again.
    #[error("the store is busy: its queue is full; try again")]
    Busy,
    /// A statement of this use case failed; its writes were taken back, others were not touched.
    #[error("the store could not carry out the operation: {0}")]
    Statement(Arc<SqlError>),
    /// The transaction could not be made durable, or the database is not open.
    #[error("the store is not available: {0}")]
    Unavailable(Arc<str>),
    /// The store is closed or closing.
    #[error("the store is shutting down")]
    Stopped,
}

impl From<SqlError> for Undecided {
    fn from(error: SqlError) -> Self {
        Self::Statement(Arc::new(error))
    }
}
