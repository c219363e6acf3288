//! One session channel: a shell at a terminal, lines from a pipe, or a command.

use std::io;
use std::sync::Arc;

use domain::audit::Leave;
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::gate::{Flooded, Gate, Inbox, Outgoing, Unread, inbox};
use crate::command_line::{self, Executor, LineEnd, LoggedIn, Reader, Script, Size, Writer};

/// What scripts are told when a session is ended from here.
pub(super) const ENDED: u32 = 255;

/// What a client wants of a channel.
#[derive(Debug)]
pub(super) enum Wanted {
    Shell,
    /// Lines to run.
    Command(Vec<u8>),
}

/// A channel that is open. Dropping it ends what runs there.
pub(super) struct Open {
    id: ChannelId,
    terminal: Option<watch::Sender<Size>>,
    input: Option<Inbox>,
    /// Taken by what runs there.
    ends: Option<(Unread, Writer)>,
    running: Option<AbortHandle>,
}

impl Open {
    pub(super) fn new(channel: Channel<Msg>, gate: &Arc<Gate>) -> Self {
        let id = channel.id();
        // Input comes through the handler. What nobody reads here would stop the connection's loop.
        let (_, write) = channel.split();
        let (input, unread) = inbox(gate);
        let writer = Outgoing::new(write.make_writer(), Arc::clone(gate));
        Self {
            id,
            terminal: None,
            input: Some(input),
            ends: Some((unread, Box::new(writer))),
            running: None,
        }
    }

    pub(super) fn set_terminal(&mut self, size: watch::Sender<Size>) {
        self.terminal = Some(size);
    }

    /// Whether what ran there has ended.
    pub(super) fn is_over(&self) -> bool {
        self.running.as_ref().is_some_and(AbortHandle::is_finished)
    }

    pub(super) fn line_end(&self) -> LineEnd {
        match self.terminal {
            Some(_) => LineEnd::CrLf,
            None => LineEnd::Lf,
        }
    }

    pub(super) fn resize(&self, size: Size) {
        if let Some(terminal) = &self.terminal {
            terminal.send_replace(size);
        }
    }

    pub(super) fn put(&self, octets: &[u8]) -> Result<(), Flooded> {
        self.input
            .as_ref()
            .map_or(Ok(()), |input| input.put(octets))
    }

    pub(super) fn end_of_input(&mut self) {
        self.input = None;
    }

    /// Begins what the client wants; a channel is used once.
    pub(super) fn start(
        &mut self,
        wanted: Wanted,
        session: &Arc<LoggedIn>,
        executor: Arc<Executor>,
        handle: Handle,
    ) -> bool {
        let Some((unread, writer)) = self.ends.take() else {
            return false;
        };
        let serving = Serving {
            id: self.id,
            handle,
            executor,
            session: Arc::clone(session),
            size: self.terminal.as_ref().map(watch::Sender::subscribe),
        };
        let input: Input = match wanted {
            Wanted::Shell => Input::Shell(unread),
            Wanted::Command(command) => Input::Command(command, unread),
        };
        self.running = Some(tokio::spawn(serving.serve(input, writer)).abort_handle());
        true
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

enum Input {
    Shell(Unread),
    Command(Vec<u8>, Unread),
}

/// What runs on a channel.
struct Serving {
    id: ChannelId,
    handle: Handle,
    executor: Arc<Executor>,
    session: Arc<LoggedIn>,
    size: Option<watch::Receiver<Size>>,
}

impl Serving {
    async fn serve(mut self, input: Input, writer: Writer) {
        let session = Arc::clone(&self.session);
        let _held = session.converse();
        let size = self.size.take();
        let is_terminal = size.is_some();
        let status = tokio::select! {
            status = self.converse(input, writer, size) => {
                session.done();
                // The connection broke off: nobody is left to be told.
                status.unwrap_or(ENDED)
            }
            cause = session.ended() => {
                if is_terminal {
                    let notice = format!("\r\n{}\r\n", farewell(cause));
                    let _ = self.handle.data(self.id, notice.into_bytes()).await;
                }
                ENDED
            }
        };
        self.close(status).await;
    }

    /// Holds the conversation; its exit status.
    async fn converse(
        &self,
        input: Input,
        mut writer: Writer,
        size: Option<watch::Receiver<Size>>,
    ) -> io::Result<u32> {
        let (executor, session) = (&self.executor, &self.session);
        match (input, size) {
            (Input::Shell(unread), Some(size)) => {
                let mut reader: Reader = BufReader::new(Box::new(unread));
                if executor.needs_new_password(session).await?
                    && !command_line::new_password(&mut reader, &mut writer, executor, session)
                        .await?
                {
                    return Ok(1);
                }
                let status =
                    command_line::terminal(reader, writer, size, executor, session).await?;
                Ok(status as u32)
            }
            (Input::Shell(unread), None) => {
                let script = Script {
                    lines: BufReader::new(Box::new(unread)),
                    answers: None,
                };
                self.pipe(script, writer, LineEnd::Lf).await
            }
            (Input::Command(command, unread), size) => {
                let script = Script {
                    lines: BufReader::new(Box::new(io::Cursor::new(command))),
                    answers: Some(BufReader::new(Box::new(unread))),
                };
                let line_end = size.map_or(LineEnd::Lf, |_| LineEnd::CrLf);
                self.pipe(script, writer, line_end).await
            }
        }
    }

    async fn pipe(&self, script: Script, mut writer: Writer, end: LineEnd) -> io::Result<u32> {
        let (executor, session) = (&self.executor, &self.session);
        if executor.needs_new_password(session).await? {
            let refusal = command_line::TERMINAL_NEEDED;
            writer.write_all(refusal.as_bytes()).await?;
            return Ok(1);
        }
        let (_, status) = command_line::pipe(script, writer, end, executor, session).await?;
        Ok(status as u32)
    }

    /// Tells the exit status and closes the channel. Where the connection is gone, so is the channel.
    async fn close(&self, status: u32) {
        let _ = self.handle.exit_status_request(self.id, status).await;
        let _ = self.handle.eof(self.id).await;
        let _ = self.handle.close(self.id).await;
    }
}

/// What the person at a terminal reads when the session is ended from here. Automation takes `#` and
/// `$` for a prompt.
fn farewell(cause: Leave) -> &'static str {
    match cause {
        Leave::IdleTimeout => "This session was idle for too long and is closed.",
        Leave::Killed => "Another administrator closed this session.",
        Leave::Server | Leave::Exit | Leave::Disconnected => "The gateway closes this session.",
    }
}
