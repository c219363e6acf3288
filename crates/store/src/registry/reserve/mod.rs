//! Reserves: licences that a manager gives out in the token server's place.
//!
//! At the token server: what is set aside ([`aside`]), what a manager is told ([`issue`]), whom that sends to
//! it ([`keeper`]), and what it says became of it ([`settle`]; [`claim`] where nobody knows whose a licence is, [`record`] where a manager's memory went
//! back). At the manager, whose database is of the same form: what it has ([`held`]).

mod aside;
mod claim;
mod held;
mod issue;
mod keeper;
mod record;
mod settle;
mod state;

use std::convert::Infallible;

use domain::audit::Actor;
use domain::licensing::{
    Aside, Change, GivenLicence, LicenceSize, Manager, Remark, Reserve, ReserveRefusal, Settlement,
};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenSerial};

pub(super) use self::keeper::{UnlessKept, supplier};
pub(super) use self::record::enrolled_anew;
use self::record::{BeginRecord, FindBehind, Sign, StopGiving};
pub use self::settle::{RecordStanding, Settled};
use super::RegistryStore;
use super::desk::DeskRefusal;
use crate::engine::Failure;

/// A reserve and how far it is settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReserveRecord {
    /// Whose it is.
    pub manager: ProductSerial,
    /// Its number; 0 before the first.
    pub number: u64,
    /// At the token server the number that the manager said last that it has.
    pub loaded: Option<u64>,
    /// When it was settled last.
    pub settled: Option<Timestamp>,
    /// Since when the manager's record is known to be behind what it gave out.
    pub behind: Option<Timestamp>,
    /// Its licences by serial.
    pub lines: Vec<ReserveLine>,
}

/// A licence in a reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReserveLine {
    /// Its serial.
    pub licence: LicenceSerial,
    /// How many tokens it has.
    pub size: LicenceSize,
    /// The last moment at which it can be given out.
    pub redeem_until: Option<Timestamp>,
    /// To whom and when it was given.
    pub given: Option<(ProductSerial, Timestamp)>,
    /// How it stands between the two.
    pub standing: LineStanding,
}

/// How a licence of a reserve stands between manager and token server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineStanding {
    /// The manager keeps it.
    Kept,
    /// It gave it out, and the token server is not known to know.
    Unsettled,
    /// It gave it out, and the token server knows.
    Settled,
    /// The manager says that it gave it out, and nobody knows whose it is.
    Claimed,
    /// The desk takes it back, or has.
    TakenBack,
}

/// A licence on its way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakenBack {
    /// The first reserve without it.
    pub number: u64,
    /// What its manager said, if it gave it out and nobody knows whose it is.
    pub claim: Option<GivenLicence>,
}

impl RegistryStore {
    /// Puts a licence that waits into a manager's reserve.
    pub async fn set_aside(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        manager: ProductSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Aside, Failure<DeskRefusal>> {
        self.database
            .write(aside::SetAside {
                actor,
                licence,
                manager,
                reason,
                now,
            })
            .await
    }

    /// Leaves a licence out of its manager's reserve from now on; it is the token server's again once the
    /// manager has said what became of it. None if it is in none.
    pub async fn take_back(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Option<TakenBack>, Failure<DeskRefusal>> {
        self.database
            .write(aside::TakeBack {
                actor,
                licence,
                reason,
                now,
            })
            .await
    }

    /// The latest reserve of a manager.
    pub async fn issue_reserve(
        &self,
        manager: ProductSerial,
    ) -> Result<Reserve, Failure<DeskRefusal>> {
        self.database.write(issue::IssueReserve { manager }).await
    }

    /// What is in a manager's reserve, as the token server knows it.
    pub async fn reserve(
        &self,
        manager: ProductSerial,
    ) -> Result<ReserveRecord, Failure<DeskRefusal>> {
        self.database.read(issue::ShowReserve { manager }).await
    }

    /// Takes in what a manager says that it gave out, whole or not at all.
    pub async fn settle_reserve(
        &self,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<Settled, Failure<DeskRefusal>> {
        self.database
            .write(settle::SettleReserve { settlement, now })
            .await
    }

    /// Says whose a licence is that a manager gave out to nobody that is known here.
    pub async fn name_owner(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        to: ProductSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(claim::NameOwner {
                actor,
                licence,
                to,
                reason,
                now,
            })
            .await
    }

    /// Takes the record with which a manager settled last as the whole of what it gave out.
    pub async fn confirm_record(
        &self,
        actor: Actor,
        manager: ProductSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Change, Failure<DeskRefusal>> {
        self.database
            .write(record::ConfirmRecord {
                actor,
                manager,
                reason,
                now,
            })
            .await
    }

    /// At a manager: begins its record, unless it has one. Before all that follows.
    pub async fn begin_record(&self, own: ProductSerial) -> Result<(), Failure<Infallible>> {
        self.database.write(BeginRecord { own }).await
    }

    /// At a manager: since when it gives out nothing, because its record is behind.
    pub async fn gives_nothing(
        &self,
        own: ProductSerial,
    ) -> Result<Option<Timestamp>, Failure<Infallible>> {
        self.database.read(FindBehind { own }).await
    }

    /// At a manager: gives out nothing from now on, since the token server says that its record is behind. If that
    /// is news, the record has another name.
    pub async fn stop_giving(
        &self,
        own: ProductSerial,
        now: Timestamp,
    ) -> Result<Change, Failure<Infallible>> {
        let sign = Sign::Refusal;
        self.database.write(StopGiving { own, sign, now }).await
    }

    /// At a manager: takes a reserve, whose signature is right, in the place of the one before. One that knows
    /// more than the manager's record ends all giving.
    pub async fn hold_reserve(
        &self,
        own: ProductSerial,
        reserve: Reserve,
        now: Timestamp,
    ) -> Result<Change, Failure<ReserveRefusal>> {
        let sign = Sign::Reserve(reserve.id.number);
        let hold = held::HoldReserve { own, reserve, now };
        let held = self.database.write(hold).await;
        if let Err(Failure::Refused(ReserveRefusal::RecordBehind(_))) = &held {
            let stopped = self.database.write(StopGiving { own, sign, now }).await;
            stopped.map_err(|failure| match failure {
                Failure::Refused(never) => match never {},
                Failure::Undecided(why) => Failure::Undecided(why),
            })?;
        }
        held
    }

    /// At a manager: what it has to say of its reserve.
    pub async fn settlement(
        &self,
        own: ProductSerial,
        now: Timestamp,
    ) -> Result<Settlement, Failure<Infallible>> {
        self.database.read(held::TellGiven { own, now }).await
    }

    /// At a manager: its reserve as it is.
    pub async fn held_reserve(
        &self,
        own: ProductSerial,
    ) -> Result<ReserveRecord, Failure<Infallible>> {
        self.database.read(held::ShowHeld { own }).await
    }

    /// At a manager: whether it answers for the licence of a code.
    pub async fn holds_code(&self, code: LicenceCode) -> Result<bool, Failure<Infallible>> {
        let keys = self.keys();
        self.database.read(held::HoldsCode { keys, code }).await
    }

    /// At a manager: for which of these tokens it answers, in their order.
    pub async fn holds_tokens(
        &self,
        tokens: Vec<Option<TokenSerial>>,
    ) -> Result<Vec<bool>, Failure<Infallible>> {
        self.database.read(held::HoldsTokens { tokens }).await
    }

    /// Whether a product is registered here.
    pub async fn knows(&self, product: ProductSerial) -> Result<bool, Failure<Infallible>> {
        self.database.read(held::Knows { product }).await
    }
}

/// What a settlement's line says, in the words of the record.
fn told_given(given: &GivenLicence, manager: &Manager) -> String {
    format!(
        "for {}, from the reserve of {}",
        given.product, manager.serial
    )
}
