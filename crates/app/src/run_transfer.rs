//! `symbolon app transfer`: gives a token away, and follows it until the other device has it.

use crate::contents::Token;
use crate::error::AppError;
use crate::run::Surroundings;
use crate::screen;
use crate::transfer::{ASKED, Answered, TransferFailure, ask, minutes_left, moved, sent};
use crate::vault::OpenVault;
use softtoken::transfer::{Action, Open, Standing};
use std::time::Duration;

/// How often it is asked whether the other device has the token.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a token is given away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// With the code by mail, or shown here.
    pub(crate) action: Action,
    /// Whether to stay until it is gone.
    pub(crate) waits: Waits,
}

/// Whether a command stays until the token is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waits {
    UntilGone,
    No,
}

pub(crate) async fn start(
    start: Start,
    name: &str,
    vault: &OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let token = vault.contents.token(name)?;
    match ask(&vault.contents, token, start.action).await? {
        Answered::Moved => tell_moved(token, world),
        Answered::Stands(standing) => {
            tell(&standing, world)?;
            match start.waits {
                Waits::No => Ok(()),
                Waits::UntilGone => follow(token, standing, vault, world).await,
            }
        }
    }
}

/// How it stands; a token that is on another device stays here until its person removes it.
pub(crate) async fn status(
    name: &str,
    vault: &OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let token = vault.contents.token(name)?;
    match ask(&vault.contents, token, Action::Look).await? {
        Answered::Moved => tell_moved(token, world),
        Answered::Stands(standing) => tell(&standing, world),
    }
}

pub(crate) async fn cancel(
    name: &str,
    vault: &OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    let token = vault.contents.token(name)?;
    match ask(&vault.contents, token, Action::Cancel).await? {
        Answered::Moved => tell_moved(token, world),
        Answered::Stands(_) => Ok(writeln!(
            world.out,
            "{} stays on this device. The transfer code is of no use any more.",
            token.name()
        )?),
    }
}

/// A look that nobody answers ends nothing while the code is good: the other device may have it.
async fn follow(
    token: &Token,
    begun: Standing,
    vault: &OpenVault,
    world: &mut Surroundings<'_>,
) -> Result<(), AppError> {
    writeln!(
        world.out,
        "Waiting for the other device. Ctrl-C stops waiting; the code stays good."
    )?;
    let mut known = begun;
    let mut is_silence_told = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let standing = match ask(&vault.contents, token, Action::Look).await {
            Ok(Answered::Moved) => return tell_moved(token, world),
            Ok(Answered::Stands(standing)) => standing,
            Err(AppError::Registry(error)) if !is_over(&known, world) => {
                if !is_silence_told {
                    writeln!(
                        world.notes,
                        "{error}. It is asked again; the code stays good."
                    )?;
                }
                is_silence_told = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        if standing == Standing::None || is_over(&standing, world) {
            return Err(TransferFailure::Ended.into());
        }
        // The code came after all.
        if link(&standing).is_some() && link(&known).is_none() {
            tell(&standing, world)?;
        }
        known = standing;
    }
}

fn is_over(standing: &Standing, world: &Surroundings<'_>) -> bool {
    matches!(standing, Standing::Open(open) if open.expires_unix <= (world.now_unix)())
}

fn link(standing: &Standing) -> Option<&str> {
    match standing {
        Standing::Open(Open { link, .. }) => link.as_ref().map(|link| link.as_str()),
        Standing::None | Standing::Asked => None,
    }
}

/// Nothing is erased on the word of an answer that nobody signed.
fn tell_moved(token: &Token, world: &mut Surroundings<'_>) -> Result<(), AppError> {
    let name = token.name();
    writeln!(world.out, "{}", moved(token))?;
    Ok(writeln!(
        world.out,
        "It is kept here. Once the other device shows its codes: symbolon app remove {name}"
    )?)
}

fn tell(standing: &Standing, world: &mut Surroundings<'_>) -> Result<(), AppError> {
    let open = match standing {
        Standing::None => return Ok(writeln!(world.out, "The token is on this device alone.")?),
        Standing::Asked => return Ok(writeln!(world.out, "{ASKED}")?),
        Standing::Open(open) => open,
    };
    let now_unix = (world.now_unix)();
    let left = minutes_left(open, now_unix);
    match &open.link {
        Some(link) => {
            write!(world.out, "{}", screen::qr(link)?)?;
            writeln!(
                world.out,
                "Scan this on the other device within {left} minutes, or there:"
            )?;
            writeln!(
                world.out,
                "  symbolon app transfer take --qr-text '{}'",
                link.as_str()
            )?;
        }
        None => writeln!(world.out, "{}", sent(open, now_unix))?,
    }
    Ok(writeln!(
        world.out,
        "This device works until then, and not any longer."
    )?)
}
