//! From where people's passwords were right: wrong ones that come from elsewhere delay nobody there.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

use domain::bounded::Bounded;
use domain::name::CanonicalName;
use domain::source::{LoginSource, Network};
use domain::time::{Span, Timestamp};

use super::events::ACCEPTED;
use super::queries::Never;
use super::{GatewayStore, Undecided};
use crate::engine::{Failure, Tx, Work};
use crate::vals;

/// People and the providers through which they logged in that are kept at most: one for each of as many people as
/// there may be.
const KNOWN_MAX: usize = 1_000_000;

/// For how long after the last login.
pub(super) const KNOWN_SPAN: Span = Span::from_days(30);

/// Networks of one provider that are kept for a person: at home, and at work.
const NETWORKS_MAX: usize = 2;

/// Events that one question reads.
const PAGE: i64 = 2_000;

impl GatewayStore {
    /// Recalls from where people logged in by some of the events before the one of number `before`, or by the latest.
    /// To be called with what it returns until that is nothing.
    pub async fn recall_known(
        &self,
        before: Option<i64>,
        now: Timestamp,
    ) -> Result<Option<i64>, Undecided> {
        let before = before.unwrap_or(i64::MAX);
        let logins = self.read(LoginsBefore { before }).await?;
        let since = now.before(KNOWN_SPAN);
        let mut counters = self.memory.counters();
        for login in &logins {
            if login.at <= since {
                return Ok(None);
            }
            if let Some((name, network)) = login.place() {
                counters.known.recall(&name, network, login.at, now);
            }
        }
        Ok(logins.last().map(|login| login.event))
    }
}

/// An event, and whose login from where it accepted, if it did that.
struct Login {
    event: i64,
    at: Timestamp,
    person: Option<String>,
    source: Option<String>,
}

impl Login {
    /// Nothing for a source that is not known by its address.
    fn place(&self) -> Option<(CanonicalName, Network)> {
        let (person, source) = (self.person.as_deref()?, self.source.as_deref()?);
        let network = LoginSource::recorded(source.into()).network();
        let is_known = !network.address().is_unspecified();
        is_known.then(|| (CanonicalName::from_stored(person), network))
    }
}

struct LoginsBefore {
    before: i64,
}

impl Work for LoginsBefore {
    type Out = Vec<Login>;
    type Err = Never;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<Login>, Failure<Never>> {
        let rows: Vec<(i64, i64, Option<String>, Option<String>)> = tx
            .rows(
                "SELECT id, at, CASE kind WHEN $1 THEN person END, CASE kind WHEN $1 THEN source END FROM event \
                 WHERE id < $2 ORDER BY id DESC LIMIT $3",
                &vals![ACCEPTED, self.before, PAGE],
            )
            .await?;
        let login = |(event, at, person, source)| Login {
            event,
            at: Timestamp::from_micros(at),
            person,
            source,
        };
        Ok(rows.into_iter().map(login).collect())
    }
}

/// How a name and a network relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relation {
    /// The person logged in from there.
    Known,
    /// The person logged in from elsewhere at the same provider, which may give out another address each day.
    Nearby,
    /// Neither.
    Strange,
}

/// Where people logged in. Names and networks are kept as digests under a key of the process: two that meet cost a
/// guesser's network its delay, and nobody can look for them.
#[derive(Debug)]
pub(super) struct Known {
    seen: Bounded<u64, Seen>,
    hasher: RandomState,
}

/// Of one person at one provider.
#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    last: Timestamp,
    /// The latest first.
    networks: [Option<NonZeroU32>; NETWORKS_MAX],
}

impl Seen {
    fn relation(&self, network: Option<NonZeroU32>, now: Timestamp) -> Relation {
        if self.last.after(KNOWN_SPAN) <= now {
            Relation::Strange
        } else if self.networks.contains(&network) {
            Relation::Known
        } else {
            Relation::Nearby
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self {
            seen: Bounded::new(KNOWN_MAX),
            hasher: RandomState::new(),
        }
    }
}

impl Known {
    pub(super) fn relation(
        &self,
        name: &CanonicalName,
        network: Network,
        now: Timestamp,
    ) -> Relation {
        let seen = self.seen.get(&self.place(name, network));
        seen.map_or(Relation::Strange, |seen| {
            seen.relation(self.digest(network), now)
        })
    }

    /// A password was right just now.
    pub(super) fn put(&mut self, name: &CanonicalName, network: Network, now: Timestamp) {
        let digest = self.digest(network);
        let Some(seen) = self.entry(name, network, now) else {
            return;
        };
        seen.last = seen.last.max(now);
        let others = seen.networks.into_iter().filter(|it| *it != digest);
        let mut networks = [digest; NETWORKS_MAX];
        for (place, other) in networks.iter_mut().skip(1).zip(others) {
            *place = other;
        }
        seen.networks = networks;
    }

    /// A login is on record. What is more recent stays.
    pub(super) fn recall(
        &mut self,
        name: &CanonicalName,
        network: Network,
        at: Timestamp,
        now: Timestamp,
    ) {
        let digest = self.digest(network);
        if let Some(seen) = self.entry(name, network, now) {
            seen.last = seen.last.max(at);
            if !seen.networks.contains(&digest)
                && let Some(free) = seen.networks.iter_mut().find(|it| it.is_none())
            {
                *free = digest;
            }
        }
    }

    fn entry(
        &mut self,
        name: &CanonicalName,
        network: Network,
        now: Timestamp,
    ) -> Option<&mut Seen> {
        let place = self.place(name, network);
        self.seen
            .entry(place, |seen| seen.last.after(KNOWN_SPAN) <= now)
    }

    fn place(&self, name: &CanonicalName, network: Network) -> u64 {
        self.hasher.hash_one((name, network.provider()))
    }

    fn digest(&self, network: Network) -> Option<NonZeroU32> {
        let [a, b, c, d, ..] = self.hasher.hash_one(network).to_ne_bytes();
        NonZeroU32::new(u32::from_ne_bytes([a, b, c, d]) | 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn who_logged_in_is_known_there_for_a_month_and_near_by_at_the_same_provider() {
        let mut known = Known::default();
        let [alice, bob] = ["alice", "bob"].map(|name| CanonicalName::of(name).unwrap());
        let home = network("203.0.113.7");
        known.put(&alice, home, NOW);
        assert_eq!(known.relation(&alice, home, NOW), Relation::Known);
        assert_eq!(known.relation(&bob, home, NOW), Relation::Strange);
        let next_day = network("203.0.200.9");
        assert_eq!(known.relation(&alice, next_day, NOW), Relation::Nearby);
        let elsewhere = network("198.51.100.7");
        assert_eq!(known.relation(&alice, elsewhere, NOW), Relation::Strange);
        let later = NOW.after(KNOWN_SPAN);
        assert_eq!(known.relation(&alice, home, later), Relation::Strange);
    }

    #[test]
    fn the_latest_networks_of_a_provider_are_kept() {
        let mut known = Known::default();
        let alice = CanonicalName::of("alice").unwrap();
        let [one, two, three] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(network);
        for network in [one, two, one, three] {
            known.put(&alice, network, NOW);
        }
        assert_eq!(known.relation(&alice, one, NOW), Relation::Known);
        assert_eq!(known.relation(&alice, two, NOW), Relation::Nearby);
        assert_eq!(known.relation(&alice, three, NOW), Relation::Known);
    }

    #[test]
    fn what_is_on_record_fills_what_is_free() {
        let mut known = Known::default();
        let alice = CanonicalName::of("alice").unwrap();
        let [one, two, three] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(network);
        known.put(&alice, three, NOW);
        let day = NOW.before(Span::from_days(1));
        for network in [two, one] {
            known.recall(&alice, network, day, NOW);
        }
        assert_eq!(known.relation(&alice, three, NOW), Relation::Known);
        assert_eq!(known.relation(&alice, two, NOW), Relation::Known);
        assert_eq!(known.relation(&alice, one, NOW), Relation::Nearby);
        let later = day.after(KNOWN_SPAN);
        assert_eq!(known.relation(&alice, three, later), Relation::Known);
    }
}
