//! Managers of gateways.

use domain::audit::Actor;
use domain::licensing::{AccountName, Remark};
use ident::ProductSerial;

use super::{Desk, DeskError};

impl Desk {
    /// Lets a product pass on what the gateways of its account ask. One that is not registered yet is
    /// registered for `account`.
    pub async fn register_manager(
        &self,
        actor: Actor,
        account: AccountName,
        serial: ProductSerial,
    ) -> Result<(), DeskError> {
        let registered = self
            .store
            .register_manager(actor, account, serial, self.clock.now());
        Ok(registered.await?)
    }

    /// Makes a manager a product like others again, which speaks for itself alone.
    pub async fn dismiss_manager(
        &self,
        actor: Actor,
        serial: ProductSerial,
        reason: Remark,
    ) -> Result<(), DeskError> {
        let dismissed = self
            .store
            .dismiss_manager(actor, serial, reason, self.clock.now());
        Ok(dismissed.await?)
    }
}
