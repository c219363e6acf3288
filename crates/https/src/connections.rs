//! The open connections of a listener. Where there are too many, one on which nothing is under way makes room:
//! strangers who connect and ask for nothing keep nobody out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::files::Listener;
use crate::hosts::host_of;

/// How many may be connected. One takes some 30 KiB, half of it what HTTP/1.1 reads and writes with.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Whose they are.
    pub listener: Listener,
    /// In all, or the listener's share of the process's files.
    pub connections: usize,
    /// From one host.
    pub of_one_host: usize,
}

impl Places {
    /// As many of these as the process has files for.
    fn within_files(self) -> Self {
        Self {
            connections: self.listener.share(self.connections),
            ..self
        }
    }
}

/// Those that are open, at all addresses of a listener.
#[derive(Debug)]
pub struct Connections {
    places: Places,
    open: Mutex<Vec<Arc<Open>>>,
}

#[derive(Debug)]
struct Open {
    host: IpAddr,
    activity: Mutex<Activity>,
    shut: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Activity {
    requests: usize,
    /// When the first of these began, or the last one ended.
    since: Instant,
}

/// A connection's place; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    open: Arc<Open>,
    connections: Arc<Connections>,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Open>);

/// Whether a connection can come.
enum Room {
    Free,
    InPlaceOf(usize),
    None,
}

impl Connections {
    /// None so far, and as many of these as the process has files for.
    pub fn new(places: Places) -> Arc<Self> {
        Arc::new(Self {
            places: places.within_files(),
            open: Mutex::default(),
        })
    }

    /// A place for a connection. If there is none, one of the host that has the most is shut, where the
    /// newcomer counts with its host: whoever fills the places makes room for others, and nobody makes room
    /// for them. One with a request under way makes room only for a host that has fewer places even then.
    pub(crate) fn enter(self: &Arc<Self>, source: IpAddr) -> Option<Connection> {
        let host = host_of(source);
        let mut open = self.lock();
        match self.room_for(host, &open) {
            Room::Free => {}
            Room::InPlaceOf(at) => open.remove(at).shut.notify_one(),
            Room::None => return None,
        }
        let entered = Arc::new(Open {
            host,
            activity: Mutex::new(Activity {
                requests: 0,
                since: Instant::now(),
            }),
            shut: Notify::new(),
        });
        open.push(Arc::clone(&entered));
        Some(Connection {
            open: entered,
            connections: Arc::clone(self),
        })
    }

    fn room_for(&self, host: IpAddr, open: &[Arc<Open>]) -> Room {
        let own = open.iter().filter(|it| it.host == host).count();
        let has_own_left = own < self.places.of_one_host;
        if has_own_left && open.len() < self.places.connections {
            return Room::Free;
        }
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for other in open.iter().filter(|it| it.host != host) {
            *counts.entry(other.host).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or_default();
        let of_others = || {
            let is_of_most = |it: &Open| counts.get(&it.host) == Some(&most);
            idlest(open, |it, is_idle| {
                is_of_most(it) && (is_idle || most > own + 1)
            })
        };
        let of_its_own = || idlest(open, |it, is_idle| it.host == host && is_idle);
        let others = (has_own_left && most > own).then(of_others).flatten();
        others
            .or_else(of_its_own)
            .map_or(Room::None, Room::InPlaceOf)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one without a request for longest among those that may go; else the one with the oldest request.
fn idlest(open: &[Arc<Open>], may_go: impl Fn(&Open, bool) -> bool) -> Option<usize> {
    let makes_room = open.iter().enumerate().filter_map(|(at, connection)| {
        let activity = *connection.activity();
        let is_idle = activity.requests == 0;
        may_go(connection, is_idle).then_some((Reverse(is_idle), activity.since, at))
    });
    makes_room.min().map(|(_, _, at)| at)
}

impl Open {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Marks that a request is under way.
    pub(crate) fn request(&self) -> UnderWay {
        let mut activity = self.open.activity();
        if activity.requests == 0 {
            activity.since = Instant::now();
        }
        activity.requests += 1;
        drop(activity);
        UnderWay(Arc::clone(&self.open))
    }

    /// Returns when the place was given to another.
    pub(crate) async fn shut(&self) {
        self.open.shut.notified().await;
    }

    /// Returns when nothing was under way for so long.
    pub(crate) async fn idle(&self, limit: Duration) {
        loop {
            let Activity { requests, since } = *self.open.activity();
            let left = match requests {
                0 => limit.saturating_sub(since.elapsed()),
                _ => limit,
            };
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut activity = self.0.activity();
        activity.requests -= 1;
        if activity.requests == 0 {
            activity.since = Instant::now();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.retain(|connection| !Arc::ptr_eq(connection, &self.open));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places = Places {
        listener: Listener::Logins,
        connections: 8,
        of_one_host: 3,
    };

    fn enter(connections: &Arc<Connections>, host: u32) -> Option<Connection> {
        connections.enter(IpAddr::V4(host.into()))
    }

    fn is_shut(connection: &Connection) -> bool {
        let open = connection.connections.lock();
        !open.iter().any(|it| Arc::ptr_eq(it, &connection.open))
    }

    fn shut(connections: &[Connection]) -> Vec<bool> {
        connections.iter().map(is_shut).collect()
    }

    #[tokio::test]
    async fn the_idlest_of_a_full_host_makes_room() {
        let connections = Connections::new(PLACES);
        let first: Vec<_> = (0..3).filter_map(|_| enter(&connections, 1)).collect();
        let busy = first[0].request();
        sleep(Duration::from_millis(2)).await;
        drop(first[1].request());
        let _fourth = enter(&connections, 1).unwrap();
        assert_eq!(shut(&first), [false, false, true]);
        first[2].shut().await;
        assert!(enter(&connections, 2).is_some());
        drop(busy);
    }

    #[tokio::test]
    async fn whoever_has_few_gets_in_past_hosts_that_have_many() {
        let connections = Connections::new(PLACES);
        let single = enter(&connections, 9).unwrap();
        let flood: Vec<_> = (0..7)
            .filter_map(|number| enter(&connections, 1 + number % 3))
            .collect();
        assert_eq!(flood.len(), 7);
        let other = enter(&connections, 10);
        assert!(other.is_some() && !is_shut(&single));
        assert_eq!(shut(&flood).iter().filter(|it| **it).count(), 1);
        assert!(is_shut(&flood[0]), "host 1 has the most");
    }

    #[tokio::test]
    async fn a_request_under_way_makes_room_only_for_a_host_with_fewer() {
        let connections = Connections::new(PLACES);
        let flood: Vec<_> = (0..8)
            .filter_map(|number| enter(&connections, 1 + number % 4))
            .collect();
        let under_way: Vec<_> = flood.iter().map(Connection::request).collect();
        assert!(enter(&connections, 1).is_none());
        let single = enter(&connections, 9).unwrap();
        let under_way_too = single.request();
        assert_eq!(shut(&flood).iter().filter(|it| **it).count(), 1);
        assert!(enter(&connections, 9).is_none() && !is_shut(&single));
        drop((under_way, under_way_too));
    }

    #[tokio::test]
    async fn who_fills_all_places_pushes_nobody_out_of_the_one_they_had_to_give() {
        let connections = Connections::new(Places {
            listener: Listener::Logins,
            connections: 4,
            of_one_host: 4,
        });
        let flood: Vec<_> = (0..4).filter_map(|_| enter(&connections, 1)).collect();
        let under_way: Vec<_> = flood.iter().map(Connection::request).collect();
        let in_its_handshake = enter(&connections, 9).unwrap();
        assert_eq!(shut(&flood), [true, false, false, false]);
        assert!(enter(&connections, 1).is_none() && !is_shut(&in_its_handshake));
        drop(under_way);
    }

    #[tokio::test]
    async fn a_connection_is_idle_from_the_end_of_its_last_request() {
        let connections = Connections::new(PLACES);
        let connection = enter(&connections, 1).unwrap();
        let limit = Duration::from_millis(50);
        let request = connection.request();
        let busy = async {
            sleep(3 * limit).await;
            drop(request);
            Instant::now()
        };
        let (ended, ()) = tokio::join!(busy, connection.idle(limit));
        assert!(ended.elapsed() >= limit);
    }
}
