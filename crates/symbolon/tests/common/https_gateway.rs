//! A gateway that listens for HTTPS.

use std::fs;
use std::process::Command;

use super::{Home, Running, free_port, tool};

/// Has the gateway of `home` listen for logins over HTTPS from its next start on; its port.
pub(crate) fn listening(home: &Home) -> u16 {
    let port = free_port();
    let served = format!("\nhttps = [\"127.0.0.1:{port}\"]");
    let toml = home.configuration().replace("\nhttps = []", &served);
    fs::write(home.data().join("symbolon.toml"), toml).unwrap();
    port
}

pub(crate) struct Gateway {
    pub(crate) home: Home,
    pub(crate) up: Running,
    pub(crate) port: u16,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let home = Home::new();
        let port = listening(&home);
        let up = Running::up(&home);
        Self { home, up, port }
    }

    /// The same after a restart.
    pub(crate) fn restarted(self) -> Self {
        let Self { home, up, port } = self;
        up.stop();
        let up = Running::up(&home);
        Self { home, up, port }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// The certificate's pin, as it is shown at the start.
    pub(crate) fn pin(&self) -> &str {
        let (_, rest) = self.up.greeting.split_once("(pin-sha256:").unwrap();
        rest.split(')').next().unwrap()
    }

    /// curl, which posts its input and shows head and body of the answer.
    pub(crate) fn curl(&self, path: &str) -> Command {
        let mut command = tool("curl", "curl");
        command
            .args(["-sSi", "--http1.1", "--insecure", "--pinnedpubkey"])
            .arg(format!("sha256//{}", self.pin()))
            .args(["--data-binary", "@-"])
            .arg(self.url(path));
        command
    }
}
