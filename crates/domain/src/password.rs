//! First factor: password hashes, their verification, and the short memory of verified passwords.
//!
//! [`PasswordVerified`] is the proof that the rest of the login demands; it comes from this module
//! only.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::backend::Account;
use crate::bounded::Bounded;
use crate::legacy::Opened;
use crate::name::CanonicalName;
use crate::throttle::Guess;
use crate::time::{Span, Timestamp};

/// Longest password in octets: what RADIUS can carry (RFC 2865, 5.2).
pub const PASSWORD_MAX: usize = 128;

/// OWASP's first recommendation for Argon2id (19 MiB, 2 passes, 1 lane): 15 to 25 ms of one core.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most that a hash in the store may cost, in KiB: every thread of the pool takes this much at once.
const MEMORY_KIB_MAX: u32 = 262_144;
/// And in passes: some seconds at the largest memory.
const PASSES_MAX: u32 = 16;

/// How many times the work of a hash of this unit one from elsewhere may cost: some 300 ms, which the usual
/// `reject-delay` of a second hides, and which leaves the pool to others. What PHP, Django and RFC 9106 with
/// 64 MiB make takes five to seven times.
const DEARER_MAX: u64 = 16;
/// Rounds of PBKDF2 that are as much work: OWASP recommends 600,000 with SHA-256 and 210,000 with SHA-512.
const ROUNDS_MAX: u32 = 1_000_000;
/// Octets of its digest by which a hash is known: with its cost 16 in all.
const DIGEST_LEN: usize = 15;
/// Octets of salt and output that PBKDF2 may have in a PHC string; NIST SP 800-132 asks for 16 and 14 at least.
const PBKDF2_OUTPUT_MIN: usize = 14;

/// Octets of salt (RFC 9106, 3.1 recommends 16).
pub const SALT_LEN: usize = 16;

/// Octets of the key of [`Remembered`]: the block of SHA-256, so that HMAC uses it as it is.
pub const KEY_LEN: usize = 64;

/// A password that cannot be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordError {
    /// An empty password would let everybody in.
    #[error("the password is empty")]
    Empty,
    /// The password does not fit into a RADIUS request.
    #[error("the password is longer than {PASSWORD_MAX} octets")]
    TooLong,
    /// The hash is not a PHC string that this program can check in reasonable time.
    #[error(
        "the password hash is no PHC string of Argon2 or PBKDF2 ($argon2id$..., $pbkdf2-sha256$i=...)"
    )]
    Hash,
    /// It would hold up everybody's logins, and tell by its time that the name exists.
    #[error(
        "the password hash costs too much to check: take one of Argon2 with at most {} KiB over all passes, or of \
         PBKDF2 with at most {ROUNDS_MAX} rounds, or set the password itself",
        argon2_work_max()
    )]
    TooDear,
}

/// A password's hash as a PHC string: Argon2, or PBKDF2 from elsewhere. Not secret enough to hide from the store, too
/// secret to print.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

/// By what a hash is known where it does not lie itself. There may be a million, and a hash is needed only where one
/// is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashDigest {
    /// The first 120 bits of the SHA-256 of its text.
    prefix: [u8; DIGEST_LEN],
    /// How many of this unit's own evaluations a login with it takes at most: a place in a queue is asked for before
    /// the hash is read.
    evaluations: u8,
}

impl fmt::Debug for HashDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashDigest(<sealed>)")
    }
}

impl PasswordHash {
    /// Hashes a new password. Costs one Argon2id evaluation.
    pub fn new(password: &str, salt: [u8; SALT_LEN]) -> Result<Self, PasswordError> {
        match password.len() {
            0 => return Err(PasswordError::Empty),
            1..=PASSWORD_MAX => {}
            _ => return Err(PasswordError::TooLong),
        }
        Self::of(password.as_bytes(), &salt).ok_or(PasswordError::Hash)
    }

    fn of(password: &[u8], salt: &[u8; SALT_LEN]) -> Option<Self> {
        let hash = argon2id()?.hash_password_with_salt(password, salt).ok()?;
        Self::from_phc(&hash.to_string()).ok()
    }

    /// Takes a hash from the store or from a configuration: one that can be checked, at a bounded price.
    pub fn from_phc(text: &str) -> Result<Self, PasswordError> {
        let hash = phc::PasswordHash::new(text).map_err(|_| PasswordError::Hash)?;
        if Pbkdf2::of(&hash).is_some() {
            return Ok(Self(text.into()));
        }
        let is_argon2 = Algorithm::new(hash.algorithm.as_str()).is_ok() && hash.hash.is_some();
        let params = Params::try_from(&hash).map_err(|_| PasswordError::Hash)?;
        let is_bounded = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX;
        if !(is_argon2 && is_bounded) {
            return Err(PasswordError::Hash);
        }
        Ok(Self(text.into()))
    }

    /// The PHC string, for the store alone.
    pub fn as_phc(&self) -> &str {
        &self.0
    }

    /// By what it is known where it does not lie itself.
    pub fn digest(&self) -> HashDigest {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let mut prefix = [0; DIGEST_LEN];
        prefix.copy_from_slice(&digest[..DIGEST_LEN]);
        let anew = usize::from(self.is_to_be_rehashed());
        let evaluations = self.evaluations().saturating_add(anew);
        HashDigest {
            prefix,
            evaluations: evaluations.try_into().unwrap_or(u8::MAX),
        }
    }

    /// The text after `ENC ` in `show`: the PHC string in base64, so that it is one plain word.
    pub fn to_enc(&self) -> String {
        BASE64.encode(self.0.as_bytes())
    }

    /// Takes the text after `ENC ` back.
    pub fn from_enc(text: &str) -> Result<Self, PasswordError> {
        let phc = BASE64
            .decode(text.as_bytes())
            .map_err(|_| PasswordError::Hash)?;
        Self::from_phc(std::str::from_utf8(&phc).map_err(|_| PasswordError::Hash)?)
    }

    /// The same of a hash from elsewhere: one that costs little enough for everybody else's logins.
    pub fn import(text: &str) -> Result<Self, PasswordError> {
        let hash = Self::from_enc(text)?;
        let parsed = phc::PasswordHash::new(&hash.0).map_err(|_| PasswordError::Hash)?;
        match Params::try_from(&parsed) {
            // PBKDF2 has its bound by itself.
            _ if Pbkdf2::of(&parsed).is_some() => Ok(hash),
            Ok(params) if work(params.m_cost(), params.t_cost()) <= argon2_work_max() => Ok(hash),
            _ => Err(PasswordError::TooDear),
        }
    }

    /// As many evaluations of this unit's own as comparing it takes the time of.
    pub fn evaluations(&self) -> usize {
        let work = work_of(&self.0);
        usize::try_from(work.div_ceil(argon2_work()).max(1)).unwrap_or(usize::MAX)
    }

    /// Whether a hash of this unit is better: this one is of another kind, or its cost tells that the name exists.
    fn is_to_be_rehashed(&self) -> bool {
        argon2id_work(&self.0).is_none_or(|work| work > argon2_work())
    }

    /// Whether it is the hash of this password. Costs one evaluation, and proves nothing for a
    /// login.
    pub fn is_of(&self, password: &str) -> bool {
        self.matches(password.as_bytes())
    }

    fn matches(&self, password: &[u8]) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else {
            return false;
        };
        if let Some(pbkdf2) = Pbkdf2::of(&hash) {
            return pbkdf2.matches(password);
        }
        argon2id().is_some_and(|argon2| argon2.verify_password(password, &hash).is_ok())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(<sealed>)")
    }
}

/// What computing Argon2 takes: KiB over all passes.
const fn work(memory_kib: u32, passes: u32) -> u64 {
    memory_kib as u64 * passes as u64
}

const fn argon2_work() -> u64 {
    work(MEMORY_KIB, PASSES)
}

const fn argon2_work_max() -> u64 {
    argon2_work() * DEARER_MAX
}

/// What computing a hash takes, if it is one of the kind that is made here.
fn argon2id_work(text: &str) -> Option<u64> {
    let hash = phc::PasswordHash::new(text).ok()?;
    let is_own = Algorithm::new(hash.algorithm.as_str()) == Ok(Algorithm::Argon2id)
        && hash.version == Some(Version::V0x13.into());
    let params = Params::try_from(&hash).ok().filter(|_| is_own)?;
    Some(work(params.m_cost(), params.t_cost()))
}

/// The same of any kind.
fn work_of(text: &str) -> u64 {
    let Ok(hash) = phc::PasswordHash::new(text) else {
        return 0;
    };
    match Pbkdf2::of(&hash) {
        Some(pbkdf2) => argon2_work_max() * u64::from(pbkdf2.rounds) / u64::from(ROUNDS_MAX),
        None => Params::try_from(&hash).map_or(0, |params| work(params.m_cost(), params.t_cost())),
    }
}

/// A hash by PBKDF2 (RFC 8018, 5.2): `$pbkdf2-sha256$i=600000,l=32$SALT$OUTPUT`, or with SHA-512.
struct Pbkdf2<'a> {
    compute: fn(&[u8], &[u8], u32, &mut [u8]),
    rounds: u32,
    salt: &'a [u8],
    output: &'a phc::Output,
}

impl<'a> Pbkdf2<'a> {
    /// Nothing if it is no such hash, or would cost too much.
    fn of(hash: &'a phc::PasswordHash) -> Option<Self> {
        let compute = match hash.algorithm.as_str() {
            "pbkdf2-sha256" => pbkdf2::pbkdf2_hmac::<Sha256>,
            "pbkdf2-sha512" => pbkdf2::pbkdf2_hmac::<Sha512>,
            _ => return None,
        };
        let known = ["i", "l"];
        let mut names = hash.params.iter().map(|(name, _)| name);
        if hash.version.is_some() || !names.all(|name| known.contains(&name.as_str())) {
            return None;
        }
        let rounds = hash.params.get_decimal("i")?;
        let output = hash.hash.as_ref()?;
        let length = hash.params.get_decimal("l");
        let fits = length.is_none_or(|length| usize::try_from(length) == Ok(output.len()));
        let is_sound = (1..=ROUNDS_MAX).contains(&rounds) && output.len() >= PBKDF2_OUTPUT_MIN;
        (fits && is_sound).then_some(Self {
            compute,
            rounds,
            salt: hash.salt.as_ref()?.as_ref(),
            output,
        })
    }

    /// In a time that does not tell how much of it was right.
    fn matches(&self, password: &[u8]) -> bool {
        let mut octets = Zeroizing::new(vec![0; self.output.len()]);
        (self.compute)(password, self.salt, self.rounds, &mut octets);
        phc::Output::new(&octets).is_ok_and(|output| output == *self.output)
    }
}

fn argon2id() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password as a client presented it, wiped when dropped.
pub struct Presented(Zeroizing<Vec<u8>>);

impl Presented {
    /// Takes the octets of a request; nothing is trimmed.
    pub fn new(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }

    /// The octets, for splitting off an appended code.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(<sealed>)")
    }
}

/// Who can tell whether a password is a person's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// This unit: the hash with this digest is kept here.
    Stored(HashDigest),
    /// A directory or RADIUS server.
    Backend(Account),
}

impl From<&PasswordHash> for Credential {
    fn from(hash: &PasswordHash) -> Self {
        Self::Stored(hash.digest())
    }
}

/// Proof that this person's password was checked and right. [`Evaluation::verify`] makes it of a hash,
/// [`ResponseCheck::verify`] of a response, [`BackendCheck::confirmed`] of a backend's word, [`Remembered`] of one that
/// was made before, and [`PasswordVerified::replaced`] for the password that its owner sets in the place of that. It
/// is worth nothing once the person has another password, or another backend.
#[derive(Debug)]
pub struct PasswordVerified {
    person: CanonicalName,
    credential: Credential,
}

impl PasswordVerified {
    /// Whose password it was.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// Whether it was this password: it may have been changed since, to keep somebody out.
    pub fn is_of(&self, current: Option<&Credential>) -> bool {
        current == Some(&self.credential)
    }

    /// The hash of another password that its owner sets, and the proof of that one: worth nothing before the hash is
    /// the person's. Costs one Argon2id evaluation.
    pub fn replaced(
        &self,
        new: &str,
        salt: [u8; SALT_LEN],
    ) -> Result<(PasswordHash, Self), PasswordError> {
        let hash = PasswordHash::new(new, salt)?;
        let proof = verified(&self.person, Credential::from(&hash));
        Ok((hash, proof))
    }
}

fn verified(person: &CanonicalName, credential: Credential) -> PasswordVerified {
    PasswordVerified {
        person: person.clone(),
        credential,
    }
}

/// A password to be checked here: a known person's, or one of whom nothing is known.
#[derive(Debug)]
pub struct Check {
    person: CanonicalName,
    /// Of the person's hash; nothing for a decoy.
    digest: Option<HashDigest>,
}

impl Check {
    /// A check against the hash with this digest.
    pub fn stored(person: CanonicalName, digest: HashDigest) -> Self {
        Self {
            person,
            digest: Some(digest),
        }
    }

    /// A check that fails after the work of a real one, so that the time of a refusal does not tell
    /// whether the name exists.
    pub fn decoy(person: CanonicalName) -> Self {
        Self {
            person,
            digest: None,
        }
    }

    /// Whose hash it takes.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// How many evaluations [`Evaluation::verify`] and [`Evaluation::rehash`] take at most.
    pub fn evaluations(&self) -> usize {
        self.digest.map_or(1, |it| usize::from(it.evaluations))
    }

    /// What is to be computed, with the hash that the store has of the person now. One that was set since the check
    /// began is as good: the proof is of that one. A person who has none any more is checked like a decoy.
    pub fn against(&self, kept: Option<PasswordHash>) -> Evaluation {
        Evaluation {
            person: self.person.clone(),
            hash: kept.filter(|_| self.digest.is_some()),
        }
    }

    /// The memory's answer, if this very password was verified against this very hash a short time
    /// ago.
    pub fn recall<S: BuildHasher>(
        &self,
        presented: &Presented,
        memory: &Remembered<S>,
        now: Timestamp,
    ) -> Option<PasswordVerified> {
        let credential = Credential::Stored(self.digest?);
        memory.recall(&self.person, credential, presented, now)
    }
}

/// One hash to compute: a person's, or a decoy that costs the same and never matches.
#[derive(Debug)]
pub struct Evaluation {
    person: CanonicalName,
    hash: Option<PasswordHash>,
}

impl Evaluation {
    /// That of a person's hash.
    pub fn of(person: CanonicalName, hash: PasswordHash) -> Self {
        Self {
            person,
            hash: Some(hash),
        }
    }

    /// Computes the hash; meant for a bounded pool of threads.
    pub fn verify(&self, presented: &Presented) -> Option<PasswordVerified> {
        let Some(hash) = &self.hash else {
            let mut wasted = [0; 32];
            if let Some(argon2) = argon2id() {
                // The result is thrown away: the work is the point.
                let _ = argon2.hash_password_into(presented.as_bytes(), DECOY_SALT, &mut wasted);
            }
            return None;
        };
        hash.matches(presented.as_bytes())
            .then(|| verified(&self.person, Credential::from(hash)))
    }

    /// The hash that takes the place of the one that was right, if a hash of this unit is better. Costs one Argon2id
    /// evaluation then.
    pub fn rehash(
        &self,
        _: &PasswordVerified,
        presented: &Presented,
        salt: &[u8; SALT_LEN],
    ) -> Option<Rehash> {
        let hash = self.hash.as_ref().filter(|it| it.is_to_be_rehashed())?;
        Some(Rehash {
            person: self.person.clone(),
            from: hash.clone(),
            to: PasswordHash::of(presented.as_bytes(), salt)?,
        })
    }
}

/// Another hash of the same password, for whoever has logged in by the one from elsewhere.
#[derive(Clone, Debug)]
pub struct Rehash {
    /// Whose.
    pub person: CanonicalName,
    /// The hash so far.
    pub from: PasswordHash,
    /// The one that takes its place.
    pub to: PasswordHash,
}

/// A password that is kept itself, against which a response is checked (RFC 1994, RFC 2759).
#[derive(Debug)]
pub struct ResponseCheck {
    person: CanonicalName,
    digest: HashDigest,
    kept: Opened,
}

impl ResponseCheck {
    pub(crate) fn new(person: CanonicalName, digest: HashDigest, kept: Opened) -> Self {
        Self {
            person,
            digest,
            kept,
        }
    }

    /// The proof, and what the method makes of a right response: `right` says whether the response was
    /// made with the password that it is given.
    pub fn verify<T>(
        &self,
        right: impl FnOnce(&str) -> Option<T>,
    ) -> Option<(PasswordVerified, T)> {
        let outcome = right(self.kept.as_str())?;
        let credential = Credential::Stored(self.digest);
        Some((verified(&self.person, credential), outcome))
    }
}

/// A password that only a backend can check. Whoever asks it gets no further than [`Self::confirmed`].
#[derive(Debug)]
pub struct BackendCheck {
    person: CanonicalName,
    account: Account,
}

impl BackendCheck {
    /// A check of a person's password at the backend that the person's own record names.
    pub fn new(person: CanonicalName, account: Account) -> Self {
        Self { person, account }
    }

    /// Whom to ask, and for which login.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The proof, for the one module that has heard the backend say that the password is right.
    pub fn confirmed(&self) -> PasswordVerified {
        verified(&self.person, Credential::Backend(self.account.clone()))
    }

    /// The memory's answer, if the same backend confirmed this very password a short time ago, and
    /// nothing of its configuration has changed since.
    pub fn recall<S: BuildHasher>(
        &self,
        presented: &Presented,
        memory: &Remembered<S>,
        now: Timestamp,
    ) -> Option<PasswordVerified> {
        let credential = Credential::Backend(self.account.clone());
        memory.recall(&self.person, credential, presented, now)
    }
}

const DECOY_SALT: &[u8] = b"symbolon decoy 0";

/// Passwords verified a short time ago, as keyed digests: a client that reconnects does not pay for
/// hashing again. The key lives as long as the process, so a memory dump of yesterday opens nothing.
///
/// There may be a million, so a name is a number here: where those of two people meet, the one who logged in last has
/// the place, and the digest, of which the name is a part, is nobody else's.
pub struct Remembered<S> {
    key: Zeroizing<[u8; KEY_LEN]>,
    entries: Bounded<u64, Entry, S>,
    hasher: S,
}

/// A keyed digest of a right password, made by [`Remembered::mark`].
#[derive(Clone)]
pub struct Mark([u8; 32]);

/// Octets of a digest that are kept: the left half, the least that RFC 2104, section 5 lets stand for all.
const KEPT_LEN: usize = 16;

#[derive(Default)]
struct Entry {
    digest: [u8; KEPT_LEN],
    expires: Timestamp,
}

impl<S: BuildHasher> Remembered<S> {
    /// An empty memory under a fresh random key.
    pub fn new(key: [u8; KEY_LEN], capacity: usize, hasher: S) -> Self
    where
        S: Clone,
    {
        Self {
            key: Zeroizing::new(key),
            entries: Bounded::with_hasher(capacity, hasher.clone()),
            hasher,
        }
    }

    /// Keeps a password whose proof is here for its `lifetime`.
    pub fn remember(
        &mut self,
        proof: &PasswordVerified,
        presented: &Presented,
        lifetime: Span,
        now: Timestamp,
    ) {
        if lifetime > Span::ZERO {
            let mac = self.mac(&proof.person, &proof.credential, presented);
            let mut entry = Entry {
                expires: now.after(lifetime),
                ..Entry::default()
            };
            entry
                .digest
                .copy_from_slice(&mac.finalize().into_bytes()[..KEPT_LEN]);
            self.keep(&proof.person, entry, now);
        }
    }

    /// By what the password of a proof is known if it comes again, however long passwords are remembered.
    pub fn mark(&self, proof: &PasswordVerified, presented: &Presented) -> Mark {
        let mac = self.mac(&proof.person, &proof.credential, presented);
        Mark(mac.finalize().into_bytes().into())
    }

    /// Whether this is the password of the proof that the mark was made with.
    pub fn is_marked(&self, mark: &Mark, proof: &PasswordVerified, presented: &Presented) -> bool {
        let mac = self.mac(&proof.person, &proof.credential, presented);
        mac.verify_slice(&mark.0).is_ok()
    }

    /// By what a password is known if it comes again, of which nobody has said yet whether it is right.
    pub fn guess(&self, person: &CanonicalName, presented: &Presented) -> Guess {
        let mut mac = self.empty_mac();
        update(&mut mac, person.as_str().as_bytes());
        update(&mut mac, presented.as_bytes());
        Guess(mac.finalize().into_bytes().into())
    }

    fn keep(&mut self, person: &CanonicalName, entry: Entry, now: Timestamp) {
        let is_stale = |entry: &Entry| entry.expires <= now;
        let place = self.hasher.hash_one(person);
        if let Some(kept) = self.entries.entry(place, is_stale) {
            *kept = entry;
        }
    }

    fn recall(
        &self,
        person: &CanonicalName,
        credential: Credential,
        presented: &Presented,
        now: Timestamp,
    ) -> Option<PasswordVerified> {
        let entry = self
            .entries
            .get(&self.hasher.hash_one(person))
            .filter(|entry| entry.expires > now)?;
        let mac = self.mac(person, &credential, presented);
        mac.verify_truncated_left(&entry.digest)
            .ok()
            .map(|()| verified(person, credential))
    }

    /// The credential is part of the digest: a changed password or backend forgets the old one at
    /// once. Every part carries its length, so no two lists of parts give the same octets.
    fn mac(
        &self,
        person: &CanonicalName,
        credential: &Credential,
        presented: &Presented,
    ) -> Hmac<Sha256> {
        let mut mac = self.empty_mac();
        update(&mut mac, person.as_str().as_bytes());
        match credential {
            Credential::Stored(digest) => update(&mut mac, &digest.prefix),
            Credential::Backend(account) => {
                for part in account.parts() {
                    update(&mut mac, part);
                }
            }
        }
        update(&mut mac, presented.as_bytes());
        mac
    }

    fn empty_mac(&self) -> Hmac<Sha256> {
        Hmac::<Sha256>::new((&*self.key).into())
    }
}

fn update(mac: &mut Hmac<Sha256>, part: &[u8]) {
    mac.update(&part.len().to_be_bytes());
    mac.update(part);
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    fn presented(text: &str) -> Presented {
        Presented::new(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn alice() -> CanonicalName {
        CanonicalName::of("alice").unwrap()
    }

    #[test]
    fn the_right_password_is_verified_and_no_other() {
        let hash = PasswordHash::new("correct horse", [7; SALT_LEN]).unwrap();
        let hash = PasswordHash::from_phc(hash.as_phc()).unwrap();
        let check = Evaluation::of(alice(), hash);
        assert_eq!(
            check.verify(&presented("correct horse")).unwrap().person(),
            &alice()
        );
        assert!(check.verify(&presented("correct hors")).is_none());
        assert!(check.verify(&presented("")).is_none());
    }

    #[test]
    fn a_proof_is_of_the_password_that_was_checked() {
        let [old, new] = [1, 2].map(|salt| PasswordHash::new("a", [salt; SALT_LEN]).unwrap());
        let proof = Evaluation::of(alice(), old.clone())
            .verify(&presented("a"))
            .unwrap();
        assert!(proof.is_of(Some(&Credential::from(&old))));
        assert!(!proof.is_of(Some(&Credential::from(&new))));
        assert!(!proof.is_of(None));
    }

    #[test]
    fn a_hash_that_cannot_be_checked_is_refused() {
        let tail = "p=1$c3ltYm9sb24gd29ybGRz$uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8";
        for (head, taken) in [
            ("$argon2id$v=19$m=8,t=1,", true),
            ("$argon2id$v=19$m=4194304,t=1,", false),
            ("$argon2id$v=19$m=8,t=4000000000,", false),
            ("$scrypt$ln=16,r=8,", false),
        ] {
            let hash = PasswordHash::from_phc(&format!("{head}{tail}"));
            assert_eq!(hash.is_ok(), taken, "{head}");
        }
        let without_hash = "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24gd29ybGRz";
        assert!(PasswordHash::from_phc(without_hash).is_err());
    }

    /// Python's `hashlib.pbkdf2_hmac(digest, b"passwd", b"saltsalt", 1, 32)`.
    const PBKDF2: [&str; 2] = [
        "$pbkdf2-sha256$i=1,l=32$c2FsdHNhbHQ$lDmP6RuFMH8YWoefiEoq4eTqKXQV5Oep0voixqMnpBw",
        "$pbkdf2-sha512$i=1$c2FsdHNhbHQ$VM3C5rPERGkk5rQA5ak0x37+sNe1KVpZuRSVwmTgPHg",
    ];

    #[test]
    fn a_hash_from_elsewhere_is_as_many_evaluations_as_it_takes_the_time_of() {
        let own = PasswordHash::new("correct horse", [7; SALT_LEN]).unwrap();
        let [salt, output] = ["c2FsdHNhbHQ", "lDmP6RuFMH8YWoefiEoq4eTqKXQV5Oep0voixqMnpBw"];
        let elsewhere =
            |params: &str| PasswordHash::from_phc(&format!("${params}${salt}${output}")).unwrap();
        for (hash, compared, with_its_successor) in [
            (own, 1, 1),
            (elsewhere("argon2id$v=19$m=16384,t=1,p=1"), 1, 1),
            (elsewhere("argon2id$v=19$m=65536,t=3,p=4"), 6, 7),
            (elsewhere("pbkdf2-sha256$i=1"), 1, 2),
            (elsewhere("pbkdf2-sha512$i=600000"), 10, 11),
        ] {
            assert_eq!(hash.evaluations(), compared, "{}", hash.as_phc());
            let check = Check::stored(alice(), hash.digest());
            assert_eq!(check.evaluations(), with_its_successor);
        }
        assert_eq!(Check::decoy(alice()).evaluations(), 1);
    }

    #[test]
    fn hashes_by_pbkdf2_are_checked_and_renewed() {
        for text in PBKDF2 {
            let hash = PasswordHash::from_phc(text).unwrap();
            assert_eq!(hash.as_phc(), text);
            let check = Evaluation::of(alice(), hash.clone());
            assert!(check.verify(&presented("Passwd")).is_none());
            let proof = check.verify(&presented("passwd")).unwrap();
            let rehash = check.rehash(&proof, &presented("passwd"), &[5; SALT_LEN]);
            let Rehash { person, from, to } = rehash.unwrap();
            assert_eq!((person, from), (alice(), hash));
            assert!(to.is_of("passwd") && !to.is_to_be_rehashed());
        }
        let [one, _] = PBKDF2;
        for other in [
            one.replace("i=1", "i=0"),
            one.replace("i=1", "i=1000001"),
            one.replace("i=1,", ""),
            one.replace("l=32", "l=31"),
            one.replace("l=32", "l=32,x=1"),
            one.replace("sha256", "sha1"),
            one.replace("$lDmP6RuFMH8YWoefiEoq4eTqKXQV5Oep0voixqMnpBw", ""),
            one.replace(
                "lDmP6RuFMH8YWoefiEoq4eTqKXQV5Oep0voixqMnpBw",
                "lDmP6RuFMH8YWoef",
            )
            .replace("l=32", "l=12"),
        ] {
            assert!(PasswordHash::from_phc(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_hash_from_elsewhere_may_not_cost_more_than_the_delay_of_refusals_hides() {
        let tail = "p=1$c3ltYm9sb24gd29ybGRz$uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8";
        for (cost, is_taken, is_rehashed) in [
            ("m=8,t=1", true, false),
            ("m=19456,t=2", true, false),
            ("m=19456,t=3", true, true),
            ("m=65536,t=4", true, true),
            ("m=102400,t=2", true, true),
            ("m=262144,t=3", false, true),
        ] {
            let phc = format!("$argon2id$v=19${cost},{tail}");
            let hash = PasswordHash::from_phc(&phc).unwrap();
            let imported = PasswordHash::import(&hash.to_enc());
            assert_eq!(imported.is_ok(), is_taken, "{cost}");
            assert_eq!(hash.is_to_be_rehashed(), is_rehashed, "{cost}");
            let short = phc.replace("c3ltYm9sb24gd29ybGRz", "c3ltYm9sb24gYmVuY2hlcw");
            let hash = PasswordHash::from_phc(&short).unwrap();
            assert_eq!(hash.is_to_be_rehashed(), is_rehashed, "{cost}");
        }
        for other in ["argon2i$v=19", "argon2d$v=19", "argon2id$v=16"] {
            let hash = PasswordHash::from_phc(&format!("${other}$m=8,t=1,{tail}"));
            assert!(hash.unwrap().is_to_be_rehashed(), "{other}");
        }
        assert_eq!(PasswordHash::import("x"), Err(PasswordError::Hash));
    }

    #[test]
    fn a_hash_gives_back_the_text_it_was_read_from() {
        for text in [
            "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24gYmVuY2g$OqbuZQwv+9Y6tEe7v1ZeYLVoBh+w3gaAC7iV7KO7Aik",
            "$argon2i$v=19$m=8,t=1,p=1$c3ltYm9sb24gd29ybGRz$uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8",
            "$argon2id$v=16$m=8,t=1,p=1$c3ltYm9sb24gd29ybGRz$uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8",
            "$argon2id$v=19$m=8,t=1,p=1$c3ltYm9sb24$uX1ygHN54Gw+jALGU5ksxDpD7cXI1BAGYzdUG9Zmu+8",
            "$argon2id$v=19$m=8,t=1,p=1,keyid=Zm9v$c3ltYm9sb24gYmVuY2g$OqbuZQwv+9Y6tEe7v1ZeYLVoBh+w3gaAC7iV7KO7Aik",
        ] {
            assert_eq!(PasswordHash::from_phc(text).unwrap().as_phc(), text);
        }
    }

    #[test]
    fn a_decoy_matches_nothing() {
        let hash = PasswordHash::new("anything", [1; SALT_LEN]).unwrap();
        let check = Check::decoy(alice()).against(Some(hash));
        assert!(check.verify(&presented("anything")).is_none());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let hash = PasswordHash::new("hunter2", [1; SALT_LEN]).unwrap();
        let check = Evaluation::of(alice(), hash);
        assert!(!format!("{check:?} {:?}", presented("hunter2")).contains("hunter2"));
        assert!(!format!("{check:?}").contains("$argon2"));
    }

    #[test]
    fn a_verified_password_is_remembered_for_its_time_only() {
        let now = Timestamp::from_secs(1_000);
        let lifetime = Span::from_secs(60);
        let [hash, other] = [1, 2].map(|salt| PasswordHash::new("a", [salt; SALT_LEN]).unwrap());
        let [check, changed] = [&hash, &other].map(|it| Check::stored(alice(), it.digest()));
        let mut memory = Remembered::new([3; KEY_LEN], 10, RandomState::new());
        assert!(check.recall(&presented("a"), &memory, now).is_none());
        let proof = Evaluation::of(alice(), hash)
            .verify(&presented("a"))
            .unwrap();
        memory.remember(&proof, &presented("a"), lifetime, now);
        assert!(check.recall(&presented("a"), &memory, now).is_some());
        assert!(check.recall(&presented("b"), &memory, now).is_none());
        assert!(changed.recall(&presented("a"), &memory, now).is_none());
        assert!(
            check
                .recall(&presented("a"), &memory, now.after(lifetime))
                .is_none()
        );
    }

    #[test]
    fn the_memory_is_bounded() {
        let now = Timestamp::from_secs(1_000);
        let hash = PasswordHash::new("a", [1; SALT_LEN]).unwrap();
        let mut memory = Remembered::new([3; KEY_LEN], 2, RandomState::new());
        let names = ["a", "b", "c"].map(|name| CanonicalName::of(name).unwrap());
        let checks = names.map(|name| Check::stored(name, hash.digest()));
        for check in &checks {
            let evaluation = Evaluation::of(check.person().clone(), hash.clone());
            let proof = evaluation.verify(&presented("a")).unwrap();
            memory.remember(&proof, &presented("a"), Span::from_secs(60), now);
        }
        let kept = checks.map(|check| check.recall(&presented("a"), &memory, now).is_some());
        assert_eq!(kept, [true, true, false]);
    }
}
