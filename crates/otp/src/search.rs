//! Which step does a code belong to, and may it still be used?
//!
//! Every step of a window is computed and compared, whether or not one matched before: the time taken
//! tells neither whether nor where. What was spent is known to the caller and no secret.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::hotp::Keyed;
use crate::{Code, Kind, Parameters, Period, Seed, Step};

/// How far a token's clock is known to be off, in steps; ahead is positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Drift(pub i32);

/// How many steps around the expected one are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// Steps before the expected one. A counter never goes back: HOTP ignores this.
    pub behind: u16,
    /// Steps after the expected one.
    pub ahead: u16,
}

impl Window {
    /// A login with a time-based token: RFC 6238 section 5.2 advises one step for the delay between
    /// reading and checking; a drift measured in whole steps needs it on both sides.
    pub const LOGIN: Self = Self::around(1);
    /// Resynchronisation of a time-based token: the described authenticators look an hour either way,
    /// 60 steps of 60 s.
    pub const SYNC: Self = Self::around(60);
    /// A login with an event-based token: the described default of three idle presses.
    pub const COUNTER_LOGIN: Self = Self {
        behind: 0,
        ahead: 3,
    };
    /// Resynchronisation of an event-based token: the described default of 100 presses.
    pub const COUNTER_SYNC: Self = Self {
        behind: 0,
        ahead: 100,
    };

    /// As many steps behind as ahead.
    pub const fn around(steps: u16) -> Self {
        Self {
            behind: steps,
            ahead: steps,
        }
    }

    /// How many steps are looked at.
    pub const fn steps(self) -> usize {
        self.behind as usize + 1 + self.ahead as usize
    }

    fn first(self, kind: Kind) -> i32 {
        match kind {
            Kind::Totp(_) => -i32::from(self.behind),
            Kind::Hotp => 0,
        }
    }

    fn last(self) -> i32 {
        i32::from(self.ahead)
    }
}

/// What became of the search for a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The earliest step of the window that shows the code and is not spent.
    Fresh {
        /// The step that must be spent before anyone is let in.
        step: Step,
        /// Its distance from the centre, to be added to the drift.
        offset: i32,
    },
    /// Only spent steps of the window show the code; this is the last of them.
    Spent {
        /// The step that was spent, or passed over by the spending of a later one.
        step: Step,
    },
    /// No step of the window shows the code.
    Absent,
}

/// Two codes of consecutive steps, accepted together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resynced {
    /// The step of the second code. Spending it spends the first as well.
    pub step: Step,
    /// The second code's distance from the centre, to be added to the drift.
    pub drift_offset: i32,
}

/// The step that a token with this drift shows at `now_unix`, held at the ends of the range.
pub fn centre(period: Period, now_unix: u64, drift: Drift) -> Step {
    Step(
        period
            .step_at(now_unix)
            .0
            .saturating_add_signed(i64::from(drift.0)),
    )
}

/// Looks for `code` in the `window` around `centre`.
///
/// A step is spent if it is not after `spent`. Neighbouring steps can share a code: a match on a spent
/// step does not hide a later fresh one. A code of another length than the token's is absent.
pub fn search(
    seed: &Seed,
    parameters: Parameters,
    centre: Step,
    window: Window,
    code: &Code,
    spent: Option<Step>,
) -> Found {
    if code.digits() != parameters.digits {
        return Found::Absent;
    }
    let keyed = Keyed::new(seed, parameters.digest);
    let wanted = code.number();
    let mut fresh = Hit::none();
    let mut stale = Hit::none();
    for offset in window.first(parameters.kind)..=window.last() {
        let Some(step) = centre.offset(offset) else {
            continue;
        };
        let matches = shows(&keyed, parameters, step, wanted);
        if is_spent(step, spent) {
            stale.set_if(matches, step, offset);
        } else {
            fresh.set_if(matches & !fresh.any, step, offset);
        }
    }
    match (bool::from(fresh.any), bool::from(stale.any)) {
        (true, _) => Found::Fresh {
            step: Step(fresh.step),
            offset: fresh.offset,
        },
        (false, true) => Found::Spent {
            step: Step(stale.step),
        },
        (false, false) => Found::Absent,
    }
}

/// Looks for two consecutive fresh steps that show `first` and then `second`. The step of the second,
/// which is the one that the token shows now, lies in the `window` around `centre`; for HOTP both do.
///
/// A code given twice never resynchronises, not even in the rare case that both steps share it: a
/// person who typed too early waits for one more code, and one observed code is never enough.
pub fn resync(
    seed: &Seed,
    parameters: Parameters,
    centre: Step,
    window: Window,
    first: &Code,
    second: &Code,
    spent: Option<Step>,
) -> Option<Resynced> {
    if first.digits() != parameters.digits || second.digits() != parameters.digits {
        return None;
    }
    if first == second {
        return None;
    }
    let keyed = Keyed::new(seed, parameters.digest);
    let (first, second) = (first.number(), second.number());
    let before_window = match parameters.kind {
        Kind::Totp(_) => window.first(parameters.kind) - 1,
        Kind::Hotp => window.first(parameters.kind),
    };
    let mut pair = Hit::none();
    let mut opened = Choice::from(0);
    for offset in before_window..=window.last() {
        let Some(step) = centre.offset(offset) else {
            continue;
        };
        if is_spent(step, spent) {
            continue;
        }
        let completes = opened & shows(&keyed, parameters, step, second);
        pair.set_if(completes & !pair.any, step, offset);
        opened = shows(&keyed, parameters, step, first);
    }
    bool::from(pair.any).then_some(Resynced {
        step: Step(pair.step),
        drift_offset: pair.offset,
    })
}

fn shows(keyed: &Keyed, parameters: Parameters, step: Step, code: u64) -> Choice {
    u64::from(parameters.digits.of(keyed.value(step))).ct_eq(&code)
}

fn is_spent(step: Step, spent: Option<Step>) -> bool {
    spent.is_some_and(|spent| step <= spent)
}

/// A match that is remembered without a branch on whether there was one.
struct Hit {
    any: Choice,
    step: u64,
    offset: i32,
}

impl Hit {
    fn none() -> Self {
        Self {
            any: Choice::from(0),
            step: 0,
            offset: 0,
        }
    }

    fn set_if(&mut self, matches: Choice, step: Step, offset: i32) {
        self.any |= matches;
        self.step.conditional_assign(&step.0, matches);
        self.offset.conditional_assign(&offset, matches);
    }
}
