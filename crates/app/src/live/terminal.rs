//! The terminal while the screen has it.

use super::key::Key;
use super::view::Colours;
use crate::error::AppError;
use data_encoding::BASE64;
use ratatui::crossterm::event::{self, Event};
use ratatui::{DefaultTerminal, Frame};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::thread;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use zeroize::Zeroizing;

/// Keys that wait: more are typed only by pasting, which nothing here asks for.
const KEYS_MAX: usize = 64;

/// The terminal. It is given back when this is dropped, and by a panic.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    /// Keys, and nothing where the screen has another size now.
    pub(super) keys: Receiver<Option<Key>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> Result<Self, AppError> {
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_dumb || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(AppError::NotATerminal);
        }
        let terminal = ratatui::try_init()?;
        let (sender, keys) = channel(KEYS_MAX);
        thread::spawn(move || read_keys(&sender));
        Ok(Self { terminal, keys })
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Gives a text to the terminal's clipboard (xterm's OSC 52). No terminal says whether it took it.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let encoded = Zeroizing::new(BASE64.encode(text.as_bytes()));
        let out = self.terminal.backend_mut();
        write!(out, "\x1b]52;c;{}\x07", *encoded)?;
        out.flush()
    }

    /// Rings the bell.
    pub(super) fn ring(&mut self) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(b"\x07")?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = ratatui::try_restore();
    }
}

/// Until nobody listens, or the terminal is gone.
fn read_keys(keys: &Sender<Option<Key>>) {
    while let Ok(event) = event::read() {
        let key = match event {
            Event::Key(event) => Key::of(&event).map(Some),
            Event::Resize(..) => Some(None),
            _ => None,
        };
        if key.is_some_and(|key| keys.blocking_send(key).is_err()) {
            return;
        }
    }
}

/// Whether colours are wanted (<https://no-color.org>).
pub(super) fn colours() -> Colours {
    match env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Colours::Off,
        _ => Colours::On,
    }
}
