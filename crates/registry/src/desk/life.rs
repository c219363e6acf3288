//! Licences and units that are in use.

use domain::audit::Actor;
use domain::licensing::{AccountName, Change, CodeInHand, Licence, Remark, Term};
use ident::{LicenceSerial, ProductSerial};
use store::registry::{
    AccountLine, LicenceMoved, LicenceRenewed, LicenceRevoked, Note, UnitReplaced,
};

use super::{Desk, DeskError};

impl Desk {
    /// Moves a licence with its tokens to another product of its account. What phones have stays; the
    /// seeds do not come from here but from the gateway that has them. The old product is answered that
    /// the tokens are not its own, and the new one may import the licence once more.
    pub async fn move_licence(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        to: ProductSerial,
        note: Note,
    ) -> Result<LicenceMoved, DeskError> {
        Ok(self
            .store
            .move_licence(actor, licence, to, note, self.clock.now())
            .await?)
    }

    /// Sets the last moment at which a licence can be redeemed. A code that expired, or that is said to
    /// be lost, ends; the new one is told this once.
    pub async fn renew_licence(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        term: Term,
        code: CodeInHand,
    ) -> Result<LicenceRenewed, DeskError> {
        Ok(self
            .store
            .renew_licence(actor, licence, term, code, self.clock.now())
            .await?)
    }

    /// Lets a licence's own gateway import it once more: whose it is, and whether it could not before.
    pub async fn reset_import(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
    ) -> Result<(Licence, Change), DeskError> {
        let now = self.clock.now();
        Ok(self.store.reset_import(actor, licence, reason, now).await?)
    }

    /// Takes a licence and its tokens out of use for good. Gateways that have the tokens' seeds go on
    /// checking their codes: they ask nobody.
    pub async fn revoke_licence(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
    ) -> Result<LicenceRevoked, DeskError> {
        Ok(self
            .store
            .revoke_licence(actor, licence, reason, self.clock.now())
            .await?)
    }

    /// Gives all licences and tokens of a unit, the trial's too, to the one that takes its place, which
    /// is registered if it was not. The old one is registered no more.
    pub async fn replace_unit(
        &self,
        actor: Actor,
        old: ProductSerial,
        new: ProductSerial,
        note: Note,
    ) -> Result<UnitReplaced, DeskError> {
        Ok(self
            .store
            .replace_unit(actor, old, new, note, self.clock.now())
            .await?)
    }

    /// Takes a product without licences off the register.
    pub async fn unregister_product(
        &self,
        actor: Actor,
        product: ProductSerial,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        Ok(self
            .store
            .unregister_product(actor, product, reason, self.clock.now())
            .await?)
    }

    /// Gives a customer another name.
    pub async fn rename_account(
        &self,
        actor: Actor,
        from: AccountName,
        to: AccountName,
    ) -> Result<Change, DeskError> {
        Ok(self
            .store
            .rename_account(actor, from, to, self.clock.now())
            .await?)
    }

    /// Customers by name, those behind `after`, as many as [`store::registry::ACCOUNTS_MAX`].
    pub async fn accounts(
        &self,
        after: Option<AccountName>,
    ) -> Result<Vec<AccountLine>, DeskError> {
        Ok(self.store.accounts(after, self.sight.clone()).await?)
    }
}
