//! Moments and spans, as the stores keep them.

use std::fmt;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A moment: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// A span of time in microseconds; may be negative as the difference of two moments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(i64);

impl Timestamp {
    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The moment `seconds` seconds after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Whole seconds since the epoch as time-based codes count them; moments before the epoch are 0.
    pub const fn unix(self) -> u64 {
        let seconds = self.secs();
        if seconds < 0 {
            0
        } else {
            seconds.unsigned_abs()
        }
    }

    /// The moment `span` later, held at the ends of the range.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The moment `span` earlier, held at the ends of the range.
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this moment is; negative if it is before.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Its length, whatever its direction.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// A span of `seconds`.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// A span of `milliseconds`.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(1_000))
    }

    /// A span of `minutes`.
    pub const fn from_mins(minutes: i64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// A span of `hours`.
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_mins(hours.saturating_mul(60))
    }

    /// A span of `days` of 24 hours.
    pub const fn from_days(days: i64) -> Self {
        Self::from_hours(days.saturating_mul(24))
    }

    /// The span in microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The span in whole seconds, rounded up so that a wait of this length is long enough.
    pub const fn secs_rounded_up(self) -> i64 {
        self.0
            .saturating_add(MICROS_PER_SECOND - 1)
            .div_euclid(MICROS_PER_SECOND)
    }

    /// The span in whole minutes, rounded down.
    pub const fn mins(self) -> i64 {
        self.0.div_euclid(60 * MICROS_PER_SECOND)
    }
}

impl Timestamp {
    /// The moment in universal time as configurations have it: `2026-11-22 03:10:12`.
    pub fn civil(self) -> String {
        Civil::of(self).to_string()
    }

    /// Reads what [`Self::civil`] writes; all zeros are no moment. A day that its month does not have is
    /// one of the next.
    pub fn from_civil(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(' ')?;
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(time, ':')?;
        let is_moment = (1..=12).contains(&month) && (1..=31).contains(&day);
        is_moment.then(|| {
            let days = days_from_civil(year, month, day);
            Self::from_secs(days * 86_400 + hour * 3_600 + minute * 60 + second)
        })
    }
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(str::parse::<u16>);
    let mut next = || parts.next()?.ok().map(i64::from);
    let numbers = [next()?, next()?, next()?];
    parts.next().is_none().then_some(numbers)
}

/// The inverse of [`Civil::of`], by the same author.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `2026-11-22 03:10:12Z`: universal time, for evidence and audit.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", Civil::of(*self))
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

/// A moment as a calendar and a clock show it in universal time.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Civil {
    /// The proleptic Gregorian date, by Howard Hinnant's `civil_from_days`: years begin in March so
    /// that the leap day is the last of its year.
    fn of(moment: Timestamp) -> Self {
        let seconds = moment.secs();
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_its_universal_time() {
        assert_eq!(
            Timestamp::from_secs(1_665_950_284).to_string(),
            "2022-10-16 19:58:04Z"
        );
        assert_eq!(Timestamp::from_secs(0).to_string(), "1970-01-01 00:00:00Z");
        assert_eq!(
            Timestamp::from_secs(951_782_400).to_string(),
            "2000-02-29 00:00:00Z"
        );
        assert_eq!(Timestamp::from_secs(-1).to_string(), "1969-12-31 23:59:59Z");
    }

    #[test]
    fn a_moment_is_read_back_from_its_civil_time() {
        for seconds in (-1_000_000_000..4_000_000_000).step_by(123_456_789) {
            let moment = Timestamp::from_secs(seconds);
            assert_eq!(Timestamp::from_civil(&moment.civil()), Some(moment));
        }
        let leap_day = Timestamp::from_secs(951_782_400);
        assert_eq!(Timestamp::from_civil("2000-02-29 00:00:00"), Some(leap_day));
        for none in [
            "0000-00-00 00:00:00",
            "2000-02-29",
            "",
            "2000-13-01 00:00:00",
        ] {
            assert_eq!(Timestamp::from_civil(none), None, "{none}");
        }
    }

    #[test]
    fn waits_round_up_to_whole_seconds() {
        assert_eq!(Span(1).secs_rounded_up(), 1);
        assert_eq!(Span::from_secs(2).secs_rounded_up(), 2);
        assert_eq!(Span::ZERO.secs_rounded_up(), 0);
    }
}
