//! An entry between `edit` and `next`.

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
}

impl Entry {
    /// A new entry is worth saving with nothing set; a single object always exists.
    pub(super) fn is_changed(&self) -> bool {
        let is_new = self.stored.is_none() && !self.key.is_empty();
        is_new || !self.edits.is_empty()
    }

    pub(super) fn list(&self, view: View, zone: Zone) -> String {
        let values = self.table.fields.iter();
        let values = values.filter_map(|field| self.value(field).map(|value| (field, value)));
        let shown = Shown {
            table: self.table,
            key: &self.key,
            values: values.collect(),
        };
        let scope = match self.table.shape {
            Shape::Keyed(_) => Scope::Entry(self.table, self.key.clone()),
            Shape::Single => Scope::Table(self.table),
        };
        let mut listing = Listing::new(view, scope, zone);
        listing.shown(&shown) + &listing.end(self.table)
    }

    /// What a field will hold once the entry is saved, if that is not its default.
    fn value(&self, field: &Field) -> Option<&Value> {
        let last = self.edits.iter().rev().find_map(|edit| match edit {
            Edit::Set(set, value) if set.name == field.name => Some(Some(value)),
            Edit::Unset(unset) if unset.name == field.name => Some(None),
            Edit::Set(..) | Edit::Unset(_) | Edit::Children(..) => None,
        });
        let stored = || {
            self.stored
                .as_ref()
                .and_then(|stored| stored.value(field.name))
        };
        last.unwrap_or_else(stored)
            .filter(|value| !field.is_default(value))
    }
}
