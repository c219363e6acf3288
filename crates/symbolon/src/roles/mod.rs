//! The roles of a process: `symbolon up` runs gateway and token server, the other commands one each.

pub(crate) mod gateway;
pub(crate) mod manager;
pub(crate) mod own_certificate;
pub(crate) mod relay;
mod revocations;
pub(crate) mod token_server;
mod web_push;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use https::files::Listener;
use store::private_file;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// With fewer, one host could take all connections of a listener.
const FILES_MIN: usize = 1_024;
/// With as many, every listener has all of its connections, and the relay a third.
const FILES_ENOUGH: usize = 16_384;

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

/// Takes as many files as the system gives, and makes the data directory, for its owner alone.
pub(crate) fn prepare(data: &Path) -> Result<()> {
    take_files()?;
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

fn take_files() -> Result<()> {
    let files = https::files::raise_limit();
    ensure!(
        files >= FILES_MIN,
        "the process may open {files} files and needs {FILES_MIN} at least: raise LimitNOFILE= of its service, or \
         `ulimit -n`"
    );
    if files < FILES_ENOUGH {
        let connections = Listener::Logins.share(FILES_ENOUGH);
        tracing::warn!(
            files,
            connections,
            "the process may open few files, so each listener has few connections; with LimitNOFILE={FILES_ENOUGH} \
             or more it has all"
        );
    }
    Ok(())
}
