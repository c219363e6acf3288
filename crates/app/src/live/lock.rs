//! The locked screen: a PIN is typed, and nothing of it is shown.

use super::key::Key;
use crate::pin::Pin;
use zeroize::Zeroizing;

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

/// Digits that are never shown. Room for all of them is there from the start: growing would leave a copy.
struct Typed(Zeroizing<String>);

/// More than a PIN has, so that one with a key too many is refused and not cut.
const MAX_TYPED: usize = 2 * Pin::MAX_DIGITS;

impl Lock {
    /// Locked, with a word on why.
    pub fn new(told: Option<String>) -> Self {
        Self {
            typed: Typed::nothing(),
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
            Key::Backspace => {
                self.typed.0.pop();
            }
            Key::Ctrl('u') => self.typed = Typed::nothing(),
            // One octet each: what is wiped later never grows.
            Key::Char(c) if c.is_ascii() && self.typed.0.len() < MAX_TYPED => self.typed.0.push(c),
            _ => {}
        }
        LockStep::Stay
    }

    /// The PIN did not open.
    pub fn refused(&mut self, told: String) {
        self.told = Some(told);
        self.is_opening = false;
    }

    fn enter(&mut self) -> LockStep {
        let typed = std::mem::replace(&mut self.typed, Typed::nothing());
        if typed.0.is_empty() {
            return LockStep::Stay;
        }
        match Pin::parse(&typed.0) {
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

impl Typed {
    fn nothing() -> Self {
        Self(Zeroizing::new(String::with_capacity(MAX_TYPED)))
    }
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(<sealed>)")
    }
}
