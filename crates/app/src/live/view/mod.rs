//! What the live screen looks like: states in, cells out.

mod code;
mod digits;
mod login;
mod palette;
mod panels;
mod tokens;
mod transfer;

use super::desk::{Adding, Desk, Panel, Pushing};
use super::lock::Lock;
use super::notice::{Notice, Tone};
use crate::contents::{Contents, ReceiptState};
use jiff::tz::TimeZone;
pub use palette::Colours;
use palette::{FAINT, TITLE};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

/// What the screen needs to know of the world to be drawn.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The time in seconds after the epoch.
    pub now_unix: u64,
    /// Where the person is.
    pub zone: TimeZone,
    /// Whether colours are wanted.
    pub colours: Colours,
}

/// Below this a login cannot be told from another, or answered.
const LEAST: (u16, u16) = (36, 10);

/// Draws the locked screen.
pub fn draw_lock(frame: &mut Frame<'_>, lock: &Lock, sight: &Sight) {
    let Some(body) = framed(frame, "locked", lock_keys(lock)) else {
        return;
    };
    let mut lines = Vec::new();
    if let Some(told) = lock.told() {
        lines.push(Line::styled(told.to_owned(), sight.colours.warning()));
        lines.push(Line::default());
    }
    lines.push(Line::from(if lock.is_opening() {
        "Opening …"
    } else {
        "PIN (what you type is not shown), then Enter:"
    }));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), body);
}

fn lock_keys(lock: &Lock) -> &'static str {
    if lock.is_opening() {
        "^C quit"
    } else {
        "Enter open  Esc quit"
    }
}

/// Draws the open screen.
pub fn draw_desk(frame: &mut Frame<'_>, desk: &Desk, contents: &Contents, sight: &Sight) {
    let state = match desk.pushing() {
        Pushing::Connecting => "logins …",
        Pushing::On => "logins on",
        Pushing::Partly(_) => "logins partly on",
        Pushing::Off(_) => "logins off",
    };
    let Some(body) = framed(frame, state, keys(desk)) else {
        return;
    };
    let body = match desk.panel() {
        Panel::List | Panel::Search => warned(frame, body, desk, contents, sight),
        _ => body,
    };
    let body = noticed(frame, body, desk.notice(), sight);
    match desk.panel() {
        Panel::List | Panel::Search => tokens::draw(frame, body, desk, contents, sight),
        Panel::Details => panels::details(frame, body, desk, contents, sight),
        Panel::Rename(field) => panels::rename(frame, body, desk, contents, field, sight),
        Panel::Delete(field) => panels::delete(frame, body, desk, contents, field, sight),
        Panel::Add => panels::add(frame, body, desk),
        Panel::Authority(url, field) => panels::authority(frame, body, url, field, sight),
        Panel::Transfer => transfer::draw(frame, body, desk, contents, sight),
        Panel::Prove => transfer::prove(frame, body, desk, contents),
        Panel::Login => login::draw(frame, body, desk, contents, sight),
        Panel::Help => panels::help(frame, body, desk, sight),
    }
}

/// The keys that are of use now, the most needed first: a narrow terminal shows no more.
fn keys(desk: &Desk) -> &'static str {
    match desk.panel() {
        Panel::List if desk.logins().is_empty() => {
            "? keys  q quit  l lock  Enter show, copy  / search  d details  r rename  x delete  + add  t move"
        }
        Panel::List => "a answer the login  ? keys  q quit",
        Panel::Search => "Enter keep  Esc all tokens",
        Panel::Details | Panel::Help => "Esc back  q quit  l lock",
        Panel::Rename(_) => "Enter rename  Esc leave it",
        Panel::Delete(_) => "Enter delete  Esc keep it",
        Panel::Add if desk.adding() == Adding::Asked => "Esc do not wait",
        Panel::Add => "Enter add  Esc leave it",
        Panel::Authority(..) => "Enter add  Esc add nothing",
        Panel::Transfer => transfer::keys(desk),
        Panel::Prove if desk.is_proving() => "Ctrl-L lock  Ctrl-C quit",
        Panel::Prove => "Enter begin  Esc leave it",
        Panel::Login => "←→ choose  Enter answer  Esc not now",
    }
}

/// The first and the last line; what is between them is left.
fn framed(frame: &mut Frame<'_>, state: &str, keys: &str) -> Option<Rect> {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let told = format!("{} x {} at least", LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(told).wrap(Wrap { trim: false }), area);
        return None;
    }
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(inner(area));
    frame.render_widget(Line::styled("Symbolon", TITLE), head);
    frame.render_widget(Line::from(state.to_owned()).right_aligned(), head);
    let keys = whole_keys(keys, usize::from(foot.width));
    frame.render_widget(Line::styled(keys, FAINT), foot);
    Some(body)
}

fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    }
}

/// As many keys as fit, none of them cut.
fn whole_keys(keys: &str, width: usize) -> String {
    let mut shown = String::new();
    for key in keys.split("  ") {
        if shown.width() + 2 + key.width() > width {
            break;
        }
        let gap = if shown.is_empty() { "" } else { "  " };
        shown.push_str(gap);
        shown.push_str(key);
    }
    shown
}

/// What stays until it is mended stands at the top.
fn warned(
    frame: &mut Frame<'_>,
    body: Rect,
    desk: &Desk,
    contents: &Contents,
    sight: &Sight,
) -> Rect {
    let clock = desk
        .clock()
        .map(|wrong| format!("{wrong}. Set it, or your codes are refused."));
    [clock, unheard(contents), refused(contents)]
        .into_iter()
        .flatten()
        .fold(body, |body, told| {
            told_in(frame, body, &told, sight, Place::Top)
        })
}

/// Tokens that are stored here and not yet known to be.
fn unheard(contents: &Contents) -> Option<String> {
    let which = with_receipt(contents, ReceiptState::Owed)?;
    Some(format!(
        "The token server does not know yet that {which} is here. A device that had it works until then."
    ))
}

/// Tokens that are stored here and did not move here.
fn refused(contents: &Contents) -> Option<String> {
    let which = with_receipt(contents, ReceiptState::Refused)?;
    Some(format!(
        "The token server refused that {which} is here: too late, or another code was made. If it was to move here, \
         its codes are refused: ask for a new code."
    ))
}

fn with_receipt(contents: &Contents, state: ReceiptState) -> Option<String> {
    let mut tokens = contents.tokens_with_receipt(state);
    let first = tokens.next()?.name();
    Some(match tokens.count() {
        0 => first.to_string(),
        others => format!("{first} and {others} more"),
    })
}

/// What is told for a while stands at the bottom, and beside what is typed.
fn noticed(frame: &mut Frame<'_>, body: Rect, notice: Option<&Notice>, sight: &Sight) -> Rect {
    let Some(Notice { text, tone, .. }) = notice else {
        return body;
    };
    told_in(frame, body, text, sight, Place::Bottom(*tone))
}

/// Where words stand.
#[derive(Clone, Copy)]
enum Place {
    Top,
    Bottom(Tone),
}

fn told_in(frame: &mut Frame<'_>, body: Rect, told: &str, sight: &Sight, place: Place) -> Rect {
    let rows = Constraint::Length(rows_of(told, body.width));
    let (area, rest, style) = match place {
        Place::Top => {
            let [area, rest] = Layout::vertical([rows, Constraint::Fill(1)]).areas(body);
            (area, rest, sight.colours.warning())
        }
        Place::Bottom(tone) => {
            let [rest, area] = Layout::vertical([Constraint::Fill(1), rows]).areas(body);
            (area, rest, sight.colours.notice(tone))
        }
    };
    let words = Paragraph::new(Span::styled(told.to_owned(), style));
    frame.render_widget(words.wrap(Wrap { trim: true }), area);
    rest
}

/// Rows that a text takes: as many as words that are broken at blanks need.
fn rows_of(text: &str, width: u16) -> u16 {
    let mut rows = 1;
    let mut column = 0;
    for word in text.split(' ') {
        let length = u16::try_from(word.width()).unwrap_or(u16::MAX);
        if column > 0 && column + 1 + length > width {
            rows += 1;
            column = 0;
        }
        let gap = u16::from(column > 0);
        let length = (column + gap).saturating_add(length);
        rows += length.saturating_sub(1) / width.max(1);
        column = length.min(width);
    }
    rows
}

/// Puts the cursor behind what is typed.
fn cursor_after(frame: &mut Frame<'_>, line: Rect, typed: &str) {
    let column = u16::try_from(typed.width()).unwrap_or(u16::MAX);
    let x = line.x + column.min(line.width.saturating_sub(1));
    frame.set_cursor_position(Position { x, y: line.y });
}

/// A value that is too long goes on in lines of its own: a registration id is compared to its last digit,
/// and a name that begins well may end badly.
fn fact<const LABEL: usize>(what: &str, value: &str, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(LABEL).max(1);
    let characters: Vec<char> = value.chars().collect();
    let parts = characters.chunks(room).map(String::from_iter);
    let labels = std::iter::once(what).chain(std::iter::repeat(""));
    let line = |(label, part): (&str, String)| {
        Line::from(vec![
            Span::styled(format!("{label:<LABEL$}"), FAINT),
            Span::raw(part),
        ])
    };
    labels.zip(parts).map(line).collect()
}
