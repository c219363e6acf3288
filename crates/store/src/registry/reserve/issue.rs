//! What a manager is told that it keeps.

use std::convert::Infallible;
use std::sync::Arc;

use aws_lc_rs::digest;
use domain::licensing::{
    CodeDigest, Generation, Manager, Reserve, ReserveProduct, ReservedLicence,
};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenSerial};

use super::{LineStanding, ReserveLine, ReserveRecord};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::desk::DeskRefusal;
use crate::registry::licence::by_code;
use crate::registry::manager::demand_manager;
use crate::registry::rows::identifier;
use crate::registry::secrets::Keys;
use crate::registry::stored_size;
use crate::vals;

pub(super) struct IssueReserve {
    pub(super) manager: ProductSerial,
}

impl Work for IssueReserve {
    type Out = Reserve;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Reserve, Failure<DeskRefusal>> {
        let manager = demand_manager(tx, self.manager).await?;
        Ok(issue(tx, manager).await?)
    }
}

/// The reserve as it is now; it has another number than the one before if it is another.
pub(super) async fn issue<T: Tx>(tx: &mut T, manager: Manager) -> Result<Reserve, SqlError> {
    let Manager { serial, account } = manager;
    let mut reserve = Reserve {
        manager: serial,
        number: 0,
        products: products(tx, account.as_str()).await?,
        licences: licences(tx, serial).await?,
        account,
    };
    let digest = digest_of(&reserve);
    tx.exec_one(
        "INSERT INTO reserve (manager, number, digest) VALUES ($1, 1, $2)
         ON CONFLICT (manager) DO UPDATE SET digest = excluded.digest,
             number = reserve.number + CASE WHEN reserve.digest = excluded.digest THEN 0 ELSE 1 END",
        &vals![serial.as_str(), &digest],
    )
    .await?;
    reserve.number = state(tx, serial).await?.number;
    Ok(reserve)
}

async fn products<T: Tx>(tx: &mut T, account: &str) -> Result<Vec<ReserveProduct>, SqlError> {
    let rows = tx
        .rows::<(String, u32)>(
            "SELECT serial, certificate_generation FROM product
             WHERE account = $1 AND retired IS NULL
               AND NOT EXISTS (SELECT 1 FROM manager m WHERE m.serial = product.serial)
             ORDER BY serial",
            &vals![account],
        )
        .await?;
    let product = |(serial, generation): (String, u32)| {
        Ok(ReserveProduct {
            serial: identifier(&serial, "product", &serial, "serial")?,
            generation: Generation(generation),
        })
    };
    rows.into_iter().map(product).collect()
}

type LicenceColumns = (
    String,
    [u8; 32],
    Option<String>,
    Timestamp,
    Option<Timestamp>,
);

async fn licences<T: Tx>(
    tx: &mut T,
    manager: ProductSerial,
) -> Result<Vec<ReservedLicence>, SqlError> {
    let rows = tx
        .rows::<LicenceColumns>(
            "SELECT serial, code_digest, product, redeem_until, activated FROM licence
             WHERE kept_by = $1 AND left_with IS NULL AND revoked IS NULL ORDER BY serial",
            &vals![manager.as_str()],
        )
        .await?;
    let mut licences = Vec::with_capacity(rows.len());
    for (key, code, product, redeem_until, given) in rows {
        let serial = identifier(&key, "licence", &key, "serial")?;
        let product = product
            .map(|text| identifier(&text, "licence", &key, "product"))
            .transpose()?;
        licences.push(ReservedLicence {
            serial,
            code: CodeDigest(code),
            product,
            redeem_until,
            tokens: tokens(tx, serial).await?,
            given,
        });
    }
    Ok(licences)
}

async fn tokens<T: Tx>(tx: &mut T, licence: LicenceSerial) -> Result<Vec<TokenSerial>, SqlError> {
    let rows = tx
        .rows::<(String,)>(
            "SELECT serial FROM reserve_token WHERE licence = $1 ORDER BY place",
            &vals![licence.as_str()],
        )
        .await?;
    rows.iter()
        .map(|(serial,)| identifier(serial, "reserve_token", serial, "serial"))
        .collect()
}

/// SHA-256 over all of a reserve but its number; each field ends with a zero octet, which is in none.
fn digest_of(reserve: &Reserve) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut field = |octets: &[u8]| {
        context.update(octets);
        context.update(&[0]);
    };
    field(reserve.account.as_str().as_bytes());
    for product in &reserve.products {
        field(product.serial.as_str().as_bytes());
        field(product.generation.0.to_string().as_bytes());
    }
    for licence in &reserve.licences {
        field(licence.serial.as_str().as_bytes());
        // The code's digest never changes while the licence is kept.
        field(licence.redeem_until.micros().to_string().as_bytes());
        field(
            licence
                .product
                .as_ref()
                .map_or("", |p| p.as_str())
                .as_bytes(),
        );
        let given = licence.given.map(|at| at.micros().to_string());
        field(given.unwrap_or_default().as_bytes());
        for token in &licence.tokens {
            field(token.as_str().as_bytes());
        }
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The row of a reserve.
#[derive(Clone, Copy, Default)]
pub(super) struct State {
    pub(super) number: u64,
    pub(super) loaded: Option<u64>,
    pub(super) settled: Option<Timestamp>,
}

pub(super) async fn state<T: Tx>(tx: &mut T, manager: ProductSerial) -> Result<State, SqlError> {
    let key = manager.as_str();
    let found = tx
        .row::<(i64, Option<i64>, Option<Timestamp>)>(
            "SELECT number, loaded, settled FROM reserve WHERE manager = $1",
            &vals![key],
        )
        .await?;
    let Some((number, loaded, settled)) = found else {
        return Ok(State::default());
    };
    let damaged = |_| SqlError::damaged("reserve", key, "number");
    Ok(State {
        number: u64::try_from(number).map_err(damaged)?,
        loaded: loaded.map(u64::try_from).transpose().map_err(damaged)?,
        settled,
    })
}

pub(super) struct ShowReserve {
    pub(super) manager: ProductSerial,
}

impl Work for ShowReserve {
    type Out = ReserveRecord;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<ReserveRecord, Failure<DeskRefusal>> {
        demand_manager(tx, self.manager).await?;
        let State {
            number,
            loaded,
            settled,
        } = state(tx, self.manager).await?;
        let rows = tx
            .rows::<LineColumns>(
                "SELECT serial, size, redeem_until, product, activated, left_with IS NOT NULL
                 FROM licence WHERE kept_by = $1 ORDER BY serial",
                &vals![self.manager.as_str()],
            )
            .await?;
        let known = |given| {
            if given {
                LineStanding::Settled
            } else {
                LineStanding::Kept
            }
        };
        let lines = rows.into_iter().map(|row| line(row, known));
        Ok(ReserveRecord {
            manager: self.manager,
            number,
            loaded,
            settled,
            lines: lines.collect::<Result<_, _>>()?,
        })
    }
}

/// Serial, size, the last moment, product, when it was given, and whether it left.
pub(super) type LineColumns = (
    String,
    u32,
    Option<Timestamp>,
    Option<String>,
    Option<Timestamp>,
    bool,
);

/// A row as a line; `standing` says how one stands that did not leave, by whether it was given.
pub(super) fn line(
    (key, size, redeem_until, product, given, left): LineColumns,
    standing: impl Fn(bool) -> LineStanding,
) -> Result<ReserveLine, SqlError> {
    let product = product
        .map(|text| identifier::<ProductSerial>(&text, "licence", &key, "product"))
        .transpose()?;
    Ok(ReserveLine {
        licence: identifier(&key, "licence", &key, "serial")?,
        size: stored_size(size)
            .ok_or_else(|| SqlError::damaged("licence", key.as_str(), "size"))?,
        redeem_until,
        given: product.zip(given),
        standing: if left {
            LineStanding::TakenBack
        } else {
            standing(given.is_some())
        },
    })
}

pub(super) struct KeeperOfCode {
    pub(super) keys: Arc<Keys>,
    pub(super) code: LicenceCode,
    pub(super) asker: ProductSerial,
}

impl Work for KeeperOfCode {
    type Out = Option<ProductSerial>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        if self.code.is_trial() {
            return Ok(None);
        }
        let found = by_code(tx, &self.keys, &self.code).await?;
        let is_open = |row: &crate::registry::rows::LicenceRow| {
            row.licence.revoked.is_none()
                && (row.licence.activated.is_none() || row.licence.product == Some(self.asker))
        };
        Ok(found.filter(is_open).and_then(|row| row.licence.kept_by))
    }
}

pub(super) struct KeeperOfTokens {
    pub(super) tokens: Vec<TokenSerial>,
    pub(super) asker: ProductSerial,
}

impl Work for KeeperOfTokens {
    type Out = Option<ProductSerial>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        let kept = "SELECT 1 FROM licence WHERE kept_by IS NOT NULL LIMIT 1";
        if tx.row::<(i64,)>(kept, &[]).await?.is_none() {
            return Ok(None);
        }
        for token in self.tokens {
            let found = tx
                .row::<(String,)>(
                    "SELECT l.kept_by FROM reserve_token r JOIN licence l ON l.serial = r.licence
                     WHERE r.serial = $1 AND l.kept_by IS NOT NULL AND l.revoked IS NULL
                         AND l.account = (SELECT account FROM product
                             WHERE serial = $2 AND retired IS NULL)",
                    &vals![token.as_str(), self.asker.as_str()],
                )
                .await?;
            if let Some((keeper,)) = found {
                return Ok(Some(identifier(
                    &keeper,
                    "licence",
                    token.as_str(),
                    "kept_by",
                )?));
            }
        }
        Ok(None)
    }
}
