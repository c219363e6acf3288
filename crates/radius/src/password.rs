//! The hidden User-Password (RFC 2865 section 5.2).

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{Authenticator, Secret};

/// The longest password that a User-Password holds.
pub const MAX_PASSWORD_LENGTH: usize = 128;

const BLOCK: usize = 16;

/// A password longer than [`MAX_PASSWORD_LENGTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a password of {octets} octets exceeds the {MAX_PASSWORD_LENGTH} that User-Password holds")]
pub struct PasswordTooLong {
    /// The password's length.
    pub octets: usize,
}

/// The value of a User-Password: one to eight whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hidden<'a>(&'a [[u8; BLOCK]]);

impl<'a> Hidden<'a> {
    /// `None` unless `value` is 16 to 128 octets in whole blocks.
    pub(crate) fn of(value: &'a [u8]) -> Option<Self> {
        match value.as_chunks() {
            (blocks, []) if (1..=MAX_PASSWORD_LENGTH / BLOCK).contains(&blocks.len()) => {
                Some(Hidden(blocks))
            }
            _ => None,
        }
    }

    /// The password without its padding. A wrong secret gives other octets, not an error: only the
    /// Message-Authenticator tells.
    pub(crate) fn reveal(
        self,
        authenticator: Authenticator,
        secret: &Secret,
    ) -> Zeroizing<Vec<u8>> {
        let mut clear = Zeroizing::new(Vec::with_capacity(self.0.as_flattened().len()));
        let mut previous = &authenticator.0;
        for block in self.0 {
            let pad = secret.digest_before(previous);
            clear.extend(block.iter().zip(pad).map(|(hidden, pad)| hidden ^ pad));
            previous = block;
        }
        let length = clear
            .iter()
            .rposition(|octet| *octet != 0)
            .map_or(0, |last| last + 1);
        clear.truncate(length);
        clear
    }
}

/// Hides `password`, padded with NUL to whole blocks; an empty one takes one block.
pub(crate) fn hide(
    password: &[u8],
    authenticator: Authenticator,
    secret: &Secret,
) -> Result<Vec<u8>, PasswordTooLong> {
    if password.len() > MAX_PASSWORD_LENGTH {
        return Err(PasswordTooLong {
            octets: password.len(),
        });
    }
    let blocks = password.len().div_ceil(BLOCK).max(1);
    let mut padded = Zeroizing::new(Vec::with_capacity(blocks * BLOCK));
    padded.extend_from_slice(password);
    padded.resize(blocks * BLOCK, 0);

    let mut hidden = Vec::with_capacity(padded.len());
    let mut previous = authenticator.0;
    for clear in padded.as_chunks::<BLOCK>().0 {
        let mut block = secret.digest_before(&previous);
        block
            .iter_mut()
            .zip(clear)
            .for_each(|(pad, clear)| *pad ^= clear);
        hidden.extend_from_slice(&block);
        previous = block;
    }
    Ok(hidden)
}
