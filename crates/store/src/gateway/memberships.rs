//! Which groups people are in, in memory: every accepted login is told them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::name::CanonicalName;
use domain::remote::GroupServer;
use domain::vdom::Vdom;

/// A group with the users and servers that it names.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) vdom: Vdom,
    pub(super) name: Arc<str>,
    pub(super) members: Box<[CanonicalName]>,
    pub(super) servers: Box<[GroupServer]>,
}

/// Groups by person. A change of one group touches its own members only.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    groups: HashMap<(Vdom, Arc<str>), Box<[CanonicalName]>>,
    of: HashMap<CanonicalName, BTreeSet<Arc<str>>>,
    servers: HashMap<(Vdom, Arc<str>), Box<[GroupServer]>>,
}

impl Memberships {
    /// Puts a group in place of what it was. A group without members is none.
    pub(super) fn put(&mut self, group: Group) {
        let Group {
            vdom,
            name,
            members,
            servers,
        } = group;
        let key = (vdom, Arc::clone(&name));
        self.remove(&key);
        for member in &members {
            let groups = self.of.entry(member.clone()).or_default();
            groups.insert(Arc::clone(&name));
        }
        if servers.is_empty() {
            self.servers.remove(&key);
        } else {
            self.servers.insert(key.clone(), servers);
        }
        if !members.is_empty() {
            self.groups.insert(key, members);
        }
    }

    fn remove(&mut self, key: &(Vdom, Arc<str>)) {
        for member in self.groups.remove(key).iter().flatten() {
            if let Some(groups) = self.of.get_mut(member) {
                groups.remove(&key.1);
                if groups.is_empty() {
                    self.of.remove(member);
                }
            }
        }
    }

    /// The servers that are members of a group, with the group's name.
    pub(super) fn servers(&self, vdom: Vdom, group: &str) -> Option<(&Arc<str>, &[GroupServer])> {
        let found = self.servers.get_key_value(&(vdom, Arc::from(group)));
        found.map(|((_, name), servers)| (name, &**servers))
    }

    /// The groups of a virtual domain that have servers as members, in the order of their names.
    pub(super) fn with_servers(&self, vdom: Vdom) -> Vec<(&Arc<str>, &[GroupServer])> {
        let all = self.servers.iter().filter(|((of, _), _)| *of == vdom);
        let mut groups: Vec<_> = all.map(|((_, name), servers)| (name, &**servers)).collect();
        groups.sort_unstable_by_key(|(name, _)| *name);
        groups
    }

    /// The groups of a person, in the order of their names.
    pub(super) fn of(&self, person: &CanonicalName) -> Vec<Arc<str>> {
        self.of
            .get(person)
            .map_or_else(Vec::new, |groups| groups.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> CanonicalName {
        CanonicalName::of(name).unwrap()
    }

    fn group(group: &str, members: &[&str]) -> Group {
        Group {
            vdom: Vdom::ROOT,
            name: group.into(),
            members: members.iter().map(|member| name(member)).collect(),
            servers: Box::default(),
        }
    }

    fn of(memberships: &Memberships, person: &str) -> Vec<String> {
        let groups = memberships.of(&name(person));
        groups.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_group_that_changes_leaves_nobody_behind() {
        let mut memberships = Memberships::default();
        memberships.put(group("vpn", &["alice", "bob"]));
        memberships.put(group("admins", &["alice"]));
        assert_eq!(of(&memberships, "alice"), ["admins", "vpn"]);
        memberships.put(group("vpn", &["bob", "carol"]));
        assert_eq!(of(&memberships, "alice"), ["admins"]);
        assert_eq!(of(&memberships, "carol"), ["vpn"]);
        memberships.put(group("vpn", &[]));
        memberships.put(group("admins", &[]));
        assert!(memberships.of.is_empty() && memberships.groups.is_empty());
    }
}
