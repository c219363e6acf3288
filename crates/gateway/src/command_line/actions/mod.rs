//! Actions outside of the store.

mod certificate;
mod ping;
mod radius;
mod recovery;
mod security;
mod telnet;
mod unit;
mod verification;

use super::executor::{Executor, Gone, Printer, Ran};
use super::sessions::LoggedIn;
use crate::clock;
use crate::time_servers;
use cli::Action;
use cli::render;

impl Executor {
    pub(super) async fn act(
        &self,
        action: Action,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let text = match action {
            Action::Time => render::time(clock::now(), self.zone),
            Action::Date => render::date(clock::now(), self.zone),
            Action::Ping(asked) => return ping::run(&self.hosts, &asked, printer).await,
            Action::Telnet { host, port } => {
                return telnet::run(&self.hosts, &host, port, printer).await;
            }
            Action::End { ending, comment } => {
                return self.end(ending, &comment, who.actor(), printer).await;
            }
            Action::Administrators => render::administrators(&self.sessions().list(), self.zone),
            Action::Sessions => render::sessions(&self.sessions().list(), who.number(), self.zone),
            Action::EndSession(number) => return self.end_session(number, printer).await,
            Action::Administrator => {
                let session = self.sessions().row(who.number());
                session.map_or_else(String::new, |session| {
                    render::administrator(&session, clock::now(), self.zone)
                })
            }
            Action::DeleteLog => match self.delete_log(who.actor()).await {
                Ok(text) => text,
                Err(why) => return Ok(why.into()),
            },
            Action::VerifyLog => return self.verify_log(printer).await,
            Action::RadiusClients(vdom) => return self.radius_clients(vdom, printer).await,
            Action::ResetAuthenticator { address, vdom } => {
                return self
                    .reset_authenticator(address, vdom, who.actor(), printer)
                    .await;
            }
            Action::RadiusName {
                vdom,
                client,
                presented,
            } => return self.radius_name(vdom, &client, &presented, printer).await,
            Action::VerificationGuesses(vdom) => {
                let rows = self.unit.guesses.lock().rows(vdom, clock::now());
                render::guesses(&rows, self.zone)
            }
            Action::ForgetGuesses(address) => {
                return self.forget_guesses(address, who.actor(), printer).await;
            }
            Action::Recovery(asked) => return self.recovery(asked, who, printer).await,
            Action::Certificate(asked) => return self.certificate(asked, who, printer).await,
            Action::Security => return self.security(printer).await,
            Action::Performance => render::performance(&self.performance().await),
            Action::TimeServers => match time_servers::compare(&self.store, &self.resolver).await {
                Ok(compared) => render::time_servers(&compared),
                Err(why) => return Ok(why.into()),
            },
            Action::TokenServer => match self.token_server_status().await {
                Ok(status) => render::token_server(&status, self.zone),
                Err(error) => format!("{error}\n"),
            },
        };
        printer.print(text).await?;
        Ok(Ran::Printed)
    }
}
