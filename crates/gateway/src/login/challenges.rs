//! Open challenges: a password that was right and waits for its code.
//!
//! A state is random, belongs to one client and one person, and works once. It lives in memory: after
//! a restart the client begins again, which costs a person one more try and an attacker everything.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use domain::name::CanonicalName;
use domain::time::Timestamp;

use super::{FirstProven, Undecided};
use crate::clock;

/// Challenges that are open at most: 1,000 right passwords a second, each left unanswered for the
/// default minute.
const OPEN_MAX: usize = 65_536;

/// Octets of chance in a state.
const STATE_LEN: usize = 16;

/// A state as hexadecimal text: clients in use keep it as a C string.
pub(crate) type State = String;

/// No more challenges can be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{OPEN_MAX} challenges are open")]
pub(crate) struct Full;

struct Open {
    first: FirstProven,
    client: Box<str>,
    expires: Timestamp,
}

/// The open challenges by their state.
#[derive(Default)]
pub(super) struct Challenges(Mutex<HashMap<[u8; STATE_LEN], Open>>);

impl Challenges {
    /// Opens a challenge; its state goes to the client.
    pub(super) fn open(
        &self,
        first: FirstProven,
        client: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<State, Undecided> {
        let state = clock::random()?;
        let mut open = self.lock();
        if open.len() >= OPEN_MAX {
            open.retain(|_, challenge| challenge.expires > now);
        }
        if open.len() >= OPEN_MAX {
            return Err(Full.into());
        }
        open.insert(
            state,
            Open {
                first,
                client: Box::from(client),
                expires,
            },
        );
        Ok(HEXLOWER.encode(&state))
    }

    /// Takes what belongs to a state, if the same client asks for the same person in time.
    pub(super) fn take(
        &self,
        state: &[u8],
        person: &CanonicalName,
        client: &str,
        now: Timestamp,
    ) -> Option<FirstProven> {
        let state: [u8; STATE_LEN] = HEXLOWER.decode(state).ok()?.try_into().ok()?;
        let open = self.lock().remove(&state)?;
        let fits = &*open.client == client && open.first.proof.person() == person;
        (fits && open.expires > now).then_some(open.first)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; STATE_LEN], Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
