//! What would stop a person's next login, before anything is presented.
//!
//! It is what [`begin`](super::begin) and [`second`](super::second) would refuse whatever comes, told all at once;
//! of what they judge by what comes, nothing is said.

use super::{Asked, CodePosition, Facts, Person, Refusal};
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

/// What a code that is sent for a login meets.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sending {
    /// Why nothing that is configured carries one, if so.
    pub unconfigured: Option<Box<str>>,
    /// Until when no other is sent at clients whose passwords this unit checks.
    pub waits: Option<Timestamp>,
    /// Until when none is at clients that check passwords themselves.
    pub waits_alone: Option<Timestamp>,
}

/// What a login passes besides the record, and where it may come from. Where no client is known, passwords are checked
/// here.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Surroundings {
    /// The servers that know the password.
    pub backends: Vec<KnownBackend>,
    /// What a code meets that is sent.
    pub sending: Sending,
    /// Whether clients take the person whose passwords this unit checks.
    pub checks_passwords: bool,
    /// Whether clients take the person that check passwords themselves: [`CodePosition::CodeOnly`].
    pub vouched: bool,
}

impl Surroundings {
    /// With the clients of these positions.
    #[must_use]
    pub fn at(mut self, positions: impl IntoIterator<Item = CodePosition>) -> Self {
        for position in positions {
            match position {
                CodePosition::CodeOnly => self.vouched = true,
                _ => self.checks_passwords = true,
            }
        }
        self
    }

    const fn have(&self, reach: Reach) -> bool {
        match reach {
            Reach::Everywhere => true,
            Reach::Here => self.checks_passwords || !self.vouched,
            Reach::Vouched => self.vouched,
        }
    }
}

/// Where something is in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    Everywhere,
    /// At clients whose passwords this unit checks.
    Here,
    /// At clients that check passwords themselves.
    Vouched,
}

impl Reach {
    const fn place(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Here => "at clients whose passwords are checked here",
            Self::Vouched => "at clients that check passwords themselves",
        }
    }
}

/// How the next login looks.
#[derive(PartialEq, Eq, Debug)]
pub struct Outlook {
    /// What would refuse it wherever it came from, in the order of the decision.
    pub obstacles: Vec<Refusal>,
    /// What would refuse it at some places alone. Of a source, whoever guesses at a name there brings it about.
    pub partial: Vec<Refusal>,
    /// What is wrong with the second factor, where a recovery code or pass does in its place.
    pub recoverable: Option<Refusal>,
}

impl Outlook {
    /// That of whom the facts are about.
    pub fn of(facts: &Facts, limits: &Limits, surroundings: &Surroundings, now: Timestamp) -> Self {
        let mut found = Found::default();
        match &facts.person {
            Some(person) => found.look_at(person, limits, &surroundings.sending, now),
            None if surroundings.backends.is_empty() => {
                found.add(Reach::Everywhere, Reason::UserUnknown);
            }
            None => found.add(Reach::Vouched, Reason::UserUnknown),
        }
        let unreachable = surroundings.backends.iter().filter_map(unreachable);
        let unreachable = unreachable.map(|refusal| (Reach::Here, refusal));
        found.refusals.extend(unreachable);
        let mut outlook = Self {
            obstacles: Vec::new(),
            partial: sources(limits, surroundings),
            recoverable: found.recoverable,
        };
        let has_both = surroundings.have(Reach::Here) && surroundings.have(Reach::Vouched);
        let is_stopped = |reach| found.refusals.iter().any(|(at, _)| *at == reach);
        let are_both_stopped = is_stopped(Reach::Here) && is_stopped(Reach::Vouched);
        for (reach, refusal) in found.refusals {
            if !surroundings.have(reach) {
                continue;
            }
            if reach == Reach::Everywhere || !has_both {
                outlook.obstacles.push(refusal);
            } else if are_both_stopped {
                outlook.obstacles.push(within(refusal, reach.place()));
            } else {
                outlook.partial.push(within(refusal, reach.place()));
            }
        }
        outlook
    }
}

/// What is in the way of somebody, in the order of the decision.
#[derive(Default)]
struct Found {
    refusals: Vec<(Reach, Refusal)>,
    recoverable: Option<Refusal>,
}

impl Found {
    fn look_at(&mut self, person: &Person, limits: &Limits, sending: &Sending, now: Timestamp) {
        if let Some(reason) = person.closed() {
            self.add(Reach::Everywhere, reason);
        }
        let is_renewable = person
            .validity
            .is_some_and(|validity| validity.is_renewable(now));
        if let Some(reason) = person.outlived(now).filter(|_| !is_renewable) {
            self.add(Reach::Here, reason);
        }
        if person.password.is_none() {
            let none = Refusal::because(Reason::PasswordWrong);
            self.push(Reach::Here, with(none, "none is set".to_owned()));
        }
        match person.factor.asked() {
            Ok(Asked::Nothing) => return self.add(Reach::Vouched, Reason::SecondFactorMissing),
            Ok(Asked::Token(_)) => {}
            Ok(Asked::Sent(_)) => self.look_at_sending(sending),
            Err(refusal) if person.may_recover(now) => self.recoverable = Some(refusal),
            Err(refusal) => return self.push(Reach::Everywhere, refusal),
        }
        for (reach, counter) in [
            (Reach::Here, &limits.codes),
            (Reach::Vouched, &limits.codes_alone),
        ] {
            if let Err(throttled) = counter.admit(now) {
                self.push(reach, Refusal::throttled(throttled, Reason::CodeThrottled));
            }
        }
    }

    fn look_at_sending(&mut self, sending: &Sending) {
        if let Some(why) = &sending.unconfigured {
            let unsent = Refusal::because(Reason::CodeNotSent);
            self.push(Reach::Everywhere, with(unsent, why.to_string()));
        }
        for (reach, waits) in [
            (Reach::Here, sending.waits),
            (Reach::Vouched, sending.waits_alone),
        ] {
            if let Some(next) = waits {
                self.push(reach, Refusal::too_many_sent(next));
            }
        }
    }

    fn add(&mut self, reach: Reach, reason: Reason) {
        self.push(reach, Refusal::because(reason));
    }

    fn push(&mut self, reach: Reach, refusal: Refusal) {
        self.refusals.push((reach, refusal));
    }
}

/// What comes before anybody looks who it is. Sources wait for their passwords: where none is asked for, nobody does.
fn sources(limits: &Limits, surroundings: &Surroundings) -> Vec<Refusal> {
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
    let of_passwords = waiting.chain(strangers);
    let of_passwords = of_passwords.filter(|_| surroundings.have(Reach::Here));
    shut_out.chain(of_passwords).collect()
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
    use crate::contact::Address;
    use crate::login::Factor;
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
        let outlook = Outlook::of(
            &facts(Some(disabled)),
            &limits,
            &Surroundings::default(),
            NOW,
        );
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
        let outlook = Outlook::of(&facts, &limits, &Surroundings::default(), NOW);
        assert_eq!(reasons(&outlook), [Reason::PasswordWrong]);
        let wrong = outlook.recoverable.unwrap().reason;
        assert_eq!(wrong, Reason::TokenWithoutSeed);
        limits.codes.block();
        let outlook = Outlook::of(&facts, &limits, &Surroundings::default(), NOW);
        assert_eq!(
            reasons(&outlook),
            [Reason::PasswordWrong, Reason::CodeBlocked]
        );
        let outlook = Outlook::of(&facts, &none(), &Surroundings::default(), LATER);
        assert_eq!(
            reasons(&outlook),
            [Reason::PasswordWrong, Reason::TokenWithoutSeed]
        );
    }

    #[test]
    fn codes_matter_to_whom_they_are_asked_of() {
        let mut limits = none();
        limits.codes.block();
        let outlook = Outlook::of(
            &facts(Some(person(Factor::None))),
            &limits,
            &Surroundings::default(),
            NOW,
        );
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
            let surroundings = Surroundings {
                backends: vec![known(servers)],
                ..Surroundings::default()
            };
            let outlook = Outlook::of(&facts(None), &none(), &surroundings, NOW);
            assert_eq!(reasons(&outlook), expected);
        }
        let outlook = Outlook::of(&facts(None), &none(), &Surroundings::default(), NOW);
        assert_eq!(reasons(&outlook), [Reason::UserUnknown]);
    }

    const PASSWORDS: CodePosition = CodePosition::Challenge;
    const VOUCHED: CodePosition = CodePosition::CodeOnly;

    fn at(positions: &[CodePosition]) -> Surroundings {
        Surroundings::default().at(positions.iter().copied())
    }

    #[test]
    fn what_concerns_passwords_is_in_nobodys_way_where_clients_check_them() {
        let source = Network::of(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let mut limits = none();
        limits.codes.block();
        limits.waiting.push((source, LATER));
        limits.strangers_wait = Some(LATER);
        let sent = || person(Factor::Sent(Address::Mail("a@example.org".into())));
        let outlook = Outlook::of(&facts(Some(sent())), &limits, &at(&[VOUCHED]), NOW);
        assert_eq!((reasons(&outlook), outlook.partial), (vec![], vec![]));
        limits.codes_alone.block();
        let outlook = Outlook::of(&facts(Some(sent())), &limits, &at(&[VOUCHED]), NOW);
        assert_eq!(reasons(&outlook), [Reason::CodeBlocked]);
        let without = facts(Some(person(Factor::None)));
        let outlook = Outlook::of(&without, &none(), &at(&[VOUCHED]), NOW);
        assert_eq!(reasons(&outlook), [Reason::SecondFactorMissing]);
    }

    #[test]
    fn what_is_in_the_way_at_clients_of_one_kind_leaves_those_of_the_other() {
        let both = at(&[PASSWORDS, VOUCHED]);
        let mut limits = none();
        let sent = facts(Some(person(Factor::Sent(Address::Mail(
            "a@example.org".into(),
        )))));
        let outlook = Outlook::of(&sent, &limits, &both, NOW);
        assert_eq!(reasons(&outlook), []);
        let [partial] = &outlook.partial[..] else {
            panic!("{outlook:?}");
        };
        assert_eq!(partial.reason, Reason::PasswordWrong);
        let evidence = partial.evidence.as_deref();
        let expected = "at clients whose passwords are checked here: none is set";
        assert_eq!(evidence, Some(expected));
        limits.codes_alone.block();
        let outlook = Outlook::of(&sent, &limits, &both, NOW);
        assert_eq!(
            reasons(&outlook),
            [Reason::PasswordWrong, Reason::CodeBlocked]
        );
        // Nobody asks for codes alone where no client does.
        let outlook = Outlook::of(&sent, &limits, &at(&[PASSWORDS]), NOW);
        assert_eq!(reasons(&outlook), [Reason::PasswordWrong]);
    }

    #[test]
    fn a_code_that_would_not_be_sent_is_in_the_way_of_whom_it_is_sent_to() {
        let mut surroundings = at(&[VOUCHED]);
        surroundings.sending = Sending {
            unconfigured: Some("no mail server is configured".into()),
            waits: None,
            waits_alone: Some(LATER),
        };
        let sent = facts(Some(person(Factor::Sent(Address::Mail(
            "a@example.org".into(),
        )))));
        let outlook = Outlook::of(&sent, &none(), &surroundings, NOW);
        assert_eq!(
            reasons(&outlook),
            [Reason::CodeNotSent, Reason::SentCodesTooMany]
        );
        let evidence: Vec<_> = outlook.obstacles.iter().map(|it| &it.evidence).collect();
        assert_eq!(
            evidence,
            [
                &Some("no mail server is configured".into()),
                &Some(format!("no other is sent before {LATER}").into())
            ]
        );
        let token = facts(Some(person(token())));
        let outlook = Outlook::of(&token, &none(), &surroundings, NOW);
        assert_eq!(reasons(&outlook), [Reason::TokenWithoutSeed]);
    }
}
