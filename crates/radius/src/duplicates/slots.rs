//! The table's entries, each in the line of its state. Entries of one state live equally long, so
//! the next to expire is the first of its line.
#![expect(
    clippy::indexing_slicing,
    reason = "positions come from this module and slots never shrink; none comes from a datagram"
)]

use super::{Admission, Key, Monotonic};

/// A free slot keeps a buffer up to this size, so that a warm table allocates nothing; an Accept
/// takes about 40 to 200 octets.
const KEPT_CAPACITY: usize = 256;

#[derive(Debug, Clone, Copy)]
enum State {
    Undecided,
    Answered,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    expires: Monotonic,
    state: State,
    reply: Vec<u8>,
    before: Option<usize>,
    behind: Option<usize>,
}

#[derive(Debug, Default)]
struct Line {
    first: Option<usize>,
    last: Option<usize>,
}

/// All slots, the free ones included.
#[derive(Debug, Default)]
pub(super) struct Slots {
    all: Vec<Slot>,
    free: Vec<usize>,
    undecided: Line,
    answered: Line,
}

impl Slots {
    pub(super) fn key(&self, at: usize) -> &Key {
        &self.all[at].key
    }

    pub(super) fn admission(&self, at: usize) -> Admission<'_> {
        match self.all[at].state {
            State::Undecided => Admission::InFlight,
            State::Answered => Admission::Answered(&self.all[at].reply),
        }
    }

    /// Takes an undecided request and tells its position.
    pub(super) fn insert(&mut self, key: Key, expires: Monotonic) -> usize {
        let at = self.free.pop().unwrap_or(self.all.len());
        if at == self.all.len() {
            let (reply, state) = (Vec::new(), State::Undecided);
            self.all.push(Slot {
                key,
                expires,
                state,
                reply,
                before: None,
                behind: None,
            });
        }
        self.all[at].key = key;
        self.enter(at, State::Undecided, expires);
        at
    }

    /// Puts an undecided request in the place of another.
    pub(super) fn replace(&mut self, at: usize, key: Key, expires: Monotonic) {
        self.leave(at);
        self.all[at].key = key;
        self.enter(at, State::Undecided, expires);
    }

    pub(super) fn answer(&mut self, at: usize, reply: &[u8], expires: Monotonic) {
        self.leave(at);
        let kept = &mut self.all[at].reply;
        kept.clear();
        kept.extend_from_slice(reply);
        self.enter(at, State::Answered, expires);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.leave(at);
        let reply = &mut self.all[at].reply;
        reply.clear();
        reply.shrink_to(KEPT_CAPACITY);
        self.free.push(at);
    }

    /// A request whose time is over.
    pub(super) fn expired(&self, now: Monotonic) -> Option<usize> {
        let firsts = [self.answered.first, self.undecided.first];
        firsts
            .into_iter()
            .flatten()
            .find(|at| self.all[*at].expires <= now)
    }

    pub(super) const fn oldest_answer(&self) -> Option<usize> {
        self.answered.first
    }

    fn line(&mut self, state: State) -> &mut Line {
        match state {
            State::Undecided => &mut self.undecided,
            State::Answered => &mut self.answered,
        }
    }

    fn enter(&mut self, at: usize, state: State, expires: Monotonic) {
        let before = self.line(state).last.replace(at);
        let slot = &mut self.all[at];
        (slot.state, slot.expires) = (state, expires);
        (slot.before, slot.behind) = (before, None);
        match before {
            Some(before) => self.all[before].behind = Some(at),
            None => self.line(state).first = Some(at),
        }
    }

    fn leave(&mut self, at: usize) {
        let Slot {
            state,
            before,
            behind,
            ..
        } = self.all[at];
        match before {
            Some(before) => self.all[before].behind = behind,
            None => self.line(state).first = behind,
        }
        match behind {
            Some(behind) => self.all[behind].before = before,
            None => self.line(state).last = before,
        }
    }
}
