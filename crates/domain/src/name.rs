//! User names: what an administrator wrote, and the one form by which a person is looked up.
//!
//! A gateway that compares names as typed lets `Alice` in without the second factor that `alice`
//! needs (CVE-2020-12812). Every look-up, counter and lock here goes by [`CanonicalName`].

mod preview;

use std::borrow::Cow;
use std::fmt;

use smol_str::SmolStr;
use unicode_normalization::UnicodeNormalization;

use crate::vdom::{Vdom, VdomError};
pub use preview::{Preview, Rule};

/// Longest name that `config user local` takes, in characters.
pub const NAME_MAX: usize = 64;

/// Longest name that a client may present, in octets: RADIUS attributes hold 253.
const PRESENTED_MAX: usize = 253;

/// What a name that can be nobody's is recorded as.
const NOBODY: &str = "(no name)";

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

/// Among whom a name names one person: `alice` of one realm is nobody else's `alice`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Realm {
    /// The users of a virtual domain.
    Vdom(Vdom),
    /// The administrators of this unit, whatever they may manage.
    Administrators,
}

/// What stands before an administrator's name. The blank keeps it apart from every virtual domain's.
const ADMINISTRATORS: &str = "system admin";

impl Realm {
    /// The users of the virtual domain that is always there.
    pub const ROOT: Self = Self::Vdom(Vdom::ROOT);

    /// The virtual domain in which it is managed; administrators are the unit's, and thereby the root's.
    pub fn vdom(self) -> Vdom {
        match self {
            Self::Vdom(vdom) => vdom,
            Self::Administrators => Vdom::ROOT,
        }
    }

    /// Its name: that of the virtual domain, or `system admin`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Vdom(vdom) => vdom.as_str(),
            Self::Administrators => ADMINISTRATORS,
        }
    }

    /// The realm with this name.
    pub fn named(name: &str) -> Result<Self, VdomError> {
        match name {
            ADMINISTRATORS => Ok(Self::Administrators),
            vdom => Vdom::parse(vdom).map(Self::Vdom),
        }
    }

    /// A person's canonical name as it stands in this realm. `person` is canonical already, or its
    /// beginning, such as one that is being typed.
    pub fn qualified(&self, person: &str) -> String {
        match self.prefix() {
            None => person.to_owned(),
            Some(prefix) => format!("{prefix}\\{person}"),
        }
    }

    /// What stands before the names of this realm; nothing in the root, whose names are as they were
    /// before there was another realm.
    fn prefix(&self) -> Option<&str> {
        (*self != Self::ROOT).then(|| self.as_str())
    }
}

/// The form of a name by which a person is found: folded in case, width and composition, without
/// `DOMAIN\`, `@realm` and surplus blanks. One person, one record, one counter.
///
/// Folding leaves no `\` in a name, so the realm stands before one: `SALES\alice`, or just `alice` in
/// the root. Everything that goes by the name thereby tells people of different realms apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalName(SmolStr);

impl CanonicalName {
    /// The canonical form of a name as a client of the root presents it.
    pub fn of(presented: &str) -> Result<Self, NameError> {
        Self::within(Realm::ROOT, presented)
    }

    /// The canonical form of a name as it is presented to a realm. A domain that is part of the
    /// presented name is no realm: nobody chooses it by typing it.
    pub fn within(realm: Realm, presented: &str) -> Result<Self, NameError> {
        if presented.len() > PRESENTED_MAX {
            return Err(NameError::TooLong);
        }
        if presented.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        let folded = folded_letters(presented);
        let person = without_surplus_blanks(without_realm(without_domain(&folded)));
        match person.chars().count() {
            0 => Err(NameError::Empty),
            1..=NAME_MAX => Ok(Self::prefixed(realm, &person)),
            _ => Err(NameError::TooLong),
        }
    }

    fn prefixed(realm: Realm, person: &str) -> Self {
        match realm.prefix() {
            // By far the most logins are the root's: they are spared a copy.
            None => Self(SmolStr::new(person)),
            Some(_) => Self(realm.qualified(person).into()),
        }
    }

    /// The realm to which the person belongs.
    pub fn realm(&self) -> Realm {
        let prefix = self.0.split_once('\\').map(|(prefix, _)| prefix);
        // What stands before a name was a realm's when the name was made.
        prefix.map_or(Realm::ROOT, |prefix| {
            Realm::named(prefix).unwrap_or(Realm::ROOT)
        })
    }

    /// The canonical name without its realm.
    pub fn bare(&self) -> &str {
        self.0
            .split_once('\\')
            .map_or(self.as_str(), |(_, bare)| bare)
    }

    /// Who presented a name that can be nobody's.
    pub fn nobody(realm: Realm) -> Self {
        Self::prefixed(realm, NOBODY)
    }

    /// A form that was canonical when it was stored.
    pub fn from_stored(canonical: &str) -> Self {
        Self(SmolStr::new(canonical))
    }

    /// The canonical form itself, its realm before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn folded_letters(presented: &str) -> String {
    if presented.is_ascii() {
        return presented.to_ascii_lowercase();
    }
    // Through upper case, which maps what plain lower case keeps apart (ß and SS, ς and σ); and to
    // lower case before that, since ẞ is its own upper case.
    let lower = presented.nfkc().flat_map(char::to_lowercase);
    let upper: String = lower.flat_map(char::to_uppercase).collect();
    upper.to_lowercase().nfkc().collect()
}

fn without_surplus_blanks(name: &str) -> Cow<'_, str> {
    if name.split_whitespace().count() <= 1 {
        return name.trim().into();
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").into()
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
    /// Takes the name of a `config user local` entry of the root.
    pub fn parse(written: &str) -> Result<Self, NameError> {
        Self::within(Realm::ROOT, written)
    }

    /// Takes the name of an entry that makes a person of a realm.
    pub fn within(realm: Realm, written: &str) -> Result<Self, NameError> {
        if written.chars().count() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        let canonical = CanonicalName::within(realm, written)?;
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
        assert_eq!(canonical("WEIẞ"), canonical("weiß"));
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

    #[test]
    fn one_name_is_another_person_in_each_realm() {
        let sales = Realm::Vdom(Vdom::parse("Sales").unwrap());
        let typed = "CORP\\Alice@example.org";
        let name = |realm| CanonicalName::within(realm, typed).unwrap().to_string();
        assert_eq!(name(Realm::ROOT), "alice");
        assert_eq!(name(sales), "Sales\\alice");
        assert_eq!(name(Realm::Administrators), "system admin\\alice");
        assert_eq!(
            CanonicalName::within(sales, "root\\alice"),
            CanonicalName::within(sales, "alice")
        );
        // NFKC makes a plain backslash of a wide one.
        assert_eq!(canonical("Sales\u{ff3c}alice"), "alice");
    }

    proptest::proptest! {
        #[test]
        fn a_name_keeps_its_realm_apart(typed in "\\PC{0,80}", vdom in "[A-Za-z0-9_-]{1,31}") {
            let vdom = Realm::Vdom(Vdom::parse(&vdom).unwrap());
            for realm in [Realm::ROOT, Realm::Administrators, vdom] {
                let within = CanonicalName::within(realm, &typed);
                let of = CanonicalName::of(&typed);
                proptest::prop_assert_eq!(within.as_ref().map(CanonicalName::bare),
                    of.as_ref().map(CanonicalName::as_str));
                if let Ok(name) = within {
                    proptest::prop_assert_eq!(name.realm(), realm);
                }
            }
        }

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
