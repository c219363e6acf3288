//! Entries that name each other: what is named must exist, and must stay while it is named.

use std::collections::HashSet;
use std::fmt;

use super::vdoms::Unnamed;
use super::{AdminError, Edit, Facts, Owned, Owner};
use crate::name::Realm;
use crate::schema::{FORTITOKEN, Field, LOCAL, Object, Place, Table, Value};
use crate::vdom::Vdom;

/// An entry that a value names: that of the first of these tables that has one with this key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Named {
    /// The virtual domain of the value; what stands once is named from all.
    pub vdom: Vdom,
    /// Paths of the tables.
    pub tables: &'static [&'static str],
    /// The key as typed.
    pub key: Box<str>,
}

/// Which entries somebody may name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UsesOf {
    /// This one.
    Entry(Place),
    /// Any of the table in this virtual domain: the first that is named.
    AnyEntry(Vdom, &'static Table),
}

/// Who names an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uses {
    /// The key of the entry that is named.
    pub of: Box<str>,
    /// Some who do; none of them that is not to be named.
    pub first: Vec<Use>,
    /// How many entries do.
    pub total: u64,
}

/// One entry that names another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Use {
    /// Its virtual domain; the root for what stands once.
    pub vdom: Vdom,
    /// Path of its table.
    pub table: Box<str>,
    /// Its key; empty for a single object.
    pub key: Box<str>,
    /// The field that holds the name, with the child entry that has it: `match 1 server-name`.
    pub field: Box<str>,
}

impl Named {
    /// The entry at this place.
    pub(super) fn at(place: &Place) -> Self {
        Self {
            vdom: place.vdom(),
            tables: std::slice::from_ref(&place.table().path),
            key: place.key().into(),
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
        if self.first.is_empty() {
            return write!(f, "{} name it", Unnamed(self.total));
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
        let Self {
            vdom,
            table,
            key,
            field,
        } = self;
        if !vdom.is_root() {
            write!(f, "vdom {vdom}: ")?;
        }
        if key.is_empty() {
            return write!(f, "{table} names it in {field}");
        }
        write!(f, "{table} \"{key}\" names it in {field}")
    }
}

/// What the values of these edits name. The token of a user is no plain name: it comes with its owner.
pub(super) fn named(place: &Place, edits: &[Edit]) -> Vec<Named> {
    let mut named = Vec::new();
    let mut collect = |field, value| named.extend(names(place.vdom(), field, value));
    for edit in edits {
        match edit {
            Edit::Set(field, value) if !is_token(place.table(), field) => collect(field, value),
            Edit::Children(_, entries) => entries
                .iter()
                .flat_map(Object::values)
                .for_each(|(field, value)| collect(field, value)),
            Edit::Set(..) | Edit::Unset(_) => {}
        }
    }
    named
}

fn is_token(table: &Table, field: &Field) -> bool {
    table == &LOCAL && field.kind.references() == [FORTITOKEN.path]
}

pub(super) fn names(vdom: Vdom, field: &'static Field, value: &Value) -> Vec<Named> {
    let tables = field.kind.references();
    if tables.is_empty() {
        return Vec::new();
    }
    let texts = value.texts().iter();
    texts
        .filter(|text| !field.names_nothing(text))
        .map(|key| Named {
            vdom,
            tables,
            key: key.clone(),
        })
        .collect()
}

/// The value with each name as the entry that exists is written.
pub(super) fn resolved(
    vdom: Vdom,
    field: &'static Field,
    value: Value,
    facts: &Facts,
) -> Result<Value, AdminError> {
    let tables = field.kind.references();
    if tables.is_empty() {
        return Ok(value);
    }
    let as_written = |key: Box<str>| {
        if field.names_nothing(&key) {
            return Ok(key);
        }
        let named = Named { vdom, tables, key };
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
        secret @ (Value::Secret(_) | Value::Sealed(_) | Value::Foreign(_)) => Ok(secret),
    }
}

/// The entries of a child table, each name as the entry that exists is written.
pub(super) fn resolved_children(
    vdom: Vdom,
    children: Vec<Object>,
    facts: &Facts,
) -> Result<Vec<Object>, AdminError> {
    let resolve = |child: Object| {
        let mut kept = Object::new(child.table, &child.key);
        for (field, value) in child.into_parts().0 {
            kept.set(field, resolved(vdom, field, value, facts)?);
        }
        Ok(kept)
    };
    children.into_iter().map(resolve).collect()
}

/// A token's owner is known from the token itself.
pub(super) fn with_owner(uses: Option<Uses>, owned: &Owned) -> Option<Uses> {
    // Administrators' tokens are in the index of who names whom.
    let of_user = |owner: &&Owner| owner.name.canonical().realm() != Realm::Administrators;
    let Some(owner) = owned.owner.as_ref().filter(of_user) else {
        return uses;
    };
    let mut uses = uses.unwrap_or_else(|| Uses {
        of: Box::from(owned.token.serial.as_str()),
        first: Vec::new(),
        total: 0,
    });
    let owner = Use {
        vdom: owned.token.vdom,
        table: Box::from(LOCAL.path),
        key: Box::from(owner.name.as_written()),
        field: Box::from("fortitoken"),
    };
    uses.first.insert(0, owner);
    uses.total += 1;
    Some(uses)
}
