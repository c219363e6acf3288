//! A line as words: blanks, quotes, escapes and the pipe.
//!
//! `"…"` keeps blanks and knows `\"` and `\\`; `'…'` keeps everything; outside of quotes `\` makes a
//! blank, quote, `\`, `|` or `#` part of the word. Before any other character `\` is itself, so that
//! `EXAMPLE\alice` and the pattern `"\["` are what they look like. An unquoted `|` ends the command.

use domain::schema::{LIST_MAX, REFERENCE_MAX};
use zeroize::Zeroizing;

use crate::complaint::Complaint;

/// The longest line in octets, with the lines that a quote goes over. Whatever `show` prints can be
/// typed: longest is a full list of the longest names, each of characters of four octets, in quotes and
/// behind a blank; what stands before it is shorter than the rest.
pub const LINE_MAX: usize = LIST_MAX * (4 * REFERENCE_MAX as usize + 3) + 1_024;

/// The words of a line; passwords among them are wiped with it.
pub(crate) type Words = Zeroizing<Vec<String>>;

/// A line, split but not understood.
#[derive(Debug)]
pub(crate) struct Line {
    /// The command.
    pub(crate) words: Words,
    /// What follows the pipe.
    pub(crate) pipe: Option<Words>,
}

impl Line {
    /// Splits a line without its line end. Line ends stand within quotes only.
    pub(crate) fn parse(line: &str) -> Result<Self, Complaint> {
        if line
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n'))
        {
            return Err(Complaint::command(
                "...",
                "a line has no control characters",
            ));
        }
        let scan = Scan::of(line);
        match scan.ending {
            Ending::Blank | Ending::Word(Quoting::None) => Ok(Self {
                words: scan.words,
                pipe: scan.pipe,
            }),
            // What is quoted may be a password: it is not repeated.
            Ending::Word(Quoting::Double) => {
                Err(Complaint::command("\"", "the quote is not closed"))
            }
            Ending::Word(Quoting::Single) => {
                Err(Complaint::command("'", "the quote is not closed"))
            }
            Ending::Escape(_) => Err(Complaint::command(
                "\\",
                "a character must follow '\\'; for itself type '\\\\'",
            )),
        }
    }
}

/// The words that change a field of the open entry, here and in a FortiGate's configuration.
pub(crate) const CHANGES: [&str; 6] = ["set", "unset", "append", "unselect", "select", "clear"];

/// The words of a line before any pipe, whether it can be run or not.
pub(crate) fn leniently(line: &str) -> Words {
    Scan::of(line).words
}

/// The part of a line before the cursor.
pub(crate) struct Beginning {
    /// The words that are complete.
    pub(crate) words: Words,
    /// Those behind a pipe, if there is one; then `words` are the whole command.
    pub(crate) pipe: Option<Words>,
    /// What is typed of the next one; empty after a blank.
    pub(crate) partial: Zeroizing<String>,
    /// How that one is quoted.
    pub(crate) quoting: Quoting,
}

/// How a word that is being typed is quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quoting {
    None,
    Double,
    Single,
}

impl Beginning {
    /// What stands before the cursor; nothing behind a lone `\`, where there is no help.
    pub(crate) fn parse(line_before_cursor: &str) -> Option<Self> {
        let mut scan = Scan::of(line_before_cursor);
        let (partial, quoting) = match scan.ending {
            Ending::Escape(_) => return None,
            Ending::Blank => (Zeroizing::default(), Quoting::None),
            Ending::Word(quoting) => (
                Zeroizing::new(scan.current().pop().unwrap_or_default()),
                quoting,
            ),
        };
        Some(Self {
            words: scan.words,
            pipe: scan.pipe,
            partial,
            quoting,
        })
    }
}

impl Quoting {
    fn mark(self) -> Option<char> {
        match self {
            Self::None => None,
            Self::Double => Some('"'),
            Self::Single => Some('\''),
        }
    }

    /// The rest of a word as it must be typed behind what is there, up to its end. Single quotes
    /// cannot hold a single quote.
    pub(crate) fn rest(self, rest: &str) -> Option<String> {
        match self {
            Self::None => Some(self.escaped(rest)),
            Self::Double => Some(self.escaped(rest) + "\""),
            Self::Single => (!rest.contains('\'')).then(|| format!("{rest}'")),
        }
    }

    /// Text in the middle of such a word.
    pub(crate) fn escaped(self, text: &str) -> String {
        if !text.chars().any(|c| self.escapes(c)) {
            return text.to_owned();
        }
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if self.escapes(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    }

    /// Whether `\` makes this character part of the word.
    fn escapes(self, c: char) -> bool {
        match self {
            Self::None => matches!(c, ' ' | '\t' | '"' | '\'' | '\\' | '|' | '#'),
            Self::Double => matches!(c, '"' | '\\'),
            Self::Single => false,
        }
    }
}

/// A word in double quotes, as `show` prints it and the command line reads it.
pub fn quoted(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    quoted.push_str(&Quoting::Double.escaped(word));
    quoted.push('"');
    quoted
}

/// A statement of a configuration. What is quoted may go over several lines, and there are no
/// pipes.
pub(crate) struct Statement(Scan);

impl Statement {
    /// The statement that begins with this line, given without its line end.
    pub(crate) fn begin(line: &str) -> Self {
        let mut scan = Scan::new(Bar::Text);
        line.chars().for_each(|c| scan.take(c));
        Self(scan)
    }

    /// Whether a quote is open: the next line belongs to the statement.
    pub(crate) fn is_open(&self) -> bool {
        self.open_quote().is_some()
    }

    /// The quote that is open.
    pub(crate) fn open_quote(&self) -> Option<char> {
        match self.0.ending {
            Ending::Word(quoting) | Ending::Escape(quoting) => quoting.mark(),
            Ending::Blank => None,
        }
    }

    /// Adds a line to a statement that is open.
    pub(crate) fn add(&mut self, line: &str) {
        self.0.take('\n');
        line.chars().for_each(|c| self.0.take(c));
    }

    /// The words. A `\` at the end is itself.
    pub(crate) fn into_words(mut self) -> Words {
        if matches!(self.0.ending, Ending::Escape(_)) {
            self.0.push('\\');
        }
        self.0.words
    }
}

struct Scan {
    words: Words,
    pipe: Option<Words>,
    ending: Ending,
    bar: Bar,
}

/// What an unquoted `|` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bar {
    /// The end of the command.
    Pipe,
    /// Part of a word.
    Text,
}

/// How what was read so far ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Between words.
    Blank,
    /// In a word, quoted like this.
    Word(Quoting),
    /// After a `\` in a word that is quoted like this.
    Escape(Quoting),
}

impl Scan {
    fn of(line: &str) -> Self {
        let mut scan = Self::new(Bar::Pipe);
        line.chars().for_each(|c| scan.take(c));
        scan
    }

    fn new(bar: Bar) -> Self {
        Self {
            words: Words::default(),
            pipe: None,
            ending: Ending::Blank,
            bar,
        }
    }

    fn take(&mut self, c: char) {
        self.ending = match (self.ending, c) {
            (Ending::Escape(quoting), _) => {
                if !quoting.escapes(c) {
                    self.push('\\');
                }
                self.push(c);
                Ending::Word(quoting)
            }
            (Ending::Blank | Ending::Word(Quoting::None), ' ' | '\t') => Ending::Blank,
            (Ending::Blank | Ending::Word(Quoting::None), '|')
                if self.bar == Bar::Pipe && self.pipe.is_none() =>
            {
                self.pipe = Some(Words::default());
                Ending::Blank
            }
            (Ending::Blank, _) => {
                self.current().push(String::new());
                self.in_word(Quoting::None, c)
            }
            (Ending::Word(quoting), _) => self.in_word(quoting, c),
        };
    }

    fn in_word(&mut self, quoting: Quoting, c: char) -> Ending {
        match (quoting, c) {
            (Quoting::None, '"') => Ending::Word(Quoting::Double),
            (Quoting::None, '\'') => Ending::Word(Quoting::Single),
            (Quoting::Double, '"') | (Quoting::Single, '\'') => Ending::Word(Quoting::None),
            (Quoting::None | Quoting::Double, '\\') => Ending::Escape(quoting),
            _ => {
                self.push(c);
                Ending::Word(quoting)
            }
        }
    }

    fn current(&mut self) -> &mut Words {
        self.pipe.as_mut().unwrap_or(&mut self.words)
    }

    fn push(&mut self, c: char) {
        if let Some(word) = self.current().last_mut() {
            word.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        Line::parse(line).unwrap().words.to_vec()
    }

    #[test]
    fn quotes_and_escapes_make_words() {
        assert_eq!(
            words("  set\tcomments  plain "),
            ["set", "comments", "plain"]
        );
        assert_eq!(
            words(r#"a "b c" 'd "e' f\ g"#),
            ["a", "b c", "d \"e", "f g"]
        );
        assert_eq!(words(r#"set comments """#), ["set", "comments", ""]);
        assert_eq!(words(r#""say \"hi\" \\ C:\x""#), [r#"say "hi" \ C:\x"#]);
        assert_eq!(words(r"it\'s a'b'c"), ["it's", "abc"]);
        assert_eq!(words(r"edit EXAMPLE\alice"), ["edit", r"EXAMPLE\alice"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn a_pipe_outside_of_quotes_ends_the_command() {
        let line = Line::parse(r#"show | grep "a|b" | c"#).unwrap();
        assert_eq!(*line.words, ["show"]);
        assert_eq!(*line.pipe.unwrap(), ["grep", "a|b", "|", "c"]);
        assert_eq!(words(r"set comments a\|b"), ["set", "comments", "a|b"]);
    }

    #[test]
    fn a_statement_of_a_file_goes_on_while_a_quote_is_open() {
        let mut statement = Statement::begin(r#"    set key "-----BEGIN"#);
        assert!(statement.is_open());
        statement.add(r#"next \"x\""#);
        assert!(statement.is_open());
        statement.add("END\" a|b");
        assert!(!statement.is_open());
        let words = statement.into_words();
        assert_eq!(*words, ["set", "key", "-----BEGIN\nnext \"x\"\nEND", "a|b"]);
        assert_eq!(*Statement::begin("a \\").into_words(), ["a", "\\"]);
    }

    #[test]
    fn lines_that_are_not_finished_are_refused() {
        for open in ["a \"b", "a 'b", "a \\", "a\u{7}b"] {
            assert!(Line::parse(open).is_err(), "{open:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_quoted_is_one_word(word in "\\PC{0,40}") {
            proptest::prop_assert_eq!(words(&quoted(&word)), [word]);
        }

        #[test]
        fn a_completed_word_is_the_word(begun in "\\PC{0,9}", rest in "\\PC{1,9}", open in 0..3_usize) {
            let (open, quoting) =
                [("", Quoting::None), ("\"", Quoting::Double), ("'", Quoting::Single)][open];
            let single = quoting == Quoting::Single;
            proptest::prop_assume!(!(single && begun.contains('\'')));
            let typed = format!("{open}{}", quoting.escaped(&begun));
            let beginning = Beginning::parse(&typed).unwrap();
            proptest::prop_assert_eq!(&*beginning.partial, &begun);
            proptest::prop_assert_eq!(beginning.words.len(), 0);
            match beginning.quoting.rest(&rest) {
                Some(typed_rest) => {
                    let line = format!("{typed}{typed_rest}");
                    proptest::prop_assert_eq!(words(&line), [format!("{begun}{rest}")]);
                }
                None => proptest::prop_assert!(single && rest.contains('\'')),
            }
        }
    }
}
