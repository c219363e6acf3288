//! Backups: a file under a passphrase, which the web app reads and writes too.
//!
//! Tokens of other issuers are in it as they are, one `otpauth://` line each. Of a token server's tokens
//! there is nothing in it that makes codes, only the right to move them: a key that wishes in their device's name
//! ([`Delegation`](softtoken::transfer::Delegation)), and what each shares with its gateway for transfers
//! ([`TransferKey`](softtoken::transfer::TransferKey)). Restoring one is a
//! transfer: the issuer's policy says whether it goes, the new device gets a new secret, and the device before is out.
//! The file opens no login and answers no push: for that it would need the token's
//! [`PushKey`](softtoken::push::PushKey).

mod file;
mod foreign;
mod moves;

use crate::contents::{Contents, Token};
use crate::error::AppError;
use crate::vault::Effort;
pub use file::{BackupError, Passphrase};
use foreign::{ForeignFile, Found};
pub(crate) use moves::{Movable, Moves};
use otp::KeyUri;
use zeroize::Zeroizing;

/// Room for a hundred tokens before the buffer grows and leaves a copy behind.
const FIRST_CAPACITY: usize = 64 << 10;

/// What a backup holds.
#[derive(Debug)]
pub struct Backup {
    /// Tokens of other issuers.
    pub(crate) foreign: Vec<KeyUri>,
    /// The right to move tokens of token servers.
    pub(crate) moves: Vec<Moves>,
    /// Tokens of other issuers that cannot be used here.
    pub(crate) unread: usize,
}

/// How many tokens went into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Of other issuers.
    pub foreign: usize,
    /// Of token servers.
    pub issued: usize,
}

/// The text of a backup's file.
pub(crate) fn save(
    contents: &Contents,
    passphrase: &Passphrase,
    effort: Effort,
) -> Result<(String, Saved), AppError> {
    let mut plain = Zeroizing::new(String::with_capacity(FIRST_CAPACITY));
    let mut saved = Saved {
        foreign: 0,
        issued: 0,
    };
    for uri in contents.tokens().iter().filter_map(Token::key_uri) {
        plain.push_str(&uri.render());
        plain.push('\n');
        saved.foreign += 1;
    }
    for moves in Moves::all_of(contents)? {
        saved.issued += moves.tokens().len();
        moves.write_line(&mut plain)?;
        plain.push('\n');
    }
    if saved.foreign + saved.issued == 0 {
        return Err(AppError::NoVault);
    }
    let text = file::seal(plain.trim_end().as_bytes(), passphrase, effort)?;
    Ok((text, saved))
}

/// What a file holds, also one of Aegis or 2FAS. What it is sealed under is asked for where it is sealed.
pub(crate) fn open(
    file: &[u8],
    ask: impl FnOnce() -> Result<Zeroizing<String>, AppError>,
) -> Result<Backup, AppError> {
    let backup = match ForeignFile::read(file) {
        None => open_own(file, &Passphrase::parse(&ask()?)?)?,
        Some(foreign) => {
            let password = if foreign.is_sealed() {
                ask()?
            } else {
                Zeroizing::default()
            };
            let Found { tokens, unread } = foreign.open(&password)?;
            Backup {
                foreign: tokens,
                moves: Vec::new(),
                unread,
            }
        }
    };
    if backup.foreign.is_empty() && backup.moves.is_empty() && backup.unread == 0 {
        return Err(BackupError::Empty.into());
    }
    Ok(backup)
}

fn open_own(file: &[u8], passphrase: &Passphrase) -> Result<Backup, AppError> {
    let plain = file::open(file, passphrase)?;
    let plain = str::from_utf8(&plain).map_err(|_| BackupError::Damaged)?;
    let mut backup = Backup {
        foreign: Vec::new(),
        moves: Vec::new(),
        unread: 0,
    };
    for line in plain.lines() {
        if let Some(moves) = Moves::read_line(line) {
            backup.moves.push(moves?);
        } else if let Ok(uri) = KeyUri::parse_foreign(line) {
            backup.foreign.push(uri);
        } else {
            backup.unread += 1;
        }
    }
    Ok(backup)
}
