//! A configuration as text: files read back, what cannot be taken over named line by line.
//!
//! [`read`] understands what `show` prints here and on a FortiGate, so that a file may come from
//! either. It decides nothing: whether an entry fits to the others is for the operation that takes
//! it in.

mod header;
mod reader;

use std::fmt;

use domain::admin::Edit;
use domain::schema::Table;
use domain::vdom::Vdom;

use crate::render::printable;

pub use header::{Header, Origin, PasswordKey, SALT_LEN, Stamp};
pub use reader::read;

/// The largest file that is read, in octets: some 150,000 users with their tokens.
pub const TEXT_MAX: usize = 64 * 1_024 * 1_024;

/// A file, understood as far as it can be.
#[derive(Debug)]
pub struct Document {
    /// What its first lines say.
    pub header: Header,
    /// Its entries, in its order.
    pub entries: Vec<Entry>,
    /// What in it cannot be taken over.
    pub findings: Vec<Finding>,
}

/// An entry as it stands in the file.
#[derive(Debug)]
pub struct Entry {
    /// In which virtual domain.
    pub vdom: Vdom,
    /// In which table.
    pub table: &'static Table,
    /// Under which key; empty for a single object.
    pub key: Box<str>,
    /// The line of its `edit` or `config`.
    pub line: u32,
    /// What is set there, in its order.
    pub edits: Vec<Edit>,
    /// The line of each edit.
    pub lines: Vec<u32>,
}

/// Something that cannot be taken over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Its first line, and its last.
    pub lines: (u32, u32),
    /// What it is, and why.
    pub text: String,
}

impl Finding {
    /// About one line.
    pub fn at(line: u32, text: impl Into<String>) -> Self {
        Self {
            lines: (line, line),
            text: text.into(),
        }
    }
}

/// `line 812: …`, `lines 100-245: …`, ended by LF.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = printable(&self.text);
        match self.lines {
            (first, last) if first == last => writeln!(f, "line {first}: {text}"),
            (first, last) => writeln!(f, "lines {first}-{last}: {text}"),
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
