//! The roles of a process: `symbolon up` runs gateway and token server, the other commands one each.

pub(crate) mod gateway;
pub(crate) mod manager;
pub(crate) mod token_server;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use store::private_file;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where a role keeps what it has.
#[derive(Debug, Args)]
pub(crate) struct HomeArgs {
    /// Data directory; made, with everything in it, at the first start
    #[arg(
        long,
        value_name = "DIR",
        default_value = "symbolon-data",
        env = "SYMBOLON_DATA"
    )]
    pub(crate) data: PathBuf,
}

/// What ends a process in order.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on.
    pub(crate) fn watch() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Makes the data directory, for its owner alone.
pub(crate) fn prepare(data: &Path) -> Result<()> {
    private_file::create_directory(data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let mode = fs::metadata(data)?.permissions().mode();
    ensure!(
        mode & 0o077 == 0,
        "{} can be read by others than its owner (mode {:o}); chmod 700 {}",
        data.display(),
        mode & 0o777,
        data.display()
    );
    Ok(())
}
