//! Malformed datagrams without end, from strangers, from forgers and from a client gone mad: nobody but the
//! client hears a thing, the process stays, and Status-Server is answered in time.
//!
//! Datagrams are requests of all kinds that were spoilt: octets turned, cut, doubled, lengths that lie, attributes
//! in any order. Those of the client are signed after they were spoilt, so that they get as far as the login path and
//! EAP. After each burst the client asks by Status-Server and waits, so that no answer goes unmeasured.
//!
//! `SYMBOLON_SOAK_DATAGRAMS` is the number of datagrams, `SYMBOLON_SOAK_SEED` repeats them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts the program and sends datagrams"
)]

mod common;
mod soak;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::{Home, Running, SECRET};
use radius::{Authenticator, Code, Identifier, Packet, Request, Secret, Type, verify_reply};
use soak::client::VPN;
use soak::people::populate;
use soak::{Chance, LogOnFailure, found, size};

/// Datagrams between two questions whether the server is alive.
const BURST: usize = 64;

/// The longest that the answer to such a question may take.
const ALIVE_WITHIN: Duration = Duration::from_millis(100);

/// An address that no client has.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

#[test]
fn malformed_datagrams_stop_nothing_and_tell_strangers_nothing() {
    let datagrams = size("SYMBOLON_SOAK_DATAGRAMS", 100_000);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let _log = LogOnFailure(&home);
    let people = populate(&home, 1, &mut chance);
    let server = Running::start(home.up().env("SYMBOLON_LOG", "error"), &home);
    home.console(&format!(
        "config user radius-client\nedit {}\nset require-message-authenticator enable\nend\n\
         config user setting\nset reject-delay 0\nend",
        VPN.name()
    ))
    .ok();
    let mut attack = Attack {
        chance,
        name: people[0].name.clone(),
        client: Sender::at(VPN.address(), home.radius),
        forger: Sender::at(VPN.address(), home.radius),
        stranger: Sender::at(STRANGER, home.radius),
        slowest: Duration::ZERO,
    };
    let began = Instant::now();
    for _ in 0..datagrams.div_ceil(BURST) {
        attack.burst();
    }
    let took = began.elapsed();
    assert_eq!(attack.forger.heard(), 0, "forgers heard something");
    assert_eq!(attack.stranger.heard(), 0, "strangers heard something");
    assert!(!home.log().contains("panicked"));
    found(format_args!(
        "{datagrams} datagrams in {:.1} s; Status-Server was answered {} times, at the latest after {:.1} ms; the mad \
         client heard {} answers, forgers and strangers none",
        took.as_secs_f64(),
        datagrams.div_ceil(BURST),
        attack.slowest.as_secs_f64() * 1e3,
        attack.client.heard,
    ));
    assert!(attack.slowest <= ALIVE_WITHIN, "{:?}", attack.slowest);
    server.stop();
}

/// A socket, and how much came back.
struct Sender {
    socket: UdpSocket,
    heard: usize,
}

impl Sender {
    fn at(address: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(server).unwrap();
        Self { socket, heard: 0 }
    }

    fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).unwrap();
    }

    /// How many datagrams have come back so far.
    fn heard(&mut self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; radius::MAX_LENGTH];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(_) => self.heard += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.socket.set_nonblocking(false).unwrap();
        self.heard
    }
}

struct Attack {
    chance: Chance,
    name: String,
    client: Sender,
    forger: Sender,
    stranger: Sender,
    slowest: Duration,
}

impl Attack {
    fn burst(&mut self) {
        for _ in 0..BURST {
            let forged = Secret::new(b"guessed").unwrap();
            let own = Secret::new(SECRET.as_bytes()).unwrap();
            match self.chance.below(8) {
                0 => {
                    let datagram = self.signed(&own);
                    self.client.send(&datagram);
                }
                1..4 => {
                    let datagram = self.spoilt(&own);
                    self.stranger.send(&datagram);
                }
                _ => {
                    let datagram = self.spoilt(&forged);
                    self.forger.send(&datagram);
                }
            }
        }
        self.is_alive();
        self.client.heard();
    }

    /// A request whose signature is right and whose attributes are not.
    fn signed(&mut self, secret: &Secret) -> Vec<u8> {
        let authenticator = Authenticator(self.chance.octets());
        let [identifier] = self.chance.octets();
        let mut request = Request::access(Identifier(identifier), authenticator, secret);
        for _ in 0..self.chance.below(6) {
            let kind = *self.chance.pick(&[
                Type::USER_NAME,
                Type::STATE,
                Type::CHAP_PASSWORD,
                Type::VENDOR_SPECIFIC,
                Type::EAP_MESSAGE,
                Type::EAP_MESSAGE,
                Type::PROXY_STATE,
                Type::FRAMED_MTU,
            ]);
            let value = self.value(kind);
            request = request.attribute(kind, &value).unwrap();
        }
        if self.chance.one_in(16) {
            request = request.user_password(b"guess").unwrap();
        }
        request.encode().unwrap()
    }

    /// Of some kinds one that is nearly right.
    fn value(&mut self, kind: Type) -> Vec<u8> {
        let length = 1 + self.chance.below(60);
        let mut value = self.chance.octets::<64>()[..length].to_vec();
        match kind {
            Type::USER_NAME if self.chance.one_in(2) => self.name.as_bytes().to_vec(),
            Type::EAP_MESSAGE if !self.chance.one_in(4) => {
                let method = *self.chance.pick(&[1, 1, 3, 21, 25, 26]);
                let octets = u16::try_from(5 + length).unwrap().to_be_bytes();
                let identifier = value[0];
                [&[2, identifier, octets[0], octets[1], method], &value[..]].concat()
            }
            _ => {
                if self.chance.one_in(8) {
                    value.fill(0);
                }
                value
            }
        }
    }

    /// A request that is no more what it was.
    fn spoilt(&mut self, secret: &Secret) -> Vec<u8> {
        let mut datagram = self.signed(secret);
        for _ in 0..self.chance.below(4) {
            let at = self.chance.below(datagram.len());
            match self.chance.below(5) {
                0 => datagram.truncate(at + 1),
                1 => datagram[at] = self.chance.octets::<1>()[0],
                2 => {
                    let tail = datagram[at..].to_vec();
                    datagram.extend(tail);
                }
                3 if datagram.len() > 3 => {
                    let [high, low] = self.chance.octets();
                    datagram[2..4].copy_from_slice(&[high & 0x1f, low]);
                }
                _ => datagram[0] = *self.chance.pick(&[0, 1, 2, 4, 11, 12, 255]),
            }
            datagram.truncate(radius::MAX_LENGTH);
        }
        datagram
    }

    /// Asks until there is an answer, which is one to the first question if the server is well.
    fn is_alive(&mut self) {
        let secret = Secret::new(SECRET.as_bytes()).unwrap();
        let authenticator = Authenticator(self.chance.octets());
        let status = Request::status_server(Identifier(0), authenticator, &secret);
        let status = status.encode().unwrap();
        let request = Packet::parse(&status).unwrap();
        let mut buffer = [0; radius::MAX_LENGTH];
        let asked = Instant::now();
        self.client.send(&status);
        let socket = &self.client.socket;
        socket.set_read_timeout(Some(common::PATIENCE)).unwrap();
        loop {
            let octets = socket
                .recv(&mut buffer)
                .expect("no answer to Status-Server");
            match verify_reply(&request, &buffer[..octets], &secret) {
                Ok(reply) if reply.code() == Code::AccessAccept => break,
                _ => self.client.heard += 1,
            }
        }
        self.slowest = self.slowest.max(asked.elapsed());
    }
}
