//! What a manager says became of its reserve.

use domain::licensing::{
    self, GivenLicence, Manager, Recipient, RecordBehind, Reserve, ReserveId, Retired, Settlement,
    Settling,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial};

use super::record::{put_behind, weighed};
use super::state::state;
use super::{issue, told_given};
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};
use crate::registry::desk::{DeskRefusal, is_about, licence_row, record};
use crate::registry::licence::take_reserved;
use crate::registry::manager::demand_manager;
use crate::registry::rows::{identifier, is_manager, product};
use crate::registry::told::sender;
use crate::vals;

/// Units that one after another took the place of one; no customer replaces a unit so often between two
/// settlements.
const HEIRS_MAX: usize = 16;

/// What became of a settlement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// Whose it is.
    pub manager: ProductSerial,
    /// How many licences were given out that nobody here knew of.
    pub news: usize,
    /// Licences that it gave out, and nobody here knows whose they are.
    pub claimed: Vec<GivenLicence>,
    /// Licences that it did not keep, or that were given out before.
    pub disputed: Vec<GivenLicence>,
    /// What the manager gets.
    pub standing: RecordStanding,
}

/// Whether a manager's record is the whole of what it gave out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordStanding {
    /// It goes on from where it settled before.
    Whole {
        /// What the manager keeps from now on.
        reserve: Reserve,
        /// Licences that are the token server's again.
        back: Vec<LicenceSerial>,
        /// The number of the reserve that it says it has, if none such was made here: nothing is taken back
        /// by its word.
        unknown: Option<u64>,
    },
    /// It went back. What it says that it gave out is given out, and it gets no reserve.
    Behind(RecordBehind),
}

pub(super) struct SettleReserve {
    pub(super) settlement: Settlement,
    pub(super) now: Timestamp,
}

impl Work for SettleReserve {
    type Out = Settled;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Settled, Failure<DeskRefusal>> {
        let manager = self.settlement.manager;
        let keeper = demand_manager(tx, manager).await?;
        let known = state(tx, manager).await?;
        let weighed = weighed(tx, &self.settlement, &known, self.now).await?;
        let (mut news, mut claimed, mut disputed) = (0, Vec::new(), Vec::new());
        for given in &self.settlement.licences {
            match self.settle(tx, &keeper, given).await? {
                Settling::News(_) => news += 1,
                Settling::Known => {}
                Settling::Claimed => claimed.push(*given),
                Settling::Disputed => disputed.push(*given),
            }
        }
        let standing = match weighed {
            Ok(()) => self.exchange(tx, keeper).await?,
            Err(why) => {
                put_behind(tx, &self.settlement, why, self.now).await?;
                RecordStanding::Behind(why)
            }
        };
        Ok(Settled {
            manager,
            news,
            claimed,
            disputed,
            standing,
        })
    }
}

impl SettleReserve {
    /// Takes back what the manager has no more, and makes its next reserve.
    async fn exchange<T: Tx>(
        &self,
        tx: &mut T,
        keeper: Manager,
    ) -> Result<RecordStanding, Undecided> {
        let held = self.settlement.reserve;
        let (mut back, mut unknown, mut loaded) = (Vec::new(), None, None);
        match held {
            Some(id) if is_made_here(tx, keeper.serial, id).await? => {
                let number = stored(id.number)?;
                back = self.release(tx, number).await?;
                loaded = Some(number);
            }
            Some(id) => {
                go_beyond(tx, keeper.serial, stored(id.number)?).await?;
                unknown = Some(id.number);
            }
            None => {}
        }
        tx.exec_one(
            "INSERT INTO reserve (manager, number, digest, settled, loaded, record)
             VALUES ($1, 0, x'', $2, $3, $4)
             ON CONFLICT (manager) DO UPDATE SET settled = excluded.settled,
                 loaded = coalesce(excluded.loaded, reserve.loaded), record = excluded.record,
                 said_record = NULL, behind = NULL, anew = NULL",
            &vals![
                keeper.serial.as_str(),
                self.now,
                loaded,
                &self.settlement.record.0
            ],
        )
        .await?;
        Ok(RecordStanding::Whole {
            reserve: issue::issue(tx, keeper).await?,
            back,
            unknown,
        })
    }

    async fn settle<T: Tx>(
        &self,
        tx: &mut T,
        keeper: &Manager,
        given: &GivenLicence,
    ) -> Result<Settling, SqlError> {
        let found = licence_row(tx, given.licence).await?;
        let recipient = recipient(tx, given.product).await?;
        let licence = found.as_ref().map(|row| &row.licence);
        let settling = licensing::settle(licence, keeper, given, recipient.as_ref());
        match settling {
            Settling::News(product) => self.take(tx, keeper, given, product).await?,
            Settling::Claimed => self.claim(tx, keeper, given).await?,
            Settling::Known => {}
            Settling::Disputed => return Ok(settling),
        }
        self.note(tx, given).await?;
        Ok(settling)
    }

    async fn take<T: Tx>(
        &self,
        tx: &mut T,
        keeper: &Manager,
        given: &GivenLicence,
        product: ProductSerial,
    ) -> Result<(), SqlError> {
        let subject = given.licence.as_str();
        let is_replaced = product != given.product;
        tx.exec_one(
            "UPDATE licence SET product = $2, activated = $3, moved = $5
             WHERE serial = $1 AND activated IS NULL AND kept_by = $4",
            &vals![
                subject,
                product.as_str(),
                given.at,
                keeper.serial.as_str(),
                is_replaced.then_some(self.now)
            ],
        )
        .await?;
        let tokens = take_reserved(tx, given.licence).await?;
        let mut detail = format!("{tokens} tokens {}", told_given(given, keeper));
        if is_replaced {
            detail += &format!("; {product} took its place");
        }
        let actor = sender(given.product, Some(keeper.serial));
        record(tx, &actor, "import", subject, &detail, self.now).await?;
        is_about(tx, product.as_str()).await
    }

    /// Leaves a licence to whoever says that it gave it out. Where nobody keeps it, that is its manager: here
    /// nobody gives it out any more.
    async fn claim<T: Tx>(
        &self,
        tx: &mut T,
        keeper: &Manager,
        given: &GivenLicence,
    ) -> Result<(), SqlError> {
        let subject = given.licence.as_str();
        tx.exec(
            "UPDATE licence SET kept_by = $2,
                 left_with = (SELECT coalesce(max(number), 0) FROM reserve WHERE manager = $2)
             WHERE serial = $1 AND kept_by IS NULL AND revoked IS NULL",
            &vals![subject, keeper.serial.as_str()],
        )
        .await?;
        let said = tx
            .row::<(i64,)>(
                "SELECT 1 FROM given_line WHERE manager = $1 AND licence = $2",
                &vals![keeper.serial.as_str(), subject],
            )
            .await?;
        if said.is_some() {
            return Ok(());
        }
        let detail = format!("{}: whose it is nobody knows", told_given(given, keeper));
        let actor = manager_actor(keeper.serial);
        record(tx, &actor, "claim", subject, &detail, self.now).await
    }

    async fn note<T: Tx>(&self, tx: &mut T, given: &GivenLicence) -> Result<(), SqlError> {
        tx.exec(
            "INSERT INTO given_line (manager, licence, product, at, record) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (manager, licence) DO UPDATE SET record = excluded.record
             WHERE given_line.record IS NULL AND given_line.at = excluded.at",
            &vals![
                self.settlement.manager.as_str(),
                given.licence.as_str(),
                given.product.as_str(),
                given.at,
                &self.settlement.record.0
            ],
        )
        .await?;
        Ok(())
    }

    /// Makes licences the token server's again that the manager has no more. One that somebody says he gave
    /// out is not free while nobody knows to whom.
    async fn release<T: Tx>(
        &self,
        tx: &mut T,
        number: i64,
    ) -> Result<Vec<LicenceSerial>, SqlError> {
        let rows = tx
            .rows::<(String,)>(
                "SELECT serial FROM licence WHERE kept_by = $1 AND left_with <= $2
                     AND (activated IS NOT NULL OR NOT EXISTS
                         (SELECT 1 FROM given_line g WHERE g.licence = licence.serial))",
                &vals![self.settlement.manager.as_str(), number],
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
            let detail = format!("with its reserve {number}");
            record(tx, &manager, "gave-back", serial, &detail, self.now).await?;
            back.push(identifier(serial, "licence", serial, "serial")?);
        }
        Ok(back)
    }
}

fn stored(number: u64) -> Result<i64, SqlError> {
    i64::try_from(number).map_err(|_| SqlError::damaged("settlement", "reserve", "number"))
}

async fn is_made_here<T: Tx>(
    tx: &mut T,
    manager: ProductSerial,
    id: ReserveId,
) -> Result<bool, SqlError> {
    let found = tx
        .row::<(i64,)>(
            "SELECT 1 FROM reserve_mark WHERE manager = $1 AND number = $2 AND mark = $3",
            &vals![manager.as_str(), stored(id.number)?, &id.mark.0],
        )
        .await?;
    Ok(found.is_some())
}

/// The next reserve is behind one that the manager has and that was not made here, so it takes it.
async fn go_beyond<T: Tx>(tx: &mut T, manager: ProductSerial, number: i64) -> Result<(), SqlError> {
    tx.exec(
        "INSERT INTO reserve (manager, number, digest) VALUES ($1, $2, x'')
         ON CONFLICT (manager) DO UPDATE SET number = excluded.number, digest = x''
         WHERE reserve.number <= excluded.number",
        &vals![manager.as_str(), number],
    )
    .await?;
    Ok(())
}

/// Whose a gateway is, or the unit that took its place.
async fn recipient<T: Tx>(tx: &mut T, given: ProductSerial) -> Result<Option<Recipient>, SqlError> {
    let mut serial = given;
    for _ in 0..HEIRS_MAX {
        if is_manager(tx, serial).await? {
            return Ok(None);
        }
        let Some(unit) = product(tx, serial).await? else {
            return Ok(None);
        };
        match unit.retired {
            None => {
                return Ok(Some(Recipient {
                    product: serial,
                    account: unit.account,
                }));
            }
            Some(Retired { successor, .. }) => match successor {
                Some(next) => serial = next,
                None => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn manager_actor(manager: ProductSerial) -> domain::audit::Actor {
    sender(manager, None)
}
