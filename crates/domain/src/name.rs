//! User names: what an administrator wrote, and the one form by which a person is looked up.
//!
//! A gateway that compares names as typed lets `Alice` in without the second factor that `alice`
//! needs (CVE-2020-12812). Every look-up, counter and lock here goes by [`CanonicalName`].

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// Longest name that `config user local` takes, in characters.
pub const NAME_MAX: usize = 64;

/// Longest name that a client may present, in octets: RADIUS attributes hold 253.
const PRESENTED_MAX: usize = 253;

/// A name that cannot be a user's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing is left once blanks, domain and realm are taken away.
    #[error("the name is empty")]
    Empty,
    /// The name is longer than any configured name can be.
    #[error("the name is longer than {NAME_MAX} characters")]
    TooLong,
    /// Configuration text would become unreadable for the tools that parse it.
    #[error("the name contains a control character")]
    Control,
}

/// The form of a name by which a person is found: folded in case, width and composition, without
/// `DOMAIN\`, `@realm` and surplus blanks. One person, one record, one counter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalName(Arc<str>);

impl CanonicalName {
    /// The canonical form of a name as a client presents it.
    pub fn of(presented: &str) -> Result<Self, NameError> {
        if presented.len() > PRESENTED_MAX {
            return Err(NameError::TooLong);
        }
        if presented.is_ascii() {
            return Self::folded(presented, &presented.to_ascii_lowercase());
        }
        // Upper case first: it maps what plain lower case keeps apart (ß and SS, ς and σ).
        let folded: String = presented.nfkc().flat_map(char::to_uppercase).collect();
        let folded: String = folded.to_lowercase().nfkc().collect();
        Self::folded(presented, &folded)
    }

    fn folded(presented: &str, folded: &str) -> Result<Self, NameError> {
        if presented.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        let person = without_realm(without_domain(folded));
        let canonical: Arc<str> = if person.split_whitespace().count() <= 1 {
            Arc::from(person.trim())
        } else {
            person
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .into()
        };
        match canonical.chars().count() {
            0 => Err(NameError::Empty),
            1..=NAME_MAX => Ok(Self(canonical)),
            _ => Err(NameError::TooLong),
        }
    }

    /// A form that was canonical when it was stored.
    pub fn from_stored(canonical: &str) -> Self {
        Self(Arc::from(canonical))
    }

    /// The canonical form itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `DOMAIN\alice` names alice.
fn without_domain(name: &str) -> &str {
    name.rsplit_once('\\').map_or(name, |(_, person)| person)
}

/// `alice@example.org` names alice; a name that begins with `@` keeps it.
fn without_realm(name: &str) -> &str {
    match name.split_once('@') {
        Some((person, _)) if !person.trim().is_empty() => person,
        _ => name,
    }
}

impl fmt::Display for CanonicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CanonicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A user's name as the administrator wrote it, with the form by which it is looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserName {
    written: Box<str>,
    canonical: CanonicalName,
}

impl UserName {
    /// Takes the name of a `config user local` entry.
    pub fn parse(written: &str) -> Result<Self, NameError> {
        if written.chars().count() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        let canonical = CanonicalName::of(written)?;
        Ok(Self {
            written: Box::from(written),
            canonical,
        })
    }

    /// The name as written, for `show` and for mails.
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The form by which the user is looked up.
    pub fn canonical(&self) -> &CanonicalName {
        &self.canonical
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(name: &str) -> String {
        CanonicalName::of(name).unwrap().to_string()
    }

    #[test]
    fn variants_of_a_name_are_one_person() {
        for variant in [
            "alice",
            "ALICE",
            "Alice",
            " alice ",
            "CORP\\alice",
            "alice@example.org",
            "corp\\Alice@EXAMPLE.org",
            "ａｌｉｃｅ",
        ] {
            assert_eq!(canonical(variant), "alice", "{variant:?}");
        }
        assert_eq!(canonical("Weiß"), canonical("WEISS"));
        assert_eq!(canonical("José"), canonical("Jose\u{301}"));
        assert_eq!(canonical("anna  maria"), "anna maria");
    }

    #[test]
    fn names_that_name_nobody_are_refused() {
        assert_eq!(CanonicalName::of(""), Err(NameError::Empty));
        assert_eq!(CanonicalName::of("CORP\\ "), Err(NameError::Empty));
        assert_eq!(CanonicalName::of("a\nb"), Err(NameError::Control));
        assert_eq!(CanonicalName::of(&"x".repeat(65)), Err(NameError::TooLong));
        assert_eq!(UserName::parse(&"é".repeat(64)).map(|_| ()), Ok(()));
    }

    proptest::proptest! {
        #[test]
        fn a_canonical_name_is_its_own_canonical_form(name in "\\PC{0,80}") {
            if let Ok(once) = CanonicalName::of(&name)
                && !once.as_str().contains(['@', '\\'])
            {
                proptest::prop_assert_eq!(CanonicalName::of(once.as_str()), Ok(once));
            }
        }
    }
}
