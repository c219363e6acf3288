use crate::json::{Fields, MessageError, Object};
use otp::{Digest, Digits, Kind, Parameters, Period};

/// The name of a digest on the wire, as key URIs write it.
pub fn digest_name(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "SHA1",
        Digest::Sha256 => "SHA256",
        Digest::Sha512 => "SHA512",
    }
}

/// `type` and `period`; counter tokens have period 0.
pub(crate) fn kind_fields(kind: Kind) -> (&'static str, u32) {
    match kind {
        Kind::Totp(period) => ("totp", period.secs()),
        Kind::Hotp => ("hotp", 0),
    }
}

pub(crate) fn write_code_shape(object: &mut Object<'_>, parameters: Parameters) {
    let (name, period_s) = kind_fields(parameters.kind);
    object.text("type", name);
    object.number("period", period_s);
    object.number("digits", parameters.digits.count());
}

/// Reads `type`, `period` and `digits`. These messages have no field for the digest: it is SHA-1.
pub(crate) fn read_code_shape(fields: &mut Fields) -> Result<Parameters, MessageError> {
    let name = fields.text("type")?;
    let period_s: u32 = fields.integer("period")?;
    let kind = match (name.as_str(), Period::new(period_s)) {
        ("totp", Ok(period)) => Kind::Totp(period),
        ("totp", Err(error)) => return Err(fields.wrong_value("period", error)),
        ("hotp", Err(_)) => Kind::Hotp,
        ("hotp", Ok(_)) => return Err(fields.wrong_value("period", "must be 0 for type hotp")),
        _ => return Err(fields.wrong_value("type", "must be totp or hotp")),
    };
    let digits = Digits::new(fields.integer("digits")?)
        .map_err(|error| fields.wrong_value("digits", error))?;
    Ok(Parameters {
        kind,
        digits,
        digest: Digest::Sha1,
    })
}

pub(crate) fn read_digest(fields: &mut Fields) -> Result<Digest, MessageError> {
    fields.parsed("algorithm", |text| {
        [Digest::Sha1, Digest::Sha256, Digest::Sha512]
            .into_iter()
            .find(|&digest| digest_name(digest) == text)
            .ok_or("must be SHA1, SHA256 or SHA512")
    })
}

/// What the issuer wants of the app's lock.
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
}

impl PinPolicy {
    pub(crate) fn write(self, object: &mut Object<'_>) {
        object.text("require_pin", self.requirement.as_str());
        object.number("pin_length", self.length.digits());
    }

    pub(crate) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let requirement = fields.parsed("require_pin", |text| {
            PinRequirement::ALL
                .into_iter()
                .find(|requirement| requirement.as_str() == text)
                .ok_or("must be require, not_require or enforce")
        })?;
        let digits: u8 = fields.integer("pin_length")?;
        let length = PinLength::ALL
            .into_iter()
            .find(|length| length.digits() == digits)
            .ok_or_else(|| fields.wrong_value("pin_length", "must be 4, 6 or 8"))?;
        Ok(Self {
            requirement,
            length,
        })
    }
}
