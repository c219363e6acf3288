//! What is done for the database's own sake.

use std::convert::Infallible;
use std::sync::Arc;

use domain::licensing::ANSWER_KEPT_AFTER;
use domain::time::Timestamp;

use super::once::REPLIES_KEPT;
use super::secrets::Keys;
use crate::engine::{Failure, Tx, Work};
use crate::sealing::SealError;
use crate::vals;

/// Rows of a kind per transaction, so that a sweep after a long stop keeps nobody waiting: that many
/// take a few milliseconds.
const ROWS: u32 = 1_000;

/// Destroys seeds of ended codes, their answers a day later, and replies past their time, to
/// gateways and to agents. `true` if there is more.
pub(super) struct Sweep {
    pub(super) now: Timestamp,
}

impl Work for Sweep {
    type Out = bool;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<bool, Failure<Infallible>> {
        let secrets = tx
            .exec(
                "UPDATE provision SET seed = NULL, answer = NULL WHERE token IN (
                     SELECT token FROM provision
                     WHERE expires <= $1 AND (seed IS NOT NULL OR answer IS NOT NULL)
                         AND (answer IS NULL OR expires <= $2)
                     LIMIT $3)",
                &vals![self.now, self.now.before(ANSWER_KEPT_AFTER), ROWS],
            )
            .await?;
        let mut most = secrets;
        for forgotten in [
            "DELETE FROM reply WHERE at IN (
                 SELECT at FROM reply WHERE at <= $1 ORDER BY at LIMIT $2)",
            "DELETE FROM agent_reply WHERE at IN (
                 SELECT at FROM agent_reply WHERE at <= $1 ORDER BY at LIMIT $2)",
        ] {
            let old = vals![self.now.before(REPLIES_KEPT), ROWS];
            most = most.max(tx.exec(forgotten, &old).await?);
        }
        Ok(most >= u64::from(ROWS))
    }
}

/// Proves that the keys belong to the database, which with others would look empty: no code would be
/// found. A new database takes the keys that come first.
pub(super) struct CheckKeys {
    pub(super) keys: Arc<Keys>,
}

impl Work for CheckKeys {
    type Out = ();
    type Err = SealError;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<SealError>> {
        match tx
            .row::<(Vec<u8>,)>("SELECT sealed FROM key_check", &[])
            .await?
        {
            Some((sealed,)) => self.keys.open_check(sealed).map_err(Failure::Refused),
            None => {
                let sealed = self.keys.seal_check().map_err(Failure::Refused)?;
                tx.exec_one(
                    "INSERT INTO key_check (id, sealed) VALUES (1, $1)",
                    &vals![sealed.as_bytes()],
                )
                .await?;
                Ok(())
            }
        }
    }
}
