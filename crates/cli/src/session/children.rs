//! Tables inside entries. What is done there is part of the entry: it is saved with it.

use domain::schema::{KeyForm, Object, Table, VDOM};

use super::configuring::check_key;
use super::entry::renamed;
use super::place::Level;
use super::{Complaint, Invocation, Keys, Leave, Session, Step, entries_of, is_child, refuse};
use crate::render::{Listing, Shown, View};
use crate::tree::BEFORE_OR_AFTER;

/// Entries of a child table in one entry at most: they are part of it, are copied with it and saved with
/// it. FortiOS has limits of some hundreds there.
const CHILDREN_MAX: usize = 1_000;

impl Session {
    pub(super) fn config_child(&mut self, invocation: &Invocation) -> Step {
        if let Some(table) = invocation.child {
            self.replace_misspelt(table);
            self.place.levels.push(Level::Table(table));
        }
        Step::Nothing
    }

    pub(super) fn edit_child(
        &mut self,
        table: &'static Table,
        key: &str,
    ) -> Result<Step, Complaint> {
        let siblings = self.siblings(table);
        let key: Box<str> = match table.key().map(|key| key.form) {
            Some(KeyForm::Number(_)) if key == "0" => next_free(&siblings).into(),
            _ => key.into(),
        };
        check_key(table, &key)?;
        let count = siblings.len();
        let stored = siblings.into_iter().find(|child| child.key == key);
        if stored.is_none() {
            must_have_room(count)?;
        }
        self.replace_mistyped();
        Ok(self.open_entry(table, key, stored))
    }

    pub(super) fn save_child(&mut self, leave: Leave) -> Step {
        let Some(Level::Entry(entry)) = self.place.levels.pop() else {
            return Step::Nothing;
        };
        let table = entry.table;
        let spoilt = entry.refused.first().cloned();
        let is_changed = entry.is_changed();
        let child = entry.into_object();
        if let Some(field) = spoilt {
            self.spoil_parent(&child.key);
            if leave == Leave::OutOfTable {
                self.place.leave_table();
            }
            return refuse(&Complaint::spoilt(&field));
        }
        self.heal_parent(table, &child.key);
        if is_changed {
            let mut siblings = self.siblings(table);
            match siblings.iter_mut().find(|other| other.key == child.key) {
                Some(other) => *other = child,
                None => siblings.push(child),
            }
            self.put_siblings(table, siblings);
        }
        if leave == Leave::OutOfTable {
            self.place.leave_table();
        }
        Step::Nothing
    }

    pub(super) fn delete_child(
        &mut self,
        table: &'static Table,
        key: &str,
    ) -> Result<Step, Complaint> {
        let mut siblings = self.siblings(table);
        let at = place_of(&siblings, key)?;
        siblings.remove(at);
        self.put_siblings(table, siblings);
        Ok(Step::Nothing)
    }

    pub(super) fn rename_child(
        &mut self,
        table: &'static Table,
        from: &str,
        to: &str,
    ) -> Result<Step, Complaint> {
        let mut siblings = self.siblings(table);
        let at = place_of(&siblings, from)?;
        must_be_free(&siblings, to)?;
        if let Some(child) = siblings.get_mut(at) {
            *child = renamed(child, to);
        }
        self.put_siblings(table, siblings);
        Ok(Step::Nothing)
    }

    pub(super) fn clone_child(
        &mut self,
        table: &'static Table,
        from: &str,
        to: &str,
    ) -> Result<Step, Complaint> {
        let mut siblings = self.siblings(table);
        let at = place_of(&siblings, from)?;
        must_be_free(&siblings, to)?;
        must_have_room(siblings.len())?;
        let copy = siblings.get(at).map(|child| renamed(child, to));
        siblings.extend(copy);
        self.put_siblings(table, siblings);
        Ok(Step::Nothing)
    }

    pub(super) fn move_entry(&mut self, words: &[String]) -> Result<Step, Complaint> {
        let (Some(table), [key, place, other]) = (self.place.table(), words) else {
            return Ok(Step::Nothing);
        };
        let mut siblings = self.siblings(table);
        let from = place_of(&siblings, key)?;
        let child = siblings.remove(from);
        let to = if key == other {
            from
        } else {
            let after = BEFORE_OR_AFTER
                .last()
                .is_some_and(|it| it.word.starts_with(place.as_str()));
            place_of(&siblings, other)? + usize::from(after)
        };
        siblings.insert(to, child);
        self.put_siblings(table, siblings);
        Ok(Step::Nothing)
    }

    /// The open child table, as its entry will have it, or one entry of it.
    pub(super) fn child_listing(
        &self,
        view: View,
        table: &'static Table,
        key: &str,
    ) -> Result<String, Complaint> {
        let mut siblings = self.siblings(table);
        if !key.is_empty() {
            let at = place_of(&siblings, key)?;
            siblings = vec![siblings.remove(at)];
        }
        let mut listing = Listing::new(view, entries_of(table, key), self.zone);
        let entries = siblings
            .iter()
            .map(|child| listing.shown(&Shown::from(child)));
        let text: String = entries.collect();
        Ok(text + &listing.end(table))
    }

    /// Keys for which no store is asked: those of the open child table, which none knows yet, and the virtual
    /// domains of an administrator who is to hear of no others.
    pub(super) fn keys_known_here(&self, keys: &Keys) -> Option<Vec<Box<str>>> {
        if keys.tables() == [&VDOM] {
            return self.permission.own_vdoms();
        }
        self.keys_of_siblings(keys)
    }

    fn keys_of_siblings(&self, keys: &Keys) -> Option<Vec<Box<str>>> {
        let table = self.place.table().filter(|table| is_child(table))?;
        let is_asked = keys.tables() == [table];
        let siblings = self.siblings(table).into_iter();
        is_asked.then(|| siblings.map(|child| child.key).collect())
    }

    fn siblings(&self, table: &'static Table) -> Vec<Object> {
        let parent = self.place.parent();
        parent.map_or_else(Vec::new, |parent| parent.copied_children(table))
    }

    pub(super) fn put_siblings(&mut self, table: &'static Table, entries: Vec<Object>) {
        if let Some(parent) = self.place.parent_mut() {
            parent.put_children(table, entries);
        }
    }
}

/// One above the greatest number in use.
fn next_free(siblings: &[Object]) -> String {
    let numbers = siblings
        .iter()
        .filter_map(|child| child.key.parse::<u32>().ok());
    (numbers.max().unwrap_or(0).saturating_add(1)).to_string()
}

fn place_of(siblings: &[Object], key: &str) -> Result<usize, Complaint> {
    let place = siblings.iter().position(|child| *child.key == *key);
    place.ok_or_else(|| Complaint::reference(key, "there is no such entry here; 'show' lists them"))
}

fn must_have_room(count: usize) -> Result<(), Complaint> {
    if count < CHILDREN_MAX {
        return Ok(());
    }
    Err(Complaint::full(format!(
        "there are {CHILDREN_MAX} entries here: delete one first"
    )))
}

fn must_be_free(siblings: &[Object], key: &str) -> Result<(), Complaint> {
    match place_of(siblings, key) {
        Ok(_) => {
            let plain = format!("there is '{key}' here already: choose another name");
            Err(Complaint::duplicate(plain))
        }
        Err(_) => Ok(()),
    }
}
