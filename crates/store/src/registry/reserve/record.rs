//! What managers remember of what they gave out, and whether that went back.

use std::convert::Infallible;

use domain::audit::Actor;
use domain::licensing::{
    Change, GIVEN_MISSED, KnownRecord, RecordBehind, RecordId, Remark, Settlement, weigh,
};
use domain::time::Timestamp;
use ident::{LicenceSerial, ProductSerial};

use super::state::{State, state};
use crate::engine::{Failure, SqlError, Tx, Work};
use crate::registry::desk::{DeskRefusal, record};
use crate::registry::manager::demand_manager;
use crate::registry::random;
use crate::registry::rows::identifier;
use crate::registry::told::sender;
use crate::vals;

/// Whether a settlement is of a record that went on.
pub(super) async fn weighed<T: Tx>(
    tx: &mut T,
    settlement: &Settlement,
    state: &State,
    now: Timestamp,
) -> Result<Result<(), RecordBehind>, SqlError> {
    let known = KnownRecord {
        id: state.record,
        loaded: state.loaded,
        is_enrolled_anew: state.is_enrolled_anew,
        given: recorded(tx, settlement.manager, state.record, now).await?,
    };
    Ok(weigh(settlement, &known))
}

/// What a record is to have: of what is no more in its manager's reserve the manager tells no more in the end.
async fn recorded<T: Tx>(
    tx: &mut T,
    manager: ProductSerial,
    id: Option<RecordId>,
    now: Timestamp,
) -> Result<Vec<(LicenceSerial, Timestamp)>, SqlError> {
    let Some(RecordId(id)) = id else {
        return Ok(vec![]);
    };
    let rows = tx
        .rows::<(String, Timestamp)>(
            "SELECT g.licence, g.at FROM given_line g JOIN licence l ON l.serial = g.licence
             WHERE g.manager = $1 AND g.record = $2 AND l.kept_by = $1
                 AND (l.revoked IS NULL OR l.revoked > $3)",
            &vals![manager.as_str(), &id, now.before(GIVEN_MISSED)],
        )
        .await?;
    rows.iter()
        .map(|(licence, at)| Ok((identifier(licence, "given_line", licence, "licence")?, *at)))
        .collect()
}

/// Notes that a manager's record went back: it gets no reserve until the desk has spoken, or the record that
/// goes on has settled.
pub(super) async fn put_behind<T: Tx>(
    tx: &mut T,
    settlement: &Settlement,
    why: RecordBehind,
    now: Timestamp,
) -> Result<(), SqlError> {
    let subject = settlement.manager.as_str();
    let is_news = tx
        .row::<(i64,)>(
            "SELECT 1 FROM reserve WHERE manager = $1 AND behind IS NOT NULL AND said_record = $2",
            &vals![subject, &settlement.record.0],
        )
        .await?
        .is_none();
    tx.exec_one(
        "INSERT INTO reserve (manager, number, digest, behind, said_record) VALUES ($1, 0, x'', $2, $3)
         ON CONFLICT (manager) DO UPDATE SET behind = coalesce(reserve.behind, excluded.behind),
             said_record = excluded.said_record",
        &vals![subject, now, &settlement.record.0],
    )
    .await?;
    if is_news {
        let actor = sender(settlement.manager, None);
        let why = why.to_string();
        record(tx, &actor, "record-behind", subject, &why, now).await?;
    }
    Ok(())
}

/// Notes that a manager has another certificate with a code: its record may have been lost with the one
/// before.
pub(in crate::registry) async fn enrolled_anew<T: Tx>(
    tx: &mut T,
    manager: ProductSerial,
    now: Timestamp,
) -> Result<(), SqlError> {
    tx.exec(
        "UPDATE reserve SET anew = 1, behind = coalesce(behind, $2) WHERE manager = $1 AND number > 0",
        &vals![manager.as_str(), now],
    )
    .await?;
    Ok(())
}

pub(super) struct ConfirmRecord {
    pub(super) actor: Actor,
    pub(super) manager: ProductSerial,
    pub(super) reason: Remark,
    pub(super) now: Timestamp,
}

impl Work for ConfirmRecord {
    type Out = Change;
    type Err = DeskRefusal;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<DeskRefusal>> {
        demand_manager(tx, self.manager).await?;
        let State {
            behind,
            said_record,
            ..
        } = state(tx, self.manager).await?;
        if behind.is_none() {
            return Ok(Change::Already);
        }
        let said = said_record.ok_or(Failure::Refused(DeskRefusal::NoSettlement(self.manager)))?;
        let subject = self.manager.as_str();
        tx.exec_one(
            "UPDATE reserve SET record = $2, said_record = NULL, behind = NULL, anew = NULL, loaded = NULL
             WHERE manager = $1",
            &vals![subject, &said.0],
        )
        .await?;
        tx.exec(
            "UPDATE given_line SET record = NULL WHERE manager = $1",
            &vals![subject],
        )
        .await?;
        let reason = self.reason.as_str();
        record(tx, &self.actor, "confirm-record", subject, reason, self.now).await?;
        Ok(Change::Made)
    }
}

/// At a manager: begins its record, unless it has one.
pub(super) struct BeginRecord {
    pub(super) own: ProductSerial,
}

impl Work for BeginRecord {
    type Out = ();
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(), Failure<Infallible>> {
        tx.exec_one(
            "INSERT INTO reserve (manager, number, digest, record) VALUES ($1, 0, x'', $2)
             ON CONFLICT (manager) DO UPDATE SET record = coalesce(reserve.record, excluded.record)",
            &vals![self.own.as_str(), &random::<16>()?],
        )
        .await?;
        Ok(())
    }
}

/// Who says that the record of a manager is behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// The reserve of this number, which an older one must not gainsay.
    Reserve(u64),
    /// The token server, which knows the record by its name: under another it takes nothing from it before
    /// the desk has spoken, and reserves that were made before are another record's.
    Refusal,
}

/// At a manager: nothing is given out from now on. Whether that is news.
pub(super) struct StopGiving {
    pub(super) own: ProductSerial,
    pub(super) sign: Sign,
    pub(super) now: Timestamp,
}

impl Work for StopGiving {
    type Out = Change;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Change, Failure<Infallible>> {
        let known = state(tx, self.own).await?.behind;
        let own = self.own.as_str();
        let (refused, name) = match self.sign {
            Sign::Reserve(number) => (number, None),
            Sign::Refusal => (0, Some(random::<16>()?)),
        };
        tx.exec_one(
            "UPDATE reserve SET
                 record = CASE WHEN behind IS NULL THEN coalesce($4, record) ELSE record END,
                 behind = coalesce(behind, $2), refused = max(coalesce(refused, 0), $3)
             WHERE manager = $1",
            &vals![own, self.now, refused.cast_signed(), name.as_ref()],
        )
        .await?;
        Ok(known.map_or(Change::Made, |_| Change::Already))
    }
}

/// At a manager: since when its record is known to be behind.
pub(super) struct FindBehind {
    pub(super) own: ProductSerial,
}

impl Work for FindBehind {
    type Out = Option<Timestamp>;
    type Err = Infallible;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<Self::Out, Failure<Infallible>> {
        Ok(state(tx, self.own).await?.behind)
    }
}
