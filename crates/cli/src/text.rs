//! A configuration as text: files read back, what cannot be taken over named line by line.
//!
//! [`read`] understands what `show` prints here and on a FortiGate, so that a file may come from
//! either. It decides nothing: whether an entry fits to the others is for the operation that takes
//! it in.

mod frame;
mod header;
mod reader;
mod strangers;

use std::fmt;

use domain::admin::Incoming;

use crate::render::printable;

pub use header::{Header, Origin, PasswordKey, SALT_LEN, Stamp};
pub use reader::read;
pub(crate) use strangers::{is_known_to_restrict, restricts_as_table};

/// The largest file that is read, in octets: some 150,000 users with their tokens.
pub const TEXT_MAX: usize = 64 * 1_024 * 1_024;

/// A file, understood as far as it can be.
#[derive(Debug)]
pub struct Document {
    /// What its first lines say.
    pub header: Header,
    /// Its entries, in its order; those that are left out say nothing.
    pub entries: Vec<Entry>,
    /// What in it cannot be taken over.
    pub findings: Vec<Finding>,
    /// How many entries are among that.
    pub left_out: usize,
}

/// An entry as it stands in the file.
#[derive(Debug)]
pub struct Entry {
    /// What it says.
    pub incoming: Incoming,
    /// The line of its `edit` or `config`.
    pub line: u32,
    /// The fields that it sets, each with its line.
    fields: Vec<(&'static str, u32)>,
}

impl Document {
    /// Hands over what its entries say; where it stands stays.
    pub fn take_entries(&mut self) -> Vec<Incoming> {
        let entries = self.entries.iter_mut().map(|entry| Incoming {
            place: entry.incoming.place.clone(),
            edits: std::mem::take(&mut entry.incoming.edits),
            understood: entry.incoming.understood,
        });
        entries.collect()
    }
}

impl Entry {
    /// The last line that sets something, or the first.
    pub(crate) fn last_line(&self) -> u32 {
        let lines = self.fields.iter().map(|(_, line)| *line);
        lines.fold(self.line, u32::max)
    }

    /// The line that sets a field last, or that of the entry.
    pub(crate) fn line_of(&self, field: &str) -> u32 {
        let mut fields = self.fields.iter().rev();
        let set = fields.find(|(name, _)| *name == field);
        set.map_or(self.line, |(_, line)| *line)
    }
}

/// Something that cannot be taken over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Its first line, and its last; none for what is not in the file.
    pub lines: Option<(u32, u32)>,
    /// What it is, and why.
    pub text: String,
}

impl Finding {
    /// About one line.
    pub fn at(line: u32, text: impl Into<String>) -> Self {
        Self {
            lines: Some((line, line)),
            text: text.into(),
        }
    }

    /// About something that is not in the file.
    pub(crate) fn nowhere(text: impl Into<String>) -> Self {
        Self {
            lines: None,
            text: text.into(),
        }
    }
}

/// `line 812: …`, `lines 100-245: …`, ended by LF.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = printable(&self.text);
        match self.lines {
            None => writeln!(f, "{text}"),
            Some((first, last)) if first == last => writeln!(f, "line {first}: {text}"),
            Some((first, last)) => writeln!(f, "lines {first}-{last}: {text}"),
        }
    }
}

/// Why nothing of a file is taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// It holds no `config`.
    #[error("it is no configuration: no line begins with 'config'")]
    NoConfiguration,
    /// A FortiGate's backup under a password.
    #[error(
        "it is a FortiGate's backup under a password, which only that unit opens: back it up there \
         without a password"
    )]
    Encrypted,
    /// It ends too early.
    #[error(
        "it ends in line {line}, before the 'end' of what begins in line {open}: it is cut off"
    )]
    CutOff {
        /// Its last line.
        line: u32,
        /// Where begins what is open.
        open: u32,
    },
    /// A statement stands where none of its kind can.
    #[error(
        "line {line}: '{statement}' cannot stand there: above it a 'next' or an 'end' is missing, or there \
         is one too many; what belongs to which entry cannot be told"
    )]
    Misplaced {
        /// Its line.
        line: u32,
        /// Its first word, or `config` with the table's path.
        statement: Box<str>,
    },
    /// It has other lines than when it was written.
    #[error(
        "it has {got} lines and was written with {expected}: it is cut off or was changed; whoever \
         changed it removes the line that begins with '{marker}', and then nothing is deleted that \
         the file does not name", marker = header::MARK
    )]
    OtherLength {
        /// Lines it was written with.
        expected: u32,
        /// Lines it has.
        got: u32,
    },
    /// A later version of this program wrote it.
    #[error("it was written by a newer version ({release}), which this one does not read")]
    Newer {
        /// That version.
        release: String,
    },
    /// Its first lines are damaged.
    #[error("line {line} is damaged")]
    Header {
        /// Which.
        line: u32,
    },
}
