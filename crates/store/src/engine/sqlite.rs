//! Connections to the embedded database and the transactions on them.

use std::fs::OpenOptions;
use std::future::{Future, ready};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql, types};

use super::migrate::{Migration, Refusal, migrate};
use super::tx::{FromRow, Row, SqlError, Tx, Val};
use super::writer::{Durability, Hooks};
use super::{Failure, Undecided, Work};
use crate::lock::LockError;

/// More than the statements of all use cases of one role: each is compiled once per connection.
const STATEMENTS_CACHED: usize = 256;
/// Only a checkpoint can be in the way of another connection, and that takes well below a second.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file could not be made or a thread not started.
    #[error("{}: {source}", path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A statement failed while opening, migrating or rebuilding.
    #[error("{}: {source}", path.display())]
    Sql {
        /// The database.
        path: PathBuf,
        /// What failed.
        source: SqlError,
    },
    /// The file system does not carry a write-ahead log.
    #[error(
        "{}: the write-ahead log cannot be used here (journal mode is `{mode}`); \
         put the data on a local file system",
        path.display()
    )]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
        /// The journal mode that SQLite offers.
        mode: String,
    },
    /// A later version of this program wrote the file.
    #[error(
        "{}: this database has schema {found}, this program knows {known}; \
         it was written by a newer version: start that one, or restore a backup from before",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The number of steps the file has seen.
        found: u32,
        /// The number of steps this program has.
        known: usize,
    },
}

impl OpenError {
    pub(super) fn sql(path: &Path, source: SqlError) -> Self {
        Self::Sql {
            path: path.to_owned(),
            source,
        }
    }
}

/// Opens the one connection that writes: tables up to date, everything in the file durable, the
/// caller's memory rebuilt from it.
pub(super) fn open_writer(
    path: &Path,
    migrations: &[Migration],
    hooks: &mut dyn Hooks,
) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::sql(path, source);
    create(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(path, flags).map_err(failed)?;
    let mode: String = pragma(&connection, "PRAGMA journal_mode = WAL").map_err(failed)?;
    if mode != "wal" {
        return Err(OpenError::NoWriteAheadLog {
            path: path.to_owned(),
            mode,
        });
    }
    set_durability(&connection, Durability::BeforeAnswer).map_err(failed)?;
    // FAST: freed pages are zeroed where that costs no further write. Foreign keys are checked per statement, so no job
    // can spoil another's commit.
    batch(
        &connection,
        "PRAGMA secure_delete = FAST; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY",
    )
    .map_err(failed)?;
    settle(&connection).map_err(failed)?;
    in_transaction(&mut connection, |tx| migrate(tx.connection, migrations)).map_err(
        |refusal| match refusal {
            Refusal::Sql(source) => failed(source),
            Refusal::Newer { found } => OpenError::Newer {
                path: path.to_owned(),
                found,
                known: migrations.len(),
            },
        },
    )?;
    in_transaction(&mut connection, |tx| hooks.rebuild(tx)).map_err(failed)?;
    // Pages that only the memory was built from go. 4 MiB are kept, and of a request that changes more, a batch of
    // 1,000 tokens or a licence of 10,000, as many as it takes until its commit: none is written before, nor is
    // what would take them back. A step of the schema may change all there are, and has spilt what it must.
    batch(
        &connection,
        "PRAGMA shrink_memory; PRAGMA cache_spill = OFF",
    )
    .map_err(failed)?;
    Ok(connection)
}

/// Opens a connection that cannot write. It reads something at once: from then on it shares the index
/// of the log, and a writer that has to give up its connection is not the last one, which would
/// write the log back and remove it.
pub(super) fn open_reader(path: &Path) -> Result<Connection, SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    let _: i64 = pragma(&connection, "PRAGMA schema_version")?;
    Ok(connection)
}

/// Opens a connection that writes the log back and nothing else.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::sql(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags).map_err(failed)?;
    set_durability(&connection, Durability::BeforeAnswer).map_err(failed)?;
    Ok(connection)
}

/// Writes as much of the log back as is in nobody's way. If another connection is at it there is nothing to do.
pub(super) fn write_back(connection: &Connection) -> Result<(), SqlError> {
    let _is_busy: i64 = pragma(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(())
}

/// What the commits of a connection wait for. With FULL one is on disk before it returns; with NORMAL it is in the log,
/// which is synced before it is written back. Not within a transaction, and not by a statement that is kept: SQLite
/// carries it out when it compiles it.
pub(super) fn set_durability(
    connection: &Connection,
    durability: Durability,
) -> Result<(), SqlError> {
    batch(
        connection,
        match durability {
            Durability::BeforeAnswer => "PRAGMA synchronous = FULL",
            Durability::Soon => "PRAGMA synchronous = NORMAL",
        },
    )
}

/// Brings on disk what is in the log, by a commit that changes nothing and is written all the same: through the file
/// that SQLite has open, which is the one that learns of a failure to write. The connection's commits must wait for it.
pub(super) fn sync_log(connection: &Connection) -> Result<(), SqlError> {
    let version: i64 = pragma(connection, "PRAGMA user_version")?;
    connection
        .pragma_update(None, "user_version", version)
        .map_err(|e| SqlError::statement("PRAGMA user_version", &e))
}

/// Writes the log back into the database and syncs that. After a failed sync the log may hold pages
/// that the kernel believes written and the disk never saw; what is built on now must be on disk.
pub(super) fn settle(connection: &Connection) -> Result<(), SqlError> {
    const SQL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = pragma(connection, SQL)?;
    if busy == 0 {
        return Ok(());
    }
    Err(SqlError::Statement {
        sql: SQL.into(),
        code: 0,
        message: "a reader is in the way".into(),
    })
}

/// Runs `body` between BEGIN and COMMIT; an error takes everything back.
pub(super) fn in_transaction<T, E: From<SqlError>>(
    connection: &mut Connection,
    body: impl FnOnce(&mut SqliteTx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    batch(connection, "BEGIN IMMEDIATE")?;
    let outcome = body(&mut SqliteTx { connection });
    match outcome {
        Ok(value) => batch(connection, "COMMIT").map(|()| value).map_err(E::from),
        Err(error) => {
            // The connection is dropped by the caller if this fails too, which rolls back.
            let _ = batch(connection, "ROLLBACK");
            Err(error)
        }
    }
}

/// Runs statements that return nothing.
pub(super) fn batch(connection: &Connection, sql: &'static str) -> Result<(), SqlError> {
    connection
        .execute_batch(sql)
        .map_err(|e| SqlError::statement(sql, &e))
}

/// Polls a use case to its end. Nothing it may wait for is ever pending here.
pub(super) fn poll_once<W: Work>(
    work: W,
    tx: &mut SqliteTx<'_>,
) -> Result<W::Out, Failure<W::Err>> {
    poll_ready(work.run(tx))
}

/// The outcome of a future over a [`SqliteTx`], which never has to wait.
pub(crate) fn poll_ready<T, E: From<SqlError>>(
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(SqlError::Waited.into()),
    }
}

/// Created here, since SQLite gives its log and index the mode of the database.
fn create(path: &Path) -> std::io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, SqlError> {
    let failed = |e: rusqlite::Error| SqlError::statement("open", &e);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    // Else a plan may hang on the values that are bound, and a statement is compiled at each use.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    batch(
        &connection,
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
    )?;
    Ok(connection)
}

fn pragma<T: types::FromSql>(connection: &Connection, sql: &'static str) -> Result<T, SqlError> {
    connection
        .query_row(sql, [], |row| row.get(0))
        .map_err(|e| SqlError::statement(sql, &e))
}

/// Whether the connection can be used no more: its transaction is gone, or the file is.
pub(super) fn is_broken(connection: &Connection, why: &Undecided) -> bool {
    connection.is_autocommit() || matches!(why, Undecided::Statement(error) if is_fatal(error))
}

fn is_fatal(error: &SqlError) -> bool {
    let &SqlError::Statement { code, .. } = error else {
        return false;
    };
    matches!(
        rusqlite::ffi::Error::new(code).code,
        ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
    )
}

/// A transaction on the embedded database. Its own methods are those of [`Tx`] without a future, for
/// the code that runs on the writer thread itself.
pub struct SqliteTx<'c> {
    connection: &'c mut Connection,
}

impl<'c> SqliteTx<'c> {
    pub(super) fn new(connection: &'c mut Connection) -> Self {
        Self { connection }
    }

    /// As [`Tx::exec`].
    pub fn execute(&mut self, sql: &'static str, parameters: &[Val<'_>]) -> Result<u64, SqlError> {
        let mut statement = self.prepare(sql, parameters)?;
        let changed = statement
            .raw_execute()
            .map_err(|e| SqlError::statement(sql, &e))?;
        Ok(changed as u64)
    }

    /// As [`Tx::rows`].
    pub fn query<R: FromRow>(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> Result<Vec<R>, SqlError> {
        let mut found = Vec::new();
        self.for_each(sql, parameters, |row| {
            found.push(R::from_row(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Runs a query and hands over row by row, for answers that need not fit into memory.
    pub fn for_each(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        let mut statement = self.prepare(sql, parameters)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|e| SqlError::statement(sql, &e))? {
            each(&Row::new(sql, row))?;
        }
        Ok(())
    }

    /// As [`Tx::exec_each`]: the statement is looked up once.
    fn execute_each<const N: usize>(
        &mut self,
        sql: &'static str,
        rows: &[[Val<'_>; N]],
    ) -> Result<(), SqlError> {
        let mut statement = self.cached(sql)?;
        let order = order(&statement, sql, N)?;
        for row in rows {
            bind(&mut statement, sql, &order, row)?;
            match statement.raw_execute() {
                Ok(1) => {}
                Ok(changed) => {
                    let changed = changed as u64;
                    return Err(SqlError::Changed { sql, changed });
                }
                Err(error) => return Err(SqlError::statement(sql, &error)),
            }
        }
        Ok(())
    }

    fn prepare(
        &self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> Result<CachedStatement<'_>, SqlError> {
        let mut statement = self.cached(sql)?;
        let order = order(&statement, sql, parameters.len())?;
        bind(&mut statement, sql, &order, parameters)?;
        Ok(statement)
    }

    fn cached(&self, sql: &'static str) -> Result<CachedStatement<'_>, SqlError> {
        let statement = self.connection.prepare_cached(sql);
        statement.map_err(|e| SqlError::statement(sql, &e))
    }
}

/// Which of so many parameters each place of a statement takes. SQLite takes `$2` for a name and numbers names by their
/// first appearance, so `VALUES ($2, $1)` bound in order would swap its values: the name says which one is meant.
fn order(
    statement: &CachedStatement<'_>,
    sql: &'static str,
    given: usize,
) -> Result<Vec<usize>, SqlError> {
    let strange = || SqlError::Parameters {
        sql: sql.into(),
        given,
    };
    let places = statement.parameter_count();
    if places != given {
        return Err(strange());
    }
    let parameter = |place| {
        let name = statement.parameter_name(place)?.strip_prefix('$')?;
        let number = name.parse::<usize>().ok()?.checked_sub(1)?;
        (number < given).then_some(number)
    };
    let order: Option<_> = (1..=places).map(parameter).collect();
    order.ok_or_else(strange)
}

fn bind(
    statement: &mut CachedStatement<'_>,
    sql: &'static str,
    order: &[usize],
    parameters: &[Val<'_>],
) -> Result<(), SqlError> {
    let values = order.iter().filter_map(|number| parameters.get(*number));
    for (place, value) in (1..).zip(values) {
        statement
            .raw_bind_parameter(place, Bound(value))
            .map_err(|e| SqlError::statement(sql, &e))?;
    }
    Ok(())
}

struct Bound<'a>(&'a Val<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<types::ToSqlOutput<'_>> {
        use types::ValueRef;
        let value = match self.0 {
            Val::Int(value) => ValueRef::Integer(*value),
            Val::Text(value) => ValueRef::Text(value.as_bytes()),
            Val::Blob(value) => ValueRef::Blob(value),
            Val::Null => ValueRef::Null,
        };
        Ok(types::ToSqlOutput::Borrowed(value))
    }
}

impl Tx for SqliteTx<'_> {
    fn exec(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> impl Future<Output = Result<u64, SqlError>> + Send {
        ready(self.execute(sql, parameters))
    }

    fn exec_each<const N: usize>(
        &mut self,
        sql: &'static str,
        rows: &[[Val<'_>; N]],
    ) -> impl Future<Output = Result<(), SqlError>> + Send {
        ready(self.execute_each(sql, rows))
    }

    fn rows<R: FromRow>(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> impl Future<Output = Result<Vec<R>, SqlError>> + Send {
        ready(self.query(sql, parameters))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::vals;

    #[test]
    fn a_statement_is_compiled_once_whatever_is_bound() {
        const FIND: &str =
            "SELECT t.name, u.name FROM t LEFT JOIN u ON u.t = t.name WHERE t.name = $1";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        create(&path).unwrap();
        let mut connection = open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let made = "CREATE TABLE t (name TEXT PRIMARY KEY) STRICT;
                    CREATE TABLE u (name TEXT PRIMARY KEY, t TEXT) STRICT;
                    CREATE INDEX u_t ON u (t) WHERE t IS NOT NULL";
        batch(&connection, made).unwrap();
        for name in ["one", "another", "a third"] {
            let mut tx = SqliteTx::new(&mut connection);
            let found = tx.query::<(String, Option<String>)>(FIND, &vals![name]);
            assert_eq!(found.unwrap(), []);
        }
        let statement = connection.prepare_cached(FIND).unwrap();
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        assert_eq!(statement.get_status(StatementStatus::Run), 3);
    }
}
