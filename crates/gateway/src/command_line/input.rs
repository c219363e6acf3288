//! The client's end of a conversation: what it sends, and what it is sent.

use std::io;
use std::time::Duration;

use cli::LINE_MAX;
use domain::password::PASSWORD_MAX;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

/// What a client sends, from a socket, a channel or a text.
pub(crate) type Reader = BufReader<Box<dyn AsyncRead + Send + Unpin>>;

/// What a client is sent.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// What is typed or pasted while a command runs is kept up to here, some thousand lines; the rest
/// waits with the client.
const AHEAD_MAX: usize = 65_536;

/// Octets of an answer to a question that are looked at: one more than a password has, so that a longer one is
/// none.
const ANSWER_MAX: usize = PASSWORD_MAX + 1;

/// Octets that are read at once.
const CHUNK: usize = 4_096;

/// How soon after a key another counts as sent with it: what is pasted comes in pieces, and nobody types two keys
/// so fast.
const TOGETHER: Duration = Duration::from_millis(50);

/// What the terminal sends for Ctrl-C.
const CTRL_C: u8 = 0x03;

/// Where input comes from, and with it whether a command can be interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Terminal,
    Pipe,
}

/// What ends a line of output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LineEnd {
    /// For programs.
    Lf,
    /// For terminals, which do not go back to the first column by themselves.
    CrLf,
}

/// What a client sends, as far as it was read.
pub(super) struct Input {
    reader: Reader,
    source: Source,
    /// What was read and not yet taken: keys typed while a command ran, or the beginning of a line.
    ahead: Vec<u8>,
    ended: bool,
}

/// How a line of a pipe ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Line {
    Whole(String),
    /// The last one, which no line end follows; it may be empty.
    Last(String),
    /// It is longer than [`LINE_MAX`].
    TooLong,
}

impl Input {
    pub(super) fn new(reader: Reader, source: Source) -> Self {
        Self {
            reader,
            source,
            ahead: Vec::new(),
            ended: false,
        }
    }

    /// The next keys; none at the end of the input. Nothing is lost if the future is dropped.
    pub(super) async fn keys(&mut self) -> io::Result<Vec<u8>> {
        if self.ahead.is_empty() && !self.ended {
            self.read().await?;
        }
        Ok(std::mem::take(&mut self.ahead))
    }

    /// These keys, with those that come right behind them.
    pub(super) async fn together(&mut self, mut keys: Vec<u8>) -> io::Result<Vec<u8>> {
        if let Ok(more) = timeout(TOGETHER, self.keys()).await {
            keys.extend(more?);
        }
        Ok(keys)
    }

    /// The next key; none at the end of the input.
    pub(super) async fn key(&mut self) -> io::Result<Option<u8>> {
        let mut keys = self.keys().await?.into_iter();
        let key = keys.next();
        self.ahead.extend(keys);
        Ok(key)
    }

    /// Gives back keys that are not wanted before the line that they follow is done.
    pub(super) fn put_back(&mut self, keys: &[u8]) {
        self.ahead.splice(..0, keys.iter().copied());
    }

    /// Waits for Ctrl-C at a terminal, which takes with it all that was typed before. The end of the
    /// input is none: who sends lines from a file wants the last one done.
    pub(super) async fn interrupted(&mut self) {
        while self.source == Source::Terminal {
            if let Some(at) = self.ahead.iter().position(|key| *key == CTRL_C) {
                self.ahead.drain(..=at);
                return;
            }
            if self.ended || self.ahead.len() >= AHEAD_MAX || self.read().await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn read(&mut self) -> io::Result<()> {
        self.ahead.reserve(CHUNK);
        let got = self.reader.read_buf(&mut self.ahead).await?;
        self.ended = got == 0;
        Ok(())
    }

    /// The keys up to the next line end, from a pipe or a terminal; none at the end of the input.
    pub(super) async fn answer(&mut self) -> io::Result<Option<String>> {
        let mut answer = Vec::new();
        while let Some(key) = self.key().await? {
            match key {
                b'\r' | b'\n' => return Ok(Some(String::from_utf8_lossy(&answer).into_owned())),
                CTRL_C => return Ok(None),
                _ if answer.len() < ANSWER_MAX => answer.push(key),
                _ => {}
            }
        }
        let is_answer = !answer.is_empty();
        Ok(is_answer.then(|| String::from_utf8_lossy(&answer).into_owned()))
    }

    /// The next line of a pipe. What was read stays if the future is dropped.
    pub(super) async fn line(&mut self) -> io::Result<Line> {
        loop {
            let buffered = self.reader.fill_buf().await?;
            let end = buffered.iter().position(|octet| *octet == b'\n');
            let kept = end.unwrap_or(buffered.len());
            // What is beyond the limit is read and thrown away.
            let room = (LINE_MAX + 1).saturating_sub(self.ahead.len());
            self.ahead.extend(buffered.iter().take(kept.min(room)));
            let (taken, is_last) = (end.map_or(kept, |end| end + 1), buffered.is_empty());
            self.reader.consume(taken);
            if end.is_some() || is_last {
                let line = std::mem::take(&mut self.ahead);
                return Ok(whole(&line, is_last));
            }
        }
    }
}

fn whole(line: &[u8], is_last: bool) -> Line {
    if line.len() > LINE_MAX {
        return Line::TooLong;
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line).into_owned();
    if is_last {
        Line::Last(text)
    } else {
        Line::Whole(text)
    }
}

/// Where output goes, with the line ends that belong there.
pub(super) struct Client {
    writer: Writer,
    source: Source,
    line_end: LineEnd,
}

impl Client {
    pub(super) fn new(writer: Writer, source: Source, line_end: LineEnd) -> Self {
        Self {
            writer,
            source,
            line_end,
        }
    }

    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// Sends text with LF at its line ends.
    pub(super) async fn print(&mut self, text: &str) -> io::Result<()> {
        match self.line_end {
            LineEnd::CrLf => self.send(text.replace('\n', "\r\n").as_bytes()).await,
            LineEnd::Lf => self.send(text.as_bytes()).await,
        }
    }

    /// Sends octets as they are.
    pub(super) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        if octets.is_empty() {
            return Ok(());
        }
        self.writer.write_all(octets).await
    }

    pub(super) fn into_writer(self) -> Writer {
        self.writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &'static [u8], source: Source) -> Input {
        Input::new(BufReader::new(Box::new(text)), source)
    }

    #[tokio::test]
    async fn lines_end_as_they_do_anywhere() {
        let mut input = input(b"one\r\ntwo\n\nthree", Source::Pipe);
        for line in ["one", "two", ""] {
            assert_eq!(input.line().await.unwrap(), Line::Whole(line.to_owned()));
        }
        assert_eq!(input.line().await.unwrap(), Line::Last("three".to_owned()));
        assert_eq!(input.line().await.unwrap(), Line::Last(String::new()));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_and_skipped() {
        let text = "x".repeat(LINE_MAX + 1) + "\nshort\n";
        let mut input = input(text.leak().as_bytes(), Source::Pipe);
        assert_eq!(input.line().await.unwrap(), Line::TooLong);
        assert_eq!(input.line().await.unwrap(), Line::Whole("short".to_owned()));
    }

    #[tokio::test]
    async fn keys_that_come_right_behind_others_are_sent_with_them() {
        let (mut person, keys) = tokio::io::duplex(64);
        let mut input = Input::new(BufReader::new(Box::new(keys)), Source::Terminal);
        person.write_all(b"y").await.unwrap();
        let first = input.keys().await.unwrap();
        let (came, ()) = tokio::join!(input.together(first), async {
            tokio::task::yield_now().await;
            person.write_all(b"es\r").await.unwrap();
        });
        assert_eq!(came.unwrap(), b"yes\r");
        person.write_all(b"n").await.unwrap();
        let alone = input.keys().await.unwrap();
        assert_eq!(input.together(alone).await.unwrap(), b"n");
    }

    #[tokio::test]
    async fn an_interrupt_takes_what_was_typed_before_it() {
        let mut input = input(b"get sy\x03show\r", Source::Terminal);
        input.interrupted().await;
        assert_eq!(input.keys().await.unwrap(), b"show\r");
    }
}
