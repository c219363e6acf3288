//! Values in, rows out: the part of a database that use cases see.

use std::borrow::Cow;
use std::future::Future;

use domain::time::Timestamp;

/// An open transaction.
pub trait Tx: Send {
    /// Runs a statement and returns the number of rows that it changed. `$1` is the first parameter.
    fn exec(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> impl Future<Output = Result<u64, SqlError>> + Send;

    /// Runs a statement for one row of parameters after the other; each must change exactly one row.
    fn exec_each<const N: usize>(
        &mut self,
        sql: &'static str,
        rows: &[[Val<'_>; N]],
    ) -> impl Future<Output = Result<(), SqlError>> + Send {
        async move {
            for row in rows {
                self.exec_one(sql, row).await?;
            }
            Ok(())
        }
    }

    /// Runs a query and returns all its rows; bound them in the statement.
    fn rows<R: FromRow>(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> impl Future<Output = Result<Vec<R>, SqlError>> + Send;

    /// Runs a query that has one row or none; more are an error.
    fn row<R: FromRow>(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> impl Future<Output = Result<Option<R>, SqlError>> + Send {
        async move {
            let mut rows = self.rows(sql, parameters).await?;
            let last = rows.pop();
            if rows.is_empty() {
                Ok(last)
            } else {
                Err(SqlError::Ambiguous { sql })
            }
        }
    }

    /// Runs a statement that must change exactly one row.
    fn exec_one(
        &mut self,
        sql: &'static str,
        parameters: &[Val<'_>],
    ) -> impl Future<Output = Result<(), SqlError>> + Send {
        async move {
            match self.exec(sql, parameters).await? {
                1 => Ok(()),
                changed => Err(SqlError::Changed { sql, changed }),
            }
        }
    }
}

/// A statement that could not be carried out, or a row that is not what it should be.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub enum SqlError {
    /// SQLite refused the statement.
    #[error("{message} (SQLite code {code}) in `{sql}`")]
    Statement {
        /// The statement.
        sql: Cow<'static, str>,
        /// SQLite's extended result code; 0 where the error is not SQLite's.
        code: i32,
        /// SQLite's message.
        message: String,
    },
    /// A statement names a parameter that was not given, or ignores one that was.
    #[error("the parameters `$1` to `${given}` were given, but `{sql}` uses others")]
    Parameters {
        /// The statement.
        sql: Cow<'static, str>,
        /// How many were given.
        given: usize,
    },
    /// A column does not hold what the code reads from it.
    #[error("column {column} holds {found}, expected {expected}, in a row of `{sql}`")]
    Column {
        /// The query.
        sql: Cow<'static, str>,
        /// Counted from 0.
        column: usize,
        /// What the code wanted.
        expected: &'static str,
        /// What is there; never the value itself.
        found: &'static str,
    },
    /// More than one row where one is the most.
    #[error("more than one row for `{sql}`")]
    Ambiguous {
        /// The query.
        sql: &'static str,
    },
    /// A write changed other than one row.
    #[error("{changed} rows changed instead of one by `{sql}`")]
    Changed {
        /// The statement.
        sql: &'static str,
        /// How many rows it changed.
        changed: u64,
    },
    /// A stored value does not parse as what it has to be.
    #[error("{table} {key}: the stored {field} is damaged; restore the database from a backup")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row.
        key: String,
        /// The column.
        field: &'static str,
    },
    /// A use case waited for something other than its transaction.
    #[error("a use case waited for something other than the store")]
    Waited,
}

impl SqlError {
    /// The error of a row whose `field` holds something that no version of this program wrote.
    pub fn damaged(table: &'static str, key: impl Into<String>, field: &'static str) -> Self {
        Self::Damaged {
            table,
            key: key.into(),
            field,
        }
    }

    /// Whether a `UNIQUE` or `PRIMARY KEY` constraint refused a row.
    pub fn is_duplicate(&self) -> bool {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        matches!(self, Self::Statement { code, .. }
            if [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE].contains(code))
    }

    pub(super) fn statement(sql: impl Into<Cow<'static, str>>, error: &rusqlite::Error) -> Self {
        let code = error
            .sqlite_error()
            .map_or(0, |sqlite| sqlite.extended_code);
        Self::Statement {
            sql: sql.into(),
            code,
            message: error.to_string(),
        }
    }
}

/// A parameter: one of the four types that both databases share. Times are microseconds, booleans 0
/// and 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Val<'a> {
    /// A 64-bit integer.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Octets.
    Blob(Cow<'a, [u8]>),
    /// Nothing.
    Null,
}

impl Val<'_> {
    /// The same as a column holds it.
    pub fn column(&self) -> Column<'_> {
        match self {
            Self::Int(value) => Column::Int(*value),
            Self::Text(value) => Column::Text(value),
            Self::Blob(value) => Column::Blob(value),
            Self::Null => Column::Null,
        }
    }
}

/// The parameters of a statement: `vals![name, 3, None::<i64>]`.
#[macro_export]
macro_rules! vals {
    ($($value:expr),* $(,)?) => { [$($crate::engine::Val::from($value)),*] };
}

impl From<i64> for Val<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Val<'_> {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Val<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Val<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<Timestamp> for Val<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.micros())
    }
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for Val<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Val<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl<'a> From<&'a [u8]> for Val<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Val<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a Vec<u8>> for Val<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

impl From<Vec<u8>> for Val<'_> {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(Cow::Owned(value))
    }
}

impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What one column of one row holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column<'r> {
    /// A 64-bit integer.
    Int(i64),
    /// Text.
    Text(&'r str),
    /// Octets.
    Blob(&'r [u8]),
    /// Nothing.
    Null,
}

impl Column<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Text(_) => "text",
            Self::Blob(_) => "octets",
            Self::Null => "nothing",
        }
    }
}

/// One row of an answer.
pub struct Row<'r> {
    sql: &'static str,
    row: &'r rusqlite::Row<'r>,
}

impl<'r> Row<'r> {
    pub(super) fn new(sql: &'static str, row: &'r rusqlite::Row<'r>) -> Self {
        Self { sql, row }
    }

    /// The value in `column`, counted from 0.
    pub fn get<C: FromColumn>(&self, column: usize) -> Result<C, SqlError> {
        let held = self.column(column)?;
        C::from_column(held).ok_or_else(|| self.mismatch(column, C::EXPECTED, held.kind()))
    }

    /// The text in `column`, none for NULL, without a copy.
    pub fn text(&self, column: usize) -> Result<Option<&'r str>, SqlError> {
        match self.column(column)? {
            Column::Text(text) => Ok(Some(text)),
            Column::Null => Ok(None),
            held => Err(self.mismatch(column, String::EXPECTED, held.kind())),
        }
    }

    /// The text in `column`, which is never NULL, without a copy.
    pub fn word(&self, column: usize) -> Result<&'r str, SqlError> {
        let text = self.text(column)?;
        text.ok_or_else(|| self.mismatch(column, String::EXPECTED, Column::Null.kind()))
    }

    /// The octets in `column`, none for NULL, without a copy.
    pub fn octets(&self, column: usize) -> Result<Option<&'r [u8]>, SqlError> {
        match self.column(column)? {
            Column::Blob(octets) => Ok(Some(octets)),
            Column::Null => Ok(None),
            held => Err(self.mismatch(column, Vec::<u8>::EXPECTED, held.kind())),
        }
    }

    /// What `column` holds, without a copy.
    pub fn column(&self, column: usize) -> Result<Column<'r>, SqlError> {
        use rusqlite::types::ValueRef;
        let value = self
            .row
            .get_ref(column)
            .map_err(|e| SqlError::statement(self.sql, &e))?;
        match value {
            ValueRef::Integer(value) => Ok(Column::Int(value)),
            ValueRef::Text(value) => str::from_utf8(value)
                .map(Column::Text)
                .map_err(|_| self.mismatch(column, "UTF-8", "other text")),
            ValueRef::Blob(value) => Ok(Column::Blob(value)),
            ValueRef::Null => Ok(Column::Null),
            ValueRef::Real(_) => Err(self.mismatch(column, "no fraction", "a fraction")),
        }
    }

    fn mismatch(&self, column: usize, expected: &'static str, found: &'static str) -> SqlError {
        SqlError::Column {
            sql: self.sql.into(),
            column,
            expected,
            found,
        }
    }
}

/// A value that a column can hold.
pub trait FromColumn: Sized {
    /// The kind of value, as an error names it.
    const EXPECTED: &'static str;

    /// The value, or `None` if the column holds another kind.
    fn from_column(column: Column<'_>) -> Option<Self>;
}

impl FromColumn for i64 {
    const EXPECTED: &'static str = "an integer";

    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Int(value) = column {
            Some(value)
        } else {
            None
        }
    }
}

impl FromColumn for u32 {
    const EXPECTED: &'static str = "an integer from 0 to 4294967295";

    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column)?.try_into().ok()
    }
}

impl FromColumn for bool {
    const EXPECTED: &'static str = "0 or 1";

    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Int(0) => Some(false),
            Column::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl FromColumn for Timestamp {
    const EXPECTED: &'static str = "microseconds";

    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column).map(Self::from_micros)
    }
}

impl FromColumn for String {
    const EXPECTED: &'static str = "text";

    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Text(value) = column {
            Some(value.to_owned())
        } else {
            None
        }
    }
}

impl FromColumn for Vec<u8> {
    const EXPECTED: &'static str = "octets";

    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Blob(value) = column {
            Some(value.to_vec())
        } else {
            None
        }
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    const EXPECTED: &'static str = "octets of a fixed number";

    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Blob(value) = column {
            value.try_into().ok()
        } else {
            None
        }
    }
}

impl<C: FromColumn> FromColumn for Option<C> {
    const EXPECTED: &'static str = C::EXPECTED;

    fn from_column(column: Column<'_>) -> Option<Self> {
        if column == Column::Null {
            Some(None)
        } else {
            C::from_column(column).map(Some)
        }
    }
}

/// A value that is read from a row: a struct that names its columns, or a tuple in their order.
pub trait FromRow: Sized + Send {
    /// Reads the row.
    fn from_row(row: &Row<'_>) -> Result<Self, SqlError>;
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+);)+) => {$(
        impl<$($name: FromColumn + Send),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row<'_>) -> Result<Self, SqlError> {
                Ok(($(row.get::<$name>($index)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
}
