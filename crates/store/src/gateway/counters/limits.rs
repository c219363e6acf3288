//! What is counted of a name, for whoever asks why its logins wait. Nothing is counted by asking.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::login::outlook::{Limits, SOURCES_TOLD_MAX};
use domain::name::CanonicalName;
use domain::source::Network;
use domain::throttle::{PasswordLimit, Standing};
use domain::time::Timestamp;

use super::super::GatewayStore;
use super::Counters;

/// Counters that are looked at while logins wait for them: some ten microseconds.
const LOOKED_AT: usize = 1_000;

impl GatewayStore {
    /// What is counted of a name now, and which of these sources are not listened to.
    pub fn limits(&self, name: &CanonicalName, sources: &[Network], now: Timestamp) -> Limits {
        let limit = self.settings(name.realm().vdom()).password_limit;
        let mut waiting = Waiting::default();
        let mut end = usize::MAX;
        while end > 0 {
            let counters = self.memory.counters();
            end = waiting.look(&counters, name, end, limit, now);
        }
        let counters = self.memory.counters();
        waiting.look_at_crowds(&counters, name, sources, limit, now);
        counters.limits(name, sources, waiting, now)
    }
}

/// Sources from which no password of a name is looked at, and until when.
#[derive(Default)]
struct Waiting(BTreeMap<Network, Timestamp>);

impl Waiting {
    /// Looks at the counters that lie before `end`, as many as logins may wait for; before which the others lie.
    fn look(
        &mut self,
        counters: &Counters,
        name: &CanonicalName,
        end: usize,
        limit: PasswordLimit,
        now: Timestamp,
    ) -> usize {
        let mut left = 0;
        for (place, (person, source), counter) in counters.passwords.before(end, LOOKED_AT) {
            left = place;
            let until = counter.open_again(limit).filter(|until| *until > now);
            if let Some(until) = until.filter(|_| person == name) {
                self.0.insert(*source, until);
            }
        }
        left
    }

    /// The same of those of the sources that are counted for all names together, since there is no room for more.
    fn look_at_crowds(
        &mut self,
        counters: &Counters,
        name: &CanonicalName,
        sources: &[Network],
        limit: PasswordLimit,
        now: Timestamp,
    ) {
        if !counters.passwords.is_full() {
            return;
        }
        for source in sources {
            let (key, shared) = super::keys(name, *source);
            let counter = match counters.passwords.get(&key) {
                Some(_) => None,
                None => counters.crowded_out.get(&shared),
            };
            let until = counter.and_then(|counter| counter.open_again(limit.of_source()));
            if let Some(until) = until.filter(|until| *until > now) {
                self.0.insert(*source, until);
            }
        }
    }

    /// The longest first.
    fn told(self) -> Vec<(Network, Timestamp)> {
        let mut waiting: Vec<_> = self.0.into_iter().collect();
        waiting.sort_by_key(|(source, until)| (Reverse(*until), *source));
        waiting.truncate(SOURCES_TOLD_MAX);
        waiting
    }
}

impl Counters {
    fn limits(
        &self,
        name: &CanonicalName,
        sources: &[Network],
        waiting: Waiting,
        now: Timestamp,
    ) -> Limits {
        let is_ahead = |until: &Timestamp| *until > now;
        let waiting_count = waiting.0.len();
        let shut_out = sources.iter().filter_map(|source| {
            let counter = self.sources.get(&(name.realm().vdom(), *source))?;
            Some((*source, counter.shut_out_until(now)?))
        });
        let codes = self.codes.get(name);
        let codes_alone = self.codes_alone.get(name);
        let rate = self.names.get(name);
        Limits {
            codes: codes.cloned().unwrap_or_default(),
            codes_alone: codes_alone.cloned().unwrap_or_default(),
            waiting: waiting.told(),
            waiting_count,
            strangers_wait: rate
                .map(|rate| rate.open_again(Standing::Strange, now))
                .filter(is_ahead),
            shut_out: shut_out.collect(),
        }
    }
}
