//! What bounds guessing: one counter per source and name for passwords, one per person for codes, and
//! one per source for whoever tries many names.
//!
//! A guess is counted before it is evaluated (password) or in the same step (code), so that parallel
//! guesses cannot overrun a limit.

use std::num::NonZeroU64;

use otp::Window;

use crate::time::{Span, Timestamp};

/// Code failures that cost nothing but the failure: people mistype.
const QUICK_TRIES: u32 = 5;
/// The first delay after the quick tries; it doubles with every further failure.
const FIRST_DELAY: Span = Span::from_secs(30);
/// Doublings that lead from 30 s to the cap.
const MAX_DOUBLINGS: u32 = 7;
/// The longest delay: a person who finds the right device again waits at most this long.
const LONGEST_DELAY: Span = Span::from_hours(1);
/// NIST SP 800-63B-4, 3.2.2 bounds consecutive failures at 100; 30 in 31 days keep a year of
/// guessing six digits over a window of three below 1.1 in 1,000. Somebody patient stays below them: 29
/// guesses every 31 days are 348 a year, every 30 days they would be 377.
const BLOCK_FAILURES: usize = 30;
/// Codes that may be right in all guesses that block: 30 over a window of three, fewer over a wider one.
const BLOCK_CHANCES: usize = BLOCK_FAILURES * RIGHT_CODES;
/// Codes of a time-based token that are right at one moment.
const RIGHT_CODES: usize = Window::LOGIN.steps();
/// What clients that check the first factor themselves may use up of them. Whoever reaches one types codes without
/// a password, and is to leave the person some at the other clients.
const AT_CLIENTS_THIRDS: usize = 2;

/// The span over which failures add up to a block; a success in between does not forget them.
const BLOCK_SPAN: Span = Span::from_days(31);

/// Refused logins of one source within this time lead to its blackout, as the described system has it.
const BLACKOUT_WINDOW: Span = Span::from_mins(1);

/// Who found a first factor right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ProvenBy {
    /// This unit, or a server that it asked.
    #[default]
    Unit,
    /// The client, which is believed.
    Client,
}

/// Why an attempt is not evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Throttled {
    /// No attempt is evaluated before this moment.
    Until(Timestamp),
    /// No attempt is evaluated until an administrator clears the counter.
    Blocked,
}

/// Failures of one person's second factor: at clients that check the first factor themselves, or at the others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CodeCounter {
    /// Moments of the failures of the last 31 days, oldest first; at most [`BLOCK_FAILURES`].
    failures: Vec<Timestamp>,
    since_success: u32,
    /// Only an administrator ends it: it does not age.
    blocked: bool,
    /// Failures of the last 31 days at clients of the other kind.
    elsewhere: usize,
    proven_by: ProvenBy,
}

/// A wrong code that was counted before anything was evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReservedCode {
    at: Timestamp,
    /// Whether it was the one that blocks.
    blocks: bool,
}

impl CodeCounter {
    /// Whether a code may be evaluated now.
    pub fn admit(&self, now: Timestamp) -> Result<(), Throttled> {
        if self.blocked {
            return Err(Throttled::Blocked);
        }
        match self.open_again() {
            Some(moment) if moment > now => Err(Throttled::Until(moment)),
            _ => Ok(()),
        }
    }

    /// Takes along how many failures of the last 31 days the person has at clients of the other kind: what a year of
    /// guessing gains is bounded over both.
    pub fn count_along(&mut self, elsewhere: usize, proven_by: ProvenBy) {
        self.elsewhere = elsewhere;
        self.proven_by = proven_by;
    }

    /// Counts a wrong code where three are right at one moment, or what is likelier wrong.
    pub fn failed(&mut self, now: Timestamp) {
        self.failed_among(RIGHT_CODES, now);
    }

    /// Counts a wrong code where so many are right at one moment.
    pub fn failed_among(&mut self, right: usize, now: Timestamp) {
        let horizon = now.before(BLOCK_SPAN);
        self.failures.retain(|failure| *failure > horizon);
        if self.failures.len() == BLOCK_FAILURES {
            self.failures.remove(0);
        }
        self.failures.push(now);
        self.since_success = self.since_success.saturating_add(1);
        let most = BLOCK_FAILURES.min(BLOCK_CHANCES / right.max(1));
        let own = self.failures.len();
        let is_used_up = match self.proven_by {
            ProvenBy::Unit => false,
            ProvenBy::Client => own >= most * AT_CLIENTS_THIRDS / 3,
        };
        self.blocked |= is_used_up || own + self.elsewhere >= most;
    }

    /// Counts a wrong code before anything is evaluated, or refuses to evaluate it.
    pub fn reserve(&mut self, now: Timestamp) -> Result<ReservedCode, Throttled> {
        self.admit(now)?;
        self.failed(now);
        Ok(ReservedCode {
            at: now,
            blocks: self.blocked,
        })
    }

    /// Takes a reservation back: nothing was evaluated. What is no longer counted takes nothing from what is.
    pub fn release(&mut self, reserved: ReservedCode) {
        let Some(place) = self.failures.iter().rposition(|at| *at == reserved.at) else {
            return;
        };
        self.blocked &= !reserved.blocks;
        let later = u32::try_from(self.failures.len() - place).unwrap_or(u32::MAX);
        if later <= self.since_success {
            self.since_success -= 1;
        }
        self.failures.remove(place);
    }

    /// Blocks, as it was before a restart.
    pub fn block(&mut self) {
        self.blocked = true;
    }

    /// Whether only an administrator lets codes be looked at again.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// A right code ends the delays; the failures of the last 31 days stay counted.
    pub fn succeeded(&mut self) {
        self.since_success = 0;
    }

    /// Whether nothing needs to be kept.
    pub fn is_clear(&self, now: Timestamp) -> bool {
        !self.blocked && self.since_success == 0 && self.recent(now).next().is_none()
    }

    /// Failures of the last 31 days.
    pub fn failures(&self, now: Timestamp) -> usize {
        self.recent(now).count()
    }

    fn recent(&self, now: Timestamp) -> impl Iterator<Item = &Timestamp> {
        let horizon = now.before(BLOCK_SPAN);
        self.failures
            .iter()
            .filter(move |failure| **failure > horizon)
    }

    fn open_again(&self) -> Option<Timestamp> {
        let beyond = self.since_success.checked_sub(QUICK_TRIES)?;
        let doubled = FIRST_DELAY.micros() << beyond.min(MAX_DOUBLINGS);
        let delay = doubled.min(LONGEST_DELAY.micros());
        let last = self.failures.last()?;
        Some(Timestamp::from_micros(last.micros().saturating_add(delay)))
    }
}

/// The limits on passwords: `config user setting`, `auth-lockout-threshold` and `-duration`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordLimit {
    /// Wrong passwords before the source has to wait.
    pub threshold: u32,
    /// How long it waits; zero switches the wait off.
    pub duration: Span,
}

/// How many times the failures of one name a source may have in all: whoever shares its address with a
/// guesser, behind a proxy or on a jump host, is not to be kept out by a few wrong names.
const NAMES_PER_SOURCE: u32 = 10;

impl PasswordLimit {
    /// The limit of a source whatever the names, where this one is that of each name.
    #[must_use]
    pub fn of_source(self) -> Self {
        Self {
            threshold: self.threshold.saturating_mul(NAMES_PER_SOURCE),
            ..self
        }
    }
}

/// Wrong passwords in a row that a person types by mistake.
const MISTYPED: u32 = 3;
/// Who typed no wrong password for so long begins a new row.
const ROW_SPAN: Span = Span::from_days(1);

/// Guesses of one counter that are kept as open: the highest `auth-lockout-threshold`.
const OPEN_GUESSES_MAX: usize = 10;

/// By what a password is known if it comes again: a keyed digest of it and of whose it is said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guess(pub(crate) [u8; 32]);

/// A count of a [`PasswordCounter`], of whatever name and source. One that begins anew has another number: what is in
/// the one before is taken from no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generation(NonZeroU64);

/// What numbers them.
#[derive(Debug)]
pub struct Generations {
    next: NonZeroU64,
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            next: NonZeroU64::MIN,
        }
    }
}

impl Generations {
    /// One that was not there before.
    pub fn draw(&mut self) -> Generation {
        let drawn = Generation(self.next);
        self.next = self.next.saturating_add(1);
        drawn
    }
}

/// By what a password was counted before it was evaluated: what gives it back gives no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Charge {
    /// By its source: which count of a [`PasswordCounter`] it is in.
    pub source: Option<Generation>,
    /// By its name over all sources: [`NameRate`].
    pub name: bool,
}

/// A password that one server took for wrong, while another that may know it was silent.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OpenGuess {
    guess: Guess,
    at: Timestamp,
    /// When it came first.
    charge: Charge,
}

/// Wrong passwords for one name from one source. It delays that source; it never locks the person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PasswordCounter {
    failures: u32,
    /// That of the failures; none before the first.
    generation: Option<Generation>,
    /// Wrong ones since the last right one, whatever was waited for between: a guesser waits too.
    in_a_row: u32,
    last: Timestamp,
    /// Oldest first. Each is one of the failures; clients repeat what nobody answered.
    open: Vec<OpenGuess>,
}

impl PasswordCounter {
    /// Counts the attempt as a failure before it is evaluated, or refuses to evaluate it: in which count it is, which
    /// is `fresh` if it begins one.
    pub fn reserve(
        &mut self,
        limit: PasswordLimit,
        fresh: Generation,
        now: Timestamp,
    ) -> Result<Generation, Throttled> {
        if let Some(open_again) = self.open_again(limit) {
            if open_again > now {
                return Err(Throttled::Until(open_again));
            }
            self.failures = 0;
            self.generation = None;
            self.open.clear();
        }
        if self.last.after(ROW_SPAN) <= now {
            self.in_a_row = 0;
        }
        self.last = now;
        Ok(self.count(fresh))
    }

    /// Until when the source waits or waited, if it has used up its tries.
    pub fn open_again(&self, limit: PasswordLimit) -> Option<Timestamp> {
        // Logins that run side by side come with moments out of order: without a wait there is no moment to
        // wait for.
        let waits = self.failures >= limit.threshold && limit.duration > Span::ZERO;
        waits.then(|| self.last.after(limit.duration))
    }

    /// As [`Self::reserve`], but a guess that is open already is evaluated however many others failed: whoever
    /// repeats it learns nothing new, and the server that was silent may know it by now.
    pub fn reserve_guess(
        &mut self,
        guess: &Guess,
        limit: PasswordLimit,
        fresh: Generation,
        now: Timestamp,
    ) -> Result<Generation, Throttled> {
        if self.since(guess).is_none() {
            return self.reserve(limit, fresh, now);
        }
        Ok(self.count(fresh))
    }

    fn count(&mut self, fresh: Generation) -> Generation {
        self.failures = self.failures.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        *self.generation.get_or_insert(fresh)
    }

    /// Keeps a reserved guess open: one server took it for wrong, and another was silent. However often it
    /// comes, it counts once. Whether it is open only now.
    pub fn keep_open(&mut self, guess: Guess, charge: Charge, now: Timestamp) -> bool {
        if self.since(&guess).is_some() {
            self.release(charge);
            return false;
        }
        if self.open.len() == OPEN_GUESSES_MAX {
            self.open.remove(0);
        }
        self.open.push(OpenGuess {
            guess,
            at: now,
            charge,
        });
        true
    }

    /// Takes an open guess back that was right after all: since when it was open, and by what it was counted then.
    pub fn forgive(&mut self, guess: &Guess) -> Option<(Timestamp, Charge)> {
        let at = self.open.iter().position(|open| open.guess == *guess)?;
        let OpenGuess { at, charge, .. } = self.open.remove(at);
        self.release(charge);
        Some((at, charge))
    }

    /// Since when a guess is open.
    pub fn since(&self, guess: &Guess) -> Option<Timestamp> {
        let open = self.open.iter().find(|open| open.guess == *guess);
        open.map(|open| open.at)
    }

    /// Whether more were wrong, with what is under way, than a person mistypes.
    pub fn is_guessing(&self) -> bool {
        self.in_a_row > MISTYPED
    }

    /// Takes a reservation back: the outcome is not known (the store failed, the queue was full). One that is in
    /// another count takes nothing from this one.
    pub fn release(&mut self, charge: Charge) {
        if charge.source.is_none() || charge.source != self.generation {
            return;
        }
        self.failures = self.failures.saturating_sub(1);
        self.in_a_row = self.in_a_row.saturating_sub(1);
    }

    /// The password was right.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Whether the counter no longer delays anybody.
    pub fn is_stale(&self, limit: PasswordLimit, now: Timestamp) -> bool {
        self.failures == 0 || self.last.after(limit.duration) <= now
    }
}

/// What a source has shown of itself, where wrong passwords of a name are counted over all sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Its last passwords for the name were wrong, more of them than a person mistypes.
    Guessing,
    /// Nothing.
    Strange,
    /// The person logged in from elsewhere at the same provider.
    Nearby,
}

impl Standing {
    /// Wrong passwords for one name, from all sources together, after which one of this standing waits. Nobody
    /// of less standing uses up what is left to the others. In all there are as many as NIST SP 800-63B-4, 3.2.2
    /// allows in a row.
    const fn burst(self) -> i64 {
        match self {
            Self::Guessing => 50,
            Self::Strange => 80,
            Self::Nearby => 100,
        }
    }
}

/// One more wrong password after each of these: 1,440 a day, however many addresses somebody has.
const NAME_INTERVAL: Span = Span::from_mins(1);

/// The rate of wrong passwords for one name from everywhere. It delays those who come from where the person never
/// logged in, and never locks the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NameRate {
    /// When all that were counted are forgotten.
    clear: Timestamp,
}

impl NameRate {
    /// Counts the attempt as a failure before it is evaluated, or refuses to evaluate it.
    pub fn reserve(&mut self, standing: Standing, now: Timestamp) -> Result<(), Throttled> {
        let open = self.open_again(standing, now);
        if open > now {
            return Err(Throttled::Until(open));
        }
        self.clear = self.with_one_more(now);
        Ok(())
    }

    /// From when on a source of this standing may present another password.
    pub fn open_again(self, standing: Standing, now: Timestamp) -> Timestamp {
        let room = NAME_INTERVAL.micros().saturating_mul(standing.burst());
        self.with_one_more(now).before(Span::from_micros(room))
    }

    fn with_one_more(self, now: Timestamp) -> Timestamp {
        self.clear.max(now).after(NAME_INTERVAL)
    }

    /// Takes a reservation back: the password was right, or the outcome is not known.
    pub fn release(&mut self) {
        self.clear = self.clear.before(NAME_INTERVAL);
    }

    /// Whether nothing needs to be kept.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.clear <= now
    }
}

/// When a source is not listened to at all: `config user setting`, `auth-invalid-max` and
/// `auth-blackout-time`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlackoutLimit {
    /// Wrong logins within a minute, of whatever names.
    pub failures: usize,
    /// How long it lasts; zero switches it off.
    pub duration: Span,
}

/// Wrong logins of one source. Only those that were evaluated count: many people may stand behind one
/// address, and their right logins are under way at the same time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceCounter {
    /// Moments of the failures of the last minute, oldest first; at most as many as the limit.
    failures: Vec<Timestamp>,
    until: Timestamp,
}

impl SourceCounter {
    /// Whether the source is listened to now.
    pub fn admit(&self, now: Timestamp) -> Result<(), Throttled> {
        match self.shut_out_until(now) {
            Some(until) => Err(Throttled::Until(until)),
            None => Ok(()),
        }
    }

    /// Until when the source is not listened to, if it is not.
    pub fn shut_out_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.until).filter(|until| *until > now)
    }

    /// Counts a wrong login, and begins a blackout where it is one too many.
    pub fn failed(&mut self, limit: BlackoutLimit, now: Timestamp) {
        let horizon = now.before(BLACKOUT_WINDOW);
        self.failures.retain(|failure| *failure > horizon);
        self.failures.push(now);
        if self.failures.len() >= limit.failures {
            self.failures.clear();
            self.until = now.after(limit.duration);
        }
    }

    /// Takes back the failure that was counted at this moment: the password was right.
    pub fn forgive(&mut self, counted: Timestamp) {
        if let Some(at) = self.failures.iter().position(|at| *at == counted) {
            self.failures.remove(at);
        }
    }

    /// Whether nothing needs to be kept.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let horizon = now.before(BLACKOUT_WINDOW);
        self.until <= now && self.failures.iter().all(|failure| *failure <= horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn five_tries_are_quick_then_the_delay_doubles_to_an_hour() {
        let mut counter = CodeCounter::default();
        let mut now = START;
        for _ in 0..5 {
            assert_eq!(counter.admit(now), Ok(()));
            counter.failed(now);
        }
        for seconds in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            let open = now.after(Span::from_secs(seconds));
            assert_eq!(counter.admit(now), Err(Throttled::Until(open)));
            assert_eq!(counter.admit(open), Ok(()));
            now = open;
            counter.failed(now);
        }
    }

    #[test]
    fn a_success_ends_the_delay_and_keeps_the_count() {
        let mut counter = CodeCounter::default();
        (0..7).for_each(|_| counter.failed(START));
        counter.succeeded();
        assert_eq!(counter.admit(START), Ok(()));
        assert_eq!(counter.failures(START), 7);
        assert!(!counter.is_clear(START));
    }

    #[test]
    fn a_code_that_was_not_evaluated_is_taken_back_alone() {
        let mut counter = CodeCounter::default();
        let at = |seconds| START.after(Span::from_secs(seconds));
        (0..28).for_each(|second| counter.failed(at(second)));
        counter.succeeded();
        let before = counter.clone();
        let reserved = counter.reserve(at(30)).unwrap();
        counter.release(reserved);
        assert_eq!(counter, before);
        // One that blocks does so no more; what came since stays counted, and a success before ends no delay of it.
        let reserved = counter.reserve(at(31)).unwrap();
        counter.succeeded();
        let blocking = counter.reserve(at(32)).unwrap();
        assert!(counter.is_blocked());
        counter.release(reserved);
        assert!(counter.is_blocked());
        assert_eq!((counter.failures(at(33)), counter.since_success), (29, 1));
        counter.release(blocking);
        assert_eq!(counter, before);
        // An administrator forgot it meanwhile.
        let mut unlocked = CodeCounter::default();
        unlocked.failed(at(34));
        unlocked.release(blocking);
        assert_eq!(unlocked.failures(at(34)), 1);
    }

    #[test]
    fn thirty_failures_in_thirty_days_block_for_good() {
        let mut counter = CodeCounter::default();
        let mut now = START;
        for _ in 0..30 {
            counter.failed(now);
            counter.succeeded();
            now = now.after(Span::from_hours(1));
        }
        assert_eq!(counter.admit(now), Err(Throttled::Blocked));
        let later = now.after(BLOCK_SPAN).after(BLOCK_SPAN);
        assert_eq!(counter.admit(later), Err(Throttled::Blocked));
        assert!(!counter.is_clear(later));
    }

    #[test]
    fn a_year_of_guessing_stays_below_eleven_in_ten_thousand() {
        let mut counter = CodeCounter::default();
        let mut now = START;
        let mut evaluated = 0_u32;
        while now < START.after(Span::from_days(365)) {
            if counter.admit(now).is_ok() {
                counter.failed(now);
                evaluated += 1;
            }
            now = now.after(Span::from_mins(10));
        }
        // Three steps of the window may match each guess of six digits.
        let chance = f64::from(evaluated) * 3.0 / 1e6;
        assert!(chance <= 1.2e-3, "{evaluated} guesses evaluated");
    }

    #[test]
    fn parallel_passwords_cannot_overrun_the_threshold() {
        let limit = PasswordLimit {
            threshold: 3,
            duration: Span::from_secs(60),
        };
        let (mut counter, mut generations) = (PasswordCounter::default(), Generations::default());
        let mut reserve = |now| counter.reserve(limit, generations.draw(), now);
        let admitted: Vec<_> = (0..64).filter_map(|_| reserve(START).ok()).collect();
        assert!(matches!(admitted[..], [one, two, three] if one == two && two == three));
        let later = reserve(START.after(limit.duration)).unwrap();
        assert_ne!(later, admitted[0]);
        counter.succeeded();
        assert!(counter.is_stale(limit, START));
    }

    #[test]
    fn an_open_guess_counts_once_and_is_looked_at_again_and_others_are_bounded() {
        let limit = PasswordLimit {
            threshold: 2,
            duration: Span::from_secs(60),
        };
        let (mut counter, mut generations) = (PasswordCounter::default(), Generations::default());
        let mut reserve = |counter: &mut PasswordCounter, guess: &Guess, now| {
            let reserved = counter.reserve_guess(guess, limit, generations.draw(), now);
            reserved.map(|generation| Charge {
                source: Some(generation),
                name: false,
            })
        };
        let [one, two, three] = [1, 2, 3].map(|octet| Guess([octet; 32]));
        for times in 0..9 {
            let charge = reserve(&mut counter, &one, START).unwrap();
            let is_new = counter.keep_open(one, charge, START);
            assert_eq!(is_new, times == 0);
        }
        let charge = reserve(&mut counter, &two, START).unwrap();
        assert!(counter.keep_open(two, charge, START));
        assert!(reserve(&mut counter, &three, START).is_err());
        reserve(&mut counter, &one, START).unwrap();
        assert_eq!(counter.since(&one), Some(START));
        // What another time was silent to is forgotten with the failures.
        let open_again = START.after(limit.duration);
        reserve(&mut counter, &three, open_again).unwrap();
        assert_eq!(counter.since(&one), None);
    }

    #[test]
    fn what_is_given_back_late_takes_nothing_from_a_count_that_began_since() {
        let limit = PasswordLimit {
            threshold: 2,
            duration: Span::from_secs(60),
        };
        let (mut counter, mut generations) = (PasswordCounter::default(), Generations::default());
        let mut reserve = |counter: &mut PasswordCounter, now| {
            let reserved = counter.reserve(limit, generations.draw(), now);
            reserved.map(|generation| Charge {
                source: Some(generation),
                name: false,
            })
        };
        let [late, _] = [(); 2].map(|()| reserve(&mut counter, START).unwrap());
        let again = START.after(limit.duration);
        let [_, last] = [(); 2].map(|()| reserve(&mut counter, again).unwrap());
        counter.release(late);
        assert!(reserve(&mut counter, again).is_err());
        counter.release(last);
        assert!(reserve(&mut counter, again).is_ok());
    }

    #[test]
    fn a_name_has_so_many_tries_at_once_and_then_one_a_minute() {
        let mut rate = NameRate::default();
        let tries = |rate: &mut NameRate, standing, now| {
            let tries = (0..1_000).filter(|_| rate.reserve(standing, now).is_ok());
            tries.count()
        };
        // Whoever guesses leaves some to strangers, and those leave some to who comes from near by.
        assert_eq!(tries(&mut rate, Standing::Guessing, START), 50);
        assert_eq!(tries(&mut rate, Standing::Strange, START), 30);
        assert_eq!(tries(&mut rate, Standing::Nearby, START), 20);
        let minutes = |minutes| START.after(Span::from_mins(minutes));
        let mut reserve = |standing, at| rate.reserve(standing, minutes(at));
        let until = |at| Err(Throttled::Until(minutes(at)));
        assert_eq!(reserve(Standing::Nearby, 0), until(1));
        assert_eq!(reserve(Standing::Nearby, 1), Ok(()));
        assert_eq!(reserve(Standing::Nearby, 1), until(2));
        assert_eq!(reserve(Standing::Strange, 1), until(22));
        assert_eq!(reserve(Standing::Guessing, 1), until(52));
        rate.release();
        assert_eq!(rate.reserve(Standing::Nearby, minutes(1)), Ok(()));
        assert!(!rate.is_stale(minutes(100)) && rate.is_stale(minutes(101)));
        assert_eq!(tries(&mut rate, Standing::Nearby, minutes(500)), 100);
    }

    #[test]
    fn a_source_is_not_listened_to_after_too_many_failures_in_a_minute() {
        let limit = BlackoutLimit {
            failures: 3,
            duration: Span::from_secs(600),
        };
        let mut counter = SourceCounter::default();
        let at = |seconds| START.after(Span::from_secs(seconds));
        for seconds in [0, 40, 80] {
            counter.failed(limit, at(seconds));
            assert_eq!(counter.admit(at(seconds)), Ok(()), "at {seconds} s");
        }
        counter.failed(limit, at(90));
        assert_eq!(counter.admit(at(91)), Err(Throttled::Until(at(690))));
        assert!(!counter.is_stale(at(689)));
        assert_eq!(counter.admit(at(690)), Ok(()));
        assert!(counter.is_stale(at(690)));
    }

    #[test]
    fn a_duration_of_zero_never_delays() {
        let limit = PasswordLimit {
            threshold: 1,
            duration: Span::ZERO,
        };
        let (mut counter, mut generations) = (PasswordCounter::default(), Generations::default());
        let mut reserve = |now| counter.reserve(limit, generations.draw(), now).is_ok();
        assert!((0..10).all(|_| reserve(START)));
        assert!(reserve(START.before(Span::from_secs(1))));
    }
}
