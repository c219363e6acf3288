//! The packet as it lies in a datagram (RFC 2865 section 3).

use std::fmt;

use thiserror::Error;

use crate::Type;

/// The header alone: Code, Identifier, Length and Authenticator.
pub const MIN_LENGTH: usize = 20;

/// The largest packet (RFC 2865 section 3).
pub const MAX_LENGTH: usize = 4096;

/// More attributes than any client sends (an EAP message of the largest packet takes 16); bounds
/// what one datagram of two-octet attributes can cost. `FreeRADIUS` draws the line here too.
pub const MAX_ATTRIBUTES: usize = 200;

/// The kinds of packet that a login server sends or receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// RFC 2865 section 4.1.
    AccessRequest = 1,
    /// RFC 2865 section 4.2.
    AccessAccept = 2,
    /// RFC 2865 section 4.3.
    AccessReject = 3,
    /// RFC 2866 section 4.1.
    AccountingRequest = 4,
    /// RFC 2866 section 4.2.
    AccountingResponse = 5,
    /// RFC 2865 section 4.4.
    AccessChallenge = 11,
    /// RFC 5997 section 3.
    StatusServer = 12,
}

impl Code {
    const fn of(octet: u8) -> Option<Code> {
        Some(match octet {
            1 => Code::AccessRequest,
            2 => Code::AccessAccept,
            3 => Code::AccessReject,
            4 => Code::AccountingRequest,
            5 => Code::AccountingResponse,
            11 => Code::AccessChallenge,
            12 => Code::StatusServer,
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Code::AccessRequest => "Access-Request",
            Code::AccessAccept => "Access-Accept",
            Code::AccessReject => "Access-Reject",
            Code::AccountingRequest => "Accounting-Request",
            Code::AccountingResponse => "Accounting-Response",
            Code::AccessChallenge => "Access-Challenge",
            Code::StatusServer => "Status-Server",
        })
    }
}

/// How the packets of a connection are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// RFC 2865: an identifier of one octet, and MD5 for what is hidden and signed.
    #[default]
    V1_0,
    /// RFC 9765, within TLS 1.3 alone: a token of four octets, and nothing hidden or signed but by TLS.
    V1_1,
}

/// Matches a reply to its request; a client reuses the 256 of them quickly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identifier(pub u8);

/// The Request Authenticator or Response Authenticator field. Not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Authenticator(pub [u8; 16]);

impl Authenticator {
    /// What stands in the field while an Accounting-Request's authenticator is computed (RFC 2866
    /// section 3).
    pub(crate) const ZERO: Authenticator = Authenticator([0; 16]);
}

/// Why a datagram is no packet, and where. Offsets count octets from the datagram's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Shorter than the header.
    #[error("a datagram of {octets} octets cannot hold the header of {MIN_LENGTH}")]
    NoHeader {
        /// The datagram's length.
        octets: usize,
    },
    /// A packet that does not belong on these ports.
    #[error("octet 0: {code} is not a code of authentication or accounting")]
    UnknownCode {
        /// The Code octet.
        code: u8,
    },
    /// Outside [`MIN_LENGTH`]`..=`[`MAX_LENGTH`].
    #[error("octet 2: a length of {length} is outside {MIN_LENGTH} to {MAX_LENGTH}")]
    LengthOutOfRange {
        /// The Length field.
        length: usize,
    },
    /// The datagram ends before the packet does.
    #[error("octet 2: the length says {length} octets, the datagram has {octets}")]
    Truncated {
        /// The Length field.
        length: usize,
        /// The datagram's length.
        octets: usize,
    },
    /// One octet is left where an attribute must begin.
    #[error("octet {offset}: the packet ends within an attribute's header")]
    AttributeHeader {
        /// Where the attribute begins.
        offset: usize,
    },
    /// An attribute's length is below 2 or reaches beyond the packet.
    #[error("octet {offset}: {kind} says {length} octets where 2 to {room} are possible")]
    AttributeLength {
        /// Where the attribute begins.
        offset: usize,
        /// Its type.
        kind: Type,
        /// Its Length octet.
        length: u8,
        /// The octets from its beginning to the packet's end.
        room: usize,
    },
    /// More than [`MAX_ATTRIBUTES`].
    #[error("octet {offset}: more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes {
        /// Where the first attribute beyond the limit begins.
        offset: usize,
    },
}

/// A well-formed packet, borrowed from its datagram: every attribute lies inside the packet. That
/// says nothing of who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    version: Version,
    code: Code,
    identifier: Identifier,
    authenticator: Authenticator,
    octets: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the packet at the beginning of `datagram`. Octets beyond the Length field are padding
    /// (RFC 2865 section 3) and not part of the packet.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        Self::parse_as(Version::V1_0, datagram)
    }

    /// The same for a connection whose version was agreed upon. In [`Version::V1_1`] the Token stands in the first
    /// octets of the Authenticator, and the Identifier is 0 (RFC 9765 section 4.1).
    pub fn parse_as(version: Version, datagram: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, _)) = datagram.split_first_chunk::<MIN_LENGTH>() else {
            return Err(ParseError::NoHeader {
                octets: datagram.len(),
            });
        };
        let [code, identifier, high, low, authenticator @ ..] = *header;
        let code = Code::of(code).ok_or(ParseError::UnknownCode { code })?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&length) {
            return Err(ParseError::LengthOutOfRange { length });
        }
        let Some(octets) = datagram.get(..length) else {
            return Err(ParseError::Truncated {
                length,
                octets: datagram.len(),
            });
        };
        let (identifier, authenticator) = match version {
            Version::V1_0 => (identifier, authenticator),
            Version::V1_1 => {
                let [a, b, c, d, ..] = authenticator;
                (0, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            }
        };
        let packet = Packet {
            version,
            code,
            identifier: Identifier(identifier),
            authenticator: Authenticator(authenticator),
            octets,
        };
        packet.attributes().validate()?;
        Ok(packet)
    }

    /// How it is written.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The kind of packet.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The Identifier field.
    pub const fn identifier(&self) -> Identifier {
        self.identifier
    }

    /// The Authenticator field.
    pub const fn authenticator(&self) -> Authenticator {
        self.authenticator
    }

    /// The packet without padding, header included.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The attributes in wire order, each as its type and value.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: self.octets.get(MIN_LENGTH..).unwrap_or_default(),
            offset: MIN_LENGTH,
        }
    }

    /// The values of all attributes of one type, in wire order.
    pub fn values(&self, kind: Type) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes()
            .filter(move |(found, _)| *found == kind)
            .map(|(_, value)| value)
    }

    /// The value of the first attribute of one type.
    pub fn first(&self, kind: Type) -> Option<&'a [u8]> {
        self.values(kind).next()
    }

    /// The Proxy-State attributes that the reply must carry unchanged and in this order (RFC 2865
    /// section 5.33).
    pub fn proxy_states(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.values(Type::PROXY_STATE)
    }
}

/// The attributes of a [`Packet`] in wire order.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// Where the next attribute begins, in octets from the packet's beginning.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    fn validate(mut self) -> Result<(), ParseError> {
        for _ in 0..MAX_ATTRIBUTES {
            if self.step()?.is_none() {
                return Ok(());
            }
        }
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(ParseError::TooManyAttributes {
            offset: self.offset,
        })
    }

    fn step(&mut self) -> Result<Option<(Type, &'a [u8])>, ParseError> {
        let (offset, room) = (self.offset, self.rest.len());
        if room == 0 {
            return Ok(None);
        }
        let Some((&[kind, length], body)) = self.rest.split_first_chunk() else {
            return Err(ParseError::AttributeHeader { offset });
        };
        let kind = Type(kind);
        let split = usize::from(length)
            .checked_sub(2)
            .and_then(|at| body.split_at_checked(at));
        let Some((value, rest)) = split else {
            return Err(ParseError::AttributeLength {
                offset,
                kind,
                length,
                room,
            });
        };
        self.rest = rest;
        self.offset += usize::from(length);
        Ok(Some((kind, value)))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (Type, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // `Packet::parse` walked the same steps, so an error cannot come up again.
        self.step().ok().flatten()
    }
}
