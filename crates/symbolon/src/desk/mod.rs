//! `symbolon desk`: customer service of the token server.
//!
//! The command runs in the process that has the database: its words go over a local socket and are
//! parsed there once more by the same declaration.

mod answer;
mod command;
mod socket;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use self::answer::Answer;
use self::command::Command;
pub(crate) use self::socket::DeskSocket;
use crate::up;

#[derive(Debug, Args)]
pub(crate) struct DeskArgs {
    /// Data directory of the running system
    #[arg(
        long,
        value_name = "DIR",
        default_value = "symbolon-data",
        env = "SYMBOLON_DATA",
        global = true
    )]
    data: PathBuf,

    /// Answer in JSON, also a refusal
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

/// Has the running system carry out this process's command.
pub(crate) fn run(args: &DeskArgs) -> Result<ExitCode> {
    // The words after `desk`; whoever parsed them here parses them there.
    let words: Vec<String> = std::env::args().skip_while(|word| word != "desk").collect();
    let answer = socket::ask(&up::desk_socket(&args.data), &words);
    if args.json {
        return tell_program(answer);
    }
    print!("{}", answer?.text);
    Ok(ExitCode::SUCCESS)
}

fn tell_program(answer: Result<Answer>) -> Result<ExitCode> {
    let (told, code) = match answer {
        Ok(answer) => (answer.data, ExitCode::SUCCESS),
        Err(error) => {
            let message = crate::told(&error);
            (
                json!({ "error": { "message": message } }),
                ExitCode::FAILURE,
            )
        }
    };
    println!("{}", serde_json::to_string_pretty(&told)?);
    Ok(code)
}
