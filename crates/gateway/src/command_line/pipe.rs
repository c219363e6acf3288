//! A conversation with a script: lines in, output alone out.

use std::io;

use super::conversation::{Came, Conversation, Next};
use super::executor::Executor;
use super::input::{Client, LINE_MAX, Line, LineEnd, Reader, Source, Writer};
use super::sessions::LoggedIn;

/// What a script is told at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// All was done.
    Done = 0,
    /// Something was refused.
    Refused = 1,
}

/// Serves a pipe to its end, and hands the writer back: what tells the status differs.
///
/// Debug lines go on coming after the last line for as long as the client keeps its end open.
pub(crate) async fn pipe(
    reader: Reader,
    writer: Writer,
    line_end: LineEnd,
    executor: &Executor,
    session: &LoggedIn,
) -> io::Result<(Writer, Status)> {
    let client = Client::new(writer, Source::Pipe, line_end);
    let mut conversation = Conversation::new(reader, client, executor, session);
    while turn(&mut conversation).await? == Next::GoOn {}
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
        Came::Input(Line::TooLong) => {
            conversation.refused = true;
            let refusal = format!("The line is longer than {LINE_MAX} octets; it was not run.\n");
            conversation.client.print(&refusal).await?;
            Ok(Next::GoOn)
        }
        Came::Input(Line::Whole(line)) => conversation.line(&line).await,
        Came::Input(Line::Last(line)) => {
            conversation.line(&line).await?;
            Ok(Next::Close)
        }
    }
}
