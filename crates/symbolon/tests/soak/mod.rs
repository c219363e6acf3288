//! What the soak suites share: size and seed of a run, people whose seeds are known, a RADIUS client
//! with many requests open at once, and the audit chain as the database has it.
//!
//! The seed fixes every choice of a run. How they meet what the server does at that moment is up to the
//! machine.
#![allow(dead_code, reason = "each suite uses its part")]

pub(crate) mod chain;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod lives;
pub(crate) mod people;
pub(crate) mod push;
pub(crate) mod registry;
pub(crate) mod web;

use std::fmt::Display;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::time::Timestamp;
use otp::{Period, Step};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::common::Home;

/// Rounds of this run: what `variable` says, else as many as an ordinary test run has time for.
pub(crate) fn size(variable: &str, ordinary: usize) -> usize {
    match std::env::var(variable) {
        Ok(number) => number
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={number} is no number")),
        Err(_) => ordinary,
    }
}

/// A line that `./soak` takes over into its table.
pub(crate) fn found(what: impl Display) {
    println!("soak: {what}");
}

/// Shows the end of the program's log when the test fails: the directory goes with the test.
pub(crate) struct LogOnFailure<'h>(pub(crate) &'h Home);

impl Drop for LogOnFailure<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.0.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(LOG_LINES)..];
            println!("the log ends with:\n{}", end.join("\n"));
        }
    }
}

/// Lines of the log that are shown.
const LOG_LINES: usize = 30;

/// Every choice of a run, from one seed.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// From `SYMBOLON_SOAK_SEED`, else from a seed that is drawn; printed either way.
    pub(crate) fn of_this_run() -> Self {
        let seed = match std::env::var("SYMBOLON_SOAK_SEED") {
            Ok(number) => number
                .parse()
                .unwrap_or_else(|_| panic!("SYMBOLON_SOAK_SEED={number} is no number")),
            Err(_) => RandomState::new().hash_one(()),
        };
        println!("SYMBOLON_SOAK_SEED={seed}");
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A source of its own, for another thread.
    pub(crate) fn split(&mut self) -> Self {
        Self(ChaCha8Rng::seed_from_u64(self.0.next_u64()))
    }

    pub(crate) fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.0.fill_bytes(&mut octets);
        octets
    }

    /// From 0 to one less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(end).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// When a start is cut short at the latest; a start takes about this long.
const START_MILLIS: usize = 150;

/// A life that ends while it begins.
fn kill_while_it_starts(home: &Home, chance: &mut Chance) {
    let mut starting = home
        .up()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let micros = chance.below(START_MILLIS * 1_000);
    thread::sleep(Duration::from_micros(u64::try_from(micros).unwrap()));
    starting.kill().unwrap();
    starting.wait().unwrap();
}

/// This machine's wall clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap())
}

/// The step that a token with a right clock shows.
pub(crate) fn step_at(moment: Timestamp) -> Step {
    Period::SIXTY.step_at(moment.unix())
}

/// Seconds of the step that are over.
pub(crate) fn into_step(moment: Timestamp) -> u64 {
    moment.unix() % u64::from(Period::SIXTY.secs())
}

/// Runs what the store's interface wants to be run.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}
