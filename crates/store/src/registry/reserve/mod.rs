//! Reserves: licences that a manager gives out in the token server's place.
//!
//! At the token server: what is set aside ([`aside`]), what a manager is told ([`issue`]), and what it says
//! became of it ([`settle`]). At the manager, whose database is of the same form: what it has ([`held`]).

mod aside;
mod held;
mod issue;
mod settle;

use std::convert::Infallible;

use domain::audit::Actor;
use domain::licensing::{
    Change, GivenLicence, LicenceSize, Manager, Remark, Reserve, ReserveRefusal, Settlement,
};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenSerial};

pub use self::settle::Settled;
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
    /// The desk takes it back, or has.
    TakenBack,
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
    ) -> Result<Change, Failure<DeskRefusal>> {
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
    /// manager has said what became of it. The number of the first reserve without it; none if it is in none.
    pub async fn take_back(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<Option<u64>, Failure<DeskRefusal>> {
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

    /// The manager that alone gives out the licence of a code, unless it gave it to another than `asker`.
    pub async fn keeper_of_code(
        &self,
        code: LicenceCode,
        asker: ProductSerial,
    ) -> Result<Option<ProductSerial>, Failure<Infallible>> {
        let keys = self.keys();
        self.database
            .read(issue::KeeperOfCode { keys, code, asker })
            .await
    }

    /// The manager that serves one of these tokens, if one does. Of other accounts' tokens nothing is said.
    pub async fn keeper_of_tokens(
        &self,
        tokens: Vec<TokenSerial>,
        asker: ProductSerial,
    ) -> Result<Option<ProductSerial>, Failure<Infallible>> {
        self.database
            .read(issue::KeeperOfTokens { tokens, asker })
            .await
    }

    /// At a manager: takes a reserve, whose signature is right, in the place of the one before.
    pub async fn hold_reserve(
        &self,
        own: ProductSerial,
        reserve: Reserve,
        now: Timestamp,
    ) -> Result<Change, Failure<ReserveRefusal>> {
        self.database
            .write(held::HoldReserve { own, reserve, now })
            .await
    }

    /// At a manager: what it has to say of its reserve.
    pub async fn settlement(&self, own: ProductSerial) -> Result<Settlement, Failure<Infallible>> {
        self.database.read(held::TellGiven { own }).await
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
