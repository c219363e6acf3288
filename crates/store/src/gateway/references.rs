//! Who names whom: an index of the values that name entries, so that deleting or renaming one of many
//! looks at those that name it and at no others.

use std::collections::HashSet;

use domain::admin::{Named, Use, Uses, UsesOf};
use domain::name::{CanonicalName, Realm};
use domain::schema::{FORTITOKEN, LOCAL, Place, Scope, Shape, Table};
use domain::vdom::Vdom;
use ident::TokenSerial;

use super::entries::{self, parsed_vdom};
use crate::engine::{SqlError, Tx};
use crate::vals;

/// One value that names an entry.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) field: String,
    pub(super) named: Named,
}

/// The entry behind a name: its table, how the index knows it, and how it is written.
struct Target {
    table: &'static Table,
    name: String,
    written: Box<str>,
}

/// The key as written of the entry that is named, if there is one.
pub(super) async fn written<T: Tx>(
    tx: &mut T,
    named: &Named,
) -> Result<Option<Box<str>>, SqlError> {
    Ok(target(tx, named).await?.map(|target| target.written))
}

async fn target<T: Tx>(tx: &mut T, named: &Named) -> Result<Option<Target>, SqlError> {
    for table in named.tables.iter().filter_map(|path| Table::at(path)) {
        let place = Place::new(named.vdom, table, named.key.clone());
        let Some(name) = identity(&place) else {
            continue;
        };
        if let Some(written) = written_in(tx, place.vdom(), table, &name).await? {
            return Ok(Some(Target {
                table,
                name,
                written,
            }));
        }
    }
    Ok(None)
}

/// How the index knows an entry; nothing for a key that cannot be one.
fn identity(place: &Place) -> Option<String> {
    if place.table() == &LOCAL {
        let realm = Realm::Vdom(place.vdom());
        let name = CanonicalName::within(realm, place.key()).ok()?;
        return Some(name.to_string());
    }
    if place.table() == &FORTITOKEN {
        return TokenSerial::parse(place.key())
            .ok()
            .map(|it| it.to_string());
    }
    Some(place.key().to_owned())
}

async fn written_in<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    table: &'static Table,
    name: &str,
) -> Result<Option<Box<str>>, SqlError> {
    let row: Option<(String,)> = if table == &LOCAL {
        tx.row("SELECT name FROM person WHERE canonical = $1", &vals![name])
            .await?
    } else if table == &FORTITOKEN {
        tx.row(
            "SELECT serial FROM token WHERE serial = $1 AND vdom = $2 AND stage <> 'removed'",
            &vals![name, vdom.as_str()],
        )
        .await?
    } else {
        tx.row(
            "SELECT entry FROM config \
             WHERE path = $1 AND vdom = $2 AND entry = $3 AND field = ''",
            &vals![table.path, table.within(vdom).as_str(), name],
        )
        .await?
    };
    Ok(row.map(|(written,)| written.into()))
}

/// Makes these the references of an entry. What it named before and names still is left as it is.
pub(super) async fn put<T: Tx>(
    tx: &mut T,
    place: &Place,
    references: &[Reference],
) -> Result<(), SqlError> {
    let mut gone = stored(tx, place).await?;
    for Reference { field, named } in references {
        let kept = named.tables.iter().find_map(|path| {
            let target = Place::new(named.vdom, Table::at(path)?, named.key.clone());
            let name = identity(&target)?;
            gone.take(&(field.clone(), (*path).to_owned(), name))
        });
        if kept.is_none()
            && let Some(Target { table, name, .. }) = target(tx, named).await?
        {
            tx.exec_one(
                "INSERT INTO reference (vdom, path, entry, field, target, name) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
                &vals![
                    place.vdom().as_str(),
                    place.table().path,
                    place.key(),
                    field,
                    table.path,
                    &name
                ],
            )
            .await?;
        }
    }
    for (field, target, name) in gone {
        tx.exec_one(
            "DELETE FROM reference WHERE vdom = $1 AND path = $2 AND entry = $3 \
             AND field = $4 AND target = $5 AND name = $6",
            &vals![
                place.vdom().as_str(),
                place.table().path,
                place.key(),
                &field,
                &target,
                &name
            ],
        )
        .await?;
    }
    Ok(())
}

/// The entries of one table that a field of an entry names, as the index knows them.
pub(super) async fn targets<T: Tx>(
    tx: &mut T,
    place: &Place,
    field: &str,
    table: &Table,
) -> Result<Vec<String>, SqlError> {
    let rows: Vec<(String,)> = tx
        .rows(
            "SELECT name FROM reference \
             WHERE vdom = $1 AND path = $2 AND entry = $3 AND field = $4 AND target = $5",
            &vals![
                place.vdom().as_str(),
                place.table().path,
                place.key(),
                field,
                table.path
            ],
        )
        .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

async fn stored<T: Tx>(
    tx: &mut T,
    place: &Place,
) -> Result<HashSet<(String, String, String)>, SqlError> {
    let rows: Vec<(String, String, String)> = tx
        .rows(
            "SELECT field, target, name FROM reference \
             WHERE vdom = $1 AND path = $2 AND entry = $3",
            &vals![place.vdom().as_str(), place.table().path, place.key()],
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// What an entry named, it names under another key too.
pub(super) async fn moved<T: Tx>(tx: &mut T, from: &Place, to: &str) -> Result<(), SqlError> {
    tx.exec(
        "UPDATE reference SET entry = $4 WHERE vdom = $1 AND path = $2 AND entry = $3",
        &vals![from.vdom().as_str(), from.table().path, from.key(), to],
    )
    .await
    .map(drop)
}

/// What an entry that is gone named, it names no more.
pub(super) async fn remove<T: Tx>(tx: &mut T, place: &Place) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM reference WHERE vdom = $1 AND path = $2 AND entry = $3",
        &vals![place.vdom().as_str(), place.table().path, place.key()],
    )
    .await
    .map(drop)
}

/// The virtual domain whose values may name entries of a table: none where all may.
fn namers(vdom: Vdom, table: &Table) -> Option<Vdom> {
    match table.scope {
        Scope::Global => None,
        Scope::Vdom => Some(vdom),
    }
}

/// Who names an entry, or the first of a table's entries that somebody names.
pub(super) async fn uses<T: Tx>(tx: &mut T, of: &UsesOf) -> Result<Option<Uses>, SqlError> {
    let (vdom, table, name) = match of {
        UsesOf::Entry(place) => (place.vdom(), place.table(), identity(place)),
        UsesOf::AnyEntry(vdom, table) => (*vdom, *table, first_named(tx, *vdom, table).await?),
    };
    match name {
        Some(name) => uses_of(tx, vdom, table, &name).await,
        None => Ok(None),
    }
}

async fn first_named<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    table: &Table,
) -> Result<Option<String>, SqlError> {
    let namers = namers(vdom, table);
    let row: Option<(String,)> = tx
        .row(
            "SELECT name FROM reference WHERE target = $1 AND ($2 IS NULL OR vdom = $2) \
             ORDER BY name LIMIT 1",
            &vals![table.path, namers.as_ref().map(Vdom::as_str)],
        )
        .await?;
    Ok(row.map(|(name,)| name))
}

async fn uses_of<T: Tx>(
    tx: &mut T,
    vdom: Vdom,
    table: &'static Table,
    name: &str,
) -> Result<Option<Uses>, SqlError> {
    let namers = namers(vdom, table);
    let shown = i64::try_from(Uses::SHOWN).unwrap_or(i64::MAX);
    let rows: Vec<(String, String, String, String)> = tx
        .rows(
            "SELECT vdom, path, entry, field FROM reference \
             WHERE target = $1 AND name = $2 AND ($3 IS NULL OR vdom = $3) \
             ORDER BY vdom, path, entry, field LIMIT $4",
            &vals![table.path, name, namers.as_ref().map(Vdom::as_str), shown],
        )
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let count: Option<(i64,)> = tx
        .row(
            "SELECT COUNT(*) FROM reference \
             WHERE target = $1 AND name = $2 AND ($3 IS NULL OR vdom = $3)",
            &vals![table.path, name, namers.as_ref().map(Vdom::as_str)],
        )
        .await?;
    let mut first = Vec::with_capacity(rows.len());
    for (vdom, path, entry, field) in rows {
        let vdom = parsed_vdom(&vdom)?;
        let key = match Table::at(&path) {
            Some(table) if !matches!(table.shape, Shape::Single) => {
                written_in(tx, vdom, table, &entry).await?
            }
            _ => None,
        };
        first.push(Use {
            vdom,
            table: path.into(),
            key: key.unwrap_or(entry.into()),
            field: entries::field_words(&field).into(),
        });
    }
    Ok(Some(Uses {
        of: written_in(tx, vdom, table, name)
            .await?
            .unwrap_or(name.into()),
        first,
        total: count.map_or(0, |(count,)| count.unsigned_abs()),
    }))
}

/// An entry that has another key.
#[derive(Debug)]
pub(super) struct Renamed<'a> {
    pub(super) vdom: Vdom,
    pub(super) table: &'static Table,
    /// The keys as the index knows them.
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// The keys as values have them.
    pub(super) from_written: &'a str,
    pub(super) to_written: &'a str,
}

/// Writes the new key wherever the old one was named, and tells where that was.
pub(super) async fn rename<T: Tx>(
    tx: &mut T,
    renamed: &Renamed<'_>,
) -> Result<Vec<Place>, SqlError> {
    let Renamed {
        vdom,
        table,
        from,
        to,
        from_written,
        to_written,
    } = *renamed;
    let namers = namers(vdom, table);
    let namers = namers.as_ref().map(Vdom::as_str);
    // No text has line ends, so they part the texts of a list, and every text stands between two.
    tx.exec(
        "UPDATE config SET value = trim(\
         replace($5 || value || $5, $5 || $3 || $5, $5 || $4 || $5), $5) \
         WHERE (path, vdom, entry, field) IN \
         (SELECT path, vdom, entry, field FROM reference \
         WHERE target = $1 AND name = $2 AND ($6 IS NULL OR vdom = $6))",
        &vals![table.path, from, from_written, to_written, "\n", namers],
    )
    .await?;
    let rows: Vec<(String, String, String)> = tx
        .rows(
            "SELECT DISTINCT vdom, path, entry FROM reference \
             WHERE target = $1 AND name = $2 AND ($3 IS NULL OR vdom = $3)",
            &vals![table.path, from, namers],
        )
        .await?;
    tx.exec(
        "UPDATE reference SET name = $3 \
         WHERE target = $1 AND name = $2 AND ($4 IS NULL OR vdom = $4)",
        &vals![table.path, from, to, namers],
    )
    .await?;
    let mut places = Vec::with_capacity(rows.len());
    for (vdom, path, entry) in rows {
        let vdom = parsed_vdom(&vdom)?;
        places.extend(Table::at(&path).map(|table| Place::new(vdom, table, entry)));
    }
    Ok(places)
}
