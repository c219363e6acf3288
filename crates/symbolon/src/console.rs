//! `symbolon console`: this terminal, or a pipe, at the other end of the gateway's socket.

use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use cli::console::Greeting;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// What ends the output of a pipe: a NUL before the exit status.
const END: u8 = 0;

/// Connects standard input and output with the console of the gateway at `socket`.
pub(crate) fn run(socket: &Path) -> Result<ExitCode> {
    let stream = UnixStream::connect(socket).with_context(|| {
        format!(
            "cannot connect to {}; is 'symbolon up' running with this --data? ('symbolon gateway' will do)",
            socket.display()
        )
    })?;
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        terminal(&stream)?;
        Ok(ExitCode::SUCCESS)
    } else {
        pipe(&stream)
    }
}

fn terminal(mut stream: &UnixStream) -> Result<()> {
    let (columns, rows) =
        tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    writeln!(stream, "{}", Greeting::Terminal { columns, rows })?;
    let _raw = Raw::enter().context("cannot set the terminal to raw mode")?;
    send_input(stream)?;
    copy(stream, &mut io::stdout())?;
    Ok(())
}

fn pipe(mut stream: &UnixStream) -> Result<ExitCode> {
    writeln!(stream, "{}", Greeting::Pipe)?;
    send_input(stream)?;
    let mut output = WithStatus {
        stdout: io::stdout(),
        status: None,
    };
    copy(stream, &mut output)?;
    match output.status.as_deref().map(str::from_utf8) {
        Some(Ok("0\n")) => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
        _ => bail!("the gateway ended before the last line was done"),
    }
}

/// Sends standard input from a thread of its own, which ends with the process: a read of a terminal
/// cannot be broken off.
fn send_input(stream: &UnixStream) -> Result<()> {
    let mut sending = stream.try_clone()?;
    thread::spawn(move || {
        let sent = copy(&mut io::stdin(), &mut sending);
        // Either the input has ended or the gateway has; the other direction says which.
        let _ = sent.and_then(|()| sending.shutdown(Shutdown::Write));
    });
    Ok(())
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
