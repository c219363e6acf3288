//! Gateways that get certificates: the first with a code that the desk made, the next with the one
//! before.

use domain::licensing::{EnrolRefusal, Generation};
use domain::time::Timestamp;
use ident::{EnrolmentCode, ProductSerial};
use softtoken::{Enrolment, EnrolmentRequest};
use store::Failure;

use crate::http::{Certified, Peer, Problem};
use crate::pki::RequestedKey;
use crate::process::known;
use crate::registry::Service;

/// A code and a certificate request of a P-256 key have less than 2 KiB.
pub(crate) const MAX_BYTES: usize = 8 << 10;

impl Service {
    /// Certifies a gateway's key.
    pub(crate) async fn enrolment(&self, peer: Peer, body: &[u8]) -> Result<String, Problem> {
        let malformed =
            |error: &dyn std::fmt::Display| Problem::NoEnrolment(error.to_string().into());
        let request: EnrolmentRequest =
            serde_json::from_slice(body).map_err(|error| malformed(&error))?;
        let key = RequestedKey::of_request(&request.certificate_request)
            .map_err(|error| malformed(&error))?;
        let now = self.clock.now();
        let gateway = match &request.renewal {
            Some(renewal) => {
                let renewed = self.vouched.renewed(renewal, &request.certificate_request);
                Some(renewed.ok_or(Problem::NoRenewal)?)
            }
            None => peer.gateway,
        };
        if request.enrolment_code.is_none() && request.renewal.is_none() {
            self.demand_no_manager(peer.gateway).await?;
        }
        let (product, generation) = match (&request.enrolment_code, gateway) {
            (Some(code), _) => self.by_code(peer, code, &key, now).await?,
            (None, Some(gateway)) => {
                let Certified {
                    product,
                    generation,
                } = gateway;
                let renewed = self.store.renew_certificate(product, generation, now);
                decided(renewed.await)?;
                (product, generation)
            }
            (None, None) => return Err(EnrolRefusal::CodeUnknown.into()),
        };
        let certified = self.pki.certify(product, generation, &key, now);
        let issued = certified.map_err(|error| {
            tracing::error!(%error, %product, "no certificate");
            Problem::Unavailable
        })?;
        let enrolment = Enrolment {
            serial_number: product.to_string(),
            certificate: issued.pem,
            expires: issued.end.unix(),
        };
        tracing::info!(%product, "certified a gateway's key");
        serde_json::to_string(&enrolment).map_err(|error| malformed(&error))
    }

    async fn by_code(
        &self,
        peer: Peer,
        code: &str,
        key: &RequestedKey,
        now: Timestamp,
    ) -> Result<(ProductSerial, Generation), Problem> {
        let Some(tried) = self.enrolment_tries.begin(peer.source).await else {
            return Err(Problem::TooManyTries);
        };
        let enrolled = match EnrolmentCode::parse(code) {
            Ok(code) => decided(self.store.enrol(code, key.hash(), now).await),
            Err(_) => Err(EnrolRefusal::CodeUnknown.into()),
        };
        if !matches!(enrolled, Err(Problem::Enrolment(EnrolRefusal::CodeUnknown))) {
            tried.forgive();
        }
        enrolled
    }

    /// Over a manager's connections others are heard: its certificate alone asks for nothing.
    pub(crate) async fn demand_no_manager(&self, sender: Option<Certified>) -> Result<(), Problem> {
        let Some(Certified { product, .. }) = sender else {
            return Ok(());
        };
        if known(self.store.is_manager(product).await)? {
            return Err(Problem::Manager(product));
        }
        Ok(())
    }

    /// A certificate that was revoked speaks for nobody.
    pub(crate) async fn demand_trust(&self, gateway: Certified) -> Result<(), Problem> {
        let Certified {
            product,
            generation,
        } = gateway;
        if known(self.store.trusts(product, generation).await)? {
            Ok(())
        } else {
            Err(EnrolRefusal::Revoked.into())
        }
    }
}

fn decided<T>(outcome: Result<T, Failure<EnrolRefusal>>) -> Result<T, Problem> {
    outcome.map_err(|failure| match failure {
        Failure::Refused(why) => why.into(),
        Failure::Undecided(why) => why.into(),
    })
}
