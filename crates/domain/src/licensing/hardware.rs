use std::collections::BTreeMap;

use ident::{ProductSerial, TokenSerial};
use otp::Parameters;
use otp::seed_file::{Entry, MakerSerial, SeedRecord};

use super::{AccountName, Requester, Sight};
use crate::intake::{self, LineFault, NewHardware, Sorted};
use crate::time::Timestamp;

/// A hardware token of the registry's stock. Its seed is elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HardwareToken {
    /// Its serial.
    pub serial: TokenSerial,
    /// Its serial as its maker writes it.
    pub maker_serial: MakerSerial,
    /// Whose it is; without one it becomes that of the first product that activates it.
    pub account: Option<AccountName>,
    /// How its codes are computed.
    pub parameters: Parameters,
    /// Since when it is in stock.
    pub imported: Timestamp,
    /// The activation flag: to whom its seed was given.
    pub activation: Option<HardwareActivation>,
}

impl HardwareToken {
    /// Whether it is seen; what is nobody's is no customer's.
    pub fn is_in(&self, sight: &Sight) -> bool {
        match (&self.account, sight) {
            (_, Sight::Everything) => true,
            (Some(owner), Sight::Account(_)) => sight.sees(owner),
            (None, Sight::Account(_)) => false,
        }
    }
}

/// To whom a seed was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HardwareActivation {
    /// The gateway.
    pub product: ProductSerial,
    /// When.
    pub at: Timestamp,
}

/// Why a seed is not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HardwareRefusal {
    /// The asking product is not registered.
    #[error("the product is not registered")]
    ProductNotRegistered,
    /// Not in stock, or another account's: whoever asks learns nothing of tokens that are not theirs.
    #[error("no such hardware token")]
    Unknown,
    /// Its seed was given before, and the desk has not reset the flag.
    #[error("the seed was given before")]
    AlreadyActivated,
}

/// A seed that may be given now. Only [`release`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    token: TokenSerial,
    parameters: Parameters,
    account: AccountName,
    activation: HardwareActivation,
}

impl Release {
    /// Which token.
    pub fn token(&self) -> TokenSerial {
        self.token
    }

    /// How its codes are computed.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// Whose it is from now on.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// The flag that is set with it.
    pub fn activation(&self) -> HardwareActivation {
        self.activation
    }
}

/// Decides whether `requester` gets a token's seed. A cluster's other members do not get what one of them
/// has: they have it from that one.
pub fn release(
    token: Option<&HardwareToken>,
    requester: &Requester,
    now: Timestamp,
) -> Result<Release, HardwareRefusal> {
    let is_own = |token: &&HardwareToken| {
        let account = token.account.as_ref();
        account.is_none_or(|account| account == requester.account())
    };
    let token = token.filter(is_own).ok_or(HardwareRefusal::Unknown)?;
    if token.activation.is_some() {
        return Err(HardwareRefusal::AlreadyActivated);
    }
    Ok(Release {
        token: token.serial,
        parameters: token.parameters,
        account: requester.account().clone(),
        activation: HardwareActivation {
            product: requester.serial(),
            at: now,
        },
    })
}

/// Decides which tokens of a file may go into stock, where `stock` is.
pub fn intake(
    entries: Vec<Entry<SeedRecord>>,
    stock: &BTreeMap<TokenSerial, HardwareToken>,
) -> Sorted<NewHardware> {
    intake::seeds(entries, |serial| {
        let is_here = stock.contains_key(&serial);
        is_here.then_some(LineFault::InStock(serial))
    })
}

/// Decides which tokens of a list become `account`'s. Those of another account stay there, unless it is said
/// that they are `from` that one; if it has activated them, until the desk resets the flag.
pub fn assign(
    entries: Vec<Entry<MakerSerial>>,
    stock: &BTreeMap<TokenSerial, HardwareToken>,
    account: &AccountName,
    from: Option<&AccountName>,
) -> Sorted<TokenSerial> {
    intake::listed(entries, |serial| {
        let Some(token) = stock.get(&serial) else {
            return Some(LineFault::NotInStock(serial));
        };
        let other = token.account.as_ref().filter(|owner| *owner != account)?;
        if Some(other) != from {
            return Some(LineFault::OfOther(serial, other.clone()));
        }
        let is_activated = token.activation.is_some();
        is_activated.then(|| LineFault::Activated(serial, other.clone()))
    })
}

#[cfg(test)]
mod tests {
    use otp::Parameters;
    use otp::seed_file::{csv, serials as list};

    use super::super::{Asking, admit};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100);

    fn account(name: &str) -> AccountName {
        AccountName::parse(name).unwrap()
    }

    fn requester(serial: &str, owner: &str) -> Requester {
        let asking = Asking {
            serial: ProductSerial::parse(serial).unwrap(),
            cluster: vec![],
            through: None,
        };
        let admission = admit(&asking, |_| Some(account(owner)));
        admission.requester.unwrap()
    }

    fn token(owner: Option<&str>) -> HardwareToken {
        HardwareToken {
            serial: TokenSerial::parse("FTK2000BHV1KRZCC").unwrap(),
            maker_serial: MakerSerial::parse("FTK2000BHV1KRZCC").unwrap(),
            account: owner.map(account),
            parameters: Parameters::default(),
            imported: NOW,
            activation: None,
        }
    }

    #[test]
    fn a_seed_is_given_once_and_to_its_account_alone() {
        let own = requester("FGT0000000000001", "own");
        let other = requester("FGT0000000000002", "other");
        let unknown = Some(HardwareRefusal::Unknown);
        assert_eq!(release(None, &own, NOW).err(), unknown);
        assert_eq!(
            release(Some(&token(Some("own"))), &other, NOW).err(),
            unknown
        );
        for free in [token(None), token(Some("own"))] {
            let release = release(Some(&free), &own, NOW).unwrap();
            assert_eq!(
                (release.token(), release.account()),
                (free.serial, &account("own"))
            );
            assert_eq!(release.activation().product, own.serial());
        }
        let given = HardwareToken {
            activation: Some(HardwareActivation {
                product: own.serial(),
                at: NOW,
            }),
            ..token(Some("own"))
        };
        let again = release(Some(&given), &own, NOW).err();
        assert_eq!(again, Some(HardwareRefusal::AlreadyActivated));
        // That it was activated is the account's own business.
        assert_eq!(release(Some(&given), &other, NOW).err(), unknown);
    }

    #[test]
    fn what_is_in_stock_does_not_come_in_again() {
        let seed = "3132333435363738393031323334353637383930";
        let entries = csv::read(&format!("FTK2000BHV1KRZCC,{seed}"), Parameters::default());
        let stock = [(token(None).serial, token(None))].into();
        let (good, bad) = intake(entries.unwrap(), &stock);
        assert!(good.is_empty());
        assert!(matches!(bad[0].why, LineFault::InStock(_)));
    }

    #[test]
    fn a_list_gives_what_is_in_stock_to_an_account() {
        let read = |stock: &[&HardwareToken], from: Option<&str>| {
            let entries = list::read("FTK2000BHV1KRZCC").unwrap();
            let stock = stock
                .iter()
                .map(|&token| (token.serial, token.clone()))
                .collect();
            assign(entries, &stock, &account("own"), from.map(account).as_ref())
        };
        assert_eq!(read(&[&token(None)], None).0.len(), 1);
        assert_eq!(read(&[&token(Some("own"))], None).0.len(), 1);
        assert!(matches!(read(&[], None).1[0].why, LineFault::NotInStock(_)));
        let mut others = token(Some("other"));
        for from in [None, Some("third")] {
            let bad = read(&[&others], from).1;
            assert!(matches!(bad[0].why, LineFault::OfOther(..)), "{from:?}");
        }
        assert_eq!(read(&[&others], Some("other")).0.len(), 1);
        others.activation = Some(HardwareActivation {
            product: ProductSerial::parse("FGT0000000000002").unwrap(),
            at: NOW,
        });
        let bad = read(&[&others], Some("other")).1;
        assert!(matches!(bad[0].why, LineFault::Activated(..)));
    }
}
