//! Conversations that wait for their device.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;

use super::RadiusClient;
use crate::clock::{self, NoEntropy};
use crate::login::State;

/// Conversations that are open at most: each holds [`::eap::HANDSHAKE_MAX`] and TLS's own state before a tunnel stands,
/// some 80 KiB, 320 MiB in all. Beyond it the
/// client with the most gives way to all others, first with what has proven nothing: whoever floods one access
/// point displaces nobody at another.
const OPEN_MAX: usize = 4_096;

/// How long a conversation waits: somebody looks for a phone meanwhile. The challenge of a code ends by itself.
pub(super) const WAIT: Span = Span::from_secs(120);

/// Number in the order of beginning, and chance.
const STATE_LEN: usize = 8 + 16;

type Key = [u8; STATE_LEN];

/// Whose conversations they are. Each virtual domain has names of its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Owner(Vdom, Box<str>);

impl From<&RadiusClient> for Owner {
    fn from(client: &RadiusClient) -> Self {
        Self(client.vdom, client.name().into())
    }
}

/// What is kept open.
pub(super) trait Kept {
    /// Whether the next packet may have this identifier.
    fn awaits(&self, identifier: u8) -> bool;
    /// Whether its device has proven something to somebody.
    fn is_proven(&self) -> bool;
}

/// What a packet belongs to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Found<T> {
    /// This.
    Open(T),
    /// What waits for the answer to another request, and goes on waiting (RFC 3748, 4.1).
    Waits,
    /// Nothing that is known.
    Unknown,
}

/// The open conversations. A State belongs to one client and works once.
pub(super) struct Open<T>(Mutex<Table<T>>);

struct Table<T> {
    /// The oldest first.
    by_state: BTreeMap<Key, Waiting<T>>,
    /// How many of them are whose; nobody has none.
    of_owner: HashMap<Owner, usize>,
    kept: u64,
}

struct Waiting<T> {
    talk: T,
    owner: Owner,
    expires: Timestamp,
}

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self(Mutex::new(Table {
            by_state: BTreeMap::new(),
            of_owner: HashMap::new(),
            kept: 0,
        }))
    }
}

impl<T: Kept> Open<T> {
    pub(super) fn keep(&self, talk: T, owner: Owner, now: Timestamp) -> Result<State, NoEntropy> {
        let chance = clock::random::<16>()?;
        let mut table = self.lock();
        table.make_room(now);
        table.kept += 1;
        let mut state = Key::default();
        state
            .iter_mut()
            .zip(table.kept.to_be_bytes().into_iter().chain(chance))
            .for_each(|(slot, octet)| *slot = octet);
        let expires = now.after(WAIT);
        table.insert(
            state,
            Waiting {
                talk,
                owner,
                expires,
            },
        );
        Ok(HEXLOWER.encode(&state))
    }

    /// What this owner's packet with this identifier belongs to. Whoever else knows a State ends nothing with it.
    pub(super) fn take(
        &self,
        state: &[u8],
        owner: &Owner,
        identifier: u8,
        now: Timestamp,
    ) -> Found<T> {
        let mut table = self.lock();
        let Some((state, waiting)) = table.of(state, owner) else {
            return Found::Unknown;
        };
        if waiting.expires <= now {
            return Found::Unknown;
        }
        if !waiting.talk.awaits(identifier) {
            return Found::Waits;
        }
        table.remove(&state).map_or(Found::Unknown, Found::Open)
    }

    /// Ends what this owner has begun anew.
    pub(super) fn forget(&self, state: &[u8], owner: &Owner) {
        let mut table = self.lock();
        if let Some((state, _)) = table.of(state, owner) {
            table.remove(&state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Kept> Table<T> {
    fn of(&self, state: &[u8], owner: &Owner) -> Option<(Key, &Waiting<T>)> {
        let state = Key::try_from(HEXLOWER.decode(state).ok()?).ok()?;
        let waiting = self.by_state.get(&state)?;
        (waiting.owner == *owner).then_some((state, waiting))
    }

    /// All wait equally long, so that the oldest expires first.
    fn make_room(&mut self, now: Timestamp) {
        while let Some((state, oldest)) = self.by_state.first_key_value()
            && oldest.expires <= now
        {
            let state = *state;
            self.remove(&state);
        }
        if self.by_state.len() >= OPEN_MAX
            && let Some(state) = self.dispensable()
        {
            self.remove(&state);
        }
    }

    /// The oldest that has proven nothing of whoever has the most, else the oldest of theirs.
    fn dispensable(&self) -> Option<Key> {
        let (most, _) = self.of_owner.iter().max_by_key(|(_, held)| **held)?;
        let mut theirs = self.by_state.iter().filter(|(_, it)| it.owner == *most);
        let oldest = theirs.clone().next();
        let unproven = theirs.find(|(_, it)| !it.talk.is_proven());
        unproven.or(oldest).map(|(state, _)| *state)
    }

    fn insert(&mut self, state: Key, waiting: Waiting<T>) {
        *self.of_owner.entry(waiting.owner.clone()).or_default() += 1;
        self.by_state.insert(state, waiting);
    }

    fn remove(&mut self, state: &Key) -> Option<T> {
        let waiting = self.by_state.remove(state)?;
        if let Entry::Occupied(mut held) = self.of_owner.entry(waiting.owner) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        Some(waiting.talk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[derive(PartialEq, Eq, Debug)]
    struct Login {
        identifier: u8,
        is_proven: bool,
    }

    impl Kept for Login {
        fn awaits(&self, identifier: u8) -> bool {
            identifier == self.identifier
        }

        fn is_proven(&self) -> bool {
            self.is_proven
        }
    }

    const UNPROVEN: Login = Login {
        identifier: 7,
        is_proven: false,
    };
    const PROVEN: Login = Login {
        identifier: 7,
        is_proven: true,
    };

    fn ap(name: &str) -> Owner {
        Owner(Vdom::ROOT, name.into())
    }

    fn take(open: &Open<Login>, state: &str, name: &str, identifier: u8) -> Found<Login> {
        open.take(state.as_bytes(), &ap(name), identifier, NOW)
    }

    #[test]
    fn a_conversation_is_its_clients_and_waits_for_its_answer() {
        let open = Open::default();
        let state = open.keep(UNPROVEN, ap("one"), NOW).unwrap();
        assert_eq!(take(&open, &state, "other", 7), Found::Unknown);
        assert_eq!(take(&open, &state, "one", 6), Found::Waits);
        assert_eq!(take(&open, &state, "one", 7), Found::Open(UNPROVEN));
        assert_eq!(take(&open, &state, "one", 7), Found::Unknown);
        assert!(open.lock().of_owner.is_empty());
    }

    #[test]
    fn a_flood_at_one_client_displaces_only_its_own_and_first_the_unproven() {
        let open = Open::default();
        let keep = |talk, name| open.keep(talk, ap(name), NOW).unwrap();
        let other = keep(UNPROVEN, "other");
        let proven = keep(PROVEN, "flooded");
        let flood: Vec<State> = (0..OPEN_MAX).map(|_| keep(UNPROVEN, "flooded")).collect();
        assert_eq!(open.lock().by_state.len(), OPEN_MAX);
        assert_eq!(take(&open, &flood[1], "flooded", 7), Found::Unknown);
        assert_eq!(take(&open, &flood[2], "flooded", 7), Found::Open(UNPROVEN));
        assert_eq!(take(&open, &proven, "flooded", 7), Found::Open(PROVEN));
        assert_eq!(take(&open, &other, "other", 7), Found::Open(UNPROVEN));
    }
}
