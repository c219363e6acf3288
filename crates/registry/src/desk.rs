//! Customer service: who is registered, what was issued, what became of it.

mod agent;
mod enrol;
mod hardware;
mod life;
mod look;
mod manager;
mod request;
mod reserve;
mod sheet;
mod ticket;

use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{AccountName, Lock, Sight};
use ident::{LicenceSerial, ProductSerial, TokenSerial};
use store::registry::{DeskRefusal, IssuedLicence, NewLicence, RegistryStore};
use store::{Failure, Undecided};

pub use self::agent::Certified;
pub use self::hardware::{HARDWARE_HEAD, HardwareLine, HardwareSheet};
pub use self::look::{AccountSheet, LookSheet, NothingFound};
pub use self::reserve::{ReserveSheet, SettledSheet, line_standing};
pub use self::sheet::{LicenceSheet, ProductSheet, TokenSheet, licence_state, token_status};
pub use self::ticket::{TICKETS_HEAD, TicketLine, TicketTable};
use crate::clock::Clock;
use crate::pki::{Pki, PkiError, RequestError};
use crate::reserve::TravelError;
use crate::vouched::Vouched;

/// The desk's operations. Each is recorded with its actor in the transaction that does it. What is looked up,
/// and tickets, are bounded by whose things are seen ([`Desk::with_sight`]).
#[derive(Clone, Debug)]
pub struct Desk {
    store: Arc<RegistryStore>,
    clock: Clock,
    pki: Arc<Pki>,
    vouched: Vouched,
    sight: Sight,
}

/// Why the desk did nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeskError {
    /// It cannot be done; the text says what to do first.
    #[error(transparent)]
    Refused(#[from] DeskRefusal),
    /// What was looked up is not known.
    #[error(transparent)]
    NothingFound(#[from] NothingFound),
    /// What asks for a certificate is no request for one.
    #[error("{0}")]
    Request(Box<str>),
    /// What comes from a manager is not taken.
    #[error("{0}")]
    Travel(Box<str>),
    /// A certificate cannot be made.
    #[error("{0}")]
    Certificate(Box<str>),
    /// The store does not know; try again.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

impl From<RequestError> for DeskError {
    fn from(why: RequestError) -> Self {
        Self::Request(why.to_string().into())
    }
}

impl From<TravelError> for DeskError {
    fn from(why: TravelError) -> Self {
        Self::Travel(why.to_string().into())
    }
}

impl From<PkiError> for DeskError {
    fn from(why: PkiError) -> Self {
        Self::Certificate(why.to_string().into())
    }
}

impl From<Failure<DeskRefusal>> for DeskError {
    fn from(failure: Failure<DeskRefusal>) -> Self {
        match failure {
            Failure::Refused(why) => Self::Refused(why),
            Failure::Undecided(why) => Self::Undecided(why),
        }
    }
}

impl Desk {
    pub(crate) fn new(
        store: Arc<RegistryStore>,
        clock: Clock,
        pki: Arc<Pki>,
        vouched: Vouched,
    ) -> Self {
        Self {
            store,
            clock,
            pki,
            vouched,
            sight: Sight::Everything,
        }
    }

    /// The same desk as somebody sees it.
    #[must_use]
    pub fn with_sight(&self, sight: Sight) -> Self {
        Self {
            sight,
            ..self.clone()
        }
    }

    /// Registers a customer.
    pub async fn register_account(
        &self,
        actor: Actor,
        account: AccountName,
    ) -> Result<(), DeskError> {
        Ok(self
            .store
            .register_account(actor, account, self.clock.now())
            .await?)
    }

    /// Registers a gateway for a customer.
    pub async fn register_product(
        &self,
        actor: Actor,
        account: AccountName,
        product: ProductSerial,
    ) -> Result<(), DeskError> {
        Ok(self
            .store
            .register_product(actor, account, product, self.clock.now())
            .await?)
    }

    /// Issues a licence. This is the only time that its code is told.
    pub async fn issue_licence(
        &self,
        actor: Actor,
        licence: NewLicence,
    ) -> Result<IssuedLicence, DeskError> {
        Ok(self
            .store
            .issue_licence(actor, licence, self.clock.now())
            .await?)
    }

    /// Takes a token out of use at the registry, or puts it back. A locked token is not provisioned and
    /// not activated; the gateway that has it goes on taking its codes. A locked trial token blocks the
    /// import of licences until the trial is imported again. `reason` goes into the record.
    pub async fn set_lock(
        &self,
        actor: Actor,
        token: TokenSerial,
        lock: Lock,
        reason: &str,
    ) -> Result<(), DeskError> {
        Ok(self
            .store
            .set_lock(actor, token, lock, reason.into(), self.clock.now())
            .await?)
    }

    /// A product with its licences.
    pub async fn product(&self, serial: ProductSerial) -> Result<ProductSheet, DeskError> {
        let record = self.store.product(serial).await?;
        let record = record
            .within(&self.sight)
            .ok_or(DeskRefusal::ProductUnknown(serial))?;
        let at = self.clock.now();
        Ok(ProductSheet { record, at })
    }

    /// A licence with its tokens.
    pub async fn licence(&self, serial: LicenceSerial) -> Result<LicenceSheet, DeskError> {
        let record = self.store.licence(serial).await?;
        self.demand_seen(&record.licence.account, DeskRefusal::LicenceUnknown(serial))?;
        let at = self.clock.now();
        Ok(LicenceSheet { record, at })
    }

    /// A token.
    pub async fn token(&self, serial: TokenSerial) -> Result<TokenSheet, DeskError> {
        let record = self.store.token(serial).await?;
        self.demand_seen(&record.account, DeskRefusal::TokenUnknown(serial))?;
        let at = self.clock.now();
        Ok(TokenSheet { record, at })
    }

    /// What is not seen is answered like what does not exist.
    fn demand_seen(&self, owner: &AccountName, unknown: DeskRefusal) -> Result<(), DeskRefusal> {
        if self.sight.sees(owner) {
            Ok(())
        } else {
            Err(unknown)
        }
    }
}
