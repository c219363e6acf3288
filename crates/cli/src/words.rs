//! A line as words: blanks, quotes, escapes and the pipe.
//!
//! `"…"` keeps blanks and knows `\"` and `\\`; `'…'` keeps everything; outside of quotes `\` keeps the
//! next character. An unquoted `|` ends the command.

use zeroize::Zeroizing;

use crate::complaint::Complaint;

/// The longest line in octets: the line editor's own limit, for lines that come without an editor.
const LINE_MAX: usize = 4_096;

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
    /// Splits a line without its line end.
    pub(crate) fn parse(line: &str) -> Result<Self, Complaint> {
        if line.len() > LINE_MAX {
            let why = format!(
                "a line has at most {LINE_MAX} octets, and this has {}",
                line.len()
            );
            return Err(Complaint::command("...", why));
        }
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Complaint::command(
                "...",
                "a line has no control characters",
            ));
        }
        let scan = Scan::of(line);
        match scan.ending {
            Ending::Blank | Ending::Word => Ok(Self {
                words: scan.words,
                pipe: scan.pipe,
            }),
            Ending::Double | Ending::Single => {
                Err(Complaint::command(scan.last(), "the quote is not closed"))
            }
            Ending::Escape => Err(Complaint::command(
                "\\",
                "a character must follow '\\'; for itself type '\\\\'",
            )),
        }
    }
}

/// The part of a line before the cursor.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// The words that are complete.
    pub(crate) words: Words,
    /// What is typed of the next one; empty after a blank.
    pub(crate) partial: String,
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
    /// What stands before the cursor; nothing behind a pipe or a lone `\`, where there is no help.
    pub(crate) fn parse(line_before_cursor: &str) -> Option<Self> {
        let mut scan = Scan::of(line_before_cursor);
        let quoting = match scan.ending {
            _ if scan.pipe.is_some() => return None,
            Ending::Escape => return None,
            Ending::Blank | Ending::Word => Quoting::None,
            Ending::Double => Quoting::Double,
            Ending::Single => Quoting::Single,
        };
        let partial = match scan.ending {
            Ending::Blank => String::new(),
            _ => scan.words.pop().unwrap_or_default(),
        };
        Some(Self {
            words: scan.words,
            partial,
            quoting,
        })
    }
}

impl Quoting {
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
        let is_special = |c| match self {
            Self::None => matches!(c, ' ' | '"' | '\'' | '\\' | '|' | '#'),
            Self::Double => matches!(c, '"' | '\\'),
            Self::Single => false,
        };
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if is_special(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    }
}

/// A word in double quotes, as `show` prints it and [`Line::parse`] reads it.
pub(crate) fn quoted(word: &str) -> String {
    format!("\"{}\"", Quoting::Double.escaped(word))
}

struct Scan {
    words: Words,
    pipe: Option<Words>,
    ending: Ending,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Blank,
    Word,
    Double,
    Single,
    /// After a `\` outside of single quotes.
    Escape,
}

impl Scan {
    fn of(line: &str) -> Self {
        let mut scan = Self {
            words: Words::default(),
            pipe: None,
            ending: Ending::Blank,
        };
        let mut escaped_from = Ending::Word;
        for c in line.chars() {
            scan.ending = match (scan.ending, c) {
                (Ending::Escape, _) => scan.take(escaped_from, c),
                (Ending::Single, '\'') | (Ending::Double, '"') => Ending::Word,
                (before @ (Ending::Blank | Ending::Word), '"') => scan.open(before, Ending::Double),
                (before @ (Ending::Blank | Ending::Word), '\'') => {
                    scan.open(before, Ending::Single)
                }
                (before @ (Ending::Blank | Ending::Word), '\\') => {
                    escaped_from = Ending::Word;
                    scan.open(before, Ending::Escape)
                }
                (Ending::Double, '\\') => {
                    escaped_from = Ending::Double;
                    Ending::Escape
                }
                (Ending::Blank | Ending::Word, ' ' | '\t') => Ending::Blank,
                (Ending::Blank | Ending::Word, '|') if scan.pipe.is_none() => {
                    scan.pipe = Some(Words::default());
                    Ending::Blank
                }
                (Ending::Blank, _) => {
                    scan.open(Ending::Blank, Ending::Word);
                    scan.take(Ending::Word, c)
                }
                (same, _) => scan.take(same, c),
            };
        }
        scan
    }

    fn current(&mut self) -> &mut Words {
        self.pipe.as_mut().unwrap_or(&mut self.words)
    }

    fn open(&mut self, before: Ending, state: Ending) -> Ending {
        if before == Ending::Blank {
            self.current().push(String::new());
        }
        state
    }

    fn take(&mut self, state: Ending, c: char) -> Ending {
        if let Some(word) = self.current().last_mut() {
            word.push(c);
        }
        state
    }

    fn last(&self) -> &str {
        self.pipe
            .as_ref()
            .unwrap_or(&self.words)
            .last()
            .map_or("", String::as_str)
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
        assert_eq!(words(r#""say \"hi\" \\ C:\x""#), [r#"say "hi" \ C:x"#]);
        assert_eq!(words(r"it\'s a'b'c"), ["it's", "abc"]);
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
    fn lines_that_are_not_finished_are_refused() {
        for open in ["a \"b", "a 'b", "a \\", "a\u{7}b"] {
            assert!(Line::parse(open).is_err(), "{open:?}");
        }
        assert!(Line::parse(&"x".repeat(LINE_MAX)).is_ok());
        assert!(Line::parse(&"x".repeat(LINE_MAX + 1)).is_err());
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
            proptest::prop_assert_eq!(&beginning.partial, &begun);
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
