//! An entry between `edit` and `next`.

use std::collections::BTreeSet;

use domain::admin::Edit;
use domain::schema::{Field, Object, Shape, Table, Value};

use crate::render::{Listing, Scope, Shown, View, Zone};

/// An entry that is open, with what was set since.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) table: &'static Table,
    pub(super) key: Box<str>,
    /// As it was when it was opened; none for a new one.
    pub(super) stored: Option<Object>,
    pub(super) edits: Vec<Edit>,
    /// Fields whose change was refused since, where an entry is saved whole or not at all.
    pub(super) refused: BTreeSet<Box<str>>,
    /// Of these, entries of a child table whose keys no entry can have, with nothing typed behind them yet:
    /// another `edit` takes their place.
    pub(super) mistyped: Vec<Box<str>>,
}

impl Entry {
    /// A new entry is worth saving with nothing set; a single object always exists.
    pub(super) fn is_changed(&self) -> bool {
        let is_new = self.stored.is_none() && !self.key.is_empty();
        is_new || !self.edits.is_empty()
    }

    pub(super) fn list(&self, view: View, zone: Zone) -> String {
        let scope = match self.table.shape {
            Shape::Keyed(_) => Scope::Entry(self.table, self.key.clone()),
            Shape::Single => Scope::Table(self.table),
        };
        let mut listing = Listing::new(view, scope, zone);
        listing.shown(&self.shown()) + &listing.end(self.table)
    }

    fn shown(&self) -> Shown<'_> {
        let values = self.table.fields.iter();
        let values = values.filter_map(|field| self.value(field).map(|value| (field, value)));
        let children = self.table.children.iter();
        Shown {
            table: self.table,
            key: &self.key,
            values: values.collect(),
            children: children.flat_map(|table| self.children(table)).collect(),
        }
    }

    /// What a field will hold once the entry is saved, if that is not its default.
    pub(super) fn value(&self, field: &Field) -> Option<&Value> {
        let edited = self.edits.iter().find_map(|edit| match edit {
            Edit::Set(set, value) if set.name == field.name => Some(Some(value)),
            Edit::Unset(unset) if unset.name == field.name => Some(None),
            Edit::Set(..) | Edit::Unset(_) | Edit::Children(..) => None,
        });
        let stored = || {
            self.stored
                .as_ref()
                .and_then(|stored| stored.value(field.name))
        };
        edited
            .unwrap_or_else(stored)
            .filter(|value| !field.is_default(value))
    }

    /// What a list field will hold once the entry is saved.
    pub(super) fn texts(&self, field: &Field) -> Vec<Box<str>> {
        match self.value(field) {
            Some(value) => value.texts().to_vec(),
            None => field.default_value().texts().to_vec(),
        }
    }

    /// The entries that a child table will have once this entry is saved.
    pub(super) fn children(&self, table: &'static Table) -> Vec<&Object> {
        let edited = self.edits.iter().find_map(|edit| match edit {
            Edit::Children(set, entries) if *set == table => Some(entries.iter().collect()),
            Edit::Set(..) | Edit::Unset(_) | Edit::Children(..) => None,
        });
        let stored = || self.stored.iter().flat_map(|stored| stored.children(table));
        edited.unwrap_or_else(|| stored().collect())
    }

    /// Copies of those entries, to be changed and put back with [`Entry::put_children`].
    pub(super) fn copied_children(&self, table: &'static Table) -> Vec<Object> {
        let children = self.children(table);
        children.into_iter().map(copied).collect()
    }

    pub(super) fn put_children(&mut self, table: &'static Table, entries: Vec<Object>) {
        self.keep(Edit::Children(table, entries));
    }

    /// Keeps an edit in place of an earlier one of the same field or child table: however often something
    /// is set, the edits are no more than the table has fields.
    pub(super) fn keep(&mut self, edit: Edit) {
        self.edits.retain(|earlier| !edits_the_same(earlier, &edit));
        if let Edit::Set(field, _) | Edit::Unset(field) = &edit {
            self.refused.remove(field.name);
        }
        self.edits.push(edit);
    }

    /// The entry as it will be once it is saved.
    pub(super) fn into_object(self) -> Object {
        let mut object = self
            .stored
            .unwrap_or_else(|| Object::new(self.table, &self.key));
        for edit in self.edits {
            match edit {
                Edit::Set(field, value) => object.set(field, value),
                Edit::Unset(field) => object.unset(field),
                Edit::Children(table, entries) => object.set_children(table, entries),
            }
        }
        object
    }
}

fn edits_the_same(one: &Edit, other: &Edit) -> bool {
    match (one, other) {
        (Edit::Children(one, _), Edit::Children(other, _)) => one == other,
        (Edit::Set(one, _) | Edit::Unset(one), Edit::Set(other, _) | Edit::Unset(other)) => {
            one.name == other.name
        }
        _ => false,
    }
}

/// An entry of a child table holds nothing secret, so all of it can be copied.
fn copied(object: &Object) -> Object {
    renamed(object, &object.key)
}

/// The same under another key.
pub(super) fn renamed(object: &Object, key: &str) -> Object {
    let mut copy = Object::new(object.table, key);
    for (field, value) in object.values() {
        let value = match value {
            Value::List(texts) => Value::List(texts.clone()),
            other => Value::Text(other.as_text().unwrap_or("").into()),
        };
        copy.set(field, value);
    }
    copy
}
