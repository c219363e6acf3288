//! Tokens at the gateway, and their life cycle as types: each stage holds what is known by then.

use std::fmt;

use ident::{ActivationCode, LicenceSerial, RegistrationId, TokenKind, TokenSerial};
use otp::{Code, Drift, Found, Kind, Parameters, Seed, Step, Window};

use zeroize::Zeroizing;

use crate::login::Spend;
use crate::time::{Span, Timestamp};
use crate::transfer::Transfer;
use crate::vdom::Vdom;

/// Longest comment, `config user fortitoken / set comments`.
pub const COMMENTS_MAX: u16 = 255;

/// `set status active | lock`: the administrator's switch, independent of the stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TokenStatus {
    /// The token may be used.
    #[default]
    Active,
    /// Nobody logs in with this token.
    Lock,
}

/// Where a token is in its life.
#[derive(Debug)]
pub enum Stage {
    /// Known here, in nobody's hands.
    New,
    /// Asked of the token server, whose answer is outstanding.
    Requested,
    /// An activation code is on its way to the person.
    Provisioning(Provisioning),
    /// A phone activated the token.
    Provisioned(Provisioned),
    /// It came from another unit with this phone, and the token server says that it is that unit's, not this
    /// one's: nobody logs in with it until it is.
    Withheld(Provisioned),
    /// A hardware token with its seed.
    Activated,
    /// A hardware token without one.
    Failed(ActivationFailure),
}

/// Why a hardware token has no seed that opens here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActivationFailure {
    /// The token server gave it out before; it does so once.
    AlreadyActivated,
    /// The token server does not know the token.
    Unknown,
    /// The configuration was taken over from another unit: what stands after `ENC` opens there only.
    Foreign(Box<str>),
}

/// An activation code that waits for its phone.
#[derive(Debug)]
pub struct Provisioning {
    /// What the person types.
    pub code: ActivationCode,
    /// What the person scans.
    pub link: ActivationLink,
    /// After this moment the token server refuses the code.
    pub expires: Timestamp,
}

/// The text behind an activation's QR code, as the token server made it. Who has it can activate.
pub struct ActivationLink(Zeroizing<String>);

impl ActivationLink {
    /// Takes the token server's text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the person alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ActivationLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActivationLink(<sealed>)")
    }
}

/// A token on a phone.
#[derive(Debug)]
pub struct Provisioned {
    /// The spent activation code, as `show` lists it.
    pub code: ActivationCode,
    /// When it would have expired.
    pub expires: Timestamp,
    /// The phone; two tokens on one phone share it.
    pub registration: RegistrationId,
    /// `<app version>_<platform>`, at most 15 characters.
    pub os_version: Box<str>,
    /// Its way to another phone, if it is on one.
    pub transfer: Option<Transfer>,
    /// Who says that this phone has it.
    pub known_by: KnownBy,
}

/// Who says that a phone has a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KnownBy {
    /// The token server, when it was asked.
    TokenServer,
    /// The unit from which the token comes. The token server may know of another phone since.
    OtherUnit,
}

impl Provisioning {
    /// The phone answered in time.
    pub fn activated(self, registration: RegistrationId, os_version: &str) -> Provisioned {
        let Self {
            code,
            expires,
            link: _,
        } = self;
        Provisioned {
            code,
            expires,
            registration,
            os_version: Box::from(os_version),
            transfer: None,
            known_by: KnownBy::TokenServer,
        }
    }
}

/// A token as the gateway keeps it. Its seed stays sealed in the store.
#[derive(Debug)]
pub struct Token {
    /// Its name everywhere; no two virtual domains have the same token.
    pub serial: TokenSerial,
    /// The virtual domain to which it belongs.
    pub vdom: Vdom,
    /// The administrator's switch.
    pub status: TokenStatus,
    /// Free text.
    pub comments: Box<str>,
    /// The licence that it came with.
    pub licence: Option<LicenceSerial>,
    /// How its codes are made.
    pub parameters: Parameters,
    /// Whether the store holds a seed for it.
    pub has_seed: bool,
    /// Where it is in its life.
    pub stage: Stage,
    /// Learned clock difference in steps.
    pub drift: Drift,
}

/// The token server does not know a token, or was not reached.
const UNKNOWN_SERIAL: &str = "activation error (token not exist in FortiGuard)";

impl Token {
    /// A token that was just imported.
    pub fn imported(vdom: Vdom, serial: TokenSerial, licence: Option<LicenceSerial>) -> Self {
        Self {
            serial,
            vdom,
            status: TokenStatus::Active,
            comments: Box::default(),
            licence,
            parameters: Parameters::default(),
            has_seed: false,
            stage: Stage::New,
            drift: Drift::default(),
        }
    }

    /// Whether it lives on phones.
    pub fn is_mobile(&self) -> bool {
        self.serial.kind() == TokenKind::Mobile
    }

    /// Whether it is one of the two that a unit has for free.
    pub fn is_of_trial(&self) -> bool {
        self.licence.is_some_and(|licence| licence.is_trial())
    }

    /// Its way to another phone, if it is on one.
    pub fn transfer(&self) -> Option<&Transfer> {
        match &self.stage {
            Stage::Provisioned(phone) => phone.transfer.as_ref(),
            _ => None,
        }
    }

    /// Whether its phone is known by the unit alone from which it came.
    pub fn is_conveyed(&self) -> bool {
        match &self.stage {
            Stage::Provisioned(phone) => phone.known_by == KnownBy::OtherUnit,
            Stage::Withheld(_) => true,
            _ => false,
        }
    }

    /// The activation code that waits for a phone.
    pub fn waiting_code(&self) -> Option<&Provisioning> {
        match (&self.stage, self.transfer()) {
            (Stage::Provisioning(waiting), _) | (_, Some(Transfer::Waiting(waiting, _))) => {
                Some(waiting)
            }
            _ => None,
        }
    }

    /// The STATUS column of `diagnose fortitoken info`.
    pub fn status_text(&self, now: Timestamp) -> &'static str {
        match (&self.status, &self.stage) {
            (TokenStatus::Lock, _) => "locked",
            (_, Stage::New | Stage::Withheld(_)) => "new",
            // It stays asked for until the token server answers, so it was not reached yet.
            (_, Stage::Requested) if !self.is_mobile() => UNKNOWN_SERIAL,
            (_, Stage::Failed(ActivationFailure::Unknown)) => UNKNOWN_SERIAL,
            (_, Stage::Failed(_)) => "token already activated, and seed won't be returned",
            (_, Stage::Provisioning(waiting)) if waiting.expires <= now => "provision timeout",
            (_, Stage::Requested | Stage::Provisioning(_)) => "provisioning",
            (_, Stage::Provisioned(_)) => "provisioned",
            (_, Stage::Activated) => "active",
        }
    }
}

/// Whether codes of a token are looked at, and if not, why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usability {
    /// Codes are checked.
    Usable,
    /// `set status lock`.
    Locked,
    /// Nobody activated it.
    NotActivated,
    /// It came from another unit, and the token server has not given it to this one.
    OfAnotherUnit,
    /// Its activation code expired unused.
    ProvisionTimeout,
}

impl Token {
    /// Whether a login may use this token. While the activation code waits, a right code proves that
    /// a phone has the seed before the poll tells so; after its expiry only the poll does.
    pub fn usability(&self, now: Timestamp) -> Usability {
        match (&self.status, &self.stage) {
            (TokenStatus::Lock, _) => Usability::Locked,
            (_, Stage::New | Stage::Requested | Stage::Failed(_)) => Usability::NotActivated,
            (_, Stage::Withheld(_)) => Usability::OfAnotherUnit,
            (_, Stage::Provisioning(waiting)) if waiting.expires <= now => {
                Usability::ProvisionTimeout
            }
            (_, Stage::Provisioning(_) | Stage::Provisioned(_) | Stage::Activated) => {
                Usability::Usable
            }
        }
    }
}

/// Which of its seeds a token has: the number goes up with each, and a decision on one is none on the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SeedVersion(pub u32);

/// What checking a code needs: the open seed and how far its steps are spent.
#[derive(Debug)]
pub struct Verifier {
    /// The token.
    pub serial: TokenSerial,
    /// Its seed, open for this one check.
    pub seed: Seed,
    /// Which one that is.
    pub seed_version: SeedVersion,
    /// How its codes are made.
    pub parameters: Parameters,
    /// Learned clock difference.
    pub drift: Drift,
    /// The highest spent step; nothing at or below it is ever accepted.
    pub spent: Option<Step>,
    /// Steps whose codes asked for the next one, whoever typed them and wherever: alone they let nobody in.
    pub held: Box<[Step]>,
}

impl Verifier {
    /// Where the token's clock or counter should stand now.
    pub fn centre(&self, now: Timestamp) -> Step {
        centre(self.parameters.kind, self.drift, self.spent, now)
    }

    /// Looks for a code in the login window. A counter is searched from its last spent step on, not
    /// from the next: who repeats that code guesses nothing.
    pub fn find(&self, code: &Code, now: Timestamp) -> Found {
        let presses = Window::COUNTER_LOGIN;
        let (centre, window) = match (self.parameters.kind, self.spent) {
            (Kind::Totp(_), _) => (self.centre(now), Window::LOGIN),
            (Kind::Hotp, None) => (self.centre(now), presses),
            (Kind::Hotp, Some(spent)) => {
                let ahead = presses.ahead + 1;
                (spent, Window { ahead, ..presses })
            }
        };
        self.search_around(centre, code, window)
    }

    /// How many codes the login window takes at one moment.
    pub fn right_codes(&self) -> usize {
        let window = match self.parameters.kind {
            Kind::Totp(_) => Window::LOGIN,
            Kind::Hotp => Window::COUNTER_LOGIN,
        };
        window.steps()
    }

    fn resync_window(&self) -> Window {
        match self.parameters.kind {
            Kind::Totp(_) => Window::SYNC,
            Kind::Hotp => Window::COUNTER_SYNC,
        }
    }

    /// Where a code belongs that the login window does not show, if a resynchronisation reaches there: its step, and
    /// how far from the centre. A spent step is none.
    pub fn find_drifted(&self, code: &Code, now: Timestamp) -> Option<(Step, i32)> {
        match self.search(code, now, self.resync_window()) {
            Found::Fresh { step, offset } => Some((step, offset)),
            Found::Spent { .. } | Found::Absent => None,
        }
    }

    /// Looks for a code in a window of the caller's.
    pub fn search(&self, code: &Code, now: Timestamp, window: Window) -> Found {
        self.search_around(self.centre(now), code, window)
    }

    fn search_around(&self, centre: Step, code: &Code, window: Window) -> Found {
        let (seed, parameters) = (&self.seed, self.parameters);
        otp::search(seed, parameters, centre, window, code, self.spent)
    }

    /// The drift that a match at `offset` from the centre teaches. A counter does not drift.
    pub fn drift_after(&self, offset: i32) -> Drift {
        match self.parameters.kind {
            Kind::Totp(_) => Drift(self.drift.0.saturating_add(offset)),
            Kind::Hotp => self.drift,
        }
    }

    /// The last moment at which a step may still be accepted by a token clock that is right.
    pub fn valid_until(&self, step: Step) -> Option<Timestamp> {
        let Kind::Totp(period) = self.parameters.kind else {
            return None;
        };
        let begins = i64::try_from(step.0)
            .ok()?
            .checked_mul(i64::from(period.secs()))?;
        Some(Timestamp::from_secs(begins).after(Span::from_secs(i64::from(period.secs()))))
    }
}

/// Where a clock of this drift, or a counter that has come this far, should stand now.
pub(crate) fn centre(kind: Kind, drift: Drift, spent: Option<Step>, now: Timestamp) -> Step {
    match kind {
        Kind::Totp(period) => otp::centre(period, now.unix(), drift),
        Kind::Hotp => spent.map_or(Step(0), |Step(spent)| Step(spent.saturating_add(1))),
    }
}

/// What two codes that were found are still good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GoodFor {
    /// A resynchronisation takes them.
    Resync,
    /// One of them counts as used: nothing takes them any more.
    Nothing,
    /// They are further away than a resynchronisation looks.
    Diagnosis,
}

/// What two codes tell of a token's clock, found without spending or learning anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockTest {
    /// The clock difference that they show.
    pub drift: Drift,
    /// What the codes are good for.
    pub good_for: GoodFor,
}

impl ClockTest {
    /// Looks for two codes that the token shows one after the other, `screen` steps to either side of
    /// its learned clock. None if they are no neighbours there.
    ///
    /// Nobody learns to guess by it: that both are right by chance has the odds of a code twice as long.
    pub fn find(
        verifier: &Verifier,
        first: &str,
        second: &str,
        screen: u16,
        now: Timestamp,
    ) -> Result<Option<Self>, otp::CodeError> {
        let first = Code::parse(first, verifier.parameters.digits)?;
        let second = Code::parse(second, verifier.parameters.digits)?;
        let window = match verifier.parameters.kind {
            Kind::Totp(_) => Window::around(screen),
            Kind::Hotp => Window {
                behind: 0,
                ahead: screen,
            },
        };
        let (seed, parameters) = (&verifier.seed, verifier.parameters);
        let centre = verifier.centre(now);
        let look =
            |window, spent| otp::resync(seed, parameters, centre, window, &first, &second, spent);
        let Some(found) = look(window, None) else {
            return Ok(None);
        };
        let good_for = if look(window, verifier.spent).is_none() {
            GoodFor::Nothing
        } else if look(verifier.resync_window(), verifier.spent).is_none() {
            GoodFor::Diagnosis
        } else {
            GoodFor::Resync
        };
        Ok(Some(Self {
            drift: verifier.drift_after(found.drift_offset),
            good_for,
        }))
    }
}

/// Two codes that do not follow each other within reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResyncError {
    /// A code has the wrong shape.
    #[error("{0}")]
    Malformed(#[from] otp::CodeError),
    /// The codes are no neighbours, too far away, or used.
    #[error(
        "the two codes do not follow each other within 60 steps of this time, or one was used already"
    )]
    NotFound,
    /// The codes are right, but for a time before one that was already used: nothing goes back.
    #[error(
        "the codes follow each other, but they are from a time before a code that was used already; \
         set the token's clock right, or wait until it has passed that time"
    )]
    BehindSpent,
}

/// Both codes of a resynchronisation, found and about to be burnt. Only `store::consume` spends it.
#[derive(Debug)]
pub struct Resync {
    /// The token.
    serial: TokenSerial,
    /// The seed that made the codes.
    seed: SeedVersion,
    /// The step of the second code; it and all before it are spent.
    step: Step,
    /// The clock difference that the codes show.
    drift: Drift,
}

impl Resync {
    /// Finds two codes that the token shows one after the other.
    pub fn find(
        verifier: &Verifier,
        first: &str,
        second: &str,
        now: Timestamp,
    ) -> Result<Self, ResyncError> {
        let first = Code::parse(first, verifier.parameters.digits)?;
        let second = Code::parse(second, verifier.parameters.digits)?;
        Self::of_codes(verifier, &first, &second, now)
    }

    /// The same for two that are known to be codes.
    pub fn of_codes(
        verifier: &Verifier,
        first: &Code,
        second: &Code,
        now: Timestamp,
    ) -> Result<Self, ResyncError> {
        let (window, centre) = (verifier.resync_window(), verifier.centre(now));
        let (seed, parameters) = (&verifier.seed, verifier.parameters);
        let beyond = |spent| otp::resync(seed, parameters, centre, window, first, second, spent);
        let Some(found) = beyond(verifier.spent) else {
            return Err(match beyond(None) {
                Some(_) => ResyncError::BehindSpent,
                None => ResyncError::NotFound,
            });
        };
        Ok(Self {
            serial: verifier.serial,
            seed: verifier.seed_version,
            step: found.step,
            drift: verifier.drift_after(found.drift_offset),
        })
    }

    /// The token.
    pub fn serial(&self) -> TokenSerial {
        self.serial
    }

    /// What a login uses up that rests on both codes.
    pub(crate) fn spend(&self) -> Spend {
        Spend::Step {
            token: self.serial,
            step: self.step,
            drift: self.drift,
        }
    }

    /// The seed that made the codes.
    pub fn seed(&self) -> SeedVersion {
        self.seed
    }

    /// The step of the second code.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The clock difference that the codes show.
    pub fn drift(&self) -> Drift {
        self.drift
    }
}
