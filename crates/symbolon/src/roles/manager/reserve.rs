//! `symbolon manager load`, `settlement` and `status`: the reserve in the hands of its administrator.
//!
//! The database is the running manager's, so what is asked goes over a socket in its directory.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Subcommand};
use domain::licensing::Change;
use gateway::local_socket::LocalSocket;
use registry::ReserveDesk;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// A reserve and the words around it.
const MAX_BYTES: u64 = 12 << 20;
/// How long a client may take to send what it asks.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub(super) enum ReserveCommand {
    /// Take the reserve that `symbolon desk reserve-file` wrote at the token server
    Load {
        #[command(flatten)]
        at: At,
        /// The file
        file: PathBuf,
    },
    /// Write what was given out, signed, for `symbolon desk settle` at the token server
    Settlement {
        #[command(flatten)]
        at: At,
    },
    /// Show what is in the reserve, what was given out, and what the token server does not know of yet
    Status {
        #[command(flatten)]
        at: At,
    },
}

#[derive(Debug, Args)]
pub(super) struct At {
    /// Data directory of the running manager
    #[arg(
        long,
        value_name = "DIR",
        default_value = "symbolon-data",
        env = "SYMBOLON_DATA"
    )]
    data: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Asked {
    Load(String),
    Settlement,
    Status,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Done(String),
    Failed(String),
}

/// Where the running manager of a data directory is asked.
pub(super) fn socket(data: &Path) -> PathBuf {
    data.join("manager/manager.sock")
}

/// Has the running manager do it.
pub(super) fn run(command: ReserveCommand) -> Result<ExitCode> {
    let (at, asked) = match command {
        ReserveCommand::Load { at, file } => (at, Asked::Load(read(&file)?)),
        ReserveCommand::Settlement { at } => (at, Asked::Settlement),
        ReserveCommand::Status { at } => (at, Asked::Status),
    };
    crate::print(&ask(&socket(&at.data), &asked)?)?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(cannot)?;
    opened
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .with_context(cannot)?;
    Ok(text)
}

fn ask(socket: &Path, asked: &Asked) -> Result<String> {
    let mut stream = UnixStream::connect(socket).with_context(|| {
        format!(
            "cannot connect to {}; is 'symbolon manager' running with this --data?",
            socket.display()
        )
    })?;
    stream.write_all(&serde_json::to_vec(asked)?)?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let reply = serde_json::from_str(&reply).context("the manager ended before it answered")?;
    match reply {
        Reply::Done(text) => Ok(text),
        Reply::Failed(why) => Err(anyhow!(why)),
    }
}

/// The reserve at its socket; closed when dropped.
#[derive(Debug)]
pub(super) struct ReserveSocket(JoinHandle<()>);

impl Drop for ReserveSocket {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ReserveSocket {
    /// Binds, for the owner of the data directory alone, and serves.
    pub(super) fn open(path: &Path, reserve: ReserveDesk) -> Result<Self> {
        let socket = LocalSocket::bind(path)
            .with_context(|| format!("cannot bind the manager's socket {}", path.display()))?;
        let serving = socket.serve("manager", move |stream, _| serve(stream, reserve.clone()));
        Ok(Self(tokio::spawn(serving)))
    }
}

async fn serve(stream: tokio::net::UnixStream, reserve: ReserveDesk) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut asked = Vec::new();
    let mut reader = reader.take(MAX_BYTES);
    tokio::time::timeout(REQUEST_TIMEOUT, reader.read_to_end(&mut asked)).await??;
    let reply = match carry_out(&asked, &reserve).await {
        Ok(text) => Reply::Done(text),
        Err(error) => Reply::Failed(crate::told(&error)),
    };
    writer.write_all(&serde_json::to_vec(&reply)?).await?;
    writer.shutdown().await
}

async fn carry_out(asked: &[u8], reserve: &ReserveDesk) -> Result<String> {
    match serde_json::from_slice(asked)? {
        Asked::Load(text) => {
            ensure!(!text.is_empty(), "the file is empty");
            let loaded = reserve.load(text.as_bytes()).await;
            Ok(match loaded.map_err(anyhow::Error::msg)? {
                Change::Made => "the reserve is taken\n".to_owned(),
                Change::Already => "this reserve is here already\n".to_owned(),
            })
        }
        Asked::Settlement => {
            let settlement = reserve.settlement().await;
            Ok(settlement.map_err(anyhow::Error::msg)? + "\n")
        }
        Asked::Status => {
            let (sheet, exchanged) = reserve.status().await.map_err(anyhow::Error::msg)?;
            Ok(format!("Exchanged:    {exchanged}\n{sheet}"))
        }
    }
}
