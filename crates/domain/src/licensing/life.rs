//! What the desk does to licences and units that are in use.

use ident::{LicenceSerial, ProductSerial};

use super::{AccountName, GivenLicence, Licence, LicenceState};
use crate::time::Timestamp;

/// A product as the desk's decisions see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// Its serial.
    pub serial: ProductSerial,
    /// Whose it is, or was last.
    pub account: AccountName,
    /// Since when it is registered.
    pub registered: Timestamp,
    /// Its end, if it is no longer registered.
    pub retired: Option<Retired>,
    /// What it is.
    pub kind: ProductKind,
}

/// What a product is to the token server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProductKind {
    /// It has licences, and tokens of its own.
    Gateway,
    /// It passes on what gateways ask, and has no tokens.
    Manager,
}

/// The end of a product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retired {
    /// When.
    pub at: Timestamp,
    /// The unit that took its place.
    pub successor: Option<ProductSerial>,
}

/// Whether an operation changed anything. One that is repeated, since its answer was lost, changes
/// nothing and is no error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It did.
    Made,
    /// All was so already.
    Already,
}

/// Why a licence or a unit is left as it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LifeRefusal {
    /// Trial tokens stay with their unit.
    #[error(
        "{0} is a trial: it does not move; import the trial at the other gateway with \
         0000-0000-0000-0000-0000"
    )]
    TrialStays(LicenceSerial),
    /// A trial has no code and no date.
    #[error("{0} is a trial: it has neither code nor date to renew")]
    TrialHasNoDate(LicenceSerial),
    /// The licence is out of use for good.
    #[error("licence {0} is revoked; issue another")]
    Revoked(LicenceSerial),
    /// Trial tokens are had again at any time.
    #[error(
        "{0} is a trial: its gateway imports it again at any time with 0000-0000-0000-0000-0000"
    )]
    TrialAnyTime(LicenceSerial),
    /// Nobody imported the licence yet.
    #[error("licence {0} was not imported yet: its code is good for that")]
    NotImported(LicenceSerial),
    /// The licence is in use, and its tokens do not expire.
    #[error(
        "licence {0} is activated: nothing of it expires; to import it once more at another gateway, \
         move it"
    )]
    InUse(LicenceSerial),
    /// Nobody imported the licence in time.
    #[error("licence {0} has expired; give it more time first (renew-licence)")]
    Expired(LicenceSerial),
    /// A manager has the licence in its reserve.
    #[error(
        "licence {0} is in the reserve of manager {1}, which alone gives it out; take it back first \
         (take-back)"
    )]
    Kept(LicenceSerial, ProductSerial),
    /// A manager is to give the licence back.
    #[error(
        "licence {licence} is being taken back from manager {keeper}: it is the token server's once that manager \
         has said that it has reserve {number} or a later one (`symbolon manager settlement`); set it aside then"
    )]
    Leaving {
        /// The licence.
        licence: LicenceSerial,
        /// Who still keeps it.
        keeper: ProductSerial,
        /// The first reserve without it.
        number: u64,
    },
    /// No manager said that it gave the licence out.
    #[error(
        "no manager says that it gave licence {0} out without anybody knowing to whom; look it up (`desk look {0}`)"
    )]
    NotClaimed(LicenceSerial),
    /// The new date is not later than the old one.
    #[error("licence {0} can be redeemed until {1} already; name a later date")]
    NotLater(LicenceSerial, Timestamp),
    /// A licence or unit of one account, a product of another.
    #[error(
        "product {product} belongs to account \"{theirs}\", not \"{own}\"; unregister it there first, or \
         name a product of \"{own}\""
    )]
    ProductOfOther {
        /// The product.
        product: ProductSerial,
        /// Whose it is.
        theirs: AccountName,
        /// Who would need it.
        own: AccountName,
    },
    /// A manager has nothing that a gateway has.
    #[error(
        "{0} is a manager, which has no licences and no tokens; name a gateway, or let it be one first \
         (dismiss-manager)"
    )]
    IsManager(ProductSerial),
    /// A unit does not take its own place.
    #[error("product {0} cannot replace itself; name the new unit's serial")]
    SameUnit(ProductSerial),
    /// The unit was taken out of use before.
    #[error("product {0} is no longer registered; look at its history with `desk look {0}`")]
    Retired(ProductSerial),
    /// The new unit has trial tokens, and a unit has one pair.
    #[error(
        "product {0} has trial tokens of its own, {1}; give their users other tokens and revoke it first"
    )]
    TrialInTheWay(ProductSerial, LicenceSerial),
    /// Licences would belong to nobody.
    #[error("product {0} still has {1}; move or revoke its licences first")]
    HasLicence(ProductSerial, LicenceSerial),
}

/// Decides whether `licence` moves to `to`, a registered product.
///
/// Its tokens go with it, and what the registry knows of their phones. A licence that was activated can
/// be imported once more, by the product that it moved to. One that a manager may give to another meanwhile does
/// not move.
pub fn relocate(licence: &Licence, to: &Product) -> Result<Change, LifeRefusal> {
    if licence.serial.is_trial() {
        return Err(LifeRefusal::TrialStays(licence.serial));
    }
    if licence.revoked.is_some() {
        return Err(LifeRefusal::Revoked(licence.serial));
    }
    demand_owner(to, &licence.account)?;
    demand_gateway(to)?;
    if licence.activated.is_none() {
        demand_not_kept(licence)?;
    }
    Ok(if licence.product == Some(to.serial) {
        Change::Already
    } else {
        Change::Made
    })
}

/// Decides whether the product of `licence` may import it once more: one that was put back from a backup, or set up
/// anew, has lost its tokens. One that a manager gave out is the manager's to give.
pub fn import_again(licence: &Licence) -> Result<Change, LifeRefusal> {
    if licence.serial.is_trial() {
        return Err(LifeRefusal::TrialAnyTime(licence.serial));
    }
    if licence.revoked.is_some() {
        return Err(LifeRefusal::Revoked(licence.serial));
    }
    demand_not_kept(licence)?;
    match (licence.activated, licence.moved) {
        (None, _) => Err(LifeRefusal::NotImported(licence.serial)),
        (Some(_), Some(_)) => Ok(Change::Already),
        (Some(_), None) => Ok(Change::Made),
    }
}

/// Decides whether a licence is `to`'s that a manager says it gave out, and nobody knows to whom. What it said,
/// if that is news.
pub fn name_owner<'c>(
    licence: &Licence,
    to: &Product,
    claim: Option<&'c GivenLicence>,
) -> Result<Option<&'c GivenLicence>, LifeRefusal> {
    if licence.revoked.is_some() {
        return Err(LifeRefusal::Revoked(licence.serial));
    }
    demand_owner(to, &licence.account)?;
    demand_gateway(to)?;
    if licence.activated.is_some() && licence.product == Some(to.serial) {
        return Ok(None);
    }
    claim
        .map(Some)
        .ok_or(LifeRefusal::NotClaimed(licence.serial))
}

/// What a renewal gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// Whether there is a new code.
    pub code: RenewedCode,
    /// The last moment at which the licence can be redeemed.
    pub redeem_until: Timestamp,
}

/// What becomes of the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenewedCode {
    /// The code stays as it was told.
    Kept,
    /// The old code ends, and a new one is told.
    New,
}

/// Whether the holder still has the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeInHand {
    /// The redemption certificate is there.
    Held,
    /// It is lost, or others have seen it.
    Lost,
}

/// Until when a licence is to be redeemed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Term {
    /// As whoever asks said.
    Said(Timestamp),
    /// Nobody said: until then if it gets more time, else as it was.
    Usual(Timestamp),
}

impl Term {
    fn until(self) -> Timestamp {
        match self {
            Self::Said(until) | Self::Usual(until) => until,
        }
    }
}

/// Decides until when `licence` can be redeemed, and with which code.
///
/// A code that expired has lain about for its whole life, so it is replaced. A code that was lost is no reason to
/// change the date. A licence that moved is redeemed without a date: only its code can be lost.
pub fn renew(
    licence: &Licence,
    term: Term,
    code: CodeInHand,
    now: Timestamp,
) -> Result<Renewal, LifeRefusal> {
    if licence.serial.is_trial() {
        return Err(LifeRefusal::TrialHasNoDate(licence.serial));
    }
    if licence.revoked.is_none() {
        demand_not_kept(licence)?;
    }
    let (code, redeem_until) = match (licence.state(now), code) {
        (LicenceState::Revoked(_), _) => return Err(LifeRefusal::Revoked(licence.serial)),
        (LicenceState::Activated(_), _) => return Err(LifeRefusal::InUse(licence.serial)),
        (LicenceState::Expired(_), _) => (RenewedCode::New, term.until()),
        (LicenceState::Waiting, CodeInHand::Held) => {
            (RenewedCode::Kept, later(licence, term.until())?)
        }
        (LicenceState::Moved(_), CodeInHand::Held) => {
            (RenewedCode::Kept, as_it_was(licence, term, now))
        }
        (LicenceState::Waiting | LicenceState::Moved(_), CodeInHand::Lost) => {
            (RenewedCode::New, as_it_was(licence, term, now))
        }
    };
    Ok(Renewal { code, redeem_until })
}

/// The date that the licence has, unless it is over or another was said.
fn as_it_was(licence: &Licence, term: Term, now: Timestamp) -> Timestamp {
    let last = licence.redeem_until.filter(|last| *last >= now);
    match (term, last) {
        (Term::Usual(_), Some(last)) => last,
        _ => term.until(),
    }
}

fn later(licence: &Licence, until: Timestamp) -> Result<Timestamp, LifeRefusal> {
    match licence.redeem_until.filter(|last| *last >= until) {
        Some(last) => Err(LifeRefusal::NotLater(licence.serial, last)),
        None => Ok(until),
    }
}

/// Decides whether `new` takes the place of `old`. `licences` has those of both that are not revoked. What a
/// manager gives to the old one before it learns of that is the new one's ([`settle`](super::settle)).
pub fn replace(old: &Product, new: &Product, licences: &[Licence]) -> Result<Change, LifeRefusal> {
    if old.serial == new.serial {
        return Err(LifeRefusal::SameUnit(old.serial));
    }
    match old.retired {
        Some(end) if end.successor == Some(new.serial) => return Ok(Change::Already),
        Some(_) => return Err(LifeRefusal::Retired(old.serial)),
        None => {}
    }
    demand_owner(new, &old.account)?;
    demand_gateway(old)?;
    demand_gateway(new)?;
    let trial_of = |product| {
        let is_its =
            |licence: &&Licence| licence.serial.is_trial() && licence.product == Some(product);
        licences.iter().find(is_its)
    };
    match (trial_of(old.serial), trial_of(new.serial)) {
        (Some(_), Some(trial)) => Err(LifeRefusal::TrialInTheWay(new.serial, trial.serial)),
        _ => Ok(Change::Made),
    }
}

/// Decides whether `product` is taken off the register. `licences` has its own that are not revoked.
pub fn unregister(product: &Product, licences: &[Licence]) -> Result<Change, LifeRefusal> {
    if product.retired.is_some() {
        return Ok(Change::Already);
    }
    match licences.first() {
        Some(licence) => Err(LifeRefusal::HasLicence(product.serial, licence.serial)),
        None => Ok(Change::Made),
    }
}

/// Decides whether `product` may be a manager. `licences` has its own that are not revoked: who has tokens of its
/// own would be served nothing of them any more.
pub fn make_manager(product: &Product, licences: &[Licence]) -> Result<Change, LifeRefusal> {
    match (product.kind, licences.first()) {
        (ProductKind::Manager, _) => Ok(Change::Already),
        (ProductKind::Gateway, None) => Ok(Change::Made),
        (ProductKind::Gateway, Some(licence)) => {
            Err(LifeRefusal::HasLicence(product.serial, licence.serial))
        }
    }
}

/// Refuses a manager where a gateway is needed.
pub fn demand_gateway(product: &Product) -> Result<(), LifeRefusal> {
    match product.kind {
        ProductKind::Gateway => Ok(()),
        ProductKind::Manager => Err(LifeRefusal::IsManager(product.serial)),
    }
}

/// Its keeper would not learn of it before it has given the licence out.
fn demand_not_kept(licence: &Licence) -> Result<(), LifeRefusal> {
    match licence.kept_by {
        Some(manager) => Err(LifeRefusal::Kept(licence.serial, manager)),
        None => Ok(()),
    }
}

fn demand_owner(product: &Product, own: &AccountName) -> Result<(), LifeRefusal> {
    if product.account == *own {
        return Ok(());
    }
    Err(LifeRefusal::ProductOfOther {
        product: product.serial,
        theirs: product.account.clone(),
        own: own.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::LicenceSize;
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LATER: Timestamp = Timestamp::from_secs(2_000);

    fn product(number: u8, owner: &str) -> Product {
        Product {
            serial: ProductSerial::parse(&format!("FGT{number:013}")).unwrap(),
            account: AccountName::parse(owner).unwrap(),
            registered: NOW,
            retired: None,
            kind: ProductKind::Gateway,
        }
    }

    fn manager(number: u8) -> Product {
        Product {
            kind: ProductKind::Manager,
            ..product(number, "own")
        }
    }

    fn licence() -> Licence {
        Licence {
            serial: LicenceSerial::purchased(1).unwrap(),
            account: AccountName::parse("own").unwrap(),
            product: Some(product(1, "own").serial),
            size: LicenceSize::new(5).unwrap(),
            redeem_until: Some(NOW),
            activated: None,
            moved: None,
            revoked: None,
            kept_by: None,
            claimed_for: None,
        }
    }

    fn trial(of: u8) -> Licence {
        Licence {
            serial: LicenceSerial::trial(of.into()).unwrap(),
            product: Some(product(of, "own").serial),
            redeem_until: None,
            activated: Some(NOW),
            ..licence()
        }
    }

    fn revoked() -> Licence {
        Licence {
            revoked: Some(NOW),
            ..licence()
        }
    }

    #[test]
    fn a_gateway_imports_its_own_licence_once_more_when_the_desk_says_so() {
        let imported = Licence {
            activated: Some(NOW),
            ..licence()
        };
        assert_eq!(import_again(&imported), Ok(Change::Made));
        let freed = Licence {
            moved: Some(NOW),
            ..imported.clone()
        };
        assert_eq!(import_again(&freed), Ok(Change::Already));
        let waiting = import_again(&licence());
        assert_eq!(waiting, Err(LifeRefusal::NotImported(licence().serial)));
        let manager = product(2, "own").serial;
        let kept = Licence {
            kept_by: Some(manager),
            ..imported.clone()
        };
        let refused = Err(LifeRefusal::Kept(licence().serial, manager));
        assert_eq!(import_again(&kept), refused);
        let revoked = Licence {
            revoked: Some(NOW),
            ..imported
        };
        let refused = Err(LifeRefusal::Revoked(licence().serial));
        assert_eq!(import_again(&revoked), refused);
        let refused = Err(LifeRefusal::TrialAnyTime(trial(1).serial));
        assert_eq!(import_again(&trial(1)), refused);
    }

    #[test]
    fn a_licence_moves_within_its_account_and_once() {
        let licence = licence();
        let serial = licence.serial;
        assert_eq!(relocate(&licence, &product(2, "own")), Ok(Change::Made));
        assert_eq!(relocate(&licence, &product(1, "own")), Ok(Change::Already));
        let foreign = relocate(&licence, &product(2, "other")).unwrap_err();
        assert!(matches!(foreign, LifeRefusal::ProductOfOther { .. }));
        let trial = trial(1);
        let stays = Err(LifeRefusal::TrialStays(trial.serial));
        assert_eq!(relocate(&trial, &product(2, "own")), stays);
        let gone = Err(LifeRefusal::Revoked(serial));
        assert_eq!(relocate(&revoked(), &product(2, "own")), gone);
    }

    #[test]
    fn a_renewal_replaces_the_code_that_expired_or_was_lost() {
        let renewed = |licence: &Licence, code, now| {
            renew(licence, Term::Said(LATER), code, now).map(|renewal| {
                assert_eq!(renewal.redeem_until, LATER);
                renewal.code
            })
        };
        let (held, lost) = (CodeInHand::Held, CodeInHand::Lost);
        let waiting = licence();
        assert_eq!(renewed(&waiting, held, NOW), Ok(RenewedCode::Kept));
        assert_eq!(renewed(&waiting, lost, NOW), Ok(RenewedCode::New));
        let late = Timestamp::from_secs(1_001);
        assert_eq!(renewed(&waiting, held, late), Ok(RenewedCode::New));
        let not_later = renew(&waiting, Term::Said(NOW), held, NOW).unwrap_err();
        assert_eq!(not_later, LifeRefusal::NotLater(waiting.serial, NOW));
        let used = Licence {
            activated: Some(NOW),
            ..licence()
        };
        let in_use = Err(LifeRefusal::InUse(used.serial));
        assert_eq!(renewed(&used, lost, late), in_use);
        let moved = Licence {
            moved: Some(NOW),
            ..used
        };
        assert_eq!(renewed(&moved, held, late), Ok(RenewedCode::Kept));
        assert_eq!(renewed(&moved, lost, late), Ok(RenewedCode::New));
        assert!(renewed(&revoked(), lost, NOW).is_err());
        assert!(renewed(&trial(1), lost, NOW).is_err());
    }

    #[test]
    fn a_lost_code_moves_no_date_unless_said() {
        let (sooner, lost) = (Timestamp::from_secs(1_500), CodeInHand::Lost);
        let until = |licence: &Licence, term, now| {
            renew(licence, term, lost, now).map(|renewal| renewal.redeem_until)
        };
        let bought_for_long = Licence {
            redeem_until: Some(LATER),
            ..licence()
        };
        let usual = Term::Usual(sooner);
        assert_eq!(until(&bought_for_long, usual, NOW), Ok(LATER));
        assert_eq!(until(&licence(), usual, NOW), Ok(NOW));
        let said = Term::Said(sooner);
        assert_eq!(until(&bought_for_long, said, NOW), Ok(sooner));
        let expired = until(&licence(), usual, Timestamp::from_secs(1_001));
        assert_eq!(expired, Ok(sooner));
        let moved = Licence {
            activated: Some(NOW),
            moved: Some(NOW),
            ..bought_for_long
        };
        assert_eq!(until(&moved, usual, NOW), Ok(LATER));
        let after = Timestamp::from_secs(2_001);
        let much_later = Timestamp::from_secs(3_000);
        assert_eq!(
            until(&moved, Term::Usual(much_later), after),
            Ok(much_later)
        );
    }

    #[test]
    fn a_unit_is_replaced_by_one_of_its_account_that_has_no_other_trial() {
        let (old, new) = (product(1, "own"), product(2, "own"));
        assert_eq!(
            replace(&old, &new, &[licence(), trial(1)]),
            Ok(Change::Made)
        );
        assert_eq!(replace(&old, &new, &[trial(2)]), Ok(Change::Made));
        let in_the_way = LifeRefusal::TrialInTheWay(new.serial, trial(2).serial);
        assert_eq!(replace(&old, &new, &[trial(1), trial(2)]), Err(in_the_way));
        assert!(replace(&old, &product(2, "other"), &[]).is_err());
        assert!(replace(&old, &old, &[]).is_err());
    }

    #[test]
    fn a_manager_has_nothing_that_a_gateway_has() {
        let (gateway, manager) = (product(1, "own"), manager(2));
        let refused = LifeRefusal::IsManager(manager.serial);
        assert_eq!(relocate(&licence(), &manager), Err(refused.clone()));
        assert_eq!(name_owner(&licence(), &manager, None), Err(refused.clone()));
        assert_eq!(replace(&gateway, &manager, &[]), Err(refused.clone()));
        assert_eq!(replace(&manager, &gateway, &[]), Err(refused));
        assert_eq!(make_manager(&gateway, &[]), Ok(Change::Made));
        assert_eq!(make_manager(&manager, &[]), Ok(Change::Already));
        let in_use = LifeRefusal::HasLicence(gateway.serial, licence().serial);
        assert_eq!(make_manager(&gateway, &[licence()]), Err(in_use));
    }

    #[test]
    fn a_replacement_that_comes_again_is_no_error() {
        let new = product(2, "own");
        let end = |successor| Product {
            retired: Some(Retired { at: NOW, successor }),
            ..product(1, "own")
        };
        assert_eq!(
            replace(&end(Some(new.serial)), &new, &[]),
            Ok(Change::Already)
        );
        let gone = Err(LifeRefusal::Retired(product(1, "own").serial));
        assert_eq!(replace(&end(None), &new, &[]), gone);
    }

    #[test]
    fn a_product_leaves_the_register_without_licences() {
        let unit = product(1, "own");
        assert_eq!(unregister(&unit, &[]), Ok(Change::Made));
        let kept = LifeRefusal::HasLicence(unit.serial, licence().serial);
        assert_eq!(unregister(&unit, &[licence()]), Err(kept));
    }
}
