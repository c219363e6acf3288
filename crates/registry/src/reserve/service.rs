//! A manager settles, and gets its reserve.

use domain::licensing::GivenLicence;
use store::Failure;
use store::registry::{DeskRefusal, RecordStanding, Settled};

use super::{TravelError, open_settlement, seal};
use crate::http::{Certified, Peer, Problem};
use crate::registry::Service;

/// What a manager wants for its settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// Its reserve.
    Whole,
    /// Its reserve, if it is another than the one that it has: it asks every few seconds.
    News,
}

impl Service {
    /// Takes in what a manager says that it gave out; what it keeps from now on, if it wants that.
    pub(crate) async fn reserve(
        &self,
        peer: Peer,
        body: &[u8],
        wanted: Wanted,
    ) -> Result<Option<String>, Problem> {
        let sender = peer.gateway.ok_or(Problem::NoCertificate)?;
        let (signer, settlement) = open_settlement(body, &self.vouched)?;
        if signer.product != sender.product {
            return Err(TravelError::SettlementForged.into());
        }
        self.demand_trust(signer).await?;
        let held = settlement.reserve;
        let settled = self
            .store
            .settle_reserve(settlement, self.clock.now())
            .await;
        let settled = settled.map_err(|failure| refused(failure, signer))?;
        warn_of(&settled);
        let reserve = match settled.standing {
            RecordStanding::Whole { reserve, .. } => reserve,
            RecordStanding::Behind(why) => return Err(Problem::RecordBehind(signer.product, why)),
        };
        if wanted == Wanted::News && held == Some(reserve.id) {
            return Ok(None);
        }
        let sealed = seal(&reserve, &self.pki).map_err(|error| {
            tracing::error!(%error, manager = %signer.product, "no reserve");
            Problem::Unavailable
        });
        sealed.map(Some)
    }
}

fn refused(failure: Failure<DeskRefusal>, signer: Certified) -> Problem {
    match failure {
        Failure::Refused(_) => Problem::NoManager(signer.product),
        Failure::Undecided(why) => why.into(),
    }
}

/// Nothing was changed for these: somebody has to look.
pub(crate) fn warn_of(settled: &Settled) {
    let manager = settled.manager;
    for GivenLicence {
        licence, product, ..
    } in &settled.disputed
    {
        tracing::warn!(%manager, %licence, %product, "a manager says that it gave out what it does not keep");
    }
    for GivenLicence {
        licence, product, ..
    } in &settled.claimed
    {
        tracing::warn!(%manager, %licence, %product, "a manager gave a licence out, and nobody knows whose it is");
    }
    match &settled.standing {
        RecordStanding::Behind(why) => {
            tracing::warn!(%manager, %why, "a manager's record is behind what it gave out");
        }
        RecordStanding::Whole {
            unknown: Some(number),
            ..
        } => {
            tracing::warn!(%manager, number, "a manager has a reserve that was not made here; it gets the next");
        }
        RecordStanding::Whole { .. } => {}
    }
}
