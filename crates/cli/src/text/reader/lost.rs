//! What cannot be taken over, and what goes with it.

use domain::schema::{Access, Effect, Field};

use super::super::Finding;
use super::super::frame::{Frame, Skipping};
use super::super::strangers::{restricts, shown};
use super::{NO_FIELD, Reader};
use crate::render::named;

impl Reader {
    pub(super) fn find(&mut self, text: impl Into<String>) {
        let lines = Some((self.first, self.line));
        let text = text.into();
        self.document.findings.push(Finding { lines, text });
    }

    pub(super) fn skip(&mut self, what: String, why: impl Into<String>) {
        self.skipping = Some(Skipping {
            from: self.first,
            what,
            why: why.into(),
            depth: 1,
        });
    }

    pub(super) fn skipped(&mut self) {
        if let Some(Skipping {
            from, what, why, ..
        }) = self.skipping.take()
        {
            let lines = Some((from, self.line));
            let text = format!("{what}: {why}");
            self.document.findings.push(Finding { lines, text });
        }
    }

    pub(super) fn unknown(&mut self, verb: &str, name: &str, words: &[String]) {
        let shown = shown(name, None, words);
        let line = format!("{verb} {name}{shown}: {NO_FIELD}");
        match self.table() {
            Some(table) if verb == "set" && restricts(table, name, words) => self.leave_out(&line),
            _ => {
                self.lacks_something();
                self.find(line);
            }
        }
    }

    /// What stands once is no longer all that the file says of it.
    pub(super) fn lacks_something(&mut self) {
        for frame in &mut self.frames {
            if let Frame::Entry(draft) = frame {
                draft.spoilt |= !draft.is_keyed();
            }
        }
    }

    pub(super) fn spoil(&mut self, field: &'static Field, words: &[String], why: &str) {
        let shown = shown(field.name, Some(field), words);
        let line = format!("set {}{shown}: {why}", field.name);
        match (field.access, field.effect) {
            // What has one value alone has it without the file too.
            (Access::System, _) | (_, Effect::Fixed(_)) => self.find(line),
            // Without it the entry does all that it would do with it.
            (_, Effect::None(_)) => {
                self.lacks_something();
                self.find(line);
            }
            (_, Effect::InForce) => self.leave_out(&line),
        }
    }

    /// A value that is left out may leave an entry that lets in more than the file says: an entry with
    /// a key is left out with it. What stands once stays, and what is not understood in it stays as it
    /// is here, the entries of a child table all together.
    pub(super) fn leave_out(&mut self, line: &str) {
        let stays = self.spoil_open();
        self.find(format!("{line}; {stays}"));
    }

    /// Spoils what is open; what becomes of it.
    pub(super) fn spoil_open(&mut self) -> String {
        let (mut left_out, mut stays) = (None, "what is here stays".to_owned());
        for frame in &mut self.frames {
            match frame {
                Frame::Entry(draft) => {
                    draft.spoilt = true;
                    let entry = draft.is_keyed().then(|| named(draft.entry.place()));
                    left_out = entry.map(|entry| format!("{entry} is left out"));
                }
                Frame::ChildTable(children) => {
                    children.spoilt = true;
                    stays = format!("all that is in {} here stays", children.table.path);
                }
                Frame::Table(_) | Frame::ChildEntry(_) => {}
            }
        }
        left_out.unwrap_or(stays)
    }
}
