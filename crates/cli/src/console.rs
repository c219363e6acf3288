//! How the console's client speaks on the local socket.

use std::fmt;

/// The first line that a client sends; what follows are [`Frame`]s of its terminal, or lines.
///
/// ```
/// use cli::console::Greeting;
///
/// let greeting = Greeting::Terminal { columns: 80, rows: 24 };
/// assert_eq!(greeting.to_string(), "symbolon-console 2 terminal 80 24");
/// assert_eq!(Greeting::parse(b"symbolon-console 2 pipe"), Some(Greeting::Pipe));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Greeting {
    /// A terminal of this size in characters; 0 if unknown.
    Terminal {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// Lines in, output alone out.
    Pipe,
}

impl Greeting {
    /// The longest, in octets.
    pub const MAX_BYTES: usize = 64;

    /// Takes the line without its LF; none if it is no greeting of this version.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["symbolon-console", "2", "pipe"] => Some(Self::Pipe),
            ["symbolon-console", "2", "terminal", columns, rows] => Some(Self::Terminal {
                columns: columns.parse().ok()?,
                rows: rows.parse().ok()?,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal { columns, rows } => {
                write!(f, "symbolon-console 2 terminal {columns} {rows}")
            }
            Self::Pipe => f.write_str("symbolon-console 2 pipe"),
        }
    }
}

/// What a terminal's client sends after its [`Greeting`]: keys, or the size that the terminal has now.
///
/// An octet says which; keys follow behind their number, as two octets, a size as its columns and its rows, two
/// octets each, the more significant first.
///
/// ```
/// use cli::console::Frame;
///
/// let frame = Frame::keys(b"exit").next().unwrap();
/// assert_eq!(frame.octets(), b"k\x00\x04exit");
/// let head = [b's', 0, 80, 0, 24];
/// assert_eq!(Frame::Size { columns: 80, rows: 24 }.octets(), head);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// What was typed; at most 65,535 octets.
    Keys(&'a [u8]),
    /// The terminal's size in characters.
    Size {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
}

impl<'a> Frame<'a> {
    /// What stands before the keys of a frame.
    pub const KEYS: u8 = b'k';
    /// What stands before a size.
    pub const SIZE: u8 = b's';

    /// Keys, in as many frames as they need.
    pub fn keys(typed: &'a [u8]) -> impl Iterator<Item = Self> {
        typed.chunks(usize::from(u16::MAX)).map(Self::Keys)
    }

    /// As it is sent.
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Self::Keys(typed) => {
                let length = u16::try_from(typed.len()).unwrap_or(u16::MAX);
                let kept = typed.get(..usize::from(length)).unwrap_or(typed);
                [&[Self::KEYS], &length.to_be_bytes()[..], kept].concat()
            }
            Self::Size { columns, rows } => [
                &[Self::SIZE],
                &columns.to_be_bytes()[..],
                &rows.to_be_bytes(),
            ]
            .concat(),
        }
    }
}
