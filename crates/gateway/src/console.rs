//! The administrator's console on a local socket: drivers around `cli::Session`.
//!
//! The client sends one line, its [`Greeting`], then the [`Frame`]s of a terminal or the lines of a pipe.
//! At the end of a pipe the server sends a NUL, the exit status in decimal, and LF; no output
//! contains a NUL.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cli::console::{Frame, Greeting};
use domain::access::Authority;
use domain::audit::Actor;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::clock;
use crate::command_line::{self, Executor, LineEnd, LoggedIn, Reader, Script, Size, Via, Writer};
use crate::local_socket::LocalSocket;
use crate::stopped;

/// How long a client may take for its first line.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys that wait for whoever takes them: a pasted page.
const KEYS_WAITING: usize = 4_096;

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
    let greeting = tokio::time::timeout(GREETING_TIMEOUT, greeted(&mut reader)).await??;
    let sessions = executor.sessions();
    let session = sessions
        .open(Authority::unlimited(actor), Via::Console, 0, clock::now())
        .map_err(io::Error::other)?;
    tokio::select! {
        served = converse(greeting, reader, writer, &executor, &session) => served,
        _ = session.ended() => Ok(()),
        () = stopped(&mut stop) => Ok(()),
    }
}

async fn converse(
    greeting: Greeting,
    reader: Reader,
    writer: Writer,
    executor: &Executor,
    session: &LoggedIn,
) -> io::Result<()> {
    match greeting {
        Greeting::Terminal { columns, rows } => {
            let (resized, size) = watch::channel(Size { columns, rows });
            let (typed, keys) = tokio::io::duplex(KEYS_WAITING);
            let keys: Reader = BufReader::new(Box::new(keys));
            let at_terminal = command_line::terminal(keys, writer, size, executor, session);
            tokio::pin!(at_terminal);
            tokio::select! {
                served = &mut at_terminal => return served.map(drop),
                unpacked = unpack(reader, typed, &resized) => unpacked?,
            }
            // What was typed before the client went is run to its end.
            at_terminal.await.map(drop)
        }
        Greeting::Pipe => {
            let end = LineEnd::Lf;
            let script = Script {
                lines: reader,
                answers: None,
            };
            let (mut writer, status) =
                command_line::pipe(script, writer, end, executor, session).await?;
            let end = format!("\0{}\n", status as u8);
            writer.write_all(end.as_bytes()).await?;
            writer.shutdown().await
        }
    }
}

/// Takes the client's frames apart to their end. While nobody takes the keys the client waits.
async fn unpack(
    mut reader: Reader,
    mut typed: DuplexStream,
    resized: &watch::Sender<Size>,
) -> io::Result<()> {
    loop {
        match reader.read_u8().await {
            Ok(Frame::KEYS) => {
                let mut keys = vec![0; usize::from(reader.read_u16().await?)];
                reader.read_exact(&mut keys).await?;
                typed.write_all(&keys).await?;
            }
            Ok(Frame::SIZE) => {
                let (columns, rows) = (reader.read_u16().await?, reader.read_u16().await?);
                resized.send_replace(Size { columns, rows });
            }
            Ok(_) => return Err(not_a_console()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

async fn greeted(reader: &mut Reader) -> io::Result<Greeting> {
    let mut line = Vec::new();
    loop {
        let buffered = reader.fill_buf().await?;
        let end = buffered.iter().position(|octet| *octet == b'\n');
        let taken = end.map_or(buffered.len(), |end| end + 1);
        line.extend_from_slice(buffered.get(..end.unwrap_or(taken)).unwrap_or_default());
        reader.consume(taken);
        if end.is_some() {
            return Greeting::parse(&line).ok_or_else(not_a_console);
        }
        if taken == 0 || line.len() > Greeting::MAX_BYTES {
            return Err(not_a_console());
        }
    }
}

fn not_a_console() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the client is no console of this version",
    )
}
