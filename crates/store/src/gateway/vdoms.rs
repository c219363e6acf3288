//! Virtual domains as a whole: what they hold, and their end.

use domain::admin::{Held, Holds};
use domain::schema::{Place, VDOM};
use domain::vdom::Vdom;

use super::entries;
use crate::engine::{SqlError, Tx};
use crate::vals;

/// What a virtual domain holds that its deletion would take from somebody. Its settings are not among
/// that: they go with it.
pub(super) async fn holds<T: Tx>(tx: &mut T, vdom: Vdom) -> Result<Option<Holds>, SqlError> {
    let counts: Option<(i64, i64, i64, i64)> = tx
        .row(
            "SELECT (SELECT count(*) FROM person WHERE realm = $1), \
             (SELECT count(*) FROM token WHERE vdom = $1 AND stage <> 'removed'), \
             (SELECT count(*) FROM config WHERE vdom = $1 AND entry <> '' AND field = ''), \
             (SELECT count(*) FROM outbox WHERE vdom = $1)",
            &vals![vdom.as_str()],
        )
        .await?;
    let (people, tokens, entries, messages) = counts.unwrap_or_default();
    let total = (people + tokens + entries + messages).unsigned_abs();
    let first = first(tx, vdom).await?;
    Ok(first.map(|first| Holds { first, total }))
}

async fn first<T: Tx>(tx: &mut T, vdom: Vdom) -> Result<Option<Held>, SqlError> {
    let entry: Option<(String, String)> = tx
        .row(
            "SELECT path, key FROM (\
             SELECT 1 AS rank, 'user local' AS path, name AS key FROM person WHERE realm = $1 \
             UNION ALL SELECT 2, 'user fortitoken', serial FROM token \
             WHERE vdom = $1 AND stage <> 'removed' \
             UNION ALL SELECT 3, path, entry FROM config \
             WHERE vdom = $1 AND entry <> '' AND field = '') AS held \
             ORDER BY rank, path, key LIMIT 1",
            &vals![vdom.as_str()],
        )
        .await?;
    if let Some((table, key)) = entry {
        let (table, key) = (table.into(), key.into());
        return Ok(Some(Held::Entry { table, key }));
    }
    let message: Option<(i64,)> = tx
        .row(
            "SELECT id FROM outbox WHERE vdom = $1 ORDER BY id LIMIT 1",
            &vals![vdom.as_str()],
        )
        .await?;
    Ok(message.map(|(number,)| Held::Message(number)))
}

/// Takes a virtual domain out that holds nothing, with its settings and what they name.
pub(super) async fn remove<T: Tx>(tx: &mut T, vdom: Vdom) -> Result<(), SqlError> {
    for sql in [
        "DELETE FROM config WHERE vdom = $1",
        "DELETE FROM reference WHERE vdom = $1",
    ] {
        tx.exec(sql, &vals![vdom.as_str()]).await?;
    }
    let place = Place::new(Vdom::ROOT, &VDOM, vdom.as_str());
    entries::remove_object(tx, &place).await
}
