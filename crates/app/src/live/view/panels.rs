//! Panels about one token, and the one about the keys.

use super::palette::{FAINT, TITLE};
use super::{Sight, cursor_after, fact, rows_of};
use crate::contents::{Contents, Token, TokenName};
use crate::live::desk::{Adding, Desk, Pushing};
use crate::live::field::Field;
use jiff::Timestamp;
use otp::Kind;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use softtoken::address::ServerUrl;
use softtoken::digest_name;
use unicode_width::UnicodeWidthStr;

/// The keys of the list, for a person who asks.
const KEYS: &[(&str, &str)] = &[
    ("↑ ↓", "choose a token"),
    ("Enter", "show the code, then copy it"),
    ("c n", "copy; next code (event-based)"),
    ("h", "hide or show all codes"),
    ("/", "name, issuer or serial"),
    ("K J", "move the token up or down"),
    ("d r x", "details, rename, delete"),
    ("+ t", "add, move to another device"),
    ("a", "answer a login that waits"),
    ("l q", "lock, quit"),
];

const PROMPT: &str = "> ";

const DELETE_WORDS: &str = "Its codes end here, and nobody can bring them back: its issuer has to provide a \
    new one, and logins ask for it until then. Type yes, then Enter.";

const AUTHORITY_WORDS: &str = "What you added names another certificate authority for it than its tokens here know. Type \
    yes, then Enter, only if whoever runs it says that this is right.";

const ADD_WORDS: &str = "The link of the activation message, its 16 characters, or the path of a picture of \
    its QR code (PNG); another issuer's otpauth://; or the code of a token that moves here.";

/// All that is known of the chosen token.
pub(super) fn details(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    contents: &Contents,
    sight: &Sight,
) {
    let Some(token) = desk.chosen_token(contents) else {
        return;
    };
    let registration = contents.device.registration_id().to_string();
    let server = token.server().map(|server| server.url.to_string());
    let mark = match token.serial() {
        Some(_) => "serial",
        None => "account",
    };
    let facts = [
        (mark, token.mark().to_owned()),
        ("issuer", token.issuer().as_str().to_owned()),
        ("codes", kind(token)),
        ("activated", activated(token, sight)),
        ("server", server.unwrap_or_else(|| "-".to_owned())),
        ("reg. id", registration),
    ];
    let mut lines = vec![Line::styled(token.name().to_string(), TITLE)];
    for (what, value) in facts {
        lines.extend(fact::<11>(what, &value, area.width));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn kind(token: &Token) -> String {
    let parameters = token.parameters();
    let digits = parameters.digits.count();
    let digest = digest_name(parameters.digest);
    match parameters.kind {
        Kind::Totp(period) => format!("{digits} digits every {} s, {digest}", period.secs()),
        Kind::Hotp => format!("{digits} digits by counter, {digest}"),
    }
}

fn activated(token: &Token, sight: &Sight) -> String {
    let time = token.added_unix().and_then(|time| i64::try_from(time).ok());
    let time = time.and_then(|time| Timestamp::from_second(time).ok());
    time.map_or_else(
        || "not recorded".to_owned(),
        |time| {
            time.to_zoned(sight.zone.clone())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        },
    )
}

/// Its new name.
pub(super) fn rename(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    contents: &Contents,
    field: &Field,
    sight: &Sight,
) {
    let Some(token) = desk.chosen_token(contents) else {
        return;
    };
    let [title, line, count] = lines_of(area);
    let told = format!("A new name for {}", token.name());
    frame.render_widget(Line::styled(told, TITLE), title);
    typed(frame, line, field);
    let most = TokenName::MAX_CHARS;
    let length = field.as_str().trim().chars().count();
    let style = if length > most {
        sight.colours.warning()
    } else {
        FAINT
    };
    let told = format!("{length} of {most} characters");
    frame.render_widget(Line::styled(told, style), count);
}

/// The word that deletes it.
pub(super) fn delete(
    frame: &mut Frame<'_>,
    area: Rect,
    desk: &Desk,
    contents: &Contents,
    field: &Field,
    sight: &Sight,
) {
    let Some(token) = desk.chosen_token(contents) else {
        return;
    };
    let title = format!("Delete {} ({})?", token.name(), token.mark());
    confirmed(frame, area, title, DELETE_WORDS, field, sight);
}

/// The word for a token server that is to be believed anew.
pub(super) fn authority(
    frame: &mut Frame<'_>,
    area: Rect,
    url: &ServerUrl,
    field: &Field,
    sight: &Sight,
) {
    let title = format!("Another authority for {url}?");
    confirmed(frame, area, title, AUTHORITY_WORDS, field, sight);
}

/// What is asked, what follows from it, and the word for it.
fn confirmed(
    frame: &mut Frame<'_>,
    area: Rect,
    title: String,
    words: &'static str,
    field: &Field,
    sight: &Sight,
) {
    let rows = [&title, words].map(|text| Constraint::Length(rows_of(text, area.width)));
    let [head, below, line] =
        Layout::vertical([rows[0], rows[1], Constraint::Length(1)]).areas(area);
    let wrapped = |line: Line<'static>| Paragraph::new(line).wrap(Wrap { trim: true });
    frame.render_widget(wrapped(Line::styled(title, sight.colours.warning())), head);
    frame.render_widget(wrapped(Line::from(words)), below);
    typed(frame, line, field);
}

/// The code, link or picture of a token to be added.
pub(super) fn add(frame: &mut Frame<'_>, area: Rect, desk: &Desk) {
    let rows = Constraint::Length(rows_of(ADD_WORDS, area.width));
    let one = Constraint::Length(1);
    let [title, words, line, state] = Layout::vertical([one, rows, one, one]).areas(area);
    frame.render_widget(Line::styled("Add a token", TITLE), title);
    let wrapped = Paragraph::new(ADD_WORDS).wrap(Wrap { trim: true });
    frame.render_widget(wrapped, words);
    match desk.adding() {
        Adding::Typing => end_of(frame, line, desk.offer().as_str()),
        Adding::Asked => frame.render_widget("Asking the token server …", state),
    }
}

/// A line that is longer than there is room for, by its end: that is where it is typed.
fn end_of(frame: &mut Frame<'_>, line: Rect, text: &str) {
    let room = usize::from(line.width).saturating_sub(PROMPT.width() + 1);
    let cut = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| text[*at..].width() < room);
    let (mark, end) = match cut {
        Some(0) | None => ("", text),
        Some(at) => ("…", &text[at..]),
    };
    let text = format!("{PROMPT}{mark}{end}");
    cursor_after(frame, line, &text);
    frame.render_widget(Line::from(text), line);
}

fn lines_of<const N: usize>(area: Rect) -> [Rect; N] {
    Layout::vertical([Constraint::Length(1); N]).areas(area)
}

fn typed(frame: &mut Frame<'_>, line: Rect, field: &Field) {
    let text = format!("{PROMPT}{}", field.as_str());
    cursor_after(frame, line, &text);
    frame.render_widget(Line::from(text), line);
}

/// The keys, and why no logins come.
pub(super) fn help(frame: &mut Frame<'_>, area: Rect, desk: &Desk, sight: &Sight) {
    let mut lines = Vec::new();
    let warning = match desk.pushing() {
        Pushing::Connecting | Pushing::On => None,
        Pushing::Partly(why) => Some(format!("Not all logins come here: {why}")),
        Pushing::Off(why) => Some(format!("No logins come here: {why}")),
    };
    if let Some(warning) = warning {
        lines.push(Line::styled(warning, sight.colours.warning()));
    }
    let line = |(keys, what): &(&'static str, &'static str)| {
        Line::from(vec![
            Span::styled(format!("{keys:<7}"), TITLE),
            Span::raw(*what),
        ])
    };
    lines.extend(KEYS.iter().map(line));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}
