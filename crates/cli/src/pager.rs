//! `--More--`: a page of output at a time, as `config system console / set output more` wants it.
//!
//! Text goes in as it comes; while a page is full the shell waits for a key and feeds no more, so what
//! makes the text waits too.
//!
//! ```
//! use cli::pager::{Page, Pager};
//!
//! let mut pager = Pager::new(3, 80);
//! assert_eq!(pager.push("a\nb\nc\n"), Page::Full("a\nb\n".to_owned()));
//! assert_eq!(pager.press(b' '), Page::Open("c\n".to_owned()));
//! ```

use unicode_width::UnicodeWidthStr;

/// What a terminal shows while it waits for a key.
pub const MORE: &str = "--More-- ";

/// Takes [`MORE`] away again.
pub const ERASE_MORE: &str = "\r         \r";

const CTRL_C: u8 = 0x03;

/// Output on its way to a terminal.
#[derive(Debug)]
pub struct Pager {
    /// Rows of text on a page; one of the terminal's is left for [`MORE`].
    rows: usize,
    columns: usize,
    used: usize,
    /// Text that waits for the next page.
    held: String,
    /// The person has seen enough.
    stopped: bool,
}

/// What is shown now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Page {
    /// This; more may come.
    Open(String),
    /// This, then [`MORE`]: nothing more before a key is pressed.
    Full(String),
    /// Nothing more of this command's output.
    Stopped,
}

impl Pager {
    /// A pager for a terminal of this size; of unknown rows (0) it never waits.
    pub fn new(rows: u16, columns: u16) -> Self {
        Self {
            rows: usize::from(rows.saturating_sub(1)),
            columns: usize::from(columns),
            used: 0,
            held: String::new(),
            stopped: false,
        }
    }

    /// The terminal has another size from now on; what is shown already counts as it did.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.rows = usize::from(rows.saturating_sub(1));
        self.columns = usize::from(columns);
    }

    /// Takes text.
    pub fn push(&mut self, text: &str) -> Page {
        if !self.stopped {
            self.held.push_str(text);
        }
        self.page()
    }

    /// Takes the key that was pressed at [`MORE`]: a blank shows the next page, Enter the next line, `q`
    /// or Ctrl-C ends the output.
    pub fn press(&mut self, key: u8) -> Page {
        match key {
            b' ' => self.used = 0,
            b'\r' | b'\n' => self.used = self.used.saturating_sub(1),
            b'q' | b'Q' | CTRL_C => {
                self.stopped = true;
                self.held.clear();
            }
            _ => return Page::Full(String::new()),
        }
        self.page()
    }

    fn page(&mut self) -> Page {
        if self.stopped {
            return Page::Stopped;
        }
        let mut end = 0;
        for line in self.held.split_inclusive('\n') {
            if self.rows > 0 && self.used >= self.rows {
                return Page::Full(self.held.drain(..end).collect());
            }
            self.used += self.rows_of(line);
            end += line.len();
        }
        Page::Open(std::mem::take(&mut self.held))
    }

    /// A line that is wider than the terminal takes more than one row.
    fn rows_of(&self, line: &str) -> usize {
        let width = line.trim_end_matches('\n').width();
        let wrapped = width.checked_div(self.columns).unwrap_or(0);
        let is_exact = width > 0 && width.checked_rem(self.columns) == Some(0);
        usize::from(line.ends_with('\n')) + wrapped - usize::from(is_exact && wrapped > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> Page {
        Page::Full(text.to_owned())
    }

    fn open(text: &str) -> Page {
        Page::Open(text.to_owned())
    }

    #[test]
    fn a_blank_shows_a_page_and_enter_a_line() {
        let mut pager = Pager::new(3, 80);
        assert_eq!(pager.push("1\n2\n3\n4\n5\n6\n"), full("1\n2\n"));
        assert_eq!(pager.press(b'x'), full(""));
        assert_eq!(pager.press(b'\r'), full("3\n"));
        assert_eq!(pager.press(b' '), full("4\n5\n"));
        assert_eq!(pager.press(b' '), open("6\n"));
        assert_eq!(pager.push("7\n"), open("7\n"));
        assert_eq!(pager.push("8\n"), full(""));
    }

    #[test]
    fn q_ends_the_output() {
        let mut pager = Pager::new(2, 80);
        assert_eq!(pager.push("1\n2\n3\n"), full("1\n"));
        assert_eq!(pager.press(b'q'), Page::Stopped);
        assert_eq!(pager.push("4\n"), Page::Stopped);
    }

    #[test]
    fn wrapped_lines_take_the_rows_that_they_need() {
        let mut pager = Pager::new(4, 4);
        assert_eq!(pager.push("12345678\na\nb\n"), full("12345678\na\n"));
    }

    #[test]
    fn a_terminal_of_unknown_height_never_waits() {
        let mut pager = Pager::new(0, 0);
        let text = "line\n".repeat(1_000);
        assert_eq!(pager.push(&text), open(&text));
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(text in "[ab\\n]{0,200}", cuts in proptest::collection::vec(0..200_usize, 0..5), rows in 0..6_u16) {
            let mut pager = Pager::new(rows, 5);
            let mut shown = String::new();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            for piece in cuts.windows(2) {
                let mut page = pager.push(&text[piece[0]..piece[1]]);
                while let Page::Full(part) = page {
                    shown += &part;
                    page = pager.press(b' ');
                }
                if let Page::Open(part) = page {
                    shown += &part;
                }
            }
            proptest::prop_assert_eq!(shown, text);
        }
    }

    #[test]
    fn a_page_is_as_long_as_the_terminal_is_by_now() {
        let mut pager = Pager::new(3, 80);
        assert_eq!(pager.push("a\nb\nc\nd\ne\nf\n"), full("a\nb\n"));
        pager.resize(4, 80);
        assert_eq!(pager.press(b' '), full("c\nd\ne\n"));
        pager.resize(0, 0);
        assert_eq!(pager.press(b' '), open("f\n"));
    }
}
