//! What customers ask of the desk.

use std::fmt;

use ident::{LicenceSerial, ProductSerial};

use super::{AccountName, Change, Remark};
use crate::time::Timestamp;

/// The number of a ticket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TicketNumber(pub u32);

impl fmt::Display for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a ticket asks for: that what one unit has goes to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TicketRequest {
    /// Whose it is.
    pub account: AccountName,
    /// The unit that has it.
    pub old: ProductSerial,
    /// The unit that is to have it.
    pub new: ProductSerial,
    /// This licence alone; else all of the unit.
    pub licence: Option<LicenceSerial>,
    /// Why.
    pub reason: Remark,
}

/// A ticket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Its number.
    pub number: TicketNumber,
    /// What it asks for.
    pub request: TicketRequest,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed, and by which of the desk's actions.
    pub closed: Option<(Timestamp, Box<str>)>,
}

/// What the desk did that may answer a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A licence moved.
    Moved(LicenceSerial, ProductSerial),
    /// A unit took another's place.
    Replaced(ProductSerial, ProductSerial),
    /// Nothing that the system knows of.
    Other,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved(licence, to) => write!(f, "move-licence {licence} --to {to}"),
            Self::Replaced(old, new) => write!(f, "replace-unit {old} {new}"),
            Self::Other => f.write_str("close-ticket"),
        }
    }
}

/// Why a ticket is not closed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketRefusal {
    /// It was closed before.
    #[error("ticket {0} is closed already, by {1}; open another")]
    Closed(TicketNumber, Box<str>),
    /// It asks for something else.
    #[error("ticket {0} asks for {1}; leave --ticket out, or do that")]
    OtherMatter(TicketNumber, Box<str>),
}

impl Ticket {
    /// Decides whether `deed` closes it. One that comes again finds it closed by itself.
    pub fn close(&self, deed: Deed) -> Result<Change, TicketRefusal> {
        if let Some((_, by)) = &self.closed {
            return if **by == *deed.to_string() {
                Ok(Change::Already)
            } else {
                Err(TicketRefusal::Closed(self.number, by.clone()))
            };
        }
        let TicketRequest {
            old, new, licence, ..
        } = &self.request;
        let is_its_matter = match deed {
            Deed::Moved(moved, to) => to == *new && licence.is_none_or(|named| named == moved),
            Deed::Replaced(from, to) => (from, to) == (*old, *new),
            Deed::Other => true,
        };
        if is_its_matter {
            Ok(Change::Made)
        } else {
            Err(TicketRefusal::OtherMatter(self.number, self.asked()))
        }
    }

    /// The command that does what it asks for.
    fn asked(&self) -> Box<str> {
        let TicketRequest {
            old, new, licence, ..
        } = &self.request;
        let asked = match licence {
            Some(licence) => Deed::Moved(*licence, *new),
            None => Deed::Replaced(*old, *new),
        };
        asked.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(number: u8) -> ProductSerial {
        ProductSerial::parse(&format!("FGT{number:013}")).unwrap()
    }

    fn licence(number: u64) -> LicenceSerial {
        LicenceSerial::purchased(number).unwrap()
    }

    fn ticket(licence: Option<LicenceSerial>) -> Ticket {
        let request = TicketRequest {
            account: AccountName::parse("own").unwrap(),
            old: product(1),
            new: product(2),
            licence,
            reason: Remark::parse("RMA").unwrap(),
        };
        Ticket {
            number: TicketNumber(7),
            request,
            opened: Timestamp::default(),
            closed: None,
        }
    }

    #[test]
    fn a_ticket_is_closed_by_what_it_asks_for() {
        let (one, whole) = (ticket(Some(licence(1))), ticket(None));
        let moved = |number| Deed::Moved(licence(number), product(2));
        let replaced = Deed::Replaced(product(1), product(2));
        for (ticket, deed) in [
            (&one, moved(1)),
            (&whole, moved(3)),
            (&one, replaced),
            (&whole, replaced),
            (&one, Deed::Other),
        ] {
            assert_eq!(ticket.close(deed), Ok(Change::Made), "{deed}");
        }
        for (ticket, deed) in [
            (&one, moved(2)),
            (&whole, Deed::Moved(licence(1), product(3))),
            (&whole, Deed::Replaced(product(2), product(1))),
        ] {
            let refused = ticket.close(deed).unwrap_err();
            assert!(matches!(refused, TicketRefusal::OtherMatter(..)), "{deed}");
        }
    }

    #[test]
    fn a_deed_that_comes_again_finds_the_ticket_closed_by_itself() {
        let deed = Deed::Replaced(product(1), product(2));
        let closed = Ticket {
            closed: Some((Timestamp::default(), deed.to_string().into())),
            ..ticket(None)
        };
        assert_eq!(closed.close(deed), Ok(Change::Already));
        let other = closed.close(Deed::Other).unwrap_err();
        assert!(matches!(other, TicketRefusal::Closed(..)));
    }
}
