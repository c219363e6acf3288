//! Numbered steps from an empty file to the tables of this version.

use rusqlite::Connection;

use super::tx::SqlError;

/// One step of a schema. Once released it is never changed; the next step amends it.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it brings, for the log.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

pub(super) enum Refusal {
    Sql(SqlError),
    /// The file was written by a later version, which knows this many steps.
    Newer {
        found: u32,
    },
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

/// Applies the steps that the file has not seen, inside the caller's transaction. The number of
/// steps taken is the file's `user_version`.
pub(super) fn migrate(connection: &Connection, migrations: &[Migration]) -> Result<(), Refusal> {
    let found = version(connection)?;
    let taken = found as usize;
    if taken > migrations.len() {
        return Err(Refusal::Newer { found });
    }
    for (number, migration) in (1..).zip(migrations).skip(taken) {
        run(connection, migration.sql)?;
        run(connection, &format!("PRAGMA user_version = {number}"))?;
        tracing::info!(
            number,
            name = migration.name,
            "database schema step applied"
        );
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<u32, SqlError> {
    const SQL: &str = "PRAGMA user_version";
    connection
        .query_row(SQL, [], |row| row.get(0))
        .map_err(|e| SqlError::statement(SQL, &e))
}

fn run(connection: &Connection, sql: &str) -> Result<(), SqlError> {
    connection
        .execute_batch(sql)
        .map_err(|e| SqlError::statement(sql.to_owned(), &e))
}
