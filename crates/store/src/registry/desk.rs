//! Customer service.

mod account;
mod issue;
mod life;
mod look;
mod show;
mod ticket;
mod timeline;
mod unit;

use std::fmt;

use domain::audit::Actor;
use domain::intake::BadLine;
use domain::licensing::{
    AccountName, AgentName, LifeRefusal, Lock, Product, ProductKind, Remark, RequestNumber,
    RequestRefusal, TicketNumber, TicketRefusal,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial, TokenSerial};

pub use self::account::{
    ACCOUNTS_MAX, AccountLine, AccountPage, AccountRecord, HardwareCount, HardwareImport,
    IMPORTS_MAX, POSSESSIONS_MAX,
};
pub(super) use self::issue::IssueLicence;
pub use self::issue::{IssuedLicence, NewLicence};
pub use self::life::{LicenceMoved, LicenceRenewed, LicenceRevoked};
pub use self::look::{Clue, Found, FoundBy, Sighting};
pub use self::show::{LicenceRecord, ProductRecord, TokenRecord};
pub(super) use self::show::{ShowLicence, ShowProduct, ShowToken};
pub use self::ticket::{OWN_TICKETS_MAX, TICKETS_MAX, TicketFilter};
pub use self::timeline::TIMELINE_MAX;
pub use self::unit::UnitReplaced;
use super::rows::{LicenceRow, licence_columns, owner, stock};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::vals;

/// Why the desk cannot do something.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeskRefusal {
    /// The account is there already.
    #[error("account \"{0}\" is registered already")]
    AccountExists(AccountName),
    /// Commands that name no account mean this one.
    #[error("account \"{0}\" is what commands mean that name no account: it keeps its name")]
    AccountFixed(AccountName),
    /// There is no such account.
    #[error("no account \"{0}\"; {advice}", advice = on_unknown_account(.0))]
    AccountUnknown(AccountName),
    /// The product is there already.
    #[error("product {0} is registered already, for account \"{1}\"")]
    ProductExists(ProductSerial, AccountName),
    /// There is no such product.
    #[error("product {0} is not registered; register it first")]
    ProductUnknown(ProductSerial),
    /// The product is no manager.
    #[error("{0} is no manager; `register-manager` makes it one")]
    ManagerUnknown(ProductSerial),
    /// A licence whose code no manager would know.
    #[error(
        "licence {0} has a code of an earlier version, which a manager cannot know; give it another first \
         (renew-licence --lost-code)"
    )]
    NoDigest(LicenceSerial),
    /// As many tokens as a reserve may have.
    #[error(
        "the reserve of {0} has as much as may be ({licences} licences, {tokens} tokens); take some back",
        licences = domain::licensing::RESERVE_LICENCES_MAX,
        tokens = domain::licensing::RESERVE_TOKENS_MAX
    )]
    ReserveFull(ProductSerial),
    /// A manager whose record went back.
    #[error(
        "{0} was put back from a backup, or enrolled anew: what it gave out besides nobody knows, and it gets no \
         reserve. Settle what it has now (`symbolon manager settlement`, `settle`); if that is refused, find out \
         what its gateways imported, and say `confirm-record {0}`"
    )]
    RecordBehind(ProductSerial),
    /// Nothing that could be confirmed.
    #[error(
        "{0} has not settled since it enrolled anew: let it reach the token server, or settle its file first \
         (`symbolon manager settlement`, `settle`)"
    )]
    NoSettlement(ProductSerial),
    /// A licence whose tokens only its manager knows.
    #[error(
        "which tokens licence {0} has nobody here knows any more: revoke it, and issue another (`revoke-licence`, \
         `issue-licence`)"
    )]
    TokensLost(LicenceSerial),
    /// A licence of one account for another account's product, or a ticket about one.
    #[error("product {0} belongs to account \"{1}\"; name that account, or another product")]
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
    /// As many as a customer may open by itself.
    #[error(
        "{max} tickets of account \"{0}\" are open, and its agents open no more; have the desk answer or close some",
        max = OWN_TICKETS_MAX
    )]
    TicketsFull(AccountName),
    /// A ticket stays as it is, and so does what would have closed it.
    #[error(transparent)]
    Ticket(TicketRefusal),
    /// A licence or a unit stays as it is.
    #[error(transparent)]
    Life(LifeRefusal),
    /// A hardware token whose seed nobody has.
    #[error("{0} is not activated; its seed can be given")]
    HardwareNotActivated(TokenSerial),
    /// An agent of this name works here.
    #[error(
        "agent {0} is there already; `certify-agent` gives it another certificate, `set-agent-role` another role"
    )]
    AgentExists(AgentName),
    /// No agent of this name works here.
    #[error("no agent {0} works at this desk; `list-agents` lists them, `add-agent` adds one")]
    AgentUnknown(AgentName),
    /// As many as there may be.
    #[error(
        "{} agents work at this desk, and no more may; revoke one that has left",
        super::AGENTS_MAX
    )]
    AgentsFull,
    /// There is no such request.
    #[error("no request {0}; `list-requests --all` lists them")]
    RequestUnknown(RequestNumber),
    /// A request stays as it is.
    #[error(transparent)]
    Request(RequestRefusal),
    /// As many as there may be.
    #[error(
        "as many requests wait as may ({} in all, {} of one agent); have another agent approve or reject some",
        super::WAITING_MAX,
        super::WAITING_OF_ONE_MAX
    )]
    RequestsFull,
    /// As many as one may ask.
    #[error(
        "{0} has asked for {asked} things within a day, and no more may wait; have another agent ask",
        asked = super::ASKED_OF_ONE_MAX
    )]
    RequestsOften(AgentName),
    /// The name of one message for two.
    #[error("this message id was used for another command")]
    MessageIdReused,
    /// Nobody knows whether it was done.
    #[error(
        "this command was begun before, and cut off; look whether it was done, and if not, ask under another \
         message id"
    )]
    MessageUnfinished,
    /// Lines of a file that cannot be used.
    #[error("{}", super::hardware::told(.0))]
    BadLines(Vec<BadLine>),
}

/// What is there may be called what nobody is called any more, so such a name is looked up first. If it is nobody's,
/// what is wrong with it may be what nobody sees.
fn on_unknown_account(name: &AccountName) -> String {
    match AccountName::parse(name.as_str()) {
        Ok(_) => "`list-accounts` lists them, `register-account` registers one".to_owned(),
        Err(why) => format!("{why}. `list-accounts` lists those that there are"),
    }
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
            kind: ProductKind::Gateway,
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

pub(super) async fn demand_licence<T: Tx>(
    tx: &mut T,
    serial: LicenceSerial,
) -> Result<LicenceRow, Failure<DeskRefusal>> {
    let found = licence_row(tx, serial).await?;
    found.ok_or(Failure::Refused(DeskRefusal::LicenceUnknown(serial)))
}

pub(super) async fn licence_row<T: Tx>(
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
/// account or until another unit took its place, speaks for it no more, has no code to do so again, and is sent no
/// phones. What was a manager has to be made one anew.
async fn put_product<T: Tx>(tx: &mut T, product: &Product) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM gateway_address WHERE product IN (SELECT serial FROM product
             WHERE serial = $1 AND (account <> $2 OR successor IS NOT NULL))",
        &vals![product.serial.as_str(), product.account.as_str()],
    )
    .await?;
    for forgotten in [
        "DELETE FROM invitation WHERE product = $1",
        "DELETE FROM manager WHERE serial = $1",
    ] {
        tx.exec(forgotten, &vals![product.serial.as_str()]).await?;
    }
    tx.exec_one(
        "INSERT INTO product (serial, account, registered) VALUES ($1, $2, $3)
         ON CONFLICT (serial) DO UPDATE SET account = excluded.account,
             registered = excluded.registered, retired = NULL, successor = NULL,
             certificate_generation = product.certificate_generation
                 + CASE WHEN product.account = excluded.account AND product.successor IS NULL
                   THEN 0 ELSE 1 END",
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

/// The event that was recorded last is about `subject`, too.
pub(super) async fn is_about<T: Tx>(tx: &mut T, subject: &str) -> Result<(), SqlError> {
    tx.exec_one(
        "INSERT INTO desk_event_about (subject, event) SELECT $1, max(id) FROM desk_event",
        &vals![subject],
    )
    .await
}
