//! Where entries stand.

use super::{Scope, Table};
use crate::vdom::Vdom;

/// An entry of a table, or its single object, in a virtual domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    vdom: Vdom,
    table: &'static Table,
    key: Box<str>,
}

impl Place {
    /// The entry with this key for somebody who stands in `vdom`; the key is empty for a single object.
    pub fn new(vdom: Vdom, table: &'static Table, key: impl Into<Box<str>>) -> Self {
        Self {
            vdom: table.within(vdom),
            table,
            key: key.into(),
        }
    }

    /// The single object that the unit has once.
    pub fn of_unit(table: &'static Table) -> Self {
        Self::new(Vdom::ROOT, table, "")
    }

    /// The virtual domain; the root for a table that stands once.
    pub fn vdom(&self) -> Vdom {
        self.vdom
    }

    /// The table.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The key; empty for a single object.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Table {
    /// Where the entries are kept that somebody in `vdom` sees: a table that stands once is the root's.
    pub fn within(&self, vdom: Vdom) -> Vdom {
        match self.scope {
            Scope::Global => Vdom::ROOT,
            Scope::Vdom => vdom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{GLOBAL, LOCAL};

    #[test]
    fn a_global_table_stands_once() {
        let sales = Vdom::parse("sales").unwrap();
        assert_eq!(Place::new(sales, &GLOBAL, "").vdom(), Vdom::ROOT);
        assert_eq!(Place::new(sales, &LOCAL, "alice").vdom(), sales);
    }
}
