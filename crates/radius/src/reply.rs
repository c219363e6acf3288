//! What a server answers.

use thiserror::Error;

use crate::attribute::{self, Encoded, MAX_VALUE_LENGTH};
use crate::mppe::{self, Salt};
use crate::mschapv2::Success;
use crate::packet::{Code, MAX_LENGTH, MIN_LENGTH, Packet};
use crate::{AttributeError, Secret, Type, VendorType, Version};

/// Type, Length and value of a Message-Authenticator.
pub(crate) const MESSAGE_AUTHENTICATOR_LENGTH: usize = 18;

/// Attributes that [`Reply::encode_into`] makes, and the one that no reply may carry.
const RESERVED: [Type; 3] = [
    Type::MESSAGE_AUTHENTICATOR,
    Type::PROXY_STATE,
    Type::USER_PASSWORD,
];

/// RFC 2548 section 2.4.4: the tunnel may be encrypted.
const ENCRYPTION_ALLOWED: [u8; 4] = 1_u32.to_be_bytes();
/// RFC 2548 section 2.4.5: with 128 bits, which the keys have.
const RC4_128: [u8; 4] = 4_u32.to_be_bytes();

/// Whether the client shows what the user types at a challenge (RFC 2869 section 5.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Prompt {
    /// The answer is a secret.
    NoEcho = 0,
    /// The answer may be seen.
    Echo = 1,
}

/// A reply with the attributes that belong to the verdict. What belongs to the request and the
/// secret comes with [`Reply::encode_into`], so one reply can answer many requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Reply {
    code: Code,
    attributes: Encoded,
}

/// The reply with its request's Proxy-States exceeds [`MAX_LENGTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{code} of {octets} octets exceeds the {MAX_LENGTH} of a packet")]
pub struct TooLarge {
    /// The packet's kind.
    pub code: Code,
    /// The length it would have.
    pub octets: usize,
}

impl Reply {
    /// An Access-Accept.
    pub fn accept() -> Self {
        Reply::new(Code::AccessAccept)
    }

    /// An Access-Reject.
    pub fn reject() -> Self {
        Reply::new(Code::AccessReject)
    }

    /// An Access-Challenge. Clients refuse one without both State and Reply-Message, so both are
    /// arguments.
    ///
    /// Clients in use keep State as a C string: it should have no NUL octet (hex or base64 text).
    pub fn challenge(state: &[u8], message: &str) -> Result<Self, AttributeError> {
        if message.is_empty() {
            return Err(AttributeError::Empty {
                kind: Type::REPLY_MESSAGE,
            });
        }
        let challenge = Reply::new(Code::AccessChallenge).reply_message(message);
        challenge.attribute(Type::STATE, state)
    }

    /// An Access-Challenge that carries an EAP request. No Reply-Message goes with it (RFC 3579 section 2.6.5).
    pub fn eap_challenge(state: &[u8], packet: &[u8]) -> Result<Self, AttributeError> {
        let challenge = Reply::new(Code::AccessChallenge).eap_message(packet);
        challenge.attribute(Type::STATE, state)
    }

    /// An Accounting-Response.
    pub fn accounting() -> Self {
        Reply::new(Code::AccountingResponse)
    }

    fn new(code: Code) -> Self {
        Reply {
            code,
            attributes: Encoded::default(),
        }
    }

    /// Adds an attribute of 1 to 253 octets.
    pub fn attribute(mut self, kind: Type, value: &[u8]) -> Result<Self, AttributeError> {
        self.attributes.push(kind, value, &RESERVED)?;
        Ok(self)
    }

    /// Adds an attribute of a vendor, of 1 to 247 octets (RFC 2865 section 5.26).
    pub fn vendor_attribute(
        mut self,
        kind: VendorType,
        value: &[u8],
    ) -> Result<Self, AttributeError> {
        self.attributes.push_vendor(kind, value)?;
        Ok(self)
    }

    /// Adds what an MS-CHAPv2 client needs: the server's proof, and the keys of the tunnel, hidden for
    /// the reply to `request` (RFC 2548 sections 2.3.3 and 2.4).
    pub fn mschapv2(
        mut self,
        success: &Success,
        request: &Packet<'_>,
        secret: &Secret,
        salts: [Salt; 2],
    ) -> Result<Self, AttributeError> {
        let [send, receive] = salts;
        let hide = |key, salt| mppe::hide(key, salt, request, secret);
        let values = [
            (VendorType::MS_CHAP2_SUCCESS, success.message()),
            (
                VendorType::MS_MPPE_ENCRYPTION_POLICY,
                ENCRYPTION_ALLOWED.into(),
            ),
            (VendorType::MS_MPPE_ENCRYPTION_TYPES, RC4_128.into()),
            (VendorType::MS_MPPE_SEND_KEY, hide(success.send_key(), send)),
            (
                VendorType::MS_MPPE_RECV_KEY,
                hide(success.receive_key(), receive),
            ),
        ];
        for (kind, value) in values {
            self = self.vendor_attribute(kind, &value)?;
        }
        Ok(self)
    }

    /// Adds an EAP packet, in as many EAP-Message attributes as it takes (RFC 3579 section 3.1).
    pub fn eap_message(mut self, packet: &[u8]) -> Self {
        for piece in packet.chunks(MAX_VALUE_LENGTH) {
            self.attributes.push_bounded(Type::EAP_MESSAGE, piece);
        }
        self
    }

    /// Adds the keys that an EAP method left, hidden for the reply to `request` (RFC 2548 section 2.4, RFC 3579
    /// section 3.16).
    pub fn master_session_key(
        self,
        receive: &[u8; 32],
        send: &[u8; 32],
        request: &Packet<'_>,
        secret: &Secret,
        salts: [Salt; 2],
    ) -> Result<Self, AttributeError> {
        let [first, second] = salts;
        let hide = |key, salt| mppe::hide(key, salt, request, secret);
        self.vendor_attribute(VendorType::MS_MPPE_RECV_KEY, &hide(receive, first))?
            .vendor_attribute(VendorType::MS_MPPE_SEND_KEY, &hide(send, second))
    }

    /// Adds how many seconds the client waits for the answer to a challenge (RFC 3580 section 3.17).
    pub fn session_timeout(mut self, seconds: u32) -> Self {
        self.attributes
            .push_bounded(Type::SESSION_TIMEOUT, &seconds.to_be_bytes());
        self
    }

    /// Adds a text for the user, in as many Reply-Message attributes as it takes. None is cut
    /// within a character; an empty text adds nothing.
    pub fn reply_message(mut self, text: &str) -> Self {
        let mut rest = text;
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(rest.floor_char_boundary(MAX_VALUE_LENGTH));
            self.attributes
                .push_bounded(Type::REPLY_MESSAGE, chunk.as_bytes());
            rest = tail;
        }
        self
    }

    /// Adds whether the client shows what the user types.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.attributes
            .push_bounded(Type::PROMPT, &(prompt as u32).to_be_bytes());
        self
    }

    /// The packet that answers `request`, in a buffer of its own.
    pub fn encode(&self, request: &Packet<'_>, secret: &Secret) -> Result<Vec<u8>, TooLarge> {
        let mut packet = Vec::new();
        self.encode_into(request, secret, &mut packet)?;
        Ok(packet)
    }

    /// Writes the packet that answers `request` over what `packet` held.
    ///
    /// To an Access-Request or Status-Server the Message-Authenticator stands first: what an
    /// attacker of CVE-2024-3596 may choose must not come before it. An Accounting-Response has
    /// none, RFC 2866 knows no such attribute and the attack gains nothing. The request's
    /// Proxy-States come last. In [`Version::V1_1`] the reply has the request's Token, and is signed by nothing
    /// but TLS (RFC 9765 section 5.2). On error `packet` is empty.
    pub fn encode_into(
        &self,
        request: &Packet<'_>,
        secret: &Secret,
        packet: &mut Vec<u8>,
    ) -> Result<(), TooLarge> {
        packet.clear();
        let version = request.version();
        let authenticated = self.is_authenticated(version);
        let octets = self.octets(request);
        let length = packet_length(self.code, octets)?;

        packet.reserve(octets);
        packet.extend_from_slice(&[self.code as u8, request.identifier().0]);
        packet.extend_from_slice(&length);
        packet.extend_from_slice(&request.authenticator().0);
        if authenticated {
            begin_message_authenticator(packet);
        }
        packet.extend_from_slice(self.attributes.octets());
        for value in request.proxy_states() {
            attribute::append(packet, Type::PROXY_STATE, value);
        }
        if authenticated {
            finish_message_authenticator(packet, secret);
        }
        if version == Version::V1_0 {
            let response_authenticator = secret.digest_after(&[packet]);
            overwrite(packet, 4, &response_authenticator);
        }
        Ok(())
    }

    /// Octets that the reply to a request still has for attributes (RFC 2865 section 3).
    pub fn room(&self, request: &Packet<'_>) -> usize {
        MAX_LENGTH.saturating_sub(self.octets(request))
    }

    fn octets(&self, request: &Packet<'_>) -> usize {
        let authenticator = if self.is_authenticated(request.version()) {
            MESSAGE_AUTHENTICATOR_LENGTH
        } else {
            0
        };
        let proxy_states: usize = request.proxy_states().map(|value| value.len() + 2).sum();
        MIN_LENGTH + authenticator + self.attributes.octets().len() + proxy_states
    }

    fn is_authenticated(&self, version: Version) -> bool {
        version == Version::V1_0 && self.code != Code::AccountingResponse
    }
}

/// The Length field of a packet of `octets`.
pub(crate) fn packet_length(code: Code, octets: usize) -> Result<[u8; 2], TooLarge> {
    match u16::try_from(octets) {
        Ok(length) if octets <= MAX_LENGTH => Ok(length.to_be_bytes()),
        _ => Err(TooLarge { code, octets }),
    }
}

/// Appends a Message-Authenticator of zeros to the bare header.
pub(crate) fn begin_message_authenticator(packet: &mut Vec<u8>) {
    attribute::append(packet, Type::MESSAGE_AUTHENTICATOR, &[0; 16]);
}

/// Fills in the zeros that [`begin_message_authenticator`] left behind the header.
pub(crate) fn finish_message_authenticator(packet: &mut [u8], secret: &Secret) {
    let mac = secret.mac(&[packet]);
    overwrite(packet, MIN_LENGTH + 2, &mac);
}

fn overwrite(packet: &mut [u8], offset: usize, field: &[u8; 16]) {
    packet
        .iter_mut()
        .skip(offset)
        .zip(field)
        .for_each(|(slot, octet)| *slot = *octet);
}
