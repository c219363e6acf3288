//! The desk's commands for agents over the network: arguments come as a JSON object, answers are those of
//! `--json`.

use std::net::SocketAddr;

use anyhow::{Context as _, Error, Result};
use aws_lc_rs::digest::{Context, SHA256};
use domain::licensing::{Agent, RoleRefusal};
use registry::{Content, Declined, Desk, DeskCommands, DeskError, Done, Registry};
use store::registry::{AgentMessage, MessageId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::arguments;
use super::counter::{self, Caller};
use super::turns::Turns;

/// The desk's own listener, running.
pub(crate) struct DeskListener {
    address: SocketAddr,
    running: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl DeskListener {
    /// Binds, and serves.
    pub(crate) async fn start(registry: &Registry, address: SocketAddr) -> Result<Self> {
        let commands = Commands {
            desk: registry.desk(),
            turns: Turns::default(),
        };
        let api = registry.desk_api(address, commands).await;
        let api = api.context("the desk's listener does not start")?;
        let address = api.address();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(api.run(async {
            // An error says that the sender is gone: that is a stop too.
            let _ = stopped.await;
        }));
        Ok(Self {
            address,
            running,
            stop,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets running requests end.
    pub(crate) async fn stop(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        if self.running.await.is_err() {
            tracing::error!("the desk's listener did not end in order");
        }
    }
}

/// The desk, as agents use it.
struct Commands {
    desk: Desk,
    turns: Turns,
}

impl DeskCommands for Commands {
    fn content(&self, command: &str) -> Option<Content> {
        arguments::content(command)
    }

    async fn carry_out(
        &self,
        agent: Agent,
        command: &str,
        body: &[u8],
        id: Option<MessageId>,
    ) -> Result<Done, Declined> {
        let request = arguments::parcel(command, body).map_err(|error| declined(&error))?;
        let message = id.map(|id| AgentMessage {
            agent: agent.name.clone(),
            id,
            digest: digest_of(command, body),
        });
        let caller = Caller::Agent(agent);
        let taken = match message {
            Some(message) => {
                let _turn = self.turns.take(&message).await;
                counter::take_once(request, &caller, message, &self.desk).await
            }
            None => counter::take(request, &caller, &self.desk).await,
        };
        let (Answer { text, data }, progress) = taken.map_err(|error| declined(&error))?;
        Ok(Done {
            text,
            data,
            progress,
        })
    }
}

/// SHA-256 of a command's name and what came with it.
fn digest_of(command: &str, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [command.as_bytes(), b"\n", body] {
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// What is not the desk's own refusal lies in the arguments.
fn declined(error: &Error) -> Declined {
    if let Some(why) = error.downcast_ref::<DeskError>() {
        return Declined::Desk(why.clone());
    }
    match error.downcast_ref::<RoleRefusal>() {
        Some(why) => Declined::Role(why.clone()),
        None => Declined::Arguments(crate::told(error)),
    }
}
