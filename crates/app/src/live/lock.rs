//! The locked screen: a PIN is typed, and nothing of it is shown.

use super::field::Typed;
use super::key::Key;
use crate::pin::Pin;

/// The screen while the vault is closed.
#[derive(Debug)]
pub struct Lock {
    typed: Typed,
    told: Option<String>,
    is_opening: bool,
}

/// What a key on the locked screen comes to.
#[derive(Debug)]
pub enum LockStep {
    /// Nothing yet.
    Stay,
    /// This PIN is to be tried.
    Try(Pin),
    /// The screen is to be left.
    Quit,
}

/// More than a PIN has, so that one with a key too many is refused and not cut.
pub(super) const MAX_TYPED: usize = 2 * Pin::MAX_DIGITS;

impl Lock {
    /// Locked, with a word on why.
    pub fn new(told: Option<String>) -> Self {
        Self {
            typed: Typed::with_room(MAX_TYPED),
            told,
            is_opening: false,
        }
    }

    /// What is told above the PIN.
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// Whether a PIN is being tried: its key takes a moment to compute.
    pub fn is_opening(&self) -> bool {
        self.is_opening
    }

    /// Takes a key. A text that is no PIN is refused here: it uses up no try.
    pub fn key(&mut self, key: Key) -> LockStep {
        match key {
            Key::Ctrl('c' | 'q') => return LockStep::Quit,
            _ if self.is_opening => {}
            Key::Esc => return LockStep::Quit,
            Key::Enter => return self.enter(),
            key => self.typed.press(key),
        }
        LockStep::Stay
    }

    /// The PIN did not open.
    pub fn refused(&mut self, told: String) {
        self.told = Some(told);
        self.is_opening = false;
    }

    fn enter(&mut self) -> LockStep {
        let typed = self.typed.take();
        if typed.as_str().is_empty() {
            return LockStep::Stay;
        }
        match Pin::parse(typed.as_str()) {
            Ok(pin) => {
                self.is_opening = true;
                self.told = None;
                LockStep::Try(pin)
            }
            Err(error) => {
                self.told = Some(format!("{error}. No try was used up."));
                LockStep::Stay
            }
        }
    }
}
