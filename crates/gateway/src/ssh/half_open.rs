//! Connections that have not logged in yet. However many strangers keep theirs open, the next one
//! gets in: the oldest makes room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::gate::Gate;

/// Half-open connections in all: each costs a socket and some kilobytes. With them a process stays below the
/// 1,024 files that systems allow by default.
const HALF_OPEN_MAX: usize = 768;

/// Half-open connections from one address: a host from which many scripts begin at once.
const HALF_OPEN_PER_SOURCE_MAX: usize = 64;

/// The half-open connections, oldest first.
#[derive(Debug, Default)]
pub(super) struct HalfOpen(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    oldest_first: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    source: IpAddr,
    gate: Arc<Gate>,
}

/// A half-open connection's place; it is given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    half_open: Arc<HalfOpen>,
}

impl HalfOpen {
    /// Takes a place for a connection; if there is none, the oldest of the source that has the most
    /// is shut.
    pub(super) fn enter(self: &Arc<Self>, source: IpAddr, gate: &Arc<Gate>) -> Place {
        let mut waiting = self.lock();
        if let Some(crowded) = waiting.crowded(source) {
            waiting.shut_oldest(crowded);
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.oldest_first.push(Connection {
            number,
            source,
            gate: Arc::clone(gate),
        });
        Place {
            number,
            half_open: Arc::clone(self),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whose oldest connection has to go before one from this source can come.
    fn crowded(&self, source: IpAddr) -> Option<IpAddr> {
        let from_there = self.oldest_first.iter().filter(|it| it.source == source);
        if from_there.count() >= HALF_OPEN_PER_SOURCE_MAX {
            return Some(source);
        }
        if self.oldest_first.len() < HALF_OPEN_MAX {
            return None;
        }
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for connection in &self.oldest_first {
            *counts.entry(connection.source).or_default() += 1;
        }
        // Of several with as many, the last that is looked at: whose connection is the oldest.
        let sources = self.oldest_first.iter().rev().map(|it| it.source);
        sources.max_by_key(|source| counts.get(source).copied())
    }

    fn shut_oldest(&mut self, source: IpAddr) {
        let oldest = self
            .oldest_first
            .iter()
            .position(|connection| connection.source == source);
        if let Some(at) = oldest {
            self.oldest_first.remove(at).gate.shut();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.half_open.lock();
        waiting
            .oldest_first
            .retain(|connection| connection.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn enter(half_open: &Arc<HalfOpen>, source: IpAddr) -> (Place, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        (half_open.enter(source, &gate), gate)
    }

    #[test]
    fn the_oldest_of_a_crowded_source_makes_room() {
        let half_open = Arc::new(HalfOpen::default());
        let connections: Vec<_> = (0..=HALF_OPEN_PER_SOURCE_MAX)
            .map(|_| enter(&half_open, address(1)))
            .collect();
        let shut: Vec<bool> = connections.iter().map(|(_, gate)| gate.is_shut()).collect();
        assert!(shut[0] && !shut[1..].contains(&true));
    }

    #[test]
    fn of_many_sources_the_one_that_waited_longest_makes_room() {
        let half_open = Arc::new(HalfOpen::default());
        let sources = u32::try_from(HALF_OPEN_MAX).unwrap();
        let connections: Vec<_> = (0..=sources)
            .map(|number| enter(&half_open, address(number)))
            .collect();
        let shut: Vec<bool> = connections.iter().map(|(_, gate)| gate.is_shut()).collect();
        assert!(shut[0] && !shut[1..].contains(&true));
    }

    #[test]
    fn a_flood_from_some_sources_does_not_push_out_another() {
        let half_open = Arc::new(HalfOpen::default());
        let (_place, admin) = enter(&half_open, address(1));
        let flood: Vec<_> = (0..2_000)
            .map(|number| enter(&half_open, address(2 + number % 100)))
            .collect();
        assert!(!admin.is_shut());
        assert_eq!(half_open.lock().oldest_first.len(), HALF_OPEN_MAX);
        drop(flood);
        assert_eq!(half_open.lock().oldest_first.len(), 1);
    }
}
