//! Customers.

use domain::audit::Actor;
use domain::licensing::{AccountName, Change, Licence, Product, Sight, Ticket};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial};

use super::ticket::{TicketFilter, tickets};
use super::{DeskRefusal, demand_account, record};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::registry::RegistryStore;
use crate::registry::rows::{LicenceRow, account, identifier, licence_columns, product};
use crate::vals;

/// Accounts of one page; more follow after the last one's name.
pub const ACCOUNTS_MAX: u32 = 1_000;

/// An account in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountLine {
    /// Its name.
    pub name: AccountName,
    /// Since when it is registered.
    pub created: Timestamp,
    /// Its registered products.
    pub products: u32,
    /// Its licences that are not revoked, trials among them.
    pub licences: u32,
    /// The tokens that these bring.
    pub tokens: u64,
}

/// What is done to a customer: events of other actions under its name are of something else that is called so.
macro_rules! account_actions {
    () => {
        "('register-account', 'rename-account', 'open-ticket', 'close-ticket')"
    };
}
pub(super) use account_actions;

/// A customer with what it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountRecord {
    /// Its name.
    pub name: AccountName,
    /// Since when it is registered.
    pub created: Timestamp,
    /// Its products, oldest first; those that are no longer registered among them. Up to [`POSSESSIONS_MAX`].
    pub products: Vec<Product>,
    /// Its licences with their dates of issue, oldest first. Up to [`POSSESSIONS_MAX`].
    pub licences: Vec<(Licence, Timestamp)>,
    /// Its hardware tokens by when they came into stock, oldest first; of more than [`IMPORTS_MAX`] imports the
    /// latest.
    pub hardware: Vec<HardwareImport>,
    /// All its hardware tokens.
    pub hardware_total: HardwareCount,
    /// Its tickets, oldest first; of more than [`TICKETS_MAX`](super::TICKETS_MAX) the latest.
    pub tickets: Vec<Ticket>,
}

impl AccountRecord {
    /// The last product of a full page, after which others may follow.
    pub fn products_after(&self) -> Option<ProductSerial> {
        let last = self.products.last()?.serial;
        is_full(self.products.len()).then_some(last)
    }

    /// The last licence of a full page, after which others may follow.
    pub fn licences_after(&self) -> Option<LicenceSerial> {
        let (last, _) = self.licences.last()?;
        is_full(self.licences.len()).then_some(last.serial)
    }
}

fn is_full(page: usize) -> bool {
    u32::try_from(page).is_ok_and(|count| count >= POSSESSIONS_MAX)
}

/// Where a page of what a customer has begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccountPage {
    /// With the products behind this one, or with the oldest.
    pub products_after: Option<ProductSerial>,
    /// With the licences behind this one, or with the oldest.
    pub licences_after: Option<LicenceSerial>,
}

/// Hardware tokens of a customer that came into stock together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HardwareImport {
    /// When they came.
    pub at: Timestamp,
    /// How many.
    pub count: HardwareCount,
}

/// Hardware tokens by their state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HardwareCount {
    /// Whose seed can be given.
    pub new: u32,
    /// Whose seed a gateway has.
    pub activated: u32,
}

/// Imports of hardware tokens that one answer has.
pub const IMPORTS_MAX: u32 = 1_000;

/// Products, and licences, of a customer that one answer has; more follow after the last one's serial.
pub const POSSESSIONS_MAX: u32 = 1_000;

impl RegistryStore {
    /// Gives a customer another name. Phones show it for tokens that are activated from now on.
    pub async fn rename_account(
        &self,
        actor: Actor,
        from: AccountName,
        to: AccountName,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(RenameAccount {
                actor,
                from,
                to,
                now,
            })
            .await
    }

    /// Up to [`ACCOUNTS_MAX`] customers by name that are seen, those behind `after`.
    pub async fn accounts(
        &self,
        after: Option<AccountName>,
        sight: Sight,
    ) -> Result<Vec<AccountLine>, Failure<DeskRefusal>> {
        self.database.read(ListAccounts { after, sight }).await
    }
}

struct RenameAccount {
    actor: Actor,
    from: AccountName,
    to: AccountName,
    now: Timestamp,
}

impl Work for RenameAccount {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        if self.is_done(tx).await? {
            return Ok(Change::Already);
        }
        demand_account(tx, &self.from).await?;
        if self.from.as_str() == AccountName::LOCAL {
            return Err(Failure::Refused(DeskRefusal::AccountFixed(self.from)));
        }
        let (from, to) = (self.from.as_str(), self.to.as_str());
        let made = tx
            .exec(
                "INSERT INTO account (name, created)
                 SELECT $2, created FROM account WHERE name = $1
                 ON CONFLICT (name) DO NOTHING",
                &vals![from, to],
            )
            .await?;
        if made == 0 {
            return Err(Failure::Refused(DeskRefusal::AccountExists(self.to)));
        }
        for follow in [
            "UPDATE product SET account = $2 WHERE account = $1",
            "UPDATE licence SET account = $2 WHERE account = $1",
            "UPDATE ticket SET account = $2 WHERE account = $1",
            "UPDATE hardware SET account = $2 WHERE account = $1",
            "UPDATE agent SET account = $2 WHERE account = $1",
            concat!(
                "UPDATE desk_event SET subject = $2
                 WHERE subject = $1 AND at >= (SELECT created FROM account WHERE name = $1)
                     AND action IN ",
                account_actions!()
            ),
        ] {
            tx.exec(follow, &vals![from, to]).await?;
        }
        tx.exec_one("DELETE FROM account WHERE name = $1", &vals![from])
            .await?;
        let mut note = async |subject, detail: String| {
            record(
                tx,
                &self.actor,
                "rename-account",
                subject,
                &detail,
                self.now,
            )
            .await
        };
        note(from, format!("to \"{to}\"")).await?;
        note(to, was_named(&self.from)).await?;
        Ok(Change::Made)
    }
}

impl RenameAccount {
    /// Whether the account has its new name since it was last named otherwise.
    async fn is_done<T: Tx>(&self, tx: &mut T) -> Result<bool, SqlError> {
        let done = tx
            .row::<(i64,)>(
                "SELECT 1 FROM account a
                 WHERE a.name = $2
                     AND NOT EXISTS (SELECT 1 FROM account WHERE name = $1)
                     AND (SELECT detail FROM desk_event
                          WHERE subject = $2 AND action = 'rename-account'
                          ORDER BY id DESC LIMIT 1) = $3",
                &vals![
                    self.from.as_str(),
                    self.to.as_str(),
                    was_named(&self.from).as_str()
                ],
            )
            .await?;
        Ok(done.is_some())
    }
}

fn was_named(from: &AccountName) -> String {
    format!("from \"{from}\"")
}

/// A customer, if there is one of this name.
pub(super) async fn account_record<T: Tx>(
    tx: &mut T,
    name: &AccountName,
    page: AccountPage,
) -> Result<Option<AccountRecord>, SqlError> {
    let created = tx
        .row::<(Timestamp,)>(
            "SELECT created FROM account WHERE name = $1",
            &vals![name.as_str()],
        )
        .await?;
    let Some((created,)) = created else {
        return Ok(None);
    };
    let after = page.products_after.as_ref().map(ProductSerial::as_str);
    let serials = tx
        .rows::<(String,)>(
            "SELECT serial FROM product
             WHERE account = $1
                 AND ($3 IS NULL OR (registered, serial)
                      > (SELECT registered, serial FROM product WHERE serial = $3))
             ORDER BY registered, serial LIMIT $2",
            &vals![name.as_str(), POSSESSIONS_MAX, after],
        )
        .await?;
    let mut products = Vec::with_capacity(serials.len());
    for (serial,) in serials {
        let serial = identifier(&serial, "product", &serial, "serial")?;
        products.extend(product(tx, serial).await?);
    }
    let after = page.licences_after.as_ref().map(LicenceSerial::as_str);
    let licences = tx
        .rows::<LicenceRow>(
            concat!(
                "SELECT ",
                licence_columns!(),
                " FROM licence
                 WHERE account = $1
                     AND ($3 IS NULL OR (issued, serial)
                          > (SELECT issued, serial FROM licence WHERE serial = $3))
                 ORDER BY issued, serial LIMIT $2"
            ),
            &vals![name.as_str(), POSSESSIONS_MAX, after],
        )
        .await?;
    let licences = licences.into_iter().map(|row| (row.licence, row.issued));
    Ok(Some(AccountRecord {
        name: name.clone(),
        created,
        products,
        licences: licences.collect(),
        hardware: hardware_imports(tx, name).await?,
        hardware_total: hardware_total(tx, name).await?,
        tickets: tickets(tx, Some(name), TicketFilter::All, None).await?,
    }))
}

async fn hardware_imports<T: Tx>(
    tx: &mut T,
    account: &AccountName,
) -> Result<Vec<HardwareImport>, SqlError> {
    let mut imports: Vec<HardwareImport> = tx
        .rows(
            "SELECT count(*) - count(activated), count(activated), imported FROM hardware
             WHERE account = $1 GROUP BY imported ORDER BY imported DESC LIMIT $2",
            &vals![account.as_str(), IMPORTS_MAX],
        )
        .await?;
    imports.reverse();
    Ok(imports)
}

async fn hardware_total<T: Tx>(
    tx: &mut T,
    account: &AccountName,
) -> Result<HardwareCount, SqlError> {
    let total = tx
        .row(
            "SELECT count(*) - count(activated), count(activated) FROM hardware WHERE account = $1",
            &vals![account.as_str()],
        )
        .await?;
    total.ok_or_else(|| SqlError::damaged("hardware", account.as_str(), "account"))
}

impl FromRow for HardwareCount {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            new: row.get(0)?,
            activated: row.get(1)?,
        })
    }
}

impl FromRow for HardwareImport {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            at: row.get(2)?,
            count: HardwareCount::from_row(row)?,
        })
    }
}

struct ListAccounts {
    after: Option<AccountName>,
    sight: Sight,
}

impl Work for ListAccounts {
    type Out = Vec<AccountLine>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<AccountLine>, Failure<DeskRefusal>> {
        let after = self.after.as_ref().map_or("", AccountName::as_str);
        let own = self.sight.account().map(AccountName::as_str);
        let lines = tx
            .rows(
                "SELECT a.name, a.created,
                     (SELECT count(*) FROM product WHERE account = a.name AND retired IS NULL),
                     (SELECT count(*) FROM licence WHERE account = a.name AND revoked IS NULL),
                     (SELECT coalesce(sum(size), 0) FROM licence
                      WHERE account = a.name AND revoked IS NULL)
                 FROM account a WHERE a.name > $1 AND ($3 IS NULL OR a.name = $3)
                 ORDER BY a.name LIMIT $2",
                &vals![after, ACCOUNTS_MAX, own],
            )
            .await?;
        Ok(lines)
    }
}

impl FromRow for AccountLine {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let name: String = row.get(0)?;
        let tokens: i64 = row.get(4)?;
        Ok(Self {
            name: account(&name, "account", &name)?,
            created: row.get(1)?,
            products: row.get(2)?,
            licences: row.get(3)?,
            tokens: u64::try_from(tokens)
                .map_err(|_| SqlError::damaged("licence", name.as_str(), "size"))?,
        })
    }
}
