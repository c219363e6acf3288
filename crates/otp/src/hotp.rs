//! HOTP (RFC 4226 section 5), over any of the three digests.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::{Code, Digest, Parameters, Seed, Step};

/// The code that `seed` shows at `step`.
pub fn code_at(seed: &Seed, parameters: Parameters, step: Step) -> Code {
    let value = Keyed::new(seed, parameters.digest).value(step);
    Code::from_number(parameters.digits.of(value), parameters.digits)
}

/// HMAC with the key already absorbed: a window costs one key setup, a step a copy of the state.
pub(crate) enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Keyed {
    pub(crate) fn new(seed: &Seed, digest: Digest) -> Self {
        match digest {
            Digest::Sha1 => Self::Sha1(Hmac::new((&*block::<64>(seed)).into())),
            Digest::Sha256 => Self::Sha256(Hmac::new((&*block::<64>(seed)).into())),
            Digest::Sha512 => Self::Sha512(Hmac::new((&*block::<128>(seed)).into())),
        }
    }

    /// The 31-bit number of RFC 4226 section 5.3, before it is cut to digits.
    pub(crate) fn value(&self, step: Step) -> u32 {
        match self {
            Self::Sha1(mac) => truncate(&authenticate(mac, step)),
            Self::Sha256(mac) => truncate(&authenticate(mac, step)),
            Self::Sha512(mac) => truncate(&authenticate(mac, step)),
        }
    }
}

/// The seed as a whole HMAC block, zeros behind it: RFC 2104 pads shorter keys so, and no seed is
/// longer.
fn block<const SIZE: usize>(seed: &Seed) -> Zeroizing<[u8; SIZE]> {
    const { assert!(SIZE >= Seed::MAX_BYTES) }
    let mut block = Zeroizing::new([0; SIZE]);
    block[..seed.expose().len()].copy_from_slice(seed.expose());
    block
}

fn authenticate<M: Mac + Clone>(keyed: &M, step: Step) -> hmac::digest::Output<M> {
    keyed
        .clone()
        .chain_update(step.0.to_be_bytes())
        .finalize()
        .into_bytes()
}

/// Dynamic truncation. RFC 6238 takes the offset from the last byte for the longer digests too.
fn truncate(mac: &[u8]) -> u32 {
    let offset = usize::from(mac[mac.len() - 1] & 0x0f);
    let number = [
        mac[offset],
        mac[offset + 1],
        mac[offset + 2],
        mac[offset + 3],
    ];
    u32::from_be_bytes(number) & 0x7fff_ffff
}
