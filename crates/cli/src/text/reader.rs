//! Lines to entries. Every table, field and value is looked up in its declaration; what is not there is
//! named with its line, and the rest goes on.

use std::borrow::Cow;

use domain::admin::{Edit, Incoming, Understood};
use domain::schema::{Object, Place, Scope, Shape, Table, VDOM};
use domain::vdom::Vdom;

use super::frame::{Base, Children, Draft, Frame, Skipping};
use super::strangers::restricts_as_table;
use super::{Document, Entry, Header, TextError};
use crate::render::{named, printable};
use crate::words::{CHANGES, Statement};

mod lost;

/// The longest statement in octets: a FortiGate's longest values, pages and certificates, have some 32 KiB.
const STATEMENT_MAX: usize = 1_024 * 1_024;

/// Reads a file. What stands in no virtual domain there belongs to `vdom`.
pub fn read(text: &[u8], vdom: Vdom) -> Result<Document, TextError> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut reader = Reader::new(vdom);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        reader.garbled |= matches!(text, Cow::Owned(_));
        reader.line(&text)?;
    }
    reader.finish()
}

struct Reader {
    vdom: Vdom,
    /// The current line, from 1.
    line: u32,
    /// The line in which the statement at hand begins.
    first: u32,
    open: Option<(Statement, usize)>,
    /// Whether something in the statement at hand is not UTF-8.
    garbled: bool,
    base: Base,
    frames: Vec<Frame>,
    skipping: Option<Skipping>,
    configures: bool,
    document: Document,
}

/// Characters of a statement that is repeated: enough for every path.
const SHOWN_MAX: usize = 40;

const NO_TABLE: &str = "this unit has no such table";
const NO_FIELD: &str = "this unit has no such field";
const NO_VDOM: &str = "the VDOM in which it stands cannot be here";
const VDOM_NAMES: &str = "a VDOM's name has 1 to 31 of A-Z, a-z, 0-9, '-' and '_'";

/// Whether this path names a table that stands in no other: where one begins inside of another, the
/// other lacks its end. Paths of one word are those of child tables too.
fn is_whole_table(path: &str) -> bool {
    path.contains(' ') && Table::at(path).is_some()
}

impl Reader {
    fn new(vdom: Vdom) -> Self {
        Self {
            vdom,
            line: 0,
            first: 0,
            open: None,
            garbled: false,
            base: Base::Top,
            frames: Vec::new(),
            skipping: None,
            configures: false,
            document: Document {
                header: Header::default(),
                entries: Vec::new(),
                findings: Vec::new(),
                left_out: 0,
            },
        }
    }

    fn line(&mut self, line: &str) -> Result<(), TextError> {
        self.line = self.line.saturating_add(1);
        let (mut statement, length) = match self.open.take() {
            Some((statement, length)) => (statement, length + line.len()),
            None if line.trim_start().starts_with('#') => {
                return self.document.header.take(self.line, line.trim_start());
            }
            None => {
                self.first = self.line;
                return self.settle(Statement::begin(line), line.len());
            }
        };
        if length > STATEMENT_MAX {
            let (line, open) = (self.line, self.first);
            return Err(TextError::CutOff { line, open });
        }
        statement.add(line);
        self.settle(statement, length)
    }

    fn settle(&mut self, statement: Statement, length: usize) -> Result<(), TextError> {
        if statement.is_open() {
            self.open = Some((statement, length));
            return Ok(());
        }
        let words = statement.into_words();
        if let [verb, rest @ ..] = &words[..] {
            self.statement(verb, rest)?;
        }
        self.garbled = false;
        Ok(())
    }

    fn finish(self) -> Result<Document, TextError> {
        let line = self.line;
        if let Some(open) = self.opened() {
            return Err(TextError::CutOff { line, open });
        }
        if !self.configures {
            return Err(TextError::NoConfiguration);
        }
        match &self.document.header.stamp {
            Some(stamp) if stamp.lines != line => Err(TextError::OtherLength {
                expected: stamp.lines,
                got: line,
            }),
            _ => Ok(self.document),
        }
    }

    /// The line of what is not closed.
    fn opened(&self) -> Option<u32> {
        if self.open.is_some() {
            return Some(self.first);
        }
        if let Some(skipping) = &self.skipping {
            return Some(skipping.from);
        }
        let entry = self.frames.iter().find_map(|frame| match frame {
            Frame::Entry(draft) => Some(draft.entry.line),
            _ => None,
        });
        let is_open = !self.frames.is_empty() || self.base != Base::Top;
        entry.or(is_open.then_some(self.first))
    }

    fn statement(&mut self, verb: &str, words: &[String]) -> Result<(), TextError> {
        if self.skipping.is_some() {
            return self.pass_over(verb, words);
        }
        match (verb, words) {
            ("config", [_, ..]) => self.config(&words.join(" ")),
            ("edit", [key]) => self.edit(key),
            ("set", [field, values @ ..]) => self.set(field, values),
            ("unset", [field]) => self.unset(field),
            ("next", []) => self.next(),
            ("end", []) => self.end(),
            ("config" | "edit" | "next" | "end", _) => Err(self.misplaced(verb)),
            _ => self.not_understood(verb),
        }
    }

    fn pass_over(&mut self, verb: &str, words: &[String]) -> Result<(), TextError> {
        let path = words.join(" ");
        if verb == "config" && is_whole_table(&path) {
            return Err(self.misplaced(&format!("config {path}")));
        }
        let Some(skipping) = &mut self.skipping else {
            return Ok(());
        };
        match verb {
            "config" => skipping.depth += 1,
            "end" => skipping.depth -= 1,
            _ => {}
        }
        if skipping.depth == 0 {
            self.skipped();
        }
        Ok(())
    }

    /// What is set where no entry is open was meant for one that was closed too early. In an entry, a
    /// line may narrow what the others grant.
    fn not_understood(&mut self, verb: &str) -> Result<(), TextError> {
        if self.table().is_none() && CHANGES.contains(&verb) {
            return Err(self.misplaced(verb));
        }
        // What follows may be secret.
        let verb: String = verb.chars().take(SHOWN_MAX).collect();
        let line = format!("{verb}: no line of a configuration file");
        match self.table() {
            Some(_) => self.leave_out(&line),
            None => self.find(line),
        }
        Ok(())
    }

    fn misplaced(&self, statement: &str) -> TextError {
        TextError::Misplaced {
            line: self.first,
            statement: printable(&statement.chars().take(SHOWN_MAX).collect::<String>()).into(),
        }
    }

    fn config(&mut self, path: &str) -> Result<(), TextError> {
        self.configures = true;
        match self.frames.last() {
            None if self.base != Base::Vdoms => self.config_table(path),
            Some(Frame::Entry(draft)) if draft.table().child(path).is_some() => {
                let child = draft.table().child(path);
                let frame = child.map(|table| Frame::ChildTable(Children::of(table)));
                self.frames.extend(frame);
            }
            Some(Frame::Entry(_) | Frame::ChildEntry(_)) if !is_whole_table(path) => {
                self.skip_child(path);
            }
            _ => return Err(self.misplaced(&format!("config {path}"))),
        }
        Ok(())
    }

    fn skip_child(&mut self, path: &str) {
        let entry = self.frames.iter().find_map(|frame| match frame {
            Frame::Entry(draft) => Some(draft.entry.place().clone()),
            _ => None,
        });
        let what = |entry: &Place| format!("{} / config {path}", named(entry));
        let what = entry.as_ref().map(what).unwrap_or_default();
        if entry.is_some_and(|entry| restricts_as_table(entry.table(), path)) {
            let stays = self.spoil_open();
            self.skip(what, format!("{NO_TABLE}; {stays}"));
        } else {
            self.lacks_something();
            self.skip(what, NO_TABLE);
        }
    }

    fn config_table(&mut self, path: &str) {
        match (path, self.base) {
            ("global", Base::Top) => return self.base = Base::Global,
            ("vdom", Base::Top) => return self.base = Base::Vdoms,
            (_, Base::NoVdom) => return self.skip(format!("config {path}"), NO_VDOM),
            _ => {}
        }
        let what = || format!("config {path}");
        let Some(table) = Table::at(path).filter(|table| *table != &VDOM) else {
            return self.skip(what(), NO_TABLE);
        };
        match (self.base, table.scope) {
            (Base::Global, Scope::Vdom) => {
                return self.skip(
                    what(),
                    "each VDOM has its own; it does not stand under 'config global'",
                );
            }
            (Base::Vdom(_), Scope::Global) => {
                return self.skip(what(), "the unit has it once, under 'config global'");
            }
            _ => {}
        }
        let frame = match table.shape {
            Shape::Keyed(_) => Frame::Table(table),
            Shape::Single => Frame::Entry(self.draft(table, "")),
        };
        self.frames.push(frame);
    }

    fn draft(&self, table: &'static Table, key: &str) -> Draft {
        let vdom = match self.base {
            Base::Vdom(vdom) => vdom,
            Base::Top | Base::Global | Base::Vdoms | Base::NoVdom => self.vdom,
        };
        let place = Place::new(vdom, table, key);
        Draft {
            entry: Entry {
                incoming: Incoming {
                    place,
                    edits: Vec::new(),
                    understood: Understood::Whole,
                },
                line: self.first,
                fields: Vec::new(),
            },
            spoilt: false,
        }
    }

    fn edit(&mut self, key: &str) -> Result<(), TextError> {
        match self.frames.last() {
            Some(Frame::Table(table)) => {
                let draft = self.draft(table, key);
                self.frames.push(Frame::Entry(draft));
            }
            Some(Frame::ChildTable(children)) => {
                let child = Object::new(children.table, key);
                self.frames.push(Frame::ChildEntry(child));
            }
            None if self.base == Base::Vdoms => self.edit_vdom(key),
            None | Some(Frame::Entry(_) | Frame::ChildEntry(_)) => {
                return Err(self.misplaced("edit"));
            }
        }
        Ok(())
    }

    /// All of them are named once before any is filled: the first naming makes them.
    fn edit_vdom(&mut self, key: &str) {
        let Ok(vdom) = Vdom::parse(key) else {
            self.base = Base::NoVdom;
            return self.find(format!("config vdom / edit {key}: {VDOM_NAMES}"));
        };
        self.base = Base::Vdom(vdom);
        let entries = &mut self.document.entries;
        let is_known = |entry: &Entry| entry.place().table() == &VDOM && entry.place().key() == key;
        if !entries.iter().take(VDOMS_AHEAD).any(is_known) {
            let Draft { entry, .. } = self.draft(&VDOM, key);
            self.document.entries.push(entry);
        }
    }

    fn set(&mut self, name: &str, words: &[String]) -> Result<(), TextError> {
        let Some(table) = self.table() else {
            return Err(self.misplaced("set"));
        };
        match table.field(name) {
            None => self.unknown("set", name, words),
            Some(field) if self.garbled => self.spoil(field, words, "it is not UTF-8"),
            Some(field) => match field.read(words) {
                Ok(value) => self.keep(Edit::Set(field, value)),
                Err(error) => self.spoil(field, words, &error.to_string()),
            },
        }
        Ok(())
    }

    fn unset(&mut self, name: &str) -> Result<(), TextError> {
        let Some(table) = self.table() else {
            return Err(self.misplaced("unset"));
        };
        match table.field(name) {
            Some(field) => self.keep(Edit::Unset(field)),
            None => self.unknown("unset", name, &[]),
        }
        Ok(())
    }

    fn table(&self) -> Option<&'static Table> {
        match self.frames.last()? {
            Frame::Entry(draft) => Some(draft.table()),
            Frame::ChildEntry(child) => Some(child.table),
            Frame::Table(_) | Frame::ChildTable(_) => None,
        }
    }

    fn keep(&mut self, edit: Edit) {
        let line = self.first;
        match (self.frames.last_mut(), edit) {
            (Some(Frame::Entry(draft)), edit) => draft.entry.keep(edit, line),
            (Some(Frame::ChildEntry(child)), Edit::Set(field, value)) => child.set(field, value),
            (Some(Frame::ChildEntry(child)), Edit::Unset(field)) => child.unset(field),
            _ => {}
        }
    }

    fn next(&mut self) -> Result<(), TextError> {
        match (self.frames.last(), self.base) {
            (Some(Frame::Entry(draft)), _) if draft.is_keyed() => self.close(),
            (Some(Frame::ChildEntry(_)), _) => self.close(),
            (None, Base::Vdom(_) | Base::NoVdom) => self.base = Base::Vdoms,
            _ => return Err(self.misplaced("next")),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), TextError> {
        match (self.frames.last(), self.base) {
            (Some(Frame::Entry(draft)), _) if draft.is_keyed() => {
                self.close();
                self.close();
            }
            (Some(Frame::ChildEntry(_)), _) => {
                self.close();
                self.close();
            }
            (Some(_), _) => self.close(),
            (None, Base::Top) => return Err(self.misplaced("end")),
            (None, _) => self.base = Base::Top,
        }
        Ok(())
    }

    /// Closes the innermost frame, and puts what it holds where it belongs.
    fn close(&mut self) {
        let line = self.first;
        match (self.frames.pop(), self.frames.last_mut()) {
            (Some(Frame::Entry(draft)), _) => {
                let entry = draft.closed();
                let is_lost = entry.incoming.understood == Understood::TooLittle;
                self.document.left_out += usize::from(is_lost);
                self.document.entries.push(entry);
            }
            (Some(Frame::ChildTable(children)), Some(Frame::Entry(draft))) if !children.spoilt => {
                let edit = Edit::Children(children.table, children.entries);
                draft.entry.keep(edit, line);
            }
            (Some(Frame::ChildEntry(child)), Some(Frame::ChildTable(children))) => {
                if children.entries.iter().any(|other| other.key == child.key) {
                    self.leave_out(&format!("edit {}: it stands there twice", child.key));
                } else {
                    children.entries.push(child);
                }
            }
            _ => {}
        }
    }
}

/// Virtual domains stand above everything else in a file; among entries farther down is none.
const VDOMS_AHEAD: usize = 1_000;

impl Entry {
    fn place(&self) -> &Place {
        &self.incoming.place
    }

    fn keep(&mut self, edit: Edit, line: u32) {
        if let Edit::Set(field, _) = &edit {
            self.fields.push((field.name, line));
        }
        self.incoming.edits.push(edit);
    }
}
