//! Blocks of a pasted configuration that this unit does not have. Their lines must not end up in what is
//! open around them, and their `end` must not close it.

use domain::schema::VDOM;

use super::{Context, GLOBAL_PLACE, Session, Step};
use crate::walk::{self, Walk};
use crate::words::{self, CHANGES, Statement};

/// The words with which lines of a block begin, besides `config`, `end` and those that change a field.
const IN_TABLES: [&str; 7] = ["clone", "delete", "edit", "move", "next", "purge", "rename"];

/// The words with which no line of a configuration begins.
const LOOKS: [&str; 4] = ["diagnose", "execute", "get", "show"];

/// The words that leave all that is open.
const WAYS_OUT: [&str; 3] = ["abort", "exit", "quit"];

/// What a line is by its first word, in whatever block it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Config,
    Inside,
    Look,
    End,
    WayOut,
}

impl Kind {
    /// Words may be abbreviated. What would be ambiguous counts as what keeps the block open: its lines
    /// must not end up around it.
    fn of(first: &str) -> Option<Self> {
        let inside = CHANGES.iter().chain(&IN_TABLES);
        let mut known = std::iter::once((&"config", Self::Config))
            .chain(inside.map(|word| (word, Self::Inside)))
            .chain(LOOKS.iter().map(|word| (word, Self::Look)))
            .chain(std::iter::once((&"end", Self::End)))
            .chain(WAYS_OUT.iter().map(|word| (word, Self::WayOut)));
        let (_, kind) = known.find(|(word, _)| !first.is_empty() && word.starts_with(first))?;
        Some(kind)
    }
}

/// A block whose `config` was refused.
#[derive(Debug)]
pub(super) struct Passing {
    path: Box<str>,
    /// How many `end` are missing.
    depth: u32,
    /// Whether a line of it came: until then another `config` is another try.
    entered: bool,
}

/// What becomes of a line while a block is passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Passed {
    /// It is part of the block.
    Over,
    /// It is the block's end.
    End,
    /// It is run, and the block goes on behind it.
    Beside,
    /// It is run: there is no such block.
    Never,
}

impl Session {
    /// After a line was refused: whether it begins a block that has to be passed over. At the top its
    /// lines do no harm, and each says for itself that it is none.
    pub(super) fn passes_block_of(&mut self, line: &str) -> bool {
        let words = words::leniently(line);
        let [verb, path @ ..] = &words[..] else {
            return false;
        };
        let is_config = Kind::of(verb) == Some(Kind::Config) && !path.is_empty();
        // A table that is here, only not in this one, or another part of the unit: somebody forgot an `end`.
        let top = walk::Scope::Top(Context::Unit);
        let is_part = path == [GLOBAL_PLACE] || path == [VDOM.path];
        let is_known = || Walk::along(top, &self.permission, &words).is_ok();
        let lacks_end = is_part || (!self.place.levels.is_empty() && is_known());
        let passes = is_config && !lacks_end && !self.place.is_top();
        if passes {
            self.passing = Some(Passing {
                path: path.join(" ").into(),
                depth: 1,
                entered: false,
            });
        }
        passes
    }

    /// What comes of a line that belongs to such a block. A person learns why nothing is done.
    pub(super) fn pass_over(&mut self, line: &str) -> Option<Step> {
        let mut passing = self.passing.take()?;
        let (scope, permission) = (self.scope(), &self.permission);
        let is_here = |words: &[String]| Walk::along(scope, permission, words).is_ok();
        let passed = passing.take(line, is_here);
        if passing.entered {
            self.spoil_by_block(&passing.path);
        }
        if matches!(passed, Passed::Over | Passed::Beside) {
            self.passing = Some(passing);
        }
        let remark = match passed {
            Passed::Over if line.trim().is_empty() => return Some(Step::Nothing),
            Passed::Over => "passed over, as all up to the 'end' of that 'config'",
            Passed::End => "passed over up to here; what follows is taken again",
            Passed::Beside | Passed::Never => return None,
        };
        Some(Step::Remark(format!("{remark}\n")))
    }
}

impl Passing {
    /// `is_here` says of a line whether it is a command in this place.
    fn take(&mut self, line: &str, is_here: impl Fn(&[String]) -> bool) -> Passed {
        let words = Statement::begin(line).into_words();
        let Some(first) = words.first() else {
            return Passed::Over;
        };
        match Kind::of(first) {
            Some(Kind::End) => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Passed::End;
                }
            }
            Some(Kind::Config) if !self.entered && is_here(&words) => return Passed::Never,
            Some(Kind::Config) => {
                self.depth += 1;
                self.entered = true;
            }
            Some(Kind::WayOut) if is_here(&words) => return Passed::Never,
            Some(Kind::Inside) => self.entered = true,
            // Somebody who mistyped a `config` looks around.
            Some(Kind::Look) | None if !self.entered => return Passed::Never,
            Some(Kind::Look) => return Passed::Beside,
            Some(Kind::WayOut) | None => {}
        }
        Passed::Over
    }
}
