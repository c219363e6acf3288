//! Removes old and deleted events in the background, and seeds of which people had the codes long ago.

use std::sync::Arc;
use std::time::Duration;

use domain::audit::Actor;
use domain::schema::{LOG_DISK, Place};
use domain::time::{Span, Timestamp};
use store::Undecided;
use store::gateway::{GatewayStore, Removed};
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use crate::{clock, stopped};

/// The first time: a process that is started in haste has something better to do.
const FIRST_AFTER: Duration = Duration::from_mins(1);
/// How often from then on: ages are counted in days.
const EVERY: Duration = Duration::from_hours(1);
/// Between two transactions: logins get nearly all of the writer.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the event log as long as `config log disk setting` says.
#[derive(Debug)]
pub(crate) struct Retention {
    store: Arc<GatewayStore>,
    deleted: Notify,
}

impl Retention {
    pub(crate) fn new(store: Arc<GatewayStore>) -> Self {
        let deleted = Notify::new();
        Self { store, deleted }
    }

    /// Has all events up to now deleted: hidden at once, removed soon.
    pub(crate) async fn delete_log(&self, actor: &Actor) -> Result<(), Undecided> {
        self.store.delete_log(actor.clone(), clock::now()).await?;
        self.deleted.notify_one();
        Ok(())
    }

    /// Removes events now and then until told to stop.
    pub(crate) async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut wait = FIRST_AFTER;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.deleted.notified() => {}
                () = stopped(&mut stop) => return,
            }
            wait = EVERY;
            tokio::select! {
                removed = self.remove() => match removed {
                    Ok(0) => {}
                    Ok(events) => info!(events, "old events were removed from the log"),
                    Err(error) => warn!(%error, "old events are not removed; it is tried again"),
                },
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Seeds that explain nothing any more go whatever is kept of the log.
    async fn remove_former_seeds(&self) -> Result<(), Undecided> {
        while let Removed::Some(_) = self.store.remove_former_seeds(clock::now()).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn remove(&self) -> Result<u64, Undecided> {
        self.remove_former_seeds().await?;
        // What no checkpoint covers stays.
        self.store.checkpoint().await?;
        self.sync_head().await?;
        let now = clock::now();
        let before = self.oldest_kept(now).await?;
        let mut removed = 0;
        loop {
            match self.store.remove_events(before, now).await? {
                Removed::Some(events) => removed += events,
                Removed::All(events) => return Ok(removed + events),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn sync_head(&self) -> Result<(), Undecided> {
        let store = Arc::clone(&self.store);
        let synced = tokio::task::spawn_blocking(move || store.sync_head());
        match synced.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Undecided::Unavailable(error.to_string().into())),
            Err(_) => Err(Undecided::Stopped),
        }
    }

    async fn oldest_kept(&self, now: Timestamp) -> Result<Timestamp, Undecided> {
        let setting = self.store.object(Place::of_unit(&LOG_DISK)).await?;
        let days = setting.map_or(DEFAULT_DAYS, |setting| setting.number("maximum-log-age"));
        Ok(match i64::try_from(days) {
            Ok(0) | Err(_) => Timestamp::from_micros(i64::MIN),
            Ok(days) => now.before(Span::from_days(days)),
        })
    }
}

/// `maximum-log-age` where nothing is configured.
const DEFAULT_DAYS: u64 = 7;
