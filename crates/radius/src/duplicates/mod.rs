//! Duplicate detection (RFC 5080 section 2.2.2): a retransmission gets the bytes of the first
//! answer and is never decided again, so that a code which was spent by the first copy does not
//! refuse the second.
//!
//! A request is known by its source address and port, its identifier and its authenticator. A
//! client reuses its 256 identifiers quickly; the same identifier with another authenticator is a
//! new request and takes the place of the old one, which the client has given up by then.
//!
//! Only requests that the client's Message-Authenticator policy has let through belong here: a
//! forged one would otherwise displace the real one.

mod slots;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::SocketAddr;

use self::slots::Slots;
use crate::{Authenticator, Identifier, Packet};

/// Entries that a table of the default size keeps: 512 client ports with all their 256
/// identifiers, or 13,000 logins a second that each come from a new port. At about 250 octets an
/// entry that is 32 MiB, taken only as it fills.
pub const DEFAULT_LIMIT: usize = 131_072;

/// How long an answer can be had again, in microseconds. Clients ask again after 3 to 5 s, so this
/// outlasts two lost answers in a row; RFC 5080 wants no less than 5 s. A refusal counts from when
/// it leaves, not from when it is held back by the reject delay.
pub const ANSWER_LIFETIME_US: u64 = 10_000_000;

/// How long a request may stay undecided, in microseconds: the longest that a client can be told
/// to wait for a login (300 s, for a push that somebody answers late). Ends what a caller never
/// answered nor forgot.
pub const UNDECIDED_LIFETIME_US: u64 = 300_000_000;

/// Microseconds of a clock that never goes back. Its zero is the caller's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    const fn after(self, microseconds: u64) -> Monotonic {
        Monotonic(self.0.saturating_add(microseconds))
    }
}

/// What makes two datagrams the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    peer: Peer,
    authenticator: Authenticator,
}

impl Key {
    /// The key of a packet that came from `source`.
    pub const fn new(source: SocketAddr, packet: &Packet<'_>) -> Self {
        let peer = Peer {
            source,
            identifier: packet.identifier(),
        };
        Key {
            peer,
            authenticator: packet.authenticator(),
        }
    }
}

/// Where at most one request is open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Peer {
    source: SocketAddr,
    identifier: Identifier,
}

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission<'t> {
    /// Decide it, then call [`Table::answer`] or [`Table::forget`].
    Fresh,
    /// It is being decided: drop this copy.
    InFlight,
    /// Send these bytes again.
    Answered(&'t [u8]),
    /// Every entry is undecided: drop it, the client asks again.
    Full,
}

/// The requests of the last seconds and their answers. One lookup and no allocation per request
/// once it is warm.
///
/// Sources choose their addresses and ports, so `S` must be keyed by chance (the standard
/// library's `RandomState` is).
#[derive(Debug)]
pub struct Table<S> {
    limit: usize,
    index: HashMap<Peer, usize, S>,
    slots: Slots,
}

impl<S: BuildHasher> Table<S> {
    /// An empty table of at most `limit` entries.
    pub fn new(limit: usize, hasher: S) -> Self {
        Table {
            limit,
            index: HashMap::with_hasher(hasher),
            slots: Slots::default(),
        }
    }

    /// Asks what to do with a request, and takes it as undecided if it is fresh.
    pub fn admit(&mut self, key: Key, now: Monotonic) -> Admission<'_> {
        self.expire(now);
        let expires = now.after(UNDECIDED_LIFETIME_US);
        match self.index.get(&key.peer).copied() {
            Some(at) if *self.slots.key(at) == key => return self.slots.admission(at),
            Some(at) => self.slots.replace(at, key, expires),
            None if !self.make_room() => return Admission::Full,
            None => {
                let at = self.slots.insert(key, expires);
                self.index.insert(key.peer, at);
            }
        }
        Admission::Fresh
    }

    /// Keeps the answer of an undecided request, from the time when it leaves. Does nothing if a
    /// newer request took its place or it was forgotten.
    pub fn answer(&mut self, key: &Key, reply: &[u8], now: Monotonic) {
        if let Some(at) = self.find(key) {
            self.slots.answer(at, reply, now.after(ANSWER_LIFETIME_US));
        }
    }

    /// Drops a request that could not be decided: a retransmission is judged anew.
    pub fn forget(&mut self, key: &Key) {
        if let Some(at) = self.find(key) {
            self.remove(at);
        }
    }

    /// How many requests are kept.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no request is kept.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn find(&self, key: &Key) -> Option<usize> {
        let at = self.index.get(&key.peer).copied()?;
        (self.slots.key(at) == key).then_some(at)
    }

    fn remove(&mut self, at: usize) {
        self.index.remove(&self.slots.key(at).peer);
        self.slots.remove(at);
    }

    fn expire(&mut self, now: Monotonic) {
        while let Some(at) = self.slots.expired(now) {
            self.remove(at);
        }
    }

    /// Makes room for one more: the oldest answer goes first, an undecided request never.
    fn make_room(&mut self) -> bool {
        if self.index.len() < self.limit {
            return true;
        }
        let oldest = self.slots.oldest_answer();
        if let Some(at) = oldest {
            self.remove(at);
        }
        oldest.is_some()
    }
}
