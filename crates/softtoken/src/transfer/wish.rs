use super::delegation::{Delegation, Wisher};
use super::key::TransferKey;
use crate::address::ServerName;
use crate::device::{DeviceKeys, Nonce, ProofError, Signature, SigningPublicKey, verify};
use crate::json::{Fields, MessageError, Object};
use crate::token_key::Mac;
use crate::transcript::transcript;
use ident::{RegistrationId, TokenSerial};

const WISH_LABEL: &str = "symbolon-transfer-v2";
const SIGNED_LABEL: &str = "symbolon-transfer-signed-v1";

/// What a device wants of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `begin-mailed`: to go to another device, whose person gets the code by mail.
    BeginMailed,
    /// `begin-shown`: the same, with the code shown by this device.
    BeginShown,
    /// `look`: how does it stand?
    Look,
    /// `cancel`: it stays.
    Cancel,
}

impl Action {
    const ALL: [Self; 4] = [
        Self::BeginMailed,
        Self::BeginShown,
        Self::Look,
        Self::Cancel,
    ];

    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeginMailed => "begin-mailed",
            Self::BeginShown => "begin-shown",
            Self::Look => "look",
            Self::Cancel => "cancel",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let action = Self::ALL.into_iter().find(|action| action.as_str() == text);
        action.ok_or("is no action of a transfer")
    }
}

/// A device's wish, signed by it and with the MAC of the token's holder.
#[derive(Clone, Debug)]
pub struct Wish {
    /// `server`: the token server through which the device asks.
    pub server: ServerName,
    /// `token`
    pub token: TokenSerial,
    /// `action`
    pub action: Action,
    /// `nonce`, of the gateway.
    pub nonce: Nonce,
    wisher: Wisher,
    mac: Mac,
    signature: Signature,
}

/// A wish of the device that says so; whether it is the token's, and holds its seed, is still to be asked.
/// Only [`Wish::prove`] makes one.
#[derive(Debug)]
pub struct ProvenWish<'a>(&'a Wish);

/// Why a wish is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// Another device has the token.
    #[error("another device has the token")]
    OtherDevice,
    /// Another device has the token, and this one has its seed.
    #[error("this device has the token's seed and not the token")]
    SecondDevice,
    /// The device does not have the token's seed.
    #[error("the MAC is wrong")]
    Mac,
}

impl Wish {
    /// A wish; `sign` signs what it is given with the device's signing key, or that of its delegate.
    pub fn new<E>(
        server: ServerName,
        token: TokenSerial,
        action: Action,
        nonce: Nonce,
        key: &TransferKey,
        wisher: Wisher,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Self, E> {
        let wished = wish_transcript(&server, &token, action, &nonce, &wisher.device);
        let mac = key.0.mac(&wished);
        Ok(Self {
            server,
            token,
            action,
            nonce,
            wisher,
            signature: sign(&signed_transcript(&wished, &mac))?,
            mac,
        })
    }

    /// Checks that it is for a token server that goes by `names`, the signature, and the device's word for the key of
    /// a delegate. Whether the nonce is fresh is for the caller to say.
    pub fn prove(&self, names: &[ServerName]) -> Result<ProvenWish<'_>, ProofError> {
        if !names.contains(&self.server) {
            return Err(ProofError::Server);
        }
        let signed = signed_transcript(&self.wished(), &self.mac);
        verify(&self.wisher.signing_key()?, &signed, &self.signature)?;
        Ok(ProvenWish(self))
    }

    fn wished(&self) -> Vec<u8> {
        let Self {
            server,
            token,
            action,
            nonce,
            ..
        } = self;
        wish_transcript(server, token, *action, nonce, &self.wisher.device)
    }

    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.text("server", self.server.as_str());
        object.text("token", self.token.as_str());
        object.text("action", self.action.as_str());
        object.text("nonce", &self.nonce.to_base64url());
        let Wisher { device, delegation } = &self.wisher;
        object.text("signing_key", &device.signing.to_base64url());
        object.text("sealing_key", &device.sealing.to_base64url());
        let delegate = delegation.as_ref().map(|it| it.key.to_base64url());
        object.optional_text("delegate_key", delegate.as_deref());
        let word = delegation.as_ref().map(|it| it.signature.to_base64url());
        object.optional_text("delegation", word.as_deref());
        object.text("mac", &self.mac.to_base64url());
        object.text("signature", &self.signature.to_base64url());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            server: fields.parsed("server", ServerName::parse)?,
            token: fields.parsed("token", TokenSerial::parse)?,
            action: Action::read(fields)?,
            nonce: fields.parsed("nonce", Nonce::parse)?,
            wisher: read_wisher(fields)?,
            mac: fields.parsed("mac", Mac::parse)?,
            signature: fields.parsed("signature", Signature::parse)?,
        })
    }
}

impl ProvenWish<'_> {
    /// The device whose wish it is.
    pub fn device(&self) -> RegistrationId {
        self.0.wisher.device.registration_id()
    }

    /// Whether another key makes it in the device's name, as a backup has one.
    pub fn is_delegated(&self) -> bool {
        self.0.wisher.delegation.is_some()
    }

    /// Whether who made it holds the seed behind `key`.
    pub fn holds(&self, key: &TransferKey) -> bool {
        key.0.made(&self.0.mac, &self.0.wished())
    }

    /// What it wants, if it is `device` and holds the seed behind `key`.
    pub fn of_holder(
        &self,
        device: RegistrationId,
        key: &TransferKey,
    ) -> Result<Action, WishError> {
        match (self.device() == device, self.holds(key)) {
            (true, true) => Ok(self.0.action),
            (true, false) => Err(WishError::Mac),
            (false, true) => Err(WishError::SecondDevice),
            (false, false) => Err(WishError::OtherDevice),
        }
    }
}

fn read_wisher(fields: &mut Fields) -> Result<Wisher, MessageError> {
    let device = DeviceKeys::read(fields)?;
    let key = fields.optional("delegate_key", SigningPublicKey::parse)?;
    let signature = fields.optional("delegation", Signature::parse)?;
    let delegation = match (key, signature) {
        (Some(key), Some(signature)) => Some(Delegation { key, signature }),
        (None, None) => None,
        _ => return Err(fields.wrong_value("delegation", "stands beside delegate_key")),
    };
    Ok(Wisher { device, delegation })
}

fn wish_transcript(
    server: &ServerName,
    token: &TokenSerial,
    action: Action,
    nonce: &Nonce,
    keys: &DeviceKeys,
) -> Vec<u8> {
    transcript(
        WISH_LABEL,
        &[
            server.as_str().as_bytes(),
            token.as_str().as_bytes(),
            action.as_str().as_bytes(),
            nonce.as_bytes(),
            keys.registration_id().as_str().as_bytes(),
        ],
    )
}

fn signed_transcript(wished: &[u8], mac: &Mac) -> Vec<u8> {
    transcript(SIGNED_LABEL, &[wished, mac.as_bytes()])
}
