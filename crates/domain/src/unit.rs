//! How a unit is doing: its machine, its connection to the token server.

use std::net::IpAddr;
use std::time::Duration;

use crate::time::{Span, Timestamp};

/// What `get system performance status` tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Performance {
    /// All processors together first, then each; empty where the system does not tell.
    pub processors: Vec<Processor>,
    /// Memory of the machine; none where the system does not tell.
    pub memory: Option<Memory>,
    /// Since the start of this unit.
    pub uptime: Duration,
}

/// What a processor did in a while, in the system's ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Processor {
    /// Programs.
    pub user: u64,
    /// Programs of low priority.
    pub nice: u64,
    /// The kernel.
    pub system: u64,
    /// Nothing.
    pub idle: u64,
    /// Waiting for a disk.
    pub iowait: u64,
    /// Interrupts.
    pub irq: u64,
    /// What interrupts leave to do.
    pub softirq: u64,
}

impl Processor {
    /// What was done since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let between = |now: u64, then: u64| now.saturating_sub(then);
        Self {
            user: between(self.user, earlier.user),
            nice: between(self.nice, earlier.nice),
            system: between(self.system, earlier.system),
            idle: between(self.idle, earlier.idle),
            iowait: between(self.iowait, earlier.iowait),
            irq: between(self.irq, earlier.irq),
            softirq: between(self.softirq, earlier.softirq),
        }
    }

    /// All ticks.
    pub fn total(&self) -> u64 {
        self.user + self.nice + self.system + self.idle + self.iowait + self.irq + self.softirq
    }
}

/// Memory in KiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// What there is.
    pub total: u64,
    /// What nobody uses.
    pub free: u64,
    /// What is used and can be had back at once.
    pub freeable: u64,
}

/// What `diagnose test application forticldd 7` tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenServerStatus {
    /// The servers that provide tokens, in the order in which they are asked.
    pub servers: Vec<TokenServer>,
    /// Through which proxy.
    pub proxy: Option<Box<str>>,
    /// Who this unit is there.
    pub own: Own,
    /// The latest request before this test.
    pub last: Option<Exchange>,
}

/// A server that provides tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenServer {
    /// Where it should be.
    pub url: Box<str>,
    /// What it is.
    pub role: ServerRole,
    /// Its addresses, or why there are none.
    pub addresses: Result<Vec<IpAddr>, Box<str>>,
    /// What came of asking it just now: after how long it answered, or why it did not.
    pub answered: Result<Duration, Box<str>>,
    /// What its answer showed.
    pub shown: Shown,
}

/// What a server is that provides tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerRole {
    /// The token server itself.
    Direct,
    /// A manager of `config system central-management`.
    Manager,
}

/// The certificate by which a unit speaks for its serial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Own {
    /// The certificate.
    pub certificate: Certificate,
    /// When it is renewed next; never where the installation issues it.
    pub renewal: Option<Timestamp>,
    /// What came of the latest renewal.
    pub latest: Option<Renewal>,
}

/// A renewal of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// When it was tried.
    pub at: Timestamp,
    /// Why it failed, if it did.
    pub failure: Option<Box<str>>,
}

/// What an answer shows besides what it says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// The server's certificate.
    pub certificate: Option<Certificate>,
    /// How far the server's clock is ahead; to the second, as HTTP tells it.
    pub clock_ahead: Option<Span>,
}

/// Of a certificate, what an administrator looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// Whose it is.
    pub subject: Box<str>,
    /// Who says so.
    pub issuer: Box<str>,
    /// The first moment at which it is valid.
    pub not_before: Timestamp,
    /// The last one.
    pub not_after: Timestamp,
}

/// A request to the token server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// When it was sent.
    pub at: Timestamp,
    /// What was asked, in the protocol's words.
    pub what: &'static str,
    /// Which server was asked last for it; none if there is none.
    pub server: Option<Box<str>>,
    /// After how long it was answered, or what failed.
    pub result: Result<Duration, Box<str>>,
}

/// How an administrator ends the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// `execute shutdown`.
    Shutdown,
    /// `execute reboot`: it starts anew in its place.
    Reboot,
    /// `execute factoryreset`: the same, with an empty store.
    FactoryReset,
}

impl Ending {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Reboot => "reboot",
            Self::FactoryReset => "factoryreset",
        }
    }

    /// The ending with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Shutdown, Self::Reboot, Self::FactoryReset];
        all.into_iter().find(|ending| ending.name() == name)
    }
}

/// What `diagnose sys ntp status` tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeServers {
    /// Whether the clock is compared at all: `set ntpsync`.
    pub compared: bool,
    /// The servers, in the order in which they are asked.
    pub servers: Vec<TimeServer>,
}

/// A server of `config system ntp`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeServer {
    /// Its name or address, as configured.
    pub name: Box<str>,
    /// Its answer, or why there is none.
    pub answer: Result<TimeAnswer, Box<str>>,
}

/// The answer of a time server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeAnswer {
    /// Who answered.
    pub address: IpAddr,
    /// Its distance from a reference clock (RFC 5905, 7.3).
    pub stratum: u8,
    /// How far its clock is ahead of this unit's.
    pub ahead: Span,
    /// How long the answer took.
    pub round_trip: Span,
}
