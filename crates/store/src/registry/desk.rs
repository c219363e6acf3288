//! Customer service.

mod account;
mod life;
mod look;
mod ticket;
mod unit;

use std::fmt;
use std::sync::Arc;

use domain::audit::Actor;
use domain::intake::BadLine;
use domain::licensing::{
    AccountName, Licence, LicenceSize, LifeRefusal, Lock, Product, Remark, Retired, StockToken,
    TicketNumber, TicketRefusal, Told,
};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenSerial};

pub use self::account::{ACCOUNTS_MAX, AccountLine, AccountRecord};
pub use self::life::{LicenceMoved, LicenceRenewed, LicenceRevoked};
pub use self::look::{Clue, Found, FoundBy, Sighting, TIMELINE_MAX};
pub use self::ticket::{TICKETS_MAX, TicketFilter};
pub use self::unit::UnitReplaced;
use super::random;
use super::rows::{LicenceRow, licence_columns, owner, product, stock, stock_of};
use super::secrets::Keys;
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Undecided, Work};
use crate::vals;

/// Why the desk cannot do something.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeskRefusal {
    /// The account is there already.
    #[error("account \"{0}\" is registered already")]
    AccountExists(AccountName),
    /// There is no such account.
    #[error("no account \"{0}\"; register it first")]
    AccountUnknown(AccountName),
    /// The product is there already.
    #[error("product {0} is registered already, for account \"{1}\"")]
    ProductExists(ProductSerial, AccountName),
    /// There is no such product.
    #[error("product {0} is not registered; register it first")]
    ProductUnknown(ProductSerial),
    /// A licence of one account for another account's product.
    #[error("product {0} belongs to account \"{1}\"; issue the licence for that account")]
    ProductOfOther(ProductSerial, AccountName),
    /// There is no such licence.
    #[error("no licence {0}; look it up with the product that it was issued for")]
    LicenceUnknown(LicenceSerial),
    /// There is no such token.
    #[error(
        "no token {0} in stock; mobile tokens come into stock when their licence is activated, \
         hardware tokens with their seeds (import-hardware)"
    )]
    TokenUnknown(TokenSerial),
    /// A ticket of one account about another's licence.
    #[error("licence {0} belongs to account \"{1}\"; open the ticket for that account")]
    LicenceOfOther(LicenceSerial, AccountName),
    /// There is no such ticket.
    #[error("no ticket {0}; `list-tickets --all` lists them")]
    TicketUnknown(TicketNumber),
    /// A ticket stays as it is, and so does what would have closed it.
    #[error(transparent)]
    Ticket(TicketRefusal),
    /// A licence or a unit stays as it is.
    #[error(transparent)]
    Life(LifeRefusal),
    /// A hardware token whose seed nobody has.
    #[error("{0} is not activated; its seed can be given")]
    HardwareNotActivated(TokenSerial),
    /// Lines of a file that cannot be used.
    #[error("{}", super::hardware::told(.0))]
    BadLines(Vec<BadLine>),
}

impl From<LifeRefusal> for Failure<DeskRefusal> {
    fn from(why: LifeRefusal) -> Self {
        Self::Refused(DeskRefusal::Life(why))
    }
}

/// What the record says of a change beside what changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Why.
    pub reason: Remark,
    /// The ticket that asks for it, which it closes.
    pub ticket: Option<TicketNumber>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ticket {
            Some(number) => write!(f, "{} (ticket {number})", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

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
    /// The licences registered for it, oldest first; those that were revoked among them.
    pub licences: Vec<(Licence, Timestamp)>,
}

impl ProductRecord {
    /// The product alone.
    pub fn product(&self) -> Product {
        Product {
            serial: self.serial,
            account: self.account.clone(),
            registered: self.registered,
            retired: self.retired,
        }
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
}

/// What the desk, a gateway or a phone did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeskEvent {
    /// When.
    pub at: Timestamp,
    /// Who: a person, a gateway by its serial, a phone by its registration id.
    pub actor: Actor,
    /// What: of the desk the name of its command, such as `move-licence`; of a gateway `import`,
    /// `provision` and `poll`, of a phone `activate`.
    pub action: Box<str>,
    /// To what.
    pub subject: Box<str>,
    /// With which values.
    pub detail: Box<str>,
}

pub(super) struct RegisterAccount {
    pub(super) actor: Actor,
    pub(super) account: AccountName,
    pub(super) now: Timestamp,
}

impl Work for RegisterAccount {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let made = tx
            .exec(
                "INSERT INTO account (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                &vals![self.account.as_str(), self.now],
            )
            .await?;
        if made == 0 {
            return Err(Failure::Refused(DeskRefusal::AccountExists(self.account)));
        }
        let subject = self.account.as_str();
        record(tx, &self.actor, "register-account", subject, "", self.now).await?;
        Ok(())
    }
}

pub(super) struct RegisterProduct {
    pub(super) actor: Actor,
    pub(super) account: AccountName,
    pub(super) product: ProductSerial,
    pub(super) now: Timestamp,
}

impl Work for RegisterProduct {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        if let Some(account) = owner(tx, self.product).await? {
            return Err(Failure::Refused(DeskRefusal::ProductExists(
                self.product,
                account,
            )));
        }
        demand_account(tx, &self.account).await?;
        let registered = Product {
            serial: self.product,
            account: self.account.clone(),
            registered: self.now,
            retired: None,
        };
        put_product(tx, &registered).await?;
        let subject = self.product.as_str();
        let detail = format!("account \"{}\"", self.account);
        record(
            tx,
            &self.actor,
            "register-product",
            subject,
            &detail,
            self.now,
        )
        .await?;
        Ok(())
    }
}

pub(super) struct IssueLicence {
    pub(super) keys: Arc<Keys>,
    pub(super) actor: Actor,
    pub(super) licence: NewLicence,
    pub(super) now: Timestamp,
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
        match owner(tx, product).await? {
            None => Err(Failure::Refused(DeskRefusal::ProductUnknown(product))),
            Some(account) if account != self.licence.account => Err(Failure::Refused(
                DeskRefusal::ProductOfOther(product, account),
            )),
            Some(_) => Ok(()),
        }
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
            "INSERT INTO licence (serial, account, product, code, size, redeem_until, issued)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &vals![
                serial.as_str(),
                self.licence.account.as_str(),
                self.licence.product.as_ref().map(ProductSerial::as_str),
                &self.keys.licence_code(code),
                self.licence.size.tokens(),
                self.licence.redeem_until,
                self.now,
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

pub(super) struct SetLock {
    pub(super) actor: Actor,
    pub(super) token: TokenSerial,
    pub(super) lock: Lock,
    pub(super) reason: Box<str>,
    pub(super) now: Timestamp,
}

impl Work for SetLock {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let subject = self.token.as_str();
        if stock(tx, self.token).await?.is_none() {
            return Err(Failure::Refused(DeskRefusal::TokenUnknown(self.token)));
        }
        let changed = tx
            .exec(
                "UPDATE token SET locked = $2 WHERE serial = $1 AND locked <> $2",
                &vals![subject, self.lock == Lock::Locked],
            )
            .await?;
        if changed == 0 {
            return Ok(());
        }
        let action = match self.lock {
            Lock::Locked => "lock-token",
            Lock::Open => "unlock-token",
        };
        record(tx, &self.actor, action, subject, &self.reason, self.now).await?;
        Ok(())
    }
}

pub(super) struct ShowProduct {
    pub(super) serial: ProductSerial,
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

async fn product_record<T: Tx>(tx: &mut T, product: Product) -> Result<ProductRecord, SqlError> {
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
    Ok(ProductRecord {
        serial: product.serial,
        account: product.account,
        registered: product.registered,
        retired: product.retired,
        licences: licences
            .into_iter()
            .map(|row| (row.licence, row.issued))
            .collect(),
    })
}

pub(super) struct ShowLicence {
    pub(super) serial: LicenceSerial,
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

async fn licence_record<T: Tx>(
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

pub(super) struct ShowToken {
    pub(super) serial: TokenSerial,
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

async fn token_record<T: Tx>(
    tx: &mut T,
    serial: TokenSerial,
) -> Result<Option<TokenRecord>, SqlError> {
    let found = stock(tx, serial).await?;
    Ok(found.map(|row| TokenRecord {
        told: row.whether_told(),
        token: row.token,
        account: row.account,
        activated: row.activated,
    }))
}

pub(super) struct ShowEvents {
    pub(super) subject: Box<str>,
}

impl Work for ShowEvents {
    type Out = Vec<DeskEvent>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<DeskEvent>, Failure<DeskRefusal>> {
        let events = tx
            .rows(
                "SELECT at, actor, interface, action, subject, detail FROM desk_event
                 WHERE subject = $1 ORDER BY id",
                &vals![self.subject.as_ref()],
            )
            .await?;
        Ok(events)
    }
}

impl FromRow for DeskEvent {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        Ok(Self {
            at: row.get(0)?,
            actor: Actor {
                name: row.get::<String>(1)?.into(),
                interface: row.get::<String>(2)?.into(),
            },
            action: row.get::<String>(3)?.into(),
            subject: row.get::<String>(4)?.into(),
            detail: row.get::<String>(5)?.into(),
        })
    }
}

pub(super) async fn demand_account<T: Tx>(
    tx: &mut T,
    account: &AccountName,
) -> Result<(), Failure<DeskRefusal>> {
    let found = tx
        .row::<(i64,)>(
            "SELECT 1 FROM account WHERE name = $1",
            &vals![account.as_str()],
        )
        .await?;
    found
        .map(drop)
        .ok_or_else(|| Failure::Refused(DeskRefusal::AccountUnknown(account.clone())))
}

async fn demand_licence<T: Tx>(
    tx: &mut T,
    serial: LicenceSerial,
) -> Result<LicenceRow, Failure<DeskRefusal>> {
    let found = licence_row(tx, serial).await?;
    found.ok_or(Failure::Refused(DeskRefusal::LicenceUnknown(serial)))
}

async fn licence_row<T: Tx>(
    tx: &mut T,
    serial: LicenceSerial,
) -> Result<Option<LicenceRow>, SqlError> {
    tx.row(
        concat!(
            "SELECT ",
            licence_columns!(),
            " FROM licence WHERE serial = $1"
        ),
        &vals![serial.as_str()],
    )
    .await
}

/// Registers a product, also one that was taken off the register. Who had it before, under another
/// account, speaks for it no more, and has no code to do so again.
async fn put_product<T: Tx>(tx: &mut T, product: &Product) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM invitation WHERE product = $1",
        &vals![product.serial.as_str()],
    )
    .await?;
    tx.exec_one(
        "INSERT INTO product (serial, account, registered) VALUES ($1, $2, $3)
         ON CONFLICT (serial) DO UPDATE SET account = excluded.account,
             registered = excluded.registered, retired = NULL, successor = NULL,
             certificates_revoked = CASE WHEN product.account = excluded.account
                 THEN product.certificates_revoked ELSE excluded.registered END",
        &vals![
            product.serial.as_str(),
            product.account.as_str(),
            product.registered
        ],
    )
    .await
}

pub(super) async fn record<T: Tx>(
    tx: &mut T,
    actor: &Actor,
    action: &'static str,
    subject: &str,
    detail: &str,
    now: Timestamp,
) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO desk_event (at, actor, interface, action, subject, detail)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &vals![
            now,
            actor.name.as_ref(),
            actor.interface.as_ref(),
            action,
            subject,
            detail
        ],
    )
    .await
}

/// The code for trial tokens is not a licence's.
fn draw_code() -> Result<LicenceCode, Undecided> {
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
