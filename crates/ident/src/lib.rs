//! Identifiers that people type and that go over the wire, as types that cannot hold a wrong one.
//!
//! Every type is parsed once, at the edge, and is stored inline. Plain identifiers ([`ProductSerial`],
//! [`TokenSerial`], [`LicenceSerial`], [`RegistrationId`]) are `Copy` and print themselves. Codes that
//! let their bearer do something ([`LicenceCode`], [`ActivationCode`], [`OpaqueCode`], [`EnrolmentCode`]) are secrets:
//! they have no `Clone` and no `Display`, their `Debug` is masked, equality takes constant time and
//! memory is wiped on drop; the text leaves them only where `as_str` is written.
//!
//! [`PinPolicy`] is here for the same reason: gateways decide it, messages carry it, apps keep to it.

mod activation_code;
mod enrolment_code;
mod error;
mod licence_code;
mod pin_policy;
mod registration_id;
mod serial;
mod text;
mod typed;

pub use activation_code::{ActivationCode, OpaqueCode, Pace};
pub use enrolment_code::EnrolmentCode;
pub use error::{Fault, Identifier, ParseError};
pub use licence_code::LicenceCode;
pub use pin_policy::{PinLength, PinPolicy, PinRequirement};
pub use registration_id::RegistrationId;
pub use serial::{LicenceSerial, ProductSerial, TokenKind, TokenSerial};
