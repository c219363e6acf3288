//! How the unit is doing.

use std::time::Duration;

use cli::render;
use domain::audit::{Actor, Event, Leave};
use domain::unit::{Ending, Performance, Shown, TokenServer, TokenServerStatus};
use domain::vdom::Vdom;
use tracing::info;

use super::super::executor::{Executor, Gone, Printer, Ran};
use crate::token_server::{AskError, Server};
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

    /// Asks every server that provides tokens for nothing, one after the other.
    pub(super) async fn token_server_status(&self) -> Result<TokenServerStatus, AskError> {
        let server = self.supply.server();
        let last = server.last();
        let route = server.route().await?;
        let mut servers = Vec::new();
        let probed = server.probe_all(&route).await;
        for (asked, probed) in route.servers.iter().zip(probed) {
            servers.push(self.probed(asked, probed).await);
        }
        Ok(TokenServerStatus {
            servers,
            proxy: route.proxy.map(|proxy| proxy.url().into()),
            own: server.own(),
            last,
        })
    }

    async fn probed(
        &self,
        server: &Server,
        probed: Result<(Duration, Shown), AskError>,
    ) -> TokenServer {
        let addresses = self.hosts.server(&server.url).await;
        let (answered, shown) = match probed {
            Ok((took, shown)) => (Ok(took), shown),
            Err(error) => (Err(error.to_string().into()), Shown::default()),
        };
        TokenServer {
            url: server.url.clone(),
            role: server.role,
            addresses: addresses.map_err(|why| why.to_string().into()),
            answered,
            shown,
        }
    }
}
