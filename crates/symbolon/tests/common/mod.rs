//! The built program as its users run it: `symbolon up` on a directory of its own, the commands
//! beside it, and the foreign tools around it.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod apart;
pub(crate) mod authority;
pub(crate) mod browser;
pub(crate) mod cable;
pub(crate) mod directory;
pub(crate) mod eapol;
pub(crate) mod https_gateway;
pub(crate) mod mail_server;
pub(crate) mod namespaces;
pub(crate) mod phone;
pub(crate) mod radius;
pub(crate) mod radsec;
pub(crate) mod relay;
pub(crate) mod sms_gateway;
pub(crate) mod ssh;
pub(crate) mod store;
pub(crate) mod terminal;
pub(crate) mod transcript;
pub(crate) mod upstream;
pub(crate) mod wishes;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) const SYMBOLON: &str = env!("CARGO_BIN_EXE_symbolon");

/// The configuration that `symbolon up` writes.
const TEMPLATE: &str = include_str!("../../src/symbolon.toml");

/// Longer than anything here takes, shorter than anybody waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A foreign tool. One that is missing fails the test by the name of its Debian package.
pub(crate) fn tool(name: &str, package: &str) -> Command {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
    });
    assert!(
        found,
        "{name} is missing: install the Debian package {package} (./check does)"
    );
    Command::new(name)
}

/// The Python that has the foreign mail server and RADIUS client.
pub(crate) fn python() -> Command {
    python_of("venv")
}

/// Python with the packages of another of its environments.
pub(crate) fn python_of(environment: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(format!("target/{environment}/bin/python"));
    assert!(
        python.exists(),
        "{} is missing: run ./check once, which makes it",
        python.display()
    );
    Command::new(python)
}

/// A script beside the tests.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/foreign")
        .join(name)
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: ExitStatus,
}

impl Said {
    /// Standard output of a command that must have worked.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.status.success(), "{}\n{}", self.out, self.err);
        self.out
    }

    /// All text of a command that must have failed as commands do, without a panic.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        let text = self.out + &self.err;
        assert_eq!(self.status.code(), Some(1), "{text}");
        assert!(!text.contains("panicked"), "{text}");
        text
    }
}

/// Runs a command to its end with `input` on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    // A command that refuses before it reads closes its end.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        status: output.status,
    }
}

/// The program, without what the environment of the tests may say to it.
pub(crate) fn symbolon() -> Command {
    let mut command = Command::new(SYMBOLON);
    command.env_remove("SYMBOLON_DATA").env("TZ", "UTC");
    command
}

/// Tries until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// A port that is free for TCP and UDP. It lies below those that the kernel gives to clients, so that
/// it stays free between a stop and the next start; and no other test has it for as long as this process
/// lives, for a UDP port may be bound by two.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static CLAIMS: Mutex<Vec<File>> = Mutex::new(Vec::new());
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    let spread = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    let claimed = std::env::temp_dir().join("symbolon-test-ports");
    fs::create_dir_all(&claimed).unwrap();
    loop {
        let offset = spread.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let address = ("127.0.0.1", FIRST + offset);
        let claim = File::create(claimed.join(address.1.to_string())).unwrap();
        if claim.try_lock().is_ok()
            && TcpListener::bind(address).is_ok()
            && UdpSocket::bind(address).is_ok()
        {
            CLAIMS.lock().unwrap().push(claim);
            return address.1;
        }
    }
}

/// The directories of one installation and of those who use it.
pub(crate) struct Home {
    directory: TempDir,
    pub(crate) radius: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) relay: SocketAddr,
    /// Where administrators log in over the network, if they do.
    ssh: Option<IpAddr>,
}

/// An address of this machine that no other test has: the SSH port is the same everywhere.
pub(crate) fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    [127, high | 1, low, NEXT.fetch_add(1, Ordering::Relaxed)].into()
}

impl Home {
    /// With a configuration that listens on free ports.
    pub(crate) fn new() -> Self {
        Self::with(None)
    }

    /// With SSH.
    pub(crate) fn with_ssh() -> Self {
        Self::with(Some(own_address()))
    }

    /// Where administrators log in.
    pub(crate) fn ssh_address(&self) -> IpAddr {
        self.ssh.expect("a home with SSH")
    }

    fn with(ssh: Option<IpAddr>) -> Self {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let home = Self {
            directory: TempDir::new().unwrap(),
            radius: address(free_port()),
            https: address(free_port()),
            relay: address(free_port()),
            ssh,
        };
        fs::DirBuilder::new()
            .mode(0o700)
            .create(home.data())
            .unwrap();
        let toml = home.data().join("symbolon.toml");
        fs::write(toml, home.configuration()).unwrap();
        home
    }

    /// The configuration, with the ports of this home.
    pub(crate) fn configuration(&self) -> String {
        TEMPLATE
            .replace("127.0.0.1:1812", &self.radius.to_string())
            .replace("127.0.0.1:8443", &self.https.to_string())
            .replace("127.0.0.1:8445", &self.relay.to_string())
            .replace(
                r#"ssh = ["127.0.0.1"]"#,
                &format!(
                    "ssh = {:?}",
                    Vec::from_iter(self.ssh.map(|it| it.to_string()))
                ),
            )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The certificate authority of the token server.
    pub(crate) fn authority(&self) -> PathBuf {
        self.data().join("registry/pki/ca.pem")
    }

    /// The operational log of all starts so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// `symbolon up`, not started yet.
    pub(crate) fn up(&self) -> Command {
        let mut command = symbolon();
        command.arg("up").arg("--data").arg(self.data());
        command
    }

    /// Types lines into `symbolon console` through a pipe.
    pub(crate) fn console(&self, lines: &str) -> Said {
        console_of(&self.data(), lines)
    }

    /// `symbolon desk`.
    pub(crate) fn desk(&self, words: &[&str]) -> Said {
        run(
            symbolon()
                .arg("desk")
                .args(words)
                .arg("--data")
                .arg(self.data()),
            "",
        )
    }

    /// Has the desk issue a licence; its code.
    pub(crate) fn issue(&self, tokens: usize) -> String {
        let said = self
            .desk(&["issue-licence", "--tokens", &tokens.to_string()])
            .ok();
        after(&said, "Code:").to_owned()
    }

    /// Imports a licence of so many tokens; their serials.
    pub(crate) fn import(&self, tokens: usize) -> Vec<String> {
        let code = self.issue(tokens);
        let said = self
            .console(&format!("execute fortitoken-mobile import {code}"))
            .ok();
        let licence = said
            .split_whitespace()
            .nth(1)
            .unwrap()
            .trim_end_matches(':');
        self.tokens_of(licence)
    }

    /// The tokens here that came with a licence.
    pub(crate) fn tokens_of(&self, licence: &str) -> Vec<String> {
        let shown = self.console("show user fortitoken").ok();
        let entries = shown.split("    edit ").skip(1);
        entries
            .filter(|entry| entry.contains(licence))
            .map(|entry| entry.split('"').nth(1).unwrap().to_owned())
            .collect()
    }

    /// Whether all that was written for others has left.
    pub(crate) fn nothing_waits(&self) -> bool {
        self.console("diagnose outbox list").ok() == "Nothing waits to be sent.\n"
    }

    /// The status that `diagnose fortitoken info` shows.
    pub(crate) fn status(&self, token: &str) -> String {
        let shown = self.console("diagnose fortitoken info").ok();
        let line = shown.lines().find(|line| line.starts_with(token)).unwrap();
        let words: Vec<&str> = line.split_whitespace().skip(2).collect();
        words.join(" ")
    }

    /// The value of a field in `show user fortitoken SERIAL`.
    pub(crate) fn field(&self, token: &str, field: &str) -> String {
        let shown = self.console(&format!("show user fortitoken {token}")).ok();
        after(&shown, &format!("set {field}"))
            .trim_matches('"')
            .to_owned()
    }

    /// A user with a password and a token; what the console said, the activation code in it.
    pub(crate) fn user(&self, name: &str, token: &str) -> String {
        self.console(&format!(
            "config user local\nedit {name}\nset passwd {PASSWORD}\nset two-factor fortitoken\n\
             set fortitoken {token}\nend"
        ))
        .ok()
    }

    /// A user for whom the password is enough.
    pub(crate) fn user_without_token(&self, name: &str) {
        self.console(&format!(
            "config user local\nedit {name}\nset passwd {PASSWORD}\nend"
        ))
        .ok();
    }

    /// A RADIUS client at an address of this machine, and no delay before refusals.
    pub(crate) fn radius_client(&self, name: &str, address: &str, settings: &str) {
        self.console(&format!(
            "config user radius-client\nedit {name}\nset subnet {address}/32\n\
             set secret {SECRET}\n{settings}\nend\n\
             config user setting\nset reject-delay 0\nend"
        ))
        .ok();
    }

    /// The latest login of a user and what is said of it, once it says `expected`: reasons are worked
    /// out after the reply.
    #[track_caller]
    pub(crate) fn login_says(&self, user: &str, expected: &str) -> String {
        let mut shown = String::new();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            shown = self
                .console(&format!("diagnose login show user {user}"))
                .ok();
            let lines: Vec<&str> = shown.lines().collect();
            let newest = lines.iter().rposition(|line| !line.starts_with(' '));
            let newest = &lines[newest.unwrap_or(0)..];
            if newest.join("\n").contains(expected) {
                return newest.join("\n");
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the latest login of {user} does not say '{expected}':\n{shown}");
    }
}

/// The password of every user here.
pub(crate) const PASSWORD: &str = "correct-horse";

/// The secret of every RADIUS client here.
pub(crate) const SECRET: &str = "testing123-of-the-vpn";

/// The rest of the first line that begins with `label`, blanks around it left out.
#[track_caller]
pub(crate) fn after<'a>(text: &'a str, label: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.trim_start().strip_prefix(label))
        .unwrap_or_else(|| panic!("no '{label}' in:\n{text}"))
        .split("   ")
        .find(|part| !part.is_empty())
        .unwrap_or_default()
        .trim()
        .trim_start_matches(':')
        .trim()
}

/// Types lines into the console of a data directory.
pub(crate) fn console_of(data: &Path, lines: &str) -> Said {
    let lines = lines.to_owned() + "\n";
    run(symbolon().arg("console").arg("--data").arg(data), &lines)
}

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    /// Where it says it is.
    pub(crate) greeting: String,
    output: Receiver<String>,
}

impl Running {
    /// Starts `symbolon up` and waits until it says where it is.
    #[track_caller]
    pub(crate) fn up(home: &Home) -> Self {
        Self::start(&mut home.up(), home)
    }

    /// Starts a command that says where it is, such as `symbolon up`.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, home: &Home) -> Self {
        match Self::try_start(command, home) {
            Ok(running) => running,
            Err(said) => panic!("it does not start:\n{said}{}", home.log()),
        }
    }

    /// The same for one that may refuse; then what it said.
    pub(crate) fn try_start(command: &mut Command, home: &Home) -> Result<Self, String> {
        let log = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(home.path("log"))
            .unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = lines_of(child.stdout.take().unwrap());
        let mut running = Self {
            child,
            greeting: String::new(),
            output,
        };
        while let Ok(line) = running.output.recv() {
            running.greeting += &line;
            running.greeting.push('\n');
            let last = ["console ", "desk socket", "gateways "];
            if last.iter().any(|label| line.starts_with(label)) {
                return Ok(running);
            }
        }
        Err(running.greeting.clone())
    }

    /// What it says below its addresses at the first start.
    pub(crate) fn first_password(&self) -> String {
        let mut said = Vec::new();
        while let Ok(line) = self.output.recv_timeout(Duration::from_secs(1)) {
            said.push(line);
        }
        said.join("\n").trim().to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a service manager does, and tells how it ended.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.signal(Signal::TERM)
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(self) -> ExitStatus {
        self.signal(Signal::INT)
    }

    /// Stops it where it is: what connects to it is taken by the system, and hears nothing.
    pub(crate) fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Ends it without notice.
    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
    }

    /// Ends it in order.
    #[track_caller]
    pub(crate) fn stop(self) {
        let status = self.terminate();
        assert!(status.success(), "{status}");
    }

    fn signal(self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.ends()
    }

    /// Waits until it ends by itself, and tells how.
    pub(crate) fn ends(mut self) -> ExitStatus {
        let mut status = None;
        until("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Whether it is still there.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// The lines of a pipe, read so that the writer never waits.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody may be interested any more.
            let _ = sender.send(line);
        }
    });
    receiver
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command at another time: `offset` as libfaketime takes it, such as `+73h`.
pub(crate) fn at_offset(command: &mut Command, offset: &str) {
    let preload = run(
        tool("faketime", "faketime").args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"]),
        "",
    )
    .ok();
    command
        .env("LD_PRELOAD", preload.trim())
        .env("FAKETIME", offset)
        // The program's timers are to run as ever: only its calendar is another.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
}
