//! From the bytes of a terminal to keys.

/// The longest CSI sequence that is followed to its end, in parameter bytes: a terminal's answer to
/// "what are you" has about 40.
const MAX_PARAMETERS: usize = 64;
/// The longest control string (OSC, DCS, ...) that is followed to its end, in bytes: window titles
/// and colour reports are shorter.
const MAX_STRING: u16 = 1_024;

/// What a person pressed, or a program sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// A character to insert; bytes that are not UTF-8 arrive as U+FFFD, so that they can be seen.
    Character(char),
    /// CR, LF or CR LF.
    Enter,
    Backspace,
    Delete,
    /// Ctrl-D: delete, or the end of input on an empty line.
    DeleteOrEnd,
    Left,
    Right,
    Home,
    End,
    Older,
    Newer,
    Tab,
    KillToEnd,
    KillToStart,
    KillWord,
    Redraw,
    Interrupt,
    /// Ctrl-V: the next character means itself.
    Literal,
}

/// Recognises keys across any division of the input into chunks.
#[derive(Default)]
pub(super) struct Decoder {
    state: State,
    /// The byte before was CR: a LF belongs to it.
    after_cr: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Ground,
    Utf8(Sequence<4>),
    /// After ESC.
    Escape,
    /// After ESC `[`.
    Csi(Sequence<MAX_PARAMETERS>),
    /// After ESC `O`.
    Ss3,
    /// Within a control string, with the bytes that it may still have.
    String(u16),
}

impl Decoder {
    /// The next key, with its bytes taken off `input`; `None` when `input` is used up.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Key> {
        loop {
            let (&byte, rest) = input.split_first()?;
            if matches!(self.state, State::Utf8(_)) && !is_continuation(byte) {
                self.state = State::Ground;
                return Some(Key::Character(char::REPLACEMENT_CHARACTER));
            }
            *input = rest;
            if let Some(key) = self.take(byte) {
                return Some(key);
            }
        }
    }

    fn take(&mut self, byte: u8) -> Option<Key> {
        let after_cr = std::mem::take(&mut self.after_cr);
        match std::mem::take(&mut self.state) {
            State::Ground if byte == b'\n' && after_cr => None,
            State::Ground => self.ground(byte),
            State::Utf8(sequence) => self.continued(sequence, byte),
            State::Escape => self.escaped(byte),
            State::Csi(sequence) => self.csi(sequence, byte),
            State::Ss3 if is_control(byte) => self.ground(byte),
            State::Ss3 => final_letter(byte),
            State::String(left) => self.string(left, byte),
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        match byte {
            0x01 => Some(Key::Home),
            0x02 => Some(Key::Left),
            0x03 => Some(Key::Interrupt),
            0x04 => Some(Key::DeleteOrEnd),
            0x05 => Some(Key::End),
            0x06 => Some(Key::Right),
            0x08 | 0x7f => Some(Key::Backspace),
            b'\t' => Some(Key::Tab),
            b'\n' => Some(Key::Enter),
            0x0b => Some(Key::KillToEnd),
            0x0c => Some(Key::Redraw),
            b'\r' => {
                self.after_cr = true;
                Some(Key::Enter)
            }
            0x0e => Some(Key::Newer),
            0x10 => Some(Key::Older),
            0x15 => Some(Key::KillToStart),
            0x16 => Some(Key::Literal),
            0x17 => Some(Key::KillWord),
            0x1b => {
                self.state = State::Escape;
                None
            }
            0x00..=0x1f => None,
            0x20..=0x7e => Some(Key::Character(char::from(byte))),
            0x80.. => self.continued(Sequence::default(), byte),
        }
    }

    fn continued(&mut self, mut sequence: Sequence<4>, byte: u8) -> Option<Key> {
        sequence.push(byte);
        match str::from_utf8(sequence.bytes()) {
            Ok(text) => text
                .chars()
                .next()
                .filter(|c| !c.is_control())
                .map(Key::Character),
            Err(error) if error.error_len().is_none() => {
                self.state = State::Utf8(sequence);
                None
            }
            Err(_) => Some(Key::Character(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn escaped(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => self.state = State::Csi(Sequence::default()),
            b'O' => self.state = State::Ss3,
            b']' | b'P' | b'X' | b'^' | b'_' => self.state = State::String(MAX_STRING),
            0x20..=0x7e => {}
            _ => return self.ground(byte),
        }
        None
    }

    fn csi(&mut self, mut sequence: Sequence<MAX_PARAMETERS>, byte: u8) -> Option<Key> {
        match byte {
            0x20..=0x3f if sequence.push(byte) => {
                self.state = State::Csi(sequence);
                None
            }
            b'~' => numbered(sequence.bytes()),
            0x20..=0x7e => final_letter(byte),
            _ => self.ground(byte),
        }
    }

    fn string(&mut self, left: u16, byte: u8) -> Option<Key> {
        match byte {
            0x07 => None,
            _ if is_control(byte) => self.ground(byte),
            _ => {
                self.state = left.checked_sub(1).map_or(State::Ground, State::String);
                None
            }
        }
    }
}

/// The key of `ESC [ x` and `ESC O x`, with or without modifiers.
fn final_letter(letter: u8) -> Option<Key> {
    match letter {
        b'A' => Some(Key::Older),
        b'B' => Some(Key::Newer),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'F' => Some(Key::End),
        b'H' => Some(Key::Home),
        _ => None,
    }
}

/// The key of `ESC [ n ~`, with or without modifiers after a semicolon.
fn numbered(parameters: &[u8]) -> Option<Key> {
    match parameters.split(|&byte| byte == b';').next()? {
        b"1" | b"7" => Some(Key::Home),
        b"3" => Some(Key::Delete),
        b"4" | b"8" => Some(Key::End),
        _ => None,
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control()
}

/// The bytes of an unfinished sequence.
struct Sequence<const MAX: usize> {
    bytes: [u8; MAX],
    length: usize,
}

impl<const MAX: usize> Default for Sequence<MAX> {
    fn default() -> Self {
        Self {
            bytes: [0; MAX],
            length: 0,
        }
    }
}

impl<const MAX: usize> Sequence<MAX> {
    /// Whether there was room.
    fn push(&mut self, byte: u8) -> bool {
        let Some(place) = self.bytes.get_mut(self.length) else {
            return false;
        };
        *place = byte;
        self.length += 1;
        true
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
