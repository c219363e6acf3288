//! What a token and its verifier must agree on besides the seed.

use std::num::NonZeroU32;

/// The hash under the HMAC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Digest {
    /// HMAC-SHA-1, the only one of RFC 4226 and the one every authenticator app knows.
    #[default]
    Sha1,
    /// HMAC-SHA-256 (RFC 6238).
    Sha256,
    /// HMAC-SHA-512 (RFC 6238).
    Sha512,
}

/// How many decimal digits a code has: 6 to 10.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Digits(u8);

/// A number of digits outside 6 to 10.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a code has 6 to 10 digits, not {0}")]
pub struct DigitsError(pub u8);

impl Digits {
    /// Six digits, the minimum of RFC 4226 section 4 (R4).
    pub const SIX: Self = Self(6);
    /// Eight digits.
    pub const EIGHT: Self = Self(8);
    /// Ten digits: the 31-bit value of RFC 4226 section 5.3 has no more.
    pub const MAX: Self = Self(10);

    /// Checks that `count` is 6 to 10.
    pub const fn new(count: u8) -> Result<Self, DigitsError> {
        if Self::SIX.0 <= count && count <= Self::MAX.0 {
            Ok(Self(count))
        } else {
            Err(DigitsError(count))
        }
    }

    /// The number of digits.
    pub const fn count(self) -> u8 {
        self.0
    }

    /// The last digits of `value`, as a number.
    ///
    /// The moduli are literals so that the compiler multiplies: the time of a division can depend on
    /// the value, which is secret.
    pub(crate) const fn of(self, value: u32) -> u32 {
        match self.0 {
            6 => value % 1_000_000,
            7 => value % 10_000_000,
            8 => value % 100_000_000,
            9 => value % 1_000_000_000,
            _ => value,
        }
    }
}

/// How long a time step lasts, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Period(NonZeroU32);

/// A period of no time at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a period lasts at least one second")]
pub struct PeriodError;

impl Period {
    /// 60 s, the default of the FortiToken family.
    pub const SIXTY: Self = Self(NonZeroU32::new(60).unwrap());
    /// 30 s, the default of RFC 6238 section 4.1 and of key URIs that say nothing.
    pub const THIRTY: Self = Self(NonZeroU32::new(30).unwrap());

    /// Checks that `seconds` is not 0.
    pub const fn new(seconds: u32) -> Result<Self, PeriodError> {
        match NonZeroU32::new(seconds) {
            Some(seconds) => Ok(Self(seconds)),
            None => Err(PeriodError),
        }
    }

    /// The period in seconds.
    pub const fn secs(self) -> u32 {
        self.0.get()
    }

    /// The time step at `unix_seconds` after the epoch: T of RFC 6238 section 4.2 with T0 = 0.
    pub const fn step_at(self, unix_seconds: u64) -> Step {
        Step(unix_seconds / self.0.get() as u64)
    }
}

/// The moving factor: the time step of TOTP, the counter of HOTP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step(pub u64);

impl Step {
    /// The step `offset` away, unless the range ends before.
    pub const fn offset(self, offset: i32) -> Option<Self> {
        match self.0.checked_add_signed(offset as i64) {
            Some(step) => Some(Self(step)),
            None => None,
        }
    }
}

/// What moves the moving factor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Time (RFC 6238), in steps of this period.
    Totp(Period),
    /// An event such as a button press (RFC 4226).
    Hotp,
}

/// All that a token and its verifier agree on besides the seed. The default is that of the FortiToken
/// family: time steps of 60 s, SHA-1, 6 digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Parameters {
    /// Time or event.
    pub kind: Kind,
    /// The hash under the HMAC.
    pub digest: Digest,
    /// The length of a code.
    pub digits: Digits,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            kind: Kind::Totp(Period::SIXTY),
            digest: Digest::Sha1,
            digits: Digits::SIX,
        }
    }
}
