//! RADIUS packets to values and back: RFC 2865, 2866, 2869, 3579, 5080, 5997 and 9765, hardened against
//! CVE-2024-3596.
//!
//! CHAP (RFC 1994) and MS-CHAPv2 (RFC 2759, 2548, 3079) are checked in [`chap`] and [`mschapv2`].
//!
//! Nothing here opens a socket, reads a clock or draws random octets. A server goes
//!
//! ```text
//! datagram → Packet::parse → AccessRequest | StatusServer | AccountingRequest
//!          → duplicates::Table::admit → (decide) → Reply::encode_into → datagram
//! ```
//!
//! and a client goes `Request::encode` → datagram → [`verify_reply`].
//!
//! The views prove what was checked: a [`StatusServer`] or an [`AccountingRequest`] exists only
//! after its authenticator was verified. An [`AccessRequest`] exists without, because whether a
//! Message-Authenticator is demanded is the policy of the client it came from; it tells by
//! [`AccessRequest::message_authenticator`].
#![deny(clippy::indexing_slicing)]

mod attribute;
mod authenticator;
pub mod chap;
pub mod duplicates;
mod mppe;
pub mod mschapv2;
mod packet;
mod password;
mod reply;
mod request;
mod secret;
mod server;

pub use attribute::{AttributeError, MAX_VALUE_LENGTH, MAX_VENDOR_VALUE_LENGTH, Type, VendorType};
pub use authenticator::MessageAuthenticator;
pub use mppe::Salt;
pub use packet::{
    Attributes, Authenticator, Code, Identifier, MAX_ATTRIBUTES, MAX_LENGTH, MIN_LENGTH, Packet,
    ParseError, Version,
};
pub use password::{MAX_PASSWORD_LENGTH, PasswordTooLong};
pub use reply::{Prompt, Reply, TooLarge};
pub use request::{ReplyError, Request, verify_reply};
pub use secret::{EmptySecret, Secret};
pub use server::{
    AccessRequest, AccessRequestError, AccountingRequest, AccountingRequestError, Credentials,
    StatusServer, StatusServerError,
};
