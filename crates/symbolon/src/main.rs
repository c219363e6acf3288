//! `symbolon`: the command line of the process, its configuration, and the wiring of its roles.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a shell: it reads files, clocks and the environment that the pure crates are denied"
)]

mod bench;
mod config;
mod console;
mod demo;
mod desk;
mod doctor;
mod ending;
mod enrol;
mod https_client;
mod login;
mod manual;
mod roles;
mod up;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A self-hosted two-factor token system.
#[derive(Debug, Parser)]
#[command(name = "symbolon", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all roles in this process: gateway and token server
    Up(up::UpArgs),
    /// Run the token server alone
    Registry(roles::token_server::RegistryArgs),
    /// Run a gateway alone, with a token server elsewhere
    Gateway(roles::gateway::GatewayArgs),
    /// Pass on to a token server what gateways ask that do not reach it
    Manager(roles::manager::ManagerArgs),
    /// Run the push relay alone: it carries login requests to phones and answers back
    Relay(roles::relay::RelayArgs),
    /// The administrator's command line, on the terminal or from a pipe
    Console(DataArgs),
    /// Customer service of the token server: products, licences, look-ups
    Desk(desk::DeskArgs),
    /// Get or renew a gateway's certificate from a token server
    Enrol(enrol::EnrolArgs),
    /// The authenticator: tokens on this computer, under a PIN
    App(app::Args),
    /// Log in over RADIUS, as a VPN gateway does for its users
    Login(login::LoginArgs),
    /// Say what is the matter: whether a user could log in now, and what would stop that
    Doctor(doctor::DoctorArgs),
    /// Walk one token from its licence to a login, on a system of its own
    Demo(demo::DemoArgs),
    /// Write the manual of the administrator's command line, in Markdown
    Manual(manual::ManualArgs),
    /// Measure, next to a floor measured in the same minute
    Bench(bench::BenchArgs),
}

#[derive(Debug, clap::Args)]
struct DataArgs {
    /// Data directory of the running system
    #[arg(
        long,
        value_name = "DIR",
        default_value = "symbolon-data",
        env = "SYMBOLON_DATA"
    )]
    data: PathBuf,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let serves = matches!(
        command,
        Command::Up(_)
            | Command::Registry(_)
            | Command::Gateway(_)
            | Command::Manager(_)
            | Command::Relay(_)
    );
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("SYMBOLON_LOG").unwrap_or_else(|_| {
            EnvFilter::new(if serves {
                "warn,symbolon=info,gateway=info,registry=info,relay=info,store=info"
            } else {
                "warn"
            })
        }))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("symbolon: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// Prints an answer. Whoever reads only the beginning of it, such as `head`, has closed the pipe before its
/// end, and that is no error.
fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let printed = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// An error with its causes. Many libraries' errors say in their own text what their cause says: that
/// is told once.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

fn run(command: Command) -> Result<ExitCode> {
    // Every role uses one provider; a second would need a second audit.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("a cryptographic provider is installed already");
    }
    match command {
        Command::Up(args) => runtime()?.block_on(up::run(args)),
        Command::Registry(args) => runtime()?.block_on(roles::token_server::run(args)),
        Command::Gateway(args) => runtime()?.block_on(roles::gateway::run(args)),
        Command::Manager(args) => runtime()?.block_on(roles::manager::run(args)),
        Command::Relay(args) => runtime()?.block_on(roles::relay::run(args)),
        Command::Console(args) => console::run(&up::console_socket(&args.data)?),
        Command::Desk(args) => desk::run(&args),
        Command::Enrol(args) => runtime()?.block_on(enrol::run(args)),
        Command::App(args) => {
            let runtime = runtime()?;
            let ended = runtime.block_on(app(args));
            // A line that is no longer wanted must not be waited for (tokio::io::stdin).
            runtime.shutdown_background();
            ended
        }
        Command::Login(args) => login::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Demo(args) => runtime()?.block_on(demo::run(args)),
        Command::Manual(args) => manual::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

async fn app(args: app::Args) -> Result<ExitCode> {
    let (mut out, mut notes) = (std::io::stdout(), std::io::stderr());
    let world = app::Surroundings {
        out: &mut out,
        notes: &mut notes,
        now_unix: &now_unix,
        effort: app::vault::Effort::RECOMMENDED,
        machine_id: PathBuf::from("/etc/machine-id"),
    };
    match app::run(args, world).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("symbolon: {error}\n{}", error.next_step());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The wall clock in seconds after the epoch.
fn now_unix() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::told;

    #[test]
    fn a_cause_is_told_once() {
        let error = Err::<(), _>(anyhow!("no such file"))
            .context("root key k: no such file")
            .context("it does not start");
        assert_eq!(
            told(&error.unwrap_err()),
            "it does not start: root key k: no such file"
        );
    }
}
