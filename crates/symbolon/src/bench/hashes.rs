//! Logins whose passwords are hashed at their full cost, more than the cores can do, beside a few whose passwords are
//! remembered: whether the cores are used, and whether the others wait.

use std::fmt;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::name::CanonicalName;
use domain::password::{Evaluation, PasswordHash, Presented};
use otp::Step;
use radius::Secret;
use zeroize::Zeroizing;

use super::load::{self, Load, Outstanding, Verify};
use super::login::{self, Users};
use super::population;
use super::quantile;
use super::server::ServerProcess;

/// Logins under way that wait for a hash: threads are never idle, and with 15 to 25 ms for each none waits as long as
/// a client does before it asks again.
const OUTSTANDING: Outstanding = Outstanding::of(64);

/// Hashes that a core does in a second at most, with what is to spare.
const HASHES_A_SECOND: u32 = 100;

/// Between two of the others' logins: they take little of the cores that hash.
const PACE: Duration = Duration::from_millis(5);

/// How long the pool has been busy when the first of the others comes.
const LEAD: Duration = Duration::from_millis(200);

/// Nobody waits longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many people whose passwords are not remembered are needed for so many seconds.
pub(super) fn hashed_people(seconds: u32) -> u32 {
    u32::try_from(cores()).map_or(u32::MAX, |cores| {
        cores.saturating_mul(HASHES_A_SECOND * seconds)
    })
}

/// How many of the others are needed.
pub(super) fn other_people(seconds: u32) -> u32 {
    2 * paced_in(seconds)
}

fn paced_in(seconds: u32) -> u32 {
    u32::try_from(Duration::from_secs(seconds.into()).as_millis() / PACE.as_millis())
        .unwrap_or(u32::MAX)
}

/// Who logs in.
pub(super) struct Crowd<'c> {
    pub(super) server: &'c ServerProcess,
    pub(super) users: Users,
    /// People whose passwords are hashed.
    pub(super) hashed: Range<u32>,
    /// People whose passwords are remembered.
    pub(super) others: Range<u32>,
    /// Of codes that none of them has used.
    pub(super) step: Step,
    pub(super) seconds: u32,
}

/// What was found.
pub(super) struct Hashes {
    /// Logins a second whose passwords were hashed.
    rate: f64,
    /// Hashes a second that all cores do when they do nothing else: before and after.
    alone: [f64; 2],
    /// What the others wait without those logins.
    without: Waits,
    /// What they wait beside them.
    beside: Waits,
}

/// Times in which logins were answered.
#[derive(Clone, Copy, Debug)]
struct Waits {
    logins: usize,
    p50: Duration,
    p99: Duration,
}

impl Crowd<'_> {
    /// Takes about four times as long as one row.
    pub(super) fn measure(&self) -> Result<Hashes> {
        let duration = Duration::from_secs(self.seconds.into());
        let middle = self.others.start + paced_in(self.seconds);
        let before = alone(duration)?;
        let without = self.paced(self.others.start..middle, duration)?;
        let secret = Secret::new(login::SECRET.as_bytes())?;
        let load = Load {
            server: self.server.address(),
            secret: &secret,
            outstanding: OUTSTANDING,
            duration,
            verify: Verify::Sample,
        };
        let (hashed, beside) = thread::scope(|scope| {
            let beside = scope.spawn(|| {
                thread::sleep(LEAD);
                self.paced(middle..self.others.end, duration.saturating_sub(LEAD))
            });
            let hashed = load.run(|number| {
                let number = self.hashed.start + u32::try_from(number).ok()?;
                let login = || self.users.right(number, self.step);
                self.hashed.contains(&number).then(login)?
            });
            (hashed, beside.join())
        });
        let after = alone(duration)?;
        let Ok(beside) = beside else {
            bail!("the others' logins failed");
        };
        let hashed = hashed?;
        let rate = hashed.rate();
        // Refuses what went wrong.
        load::Row::new(OUTSTANDING, hashed, Duration::ZERO)?;
        Ok(Hashes {
            rate,
            alone: [before, after],
            without,
            beside: beside?,
        })
    }

    /// These people log in one after the other at an even pace, as many as the time is enough for.
    fn paced(&self, people: Range<u32>, duration: Duration) -> Result<Waits> {
        let secret = Secret::new(login::SECRET.as_bytes())?;
        let began = Instant::now();
        let mut waits = Vec::new();
        for (number, turn) in people.zip(0_u32..) {
            let at = PACE * turn;
            if at.max(began.elapsed()) >= duration {
                break;
            }
            thread::sleep(at.saturating_sub(began.elapsed()));
            let login = self.users.right(number, self.step).context("a code")?;
            waits.push(load::answer_time(
                self.server.address(),
                &secret,
                PATIENCE,
                &login,
            )?);
        }
        Waits::of(waits)
    }
}

impl Waits {
    fn of(mut waits: Vec<Duration>) -> Result<Self> {
        waits.sort_unstable();
        let within = |percent| quantile(&waits, percent).context("nobody logged in");
        Ok(Self {
            logins: waits.len(),
            p50: within(50)?,
            p99: within(99)?,
        })
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [self.p50, self.p99].map(|wait| wait.as_secs_f64() * 1e3);
        write!(f, "p50 {p50:.2} ms, p99 {p99:.2} ms of {}", self.logins)
    }
}

impl fmt::Display for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate,
            alone: [before, after],
            without,
            beside,
        } = self;
        let alone = f64::midpoint(*before, *after);
        writeln!(
            f,
            "hashes   {rate:.1} logins a second at full cost; the cores alone do {before:.1} before and {after:.1} after: \
             {:.2}",
            rate / alone
        )?;
        write!(
            f,
            "others   {beside} beside them; {without} without: p99 {:.1} times",
            beside.p99.as_secs_f64() / without.p99.as_secs_f64()
        )
    }
}

/// Checks of passwords a second that all cores do with nothing beside, as a login does them.
fn alone(duration: Duration) -> Result<f64> {
    let hash = PasswordHash::new(population::PASSWORD, [0; 16])?;
    let name = CanonicalName::of(&population::user(0))?;
    let rates = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores())
            .map(|_| {
                let evaluation = Evaluation::of(name.clone(), hash.clone());
                scope.spawn(move || checks_a_second(&evaluation, duration))
            })
            .collect();
        let rates = threads.into_iter().map(thread::ScopedJoinHandle::join);
        rates.collect::<Result<Vec<_>, _>>()
    });
    let Ok(rates) = rates else {
        bail!("a thread that hashes failed");
    };
    rates.into_iter().sum()
}

fn checks_a_second(evaluation: &Evaluation, duration: Duration) -> Result<f64> {
    let password = population::PASSWORD.as_bytes().to_vec();
    let presented = Presented::new(Zeroizing::new(password));
    let began = Instant::now();
    let mut checks = 0_u32;
    while began.elapsed() < duration {
        evaluation
            .verify(&presented)
            .context("the hash is not of the password")?;
        checks += 1;
    }
    Ok(f64::from(checks) / began.elapsed().as_secs_f64())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_told_as_a_part_of_what_the_cores_do_alone() {
        let waits = |millis: Range<u64>| Waits::of(millis.map(Duration::from_millis).collect());
        let hashes = Hashes {
            rate: 90.0,
            alone: [98.0, 102.0],
            without: waits(0..100).unwrap(),
            beside: waits(100..300).unwrap(),
        };
        assert_eq!(
            hashes.to_string(),
            "hashes   90.0 logins a second at full cost; the cores alone do 98.0 before and 102.0 after: 0.90\n\
             others   p50 200.00 ms, p99 298.00 ms of 200 beside them; p50 50.00 ms, p99 99.00 ms of 100 without: \
             p99 3.0 times"
        );
        assert!(waits(0..0).is_err());
    }

    #[test]
    fn the_cores_check_passwords() {
        assert!(alone(Duration::from_millis(1)).unwrap() > 0.0);
    }
}
