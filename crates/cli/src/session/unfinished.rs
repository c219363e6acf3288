//! A line whose quote is open goes on in the next one. None of its lines is a command of its own: what stands
//! in a pasted page or key must not be run.

use std::fmt;

use zeroize::Zeroizing;

use super::{Complaint, Session, Step, printable};
use crate::words::{LINE_MAX, Line, Statement};

/// A line so far.
pub(super) struct Unfinished {
    text: Zeroizing<String>,
    statement: Statement,
}

/// It may hold a secret.
impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unfinished(<hidden>)")
    }
}

impl Unfinished {
    fn begin(line: &str) -> Self {
        Self {
            text: Zeroizing::new(line.to_owned()),
            statement: Statement::begin(line),
        }
    }

    fn add(&mut self, line: &str) {
        self.text.push('\n');
        self.text.push_str(line);
        self.statement.add(line);
    }
}

impl Session {
    /// Takes a line, or the next part of one.
    pub(super) fn gather(&mut self, line: &str) -> Step {
        let unfinished = match self.unfinished.take() {
            Some(mut unfinished) => {
                unfinished.add(line);
                unfinished
            }
            None if is_comment(line) => return Step::Nothing,
            None => Unfinished::begin(line),
        };
        if unfinished.text.len() > LINE_MAX {
            return self.too_long();
        }
        if unfinished.statement.is_open() {
            self.unfinished = Some(unfinished);
            return Step::Nothing;
        }
        self.take(&unfinished.text)
    }

    /// Gives up at a line of more than [`LINE_MAX`] octets: whether a quote is open at its end, and with it
    /// what behind it is a command, is not known.
    pub fn too_long(&mut self) -> Step {
        self.withdraw();
        self.passing = None;
        self.place.leave_all();
        let why = format!(
            "a line has at most {LINE_MAX} octets, with all lines that a quote goes over; what follows \
             cannot be told from it, so the session ends and what is open is not saved"
        );
        Step::Abandon(Complaint::command("...", why).to_string())
    }

    /// The quote that is open: the next line goes on in it.
    pub fn open_quote(&self) -> Option<char> {
        self.unfinished.as_ref()?.statement.open_quote()
    }

    /// The input ends here: what of it was not carried out, in whole lines.
    pub fn left_undone(&self) -> Option<String> {
        let question = self
            .awaits_answer()
            .then(|| "the question was not answered: nothing was done\n".to_owned());
        let line = self.unfinished.as_ref();
        let quote = line.and_then(|line| Line::parse(&line.text).err());
        let quote = quote.map(|complaint| complaint.to_string());
        let entry = self.place.unsaved();
        let entry =
            entry.map(|name| format!("{} was not saved: 'end' is missing\n", printable(name)));
        let undone: String = [question, quote, entry].into_iter().flatten().collect();
        (!undone.is_empty()).then_some(undone)
    }
}

/// The header of a pasted configuration is a comment.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}
