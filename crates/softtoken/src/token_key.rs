//! Keys that a token's gateway and its holder share beside its codes, one for each purpose: whoever is handed one of
//! them, as a backup is, can do nothing that another is for.

use crate::device::wire_bytes;
use crate::transcript::transcript;
use hmac::{Hmac, KeyInit, Mac as _};
use ident::TokenSerial;
use otp::Seed;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

wire_bytes! {
    /// HMAC-SHA-256 under a [`PushKey`](crate::push::PushKey) or a [`TransferKey`](crate::transfer::TransferKey).
    Mac, 32
}

/// HMAC-SHA-256 under the token's seed over the transcript of a purpose's label and the token's serial.
pub(crate) struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    pub(crate) fn of(label: &str, seed: &Seed, token: &TokenSerial) -> Self {
        let purpose = transcript(label, &[token.as_str().as_bytes()]);
        Self(otp::derived_key(seed, &purpose))
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn mac(&self, message: &[u8]) -> Mac {
        Mac::from_bytes(self.hmac(message).finalize().into_bytes().into())
    }

    /// In a time that does not tell how much of it was right.
    pub(crate) fn made(&self, mac: &Mac, message: &[u8]) -> bool {
        self.hmac(message).verify_slice(mac.as_bytes()).is_ok()
    }

    fn hmac(&self, message: &[u8]) -> Hmac<Sha256> {
        // RFC 2104 pads a key of 32 bytes with zeros to the block of 64.
        let mut block = Zeroizing::new([0; 64]);
        block[..self.0.len()].copy_from_slice(&*self.0);
        Hmac::<Sha256>::new((&*block).into()).chain_update(message)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<sealed>")
    }
}
