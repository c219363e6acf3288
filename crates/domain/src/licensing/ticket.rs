//! What customers ask of the desk.

use std::fmt;

use ident::{LicenceSerial, ProductSerial};

use super::{AccountName, Change, Licence, Product, Remark};
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

/// What the desk did that may answer a ticket, with what it did it to as that was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed<'d> {
    /// A licence moved to a unit.
    Moved(&'d Licence, ProductSerial),
    /// A unit took another's place, with these licences.
    Replaced(&'d Product, ProductSerial, &'d [Licence]),
    /// Nothing that the system knows of.
    Other,
}

impl Deed<'_> {
    /// Whether it is what was asked for: of this account, from one unit to the other, and what is named or all.
    fn answers(&self, request: &TicketRequest) -> bool {
        let TicketRequest {
            account,
            old,
            new,
            licence,
            ..
        } = request;
        match self {
            Self::Moved(moved, to) => {
                moved.account == *account
                    && moved.product == Some(*old)
                    && to == new
                    && *licence == Some(moved.serial)
            }
            Self::Replaced(unit, to, licences) => {
                let goes = |named| licences.iter().any(|licence| licence.serial == named);
                unit.account == *account
                    && unit.serial == *old
                    && to == new
                    && licence.is_none_or(goes)
            }
            Self::Other => true,
        }
    }
}

impl fmt::Display for Deed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved(licence, to) => f.write_str(&move_licence(licence.serial, *to)),
            Self::Replaced(old, new, _) => f.write_str(&replace_unit(old.serial, *new)),
            Self::Other => f.write_str("close-ticket"),
        }
    }
}

fn move_licence(licence: LicenceSerial, to: ProductSerial) -> String {
    format!("move-licence {licence} --to {to}")
}

fn replace_unit(old: ProductSerial, new: ProductSerial) -> String {
    format!("replace-unit {old} {new}")
}

/// Why a ticket is not closed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketRefusal {
    /// It was closed before.
    #[error("ticket {0} is closed already, by {1}; open another")]
    Closed(TicketNumber, Box<str>),
    /// It asks for something else.
    #[error(
        "ticket {0} asks account \"{1}\" for {2} from {3}; leave --ticket out, or do that; what was done \
         before is closed with `close-ticket`"
    )]
    OtherMatter(TicketNumber, AccountName, Box<str>, ProductSerial),
}

impl Ticket {
    /// Decides whether `deed` closes it. One that comes again finds it closed by itself.
    pub fn close(&self, deed: Deed<'_>) -> Result<Change, TicketRefusal> {
        if let Some((_, by)) = &self.closed {
            return if **by == *deed.to_string() {
                Ok(Change::Already)
            } else {
                Err(TicketRefusal::Closed(self.number, by.clone()))
            };
        }
        if deed.answers(&self.request) {
            return Ok(Change::Made);
        }
        let TicketRequest { account, old, .. } = &self.request;
        let asked = self.asked();
        Err(TicketRefusal::OtherMatter(
            self.number,
            account.clone(),
            asked,
            *old,
        ))
    }

    /// The command that does what it asks for.
    fn asked(&self) -> Box<str> {
        let TicketRequest {
            old, new, licence, ..
        } = &self.request;
        let asked = match licence {
            Some(licence) => move_licence(*licence, *new),
            None => replace_unit(*old, *new),
        };
        asked.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::LicenceSize;
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

    fn owned(account: &str, number: u64, at: u8) -> Licence {
        Licence {
            serial: licence(number),
            account: AccountName::parse(account).unwrap(),
            product: Some(product(at)),
            size: LicenceSize::new(5).unwrap(),
            redeem_until: None,
            activated: None,
            moved: None,
            revoked: None,
            kept_by: None,
            claimed_for: None,
        }
    }

    fn unit(account: &str, number: u8) -> Product {
        Product {
            serial: product(number),
            account: AccountName::parse(account).unwrap(),
            registered: Timestamp::default(),
            retired: None,
            kind: crate::licensing::ProductKind::Gateway,
        }
    }

    #[test]
    fn a_ticket_is_closed_by_what_it_asks_for() {
        let (one, whole) = (ticket(Some(licence(1))), ticket(None));
        let (first, own) = (owned("own", 1, 1), unit("own", 1));
        let both = [first.clone(), owned("own", 3, 1)];
        let replaced = Deed::Replaced(&own, product(2), &both);
        for (ticket, deed) in [
            (&one, Deed::Moved(&first, product(2))),
            (&one, replaced),
            (&whole, replaced),
            (&whole, Deed::Replaced(&own, product(2), &[])),
            (&one, Deed::Other),
        ] {
            assert_eq!(ticket.close(deed), Ok(Change::Made), "{deed}");
        }
        let unbound = Licence {
            product: None,
            ..first.clone()
        };
        for (ticket, deed) in [
            (&one, Deed::Moved(&owned("own", 2, 1), product(2))),
            (&one, Deed::Moved(&owned("other", 1, 1), product(2))),
            (&one, Deed::Moved(&owned("own", 1, 3), product(2))),
            (&one, Deed::Moved(&unbound, product(2))),
            (&one, Deed::Moved(&first, product(3))),
            (&one, Deed::Replaced(&own, product(2), &both[1..])),
            (&whole, Deed::Moved(&first, product(2))),
            (&whole, Deed::Replaced(&unit("other", 1), product(2), &both)),
            (&whole, Deed::Replaced(&unit("own", 2), product(1), &both)),
        ] {
            let refused = ticket.close(deed).unwrap_err();
            assert!(matches!(refused, TicketRefusal::OtherMatter(..)), "{deed}");
        }
        let refused = one.close(Deed::Moved(&owned("own", 2, 1), product(2)));
        let refused = refused.unwrap_err().to_string();
        let asked = "asks account \"own\" for move-licence EFTM000000000001 --to FGT0000000000002 from \
                     FGT0000000000001";
        assert!(refused.contains(asked), "{refused}");
    }

    #[test]
    fn a_deed_that_comes_again_finds_the_ticket_closed_by_itself() {
        let own = unit("own", 1);
        let deed = Deed::Replaced(&own, product(2), &[]);
        let closed = Ticket {
            closed: Some((Timestamp::default(), deed.to_string().into())),
            ..ticket(None)
        };
        assert_eq!(closed.close(deed), Ok(Change::Already));
        let other = closed.close(Deed::Other).unwrap_err();
        assert!(matches!(other, TicketRefusal::Closed(..)));
    }
}
