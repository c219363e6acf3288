//! Entries of `config certificate local` as what they hold.

use crate::time::{Span, Timestamp};

/// From here on a certificate that nothing renews by itself is warned of: an order at a public authority and its
/// approval take days.
pub const WARN_BEFORE: Span = Span::from_days(30);

/// What stands in an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its name.
    pub name: Box<str>,
    /// Which settings name it, such as `system global admin-server-cert`.
    pub used_by: Option<Box<str>>,
    /// What can be done with it.
    pub state: State,
    /// How it stands with the authority that renews it, if one does.
    pub enrolment: Option<Enrolment>,
}

/// How it stands with an authority that gives certificates by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Enrolment {
    /// It is asked next at this moment.
    Waits(Timestamp),
    /// It gave none: why, and when it is asked again.
    Failed(Box<str>, Timestamp),
}

/// What can be done with an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It can be shown.
    Ready(Box<Details>),
    /// There is a key and a signing request, and no certificate yet.
    Requested,
    /// There is nothing in it yet.
    Empty,
    /// It cannot be shown: why.
    Unusable(Box<str>),
}

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// Whose it is.
    pub subject: Box<str>,
    /// Who says so.
    pub issuer: Box<str>,
    /// Names and addresses for which it is good.
    pub names: Vec<Box<str>>,
    /// Its serial number, in hex digits.
    pub serial: Box<str>,
    /// What its key is: `RSA`, `EC secp256r1`.
    pub key: Box<str>,
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it ends to be valid.
    pub not_after: Timestamp,
    /// Certificates of authorities behind it.
    pub authorities: usize,
}

/// Where a moment stands in the life of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// It begins later.
    NotYet,
    /// For so many whole days more.
    Days(i64),
    /// It ends so soon, in so many whole days, that somebody has to be warned.
    Ending(i64),
    /// It ended.
    Ended,
}

impl Validity {
    /// Where `now` stands in the life of one that is valid between these moments.
    pub fn at(now: Timestamp, not_before: Timestamp, not_after: Timestamp) -> Self {
        if now < not_before {
            return Self::NotYet;
        }
        if now >= not_after {
            return Self::Ended;
        }
        let left = not_after.since(now);
        let days = left.mins() / (24 * 60);
        // One that lives for less than three such times is new at its beginning, not at its end.
        if left <= WARN_BEFORE.min(third(not_before, not_after)) {
            Self::Ending(days)
        } else {
            Self::Days(days)
        }
    }
}

impl Details {
    /// Where `now` stands in its life.
    pub fn validity(&self, now: Timestamp) -> Validity {
        Validity::at(now, self.not_before, self.not_after)
    }

    /// When to have it renewed, so long before its end; never before the last third of its life.
    pub fn renewed_from(&self, window: Span) -> Timestamp {
        let third = third(self.not_before, self.not_after);
        self.not_after.before(window.min(third))
    }
}

fn third(not_before: Timestamp, not_after: Timestamp) -> Span {
    Span::from_micros(not_after.since(not_before).micros() / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn living(days: i64) -> Details {
        Details {
            subject: Box::default(),
            issuer: Box::default(),
            names: Vec::new(),
            serial: Box::default(),
            key: Box::default(),
            fingerprint: [0; 32],
            not_before: Timestamp::from_secs(0),
            not_after: Timestamp::from_secs(0).after(Span::from_days(days)),
            authorities: 0,
        }
    }

    fn on(day: i64) -> Timestamp {
        Timestamp::from_secs(0).after(Span::from_days(day))
    }

    #[test]
    fn a_certificate_of_a_year_is_warned_of_in_its_last_thirty_days() {
        let year = living(365);
        assert_eq!(year.validity(on(-1)), Validity::NotYet);
        assert_eq!(year.validity(on(334)), Validity::Days(31));
        assert_eq!(year.validity(on(335)), Validity::Ending(30));
        assert_eq!(year.validity(on(365)), Validity::Ended);
    }

    #[test]
    fn one_of_a_few_days_is_warned_of_in_its_last_third() {
        let week = living(6);
        assert_eq!(week.validity(on(3)), Validity::Days(3));
        assert_eq!(week.validity(on(4)), Validity::Ending(2));
    }
}
