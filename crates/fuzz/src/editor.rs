//! The line editor and the pager: any octets of a terminal, in pieces of any size.

use cli::editor::{Editor, Event, Limits};
use cli::pager::{Page, Pager};

const LIMITS: Limits = Limits {
    line_bytes: 256,
    history_lines: 8,
};

/// The first two octets are the width of the terminal and how many octets come at once.
pub(crate) fn run(input: &[u8]) {
    let [columns, at_once, keys @ ..] = input else {
        return;
    };
    let mut editor = Editor::new(LIMITS);
    let mut output = Vec::new();
    editor.resize(u16::from(*columns));
    editor.prompt("gate # ", &mut output);
    for mut piece in keys.chunks(usize::from(*at_once).max(1)) {
        while let Some(event) = editor.feed(&mut piece, &mut output) {
            answer(&mut editor, event, &mut output);
        }
        assert!(piece.is_empty());
    }
    assert!(String::from_utf8(output).is_ok());
    page(keys, *columns, *at_once);
}

fn answer(editor: &mut Editor, event: Event, output: &mut Vec<u8>) {
    match event {
        Event::Line(line) => {
            assert!(line.len() <= LIMITS.line_bytes);
            assert!(!line.chars().any(char::is_control), "{line:?}");
            match line.len() % 7 {
                0 => editor.read_secret("password: ", output),
                1 => editor.ask("Do you want to continue? (y/n)", output),
                2 => {
                    editor.forget(&line);
                    editor.prompt("", output);
                }
                width => {
                    editor.resize(u16::try_from(width).unwrap_or(0));
                    editor.prompt("gate (fortitoken) # ", output);
                }
            }
        }
        Event::Complete { line_before_cursor } if line_before_cursor.len() % 2 == 0 => {
            editor.insert_completion(&line_before_cursor, output);
        }
        Event::Complete { line_before_cursor } | Event::Help { line_before_cursor } => {
            editor.show_above(&line_before_cursor, output);
        }
        Event::Interrupt => {
            editor.announce("a line\u{1b} of the log\n", output);
            editor.prompt("gate # ", output);
        }
        Event::Secret(_) | Event::Answer(_) | Event::TooLong | Event::EndOfInput => {
            editor.prompt("gate # ", output);
        }
    }
}

/// Every line of a text is shown once, however often it stops for a key.
fn page(text: &[u8], columns: u8, rows: u8) {
    let text = String::from_utf8_lossy(text);
    let mut pager = Pager::new(u16::from(rows), u16::from(columns));
    let mut shown = String::new();
    let mut page = pager.push(&text);
    // Each key shows something, or all was shown.
    for _ in 0..=text.len() {
        match page {
            Page::Open(part) => {
                assert_eq!(shown + &part, text);
                return;
            }
            Page::Full(part) => shown += &part,
            Page::Stopped => panic!("nobody has asked it to stop"),
        }
        page = pager.press(b' ');
    }
    panic!("more pages than characters");
}
