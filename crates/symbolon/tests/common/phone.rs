//! A person's phone: `symbolon app` with a vault of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use app::contents::{Contents, Server, Trust};
use app::device::Device;
use app::pin::Pin;
use app::vault::{Effort, Folder, Found, Places};
use serde_json::Value;
use softtoken::link::SpkiPin;

use super::{Home, Running, Said, after, at_offset, run, symbolon, until};

pub(crate) const PIN: &str = "2741";

/// A vault, its PIN and the clock of the machine that it is on.
pub(crate) struct Phone {
    directory: PathBuf,
    server: String,
    authority: PathBuf,
    offset: Option<&'static str>,
}

impl Phone {
    pub(crate) fn new(home: &Home, owner: &str) -> Self {
        let directory = home.path(&format!("phone of {owner}"));
        std::fs::create_dir_all(&directory).unwrap();
        let phone = Self {
            directory,
            server: format!("https://{}", home.https),
            authority: home.authority(),
            offset: None,
        };
        phone.set_pin(PIN);
        phone
    }

    /// A phone that activates its tokens at a server of its own.
    pub(crate) fn at_server(self, server: String, authority: PathBuf) -> Self {
        Self {
            server,
            authority,
            ..self
        }
    }

    /// The phone's clock is wrong by `offset`, or all clocks are moved.
    pub(crate) fn at(mut self, offset: &'static str) -> Self {
        self.offset = Some(offset);
        self
    }

    /// What its owner types as the PIN from now on.
    pub(crate) fn set_pin(&self, pin: &str) {
        std::fs::write(self.directory.join("pin"), format!("{pin}\n")).unwrap();
    }

    /// Has the app open with another PIN; where it does so, the owner types that from now on.
    pub(crate) fn change_pin(&self, pin: &str) -> Said {
        let new = self.directory.join("new pin");
        std::fs::write(&new, format!("{pin}\n")).unwrap();
        let said = self.app(&["pin", "--new-pin-file", &new.to_string_lossy()]);
        if said.status.success() {
            self.set_pin(pin);
        }
        said
    }

    /// The app, whose owner types no PIN.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.at_hand(words);
        command.arg("--pin-file").arg(self.directory.join("pin"));
        command
    }

    /// The app with its owner before it, who types the PIN.
    pub(crate) fn at_hand(&self, words: &[&str]) -> Command {
        let mut command = symbolon();
        command
            .arg("app")
            .args(words)
            .arg("--data")
            .arg(self.directory.join("vault"))
            .arg("--secrets")
            .arg(self.directory.join("secrets"));
        if let Some(offset) = self.offset {
            at_offset(&mut command, offset);
        }
        command
    }

    pub(crate) fn app(&self, words: &[&str]) -> Said {
        run(&mut self.command(words), "")
    }

    /// The same, typed in this directory.
    pub(crate) fn app_in(&self, directory: &Path, words: &[&str]) -> Said {
        run(self.command(words).current_dir(directory), "")
    }

    /// The app as it runs while its owner does other things: nothing is typed, and what it says is read.
    pub(crate) fn left_open(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    /// A phone of somebody who read the secrets of this one's tokens: its device keys are others.
    pub(crate) fn copied(&self, home: &Home) -> Self {
        let copy = Self::new(home, "somebody else");
        let mut copied = json(&self.contents());
        let mut own = json(&Contents::new(Device::generate().unwrap()));
        for key in ["signing_key", "sealing_key"] {
            copied[key] = own[key].take();
        }
        let contents = Contents::from_json(copied.to_string().as_bytes()).unwrap();
        let Found::Nothing(folder) = copy.found() else {
            panic!("a vault before it is made");
        };
        folder
            .create(&copy.pin(), Effort::RECOMMENDED, contents)
            .unwrap();
        copy
    }

    /// What the app keeps.
    pub(crate) fn contents(&self) -> Contents {
        let Found::Vault(vault) = self.found() else {
            panic!("no vault");
        };
        vault.open(&self.pin()).unwrap().into_contents()
    }

    /// As where its tokens came before their token server got the authority that it has.
    pub(crate) fn knows_another_authority(&self) {
        let Found::Vault(vault) = self.found() else {
            panic!("no vault");
        };
        let mut vault = vault.open(&self.pin()).unwrap();
        let named = vault.contents.server().unwrap().clone();
        let trust = Trust::Pin(SpkiPin::of_spki(b"the authority before"));
        vault.contents.believe(&Server {
            trust,
            ..named.clone()
        });
        vault.contents.remember_server(named);
        vault.save().unwrap();
    }

    fn found(&self) -> Found {
        let places = Places {
            data: self.directory.join("vault"),
            secrets: self.directory.join("secrets"),
            machine_id: "/etc/machine-id".into(),
        };
        Folder::lock(places).unwrap().look().unwrap()
    }

    fn pin(&self) -> Pin {
        let typed = std::fs::read_to_string(self.directory.join("pin")).unwrap();
        Pin::parse(typed.trim_end()).unwrap()
    }

    /// Types an activation code.
    pub(crate) fn add(&self, code: &str, name: &str) -> Said {
        let authority = self.authority.to_string_lossy();
        let server = ["--server", &self.server, "--ca", &authority];
        let mut words = vec!["add", code, "--name", name];
        words.extend(server);
        self.app(&words)
    }

    /// The code that it shows for a token.
    #[track_caller]
    pub(crate) fn code(&self, name: &str) -> String {
        let shown = self.app(&["code", name]).ok();
        shown.split_whitespace().next().unwrap().to_owned()
    }
}

fn json(contents: &Contents) -> Value {
    serde_json::from_slice(&contents.to_json().unwrap()).unwrap()
}

/// Waits until the administrator is told, once, that two phones answer with this token.
#[track_caller]
pub(crate) fn two_phones_are_told(home: &Home, token: &str) {
    let line = format!("two phones answered with token {token}");
    until("diagnose security says that a token was copied", || {
        home.console("diagnose security").ok().contains(&line)
    });
    let show = format!("execute log filter field serialno {token}\nexecute log display");
    let shown = home.console(&show).ok();
    let mut alarms = shown.lines().filter(|line| line.contains("0100099037"));
    let alarm = alarms.next().expect(&shown);
    assert!(alarm.contains("level=\"alert\""), "{alarm}");
    assert_eq!(alarms.next(), None);
}

/// The activation code that the console shows to an administrator.
#[track_caller]
pub(crate) fn activation_code(shown: &str) -> String {
    after(shown, "activation-code").to_owned()
}

/// A system on which people are asked on their phones when they log in through this client, and alice's phone.
pub(crate) fn pushed_to(client: &str) -> (Home, Running, Phone) {
    let home = Home::new();
    let up = Running::up(&home);
    home.radius_client("vpn1", client, "");
    home.console("config system ftm-push\nset status enable\nend")
        .ok();
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    (home, up, phone)
}

/// A user whose token is on a phone, known to the gateway: ready to log in.
#[track_caller]
pub(crate) fn enrol(home: &Home, user: &str, token: &str) -> Phone {
    let shown = home.user(user, token);
    let phone = Phone::new(home, user);
    phone.add(&activation_code(&shown), user).ok();
    home.console("execute fortitoken-mobile poll").ok();
    phone
}

/// Lets users move their tokens, at this port.
#[track_caller]
pub(crate) fn set_transfers(home: &Home, port: u16) {
    home.console(&format!(
        "config system interface\nedit lo\nset allowaccess ssh ftm\nend\n\
         config system ftm-push\nset token-transfer enable\nset server 127.0.0.1\n\
         set server-port {port}\nend"
    ))
    .ok();
}

/// Lets users move their tokens, at this port, and waits until the token server knows: this phone has the token
/// `alice`.
#[track_caller]
pub(crate) fn allow_transfers(home: &Home, port: u16, phone: &Phone) {
    set_transfers(home, port);
    until("the token server knows the gateway's address", || {
        let status = phone.app(&["transfer", "status", "alice"]);
        status.status.success()
    });
}
