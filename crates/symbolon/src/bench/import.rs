//! `symbolon bench import`: how many tokens a second come in, each durable before the answer.
//!
//! Seeds come from files, by the command of the console of a gateway that runs. Licences come as the token server's
//! answers, into the store alone: what lies between is the token server's. Either takes as many tokens at a time as it
//! may have, in one transaction.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use cli::console::Greeting;
use otp::seed_file::MAX_TOKENS;
use tempfile::TempDir;

use super::population::{self, Checked, Counted};
use super::server::ServerProcess;
use super::{login, machine};

/// Shared with the one RADIUS client, which does not ask.
const SECRET: &str = "symbolon bench import";

/// The file whose seeds are taken, in the directory of files of the unit.
const SEED_FILE: &str = "seeds.csv";

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    /// Tokens that come in from files, and as many by licences; full thousands of ten
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// Where the databases are made, on the disk that is to be measured
    #[arg(long, default_value = ".", value_name = "DIR")]
    directory: PathBuf,
}

/// Prints the machine, the disk, and a row for each way in.
pub(crate) fn import(args: &ImportArgs) -> Result<()> {
    let each = u32::try_from(MAX_TOKENS)?;
    let times = args.tokens / each;
    ensure!(
        times > 0 && args.tokens.is_multiple_of(each),
        "{} is no multiple of {each}, which is what a file and a licence have",
        args.tokens
    );
    println!("machine  {}", machine::describe());
    let sync = machine::sync_latency(&args.directory)?;
    println!(
        "sync     {:.3} ms, the median of fdatasync",
        sync.as_secs_f64() * 1e3
    );
    println!("{}", Row::HEADER);
    let files = of_files(&args.directory, each, times)?;
    println!("{}", Row::new("seed files, console", each, &files));
    let licences = of_licences(&args.directory, each, times)?;
    println!("{}", Row::new("licences, store", each, &licences));
    Ok(())
}

/// How long each of so many seed files takes.
fn of_files(directory: &Path, each: u32, times: u32) -> Result<Vec<Duration>> {
    let directory = empty(directory)?;
    let arguments: Vec<OsString> = vec![
        "bench".into(),
        "login".into(),
        "--serve".into(),
        directory.path().into(),
    ];
    let server = ServerProcess::start(&arguments)?;
    let files = directory.path().join("backup");
    fs::create_dir_all(&files)?;
    let mut took = Vec::new();
    for time in 0..times {
        let numbers = time * each..(time + 1) * each;
        fs::write(
            files.join(SEED_FILE),
            population::seed_file(numbers, Counted::Time),
        )?;
        let began = Instant::now();
        let said = answer(
            &directory.path().join("console.sock"),
            &format!("execute fortitoken import {SEED_FILE}"),
        )?;
        took.push(began.elapsed());
        // A zero octet and the status end it.
        let expected = cli::render::seeds_taken(each as usize, 0) + "\0";
        ensure!(said.starts_with(&expected), "the import said {said:?}");
    }
    server.stop()?;
    Ok(took)
}

fn of_licences(directory: &Path, each: u32, times: u32) -> Result<Vec<Duration>> {
    let directory = empty(directory)?;
    login::runtime()?.block_on(population::import(directory.path(), 0, each, times))
}

/// A gateway's directory without a token.
fn empty(directory: &Path) -> Result<TempDir> {
    let directory = TempDir::new_in(directory)?;
    login::runtime()?.block_on(population::fill(
        directory.path(),
        0,
        SECRET,
        Checked::PasswordAndCode,
    ))?;
    Ok(directory)
}

/// What a command says over a pipe of the console.
fn answer(socket: &Path, command: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    write!(stream, "{}\n{command}\n", Greeting::Pipe)?;
    stream.shutdown(Shutdown::Write)?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A line of the table.
struct Row {
    way: &'static str,
    times: usize,
    /// Tokens per second over all.
    rate: f64,
    /// The same of the first and of the last.
    ends: [f64; 2],
    slowest: Duration,
}

impl Row {
    const HEADER: &str =
        "10,000 tokens at a time   times  tokens/s  the first  the last  slowest ms";

    fn new(way: &'static str, each: u32, took: &[Duration]) -> Self {
        let rate = |took: &[Duration]| {
            let all: Duration = took.iter().sum();
            f64::from(each) * took.iter().map(|_| 1.0).sum::<f64>() / all.as_secs_f64()
        };
        let first = took.get(..1).unwrap_or_default();
        let last = took.get(took.len().saturating_sub(1)..).unwrap_or_default();
        Self {
            way,
            times: took.len(),
            rate: rate(took),
            ends: [first, last].map(rate),
            slowest: took.iter().max().copied().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            way, times, rate, ..
        } = self;
        let [first, last] = self.ends;
        let slowest = self.slowest.as_secs_f64() * 1e3;
        write!(
            f,
            "{way:<24}{times:>7}{rate:>10.0}{first:>11.0}{last:>10.0}{slowest:>12.0}"
        )
    }
}
