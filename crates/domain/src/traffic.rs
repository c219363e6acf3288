//! What RADIUS clients have asked since the start: `diagnose radius clients`.

use std::net::IpAddr;

use crate::client::Requirement;
use crate::schema::Subnet;
use crate::time::Timestamp;
use crate::vdom::Vdom;

/// What one client asked, and what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Requests that were its own, retransmissions left out.
    pub requests: u64,
    /// Accepts sent.
    pub accepted: u64,
    /// Refusals sent.
    pub rejected: u64,
    /// Challenges sent.
    pub challenged: u64,
    /// Retransmissions, which get the first answer again.
    pub repeated: u64,
    /// What heard nothing.
    pub dropped: Dropped,
    /// When it asked last.
    pub last: Option<Timestamp>,
}

/// Requests that heard nothing, by cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dropped {
    /// A wrong Message-Authenticator: another secret, or a forger.
    pub wrong_authenticator: u64,
    /// No Message-Authenticator where one is demanded.
    pub missing_authenticator: u64,
    /// No request that can be decided.
    pub malformed: u64,
    /// Too many at once.
    pub overloaded: u64,
    /// The store could not decide.
    pub undecided: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.wrong_authenticator
            + self.missing_authenticator
            + self.malformed
            + self.overloaded
            + self.undecided
    }
}

/// A client as it is configured, with its traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientRow {
    /// The virtual domain that it stands in.
    pub vdom: Vdom,
    /// Its name.
    pub name: Box<str>,
    /// Where it asks from.
    pub subnet: Subnet,
    /// What is demanded of it.
    pub requirement: Requirement,
    /// Addresses in its network that have sent a valid Message-Authenticator and must go on doing so.
    pub learned: Vec<IpAddr>,
    /// What it asked.
    pub traffic: Traffic,
}

/// An address that no client has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stranger {
    /// The address.
    pub address: IpAddr,
    /// How many datagrams came from there.
    pub datagrams: u64,
    /// When the last one did.
    pub last: Timestamp,
}
