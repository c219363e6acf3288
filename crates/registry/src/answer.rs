//! The domain's refusals as the numbers of the wire: one exhaustive place.

use domain::licensing::{DeviceRefusal, HardwareRefusal, LicenceRefusal, TokenRefusal};
use softtoken::ServerError;
use store::registry::StockRefusal;

pub(crate) fn licence(why: LicenceRefusal) -> ServerError {
    match why {
        LicenceRefusal::ProductNotRegistered => ServerError::ProductNotRegistered,
        // As if it had never been issued: whose it was is the desk's to tell.
        LicenceRefusal::NotFound | LicenceRefusal::Revoked => ServerError::LicenceNotFound,
        LicenceRefusal::AlreadyActivated => ServerError::LicenceAlreadyActivated,
        LicenceRefusal::Elsewhere => ServerError::WrongActivationData,
        LicenceRefusal::Expired => ServerError::LicenceExpired,
        LicenceRefusal::Kept => ServerError::Unavailable,
        LicenceRefusal::BlockedByTrial => ServerError::BlockedByTrial,
    }
}

pub(crate) fn token(why: TokenRefusal) -> ServerError {
    match why {
        TokenRefusal::ProductNotRegistered => ServerError::ProductNotRegistered,
        TokenRefusal::NotOfProduct => ServerError::TokenNotOfProduct,
        TokenRefusal::Parameters => ServerError::WrongActivationData,
    }
}

pub(crate) fn stock(why: StockRefusal) -> ServerError {
    match why {
        StockRefusal::ProductNotRegistered => ServerError::ProductNotRegistered,
        StockRefusal::NoValidToken => ServerError::NoValidToken,
    }
}

pub(crate) fn hardware(why: HardwareRefusal) -> ServerError {
    match why {
        HardwareRefusal::ProductNotRegistered => ServerError::ProductNotRegistered,
        HardwareRefusal::Unknown => ServerError::HardwareTokenUnknown,
        HardwareRefusal::AlreadyActivated => ServerError::SeedAlreadyGiven,
    }
}

pub(crate) fn device(why: DeviceRefusal) -> ServerError {
    match why {
        DeviceRefusal::CodeUnknown => ServerError::ActivationCodeUnknown,
        DeviceRefusal::CodeExpired => ServerError::ActivationCodeExpired,
        DeviceRefusal::CodeUsed => ServerError::ActivationCodeUsed,
        DeviceRefusal::TooManyTries => ServerError::TooManyTries,
    }
}
