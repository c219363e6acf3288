//! What customers ask of the desk.

use anyhow::Result;
use clap::{Args, Subcommand};
use domain::audit::Actor;
use domain::licensing::{AccountName, TicketNumber, TicketRequest};
use ident::{LicenceSerial, ProductSerial};
use registry::{Desk, TICKETS_HEAD, TicketLine, TicketTable};
use serde_json::json;
use store::registry::TicketFilter;

use super::answer::{Answer, TicketView, is_made};
use super::command::{Why, account_name, ticket_number};

#[derive(Debug, Subcommand)]
pub(super) enum TicketCommand {
    /// Note that a customer wants what one gateway has on another
    OpenTicket(OpenTicket),
    /// Close a ticket that no other command answers
    CloseTicket {
        /// Its number
        #[arg(value_parser = ticket_number)]
        ticket: TicketNumber,
        #[command(flatten)]
        why: Why,
    },
    /// Show a ticket
    Ticket {
        /// Its number
        #[arg(value_parser = ticket_number)]
        ticket: TicketNumber,
    },
    /// List the tickets that are open, the latest thousand
    ListTickets {
        /// Those of one customer
        #[arg(long, value_parser = account_name)]
        account: Option<AccountName>,
        /// Also those that are closed
        #[arg(long)]
        all: bool,
        /// The latest before this one: the first of a page
        #[arg(long, value_name = "TICKET", value_parser = ticket_number)]
        before: Option<TicketNumber>,
    },
}

#[derive(Debug, Args)]
pub(super) struct OpenTicket {
    /// The customer
    #[arg(long, value_parser = account_name)]
    account: AccountName,
    /// The gateway that has the licences
    #[arg(long, value_name = "SERIAL")]
    old: ProductSerial,
    /// The gateway that is to have them
    #[arg(long, value_name = "SERIAL")]
    new: ProductSerial,
    /// One licence, EFTM…; else all
    #[arg(long)]
    licence: Option<LicenceSerial>,
    #[command(flatten)]
    why: Why,
}

impl From<OpenTicket> for TicketRequest {
    fn from(args: OpenTicket) -> Self {
        let OpenTicket {
            account,
            old,
            new,
            licence,
            why,
        } = args;
        Self {
            account,
            old,
            new,
            licence,
            reason: why.reason,
        }
    }
}

impl TicketCommand {
    pub(super) async fn carry_out(self, actor: Actor, desk: &Desk) -> Result<Answer> {
        match self {
            Self::OpenTicket(request) => {
                let ticket = desk.open_ticket(actor, request.into()).await?;
                let text = format!("ticket {} is open\n", ticket.number);
                Ok(Answer::new(text, &TicketView::from(&ticket))?)
            }
            Self::CloseTicket { ticket, why } => {
                let change = desk.close_ticket(actor, ticket, why.reason).await?;
                let text = format!("ticket {ticket} is closed\n");
                let data = json!({ "ticket": ticket.0, "changed": is_made(change) });
                Ok(Answer::new(text, &data)?)
            }
            Self::Ticket { ticket } => {
                let ticket = desk.ticket(ticket).await?;
                let text = format!("{TICKETS_HEAD}\n{}", TicketLine(&ticket));
                Ok(Answer::new(text, &TicketView::from(&ticket))?)
            }
            Self::ListTickets {
                account,
                all,
                before,
            } => {
                let filter = if all {
                    TicketFilter::All
                } else {
                    TicketFilter::Open
                };
                let tickets = desk.tickets(account, filter, before).await?;
                let text = TicketTable(&tickets).to_string();
                let tickets: Vec<_> = tickets.iter().map(TicketView::from).collect();
                Ok(Answer::new(text, &json!({ "tickets": tickets }))?)
            }
        }
    }
}
