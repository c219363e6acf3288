//! Backups of 2FAS: JSON whose services stand in the open, or encrypted under PBKDF2-HMAC-SHA-256.

use super::{Entry, Found, usable};
use crate::backup::BackupError;
use crate::backup::file::{KEY_LEN, unsealed};
use crate::contents::stored::Secret;
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// As the app writes them.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::backup) struct Backup<'a> {
    #[serde(rename = "schemaVersion")]
    _schema_version: IgnoredAny,
    #[serde(borrow)]
    services: Vec<&'a RawValue>,
    /// Ciphertext, salt and nonce in base64, with colons between them.
    services_encrypted: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    name: Option<String>,
    secret: Secret,
    #[serde(default)]
    otp: Otp,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Otp {
    token_type: Option<String>,
    issuer: Option<String>,
    account: Option<String>,
    label: Option<String>,
    algorithm: Option<String>,
    digits: Option<u8>,
    period: Option<u32>,
    counter: Option<u64>,
}

impl Backup<'_> {
    fn sealed(&self) -> Option<&str> {
        self.services_encrypted
            .as_deref()
            .filter(|it| !it.is_empty())
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.sealed().is_some()
    }

    pub(super) fn open(&self, password: &str) -> Result<Found, BackupError> {
        let Some(sealed) = self.sealed() else {
            return Ok(tokens(self.services.iter().copied()));
        };
        let parts: Result<Vec<_>, _> = sealed
            .split(':')
            .map(|part| BASE64.decode(part.as_bytes()))
            .collect();
        let parts = parts.map_err(|_| BackupError::Damaged)?;
        let [ciphertext, salt, nonce] = parts.as_slice() else {
            return Err(BackupError::Damaged);
        };
        let mut key = Zeroizing::new([0; KEY_LEN]);
        derive(
            PBKDF2_HMAC_SHA256,
            ITERATIONS,
            salt,
            password.as_bytes(),
            &mut *key,
        );
        let plain = unsealed(&key, nonce, ciphertext)?;
        let services: Vec<&RawValue> =
            serde_json::from_slice(&plain).map_err(|_| BackupError::Damaged)?;
        Ok(tokens(services))
    }
}

fn tokens<'a>(services: impl IntoIterator<Item = &'a RawValue>) -> Found {
    usable(services, |service| {
        let Service { name, secret, otp } = serde_json::from_str(service)?;
        Ok(Entry {
            kind: otp.token_type.unwrap_or_else(|| "totp".to_owned()),
            issuer: otp.issuer.filter(|it| !it.is_empty()).or(name),
            account: otp.account.or(otp.label),
            secret,
            algorithm: otp.algorithm,
            digits: otp.digits,
            period: otp.period,
            counter: otp.counter,
        })
    })
}
