//! Where servers are, and sockets that lead there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use domain::answered_names::answered;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::Fault;
use crate::network::{UnitResolver, reason};

/// Where a server is, and from which address of this machine it is asked, if that matters.
pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) source: Option<IpAddr>,
}

impl Target<'_> {
    /// A connection to the first of its addresses that takes one.
    pub(super) async fn tcp(&self, resolver: &UnitResolver) -> Result<TcpStream, Fault> {
        let mut last = unreached(self.host);
        for address in self.addresses(resolver).await? {
            match tcp_to(address, self.source).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = failed(&error),
            }
        }
        Err(last)
    }

    /// A socket that exchanges datagrams with it alone.
    pub(super) async fn udp(&self, resolver: &UnitResolver) -> Result<UdpSocket, Fault> {
        let addresses = self.addresses(resolver).await?;
        let address = addresses.first().ok_or_else(|| unreached(self.host))?;
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((self.source.unwrap_or(any), 0)).await;
        let socket = socket.map_err(|error| failed(&error))?;
        match socket.connect(address).await {
            Ok(()) => Ok(socket),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Its addresses, of the family of `source` if there is one. A name that is the token server's here
    /// is nobody else's.
    async fn addresses(&self, resolver: &UnitResolver) -> Result<Vec<SocketAddr>, Fault> {
        let host = self.host;
        if answered(host).is_some() {
            return Err(Fault::Unclear(format!(
                "{host} stands for the token server and is never resolved"
            )));
        }
        let found = resolver.addresses(host).await;
        let found =
            found.map_err(|error| Fault::Unwell(format!("{host} is not resolved: {error}")))?;
        let fits = |address: &IpAddr| {
            let mut source = self.source.iter();
            source.all(|source| source.is_ipv4() == address.is_ipv4())
        };
        let found = found.into_iter().filter(fits);
        let addresses: Vec<SocketAddr> = found.map(|it| (it, self.port).into()).collect();
        if addresses.is_empty() {
            return Err(unreached(host));
        }
        Ok(addresses)
    }
}

async fn tcp_to(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    if let Some(source) = source {
        socket.bind((source, 0).into())?;
    }
    socket.connect(address).await
}

fn unreached(host: &str) -> Fault {
    Fault::Unwell(format!("{host} has no address that can be reached"))
}

/// What the system says of a socket.
pub(super) fn failed(error: &io::Error) -> Fault {
    Fault::Unwell(reason(error))
}
