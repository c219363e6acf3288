//! Small use cases around the login path: checkpoints, the floor, learned addresses, the outbox.

use std::collections::HashSet;
use std::net::IpAddr;

use domain::audit::Event;
use domain::time::Timestamp;
use ident::TokenSerial;

use super::directory::Progress;
use super::events::{Link, Tally};
use super::head::Head;
use super::loading::Whole;
use super::memory::{self, CHECKPOINT, FLOOR, Memory, Standing};
use super::outbox::{self, Lane};
use super::queries::Never;
use super::recovery;
use super::tokens;
use crate::engine::{Failure, Tx, Work};
use crate::sealing::SealError;
use crate::vals;

/// Rows that one transaction of a checkpoint writes: logins share the writer and must not wait long.
const CHUNK: usize = 500;

/// Name of the mark that holds the name of the root key's derivative.
const ROOT_KEY: &str = "root-key";

/// Proves that the root key belongs to the database, which under another would seem to have neither
/// seeds nor clients. A new database takes the key that comes first.
pub(super) struct CheckKey {
    pub(super) id: u32,
}

impl Work for CheckKey {
    type Out = ();
    type Err = SealError;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<SealError>> {
        let id = i64::from(self.id);
        match memory::mark(tx, ROOT_KEY).await? {
            Some(known) if known != id => Err(Failure::Refused(SealError::OtherKey)),
            Some(_) => Ok(()),
            None => Ok(memory::set_mark(tx, ROOT_KEY, id).await?),
        }
    }
}

/// What the head record says of the database.
pub(super) struct Stand {
    pub(super) head: Option<Head>,
}

impl Work for Stand {
    type Out = Standing;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Standing, Failure<Never>> {
        Ok(memory::standing(tx, self.head).await?)
    }
}

/// Everything before the floor counts as spent from now on.
pub(super) struct RaiseFloor {
    pub(super) event: Event,
    pub(super) floor: Timestamp,
    /// Whether anything may have been lost.
    pub(super) went_back: bool,
}

impl Work for RaiseFloor {
    type Out = Link;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Link, Failure<Never>> {
        let floor = memory::mark(tx, FLOOR)
            .await?
            .unwrap_or(0)
            .max(self.floor.micros());
        memory::set_mark(tx, FLOOR, floor).await?;
        if self.went_back {
            recovery::remove_all(tx).await?;
        }
        let mut link = Link::last(tx).await?;
        link.append(tx, &self.event, None).await?;
        Ok(link)
    }
}

/// Events of their own.
pub(super) struct Record {
    /// Each with the counter of wrong codes after it, if it counts as one.
    pub(super) events: Vec<(Event, Option<Tally>)>,
}

impl Work for Record {
    type Out = Link;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Link, Failure<Never>> {
        let mut link = Link::last(tx).await?;
        let events = self.events.iter().map(|(event, tally)| (event, *tally));
        link.append_all(tx, events).await?;
        Ok(link)
    }
}

/// An address that sends a valid Message-Authenticator.
pub(super) struct Learn {
    pub(super) address: IpAddr,
    pub(super) client: Box<str>,
    pub(super) now: Timestamp,
}

impl Work for Learn {
    type Out = HashSet<IpAddr>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<HashSet<IpAddr>, Failure<Never>> {
        tx.exec(
            "INSERT INTO authenticator (address, client, since) VALUES ($1, $2, $3) \
             ON CONFLICT (address) DO NOTHING",
            &vals![self.address.to_string(), &*self.client, self.now],
        )
        .await?;
        Ok(memory::authenticating(tx).await?)
    }
}

/// An address may leave the Message-Authenticator out again, because an administrator says so.
pub(super) struct Forget {
    pub(super) address: IpAddr,
    pub(super) event: Event,
}

impl Work for Forget {
    type Out = Option<(HashSet<IpAddr>, Link)>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Never>> {
        let forgotten = tx
            .exec(
                "DELETE FROM authenticator WHERE address = $1",
                &vals![self.address.to_string()],
            )
            .await?;
        if forgotten == 0 {
            return Ok(None);
        }
        let mut link = Link::last(tx).await?;
        link.append(tx, &self.event, None).await?;
        Ok(Some((memory::authenticating(tx).await?, link)))
    }
}

/// Tokens whose rows a checkpoint has yet to write. Those left when it is dropped, because a write
/// failed or nobody waits any more, are dirty again.
pub(super) struct Unwritten<'a> {
    memory: &'a Memory,
    serials: Vec<TokenSerial>,
}

impl<'a> Unwritten<'a> {
    pub(super) fn take(memory: &'a Memory, _: Whole) -> Self {
        let serials = memory.write().take_dirty();
        Self { memory, serials }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// What the next transaction writes.
    pub(super) fn chunk(&self) -> Vec<Progress> {
        let directory = self.memory.read();
        let serials = self.serials[self.rest()..].iter();
        serials
            .filter_map(|serial| directory.progress(*serial, None))
            .collect()
    }

    /// That chunk is on disk.
    pub(super) fn written(&mut self) {
        self.serials.truncate(self.rest());
    }

    fn rest(&self) -> usize {
        self.serials.len().saturating_sub(CHUNK)
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.memory.write().mark_dirty(self.serials.drain(..));
    }
}

/// What memory knows, for the rows of some tokens.
pub(super) struct Rows {
    pub(super) rows: Vec<Progress>,
}

impl Work for Rows {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        for progress in self.rows {
            tokens::put_progress(tx, progress).await?;
        }
        Ok(())
    }
}

/// The rows have everything up to this event.
pub(super) struct Checkpoint {
    pub(super) learned: i64,
}

impl Work for Checkpoint {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        Ok(memory::set_mark(tx, CHECKPOINT, self.learned).await?)
    }
}

/// A message was answered.
pub(super) struct Settle {
    pub(super) message: i64,
}

impl Work for Settle {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        Ok(outbox::settle(tx, self.message).await?)
    }
}

/// What waits in a lane waits no longer.
pub(super) struct TakeUp {
    pub(super) lane: Lane,
    pub(super) now: Timestamp,
}

impl Work for TakeUp {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        Ok(outbox::take_up(tx, self.lane, self.now).await?)
    }
}

/// Messages are tried again later.
pub(super) struct Postpone {
    pub(super) messages: Vec<i64>,
    pub(super) due: Timestamp,
    pub(super) error: String,
}

impl Work for Postpone {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        for message in self.messages {
            outbox::postpone(tx, message, self.due, &self.error).await?;
        }
        Ok(())
    }
}
