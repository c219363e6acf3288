//! MS-CHAPv2 (RFC 2759) and the keys that it leaves behind (RFC 3079).
//!
//! The primitives are those of 1998: whoever records one exchange finds the NT hash by trying 2^56 keys.
//! They are here for clients that know nothing else, and used for nothing else.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use md4::Md4;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The NT hash of a password: as good as the password to whoever has it.
pub struct NtHash(Zeroizing<[u8; 16]>);

impl NtHash {
    /// MD4 of the password in UTF-16, little-endian (RFC 2759 section 8.3).
    pub fn of(password: &str) -> Self {
        let mut digest = Md4::new();
        for unit in password.encode_utf16() {
            digest.update(unit.to_le_bytes());
        }
        Self(Zeroizing::new(digest.finalize().into()))
    }

    /// `PasswordHashHash` (RFC 2759 section 8.4).
    fn hashed(&self) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(Md4::digest(*self.0).into())
    }
}

/// A response and the challenges that it answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    identifier: u8,
    /// The first eight octets of the hash over both challenges and the name.
    challenge: [u8; 8],
    /// `NT-Response`.
    proof: [u8; 24],
}

impl Response {
    /// Takes the value of an MS-CHAP2-Response, the client's challenge and the user's name (RFC 2548
    /// section 2.3.2). A domain before the name is not part of what is hashed (RFC 2759 section 4).
    pub fn new(value: &[u8; 50], challenge: [u8; 16], user_name: &[u8]) -> Self {
        let (&[identifier, _flags], rest) = split(value);
        let (peer_challenge, rest) = split::<16>(rest);
        let (_reserved, rest) = split::<8>(rest);
        let (proof, _) = split(rest);
        let user = user_name.rsplit(|octet| *octet == b'\\').next();
        let digest = Sha1::new_with_prefix(peer_challenge)
            .chain_update(challenge)
            .chain_update(user.unwrap_or_default())
            .finalize();
        Self {
            identifier,
            challenge: *split(&digest).0,
            proof: *proof,
        }
    }

    /// The server's half of the exchange, if the response was made with the password of this hash;
    /// compares in constant time (RFC 2759 section 8.5).
    pub fn check(&self, hash: &NtHash) -> Option<Success> {
        let expected = challenge_response(self.challenge, hash);
        bool::from(expected.ct_eq(&self.proof)).then(|| Success::new(self, hash))
    }
}

/// What the Access-Accept tells a client whose response was right: that the server knows the password
/// too, and the keys of the tunnel.
pub struct Success {
    identifier: u8,
    authenticator: [u8; 20],
    send_key: Zeroizing<[u8; 16]>,
    receive_key: Zeroizing<[u8; 16]>,
}

impl Success {
    fn new(response: &Response, hash: &NtHash) -> Self {
        let hash_hash = hash.hashed();
        let master = start(
            Sha1::new_with_prefix(*hash_hash)
                .chain_update(response.proof)
                .chain_update(MASTER_KEY),
        );
        Self {
            identifier: response.identifier,
            authenticator: authenticator(response, &hash_hash),
            send_key: asymmetric_start_key(&master, SERVER_SENDS),
            receive_key: asymmetric_start_key(&master, SERVER_RECEIVES),
        }
    }

    /// The value of an MS-CHAP2-Success (RFC 2548 section 2.3.3): `S=` and forty hexadecimal digits.
    pub fn message(&self) -> Vec<u8> {
        let digits = self
            .authenticator
            .iter()
            .map(|octet| format!("{octet:02X}"));
        let text = format!("S={}", digits.collect::<String>());
        [&[self.identifier], text.as_bytes()].concat()
    }

    /// The key under which the client's peer sends (128 bits).
    pub fn send_key(&self) -> &[u8; 16] {
        &self.send_key
    }

    /// The key under which the client's peer receives (128 bits).
    pub fn receive_key(&self) -> &[u8; 16] {
        &self.receive_key
    }
}

/// Three DES encryptions under the hash, padded to three keys of 56 bits (RFC 2759 section 8.5).
fn challenge_response(challenge: [u8; 8], hash: &NtHash) -> [u8; 24] {
    let mut padded = Zeroizing::new([0; 21]);
    padded
        .iter_mut()
        .zip(&*hash.0)
        .for_each(|(slot, octet)| *slot = *octet);
    let mut response = [0; 24];
    let (keys, _) = padded.as_chunks::<7>();
    let (blocks, _) = response.as_chunks_mut::<8>();
    for (key, block) in keys.iter().zip(blocks) {
        let mut cipher = challenge.into();
        Des::new(&(*with_parity(*key)).into()).encrypt_block(&mut cipher);
        *block = cipher.into();
    }
    response
}

/// 56 bits as DES takes them: seven in each octet, above a bit of parity that nobody reads.
fn with_parity(key: [u8; 7]) -> Zeroizing<[u8; 8]> {
    let bits = key
        .iter()
        .fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
    let mut spread = Zeroizing::new([0; 8]);
    for (place, slot) in spread.iter_mut().enumerate() {
        let seven = (bits >> (49 - 7 * place) & 0x7f) as u8;
        *slot = seven << 1;
    }
    spread
}

/// `GenerateAuthenticatorResponse` (RFC 2759 section 8.7).
fn authenticator(response: &Response, hash_hash: &[u8; 16]) -> [u8; 20] {
    let digest = Sha1::new_with_prefix(hash_hash)
        .chain_update(response.proof)
        .chain_update(MAGIC_1)
        .finalize();
    Sha1::new_with_prefix(digest)
        .chain_update(response.challenge)
        .chain_update(MAGIC_2)
        .finalize()
        .into()
}

/// `GetAsymmetricStartKey` for 128 bits (RFC 3079 section 3.4).
fn asymmetric_start_key(master: &[u8; 16], direction: &[u8; 84]) -> Zeroizing<[u8; 16]> {
    start(
        Sha1::new_with_prefix(master)
            .chain_update([0; 40])
            .chain_update(direction)
            .chain_update([0xf2; 40]),
    )
}

/// The first 128 bits of a digest.
fn start(digest: Sha1) -> Zeroizing<[u8; 16]> {
    Zeroizing::new(*split(&digest.finalize()).0)
}

/// The first octets and the others, of octets that are always enough.
fn split<const N: usize>(octets: &[u8]) -> (&[u8; N], &[u8]) {
    octets.split_first_chunk().unwrap_or((&[0; N], &[]))
}

/// RFC 2759 section 8.7.
const MAGIC_1: &[u8; 39] = b"Magic server to client signing constant";
const MAGIC_2: &[u8; 41] = b"Pad to make it do more than one iteration";
/// RFC 3079 section 3.4.
const MASTER_KEY: &[u8; 27] = b"This is the MPPE Master Key";
/// `Magic2` there: the client's receiving side is the server's sending one.
const SERVER_RECEIVES: &[u8; 84] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";
const SERVER_SENDS: &[u8; 84] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";
