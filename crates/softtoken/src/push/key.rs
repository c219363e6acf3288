use crate::token_key::TokenKey;
use ident::TokenSerial;
use otp::Seed;

const KEY_LABEL: &str = "symbolon-push-key-v1";

/// What the gateway and the token's holder share for pushes: HMAC-SHA-256 under the token's seed over the
/// transcript of `symbolon-push-key-v1` and the token's serial. It is never stored.
#[derive(Debug)]
pub struct PushKey(pub(super) TokenKey);

impl PushKey {
    /// The key of a token.
    pub fn of(seed: &Seed, token: &TokenSerial) -> Self {
        Self(TokenKey::of(KEY_LABEL, seed, token))
    }
}
