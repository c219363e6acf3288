//! `config user password-policy`: what a password must be, how long it lasts, and whether it may come
//! again.

use std::collections::HashMap;
use std::fmt;

use crate::password::PasswordHash;
use crate::schema::Object;
use crate::time::{Span, Timestamp};
use crate::user::Switch;
use crate::vdom::Vdom;

/// An entry of `config user password-policy`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasswordPolicy {
    name: Box<str>,
    lifetime: Option<Lifetime>,
    length: usize,
    classes: [(Class, usize); 4],
    must_differ: bool,
    reuse: Reuse,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lifetime {
    lasts: Span,
    warns: Span,
    renewal: Switch,
}

/// `set reuse-password` and `reuse-password-limit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reuse {
    Free,
    Times(u32),
    Never,
}

/// Characters that a policy counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// `a` to `z`, and what other scripts have for it.
    Lower,
    /// `A` to `Z`, and what other scripts have for it.
    Upper,
    /// Digits.
    Digit,
    /// Neither letters nor digits.
    Other,
}

impl Class {
    fn has(self, c: char) -> bool {
        match self {
            Self::Lower => c.is_lowercase(),
            Self::Upper => c.is_uppercase(),
            Self::Digit => c.is_numeric(),
            Self::Other => !c.is_alphanumeric(),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lower => "lower-case letters",
            Self::Upper => "upper-case letters",
            Self::Digit => "digits",
            Self::Other => "characters that are neither letters nor digits",
        })
    }
}

/// Why a policy refuses a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Weakness {
    /// Too few characters.
    #[error("at least {min} characters, and this has {got}")]
    Short {
        /// Characters that it must have.
        min: usize,
        /// Characters that it has.
        got: usize,
    },
    /// Too few characters of one kind.
    #[error("at least {min} {class}, and this has {got}")]
    Few {
        /// The kind.
        class: Class,
        /// Characters of the kind that it must have.
        min: usize,
        /// Characters of the kind that it has.
        got: usize,
    },
    /// It is the password that is to be changed.
    #[error("another password than the one so far")]
    Unchanged,
    /// It was used before.
    #[error("a password that was not used before")]
    Reused,
    /// It was used before, as often as it may be.
    #[error("a password that was not used again {0} times already")]
    ReusedTooOften(u32),
}

/// How long a password is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// From when on its owner is warned.
    pub warns: Timestamp,
    /// From when on it lets nobody in.
    pub ends: Timestamp,
    /// Whether its owner may then set another at a login: `set expired-password-renewal`.
    pub renewal: Switch,
}

impl Validity {
    /// Whether the password is over, and its owner may set another.
    pub fn is_renewable(self, now: Timestamp) -> bool {
        self.ends <= now && self.renewal == Switch::Enable
    }

    /// Whole days that are left, rounded up, once they are few enough for a warning.
    pub fn days_left(self, now: Timestamp) -> Option<i64> {
        let day = Span::from_days(1).secs_rounded_up();
        let left = self.ends.since(now).secs_rounded_up();
        (self.warns <= now && now < self.ends).then(|| left.saturating_add(day - 1) / day)
    }
}

impl PasswordPolicy {
    /// The policy of an entry.
    pub fn from_object(entry: &Object) -> Self {
        let number = |field| usize::try_from(entry.number(field)).unwrap_or(usize::MAX);
        let days = |field| Span::from_days(i64::try_from(entry.number(field)).unwrap_or(0));
        let lasts = days("expire-days");
        let expires = entry.is_enabled("expire-status") && lasts > Span::ZERO;
        let times = u32::try_from(entry.number("reuse-password-limit")).unwrap_or(0);
        Self {
            name: entry.key.clone(),
            lifetime: expires.then(|| Lifetime {
                lasts,
                warns: days("warn-days"),
                renewal: if entry.is_enabled("expired-password-renewal") {
                    Switch::Enable
                } else {
                    Switch::Disable
                },
            }),
            length: number("minimum-length"),
            classes: [
                (Class::Lower, number("min-lower-case-letter")),
                (Class::Upper, number("min-upper-case-letter")),
                (Class::Digit, number("min-number")),
                (Class::Other, number("min-non-alphanumeric")),
            ],
            must_differ: entry.number("min-change-characters") > 0,
            reuse: match (entry.is_enabled("reuse-password"), times) {
                (false, _) => Reuse::Never,
                (true, 0) => Reuse::Free,
                (true, times) => Reuse::Times(times),
            },
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long a password is good that was set at this moment; nothing if it is good for ever.
    pub fn validity(&self, set: Timestamp) -> Option<Validity> {
        let Lifetime {
            lasts,
            warns,
            renewal,
        } = self.lifetime?;
        let ends = set.after(lasts);
        let warns = ends.before(warns);
        Some(Validity {
            warns,
            ends,
            renewal,
        })
    }

    /// What is wrong with a new password, if anything; else the passwords so far with this one. Once the shape is
    /// right, `is_same` is asked of each password that may not come again whether it is this one.
    pub fn admit(
        &self,
        password: &str,
        hash: &PasswordHash,
        current: Option<&PasswordHash>,
        history: &History,
        is_same: impl Fn(&PasswordHash) -> bool,
    ) -> Result<History, Vec<Weakness>> {
        let mut weaknesses = self.shape(password);
        if !weaknesses.is_empty() {
            return Err(weaknesses);
        }
        let former = history.up_to(current);
        // The current one is the newest of the former ones: it is asked of once.
        let unchanged = current.filter(|_| self.compares_current()).map(&is_same);
        if self.must_differ && unchanged == Some(true) {
            weaknesses.push(Weakness::Unchanged);
        }
        let at = match self.reuse {
            Reuse::Free => None,
            Reuse::Never | Reuse::Times(_) => former.place(|other| match unchanged {
                Some(is_same) if current == Some(other) => is_same,
                _ => is_same(other),
            }),
        };
        let times = at
            .and_then(|at| former.0.get(at))
            .map(|former| former.times);
        match (self.reuse, times) {
            (Reuse::Never, Some(_)) => weaknesses.push(Weakness::Reused),
            (Reuse::Times(limit), Some(times)) if times > limit => {
                weaknesses.push(Weakness::ReusedTooOften(limit));
            }
            _ => {}
        }
        if weaknesses.is_empty() {
            Ok(former.with(hash.clone(), at))
        } else {
            Err(weaknesses)
        }
    }

    /// How many evaluations [`Self::admit`] takes at most, of passwords with which it compares a new one.
    pub fn evaluations(&self, current: Option<&PasswordHash>, history: &History) -> usize {
        let former = match self.reuse {
            Reuse::Free => History::default(),
            Reuse::Never | Reuse::Times(_) => history.up_to(current),
        };
        let current = current.filter(|_| self.compares_current() && former.is_empty());
        let compared = former.hashes().chain(current);
        compared.fold(0, |sum, hash| sum.saturating_add(hash.evaluations()))
    }

    fn compares_current(&self) -> bool {
        self.must_differ || self.reuse != Reuse::Free
    }

    /// What is wrong with a new password that shows without those so far.
    pub fn shape(&self, password: &str) -> Vec<Weakness> {
        let got = password.chars().count();
        let short = (got < self.length).then_some(Weakness::Short {
            min: self.length,
            got,
        });
        let few = self.classes.iter().filter_map(|(class, min)| {
            let got = password.chars().filter(|c| class.has(*c)).count();
            (got < *min).then_some(Weakness::Few {
                class: *class,
                min: *min,
                got,
            })
        });
        short.into_iter().chain(few).collect()
    }
}

/// The policies of all virtual domains.
#[derive(Debug, Default)]
pub struct Policies(HashMap<Vdom, HashMap<Box<str>, PasswordPolicy>>);

impl Policies {
    /// The policies of these entries of `config user password-policy`.
    pub fn from_objects(entries: &[Object]) -> Self {
        let mut policies: HashMap<Vdom, HashMap<Box<str>, PasswordPolicy>> = HashMap::new();
        for entry in entries {
            let of_vdom = policies.entry(entry.vdom).or_default();
            of_vdom.insert(entry.key.clone(), PasswordPolicy::from_object(entry));
        }
        Self(policies)
    }

    /// The policy of this name.
    pub fn named(&self, vdom: Vdom, name: &str) -> Option<&PasswordPolicy> {
        self.0.get(&vdom)?.get(name)
    }
}

/// Passwords that a user had, newest first, as far as a policy asked for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History(Vec<Former>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Former {
    hash: PasswordHash,
    /// How often it was set.
    times: u32,
}

impl History {
    /// Passwords that are remembered: the current one and four before it, which PCI DSS 4.0, 8.3.7 asks
    /// for. Each costs an Argon2 evaluation, some 20 ms, when a new one is set.
    pub const KEPT: usize = 5;

    /// What [`Self::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let former = |line: &str| {
            let (times, phc) = line.split_once(' ')?;
            Some(Former {
                hash: PasswordHash::from_phc(phc).ok()?,
                times: times.parse().ok()?,
            })
        };
        text.lines().map(former).collect::<Option<_>>().map(Self)
    }

    /// For the store: a line for each password.
    pub fn to_text(&self) -> String {
        let line = |former: &Former| format!("{} {}", former.times, former.hash.as_phc());
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The hashes of all that are remembered.
    pub fn hashes(&self) -> impl Iterator<Item = &PasswordHash> {
        self.0.iter().map(|former| &former.hash)
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with the current password, which may have been set before anything was remembered.
    fn up_to(&self, current: Option<&PasswordHash>) -> Self {
        let known = self.0.first().map(|former| &former.hash);
        match current {
            Some(hash) if known != Some(hash) => self.with(hash.clone(), None),
            _ => self.clone(),
        }
    }

    fn place(&self, is_same: impl Fn(&PasswordHash) -> bool) -> Option<usize> {
        self.0.iter().position(|former| is_same(&former.hash))
    }

    /// The same with a newest password, which was at `before` if it comes again.
    fn with(&self, hash: PasswordHash, before: Option<usize>) -> Self {
        let mut former = self.0.clone();
        let times = before.map_or(0, |at| former.remove(at).times);
        former.insert(
            0,
            Former {
                hash,
                times: times.saturating_add(1),
            },
        );
        former.truncate(Self::KEPT);
        Self(former)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::password::SALT_LEN;
    use crate::schema::PASSWORD_POLICY;

    fn policy(settings: &[(&str, &str)]) -> PasswordPolicy {
        let entry = settings.iter().fold(
            Object::new(&PASSWORD_POLICY, "strict"),
            |entry, (field, value)| {
                assert!(PASSWORD_POLICY.field(field).is_some(), "{field}");
                entry.with(field, Some(value))
            },
        );
        PasswordPolicy::from_object(&entry)
    }

    fn hash(password: &str) -> PasswordHash {
        PasswordHash::new(password, [1; SALT_LEN]).unwrap()
    }

    /// Sets passwords one after the other; what the last one comes to.
    fn last_of(policy: &PasswordPolicy, passwords: &[&str]) -> Result<(), Vec<Weakness>> {
        let (mut current, mut history) = (None, History::default());
        let (last, earlier) = passwords.split_last().unwrap();
        for password in earlier {
            let hash = hash(password);
            history = policy
                .admit(password, &hash, current.as_ref(), &history, |it| {
                    it.is_of(password)
                })
                .unwrap();
            assert_eq!(History::parse(&history.to_text()), Some(history.clone()));
            current = Some(hash);
        }
        policy
            .admit(last, &hash(last), current.as_ref(), &history, |it| {
                it.is_of(last)
            })
            .map(drop)
    }

    #[test]
    fn a_new_password_is_compared_once_with_each_that_may_not_come_again() {
        let [current, new] = ["current", "new"].map(hash);
        let five = (0..5).map(|number| format!("1 {}", hash(&number.to_string()).as_phc()));
        let five = History::parse(&five.collect::<Vec<_>>().join("\n")).unwrap();
        let changes = ("min-change-characters", "1");
        let former = ("reuse-password", "disable");
        for (settings, history, expected) in [
            (&[][..], &five, 0),
            (&[changes], &five, 1),
            (&[former], &History::default(), 1),
            (&[former], &five, 5),
            (&[changes, former], &five, 5),
        ] {
            let policy = policy(settings);
            let compared = Cell::new(0);
            let is_same = |_: &PasswordHash| {
                compared.set(compared.get() + 1);
                false
            };
            let current = Some(&current);
            let admitted = policy.admit("good-enough", &new, current, history, is_same);
            assert!(admitted.is_ok(), "{settings:?}");
            assert_eq!(compared.get(), expected, "{settings:?}");
            assert_eq!(policy.evaluations(current, history), expected);
        }
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let policy = policy(&[
            ("minimum-length", "12"),
            ("min-lower-case-letter", "1"),
            ("min-upper-case-letter", "2"),
            ("min-number", "1"),
            ("min-non-alphanumeric", "1"),
        ]);
        let weaknesses = policy.shape("Passwörter");
        let said: Vec<String> = weaknesses.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "at least 12 characters, and this has 10",
                "at least 2 upper-case letters, and this has 1",
                "at least 1 digits, and this has 0",
                "at least 1 characters that are neither letters nor digits, and this has 0",
            ]
        );
        assert_eq!(policy.shape("Über 9 Wälder"), []);
    }

    #[test]
    fn the_shortest_that_any_policy_takes_has_eight_characters() {
        let policy = policy(&[]);
        assert_eq!(policy.shape("seven77").len(), 1);
        assert_eq!(
            last_of(&policy, &["eight888", "eight888", "eight888"]),
            Ok(())
        );
    }

    #[test]
    fn a_password_that_may_not_come_again_is_known_for_four_more() {
        let never = policy(&[("reuse-password", "disable")]);
        let one = "password-0";
        let mut passwords = vec![one, one];
        assert_eq!(last_of(&never, &passwords), Err(vec![Weakness::Reused]));
        passwords.splice(
            1..1,
            ["password-1", "password-2", "password-3", "password-4"],
        );
        assert_eq!(last_of(&never, &passwords), Err(vec![Weakness::Reused]));
        passwords.insert(1, "password-5");
        assert_eq!(last_of(&never, &passwords), Ok(()));
    }

    #[test]
    fn a_password_comes_again_as_often_as_it_may() {
        let twice = policy(&[("reuse-password-limit", "2")]);
        let (a, b) = ("password-a", "password-b");
        assert_eq!(last_of(&twice, &[a, b, a, a]), Ok(()));
        assert_eq!(
            last_of(&twice, &[a, b, a, a, b, a]),
            Err(vec![Weakness::ReusedTooOften(2)])
        );
    }

    #[test]
    fn a_password_that_must_change_is_another_one() {
        let change = policy(&[("min-change-characters", "4")]);
        let (a, b) = ("password-a", "password-b");
        assert_eq!(last_of(&change, &[a, a]), Err(vec![Weakness::Unchanged]));
        assert_eq!(last_of(&change, &[a, b, a]), Ok(()));
    }

    #[test]
    fn a_password_lasts_its_days_and_warns_before() {
        let policy = policy(&[
            ("expire-status", "enable"),
            ("expire-days", "90"),
            ("warn-days", "15"),
        ]);
        let set = Timestamp::from_secs(1_700_000_000);
        let validity = policy.validity(set).unwrap();
        let at = |days, seconds| {
            set.after(Span::from_days(days))
                .after(Span::from_secs(seconds))
        };
        assert_eq!(validity.ends, at(90, 0));
        for (now, left) in [
            (at(74, 0), None),
            (at(75, 0), Some(15)),
            (at(75, 1), Some(15)),
            (at(89, 0), Some(1)),
            (at(89, 86_399), Some(1)),
            (at(90, 0), None),
        ] {
            assert_eq!(validity.days_left(now), left, "{now}");
        }
        for never in [
            &[("expire-days", "90")][..],
            &[("expire-status", "enable"), ("expire-days", "0")],
        ] {
            assert_eq!(super::tests::policy(never).validity(set), None);
        }
    }
}
