//! Reserves of managers.

use std::fmt;

use domain::audit::Actor;
use domain::licensing::{Change, EnrolRefusal, Remark};
use ident::{LicenceSerial, ProductSerial};
use store::Failure;
use store::registry::{LineStanding, ReserveLine, ReserveRecord, Settled};

use super::sheet::{field, moment};
use super::{Desk, DeskError};
use crate::reserve::{open_settlement, seal, warn_of};

/// A reserve as the desk, or its manager, sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReserveSheet {
    /// What is known.
    pub record: ReserveRecord,
}

/// What a settlement brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettledSheet {
    /// What is known.
    pub settled: Settled,
}

impl Desk {
    /// Puts a licence into the reserve of a manager of its account.
    pub async fn set_aside(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        manager: ProductSerial,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        let aside = self
            .store
            .set_aside(actor, licence, manager, reason, self.clock.now());
        Ok(aside.await?)
    }

    /// Leaves a licence out of its manager's reserve; from which number on. None if it is in none.
    pub async fn take_back(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
    ) -> Result<Option<u64>, DeskError> {
        let back = self
            .store
            .take_back(actor, licence, reason, self.clock.now());
        Ok(back.await?)
    }

    /// What is in a manager's reserve.
    pub async fn reserve(&self, manager: ProductSerial) -> Result<ReserveSheet, DeskError> {
        let record = self.store.reserve(manager).await?;
        Ok(ReserveSheet { record })
    }

    /// A manager's reserve, signed, for a manager that does not reach the token server.
    pub async fn reserve_file(&self, manager: ProductSerial) -> Result<String, DeskError> {
        let reserve = self.store.issue_reserve(manager).await?;
        Ok(seal(&reserve, &self.pki)?)
    }

    /// Takes in what a manager that does not reach the token server says that it gave out.
    pub async fn settle(&self, settlement: &[u8]) -> Result<SettledSheet, DeskError> {
        let (signer, settlement) = open_settlement(settlement, &self.vouched)?;
        let trusted = self.store.trusts(signer.product, signer.generation).await;
        let is_trusted = trusted.map_err(|failure| match failure {
            Failure::Refused(never) => match never {},
            Failure::Undecided(why) => DeskError::Undecided(why),
        })?;
        if !is_trusted {
            return Err(DeskError::Travel(EnrolRefusal::Revoked.to_string().into()));
        }
        let settled = self.store.settle_reserve(settlement, self.clock.now());
        let settled = settled.await?;
        warn_of(&settled);
        Ok(SettledSheet { settled })
    }
}

impl fmt::Display for ReserveSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReserveRecord {
            manager,
            number,
            loaded,
            settled,
            lines,
        } = &self.record;
        field(f, "Manager", manager)?;
        field(f, "Reserve", number)?;
        if let Some(loaded) = loaded {
            field(f, "It has", loaded)?;
        }
        field(f, "Settled", moment(*settled))?;
        writeln!(f)?;
        writeln!(
            f,
            "LICENCE           TOKENS  STANDING    GIVEN TO          GIVEN                 UNTIL"
        )?;
        lines.iter().try_for_each(|line| reserve_line(f, line))
    }
}

fn reserve_line(f: &mut fmt::Formatter<'_>, line: &ReserveLine) -> fmt::Result {
    let (product, at) = line.given.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |(product, at)| (product.to_string(), at.to_string()),
    );
    writeln!(
        f,
        "{:<16}  {:>6}  {:<10}  {product:<16}  {at:<20}  {}",
        line.licence,
        line.size,
        line_standing(line.standing),
        moment(line.redeem_until),
    )
}

/// How a licence stands between manager and token server, in a word.
pub fn line_standing(standing: LineStanding) -> &'static str {
    match standing {
        LineStanding::Kept => "kept",
        LineStanding::Unsettled => "unsettled",
        LineStanding::Settled => "settled",
        LineStanding::TakenBack => "taken back",
    }
}

impl fmt::Display for SettledSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settled {
            reserve,
            news,
            disputed,
            back,
        } = &self.settled;
        writeln!(
            f,
            "{} is settled: {news} licences were given out since, {} are back",
            reserve.manager,
            back.len()
        )?;
        for given in disputed {
            writeln!(
                f,
                "DISPUTED: it says that it gave {} to {}, and does not keep it, or may not give it there; look \
                 it up",
                given.licence, given.product
            )?;
        }
        Ok(())
    }
}
