//! Which key seals what: seeds, codes and configured secrets of the gateway.

use data_encoding::BASE64;
use domain::client::Secret;
use domain::legacy::{Kept, Opened};
use domain::password::PasswordHash;
use domain::schema::Place;
use domain::user::User;
use ident::TokenSerial;
use otp::Seed;
use zeroize::Zeroizing;

use crate::engine::SqlError;
use crate::sealing::{Aad, RootKey, SealError, Sealed, Sealer};

const TENANT: &str = "gateway";

/// Seals and opens the gateway's secrets, each bound to its row.
#[derive(Debug)]
pub(super) struct Secrets {
    sealer: Sealer,
    text: Sealer,
}

impl Secrets {
    pub(super) fn new(root: &RootKey) -> Result<Self, SealError> {
        Ok(Self {
            sealer: Sealer::new(root, "gateway")?,
            text: Sealer::new(root, "gateway-text")?,
        })
    }

    /// What seals secrets that configuration text carries and no row holds like this.
    pub(super) fn text(&self) -> &Sealer {
        &self.text
    }

    /// The name of the key that seals here.
    pub(super) fn key_id(&self) -> u32 {
        self.sealer.key_id()
    }

    pub(super) fn seal_token(
        &self,
        serial: TokenSerial,
        field: &'static str,
        version: u64,
        plain: &[u8],
    ) -> Result<Vec<u8>, SqlError> {
        let aad = token_aad(serial, field, version);
        self.seal(&aad, plain, || {
            SqlError::damaged("token", serial.as_str(), field)
        })
    }

    pub(super) fn open_token(
        &self,
        serial: TokenSerial,
        field: &'static str,
        version: u64,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = Sealed::from_bytes(sealed.to_vec());
        self.sealer
            .open(&token_aad(serial, field, version), &sealed)
            .ok()
    }

    /// Opens a seed for the one computation that needs it.
    pub(super) fn open_seed(
        &self,
        serial: TokenSerial,
        version: u32,
        sealed: &[u8],
    ) -> Option<Seed> {
        let octets = self.open_token(serial, "seed", version.into(), sealed)?;
        Seed::from_bytes(octets).ok()
    }

    /// The same secret in the same field has the same text: a configuration that is put back and holds
    /// what was there has not changed.
    pub(super) fn seal_config(
        &self,
        place: &Place,
        field: &'static str,
        plain: &[u8],
    ) -> Result<Vec<u8>, SqlError> {
        let sealed = self.sealer.seal_alike(&config_aad(place, field), plain);
        let sealed = sealed.map_err(|_| SqlError::damaged("config", place.key(), field))?;
        Ok(sealed.as_bytes().to_vec())
    }

    /// Opens the text after `ENC ` of a configured secret.
    pub(super) fn open_config(&self, place: &Place, field: &str, enc: &str) -> Option<Secret> {
        let sealed = Sealed::from_bytes(BASE64.decode(enc.as_bytes()).ok()?);
        self.sealer
            .open(&config_aad(place, field), &sealed)
            .ok()
            .map(Secret::new)
    }

    /// A user whose password is to be kept, with the password sealed. It opens beside the hash of the same
    /// password only: another password, or another person's row, does not show it.
    pub(super) fn sealed_user(&self, user: User) -> Result<User, SqlError> {
        let (Some(Kept::Open(plain)), Some(hash)) = (&user.legacy, &user.password) else {
            return Ok(user);
        };
        let sealed = self.seal(&legacy_aad(hash), plain.as_bytes(), || {
            SqlError::damaged("person", user.name.as_written(), "legacy")
        })?;
        let legacy = Some(Kept::Sealed(sealed.into()));
        Ok(User { legacy, ..user })
    }

    /// Opens a kept password for the one check that needs it.
    pub(super) fn open_legacy(&self, hash: &PasswordHash, sealed: &[u8]) -> Option<Opened> {
        let sealed = Sealed::from_bytes(sealed.to_vec());
        let octets = self.sealer.open(&legacy_aad(hash), &sealed).ok()?;
        Opened::new(&octets)
    }

    /// Seals what waits in the outbox.
    pub(super) fn seal_message(&self, message: &str, plain: &[u8]) -> Result<Vec<u8>, SqlError> {
        let aad = Aad::new(TENANT, "outbox", message, 0);
        self.seal(&aad, plain, || {
            SqlError::damaged("outbox", message, "payload")
        })
    }

    pub(super) fn open_message(
        &self,
        message: &str,
        sealed: Vec<u8>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let aad = Aad::new(TENANT, "outbox", message, 0);
        self.sealer.open(&aad, &Sealed::from_bytes(sealed)).ok()
    }

    fn seal(
        &self,
        aad: &Aad,
        plain: &[u8],
        damaged: impl FnOnce() -> SqlError,
    ) -> Result<Vec<u8>, SqlError> {
        let sealed = self.sealer.seal(aad, plain).map_err(|_| damaged())?;
        Ok(sealed.as_bytes().to_vec())
    }
}

/// The salt makes a hash belong to one password of one person.
fn legacy_aad(hash: &PasswordHash) -> Aad {
    Aad::new(TENANT, "legacy", hash.as_phc(), 0)
}

fn token_aad(serial: TokenSerial, field: &str, version: u64) -> Aad {
    Aad::new(TENANT, field, serial.as_str(), version)
}

/// Keys and names have no line ends, so none of the root's is taken for another's.
fn config_aad(place: &Place, field: &str) -> Aad {
    let (vdom, key) = (place.vdom(), place.key());
    let row = if vdom.is_root() {
        format!("{key}\n{field}")
    } else {
        format!("{vdom}\n{key}\n{field}")
    };
    Aad::new(TENANT, place.table().path, &row, 0)
}
