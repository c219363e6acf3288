//! A process that is killed again and again.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Chance, kill_while_it_starts};
use crate::common::{Home, Running};

/// How long lives are.
pub(crate) struct Lives {
    /// The longest under load, in milliseconds. The shortest ends before the first answer.
    pub(crate) longest_millis: usize,
    /// One of so many ends while it starts.
    pub(crate) stillborn: usize,
}

/// A life that has begun.
pub(crate) struct Life {
    /// Its number among all.
    pub(crate) number: usize,
    pub(crate) server: Running,
    /// When it is to be killed.
    pub(crate) lasts: Duration,
}

/// What there was to see of all lives.
pub(crate) struct Lived {
    kills: usize,
    stillborn: usize,
    slowest_start: Duration,
    took: Duration,
}

impl Lives {
    /// Has so many of them; each but the stillborn ones is killed by `live`.
    pub(crate) fn of(
        &self,
        home: &Home,
        kills: usize,
        chance: &mut Chance,
        mut live: impl FnMut(Life),
    ) -> Lived {
        let mut lived = Lived {
            kills,
            stillborn: 0,
            slowest_start: Duration::ZERO,
            took: Duration::ZERO,
        };
        let began = Instant::now();
        for number in 0..kills {
            if chance.one_in(self.stillborn) {
                kill_while_it_starts(home, chance);
                lived.stillborn += 1;
                continue;
            }
            let starting = Instant::now();
            let server = Running::start(home.up().env("SYMBOLON_LOG", "error"), home);
            lived.slowest_start = lived.slowest_start.max(starting.elapsed());
            let lasts = u64::try_from(chance.below(self.longest_millis)).unwrap();
            live(Life {
                number,
                server,
                lasts: Duration::from_millis(lasts),
            });
        }
        lived.took = began.elapsed();
        lived
    }
}

impl fmt::Display for Lived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills in {:.0} s, {} of them while it started; slowest start {:.2} s",
            self.kills,
            self.took.as_secs_f64(),
            self.stillborn,
            self.slowest_start.as_secs_f64(),
        )
    }
}
