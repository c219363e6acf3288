//! Secrets at rest.
//!
//! Root key (a file) → one key per purpose (HKDF-SHA256, RFC 5869) → one AES-256-GCM ciphertext per
//! secret, bound to the tenant, table, row and version that it belongs to: moved to another row, or
//! put back from an older version of its row, it does not open.

use std::fmt;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{self, AES_256_GCM, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{self, HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

/// Octets of a root key.
pub const ROOT_KEY_LEN: usize = 32;
/// The first octet of every sealed value: the format below.
const VERSION: u8 = 1;
/// Octets that name the key, so that a rotation can have two in use.
const KEY_ID_LEN: usize = 4;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// Octets of a sealed value of so many octets.
pub(crate) const fn sealed_len(plain: usize) -> usize {
    HEAD_LEN + plain + TAG_LEN
}

/// Separates these derivations from any other use of the root key.
const SALT: &[u8] = b"symbolon-sealing-v1";

/// The key from which all others are derived.
pub struct RootKey(Zeroizing<[u8; ROOT_KEY_LEN]>);

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(<hidden>)")
    }
}

/// Why a root key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The file could not be read or made, or others may read it.
    #[error("root key {0}")]
    File(#[from] PrivateFileError),
    /// There is no file.
    #[error(
        "root key {} is missing; put it back from its backup: the databases here open with no other",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It does not hold 32 octets.
    #[error(
        "root key {}: it does not hold 32 octets; restore it from the backup: \
         without it the sealed secrets are lost",
        path.display()
    )]
    Malformed {
        /// The key file.
        path: PathBuf,
    },
    /// The random source failed.
    #[error("the system's random source failed")]
    Random,
}

impl RootKey {
    /// Reads the key from `path`, which only its owner may read.
    pub fn load(path: &Path) -> Result<Self, RootKeyError> {
        let content =
            private_file::read(path, ROOT_KEY_LEN as u64).map_err(|error| match error {
                PrivateFileError::Io { path, source } if source.kind() == NotFound => {
                    RootKeyError::Missing { path }
                }
                other => other.into(),
            })?;
        let mut key = Zeroizing::new([0; ROOT_KEY_LEN]);
        if content.len() != key.len() {
            return Err(RootKeyError::Malformed {
                path: path.to_owned(),
            });
        }
        key.copy_from_slice(&content);
        Ok(Self(key))
    }

    /// Makes a new key at `path`, which must not exist; durable when this returns.
    pub fn create(path: &Path) -> Result<Self, RootKeyError> {
        let mut key = Zeroizing::new([0; ROOT_KEY_LEN]);
        aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| RootKeyError::Random)?;
        private_file::create(path, key.as_ref())?;
        Ok(Self(key))
    }

    /// Reads the key, or makes it if there is no file.
    pub fn load_or_create(path: &Path) -> Result<Self, RootKeyError> {
        if path.try_exists().is_ok_and(|exists| !exists) {
            Self::create(path)
        } else {
            Self::load(path)
        }
    }

    /// A key that was made elsewhere, such as of a password.
    pub(crate) fn from_octets(octets: Zeroizing<[u8; ROOT_KEY_LEN]>) -> Self {
        Self(octets)
    }

    fn derive(&self, purpose: &str, what: &[u8], out: &mut [u8]) -> Result<(), SealError> {
        let root: Prk = Salt::new(HKDF_SHA256, SALT).extract(self.0.as_ref());
        root.expand(&[what, purpose.as_bytes()], Length(out.len()))
            .and_then(|okm| okm.fill(out))
            .map_err(|_| SealError::Crypto)
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// What a sealed value belongs to. It opens under an equal one only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aad(Vec<u8>);

impl Aad {
    /// Binds to `version` of `row` of `table` of `tenant`. Each part goes in with its length before
    /// it, so no two different places read the same.
    pub fn new(tenant: &str, table: &str, row: &str, version: u64) -> Self {
        let mut bytes = Vec::with_capacity(tenant.len() + table.len() + row.len() + 4 * 8);
        for part in [tenant, table, row] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes.extend(version.to_be_bytes());
        Self(bytes)
    }
}

/// A sealed value as it is stored: version ‖ key id ‖ nonce ‖ ciphertext ‖ tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// A value as it was stored. Whether it is whole shows when it is opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The octets to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// `Sealed(<n octets>)`.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(<{} octets>)", self.0.len())
    }
}

/// Why a value could not be sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// It was sealed under another root key.
    #[error("sealed under another root key; start with the root key that belongs to this database")]
    OtherKey,
    /// It was sealed by a later version of this program.
    #[error("sealed in format {0}, which this version does not know; start the newer version")]
    OtherFormat(u8),
    /// It was changed, cut, or belongs to another row.
    #[error("a sealed value is damaged or out of place; restore the database from a backup")]
    Damaged,
    /// The cryptographic library refused; never expected.
    #[error("the cryptographic library refused")]
    Crypto,
}

/// Seals and opens the secrets of one purpose. The derived key is kept, so opening costs one AEAD
/// operation.
pub struct Sealer {
    key: LessSafeKey,
    nonces: hmac::Key,
    id: [u8; KEY_ID_LEN],
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(<hidden>)")
    }
}

impl Sealer {
    /// The sealer for `purpose`, `registry-seed` for example. Nonces are random: at most 2^32 values
    /// per purpose and root key (NIST SP 800-38D, 8.3).
    pub fn new(root: &RootKey, purpose: &'static str) -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        root.derive(purpose, b"key:", key.as_mut())?;
        let mut nonces = Zeroizing::new([0; 32]);
        root.derive(purpose, b"nonces:", nonces.as_mut())?;
        let mut id = [0; KEY_ID_LEN];
        root.derive(purpose, b"id:", &mut id)?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| SealError::Crypto)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, nonces.as_ref()),
            id,
        })
    }

    /// The name of the key, as every value that it sealed carries it. It tells nothing of the key.
    pub(crate) fn key_id(&self) -> u32 {
        u32::from_be_bytes(self.id)
    }

    /// Seals `plain` for the place that `aad` names.
    pub fn seal(&self, aad: &Aad, plain: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SealError::Crypto)?;
        self.seal_under(nonce, aad, plain)
    }

    /// Seals `plain` so that the same value in the same place gives the same octets: what is shown
    /// twice must not look changed. The nonce is a keyed hash of both, so two different values never
    /// share one but by chance, and equal octets tell that values are equal and no more (the synthetic
    /// nonce of RFC 8452, 9).
    pub fn seal_alike(&self, aad: &Aad, plain: &[u8]) -> Result<Sealed, SealError> {
        let mut hash = hmac::Context::with_key(&self.nonces);
        hash.update(&(aad.0.len() as u64).to_be_bytes());
        hash.update(&aad.0);
        hash.update(plain);
        let hash = hash.sign();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hash.as_ref()[..NONCE_LEN]);
        self.seal_under(nonce, aad, plain)
    }

    fn seal_under(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &Aad,
        plain: &[u8],
    ) -> Result<Sealed, SealError> {
        // Room for everything from the start: a vector that grows leaves copies of the plain text.
        let mut sealed = Vec::with_capacity(HEAD_LEN + plain.len() + TAG_LEN);
        sealed.push(VERSION);
        sealed.extend(self.id);
        sealed.extend(nonce);
        sealed.extend(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(&aad.0),
                &mut sealed[HEAD_LEN..],
            )
            .map_err(|_| SealError::Crypto)?;
        sealed.extend(tag.as_ref());
        Ok(Sealed(sealed))
    }

    /// Opens what was sealed for the place that `aad` names.
    pub fn open(&self, aad: &Aad, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&version, rest) = sealed.0.split_first().ok_or(SealError::Damaged)?;
        if version != VERSION {
            return Err(SealError::OtherFormat(version));
        }
        let (id, rest) = rest.split_first_chunk().ok_or(SealError::Damaged)?;
        if id != &self.id {
            return Err(SealError::OtherKey);
        }
        let (nonce, body) = rest.split_first_chunk().ok_or(SealError::Damaged)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                aead::Aad::from(&aad.0),
                &mut plain,
            )
            .map_err(|_| SealError::Damaged)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// Octets that this root key alone makes for `purpose`: for a key pair that outlives the process and
/// lies in no file of its own.
pub fn derived(root: &RootKey, purpose: &'static str) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut octets = Zeroizing::new([0; 32]);
    root.derive(purpose, b"pair:", octets.as_mut())?;
    Ok(octets)
}

/// Makes secrets findable that the database must not hold: a keyed hash (HMAC-SHA-256). Whoever has
/// the database alone can neither read the values nor try guesses.
pub struct BlindIndex(hmac::Key);

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindIndex(<hidden>)")
    }
}

impl BlindIndex {
    /// The index for `purpose`, `registry-licence-code` for example.
    pub fn new(root: &RootKey, purpose: &'static str) -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        root.derive(purpose, b"index:", key.as_mut())?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())))
    }

    /// The value to store and to look for.
    pub fn of(&self, value: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.0, value);
        let mut index = [0; 32];
        index.copy_from_slice(tag.as_ref());
        index
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn root() -> RootKey {
        RootKey(Zeroizing::new([7; ROOT_KEY_LEN]))
    }

    fn place() -> Aad {
        Aad::new("local", "token", "FTKMOB0000000001", 3)
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_alone() {
        let sealer = Sealer::new(&root(), "test").unwrap();
        let sealed = sealer.seal(&place(), b"seed").unwrap();
        assert_eq!(sealer.open(&place(), &sealed).unwrap().as_slice(), b"seed");
        for other in [
            Aad::new("other", "token", "FTKMOB0000000001", 3),
            Aad::new("local", "tokens", "FTKMOB0000000001", 3),
            Aad::new("local", "token", "FTKMOB0000000002", 3),
            Aad::new("local", "token", "FTKMOB0000000001", 2),
            Aad::new("localt", "oken", "FTKMOB0000000001", 3),
        ] {
            assert_eq!(sealer.open(&other, &sealed), Err(SealError::Damaged));
        }
    }

    #[test]
    fn what_is_sealed_alike_differs_with_its_value_and_its_place_alone() {
        let sealer = Sealer::new(&root(), "test").unwrap();
        let sealed = sealer.seal_alike(&place(), b"seed").unwrap();
        assert_eq!(sealer.open(&place(), &sealed).unwrap().as_slice(), b"seed");
        assert_eq!(sealer.seal_alike(&place(), b"seed").unwrap(), sealed);
        let nonce = |sealed: &Sealed| sealed.0[1 + KEY_ID_LEN..HEAD_LEN].to_vec();
        let elsewhere = Aad::new("local", "token", "FTKMOB0000000002", 3);
        for (aad, plain) in [(&place(), b"seeds".as_slice()), (&elsewhere, b"seed")] {
            let other = sealer.seal_alike(aad, plain).unwrap();
            assert_ne!(nonce(&other), nonce(&sealed));
        }
    }

    #[test]
    fn every_changed_or_missing_octet_is_noticed() {
        let sealer = Sealer::new(&root(), "test").unwrap();
        let sealed = sealer.seal(&place(), b"a secret").unwrap();
        for i in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[i] ^= 1;
            assert!(
                sealer.open(&place(), &changed).is_err(),
                "octet {i} changed"
            );
            let cut = Sealed(sealed.0[..i].to_vec());
            assert!(sealer.open(&place(), &cut).is_err(), "cut to {i} octets");
        }
    }

    #[test]
    fn another_key_or_purpose_or_format_is_named() {
        let sealer = Sealer::new(&root(), "test").unwrap();
        let mut sealed = sealer.seal(&place(), b"seed").unwrap();
        let other = RootKey(Zeroizing::new([8; ROOT_KEY_LEN]));
        let elsewhere = Sealer::new(&other, "test").unwrap();
        assert_eq!(elsewhere.open(&place(), &sealed), Err(SealError::OtherKey));
        let purpose = Sealer::new(&root(), "another").unwrap();
        assert_eq!(purpose.open(&place(), &sealed), Err(SealError::OtherKey));
        sealed.0[0] = 9;
        assert_eq!(
            sealer.open(&place(), &sealed),
            Err(SealError::OtherFormat(9))
        );
    }

    #[test]
    fn an_index_depends_on_value_purpose_and_root() {
        let index = BlindIndex::new(&root(), "one").unwrap();
        assert_eq!(
            index.of(b"a"),
            BlindIndex::new(&root(), "one").unwrap().of(b"a")
        );
        assert_ne!(index.of(b"a"), index.of(b"b"));
        assert_ne!(
            index.of(b"a"),
            BlindIndex::new(&root(), "two").unwrap().of(b"a")
        );
        let other = RootKey(Zeroizing::new([8; ROOT_KEY_LEN]));
        assert_ne!(
            index.of(b"a"),
            BlindIndex::new(&other, "one").unwrap().of(b"a")
        );
    }

    #[test]
    fn two_seals_of_one_value_differ_and_print_nothing() {
        let sealer = Sealer::new(&root(), "test").unwrap();
        let one = sealer.seal(&place(), b"seed").unwrap();
        assert_ne!(one, sealer.seal(&place(), b"seed").unwrap());
        assert_eq!(format!("{one:?}"), "Sealed(<37 octets>)");
        assert_eq!(
            format!("{:?} {sealer:?}", root()),
            "RootKey(<hidden>) Sealer(<hidden>)"
        );
    }

    #[test]
    fn a_key_file_is_private_whole_and_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        let made = RootKey::load_or_create(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(RootKey::load_or_create(&path).unwrap().0, made.0);
        assert!(matches!(
            RootKey::create(&path),
            Err(RootKeyError::File(PrivateFileError::Io { .. }))
        ));

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let exposed = RootKey::load(&path).unwrap_err();
        assert!(
            exposed
                .to_string()
                .contains(&format!("chmod 600 {}", path.display())),
            "{exposed}"
        );

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(
            RootKey::load(&path),
            Err(RootKeyError::Malformed { .. })
        ));
        assert!(matches!(
            RootKey::load(dir.path()),
            Err(RootKeyError::File(_))
        ));
    }
}
