//! The line editor: keystrokes and what they make of line and terminal.
//!
//! A small terminal in this file plays the bytes that the editor sends, as xterm would.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use cli::editor::{Editor, Event, Limits};
use proptest::prelude::*;
use unicode_width::UnicodeWidthChar;

const PROMPT: &str = "GATE (user) # ";

fn line(text: &str) -> Event {
    Event::Line(text.to_owned())
}

fn complete(text: &str) -> Event {
    Event::Complete {
        line_before_cursor: text.to_owned(),
    }
}

fn help(text: &str) -> Event {
    Event::Help {
        line_before_cursor: text.to_owned(),
    }
}

/// Feeds `input` whole and prompts again after every line; events and what the terminal got.
fn play(editor: &mut Editor, mut input: &[u8]) -> (Vec<Event>, String) {
    let (mut events, mut output) = (Vec::new(), Vec::new());
    while let Some(event) = editor.feed(&mut input, &mut output) {
        if !matches!(event, Event::Complete { .. } | Event::Help { .. }) {
            editor.prompt(PROMPT, &mut output);
        }
        events.push(event);
    }
    assert!(input.is_empty());
    (events, String::from_utf8(output).unwrap())
}

fn prompted(limits: Limits) -> Editor {
    let mut editor = Editor::new(limits);
    editor.prompt(PROMPT, &mut Vec::new());
    editor
}

fn events(input: &str) -> Vec<Event> {
    play(&mut prompted(Limits::default()), input.as_bytes()).0
}

#[test]
fn what_is_typed_is_echoed_as_it_is_and_unwrapped() {
    let mut editor = Editor::new(Limits::default());
    editor.resize(80);
    let mut output = Vec::new();
    editor.prompt(PROMPT, &mut output);
    assert_eq!(output, PROMPT.as_bytes());
    let command = format!("set comments \"{}\" # $ é 漢字", "long ".repeat(60));
    for byte in command.bytes() {
        let mut echo = Vec::new();
        assert_eq!(editor.feed(&mut [byte].as_slice(), &mut echo), None);
        output.extend(echo);
    }
    let (events, rest) = play(&mut editor, b"\r");
    assert_eq!(events, [line(&command)]);
    assert_eq!(rest, format!("\r\n{PROMPT}"));
    assert_eq!(output, format!("{PROMPT}{command}").into_bytes());
}

#[test]
fn keystrokes_make_lines() {
    let cases = [
        // Plain, and the ends of a line.
        ("", ""),
        ("show", "show"),
        ("  two  blanks ", "  two  blanks "),
        ("Zürich 漢字", "Zürich 漢字"),
        // Taking away.
        ("shox\x7fw", "show"),
        ("shox\x08w", "show"),
        ("\x7f\x08show", "show"),
        ("shxow\x1b[D\x1b[D\x1b[D\x1b[3~", "show"),
        ("shxow\x02\x02\x02\x04", "show"),
        ("show\x1b[3~\x04", "show"),
        ("漢字\x7f", "漢"),
        ("e\u{301}\u{323}x\x7f\x7f", ""),
        // Moving.
        ("how\x01s", "show"),
        ("how\x1b[Hs", "show"),
        ("how\x1bOHs", "show"),
        ("how\x1b[1~s", "show"),
        ("how\x1b[7~s", "show"),
        ("ho\x01s\x05w", "show"),
        ("ho\x01s\x1b[Fw", "show"),
        ("ho\x01s\x1bOFw", "show"),
        ("ho\x01s\x1b[4~w", "show"),
        ("ho\x01s\x1b[8~w", "show"),
        ("hw\x01s\x06o", "show"),
        ("hw\x01s\x1b[Co", "show"),
        ("hw\x01s\x1b[1;5Co", "show"),
        ("hw\x01s\x1bOCo", "show"),
        ("\x02\x1b[D\x06show\x06\x1b[C", "show"),
        ("ae\u{301}\x02x", "axe\u{301}"),
        // Killing.
        ("show all\x02\x02\x02\x02\x0b", "show"),
        ("get show\x02\x02\x02\x02\x15", "show"),
        ("show one \x17\x17show", "show"),
        ("get  \x17show", "show"),
        ("Zürich\u{a0}x\x17y", "Zürich\u{a0}y"),
        // What means nothing.
        ("sh\0\x07\x0f\x12\x1a\x1c\x1fow", "show"),
        ("sh\x1b[12;5Row", "show"),
        ("sh\x1b[?64;1;2;6;9;15;16;17;18;21;22;28cow", "show"),
        ("sh\x1b[15~\x1b[200~ow", "show"),
        ("sh\x1bxow", "show"),
        ("sh\x1bOPow", "show"),
        ("sh\x1b\x1b[Dxow\x06\x7f", "sxow"),
        ("sh\x1b]0;title\x07ow", "show"),
        ("sh\x1b]11;rgb:0/0/0\x1b\\ow", "show"),
        ("\u{301}\u{feff}show", "show"),
        ("sh\u{85}\u{9b}ow", "show"),
        ("show\x1b", "show"),
        ("show\x1b[1;", "show"),
        ("show\x1b]0;title", "show"),
        // Quoted question marks.
        ("a \"b?\"", "a \"b?\""),
        ("a 'b\"?'", "a 'b\"?'"),
        ("a \"b\\\"?\"", "a \"b\\\"?\""),
        ("a \\?", "a \\?"),
        ("a \x16?", "a ?"),
    ];
    for (keys, entered) in cases {
        assert_eq!(events(&format!("{keys}\r")), [line(entered)], "{keys:?}");
    }
}

#[test]
fn bytes_that_are_not_text_are_seen() {
    let cases: [(&[u8], &str); 6] = [
        (b"Z\xfcrich\r", "Z\u{fffd}rich"),
        (b"\x80\r", "\u{fffd}"),
        (b"\xe6\xbc\r", "\u{fffd}"),
        (b"\xe6\xbcx\r", "\u{fffd}x"),
        (b"\xc0\xaf\r", "\u{fffd}\u{fffd}"),
        (b"\xf0\x9f\x94\x91\r", "\u{1f511}"),
    ];
    for (input, entered) in cases {
        assert_eq!(
            play(&mut prompted(Limits::default()), input).0,
            [line(entered)]
        );
    }
}

#[test]
fn each_kind_of_line_end_ends_one_line() {
    assert_eq!(
        events("a\rb\nc\r\nd\n\ne\r\r"),
        ["a", "b", "c", "d", "", "e", ""].map(line)
    );
    let mut editor = prompted(Limits::default());
    assert_eq!(play(&mut editor, b"a\r").0, [line("a")]);
    assert_eq!(play(&mut editor, b"\nb\r").0, [line("b")]);
}

#[test]
fn pasted_lines_come_one_after_the_other_each_behind_its_prompt() {
    let (events, output) = play(
        &mut prompted(Limits::default()),
        b"config user local\r\nedit alice\r\nend\r\nsh",
    );
    assert_eq!(events, ["config user local", "edit alice", "end"].map(line));
    let transcript = "config user local\r\n> edit alice\r\n> end\r\n> sh";
    assert_eq!(output, transcript.replace("> ", PROMPT));
}

#[test]
fn editing_in_the_middle_redraws_the_rest_of_the_line() {
    let cases = [
        ("\x7f", "\x08\x1b[K"),
        ("\x1b[D", "\x08"),
        ("x", "\x1b[Kxd\x08"),
        ("\x01", "\x08\x08\x08\x08"),
        ("\x1b[C", "a"),
        ("\x04", "\x1b[Kcxd\x08\x08\x08"),
        ("\x05", "cxd"),
        ("\x15", "\x08\x08\x08\x08\x1b[K"),
        ("漢\x02", "漢\x08\x08"),
        ("a", "\x1b[Ka漢\x08\x08"),
    ];
    let mut editor = prompted(Limits::default());
    assert_eq!(play(&mut editor, b"abcde").1, "abcde");
    for (keys, redraw) in cases {
        assert_eq!(play(&mut editor, keys.as_bytes()).1, redraw, "{keys:?}");
    }
}

#[test]
fn control_keys_end_the_line() {
    assert_eq!(events("show\x03get\r"), [Event::Interrupt, line("get")]);
    assert_eq!(events("\x04"), [Event::EndOfInput]);
    assert_eq!(events("a\x04\r"), [line("a")]);
    let (_, output) = play(&mut prompted(Limits::default()), b"show\x02\x02\x03");
    assert_eq!(output, format!("show\x08\x08ow\r\n{PROMPT}"));
}

#[test]
fn the_line_is_drawn_afresh_below() {
    let mut editor = prompted(Limits::default());
    let (_, output) = play(&mut editor, b"show\x02\x0c");
    assert_eq!(output, format!("\r\n{PROMPT}show\x08"));
}

#[test]
fn history_goes_back_and_forth() {
    let (up, down) = ("\x1b[A", "\x1b[B");
    let cases = [
        (up.to_owned(), "three"),
        (format!("{up}{up}"), "two"),
        (format!("{up}{up}{up}{up}{up}"), "one"),
        (format!("{up}{up}{down}"), "three"),
        (format!("dra{up}{up}{down}{down}ft"), "draft"),
        (format!("draft{down}"), "draft"),
        ("\x10\x10\x0e".to_owned(), "three"),
        ("\x1bOA\x1bOA\x1bOB".to_owned(), "three"),
        (format!("{up}x\x03{up}"), "three"),
    ];
    for (keys, recalled) in cases {
        let all = events(&format!("one\rtwo\rtwo\r\r \rthree\r{keys}\r"));
        assert_eq!(all.last(), Some(&line(recalled)), "{keys:?}");
    }
}

#[test]
fn history_is_bounded_and_its_lines_are_not_changed_by_editing_them() {
    let limits = Limits {
        history_lines: 2,
        ..Limits::default()
    };
    let recall = |keys: &str| {
        let input = format!("one\rtwo\rthree\r{keys}\r");
        play(&mut prompted(limits), input.as_bytes())
            .0
            .pop()
            .unwrap()
    };
    assert_eq!(recall("\x10\x10\x10\x10"), line("two"));
    assert_eq!(recall("\x10\x10xx\x0e\x10"), line("two"));
}

#[test]
fn tab_and_question_mark_ask_with_the_line_before_the_cursor() {
    assert_eq!(events("get sys\t"), [complete("get sys")]);
    assert_eq!(events("get sys\x02\x02\t"), [complete("get s")]);
    assert_eq!(events("set name \"a\t"), [complete("set name \"a")]);
    assert_eq!(events("get ?"), [help("get ")]);
    assert_eq!(events("?"), [help("")]);
    assert_eq!(events("a \"b\" ?"), [help("a \"b\" ")]);
    assert_eq!(events("a \\\\?"), [help("a \\\\")]);
    assert_eq!(events("show\x01?\r"), [help(""), line("show")]);
}

#[test]
fn completions_are_inserted_at_the_cursor() {
    let mut editor = prompted(Limits {
        line_bytes: 20,
        history_lines: 0,
    });
    assert_eq!(
        play(&mut editor, b"get sys x\x02\x02\t").0,
        [complete("get sys")]
    );
    let mut output = Vec::new();
    editor.insert_completion("tem", &mut output);
    assert_eq!(output, b"\x1b[Ktem x\x08\x08");
    output.clear();
    editor.insert_completion("far too long", &mut output);
    editor.insert_completion("a\nb", &mut output);
    editor.insert_completion("\u{301}", &mut output);
    editor.beep(&mut output);
    assert_eq!(output, b"\x07\x07\x07\x07");
    assert_eq!(play(&mut editor, b"\r").0, [line("get system x")]);
}

#[test]
fn help_is_shown_between_two_copies_of_the_line() {
    let mut editor = prompted(Limits::default());
    let (events, echo) = play(&mut editor, b"get x\x02?");
    assert_eq!((events, echo.as_str()), (vec![help("get ")], "get x\x08"));
    let mut output = Vec::new();
    editor.show_above("system    Sys\x1b[31mtem\nuser\n", &mut output);
    let shown = format!("x\r\nsystem    Sys[31mtem\r\nuser\r\n{PROMPT}get x\x08");
    assert_eq!(String::from_utf8(output).unwrap(), shown);
}

#[test]
fn an_announcement_takes_the_place_of_the_line() {
    let mut editor = prompted(Limits::default());
    play(&mut editor, b"get");
    let mut output = Vec::new();
    editor.announce("token FTK1 provisioned", &mut output);
    let back = "\x08".repeat(PROMPT.len() + 3);
    let shown = format!("{back}\x1b[Ktoken FTK1 provisioned\r\n{PROMPT}get");
    assert_eq!(String::from_utf8(output).unwrap(), shown);
}

#[test]
fn secrets_are_neither_echoed_nor_remembered_nor_printed() {
    let mut editor = prompted(Limits::default());
    editor.feed(&mut b"show\r".as_slice(), &mut Vec::new());
    let mut output = Vec::new();
    editor.read_secret("Password: ", &mut output);
    let mut input: &[u8] = "h\t?\x10unt\x7fer é2\r\x1b[A\r".as_bytes();
    let event = editor.feed(&mut input, &mut output).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), "Password: \r\n");
    assert_eq!(format!("{event:?}"), "Secret(Secret(<sealed>))");
    let Event::Secret(secret) = &event else {
        panic!("{event:?}")
    };
    assert_eq!(secret.expose(), "h?uner é2");
    editor.prompt(PROMPT, &mut Vec::new());
    assert_eq!(play(&mut editor, input).0, [line("show")]);
}

#[test]
fn a_secret_prompt_can_be_left() {
    let cases = [
        ("ab\x03", Event::Interrupt),
        ("ab\x15\x04", Event::EndOfInput),
    ];
    for (keys, event) in cases {
        let mut editor = Editor::new(Limits::default());
        editor.read_secret("Password: ", &mut Vec::new());
        assert_eq!(
            editor.feed(&mut keys.as_bytes(), &mut Vec::new()),
            Some(event)
        );
    }
}

#[test]
fn a_line_that_outgrew_its_limit_is_never_run() {
    let limits = Limits {
        line_bytes: 8,
        history_lines: 4,
    };
    let enter = |keys: &str| play(&mut prompted(limits), keys.as_bytes());
    assert_eq!(enter("12345678\r").0, [line("12345678")]);
    let (events, output) = enter("1234567890\r\x10\r");
    assert_eq!(events, [Event::TooLong, line("")]);
    assert_eq!(output, format!("12345678\x07\r\n{PROMPT}\r\n{PROMPT}"));
    assert_eq!(enter("1234567é\r").0, [Event::TooLong]);
    assert_eq!(enter("123456789\x7f\r").0, [line("1234567")]);
    assert_eq!(enter("123456789\x03\r").0, [Event::Interrupt, line("")]);
}

#[test]
fn a_wrapped_line_is_edited_across_its_rows() {
    let mut editor = Editor::new(Limits::default());
    editor.resize(10);
    let mut terminal = Terminal::new(10);
    let mut output = Vec::new();
    editor.prompt("> ", &mut output);
    terminal.play(&std::mem::take(&mut output));
    let steps: [(&str, &[&str]); 7] = [
        ("abcdefgh", &["> abcdefgh"]),
        ("ij", &["> abcdefgh", "ij"]),
        ("\x02\x02\x02", &["> abcdefgh", "ij"]),
        ("X", &["> abcdefgX", "hij"]),
        ("\x05\x7f\x7f\x7f", &["> abcdefgX"]),
        ("漢\x01y", &["> yabcdefg", "X漢"]),
        ("\x0b", &["> y"]),
    ];
    for (keys, rows) in steps {
        editor.feed(&mut keys.as_bytes(), &mut output);
        terminal.play(&std::mem::take(&mut output));
        assert_eq!(terminal.rows(), rows, "{keys:?}");
    }
}

/// The part of a terminal that the editor needs; what it may not be sent is a failure.
struct Terminal {
    columns: usize,
    /// A cell holds a character with its marks; the right half of a wide one is empty.
    cells: Vec<Vec<String>>,
    row: usize,
    column: usize,
    /// The last column was written, and the next character goes to the next row.
    waiting: bool,
}

impl Terminal {
    fn new(columns: usize) -> Self {
        let cells = vec![vec![" ".to_owned(); columns]];
        Self {
            columns,
            cells,
            row: 0,
            column: 0,
            waiting: false,
        }
    }

    fn rows(&self) -> Vec<String> {
        let mut rows: Vec<_> = self
            .cells
            .iter()
            .map(|row| row.concat().trim_end().to_owned())
            .collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    fn play(&mut self, output: &[u8]) {
        let mut rest = str::from_utf8(output).expect("the editor sends UTF-8");
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\x07' => {}
                '\x08' => {
                    assert!(
                        !self.waiting,
                        "terminals disagree on BS behind the last column"
                    );
                    self.column = self.column.checked_sub(1).expect("BS stops at column 0");
                }
                '\r' => (self.column, self.waiting) = (0, false),
                '\n' => self.down(),
                '\x1b' => {
                    let (sequence, after) = rest.split_at(2);
                    self.escape(sequence);
                    rest = after;
                }
                _ if c.is_control() => panic!("{c:?} was sent"),
                _ => self.print(c),
            }
        }
    }

    fn escape(&mut self, sequence: &str) {
        assert!(
            !self.waiting,
            "terminals disagree on {sequence} behind the last column"
        );
        match sequence {
            "[A" => {
                self.row = self
                    .row
                    .checked_sub(1)
                    .expect("the prompt's row is the highest");
            }
            "[K" => self.cells[self.row][self.column..].fill(" ".to_owned()),
            "[J" => {
                self.cells.truncate(self.row + 1);
                self.cells[self.row][self.column..].fill(" ".to_owned());
            }
            _ => panic!("ESC {sequence} was sent"),
        }
    }

    fn print(&mut self, c: char) {
        let width = c.width().unwrap();
        if width == 0 {
            let mut under = self.column - usize::from(!self.waiting);
            while self.cells[self.row][under].is_empty() {
                under -= 1;
            }
            self.cells[self.row][under].push(c);
            return;
        }
        if self.waiting || self.column + width > self.columns {
            self.column = 0;
            self.down();
        }
        self.cells[self.row][self.column] = c.to_string();
        self.cells[self.row][self.column + 1..self.column + width].fill(String::new());
        self.waiting = self.column + width == self.columns;
        self.column = (self.column + width).min(self.columns - 1);
    }

    fn down(&mut self) {
        self.row += 1;
        self.waiting = false;
        if self.row == self.cells.len() {
            self.cells.push(vec![" ".to_owned(); self.columns]);
        }
    }

    /// Row and column of the cursor; behind the last column is the start of the next row.
    fn cursor(&self) -> (usize, usize) {
        if self.waiting {
            (self.row + 1, 0)
        } else {
            (self.row, self.column)
        }
    }

    /// Where `next` would appear.
    fn cursor_before(&self, next: Option<char>) -> (usize, usize) {
        let (row, column) = self.cursor();
        let width = next.and_then(UnicodeWidthChar::width).unwrap_or(0);
        if column + width > self.columns {
            (row + 1, 0)
        } else {
            (row, column)
        }
    }
}

fn keys() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        8 => "[a-z ]",
        1 => "[a-z]{1,30}",
        2 => "[é漢字🔑]",
        1 => Just("\u{301}".to_owned()),
        8 => prop::sample::select(vec![
            "\x01", "\x02", "\x05", "\x06", "\x08", "\x0b", "\x10", "\x0e", "\x15",
            "\x17", "\x7f", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(key, 0..40).prop_map(|keys| keys.concat())
}

/// How a terminal looks on which `text` was printed at once.
fn printed(columns: usize, text: &str) -> Terminal {
    let mut terminal = Terminal::new(columns);
    terminal.play(text.as_bytes());
    terminal
}

/// Allowed are BEL, BS, CR LF, the three relative escape sequences, and text.
fn check_bytes(output: &[u8]) {
    let text = str::from_utf8(output).expect("the editor sends UTF-8");
    let text = ["\x1b[K", "\x1b[J", "\x1b[A", "\r\n", "\r", "\x08", "\x07"]
        .iter()
        .fold(text.to_owned(), |text, allowed| text.replace(allowed, ""));
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

const WRAPPED: Limits = Limits {
    line_bytes: 200,
    history_lines: 4,
};

/// What `keys` leave before the cursor and in the whole line.
fn edited(keys: &str) -> (String, String) {
    let finish = |key: &str| {
        play(&mut prompted(WRAPPED), format!("{keys}{key}").as_bytes())
            .0
            .pop()
    };
    let Some(Event::Complete { line_before_cursor }) = finish("\t") else {
        panic!("{keys:?}")
    };
    let Some(Event::Complete {
        line_before_cursor: line,
    }) = finish("\x05\t")
    else {
        panic!("{keys:?}")
    };
    (line_before_cursor, line)
}

proptest! {
    #[test]
    fn the_terminal_shows_the_line(
        columns in 3..40u16, old in keys(), chunks in prop::collection::vec(keys(), 1..8),
    ) {
        let mut editor = prompted(WRAPPED);
        let mut keys = format!("{old}\r");
        prop_assert!(editor.feed(&mut keys.as_bytes(), &mut Vec::new()).is_some());
        let (prompt, mut output) = ("é # ", Vec::new());
        editor.resize(columns);
        editor.prompt(prompt, &mut output);
        let mut terminal = Terminal::new(columns.into());
        for chunk in chunks {
            keys.push_str(&chunk);
            editor.feed(&mut chunk.as_bytes(), &mut output);
            terminal.play(&std::mem::take(&mut output));
            let (before_cursor, line) = edited(&keys);
            let whole = printed(columns.into(), &format!("{prompt}{line}"));
            prop_assert_eq!(terminal.rows(), whole.rows());
            let next = line[before_cursor.len()..].chars().next();
            let before = printed(columns.into(), &format!("{prompt}{before_cursor}"));
            prop_assert_eq!(terminal.cursor(), before.cursor_before(next));
        }
    }

    #[test]
    fn no_bytes_break_it(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
        columns in any::<u16>(),
    ) {
        let limits = Limits { line_bytes: 64, history_lines: 3 };
        let mut editor = prompted(limits);
        editor.resize(columns);
        for chunk in chunks {
            let mut input = chunk.as_slice();
            loop {
                let mut output = Vec::new();
                let event = editor.feed(&mut input, &mut output);
                // Twice the longest line drawn, each preceded by as many cursor movements.
                prop_assert!(output.len() <= 8 * (limits.line_bytes + PROMPT.len()));
                check_bytes(&output);
                match event {
                    None => break,
                    Some(Event::Line(line)) => {
                        prop_assert!(line.len() <= limits.line_bytes);
                        prop_assert!(!line.chars().any(char::is_control));
                    }
                    Some(_) => {}
                }
            }
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn plain_text_is_entered_as_typed(text in "([a-z][^\\p{C}?]{0,200})?", cut in 0..200usize) {
        let mut editor = prompted(Limits::default());
        let bytes = text.as_bytes();
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let mut output = Vec::new();
        for mut part in [first, second] {
            prop_assert_eq!(editor.feed(&mut part, &mut output), None);
        }
        prop_assert_eq!(editor.feed(&mut b"\r".as_slice(), &mut output), Some(line(&text)));
        prop_assert_eq!(String::from_utf8(output).unwrap(), format!("{text}\r\n"));
    }
}

/// The events from a question on, with everything behind it pasted at once.
fn answers(input: &str) -> Vec<Event> {
    let mut editor = Editor::new(Limits::default());
    editor.ask("Do you want to continue? (y/n)", &mut Vec::new());
    play(&mut editor, input.as_bytes()).0
}

#[test]
fn a_question_is_answered_by_one_key_that_stands_alone() {
    assert_eq!(answers("y"), [Event::Answer('y')]);
    assert_eq!(answers("N"), [Event::Answer('n')]);
    assert_eq!(answers("\r\t\x1b[Ay"), [Event::Answer('y')]);
    assert_eq!(answers("s\x7fy"), [Event::Answer('y')]);
    assert_eq!(answers("y\r"), [Event::Answer('y'), line("")]);
    assert_eq!(answers("y\n"), [Event::Answer('y'), line("")]);
    assert_eq!(
        answers("y\rshow\r"),
        [Event::Answer('y'), line(""), line("show")]
    );
    assert_eq!(answers("get sy\x03"), [Event::Interrupt]);
}

#[test]
fn a_line_pasted_behind_a_question_answers_nothing_before_its_end() {
    for pasted in ["get system status", "next", "yes", "é y", " y", "get ?"] {
        let events = answers(&format!("{pasted}\rshow\r\x10\x10\r"));
        // Nor is it remembered as a command.
        assert_eq!(
            events,
            [line(pasted), line("show"), line("show")],
            "{pasted:?}"
        );
    }
}
