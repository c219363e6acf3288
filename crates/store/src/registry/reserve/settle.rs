//! What a manager says became of its reserve.

use domain::audit::Actor;
use domain::licensing::{self, GivenLicence, Manager, Reserve, Settlement, Settling};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial};

use super::{issue, told_given};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::desk::{DeskRefusal, licence_row, record};
use crate::registry::licence::take_reserved;
use crate::registry::manager::demand_manager;
use crate::registry::rows::{identifier, is_manager, owner};
use crate::registry::told::sender;
use crate::vals;

/// What became of a settlement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// What the manager keeps from now on.
    pub reserve: Reserve,
    /// How many licences were given out that nobody here knew of.
    pub news: usize,
    /// Licences of which the token server does not believe it, and to whom it says that it gave them.
    pub disputed: Vec<GivenLicence>,
    /// Licences that are the token server's again.
    pub back: Vec<LicenceSerial>,
}

pub(super) struct SettleReserve {
    pub(super) settlement: Settlement,
    pub(super) now: Timestamp,
}

impl Work for SettleReserve {
    type Out = Settled;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Settled, Failure<DeskRefusal>> {
        let serial = self.settlement.manager;
        let keeper = demand_manager(tx, serial).await?;
        self.catch_up(tx).await?;
        let mut news = 0;
        let mut disputed = Vec::new();
        for given in &self.settlement.licences {
            match self.settle(tx, &keeper, given).await? {
                Settling::News => news += 1,
                Settling::Known => {}
                Settling::Disputed => disputed.push(*given),
            }
        }
        let back = self.release(tx).await?;
        // A settlement that was carried about may be older than the last one.
        tx.exec(
            "UPDATE reserve SET settled = $3, loaded = max(coalesce(loaded, 0), $2) WHERE manager = $1",
            &vals![serial.as_str(), self.number()?, self.now],
        )
        .await?;
        Ok(Settled {
            reserve: issue::issue(tx, keeper).await?,
            news,
            disputed,
            back,
        })
    }
}

impl SettleReserve {
    fn number(&self) -> Result<i64, SqlError> {
        i64::try_from(self.settlement.reserve)
            .map_err(|_| SqlError::damaged("settlement", "reserve", "number"))
    }

    /// Goes on behind a number that the token server does not remember to have given, since it was restored
    /// from a backup: what that reserve left out is not known either.
    async fn catch_up<T: Tx>(&self, tx: &mut T) -> Result<(), SqlError> {
        let (manager, claimed) = (self.settlement.manager, self.number()?);
        let is_ahead = tx
            .exec(
                "INSERT INTO reserve (manager, number, digest) VALUES ($1, $2 + 1, x'')
                 ON CONFLICT (manager) DO UPDATE SET number = excluded.number, digest = x''
                 WHERE reserve.number < $2",
                &vals![manager.as_str(), claimed],
            )
            .await?;
        if is_ahead > 0 {
            tx.exec(
                "UPDATE licence SET left_with = $2 + 1
                 WHERE kept_by = $1 AND left_with IS NOT NULL AND left_with <= $2",
                &vals![manager.as_str(), claimed],
            )
            .await?;
        }
        Ok(())
    }

    async fn settle<T: Tx>(
        &self,
        tx: &mut T,
        keeper: &Manager,
        given: &GivenLicence,
    ) -> Result<Settling, SqlError> {
        let found = licence_row(tx, given.licence).await?;
        let owner = if is_manager(tx, given.product).await? {
            None
        } else {
            owner(tx, given.product).await?
        };
        let licence = found.as_ref().map(|row| &row.licence);
        let settling = licensing::settle(licence, keeper, given, owner.as_ref());
        if settling == Settling::News {
            self.take(tx, keeper, given).await?;
        }
        Ok(settling)
    }

    async fn take<T: Tx>(
        &self,
        tx: &mut T,
        keeper: &Manager,
        given: &GivenLicence,
    ) -> Result<(), SqlError> {
        let subject = given.licence.as_str();
        tx.exec_one(
            "UPDATE licence SET product = $2, activated = $3
             WHERE serial = $1 AND activated IS NULL AND kept_by = $4",
            &vals![
                subject,
                given.product.as_str(),
                given.at,
                keeper.serial.as_str()
            ],
        )
        .await?;
        let tokens = take_reserved(tx, given.licence).await?;
        let detail = format!("{tokens} tokens {}", told_given(given, keeper));
        let actor = sender(given.product, Some(keeper.serial));
        record(tx, &actor, "import", subject, &detail, self.now).await
    }

    /// Makes licences the token server's again that the manager has no more.
    async fn release<T: Tx>(&self, tx: &mut T) -> Result<Vec<LicenceSerial>, SqlError> {
        let parameters = vals![self.settlement.manager.as_str(), self.number()?];
        let rows = tx
            .rows::<(String,)>(
                "SELECT serial FROM licence
                 WHERE kept_by = $1 AND left_with <= $2",
                &parameters,
            )
            .await?;
        let mut back = Vec::with_capacity(rows.len());
        for (serial,) in &rows {
            tx.exec_one(
                "UPDATE licence SET kept_by = NULL, left_with = NULL WHERE serial = $1",
                &vals![serial.as_str()],
            )
            .await?;
            let manager = manager_actor(self.settlement.manager);
            let detail = format!("with its reserve {}", self.settlement.reserve);
            record(tx, &manager, "gave-back", serial, &detail, self.now).await?;
            back.push(identifier(serial, "licence", serial, "serial")?);
        }
        Ok(back)
    }
}

fn manager_actor(manager: ProductSerial) -> Actor {
    sender(manager, None)
}
