//! What becomes of a name on its way to its record, a rule at a time.

use std::fmt;

use super::{
    CanonicalName, NameError, Realm, folded_letters, without_domain, without_realm,
    without_surplus_blanks,
};

/// What is done to every presented name, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Case, width and composition are folded.
    Letters,
    /// `DOMAIN\` is left out.
    Domain,
    /// `@realm` is left out.
    Realm,
    /// Blanks at the ends are left out, others are one.
    Blanks,
}

impl Rule {
    const ALL: [Self; 4] = [Self::Letters, Self::Domain, Self::Realm, Self::Blanks];

    fn applied(self, name: &str) -> String {
        match self {
            Self::Letters => folded_letters(name),
            Self::Domain => without_domain(name).to_owned(),
            Self::Realm => without_realm(name).to_owned(),
            Self::Blanks => without_surplus_blanks(name).into_owned(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Letters => "case, width and composition of letters do not matter",
            Self::Domain => "a domain before a backslash is left out",
            Self::Realm => "a realm behind an @ is left out",
            Self::Blanks => "blanks at the ends are left out, several are one",
        })
    }
}

/// A presented name, with what each rule that changed it left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// The rules that changed it, and the name behind each.
    pub changes: Vec<(Rule, String)>,
    /// The name by which the person is looked up.
    pub canonical: CanonicalName,
}

impl Preview {
    /// What becomes of a name that is presented to a realm.
    pub fn of(realm: Realm, presented: &str) -> Result<Self, NameError> {
        let canonical = CanonicalName::within(realm, presented)?;
        let mut name = presented.to_owned();
        let mut changes = Vec::new();
        for rule in Rule::ALL {
            let after = rule.applied(&name);
            if after != name {
                changes.push((rule, after.clone()));
            }
            name = after;
        }
        Ok(Self { changes, canonical })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vdom::Vdom;
    use proptest::prelude::*;

    #[test]
    fn each_rule_that_changes_a_name_is_named_in_order() {
        let preview = Preview::of(Realm::ROOT, "CORP\\Alice  Smith@example.org").unwrap();
        let changes: Vec<(Rule, &str)> = preview
            .changes
            .iter()
            .map(|(rule, name)| (*rule, name.as_str()))
            .collect();
        assert_eq!(
            changes,
            [
                (Rule::Letters, "corp\\alice  smith@example.org"),
                (Rule::Domain, "alice  smith@example.org"),
                (Rule::Realm, "alice  smith"),
                (Rule::Blanks, "alice smith"),
            ]
        );
        let plain = Preview::of(Realm::ROOT, "alice").unwrap();
        assert!(plain.changes.is_empty());
    }

    proptest! {
        /// The rules shown are those that look people up.
        #[test]
        fn the_last_change_is_the_canonical_name(presented in "\\PC{0,30}|[A-Z\\\\@ ßẞ]{0,12}") {
            let sales = Realm::Vdom(Vdom::parse("sales").unwrap());
            for realm in [Realm::ROOT, sales] {
                let Ok(preview) = Preview::of(realm, &presented) else {
                    prop_assert!(CanonicalName::within(realm, &presented).is_err());
                    continue;
                };
                let last = preview.changes.last().map_or(&presented, |(_, name)| name);
                prop_assert_eq!(preview.canonical.bare(), last.as_str());
            }
        }
    }
}
