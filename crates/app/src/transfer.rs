//! Giving a token away to another device: the wish goes to the gateway that issued it, through the token server.

use crate::contents::{Contents, Server, Token};
use crate::device::Signer;
use crate::error::AppError;
use crate::registry::{Registry, RegistryError};
use ident::TokenSerial;
use softtoken::device::Nonce;
use softtoken::transfer::{
    Action, Open, Standing, TransferActionRequest, TransferKey, TransferNonceRequest,
    TransferRefusal, TransferRequest, TransferResponse, Wish, Wisher,
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
    /// Another device has it, and not the one that a backup was made on.
    #[error("another device has the token by now")]
    Elsewhere,
    /// The token server refused that the token is here.
    #[error("the token server refused it: it came too late, or another code was made for it")]
    Late,
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
            Self::Elsewhere => "Move it from there, and save a backup there.".to_owned(),
            Self::Late => "Restore the backup again.".to_owned(),
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

/// Whoever may move a token: the device that has it, or a backup that speaks for it.
#[derive(Debug)]
pub struct Holder<'a> {
    /// The token server.
    pub server: Server,
    /// For which device is wished, and by whose key.
    pub wisher: Wisher,
    /// That key.
    pub signer: &'a Signer,
    /// The token.
    pub token: TokenSerial,
    /// What the token shares with its gateway for transfers.
    pub transfer_key: TransferKey,
}

/// Asks the gateway of a token, which is here, for something.
pub async fn ask(contents: &Contents, token: &Token, action: Action) -> Result<Answered, AppError> {
    let (serial, server) = token.issued()?;
    let holder = Holder {
        server: server.clone(),
        wisher: (*contents.device.keys()).into(),
        signer: contents.device.signer(),
        token: serial,
        transfer_key: token.transfer_key(&serial),
    };
    holder.ask(action).await
}

impl Holder<'_> {
    /// Asks the gateway of the token for something.
    pub async fn ask(&self, action: Action) -> Result<Answered, AppError> {
        let way = Way::to(self.server.clone())?;
        let nonce = way.nonce(self.token).await?;
        let wish = Box::new(Wish::new(
            self.server.url.name().clone(),
            self.token,
            action,
            nonce,
            &self.transfer_key,
            self.wisher,
            |signed| self.signer.sign(signed),
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

/// What is said of a transfer whose code the token server is still to make.
pub(crate) const ASKED: &str = "The transfer is begun; its code is not made yet. This device works until another has the token.";

/// What is said of a code that was sent.
pub(crate) fn sent(open: &Open, now_unix: u64) -> String {
    format!(
        "A transfer code was sent to {}. Use it on the other device within {} minutes.",
        address(open.sent_to.as_ref()),
        minutes_left(open, now_unix)
    )
}

/// How long a code is good for.
pub(crate) fn minutes_left(open: &Open, now_unix: u64) -> u64 {
    open.expires_unix.saturating_sub(now_unix) / 60
}

/// What is said of a token that another device has by now.
pub(crate) fn moved(token: &Token) -> String {
    format!(
        "{} ({}) is on another device now. Codes of this device are refused.",
        token.name(),
        token.mark()
    )
}

/// The person's words for where a code went.
pub(crate) fn address(sent_to: Option<&Echo>) -> &str {
    sent_to.map_or("you", Echo::as_str)
}
