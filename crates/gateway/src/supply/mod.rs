//! What goes out and what comes back: the outbox's worker, and the poller.
//!
//! A message leaves the outbox in the transaction that takes in its answer. Until then it is sent
//! again, under the same identity, so that an answer that was lost is had again.

mod errand;
mod hardware;
mod letters;
mod licences;
mod moves;
mod poll;
mod provision;
mod question;
mod reports;
mod transfers;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cli::debug::{Place, Source};
use cli::render::{Delay, Request as Asked};
use domain::access::Authority;
use domain::admin::{Message, Operation};
use domain::contact::Channel;
use domain::query::ServerReach;
use domain::time::{Span, Timestamp};
use softtoken::WireError;
use softtoken::device::SealingPrivateKey;
use store::Undecided;
use store::gateway::{Done, GatewayStore, Lane, Waiting};
use tokio::sync::watch;
use tracing::warn;

pub(crate) use self::moves::{MoveError, Outgoing};
pub(crate) use self::poll::PollError;
pub(crate) use self::reports::Report;
use self::reports::Reports;
use crate::clock;
use crate::debug_log::DebugLog;
use crate::delivery::Courier;
use crate::stopped;
use crate::token_server::{AskError, TokenServer};

/// How often the outbox is looked at when nothing new was put in.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Messages that one look takes up.
const BATCH: i64 = 100;
/// The first wait before a message is sent again; it doubles.
const RETRY_FIRST: Span = Span::from_secs(5);
/// The longest such wait: a server of mails or SMS may take offence at more, and a token server that does not
/// do one thing is not to be kept busy with it.
const RETRY_LONGEST: Span = Span::from_mins(5);
/// The longest such wait for the first message of a look that does not reach the token server, which tells
/// when it is back: what was queued has reached it half a minute later.
const PROBE_LONGEST: Span = Span::from_secs(15);
/// A peer that fails after so long is dead for this look: the messages for it wait for the next, and do
/// not hold up those for the other. It is shorter than every timeout, and longer than a refusal takes.
const SILENT_AFTER: Duration = Duration::from_secs(4);

/// Who gets a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Peer {
    TokenServer,
    Mail,
    Sms,
}

impl Peer {
    fn of(message: &Message) -> Self {
        match message {
            Message::ActivateLicence { .. }
            | Message::Provision { .. }
            | Message::ActivateHardware { .. } => Self::TokenServer,
            Message::ActivationCode { to, .. } | Message::TransferNotice { to, .. } => {
                match to.channel() {
                    Channel::Email => Self::Mail,
                    Channel::Sms => Self::Sms,
                }
            }
        }
    }
}

/// How far a look at a lane of the outbox got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// What is due may be more than one look takes up, and each message is heard.
    More,
    Done,
}

/// What a lane knows from look to look.
#[derive(Debug)]
struct Course {
    lane: Lane,
    /// Whether messages wait for a token server that was away.
    is_held_up: bool,
}

/// What a look at a lane knows.
#[derive(Default)]
struct Look {
    /// Peers that are left alone for the rest of it, and why.
    silent: HashMap<Peer, String>,
    /// Whether the token server was not reached in it.
    is_probed: bool,
}

/// The worker behind the outbox.
#[derive(Debug)]
pub(crate) struct Supply {
    store: Arc<GatewayStore>,
    server: TokenServer,
    courier: Arc<Courier>,
    debug: DebugLog,
    /// Something was put into the outbox.
    news: watch::Sender<()>,
    reports: Mutex<Reports>,
    /// Held from question to record by whatever moves a token's phone: a poll that was asked before a
    /// provisioning and answered after it would name the old phone for the new seed.
    phones: tokio::sync::Mutex<()>,
    /// Seeds of hardware tokens come sealed to it.
    sealing_key: SealingPrivateKey,
}

const SOURCE: Source = Source::Fortitoken;

impl Supply {
    pub(crate) fn new(
        store: Arc<GatewayStore>,
        server: TokenServer,
        courier: Arc<Courier>,
        sealing_key: SealingPrivateKey,
        debug: DebugLog,
    ) -> Self {
        let reports = Mutex::default();
        Self {
            store,
            server,
            courier,
            debug,
            news: watch::Sender::new(()),
            reports,
            phones: tokio::sync::Mutex::default(),
            sealing_key,
        }
    }

    /// What this unit has.
    pub(crate) fn store(&self) -> &GatewayStore {
        &self.store
    }

    /// The token server.
    pub(crate) fn server(&self) -> &TokenServer {
        &self.server
    }

    /// Something was put into the outbox.
    pub(crate) fn nudge(&self) {
        self.news.send_replace(());
    }

    /// Sends what is due in a lane until told to stop.
    pub(crate) async fn run(&self, lane: Lane, mut stop: watch::Receiver<bool>) {
        let mut news = self.news.subscribe();
        let mut course = Course {
            lane,
            is_held_up: false,
        };
        loop {
            // What is broken off stays in the outbox, and is sent again under the same identity.
            tokio::select! {
                delivered = self.deliver_all_due(&mut course) => if let Err(error) = delivered {
                    warn!(%error, "the outbox cannot be read");
                },
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Sends what is due, for as long as it gets anywhere: a look takes up only so much.
    async fn deliver_all_due(&self, course: &mut Course) -> Result<(), Undecided> {
        while self.deliver_due(course).await? == Progress::More {}
        Ok(())
    }

    async fn deliver_due(&self, course: &mut Course) -> Result<Progress, Undecided> {
        let lane = course.lane;
        let was_away = self.server.reach() == ServerReach::Unreachable;
        if course.is_held_up && self.server.reach() == ServerReach::Reachable {
            self.store.take_up(lane, clock::now()).await?;
            course.is_held_up = false;
        }
        let due = self.wanted_of(self.due(lane).await?).await?;
        let is_full = due.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        let mut look = Look::default();
        let mut errands = self.errands(lane, due).await?;
        while let Some(errand) = errands.pop_front() {
            let Some(peer) = errand.messages().first().map(peer) else {
                continue;
            };
            if let Some(why) = look.silent.get(&peer).cloned() {
                self.hold_back(errand.messages(), peer, &why).await?;
                continue;
            }
            let begun = Instant::now();
            let why = match self.run_errand(&errand).await {
                Ok(reports) => {
                    for (id, report) in reports {
                        self.tell(id, report);
                    }
                    if was_away && self.server.reach() == ServerReach::Reachable {
                        return Ok(Progress::More);
                    }
                    continue;
                }
                Err(why) => why,
            };
            course.is_held_up |= self.is_away(peer);
            if self.is_silent(peer, begun.elapsed()) {
                look.silent.insert(peer, why.clone());
            } else if errand.messages().len() > 1 && !self.is_away(peer) {
                for alone in self.apart(errand).await?.into_iter().rev() {
                    errands.push_front(alone);
                }
                continue;
            }
            self.postpone(errand.messages(), peer, &why, &mut look)
                .await?;
        }
        let is_heard = look.silent.is_empty();
        Ok(if is_full && is_heard {
            Progress::More
        } else {
            Progress::Done
        })
    }

    /// What a look takes up: first that of which somebody waits to hear.
    async fn due(&self, lane: Lane) -> Result<Vec<Waiting>, Undecided> {
        let mut due = Vec::new();
        for message in self.awaited() {
            due.extend(self.store.waiting(lane, message).await?);
        }
        let awaited: HashSet<i64> = due.iter().map(|waiting| waiting.id).collect();
        let others = self.store.due(lane, clock::now(), BATCH).await?;
        let others = others.into_iter().filter(|it| !awaited.contains(&it.id));
        due.extend(others);
        Ok(due)
    }

    /// Those that somebody still wants; the others wait no longer, whether the token server is there or not.
    async fn wanted_of(&self, due: Vec<Waiting>) -> Result<Vec<Waiting>, Undecided> {
        let mut wanted = Vec::with_capacity(due.len());
        for waiting in due {
            match &waiting.message {
                Message::Provision { tokens, .. } if !self.is_wanted(tokens).await? => {
                    let report = self.not_wanted(waiting.id).await?;
                    self.tell(waiting.id, report);
                }
                _ => wanted.push(waiting),
            }
        }
        Ok(wanted)
    }

    fn is_away(&self, peer: Peer) -> bool {
        peer == Peer::TokenServer && self.server.reach() == ServerReach::Unreachable
    }

    /// Whether a peer that failed after so long is left alone for the rest of a look. What is for the token
    /// server keeps its order by that; a manager that does not reach it may have what comes next in its
    /// reserve.
    fn is_silent(&self, peer: Peer, failed_after: Duration) -> bool {
        let is_unreachable = self.is_away(peer) && !self.server.is_behind_manager();
        is_unreachable || failed_after >= SILENT_AFTER
    }

    /// Tells of messages that are not tried. What is held back for the token server is not written each time:
    /// a day's queue would be, every few seconds. Mails are, or they would stand before the SMS.
    async fn hold_back(
        &self,
        messages: &[Waiting],
        peer: Peer,
        why: &str,
    ) -> Result<(), Undecided> {
        let is_written = |it: &Waiting| peer != Peer::TokenServer || it.last_error.is_none();
        if messages.iter().any(is_written) {
            self.write_down(messages, RETRY_LONGEST, why).await?;
        }
        self.tell_postponed(messages, peer, why);
        Ok(())
    }

    async fn postpone(
        &self,
        messages: &[Waiting],
        peer: Peer,
        why: &str,
        look: &mut Look,
    ) -> Result<(), Undecided> {
        let is_probe = self.is_away(peer) && !look.is_probed;
        look.is_probed |= is_probe;
        let longest = if is_probe {
            PROBE_LONGEST
        } else {
            RETRY_LONGEST
        };
        self.write_down(messages, longest, why).await?;
        self.tell_postponed(messages, peer, why);
        Ok(())
    }

    async fn write_down(
        &self,
        messages: &[Waiting],
        longest: Span,
        why: &str,
    ) -> Result<(), Undecided> {
        let attempts = messages.iter().map(|waiting| waiting.attempts).max();
        let attempts = attempts.unwrap_or(0);
        let doubled = RETRY_FIRST
            .micros()
            .saturating_mul(1_i64 << attempts.min(16));
        let wait = Span::from_micros(doubled.min(longest.micros()));
        let ids: Vec<i64> = messages.iter().map(|waiting| waiting.id).collect();
        if attempts == 0 {
            warn!(messages = ?ids, why, "sent again later");
        }
        let due = clock::now().after(wait);
        self.store.postpone(ids, due, why).await
    }

    fn tell_postponed(&self, messages: &[Waiting], peer: Peer, why: &str) {
        let is_served = peer == Peer::TokenServer && !self.is_away(peer);
        for waiting in messages {
            let report = Report::Postponed {
                asked: asked(&waiting.message),
                delay: if is_served {
                    Delay::NotServed
                } else {
                    Delay::NoAnswer
                },
                why: why.to_owned(),
            };
            self.tell(waiting.id, report);
        }
    }

    /// One attempt. An error is why it has to be tried again.
    async fn deliver(&self, waiting: &Waiting) -> Result<Report, String> {
        match &waiting.message {
            Message::ActivateLicence { vdom, code } => self.activate(waiting, *vdom, code).await,
            Message::Provision { tokens, .. } => self.provision(waiting, tokens).await,
            Message::ActivateHardware { tokens, .. } => {
                self.activate_hardware(waiting, tokens).await
            }
            Message::ActivationCode {
                token, user, to, ..
            } => {
                let attempt = waiting.attempts + 1;
                self.hand_over(waiting.id, *token, user, to.clone(), attempt)
                    .await
            }
            Message::TransferNotice {
                token, user, to, ..
            } => {
                let attempt = waiting.attempts + 1;
                self.notify(waiting.id, *token, user, to.clone(), attempt)
                    .await
            }
        }
    }

    async fn refused(
        &self,
        id: i64,
        error: &WireError,
        operation: Operation,
    ) -> Result<(), String> {
        self.debug.at(SOURCE, Place::COMMAND, || {
            format!("received error from forticare [{}]", error.gateway_code())
        });
        self.take_in(operation, [id]).await.map(drop)
    }

    /// Takes an answer in; the messages that follow from it.
    async fn take_in(
        &self,
        operation: Operation,
        settles: impl IntoIterator<Item = i64>,
    ) -> Result<Done, String> {
        self.administer(operation, settles, clock::now())
            .await
            .map_err(text)
    }

    async fn administer(
        &self,
        operation: Operation,
        settles: impl IntoIterator<Item = i64>,
        now: Timestamp,
    ) -> Result<Done, PollError> {
        let by = Authority::system("forticldd");
        let entropy = clock::entropy()?;
        let done = self
            .store
            .administer(operation, entropy, by, now, settles)
            .await?;
        Ok(done)
    }
}

fn peer(waiting: &Waiting) -> Peer {
    Peer::of(&waiting.message)
}

/// What a message asks for, as its administrator calls it.
fn asked(message: &Message) -> Asked {
    match message {
        Message::ActivateLicence { .. } => Asked::Import,
        Message::ActivateHardware { .. } => Asked::Activate,
        Message::Provision { .. } => Asked::Provision,
        Message::ActivationCode { .. } | Message::TransferNotice { .. } => Asked::Send,
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
