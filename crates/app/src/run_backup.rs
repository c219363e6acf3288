//! `symbolon app backup`: saves tokens in a file, and brings them back from there.

use crate::activation::{Order, activate};
use crate::backup::{self, Backup, BackupError, Movable, Moves, Passphrase, Saved};
use crate::contents::{Authority, ContentsError, ForeignError, ReceiptState, Server, Trust};
use crate::error::AppError;
use crate::registry::Registry;
use crate::run::{LineSource, Surroundings, read_named, tell_receipts};
use crate::transfer::{Answered, Holder, TransferFailure};
use crate::vault::OpenVault;
use crate::{disk, push};
use ident::{OpaqueCode, TokenSerial};
use softtoken::link::ActivationLink;
use softtoken::transfer::{Action, Open, Standing};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// Several thousand tokens.
const MAX_FILE_BYTES: usize = 16 << 20;
/// How often, and how many times, a gateway is asked for a code that is being made: half a minute.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS: usize = 30;

pub(crate) fn save(
    file: &Path,
    passphrases: &LineSource,
    vault: &OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    if file.exists() {
        return Err(AppError::BackupExists(file.to_owned()));
    }
    let passphrase = chosen(passphrases)?;
    let (text, Saved { foreign, issued }) =
        backup::save(&vault.contents, &passphrase, world.effort)?;
    disk::replace(file, text.as_bytes())?;
    writeln!(
        world.out,
        "Saved {}: {foreign} of other issuers, and the right to move {issued} of token servers to another \
         device. Whoever forgets the passphrase has lost the file.",
        file.display(),
    )?;
    Ok(())
}

fn chosen(passphrases: &LineSource) -> Result<Passphrase, AppError> {
    let first = passphrases.line("Passphrase, at least 12 characters")?;
    if !passphrases.is_file() && *passphrases.line("The same passphrase again")? != *first {
        return Err(BackupError::Mismatch.into());
    }
    Ok(Passphrase::parse(&first)?)
}

/// Opens a file before a vault is opened, or made, for it.
pub(crate) fn opened(file: &Path, passphrases: &LineSource) -> Result<Backup, AppError> {
    let bytes = read_named(file, MAX_FILE_BYTES)?;
    backup::open(&bytes, || passphrases.line("Passphrase"))
}

/// Brings back what it can, and says of each token what became of it.
pub(crate) async fn restore(
    backup: Backup,
    vault: &mut OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let Backup {
        foreign,
        moves,
        unread,
    } = backup;
    let mut missing = unread;
    if unread > 0 {
        writeln!(
            world.out,
            "Of other issuers' tokens {unread} cannot be used here: keep the app or file that they are in."
        )?;
    }
    for uri in foreign {
        match vault.contents.put_foreign(uri, None, (world.now_unix)()) {
            Ok(name) => writeln!(world.out, "{name} is restored.")?,
            Err(ForeignError::Contents(ContentsError::Duplicate(name))) => {
                writeln!(world.out, "{name} is here already.")?;
            }
            Err(error) => {
                missing += 1;
                writeln!(world.out, "A token is not restored: {error}.")?;
            }
        }
    }
    vault.save()?;
    let mut came = Vec::new();
    for moves in moves {
        missing += move_all(&moves, &mut came, vault, world).await?;
    }
    tell_receipts(&vault.contents, world)?;
    push::introduce(&vault.contents, &came, (world.now_unix)()).await;
    match missing {
        0 => Ok(()),
        missing => Err(AppError::NotAllRestored { missing }),
    }
}

/// How many stay where they are. Those that `came` are noted.
async fn move_all(
    moves: &Moves,
    came: &mut Vec<TokenSerial>,
    vault: &mut OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<usize, AppError> {
    // Once for all: what is moved may come under another name of it.
    let server = moves.server(&vault.contents);
    let mut missing = 0;
    let mut is_pin_too_short = false;
    for token in moves.tokens() {
        let receipt = vault.contents.receipt_of(&token.serial);
        let here = match &server {
            Ok(server) => vault.contents.token_of(server, &token.serial),
            Err(_) => Ok(None),
        };
        match here {
            // An entry whose receipt was refused is of no use.
            Ok(Some(_)) if receipt != ReceiptState::Refused => {
                writeln!(world.out, "{} is here already.", token.name)?;
                continue;
            }
            Ok(_) => {}
            Err(other) => {
                missing += 1;
                writeln!(
                    world.out,
                    "{} stays where it is: {other}. Both cannot be in one app: restore the backup on another device.",
                    token.name
                )?;
                continue;
            }
        }
        // Each try costs one of the few transfers that a token server allows in an hour, and who issued a token is
        // known once it has been fetched.
        if is_pin_too_short {
            missing += 1;
            writeln!(
                world.out,
                "{} is not tried under this PIN, and stays where it is.",
                token.name
            )?;
            continue;
        }
        let moved = match &server {
            Ok(server) => {
                let holder = moves.holder(token, server.clone());
                moved(&holder, token, vault, world).await
            }
            Err(untrusted) => Err((*untrusted).into()),
        };
        if moved.is_ok() {
            came.push(token.serial);
        }
        match moved {
            Ok(()) if vault.contents.receipt_of(&token.serial) == ReceiptState::Owed => writeln!(
                world.out,
                "{} is stored here. The device that had it works until the token server knows so.",
                token.name
            )?,
            Ok(()) if moves.is_of(&vault.contents) => writeln!(
                world.out,
                "{} is back, with a new secret; save a new backup.",
                token.name
            )?,
            Ok(()) => writeln!(
                world.out,
                "{} moved here. The device that had it is out; save a new backup.",
                token.name
            )?,
            Err(error) => {
                missing += 1;
                is_pin_too_short = matches!(error, AppError::MovedPinTooShort { .. });
                let step = error.next_step();
                writeln!(
                    world.out,
                    "{} stays where it is: {error}. {step}",
                    token.name
                )?;
            }
        }
    }
    Ok(missing)
}

/// A transfer whose both ends are here.
async fn moved(
    holder: &Holder<'_>,
    token: &Movable,
    vault: &mut OpenVault,
    world: &Surroundings<'_>,
) -> Result<(), AppError> {
    let link = ActivationLink::parse(&code_for(holder).await?)?;
    let name = token.name.clone();
    let order = Order {
        code: OpaqueCode::from_bytes(*link.code.opaque().as_bytes()),
        name: vault.contents.check_name(&name).is_ok().then_some(name),
        link_secret: Some(link.secret),
        authority: Authority::Known,
    };
    let registry = Registry::new(Server {
        url: link.server,
        trust: Trust::Pin(link.pin),
    })?;
    activate(vault, &registry, order, world.now_unix)
        .await
        .map_err(|error| match error {
            // Whoever restores was shown no code that could be added again.
            AppError::PinTooShort { issuer, needed } => {
                AppError::MovedPinTooShort { issuer, needed }
            }
            other => other,
        })?;
    if vault.contents.receipt_of(&token.serial) == ReceiptState::Refused {
        vault.contents.remove(token.serial.as_str())?;
        vault.save()?;
        return Err(TransferFailure::Late.into());
    }
    Ok(())
}

/// The link that a transfer shows.
async fn code_for(holder: &Holder<'_>) -> Result<Zeroizing<String>, AppError> {
    let mut action = Action::BeginShown;
    for _ in 0..LOOKS {
        match holder.ask(action).await? {
            Answered::Moved => return Err(TransferFailure::Elsewhere.into()),
            Answered::Stands(Standing::Open(Open {
                link: Some(link), ..
            })) => return Ok(link),
            Answered::Stands(_) => {}
        }
        action = Action::Look;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(TransferFailure::Ended.into())
}
