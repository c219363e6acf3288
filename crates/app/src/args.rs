//! The command line of `symbolon app`.

use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use std::path::PathBuf;

/// The authenticator: tokens on this computer, under a PIN.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Directory of the vault [default: $XDG_DATA_HOME/symbolon-app]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Directory of the secret that binds the vault to this machine
    /// [default: $XDG_CONFIG_HOME/symbolon-app]
    #[arg(long, global = true, value_name = "DIR")]
    pub secrets: Option<PathBuf>,

    /// Read the PIN from the first line of this file, `-` for standard input
    #[arg(long, global = true, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,

    /// What to do [default: live]
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the app does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show codes on a screen that stays open, and answer logins there
    Live(Live),
    /// Take over a token with its activation code or QR code, or other issuers' by theirs
    Add(Add),
    /// Show all tokens
    List,
    /// Show the current code of one token, or of all
    Code {
        /// Name or serial
        name: Option<String>,
        /// Keep showing it, with the seconds left
        #[arg(long)]
        watch: bool,
    },
    /// Give a token another name, at most 32 characters
    Rename {
        /// Name or serial
        old: String,
        /// New name
        new: String,
    },
    /// Delete a token from this app; its issuer has to provide a new one
    Remove {
        /// Name or serial
        name: String,
    },
    /// Approve or deny logins that wait for this device
    Push(Push),
    /// Move a token to another device, or take one over from there
    #[command(subcommand)]
    Transfer(Transfer),
    /// Save tokens in a file under a passphrase, or bring them back
    #[command(subcommand)]
    Backup(Backup),
    /// Choose another PIN
    Pin {
        /// Read the new PIN from the first line of this file
        #[arg(long, value_name = "FILE")]
        new_pin_file: Option<PathBuf>,
    },
}

/// How the live screen begins.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct Live {
    /// Show no code before it is asked for
    #[arg(long)]
    pub hidden: bool,

    /// Lock after so many minutes without a key
    #[arg(long, value_name = "MINUTES", default_value_t = Self::LOCK_AFTER_MIN,
          value_parser = clap::value_parser!(u8).range(1..=15))]
    pub lock_after: u8,
}

impl Live {
    /// Long enough to log in somewhere, and short enough for a desk that was left.
    const LOCK_AFTER_MIN: u8 = 2;
}

impl Default for Live {
    fn default() -> Self {
        Self {
            hidden: false,
            lock_after: Self::LOCK_AFTER_MIN,
        }
    }
}

/// What to say to a login. Without an option each login is shown, and the answer typed.
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("decision").args(["approve", "deny", "not_me"]))]
pub struct Push {
    /// Approve the login that waits, with the number that it shows; without one where it shows none
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "")]
    pub approve: Option<String>,

    /// Deny the login that waits
    #[arg(long)]
    pub deny: bool,

    /// Deny the login that waits, and warn the administrator: it is somebody else's
    #[arg(long)]
    pub not_me: bool,

    /// Answer logins for this token alone, by its name or serial; where tokens of several token servers are here, an
    /// answer without a question needs it
    #[arg(long, value_name = "NAME")]
    pub token: Option<String>,

    /// End after the first login
    #[arg(long)]
    pub once: bool,
}

/// What is to become of a token.
#[derive(Debug, Subcommand)]
pub enum Transfer {
    /// Begin on the device that has the token; it works until the other one has it
    Start {
        /// Name or serial
        name: String,
        /// Show the transfer code here as a QR code; without this it is sent to you
        #[arg(long)]
        show: bool,
        /// Do not wait until the other device has the token
        #[arg(long)]
        no_wait: bool,
    },
    /// Take a token over on this device, with the transfer code
    Take(Add),
    /// Say how it stands, and whether another device has it by now
    Status {
        /// Name or serial
        name: String,
    },
    /// Keep the token on this device after all
    Cancel {
        /// Name or serial
        name: String,
    },
}

/// What is to become of a backup.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Save tokens of other issuers, and the right to move those of the token server
    Save(BackupFile),
    /// Bring back what is not here; a token of the token server moves here, if its issuer allows it. Files of Aegis
    /// and 2FAS are read too
    Restore(BackupFile),
}

/// A backup and what opens it.
#[derive(Debug, ClapArgs)]
pub struct BackupFile {
    /// The file
    pub file: PathBuf,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Where the activation comes from.
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("source").required(true).args(["code", "qr", "qr_text"]))]
#[command(group = ArgGroup::new("trust").args(["ca", "pin"]).requires("server"))]
pub struct Add {
    /// The activation code, 16 characters; blanks, hyphens and lower case are forgiven
    pub code: Option<String>,

    /// A PNG picture with the QR code
    #[arg(long, value_name = "FILE")]
    pub qr: Option<PathBuf>,

    /// The text of the QR code: an activation link, another issuer's `otpauth://`, or an export code of Google
    /// Authenticator
    #[arg(long, value_name = "LINK")]
    pub qr_text: Option<String>,

    /// What to call the token, at most 32 characters [default: its serial]
    #[arg(long)]
    pub name: Option<String>,

    /// Address of the token server for a typed code; remembered
    #[arg(long, value_name = "URL", conflicts_with_all = ["qr", "qr_text"])]
    pub server: Option<String>,

    /// Its certificate authority, a PEM file
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// SHA-256 of its certificate authority's public key, as the QR code has it
    // One in 64 begins with a hyphen.
    #[arg(long, value_name = "SHA256", allow_hyphen_values = true)]
    pub pin: Option<String>,

    /// The certificate of the token server may come from another authority than its tokens here know; all of them are
    /// held to the new one from then on
    #[arg(long)]
    pub new_authority: bool,
}
