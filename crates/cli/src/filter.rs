//! `| grep`: lines in, lines out, as they come.

use std::collections::VecDeque;

use regex::{Regex, RegexBuilder};

use crate::complaint::Complaint;

mod blocks;

use blocks::Blocks;

/// Lines of context at most; who wants more wants all of the output.
const CONTEXT_MAX: usize = 1_000;

/// A compiled pattern in octets: room for some Unicode classes, each of which takes 64 KiB. `((.?){99}){99}`
/// takes ten times as much, and would take its time with every line of 100,000 tokens.
const PATTERN_MAX: usize = 1_048_576;

/// The one filter that there is.
pub(crate) static GREP: (&str, &str) = ("grep", "Show the lines that match.");

/// What `grep` can be told, with one line of help each.
pub(crate) static OPTIONS: &[(&str, &str)] = &[
    ("-i", "Upper and lower case are the same."),
    ("-v", "Lines that do not match."),
    ("-n", "With the number of each line."),
    ("-c", "Only how many lines match."),
    (
        "-f",
        "With the block of the configuration around each match, which is marked <---.",
    ),
    ("-A N", "With N lines after each match."),
    ("-B N", "With N lines before each match."),
    ("-C N", "With N lines before and after each match."),
];

/// Whether a pattern is among the words after `grep`.
pub(crate) fn has_pattern(words: &[String]) -> bool {
    Options::parse(words).is_ok_and(|options| options.pattern.is_some())
}

/// Where the text of a command goes on its way to the terminal.
#[derive(Debug)]
pub struct Output {
    filter: Option<Box<Filter>>,
    /// A line whose end has not come yet.
    partial: String,
}

impl Output {
    pub(crate) fn through(filter: Option<Filter>) -> Self {
        Self {
            filter: filter.map(Box::new),
            partial: String::new(),
        }
    }

    /// Takes text; returns what is to be shown of it now, in whole lines ended by LF.
    pub fn push(&mut self, text: &str) -> String {
        let Some(filter) = &mut self.filter else {
            return text.to_owned();
        };
        let mut shown = String::new();
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(end) if self.partial.is_empty() => filter.line(end, &mut shown),
                Some(end) => {
                    self.partial.push_str(end);
                    filter.line(&std::mem::take(&mut self.partial), &mut shown);
                }
                None => self.partial.push_str(piece),
            }
        }
        shown
    }

    /// The text has ended; returns what is left to be shown.
    pub fn finish(mut self) -> String {
        let rest = if self.partial.is_empty() {
            String::new()
        } else {
            self.push("\n")
        };
        rest + &self
            .filter
            .map_or_else(String::new, |filter| filter.finish())
    }

    pub(crate) fn whole(mut self, text: &str) -> String {
        self.push(text) + &self.finish()
    }
}

/// What `grep` was asked for.
#[derive(Debug)]
pub(crate) struct Filter {
    pattern: Regex,
    /// `-v`: lines that do not match are the ones wanted.
    inverted: bool,
    /// `-n`: each line with its number.
    numbered: bool,
    seen: usize,
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    /// Matching lines, with `-A`, `-B`, `-C` and those around them.
    Lines(Context),
    /// `-c`: how many match.
    Count(usize),
    /// `-f`: the blocks of the configuration in which a line matches.
    Blocks(Blocks),
}

#[derive(Debug, Default)]
struct Context {
    before: usize,
    after: usize,
    /// The last lines that were not shown.
    held: VecDeque<String>,
    /// How many of the next lines are shown because of the last match.
    due: usize,
    /// Whether something was shown, and whether lines were left out since.
    shown: bool,
    gap: bool,
}

impl Filter {
    /// The words after the pipe.
    pub(crate) fn parse(words: &[String]) -> Result<Self, Complaint> {
        let (name, rest) = words
            .split_first()
            .ok_or_else(|| Complaint::incomplete("'grep PATTERN' must follow the pipe"))?;
        if name.is_empty() || !GREP.0.starts_with(name.as_str()) {
            return Err(Complaint::command(
                name,
                "a pipe leads to 'grep'; quote '|' to mean itself",
            ));
        }
        Options::parse(rest)?.into_filter()
    }

    fn line(&mut self, line: &str, shown: &mut String) {
        self.seen += 1;
        let is_wanted = self.pattern.is_match(line) != self.inverted;
        let number = self.seen;
        let mark = |sign: char| {
            if self.numbered {
                format!("{number}{sign}{line}\n")
            } else {
                format!("{line}\n")
            }
        };
        match &mut self.mode {
            Mode::Count(count) => *count += usize::from(is_wanted),
            Mode::Blocks(blocks) => {
                let number = self.numbered.then_some(number);
                blocks.line(line, number, is_wanted, shown);
            }
            Mode::Lines(context) if is_wanted => context.matching(&mark(':'), shown),
            Mode::Lines(context) => context.other(|| mark('-'), shown),
        }
    }

    fn finish(self) -> String {
        match self.mode {
            Mode::Count(count) => format!("{count}\n"),
            Mode::Lines(_) | Mode::Blocks(_) => String::new(),
        }
    }
}

impl Context {
    fn matching(&mut self, line: &str, shown: &mut String) {
        if self.shown && self.gap && self.before + self.after > 0 {
            shown.push_str("--\n");
        }
        shown.extend(self.held.drain(..));
        shown.push_str(line);
        (self.shown, self.gap, self.due) = (true, false, self.after);
    }

    fn other(&mut self, line: impl FnOnce() -> String, shown: &mut String) {
        if self.due > 0 {
            self.due -= 1;
            shown.push_str(&line());
            return;
        }
        if self.held.len() == self.before {
            self.held.pop_front();
            self.gap = true;
        }
        if self.before > 0 {
            self.held.push_back(line());
        }
    }
}

/// The words after `grep`.
#[derive(Default)]
struct Options {
    pattern: Option<String>,
    flags: Flags,
    /// Of `-A`, `-B` and `-C`, if any was typed.
    context: Option<Context>,
}

#[derive(Default)]
struct Flags {
    folded: bool,
    inverted: bool,
    numbered: bool,
    form: Form,
}

#[derive(Default)]
enum Form {
    #[default]
    Lines,
    Count,
    Blocks,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, Complaint> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some(letters) if !letters.is_empty() => options.flags(letters, &mut words)?,
                _ if options.pattern.is_none() => options.pattern = Some(word.clone()),
                _ => {
                    let plain = "grep takes one pattern; quote it if it has blanks";
                    return Err(Complaint::command(word, plain));
                }
            }
        }
        Ok(options)
    }

    fn flags<'a>(
        &mut self,
        letters: &'a str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), Complaint> {
        for (at, letter) in letters.char_indices() {
            match letter {
                'i' => self.flags.folded = true,
                'v' => self.flags.inverted = true,
                'n' => self.flags.numbered = true,
                'c' => self.flags.form = Form::Count,
                'f' => self.flags.form = Form::Blocks,
                'A' | 'B' | 'C' => {
                    let attached = letters.get(at + 1..).filter(|number| !number.is_empty());
                    let number = attached.or_else(|| words.next().map(String::as_str));
                    return self.context(letter, number.unwrap_or(""));
                }
                _ => {
                    let plain = "grep takes -i -v -n -f -c, and -A, -B, -C with a number";
                    return Err(Complaint::command(&format!("-{letters}"), plain));
                }
            }
        }
        Ok(())
    }

    fn context(&mut self, letter: char, number: &str) -> Result<(), Complaint> {
        let lines = number
            .parse::<usize>()
            .ok()
            .filter(|lines| *lines <= CONTEXT_MAX);
        let lines = lines.ok_or_else(|| {
            let plain = format!("-{letter} takes a number of lines, at most {CONTEXT_MAX}");
            Complaint::value(number, plain)
        })?;
        let context = self.context.get_or_insert_default();
        if letter != 'B' {
            context.after = lines;
        }
        if letter != 'A' {
            context.before = lines;
        }
        Ok(())
    }

    fn into_filter(self) -> Result<Filter, Complaint> {
        let Self {
            pattern,
            flags,
            context,
        } = self;
        let pattern = pattern
            .ok_or_else(|| Complaint::incomplete("a pattern must follow: grep [-ivnfc] PATTERN"))?;
        let regex = RegexBuilder::new(&pattern)
            .case_insensitive(flags.folded)
            .size_limit(PATTERN_MAX)
            .build();
        let mode = match (flags.form, context) {
            (Form::Count, _) => Mode::Count(0),
            (Form::Blocks, None) => Mode::Blocks(Blocks::default()),
            // `-A` and its like win over `-f`: so does FortiOS, and clients list virtual domains by it.
            (Form::Blocks | Form::Lines, context) => Mode::Lines(context.unwrap_or_default()),
        };
        Ok(Filter {
            pattern: regex.map_err(|error| {
                let error = error.to_string();
                let why = error.lines().last().unwrap_or_default();
                let why = why.strip_prefix("error: ").unwrap_or(why);
                let plain =
                    format!("no pattern: {why}; put '\\' before a character to mean itself");
                Complaint::value(&pattern, plain)
            })?,
            inverted: flags.inverted,
            numbered: flags.numbered,
            seen: 0,
            mode,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grep(options: &[&str], text: &str) -> String {
        let words: Vec<String> = std::iter::once(&"grep")
            .chain(options)
            .map(|word| (*word).to_owned())
            .collect();
        Output::through(Some(Filter::parse(&words).unwrap())).whole(text)
    }

    const CONFIG: &str = "\
config user fortitoken
    edit \"A\"
        set status lock
    next
    edit \"B\"
    next
end
config system global
    set hostname \"gate\"
    set two-factor-ftm-expiry 24
end
";

    #[test]
    fn lines_are_chosen_by_pattern() {
        assert_eq!(grep(&["^b"], "ab\nba\n"), "ba\n");
        assert_eq!(grep(&["-iv", "B"], "ab\nc\n"), "c\n");
        assert_eq!(grep(&["-n", "b"], "ab\nc\nb\n"), "1:ab\n3:b\n");
        assert_eq!(grep(&["-c", "b$"], "ab\nc\nb"), "2\n");
        assert_eq!(grep(&["=="], "== [ x ]\n"), "== [ x ]\n");
    }

    #[test]
    fn blocks_have_their_numbers_too() {
        assert_eq!(
            grep(&["-nf", "lock"], CONFIG),
            "1-config user fortitoken\n2-    edit \"A\"\n3:        set status lock <---\n\
             4-    next\n7-end\n"
        );
    }

    #[test]
    fn context_is_shown_once_with_gaps_marked() {
        let text = "1\n2\n3x\n4\n5\n6\n7x\n8\n9\n";
        assert_eq!(grep(&["x", "-A1"], text), "3x\n4\n--\n7x\n8\n");
        assert_eq!(grep(&["-B", "1", "x"], text), "2\n3x\n--\n6\n7x\n");
        assert_eq!(
            grep(&["-nC2", "x"], text),
            "1-1\n2-2\n3:3x\n4-4\n5-5\n6-6\n7:7x\n8-8\n9-9\n"
        );
        assert_eq!(grep(&["-A0", "x"], text), "3x\n7x\n");
    }

    #[test]
    fn a_match_shows_its_block() {
        let entry =
            "config user fortitoken\n    edit \"A\"\n        set status lock <---\n    next\nend\n";
        assert_eq!(grep(&["-f", "lock"], CONFIG), entry);
        let global = "config system global\n    set hostname \"gate\" <---\n    \
                      set two-factor-ftm-expiry 24\nend\n";
        assert_eq!(grep(&["gate", "-f"], CONFIG), global);
        let whole = grep(&["-f", "fortitoken"], CONFIG);
        assert_eq!(whole.lines().count(), 7);
        assert!(whole.starts_with("config user fortitoken <---\n    edit \"A\"\n"));
        assert_eq!(grep(&["-f", "none"], CONFIG), "");
        assert_eq!(grep(&["-f", "b"], "a\nb\n"), "b <---\n");
    }

    #[test]
    fn wrong_options_are_named() {
        for wrong in [
            &["-x", "a"][..],
            &["-A", "b", "a"],
            &["a", "b"],
            &["["],
            &[],
            &["-A2000", "a"],
            &["((.?){99}){99}"],
        ] {
            let words: Vec<String> = std::iter::once(&"grep")
                .chain(wrong)
                .map(|word| (*word).to_owned())
                .collect();
            assert!(Filter::parse(&words).is_err(), "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn however_the_text_is_cut_the_lines_are_the_same(
            cuts in proptest::collection::vec(0..CONFIG.len(), 0..6),
            options in proptest::sample::select(vec!["-f", "-n", "-C1", "-c", "-v"]),
        ) {
            let words = ["grep", options, "set"].map(str::to_owned);
            let mut output = Output::through(Some(Filter::parse(&words).unwrap()));
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut shown = String::new();
            let mut from = 0;
            for cut in cuts {
                shown += &output.push(&CONFIG[from..cut]);
                from = cut;
            }
            shown += &output.push(&CONFIG[from..]);
            shown += &output.finish();
            proptest::prop_assert_eq!(shown, grep(&[options, "set"], CONFIG));
        }
    }
}
