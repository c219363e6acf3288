//! Products, licences and tokens as they are.

use domain::licensing::{
    AccountName, Departure, Licence, Product, ProductKind, Retired, Sight, StockToken, Supplier,
    Told,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial, TokenSerial};

use super::{DeskRefusal, licence_row};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::reserve::supplier;
use crate::registry::rows::{LicenceRow, identifier, licence_columns, product, stock, stock_of};
use crate::vals;

/// A product and what it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProductRecord {
    /// Its serial.
    pub serial: ProductSerial,
    /// Whose it is.
    pub account: AccountName,
    /// Since when it is registered.
    pub registered: Timestamp,
    /// Its end, if it is no longer registered.
    pub retired: Option<Retired>,
    /// What it is.
    pub kind: ProductKind,
    /// The licences registered for it, oldest first; those that were revoked among them.
    pub licences: Vec<(Licence, Timestamp)>,
    /// The licence that moved away last.
    pub left: Option<Departure>,
}

impl ProductRecord {
    /// The product alone.
    pub fn product(&self) -> Product {
        Product {
            serial: self.serial,
            account: self.account.clone(),
            registered: self.registered,
            retired: self.retired,
            kind: self.kind,
        }
    }

    /// What is seen of it. Licences that were revoked stay with a unit that is another customer's since.
    pub fn within(mut self, sight: &Sight) -> Option<Self> {
        if !sight.sees(&self.account) {
            return None;
        }
        self.licences
            .retain(|(licence, _)| sight.sees(&licence.account));
        Some(self)
    }

    /// How many of its licences are not revoked.
    pub fn in_use(&self) -> usize {
        let is_in_use = |(licence, _): &&(Licence, Timestamp)| licence.revoked.is_none();
        self.licences.iter().filter(is_in_use).count()
    }
}

/// A licence and its tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LicenceRecord {
    /// The licence.
    pub licence: Licence,
    /// When it was issued.
    pub issued: Timestamp,
    /// Its tokens, once it is activated.
    pub tokens: Vec<StockToken>,
}

/// A token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRecord {
    /// The token.
    pub token: StockToken,
    /// Whose it is.
    pub account: AccountName,
    /// Whether its gateway knows how far it is.
    pub told: Told,
    /// When a device took it.
    pub activated: Option<Timestamp>,
    /// Who makes its activation codes.
    pub supplier: Supplier,
}

pub(in crate::registry) struct ShowProduct {
    pub(in crate::registry) serial: ProductSerial,
}

impl Work for ShowProduct {
    type Out = ProductRecord;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<ProductRecord, Failure<DeskRefusal>> {
        match product(tx, self.serial).await? {
            Some(product) => Ok(product_record(tx, product).await?),
            None => Err(Failure::Refused(DeskRefusal::ProductUnknown(self.serial))),
        }
    }
}

pub(super) async fn product_record<T: Tx>(
    tx: &mut T,
    product: Product,
) -> Result<ProductRecord, SqlError> {
    let licences = tx
        .rows::<LicenceRow>(
            concat!(
                "SELECT ",
                licence_columns!(),
                " FROM licence WHERE product = $1 ORDER BY issued, serial"
            ),
            &vals![product.serial.as_str()],
        )
        .await?;
    let left = departure(tx, &product).await?;
    Ok(ProductRecord {
        serial: product.serial,
        account: product.account,
        registered: product.registered,
        retired: product.retired,
        kind: product.kind,
        licences: licences
            .into_iter()
            .map(|row| (row.licence, row.issued))
            .collect(),
        left,
    })
}

/// The licence that moved away from a product last, unless it is back or revoked, or was another customer's.
async fn departure<T: Tx>(tx: &mut T, product: &Product) -> Result<Option<Departure>, SqlError> {
    let found = tx
        .row::<(String, String, Timestamp)>(
            "SELECT l.serial, l.product, e.at FROM desk_event_about a
             JOIN desk_event e ON e.id = a.event
             JOIN licence l ON l.serial = e.subject
             WHERE a.subject = $1 AND e.action = 'move-licence'
                 AND l.product <> $1 AND l.revoked IS NULL AND l.account = $2
             ORDER BY e.id DESC LIMIT 1",
            &vals![product.serial.as_str(), product.account.as_str()],
        )
        .await?;
    let Some((licence, owner, at)) = found else {
        return Ok(None);
    };
    Ok(Some(Departure {
        licence: identifier(&licence, "licence", &licence, "serial")?,
        product: identifier(&owner, "licence", &licence, "product")?,
        at,
    }))
}

pub(in crate::registry) struct ShowLicence {
    pub(in crate::registry) serial: LicenceSerial,
}

impl Work for ShowLicence {
    type Out = LicenceRecord;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<LicenceRecord, Failure<DeskRefusal>> {
        licence_record(tx, self.serial)
            .await?
            .ok_or(Failure::Refused(DeskRefusal::LicenceUnknown(self.serial)))
    }
}

pub(super) async fn licence_record<T: Tx>(
    tx: &mut T,
    serial: LicenceSerial,
) -> Result<Option<LicenceRecord>, SqlError> {
    let Some(LicenceRow { licence, issued }) = licence_row(tx, serial).await? else {
        return Ok(None);
    };
    let tokens = stock_of(tx, serial).await?;
    Ok(Some(LicenceRecord {
        licence,
        issued,
        tokens: tokens.into_iter().map(|row| row.token).collect(),
    }))
}

pub(in crate::registry) struct ShowToken {
    pub(in crate::registry) serial: TokenSerial,
}

impl Work for ShowToken {
    type Out = TokenRecord;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<TokenRecord, Failure<DeskRefusal>> {
        token_record(tx, self.serial)
            .await?
            .ok_or(Failure::Refused(DeskRefusal::TokenUnknown(self.serial)))
    }
}

pub(super) async fn token_record<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<Option<TokenRecord>, SqlError> {
    let Some(row) = stock(tx, serial).await? else {
        return Ok(None);
    };
    Ok(Some(TokenRecord {
        told: row.whether_told(),
        supplier: supplier(tx, row.token.licence).await?,
        token: row.token,
        account: row.account,
        activated: row.activated,
    }))
}
