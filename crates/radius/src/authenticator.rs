//! The two integrity checks of a packet, and why both exist.
//!
//! The Response Authenticator is MD5 with the secret at its end: a chosen-prefix collision lets an
//! attacker on the path turn a refusal into an Accept (CVE-2024-3596). The Message-Authenticator is
//! HMAC-MD5 over the whole packet, which that attack does not touch, provided that it is checked
//! and that it stands first.

use subtle::ConstantTimeEq;

use crate::packet::{Authenticator, Packet};
use crate::{Secret, Type};

/// What a packet's Message-Authenticator says (RFC 3579 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum MessageAuthenticator {
    /// The packet has none.
    Absent,
    /// The packet was made by someone who holds the secret, and nothing was changed since.
    Valid,
    /// Wrong, of a wrong length, or more than one. The packet must be dropped without an answer.
    Invalid,
}

/// Checks the packet's Message-Authenticator with `authenticator` standing in the Authenticator
/// field: a request's own, or for a reply that of its request.
pub(crate) fn message_authenticator(
    packet: &Packet<'_>,
    authenticator: Authenticator,
    secret: &Secret,
) -> MessageAuthenticator {
    let mut attributes = packet.attributes();
    let mut found = None;
    loop {
        let offset = attributes.offset();
        match attributes.next() {
            None => break,
            Some((Type::MESSAGE_AUTHENTICATOR, _)) if found.is_some() => {
                return MessageAuthenticator::Invalid;
            }
            Some((Type::MESSAGE_AUTHENTICATOR, value)) => found = Some((offset, value)),
            Some(_) => {}
        }
    }
    let Some((offset, claimed)) = found else {
        return MessageAuthenticator::Absent;
    };
    let computed = Blanked::at(packet, offset).map(|blanked| blanked.mac(authenticator, secret));
    match computed {
        Some(computed) if bool::from(computed.ct_eq(claimed)) => MessageAuthenticator::Valid,
        _ => MessageAuthenticator::Invalid,
    }
}

/// A packet around the 16 octets of its Message-Authenticator, which count as zero in the sum.
struct Blanked<'a> {
    head: &'a [u8],
    before: &'a [u8],
    after: &'a [u8],
}

impl<'a> Blanked<'a> {
    fn at(packet: &Packet<'a>, offset: usize) -> Option<Self> {
        let octets = packet.octets();
        let value = offset + 2;
        Some(Blanked {
            head: octets.get(..4)?,
            before: octets.get(20..value)?,
            after: octets.get(value + 16..)?,
        })
    }

    fn mac(&self, authenticator: Authenticator, secret: &Secret) -> [u8; 16] {
        secret.mac(&[
            self.head,
            &authenticator.0,
            self.before,
            &[0; 16],
            self.after,
        ])
    }
}

/// Whether the packet's Authenticator field is the digest over it, the secret and `authenticator`
/// in that field's place: the request's for a reply (RFC 2865 section 3), zero for an
/// Accounting-Request (RFC 2866 section 3).
pub(crate) fn is_signed(
    packet: &Packet<'_>,
    authenticator: Authenticator,
    secret: &Secret,
) -> bool {
    let octets = packet.octets();
    let (Some(head), Some(attributes)) = (octets.get(..4), octets.get(20..)) else {
        return false;
    };
    let computed = secret.digest_after(&[head, &authenticator.0, attributes]);
    computed.ct_eq(&packet.authenticator().0).into()
}
