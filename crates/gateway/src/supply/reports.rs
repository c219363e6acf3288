//! What became of messages, for whoever asked.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;

use cli::render::{Delay, Request as Asked};
use domain::contact::Address;
use ident::{LicenceSerial, RegistrationId, TokenSerial};
use softtoken::WireError;
use tokio::sync::oneshot;

use super::Supply;
use super::hardware::Activated;

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
    Postponed {
        asked: Asked,
        delay: Delay,
        why: String,
    },
}

/// What became of messages, for those who ask before or after it happens.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) waiters: HashMap<i64, oneshot::Sender<Report>>,
    /// The latest reports that nobody has asked for yet.
    pub(super) told: VecDeque<(i64, Report)>,
    /// The phone that the token server named last for a token that is on another: one alarm each.
    pub(super) alarmed: HashMap<TokenSerial, RegistrationId>,
    /// The phones that answered with the seed of a token that is on another: one alarm each.
    pub(super) two_phones: HashMap<TokenSerial, Vec<RegistrationId>>,
}

/// Phones of one token that there is an alarm of: whoever has its seed can make keys without end.
const TWO_PHONES_MAX: usize = 4;

impl Reports {
    /// Whether an alarm of this phone is due. It is taken for given.
    pub(super) fn alarm(&mut self, token: TokenSerial, other: RegistrationId) -> bool {
        let known = self.two_phones.entry(token).or_default();
        let is_due = known.len() < TWO_PHONES_MAX && !known.contains(&other);
        if is_due {
            known.push(other);
        }
        is_due
    }
}

/// Reports that are kept for somebody who asks late.
const TOLD_MAX: usize = 64;

impl Supply {
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
                self.nudge();
            }
        }
        outcome
    }

    pub(super) fn tell(&self, id: i64, report: Report) {
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

    /// The messages about which somebody waits to hear.
    pub(super) fn awaited(&self) -> Vec<i64> {
        let reports = self.reports();
        let waiters = reports.waiters.iter();
        let mut awaited: Vec<i64> = waiters
            .filter(|(_, waiter)| !waiter.is_closed())
            .map(|(message, _)| *message)
            .collect();
        awaited.sort_unstable();
        awaited
    }

    pub(super) fn reports(&self) -> std::sync::MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
