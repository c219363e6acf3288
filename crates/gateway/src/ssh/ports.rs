//! Ports before they are configured: one that cannot be bound is refused while the old one still serves.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

/// What the SSH server has bound, and what it is going to have.
#[derive(Debug)]
pub(crate) struct Ports {
    addresses: Vec<IpAddr>,
    bound: Mutex<Bound>,
}

#[derive(Debug, Default)]
struct Bound {
    serving: Vec<SocketAddr>,
    ready: Vec<(SocketAddr, TcpListener)>,
}

/// An address at which nothing can listen, and why.
#[derive(Debug)]
pub(crate) struct Unbindable {
    pub(crate) address: SocketAddr,
    pub(crate) error: io::Error,
}

/// Sockets on a port that is about to be configured. They are closed with it unless it is.
#[derive(Debug)]
pub(crate) struct Claim {
    ports: Arc<Ports>,
    sockets: Vec<(SocketAddr, TcpListener)>,
}

impl Ports {
    /// For these addresses.
    pub(crate) fn at(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            bound: Mutex::default(),
        }
    }

    pub(super) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Binds a port at every address at which it is not served already.
    pub(crate) async fn claim(self: &Arc<Self>, port: u16) -> Result<Claim, Unbindable> {
        let mut sockets = Vec::with_capacity(self.addresses.len());
        for address in &self.addresses {
            let address = SocketAddr::new(*address, port);
            if !self.lock().serving.contains(&address) {
                let bound = TcpListener::bind(address).await;
                sockets.push((
                    address,
                    bound.map_err(|error| Unbindable { address, error })?,
                ));
            }
        }
        Ok(Claim {
            ports: Arc::clone(self),
            sockets,
        })
    }

    /// A socket at this address: the one that was claimed for it, or a new one.
    pub(super) async fn bind(&self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.take(address) {
            Some(socket) => Ok(socket),
            None => TcpListener::bind(address).await,
        }
    }

    /// What is served from now on. What was claimed and is not among it is needed no more.
    pub(super) fn serve(&self, serving: Vec<SocketAddr>) {
        *self.lock() = Bound {
            serving,
            ready: Vec::new(),
        };
    }

    fn take(&self, address: SocketAddr) -> Option<TcpListener> {
        let ready = &mut self.lock().ready;
        let at = ready.iter().position(|(claimed, _)| *claimed == address)?;
        Some(ready.swap_remove(at).1)
    }

    fn lock(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The port is configured: the SSH server takes the sockets over.
    pub(crate) fn take_effect(self) {
        self.ports.lock().ready = self.sockets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_port_is_bound_until_the_claim_is_dropped_or_taken_over() {
        let ports = Arc::new(Ports::at(vec![LOOPBACK]));
        let other = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = other.local_addr().unwrap();
        let refused = ports.claim(address.port()).await.unwrap_err();
        assert_eq!(refused.address, address);
        assert_eq!(refused.error.kind(), io::ErrorKind::AddrInUse);

        drop(other);
        drop(ports.claim(address.port()).await.unwrap());
        ports.claim(address.port()).await.unwrap().take_effect();
        assert!(TcpListener::bind(address).await.is_err());
        let _taken_over = ports.bind(address).await.unwrap();
        ports.serve(vec![address]);
        assert!(
            ports
                .claim(address.port())
                .await
                .unwrap()
                .sockets
                .is_empty()
        );
    }
}
