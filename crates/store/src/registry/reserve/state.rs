//! The row of a reserve, at either end.

use domain::licensing::{RecordId, ReserveId, ReserveMark};
use domain::time::Timestamp;
use ident::ProductSerial;

use crate::engine::{FromRow, Row, SqlError, Tx};
use crate::vals;

/// What is known of a manager's reserve.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The latest; at the manager the one that it has.
    pub(super) id: ReserveId,
    pub(super) loaded: Option<u64>,
    pub(super) settled: Option<Timestamp>,
    pub(super) record: Option<RecordId>,
    /// Of the settlement that was refused last.
    pub(super) said_record: Option<RecordId>,
    pub(super) behind: Option<Timestamp>,
    pub(super) is_enrolled_anew: bool,
    pub(super) refused: u64,
}

impl State {
    /// Before the first reserve.
    const NONE: Self = Self {
        id: ReserveId {
            number: 0,
            mark: ReserveMark([0; 16]),
        },
        loaded: None,
        settled: None,
        record: None,
        said_record: None,
        behind: None,
        is_enrolled_anew: false,
        refused: 0,
    };

    /// At the manager: what it has, if anything.
    pub(super) fn held(&self) -> Option<ReserveId> {
        Some(self.id).filter(|id| id.number > 0)
    }
}

pub(super) async fn state<T: Tx>(tx: &mut T, manager: ProductSerial) -> Result<State, SqlError> {
    let found = tx
        .row(
            "SELECT number, mark, loaded, settled, record, said_record, behind, anew IS NOT NULL,
                    coalesce(refused, 0), manager
             FROM reserve WHERE manager = $1",
            &vals![manager.as_str()],
        )
        .await?;
    Ok(found.unwrap_or(State::NONE))
}

impl FromRow for State {
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
        let manager: String = row.get(9)?;
        let unsigned = |number: i64, field| {
            u64::try_from(number).map_err(|_| SqlError::damaged("reserve", manager.as_str(), field))
        };
        let loaded: Option<i64> = row.get(2)?;
        Ok(Self {
            id: ReserveId {
                number: unsigned(row.get(0)?, "number")?,
                mark: ReserveMark(row.get(1)?),
            },
            loaded: loaded
                .map(|number| unsigned(number, "loaded"))
                .transpose()?,
            settled: row.get(3)?,
            record: row.get::<Option<_>>(4)?.map(RecordId),
            said_record: row.get::<Option<_>>(5)?.map(RecordId),
            behind: row.get(6)?,
            is_enrolled_anew: row.get(7)?,
            refused: unsigned(row.get(8)?, "refused")?,
        })
    }
}
