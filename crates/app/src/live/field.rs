//! A line that is being typed.

use super::key::Key;

/// A text that grows and shrinks at its end.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Field(String);

impl Field {
    /// More than any name or word that is asked for: a key that is held down ends here.
    const MAX_CHARS: usize = 64;

    /// A line that begins with a text.
    pub fn with(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Takes a key that changes the text; others are nothing to it.
    pub fn press(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.0.chars().count() < Self::MAX_CHARS => self.0.push(c),
            Key::Backspace => {
                self.0.pop();
            }
            Key::Ctrl('u') => self.0.clear(),
            _ => {}
        }
    }

    /// What is typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
