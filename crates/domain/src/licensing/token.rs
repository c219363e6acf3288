use ident::{LicenceSerial, ProductSerial, RegistrationId, TokenSerial};
use otp::{Kind, Parameters, Period};

use super::Requester;
use crate::time::Timestamp;

/// A mobile token of the registry's stock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StockToken {
    /// Its serial.
    pub serial: TokenSerial,
    /// The licence that brought it.
    pub licence: LicenceSerial,
    /// The product that the licence is registered for.
    pub product: ProductSerial,
    /// Whether it is out of use.
    pub lock: Lock,
    /// How far it is on its way to a phone.
    pub state: TokenState,
}

/// Whether the registry serves a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lock {
    /// It does.
    Open,
    /// It does not, until the desk unlocks it or, for a trial token, the trial is imported again.
    Locked,
}

/// How far a token is on its way to a phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenState {
    /// Never made ready for a phone.
    New,
    /// Waits for a phone until this moment.
    Provisioning {
        /// The end of its activation code.
        expires: Timestamp,
    },
    /// A device has it.
    Provisioned(Registration),
}

/// The device that has a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// The device.
    pub id: RegistrationId,
    /// Its app's version and platform as it told them, such as `5.4.2_IOS`.
    pub version: Box<str>,
}

/// Why a token is not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenRefusal {
    /// The asking product is not registered.
    #[error("the product is not registered")]
    ProductNotRegistered,
    /// Not in stock, another product's, or locked.
    #[error("the token is not one that this product can use")]
    NotOfProduct,
    /// A kind of code that an activation code cannot announce.
    #[error("a mobile token has time steps of 30 or 60 seconds")]
    Parameters,
}

impl StockToken {
    /// Whether the activation code's time is over and no device came.
    pub fn has_timed_out(&self, now: Timestamp) -> bool {
        matches!(self.state, TokenState::Provisioning { expires } if expires <= now)
    }
}

/// Whether `requester` may see a token at all.
pub fn may_see<'t>(
    token: Option<&'t StockToken>,
    requester: &Requester,
) -> Result<&'t StockToken, TokenRefusal> {
    token
        .filter(|token| requester.speaks_for(token.product))
        .ok_or(TokenRefusal::NotOfProduct)
}

/// Whether `requester` may make a token ready for a phone, in whatever state it is: a new code ends
/// the old one and the old device's hold on the token.
pub fn may_provision<'t>(
    token: Option<&'t StockToken>,
    requester: &Requester,
    parameters: Parameters,
) -> Result<&'t StockToken, TokenRefusal> {
    let token = may_see(token, requester)?;
    if token.lock == Lock::Locked {
        return Err(TokenRefusal::NotOfProduct);
    }
    match parameters.kind {
        Kind::Totp(Period::THIRTY | Period::SIXTY) => Ok(token),
        Kind::Totp(_) | Kind::Hotp => Err(TokenRefusal::Parameters),
    }
}
