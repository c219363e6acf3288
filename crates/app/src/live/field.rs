//! A line that is being typed.

use super::key::Key;
use std::fmt;
use zeroize::Zeroizing;

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

/// A line that may be a secret. Room for all of it is there from the start: growing would leave a copy.
pub struct Typed {
    text: Zeroizing<String>,
    most: usize,
}

impl Typed {
    /// An empty line of at most so many octets.
    pub(super) fn with_room(most: usize) -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(most)),
            most,
        }
    }

    /// Takes a key that changes the text; others are nothing to it.
    pub(super) fn press(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.text.len() + c.len_utf8() <= self.most => self.text.push(c),
            Key::Backspace => {
                self.text.pop();
            }
            Key::Ctrl('u') => *self = Self::with_room(self.most),
            _ => {}
        }
    }

    /// What was typed; an empty line takes its place.
    pub(super) fn take(&mut self) -> Self {
        let empty = Self::with_room(self.most);
        std::mem::replace(self, empty)
    }

    /// What is typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(<sealed>)")
    }
}
