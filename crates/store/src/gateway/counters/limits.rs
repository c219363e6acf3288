//! What is counted of a name, for whoever asks why its logins wait. Nothing is counted by asking.

use domain::login::outlook::{Limits, SOURCES_TOLD_MAX};
use domain::name::CanonicalName;
use domain::settings::Settings;
use domain::source::Network;
use domain::throttle::Standing;
use domain::time::Timestamp;

use super::super::GatewayStore;
use super::Counters;

impl GatewayStore {
    /// What is counted of a name now, and which of these sources are not listened to.
    pub fn limits(&self, name: &CanonicalName, sources: &[Network], now: Timestamp) -> Limits {
        let settings = self.settings(name.realm().vdom());
        self.memory.counters().limits(name, sources, &settings, now)
    }
}

impl Counters {
    fn limits(
        &self,
        name: &CanonicalName,
        sources: &[Network],
        settings: &Settings,
        now: Timestamp,
    ) -> Limits {
        let is_ahead = |until: &Timestamp| *until > now;
        let mut waiting: Vec<(Network, Timestamp)> = self
            .passwords
            .iter()
            .filter(|((person, _), _)| person == name)
            .filter_map(|((_, source), counter)| {
                let until = counter.open_again(settings.password_limit);
                Some((*source, until.filter(is_ahead)?))
            })
            .collect();
        let waiting_count = waiting.len();
        waiting.sort_by_key(|(source, until)| (std::cmp::Reverse(*until), *source));
        waiting.truncate(SOURCES_TOLD_MAX);
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
            waiting,
            waiting_count,
            strangers_wait: rate
                .map(|rate| rate.open_again(Standing::Strange, now))
                .filter(is_ahead),
            shut_out: shut_out.collect(),
        }
    }
}
