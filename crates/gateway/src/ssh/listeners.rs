//! The sockets: bound at the start, bound anew when the port changes, tried again while they cannot be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::interface;
use domain::vdom::Vdom;
use store::gateway::GatewayStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::{Listening, Service, connection};
use crate::seldom::Seldom;
use crate::stopped;
use crate::{allow_access, clock};

/// How soon a changed port is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often an address that could not be bound is tried again, in looks.
const TRY_AGAIN_AFTER: u32 = 10;

/// The wait after an accept that failed, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The sockets of the SSH server.
#[derive(Debug)]
pub(super) struct Listeners {
    port: u16,
    sockets: Vec<Socket>,
}

#[derive(Debug)]
struct Socket {
    address: IpAddr,
    bound: Result<Arc<TcpListener>, io::Error>,
}

impl Socket {
    async fn bind(address: IpAddr, port: u16) -> Self {
        let bound = TcpListener::bind((address, port)).await;
        if let Err(error) = &bound {
            let address = SocketAddr::new(address, port);
            error!(
                "SSH is not served on {address}: {error}; free that port, or: \
                 config system global / set admin-ssh-port"
            );
        }
        Self {
            address,
            bound: bound.map(Arc::new),
        }
    }
}

impl Listeners {
    pub(super) async fn bind(addresses: Vec<IpAddr>, port: u16) -> Self {
        let mut sockets = Vec::with_capacity(addresses.len());
        for address in addresses {
            sockets.push(Socket::bind(address, port).await);
        }
        Self { port, sockets }
    }

    pub(super) fn listening(&self) -> Vec<Listening> {
        let each = self.sockets.iter().map(|socket| Listening {
            address: SocketAddr::new(socket.address, self.port),
            failure: socket.bound.as_ref().err().map(ToString::to_string),
        });
        each.collect()
    }

    /// Serves until told to stop. Connections that are open stay open when the port changes.
    pub(super) async fn serve(mut self, service: Arc<Service>, mut stop: watch::Receiver<bool>) {
        let mut accepting = self.accept(&service, &stop);
        let mut looks = 0_u32;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stopped(&mut stop) => return,
            }
            looks = looks.wrapping_add(1);
            let port = service.store.settings(Vdom::ROOT).administration.ssh_port;
            if self.look(port, looks).await {
                accepting.shutdown().await;
                accepting = self.accept(&service, &stop);
            }
        }
    }

    /// Binds what has to be bound; whether anything is bound that was not.
    async fn look(&mut self, port: u16, looks: u32) -> bool {
        if port != self.port {
            info!(port, "the SSH port was changed");
            let addresses = self.sockets.iter().map(|socket| socket.address).collect();
            *self = Self::bind(addresses, port).await;
            return true;
        }
        let mut anew = false;
        if looks.is_multiple_of(TRY_AGAIN_AFTER) {
            for socket in &mut self.sockets {
                if socket.bound.is_err() {
                    *socket = Socket::bind(socket.address, port).await;
                    anew |= socket.bound.is_ok();
                }
            }
        }
        anew
    }

    fn accept(&self, service: &Arc<Service>, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut accepting = JoinSet::new();
        for listener in self
            .sockets
            .iter()
            .filter_map(|socket| socket.bound.as_ref().ok())
        {
            accepting.spawn(accept(
                Arc::clone(listener),
                Arc::clone(service),
                stop.clone(),
            ));
        }
        accepting
    }
}

async fn accept(listener: Arc<TcpListener>, service: Arc<Service>, stop: watch::Receiver<bool>) {
    let (failures, refusals) = (Seldom::default(), Seldom::default());
    loop {
        let (stream, peer): (TcpStream, SocketAddr) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(left_out) = failures.due(clock::now()) {
                    warn!(%error, left_out, "an SSH connection could not be accepted");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !comes_to_allowed_address(&stream, &service.store) {
            if let Some(left_out) = refusals.due(clock::now()) {
                info!(%peer, left_out, "an SSH connection came to an interface without 'allowaccess ssh'");
            }
            continue;
        }
        let serving = connection::serve(stream, peer, Arc::clone(&service), stop.clone());
        tokio::spawn(serving);
    }
}

/// An address that cannot be told is none that is allowed.
fn comes_to_allowed_address(stream: &TcpStream, store: &GatewayStore) -> bool {
    stream
        .local_addr()
        .is_ok_and(|local| allow_access::permits(store, local.ip(), interface::Service::Ssh))
}
