//! EAP as a server speaks it behind RADIUS (RFC 3748, 3579): EAP-TTLS (RFC 5281) and `PEAPv0`
//! (draft-kamath-pppext-peapv0, MS-PEAP), with PAP, GTC and MS-CHAPv2 inside.
//!
//! Nothing here opens a socket, reads a clock or draws random octets: TLS is the caller's, behind
//! [`Tunnel`]. A server goes
//!
//! ```text
//! EAP-Message → Identity::parse → Conversation::offer → request
//!             → Conversation::receive → Step::Send      request, in an Access-Challenge
//!                                     | Step::Judge     name and proof: the login path decides
//!                                         → granted     what the peer has yet to hear
//!                                         → ask         for the code (GTC alone can)
//!                                     | Step::Done      EAP-Success and the keys, in an Access-Accept
//! ```
//!
//! [`Step::Done`] follows [`Conversation::granted`] alone, and TLS sessions are never resumed: no login gets
//! past the login path.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod avp;
mod carrier;
mod conversation;
mod gtc;
mod inner;
mod method;
mod mschapv2;
mod packet;
mod peap;
mod tunnel;

pub use carrier::{FRAGMENT_MAX, MESSAGE_MAX};
pub use conversation::{Conversation, Done, HANDSHAKE_MAX, Proven, ROUNDS_MAX, Setup, Step};
pub use gtc::PASSWORD_MAX;
pub use inner::{Credentials, Login, Response, Unaskable};
pub use method::{Inner, Method, Outer};
pub use packet::{Identity, failure, identifier_of, who_is_it};
pub use tunnel::{Broken, KEY_LENGTH, Key, Tunnel};

/// Why a conversation ends without a login. What the peer did, in words for its administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No EAP response (RFC 3748, 4.1).
    #[error("an EAP message that is no response: {0}")]
    Packet(&'static str),
    /// The answer to another request.
    #[error("an EAP response to request {got}, not to {expected}")]
    Identifier {
        /// The request that was sent last.
        expected: u8,
        /// The one that is answered.
        got: u8,
    },
    /// The peer wants other methods than the client may use.
    #[error(
        "the device wants {}, and its RADIUS client may use {}",
        numbers(wanted),
        words(allowed)
    )]
    NoCommonMethod {
        /// EAP types, as the peer lists them (RFC 3748, 5.3.1).
        wanted: Vec<u8>,
        /// What it may use.
        allowed: Vec<Method>,
    },
    /// Nothing to offer.
    #[error("its RADIUS client may use no EAP method")]
    NoMethod,
    /// A proof that the client may not use within this tunnel.
    #[error(
        "{inner} in the tunnel, and its RADIUS client may use {}",
        words(allowed)
    )]
    NotAllowed {
        /// What it was.
        inner: Inner,
        /// What it may use.
        allowed: Vec<Method>,
    },
    /// A version that is not spoken here: TTLS and PEAP have 0 alone.
    #[error("version {0} of the EAP method, where 0 was offered")]
    Version(u8),
    /// More than a TLS message of a peer without a certificate can need.
    #[error("a TLS message of more than {MESSAGE_MAX} octets")]
    MessageTooLong,
    /// More than it takes to make a tunnel.
    #[error("a TLS handshake of more than {HANDSHAKE_MAX} octets")]
    HandshakeTooLong,
    /// It goes on and on.
    #[error("no end after {ROUNDS_MAX} messages")]
    TooManyRounds,
    /// The TLS library's own words, an alert of the peer among them.
    #[error("TLS: {0}")]
    Tunnel(#[from] Broken),
    /// What came through the tunnel.
    #[error("in the tunnel: {0}")]
    Inner(&'static str),
}

/// EAP types by their names, where they have one that an administrator meets (IANA: EAP method types).
fn numbers(types: &[u8]) -> String {
    let name = |kind: &u8| match kind {
        4 => "EAP-MD5".to_owned(),
        6 => "EAP-GTC".to_owned(),
        13 => "EAP-TLS".to_owned(),
        21 => "EAP-TTLS".to_owned(),
        25 => "PEAP".to_owned(),
        26 => "EAP-MSCHAPv2".to_owned(),
        43 => "EAP-FAST".to_owned(),
        52 => "EAP-PWD".to_owned(),
        55 => "TEAP".to_owned(),
        other => format!("EAP type {other}"),
    };
    // RFC 3748, 5.3.1: a zero says that there is no other.
    let names: Vec<String> = types.iter().filter(|kind| **kind != 0).map(name).collect();
    if names.is_empty() {
        return "none of these".to_owned();
    }
    names.join(", ")
}

fn words(methods: &[Method]) -> String {
    let words: Vec<&str> = methods.iter().map(|method| method.word()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_another_method_wants_none() {
        assert_eq!(numbers(&[0]), "none of these");
        assert_eq!(numbers(&[13, 0, 99]), "EAP-TLS, EAP type 99");
    }
}
