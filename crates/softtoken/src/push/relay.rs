use super::login::seconds;
use super::sealed::SealedPush;
use super::web::{PushSubscribeRequest, PushWebKeyRequest, PushWebKeyResponse};
use crate::WireError;
use crate::address::ServerName;
use crate::device::{
    DeviceError, DeviceKeys, Nonce, ProofError, Signature, decode, verify, wire_bytes,
};
use crate::json::{Fields, Form, MessageError, Object};
use crate::limits::MAX_PUSH_BYTES;
use crate::message::messages;
use crate::process::{read_outcome, read_result, write_result};
use crate::transcript::transcript;
use data_encoding::BASE64URL_NOPAD;
use ident::RegistrationId;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const LISTEN_LABEL: &str = "symbolon-push-listen-v1";
const MAILBOX_LABEL: &str = "symbolon-push-mailbox-v1";

wire_bytes! {
    /// 16 random bytes that name one login.
    PushSession, 16
}

wire_bytes! {
    /// Where answers for one gateway wait: SHA-256 over the transcript of `symbolon-push-mailbox-v1` and
    /// the secret that collects them.
    MailboxId, 32
}

/// 32 random bytes of a gateway; whoever has them collects the answers.
pub struct MailboxSecret(Zeroizing<[u8; 32]>);

impl MailboxSecret {
    /// From random bytes.
    pub fn from_random(random: Zeroizing<[u8; 32]>) -> Self {
        Self(random)
    }

    /// Reads base64url without padding.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        decode(text).map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Where its answers wait.
    pub fn mailbox(&self) -> MailboxId {
        let bytes = Zeroizing::new(transcript(MAILBOX_LABEL, &[&*self.0]));
        MailboxId::from_bytes(Sha256::digest(&*bytes).into())
    }

    fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(&*self.0))
    }
}

impl Clone for MailboxSecret {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for MailboxSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailboxSecret(<sealed>)")
    }
}

messages! {
    /// What devices and gateways post to a relay.
    pub enum PushRequest(MAX_PUSH_BYTES, Form::DebugRequest) {
        /// A device: a nonce, please.
        Nonce(PushNonceRequest) = "SoftToken.PushNonceRequest",
        /// A device: my requests, please. The answer is a stream of [`PushRequest::Login`].
        Listen(PushListenRequest) = "SoftToken.PushListenRequest",
        /// A gateway: the keys of a device, please.
        Device(PushDeviceRequest) = "SoftToken.PushDeviceRequest",
        /// A gateway: carry this to a device. Also an event of a device's stream.
        Login(PushLoginRequest) = "SoftToken.PushLoginRequest",
        /// A gateway: forget this request. Also an event of a device's stream.
        Withdraw(PushWithdrawRequest) = "SoftToken.PushWithdrawRequest",
        /// A device: carry this to a gateway. Also an event of a gateway's stream.
        Answer(PushAnswerRequest) = "SoftToken.PushAnswerRequest",
        /// A gateway: my answers, please. The answer is a stream of [`PushRequest::Answer`].
        Collect(PushCollectRequest) = "SoftToken.PushCollectRequest",
        /// A device: under which key do you wake closed apps?
        WebKey(PushWebKeyRequest) = "SoftToken.PushWebKeyRequest",
        /// A device: wake me there, please, or no longer.
        Subscribe(PushSubscribeRequest) = "SoftToken.PushSubscribeRequest",
    }
}

messages! {
    /// What a relay answers.
    pub enum PushResponse(MAX_PUSH_BYTES, Form::DebugResponse) {
        /// To [`PushRequest::Nonce`].
        Nonce(PushNonceResponse) = "SoftToken.PushNonceResponse",
        /// To [`PushRequest::Device`].
        Device(PushDeviceResponse) = "SoftToken.PushDeviceResponse",
        /// To [`PushRequest::Login`], [`PushRequest::Answer`] and [`PushRequest::Subscribe`], and where a stream
        /// is refused.
        Accepted(PushAcceptedResponse) = "SoftToken.PushAcceptedResponse",
        /// To [`PushRequest::WebKey`].
        WebKey(PushWebKeyResponse) = "SoftToken.PushWebKeyResponse",
    }
}

/// Asks for a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushNonceRequest;

/// A nonce for one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushNonceResponse {
    /// `nonce`, or `error`.
    pub outcome: Result<Nonce, WireError>,
}

/// A device that wants its requests, with the proof that it holds its signing key.
#[derive(Clone, Debug)]
pub struct PushListenRequest {
    /// `server`, the relay as the device dialled it.
    pub server: ServerName,
    /// `nonce`, of this relay.
    pub nonce: Nonce,
    /// `signing_key` and `sealing_key`
    pub keys: DeviceKeys,
    /// `signature` over [`listen_transcript`].
    pub signature: Signature,
}

/// Asks for a device's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushDeviceRequest {
    /// `registration_id`
    pub device: RegistrationId,
}

/// A device's keys. Whoever asks computes the registration id from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushDeviceResponse {
    /// `signing_key` and `sealing_key`, or `error`.
    pub outcome: Result<DeviceKeys, WireError>,
}

/// All that a relay knows of a login request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// `registration_id`, of the device.
    pub device: RegistrationId,
    /// `session`
    pub session: PushSession,
    /// `expires`, in seconds after the epoch.
    pub expires_unix: u64,
}

/// A sealed login request on its way to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushLoginRequest {
    /// Where it goes.
    pub addressed: Addressed,
    /// `sealed`
    pub sealed: SealedPush,
}

/// A login that needs no answer any more: it has one, a code was typed, or nobody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushWithdrawRequest {
    /// `registration_id`, of the device.
    pub device: RegistrationId,
    /// `session`
    pub session: PushSession,
}

/// A sealed answer on its way to a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAnswerRequest {
    /// `mailbox`, of the gateway.
    pub mailbox: MailboxId,
    /// `session`
    pub session: PushSession,
    /// `sealed`
    pub sealed: SealedPush,
}

/// A gateway that wants its answers.
#[derive(Clone, Debug)]
pub struct PushCollectRequest {
    /// `mailbox_secret`
    pub secret: MailboxSecret,
}

/// It was taken, or `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAcceptedResponse {
    /// `error`
    pub error: Option<WireError>,
}

/// What a device signs to get its requests: the relay, its nonce and both keys.
pub fn listen_transcript(server: &ServerName, nonce: &Nonce, keys: &DeviceKeys) -> Vec<u8> {
    transcript(
        LISTEN_LABEL,
        &[
            server.as_str().as_bytes(),
            nonce.as_bytes(),
            keys.signing.as_bytes(),
            keys.sealing.as_bytes(),
        ],
    )
}

/// The device that proves itself; whether the nonce is fresh is for the caller to say.
pub fn verify_listener(
    request: &PushListenRequest,
    own_names: &[ServerName],
) -> Result<RegistrationId, ProofError> {
    if !own_names.contains(&request.server) {
        return Err(ProofError::Server);
    }
    let signed = listen_transcript(&request.server, &request.nonce, &request.keys);
    verify(&request.keys.signing, &signed, &request.signature)?;
    Ok(request.keys.registration_id())
}

impl PushNonceRequest {
    #[expect(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "as every message is written"
    )]
    fn write(&self, _: &mut Object<'_>) {}

    #[expect(clippy::unnecessary_wraps, reason = "as every message is read")]
    fn read(_: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self)
    }
}

impl PushNonceResponse {
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

impl PushListenRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("server", self.server.as_str());
        object.text("nonce", &self.nonce.to_base64url());
        object.text("signing_key", &self.keys.signing.to_base64url());
        object.text("sealing_key", &self.keys.sealing.to_base64url());
        object.text("signature", &self.signature.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            server: fields.parsed("server", ServerName::parse)?,
            nonce: fields.parsed("nonce", Nonce::parse)?,
            keys: DeviceKeys::read(fields)?,
            signature: fields.parsed("signature", Signature::parse)?,
        })
    }
}

impl PushDeviceRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("registration_id", self.device.as_str());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            device: fields.parsed("registration_id", RegistrationId::parse)?,
        })
    }
}

impl PushDeviceResponse {
    const NULL_ON_ERROR: [&str; 2] = ["signing_key", "sealing_key"];

    fn write(&self, object: &mut Object<'_>) {
        match &self.outcome {
            Ok(keys) => {
                object.text("signing_key", &keys.signing.to_base64url());
                object.text("sealing_key", &keys.sealing.to_base64url());
            }
            Err(_) => Self::NULL_ON_ERROR
                .into_iter()
                .for_each(|name| object.null(name)),
        }
        write_result(object, self.outcome.as_ref().err());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let error = read_result(fields)?;
        let outcome = read_outcome(fields, &Self::NULL_ON_ERROR, error, DeviceKeys::read)?;
        Ok(Self { outcome })
    }
}

impl PushLoginRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("registration_id", self.addressed.device.as_str());
        object.text("session", &self.addressed.session.to_base64url());
        object.number("expires", seconds(self.addressed.expires_unix));
        object.text("sealed", &self.sealed.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            addressed: Addressed {
                device: fields.parsed("registration_id", RegistrationId::parse)?,
                session: fields.parsed("session", PushSession::parse)?,
                expires_unix: fields.integer("expires")?,
            },
            sealed: fields.parsed("sealed", SealedPush::parse)?,
        })
    }
}

impl PushWithdrawRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("registration_id", self.device.as_str());
        object.text("session", &self.session.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            device: fields.parsed("registration_id", RegistrationId::parse)?,
            session: fields.parsed("session", PushSession::parse)?,
        })
    }
}

impl PushAnswerRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.text("mailbox", &self.mailbox.to_base64url());
        object.text("session", &self.session.to_base64url());
        object.text("sealed", &self.sealed.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            mailbox: fields.parsed("mailbox", MailboxId::parse)?,
            session: fields.parsed("session", PushSession::parse)?,
            sealed: fields.parsed("sealed", SealedPush::parse)?,
        })
    }
}

impl PushCollectRequest {
    fn write(&self, object: &mut Object<'_>) {
        object.secret("mailbox_secret", &self.secret.to_base64url());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            secret: fields.parsed("mailbox_secret", MailboxSecret::parse)?,
        })
    }
}

impl PushAcceptedResponse {
    fn write(&self, object: &mut Object<'_>) {
        write_result(object, self.error.as_ref());
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            error: read_result(fields)?,
        })
    }
}
