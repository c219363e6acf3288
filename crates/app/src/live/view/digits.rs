//! Codes in digits that are read across a room.

/// Three by five dots of each character, a row in the three low bits.
const DIGITS: [[u8; ROWS]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];
/// What stands for a digit that is hidden.
const HIDDEN: [u8; ROWS] = [0, 0, 0b010, 0, 0];
const ROWS: usize = 5;
const COLUMNS: usize = 3;

/// How large a code is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    /// A dot is two columns of a row.
    Large,
    /// A dot is half a row of a column.
    Small,
}

impl Scale {
    /// The largest that a code of so many digits fits with.
    pub(super) fn fitting(digits: usize, width: u16, height: u16) -> Option<Self> {
        let fits = |scale: &Self| {
            scale.width(digits) <= usize::from(width) && scale.height() <= usize::from(height)
        };
        [Self::Large, Self::Small].into_iter().find(fits)
    }

    /// Rows that a code takes.
    pub(super) fn height(self) -> usize {
        match self {
            Self::Large => ROWS,
            Self::Small => ROWS.div_ceil(2),
        }
    }

    /// Columns of a dot; the gap between two digits is as wide.
    fn dot(self) -> usize {
        match self {
            Self::Large => 2,
            Self::Small => 1,
        }
    }

    /// Columns that a code takes, with the gap in its middle.
    fn width(self, digits: usize) -> usize {
        (digits * (COLUMNS + 1) + 1) * self.dot()
    }
}

/// The rows of a code; a blank in it is a gap, and what is no digit a dot.
pub(super) fn rows(code: &str, scale: Scale) -> Vec<String> {
    let lines = (0..ROWS).map(|row| dots(code, row));
    let lines: Vec<Vec<bool>> = lines.collect();
    match scale {
        Scale::Large => lines.iter().map(|line| large(line)).collect(),
        Scale::Small => lines.chunks(2).map(small).collect(),
    }
}

fn dots(code: &str, row: usize) -> Vec<bool> {
    let mut dots = Vec::new();
    for c in code.chars() {
        if c == ' ' {
            dots.push(false);
            continue;
        }
        let bits = glyph(c)[row];
        dots.extend((0..COLUMNS).rev().map(|column| bits >> column & 1 == 1));
        dots.push(false);
    }
    dots
}

fn glyph(c: char) -> [u8; ROWS] {
    let digit = c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
    digit.map_or(HIDDEN, |digit| DIGITS[digit])
}

fn large(line: &[bool]) -> String {
    let dot = |is_set: &bool| if *is_set { "██" } else { "  " };
    line.iter().map(dot).collect()
}

/// Two rows of dots in one of characters; the last of an odd number stands alone.
fn small(pair: &[Vec<bool>]) -> String {
    let (upper, lower) = (&pair[0], pair.get(1));
    let below = |at: usize| lower.is_some_and(|line| line[at]);
    let half = |(at, is_set): (usize, &bool)| match (*is_set, below(at)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    upper.iter().enumerate().map(half).collect()
}
