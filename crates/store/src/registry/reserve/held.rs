//! A manager's reserve, at the manager.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use domain::licensing::{
    Change, GIVEN_TOLD, GivenLicence, Held, RecordId, Reserve, ReserveProduct, ReserveRefusal,
    ReservedLicence, Settlement, take_over,
};
use domain::time::Timestamp;
use ident::{LicenceCode, ProductSerial, TokenSerial};

use super::issue::{LineColumns, line};
use super::state::{State, state};
use super::{LineStanding, ReserveRecord};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::licence::{by_code, take_reserved};
use crate::registry::rows::{identifier, owner};
use crate::registry::secrets::Keys;
use crate::vals;

pub(super) struct HoldReserve {
    pub(super) own: ProductSerial,
    pub(super) reserve: Reserve,
    pub(super) now: Timestamp,
}

impl Work for HoldReserve {
    type Out = Change;
    type Err = ReserveRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<ReserveRefusal>> {
        let held = held(tx, self.own).await?;
        if take_over(&self.reserve, &held).map_err(Failure::Refused)? == Change::Already {
            self.note(tx).await?;
            return Ok(Change::Already);
        }
        let account = self.reserve.account.as_str();
        tx.exec(
            "INSERT INTO account (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            &vals![account, self.now],
        )
        .await?;
        tx.exec(
            "UPDATE product SET retired = $1 WHERE retired IS NULL",
            &vals![self.now],
        )
        .await?;
        for product in &self.reserve.products {
            hold_product(tx, account, product, self.now).await?;
        }
        // Those that are still in it come back in the same transaction.
        tx.exec(
            "UPDATE licence SET revoked = $1 WHERE revoked IS NULL",
            &vals![self.now],
        )
        .await?;
        for licence in &self.reserve.licences {
            hold_licence(tx, account, licence, self.now).await?;
        }
        // What phones wait for ends where the licence is somebody else's to give out.
        tx.exec(
            "DELETE FROM provision WHERE token IN
                 (SELECT t.serial FROM token t JOIN licence l ON l.serial = t.licence
                  WHERE l.revoked IS NOT NULL)",
            &[],
        )
        .await?;
        self.note(tx).await?;
        Ok(Change::Made)
    }
}

impl HoldReserve {
    async fn note<T: Tx>(&self, tx: &mut T) -> Result<(), SqlError> {
        let id = self.reserve.id;
        tx.exec_one(
            "UPDATE reserve SET number = $2, mark = $3, settled = $4, behind = NULL, refused = NULL
             WHERE manager = $1",
            &vals![
                self.own.as_str(),
                id.number.cast_signed(),
                &id.mark.0,
                self.now
            ],
        )
        .await
    }
}

/// What there is when a reserve comes.
async fn held<T: Tx>(tx: &mut T, own: ProductSerial) -> Result<Held, SqlError> {
    let state = state(tx, own).await?;
    let rows = tx
        .rows::<(String,)>(
            "SELECT serial FROM licence WHERE activated IS NOT NULL",
            &[],
        )
        .await?;
    let given: Result<BTreeSet<_>, SqlError> = rows
        .iter()
        .map(|(serial,)| identifier(serial, "licence", serial, "serial"))
        .collect();
    Ok(Held {
        own,
        reserve: state.held(),
        record: own_record(&state, own)?,
        behind: state.behind.map(|_| state.refused),
        given: given?,
    })
}

/// It was begun when the manager started.
fn own_record(state: &State, own: ProductSerial) -> Result<RecordId, SqlError> {
    let damaged = || SqlError::damaged("reserve", own.as_str(), "record");
    state.record.ok_or_else(damaged)
}

async fn hold_product<T: Tx>(
    tx: &mut T,
    account: &str,
    product: &ReserveProduct,
    now: Timestamp,
) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO product (serial, account, registered, certificate_generation)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (serial) DO UPDATE SET account = excluded.account, retired = NULL,
             certificate_generation = excluded.certificate_generation",
        &vals![product.serial.as_str(), account, now, product.generation.0],
    )
    .await
}

/// Its code is known by its digest alone; `code` has the same, since what has none is a trial. What was given to
/// a unit that another took the place of is that one's, which may import it once.
async fn hold_licence<T: Tx>(
    tx: &mut T,
    account: &str,
    licence: &ReservedLicence,
    now: Timestamp,
) -> Result<(), SqlError> {
    let key = licence.serial.as_str();
    if let Some(product) = &licence.product {
        // It may be registered no more, and its licence still be its own.
        tx.exec(
            "INSERT INTO product (serial, account, registered, retired) VALUES ($1, $2, $3, $3)
             ON CONFLICT (serial) DO NOTHING",
            &vals![product.as_str(), account, now],
        )
        .await?;
    }
    let size = u32::try_from(licence.tokens.len()).unwrap_or(u32::MAX);
    tx.exec_one(
        "INSERT INTO licence
             (serial, account, product, code, size, redeem_until, issued, activated, code_digest, settled)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $4, $8 IS NOT NULL)
         ON CONFLICT (serial) DO UPDATE SET account = excluded.account, revoked = NULL,
             code = excluded.code, code_digest = excluded.code_digest,
             product = CASE WHEN licence.activated IS NULL OR excluded.activated IS NOT NULL
                 THEN excluded.product ELSE licence.product END,
             redeem_until = excluded.redeem_until,
             activated = coalesce(licence.activated, excluded.activated),
             moved = CASE WHEN licence.activated IS NOT NULL AND excluded.activated IS NOT NULL
                     AND licence.product <> excluded.product
                 THEN excluded.issued ELSE licence.moved END,
             settled = excluded.settled",
        &vals![
            key,
            account,
            licence.product.as_ref().map(ProductSerial::as_str),
            &licence.code.0,
            size,
            licence.redeem_until,
            now,
            licence.given.map(|given| given.at),
        ],
    )
    .await?;
    for (place, token) in (0_u32..).zip(&licence.tokens) {
        tx.exec(
            "INSERT INTO reserve_token (serial, licence, place) VALUES ($1, $2, $3)
             ON CONFLICT (serial) DO NOTHING",
            &vals![token.as_str(), key, place],
        )
        .await?;
    }
    if licence.given.is_some() {
        take_reserved(tx, licence.serial).await?;
    }
    Ok(())
}

pub(super) struct TellGiven {
    pub(super) own: ProductSerial,
    pub(super) now: Timestamp,
}

impl Work for TellGiven {
    type Out = Settlement;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        let state = state(tx, self.own).await?;
        let rows = tx
            .rows::<(String, String, Timestamp)>(
                "SELECT serial, product, activated FROM licence
                 WHERE activated IS NOT NULL AND product IS NOT NULL
                     AND (revoked IS NULL OR revoked > $1 OR coalesce(settled, 0) = 0)
                 ORDER BY serial",
                &vals![self.now.before(GIVEN_TOLD)],
            )
            .await?;
        let given = |(licence, product, at): (String, String, Timestamp)| {
            Ok(GivenLicence {
                licence: identifier(&licence, "licence", &licence, "serial")?,
                product: identifier(&product, "licence", &licence, "product")?,
                at,
            })
        };
        let licences: Result<Vec<GivenLicence>, SqlError> = rows.into_iter().map(given).collect();
        Ok(Settlement {
            manager: self.own,
            record: own_record(&state, self.own)?,
            reserve: state.held(),
            licences: licences?,
        })
    }
}

pub(super) struct ShowHeld {
    pub(super) own: ProductSerial,
}

impl Work for ShowHeld {
    type Out = ReserveRecord;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<ReserveRecord, Failure<Infallible>> {
        let State {
            id,
            settled,
            behind,
            ..
        } = state(tx, self.own).await?;
        let rows = tx
            .rows::<HeldColumns>(
                "SELECT serial, size, redeem_until, product, activated,
                        revoked IS NOT NULL, coalesce(settled, 0)
                 FROM licence ORDER BY serial",
                &[],
            )
            .await?;
        let mut lines = Vec::with_capacity(rows.len());
        for (serial, size, until, product, given, left, is_known) in rows {
            let row: LineColumns = (serial, size, until, product, given, left);
            lines.push(line(row, |given| match (given, is_known) {
                (false, _) => LineStanding::Kept,
                (true, false) => LineStanding::Unsettled,
                (true, true) => LineStanding::Settled,
            })?);
        }
        Ok(ReserveRecord {
            manager: self.own,
            number: id.number,
            loaded: None,
            settled,
            behind,
            lines,
        })
    }
}

type HeldColumns = (
    String,
    u32,
    Option<Timestamp>,
    Option<String>,
    Option<Timestamp>,
    bool,
    bool,
);

pub(super) struct HoldsCode {
    pub(super) keys: Arc<Keys>,
    pub(super) code: LicenceCode,
}

impl Work for HoldsCode {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        if self.code.is_trial() {
            return Ok(false);
        }
        let found = by_code(tx, &self.keys, &self.code).await?;
        Ok(found.is_some_and(|row| row.licence.revoked.is_none()))
    }
}

pub(super) struct HoldsTokens {
    pub(super) tokens: Vec<Option<TokenSerial>>,
}

impl Work for HoldsTokens {
    type Out = Vec<bool>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<bool>, Failure<Infallible>> {
        let mut held = Vec::with_capacity(self.tokens.len());
        for token in self.tokens {
            held.push(match token {
                Some(token) => holds(tx, token).await?,
                None => false,
            });
        }
        Ok(held)
    }
}

async fn holds<T: Tx>(tx: &mut T, token: TokenSerial) -> Result<bool, SqlError> {
    let found = tx
        .row::<(i64,)>(
            "SELECT 1 FROM reserve_token r JOIN licence l ON l.serial = r.licence
             WHERE r.serial = $1 AND l.revoked IS NULL",
            &vals![token.as_str()],
        )
        .await?;
    Ok(found.is_some())
}

pub(super) struct Knows {
    pub(super) product: ProductSerial,
}

impl Work for Knows {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        Ok(owner(tx, self.product).await?.is_some())
    }
}
