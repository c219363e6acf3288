//! The duplicate table against its rules, and against a slow model. A failure of the model test
//! prints the steps and a seed line `cc …`, which `proptest-regressions/` keeps and runs first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::hash::RandomState;
use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use radius::duplicates::{
    ANSWER_LIFETIME_US, Admission, Key, Monotonic, Table, UNDECIDED_LIFETIME_US,
};
use radius::{Authenticator, Identifier, Packet, Request, Secret};

const START: Monotonic = Monotonic(1_000);

fn key(port: u16, identifier: u8, authenticator: u8) -> Key {
    let secret = Secret::new(b"testing123").unwrap();
    let authenticator = Authenticator([authenticator; 16]);
    let request = Request::access(Identifier(identifier), authenticator, &secret);
    let datagram = request.encode().unwrap();
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Key::new(source, &Packet::parse(&datagram).unwrap())
}

fn table(limit: usize) -> Table<RandomState> {
    Table::new(limit, RandomState::new())
}

fn later(microseconds: u64) -> Monotonic {
    Monotonic(START.0 + microseconds)
}

#[test]
fn a_retransmission_gets_the_same_bytes() {
    let mut table = table(8);
    let request = key(1, 1, 1);
    assert_eq!(table.admit(request, START), Admission::Fresh);
    assert_eq!(table.admit(request, START), Admission::InFlight);
    table.answer(&request, b"accept", START);
    assert_eq!(
        table.admit(request, later(ANSWER_LIFETIME_US - 1)),
        Admission::Answered(b"accept")
    );
    assert_eq!(
        table.admit(request, later(ANSWER_LIFETIME_US)),
        Admission::Fresh
    );
}

#[test]
fn port_identifier_and_authenticator_each_make_another_request() {
    let mut table = table(8);
    assert_eq!(table.admit(key(1, 1, 1), START), Admission::Fresh);
    assert_eq!(table.admit(key(2, 1, 1), START), Admission::Fresh);
    assert_eq!(table.admit(key(1, 2, 1), START), Admission::Fresh);
    assert_eq!(table.len(), 3);
    assert_eq!(table.admit(key(1, 1, 2), START), Admission::Fresh);
    assert_eq!(table.len(), 3);
}

#[test]
fn an_answer_to_a_superseded_request_is_dropped() {
    let mut table = table(8);
    let (old, new) = (key(1, 1, 1), key(1, 1, 2));
    assert_eq!(table.admit(old, START), Admission::Fresh);
    assert_eq!(table.admit(new, START), Admission::Fresh);
    table.answer(&old, b"old", START);
    table.forget(&old);
    assert_eq!(table.admit(new, START), Admission::InFlight);
    table.answer(&new, b"new", START);
    assert_eq!(table.admit(new, START), Admission::Answered(b"new"));
}

#[test]
fn an_undecided_request_is_judged_anew() {
    let mut table = table(8);
    let request = key(1, 1, 1);
    assert_eq!(table.admit(request, START), Admission::Fresh);
    table.forget(&request);
    assert!(table.is_empty());
    assert_eq!(table.admit(request, START), Admission::Fresh);
    assert_eq!(
        table.admit(request, later(UNDECIDED_LIFETIME_US)),
        Admission::Fresh
    );
}

#[test]
fn the_oldest_answer_makes_room_and_an_undecided_request_never_does() {
    let mut table = table(3);
    let [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map(|port| key(port, 1, 1));
    for request in [first, second, third] {
        assert_eq!(table.admit(request, START), Admission::Fresh);
    }
    assert_eq!(table.admit(fourth, START), Admission::Full);
    table.answer(&second, b"second", START);
    table.answer(&first, b"first", later(1));
    assert_eq!(table.admit(fourth, later(2)), Admission::Fresh);
    assert_eq!(table.admit(first, later(2)), Admission::Answered(b"first"));
    assert_eq!(table.admit(third, later(2)), Admission::InFlight);
    assert_eq!(table.admit(fifth, later(2)), Admission::Fresh);
    assert_eq!(table.admit(first, later(2)), Admission::Full);
    assert_eq!(table.len(), 3);
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u8, u8, u64),
    Answer(u8, u8),
    Forget(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let waits = prop_oneof![4 => 0..1_000_u64, 1 => 0..2 * ANSWER_LIFETIME_US];
    let step = prop_oneof![
        3 => (0..6_u8, 0..2_u8, waits).prop_map(|(id, auth, wait)| Step::Admit(id, auth, wait)),
        2 => (0..6_u8, 0..2_u8).prop_map(|(id, auth)| Step::Answer(id, auth)),
        1 => (0..6_u8, 0..2_u8).prop_map(|(id, auth)| Step::Forget(id, auth)),
    ];
    prop::collection::vec(step, 1..200)
}

/// The rules by linear search: each entry is key, expiry and answer, in order of entering its
/// state.
#[derive(Default)]
struct Model {
    entries: Vec<(u8, u8, u64, Option<Vec<u8>>)>,
}

impl Model {
    const LIMIT: usize = 4;

    fn admit(&mut self, identifier: u8, authenticator: u8, now: u64) -> Expected {
        self.entries.retain(|(_, _, expires, _)| *expires > now);
        if let Some((.., answer)) = self
            .entries
            .iter()
            .find(|(i, a, ..)| (*i, *a) == (identifier, authenticator))
        {
            return answer
                .clone()
                .map_or(Expected::InFlight, Expected::Answered);
        }
        self.entries.retain(|(i, ..)| *i != identifier);
        if self.entries.len() == Self::LIMIT {
            let Some(oldest) = self
                .entries
                .iter()
                .position(|(.., answer)| answer.is_some())
            else {
                return Expected::Full;
            };
            self.entries.remove(oldest);
        }
        self.entries
            .push((identifier, authenticator, now + UNDECIDED_LIFETIME_US, None));
        Expected::Fresh
    }

    fn answer(&mut self, identifier: u8, authenticator: u8, reply: &[u8], now: u64) {
        if self.forget(identifier, authenticator) {
            let expires = now + ANSWER_LIFETIME_US;
            self.entries
                .push((identifier, authenticator, expires, Some(reply.to_vec())));
        }
    }

    fn forget(&mut self, identifier: u8, authenticator: u8) -> bool {
        let before = self.entries.len();
        self.entries
            .retain(|(i, a, ..)| (*i, *a) != (identifier, authenticator));
        before != self.entries.len()
    }
}

#[derive(Debug, PartialEq)]
enum Expected {
    Fresh,
    InFlight,
    Answered(Vec<u8>),
    Full,
}

impl From<Admission<'_>> for Expected {
    fn from(admission: Admission<'_>) -> Self {
        match admission {
            Admission::Fresh => Expected::Fresh,
            Admission::InFlight => Expected::InFlight,
            Admission::Answered(reply) => Expected::Answered(reply.to_vec()),
            Admission::Full => Expected::Full,
        }
    }
}

proptest! {
    #[test]
    fn the_table_behaves_like_its_model(steps in steps()) {
        let mut table = table(Model::LIMIT);
        let mut model = Model::default();
        let mut now = 0;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Admit(identifier, authenticator, wait) => {
                    now += wait;
                    let admission = table.admit(key(1, identifier, authenticator), Monotonic(now));
                    let expected = model.admit(identifier, authenticator, now);
                    prop_assert_eq!(Expected::from(admission), expected);
                }
                Step::Answer(identifier, authenticator) => {
                    let reply = number.to_be_bytes();
                    table.answer(&key(1, identifier, authenticator), &reply, Monotonic(now));
                    model.answer(identifier, authenticator, &reply, now);
                }
                Step::Forget(identifier, authenticator) => {
                    table.forget(&key(1, identifier, authenticator));
                    model.forget(identifier, authenticator);
                }
            }
            prop_assert_eq!(table.len(), model.entries.len());
        }
    }
}
