use crate::json::{Fields, MessageError, Object};
use ident::{PinLength, PinPolicy, PinRequirement};
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

pub(crate) fn write_pin_policy(object: &mut Object<'_>, policy: PinPolicy) {
    object.text(REQUIRE_PIN, policy.requirement.as_str());
    object.number(PIN_LENGTH, policy.length.digits());
}

pub(crate) fn read_pin_policy(fields: &mut Fields) -> Result<PinPolicy, MessageError> {
    let requirement = fields.parsed(REQUIRE_PIN, |text| {
        PinRequirement::parse(text).ok_or("must be require, not_require or enforce")
    })?;
    let length = PinLength::of(fields.integer(PIN_LENGTH)?)
        .ok_or_else(|| fields.wrong_value(PIN_LENGTH, "must be 4, 6 or 8"))?;
    Ok(PinPolicy {
        requirement,
        length,
    })
}

/// The policy where it is another than the default: the described requests have no such fields.
pub(crate) fn write_unusual_pin_policy(object: &mut Object<'_>, policy: PinPolicy) {
    if policy != PinPolicy::default() {
        write_pin_policy(object, policy);
    }
}

/// Both fields or none of them.
pub(crate) fn read_unusual_pin_policy(fields: &mut Fields) -> Result<PinPolicy, MessageError> {
    if [REQUIRE_PIN, PIN_LENGTH]
        .iter()
        .any(|name| fields.has(name))
    {
        read_pin_policy(fields)
    } else {
        Ok(PinPolicy::default())
    }
}

const REQUIRE_PIN: &str = "require_pin";
const PIN_LENGTH: &str = "pin_length";
