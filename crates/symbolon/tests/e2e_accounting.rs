//! RADIUS accounting, asked for by `radclient`, and where it goes.
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

use std::fs;
use std::net::SocketAddr;

use common::{Home, Running, SECRET, free_port, run, tool};

struct Client {
    server: SocketAddr,
    secret: &'static str,
}

impl Client {
    fn ask(&self, kind: &str, attributes: &str) -> String {
        let said = run(
            tool("radclient", "freeradius-utils")
                .args(["-x", "-r", "1", "-t", "2"])
                .arg(self.server.to_string())
                .args([kind, self.secret]),
            attributes,
        );
        said.out + &said.err
    }

    #[track_caller]
    fn is_answered(&self, kind: &str, attributes: &str) {
        let said = self.ask(kind, attributes);
        assert!(said.contains("Received Accounting-Response"), "{said}");
    }

    #[track_caller]
    fn is_not_answered(&self, attributes: &str) {
        let said = self.ask("acct", attributes);
        assert!(said.contains("No reply from server"), "{said}");
    }
}

fn session(status: &str) -> String {
    format!(
        "User-Name = \"CORP\\\\Alice\", Acct-Status-Type = {status}, Acct-Session-Id = \"7f-31\", \
         Calling-Station-Id = \"198.51.100.7\", Acct-Session-Time = 65, Acct-Input-Octets = 1000, \
         Acct-Output-Octets = 2000"
    )
}

#[test]
fn sessions_are_answered_once_they_are_in_the_event_log() {
    let home = Home::new();
    let server = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let toml = home
        .configuration()
        .replace("accounting = []", &format!("accounting = [\"{server}\"]"));
    fs::write(home.data().join("symbolon.toml"), toml).unwrap();
    let up = Running::up(&home);
    let secret = SECRET;
    let client = Client { server, secret };
    client.is_not_answered(&session("Start"));
    home.radius_client("vpn1", "127.0.0.1", "");
    client.is_answered("acct", &session("Start"));
    client.is_answered("acct", &session("Interim-Update"));
    client.is_answered("acct", &session("Stop"));
    client.is_answered("acct", "Acct-Status-Type = Accounting-On");
    client.is_answered("status", "Message-Authenticator = 0x00");
    client.is_not_answered("User-Name = \"alice\"");
    let forger = Client {
        server,
        secret: "another-secret",
    };
    forger.is_not_answered(&session("Start"));

    let log = home
        .console("execute log filter field user alice\nexecute log display")
        .ok();
    let of = |id: &str| {
        log.lines()
            .filter(|line| line.contains(id))
            .collect::<Vec<_>>()
    };
    let (started, stopped) = (of("0102099016"), of("0102099017"));
    assert_eq!((started.len(), stopped.len()), (1, 1), "{log}");
    let msg = "User alice stopped session 7f-31, 65 s, 1000 octets in, 2000 octets out";
    assert!(stopped[0].contains(msg), "{log}");
    assert!(stopped[0].contains("srcip=198.51.100.7"), "{log}");
    let clients = home.console("diagnose radius clients").ok();
    assert!(clients.contains("127.0.0.1"), "{clients}");
    up.stop();
}
