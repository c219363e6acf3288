//! What a person answers, on the terminal or through a pipe.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use zeroize::Zeroizing;

/// Octets of an answer at most: a password, a code, or both (RFC 2865, section 5.2), and the end of the line.
const MAX_ANSWER: u64 = 130;

/// Whether an answer is seen while it is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Display {
    Shown,
    Hidden,
}

/// Where answers come from.
pub(super) enum Answers {
    /// A person types them.
    Terminal,
    /// A line each.
    Lines,
}

impl Answers {
    pub(super) fn new() -> Self {
        if io::stdin().is_terminal() {
            Self::Terminal
        } else {
            Self::Lines
        }
    }

    /// The answer to a question.
    pub(super) fn to(&mut self, question: &str, display: Display) -> Result<Zeroizing<String>> {
        let prompt = format!("{}: ", question.trim_end_matches([':', ' ']));
        match (self, display) {
            (Self::Terminal, Display::Hidden) => {
                Ok(Zeroizing::new(rpassword::prompt_password(prompt)?))
            }
            (Self::Terminal, Display::Shown) => {
                let mut terminal = io::stderr().lock();
                terminal.write_all(prompt.as_bytes())?;
                terminal.flush()?;
                line(question)
            }
            (Self::Lines, _) => line(question),
        }
    }
}

fn line(question: &str) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::Read::take(io::stdin().lock(), MAX_ANSWER).read_line(&mut line)?;
    if line.is_empty() {
        bail!("the server asks '{question}', and standard input has no line that answers");
    }
    if line.len() as u64 == MAX_ANSWER && !line.ends_with('\n') {
        bail!("the answer to '{question}' is longer than the 128 octets that RADIUS carries");
    }
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(line)
}
