//! Licences that a manager says it gave out, of which nobody knows whose they are.

use domain::audit::Actor;
use domain::licensing::{Change, GivenLicence, Remark, name_owner};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial};

use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::desk::{DeskRefusal, demand_licence, is_about, record};
use crate::registry::licence::take_reserved;
use crate::registry::rows::{demand_product, identifier};
use crate::vals;

/// What a manager said of a licence that is activated for nobody here.
pub(super) async fn open_claim<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
) -> Result<Option<GivenLicence>, SqlError> {
    let key = licence.as_str();
    let found = tx
        .row::<(String, Timestamp)>(
            "SELECT g.product, g.at FROM given_line g JOIN licence l ON l.serial = g.licence
             WHERE g.licence = $1 AND l.activated IS NULL ORDER BY g.at LIMIT 1",
            &vals![key],
        )
        .await?;
    let claim = |(product, at): (String, Timestamp)| {
        Ok(GivenLicence {
            licence,
            product: identifier(&product, "given_line", key, "product")?,
            at,
        })
    };
    found.map(claim).transpose()
}

pub(super) struct NameOwner {
    pub(super) actor: Actor,
    pub(super) licence: LicenceSerial,
    pub(super) to: ProductSerial,
    pub(super) reason: Remark,
    pub(super) now: Timestamp,
}

impl Work for NameOwner {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let to = demand_product(tx, self.to).await?;
        let claim = open_claim(tx, self.licence).await?;
        match name_owner(&licence, &to, claim.as_ref())? {
            Some(given) => {
                self.write(tx, given).await?;
                Ok(Change::Made)
            }
            None => Ok(Change::Already),
        }
    }
}

impl NameOwner {
    /// A unit other than the one that imported it may import it once more.
    async fn write<T: Tx>(
        &self,
        tx: &mut T,
        given: &GivenLicence,
    ) -> Result<(), Failure<DeskRefusal>> {
        let subject = self.licence.as_str();
        if take_reserved(tx, self.licence).await? == 0 {
            return Err(Failure::Refused(DeskRefusal::TokensLost(self.licence)));
        }
        let moved = (given.product != self.to).then_some(self.now);
        tx.exec_one(
            "UPDATE licence SET product = $2, activated = $3, moved = $4 WHERE serial = $1",
            &vals![subject, self.to.as_str(), given.at, moved],
        )
        .await?;
        let detail = format!(
            "{}, which a manager gave to {}: {}",
            self.to, given.product, self.reason
        );
        record(tx, &self.actor, "name-owner", subject, &detail, self.now).await?;
        is_about(tx, self.to.as_str()).await?;
        Ok(())
    }
}
