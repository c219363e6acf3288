//! Administrators at OpenSSH's client, with answers ready for what they are asked.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::terminal::Terminal;
use super::{Home, Running, Said, after, run, tool};

/// The password of `admin` once the one-time password was changed.
pub(crate) const ADMIN_PASSWORD: &str = "canary-admin-password-1";

/// The port of a new installation.
pub(crate) const PORT: u16 = 2222;

/// What asks: the questions go into a file, the answers come from the environment.
const ASKPASS: &str = r#"#!/bin/sh
printf '%s\n' "$1" >>"$0.asked"
case $1 in
*assword*)
    sleep "${ANSWER_PAUSE:-0}"
    printf '%s\n' "$ANSWER_PASSWORD"
    ;;
*'clock drift'*) printf '%s\n' "$ANSWER_NEXT_CODE" ;;
*code*) case $ANSWER_CODE in
    /*)
        until [ -s "$ANSWER_CODE" ]; do sleep 0.1; done
        sed -n 's/.*code for this login is \([0-9]*\).*/\1/p' "$ANSWER_CODE"
        ;;
    *) printf '%s\n' "$ANSWER_CODE" ;;
    esac ;;
*) exit 1 ;;
esac
"#;

/// One administrator's client.
#[derive(Clone)]
pub(crate) struct Ssh {
    address: IpAddr,
    port: u16,
    user: String,
    askpass: PathBuf,
    known_hosts: PathBuf,
    password: String,
    code: String,
    next_code: String,
    pause: Duration,
    options: Vec<String>,
}

impl Ssh {
    pub(crate) fn new(home: &Home, user: &str, password: &str) -> Self {
        let askpass = home.path(&format!("askpass of {user}"));
        fs::write(&askpass, ASKPASS).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
        Self {
            address: home.ssh_address(),
            port: PORT,
            user: user.to_owned(),
            askpass,
            known_hosts: home.path("known_hosts"),
            password: password.to_owned(),
            code: String::new(),
            next_code: String::new(),
            pause: Duration::ZERO,
            options: Vec::new(),
        }
    }

    /// `admin`, whose password was changed.
    pub(crate) fn admin(home: &Home) -> Self {
        Self::new(home, "admin", ADMIN_PASSWORD)
    }

    pub(crate) fn code(mut self, code: &str) -> Self {
        code.clone_into(&mut self.code);
        self
    }

    /// The code for whoever asks for the next one.
    pub(crate) fn next_code(mut self, code: &str) -> Self {
        code.clone_into(&mut self.next_code);
        self
    }

    /// Who thinks for so long at the question for the password.
    pub(crate) fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The code of the message that will come as this file.
    pub(crate) fn code_of(self, message: &Path) -> Self {
        self.code(&message.to_string_lossy())
    }

    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A word for the client: `-T`, `-oPreferredAuthentications=password`.
    pub(crate) fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// The client, not started yet. What is remembered of the host must not change.
    pub(crate) fn client(&self) -> Command {
        let mut command = tool("ssh", "openssh-client");
        command
            .args(["-F", "none", "-p", &self.port.to_string()])
            .args(["-o", "StrictHostKeyChecking=accept-new"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.known_hosts.display()))
            .args(["-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1"])
            .args(["-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes"])
            .args(&self.options)
            .arg(format!("{}@{}", self.user, self.address))
            .env("SSH_ASKPASS", &self.askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("ANSWER_PASSWORD", &self.password)
            .env("ANSWER_CODE", &self.code)
            .env("ANSWER_NEXT_CODE", &self.next_code)
            .env("ANSWER_PAUSE", self.pause.as_secs().to_string());
        command
    }

    /// `ssh HOST 'LINES'`.
    pub(crate) fn exec(&self, lines: &str) -> Said {
        run(self.client().arg(lines), "")
    }

    /// `ssh -T HOST <LINES`.
    pub(crate) fn pipe(&self, lines: &str) -> Said {
        run(&mut self.clone().option("-T").client(), lines)
    }

    /// `ssh HOST` at a terminal.
    pub(crate) fn terminal(&self) -> Terminal {
        Terminal::open(&mut self.clone().option("-tt").client())
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut file = self.askpass.clone().into_os_string();
        file.push(".asked");
        let asked = fs::read_to_string(file).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }
}

/// The one-time password of the first start.
#[track_caller]
pub(crate) fn one_time_password(running: &Running) -> String {
    let said = running.first_password();
    let words = after(&said, "one-time password");
    words.split_whitespace().next().unwrap().to_owned()
}

/// `admin` logs in for the first time and chooses a password.
#[track_caller]
pub(crate) fn first_login(home: &Home, running: &Running) -> Ssh {
    let mut terminal = Ssh::new(home, "admin", &one_time_password(running)).terminal();
    for question in ["New Password: ", "Confirm Password: "] {
        terminal.expect(question);
        terminal.type_in(&format!("{ADMIN_PASSWORD}\r"));
    }
    terminal.expect(" # ");
    terminal.type_in("exit\r");
    terminal.ended();
    Ssh::admin(home)
}
