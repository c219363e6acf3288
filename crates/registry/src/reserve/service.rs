//! A manager settles, and gets its reserve.

use domain::licensing::GivenLicence;
use store::Failure;
use store::registry::{DeskRefusal, Settled};

use super::{TravelError, open_settlement, seal};
use crate::http::{Certified, Peer, Problem};
use crate::registry::Service;

impl Service {
    /// Takes in what a manager says that it gave out; what it keeps from now on.
    pub(crate) async fn reserve(&self, peer: Peer, body: &[u8]) -> Result<String, Problem> {
        let sender = peer.gateway.ok_or(Problem::NoCertificate)?;
        let (signer, settlement) = open_settlement(body, &self.vouched)?;
        if signer.product != sender.product {
            return Err(TravelError::SettlementForged.into());
        }
        self.demand_trust(signer).await?;
        let settled = self
            .store
            .settle_reserve(settlement, self.clock.now())
            .await;
        let settled = settled.map_err(|failure| refused(failure, signer))?;
        warn_of(&settled);
        seal(&settled.reserve, &self.pki).map_err(|error| {
            tracing::error!(%error, manager = %signer.product, "no reserve");
            Problem::Unavailable
        })
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
    let manager = settled.reserve.manager;
    for GivenLicence {
        licence, product, ..
    } in &settled.disputed
    {
        tracing::warn!(%manager, %licence, %product, "a manager says that it gave out what it does not keep");
    }
}
