//! What a client sends, and how it checks the reply.

use thiserror::Error;

use crate::attribute::Encoded;
use crate::authenticator::{self, MessageAuthenticator};
use crate::packet::{Authenticator, Code, Identifier, MIN_LENGTH, Packet, ParseError};
use crate::password;
use crate::reply::{
    MESSAGE_AUTHENTICATOR_LENGTH, TooLarge, begin_message_authenticator,
    finish_message_authenticator, packet_length,
};
use crate::{AttributeError, PasswordTooLong, Secret, Type};

/// Attributes that the builder makes itself.
const RESERVED: [Type; 2] = [Type::MESSAGE_AUTHENTICATOR, Type::USER_PASSWORD];

/// A request on its way to a server.
pub struct Request<'s> {
    secret: &'s Secret,
    code: Code,
    identifier: Identifier,
    authenticator: Authenticator,
    attributes: Encoded,
}

impl<'s> Request<'s> {
    /// An Access-Request. `authenticator` must be 16 fresh unpredictable octets (RFC 2865 section
    /// 3): the hiding of the password rests on it.
    pub fn access(
        identifier: Identifier,
        authenticator: Authenticator,
        secret: &'s Secret,
    ) -> Self {
        Request::new(Code::AccessRequest, identifier, authenticator, secret)
    }

    /// A Status-Server (RFC 5997). `authenticator` must be 16 fresh unpredictable octets.
    pub fn status_server(
        identifier: Identifier,
        authenticator: Authenticator,
        secret: &'s Secret,
    ) -> Self {
        Request::new(Code::StatusServer, identifier, authenticator, secret)
    }

    fn new(
        code: Code,
        identifier: Identifier,
        authenticator: Authenticator,
        secret: &'s Secret,
    ) -> Self {
        Request {
            secret,
            code,
            identifier,
            authenticator,
            attributes: Encoded::default(),
        }
    }

    /// Adds an attribute of 1 to 253 octets, for example User-Name or the State of a challenge.
    pub fn attribute(mut self, kind: Type, value: &[u8]) -> Result<Self, AttributeError> {
        self.attributes.push(kind, value, &RESERVED)?;
        Ok(self)
    }

    /// Adds the hidden User-Password; an empty one is how a user asks for a push.
    pub fn user_password(mut self, password: &[u8]) -> Result<Self, PasswordTooLong> {
        let hidden = password::hide(password, self.authenticator, self.secret)?;
        self.attributes.push_bounded(Type::USER_PASSWORD, &hidden);
        Ok(self)
    }

    /// The packet, its Message-Authenticator first.
    pub fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let octets = MIN_LENGTH + MESSAGE_AUTHENTICATOR_LENGTH + self.attributes.octets().len();
        let length = packet_length(self.code, octets)?;
        let mut packet = Vec::with_capacity(octets);
        packet.extend_from_slice(&[self.code as u8, self.identifier.0]);
        packet.extend_from_slice(&length);
        packet.extend_from_slice(&self.authenticator.0);
        begin_message_authenticator(&mut packet);
        packet.extend_from_slice(self.attributes.octets());
        finish_message_authenticator(&mut packet, self.secret);
        Ok(packet)
    }
}

/// Why a datagram is not the answer to a request. The client drops it and goes on waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// No packet.
    #[error("the reply is malformed")]
    Malformed(#[from] ParseError),
    /// The reply to another request.
    #[error("octet 1: identifier {found}, expected {expected}")]
    OtherIdentifier {
        /// The reply's.
        found: u8,
        /// The request's.
        expected: u8,
    },
    /// A kind of packet that does not answer this kind of request.
    #[error("octet 0: {found} does not answer {request}")]
    UnexpectedCode {
        /// The reply's kind.
        found: Code,
        /// The request's kind.
        request: Code,
    },
    /// Made with another secret, or changed on its way.
    #[error("wrong Response Authenticator: another secret, or a forgery")]
    WrongResponseAuthenticator,
    /// Without one the reply can be a forgery (CVE-2024-3596).
    #[error("the reply has no Message-Authenticator")]
    NoMessageAuthenticator,
    /// Made with another secret, or changed on its way.
    #[error("wrong Message-Authenticator: another secret, or a forgery")]
    WrongMessageAuthenticator,
}

/// Checks in constant time that `datagram` is the server's answer to `request`, whole and from
/// someone who holds the secret. Replies to an Access-Request or Status-Server need a
/// Message-Authenticator; an Accounting-Response may lack it.
pub fn verify_reply<'a>(
    request: &Packet<'_>,
    datagram: &'a [u8],
    secret: &Secret,
) -> Result<Packet<'a>, ReplyError> {
    let reply = Packet::parse(datagram)?;
    if reply.identifier() != request.identifier() {
        let (found, expected) = (reply.identifier().0, request.identifier().0);
        return Err(ReplyError::OtherIdentifier { found, expected });
    }
    if !answers(reply.code(), request.code()) {
        let (found, request) = (reply.code(), request.code());
        return Err(ReplyError::UnexpectedCode { found, request });
    }
    if !authenticator::is_signed(&reply, request.authenticator(), secret) {
        return Err(ReplyError::WrongResponseAuthenticator);
    }
    match authenticator::message_authenticator(&reply, request.authenticator(), secret) {
        MessageAuthenticator::Valid => Ok(reply),
        MessageAuthenticator::Invalid => Err(ReplyError::WrongMessageAuthenticator),
        MessageAuthenticator::Absent if reply.code() == Code::AccountingResponse => Ok(reply),
        MessageAuthenticator::Absent => Err(ReplyError::NoMessageAuthenticator),
    }
}

const fn answers(reply: Code, request: Code) -> bool {
    use Code::{
        AccessAccept, AccessChallenge, AccessReject, AccessRequest, AccountingRequest,
        AccountingResponse, StatusServer,
    };
    matches!(
        (request, reply),
        (AccessRequest, AccessAccept | AccessReject | AccessChallenge)
            | (AccountingRequest, AccountingResponse)
            | (StatusServer, AccessAccept | AccountingResponse)
    )
}
