//! Rows as the domain's values. What does not parse is damage, and is named with its row.

use domain::licensing::{
    AccountName, Admission, Asking, Licence, Lock, Product, ProductKind, Registration, Retired,
    StockToken, TokenState, Told, admit,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial, RegistrationId, TokenSerial};

use super::desk::DeskRefusal;
use super::stored_size;
use super::told::News;
use crate::engine::{Failure, FromRow, Row, SqlError, Tx};
use crate::vals;

/// Decides whom a request speaks for, from the products that it names.
pub(super) async fn admission<T: Tx>(tx: &mut T, asking: &Asking) -> Result<Admission, SqlError> {
    let mut owners = Vec::with_capacity(asking.cluster.len() + 1);
    for &serial in std::iter::once(&asking.serial).chain(&asking.cluster) {
        // Managers have no tokens and are in no cluster.
        if is_manager(tx, serial).await? {
            continue;
        }
        if let Some(account) = owner(tx, serial).await? {
            owners.push((serial, account));
        }
    }
    Ok(admit(asking, |serial| {
        owners
            .iter()
            .find(|(known, _)| *known == serial)
            .map(|(_, account)| account.clone())
    }))
}

pub(super) async fn is_manager<T: Tx>(
    tx: &mut T,
    product: ProductSerial,
) -> Result<bool, SqlError> {
    let found = tx
        .row::<(i64,)>(
            "SELECT 1 FROM manager WHERE serial = $1",
            &vals![product.as_str()],
        )
        .await?;
    Ok(found.is_some())
}

/// The account that owns a registered product.
pub(super) async fn owner<T: Tx>(
    tx: &mut T,
    product: ProductSerial,
) -> Result<Option<AccountName>, SqlError> {
    let found = tx
        .row::<(String,)>(
            "SELECT account FROM product WHERE serial = $1 AND retired IS NULL",
            &vals![product.as_str()],
        )
        .await?;
    found
        .map(|(name,)| account(&name, "product", product.as_str()))
        .transpose()
}

/// A product that is registered, or was.
pub(super) async fn product<T: Tx>(
    tx: &mut T,
    serial: ProductSerial,
) -> Result<Option<Product>, SqlError> {
    let key = serial.as_str();
    let found = tx
        .row::<(String, Timestamp, Option<Timestamp>, Option<String>, bool)>(
            "SELECT account, registered, retired, successor,
                 EXISTS (SELECT 1 FROM manager WHERE serial = $1)
             FROM product WHERE serial = $1",
            &vals![key],
        )
        .await?;
    let Some((name, registered, retired, successor, is_manager)) = found else {
        return Ok(None);
    };
    let successor = successor
        .map(|text| identifier::<ProductSerial>(&text, "product", key, "successor"))
        .transpose()?;
    Ok(Some(Product {
        serial,
        account: account(&name, "product", key)?,
        registered,
        retired: retired.map(|at| Retired { at, successor }),
        kind: if is_manager {
            ProductKind::Manager
        } else {
            ProductKind::Gateway
        },
    }))
}

/// A registered product, or the refusal that asks for its registration.
pub(super) async fn demand_product<T: Tx>(
    tx: &mut T,
    serial: ProductSerial,
) -> Result<Product, Failure<DeskRefusal>> {
    let found = product(tx, serial).await?;
    found
        .filter(|product| product.retired.is_none())
        .ok_or(Failure::Refused(DeskRefusal::ProductUnknown(serial)))
}

/// The licences of a product that are not revoked, oldest first.
pub(super) async fn live_licences<T: Tx>(
    tx: &mut T,
    product: ProductSerial,
) -> Result<Vec<Licence>, SqlError> {
    let rows = tx
        .rows::<LicenceRow>(
            concat!(
                "SELECT ",
                licence_columns!(),
                " FROM licence WHERE product = $1 AND revoked IS NULL ORDER BY issued, serial"
            ),
            &vals![product.as_str()],
        )
        .await?;
    Ok(rows.into_iter().map(|row| row.licence).collect())
}

/// An account's name as a row has it.
pub(super) fn account(name: &str, table: &'static str, key: &str) -> Result<AccountName, SqlError> {
    AccountName::given(name).map_err(|_| SqlError::damaged(table, key, "account"))
}

/// A serial or another identifier as a row has it.
pub(super) fn identifier<T: std::str::FromStr>(
    text: &str,
    table: &'static str,
    key: &str,
    field: &'static str,
) -> Result<T, SqlError> {
    text.parse()
        .map_err(|_| SqlError::damaged(table, key, field))
}

/// The columns of [`LicenceRow`], in its order.
macro_rules! licence_columns {
    () => {
        "serial, account, product, size, redeem_until, activated, moved, revoked, issued, kept_by,
         CASE WHEN activated IS NULL AND kept_by IS NOT NULL THEN
             (SELECT g.product FROM given_line g WHERE g.licence = licence.serial ORDER BY g.at LIMIT 1)
         END"
    };
}
pub(super) use licence_columns;

/// A licence and when it was issued.
pub(super) struct LicenceRow {
    pub(super) licence: Licence,
    pub(super) issued: Timestamp,
}

impl FromRow for LicenceRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let serial: String = row.get(0)?;
        let damaged = |field| SqlError::damaged("licence", serial.as_str(), field);
        let product: Option<String> = row.get(2)?;
        let product = product
            .map(|text| identifier::<ProductSerial>(&text, "licence", &serial, "product"))
            .transpose()?;
        let kept_by: Option<String> = row.get(9)?;
        let kept_by = kept_by
            .map(|text| identifier::<ProductSerial>(&text, "licence", &serial, "kept_by"))
            .transpose()?;
        let claimed_for: Option<String> = row.get(10)?;
        let claimed_for = claimed_for
            .map(|text| identifier::<ProductSerial>(&text, "given_line", &serial, "product"))
            .transpose()?;
        let licence = Licence {
            serial: identifier::<LicenceSerial>(&serial, "licence", &serial, "serial")?,
            account: account(&row.get::<String>(1)?, "licence", &serial)?,
            product,
            size: stored_size(row.get(3)?).ok_or_else(|| damaged("size"))?,
            redeem_until: row.get(4)?,
            activated: row.get(5)?,
            moved: row.get(6)?,
            revoked: row.get(7)?,
            kept_by,
            claimed_for,
        };
        Ok(Self {
            licence,
            issued: row.get(8)?,
        })
    }
}

/// The query behind [`StockRow`], up to its condition.
macro_rules! select_stock {
    ($condition:literal) => {
        concat!(
            "SELECT t.serial, t.licence, l.product, t.locked, p.version, p.expires, p.device,
                    p.device_version, p.activated, l.revoked, l.account, p.told
             FROM token t JOIN licence l ON l.serial = t.licence
             LEFT JOIN provision p ON p.token = t.serial
             WHERE ",
            $condition
        )
    };
}

/// A token of the stock, the version of its last provisioning (0 before the first), when a device took
/// it, whose it is, and the number of the [`News`] that its gateway was told last.
pub(super) struct StockRow {
    pub(super) token: StockToken,
    pub(super) version: u64,
    pub(super) activated: Option<Timestamp>,
    pub(super) account: AccountName,
    pub(super) told: Option<i64>,
}

impl StockRow {
    /// Whether the gateway knows of the phone.
    pub(super) fn whether_told(&self) -> Told {
        match self.token.state {
            TokenState::Provisioned(_) if self.told != Some(News::OnPhone.number()) => Told::NotYet,
            _ => Told::UpToDate,
        }
    }
}

impl FromRow for StockRow {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let serial: String = row.get(0)?;
        let licence: String = row.get(1)?;
        let product: String = row.get(2)?;
        let version = row.get::<Option<i64>>(4)?.unwrap_or(0);
        let token = StockToken {
            serial: identifier::<TokenSerial>(&serial, "token", &serial, "serial")?,
            licence: identifier::<LicenceSerial>(&licence, "token", &serial, "licence")?,
            product: identifier::<ProductSerial>(&product, "licence", &licence, "product")?,
            lock: lock(row.get(3)?),
            state: state(&serial, row.get(5)?, row.get(6)?, row.get(7)?)?,
            revoked: row.get(9)?,
        };
        let version = u64::try_from(version)
            .map_err(|_| SqlError::damaged("provision", serial.as_str(), "version"))?;
        Ok(Self {
            token,
            version,
            activated: row.get(8)?,
            account: account(&row.get::<String>(10)?, "licence", &licence)?,
            told: row.get(11)?,
        })
    }
}

/// `locked` as the domain says it.
pub(super) fn lock(locked: bool) -> Lock {
    if locked { Lock::Locked } else { Lock::Open }
}

fn state(
    token: &str,
    expires: Option<Timestamp>,
    device: Option<String>,
    version: Option<String>,
) -> Result<TokenState, SqlError> {
    match (expires, device, version) {
        (None, None, None) => Ok(TokenState::New),
        (Some(expires), None, None) => Ok(TokenState::Provisioning { expires }),
        (Some(_), Some(device), Some(version)) => Ok(TokenState::Provisioned(Registration {
            id: identifier::<RegistrationId>(&device, "provision", token, "device")?,
            version: version.into(),
        })),
        _ => Err(SqlError::damaged("provision", token, "device")),
    }
}

/// A token of the stock.
pub(super) async fn stock<T: Tx>(
    tx: &mut T,
    token: TokenSerial,
) -> Result<Option<StockRow>, SqlError> {
    tx.row(select_stock!("t.serial = $1"), &vals![token.as_str()])
        .await
}

/// The tokens of a licence, in the order in which they were made.
pub(super) async fn stock_of<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
) -> Result<Vec<StockRow>, SqlError> {
    tx.rows(
        select_stock!("t.licence = $1 ORDER BY t.place"),
        &vals![licence.as_str()],
    )
    .await
}
