//! An open way to a syslog server, and how far the server has come.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::link::{ACKNOWLEDGED_WITHIN, Link};

/// A connection that has held for so long after an event was written has had it acknowledged, or it would
/// not have held.
pub(super) const CONFIRMED_AFTER: Duration =
    ACKNOWLEDGED_WITHIN.saturating_add(Duration::from_secs(5));
/// How often a mark is written at most.
pub(super) const MARK_EVERY: Duration = Duration::from_secs(1);
/// How long nothing is looked at when there is nothing to look at.
const IDLE: Duration = Duration::from_mins(1);

/// An open way and what went over it.
pub(super) struct Delivery {
    pub(super) link: Link,
    pub(super) opened: Instant,
    /// The last event that was written.
    pub(super) position: i64,
    /// Events that were written and may not have arrived, by the last of each page.
    on_the_way: VecDeque<(Instant, i64)>,
    /// The last event that has arrived.
    pub(super) confirmed: i64,
    /// The mark in the store.
    pub(super) kept: i64,
    pub(super) kept_at: Instant,
}

impl Delivery {
    /// A way that was just opened to a server that has events up to `mark`.
    pub(super) fn new(link: Link, mark: i64) -> Self {
        let now = Instant::now();
        Self {
            link,
            opened: now,
            position: mark,
            on_the_way: VecDeque::new(),
            confirmed: mark,
            kept: mark,
            kept_at: now,
        }
    }

    /// Events up to `last` went over it.
    pub(super) fn wrote(&mut self, last: i64) {
        self.position = last;
        self.on_the_way.push_back((Instant::now(), last));
    }

    /// What was written so long ago that it has arrived; a datagram has when it has left.
    pub(super) fn confirm(&mut self) {
        let after = if self.link.is_reliable() {
            CONFIRMED_AFTER
        } else {
            Duration::ZERO
        };
        while let Some((written, last)) = self.on_the_way.front()
            && written.elapsed() >= after
        {
            self.confirmed = *last;
            self.on_the_way.pop_front();
        }
    }

    /// When something has to be noted without any event.
    pub(super) fn next_look(&self, is_outage_told: bool) -> Instant {
        let arrives = self
            .on_the_way
            .front()
            .map(|(written, _)| *written + CONFIRMED_AFTER);
        let is_unkept = self.confirmed != self.kept;
        let keeps = is_unkept.then_some(self.kept_at + MARK_EVERY);
        let holds = is_outage_told.then_some(self.opened + CONFIRMED_AFTER + MARK_EVERY);
        let looks = [arrives, keeps, holds].into_iter().flatten();
        looks.min().unwrap_or_else(|| Instant::now() + IDLE)
    }
}
