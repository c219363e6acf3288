//! What a device is, what it proves, and how a seed travels to it.
//!
//! A device has two P-256 pairs, one for signing (ECDSA with SHA-256) and one for sealing (HPKE,
//! RFC 9180), because a browser's key that cannot be exported does only one of both. Everything here
//! can be done with `WebCrypto`: signatures are the 64 bytes `r‖s`, public keys the 65 bytes of an
//! uncompressed SEC1 point. Private signing keys stay in the shells.
//!
//! What is hashed, signed or bound to a ciphertext is a transcript: a label and fields, each behind
//! its length in two bytes, big-endian.

mod bytes;
mod keys;
mod proof;
mod seal;

pub use bytes::{AnswerHash, DeviceError, Nonce, Signature};
pub(crate) use bytes::{decode, wire_bytes};
pub(crate) use keys::public_key;
pub use keys::{DeviceKeys, SealingPrivateKey, SealingPublicKey, SigningPublicKey};
pub(crate) use proof::verify;
pub use proof::{
    OpenAnswer, ProofError, ProvenDevice, activation_transcript, code_hash, receipt_transcript,
    verify_activation, verify_receipt,
};
pub use seal::{SealContext, SealError, SealedSeed, open_seed, seal_seed};
pub(crate) use seal::{open_bytes, seal_bytes};

/// Bytes of an uncompressed SEC1 point on P-256.
pub(crate) const POINT_LEN: usize = 65;
