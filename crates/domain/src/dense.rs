//! Tables of up to a million entries, without gaps: an entry takes its own size and some ten octets.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A hash table whose free slots cost five octets, not an entry each: the entries lie in a row, and what is
/// hashed is their number. Hashes are not kept, so a table that grows computes them again.
pub struct Dense<K, V, S = RandomState> {
    entries: Vec<(K, V)>,
    numbers: HashTable<u32>,
    hasher: S,
}

impl<K, V, S: Default> Default for Dense<K, V, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K, V, S> Dense<K, V, S> {
    /// An empty table, by a hasher of the caller's.
    pub const fn with_hasher(hasher: S) -> Self {
        Self {
            entries: Vec::new(),
            numbers: HashTable::new(),
            hasher,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, in the order of the row.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The value at a place in the row.
    pub fn at(&self, place: usize) -> Option<&V> {
        self.entries.get(place).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn at_mut(&mut self, place: usize) -> Option<&mut V> {
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// The key at a place in the row.
    pub fn key_at(&self, place: usize) -> Option<&K> {
        self.entries.get(place).map(|(key, _)| key)
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Dense<K, V, S> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entry_of(key).map(|(_, value)| value)
    }

    /// The same with the key as it is kept.
    pub fn entry_of(&self, key: &K) -> Option<&(K, V)> {
        self.entries.get(self.place(key)?)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Whether a key has a value.
    pub fn contains(&self, key: &K) -> bool {
        self.place(key).is_some()
    }

    /// Makes room for so many more: a table that grows to its size leaves the halves behind in memory.
    pub fn reserve(&mut self, more: usize) {
        let Self {
            entries,
            numbers,
            hasher,
        } = self;
        entries.reserve_exact(more);
        numbers.reserve(more, |number| {
            key_at(entries, *number).map_or(0, |key| hasher.hash_one(key))
        });
    }

    /// Gives a key this value.
    pub fn insert(&mut self, key: K, value: V) {
        match self.get_mut(&key) {
            Some(kept) => *kept = value,
            None => {
                self.entry(key, || value);
            }
        }
    }

    /// The value of a key, made if it has none.
    ///
    /// # Panics
    /// At entry 4,294,967,296, long after memory has run out.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let Self {
            entries,
            numbers,
            hasher,
        } = self;
        let found = numbers.entry(
            hasher.hash_one(&key),
            |number| key_at(entries, *number) == Some(&key),
            |number| key_at(entries, *number).map_or(0, |key| hasher.hash_one(key)),
        );
        let place = match found {
            Entry::Occupied(number) => place_of(*number.get()),
            Entry::Vacant(vacant) => {
                vacant.insert(number_of(entries.len()));
                entries.push((key, make()));
                entries.len() - 1
            }
        };
        &mut entries[place].1
    }

    /// Takes a key out; the last entry takes its place.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key)?;
        self.remove_at(place)
    }

    /// Takes out what is at a place in the row; the last entry takes it.
    pub fn remove_at(&mut self, place: usize) -> Option<V> {
        let last = self.entries.len().checked_sub(1)?;
        let (leaving, moving) = (self.hash_at(place)?, self.hash_at(last)?);
        if let Ok(number) = self
            .numbers
            .find_entry(leaving, |it| place_of(*it) == place)
        {
            number.remove();
        }
        if let Some(number) = self.numbers.find_mut(moving, |it| place_of(*it) == last) {
            *number = number_of(place);
        }
        Some(self.entries.swap_remove(place).1)
    }

    /// Takes out what does not pass. It looks at every entry.
    pub fn retain(&mut self, mut keeps: impl FnMut(&K) -> bool) {
        for place in (0..self.entries.len()).rev() {
            if !keeps(&self.entries[place].0) {
                self.remove_at(place);
            }
        }
    }

    /// The place of a key in the row. It stays until a key is taken out.
    pub fn place(&self, key: &K) -> Option<usize> {
        let is_it = |number: &u32| key_at(&self.entries, *number) == Some(key);
        let number = self.numbers.find(self.hasher.hash_one(key), is_it)?;
        Some(place_of(*number))
    }

    fn hash_at(&self, place: usize) -> Option<u64> {
        let (key, _) = self.entries.get(place)?;
        Some(self.hasher.hash_one(key))
    }
}

fn key_at<K, V>(entries: &[(K, V)], number: u32) -> Option<&K> {
    entries.get(place_of(number)).map(|(key, _)| key)
}

const fn place_of(number: u32) -> usize {
    number as usize
}

fn number_of(place: usize) -> u32 {
    let number = u32::try_from(place);
    assert!(number.is_ok(), "a table has 4,294,967,296 entries");
    number.unwrap_or(u32::MAX)
}

impl<K, V, S> fmt::Debug for Dense<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dense({})", self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Deed {
        Insert(u8, u32),
        Entry(u8, u32),
        Change(u8, u32),
        Remove(u8),
        RemoveAt(usize),
        RetainBelow(u8),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            8 => (any::<u8>(), any::<u32>()).prop_map(|(key, value)| Deed::Insert(key, value)),
            4 => (any::<u8>(), any::<u32>()).prop_map(|(key, value)| Deed::Entry(key, value)),
            2 => (any::<u8>(), any::<u32>()).prop_map(|(key, value)| Deed::Change(key, value)),
            4 => any::<u8>().prop_map(Deed::Remove),
            2 => (0..256_usize).prop_map(Deed::RemoveAt),
            1 => (200..=u8::MAX).prop_map(Deed::RetainBelow),
        ]
    }

    proptest! {
        #[test]
        fn it_holds_what_a_hash_map_holds(deeds in prop::collection::vec(deed(), 0..400)) {
            let mut dense = Dense::<u8, u32>::default();
            let mut model = HashMap::new();
            for deed in deeds {
                match deed {
                    Deed::Insert(key, value) => {
                        dense.insert(key, value);
                        model.insert(key, value);
                    }
                    Deed::Entry(key, value) => {
                        let entry = model.entry(key).or_insert(value);
                        prop_assert_eq!(dense.entry(key, || value), entry);
                    }
                    Deed::Change(key, value) => {
                        let changed = dense.get_mut(&key).map(|it| *it = value);
                        prop_assert_eq!(changed, model.get_mut(&key).map(|it| *it = value));
                    }
                    Deed::Remove(key) => prop_assert_eq!(dense.remove(&key), model.remove(&key)),
                    Deed::RemoveAt(place) => {
                        let key = dense.entries.get(place).map(|(key, _)| *key);
                        let expected = key.and_then(|key| model.remove(&key));
                        prop_assert_eq!(dense.remove_at(place), expected);
                    }
                    Deed::RetainBelow(limit) => {
                        dense.retain(|key| *key < limit);
                        model.retain(|key, _| *key < limit);
                    }
                }
                prop_assert_eq!(dense.len(), model.len());
                prop_assert_eq!(dense.numbers.len(), model.len());
                for key in 0..=u8::MAX {
                    prop_assert_eq!(dense.get(&key), model.get(&key));
                    prop_assert_eq!(dense.contains(&key), model.contains_key(&key));
                    let kept = dense.place(&key).and_then(|place| dense.key_at(place));
                    prop_assert_eq!(kept, model.contains_key(&key).then_some(&key));
                }
            }
        }
    }
}
