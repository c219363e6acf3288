//! What a conversation needs of TLS, which draws random octets and so is the caller's.

use zeroize::Zeroizing;

/// The TLS library gave up, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub Box<str>);

/// The server's end of a TLS connection whose octets are carried by hand.
///
/// It must not resume sessions: a resumed one would be let in without its second factor.
pub trait Tunnel {
    /// Takes what the peer sent; gives what it says in clear.
    fn receive(&mut self, records: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken>;

    /// Takes what is said to the peer in clear.
    fn say(&mut self, clear: &[u8]) -> Result<(), Broken>;

    /// What has to be carried to the peer.
    fn outgoing(&mut self) -> Result<Vec<u8>, Broken>;

    /// Whether both ends have finished their handshake.
    fn is_established(&self) -> bool;

    /// Fills `out` with octets that both ends alone know (RFC 5705), without a context.
    fn export(&self, label: &str, out: &mut [u8]) -> Result<(), Broken>;
}

/// The octets of a [`Key`].
pub const KEY_LENGTH: usize = 32;

/// One half of the master session key (RFC 3748, 7.10): the key of one direction.
pub type Key = Zeroizing<[u8; KEY_LENGTH]>;
