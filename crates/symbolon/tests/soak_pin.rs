//! `kill -9` of the terminal app while a PIN is looked at, again and again: no vault gives an eleventh try, and none
//! is lost to a kill.
//!
//! A wrong PIN is typed, at some moment the process is stopped, and what it has done is compared with what it has
//! written down: whoever computes with a PIN has counted it before. Then it is killed. A right PIN is typed now and
//! then, and killed in the same way: it forgives the tries before it, or has used up one more.
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

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use app::contents::{Contents, NewToken, Origin, Server, TokenName, Trust};
use app::device::Device;
use app::pin::Pin;
use app::vault::{Effort, Folder, Found, MAX_ATTEMPTS, Places};
use common::{Said, run, symbolon};
use ident::TokenSerial;
use otp::{Parameters, Seed};
use rustix::process::{Pid, Signal, kill_process};
use soak::{Chance, found, size};
use softtoken::IssuerName;
use softtoken::address::ServerUrl;
use softtoken::link::SpkiPin;
use tempfile::TempDir;

const RIGHT: &str = "2741";
const WRONG: &str = "1111";

/// Memory of a process that computes with a PIN (RFC 9106: 64 MiB), and of none that does not.
const COMPUTING_KIB: u64 = 48 << 10;
/// The count of tries in the vault's file, after its magic, version and kind.
const COUNT_AT: usize = 10;

#[test]
fn no_kill_gives_an_eleventh_try() {
    let kills = size("SYMBOLON_SOAK_KILLS", 20);
    let mut chance = Chance::of_this_run();
    let mut seen = Seen::default();
    let mut lives = 0;
    let began = Instant::now();
    while seen.kills < kills {
        let vault = Vault::new();
        let longest = vault.time_of_a_try();
        vault.used_up(longest, kills, &mut chance, &mut seen);
        lives += 1;
    }
    let Seen {
        kills,
        computing,
        counted,
        ended,
        forgiven,
    } = seen;
    assert!(computing > 0, "no kill met a PIN that was looked at");
    found(format!(
        "{kills} kills in {:.0} s, {counted} of them after the count, {computing} while it computed with the PIN, \
         {ended} after its last word; {lives} vaults, each wiped after ten tries; {forgiven} right PINs forgave",
        began.elapsed().as_secs_f64()
    ));
}

/// What there was to see.
#[derive(Default)]
struct Seen {
    kills: usize,
    computing: usize,
    counted: usize,
    ended: usize,
    forgiven: usize,
}

/// A vault with a token in it, on a machine of its own.
struct Vault(TempDir);

impl Vault {
    fn new() -> Self {
        let vault = Self(TempDir::new().unwrap());
        let places = Places {
            data: vault.0.path().join("data"),
            secrets: vault.0.path().join("secrets"),
            machine_id: PathBuf::from("/etc/machine-id"),
        };
        let Found::Nothing(empty) = Folder::lock(places).unwrap().look().unwrap() else {
            panic!("a vault before it was made");
        };
        let mut contents = Contents::new(Device::generate().unwrap());
        let serial = TokenSerial::mobile([1; 5]);
        let token = NewToken {
            name: TokenName::from(serial),
            origin: Origin::Issued {
                serial,
                server: Server {
                    url: ServerUrl::parse("https://tokens.example.org").unwrap(),
                    trust: Trust::Pin(SpkiPin::of_spki(b"a key")),
                },
            },
            issuer: IssuerName::parse("Example").unwrap(),
            seed: Seed::from_hex(&"a5".repeat(20)).unwrap(),
            parameters: Parameters::default(),
            pin_policy: None,
            counter: 0,
            added_unix: 0,
        };
        contents.put(token).unwrap();
        let pin = Pin::parse(RIGHT).unwrap();
        empty.create(&pin, Effort::RECOMMENDED, contents).unwrap();
        vault
    }

    fn app(&self) -> Command {
        let mut command = symbolon();
        command.args(["app", "code", "--pin-file", "-", "--data"]);
        command.arg(self.0.path().join("data"));
        command.arg("--secrets").arg(self.0.path().join("secrets"));
        command
    }

    fn types(&self, pin: &str) -> Said {
        run(&mut self.app(), &format!("{pin}\n"))
    }

    /// How long the app takes for a PIN, which was right.
    fn time_of_a_try(&self) -> Duration {
        let began = Instant::now();
        self.types(RIGHT).ok();
        began.elapsed()
    }

    /// Tries that were counted since the last right PIN; nothing once it is wiped.
    fn count(&self) -> Option<u8> {
        let file = fs::read(self.0.path().join("data/vault")).ok()?;
        Some(file[COUNT_AT])
    }

    /// Uses up all tries, and holds the vault to it that there are no more.
    fn used_up(&self, longest: Duration, kills: usize, chance: &mut Chance, seen: &mut Seen) {
        let mut tries = 0;
        while let Some(count) = self.count().filter(|count| *count < MAX_ATTEMPTS) {
            assert_eq!(count, tries, "what was counted is no longer");
            // The last try is no time to be killed with the right PIN.
            let is_right = tries + 1 < MAX_ATTEMPTS && chance.one_in(8);
            tries = if seen.kills == kills || chance.one_in(6) {
                self.tried(tries)
            } else if is_right {
                self.killed(RIGHT, tries, longest, chance, seen)
            } else {
                self.killed(WRONG, tries, longest, chance, seen)
            };
        }
        let said = self.types(RIGHT).refused();
        let is_gone = self.count().is_none();
        assert!(is_gone, "ten tries and it is still there: {said}");
        let secrets = fs::read_dir(self.0.path().join("secrets")).unwrap();
        assert_eq!(secrets.count(), 0, "its secret is still there");
        self.types(RIGHT).refused();
    }

    /// A wrong PIN without a kill; the tries after it.
    fn tried(&self, tries: u8) -> u8 {
        let said = self.types(WRONG).refused();
        let tries = tries + 1;
        match MAX_ATTEMPTS - tries {
            0 => assert!(said.contains("the app was reset"), "{said}"),
            1 => assert!(said.contains("1 try is left"), "{said}"),
            left => assert!(said.contains(&format!("{left} tries are left")), "{said}"),
        }
        tries
    }

    /// A PIN is typed, and at some moment the process is killed; the tries after it.
    fn killed(
        &self,
        pin: &str,
        before: u8,
        longest: Duration,
        chance: &mut Chance,
        seen: &mut Seen,
    ) -> u8 {
        let mut app = Stopped::start(&mut self.app());
        app.types(pin);
        let micros = chance.below(usize::try_from(longest.as_micros()).unwrap());
        thread::sleep(Duration::from_micros(u64::try_from(micros).unwrap()));
        let state = app.stop();
        // The tenth wrong one wipes; it has said so, or is about to.
        let after = self.count().unwrap_or(MAX_ATTEMPTS);
        app.kill();
        seen.kills += 1;
        seen.ended += usize::from(state == State::Ended);
        seen.computing += usize::from(state == State::Computing);
        seen.counted += usize::from(after == before + 1);
        if pin == RIGHT && after == 0 && before > 0 {
            seen.forgiven += 1;
        }
        let has_forgiven = pin == RIGHT && after == 0;
        match state {
            State::Waiting => assert!(
                after == before || after == before + 1 || has_forgiven,
                "{before} tries, then {after}"
            ),
            State::Computing | State::Ended => assert!(
                after == before + 1 || has_forgiven,
                "a PIN was looked at and not counted: {before} tries, then {after}"
            ),
        }
        after
    }
}

/// How far a process had come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It shows no sign of having looked at the PIN.
    Waiting,
    Computing,
    Ended,
}

/// A process that is stopped before it is killed, so that it can be looked at.
struct Stopped(Child);

impl Stopped {
    fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn types(&mut self, pin: &str) {
        let mut stdin = self.0.stdin.take().unwrap();
        // The vault is read before the PIN is: what is typed early waits.
        writeln!(stdin, "{pin}").unwrap();
    }

    fn stop(&self) -> State {
        kill_process(Pid::from_child(&self.0), Signal::STOP).unwrap();
        loop {
            let status = self.status();
            match word(&status, "State:") {
                "Z" => return State::Ended,
                "T" if resident_kib(&status) > COMPUTING_KIB => return State::Computing,
                "T" => return State::Waiting,
                _ => thread::yield_now(),
            }
        }
    }

    fn status(&self) -> String {
        fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap()
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn resident_kib(status: &str) -> u64 {
    word(status, "VmRSS:").parse().unwrap()
}

/// The first word of a line of `/proc/PID/status` (proc(5)).
fn word<'a>(status: &'a str, label: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap().split_whitespace().next().unwrap()
}
