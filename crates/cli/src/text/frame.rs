//! What is open while a configuration is read.

use domain::schema::{Object, Table};
use domain::vdom::Vdom;

use super::Entry;

/// The part of the unit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Top,
    Global,
    Vdoms,
    Vdom(Vdom),
    /// A virtual domain that cannot be here: nothing is taken from it.
    NoVdom,
}

/// What is open, the innermost last.
pub(super) enum Frame {
    Table(&'static Table),
    Entry(Draft),
    ChildTable(Children),
    ChildEntry(Object),
}

/// An entry that is not complete yet.
pub(super) struct Draft {
    pub(super) entry: Entry,
    /// Whether something in it cannot be left out without making it another entry.
    pub(super) spoilt: bool,
}

/// The entries of a child table.
pub(super) struct Children {
    pub(super) table: &'static Table,
    pub(super) entries: Vec<Object>,
    /// Whether something in them cannot be left out.
    pub(super) spoilt: bool,
}

/// A block that nothing is taken from.
pub(super) struct Skipping {
    pub(super) from: u32,
    pub(super) what: String,
    pub(super) why: &'static str,
    /// How many `end` are missing.
    pub(super) depth: u32,
}

impl Draft {
    pub(super) fn table(&self) -> &'static Table {
        self.entry.incoming.place.table()
    }

    /// Whether it is one of many, and not the only one of its table.
    pub(super) fn is_keyed(&self) -> bool {
        self.table().key().is_some()
    }
}

impl Children {
    pub(super) fn of(table: &'static Table) -> Self {
        Self {
            table,
            entries: Vec::new(),
            spoilt: false,
        }
    }
}
