//! The way to a syslog server: datagrams, or a stream of counted octets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::settings::{Settings, TlsVersions, Transport};
use crate::network::{Hosts, NotFound, reason};

/// How long a connection and its handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After so long without the peer's acknowledgement the kernel gives a connection up.
pub(super) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);
/// How long a server may take to close its end once we closed ours.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a server is not reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("{0}")]
    Resolve(#[from] NotFound),
    #[error("the name stands for the token server")]
    TokenServer,
    #[error("source-ip {0} and the server's address are of different families")]
    Family(IpAddr),
    #[error("{}", reason(.0))]
    Io(#[from] io::Error),
    #[error("no answer within {} s", CONNECT_TIMEOUT.as_secs())]
    TooLong,
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    #[error("a certificate is verified for a host name or an address: {0}")]
    Name(#[from] InvalidDnsNameError),
    #[error("the server closed the connection")]
    Closed,
}

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open way.
pub(super) enum Link {
    Datagrams(UdpSocket),
    Stream {
        reader: ReadHalf<Box<dyn Duplex>>,
        writer: WriteHalf<Box<dyn Duplex>>,
    },
}

impl Link {
    pub(super) async fn open(settings: &Settings, hosts: &Hosts) -> Result<Self, LinkError> {
        let found = hosts.find(&settings.host).await?;
        if found.stands_for.is_some() {
            return Err(LinkError::TokenServer);
        }
        let mut last = LinkError::Resolve(NotFound::NoAddress);
        for address in found.addresses {
            let opening = open(settings, SocketAddr::new(address, settings.port));
            match tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(error)) => last = error,
                Err(_) => last = LinkError::TooLong,
            }
        }
        Err(last)
    }

    /// Whether a server's acknowledgement shows that it is there.
    pub(super) fn is_reliable(&self) -> bool {
        matches!(self, Self::Stream { .. })
    }

    /// Sends messages. An error may leave some of them sent.
    pub(super) async fn send(&mut self, messages: &[String]) -> Result<(), LinkError> {
        match self {
            Self::Datagrams(socket) => {
                for message in messages {
                    socket.send(message.as_bytes()).await?;
                }
            }
            Self::Stream { writer, .. } => {
                writer.write_all(counted(messages).as_bytes()).await?;
                writer.flush().await?;
            }
        }
        Ok(())
    }

    /// Waits until the server is gone. What it says is of no interest.
    pub(super) async fn broken(&mut self) -> LinkError {
        let Self::Stream { reader, .. } = self else {
            return std::future::pending().await;
        };
        let mut said = [0; 256];
        loop {
            match reader.read(&mut said).await {
                Ok(0) => return LinkError::Closed,
                Ok(_) => {}
                Err(error) => return error.into(),
            }
        }
    }

    /// Closes the way. Whether the server has taken all that was sent.
    pub(super) async fn close(mut self) -> bool {
        if let Self::Stream { writer, .. } = &mut self
            && writer.shutdown().await.is_err()
        {
            return false;
        }
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, self.broken()).await;
        matches!(closed, Ok(LinkError::Closed))
    }
}

/// `MSG-LEN SP SYSLOG-MSG` of RFC 6587, section 3.4.1, and RFC 5425, section 4.3.
fn counted(messages: &[String]) -> String {
    let counted = messages
        .iter()
        .map(|message| format!("{} {message}", message.len()));
    counted.collect()
}

async fn open(settings: &Settings, server: SocketAddr) -> Result<Link, LinkError> {
    let source = match (settings.source, server) {
        (Some(source), _) if source.is_ipv4() != server.is_ipv4() => {
            return Err(LinkError::Family(source));
        }
        (Some(source), _) => Some(SocketAddr::new(source, 0)),
        (None, _) => None,
    };
    match settings.transport {
        Transport::Udp => {
            let any = SocketAddr::new(unspecified(server), 0);
            let socket = UdpSocket::bind(source.unwrap_or(any)).await?;
            socket.connect(server).await?;
            Ok(Link::Datagrams(socket))
        }
        Transport::Tcp => Ok(stream(connect(server, source).await?)),
        Transport::Tls(versions) => {
            let name = ServerName::try_from(settings.host.as_str().to_owned())?;
            let connection = connect(server, source).await?;
            let connector = TlsConnector::from(Arc::new(client(versions)?));
            Ok(stream(connector.connect(name, connection).await?))
        }
    }
}

fn unspecified(peer: SocketAddr) -> IpAddr {
    match peer {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn stream(connection: impl Duplex + 'static) -> Link {
    let connection: Box<dyn Duplex> = Box::new(connection);
    let (reader, writer) = tokio::io::split(connection);
    Link::Stream { reader, writer }
}

async fn connect(server: SocketAddr, source: Option<SocketAddr>) -> io::Result<TcpStream> {
    let socket = if server.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(source) = source {
        socket.bind(source)?;
    }
    let stream = socket.connect(server).await?;
    let options = SockRef::from(&stream);
    options.set_tcp_user_timeout(Some(ACKNOWLEDGED_WITHIN))?;
    options.set_keepalive(true)?;
    Ok(stream)
}

/// Trusts whom this machine trusts: its certificate store, or `SSL_CERT_FILE`.
fn client(versions: TlsVersions) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions.offered())?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_on_a_stream_are_counted_in_octets() {
        let messages = ["<189>a".to_owned(), "<189>é".to_owned()];
        assert_eq!(counted(&messages), "6 <189>a7 <189>é");
    }
}
