//! How things stand out: by colour where it is wanted, and always by something else besides.

use super::super::notice::Tone;
use ratatui::style::{Color, Modifier, Style};

/// Whether colours are wanted (<https://no-color.org>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colours {
    /// Those of the terminal's own palette, so that they fit its background.
    On,
    /// None.
    Off,
}

pub(super) const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
pub(super) const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

impl Colours {
    pub(super) fn code(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The seconds that are left.
    pub(super) fn countdown(self, is_near_end: bool) -> Style {
        if is_near_end {
            self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
        } else {
            self.coloured(Color::Cyan)
        }
    }

    pub(super) fn warning(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn notice(self, tone: Tone) -> Style {
        match tone {
            Tone::Good => self.coloured(Color::Green),
            Tone::Bad => self.warning(),
        }
    }

    fn coloured(self, colour: Color) -> Style {
        match self {
            Self::On => Style::new().fg(colour),
            Self::Off => Style::new(),
        }
    }
}
