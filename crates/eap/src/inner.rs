//! What comes out of the tunnel for the login path.

use zeroize::Zeroizing;

use crate::method::Method;
pub use crate::mschapv2::Response;

/// Somebody who wants to be let in.
#[derive(Debug)]
pub struct Login {
    /// The name within the tunnel, as presented.
    pub name: Box<[u8]>,
    /// What proves it.
    pub credentials: Credentials,
    /// How it came.
    pub method: Method,
}

/// What proves a name, or answers the question for a code.
pub enum Credentials {
    /// Octets that were typed.
    Password(Zeroizing<Vec<u8>>),
    /// MS-CHAPv2.
    MsChapV2(Box<Response>),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(<sealed>)")
    }
}

/// The method has no way to ask for anything more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the method cannot ask for a code")]
pub struct Unaskable;
