//! How many refusals at the desk the log tells of.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of a minute: more than people make who mistake a certificate, too few to fill a disk.
const LINES: u32 = 60;
const MINUTE: Duration = Duration::from_mins(1);

/// Counts refusals, minute by minute.
pub(crate) struct Refusals(Mutex<Minute>);

struct Minute {
    began: Instant,
    lines: u32,
    left_out: u32,
}

impl Refusals {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Minute {
            began: now,
            lines: 0,
            left_out: 0,
        }))
    }

    /// How many were left out before this one; `None` if it is left out itself.
    pub(crate) fn take(&self, now: Instant) -> Option<u32> {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(minute.began) >= MINUTE {
            minute.began = now;
            minute.lines = 0;
        }
        if minute.lines >= LINES {
            minute.left_out = minute.left_out.saturating_add(1);
            return None;
        }
        minute.lines += 1;
        Some(std::mem::take(&mut minute.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_lines_and_the_next_says_how_many_are_missing() {
        let now = Instant::now();
        let refusals = Refusals::new(now);
        for _ in 0..LINES {
            assert_eq!(refusals.take(now), Some(0));
        }
        assert_eq!(refusals.take(now), None);
        assert_eq!(refusals.take(now), None);
        assert_eq!(refusals.take(now + MINUTE), Some(2));
        assert_eq!(refusals.take(now + MINUTE), Some(0));
    }
}
