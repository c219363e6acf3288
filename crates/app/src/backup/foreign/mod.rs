//! Files of other authenticator apps: Aegis and 2FAS, plain and encrypted.

mod aegis;
mod two_fas;

use super::BackupError;
use crate::contents::stored::Secret;
use otp::key_uri::Name;
use otp::{Digest, Digits, KeyUri, Kind, Parameters, Period, Seed};
use serde_json::value::RawValue;

/// A file of another app.
pub(super) enum ForeignFile<'a> {
    Aegis(aegis::Vault<'a>),
    TwoFas(two_fas::Backup<'a>),
}

/// What was in it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) tokens: Vec<KeyUri>,
    /// Tokens of another kind, or damaged.
    pub(super) unread: usize,
}

impl<'a> ForeignFile<'a> {
    /// The file, if it is one of another app.
    pub(super) fn read(file: &'a [u8]) -> Option<Self> {
        let aegis = serde_json::from_slice(file).map(Self::Aegis);
        let read = aegis.or_else(|_| serde_json::from_slice(file).map(Self::TwoFas));
        read.ok()
    }

    pub(super) fn is_sealed(&self) -> bool {
        match self {
            Self::Aegis(vault) => vault.is_sealed(),
            Self::TwoFas(backup) => backup.is_sealed(),
        }
    }

    /// Opens it; a plain one has no use for the password.
    pub(super) fn open(&self, password: &str) -> Result<Found, BackupError> {
        match self {
            Self::Aegis(vault) => vault.open(password),
            Self::TwoFas(backup) => backup.open(password),
        }
    }
}

/// A token as another app writes it, with values that nobody has looked at.
struct Entry {
    kind: String,
    issuer: Option<String>,
    account: Option<String>,
    secret: Secret,
    algorithm: Option<String>,
    digits: Option<u8>,
    period: Option<u32>,
    counter: Option<u64>,
}

/// Those that can be used: a file is not refused because of one of another kind.
fn usable<'a>(
    entries: impl IntoIterator<Item = &'a RawValue>,
    read: impl Fn(&str) -> Result<Entry, serde_json::Error>,
) -> Found {
    let mut found = Found::default();
    for entry in entries {
        match read(entry.get()).ok().and_then(|entry| entry.key_uri()) {
            Some(uri) => found.tokens.push(uri),
            None => found.unread += 1,
        }
    }
    found
}

impl Entry {
    fn key_uri(&self) -> Option<KeyUri> {
        let (kind, counter) = match self.kind.to_ascii_lowercase().as_str() {
            "totp" => (Kind::Totp(period(self.period)?), None),
            "hotp" => (Kind::Hotp, Some(self.counter.unwrap_or(0))),
            _ => return None,
        };
        let name = |text: &Option<String>| text.as_deref().and_then(Name::nearest);
        let issuer = name(&self.issuer);
        let account = name(&self.account).or_else(|| issuer.clone());
        Some(KeyUri {
            issuer,
            account: account.or_else(|| Name::nearest("Token"))?,
            seed: Seed::from_foreign_base32(self.secret.as_str()).ok()?,
            parameters: Parameters {
                kind,
                digest: digest(self.algorithm.as_deref())?,
                digits: self
                    .digits
                    .map_or(Some(Digits::SIX), |it| Digits::new(it).ok())?,
            },
            counter,
        })
    }
}

fn period(seconds: Option<u32>) -> Option<Period> {
    seconds.map_or(Some(Period::THIRTY), |it| Period::new(it).ok())
}

fn digest(name: Option<&str>) -> Option<Digest> {
    let name = name.unwrap_or("SHA1").to_ascii_uppercase().replace('-', "");
    match name.strip_prefix("HMAC").unwrap_or(&name) {
        "SHA1" => Some(Digest::Sha1),
        "SHA256" => Some(Digest::Sha256),
        "SHA512" => Some(Digest::Sha512),
        _ => None,
    }
}
