//! The counters that bound guessing, as memory keeps them.

mod limits;

use std::collections::HashMap;

use domain::bounded::Bounded;
use domain::login::Refusal;
use domain::name::CanonicalName;
use domain::reason::Reason;
use domain::settings::Settings;
use domain::source::Network;
use domain::throttle::{
    BlackoutLimit, Charge, CodeCounter, Generations, Guess, NameRate, PasswordCounter,
    PasswordLimit, SourceCounter, Standing,
};
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;

use super::events::Tally;
use super::known::{Known, Relation};

/// Names and sources whose wrong passwords are counted at most: an attacker with many addresses must not
/// fill the memory. When it is full, stale counters go first; then a source is counted once for all names
/// that are new, with the limit of a source. As many sources are counted so; those beyond are bounded by the
/// pool that hashes.
const SOURCES_MAX: usize = 100_000;

/// Who presents passwords of one name from where.
type Presenter = (CanonicalName, Network);

/// The counters that bound guessing.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) codes: HashMap<CanonicalName, CodeCounter>,
    /// At clients that check first factors themselves: one count over all of them, with delays and a block of its
    /// own. What blocks is counted over both.
    pub(super) codes_alone: HashMap<CanonicalName, CodeCounter>,
    passwords: Bounded<Presenter, PasswordCounter>,
    /// Of the names for which `passwords` has no room.
    crowded_out: Bounded<(Vdom, Network), PasswordCounter>,
    /// Of the counts of both.
    generations: Generations,
    sources: Bounded<(Vdom, Network), SourceCounter>,
    /// Over all sources from which the person never logged in.
    names: Bounded<CanonicalName, NameRate>,
    pub(super) known: Known,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            codes: HashMap::new(),
            codes_alone: HashMap::new(),
            passwords: Bounded::new(SOURCES_MAX),
            crowded_out: Bounded::new(SOURCES_MAX),
            generations: Generations::default(),
            sources: Bounded::new(SOURCES_MAX),
            names: Bounded::new(SOURCES_MAX),
            known: Known::default(),
        }
    }
}

impl Counters {
    /// Takes over what the events say. The rest is in no file: it outlives a write that failed.
    pub(super) fn recount(&mut self, from_events: Self) {
        self.codes = from_events.codes;
        self.codes_alone = from_events.codes_alone;
    }

    /// A person's wrong codes stay counted under another name. What was counted for somebody who had
    /// that name before is no longer of anybody.
    pub(super) fn rename(&mut self, from: &CanonicalName, to: &CanonicalName) {
        moved(&mut self.codes, from, to);
        moved(&mut self.codes_alone, from, to);
    }

    /// How a wrong code that was counted already bears on the count after a start.
    pub(super) fn tally_of_failure(&self, person: &CanonicalName) -> Tally {
        tally_of_failure(&self.codes, person, Tally::Failed, Tally::Blocked)
    }

    /// The same at clients that check first factors themselves.
    pub(super) fn tally_of_failure_alone(&self, person: &CanonicalName) -> Tally {
        let (failed, blocked) = (Tally::FailedAtClient, Tally::BlockedAtClients);
        tally_of_failure(&self.codes_alone, person, failed, blocked)
    }

    /// Forgets a person's wrong codes, wherever they were typed.
    pub(super) fn forget_codes(&mut self, name: &CanonicalName) {
        self.codes.remove(name);
        self.codes_alone.remove(name);
    }

    /// Whether anything wrong is counted of a name.
    pub(super) fn counts(&self, name: &CanonicalName) -> bool {
        let mut presenters = self.passwords.iter().map(|((person, _), _)| person);
        self.names.get(name).is_some()
            || self.codes.contains_key(name)
            || self.codes_alone.contains_key(name)
            || presenters.any(|person| person == name)
    }

    /// Forgets a person's wrong passwords, wherever they came from.
    pub(super) fn forget_passwords(&mut self, name: &CanonicalName) {
        self.passwords.retain(|(person, _)| person != name);
        self.names.remove(name);
    }

    /// Whether a source is listened to now.
    pub(super) fn listens_to(
        &self,
        vdom: Vdom,
        source: Network,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match self.sources.get(&(vdom, source)) {
            Some(counter) => counter
                .admit(now)
                .map_err(|until| Refusal::throttled(until, Reason::SourceBlackout)),
            None => Ok(()),
        }
    }

    /// Counts a wrong login of a source, while there is room for one more.
    pub(super) fn failed_from(
        &mut self,
        vdom: Vdom,
        source: Network,
        limit: BlackoutLimit,
        now: Timestamp,
    ) {
        if limit.duration == Span::ZERO {
            return;
        }
        let key = (vdom, source);
        let is_stale = |counter: &SourceCounter| counter.is_stale(now);
        if let Some(counter) = self.sources.entry(key, is_stale) {
            counter.failed(limit, now);
        }
    }

    /// Counts a password before it is evaluated: by its name and source, or by the source alone where there is no
    /// room for that; and by its name, unless it has logged in from there before.
    pub(super) fn reserve(
        &mut self,
        name: &CanonicalName,
        source: Network,
        guess: Option<&Guess>,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Charge, Refusal> {
        let is_open = guess.is_some_and(|guess| self.since(name, source, guess).is_some());
        let limit = settings.password_limit;
        let fresh = self.generations.draw();
        let (mut charge, mut is_guessing) = (Charge::default(), false);
        if let Some((counter, limit)) = self.roomy(name, source, limit, now) {
            let reserved = match guess {
                Some(guess) => counter.reserve_guess(guess, limit, fresh, now),
                None => counter.reserve(limit, fresh, now),
            };
            let generation =
                reserved.map_err(|until| Refusal::throttled(until, Reason::SourceThrottled))?;
            is_guessing = counter.is_guessing();
            charge.source = Some(generation);
        }
        // One that is open is a repetition and counts no more; so does whoever has no room.
        let standing = match self.known.relation(name, source, now) {
            Relation::Known => return Ok(charge),
            _ if is_open => return Ok(charge),
            _ if is_guessing => Standing::Guessing,
            Relation::Nearby => Standing::Nearby,
            Relation::Strange => Standing::Strange,
        };
        let rate = self.names.entry(name.clone(), |rate| rate.is_stale(now));
        let Some(rate) = rate else {
            return Ok(charge);
        };
        if let Err(until) = rate.reserve(standing, now) {
            self.release(name, source, charge);
            // Nobody looked at this one, but a person would have stopped before it.
            if is_guessing {
                self.failed_from(name.realm().vdom(), source, settings.blackout, now);
            }
            return Err(Refusal::throttled(until, Reason::NameThrottled));
        }
        charge.name = true;
        Ok(charge)
    }

    fn roomy(
        &mut self,
        name: &CanonicalName,
        source: Network,
        limit: PasswordLimit,
        now: Timestamp,
    ) -> Option<(&mut PasswordCounter, PasswordLimit)> {
        let (key, shared) = keys(name, source);
        if self
            .passwords
            .has_room(&key, |counter| counter.is_stale(limit, now))
        {
            let counter = self.passwords.entry(key, |_| false)?;
            return Some((counter, limit));
        }
        let limit = limit.of_source();
        let counter = self
            .crowded_out
            .entry(shared, |counter| counter.is_stale(limit, now))?;
        Some((counter, limit))
    }

    /// Takes back a reserved attempt: its outcome is not known.
    pub(super) fn release(&mut self, name: &CanonicalName, source: Network, charge: Charge) {
        let (key, shared) = keys(name, source);
        let own = self.passwords.get_mut(&key);
        for counter in own.into_iter().chain(self.crowded_out.get_mut(&shared)) {
            counter.release(charge);
        }
        self.release_name(name, charge);
    }

    fn release_name(&mut self, name: &CanonicalName, charge: Charge) {
        if charge.name
            && let Some(rate) = self.names.get_mut(name)
        {
            rate.release();
        }
    }

    /// The password was right. That tells nothing of other names that are counted with this one, nor of who else
    /// presents passwords of this one elsewhere.
    pub(super) fn succeeded(
        &mut self,
        name: &CanonicalName,
        source: Network,
        charge: Charge,
        now: Timestamp,
    ) {
        let (key, shared) = keys(name, source);
        self.passwords.remove(&key);
        if let Some(counter) = self.crowded_out.get_mut(&shared) {
            counter.release(charge);
        }
        self.known.put(name, source, now);
        self.release_name(name, charge);
    }

    /// Keeps a reserved guess open that one server took for wrong, while another was silent. For its source it is
    /// a wrong login, once, until it turns out to have been right.
    pub(super) fn keep_open(
        &mut self,
        name: &CanonicalName,
        source: Network,
        (guess, charge): (Guess, Charge),
        limit: BlackoutLimit,
        now: Timestamp,
    ) {
        let counter = self.counting(name, source);
        if counter.is_none_or(|counter| counter.keep_open(guess, charge, now)) {
            self.failed_from(name.realm().vdom(), source, limit, now);
        } else {
            self.release_name(name, charge);
        }
    }

    /// An open guess was right after all: its source did nothing wrong.
    pub(super) fn forgive(&mut self, name: &CanonicalName, source: Network, guess: &Guess) {
        let counter = self.counting(name, source);
        let Some((counted, charge)) = counter.and_then(|counter| counter.forgive(guess)) else {
            return;
        };
        self.release_name(name, charge);
        let (_, shared) = keys(name, source);
        if let Some(source) = self.sources.get_mut(&shared) {
            source.forgive(counted);
        }
    }

    /// Since when a guess is open.
    fn since(&mut self, name: &CanonicalName, source: Network, guess: &Guess) -> Option<Timestamp> {
        let counter = self.counting(name, source);
        counter.and_then(|counter| counter.since(guess))
    }

    fn counting(&mut self, name: &CanonicalName, source: Network) -> Option<&mut PasswordCounter> {
        let (key, shared) = keys(name, source);
        match self.passwords.get_mut(&key) {
            Some(counter) => Some(counter),
            None => self.crowded_out.get_mut(&shared),
        }
    }
}

fn keys(name: &CanonicalName, source: Network) -> (Presenter, (Vdom, Network)) {
    ((name.clone(), source), (name.realm().vdom(), source))
}

fn tally_of_failure(
    counted: &HashMap<CanonicalName, CodeCounter>,
    person: &CanonicalName,
    failed: Tally,
    blocked: Tally,
) -> Tally {
    let is_blocked = counted.get(person).is_some_and(CodeCounter::is_blocked);
    if is_blocked { blocked } else { failed }
}

fn moved<T>(counts: &mut HashMap<CanonicalName, T>, from: &CanonicalName, to: &CanonicalName) {
    let count = counts.remove(from);
    counts.remove(to);
    if let Some(count) = count {
        counts.insert(to.clone(), count);
    }
}
