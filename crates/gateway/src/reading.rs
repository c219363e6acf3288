//! People and tokens come into memory beside the first logins.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use store::Undecided;
use store::gateway::{Rest, StoreError};
use tokio::sync::watch;

/// The thread that reads them, and how far it came.
#[derive(Debug)]
pub(crate) struct Reading {
    thread: JoinHandle<()>,
    outcome: watch::Receiver<Outcome>,
}

#[derive(Debug)]
enum Outcome {
    /// None yet; from a thread that is gone: a panic.
    Open,
    /// All are in memory, or the store was closed before its end and nobody asks for the rest any more.
    Over,
    Failed(Arc<StoreError>),
}

impl Reading {
    pub(crate) fn start(rest: Rest) -> io::Result<Self> {
        let (told, outcome) = watch::channel(Outcome::Open);
        let read = move || {
            told.send_replace(match rest.read() {
                Ok(()) | Err(StoreError::Undecided(Undecided::Stopped)) => Outcome::Over,
                Err(error) => Outcome::Failed(Arc::new(error)),
            });
        };
        let thread = Builder::new().name("store-rest".to_owned()).spawn(read)?;
        Ok(Self { thread, outcome })
    }

    /// Waits until something cannot be read.
    pub(crate) async fn failed(&self) -> Arc<StoreError> {
        let mut outcome = self.outcome.clone();
        let settled = outcome.wait_for(|it| !matches!(it, Outcome::Open)).await;
        match settled.as_deref() {
            Ok(Outcome::Failed(error)) => Arc::clone(error),
            Ok(Outcome::Open | Outcome::Over) => std::future::pending().await,
            Err(_) => {
                let reason = "the thread that reads people and tokens panicked".into();
                Arc::new(Undecided::Unavailable(reason).into())
            }
        }
    }

    /// Waits for the end of the thread. Blocks; a store that is closed ends it.
    pub(crate) fn join(self) -> std::thread::Result<()> {
        self.thread.join()
    }
}
