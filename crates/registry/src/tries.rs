//! Wrong codes by source, and in all.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::bounded::Bounded;
use https::host_of;
use tokio::sync::Notify;

/// Wrong codes from one source within [`WINDOW`]. A code has 64 random bits, so this is about noise
/// and load, not about guessing; a person mistypes a few times.
pub(crate) const MAX_WRONG: u32 = 10;
/// Wrong codes in all within [`WINDOW`], beyond which each source has one: who guesses from many addresses gets
/// little from each, and a person whose code is right is served.
const MAX_WRONG_IN_ALL: u32 = 10_000;
/// As the text of the error says: a quarter of an hour.
const WINDOW: Duration = Duration::from_mins(15);
/// Sources that are remembered, some 10 MiB. Beyond that unknown sources count as one.
const MAX_SOURCES: usize = 100_000;

pub(crate) struct Tries {
    max_wrong: u32,
    counts: Mutex<Counts>,
    ended: Notify,
}

struct Counts {
    sources: Bounded<IpAddr, Counted>,
    /// Those of the sources for which there is no room.
    crowded_out: Counted,
    in_all: Counted,
}

#[derive(Clone, Copy)]
struct Counted {
    since: Instant,
    wrong: u32,
    under_way: u32,
}

/// Why a code is not looked at now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NotNow {
    /// Too many were wrong.
    UsedUp,
    /// Too many would be wrong if those were that are being looked at.
    Busy,
}

/// A code that is being looked at. It was wrong unless it is said to have been right: who goes away
/// before the answer has used up a try.
#[must_use]
pub(crate) struct Try<'a> {
    tries: &'a Tries,
    /// Nothing if it counts with all for which there is no room.
    key: Option<IpAddr>,
    wrong: u32,
}

impl Tries {
    /// Each source may be wrong `max_wrong` times within a quarter of an hour.
    pub(crate) fn new(max_wrong: u32) -> Self {
        let counts = Counts {
            sources: Bounded::new(MAX_SOURCES),
            crowded_out: Counted::none(Instant::now()),
            in_all: Counted::none(Instant::now()),
        };
        Self {
            max_wrong,
            counts: Mutex::new(counts),
            ended: Notify::new(),
        }
    }

    /// Begins to look at a code; nothing for a source that has to wait for longer than codes take that
    /// came before.
    pub(crate) async fn begin(&self, source: IpAddr) -> Option<Try<'_>> {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // From here on: a try that ends before this one waits is not missed.
            ended.as_mut().enable();
            match self.try_begin(source, Instant::now()) {
                Ok(tried) => return Some(tried),
                Err(NotNow::Busy) => ended.await,
                Err(NotNow::UsedUp) => return None,
            }
        }
    }

    fn try_begin(&self, source: IpAddr, now: Instant) -> Result<Try<'_>, NotNow> {
        let mut counts = self.counts();
        let most = counts.most_by_source(self.max_wrong, now);
        let key = counts.key(source, now);
        let counted = counts.counted(key);
        let wrong = counted.at(now);
        if wrong >= most {
            return Err(NotNow::UsedUp);
        }
        if wrong + counted.under_way >= most {
            return Err(NotNow::Busy);
        }
        counted.under_way += 1;
        Ok(Try {
            tries: self,
            key,
            wrong: 1,
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// It was right, or nobody can tell.
    pub(crate) fn forgive(mut self) {
        self.wrong = 0;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let mut counts = self.tries.counts();
        let counted = counts.counted(self.key);
        counted.under_way -= 1;
        counted.wrong += self.wrong;
        counts.in_all.wrong = counts.in_all.wrong.saturating_add(self.wrong);
        self.tries.ended.notify_waiters();
    }
}

impl Counts {
    fn most_by_source(&mut self, max_wrong: u32, now: Instant) -> u32 {
        if self.in_all.at(now) < MAX_WRONG_IN_ALL {
            max_wrong
        } else {
            1
        }
    }

    /// Under what a source counts, if there is room for it.
    fn key(&mut self, source: IpAddr, now: Instant) -> Option<IpAddr> {
        let key = host_of(source);
        let is_stale = |counted: &Counted| !counted.tells(now);
        let counted = self.sources.entry_or(key, is_stale, || Counted::none(now));
        counted.map(|_| key)
    }

    /// One with a code under way is never swept away.
    fn counted(&mut self, key: Option<IpAddr>) -> &mut Counted {
        match key.and_then(|key| self.sources.get_mut(&key)) {
            Some(counted) => counted,
            None => &mut self.crowded_out,
        }
    }
}

impl Counted {
    fn none(since: Instant) -> Self {
        Self {
            since,
            wrong: 0,
            under_way: 0,
        }
    }

    /// Wrong codes of the window that `now` is in.
    fn at(&mut self, now: Instant) -> u32 {
        if !self.is_current(now) {
            (self.since, self.wrong) = (now, 0);
        }
        self.wrong
    }

    fn is_current(&self, now: Instant) -> bool {
        now.duration_since(self.since) < WINDOW
    }

    /// Whether forgetting it would change an answer.
    fn tells(&self, now: Instant) -> bool {
        self.under_way > 0 || (self.wrong > 0 && self.is_current(now))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_source_waits_after_ten_wrong_codes_and_others_do_not() {
        let tries = Tries::new(MAX_WRONG);
        let now = Instant::now();
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for _ in 0..MAX_WRONG {
            assert!(tries.try_begin(one, now).is_ok());
        }
        assert_eq!(tries.try_begin(one, now).err(), Some(NotNow::UsedUp));
        assert!(tries.try_begin(two, now).is_ok());
        assert!(tries.try_begin(one, now + WINDOW).is_ok());
    }

    #[test]
    fn codes_that_come_at_once_do_not_outrun_the_limit_and_right_ones_do_not_count() {
        let tries = Tries::new(MAX_WRONG);
        let (now, source) = (Instant::now(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        for _ in 0..100 {
            let under_way: Vec<_> = (0..MAX_WRONG)
                .map(|_| tries.try_begin(source, now).ok().unwrap())
                .collect();
            assert_eq!(tries.try_begin(source, now).err(), Some(NotNow::Busy));
            under_way.into_iter().for_each(Try::forgive);
        }
        let wrong: Vec<_> = (0..MAX_WRONG)
            .map(|_| tries.try_begin(source, now).ok().unwrap())
            .collect();
        drop(wrong);
        assert_eq!(tries.try_begin(source, now).err(), Some(NotNow::UsedUp));
    }

    #[test]
    fn of_a_million_guesses_from_anywhere_few_are_looked_at() {
        let tries = Tries::new(MAX_WRONG);
        let now = Instant::now();
        let sources = u32::try_from(MAX_SOURCES).unwrap();
        let address = |host| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + host));
        let looked_at = (0..1_000_000)
            .filter(|guess| tries.try_begin(address(guess % sources), now).is_ok())
            .count();
        let most = MAX_SOURCES + usize::try_from(MAX_WRONG_IN_ALL).unwrap();
        assert!(looked_at <= most, "{looked_at}");
    }

    #[test]
    fn under_attack_a_person_has_one_try() {
        let tries = Tries::new(MAX_WRONG);
        let now = Instant::now();
        for host in 0..MAX_WRONG_IN_ALL {
            let source = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + host));
            assert!(tries.try_begin(source, now).is_ok());
        }
        let person: IpAddr = "192.0.2.1".parse().unwrap();
        assert!(tries.try_begin(person, now).is_ok());
        assert_eq!(tries.try_begin(person, now).err(), Some(NotNow::UsedUp));
    }
}
