//! The writer thread: group commit without a timer.
//!
//! It takes the first job, then all that wait, each in a savepoint of one transaction; commits with
//! one sync; and only then tells anybody. An idle store pays one sync per job, a busy one shares it.
//! Jobs on whose writes nothing rests ([`Durability::Soon`]) share transactions without a sync: the log
//! of the database is synced by the next job that needs it, or soon after.
//!
//! After a failed write or sync nothing that waited for it is acknowledged and the connection is given up:
//! a failed sync is never tried again, since the kernel forgets the pages it could not write. Until
//! the database is open again every job learns so at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::time::Timestamp;
use rusqlite::Connection;

use super::Undecided;
use super::migrate::Migration;
use super::queue::{Queue, Taken};
use super::sqlite::{
    OpenError, SqliteTx, is_broken, open_writer, set_durability, settle, sync_log,
};
use super::tx::SqlError;
use super::write_back::WriteBack;

/// Jobs that share one transaction at most. A sync costs as much as some hundred jobs; beyond that
/// a larger batch gains nothing and the first of it waits longer.
pub(super) const BATCH_LIMIT: usize = 1_024;
/// Jobs that wait at most: a few batches. Whoever comes later is told to come again.
pub(super) const QUEUE_LIMIT: usize = 4_096;
/// How long what is [`Durability::Soon`] may wait for a sync: a flood of nothing else pays for five a second.
const SYNCED_WITHIN: Duration = Duration::from_millis(200);
/// The first wait before a database that could not be opened is tried again; it doubles.
const REOPEN_FIRST: Duration = Duration::from_millis(100);
/// The longest such wait: a disk that has room again is noticed within it.
const REOPEN_LONGEST: Duration = Duration::from_secs(5);

/// What a role keeps in memory beside its database.
pub trait Hooks: Send {
    /// Builds the memory from the file. Called when the database is opened and after every failed
    /// write, before any further job; memory that ran ahead of the file must be dropped here.
    fn rebuild(&mut self, tx: &mut SqliteTx<'_>) -> Result<(), SqlError>;

    /// Learns that all that was committed so far is on disk. Called on the writer thread, when the jobs know.
    fn synced(&self) {}
}

/// Nothing is kept.
impl Hooks for () {
    fn rebuild(&mut self, _: &mut SqliteTx<'_>) -> Result<(), SqlError> {
        Ok(())
    }
}

/// When a committed write has to outlive a power failure, the soonest first. It outlives the process at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Durability {
    /// Before anybody learns of it.
    BeforeAnswer,
    /// Within a fifth of a second: nothing rests on it.
    Soon,
}

/// Something to do on the writer thread, for what does not fit [`Work`](super::Work).
pub trait Job: Send {
    /// When what it writes has to be on disk. Asked before it runs.
    fn durability(&self) -> Durability {
        Durability::BeforeAnswer
    }

    /// Writes, in a savepoint of its own. An error takes back this job's writes and no other's.
    fn run(&mut self, tx: &mut SqliteTx<'_>) -> Result<Effect, Undecided>;

    /// Learns the outcome, after the commit and in the order of the queue, on the writer thread: no
    /// job of a later batch has run yet, those of the same batch have.
    fn complete(self: Box<Self>, outcome: Result<(), Undecided>);
}

/// What becomes of a job's writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// They are committed.
    Keep,
    /// They are taken back; the job is complete all the same.
    Undo,
}

/// Whether writes get through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Health {
    /// They do.
    Healthy,
    /// They do not; reopening is tried again and again.
    Failed {
        /// When the first write failed.
        since: Timestamp,
        /// What failed last.
        reason: Arc<str>,
    },
}

/// `healthy`, or `failed since <when>: <reason>`.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("healthy"),
            Self::Failed { since, reason } => write!(f, "failed since {since}: {reason}"),
        }
    }
}

/// How writes were shared since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// Jobs that were committed.
    pub jobs: u64,
    /// Transactions that it took.
    pub commits: u64,
    /// Of them, and of those for what was committed without, how many have brought all on disk.
    pub syncs: u64,
}

/// What the writer thread shares with those who wait for it.
pub(super) struct Shared {
    pub(super) queue: Queue<Box<dyn Job>>,
    health: Mutex<Health>,
    jobs: AtomicU64,
    commits: AtomicU64,
    syncs: AtomicU64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            queue: Queue::bounded(QUEUE_LIMIT),
            health: Mutex::new(Health::Healthy),
            jobs: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
        }
    }

    pub(super) fn health(&self) -> Health {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            jobs: self.jobs.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
        }
    }

    fn count(&self, jobs: usize, synced: Synced) {
        self.jobs.fetch_add(jobs as u64, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        if synced == Synced::Yes {
            self.count_sync();
        }
    }

    fn count_sync(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, reason: Arc<str>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let since = if let Health::Failed { since, .. } = *health {
            since
        } else {
            now()
        };
        *health = Health::Failed { since, reason };
    }

    fn healthy(&self) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = Health::Healthy;
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// What the thread needs to open the database again.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) migrations: &'static [Migration],
    pub(super) hooks: Box<dyn Hooks>,
    pub(super) shared: Arc<Shared>,
}

impl Writer {
    /// Serves the queue until it is closed and empty, then writes the log back.
    pub(super) fn serve(mut self, mut open: Open) {
        let _end = End(Arc::clone(&self.shared));
        loop {
            let broken = match self.serve_open(&mut open) {
                Ok(()) => return open.close(),
                Err(broken) => broken,
            };
            drop(open);
            let Some(reopened) = self.reopen(&broken.0) else {
                return;
            };
            open = reopened;
        }
    }

    fn serve_open(&self, open: &mut Open) -> Result<(), Broken> {
        loop {
            let now = Instant::now();
            let first = match open.sync_by {
                Some(by) if by <= now => Taken::TimedOut,
                by => self.shared.queue.take_until(by),
            };
            match first {
                Taken::Item(first) => self.commit_batch(open, first)?,
                Taken::TimedOut => self.sync(open)?,
                Taken::Closed if open.sync_by.is_some() => return self.sync(open),
                Taken::Closed => return Ok(()),
            }
        }
    }

    /// Brings on disk what was committed without a sync.
    fn sync(&self, open: &mut Open) -> Result<(), Broken> {
        let synced = open.sync();
        match &synced {
            Ok(()) => {
                self.shared.count_sync();
                self.hooks.synced();
            }
            Err(Broken(reason)) => self.fail(reason),
        }
        synced
    }

    /// One transaction. Whatever its end is, every job of it learns it.
    fn commit_batch(&self, open: &mut Open, first: Box<dyn Job>) -> Result<(), Broken> {
        let mut ran = Vec::new();
        let outcome = match open.begin(first.durability()) {
            Ok(()) => self
                .run_waiting(open, first, &mut ran)
                .and_then(|()| open.commit()),
            Err(broken) => {
                let verdict = Ok(());
                ran.push(Ran {
                    job: first,
                    verdict,
                });
                Err(broken)
            }
        };
        match &outcome {
            Ok(synced) => self.shared.count(ran.len(), *synced),
            Err(Broken(reason)) => self.fail(reason),
        }
        for Ran { job, verdict } in ran {
            job.complete(match &outcome {
                Ok(_) => verdict,
                Err(Broken(reason)) => Err(Undecided::Unavailable(Arc::clone(reason))),
            });
        }
        if outcome? == Synced::Yes {
            self.hooks.synced();
        }
        open.write_back.committed(&open.connection);
        Ok(())
    }

    /// Runs the first job and all that wait behind it; without a sync, those up to the first that needs it.
    fn run_waiting(
        &self,
        open: &mut Open,
        first: Box<dyn Job>,
        ran: &mut Vec<Ran>,
    ) -> Result<(), Broken> {
        let Open {
            connection,
            durability,
            ..
        } = open;
        let mut next = Some(first);
        while let Some(mut job) = next {
            let verdict = run_in_savepoint(connection, job.as_mut());
            let (verdict, broken) = match verdict {
                Ok(verdict) => (verdict, None),
                Err(broken) => (Ok(()), Some(broken)),
            };
            ran.push(Ran { job, verdict });
            if let Some(broken) = broken {
                return Err(broken);
            }
            next = if ran.len() < BATCH_LIMIT {
                let queue = &self.shared.queue;
                queue.try_take_if(|job| job.durability() >= *durability)
            } else {
                None
            };
        }
        Ok(())
    }

    /// Opens the database again, at once and then with growing waits in which jobs are turned away.
    /// `None` when the queue was closed meanwhile.
    fn reopen(&mut self, reason: &Arc<str>) -> Option<Open> {
        let mut reason = Arc::clone(reason);
        let mut wait = REOPEN_FIRST;
        loop {
            match Open::at(&self.path, self.migrations, self.hooks.as_mut()) {
                Ok(open) => {
                    self.shared.healthy();
                    tracing::info!(path = %self.path.display(), "database open again");
                    return Some(open);
                }
                Err(error) => reason = self.still_failed(&reason, &error.to_string()),
            }
            self.turn_away(&reason, Instant::now() + wait)?;
            wait = (wait * 2).min(REOPEN_LONGEST);
        }
    }

    /// Answers everybody until `deadline`; `None` when the queue was closed.
    fn turn_away(&self, reason: &Arc<str>, deadline: Instant) -> Option<()> {
        loop {
            match self.shared.queue.take_until(Some(deadline)) {
                Taken::Item(job) => {
                    job.complete(Err(Undecided::Unavailable(Arc::clone(reason))));
                }
                Taken::TimedOut => return Some(()),
                Taken::Closed => return None,
            }
        }
    }

    fn fail(&self, reason: &Arc<str>) {
        tracing::error!(path = %self.path.display(), %reason, "write failed: nothing that waits for the disk is acknowledged");
        self.shared.failed(Arc::clone(reason));
    }

    fn still_failed(&self, before: &Arc<str>, reason: &str) -> Arc<str> {
        if before.as_ref() == reason {
            return Arc::clone(before);
        }
        let reason = Arc::from(reason);
        tracing::error!(path = %self.path.display(), %reason, "database cannot be opened again");
        self.shared.failed(Arc::clone(&reason));
        reason
    }
}

/// However the thread ends, also by a panic in a use case, nobody waits for it in vain.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .failed("a use case panicked; restart the process".into());
        }
        self.0.queue.close();
        while let Some(job) = self.0.queue.try_take() {
            job.complete(Err(Undecided::Stopped));
        }
    }
}

/// The connection is of no more use; the reason, for everybody of the batch.
struct Broken(Arc<str>);

impl From<SqlError> for Broken {
    fn from(error: SqlError) -> Self {
        Self(error.to_string().into())
    }
}

/// A job that ran in the open transaction, and what it is told if that commits.
struct Ran {
    job: Box<dyn Job>,
    verdict: Result<(), Undecided>,
}

/// Whether all that is committed is on disk since a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Synced {
    Yes,
    /// Nothing was written, or nobody waits for it.
    No,
}

/// The connection, and how much of what it committed is on disk.
pub(super) struct Open {
    /// Dropped first: it has a connection of its own.
    write_back: WriteBack,
    connection: Connection,
    /// Of the transactions that it commits.
    durability: Durability,
    /// When what was committed without a sync has to be on disk; `None` if it is.
    sync_by: Option<Instant>,
}

impl Open {
    /// Opens the database: everything in it is on disk, and each commit will be.
    pub(super) fn at(
        path: &Path,
        migrations: &[Migration],
        hooks: &mut dyn Hooks,
    ) -> Result<Self, OpenError> {
        let mut connection = open_writer(path, migrations, hooks)?;
        Ok(Self {
            write_back: WriteBack::start(path, &mut connection)?,
            connection,
            durability: Durability::BeforeAnswer,
            sync_by: None,
        })
    }

    fn begin(&mut self, durability: Durability) -> Result<(), Broken> {
        if self.durability != durability {
            set_durability(&self.connection, durability)?;
            self.durability = durability;
        }
        Ok(control(&self.connection, "BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self) -> Result<Synced, Broken> {
        control(&self.connection, "COMMIT")?;
        let has_grown = self.write_back.has_grown();
        match self.durability {
            // The log is one file: its sync brings all that lies before on disk.
            Durability::BeforeAnswer if has_grown => self.sync_by = None,
            // Nothing was written, so nothing was synced; what these jobs have read may wait for it.
            Durability::BeforeAnswer if self.sync_by.is_some() => self.sync()?,
            Durability::BeforeAnswer => return Ok(Synced::No),
            Durability::Soon => {
                let by = || Instant::now() + SYNCED_WITHIN;
                self.sync_by.get_or_insert_with(by);
                return Ok(Synced::No);
            }
        }
        Ok(Synced::Yes)
    }

    /// Brings on disk what was committed without a sync.
    fn sync(&mut self) -> Result<(), Broken> {
        set_durability(&self.connection, Durability::BeforeAnswer)?;
        self.durability = Durability::BeforeAnswer;
        sync_log(&self.connection)?;
        if !self.write_back.has_grown() {
            return Err(Broken("the log was not synced".into()));
        }
        self.sync_by = None;
        Ok(())
    }

    /// Writes the log back. Everything is on disk; a log that cannot be written back now is at the next start.
    fn close(self) {
        let Self {
            write_back,
            connection,
            ..
        } = self;
        drop(write_back);
        if let Err(error) = settle(&connection) {
            tracing::warn!(%error, "the write-ahead log stays until the next start");
        }
        if let Err((_, error)) = connection.close() {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }
}

fn run_in_savepoint(
    connection: &mut Connection,
    job: &mut dyn Job,
) -> Result<Result<(), Undecided>, Broken> {
    control(connection, "SAVEPOINT job")?;
    let outcome = job.run(&mut SqliteTx::new(connection));
    let verdict = match outcome {
        Ok(Effect::Keep) => {
            control(connection, "RELEASE job")?;
            return Ok(Ok(()));
        }
        Ok(Effect::Undo) => Ok(()),
        Err(why) if is_broken(connection, &why) => return Err(Broken(why.to_string().into())),
        Err(why) => Err(why),
    };
    control(connection, "ROLLBACK TO job")?;
    control(connection, "RELEASE job")?;
    Ok(verdict)
}

/// Transaction control, compiled once.
fn control(connection: &Connection, sql: &'static str) -> Result<(), SqlError> {
    let run = || connection.prepare_cached(sql)?.raw_execute();
    run().map(drop).map_err(|e| SqlError::statement(sql, &e))
}
