//! New licences.

use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{AccountName, LicenceSize, demand_gateway};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial};

use super::{DeskRefusal, demand_account, record};
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};
use crate::registry::random;
use crate::registry::rows::demand_product;
use crate::registry::secrets::{Keys, code_digest};
use crate::vals;

/// A licence to be issued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLicence {
    /// For whom.
    pub account: AccountName,
    /// Registered for this product from the start; else for the first that activates it.
    pub product: Option<ProductSerial>,
    /// How many tokens.
    pub size: LicenceSize,
    /// The last moment at which it can be activated.
    pub redeem_until: Timestamp,
}

/// A licence that was issued.
#[derive(Debug)]
pub struct IssuedLicence {
    /// Its serial.
    pub serial: LicenceSerial,
    /// Its code, which the registry does not keep.
    pub code: LicenceCode,
}

pub(in crate::registry) struct IssueLicence {
    pub(in crate::registry) keys: Arc<Keys>,
    pub(in crate::registry) actor: Actor,
    pub(in crate::registry) licence: NewLicence,
    pub(in crate::registry) now: Timestamp,
}

impl Work for IssueLicence {
    type Out = IssuedLicence;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<IssuedLicence, Failure<DeskRefusal>> {
        demand_account(tx, &self.licence.account).await?;
        if let Some(product) = self.licence.product {
            self.demand_own_product(tx, product).await?;
        }
        let code = draw_code()?;
        let serial = self.insert(tx, &code).await?;
        record(
            tx,
            &self.actor,
            "issue-licence",
            serial.as_str(),
            &self.detail(),
            self.now,
        )
        .await?;
        Ok(IssuedLicence { serial, code })
    }
}

impl IssueLicence {
    async fn demand_own_product<T: Tx>(
        &self,
        tx: &mut T,
        product: ProductSerial,
    ) -> Result<(), Failure<DeskRefusal>> {
        let unit = demand_product(tx, product).await?;
        if unit.account != self.licence.account {
            let refusal = DeskRefusal::ProductOfOther(product, unit.account);
            return Err(Failure::Refused(refusal));
        }
        Ok(demand_gateway(&unit)?)
    }

    /// Serials follow one another; the code is what must not be guessed.
    async fn insert<T: Tx>(
        &self,
        tx: &mut T,
        code: &LicenceCode,
    ) -> Result<LicenceSerial, Undecided> {
        let last = tx
            .row::<(Option<String>,)>(
                "SELECT max(serial) FROM licence WHERE serial >= 'EFTM' AND serial < 'EFTN'",
                &[],
            )
            .await?;
        let number = match last.and_then(|(serial,)| serial) {
            None => 1,
            Some(serial) => number_of(&serial)? + 1,
        };
        let serial = LicenceSerial::purchased(number)
            .ok_or_else(|| Undecided::Unavailable("no free serial for a licence".into()))?;
        tx.exec_one(
            "INSERT INTO licence
                 (serial, account, product, code, size, redeem_until, issued, code_digest)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &vals![
                serial.as_str(),
                self.licence.account.as_str(),
                self.licence.product.as_ref().map(ProductSerial::as_str),
                &self.keys.licence_code(code),
                self.licence.size.tokens(),
                self.licence.redeem_until,
                self.now,
                &code_digest(code).0,
            ],
        )
        .await?;
        Ok(serial)
    }

    fn detail(&self) -> String {
        let NewLicence {
            account,
            product,
            size,
            redeem_until,
        } = &self.licence;
        let product = product
            .as_ref()
            .map_or("any product", ProductSerial::as_str);
        format!("account \"{account}\", {product}, {size} tokens, redeem until {redeem_until}")
    }
}

/// The code for trial tokens is not a licence's.
pub(super) fn draw_code() -> Result<LicenceCode, Undecided> {
    loop {
        let code = LicenceCode::from_random(random()?);
        if !code.is_trial() {
            return Ok(code);
        }
    }
}

fn number_of(serial: &str) -> Result<u64, SqlError> {
    let digits = serial.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    digits
        .parse()
        .map_err(|_| SqlError::damaged("licence", serial, "serial"))
}
