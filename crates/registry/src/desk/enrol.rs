//! Gateways' certificates.

use domain::audit::Actor;
use domain::licensing::Remark;
use domain::time::{Span, Timestamp};
use ident::{EnrolmentCode, ProductSerial};

use super::{Desk, DeskError};
use crate::pki::GatewayIdentity;
use crate::revocations::{self, NoList};

impl Desk {
    /// Makes the code with which a gateway gets its certificate within `life`; it is told this once.
    pub async fn invite(
        &self,
        actor: Actor,
        product: ProductSerial,
        life: Span,
    ) -> Result<(EnrolmentCode, Timestamp), DeskError> {
        let now = self.clock.now();
        let expires = now.after(life);
        let code = self.store.invite(actor, product, expires, now).await?;
        Ok((code, expires))
    }

    /// Issues a certificate to a gateway that runs where the token server does, with its key.
    pub async fn issue_gateway(
        &self,
        product: ProductSerial,
    ) -> Result<GatewayIdentity, DeskError> {
        let generation = self.store.certificate_generation(product).await?;
        Ok(self.pki.issue_gateway(product, generation)?)
    }

    /// Which certificates of gateways count no more, signed: for a push relay in the same process.
    pub async fn revocations(&self) -> Result<String, DeskError> {
        let list = revocations::list(&self.store, &self.pki, self.clock.now()).await;
        list.map_err(|error| match error {
            NoList::Undecided(why) => why.into(),
            NoList::Certificate(why) => why.into(),
        })
    }

    /// Ends all certificates that a gateway has, and its code if it waits for one.
    pub async fn revoke_certificates(
        &self,
        actor: Actor,
        product: ProductSerial,
        reason: Remark,
    ) -> Result<(), DeskError> {
        Ok(self
            .store
            .revoke_certificates(actor, product, reason, self.clock.now())
            .await?)
    }
}
