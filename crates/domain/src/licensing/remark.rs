use std::fmt;

use super::account::is_direction_mark;

/// Why the desk did something, in the words of whoever did it: one line of 1 to 200 characters, none of
/// which steers a terminal or the direction of writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark(Box<str>);

/// Why a text is no remark.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RemarkError {
    /// Nothing but blanks.
    #[error("say why in a few words; they go into the record")]
    Blank,
    /// More than [`Remark::MAX_CHARS`].
    #[error(
        "at most {} characters; the rest belongs into a ticket",
        Remark::MAX_CHARS
    )]
    TooLong,
    /// A character that steers a terminal or the direction of writing.
    #[error("the character {0:?} cannot stand in a record")]
    Character(char),
}

impl Remark {
    /// A line of a timeline on a wide terminal.
    pub const MAX_CHARS: usize = 200;

    /// Takes blanks off the ends, and checks length and characters.
    pub fn parse(text: &str) -> Result<Self, RemarkError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RemarkError::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(RemarkError::TooLong);
        }
        match text
            .chars()
            .find(|&c| c.is_control() || is_direction_mark(c))
        {
            Some(found) => Err(RemarkError::Character(found)),
            None => Ok(Self(text.into())),
        }
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_one_visible_line() {
        assert_eq!(Remark::parse(" RMA 4711 ").unwrap().as_str(), "RMA 4711");
        assert_eq!(Remark::parse("  "), Err(RemarkError::Blank));
        assert_eq!(Remark::parse(&"x".repeat(201)), Err(RemarkError::TooLong));
        let steering = RemarkError::Character('\u{1b}');
        assert_eq!(Remark::parse("a\u{1b}[2J"), Err(steering));
    }
}
