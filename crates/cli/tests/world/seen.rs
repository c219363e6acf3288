//! What of the tables a session was used for.

use std::collections::BTreeSet;

use cli::render::{Listing, Part};
use domain::admin::{AdminError, Edit, Operation};
use domain::schema::Table;
use domain::vdom::Vdom;

/// Each thing that was done with a table: `set system dns`, `delete user local`.
pub(crate) type Seen = BTreeSet<String>;

/// What a change does.
pub(crate) fn of(operation: &Operation) -> Seen {
    match operation {
        Operation::Configure { place, edits } => edits
            .iter()
            .map(|edit| edited(place.table(), edit))
            .collect(),
        Operation::Remove { place } => [format!("delete {}", place.table().path)].into(),
        _ => Seen::new(),
    }
}

fn edited(table: &Table, edit: &Edit) -> String {
    match edit {
        Edit::Set(..) => format!("set {}", table.path),
        Edit::Unset(_) => format!("unset {}", table.path),
        Edit::Children(child, _) => format!("config {} / config {}", table.path, child.path),
    }
}

/// The kind of a refusal: `refused NotFound`.
pub(crate) fn refused(error: &AdminError) -> String {
    let error = format!("{error:?}");
    let kind = error.split(|c: char| !c.is_alphanumeric()).next();
    format!("refused {}", kind.unwrap_or_default())
}

/// What a line shows, where it is one table.
pub(crate) fn shown(line: &str, listing: &Listing) -> Option<String> {
    let verb = if line.starts_with('g') { "get" } else { "show" };
    let parts = listing.parts(&[Vdom::ROOT]);
    let mut tables = parts.iter().filter_map(|part| match part {
        Part::Table(_, table) => Some(*table),
        Part::Text(_) => None,
    });
    match (tables.next(), tables.next()) {
        (Some(table), None) => Some(format!("{verb} {}", table.path)),
        _ => None,
    }
}
