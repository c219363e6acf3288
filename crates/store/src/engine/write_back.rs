//! Writing the log back into the database while commits go on.
//!
//! SQLite has the commit that fills the log pay for that: two syncs and a thousand pages, for which all wait that are
//! behind it. Here a thread with a connection of its own does it (a passive checkpoint waits for nobody, and nobody for
//! it). The log begins anew with the first commit that finds all of it written back; under a load without a pause there
//! is none, so the writer does the rest itself before the log has grown too long.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::sqlite::{OpenError, open_checkpointer, write_back};
use super::tx::SqlError;

/// Pages of the log, 4 KiB each, after which they are written back: as many as SQLite waits for.
const PAGES: usize = 1_000;
/// Pages with which the writer does it: a start after a kill reads them all.
const PAGES_MAX: usize = 4 * PAGES;

/// What SQLite tells of the log: it calls whoever asked when a commit has written to it.
#[derive(Default)]
struct Log {
    pages: AtomicUsize,
    has_grown: AtomicBool,
}

/// The thread, and what the writer knows of the log.
pub(super) struct WriteBack {
    log: Arc<Log>,
    /// With how many it was begun last that they are written back, by the thread or by the writer.
    begun_with: usize,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WriteBack {
    /// Starts the thread, and has the connection that writes tell how long the log is; that one then writes nothing
    /// back by itself.
    pub(super) fn start(path: &Path, writer: &mut Connection) -> Result<Self, OpenError> {
        let connection = open_checkpointer(path)?;
        let log = Arc::new(Log::default());
        let told = Arc::clone(&log);
        let grown = move |_: &mut Wal, pages: i32| {
            let pages = usize::try_from(pages).unwrap_or(0);
            told.pages.store(pages, Ordering::Relaxed);
            told.has_grown.store(true, Ordering::Relaxed);
            Ok(())
        };
        writer
            .wal_hook(Some(grown))
            .map_err(|error| OpenError::sql(path, SqlError::statement("open", &error)))?;
        // One place: whoever is to be woken already need not be woken again.
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-write-back".into())
            .spawn(move || serve(&connection, &woken))
            .map_err(|source| OpenError::Io {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            log,
            begun_with: 0,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Whether a commit has written anything since this was asked last. One that has not has synced nothing.
    pub(super) fn has_grown(&self) -> bool {
        self.log.has_grown.swap(false, Ordering::Relaxed)
    }

    /// To be called after a commit, when nobody waits for it any more: has the log written back if it is time.
    pub(super) fn committed(&mut self, writer: &Connection) {
        let pages = self.log.pages.load(Ordering::Relaxed);
        if pages < self.begun_with {
            // The log began anew.
            self.begun_with = 0;
        }
        if pages < self.begun_with + PAGES {
            return;
        }
        self.begun_with = pages;
        if pages >= PAGES_MAX {
            run(writer);
        } else if let Some(wake) = &self.wake {
            // Full: it is to be woken already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for WriteBack {
    /// Ends the thread and closes its connection: nothing is in the way of whoever writes all of the log back.
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the log back panicked");
        }
    }
}

fn serve(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        run(connection);
    }
}

/// What cannot be written back now stays in the log, where it is read and is durable, and is tried again.
fn run(connection: &Connection) {
    if let Err(error) = write_back(connection) {
        tracing::warn!(%error, "the write-ahead log cannot be written back; it grows until it can");
    }
}
