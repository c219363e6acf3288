//! What goes out and what comes back: the outbox's worker, and the poller.
//!
//! A message leaves the outbox in the transaction that takes in its answer. Until then it is sent
//! again, under the same identity, so that an answer that was lost is had again.

mod errand;
mod hardware;
mod letters;
mod licences;
mod poll;
mod provision;
mod reports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cli::debug::{Place, Source};
use cli::render::Request as Asked;
use domain::access::Authority;
use domain::admin::{Message, Operation};
use domain::contact::Channel;
use domain::query::ServerReach;
use domain::time::{Span, Timestamp};
use softtoken::WireError;
use softtoken::device::SealingPrivateKey;
use store::Undecided;
use store::gateway::{Done, GatewayStore, Waiting};
use tokio::sync::{Notify, watch};
use tracing::warn;

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
/// The longest such wait for a server of mails or SMS, which may take offence at more.
const RETRY_LONGEST: Span = Span::from_mins(5);
/// The longest such wait for the token server: what was queued while it was away has reached it half a
/// minute after it is back.
const SERVER_RETRY_LONGEST: Span = Span::from_secs(15);
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
            Message::ActivationCode { to, .. } => match to.channel() {
                Channel::Email => Self::Mail,
                Channel::Sms => Self::Sms,
            },
        }
    }
}

/// How far a look at the outbox got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// What is due may be more than one look takes up, and messages get through.
    More,
    Done,
}

/// The worker behind the outbox.
#[derive(Debug)]
pub(crate) struct Supply {
    store: Arc<GatewayStore>,
    server: TokenServer,
    courier: Arc<Courier>,
    debug: DebugLog,
    news: Notify,
    reports: Mutex<Reports>,
    /// Held from question to record by whatever moves a token's phone: a poll that was asked before a
    /// provisioning and answered after it would name the old phone for the new seed.
    phones: tokio::sync::Mutex<()>,
    /// Seeds of hardware tokens come sealed to it.
    sealing_key: SealingPrivateKey,
    /// The messages that went together at the last attempt and have no answer: they go together again.
    together: Mutex<Vec<i64>>,
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
            news: Notify::new(),
            reports,
            phones: tokio::sync::Mutex::default(),
            sealing_key,
            together: Mutex::default(),
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
        self.news.notify_one();
    }

    /// Sends what is due until told to stop.
    pub(crate) async fn run(&self, mut stop: watch::Receiver<bool>) {
        loop {
            // What is broken off stays in the outbox, and is sent again under the same identity.
            tokio::select! {
                delivered = self.deliver_all_due() => if let Err(error) = delivered {
                    warn!(%error, "the outbox cannot be read");
                },
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                () = self.news.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Sends what is due, for as long as it gets anywhere: a look takes up only so much.
    async fn deliver_all_due(&self) -> Result<(), Undecided> {
        while self.deliver_due().await? == Progress::More {}
        Ok(())
    }

    async fn deliver_due(&self) -> Result<Progress, Undecided> {
        let mut silent = HashMap::new();
        let mut answered = 0;
        let due = self.store.due(clock::now(), BATCH).await?;
        let is_full = due.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        let was_away = self.server.reach() == ServerReach::Unreachable;
        for errand in self.errands(due).await {
            let heads: Vec<Head> = errand.messages().iter().map(Head::of).collect();
            let Some(peer) = heads.first().map(|head| head.peer) else {
                continue;
            };
            let begun = Instant::now();
            let held_back = silent.get(&peer).cloned();
            let is_tried = held_back.is_none();
            let delivered = match held_back {
                Some(why) => Err(why),
                None => self.run_errand(errand).await,
            };
            let why = match delivered {
                Ok(reports) => {
                    answered += reports.len();
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
            if self.is_silent(peer, begun.elapsed()) {
                silent.insert(peer, why.clone());
            }
            for head in heads {
                // What is held back for the token server is not written each time: a day's queue would
                // be, every few seconds. Mails are, or they would stand before the SMS.
                if is_tried || head.is_new || peer != Peer::TokenServer {
                    self.postpone(head.id, head.attempts, peer, &why).await?;
                }
                let (asked, why) = (head.asked, why.clone());
                self.tell(head.id, Report::Postponed { asked, why });
            }
        }
        Ok(if is_full && answered > 0 {
            Progress::More
        } else {
            Progress::Done
        })
    }

    /// Whether a peer that failed after so long is left alone for the rest of a look. What is for the token
    /// server keeps its order by that; a manager that does not reach it may have what comes next in its
    /// reserve.
    fn is_silent(&self, peer: Peer, failed_after: Duration) -> bool {
        let is_unreachable =
            peer == Peer::TokenServer && self.server.reach() == ServerReach::Unreachable;
        let is_silent = is_unreachable && !self.server.is_behind_manager();
        is_silent || failed_after >= SILENT_AFTER
    }

    async fn postpone(
        &self,
        id: i64,
        attempts: u32,
        peer: Peer,
        why: &str,
    ) -> Result<(), Undecided> {
        let longest = match peer {
            Peer::TokenServer => SERVER_RETRY_LONGEST,
            Peer::Mail | Peer::Sms => RETRY_LONGEST,
        };
        let doubled = RETRY_FIRST
            .micros()
            .saturating_mul(1_i64 << attempts.min(16));
        let wait = Span::from_millis(doubled.min(longest.micros()) / 1_000);
        if attempts == 0 {
            warn!(message = id, why, "a message is sent again later");
        }
        self.store.postpone(id, clock::now().after(wait), why).await
    }

    /// One attempt. An error is why it has to be tried again.
    async fn deliver(&self, waiting: Waiting) -> Result<Report, String> {
        let Waiting {
            id,
            message_id,
            message,
            attempts,
            ..
        } = waiting;
        match message {
            Message::ActivateLicence { vdom, code } => {
                self.activate(id, &message_id, vdom, &code).await
            }
            Message::Provision { tokens, .. } => self.provision(id, &message_id, &tokens).await,
            Message::ActivateHardware { tokens, .. } => {
                self.activate_hardware(id, &message_id, &tokens).await
            }
            Message::ActivationCode {
                token, user, to, ..
            } => self.hand_over(id, token, &user, to, attempts + 1).await,
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

/// Of a message, what is needed when it is not delivered.
struct Head {
    id: i64,
    attempts: u32,
    peer: Peer,
    asked: Asked,
    /// No attempt has failed yet.
    is_new: bool,
}

impl Head {
    fn of(waiting: &Waiting) -> Self {
        Self {
            id: waiting.id,
            attempts: waiting.attempts,
            peer: Peer::of(&waiting.message),
            asked: asked(&waiting.message),
            is_new: waiting.last_error.is_none(),
        }
    }
}

/// What a message asks for, as its administrator calls it.
fn asked(message: &Message) -> Asked {
    match message {
        Message::ActivateLicence { .. } => Asked::Import,
        Message::ActivateHardware { .. } => Asked::Activate,
        Message::Provision { .. } => Asked::Provision,
        Message::ActivationCode { .. } => Asked::Send,
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
