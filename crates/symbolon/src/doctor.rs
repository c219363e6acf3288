//! `symbolon doctor`: what is the matter, in one look, asked of the gateway through its console.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use cli::render::CHECK_VERDICT;

use super::{DataArgs, console, print, told, up};

/// The exit status where something stands in the way.
const IN_THE_WAY: u8 = 1;
/// The exit status where nobody could say; clap ends with the same for a command line that is none.
const UNKNOWN: u8 = 2;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(subcommand)]
    of: Patient,
}

#[derive(Debug, Subcommand)]
enum Patient {
    /// Whether a user could log in now, and what would stop that; exit status 0 if nothing would, 1 if
    /// something would, 2 if that cannot be told
    Login(LoginArgs),
}

#[derive(Debug, Args)]
struct LoginArgs {
    /// The user, as typed at a login
    user: String,
    /// Virtual domain of the user
    #[arg(long, value_name = "NAME", default_value = "root")]
    vdom: String,
    #[command(flatten)]
    data: DataArgs,
}

/// Asks, and prints what is found.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let Patient::Login(login) = &args.of;
    match answered(login) {
        Ok((text, is_clear)) => {
            print(&text)?;
            Ok(if is_clear {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(IN_THE_WAY)
            })
        }
        Err(error) => {
            eprintln!("symbolon: {}", told(&error));
            Ok(ExitCode::from(UNKNOWN))
        }
    }
}

/// What the gateway says, and whether nothing stands in the way.
fn answered(asked: &LoginArgs) -> Result<(String, bool)> {
    let LoginArgs { user, vdom, data } = asked;
    if [user, vdom]
        .iter()
        .any(|word| word.contains(char::is_control))
    {
        bail!("a name has no control characters");
    }
    let socket = up::console_socket(&data.data)?;
    let (text, is_done) = ask(&socket, user, vdom)?;
    if !text.lines().any(|line| line.starts_with(CHECK_VERDICT)) {
        bail!("{}", text.trim_end());
    }
    Ok((text, is_done))
}

fn ask(socket: &Path, user: &str, vdom: &str) -> Result<(String, bool)> {
    let (user, vdom) = (cli::quoted(user), cli::quoted(vdom));
    console::run_line(socket, &format!("diagnose login check {user} {vdom}"))
}
