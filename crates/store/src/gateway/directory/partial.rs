//! A table of which not all rows may be in memory yet.

use std::collections::HashSet;
use std::hash::Hash;

use domain::dense::Dense;
use domain::name::CanonicalName;
use ident::TokenSerial;

/// Nobody has looked yet whether there is such a row. It is no answer: to take somebody who has a record for nobody
/// would leave the second factor out.
#[derive(Clone, Debug)]
pub(in super::super) enum Unread {
    Person(CanonicalName),
    Token(TokenSerial),
}

impl From<CanonicalName> for Unread {
    fn from(name: CanonicalName) -> Self {
        Self::Person(name)
    }
}

impl From<TokenSerial> for Unread {
    fn from(serial: TokenSerial) -> Self {
        Self::Token(serial)
    }
}

/// Keys without a row that are remembered at most while rows come in: names that nobody has cost memory, and come from
/// anywhere.
const MISSING_MAX: usize = 65_536;

/// There is no room for another key without a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

/// The rows that are in memory, and whether those are all. To ask for another one is an error until they are.
#[derive(Debug)]
pub(super) struct Partial<K, V> {
    rows: Dense<K, V>,
    /// Keys that have no row; nothing once all rows are here.
    missing: Option<HashSet<K>>,
}

impl<K, V> Default for Partial<K, V> {
    fn default() -> Self {
        Self {
            rows: Dense::default(),
            missing: Some(HashSet::new()),
        }
    }
}

impl<K, V> Partial<K, V> {
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_none()
    }

    /// All rows are here: what is not has none.
    pub(super) fn complete(&mut self) {
        self.missing = None;
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The value at a place in the row, to be changed.
    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut V> {
        self.rows.at_mut(place)
    }

    pub(super) fn key_at(&self, place: usize) -> Option<&K> {
        self.rows.key_at(place)
    }
}

impl<K: Hash + Eq + Clone, V> Partial<K, V>
where
    Unread: From<K>,
{
    /// Makes room for so many in all.
    pub(super) fn reserve(&mut self, all: usize) {
        self.rows.reserve(all.saturating_sub(self.rows.len()));
    }

    pub(super) fn get(&self, key: &K) -> Result<Option<&V>, Unread> {
        Ok(self.entry_of(key)?.map(|(_, value)| value))
    }

    /// The same with the key as it is kept.
    pub(super) fn entry_of(&self, key: &K) -> Result<Option<&(K, V)>, Unread> {
        let found = self.rows.entry_of(key);
        self.known(key, found)
    }

    /// Where it is.
    pub(super) fn place(&self, key: &K) -> Result<Option<usize>, Unread> {
        let found = self.rows.place(key);
        self.known(key, found)
    }

    fn known<T>(&self, key: &K, found: Option<T>) -> Result<Option<T>, Unread> {
        match &self.missing {
            Some(missing) if found.is_none() && !missing.contains(key) => Err(key.clone().into()),
            _ => Ok(found),
        }
    }

    fn is_known(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// Takes a row as it was just written.
    pub(super) fn put(&mut self, key: K, value: V) {
        self.rows.insert(key, value);
    }

    /// Takes a row as it was read, unless memory knows better. Whether it did.
    pub(super) fn read(&mut self, key: K, value: V) -> bool {
        let is_news = !self.is_known(&key);
        if is_news {
            self.rows.insert(key, value);
        }
        is_news
    }

    /// There is no such row.
    pub(super) fn miss(&mut self, key: K) -> Result<(), Full> {
        if self.is_known(&key) {
            return Ok(());
        }
        match &mut self.missing {
            Some(missing) if missing.len() < MISSING_MAX => {
                missing.insert(key);
                Ok(())
            }
            Some(_) => Err(Full),
            None => Ok(()),
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.rows.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unread_is_neither_there_nor_missing() {
        let mut people = Partial::default();
        let [alice, bob, carol] =
            ["alice", "bob", "carol"].map(|name| CanonicalName::of(name).unwrap());
        assert!(people.read(alice.clone(), 1));
        people.miss(bob.clone()).unwrap();
        assert_eq!(people.get(&alice).unwrap(), Some(&1));
        assert_eq!(people.get(&bob).unwrap(), None);
        assert!(matches!(people.get(&carol), Err(Unread::Person(name)) if name == carol));
        // A page that was read before is no news.
        people.put(alice.clone(), 2);
        assert!(!people.read(alice.clone(), 1));
        assert_eq!(people.get(&alice).unwrap(), Some(&2));
        people.complete();
        assert_eq!(people.get(&carol).unwrap(), None);
        people.remove(&alice);
        assert!(!people.read(alice.clone(), 1));
        assert_eq!(people.get(&alice).unwrap(), None);
    }

    #[test]
    fn there_is_a_limit_to_names_that_nobody_has() {
        let mut people: Partial<CanonicalName, ()> = Partial::default();
        let name = |number: usize| CanonicalName::of(&format!("nobody{number}")).unwrap();
        for number in 0..MISSING_MAX {
            people.miss(name(number)).unwrap();
        }
        people.miss(name(0)).unwrap();
        assert!(people.miss(name(MISSING_MAX)).is_err());
        assert!(people.get(&name(MISSING_MAX)).is_err());
    }
}
