//! The stock of hardware tokens.

use std::fmt;

use domain::audit::Actor;
use domain::licensing::{AccountName, HardwareActivation, HardwareToken};
use ident::TokenSerial;
use otp::Kind;
use otp::seed_file::{Entry, MakerSerial, SeedRecord};
use store::registry::{DeskRefusal, OnBadLine, Taken};

use super::sheet::field;
use super::{Desk, DeskError};

impl Desk {
    /// Takes hardware tokens with their seeds into stock: for `account`, or for the first whose gateway
    /// activates them. All of them, unless `on_bad_line` lets lines be skipped.
    pub async fn import_hardware(
        &self,
        actor: Actor,
        entries: Vec<Entry<SeedRecord>>,
        account: Option<AccountName>,
        on_bad_line: OnBadLine,
    ) -> Result<Taken, DeskError> {
        Ok(self
            .store
            .import_hardware(actor, entries, account, on_bad_line, self.clock.now())
            .await?)
    }

    /// Gives hardware tokens of the stock to `account`: those that are nobody's, or `from` the account that
    /// has them.
    pub async fn assign_hardware(
        &self,
        actor: Actor,
        entries: Vec<Entry<MakerSerial>>,
        account: AccountName,
        from: Option<AccountName>,
        on_bad_line: OnBadLine,
    ) -> Result<Taken, DeskError> {
        Ok(self
            .store
            .assign_hardware(actor, entries, account, from, on_bad_line, self.clock.now())
            .await?)
    }

    /// Lets a hardware token's seed be given once more; to whom it was given before. `reason` goes into the
    /// record.
    pub async fn reset_activation(
        &self,
        actor: Actor,
        token: TokenSerial,
        reason: &str,
    ) -> Result<HardwareActivation, DeskError> {
        Ok(self
            .store
            .reset_activation(actor, token, reason.into(), self.clock.now())
            .await?)
    }

    /// The hardware tokens of a customer by serial, those behind `after`, as many as
    /// [`store::registry::HARDWARE_MAX`].
    pub async fn list_hardware(
        &self,
        account: AccountName,
        after: Option<TokenSerial>,
    ) -> Result<Vec<HardwareSheet>, DeskError> {
        self.demand_seen(&account, DeskRefusal::AccountUnknown(account.clone()))?;
        let tokens = self.store.list_hardware(account, after).await?;
        Ok(tokens.into_iter().map(HardwareSheet).collect())
    }

    /// A hardware token.
    pub async fn hardware(&self, serial: TokenSerial) -> Result<HardwareSheet, DeskError> {
        let token = self.store.hardware(serial).await?;
        if token.is_in(&self.sight) {
            Ok(HardwareSheet(token))
        } else {
            Err(DeskRefusal::TokenUnknown(serial).into())
        }
    }
}

/// The head of a list of hardware tokens.
pub const HARDWARE_HEAD: &str =
    "TOKEN             STATUS     IN STOCK              ACTIVATED             BY";

/// A hardware token as a line of a list.
#[derive(Clone, Copy, Debug)]
pub struct HardwareLine<'t>(pub &'t HardwareSheet);

impl fmt::Display for HardwareLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HardwareSheet(token) = self.0;
        let (status, at, by) = match token.activation {
            None => ("new", "-".to_owned(), "-".to_owned()),
            Some(HardwareActivation { product, at }) => {
                ("activated", at.to_string(), product.to_string())
            }
        };
        let (serial, imported) = (token.serial, token.imported);
        writeln!(f, "{serial:<16}  {status:<9}  {imported}  {at:<20}  {by}")
    }
}

/// A hardware token as the desk sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HardwareSheet(pub HardwareToken);

impl fmt::Display for HardwareSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HardwareToken {
            serial,
            maker_serial,
            account,
            parameters,
            imported,
            activation,
        } = &self.0;
        field(f, "Token", serial)?;
        if maker_serial.as_str() != serial.as_str() {
            field(f, "Maker serial", maker_serial.as_str())?;
        }
        match account {
            Some(account) => field(f, "Account", account)?,
            None => field(f, "Account", "the first that activates it")?,
        }
        let digits = parameters.digits.count();
        match parameters.kind {
            Kind::Totp(period) => {
                field(
                    f,
                    "Codes",
                    format_args!("{digits} digits, new every {} s", period.secs()),
                )?;
            }
            Kind::Hotp => field(f, "Codes", format_args!("{digits} digits, one a press"))?,
        }
        field(f, "In stock", imported)?;
        match activation {
            None => field(f, "Status", "new"),
            Some(HardwareActivation { product, at }) => {
                field(f, "Status", "activated; its seed is not given again")?;
                field(f, "Activated by", product)?;
                field(f, "Activated", at)
            }
        }
    }
}
