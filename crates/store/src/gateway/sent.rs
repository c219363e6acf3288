//! Requests that left and whose answers may be lost.
//!
//! The token server knows a repetition by its identity, and takes it for one only if it is the same octet for
//! octet. What a request is made of may change between (the cluster, how long codes live), so it is kept
//! before it leaves.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::memory::Memory;
use super::outbox::{self, Waiting};
use super::queries::Never;
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::vals;

/// A request that left for messages, and may have been answered.
pub struct SentRequest {
    /// Its octets; they may hold seeds.
    pub body: Zeroizing<Vec<u8>>,
    /// The messages that it was sent for, if all of them still wait, in their order.
    pub messages: Option<Vec<Waiting>>,
}

/// Not what left.
impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SentRequest(<sealed>)")
    }
}

/// A request leaves.
pub(super) struct Sending {
    pub(super) memory: Arc<Memory>,
    pub(super) request: String,
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) messages: Vec<i64>,
}

impl Work for Sending {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        let body = self
            .memory
            .secrets
            .seal_message(&self.request, &self.body)?;
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        tx.exec_one(
            "INSERT INTO outbox_request (id, body, messages) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, messages = excluded.messages",
            &vals![&self.request, body, count],
        )
        .await?;
        for message in self.messages {
            let before = of_message(tx, message).await?;
            tx.exec(
                "UPDATE outbox SET request = $2 WHERE id = $1",
                &vals![message, &self.request],
            )
            .await?;
            forget_unused(tx, before).await?;
        }
        // One that was settled meanwhile needs no repetition.
        forget_unused(tx, Some(self.request)).await?;
        Ok(())
    }
}

/// A request was certainly not done: what it was sent for is asked anew.
pub(super) struct Undone {
    pub(super) request: String,
}

impl Work for Undone {
    type Out = ();
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Never>> {
        tx.exec(
            "UPDATE outbox SET request = NULL WHERE request = $1",
            &vals![&self.request],
        )
        .await?;
        forget_unused(tx, Some(self.request)).await?;
        Ok(())
    }
}

/// A message gets an identity that was never used.
pub(super) struct Rename {
    pub(super) memory: Arc<Memory>,
    pub(super) message: i64,
}

impl Work for Rename {
    type Out = String;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<String, Failure<Never>> {
        let before = of_message(tx, self.message).await?;
        let renamed = outbox::rename(tx, self.message, &self.memory.secrets).await?;
        forget_unused(tx, before).await?;
        Ok(renamed)
    }
}

/// The request that left for a message last.
pub(super) async fn of_message<T: Tx>(tx: &mut T, id: i64) -> Result<Option<String>, SqlError> {
    let found = tx
        .row::<(Option<String>,)>("SELECT request FROM outbox WHERE id = $1", &vals![id])
        .await?;
    Ok(found.and_then(|(request,)| request))
}

/// Forgets a request if it is no message's any more.
pub(super) async fn forget_unused<T: Tx>(
    tx: &mut T,
    request: Option<String>,
) -> Result<(), SqlError> {
    let Some(request) = request else {
        return Ok(());
    };
    tx.exec(
        "DELETE FROM outbox_request WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.request = $1)",
        &vals![&request],
    )
    .await
    .map(drop)
}

pub(super) async fn find<T: Tx>(
    tx: &mut T,
    request: &str,
    memory: &Memory,
) -> Result<Option<SentRequest>, SqlError> {
    let found = tx
        .row::<(Vec<u8>, u32)>(
            "SELECT body, messages FROM outbox_request WHERE id = $1",
            &vals![request],
        )
        .await?;
    let Some((sealed, count)) = found else {
        return Ok(None);
    };
    let body = memory.secrets.open_message(request, sealed);
    let body = body.ok_or_else(|| SqlError::damaged("outbox_request", request, "body"))?;
    let rows = outbox::of_request(tx, request).await?;
    let messages: Result<Vec<Waiting>, SqlError> = rows
        .into_iter()
        .map(|row| row.open(&memory.secrets))
        .collect();
    let messages = messages?;
    Ok(Some(SentRequest {
        body,
        messages: (u32::try_from(messages.len()) == Ok(count)).then_some(messages),
    }))
}
