//! Echoes: ICMP for `execute ping`.
//!
//! An ICMP datagram socket needs no privilege where the system grants it to the process's group
//! (`net.ipv4.ping_group_range`); a process that may open raw sockets uses one instead.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::clock;

/// The longest IPv4 header, which a raw socket hands over too.
const IP_HEADER_MAX: usize = 60;

/// A socket for echoes of one peer.
#[derive(Debug)]
pub(crate) struct EchoSocket {
    /// ICMP's, driven like one of UDP: datagrams go out and come in.
    socket: UdpSocket,
    access: Access,
    peer: IpAddr,
    identifier: u16,
}

/// How the kernel lets echoes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// It puts its own identifier in and hands over the echoes that carry it.
    Datagram,
    /// It hands over all ICMP from the peer, IPv4 with its header.
    Raw,
}

/// An echo that came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) sequence: u16,
    pub(crate) octets: usize,
    pub(crate) ttl: Option<u8>,
}

impl EchoSocket {
    /// Opens a socket for echoes of `peer`. Must be called within a tokio runtime.
    pub(crate) fn open(peer: IpAddr) -> io::Result<Self> {
        let (socket, access) = match icmp(peer, Type::DGRAM) {
            Ok(socket) => (socket, Access::Datagram),
            Err(denied) => match icmp(peer, Type::RAW) {
                Ok(socket) => (socket, Access::Raw),
                Err(_) => return Err(denied),
            },
        };
        socket.set_nonblocking(true)?;
        if peer.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
        }
        socket.connect(&SocketAddr::new(peer, 0).into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            access,
            peer,
            identifier: u16::from_ne_bytes(clock::random().map_err(io::Error::other)?),
        })
    }

    /// Asks for an echo of so many octets of data.
    pub(crate) async fn ask(&self, sequence: u16, size: u16) -> io::Result<()> {
        let request = request(self.peer, self.identifier, sequence, size);
        self.socket.send(&request).await.map(drop)
    }

    /// Waits for the next echo.
    pub(crate) async fn receive(&self) -> io::Result<Reply> {
        let mut packet = vec![0; usize::from(u16::MAX) + IP_HEADER_MAX];
        loop {
            let socket = &self.socket;
            let received = socket.async_io(Interest::READABLE, || receive(socket, &mut packet));
            let (octets, ttl) = received.await?;
            let packet = packet.get(..octets).unwrap_or_default();
            if let Some(reply) = self.reply(packet, ttl) {
                return Ok(reply);
            }
        }
    }

    fn reply(&self, packet: &[u8], ttl: Option<u8>) -> Option<Reply> {
        let has_ip_header = self.access == Access::Raw && self.peer.is_ipv4();
        let message = if has_ip_header {
            let words = packet.first()? & 0x0f;
            packet.get(usize::from(words) * 4..)?
        } else {
            packet
        };
        let [kind, 0, _, _, i0, i1, s0, s1, ..] = *message else {
            return None;
        };
        let is_ours = match self.access {
            Access::Datagram => true,
            Access::Raw => u16::from_be_bytes([i0, i1]) == self.identifier,
        };
        let is_reply = kind == if self.peer.is_ipv4() { 0 } else { 129 };
        (is_ours && is_reply).then_some(Reply {
            sequence: u16::from_be_bytes([s0, s1]),
            octets: message.len(),
            ttl,
        })
    }
}

fn icmp(peer: IpAddr, kind: Type) -> io::Result<Socket> {
    match peer {
        IpAddr::V4(_) => Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)),
        IpAddr::V6(_) => Socket::new(Domain::IPV6, kind, Some(Protocol::ICMPV6)),
    }
}

fn receive(socket: &UdpSocket, packet: &mut [u8]) -> io::Result<(usize, Option<u8>)> {
    let mut control = nix::cmsg_space!(i32);
    let mut slices = [IoSliceMut::new(packet)];
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
    let message = recvmsg::<()>(fd, &mut slices, Some(&mut control), flags)?;
    let ttl = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
            u8::try_from(ttl).ok()
        }
        _ => None,
    });
    Ok((message.bytes, ttl))
}

/// An echo request: type, code, checksum, identifier, sequence number, data (RFC 792; RFC 4443, 4.1).
/// The checksum over IPv6 addresses, which the kernel alone knows yet, is left to it.
fn request(peer: IpAddr, identifier: u16, sequence: u16, size: u16) -> Vec<u8> {
    let kind = if peer.is_ipv4() { 8 } else { 128 };
    let mut packet = vec![kind, 0, 0, 0];
    packet.extend(identifier.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend((0..size).map(|at| at.to_be_bytes()[1]));
    if peer.is_ipv4() {
        let sum = checksum(&packet).to_be_bytes();
        drop(packet.splice(2..4, sum));
    }
    packet
}

/// The Internet checksum (RFC 1071).
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_sums_up_to_nothing() {
        for size in [0, 1, 56] {
            let packet = request(IpAddr::from([127, 0, 0, 1]), 0x1234, 7, size);
            assert_eq!(packet.len(), 8 + usize::from(size));
            assert_eq!(packet[..2], [8, 0]);
            assert_eq!(packet[4..8], [0x12, 0x34, 0, 7]);
            assert_eq!(checksum(&packet), 0);
        }
    }

    #[test]
    fn the_example_of_the_standard() {
        let words = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&words), !0xddf2);
    }
}
