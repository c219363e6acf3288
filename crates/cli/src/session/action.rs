//! What is done outside of the store: at the network, the clock, the process.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use domain::unit::Ending;
use domain::vdom::Vdom;

use super::certificate::{self, CertificateAction};
use super::recovery::{self, Recovery};
use super::{Complaint, Output, Session, Step, print, run_into};
use crate::render::{self, TOKEN_SERVER_TESTS, printable};
use crate::session::Command;
use crate::tree::{Act, PingOption};

/// Longest host name (RFC 1035, 2.3.4), without the dot at its end.
const HOST_MAX: usize = 253;

/// Characters of a reason that are kept; the event log has one line for it.
const COMMENT_MAX: usize = 127;

/// The port of `execute telnet` when none is named.
const TELNET_PORT: u16 = 23;

/// The test that the described system's procedures ask for.
const TOKEN_SERVER_STATUS: &str = "7";

/// Something to do outside of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// `execute time`: print [`render::time`](crate::render::time).
    Time,
    /// `execute date`: print [`render::date`](crate::render::date).
    Date,
    /// `execute ping` and `ping6`.
    Ping(Ping),
    /// `execute telnet`.
    Telnet {
        /// Where to.
        host: Host,
        /// Which port.
        port: u16,
    },
    /// `get system performance status`: print
    /// [`render::performance`](crate::render::performance).
    Performance,
    /// `get system admin list`: print [`render::administrators`](crate::render::administrators).
    Administrators,
    /// `diagnose sys admin-session list`: print
    /// [`render::sessions`](crate::render::sessions).
    Sessions,
    /// `execute disconnect-admin-session`: end a session, print
    /// [`render::session_ended`](crate::render::session_ended) or
    /// [`render::no_session`](crate::render::no_session).
    EndSession(u64),
    /// `get system admin status`: print [`render::administrator`](crate::render::administrator).
    Administrator,
    /// `diagnose test application forticldd 7`: ask the token server, print
    /// [`render::token_server`](crate::render::token_server).
    TokenServer,
    /// `execute log delete` and `delete-all`: hide all events up to now and have them removed, print
    /// [`render::log_deleted`](crate::render::log_deleted).
    DeleteLog,
    /// `diagnose log verify`: follow the hash chain, print
    /// [`render::log_verified`](crate::render::log_verified).
    VerifyLog,
    /// `diagnose radius clients list`: print [`render::radius_head`](crate::render::radius_head),
    /// each client, then the strangers.
    RadiusClients(Option<Vdom>),
    /// `diagnose radius clients reset-authenticator`: let an address leave it out again, print
    /// [`render::authenticator_reset`](crate::render::authenticator_reset) or that nothing was learned.
    ResetAuthenticator {
        /// The address.
        address: IpAddr,
        /// Of whose clients it is; none for those of all virtual domains.
        vdom: Option<Vdom>,
    },
    /// `diagnose radius name`: print [`render::name_preview`](crate::render::name_preview) with whose name it is, or
    /// why it can be nobody's.
    RadiusName {
        /// Where the client's entry stands.
        vdom: Vdom,
        /// Its name.
        client: String,
        /// The name as it would be typed.
        presented: String,
    },
    /// `diagnose verification guesses`: print [`render::guesses`](crate::render::guesses).
    VerificationGuesses(Option<Vdom>),
    /// `diagnose verification forget`: forget what was counted of an address, print
    /// [`render::guesses_forgotten`](crate::render::guesses_forgotten) or that nothing was.
    ForgetGuesses(IpAddr),
    /// `execute recovery-code` and `recovery-pass`: print
    /// [`render::recovery_codes`](crate::render::recovery_codes) and what belongs to it.
    Recovery(Recovery),
    /// `get vpn certificate local details` and `execute vpn certificate local …`: print
    /// [`render::certificates`](crate::render::certificates), or the PEM.
    Certificate(CertificateAction),
    /// `diagnose security`: print [`render::security`](crate::render::security).
    Security,
    /// `execute shutdown`, `reboot` and `factoryreset`: print
    /// [`render::ending`](crate::render::ending), then end the process.
    End {
        /// What comes after it.
        ending: Ending,
        /// Why, in the administrator's words.
        comment: Box<str>,
    },
    /// `diagnose sys ntp status`: ask the time servers, print
    /// [`render::time_servers`](crate::render::time_servers).
    TimeServers,
}

/// A host as it was typed: a name or an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host(Box<str>);

impl Host {
    /// Takes a name or an address; nothing that a resolver could not have.
    pub fn parse(text: &str) -> Option<Self> {
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let length = text.strip_suffix('.').unwrap_or(text).len();
        let is_valid = (1..=HOST_MAX).contains(&length) && text.chars().all(is_host);
        is_valid.then(|| Self(text.into()))
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to ask for echoes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Whom.
    pub host: Host,
    /// Over which protocol.
    pub family: Family,
    /// How.
    pub options: PingOptions,
}

/// A version of the Internet protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// `execute ping-options`: they hold for the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PingOptions {
    /// How many echoes are asked for.
    pub count: u32,
    /// Octets of data in each.
    pub size: u16,
    /// How long one is waited for.
    pub timeout: Duration,
    /// From one to the next.
    pub interval: Duration,
}

impl Default for PingOptions {
    fn default() -> Self {
        Self {
            count: 5,
            size: 56,
            timeout: Duration::from_secs(2),
            interval: Duration::from_secs(1),
        }
    }
}

impl PingOptions {
    fn set(&mut self, option: PingOption, word: &str) -> Result<(), Complaint> {
        let range = option.range();
        let number = word.parse().ok().filter(|number| range.contains(number));
        let number: u32 = number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Complaint::value(word, format!("a number from {least} to {most}"))
        })?;
        match option {
            PingOption::RepeatCount => self.count = number,
            PingOption::DataSize => self.size = u16::try_from(number).unwrap_or(u16::MAX),
            PingOption::Timeout => self.timeout = Duration::from_secs(number.into()),
            PingOption::Interval => self.interval = Duration::from_secs(number.into()),
        }
        Ok(())
    }
}

/// `execute ping-options view-settings`.
impl fmt::Display for PingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ping Options:\n")?;
        writeln!(f, "\tRepeat Count: {}", self.count)?;
        writeln!(f, "\tData Size: {}", self.size)?;
        writeln!(f, "\tTimeout: {}", self.timeout.as_secs())?;
        writeln!(f, "\tInterval: {}", self.interval.as_secs())
    }
}

impl Session {
    pub(super) fn act(
        &mut self,
        act: Act,
        words: &[String],
        output: Output,
    ) -> Result<Step, Complaint> {
        let word = words.first().map(String::as_str);
        let action = match act {
            Act::Time => clock(word, is_time, Action::Time)?,
            Act::Date => clock(word, is_date, Action::Date)?,
            Act::Ping(family) => Action::Ping(Ping {
                host: host(word)?,
                family,
                options: self.ping.clone(),
            }),
            Act::PingOption(option) => {
                self.ping.set(option, word.unwrap_or_default())?;
                return Ok(Step::Nothing);
            }
            Act::PingReset => {
                self.ping = PingOptions::default();
                return Ok(Step::Nothing);
            }
            Act::PingSettings => return Ok(print(&self.ping.to_string(), output)),
            Act::Telnet => Action::Telnet {
                host: host(word)?,
                port: words.get(1).map_or(Ok(TELNET_PORT), |word| port(word))?,
            },
            Act::End(ending) => {
                let action = Action::End {
                    ending,
                    comment: comment(words)?,
                };
                let step = run_into(Command::Act(action), output);
                return Ok(self.ask(render::ending_notice(ending), step));
            }
            Act::RadiusClients => Action::RadiusClients(self.context().only()),
            Act::ResetAuthenticator => Action::ResetAuthenticator {
                address: address(word)?,
                vdom: self.context().only(),
            },
            Act::RadiusName => Action::RadiusName {
                vdom: self.context().vdom(),
                client: word.unwrap_or_default().to_owned(),
                presented: words.get(1).cloned().unwrap_or_default(),
            },
            Act::VerificationGuesses => Action::VerificationGuesses(self.context().only()),
            Act::ForgetGuesses => Action::ForgetGuesses(address(word)?),
            Act::Security => Action::Security,
            Act::Certificate(word) => Action::Certificate(certificate::asked(word, words)?),
            Act::Recovery(word) => {
                Action::Recovery(recovery::asked(self.context().vdom(), word, words)?)
            }
            Act::Performance => Action::Performance,
            Act::TimeServers => Action::TimeServers,
            Act::Administrators => Action::Administrators,
            Act::Sessions => Action::Sessions,
            Act::EndSession => match word {
                Some(word) => Action::EndSession(session_number(word)?),
                None => Action::Sessions,
            },
            Act::Administrator => Action::Administrator,
            Act::TokenServerTest => match word {
                Some(TOKEN_SERVER_STATUS) => Action::TokenServer,
                Some(other) => return Err(Complaint::value(other, TOKEN_SERVER_TESTS.trim_end())),
                None => return Ok(print(TOKEN_SERVER_TESTS, output)),
            },
        };
        Ok(run_into(Command::Act(action), output))
    }
}

/// The clock is shown; to set it is left to the operating system, whose clock it is.
fn clock(
    word: Option<&str>,
    is_valid: impl Fn(&str) -> bool,
    shown: Action,
) -> Result<Action, Complaint> {
    match word {
        None => Ok(shown),
        Some(word) if is_valid(word) => Err(Complaint::denied(format!(
            "the clock is this host's, and codes depend on it: its operating system sets it, \
             such as with 'timedatectl set-time {word}' or, better, 'timedatectl set-ntp true'"
        ))),
        Some(word) => Err(Complaint::value(
            word,
            "a time is HH:MM:SS, a date YYYY-MM-DD",
        )),
    }
}

fn is_time(word: &str) -> bool {
    matches!(numbers(word, ':')[..], [hour, minute, second] if hour < 24 && minute < 60 && second < 60)
}

fn is_date(word: &str) -> bool {
    matches!(numbers(word, '-')[..], [year, month, day]
        if year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day))
}

/// The numbers of a text; none if something in it is no number.
fn numbers(text: &str, separator: char) -> Vec<u16> {
    let numbers = text.split(separator).map(|part| part.parse().ok());
    numbers.collect::<Option<_>>().unwrap_or_default()
}

/// `comment TEXT`, or nothing.
fn comment(words: &[String]) -> Result<Box<str>, Complaint> {
    match words {
        [] => Ok(Box::default()),
        [keyword, text] if !keyword.is_empty() && "comment".starts_with(keyword.as_str()) => {
            let text = text.chars().take(COMMENT_MAX).collect::<String>();
            Ok(printable(&text).into())
        }
        [keyword] if "comment".starts_with(keyword.as_str()) => {
            Err(Complaint::incomplete("a text must follow 'comment'"))
        }
        [other, ..] => Err(Complaint::command(
            other,
            "'comment TEXT' may stand here, or nothing",
        )),
    }
}

fn host(word: Option<&str>) -> Result<Host, Complaint> {
    let word = word.unwrap_or_default();
    Host::parse(word).ok_or_else(|| Complaint::value(word, "a host is a name or an IP address"))
}

fn session_number(word: &str) -> Result<u64, Complaint> {
    let plain = "a session is the number in its line of 'diagnose sys admin-session list'";
    word.parse().map_err(|_| Complaint::value(word, plain))
}

fn address(word: Option<&str>) -> Result<IpAddr, Complaint> {
    let word = word.unwrap_or_default();
    let address = word.parse::<IpAddr>().map(|address| address.to_canonical());
    address.map_err(|_| Complaint::value(word, "an IPv4 or IPv6 address"))
}

fn port(word: &str) -> Result<u16, Complaint> {
    let port = word.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Complaint::value(word, "a port is a number from 1 to 65535"))
}
