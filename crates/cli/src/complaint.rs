//! A line that is refused: FortiOS's text, its return code, and one line in plain words.

use std::fmt;

use domain::admin::AdminError;
use domain::text::shown;

use crate::render::printable;

/// Characters of a word that is repeated: every value that a field takes has fewer, but for lists.
const REPEATED_MAX: usize = 1_024;

/// Why a line is refused. Nothing was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Complaint {
    fault: Fault,
    plain: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Fault {
    /// No command begins like this.
    Action,
    /// A word that no command has in this place.
    Command(String),
    /// More than one command begins like this.
    Ambiguous(String),
    /// Something must follow.
    Incomplete,
    /// A value that an argument does not take.
    Value(String),
    /// A value that its field does not take, or a key.
    Field { field: &'static str, value: String },
    /// A value that names an entry which does not exist.
    Reference(String),
    /// Nobody may do this here.
    Denied,
    /// The name is another entry's.
    Duplicate,
    /// A table that takes no more entries.
    Full,
    /// A field of the entry was refused, and the entry is saved whole or not at all.
    Spoilt(String),
    /// The change itself is refused.
    Change { error: AdminError, what: Refused },
}

/// What of a change is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// All that was set since `edit`.
    Setting,
    /// One command, such as `delete`.
    Command,
}

impl Complaint {
    pub(crate) fn action(plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Action,
            plain: plain.into(),
        }
    }

    pub(crate) fn command(before: &str, plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Command(repeated(before)),
            plain: plain.into(),
        }
    }

    pub(crate) fn ambiguous(before: &str, plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Ambiguous(repeated(before)),
            plain: plain.into(),
        }
    }

    pub(crate) fn incomplete(plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Incomplete,
            plain: plain.into(),
        }
    }

    pub(crate) fn value(before: &str, plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Value(repeated(before)),
            plain: plain.into(),
        }
    }

    pub(crate) fn field(field: &'static str, value: &str, plain: impl Into<String>) -> Self {
        let value = repeated(value);
        Self {
            fault: Fault::Field { field, value },
            plain: plain.into(),
        }
    }

    pub(crate) fn reference(before: &str, plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Reference(repeated(before)),
            plain: plain.into(),
        }
    }

    pub(crate) fn denied(plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Denied,
            plain: plain.into(),
        }
    }

    pub(crate) fn duplicate(plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Duplicate,
            plain: plain.into(),
        }
    }

    pub(crate) fn full(plain: impl Into<String>) -> Self {
        Self {
            fault: Fault::Full,
            plain: plain.into(),
        }
    }

    pub(crate) fn spoilt(field: &str) -> Self {
        let field = printable(field);
        Self {
            plain: format!(
                "{field} was refused above, and without it the entry may let in more than was meant. \
                 Nothing was changed: edit it again"
            ),
            fault: Fault::Spoilt(field),
        }
    }

    pub(crate) fn change(error: AdminError, what: Refused) -> Self {
        let plain = match what {
            Refused::Setting => {
                format!("{}. Nothing was changed: edit it again", error.next_step())
            }
            Refused::Command => error.next_step(),
        };
        Self {
            fault: Fault::Change { error, what },
            plain,
        }
    }

    /// When this is said, for the manual.
    pub(crate) fn meaning(&self) -> &'static str {
        match &self.fault {
            Fault::Action => "No command begins like this in this place.",
            Fault::Command(_) => "The word does not belong there: the command does not have it.",
            Fault::Ambiguous(_) => "More than one word begins like this.",
            Fault::Incomplete => "The command needs more words.",
            Fault::Value(_) => "The argument does not take this value.",
            Fault::Field { .. } => {
                "The field does not take this value, or it can be no entry's name."
            }
            Fault::Reference(_) => "The value names an entry that does not exist.",
            Fault::Denied => "This is not done here, or not by this administrator.",
            Fault::Duplicate => "The name is another entry's.",
            Fault::Full => "The table takes no more entries.",
            Fault::Spoilt(_) => {
                "A field was refused before, and an entry that says who gets in is saved whole or not at all."
            }
            Fault::Change { .. } => "The change itself is refused.",
        }
    }

    /// What is printed before the return code.
    pub(crate) fn form(&self) -> String {
        let text = self.to_string();
        let lines = text.lines();
        let form =
            lines.take_while(|line| !line.starts_with("Command fail.") && *line != self.plain);
        form.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn return_code(&self) -> Option<i32> {
        match &self.fault {
            Fault::Action => None,
            Fault::Command(_) | Fault::Ambiguous(_) => Some(-61),
            Fault::Incomplete => Some(-160),
            Fault::Value(_) | Fault::Field { .. } | Fault::Spoilt(_) => Some(-651),
            Fault::Reference(_) => Some(-3),
            Fault::Denied => Some(-37),
            Fault::Duplicate => Some(-5),
            Fault::Full => Some(-4),
            Fault::Change { error, .. } => Some(error.return_code()),
        }
    }
}

/// Lines, each ended by LF; the last is the plain one.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::Action => f.write_str("Unknown action 0\n")?,
            Fault::Command(before) => writeln!(f, "command parse error before '{before}'")?,
            Fault::Ambiguous(before) => writeln!(f, "ambiguous command before '{before}'")?,
            Fault::Incomplete => f.write_str("incomplete command in the end\n")?,
            Fault::Value(before) => writeln!(f, "value parse error before '{before}'")?,
            Fault::Field { field, value } => writeln!(
                f,
                "node_check_object fail! for {field} {value}\n\nvalue parse error before '{value}'"
            )?,
            Fault::Reference(before) => {
                writeln!(
                    f,
                    "entry not found in datasource\n\nvalue parse error before '{before}'"
                )?;
            }
            Fault::Denied => f.write_str("Permission denied.\n")?,
            Fault::Full => f.write_str("Maximum number of entries has been reached.\n")?,
            Fault::Duplicate => f.write_str("a duplicate entry already exists\n")?,
            Fault::Spoilt(field) => {
                writeln!(f, "node_check_object fail! for {field}\n")?;
                writeln!(f, "object set operator error, -651 discard the setting")?;
            }
            Fault::Change { error, what } => write_change(f, error, *what)?,
        }
        if let Some(code) = self.return_code() {
            writeln!(f, "Command fail. Return code {code}")?;
        }
        let safe = |c: char| {
            if matches!(c, '\n' | '\t') {
                c
            } else {
                shown(c)
            }
        };
        writeln!(f, "{}", self.plain.chars().map(safe).collect::<String>())
    }
}

/// A word of a line as it may be shown.
fn repeated(word: &str) -> String {
    let mut shown: String = word.chars().take(REPEATED_MAX).collect();
    if shown.len() < word.len() {
        shown.push_str("...");
    }
    printable(&shown)
}

fn write_change(f: &mut fmt::Formatter<'_>, error: &AdminError, what: Refused) -> fmt::Result {
    writeln!(f, "{}", printable(&error.to_string()))?;
    if let AdminError::Incomplete { field, .. } = error {
        writeln!(f, "\nAttribute '{field}' MUST be set.")?;
    }
    if what == Refused::Setting {
        writeln!(
            f,
            "object set operator error, {} discard the setting",
            error.return_code()
        )?;
    }
    Ok(())
}
