//! The desk's commands, declared once for both ends of the socket.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use domain::licensing::{AccountName, LicenceSize, Remark, TicketNumber};
use ident::{LicenceSerial, ProductSerial, TokenSerial};
use store::registry::Note;

use super::agents::AgentCommand;
use super::enrolment::EnrolmentCommand;
use super::hardware::HardwareCommand;
use super::managers::ManagerCommand;
use super::requests::{RequestCommand, VerdictCommand};
use super::reserves::ReserveCommand;
use super::tickets::TicketCommand;
use crate::up::LOCAL_ACCOUNT;

/// What is typed.
#[derive(Debug, Subcommand)]
pub(super) enum Input {
    #[command(flatten)]
    Command(Command),
    #[command(flatten)]
    Verdict(VerdictCommand),
}

/// Something to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a customer
    RegisterAccount {
        /// Name, at most 64 characters
        #[arg(value_parser = new_account_name)]
        account: AccountName,
    },
    /// Give a customer another name
    RenameAccount {
        /// The name so far
        #[arg(value_parser = account_name)]
        from: AccountName,
        /// The name from now on
        #[arg(value_parser = new_account_name)]
        to: AccountName,
    },
    /// List customers by name, a thousand at a time
    ListAccounts {
        /// Those behind this name
        #[arg(long, value_name = "ACCOUNT", value_parser = account_name)]
        after: Option<AccountName>,
    },
    /// Register a gateway for a customer
    RegisterProduct {
        /// The gateway's serial, 16 characters
        serial: ProductSerial,
        /// Whose it is
        #[arg(long, default_value = LOCAL_ACCOUNT, value_parser = account_name)]
        account: AccountName,
    },
    /// Take a gateway without licences off the register
    UnregisterProduct {
        /// The gateway's serial
        serial: ProductSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Give all licences and tokens of a gateway to the one in its place
    ReplaceUnit {
        /// The gateway that failed
        old: ProductSerial,
        /// The one in its place; it is registered if it was not
        new: ProductSerial,
        #[command(flatten)]
        note: NoteArgs,
    },
    /// Issue a licence; its code is shown this once
    IssueLicence(NewLicence),
    /// Move a licence with its tokens to another gateway of the customer
    MoveLicence {
        /// The licence, EFTM…
        licence: LicenceSerial,
        /// The gateway that is to have it
        #[arg(long, value_name = "SERIAL")]
        to: ProductSerial,
        #[command(flatten)]
        note: NoteArgs,
    },
    /// Give a licence more time; a code that expired is replaced
    RenewLicence {
        /// The licence, EFTM…
        licence: LicenceSerial,
        /// Days from now until which it must be imported [default: 365; with a lost code as it was]
        #[arg(long, value_parser = valid_days())]
        valid_days: Option<u16>,
        /// End the old code and show a new one, also before its time
        #[arg(long)]
        lost_code: bool,
        /// Where the certificate of a new code goes: a .pdf or .txt file that is not there yet
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Let the gateway that has a licence, and lost its tokens, import it once more
    ResetImport {
        /// The licence, EFTM…
        licence: LicenceSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Take a licence and its tokens out of use for good
    RevokeLicence {
        /// The licence, EFTM… or FTMTRIAL…
        licence: LicenceSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Let a mobile token be neither provisioned nor activated
    LockToken {
        /// The token
        serial: TokenSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Put a token back into use
    UnlockToken {
        /// The token
        serial: TokenSerial,
        #[command(flatten)]
        why: Why,
    },
    #[command(flatten)]
    Hardware(HardwareCommand),
    #[command(flatten)]
    Enrolment(EnrolmentCommand),
    #[command(flatten)]
    Managers(ManagerCommand),
    #[command(flatten)]
    Reserves(ReserveCommand),
    #[command(flatten)]
    Tickets(TicketCommand),
    #[command(flatten)]
    Agents(AgentCommand),
    #[command(flatten)]
    Requests(RequestCommand),
    /// Look up anything: what it is, whose, its history, and what helps
    Look {
        /// A serial, a licence's code, an activation code, a registration id or a customer's name; a
        /// hyphen reads it from standard input, where nobody else sees it
        what: String,
    },
    /// Show a customer: what it has and what it bought when
    Account {
        /// Its name
        #[arg(value_parser = account_name)]
        account: AccountName,
        /// Only products registered after this one: the last one of a page
        #[arg(long, value_name = "SERIAL")]
        products_after: Option<ProductSerial>,
        /// Only licences issued after this one: the last one of a page
        #[arg(long, value_name = "SERIAL")]
        licences_after: Option<LicenceSerial>,
    },
    /// Show a product, a licence or a token, by its serial
    Show {
        /// FGT…, EFTM…, FTMTRIAL…, FTK…, or the serial of a hardware token of another maker
        serial: String,
        /// Where a licence's certificate goes, without the code: a .pdf or .txt file that is not there yet
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// What the desk did to a product, licence, token or account
    History {
        /// Serial, code, registration id or name; `agent NAME`, `request N`
        subject: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewLicence {
    /// How many tokens, 1 to 10,000
    #[arg(long, default_value = "5", value_parser = size)]
    pub(super) tokens: LicenceSize,
    /// Days until which it must be imported
    #[arg(long, default_value_t = VALID_DAYS, value_parser = valid_days())]
    pub(super) valid_days: u16,
    /// For whom
    #[arg(long, default_value = LOCAL_ACCOUNT, value_parser = account_name)]
    pub(super) account: AccountName,
    /// For this gateway only; else for the customer's first that imports it
    #[arg(long, value_name = "SERIAL")]
    pub(super) product: Option<ProductSerial>,
    /// Where the redemption certificate goes: a .pdf or .txt file that is not there yet
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why, in a few words; they go into the record
    #[arg(long, value_parser = remark)]
    pub(super) reason: Remark,
}

#[derive(Debug, Args)]
pub(super) struct NoteArgs {
    #[command(flatten)]
    why: Why,
    /// The ticket that asks for it; it is closed by this
    #[arg(long, value_name = "NUMBER", value_parser = ticket_number)]
    ticket: Option<TicketNumber>,
}

impl From<NoteArgs> for Note {
    fn from(args: NoteArgs) -> Self {
        Self {
            reason: args.why.reason,
            ticket: args.ticket,
        }
    }
}

impl Input {
    /// The file for a redemption certificate. Whoever asks writes it, not the process that answers.
    pub(super) fn certificate(&self) -> Option<&Path> {
        match self {
            Self::Command(command) => command.certificate(),
            Self::Verdict(verdict) => verdict.certificate(),
        }
    }

    /// Refuses arguments that do not go together.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Command(Command::Agents(command)) => Ok(command.check()?),
            Self::Command(Command::Show {
                serial,
                certificate: Some(_),
            }) => {
                let is_licence = LicenceSerial::parse(serial).is_ok_and(|it| !it.is_trial());
                ensure!(
                    is_licence,
                    "'{serial}' is no licence that was issued, EFTM…: only these have a certificate"
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The command, unless it is a verdict.
    pub(super) fn command(&self) -> Option<&Command> {
        match self {
            Self::Command(command) => Some(command),
            Self::Verdict(_) => None,
        }
    }
}

impl Command {
    /// What stands for the line on standard input.
    pub(super) const FROM_INPUT: &str = "-";

    fn certificate(&self) -> Option<&Path> {
        match self {
            Self::IssueLicence(NewLicence { certificate, .. })
            | Self::RenewLicence { certificate, .. }
            | Self::Show { certificate, .. } => certificate.as_deref(),
            _ => None,
        }
    }

    /// The file for a key that whoever asks makes.
    pub(super) fn new_key(&self) -> Option<&Path> {
        match self {
            Self::Agents(command) => command.new_key(),
            _ => None,
        }
    }

    /// The files whose content goes along with it.
    pub(super) fn files(&self) -> Vec<&Path> {
        match self {
            Self::Hardware(command) => command.files().collect(),
            Self::Agents(command) => command.files().collect(),
            Self::Reserves(command) => command.files().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a word of it is to be read from standard input.
    pub(super) fn wants_input(&self) -> bool {
        matches!(self, Self::Look { what } if what == Self::FROM_INPUT)
    }
}

/// A certificate that is bought in one budget is redeemed in the next.
pub(super) const VALID_DAYS: u16 = 365;

/// Ten years are longer than anybody keeps a certificate.
fn valid_days() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=3650)
}

fn size(text: &str) -> Result<LicenceSize, String> {
    let tokens: u32 = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    LicenceSize::new(tokens).map_err(|error| error.to_string())
}

pub(super) fn ticket_number(text: &str) -> Result<TicketNumber, String> {
    let number = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    Ok(TicketNumber(number))
}

/// The name of an account that is there.
pub(super) fn account_name(text: &str) -> Result<AccountName, String> {
    AccountName::given(text).map_err(|error| error.to_string())
}

fn new_account_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|error| error.to_string())
}

fn remark(text: &str) -> Result<Remark, String> {
    Remark::parse(text).map_err(|error| error.to_string())
}
