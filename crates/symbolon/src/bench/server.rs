//! A server process of the bench's own: its CPU time is its alone.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, Result, ensure};

use super::load::{Load, Login, Row};
use super::machine;

/// The first line of a server, before its address.
pub(super) const LISTENING: &str = "listening on ";

/// A running server; it ends when its standard input does.
pub(super) struct ServerProcess {
    process: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts this program with these arguments and waits until it listens.
    pub(super) fn start(arguments: &[OsString]) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix(LISTENING)
            .context("the server did not start")?;
        Ok(Self {
            address: address.parse()?,
            process,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts this load on it: what was measured, and the CPU time that the server used for it.
    pub(super) fn row(
        &self,
        load: &Load<'_>,
        login: impl FnMut(u64) -> Option<Login>,
    ) -> Result<Row> {
        let before = self.cpu_time()?;
        let measured = load.run(login)?;
        let cpu = self.cpu_time()?.saturating_sub(before);
        Row::new(load.outstanding, measured, cpu)
    }

    /// The CPU time that it has used so far.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        machine::cpu_time(&self.process)
    }

    /// The memory that it has in use, in octets.
    pub(super) fn memory(&self) -> Result<u64> {
        self.status_octets("VmRSS:")
    }

    /// The most memory that it ever had in use, in octets.
    pub(super) fn peak_memory(&self) -> Result<u64> {
        self.status_octets("VmHWM:")
    }

    fn status_octets(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kilobytes = kilobytes.with_context(|| format!("no {field}"))?;
        Ok(kilobytes.trim().parse::<u64>()? * 1_024)
    }

    /// Ends it in the midst of whatever it does.
    pub(super) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Ends it in order.
    pub(super) fn stop(mut self) -> Result<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        ensure!(status.success(), "the server failed: {status}");
        Ok(())
    }
}

/// In the server: becomes true when the bench has gone.
pub(super) fn stop_when_input_ends() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    thread::spawn(move || {
        // Its end is what counts, not what it says.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        flag.store(true, Ordering::Relaxed);
    });
    stop
}

/// In the server: waits until the bench has gone.
pub(super) async fn until_input_ends() {
    let stop = stop_when_input_ends();
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
