//! What the terminal shows of prompt and line, and the fewest bytes that make it show something else.
//!
//! Only BS, CR, LF and three escape sequences are used, all relative to the cursor; text added at the
//! end goes out as it is. A line longer than the terminal is wide is wrapped by the terminal itself,
//! so that a program reading the echo sees it unbroken. Terminals disagree on what BS and erasing do
//! while the cursor waits behind the last column; CR means the same to all and is used there.

use unicode_width::UnicodeWidthChar;

const BACKSPACE: u8 = 0x08;
const ERASE_ROW: &[u8] = b"\x1b[K";
const ERASE_BELOW: &[u8] = b"\x1b[J";
const UP: &[u8] = b"\x1b[A";

pub(super) struct Screen {
    columns: usize,
    text: Vec<char>,
    /// An index into `text` that is never before a character without width.
    cursor: usize,
}

/// Rows and columns from the start of the prompt. A column equal to the width means that the cursor
/// waits behind the last character of a full row.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            columns: usize::MAX,
            text: Vec::new(),
            cursor: 0,
        }
    }

    /// Below two columns the size is unknown or useless: then nothing is known of wrapping.
    pub(super) fn resize(&mut self, columns: u16) {
        self.columns = if columns < 2 {
            usize::MAX
        } else {
            usize::from(columns)
        };
    }

    /// Changes what is shown to `text`, with the cursor before its character number `cursor`.
    pub(super) fn show(&mut self, text: Vec<char>, cursor: usize, output: &mut Vec<u8>) {
        if self.text != text {
            self.replace(text, output);
        }
        self.go_to(cursor, output);
    }

    /// Leaves what is shown where it is and starts a new row below.
    pub(super) fn finish(&mut self, output: &mut Vec<u8>) {
        self.go_to(self.text.len(), output);
        output.extend_from_slice(b"\r\n");
        self.text.clear();
        self.cursor = 0;
    }

    /// Takes away what is shown.
    pub(super) fn erase(&mut self, output: &mut Vec<u8>) {
        self.replace(Vec::new(), output);
    }

    fn replace(&mut self, text: Vec<char>, output: &mut Vec<u8>) {
        let kept = self.kept(&text);
        self.go_to(kept, output);
        if kept < self.text.len() {
            let end = self.behind(&self.text, self.text.len());
            let one_row = self.place(&self.text, kept).row == end.row;
            output.extend_from_slice(if one_row { ERASE_ROW } else { ERASE_BELOW });
        }
        print(&text[kept..], output);
        self.cursor = text.len();
        self.text = text;
    }

    /// How many characters stay as they are on the terminal, and are followed in both texts by one at
    /// the same place.
    fn kept(&self, text: &[char]) -> usize {
        let same = self
            .text
            .iter()
            .zip(text)
            .take_while(|(old, new)| old == new)
            .count();
        let starts_afresh = |index| {
            !is_mark(self.text[index])
                && text.get(index).is_none_or(|&c| !is_mark(c))
                && self.place(&self.text, index) == self.place(text, index)
        };
        if same == self.text.len() {
            return same;
        }
        (0..=same)
            .rev()
            .find(|&index| starts_afresh(index))
            .unwrap_or(0)
    }

    fn go_to(&mut self, target: usize, output: &mut Vec<u8>) {
        if target > self.cursor {
            self.go_right(target, output);
        } else if target < self.cursor {
            self.go_left(target, output);
        }
        self.cursor = target;
    }

    /// Printing what is there already moves the cursor over it, also into the next row.
    fn go_right(&self, target: usize, output: &mut Vec<u8>) {
        print(&self.text[self.cursor..target], output);
        if self.behind(&self.text, target) != self.place(&self.text, target) {
            let next = self.text[target];
            print(&[next], output);
            back(width(next), output);
        }
    }

    fn go_left(&self, target: usize, output: &mut Vec<u8>) {
        let from = self.place(&self.text, self.cursor);
        let to = self.place(&self.text, target);
        if from.row == to.row && from.column < self.columns {
            back(from.column - to.column, output);
            return;
        }
        output.push(b'\r');
        for _ in to.row..from.row {
            output.extend_from_slice(UP);
        }
        print(&self.text[self.row_start(target)..target], output);
    }

    fn row_start(&self, index: usize) -> usize {
        let row = self.place(&self.text, index).row;
        (0..index)
            .rev()
            .take_while(|&before| self.place(&self.text, before).row == row)
            .last()
            .unwrap_or(index)
    }

    /// Where the character number `index` is drawn; where the cursor is, at the end of the text.
    fn place(&self, text: &[char], index: usize) -> Place {
        let behind = self.behind(text, index);
        match text.get(index) {
            Some(&next) => self.place_for(behind, next),
            None => behind,
        }
    }

    /// Where the cursor is once `index` characters are printed.
    fn behind(&self, text: &[char], index: usize) -> Place {
        text[..index]
            .iter()
            .fold(Place { row: 0, column: 0 }, |place, &c| {
                let start = self.place_for(place, c);
                Place {
                    column: start.column + width(c),
                    ..start
                }
            })
    }

    fn place_for(&self, place: Place, c: char) -> Place {
        if place.column + width(c) <= self.columns {
            return place;
        }
        Place {
            row: place.row + 1,
            column: 0,
        }
    }
}

/// Whether `c` is drawn onto the character before it.
pub(super) fn is_mark(c: char) -> bool {
    width(c) == 0
}

fn width(c: char) -> usize {
    c.width().unwrap_or(0)
}

fn back(columns: usize, output: &mut Vec<u8>) {
    output.extend(std::iter::repeat_n(BACKSPACE, columns));
}

fn print(text: &[char], output: &mut Vec<u8>) {
    for c in text {
        output.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
