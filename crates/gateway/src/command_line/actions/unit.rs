//! How the unit is doing.

use cli::render;
use domain::audit::{Actor, Event, Leave};
use domain::unit::{Ending, Performance, TokenServerStatus};
use domain::vdom::Vdom;
use tracing::info;

use super::super::executor::{Executor, Gone, Printer, Ran};
use crate::{clock, machine};

impl Executor {
    pub(super) async fn performance(&self) -> Performance {
        Performance {
            processors: machine::processors().await,
            memory: machine::memory().await,
            uptime: self.unit.started.elapsed(),
        }
    }

    /// Has the process end, once that is on record.
    pub(super) async fn end(
        &self,
        ending: Ending,
        comment: &str,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let action = format!("system.{}", ending.name());
        let event = Event::changed(actor, Vdom::ROOT, &action, "", comment, clock::now());
        if let Err(why) = self.store.record(event).await {
            return Ok(why.into());
        }
        info!(ending = ending.name(), by = %actor.name, comment, "ends on request");
        printer.print(render::ending(ending)).await?;
        self.unit.endings.ask(ending);
        Ok(Ran::Printed)
    }

    /// Ends a session. Who ends the own one reads nothing any more.
    pub(super) async fn end_session(&self, number: u64, printer: &Printer) -> Result<Ran, Gone> {
        let session = self.sessions().row(number);
        let ended = session.filter(|_| self.sessions().end(number, Leave::Killed));
        match ended {
            Some(session) => {
                printer.print(render::session_ended(&session)).await?;
                Ok(Ran::Printed)
            }
            None => {
                printer.print(render::no_session(number)).await?;
                Ok(Ran::Failed)
            }
        }
    }

    pub(super) async fn token_server_status(&self) -> TokenServerStatus {
        let server = self.supply.server();
        let last = server.last();
        let addresses = self.hosts.token_server().await;
        let answered = server.probe().await;
        TokenServerStatus {
            url: server.url().into(),
            addresses: addresses.map_err(|why| why.to_string().into()),
            answered: answered.map_err(|error| error.to_string().into()),
            shown: server.shown(),
            last,
        }
    }
}
