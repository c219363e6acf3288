//! Actions outside of the store.

mod ping;
mod telnet;

use cli::Action;
use cli::render;

use super::executor::{Executor, Gone, Printer, Ran};
use crate::clock;

impl Executor {
    pub(super) async fn act(&self, action: Action, printer: &Printer) -> Result<Ran, Gone> {
        match action {
            Action::Time => printer.print(render::time(clock::now(), self.zone)).await?,
            Action::Date => printer.print(render::date(clock::now(), self.zone)).await?,
            Action::Ping(asked) => return ping::run(&self.hosts, &asked, printer).await,
            Action::Telnet { host, port } => {
                return telnet::run(&self.hosts, &host, port, printer).await;
            }
        }
        Ok(Ran::Printed)
    }
}
