//! Ctrl-C on its way to the command that runs.

use tokio::sync::watch;

/// The administrator's end.
pub(super) struct Interrupt(watch::Sender<bool>);

/// The command's end.
pub(super) struct Interrupted(watch::Receiver<bool>);

/// Whether a command ends by itself when it is interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ends {
    /// It says what it has found so far, and ends.
    ByItself,
    /// It is to be dropped: it does not listen, or was told before.
    WhenDropped,
}

impl Interrupt {
    pub(super) fn new() -> (Self, Interrupted) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Interrupted(receiver))
    }

    /// Tells the command.
    pub(super) fn tell(&self) -> Ends {
        // A command that listens does it with a receiver of its own.
        let listens = self.0.receiver_count() > 1;
        if self.0.send_replace(true) || !listens {
            Ends::WhenDropped
        } else {
            Ends::ByItself
        }
    }
}

impl Interrupted {
    /// Listens. It never ends if the administrator can interrupt nothing any more.
    pub(super) async fn wait(&self) {
        let mut told = self.0.clone();
        if told.wait_for(|told| *told).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_listens_is_told_once_and_then_dropped() {
        let (interrupt, interrupted) = Interrupt::new();
        let listening = tokio::spawn(async move { interrupted.wait().await });
        while interrupt.0.receiver_count() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(interrupt.tell(), Ends::ByItself);
        assert_eq!(interrupt.tell(), Ends::WhenDropped);
        listening.await.unwrap();
    }

    #[test]
    fn a_command_that_does_not_listen_is_dropped() {
        let (interrupt, _interrupted) = Interrupt::new();
        assert_eq!(interrupt.tell(), Ends::WhenDropped);
    }
}
