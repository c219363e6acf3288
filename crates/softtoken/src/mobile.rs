//! Messages between app and registry, at [`crate::MOBILE_PATH`].
//!
//! An activation is three exchanges: a nonce ([`MobileNonceRequest`]), the proof and the sealed seed
//! ([`MobileProvisionRequest`]), the receipt ([`MobileReceiptRequest`]), after which the registry
//! forgets the sealed seed. The same device that asks again with a fresh nonce before its receipt
//! gets the same bytes.

use crate::address::{ServerName, ServerUrl};
use crate::device::{AnswerHash, DeviceKeys, Nonce, SealedSeed, Signature};
use crate::json::{Fields, Form, MessageError, Object};
use crate::limits::MAX_MOBILE_BYTES;
use crate::link::LinkSecret;
use crate::message::messages;
use crate::parameters::{
    digest_name, read_code_shape, read_digest, read_pin_policy, write_code_shape, write_pin_policy,
};
use crate::process::{read_outcome, read_result, write_result};
use crate::{IssuerName, MobileVersion, WireError};
use ident::{OpaqueCode, PinPolicy, RegistrationId, TokenSerial};
use otp::Parameters;

messages! {
    /// What an app asks.
    pub enum MobileRequest(MAX_MOBILE_BYTES, Form::DebugRequest) {
        /// A nonce, please.
        Nonce(MobileNonceRequest) = "SoftToken.MobileNonceRequest",
        /// A code, a device, a proof: the token, please.
        Provision(MobileProvisionRequest) = "SoftToken.MobileProvisionRequest",
        /// The token has arrived.
        Receipt(MobileReceiptRequest) = "SoftToken.MobileReceiptRequest",
        /// Where is the push relay? Gateways ask that too.
        Relay(MobileRelayRequest) = "SoftToken.MobileRelayRequest",
    }
}

messages! {
    /// What the registry answers to an app.
    pub enum MobileResponse(MAX_MOBILE_BYTES, Form::DebugResponse) {
        /// To [`MobileRequest::Nonce`].
        Nonce(MobileNonceResponse) = "SoftToken.MobileNonceResponse",
        /// To [`MobileRequest::Provision`].
        Provision(MobileProvisionResponse) = "SoftToken.MobileProvisionResponse",
        /// To [`MobileRequest::Receipt`].
        Receipt(MobileReceiptResponse) = "SoftToken.MobileReceiptResponse",
        /// To [`MobileRequest::Relay`].
        Relay(MobileRelayResponse) = "SoftToken.MobileRelayResponse",
    }
}

/// Asks for a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileNonceRequest {
    /// `mobile_device_version`
    pub version: MobileVersion,
}

/// A nonce for one proof within [`crate::limits::NONCE_LIFETIME_S`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileNonceResponse {
    /// `nonce`, or `error`.
    pub outcome: Result<Nonce, WireError>,
}

/// The activation code, the device's public keys and its proof that it holds the private ones.
#[derive(Debug)]
pub struct MobileProvisionRequest {
    /// `mobile_device_version`
    pub version: MobileVersion,
    /// `server`, as the device dialled it.
    pub server: ServerName,
    /// `nonce`, from this server.
    pub nonce: Nonce,
    /// `token_activation_code`
    pub code: OpaqueCode,
    /// `link_secret`, if the code came by QR code.
    pub link_secret: Option<LinkSecret>,
    /// `signing_key` and `sealing_key`
    pub keys: DeviceKeys,
    /// `signature` over [`crate::device::activation_transcript`].
    pub signature: Signature,
}

/// The token for this device.
#[derive(Debug)]
pub struct MobileProvisionResponse {
    /// The token, or `error`.
    pub outcome: Result<SealedToken, WireError>,
}

/// A token that only one device can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// `token`
    pub token: TokenSerial,
    /// `registration_id`, of the device.
    pub registration_id: RegistrationId,
    /// `sealed_seed`; see [`crate::device::SealContext::phone`].
    pub sealed_seed: SealedSeed,
    /// `type`, `period`, `digits` and `algorithm`.
    pub parameters: Parameters,
    /// `issuer`, for people.
    pub issuer: IssuerName,
    /// `require_pin` and `pin_length`
    pub pin_policy: PinPolicy,
}

/// The token has arrived and is stored.
#[derive(Debug)]
pub struct MobileReceiptRequest {
    /// `token`
    pub token: TokenSerial,
    /// `registration_id`, of the device.
    pub registration_id: RegistrationId,
    /// `server`, as the device dialled it.
    pub server: ServerName,
    /// `answer_hash`, of `sealed_seed`.
    pub answer_hash: AnswerHash,
    /// `signature` over [`crate::device::receipt_transcript`].
    pub signature: Signature,
}

/// The registry has forgotten the sealed seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileReceiptResponse {
    /// `error`
    pub error: Option<WireError>,
}

/// Asks for the push relay of this installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileRelayRequest {
    /// `mobile_device_version`, or a gateway's.
    pub version: MobileVersion,
}

/// The push relay; its certificate comes from the token server's authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobileRelayResponse {
    /// `relay`, if there is one, or `error`.
    pub outcome: Result<Option<ServerUrl>, WireError>,
}

impl MobileRelayRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("mobile_device_version", self.version.as_str());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            version: fields.parsed("mobile_device_version", MobileVersion::parse)?,
        })
    }
}

impl MobileRelayResponse {
    fn write(&self, object: &mut Object<'_>) {
        let relay = self.outcome.as_ref().ok().and_then(Option::as_ref);
        let relay = relay.map(ToString::to_string);
        object.optional_text("relay", relay.as_deref());
        write_result(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let error = read_result(fields)?;
        let outcome = read_outcome(fields, &["relay"], error, |fields| {
            fields.optional("relay", ServerUrl::parse)
        })?;
        Ok(Self { outcome })
    }
}

impl MobileNonceRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("mobile_device_version", self.version.as_str());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            version: fields.parsed("mobile_device_version", MobileVersion::parse)?,
        })
    }
}

impl MobileNonceResponse {
    fn write(&self, object: &mut Object<'_>) {
        match &self.outcome {
            Ok(nonce) => object.text("nonce", &nonce.to_base64url()),
            Err(_) => object.null("nonce"),
        }
        write_result(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let error = read_result(fields)?;
        let outcome = read_outcome(fields, &["nonce"], error, |fields| {
            fields.parsed("nonce", Nonce::parse)
        })?;
        Ok(Self { outcome })
    }
}

impl MobileProvisionRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("mobile_device_version", self.version.as_str());
        object.text("server", self.server.as_str());
        object.text("nonce", &self.nonce.to_base64url());
        object.secret("token_activation_code", self.code.as_str());
        match &self.link_secret {
            Some(secret) => object.secret("link_secret", &secret.to_base32()),
            None => object.null("link_secret"),
        }
        object.text("signing_key", &self.keys.signing.to_base64url());
        object.text("sealing_key", &self.keys.sealing.to_base64url());
        object.text("signature", &self.signature.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            version: fields.parsed("mobile_device_version", MobileVersion::parse)?,
            server: fields.parsed("server", ServerName::parse)?,
            nonce: fields.parsed("nonce", Nonce::parse)?,
            code: fields.parsed("token_activation_code", OpaqueCode::parse)?,
            link_secret: fields.optional("link_secret", LinkSecret::parse)?,
            keys: DeviceKeys::read(fields)?,
            signature: fields.parsed("signature", Signature::parse)?,
        })
    }
}

impl MobileProvisionResponse {
    const NULL_ON_ERROR: [&str; 10] = [
        "token",
        "registration_id",
        "sealed_seed",
        "type",
        "period",
        "digits",
        "algorithm",
        "issuer",
        "require_pin",
        "pin_length",
    ];

    fn write(&self, object: &mut Object<'_>) {
        match &self.outcome {
            Ok(token) => token.write(object),
            Err(_) => Self::NULL_ON_ERROR
                .into_iter()
                .for_each(|name| object.null(name)),
        }
        write_result(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let error = read_result(fields)?;
        let outcome = read_outcome(fields, &Self::NULL_ON_ERROR, error, SealedToken::read)?;
        Ok(Self { outcome })
    }
}

impl SealedToken {
    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        object.text("registration_id", self.registration_id.as_str());
        object.secret("sealed_seed", &self.sealed_seed.to_base64url());
        write_code_shape(object, self.parameters);
        object.text("algorithm", digest_name(self.parameters.digest));
        object.text("issuer", self.issuer.as_str());
        write_pin_policy(object, self.pin_policy);
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            token: fields.parsed("token", TokenSerial::parse)?,
            registration_id: fields.parsed("registration_id", RegistrationId::parse)?,
            sealed_seed: fields.parsed("sealed_seed", SealedSeed::parse)?,
            parameters: Parameters {
                digest: read_digest(fields)?,
                ..read_code_shape(fields)?
            },
            issuer: fields.parsed("issuer", IssuerName::parse)?,
            pin_policy: read_pin_policy(fields)?,
        })
    }
}

impl MobileReceiptRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("token", self.token.as_str());
        object.text("registration_id", self.registration_id.as_str());
        object.text("server", self.server.as_str());
        object.text("answer_hash", &self.answer_hash.to_base64url());
        object.text("signature", &self.signature.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            token: fields.parsed("token", TokenSerial::parse)?,
            registration_id: fields.parsed("registration_id", RegistrationId::parse)?,
            server: fields.parsed("server", ServerName::parse)?,
            answer_hash: fields.parsed("answer_hash", AnswerHash::parse)?,
            signature: fields.parsed("signature", Signature::parse)?,
        })
    }
}

impl MobileReceiptResponse {
    fn write(&self, object: &mut Object<'_>) {
        write_result(object, self.error.as_ref());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            error: read_result(fields)?,
        })
    }
}
