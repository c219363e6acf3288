//! The sockets: bound at the start, bound anew when the port changes, tried again while they cannot be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::interface;
use domain::vdom::Vdom;
use store::gateway::GatewayStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::ports::Ports;
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
    ports: Arc<Ports>,
    sockets: Vec<Socket>,
}

/// An address that is served, or why it is not.
#[derive(Debug)]
struct Socket {
    address: SocketAddr,
    bound: Result<Arc<TcpListener>, io::Error>,
}

impl Socket {
    async fn bind(ports: &Ports, address: SocketAddr) -> Self {
        let bound = ports.bind(address).await;
        if let Err(error) = &bound {
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

    fn is_served(&self, port: u16) -> bool {
        self.bound.is_ok() && self.address.port() == port
    }
}

impl Listeners {
    pub(super) async fn bind(ports: Arc<Ports>, port: u16) -> Self {
        let mut sockets = Vec::with_capacity(ports.addresses().len());
        for address in ports.addresses() {
            sockets.push(Socket::bind(&ports, SocketAddr::new(*address, port)).await);
        }
        let listeners = Self {
            port,
            ports,
            sockets,
        };
        listeners.announce();
        listeners
    }

    pub(super) fn listening(&self) -> Vec<Listening> {
        let each = self.sockets.iter().map(|socket| Listening {
            address: socket.address,
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
        let is_changed = port != self.port;
        if is_changed {
            info!(port, "the SSH port was changed");
            self.port = port;
        }
        if !is_changed && !looks.is_multiple_of(TRY_AGAIN_AFTER) {
            return false;
        }
        let mut anew = false;
        for socket in &mut self.sockets {
            if !socket.is_served(port) {
                let address = SocketAddr::new(socket.address.ip(), port);
                let bound = Socket::bind(&self.ports, address).await;
                // An old port goes on being served where the new one cannot be.
                if bound.bound.is_ok() || socket.bound.is_err() {
                    anew |= bound.bound.is_ok();
                    *socket = bound;
                }
            }
        }
        if anew || is_changed {
            self.announce();
        }
        anew
    }

    fn announce(&self) {
        let served = self.sockets.iter().filter(|socket| socket.bound.is_ok());
        self.ports
            .serve(served.map(|socket| socket.address).collect());
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
