//! Warnings that a peer can cause as often as it likes, or that come again and again, are written seldom.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::time::{Span, Timestamp};

/// One warning of a kind in this time, unless it is said otherwise; the next says how many were left out.
const INTERVAL: Span = Span::from_secs(10);

/// Lets one of many through.
#[derive(Debug)]
pub(crate) struct Seldom {
    interval: Span,
    next: AtomicI64,
    left_out: AtomicU64,
}

impl Default for Seldom {
    fn default() -> Self {
        Self::every(INTERVAL)
    }
}

impl Seldom {
    /// One in this time.
    pub(crate) fn every(interval: Span) -> Self {
        Self {
            interval,
            next: AtomicI64::default(),
            left_out: AtomicU64::default(),
        }
    }

    /// How many were left out since the last one, if this one is due.
    pub(crate) fn due(&self, now: Timestamp) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let after = now.after(self.interval).micros();
        let exchanged = now.micros() >= next
            && self
                .next
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if exchanged {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_an_interval_is_let_through_and_the_others_are_counted() {
        let seldom = Seldom::default();
        let now = Timestamp::from_secs(1_000);
        assert_eq!(seldom.due(now), Some(0));
        assert_eq!(seldom.due(now), None);
        assert_eq!(seldom.due(now), None);
        assert_eq!(seldom.due(now.after(INTERVAL)), Some(2));
    }
}
