//! First factor by signature: public keys of administrators.
//!
//! [`KeyVerified`] is to a key what [`PasswordVerified`](crate::password::PasswordVerified) is to a
//! password; it comes from this module only.

use std::fmt;

use data_encoding::BASE64;

use crate::name::CanonicalName;

/// Algorithms of the keys that are taken (RFC 8709, RFC 5656, RFC 4253). What an RSA key signs with is
/// another question: SHA-2 alone (RFC 8332), which who verifies the signature sees to.
const ALGORITHMS: [&str; 5] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    RSA,
];

const RSA: &str = "ssh-rsa";

/// The shortest RSA key (NIST SP 800-131A, rev. 2, table 2).
const RSA_BITS_MIN: u32 = 2_048;

/// The longest: one of twice the size takes four times as long to verify, and its line has no room.
const RSA_BITS_MAX: u32 = 4_096;

/// Octets of a public exponent: those in use are 65,537 and smaller.
const RSA_EXPONENT_LEN_MAX: usize = 4;

/// A text that is no public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublicKeyError {
    /// Not the one line of an OpenSSH key file.
    #[error("a public key is one line: ALGORITHM BASE64, as in id_ed25519.pub")]
    Shape,
    /// An algorithm that is not taken.
    #[error(
        "take a key of ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521 or ssh-rsa (2048 to 4096 bits)"
    )]
    Algorithm,
    /// An RSA key that is too short or too long.
    #[error("an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, and this one has {0}")]
    RsaSize(u32),
    /// An RSA key whose signatures anybody could make, or nobody.
    #[error("the exponent and the modulus of an RSA key are odd, and its exponent is 3 or more")]
    RsaNumbers,
}

/// A public key as it goes over the wire (RFC 4253, 6.6): that form tells keys apart.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Box<[u8]>);

impl PublicKey {
    /// Takes `ALGORITHM BASE64`, with or without a comment behind it.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let mut words = text.split_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(PublicKeyError::Shape);
        };
        if !ALGORITHMS.contains(&algorithm) {
            return Err(PublicKeyError::Algorithm);
        }
        let octets = BASE64
            .decode(base64.as_bytes())
            .map_err(|_| PublicKeyError::Shape)?;
        let (name, numbers) = text_of(&octets).ok_or(PublicKeyError::Shape)?;
        if name != algorithm.as_bytes() {
            return Err(PublicKeyError::Shape);
        }
        if algorithm == RSA {
            rsa(numbers)?;
        }
        Ok(Self(octets.into()))
    }

    /// A key as a client sends it.
    pub fn from_wire(octets: &[u8]) -> Self {
        Self(Box::from(octets))
    }
}

/// The first of a key's texts, such as the algorithm that it names, and what follows: a length in four
/// octets, and so many octets (RFC 4251, 5).
fn text_of(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = key.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

/// Judges exponent and modulus. With an exponent of 1 everything is signed.
fn rsa(numbers: &[u8]) -> Result<(), PublicKeyError> {
    let (exponent, rest) = positive(numbers).ok_or(PublicKeyError::Shape)?;
    let (modulus, rest) = positive(rest).ok_or(PublicKeyError::Shape)?;
    if !rest.is_empty() {
        return Err(PublicKeyError::Shape);
    }
    let bits = bits(modulus);
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(PublicKeyError::RsaSize(bits));
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|octet| octet & 1 == 1);
    let is_bounded = (1..=RSA_EXPONENT_LEN_MAX).contains(&exponent.len()) && exponent != [1];
    if is_odd(modulus) && is_odd(exponent) && is_bounded {
        Ok(())
    } else {
        Err(PublicKeyError::RsaNumbers)
    }
}

/// A positive number in its one form (RFC 4251, 5: `mpint`), without the octet that keeps its sign.
fn positive(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (number, rest) = text_of(octets)?;
    let magnitude = match number {
        [0, magnitude @ ..] if magnitude.first().is_some_and(|first| *first >= 0x80) => magnitude,
        [first, ..] if (1..0x80).contains(first) => number,
        _ => return None,
    };
    Some((magnitude, rest))
}

fn bits(number: &[u8]) -> u32 {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    let octets = u32::try_from(number.len()).unwrap_or(u32::MAX);
    octets.saturating_mul(8).saturating_sub(unused)
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", BASE64.encode(&self.0))
    }
}

/// Proof that this person's key made a signature. It is worth nothing once the key is taken away.
#[derive(Debug)]
pub struct KeyVerified {
    person: CanonicalName,
    key: PublicKey,
}

impl KeyVerified {
    /// Takes the key of a verified signature, if it is one of the person's.
    pub fn of(person: &CanonicalName, keys: &[PublicKey], signed_by: &PublicKey) -> Option<Self> {
        keys.contains(signed_by).then(|| Self {
            person: person.clone(),
            key: signed_by.clone(),
        })
    }

    /// Whose key it was.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// Whether the key is still among these.
    pub fn is_of(&self, current: &[PublicKey]) -> bool {
        current.contains(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpLQmRZQXdqRkZ5Z0VtY1d0S2hXb3pUc1ZmUXJNeHl6";

    #[test]
    fn a_comment_makes_no_other_key() {
        let key = PublicKey::parse(KEY).unwrap();
        assert_eq!(
            PublicKey::parse(&format!("{KEY} admin@host")),
            Ok(key.clone())
        );
        assert_eq!(PublicKey::from_wire(&key.0), key);
    }

    #[test]
    fn what_is_no_key_says_what_is() {
        let base64 = KEY.split(' ').nth(1).unwrap();
        for (text, error) in [
            ("", PublicKeyError::Shape),
            ("ssh-ed25519", PublicKeyError::Shape),
            ("ssh-ed25519 AAAA", PublicKeyError::Shape),
            ("ssh-ed25519 !", PublicKeyError::Shape),
            (&format!("ssh-rsa {base64}"), PublicKeyError::Shape),
            (&format!("ssh-dss {base64}"), PublicKeyError::Algorithm),
            (
                &format!("ecdsa-sha2-nistp256 {base64}"),
                PublicKeyError::Shape,
            ),
        ] {
            assert_eq!(PublicKey::parse(text), Err(error), "{text}");
        }
    }

    /// The line of an RSA key of these numbers.
    fn rsa_line(exponent: &[u8], modulus: &[u8], behind: &[u8]) -> String {
        let text = |octets: &[u8]| {
            let length = u32::try_from(octets.len()).unwrap().to_be_bytes();
            [&length, octets].concat()
        };
        let key = [text(b"ssh-rsa"), text(exponent), text(modulus)].concat();
        format!("ssh-rsa {}", BASE64.encode(&[&key, behind].concat()))
    }

    /// A number of so many bits, with its sign.
    fn number(bits: usize) -> Vec<u8> {
        let mut octets = vec![0; bits / 8 + 1];
        octets[0] = u8::try_from(1_u32 << (bits % 8)).unwrap() >> 1;
        if bits.is_multiple_of(8) {
            octets[1] = 0x80;
        }
        *octets.last_mut().unwrap() |= 1;
        octets
    }

    #[test]
    fn an_rsa_key_is_long_enough_and_signs_something() {
        const F4: &[u8] = &[1, 0, 1];
        let even = |mut number: Vec<u8>| {
            *number.last_mut().unwrap() ^= 1;
            number
        };
        for (exponent, modulus, taken) in [
            (F4, number(2_048), Ok(())),
            (F4, number(4_096), Ok(())),
            (&[3], number(3_072), Ok(())),
            (F4, number(1_024), Err(PublicKeyError::RsaSize(1_024))),
            (F4, number(2_047), Err(PublicKeyError::RsaSize(2_047))),
            (F4, number(4_097), Err(PublicKeyError::RsaSize(4_097))),
            (&[1], number(2_048), Err(PublicKeyError::RsaNumbers)),
            (&[2], number(2_048), Err(PublicKeyError::RsaNumbers)),
            (
                &[1, 0, 0, 0, 1],
                number(2_048),
                Err(PublicKeyError::RsaNumbers),
            ),
            (F4, even(number(2_048)), Err(PublicKeyError::RsaNumbers)),
            // Not the one form of a positive number.
            (&[], number(2_048), Err(PublicKeyError::Shape)),
            (&[0], number(2_048), Err(PublicKeyError::Shape)),
            (&[0, 1, 0, 1], number(2_048), Err(PublicKeyError::Shape)),
            (&[0x81], number(2_048), Err(PublicKeyError::Shape)),
            (
                F4,
                [&[0], &number(2_048)[..]].concat(),
                Err(PublicKeyError::Shape),
            ),
        ] {
            let key = PublicKey::parse(&rsa_line(exponent, &modulus, b""));
            assert_eq!(key.map(|_| ()), taken, "{exponent:?}");
        }
        let key = PublicKey::parse(&rsa_line(F4, &number(2_048), b"more"));
        assert_eq!(key, Err(PublicKeyError::Shape));
    }

    #[test]
    fn a_signature_by_a_key_of_somebody_else_proves_nothing() {
        let person = CanonicalName::of("alice").unwrap();
        let (own, other) = (PublicKey::from_wire(b"own"), PublicKey::from_wire(b"other"));
        let keys = [own.clone()];
        assert!(KeyVerified::of(&person, &keys, &other).is_none());
        let proof = KeyVerified::of(&person, &keys, &own).unwrap();
        assert!(proof.is_of(&keys) && !proof.is_of(&[other]));
    }
}
