//! What customers ask for.

use std::fmt;

use domain::audit::Actor;
use domain::licensing::{AccountName, Change, Remark, Ticket, TicketNumber, TicketRequest};
use ident::LicenceSerial;
use store::registry::{DeskRefusal, TICKETS_MAX, TicketFilter};

use super::{Desk, DeskError};

impl Desk {
    /// Opens a ticket; the same one again if it is open already.
    pub async fn open_ticket(
        &self,
        actor: Actor,
        request: TicketRequest,
    ) -> Result<Ticket, DeskError> {
        Ok(self
            .store
            .open_ticket(actor, request, self.sight.clone(), self.clock.now())
            .await?)
    }

    /// Closes a ticket that nothing here answers.
    pub async fn close_ticket(
        &self,
        actor: Actor,
        number: TicketNumber,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        Ok(self
            .store
            .close_ticket(actor, number, reason, self.clock.now())
            .await?)
    }

    /// A ticket.
    pub async fn ticket(&self, number: TicketNumber) -> Result<Ticket, DeskError> {
        Ok(self.store.ticket(number, self.sight.clone()).await?)
    }

    /// The latest tickets of one account, or of all that are seen, oldest first, as many as
    /// [`TICKETS_MAX`]: those before a ticket, if one is named.
    pub async fn tickets(
        &self,
        account: Option<AccountName>,
        filter: TicketFilter,
        before: Option<TicketNumber>,
    ) -> Result<Vec<Ticket>, DeskError> {
        let account = account.or_else(|| self.sight.account().cloned());
        if let Some(name) = &account {
            self.demand_seen(name, DeskRefusal::AccountUnknown(name.clone()))?;
        }
        Ok(self.store.tickets(account, filter, before).await?)
    }
}

/// The head of a list of tickets.
pub const TICKETS_HEAD: &str =
    "TICKET  STATE   OPENED                OLD               NEW               LICENCE";

/// The latest tickets.
#[derive(Clone, Copy, Debug)]
pub struct TicketTable<'t>(pub &'t [Ticket]);

impl fmt::Display for TicketTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TICKETS_HEAD}")?;
        let is_full = u32::try_from(self.0.len()).is_ok_and(|count| count >= TICKETS_MAX);
        if let Some(first) = self.0.first().filter(|_| is_full) {
            writeln!(
                f,
                "({TICKETS_MAX} tickets; `list-tickets … --before {}` has those in front)",
                first.number
            )?;
        }
        self.0
            .iter()
            .try_for_each(|ticket| TicketLine(ticket).fmt(f))
    }
}

/// A ticket as a line of a list, and below it why, and what closed it.
#[derive(Clone, Copy, Debug)]
pub struct TicketLine<'t>(pub &'t Ticket);

impl fmt::Display for TicketLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ticket {
            number,
            request,
            opened,
            closed,
        } = self.0;
        let state = if closed.is_some() { "closed" } else { "open" };
        let licence = request
            .licence
            .as_ref()
            .map_or("all", LicenceSerial::as_str);
        writeln!(
            f,
            "{number:>6}  {state:<6}  {opened}  {:<16}  {:<16}  {licence}",
            request.old, request.new
        )?;
        writeln!(f, "        \"{}\": {}", request.account, request.reason)?;
        match closed {
            Some((at, by)) => writeln!(f, "        closed at {at} by {by}"),
            None => Ok(()),
        }
    }
}
