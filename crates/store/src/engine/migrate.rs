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

/// A database in memory with these tables, and nothing in them.
#[cfg(test)]
pub(crate) fn database(migrations: &[Migration]) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for step in migrations {
        database.execute_batch(step.sql).unwrap();
    }
    database
}

/// How SQLite finds what a statement is about.
#[cfg(test)]
pub(crate) fn plan_of(migrations: &[Migration], sql: &str) -> Vec<String> {
    let database = database(migrations);
    let mut plan = database
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let unbound = vec![None::<i64>; plan.parameter_count()];
    let steps = plan.query_map(rusqlite::params_from_iter(unbound), |row| row.get("detail"));
    steps.unwrap().collect::<Result<_, _>>().unwrap()
}
