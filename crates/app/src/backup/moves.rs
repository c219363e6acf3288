//! The right to move a device's tokens, as a line of a backup. Apps that do not know it pass it over.

use super::file::BackupError;
use crate::contents::stored::{Secret, StoredServer};
use crate::contents::{Contents, Server, Token, TokenName, Trust};
use crate::device::{KeyError, Signer};
use crate::error::AppError;
use crate::transfer::Holder;
use ident::TokenSerial;
use serde::{Deserialize, Serialize};
use softtoken::device::{DeviceKeys, SealingPublicKey, Signature, SigningPublicKey};
use softtoken::transfer::{Delegation, TransferKey, Wisher};
use zeroize::Zeroizing;

/// No link begins like it.
const PREFIX: &str = "symbolon-moves-v1:";

/// The right to move tokens, and the names that they had. It is a key's of its own, for which their device gave its
/// word: a device's keys stay where they are, and those of a browser cannot leave it.
#[derive(Debug)]
pub(crate) struct Moves {
    server: Server,
    wisher: Wisher,
    signer: Signer,
    tokens: Vec<Movable>,
}

/// A token that can be moved.
#[derive(Debug)]
pub(crate) struct Movable {
    pub(crate) serial: TokenSerial,
    pub(crate) name: TokenName,
    transfer_key: TransferKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMoves {
    server: StoredServer,
    device: StoredDevice,
    signing_key: Secret,
    delegation: String,
    tokens: Vec<StoredMovable>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDevice {
    signing_key: String,
    sealing_key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMovable {
    serial: String,
    name: String,
    transfer_key: Secret,
}

impl Moves {
    /// Those of a device, for each token server its own.
    pub(super) fn all_of(contents: &Contents) -> Result<Vec<Self>, AppError> {
        let servers = contents.servers().into_iter();
        servers.map(|server| Self::of(contents, server)).collect()
    }

    fn of(contents: &Contents, server: &Server) -> Result<Self, AppError> {
        let tokens = contents.tokens().iter();
        let tokens = tokens.filter_map(|token| Movable::of(token, server));
        let tokens = tokens.collect();
        let (device, signer) = (&contents.device, Signer::generate()?);
        let id = device.registration_id();
        let delegation = Delegation::new(id, signer.public(), |signed| device.sign(signed))?;
        Ok(Self {
            server: server.clone(),
            wisher: Wisher {
                device: *device.keys(),
                delegation: Some(delegation),
            },
            signer,
            tokens,
        })
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> &[Movable] {
        &self.tokens
    }

    /// Their token server, as the tokens that are `known` here believe it. Where none of it is here, as the backup says;
    /// one of the web app does not say why the token server can be believed: its browser judged that.
    pub(crate) fn server(&self, known: &Contents) -> Result<Server, BackupError> {
        let is_its = |known: &&Server| known.url == self.server.url;
        let of_tokens = known.servers().into_iter().find(is_its);
        let server = match &self.server.trust {
            Trust::Authorities(none) if none.is_empty() => {
                of_tokens.or(known.server().filter(is_its))
            }
            Trust::Authorities(_) | Trust::Pin(_) | Trust::Key(_) => {
                of_tokens.or(Some(&self.server))
            }
        };
        server.cloned().ok_or(BackupError::Untrusted)
    }

    /// Who asks this token server of theirs for a token to be moved.
    pub(crate) fn holder(&self, token: &Movable, server: Server) -> Holder<'_> {
        Holder {
            server,
            wisher: self.wisher,
            signer: &self.signer,
            token: token.serial,
            transfer_key: TransferKey::from_bytes(Zeroizing::new(*token.transfer_key.expose())),
        }
    }

    /// Whether a device is the one that was saved: no other is out once a token moves to it.
    pub(crate) fn is_of(&self, contents: &Contents) -> bool {
        self.wisher.device == *contents.device.keys()
    }

    pub(super) fn write_line(&self, plain: &mut Zeroizing<String>) -> Result<(), AppError> {
        let Wisher { device, delegation } = &self.wisher;
        let delegation = delegation.as_ref().ok_or(KeyError)?;
        let stored = StoredMoves {
            server: StoredServer::from(&self.server),
            device: StoredDevice {
                signing_key: device.signing.to_base64url(),
                sealing_key: device.sealing.to_base64url(),
            },
            signing_key: Secret::base64(&self.signer.expose()?),
            delegation: delegation.signature.to_base64url(),
            tokens: self.tokens.iter().map(StoredMovable::from).collect(),
        };
        let json = serde_json::to_string(&stored).map(Zeroizing::new);
        let json = json.map_err(|_| KeyError)?;
        plain.push_str(PREFIX);
        plain.push_str(&json);
        Ok(())
    }

    /// Nothing where a line is none of these.
    pub(super) fn read_line(line: &str) -> Option<Result<Self, AppError>> {
        let json = line.strip_prefix(PREFIX)?;
        Some(Self::read(json))
    }

    fn read(json: &str) -> Result<Self, AppError> {
        let stored: StoredMoves = serde_json::from_str(json).map_err(damaged)?;
        let signing_key = stored.signing_key.bytes().map_err(damaged)?;
        let signer = Signer::from_stored(&signing_key).map_err(damaged)?;
        let StoredDevice {
            signing_key: signing,
            sealing_key: sealing,
        } = stored.device;
        let device = DeviceKeys {
            signing: SigningPublicKey::parse(&signing).map_err(damaged)?,
            sealing: SealingPublicKey::parse(&sealing).map_err(damaged)?,
        };
        let delegation = Delegation {
            key: signer.public(),
            signature: Signature::parse(&stored.delegation).map_err(damaged)?,
        };
        let tokens = stored.tokens.into_iter().map(Movable::try_from);
        Ok(Self {
            server: Server::try_from(stored.server).map_err(damaged)?,
            wisher: Wisher {
                device,
                delegation: Some(delegation),
            },
            signer,
            tokens: tokens.collect::<Result<_, _>>()?,
        })
    }
}

impl Movable {
    /// A token of this server.
    fn of(token: &Token, server: &Server) -> Option<Self> {
        let (serial, own) = token.issued().ok()?;
        (own == server).then(|| Self {
            serial,
            name: token.name().clone(),
            transfer_key: token.transfer_key(&serial),
        })
    }
}

impl From<&Movable> for StoredMovable {
    fn from(token: &Movable) -> Self {
        Self {
            serial: token.serial.to_string(),
            name: token.name.as_str().to_owned(),
            transfer_key: Secret::base64(token.transfer_key.expose()),
        }
    }
}

impl TryFrom<StoredMovable> for Movable {
    type Error = AppError;

    fn try_from(stored: StoredMovable) -> Result<Self, AppError> {
        let key = stored.transfer_key.bytes().map_err(damaged)?;
        let key = key.as_slice().try_into().map_err(damaged)?;
        Ok(Self {
            serial: TokenSerial::parse(&stored.serial).map_err(damaged)?,
            name: TokenName::parse(&stored.name).map_err(damaged)?,
            transfer_key: TransferKey::from_bytes(Zeroizing::new(key)),
        })
    }
}

fn damaged<E>(_: E) -> AppError {
    BackupError::Damaged.into()
}
