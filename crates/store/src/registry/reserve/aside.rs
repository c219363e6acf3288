//! Licences that come into a reserve and leave it.

use domain::audit::Actor;
use domain::licensing::{
    Aside, LicenceSize, RESERVE_LICENCES_MAX, RESERVE_TOKENS_MAX, Remark, set_aside,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial, TokenSerial};

use super::TakenBack;
use super::claim::open_claim;
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};
use crate::registry::desk::{DeskRefusal, demand_licence, record};
use crate::registry::licence::DRAWS;
use crate::registry::manager::demand_manager;
use crate::registry::random;
use crate::vals;

pub(super) struct SetAside {
    pub(super) actor: Actor,
    pub(super) licence: LicenceSerial,
    pub(super) manager: ProductSerial,
    pub(super) reason: Remark,
    pub(super) now: Timestamp,
}

impl Work for SetAside {
    type Out = Aside;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Aside, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let keeper = demand_manager(tx, self.manager).await?;
        let left_with = left_with(tx, self.licence).await?;
        match set_aside(&licence, left_with, &keeper, self.now)? {
            Aside::Already => return Ok(Aside::Already),
            Aside::Stays => {
                self.write(tx).await?;
                return Ok(Aside::Stays);
            }
            Aside::Made => {}
        }
        if !has_digest(tx, self.licence).await? {
            return Err(Failure::Refused(DeskRefusal::NoDigest(self.licence)));
        }
        let (licences, tokens) = kept(tx, self.manager).await?;
        let is_full =
            licences >= RESERVE_LICENCES_MAX || tokens + licence.size.tokens() > RESERVE_TOKENS_MAX;
        if is_full {
            return Err(Failure::Refused(DeskRefusal::ReserveFull(self.manager)));
        }
        draw_tokens(tx, self.licence, licence.size).await?;
        self.write(tx).await?;
        Ok(Aside::Made)
    }
}

impl SetAside {
    async fn write<T: Tx>(&self, tx: &mut T) -> Result<(), SqlError> {
        let subject = self.licence.as_str();
        tx.exec_one(
            "UPDATE licence SET kept_by = $2, left_with = NULL WHERE serial = $1",
            &vals![subject, self.manager.as_str()],
        )
        .await?;
        let detail = format!("for manager {}: {}", self.manager, self.reason.as_str());
        record(tx, &self.actor, "set-aside", subject, &detail, self.now).await
    }
}

async fn has_digest<T: Tx>(tx: &mut T, licence: LicenceSerial) -> Result<bool, SqlError> {
    let found = tx
        .row::<(i64,)>(
            "SELECT 1 FROM licence WHERE serial = $1 AND code_digest IS NOT NULL",
            &vals![licence.as_str()],
        )
        .await?;
    Ok(found.is_some())
}

/// How many licences a manager keeps, and how many tokens with them.
async fn kept<T: Tx>(tx: &mut T, manager: ProductSerial) -> Result<(u32, u32), SqlError> {
    let found = tx
        .row::<(u32, u32)>(
            "SELECT count(*), coalesce(sum(size), 0) FROM licence WHERE kept_by = $1",
            &vals![manager.as_str()],
        )
        .await?;
    Ok(found.unwrap_or_default())
}

/// Draws the serials of a licence's tokens, unless they were drawn before.
async fn draw_tokens<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
    size: LicenceSize,
) -> Result<(), Undecided> {
    let drawn = tx
        .row::<(u32,)>(
            "SELECT count(*) FROM reserve_token WHERE licence = $1",
            &vals![licence.as_str()],
        )
        .await?;
    for place in drawn.map_or(0, |(drawn,)| drawn)..size.tokens() {
        draw_token(tx, licence, place).await?;
    }
    Ok(())
}

async fn draw_token<T: Tx>(
    tx: &mut T,
    licence: LicenceSerial,
    place: u32,
) -> Result<(), Undecided> {
    for _ in 0..DRAWS {
        let serial = TokenSerial::mobile(random()?);
        let drawn = tx
            .exec(
                "INSERT INTO reserve_token (serial, licence, place)
                 SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM token WHERE serial = $1)
                 ON CONFLICT (serial) DO NOTHING",
                &vals![serial.as_str(), licence.as_str(), place],
            )
            .await?;
        if drawn == 1 {
            return Ok(());
        }
    }
    Err(Undecided::Unavailable("no free serial for a token".into()))
}

pub(super) struct TakeBack {
    pub(super) actor: Actor,
    pub(super) licence: LicenceSerial,
    pub(super) reason: Remark,
    pub(super) now: Timestamp,
}

impl Work for TakeBack {
    type Out = Option<TakenBack>;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<DeskRefusal>> {
        let licence = demand_licence(tx, self.licence).await?.licence;
        let Some(manager) = licence.kept_by else {
            return Ok(None);
        };
        let claim = open_claim(tx, self.licence).await?;
        let subject = self.licence.as_str();
        if let Some(number) = left_with(tx, self.licence).await? {
            return Ok(Some(TakenBack { number, claim }));
        }
        let number = next_number(tx, manager).await?;
        tx.exec_one(
            "UPDATE licence SET left_with = $2 WHERE serial = $1",
            &vals![subject, number.cast_signed()],
        )
        .await?;
        let detail = format!(
            "from manager {manager}, with its reserve {number}: {}",
            self.reason.as_str()
        );
        record(tx, &self.actor, "take-back", subject, &detail, self.now).await?;
        Ok(Some(TakenBack { number, claim }))
    }
}

async fn left_with<T: Tx>(tx: &mut T, licence: LicenceSerial) -> Result<Option<u64>, SqlError> {
    let key = licence.as_str();
    let found = tx
        .row::<(Option<i64>,)>(
            "SELECT left_with FROM licence WHERE serial = $1",
            &vals![key],
        )
        .await?;
    let number = found.and_then(|(number,)| number);
    let damaged = |_| SqlError::damaged("licence", key, "left_with");
    number.map(u64::try_from).transpose().map_err(damaged)
}

/// A number that no manager has: whoever says it has taken up what this transaction writes.
async fn next_number<T: Tx>(tx: &mut T, manager: ProductSerial) -> Result<u64, SqlError> {
    let key = manager.as_str();
    tx.exec_one(
        "INSERT INTO reserve (manager, number, digest) VALUES ($1, 1, x'')
         ON CONFLICT (manager) DO UPDATE SET number = reserve.number + 1",
        &vals![key],
    )
    .await?;
    let found = tx
        .row::<(i64,)>("SELECT number FROM reserve WHERE manager = $1", &vals![key])
        .await?;
    let number = found.and_then(|(number,)| u64::try_from(number).ok());
    number.ok_or_else(|| SqlError::damaged("reserve", key, "number"))
}
