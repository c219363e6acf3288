//! `symbolon bench console`: how long an administrator waits with many tokens and users.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use cli::console::{Frame, Greeting};
use tempfile::TempDir;

use super::machine;
use super::population::{self, Checked};
use super::server::ServerProcess;
use crate::console;

/// Shared with the one RADIUS client, which does not ask.
const SECRET: &str = "symbolon bench console";

/// How often each row is measured; the median is printed.
const TIMES: usize = 5;

/// Tokens of the licence that is imported.
const IMPORTED: u32 = 10_000;

/// A completion that takes longer failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConsoleArgs {
    /// Users in the store, each with a token
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// Where the database is made, on the disk that is to be measured
    #[arg(long, default_value = ".", value_name = "DIR")]
    directory: PathBuf,
}

/// Prints the machine, the disk, and what each command takes.
pub(crate) fn console(args: &ConsoleArgs) -> Result<()> {
    println!("machine  {}", machine::describe());
    let sync = machine::sync_latency(&args.directory)?;
    println!(
        "sync     {:.3} ms, the median of fdatasync",
        sync.as_secs_f64() * 1e3
    );
    let directory = TempDir::new_in(&args.directory)?;
    let runtime = super::login::runtime()?;
    runtime.block_on(population::fill(
        directory.path(),
        args.tokens,
        SECRET,
        Checked::PasswordAndCode,
    ))?;
    let first = args.tokens;
    let imported: Duration = runtime
        .block_on(population::import(directory.path(), first, IMPORTED, 1))?
        .iter()
        .sum();
    println!("tokens   {}, with the import below", args.tokens + IMPORTED);
    println!(
        "import   {:.2} s for a licence of {IMPORTED} tokens, one transaction",
        imported.as_secs_f64()
    );
    let arguments: Vec<OsString> = vec![
        "bench".into(),
        "login".into(),
        "--serve".into(),
        directory.path().into(),
    ];
    let server = ServerProcess::start(&arguments)?;
    measure(&server, directory.path(), args.tokens)?;
    server.stop()
}

fn measure(server: &ServerProcess, directory: &Path, tokens: u32) -> Result<()> {
    let socket = directory.join("console.sock");
    let serial = population::serial(tokens / 2);
    let grep = format!("show user fortitoken | grep -f {}", serial.as_str());
    let info = "diagnose fortitoken info";
    println!(
        "{:<48} {:>12} {:>10} {:>9}",
        "command", "first octet", "all", "MiB more"
    );
    for command in [
        "get system status",
        info,
        "diagnose fortitoken info | grep -v active",
        &grep,
    ] {
        let before = server.memory()?;
        let mut answers = (0..TIMES)
            .map(|_| ask(&socket, command))
            .collect::<Result<Vec<_>>>()?;
        let more = server.memory()?.saturating_sub(before) >> 20;
        let first = median(answers.iter().map(|answer| answer.first));
        let all = median(answers.iter().map(|answer| answer.all));
        answers.retain(|answer| answer.octets == 0);
        ensure!(answers.is_empty(), "'{command}' says nothing");
        println!(
            "{command:<48} {:>9.1} ms {:>7.1} ms {more:>9}",
            ms(first),
            ms(all)
        );
    }
    let typed: String = serial.as_str().chars().take(14).collect();
    let completed = (0..TIMES)
        .map(|_| complete(&socket, &format!("show user fortitoken {typed}")))
        .collect::<Result<Vec<_>>>()?;
    println!(
        "{:<48} {:>9.1} ms",
        "Tab after 14 characters of a serial number",
        ms(median(completed.into_iter()))
    );
    Ok(())
}

struct Answer {
    first: Duration,
    all: Duration,
    octets: usize,
}

/// Runs a command over a pipe of the console.
fn ask(socket: &Path, command: &str) -> Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    write!(stream, "{}\n{command}\n", Greeting::Pipe)?;
    stream.shutdown(Shutdown::Write)?;
    let began = Instant::now();
    let mut buffer = vec![0; 1 << 16];
    let mut octets = stream.read(&mut buffer)?;
    let first = began.elapsed();
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            more => octets += more,
        }
    }
    Ok(Answer {
        first,
        all: began.elapsed(),
        octets,
    })
}

/// Presses Tab at a terminal of the console, until something is completed or shown.
fn complete(socket: &Path, line: &str) -> Result<Duration> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&console::at_terminal(line))?;
    read_until(&mut stream, line)?;
    let began = Instant::now();
    stream.write_all(&Frame::Keys(b"\t").octets())?;
    let mut buffer = [0; 4_096];
    let got = stream.read(&mut buffer)?;
    ensure!(got > 1, "nothing was completed after '{line}'");
    Ok(began.elapsed())
}

fn read_until(stream: &mut UnixStream, expected: &str) -> Result<()> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let got = stream.read(&mut buffer)?;
        ensure!(got > 0, "the console ended");
        seen.extend_from_slice(buffer.get(..got).context("a read beyond its buffer")?);
        if String::from_utf8_lossy(&seen).contains(expected) {
            return Ok(());
        }
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
