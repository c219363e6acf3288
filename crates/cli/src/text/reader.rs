//! Lines to entries. Every table, field and value is looked up in its declaration; what is not there is
//! named with its line, and the rest goes on.

use std::borrow::Cow;

use domain::admin::{Edit, Incoming};
use domain::schema::{Access, Field, Object, Place, Scope, Shape, Table, VDOM};
use domain::vdom::Vdom;

use super::strangers::{restricts, shown};
use super::{Document, Entry, Finding, Header, TextError};
use crate::render::named;
use crate::words::Statement;

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

/// The part of the unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Top,
    Global,
    Vdoms,
    Vdom(Vdom),
}

/// What is open, the innermost last.
enum Frame {
    Table(&'static Table),
    Entry(Draft),
    ChildTable(&'static Table, Vec<Object>),
    ChildEntry(Object),
}

/// An entry that is not complete yet.
struct Draft {
    entry: Entry,
    /// Whether something in it cannot be left out without making it another entry.
    spoilt: bool,
}

/// A block that nothing is taken from.
struct Skipping {
    from: u32,
    what: String,
    why: &'static str,
    /// How many `end` are missing.
    depth: u32,
}

const NO_TABLE: &str = "this unit has no such table";
const NO_FIELD: &str = "this unit has no such field";

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
                self.settle(Statement::begin(line), line.len());
                return Ok(());
            }
        };
        if length > STATEMENT_MAX {
            let (line, open) = (self.line, self.first);
            return Err(TextError::CutOff { line, open });
        }
        statement.add(line);
        self.settle(statement, length);
        Ok(())
    }

    fn settle(&mut self, statement: Statement, length: usize) {
        if statement.is_open() {
            self.open = Some((statement, length));
            return;
        }
        let words = statement.into_words();
        if let [verb, rest @ ..] = &words[..] {
            self.statement(verb, rest);
        }
        self.garbled = false;
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

    fn statement(&mut self, verb: &str, words: &[String]) {
        if let Some(skipping) = &mut self.skipping {
            match verb {
                "config" => skipping.depth += 1,
                "end" => skipping.depth -= 1,
                _ => {}
            }
            if skipping.depth == 0 {
                self.skipped();
            }
            return;
        }
        match (verb, words) {
            ("config", [_, ..]) => self.config(&words.join(" ")),
            ("edit", [key]) => self.edit(key),
            ("set", [field, values @ ..]) => self.set(field, values),
            ("unset", [field]) => self.unset(field),
            ("next", []) => self.next(),
            ("end", []) => self.end(),
            _ => self.not_understood(verb),
        }
    }

    fn not_understood(&mut self, verb: &str) {
        // What follows may be secret.
        let verb: String = verb.chars().take(40).collect();
        self.find(format!("{verb}: no line of a configuration file"));
    }

    fn find(&mut self, text: impl Into<String>) {
        let lines = Some((self.first, self.line));
        let text = text.into();
        self.document.findings.push(Finding { lines, text });
    }

    fn skip(&mut self, what: String, why: &'static str) {
        self.skipping = Some(Skipping {
            from: self.first,
            what,
            why,
            depth: 1,
        });
    }

    fn skipped(&mut self) {
        if let Some(Skipping {
            from, what, why, ..
        }) = self.skipping.take()
        {
            let lines = Some((from, self.line));
            let text = format!("{what}: {why}");
            self.document.findings.push(Finding { lines, text });
        }
    }

    fn config(&mut self, path: &str) {
        self.configures = true;
        match self.frames.last() {
            None => self.config_table(path),
            Some(Frame::Entry(Draft { entry, .. })) => match entry.place().table().child(path) {
                Some(table) => self.frames.push(Frame::ChildTable(table, Vec::new())),
                None => {
                    let what = format!("{} / config {path}", named(entry.place()));
                    self.skip(what, NO_TABLE);
                }
            },
            Some(Frame::ChildEntry(_) | Frame::Table(_) | Frame::ChildTable(..)) => {
                self.skip(format!("config {path}"), NO_TABLE);
            }
        }
    }

    fn config_table(&mut self, path: &str) {
        match (path, self.base) {
            ("global", Base::Top) => return self.base = Base::Global,
            ("vdom", Base::Top) => return self.base = Base::Vdoms,
            _ => {}
        }
        let what = || format!("config {path}");
        let Some(table) = Table::at(path).filter(|table| *table != &VDOM) else {
            return self.skip(what(), NO_TABLE);
        };
        match (self.base, table.scope) {
            (Base::Top, _) | (Base::Global, Scope::Global) | (Base::Vdom(_), Scope::Vdom) => {}
            (Base::Vdoms, _) => {
                return self.skip(what(), "a table stands in a VDOM, behind 'edit'");
            }
            (Base::Global, Scope::Vdom) => {
                return self.skip(
                    what(),
                    "each VDOM has its own; it does not stand under 'config global'",
                );
            }
            (Base::Vdom(_), Scope::Global) => {
                return self.skip(what(), "the unit has it once, under 'config global'");
            }
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
            Base::Top | Base::Global | Base::Vdoms => self.vdom,
        };
        let place = Place::new(vdom, table, key);
        Draft {
            entry: Entry {
                incoming: Incoming {
                    place,
                    edits: Vec::new(),
                },
                line: self.first,
                fields: Vec::new(),
            },
            spoilt: false,
        }
    }

    fn edit(&mut self, key: &str) {
        match self.frames.last() {
            Some(Frame::Table(table)) => {
                let draft = self.draft(table, key);
                self.frames.push(Frame::Entry(draft));
            }
            Some(Frame::ChildTable(table, _)) => {
                let child = Object::new(table, key);
                self.frames.push(Frame::ChildEntry(child));
            }
            None if self.base == Base::Vdoms => self.edit_vdom(key),
            None | Some(Frame::Entry(_) | Frame::ChildEntry(_)) => self.not_understood("edit"),
        }
    }

    /// All of them are named once before any is filled: the first naming makes them.
    fn edit_vdom(&mut self, key: &str) {
        let Ok(vdom) = Vdom::parse(key) else {
            let what = format!("config vdom / edit {key}");
            return self.skip(
                what,
                "a VDOM's name has 1 to 31 of A-Z, a-z, 0-9, '-' and '_'",
            );
        };
        self.base = Base::Vdom(vdom);
        let entries = &mut self.document.entries;
        let is_known = |entry: &Entry| entry.place().table() == &VDOM && entry.place().key() == key;
        if !entries.iter().take(VDOMS_AHEAD).any(is_known) {
            let Draft { entry, .. } = self.draft(&VDOM, key);
            self.document.entries.push(entry);
        }
    }

    fn set(&mut self, name: &str, words: &[String]) {
        let Some(table) = self.table() else {
            return self.not_understood("set");
        };
        let Some(field) = table.field(name) else {
            return self.unknown("set", name, words);
        };
        if self.garbled {
            return self.spoil(field, "set", words, "it is not UTF-8");
        }
        match field.read(words) {
            Ok(value) => self.keep(Edit::Set(field, value)),
            Err(error) => self.spoil(field, "set", words, &error.to_string()),
        }
    }

    fn unset(&mut self, name: &str) {
        let Some(table) = self.table() else {
            return self.not_understood("unset");
        };
        match table.field(name) {
            Some(field) => self.keep(Edit::Unset(field)),
            None => self.unknown("unset", name, &[]),
        }
    }

    fn table(&self) -> Option<&'static Table> {
        match self.frames.last()? {
            Frame::Entry(draft) => Some(draft.entry.place().table()),
            Frame::ChildEntry(child) => Some(child.table),
            Frame::Table(_) | Frame::ChildTable(..) => None,
        }
    }

    fn unknown(&mut self, verb: &str, name: &str, words: &[String]) {
        let shown = shown(name, None, words);
        let line = format!("{verb} {name}{shown}: {NO_FIELD}");
        match self.table() {
            Some(table) if verb == "set" && restricts(table, name, words) => self.leave_out(&line),
            _ => self.find(line),
        }
    }

    fn spoil(&mut self, field: &'static Field, verb: &str, words: &[String], why: &str) {
        let shown = shown(field.name, Some(field), words);
        let line = format!("{verb} {}{shown}: {why}", field.name);
        if field.access == Access::System {
            self.find(line);
        } else {
            self.leave_out(&line);
        }
    }

    /// A value that is left out may leave an entry that lets in more than the file says: an entry with
    /// a key is left out with it, and so is everything whose part it is.
    fn leave_out(&mut self, line: &str) {
        let mut frames = self.frames.iter_mut().rev();
        let draft = frames.find_map(|frame| match frame {
            Frame::Entry(draft) => Some(draft),
            _ => None,
        });
        let keyed = draft.filter(|draft| !draft.entry.place().key().is_empty());
        match keyed {
            Some(draft) => {
                draft.spoilt = true;
                let entry = named(draft.entry.place());
                self.find(format!("{line}; {entry} is left out"));
            }
            None => self.find(line),
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

    fn next(&mut self) {
        match (self.frames.last(), self.base) {
            (Some(Frame::Entry(draft)), _) if draft.entry.place().table().key().is_some() => {
                self.close();
            }
            (Some(Frame::ChildEntry(_)), _) => self.close(),
            (None, Base::Vdom(_)) => self.base = Base::Vdoms,
            _ => self.not_understood("next"),
        }
    }

    fn end(&mut self) {
        match (self.frames.last(), self.base) {
            (Some(Frame::Entry(draft)), _) if draft.entry.place().table().key().is_some() => {
                self.close();
                self.close();
            }
            (Some(Frame::ChildEntry(_)), _) => {
                self.close();
                self.close();
            }
            (Some(_), _) => self.close(),
            (None, Base::Top) => self.not_understood("end"),
            (None, Base::Global | Base::Vdoms | Base::Vdom(_)) => self.base = Base::Top,
        }
    }

    /// Closes the innermost frame, and puts what it holds where it belongs.
    fn close(&mut self) {
        let line = self.first;
        match (self.frames.pop(), self.frames.last_mut()) {
            (Some(Frame::Entry(draft)), _) if draft.spoilt => self.document.left_out += 1,
            (Some(Frame::Entry(draft)), _) => self.document.entries.push(draft.entry),
            (Some(Frame::ChildTable(table, children)), Some(Frame::Entry(draft))) => {
                draft.entry.keep(Edit::Children(table, children), line);
            }
            (Some(Frame::ChildEntry(child)), Some(Frame::ChildTable(_, children))) => {
                children.retain(|other| other.key != child.key);
                children.push(child);
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
