//! Logins that a device approves.
//!
//! The gateway seals a [`LoginRequest`] to the device and has a relay carry it; the device answers with a
//! [`LoginAnswer`], sealed to a key that the request names, at the gateway's own address or back through
//! the relay. Request and answer carry a MAC under a key that only the gateway and the token's holder can
//! derive ([`PushKey`]), and the answer a signature of the device: neither the token server nor the relay
//! can ask for a login or approve one, and the relay reads neither.
//!
//! - [`LoginRequest`], [`LoginAnswer`]: what is sealed.
//! - [`PushRequest`], [`PushResponse`]: what the relay sees.
//! - [`PushSubscribeRequest`], [`PushMessage`]: how the relay wakes an app that is closed.

mod answer;
mod key;
mod login;
mod relay;
mod sealed;
mod web;

pub use crate::token_key::Mac;
pub use answer::{Answer, Decision, LoginAnswer, ProvenAnswer, PushNumber, SealedAnswer};
pub use key::PushKey;
pub(crate) use login::seconds;
pub use login::{AnswerAddress, Approval, AuthenticLogin, LoginRequest, SealedLogin, ShownText};
pub use relay::{
    Addressed, MailboxId, MailboxSecret, PushAcceptedResponse, PushAnswerRequest,
    PushCollectRequest, PushDeviceRequest, PushDeviceResponse, PushListenRequest, PushLoginRequest,
    PushNonceRequest, PushNonceResponse, PushRequest, PushResponse, PushSession,
    PushWithdrawRequest, listen_transcript, verify_listener,
};
pub use sealed::{PushError, SealedPush};
pub use web::{
    ApplicationServerKey, AuthSecret, Endpoint, EndpointError, PushMessage, PushSubscribeRequest,
    PushWakeUp, PushWebKeyRequest, PushWebKeyResponse, Subscription, UserAgentKey,
    subscribe_transcript, verify_subscriber,
};
