use crate::device::{
    POINT_LEN, ProofError, SealingPrivateKey, SealingPublicKey, open_bytes, seal_bytes,
};
use crate::json::MessageError;
use crate::limits::MAX_PUSH_BYTES;
use data_encoding::BASE64URL_NOPAD;
use ident::RegistrationId;
use zeroize::Zeroizing;

/// What is sealed has a multiple of so many bytes, blanks at its end: names of any usual length make
/// requests of one length.
const PADDED_TO: usize = 2_048;
/// The most that can be sealed, so that it fits into a message in base64url.
pub(super) const MAX_SEALED_TEXT: usize = 2 * PADDED_TO;
/// What AES-256-GCM adds.
const TAG_LEN: usize = 16;

/// Why something sealed is worth nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Sealing failed, or the texts are too long.
    #[error("the push cannot be sealed")]
    Seal,
    /// It was sealed for another key or session, or was changed on its way.
    #[error("it was not sealed for this key and this login")]
    Open,
    /// What was in it is no message.
    #[error("what was sealed is wrong: {0}")]
    Message(#[from] MessageError),
    /// It does not belong to what is asked.
    #[error("it belongs to another login, token or device")]
    Other,
    /// Another device than the one that has the token made it, with the token's seed.
    #[error("device {0} has the token's seed and not the token")]
    SecondDevice(RegistrationId),
    /// The request is no longer open.
    #[error("the time for it is over")]
    Expired,
    /// Whoever made it does not have the token's seed.
    #[error("its MAC is wrong")]
    Mac,
    /// Whoever made it does not have the device's signing key.
    #[error("{0}")]
    Signature(#[from] ProofError),
}

/// A login request or its answer, sealed to one key: the encapsulated key (65 bytes), then the ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPush(Vec<u8>);

impl SealedPush {
    /// Reads base64url without padding, and checks the length.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| "is not base64url without padding")?;
        let overhead = POINT_LEN + TAG_LEN;
        match bytes.len().checked_sub(overhead) {
            Some(length) if length > 0 && length <= MAX_SEALED_TEXT => Ok(Self(bytes)),
            _ => Err("has a length that nothing sealed has"),
        }
    }

    /// Base64url without padding.
    pub fn to_base64url(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// HPKE as for seeds, with `info` and an empty `aad`.
    pub(super) fn seal(
        text: &str,
        recipient: &SealingPublicKey,
        info: &[u8],
        random: &[u8; 32],
    ) -> Result<Self, PushError> {
        const { assert!((POINT_LEN + MAX_SEALED_TEXT + TAG_LEN) * 4 / 3 + 1_024 <= MAX_PUSH_BYTES) }
        let length = text.len().next_multiple_of(PADDED_TO);
        if length > MAX_SEALED_TEXT {
            return Err(PushError::Seal);
        }
        let mut padded = Zeroizing::new(vec![b' '; length]);
        padded[..text.len()].copy_from_slice(text.as_bytes());
        seal_bytes(&padded, recipient, info, &[], random)
            .map(Self)
            .ok_or(PushError::Seal)
    }

    pub(super) fn open(
        &self,
        recipient: &SealingPrivateKey,
        info: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, PushError> {
        open_bytes(&self.0, recipient, info, &[]).ok_or(PushError::Open)
    }
}
