//! A mobile token as one unit gives it to another, so that its person goes on with the same phone.
//!
//! It is text that is sealed before it leaves the process: a key URI, and a line for each thing that a URI
//! does not say.

use std::fmt::Write as _;

use ident::{ActivationCode, RegistrationId, TokenKind, TokenSerial};
use otp::key_uri::Name;
use otp::{Drift, KeyUri, Kind, Parameters, Seed, Step, Window};
use zeroize::Zeroizing;

use crate::admin::Change;
use crate::name::{CanonicalName, Realm};
use crate::time::Timestamp;
use crate::token::{KnownBy, Provisioned, Stage, Token, TokenStatus, Verifier};

/// More than the longest of them takes: a seed of 64 octets, a name of an app's version of 15 and a person's of 64
/// characters.
pub const CONVEYED_MAX: usize = 1_024;

/// A mobile token that is on a phone.
#[derive(Debug)]
pub struct Conveyed {
    /// The token.
    pub serial: TokenSerial,
    /// What makes its codes, on the phone as well.
    pub seed: Seed,
    /// How they are made.
    pub parameters: Parameters,
    /// Learned clock difference.
    pub drift: Drift,
    /// The highest step that is spent.
    pub spent: Option<Step>,
    /// The phone, as it was when the token left.
    pub phone: Provisioned,
    /// One that was locked stays so.
    pub status: TokenStatus,
    /// Who had it; nobody, too, in a backup, whose users say which token they have.
    pub holder: Option<Holder>,
}

/// Who has a token, by a name that means the same person on another unit: that has virtual domains of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A user, by the canonical name.
    User(Box<str>),
    /// An administrator, likewise.
    Administrator(Box<str>),
}

impl From<&CanonicalName> for Holder {
    fn from(name: &CanonicalName) -> Self {
        match name.realm() {
            Realm::Vdom(_) => Self::User(name.bare().into()),
            Realm::Administrators => Self::Administrator(name.bare().into()),
        }
    }
}

/// Text that is no conveyed token. It is not quoted: it holds a seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the sealed text is no mobile token of a phone: `{0}` is missing or not of its form")]
pub struct ConveyedError(&'static str);

const DRIFT: &str = "drift";
const SPENT: &str = "spent";
const CODE: &str = "activation-code";
const EXPIRES: &str = "activation-expire";
const REGISTRATION: &str = "reg-id";
const OS_VERSION: &str = "os-ver";
const STATUS: &str = "status";
const LOCK: &str = "lock";
const USER: &str = "user";
const ADMINISTRATOR: &str = "administrator";

impl Conveyed {
    /// A token of nobody's that is not locked, as this checks its codes, on this phone.
    pub fn of(verifier: Verifier, phone: Provisioned) -> Self {
        Self {
            serial: verifier.serial,
            seed: verifier.seed,
            parameters: verifier.parameters,
            drift: verifier.drift,
            spent: verifier.spent,
            phone,
            status: TokenStatus::Active,
            holder: None,
        }
    }

    /// The text, for the unit that it is sealed to alone.
    pub fn render(self) -> Zeroizing<String> {
        let Self { serial, phone, .. } = self;
        let uri = Name::new(serial.as_str()).map(|account| KeyUri {
            issuer: None,
            account,
            seed: self.seed,
            parameters: self.parameters,
            counter: None,
        });
        // Reserved once: growing would leave copies of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(CONVEYED_MAX));
        if let Ok(uri) = uri {
            text.push_str(&uri.render());
        }
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // A string takes all that is written.
            let _ = write!(text, "\n{name} {value}");
        };
        line(DRIFT, &self.drift.0);
        if let Some(Step(spent)) = self.spent {
            line(SPENT, &spent);
        }
        line(CODE, &phone.code.as_str());
        line(EXPIRES, &phone.expires.unix());
        line(REGISTRATION, &phone.registration);
        line(OS_VERSION, &phone.os_version);
        if self.status == TokenStatus::Lock {
            line(STATUS, &LOCK);
        }
        match &self.holder {
            Some(Holder::User(name)) => line(USER, name),
            Some(Holder::Administrator(name)) => line(ADMINISTRATOR, name),
            None => {}
        }
        text
    }

    /// Reads what [`Conveyed::render`] wrote.
    pub fn parse(text: &str) -> Result<Self, ConveyedError> {
        let mut lines = text.split('\n');
        let uri = lines.next().and_then(|uri| KeyUri::parse(uri).ok());
        let is_timed = |uri: &KeyUri| matches!(uri.parameters.kind, Kind::Totp(_));
        let uri = uri.filter(is_timed).ok_or(ConveyedError("seed"))?;
        let serial = TokenSerial::parse(uri.account.as_str()).ok();
        let serial = serial.filter(|serial| serial.kind() == TokenKind::Mobile);
        let (mut drift, mut spent, mut code) = (None, None, None);
        let (mut expires, mut registration, mut os_version) = (None, None, None);
        let (mut status, mut holder) = (TokenStatus::Active, None);
        for line in lines {
            let (name, value) = line.split_once(' ').ok_or(ConveyedError("line"))?;
            match name {
                DRIFT => drift = value.parse().ok().map(Drift),
                SPENT => spent = Some(Step(value.parse().map_err(|_| ConveyedError(SPENT))?)),
                CODE => code = ActivationCode::parse(value).ok(),
                EXPIRES => expires = value.parse().ok().map(Timestamp::from_secs),
                REGISTRATION => registration = RegistrationId::parse(value).ok(),
                OS_VERSION => os_version = Some(Box::from(value)),
                STATUS if value == LOCK => status = TokenStatus::Lock,
                USER => holder = Some(Holder::User(value.into())),
                ADMINISTRATOR => holder = Some(Holder::Administrator(value.into())),
                _ => return Err(ConveyedError("line")),
            }
        }
        Ok(Self {
            serial: serial.ok_or(ConveyedError("serial"))?,
            seed: uri.seed,
            parameters: uri.parameters,
            drift: drift.ok_or(ConveyedError(DRIFT))?,
            spent,
            phone: Provisioned {
                code: code.ok_or(ConveyedError(CODE))?,
                expires: expires.ok_or(ConveyedError(EXPIRES))?,
                registration: registration.ok_or(ConveyedError(REGISTRATION))?,
                os_version: os_version.ok_or(ConveyedError(OS_VERSION))?,
                transfer: None,
                known_by: KnownBy::OtherUnit,
            },
            status,
            holder,
        })
    }

    /// The highest step that the unit from which it comes may have accepted by now.
    fn reach(&self, now: Timestamp) -> Option<Step> {
        reach(self.parameters, self.drift, now).max(self.spent)
    }

    /// Whoever locked it, here or there, has it locked.
    pub(crate) fn status_beside(&self, here: TokenStatus) -> TokenStatus {
        match self.status {
            TokenStatus::Lock => TokenStatus::Lock,
            TokenStatus::Active => here,
        }
    }

    /// The changes that make the token one of this unit, with its phone: withheld if it was and the token server
    /// said nothing else. Whatever the unit from which it comes
    /// could have accepted by now counts as spent.
    pub(crate) fn settled(self, token: Token, now: Timestamp) -> Vec<Change> {
        let (serial, spent) = (token.serial, self.reach(now));
        let status = self.status_beside(token.status);
        let is_withheld = matches!(token.stage, Stage::Withheld(_));
        let stage = match self.phone.known_by {
            KnownBy::OtherUnit if is_withheld => Stage::Withheld(self.phone),
            _ => Stage::Provisioned(self.phone),
        };
        let token = Token {
            status,
            parameters: self.parameters,
            drift: self.drift,
            stage,
            ..token
        };
        let spent = spent.map(|spent| Change::Spent(serial, spent));
        let seeded = [Change::Token(token), Change::Seed(serial, Some(self.seed))];
        seeded.into_iter().chain(spent).collect()
    }
}

/// The highest step that another unit may have accepted by now of a token that it had with this drift. What it
/// learned of the clock since is not known, so a slow one may have been set right.
pub(crate) fn reach(parameters: Parameters, drift: Drift, now: Timestamp) -> Option<Step> {
    let Kind::Totp(period) = parameters.kind else {
        return None;
    };
    let ahead = Drift(drift.0.max(0));
    let Step(centre) = otp::centre(period, now.unix(), ahead);
    Some(Step(centre.saturating_add(Window::LOGIN.ahead.into())))
}

#[cfg(test)]
mod tests {
    use ident::Pace;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_040);

    fn conveyed(drift: i32, spent: Option<u64>) -> Conveyed {
        Conveyed {
            serial: TokenSerial::mobile([7; 5]),
            seed: Seed::from_bytes(Zeroizing::new(vec![0xff; 20])).unwrap(),
            parameters: Parameters::default(),
            drift: Drift(drift),
            spent: spent.map(Step),
            phone: Provisioned {
                code: ActivationCode::from_random([3; 8], Pace::Sixty),
                expires: NOW,
                registration: RegistrationId::from_bytes([9; 32]),
                os_version: "0.1_terminal".into(),
                transfer: None,
                known_by: KnownBy::TokenServer,
            },
            status: TokenStatus::Lock,
            holder: Some(Holder::User("alice b".into())),
        }
    }

    #[test]
    fn what_was_written_is_read_and_has_to_be_asked_about() {
        let text = conveyed(-4, Some(28_333_000)).render();
        let read = Conveyed::parse(&text).unwrap();
        assert_eq!(read.serial, TokenSerial::mobile([7; 5]));
        assert_eq!(read.seed.expose(), [0xff; 20]);
        assert_eq!(
            (read.drift, read.spent),
            (Drift(-4), Some(Step(28_333_000)))
        );
        assert_eq!(read.phone.registration, RegistrationId::from_bytes([9; 32]));
        assert_eq!(&*read.phone.os_version, "0.1_terminal");
        assert_eq!(read.phone.known_by, KnownBy::OtherUnit);
        assert_eq!(read.status, TokenStatus::Lock);
        assert_eq!(read.holder, Some(Holder::User("alice b".into())));
        assert_eq!(*read.render(), *text);
    }

    #[test]
    fn whatever_is_missing_is_named_and_never_the_seed() {
        let text = conveyed(0, None).render();
        let demanded = text.find("\nstatus").unwrap();
        for (at, _) in text[..demanded].match_indices('\n') {
            assert!(Conveyed::parse(&text[..at]).is_err());
        }
        assert!(Conveyed::parse(&text.replace("status lock", "status open")).is_err());
        let damaged = text.replace("reg-id 09", "reg-id x9");
        let error = Conveyed::parse(&damaged).unwrap_err();
        assert!(error.to_string().contains("reg-id"), "{error}");
        assert!(Conveyed::parse(&format!("{}\nmore 1", *text)).is_err());
    }

    #[test]
    fn what_may_have_been_used_elsewhere_is_spent() {
        let now = NOW.unix() / 60;
        let reach = |drift, spent| conveyed(drift, spent).reach(NOW);
        assert_eq!(reach(0, None), Some(Step(now + 1)));
        assert_eq!(reach(5, None), Some(Step(now + 6)));
        assert_eq!(reach(-5, None), Some(Step(now + 1)));
        assert_eq!(reach(0, Some(now + 9)), Some(Step(now + 9)));
    }
}
