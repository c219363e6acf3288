//! People and tokens come into memory: all of them a page at a time, and before their turn those who log in.
//!
//! Nobody writes a row of people or tokens before all are read ([`Whole`]), so a row says the same whenever it is read, and
//! what is read twice does no harm.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::StoreError;
use super::directory::{self, Found, Page, PersonColumns, TokenColumns, Unread};
use super::memory::{Memory, PAGE};
use super::queries::Never;
use super::undecided;
use crate::engine::{Failure, Reads, SqlError, Tx, Undecided, Work, poll_ready};

/// Between two tries of a page, where as many questions wait as may.
const PAUSE: Duration = Duration::from_millis(10);

/// How far people and tokens are in memory.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// They are being read.
    Underway,
    /// All are.
    Whole,
    /// The rest cannot be read.
    Failed(Undecided),
}

impl Reading {
    /// Where a [`Whole`] comes from.
    pub(super) fn whole(&self) -> Option<Whole> {
        matches!(self, Self::Whole).then_some(Whole(()))
    }
}

/// All people and tokens are in memory. Whoever writes rows of them, or reads what memory knows of many, has this to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole(());

/// What is left to be read of a store whose logins are decided already. Whoever waits for all of it is told that there is
/// no more to come when this is dropped.
#[derive(Debug)]
#[must_use = "nothing but logins is answered before it is read"]
pub struct Rest {
    pub(super) memory: Arc<Memory>,
    pub(super) reads: Reads,
    pub(super) path: PathBuf,
}

impl Rest {
    /// Reads all people and tokens. Blocks.
    ///
    /// # Errors
    /// A row is damaged or the file cannot be read; [`Undecided::Stopped`] if the store was shut down meanwhile.
    pub fn read(&self) -> Result<(), StoreError> {
        self.read_all().map_err(|why| {
            self.memory.gave_up(&why);
            match why {
                Undecided::Statement(source) => StoreError::Row {
                    path: self.path.clone(),
                    source,
                },
                why => why.into(),
            }
        })
    }

    fn read_all(&self) -> Result<(), Undecided> {
        if self.memory.read().is_whole() {
            return Ok(());
        }
        let (people, tokens) = self.ask(|| Count)?;
        self.memory.write().reserve(people, tokens);
        // A question is answered when it returns: nothing here is waited for.
        poll_ready(async {
            let people = async |after| self.ask(|| People { after });
            each_page(people, |rows| self.memory.write().read_people(rows)).await?;
            let tokens = async |after| self.ask(|| Tokens { after });
            each_page(tokens, |rows| self.memory.write().read_tokens(rows)).await
        })?;
        self.memory.complete();
        Ok(())
    }

    fn ask<W: Work<Err = Never>>(&self, question: impl Fn() -> W) -> Result<W::Out, Undecided> {
        loop {
            match self.reads.ask(question()).map_err(undecided) {
                Err(Undecided::Busy) => std::thread::sleep(PAUSE),
                outcome => return outcome,
            }
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.memory.gave_up(&Undecided::Stopped);
    }
}

/// How many people and tokens there are.
pub(super) struct Count;

impl Work for Count {
    type Out = (i64, i64);
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(i64, i64), Failure<Never>> {
        Ok(count(tx).await?)
    }
}

async fn count<T: Tx>(tx: &mut T) -> Result<(i64, i64), SqlError> {
    let sql = "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM token)";
    let sizes: Option<(i64, i64)> = tx.row(sql, &[]).await?;
    Ok(sizes.unwrap_or_default())
}

/// The people after a place in the file.
struct People {
    after: i64,
}

impl Work for People {
    type Out = Page<PersonColumns>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Never>> {
        Ok(directory::people_after(tx, self.after, PAGE).await?)
    }
}

/// The tokens after a place in the file.
struct Tokens {
    after: i64,
}

impl Work for Tokens {
    type Out = Page<TokenColumns>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Never>> {
        Ok(directory::tokens_after(tx, self.after, PAGE).await?)
    }
}

/// Somebody, or a token, whose row nobody has looked at yet.
pub(super) struct Find {
    pub(super) unread: Unread,
}

impl Work for Find {
    type Out = Found;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Found, Failure<Never>> {
        Ok(directory::find(tx, self.unread).await?)
    }
}

/// Reads all people and tokens within a transaction.
pub(super) async fn read_all<T: Tx>(
    tx: &mut T,
    directory: &mut directory::Directory,
) -> Result<(), SqlError> {
    let (people, tokens) = count(tx).await?;
    directory.reserve(people, tokens);
    let page = async |after| directory::people_after(tx, after, PAGE).await;
    each_page(page, |rows| directory.read_people(rows)).await?;
    let page = async |after| directory::tokens_after(tx, after, PAGE).await;
    each_page(page, |rows| directory.read_tokens(rows)).await?;
    directory.complete();
    Ok(())
}

/// Hands over the rows of a table page by page, from its beginning.
async fn each_page<R, E>(
    mut page: impl AsyncFnMut(i64) -> Result<Page<R>, E>,
    mut take: impl FnMut(Vec<R>),
) -> Result<(), E> {
    let mut next = Some(i64::MIN);
    while let Some(after) = next {
        let page = page(after).await?;
        next = page.next;
        take(page.rows);
    }
    Ok(())
}
