//! Rows that are measured in turns with their floor.
//!
//! A machine is not the same for a minute: a hypervisor moves a virtual processor to another cache, from where a line
//! that two threads share takes five times as long, and back. What is measured then compares with what is measured
//! within the same second, so a row and its floor take turns, each turn has ratios of its own, and their medians count.

use std::fmt;

use super::load::{Outstanding, Row};

/// How often a row and its floor take their turns, if there are logins for as many.
pub(super) const TURNS: u32 = 5;

/// Logins that a turn needs for each request outstanding: its first and its last ones are no measure, since fewer are
/// outstanding.
const LOGINS_EACH: u32 = 64;

/// How many turns so many logins make: one at least.
pub(super) fn count(logins: u32, outstanding: Outstanding) -> u32 {
    (logins / (outstanding.count() * LOGINS_EACH)).clamp(1, TURNS)
}

/// A row, turn by turn, and the floor beside each.
#[derive(Debug, Default)]
pub(super) struct Turns {
    rows: Vec<Row>,
    floors: Vec<Row>,
}

impl Turns {
    pub(super) fn push(&mut self, row: Row, floor: Option<Row>) {
        self.rows.push(row);
        self.floors.extend(floor);
    }

    /// The medians of its turns. `None` before the first.
    pub(super) fn row(&self) -> Option<Row> {
        Row::median(&self.rows)
    }

    /// The medians of the floor's turns. `None` without a floor.
    pub(super) fn floor(&self) -> Option<Row> {
        Row::median(&self.floors)
    }

    /// The rates as parts of the floor's.
    pub(super) fn rates(&self) -> Option<Ratio> {
        self.ratio(|row| row.rate)
    }

    /// The CPU times as multiples of the floor's.
    pub(super) fn cpu_times(&self) -> Option<Ratio> {
        self.ratio(|row| row.cpu.as_secs_f64())
    }

    fn ratio(&self, of: impl Fn(&Row) -> f64) -> Option<Ratio> {
        let turns = self.rows.iter().zip(&self.floors);
        let mut ratios: Vec<f64> = turns.map(|(row, floor)| of(row) / of(floor)).collect();
        ratios.sort_by(f64::total_cmp);
        Some(Ratio {
            least: *ratios.first()?,
            median: *ratios.get(ratios.len() / 2)?,
            most: *ratios.last()?,
        })
    }
}

/// What the turns of a row and of its floor have between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ratio {
    least: f64,
    median: f64,
    most: f64,
}

/// The median, then from where to where the turns go: `0.62 (0.58 to 0.65)`.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            least,
            median,
            most,
        } = self;
        write!(f, "{median:.2} ({least:.2} to {most:.2})")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(rate: f64, micros: u64) -> Row {
        Row {
            outstanding: Outstanding::of(64),
            rate,
            p50: Duration::from_micros(micros),
            p99: Duration::from_micros(2 * micros),
            cpu: Duration::from_micros(micros),
            answered: 100,
            retransmitted: 1,
        }
    }

    #[test]
    fn each_turn_is_compared_with_the_floor_of_the_same_turn() {
        let mut turns = Turns::default();
        // The machine is half as fast in the second turn.
        turns.push(row(60.0, 8), Some(row(100.0, 4)));
        turns.push(row(30.0, 16), Some(row(50.0, 8)));
        turns.push(row(90.0, 12), Some(row(100.0, 4)));
        assert_eq!(turns.rates().unwrap().to_string(), "0.60 (0.60 to 0.90)");
        let cpu = turns.cpu_times().unwrap();
        assert_eq!(cpu.to_string(), "2.00 (2.00 to 3.00)");
        let (ours, floor) = (turns.row().unwrap(), turns.floor().unwrap());
        assert!((ours.rate - 60.0).abs() < f64::EPSILON);
        assert!((floor.rate - 100.0).abs() < f64::EPSILON);
        assert_eq!(ours.p50, Duration::from_micros(12));
        assert_eq!(ours.p99, Duration::from_micros(24));
        assert_eq!((ours.answered, ours.retransmitted), (300, 3));
    }

    #[test]
    fn few_logins_are_not_cut_into_turns_in_which_nothing_is_outstanding() {
        assert_eq!(count(666, Outstanding::of(256)), 1);
        assert_eq!(count(666, Outstanding::of(64)), 1);
        assert_eq!(count(666, Outstanding::of(1)), TURNS);
        assert_eq!(count(3 * 256 * LOGINS_EACH, Outstanding::of(256)), 3);
        assert_eq!(count(100_000, Outstanding::of(256)), TURNS);
        assert_eq!(count(0, Outstanding::of(1)), 1);
    }

    #[test]
    fn a_row_without_a_floor_has_no_ratio() {
        let mut turns = Turns::default();
        assert!(turns.row().is_none());
        turns.push(row(60.0, 8), None);
        assert!(turns.row().is_some() && turns.floor().is_none() && turns.rates().is_none());
    }
}
