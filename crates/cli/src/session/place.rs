//! Where a session stands: in which part of the unit, and in which table and entry there.

use domain::schema::{Scope as Standing, Shape, Table, VDOM};
use domain::vdom::Vdom;

use super::entry::Entry;
use crate::walk::Scope;

/// The part of the unit that commands are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    /// All of it: there are no virtual domains.
    Unit,
    /// The top of a unit with virtual domains.
    Top,
    /// What the unit has once: `config global`.
    Global,
    /// One virtual domain: `config vdom`, `edit NAME`.
    Vdom(Vdom),
    /// One of those in which alone the administrator works. The way to the others begins here: such an
    /// administrator stands at no top, where others type `config vdom`.
    OwnVdom(Vdom),
}

impl Context {
    /// Whether `config` leads to a table from here.
    pub(crate) fn configures(self, table: &Table) -> bool {
        match self {
            Self::Unit => table != &VDOM,
            Self::Top => table == &VDOM,
            Self::Global => table.scope == Standing::Global && table != &VDOM,
            Self::Vdom(_) => table.scope == Standing::Vdom,
            Self::OwnVdom(_) => table.scope == Standing::Vdom || table == &VDOM,
        }
    }

    /// Whether `show` and `get` tell of a table from here.
    pub(crate) fn shows(self, table: &Table) -> bool {
        match self {
            Self::Unit | Self::Global | Self::Vdom(_) => self.configures(table),
            Self::OwnVdom(_) => table.scope == Standing::Vdom,
            Self::Top => table.scope == Standing::Global && table != &VDOM,
        }
    }

    /// The one virtual domain that reports are about; none for reports about all.
    pub(crate) fn only(self) -> Option<Vdom> {
        match self {
            Self::Vdom(vdom) | Self::OwnVdom(vdom) => Some(vdom),
            Self::Unit | Self::Top | Self::Global => None,
        }
    }

    /// The virtual domain that commands are about.
    pub(crate) fn vdom(self) -> Vdom {
        match self {
            Self::Vdom(vdom) | Self::OwnVdom(vdom) => vdom,
            Self::Unit | Self::Top | Self::Global => Vdom::ROOT,
        }
    }
}

/// Where a session stands.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) base: Base,
    /// Open tables and entries, the innermost last.
    pub(super) levels: Vec<Level>,
}

/// What was opened before any table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Base {
    Top,
    Global,
    Vdoms,
    Vdom(Vdom),
}

#[derive(Debug)]
pub(super) enum Level {
    Table(&'static Table),
    Entry(Entry),
}

impl Place {
    pub(super) fn top() -> Self {
        Self {
            base: Base::Top,
            levels: Vec::new(),
        }
    }

    /// Whether nothing is open.
    pub(super) fn is_top(&self) -> bool {
        self.base == Base::Top && self.levels.is_empty()
    }

    /// The words that may be typed here.
    pub(super) fn scope(&self, context: Context) -> Scope {
        match (self.levels.last(), self.base) {
            (Some(Level::Table(table)), _) => Scope::Table(table),
            (Some(Level::Entry(entry)), _) => Scope::Entry(entry.table),
            (None, Base::Vdoms) => Scope::Vdoms,
            (None, Base::Top | Base::Global | Base::Vdom(_)) => Scope::Top(context),
        }
    }

    /// What stands in the brackets of the prompt.
    pub(super) fn name(&self) -> Option<&str> {
        match (self.levels.last(), &self.base) {
            (Some(Level::Entry(entry)), _) if !entry.key.is_empty() => Some(&entry.key),
            (Some(Level::Entry(Entry { table, .. }) | Level::Table(table)), _) => {
                Some(table.name())
            }
            (None, Base::Top) => None,
            (None, Base::Global) => Some("global"),
            (None, Base::Vdoms) => Some("vdom"),
            (None, Base::Vdom(vdom)) => Some(vdom.as_str()),
        }
    }

    /// The open table whose entries may be edited here.
    pub(super) fn table(&self) -> Option<&'static Table> {
        match self.levels.last() {
            Some(Level::Table(table)) => Some(table),
            Some(Level::Entry(_)) | None => None,
        }
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        match self.levels.last() {
            Some(Level::Entry(entry)) => Some(entry),
            Some(Level::Table(_)) | None => None,
        }
    }

    pub(super) fn entry_mut(&mut self) -> Option<&mut Entry> {
        match self.levels.last_mut() {
            Some(Level::Entry(entry)) => Some(entry),
            Some(Level::Table(_)) | None => None,
        }
    }

    /// The entry that is open or in which the open table stands.
    pub(super) fn innermost_mut(&mut self) -> Option<&mut Entry> {
        let mut levels = self.levels.iter_mut().rev();
        levels.find_map(|level| match level {
            Level::Entry(entry) => Some(entry),
            Level::Table(_) => None,
        })
    }

    /// The entry in which the open child table or child entry stands.
    pub(super) fn parent_mut(&mut self) -> Option<&mut Entry> {
        let (_, below) = self.levels.split_last_mut()?;
        below.iter_mut().rev().find_map(|level| match level {
            Level::Entry(entry) => Some(entry),
            Level::Table(_) => None,
        })
    }

    pub(super) fn parent(&self) -> Option<&Entry> {
        let (_, below) = self.levels.split_last()?;
        below.iter().rev().find_map(|level| match level {
            Level::Entry(entry) => Some(entry),
            Level::Table(_) => None,
        })
    }

    /// The entry that is open with something in it that is not saved, by its key or its table's path.
    pub(super) fn unsaved(&self) -> Option<&str> {
        let outermost = self.outermost()?;
        let name = match &*outermost.key {
            "" => outermost.table.path,
            key => key,
        };
        self.entries().any(Entry::is_changed).then_some(name)
    }

    /// The open entry that stands in no other.
    pub(super) fn outermost(&self) -> Option<&Entry> {
        self.entries().next()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.levels.iter().filter_map(|level| match level {
            Level::Entry(entry) => Some(entry),
            Level::Table(_) => None,
        })
    }

    /// One level up: out of an entry into its table, out of a table to what it stands in.
    pub(super) fn step_out(&mut self) {
        if self.levels.pop().is_none() {
            self.base = match self.base {
                Base::Vdom(_) => Base::Vdoms,
                Base::Top | Base::Global | Base::Vdoms => Base::Top,
            };
        }
    }

    /// Out of the table, whether an entry of it is open or not.
    pub(super) fn leave_table(&mut self) {
        match self.levels.pop() {
            Some(Level::Entry(Entry {
                table:
                    Table {
                        shape: Shape::Keyed(_),
                        ..
                    },
                ..
            })) => {
                self.levels.pop();
            }
            Some(_) => {}
            None => self.base = Base::Top,
        }
    }

    /// Out of everything that is open; from nothing open, to the top.
    pub(super) fn leave_all(&mut self) {
        if self.levels.is_empty() {
            self.base = Base::Top;
        }
        self.levels.clear();
    }
}
