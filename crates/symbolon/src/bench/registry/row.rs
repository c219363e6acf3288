//! Requests over many connections, and what they took.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::super::quantile;
use super::errand::{Errand, Line, Octets};

/// What a row measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    latencies: Vec<Duration>,
    elapsed: Duration,
    octets: Octets,
}

impl Measured {
    /// Runs errands side by side, each again as soon as it is answered; the first time, which connects, is
    /// left out. What the errands have become is given back.
    pub(super) async fn of(
        errands: Vec<(Line, Errand)>,
        duration: Duration,
    ) -> Result<(Self, Vec<Errand>)> {
        let mut connecting = JoinSet::new();
        for (line, mut errand) in errands {
            connecting.spawn(async move {
                errand.run(&line).await?;
                anyhow::Ok((line, errand))
            });
        }
        let connected = ended(connecting).await?;
        let began = Instant::now();
        let mut running = JoinSet::new();
        for (line, errand) in connected {
            running.spawn(repeat(line, errand, began + duration));
        }
        let mut measured = Self::default();
        let mut done = Vec::new();
        for (of_one, errand) in ended(running).await? {
            measured.latencies.extend(of_one.latencies);
            measured.octets = of_one.octets;
            done.push(errand);
        }
        measured.elapsed = began.elapsed();
        measured.latencies.sort_unstable();
        Ok((measured, done))
    }

    /// Of a question and its answer.
    pub(super) fn octets(&self) -> Octets {
        self.octets
    }
}

async fn ended<T: 'static>(mut set: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(set.len());
    while let Some(one) = set.join_next().await {
        all.push(one??);
    }
    Ok(all)
}

async fn repeat(line: Line, mut errand: Errand, end: Instant) -> Result<(Measured, Errand)> {
    let mut measured = Measured::default();
    loop {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let Some(octets) = errand.run(&line).await? else {
            break;
        };
        measured.latencies.push(asked.elapsed());
        measured.octets = octets;
    }
    Ok((measured, errand))
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    outstanding: usize,
    pub(super) measured: Measured,
    rate: f64,
    p50: Duration,
    p99: Duration,
    /// The server's CPU time for one.
    cpu: Duration,
}

impl Row {
    pub(super) const HEADER: &str = "request                 outstanding    rate/s    p50 ms    p99 ms    CPU ms  of the floor: rate, CPU";

    pub(super) fn new(outstanding: usize, measured: Measured, cpu: Duration) -> Result<Self> {
        let answered = u32::try_from(measured.latencies.len())?;
        let latency =
            |percent| quantile(&measured.latencies, percent).context("no request was answered");
        Ok(Self {
            outstanding,
            rate: f64::from(answered) / measured.elapsed.as_secs_f64(),
            p50: latency(50)?,
            p99: latency(99)?,
            cpu: cpu / answered,
            measured,
        })
    }

    /// This row's rate and CPU time as parts of another's.
    pub(super) fn of(&self, floor: &Self) -> String {
        let cpu = self.cpu.as_secs_f64() / floor.cpu.as_secs_f64();
        format!("{:.2}, {cpu:.1}", self.rate / floor.rate)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, cpu] = [self.p50, self.p99, self.cpu].map(|time| time.as_secs_f64() * 1e3);
        let Self {
            outstanding, rate, ..
        } = self;
        write!(
            f,
            "{outstanding:>11}{rate:>10.1}{p50:>10.2}{p99:>10.2}{cpu:>10.3}"
        )
    }
}
