//! What can go wrong, and what the person does next.

use crate::backup::BackupError;
use crate::contents::{ContentsError, ForeignError, NameError};
use crate::device::KeyError;
use crate::disk::DiskError;
use crate::pin::{Pin, PinError};
use crate::push::PushFailure;
use crate::qr::QrError;
use crate::registry::RegistryError;
use crate::transfer::TransferFailure;
use crate::vault::VaultError;
use otp::KeyUriError;
use otp::export_code::ExportCodeError;
use softtoken::address::AddressError;
use softtoken::device::SealError;
use softtoken::link::{LinkError, TokenTextError};
use softtoken::{IssuerName, TextError, WireError};
use std::io;
use std::path::PathBuf;

/// Why a command failed. `Display` says what is the matter, [`AppError::next_step`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A file that the person named.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file with a PIN or a passphrase.
    #[error("{} is no text in UTF-8", .0.display())]
    NotText(PathBuf),
    /// There is no vault yet.
    #[error("there is no token in this app yet")]
    NoVault,
    /// All tokens that were asked for are event-based: showing their codes uses them up.
    #[error("no token here shows codes by the clock")]
    NothingTimed,
    /// The text is not a PIN.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The issuer asks for a longer PIN. The token waits for this device.
    #[error("{} asks for a PIN of at least {needed} digits", issuer.as_str())]
    PinTooShort {
        /// Who asks.
        issuer: IssuerName,
        /// Digits.
        needed: usize,
    },
    /// The issuer of a token in a backup asks for a longer PIN. The token stays where it is.
    #[error("{} asks for a PIN of at least {needed} digits", issuer.as_str())]
    MovedPinTooShort {
        /// Who asks.
        issuer: IssuerName,
        /// Digits.
        needed: usize,
    },
    /// A new PIN is shorter than the issuer of a token here asks for.
    #[error("{} asks for a PIN of at least {needed} digits", issuer.as_str())]
    NewPinTooShort {
        /// Who issued the token.
        issuer: IssuerName,
        /// Digits.
        needed: usize,
    },
    /// A token's name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The tokens here.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A token of another issuer.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// Its link.
    #[error(transparent)]
    KeyUri(#[from] KeyUriError),
    /// Another app's export code.
    #[error(transparent)]
    ExportCode(#[from] ExportCodeError),
    /// One name for several tokens.
    #[error("the code brings {0} tokens, and one name")]
    NameOfSeveral(usize),
    /// The activation code.
    #[error(transparent)]
    Code(#[from] ident::ParseError),
    /// The activation link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The picture.
    #[error("{}: {reason}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: QrError,
    },
    /// The text is not a server's address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The text is not a pin.
    #[error("the pin {0}")]
    SpkiPin(#[from] TokenTextError),
    /// The file has no certificate in PEM.
    #[error("{} has no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// A typed code, and no server was ever named.
    #[error("a typed code does not say which token server it is for")]
    NoServer,
    /// A typed code, and tokens of several servers.
    #[error(
        "tokens of several token servers are here, and a typed code does not say which one it is for"
    )]
    SeveralServers,
    /// A server was named, but not why it can be believed.
    #[error("nothing says why this token server can be believed")]
    NoTrust,
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry, while a code waited to be used.
    #[error(transparent)]
    Activation(RegistryError),
    /// The registry said no.
    #[error("{}", .0.message)]
    Refused(WireError),
    /// This computer's clock and the registry's differ too much.
    #[error("this computer's clock is {}", offset(*here_unix, *server_unix))]
    Clock {
        /// Seconds after the epoch, here.
        here_unix: u64,
        /// Seconds after the epoch, at the registry.
        server_unix: u64,
    },
    /// The seed was not sealed for this device.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The device's keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// This build's version does not fit the protocol.
    #[error("this app's version {0}")]
    Version(#[from] TextError),
    /// A login was not answered.
    #[error(transparent)]
    Push(#[from] PushFailure),
    /// A token was not given away.
    #[error(transparent)]
    Transfer(#[from] TransferFailure),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A backup is not written over another file.
    #[error("{} exists already", .0.display())]
    BackupExists(PathBuf),
    /// Some of a backup stays where it is.
    #[error("{missing} of the backup's tokens {} not restored", if *missing == 1 { "was" } else { "were" })]
    NotAllRestored {
        /// How many.
        missing: usize,
    },
    /// A link is too long for a QR code.
    #[error("the transfer code cannot be drawn")]
    Drawing,
    /// Not two digits.
    #[error("the number that a login shows has two digits")]
    PushNumber,
    /// The live screen was asked for where there is none.
    #[error("the live screen needs a terminal")]
    NotATerminal,
    /// The terminal.
    #[error("cannot use the terminal: {0}")]
    Terminal(#[from] io::Error),
}

impl AppError {
    /// What to do about it, in a sentence.
    pub fn next_step(&self) -> String {
        match self {
            Self::Refused(error) => match error.known() {
                Some(known) => format!("{} {}", known.cause(), known.next_step()),
                None => format!("Ask the administrator; the number is {}.", error.code),
            },
            Self::Vault(error) => vault_step(error),
            Self::Registry(error) => registry_step(error).to_owned(),
            Self::Activation(error) => activation_step(error),
            Self::Contents(error) | Self::Foreign(ForeignError::Contents(error)) => {
                contents_step(error)
            }
            Self::Push(error) => push_step(error),
            Self::Transfer(error) => error.next_step(),
            Self::PinTooShort { needed, .. } => format!(
                "Choose a PIN of {needed} digits with `symbolon app pin`, then add the same code \
                 again: it waits for this device."
            ),
            Self::MovedPinTooShort { needed, .. } => format!(
                "Choose a PIN of {needed} digits with `symbolon app pin`, then restore the backup \
                 again."
            ),
            Self::NewPinTooShort { needed, .. } => format!(
                "Choose one of {needed} to {} digits; the old PIN stays.",
                Pin::MAX_DIGITS
            ),
            other => other.plain_step().to_owned(),
        }
    }

    fn plain_step(&self) -> &'static str {
        match self {
            Self::Disk(_) => "Check the path, its owner and the space on the disk.",
            Self::NotText(_) => "Save the file in UTF-8.",
            Self::NothingTimed => "Name an event-based token: `symbolon app code NAME`.",
            Self::NoVault => "Add one with `symbolon app add`.",
            Self::Pin(_) => "Choose 4 to 8 digits.",
            Self::Name(NameError::TooLong(_)) => {
                "Shorten the name; if it is the activation code, give the code first and the name \
                 with --name, or scan the QR code."
            }
            Self::Name(_) => "Choose another name.",
            Self::Code(_) => "Compare it with the message, or scan its QR code with --qr.",
            Self::KeyUri(_) | Self::Foreign(ForeignError::Issuer(_)) => {
                "Have its issuer show the QR code again, and use it whole and unchanged."
            }
            Self::ExportCode(ExportCodeError::Token(_)) => {
                "Leave that token out of the export, and keep the app that it is in."
            }
            Self::ExportCode(_) => {
                "Have the app show its export code again, and use it whole and unchanged."
            }
            Self::NameOfSeveral(_) => {
                "Leave out --name; `symbolon app rename` gives them other names."
            }
            Self::Link(_) => "Use the QR code of the activation message, whole and unchanged.",
            Self::Picture { .. } => {
                "Save the QR code of the activation message as a PNG picture, or give the link's \
                 text with --qr-text."
            }
            Self::Address(_) => "Give the address as the activation message shows it.",
            Self::SpkiPin(_) => "Copy it from `symbolon up`, which shows it at its start.",
            Self::NoCertificate(_) => "Give the certificate authority's file, `ca.pem`.",
            Self::NoServer => {
                "Name it once with --server URL and --ca FILE (or --pin SHA256), or scan the QR \
                 code, which says it."
            }
            Self::SeveralServers => {
                "Name it with --server URL and --ca FILE (or --pin SHA256), or use the link or the QR code, which say \
                 it."
            }
            Self::NoTrust => "Add --ca FILE or --pin SHA256, or scan the QR code, which says it.",
            Self::Clock { .. } => {
                "Set it, or switch on time synchronisation, then activate again; the code is not \
                 used up."
            }
            Self::Seal(_) => "Add the code again; if it stays so, ask for a new activation code.",
            Self::Keys(_) => "Remove the vault and its secret, and ask for new activation codes.",
            Self::Backup(error) => backup_step(*error),
            Self::BackupExists(_) => "Give the backup another name.",
            Self::NotAllRestored { .. } => "Above it says why. What was restored stays.",
            Self::Drawing => "Leave out --show: the code is sent to you.",
            Self::PushNumber => "Give the two digits that the login shows, such as 07.",
            Self::NotATerminal => {
                "Use the plain commands: `symbolon app list`, `symbolon app code NAME`, `symbolon app push`."
            }
            Self::Terminal(_) => {
                "Where there is none to ask on, give the PIN by --pin-file, and a backup's passphrase by --passphrase-file."
            }
            Self::Version(_) => "Report this with the command that you gave.",
            Self::Vault(_)
            | Self::Registry(_)
            | Self::Activation(_)
            | Self::Contents(_)
            | Self::Foreign(ForeignError::Contents(_))
            | Self::Push(_)
            | Self::Transfer(_)
            | Self::Refused(_)
            | Self::PinTooShort { .. }
            | Self::MovedPinTooShort { .. }
            | Self::NewPinTooShort { .. } => "",
        }
    }
}

fn vault_step(error: &VaultError) -> String {
    match error {
        VaultError::Disk(_) => "Check the path, its owner and the space on the disk.".to_owned(),
        VaultError::Busy { .. } => "Close the other one, then try again.".to_owned(),
        VaultError::Damaged { path, .. } => format!(
            "Put back a copy of {}, or remove it and ask for new activation codes.",
            path.display()
        ),
        VaultError::SecretMissing(path) => format!(
            "Put {} back; without it ask for new activation codes.",
            path.display()
        ),
        VaultError::OtherMachine(_) => "A vault opens only on the machine where it was made; \
             here, remove it and ask for new activation codes."
            .to_owned(),
        VaultError::WrongPin { .. } => {
            "Try again. After the last try all tokens here are destroyed.".to_owned()
        }
        VaultError::Wiped => "Ask the administrator for new activation codes.".to_owned(),
        VaultError::Contents(_) => {
            "Update the app; if it is the newest, ask for new activation codes.".to_owned()
        }
        VaultError::Crypto => "Free some memory (64 MiB are needed), then try again.".to_owned(),
    }
}

fn backup_step(error: BackupError) -> &'static str {
    match error {
        BackupError::Short(_) => "Four words make a good one.",
        BackupError::Mismatch => "Type the same one twice.",
        BackupError::Unknown => {
            "Give a file that `symbolon app backup save`, the web app, Aegis or 2FAS made."
        }
        BackupError::Empty => "Give another file.",
        BackupError::Damaged => "Use another copy of it.",
        BackupError::Passphrase => "Type the one with which it was made.",
        BackupError::Untrusted => {
            "Restore it in the web app, or have a token of that server here first."
        }
        BackupError::Crypto => "Free some memory (64 MiB are needed), then try again.",
    }
}

fn push_step(error: &PushFailure) -> String {
    match error {
        PushFailure::NoServer => "Add a token with `symbolon app add`.".to_owned(),
        PushFailure::NoRelay => {
            "Log in with the code: `symbolon app code`. The administrator switches pushes on."
                .to_owned()
        }
        PushFailure::SeveralServers(tokens) => {
            let names: Vec<_> = tokens.iter().map(|name| format!("\"{name}\"")).collect();
            format!("Name its token with --token: {}.", names.join(", "))
        }
        PushFailure::NotIssued(_) => {
            "`symbolon app list` shows the serials of those that are.".to_owned()
        }
        PushFailure::Connection(error) => registry_step(error).to_owned(),
        PushFailure::Refused(error) => match error.known() {
            Some(known) => format!("{} {}", known.cause(), known.next_step()),
            None => format!("Ask the administrator; the number is {}.", error.code),
        },
        PushFailure::Nothing => {
            "Begin the login first, ask for a push there, then try again.".to_owned()
        }
        PushFailure::Answer(_) | PushFailure::Random => {
            "Log in with the code: `symbolon app code`.".to_owned()
        }
    }
}

/// Silence has used up no code: the registry keeps what it sent for the device that asks again.
fn activation_step(error: &RegistryError) -> String {
    let step = registry_step(error);
    match error {
        RegistryError::Unreachable { .. } => format!("{step} The code is not used up."),
        _ => step.to_owned(),
    }
}

fn registry_step(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Unreachable { .. } => "Check the network and the address, then try again.",
        RegistryError::Certificate { .. } => {
            "Do not go on from a network that you do not trust. If the server got a new \
             certificate authority, use a new activation message, or its file with --ca, and --new-authority."
        }
        RegistryError::CertificateTime(_) => {
            "Check this computer's date; if it is right, the server's certificate has to be \
             renewed."
        }
        RegistryError::Status { status: 503, .. } => "Try again in a minute.",
        RegistryError::Status { .. }
        | RegistryError::Message { .. }
        | RegistryError::OtherAnswer(_) => {
            "Check the address: does it belong to a token server, and is this app up to date?"
        }
        RegistryError::Authority { .. } => "Give the certificate authority's file with --ca.",
    }
}

fn contents_step(error: &ContentsError) -> String {
    match error {
        ContentsError::NameTaken(_) => "Choose another name with --name.".to_owned(),
        ContentsError::Unknown(_) => "`symbolon app list` shows the names.".to_owned(),
        ContentsError::CounterSpent => "Ask for a new token.".to_owned(),
        ContentsError::Duplicate(name) => format!("Its codes: `symbolon app code \"{name}\"`."),
        ContentsError::OtherServer(name, _) => format!(
            "Did you ask for the new one? Then delete the old one (`symbolon app remove \"{name}\"`) and add the same \
             code again: it waits for this device."
        ),
        ContentsError::OtherAuthority(_) => {
            "Ask whoever runs it whether that is right. Only if it is, add the code with --new-authority: all its tokens \
             here are held to the new one from then on."
                .to_owned()
        }
        ContentsError::NotIssued(_) => {
            "Take it along in a backup: `symbolon app backup save FILE`.".to_owned()
        }
    }
}

/// By how much a clock is wrong, for people.
fn offset(here_unix: u64, server_unix: u64) -> String {
    let direction = if here_unix > server_unix {
        "fast"
    } else {
        "slow"
    };
    let seconds = here_unix.abs_diff(server_unix);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, _) => format!("{minutes} min {seconds} s {direction}"),
        (0, _, _) => format!("{hours} h {minutes} min {direction}"),
        _ => format!("{days} days {hours} h {direction}"),
    }
}
