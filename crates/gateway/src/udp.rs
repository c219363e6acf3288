//! Datagrams in and out by the batch: under load one system call carries up to [`BATCH`] of them,
//! alone a datagram waits for nobody.
//!
//! `nix` receives and `rustix` sends, both without unsafe code here: `rustix` has no `recvmmsg`, and
//! `nix`'s `sendmmsg` does not tell how many messages left.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmsg,
};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

/// Datagrams per system call. The call itself is then below a tenth of what a login costs; larger
/// batches measured slower, their first reply waits for the last and their buffers leave the cache.
pub const BATCH: usize = 16;

/// The largest datagram that is taken: the largest RADIUS packet.
pub const MAX_DATAGRAM: usize = radius::MAX_LENGTH;

/// The longest datagram that travels in a train: it fits the smallest path MTU of IPv6 with its
/// headers, and a batch of them the 64 KiB that the kernel takes at once. Replies are shorter.
const MAX_SEGMENT: usize = 1_000;

/// Asked of the kernel in each direction, in octets: some 10,000 small datagrams, what arrives
/// within 30 ms at the highest rate measured. The kernel grants what `net.core.rmem_max` allows.
const SOCKET_BUFFER: usize = 8 << 20;

/// How long a receive waits at most, so that its thread can look whether it is to stop.
const RECEIVE_WAIT: Duration = Duration::from_millis(100);

/// A bound UDP socket. Threads may share one by reference: each datagram goes to one of them.
#[derive(Debug)]
pub struct BatchSocket(UdpSocket);

impl BatchSocket {
    /// Binds to `address`. An IPv6 socket takes IPv6 alone: an IPv4 client must not appear under a
    /// second, mapped address that no client table knows.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
        socket.set_read_timeout(Some(RECEIVE_WAIT))?;
        socket.bind(&address.into())?;
        Ok(BatchSocket(socket.into()))
    }

    /// The address that it is bound to, with the port that the kernel chose for port 0.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Waits for a datagram, takes it and those that are there already into `batch`, and tells how
    /// many. None came within 100 ms if it is 0.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.received.clear();
        let Batch {
            headers,
            buffers,
            received,
            truncated,
        } = batch;
        let mut slices: Vec<_> = buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let messages = match recvmmsg(self.0.as_raw_fd(), headers, &mut slices, flags, None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        for (buffer, message) in messages.enumerate() {
            if message.flags.contains(MsgFlags::MSG_TRUNC) {
                *truncated += 1;
            } else if let Some(source) = message.address.as_ref().and_then(socket_addr) {
                received.push(Received {
                    source,
                    buffer,
                    octets: message.bytes,
                });
            }
        }
        Ok(received.len())
    }

    /// Sends all of `outgoing` in order and empties it, buffers kept. A datagram that the kernel
    /// refuses (no route, port 0) is left out and does not hold up the others.
    pub fn send(&self, outgoing: &mut Outgoing) -> Sent {
        let Outgoing { octets, entries } = outgoing;
        let mut sent = Sent::default();
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let train = train(rest);
            let result = match train.len() {
                1 => self.send_each(before_next_train(rest), octets),
                count if self.send_train(train, octets).is_ok() => Ok(count),
                _ => self.send_each(train, octets),
            };
            let done = match result {
                Err(rustix::io::Errno::INTR) => 0,
                Ok(0) | Err(_) => {
                    sent.refused += 1;
                    1
                }
                Ok(count) => {
                    sent.delivered += count;
                    count
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
        outgoing.clear();
        sent
    }

    /// Hands a train to the kernel as one message, which it cuts into datagrams (`UDP_SEGMENT`).
    fn send_train(&self, train: &[Entry], octets: &[u8]) -> nix::Result<usize> {
        let (Some(first), Some(last)) = (train.first(), train.last()) else {
            return Ok(0);
        };
        let octets = octets
            .get(first.octets.start..last.octets.end)
            .unwrap_or_default();
        let segment = u16::try_from(first.octets.len()).map_err(|_| Errno::EMSGSIZE)?;
        sendmsg(
            self.0.as_raw_fd(),
            &[IoSlice::new(octets)],
            &[ControlMessage::UdpGsoSegments(&segment)],
            MsgFlags::empty(),
            Some(&SockaddrStorage::from(first.to)),
        )
    }

    /// Sends datagrams as they are, and tells how many left.
    fn send_each(&self, entries: &[Entry], octets: &[u8]) -> rustix::io::Result<usize> {
        let addresses: Vec<_> = entries.iter().map(|entry| entry.to.as_any()).collect();
        let slices: Vec<_> = entries
            .iter()
            .map(|entry| {
                [IoSlice::new(
                    octets.get(entry.octets.clone()).unwrap_or_default(),
                )]
            })
            .collect();
        let mut no_control: Vec<_> = entries
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let parts = addresses.iter().zip(&slices).zip(&mut no_control);
        let mut messages: Vec<_> = parts
            .map(|((to, slice), control)| MMsgHdr::new_with_addr(to, slice, control))
            .collect();
        sendmmsg(&self.0, &mut messages, SendFlags::empty())
    }
}

/// The first datagrams that go to one destination and are of one length. The kernel routes and
/// queues such a train once: it costs about a third of what its datagrams cost one by one.
fn train(entries: &[Entry]) -> &[Entry] {
    let joined = |pair: &&[Entry]| matches!(pair, [one, next] if one.joins(next));
    let count = 1 + entries
        .windows(2)
        .take(BATCH - 1)
        .take_while(joined)
        .count();
    entries.get(..count).unwrap_or(entries)
}

/// The datagrams before the next train, a batch of them at most.
fn before_next_train(entries: &[Entry]) -> &[Entry] {
    let joined = |pair: &[Entry]| matches!(pair, [one, next] if one.joins(next));
    let count = entries
        .windows(2)
        .take(BATCH)
        .position(joined)
        .unwrap_or(BATCH);
    entries.get(..count).unwrap_or(entries)
}

/// What one [`BatchSocket::receive`] took, and the buffers for it, used again and again. Lives in
/// the thread that receives.
pub struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; MAX_DATAGRAM]]>,
    received: Vec<Received>,
    truncated: u64,
}

#[derive(Debug)]
struct Received {
    source: SocketAddr,
    buffer: usize,
    octets: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Batch {
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![[0; MAX_DATAGRAM]; BATCH].into_boxed_slice(),
            received: Vec::with_capacity(BATCH),
            truncated: 0,
        }
    }
}

impl Batch {
    /// The datagrams of the last receive with their sources, in the order of their arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.received.iter().filter_map(|received| {
            let datagram = self.buffers.get(received.buffer)?.get(..received.octets)?;
            Some((received.source, datagram))
        })
    }

    /// How many datagrams the last receive took.
    pub const fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether it took none.
    pub const fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// How many datagrams were dropped since the beginning because they exceed [`MAX_DATAGRAM`].
    pub const fn truncated(&self) -> u64 {
        self.truncated
    }
}

/// Datagrams to be sent together. Plain data: one thread may fill it and another send it.
#[derive(Debug, Default)]
pub struct Outgoing {
    octets: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    to: SocketAddr,
    octets: Range<usize>,
}

impl Entry {
    /// Whether both can be parts of one train.
    fn joins(&self, next: &Entry) -> bool {
        let length = self.octets.len();
        self.to == next.to && length == next.octets.len() && (1..=MAX_SEGMENT).contains(&length)
    }
}

impl Outgoing {
    /// Adds a copy of `datagram`.
    pub fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        let start = self.octets.len();
        self.octets.extend_from_slice(datagram);
        self.entries.push(Entry {
            to,
            octets: start..self.octets.len(),
        });
    }

    /// Moves all of `other` behind what is here.
    pub fn append(&mut self, other: &mut Outgoing) {
        let start = self.octets.len();
        self.octets.append(&mut other.octets);
        let moved = other.entries.drain(..).map(|Entry { to, octets }| {
            let octets = start + octets.start..start + octets.end;
            Entry { to, octets }
        });
        self.entries.extend(moved);
    }

    /// Drops all datagrams and keeps the buffers.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.entries.clear();
    }

    /// How many datagrams wait.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What became of an [`Outgoing`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Sent {
    /// Datagrams that the kernel took.
    pub delivered: usize,
    /// Datagrams that it refused. UDP promises nothing: the client asks again.
    pub refused: usize,
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}
