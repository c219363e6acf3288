//! Gateways that get certificates, and certificates that count no more.

use std::convert::Infallible;
use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{EnrolRefusal, Generation, Invitation, KeyHash, Remark, enrol, is_trusted};
use domain::time::Timestamp;
use ident::{EnrolmentCode, ProductSerial};

use super::desk::{DeskRefusal, record};
use super::reserve::enrolled_anew;
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

    /// Takes a key under the serial that a code was made for; of which generation its certificate is.
    pub async fn enrol(
        &self,
        code: EnrolmentCode,
        key: KeyHash,
        now: Timestamp,
    ) -> Result<(ProductSerial, Generation), Failure<EnrolRefusal>> {
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

    /// Takes another key for a product whose certificate is of the generation `issued`, as the next one is.
    pub async fn renew_certificate(
        &self,
        product: ProductSerial,
        issued: Generation,
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

    /// Of which generation a product's certificates are that count.
    pub async fn certificate_generation(
        &self,
        product: ProductSerial,
    ) -> Result<Generation, Failure<DeskRefusal>> {
        self.database.read(ShowGeneration { product }).await
    }

    /// The products whose certificates were revoked, each with the generation that counts.
    pub async fn revocations(
        &self,
    ) -> Result<Vec<(ProductSerial, Generation)>, Failure<Infallible>> {
        self.database.read(Revocations).await
    }

    /// Whether a product's certificate of the generation `issued` counts.
    pub async fn trusts(
        &self,
        product: ProductSerial,
        issued: Generation,
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
    type Out = (ProductSerial, Generation);
    type Err = EnrolRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<EnrolRefusal>> {
        let code = self.keys.enrolment_code(&self.code);
        let invitation = find(tx, &code).await?;
        let product = enrol(invitation.as_ref(), self.key, self.now).map_err(Failure::Refused)?;
        if owner(tx, product).await?.is_none() {
            return Err(Failure::Refused(EnrolRefusal::NotRegistered));
        }
        let is_taken = invitation.is_some_and(|invitation| invitation.key.is_some());
        if !is_taken && had_certificate(tx, product).await? {
            enrolled_anew(tx, product, self.now).await?;
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
        let generation = generation(tx, product).await?;
        Ok((product, generation.unwrap_or_default()))
    }
}

/// The history is never shortened.
async fn had_certificate<T: Tx>(tx: &mut T, product: ProductSerial) -> Result<bool, SqlError> {
    let found = tx
        .row::<(i64,)>(
            "SELECT 1 FROM desk_event WHERE subject = $1 AND action = 'certificate' LIMIT 1",
            &vals![product.as_str()],
        )
        .await?;
    Ok(found.is_some())
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
    issued: Generation,
    now: Timestamp,
}

impl Work for RenewCertificate {
    type Out = ();
    type Err = EnrolRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<EnrolRefusal>> {
        if owner(tx, self.product).await?.is_none() {
            return Err(Failure::Refused(EnrolRefusal::NotRegistered));
        }
        let current = generation(tx, self.product).await?.unwrap_or_default();
        if !is_trusted(self.issued, current) {
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
                "UPDATE product SET certificate_generation = certificate_generation + 1
                 WHERE serial = $1",
                &vals![subject],
            )
            .await?;
        if changed == 0 {
            return Err(Failure::Refused(DeskRefusal::ProductUnknown(self.product)));
        }
        // Whoever has the unit now is no gateway: no phone is sent there, until it is enrolled anew and tells it again.
        for forgotten in [
            "DELETE FROM invitation WHERE product = $1",
            "DELETE FROM gateway_address WHERE product = $1",
        ] {
            tx.exec(forgotten, &vals![subject]).await?;
        }
        let (action, reason) = ("revoke-certificates", self.reason.as_str());
        record(tx, &self.actor, action, subject, reason, self.now).await?;
        Ok(())
    }
}

struct Trusts {
    product: ProductSerial,
    issued: Generation,
}

impl Work for Trusts {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        let current = generation(tx, self.product).await?;
        Ok(current.is_none_or(|current| is_trusted(self.issued, current)))
    }
}

struct Revocations;

impl Work for Revocations {
    type Out = Vec<(ProductSerial, Generation)>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        let rows = tx
            .rows::<(String, u32)>(
                "SELECT serial, certificate_generation FROM product
                 WHERE certificate_generation > 0",
                &[],
            )
            .await?;
        let revoked = rows.into_iter().map(|(serial, number)| {
            let product = identifier(&serial, "product", &serial, "serial")?;
            Ok((product, Generation(number)))
        });
        Ok(revoked.collect::<Result<_, SqlError>>()?)
    }
}

struct ShowGeneration {
    product: ProductSerial,
}

impl Work for ShowGeneration {
    type Out = Generation;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Generation, Failure<DeskRefusal>> {
        let found = generation(tx, self.product).await?;
        found.ok_or(Failure::Refused(DeskRefusal::ProductUnknown(self.product)))
    }
}

/// Of which generation the certificates are that count. None for a product that was never registered.
async fn generation<T: Tx>(
    tx: &mut T,
    product: ProductSerial,
) -> Result<Option<Generation>, SqlError> {
    let found = tx
        .row::<(u32,)>(
            "SELECT certificate_generation FROM product WHERE serial = $1",
            &vals![product.as_str()],
        )
        .await?;
    Ok(found.map(|(number,)| Generation(number)))
}
