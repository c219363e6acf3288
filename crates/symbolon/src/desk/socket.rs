//! The local socket between the command and the process that has the database.
//!
//! The words of the command and the files that it names go one way, an [`Answer`] or a refusal comes back
//! as JSON.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use domain::audit::Actor;
use gateway::local_socket::LocalSocket;
use registry::Desk;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::counter::{self, Caller};
use super::parcel::Parcel;

/// How long a client may take to send it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Done(Answer),
    Failed(String),
}

/// Has the running system carry out a command.
pub(super) fn ask(socket: &Path, request: &Parcel) -> Result<Answer> {
    let mut stream = UnixStream::connect(socket).with_context(|| {
        format!(
            "cannot connect to {}; is 'symbolon up' running with this --data? ('symbolon registry' will do)",
            socket.display()
        )
    })?;
    request.send(&mut stream)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let reply =
        serde_json::from_str(&reply).context("the token server ended before it answered")?;
    match reply {
        Reply::Done(answer) => Ok(answer),
        Reply::Failed(why) => Err(anyhow!(why)),
    }
}

/// The desk at its socket; closed when dropped.
#[derive(Debug)]
pub(crate) struct DeskSocket(JoinHandle<()>);

impl Drop for DeskSocket {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl DeskSocket {
    /// Binds, for the owner of the data directory alone, and serves.
    pub(crate) fn open(path: &Path, desk: Desk) -> Result<Self> {
        let socket = LocalSocket::bind(path)
            .with_context(|| format!("cannot bind the desk's socket {}", path.display()))?;
        let serving = socket.serve("desk", move |stream, actor| {
            serve(stream, actor, desk.clone())
        });
        Ok(Self(tokio::spawn(serving)))
    }
}

async fn serve(stream: tokio::net::UnixStream, actor: Actor, desk: Desk) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let request = tokio::time::timeout(REQUEST_TIMEOUT, Parcel::receive(reader)).await??;
    let caller = Caller::Owner(actor);
    let reply = match counter::take(request, &caller, &desk).await {
        Ok((answer, _)) => Reply::Done(answer),
        Err(error) => Reply::Failed(crate::told(&error)),
    };
    writer.write_all(&serde_json::to_vec(&reply)?).await?;
    writer.shutdown().await
}
