//! Wishes that nothing in memory proves, by source.
//!
//! Most come from the token server's address: it passes on what phones wish, and counts those by their own.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::bounded::Bounded;
use https::host_of;

/// Such wishes from one source within [`WINDOW`]: a phone that lost its token, or has just got it, has a few.
const MAX_WISHES: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);
/// Sources that are remembered, some 500 KiB. Beyond that unknown ones wait.
const MAX_SOURCES: usize = 10_000;

/// How many came lately.
pub(super) struct Strangers(Mutex<Bounded<IpAddr, Counted>>);

#[derive(Clone, Copy)]
struct Counted {
    since: Instant,
    wishes: u32,
}

impl Strangers {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Bounded::new(MAX_SOURCES)))
    }

    /// Takes one more, unless its source had too many.
    pub(super) fn admits(&self, source: IpAddr, now: Instant) -> bool {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stale = |counted: &Counted| now.duration_since(counted.since) >= WINDOW;
        let none = || Counted {
            since: now,
            wishes: 0,
        };
        let Some(counted) = sources.entry_or(host_of(source), is_stale, none) else {
            return false;
        };
        if is_stale(counted) {
            *counted = none();
        }
        counted.wishes = counted.wishes.saturating_add(1);
        counted.wishes <= MAX_WISHES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_share_and_no_others() {
        let (strangers, now) = (Strangers::new(), Instant::now());
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for _ in 0..MAX_WISHES {
            assert!(strangers.admits(one, now));
        }
        assert!(!strangers.admits(one, now));
        assert!(strangers.admits(two, now));
        assert!(!strangers.admits(one, now + WINDOW / 2));
        assert!(strangers.admits(one, now + WINDOW));
    }

    #[test]
    fn sources_without_end_take_no_more_room() {
        let (strangers, now) = (Strangers::new(), Instant::now());
        let address = |number: usize| {
            let number = u32::try_from(number).unwrap();
            IpAddr::from((0x0a00_0000 + number).to_be_bytes())
        };
        let admitted = (0..2 * MAX_SOURCES).filter(|it| strangers.admits(address(*it), now));
        assert_eq!(admitted.count(), MAX_SOURCES);
        assert!(strangers.admits(address(3 * MAX_SOURCES), now + WINDOW));
    }
}
