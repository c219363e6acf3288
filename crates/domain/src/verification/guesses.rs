//! Wrong credentials of applications: who guesses a secret is not heard for a while, and the application always is.
//!
//! They are counted by network and by the application that was named, so that a stranger keeps nobody else out, not
//! even the application: it asks from elsewhere. Whoever names many, or none that is there, is counted by the network
//! alone; that does not hold for an application that has shown its secret from there, since others may be behind the
//! same address. Networks for which there is no room count as one.

use std::net::IpAddr;

use crate::bounded::Bounded;
use crate::source::Network;
use crate::throttle::Throttled;
use crate::time::{Span, Timestamp};
use crate::vdom::Vdom;

/// Wrong secrets of one application from one network before it is not heard: somebody types one into a
/// configuration, and wrongly.
const TRIES: u32 = 5;
/// The same of whatever names: several applications behind one address are set up on one day.
const TRIES_OF_NETWORK: u32 = 50;
/// The first time in which nothing is heard; it doubles with each that follows.
const FIRST_LOCKOUT: Span = Span::from_mins(1);
/// The longest: an application whose secret was set right waits no longer.
const LONGEST_LOCKOUT: Span = Span::from_hours(1);
/// Doublings that lead from a minute past the hour.
const MAX_DOUBLINGS: u32 = 6;
/// After so long without another nothing of it counts any more; so long an application is known by its secret.
const FORGOTTEN_AFTER: Span = Span::from_hours(24);
/// Networks and applications that are counted at most, some 2 MiB. Networks beyond count as one.
const COUNTED_MAX: usize = 10_000;

/// An application by the name that somebody says it has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ApplicationName {
    /// The virtual domain of its entry.
    pub vdom: Vdom,
    /// The name of its entry.
    pub name: Box<str>,
}

type Key = (Network, Option<ApplicationName>);

/// What is counted of one.
#[derive(Clone, Copy, Default, Debug)]
struct Count {
    wrong: u32,
    total: u64,
    lockouts: u32,
    last: Timestamp,
    until: Timestamp,
    /// When the application last showed its secret.
    proven: Option<Timestamp>,
}

impl Count {
    /// Whether it makes room: nobody who fills the table pushes out an application that is in use.
    fn is_stale(&self, now: Timestamp) -> bool {
        let is_proven = |at: Timestamp| at.after(FORGOTTEN_AFTER) > now;
        self.is_forgotten(now) && !self.proven.is_some_and(is_proven)
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        self.until <= now && self.last.after(FORGOTTEN_AFTER) <= now
    }

    fn admit(&self, now: Timestamp) -> Result<(), Throttled> {
        if self.until > now {
            return Err(Throttled::Until(self.until));
        }
        Ok(())
    }

    fn failed(&mut self, tries: u32, now: Timestamp) -> Option<Span> {
        if self.is_forgotten(now) {
            (self.wrong, self.lockouts) = (0, 0);
        }
        self.wrong = self.wrong.saturating_add(1);
        self.total = self.total.saturating_add(1);
        self.last = now;
        if self.wrong < tries {
            return None;
        }
        let doubled = FIRST_LOCKOUT.micros() << self.lockouts.min(MAX_DOUBLINGS);
        let span = Span::from_micros(doubled.min(LONGEST_LOCKOUT.micros()));
        self.wrong = 0;
        self.lockouts = self.lockouts.saturating_add(1);
        self.until = now.after(span);
        Some(span)
    }
}

/// What was counted of one network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuessRow {
    /// The address, an IPv6 one with its /64; none for all networks for which there was no room.
    pub network: Option<IpAddr>,
    /// The application that was named; none for whatever was.
    pub application: Option<ApplicationName>,
    /// Wrong credentials since the start, as far as they are remembered.
    pub wrong: u64,
    /// The last of them.
    pub last: Timestamp,
    /// Until when nothing is heard, if nothing is.
    pub locked_until: Option<Timestamp>,
}

/// Wrong credentials, as memory keeps them.
#[derive(Debug)]
pub struct Guesses {
    counts: Bounded<Key, Count>,
    /// Those of the networks for which there is no room.
    crowded_out: Count,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            counts: Bounded::new(COUNTED_MAX),
            crowded_out: Count::default(),
        }
    }
}

impl Guesses {
    /// Whether credentials from there are looked at now. What is not says nothing of itself.
    pub fn admit(
        &self,
        source: IpAddr,
        application: Option<&ApplicationName>,
        now: Timestamp,
    ) -> Result<(), Throttled> {
        let own = self
            .counts
            .get(&(Network::of(source), application.cloned()));
        own.map_or(Ok(()), |own| own.admit(now))?;
        if own.is_some_and(|own| own.proven.is_some()) {
            return Ok(());
        }
        match self.counts.get(&(Network::of(source), None)) {
            Some(all) => all.admit(now),
            None if self.counts.len() < COUNTED_MAX => Ok(()),
            None => self.crowded_out.admit(now),
        }
    }

    /// Counts wrong credentials; for how long nothing is heard from now on, if that is one too many.
    pub fn failed(
        &mut self,
        source: IpAddr,
        application: Option<&ApplicationName>,
        now: Timestamp,
    ) -> Option<Span> {
        let named = application.and_then(|it| self.count(source, Some(it.clone()), now));
        let named = named.and_then(|count| count.failed(TRIES, now));
        let all = match self.count(source, None, now) {
            Some(count) => count.failed(TRIES_OF_NETWORK, now),
            None => self.crowded_out.failed(TRIES_OF_NETWORK, now),
        };
        named.max(all)
    }

    fn count(
        &mut self,
        source: IpAddr,
        application: Option<ApplicationName>,
        now: Timestamp,
    ) -> Option<&mut Count> {
        let key = (Network::of(source), application);
        self.counts.entry(key, |count| count.is_stale(now))
    }

    /// An application has shown its secret. What others guessed from there stays counted: they may not have as many
    /// tries again with each of its logins.
    pub fn succeeded(&mut self, source: IpAddr, application: &ApplicationName, now: Timestamp) {
        if let Some(count) = self.count(source, Some(application.clone()), now) {
            count.proven = Some(now);
        }
    }

    /// Who guessed, the latest first; of one virtual domain, or of all.
    pub fn rows(&self, vdom: Option<Vdom>, now: Timestamp) -> Vec<GuessRow> {
        let is_wanted = |key: &Key| match (vdom, &key.1) {
            (None, _) => true,
            (Some(vdom), Some(application)) => application.vdom == vdom,
            (Some(_), None) => false,
        };
        let counted = self.counts.iter().filter(|(key, _)| is_wanted(key));
        let counted = counted.map(|((network, application), count)| {
            let application = application.clone();
            (Some(network.address()), application, count)
        });
        let crowded_out = vdom.is_none().then_some((None, None, &self.crowded_out));
        let mut rows: Vec<GuessRow> = counted
            .chain(crowded_out)
            .filter(|(.., count)| count.total > 0)
            .map(|(network, application, count)| GuessRow {
                network,
                application,
                wrong: count.total,
                last: count.last,
                locked_until: (count.until > now).then_some(count.until),
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.last));
        rows
    }

    /// Forgets what was counted of a network, or of all those among which it counts; whether anything was.
    pub fn forget(&mut self, source: IpAddr) -> bool {
        let network = Network::of(source);
        let before = self.counts.len();
        self.counts.retain(|(counted, _)| *counted != network);
        let is_forgotten = self.counts.len() < before;
        is_forgotten || std::mem::take(&mut self.crowded_out).total > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const HERE: &str = "192.0.2.7";
    const THERE: &str = "198.51.100.1";

    fn portal() -> ApplicationName {
        named("portal")
    }

    fn named(name: &str) -> ApplicationName {
        let (vdom, name) = (Vdom::ROOT, name.into());
        ApplicationName { vdom, name }
    }

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn fail(
        guesses: &mut Guesses,
        from: &str,
        application: &ApplicationName,
        now: Timestamp,
    ) -> Option<Span> {
        guesses.failed(at(from), Some(application), now)
    }

    #[test]
    fn the_fifth_wrong_secret_locks_its_source_out_and_not_the_application() {
        let mut guesses = Guesses::default();
        for _ in 0..4 {
            assert_eq!(fail(&mut guesses, THERE, &portal(), NOW), None);
        }
        assert_eq!(
            fail(&mut guesses, THERE, &portal(), NOW),
            Some(FIRST_LOCKOUT)
        );
        let until = NOW.after(FIRST_LOCKOUT);
        let locked = Err(Throttled::Until(until));
        assert_eq!(guesses.admit(at(THERE), Some(&portal()), NOW), locked);
        assert_eq!(guesses.admit(at(HERE), Some(&portal()), NOW), Ok(()));
        assert_eq!(guesses.admit(at(THERE), Some(&named("mail")), NOW), Ok(()));
        assert_eq!(guesses.admit(at(THERE), Some(&portal()), until), Ok(()));
        let rows = guesses.rows(None, NOW);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().any(|row| row.application == Some(portal())
            && row.wrong == 5
            && row.locked_until == Some(until)));
    }

    #[test]
    fn each_further_lockout_is_twice_as_long_up_to_an_hour() {
        let mut guesses = Guesses::default();
        let mut now = NOW;
        let mut minutes = Vec::new();
        for _ in 0..8 {
            let span = loop {
                if let Some(span) = fail(&mut guesses, THERE, &portal(), now) {
                    break span;
                }
            };
            minutes.push(span.secs_rounded_up() / 60);
            now = now.after(span);
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(
            fail(&mut guesses, THERE, &portal(), now.after(FORGOTTEN_AFTER)),
            None
        );
    }

    #[test]
    fn names_that_change_are_counted_by_the_network_but_not_who_has_shown_a_secret() {
        let mut guesses = Guesses::default();
        assert_eq!(fail(&mut guesses, THERE, &portal(), NOW), None);
        guesses.succeeded(at(THERE), &portal(), NOW);
        for _ in 0..TRIES_OF_NETWORK {
            guesses.failed(at(THERE), None, NOW);
        }
        assert!(guesses.admit(at(THERE), None, NOW).is_err());
        assert!(guesses.admit(at(THERE), Some(&named("mail")), NOW).is_err());
        assert_eq!(guesses.admit(at(THERE), Some(&portal()), NOW), Ok(()));
        assert!(guesses.forget(at(THERE)) && !guesses.forget(at(THERE)));
        assert_eq!(guesses.admit(at(THERE), None, NOW), Ok(()));
    }

    #[test]
    fn one_subscriber_is_one_network() {
        let mut guesses = Guesses::default();
        for host in 0..5 {
            fail(&mut guesses, &format!("2001:db8::{host:x}"), &portal(), NOW);
        }
        assert!(
            guesses
                .admit(at("2001:db8::99"), Some(&portal()), NOW)
                .is_err()
        );
        assert_eq!(
            guesses.admit(at("2001:db8:0:1::99"), Some(&portal()), NOW),
            Ok(())
        );
    }

    /// Fills the table with networks that guess.
    fn full() -> Guesses {
        let mut guesses = Guesses::default();
        guesses.succeeded(at(HERE), &portal(), NOW);
        for host in 1..u32::try_from(COUNTED_MAX).unwrap() {
            let source = IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + host));
            guesses.failed(source, None, NOW);
        }
        guesses
    }

    #[test]
    fn networks_for_which_there_is_no_room_count_as_one() {
        let mut guesses = full();
        let tries = (0..u32::from(u8::MAX)).take_while(|host| {
            let source = at(&format!("198.51.100.{host}"));
            guesses.admit(source, Some(&portal()), NOW).is_ok() && {
                guesses.failed(source, Some(&portal()), NOW);
                true
            }
        });
        assert_eq!(tries.count(), usize::try_from(TRIES_OF_NETWORK).unwrap());
        // The application is heard from where it showed its secret, and whoever is counted as before.
        assert_eq!(guesses.admit(at(HERE), Some(&portal()), NOW), Ok(()));
        assert_eq!(guesses.admit(at("10.0.0.1"), Some(&portal()), NOW), Ok(()));
        let rows = guesses.rows(None, NOW);
        let others = rows.iter().find(|row| row.network.is_none()).unwrap();
        assert_eq!(others.wrong, u64::from(TRIES_OF_NETWORK));
        assert!(others.locked_until.is_some());
        assert!(guesses.forget(at(THERE)) && !guesses.forget(at(THERE)));
        assert_eq!(guesses.admit(at(THERE), Some(&portal()), NOW), Ok(()));
    }
}
