//! 64 simultaneous submissions of one valid code over RADIUS, REST and `/remote/logincheck`: exactly one
//! Accept, whatever the timing.
//!
//! Each round has a person of its own. Half of its requests come over RADIUS and differ in socket,
//! identifier and authenticator, so that none is a retransmission of another; some are also sent again, while
//! they are decided and after they were answered, and must get the bytes of their first answer. The others
//! come over HTTPS, those of an application in both interfaces and those of VPN clients. In the end the
//! audit chain is read, where a second acceptance stands even if its Accept was lost.
//!
//! `SYMBOLON_SOAK_ROUNDS` is the number of rounds, `SYMBOLON_SOAK_SEED` repeats a run's choices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts the program and sends datagrams"
)]

mod common;
mod soak;

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use common::https_gateway::listening;
use common::{Home, PATIENCE, Running};
use domain::reason::Reason;
use otp::{Period, Step};
use soak::chain::{self, Logins};
use soak::client::{AGAIN_AFTER, Answer, Client, PORTAL, Reply, VPN};
use soak::people::{PASSWORD, Person, populate};
use soak::web::{Submission, Way, Web};
use soak::{Chance, LogOnFailure, block_on, found, into_step, now, size, step_at};

/// Submissions of one code.
const TOGETHER: usize = 64;

/// Those of them that come over RADIUS; the others come over HTTPS, each way as often.
const OVER_RADIUS: usize = TOGETHER / 2;

/// Sockets of each kind of client.
const SOCKETS: usize = 4;

/// The first rounds keep the delay that refusals have by default; with it a round takes a second.
const DELAYED: usize = 2;

/// `reject-delay` by default.
const REJECT_DELAY: Duration = Duration::from_secs(1);

/// A code of the step before is good until the next step begins; a round takes less than this.
const ROUND_SECS: u64 = 10;

#[test]
fn of_64_submissions_of_one_code_one_is_accepted() {
    let rounds = size("SYMBOLON_SOAK_ROUNDS", 200);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let _log = LogOnFailure(&home);
    let port = listening(&home);
    let people = populate(&home, rounds, &mut chance);
    let server = Running::start(home.up().env("SYMBOLON_LOG", "error"), &home);
    let mut replay = Replay::new(&home, port, chance);
    let began = Instant::now();
    for (round, person) in people.iter().enumerate() {
        if round == 0 {
            home.console("config user setting\nunset reject-delay\nend")
                .ok();
        }
        if round == DELAYED {
            home.console("config user setting\nset reject-delay 0\nend")
                .ok();
        }
        replay.round(round, person);
    }
    let took = began.elapsed();
    server.stop();
    let logins = block_on(async {
        let store = chain::open(&home, now()).await;
        Logins::read(&store).await
    });
    replay.compare(&logins);
    let Replay {
        sent,
        over_https,
        accepts,
        accepts_over_https,
        ..
    } = replay;
    found(format_args!(
        "{rounds} rounds of {TOGETHER} submissions in {:.1} s: {sent} datagrams and {over_https} requests over HTTPS, {accepts} Accepts, {accepts_over_https} of them over HTTPS, each of a step of its own",
        took.as_secs_f64(),
    ));
    found(format_args!(
        "audit chain: {} acceptances, no step twice; {} refusals, all code-replayed",
        logins.accepted.len(),
        logins.refusals(),
    ));
}

/// How the 64 submissions of a round come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    /// Password and code in one request; nobody knows the password yet, so all are hashed.
    Cold,
    /// The same with a password that a login with the code before has made known.
    Warm,
    /// The code answers a challenge.
    Challenge,
    /// Half of them each way, at once.
    Mixed,
}

/// A submission: the client's number and the identifier.
type Key = (usize, u8);

struct Replay {
    chance: Chance,
    /// The first [`SOCKETS`] send password and code in one, the others answer challenges.
    clients: Vec<Client>,
    web: Web,
    sent: usize,
    over_https: usize,
    accepts: usize,
    accepts_over_https: usize,
    refused: usize,
    /// The steps that were accepted, for the comparison with the audit chain.
    expected: Vec<(ident::TokenSerial, Step)>,
}

impl Replay {
    fn new(home: &Home, port: u16, mut chance: Chance) -> Self {
        let clients = (0..2 * SOCKETS).map(|number| {
            let entry = if number < SOCKETS { VPN } else { PORTAL };
            Client::new(home, entry, &mut chance)
        });
        Self {
            clients: clients.collect(),
            chance,
            web: Web::new(home, port),
            sent: 0,
            over_https: 0,
            accepts: 0,
            accepts_over_https: 0,
            refused: 0,
            expected: Vec::new(),
        }
    }

    fn round(&mut self, round: usize, person: &Person) {
        let flow = *self
            .chance
            .pick(&[Flow::Cold, Flow::Warm, Flow::Challenge, Flow::Mixed]);
        let step = self.step(person, flow);
        let at = format!("round {round}, {flow:?}, {person:?}, {step:?}");
        if flow == Flow::Warm {
            let before = step.offset(-1).unwrap();
            let answer = self.clients[0].ask(&person.name, &person.combined(before));
            assert_eq!(answer, Answer::Accept, "{at}: the code before");
            self.expected.push((person.token, before));
        }
        let mut submissions = self.submissions(person, step, flow);
        self.chance.shuffle(&mut submissions);
        let over_https = self.over_https(person, step);
        self.over_https += over_https.len();
        let began = Instant::now();
        let over_https = self.web.send(over_https);
        for key in &submissions {
            self.send(*key);
            if self.chance.one_in(8) {
                self.send(*key);
            }
        }
        let first = self.collect(&submissions);
        let (in_over_https, out_over_https) = self.web.verdicts(over_https);
        let accepts = first
            .values()
            .filter(|reply| reply.answer == Answer::Accept);
        assert_eq!(accepts.count() + in_over_https, 1, "{at}: Accepts");
        let rejects = first
            .values()
            .filter(|reply| reply.answer == Answer::Reject);
        let rejects = rejects.count() + out_over_https;
        assert_eq!(rejects, TOGETHER - 1, "{at}: Rejects");
        self.accepts_over_https += in_over_https;
        if round < DELAYED {
            let took = began.elapsed();
            assert!(took >= REJECT_DELAY, "{at}: refused after {took:?}");
        }
        self.ask_again(&first, &at);
        self.expected.push((person.token, step));
        self.accepts += 1;
        self.refused += TOGETHER - 1;
    }

    /// A step whose code is good now and until the round is over: this one or the next, or with some
    /// time left the one before.
    fn step(&mut self, person: &Person, flow: Flow) -> Step {
        let late = u64::from(Period::SIXTY.secs()) - ROUND_SECS;
        if flow == Flow::Warm && into_step(now()) >= late {
            thread::sleep(Duration::from_secs(ROUND_SECS));
        }
        let moment = now();
        let offsets: &[i32] = if flow == Flow::Warm || into_step(moment) >= late {
            &[0, 1]
        } else {
            &[-1, 0, 1]
        };
        let offset = *self.chance.pick(offsets);
        let step = step_at(moment).offset(offset).unwrap();
        if person.is_distinct(step) && person.is_distinct(step.offset(-1).unwrap()) {
            return step;
        }
        // A chance of 1 in 60,000: a step later other codes stand beside each other.
        thread::sleep(Duration::from_secs(u64::from(Period::SIXTY.secs())));
        self.step(person, flow)
    }

    /// What comes over HTTPS, in any order.
    fn over_https(&mut self, person: &Person, step: Step) -> Vec<Submission> {
        let ways = Way::ALL.iter().cycle().copied();
        let mut ways: Vec<Way> = ways.take(TOGETHER - OVER_RADIUS).collect();
        self.chance.shuffle(&mut ways);
        let prepared = ways.into_iter();
        prepared
            .map(|way| self.web.submission(way, person, step))
            .collect()
    }

    /// Different requests with one code.
    fn submissions(&mut self, person: &Person, step: Step, flow: Flow) -> Vec<Key> {
        let challenged = match flow {
            Flow::Cold | Flow::Warm => 0,
            Flow::Challenge => OVER_RADIUS,
            Flow::Mixed => OVER_RADIUS / 2,
        };
        let states = self.challenges(person, challenged);
        let mut submissions = Vec::with_capacity(OVER_RADIUS);
        for (number, state) in states.iter().enumerate() {
            let client = SOCKETS + number % SOCKETS;
            let code = person.code(step);
            let identifier = self.clients[client].request(&person.name, &code, Some(state));
            submissions.push((client, identifier));
        }
        for number in challenged..OVER_RADIUS {
            let client = number % SOCKETS;
            let both = person.combined(step);
            let identifier = self.clients[client].request(&person.name, &both, None);
            submissions.push((client, identifier));
        }
        submissions
    }

    /// Opens so many challenges; their states.
    fn challenges(&mut self, person: &Person, count: usize) -> Vec<Vec<u8>> {
        let asked: Vec<Key> = (0..count)
            .map(|number| {
                let client = SOCKETS + number % SOCKETS;
                let identifier = self.clients[client].request(&person.name, PASSWORD, None);
                (client, identifier)
            })
            .collect();
        for key in &asked {
            self.send(*key);
        }
        let state = |reply: Reply| match reply.answer {
            Answer::Challenge(state) => state,
            other => panic!("{person:?}: {other:?} instead of a challenge"),
        };
        self.collect(&asked).into_values().map(state).collect()
    }

    /// Retransmissions after the answer: the same bytes again.
    fn ask_again(&mut self, first: &HashMap<Key, Reply>, at: &str) {
        let accepted = first
            .values()
            .position(|reply| reply.answer == Answer::Accept);
        let keys: Vec<Key> = first.keys().copied().collect();
        let again = [
            // The one that was accepted, unless it came over HTTPS.
            keys[accepted.unwrap_or(0)],
            *self.chance.pick(&keys),
            *self.chance.pick(&keys),
        ];
        for key in &again {
            self.send(*key);
        }
        let replies = self.collect(&again);
        for (key, reply) in replies {
            assert_eq!(reply, first[&key], "{at}: asked again");
        }
    }

    fn send(&mut self, (client, identifier): Key) {
        self.clients[client].send(identifier);
        self.sent += 1;
    }

    /// Waits until all these requests are answered; what the network lost is sent again. No request
    /// may have two answers.
    #[track_caller]
    fn collect(&mut self, keys: &[Key]) -> HashMap<Key, Reply> {
        let distinct: HashSet<Key> = keys.iter().copied().collect();
        let mut replies: HashMap<Key, Reply> = HashMap::new();
        let began = Instant::now();
        let mut asked = began;
        while replies.len() < distinct.len() {
            assert!(
                began.elapsed() < PATIENCE,
                "{} of {} requests answered",
                replies.len(),
                distinct.len()
            );
            for number in 0..self.clients.len() {
                while let Some(reply) = self.clients[number].receive(Duration::ZERO) {
                    let key = (number, reply.identifier);
                    if distinct.contains(&key) {
                        let before = replies.entry(key).or_insert_with(|| reply.clone());
                        assert_eq!(*before, reply, "two answers to one request");
                    }
                }
            }
            if asked.elapsed() > AGAIN_AFTER {
                asked = Instant::now();
                let unanswered = distinct.iter().filter(|key| !replies.contains_key(key));
                unanswered.copied().for_each(|key| self.send(key));
            }
            thread::sleep(Duration::from_micros(200));
        }
        replies
    }

    /// The chain has what the clients were told, and nothing more.
    fn compare(&self, logins: &Logins) {
        logins.assert_nothing_lived_again();
        for key in &self.expected {
            let events = logins.accepted.get(key).map_or(0, Vec::len);
            assert_eq!(events, 1, "acceptances of {key:?} in the audit chain");
        }
        assert_eq!(logins.accepted.len(), self.expected.len());
        let replayed = logins.refused.get(&Reason::CodeReplayed).copied();
        assert_eq!(replayed, Some(self.refused), "{:?}", logins.refused);
        assert_eq!(logins.refusals(), self.refused);
    }
}
