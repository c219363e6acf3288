//! What goes out and what comes back: the outbox's worker, and the poller.
//!
//! A message leaves the outbox in the transaction that takes in its answer. Until then it is sent
//! again, under the same identity, so that an answer that was lost is had again.

mod hardware;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cli::debug::{Place, Source};
use cli::render::Request as Asked;
use domain::access::Authority;
use domain::admin::{AdminError, Delivery, Message, Operation, Phone, Polled, Remark, Supplied};
use domain::contact::{Address, Channel};
use domain::query::ServerReach;
use domain::time::{Span, Timestamp};
use domain::token::{ActivationLink, Stage};
use domain::vdom::Vdom;
use ident::{LicenceCode, LicenceSerial, RegistrationId, TokenSerial};
use softtoken::device::SealingPrivateKey;
use softtoken::process::{
    ActivationLicenseRequest, PollAnswer, PollingRequest, ProvisionAnswer, ProvisionRequest,
    Request, Response, TokenToProvision,
};
use softtoken::{Echo, TypedLicenceCode, WireError};
use store::gateway::{Done, GatewayStore, Waiting};
use store::{Failure, Undecided};
use tokio::sync::{Notify, oneshot, watch};
use tracing::{info, warn};

use self::hardware::Activated;
use crate::clock::{self, NoEntropy};
use crate::debug_log::DebugLog;
use crate::delivery::{Activation, Courier, Matter};
use crate::stopped;
use crate::token_server::{AskError, TokenServer};

/// How often all tokens are polled, as in the described system.
const POLL_EVERY: Duration = Duration::from_mins(5);
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

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Report {
    /// The licence is activated.
    Imported {
        licence: LicenceSerial,
        tokens: usize,
        /// How many of its tokens were here before.
        known: usize,
        /// Tokens of it that another virtual domain has.
        elsewhere: Vec<TokenSerial>,
    },
    /// The token server refuses.
    ServerRefused {
        token: Option<TokenSerial>,
        error: WireError,
    },
    /// A token has its activation code; the mail or SMS with it, if one is sent, is this message.
    Provisioned {
        token: TokenSerial,
        letter: Option<i64>,
    },
    /// What became of hardware tokens.
    Activated(Vec<Activated>),
    /// The code is sent.
    Sent { to: Address },
    /// The code is not sent, and will not be.
    NotSent { token: TokenSerial, why: String },
    /// Not yet: it is tried again.
    Postponed { asked: Asked, why: String },
}

/// Why a poll failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PollError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the token server refused the poll: {0}")]
    Refused(WireError),
    #[error(transparent)]
    Undecided(#[from] Undecided),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error("the answer was refused: {0}")]
    Admin(#[from] AdminError),
}

impl From<Failure<AdminError>> for PollError {
    fn from(failure: Failure<AdminError>) -> Self {
        match failure {
            Failure::Refused(error) => Self::Admin(error),
            Failure::Undecided(why) => Self::Undecided(why),
        }
    }
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
}

/// What became of messages, for those who ask before or after it happens.
#[derive(Debug, Default)]
struct Reports {
    waiters: HashMap<i64, oneshot::Sender<Report>>,
    /// The latest reports that nobody has asked for yet.
    told: VecDeque<(i64, Report)>,
    /// The phone that the token server named last for a token that is on another: one alarm each.
    alarmed: HashMap<TokenSerial, RegistrationId>,
}

/// Reports that are kept for somebody who asks late.
const TOLD_MAX: usize = 64;

/// What a poll has found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct PollSummary {
    /// Tokens that were asked about.
    pub(crate) asked: usize,
    /// Tokens that have a phone since.
    pub(crate) activated: usize,
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
        }
    }

    /// The token server.
    pub(crate) fn server(&self) -> &TokenServer {
        &self.server
    }

    /// Learns what becomes of a message at its next attempt, and has that made now.
    pub(crate) fn follow(&self, message: i64) -> oneshot::Receiver<Report> {
        let (waiter, outcome) = oneshot::channel();
        let mut reports = self.reports();
        let told = reports.told.iter().position(|(told, _)| *told == message);
        match told.and_then(|at| reports.told.remove(at)) {
            // Nobody else has the other end: it cannot be gone.
            Some((_, report)) => drop(waiter.send(report)),
            None => {
                // Those of messages that a later one replaced are never told.
                reports.waiters.retain(|_, waiter| !waiter.is_closed());
                reports.waiters.insert(message, waiter);
                self.news.notify_one();
            }
        }
        outcome
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

    /// Polls now and then until told to stop.
    pub(crate) async fn run_poller(&self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL_EVERY) => {}
                () = stopped(&mut stop) => return,
            }
            tokio::select! {
                polled = self.poll(None) => if let Err(error) = polled {
                    warn!(%error, "poll failed");
                },
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
        for waiting in due {
            let (id, attempts, peer) = (waiting.id, waiting.attempts, Peer::of(&waiting.message));
            let asked = asked(&waiting.message);
            let is_new = waiting.last_error.is_none();
            let begun = Instant::now();
            let held_back = silent.get(&peer).cloned();
            let is_tried = held_back.is_none();
            let delivered = match held_back {
                Some(why) => Err(why),
                None => self.deliver(waiting).await,
            };
            let report = match delivered {
                Ok(report) => {
                    answered += 1;
                    report
                }
                Err(why) => {
                    if self.is_silent(peer, begun.elapsed()) {
                        silent.insert(peer, why.clone());
                    }
                    // What is held back for the token server is not written each time: a day's queue would
                    // be, every few seconds. Mails are, or they would stand before the SMS.
                    if is_tried || is_new || peer != Peer::TokenServer {
                        self.postpone(id, attempts, peer, &why).await?;
                    }
                    Report::Postponed { asked, why }
                }
            };
            self.tell(id, report);
        }
        Ok(if is_full && answered > 0 {
            Progress::More
        } else {
            Progress::Done
        })
    }

    /// Whether a peer that failed after so long is left alone for the rest of a look. What is for the token
    /// server keeps its order by that.
    fn is_silent(&self, peer: Peer, failed_after: Duration) -> bool {
        let is_unreachable =
            peer == Peer::TokenServer && self.server.reach() == ServerReach::Unreachable;
        is_unreachable || failed_after >= SILENT_AFTER
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

    fn tell(&self, id: i64, report: Report) {
        let mut reports = self.reports();
        let unheard = match reports.waiters.remove(&id) {
            Some(waiter) => waiter.send(report).err(),
            None => Some(report),
        };
        if let Some(report) = unheard {
            reports.told.push_back((id, report));
            if reports.told.len() > TOLD_MAX {
                reports.told.pop_front();
            }
        }
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
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

    async fn activate(
        &self,
        id: i64,
        message_id: &str,
        vdom: Vdom,
        code: &LicenceCode,
    ) -> Result<Report, String> {
        let request = Request::ActivationLicense(ActivationLicenseRequest {
            code: TypedLicenceCode::from(code),
            product: self.server.product(),
        });
        let answer = self.server.ask(&request, Some(message_id)).await;
        let Response::ActivationLicense(answer) = answer.map_err(text)? else {
            return Err(text(AskError::Mismatched));
        };
        match answer.outcome {
            Ok(licence) => {
                let (serial, tokens) = (licence.serial, licence.tokens.len());
                let operation = Operation::Imported {
                    vdom,
                    licence: licence.serial,
                    tokens: licence.tokens,
                };
                let done = self.take_in(operation, Some(id)).await?;
                let elsewhere: Vec<TokenSerial> =
                    done.remarks.iter().filter_map(elsewhere).collect();
                let is_here = |remark: &&Remark| matches!(remark, Remark::Here(_));
                let known = done.remarks.iter().filter(is_here).count();
                let tokens = tokens.saturating_sub(elsewhere.len() + known);
                info!(licence = %serial, tokens, "licence imported");
                Ok(Report::Imported {
                    licence: serial,
                    tokens,
                    known,
                    elsewhere,
                })
            }
            Err(error) => {
                let answer = error.to_string().into();
                self.refused(id, &error, Operation::ImportRefused { vdom, answer })
                    .await?;
                Ok(Report::ServerRefused { token: None, error })
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
        self.take_in(operation, Some(id)).await.map(drop)
    }

    async fn provision(
        &self,
        id: i64,
        message_id: &str,
        tokens: &[TokenSerial],
    ) -> Result<Report, String> {
        let _phones = self.phones.lock().await;
        let lifetime = self.store.settings(Vdom::ROOT).code_lifetime;
        let code_expire_min = u32::try_from(lifetime.mins()).unwrap_or(u32::MAX);
        let wanted: Vec<TokenToProvision> = tokens
            .iter()
            .filter_map(|serial| {
                let verifier = self.store.verifier(*serial)?;
                self.debug.at(SOURCE, Place::PROVISION, || {
                    format!("provision token: {serial}")
                });
                Some(TokenToProvision {
                    token: Echo::from(*serial),
                    seed: verifier.seed,
                    code_expire_min,
                    parameters: verifier.parameters,
                })
            })
            .collect();
        let Some(first) = tokens.first().copied().filter(|_| !wanted.is_empty()) else {
            // The tokens were unassigned or deleted before the message left.
            self.store.settle(id).await.map_err(text)?;
            return Ok(Report::Postponed {
                asked: Asked::Provision,
                why: "the token needs no code any more".to_owned(),
            });
        };
        let product = self.server.product();
        let request = Request::Provision(ProvisionRequest {
            product,
            tokens: wanted,
        });
        let answer = self.server.ask(&request, Some(message_id)).await;
        let Response::Provision(answer) = answer.map_err(text)? else {
            return Err(text(AskError::Mismatched));
        };
        let mut supplied = Vec::new();
        let mut failed = answer.error.map(|error| (first, error));
        for ProvisionAnswer { token, outcome } in answer.tokens {
            let Ok(serial) = TokenSerial::parse(token.as_str()) else {
                continue;
            };
            match outcome {
                Ok(ready) => supplied.push(Supplied {
                    token: serial,
                    code: ready.code,
                    link: ActivationLink::new(ready.link.render().to_string()),
                    valid: Span::from_mins(i64::from(ready.code_expire_min)),
                }),
                Err(error) => failed = Some((serial, error)),
            }
        }
        if let Some((serial, error)) = failed {
            let (token, answer) = (serial, error.to_string().into());
            self.refused(id, &error, Operation::ProvisionRefused { token, answer })
                .await?;
            return Ok(Report::ServerRefused {
                token: Some(serial),
                error,
            });
        }
        let done = self
            .take_in(Operation::Provisioned(supplied), Some(id))
            .await?;
        self.nudge();
        Ok(Report::Provisioned {
            token: first,
            letter: done.messages.first().copied(),
        })
    }

    /// Has an activation code carried to its person.
    async fn hand_over(
        &self,
        id: i64,
        serial: TokenSerial,
        user: &str,
        to: Address,
        attempts: u32,
    ) -> Result<Report, String> {
        let owned = self.store.token(serial).await.map_err(text)?;
        let language = owned
            .as_ref()
            .and_then(|owned| owned.owner.as_ref()?.contact.language);
        let waiting = match owned.map(|owned| owned.token.stage) {
            Some(Stage::Provisioning(waiting)) if waiting.expires > clock::now() => waiting,
            // Activated, unassigned or expired meanwhile: this code is of no use.
            _ => {
                self.store.settle(id).await.map_err(text)?;
                return Ok(Report::NotSent {
                    token: serial,
                    why: "the code is no longer valid".into(),
                });
            }
        };
        let activation = Activation {
            user,
            code: waiting.code.as_str(),
            link: waiting.link.as_str(),
            expires: &waiting.expires.to_string(),
        };
        match self
            .courier
            .carry(&to, language, &Matter::Activation(activation))
            .await
        {
            Ok(()) => {
                let sent = Delivery::Sent {
                    to: to.as_str().into(),
                };
                self.take_in(delivered(serial, sent), Some(id)).await?;
                Ok(Report::Sent { to })
            }
            Err(error) if error.is_transient(attempts) => Err(error.to_string()),
            Err(error) => {
                if !error.is_unconfigured() {
                    warn!(token = %serial, %error, "an activation code is not sent");
                }
                let why = error.to_string().into();
                self.take_in(delivered(serial, Delivery::Failed { why }), Some(id))
                    .await?;
                Ok(Report::NotSent {
                    token: serial,
                    why: error.to_string(),
                })
            }
        }
    }

    /// Asks the token server for the state of every token that waits for a phone or has one: those of a
    /// virtual domain, or all.
    pub(crate) async fn poll(&self, vdom: Option<Vdom>) -> Result<PollSummary, PollError> {
        let mut after = String::new();
        let mut summary = PollSummary::default();
        loop {
            let limit = i64::try_from(softtoken::limits::MAX_POLL_TOKENS).unwrap_or(i64::MAX);
            let serials = self.store.pollable_after(vdom, &after, limit).await?;
            let Some(last) = serials.last() else {
                return Ok(summary);
            };
            last.as_str().clone_into(&mut after);
            summary.asked += serials.len();
            summary.activated += self.poll_page(&serials).await?;
        }
    }

    async fn poll_page(&self, serials: &[TokenSerial]) -> Result<usize, PollError> {
        let _phones = self.phones.lock().await;
        self.debug
            .at(SOURCE, Place::POLL, || "Poll token status!".to_owned());
        let request = Request::Polling(PollingRequest {
            product: self.server.product(),
            tokens: serials.iter().map(|serial| Echo::from(*serial)).collect(),
        });
        let Response::Polling(answer) = self.server.ask(&request, None).await? else {
            return Err(AskError::Mismatched.into());
        };
        if let Some(error) = answer.error {
            return Err(PollError::Refused(error));
        }
        let mut news = Vec::new();
        let mut activated = 0;
        for answer in answer.tokens {
            let Some(polled) = phone_of(answer) else {
                continue;
            };
            match self.news(&polled).await? {
                News::None => continue,
                News::Activated => activated += 1,
                News::OtherPhone => {}
            }
            news.push(polled);
        }
        if !news.is_empty() {
            self.administer(Operation::Polled(news), None, clock::now())
                .await?;
        }
        Ok(activated)
    }

    /// What a poll tells that is not known here; only that is worth a transaction.
    async fn news(&self, polled: &Polled) -> Result<News, Undecided> {
        let (Some(phone), Some(owned)) = (&polled.phone, self.store.token(polled.token).await?)
        else {
            return Ok(News::None);
        };
        Ok(match owned.token.stage {
            Stage::Provisioning(_) => {
                self.debug.at(SOURCE, Place::UPDATE, || {
                    let (id, version) = (phone.registration, &phone.os_version);
                    format!(
                        "Update REGID for {} regid:{id} os_ver:{version}",
                        polled.token
                    )
                });
                News::Activated
            }
            Stage::Provisioned(known) if known.registration != phone.registration => {
                let named = phone.registration;
                let before = self.reports().alarmed.insert(polled.token, named);
                if before == Some(named) {
                    News::None
                } else {
                    News::OtherPhone
                }
            }
            _ => News::None,
        })
    }

    /// Takes an answer in; the messages that follow from it.
    async fn take_in(&self, operation: Operation, settles: Option<i64>) -> Result<Done, String> {
        self.administer(operation, settles, clock::now())
            .await
            .map_err(text)
    }

    async fn administer(
        &self,
        operation: Operation,
        settles: Option<i64>,
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

/// What a message asks for, as its administrator calls it.
fn asked(message: &Message) -> Asked {
    match message {
        Message::ActivateLicence { .. } => Asked::Import,
        Message::ActivateHardware { .. } => Asked::Activate,
        Message::Provision { .. } => Asked::Provision,
        Message::ActivationCode { .. } => Asked::Send,
    }
}

/// What a poll tells of one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    None,
    Activated,
    OtherPhone,
}

fn delivered(token: TokenSerial, delivery: Delivery) -> Operation {
    Operation::Delivered { token, delivery }
}

fn phone_of(answer: PollAnswer) -> Option<Polled> {
    let token = TokenSerial::parse(answer.token.as_str()).ok()?;
    let polled = answer.outcome.ok()?;
    let phone = polled.registration.map(|registration| Phone {
        registration: registration.id,
        os_version: Box::from(registration.version.as_str()),
    });
    Some(Polled { token, phone })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The token that a remark says another virtual domain has.
fn elsewhere(remark: &Remark) -> Option<TokenSerial> {
    match remark {
        Remark::Elsewhere(token) => Some(*token),
        _ => None,
    }
}
