//! A password that its owner sets in the place of one that was right and has expired.
//!
//! Hashing it, and comparing it with those so far, takes long: both are done before the store hears of it, and the
//! store takes it only while all that it was judged by still stands.

use std::fmt;

use zeroize::Zeroizing;

use crate::legacy;
use crate::name::CanonicalName;
use crate::password::{
    Credential, PasswordError, PasswordHash, PasswordVerified, Presented, SALT_LEN,
};
use crate::password_policy::{History, PasswordPolicy, Weakness};
use crate::time::Timestamp;
use crate::user::{Keeper, Switch, User};

/// Why a new password is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is no text, so no policy can judge it.
    NotText,
    /// It cannot be stored.
    Unstorable(PasswordError),
    /// The policy does not take it.
    Weak(Vec<Weakness>),
    /// The user is gone, disabled, or has another password or another policy by now: no password is set.
    Changed,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("a password is text in UTF-8"),
            Self::Unstorable(error) => error.fmt(f),
            Self::Weak(weaknesses) => {
                let wants: Vec<String> = weaknesses.iter().map(ToString::to_string).collect();
                write!(f, "it takes {}", wants.join("; "))
            }
            Self::Changed => f.write_str("the user was changed meanwhile"),
        }
    }
}

/// What a new password is judged by.
#[derive(PartialEq, Eq)]
struct Grounds {
    password: PasswordHash,
    history: History,
    policy: PasswordPolicy,
}

impl Grounds {
    /// Nothing where no password is to be set by its owner: the user has to be enabled, with a password that is kept
    /// here and has expired, and a policy that lets it be renewed.
    fn of(user: &User, policy: Option<PasswordPolicy>, now: Timestamp) -> Option<Self> {
        let policy = policy?;
        let is_here = user.status == Switch::Enable && user.keeper == Keeper::Here;
        let validity = policy.validity(user.password_set?)?;
        if !(is_here && validity.is_renewable(now)) {
            return None;
        }
        Some(Self {
            password: user.password.clone()?,
            history: user.history.clone(),
            policy,
        })
    }
}

/// A new password that has the shape its policy asks for, and is not hashed yet.
pub struct Candidate {
    grounds: Grounds,
    new: Zeroizing<String>,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Candidate(<sealed>)")
    }
}

impl Candidate {
    /// Takes a new password in the place of the one that was proven right, where that is still the user's.
    pub fn new(
        proven: &PasswordVerified,
        user: Option<&User>,
        policy: Option<PasswordPolicy>,
        new: &Presented,
        now: Timestamp,
    ) -> Result<Self, Unfit> {
        let text = std::str::from_utf8(new.as_bytes()).map_err(|_| Unfit::NotText)?;
        let grounds = user
            .filter(|user| user.name.canonical() == proven.person())
            .and_then(|user| Grounds::of(user, policy, now))
            .filter(|it| proven.is_of(Some(&Credential::from(&it.password))))
            .ok_or(Unfit::Changed)?;
        let weaknesses = grounds.policy.shape(text);
        if !weaknesses.is_empty() {
            return Err(Unfit::Weak(weaknesses));
        }
        Ok(Self {
            grounds,
            new: Zeroizing::new(text.to_owned()),
        })
    }

    /// How many evaluations [`Self::hash`] takes at most.
    pub fn evaluations(&self) -> usize {
        let Grounds {
            password,
            history,
            policy,
        } = &self.grounds;
        policy
            .evaluations(Some(password), history)
            .saturating_add(1)
    }

    /// Hashes it and compares it with those that may not come again: one evaluation for each, meant for a bounded
    /// pool of threads. The proof beside is worth something once the store has taken the password.
    pub fn hash(
        self,
        proven: &PasswordVerified,
        salt: [u8; SALT_LEN],
    ) -> Result<(Renewed, PasswordVerified), Unfit> {
        let Self { grounds, new } = self;
        let replaced = proven.replaced(&new, salt);
        let (to, proof) = replaced.map_err(Unfit::Unstorable)?;
        let Grounds {
            password, history, ..
        } = &grounds;
        let is_same = |other: &PasswordHash| other.is_of(&new);
        let policy = &grounds.policy;
        let history = policy.admit(&new, &to, Some(password), history, is_same);
        let renewed = Renewed {
            person: proven.person().clone(),
            history: history.map_err(Unfit::Weak)?,
            grounds,
            to,
            new,
        };
        Ok((renewed, proof))
    }
}

/// A new password that is hashed and judged, for the store.
pub struct Renewed {
    person: CanonicalName,
    grounds: Grounds,
    to: PasswordHash,
    history: History,
    new: Zeroizing<String>,
}

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renewed({})", self.person.as_str())
    }
}

impl Renewed {
    /// Whose it is.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// The user with the new password; nothing if anything that it was judged by is another by now.
    pub fn taken(self, user: User, policy: Option<PasswordPolicy>, now: Timestamp) -> Option<User> {
        if Grounds::of(&user, policy, now)? != self.grounds {
            return None;
        }
        let is_kept = user.radius_legacy == Switch::Enable;
        Some(User {
            password: Some(self.to),
            password_set: Some(now),
            history: self.history,
            legacy: is_kept.then_some(legacy::Kept::Open(self.new)),
            ..user
        })
    }
}
