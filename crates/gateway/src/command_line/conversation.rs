//! One administrator's conversation: lines from a terminal or a pipe, output and debug lines back.

use std::io;
use std::sync::Arc;

use cli::debug::Line;
use cli::editor::{Editor, Event, Limits};
use cli::{Completion, Output, Session, Step};
use domain::audit::Actor;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};

use super::executor::{Executor, Ran};
use crate::{clock, stopped};

/// Chunks of output that wait for the client: a slow one slows the command, not the memory.
const CHUNKS_WAITING: usize = 16;

/// Longest line of a pipe, as the editor's.
const LINE_MAX: usize = 4_096;

type Writer = OwnedWriteHalf;
type Reader = BufReader<OwnedReadHalf>;

/// Whether the conversation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    GoOn,
    Close,
}

/// What terminal and pipe share.
struct Conversation<'a> {
    session: Session,
    executor: &'a Executor,
    actor: Actor,
    debug: broadcast::Receiver<Arc<Line>>,
    client: Client,
    /// Whether anything was refused: a script wants to know at the end.
    refused: bool,
}

/// The client's end.
struct Client {
    writer: Writer,
    /// What ends a line there.
    line_end: &'static str,
}

impl Client {
    async fn print(&mut self, text: &str) -> io::Result<()> {
        if self.line_end == "\n" {
            return self.writer.write_all(text.as_bytes()).await;
        }
        self.writer
            .write_all(text.replace('\n', self.line_end).as_bytes())
            .await
    }
}

impl<'a> Conversation<'a> {
    fn new(client: Client, executor: &'a Executor, actor: Actor) -> Self {
        Self {
            session: Session::new(clock::zone()),
            executor,
            actor,
            debug: executor.debug_lines(),
            client,
            refused: false,
        }
    }

    async fn line(&mut self, line: &str) -> io::Result<Next> {
        let mut step = self.session.feed(line);
        loop {
            step = match step {
                Step::Nothing => return Ok(Next::GoOn),
                Step::Close => return Ok(Next::Close),
                Step::Print(text) => {
                    self.client.print(&text).await?;
                    return Ok(Next::GoOn);
                }
                Step::Refuse(text) => {
                    self.refused = true;
                    self.client.print(&text).await?;
                    return Ok(Next::GoOn);
                }
                Step::Run { command, output } => {
                    let ran = self.run(command, output).await?;
                    self.after(ran).await?
                }
            };
        }
    }

    /// Runs a command; its output and debug lines are printed as they come.
    async fn run(&mut self, command: cli::Command, mut output: Output) -> io::Result<Ran> {
        let (chunks, mut waiting) = mpsc::channel(CHUNKS_WAITING);
        let running = self.executor.run(command, &self.actor, chunks);
        tokio::pin!(running);
        let mut ran = None;
        loop {
            tokio::select! {
                biased;
                line = self.debug.recv() => {
                    if let Some(text) = shown(&self.session, line) {
                        self.client.print(&text).await?;
                    }
                }
                chunk = waiting.recv() => match chunk {
                    Some(text) => self.client.print(&output.push(&text)).await?,
                    None => {
                        if let Some(ran) = ran.take() {
                            self.client.print(&output.finish()).await?;
                            return Ok(ran);
                        }
                    }
                },
                done = &mut running, if ran.is_none() => ran = Some(done),
            }
        }
    }

    /// Tells the session what came of it; what it wants next.
    async fn after(&mut self, ran: Ran) -> io::Result<Step> {
        match ran {
            Ran::Printed => Ok(Step::Nothing),
            Ran::Failed => {
                self.refused = true;
                Ok(Step::Nothing)
            }
            Ran::Fetched(entry) => Ok(self.session.fetched(entry)),
            Ran::Undecided(why) => Ok(self.session.failed(&why)),
            Ran::Applied(result) => {
                let (result, messages) = match result {
                    Ok(messages) => (Ok(()), messages),
                    Err(error) => (Err(error), Vec::new()),
                };
                let step = self.session.applied(result);
                for message in messages {
                    self.follow(message).await?;
                }
                Ok(step)
            }
        }
    }

    /// What becomes of a message that a change put into the outbox.
    async fn follow(&mut self, message: i64) -> io::Result<()> {
        let followed = self.executor.follow(message);
        tokio::pin!(followed);
        loop {
            tokio::select! {
                biased;
                line = self.debug.recv() => {
                    if let Some(text) = shown(&self.session, line) {
                        self.client.print(&text).await?;
                    }
                }
                (text, failed) = &mut followed => {
                    self.refused |= failed;
                    return self.client.print(&text).await;
                }
            }
        }
    }

    fn prompt(&self) -> String {
        self.session.prompt(&self.executor.hostname())
    }
}

/// The debug line as the session shows it; a session that was too slow is told what it missed.
fn shown(session: &Session, line: Result<Arc<Line>, RecvError>) -> Option<String> {
    match line {
        Ok(line) => session.debug_line(&line),
        Err(RecvError::Lagged(missed)) => Some(format!("({missed} debug lines were missed)\n")),
        Err(RecvError::Closed) => None,
    }
}

/// Serves a terminal until it closes.
pub(crate) async fn terminal(
    mut reader: Reader,
    writer: Writer,
    executor: &Executor,
    actor: Actor,
    columns: u16,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let client = Client {
        writer,
        line_end: "\r\n",
    };
    let mut conversation = Conversation::new(client, executor, actor);
    let mut screen = Screen {
        editor: Editor::new(Limits::default()),
        output: Vec::new(),
    };
    screen.editor.resize(columns);
    screen.prompt(&mut conversation).await?;
    let mut buffer = [0; 1_024];
    loop {
        let got = tokio::select! {
            got = reader.read(&mut buffer) => got?,
            line = conversation.debug.recv() => {
                if let Some(text) = shown(&conversation.session, line) {
                    screen.editor.announce(&text, &mut screen.output);
                    screen.flush(&mut conversation).await?;
                }
                continue;
            }
            () = stopped(&mut stop) => 0,
        };
        let input = buffer.get(..got).unwrap_or_default();
        if got == 0 || screen.type_in(input, &mut conversation).await? == Next::Close {
            return conversation.client.writer.shutdown().await;
        }
    }
}

/// The editor and what it has drawn and not yet sent.
struct Screen {
    editor: Editor,
    output: Vec<u8>,
}

impl Screen {
    async fn prompt(&mut self, conversation: &mut Conversation<'_>) -> io::Result<()> {
        self.editor.prompt(&conversation.prompt(), &mut self.output);
        self.flush(conversation).await
    }

    async fn flush(&mut self, conversation: &mut Conversation<'_>) -> io::Result<()> {
        conversation.client.writer.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    async fn type_in(
        &mut self,
        mut input: &[u8],
        conversation: &mut Conversation<'_>,
    ) -> io::Result<Next> {
        while let Some(event) = self.editor.feed(&mut input, &mut self.output) {
            self.flush(conversation).await?;
            if self.event(event, conversation).await? == Next::Close {
                return Ok(Next::Close);
            }
        }
        self.flush(conversation).await?;
        Ok(Next::GoOn)
    }

    async fn event(
        &mut self,
        event: Event,
        conversation: &mut Conversation<'_>,
    ) -> io::Result<Next> {
        match event {
            Event::Line(line) => {
                if conversation.session.is_secret(&line) {
                    self.editor.forget(&line);
                }
                if conversation.line(&line).await? == Next::Close {
                    return Ok(Next::Close);
                }
            }
            Event::TooLong => {
                let refusal =
                    format!("The line is longer than {LINE_MAX} characters; it was not run.\n");
                conversation.client.print(&refusal).await?;
            }
            Event::EndOfInput => return Ok(Next::Close),
            Event::Interrupt | Event::Secret(_) => {}
            Event::Complete { line_before_cursor } => {
                let completion = conversation.session.complete(&line_before_cursor);
                return self.complete(completion, conversation).await;
            }
            Event::Help { line_before_cursor } => {
                let help = conversation.session.help(&line_before_cursor);
                self.editor.show_above(&help, &mut self.output);
                self.flush(conversation).await?;
                return Ok(Next::GoOn);
            }
        }
        self.prompt(conversation).await?;
        Ok(Next::GoOn)
    }

    async fn complete(
        &mut self,
        completion: Completion,
        conversation: &mut Conversation<'_>,
    ) -> io::Result<Next> {
        let completion = match completion {
            Completion::Keys(keys) => {
                let found = conversation
                    .executor
                    .keys(keys.table(), keys.prefix())
                    .await;
                keys.complete(&found)
            }
            other => other,
        };
        match completion {
            Completion::Insert(text) => self.editor.insert_completion(&text, &mut self.output),
            Completion::Show(text) => self.editor.show_above(&text, &mut self.output),
            Completion::Nothing | Completion::Keys(_) => self.editor.beep(&mut self.output),
        }
        self.flush(conversation).await?;
        Ok(Next::GoOn)
    }
}

/// Serves a pipe to its end and tells the exit status: 1 if anything was refused.
///
/// Debug lines go on coming after the last line for as long as the client keeps its end open.
pub(crate) async fn pipe(
    mut reader: Reader,
    writer: Writer,
    executor: &Executor,
    actor: Actor,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let client = Client {
        writer,
        line_end: "\n",
    };
    let mut conversation = Conversation::new(client, executor, actor);
    let mut line = Vec::new();
    loop {
        let ended = tokio::select! {
            ended = next_line(&mut reader, &mut line) => ended?,
            debug = conversation.debug.recv() => {
                if let Some(text) = shown(&conversation.session, debug) {
                    conversation.client.print(&text).await?;
                }
                continue;
            }
            () = stopped(&mut stop) => LineEnd::Input,
        };
        if ended == LineEnd::TooLong {
            conversation.refused = true;
            let refusal = format!("The line is longer than {LINE_MAX} octets; it was not run.\n");
            conversation.client.print(&refusal).await?;
            line.clear();
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        let closes = !text.is_empty() && conversation.line(&text).await? == Next::Close;
        if closes || ended == LineEnd::Input {
            break;
        }
    }
    let status = u8::from(conversation.refused);
    conversation
        .client
        .writer
        .write_all(format!("\0{status}\n").as_bytes())
        .await?;
    conversation.client.writer.shutdown().await
}

/// How a line of a pipe ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineEnd {
    Line,
    Input,
    TooLong,
}

/// Reads on in a line. What was read stays in `line` if the future is dropped.
async fn next_line(reader: &mut Reader, line: &mut Vec<u8>) -> io::Result<LineEnd> {
    loop {
        let buffered = reader.fill_buf().await?;
        if buffered.is_empty() {
            return Ok(LineEnd::Input);
        }
        let end = buffered.iter().position(|octet| *octet == b'\n');
        let kept = end.unwrap_or(buffered.len());
        // What is beyond the limit is read and thrown away.
        let room = (LINE_MAX + 1).saturating_sub(line.len());
        line.extend(buffered.iter().take(kept.min(room)));
        let taken = end.map_or(kept, |end| end + 1);
        reader.consume(taken);
        if end.is_some() {
            if line.len() > LINE_MAX {
                return Ok(LineEnd::TooLong);
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(LineEnd::Line);
        }
    }
}
