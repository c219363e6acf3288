//! Vaults of Aegis Authenticator: <https://github.com/beemdevelopment/Aegis/blob/master/docs/vault.md>

use super::{Entry, Found, usable};
use crate::backup::BackupError;
use crate::backup::file::{KEY_LEN, unsealed};
use crate::contents::stored::Secret;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use scrypt::{Params, scrypt};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A slot that a password opens; others are for a phone's own keys.
const PASSWORD_SLOT: u32 = 1;
/// The app writes n = 2^15, r = 8 and p = 1. scrypt takes 128 r (n + p) octets (RFC 7914): with few passes over small
/// blocks this much is 256 MiB.
const MAX_N_R: u64 = 1 << 21;
const MAX_R: u32 = 32;
/// Each is another pass over all of it.
const MAX_P: u32 = 4;
/// n r p of all slots of a file: 32 of the app's own, a few seconds.
const MAX_WORK: u64 = 1 << 23;

#[derive(Deserialize)]
pub(in crate::backup) struct Vault<'a> {
    header: Header<'a>,
    /// An object, or a text that is sealed.
    #[serde(borrow)]
    db: &'a RawValue,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    slots: Option<Vec<&'a RawValue>>,
    params: Option<Sealing>,
}

#[derive(Deserialize)]
struct Sealing {
    nonce: String,
    tag: String,
}

#[derive(Deserialize)]
struct AnySlot {
    r#type: u32,
}

#[derive(Deserialize)]
struct PasswordSlot {
    n: u64,
    r: u32,
    p: u32,
    salt: String,
    key: String,
    key_params: Sealing,
}

#[derive(Deserialize)]
struct Db<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct StoredEntry {
    r#type: String,
    name: Option<String>,
    issuer: Option<String>,
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    secret: Secret,
    algo: Option<String>,
    digits: Option<u8>,
    period: Option<u32>,
    counter: Option<u64>,
}

impl Vault<'_> {
    pub(super) fn is_sealed(&self) -> bool {
        self.db.get().starts_with('"')
    }

    pub(super) fn open(&self, password: &str) -> Result<Found, BackupError> {
        if !self.is_sealed() {
            return tokens(self.db.get().as_bytes());
        }
        let sealed: String = serde_json::from_str(self.db.get()).map_err(damaged)?;
        let sealed = BASE64.decode(sealed.as_bytes()).map_err(damaged)?;
        let params = self.header.params.as_ref().ok_or(BackupError::Damaged)?;
        for slot in self.password_slots()? {
            match slot.open(password) {
                Ok(key) => return tokens(&params.open(&key, &sealed)?),
                Err(BackupError::Passphrase) => {}
                Err(error) => return Err(error),
            }
        }
        Err(BackupError::Passphrase)
    }

    /// Those whose work together is bounded: a wrong password tries them all.
    fn password_slots(&self) -> Result<Vec<PasswordSlot>, BackupError> {
        let mut slots = Vec::new();
        let mut work = 0;
        for slot in self.header.slots.iter().flatten() {
            let AnySlot { r#type } = serde_json::from_str(slot.get()).map_err(damaged)?;
            if r#type != PASSWORD_SLOT {
                continue;
            }
            let slot: PasswordSlot = serde_json::from_str(slot.get()).map_err(damaged)?;
            work += slot.work()?;
            if work > MAX_WORK {
                return Err(BackupError::Damaged);
            }
            slots.push(slot);
        }
        Ok(slots)
    }
}

impl PasswordSlot {
    /// n r p, each of which is bounded.
    fn work(&self) -> Result<u64, BackupError> {
        let n_r = self.n.saturating_mul(self.r.into());
        let is_bounded = self.n >= 2
            && self.n.is_power_of_two()
            && n_r <= MAX_N_R
            && (1..=MAX_R).contains(&self.r)
            && (1..=MAX_P).contains(&self.p);
        if !is_bounded {
            return Err(BackupError::Damaged);
        }
        Ok(n_r * u64::from(self.p))
    }

    /// The key of the vault.
    fn open(&self, password: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, BackupError> {
        let log_n = u8::try_from(self.n.ilog2()).map_err(damaged)?;
        let params = Params::new(log_n, self.r, self.p).map_err(damaged)?;
        let salt = unhex(&self.salt)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        scrypt(password.as_bytes(), &salt, &params, &mut *key).map_err(|_| BackupError::Crypto)?;
        let opened = self.key_params.open(&key, &unhex(&self.key)?)?;
        let mut master = Zeroizing::new([0; KEY_LEN]);
        if opened.len() != KEY_LEN {
            return Err(BackupError::Damaged);
        }
        master.copy_from_slice(&opened);
        Ok(master)
    }
}

impl Sealing {
    fn open(&self, key: &[u8; KEY_LEN], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BackupError> {
        let sealed = [sealed, &unhex(&self.tag)?].concat();
        unsealed(key, &unhex(&self.nonce)?, &sealed)
    }
}

fn tokens(db: &[u8]) -> Result<Found, BackupError> {
    let db: Db<'_> = serde_json::from_slice(db).map_err(damaged)?;
    Ok(usable(db.entries, |entry| {
        let StoredEntry {
            r#type,
            name,
            issuer,
            info,
        } = serde_json::from_str(entry)?;
        Ok(Entry {
            kind: r#type,
            issuer,
            account: name,
            secret: info.secret,
            algorithm: info.algo,
            digits: info.digits,
            period: info.period,
            counter: info.counter,
        })
    }))
}

fn unhex(text: &str) -> Result<Vec<u8>, BackupError> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(damaged)
}

fn damaged<E>(_: E) -> BackupError {
    BackupError::Damaged
}
