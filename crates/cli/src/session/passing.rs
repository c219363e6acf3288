//! Blocks of a pasted configuration that this unit does not have. Their lines must not end up in what is
//! open around them, and their `end` must not close it.

use super::{Context, GLOBAL_PLACE, Session};
use crate::walk::{self, Walk};
use crate::words::{self, CHANGES, Statement};

/// The words with which lines of a block begin, besides `config`, `end` and those that change a field.
const IN_TABLES: [&str; 7] = ["clone", "delete", "edit", "move", "next", "purge", "rename"];

/// A block whose `config` was refused.
#[derive(Debug)]
pub(super) struct Passing {
    /// How many `end` are missing.
    depth: u32,
    /// Whether a line of it came: until then another `config` is another try.
    entered: bool,
    /// Whether the last line left a quote open.
    quoted: Option<Quote>,
}

/// A value over several lines, which may be a key: none of it is shown.
struct Quote(Statement);

impl std::fmt::Debug for Quote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Quote(<hidden>)")
    }
}

impl Session {
    /// After a line was refused: whether it begins a block that has to be passed over. At the top its
    /// lines do no harm, and each says for itself that it is none.
    pub(super) fn passes_block_of(&mut self, line: &str) -> bool {
        let words = words::leniently(line);
        let [verb, path @ ..] = &words[..] else {
            return false;
        };
        let is_config = verb == "config" && !path.is_empty();
        // A table that is here, only not in this place: somebody forgot an `end`.
        let top = walk::Scope::Top(Context::Unit);
        let is_known = Walk::along(top, &self.permission, &words).is_ok() || path == [GLOBAL_PLACE];
        let passes = is_config && !is_known && !self.place.is_top();
        if passes {
            self.passing = Some(Passing {
                depth: 1,
                entered: false,
                quoted: None,
            });
        }
        passes
    }

    /// Whether a line belongs to such a block.
    pub(super) fn passes(&mut self, line: &str) -> bool {
        let Some(mut passing) = self.passing.take() else {
            return false;
        };
        let (scope, permission) = (self.scope(), &self.permission);
        let is_here = |words: &[String]| Walk::along(scope, permission, words).is_ok();
        let passes = passing.take(line, is_here);
        if passes && passing.depth > 0 {
            self.passing = Some(passing);
        }
        passes
    }
}

impl Passing {
    /// Whether the line is part of the block. `is_here` says of a line whether it is a command in this place.
    fn take(&mut self, line: &str, is_here: impl Fn(&[String]) -> bool) -> bool {
        if self.quoted.is_none() && line.trim_start().starts_with('#') {
            return true;
        }
        let statement = match self.quoted.take() {
            Some(Quote(mut statement)) => {
                statement.add(line);
                statement
            }
            None => Statement::begin(line),
        };
        if statement.is_open() {
            self.quoted = Some(Quote(statement));
            return true;
        }
        let words = statement.into_words();
        match words.first().map(String::as_str) {
            Some("end") => self.depth -= 1,
            Some("config") if !self.entered && is_here(&words) => return false,
            Some("config") => {
                self.depth += 1;
                self.entered = true;
            }
            Some("abort" | "exit" | "quit") => return false,
            Some(word) if CHANGES.contains(&word) || IN_TABLES.contains(&word) => {
                self.entered = true;
            }
            // Somebody who mistyped a `config` looks around.
            Some(_) if !self.entered => return false,
            Some(_) | None => {}
        }
        true
    }
}
