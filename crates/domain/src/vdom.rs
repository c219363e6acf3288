//! Virtual domains: separate sets of users, tokens and RADIUS clients in one gateway.

use std::fmt;

/// Longest name of a virtual domain, as in the described system.
pub const NAME_MAX: usize = 31;

/// The name of a virtual domain: 1 to 31 of `[A-Za-z0-9_-]`, kept inline.
///
/// None of these characters is `\` or a blank, so a name can stand before a person's, see
/// [`crate::name::Realm`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vdom([u8; NAME_MAX]);

/// A text that cannot name a virtual domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a VDOM's name has 1 to {NAME_MAX} of the characters A-Z, a-z, 0-9, '-' and '_'")]
pub struct VdomError;

impl Vdom {
    /// The one that is always there, and the only one while `vdom-mode` is `no-vdom`.
    pub const ROOT: Self = {
        let mut name = [0; NAME_MAX];
        [name[0], name[1], name[2], name[3]] = *b"root";
        Self(name)
    };

    /// Reads a name. Names that differ in case are different ones, as in the described system.
    pub fn parse(name: &str) -> Result<Self, VdomError> {
        let allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(allowed) {
            return Err(VdomError);
        }
        let mut padded = [0; NAME_MAX];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        Ok(Self(padded))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|octet| *octet == 0);
        // Only ASCII gets in, so the default is never taken; it spares a panic.
        std::str::from_utf8(&self.0[..end.unwrap_or(NAME_MAX)]).unwrap_or_default()
    }

    /// Whether this is the one that is always there.
    pub fn is_root(self) -> bool {
        self == Self::ROOT
    }
}

impl Default for Vdom {
    fn default() -> Self {
        Self::ROOT
    }
}

impl AsRef<str> for Vdom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Vdom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Vdom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(Vdom::parse("root"), Ok(Vdom::ROOT));
        assert_eq!(Vdom::ROOT.as_str(), "root");
        let longest = "x".repeat(31);
        assert_eq!(Vdom::parse(&longest).unwrap().as_str(), longest);
        assert_ne!(Vdom::parse("Sales"), Vdom::parse("sales"));
        for wrong in ["", "a b", "a\\b", "a.b", "é", "a\0", &"x".repeat(32)] {
            assert_eq!(Vdom::parse(wrong), Err(VdomError), "{wrong:?}");
        }
    }
}
