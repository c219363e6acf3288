//! The administrator's console on a local socket: drivers around `cli::Session`.
//!
//! Who owns the socket's directory administers the gateway: the socket has mode 0600, and a peer with
//! another user id than the gateway's or root's is turned away. The client sends one line,
//! `symbolon-console 1 terminal COLUMNS` or `symbolon-console 1 pipe`, and is raw bytes from then on.
//! At the end of a pipe the server sends a NUL, the exit status in decimal, and LF; no output
//! contains a NUL.

mod answers;
mod conversation;
mod executor;

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::audit::Actor;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

pub(crate) use executor::Executor;

use crate::stopped;

/// Consoles that are open at once: more administrators than that do not sit at one machine.
const SESSIONS_MAX: usize = 32;

/// How long a client may take for its first line.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest first line.
const GREETING_MAX: usize = 64;

/// What a client can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Client {
    /// A terminal with this many columns; 0 if unknown.
    Terminal(u16),
    /// Lines in, output alone out.
    Pipe,
}

/// The listening socket. It is removed when the console ends.
#[derive(Debug)]
pub(crate) struct Console {
    listener: UnixListener,
    path: PathBuf,
}

impl Console {
    /// Binds; a socket that a killed process left behind is taken over.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        remove_socket(path)?;
        let before = rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o177));
        let listener = UnixListener::bind(path);
        rustix::process::umask(before);
        Ok(Self {
            listener: listener?,
            path: path.to_owned(),
        })
    }

    /// Serves until told to stop.
    pub(crate) async fn run(self, executor: Arc<Executor>, mut stop: watch::Receiver<bool>) {
        let free = Arc::new(Semaphore::new(SESSIONS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopped(&mut stop) => return,
            };
            let (stream, _) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "the console cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
                warn!("{SESSIONS_MAX} consoles are open: another was turned away");
                continue;
            };
            let (executor, stop) = (Arc::clone(&executor), stop.clone());
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &executor, stop).await {
                    info!(%error, "a console ended");
                }
                drop(place);
            });
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // Nobody can do anything about it, and the next start removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A configured path may name another file by mistake: that one stays, and the bind says so.
fn remove_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn serve(
    stream: UnixStream,
    executor: &Executor,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let actor = administrator(&stream)?;
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    match tokio::time::timeout(GREETING_TIMEOUT, greeting(&mut reader)).await?? {
        Client::Terminal(columns) => {
            conversation::terminal(reader, writer, executor, actor, columns, stop).await
        }
        Client::Pipe => conversation::pipe(reader, writer, executor, actor, stop).await,
    }
}

/// Who is at the other end, if that may administer.
fn administrator(stream: &UnixStream) -> io::Result<Actor> {
    let peer = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    if peer != own && peer != 0 {
        let refusal = format!("user id {peer} is not this gateway's ({own}) and not root's");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal));
    }
    let name = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(peer));
    let name = name
        .ok()
        .flatten()
        .map_or_else(|| format!("uid {peer}"), |user| user.name);
    Ok(Actor {
        name: name.into(),
        interface: "console".into(),
    })
}

async fn greeting(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Client> {
    let mut line = Vec::new();
    loop {
        let buffered = reader.fill_buf().await?;
        let end = buffered.iter().position(|octet| *octet == b'\n');
        let taken = end.map_or(buffered.len(), |end| end + 1);
        line.extend_from_slice(buffered.get(..end.unwrap_or(taken)).unwrap_or_default());
        reader.consume(taken);
        if end.is_some() {
            break;
        }
        if taken == 0 || line.len() > GREETING_MAX {
            return Err(not_a_console());
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| not_a_console())?;
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["symbolon-console", "1", "pipe"] => Ok(Client::Pipe),
        ["symbolon-console", "1", "terminal", columns] => columns
            .parse()
            .map(Client::Terminal)
            .map_err(|_| not_a_console()),
        _ => Err(not_a_console()),
    }
}

fn not_a_console() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the client is no console of this version",
    )
}

type Writer = OwnedWriteHalf;
type Reader = BufReader<OwnedReadHalf>;
