//! What a manager is told that it keeps.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use domain::licensing::{
    CodeDigest, Generation, Giving, Manager, RecordId, Reserve, ReserveId, ReserveMark,
    ReserveProduct, ReservedLicence,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial, TokenSerial};

use super::state::{State, state};
use super::{LineStanding, ReserveLine, ReserveRecord};
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};
use crate::registry::desk::DeskRefusal;
use crate::registry::manager::demand_manager;
use crate::registry::rows::identifier;
use crate::registry::{random, stored_size};
use crate::vals;

pub(super) struct IssueReserve {
    pub(super) manager: ProductSerial,
}

impl Work for IssueReserve {
    type Out = Reserve;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Reserve, Failure<DeskRefusal>> {
        let manager = demand_manager(tx, self.manager).await?;
        if state(tx, self.manager).await?.behind.is_some() {
            return Err(Failure::Refused(DeskRefusal::RecordBehind(self.manager)));
        }
        Ok(issue(tx, manager).await?)
    }
}

/// Reserves of a manager that are known by their marks. One that says it has an older one is given the latest
/// before anything is taken back by its word.
const MARKS_KEPT: i64 = 1_000;

/// The reserve as it is now; it has another number than the one before if it is another.
pub(super) async fn issue<T: Tx>(tx: &mut T, manager: Manager) -> Result<Reserve, Undecided> {
    let Manager { serial, account } = manager;
    let State { id, record, .. } = state(tx, serial).await?;
    let mut reserve = Reserve {
        manager: serial,
        id,
        record,
        products: products(tx, account.as_str()).await?,
        licences: licences(tx, serial, account.as_str(), record).await?,
        account,
    };
    let mark = random::<16>()?;
    let is_another = tx
        .exec(
            "INSERT INTO reserve (manager, number, digest, mark) VALUES ($1, 1, $2, $3)
             ON CONFLICT (manager) DO UPDATE SET digest = excluded.digest, mark = excluded.mark,
                 number = reserve.number + 1
             WHERE reserve.digest <> excluded.digest",
            &vals![serial.as_str(), &digest_of(&reserve), &mark],
        )
        .await?;
    if is_another > 0 {
        reserve.id = state(tx, serial).await?.id;
        keep_mark(tx, serial, reserve.id).await?;
    }
    Ok(reserve)
}

async fn keep_mark<T: Tx>(
    tx: &mut T,
    manager: ProductSerial,
    id: ReserveId,
) -> Result<(), SqlError> {
    let (manager, number) = (manager.as_str(), id.number.cast_signed());
    let ReserveMark(mark) = id.mark;
    tx.exec_one(
        "INSERT INTO reserve_mark (manager, number, mark) VALUES ($1, $2, $3)",
        &vals![manager, number, &mark],
    )
    .await?;
    tx.exec(
        "DELETE FROM reserve_mark WHERE manager = $1 AND number <= $2",
        &vals![manager, number - MARKS_KEPT],
    )
    .await?;
    Ok(())
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
    bool,
);

/// One that the manager says it gave out is given out, also where nobody here knows whose it is.
async fn licences<T: Tx>(
    tx: &mut T,
    manager: ProductSerial,
    account: &str,
    record: Option<RecordId>,
) -> Result<Vec<ReservedLicence>, SqlError> {
    let rows = tx
        .rows::<LicenceColumns>(
            "SELECT l.serial, l.code_digest,
                    CASE WHEN l.activated IS NULL THEN coalesce(g.product, l.product) ELSE l.product END,
                    l.redeem_until, coalesce(l.activated, g.at), coalesce(g.record = $3, 0)
             FROM licence l LEFT JOIN given_line g ON g.licence = l.serial AND g.manager = l.kept_by
             WHERE l.kept_by = $1 AND l.left_with IS NULL AND l.revoked IS NULL AND l.account = $2
             ORDER BY l.serial",
            &vals![manager.as_str(), account, record.as_ref().map(|id| &id.0)],
        )
        .await?;
    let mut licences = Vec::with_capacity(rows.len());
    for (key, code, product, redeem_until, given, is_recorded) in rows {
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
            given: given.map(|at| Giving { at, is_recorded }),
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
    field(
        HEXLOWER
            .encode(&reserve.record.map_or([0; 16], |id| id.0))
            .as_bytes(),
    );
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
        let given = licence
            .given
            .map(|given| format!("{} {}", given.at.micros(), given.is_recorded));
        field(given.unwrap_or_default().as_bytes());
        for token in &licence.tokens {
            field(token.as_str().as_bytes());
        }
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
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
            id,
            loaded,
            settled,
            behind,
            ..
        } = state(tx, self.manager).await?;
        let rows = tx
            .rows::<ShownColumns>(
                "SELECT l.serial, l.size, l.redeem_until,
                        CASE WHEN l.activated IS NULL THEN g.product ELSE l.product END,
                        coalesce(l.activated, g.at), l.left_with IS NOT NULL, l.activated IS NOT NULL
                 FROM licence l LEFT JOIN given_line g ON g.licence = l.serial AND g.manager = l.kept_by
                 WHERE l.kept_by = $1 ORDER BY l.serial",
                &vals![self.manager.as_str()],
            )
            .await?;
        let mut lines = Vec::with_capacity(rows.len());
        for (serial, size, until, product, given, left, is_activated) in rows {
            let is_claimed = given.is_some() && !is_activated;
            let row: LineColumns = (serial, size, until, product, given, left && !is_claimed);
            lines.push(line(row, |given| match (given, is_claimed) {
                (_, true) => LineStanding::Claimed,
                (true, false) => LineStanding::Settled,
                (false, false) => LineStanding::Kept,
            })?);
        }
        Ok(ReserveRecord {
            manager: self.manager,
            number: id.number,
            loaded,
            settled,
            behind,
            lines,
        })
    }
}

/// As [`LineColumns`], and whether the licence is activated here.
type ShownColumns = (
    String,
    u32,
    Option<Timestamp>,
    Option<String>,
    Option<Timestamp>,
    bool,
    bool,
);

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
