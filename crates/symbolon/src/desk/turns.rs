//! One at a time under the same message id: a repetition waits for the answer of the first.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::licensing::AgentName;
use store::registry::{AgentMessage, MessageId};
use tokio::sync::Notify;

/// A message by whose it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key(AgentName, MessageId);

/// The messages whose commands are under way. Those of a process that ended are not: nobody waits for what
/// a crash cut off.
#[derive(Debug, Default)]
pub(super) struct Turns {
    under_way: Mutex<HashSet<Key>>,
    ended: Notify,
}

/// Its command may be carried out; the next one with this id has its turn when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: Key,
}

impl Turns {
    /// Waits until no other command with this id is under way. The pace of an agent bounds how many wait.
    pub(super) async fn take(&self, message: &AgentMessage) -> Turn<'_> {
        let key = Key(message.agent.clone(), message.id.clone());
        loop {
            let mut ended = pin!(self.ended.notified());
            // Before the look: what ends in between is not missed.
            ended.as_mut().enable();
            if self.under_way().insert(key.clone()) {
                return Turn { turns: self, key };
            }
            ended.await;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.under_way().remove(&self.key);
        self.turns.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Waker};

    use super::*;

    fn message(agent: &str, id: &str) -> AgentMessage {
        AgentMessage {
            agent: agent.parse().unwrap(),
            id: MessageId::parse(id).unwrap(),
            digest: [0; 32],
        }
    }

    #[tokio::test]
    async fn a_repetition_waits_for_the_first_and_others_do_not() {
        let turns = Turns::default();
        let first = turns.take(&message("carol", "a1")).await;
        for other in [message("carol", "a2"), message("dave", "a1")] {
            turns.take(&other).await;
        }
        let again = message("carol", "a1");
        let mut waiting = pin!(turns.take(&again));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
        assert!(turns.under_way().is_empty());
    }
}
