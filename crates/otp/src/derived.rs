//! Keys that a token's two holders share beside its codes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Seed;

/// A key for one use, named by `purpose`: HMAC-SHA-256 of it under the seed. Codes tell nothing of it, and
/// it tells nothing of the seed; an extraction first (RFC 5869, 3.3) adds nothing to seeds that are random.
pub fn derived_key(seed: &Seed, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new([0; Seed::MAX_BYTES]);
    block[..seed.expose().len()].copy_from_slice(seed.expose());
    let mac = Hmac::<Sha256>::new((&*block).into()).chain_update(purpose);
    Zeroizing::new(mac.finalize().into_bytes().into())
}
