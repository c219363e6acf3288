//! A conversation with a person at a terminal: prompt, line editor, completion, help.

use std::io;

use cli::editor::{Editor, Event, Limits};
use cli::{Completion, LINE_MAX};
use domain::settings::ConsoleOutput;
use tokio::sync::watch;

use super::conversation::{Came, Conversation, Next, Paging};
use super::executor::Executor;
use super::input::{Client, LineEnd, Reader, Source, Writer};
use super::pipe::Status;
use super::sessions::LoggedIn;

/// A terminal's size in characters; 0 if unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// Serves a terminal until it closes or is given up. `size` tells when the person resizes it.
pub(crate) async fn terminal(
    reader: Reader,
    writer: Writer,
    size: watch::Receiver<Size>,
    executor: &Executor,
    session: &LoggedIn,
) -> io::Result<Status> {
    let client = Client::new(writer, Source::Terminal, LineEnd::CrLf);
    let mut screen = Screen {
        conversation: Conversation::new(reader, client, executor, session),
        editor: Editor::new(Limits {
            line_bytes: LINE_MAX,
            ..Limits::default()
        }),
        output: Vec::new(),
        size,
    };
    screen.resize();
    screen.prompt().await?;
    loop {
        match screen.turn().await? {
            Next::GoOn => {}
            Next::Close => return Ok(Status::Done),
            Next::Abandon => return Ok(Status::Refused),
        }
    }
}

/// The editor and what it has drawn and not yet sent.
struct Screen<'a> {
    conversation: Conversation<'a>,
    editor: Editor,
    output: Vec<u8>,
    size: watch::Receiver<Size>,
}

impl Screen<'_> {
    async fn turn(&mut self) -> io::Result<Next> {
        let came = tokio::select! {
            came = self.conversation.keys() => came?,
            // A terminal that cannot be resized has no sender.
            Ok(()) = self.size.changed() => {
                self.resize();
                return Ok(Next::GoOn);
            }
        };
        match came {
            Came::Debug(text) => {
                self.editor.announce(&text, &mut self.output);
                self.flush().await?;
                Ok(Next::GoOn)
            }
            Came::Input(keys) if keys.is_empty() => Ok(Next::Close),
            // Whether a key is the answer or begins a line is told by what comes with it.
            Came::Input(keys) if self.conversation.session.is_asking() => {
                let keys = self.conversation.input.together(keys).await?;
                self.type_in(&keys).await
            }
            Came::Input(keys) => self.type_in(&keys).await,
        }
    }

    fn resize(&mut self) {
        let size = *self.size.borrow_and_update();
        self.editor.resize(size.columns);
    }

    async fn prompt(&mut self) -> io::Result<()> {
        let prompt = self.conversation.prompt();
        let session = &self.conversation.session;
        match session.open_quote() {
            _ if session.is_asking() => self.editor.ask(&prompt, &mut self.output),
            _ if session.asks_secret() => self.editor.read_secret(&prompt, &mut self.output),
            Some(quote) => self.editor.prompt_within(quote, &prompt, &mut self.output),
            None => self.editor.prompt(&prompt, &mut self.output),
        }
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.conversation.client.send(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    async fn type_in(&mut self, mut keys: &[u8]) -> io::Result<Next> {
        let event = self.editor.feed(&mut keys, &mut self.output);
        self.conversation.input.put_back(keys);
        self.flush().await?;
        match event {
            Some(event) => self.event(event).await,
            None => Ok(Next::GoOn),
        }
    }

    async fn event(&mut self, event: Event) -> io::Result<Next> {
        match event {
            Event::Line(line) => {
                if self.conversation.session.is_secret(&line) {
                    self.editor.forget(&line);
                }
                return self.run(&line).await;
            }
            Event::Answer(answer) => return self.run(&answer.to_string()).await,
            Event::TooLong => return self.conversation.too_long().await,
            Event::EndOfInput => return Ok(Next::Close),
            Event::Interrupt => self.conversation.session.withdraw(),
            Event::Secret(secret) => return self.run(secret.expose()).await,
            Event::Complete { line_before_cursor } => {
                let completion = self.conversation.session.complete(&line_before_cursor);
                return self.complete(completion).await;
            }
            Event::Help { line_before_cursor } => {
                return self.help(&line_before_cursor).await;
            }
        }
        self.prompt().await?;
        Ok(Next::GoOn)
    }

    /// Runs a line, a page of its output at a time where pages are wanted.
    async fn run(&mut self, line: &str) -> io::Result<Next> {
        self.conversation.pager = match self.conversation.executor.console_output() {
            ConsoleOutput::More => Some(Paging::new(self.size.clone())),
            ConsoleOutput::Standard => None,
        };
        let next = self.conversation.line(line).await?;
        if next == Next::GoOn {
            self.prompt().await?;
        }
        Ok(next)
    }

    /// What may follow, and the entries among it.
    async fn help(&mut self, line_before_cursor: &str) -> io::Result<Next> {
        let session = &self.conversation.session;
        let mut help = session.help(line_before_cursor);
        if let Completion::Keys(keys) = session.complete(line_before_cursor) {
            let found = self.conversation.executor.keys(&keys).await;
            help += &keys.list(&found);
        }
        self.editor.show_above(&help, &mut self.output);
        self.flush().await?;
        Ok(Next::GoOn)
    }

    async fn complete(&mut self, completion: Completion) -> io::Result<Next> {
        let completion = match completion {
            Completion::Keys(keys) => {
                let executor = self.conversation.executor;
                let found = executor.keys(&keys).await;
                keys.complete(&found)
            }
            other => other,
        };
        match completion {
            Completion::Insert(text) => self.editor.insert_completion(&text, &mut self.output),
            Completion::Show(text) => self.editor.show_above(&text, &mut self.output),
            Completion::Nothing | Completion::Keys(_) => self.editor.beep(&mut self.output),
        }
        self.flush().await?;
        Ok(Next::GoOn)
    }
}
