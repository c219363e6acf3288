//! Giving a token away to another device: the wish goes to the gateway that issued it, through the token server.

use crate::contents::{Contents, Server, Token};
use crate::error::AppError;
use crate::registry::{Registry, RegistryError};
use ident::TokenSerial;
use softtoken::device::Nonce;
use softtoken::transfer::{
    Action, Standing, TransferActionRequest, TransferNonceRequest, TransferRefusal,
    TransferRequest, TransferResponse, Wish,
};
use softtoken::{Echo, ServerError, TRANSFER_PATH};
use std::fmt;
use std::time::Duration;

/// A person waits; the gateway may have to have a code made first.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a token is not given away.
#[derive(Debug, thiserror::Error)]
pub enum TransferFailure {
    /// The gateway said no.
    #[error("{}", Told(.0))]
    Refused(TransferRefusal),
    /// The code was made and expired, or somebody took it back.
    #[error("the transfer was not completed: the token stays here")]
    Ended,
}

/// A refusal as people are told it: 17 in the described system's words, with the number in brackets.
struct Told<'a>(&'a TransferRefusal);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.error.known() {
            Some(ServerError::NoValidToken) => f.write_str("No valid token found (17)"),
            _ => write!(f, "{}", self.0.error.message),
        }
    }
}

impl TransferFailure {
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::Ended => "Begin again: `symbolon app transfer start`.".to_owned(),
            Self::Refused(refusal) => match (&refusal.cause, refusal.error.known()) {
                (Some(cause), _) => format!("Tell the administrator: {cause}."),
                (None, Some(known)) => format!("{} {}", known.cause(), known.next_step()),
                (None, None) => format!(
                    "Ask the administrator; the number is {}.",
                    refusal.error.code
                ),
            },
        }
    }
}

/// What became of a wish.
#[derive(Debug)]
pub enum Answered {
    /// So it stands.
    Stands(Standing),
    /// Another device has the token.
    Moved,
}

/// Asks the gateway of a token, which is here, for something.
pub async fn ask(contents: &Contents, token: &Token, action: Action) -> Result<Answered, AppError> {
    let server = contents.server().cloned().ok_or(AppError::NoServer)?;
    let way = Way::to(server)?;
    let device = &contents.device;
    let serial = token.issued()?;
    let nonce = way.nonce(serial).await?;
    let wish = Box::new(Wish::new(
        serial,
        action,
        nonce,
        &token.transfer_key(&serial),
        *device.keys(),
        |signed| device.sign(signed),
    )?);
    match way.post(&TransferActionRequest { wish }.into()).await? {
        TransferResponse::Action(answer) => match answer.outcome {
            Ok(standing) => Ok(Answered::Stands(standing)),
            Err(refusal) if refusal.error.known() == Some(ServerError::TokenMoved) => {
                Ok(Answered::Moved)
            }
            Err(refusal) => Err(TransferFailure::Refused(refusal).into()),
        },
        TransferResponse::Nonce(_) => Err(way.other_answer()),
    }
}

struct Way(Registry);

impl Way {
    fn to(server: Server) -> Result<Self, AppError> {
        Ok(Self(Registry::new(server)?))
    }

    async fn nonce(&self, token: TokenSerial) -> Result<Nonce, AppError> {
        match self.post(&TransferNonceRequest { token }.into()).await? {
            TransferResponse::Nonce(answer) => {
                Ok(answer.outcome.map_err(TransferFailure::Refused)?)
            }
            TransferResponse::Action(_) => Err(self.other_answer()),
        }
    }

    async fn post(&self, request: &TransferRequest) -> Result<TransferResponse, AppError> {
        let message = request.to_json();
        let mut answer = self.0.post(TRANSFER_PATH, &message, TIMEOUT).await?;
        let body = self.0.bounded_body(&mut answer).await?;
        Ok(
            TransferResponse::parse(&body).map_err(|reason| RegistryError::Message {
                url: self.0.server().url.clone(),
                reason,
            })?,
        )
    }

    fn other_answer(&self) -> AppError {
        RegistryError::OtherAnswer(self.0.server().url.clone()).into()
    }
}

/// The person's words for where a code went.
pub(crate) fn address(sent_to: Option<&Echo>) -> &str {
    sent_to.map_or("you", Echo::as_str)
}
