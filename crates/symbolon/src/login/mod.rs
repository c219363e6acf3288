//! `symbolon login`: a login over RADIUS, asked for as VPN gateways ask, to try one out and for scripts.

mod answers;
mod exchange;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use domain::text::printable;
use radius::{Code, Packet, Secret, Type, VendorType};
use zeroize::Zeroizing;

use answers::{Answers, Display};
use exchange::{Asked, Server};

/// Where a server listens that says nothing else (RFC 2865, section 3).
const PORT: u16 = 1812;
/// Questions in one login at most; who asks more does not come to an end.
const MAX_QUESTIONS: usize = 8;
/// The exit status of a login that the server refuses; 1 is one that nobody decided.
const REFUSED: u8 = 3;
/// The secret, for want of a file.
const SECRET: &str = "SYMBOLON_RADIUS_SECRET";
/// Prompt (RFC 2869, section 5.10) of an answer that may be seen.
const ECHO: [u8; 4] = 1_u32.to_be_bytes();

/// Log in over RADIUS: asks for password and code on the terminal, or takes them from standard input, a
/// line each. The exit status is 0 for a login that is let in, 3 for one that is refused, and 1 for one
/// that nobody decided.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Who logs in
    user: String,
    /// The RADIUS server; its port is 1812 unless said otherwise
    #[arg(long, value_name = "HOST[:PORT]", default_value = "localhost")]
    server: String,
    /// File with the secret that the server shares with this machine; without one it is taken from the
    /// environment, `SYMBOLON_RADIUS_SECRET`
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The address of this machine to ask from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// What this machine calls itself
    #[arg(long, value_name = "NAME", default_value = "symbolon-login")]
    nas_identifier: String,
    /// Where the user is, as a VPN gateway would tell
    #[arg(long, value_name = "ADDRESS")]
    calling_station: Option<String>,
    /// How long to wait for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
}

/// Logs in.
pub(crate) fn run(args: &LoginArgs) -> Result<ExitCode> {
    let secret = secret(args)?;
    let server = Server::reach(&args.server, PORT, args.source, &secret)?;
    let timeout = Duration::from_secs(args.timeout);
    let mut answers = Answers::new();
    let mut question = "Password".to_owned();
    let mut display = Display::Hidden;
    let mut state = None;
    for _ in 0..MAX_QUESTIONS {
        let answer = answers.to(&question, display)?;
        let asked = asked(args, &answer, state.as_deref());
        let datagram = server.ask(&asked, timeout)?;
        let reply = Packet::parse(&datagram)?;
        match reply.code() {
            Code::AccessAccept => return let_in(args, &reply),
            Code::AccessChallenge => {
                question = words(&reply).unwrap_or_else(|| "Answer".to_owned());
                display = match reply.first(Type::PROMPT) {
                    Some(prompt) if prompt == ECHO => Display::Shown,
                    _ => Display::Hidden,
                };
                state = reply.first(Type::STATE).map(<[u8]>::to_vec);
            }
            _ => return refused(args, &reply),
        }
    }
    bail!("the server asks more than {MAX_QUESTIONS} questions")
}

fn asked<'a>(
    args: &'a LoginArgs,
    answer: &'a Zeroizing<String>,
    state: Option<&'a [u8]>,
) -> Asked<'a> {
    let attributes = [
        (Type::USER_NAME, Some(args.user.as_bytes())),
        (Type::NAS_IDENTIFIER, Some(args.nas_identifier.as_bytes())),
        (
            Type::CALLING_STATION_ID,
            args.calling_station.as_deref().map(str::as_bytes),
        ),
        (Type::STATE, state),
    ];
    Asked {
        attributes: attributes
            .into_iter()
            .filter_map(|(kind, value)| Some((kind, value?)))
            .collect(),
        password: answer.as_bytes(),
    }
}

fn secret(args: &LoginArgs) -> Result<Secret> {
    let text = match &args.secret_file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the secret in {}", path.display()))?,
        None => std::env::var(SECRET).with_context(|| {
            format!("no secret: give --secret-file, or {SECRET} in the environment")
        })?,
    };
    let text = Zeroizing::new(text);
    let line = text.lines().next().unwrap_or_default();
    Secret::new(line.as_bytes()).context("the secret is empty")
}

/// What the server says of somebody whom it lets in.
fn let_in(args: &LoginArgs, reply: &Packet<'_>) -> Result<ExitCode> {
    let mut text = format!("{} is let in\n", printable(&args.user));
    let groups = reply
        .values(Type::VENDOR_SPECIFIC)
        .filter_map(|value| VendorType::FORTINET_GROUP_NAME.value_in(value))
        .map(|group| ("Fortinet-Group-Name", group));
    let named = [Type::FILTER_ID, Type::CLASS, Type::REPLY_MESSAGE].into_iter();
    let named = named.flat_map(|kind| {
        let values = reply.values(kind);
        values.map(move |value| (kind.name().unwrap_or_default(), value))
    });
    for (name, value) in groups.chain(named) {
        text += &format!("{name}: {}\n", shown(value));
    }
    crate::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn refused(args: &LoginArgs, reply: &Packet<'_>) -> Result<ExitCode> {
    let user = printable(&args.user);
    let why = words(reply).map_or_else(String::new, |words| format!(": {words}"));
    crate::print(&format!(
        "{user} is refused{why}\nThe server tells its administrator why: diagnose login show user {user}\n"
    ))?;
    Ok(ExitCode::from(REFUSED))
}

fn words(reply: &Packet<'_>) -> Option<String> {
    let words: Vec<String> = reply.values(Type::REPLY_MESSAGE).map(shown).collect();
    (!words.is_empty()).then(|| words.concat())
}

/// Text of a server, without what steers a terminal.
fn shown(value: &[u8]) -> String {
    printable(String::from_utf8_lossy(value).trim_end())
}
