//! What is open while a configuration is read.

use domain::admin::Understood;
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
    pub(super) why: String,
    /// How many `end` are missing.
    pub(super) depth: u32,
}

impl Draft {
    pub(super) fn table(&self) -> &'static Table {
        self.entry.incoming.place.table()
    }

    /// The entry as it is handed on. One with a key that is spoilt says no more than that it is there.
    pub(super) fn closed(self) -> Entry {
        let understood = match (self.spoilt, self.is_keyed()) {
            (false, _) => Understood::Whole,
            (true, false) => Understood::Partly,
            (true, true) => Understood::TooLittle,
        };
        let Entry {
            mut incoming,
            line,
            mut fields,
        } = self.entry;
        if understood == Understood::TooLittle {
            incoming.edits.clear();
            fields.clear();
        }
        incoming.understood = understood;
        Entry {
            incoming,
            line,
            fields,
        }
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
