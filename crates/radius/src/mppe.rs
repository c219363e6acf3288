//! How keys are hidden in an Access-Accept (RFC 2548 section 2.4.2).

use zeroize::Zeroizing;

use crate::{Packet, Secret, Version};

/// The longest key: with its length in whole blocks and the salt before them it fills a vendor's attribute.
const MAX_KEY_LENGTH: usize = 239;

/// Two octets that go before the pad. No two keys of one packet may share them, and the first bit is set
/// (RFC 2548 section 2.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub(crate) [u8; 2]);

impl Salt {
    /// Two different salts, made of one random number.
    pub const fn pair(random: u16) -> [Self; 2] {
        let first = random | 0x8000;
        [Self(first.to_be_bytes()), Self((first ^ 1).to_be_bytes())]
    }
}

/// The value of an attribute that holds a key in the reply to a request: hidden, where TLS does not hide all
/// (RFC 9765 section 5.1).
pub(crate) fn hide<const N: usize>(
    key: &[u8; N],
    salt: Salt,
    request: &Packet<'_>,
    secret: &Secret,
) -> Vec<u8> {
    if request.version() == Version::V1_1 {
        return key.to_vec();
    }
    const { assert!(N <= MAX_KEY_LENGTH) };
    #[expect(clippy::cast_possible_truncation, reason = "at most 239")]
    let length = N as u8;
    let mut clear = Zeroizing::new(Vec::with_capacity((N + 1).next_multiple_of(16)));
    clear.push(length);
    clear.extend(key);
    clear.resize((N + 1).next_multiple_of(16), 0);
    let mut hidden = salt.0.to_vec();
    let mut pad = secret.digest_with(&[&request.authenticator().0, &salt.0]);
    for block in clear.as_chunks::<16>().0 {
        let cipher: Vec<u8> = block
            .iter()
            .zip(pad)
            .map(|(clear, pad)| clear ^ pad)
            .collect();
        pad = secret.digest_with(&[&cipher]);
        hidden.extend(cipher);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_differ_and_have_their_first_bit_set() {
        for random in [0, 1, 0x7fff, 0x8000, u16::MAX] {
            let [first, second] = Salt::pair(random);
            assert_ne!(first, second);
            assert!(first.0[0] & second.0[0] & 0x80 != 0);
        }
    }
}
