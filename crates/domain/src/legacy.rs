//! Passwords that are kept themselves: `set radius-legacy enable`.
//!
//! CHAP (RFC 1994) and MS-CHAPv2 (RFC 2759) prove a password without sending it, so whoever checks them
//! has to have it, or its NT hash, which is as good. A hash of [`crate::password`] does not do.

use std::fmt;

use zeroize::Zeroizing;

use crate::login::{Facts, Refusal};
use crate::password::{Credential, HashDigest, ResponseCheck};
use crate::reason::Reason;

/// A password that is kept, on its way into the store or out of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Kept {
    /// Set just now.
    Open(Zeroizing<String>),
    /// As the store keeps it.
    Sealed(Box<[u8]>),
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(<sealed>)")
    }
}

/// A password that was kept, opened for one check.
pub struct Opened(Zeroizing<String>);

impl Opened {
    /// Takes what the store opened; what is no text is no password that was set here.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(<sealed>)")
    }
}

/// What checks a response of the person whom `facts` know, or why none can be checked. A refusal costs no
/// hash here, and neither does a check: their times tell nothing apart.
///
/// `open` gives the password that was kept beside the hash with this digest.
pub fn begin(
    facts: &Facts,
    open: impl FnOnce(HashDigest) -> Option<Opened>,
) -> Result<ResponseCheck, Refusal> {
    let person = facts
        .person
        .as_ref()
        .ok_or_else(|| Refusal::because(Reason::UserUnknown))?;
    let digest = match &person.password {
        Some(Credential::Stored(digest)) => Some(*digest),
        Some(Credential::Backend(_)) | None => None,
    };
    let kept = digest.and_then(|digest| Some((digest, open(digest)?)));
    let (digest, kept) = kept.ok_or_else(|| Refusal::because(Reason::MethodNeedsLegacySecret))?;
    Ok(ResponseCheck::new(person.name.clone(), digest, kept))
}
