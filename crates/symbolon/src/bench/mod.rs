//! `symbolon bench`: how fast, at what cost, on this machine, next to a floor measured in the same
//! minute. Only ratios within one run mean anything: the load generator takes part of the same
//! cores and a disk's sync swings by a factor of a hundred.

pub(crate) mod console;
pub(crate) mod floor;
mod foreign;
mod hashes;
mod import;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod machine;
mod oracle;
mod population;
mod registry;
mod restart;
mod server;
mod turns;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The least that a correct RADIUS server has to do: what the others are measured against
    Floor(floor::FloorArgs),
    /// The whole login path, durable, next to its floor
    Login(login::LoginArgs),
    /// The load of `login` on another server, for the scripts in bench/
    #[command(hide = true)]
    Foreign(foreign::ForeignArgs),
    /// Whether the time of a refusal tells its reason
    Oracle(oracle::OracleArgs),
    /// How long an administrator waits with many tokens and users
    Console(console::ConsoleArgs),
    /// How many tokens a second come in from seed files and licences, each durable before the answer
    Import(import::ImportArgs),
    /// What the token server answers a second with many products and tokens, next to its HTTPS alone
    Registry(registry::RegistryArgs),
}

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode> {
    match &args.what {
        What::Floor(args) => floor::floor(args)?,
        What::Login(args) => login::login(args)?,
        What::Foreign(args) => foreign::foreign(args)?,
        What::Oracle(args) => oracle::oracle(args)?,
        What::Console(args) => console::console(args)?,
        What::Import(args) => import::import(args)?,
        What::Registry(args) => registry::registry(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The time within which so many of a hundred ended, of times that are sorted.
fn quantile(times: &[Duration], percent: usize) -> Result<Duration> {
    let last = times.len().checked_sub(1).context("nothing was measured")?;
    let at = (times.len() * percent / 100).min(last);
    times.get(at).copied().context("nothing was measured")
}
