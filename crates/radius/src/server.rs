//! What a server reads: a packet whose code and attributes fit together.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::authenticator::{self, MessageAuthenticator};
use crate::packet::{Authenticator, Code, Packet};
use crate::password::{Hidden, MAX_PASSWORD_LENGTH};
use crate::{Secret, Type, VendorType, Version, chap, mschapv2};

/// A login (RFC 2865 section 4.1), or the answer to a challenge.
///
/// That one exists says nothing of who sent it: see [`AccessRequest::message_authenticator`].
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    packet: Packet<'a>,
    user_name: Option<&'a [u8]>,
    password: Option<Password<'a>>,
    chap: Option<[u8; 17]>,
    chap_challenge: Option<&'a [u8]>,
    mschapv2: Option<&'a [u8; 50]>,
    mschap_challenge: Option<[u8; 16]>,
    state: Option<&'a [u8]>,
    has_eap: bool,
}

/// How a request proves that its sender knows the password.
pub enum Credentials {
    /// By none of these methods.
    None,
    /// PAP: the password itself, without its padding. Under a wrong secret these are meaningless octets.
    Password(Zeroizing<Vec<u8>>),
    /// CHAP.
    Chap(chap::Response),
    /// MS-CHAPv2.
    MsChapV2(mschapv2::Response),
}

/// Why a packet is no Access-Request that can be decided. It is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccessRequestError {
    /// Another kind of packet.
    #[error("octet 0: {code} is not Access-Request")]
    OtherCode {
        /// Its kind.
        code: Code,
    },
    /// RFC 2865 section 5.44 allows one at most; two would let two readers see two logins.
    #[error("octet {offset}: a second {kind}")]
    Repeated {
        /// The attribute's type.
        kind: Type,
        /// Where the second one begins.
        offset: usize,
    },
    /// RFC 2865 section 4.1: User-Password and CHAP-Password exclude each other; so does EAP-Message (RFC 3579
    /// section 3.3).
    #[error("more than one of User-Password, CHAP-Password, MS-CHAP2-Response and EAP-Message")]
    SeveralMethods,
    /// An attribute of one length only.
    #[error("octet {offset}: {kind} of {octets} octets, which has {expected}")]
    Length {
        /// The attribute's type.
        kind: Type,
        /// Where the attribute begins.
        offset: usize,
        /// The length of its value.
        octets: usize,
        /// The length that it has.
        expected: usize,
    },
    /// RFC 2865 section 5.40: at least 5 octets; the answer to none would be good for ever.
    #[error("octet {offset}: CHAP-Challenge of {octets} octets, which has 5 at least")]
    ShortChallenge {
        /// Where the attribute begins.
        offset: usize,
        /// The length of its value.
        octets: usize,
    },
    /// Not 16 to 128 octets in whole blocks of 16 (RFC 2865 section 5.2), or more than 128 where it is not hidden.
    #[error("octet {offset}: User-Password of {octets} octets is not 16 to 128 in blocks of 16")]
    PasswordLength {
        /// Where the attribute begins.
        offset: usize,
        /// The length of its value.
        octets: usize,
    },
}

impl<'a> AccessRequest<'a> {
    /// Reads a packet as a login.
    pub fn new(packet: Packet<'a>) -> Result<Self, AccessRequestError> {
        if packet.code() != Code::AccessRequest {
            return Err(AccessRequestError::OtherCode {
                code: packet.code(),
            });
        }
        let mut request = AccessRequest {
            packet,
            user_name: None,
            password: None,
            chap: None,
            chap_challenge: None,
            mschapv2: None,
            mschap_challenge: None,
            state: None,
            has_eap: false,
        };
        let mut attributes = packet.attributes();
        loop {
            let offset = attributes.offset();
            let Some((kind, value)) = attributes.next() else {
                return request.with_one_method();
            };
            request.take(offset, kind, value)?;
        }
    }

    fn take(
        &mut self,
        offset: usize,
        kind: Type,
        value: &'a [u8],
    ) -> Result<(), AccessRequestError> {
        let seen = match kind {
            Type::USER_NAME => self.user_name.replace(value).is_some(),
            Type::STATE => self.state.replace(value).is_some(),
            Type::USER_PASSWORD => {
                let octets = value.len();
                let password = Password::of(self.packet.version(), value)
                    .ok_or(AccessRequestError::PasswordLength { offset, octets })?;
                self.password.replace(password).is_some()
            }
            Type::CHAP_PASSWORD => self.chap.replace(*sized(kind, offset, value)?).is_some(),
            Type::CHAP_CHALLENGE => {
                let challenge = chap_challenge(offset, value)?;
                self.chap_challenge.replace(challenge).is_some()
            }
            Type::VENDOR_SPECIFIC => self.take_vendor(offset, value)?,
            Type::EAP_MESSAGE => {
                self.has_eap = true;
                false
            }
            _ => false,
        };
        if seen {
            return Err(AccessRequestError::Repeated { kind, offset });
        }
        Ok(())
    }

    /// Whether this one was there before.
    fn take_vendor(&mut self, offset: usize, value: &'a [u8]) -> Result<bool, AccessRequestError> {
        let kind = Type::VENDOR_SPECIFIC;
        if let Some(response) = VendorType::MS_CHAP2_RESPONSE.value_in(value) {
            let response = sized(kind, offset, response)?;
            return Ok(self.mschapv2.replace(response).is_some());
        }
        if let Some(challenge) = VendorType::MS_CHAP_CHALLENGE.value_in(value) {
            let challenge = *sized(kind, offset, challenge)?;
            return Ok(self.mschap_challenge.replace(challenge).is_some());
        }
        Ok(false)
    }

    fn with_one_method(self) -> Result<Self, AccessRequestError> {
        let methods = [
            self.password.is_some(),
            self.chap.is_some(),
            self.mschapv2.is_some(),
            self.has_eap,
        ];
        match methods.into_iter().filter(|is_there| *is_there).count() {
            0 | 1 => Ok(self),
            _ => Err(AccessRequestError::SeveralMethods),
        }
    }

    /// The packet, for its other attributes and for the reply.
    pub const fn packet(&self) -> &Packet<'a> {
        &self.packet
    }

    /// User-Name as sent, not canonical.
    pub const fn user_name(&self) -> Option<&'a [u8]> {
        self.user_name
    }

    /// User-Password in the clear without its padding, at most 128 octets. `None` if the request
    /// has none. Under a wrong secret these are meaningless octets.
    pub fn user_password(&self, secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
        self.password.map(|password| match password {
            Password::Hidden(hidden) => hidden.reveal(self.packet.authenticator(), secret),
            Password::Clear(clear) => Zeroizing::new(clear.to_vec()),
        })
    }

    /// How the request proves the password. A CHAP-Password without a CHAP-Challenge answers the Request
    /// Authenticator (RFC 2865 section 5.3), of which [`Version::V1_1`] has none.
    pub fn credentials(&self, secret: &Secret) -> Credentials {
        if let Some(password) = self.user_password(secret) {
            return Credentials::Password(password);
        }
        if let Some(response) = self.chap {
            let own = self.packet.authenticator();
            return match (self.chap_challenge, self.packet.version()) {
                (Some(challenge), _) => Credentials::Chap(chap::Response::new(response, challenge)),
                (None, Version::V1_0) => Credentials::Chap(chap::Response::new(response, &own.0)),
                (None, Version::V1_1) => Credentials::None,
            };
        }
        match (self.mschapv2, self.mschap_challenge, self.user_name) {
            (Some(response), Some(challenge), Some(name)) => {
                Credentials::MsChapV2(mschapv2::Response::new(response, challenge, name))
            }
            _ => Credentials::None,
        }
    }

    /// The State of the challenge that this request answers.
    pub const fn state(&self) -> Option<&'a [u8]> {
        self.state
    }

    /// Whether an EAP-Message is present; such a request needs a Message-Authenticator always (RFC
    /// 3579 section 3.2).
    pub const fn has_eap(&self) -> bool {
        self.has_eap
    }

    /// The EAP packet, its pieces joined (RFC 3579 section 3.1).
    pub fn eap_message(&self) -> Option<Vec<u8>> {
        let pieces = self.packet.values(Type::EAP_MESSAGE);
        self.has_eap.then(|| pieces.flatten().copied().collect())
    }

    /// Whether it answers a challenge (CHAP, MS-CHAPv2). Unlike a hidden password, that shows nothing of the
    /// secret: without a Message-Authenticator anybody could have sent it, and send it again.
    pub const fn answers_a_challenge(&self) -> bool {
        self.chap.is_some() || self.mschapv2.is_some()
    }

    /// Whether a proxy forwarded the request. Without a Message-Authenticator it must be dropped:
    /// Proxy-State is where the collision of CVE-2024-3596 is hidden.
    pub fn has_proxy_state(&self) -> bool {
        self.proxy_states().next().is_some()
    }

    /// The Proxy-State attributes in wire order; replies carry them by themselves.
    pub fn proxy_states(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.packet.proxy_states()
    }

    /// Checks the Message-Authenticator in constant time.
    pub fn message_authenticator(&self, secret: &Secret) -> MessageAuthenticator {
        authenticator::message_authenticator(&self.packet, self.packet.authenticator(), secret)
    }
}

/// A User-Password on the wire.
#[derive(Debug, Clone, Copy)]
enum Password<'a> {
    Hidden(Hidden<'a>),
    /// Within TLS (RFC 9765 section 5.1.1).
    Clear(&'a [u8]),
}

impl<'a> Password<'a> {
    fn of(version: Version, value: &'a [u8]) -> Option<Self> {
        match version {
            Version::V1_0 => Hidden::of(value).map(Self::Hidden),
            Version::V1_1 => (value.len() <= MAX_PASSWORD_LENGTH).then_some(Self::Clear(value)),
        }
    }
}

fn chap_challenge(offset: usize, value: &[u8]) -> Result<&[u8], AccessRequestError> {
    const CHALLENGE_MIN: usize = 5;
    if value.len() < CHALLENGE_MIN {
        let octets = value.len();
        return Err(AccessRequestError::ShortChallenge { offset, octets });
    }
    Ok(value)
}

/// A value of the one length that its attribute has.
fn sized<const N: usize>(
    kind: Type,
    offset: usize,
    value: &[u8],
) -> Result<&[u8; N], AccessRequestError> {
    value.try_into().map_err(|_| AccessRequestError::Length {
        kind,
        offset,
        octets: value.len(),
        expected: N,
    })
}

/// A verified question whether the server is alive (RFC 5997). The answer is an Access-Accept on
/// the authentication port and an Accounting-Response on the accounting port.
#[derive(Debug, Clone, Copy)]
pub struct StatusServer<'a>(Packet<'a>);

/// Why a packet is no Status-Server to be answered. It is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatusServerError {
    /// Another kind of packet.
    #[error("octet 0: {code} is not Status-Server")]
    OtherCode {
        /// Its kind.
        code: Code,
    },
    /// RFC 5997 section 3 demands one.
    #[error("Status-Server without Message-Authenticator")]
    Unauthenticated,
    /// Made with another secret, or changed on its way.
    #[error("Status-Server with a wrong Message-Authenticator")]
    WrongAuthenticator,
}

impl<'a> StatusServer<'a> {
    /// Checks the Message-Authenticator in constant time. [`Version::V1_1`] has none: TLS vouches for all of the
    /// connection.
    pub fn verify(packet: Packet<'a>, secret: &Secret) -> Result<Self, StatusServerError> {
        if packet.code() != Code::StatusServer {
            return Err(StatusServerError::OtherCode {
                code: packet.code(),
            });
        }
        if packet.version() == Version::V1_1 {
            return Ok(StatusServer(packet));
        }
        match authenticator::message_authenticator(&packet, packet.authenticator(), secret) {
            MessageAuthenticator::Valid => Ok(StatusServer(packet)),
            MessageAuthenticator::Absent => Err(StatusServerError::Unauthenticated),
            MessageAuthenticator::Invalid => Err(StatusServerError::WrongAuthenticator),
        }
    }

    /// The packet, for the reply.
    pub const fn packet(&self) -> &Packet<'a> {
        &self.0
    }
}

/// A verified Start, Interim-Update or Stop (RFC 2866 section 4.1).
#[derive(Debug, Clone, Copy)]
pub struct AccountingRequest<'a>(Packet<'a>);

/// Why a packet is no Accounting-Request to be answered. It is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccountingRequestError {
    /// Another kind of packet.
    #[error("octet 0: {code} is not Accounting-Request")]
    OtherCode {
        /// Its kind.
        code: Code,
    },
    /// Made with another secret, or changed on its way.
    #[error("Accounting-Request with a wrong Request Authenticator")]
    WrongAuthenticator,
}

impl<'a> AccountingRequest<'a> {
    /// Checks the Request Authenticator, and a Message-Authenticator if there is one, in constant
    /// time.
    pub fn verify(packet: Packet<'a>, secret: &Secret) -> Result<Self, AccountingRequestError> {
        if packet.code() != Code::AccountingRequest {
            return Err(AccountingRequestError::OtherCode {
                code: packet.code(),
            });
        }
        let message_authenticator =
            authenticator::message_authenticator(&packet, Authenticator::ZERO, secret);
        if message_authenticator == MessageAuthenticator::Invalid
            || !authenticator::is_signed(&packet, Authenticator::ZERO, secret)
        {
            return Err(AccountingRequestError::WrongAuthenticator);
        }
        Ok(AccountingRequest(packet))
    }

    /// The packet, for its attributes and for the reply.
    pub const fn packet(&self) -> &Packet<'a> {
        &self.0
    }
}
