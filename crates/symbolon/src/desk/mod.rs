//! `symbolon desk`: customer service of the token server.
//!
//! The command runs in the process that has the database: its words go over a local socket and are
//! parsed there once more by the same declaration.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, FromArgMatches, Subcommand};
use domain::audit::Actor;
use domain::licensing::{AccountName, LicenceSize, Lock};
use domain::time::{Span, Timestamp};
use gateway::clock;
use gateway::local_socket::LocalSocket;
use ident::{LicenceSerial, ProductSerial, TokenSerial};
use registry::Desk;
use store::registry::NewLicence;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use crate::up;

/// Longest request: a handful of words.
const REQUEST_MAX: u64 = 4_096;

/// How long a client may take to send it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

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

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a customer
    RegisterAccount {
        /// Name, at most 64 characters
        #[arg(value_parser = account_name)]
        account: AccountName,
    },
    /// Register a gateway for a customer
    RegisterProduct {
        /// The gateway's serial, 16 characters
        serial: ProductSerial,
        /// Whose it is
        #[arg(long, default_value = "local", value_parser = account_name)]
        account: AccountName,
    },
    /// Issue a licence; its code is shown this once
    IssueLicence {
        /// How many tokens, 1 to 10,000
        #[arg(long, default_value = "5", value_parser = size)]
        tokens: LicenceSize,
        /// Days until which it must be imported
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
        valid_days: u16,
        /// For whom
        #[arg(long, default_value = "local", value_parser = account_name)]
        account: AccountName,
        /// For this gateway only; else for the customer's first that imports it
        #[arg(long, value_name = "SERIAL")]
        product: Option<ProductSerial>,
    },
    /// Take a token out of use at the token server
    LockToken {
        /// The token
        serial: TokenSerial,
        /// Why; goes into the record
        #[arg(long)]
        reason: String,
    },
    /// Put a token back into use
    UnlockToken {
        /// The token
        serial: TokenSerial,
        /// Why; goes into the record
        #[arg(long)]
        reason: String,
    },
    /// Show a product, a licence or a token, by its serial
    Show {
        /// FGT…, EFTM…, FTMTRIAL… or FTK…
        serial: String,
    },
    /// What the desk did to a product, licence, token or account
    History {
        /// Serial or name
        subject: String,
    },
}

fn size(text: &str) -> Result<LicenceSize, String> {
    let tokens: u32 = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    LicenceSize::new(tokens).map_err(|error| error.to_string())
}

fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|error| error.to_string())
}

/// Has the running system carry out this process's command.
pub(crate) fn run(args: &DeskArgs) -> Result<ExitCode> {
    let socket = up::desk_socket(&args.data);
    let mut stream = UnixStream::connect(&socket).with_context(|| {
        format!(
            "cannot connect to {}; is 'symbolon up' running with this --data?",
            socket.display()
        )
    })?;
    // The words after `desk`; whoever parsed them here parses them there.
    let words: Vec<String> = std::env::args().skip_while(|word| word != "desk").collect();
    stream.write_all(words.join("\0").as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once('\n') {
        Some(("ok", text)) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Some(("failed", text)) => bail!("{}", text.trim_end()),
        _ => bail!("the token server ended before it answered"),
    }
}

/// The desk at its socket; closed when dropped.
#[derive(Debug)]
pub(crate) struct DeskSocket(JoinHandle<()>);

impl Drop for DeskSocket {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl DeskSocket {
    /// Binds, for the owner of the data directory alone, and serves.
    pub(crate) fn open(path: &Path, desk: Desk) -> Result<Self> {
        let socket = LocalSocket::bind(path)
            .with_context(|| format!("cannot bind the desk's socket {}", path.display()))?;
        let serving = socket.serve("desk", move |stream, actor| {
            serve(stream, actor, desk.clone())
        });
        Ok(Self(tokio::spawn(serving)))
    }
}

async fn serve(stream: tokio::net::UnixStream, actor: Actor, desk: Desk) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut request = String::new();
    let mut limited = reader.take(REQUEST_MAX);
    tokio::time::timeout(REQUEST_TIMEOUT, limited.read_to_string(&mut request)).await??;
    let answer = match answer(&request, actor, &desk).await {
        Ok(text) => format!("ok\n{text}"),
        Err(error) => format!("failed\n{}", crate::told(&error)),
    };
    writer.write_all(answer.as_bytes()).await?;
    writer.shutdown().await
}

async fn answer(request: &str, actor: Actor, desk: &Desk) -> Result<String> {
    let parser = DeskArgs::augment_args(clap::Command::new("desk"));
    let matches = parser.try_get_matches_from(request.split('\0'))?;
    let args = DeskArgs::from_arg_matches(&matches)?;
    carry_out(args.command, actor, desk, clock::now()).await
}

/// Carries out a command of the desk; what it says.
pub(crate) async fn carry_out(
    command: Command,
    actor: Actor,
    desk: &Desk,
    now: Timestamp,
) -> Result<String> {
    Ok(match command {
        Command::RegisterAccount { account } => {
            desk.register_account(actor, account.clone()).await?;
            format!("account {account} is registered\n")
        }
        Command::RegisterProduct { serial, account } => {
            desk.register_product(actor, account.clone(), serial)
                .await?;
            format!("product {serial} is registered for {account}\n")
        }
        Command::IssueLicence {
            tokens,
            valid_days,
            account,
            product,
        } => {
            let redeem_until = now.after(Span::from_days(valid_days.into()));
            let licence = NewLicence {
                account,
                product,
                size: tokens,
                redeem_until,
            };
            let issued = desk.issue_licence(actor, licence).await?;
            format!(
                "Licence:      {}\nTokens:       {}\nCode:         {}   (shown this once)\n\
                 Redeem until: {redeem_until}\n\n\
                 On the gateway: execute fortitoken-mobile import {}\n",
                issued.serial,
                tokens,
                issued.code.as_str(),
                issued.code.as_str()
            )
        }
        Command::LockToken { serial, reason } => {
            desk.set_lock(actor, serial, Lock::Locked, &reason).await?;
            format!("token {serial} is locked\n")
        }
        Command::UnlockToken { serial, reason } => {
            desk.set_lock(actor, serial, Lock::Open, &reason).await?;
            format!("token {serial} is open\n")
        }
        Command::Show { serial } => show(&serial, desk).await?,
        Command::History { subject } => {
            let mut text = String::new();
            for event in desk.events(&subject).await? {
                let (at, who) = (event.at, &event.actor.name);
                text += &format!("{at}  {who}  {}  {}\n", event.action, event.detail);
            }
            text
        }
    })
}

/// The kind of a serial shows in its first letters.
async fn show(serial: &str, desk: &Desk) -> Result<String> {
    if let Ok(token) = TokenSerial::parse(serial) {
        return Ok(desk.token(token).await?.to_string());
    }
    if let Ok(licence) = LicenceSerial::parse(serial) {
        return Ok(desk.licence(licence).await?.to_string());
    }
    let product = ProductSerial::parse(serial)
        .with_context(|| format!("'{serial}' is no serial of a token, licence or product"))?;
    Ok(desk.product(product).await?.to_string())
}
