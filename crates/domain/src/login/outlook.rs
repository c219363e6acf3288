//! What would stop a person's next login, before anything is presented.
//!
//! It is what [`begin`](super::begin) and [`second`](super::second) would refuse whatever comes, told all at once;
//! of what they judge by what comes, nothing is said.

use super::{Asked, Facts, Person, Refusal};
use crate::backend::{BackendName, Rank};
use crate::reason::Reason;
use crate::source::Network;
use crate::throttle::{CodeCounter, Throttled};
use crate::time::{Span, Timestamp};

/// Sources that wait and are told of one name at most; of a guesser with more addresses the others say no more.
pub const SOURCES_TOLD_MAX: usize = 10;

/// What is counted of a name.
#[derive(Debug)]
pub struct Limits {
    /// Wrong codes where this unit checks passwords.
    pub codes: CodeCounter,
    /// Wrong codes at clients that check passwords themselves.
    pub codes_alone: CodeCounter,
    /// Sources from which no password of the name is looked at, and until when: the longest first,
    /// [`SOURCES_TOLD_MAX`] at most.
    pub waiting: Vec<(Network, Timestamp)>,
    /// How many such sources there are.
    pub waiting_count: usize,
    /// Until when no password is looked at from where the person never logged in.
    pub strangers_wait: Option<Timestamp>,
    /// Sources of the person's latest logins that are not listened to at all, and until when.
    pub shut_out: Vec<(Network, Timestamp)>,
}

/// A directory or RADIUS server that knows the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownBackend {
    /// Its entry.
    pub name: BackendName,
    /// Its servers in the order in which they would be asked; none if there is no such entry.
    pub servers: Vec<KnownServer>,
}

/// One of its servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownServer {
    /// Which.
    pub rank: Rank,
    /// Its name or address.
    pub host: Box<str>,
    /// For how long yet it counts as one that did not answer, if it does.
    pub silent: Option<Span>,
}

/// How the next login looks.
#[derive(PartialEq, Eq, Debug)]
pub struct Outlook {
    /// What would refuse it wherever it came from, in the order of the decision.
    pub obstacles: Vec<Refusal>,
    /// What would refuse it at one place alone: whoever guesses at a name there brings it about.
    pub partial: Vec<Refusal>,
    /// What is wrong with the second factor, where a recovery code or pass does in its place.
    pub recoverable: Option<Refusal>,
}

impl Outlook {
    /// That of whom the facts are about. `backends` are those that know the password.
    pub fn of(facts: &Facts, limits: &Limits, backends: &[KnownBackend], now: Timestamp) -> Self {
        let mut outlook = Self {
            obstacles: Vec::new(),
            partial: sources(limits),
            recoverable: None,
        };
        match &facts.person {
            Some(person) => outlook.look_at(person, limits, now),
            None if backends.is_empty() => outlook.add(Reason::UserUnknown),
            None => {}
        }
        outlook
            .obstacles
            .extend(backends.iter().filter_map(unreachable));
        outlook
    }

    fn look_at(&mut self, person: &Person, limits: &Limits, now: Timestamp) {
        if let Some(reason) = person.closed() {
            self.add(reason);
        }
        let is_renewable = person
            .validity
            .is_some_and(|validity| validity.is_renewable(now));
        if let Some(reason) = person.outlived(now).filter(|_| !is_renewable) {
            self.add(reason);
        }
        if person.password.is_none() {
            let none = Refusal::because(Reason::PasswordWrong);
            self.obstacles.push(with(none, "none is set".to_owned()));
        }
        match person.factor.asked() {
            Ok(Asked::Nothing) => return,
            Ok(Asked::Token(_) | Asked::Sent(_)) => {}
            Err(refusal) if person.may_recover(now) => self.recoverable = Some(refusal),
            Err(refusal) => {
                self.obstacles.push(refusal);
                return;
            }
        }
        if let Err(throttled) = limits.codes.admit(now) {
            self.obstacles
                .push(Refusal::throttled(throttled, Reason::CodeThrottled));
        }
        if let Err(throttled) = limits.codes_alone.admit(now) {
            let refusal = Refusal::throttled(throttled, Reason::CodeThrottled);
            let place = "at clients that check passwords themselves";
            self.partial.push(within(refusal, place));
        }
    }

    fn add(&mut self, reason: Reason) {
        self.obstacles.push(Refusal::because(reason));
    }
}

/// What comes before anybody looks who it is.
fn sources(limits: &Limits) -> Vec<Refusal> {
    let from = |(source, until): &(Network, Timestamp), reason| {
        let refusal = Refusal::throttled(Throttled::Until(*until), reason);
        within(refusal, &format!("from {}", source.address()))
    };
    let shut_out = limits.shut_out.iter();
    let shut_out = shut_out.map(|it| from(it, Reason::SourceBlackout));
    let waiting = limits.waiting.iter();
    let waiting = waiting.map(|it| from(it, Reason::SourceThrottled));
    let strangers = limits.strangers_wait.map(|until| {
        let refusal = Refusal::throttled(Throttled::Until(until), Reason::NameThrottled);
        within(refusal, "from where the user never logged in")
    });
    shut_out.chain(waiting).chain(strangers).collect()
}

/// Nobody decides where no server answers.
fn unreachable(backend: &KnownBackend) -> Option<Refusal> {
    let is_silent = |server: &KnownServer| server.silent.is_some();
    let why = match backend.servers.as_slice() {
        [] => "there is no such entry",
        servers if servers.iter().all(is_silent) => "no server of it answered when asked last",
        _ => return None,
    };
    let refusal = Refusal::because(Reason::BackendUnreachable);
    Some(with(refusal, format!("{}: {why}", backend.name)))
}

/// The same at one place alone.
fn within(refusal: Refusal, place: &str) -> Refusal {
    let evidence = match refusal.evidence.as_deref() {
        Some(evidence) => format!("{place}: {evidence}"),
        None => place.to_owned(),
    };
    with(refusal, evidence)
}

fn with(mut refusal: Refusal, evidence: String) -> Refusal {
    refusal.evidence = Some(evidence.into());
    refusal
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use ident::TokenSerial;

    use super::*;
    use crate::backend::Kind;
    use crate::login::{CodePosition, Factor};
    use crate::name::CanonicalName;
    use crate::recovery::{Digest, Held, Kind as Recovery};
    use crate::user::Switch;
    use crate::vdom::Vdom;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const LATER: Timestamp = Timestamp::from_secs(1_700_000_060);

    fn none() -> Limits {
        Limits {
            codes: CodeCounter::default(),
            codes_alone: CodeCounter::default(),
            waiting: Vec::new(),
            waiting_count: 0,
            strangers_wait: None,
            shut_out: Vec::new(),
        }
    }

    fn named() -> CanonicalName {
        CanonicalName::of("alice").unwrap()
    }

    fn facts(person: Option<Person>) -> Facts {
        Facts {
            name: named(),
            person,
            sources: Vec::new(),
            position: CodePosition::Challenge,
        }
    }

    fn person(factor: Factor) -> Person {
        Person {
            name: named(),
            status: Switch::Enable,
            validity: None,
            password: None,
            former: None,
            keys: Box::default(),
            factor,
            recovery: Box::default(),
        }
    }

    fn reasons(outlook: &Outlook) -> Vec<Reason> {
        outlook.obstacles.iter().map(|it| it.reason).collect()
    }

    fn token() -> Factor {
        Factor::TokenWithoutSeed(TokenSerial::parse("FTK2000BHV1KRZCC").unwrap())
    }

    #[test]
    fn all_that_stands_in_the_way_is_told_at_once_in_the_order_of_the_decision() {
        let source = Network::of(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let mut limits = none();
        limits.shut_out.push((source, LATER));
        limits.waiting.push((source, LATER));
        limits.strangers_wait = Some(LATER);
        let mut disabled = person(token());
        disabled.status = Switch::Disable;
        let outlook = Outlook::of(&facts(Some(disabled)), &limits, &[], NOW);
        assert_eq!(
            reasons(&outlook),
            [
                Reason::UserDisabled,
                Reason::PasswordWrong,
                Reason::TokenWithoutSeed
            ]
        );
        let partial: Vec<_> = outlook.partial.iter().map(|it| it.reason).collect();
        assert_eq!(
            partial,
            [
                Reason::SourceBlackout,
                Reason::SourceThrottled,
                Reason::NameThrottled
            ]
        );
        let evidence = outlook.partial[0].evidence.as_deref().unwrap();
        assert_eq!(
            evidence,
            format!("from 127.0.0.1: not looked at before {LATER}")
        );
    }

    #[test]
    fn a_pass_does_in_the_place_of_a_token_until_codes_are_not_looked_at() {
        let mut recovering = person(token());
        let pass = Held::new(Recovery::Pass, Digest([0; 32]), Some(LATER));
        recovering.recovery = [pass].into();
        let facts = facts(Some(recovering));
        let mut limits = none();
        let outlook = Outlook::of(&facts, &limits, &[], NOW);
        assert_eq!(reasons(&outlook), [Reason::PasswordWrong]);
        let wrong = outlook.recoverable.unwrap().reason;
        assert_eq!(wrong, Reason::TokenWithoutSeed);
        limits.codes.block();
        let outlook = Outlook::of(&facts, &limits, &[], NOW);
        assert_eq!(
            reasons(&outlook),
            [Reason::PasswordWrong, Reason::CodeBlocked]
        );
        let outlook = Outlook::of(&facts, &none(), &[], LATER);
        assert_eq!(
            reasons(&outlook),
            [Reason::PasswordWrong, Reason::TokenWithoutSeed]
        );
    }

    #[test]
    fn codes_matter_to_whom_they_are_asked_of() {
        let mut limits = none();
        limits.codes.block();
        let outlook = Outlook::of(&facts(Some(person(Factor::None))), &limits, &[], NOW);
        assert_eq!(reasons(&outlook), [Reason::PasswordWrong]);
    }

    #[test]
    fn a_backend_is_in_the_way_once_none_of_its_servers_answers() {
        let server = |silent| KnownServer {
            rank: Rank::Primary,
            host: "192.0.2.1".into(),
            silent,
        };
        let known = |servers| KnownBackend {
            name: BackendName {
                kind: Kind::Ldap,
                vdom: Vdom::ROOT,
                name: "corp".into(),
            },
            servers,
        };
        let silent = || server(Some(Span::from_secs(60)));
        for (servers, expected) in [
            (vec![silent(), server(None)], &[][..]),
            (vec![silent(), silent()], &[Reason::BackendUnreachable]),
            (Vec::new(), &[Reason::BackendUnreachable]),
        ] {
            let outlook = Outlook::of(&facts(None), &none(), &[known(servers)], NOW);
            assert_eq!(reasons(&outlook), expected);
        }
        let outlook = Outlook::of(&facts(None), &none(), &[], NOW);
        assert_eq!(reasons(&outlook), [Reason::UserUnknown]);
    }
}
