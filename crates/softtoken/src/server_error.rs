use crate::Echo;
use crate::json::{Fields, MessageError, Object};

/// Every error number that the registry answers with.
///
/// Numbers up to 31 and their texts are those of the described system, spelling included. Numbers
/// from 101 are Symbolon's own; 101 to 103 carry texts that the described system's app shows without
/// a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerError {
    /// Trial tokens stand in the way of a licence.
    BlockedByTrial,
    /// Nobody issued this licence code.
    LicenceNotFound,
    /// The licence is spent.
    LicenceAlreadyActivated,
    /// The licence was not redeemed in time.
    LicenceExpired,
    /// Token, serial and activation data contradict each other.
    WrongActivationData,
    /// No token of the request could be served.
    NoValidToken,
    /// The registry does not know the gateway.
    ProductNotRegistered,
    /// The token's licence belongs to another gateway.
    TokenNotOfProduct,
    /// No token waits for this activation code.
    ActivationCodeUnknown,
    /// The activation code's time is over.
    ActivationCodeExpired,
    /// The activation code was used on another device.
    ActivationCodeUsed,
    /// The nonce is not one of the registry's, or was used, or is too old.
    NonceUnknown,
    /// A signature does not prove what it should.
    ProofWrong,
    /// Too many activation codes were tried.
    TooManyTries,
    /// A hardware token's seed was given out before.
    SeedAlreadyGiven,
    /// The stock has no such hardware token.
    HardwareTokenUnknown,
    /// No device with this registration id ever listened at the relay.
    PushDeviceUnknown,
    /// The relay keeps no more requests for this device, or has no more room.
    TooManyPushes,
    /// No gateway collects this answer.
    PushMailboxUnknown,
    /// Another device has the token that is to move.
    TokenMoved,
    /// The relay wakes no app, or none at this push service.
    PushServiceNotAllowed,
    /// The client certificate is another product's.
    CertificateOfOtherProduct,
    /// The registry cannot answer now.
    Unavailable,
}

struct Row {
    error: ServerError,
    code: i32,
    message: &'static str,
    cause: &'static str,
    next_step: &'static str,
}

const ROWS: [Row; 23] = [
    Row {
        error: ServerError::BlockedByTrial,
        code: -1,
        message: "forticare unkown error",
        cause: "Trial tokens on this gateway block the import of the licence.",
        next_step: "Give their users other tokens, delete both trial tokens, import the trial \
                    again with 0000-0000-0000-0000-0000, then import the licence.",
    },
    Row {
        error: ServerError::LicenceNotFound,
        code: 10,
        message: "forticare license card not found",
        cause: "The token server has no licence with this code.",
        next_step: "Compare the code with the redemption certificate, character by character; \
                    if it is right, have the licence registered.",
    },
    Row {
        error: ServerError::LicenceAlreadyActivated,
        code: 11,
        message: "forticare license already activated",
        cause: "This licence was activated before, on this gateway or on another.",
        next_step: "Look for its tokens with `show user fortitoken`; if they are not here, have \
                    customer service move the licence to this gateway, or let it import its own once \
                    more.",
    },
    Row {
        error: ServerError::LicenceExpired,
        code: 14,
        message: "forticare license expired",
        cause: "The licence was not redeemed before the date on its certificate.",
        next_step: "Ask for a new code, register it and import it.",
    },
    Row {
        error: ServerError::WrongActivationData,
        code: 16,
        message: "incorrect token, serial or activation information",
        cause: "Token, gateway serial and activation data of the request do not fit together.",
        next_step: "Check the token's serial with `show user fortitoken` and the gateway's with \
                    `get system status`, then try again.",
    },
    Row {
        error: ServerError::NoValidToken,
        code: 17,
        message: "no valid token found",
        cause: "Not one token of the request could be served.",
        next_step: "Read the error of each token; it names the cause.",
    },
    Row {
        error: ServerError::ProductNotRegistered,
        code: 21,
        message: "Product is not registered",
        cause: "The token server does not know this gateway, or this member of its cluster.",
        next_step: "Have customer service register the serial.",
    },
    Row {
        error: ServerError::TokenNotOfProduct,
        code: 31,
        message: "token does not belong to product",
        cause: "The licence of this token is registered under another gateway's serial.",
        next_step: "Have customer service move the licence to this serial (in a cluster the \
                    primary's), then import it again. A trial token: delete it and import the \
                    trial tokens again.",
    },
    Row {
        error: ServerError::ActivationCodeUnknown,
        code: 101,
        message: "FTM Server: Token code doesn't exist",
        cause: "No token waits for this activation code: a character is wrong, or the token is \
                no longer assigned.",
        next_step: "Compare the code with the message, or scan its QR code; then ask the \
                    administrator whether the token is assigned.",
    },
    Row {
        error: ServerError::ActivationCodeExpired,
        code: 102,
        message: "FortiCare : provision code not exist",
        cause: "The activation code was not used in time.",
        next_step: "Ask the administrator for a new activation code.",
    },
    Row {
        error: ServerError::ActivationCodeUsed,
        code: 103,
        message: "Failed. Forticare: FTM token Activation Code is invalid",
        cause: "The activation code was used on another device already.",
        next_step: "Transfer the token from that device, or ask the administrator for a new \
                    activation code.",
    },
    Row {
        error: ServerError::NonceUnknown,
        code: 104,
        message: "activation took too long",
        cause: "The server's nonce was answered too late, or twice.",
        next_step: "Activate again; nothing was used up.",
    },
    Row {
        error: ServerError::ProofWrong,
        code: 105,
        message: "device proof is invalid",
        cause: "The device's signature does not cover this server, this code and these keys.",
        next_step: "Use the address that the activation message shows; if it is the right one, \
                    update the app.",
    },
    Row {
        error: ServerError::TooManyTries,
        code: 106,
        message: "too many activation attempts",
        cause: "Too many wrong activation codes came from here, or for this token.",
        next_step: "Wait a quarter of an hour, or ask the administrator for a new activation code.",
    },
    Row {
        error: ServerError::SeedAlreadyGiven,
        code: 111,
        message: "token already activated, and seed won't be returned",
        cause: "This hardware token's seed was given out before; it is given once.",
        next_step: "Have customer service reset the token's activation flag, then activate it \
                    again.",
    },
    Row {
        error: ServerError::HardwareTokenUnknown,
        code: 112,
        message: "token not exist in FortiGuard",
        cause: "The token server has no hardware token with this serial.",
        next_step: "Compare the serial with the token's back; if it is right, contact support \
                    with the token's serial and the gateway's.",
    },
    Row {
        error: ServerError::PushDeviceUnknown,
        code: 115,
        message: "push device unknown",
        cause: "No app with this registration id ever listened at the push relay.",
        next_step: "Open the app on the phone once; after a new installation, activate the token \
                    again.",
    },
    Row {
        error: ServerError::TooManyPushes,
        code: 116,
        message: "too many pushes wait",
        cause: "As many pushes wait for this device, or at this relay, as it keeps.",
        next_step: "Open the app on the phone, or try again in a minute.",
    },
    Row {
        error: ServerError::PushMailboxUnknown,
        code: 117,
        message: "nobody waits for this answer",
        cause: "The gateway that asked does not collect its answers at the moment.",
        next_step: "Log in again, with the token's code if it stays so.",
    },
    Row {
        error: ServerError::TokenMoved,
        code: 118,
        message: "token is on another device",
        cause: "The token was moved to another device, or activated there with a newer code.",
        next_step: "Delete it here; codes of this device are refused. If it was not you, tell the \
                    administrator at once.",
    },
    Row {
        error: ServerError::PushServiceNotAllowed,
        code: 119,
        message: "push service not allowed",
        cause: "Web Push is switched off at the push relay, or it does not send to this browser's push \
                service.",
        next_step: "Open the app to answer logins; the administrator finds Web Push under [relay] in \
                    symbolon.toml.",
    },
    Row {
        error: ServerError::CertificateOfOtherProduct,
        code: 121,
        message: "request does not match the client certificate",
        cause: "The request speaks for another serial than the gateway's certificate.",
        next_step: "Enrol this gateway under its own serial.",
    },
    Row {
        error: ServerError::Unavailable,
        code: 122,
        message: "token server busy",
        cause: "The token server cannot answer at the moment.",
        next_step: "Try again in a minute; if it lasts, look at the token server's log.",
    },
];

impl ServerError {
    /// All of them, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.error)
    }

    /// The error with this `error_code`.
    pub fn from_code(code: i32) -> Option<Self> {
        ROWS.iter()
            .find(|row| row.code == code)
            .map(|row| row.error)
    }

    /// `error_code` on the wire.
    pub fn code(self) -> i32 {
        self.row().code
    }

    /// `error_message` on the wire.
    pub fn message(self) -> &'static str {
        self.row().message
    }

    /// The number that a gateway's command line shows: -7550 - code.
    pub fn gateway_code(self) -> i32 {
        gateway_code(self.code())
    }

    /// What is the matter, in a sentence.
    pub fn cause(self) -> &'static str {
        self.row().cause
    }

    /// What to do about it.
    pub fn next_step(self) -> &'static str {
        self.row().next_step
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

/// An error as it stands in a message. A number from a newer registry may be unknown here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct WireError {
    /// `error_code`
    pub code: i32,
    /// `error_message`
    pub message: Echo,
}

impl WireError {
    /// The error that it is, if its number is known.
    pub fn known(&self) -> Option<ServerError> {
        ServerError::from_code(self.code)
    }

    /// The number that a gateway's command line shows: -7550 - code.
    pub fn gateway_code(&self) -> i32 {
        gateway_code(self.code)
    }

    pub(crate) fn write(&self, object: &mut Object<'_>) {
        object.number("error_code", self.code);
        object.text("error_message", self.message.as_str());
    }

    pub(crate) fn read_optional(fields: &mut Fields) -> Result<Option<Self>, MessageError> {
        let Some(mut fields) = fields.optional_object("error")? else {
            return Ok(None);
        };
        let code = fields.integer("error_code")?;
        let message = fields.parsed("error_message", Echo::parse)?;
        fields.finish()?;
        Ok(Some(Self { code, message }))
    }
}

impl From<ServerError> for WireError {
    fn from(error: ServerError) -> Self {
        Self {
            code: error.code(),
            message: error.message().into(),
        }
    }
}

/// `"error":{…}` or `"error":null`.
pub(crate) fn write_error(object: &mut Object<'_>, error: Option<&WireError>) {
    match error {
        Some(error) => object.object("error", |object| error.write(object)),
        None => object.null("error"),
    }
}

fn gateway_code(code: i32) -> i32 {
    (-7550i32).saturating_sub(code)
}
