//! How the unit is doing.

use domain::unit::{Performance, TokenServerStatus};

use super::super::executor::Executor;
use crate::machine;

impl Executor {
    pub(super) async fn performance(&self) -> Performance {
        Performance {
            processors: machine::processors().await,
            memory: machine::memory().await,
            uptime: self.started.elapsed(),
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
