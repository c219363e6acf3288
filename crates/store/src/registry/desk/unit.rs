//! Units that take another's place, and those that leave.

use domain::audit::Actor;
use domain::licensing::{self, AccountName, Change, Deed, Licence, Product, ProductKind, Remark};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial};

use super::ticket::close;
use super::{DeskRefusal, Note, is_about, put_product, record};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::RegistryStore;
use crate::registry::rows::{live_licences, product};
use crate::vals;

/// A unit in another's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitReplaced {
    /// Whose units they are.
    pub account: AccountName,
    /// The licences that the new unit has.
    pub licences: Vec<LicenceSerial>,
    /// Whether it took the place now.
    pub change: Change,
}

impl RegistryStore {
    /// Gives all that one unit has to another of the same account, which is registered if it was not.
    /// The old one is registered no more. What phones have stays as it is. The ticket that asks for it
    /// is closed.
    pub async fn replace_unit(
        &self,
        actor: Actor,
        old: ProductSerial,
        new: ProductSerial,
        note: Note,
        now: Timestamp,
    ) -> Result<UnitReplaced, Failure<DeskRefusal>> {
        self.database
            .write(ReplaceUnit {
                actor,
                old,
                new,
                note,
                now,
            })
            .await
    }

    /// Takes a product without licences off the register.
    pub async fn unregister_product(
        &self,
        actor: Actor,
        product: ProductSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(UnregisterProduct {
                actor,
                product,
                reason,
                now,
            })
            .await
    }
}

struct ReplaceUnit {
    actor: Actor,
    old: ProductSerial,
    new: ProductSerial,
    note: Note,
    now: Timestamp,
}

impl Work for ReplaceUnit {
    type Out = UnitReplaced;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<UnitReplaced, Failure<DeskRefusal>> {
        let old = product(tx, self.old)
            .await?
            .ok_or(Failure::Refused(DeskRefusal::ProductUnknown(self.old)))?;
        let new = product(tx, self.new).await?;
        let is_registered = |unit: &Product| unit.retired.is_none();
        let new = new.filter(is_registered);
        let is_here = new.is_some();
        let new = new.unwrap_or_else(|| Product {
            serial: self.new,
            account: old.account.clone(),
            registered: self.now,
            retired: None,
            kind: ProductKind::Gateway,
        });
        let own = live_licences(tx, self.old).await?;
        let others = live_licences(tx, self.new).await?;
        let licences = [own.as_slice(), &others].concat();
        let change = licensing::replace(&old, &new, &licences)?;
        if change == Change::Made {
            // A unit that is here keeps the code with which it is to enrol.
            if !is_here {
                put_product(tx, &new).await?;
            }
            self.write(tx, &own).await?;
        }
        let deed = Deed::Replaced(&old, self.new, &licences);
        close(tx, self.note.ticket, deed, self.now).await?;
        Ok(UnitReplaced {
            account: new.account,
            licences: licences.iter().map(|licence| licence.serial).collect(),
            change,
        })
    }
}

/// Tokens of its cluster's other members are among them, so its licences do not lead to all.
const TAKE_OVER_PROVISIONED: &str = "UPDATE provision SET product = $2 WHERE product = $1";

impl ReplaceUnit {
    /// The trial needs no leave to be imported again.
    async fn write<T: Tx>(&self, tx: &mut T, licences: &[Licence]) -> Result<(), SqlError> {
        let (old, new) = (self.old.as_str(), self.new.as_str());
        tx.exec(
            "UPDATE licence SET product = $2,
                 moved = CASE WHEN activated IS NULL OR code IS NULL THEN NULL ELSE $3 END
             WHERE product = $1 AND revoked IS NULL",
            &vals![old, new, self.now],
        )
        .await?;
        tx.exec(TAKE_OVER_PROVISIONED, &vals![old, new]).await?;
        tx.exec_one(
            "UPDATE product SET retired = $3, successor = $2 WHERE serial = $1",
            &vals![old, new, self.now],
        )
        .await?;
        let (actor, action) = (&self.actor, "replace-unit");
        let detail = format!("in the place of {old}: {}", self.note);
        record(tx, actor, action, new, &detail, self.now).await?;
        let detail = format!("by {new}: {}", self.note);
        record(tx, actor, action, old, &detail, self.now).await?;
        for licence in licences {
            is_about(tx, licence.serial.as_str()).await?;
        }
        Ok(())
    }
}

struct UnregisterProduct {
    actor: Actor,
    product: ProductSerial,
    reason: Remark,
    now: Timestamp,
}

impl Work for UnregisterProduct {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        let unit = product(tx, self.product)
            .await?
            .ok_or(Failure::Refused(DeskRefusal::ProductUnknown(self.product)))?;
        let licences = live_licences(tx, self.product).await?;
        let change = licensing::unregister(&unit, &licences)?;
        if change == Change::Made {
            self.write(tx).await?;
        }
        Ok(change)
    }
}

impl UnregisterProduct {
    async fn write<T: Tx>(&self, tx: &mut T) -> Result<(), SqlError> {
        let subject = self.product.as_str();
        tx.exec_one(
            "UPDATE product SET retired = $2, successor = NULL WHERE serial = $1",
            &vals![subject, self.now],
        )
        .await?;
        let (action, reason) = ("unregister-product", self.reason.as_str());
        record(tx, &self.actor, action, subject, reason, self.now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan_of;
    use crate::registry::schema::MIGRATIONS;

    #[test]
    fn a_unit_takes_over_without_reading_what_others_provisioned() {
        let steps = plan_of(MIGRATIONS, TAKE_OVER_PROVISIONED);
        assert!(
            steps.iter().all(|step| !step.starts_with("SCAN")),
            "{steps:#?}"
        );
    }
}
