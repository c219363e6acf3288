use super::wish::{Action, Wish};
use crate::address::ServerName;
use crate::device::Nonce;
use crate::json::{Fields, Form, MessageError, Object};
use crate::limits::MAX_MOBILE_BYTES;
use crate::message::messages;
use crate::process::{read_outcome, read_result, write_result};
use crate::push::seconds;
use crate::{Echo, ServerError, WireError};
use ident::TokenSerial;
use std::fmt;
use zeroize::Zeroizing;

messages! {
    /// What a device asks of the gateway that issued its token.
    pub enum TransferRequest(MAX_MOBILE_BYTES, Form::DebugRequest) {
        /// A nonce, please.
        Nonce(TransferNonceRequest) = "SoftToken.TransferNonceRequest",
        /// Begin, look, or take back.
        Action(TransferActionRequest) = "SoftToken.TransferActionRequest",
    }
}

messages! {
    /// What it is answered.
    pub enum TransferResponse(MAX_MOBILE_BYTES, Form::DebugResponse) {
        /// To [`TransferRequest::Nonce`].
        Nonce(TransferNonceResponse) = "SoftToken.TransferNonceResponse",
        /// To [`TransferRequest::Action`].
        Action(TransferActionResponse) = "SoftToken.TransferActionResponse",
    }
}

/// Asks for a nonce of the gateway that issued a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferNonceRequest {
    /// `token`
    pub token: TokenSerial,
}

/// A nonce for one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferNonceResponse {
    /// `nonce`, or `cause` and `error`.
    pub outcome: Result<Nonce, TransferRefusal>,
}

/// What a device wants, with its proof.
#[derive(Clone, Debug)]
pub struct TransferActionRequest {
    /// `server`, `token`, `action`, `nonce`, `signing_key`, `sealing_key`, `mac` and `signature`.
    pub wish: Box<Wish>,
}

/// How a transfer stands.
#[derive(Debug)]
pub struct TransferActionResponse {
    /// `state` and what belongs to it, or `cause` and `error`.
    pub outcome: Result<Standing, TransferRefusal>,
}

/// How a transfer stands, for the device that has the token.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// `none`: the token stays here.
    None,
    /// `asked`: its code is not made yet.
    Asked,
    /// `open`: a code waits for the other device.
    Open(Open),
}

/// A transfer whose code waits.
#[derive(PartialEq, Eq)]
pub struct Open {
    /// `expires`, in seconds after the epoch.
    pub expires_unix: u64,
    /// `link`, for the other device to scan; only where it is shown and not sent.
    pub link: Option<Zeroizing<String>>,
    /// `sent_to`: where the code went, with most of it left out.
    pub sent_to: Option<Echo>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            expires_unix,
            link: _,
            sent_to,
        } = self;
        f.debug_struct("Open")
            .field("expires_unix", expires_unix)
            .field("sent_to", sent_to)
            .finish_non_exhaustive()
    }
}

/// No, and why: the number for the program, the cause for the person who asks an administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TransferRefusal {
    /// `error`
    pub error: WireError,
    /// `cause`, a line that names what is missing.
    pub cause: Option<Echo>,
}

impl TransferRefusal {
    /// An error with what is the matter here; what cannot be said on the wire is left out.
    pub fn new(error: ServerError, cause: &str) -> Self {
        Self {
            error: error.into(),
            cause: Echo::parse(cause).ok(),
        }
    }
}

impl From<ServerError> for TransferRefusal {
    fn from(error: ServerError) -> Self {
        Self {
            error: error.into(),
            cause: None,
        }
    }
}

/// Writes `cause`, `result` and `error`.
fn write_refusal(object: &mut Object<'_>, refusal: Option<&TransferRefusal>) {
    let cause = refusal.and_then(|refusal| refusal.cause.as_ref());
    object.optional_text("cause", cause.map(Echo::as_str));
    write_result(object, refusal.map(|refusal| &refusal.error));
}

/// Reads an answer whose fields `names` are null where it is a refusal.
fn read_answer<T>(
    fields: &mut Fields,
    names: &[&str],
    read: impl FnOnce(&mut Fields) -> Result<T, MessageError>,
) -> Result<Result<T, TransferRefusal>, MessageError> {
    let cause = fields.optional("cause", Echo::parse)?;
    let error = read_result(fields)?;
    if error.is_none() && cause.is_some() {
        return Err(fields.wrong_value("cause", "contradicts the result"));
    }
    let outcome = read_outcome(fields, names, error, read)?;
    Ok(outcome.map_err(|error| TransferRefusal { error, cause }))
}

impl TransferNonceRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            token: fields.parsed("token", TokenSerial::parse)?,
        })
    }
}

impl TransferNonceResponse {
    fn write(&self, object: &mut Object<'_>) {
        let nonce = self.outcome.as_ref().ok().map(Nonce::to_base64url);
        object.optional_text("nonce", nonce.as_deref());
        write_refusal(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let outcome = read_answer(fields, &["nonce"], |fields| {
            fields.parsed("nonce", Nonce::parse)
        })?;
        Ok(Self { outcome })
    }
}

impl TransferActionRequest {
    fn write(&self, object: &mut Object<'_>) {
        self.wish.write(object);
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            wish: Box::new(Wish::read(fields)?),
        })
    }
}

impl TransferRequest {
    /// The token that it is about.
    pub fn token(&self) -> TokenSerial {
        match self {
            Self::Nonce(request) => request.token,
            Self::Action(request) => request.wish.token,
        }
    }

    /// The token server for which a wish is proven; a nonce is anybody's.
    pub fn server(&self) -> Option<&ServerName> {
        match self {
            Self::Nonce(_) => None,
            Self::Action(request) => Some(&request.wish.server),
        }
    }

    /// A refusal in the form of this request's answer.
    pub fn refused(&self, refusal: TransferRefusal) -> TransferResponse {
        let outcome = Err(refusal);
        match self {
            Self::Nonce(_) => TransferNonceResponse {
                outcome: outcome.map(|never: std::convert::Infallible| match never {}),
            }
            .into(),
            Self::Action(_) => TransferActionResponse {
                outcome: outcome.map(|never: std::convert::Infallible| match never {}),
            }
            .into(),
        }
    }
}

const STANDING: [&str; 4] = ["state", "expires", "link", "sent_to"];

impl TransferActionResponse {
    fn write(&self, object: &mut Object<'_>) {
        match &self.outcome {
            Ok(standing) => standing.write(object),
            Err(_) => STANDING.into_iter().for_each(|name| object.null(name)),
        }
        write_refusal(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let outcome = read_answer(fields, &STANDING, Standing::read)?;
        Ok(Self { outcome })
    }
}

impl Standing {
    fn write(&self, object: &mut Object<'_>) {
        let open = match self {
            Self::None => {
                object.text("state", "none");
                None
            }
            Self::Asked => {
                object.text("state", "asked");
                None
            }
            Self::Open(open) => {
                object.text("state", "open");
                Some(open)
            }
        };
        let Some(open) = open else {
            STANDING[1..].iter().for_each(|name| object.null(name));
            return;
        };
        object.number("expires", seconds(open.expires_unix));
        match &open.link {
            Some(link) => object.secret("link", link),
            None => object.null("link"),
        }
        object.optional_text("sent_to", open.sent_to.as_ref().map(Echo::as_str));
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let state = fields.text("state")?;
        let plain = match state.as_str() {
            "none" => Self::None,
            "asked" => Self::Asked,
            "open" => return Open::read(fields).map(Self::Open),
            _ => return Err(fields.wrong_value("state", "is none, asked or open")),
        };
        for name in &STANDING[1..] {
            fields.null(name)?;
        }
        Ok(plain)
    }
}

impl Open {
    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            expires_unix: fields.integer("expires")?,
            link: fields.optional_text("link")?,
            sent_to: fields.optional("sent_to", Echo::parse)?,
        })
    }
}

impl Action {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        fields.parsed("action", Self::parse)
    }
}
