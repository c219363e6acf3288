//! The line editor behind every prompt: bytes of a terminal in, bytes for the terminal and events out.
//!
//! It knows neither sockets nor terminals; console and SSH drive it alike. Programs that read the echo
//! rely on three things: characters typed at the end of a line come back as typed and unwrapped, lines
//! end in CR LF, and nothing is coloured or placed by coordinates.
//!
//! The editor stops at each event, so that the output of a command comes before the echo of the lines
//! pasted behind it:
//!
//! ```
//! use cli::editor::{Editor, Event, Limits};
//!
//! let (mut editor, mut output) = (Editor::new(Limits::default()), Vec::new());
//! editor.prompt("GATE # ", &mut output);
//! let mut input: &[u8] = b"get system status\r\nexit\r\n";
//! let mut lines = Vec::new();
//! while let Some(event) = editor.feed(&mut input, &mut output) {
//!     if let Event::Line(line) = event {
//!         lines.push(line);
//!         editor.prompt("GATE # ", &mut output);
//!     }
//! }
//! assert_eq!(lines, ["get system status", "exit"]);
//! assert_eq!(output, b"GATE # get system status\r\nGATE # exit\r\nGATE # ");
//! ```

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use history::History;
use keys::{Decoder, Key};
use screen::Screen;

mod history;
mod keys;
mod screen;

const BELL: u8 = 0x07;

/// How much an editor holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest line, in bytes of UTF-8.
    pub line_bytes: usize,
    /// How many lines the history keeps.
    pub history_lines: usize,
}

/// Bytes that a line has room for at once, and the longest line that the history keeps: few lines are
/// longer, and those are pasted.
const COMMON_BYTES: usize = 4_096;

/// 4096 bytes a line, as in a terminal's canonical mode on Linux, and 100 lines: at most 400 KiB a
/// session.
impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: COMMON_BYTES,
            history_lines: 100,
        }
    }
}

/// What the person at the terminal wants done.
#[derive(PartialEq, Eq, Debug)]
pub enum Event {
    /// A line was entered at a prompt; empty ones too. At a question it is a line that came in place of the
    /// one key, as a pasted one does, and no command.
    Line(String),
    /// A line was entered at a prompt of [`Editor::read_secret`].
    Secret(Secret),
    /// `y` or `n` was pressed at a question of [`Editor::ask`].
    Answer(char),
    /// A line was entered that had outgrown [`Limits::line_bytes`]: what is left of it is not what was
    /// meant and must not be run.
    TooLong,
    /// Tab: answer with [`Editor::insert_completion`], [`Editor::show_above`] or [`Editor::beep`].
    Complete {
        /// The line up to the cursor.
        line_before_cursor: String,
    },
    /// `?` outside quotes: answer with [`Editor::show_above`].
    Help {
        /// The line up to the cursor.
        line_before_cursor: String,
    },
    /// Ctrl-C: the line was dropped.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

/// What was typed without echo; wiped when dropped, never printed, compared in constant time.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, to be checked or hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(<sealed>)")
    }
}

/// One terminal's line being edited, with its history.
pub struct Editor {
    limits: Limits,
    decoder: Decoder,
    echo: Echo,
    /// The quote in which the line begins.
    within: Option<char>,
    prompt: String,
    line: Zeroizing<String>,
    /// A byte index into `line`, never before a combining mark: the line begins with none, and a mark
    /// goes with the character that it is drawn onto.
    cursor: usize,
    history: History,
    screen: Screen,
    /// Ctrl-V was pressed.
    literal: bool,
    /// A character was refused for want of room and none was taken away since.
    outgrown: bool,
    due: Due,
}

/// What goes out with the next drawing, once however often it was asked for.
#[derive(Default)]
struct Due {
    bell: bool,
    /// The line is drawn afresh, further down.
    redraw: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Plain,
    Hidden,
    /// A question: one key answers it.
    Key,
}

impl Editor {
    /// An editor that shows nothing yet. The width of the terminal is unknown until
    /// [`Editor::resize`].
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            decoder: Decoder::default(),
            echo: Echo::Plain,
            within: None,
            prompt: String::new(),
            line: Zeroizing::new(String::with_capacity(COMMON_BYTES)),
            cursor: 0,
            history: History::new(limits.history_lines),
            screen: Screen::new(),
            literal: false,
            outgrown: false,
            due: Due::default(),
        }
    }

    /// Tells the width of the terminal in columns; 0 if it is unknown.
    pub fn resize(&mut self, columns: u16) {
        self.screen.resize(columns);
    }

    /// Starts a line, at the beginning of a row. Control characters in `prompt` are left out.
    pub fn prompt(&mut self, prompt: &str, output: &mut Vec<u8>) {
        self.begin(prompt, Echo::Plain, output);
    }

    /// Starts a line that goes on within a quote: `?` in it is itself.
    pub fn prompt_within(&mut self, quote: char, prompt: &str, output: &mut Vec<u8>) {
        self.begin(prompt, Echo::Plain, output);
        self.within = Some(quote);
    }

    /// Starts a line that is not echoed, completed or remembered, and ends in [`Event::Secret`].
    pub fn read_secret(&mut self, prompt: &str, output: &mut Vec<u8>) {
        self.begin(prompt, Echo::Hidden, output);
    }

    /// Asks a question that one key answers, `y` or `n`: [`Event::Answer`]. What begins otherwise or goes on
    /// is a line, [`Event::Line`]: a command pasted behind the question has an `y` in it too. What goes on is
    /// what [`Editor::feed`] is given at once: whoever feeds it waits a moment for the rest of a paste.
    pub fn ask(&mut self, question: &str, output: &mut Vec<u8>) {
        self.begin(question, Echo::Key, output);
    }

    /// Takes a line that was just entered out of the history: it holds a secret.
    pub fn forget(&mut self, line: &str) {
        self.history.forget(line);
    }

    /// Takes `input` up to the first event, or all of it, and appends to `output` what the terminal
    /// must be sent before the event is handled.
    ///
    /// After an event that ends the line, begin the next one before feeding the rest.
    pub fn feed(&mut self, input: &mut &[u8], output: &mut Vec<u8>) -> Option<Event> {
        while let Some(key) = self.decoder.next(input) {
            let event = match self.echo {
                Echo::Key => self.answer(key, input, output),
                Echo::Plain | Echo::Hidden => self.press(key, output),
            };
            if event.is_some() {
                return event;
            }
        }
        self.draw(output);
        None
    }

    /// Inserts at the cursor what completes the word, in answer to [`Event::Complete`]; a bell if it
    /// does not fit, holds control characters, or begins with a combining mark.
    pub fn insert_completion(&mut self, text: &str, output: &mut Vec<u8>) {
        let fits = self.line.len().saturating_add(text.len()) <= self.limits.line_bytes;
        if fits && !text.starts_with(screen::is_mark) && !text.chars().any(char::is_control) {
            self.make_room(text.len());
            self.line.insert_str(self.cursor, text);
            self.cursor += text.len();
        } else {
            self.due.bell = true;
        }
        self.draw(output);
    }

    /// Leaves the line on the terminal, prints `text` below it and the prompt with the line again: for
    /// help and for what a word can be completed to. LF ends a line of `text`; other control characters
    /// are left out.
    pub fn show_above(&mut self, text: &str, output: &mut Vec<u8>) {
        self.screen.finish(output);
        print_lines(text, output);
        self.draw(output);
    }

    /// Prints `text` in place of the line and the line below it: for what comes by itself, such as log
    /// lines. `text` is treated as in [`Editor::show_above`].
    pub fn announce(&mut self, text: &str, output: &mut Vec<u8>) {
        self.screen.erase(output);
        print_lines(text, output);
        self.draw(output);
    }

    /// Rings the bell: there is nothing to complete.
    pub fn beep(&mut self, output: &mut Vec<u8>) {
        output.push(BELL);
    }

    fn begin(&mut self, prompt: &str, echo: Echo, output: &mut Vec<u8>) {
        self.clear();
        self.echo = echo;
        self.within = None;
        self.prompt = prompt.chars().filter(|c| !c.is_control()).collect();
        self.draw(output);
    }

    fn press(&mut self, key: Key, output: &mut Vec<u8>) -> Option<Event> {
        let literal = std::mem::take(&mut self.literal);
        match key {
            Key::Enter => return Some(self.enter(output)),
            Key::Interrupt => return Some(self.leave(Event::Interrupt, output)),
            Key::DeleteOrEnd if self.line.is_empty() => {
                return Some(self.leave(Event::EndOfInput, output));
            }
            Key::Redraw => self.due.redraw = true,
            Key::Literal => self.literal = true,
            Key::Character('?') if !literal && self.asks_for_help() => {
                self.draw(output);
                return Some(Event::Help {
                    line_before_cursor: self.before_cursor(),
                });
            }
            Key::Tab if self.echo == Echo::Plain => {
                self.draw(output);
                return Some(Event::Complete {
                    line_before_cursor: self.before_cursor(),
                });
            }
            Key::Older | Key::Newer if self.echo == Echo::Plain => self.recall(key),
            _ => self.edit(key),
        }
        None
    }

    /// `rest` is what came together with the key.
    fn answer(&mut self, key: Key, rest: &[u8], output: &mut Vec<u8>) -> Option<Event> {
        let is_alone = self.line.is_empty() && !rest.first().is_some_and(|byte| is_text(*byte));
        match key {
            Key::Interrupt => return Some(self.leave(Event::Interrupt, output)),
            Key::Character(c @ ('y' | 'Y' | 'n' | 'N')) if is_alone => {
                self.insert(c);
                self.draw(output);
                return Some(self.leave(Event::Answer(c.to_ascii_lowercase()), output));
            }
            Key::Character(_) => self.edit(key),
            _ if self.line.is_empty() => self.due.bell = true,
            Key::Enter => return Some(self.enter(output)),
            _ => self.edit(key),
        }
        None
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Character(c) => self.insert(c),
            Key::Backspace => self.remove(self.left(), self.cursor),
            Key::Delete | Key::DeleteOrEnd => self.remove(self.cursor, self.right()),
            Key::KillToEnd => self.remove(self.cursor, self.line.len()),
            Key::KillToStart => self.remove(0, self.cursor),
            Key::KillWord => self.remove(self.word_start(), self.cursor),
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.line.len(),
            _ => {}
        }
    }

    fn insert(&mut self, c: char) {
        if self.cursor == 0 && screen::is_mark(c) {
            self.due.bell = true;
            return;
        }
        if self.line.len() + c.len_utf8() > self.limits.line_bytes {
            self.outgrown = true;
            self.due.bell = true;
            return;
        }
        self.make_room(c.len_utf8());
        self.line.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    /// Growing in place would leave copies of a secret behind.
    fn make_room(&mut self, bytes: usize) {
        let needed = self.line.len() + bytes;
        if needed > self.line.capacity() {
            let mut wider = String::with_capacity(needed.max(2 * self.line.capacity()));
            wider.push_str(&self.line);
            self.line = Zeroizing::new(wider);
        }
    }

    fn remove(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        self.line.replace_range(start..end, "");
        self.cursor = start;
        self.outgrown = false;
    }

    fn recall(&mut self, key: Key) {
        let line = match key {
            Key::Older => self.history.older(&self.line),
            _ => self.history.newer(),
        };
        let Some(line) = line else { return };
        self.line.clear();
        self.line.push_str(line);
        self.cursor = line.len();
        self.outgrown = false;
    }

    fn enter(&mut self, output: &mut Vec<u8>) -> Event {
        let event = match self.echo {
            _ if self.outgrown => Event::TooLong,
            Echo::Hidden => Event::Secret(Secret(self.line.clone())),
            Echo::Plain => {
                if self.line.len() <= COMMON_BYTES {
                    self.history.add(&self.line);
                }
                Event::Line(self.line.as_str().to_owned())
            }
            Echo::Key => Event::Line(self.line.as_str().to_owned()),
        };
        self.leave(event, output)
    }

    fn leave(&mut self, event: Event, output: &mut Vec<u8>) -> Event {
        self.draw(output);
        self.screen.finish(output);
        self.prompt.clear();
        self.clear();
        event
    }

    fn clear(&mut self) {
        self.line.zeroize();
        if self.line.capacity() > COMMON_BYTES {
            self.line = Zeroizing::new(String::with_capacity(COMMON_BYTES));
        }
        self.cursor = 0;
        self.outgrown = false;
        self.history.leave();
    }

    fn draw(&mut self, output: &mut Vec<u8>) {
        let (line, before_cursor) = match self.echo {
            Echo::Plain | Echo::Key => (self.line.as_str(), &self.line[..self.cursor]),
            Echo::Hidden => ("", ""),
        };
        let cursor = self.prompt.chars().count() + before_cursor.chars().count();
        let text = self.prompt.chars().chain(line.chars()).collect();
        let due = std::mem::take(&mut self.due);
        if due.redraw {
            self.screen.finish(output);
        }
        self.screen.show(text, cursor, output);
        if due.bell {
            output.push(BELL);
        }
    }

    fn asks_for_help(&self) -> bool {
        self.echo == Echo::Plain && !is_quoted(self.within, &self.line[..self.cursor])
    }

    fn before_cursor(&self) -> String {
        self.line[..self.cursor].to_owned()
    }

    fn left(&self) -> usize {
        let before = self.line[..self.cursor].char_indices();
        before
            .rev()
            .find(|&(_, c)| !screen::is_mark(c))
            .map_or(0, |(index, _)| index)
    }

    fn right(&self) -> usize {
        let mut after = self.line[self.cursor..].char_indices().skip(1);
        let next = after.find(|&(_, c)| !screen::is_mark(c));
        next.map_or(self.line.len(), |(index, _)| self.cursor + index)
    }

    fn word_start(&self) -> usize {
        let before = self.line[..self.cursor].trim_end();
        before.rfind(char::is_whitespace).map_or(0, |blank| {
            blank + before[blank..].chars().next().map_or(0, char::len_utf8)
        })
    }
}

/// Whether the next character would be taken literally: within quotes or after a backslash.
fn is_quoted(within: Option<char>, text: &str) -> bool {
    let (mut quote, mut escaped) = (within, false);
    for c in text.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"') | None, '\\') => escaped = true,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    escaped || quote.is_some()
}

/// Whether a byte begins or goes on with a character, and is no control.
fn is_text(byte: u8) -> bool {
    !byte.is_ascii_control()
}

fn print_lines(text: &str, output: &mut Vec<u8>) {
    for line in text.lines() {
        for c in line.chars().filter(|c| !c.is_control()) {
            output.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        output.extend_from_slice(b"\r\n");
    }
}
