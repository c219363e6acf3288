//! Administrators as they log in: from where they may come, and what bounds guessing.
//!
//! An administrator is a person of the realm [`Realm::Administrators`]: password, keys, codes and
//! spent steps go through [`crate::login`] like everybody's.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use crate::login::Facts;
use crate::name::{CanonicalName, NameError, Realm};
use crate::public_key::PublicKey;
use crate::reason::Reason;
use crate::schema::{ADMIN, Netmask, Object, Subnet};
use crate::source::Network;
use crate::throttle::PasswordLimit;
use crate::time::Timestamp;

/// `trusthost1` to `trusthost10`, and as many for IPv6.
const TRUSTED_HOSTS: usize = 10;

/// `ssh-public-key1` to `ssh-public-key3`.
const PUBLIC_KEYS: usize = 3;

/// Sources and names whose failures are counted at most: an attacker with many addresses must not
/// fill the memory. Beyond it, each new one takes the place of another, so every guess behind a lockout costs
/// the attacker an address more.
const COUNTED_MAX: usize = 50_000;

/// An entry of `config system admin`, as a login needs it before anything is proven.
#[derive(Clone, Debug)]
pub struct Administrator {
    hosts: TrustedHosts,
}

/// By what an administrator's counters, tokens and events go.
pub fn person(name: &str) -> Result<CanonicalName, NameError> {
    CanonicalName::within(Realm::Administrators, name)
}

/// The keys of an entry of `config system admin`; what is no key is none.
pub fn public_keys(object: &Object) -> Vec<PublicKey> {
    (1..=PUBLIC_KEYS)
        .filter_map(|number| PublicKey::parse(object.text(&format!("ssh-public-key{number}"))).ok())
        .collect()
}

impl Administrator {
    /// Reads an entry.
    pub fn from_object(object: &Object) -> Self {
        debug_assert_eq!(object.table, &ADMIN);
        Self {
            hosts: TrustedHosts::from_object(object),
        }
    }

    /// Whether the administrator may come from this address.
    pub fn may_come_from(&self, source: IpAddr) -> bool {
        self.hosts.admit(source)
    }
}

/// From where an administrator may log in.
#[derive(Clone, Debug)]
struct TrustedHosts(Vec<Subnet>);

impl TrustedHosts {
    /// A host that stands at its default says nothing. As soon as one is set, only those that are set
    /// count, of both families: who names his own network does not mean all of IPv6 as well.
    fn from_object(object: &Object) -> Self {
        let numbers = || 1..=TRUSTED_HOSTS;
        let v4 = numbers()
            .filter_map(|n| Netmask::parse(object.text(&format!("trusthost{n}"))))
            .map(|host| host.subnet());
        let v6 = numbers().filter_map(|n| Subnet::parse(object.text(&format!("ip6-trusthost{n}"))));
        Self(
            v4.chain(v6)
                .filter(|host: &Subnet| !host.is_everything())
                .collect(),
        )
    }

    fn admit(&self, source: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|host| host.contains(source))
    }
}

/// What is known of somebody who wants in, with what a refusal is called in the log. Who may not come
/// from there is nobody: the rest of the decision takes the same steps and as long as for a name that
/// does not exist.
pub fn admitted(
    facts: Facts,
    administrator: Option<&Administrator>,
    source: IpAddr,
) -> (Facts, Option<Reason>) {
    match administrator {
        Some(administrator) if administrator.may_come_from(source) => (facts, None),
        Some(_) => (stranger(facts), Some(Reason::UntrustedHost)),
        None => (stranger(facts), Some(Reason::UserUnknown)),
    }
}

fn stranger(facts: Facts) -> Facts {
    Facts {
        person: None,
        ..facts
    }
}

/// Why an attempt is not evaluated now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotNow {
    /// Too many failures: nothing is looked at before this moment.
    Locked(Timestamp),
    /// The same, and not for the first time since: a guesser is not to fill the log.
    StillLocked(Timestamp),
    /// As many attempts are being evaluated as may still fail: when one of them has ended.
    Busy,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The person is in.
    In,
    /// Something was wrong.
    Wrong,
    /// Nothing was wrong: the next factor is asked for, or nothing could be decided.
    Open,
}

/// Failures of one name from one source, or of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Attempts {
    failures: u32,
    under_way: u32,
    last: Timestamp,
    /// Whether somebody was turned away since the last failure.
    turned_away: bool,
}

impl Attempts {
    fn admit(&mut self, limit: PasswordLimit, now: Timestamp) -> Result<(), NotNow> {
        let until = self.last.after(limit.duration);
        if self.failures >= limit.threshold {
            if until > now {
                let again = std::mem::replace(&mut self.turned_away, true);
                return Err(if again {
                    NotNow::StillLocked(until)
                } else {
                    NotNow::Locked(until)
                });
            }
            self.failures = 0;
        }
        if self.failures.saturating_add(self.under_way) >= limit.threshold {
            return Err(NotNow::Busy);
        }
        Ok(())
    }

    fn is_idle(&self, limit: PasswordLimit, now: Timestamp) -> bool {
        self.under_way == 0 && (self.failures == 0 || self.last.after(limit.duration) <= now)
    }
}

/// The failures that lock out: `admin-lockout-threshold` and `-duration`, for each name from each
/// source, and ten times as many for each source whatever the name.
///
/// Not a name from everywhere: that would let anybody lock out an administrator.
#[derive(Debug, Default)]
pub struct Lockouts {
    names: HashMap<(CanonicalName, Network), Attempts>,
    sources: HashMap<Network, Attempts>,
}

impl Lockouts {
    /// Lets an attempt be evaluated, to be ended by [`Lockouts::end`]; parallel ones cannot overrun
    /// the threshold.
    pub fn begin(
        &mut self,
        person: &CanonicalName,
        source: IpAddr,
        limit: PasswordLimit,
        now: Timestamp,
    ) -> Result<(), NotNow> {
        let source = Network::of(source);
        let key = (person.clone(), source);
        let of_source = limit.of_source();
        if let Some(name) = self.names.get_mut(&key) {
            name.admit(limit, now)?;
        }
        if let Some(whole) = self.sources.get_mut(&source) {
            whole.admit(of_source, now)?;
        }
        count(&mut self.names, key, limit, now);
        count(&mut self.sources, source, of_source, now);
        Ok(())
    }

    /// Ends an attempt; the moment until which nothing from there is looked at any more, if it was the
    /// last that might fail.
    pub fn end(
        &mut self,
        person: &CanonicalName,
        source: IpAddr,
        ended: Ended,
        limit: PasswordLimit,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let source = Network::of(source);
        let name = self.names.get_mut(&(person.clone(), source));
        let whole = self.sources.get_mut(&source);
        let mut locked = None;
        let name = name.map(|name| (name, limit));
        let whole = whole.map(|whole| (whole, limit.of_source()));
        for (attempts, limit) in [name, whole].into_iter().flatten() {
            attempts.under_way = attempts.under_way.saturating_sub(1);
            match ended {
                Ended::In => attempts.failures = 0,
                Ended::Open => {}
                Ended::Wrong => {
                    attempts.failures = attempts.failures.saturating_add(1);
                    attempts.last = now;
                    attempts.turned_away = false;
                    if attempts.failures == limit.threshold {
                        locked = Some(now.after(limit.duration));
                    }
                }
            }
        }
        locked
    }
}

/// Counts an attempt that is under way.
fn count<K: Clone + Eq + Hash>(
    counted: &mut HashMap<K, Attempts>,
    key: K,
    limit: PasswordLimit,
    now: Timestamp,
) {
    if counted.len() >= COUNTED_MAX && !counted.contains_key(&key) {
        make_room(counted, limit, now);
    }
    counted.entry(key).or_default().under_way += 1;
}

/// Those who are idle go; if there is none, of those with nothing under way the one that has failed least, and
/// of these the oldest. What is under way is bounded by the connections that are open.
fn make_room<K: Clone + Eq + Hash>(
    counted: &mut HashMap<K, Attempts>,
    limit: PasswordLimit,
    now: Timestamp,
) {
    counted.retain(|_, attempts| !attempts.is_idle(limit, now));
    if counted.len() < COUNTED_MAX {
        return;
    }
    let at_rest = counted.iter().filter(|(_, it)| it.under_way == 0);
    let least = at_rest.min_by_key(|(_, it)| (it.failures, it.last));
    if let Some(key) = least.map(|(key, _)| key.clone()) {
        counted.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Value;
    use crate::time::Span;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const LIMIT: PasswordLimit = PasswordLimit {
        threshold: 3,
        duration: Span::from_secs(60),
    };

    fn admin() -> CanonicalName {
        person("admin").unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn with_hosts(hosts: &[(&str, &str)]) -> Administrator {
        let mut object = Object::new(&ADMIN, "admin");
        for (field, host) in hosts {
            let words: Vec<String> = host.split(' ').map(str::to_owned).collect();
            let field = ADMIN.field(field).unwrap();
            let value: Value = field.parse(&words).unwrap();
            object.set(field, value);
        }
        Administrator::from_object(&object)
    }

    fn fail(lockouts: &mut Lockouts, person: &CanonicalName, from: &str) -> Option<Timestamp> {
        lockouts.begin(person, address(from), LIMIT, NOW).unwrap();
        lockouts.end(person, address(from), Ended::Wrong, LIMIT, NOW)
    }

    #[test]
    fn without_trusted_hosts_every_address_is_one() {
        let anywhere = with_hosts(&[]);
        assert!(anywhere.may_come_from(address("203.0.113.9")));
        assert!(anywhere.may_come_from(address("2001:db8::1")));
    }

    #[test]
    fn one_trusted_host_shuts_out_all_other_addresses_of_both_families() {
        let office = with_hosts(&[
            ("trusthost3", "192.0.2.0 255.255.255.0"),
            ("trusthost4", "0.0.0.0 0.0.0.0"),
        ]);
        assert!(office.may_come_from(address("192.0.2.7")));
        assert!(office.may_come_from(address("::ffff:192.0.2.7")));
        assert!(!office.may_come_from(address("198.51.100.7")));
        assert!(!office.may_come_from(address("2001:db8::1")));
        let v6 = with_hosts(&[("ip6-trusthost10", "2001:db8::/32")]);
        assert!(v6.may_come_from(address("2001:db8::1")));
        assert!(!v6.may_come_from(address("192.0.2.7")));
    }

    #[test]
    fn the_third_failure_locks_the_name_from_there_for_the_duration() {
        let mut lockouts = Lockouts::default();
        assert_eq!(fail(&mut lockouts, &admin(), "192.0.2.1"), None);
        assert_eq!(fail(&mut lockouts, &admin(), "192.0.2.1"), None);
        let until = NOW.after(LIMIT.duration);
        assert_eq!(fail(&mut lockouts, &admin(), "192.0.2.1"), Some(until));

        let mut tried = || lockouts.begin(&admin(), address("192.0.2.1"), LIMIT, NOW);
        assert_eq!(tried(), Err(NotNow::Locked(until)));
        assert_eq!(tried(), Err(NotNow::StillLocked(until)));
        let other = person("other").unwrap();
        let neighbour = lockouts.begin(&other, address("192.0.2.1"), LIMIT, NOW);
        assert_eq!(neighbour, Ok(()));
        let elsewhere = lockouts.begin(&admin(), address("192.0.2.2"), LIMIT, NOW);
        assert_eq!(elsewhere, Ok(()));
        let later = lockouts.begin(&admin(), address("192.0.2.1"), LIMIT, until);
        assert_eq!(later, Ok(()));
    }

    #[test]
    fn names_tried_in_turn_lock_their_source() {
        let mut lockouts = Lockouts::default();
        let locked: Vec<bool> = (1..=30)
            .map(|number| {
                let person = person(&format!("name{number}")).unwrap();
                fail(&mut lockouts, &person, "192.0.2.1").is_some()
            })
            .collect();
        assert_eq!(locked.iter().position(|locked| *locked), Some(29));
        let tried = lockouts.begin(&admin(), address("192.0.2.1"), LIMIT, NOW);
        assert!(matches!(tried, Err(NotNow::Locked(_))), "{tried:?}");
    }

    #[test]
    fn a_source_beyond_those_that_are_counted_takes_the_place_of_the_oldest_that_failed_least() {
        let mut lockouts = Lockouts::default();
        let number = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let mut fail = |person: &CanonicalName, source: IpAddr, now: Timestamp| {
            let begun = lockouts.begin(person, source, LIMIT, now);
            begun.map(|()| lockouts.end(person, source, Ended::Wrong, LIMIT, now))
        };
        let names: Vec<CanonicalName> = (0..40)
            .map(|number| person(&format!("name{number}")).unwrap())
            .collect();
        let guesses = |fail: &mut dyn FnMut(&CanonicalName) -> bool| {
            names.iter().filter(|name| fail(name)).count()
        };
        let first = number(0);
        assert_eq!(guesses(&mut |name| fail(name, first, NOW).is_ok()), 30);
        let later = NOW.after(Span::from_secs(1));
        for source in 1..COUNTED_MAX {
            fail(&names[0], number(source), later).unwrap();
        }
        let new = number(COUNTED_MAX);
        assert_eq!(guesses(&mut |name| fail(name, new, later).is_ok()), 30);
        assert!(fail(&admin(), first, later).is_err(), "it is forgotten");
    }

    #[test]
    fn a_subscriber_has_one_count_for_all_his_addresses() {
        let mut lockouts = Lockouts::default();
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            fail(&mut lockouts, &admin(), host);
        }
        let neighbour = lockouts.begin(&admin(), address("2001:db8:0:1::1"), LIMIT, NOW);
        assert_eq!(neighbour, Ok(()));
        let same = lockouts.begin(&admin(), address("2001:db8::4"), LIMIT, NOW);
        assert!(matches!(same, Err(NotNow::Locked(_))));
    }

    #[test]
    fn parallel_attempts_wait_for_each_other_and_are_not_taken_for_failures() {
        let (mut lockouts, source) = (Lockouts::default(), address("192.0.2.1"));
        for _ in 0..3 {
            assert_eq!(lockouts.begin(&admin(), source, LIMIT, NOW), Ok(()));
        }
        let fourth = lockouts.begin(&admin(), source, LIMIT, NOW);
        assert_eq!(fourth, Err(NotNow::Busy));
        lockouts.end(&admin(), source, Ended::In, LIMIT, NOW);
        assert_eq!(lockouts.begin(&admin(), source, LIMIT, NOW), Ok(()));
    }

    #[test]
    fn who_gets_in_begins_anew_and_who_is_asked_for_a_code_does_not() {
        let (mut lockouts, source) = (Lockouts::default(), address("192.0.2.1"));
        for ended in [Ended::Wrong, Ended::Wrong, Ended::Open, Ended::In] {
            lockouts.begin(&admin(), source, LIMIT, NOW).unwrap();
            assert_eq!(lockouts.end(&admin(), source, ended, LIMIT, NOW), None);
        }
        assert_eq!(fail(&mut lockouts, &admin(), "192.0.2.1"), None);
    }
}
