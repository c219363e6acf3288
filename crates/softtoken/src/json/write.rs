use std::fmt::{self, Write as _};
use zeroize::{Zeroize, Zeroizing};

/// What the text is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The wire: compact, everything in it.
    Wire,
    /// The debug log's form of a request: blanks around braces and after separators, no secrets.
    DebugRequest,
    /// The debug log's form of a response: compact, no secrets.
    DebugResponse,
}

/// What stands for a secret in the debug log.
const SEALED: &str = "<sealed>";

/// An object being written. Fields come out in the order in which they are put.
pub(crate) struct Object<'a> {
    out: &'a mut Buffer,
    is_empty: bool,
}

/// Text that wipes what it leaves behind when it grows.
struct Buffer {
    text: Zeroizing<String>,
    form: Form,
}

/// Most messages fit, so that a secret is seldom copied by growth.
const FIRST_CAPACITY: usize = 4 << 10;

impl Object<'_> {
    /// Writes `{"d":{…}}`.
    pub(crate) fn envelope(form: Form, fill: impl FnOnce(&mut Object<'_>)) -> Zeroizing<String> {
        let text = Zeroizing::new(String::with_capacity(FIRST_CAPACITY));
        let mut out = Buffer { text, form };
        out.object(|envelope| envelope.object("d", fill));
        out.text
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.out.quoted(value);
    }

    /// A text, or null.
    pub(crate) fn optional_text(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// A text that only the wire may show; elsewhere `instead`.
    pub(crate) fn masked(&mut self, name: &str, value: &str, instead: impl FnOnce() -> String) {
        match self.out.form {
            Form::Wire => self.text(name, value),
            Form::DebugRequest | Form::DebugResponse => self.text(name, &instead()),
        }
    }

    /// A text that only the wire may show.
    pub(crate) fn secret(&mut self, name: &str, value: &str) {
        self.masked(name, value, || SEALED.to_owned());
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Into<i64>) {
        self.key(name);
        self.out.display(value.into());
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.key(name);
        self.out.push("null");
    }

    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(name);
        self.out.object(fill);
    }

    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        items: &[T],
        fill: impl Fn(&T, &mut Object<'_>),
    ) {
        self.key(name);
        self.out
            .array(items, |out, item| out.object(|object| fill(item, object)));
    }

    pub(crate) fn texts<T: AsRef<str>>(&mut self, name: &str, items: &[T]) {
        self.key(name);
        self.out.array(items, |out, item| out.quoted(item.as_ref()));
    }

    fn key(&mut self, name: &str) {
        if !self.is_empty {
            self.out.comma();
        }
        self.is_empty = false;
        self.out.quoted(name);
        self.out.push(if self.out.is_spaced() { ": " } else { ":" });
    }
}

impl Buffer {
    fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.push(if self.is_spaced() { "{ " } else { "{" });
        fill(&mut Object {
            out: self,
            is_empty: true,
        });
        self.push(if self.is_spaced() { " }" } else { "}" });
    }

    fn array<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.push(if self.is_spaced() { "[ " } else { "[" });
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.comma();
            }
            put(self, item);
        }
        self.push(if self.is_spaced() { " ]" } else { "]" });
    }

    fn quoted(&mut self, text: &str) {
        self.push("\"");
        for part in text.split_inclusive(needs_escape) {
            let mut characters = part.chars();
            match characters.next_back().filter(|&last| needs_escape(last)) {
                Some(last) => {
                    self.push(characters.as_str());
                    self.display(format_args!("\\u{:04x}", u32::from(last)));
                }
                None => self.push(part),
            }
        }
        self.push("\"");
    }

    fn comma(&mut self) {
        self.push(if self.is_spaced() { ", " } else { "," });
    }

    fn display(&mut self, value: impl fmt::Display) {
        // Writing to a string fails only where `Display` itself does; numbers and text never do.
        let _ = write!(self, "{value}");
    }

    fn push(&mut self, text: &str) {
        let needed = self.text.len() + text.len();
        if needed > self.text.capacity() {
            let mut grown = String::with_capacity(needed.next_power_of_two());
            grown.push_str(&self.text);
            self.text.zeroize();
            *self.text = grown;
        }
        self.text.push_str(text);
    }

    fn is_spaced(&self) -> bool {
        self.form == Form::DebugRequest
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// RFC 8259 section 7: quotation mark, reverse solidus and the control characters.
fn needs_escape(character: char) -> bool {
    matches!(character, '"' | '\\' | '\0'..='\x1f')
}
