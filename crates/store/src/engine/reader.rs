//! Reader threads: connections that cannot write, each answer from one snapshot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::queue::Queue;
use super::sqlite::{SqliteTx, batch, open_reader, poll_once};
use super::tx::SqlError;
use super::{Failure, Undecided, Work};

/// Reads that wait at most; whoever comes later is told to come again.
const QUEUE_LIMIT: usize = 4_096;

pub(super) type Questions = Queue<Box<dyn Question>>;

pub(super) fn questions() -> Questions {
    Queue::bounded(QUEUE_LIMIT)
}

/// A use case that only reads, and whoever waits for it.
pub(super) trait Question: Send {
    /// Runs it and answers.
    fn ask(self: Box<Self>, connection: &mut Connection) -> Afterwards;
    /// Answers without running it.
    fn decline(self: Box<Self>, why: Undecided);
}

/// What the reader does with its connection after a question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    Keep,
    OpenAgain,
}

/// `answer` runs on the reader thread: it hands on and does not wait.
pub(super) struct Asked<W, A> {
    pub(super) work: W,
    pub(super) answer: A,
}

impl<W, A> Question for Asked<W, A>
where
    W: Work,
    A: FnOnce(Result<W::Out, Failure<W::Err>>) + Send,
{
    fn ask(self: Box<Self>, connection: &mut Connection) -> Afterwards {
        let Self { work, answer } = *self;
        // A panic ends one read and not the reader; its connection goes with it.
        let outcome = catch_unwind(AssertUnwindSafe(|| in_snapshot(connection, work)))
            .unwrap_or_else(|_| Err(Undecided::Unavailable("a read panicked".into()).into()));
        let afterwards = match &outcome {
            Err(Failure::Undecided(_)) => Afterwards::OpenAgain,
            _ => Afterwards::Keep,
        };
        answer(outcome);
        afterwards
    }

    fn decline(self: Box<Self>, why: Undecided) {
        (self.answer)(Err(why.into()));
    }
}

fn in_snapshot<W: Work>(connection: &mut Connection, work: W) -> Result<W::Out, Failure<W::Err>> {
    batch(connection, "BEGIN")?;
    let outcome = poll_once(work, &mut SqliteTx::new(connection));
    batch(connection, "ROLLBACK")?;
    outcome
}

/// Serves the queue until it is closed and empty.
pub(super) fn serve(path: &Path, first: Connection, questions: Arc<Questions>) {
    let end = End(questions);
    let mut open = Some(first);
    while let Some(question) = end.0.take() {
        open = match open.map_or_else(|| open_reader(path), Ok) {
            Ok(connection) => ask(connection, question),
            Err(error) => {
                question.decline(unavailable(&error));
                None
            }
        };
    }
}

fn ask(mut connection: Connection, question: Box<dyn Question>) -> Option<Connection> {
    let afterwards = question.ask(&mut connection);
    (afterwards == Afterwards::Keep).then_some(connection)
}

fn unavailable(error: &SqlError) -> Undecided {
    Undecided::Unavailable(error.to_string().into())
}

/// However the thread ends, nobody waits for it in vain.
struct End(Arc<Questions>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
        while let Some(question) = self.0.try_take() {
            question.decline(Undecided::Stopped);
        }
    }
}
