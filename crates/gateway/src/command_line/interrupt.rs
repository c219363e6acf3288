//! Ctrl-C on its way to the command that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The administrator's end.
pub(super) struct Interrupt {
    told: watch::Sender<bool>,
    is_applied: Arc<AtomicBool>,
}

/// The command's end.
pub(super) struct Interrupted {
    told: watch::Receiver<bool>,
    is_applied: Arc<AtomicBool>,
}

/// What the command does is done whole until this is dropped.
pub(super) struct Applied<'a>(&'a AtomicBool);

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Whether a command ends by itself when it is interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ends {
    /// It says what it has found so far, and ends.
    ByItself,
    /// It is to be dropped: it does not listen, or was told before.
    WhenDropped,
    /// It comes too late: a change is on its way into the store, and how it ends is said.
    InAnyCase,
}

impl Interrupt {
    pub(super) fn new() -> (Self, Interrupted) {
        let (told, receiver) = watch::channel(false);
        let is_applied = Arc::new(AtomicBool::new(false));
        let interrupted = Interrupted {
            told: receiver,
            is_applied: Arc::clone(&is_applied),
        };
        (Self { told, is_applied }, interrupted)
    }

    /// Tells the command.
    pub(super) fn tell(&self) -> Ends {
        // A command that listens does it with a receiver of its own.
        let listens = self.told.receiver_count() > 1;
        if self.is_applied.load(Ordering::Relaxed) {
            Ends::InAnyCase
        } else if self.told.send_replace(true) || !listens {
            Ends::WhenDropped
        } else {
            Ends::ByItself
        }
    }
}

impl Interrupted {
    /// Listens. It never ends if the administrator can interrupt nothing any more.
    pub(super) async fn wait(&self) {
        let mut told = self.told.clone();
        if told.wait_for(|told| *told).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Begins what no interrupt stops any more.
    pub(super) fn apply(&self) -> Applied<'_> {
        self.is_applied.store(true, Ordering::Relaxed);
        Applied(&self.is_applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_listens_is_told_once_and_then_dropped() {
        let (interrupt, interrupted) = Interrupt::new();
        let listening = tokio::spawn(async move { interrupted.wait().await });
        while interrupt.told.receiver_count() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(interrupt.tell(), Ends::ByItself);
        assert_eq!(interrupt.tell(), Ends::WhenDropped);
        listening.await.unwrap();
    }

    #[test]
    fn a_change_that_is_on_its_way_is_not_interrupted() {
        let (interrupt, interrupted) = Interrupt::new();
        let applied = interrupted.apply();
        assert_eq!(interrupt.tell(), Ends::InAnyCase);
        assert_eq!(interrupt.tell(), Ends::InAnyCase);
        drop(applied);
        assert_eq!(interrupt.tell(), Ends::WhenDropped);
    }

    #[test]
    fn a_command_that_does_not_listen_is_dropped() {
        let (interrupt, _interrupted) = Interrupt::new();
        assert_eq!(interrupt.tell(), Ends::WhenDropped);
    }
}
