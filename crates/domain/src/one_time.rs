//! Codes that are sent for one login: drawn, kept as a keyed digest, and gone once looked at.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::bounded::Bounded;
use crate::contact::Address;
use crate::name::CanonicalName;
use crate::password::KEY_LEN;
use crate::time::{Span, Timestamp};

/// Codes of one person that may be valid at the same time: two that came late, and the one that is
/// waited for.
const OUTSTANDING_MAX: usize = 3;
/// Codes that are sent to one person in an hour: whoever knows a password must not fill a telephone, nor
/// run up its owner's bill.
const HOURLY_MAX: usize = 10;
/// The same where codes stand alone, and who asks may have proven nothing.
const HOURLY_MAX_ALONE: usize = 5;
const HOUR: Span = Span::from_hours(1);
/// People whose codes are counted at most: as many as one unit is built for, at some 100 octets each, so that all
/// can log in within one hour. Only who has an entry here that says where codes go is counted.
const PEOPLE_MAX: usize = 1_000_000;

/// Six digits, on their way to a person.
pub struct OneTimeCode(Zeroizing<String>);

impl OneTimeCode {
    /// A code of random octets. There are so many more of them than codes that none is likelier than
    /// another by one part in 10^13.
    pub fn draw(random: [u8; 8]) -> Self {
        let number = u64::from_be_bytes(random) % 1_000_000;
        Self(Zeroizing::new(format!("{number:06}")))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it until the person has typed it.
    pub fn issue(
        &self,
        key: &CodeKey,
        person: CanonicalName,
        to: Address,
        expires: Timestamp,
    ) -> Issued {
        let digest = key.mac(&person, &self.0).finalize().into_bytes().into();
        Issued {
            digest,
            person,
            to,
            expires,
        }
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(<sealed>)")
    }
}

/// The key of the digests. It lives as long as the process: codes do not outlive a restart.
pub struct CodeKey(Zeroizing<[u8; KEY_LEN]>);

impl CodeKey {
    /// A key of random octets.
    pub fn new(random: [u8; KEY_LEN]) -> Self {
        Self(Zeroizing::new(random))
    }

    fn mac(&self, person: &CanonicalName, code: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new((&*self.0).into());
        mac.update(person.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(code.as_bytes());
        mac
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(<sealed>)")
    }
}

/// A code that was sent. It cannot be copied: a try uses it up, and a wrong one gives it back.
#[derive(Debug)]
pub struct Issued {
    digest: [u8; 32],
    person: CanonicalName,
    to: Address,
    expires: Timestamp,
}

/// What a try at an issued code came to.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It is the code; it was sent there.
    Right(Address),
    /// It is another; this one was not it.
    Wrong(Issued),
    /// Whatever it is, it comes too late.
    Expired,
}

impl Issued {
    /// Where the code went.
    pub fn to(&self) -> &Address {
        &self.to
    }

    /// Whose it is.
    pub(crate) fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// Uses the code up, in a time that does not tell how much of it was right.
    pub(crate) fn take(self, key: &CodeKey, typed: &str, now: Timestamp) -> Tried {
        if self.expires <= now {
            return Tried::Expired;
        }
        match key.mac(&self.person, typed).verify_slice(&self.digest) {
            Ok(()) => Tried::Right(self.to),
            Err(_) => Tried::Wrong(self),
        }
    }
}

/// Why no code is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotSent {
    /// It would be one too many for this person until then.
    Until(Timestamp),
    /// Codes of so many people are counted that nobody knows how many this one was sent.
    Full,
}

/// How many codes were sent to whom.
#[derive(Debug)]
pub struct Allowances {
    hourly_max: usize,
    sent: Bounded<CanonicalName, Vec<Timestamp>>,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            hourly_max: HOURLY_MAX,
            sent: Bounded::new(PEOPLE_MAX),
        }
    }
}

impl Allowances {
    /// Those of logins in which codes stand alone. They are apart: whoever has codes sent to somebody so must
    /// not keep the person from being sent one after a right password.
    pub fn of_codes_alone() -> Self {
        Self {
            hourly_max: HOURLY_MAX_ALONE,
            ..Self::default()
        }
    }

    /// Counts a code that is about to be sent and is valid for `lifetime`.
    pub fn take(
        &mut self,
        person: &CanonicalName,
        lifetime: Span,
        now: Timestamp,
    ) -> Result<(), NotSent> {
        let is_old = |sent: &Vec<Timestamp>| sent.iter().all(|at| at.after(HOUR) <= now);
        let sent = self.sent.entry(person.clone(), is_old);
        let sent = sent.ok_or(NotSent::Full)?;
        sent.retain(|at| at.after(HOUR) > now);
        if let Some(next) = next(sent, self.hourly_max, lifetime, now) {
            return Err(NotSent::Until(next));
        }
        sent.push(now);
        Ok(())
    }

    /// Until when no other code is sent to somebody, if so. Nothing is counted by asking.
    pub fn waits(
        &self,
        person: &CanonicalName,
        lifetime: Span,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let sent = self.sent.get(person)?.iter().copied();
        let recent: Vec<Timestamp> = sent.filter(|at| at.after(HOUR) > now).collect();
        next(&recent, self.hourly_max, lifetime, now)
    }
}

/// When a code may be sent after those of the last hour, if not now.
fn next(
    sent: &[Timestamp],
    hourly_max: usize,
    lifetime: Span,
    now: Timestamp,
) -> Option<Timestamp> {
    if sent.len() >= hourly_max {
        return sent.first().map(|first| first.after(HOUR));
    }
    let expires = sent.iter().map(|at| at.after(lifetime));
    let valid: Vec<Timestamp> = expires.filter(|expires| *expires > now).collect();
    valid
        .first()
        .copied()
        .filter(|_| valid.len() >= OUTSTANDING_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Realm;
    use crate::vdom::Vdom;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const MINUTE: Span = Span::from_mins(1);

    fn person(name: &str) -> CanonicalName {
        CanonicalName::within(Realm::Vdom(Vdom::ROOT), name).unwrap()
    }

    fn issued(key: &CodeKey) -> (OneTimeCode, Issued) {
        let code = OneTimeCode::draw(7_u64.to_be_bytes());
        let to = Address::Mail("a@example.org".into());
        let issued = code.issue(key, person("alice"), to, NOW.after(MINUTE));
        (code, issued)
    }

    #[test]
    fn a_code_has_six_digits() {
        for (number, digits) in [
            (0, "000000"),
            (7, "000007"),
            (999_999, "999999"),
            (1_000_000, "000000"),
        ] {
            assert_eq!(OneTimeCode::draw(u64::to_be_bytes(number)).as_str(), digits);
        }
    }

    #[test]
    fn what_is_kept_knows_its_code_until_it_expires_and_nothing_shows_it() {
        let key = CodeKey::new([1; KEY_LEN]);
        let try_code = |key: &CodeKey, typed: &str, at| {
            issued(&CodeKey::new([1; KEY_LEN])).1.take(key, typed, at)
        };
        let to = Address::Mail("a@example.org".into());
        assert!(matches!(try_code(&key, "000007", NOW), Tried::Right(there) if there == to));
        for wrong in ["000008", "7", "", "000007 "] {
            assert!(
                matches!(try_code(&key, wrong, NOW), Tried::Wrong(_)),
                "{wrong:?}"
            );
        }
        let other = CodeKey::new([2; KEY_LEN]);
        assert!(matches!(try_code(&other, "000007", NOW), Tried::Wrong(_)));
        let late = NOW.after(MINUTE);
        assert!(matches!(try_code(&key, "000007", late), Tried::Expired));
        let (code, issued) = issued(&key);
        assert!(!format!("{key:?} {code:?} {issued:?}").contains("000007"));
    }

    #[test]
    fn three_codes_are_valid_at_once_and_ten_are_sent_in_an_hour() {
        let mut allowances = Allowances::default();
        let alice = person("alice");
        for _ in 0..3 {
            assert_eq!(allowances.take(&alice, MINUTE, NOW), Ok(()));
        }
        let next = NOW.after(MINUTE);
        let too_many = Err(NotSent::Until(next));
        assert_eq!(allowances.waits(&alice, MINUTE, NOW), Some(next));
        assert_eq!(allowances.take(&alice, MINUTE, NOW), too_many);
        assert_eq!(allowances.waits(&alice, MINUTE, next), None);
        assert_eq!(allowances.waits(&person("bob"), MINUTE, NOW), None);
        assert_eq!(allowances.take(&person("bob"), MINUTE, NOW), Ok(()));
        let mut sent = 3;
        let mut at = next;
        while at < NOW.after(HOUR) {
            sent += u32::from(allowances.take(&alice, MINUTE, at).is_ok());
            at = at.after(Span::from_secs(20));
        }
        assert_eq!(sent, 10);
        let end = NOW.after(Span::from_mins(59));
        assert_eq!(allowances.waits(&alice, MINUTE, end), Some(NOW.after(HOUR)));
        let mut alone = Allowances::of_codes_alone();
        let moments = (0..).map(|minute| NOW.after(Span::from_mins(minute)));
        let taken = moments
            .take(59)
            .filter(|at| alone.take(&alice, MINUTE, *at).is_ok());
        assert_eq!(taken.count(), 5);
        assert_eq!(allowances.take(&alice, MINUTE, NOW.after(HOUR)), Ok(()));
    }

    #[test]
    fn everybody_of_a_unit_is_sent_a_code_within_an_hour() {
        let mut allowances = Allowances::default();
        for number in 0..PEOPLE_MAX {
            let person = CanonicalName::from_stored(&number.to_string());
            assert_eq!(allowances.take(&person, MINUTE, NOW), Ok(()), "{number}");
        }
        // That the table is full says nothing of anybody.
        let (known, another) = (CanonicalName::from_stored("7"), person("alice"));
        assert_eq!(allowances.take(&known, MINUTE, NOW), Ok(()));
        assert_eq!(allowances.take(&another, MINUTE, NOW), Err(NotSent::Full));
        let later = NOW.after(HOUR);
        assert_eq!(allowances.take(&another, MINUTE, later), Ok(()));
    }
}
