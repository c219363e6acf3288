//! Contents as JSON, the plaintext of the vault.

use super::export::Export;
use super::{Contents, Origin, OwedReceipt, Server, StoredError, Token, TokenName, Trust};
use crate::device::Device;
use data_encoding::{BASE64, HEXLOWER};
use ident::{PinLength, PinPolicy, PinRequirement, TokenSerial};
use otp::export_code::Batch;
use otp::key_uri::Name;
use otp::{Digest, Digits, Kind, Parameters, Period, Seed};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use softtoken::address::ServerUrl;
use softtoken::device::AnswerHash;
use softtoken::link::SpkiPin;
use softtoken::{IssuerName, digest_name};
use std::collections::BTreeSet;
use std::fmt;
use zeroize::Zeroizing;

/// Room for a hundred tokens before the buffer grows and leaves a copy behind.
const FIRST_CAPACITY: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredContents {
    signing_key: Secret,
    sealing_key: Secret,
    server: Option<StoredServer>,
    tokens: Vec<StoredToken>,
    receipts: Vec<StoredReceipt>,
    #[serde(default)]
    refused: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    export: Option<StoredExport>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredToken {
    name: String,
    serial: Option<String>,
    /// Its token server. Vaults of before have none: it is the one to which its receipt is owed, or that of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<StoredServer>,
    /// In the place of a serial and a server, for a token of another issuer.
    #[serde(default)]
    account: Option<String>,
    issuer: String,
    seed: Secret,
    /// Seconds; 0 for an event-based token.
    period: u32,
    digits: u8,
    algorithm: String,
    #[serde(default)]
    pin_policy: Option<StoredPinPolicy>,
    counter: u64,
    #[serde(default)]
    added: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPinPolicy {
    require_pin: String,
    pin_length: u8,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredServer {
    url: String,
    pin: Option<String>,
    authorities: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredReceipt {
    token: String,
    answer_hash: String,
    server: StoredServer,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredExport {
    id: u64,
    size: u8,
    read: BTreeSet<u8>,
}

/// A text that is wiped when dropped.
pub(crate) struct Secret(Zeroizing<String>);

impl Contents {
    /// The plaintext of the vault.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, StoredError> {
        let stored = StoredContents {
            signing_key: Secret::base64(&self.device.expose_signing()?),
            sealing_key: Secret::base64(&*self.device.expose_sealing()),
            server: self.server.as_ref().map(StoredServer::from),
            tokens: self.tokens.iter().map(StoredToken::from).collect(),
            receipts: self.receipts.iter().map(StoredReceipt::from).collect(),
            refused: self.refused.iter().map(ToString::to_string).collect(),
            export: self.export.as_ref().map(StoredExport::from),
        };
        let mut json = Zeroizing::new(Vec::with_capacity(FIRST_CAPACITY));
        serde_json::to_writer(&mut *json, &stored)
            .map_err(|error| StoredError::Json(error.to_string()))?;
        Ok(json)
    }

    /// From the plaintext of the vault.
    pub fn from_json(json: &[u8]) -> Result<Self, StoredError> {
        // serde_json names a place, and for wrong types the kind of value, never a string's content.
        let stored: StoredContents =
            serde_json::from_slice(json).map_err(|error| StoredError::Json(error.to_string()))?;
        let sealing = stored.sealing_key.bytes()?;
        let sealing = sealing.as_slice().try_into().map_err(wrong)?;
        Ok(Self {
            device: Device::from_stored(&stored.signing_key.bytes()?, sealing)?,
            tokens: stored
                .tokens
                .into_iter()
                .map(|token| {
                    Token::try_from(token.with_server(&stored.receipts, stored.server.as_ref()))
                })
                .collect::<Result<_, _>>()?,
            server: stored.server.map(Server::try_from).transpose()?,
            receipts: stored
                .receipts
                .into_iter()
                .map(OwedReceipt::try_from)
                .collect::<Result<_, _>>()?,
            refused: stored
                .refused
                .iter()
                .map(|serial| TokenSerial::parse(serial).map_err(wrong))
                .collect::<Result<_, _>>()?,
            export: stored.export.map(Export::try_from).transpose()?,
        })
    }
}

impl Contents {
    /// The same device and tokens once more, for a task of its own.
    pub fn twin(&self) -> Result<Self, StoredError> {
        Self::from_json(&self.to_json()?)
    }
}

impl From<&Token> for StoredToken {
    fn from(token: &Token) -> Self {
        let period = match token.parameters.kind {
            Kind::Totp(period) => period.secs(),
            Kind::Hotp => 0,
        };
        Self {
            name: token.name.as_str().to_owned(),
            serial: token.serial().map(|serial| serial.to_string()),
            server: token.server().map(StoredServer::from),
            account: match &token.origin {
                Origin::Issued { .. } => None,
                Origin::Foreign(account) => Some(account.as_str().to_owned()),
            },
            issuer: token.issuer.as_str().to_owned(),
            seed: Secret(token.seed.to_hex()),
            period,
            digits: token.parameters.digits.count(),
            algorithm: digest_name(token.parameters.digest).to_owned(),
            pin_policy: token.pin_policy.map(StoredPinPolicy::from),
            counter: token.counter,
            added: token.added_unix,
        }
    }
}

impl StoredToken {
    /// As it is stored now.
    fn with_server(mut self, receipts: &[StoredReceipt], last: Option<&StoredServer>) -> Self {
        if let (Some(serial), None) = (&self.serial, &self.server) {
            let owed = receipts.iter().find(|receipt| receipt.token == *serial);
            self.server = owed.map(|receipt| &receipt.server).or(last).cloned();
        }
        self
    }
}

impl TryFrom<StoredToken> for Token {
    type Error = StoredError;

    fn try_from(stored: StoredToken) -> Result<Self, StoredError> {
        let digest = [Digest::Sha1, Digest::Sha256, Digest::Sha512]
            .into_iter()
            .find(|&digest| digest_name(digest) == stored.algorithm)
            .ok_or_else(|| wrong("algorithm"))?;
        let parameters = Parameters {
            kind: Period::new(stored.period).map_or(Kind::Hotp, Kind::Totp),
            digits: Digits::new(stored.digits).map_err(wrong)?,
            digest,
        };
        Ok(Self {
            name: TokenName::parse(&stored.name).map_err(wrong)?,
            origin: match (&stored.serial, stored.server, &stored.account) {
                (Some(serial), Some(server), None) => Origin::Issued {
                    serial: TokenSerial::parse(serial).map_err(wrong)?,
                    server: server.try_into()?,
                },
                (None, None, Some(account)) => Origin::Foreign(Name::new(account).map_err(wrong)?),
                _ => return Err(wrong("serial")),
            },
            issuer: IssuerName::parse(&stored.issuer).map_err(wrong)?,
            seed: seed(&stored.seed)?,
            parameters,
            pin_policy: stored.pin_policy.map(PinPolicy::try_from).transpose()?,
            counter: stored.counter,
            added_unix: stored.added,
        })
    }
}

impl From<PinPolicy> for StoredPinPolicy {
    fn from(policy: PinPolicy) -> Self {
        Self {
            require_pin: policy.requirement.as_str().to_owned(),
            pin_length: policy.length.digits(),
        }
    }
}

impl TryFrom<StoredPinPolicy> for PinPolicy {
    type Error = StoredError;

    fn try_from(stored: StoredPinPolicy) -> Result<Self, StoredError> {
        let requirement = PinRequirement::parse(&stored.require_pin);
        Ok(Self {
            requirement: requirement.ok_or_else(|| wrong("require_pin"))?,
            length: PinLength::of(stored.pin_length).ok_or_else(|| wrong("pin_length"))?,
        })
    }
}

impl From<&Server> for StoredServer {
    fn from(server: &Server) -> Self {
        let (pin, authorities) = match &server.trust {
            Trust::Pin(pin) | Trust::Key(pin) => (Some(pin.to_string()), Vec::new()),
            Trust::Authorities(certificates) => (
                None,
                certificates.iter().map(|der| BASE64.encode(der)).collect(),
            ),
        };
        Self {
            url: server.url.to_string(),
            pin,
            authorities,
        }
    }
}

impl TryFrom<StoredServer> for Server {
    type Error = StoredError;

    fn try_from(stored: StoredServer) -> Result<Self, StoredError> {
        let trust = match stored.pin {
            Some(pin) => Trust::Pin(SpkiPin::parse(&pin).map_err(wrong)?),
            None => Trust::Authorities(
                stored
                    .authorities
                    .iter()
                    .map(|text| BASE64.decode(text.as_bytes()).map_err(wrong))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Self {
            url: ServerUrl::parse(&stored.url).map_err(wrong)?,
            trust,
        })
    }
}

impl From<&OwedReceipt> for StoredReceipt {
    fn from(receipt: &OwedReceipt) -> Self {
        Self {
            token: receipt.token.to_string(),
            answer_hash: receipt.answer_hash.to_base64url(),
            server: StoredServer::from(&receipt.server),
        }
    }
}

impl TryFrom<StoredReceipt> for OwedReceipt {
    type Error = StoredError;

    fn try_from(stored: StoredReceipt) -> Result<Self, StoredError> {
        Ok(Self {
            token: TokenSerial::parse(&stored.token).map_err(wrong)?,
            answer_hash: AnswerHash::parse(&stored.answer_hash).map_err(wrong)?,
            server: stored.server.try_into()?,
        })
    }
}

impl From<&Export> for StoredExport {
    fn from(export: &Export) -> Self {
        let Export { id, size, read } = export.clone();
        Self { id, size, read }
    }
}

impl TryFrom<StoredExport> for Export {
    type Error = StoredError;

    fn try_from(stored: StoredExport) -> Result<Self, StoredError> {
        let StoredExport { id, size, read } = stored;
        let is_place = |&index| Batch::of(id, u64::from(index), size.into()).is_some();
        if !read.iter().all(is_place) {
            return Err(wrong("export"));
        }
        Ok(Self { id, size, read })
    }
}

impl Secret {
    pub(crate) fn base64(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(BASE64.encode(bytes)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, StoredError> {
        BASE64
            .decode(self.0.as_bytes())
            .map(Zeroizing::new)
            .map_err(wrong)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(Zeroizing::new(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Of whatever length: it was taken in when it came.
fn seed(hex: &Secret) -> Result<Seed, StoredError> {
    let bytes = HEXLOWER.decode(hex.0.as_bytes()).map_err(wrong)?;
    Seed::from_foreign_bytes(Zeroizing::new(bytes)).map_err(wrong)
}

fn wrong(reason: impl fmt::Display) -> StoredError {
    StoredError::Value(reason.to_string())
}
