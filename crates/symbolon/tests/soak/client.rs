//! A RADIUS client with many requests open at once.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use radius::{Authenticator, Code, Identifier, Packet, Request, Secret, Type, verify_reply};

use super::Chance;
use crate::common::{Home, PATIENCE, SECRET};

/// How long an answer may take before the request is sent again. No refusal is held back longer.
pub(crate) const AGAIN_AFTER: Duration = Duration::from_millis(1_500);

/// An entry of `config user radius-client`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry(&'static str, Ipv4Addr);

/// Sends password and code in one field.
pub(crate) const VPN: Entry = Entry("vpn", Ipv4Addr::LOCALHOST);
/// Sends the password, then the code as the answer to a challenge.
pub(crate) const PORTAL: Entry = Entry("portal", Ipv4Addr::new(127, 0, 0, 2));

impl Entry {
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }

    pub(crate) const fn address(self) -> Ipv4Addr {
        self.1
    }
}

/// What the server answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Accept,
    Reject,
    /// With its state.
    Challenge(Vec<u8>),
}

/// An answer that belongs to a request, and its very octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) identifier: u8,
    pub(crate) answer: Answer,
    pub(crate) octets: Vec<u8>,
}

/// One socket with its 256 identifiers, taken in turn.
pub(crate) struct Client {
    socket: UdpSocket,
    server: SocketAddr,
    secret: Secret,
    chance: Chance,
    next: u8,
    requests: Vec<Vec<u8>>,
}

impl Client {
    pub(crate) fn new(home: &Home, entry: Entry, chance: &mut Chance) -> Self {
        Self {
            socket: UdpSocket::bind((entry.address(), 0)).unwrap(),
            server: home.radius,
            secret: Secret::new(SECRET.as_bytes()).unwrap(),
            chance: chance.split(),
            next: 0,
            requests: vec![Vec::new(); 256],
        }
    }

    /// A new request, not sent yet. It takes the place of the one that had the identifier before.
    pub(crate) fn request(&mut self, user: &str, password: &str, state: Option<&[u8]>) -> u8 {
        let identifier = self.next;
        self.next = self.next.wrapping_add(1);
        let authenticator = Authenticator(self.chance.octets());
        let mut request = Request::access(Identifier(identifier), authenticator, &self.secret)
            .attribute(Type::USER_NAME, user.as_bytes())
            .unwrap()
            .user_password(password.as_bytes())
            .unwrap();
        if let Some(state) = state {
            request = request.attribute(Type::STATE, state).unwrap();
        }
        self.requests[usize::from(identifier)] = request.encode().unwrap();
        identifier
    }

    /// Sends a request, or sends it again. While nobody listens the datagram is lost.
    pub(crate) fn send(&self, identifier: u8) {
        let datagram = &self.requests[usize::from(identifier)];
        // An ICMP message about an earlier datagram comes up here.
        let _ = self.socket.send_to(datagram, self.server);
    }

    /// The next answer to one of the requests, if it comes within `wait`. A datagram that is no answer
    /// to the latest request of its identifier is passed over.
    pub(crate) fn receive(&self, wait: Duration) -> Option<Reply> {
        let deadline = Instant::now() + wait;
        let mut buffer = [0; radius::MAX_LENGTH];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // A timeout of zero would be none.
            self.socket.set_nonblocking(left.is_zero()).unwrap();
            let timeout = Some(left).filter(|left| !left.is_zero());
            self.socket.set_read_timeout(timeout).unwrap();
            // Behind a datagram that is passed over the answer may wait, also when the time is over.
            match self.socket.recv(&mut buffer) {
                Ok(octets) => {
                    let reply = self.read(&buffer[..octets]);
                    if reply.is_some() {
                        return reply;
                    }
                }
                Err(_) if Instant::now() >= deadline => return None,
                Err(_) => {}
            }
        }
    }

    fn read(&self, datagram: &[u8]) -> Option<Reply> {
        let identifier = Packet::parse(datagram).ok()?.identifier().0;
        let request = Packet::parse(&self.requests[usize::from(identifier)]).ok()?;
        let reply = verify_reply(&request, datagram, &self.secret).ok()?;
        let answer = match reply.code() {
            Code::AccessAccept => Answer::Accept,
            Code::AccessReject => Answer::Reject,
            Code::AccessChallenge => Answer::Challenge(reply.first(Type::STATE)?.to_vec()),
            other => panic!("{other}"),
        };
        Some(Reply {
            identifier,
            answer,
            octets: datagram.to_vec(),
        })
    }

    /// One login at a time, sent again until it is answered.
    #[track_caller]
    pub(crate) fn ask(&mut self, user: &str, password: &str) -> Answer {
        let identifier = self.request(user, password, None);
        self.insist(identifier)
    }

    /// Sends a request until it is answered.
    #[track_caller]
    pub(crate) fn insist(&self, identifier: u8) -> Answer {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.send(identifier);
            while let Some(reply) = self.receive(AGAIN_AFTER) {
                if reply.identifier == identifier {
                    return reply.answer;
                }
            }
        }
        panic!("no answer within {PATIENCE:?}");
    }
}
