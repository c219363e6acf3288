//! A token's way to another device.

use super::palette::{FAINT, TITLE};
use super::{Sight, rows_of};
use crate::contents::{Contents, Token};
use crate::live::desk::Desk;
use crate::live::moving::{Moving, Whereabouts};
use crate::screen;
use crate::transfer::{ASKED, minutes_left, moved, sent};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};
use softtoken::transfer::{Action, Open, Standing};
use unicode_width::UnicodeWidthStr;

const HERE_WORDS: &str = "It is on this device alone. A transfer code lets another device take it: m sends the code \
    to you, s shows it here as a QR code. This device works until the other has the token, and not any longer.";

const PROVE_WORDS: &str =
    "Whoever has the code has the token: your PIN first (what you type is not shown), then Enter.";
const UNKNOWN_WORDS: &str = "How it stands was not told. Esc, then t, asks again; this device works as long as its codes are taken.";

/// The keys that are of use now.
pub(super) fn keys(desk: &Desk) -> &'static str {
    match desk.moving().and_then(Moving::whereabouts) {
        Some(Whereabouts::Here(Standing::None)) => "m mail the code  s show it  Esc back",
        Some(Whereabouts::Here(Standing::Asked | Standing::Open(_))) => "c take it back  Esc back",
        Some(Whereabouts::Elsewhere) | None => "Esc back",
    }
}

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    contents: &Contents,
    sight: &Sight,
) {
    let (Some(moving), Some(token)) = (desk.moving(), desk.chosen_token(contents)) else {
        return;
    };
    let one = Constraint::Length(1);
    let [title, body, state] = Layout::vertical([one, Constraint::Fill(1), one]).areas(area);
    titled(frame, title, token);
    if let Some(asking) = asking(moving) {
        frame.render_widget(Line::styled(asking, FAINT), state);
    }
    match moving.whereabouts() {
        None if moving.asked().is_some() => {}
        None => words(frame, body, UNKNOWN_WORDS),
        Some(Whereabouts::Elsewhere) => words(frame, body, &elsewhere(token)),
        Some(Whereabouts::Here(Standing::None)) => words(frame, body, HERE_WORDS),
        Some(Whereabouts::Here(Standing::Asked)) => words(frame, body, ASKED),
        Some(Whereabouts::Here(Standing::Open(open))) => waiting(frame, body, open, sight),
    }
}

/// Asks for the PIN before a transfer begins.
pub(super) fn prove(frame: &mut Frame<'_>, area: Rect, desk: &Desk, contents: &Contents) {
    let Some(token) = desk.chosen_token(contents) else {
        return;
    };
    let one = Constraint::Length(1);
    let [title, body, state] = Layout::vertical([one, Constraint::Fill(1), one]).areas(area);
    titled(frame, title, token);
    words(frame, body, PROVE_WORDS);
    if desk.is_proving() {
        frame.render_widget(Line::styled("Checking the PIN …", FAINT), state);
    }
}

fn titled(frame: &mut Frame<'_>, area: Rect, token: &Token) {
    let told = format!("Move {} to another device", token.name());
    frame.render_widget(Line::styled(told, TITLE), area);
}

/// What the person waits for. Once the code is made it is asked every second, and not told.
fn asking(moving: &Moving) -> Option<&'static str> {
    match moving.asked()? {
        Action::Look if moving.whereabouts().is_some() => None,
        Action::Look => Some("Asking how it stands …"),
        Action::BeginMailed | Action::BeginShown => Some("Asking for a transfer code …"),
        Action::Cancel => Some("Taking it back …"),
    }
}

fn elsewhere(token: &Token) -> String {
    let moved = moved(token);
    format!(
        "{moved} It is kept here. Once the other device shows its codes, delete it: Esc, then x."
    )
}

/// A code that waits for the other device.
fn waiting(frame: &mut Frame<'_>, area: Rect, open: &Open, sight: &Sight) {
    let Some(link) = &open.link else {
        return words(frame, area, &sent(open, sight.now_unix));
    };
    let left = minutes_left(open, sight.now_unix);
    let told = format!("Scan this on the other device within {left} minutes.");
    let drawn = screen::qr(link).ok();
    if let Some(drawn) = drawn.filter(|drawn| fits(drawn, &told, area)) {
        let rows = Constraint::Length(rows_of(&told, area.width));
        let [above, code] = Layout::vertical([rows, Constraint::Fill(1)]).areas(area);
        words(frame, above, &told);
        return frame.render_widget(Paragraph::new(drawn), code);
    }
    let told = format!(
        "The window is too small for the QR code. On the other device within {left} minutes:"
    );
    let rows = Constraint::Length(rows_of(&told, area.width));
    let [above, below] = Layout::vertical([rows, Constraint::Fill(1)]).areas(area);
    words(frame, above, &told);
    let command = format!("symbolon app transfer take --qr-text '{}'", link.as_str());
    words(frame, below, &command);
}

/// A QR code that is cut cannot be read.
fn fits(drawn: &str, told: &str, area: Rect) -> bool {
    let lines = drawn.trim_end_matches('\n').lines();
    let rows = lines.clone().count() + usize::from(rows_of(told, area.width));
    let columns = lines.map(UnicodeWidthStr::width).max().unwrap_or_default();
    rows <= usize::from(area.height) && columns <= usize::from(area.width)
}

fn words(frame: &mut Frame<'_>, area: Rect, text: &str) {
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}
