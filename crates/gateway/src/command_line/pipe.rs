//! A conversation with a script: lines in, output alone out.

use std::io;

use super::conversation::{Came, Conversation, Next};
use super::executor::Executor;
use super::input::{Client, Input, Line, LineEnd, Reader, Source, Writer};
use super::sessions::LoggedIn;

/// What a client is told at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// All was done.
    Done = 0,
    /// Something was refused, or the input ended too early: at a terminal only if it was given up for that.
    Refused = 1,
}

/// What a script sends.
pub(crate) struct Script {
    /// Its lines.
    pub(crate) lines: Reader,
    /// Who answers a question that its last line asks, if not the line itself.
    pub(crate) answers: Option<Reader>,
}

/// Serves a pipe to its end, and hands the writer back: what tells the status differs.
///
/// Debug lines go on coming after the last line for as long as the client keeps its end open.
pub(crate) async fn pipe(
    script: Script,
    writer: Writer,
    line_end: LineEnd,
    executor: &Executor,
    session: &LoggedIn,
) -> io::Result<(Writer, Status)> {
    let client = Client::new(writer, Source::Pipe, line_end);
    let mut conversation = Conversation::new(script.lines, client, executor, session);
    while turn(&mut conversation).await? == Next::GoOn {}
    if let Some(answers) = script.answers {
        conversation.input = Input::new(answers, Source::Pipe);
        while conversation.session.awaits_answer() && answer(&mut conversation).await? == Next::GoOn
        {
        }
    }
    conversation.end_of_input().await?;
    let status = if conversation.refused {
        Status::Refused
    } else {
        Status::Done
    };
    Ok((conversation.client.into_writer(), status))
}

async fn turn(conversation: &mut Conversation<'_>) -> io::Result<Next> {
    match conversation.next_line().await? {
        Came::Debug(text) => {
            conversation.client.print(&text).await?;
            Ok(Next::GoOn)
        }
        Came::Input(Line::TooLong) => conversation.too_long().await,
        Came::Input(Line::Whole(line)) => conversation.line(&line).await,
        Came::Input(Line::Last(line)) => {
            if !line.is_empty() {
                conversation.line(&line).await?;
            }
            Ok(Next::Close)
        }
    }
}

async fn answer(conversation: &mut Conversation<'_>) -> io::Result<Next> {
    match conversation.next_answer().await? {
        Came::Debug(text) => {
            conversation.client.print(&text).await?;
            Ok(Next::GoOn)
        }
        Came::Input(Some(answer)) => conversation.line(&answer).await,
        Came::Input(None) => Ok(Next::Close),
    }
}
