//! To which addresses connections may come: `config system interface`, `set allowaccess`.

use std::collections::HashMap;

use crate::schema::{INTERFACE, Object};

/// A service that listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// The command line over SSH.
    Ssh,
    /// Logins of VPN clients over HTTPS.
    Https,
    /// Answers of phones to pushes.
    Ftm,
}

impl Service {
    /// The word in `set allowaccess`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Https => "https",
            Self::Ftm => "ftm",
        }
    }
}

/// What each interface's entry allows.
#[derive(Debug, Default)]
pub struct AllowAccess(HashMap<Box<str>, Vec<Box<str>>>);

impl AllowAccess {
    /// The rules of these entries of `config system interface`.
    pub fn from_objects(entries: &[Object]) -> Self {
        let rules = entries.iter();
        Self(
            rules
                .map(|entry| (entry.key.clone(), entry.list("allowaccess")))
                .collect(),
        )
    }

    /// Whether a service may be reached at every address.
    pub fn is_open(&self, service: Service) -> bool {
        let mut names = self.0.keys();
        names.all(|name| self.permits(name, service)) && self.permits("", service)
    }

    /// Whether a service may be reached at the addresses of an interface. One without an entry, such as
    /// one that came up since the start, is as one whose entry sets nothing.
    pub fn permits(&self, interface: &str, service: Service) -> bool {
        let holds = |words: &[Box<str>]| words.iter().any(|word| **word == *service.word());
        match self.0.get(interface) {
            Some(words) => holds(words),
            None => holds(&Object::new(&INTERFACE, "").list("allowaccess")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Value;

    #[test]
    fn an_interface_lets_in_what_its_entry_names() {
        let entry = |name: &str, words: &[&str]| {
            let mut entry = Object::new(&INTERFACE, name);
            let words = words.iter().map(|word| (*word).into()).collect();
            entry.set(INTERFACE.field("allowaccess").unwrap(), Value::List(words));
            entry
        };
        let rules = AllowAccess::from_objects(&[
            entry("wan", &["ping"]),
            entry("lan", &["ssh", "ping"]),
            entry("none", &[]),
            Object::new(&INTERFACE, "new"),
        ]);
        for (interface, permitted) in [
            ("wan", false),
            ("lan", true),
            ("none", false),
            ("new", true),
            ("other", true),
        ] {
            assert_eq!(
                rules.permits(interface, Service::Ssh),
                permitted,
                "{interface}"
            );
        }
        assert!(!rules.is_open(Service::Ssh));
        assert!(AllowAccess::from_objects(&[entry("lan", &["ssh"])]).is_open(Service::Ssh));
    }
}
