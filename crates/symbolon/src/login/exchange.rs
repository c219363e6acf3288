//! A question to a RADIUS server, and the answer that is believed.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use radius::{
    Authenticator, Identifier, MAX_LENGTH, Packet, ReplyError, Request, Secret, Type, verify_reply,
};

/// When a question is sent again the first time; each time doubles it (RFC 5080, section 2.2.1).
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The server that is asked.
pub(super) struct Server<'a> {
    socket: UdpSocket,
    address: SocketAddr,
    secret: &'a Secret,
}

/// What is asked.
pub(super) struct Asked<'a> {
    pub(super) attributes: Vec<(Type, &'a [u8])>,
    pub(super) password: &'a [u8],
}

impl<'a> Server<'a> {
    /// The server of this name, asked from `source`.
    pub(super) fn reach(
        name: &str,
        port: u16,
        source: Option<IpAddr>,
        secret: &'a Secret,
    ) -> Result<Self> {
        let address = resolved(name, port, source)?;
        let any = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let source = source.unwrap_or(any);
        let socket =
            UdpSocket::bind((source, 0)).with_context(|| format!("cannot ask from {source}"))?;
        socket
            .connect(address)
            .with_context(|| format!("cannot reach {address}"))?;
        Ok(Self {
            socket,
            address,
            secret,
        })
    }

    /// The datagram that answers, whole and from somebody who has the secret.
    pub(super) fn ask(&self, asked: &Asked<'_>, timeout: Duration) -> Result<Vec<u8>> {
        let octets = self.request(asked)?;
        let request = Packet::parse(&octets)?;
        let deadline = Instant::now() + timeout;
        let mut again = SEND_AGAIN_AFTER;
        let mut disbelieved = None;
        while Instant::now() < deadline {
            // What is not taken now is sent again; that nobody listens is told by the next receive.
            let _ = self.socket.send(&octets);
            let until = deadline.min(Instant::now() + again);
            if let Some(answer) = self.answer(&request, until, &mut disbelieved)? {
                return Ok(answer);
            }
            again *= 2;
        }
        self.nobody(timeout, disbelieved)
    }

    fn request(&self, asked: &Asked<'_>) -> Result<Vec<u8>> {
        let mut chance = [0; 17];
        aws_lc_rs::rand::fill(&mut chance).context("the system's random source failed")?;
        let [identifier, authenticator @ ..] = chance;
        let mut request = Request::access(
            Identifier(identifier),
            Authenticator(authenticator),
            self.secret,
        );
        for (kind, value) in &asked.attributes {
            request = request.attribute(*kind, value)?;
        }
        Ok(request.user_password(asked.password)?.encode()?)
    }

    /// Waits for the answer; nothing if it does not come in time.
    fn answer(
        &self,
        request: &Packet<'_>,
        until: Instant,
        disbelieved: &mut Option<ReplyError>,
    ) -> Result<Option<Vec<u8>>> {
        let mut datagram = vec![0; MAX_LENGTH];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut datagram) {
                Ok(length) => length,
                Err(error) if is_late(error.kind()) => return Ok(None),
                Err(error) => {
                    let address = self.address;
                    return Err(error).with_context(|| format!("cannot reach {address}"));
                }
            };
            let answer = datagram.get(..length).unwrap_or_default();
            match verify_reply(request, answer, self.secret) {
                Ok(_) => return Ok(Some(answer.to_vec())),
                Err(why) => *disbelieved = Some(why),
            }
        }
    }

    fn nobody(&self, timeout: Duration, disbelieved: Option<ReplyError>) -> Result<Vec<u8>> {
        let (address, seconds) = (self.address, timeout.as_secs());
        match disbelieved {
            Some(why) => bail!("{address} gave no answer that can be believed: {why}"),
            None => bail!(
                "no answer from {address} within {seconds} s. A RADIUS server says nothing to clients \
                 that it does not know, or that have another secret: 'diagnose radius clients' there \
                 shows whom it knows and what it dropped"
            ),
        }
    }
}

const fn is_late(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// The server's address: the first of the kind that `source` is.
fn resolved(name: &str, port: u16, source: Option<IpAddr>) -> Result<SocketAddr> {
    let unknown = || format!("'{name}' is no HOST[:PORT] that is known");
    let mut addresses = match name.to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(_) => (name, port).to_socket_addrs().with_context(unknown)?,
    };
    addresses
        .find(|address| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4()))
        .with_context(unknown)
}
