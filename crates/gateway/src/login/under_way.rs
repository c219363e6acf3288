//! Logins under way, by the host from which they come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use https::host_of;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Logins of one host at a time: half of the hashes that may wait, so that whoever comes from elsewhere is
/// heard. Behind a proxy it is as many people in the second that a refusal takes.
const OF_ONE_HOST_MAX: usize = 128;

/// The places of each host that has logins under way.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<IpAddr, Weak<Semaphore>>>);

impl UnderWay {
    /// A place, given back when dropped, if the host has not taken all of its own.
    pub(super) fn enter(&self, source: IpAddr) -> Option<OwnedSemaphorePermit> {
        let host = host_of(source);
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.get(&host).and_then(Weak::upgrade);
        let places = known.unwrap_or_else(|| {
            hosts.retain(|_, places| places.strong_count() > 0);
            let places = Arc::new(Semaphore::new(OF_ONE_HOST_MAX));
            hosts.insert(host, Arc::downgrade(&places));
            places
        });
        places.try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_places_and_leaves_those_of_others() {
        let under_way = UnderWay::default();
        let [one, other]: [IpAddr; 2] = ["2001:db8::1", "192.0.2.1"].map(|it| it.parse().unwrap());
        let neighbour = "2001:db8::2".parse().unwrap();
        let mut places: Vec<_> = (0..OF_ONE_HOST_MAX)
            .map(|_| under_way.enter(one).unwrap())
            .collect();
        assert!(under_way.enter(neighbour).is_none());
        assert!(under_way.enter(other).is_some());
        places.pop();
        assert!(under_way.enter(neighbour).is_some());
        places.clear();
        assert!(under_way.enter(other).is_some());
        assert_eq!(under_way.0.lock().unwrap().len(), 1);
    }
}
