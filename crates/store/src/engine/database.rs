//! What the rest of the program holds of a database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::migrate::Migration;
use super::queue::Overflow;
use super::reader::{self, Asked, Question, Questions};
use super::sqlite::{OpenError, SqliteTx, open_reader, poll_once};
use super::writer::{Durability, Effect, Health, Hooks, Job, Open, Shared, Statistics, Writer};
use super::{Failure, Undecided, Work};
use crate::lock::Lock;

/// Administrators read, since logins are decided from memory. More readers would only share two cores.
const READERS: usize = 2;

/// An open database: one writer thread, some readers, and the lock that keeps other processes out.
pub struct Database {
    writer: Arc<Shared>,
    readers: Arc<Questions>,
    /// Of threads that wait, the one that computes a login's hash among them: a reader of their own, so that nothing
    /// that an administrator reads holds it up.
    waiting: Arc<Questions>,
    threads: Mutex<Threads>,
    path: PathBuf,
    /// Released last, when no thread can touch the file any more.
    _lock: Lock,
}

#[derive(Default)]
struct Threads {
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

/// A job that did not enter the queue, given back so that its waiters can be told.
pub struct Rejected {
    /// The job; it did not run and was not completed.
    pub job: Box<dyn Job>,
    /// [`Undecided::Busy`] or [`Undecided::Stopped`].
    pub why: Undecided,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

/// Readers without their database: whoever has them keeps no database open.
pub struct Reads(Arc<Questions>);

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads").finish_non_exhaustive()
    }
}

impl Reads {
    /// As [`Database::read`]. Blocks.
    pub fn ask<W: Work>(&self, work: W) -> Result<W::Out, Failure<W::Err>> {
        wait(&self.0, work)
    }
}

/// What a use case comes to, once it is known.
type Awaited<W> = oneshot::Receiver<Result<<W as Work>::Out, Failure<<W as Work>::Err>>>;

impl Database {
    /// Opens or creates the database at `path`, takes its lock (`path` with `.lock` appended),
    /// applies the migrations it has not seen and lets `hooks` build its memory.
    pub fn open(
        path: &Path,
        migrations: &'static [Migration],
        mut hooks: impl Hooks + 'static,
    ) -> Result<Self, OpenError> {
        let lock = Lock::acquire(&beside(path, "lock"))?;
        let open = Open::at(path, migrations, &mut hooks)?;
        let database = Self {
            writer: Arc::new(Shared::new()),
            readers: Arc::new(reader::questions()),
            waiting: Arc::new(reader::questions()),
            threads: Mutex::default(),
            path: path.to_owned(),
            _lock: lock,
        };
        for _ in 0..READERS {
            database.start_reader(&database.readers)?;
        }
        database.start_reader(&database.waiting)?;
        let writer = Writer {
            path: path.to_owned(),
            migrations,
            hooks: Box::new(hooks),
            shared: Arc::clone(&database.writer),
        };
        let thread = database.spawn("store-writer", move || writer.serve(open))?;
        database.threads().writer = Some(thread);
        Ok(database)
    }

    /// Runs a use case that writes. When this returns, what it wrote is on disk.
    ///
    /// A caller that stops waiting does not stop the use case.
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Out, Failure<W::Err>> {
        self.write_then(work, |_| ()).await
    }

    /// As [`write`](Self::write); `then` is called on the writer thread once the commit is on disk,
    /// before any job of a later batch runs. Memory that mirrors the file is brought up to date there.
    pub async fn write_then<W, F>(&self, work: W, then: F) -> Result<W::Out, Failure<W::Err>>
    where
        W: Work,
        F: FnOnce(&W::Out) + Send + 'static,
    {
        let outcome = self.queue(work, Durability::BeforeAnswer, then)?;
        outcome.await.unwrap_or(Err(Undecided::Stopped.into()))
    }

    /// As [`write_then`](Self::write_then), for what nothing rests on: it is committed when this returns, and on disk
    /// soon.
    pub async fn note_then<W, F>(&self, work: W, then: F) -> Result<W::Out, Failure<W::Err>>
    where
        W: Work,
        F: FnOnce(&W::Out) + Send + 'static,
    {
        let outcome = self.queue(work, Durability::Soon, then)?;
        outcome.await.unwrap_or(Err(Undecided::Stopped.into()))
    }

    /// As [`write_then`](Self::write_then), for whoever does not wait, nor needs to be on a runtime.
    pub fn post<W, F>(&self, work: W, then: F) -> Result<(), Undecided>
    where
        W: Work,
        F: FnOnce(&W::Out) + Send + 'static,
    {
        self.queue(work, Durability::BeforeAnswer, then).map(drop)
    }

    fn queue<W, F>(&self, work: W, durability: Durability, then: F) -> Result<Awaited<W>, Undecided>
    where
        W: Work,
        F: FnOnce(&W::Out) + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job = Write {
            work: Some(work),
            durability,
            outcome: None,
            then,
            answer,
        };
        self.submit(Box::new(job))
            .map_err(|rejected| rejected.why)?;
        Ok(outcome)
    }

    /// Runs a use case that only reads, beside the writer, over one snapshot that has everything
    /// acknowledged so far.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Out, Failure<W::Err>> {
        let outcome = ask(&self.readers, work)?;
        outcome.await.unwrap_or(Err(Undecided::Stopped.into()))
    }

    /// The same for a thread that has nothing else to do meanwhile. What is asked so has to be short: the others wait
    /// behind it.
    pub fn read_blocking<W: Work>(&self, work: W) -> Result<W::Out, Failure<W::Err>> {
        wait(&self.waiting, work)
    }

    /// The readers of [`read`](Self::read), for a thread of its own that reads much, a little at a time.
    pub fn reads(&self) -> Reads {
        Reads(Arc::clone(&self.readers))
    }

    /// Puts a job into the writer's queue. It is completed exactly once, unless it is given back.
    pub fn submit(&self, job: Box<dyn Job>) -> Result<(), Rejected> {
        self.writer
            .queue
            .push(job)
            .map_err(|overflow| match overflow {
                Overflow::Full(job) => Rejected {
                    job,
                    why: Undecided::Busy,
                },
                Overflow::Closed(job) => Rejected {
                    job,
                    why: Undecided::Stopped,
                },
            })
    }

    /// Whether writes get through.
    pub fn health(&self) -> Health {
        self.writer.health()
    }

    /// How writes were shared since the start.
    pub fn statistics(&self) -> Statistics {
        self.writer.statistics()
    }

    /// Takes nothing new, finishes what waits, writes the log back and closes. Blocks; the next call
    /// and `Drop` find nothing to do.
    pub fn shutdown(&self) {
        let threads = std::mem::take(&mut *self.threads());
        // Readers first: the last connection removes the log, and only the writer's can.
        self.readers.close();
        self.waiting.close();
        for reader in threads.readers {
            join(reader);
        }
        self.writer.queue.close();
        if let Some(writer) = threads.writer {
            join(writer);
        }
    }

    fn start_reader(&self, questions: &Arc<Questions>) -> Result<(), OpenError> {
        let connection = open_reader(&self.path);
        let connection = connection.map_err(|source| OpenError::sql(&self.path, source))?;
        let (path, questions) = (self.path.clone(), Arc::clone(questions));
        let thread = self.spawn("store-reader", move || {
            reader::serve(&path, connection, questions);
        })?;
        self.threads().readers.push(thread);
        Ok(())
    }

    fn spawn(
        &self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, OpenError> {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|source| OpenError::Io {
                path: self.path.clone(),
                source,
            })
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn ask<W: Work>(questions: &Questions, work: W) -> Result<Awaited<W>, Undecided> {
    let (answer, outcome) = oneshot::channel();
    // Whoever asked may have given up; then nobody needs the answer.
    let answer = |found| drop(answer.send(found));
    put(questions, Asked { work, answer })?;
    Ok(outcome)
}

/// Asks and blocks until there is an answer: a channel of tokio's would not let a thread of its runtime wait.
fn wait<W: Work>(questions: &Questions, work: W) -> Result<W::Out, Failure<W::Err>> {
    let (answer, outcome) = mpsc::sync_channel(1);
    let answer = move |found| drop(answer.send(found));
    put(questions, Asked { work, answer })?;
    outcome.recv().unwrap_or(Err(Undecided::Stopped.into()))
}

fn put(questions: &Questions, question: impl Question + 'static) -> Result<(), Undecided> {
    let put = questions.push(Box::new(question));
    put.map_err(|overflow| match overflow {
        Overflow::Full(_) => Undecided::Busy,
        Overflow::Closed(_) => Undecided::Stopped,
    })
}

/// `path` with `.extension` appended.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a store thread panicked");
    }
}

/// A use case in the writer's queue.
struct Write<W: Work, F> {
    work: Option<W>,
    durability: Durability,
    outcome: Option<Result<W::Out, W::Err>>,
    then: F,
    answer: oneshot::Sender<Result<W::Out, Failure<W::Err>>>,
}

impl<W: Work, F: FnOnce(&W::Out) + Send> Job for Write<W, F> {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, tx: &mut SqliteTx<'_>) -> Result<Effect, Undecided> {
        let Some(work) = self.work.take() else {
            return Ok(Effect::Undo);
        };
        match poll_once(work, tx) {
            Ok(out) => {
                self.outcome = Some(Ok(out));
                Ok(Effect::Keep)
            }
            Err(Failure::Refused(why)) => {
                self.outcome = Some(Err(why));
                Ok(Effect::Undo)
            }
            Err(Failure::Undecided(why)) => Err(why),
        }
    }

    fn complete(self: Box<Self>, outcome: Result<(), Undecided>) {
        let Self {
            outcome: found,
            then,
            answer,
            ..
        } = *self;
        let result = match (outcome, found) {
            (Err(why), _) => Err(why.into()),
            (Ok(()), Some(Ok(out))) => {
                then(&out);
                Ok(out)
            }
            (Ok(()), Some(Err(why))) => Err(Failure::Refused(why)),
            (Ok(()), None) => Err(Undecided::Stopped.into()),
        };
        // Whoever asked may have given up; then nobody needs the answer.
        let _ = answer.send(result);
    }
}
