//! Web Push (RFC 8030, 8291, 8292): how a relay wakes an app that is closed.
//!
//! A browser gives the app an address at its vendor's push service, and keys to which a message for the app is
//! encrypted. The device tells them to the relay under its own signature; what the relay sends there is a
//! [`PushWakeUp`], which says no more than that a login waits.

use super::login::seconds;
use super::relay::PushSession;
use crate::WireError;
use crate::address::{AddressError, ServerName};
use crate::device::{
    DeviceError, DeviceKeys, Nonce, ProofError, Signature, decode, public_key, verify,
};
use crate::json::{Fields, Form, MessageError, Object};
use crate::message::messages;
use crate::process::{read_outcome, read_result, write_result};
use crate::transcript::transcript;
use data_encoding::BASE64URL_NOPAD;
use ident::RegistrationId;
use std::fmt;

const SUBSCRIBE_LABEL: &str = "symbolon-push-subscribe-v1";
const SCHEME: &str = "https://";

public_key! {
    /// The key of a relay under which push services verify who sends (`k` of RFC 8292 section 3.2).
    ApplicationServerKey
}

public_key! {
    /// The key of a browser's subscription, to which messages are encrypted (`p256dh`, RFC 8291 section 3.1).
    UserAgentKey
}

/// The 16 bytes that a browser and who sends to it share (RFC 8291 section 3.2).
#[derive(Clone, PartialEq, Eq)]
pub struct AuthSecret([u8; 16]);

impl AuthSecret {
    /// Reads base64url without padding.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        decode(text).map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Base64url without padding.
    pub fn to_base64url(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

impl fmt::Debug for AuthSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthSecret(<sealed>)")
    }
}

/// The push resource of a subscription: `https://`, a server and a path. Whoever knows it may try to send there
/// (RFC 8030 section 8.3), so it shows its server alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    text: Box<str>,
    server: ServerName,
}

/// Why a text is not the address of a push resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Too long, or with characters that stand in no address.
    #[error(
        "is not an address of at most {} printable characters",
        Endpoint::MAX_BYTES
    )]
    Text,
    /// Its server.
    #[error("{0}")]
    Server(#[from] AddressError),
}

impl Endpoint {
    /// Push services in use give some 200; the longest known some 400.
    pub const MAX_BYTES: usize = 512;

    /// Checks length, characters, scheme and server.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() > Self::MAX_BYTES || !is_printable {
            return Err(EndpointError::Text);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(AddressError::Scheme)?;
        let (authority, _path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            text: text.into(),
            server: ServerName::parse(authority)?,
        })
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The server in it.
    pub fn server(&self) -> &ServerName {
        &self.server
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({SCHEME}{}/…)", self.server)
    }
}

/// Where a browser takes messages, and how they are encrypted to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `endpoint`
    pub endpoint: Endpoint,
    /// `p256dh`
    pub user_agent: UserAgentKey,
    /// `auth`
    pub auth: AuthSecret,
}

/// A device: under which key do you send?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushWebKeyRequest;

/// The key of a relay that wakes closed apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushWebKeyResponse {
    /// `application_server_key`, null where Web Push is not switched on, or `error`.
    pub outcome: Result<Option<ApplicationServerKey>, WireError>,
}

/// A device that wants to be woken, or no longer, with the proof that it holds its signing key.
#[derive(Clone, Debug)]
pub struct PushSubscribeRequest {
    /// `server`, the relay as the device dialled it.
    pub server: ServerName,
    /// `nonce`, of this relay.
    pub nonce: Nonce,
    /// `signing_key` and `sealing_key`
    pub keys: DeviceKeys,
    /// `endpoint`, `p256dh` and `auth`, all null to be forgotten.
    pub subscription: Option<Subscription>,
    /// `signature` over [`subscribe_transcript`].
    pub signature: Signature,
}

/// What a push message says: a login waits. It names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushWakeUp {
    /// `session`, so that a message that comes twice is shown once.
    pub session: PushSession,
    /// `expires`, in seconds after the epoch.
    pub expires_unix: u64,
}

messages! {
    /// What is encrypted in a push message.
    pub enum PushMessage(512, Form::DebugRequest) {
        /// A relay: look, please.
        WakeUp(PushWakeUp) = "SoftToken.PushWakeUp",
    }
}

/// What a device signs to be woken: the relay, its nonce, both keys and the subscription.
pub fn subscribe_transcript(
    server: &ServerName,
    nonce: &Nonce,
    keys: &DeviceKeys,
    subscription: Option<&Subscription>,
) -> Vec<u8> {
    let [endpoint, user_agent, auth]: [&[u8]; 3] =
        subscription.map_or_else(Default::default, |it| {
            let endpoint = it.endpoint.as_str().as_bytes();
            [endpoint, it.user_agent.as_bytes(), it.auth.as_bytes()]
        });
    transcript(
        SUBSCRIBE_LABEL,
        &[
            server.as_str().as_bytes(),
            nonce.as_bytes(),
            keys.signing.as_bytes(),
            keys.sealing.as_bytes(),
            endpoint,
            user_agent,
            auth,
        ],
    )
}

/// The device that proves itself; whether the nonce is fresh is for the caller to say.
pub fn verify_subscriber(
    request: &PushSubscribeRequest,
    own_names: &[ServerName],
) -> Result<RegistrationId, ProofError> {
    if !own_names.contains(&request.server) {
        return Err(ProofError::Server);
    }
    let subscription = request.subscription.as_ref();
    let signed = subscribe_transcript(&request.server, &request.nonce, &request.keys, subscription);
    verify(&request.keys.signing, &signed, &request.signature)?;
    Ok(request.keys.registration_id())
}

impl Subscription {
    const FIELDS: [&str; 3] = ["endpoint", "p256dh", "auth"];

    fn read(fields: &mut Fields) -> Result<Option<Self>, MessageError> {
        let [endpoint, user_agent, auth] = Self::FIELDS;
        let Some(endpoint) = fields.optional(endpoint, Endpoint::parse)? else {
            fields.null(user_agent)?;
            fields.null(auth)?;
            return Ok(None);
        };
        Ok(Some(Self {
            endpoint,
            user_agent: fields.parsed(user_agent, UserAgentKey::parse)?,
            auth: fields.parsed(auth, AuthSecret::parse)?,
        }))
    }

    fn write(subscription: Option<&Self>, object: &mut Object<'_>) {
        let Some(it) = subscription else {
            return Self::FIELDS.into_iter().for_each(|name| object.null(name));
        };
        let [endpoint, user_agent, auth] = Self::FIELDS;
        object.secret(endpoint, it.endpoint.as_str());
        object.text(user_agent, &it.user_agent.to_base64url());
        object.secret(auth, &it.auth.to_base64url());
    }
}

impl PushWebKeyRequest {
    #[expect(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "as every message is written"
    )]
    pub(super) fn write(&self, _: &mut Object<'_>) {}

    #[expect(clippy::unnecessary_wraps, reason = "as every message is read")]
    pub(super) fn read(_: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self)
    }
}

impl PushWebKeyResponse {
    const KEY: &str = "application_server_key";

    pub(super) fn write(&self, object: &mut Object<'_>) {
        let key = self.outcome.as_ref().ok().and_then(Option::as_ref);
        let key = key.map(ApplicationServerKey::to_base64url);
        object.optional_text(Self::KEY, key.as_deref());
        write_result(object, self.outcome.as_ref().err());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        let error = read_result(fields)?;
        let outcome = read_outcome(fields, &[Self::KEY], error, |fields| {
            fields.optional(Self::KEY, ApplicationServerKey::parse)
        })?;
        Ok(Self { outcome })
    }
}

impl PushSubscribeRequest {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.text("server", self.server.as_str());
        object.text("nonce", &self.nonce.to_base64url());
        object.text("signing_key", &self.keys.signing.to_base64url());
        object.text("sealing_key", &self.keys.sealing.to_base64url());
        Subscription::write(self.subscription.as_ref(), object);
        object.text("signature", &self.signature.to_base64url());
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            server: fields.parsed("server", ServerName::parse)?,
            nonce: fields.parsed("nonce", Nonce::parse)?,
            keys: DeviceKeys::read(fields)?,
            subscription: Subscription::read(fields)?,
            signature: fields.parsed("signature", Signature::parse)?,
        })
    }
}

impl PushWakeUp {
    fn write(&self, object: &mut Object<'_>) {
        object.text("session", &self.session.to_base64url());
        object.number("expires", seconds(self.expires_unix));
    }

    fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            session: fields.parsed("session", PushSession::parse)?,
            expires_unix: fields.integer("expires")?,
        })
    }
}
