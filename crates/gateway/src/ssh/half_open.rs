//! Connections that have not logged in yet. However many strangers keep theirs open, however far they
//! come, the next one gets in, and has the time to come further and to read a question.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use https::files::Listener;
use https::host_of;

use super::gate::Gate;

/// Half-open connections in all, if the process has files for as many: each costs a socket and some kilobytes.
const HALF_OPEN_MAX: usize = 768;

/// Half-open connections from one host: one from which many scripts begin at once.
const HALF_OPEN_PER_HOST_MAX: usize = 64;

/// How far a connection has come. Each step costs its client more than the one before.
///
/// Each has its share of the places. What goes beyond it makes room first, beginning with those that have
/// come least far: mute strangers do not push out a person at a question, and strangers at the question do
/// not push out a person who is about to come there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// It has not said that it speaks SSH.
    Mute,
    /// It exchanges keys.
    Greeted,
    /// Keys are exchanged; it tells who its user is.
    Authenticating,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Mute, Self::Greeted, Self::Authenticating];
}

/// The half-open connections, oldest first.
#[derive(Debug)]
pub(super) struct HalfOpen(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    max: usize,
    last: u64,
    oldest_first: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    host: IpAddr,
    stage: Stage,
    gate: Arc<Gate>,
}

/// A half-open connection's place; it is given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    half_open: Arc<HalfOpen>,
}

impl HalfOpen {
    pub(super) fn within_files() -> Self {
        Self::new(Listener::Ssh.share(HALF_OPEN_MAX))
    }

    fn new(max: usize) -> Self {
        Self(Mutex::new(Waiting {
            max,
            last: 0,
            oldest_first: Vec::new(),
        }))
    }

    /// Takes a place for a connection. If its host has all of its own, or there is none at all, another
    /// connection is shut: of the stage that goes beyond its share the oldest, of the host that has the most there.
    pub(super) fn enter(self: &Arc<Self>, source: IpAddr, gate: &Arc<Gate>) -> Place {
        let mut waiting = self.lock();
        let host = host_of(source);
        if let Some(at) = waiting.in_the_way_of(host) {
            waiting.oldest_first.remove(at).gate.shut();
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.oldest_first.push(Connection {
            number,
            host,
            stage: Stage::Mute,
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
    /// Whose place is taken before a connection from this host can come.
    fn in_the_way_of(&self, host: IpAddr) -> Option<usize> {
        let of_host = self.oldest_first.iter().filter(|it| it.host == host);
        let is_full = of_host.count() >= HALF_OPEN_PER_HOST_MAX;
        if !is_full && self.oldest_first.len() < self.max {
            return None;
        }
        let candidates = self.oldest_first.iter().enumerate();
        let candidates: Vec<(usize, &Connection)> = candidates
            .filter(|(_, connection)| !is_full || connection.host == host)
            .collect();
        let stage = crowded(&candidates);
        let of_stage = || candidates.iter().filter(|(_, it)| it.stage == stage);
        // A host's crowd that says nothing is not held against who thinks at the question there.
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, connection) in of_stage() {
            *counts.entry(connection.host).or_default() += 1;
        }
        let count = |host: &IpAddr| counts.get(host).copied().unwrap_or_default();
        of_stage()
            .min_by_key(|(_, it)| (Reverse(count(&it.host)), it.number))
            .map(|(at, _)| *at)
    }
}

/// The first stage that has more than its share of these.
fn crowded(connections: &[(usize, &Connection)]) -> Stage {
    let share = connections.len() / Stage::ALL.len();
    let at = |stage| connections.iter().filter(move |(_, it)| it.stage == stage);
    let mut stages = Stage::ALL.into_iter();
    // Where none has more, all have as many, and there is a mute one.
    stages
        .find(|stage| at(*stage).count() > share)
        .unwrap_or(Stage::Mute)
}

impl Place {
    /// The connection has come so far; it does not fall back.
    pub(super) fn reached(&self, stage: Stage) {
        let mut waiting = self.half_open.lock();
        let mut connections = waiting.oldest_first.iter_mut();
        if let Some(connection) = connections.find(|it| it.number == self.number) {
            connection.stage = connection.stage.max(stage);
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

    fn enter_at(half_open: &Arc<HalfOpen>, source: IpAddr, stage: Stage) -> (Place, Arc<Gate>) {
        let (place, gate) = enter(half_open, source);
        place.reached(stage);
        (place, gate)
    }

    fn only_the_first_is_shut(connections: &[(Place, Arc<Gate>)]) -> bool {
        let shut: Vec<bool> = connections.iter().map(|(_, gate)| gate.is_shut()).collect();
        shut[0] && !shut[1..].contains(&true)
    }

    #[test]
    fn the_oldest_of_a_crowded_host_makes_room() {
        let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
        let connections: Vec<_> = (0..=HALF_OPEN_PER_HOST_MAX)
            .map(|_| enter(&half_open, address(1)))
            .collect();
        assert!(only_the_first_is_shut(&connections));
    }

    #[test]
    fn all_addresses_of_a_64_are_one_host() {
        let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
        let network: u128 = 0x2001_0db8 << 96;
        let connections: Vec<_> = (0..=HALF_OPEN_PER_HOST_MAX as u128)
            .map(|number| enter(&half_open, IpAddr::V6((network | number).into())))
            .collect();
        assert!(only_the_first_is_shut(&connections));
    }

    #[test]
    fn of_many_hosts_the_one_that_waited_longest_makes_room() {
        let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
        let sources = u32::try_from(HALF_OPEN_MAX).unwrap();
        let connections: Vec<_> = (0..=sources)
            .map(|number| enter(&half_open, address(number)))
            .collect();
        assert!(only_the_first_is_shut(&connections));
    }

    #[test]
    fn a_flood_from_some_hosts_does_not_push_out_another() {
        let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
        let (_place, admin) = enter(&half_open, address(1));
        let flood: Vec<_> = (0..2_000)
            .map(|number| enter(&half_open, address(2 + number % 100)))
            .collect();
        assert!(!admin.is_shut());
        assert_eq!(half_open.lock().oldest_first.len(), HALF_OPEN_MAX);
        drop(flood);
        assert_eq!(half_open.lock().oldest_first.len(), 1);
    }

    #[test]
    fn who_has_come_furthest_stays_whatever_the_rest_do() {
        for hosts in [1, 10_000] {
            let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
            let (_at_the_question, admin) = enter_at(&half_open, address(0), Stage::Authenticating);
            let (_in_the_exchange, slow) = enter_at(&half_open, address(0), Stage::Greeted);
            let mute: Vec<_> = (0..2_000)
                .map(|number| enter(&half_open, address(number % hosts)))
                .collect();
            assert!(!admin.is_shut() && !slow.is_shut(), "{hosts}");
            let greeted: Vec<_> = (0..2_000)
                .map(|number| enter_at(&half_open, address(number % hosts), Stage::Greeted))
                .collect();
            assert!(!admin.is_shut() && slow.is_shut(), "{hosts}");
            drop((mute, greeted));
        }
    }

    #[test]
    fn strangers_at_the_question_leave_room_for_whoever_is_about_to_come_there() {
        for hosts in [13, 10_000] {
            let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
            let strangers: Vec<_> = (0..2_000)
                .map(|number| {
                    enter_at(
                        &half_open,
                        address(1 + number % hosts),
                        Stage::Authenticating,
                    )
                })
                .collect();
            let (place, admin) = enter(&half_open, address(0));
            // 30 more a second, for the some seconds that a bad line takes to exchange keys.
            let mute: Vec<_> = (0..200)
                .map(|number| enter(&half_open, address(20_000 + number % hosts)))
                .collect();
            assert!(!admin.is_shut(), "{hosts}");
            place.reached(Stage::Authenticating);
            let more: Vec<_> = (0..200)
                .map(|number| {
                    enter_at(
                        &half_open,
                        address(1 + number % hosts),
                        Stage::Authenticating,
                    )
                })
                .collect();
            assert!(!admin.is_shut(), "{hosts}");
            drop((strangers, mute, more));
        }
    }

    #[test]
    fn a_crowd_that_says_nothing_is_not_held_against_its_neighbour_at_the_question() {
        let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
        let mute: Vec<_> = (0..60).map(|_| enter(&half_open, address(0))).collect();
        let strangers: Vec<_> = (0..1_000)
            .map(|number| enter_at(&half_open, address(1 + number), Stage::Authenticating))
            .collect();
        let (_place, admin) = enter_at(&half_open, address(0), Stage::Authenticating);
        let more: Vec<_> = (0..200)
            .map(|number| enter_at(&half_open, address(2_000 + number), Stage::Authenticating))
            .collect();
        assert!(!admin.is_shut());
        drop((mute, strangers, more));
    }

    #[test]
    fn among_equals_the_most_crowded_host_gives_way() {
        let half_open = Arc::new(HalfOpen::new(HALF_OPEN_MAX));
        let (_place, admin) = enter_at(&half_open, address(0), Stage::Authenticating);
        let flood: Vec<_> = (0..2_000)
            .map(|number| enter_at(&half_open, address(1 + number % 100), Stage::Authenticating))
            .collect();
        assert!(!admin.is_shut());
        drop(flood);
    }
}
