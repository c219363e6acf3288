//! A small world over a real store: people who log in, mistype, replay and change phones, a machine
//! that is killed, restarted, copied and set back. No step is accepted twice, and no acknowledged
//! event is lost.
//!
//! `SYMBOLON_SOAK_WORLDS` says how many worlds are lived through. A failure prints the shortest life that
//! fails and the seed; `SYMBOLON_SOAK_SEED=… cargo test -p store --test soak_world` lives through the same
//! worlds again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and it needs files to fail"
)]

mod support;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::Path;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::admin::Operation;
use domain::audit::What;
use domain::login::{CodePosition, Spend};
use domain::reason::Reason;
use domain::time::Timestamp;
use domain::token::Resync;
use ident::TokenSerial;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use store::gateway::{ClockTrust, Decision, GatewayStore, Location, Outcome};
use support::*;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const WORLDS: u32 = 100;
const PEOPLE: u8 = 2;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    /// A code of the phone's clock and `offset` steps is sent so many times at once, in batches.
    Code {
        who: u8,
        offset: i64,
        times: u8,
    },
    /// A code that no step near shows.
    Wrong(u8),
    /// A code that opened a login before.
    Replay(u8),
    /// A right code is judged, and recorded only when the next `Late` comes.
    Early {
        who: u8,
        offset: i64,
    },
    /// What was judged before is recorded.
    Late,
    /// Two codes typed one after the other at one login.
    Pair {
        who: u8,
        offset: i64,
        then: i64,
    },
    /// Two codes that follow each other.
    Resync {
        who: u8,
        offset: i64,
    },
    /// The phone's clock goes wrong by so many steps.
    PhoneClock {
        who: u8,
        steps: i64,
    },
    /// The machine's clock moves by so many seconds.
    Clock(i64),
    /// The process ends and starts.
    Restart(ClockTrust),
    /// The process is killed and starts.
    Kill,
    Checkpoint,
    /// A checkpoint that nobody waits for.
    HalfCheckpoint,
    /// A new phone with a new seed.
    Provision(u8),
    Unlock(u8),
    /// A copy of the database is put aside.
    Backup,
    /// It is put back; the head record stays.
    PutBack,
    /// The head record is lost.
    LoseHead,
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEOPLE;
    prop_oneof![
        8 => (who(), -2_i64..=2, 1_u8..6)
            .prop_map(|(who, offset, times)| Act::Code { who, offset, times }),
        2 => who().prop_map(Act::Wrong),
        4 => any::<u8>().prop_map(Act::Replay),
        2 => (who(), -1_i64..=1).prop_map(|(who, offset)| Act::Early { who, offset }),
        2 => Just(Act::Late),
        3 => (who(), -18_i64..=18, prop_oneof![4 => Just(1), 1 => -2_i64..=2])
            .prop_map(|(who, offset, then)| Act::Pair { who, offset, then }),
        2 => (who(), -20_i64..=20).prop_map(|(who, offset)| Act::Resync { who, offset }),
        1 => (who(), -20_i64..=20).prop_map(|(who, steps)| Act::PhoneClock { who, steps }),
        4 => prop_oneof![0_i64..=90, -600_i64..=1_200].prop_map(Act::Clock),
        2 => prop_oneof![4 => Just(ClockTrust::Records), 1 => Just(ClockTrust::Clock)]
            .prop_map(Act::Restart),
        2 => Just(Act::Kill),
        2 => Just(Act::Checkpoint),
        1 => Just(Act::HalfCheckpoint),
        1 => who().prop_map(Act::Provision),
        1 => who().prop_map(Act::Unlock),
        1 => Just(Act::Backup),
        1 => Just(Act::PutBack),
        1 => Just(Act::LoseHead),
    ]
}

/// A person's phone.
#[derive(Clone, Copy)]
struct Phone {
    seed: [u8; 20],
    /// Steps by which its clock is off.
    off: i64,
}

/// What an outcome said, and its event has to say as long as the database is not put back.
#[derive(Clone, Debug)]
enum Said {
    Accepted(u8, u64),
    Refused(u8, Reason),
}

struct World {
    dir: TempDir,
    /// Taken only while it is closed.
    store: Option<GatewayStore>,
    now: Timestamp,
    phones: Vec<Phone>,
    seeds: u8,
    /// Steps that opened a login or were burnt, ever.
    spent: HashSet<(u8, u64)>,
    /// Codes that opened logins.
    seen: Vec<(u8, String)>,
    acknowledged: Vec<(i64, Said)>,
    early: Vec<(u8, Decision)>,
    backup: Option<Backup>,
}

struct Backup {
    dir: TempDir,
    phones: Vec<Phone>,
    acknowledged: Vec<(i64, Said)>,
}

fn user(who: u8) -> String {
    format!("user{who}")
}

fn token(who: u8) -> TokenSerial {
    TokenSerial::mobile([who; 5])
}

fn first_seed(who: u8) -> [u8; 20] {
    [who + 1; 20]
}

/// In memory where the system has such a place: the worlds are about the order of writes, and each
/// waits for hundreds of syncs.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A closed store with its people, to begin from.
static BEGINNING: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = directory();
    let enrolled = async {
        let store = open(dir.path(), START).await;
        for who in 0..PEOPLE {
            enrol(&store, &user(who), token(who), first_seed(who), START).await;
        }
    };
    // A runtime of its own: this may be reached from within another.
    std::thread::scope(|scope| {
        scope.spawn(|| runtime().block_on(enrolled)).join().unwrap();
    });
    dir
});

impl World {
    async fn begin() -> Self {
        let dir = directory();
        copy(BEGINNING.path(), dir.path());
        let phone = |who| Phone {
            seed: first_seed(who),
            off: 0,
        };
        Self {
            store: Some(open(dir.path(), START).await),
            dir,
            now: START,
            phones: (0..PEOPLE).map(phone).collect(),
            seeds: PEOPLE,
            spent: HashSet::new(),
            seen: Vec::new(),
            acknowledged: Vec::new(),
            early: Vec::new(),
            backup: None,
        }
    }

    fn store(&self) -> &GatewayStore {
        self.store.as_ref().unwrap()
    }

    /// The step that the phone shows, and its code.
    fn shown(&self, who: u8, offset: i64) -> String {
        let phone = self.phones[usize::from(who)];
        let step = step_at(self.now).checked_add_signed(phone.off + offset);
        code(phone.seed, step.unwrap())
    }

    async fn live(&mut self, act: Act) {
        match act {
            Act::Code { who, offset, times } => {
                let code = self.shown(who, offset);
                self.submit(who, &code, times).await;
            }
            Act::Wrong(who) => {
                let code = wrong(self.phones[usize::from(who)].seed, self.now);
                self.submit(who, &code, 1).await;
            }
            Act::Replay(number) => {
                let at = usize::from(number).checked_rem(self.seen.len());
                if let Some((who, code)) = at.map(|at| self.seen[at].clone()) {
                    self.submit(who, &code, 2).await;
                }
            }
            Act::Early { who, offset } => {
                let code = self.shown(who, offset);
                let judged = self.judge(who, &code);
                self.early.extend(judged.map(|decision| (who, decision)));
            }
            Act::Late => {
                for (who, decision) in std::mem::take(&mut self.early) {
                    self.record(who, vec![decision], None).await;
                }
            }
            Act::Pair { who, offset, then } => self.pair(who, offset, then).await,
            Act::Resync { who, offset } => self.resync(who, offset).await,
            Act::PhoneClock { who, steps } => self.phones[usize::from(who)].off = steps,
            Act::Clock(seconds) => self.now = self.now.after(secs(seconds)),
            Act::Restart(clock) => {
                drop(self.store.take());
                self.start(clock).await;
            }
            Act::Kill => {
                let after = directory();
                copy(self.dir.path(), after.path());
                drop(self.store.take());
                self.dir = after;
                self.start(ClockTrust::Records).await;
            }
            Act::Checkpoint => self.store().checkpoint().await.unwrap(),
            Act::HalfCheckpoint => {
                let begun = pin!(self.store().checkpoint());
                let _ = begun.poll(&mut Context::from_waker(Waker::noop()));
            }
            Act::Provision(who) => {
                self.seeds += 1;
                let seed = [self.seeds; 20];
                provision_again(self.store(), token(who), seed, self.now).await;
                self.phones[usize::from(who)] = Phone { seed, off: 0 };
            }
            Act::Unlock(who) => {
                run(self.store(), Operation::Unlock(name(&user(who))), self.now).await;
            }
            Act::Backup => self.back_up().await,
            Act::PutBack => self.put_back().await,
            Act::LoseHead => {
                drop(self.store.take());
                std::fs::remove_file(self.dir.path().join("gateway.head")).unwrap();
                self.start(ClockTrust::Records).await;
            }
        }
    }

    /// `None` while the clock is not believed.
    fn judge(&self, who: u8, code: &str) -> Option<Decision> {
        let user = user(who);
        self.store()
            .facts(name(&user), CodePosition::Challenge, self.now)
            .ok()?;
        Some(decide(self.store(), &user, code, self.now))
    }

    async fn submit(&mut self, who: u8, code: &str, times: u8) {
        let judged: Vec<Decision> = (0..times).filter_map(|_| self.judge(who, code)).collect();
        self.record(who, judged, Some(code)).await;
    }

    /// Hands decisions over in batches of one, two, three, … and takes their outcomes to heart.
    async fn record(&mut self, who: u8, mut decisions: Vec<Decision>, code: Option<&str>) {
        let steps: Vec<Option<(u64, u64)>> = decisions.iter().map(steps_of).collect();
        let mut waiting = Vec::new();
        while !decisions.is_empty() {
            let rest = decisions.split_off(decisions.len().min(1 + waiting.len()));
            waiting.push(submit(self.store(), decisions));
            decisions = rest;
        }
        let mut outcomes = Vec::new();
        for batch in waiting {
            outcomes.extend(batch.await.unwrap());
        }
        assert_eq!(outcomes.len(), steps.len());
        for (outcome, steps) in outcomes.into_iter().zip(steps) {
            match outcome {
                Outcome::Granted(granted) => {
                    let (first, last) = steps.expect("only a step is granted here");
                    for step in first..=last {
                        assert!(
                            self.spent.insert((who, step)),
                            "step {step} of {} was accepted twice",
                            user(who)
                        );
                    }
                    self.acknowledged
                        .push((granted.event(), Said::Accepted(who, last)));
                    self.seen.extend(code.map(|code| (who, code.to_owned())));
                }
                Outcome::Refused(it) => {
                    self.acknowledged
                        .push((it.event, Said::Refused(who, it.reason)));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn pair(&mut self, who: u8, offset: i64, then: i64) {
        let person = name(&user(who));
        let mut drifted = None;
        for offset in [offset, offset + then] {
            let facts = self
                .store()
                .facts(person.clone(), CodePosition::Challenge, self.now);
            if facts.is_err() {
                return;
            }
            let code = self.shown(who, offset);
            let decided = judge(self.store(), &person, drifted.take(), &code, self.now);
            let (decision, asks) = decision(person.clone(), decided, self.now);
            self.record(who, vec![decision], Some(&code)).await;
            drifted = asks;
            if drifted.is_none() {
                return;
            }
        }
    }

    async fn resync(&mut self, who: u8, offset: i64) {
        let (first, second) = (self.shown(who, offset), self.shown(who, offset + 1));
        let verifier = self.store().verifier(token(who)).unwrap().unwrap();
        let Ok(found) = Resync::find(&verifier, &first, &second, self.now) else {
            return;
        };
        let step = found.step().0;
        let decision = resync_of(found, self.now);
        if let Outcome::Resynchronised = consume(self.store(), decision).await {
            for burnt in [step - 1, step] {
                assert!(
                    self.spent.insert((who, burnt)),
                    "step {burnt} of {} was burnt, and spent before",
                    user(who)
                );
            }
            self.seen.extend([(who, first), (who, second)]);
        }
    }

    async fn start(&mut self, clock: ClockTrust) {
        let location = Location {
            clock,
            ..location(self.dir.path())
        };
        let root = root(self.dir.path());
        let store = GatewayStore::open(&location, &root, self.now).await;
        self.store = Some(store.unwrap());
        self.remember().await;
    }

    /// Every acknowledged event is there and says what was said.
    async fn remember(&self) {
        for (number, said) in &self.acknowledged {
            let event = self.store().event(*number).await.unwrap();
            let what = event.expect("an acknowledged event is lost").event.what;
            let same = match (&what, said) {
                (
                    What::Accepted {
                        person,
                        spend:
                            Spend::Step {
                                token: of, step, ..
                            },
                        ..
                    },
                    Said::Accepted(who, spent),
                ) => person == &name(&user(*who)) && *of == token(*who) && step.0 == *spent,
                (What::Refused { person, reason, .. }, Said::Refused(who, why)) => {
                    person == &name(&user(*who)) && reason == why
                }
                _ => false,
            };
            assert!(
                same,
                "event {number} says {what:?}, and {said:?} was acknowledged"
            );
        }
    }

    async fn back_up(&mut self) {
        drop(self.store.take());
        let dir = directory();
        copy(self.dir.path(), dir.path());
        self.backup = Some(Backup {
            dir,
            phones: self.phones.clone(),
            acknowledged: self.acknowledged.clone(),
        });
        self.start(ClockTrust::Records).await;
    }

    /// What was acknowledged since is lost with the file, and none of it is accepted again.
    async fn put_back(&mut self) {
        let Some(backup) = &self.backup else {
            return;
        };
        let phones = backup.phones.clone();
        let acknowledged = backup.acknowledged.clone();
        let database = |dir: &Path| dir.join("gateway.db");
        let from = database(backup.dir.path());
        drop(self.store.take());
        std::fs::copy(from, database(self.dir.path())).unwrap();
        self.phones = phones;
        self.acknowledged = acknowledged;
        self.start(ClockTrust::Records).await;
    }

    /// However it went: some time later everybody gets in.
    async fn end(mut self) -> usize {
        self.live(Act::Kill).await;
        self.now = self.now.after(secs(6 * 3_600));
        for who in 0..PEOPLE {
            self.live(Act::Unlock(who)).await;
            self.live(Act::Resync { who, offset: -1 }).await;
            self.live(Act::Clock(60)).await;
            let before = self.spent.len();
            self.live(Act::Code {
                who,
                offset: 0,
                times: 1,
            })
            .await;
            assert_eq!(self.spent.len(), before + 1, "{} is locked out", user(who));
        }
        self.spent.len()
    }
}

/// What happened in worlds that have ended.
#[derive(Clone, Copy, Default)]
struct Lived {
    acts: usize,
    /// Codes that opened a login.
    spent: usize,
}

/// The first and the last step that a decision spends.
fn steps_of(decision: &Decision) -> Option<(u64, u64)> {
    match decision {
        Decision::Grant(consume, _) => match (consume.first_step(), consume.spend()) {
            (Some((_, first)), Spend::Step { step, .. }) => Some((first.0, step.0)),
            _ => None,
        },
        _ => None,
    }
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn some_seed() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_micros()).unwrap()
}

#[test]
fn no_step_is_accepted_twice_and_no_acknowledged_event_is_lost() {
    let seed = from_environment("SYMBOLON_SOAK_SEED").unwrap_or_else(some_seed);
    let worlds = from_environment("SYMBOLON_SOAK_WORLDS").unwrap_or(WORLDS);
    println!("SYMBOLON_SOAK_SEED={seed}");
    let config = Config {
        cases: worlds,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let in_all = Cell::new(Lived::default());
    let lived = TestRunner::new(config).run(&vec(act(), 1..40), |acts| {
        let before = in_all.get();
        let spent = runtime().block_on(live_through(&acts));
        in_all.set(Lived {
            acts: before.acts + acts.len(),
            spent: before.spent + spent,
        });
        Ok(())
    });
    if let Err(failure) = lived {
        panic!("SYMBOLON_SOAK_SEED={seed}: {failure}");
    }
    let Lived { acts, spent } = in_all.get();
    println!(
        "soak: {worlds} worlds in which {acts} things happened; {spent} codes spent, none twice"
    );
}

/// A world from its beginning to its end; how many codes were spent in it.
async fn live_through(acts: &[Act]) -> usize {
    let mut world = World::begin().await;
    for act in acts {
        world.live(act.clone()).await;
    }
    world.end().await
}
