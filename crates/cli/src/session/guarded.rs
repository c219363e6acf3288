//! Entries that say who gets in are saved whole or not at all. Of a pasted administrator whose `trusthost1` is
//! refused, the rest would let in more than the configuration says.

use domain::schema::{Field, Table};

use super::{Complaint, Leave, Session, Step, is_child, refuse};
use crate::misspelling::is_misspelt;
use crate::text::{is_known_to_restrict, restricts_as_table};
use crate::words::{self, CHANGES};

/// Before the name of a block among what was refused.
const BLOCK: &str = "config ";

impl Session {
    /// After a line was refused: the open entry is not saved before what the line was about is set.
    pub(super) fn spoil_by(&mut self, line: &str) {
        let words = words::leniently(line);
        let [verb, rest @ ..] = &words[..] else {
            return;
        };
        let is_any_of = |known: &[&str]| {
            let mut known = known.iter();
            !verb.is_empty() && known.any(|known| known.starts_with(verb.as_str()))
        };
        match rest {
            [key, ..] if is_any_of(&["edit"]) => self.mistype(key),
            _ if is_any_of(&CHANGES) || is_any_of(&["next"]) => self.confirm_mistyped(),
            _ => {}
        }
        if let [name, values @ ..] = rest
            && is_any_of(&CHANGES)
        {
            self.spoil_by_change(name, values);
        }
    }

    fn spoil_by_change(&mut self, name: &str, values: &[String]) {
        let Some(entry) = self.place.entry() else {
            return;
        };
        let table = entry.table;
        let mut meant = table.fields.iter().filter(|field| is_meant(field, name));
        let exact = table.fields.iter().find(|field| field.name == name);
        match exact.or_else(|| meant.next()) {
            Some(field) => self.spoil(field),
            None if is_known_to_restrict(table, name, values) => self.remember(name),
            None => {}
        }
    }

    /// Of a block that is passed over a line came: what it says is no part of the open entry.
    pub(super) fn spoil_by_block(&mut self, path: &str) {
        let outermost = self.place.outermost();
        if outermost.is_some_and(|entry| restricts_as_table(entry.table, path))
            && let Some(entry) = self.place.innermost_mut()
        {
            entry.refused.insert(format!("{BLOCK}{path}").into());
        }
    }

    /// A table of the open entry is opened: in place of those that were meant for it and misspelt.
    pub(super) fn replace_misspelt(&mut self, table: &Table) {
        if let Some(entry) = self.place.entry_mut() {
            let is_block = |refused: &str| {
                let path = refused.strip_prefix(BLOCK);
                path.is_some_and(|path| is_misspelt(path, table.path))
            };
            entry.refused.retain(|refused| !is_block(refused));
        }
    }

    /// A field of the open entry is not as it was meant to be.
    pub(super) fn spoil(&mut self, field: &Field) {
        let entry = self.place.entry();
        if entry.is_some() && field.bounds_admission() {
            self.remember(field.name);
        }
    }

    /// An entry of the open child table is not as it was meant to be: then neither is the entry around it.
    pub(super) fn spoil_parent(&mut self, key: &str) {
        let table = self.place.table().filter(|table| is_child(table));
        let bounding = table.filter(|table| table.fields.iter().any(Field::bounds_admission));
        if let (Some(table), Some(parent)) = (bounding, self.place.parent_mut()) {
            parent.refused.insert(child_words(table, key));
        }
    }

    /// The key was refused: the next one may be what was meant, if nothing is said of the entry before.
    fn mistype(&mut self, key: &str) {
        self.spoil_parent(key);
        if let (Some(table), Some(parent)) = (self.place.table(), self.place.parent_mut()) {
            parent.mistyped.push(child_words(table, key));
        }
    }

    /// What is said in an open child table was meant for the entry whose key was refused: it is lost.
    fn confirm_mistyped(&mut self) {
        if let (Some(_), Some(parent)) = (self.place.table(), self.place.parent_mut()) {
            parent.mistyped.clear();
        }
    }

    /// An entry of the open child table is edited: in place of those whose keys were just refused.
    pub(super) fn replace_mistyped(&mut self) {
        if let Some(parent) = self.place.parent_mut() {
            for mistyped in parent.mistyped.drain(..) {
                parent.refused.remove(&mistyped);
            }
        }
    }

    /// The entry is as it was meant to be now.
    pub(super) fn heal_parent(&mut self, table: &Table, key: &str) {
        if let Some(parent) = self.place.parent_mut() {
            parent.refused.remove(&child_words(table, key));
        }
    }

    fn remember(&mut self, field: &str) {
        if let Some(entry) = self.place.entry_mut() {
            entry.refused.insert(field.into());
        }
    }

    /// Leaves an entry that was spoilt as it was: what is pasted behind it must not end up in it.
    pub(super) fn discard(&mut self, field: &str, leave: Leave) -> Step {
        self.leave(leave);
        refuse(&Complaint::spoilt(field))
    }
}

/// `match 1`: no field has a blank in its name.
fn child_words(table: &Table, key: &str) -> Box<str> {
    format!("{} {key}", table.path).into()
}

fn is_meant(field: &Field, name: &str) -> bool {
    !name.is_empty() && field.name.starts_with(name)
}
