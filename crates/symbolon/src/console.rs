//! `symbolon console`: this terminal, or a pipe, at the other end of the gateway's socket.

use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use cli::console::{Frame, Greeting};
use nix::sys::signal::{SigSet, Signal};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// What ends the output of a pipe: a NUL before the exit status.
const END: u8 = 0;
/// The exit status of lines that were all done.
const DONE: &str = "0\n";
/// Octets of one line's answer at most: many times what is said of one user.
const ANSWER_MAX: u64 = 1 << 20;

/// Connects standard input and output with the console of the gateway at `socket`.
pub(crate) fn run(socket: &Path) -> Result<ExitCode> {
    let stream = connect(socket)?;
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        terminal(&stream)?;
        Ok(ExitCode::SUCCESS)
    } else {
        pipe(&stream)
    }
}

/// Has one line done as a script's: what it says, and whether it was done.
pub(crate) fn run_line(socket: &Path, line: &str) -> Result<(String, bool)> {
    let mut stream = connect(socket)?;
    write!(stream, "{}\n{line}\n", Greeting::Pipe)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).context("the gateway's answer is no text")?;
    let Some((text, status)) = answer.split_once(char::from(END)) else {
        bail!("the gateway ended before the line was done");
    };
    Ok((text.to_owned(), status == DONE))
}

fn connect(socket: &Path) -> Result<UnixStream> {
    UnixStream::connect(socket).with_context(|| {
        format!(
            "cannot connect to {}; is 'symbolon up' running with this --data? ('symbolon gateway' will do)",
            socket.display()
        )
    })
}

/// What a client sends of somebody who types this at a terminal of unknown size.
pub(crate) fn at_terminal(typed: &str) -> Vec<u8> {
    let (columns, rows) = (0, 0);
    let greeting = format!("{}\n", Greeting::Terminal { columns, rows });
    let frames = Frame::keys(typed.as_bytes()).flat_map(|frame| frame.octets());
    greeting.into_bytes().into_iter().chain(frames).collect()
}

fn terminal(mut stream: &UnixStream) -> Result<()> {
    let (columns, rows) =
        tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    writeln!(stream, "{}", Greeting::Terminal { columns, rows })?;
    let _raw = Raw::enter().context("cannot set the terminal to raw mode")?;
    let frames = Frames(Arc::new(Mutex::new(stream.try_clone()?)));
    send_sizes(frames.clone())?;
    send_input(stream, frames)?;
    copy(stream, &mut io::stdout())?;
    Ok(())
}

fn pipe(mut stream: &UnixStream) -> Result<ExitCode> {
    writeln!(stream, "{}", Greeting::Pipe)?;
    send_input(stream, stream.try_clone()?)?;
    let mut output = WithStatus {
        stdout: io::stdout(),
        status: None,
    };
    match copy(stream, &mut output) {
        // Whoever reads only the beginning, such as `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        copied => copied?,
    }
    match output.status.as_deref().map(str::from_utf8) {
        Some(Ok(DONE)) => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
        _ => bail!("the gateway ended before the last line was done"),
    }
}

/// Sends standard input from a thread of its own, which ends with the process: a read of a terminal
/// cannot be broken off.
fn send_input(stream: &UnixStream, mut to: impl Write + Send + 'static) -> Result<()> {
    let sending = stream.try_clone()?;
    thread::spawn(move || {
        let sent = copy(&mut io::stdin(), &mut to);
        // Either the input has ended or the gateway has; the other direction says which.
        let _ = sent.and_then(|()| sending.shutdown(Shutdown::Write));
    });
    Ok(())
}

/// Sends the terminal's size whenever it changes, from a thread of its own. Called before other threads are
/// made: the signal goes to none of them.
fn send_sizes(frames: Frames) -> Result<()> {
    let mut resized = SigSet::empty();
    resized.add(Signal::SIGWINCH);
    resized
        .thread_block()
        .context("cannot watch the terminal's size")?;
    thread::spawn(move || {
        while resized.wait().is_ok() {
            let Ok(size) = tcgetwinsize(io::stdout()) else {
                return;
            };
            let (columns, rows) = (size.ws_col, size.ws_row);
            if frames.send(Frame::Size { columns, rows }).is_err() {
                // The gateway has gone.
                return;
            }
        }
    });
    Ok(())
}

/// What is typed at a terminal, and its sizes, each whole.
#[derive(Clone)]
struct Frames(Arc<Mutex<UnixStream>>);

impl Frames {
    fn send(&self, frame: Frame<'_>) -> io::Result<()> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&frame.octets())
    }
}

impl Write for Frames {
    fn write(&mut self, typed: &[u8]) -> io::Result<usize> {
        for frame in Frame::keys(typed) {
            self.send(frame)?;
        }
        Ok(typed.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        let got = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(buffer.get(..got).unwrap_or_default())?;
        to.flush()?;
    }
}

/// Standard output up to the NUL; what follows is the exit status.
struct WithStatus {
    stdout: io::Stdout,
    status: Option<Vec<u8>>,
}

impl Write for WithStatus {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if let Some(status) = &mut self.status {
            status.extend_from_slice(octets);
            return Ok(octets.len());
        }
        let (text, rest) = match octets.iter().position(|octet| *octet == END) {
            Some(end) => octets.split_at(end),
            None => (octets, &[][..]),
        };
        self.stdout.write_all(text)?;
        if let Some((_, status)) = rest.split_first() {
            self.status = Some(status.to_vec());
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// The terminal in raw mode, until dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing can be done if the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
