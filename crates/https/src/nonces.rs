//! Nonces of proofs, without memory for those that nobody answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::{hmac, rand};
use softtoken::device::Nonce;
use softtoken::limits::NONCE_LIFETIME_S;

/// Nonces that are remembered as answered. One costs its sender two requests, whatever its proof is worth; this many
/// within a nonce's life are an attack, and no more of them are taken then.
const MAX_ANSWERED: usize = 100_000;
const LIFETIME: Duration = Duration::from_secs(NONCE_LIFETIME_S);
const TIME_LEN: usize = 8;
const HEAD_LEN: usize = 16;

/// Gives out nonces and takes each back once. A nonce is the time since the start (8 bytes), 8 random
/// bytes, and 16 bytes of an HMAC over both under a key of this process: it proves itself.
#[derive(Debug)]
pub struct Nonces {
    key: hmac::Key,
    start: Instant,
    /// Each begins with the moment at which it was issued: the first expires first.
    answered: Mutex<BTreeMap<[u8; HEAD_LEN], Duration>>,
}

/// The nonce is not one of this process, is too old, or was answered before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotOurs;

/// The system's random source failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the system's random source failed")]
pub struct NoRandom;

impl Nonces {
    /// With a key of this process.
    pub fn new() -> Result<Self, NoRandom> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| NoRandom)?;
        Ok(Self {
            key,
            start: Instant::now(),
            answered: Mutex::default(),
        })
    }

    /// A nonce for one proof.
    pub fn issue(&self) -> Result<Nonce, NoRandom> {
        self.issue_at(self.start.elapsed())
    }

    /// Whether it is one of this process, in time, and for the first time.
    pub fn take(&self, nonce: &Nonce) -> Result<(), NotOurs> {
        self.take_at(nonce, self.start.elapsed())
    }

    fn issue_at(&self, now: Duration) -> Result<Nonce, NoRandom> {
        let mut head = [0; HEAD_LEN];
        rand::fill(&mut head).map_err(|_| NoRandom)?;
        head[..TIME_LEN].copy_from_slice(&micros(now).to_be_bytes());
        let mut nonce = [0; 32];
        nonce[..HEAD_LEN].copy_from_slice(&head);
        nonce[HEAD_LEN..].copy_from_slice(&self.tag(&head));
        Ok(Nonce::from_bytes(nonce))
    }

    fn take_at(&self, nonce: &Nonce, now: Duration) -> Result<(), NotOurs> {
        let (head, tag) = nonce
            .as_bytes()
            .split_first_chunk::<HEAD_LEN>()
            .ok_or(NotOurs)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(tag, &self.tag(head))
            .map_err(|_| NotOurs)?;
        let (time, _) = head.split_first_chunk::<TIME_LEN>().ok_or(NotOurs)?;
        let expires = Duration::from_micros(u64::from_be_bytes(*time)) + LIFETIME;
        if expires <= now {
            return Err(NotOurs);
        }
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        while answered.len() >= MAX_ANSWERED
            && let Some(oldest) = answered.first_entry()
            && *oldest.get() <= now
        {
            oldest.remove();
        }
        if answered.len() >= MAX_ANSWERED || answered.insert(*head, expires).is_some() {
            return Err(NotOurs);
        }
        Ok(())
    }

    fn tag(&self, head: &[u8; HEAD_LEN]) -> [u8; 16] {
        let mut tag = [0; 16];
        tag.copy_from_slice(&hmac::sign(&self.key, head).as_ref()[..16]);
        tag
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_and_in_time() {
        let nonces = Nonces::new().unwrap();
        let second = Duration::from_secs(1);
        let nonce = nonces.issue_at(second).unwrap();
        assert_eq!(nonces.take_at(&nonce, second), Ok(()));
        assert_eq!(nonces.take_at(&nonce, second), Err(NotOurs));
        let late = nonces.issue_at(second).unwrap();
        assert_eq!(nonces.take_at(&late, second + LIFETIME), Err(NotOurs));
    }

    #[test]
    fn a_nonce_of_another_process_or_a_changed_one_is_nothing() {
        let nonces = Nonces::new().unwrap();
        let nonce = Nonces::new().unwrap().issue_at(Duration::ZERO).unwrap();
        assert_eq!(nonces.take_at(&nonce, Duration::ZERO), Err(NotOurs));
        let mut bytes = *nonces.issue_at(Duration::ZERO).unwrap().as_bytes();
        for i in 0..bytes.len() {
            bytes[i] ^= 1;
            assert_eq!(
                nonces.take_at(&Nonce::from_bytes(bytes), Duration::ZERO),
                Err(NotOurs)
            );
            bytes[i] ^= 1;
        }
        assert_eq!(
            nonces.take_at(&Nonce::from_bytes(bytes), Duration::ZERO),
            Ok(())
        );
    }
}
