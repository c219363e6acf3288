//! What an issuer wants of the app's lock.

/// How an app that holds an issuer's token is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinPolicy {
    /// `require_pin`
    pub requirement: PinRequirement,
    /// `pin_length`
    pub length: PinLength,
}

/// Whether the app must be locked by a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinRequirement {
    /// A PIN, or the phone's own lock.
    Require,
    /// As the person likes.
    NotRequired,
    /// A PIN, whatever else locks the phone.
    Enforce,
}

/// The shortest PIN that the issuer takes, in digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PinLength {
    /// 4
    Four,
    /// 6
    Six,
    /// 8
    Eight,
}

impl Default for PinPolicy {
    /// The described system's: a PIN of four digits is required.
    fn default() -> Self {
        Self {
            requirement: PinRequirement::Require,
            length: PinLength::Four,
        }
    }
}

impl PinPolicy {
    /// How many digits a PIN has at least. Where none is required the app asks for one all the same, of any length.
    pub fn least_digits(self) -> u8 {
        match self.requirement {
            PinRequirement::NotRequired => PinLength::Four.digits(),
            PinRequirement::Require | PinRequirement::Enforce => self.length.digits(),
        }
    }
}

impl PinRequirement {
    const ALL: [Self; 3] = [Self::Require, Self::NotRequired, Self::Enforce];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::NotRequired => "not_require",
            Self::Enforce => "enforce",
        }
    }

    /// The one that goes by this name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

impl PinLength {
    const ALL: [Self; 3] = [Self::Four, Self::Six, Self::Eight];

    /// The number of digits.
    pub fn digits(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    /// The one with so many digits.
    pub fn of(digits: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.digits() == digits)
    }
}
