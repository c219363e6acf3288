//! What somebody tries who had a phone, who has a password, or who took a copy of a vault.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;
mod soak;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use app::device::Device;
use common::phone::{Phone, activation_code, enrol};
use common::radius::{Answer, Vpn};
use common::{Home, PATIENCE, Running};
use soak::Chance;
use soak::clock::Clock;
use soak::people::{self, Person, populate_phones};
use soak::push;
use softtoken::push::{Decision, PushLoginRequest, PushNumber};
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Each has another token: one of a minute's codes is taken of each.
const RACES: u64 = 6;

/// From the command's output on nothing of the old phone counts: no code of a login that was begun before or is begun
/// later, no word to a push of before.
#[test]
fn a_new_provision_ends_the_phone_before_at_once() {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", "127.0.0.1", "");
    home.console("config system ftm-push\nset status enable\nend")
        .ok();
    let vpn = Vpn::new(&home, "127.0.0.1");
    let tokens = home.import(usize::try_from(RACES).unwrap() + 1);
    let (token, tokens) = tokens.split_last().unwrap();

    let old = enrol(&home, "alice", token);
    let code = old.code("alice");
    let begun = vpn.ask("alice", common::PASSWORD);
    let asked = vpn.ask("alice", common::PASSWORD);
    let (asked, number) = number_of(&vpn.answer("alice", "push", &asked));
    let provisioned = provision(&home, token);
    old.app(&["push", "--approve", &number]).ok();
    // Its word is nobody's: the login waits on.
    assert_eq!(vpn.answer("alice", "push", &asked), Answer::Silence);
    assert_eq!(vpn.answer("alice", &code, &begun), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Reject);
    // What was in the old phone's hands is no hindrance to the new one.
    let new = Phone::new(&home, "alice again");
    new.add(&activation_code(&provisioned), "alice").ok();
    home.console("execute fortitoken-mobile poll").ok();
    assert_eq!(vpn.log_in("alice", &old.code("alice")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &new.code("alice")), Answer::Accept);

    // Whoever hurries is in before the output is there, or not at all.
    for (race, token) in (0..).zip(tokens) {
        let user = format!("bob{race}");
        let phone = enrol(&home, &user, token);
        let code = phone.code(&user);
        let (begun, verdict, done) = thread::scope(|scope| {
            let hurried = scope.spawn(|| {
                thread::sleep(Duration::from_millis(20 * race));
                let begun = Instant::now();
                (begun, in_with(&vpn, &user, &code))
            });
            provision(&home, token);
            let done = Instant::now();
            let (begun, verdict) = hurried.join().unwrap();
            (begun, verdict, done)
        });
        let is_in = verdict == Answer::Accept;
        assert!(!is_in || begun < done, "{user} was let in afterwards");
        assert_eq!(vpn.log_in(&user, &phone.code(&user)), Answer::Reject);
    }
    up.stop();
}

/// What a code comes to; a login in the middle of a change may be refused before it.
fn in_with(vpn: &Vpn, user: &str, code: &str) -> Answer {
    let challenge = vpn.ask(user, common::PASSWORD);
    match challenge {
        Answer::Challenge(..) => vpn.answer(user, code, &challenge),
        refused => refused,
    }
}

#[track_caller]
fn provision(home: &Home, token: &str) -> String {
    home.console(&format!("execute fortitoken-mobile provision {token}"))
        .ok()
}

/// A challenge that shows a number, and the number.
#[track_caller]
fn number_of(answer: &Answer) -> (Answer, String) {
    let Answer::Challenge(_, prompt) = answer else {
        panic!("{answer:?}");
    };
    let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(number.len(), 2, "{prompt}");
    (answer.clone(), number)
}

/// One address of a RADIUS client each.
const CLIENTS: [&str; 4] = ["127.0.0.2", "127.0.0.21", "127.0.0.22", "127.0.0.23"];
/// One person by many names.
const NAMES: [&str; 6] = [
    "person0",
    "PERSON0",
    " person0 ",
    "person0@example.org",
    "CORP\\Person0",
    "ｐｅｒｓｏｎ０",
];

/// For one push too many: it would be at the phone before the login shows its number, or soon after.
const SOON: Duration = Duration::from_millis(500);

/// Somebody's phone that is counted at, and the program's clock.
struct Bombed {
    home: Home,
    up: Running,
    clock: Clock,
    people: Arc<[Person]>,
    phone: push::Phone,
    runtime: Runtime,
}

impl Bombed {
    fn new() -> Self {
        let home = Home::new();
        let device = Device::generate().unwrap();
        let registered = [device.registration_id()];
        let mut chance = Chance::of_this_run();
        let people = populate_phones(&home, &registered, &mut chance);
        let clock = Clock::new(&home);
        let mut command = home.up();
        clock.rules(&mut command);
        let up = Running::start(&mut command, &home);
        home.console("config system ftm-push\nset status enable\nend")
            .ok();
        for (number, address) in CLIENTS.iter().enumerate().skip(1) {
            home.radius_client(&format!("vpn{number}"), address, "");
        }
        let runtime = Runtime::new().unwrap();
        let authority = fs::read_to_string(home.authority()).unwrap();
        let http = push::line(&authority, None, push::source(0));
        let phone = runtime.block_on(push::Phone::listen(device, http, home.relay));
        Self {
            home,
            up,
            clock,
            people,
            phone,
            runtime,
        }
    }

    /// Has the person asked from each client by each name, all at once: how often the phone heard of it.
    fn bomb(&mut self, names: &[&str]) -> usize {
        let home = &self.home;
        let shown: usize = thread::scope(|scope| {
            let mut tried = Vec::new();
            for client in CLIENTS {
                for name in names {
                    tried.push(scope.spawn(move || {
                        let vpn = Vpn::new(home, client);
                        let offer = vpn.ask(name, people::PASSWORD);
                        let answer = vpn.answer(name, "push", &offer);
                        assert_ne!(answer, Answer::Accept);
                        usize::from(answer != Answer::Reject)
                    }));
                }
            }
            tried.into_iter().map(|it| it.join().unwrap()).sum()
        });
        let due = (0..shown).map_while(|_| self.heard(PATIENCE)).count();
        let heard = due + std::iter::from_fn(|| self.heard(SOON)).count();
        assert_eq!(heard, shown, "numbers shown, and pushes on the phone");
        heard
    }

    /// A push that came within this time.
    fn heard(&mut self, patience: Duration) -> Option<PushLoginRequest> {
        let next = async { timeout(patience, self.phone.next()).await.ok() };
        self.runtime.block_on(next)
    }
}

#[test]
fn nobody_is_bombed_with_pushes() {
    let mut bombed = Bombed::new();
    let one_name = &NAMES[..1];
    // One is outstanding, whoever asks by whatever name.
    assert_eq!(bombed.bomb(&NAMES), 1);
    assert_eq!(bombed.bomb(&NAMES), 0);
    let mut sent = 1;
    while sent < 20 {
        // Five in ten minutes.
        for _ in 1..5 {
            bombed.clock.turn(61);
            assert_eq!(bombed.bomb(one_name), 1, "after {sent}");
            sent += 1;
        }
        bombed.clock.turn(61);
        assert_eq!(bombed.bomb(&NAMES), 0, "after {sent}");
        bombed.clock.turn(600);
        if sent < 20 {
            assert_eq!(bombed.bomb(one_name), 1, "after {sent}");
            sent += 1;
        }
    }
    // Twenty until a login is granted, however long it takes.
    for _ in 0..3 {
        bombed.clock.turn(3_600);
        assert_eq!(bombed.bomb(&NAMES), 0);
    }
    let vpn = Vpn::new(&bombed.home, CLIENTS[1]);
    let code = bombed.people[0].code(bombed.clock.step());
    let challenge = vpn.ask(NAMES[0], people::PASSWORD);
    assert_eq!(vpn.answer(NAMES[0], &code, &challenge), Answer::Accept);
    assert_eq!(bombed.bomb(&NAMES), 1);
    bombed.up.stop();
}

#[test]
fn the_right_answer_comes_too_late() {
    let mut late = Bombed::new();
    let vpn = Vpn::new(&late.home, CLIENTS[0]);
    let offer = vpn.ask(NAMES[0], people::PASSWORD);
    let (shown, number) = number_of(&vpn.answer(NAMES[0], "push", &offer));
    let request = late.heard(PATIENCE).unwrap();
    let login = late.phone.opened(&request, &late.people[0]);
    late.clock.turn(61);
    let approve = Decision::Approve(Some(PushNumber::parse(&number).unwrap()));
    let says = late.phone.says(&login, approve, &late.people[0]);
    late.runtime.block_on(says);
    assert_eq!(vpn.answer(NAMES[0], "push", &shown), Answer::Reject);
    late.home.login_says(NAMES[0], "refused: push-expired");
    late.up.stop();
}

#[test]
fn a_vault_without_its_secret_opens_nowhere() {
    let home = Home::new();
    let up = Running::up(&home);
    let tokens = home.import(2);
    let alice = enrol(&home, "alice", &tokens[0]);
    enrol(&home, "bob", &tokens[1]);
    // Somebody with a copy, and the PIN.
    let thief = Phone::new(&home, "thief");
    let place = |of: &str, name: &str| home.path(&format!("phone of {of}")).join(name);
    copy_files(&place("alice", "vault"), &place("thief", "vault"));
    for _ in 0..11 {
        let said = thief.app(&["code", "alice"]).refused();
        assert!(said.contains("device secret"), "{said}");
        assert!(said.contains("is missing"), "{said}");
    }
    // Another machine's secret is none.
    let name = only_file(&place("alice", "secrets"));
    let others = only_file(&place("bob", "secrets"));
    fs::create_dir(place("thief", "secrets")).unwrap();
    let put = place("thief", "secrets").join(&name);
    fs::copy(place("bob", "secrets").join(others), &put).unwrap();
    let said = thief.app(&["code", "alice"]).refused();
    assert!(said.contains("was made on another machine"), "{said}");
    // It was the secret that was missing.
    fs::copy(place("alice", "secrets").join(&name), &put).unwrap();
    assert_eq!(thief.code("alice"), alice.code("alice"));
    up.stop();
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn only_file(directory: &Path) -> std::ffi::OsString {
    let mut entries = fs::read_dir(directory).unwrap();
    let entry = entries.next().unwrap().unwrap();
    assert!(entries.next().is_none());
    entry.file_name()
}
