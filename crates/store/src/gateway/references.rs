//! Who names whom: an index of the values that name entries, so that deleting or renaming one of many
//! looks at those that name it and at no others.

use std::collections::HashSet;

use domain::admin::{Named, Use, Uses, UsesOf};
use domain::name::CanonicalName;
use domain::schema::{FORTITOKEN, LOCAL, Shape, Table};
use ident::TokenSerial;

use super::records;
use crate::engine::{SqlError, Tx};
use crate::vals;

/// An entry that names others: its table's path, and how the index knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) entry: &'a str,
}

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
        let Some(name) = identity(table, &named.key) else {
            continue;
        };
        if let Some(written) = written_in(tx, table, &name).await? {
            return Ok(Some(Target {
                table,
                name,
                written,
            }));
        }
    }
    Ok(None)
}

/// How the index knows the entry with this key; nothing for a key that cannot be one.
pub(super) fn identity(table: &Table, key: &str) -> Option<String> {
    if table == &LOCAL {
        return CanonicalName::of(key).ok().map(|name| name.to_string());
    }
    if table == &FORTITOKEN {
        return TokenSerial::parse(key).ok().map(|it| it.to_string());
    }
    Some(key.to_owned())
}

async fn written_in<T: Tx>(
    tx: &mut T,
    table: &'static Table,
    name: &str,
) -> Result<Option<Box<str>>, SqlError> {
    let row: Option<(String,)> = if table == &LOCAL {
        tx.row("SELECT name FROM person WHERE canonical = $1", &vals![name])
            .await?
    } else if table == &FORTITOKEN {
        tx.row(
            "SELECT serial FROM token WHERE serial = $1 AND stage <> 'removed'",
            &vals![name],
        )
        .await?
    } else {
        tx.row(
            "SELECT entry FROM config WHERE path = $1 AND entry = $2 AND field = ''",
            &vals![table.path, name],
        )
        .await?
    };
    Ok(row.map(|(written,)| written.into()))
}

/// Makes these the references of an entry. What it named before and names still is left as it is.
pub(super) async fn put<T: Tx>(
    tx: &mut T,
    place: Place<'_>,
    references: &[Reference],
) -> Result<(), SqlError> {
    let mut gone = stored(tx, place).await?;
    for Reference { field, named } in references {
        let kept = named.tables.iter().find_map(|path| {
            let name = identity(Table::at(path)?, &named.key)?;
            gone.take(&(field.clone(), (*path).to_owned(), name))
        });
        if kept.is_none()
            && let Some(Target { table, name, .. }) = target(tx, named).await?
        {
            tx.exec_one(
                "INSERT INTO reference (path, entry, field, target, name) \
                 VALUES ($1, $2, $3, $4, $5)",
                &vals![place.path, place.entry, field, table.path, &name],
            )
            .await?;
        }
    }
    for (field, target, name) in gone {
        tx.exec_one(
            "DELETE FROM reference \
             WHERE path = $1 AND entry = $2 AND field = $3 AND target = $4 AND name = $5",
            &vals![place.path, place.entry, &field, &target, &name],
        )
        .await?;
    }
    Ok(())
}

/// The entries of one table that a field of an entry names, as the index knows them.
pub(super) async fn targets<T: Tx>(
    tx: &mut T,
    place: Place<'_>,
    field: &str,
    table: &Table,
) -> Result<Vec<String>, SqlError> {
    let rows: Vec<(String,)> = tx
        .rows(
            "SELECT name FROM reference \
             WHERE path = $1 AND entry = $2 AND field = $3 AND target = $4",
            &vals![place.path, place.entry, field, table.path],
        )
        .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

async fn stored<T: Tx>(
    tx: &mut T,
    place: Place<'_>,
) -> Result<HashSet<(String, String, String)>, SqlError> {
    let rows: Vec<(String, String, String)> = tx
        .rows(
            "SELECT field, target, name FROM reference WHERE path = $1 AND entry = $2",
            &vals![place.path, place.entry],
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// What an entry that is gone named, it names no more.
pub(super) async fn remove<T: Tx>(tx: &mut T, place: Place<'_>) -> Result<(), SqlError> {
    tx.exec(
        "DELETE FROM reference WHERE path = $1 AND entry = $2",
        &vals![place.path, place.entry],
    )
    .await
    .map(drop)
}

/// Who names an entry, or the first of a table's entries that somebody names.
pub(super) async fn uses<T: Tx>(tx: &mut T, of: &UsesOf) -> Result<Option<Uses>, SqlError> {
    let named = match of {
        UsesOf::Entry(table, key) => identity(table, key).map(|name| (*table, name)),
        UsesOf::AnyEntry(table) => first_named(tx, table).await?.map(|name| (*table, name)),
    };
    match named {
        Some((table, name)) => uses_of(tx, table, &name).await,
        None => Ok(None),
    }
}

async fn first_named<T: Tx>(tx: &mut T, table: &Table) -> Result<Option<String>, SqlError> {
    let row: Option<(String,)> = tx
        .row(
            "SELECT name FROM reference WHERE target = $1 ORDER BY name LIMIT 1",
            &vals![table.path],
        )
        .await?;
    Ok(row.map(|(name,)| name))
}

async fn uses_of<T: Tx>(
    tx: &mut T,
    table: &'static Table,
    name: &str,
) -> Result<Option<Uses>, SqlError> {
    let shown = i64::try_from(Uses::SHOWN).unwrap_or(i64::MAX);
    let rows: Vec<(String, String, String)> = tx
        .rows(
            "SELECT path, entry, field FROM reference WHERE target = $1 AND name = $2 \
             ORDER BY path, entry, field LIMIT $3",
            &vals![table.path, name, shown],
        )
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let count: Option<(i64,)> = tx
        .row(
            "SELECT COUNT(*) FROM reference WHERE target = $1 AND name = $2",
            &vals![table.path, name],
        )
        .await?;
    let mut first = Vec::with_capacity(rows.len());
    for (path, entry, field) in rows {
        let key = match Table::at(&path) {
            Some(table) if !matches!(table.shape, Shape::Single) => {
                written_in(tx, table, &entry).await?
            }
            _ => None,
        };
        first.push(Use {
            table: path.into(),
            key: key.unwrap_or(entry.into()),
            field: records::field_words(&field).into(),
        });
    }
    Ok(Some(Uses {
        of: written_in(tx, table, name).await?.unwrap_or(name.into()),
        first,
        total: count.map_or(0, |(count,)| count.unsigned_abs()),
    }))
}

/// An entry that has another key.
#[derive(Debug)]
pub(super) struct Renamed<'a> {
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
) -> Result<Vec<(String, String)>, SqlError> {
    let Renamed {
        table,
        from,
        to,
        from_written,
        to_written,
    } = *renamed;
    // No text has line ends, so they part the texts of a list, and every text stands between two.
    tx.exec(
        "UPDATE config SET value = trim(\
         replace($5 || value || $5, $5 || $3 || $5, $5 || $4 || $5), $5) \
         WHERE (path, entry, field) IN \
         (SELECT path, entry, field FROM reference WHERE target = $1 AND name = $2)",
        &vals![table.path, from, from_written, to_written, "\n"],
    )
    .await?;
    let places = tx
        .rows(
            "SELECT DISTINCT path, entry FROM reference WHERE target = $1 AND name = $2",
            &vals![table.path, from],
        )
        .await?;
    tx.exec(
        "UPDATE reference SET name = $3 WHERE target = $1 AND name = $2",
        &vals![table.path, from, to],
    )
    .await?;
    Ok(places)
}
