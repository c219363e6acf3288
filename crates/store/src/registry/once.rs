//! A message that comes again gets the answer that it got before.
//!
//! The described messages carry no identity, so a gateway whose answer was lost cannot tell `already
//! activated` by itself from `already activated` by somebody else. An id beside the message can.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use domain::time::{Span, Timestamp};
use ident::ProductSerial;
use zeroize::Zeroizing;

use super::rows::owner;
use super::secrets::Keys;
use crate::engine::{Failure, Tx, Undecided, Work};
use crate::vals;

/// How long an answer is kept: a line that fails on a Friday evening is mended on Monday. A gateway that comes
/// back later than that is refused what it had done already.
pub const REPLIES_KEPT: Span = Span::from_days(3);

/// The sender's name for a message: 1 to 64 of `[A-Za-z0-9._-]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MessageId(Box<str>);

/// Not 1 to 64 of `[A-Za-z0-9._-]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a message id is 1 to 64 letters, digits, dots, hyphens or underscores")]
pub struct MessageIdError;

impl MessageId {
    const MAX_LEN: usize = 64;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, MessageIdError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let is_right = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(is_allowed);
        if is_right {
            Ok(Self(text.into()))
        } else {
            Err(MessageIdError)
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message that can be recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Who sent it, as its certificate says.
    pub product: ProductSerial,
    /// Its name.
    pub id: MessageId,
    /// SHA-256 of its body.
    pub digest: [u8; 32],
}

/// Why nothing was done for a message.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// Its id was used for another message.
    #[error("this message id was used for another message")]
    IdReused,
    /// This manager has in its reserve what it is about, and alone answers for that.
    #[error("manager {0} has it in its reserve")]
    Kept(ProductSerial),
    /// The use case refuses; the rendered answer says why.
    #[error("refused")]
    Refused(Zeroizing<String>),
}

/// Not the answer: the code that was asked for stands in it.
impl fmt::Debug for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdReused => f.write_str("IdReused"),
            Self::Kept(manager) => f.debug_tuple("Kept").field(manager).finish(),
            Self::Refused(_) => f.write_str("Refused(<sealed>)"),
        }
    }
}

/// A use case whose rendered answer is stored in its own transaction. Refusals are not stored: they
/// changed nothing, and asking again may find the obstacle gone. Whoever is registered no more asks in vain, also
/// again: another unit may have what it was given.
pub(super) struct Once<W, F> {
    pub(super) keys: Arc<Keys>,
    pub(super) message: Option<Message>,
    pub(super) now: Timestamp,
    pub(super) work: W,
    pub(super) render: F,
}

impl<W, F> Work for Once<W, F>
where
    W: Work,
    F: FnOnce(Result<W::Out, W::Err>) -> Zeroizing<String> + Send + 'static,
{
    type Out = Zeroizing<String>;
    type Err = NotDone;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Zeroizing<String>, Failure<NotDone>> {
        let Self {
            keys,
            message,
            now,
            work,
            render,
        } = self;
        if let Some(message) = &message
            && owner(tx, message.product).await?.is_some()
            && let Some((digest, body)) = find(tx, message, now).await?
        {
            if digest != message.digest {
                return Err(Failure::Refused(NotDone::IdReused));
            }
            return Ok(keys.open_reply(message.product, &message.id, body)?);
        }
        let reply = match work.run(tx).await {
            Ok(out) => render(Ok(out)),
            Err(Failure::Refused(why)) => {
                return Err(Failure::Refused(NotDone::Refused(render(Err(why)))));
            }
            Err(Failure::Undecided(why)) => return Err(why.into()),
        };
        if let Some(message) = &message {
            keep(tx, &keys, message, &reply, now).await?;
        }
        Ok(reply)
    }
}

/// Whether a message was answered, and its answer is still here.
pub(super) struct HasAnswered {
    pub(super) message: Message,
    pub(super) now: Timestamp,
}

impl Work for HasAnswered {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        Ok(find(tx, &self.message, self.now).await?.is_some())
    }
}

async fn find<T: Tx>(
    tx: &mut T,
    message: &Message,
    now: Timestamp,
) -> Result<Option<([u8; 32], Vec<u8>)>, Undecided> {
    let found = tx
        .row(
            "SELECT request, body FROM reply WHERE product = $1 AND message = $2 AND at > $3",
            &vals![
                message.product.as_str(),
                message.id.as_str(),
                now.before(REPLIES_KEPT)
            ],
        )
        .await?;
    Ok(found)
}

async fn keep<T: Tx>(
    tx: &mut T,
    keys: &Keys,
    message: &Message,
    reply: &str,
    now: Timestamp,
) -> Result<(), Undecided> {
    let sealed = keys.seal_reply(message.product, &message.id, reply)?;
    // An answer past its time may still lie there until the next sweep.
    tx.exec_one(
        "INSERT INTO reply (product, message, request, body, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (product, message) DO UPDATE
         SET request = excluded.request, body = excluded.body, at = excluded.at",
        &vals![
            message.product.as_str(),
            message.id.as_str(),
            &message.digest,
            sealed.as_bytes(),
            now,
        ],
    )
    .await?;
    Ok(())
}
