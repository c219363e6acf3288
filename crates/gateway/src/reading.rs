//! People and tokens come into memory beside the first logins.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use store::Undecided;
use store::gateway::{Rest, StoreError};
use tokio::sync::watch;

/// The thread that reads them, and whether it could.
#[derive(Debug)]
pub(crate) struct Reading {
    thread: JoinHandle<()>,
    failed: watch::Receiver<Option<Arc<StoreError>>>,
}

impl Reading {
    pub(crate) fn start(rest: Rest) -> io::Result<Self> {
        let (failure, failed) = watch::channel(None);
        let read = move || match rest.read() {
            // The store was closed before its end: nobody asks for the rest any more.
            Ok(()) | Err(StoreError::Undecided(Undecided::Stopped)) => {}
            Err(error) => {
                failure.send_replace(Some(Arc::new(error)));
            }
        };
        let thread = Builder::new().name("store-rest".to_owned()).spawn(read)?;
        Ok(Self { thread, failed })
    }

    /// Waits until something cannot be read.
    pub(crate) async fn failed(&self) -> Arc<StoreError> {
        let mut failed = self.failed.clone();
        let failure = failed.wait_for(Option::is_some).await;
        match failure.as_deref() {
            Ok(Some(error)) => Arc::clone(error),
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Waits for the end of the thread. Blocks; a store that is closed ends it.
    pub(crate) fn join(self) -> std::thread::Result<()> {
        self.thread.join()
    }
}
