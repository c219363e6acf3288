//! The list of tokens, with the chosen one's code below.

use super::palette::CHOSEN;
use super::{Sight, code, cursor_after};
use crate::contents::{Contents, Token};
use crate::live::desk::{Desk, Panel};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState, Wrap};

/// From this width on the issuer stands beside the name, and from the next one the serial too.
const WITH_ISSUER: u16 = 60;
const WITH_SERIAL: u16 = 90;
/// Tokens that are seen at once before a code is drawn larger.
const LEAST_ROWS: u16 = 3;
/// The widest code, ten digits and a blank.
const CODE_COLUMNS: u16 = 11;
const SERIAL_COLUMNS: u16 = 16;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    contents: &Contents,
    sight: &Sight,
) {
    let area = searched(frame, area, desk);
    let listed = desk.listed(contents);
    let Some(at) = desk.chosen_of(&listed) else {
        let none = if desk.search().is_empty() {
            "There is no token in this app. Press + to add one."
        } else {
            "No token matches."
        };
        frame.render_widget(Paragraph::new(none).wrap(Wrap { trim: true }), area);
        return;
    };
    let chosen = listed[at];
    let shown = desk.shown(chosen, sight.now_unix);
    let below = code::height(chosen, area.width, area.height.saturating_sub(LEAST_ROWS));
    let [list, big] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(below)]).areas(area);
    table(frame, list, desk, &listed, at, sight);
    code::draw(frame, big, chosen, shown, sight);
}

/// What is searched for, where something is.
fn searched(frame: &mut Frame<'_>, area: Rect, desk: &Desk) -> Rect {
    let is_typed = *desk.panel() == Panel::Search;
    if !is_typed && desk.search().is_empty() {
        return area;
    }
    let [line, rest] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let text = format!("Search: {}", desk.search());
    if is_typed {
        cursor_after(frame, line, &text);
    }
    frame.render_widget(Line::from(text), line);
    rest
}

fn table(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    listed: &[&Token],
    at: usize,
    sight: &Sight,
) {
    let rows = listed
        .iter()
        .map(|token| row(token, desk, area.width, sight));
    let table = Table::new(rows, widths(area.width))
        .column_spacing(2)
        .row_highlight_style(CHOSEN)
        .highlight_symbol("▸ ");
    let mut state = TableState::new().with_selected(at);
    frame.render_stateful_widget(table, area, &mut state);
}

fn widths(width: u16) -> Vec<Constraint> {
    let mut widths = vec![Constraint::Fill(1)];
    if width >= WITH_ISSUER {
        widths.push(Constraint::Fill(1));
    }
    if width >= WITH_SERIAL {
        widths.push(Constraint::Length(SERIAL_COLUMNS));
    }
    widths.push(Constraint::Length(CODE_COLUMNS));
    widths
}

fn row<'a>(token: &'a Token, desk: &Desk, width: u16, sight: &Sight) -> Row<'a> {
    let mut cells = vec![Line::from(token.name().as_str())];
    if width >= WITH_ISSUER {
        cells.push(Line::from(token.issuer().as_str()));
    }
    if width >= WITH_SERIAL {
        cells.push(Line::from(token.mark()));
    }
    let code = code::spaced(token, desk.shown(token, sight.now_unix));
    cells.push(Line::from(code.to_string()));
    Row::new(cells)
}
