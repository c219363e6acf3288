//! Licences and trials become stock.

use std::sync::Arc;

use domain::licensing::{
    Asking, LicenceRefusal, LicenceSize, Requester, Trial, TrialCondition, activate, trial,
};
use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenSerial};

use super::desk::{is_about, record};
use super::random;
use super::rows::{LicenceRow, admission, identifier, licence_columns};
use super::secrets::{Keys, code_digest};
use super::told::sender;
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};
use crate::vals;

/// Draws of a random serial before it is given up: even in a stock of half of all serials, every
/// draw taken is once in 2^64.
pub(super) const DRAWS: u32 = 64;

/// What a licence brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activated {
    /// Its serial.
    pub licence: LicenceSerial,
    /// Its tokens, in the order in which they were made.
    pub tokens: Vec<TokenSerial>,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

/// Why a licence brings nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why}")]
pub struct LicenceDenied {
    /// The reason.
    pub why: LicenceRefusal,
    /// Cluster members that nobody registered.
    pub unregistered: Vec<ProductSerial>,
}

pub(super) struct ActivateLicence {
    pub(super) keys: Arc<Keys>,
    pub(super) asking: Asking,
    pub(super) code: LicenceCode,
    pub(super) now: Timestamp,
}

impl Work for ActivateLicence {
    type Out = Activated;
    type Err = LicenceDenied;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Activated, Failure<LicenceDenied>> {
        let admission = admission(tx, &self.asking).await?;
        let unregistered = admission.unregistered;
        let denied = |why| {
            Failure::Refused(LicenceDenied {
                why,
                unregistered: unregistered.clone(),
            })
        };
        let requester = admission
            .requester
            .map_err(|_| denied(LicenceRefusal::ProductNotRegistered))?;
        let licence = if self.code.is_trial() {
            self.give_trial(tx, &requester).await?
        } else {
            self.redeem(tx, &requester).await?.map_err(denied)?
        };
        let tokens = tokens_of(tx, licence).await?;
        Ok(Activated {
            licence,
            tokens,
            unregistered,
        })
    }
}

impl ActivateLicence {
    async fn redeem<T: Tx>(
        &self,
        tx: &mut T,
        requester: &Requester,
    ) -> Result<Result<LicenceSerial, LicenceRefusal>, Undecided> {
        let found = by_code(tx, &self.keys, &self.code).await?;
        let licence = found.as_ref().map(|row| &row.licence);
        let condition = trial_condition(tx, requester).await?;
        let activation = match activate(licence, requester, condition, self.now) {
            Ok(activation) => activation,
            Err(why) => return Ok(Err(why)),
        };
        tx.exec_one(
            "UPDATE licence SET product = $2, activated = coalesce(activated, $3), moved = NULL
             WHERE serial = $1 AND revoked IS NULL AND (activated IS NULL OR moved IS NOT NULL)",
            &vals![
                activation.licence().as_str(),
                activation.product().as_str(),
                self.now
            ],
        )
        .await?;
        let detail = match activation.new_tokens() {
            Some(size) => {
                make_tokens(tx, activation.licence(), size).await?;
                format!("{size} tokens for {}", activation.product())
            }
            None => format!("again, after its move, for {}", activation.product()),
        };
        self.record(tx, requester, activation.licence(), &detail)
            .await?;
        is_about(tx, activation.product().as_str()).await?;
        Ok(Ok(activation.licence()))
    }

    async fn give_trial<T: Tx>(
        &self,
        tx: &mut T,
        requester: &Requester,
    ) -> Result<LicenceSerial, Undecided> {
        let existing = trials_of(tx, requester).await?;
        match trial(requester, &existing) {
            Trial::Again(licence) => {
                let renewed = renew_locked(tx, licence).await?;
                if renewed > 0 {
                    let detail = format!("again; {renewed} locked tokens are new");
                    self.record(tx, requester, licence, &detail).await?;
                }
                Ok(licence)
            }
            Trial::New(product) => {
                let licence = self.make_trial(tx, requester, product).await?;
                make_tokens(tx, licence, LicenceSize::TRIAL).await?;
                let detail = format!("trial tokens for {product}");
                self.record(tx, requester, licence, &detail).await?;
                is_about(tx, product.as_str()).await?;
                Ok(licence)
            }
        }
    }

    async fn record<T: Tx>(
        &self,
        tx: &mut T,
        requester: &Requester,
        licence: LicenceSerial,
        detail: &str,
    ) -> Result<(), SqlError> {
        let actor = sender(requester.serial(), requester.through());
        record(tx, &actor, "import", licence.as_str(), detail, self.now).await
    }

    async fn make_trial<T: Tx>(
        &self,
        tx: &mut T,
        requester: &Requester,
        product: ProductSerial,
    ) -> Result<LicenceSerial, Undecided> {
        for _ in 0..DRAWS {
            let number = u32::from_be_bytes(random()?) % LicenceSerial::TRIAL_END;
            let Some(licence) = LicenceSerial::trial(number) else {
                continue;
            };
            let made = tx
                .exec(
                    "INSERT INTO licence (serial, account, product, size, issued, activated)
                     VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (serial) DO NOTHING",
                    &vals![
                        licence.as_str(),
                        requester.account().as_str(),
                        product.as_str(),
                        LicenceSize::TRIAL.tokens(),
                        self.now,
                    ],
                )
                .await?;
            if made == 1 {
                return Ok(licence);
            }
        }
        Err(Undecided::Unavailable(
            "no free serial for a trial licence".into(),
        ))
    }
}

/// The licence that a code is for: one of this token server by its keyed hash, one of a manager's reserve by
/// its digest.
pub(super) async fn by_code<T: Tx>(
    tx: &mut T,
    keys: &Keys,
    code: &LicenceCode,
) -> Result<Option<LicenceRow>, SqlError> {
    tx.row(
        concat!(
            "SELECT ",
            licence_columns!(),
            " FROM licence WHERE code = $1 OR code_digest = $2"
        ),
        &vals![&keys.licence_code(code), &code_digest(code).0],
    )
    .await
}

async fn trial_condition<T: Tx>(
    tx: &mut T,
    requester: &Requester,
) -> Result<TrialCondition, SqlError> {
    for product in requester.products() {
        let stuck = tx
            .row::<(i64,)>(
                "SELECT 1 FROM licence l JOIN token t ON t.licence = l.serial
                 WHERE l.product = $1 AND l.code IS NULL AND l.revoked IS NULL AND t.locked = 1
                 LIMIT 1",
                &vals![product.as_str()],
            )
            .await?;
        if stuck.is_some() {
            return Ok(TrialCondition::Stuck);
        }
    }
    Ok(TrialCondition::Clear)
}

async fn trials_of<T: Tx>(
    tx: &mut T,
    requester: &Requester,
) -> Result<Vec<(ProductSerial, LicenceSerial)>, SqlError> {
    let mut trials = Vec::new();
    for product in requester.products() {
        let found = tx
            .row::<(String,)>(
                "SELECT serial FROM licence
                 WHERE product = $1 AND code IS NULL AND revoked IS NULL",
                &vals![product.as_str()],
            )
            .await?;
        if let Some((serial,)) = found {
            trials.push((product, identifier(&serial, "licence", &serial, "serial")?));
        }
    }
    Ok(trials)
}

/// Puts the locked tokens of a trial back to new. Their codes and their devices' hold end.
/// How many they are.
async fn renew_locked<T: Tx>(tx: &mut T, licence: LicenceSerial) -> Result<u64, SqlError> {
    let parameters = vals![licence.as_str()];
    tx.exec(
        "DELETE FROM provision
         WHERE token IN (SELECT serial FROM token WHERE licence = $1 AND locked = 1)",
        &parameters,
    )
    .await?;
    tx.exec(
        "UPDATE token SET locked = 0 WHERE licence = $1 AND locked = 1",
        &parameters,
    )
    .await
}

async fn make_tokens<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
    size: LicenceSize,
) -> Result<(), Undecided> {
    if take_reserved(tx, licence).await? > 0 {
        return Ok(());
    }
    for place in 0..size.tokens() {
        make_token(tx, licence, place).await?;
    }
    Ok(())
}

/// Makes a licence's tokens those that were set aside for it. How many they are.
pub(super) async fn take_reserved<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
) -> Result<u64, SqlError> {
    tx.exec(
        "INSERT INTO token (serial, licence, place, locked)
         SELECT serial, licence, place, 0 FROM reserve_token WHERE licence = $1
         ON CONFLICT (serial) DO NOTHING",
        &vals![licence.as_str()],
    )
    .await
}

async fn make_token<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
    place: u32,
) -> Result<(), Undecided> {
    for _ in 0..DRAWS {
        let serial = TokenSerial::mobile(random()?);
        let made = tx
            .exec(
                "INSERT INTO token (serial, licence, place, locked)
                 SELECT $1, $2, $3, 0
                 WHERE NOT EXISTS (SELECT 1 FROM reserve_token WHERE serial = $1)
                 ON CONFLICT (serial) DO NOTHING",
                &vals![serial.as_str(), licence.as_str(), place],
            )
            .await?;
        if made == 1 {
            return Ok(());
        }
    }
    Err(Undecided::Unavailable("no free serial for a token".into()))
}

pub(super) async fn tokens_of<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
) -> Result<Vec<TokenSerial>, SqlError> {
    let rows = tx
        .rows::<(String,)>(
            "SELECT serial FROM token WHERE licence = $1 ORDER BY place",
            &vals![licence.as_str()],
        )
        .await?;
    rows.iter()
        .map(|(serial,)| identifier(serial, "token", serial, "serial"))
        .collect()
}
