//! What is counted of RADIUS clients and of those who are none.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::time::Timestamp;
use domain::traffic::{Dropped, Stranger, Traffic};
use domain::vdom::Vdom;

/// Addresses of strangers that are remembered: some to find a client that was forgotten, not all that
/// a scan can make up. The one that was silent the longest makes room.
const STRANGERS_MAX: usize = 16;

/// Which client.
#[derive(PartialEq, Eq, Hash, Debug)]
struct ClientId {
    vdom: Vdom,
    name: Box<str>,
}

impl ClientId {
    fn new(vdom: Vdom, name: &str) -> Self {
        let name = name.into();
        Self { vdom, name }
    }
}

/// Traffic of all listeners since the start.
#[derive(Debug, Default)]
pub(crate) struct Traffics {
    clients: Mutex<HashMap<ClientId, Arc<Tally>>>,
    strangers: Mutex<Vec<Stranger>>,
}

impl Traffics {
    /// The counters of a client. They outlive every change of its configuration.
    pub(super) fn of(&self, vdom: Vdom, name: &str) -> Arc<Tally> {
        let mut clients = lock(&self.clients);
        Arc::clone(clients.entry(ClientId::new(vdom, name)).or_default())
    }

    /// Forgets clients that are not configured any more.
    pub(super) fn keep(&self, is_configured: impl Fn(Vdom, &str) -> bool) {
        lock(&self.clients).retain(|id, _| is_configured(id.vdom, &id.name));
    }

    /// A datagram came from an address that no client has.
    pub(super) fn stranger(&self, address: IpAddr, now: Timestamp) {
        let mut strangers = lock(&self.strangers);
        if let Some(known) = strangers.iter_mut().find(|it| it.address == address) {
            known.datagrams += 1;
            known.last = now;
            return;
        }
        if strangers.len() >= STRANGERS_MAX {
            let oldest = strangers.iter().enumerate().min_by_key(|(_, it)| it.last);
            let oldest = oldest.map(|(at, _)| at);
            oldest.map(|at| strangers.swap_remove(at));
        }
        strangers.push(Stranger {
            address,
            datagrams: 1,
            last: now,
        });
    }

    /// What a client asked so far.
    pub(crate) fn traffic(&self, vdom: Vdom, name: &str) -> Traffic {
        let clients = lock(&self.clients);
        let tally = clients.get(&ClientId::new(vdom, name));
        tally.map(|tally| tally.traffic()).unwrap_or_default()
    }

    /// Who asked and is none, the latest first.
    pub(crate) fn strangers(&self) -> Vec<Stranger> {
        let mut strangers = lock(&self.strangers).clone();
        strangers.sort_by_key(|it| std::cmp::Reverse(it.last));
        strangers
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counters of one client.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    challenged: AtomicU64,
    repeated: AtomicU64,
    wrong_authenticator: AtomicU64,
    missing_authenticator: AtomicU64,
    malformed: AtomicU64,
    overloaded: AtomicU64,
    undecided: AtomicU64,
    /// Microseconds after the epoch; 0 for never.
    last: AtomicI64,
}

/// Something that is counted of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counted {
    Request,
    Accepted,
    Rejected,
    Challenged,
    Repeated,
    WrongAuthenticator,
    MissingAuthenticator,
    Malformed,
    Overloaded,
    Undecided,
}

impl Tally {
    pub(super) fn count(&self, counted: Counted) {
        let counter = match counted {
            Counted::Request => &self.requests,
            Counted::Accepted => &self.accepted,
            Counted::Rejected => &self.rejected,
            Counted::Challenged => &self.challenged,
            Counted::Repeated => &self.repeated,
            Counted::WrongAuthenticator => &self.wrong_authenticator,
            Counted::MissingAuthenticator => &self.missing_authenticator,
            Counted::Malformed => &self.malformed,
            Counted::Overloaded => &self.overloaded,
            Counted::Undecided => &self.undecided,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn seen(&self, now: Timestamp) {
        self.last.store(now.micros(), Ordering::Relaxed);
    }

    fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last = self.last.load(Ordering::Relaxed);
        Traffic {
            requests: read(&self.requests),
            accepted: read(&self.accepted),
            rejected: read(&self.rejected),
            challenged: read(&self.challenged),
            repeated: read(&self.repeated),
            dropped: Dropped {
                wrong_authenticator: read(&self.wrong_authenticator),
                missing_authenticator: read(&self.missing_authenticator),
                malformed: read(&self.malformed),
                overloaded: read(&self.overloaded),
                undecided: read(&self.undecided),
            },
            last: (last != 0).then(|| Timestamp::from_micros(last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_outlive_a_change_of_the_configuration_and_not_the_client() {
        let traffics = Traffics::default();
        traffics.of(Vdom::ROOT, "vpn1").count(Counted::Request);
        traffics.of(Vdom::ROOT, "vpn1").count(Counted::Request);
        traffics.keep(|_, name| name == "vpn1");
        assert_eq!(traffics.traffic(Vdom::ROOT, "vpn1").requests, 2);
        traffics.keep(|_, name| name == "vpn2");
        assert_eq!(traffics.traffic(Vdom::ROOT, "vpn1"), Traffic::default());
    }

    #[test]
    fn the_stranger_that_was_silent_the_longest_makes_room() {
        let traffics = Traffics::default();
        let address = |number: u8| IpAddr::from([203, 0, 113, number]);
        for number in 0..u8::try_from(STRANGERS_MAX).unwrap() {
            traffics.stranger(address(number), Timestamp::from_secs(number.into()));
        }
        traffics.stranger(address(0), Timestamp::from_secs(100));
        traffics.stranger(address(99), Timestamp::from_secs(101));
        let strangers = traffics.strangers();
        assert_eq!(strangers.len(), STRANGERS_MAX);
        assert_eq!(strangers[0].address, address(99));
        assert_eq!(
            (strangers[1].address, strangers[1].datagrams),
            (address(0), 2)
        );
        assert!(
            strangers
                .iter()
                .all(|stranger| stranger.address != address(1))
        );
    }
}
