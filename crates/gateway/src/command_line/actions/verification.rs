//! `diagnose verification`.

use std::net::IpAddr;

use cli::render;
use domain::audit::{Actor, Event};
use domain::vdom::Vdom;

use super::super::executor::{Executor, Gone, Printer, Ran};
use super::radius::failed;
use crate::clock;

impl Executor {
    pub(super) async fn forget_guesses(
        &self,
        address: IpAddr,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let address = address.to_canonical();
        if !self.unit.guesses.lock().forget(address) {
            return failed(render::guesses_unknown(address), printer).await;
        }
        let (now, object) = (clock::now(), address.to_string());
        let event = Event::changed(
            actor,
            Vdom::ROOT,
            "verification.forget",
            &object,
            "heard again",
            now,
        );
        if let Err(why) = self.store.record(event).await {
            return Ok(why.into());
        }
        printer.print(render::guesses_forgotten(address)).await?;
        Ok(Ran::Printed)
    }
}
