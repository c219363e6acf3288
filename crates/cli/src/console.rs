//! How the console's client introduces itself on the local socket.

use std::fmt;

/// The first line that a client sends; what follows are the octets of its terminal, or lines.
///
/// ```
/// use cli::console::Greeting;
///
/// let greeting = Greeting::Terminal { columns: 80, rows: 24 };
/// assert_eq!(greeting.to_string(), "symbolon-console 1 terminal 80 24");
/// assert_eq!(Greeting::parse(b"symbolon-console 1 pipe"), Some(Greeting::Pipe));
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
            ["symbolon-console", "1", "pipe"] => Some(Self::Pipe),
            ["symbolon-console", "1", "terminal", columns, rows] => Some(Self::Terminal {
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
                write!(f, "symbolon-console 1 terminal {columns} {rows}")
            }
            Self::Pipe => f.write_str("symbolon-console 1 pipe"),
        }
    }
}
