//! `symbolon desk`: customer service of the token server.
//!
//! The command runs in the process that has the database: its words go over a local socket and are
//! parsed there once more by the same declaration.

mod answer;
mod certificate;
mod command;
mod enrolment;
mod hardware;
mod parcel;
mod socket;
mod tickets;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use self::answer::Answer;
use self::certificate::Blank;
use self::command::Command;
use self::parcel::Parcel;
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
    let request = Parcel::pack(words(&args.command)?, args.command.files());
    let blank = args.command.certificate().map(Blank::create).transpose()?;
    let answer = request.and_then(|request| socket::ask(&up::desk_socket(&args.data), &request));
    // The answer is told first: its code is told this once.
    let data = answer.as_ref().ok().map(|answer| answer.data.clone());
    let told = tell(args, answer);
    if let Some(blank) = blank {
        match data.and_then(|data| serde_json::from_value(data).ok()) {
            Some(certificate) => blank.fill(&certificate)?,
            None => blank.discard()?,
        }
    }
    told
}

fn tell(args: &DeskArgs, answer: Result<Answer>) -> Result<ExitCode> {
    if args.json {
        return tell_program(answer);
    }
    crate::print(&answer?.text)?;
    Ok(ExitCode::SUCCESS)
}

/// The words after `desk`; whoever parsed them here parses them there.
fn words(command: &Command) -> Result<Vec<String>> {
    let mut words: Vec<String> = std::env::args().skip_while(|word| word != "desk").collect();
    if command.wants_input() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        let is_placeholder = |word: &&mut String| *word == Command::FROM_INPUT;
        if let Some(word) = words.iter_mut().find(is_placeholder) {
            line.trim().clone_into(word);
        }
    }
    Ok(words)
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
    crate::print(&format!("{}\n", serde_json::to_string_pretty(&told)?))?;
    Ok(code)
}
