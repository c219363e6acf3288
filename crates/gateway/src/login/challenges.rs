//! Open challenges: a password that was right and waits for its code.
//!
//! A state is random, belongs to one client and one person, and works once, again where the answer was empty, or until
//! the code is right where its client speaks of transactions. It lives in memory: after
//! a restart the client begins again, which costs a person one more try and an attacker everything.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use domain::name::CanonicalName;
use domain::throttle::ProvenBy;
use domain::time::Timestamp;

use super::Undecided;
use crate::clock;

/// Challenges that are open at most: 1,000 right passwords a second, each left unanswered for the
/// default minute.
const OPEN_MAX: usize = 65_536;

/// Challenges that are open at most at clients that check first factors themselves. Who reaches such a client may have
/// shown nothing to anybody: half of the places is left to those whose password was right, and in this half they go
/// first.
const VOUCHED_MAX: usize = OPEN_MAX / 2;

/// Challenges of one owner that are open at most: more than hands and their clients, each asking again, begin
/// within the default minute. Who knows a password closes nobody else's, and who has a code asked for without one
/// closes none of those that a password opened.
const OPEN_PER_OWNER_MAX: usize = 128;

/// Octets of chance in a state.
const STATE_LEN: usize = 16;

/// A state as hexadecimal text: clients in use keep it as a C string.
pub(crate) type State = String;

/// Whose challenges count together: a person's, and those apart at whose client nothing was proven here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Owner {
    pub(super) person: CanonicalName,
    pub(super) proven_by: ProvenBy,
}

/// No more challenges can be open: a password was right for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{OPEN_MAX} challenges are open")]
pub(crate) struct Full;

/// Why an answer leads to no open challenge.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Missed<T> {
    /// There is none under its state: it was answered, gave way to others, or was before a restart.
    Unknown,
    /// It is another person's. It stays open: whoever else knows a state ends nothing with it.
    OfAnother,
    /// It is another client's, and stays open as well.
    OfAnotherClient,
    /// This was open until then.
    Late(Box<T>, Timestamp),
}

/// The open challenges, with what each proves.
pub(super) struct Challenges<T>(Mutex<Table<T>>);

impl<T> Default for Challenges<T> {
    fn default() -> Self {
        Self::of_each(OPEN_PER_OWNER_MAX)
    }
}

impl<T> Challenges<T> {
    /// No challenge, and at most so many of one owner.
    pub(super) fn of_each(most: usize) -> Self {
        Self(Mutex::new(Table {
            most,
            by_state: HashMap::new(),
            of_owner: HashMap::new(),
            vouched: BTreeMap::new(),
            inserted: 0,
        }))
    }

    /// Opens a challenge; its state goes to the client. The oldest of an owner who has too many gives way, and the
    /// oldest for which nothing was proven here where there are too many.
    pub(super) fn open(
        &self,
        first: T,
        owner: Owner,
        client: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<State, Undecided> {
        let state = clock::random()?;
        let mut table = self.lock();
        table.make_room(&owner, now)?;
        table.insert(state, first, owner, client, expires);
        Ok(HEXLOWER.encode(&state))
    }

    /// Takes what belongs to a state, and until when it was open, if the same client asks for the same person in
    /// time. What is over is kept until there is no room for more, so that a late answer is told as one.
    pub(super) fn take(
        &self,
        state: &[u8],
        person: &CanonicalName,
        client: &str,
        now: Timestamp,
    ) -> Result<(T, Timestamp), Missed<T>> {
        let state = key(state).ok_or(Missed::Unknown)?;
        let mut table = self.lock();
        match table.by_state.get(&state) {
            Some(open) if &*open.client != client => return Err(Missed::OfAnotherClient),
            Some(open) if open.owner.person != *person => return Err(Missed::OfAnother),
            Some(_) | None => {}
        }
        let Open { first, expires, .. } = table.remove(&state).ok_or(Missed::Unknown)?;
        if expires <= now {
            return Err(Missed::Late(Box::new(first), expires));
        }
        Ok((first, expires))
    }

    /// Whether a client's state can still be answered.
    pub(super) fn is_open(&self, state: &[u8], client: &str, now: Timestamp) -> bool {
        let table = self.lock();
        let open = key(state).and_then(|key| table.by_state.get(&key));
        open.is_some_and(|open| open.is_of(client, now))
    }

    /// Opens a challenge again under its state, until when it was open before.
    pub(super) fn reopen(
        &self,
        state: &[u8],
        first: T,
        owner: Owner,
        client: &str,
        expires: Timestamp,
    ) {
        if let Some(state) = key(state) {
            self.lock().insert(state, first, owner, client, expires);
        }
    }

    /// Keeps nothing of those that are over.
    pub(super) fn drop_expired(&self, now: Timestamp) {
        self.lock().drop_expired(now);
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Challenges alone, each with a number in the place of what it proves.
#[derive(Default)]
pub struct OpenStates(Challenges<u32>);

impl std::fmt::Debug for OpenStates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenStates").finish_non_exhaustive()
    }
}

impl OpenStates {
    /// Challenges of one person that are open at most.
    pub const OF_PERSON_MAX: usize = OPEN_PER_OWNER_MAX;

    /// Opens a challenge: its state, if there is room and chance.
    pub fn open(
        &self,
        number: u32,
        person: CanonicalName,
        client: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Option<String> {
        let owner = Owner {
            person,
            proven_by: ProvenBy::Unit,
        };
        self.0.open(number, owner, client, expires, now).ok()
    }

    /// Whether a client's state can still be answered.
    pub fn is_open(&self, state: &[u8], client: &str, now: Timestamp) -> bool {
        self.0.is_open(state, client, now)
    }

    /// The number of a state, if this client may answer it for this person now. An answer for this
    /// person spends it, also a late one.
    pub fn take(
        &self,
        state: &[u8],
        person: &CanonicalName,
        client: &str,
        now: Timestamp,
    ) -> Option<u32> {
        let taken = self.0.take(state, person, client, now);
        taken.ok().map(|(number, _)| number)
    }
}

type Key = [u8; STATE_LEN];

fn key(state: &[u8]) -> Option<Key> {
    HEXLOWER.decode(state).ok()?.try_into().ok()
}

struct Open<T> {
    first: T,
    owner: Owner,
    client: Box<str>,
    expires: Timestamp,
    /// How many were opened before it.
    number: u64,
}

impl<T> Open<T> {
    fn is_of(&self, client: &str, now: Timestamp) -> bool {
        &*self.client == client && self.expires > now
    }
}

struct Table<T> {
    /// Of one owner.
    most: usize,
    by_state: HashMap<Key, Open<T>>,
    /// Oldest first. The same as in `by_state`, and no owner without one.
    of_owner: HashMap<Owner, VecDeque<Key>>,
    /// Those for which a client vouched, by their number.
    vouched: BTreeMap<u64, Key>,
    inserted: u64,
}

impl<T> Table<T> {
    fn make_room(&mut self, owner: &Owner, now: Timestamp) -> Result<(), Full> {
        let own = self.of_owner.get(owner);
        let oldest = own.filter(|own| own.len() >= self.most);
        if let Some(oldest) = oldest.and_then(VecDeque::front).copied() {
            self.remove(&oldest);
        }
        if self.by_state.len() >= OPEN_MAX {
            self.drop_expired(now);
        }
        let is_crowded = owner.proven_by == ProvenBy::Client && self.vouched.len() >= VOUCHED_MAX;
        if is_crowded || self.by_state.len() >= OPEN_MAX {
            let (_, oldest) = self.vouched.first_key_value().ok_or(Full)?;
            let oldest = *oldest;
            self.remove(&oldest);
        }
        Ok(())
    }

    fn drop_expired(&mut self, now: Timestamp) {
        let by_state = &mut self.by_state;
        by_state.retain(|_, open| open.expires > now);
        self.of_owner.retain(|_, own| {
            own.retain(|state| by_state.contains_key(state));
            !own.is_empty()
        });
        let vouched = &mut self.vouched;
        vouched.retain(|_, state| by_state.contains_key(state));
    }

    fn insert(&mut self, state: Key, first: T, owner: Owner, client: &str, expires: Timestamp) {
        let number = self.inserted;
        self.inserted += 1;
        if owner.proven_by == ProvenBy::Client {
            self.vouched.insert(number, state);
        }
        let own = self.of_owner.entry(owner.clone()).or_default();
        own.push_back(state);
        let open = Open {
            first,
            owner,
            client: Box::from(client),
            expires,
            number,
        };
        self.by_state.insert(state, open);
    }

    fn remove(&mut self, state: &Key) -> Option<Open<T>> {
        let open = self.by_state.remove(state)?;
        self.vouched.remove(&open.number);
        if let Some(own) = self.of_owner.get_mut(&open.owner) {
            own.retain(|it| it != state);
            if own.is_empty() {
                self.of_owner.remove(&open.owner);
            }
        }
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_secs(1_800_000_060);

    fn owner(person: &str, proven_by: ProvenBy) -> Owner {
        let person = CanonicalName::of(person).unwrap();
        Owner { person, proven_by }
    }

    fn open(challenges: &Challenges<u32>, person: &str, number: u32) -> State {
        open_by(challenges, owner(person, ProvenBy::Unit), number)
    }

    fn open_by(challenges: &Challenges<u32>, owner: Owner, number: u32) -> State {
        challenges.open(number, owner, "vpn", LATER, NOW).unwrap()
    }

    fn take(challenges: &Challenges<u32>, person: &str, state: &str) -> Option<u32> {
        let taken = take_at(challenges, person, state, "vpn", NOW).ok()?;
        assert_eq!(taken.1, LATER);
        Some(taken.0)
    }

    fn take_at(
        challenges: &Challenges<u32>,
        person: &str,
        state: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<(u32, Timestamp), Missed<u32>> {
        let person = CanonicalName::of(person).unwrap();
        challenges.take(state.as_bytes(), &person, client, now)
    }

    #[test]
    fn the_oldest_of_a_person_with_too_many_gives_way_and_none_of_another() {
        let challenges = Challenges::default();
        let other = open(&challenges, "bob", 0);
        let last = u32::try_from(OPEN_PER_OWNER_MAX).unwrap() + 2;
        let states: Vec<State> = (1..=last)
            .map(|it| open(&challenges, "alice", it))
            .collect();
        let taken = states.iter().map(|state| take(&challenges, "alice", state));
        let taken: Vec<Option<u32>> = taken.collect();
        let kept: Vec<Option<u32>> = (3..=last).map(Some).collect();
        assert_eq!(taken, [&[None, None][..], &kept].concat());
        assert_eq!(take(&challenges, "bob", &other), Some(0));
        assert!(challenges.lock().of_owner.is_empty());
    }

    #[test]
    fn who_has_proven_nothing_closes_no_challenge_of_who_has() {
        let challenges = Challenges::default();
        let proven = open(&challenges, "alice", 0);
        let stranger = || owner("alice", ProvenBy::Client);
        let states: Vec<State> = (1..=200)
            .map(|it| open_by(&challenges, stranger(), it))
            .collect();
        assert_eq!(take(&challenges, "alice", &states[0]), None);
        assert_eq!(take(&challenges, "alice", &states[199]), Some(200));
        assert_eq!(take(&challenges, "alice", &proven), Some(0));
    }

    #[test]
    fn where_an_owner_may_have_two_the_third_takes_the_place_of_the_first() {
        let challenges = Challenges::of_each(2);
        let states = [1, 2, 3].map(|it| open(&challenges, "alice", it));
        let taken = states.map(|state| take(&challenges, "alice", &state));
        assert_eq!(taken, [None, Some(2), Some(3)]);
    }

    #[test]
    fn those_for_whom_a_client_vouched_leave_room_for_who_has_proven_something() {
        let challenges = Challenges::default();
        let vouched = |number: usize| {
            let person = format!("person-{}", number / OPEN_PER_OWNER_MAX);
            let state = open_by(&challenges, owner(&person, ProvenBy::Client), 0);
            (person, state)
        };
        let states: Vec<_> = (0..=VOUCHED_MAX).map(vouched).collect();
        let is_open = |number: usize| {
            let (_, state): &(String, State) = &states[number];
            challenges.is_open(state.as_bytes(), "vpn", NOW)
        };
        assert!(!is_open(0) && is_open(1) && is_open(VOUCHED_MAX));
        // Whoever has takes the other half, and then the places of these from the oldest on.
        let proven = |number: usize| {
            let person = format!("proven-{}", number / OPEN_PER_OWNER_MAX);
            challenges.open(0, owner(&person, ProvenBy::Unit), "vpn", LATER, NOW)
        };
        let mut opened = (0..OPEN_MAX).map(proven);
        assert!(opened.by_ref().take(VOUCHED_MAX).all(|it| it.is_ok()));
        assert!(is_open(1));
        assert!(opened.next().unwrap().is_ok());
        assert!(!is_open(1) && is_open(2));
        // Of the others one gives way to the next.
        let (person, state) = vouched(0);
        assert!(!is_open(2) && is_open(3));
        assert_eq!(take(&challenges, &person, &state), Some(0));
    }

    #[test]
    fn what_was_taken_can_be_opened_again_until_its_end() {
        let challenges = Challenges::default();
        let alice = owner("alice", ProvenBy::Unit);
        let state = open(&challenges, "alice", 1);
        let is_open = |client, now| challenges.is_open(state.as_bytes(), client, now);
        assert_eq!(take(&challenges, "alice", &state), Some(1));
        assert!(!is_open("vpn", NOW));
        challenges.reopen(state.as_bytes(), 2, alice, "vpn", LATER);
        assert!(is_open("vpn", NOW) && !is_open("other", NOW) && !is_open("vpn", LATER));
        assert_eq!(take(&challenges, "alice", &state), Some(2));
        assert_eq!(take(&challenges, "alice", &state), None);
    }

    #[test]
    fn a_challenge_is_not_ended_by_who_it_is_not_for() {
        let challenges = Challenges::default();
        let state = open(&challenges, "alice", 1);
        let take = |person, client, now| take_at(&challenges, person, &state, client, now);
        assert_eq!(take("bob", "vpn", NOW), Err(Missed::OfAnother));
        let elsewhere = take("alice", "other", NOW);
        assert_eq!(elsewhere, Err(Missed::OfAnotherClient));
        assert_eq!(take("alice", "vpn", NOW), Ok((1, LATER)));
        assert_eq!(take("alice", "vpn", NOW), Err(Missed::Unknown));
    }

    #[test]
    fn a_late_answer_is_told_as_one_until_its_challenge_is_swept() {
        let challenges = Challenges::default();
        let state = open(&challenges, "alice", 1);
        let late = take_at(&challenges, "alice", &state, "vpn", LATER);
        assert_eq!(late, Err(Missed::Late(Box::new(1), LATER)));
        open(&challenges, "alice", 2);
        let mut table = challenges.lock();
        table.drop_expired(LATER);
        assert!(table.by_state.is_empty() && table.of_owner.is_empty());
    }
}
