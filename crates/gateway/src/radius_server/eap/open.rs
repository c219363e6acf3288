//! Conversations that wait for their device.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;
use domain::time::{Span, Timestamp};

use super::Talk;
use crate::clock::{self, NoEntropy};
use crate::login::State;

/// Conversations that are open at most: some 20 KiB each, 80 MiB in all. The oldest gives way: whoever wants to
/// keep others out would have to begin as many within the second that a login takes.
const OPEN_MAX: usize = 4_096;

/// How long a conversation waits: somebody looks for a phone meanwhile. The challenge of a code ends by itself.
const WAIT: Span = Span::from_secs(120);

/// Number in the order of beginning, and chance.
const STATE_LEN: usize = 8 + 16;

type Key = [u8; STATE_LEN];

/// The open conversations. A State belongs to one client and works once.
#[derive(Default)]
pub(super) struct Open(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// The oldest first.
    by_state: BTreeMap<Key, Waiting>,
    kept: u64,
}

struct Waiting {
    talk: Box<Talk>,
    client: Box<str>,
    expires: Timestamp,
}

impl Open {
    pub(super) fn keep(
        &self,
        talk: Box<Talk>,
        client: &str,
        now: Timestamp,
    ) -> Result<State, NoEntropy> {
        let chance = clock::random::<16>()?;
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.make_room(now);
        table.kept += 1;
        let mut state = Key::default();
        state
            .iter_mut()
            .zip(table.kept.to_be_bytes().into_iter().chain(chance))
            .for_each(|(slot, octet)| *slot = octet);
        let waiting = Waiting {
            talk,
            client: client.into(),
            expires: now.after(WAIT),
        };
        table.by_state.insert(state, waiting);
        Ok(HEXLOWER.encode(&state))
    }

    pub(super) fn take(&self, state: &[u8], client: &str, now: Timestamp) -> Option<Box<Talk>> {
        let state: Key = HEXLOWER.decode(state).ok()?.try_into().ok()?;
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = table.by_state.remove(&state)?;
        let fits = *waiting.client == *client && waiting.expires > now;
        fits.then_some(waiting.talk)
    }
}

impl Table {
    /// All wait equally long, so that the oldest expires first.
    fn make_room(&mut self, now: Timestamp) {
        while let Some(oldest) = self.by_state.first_entry()
            && oldest.get().expires <= now
        {
            oldest.remove();
        }
        if self.by_state.len() >= OPEN_MAX {
            self.by_state.pop_first();
        }
    }
}
