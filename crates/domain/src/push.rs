//! Logins that a person approves on a phone: the number that binds an approval to a login, what is
//! outstanding, and how often somebody is asked.

use std::collections::VecDeque;
use std::fmt;

use data_encoding::HEXLOWER;
use ident::{RegistrationId, TokenKind, TokenSerial};

use crate::bounded::Bounded;
use crate::login::{Factor, Facts};
use crate::name::CanonicalName;
use crate::reason::Reason;
use crate::settings::PushSettings;
use crate::source::Network;
use crate::time::{Span, Timestamp};
use crate::token::Usability;

/// Requests of one person that nobody has answered yet: a second would be approved for the first.
const OUTSTANDING_MAX: usize = 1;
/// Requests to one person within [`BURST_SPAN`]: whoever mistypes a number tries again; nobody is asked until
/// nerves give way.
const BURST_MAX: usize = 5;
const BURST_SPAN: Span = Span::from_mins(10);
/// Where a client checks passwords itself, who has somebody asked may have proven nothing: they are rarer, and give
/// way to a request after a password that was right here.
const BURST_SPAN_ALONE: Span = Span::from_hours(1);
/// Requests to one person since a login of theirs was granted.
const SINCE_SUCCESS_MAX: u32 = 20;
/// How long a source asks nobody who has said of it: that was not me.
const REPORTED_SPAN: Span = Span::from_hours(1);
/// People whose requests are counted, at some 300 octets each. Only who has proven a first factor is; beyond
/// it nobody is asked before somebody's count is forgotten.
const PEOPLE_MAX: usize = 100_000;
/// A count is forgotten when nobody was asked for so long.
const FORGOTTEN_AFTER: Span = Span::from_days(1);

/// The token by which a person can be asked, if people are and it is on a phone.
pub fn offered(facts: &Facts, settings: &PushSettings) -> Option<TokenSerial> {
    match &facts.person.as_ref()?.factor {
        Factor::Token {
            verifier,
            usability: Usability::Usable,
        } if verifier.serial.kind() == TokenKind::Mobile && settings.is_enabled() => {
            Some(verifier.serial)
        }
        _ => None,
    }
}

/// The random name of one request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    octets: [u8; 16],
    hex: [u8; 32],
}

impl Session {
    /// From random octets.
    pub fn new(random: [u8; 16]) -> Self {
        let mut hex = [0; 32];
        HEXLOWER.encode_mut(&random, &mut hex);
        Self {
            octets: random,
            hex,
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let octets = HEXLOWER.decode(text.as_bytes()).ok()?;
        octets.try_into().ok().map(Self::new)
    }

    /// The octets.
    pub const fn octets(&self) -> &[u8; 16] {
        &self.octets
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits are text.
        str::from_utf8(&self.hex).unwrap_or_default()
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({self})")
    }
}

/// Two digits that the login shows and the person types on the phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number(u8);

impl Number {
    /// A number of random octets. There are so many more of them than numbers that none is likelier than
    /// another by one part in 10^17.
    pub fn draw(random: [u8; 8]) -> Self {
        let number = u64::from_be_bytes(random) % 100;
        Self(u8::try_from(number).unwrap_or(0))
    }

    /// Reads two digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse().ok().filter(|_| is_number).map(Self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number(<sealed>)")
    }
}

/// What the person said, proven to come from the phone that has the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// Yes; with the number that was typed.
    Approve(Option<Number>),
    /// No.
    Deny,
    /// No, and the login is somebody else's.
    NotMe,
}

/// A request that waits for its answer. It cannot be copied: an answer uses it up, whatever it says.
#[derive(Debug)]
pub struct Outstanding {
    /// Its name.
    pub session: Session,
    /// Who is asked.
    pub person: CanonicalName,
    /// The token whose seed proves the answer.
    pub token: TokenSerial,
    /// The phone that has it.
    pub device: RegistrationId,
    /// What the login shows; nothing where a tap is enough.
    pub number: Option<Number>,
    /// At this moment, or later, it is too late.
    pub expires: Timestamp,
}

/// A request that its person approved. Only [`Outstanding::judge`] makes one.
#[derive(Debug)]
pub(crate) struct Approved {
    pub(crate) session: Session,
    pub(crate) token: TokenSerial,
    pub(crate) device: RegistrationId,
}

impl Outstanding {
    /// Whether what the person said lets in, for who asks before the login goes on.
    pub fn is_approved_by(&self, said: Said) -> bool {
        said == Said::Approve(self.number)
    }

    /// Uses it up. Nothing said is nothing approved.
    pub(crate) fn judge(self, said: Option<Said>, now: Timestamp) -> Result<Approved, Reason> {
        if self.expires <= now {
            return Err(Reason::PushExpired);
        }
        match said {
            Some(said) if self.is_approved_by(said) => Ok(Approved {
                session: self.session,
                token: self.token,
                device: self.device,
            }),
            Some(Said::Approve(_)) => Err(Reason::PushNumberWrong),
            Some(Said::Deny) => Err(Reason::PushDenied),
            Some(Said::NotMe) => Err(Reason::PushNotMe),
            None => Err(Reason::PushExpired),
        }
    }
}

/// Why nobody is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAsked {
    /// Somebody is asked already, until then.
    Outstanding(Timestamp),
    /// Too often in so short a time; until then.
    Burst(Span, Timestamp),
    /// Too often without a login that was granted.
    WithoutSuccess,
    /// The person said of this source that it is somebody else; until then.
    Reported(Timestamp),
    /// No more people can be counted now.
    Full,
}

impl NotAsked {
    /// The reason of the refusal, and its evidence.
    pub fn explained(self) -> (Reason, String) {
        match self {
            Self::Outstanding(until) => (
                Reason::PushOutstanding,
                format!("the other can be answered until {until}"),
            ),
            Self::Burst(span, until) => {
                let minutes = span.mins();
                let evidence = format!("{BURST_MAX} within {minutes} minutes; the next at {until}");
                (Reason::PushTooMany, evidence)
            }
            Self::WithoutSuccess => (
                Reason::PushTooMany,
                format!("{SINCE_SUCCESS_MAX} since the last login that was granted"),
            ),
            Self::Reported(until) => (
                Reason::PushSourceReported,
                format!("no push is sent for this source before {until}"),
            ),
            Self::Full => (
                Reason::PushTooMany,
                format!("{PEOPLE_MAX} people are being asked"),
            ),
        }
    }
}

/// How often who was asked, and which sources they do not want to hear of.
#[derive(Debug)]
pub struct Allowances {
    burst_span: Span,
    people: Bounded<CanonicalName, Asked>,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            burst_span: BURST_SPAN,
            people: Bounded::new(PEOPLE_MAX),
        }
    }
}

#[derive(Debug, Default)]
struct Asked {
    /// The last requests, oldest first; at most [`BURST_MAX`].
    recent: VecDeque<Timestamp>,
    since_success: u32,
    reported: Vec<(Network, Timestamp)>,
}

/// Sources that one person has reported and that are kept: each needs a request that was answered.
const REPORTED_MAX: usize = BURST_MAX * 6;

impl Asked {
    fn is_forgotten(&self, now: Timestamp) -> bool {
        let last = self.recent.back();
        last.is_none_or(|at| at.after(FORGOTTEN_AFTER) <= now)
    }

    fn next(&self, span: Span, now: Timestamp) -> Option<Timestamp> {
        let oldest = self.recent.front()?.after(span);
        (self.recent.len() >= BURST_MAX && oldest > now).then_some(oldest)
    }
}

impl Allowances {
    /// Those of logins in which the client checks the password. They are apart: whoever has somebody asked so must
    /// not use up what the person has after a right password.
    pub fn of_codes_alone() -> Self {
        Self {
            burst_span: BURST_SPAN_ALONE,
            ..Self::default()
        }
    }

    /// Counts a request that is about to be sent. `outstanding` says until when each of the person's other
    /// requests can be answered.
    pub fn take(
        &mut self,
        person: &CanonicalName,
        source: Network,
        outstanding: &[Timestamp],
        now: Timestamp,
    ) -> Result<(), NotAsked> {
        let open = outstanding.iter().filter(|expires| **expires > now);
        if open.clone().count() >= OUTSTANDING_MAX
            && let Some(last) = open.max()
        {
            return Err(NotAsked::Outstanding(*last));
        }
        let is_forgotten = |asked: &Asked| asked.is_forgotten(now);
        let asked = self.people.entry(person.clone(), is_forgotten);
        let asked = asked.ok_or(NotAsked::Full)?;
        asked.reported.retain(|(_, until)| *until > now);
        if let Some((_, until)) = asked.reported.iter().find(|(known, _)| *known == source) {
            return Err(NotAsked::Reported(*until));
        }
        if asked.since_success >= SINCE_SUCCESS_MAX {
            return Err(NotAsked::WithoutSuccess);
        }
        if let Some(next) = asked.next(self.burst_span, now) {
            return Err(NotAsked::Burst(self.burst_span, next));
        }
        if asked.recent.len() == BURST_MAX {
            asked.recent.pop_front();
        }
        asked.recent.push_back(now);
        asked.since_success += 1;
        Ok(())
    }

    /// A request that was counted at `at` was not sent after all.
    pub fn give_back(&mut self, person: &CanonicalName, at: Timestamp) {
        let Some(asked) = self.people.get_mut(person) else {
            return;
        };
        if let Some(place) = asked.recent.iter().rposition(|taken| *taken == at) {
            asked.recent.remove(place);
            asked.since_success = asked.since_success.saturating_sub(1);
        }
    }

    /// A login of the person was granted, by whatever second factor.
    pub fn succeeded(&mut self, person: &CanonicalName) {
        if let Some(asked) = self.people.get_mut(person) {
            asked.since_success = 0;
        }
    }

    /// The person says that a source is somebody else.
    pub fn reported(&mut self, person: &CanonicalName, source: Network, now: Timestamp) {
        let is_forgotten = |asked: &Asked| asked.is_forgotten(now);
        let Some(asked) = self.people.entry(person.clone(), is_forgotten) else {
            return;
        };
        if asked.reported.len() == REPORTED_MAX {
            asked.reported.remove(0);
        }
        asked.reported.push((source, now.after(REPORTED_SPAN)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Realm;
    use crate::vdom::Vdom;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MINUTE: Span = Span::from_mins(1);

    fn from(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    fn alice() -> CanonicalName {
        CanonicalName::within(Realm::Vdom(Vdom::ROOT), "alice").unwrap()
    }

    fn outstanding(number: Option<Number>) -> Outstanding {
        Outstanding {
            session: Session::new([7; 16]),
            person: alice(),
            token: TokenSerial::parse("FTKMOB83F91CD33B").unwrap(),
            device: RegistrationId::from_bytes([1; 32]),
            number,
            expires: NOW.after(MINUTE),
        }
    }

    #[test]
    fn an_approval_needs_the_number_and_the_time() {
        let [right, wrong] = ["07", "70"].map(|text| Number::parse(text).unwrap());
        let judged = |number, said, at| outstanding(number).judge(said, at).map(|it| it.session);
        let approve = |number| Some(Said::Approve(number));
        let session = Session::new([7; 16]);
        assert_eq!(judged(Some(right), approve(Some(right)), NOW), Ok(session));
        assert_eq!(judged(None, approve(None), NOW), Ok(session));
        for (number, said, reason) in [
            (Some(right), approve(Some(wrong)), Reason::PushNumberWrong),
            (Some(right), approve(None), Reason::PushNumberWrong),
            (None, approve(Some(right)), Reason::PushNumberWrong),
            (Some(right), Some(Said::Deny), Reason::PushDenied),
            (None, Some(Said::NotMe), Reason::PushNotMe),
            (None, None, Reason::PushExpired),
        ] {
            assert_eq!(judged(number, said, NOW), Err(reason));
        }
        let late = NOW.after(MINUTE);
        assert_eq!(judged(None, approve(None), late), Err(Reason::PushExpired));
    }

    #[test]
    fn a_number_is_two_digits_and_shows_itself_to_nobody_by_chance() {
        for (number, digits) in [(0, "00"), (7, "07"), (99, "99"), (100, "00")] {
            let drawn = Number::draw(u64::to_be_bytes(number));
            assert_eq!(drawn.to_string(), digits);
            assert_eq!(Number::parse(digits), Some(drawn));
        }
        for wrong in ["7", "+7", "007", "", "a1"] {
            assert_eq!(Number::parse(wrong), None, "{wrong}");
        }
        let shown = format!("{:?}", Number::parse("47").unwrap());
        assert!(!shown.contains("47"), "{shown}");
        let session = Session::new([0xab; 16]);
        assert_eq!(Session::parse(&session.to_string()), Some(session));
    }

    #[test]
    fn one_at_a_time_five_in_ten_minutes_and_twenty_until_a_success() {
        let mut allowances = Allowances::default();
        let alice = alice();
        let until = NOW.after(MINUTE);
        let busy = allowances.take(&alice, from("192.0.2.1"), &[until], NOW);
        assert_eq!(busy, Err(NotAsked::Outstanding(until)));
        assert_eq!(
            allowances.take(&alice, from("192.0.2.1"), &[NOW], NOW),
            Ok(())
        );
        for _ in 1..5 {
            assert_eq!(allowances.take(&alice, from("192.0.2.1"), &[], NOW), Ok(()));
        }
        let next = NOW.after(BURST_SPAN);
        let burst = allowances.take(&alice, from("192.0.2.1"), &[], NOW.after(MINUTE));
        assert_eq!(burst, Err(NotAsked::Burst(BURST_SPAN, next)));
        let mut at = next;
        let mut asked = 5;
        for _ in 0..100 {
            asked += u32::from(allowances.take(&alice, from("192.0.2.1"), &[], at).is_ok());
            at = at.after(MINUTE);
        }
        assert_eq!(asked, 20);
        let bombed = allowances.take(&alice, from("192.0.2.1"), &[], at);
        assert_eq!(bombed, Err(NotAsked::WithoutSuccess));
        allowances.succeeded(&alice);
        assert_eq!(allowances.take(&alice, from("192.0.2.1"), &[], at), Ok(()));
    }

    #[test]
    fn what_was_not_sent_is_not_counted() {
        let mut allowances = Allowances::default();
        let alice = alice();
        for minute in 0..100 {
            let at = NOW.after(Span::from_mins(minute));
            assert_eq!(
                allowances.take(&alice, from("192.0.2.1"), &[], at),
                Ok(()),
                "{minute}"
            );
            allowances.give_back(&alice, at);
        }
        allowances.give_back(&alice, NOW);
        for _ in 0..5 {
            assert_eq!(allowances.take(&alice, from("192.0.2.1"), &[], NOW), Ok(()));
        }
        let burst = allowances.take(&alice, from("192.0.2.1"), &[], NOW);
        assert!(matches!(burst, Err(NotAsked::Burst(..))), "{burst:?}");
    }

    #[test]
    fn where_a_client_checks_passwords_five_in_an_hour() {
        let mut allowances = Allowances::of_codes_alone();
        for _ in 0..5 {
            assert_eq!(
                allowances.take(&alice(), from("192.0.2.1"), &[], NOW),
                Ok(())
            );
        }
        let late = NOW.after(BURST_SPAN_ALONE);
        let soon = NOW.after(BURST_SPAN);
        let busy = allowances
            .take(&alice(), from("192.0.2.1"), &[], soon)
            .unwrap_err();
        assert_eq!(busy, NotAsked::Burst(BURST_SPAN_ALONE, late));
        let (_, evidence) = busy.explained();
        assert!(evidence.starts_with("5 within 60 minutes"), "{evidence}");
        assert_eq!(
            allowances.take(&alice(), from("192.0.2.1"), &[], late),
            Ok(())
        );
    }

    #[test]
    fn a_source_that_was_reported_asks_its_person_no_more_and_others_do() {
        let mut allowances = Allowances::default();
        let alice = alice();
        allowances.reported(&alice, from("203.0.113.7"), NOW);
        let until = NOW.after(REPORTED_SPAN);
        let asked = allowances.take(&alice, from("203.0.113.7"), &[], NOW);
        assert_eq!(asked, Err(NotAsked::Reported(until)));
        assert_eq!(allowances.take(&alice, from("192.0.2.1"), &[], NOW), Ok(()));
        let later = allowances.take(&alice, from("203.0.113.7"), &[], until);
        assert_eq!(later, Ok(()));
    }
}
