//! People without a record here: members of a group by the directory or RADIUS server that knows them
//! (`config user group`, `set member` with a server, `config match`).
//!
//! They have no token here, so nobody is let in this way unless a RADIUS client says so: `set remote-groups`.
//! A name with a record never comes here: [`RemoteVerified`] is made for none that has one, and counts only
//! as long as it has none.

use std::fmt;
use std::sync::Arc;

use crate::backend::{Backend, BackendName, Kind, Revision};
use crate::name::CanonicalName;
use crate::reason::Reason;
use crate::schema::{GROUP_MATCH, Object};

/// A server that is a member of a group, and whom of its people that means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupServer {
    /// Which.
    pub backend: BackendName,
    /// Whom.
    pub among: Among,
}

/// Whom of a server's people a group means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Among {
    /// All: no entry of `config match` names the server.
    Everybody,
    /// Those whom the server says to be in one of these, as it calls them.
    Groups(Box<[Box<str>]>),
}

impl GroupServer {
    /// The servers among a group's members, in their order; `kind` says which of them is one.
    pub fn of(group: &Object, kind: impl Fn(&str) -> Option<Kind>) -> Box<[Self]> {
        let members = group.list("member").into_iter();
        let servers = members.filter_map(|name| {
            let (kind, among) = (kind(&name)?, Among::of(group, &name));
            let vdom = group.vdom;
            let backend = BackendName { kind, vdom, name };
            Some(Self { backend, among })
        });
        servers.collect()
    }
}

impl Among {
    fn of(group: &Object, server: &str) -> Self {
        let matches = group.children(&GROUP_MATCH);
        let matches = matches.filter(|one| one.text("server-name") == server);
        let groups: Box<[Box<str>]> = matches.map(|one| one.text("group-name").into()).collect();
        if groups.is_empty() {
            return Self::Everybody;
        }
        Self::Groups(groups)
    }

    fn take_in(&self, told: &[Box<str>]) -> bool {
        match self {
            Self::Everybody => true,
            Self::Groups(groups) => groups.iter().any(|group| told.contains(group)),
        }
    }
}

/// A server whose people a client lets in, and by which groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Which.
    pub backend: BackendName,
    revision: Revision,
    groups: Vec<(Arc<str>, Among)>,
}

impl Source {
    fn new(backend: &Backend) -> Self {
        Self {
            backend: backend.name.clone(),
            revision: backend.revision,
            groups: Vec::new(),
        }
    }

    /// The groups of the server that decide, each once, as the server calls them.
    pub fn asked(&self) -> Vec<&str> {
        let mut asked: Vec<&str> = Vec::new();
        for (_, among) in &self.groups {
            if let Among::Groups(groups) = among {
                asked.extend(groups.iter().map(|group| &**group));
            }
        }
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// Its groups to which somebody belongs who is in these, as the server calls them.
    pub fn taking_in(&self, told: &[Box<str>]) -> Box<[Arc<str>]> {
        let groups = self.groups.iter();
        let groups = groups.filter(|(_, among)| among.take_in(told));
        groups.map(|(name, _)| Arc::clone(name)).collect()
    }
}

/// The servers whose people are let in by these groups, in the order of the groups and their members. One
/// that is not configured any more knows nobody.
pub fn sources<'a>(
    groups: impl Iterator<Item = (&'a Arc<str>, &'a [GroupServer])>,
    backend: impl Fn(&BackendName) -> Option<Arc<Backend>>,
) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for (group, servers) in groups {
        for server in servers {
            let at = sources
                .iter()
                .position(|source| source.backend == server.backend);
            let at = at.or_else(|| {
                sources.push(Source::new(&*backend(&server.backend)?));
                sources.len().checked_sub(1)
            });
            if let Some(source) = at.and_then(|at| sources.get_mut(at)) {
                source
                    .groups
                    .push((Arc::clone(group), server.among.clone()));
            }
        }
    }
    sources
}

/// What a server tells of somebody whose password is right.
#[derive(Debug, Default)]
pub struct Told {
    /// The person's names as the server has them.
    pub names: Vec<String>,
    /// What other entries here that may lead to the same server call the person.
    pub other_names: Vec<String>,
    /// The person's groups as the server calls them; those that decide are enough.
    pub groups: Vec<Box<str>>,
    /// Why the person may be in others that were not looked at, if so.
    pub unread: Option<String>,
}

/// A password of somebody without a record, that servers may know.
#[derive(Debug)]
pub struct RemoteCheck {
    person: CanonicalName,
    sources: Vec<Source>,
}

impl RemoteCheck {
    /// Of somebody whom these servers may know.
    pub fn new(person: CanonicalName, sources: Vec<Source>) -> Self {
        Self { person, sources }
    }

    /// Whom to ask, one after the other until one knows the password.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The name that is asked for: the canonical one, whatever was typed.
    pub fn login(&self) -> &str {
        self.person.bare()
    }

    /// The proof, for the one module that has heard the server say that the password is right.
    ///
    /// Servers fold names in ways of their own, and know people by more than one. Who is let in without a
    /// token must have no other name that has a record here, with a token perhaps (CVE-2020-12812).
    pub fn confirmed(
        &self,
        source: &Source,
        told: &Told,
        has_record: impl Fn(&CanonicalName) -> bool,
    ) -> Result<RemoteVerified, Reason> {
        let mut is_named = false;
        for name in &told.names {
            let name = CanonicalName::within(self.person.realm(), name)
                .map_err(|_| Reason::NameOfAnother)?;
            if has_record(&name) {
                return Err(Reason::NameOfAnother);
            }
            is_named |= name == self.person;
        }
        // What is no name here is nobody's, and may well stand in an attribute that others go by.
        let others = told.other_names.iter();
        let mut others =
            others.filter_map(|name| CanonicalName::within(self.person.realm(), name).ok());
        if !is_named || others.any(|name| has_record(&name)) {
            return Err(Reason::NameOfAnother);
        }
        let groups = source.taking_in(&told.groups);
        if groups.is_empty() {
            return Err(Reason::GroupMissing);
        }
        Ok(RemoteVerified {
            person: self.person.clone(),
            source: source.clone(),
            groups,
        })
    }
}

/// Proof that a server knows the password of somebody without a record, who belongs to groups that let in.
/// Only [`RemoteCheck::confirmed`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteVerified {
    person: CanonicalName,
    source: Source,
    groups: Box<[Arc<str>]>,
}

impl RemoteVerified {
    /// Who.
    pub fn person(&self) -> &CanonicalName {
        &self.person
    }

    /// The groups to which the person belongs, in the order of the client's.
    pub fn groups(&self) -> &[Arc<str>] {
        &self.groups
    }

    /// Whether these, the servers that may vouch for the person now, are what it was made by. They are none
    /// for a name with a record.
    pub fn holds(&self, sources: &[Source]) -> bool {
        sources.contains(&self.source)
    }
}

/// `ldap 'corp', groups: vpn, staff`.
impl fmt::Display for RemoteVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, groups: {}",
            self.source.backend,
            self.groups.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{GROUP, LDAP, Value};

    const CORP: &str = "cn=vpn,dc=example";

    fn group(name: &str, matches: &[(&str, &str)]) -> (Arc<str>, Box<[GroupServer]>) {
        let mut group = Object::new(&GROUP, name);
        let member = GROUP.field("member").unwrap();
        let members = ["alice", "corp", "hq"].map(Box::from);
        group.set(member, Value::List(members.into()));
        for (key, (server, group_name)) in matches.iter().enumerate() {
            let child = Object::new(&GROUP_MATCH, &key.to_string())
                .with("server-name", Some(server))
                .with("group-name", Some(group_name));
            group.add_child(child);
        }
        let servers = GroupServer::of(&group, |name| (name == "corp").then_some(Kind::Ldap));
        (name.into(), servers)
    }

    fn sources_of(groups: &[(Arc<str>, Box<[GroupServer]>)]) -> Vec<Source> {
        let ldap = Object::new(&LDAP, "corp").with("server", Some("192.0.2.1"));
        let backend = Arc::new(Backend::from_object(&ldap, |_| None).unwrap());
        sources(
            groups.iter().map(|(name, servers)| (name, &**servers)),
            |name| (*name == backend.name).then(|| Arc::clone(&backend)),
        )
    }

    fn told(names: &[&str], groups: &[&str]) -> Told {
        Told {
            names: names.iter().map(ToString::to_string).collect(),
            other_names: Vec::new(),
            groups: groups.iter().map(|group| Box::from(*group)).collect(),
            unread: None,
        }
    }

    fn name(name: &str) -> CanonicalName {
        CanonicalName::of(name).unwrap()
    }

    fn confirmed(groups: &[(Arc<str>, Box<[GroupServer]>)], told: &Told) -> Result<String, Reason> {
        let sources = sources_of(groups);
        let check = RemoteCheck::new(name("Zoe"), sources);
        let verified = check.confirmed(&check.sources()[0], told, |it| *it == name("alice"));
        verified.map(|verified| verified.groups().join(" "))
    }

    #[test]
    fn a_group_means_those_whom_its_matches_name_and_else_all() {
        let open = group("open", &[("hq", CORP)]);
        let bound = group("bound", &[("corp", "cn=it,dc=example"), ("corp", CORP)]);
        let both = [open, bound];
        assert_eq!(sources_of(&both)[0].asked(), ["cn=it,dc=example", CORP]);
        let names = &["zoe"];
        assert_eq!(
            confirmed(&both, &told(names, &[CORP])),
            Ok("open bound".into())
        );
        assert_eq!(confirmed(&both, &told(names, &[])), Ok("open".into()));
        let [_, bound] = both;
        for groups in [&[][..], &["CN=vpn,dc=example"], &[""]] {
            let confirmed = confirmed(std::slice::from_ref(&bound), &told(names, groups));
            assert_eq!(confirmed, Err(Reason::GroupMissing), "{groups:?}");
        }
    }

    #[test]
    fn who_is_known_by_another_name_is_let_in_by_none() {
        let open = [group("open", &[])];
        for (names, is_in) in [
            (&["ZOE"][..], true),
            (&["zoe", "zoe.smith"], true),
            // The directory folds what this unit keeps apart, or has a second name for somebody with a record.
            (&["alice"], false),
            (&["zoe", "Alice"], false),
            (&["al"], false),
            (&["zoe", "\u{0}"], false),
            (&[], false),
        ] {
            let confirmed = confirmed(&open, &told(names, &[]));
            let expected = if is_in {
                Ok("open".to_owned())
            } else {
                Err(Reason::NameOfAnother)
            };
            assert_eq!(confirmed, expected, "{names:?}");
        }
    }

    #[test]
    fn who_has_a_record_by_the_name_of_another_entry_is_let_in_by_none() {
        let open = [group("open", &[])];
        for (other, is_in) in [("zoe.smith", true), ("\u{0}", true), ("ALICE@corp", false)] {
            let told = Told {
                other_names: vec![other.to_owned()],
                ..told(&["zoe"], &[])
            };
            assert_eq!(confirmed(&open, &told).is_ok(), is_in, "{other:?}");
        }
    }

    #[test]
    fn a_proof_is_of_what_was_configured_then() {
        let sources = sources_of(&[group("open", &[])]);
        let check = RemoteCheck::new(name("zoe"), sources.clone());
        let verified = check
            .confirmed(&sources[0], &told(&["zoe"], &[]), |_| false)
            .unwrap();
        assert!(verified.holds(&sources));
        assert!(!verified.holds(&[]));
        assert!(!verified.holds(&sources_of(&[group("open", &[("corp", CORP)])])));
        assert_eq!(verified.to_string(), "ldap 'corp', groups: open");
    }
}
