//! Codes and the seconds that are left of them.

use super::Sight;
use super::digits::{Scale, rows};
use super::palette::FAINT;
use crate::contents::Token;
use crate::live::desk::Shown;
use otp::{Kind, Step};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use zeroize::Zeroizing;

/// How near its end a period is when the next code is shown beside: less is too short to type one.
const NEAR_END_S: u64 = 10;
/// The longest bar: a wider one is no easier to read.
const BAR_MAX: u16 = 40;

/// A code in the middle of which a blank helps to read it aloud.
pub(super) fn spaced(token: &Token, shown: Shown) -> Zeroizing<String> {
    let digits = usize::from(token.parameters().digits.count());
    let code = match shown {
        Shown::Code(step) => Zeroizing::new(token.code(step).as_str().to_owned()),
        Shown::Nothing => Zeroizing::new("•".repeat(digits)),
    };
    let mut spaced = Zeroizing::new(String::with_capacity(code.len() + 1));
    for (at, c) in code.chars().enumerate() {
        if at == digits / 2 {
            spaced.push(' ');
        }
        spaced.push(c);
    }
    spaced
}

/// Rows that the chosen token's code is drawn in, its seconds included.
pub(super) fn height(token: &Token, width: u16, room: u16) -> u16 {
    let digits = usize::from(token.parameters().digits.count());
    let scale = Scale::fitting(digits, width, room.saturating_sub(1));
    let rows = scale.map_or(1, Scale::height);
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(1)
}

/// The chosen token's code, big, with what is left of its period.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, token: &Token, shown: Shown, sight: &Sight) {
    let rows_left = area.height.saturating_sub(1);
    let [big, below] =
        Layout::vertical([Constraint::Length(rows_left), Constraint::Length(1)]).areas(area);
    let code = spaced(token, shown);
    let digits = usize::from(token.parameters().digits.count());
    let drawn = match Scale::fitting(digits, big.width, big.height) {
        Some(scale) => rows(&code, scale),
        None => vec![code.to_string()],
    };
    for (line, row) in drawn.into_iter().zip(big.rows()) {
        frame.render_widget(Line::styled(line, sight.colours.code()), row);
    }
    frame.render_widget(below_code(token, shown, below.width, sight), below);
}

fn below_code(token: &Token, shown: Shown, width: u16, sight: &Sight) -> Line<'static> {
    let Kind::Totp(period) = token.parameters().kind else {
        let told = match shown {
            Shown::Code(_) => "n  the next one",
            Shown::Nothing => "Enter  a new code",
        };
        return Line::styled(told, FAINT);
    };
    let period_s = u64::from(period.secs());
    let left_s = period_s - sight.now_unix % period_s;
    let is_near_end = left_s <= NEAR_END_S;
    let seconds = format!("{left_s:>4} s");
    let next = match shown {
        Shown::Code(Step(step)) if is_near_end => {
            let next = spaced(token, Shown::Code(Step(step + 1)));
            format!("  next {}", *next)
        }
        _ => String::new(),
    };
    let beside = seconds.len() + next.len();
    let room = usize::from(width.min(BAR_MAX)).saturating_sub(beside);
    let style = sight.colours.countdown(is_near_end);
    Line::from(vec![
        Span::styled(bar(left_s, period_s, room), style),
        Span::styled(seconds, style),
        Span::raw(next),
    ])
}

fn bar(left: u64, whole: u64, cells: usize) -> String {
    let cells = u64::try_from(cells).unwrap_or(0);
    let full = (left * cells).div_ceil(whole).min(cells);
    (0..cells)
        .map(|cell| if cell < full { '━' } else { '·' })
        .collect()
}
