use crate::token_key::TokenKey;
use ident::TokenSerial;
use otp::Seed;
use zeroize::Zeroizing;

const KEY_LABEL: &str = "symbolon-transfer-key-v1";

/// What the gateway and the token's holder share for transfers: HMAC-SHA-256 under the token's seed over the
/// transcript of `symbolon-transfer-key-v1` and the token's serial. It proves a [`Wish`](super::Wish) and no answer to
/// a push, so it can be saved.
#[derive(Debug)]
pub struct TransferKey(pub(super) TokenKey);

impl TransferKey {
    /// The key of a token.
    pub fn of(seed: &Seed, token: &TokenSerial) -> Self {
        Self(TokenKey::of(KEY_LABEL, seed, token))
    }

    /// From what [`TransferKey::expose`] gave.
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(TokenKey::from_bytes(bytes))
    }

    /// The key, for a sealed backup.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}
