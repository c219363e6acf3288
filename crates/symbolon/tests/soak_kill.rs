//! `kill -9` under load, again and again: no step is accepted twice over all lives of the process, and
//! nothing that was acknowledged is lost.
//!
//! In each life a RADIUS client keeps logins open (fresh codes, repeated codes, the same code twice at
//! once, retransmissions) while an administrator sets comments and makes users; then the process is
//! killed at some moment, now and then already while it starts. What was not answered is sent again to
//! the next life, as clients do, and what was accepted in the last life is tried again first. In the end
//! the database must have every Accept that a client got and every change that the console confirmed.
//!
//! `SYMBOLON_SOAK_KILLS` is the number of kills, `SYMBOLON_SOAK_SEED` repeats a run's choices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts and kills the program"
)]

mod common;
mod soak;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::Home;
use data_encoding::BASE64;
use domain::name::CanonicalName;
use otp::Step;
use rustix::process::{Pid, Signal, kill_process};
use soak::chain::{self, Logins};
use soak::client::{Answer, Client, Reply, VPN};
use soak::lives::{Life, Lives};
use soak::people::{CHEAP_HASH, Person, populate};
use soak::{Chance, LogOnFailure, block_on, found, into_step, now, size, step_at};

/// Each brings one fresh code a minute; about as many as the lives of a minute use up.
const PEOPLE: usize = 6_000;

/// One submission of so many is a fresh code; the others repeat one of this step.
const FRESH: usize = 4;

/// Requests that are open at once: above the datagrams of a batch, below a socket's identifiers, so
/// that none is used again before its request is answered.
const OPEN: usize = 48;

/// A pause between rounds of requests: the chain would else grow by millions of refusals.
const PAUSE: Duration = Duration::from_millis(5);

const LIVES: Lives = Lives {
    longest_millis: 700,
    stillborn: 10,
};

/// After this a client sends a request again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// Confirmed changes of one life that the next is asked about.
const ASKED_AGAIN: usize = 5;

#[test]
fn no_kill_gives_a_code_back_or_loses_what_was_confirmed() {
    let kills = size("SYMBOLON_SOAK_KILLS", 10);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let _log = LogOnFailure(&home);
    let people = populate(&home, PEOPLE, &mut chance);
    let mut administrator = Administrator::new(&people, &mut chance);
    let mut load = Load::new(&home, &people, &mut chance);
    let lived = LIVES.of(&home, kills, &mut chance, |life| {
        administrator.expect_confirmed(&home);
        live(&home, &life, &mut load, &mut administrator);
        drop(life);
        load.drain();
    });
    let (logins, changes) = compare(&home, &load, &administrator);
    let Load { tally, .. } = load;
    assert!(tally.accepts >= kills, "too little load: {tally:?}");
    found(lived);
    found(format_args!(
        "{} requests, {} retransmissions, {} over a kill; {} Accepts, {} Rejects",
        tally.requests, tally.again, tally.over_a_kill, tally.accepts, tally.rejects,
    ));
    found(format_args!(
        "audit chain: {} acceptances, no step twice, every Accept among them; {} refusals",
        logins.accepted.len(),
        logins.refusals(),
    ));
    found(format_args!(
        "console: {changes} changes confirmed, {} more sent, all confirmed ones kept",
        administrator.unconfirmed,
    ));
}

/// Load until the process is killed from another thread, whatever it does at that moment.
fn live(home: &Home, life: &Life, load: &mut Load, administrator: &mut Administrator) {
    let (number, lasts) = (life.number, life.lasts);
    let pid = Pid::from_raw(i32::try_from(life.server.pid()).unwrap()).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            thread::sleep(lasts);
            kill_process(pid, Signal::KILL).unwrap();
            over.store(true, Ordering::Release);
        });
        threads.spawn(|| administrator.work(home, &over));
        load.put_on(number, &over);
    });
}

/// Opens the database after the last kill and holds it against what clients and administrator know.
fn compare(home: &Home, load: &Load, administrator: &Administrator) -> (Logins, usize) {
    block_on(async {
        let store = chain::open(home, now()).await;
        let logins = Logins::read(&store).await;
        logins.assert_nothing_lived_again();
        for (person, step) in load.accepted.keys() {
            let token = load.people[*person].token;
            let events = logins.accepted.get(&(token, *step)).map_or(0, Vec::len);
            assert_eq!(events, 1, "{token} at {step:?}: an Accept and its event");
        }
        for (person, comment) in &administrator.comments {
            let token = administrator.people[*person].token;
            let owned = store.token(token).await.unwrap().unwrap();
            comment.expect(token.as_str(), &owned.token.comments);
        }
        for user in &administrator.users {
            let name = CanonicalName::of(user).unwrap();
            assert!(
                store.person(name).await.unwrap().is_some(),
                "{user} is lost"
            );
        }
        (logins, administrator.confirmed)
    })
}

/// What was sent and answered in all lives.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    requests: usize,
    again: usize,
    over_a_kill: usize,
    accepts: usize,
    rejects: usize,
}

/// A request that is open or was answered in this life.
#[derive(Clone)]
struct Flight {
    person: usize,
    step: Step,
    sent: Instant,
    /// The latest step that this person was known to have logged in with when it was sent first.
    spent_before: Option<Step>,
    reply: Option<Reply>,
}

/// The clients of the RADIUS server.
struct Load {
    people: Arc<[Person]>,
    client: Client,
    chance: Chance,
    life: usize,
    last_life: usize,
    flights: HashMap<u8, Flight>,
    /// The life in which a person got in with a step.
    accepted: HashMap<(usize, Step), usize>,
    /// The latest step of each person that was sent; a later one is fresh.
    tried: HashMap<usize, Step>,
    /// The latest step of each person that was accepted.
    spent: HashMap<usize, Step>,
    /// What was sent of late, for repetitions.
    recent: Vec<(usize, Step)>,
    tally: Tally,
}

impl Load {
    fn new(home: &Home, people: &Arc<[Person]>, chance: &mut Chance) -> Self {
        Self {
            people: Arc::clone(people),
            client: Client::new(home, VPN, chance),
            chance: chance.split(),
            life: 0,
            last_life: 0,
            flights: HashMap::new(),
            accepted: HashMap::new(),
            tried: HashMap::new(),
            spent: HashMap::new(),
            recent: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Keeps requests open until the life is over.
    fn put_on(&mut self, life: usize, over: &AtomicBool) {
        self.last_life = std::mem::replace(&mut self.life, life);
        self.send_over();
        self.replay_last_life();
        while !over.load(Ordering::Acquire) {
            while self.open() < OPEN {
                self.submit();
            }
            let pause = Instant::now();
            while let Some(left) = PAUSE.checked_sub(pause.elapsed()) {
                if let Some(reply) = self.client.receive(left) {
                    self.take(reply);
                }
            }
            self.send_again();
        }
    }

    /// What the last life did not answer goes to this one, byte for byte.
    fn send_over(&mut self) {
        self.flights.retain(|_, flight| flight.reply.is_none());
        for identifier in self.flights.keys() {
            self.client.send(*identifier);
            self.tally.over_a_kill += 1;
        }
    }

    /// Codes that the last life took are the first that this one sees.
    fn replay_last_life(&mut self) {
        let (last, current) = (self.last_life, step_at(now()));
        let taken = self
            .accepted
            .iter()
            .filter(|((_, step), life)| **life == last && *step >= current);
        let taken: Vec<(usize, Step)> = taken.map(|(key, _)| *key).take(OPEN / 2).collect();
        for (person, step) in taken {
            self.send(person, step);
        }
    }

    fn open(&self) -> usize {
        let open = self
            .flights
            .values()
            .filter(|flight| flight.reply.is_none());
        open.count()
    }

    fn submit(&mut self) {
        let current = step_at(now());
        // An older code is out of the window and would count as a guess.
        self.recent.retain(|(_, step)| *step >= current);
        let fresh =
            (self.recent.is_empty() || self.chance.one_in(FRESH)).then(|| self.fresh(current));
        let Some((person, step)) = fresh.flatten().or_else(|| self.repeated()) else {
            return;
        };
        self.send(person, step);
        if self.chance.one_in(4) {
            self.send(person, step);
        }
        if self.chance.one_in(8) {
            self.send_one_again();
        }
    }

    fn repeated(&mut self) -> Option<(usize, Step)> {
        let some = !self.recent.is_empty();
        some.then(|| *self.chance.pick(&self.recent))
    }

    /// Somebody's code that was not tried yet: of this step, or of the next when it is near. A token
    /// thus never seems to be off by more than a step, and its next code is always in the window.
    fn fresh(&mut self, current: Step) -> Option<(usize, Step)> {
        for _ in 0..16 {
            let person = self.chance.below(self.people.len());
            let step = if into_step(now()) > 55 && self.chance.one_in(2) {
                current.offset(1)?
            } else {
                current
            };
            let tried = self.tried.get(&person);
            if tried.is_none_or(|tried| *tried < step) && self.people[person].is_distinct(step) {
                self.tried.insert(person, step);
                self.recent.push((person, step));
                return Some((person, step));
            }
        }
        None
    }

    fn send(&mut self, person: usize, step: Step) {
        let who = &self.people[person];
        let identifier = self.client.request(&who.name, &who.combined(step), None);
        self.client.send(identifier);
        self.tally.requests += 1;
        let flight = Flight {
            person,
            step,
            sent: Instant::now(),
            spent_before: self.spent.get(&person).copied(),
            reply: None,
        };
        self.flights.insert(identifier, flight);
    }

    /// Any request of this life once more, answered or not.
    fn send_one_again(&mut self) {
        let identifiers: Vec<u8> = self.flights.keys().copied().collect();
        self.client.send(*self.chance.pick(&identifiers));
        self.tally.again += 1;
    }

    fn send_again(&mut self) {
        for (identifier, flight) in &mut self.flights {
            if flight.reply.is_none() && flight.sent.elapsed() > AGAIN_AFTER {
                flight.sent = Instant::now();
                self.client.send(*identifier);
                self.tally.again += 1;
            }
        }
    }

    /// What had left before the kill arrives now; from here on an answer is the next life's.
    fn drain(&mut self) {
        while let Some(reply) = self.client.receive(Duration::ZERO) {
            self.take(reply);
        }
    }

    #[track_caller]
    fn take(&mut self, reply: Reply) {
        let Some(flight) = self.flights.get_mut(&reply.identifier) else {
            return;
        };
        if let Some(before) = &flight.reply {
            assert_eq!(*before, reply, "two answers to one request in one life");
            return;
        }
        let answer = reply.answer.clone();
        flight.reply = Some(reply);
        let flight = flight.clone();
        match answer {
            Answer::Accept => self.accepted(&flight),
            Answer::Reject => self.tally.rejects += 1,
            Answer::Challenge(_) => panic!("a challenge for {:?}", self.people[flight.person]),
        }
    }

    #[track_caller]
    fn accepted(&mut self, flight: &Flight) {
        self.tally.accepts += 1;
        let Flight { person, step, .. } = *flight;
        let (who, life) = (&self.people[person], self.life);
        if let Some(before) = self.accepted.insert((person, step), life) {
            panic!("{who:?} at {step:?} got in twice: in life {before} and in life {life}");
        }
        if let Some(spent) = flight.spent_before {
            assert!(step > spent, "{who:?} got in with {step:?} after {spent:?}");
        }
        let spent = self.spent.entry(person).or_insert(step);
        *spent = step.max(*spent);
    }
}

/// Values that a comment may have: the last confirmed one, or one that was sent after it.
#[derive(Default, Debug)]
struct Comment(Vec<String>);

impl Comment {
    #[track_caller]
    fn expect(&self, token: &str, found: &str) {
        let possible = self.0.iter().any(|value| value == found);
        assert!(
            possible,
            "{token} has the comment {found:?}, not one of {self:?}"
        );
    }
}

/// The console's user: changes one thing after another and remembers what was confirmed.
struct Administrator {
    people: Arc<[Person]>,
    chance: Chance,
    changes: usize,
    confirmed: usize,
    unconfirmed: usize,
    /// By person.
    comments: HashMap<usize, Comment>,
    users: HashSet<String>,
    /// What the last life confirmed: `show` of an entry, and a text that must be in it.
    latest: Vec<(String, String)>,
}

impl Administrator {
    fn new(people: &Arc<[Person]>, chance: &mut Chance) -> Self {
        Self {
            people: Arc::clone(people),
            chance: chance.split(),
            changes: 0,
            confirmed: 0,
            unconfirmed: 0,
            comments: HashMap::new(),
            users: HashSet::new(),
            latest: Vec::new(),
        }
    }

    fn work(&mut self, home: &Home, over: &AtomicBool) {
        self.latest.clear();
        while !over.load(Ordering::Acquire) {
            self.changes += 1;
            if self.chance.one_in(4) {
                self.make_user(home);
            } else {
                self.comment(home);
            }
        }
    }

    /// Tokens of people who log in at the same time: neither write may undo the other.
    fn comment(&mut self, home: &Home) {
        let person = self.chance.below(self.people.len());
        let token = self.people[person].token;
        let value = format!("change {}", self.changes);
        let lines = format!("config user fortitoken\nedit {token}\nset comments \"{value}\"\nend");
        let confirmed = self.change(home, &lines);
        let comment = self
            .comments
            .entry(person)
            .or_insert_with(|| Comment(vec![String::new()]));
        if confirmed {
            comment.0.clear();
            let show = format!("show user fortitoken {token}");
            self.latest.retain(|(shown, _)| *shown != show);
            self.latest.push((show, format!("\"{value}\"")));
        }
        comment.0.push(value);
    }

    fn make_user(&mut self, home: &Home) {
        let name = format!("made{}", self.changes);
        let hash = BASE64.encode(CHEAP_HASH.as_bytes());
        let lines = format!("config user local\nedit {name}\nset passwd ENC {hash}\nend");
        if self.change(home, &lines) {
            self.latest.push((
                format!("show user local {name}"),
                format!("edit \"{name}\""),
            ));
            self.users.insert(name);
        }
    }

    /// Whether the console confirmed it.
    fn change(&mut self, home: &Home, lines: &str) -> bool {
        let said = home.console(lines);
        if said.status.success() {
            self.confirmed += 1;
        } else {
            let refused = said.out.contains("Command fail");
            assert!(!refused, "{lines}\n{}", said.out);
            self.unconfirmed += 1;
        }
        said.status.success()
    }

    /// The latest changes that the last life confirmed are there in this one.
    #[track_caller]
    fn expect_confirmed(&self, home: &Home) {
        for (show, expected) in self.latest.iter().rev().take(ASKED_AGAIN) {
            let shown = home.console(show).ok();
            assert!(
                shown.contains(expected),
                "{show} without {expected}:\n{shown}"
            );
        }
    }
}
