//! `config` and what it leads to: places, tables, entries, fields.

use std::collections::BTreeSet;

use domain::admin::{self, Edit, Operation};
use domain::schema::{
    Access, FORTITOKEN, Field, KeyForm, Object, Place, Shape, Table, VDOM, Value, ValueError,
};
use domain::vdom::Vdom;

use super::entry::Entry;
use super::place::{Base, Level};
use super::{AdminError, Invocation, arguments, bad_value, is_child, printable, refuse, run};
use super::{Asked, Awaited, Command, Complaint, GLOBAL_PLACE, Leave, Refused, Session, Step};

/// What is asked before a table is cleared.
const PURGE_NOTICE: &str = "This operation will clear all table!\n";

impl Session {
    pub(super) fn config(&mut self, invocation: &Invocation) -> Step {
        if invocation.path == [GLOBAL_PLACE] {
            self.place.base = Base::Global;
            return Step::Nothing;
        }
        match invocation.tables[..] {
            [table] if table == &VDOM => {
                self.place.base = Base::Vdoms;
                Step::Nothing
            }
            [table] if matches!(table.shape, Shape::Keyed(_)) => {
                self.place.levels.push(Level::Table(table));
                Step::Nothing
            }
            [table] => self.fetch_entry(table, ""),
            _ => Step::Nothing,
        }
    }

    pub(super) fn edit(&mut self, key: &str) -> Result<Step, Complaint> {
        if self.is_among_vdoms() {
            let vdom = arguments::vdom(key)?;
            self.permission.enter(vdom)?;
            self.awaited = Some(Awaited::Vdom(vdom));
            return Ok(self.fetch(&VDOM, key));
        }
        let Some(table) = self.place.table() else {
            return Ok(Step::Nothing);
        };
        if is_child(table) {
            return self.edit_child(table, key);
        }
        check_key(table, key)?;
        Ok(self.fetch_entry(table, key))
    }

    fn is_among_vdoms(&self) -> bool {
        self.place.levels.is_empty() && self.place.base == Base::Vdoms
    }

    pub(super) fn enter(&mut self, vdom: Vdom) -> Step {
        self.place.base = Base::Vdom(vdom);
        Step::Print(format!("current vf={vdom}\n"))
    }

    pub(super) fn create(&mut self, vdom: Vdom) -> Step {
        self.awaited = Some(Awaited::NewVdom(vdom));
        run(Command::Configure(Operation::Configure {
            place: Place::new(Vdom::ROOT, &VDOM, vdom.as_str()),
            edits: Vec::new(),
        }))
    }

    fn fetch_entry(&mut self, table: &'static Table, key: &str) -> Step {
        self.awaited = Some(Awaited::Entry(table, key.into()));
        self.fetch(table, key)
    }

    pub(super) fn fetch(&self, table: &'static Table, key: &str) -> Step {
        run(Command::Fetch(self.at(table, key)))
    }

    /// An entry as it is seen from here.
    fn at(&self, table: &'static Table, key: &str) -> Place {
        Place::new(self.vdom(), table, key)
    }

    pub(super) fn open(
        &mut self,
        table: &'static Table,
        key: Box<str>,
        stored: Option<Object>,
    ) -> Step {
        if let Some(existing) = stored.as_ref().filter(|stored| stored.key != key) {
            let error = AdminError::SamePerson {
                key,
                existing: existing.key.clone(),
            };
            return refuse(&Complaint::change(error, Refused::Command));
        }
        self.open_entry(table, key, stored)
    }

    /// Goes into an entry; a single object is never new.
    pub(super) fn open_entry(
        &mut self,
        table: &'static Table,
        key: Box<str>,
        stored: Option<Object>,
    ) -> Step {
        let is_new = stored.is_none() && !key.is_empty();
        let said = if is_new {
            Step::Print(format!("new entry '{}' added\n", printable(&key)))
        } else {
            Step::Nothing
        };
        self.place.levels.push(Level::Entry(Entry {
            table,
            key,
            stored,
            edits: Vec::new(),
            refused: BTreeSet::new(),
            mistyped: Vec::new(),
        }));
        said
    }

    pub(super) fn delete(&mut self, key: &str) -> Result<Step, Complaint> {
        let table = match self.place.table() {
            Some(table) if is_child(table) => return self.delete_child(table, key),
            Some(table) => table,
            None => &VDOM,
        };
        let place = self.at(table, key);
        Ok(self.change(Operation::Remove { place }))
    }

    pub(super) fn purge(&mut self) -> Step {
        let Some(table) = self.place.table() else {
            return Step::Nothing;
        };
        if is_child(table) {
            return self.confirm(PURGE_NOTICE, Asked::PurgeChildren(table));
        }
        let vdom = self.vdom();
        let step = self.change(Operation::Purge { vdom, table });
        self.ask(PURGE_NOTICE, step)
    }

    pub(super) fn rename(&mut self, words: &[String]) -> Result<Step, Complaint> {
        self.give_key(words, Self::rename_child, |place, to| Operation::Rename {
            place,
            to,
        })
    }

    pub(super) fn clone_entry(&mut self, words: &[String]) -> Result<Step, Complaint> {
        self.give_key(words, Self::clone_child, |place, to| Operation::Clone {
            place,
            to,
        })
    }

    /// `KEY to NEW`: in a child table at once, else as an operation.
    fn give_key(
        &mut self,
        words: &[String],
        in_child: fn(&mut Self, &'static Table, &str, &str) -> Result<Step, Complaint>,
        operation: fn(Place, Box<str>) -> Operation,
    ) -> Result<Step, Complaint> {
        let (Some(table), [from, _, to]) = (self.place.table(), words) else {
            return Ok(Step::Nothing);
        };
        check_key(table, to)?;
        if is_child(table) {
            return in_child(self, table, from, to);
        }
        let place = self.at(table, from);
        Ok(self.change(operation(place, to.as_str().into())))
    }

    fn change(&mut self, operation: Operation) -> Step {
        self.awaited = Some(Awaited::Change);
        run(Command::Configure(operation))
    }

    /// A value that names entries is kept once all of them are known to exist.
    pub(super) fn set(
        &mut self,
        field: Option<&'static Field>,
        words: &[String],
    ) -> Result<Step, Complaint> {
        let Some(field) = field else {
            return Ok(Step::Nothing);
        };
        if field.access == Access::System {
            return self.set_of_system(field, words);
        }
        let value = parsed(field, words)?;
        self.must_fit(field, &value)?;
        let names = value.texts().to_vec();
        Ok(self.resolve(field, value, names))
    }

    /// What the declaration cannot say is told at once too, not when all that was set is lost.
    fn must_fit(&self, field: &'static Field, value: &Value) -> Result<(), Complaint> {
        let misfit = self
            .place
            .entry()
            .and_then(|entry| admin::misfit(entry.table, field, value));
        match misfit {
            Some(why) => {
                let word = value.texts().last().map_or("", |text| &**text);
                Err(Complaint::field(field.name, word, why))
            }
            None => Ok(()),
        }
    }

    /// What the system sets may stand in a pasted configuration: with a token that is not here, or as it
    /// is here.
    fn set_of_system(
        &mut self,
        field: &'static Field,
        words: &[String],
    ) -> Result<Step, Complaint> {
        let refused = |error: &ValueError| bad_value(field, words, error);
        let value = field.read(words).map_err(|error| refused(&error))?;
        let entry = self.place.entry();
        match entry.map(|entry| (entry.table, entry.stored.as_ref())) {
            Some((table, None)) if table == &FORTITOKEN => Ok(self.keep(Edit::Set(field, value))),
            Some((_, Some(stored))) if stored.is_set_to(field, &value) => Ok(Step::Nothing),
            _ => Err(refused(&ValueError::System { field: field.name })),
        }
    }

    pub(super) fn append(
        &mut self,
        field: Option<&'static Field>,
        words: &[String],
    ) -> Result<Step, Complaint> {
        let (Some(field), Some(entry)) = (field, self.place.entry()) else {
            return Ok(Step::Nothing);
        };
        let mut texts = entry.texts(field);
        let value = parsed(field, words)?;
        self.must_fit(field, &value)?;
        let added: Vec<Box<str>> = value
            .texts()
            .iter()
            .filter(|text| !texts.contains(text))
            .cloned()
            .collect();
        texts.extend(added.iter().cloned());
        Ok(self.resolve(field, Value::List(texts), added))
    }

    pub(super) fn unselect(
        &mut self,
        field: Option<&'static Field>,
        words: &[String],
    ) -> Result<Step, Complaint> {
        let (Some(field), Some(entry)) = (field, self.place.entry()) else {
            return Ok(Step::Nothing);
        };
        let mut texts = entry.texts(field);
        let value = parsed(field, words)?;
        for text in value.texts() {
            let Some(at) = texts.iter().position(|other| other == text) else {
                let plain = format!(
                    "{} does not hold it; 'show' lists what it holds",
                    field.name
                );
                return Err(Complaint::reference(text, plain));
            };
            texts.remove(at);
        }
        Ok(self.keep(Edit::Set(field, Value::List(texts))))
    }

    pub(super) fn unset(&mut self, field: Option<&'static Field>) -> Result<Step, Complaint> {
        match field {
            Some(field) if field.access != Access::Administrator => {
                let error = ValueError::System { field: field.name };
                Err(Complaint::command(field.name, error.to_string()))
            }
            Some(field) => Ok(self.keep(Edit::Unset(field))),
            None => Ok(Step::Nothing),
        }
    }

    pub(super) fn keep(&mut self, edit: Edit) -> Step {
        if let Some(entry) = self.place.entry_mut() {
            entry.keep(edit);
        }
        Step::Nothing
    }

    /// Saves the open entry, if there is something to save, and goes on from there.
    pub(super) fn save(&mut self, leave: Leave) -> Step {
        match self.place.entry_mut() {
            Some(entry) if is_child(entry.table) => self.save_child(leave),
            Some(entry) if !entry.refused.is_empty() => {
                let field = entry.refused.pop_first().unwrap_or_default();
                self.discard(&field, leave)
            }
            Some(entry) if entry.is_changed() => {
                let edits = std::mem::take(&mut entry.edits);
                let (table, key) = (entry.table, entry.key.clone());
                let place = self.at(table, &key);
                self.awaited = Some(Awaited::Commit(leave));
                run(Command::Configure(Operation::Configure { place, edits }))
            }
            _ => self.leave(leave),
        }
    }

    pub(super) fn leave(&mut self, leave: Leave) -> Step {
        match leave {
            Leave::ToTable => self.place.step_out(),
            Leave::OutOfTable => self.place.leave_table(),
        }
        Step::Nothing
    }
}

fn parsed(field: &'static Field, words: &[String]) -> Result<Value, Complaint> {
    field
        .parse(words)
        .map_err(|error| bad_value(field, words, &error))
}

pub(super) fn check_key(table: &'static Table, key: &str) -> Result<(), Complaint> {
    let Some(declared) = table.key() else {
        return Ok(());
    };
    let got = key.chars().count();
    let plain = match declared.form {
        KeyForm::Name(max) if got == 0 || got > usize::from(max) => {
            format!(
                "{} has 1 to {max} characters, and this has {got}",
                declared.name
            )
        }
        KeyForm::Number(max) if !key.parse().is_ok_and(|number| (1..=max).contains(&number)) => {
            format!(
                "{} is a number from 1 to {max}; 0 takes the next free one",
                declared.name
            )
        }
        KeyForm::Name(_) | KeyForm::Number(_) => return Ok(()),
    };
    Err(Complaint::field(declared.name, key, plain))
}
