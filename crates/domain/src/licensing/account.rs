use std::fmt;

/// The name of a customer, who owns products and licences: 1 to 64 characters, none of which steers
/// a terminal or the direction of writing. Phones show it as the issuer of a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountName(Box<str>);

/// Why a text is not the name of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccountNameError {
    /// Nothing, or blanks at an end, where they cannot be seen.
    #[error("an account's name is not empty and has no blanks at its ends")]
    Blank,
    /// More than [`AccountName::MAX_CHARS`].
    #[error("an account's name has at most {} characters", AccountName::MAX_CHARS)]
    TooLong,
    /// A character that steers a terminal or the direction of writing.
    #[error("an account's name cannot contain the character {0:?}")]
    Character(char),
}

impl AccountName {
    /// The account of whoever runs the installation.
    pub const LOCAL: &str = "local";
    /// One line of a phone.
    pub const MAX_CHARS: usize = 64;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, AccountNameError> {
        if text.is_empty() || text.trim() != text {
            return Err(AccountNameError::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(AccountNameError::TooLong);
        }
        match text
            .chars()
            .find(|&c| c.is_control() || is_direction_mark(c))
        {
            Some(found) => Err(AccountNameError::Character(found)),
            None => Ok(Self(text.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Explicit directional formatting, which can make one name look like another (UAX #9, section 2).
pub(super) fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_visible_line() {
        assert_eq!(
            AccountName::parse("Näh & Söhne").unwrap().as_str(),
            "Näh & Söhne"
        );
        assert_eq!(AccountName::parse(""), Err(AccountNameError::Blank));
        assert_eq!(AccountName::parse(" a"), Err(AccountNameError::Blank));
        assert_eq!(
            AccountName::parse(&"ä".repeat(65)),
            Err(AccountNameError::TooLong)
        );
        assert!(AccountName::parse(&"ä".repeat(64)).is_ok());
        assert_eq!(
            AccountName::parse("a\u{1b}[2J"),
            Err(AccountNameError::Character('\u{1b}'))
        );
        assert_eq!(
            AccountName::parse("a\u{202e}b"),
            Err(AccountNameError::Character('\u{202e}'))
        );
    }
}
