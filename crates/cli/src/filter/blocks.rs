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
    /// Lines of the `config` itself that were not shown yet.
    outer: String,
    /// Whether a line of the `config` itself matched; then all of it is shown.
    is_whole: bool,
    /// Whether its first line was shown.
    is_shown: bool,
    entry: String,
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

/// A line on its way through.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    /// Which one of all it is, if that is to be shown.
    number: Option<usize>,
    word: Word,
    is_wanted: bool,
}

impl Line<'_> {
    fn put(self, buffer: &mut String) {
        if let Some(number) = self.number {
            let sign = if self.is_wanted { ':' } else { '-' };
            buffer.push_str(&format!("{number}{sign}"));
        }
        buffer.push_str(self.text);
        buffer.push_str(if self.is_wanted { " <---\n" } else { "\n" });
    }
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
    pub(super) fn line(
        &mut self,
        text: &str,
        number: Option<usize>,
        is_wanted: bool,
        shown: &mut String,
    ) {
        let word = Word::of(text);
        let line = Line {
            text,
            number,
            word,
            is_wanted,
        };
        if self.table.is_some() {
            return self.in_table(line, shown);
        }
        let is_way = matches!(text.trim(), "config vdom" | "config global")
            || (word == Word::Edit && !self.places.is_empty());
        if is_way {
            self.enter(line, shown);
        } else if word.opens() {
            let is_whole = self.places.iter().any(|place| place.is_whole);
            self.table = Some(Block {
                is_whole,
                ..Block::default()
            });
            self.in_table(line, shown);
        } else if word.closes() {
            self.leave(line, shown);
        } else if is_wanted {
            line.put(shown);
        }
    }

    fn in_table(&mut self, line: Line<'_>, shown: &mut String) {
        let Some(table) = &mut self.table else { return };
        let mut part = String::new();
        table.line(line, &mut part);
        if table.depth == 0 {
            self.table = None;
        }
        if !part.is_empty() {
            self.show_places(shown);
            shown.push_str(&part);
        }
    }

    fn enter(&mut self, line: Line<'_>, shown: &mut String) {
        let mut text = String::new();
        line.put(&mut text);
        self.places.push(Place {
            line: text,
            is_shown: false,
            is_whole: line.is_wanted,
        });
        if self.places.iter().any(|place| place.is_whole) {
            self.show_places(shown);
        }
    }

    /// `next` leaves a virtual domain, `end` the `config` with it.
    fn leave(&mut self, line: Line<'_>, shown: &mut String) {
        let kept = match line.word {
            Word::Next => self.places.len().saturating_sub(1),
            _ => 0,
        };
        if self.places.drain(kept..).any(|place| place.is_shown) {
            line.put(shown);
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
    fn line(&mut self, line: Line<'_>, shown: &mut String) {
        let Line {
            word, is_wanted, ..
        } = line;
        match self.depth {
            0 => {
                self.depth = 1;
                self.direct(line, shown);
            }
            1 if word.opens() => {
                self.depth = 2;
                self.entry.clear();
                line.put(&mut self.entry);
                self.entry_matches = is_wanted;
            }
            1 => {
                self.depth -= usize::from(word.closes());
                self.direct(line, shown);
            }
            _ => {
                line.put(&mut self.entry);
                self.entry_matches |= is_wanted;
                self.depth = self.depth + usize::from(word.opens()) - usize::from(word.closes());
                if self.depth == 1 {
                    self.entry_ends(shown);
                }
            }
        }
    }

    /// A line of the `config` itself. Its end is shown where its beginning was.
    fn direct(&mut self, line: Line<'_>, shown: &mut String) {
        line.put(&mut self.outer);
        self.is_whole |= line.is_wanted;
        if self.is_whole || (self.is_shown && self.depth == 0) {
            self.show_outer(shown);
        }
    }

    fn entry_ends(&mut self, shown: &mut String) {
        if self.is_whole || self.entry_matches {
            self.show_outer(shown);
            shown.push_str(&self.entry);
        }
    }

    fn show_outer(&mut self, shown: &mut String) {
        shown.push_str(&self.outer);
        self.outer.clear();
        self.is_shown = true;
    }
}
