//! Managers: products that pass on what their account's gateways ask.

use std::convert::Infallible;

use domain::audit::Actor;
use domain::licensing::{AccountName, Manager, Remark, make_manager};
use domain::time::Timestamp;
use ident::ProductSerial;

use super::RegistryStore;
use super::desk::{DeskRefusal, RegisterProduct, record};
use super::rows::{is_manager, live_licences, owner, product};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::vals;

/// Who passes a request on, and for whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passing {
    /// The manager.
    pub manager: Manager,
    /// Whether the gateway belongs to its account.
    pub is_own: bool,
}

impl RegistryStore {
    /// Makes a product without licences a manager; one that is not registered yet is registered for `account`.
    pub async fn register_manager(
        &self,
        actor: Actor,
        account: AccountName,
        serial: ProductSerial,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(RegisterManager {
                actor,
                account,
                serial,
                now,
            })
            .await
    }

    /// Makes a manager a product like others, which speaks for itself alone.
    pub async fn dismiss_manager(
        &self,
        actor: Actor,
        serial: ProductSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(DismissManager {
                actor,
                serial,
                reason,
                now,
            })
            .await
    }

    /// Whether a product is a manager.
    pub async fn is_manager(&self, product: ProductSerial) -> Result<bool, Failure<Infallible>> {
        self.database.read(IsManager { product }).await
    }

    /// Who `manager` is if it is one, and whether `gateway` is its to speak for.
    pub async fn passing(
        &self,
        manager: ProductSerial,
        gateway: ProductSerial,
    ) -> Result<Option<Passing>, Failure<Infallible>> {
        self.database.read(FindPassing { manager, gateway }).await
    }
}

struct RegisterManager {
    actor: Actor,
    account: AccountName,
    serial: ProductSerial,
    now: Timestamp,
}

impl Work for RegisterManager {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let Self {
            actor,
            account,
            serial,
            now,
        } = self;
        let registered = product(tx, serial).await?;
        match registered.filter(|unit| unit.retired.is_none()) {
            Some(unit) if unit.account != account => {
                let refusal = DeskRefusal::ProductExists(serial, unit.account);
                return Err(Failure::Refused(refusal));
            }
            Some(unit) => {
                make_manager(&unit, &live_licences(tx, serial).await?)?;
            }
            None => {
                let register = RegisterProduct {
                    actor: actor.clone(),
                    account: account.clone(),
                    product: serial,
                    now,
                };
                register.run(tx).await?;
            }
        }
        let made = tx
            .exec(
                "INSERT INTO manager (serial, registered) VALUES ($1, $2)
                 ON CONFLICT (serial) DO NOTHING",
                &vals![serial.as_str(), now],
            )
            .await?;
        if made == 1 {
            let detail = format!("for the gateways of account \"{account}\"");
            record(
                tx,
                &actor,
                "register-manager",
                serial.as_str(),
                &detail,
                now,
            )
            .await?;
        }
        Ok(())
    }
}

struct DismissManager {
    actor: Actor,
    serial: ProductSerial,
    reason: Remark,
    now: Timestamp,
}

impl Work for DismissManager {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let subject = self.serial.as_str();
        let ended = tx
            .exec("DELETE FROM manager WHERE serial = $1", &vals![subject])
            .await?;
        if ended == 0 {
            return Err(Failure::Refused(DeskRefusal::ManagerUnknown(self.serial)));
        }
        let reason = self.reason.as_str();
        record(
            tx,
            &self.actor,
            "dismiss-manager",
            subject,
            reason,
            self.now,
        )
        .await?;
        Ok(())
    }
}

struct FindPassing {
    manager: ProductSerial,
    gateway: ProductSerial,
}

impl Work for FindPassing {
    type Out = Option<Passing>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Option<Passing>, Failure<Infallible>> {
        let Some(manager) = manager(tx, self.manager).await? else {
            return Ok(None);
        };
        let is_own = owner(tx, self.gateway).await?.as_ref() == Some(&manager.account);
        Ok(Some(Passing { manager, is_own }))
    }
}

struct IsManager {
    product: ProductSerial,
}

impl Work for IsManager {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        Ok(is_manager(tx, self.product).await?)
    }
}

/// A manager that is registered.
pub(super) async fn manager<T: Tx>(
    tx: &mut T,
    serial: ProductSerial,
) -> Result<Option<Manager>, SqlError> {
    if !is_manager(tx, serial).await? {
        return Ok(None);
    }
    let account = owner(tx, serial).await?;
    Ok(account.map(|account| Manager { serial, account }))
}

/// As [`manager`]; one that is none is refused.
pub(super) async fn demand_manager<T: Tx>(
    tx: &mut T,
    serial: ProductSerial,
) -> Result<Manager, Failure<DeskRefusal>> {
    let found = manager(tx, serial).await?;
    found.ok_or(Failure::Refused(DeskRefusal::ManagerUnknown(serial)))
}
