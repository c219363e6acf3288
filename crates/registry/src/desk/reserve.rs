//! Reserves of managers.

use std::fmt;

use domain::audit::Actor;
use domain::licensing::{Aside, Change, EnrolRefusal, Remark};
use ident::{LicenceSerial, ProductSerial};
use store::Failure;
use store::registry::{
    LineStanding, RecordStanding, ReserveLine, ReserveRecord, Settled, TakenBack,
};

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
    ) -> Result<Aside, DeskError> {
        let aside = self
            .store
            .set_aside(actor, licence, manager, reason, self.clock.now());
        Ok(aside.await?)
    }

    /// Leaves a licence out of its manager's reserve. None if it is in none.
    pub async fn take_back(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
    ) -> Result<Option<TakenBack>, DeskError> {
        let back = self
            .store
            .take_back(actor, licence, reason, self.clock.now());
        Ok(back.await?)
    }

    /// Says whose a licence is that a manager gave out to nobody that is known here.
    pub async fn name_owner(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        to: ProductSerial,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        let now = self.clock.now();
        Ok(self
            .store
            .name_owner(actor, licence, to, reason, now)
            .await?)
    }

    /// Takes the record with which a manager settled last as the whole of what it gave out.
    pub async fn confirm_record(
        &self,
        actor: Actor,
        manager: ProductSerial,
        reason: Remark,
    ) -> Result<Change, DeskError> {
        let now = self.clock.now();
        Ok(self
            .store
            .confirm_record(actor, manager, reason, now)
            .await?)
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
            behind,
            lines,
        } = &self.record;
        field(f, "Manager", manager)?;
        field(f, "Reserve", number)?;
        if let Some(loaded) = loaded {
            field(f, "It has", loaded)?;
        }
        field(f, "Settled", moment(*settled))?;
        if let Some(since) = behind {
            field(
                f,
                "Record",
                format_args!(
                    "behind since {since}: put back from a backup, or begun anew; nothing is given out"
                ),
            )?;
            field(
                f,
                "Next step",
                format_args!(
                    "settle it, find out what its gateways imported, and `symbolon desk confirm-record \
                     {manager} --reason WHY`"
                ),
            )?;
        }
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
        LineStanding::Claimed => "claimed",
        LineStanding::TakenBack => "taken back",
    }
}

impl fmt::Display for SettledSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settled {
            manager,
            news,
            claimed,
            disputed,
            standing,
        } = &self.settled;
        match standing {
            RecordStanding::Whole { back, unknown, .. } => {
                writeln!(
                    f,
                    "{manager} is settled; licences given out since: {news}; back here: {}",
                    back.len()
                )?;
                if let Some(number) = unknown {
                    writeln!(
                        f,
                        "UNKNOWN: it has a reserve {number} that was not made here, since this token server was \
                         put back from a backup: nothing is taken back by its word. Give it the latest \
                         (`reserve-file {manager}`), and settle again"
                    )?;
                }
            }
            RecordStanding::Behind(why) => writeln!(
                f,
                "NOT SETTLED: {why}. Licences given out that were not known: {news}.\nAn older file: settle \
                 the latest (`symbolon manager settlement`). Else {manager} was put back from a backup or begun \
                 anew, and gets no reserve: find out what its gateways imported, and say `confirm-record {manager}`"
            )?,
        }
        for given in claimed {
            writeln!(
                f,
                "CLAIMED: it gave {} to {}, and whose that is now nobody knows: it is given to nobody else; say \
                 `name-owner {0} --to SERIAL`, or revoke it",
                given.licence, given.product
            )?;
        }
        for given in disputed {
            writeln!(
                f,
                "DISPUTED: it says that it gave {} to {}, and the licence is not its own, or was given out \
                 before; `look {0}`",
                given.licence, given.product
            )?;
        }
        Ok(())
    }
}
