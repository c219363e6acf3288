use std::fmt;

use ident::{LicenceSerial, ProductSerial};

use super::{AccountName, Requester};
use crate::time::Timestamp;

/// Free tokens per product or cluster.
pub const TRIAL_TOKENS: u32 = 2;

/// A licence as the registry has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Licence {
    /// Its serial.
    pub serial: LicenceSerial,
    /// Who bought it.
    pub account: AccountName,
    /// The product that it is registered for: by the desk, or by its activation.
    pub product: Option<ProductSerial>,
    /// How many tokens it brings.
    pub size: LicenceSize,
    /// The last moment at which it can be activated; a trial has none.
    pub redeem_until: Option<Timestamp>,
    /// When it was first activated.
    pub activated: Option<Timestamp>,
    /// When the desk moved it, until its new product imports it.
    pub moved: Option<Timestamp>,
    /// When the desk took it out of use.
    pub revoked: Option<Timestamp>,
    /// The manager that has it in its reserve, and alone gives it out.
    pub kept_by: Option<ProductSerial>,
    /// The gateway that its manager says it gave it to, while nobody knows whose that is.
    pub claimed_for: Option<ProductSerial>,
}

/// How far a licence is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LicenceState {
    /// It waits for its first import.
    Waiting,
    /// Nobody imported it in time.
    Expired(Timestamp),
    /// Its product has its tokens.
    Activated(Timestamp),
    /// It was activated, and moved since: its new product may import it.
    Moved(Timestamp),
    /// It is out of use.
    Revoked(Timestamp),
}

impl Licence {
    /// How far it is at `now`.
    pub fn state(&self, now: Timestamp) -> LicenceState {
        if let Some(at) = self.revoked {
            return LicenceState::Revoked(at);
        }
        match (self.activated, self.moved) {
            (Some(_), Some(at)) => LicenceState::Moved(at),
            (Some(at), None) => LicenceState::Activated(at),
            (None, _) => match self.redeem_until.filter(|last| *last < now) {
                Some(last) => LicenceState::Expired(last),
                None => LicenceState::Waiting,
            },
        }
    }
}

/// How many tokens a licence brings: 1 to 10,000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LicenceSize(u32);

/// A size outside 1 to 10,000.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a licence has 1 to {max} tokens, not {0}; issue several", max = LicenceSize::MAX)]
pub struct LicenceSizeError(pub u32);

impl LicenceSize {
    /// All of a licence's tokens go into one answer and one transaction.
    pub const MAX: u32 = 10_000;
    /// The size of a trial.
    pub const TRIAL: Self = Self(TRIAL_TOKENS);

    /// Checks that `tokens` is 1 to [`Self::MAX`].
    pub const fn new(tokens: u32) -> Result<Self, LicenceSizeError> {
        if 1 <= tokens && tokens <= Self::MAX {
            Ok(Self(tokens))
        } else {
            Err(LicenceSizeError(tokens))
        }
    }

    /// The number of tokens.
    pub const fn tokens(self) -> u32 {
        self.0
    }
}

impl fmt::Display for LicenceSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a licence is not activated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LicenceRefusal {
    /// The asking product is not registered.
    #[error("the product is not registered")]
    ProductNotRegistered,
    /// No licence has this code.
    #[error("no licence has this code")]
    NotFound,
    /// It was activated before, here or elsewhere.
    #[error("the licence was activated before")]
    AlreadyActivated,
    /// It is another account's, or registered for another product.
    #[error("the licence belongs to another account or product")]
    Elsewhere,
    /// It was not redeemed in time.
    #[error("the licence was not redeemed in time")]
    Expired,
    /// The desk took it out of use.
    #[error("the licence is revoked")]
    Revoked,
    /// It is in the reserve of a manager, which alone gives it out.
    #[error("the licence is in a manager's reserve")]
    Kept,
    /// A trial token of the product is stuck.
    #[error("a trial token of the product is locked at the registry")]
    BlockedByTrial,
}

/// What stands of a product's trial tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrialCondition {
    /// It has none, or they work.
    Clear,
    /// One is locked at the registry: its move was broken off, or the desk locked it.
    Stuck,
}

/// A licence that may be activated now. Only [`activate`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activation {
    licence: LicenceSerial,
    product: ProductSerial,
    new_tokens: Option<LicenceSize>,
}

impl Activation {
    /// Which licence.
    pub fn licence(&self) -> LicenceSerial {
        self.licence
    }

    /// The product that it is registered for from now on.
    pub fn product(&self) -> ProductSerial {
        self.product
    }

    /// How many tokens are to be made; none if the licence moved and has its tokens.
    pub fn new_tokens(&self) -> Option<LicenceSize> {
        self.new_tokens
    }
}

/// Decides an activation of the licence that the code named.
///
/// That a licence is spent is said before whose it is: whoever asks again, from wherever, is to look
/// for its tokens and not for another fault. A licence that moved is spent for all but its new product.
/// A stuck trial token comes last, since it is the only obstacle that the administrator can clear:
/// importing the trial again puts it back to new.
pub fn activate(
    licence: Option<&Licence>,
    requester: &Requester,
    trial: TrialCondition,
    now: Timestamp,
) -> Result<Activation, LicenceRefusal> {
    let licence = licence.ok_or(LicenceRefusal::NotFound)?;
    let is_elsewhere = licence.account != *requester.account()
        || licence
            .product
            .is_some_and(|product| !requester.speaks_for(product));
    match licence.state(now) {
        LicenceState::Revoked(_) => return Err(LicenceRefusal::Revoked),
        LicenceState::Activated(_) => return Err(LicenceRefusal::AlreadyActivated),
        LicenceState::Moved(_) if is_elsewhere => return Err(LicenceRefusal::AlreadyActivated),
        LicenceState::Waiting | LicenceState::Expired(_) if is_elsewhere => {
            return Err(LicenceRefusal::Elsewhere);
        }
        LicenceState::Expired(_) => return Err(LicenceRefusal::Expired),
        LicenceState::Moved(_) | LicenceState::Waiting if licence.kept_by.is_some() => {
            return Err(LicenceRefusal::Kept);
        }
        LicenceState::Moved(_) | LicenceState::Waiting => {}
    }
    if trial == TrialCondition::Stuck {
        return Err(LicenceRefusal::BlockedByTrial);
    }
    Ok(Activation {
        licence: licence.serial,
        product: licence.product.unwrap_or(requester.serial()),
        new_tokens: licence.activated.is_none().then_some(licence.size),
    })
}

/// The manager that alone answers `requester` for a licence, if one has it in its reserve. Whoever could not use it
/// here is sent to nobody: it learns what it would learn of any other licence.
pub fn keeper(licence: &Licence, requester: &Requester) -> Option<ProductSerial> {
    let is_its = licence.account == *requester.account()
        && licence
            .product
            .is_none_or(|product| requester.speaks_for(product));
    licence
        .kept_by
        .filter(|_| is_its && licence.revoked.is_none())
}

/// What a request for trial tokens gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trial {
    /// The tokens that the product or its cluster has already. Locked ones go back to new: they are
    /// free, so nothing is protected by keeping them from the one who has them.
    Again(LicenceSerial),
    /// Two new ones for this product.
    New(ProductSerial),
}

/// Decides a request for trial tokens. `existing` has the trial licences of the requester's products.
pub fn trial(requester: &Requester, existing: &[(ProductSerial, LicenceSerial)]) -> Trial {
    let of = |product| existing.iter().find(|(owner, _)| *owner == product);
    match requester.products().find_map(of) {
        Some(&(_, licence)) => Trial::Again(licence),
        None => Trial::New(requester.serial()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Asking, admit};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const FIRST: &str = "FGT0000000000001";
    const SECOND: &str = "FGT0000000000002";
    const FOREIGN: &str = "FGT0000000000003";

    fn serial(text: &str) -> ProductSerial {
        ProductSerial::parse(text).unwrap()
    }

    fn account(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    fn requester(cluster: &[&str]) -> Requester {
        let asking = Asking {
            serial: serial(FIRST),
            cluster: cluster.iter().copied().map(serial).collect(),
            through: None,
        };
        let owner = |product: ProductSerial| {
            Some(account(if product.as_str() == FOREIGN {
                "other"
            } else {
                "own"
            }))
        };
        admit(&asking, owner).requester.unwrap()
    }

    fn licence() -> Licence {
        Licence {
            serial: LicenceSerial::purchased(1).unwrap(),
            account: account("own"),
            product: None,
            size: LicenceSize::new(5).unwrap(),
            redeem_until: Some(NOW),
            activated: None,
            moved: None,
            revoked: None,
            kept_by: None,
            claimed_for: None,
        }
    }

    fn refusal(licence: &Licence, trial: TrialCondition) -> LicenceRefusal {
        activate(Some(licence), &requester(&[FIRST, SECOND]), trial, NOW).unwrap_err()
    }

    #[test]
    fn an_activation_registers_the_licence_for_the_unit_that_asks() {
        let activation = activate(
            Some(&licence()),
            &requester(&[]),
            TrialCondition::Clear,
            NOW,
        )
        .unwrap();
        assert_eq!(activation.product(), serial(FIRST));
        assert_eq!(activation.new_tokens(), Some(licence().size));
    }

    #[test]
    fn a_licence_of_a_cluster_partner_stays_with_the_partner() {
        let licence = Licence {
            product: Some(serial(SECOND)),
            ..licence()
        };
        let cluster = requester(&[FIRST, SECOND]);
        let activation = activate(Some(&licence), &cluster, TrialCondition::Clear, NOW).unwrap();
        assert_eq!(activation.product(), serial(SECOND));
    }

    #[test]
    fn each_obstacle_has_its_name() {
        use TrialCondition::{Clear, Stuck};
        let unknown = activate(None, &requester(&[]), Stuck, NOW);
        assert_eq!(unknown, Err(LicenceRefusal::NotFound));
        let spent = Licence {
            activated: Some(NOW),
            account: account("other"),
            ..licence()
        };
        assert_eq!(refusal(&spent, Stuck), LicenceRefusal::AlreadyActivated);
        let foreign = Licence {
            account: account("other"),
            ..licence()
        };
        assert_eq!(refusal(&foreign, Clear), LicenceRefusal::Elsewhere);
        let elsewhere = Licence {
            product: Some(serial(FOREIGN)),
            ..licence()
        };
        assert_eq!(refusal(&elsewhere, Clear), LicenceRefusal::Elsewhere);
        let late = Licence {
            redeem_until: Some(Timestamp::from_secs(999)),
            ..licence()
        };
        assert_eq!(refusal(&late, Stuck), LicenceRefusal::Expired);
        let kept = Licence {
            kept_by: Some(serial("FMG0000000000001")),
            ..licence()
        };
        assert_eq!(refusal(&kept, Stuck), LicenceRefusal::Kept);
        assert_eq!(refusal(&licence(), Stuck), LicenceRefusal::BlockedByTrial);
    }

    #[test]
    fn a_licence_that_moved_is_imported_once_more_and_keeps_its_tokens() {
        let moved = Licence {
            product: Some(serial(FIRST)),
            activated: Some(Timestamp::default()),
            moved: Some(NOW),
            redeem_until: Some(Timestamp::from_secs(1)),
            ..licence()
        };
        let activate = |licence: &Licence| {
            super::activate(Some(licence), &requester(&[]), TrialCondition::Clear, NOW)
        };
        let activation = activate(&moved).unwrap();
        assert_eq!(activation.new_tokens(), None);
        let gone = Licence {
            product: Some(serial(SECOND)),
            ..moved.clone()
        };
        let refused = activate(&gone).unwrap_err();
        assert_eq!(refused, LicenceRefusal::AlreadyActivated);
        let revoked = Licence {
            revoked: Some(NOW),
            ..moved
        };
        let refused = activate(&revoked).unwrap_err();
        assert_eq!(refused, LicenceRefusal::Revoked);
    }

    #[test]
    fn a_manager_keeps_a_licence_from_those_who_could_use_it() {
        let manager = serial("FMG0000000000001");
        let kept = Licence {
            kept_by: Some(manager),
            ..licence()
        };
        let moved = Licence {
            product: Some(serial(SECOND)),
            activated: Some(NOW),
            moved: Some(NOW),
            ..kept.clone()
        };
        assert_eq!(keeper(&kept, &requester(&[])), Some(manager));
        let partner = keeper(&moved, &requester(&[FIRST, SECOND]));
        assert_eq!(partner, Some(manager));
        let foreign = Licence {
            account: account("other"),
            ..kept.clone()
        };
        let revoked = Licence {
            revoked: Some(NOW),
            ..kept
        };
        for nobodys in [moved, foreign, revoked, licence()] {
            assert_eq!(keeper(&nobodys, &requester(&[])), None, "{nobodys:?}");
        }
    }

    #[test]
    fn a_cluster_has_one_pair_of_trial_tokens() {
        let one = LicenceSerial::trial(1).unwrap();
        let two = LicenceSerial::trial(2).unwrap();
        assert_eq!(trial(&requester(&[SECOND]), &[]), Trial::New(serial(FIRST)));
        let partner = [(serial(SECOND), two)];
        assert_eq!(trial(&requester(&[SECOND]), &partner), Trial::Again(two));
        let both = [(serial(SECOND), two), (serial(FIRST), one)];
        assert_eq!(trial(&requester(&[SECOND]), &both), Trial::Again(one));
    }

    #[test]
    fn naming_a_foreign_product_in_the_cluster_gives_no_power_over_it() {
        let requester = requester(&[FIRST, FOREIGN]);
        assert!(!requester.speaks_for(serial(FOREIGN)));
        assert!(requester.speaks_for(serial(FIRST)));
    }

    #[test]
    fn a_size_is_one_to_ten_thousand() {
        assert_eq!(LicenceSize::new(0), Err(LicenceSizeError(0)));
        assert_eq!(
            LicenceSize::new(10_000).map(LicenceSize::tokens),
            Ok(10_000)
        );
        assert_eq!(LicenceSize::new(10_001), Err(LicenceSizeError(10_001)));
    }
}
