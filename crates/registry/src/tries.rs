//! Wrong activation codes by source.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong codes from one source within [`WINDOW`]. A code has 64 random bits, so this is about noise
/// and load, not about guessing; a person mistypes a few times.
const MAX_WRONG: u32 = 10;
/// As the text of the error says: a quarter of an hour.
const WINDOW: Duration = Duration::from_mins(15);
/// Sources that are remembered, some 10 MiB. Beyond that unknown sources count as one.
const MAX_SOURCES: usize = 100_000;

pub(crate) struct Tries(Mutex<HashMap<IpAddr, Counted>>);

struct Counted {
    since: Instant,
    wrong: u32,
}

impl Tries {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Whether this source has to wait.
    pub(crate) fn are_used_up(&self, source: IpAddr, now: Instant) -> bool {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if tries.len() < MAX_SOURCES {
            network(source)
        } else {
            known(&tries, source)
        };
        tries
            .get(&key)
            .is_some_and(|counted| counted.is_current(now) && counted.wrong >= MAX_WRONG)
    }

    /// Counts a wrong code.
    pub(crate) fn count(&self, source: IpAddr, now: Instant) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MAX_SOURCES {
            tries.retain(|_, counted| counted.is_current(now));
        }
        let key = if tries.len() < MAX_SOURCES {
            network(source)
        } else {
            known(&tries, source)
        };
        let counted = tries.entry(key).or_insert(Counted {
            since: now,
            wrong: 0,
        });
        if !counted.is_current(now) {
            *counted = Counted {
                since: now,
                wrong: 0,
            };
        }
        counted.wrong = counted.wrong.saturating_add(1);
    }
}

impl Counted {
    fn is_current(&self, now: Instant) -> bool {
        now.duration_since(self.since) < WINDOW
    }
}

/// One host has all addresses of its /64 (RFC 4291, section 2.5.4).
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
    }
}

/// The key for `source` when there is no room for new ones.
fn known(tries: &HashMap<IpAddr, Counted>, source: IpAddr) -> IpAddr {
    let key = network(source);
    if tries.contains_key(&key) {
        key
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_waits_after_ten_wrong_codes_and_others_do_not() {
        let tries = Tries::new();
        let now = Instant::now();
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for _ in 0..MAX_WRONG {
            assert!(!tries.are_used_up(one, now));
            tries.count(one, now);
        }
        assert!(tries.are_used_up(one, now));
        assert!(!tries.are_used_up(two, now));
        assert!(!tries.are_used_up(one, now + WINDOW));
    }

    #[test]
    fn addresses_of_one_host_count_together() {
        let same = ["2001:db8::1", "2001:db8::ffff:2"].map(|text| network(text.parse().unwrap()));
        assert_eq!(same[0], same[1]);
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
