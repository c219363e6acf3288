//! Moments as the administrator's clock shows them.

use std::fmt;

use domain::time::{Span, Timestamp};

/// The local time: how far it is ahead of universal time at a moment. The shell knows the rules.
#[derive(Clone, Copy)]
pub struct Zone(fn(Timestamp) -> Span);

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const SECONDS_A_DAY: i64 = 86_400;

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self(|_| Span::ZERO);

    /// The local time that is ahead of universal time by this.
    pub const fn ahead_by(offset: fn(Timestamp) -> Span) -> Self {
        Self(offset)
    }

    /// How far local time is ahead of universal time at a moment.
    pub fn ahead(self, moment: Timestamp) -> Span {
        (self.0)(moment)
    }

    fn local(self, moment: Timestamp) -> Timestamp {
        moment.after(self.ahead(moment))
    }

    /// `2022-10-13 22:59:21`.
    pub(crate) fn date_time(self, moment: Timestamp) -> String {
        self.local(moment)
            .to_string()
            .trim_end_matches('Z')
            .to_owned()
    }

    /// `Mon Jul 15 20:10:19 2024`, as C's `asctime` writes it but for the day, which has two digits.
    pub(crate) fn long(self, moment: Timestamp) -> String {
        let text = self.date_time(moment);
        let mut parts = text.split(['-', ' ']);
        let mut next = || parts.next().unwrap_or("");
        let (year, month, day, time) = (next(), next(), next(), next());
        let month = month
            .parse::<usize>()
            .ok()
            .and_then(|month| MONTHS.get(month.checked_sub(1)?));
        // 1970-01-01 was a Thursday.
        let days = self
            .local(moment)
            .secs()
            .div_euclid(SECONDS_A_DAY)
            .rem_euclid(7);
        let weekday = usize::try_from(days).ok().and_then(|days| DAYS.get(days));
        match (weekday, month) {
            (Some(weekday), Some(month)) => format!("{weekday} {month} {day} {time} {year}"),
            _ => text,
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Zone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_its_local_time() {
        let moment = Timestamp::from_secs(1_721_067_019);
        assert_eq!(Zone::UTC.long(moment), "Mon Jul 15 18:10:19 2024");
        let zone = Zone::ahead_by(|_| Span::from_hours(2));
        assert_eq!(zone.long(moment), "Mon Jul 15 20:10:19 2024");
        assert_eq!(zone.date_time(moment), "2024-07-15 20:10:19");
        assert_eq!(
            Zone::UTC.long(Timestamp::from_secs(0)),
            "Thu Jan 01 00:00:00 1970"
        );
        assert_eq!(
            Zone::UTC.long(Timestamp::from_secs(-1)),
            "Wed Dec 31 23:59:59 1969"
        );
    }
}
