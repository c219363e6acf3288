//! Licences bought ahead: a manager has them in its reserve, and gives them out while the token server is
//! away.
//!
//! A licence in a reserve has one keeper. The token server gives it to nobody until the keeper has said what
//! became of it, so it is given out once, whoever asks whom, and however many managers there are.

use ident::{LicenceSerial, ProductSerial, TokenSerial};

use super::{AccountName, Change, Generation, Licence, LicenceState, LifeRefusal, Manager};
use crate::time::Timestamp;

/// The most tokens in one manager's reserve: with them, and as many licences as may be, it has some 5 MiB.
pub const RESERVE_TOKENS_MAX: u32 = 100_000;
/// The most licences in one manager's reserve.
pub const RESERVE_LICENCES_MAX: u32 = 10_000;

/// SHA-256 of a licence's code. A code has 80 random bits: nobody finds it by trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeDigest(pub [u8; 32]);

/// The whole of what one manager keeps, at one moment, as the token server says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// Whose it is.
    pub manager: ProductSerial,
    /// Grows with every change, so that an older one is known as such.
    pub number: u64,
    /// Whose licences they are.
    pub account: AccountName,
    /// The gateways to which they may be given.
    pub products: Vec<ReserveProduct>,
    /// The licences.
    pub licences: Vec<ReservedLicence>,
}

/// A gateway as a manager has to know it while the token server is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReserveProduct {
    /// Its serial.
    pub serial: ProductSerial,
    /// Of which generation its certificates are that count.
    pub generation: Generation,
}

/// A licence in a reserve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReservedLicence {
    /// Its serial.
    pub serial: LicenceSerial,
    /// By which its code is known.
    pub code: CodeDigest,
    /// The gateway that it is bound to, if the desk bound it.
    pub product: Option<ProductSerial>,
    /// The last moment at which it can be given out.
    pub redeem_until: Timestamp,
    /// Its tokens, in their order.
    pub tokens: Vec<TokenSerial>,
    /// When it was given to `product`, as far as the token server knows.
    pub given: Option<Timestamp>,
}

/// What a manager gave out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// Who says so.
    pub manager: ProductSerial,
    /// The number of the reserve that it has: it gives out nothing that is not in that one.
    pub reserve: u64,
    /// All that it ever gave out.
    pub licences: Vec<GivenLicence>,
}

/// A licence that a manager gave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GivenLicence {
    /// Which.
    pub licence: LicenceSerial,
    /// To which gateway.
    pub product: ProductSerial,
    /// When.
    pub at: Timestamp,
}

/// Decides whether `manager` keeps `licence` from now on.
pub fn set_aside(
    licence: &Licence,
    manager: &Manager,
    now: Timestamp,
) -> Result<Change, LifeRefusal> {
    let serial = licence.serial;
    if serial.is_trial() {
        return Err(LifeRefusal::TrialStays(serial));
    }
    match licence.state(now) {
        LicenceState::Revoked(_) => return Err(LifeRefusal::Revoked(serial)),
        LicenceState::Activated(_) | LicenceState::Moved(_) => {
            return Err(LifeRefusal::InUse(serial));
        }
        LicenceState::Expired(_) => return Err(LifeRefusal::Expired(serial)),
        LicenceState::Waiting => {}
    }
    if licence.account != manager.account {
        return Err(LifeRefusal::ProductOfOther {
            product: manager.serial,
            theirs: manager.account.clone(),
            own: licence.account.clone(),
        });
    }
    match licence.kept_by {
        Some(keeper) if keeper == manager.serial => Ok(Change::Already),
        Some(keeper) => Err(LifeRefusal::Kept(serial, keeper)),
        None => Ok(Change::Made),
    }
}

/// What the token server makes of one line of a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settling {
    /// It learns that the licence is given out.
    News,
    /// It knew.
    Known,
    /// The manager did not keep this licence, it is another gateway's, or the gateway is none of the account.
    Disputed,
}

/// Decides what a line of `manager`'s settlement says of `licence`; `owner` has the account of the gateway in
/// it.
pub fn settle(
    licence: Option<&Licence>,
    manager: &Manager,
    given: &GivenLicence,
    owner: Option<&AccountName>,
) -> Settling {
    let Some(licence) = licence else {
        return Settling::Disputed;
    };
    if licence.activated == Some(given.at) && licence.account == manager.account {
        return Settling::Known;
    }
    let is_bound_elsewhere = licence.product.is_some_and(|bound| bound != given.product);
    let is_its = licence.kept_by == Some(manager.serial) && owner == Some(&licence.account);
    if !is_its || licence.activated.is_some() || is_bound_elsewhere {
        return Settling::Disputed;
    }
    Settling::News
}

/// Why a manager does not take a reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReserveRefusal {
    /// It was made for another one.
    #[error("this is the reserve of {found}, and this manager is {own}")]
    OfOther {
        /// Whose it is.
        found: ProductSerial,
        /// Who this is.
        own: ProductSerial,
    },
    /// A newer one is here.
    #[error("this is number {found} of this reserve, and number {held} is here; fetch the latest")]
    Older {
        /// Which it is.
        found: u64,
        /// Which is here.
        held: u64,
    },
}

/// Decides whether a manager takes `reserve`, whose signature is right, in the place of number `held`.
pub fn take_over(
    reserve: &Reserve,
    own: ProductSerial,
    held: Option<u64>,
) -> Result<Change, ReserveRefusal> {
    let found = reserve.number;
    if reserve.manager != own {
        let found = reserve.manager;
        return Err(ReserveRefusal::OfOther { found, own });
    }
    match held {
        Some(held) if found < held => Err(ReserveRefusal::Older { found, held }),
        Some(held) if found == held => Ok(Change::Already),
        _ => Ok(Change::Made),
    }
}

#[cfg(test)]
mod tests {
    use super::super::LicenceSize;
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn product(number: u8) -> ProductSerial {
        ProductSerial::parse(&format!("FGT{number:013}")).unwrap()
    }

    fn account(name: &str) -> AccountName {
        AccountName::parse(name).unwrap()
    }

    fn manager(number: u8) -> Manager {
        Manager {
            serial: ProductSerial::parse(&format!("FMG{number:013}")).unwrap(),
            account: account("own"),
        }
    }

    fn licence() -> Licence {
        Licence {
            serial: LicenceSerial::purchased(1).unwrap(),
            account: account("own"),
            product: None,
            size: LicenceSize::new(2).unwrap(),
            redeem_until: Some(NOW),
            activated: None,
            moved: None,
            revoked: None,
            kept_by: None,
        }
    }

    fn kept() -> Licence {
        Licence {
            kept_by: Some(manager(1).serial),
            ..licence()
        }
    }

    #[test]
    fn a_licence_that_waits_is_set_aside_for_one_manager() {
        let aside = |licence: &Licence, by: u8| set_aside(licence, &manager(by), NOW);
        assert_eq!(aside(&licence(), 1), Ok(Change::Made));
        assert_eq!(aside(&kept(), 1), Ok(Change::Already));
        let serial = licence().serial;
        let first = manager(1).serial;
        assert_eq!(aside(&kept(), 2), Err(LifeRefusal::Kept(serial, first)));
        let used = Licence {
            activated: Some(NOW),
            ..licence()
        };
        assert_eq!(aside(&used, 1), Err(LifeRefusal::InUse(serial)));
        let late = Licence {
            redeem_until: Some(Timestamp::from_secs(999)),
            ..licence()
        };
        assert_eq!(aside(&late, 1), Err(LifeRefusal::Expired(serial)));
        let foreign = Licence {
            account: account("other"),
            ..licence()
        };
        let refused = aside(&foreign, 1);
        assert!(
            matches!(refused, Err(LifeRefusal::ProductOfOther { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_settlement_speaks_for_what_its_manager_keeps_and_gateways_of_its_account() {
        let given = GivenLicence {
            licence: licence().serial,
            product: product(1),
            at: NOW,
        };
        let of = |licence: &Licence, by: u8, owner: &str| {
            settle(Some(licence), &manager(by), &given, Some(&account(owner)))
        };
        assert_eq!(of(&kept(), 1, "own"), Settling::News);
        assert_eq!(of(&kept(), 2, "own"), Settling::Disputed);
        assert_eq!(of(&kept(), 1, "other"), Settling::Disputed);
        assert_eq!(of(&licence(), 1, "own"), Settling::Disputed);
        assert_eq!(settle(None, &manager(1), &given, None), Settling::Disputed);
        let known = Licence {
            product: Some(product(1)),
            activated: Some(NOW),
            ..kept()
        };
        assert_eq!(of(&known, 1, "own"), Settling::Known);
        let again = Licence {
            activated: Some(Timestamp::from_secs(1)),
            ..known
        };
        assert_eq!(of(&again, 1, "own"), Settling::Disputed);
        let bound = Licence {
            product: Some(product(2)),
            ..kept()
        };
        assert_eq!(of(&bound, 1, "own"), Settling::Disputed);
    }

    #[test]
    fn a_manager_takes_its_own_reserve_and_never_an_older_one() {
        let reserve = Reserve {
            manager: manager(1).serial,
            number: 5,
            account: account("own"),
            products: vec![],
            licences: vec![],
        };
        let (own, other) = (manager(1).serial, manager(2).serial);
        assert_eq!(take_over(&reserve, own, None), Ok(Change::Made));
        assert_eq!(take_over(&reserve, own, Some(4)), Ok(Change::Made));
        assert_eq!(take_over(&reserve, own, Some(5)), Ok(Change::Already));
        let older = ReserveRefusal::Older { found: 5, held: 6 };
        assert_eq!(take_over(&reserve, own, Some(6)), Err(older));
        let of_other = ReserveRefusal::OfOther {
            found: own,
            own: other,
        };
        assert_eq!(take_over(&reserve, other, None), Err(of_other));
    }
}
