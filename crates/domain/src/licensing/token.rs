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
    /// When its licence was revoked, and it with it.
    pub revoked: Option<Timestamp>,
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

/// Whether `requester` may see a token at all. A revoked one is nobody's.
pub fn may_see<'t>(
    token: Option<&'t StockToken>,
    requester: &Requester,
) -> Result<&'t StockToken, TokenRefusal> {
    token
        .filter(|token| token.revoked.is_none() && requester.speaks_for(token.product))
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

#[cfg(test)]
mod tests {
    use super::super::{AccountName, Asking, admit};
    use super::*;

    fn requester() -> Requester {
        let serial = ProductSerial::parse("FGT0000000000001").unwrap();
        let owner = AccountName::parse("own").unwrap();
        let asking = Asking {
            serial,
            cluster: vec![],
            through: None,
        };
        admit(&asking, |_| Some(owner.clone())).requester.unwrap()
    }

    fn token() -> StockToken {
        StockToken {
            serial: TokenSerial::mobile([1; 5]),
            licence: LicenceSerial::purchased(1).unwrap(),
            product: requester().serial(),
            lock: Lock::Open,
            state: TokenState::New,
            revoked: None,
        }
    }

    fn refusal(token: Option<&StockToken>, parameters: Parameters) -> Option<TokenRefusal> {
        may_provision(token, &requester(), parameters).err()
    }

    #[test]
    fn a_token_is_provisioned_for_its_product_unless_it_is_locked() {
        assert_eq!(refusal(Some(&token()), Parameters::default()), None);
        let not_of_product = Some(TokenRefusal::NotOfProduct);
        assert_eq!(refusal(None, Parameters::default()), not_of_product);
        let locked = StockToken {
            lock: Lock::Locked,
            ..token()
        };
        assert_eq!(
            refusal(Some(&locked), Parameters::default()),
            not_of_product
        );
        assert!(may_see(Some(&locked), &requester()).is_ok());
        let foreign = ProductSerial::parse("FGT0000000000002").unwrap();
        let foreign = StockToken {
            product: foreign,
            ..token()
        };
        assert_eq!(
            refusal(Some(&foreign), Parameters::default()),
            not_of_product
        );
        assert!(may_see(Some(&foreign), &requester()).is_err());
        let revoked = StockToken {
            revoked: Some(Timestamp::default()),
            ..token()
        };
        assert!(may_see(Some(&revoked), &requester()).is_err());
    }

    #[test]
    fn an_activation_code_announces_thirty_or_sixty_seconds_and_nothing_else() {
        let of = |kind| Parameters {
            kind,
            ..Parameters::default()
        };
        assert_eq!(
            refusal(Some(&token()), of(Kind::Totp(Period::THIRTY))),
            None
        );
        let other = Period::new(45).unwrap();
        for kind in [Kind::Hotp, Kind::Totp(other)] {
            assert_eq!(
                refusal(Some(&token()), of(kind)),
                Some(TokenRefusal::Parameters)
            );
        }
    }

    #[test]
    fn a_token_times_out_at_the_end_of_its_code() {
        let end = Timestamp::from_secs(100);
        let waiting = StockToken {
            state: TokenState::Provisioning { expires: end },
            ..token()
        };
        assert!(!waiting.has_timed_out(Timestamp::from_secs(99)));
        assert!(waiting.has_timed_out(end));
        assert!(!token().has_timed_out(end));
    }
}
