//! The lines entered before.

use std::collections::VecDeque;

/// A bounded list of lines, without repetitions in a row, and the place at which one looks into it.
pub(super) struct History {
    lines: VecDeque<String>,
    max_lines: usize,
    /// How many lines back; 0 is the line being edited.
    back: usize,
    /// The line being edited, while an older one is shown.
    draft: String,
}

impl History {
    pub(super) fn new(max_lines: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            max_lines,
            back: 0,
            draft: String::new(),
        }
    }

    /// Adds a line that was entered. Blank ones are not worth a place.
    pub(super) fn add(&mut self, line: &str) {
        self.leave();
        if line.trim().is_empty() || self.lines.front().is_some_and(|last| last == line) {
            return;
        }
        self.lines.push_front(line.to_owned());
        self.lines.truncate(self.max_lines);
    }

    /// Takes the last line back if it is this one.
    pub(super) fn forget(&mut self, line: &str) {
        if self.lines.front().is_some_and(|last| last == line) {
            self.lines.pop_front();
        }
    }

    /// Ends looking back.
    pub(super) fn leave(&mut self) {
        self.back = 0;
        self.draft.clear();
    }

    /// The line before the one shown, which is `current`.
    pub(super) fn older(&mut self, current: &str) -> Option<&str> {
        let older = self.lines.get(self.back)?;
        if self.back == 0 {
            current.clone_into(&mut self.draft);
        }
        self.back += 1;
        Some(older)
    }

    /// The line after the one shown; at last the one that was being edited.
    pub(super) fn newer(&mut self) -> Option<&str> {
        self.back = self.back.checked_sub(1)?;
        match self.back.checked_sub(1) {
            Some(index) => self.lines.get(index).map(String::as_str),
            None => Some(&self.draft),
        }
    }
}
