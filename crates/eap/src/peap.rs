//! How PEAP ends: the result, and the binding of tunnel and login (MS-PEAP, 2.2.8 and 3.1.5.5).
//!
//! Whoever makes somebody log in outside of a tunnel could carry that login through a tunnel of their own. The
//! binding shows that both have one peer: its key comes of the tunnel and of the login.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::method::Outer;
use crate::packet::{Response, TLV, request};

/// The peer must understand it.
const MANDATORY: u16 = 0x8000;
const KIND: u16 = 0x3fff;
const RESULT: u16 = 3;
const CRYPTO_BINDING: u16 = 12;

const ACCEPTED: u16 = 1;
const REFUSED: u16 = 2;
const OF_SERVER: u8 = 0;
const OF_PEER: u8 = 1;

/// Reserved, two versions, whose, nonce and MAC.
const BINDING: usize = 4 + 32 + MAC;
const MAC: usize = 20;

/// Octets of the tunnel's key that the binding begins with.
pub(crate) const TUNNEL_KEY: usize = 40;

/// What tunnel and login have in common.
pub(crate) struct Binding {
    /// IPMK: what the keys of a bound conversation come of.
    session: Zeroizing<[u8; 40]>,
    /// CMK: what the proof is made with.
    proof: Zeroizing<[u8; 20]>,
    nonce: [u8; 32],
}

/// How the peer answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Concluded {
    /// It knows no binding, or does not ask for one.
    Unbound,
    /// It has the keys of both.
    Bound,
}

impl Binding {
    /// `login` is the key that the inner method left, zeros if it leaves none.
    pub(crate) fn new(tunnel: &[u8; TUNNEL_KEY], login: &[u8; 32], nonce: [u8; 32]) -> Self {
        let seed = [&b"Inner Methods Compound Keys"[..], login].concat();
        let mut both = Zeroizing::new([0; 60]);
        expand(tunnel, &Zeroizing::new(seed), &mut *both);
        let (session, rest) = both.split_first_chunk().unwrap_or((&[0; 40], &[]));
        let proof = rest.first_chunk().unwrap_or(&[0; 20]);
        Self {
            session: Zeroizing::new(*session),
            proof: Zeroizing::new(*proof),
            nonce,
        }
    }

    /// The packet that says yes, and asks for the binding.
    pub(crate) fn result(&self, identifier: u8) -> Vec<u8> {
        let binding = self.attribute(MANDATORY | CRYPTO_BINDING, OF_SERVER);
        let result = [MANDATORY | RESULT, 2, ACCEPTED].map(u16::to_be_bytes);
        request(identifier, TLV, &[result.as_flattened(), &binding].concat())
    }

    /// Reads what the peer says to it.
    pub(crate) fn concluded(&self, octets: &[u8]) -> Option<Concluded> {
        let response = Response::parse(octets).ok()?;
        let mut rest = (response.kind == TLV).then_some(response.data)?;
        let (mut accepted, mut concluded) = (false, Concluded::Unbound);
        while let Some((header, behind)) = rest.split_first_chunk::<4>() {
            let [kind_high, kind_low, high, low] = *header;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let (value, behind) = behind.split_at_checked(length)?;
            match u16::from_be_bytes([kind_high, kind_low]) & KIND {
                RESULT => accepted = value == ACCEPTED.to_be_bytes(),
                CRYPTO_BINDING => {
                    let own = self.attribute_as(*header, *value.first_chunk()?, OF_PEER);
                    let is_right = bool::from(own.get(4..)?.ct_eq(value));
                    concluded = is_right.then_some(Concluded::Bound)?;
                }
                _ => {}
            }
            rest = behind;
        }
        (accepted && rest.is_empty()).then_some(concluded)
    }

    /// The master session key of a bound conversation.
    pub(crate) fn key(&self) -> Zeroizing<[u8; 64]> {
        let mut key = Zeroizing::new([0; 64]);
        expand(
            &*self.session,
            b"Session Key Generating Function\0",
            &mut *key,
        );
        key
    }

    fn attribute(&self, kind: u16, whose: u8) -> Vec<u8> {
        let [high, low] = kind.to_be_bytes();
        #[expect(clippy::cast_possible_truncation, reason = "56")]
        let header = [high, low, 0, BINDING as u8];
        self.attribute_as(header, [0; 3], whose)
    }

    /// The attribute with its MAC, which is over itself without one and the type of PEAP.
    fn attribute_as(&self, header: [u8; 4], versions: [u8; 3], whose: u8) -> Vec<u8> {
        let mut attribute = [&header[..], &versions, &[whose], &self.nonce].concat();
        let mac = keyed(&*self.proof)
            .chain_update(&attribute)
            .chain_update([0; MAC])
            .chain_update([Outer::Peap.kind()])
            .finalize();
        attribute.extend(mac.into_bytes());
        attribute
    }
}

/// The packet that says no.
pub(crate) fn refused(identifier: u8) -> Vec<u8> {
    let result = [MANDATORY | RESULT, 2, REFUSED].map(u16::to_be_bytes);
    request(identifier, TLV, result.as_flattened())
}

/// PRF+ of PEAP version 0.
fn expand(key: &[u8], seed: &[u8], out: &mut [u8]) {
    let mut before = Zeroizing::new(Vec::new());
    for (counter, slot) in (1_u8..).zip(out.chunks_mut(MAC)) {
        let block = keyed(key)
            .chain_update(&*before)
            .chain_update(seed)
            .chain_update([counter, 0, 0])
            .finalize();
        before = Zeroizing::new(block.into_bytes().to_vec());
        slot.iter_mut()
            .zip(&*before)
            .for_each(|(slot, octet)| *slot = *octet);
    }
}

/// All keys here are shorter than the digest's block, which makes keying infallible (RFC 2104, 2).
fn keyed(key: &[u8]) -> Hmac<Sha1> {
    let mut block = Zeroizing::new([0; 64]);
    block
        .iter_mut()
        .zip(key)
        .for_each(|(slot, octet)| *slot = *octet);
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding::new(&[1; TUNNEL_KEY], &[2; 32], [3; 32])
    }

    fn answer(attributes: &[&[u8]]) -> Vec<u8> {
        let mut packet = request(9, TLV, &attributes.concat());
        packet[0] = 2;
        packet
    }

    #[test]
    fn a_refusal_is_a_result_alone() {
        assert_eq!(refused(9), [1, 9, 0, 11, TLV, 0x80, 3, 0, 2, 0, 2]);
    }

    const YES: &[u8] = &[0x80, 3, 0, 2, 0, 1];
    const NO: &[u8] = &[0x80, 3, 0, 2, 0, 2];

    #[test]
    fn a_peer_with_both_keys_is_bound_and_one_with_others_refused() {
        let own = binding();
        let bound = own.attribute(CRYPTO_BINDING, OF_PEER);
        let concluded = own.concluded(&answer(&[YES, &bound]));
        assert_eq!(concluded, Some(Concluded::Bound));
        let mirrored = own.attribute(CRYPTO_BINDING, OF_SERVER);
        assert_eq!(own.concluded(&answer(&[YES, &mirrored])), None);
        let other = Binding::new(&[1; TUNNEL_KEY], &[4; 32], [3; 32]);
        let other = other.attribute(CRYPTO_BINDING, OF_PEER);
        assert_eq!(own.concluded(&answer(&[YES, &other])), None);
    }

    #[test]
    fn without_a_binding_the_result_counts() {
        let own = binding();
        let said = |attributes: &[&[u8]]| own.concluded(&answer(attributes));
        assert_eq!(said(&[YES]), Some(Concluded::Unbound));
        assert_eq!(said(&[NO]), None);
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[YES, &[0x80]]), None);
        assert_eq!(own.concluded(&[]), None);
    }
}
