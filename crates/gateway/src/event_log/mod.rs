//! What happens to the event log besides being written: old events go, and syslog servers get it.

mod retention;
mod syslog;

use std::sync::Arc;

use store::gateway::GatewayStore;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use retention::Retention;
pub(crate) use syslog::Sender;

/// Starts what works on the log in the background; it ends when told to stop.
pub(crate) fn start(
    store: &Arc<GatewayStore>,
    retention: Arc<Retention>,
    sender: Sender,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let mut tasks = syslog::feed(store, sender, stop);
    let stop = stop.clone();
    tasks.push(tokio::spawn(async move { retention.run(stop).await }));
    tasks
}
