use std::fmt;

use ident::{ProductSerial, RegistrationId};
use unicode_normalization::is_nfc;

/// The name of a customer, who owns products and licences: 1 to 64 characters, none of which is invisible or steers
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
    /// A character that is invisible, or steers a terminal or the direction of writing.
    #[error(
        "an account's name cannot contain the character {0:?}, which nobody sees or which steers what is seen; leave \
         it out"
    )]
    Character(char),
    /// Letters that are put together of several characters where there is one.
    #[error(
        "an account's name has each letter with its accents as one character (Unicode's NFC), as keyboards type it; \
         type it anew"
    )]
    Composition,
    /// Blanks of another width, or more than one.
    #[error("an account's name has one plain blank between words")]
    Blanks,
    /// What the desk's record calls something else by.
    #[error(
        "an account's name is not what the desk's record calls something else by (a serial, a phone's registration \
         id, \"agent …\", \"request …\", \"dual-control\"); put another word before it"
    )]
    OtherSubject,
}

impl AccountName {
    /// The account of whoever runs the installation.
    pub const LOCAL: &str = "local";
    /// One line of a phone.
    pub const MAX_CHARS: usize = 64;

    /// Checks length and characters, that no other name looks the same, and that nothing else is called so.
    pub fn parse(text: &str) -> Result<Self, AccountNameError> {
        if is_other_subject(text) {
            return Err(AccountNameError::OtherSubject);
        }
        match text.chars().find(|&c| is_invisible(c)) {
            Some(found) => return Err(AccountNameError::Character(found)),
            None if !is_nfc(text) => return Err(AccountNameError::Composition),
            None => {}
        }
        let name = Self::given(text)?;
        let has_other_blanks = text.chars().any(|c| c.is_whitespace() && c != ' ');
        if has_other_blanks || text.contains("  ") {
            return Err(AccountNameError::Blanks);
        }
        Ok(name)
    }

    /// The name that an account was given, maybe before [`parse`](Self::parse) refused it: it is there to be shown,
    /// and to be changed.
    pub fn given(text: &str) -> Result<Self, AccountNameError> {
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

/// Whether the record of the desk, in which accounts stand under their names, has something else under this one.
fn is_other_subject(text: &str) -> bool {
    ProductSerial::parse(text).is_ok()
        || RegistrationId::parse(text).is_ok()
        || text == "dual-control"
        || ["agent ", "request "]
            .iter()
            .any(|kind| text.starts_with(kind))
}

/// What has no width, or ends a line: two names that differ by it look the same, or one like two. Unicode's
/// `Default_Ignorable_Code_Point` (`DerivedCoreProperties`), the separators of lines and paragraphs, and the blank
/// of Braille.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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

    #[test]
    fn nobody_is_called_as_the_record_calls_something_else() {
        let phone = "0a".repeat(32);
        for taken in [
            "FGT0000000000042",
            "EFTM000000000001",
            "FTKMOB0F3C1A22B7",
            "agent carol",
            "request 3",
            "dual-control",
            &phone,
        ] {
            assert_eq!(
                AccountName::parse(taken),
                Err(AccountNameError::OtherSubject),
                "{taken}"
            );
            assert_eq!(AccountName::given(taken).unwrap().as_str(), taken);
        }
        for free in ["Site FGT0000000000042", "agents", "Raiffeisenbanken"] {
            AccountName::parse(free).unwrap();
        }
    }

    #[test]
    fn two_names_that_look_the_same_are_the_same() {
        let invisible = [
            '\u{200b}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{ad}',
            '\u{2028}',
            '\u{e0041}',
        ];
        for c in invisible {
            let name = format!("Exam{c}ple");
            assert_eq!(
                AccountName::parse(&name),
                Err(AccountNameError::Character(c))
            );
            // Who was given one before keeps it until it is changed.
            assert_eq!(AccountName::given(&name).unwrap().as_str(), name);
        }
        let refused = AccountName::parse("Exam\u{200b}ple")
            .unwrap_err()
            .to_string();
        assert!(refused.contains(r"'\u{200b}'"), "{refused}");
        assert!(AccountName::given("a\u{202e}b").is_err());
        for (name, why) in [
            ("Na\u{308}h", AccountNameError::Composition),
            ("A\u{212b}", AccountNameError::Composition),
            ("Example\u{a0}Ltd", AccountNameError::Blanks),
            ("Example\u{2003}Ltd", AccountNameError::Blanks),
            ("Example  Ltd", AccountNameError::Blanks),
        ] {
            assert_eq!(AccountName::parse(name), Err(why), "{name:?}");
            assert_eq!(AccountName::given(name).unwrap().as_str(), name);
        }
        for name in ["N\u{e4}h", "Example Ltd", "例え 株式会社"] {
            AccountName::parse(name).unwrap();
        }
    }
}
