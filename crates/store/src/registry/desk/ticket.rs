//! Tickets.

use domain::audit::Actor;
use domain::licensing::{
    AccountName, Change, Deed, Remark, Sight, Ticket, TicketNumber, TicketRefusal, TicketRequest,
};
use domain::time::Timestamp;

use super::{DeskRefusal, demand_account, demand_licence, licence_row, record};
use crate::engine::{Failure, FromRow, Row, SqlError, Tx, Work};
use crate::registry::RegistryStore;
use crate::registry::rows::{account, identifier, owner, product};
use crate::vals;

/// Tickets of one list, the latest: who looks for older ones names the account.
pub const TICKETS_MAX: u32 = 1_000;

/// Open tickets of an account up to which its own agents open more: what a desk reads through.
pub const OWN_TICKETS_MAX: usize = 100;

/// Which tickets a list has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TicketFilter {
    /// Those that are open.
    Open,
    /// All.
    All,
}

impl RegistryStore {
    /// Opens a ticket about what is seen; the same one again if it is open already.
    pub async fn open_ticket(
        &self,
        actor: Actor,
        request: TicketRequest,
        sight: Sight,
        now: Timestamp,
    ) -> Result<Ticket, Failure<DeskRefusal>> {
        self.database
            .write(OpenTicket {
                actor,
                request,
                sight,
                now,
            })
            .await
    }

    /// Closes a ticket that nothing here answers.
    pub async fn close_ticket(
        &self,
        actor: Actor,
        number: TicketNumber,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(CloseTicket {
                actor,
                number,
                reason,
                now,
            })
            .await
    }

    /// A ticket that is seen.
    pub async fn ticket(
        &self,
        number: TicketNumber,
        sight: Sight,
    ) -> Result<Ticket, Failure<DeskRefusal>> {
        self.database.read(ShowTicket { number, sight }).await
    }

    /// The latest tickets of all or of one account, or the latest before one of them, oldest first.
    pub async fn tickets(
        &self,
        account: Option<AccountName>,
        filter: TicketFilter,
        before: Option<TicketNumber>,
    ) -> Result<Vec<Ticket>, Failure<DeskRefusal>> {
        self.database
            .read(ListTickets {
                account,
                filter,
                before,
            })
            .await
    }
}

struct OpenTicket {
    actor: Actor,
    request: TicketRequest,
    sight: Sight,
    now: Timestamp,
}

impl Work for OpenTicket {
    type Out = Ticket;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Ticket, Failure<DeskRefusal>> {
        self.demand_seen(tx).await?;
        let account = &self.request.account;
        demand_account(tx, account).await?;
        if let Some(serial) = self.request.licence {
            let owner = demand_licence(tx, serial).await?.licence.account;
            if owner != *account {
                return Err(Failure::Refused(DeskRefusal::LicenceOfOther(serial, owner)));
            }
        }
        self.demand_own_units(tx).await?;
        let account = &self.request.account;
        let open = tickets(tx, Some(account), TicketFilter::Open, None).await?;
        let is_full = open.len() >= OWN_TICKETS_MAX && self.sight != Sight::Everything;
        if let Some(same) = open.into_iter().find(|it| it.request == self.request) {
            return Ok(same);
        }
        if is_full {
            return Err(Failure::Refused(DeskRefusal::TicketsFull(account.clone())));
        }
        self.insert(tx).await
    }
}

impl OpenTicket {
    /// Neither unit is another customer's, as far as whoever asks may know.
    async fn demand_own_units<T: Tx>(&self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let TicketRequest {
            account, old, new, ..
        } = &self.request;
        for unit in [*old, *new] {
            let owner = owner(tx, unit).await?;
            if let Some(other) = owner.filter(|it| it != account && self.sight.sees(it)) {
                return Err(Failure::Refused(DeskRefusal::ProductOfOther(unit, other)));
            }
        }
        Ok(())
    }

    /// A customer asks about its own: of others' it is told what it is told of what nobody has. Whose the new
    /// unit is it need not know.
    async fn demand_seen<T: Tx>(&self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let Sight::Account(own) = &self.sight else {
            return Ok(());
        };
        let TicketRequest {
            account,
            old,
            licence,
            ..
        } = &self.request;
        let refused = |why| Err(Failure::Refused(why));
        if account != own {
            return refused(DeskRefusal::AccountUnknown(account.clone()));
        }
        if product(tx, *old)
            .await?
            .is_none_or(|unit| unit.account != *own)
        {
            return refused(DeskRefusal::ProductUnknown(*old));
        }
        match licence {
            Some(serial)
                if licence_row(tx, *serial)
                    .await?
                    .is_none_or(|row| row.licence.account != *own) =>
            {
                refused(DeskRefusal::LicenceUnknown(*serial))
            }
            _ => Ok(()),
        }
    }

    async fn insert<T: Tx>(self, tx: &mut T) -> Result<Ticket, Failure<DeskRefusal>> {
        let TicketRequest {
            account,
            old,
            new,
            licence,
            reason,
        } = &self.request;
        let licence = licence.as_ref().map(ident::LicenceSerial::as_str);
        tx.exec_one(
            "INSERT INTO ticket (account, old_product, new_product, licence, reason, opened)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &vals![
                account.as_str(),
                old.as_str(),
                new.as_str(),
                licence,
                reason.as_str(),
                self.now
            ],
        )
        .await?;
        let last = tx
            .row::<(Option<u32>,)>("SELECT max(number) FROM ticket", &[])
            .await?;
        let number = TicketNumber(last.and_then(|(number,)| number).unwrap_or_default());
        let what = licence.unwrap_or("all");
        let detail = format!("{number}: {what} from {old} to {new}: {reason}");
        let subject = account.as_str();
        record(tx, &self.actor, "open-ticket", subject, &detail, self.now).await?;
        Ok(Ticket {
            number,
            opened: self.now,
            closed: None,
            request: self.request,
        })
    }
}

struct CloseTicket {
    actor: Actor,
    number: TicketNumber,
    reason: Remark,
    now: Timestamp,
}

impl Work for CloseTicket {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        let change = close(tx, Some(self.number), Deed::Other, self.now).await?;
        if change == Change::Made {
            let account = demand_ticket(tx, self.number).await?.request.account;
            let detail = format!("{}: {}", self.number, self.reason);
            let subject = account.as_str();
            record(tx, &self.actor, "close-ticket", subject, &detail, self.now).await?;
        }
        Ok(change)
    }
}

/// Closes the ticket that a deed answers, if one is named.
pub(super) async fn close<T: Tx>(
    tx: &mut T,
    number: Option<TicketNumber>,
    deed: Deed<'_>,
    now: Timestamp,
) -> Result<Change, Failure<DeskRefusal>> {
    let Some(number) = number else {
        return Ok(Change::Already);
    };
    let change = demand_ticket(tx, number).await?.close(deed)?;
    if change == Change::Made {
        let by = deed.to_string();
        tx.exec_one(
            "UPDATE ticket SET closed = $2, closed_by = $3 WHERE number = $1 AND closed IS NULL",
            &vals![number.0, now, by.as_str()],
        )
        .await?;
    }
    Ok(change)
}

impl From<TicketRefusal> for Failure<DeskRefusal> {
    fn from(why: TicketRefusal) -> Self {
        Self::Refused(DeskRefusal::Ticket(why))
    }
}

async fn demand_ticket<T: Tx>(
    tx: &mut T,
    number: TicketNumber,
) -> Result<Ticket, Failure<DeskRefusal>> {
    let found = tx
        .row(
            "SELECT number, account, old_product, new_product, licence, reason, opened, closed,
                 closed_by
             FROM ticket WHERE number = $1",
            &vals![number.0],
        )
        .await?;
    found.ok_or(Failure::Refused(DeskRefusal::TicketUnknown(number)))
}

struct ShowTicket {
    number: TicketNumber,
    sight: Sight,
}

impl Work for ShowTicket {
    type Out = Ticket;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Ticket, Failure<DeskRefusal>> {
        let ticket = demand_ticket(tx, self.number).await?;
        if self.sight.sees(&ticket.request.account) {
            Ok(ticket)
        } else {
            Err(Failure::Refused(DeskRefusal::TicketUnknown(self.number)))
        }
    }
}

struct ListTickets {
    account: Option<AccountName>,
    filter: TicketFilter,
    before: Option<TicketNumber>,
}

impl Work for ListTickets {
    type Out = Vec<Ticket>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<Ticket>, Failure<DeskRefusal>> {
        Ok(tickets(tx, self.account.as_ref(), self.filter, self.before).await?)
    }
}

/// The latest tickets of all or of one account, or the latest before one of them, oldest first.
pub(super) async fn tickets<T: Tx>(
    tx: &mut T,
    account: Option<&AccountName>,
    filter: TicketFilter,
    before: Option<TicketNumber>,
) -> Result<Vec<Ticket>, SqlError> {
    let mut tickets: Vec<Ticket> = tx
        .rows(
            "SELECT number, account, old_product, new_product, licence, reason, opened, closed,
                 closed_by
             FROM ticket
             WHERE ($1 IS NULL OR account = $1) AND ($2 OR closed IS NULL) AND ($4 IS NULL OR number < $4)
             ORDER BY number DESC LIMIT $3",
            &vals![
                account.map(AccountName::as_str),
                filter == TicketFilter::All,
                TICKETS_MAX,
                before.map(|ticket| ticket.0)
            ],
        )
        .await?;
    tickets.reverse();
    Ok(tickets)
}

impl FromRow for Ticket {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let number: u32 = row.get(0)?;
        let key = number.to_string();
        let damaged = |field| SqlError::damaged("ticket", key.as_str(), field);
        let licence: Option<String> = row.get(4)?;
        let closed: Option<Timestamp> = row.get(7)?;
        let by: Option<String> = row.get(8)?;
        let request = TicketRequest {
            account: account(&row.get::<String>(1)?, "ticket", &key)?,
            old: identifier(&row.get::<String>(2)?, "ticket", &key, "old_product")?,
            new: identifier(&row.get::<String>(3)?, "ticket", &key, "new_product")?,
            licence: licence
                .map(|text| identifier(&text, "ticket", &key, "licence"))
                .transpose()?,
            reason: Remark::parse(&row.get::<String>(5)?).map_err(|_| damaged("reason"))?,
        };
        Ok(Self {
            number: TicketNumber(number),
            request,
            opened: row.get(6)?,
            closed: closed.zip(by.map(String::into_boxed_str)),
        })
    }
}
