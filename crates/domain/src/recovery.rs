//! Codes for whom the token is out of reach: recovery codes that a person keeps, and a pass that the help desk
//! gives until a moment. Each is good once, in the place of a token's code.
//!
//! 80 bits of chance, of which a digest is kept: NIST SP 800-63B-4, 4.2.1 asks for 64, and nobody finds them
//! behind a digest.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::explain::FirstUse;
use crate::login::{Refusal, Submitted};
use crate::reason::Reason;
use crate::throttle::CodeCounter;
use crate::time::{Span, Timestamp};

/// Octets of chance in a code: 16 characters in base32.
pub const CODE_LEN: usize = 10;
/// Recovery codes that are made at once: a list that fits a card, for years of lost phones.
pub const CODES: usize = 10;
/// The longest that a pass is good: a weekend, until a new phone is there.
pub const PASS_MAX: Span = Span::from_hours(72);
/// How long it is good if nothing is said.
pub const PASS_DEFAULT: Span = Span::from_hours(24);

/// Characters of a code, without what stands between them.
const CHARACTERS: usize = 16;
/// What a digest is made of begins with it: no other digest of a person's is one.
const DOMAIN: &[u8] = b"symbolon-recovery-v1\0";

/// A code itself: shown once, and typed.
pub struct RecoveryCode(Zeroizing<[u8; CODE_LEN]>);

impl RecoveryCode {
    /// Takes random octets.
    pub fn from_random(octets: [u8; CODE_LEN]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Reads what somebody typed; case, hyphens and blanks do not matter. Nothing else that is typed for a
    /// code looks like it.
    pub fn parse(typed: &Submitted) -> Option<Self> {
        let is_between = |c: &char| matches!(c, '-' | ' ');
        let characters = typed.as_str().trim().chars().filter(|c| !is_between(c));
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + 4));
        for character in characters.take(CHARACTERS + 1) {
            text.push(character.to_ascii_uppercase());
        }
        let octets = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
        Some(Self(Zeroizing::new(octets.as_slice().try_into().ok()?)))
    }

    /// As it is shown: `abcd-efgh-ijkl-mnop`.
    pub fn grouped(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(BASE32_NOPAD.encode(&*self.0).to_ascii_lowercase());
        let mut grouped = Zeroizing::new(String::with_capacity(CHARACTERS + 3));
        for (place, character) in text.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(character);
        }
        grouped
    }

    /// What is kept of it. The person is not in it: codes stay good under another name.
    pub fn digest(&self) -> Digest {
        let hash = Sha256::new_with_prefix(DOMAIN).chain_update(self.0.as_slice());
        Digest(hash.finalize().into())
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(<sealed>)")
    }
}

/// SHA-256 of a code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Digest(pub [u8; 32]);

/// What a code is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One of several that the person keeps.
    Code,
    /// The help desk's, until a moment.
    Pass,
}

impl Kind {
    /// The word in rows, lines and events.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Code => "recovery-code",
            Self::Pass => "recovery-pass",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Code, Self::Pass]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// A code as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// What it is.
    pub kind: Kind,
    /// What it is known by.
    pub digest: Digest,
    /// When it ends, if it does.
    pub ends: Option<Timestamp>,
    /// The login that used it.
    pub used: Option<FirstUse>,
}

impl Held {
    /// A code that nobody has used.
    pub fn new(kind: Kind, digest: Digest, ends: Option<Timestamp>) -> Self {
        Self {
            kind,
            digest,
            ends,
            used: None,
        }
    }

    /// Whether it lets its person in now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.used.is_none() && !self.has_ended(now)
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// Judges a recovery code. One that is right is still to be spent by the store.
pub(crate) fn judge<'a>(
    held: &'a [Held],
    digest: &Digest,
    counter: &mut CodeCounter,
    now: Timestamp,
) -> Result<&'a Held, Refusal> {
    counter
        .admit(now)
        .map_err(|throttled| Refusal::throttled(throttled, Reason::CodeThrottled))?;
    let Some(found) = held.iter().find(|it| it.digest == *digest) else {
        counter.failed(now);
        return Err(Refusal::because(Reason::RecoveryCodeWrong));
    };
    if let Some(used) = &found.used {
        return Err(Refusal {
            evidence: Some(used.to_string().into()),
            ..Refusal::because(Reason::RecoveryCodeUsed)
        });
    }
    match found.ends {
        Some(ends) if found.has_ended(now) => Err(Refusal {
            evidence: Some(format!("it was good until {ends}").into()),
            ..Refusal::because(Reason::RecoveryPassEnded)
        }),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(text: &str) -> Submitted {
        Submitted::new(text.as_bytes())
    }

    #[test]
    fn a_code_is_read_as_it_is_shown_and_as_people_type_it() {
        let code = RecoveryCode::from_random([0xa5; CODE_LEN]);
        let shown = code.grouped();
        assert_eq!(shown.len(), 19);
        let plain = shown.replace('-', "");
        for typed in [
            shown.to_string(),
            plain.clone(),
            plain.to_uppercase(),
            format!(" {} ", shown.replace('-', " ")),
        ] {
            let read = RecoveryCode::parse(&submitted(&typed)).unwrap();
            assert_eq!(read.digest(), code.digest(), "{typed}");
        }
    }

    #[test]
    fn a_pass_ends_a_code_is_used_up_and_a_wrong_one_counts() {
        const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
        let [code, pass, other] = [1, 2, 3].map(|octet| Digest([octet; 32]));
        let ends = NOW.after(Span::from_hours(1));
        let mut held = [
            Held::new(Kind::Code, code, None),
            Held::new(Kind::Pass, pass, Some(ends)),
        ];
        let judged = |held: &[Held], digest: Digest, now: Timestamp| {
            let mut counter = CodeCounter::default();
            let judged = judge(held, &digest, &mut counter, now).map(|it| it.kind);
            (
                judged.map_err(|refusal| refusal.reason),
                counter.failures(now),
            )
        };
        assert_eq!(judged(&held, code, ends), (Ok(Kind::Code), 0));
        assert_eq!(judged(&held, pass, NOW), (Ok(Kind::Pass), 0));
        let ended = (Err(Reason::RecoveryPassEnded), 0);
        assert_eq!(judged(&held, pass, ends), ended);
        assert_eq!(
            judged(&held, other, NOW),
            (Err(Reason::RecoveryCodeWrong), 1)
        );
        held[0].used = Some(FirstUse {
            at: NOW,
            client: "vpn1".into(),
            source: "192.0.2.7".into(),
        });
        assert_eq!(judged(&held, code, NOW), (Err(Reason::RecoveryCodeUsed), 0));
        assert!(!held.iter().any(|it| it.is_open(ends)));
    }

    #[test]
    fn nothing_else_is_one() {
        for typed in [
            "",
            "123456",
            "12345678",
            "abcd-efgh-ijkl",
            "abcd-efgh-ijkl-mnop-q",
            "ábcd-efgh-ijkl-mnop",
            "1bcd-efgh-ijkl-mnop",
        ] {
            assert!(RecoveryCode::parse(&submitted(typed)).is_none(), "{typed}");
        }
    }
}
