//! What is known of the servers: which of them were silent, and how many logins wait for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::backend::{Backend, Rank, Revision, Server};
use domain::login::outlook::KnownServer;
use domain::time::Span;
use tokio::sync::Semaphore;

use super::duration;

/// Questions to one server at a time: each takes a connection there, and with 5 ms for an answer these
/// are 12,800 logins a second.
pub(super) const CHECKS_MAX: usize = 64;

/// A server. Another configuration makes another one, of which nothing bad is known.
type Key = (Revision, Rank);

#[derive(Debug)]
struct State {
    slots: Arc<Semaphore>,
    /// Until when it is asked after the others.
    last_until: Option<Instant>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(CHECKS_MAX)),
            last_until: None,
        }
    }
}

impl State {
    /// Whether there is nothing to be remembered.
    fn is_idle(&self, now: Instant) -> bool {
        self.slots.available_permits() == CHECKS_MAX && !self.is_last(now)
    }

    fn is_last(&self, now: Instant) -> bool {
        self.silent_for(now).is_some()
    }

    /// For how long yet it counts as one that did not answer.
    fn silent_for(&self, now: Instant) -> Option<Duration> {
        let left = self.last_until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }
}

/// The servers of all backends.
#[derive(Debug, Default)]
pub(super) struct Servers(Mutex<HashMap<Key, State>>);

impl Servers {
    /// A backend's servers in the order in which they are asked now.
    pub(super) fn order<'b>(&self, backend: &'b Backend, now: Instant) -> Vec<&'b Server> {
        let states = self.lock();
        let mut servers = backend.servers();
        let is_last = |server: &&Server| {
            let state = states.get(&(backend.revision, server.rank));
            state.is_some_and(|state| state.is_last(now))
        };
        servers.sort_by_key(is_last);
        servers
    }

    /// The same, and for how long yet each counts as silent.
    pub(super) fn known(&self, backend: &Backend, now: Instant) -> Vec<KnownServer> {
        let order = self.order(backend, now);
        let states = self.lock();
        let known = order.into_iter().map(|server| {
            let state = states.get(&(backend.revision, server.rank));
            let left = state.and_then(|state| state.silent_for(now));
            KnownServer {
                rank: server.rank,
                host: server.host.clone(),
                silent: left
                    .map(|left| Span::from_secs(i64::try_from(left.as_secs()).unwrap_or(i64::MAX))),
            }
        });
        known.collect()
    }

    /// The places for questions to a server.
    pub(super) fn slots(&self, backend: &Backend, server: &Server) -> Arc<Semaphore> {
        let mut states = self.lock();
        let key = (backend.revision, server.rank);
        if !states.contains_key(&key) {
            // What belongs to configurations that are gone goes with the next one that comes.
            let now = Instant::now();
            states.retain(|_, state| !state.is_idle(now));
        }
        Arc::clone(&states.entry(key).or_default().slots)
    }

    /// It answered.
    pub(super) fn answered(&self, backend: &Backend, server: &Server) {
        if let Some(state) = self.lock().get_mut(&(backend.revision, server.rank)) {
            state.last_until = None;
        }
    }

    /// It did not.
    pub(super) fn silent(&self, backend: &Backend, server: &Server, now: Instant) {
        let state = &mut self.lock();
        let state = state.entry((backend.revision, server.rank)).or_default();
        state.last_until = now.checked_add(duration(backend.status_ttl));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::client::Secret;
    use domain::schema::{Object, RADIUS};
    use zeroize::Zeroizing;

    use super::*;

    fn backend(status_ttl: &str) -> Backend {
        let object = Object::new(&RADIUS, "hq")
            .with("server", Some("192.0.2.1"))
            .with("secondary-server", Some("192.0.2.2"))
            .with("tertiary-server", Some("192.0.2.3"))
            .with("status-ttl", Some(status_ttl));
        let secret = |_: &str| Some(Secret::new(Zeroizing::default()));
        Backend::from_object(&object, secret).unwrap()
    }

    fn order(servers: &Servers, backend: &Backend, now: Instant) -> Vec<Rank> {
        let order = servers.order(backend, now);
        order.iter().map(|server| server.rank).collect()
    }

    #[test]
    fn a_silent_server_is_asked_last_for_a_while() {
        use Rank::{Primary, Secondary, Tertiary};
        let (servers, backend) = (Servers::default(), backend("60"));
        let now = Instant::now();
        let [first, second, _] = backend.servers()[..] else {
            panic!("not three")
        };
        assert_eq!(
            order(&servers, &backend, now),
            [Primary, Secondary, Tertiary]
        );
        servers.silent(&backend, first, now);
        assert_eq!(
            order(&servers, &backend, now),
            [Secondary, Tertiary, Primary]
        );
        let known = servers.known(&backend, now);
        let silent: Vec<_> = known.iter().map(|it| (it.rank, it.silent)).collect();
        let minute = Some(Span::from_mins(1));
        assert_eq!(
            silent,
            [(Secondary, None), (Tertiary, None), (Primary, minute)]
        );
        servers.silent(&backend, second, now);
        assert_eq!(
            order(&servers, &backend, now),
            [Tertiary, Primary, Secondary]
        );
        servers.answered(&backend, first);
        assert_eq!(
            order(&servers, &backend, now),
            [Primary, Tertiary, Secondary]
        );
        let later = now + Duration::from_mins(1);
        assert_eq!(
            order(&servers, &backend, later),
            [Primary, Secondary, Tertiary]
        );
    }

    #[test]
    fn a_time_of_zero_and_another_configuration_forget_the_silence() {
        let servers = Servers::default();
        let (now, forgetful) = (Instant::now(), backend("0"));
        servers.silent(&forgetful, forgetful.servers()[0], now);
        assert_eq!(order(&servers, &forgetful, now)[0], Rank::Primary);
        let before = backend("60");
        servers.silent(&before, before.servers()[0], now);
        assert_eq!(order(&servers, &backend("61"), now)[0], Rank::Primary);
    }

    #[test]
    fn a_server_has_so_many_places_and_forgotten_ones_leave_nothing_behind() {
        let servers = Servers::default();
        let backend = backend("0");
        let slots = servers.slots(&backend, backend.servers()[0]);
        assert_eq!(slots.available_permits(), CHECKS_MAX);
        drop(slots);
        servers.slots(&backend, backend.servers()[1]);
        assert_eq!(servers.lock().len(), 1);
    }
}
