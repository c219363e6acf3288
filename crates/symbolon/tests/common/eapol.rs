//! A Wi-Fi device and its access point: `eapol_test` of `wpa_supplicant`.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Home, PATIENCE, SECRET, run, tool, until};

/// A device that knows the server's certificate.
pub(crate) struct Device<'a> {
    home: &'a Home,
    trust: PathBuf,
}

/// How a conversation ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) let_in: bool,
    pub(crate) said: String,
}

impl<'a> Device<'a> {
    /// One that was given the authority of `radius-identity`.
    pub(crate) fn new(home: &'a Home) -> Self {
        let identity = fs::read_to_string(home.data().join("gateway/radius.pem")).unwrap();
        let from = identity.rfind("-----BEGIN CERTIFICATE").unwrap();
        let trust = home.path("radius-certificate.pem");
        fs::write(&trust, &identity[from..]).unwrap();
        Self { home, trust }
    }

    /// One that trusts another certificate.
    pub(crate) fn trusting(self, trust: PathBuf) -> Self {
        Self { trust, ..self }
    }

    /// Connects as `wpa_supplicant.conf` says in `network`.
    pub(crate) fn connect(&self, network: &str) -> Ended {
        let said = run(&mut self.command(network, &[]), "");
        let said = said.out + &said.err;
        let let_in = said.trim_end().ends_with("SUCCESS");
        assert!(let_in || said.trim_end().ends_with("FAILURE"), "{said}");
        Ended { let_in, said }
    }

    fn control(&self) -> PathBuf {
        self.home.path("device-control")
    }

    /// The command, to be run or broken off.
    pub(crate) fn command(&self, network: &str, more: &[&str]) -> Command {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = self.home.path(&format!("device-{number}.conf"));
        let trust = self.trust.display();
        let control = self.control().display().to_string();
        let text = format!(
            "ctrl_interface={control}\nnetwork={{\nssid=\"corridor\"\nkey_mgmt=WPA-EAP\nca_cert=\"{trust}\"\n{network}\n}}\n"
        );
        fs::write(&file, text).unwrap();
        let mut command = tool("eapol_test", "eapoltest");
        command
            .arg("-c")
            .arg(file)
            .args(["-a", &self.home.radius.ip().to_string()])
            .args(["-p", &self.home.radius.port().to_string()])
            .args(["-s", SECRET, "-A", "127.0.0.1", "-t", "20"])
            .args(more);
        command
    }
}

/// A device whose owner reads each question and types the answer.
pub(crate) struct Typing {
    child: Child,
    control: UnixDatagram,
}

impl Device<'_> {
    /// Connects without a stored password.
    pub(crate) fn type_into(&self, network: &str) -> Typing {
        let mut command = self.command(network, &["-W"]);
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let own = self.home.path("device-monitor");
        let _ = fs::remove_file(&own);
        let control = UnixDatagram::bind(own).unwrap();
        let socket = self.control().join("test");
        until("the device has a control socket", || {
            control.connect(&socket).is_ok()
        });
        control.set_read_timeout(Some(PATIENCE)).unwrap();
        control.send(b"ATTACH").unwrap();
        Typing { child, control }
    }
}

impl Typing {
    /// Waits for a question; what it is.
    #[track_caller]
    pub(crate) fn question(&self) -> String {
        let mut event = [0; 4_096];
        loop {
            let length = self.control.recv(&mut event).unwrap();
            let event = String::from_utf8_lossy(&event[..length]).into_owned();
            if let Some((_, question)) = event.split_once("CTRL-REQ-OTP-0:") {
                return question.to_owned();
            }
        }
    }

    /// Types what is asked for.
    pub(crate) fn answer(&self, typed: &str) {
        let answer = format!("CTRL-RSP-OTP-0:{typed}");
        self.control.send(answer.as_bytes()).unwrap();
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn ended(self) -> Ended {
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Ended {
            let_in: said.trim_end().ends_with("SUCCESS"),
            said,
        }
    }

    /// Walks away.
    pub(crate) fn leave(mut self) {
        self.control.send(b"TERMINATE").unwrap();
        self.child.wait().unwrap();
    }
}
