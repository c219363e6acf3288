//! Tables of limited size whose entries cease to matter by the time alone.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use crate::dense::Dense;

/// Entries that are looked at when one more is to find room in a full table. Whoever fills it must not make
/// each login after that cost a walk through all of it; a table of 100,000 is looked through once by 3,125.
const LOOKED_AT: usize = 32;

/// A table that makes room a little at a time.
pub struct Bounded<K, V, S = RandomState> {
    entries: Dense<K, V, S>,
    most: usize,
    /// The entry at which the next search for room begins.
    next: usize,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// An empty table of at most so many entries.
    pub fn new(most: usize) -> Self {
        Self::with_hasher(most, RandomState::new())
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Bounded<K, V, S> {
    /// The same, by a hasher of the caller's.
    pub fn with_hasher(most: usize, hasher: S) -> Self {
        Self {
            entries: Dense::with_hasher(hasher),
            most,
            next: 0,
        }
    }

    /// Whether a key has an entry or can have one, if need be in the place of some that `is_stale`.
    pub fn has_room(&mut self, key: &K, is_stale: impl Fn(&V) -> bool) -> bool {
        if self.entries.len() < self.most || self.entries.contains(key) {
            return true;
        }
        self.sweep(is_stale);
        self.entries.len() < self.most
    }

    /// The entry of a key, made if there is none and room for it.
    pub fn entry(&mut self, key: K, is_stale: impl Fn(&V) -> bool) -> Option<&mut V>
    where
        V: Default,
    {
        self.entry_or(key, is_stale, V::default)
    }

    /// The same, made by the caller.
    pub fn entry_or(
        &mut self,
        key: K,
        is_stale: impl Fn(&V) -> bool,
        make: impl FnOnce() -> V,
    ) -> Option<&mut V> {
        self.has_room(&key, is_stale)
            .then(|| self.entries.entry(key, make))
    }

    /// The entry of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// The entry of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// Up to `most` entries that lie before the place `end` of the row, the last first, with their places. Whoever goes
    /// on before the first of them misses none that was there when it began and still is: what is taken out makes
    /// room for the last, which was met by then. It may meet one twice.
    pub fn before(&self, end: usize, most: usize) -> impl Iterator<Item = (usize, &K, &V)> {
        let end = end.min(self.entries.len());
        let places = (end.saturating_sub(most)..end).rev();
        places.filter_map(|place| {
            let key = self.entries.key_at(place)?;
            Some((place, key, self.entries.at(place)?))
        })
    }

    /// Whether there is no room for another without taking one out.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.most
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Takes out what does not pass. It looks at every entry: nothing for a login to do.
    pub fn retain(&mut self, mut keeps: impl FnMut(&K) -> bool) {
        self.entries.retain(|key| keeps(key));
    }

    fn sweep(&mut self, is_stale: impl Fn(&V) -> bool) {
        for _ in 0..LOOKED_AT.min(self.entries.len()) {
            match self.entries.at(self.next) {
                // The last entry takes its place, and is looked at next.
                Some(value) if is_stale(value) => {
                    self.entries.remove_at(self.next);
                }
                Some(_) => self.next += 1,
                None => self.next = 0,
            }
        }
    }
}

impl<K, V, S> fmt::Debug for Bounded<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, most, .. } = self;
        write!(f, "Bounded({} of {most})", entries.len())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_full_table_costs_every_new_entry_the_same_little() {
        let mut table = Bounded::new(1_000);
        for number in 0..1_000_u32 {
            *table.entry(number, |_| false).unwrap() = number;
        }
        for new in 1_000..2_000 {
            let seen = Cell::new(0);
            let room = table.entry(new, |_| {
                seen.set(seen.get() + 1);
                false
            });
            assert_eq!(room, None);
            assert!((31..=32).contains(&seen.get()), "{}", seen.get());
        }
        assert_eq!(table.entry(7, |_| false), Some(&mut 7));
    }

    #[test]
    fn whoever_goes_through_it_piece_by_piece_misses_nothing_that_stays() {
        let mut table = Bounded::new(1_000);
        for number in 0..100_u32 {
            *table.entry(number, |_| false).unwrap() = number;
        }
        let (mut met, mut end) = (std::collections::BTreeSet::new(), usize::MAX);
        for taken in (0..100).step_by(9) {
            for (place, key, _) in table.before(end, 7) {
                met.insert(*key);
                end = place;
            }
            table.remove(&taken);
        }
        while end > 0 {
            for (place, key, _) in table.before(end, 7) {
                met.insert(*key);
                end = place;
            }
        }
        assert!(table.iter().all(|(key, _)| met.contains(key)));
    }

    #[test]
    fn whatever_is_stale_is_found_in_the_end() {
        let mut table = Bounded::new(1_000);
        for number in 0..1_000_u32 {
            *table.entry(number, |_| false).unwrap() = number;
        }
        let is_stale = |value: &u32| (500..510).contains(value);
        let new = 5_000..5_100;
        let found = new.filter(|new| match table.entry(*new, is_stale) {
            Some(value) => {
                *value = *new;
                true
            }
            None => false,
        });
        assert_eq!(found.count(), 10);
        assert_eq!((table.get(&500), table.get(&499)), (None, Some(&499)));
    }
}
