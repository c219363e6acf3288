//! An administrator ends the process.

use std::time::Duration;

use domain::unit::Ending;
use tokio::sync::watch;

/// From the request to its doing: whoever asked still reads the answer.
const NOTICE: Duration = Duration::from_millis(300);

/// Where a command says that the process is to end.
#[derive(Clone, Debug)]
pub(crate) struct Endings(watch::Sender<Option<Ending>>);

impl Endings {
    pub(crate) fn new() -> (Self, Ended) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Ended(receiver))
    }

    /// The first request counts.
    pub(crate) fn ask(&self, ending: Ending) {
        self.0.send_if_modified(|asked| {
            let is_first = asked.is_none();
            *asked = asked.or(Some(ending));
            is_first
        });
    }
}

/// Where the process learns of it.
#[derive(Clone, Debug)]
pub(crate) struct Ended(watch::Receiver<Option<Ending>>);

impl Ended {
    /// Waits until somebody ends the process.
    pub(crate) async fn wait(mut self) -> Ending {
        let asked = self.0.wait_for(Option::is_some).await.map(|asked| *asked);
        match asked {
            Ok(Some(ending)) => {
                tokio::time::sleep(NOTICE).await;
                ending
            }
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_request_counts() {
        let (endings, ended) = Endings::new();
        endings.ask(Ending::Reboot);
        endings.ask(Ending::FactoryReset);
        assert_eq!(ended.wait().await, Ending::Reboot);
    }
}
