//! Licences bought ahead: a manager has them in its reserve, and gives them out while the token server is
//! away.
//!
//! A licence in a reserve has one keeper. The token server gives it to nobody until the keeper has said what
//! became of it, so it is given out once, whoever asks whom, and however many managers there are.
//!
//! Both ends can be put back from a backup. Of the token server's past that is gone a manager's [`ReserveId`]
//! tells: no two reserves have the same. Of the manager's its settlement tells: it says no more all that it
//! said before ([`weigh`]), and gives out nothing until the desk has spoken.

use std::collections::BTreeSet;

use ident::{LicenceSerial, ProductSerial, TokenSerial};

use super::{AccountName, Change, Generation, Licence, LicenceState, LifeRefusal, Manager};
use crate::time::{Span, Timestamp};

/// The most tokens in one manager's reserve: with them, and as many licences as may be, it has some 5 MiB.
pub const RESERVE_TOKENS_MAX: u32 = 100_000;
/// The most licences in one manager's reserve.
pub const RESERVE_LICENCES_MAX: u32 = 10_000;

/// For how long a manager goes on telling of a licence that it gave out, once that left its reserve and the token
/// server knows: one that is put back from a backup no older than this learns of it again, and gives it to nobody
/// else. A settlement is as long as the reserve, and what left it in that time.
pub const GIVEN_TOLD: Span = Span::from_days(90);
/// For how long a revoked licence is missed in a record that tells of it no more. It is shorter than
/// [`GIVEN_TOLD`]: a manager learns later of what was revoked, and has a clock of its own.
pub const GIVEN_MISSED: Span = Span::from_days(60);

/// SHA-256 of a licence's code. A code has 80 random bits: nobody finds it by trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeDigest(pub [u8; 32]);

/// Which reserve of a manager it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReserveId {
    /// Grows with every change, so that an older one is known as such.
    pub number: u64,
    /// Drawn with the number: a token server that was put back from a backup gives the number again.
    pub mark: ReserveMark,
}

/// 16 random octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReserveMark(pub [u8; 16]);

/// Which record of what it gave out a manager has: 16 octets, drawn when the record was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordId(pub [u8; 16]);

/// The whole of what one manager keeps, at one moment, as the token server says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// Whose it is.
    pub manager: ProductSerial,
    /// Which it is.
    pub id: ReserveId,
    /// The record that the token server knows of the manager, once it has settled.
    pub record: Option<RecordId>,
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
    pub given: Option<Giving>,
}

/// When a licence was given out, and who says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Giving {
    /// When.
    pub at: Timestamp,
    /// Whether the manager's record said so, and so still has to; else the desk did, or a record that was
    /// lost.
    pub is_recorded: bool,
}

/// What a manager gave out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// Who says so.
    pub manager: ProductSerial,
    /// From which record.
    pub record: RecordId,
    /// The reserve that it has, if any: it gives out nothing that is not in that one.
    pub reserve: Option<ReserveId>,
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

/// What came of putting a licence into a reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    /// It is in the reserve now.
    Made,
    /// It was.
    Already,
    /// It was on its way back, and stays.
    Stays,
}

/// Decides whether `manager` keeps `licence` from now on. `left_with` is the first reserve without it, if it
/// is being taken back.
pub fn set_aside(
    licence: &Licence,
    left_with: Option<u64>,
    manager: &Manager,
    now: Timestamp,
) -> Result<Aside, LifeRefusal> {
    let serial = licence.serial;
    if serial.is_trial() {
        return Err(LifeRefusal::TrialStays(serial));
    }
    let state = licence.state(now);
    if matches!(state, LicenceState::Revoked(_)) {
        return Err(LifeRefusal::Revoked(serial));
    }
    match (licence.kept_by, left_with) {
        (Some(keeper), None) if keeper == manager.serial => return Ok(Aside::Already),
        (Some(keeper), Some(_)) if keeper == manager.serial => return Ok(Aside::Stays),
        (Some(keeper), None) => return Err(LifeRefusal::Kept(serial, keeper)),
        (Some(keeper), Some(number)) => {
            return Err(LifeRefusal::Leaving {
                licence: serial,
                keeper,
                number,
            });
        }
        (None, _) => {}
    }
    match state {
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
    Ok(Aside::Made)
}

/// What the token server makes of one line of a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settling {
    /// It learns that the licence is given out, to this product: the one in the line, or the unit that took
    /// its place.
    News(ProductSerial),
    /// It knew.
    Known,
    /// The licence may be given out, and nobody here knows to whom: it is given to nobody until the desk says
    /// whose it is.
    Claimed,
    /// The licence is another account's, was given out before, or is none.
    Disputed,
}

/// Whose a product of a settlement's line is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The gateway in the line, or the unit that took its place.
    pub product: ProductSerial,
    /// Whose it is.
    pub account: AccountName,
}

/// Decides what a line of `manager`'s settlement says of `licence`. There is no recipient where the gateway in
/// it is registered no more, and no other took its place.
///
/// What a keeper says that it gave out is given out, whatever else is wrong with the line.
pub fn settle(
    licence: Option<&Licence>,
    manager: &Manager,
    given: &GivenLicence,
    recipient: Option<&Recipient>,
) -> Settling {
    let Some(licence) = licence.filter(|licence| licence.account == manager.account) else {
        return Settling::Disputed;
    };
    match licence.activated {
        Some(at) if at == given.at => return Settling::Known,
        Some(_) => return Settling::Disputed,
        None => {}
    }
    let is_its = licence.kept_by == Some(manager.serial);
    match recipient.filter(|recipient| recipient.account == licence.account) {
        Some(Recipient { product, .. })
            if is_its && licence.product.is_none_or(|bound| bound == *product) =>
        {
            Settling::News(*product)
        }
        _ => Settling::Claimed,
    }
}

/// What the token server knows of a manager's record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownRecord {
    /// Which it is, once it has settled.
    pub id: Option<RecordId>,
    /// The reserve that it said last that it has.
    pub loaded: Option<u64>,
    /// Whether the manager had another certificate with a code since it settled last.
    pub is_enrolled_anew: bool,
    /// What the record said that the manager gave out.
    pub given: Vec<(LicenceSerial, Timestamp)>,
}

/// Why a settlement is not taken as the whole of what its manager gave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordBehind {
    /// The record was begun anew.
    #[error("its record is another than the one that settled before")]
    Other,
    /// The manager enrolled anew, and has no reserve.
    #[error("it enrolled anew and has no reserve, and was given one before")]
    Anew,
    /// It had a later reserve.
    #[error("it says that it has reserve {found}, and said before that it has {known}")]
    OlderReserve {
        /// Which it says that it has; 0 for none.
        found: u64,
        /// Which it said.
        known: u64,
    },
    /// It gave out more.
    #[error("{0} licences are missing in it that it said before to have given out")]
    Lacks(usize),
}

/// Decides whether `settlement` is of a record that went on since it settled last. One that went back was put
/// back from a backup, or lost: what else it gave out nobody knows.
pub fn weigh(settlement: &Settlement, known: &KnownRecord) -> Result<(), RecordBehind> {
    if known.id.is_some_and(|id| id != settlement.record) {
        return Err(RecordBehind::Other);
    }
    let found = settlement.reserve.map_or(0, |reserve| reserve.number);
    if known.is_enrolled_anew && found == 0 {
        return Err(RecordBehind::Anew);
    }
    if let Some(known) = known.loaded.filter(|known| found < *known) {
        return Err(RecordBehind::OlderReserve { found, known });
    }
    let said: BTreeSet<_> = settlement
        .licences
        .iter()
        .map(|given| (given.licence, given.at))
        .collect();
    match known.given.iter().filter(|it| !said.contains(it)).count() {
        0 => Ok(()),
        missing => Err(RecordBehind::Lacks(missing)),
    }
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
    #[error(
        "this is number {found} of this reserve, and number {held} is here; fetch the latest. If that is this \
         one, the token server was put back from a backup: settle first (`symbolon manager settlement`, `symbolon \
         desk settle`), then fetch it"
    )]
    Older {
        /// Which it is.
        found: u64,
        /// Which is here.
        held: u64,
    },
    /// One with the same number is here, and it is another.
    #[error(
        "another reserve with the number {0} is here: the token server was put back from a backup. Settle first \
         (`symbolon manager settlement`, `symbolon desk settle`), then fetch the latest"
    )]
    SameNumber(u64),
    /// The token server knows more of what was given out than the record here.
    #[error(
        "the token server knows that this manager gave out what is not in the record here: it was put back from a \
         backup, or begun anew. Nothing is given out; settle (`symbolon manager settlement`, `symbolon desk \
         settle`), have the desk look at what was given out since (`confirm-record {0}`), then fetch the latest"
    )]
    RecordBehind(ProductSerial),
}

/// What a manager has when a reserve comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Who it is.
    pub own: ProductSerial,
    /// Its reserve.
    pub reserve: Option<ReserveId>,
    /// Its record.
    pub record: RecordId,
    /// The reserve that it refused since its record is behind; 0 where the token server said that it is.
    pub behind: Option<u64>,
    /// What it gave out.
    pub given: BTreeSet<LicenceSerial>,
}

/// Decides whether a manager takes `reserve`, whose signature is right, in the place of what it has.
pub fn take_over(reserve: &Reserve, held: &Held) -> Result<Change, ReserveRefusal> {
    if reserve.manager != held.own {
        return Err(ReserveRefusal::OfOther {
            found: reserve.manager,
            own: held.own,
        });
    }
    let ReserveId { number: found, .. } = reserve.id;
    match held.reserve {
        Some(ReserveId { number, .. }) if found < number => {
            let held = number;
            return Err(ReserveRefusal::Older { found, held });
        }
        Some(id) if found == id.number && id != reserve.id => {
            return Err(ReserveRefusal::SameNumber(found));
        }
        Some(id) if id == reserve.id && held.behind.is_none() => return Ok(Change::Already),
        _ => {}
    }
    if held.behind.is_some_and(|refused| found <= refused) || is_behind(reserve, held) {
        return Err(ReserveRefusal::RecordBehind(held.own));
    }
    Ok(Change::Made)
}

fn is_behind(reserve: &Reserve, held: &Held) -> bool {
    let is_other = reserve.record.is_some_and(|known| known != held.record);
    let is_missing = |licence: &ReservedLicence| {
        licence.given.is_some_and(|given| given.is_recorded)
            && !held.given.contains(&licence.serial)
    };
    is_other || reserve.licences.iter().any(is_missing)
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
            claimed_for: None,
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
        let aside = |licence: &Licence, by: u8| set_aside(licence, None, &manager(by), NOW);
        assert_eq!(aside(&licence(), 1), Ok(Aside::Made));
        assert_eq!(aside(&kept(), 1), Ok(Aside::Already));
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
    fn a_licence_that_is_on_its_way_back_stays_with_its_manager_or_goes_back_first() {
        let aside = |licence: &Licence, by: u8| set_aside(licence, Some(7), &manager(by), NOW);
        let given = Licence {
            activated: Some(NOW),
            ..kept()
        };
        assert_eq!(aside(&kept(), 1), Ok(Aside::Stays));
        assert_eq!(aside(&given, 1), Ok(Aside::Stays));
        let leaving = LifeRefusal::Leaving {
            licence: licence().serial,
            keeper: manager(1).serial,
            number: 7,
        };
        assert_eq!(aside(&kept(), 2), Err(leaving));
    }

    #[test]
    fn what_a_keeper_says_that_it_gave_out_is_given_out() {
        let given = GivenLicence {
            licence: licence().serial,
            product: product(1),
            at: NOW,
        };
        let of = |licence: &Licence, by: u8, owner: &str| {
            let recipient = Recipient {
                product: product(1),
                account: account(owner),
            };
            settle(Some(licence), &manager(by), &given, Some(&recipient))
        };
        assert_eq!(of(&kept(), 1, "own"), Settling::News(product(1)));
        assert_eq!(of(&kept(), 2, "own"), Settling::Claimed);
        assert_eq!(of(&kept(), 1, "other"), Settling::Claimed);
        assert_eq!(of(&licence(), 1, "own"), Settling::Claimed);
        let unknown = settle(Some(&kept()), &manager(1), &given, None);
        assert_eq!(unknown, Settling::Claimed);
        assert_eq!(settle(None, &manager(1), &given, None), Settling::Disputed);
        let foreign = Licence {
            account: account("other"),
            ..kept()
        };
        assert_eq!(of(&foreign, 1, "own"), Settling::Disputed);
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
        assert_eq!(of(&bound, 1, "own"), Settling::Claimed);
    }

    const RECORD: RecordId = RecordId([1; 16]);

    fn id(number: u64) -> ReserveId {
        ReserveId {
            number,
            mark: ReserveMark([7; 16]),
        }
    }

    #[test]
    fn a_record_goes_on_and_never_back() {
        let given = GivenLicence {
            licence: licence().serial,
            product: product(1),
            at: NOW,
        };
        let said = Settlement {
            manager: manager(1).serial,
            record: RECORD,
            reserve: Some(id(5)),
            licences: vec![given],
        };
        let known = KnownRecord {
            id: Some(RECORD),
            loaded: Some(5),
            is_enrolled_anew: true,
            given: vec![(given.licence, NOW)],
        };
        assert_eq!(weigh(&said, &known), Ok(()));
        let nothing = KnownRecord {
            id: None,
            loaded: None,
            given: vec![],
            ..known.clone()
        };
        assert_eq!(weigh(&said, &nothing), Ok(()));
        let without = Settlement {
            licences: vec![],
            ..said.clone()
        };
        assert_eq!(weigh(&without, &known), Err(RecordBehind::Lacks(1)));
        let older = Settlement {
            reserve: Some(id(4)),
            ..said.clone()
        };
        let refused = RecordBehind::OlderReserve { found: 4, known: 5 };
        assert_eq!(weigh(&older, &known), Err(refused));
        let empty = Settlement {
            reserve: None,
            ..without
        };
        assert_eq!(weigh(&empty, &nothing), Err(RecordBehind::Anew));
        let other = Settlement {
            record: RecordId([2; 16]),
            ..said
        };
        assert_eq!(weigh(&other, &known), Err(RecordBehind::Other));
    }

    fn reserve(licences: Vec<ReservedLicence>) -> Reserve {
        Reserve {
            manager: manager(1).serial,
            id: id(5),
            record: None,
            account: account("own"),
            products: vec![],
            licences,
        }
    }

    fn held(reserve: Option<ReserveId>) -> Held {
        Held {
            own: manager(1).serial,
            reserve,
            record: RECORD,
            behind: None,
            given: BTreeSet::new(),
        }
    }

    #[test]
    fn a_manager_takes_its_own_reserve_and_never_an_older_one() {
        let reserve = reserve(vec![]);
        let taken = |number: Option<u64>| take_over(&reserve, &held(number.map(id)));
        assert_eq!(taken(None), Ok(Change::Made));
        assert_eq!(taken(Some(4)), Ok(Change::Made));
        assert_eq!(taken(Some(5)), Ok(Change::Already));
        let older = ReserveRefusal::Older { found: 5, held: 6 };
        assert_eq!(taken(Some(6)), Err(older));
        let lost = ReserveId {
            mark: ReserveMark([8; 16]),
            ..id(5)
        };
        let same = Err(ReserveRefusal::SameNumber(5));
        assert_eq!(take_over(&reserve, &held(Some(lost))), same);
        let of_other = ReserveRefusal::OfOther {
            found: manager(1).serial,
            own: manager(2).serial,
        };
        let other = Held {
            own: manager(2).serial,
            ..held(None)
        };
        assert_eq!(take_over(&reserve, &other), Err(of_other));
    }

    #[test]
    fn a_manager_takes_no_reserve_that_knows_more_of_it_than_its_record() {
        let given = |is_recorded| ReservedLicence {
            serial: licence().serial,
            code: CodeDigest([0; 32]),
            product: Some(product(1)),
            redeem_until: NOW,
            tokens: vec![],
            given: Some(Giving {
                at: NOW,
                is_recorded,
            }),
        };
        let behind = Err(ReserveRefusal::RecordBehind(manager(1).serial));
        let with_it = Held {
            given: BTreeSet::from([licence().serial]),
            ..held(Some(id(4)))
        };
        let recorded = reserve(vec![given(true)]);
        assert_eq!(take_over(&recorded, &held(Some(id(4)))), behind);
        assert_eq!(take_over(&recorded, &with_it), Ok(Change::Made));
        let confirmed = reserve(vec![given(false)]);
        assert_eq!(take_over(&confirmed, &held(None)), Ok(Change::Made));
        let of_another = Reserve {
            record: Some(RecordId([2; 16])),
            ..reserve(vec![])
        };
        assert_eq!(take_over(&of_another, &held(None)), behind);
        // Nor an older one that did not know it yet.
        let refused = |number| Held {
            behind: Some(number),
            ..held(Some(id(4)))
        };
        assert_eq!(take_over(&reserve(vec![]), &refused(6)), behind);
        assert_eq!(take_over(&reserve(vec![]), &refused(4)), Ok(Change::Made));
    }
}
