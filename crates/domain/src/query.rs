//! What can be asked of a gateway, and the rows in which the answers come.
//!
//! The shell fetches; the command line, REST and the web pages show the same rows. Nothing in them is
//! secret, except that an [`Object`](crate::schema::Object) may hold secrets as the store keeps them.

use ident::{ProductSerial, TokenSerial};
use otp::Drift;

use crate::admin::Message;
use crate::audit::{ActivationStage, Event, What};
use crate::event_log::Search;
use crate::explain::Finding;
use crate::login::{Origin, Spend};
use crate::name::CanonicalName;
use crate::reason::Reason;
use crate::schema::Table;
use crate::settings::VdomMode;
use crate::time::{Span, Timestamp};
use crate::token::Token;
use crate::unit::Ending;
use crate::vdom::Vdom;

/// A question that changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// Entries of a configuration table, in the order of their keys: a row is an
    /// [`Object`](crate::schema::Object). A single object is always there, set or not.
    Entries {
        /// The virtual domain; the root for a table that stands once.
        vdom: Vdom,
        /// The table.
        table: &'static Table,
        /// One entry only; none if it does not exist.
        key: Option<Box<str>>,
    },
    /// Drift and status of tokens, by serial: rows are [`TokenRow`]s, then one [`TokenTotals`].
    TokenInfo {
        /// Of this virtual domain.
        vdom: Vdom,
        /// One token only.
        serial: Option<TokenSerial>,
    },
    /// Logins, the latest last: rows are [`LoginRow`]s.
    Logins(Logins),
    /// The event log, the latest first: rows are [`Event`]s.
    Log(LogPage),
    /// What this unit is, asked from a virtual domain: one [`SystemStatus`].
    SystemStatus(Vdom),
    /// What waits to be sent, the oldest first: rows are [`OutboxRow`]s.
    Outbox {
        /// Of this virtual domain; of all for `None`.
        vdom: Option<Vdom>,
    },
    /// What became of messages to people, the latest last: rows are [`DeliveryRow`]s.
    Deliveries {
        /// In this virtual domain; in all for `None`.
        vdom: Option<Vdom>,
        /// How many at most, counted from the latest.
        last: u32,
    },
}

/// Which logins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logins {
    /// Into this virtual domain; into all for `None`.
    pub vdom: Option<Vdom>,
    /// Whose.
    pub of: Whose,
    /// How many at most, counted from the latest.
    pub last: u32,
}

/// Which lines of the event log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogPage {
    /// Only those of this virtual domain.
    pub vdom: Option<Vdom>,
    /// What an event has to be.
    pub search: Search,
    /// The first that is shown of those that are found; 1 for the latest.
    pub start_line: u32,
    /// How many are shown at most.
    pub view_lines: u32,
    /// How many events are looked at most, the latest first.
    pub check_lines: u32,
}

/// Whose logins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// Everybody's.
    Anyone,
    /// Those with this name, whether a user has it or not.
    Person(CanonicalName),
    /// Those through this RADIUS client.
    Client(Box<str>),
}

/// A token's line of `diagnose fortitoken info`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRow {
    /// The token.
    pub serial: TokenSerial,
    /// Its learned clock difference in steps.
    pub drift: Drift,
    /// Its state in FortiOS's words, such as `provision timeout`.
    pub status: &'static str,
}

impl TokenRow {
    /// The line of a token as it stands at `now`.
    pub fn of(token: &Token, now: Timestamp) -> Self {
        Self {
            serial: token.serial,
            drift: token.drift,
            status: token.status_text(now),
        }
    }
}

/// What stands below the tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenTotals {
    /// Activated hardware tokens of the virtual domain at hand. Mobile tokens never count, as in the
    /// described system.
    pub activated: u64,
    /// The same over all virtual domains.
    pub activated_global: u64,
    /// The token server.
    pub server: ServerReach,
}

/// Whether the token server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerReach {
    /// It answered the last request.
    Reachable,
    /// It did not.
    Unreachable,
    /// It was not asked yet.
    Unknown,
}

/// One login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginRow {
    /// The number of its audit event.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// The name that was presented, in canonical form.
    pub person: CanonicalName,
    /// From where.
    pub origin: Origin,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a login ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Granted.
    Accepted(Spend),
    /// Granted to somebody without a record, on the word of this server.
    Vouched(Box<str>),
    /// Refused.
    Refused(Refused),
    /// Not decided: the client heard nothing.
    Undecided {
        /// Why.
        reason: Reason,
        /// What is known of it.
        evidence: Box<str>,
    },
}

/// A refused login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// As known when the reply was due.
    pub reason: Reason,
    /// The token whose code was looked at.
    pub token: Option<TokenSerial>,
    /// What was known besides, when the reply was due.
    pub evidence: Option<Box<str>>,
    /// What it turned out to be, once that was worked out.
    pub explained: Option<Finding>,
}

impl Refused {
    /// The reason, as far as it is known now.
    pub fn known_reason(&self) -> Reason {
        self.explained
            .as_ref()
            .map_or(self.reason, |finding| finding.reason)
    }

    /// The evidence for it.
    pub fn known_evidence(&self) -> Option<&str> {
        let found = self.explained.as_ref().map(|finding| &*finding.evidence);
        found.or(self.evidence.as_deref())
    }
}

/// An administrator who is logged in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminSession {
    /// By which number the session can be ended.
    pub number: u64,
    /// Who.
    pub name: Box<str>,
    /// Through what: `ssh`, `console`.
    pub protocol: Box<str>,
    /// The address here.
    pub local: Box<str>,
    /// The administrator's address.
    pub remote: Box<str>,
    /// The virtual domain that the administrator works in at first.
    pub vdom: Box<str>,
    /// The access profile.
    pub profile: Box<str>,
    /// Since when.
    pub since: Timestamp,
    /// For how long nothing was typed.
    pub idle: Span,
}

/// What this unit is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemStatus {
    /// Its serial number.
    pub serial: ProductSerial,
    /// Its name.
    pub hostname: Box<str>,
    /// Version of this program, such as `0.1.0`.
    pub release: Box<str>,
    /// Its clock.
    pub now: Timestamp,
    /// The virtual domain from which was asked.
    pub vdom: Vdom,
    /// Whether it has virtual domains.
    pub vdom_mode: VdomMode,
    /// How many it has, the root among them.
    pub vdoms: usize,
    /// How it ended before, if it ended in order.
    pub last_end: Option<Ending>,
}

/// Something that waits to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxRow {
    /// Its number.
    pub number: i64,
    /// What it is about, see [`about`].
    pub about: Box<str>,
    /// When it was written.
    pub created: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// What the last attempt failed with.
    pub last_error: Option<Box<str>>,
}

/// A message to a person, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRow {
    /// The event's number.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// In which virtual domain.
    pub vdom: Vdom,
    /// What it was; never the code.
    pub about: Box<str>,
    /// Why it did not get through, if it did not.
    pub failure: Option<Box<str>>,
}

impl DeliveryRow {
    /// What an event says of a message, if it is of one.
    pub fn of(number: i64, event: &Event) -> Option<Self> {
        let (vdom, about, failure) = match &event.what {
            What::Activation {
                vdom,
                token,
                owner,
                stage,
                detail,
                ..
            } => {
                let user = owner.as_ref().map_or("nobody", CanonicalName::bare);
                let about = format!("activation code of {token} for {user}");
                match stage {
                    ActivationStage::CodeSent => (*vdom, format!("{about} to {detail}"), None),
                    ActivationStage::CodeNotSent => (*vdom, about, Some(detail.clone())),
                    _ => return None,
                }
            }
            What::CodeSent {
                person,
                channel,
                failure,
                ..
            } => {
                let about = format!("code for a login of {} by {channel}", person.bare());
                (person.realm().vdom(), about, failure.clone())
            }
            _ => return None,
        };
        Some(Self {
            number,
            at: event.at,
            vdom,
            about: about.into(),
            failure,
        })
    }
}

/// A message in words, without the licence code, which lets its bearer in.
pub fn about(message: &Message) -> String {
    match message {
        Message::ActivateLicence { code, .. } if code.is_trial() => {
            "import of trial tokens".to_owned()
        }
        Message::ActivateLicence { .. } => "import of a licence".to_owned(),
        Message::Provision { tokens, .. } => {
            let serials: Vec<&str> = tokens.iter().map(TokenSerial::as_str).collect();
            format!("provisioning of {}", serials.join(", "))
        }
        Message::ActivateHardware { tokens, .. } => {
            let serials: Vec<&str> = tokens.iter().map(TokenSerial::as_str).collect();
            format!("activation of {}", serials.join(", "))
        }
        Message::ActivationCode {
            token, user, to, ..
        } => {
            format!("activation {} for {token} to {user} <{to}>", to.channel())
        }
        Message::TransferNotice {
            token, user, to, ..
        } => {
            format!("transfer notice for {token} to {user} <{to}>")
        }
    }
}
