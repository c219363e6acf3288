//! What a figure depends on besides the program: cores, the disk's sync, a process's CPU time.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::time::ClockId;
use nix::unistd::Pid;
use tempfile::NamedTempFile;

/// Syncs for one median: below a second on a slow disk, and enough that one hiccup does not matter.
const SYNCS: usize = 101;

/// The size of the record that is synced, in octets; [`super::floor`] writes one for each Accept.
pub(crate) const RECORD: usize = 64;

/// The machine in a line.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    format!(
        "{cores} cores, {}",
        model.as_deref().unwrap_or("unknown processor")
    )
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

/// The CPU time that a process has used so far, all threads, in user and kernel mode.
pub(crate) fn cpu_time(process: &Child) -> Result<Duration> {
    cpu_time_of(Pid::from_raw(process.id().try_into()?))
}

/// The same of a process that somebody else has started.
pub(crate) fn cpu_time_of(process: Pid) -> Result<Duration> {
    Ok(ClockId::pid_cpu_clock_id(process)?.now()?.into())
}
