//! `symbolon desk`: customer service of the token server.
//!
//! The command runs in the process that has the database: its words go over a local socket, or its
//! arguments over HTTPS, and are parsed there once more by the same declaration.

mod agents;
mod answer;
mod api;
mod arguments;
mod certificate;
mod command;
mod counter;
mod enrolment;
mod hardware;
mod managers;
mod new_file;
mod new_key;
mod parcel;
mod remote;
mod requests;
mod reserves;
mod rights;
mod shown;
mod socket;
mod tickets;
mod turns;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::{Args, FromArgMatches};
use serde_json::json;
use softtoken::address::ServerUrl;

use self::answer::Answer;
pub(crate) use self::api::DeskListener;
use self::certificate::Blank;
use self::command::{Command, Input};
use self::new_key::NewKey;
use self::parcel::Parcel;
use self::remote::Remote;
pub(crate) use self::socket::DeskSocket;
use crate::roles::gateway::server_url;
use crate::roles::token_server;

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

    /// Address of the desk on another machine; else the system of --data is asked
    #[arg(long, value_name = "https://HOST[:PORT]", value_parser = server_url, global = true)]
    server: Option<ServerUrl>,

    /// That machine's authority, registry/pki/ca.pem in its data directory
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,

    /// Key and certificate of the agent who asks, as `add-agent` writes them
    #[arg(long, value_name = "FILE", global = true)]
    identity: Option<PathBuf>,

    /// Answer in JSON, also a refusal
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Input,
}

/// Has the running system carry out this process's command.
pub(crate) fn run(args: &DeskArgs) -> Result<ExitCode> {
    let remote = args.remote()?;
    args.command.check()?;
    let command = args.command.command();
    let files = command.map(Command::files).unwrap_or_default();
    let mut request = Parcel::pack(words(command)?, files)?;
    let blank = args.command.certificate().map(Blank::create).transpose()?;
    let new_key = command
        .and_then(Command::new_key)
        .map(NewKey::create)
        .transpose()?;
    if let Some(new_key) = &new_key {
        request.files.push(new_key.request()?);
    }
    let answer = match remote {
        Some(remote) => remote.ask(&request),
        None => socket::ask(&token_server::socket(&args.data), &request),
    };
    // The answer is told first: its code is told this once.
    let data = answer.as_ref().ok().map(|answer| answer.data.clone());
    let told = tell(args, answer, new_key.as_ref());
    if let Some(blank) = blank {
        match data
            .clone()
            .and_then(|data| serde_json::from_value(data).ok())
        {
            Some(certificate) => blank.fill(&certificate)?,
            None => blank.discard()?,
        }
    }
    if let Some(new_key) = new_key {
        new_key.settle(data.as_ref())?;
    }
    told
}

impl DeskArgs {
    /// The desk over the network, if it is asked.
    fn remote(&self) -> Result<Option<Remote<'_>>> {
        match (&self.server, &self.ca, &self.identity) {
            (Some(server), Some(ca), Some(identity)) => Ok(Some(Remote {
                server,
                ca,
                identity,
            })),
            (None, None, None) => Ok(None),
            _ => bail!(
                "a desk over the network is asked with --server, --ca and --identity together"
            ),
        }
    }
}

/// What words after `symbolon` mean.
fn parsed(words: &[String]) -> Result<Input> {
    let parser = DeskArgs::augment_args(clap::Command::new("desk"));
    let matches = parser.try_get_matches_from(words).map_err(|error| {
        let told = error.to_string();
        // What follows is about words, which not everybody typed.
        let said = told.split("\n\n").next().unwrap_or_default();
        let words: Vec<_> = said
            .trim_start_matches("error: ")
            .split_whitespace()
            .collect();
        anyhow!("{}", words.join(" "))
    })?;
    let input = DeskArgs::from_arg_matches(&matches)?.command;
    input.check()?;
    Ok(input)
}

fn tell(args: &DeskArgs, answer: Result<Answer>, new_key: Option<&NewKey>) -> Result<ExitCode> {
    if args.json {
        return tell_program(answer);
    }
    let Answer { text, data } = answer?;
    crate::print(&text)?;
    // With a key that is made here it goes into the key's file.
    if let (None, Some(certificate)) = (new_key, new_key::certificate(&data)) {
        crate::print(&format!("\n{certificate}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The words after `desk`; whoever parsed them here parses them there.
fn words(command: Option<&Command>) -> Result<Vec<String>> {
    let mut words: Vec<String> = std::env::args().skip_while(|word| word != "desk").collect();
    if command.is_some_and(Command::wants_input) {
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
