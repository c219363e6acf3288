//! Values that name entries of other tables: each is looked up before the value is kept.

use std::collections::VecDeque;

use domain::admin::Edit;
use domain::schema::{Field, Object, Table, Value};

use super::{AdminError, Awaited, Complaint, Session, Step, refuse};

/// A value whose names are being looked up.
#[derive(Debug)]
pub(super) struct Pending {
    field: &'static Field,
    value: Value,
    /// Names that are not known to exist yet; the first is the one that was asked for.
    names: VecDeque<Box<str>>,
    /// How many of the field's tables do not have the first name.
    tried: usize,
}

impl Pending {
    fn table(&self) -> Option<&'static Table> {
        let path = self.field.kind.references().get(self.tried)?;
        Table::at(path)
    }
}

impl Session {
    /// Keeps a value once `names` of it are known to exist.
    pub(super) fn resolve(
        &mut self,
        field: &'static Field,
        value: Value,
        names: Vec<Box<str>>,
    ) -> Step {
        let names = if field.kind.references().is_empty() {
            VecDeque::new()
        } else {
            let named = names.into_iter();
            named.filter(|name| !field.names_nothing(name)).collect()
        };
        self.ask_for(Pending {
            field,
            value,
            names,
            tried: 0,
        })
    }

    /// The answer for the first name.
    pub(super) fn resolved(&mut self, mut pending: Pending, entry: Option<&Object>) -> Step {
        if entry.is_some() {
            pending.names.pop_front();
            pending.tried = 0;
        } else {
            pending.tried += 1;
        }
        self.ask_for(pending)
    }

    fn ask_for(&mut self, pending: Pending) -> Step {
        match (pending.names.front(), pending.table()) {
            (None, _) => self.keep(Edit::Set(pending.field, pending.value)),
            (Some(name), Some(table)) => {
                let step = self.fetch(table, name);
                self.awaited = Some(Awaited::Reference(pending));
                step
            }
            (Some(name), None) => {
                self.spoil(pending.field);
                refuse(&no_entry(pending.field, name))
            }
        }
    }
}

fn no_entry(field: &'static Field, name: &str) -> Complaint {
    let plain = match field.kind.references() {
        [path] => Table::at(path).map(|table| {
            let key = name.into();
            AdminError::NotFound { table, key }.next_step()
        }),
        _ => None,
    };
    let plain = plain.unwrap_or_else(|| {
        let paths = field.kind.references().join(", ");
        format!("there is no '{name}' in any of: {paths}")
    });
    Complaint::reference(name, plain)
}
