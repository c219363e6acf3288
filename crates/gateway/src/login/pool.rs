//! Threads for what computes for long, hashes and TLS: few, behind a bounded queue, so that logins with remembered
//! passwords do not wait for it.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Hashes that wait at most: with 20 ms each on two cores, the last is done after 3 s, which is when
/// clients ask again.
const WAITING_MAX: usize = 256;

/// Pieces of tunnels that wait at most: with 1 ms each on two cores, the last is done after half a second, of which
/// a device waits through four or more.
const TUNNELS_WAITING_MAX: usize = 1_024;

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Dropping it lets its threads finish what waits, and end.
pub(crate) struct Pool {
    jobs: SyncSender<Job>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// Starts one thread per core.
    pub(crate) fn start() -> io::Result<Self> {
        Self::with_threads(cores())
    }

    /// Starts one thread per core for TLS.
    pub(crate) fn for_tunnels() -> io::Result<Self> {
        Self::spawn("eap-tls", cores(), TUNNELS_WAITING_MAX)
    }

    /// Starts this many threads.
    pub(crate) fn with_threads(threads: usize) -> io::Result<Self> {
        Self::spawn("password-hash", threads, WAITING_MAX)
    }

    fn spawn(name: &str, threads: usize, waiting_max: usize) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(waiting_max);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(name.into())
                .spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// Has a job done, or gives it back if too many wait.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Job> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// Has a job done with a thing, or gives the thing back if too many wait.
    pub(crate) fn submit_with<T: Send + 'static>(
        &self,
        thing: T,
        job: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), T> {
        // Shared with the queue: a job that comes back is opaque.
        let kept = Arc::new(Mutex::new(Some(thing)));
        let queued = Arc::clone(&kept);
        let submitted = self.submit(Box::new(move || {
            if let Some(thing) = taken(&queued) {
                job(thing);
            }
        }));
        match submitted.err().and_then(|_| taken(&kept)) {
            Some(thing) => Err(thing),
            None => Ok(()),
        }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn taken<T>(kept: &Mutex<Option<T>>) -> Option<T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        let job = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}
