//! A socket for the owner of a data directory.
//!
//! It has mode 0600, and a peer with another user id than this process's or root's is turned away.
//! Who passes can read the root key anyway: a password would protect nothing.

use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::audit::Actor;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tracing::{info, warn};

/// Peers that are served at once: more administrators than that do not sit at one machine.
const PEERS_MAX: usize = 32;

/// The wait after an accept that failed, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket. It is removed when dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl LocalSocket {
    /// Binds; a socket that a killed process left behind is taken over. The directory must be for
    /// its owner alone: the socket has the usual mode for a moment.
    pub fn bind(path: &Path) -> io::Result<Self> {
        remove_socket(path)?;
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Serves every peer that may administer, each in a task of its own, until dropped. `interface`
    /// is how audit events name it.
    pub async fn serve<F, S>(self, interface: &'static str, serve: F)
    where
        F: Fn(UnixStream, Actor) -> S,
        S: Future<Output = io::Result<()>> + Send + 'static,
    {
        let free = Arc::new(Semaphore::new(PEERS_MAX));
        loop {
            let accepted = self.listener.accept().await;
            let peer =
                match accepted.and_then(|(stream, _)| Ok((owner(&stream, interface)?, stream))) {
                    Ok((actor, stream)) => (stream, actor),
                    Err(error) => {
                        warn!(interface, %error, "a connection was turned away");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
            let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
                warn!(
                    interface,
                    "{PEERS_MAX} are connected: another was turned away"
                );
                continue;
            };
            let serving = serve(peer.0, peer.1);
            tokio::spawn(async move {
                if let Err(error) = serving.await {
                    info!(interface, %error, "a connection ended early");
                }
                drop(place);
            });
        }
    }
}

impl Drop for LocalSocket {
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

/// Who is at the other end, if that may administer.
fn owner(stream: &UnixStream, interface: &str) -> io::Result<Actor> {
    let peer = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    if peer != own && peer != 0 {
        let refusal = format!("user id {peer} is not this process's ({own}) and not root's");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal));
    }
    let name = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(peer));
    let name = name
        .ok()
        .flatten()
        .map_or_else(|| format!("uid {peer}"), |user| user.name);
    Ok(Actor {
        name: name.into(),
        interface: Box::from(interface),
    })
}
