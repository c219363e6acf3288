//! Licences that move, are renewed or end.

use std::sync::Arc;

use domain::audit::Actor;
use domain::licensing::{
    self, Change, CodeInHand, Deed, Licence, Remark, Renewal, RenewedCode, Supplier, Term,
    import_again, relocate,
};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial};

use super::issue::draw_code;
use super::ticket::close;
use super::{DeskRefusal, Note, demand_licence, is_about, record};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::RegistryStore;
use crate::registry::reserve::supplier;
use crate::registry::rows::demand_product;
use crate::registry::secrets::{Keys, code_digest};
use crate::vals;

/// A licence where it belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LicenceMoved {
    /// The product that had it before, if any.
    pub from: Option<ProductSerial>,
    /// How many tokens went with it; none before its first import.
    pub tokens: u32,
    /// Whether it moved now.
    pub change: Change,
}

/// A licence that can be redeemed.
#[derive(Debug)]
pub struct LicenceRenewed {
    /// Its new code, if the old one ended.
    pub code: Option<LicenceCode>,
    /// The last moment at which it can be redeemed.
    pub redeem_until: Timestamp,
    /// The licence as it is now.
    pub licence: licensing::Licence,
}

/// A licence that is out of use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LicenceRevoked {
    /// How many tokens ended with it.
    pub tokens: u32,
    /// How many of them phones have; none if a manager gave it out, which tells of phones nothing.
    pub on_phones: Option<u32>,
    /// Whether it was revoked now.
    pub change: Change,
}

impl RegistryStore {
    /// Moves a licence with its tokens to another product of its account, and closes the ticket that asks
    /// for it.
    pub async fn move_licence(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        to: ProductSerial,
        note: Note,
        now: Timestamp,
    ) -> Result<LicenceMoved, Failure<DeskRefusal>> {
        self.database
            .write(MoveLicence {
                actor,
                licence,
                to,
                note,
                now,
            })
            .await
    }

    /// Sets the last moment at which a licence can be redeemed. A new code is told this once.
    pub async fn renew_licence(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        term: Term,
        code: CodeInHand,
        now: Timestamp,
    ) -> Result<LicenceRenewed, Failure<DeskRefusal>> {
        self.database
            .write(RenewLicence {
                keys: self.keys(),
                actor,
                licence,
                term,
                code,
                now,
            })
            .await
    }

    /// Lets the product of a licence import it once more: whose it is, and whether it could not before.
    pub async fn reset_import(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<(Licence, Change), Failure<DeskRefusal>> {
        self.database
            .write(ResetImport {
                actor,
                licence,
                reason,
                now,
            })
            .await
    }

    /// Takes a licence and its tokens out of use, and destroys what waits here for phones.
    pub async fn revoke_licence(
        &self,
        actor: Actor,
        licence: LicenceSerial,
        reason: Remark,
        now: Timestamp,
    ) -> Result<LicenceRevoked, Failure<DeskRefusal>> {
        self.database
            .write(RevokeLicence {
                actor,
                licence,
                reason,
                now,
            })
            .await
    }
}

struct MoveLicence {
    actor: Actor,
    licence: LicenceSerial,
    to: ProductSerial,
    note: Note,
    now: Timestamp,
}

impl Work for MoveLicence {
    type Out = LicenceMoved;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<LicenceMoved, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let to = demand_product(tx, self.to).await?;
        let change = relocate(&licence, &to)?;
        if change == Change::Made {
            self.write(tx, licence.product).await?;
        }
        let deed = Deed::Moved(&licence, self.to);
        close(tx, self.note.ticket, deed, self.now).await?;
        let (tokens, _) = count_tokens(tx, self.licence).await?;
        Ok(LicenceMoved {
            from: licence.product,
            tokens,
            change,
        })
    }
}

impl MoveLicence {
    async fn write<T: Tx>(&self, tx: &mut T, from: Option<ProductSerial>) -> Result<(), SqlError> {
        tx.exec_one(
            "UPDATE licence SET product = $2,
                 moved = CASE WHEN activated IS NULL THEN NULL ELSE $3 END
             WHERE serial = $1",
            &vals![self.licence.as_str(), self.to.as_str(), self.now],
        )
        .await?;
        // Whoever made its tokens ready has them no more.
        tx.exec(
            "UPDATE provision SET product = NULL
             WHERE token IN (SELECT serial FROM token WHERE licence = $1)",
            &vals![self.licence.as_str()],
        )
        .await?;
        let was = from.as_ref().map_or("no product", ProductSerial::as_str);
        let detail = format!("{was} to {}: {}", self.to, self.note);
        let subject = self.licence.as_str();
        record(tx, &self.actor, "move-licence", subject, &detail, self.now).await?;
        for unit in from.iter().chain([&self.to]) {
            is_about(tx, unit.as_str()).await?;
        }
        Ok(())
    }
}

struct RenewLicence {
    keys: Arc<Keys>,
    actor: Actor,
    licence: LicenceSerial,
    term: Term,
    code: CodeInHand,
    now: Timestamp,
}

impl Work for RenewLicence {
    type Out = LicenceRenewed;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<LicenceRenewed, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let renewal = licensing::renew(&licence, self.term, self.code, self.now)?;
        let Renewal { code, redeem_until } = renewal;
        let code = match code {
            RenewedCode::Kept => None,
            RenewedCode::New => Some(draw_code()?),
        };
        self.write(tx, code.as_ref(), redeem_until).await?;
        Ok(LicenceRenewed {
            code,
            redeem_until,
            licence: demand_licence(tx, self.licence).await?.licence,
        })
    }
}

impl RenewLicence {
    async fn write<T: Tx>(
        &self,
        tx: &mut T,
        code: Option<&LicenceCode>,
        redeem_until: Timestamp,
    ) -> Result<(), SqlError> {
        let hash = code.map(|code| self.keys.licence_code(code));
        let digest = code.map(|code| code_digest(code).0);
        tx.exec_one(
            "UPDATE licence SET redeem_until = $2, code = coalesce($3, code),
                 code_digest = coalesce($4, code_digest)
             WHERE serial = $1",
            &vals![
                self.licence.as_str(),
                redeem_until,
                hash.as_ref().map(<[u8; 32]>::as_slice),
                digest.as_ref().map(<[u8; 32]>::as_slice)
            ],
        )
        .await?;
        let which = code.map_or("the code stays", |_| "with a new code");
        let detail = format!("redeem until {redeem_until}, {which}");
        let subject = self.licence.as_str();
        record(tx, &self.actor, "renew-licence", subject, &detail, self.now).await
    }
}

struct ResetImport {
    actor: Actor,
    licence: LicenceSerial,
    reason: Remark,
    now: Timestamp,
}

impl Work for ResetImport {
    type Out = (Licence, Change);
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let change = import_again(&licence)?;
        if change == Change::Made {
            let subject = self.licence.as_str();
            tx.exec_one(
                "UPDATE licence SET moved = $2 WHERE serial = $1",
                &vals![subject, self.now],
            )
            .await?;
            let reason = self.reason.as_str();
            record(tx, &self.actor, "reset-import", subject, reason, self.now).await?;
        }
        Ok((licence, change))
    }
}

struct RevokeLicence {
    actor: Actor,
    licence: LicenceSerial,
    reason: Remark,
    now: Timestamp,
}

impl Work for RevokeLicence {
    type Out = LicenceRevoked;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<LicenceRevoked, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let (tokens, on_phones) = count_tokens(tx, self.licence).await?;
        let supplier = supplier(tx, self.licence).await?;
        let change = match licence.revoked {
            Some(_) => Change::Already,
            None => {
                self.write(tx).await?;
                Change::Made
            }
        };
        Ok(LicenceRevoked {
            tokens,
            on_phones: (supplier == Supplier::TokenServer).then_some(on_phones),
            change,
        })
    }
}

impl RevokeLicence {
    async fn write<T: Tx>(&self, tx: &mut T) -> Result<(), SqlError> {
        let subject = self.licence.as_str();
        tx.exec_one(
            "UPDATE licence SET revoked = $2 WHERE serial = $1",
            &vals![subject, self.now],
        )
        .await?;
        tx.exec(
            "UPDATE provision SET seed = NULL, answer = NULL
             WHERE token IN (SELECT serial FROM token WHERE licence = $1)",
            &vals![subject],
        )
        .await?;
        let reason = self.reason.as_str();
        record(tx, &self.actor, "revoke-licence", subject, reason, self.now).await
    }
}

/// The tokens of a licence, and how many of them phones have.
async fn count_tokens<T: Tx>(tx: &mut T, licence: LicenceSerial) -> Result<(u32, u32), SqlError> {
    let counted = tx
        .row::<(u32, u32)>(
            "SELECT count(*), count(p.device) FROM token t LEFT JOIN provision p ON p.token = t.serial
             WHERE t.licence = $1",
            &vals![licence.as_str()],
        )
        .await?;
    Ok(counted.unwrap_or_default())
}
