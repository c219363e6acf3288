//! A login that waits for the person's word.

use super::palette::CHOSEN;
use super::{Sight, cursor_after, fact};
use crate::contents::Contents;
use crate::live::desk::Desk;
use crate::live::logins::{Choice, Login, Progress};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use softtoken::push::{Approval, LoginRequest};

const NUMBER_LABEL: &str = "Number shown at the login: ";

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    contents: &Contents,
    sight: &Sight,
) {
    let Some(login) = desk.logins().first() else {
        return;
    };
    let mut lines = vec![title(login, desk.logins().len(), sight)];
    lines.extend(asked(&login.request, contents, area.width, sight));
    let number_rows = u16::from(login.request.approval == Approval::Number);
    // A blank line between what is read and what is said, where there is room.
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let rows = rows.saturating_add(2 + number_rows);
    let [facts, number, choice] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(number_rows),
        Constraint::Length(1),
    ])
    .areas(upper(area, rows));
    frame.render_widget(Paragraph::new(lines), facts);
    if number_rows > 0 {
        let typed = format!("{NUMBER_LABEL}{}", login.number());
        cursor_after(frame, number, &typed);
        frame.render_widget(Line::from(typed), number);
    }
    let said = match login.progress() {
        Progress::Asked => choices(login.choice()),
        Progress::Sent => Line::from("Sending the answer …"),
    };
    frame.render_widget(said, choice);
}

/// What is typed stays near what is read, also on a high terminal.
fn upper(area: Rect, rows: u16) -> Rect {
    Rect {
        height: area.height.min(rows),
        ..area
    }
}

fn title(login: &Login, waiting: usize, sight: &Sight) -> Line<'static> {
    let left_s = login.closes_unix.saturating_sub(sight.now_unix);
    let others = match waiting {
        0 | 1 => String::new(),
        more => format!(", {} more wait", more - 1),
    };
    Line::from(vec![
        Span::styled("Is this you?", sight.colours.warning()),
        Span::raw(format!("  {left_s} s left{others}")),
    ])
}

fn asked(
    request: &LoginRequest,
    contents: &Contents,
    width: u16,
    sight: &Sight,
) -> Vec<Line<'static>> {
    let token = contents.token(request.token.as_str()).ok();
    let token = token.map_or_else(|| request.token.to_string(), |it| it.name().to_string());
    let facts = [
        ("user", request.user.as_str().to_owned()),
        ("into", request.service.as_str().to_owned()),
        ("from", request.source.as_str().to_owned()),
        ("at", clock_time(request.at_unix, sight)),
        ("token", token),
    ];
    let line = |(what, value): (&str, String)| fact::<6>(what, &value, width);
    facts.into_iter().flat_map(line).collect()
}

fn clock_time(at_unix: u64, sight: &Sight) -> String {
    let time = i64::try_from(at_unix).ok();
    let time = time.and_then(|time| Timestamp::from_second(time).ok());
    time.map_or_else(
        || "-".to_owned(),
        |time| {
            time.to_zoned(sight.zone.clone())
                .strftime("%H:%M:%S")
                .to_string()
        },
    )
}

/// What is chosen stands in brackets: colours are not needed to see it.
fn choices(chosen: Option<Choice>) -> Line<'static> {
    let spans = Choice::ALL.map(|choice| {
        let words = match choice {
            Choice::Approve => "Approve",
            Choice::Deny => "Deny",
            Choice::NotMe => "It was not me",
        };
        if chosen == Some(choice) {
            Span::styled(format!("[{words}] "), CHOSEN)
        } else {
            Span::raw(format!(" {words}  "))
        }
    });
    Line::from(Vec::from(spans))
}
