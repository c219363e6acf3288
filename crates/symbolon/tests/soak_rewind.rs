//! Files copied back and clocks set back: no spent code lives again, and the program says what it saw.
//!
//! Each round has people of its own, who log in before, at and after the moment at which the files are
//! copied. Files are copied while the process is stopped in the midst of its work, as a snapshot of the
//! disk would find them. The wall clock of the program is libfaketime's.
//!
//! `SYMBOLON_SOAK_REWINDS` is the number of rounds, `SYMBOLON_SOAK_SEED` repeats a run's choices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one starts the program and copies its files"
)]

mod common;
mod soak;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{Home, Running, until};
use otp::Step;
use rustix::process::{Pid, Signal, kill_process};
use soak::chain::{self, Logins};
use soak::client::{Answer, Client, VPN};
use soak::clock::{self, Clock};
use soak::people::{Person, populate};
use soak::{Chance, LogOnFailure, block_on, found, size};

/// People of one round, by what they do in it.
const GROUP: usize = 12;
const BEFORE: std::ops::Range<usize> = 0..3;
const DURING: std::ops::Range<usize> = 3..6;
const AFTER: std::ops::Range<usize> = 6..9;
const FAST: usize = 9;
const IDLE: std::ops::Range<usize> = 10..12;

/// What happens, in turn; the first five are one of each kind.
const KINDS: [Kind; 7] = [
    Kind::DatabasePutBack,
    Kind::ClockSetBack,
    Kind::HeadRecordLost,
    Kind::ClockTakenAsRight,
    Kind::DirectoryPutBack,
    Kind::DatabasePutBack,
    Kind::DatabasePutBack,
];

/// Longer than an answer takes when there is one.
const SILENCE: Duration = Duration::from_millis(800);

/// How far the clock goes back: beyond the tolerance, up to an hour of wrong summer time.
const BACK_SECS: (usize, usize) = (120, 3_600);

/// From one round to the next: a clock set back in one does not reach what another has spent. Rounds
/// begin early in a step, so that it lasts.
const APART_STEPS: i32 = 70;

/// What a round does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    /// The database files are put back; the head record stays.
    DatabasePutBack,
    /// The whole data directory is put back; the head record lies elsewhere.
    DirectoryPutBack,
    /// The database files are put back, and the head record is gone.
    HeadRecordLost,
    /// The clock is set back while the program runs, and set right again.
    ClockSetBack,
    /// The program starts with a clock set back, and then is told to take it as right.
    ClockTakenAsRight,
}

impl Kind {
    /// What the event and the log say.
    fn cause(self) -> Option<&'static str> {
        match self {
            Self::DatabasePutBack | Self::DirectoryPutBack => {
                Some("the database is behind its head record: an older copy was put back")
            }
            Self::HeadRecordLost => {
                Some("the head record is missing: nobody can tell whether the database went back")
            }
            Self::ClockSetBack => None,
            Self::ClockTakenAsRight => {
                Some("an administrator took the clock as right although it went back")
            }
        }
    }
}

#[test]
fn no_spent_code_lives_again_after_a_rewind() {
    let rounds = size("SYMBOLON_SOAK_REWINDS", 5);
    let mut chance = Chance::of_this_run();
    let home = Home::new();
    let _log = LogOnFailure(&home);
    let people = populate(&home, rounds * GROUP, &mut chance);
    put_head_record_elsewhere(&home);
    let mut world = World::new(&home, people, chance);
    let mut done: BTreeMap<Kind, usize> = BTreeMap::new();
    for round in 0..rounds {
        let kind = KINDS[round % KINDS.len()];
        world.round(round, kind);
        *done.entry(kind).or_default() += 1;
    }
    let Tally {
        spent,
        refused,
        unheard,
    } = world.tally;
    let causes = world.causes.clone();
    let now = world.end();
    let (floors, logins) = block_on(async {
        let store = chain::open(&home, now).await;
        (
            chain::floors_raised(&store).await,
            Logins::read(&store).await,
        )
    });
    assert_eq!(
        floors.iter().map(|cause| &**cause).collect::<Vec<_>>(),
        causes
    );
    logins.assert_nothing_lived_again();
    let kinds = done.iter().map(|(kind, count)| format!("{count} {kind:?}"));
    let kinds: Vec<String> = kinds.collect();
    found(format_args!("{rounds} rounds: {}", kinds.join(", ")));
    found(format_args!(
        "{spent} codes spent; {refused} submissions of spent codes and of codes behind a floor, all refused; {unheard} under a clock set back, none answered",
    ));
    found(format_args!(
        "audit chain: {} times everything was made to count as spent, each with its cause",
        floors.len(),
    ));
}

/// A head record in the data directory goes back with it, unnoticed.
fn put_head_record_elsewhere(home: &Home) {
    let elsewhere = home.path("other-disk-head");
    fs::rename(chain::head_record(home), &elsewhere).unwrap();
    let toml = home.data().join("symbolon.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let moved = text.replace("gateway/head", elsewhere.to_str().unwrap());
    fs::write(&toml, moved).unwrap();
    assert_eq!(chain::head_record(home), elsewhere);
}

#[derive(Clone, Copy, Default)]
struct Tally {
    spent: usize,
    refused: usize,
    unheard: usize,
}

/// The program, its clock and its people.
struct World<'h> {
    home: &'h Home,
    clock: Clock,
    people: Arc<[Person]>,
    chance: Chance,
    client: Client,
    server: Option<Running>,
    /// How long the log was when the program was started last.
    log_before: usize,
    /// Codes that were accepted in this round.
    spent: Vec<(usize, Step)>,
    /// Causes of all raised floors, in order.
    causes: Vec<&'static str>,
    tally: Tally,
}

impl<'h> World<'h> {
    fn new(home: &'h Home, people: Arc<[Person]>, mut chance: Chance) -> Self {
        let mut world = Self {
            home,
            clock: Clock::new(home),
            people,
            client: Client::new(home, VPN, &mut chance),
            chance,
            server: None,
            log_before: 0,
            spent: Vec::new(),
            causes: Vec::new(),
            tally: Tally::default(),
        };
        world.start(&[]);
        world
    }

    fn round(&mut self, round: usize, kind: Kind) {
        println!("round {round}: {kind:?}");
        let step = self.clock.step().offset(APART_STEPS).unwrap();
        let second = i64::try_from(self.chance.below(20)).unwrap();
        self.clock.set(step, second);
        self.spent.clear();
        let group = round * GROUP..(round + 1) * GROUP;
        let group: Vec<usize> = group
            .filter(|person| {
                let mut near = (-1..8).filter_map(|offset| step.offset(offset));
                near.all(|step| self.people[*person].is_distinct(step))
            })
            .collect();
        // A chance of 1 in 1,000: two steps of somebody show the same code, and no test can tell
        // which was meant.
        if group.len() < GROUP {
            println!("round {round}: left out");
            return;
        }
        match kind {
            Kind::DatabasePutBack | Kind::DirectoryPutBack | Kind::HeadRecordLost => {
                self.files_put_back(&group, kind);
            }
            Kind::ClockSetBack => self.clock_set_back(&group),
            Kind::ClockTakenAsRight => self.clock_taken_as_right(&group),
        }
    }

    // ------------------------------------------------------------ what happens

    fn files_put_back(&mut self, group: &[usize], kind: Kind) {
        let step = self.clock.step();
        for person in &group[BEFORE] {
            self.spend(*person, step.offset(-1).unwrap());
        }
        let copy = self.copy_at_work(&group[DURING], kind);
        for person in &group[BEFORE] {
            self.spend(*person, step);
        }
        for person in &group[AFTER] {
            self.spend_near(*person, &[-1, 0, 1]);
        }
        // Without a head record nobody knows of a fast clock that logged in after the copy.
        if kind != Kind::HeadRecordLost {
            self.spend(group[FAST], step.offset(1).unwrap());
            self.spend(group[FAST], step.offset(2).unwrap());
        }
        self.kill();
        copy.put_back();
        if kind == Kind::HeadRecordLost {
            fs::remove_file(chain::head_record(self.home)).unwrap();
        }
        self.clock
            .turn(i64::try_from(self.chance.below(40)).unwrap());
        self.start(&[]);
        self.expect_floor(kind);
        self.nothing_lives_until_a_later_window(group);
    }

    fn clock_set_back(&mut self, group: &[usize]) {
        for person in &group[..AFTER.end] {
            self.spend_near(*person, &[-1, 0, 1]);
        }
        let right = self.clock.step();
        let back = self.seconds_back();
        self.clock.turn(-back);
        self.expect_silence(group);
        self.clock.turn(back);
        assert_eq!(self.clock.step(), right, "the round took too long");
        self.nothing_spent_lives();
        for person in &group[IDLE] {
            self.spend(*person, right);
        }
    }

    fn clock_taken_as_right(&mut self, group: &[usize]) {
        for person in &group[..AFTER.end] {
            self.spend_near(*person, &[-1, 0, 1]);
        }
        let right = self.clock.step();
        if self.chance.one_in(2) {
            self.kill();
        } else {
            self.terminate();
        }
        let back = self.seconds_back();
        self.clock.turn(-back);
        self.start(&[]);
        self.expect_silence(group);
        self.terminate();
        self.start(&["--accept-clock"]);
        self.expect_floor(Kind::ClockTakenAsRight);
        self.nothing_spent_lives();
        // Those whose codes of that time were used once are still behind what they used since.
        let earlier = self.clock.step();
        for person in group {
            self.expect_refused(*person, earlier);
        }
        self.clock.set(earlier.offset(2).unwrap(), 1);
        for person in &group[IDLE] {
            self.spend(*person, self.clock.step());
        }
        for person in &group[..AFTER.end] {
            self.expect_refused(*person, self.clock.step());
        }
        self.clock.set(right.offset(3).unwrap(), 1);
        self.everybody_gets_in_once(group);
    }

    // ------------------------------------------------------------ what must hold

    /// Spent codes stay spent, and what lies behind the floor is refused although nobody used it; then
    /// a code of a later window is taken, once.
    fn nothing_lives_until_a_later_window(&mut self, group: &[usize]) {
        self.nothing_spent_lives();
        let reached = self.spent.iter().map(|(_, step)| *step).max().unwrap();
        let reached = reached.max(self.clock.step());
        for person in &group[IDLE] {
            for offset in 0..2 {
                self.expect_refused(*person, self.clock.step().offset(offset).unwrap());
            }
        }
        if reached > self.clock.step() {
            self.clock.set(reached, 1);
            self.nothing_spent_lives();
        }
        self.clock.set(reached.offset(3).unwrap(), 1);
        self.everybody_gets_in_once(group);
    }

    fn nothing_spent_lives(&mut self) {
        let mut spent = self.spent.clone();
        self.chance.shuffle(&mut spent);
        for (person, step) in spent {
            self.expect_refused(person, step);
        }
    }

    fn everybody_gets_in_once(&mut self, group: &[usize]) {
        let step = self.clock.step();
        for person in group {
            self.spend(*person, step);
            self.expect_refused(*person, step);
        }
    }

    #[track_caller]
    fn expect_refused(&mut self, person: usize, step: Step) {
        assert_eq!(
            self.login(person, step),
            Answer::Reject,
            "{:?} at {step:?}",
            self.people[person]
        );
        self.tally.refused += 1;
    }

    /// Under a clock that went back nobody is let in and nobody refused; the log says why.
    fn expect_silence(&mut self, group: &[usize]) {
        let step = self.clock.step();
        let idle = group[IDLE].iter().map(|person| (*person, step));
        let asked: Vec<(usize, Step)> = self.spent.iter().copied().chain(idle).collect();
        for (person, step) in &asked {
            let who = &self.people[*person];
            let identifier = self.client.request(&who.name, &who.combined(*step), None);
            self.client.send(identifier);
        }
        if let Some(reply) = self.client.receive(SILENCE) {
            panic!("an answer under a clock that went back: {:?}", reply.answer);
        }
        self.tally.unheard += asked.len();
        self.expect_in_log("the clock went back: the last record is of ");
    }

    #[track_caller]
    fn expect_floor(&mut self, kind: Kind) {
        let cause = kind.cause().unwrap();
        self.causes.push(cause);
        self.expect_in_log(cause);
    }

    #[track_caller]
    fn expect_in_log(&self, text: &str) {
        until(text, || self.home.log()[self.log_before..].contains(text));
    }

    // ------------------------------------------------------------ what people do

    fn login(&mut self, person: usize, step: Step) -> Answer {
        let who = &self.people[person];
        self.client.ask(&who.name, &who.combined(step))
    }

    #[track_caller]
    fn spend(&mut self, person: usize, step: Step) {
        assert_eq!(
            self.login(person, step),
            Answer::Accept,
            "{:?} at {step:?}",
            self.people[person]
        );
        self.note_spent(person, step);
    }

    fn spend_near(&mut self, person: usize, offsets: &[i32]) {
        let offset = *self.chance.pick(offsets);
        self.spend(person, self.clock.step().offset(offset).unwrap());
    }

    fn note_spent(&mut self, person: usize, step: Step) {
        self.spent.push((person, step));
        self.tally.spent += 1;
    }

    fn seconds_back(&mut self) -> i64 {
        let (least, most) = BACK_SECS;
        i64::try_from(least + self.chance.below(most - least)).unwrap()
    }

    // ------------------------------------------------------------ the program and its files

    /// Copies the files while logins are on their way through the program.
    fn copy_at_work(&mut self, people: &[usize], kind: Kind) -> Copy {
        let step = self.clock.step();
        let mut asked = Vec::new();
        for person in people {
            let who = &self.people[*person];
            for _ in 0..2 {
                asked.push((
                    *person,
                    self.client.request(&who.name, &who.combined(step), None),
                ));
            }
        }
        for (_, identifier) in &asked {
            self.client.send(*identifier);
        }
        thread::sleep(Duration::from_micros(
            u64::try_from(self.chance.below(4_000)).unwrap(),
        ));
        let copy = self.while_stopped(|world| Copy::take(world.home, kind));
        for (person, identifier) in asked {
            if self.client.insist(identifier) == Answer::Accept {
                self.note_spent(person, step);
            }
        }
        for person in people {
            let accepts = self.spent.iter().filter(|(spender, _)| spender == person);
            assert_eq!(accepts.count(), 1, "{:?}", self.people[*person]);
        }
        copy
    }

    fn while_stopped<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        let pid = self.pid();
        let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(process, Signal::STOP).unwrap();
        until("the process is stopped", || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            status.contains("State:\tT")
        });
        let done = work(self);
        kill_process(process, Signal::CONT).unwrap();
        done
    }

    fn start(&mut self, arguments: &[&str]) {
        self.log_before = self.home.log().len();
        let mut command = self.home.up();
        self.clock.rules(command.args(arguments));
        self.server = Some(Running::start(&mut command, self.home));
    }

    fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().pid()
    }

    fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            let pid = server.pid();
            drop(server);
            clock::sweep_after(pid);
        }
    }

    fn terminate(&mut self) {
        let pid = self.pid();
        self.server.take().unwrap().stop();
        clock::sweep_after(pid);
    }

    /// Ends the program; the time by its clock.
    fn end(mut self) -> domain::time::Timestamp {
        self.terminate();
        self.clock.now()
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Files of an earlier moment.
struct Copy {
    of: PathBuf,
    at: PathBuf,
    files: Vec<PathBuf>,
}

impl Copy {
    fn take(home: &Home, kind: Kind) -> Self {
        let of = match kind {
            Kind::DirectoryPutBack => home.data(),
            _ => home.data().join("gateway"),
        };
        let at = home.path("copy");
        if at.exists() {
            fs::remove_dir_all(&at).unwrap();
        }
        let is_copied = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            kind == Kind::DirectoryPutBack || name.starts_with("gateway.db")
        };
        let files: Vec<PathBuf> = files_below(&of).into_iter().filter(is_copied).collect();
        let copy = Self { of, at, files };
        for file in &copy.files {
            let target = copy.at.join(file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(copy.of.join(file), target).unwrap();
        }
        copy
    }

    /// What is there now goes; files that came later too.
    fn put_back(&self) {
        for file in files_below(&self.of) {
            let known = self.files.contains(&file);
            let later = file.to_str().unwrap().contains(".db-");
            if known || later {
                fs::remove_file(self.of.join(file)).unwrap();
            }
        }
        for file in &self.files {
            fs::copy(self.at.join(file), self.of.join(file)).unwrap();
        }
    }
}

/// Ordinary files below a directory, by their paths from there.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path().strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    files
}
