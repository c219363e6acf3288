//! Gateways that get certificates, and certificates that count no more.

use std::convert::Infallible;
use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{EnrolRefusal, Invitation, KeyHash, Remark, enrol, is_trusted};
use domain::time::Timestamp;
use ident::{EnrolmentCode, ProductSerial};

use super::desk::{DeskRefusal, record};
use super::rows::{demand_product, identifier, owner};
use super::secrets::Keys;
use super::told::gateway;
use super::{RegistryStore, random};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::vals;

impl RegistryStore {
    /// Makes the code with which a product gets a certificate until `expires`. It is told this once, and
    /// ends the one before.
    pub async fn invite(
        &self,
        actor: Actor,
        product: ProductSerial,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<EnrolmentCode, Failure<DeskRefusal>> {
        let keys = self.keys();
        self.database
            .write(Invite {
                keys,
                actor,
                product,
                expires,
                now,
            })
            .await
    }

    /// Takes a key under the serial that a code was made for.
    pub async fn enrol(
        &self,
        code: EnrolmentCode,
        key: KeyHash,
        now: Timestamp,
    ) -> Result<ProductSerial, Failure<EnrolRefusal>> {
        let keys = self.keys();
        self.database
            .write(Enrol {
                keys,
                code,
                key,
                now,
            })
            .await
    }

    /// Takes another key for a product whose certificate was issued at `issued`.
    pub async fn renew_certificate(
        &self,
        product: ProductSerial,
        issued: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failure<EnrolRefusal>> {
        self.database
            .write(RenewCertificate {
                product,
                issued,
                now,
            })
            .await
    }

    /// Ends all certificates that a product has.
    pub async fn revoke_certificates(
        &self,
        actor: Actor,
        product: ProductSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<(), Failure<DeskRefusal>> {
        self.database
            .write(RevokeCertificates {
                actor,
                product,
                reason,
                now,
            })
            .await
    }

    /// Whether a product's certificate counts that was issued at `issued`.
    pub async fn trusts(
        &self,
        product: ProductSerial,
        issued: Timestamp,
    ) -> Result<bool, Failure<Infallible>> {
        self.database.read(Trusts { product, issued }).await
    }
}

struct Invite {
    keys: Arc<Keys>,
    actor: Actor,
    product: ProductSerial,
    expires: Timestamp,
    now: Timestamp,
}

impl Work for Invite {
    type Out = EnrolmentCode;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<EnrolmentCode, Failure<DeskRefusal>> {
        demand_product(tx, self.product).await?;
        let code = EnrolmentCode::from_random(random()?);
        let subject = self.product.as_str();
        tx.exec_one(
            "INSERT INTO invitation (product, code, expires) VALUES ($1, $2, $3)
             ON CONFLICT (product) DO UPDATE
             SET code = excluded.code, expires = excluded.expires, key = NULL",
            &vals![subject, &self.keys.enrolment_code(&code), self.expires],
        )
        .await?;
        let detail = format!("a code until {}", self.expires);
        record(tx, &self.actor, "enrol", subject, &detail, self.now).await?;
        Ok(code)
    }
}

struct Enrol {
    keys: Arc<Keys>,
    code: EnrolmentCode,
    key: KeyHash,
    now: Timestamp,
}

impl Work for Enrol {
    type Out = ProductSerial;
    type Err = EnrolRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<ProductSerial, Failure<EnrolRefusal>> {
        let code = self.keys.enrolment_code(&self.code);
        let invitation = find(tx, &code).await?;
        let product = enrol(invitation.as_ref(), self.key, self.now).map_err(Failure::Refused)?;
        if owner(tx, product).await?.is_none() {
            return Err(Failure::Refused(EnrolRefusal::NotRegistered));
        }
        tx.exec_one(
            "UPDATE invitation SET key = $2 WHERE code = $1",
            &vals![&code, &self.key.0],
        )
        .await?;
        let (actor, subject) = (gateway(product), product.as_str());
        record(
            tx,
            &actor,
            "certificate",
            subject,
            "with its code",
            self.now,
        )
        .await?;
        Ok(product)
    }
}

async fn find<T: Tx>(tx: &mut T, code: &[u8; 32]) -> Result<Option<Invitation>, SqlError> {
    let found = tx
        .row::<(String, Timestamp, Option<Vec<u8>>)>(
            "SELECT product, expires, key FROM invitation WHERE code = $1",
            &vals![code],
        )
        .await?;
    let Some((product, expires, key)) = found else {
        return Ok(None);
    };
    let damaged = |_| SqlError::damaged("invitation", product.as_str(), "key");
    let key = key
        .map(|key| key.try_into().map(KeyHash).map_err(damaged))
        .transpose()?;
    Ok(Some(Invitation {
        product: identifier(&product, "invitation", &product, "product")?,
        expires,
        key,
    }))
}

struct RenewCertificate {
    product: ProductSerial,
    issued: Timestamp,
    now: Timestamp,
}

impl Work for RenewCertificate {
    type Out = ();
    type Err = EnrolRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<EnrolRefusal>> {
        if owner(tx, self.product).await?.is_none() {
            return Err(Failure::Refused(EnrolRefusal::NotRegistered));
        }
        if !is_trusted(self.issued, revoked(tx, self.product).await?) {
            return Err(Failure::Refused(EnrolRefusal::Revoked));
        }
        let (actor, subject) = (gateway(self.product), self.product.as_str());
        let detail = "with the one before";
        record(tx, &actor, "certificate", subject, detail, self.now).await?;
        Ok(())
    }
}

struct RevokeCertificates {
    actor: Actor,
    product: ProductSerial,
    reason: Remark,
    now: Timestamp,
}

impl Work for RevokeCertificates {
    type Out = ();
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<DeskRefusal>> {
        let subject = self.product.as_str();
        let changed = tx
            .exec(
                "UPDATE product SET certificates_revoked = CASE WHEN certificates_revoked > $2
                     THEN certificates_revoked ELSE $2 END WHERE serial = $1",
                &vals![subject, self.now],
            )
            .await?;
        if changed == 0 {
            return Err(Failure::Refused(DeskRefusal::ProductUnknown(self.product)));
        }
        tx.exec("DELETE FROM invitation WHERE product = $1", &vals![subject])
            .await?;
        let (action, reason) = ("revoke-certificates", self.reason.as_str());
        record(tx, &self.actor, action, subject, reason, self.now).await?;
        Ok(())
    }
}

struct Trusts {
    product: ProductSerial,
    issued: Timestamp,
}

impl Work for Trusts {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        Ok(is_trusted(self.issued, revoked(tx, self.product).await?))
    }
}

/// Until when a product's certificates count no more.
async fn revoked<T: Tx>(tx: &mut T, product: ProductSerial) -> Result<Option<Timestamp>, SqlError> {
    let found = tx
        .row::<(Option<Timestamp>,)>(
            "SELECT certificates_revoked FROM product WHERE serial = $1",
            &vals![product.as_str()],
        )
        .await?;
    Ok(found.and_then(|(at,)| at))
}
