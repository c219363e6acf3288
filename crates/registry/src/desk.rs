//! Customer service: who is registered, what was issued, what became of it.

use std::fmt;
use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{AccountName, Licence, Lock, StockToken, TokenState};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial, TokenSerial};
use store::registry::{
    DeskEvent, DeskRefusal, IssuedLicence, LicenceRecord, NewLicence, ProductRecord, RegistryStore,
    TokenRecord,
};
use store::{Failure, Undecided};

use crate::clock::Clock;

/// The desk's operations. Each is recorded with its actor in the transaction that does it.
#[derive(Clone, Debug)]
pub struct Desk {
    store: Arc<RegistryStore>,
    clock: Clock,
}

/// Why the desk did nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeskError {
    /// It cannot be done; the text says what to do first.
    #[error(transparent)]
    Refused(#[from] DeskRefusal),
    /// The store does not know; try again.
    #[error(transparent)]
    Undecided(#[from] Undecided),
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
    pub(crate) fn new(store: Arc<RegistryStore>, clock: Clock) -> Self {
        Self { store, clock }
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
    /// not activated; a locked trial token blocks the import of licences until the trial is imported
    /// again. `reason` goes into the record.
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
        Ok(ProductSheet(self.store.product(serial).await?))
    }

    /// A licence with its tokens.
    pub async fn licence(&self, serial: LicenceSerial) -> Result<LicenceSheet, DeskError> {
        Ok(LicenceSheet {
            record: self.store.licence(serial).await?,
            at: self.clock.now(),
        })
    }

    /// A token.
    pub async fn token(&self, serial: TokenSerial) -> Result<TokenSheet, DeskError> {
        Ok(TokenSheet {
            record: self.store.token(serial).await?,
            at: self.clock.now(),
        })
    }

    /// What the desk did to a product, licence, token or account, oldest first.
    pub async fn events(&self, subject: &str) -> Result<Vec<DeskEvent>, DeskError> {
        Ok(self.store.desk_events(subject.into()).await?)
    }
}

/// A product as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProductSheet(pub ProductRecord);

/// A licence as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LicenceSheet {
    /// What is known.
    pub record: LicenceRecord,
    /// At this moment.
    pub at: Timestamp,
}

/// A token as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenSheet {
    /// What is known.
    pub record: TokenRecord,
    /// At this moment.
    pub at: Timestamp,
}

impl fmt::Display for ProductSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProductRecord {
            serial,
            account,
            registered,
            licences,
        } = &self.0;
        field(f, "Product", serial)?;
        field(f, "Account", account)?;
        field(f, "Registered", registered)?;
        writeln!(f)?;
        writeln!(
            f,
            "LICENCE           TOKENS  ISSUED                ACTIVATED             REDEEM UNTIL"
        )?;
        for (licence, issued) in licences {
            writeln!(
                f,
                "{:<16}  {:>6}  {issued}  {:<20}  {}",
                licence.serial,
                licence.size,
                moment(licence.activated),
                moment(licence.redeem_until),
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for LicenceSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LicenceRecord {
            licence,
            issued,
            tokens,
        } = &self.record;
        licence_fields(f, licence, *issued)?;
        writeln!(f)?;
        writeln!(f, "TOKEN             STATUS")?;
        for token in tokens {
            writeln!(f, "{:<16}  {}", token.serial, status(token, self.at))?;
        }
        Ok(())
    }
}

impl fmt::Display for TokenSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TokenRecord { token, activated } = &self.record;
        field(f, "Token", token.serial)?;
        field(f, "Licence", token.licence)?;
        field(f, "Product", token.product)?;
        field(f, "Status", status(token, self.at))?;
        match &token.state {
            TokenState::New => Ok(()),
            TokenState::Provisioning { expires } => field(f, "Code expires", expires),
            TokenState::Provisioned(device) => {
                field(f, "Activated", moment(*activated))?;
                field(f, "Device", device.id)?;
                field(f, "App", &device.version)
            }
        }
    }
}

fn licence_fields(f: &mut fmt::Formatter<'_>, licence: &Licence, issued: Timestamp) -> fmt::Result {
    field(f, "Licence", licence.serial)?;
    field(f, "Account", &licence.account)?;
    match licence.product {
        Some(product) => field(f, "Product", product)?,
        None => field(f, "Product", "any of the account")?,
    }
    field(f, "Tokens", licence.size)?;
    field(f, "Issued", issued)?;
    field(f, "Redeem until", moment(licence.redeem_until))?;
    field(f, "Activated", moment(licence.activated))
}

fn field(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{:<13} {value}", format!("{name}:"))
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// In the words of the gateway's status column.
fn status(token: &StockToken, at: Timestamp) -> &'static str {
    match &token.state {
        _ if token.lock == Lock::Locked => "locked",
        TokenState::New => "new",
        TokenState::Provisioning { .. } if token.has_timed_out(at) => "provision timeout",
        TokenState::Provisioning { .. } => "provisioning",
        TokenState::Provisioned(_) => "provisioned",
    }
}
