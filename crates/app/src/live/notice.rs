//! What the screen tells for a while.

/// How long a notice stays: two lines are read in less.
const SHOWN_S: u64 = 12;

/// A line or two for the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// Good or bad.
    pub tone: Tone,
    until_unix: u64,
}

/// Whether something went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// As it should.
    Good,
    /// Not as it should.
    Bad,
}

impl Notice {
    /// Something went well.
    pub fn good(text: impl Into<String>, now_unix: u64) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Good,
            until_unix: now_unix + SHOWN_S,
        }
    }

    /// Something did not go well.
    pub fn bad(text: impl Into<String>, now_unix: u64) -> Self {
        Self {
            tone: Tone::Bad,
            ..Self::good(text, now_unix)
        }
    }

    /// Whether it has been read by now.
    pub fn is_over(&self, now_unix: u64) -> bool {
        now_unix >= self.until_unix
    }
}
