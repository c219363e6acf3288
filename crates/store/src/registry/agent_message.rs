//! What an agent asks again because the answer was lost is not done twice.
//!
//! A command is begun under its id, done, and finished with its answer. Whatever cuts that off, the id
//! stays taken.

use std::sync::Arc;

use domain::licensing::AgentName;
use domain::time::Timestamp;
use zeroize::Zeroizing;

use super::RegistryStore;
use super::desk::DeskRefusal;
use super::once::{MessageId, REPLIES_KEPT};
use super::secrets::Keys;
use crate::engine::{Failure, Tx, Work};
use crate::vals;

/// A command of an agent that can be recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentMessage {
    /// Who sent it.
    pub agent: AgentName,
    /// Its name.
    pub id: MessageId,
    /// SHA-256 of the command with its arguments.
    pub digest: [u8; 32],
}

impl RegistryStore {
    /// Begins a command. The answer, if it was finished before; a refusal if it was begun and never finished,
    /// or if its id was another command's.
    pub async fn begin_message(
        &self,
        message: AgentMessage,
        now: Timestamp,
    ) -> Result<Option<Zeroizing<String>>, Failure<DeskRefusal>> {
        let keys = self.keys();
        self.database
            .write(BeginMessage { keys, message, now })
            .await
    }

    /// Keeps the answer of a command that was done, or forgets a command that was refused.
    pub async fn finish_message(
        &self,
        message: AgentMessage,
        answer: Option<Zeroizing<String>>,
    ) -> Result<(), Failure<DeskRefusal>> {
        let keys = self.keys();
        self.database
            .write(FinishMessage {
                keys,
                message,
                answer,
            })
            .await
    }
}

struct BeginMessage {
    keys: Arc<Keys>,
    message: AgentMessage,
    now: Timestamp,
}

impl Work for BeginMessage {
    type Out = Option<Zeroizing<String>>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<DeskRefusal>> {
        let AgentMessage { agent, id, digest } = &self.message;
        tx.exec(
            "DELETE FROM agent_reply WHERE at <= $1",
            &vals![self.now.before(REPLIES_KEPT)],
        )
        .await?;
        let found = tx
            .row::<(Vec<u8>, Option<Vec<u8>>)>(
                "SELECT request, body FROM agent_reply WHERE agent = $1 AND message = $2",
                &vals![agent.as_str(), id.as_str()],
            )
            .await?;
        match found {
            Some((request, _)) if request != digest => {
                Err(Failure::Refused(DeskRefusal::MessageIdReused))
            }
            Some((_, Some(body))) => Ok(Some(self.keys.open_reply(sender(agent), id, body)?)),
            Some((_, None)) => Err(Failure::Refused(DeskRefusal::MessageUnfinished)),
            None => {
                tx.exec_one(
                    "INSERT INTO agent_reply (agent, message, request, at) VALUES ($1, $2, $3, $4)",
                    &vals![agent.as_str(), id.as_str(), digest, self.now],
                )
                .await?;
                Ok(None)
            }
        }
    }
}

struct FinishMessage {
    keys: Arc<Keys>,
    message: AgentMessage,
    answer: Option<Zeroizing<String>>,
}

impl Work for FinishMessage {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let AgentMessage { agent, id, .. } = &self.message;
        let own = vals![agent.as_str(), id.as_str()];
        let Some(answer) = &self.answer else {
            tx.exec(
                "DELETE FROM agent_reply WHERE agent = $1 AND message = $2",
                &own,
            )
            .await?;
            return Ok(());
        };
        let sealed = self.keys.seal_reply(sender(agent), id, answer)?;
        // An agent that was revoked meanwhile asks for no answer.
        tx.exec(
            "UPDATE agent_reply SET body = $3 WHERE agent = $1 AND message = $2",
            &vals![agent.as_str(), id.as_str(), sealed.as_bytes()],
        )
        .await?;
        Ok(())
    }
}

/// No serial of a gateway: theirs have no blanks.
fn sender(agent: &AgentName) -> String {
    format!("agent {agent}")
}
