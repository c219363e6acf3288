//! The administrator's console on a local socket: drivers around `cli::Session`.
//!
//! The client sends one line,
//! `symbolon-console 1 terminal COLUMNS ROWS` or `symbolon-console 1 pipe`, and is raw bytes from then on.
//! At the end of a pipe the server sends a NUL, the exit status in decimal, and LF; no output
//! contains a NUL.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::audit::Actor;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::clock;
use crate::command_line::{self, Executor, LineEnd, LoggedIn, Reader, Size, Via, Writer};
use crate::local_socket::LocalSocket;
use crate::stopped;

/// How long a client may take for its first line.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest first line.
const GREETING_MAX: usize = 64;

/// Who owns the data directory may do everything.
const OWNER_PROFILE: &str = "super_admin";

/// What a client can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Client {
    /// A terminal of this size.
    Terminal(Size),
    /// Lines in, output alone out.
    Pipe,
}

/// Serves administrators until told to stop.
pub(crate) async fn run(
    socket: LocalSocket,
    executor: Arc<Executor>,
    mut stop: watch::Receiver<bool>,
) {
    let stopping = stop.clone();
    let serving = socket.serve("console", |stream, actor| {
        serve(stream, Arc::clone(&executor), actor, stopping.clone())
    });
    tokio::select! {
        () = serving => {}
        () = stopped(&mut stop) => {}
    }
}

async fn serve(
    stream: UnixStream,
    executor: Arc<Executor>,
    actor: Actor,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let (mut reader, writer): (Reader, Writer) =
        (BufReader::new(Box::new(reader)), Box::new(writer));
    let client = tokio::time::timeout(GREETING_TIMEOUT, greeting(&mut reader)).await??;
    let sessions = executor.sessions();
    let session = sessions
        .open(actor, Via::Console, OWNER_PROFILE, clock::now())
        .map_err(io::Error::other)?;
    tokio::select! {
        served = converse(client, reader, writer, &executor, &session) => served,
        _ = session.ended() => Ok(()),
        () = stopped(&mut stop) => Ok(()),
    }
}

async fn converse(
    client: Client,
    reader: Reader,
    writer: Writer,
    executor: &Executor,
    session: &LoggedIn,
) -> io::Result<()> {
    match client {
        Client::Terminal(size) => {
            // The console's client does not tell when it is resized.
            let (_, size) = watch::channel(size);
            command_line::terminal(reader, writer, size, executor, session).await
        }
        Client::Pipe => {
            let end = LineEnd::Lf;
            let (mut writer, status) =
                command_line::pipe(reader, writer, end, executor, session).await?;
            let end = format!("\0{}\n", status as u8);
            writer.write_all(end.as_bytes()).await?;
            writer.shutdown().await
        }
    }
}

async fn greeting(reader: &mut Reader) -> io::Result<Client> {
    let mut line = Vec::new();
    loop {
        let buffered = reader.fill_buf().await?;
        let end = buffered.iter().position(|octet| *octet == b'\n');
        let taken = end.map_or(buffered.len(), |end| end + 1);
        line.extend_from_slice(buffered.get(..end.unwrap_or(taken)).unwrap_or_default());
        reader.consume(taken);
        if end.is_some() {
            break;
        }
        if taken == 0 || line.len() > GREETING_MAX {
            return Err(not_a_console());
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| not_a_console())?;
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["symbolon-console", "1", "pipe"] => Ok(Client::Pipe),
        ["symbolon-console", "1", "terminal", columns, rows] => {
            let number = |word: &str| word.parse().map_err(|_| not_a_console());
            Ok(Client::Terminal(Size {
                columns: number(columns)?,
                rows: number(rows)?,
            }))
        }
        _ => Err(not_a_console()),
    }
}

fn not_a_console() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the client is no console of this version",
    )
}
