//! What a figure depends on besides the program: cores, the disk's sync, a process's CPU time.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{hint, thread};

use anyhow::{Context, Result};
use nix::time::ClockId;
use nix::unistd::Pid;
use tempfile::NamedTempFile;

/// Syncs for one median: below a second on a slow disk, and enough that one hiccup does not matter.
const SYNCS: usize = 101;

/// The size of the record that is synced, in octets; [`super::floor`] writes one for each Accept.
pub(crate) const RECORD: usize = 64;

/// Times of a hand-over for one median, and round trips of each: some milliseconds in all.
const HAND_OVERS: usize = 21;
const ROUND_TRIPS: u32 = 1_000;

/// What ends the other side of a hand-over; no round trip comes to it.
const OVER: u32 = u32::MAX;

/// The machine in a line.
pub(crate) fn describe() -> String {
    let cores = processors();
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    format!(
        "{cores} cores, {}",
        model.as_deref().unwrap_or("unknown processor")
    )
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The median time in which a record that was appended to a file in `directory` is on the disk.
pub(crate) fn sync_latency(directory: &Path) -> Result<Duration> {
    let mut file = NamedTempFile::new_in(directory)
        .with_context(|| format!("{} takes no file", directory.display()))?;
    let mut latencies = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[0; RECORD])?;
        file.as_file().sync_data()?;
        latencies.push(begun.elapsed());
    }
    Ok(*latencies.select_nth_unstable(SYNCS / 2).1)
}

/// The median time in which a line of memory goes from one processor's cache to another's and back. Where a hypervisor
/// moves virtual processors about, it differs from one minute to the next by a factor of five, and with it the cost of
/// whatever threads hand over to each other. `None` with one processor.
pub(crate) fn hand_over() -> Option<Duration> {
    if processors() < 2 {
        return None;
    }
    let ball = AtomicU32::new(0);
    let mut times = thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                match ball.load(Ordering::Acquire) {
                    OVER => return,
                    there if there % 2 == 1 => ball.store(there + 1, Ordering::Release),
                    _ => hint::spin_loop(),
                }
            }
        });
        let mut times = [Duration::ZERO; HAND_OVERS];
        for time in &mut times {
            let begun = Instant::now();
            for round in 0..ROUND_TRIPS {
                ball.store(2 * round + 1, Ordering::Release);
                while ball.load(Ordering::Acquire) != 2 * round + 2 {
                    hint::spin_loop();
                }
            }
            *time = begun.elapsed() / ROUND_TRIPS;
        }
        ball.store(OVER, Ordering::Release);
        times
    });
    Some(*times.select_nth_unstable(HAND_OVERS / 2).1)
}

/// The CPU time that a process has used so far, all threads, in user and kernel mode.
pub(crate) fn cpu_time(process: &Child) -> Result<Duration> {
    cpu_time_of(Pid::from_raw(process.id().try_into()?))
}

/// The same of a process that somebody else has started.
pub(crate) fn cpu_time_of(process: Pid) -> Result<Duration> {
    Ok(ClockId::pid_cpu_clock_id(process)?.now()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_over_takes_two_processors_and_some_time() {
        assert_eq!(hand_over().is_some(), processors() > 1);
        assert_ne!(hand_over(), Some(Duration::ZERO));
    }
}
