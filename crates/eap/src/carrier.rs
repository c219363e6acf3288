//! TLS messages in EAP packets, and in pieces of them (RFC 5216, 2.1.5; RFC 5281, 9).

use crate::Error;
use crate::method::Outer;
use crate::packet::{Response, request};

/// Octets of TLS in one packet at most: with the headers of EAP, EAPOL and RADIUS it passes links of 1,280 octets
/// whole.
pub const FRAGMENT_MAX: usize = 1_024;

/// The least that a link's own limit leaves of it: links of EAP carry 1,020 octets (RFC 3748, 3.1), and a long chain
/// of certificates in pieces this small takes half of the rounds.
const FRAGMENT_MIN: usize = 256;

/// EAPOL, EAP, flags and length before the octets of TLS.
const OVERHEAD: usize = 4 + 5 + 1 + 4;

/// Octets of a TLS message of the peer at most: it has no certificate to show, and one record with a password is
/// far below.
pub const MESSAGE_MAX: usize = 16 << 10;

const LENGTH_INCLUDED: u8 = 0x80;
const MORE: u8 = 0x40;
const START: u8 = 0x20;
const VERSION: u8 = 0x07;

/// Carries TLS messages both ways, one packet at a time.
#[derive(Debug)]
pub(crate) struct Carrier {
    outer: Outer,
    /// Of the last request.
    identifier: u8,
    fragment: usize,
    incoming: Vec<u8>,
    /// How long the peer says that its message is.
    announced: Option<usize>,
    outgoing: Vec<u8>,
    sent: usize,
}

/// What a packet of the peer means.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Carried {
    /// A whole message; an empty one says that the peer waits.
    Message(Vec<u8>),
    /// A piece of one: this asks for the next, or is it.
    Send(Vec<u8>),
}

impl Carrier {
    /// `mtu` is what the link to the peer carries, if its client says so (RFC 2865, 5.12).
    pub(crate) fn new(outer: Outer, identifier: u8, mtu: Option<usize>) -> Self {
        let room = mtu.map_or(FRAGMENT_MAX, |mtu| mtu.saturating_sub(OVERHEAD));
        Self {
            outer,
            identifier,
            fragment: room.clamp(FRAGMENT_MIN, FRAGMENT_MAX),
            incoming: Vec::new(),
            announced: None,
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    pub(crate) const fn outer(&self) -> Outer {
        self.outer
    }

    /// Of the last request.
    pub(crate) const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The request that begins a method.
    pub(crate) fn start(&mut self, outer: Outer) -> Vec<u8> {
        self.outer = outer;
        self.request(&[START])
    }

    /// Takes a response of this method.
    pub(crate) fn receive(&mut self, response: &Response<'_>) -> Result<Carried, Error> {
        let Some((flags, mut piece)) = response.data.split_first() else {
            return Err(Error::Packet("no flags"));
        };
        if flags & VERSION != 0 {
            return Err(Error::Version(flags & VERSION));
        }
        if flags & LENGTH_INCLUDED != 0 {
            let (length, rest) = piece
                .split_first_chunk()
                .ok_or(Error::Packet("no length"))?;
            self.announced = usize::try_from(u32::from_be_bytes(*length)).ok();
            piece = rest;
        }
        if self.sent < self.outgoing.len() {
            return if piece.is_empty() {
                Ok(Carried::Send(self.next_fragment()))
            } else {
                Err(Error::Packet("data where the next piece is asked for"))
            };
        }
        if self.incoming.len() + piece.len() > MESSAGE_MAX {
            return Err(Error::MessageTooLong);
        }
        self.incoming.extend(piece);
        if flags & MORE != 0 {
            return Ok(Carried::Send(self.request(&[0])));
        }
        let message = std::mem::take(&mut self.incoming);
        match self.announced.take() {
            Some(length) if length != message.len() => Err(Error::Packet(
                "a TLS message of another length than announced",
            )),
            _ => Ok(Carried::Message(message)),
        }
    }

    /// The request that carries a message, or its first piece. An empty one says that the peer is to go on.
    pub(crate) fn send(&mut self, message: Vec<u8>) -> Vec<u8> {
        self.outgoing = message;
        self.sent = 0;
        self.next_fragment()
    }

    fn next_fragment(&mut self) -> Vec<u8> {
        let rest = self.outgoing.get(self.sent..).unwrap_or_default();
        let piece = rest.get(..self.fragment).unwrap_or(rest);
        let more = piece.len() < rest.len();
        let mut data = Vec::with_capacity(piece.len() + 5);
        match (more, self.sent) {
            (true, 0) => {
                let total = u32::try_from(self.outgoing.len()).unwrap_or(u32::MAX);
                data.push(LENGTH_INCLUDED | MORE);
                data.extend(total.to_be_bytes());
            }
            (true, _) => data.push(MORE),
            (false, _) => data.push(0),
        }
        data.extend(piece);
        self.sent += piece.len();
        self.request(&data)
    }

    fn request(&mut self, data: &[u8]) -> Vec<u8> {
        self.identifier = self.identifier.wrapping_add(1);
        request(self.identifier, self.outer.kind(), data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(data: &[u8]) -> Response<'_> {
        Response {
            identifier: 0,
            kind: Outer::Ttls.kind(),
            data,
        }
    }

    /// The data of a request behind its type.
    fn data(request: &[u8]) -> &[u8] {
        &request[5..]
    }

    #[test]
    fn a_long_message_leaves_in_pieces_and_the_peer_asks_for_each() {
        let mut carrier = Carrier::new(Outer::Ttls, 0, None);
        let message: Vec<u8> = (0..=255).cycle().take(2 * FRAGMENT_MAX + 1).collect();
        let first = carrier.send(message.clone());
        assert_eq!(data(&first)[..5], [0xc0, 0, 0, 0x08, 0x01]);
        let mut carried = data(&first)[5..].to_vec();
        for flags in [0x40, 0] {
            let Ok(Carried::Send(next)) = carrier.receive(&response(&[0])) else {
                panic!("no next piece");
            };
            assert_eq!(data(&next)[0], flags);
            carried.extend(&data(&next)[1..]);
        }
        assert_eq!(carried, message);
        assert_eq!(
            carrier.receive(&response(&[0])),
            Ok(Carried::Message(Vec::new()))
        );
    }

    #[test]
    fn pieces_of_the_peer_become_one_message_that_is_bounded() {
        let mut carrier = Carrier::new(Outer::Ttls, 0, Some(0));
        let first = carrier.receive(&response(&[0xc0, 0, 0, 0, 4, 1, 2]));
        assert!(matches!(first, Ok(Carried::Send(ack)) if data(&ack) == [0]));
        let whole = carrier.receive(&response(&[0, 3, 4]));
        assert_eq!(whole, Ok(Carried::Message(vec![1, 2, 3, 4])));
        let other_length = carrier.receive(&response(&[0x80, 0, 0, 0, 3, 1, 2]));
        assert!(matches!(other_length, Err(Error::Packet(_))));
        let piece = [&[0x40][..], &[0; 1_000]].concat();
        let error = (0..100).find_map(|_| carrier.receive(&response(&piece)).err());
        assert_eq!(error, Some(Error::MessageTooLong));
        assert_eq!(carrier.receive(&response(&[1])), Err(Error::Version(1)));
    }

    #[test]
    fn a_link_that_carries_little_gets_small_pieces_and_takes_no_data_meanwhile() {
        let mut carrier = Carrier::new(Outer::Ttls, 0, Some(0));
        let first = carrier.send(vec![7; FRAGMENT_MIN + 1]);
        assert_eq!(data(&first).len(), 1 + 4 + FRAGMENT_MIN);
        let data = carrier.receive(&response(&[0, 1]));
        assert!(matches!(data, Err(Error::Packet(_))), "{data:?}");
    }
}
