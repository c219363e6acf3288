//! `| grep -f`: matching lines within the configuration that they belong to.

/// Lines on their way, while it is not known whether they are shown.
///
/// What belongs together is an entry of a table with all that is in it, or a settings object. Around it
/// are its `config` line and, in a unit with virtual domains, the lines by which one gets there.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// `config global`, or `config vdom` and `edit NAME` below it.
    places: Vec<Place>,
    /// The table that is open.
    table: Option<Block>,
}

#[derive(Debug)]
struct Place {
    line: String,
    is_shown: bool,
    /// Whether its own line matched; then all that is in it is shown.
    is_whole: bool,
}

/// A `config` with what stands directly in it, and the entry that is open in it.
#[derive(Debug, Default)]
struct Block {
    depth: usize,
    outer: Vec<String>,
    /// Whether a line of the `config` itself matched; then all of it is shown.
    is_whole: bool,
    /// Whether its first line was shown.
    is_shown: bool,
    entry: Vec<String>,
    entry_matches: bool,
}

/// What a line does to the depth of the configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Config,
    Edit,
    Next,
    End,
    Other,
}

impl Word {
    fn of(line: &str) -> Self {
        match line.split_whitespace().next() {
            Some("config") => Self::Config,
            Some("edit") => Self::Edit,
            Some("next") => Self::Next,
            Some("end") => Self::End,
            _ => Self::Other,
        }
    }

    fn opens(self) -> bool {
        matches!(self, Self::Config | Self::Edit)
    }

    fn closes(self) -> bool {
        matches!(self, Self::Next | Self::End)
    }
}

impl Blocks {
    pub(super) fn line(&mut self, line: &str, is_wanted: bool, shown: &mut String) {
        let word = Word::of(line);
        let text = if is_wanted {
            format!("{line} <---\n")
        } else {
            format!("{line}\n")
        };
        let is_way = matches!(line.trim(), "config vdom" | "config global")
            || (word == Word::Edit && !self.places.is_empty());
        match &mut self.table {
            Some(_) => self.in_table(word, text, is_wanted, shown),
            None if is_way => self.enter(text, is_wanted, shown),
            None if word.opens() => {
                let is_whole = self.places.iter().any(|place| place.is_whole);
                self.table = Some(Block {
                    is_whole,
                    ..Block::default()
                });
                self.in_table(word, text, is_wanted, shown);
            }
            None if word.closes() => self.leave(word, &text, shown),
            None if is_wanted => shown.push_str(&text),
            None => {}
        }
    }

    fn in_table(&mut self, word: Word, text: String, is_wanted: bool, shown: &mut String) {
        let Some(table) = &mut self.table else { return };
        let mut part = String::new();
        table.line(word, text, is_wanted, &mut part);
        if table.depth == 0 {
            self.table = None;
        }
        if !part.is_empty() {
            self.show_places(shown);
            shown.push_str(&part);
        }
    }

    fn enter(&mut self, line: String, is_whole: bool, shown: &mut String) {
        self.places.push(Place {
            line,
            is_shown: false,
            is_whole,
        });
        if self.places.iter().any(|place| place.is_whole) {
            self.show_places(shown);
        }
    }

    /// `next` leaves a virtual domain, `end` the `config` with it.
    fn leave(&mut self, word: Word, text: &str, shown: &mut String) {
        let kept = match word {
            Word::Next => self.places.len().saturating_sub(1),
            _ => 0,
        };
        if self.places.drain(kept..).any(|place| place.is_shown) {
            shown.push_str(text);
        }
    }

    fn show_places(&mut self, shown: &mut String) {
        for place in self.places.iter_mut().filter(|place| !place.is_shown) {
            shown.push_str(&place.line);
            place.is_shown = true;
        }
    }
}

impl Block {
    fn line(&mut self, word: Word, text: String, is_wanted: bool, shown: &mut String) {
        match self.depth {
            0 => {
                self.depth = 1;
                self.direct(text, is_wanted, shown);
            }
            1 if word.opens() => {
                self.depth = 2;
                (self.entry, self.entry_matches) = (vec![text], is_wanted);
            }
            1 => {
                self.depth -= usize::from(word.closes());
                self.direct(text, is_wanted, shown);
            }
            _ => {
                self.entry.push(text);
                self.entry_matches |= is_wanted;
                self.depth = self.depth + usize::from(word.opens()) - usize::from(word.closes());
                if self.depth == 1 {
                    self.entry_ends(shown);
                }
            }
        }
    }

    /// A line of the `config` itself. Its end is shown where its beginning was.
    fn direct(&mut self, text: String, is_wanted: bool, shown: &mut String) {
        self.outer.push(text);
        self.is_whole |= is_wanted;
        if self.is_whole || (self.is_shown && self.depth == 0) {
            self.show_outer(shown);
        }
    }

    fn entry_ends(&mut self, shown: &mut String) {
        let entry = std::mem::take(&mut self.entry);
        if self.is_whole || self.entry_matches {
            self.show_outer(shown);
            shown.extend(entry);
        }
    }

    fn show_outer(&mut self, shown: &mut String) {
        shown.extend(self.outer.drain(..));
        self.is_shown = true;
    }
}
