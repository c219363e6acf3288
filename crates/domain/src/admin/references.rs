//! Entries that name each other: what is named must exist, and must stay while it is named.

use std::collections::HashSet;
use std::fmt;

use super::{AdminError, Edit, Facts, Owned};
use crate::schema::{FORTITOKEN, Field, LOCAL, Object, Table, Value};

/// An entry that a value names: that of the first of these tables that has one with this key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Named {
    /// Paths of the tables.
    pub tables: &'static [&'static str],
    /// The key as typed.
    pub key: Box<str>,
}

/// Which entries somebody may name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UsesOf {
    /// This one.
    Entry(&'static Table, Box<str>),
    /// Any of the table: the first that is named.
    AnyEntry(&'static Table),
}

/// Who names an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uses {
    /// The key of the entry that is named.
    pub of: Box<str>,
    /// Some who do: never none.
    pub first: Vec<Use>,
    /// How many entries do.
    pub total: u64,
}

/// One entry that names another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Use {
    /// Path of its table.
    pub table: Box<str>,
    /// Its key; empty for a single object.
    pub key: Box<str>,
    /// The field that holds the name, with the child entry that has it: `match 1 server-name`.
    pub field: Box<str>,
}

impl Named {
    /// The entry of one table with this key.
    pub(super) fn of(table: &'static Table, key: &str) -> Self {
        Self {
            tables: std::slice::from_ref(&table.path),
            key: key.into(),
        }
    }
}

impl Uses {
    /// Entries that are named in an error: enough to begin with.
    pub const SHOWN: usize = 3;
}

/// `user group "vpn" names it in member; user local …; and 40 more`.
impl fmt::Display for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, one) in self.first.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{one}")?;
        }
        let shown = u64::try_from(self.first.len()).unwrap_or(u64::MAX);
        match self.total.saturating_sub(shown) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, field } = self;
        if key.is_empty() {
            return write!(f, "{table} names it in {field}");
        }
        write!(f, "{table} \"{key}\" names it in {field}")
    }
}

/// What the values of these edits name. The token of a user is no plain name: it comes with its owner.
pub(super) fn named(table: &'static Table, edits: &[Edit]) -> Vec<Named> {
    let mut named = Vec::new();
    for edit in edits {
        match edit {
            Edit::Set(field, value) if !is_token(table, field) => collect(field, value, &mut named),
            Edit::Children(_, entries) => entries
                .iter()
                .flat_map(Object::values)
                .for_each(|(field, value)| collect(field, value, &mut named)),
            Edit::Set(..) | Edit::Unset(_) => {}
        }
    }
    named
}

fn is_token(table: &Table, field: &Field) -> bool {
    table == &LOCAL && field.kind.references() == [FORTITOKEN.path]
}

fn collect(field: &'static Field, value: &Value, named: &mut Vec<Named>) {
    let tables = field.kind.references();
    if tables.is_empty() {
        return;
    }
    let texts = value.texts().iter().filter(|text| !text.is_empty());
    named.extend(texts.map(|key| Named {
        tables,
        key: key.clone(),
    }));
}

/// The value with each name as the entry that exists is written.
pub(super) fn resolved(
    field: &'static Field,
    value: Value,
    facts: &Facts,
) -> Result<Value, AdminError> {
    let tables = field.kind.references();
    if tables.is_empty() {
        return Ok(value);
    }
    let as_written = |key: Box<str>| {
        if key.is_empty() {
            return Ok(key);
        }
        let named = Named { tables, key };
        match facts.named.get(&named) {
            Some(key) => Ok(key.clone()),
            None => Err(AdminError::NoReference {
                field: field.name,
                named,
            }),
        }
    };
    match value {
        Value::Text(key) => as_written(key).map(Value::Text),
        Value::List(keys) => {
            // Two spellings of one name are one entry.
            let mut seen = HashSet::with_capacity(keys.len());
            let mut keys: Vec<Box<str>> =
                keys.into_iter().map(as_written).collect::<Result<_, _>>()?;
            keys.retain(|key| seen.insert(key.clone()));
            Ok(Value::List(keys))
        }
        secret @ (Value::Secret(_) | Value::Sealed(_)) => Ok(secret),
    }
}

/// The entries of a child table, each name as the entry that exists is written.
pub(super) fn resolved_children(
    children: Vec<Object>,
    facts: &Facts,
) -> Result<Vec<Object>, AdminError> {
    let resolve = |child: Object| {
        let mut kept = Object::new(child.table, &child.key);
        for (field, value) in child.into_parts().0 {
            kept.set(field, resolved(field, value, facts)?);
        }
        Ok(kept)
    };
    children.into_iter().map(resolve).collect()
}

/// A token's owner is known from the token itself.
pub(super) fn with_owner(uses: Option<Uses>, owned: &Owned) -> Option<Uses> {
    let Some(owner) = &owned.owner else {
        return uses;
    };
    let mut uses = uses.unwrap_or_else(|| Uses {
        of: Box::from(owned.token.serial.as_str()),
        first: Vec::new(),
        total: 0,
    });
    let owner = Use {
        table: Box::from(LOCAL.path),
        key: Box::from(owner.name.as_written()),
        field: Box::from("fortitoken"),
    };
    uses.first.insert(0, owner);
    uses.total += 1;
    Some(uses)
}
