//! `diagnose radius`.

use std::net::IpAddr;

use cli::render;
use domain::audit::Actor;
use domain::client::Client;
use domain::name::{Preview, Realm};
use domain::traffic::ClientRow;
use domain::vdom::Vdom;

use super::super::executor::{Executor, Gone, Printer, Ran};
use crate::clock;

impl Executor {
    pub(super) async fn radius_clients(
        &self,
        vdom: Option<Vdom>,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        printer.print(render::radius_head()).await?;
        let clients = self.store.clients();
        let wanted = clients
            .iter()
            .filter(|client| vdom.is_none_or(|vdom| vdom == client.vdom));
        for client in wanted {
            let row = self.client_row(client);
            printer
                .print(render::radius_client(&row, self.zone))
                .await?;
        }
        let strangers = self.unit.traffics.strangers();
        printer
            .print(render::radius_strangers(&strangers, self.zone))
            .await?;
        Ok(Ran::Printed)
    }

    fn client_row(&self, client: &Client) -> ClientRow {
        let profile = self.store.settings(Vdom::ROOT).profile;
        let authenticating = self.store.authenticating();
        let mut learned: Vec<IpAddr> = authenticating
            .iter()
            .copied()
            .filter(|address| client.subnet.contains(*address))
            .collect();
        learned.sort_unstable();
        ClientRow {
            vdom: client.vdom,
            name: client.name.clone(),
            subnet: client.subnet,
            requirement: client.requirement.under(profile),
            learned,
            traffic: self.unit.traffics.traffic(client.vdom, &client.name),
        }
    }

    pub(super) async fn radius_name(
        &self,
        vdom: Vdom,
        client: &str,
        presented: &str,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let clients = self.store.clients();
        if !clients
            .iter()
            .any(|it| it.vdom == vdom && *it.name == *client)
        {
            return failed(render::client_unknown(client), printer).await;
        }
        let preview = match Preview::of(Realm::Vdom(vdom), presented) {
            Ok(preview) => preview,
            Err(why) => return failed(render::name_impossible(presented, why), printer).await,
        };
        let user = match self.store.person(preview.canonical.clone()).await {
            Ok(user) => user,
            Err(why) => return Ok(why.into()),
        };
        let text = render::name_preview(presented, &preview, user.as_ref());
        printer.print(text).await?;
        Ok(Ran::Printed)
    }

    /// Whether it is a client of this virtual domain that asks from there.
    fn asks_in(&self, address: IpAddr, vdom: Option<Vdom>) -> bool {
        let clients = self.store.clients();
        let client = Client::at(&clients, address);
        vdom.is_none_or(|vdom| client.is_some_and(|client| client.vdom == vdom))
    }

    pub(super) async fn reset_authenticator(
        &self,
        address: IpAddr,
        vdom: Option<Vdom>,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let unknown = render::authenticator_unknown(address);
        if !self.asks_in(address, vdom) {
            return failed(unknown, printer).await;
        }
        let forgotten = self
            .store
            .forget_authenticating(address, actor, clock::now());
        match forgotten.await {
            Ok(true) => {
                printer.print(render::authenticator_reset(address)).await?;
                Ok(Ran::Printed)
            }
            Ok(false) => failed(unknown, printer).await,
            Err(why) => Ok(why.into()),
        }
    }
}

pub(super) async fn failed(text: String, printer: &Printer) -> Result<Ran, Gone> {
    printer.print(text).await?;
    Ok(Ran::Failed)
}
