//! RFC 6030 section 6: the key of a container, the MAC over each value, the cipher around it.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::{Block, BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use data_encoding::BASE64;
use hmac::{Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use roxmltree::Node;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::super::Fault;
use super::container::{child, needed, text};
use super::{ContainerError, MAX_ITERATIONS, Unlock};

/// The block of AES, which is also the length of an initialisation vector.
const BLOCK: usize = 16;

/// How the values of a container are protected.
pub(super) enum Protection {
    /// Not at all.
    Open,
    /// Encrypted under `key`, and authenticated.
    Sealed {
        key: Zeroizing<Vec<u8>>,
        mac: Option<MacKey>,
    },
}

/// An HMAC and its key.
pub(super) struct MacKey {
    digest: MacDigest,
    key: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum MacDigest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Protection {
    pub(super) fn of(root: Node<'_, '_>, unlock: Unlock<'_>) -> Result<Self, ContainerError> {
        let Some(encryption) = only(root, "EncryptionKey")? else {
            return match unlock {
                Unlock::Nothing => Ok(Self::Open),
                Unlock::Key(_) | Unlock::Password(_) => Err(ContainerError::NotEncrypted),
            };
        };
        let key = match (only(encryption, "DerivedKey")?, unlock) {
            (Some(derived), Unlock::Password(password)) => derive(derived, password)?,
            (Some(_), _) => return Err(ContainerError::NeedsPassword),
            (None, _) if only(encryption, "X509Data")?.is_some() => {
                return Err(ContainerError::Protection);
            }
            (None, Unlock::Key(key)) => Zeroizing::new(key.to_vec()),
            (None, _) => return Err(ContainerError::NeedsKey),
        };
        let mac = match only(root, "MACMethod")? {
            Some(method) => Some(MacKey::of(method, &key)?),
            None => None,
        };
        Ok(Self::Sealed { key, mac })
    }

    /// Whether a value in the clear has no place here: whoever changed the file may have put it there.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed { .. })
    }

    /// The encrypted value of `element`, opened after its MAC has been found right.
    pub(super) fn opened(
        &self,
        element: Node<'_, '_>,
        name: &'static str,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let encrypted = needed(element, "EncryptedValue")?;
        let Self::Sealed { key, mac } = self else {
            return Err(Fault::Cipher);
        };
        let cipher = Cipher::of(encrypted).ok_or(Fault::Cipher)?;
        let value = cipher_value(encrypted, name)?;
        let mac = mac.as_ref().ok_or(Fault::NoMac)?;
        let Some(told) = child(element, "ValueMAC")? else {
            return Err(Fault::NoMac);
        };
        if !mac.is_of(&value, &base64(text(told), "ValueMAC")?) {
            return Err(Fault::Mac);
        }
        cipher.open(key, &value).ok_or(Fault::Cipher)
    }
}

impl MacKey {
    /// Without a key of its own the MAC is under the container's key (RFC 6030 section 6.1.1).
    fn of(method: Node<'_, '_>, container_key: &[u8]) -> Result<Self, ContainerError> {
        let algorithm = method.attribute("Algorithm").unwrap_or_default();
        let digest = match algorithm.rsplit('#').next() {
            Some("hmac-sha1") => MacDigest::Sha1,
            Some("hmac-sha256") => MacDigest::Sha256,
            Some("hmac-sha384") => MacDigest::Sha384,
            Some("hmac-sha512") => MacDigest::Sha512,
            _ => return Err(ContainerError::MacMethod),
        };
        let key = match only(method, "MACKey")? {
            None => Zeroizing::new(container_key.to_vec()),
            Some(wrapped) => {
                let cipher = Cipher::of(wrapped).ok_or(ContainerError::Protection)?;
                cipher.demand(container_key)?;
                let value = cipher_value(wrapped, "MACKey").map_err(|_| ContainerError::MacKey)?;
                cipher
                    .open(container_key, &value)
                    .ok_or(ContainerError::MacKey)?
            }
        };
        Ok(Self { digest, key })
    }

    /// In constant time.
    fn is_of(&self, value: &[u8], told: &[u8]) -> bool {
        match self.digest {
            MacDigest::Sha1 => verified::<Hmac<Sha1>>(&self.key, value, told),
            MacDigest::Sha256 => verified::<Hmac<Sha256>>(&self.key, value, told),
            MacDigest::Sha384 => verified::<Hmac<Sha384>>(&self.key, value, told),
            MacDigest::Sha512 => verified::<Hmac<Sha512>>(&self.key, value, told),
        }
    }
}

fn verified<M: Mac + hmac::KeyInit>(key: &[u8], value: &[u8], told: &[u8]) -> bool {
    M::new_from_slice(key).is_ok_and(|mac| mac.chain_update(value).verify_slice(told).is_ok())
}

/// AES in CBC mode (XML Encryption section 5.2.2).
#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    fn of(encrypted: Node<'_, '_>) -> Option<Self> {
        let method = child(encrypted, "EncryptionMethod").ok()??;
        match method.attribute("Algorithm")?.rsplit('#').next()? {
            "aes128-cbc" => Some(Self::Aes128),
            "aes192-cbc" => Some(Self::Aes192),
            "aes256-cbc" => Some(Self::Aes256),
            _ => None,
        }
    }

    const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    fn demand(self, key: &[u8]) -> Result<(), ContainerError> {
        let (wanted, given) = (self.key_len(), key.len());
        if wanted == given {
            Ok(())
        } else {
            Err(ContainerError::KeyLength { wanted, given })
        }
    }

    /// `value` is the initialisation vector and the ciphertext.
    fn open(self, key: &[u8], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Aes128 => decrypt::<Aes128>(key, value),
            Self::Aes192 => decrypt::<Aes192>(key, value),
            Self::Aes256 => decrypt::<Aes256>(key, value),
        }
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], value: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
{
    let (iv, ciphertext) = value.split_at_checked(BLOCK)?;
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
        return None;
    }
    let mut cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    for block in plain.chunks_exact_mut(BLOCK) {
        let block: &mut Block<cbc::Decryptor<C>> = block.try_into().ok()?;
        cipher.decrypt_block(block);
    }
    // The last byte counts the padding; what the others of it are is left to the writer.
    let padding = usize::from(*plain.last()?);
    if !(1..=BLOCK).contains(&padding) {
        return None;
    }
    let length = plain.len() - padding;
    plain.truncate(length);
    Some(plain)
}

/// PBKDF2 (RFC 8018 section 5.2) as the container describes it.
fn derive(derived: Node<'_, '_>, password: &str) -> Result<Zeroizing<Vec<u8>>, ContainerError> {
    let method = wanted(derived, "KeyDerivationMethod")?;
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    if algorithm.rsplit('#').next() != Some("pbkdf2") {
        return Err(ContainerError::Derivation);
    }
    let parameters = wanted(method, "PBKDF2-params")?;
    let number = |name| {
        let text = text(wanted(parameters, name)?).trim();
        text.parse::<u32>().map_err(|_| ContainerError::Derivation)
    };
    let salt = text(wanted(wanted(parameters, "Salt")?, "Specified")?);
    let salt = base64(salt, "Salt").map_err(|_| ContainerError::Derivation)?;
    let rounds = number("IterationCount")?;
    let length = match number("KeyLength")? {
        16 => 16,
        24 => 24,
        32 => 32,
        _ => return Err(ContainerError::Derivation),
    };
    if salt.is_empty() || !(1..=MAX_ITERATIONS).contains(&rounds) {
        return Err(ContainerError::Derivation);
    }
    let mut key = Zeroizing::new(vec![0; length]);
    let password = password.as_bytes();
    match pseudorandom_function(parameters)? {
        MacDigest::Sha1 => pbkdf2_hmac::<Sha1>(password, &salt, rounds, &mut key),
        MacDigest::Sha256 => pbkdf2_hmac::<Sha256>(password, &salt, rounds, &mut key),
        MacDigest::Sha384 => pbkdf2_hmac::<Sha384>(password, &salt, rounds, &mut key),
        MacDigest::Sha512 => pbkdf2_hmac::<Sha512>(password, &salt, rounds, &mut key),
    }
    Ok(key)
}

/// HMAC-SHA-1 if nothing is said (RFC 8018 appendix A.2). An attribute says it, or, as python-pskc writes,
/// the element's text.
fn pseudorandom_function(parameters: Node<'_, '_>) -> Result<MacDigest, ContainerError> {
    let function = only(parameters, "PRF")?;
    let named = function.map(|prf| prf.attribute("Algorithm").unwrap_or(text(prf).trim()));
    match named.map(|name| name.rsplit('#').next().unwrap_or_default()) {
        None | Some("" | "hmac-sha1" | "id-hmacWithSHA1") => Ok(MacDigest::Sha1),
        Some("hmac-sha256" | "id-hmacWithSHA256") => Ok(MacDigest::Sha256),
        Some("hmac-sha384" | "id-hmacWithSHA384") => Ok(MacDigest::Sha384),
        Some("hmac-sha512" | "id-hmacWithSHA512") => Ok(MacDigest::Sha512),
        Some(_) => Err(ContainerError::Derivation),
    }
}

fn cipher_value(encrypted: Node<'_, '_>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let data = needed(encrypted, "CipherData")?;
    base64(text(needed(data, "CipherValue")?), name)
}

/// Base64 with blanks and line ends wherever the writer put them.
pub(super) fn base64(text: &str, name: &'static str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    // Reserved once: growing would leave copies behind.
    let mut packed = Zeroizing::new(Vec::with_capacity(text.len()));
    packed.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let length = BASE64.decode_len(packed.len());
    let mut bytes = Zeroizing::new(vec![0; length.map_err(|_| Fault::Base64(name))?]);
    let length = BASE64
        .decode_mut(&packed, &mut bytes)
        .map_err(|_| Fault::Base64(name))?;
    bytes.truncate(length);
    Ok(bytes)
}

fn only<'n, 'i>(
    parent: Node<'n, 'i>,
    name: &'static str,
) -> Result<Option<Node<'n, 'i>>, ContainerError> {
    child(parent, name).map_err(|_| ContainerError::Twice(name))
}

fn wanted<'n, 'i>(
    parent: Node<'n, 'i>,
    name: &'static str,
) -> Result<Node<'n, 'i>, ContainerError> {
    only(parent, name)?.ok_or(ContainerError::Missing(name))
}
