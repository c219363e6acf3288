//! Feeds syslog servers from the audit chain.
//!
//! Each server has a task of its own that reads events behind a mark kept in the store, so there is no
//! queue to overflow and nothing that a login would wait for. Over TCP the mark follows what the server's
//! kernel has acknowledged: whatever breaks, the events behind it are sent again, some of them twice.
//! Over UDP nobody learns what is lost.

mod delivery;
mod link;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cli::render::{self, Zone};
use domain::audit::{Event, TargetState, What};
use domain::event_log::{Entry, Unit};
use domain::schema::{Object, Place, SYSLOG_SERVERS, SyslogServer, Table};
use domain::vdom::Vdom;
use ident::ProductSerial;
use store::Undecided;
use store::gateway::{GatewayStore, Recorded};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::network::Hosts;
use crate::{clock, stopped};
use delivery::{CONFIRMED_AFTER, Delivery, MARK_EVERY};
use link::{Link, LinkError};
use settings::Settings;

/// Events that are read and sent at once: some ten thousand octets, a few milliseconds of a reader.
const PAGE: i64 = 200;
/// Between two pages of datagrams: 20,000 events a second at most, which a server's buffer can take.
const DATAGRAM_PAUSE: Duration = Duration::from_millis(10);
/// How often settings are read at most; every change of them is an event, so none is missed.
const SETTINGS_EVERY: Duration = Duration::from_secs(1);
/// The first wait before a server that is not reached is tried again; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest such wait.
const RETRY_LONGEST: Duration = Duration::from_mins(1);
/// How often the log says at most that a server is not reached: one that comes and goes does not fill it.
const NOTICE_EVERY: Duration = Duration::from_mins(10);
/// How long a store that does not answer is left alone.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What a line says of the unit that sends it, and where servers are found.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) serial: ProductSerial,
    pub(crate) zone: Zone,
    pub(crate) hosts: Hosts,
}

/// Starts a task for each server; they end when told to stop.
pub(crate) fn feed(
    store: &Arc<GatewayStore>,
    sender: Sender,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let sender = Arc::new(sender);
    let servers = SYSLOG_SERVERS.iter().map(|server| {
        let feed = Feed {
            store: Arc::clone(store),
            sender: Arc::clone(&sender),
            server,
            news: store.news(),
            looked: Instant::now(),
            off_at: None,
            outage: Outage::default(),
        };
        tokio::spawn(feed.run(stop.clone()))
    });
    servers.collect()
}

/// One server's task.
struct Feed {
    store: Arc<GatewayStore>,
    sender: Arc<Sender>,
    server: &'static SyslogServer,
    news: watch::Receiver<i64>,
    /// When the settings were read.
    looked: Instant,
    /// The last event at which the server was known to be switched off.
    off_at: Option<i64>,
    outage: Outage,
}

/// What the log says of the server.
#[derive(Default)]
struct Outage {
    /// Whether it says that the server is not reached.
    is_told: bool,
    /// When it said so.
    told: Option<Instant>,
}

/// Why a delivery ends.
enum End {
    /// The administrator changed something.
    Changed,
    /// The process ends.
    Stopped,
    Broken(LinkError),
}

impl Feed {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let at = *self.news.borrow();
            let served = tokio::select! {
                settings = self.settings() => settings,
                () = stopped(&mut stop) => return,
            };
            match served {
                Ok(Some(settings)) => self.serve(&settings, &mut stop).await,
                Ok(None) => self.rest(at, &mut stop).await,
                Err(unusable) => {
                    self.not_reached(&unusable).await;
                    self.changed(&mut stop).await;
                }
            }
        }
    }

    /// What is set now, as soon as the store tells.
    async fn settings(&mut self) -> Result<Option<Settings>, settings::Unusable> {
        loop {
            self.looked = Instant::now();
            self.news.mark_unchanged();
            match self.objects().await {
                Ok((setting, filter)) => return Settings::of(&setting, &filter),
                Err(error) => self.pause(&error).await,
            }
        }
    }

    async fn objects(&self) -> Result<(Object, Object), Undecided> {
        let server = self.server;
        Ok((
            self.object(&server.setting).await?,
            self.object(&server.filter).await?,
        ))
    }

    async fn object(&self, table: &'static Table) -> Result<Object, Undecided> {
        let object = self.store.object(Place::of_unit(table)).await?;
        Ok(object.unwrap_or_else(|| Object::new(table, "")))
    }

    async fn pause(&self, error: &Undecided) {
        debug!(server = self.server.name, %error, "the store does not answer");
        tokio::time::sleep(STORE_PAUSE).await;
    }

    /// Waits until settings may have changed.
    async fn changed(&mut self, stop: &mut watch::Receiver<bool>) {
        let news = async {
            // An error says that the store is gone, and then the process ends.
            let _ = self.news.changed().await;
            tokio::time::sleep_until(self.looked + SETTINGS_EVERY).await;
        };
        tokio::select! {
            () = news => {}
            () = stopped(stop) => {}
        }
    }

    /// A server that is switched off gets nothing of what happens until it is switched on.
    async fn rest(&mut self, at: i64, stop: &mut watch::Receiver<bool>) {
        self.off_at = Some(at);
        self.outage = Outage::default();
        match self.store.log_mark(self.server.name).await {
            Ok(None) => {}
            Ok(Some(_)) => {
                if let Err(error) = self.store.set_log_mark(self.server.name, None).await {
                    debug!(server = self.server.name, %error, "the mark stays for now");
                }
            }
            Err(error) => self.pause(&error).await,
        }
        self.changed(stop).await;
    }

    /// Delivers until the settings change or the process ends.
    async fn serve(&mut self, settings: &Settings, stop: &mut watch::Receiver<bool>) {
        let mut wait = RETRY_FIRST;
        loop {
            let opened = tokio::select! {
                opened = self.open(settings) => opened,
                () = stopped(stop) => return,
            };
            let error = match opened {
                Ok(mut delivery) => {
                    let end = tokio::select! {
                        end = self.deliver(&mut delivery, settings) => end,
                        () = stopped(stop) => End::Stopped,
                    };
                    let held = delivery.opened.elapsed();
                    match end {
                        End::Changed | End::Stopped => return self.close(delivery).await,
                        End::Broken(error) => {
                            if held > CONFIRMED_AFTER {
                                wait = RETRY_FIRST;
                            }
                            self.keep(&mut delivery).await;
                            error
                        }
                    }
                }
                Err(error) => error,
            };
            self.not_reached(&error).await;
            let retry = tokio::time::sleep(wait);
            wait = (wait * 2).min(RETRY_LONGEST);
            tokio::select! {
                () = retry => {}
                changed = self.settings_changed(settings) => if changed { return },
                () = stopped(stop) => return,
            }
        }
    }

    async fn open(&self, settings: &Settings) -> Result<Delivery, LinkError> {
        let mark = self.mark().await;
        let link = Link::open(settings, &self.sender.hosts).await?;
        Ok(Delivery::new(link, mark))
    }

    /// The last event that the server has. One that was just switched on has all from before that.
    async fn mark(&self) -> i64 {
        loop {
            match self.known_mark().await {
                Ok(mark) => return mark,
                Err(error) => self.pause(&error).await,
            }
        }
    }

    async fn known_mark(&self) -> Result<i64, Undecided> {
        if let Some(mark) = self.store.log_mark(self.server.name).await? {
            return Ok(mark);
        }
        let first = self.off_at.unwrap_or_else(|| *self.store.news().borrow());
        self.store
            .set_log_mark(self.server.name, Some(first))
            .await?;
        Ok(first)
    }

    /// Waits until the settings are others than these. Only a change wakes it.
    async fn settings_changed(&mut self, settings: &Settings) -> bool {
        loop {
            // A copy: whoever stops waiting here has not missed the change.
            if self.news.clone().changed().await.is_err() {
                return true;
            }
            tokio::time::sleep_until(self.looked + SETTINGS_EVERY).await;
            if !self.is_still(settings).await {
                return true;
            }
        }
    }

    async fn is_still(&mut self, settings: &Settings) -> bool {
        self.settings().await.ok().flatten().as_ref() == Some(settings)
    }

    /// Whether this event changed the settings of the server.
    fn is_change(&self, recorded: &Recorded) -> bool {
        let What::Changed { action, .. } = &recorded.event.what else {
            return false;
        };
        let path = action.replace('.', " ");
        path == self.server.setting.path || path == self.server.filter.path
    }

    async fn deliver(&mut self, delivery: &mut Delivery, settings: &Settings) -> End {
        loop {
            match self.store.events_after(delivery.position, PAGE).await {
                Ok(page) if page.is_empty() => {
                    if let Some(end) = self.wait(delivery, settings).await {
                        return end;
                    }
                }
                Ok(mut page) => {
                    self.missed(delivery.position, &page).await;
                    // What comes after a change goes out as the change says.
                    let change = page.iter().position(|recorded| self.is_change(recorded));
                    page.truncate(change.map_or(page.len(), |change| change + 1));
                    let sending = self.send(delivery, settings, &page);
                    if let Err(error) = sending.await {
                        return End::Broken(error);
                    }
                    if change.is_some() && !self.is_still(settings).await {
                        return End::Changed;
                    }
                }
                Err(error) => self.pause(&error).await,
            }
            self.confirm(delivery).await;
            if self.looked.elapsed() >= SETTINGS_EVERY
                && self.news.has_changed().unwrap_or(true)
                && !self.is_still(settings).await
            {
                return End::Changed;
            }
        }
    }

    /// Waits for events, or for the time to look at what has arrived.
    async fn wait(&mut self, delivery: &mut Delivery, settings: &Settings) -> Option<End> {
        let newest = delivery.position;
        let mut events = self.store.news();
        let look = delivery.next_look(self.outage.is_told);
        tokio::select! {
            // An error says that the store is gone, and then the process ends.
            _ = events.wait_for(|last| *last > newest) => None,
            error = delivery.link.broken() => Some(End::Broken(error)),
            () = tokio::time::sleep_until(look) => None,
            changed = self.settings_changed(settings) => changed.then_some(End::Changed),
        }
    }

    async fn send(
        &self,
        delivery: &mut Delivery,
        settings: &Settings,
        page: &[Recorded],
    ) -> Result<(), LinkError> {
        let Some(last) = page.last() else {
            return Ok(());
        };
        let messages = self.messages(settings, page);
        let octets: usize = messages.iter().map(String::len).sum();
        delivery.link.send(&messages).await?;
        delivery.wrote(last.id);
        if !delivery.link.is_reliable() {
            tokio::time::sleep(DATAGRAM_PAUSE).await;
        }
        if let Some(rate) = settings.rate {
            let octets = u32::try_from(octets).unwrap_or(u32::MAX);
            tokio::time::sleep(Duration::from_secs_f64(f64::from(octets) / f64::from(rate))).await;
        }
        Ok(())
    }

    fn messages(&self, settings: &Settings, page: &[Recorded]) -> Vec<String> {
        let hostname = self.store.settings(Vdom::ROOT).hostname.clone();
        let unit = Unit {
            hostname: &hostname,
            serial: self.sender.serial.as_str(),
            version: render::COMPATIBLE,
        };
        let wanted = page.iter().filter_map(|recorded| {
            let entry = Entry::of(recorded.id, &recorded.event);
            let offset = self.sender.zone.ahead(entry.at);
            (entry.message.level <= settings.severity)
                .then(|| entry.syslog(unit, settings.facility, settings.format, offset))
        });
        wanted.collect()
    }

    /// Notes what has arrived, and keeps it now and then.
    async fn confirm(&mut self, delivery: &mut Delivery) {
        delivery.confirm();
        if delivery.kept_at.elapsed() >= MARK_EVERY {
            self.keep(delivery).await;
        }
        if self.outage.is_told && delivery.opened.elapsed() > CONFIRMED_AFTER {
            self.outage.is_told = false;
            // That datagrams leave is no sign that they arrive.
            if delivery.link.is_reliable() {
                self.note(TargetState::Reached, &"it takes events again")
                    .await;
            }
        }
    }

    async fn keep(&self, delivery: &mut Delivery) {
        if delivery.confirmed == delivery.kept {
            return;
        }
        delivery.kept_at = Instant::now();
        let mark = Some(delivery.confirmed);
        match self.store.set_log_mark(self.server.name, mark).await {
            Ok(()) => delivery.kept = delivery.confirmed,
            Err(error) => {
                debug!(server = self.server.name, %error, "events may be sent again");
            }
        }
    }

    /// In order: the server says that it has everything, so that nothing is sent again.
    async fn close(&self, mut delivery: Delivery) {
        let Delivery { link, position, .. } = delivery;
        if link.close().await {
            delivery.confirmed = position;
        }
        if delivery.confirmed != delivery.kept {
            let mark = Some(delivery.confirmed);
            if let Err(error) = self.store.set_log_mark(self.server.name, mark).await {
                debug!(server = self.server.name, %error, "events may be sent again");
            }
        }
    }

    /// Retention does not wait for a server that is away.
    async fn missed(&self, position: i64, page: &[Recorded]) {
        let Some(first) = page.first().filter(|first| first.id > position + 1) else {
            return;
        };
        let missed = format!(
            "events {} to {} were removed from the log before",
            position + 1,
            first.id - 1
        );
        self.note(TargetState::Missed, &missed).await;
    }

    async fn not_reached(&mut self, why: &(dyn fmt::Display + Sync)) {
        warn!(server = self.server.name, %why, "a syslog server is not reached");
        let is_due = self
            .outage
            .told
            .is_none_or(|told| told.elapsed() >= NOTICE_EVERY);
        if !self.outage.is_told && is_due {
            self.outage = Outage {
                is_told: true,
                told: Some(Instant::now()),
            };
            self.note(TargetState::Unreachable, why).await;
        }
    }

    async fn note(&self, state: TargetState, detail: &(dyn fmt::Display + Sync)) {
        let what = What::LogTarget {
            target: self.server.name.into(),
            state,
            detail: detail.to_string().into(),
        };
        let at = clock::now();
        if let Err(error) = self.store.record(Event { at, what }).await {
            debug!(server = self.server.name, %error, "the log does not say how the server stands");
        }
    }
}
