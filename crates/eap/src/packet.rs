//! The packet (RFC 3748, 4).

use crate::Error;

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// Code, Identifier and Length.
const HEADER: usize = 4;

/// EAP types of RFC 3748.
pub(crate) const IDENTITY: u8 = 1;
pub(crate) const NAK: u8 = 3;
pub(crate) const GTC: u8 = 6;
/// draft-kamath-pppext-eap-mschapv2.
pub(crate) const MSCHAPV2: u8 = 26;
/// MS-PEAP, 2.2.8: what a server and a peer say of the result.
pub(crate) const TLV: u8 = 33;

/// What a peer answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Response<'a> {
    pub(crate) identifier: u8,
    pub(crate) kind: u8,
    pub(crate) data: &'a [u8],
}

impl<'a> Response<'a> {
    /// Octets beyond the Length field are padding of the link (RFC 3748, 4.1).
    pub(crate) fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        let Some((&[code, identifier, high, low], _)) = octets.split_first_chunk() else {
            return Err(Error::Packet("shorter than its header"));
        };
        if code != RESPONSE {
            return Err(Error::Packet("another code"));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = octets.get(HEADER..length);
        match body.and_then(<[u8]>::split_first) {
            Some((kind, data)) => Ok(Self {
                identifier,
                kind: *kind,
                data,
            }),
            None => Err(Error::Packet("its length is not that of a response")),
        }
    }
}

/// With whom a conversation begins: the peer's answer to the question that its authenticator asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub(crate) identifier: u8,
    name: Box<[u8]>,
}

impl Identity {
    /// Reads a Response/Identity.
    pub fn parse(octets: &[u8]) -> Result<Self, Error> {
        let response = Response::parse(octets)?;
        if response.kind != IDENTITY {
            return Err(Error::Packet("a conversation begins with the identity"));
        }
        Ok(Self {
            identifier: response.identifier,
            name: response.data.into(),
        })
    }

    /// What the peer calls itself outside of the tunnel: the person, or nobody in particular.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// The identifier of whatever a peer sent, for the failure that answers it.
pub fn identifier_of(octets: &[u8]) -> u8 {
    octets.get(1).copied().unwrap_or_default()
}

/// The question who it is, for a client that began without asking (RFC 3579, 2.1).
pub fn who_is_it() -> Vec<u8> {
    request(0, IDENTITY, &[])
}

/// A request; `data` is bounded by its maker.
pub(crate) fn request(identifier: u8, kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER + 1 + data.len()).unwrap_or(u16::MAX);
    let mut packet = vec![REQUEST, identifier];
    packet.extend(length.to_be_bytes());
    packet.push(kind);
    packet.extend(data);
    packet
}

/// EAP-Success; it has the identifier of the response that it follows (RFC 3748, 4.2).
pub(crate) fn success(identifier: u8) -> Vec<u8> {
    vec![SUCCESS, identifier, 0, 4]
}

/// EAP-Failure, after the response with this identifier.
pub fn failure(identifier: u8) -> Vec<u8> {
    vec![FAILURE, identifier, 0, 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_as_long_as_it_says() {
        let octets = [2, 7, 0, 6, IDENTITY, b'a', 0, 0];
        let response = Response::parse(&octets).unwrap();
        assert_eq!((response.identifier, response.data), (7, &b"a"[..]));
        for octets in [
            &[2, 7, 0][..],
            &[2, 7, 0, 4],
            &[2, 7, 0, 9, 1],
            &[1, 7, 0, 5, 1],
        ] {
            assert!(Response::parse(octets).is_err(), "{octets:?}");
        }
    }
}
