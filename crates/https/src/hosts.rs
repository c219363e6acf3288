//! How many places each host has taken: what it has under way.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Places taken, by host. There are no more hosts in it than places.
#[derive(Debug)]
pub struct Hosts {
    max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place of a host; it is given back when dropped.
#[derive(Debug)]
pub struct Place {
    hosts: Arc<Hosts>,
    host: IpAddr,
}

impl Hosts {
    /// With so many places for each host.
    pub fn new(max: usize) -> Self {
        Self {
            max,
            taken: Mutex::default(),
        }
    }

    /// A place, if the host has not taken all of its own.
    pub fn enter(self: &Arc<Self>, source: IpAddr) -> Option<Place> {
        let host = host_of(source);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&host).copied().unwrap_or_default();
        if count >= self.max {
            return None;
        }
        taken.insert(host, count + 1);
        Some(Place {
            hosts: Arc::clone(self),
            host,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = &self.hosts.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.host) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.host);
            }
        }
    }
}

/// One host has all addresses of its /64 (RFC 4291, section 2.5.4).
pub fn host_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_places_and_no_more_than_these() {
        let hosts = Arc::new(Hosts::new(2));
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let first = hosts.enter(one);
        let second = hosts.enter(one);
        assert!(first.is_some() && second.is_some() && hosts.enter(one).is_none());
        assert!(hosts.enter(two).is_some());
        drop(first);
        assert!(hosts.enter(one).is_some());
        drop(second);
        assert!(hosts.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn a_neighbour_in_the_same_64_has_no_places_of_its_own() {
        let hosts = Arc::new(Hosts::new(2));
        let [one, other]: [IpAddr; 2] = ["2001:db8::1", "192.0.2.1"].map(|it| it.parse().unwrap());
        let neighbour = "2001:db8::2".parse().unwrap();
        let mut places: Vec<_> = (0..2).map(|_| hosts.enter(one).unwrap()).collect();
        assert!(hosts.enter(neighbour).is_none());
        assert!(hosts.enter(other).is_some());
        places.pop();
        assert!(hosts.enter(neighbour).is_some());
        places.clear();
        assert!(hosts.enter(other).is_some());
        assert!(hosts.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn addresses_of_one_host_count_together() {
        let same = ["2001:db8::1", "2001:db8::ffff:2"].map(|text| host_of(text.parse().unwrap()));
        assert_eq!(same[0], same[1]);
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(host_of(mapped), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
