//! Certificates by ACME, from the authority's own test server (Pebble).
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
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::authority::Authority;
use common::{Home, Running, free_port, run, tool, until};

/// The name that is certified; the DNS server of the test leads every name to this machine.
const NAME: &str = "tokens.example.net";

/// Pebble, and the DNS server that comes with it.
struct Pebble {
    directory: String,
    management: u16,
    running: [Child; 2],
}

impl Pebble {
    /// It comes to `port` with its challenges, and its certificates live so long.
    fn start(company: &Authority, port: u16, life_s: u64) -> Self {
        company.certify("pebble", "IP:127.0.0.1", "2");
        let (listen, management, dns) = (free_port(), free_port(), free_port());
        let config = format!(
            r#"{{"pebble": {{"listenAddress": "127.0.0.1:{listen}", "managementListenAddress": "127.0.0.1:{management}",
            "certificate": "pebble.pem", "privateKey": "pebble.key", "httpPort": {}, "tlsPort": {port},
            "certificateValidityPeriod": {life_s}}}}}"#,
            free_port()
        );
        fs::write(company.path("pebble.json"), config).unwrap();
        let mut names = tool("pebble-challtestsrv", "pebble");
        names.args([
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-defaultIPv6",
            "",
        ]);
        names.args(["-management", &format!("127.0.0.1:{}", free_port())]);
        names.args(["-dns01", &format!("127.0.0.1:{dns}")]);
        let mut server = tool("pebble", "pebble");
        server.args(["-strict", "-config", "pebble.json"]);
        server.args(["-dnsserver", &format!("127.0.0.1:{dns}")]);
        // It would wait for up to 15 seconds before each look.
        server.env("PEBBLE_VA_NOSLEEP", "1");
        let start = |command: &mut Command, log: &str| {
            let log = fs::File::create(company.path(log)).unwrap();
            let logged = command.current_dir(company.path("")).stdout(log);
            logged.stderr(Stdio::null()).spawn().unwrap()
        };
        let running = [
            start(&mut names, "names.log"),
            start(&mut server, "pebble.log"),
        ];
        until("Pebble listens", || {
            TcpStream::connect(("127.0.0.1", listen)).is_ok()
        });
        Self {
            directory: format!("https://127.0.0.1:{listen}/dir"),
            management,
            running,
        }
    }

    /// The root of what it gives; another one at each start.
    fn root(&self, company: &Authority) {
        let mut command = tool("curl", "curl");
        command
            .arg("-sS")
            .arg("--cacert")
            .arg(company.path("company.pem"));
        command.arg(format!("https://127.0.0.1:{}/roots/0", self.management));
        fs::write(company.path("root.pem"), run(&mut command, "").ok()).unwrap();
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.running {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

struct Acme {
    home: Home,
    _up: Running,
    company: Authority,
    pebble: Pebble,
}

impl Acme {
    fn start(life_s: u64) -> Self {
        let home = Home::new();
        let up = Running::up(&home);
        let company = Authority::new(&home.path(""));
        let trusted = home.data().join("certificates/company.pem");
        fs::copy(company.path("company.pem"), trusted).unwrap();
        let pebble = Pebble::start(&company, home.https.port(), life_s);
        Self {
            home,
            _up: up,
            company,
            pebble,
        }
    }

    fn enrol(&self, domain: &str, more: &str) {
        let directory = &self.pebble.directory;
        self.home
            .console(&format!(
                "config certificate local\nedit web\nset enroll-protocol acme2\nset acme-ca-url {directory}\n\
                 set acme-domain {domain}\nset acme-email admin@example.net\n{more}\nend"
            ))
            .ok();
    }

    fn details(&self) -> String {
        self.home.console("get vpn certificate local details").ok()
    }

    fn serial(&self) -> Option<String> {
        let details = self.details();
        let (_, rest) = details.split_once("Serial number:  ")?;
        rest.lines().next().map(str::to_owned)
    }

    /// What curl gets that trusts the authority's root.
    fn browse(&self) -> String {
        let port = self.home.https.port();
        let mut command = tool("curl", "curl");
        command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]);
        command.arg(self.company.path("root.pem"));
        command.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")]);
        command.arg(format!("https://{NAME}:{port}/app/"));
        run(&mut command, "").out
    }
}

impl Drop for Acme {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.details());
        }
    }
}

#[test]
fn an_authority_gives_a_certificate_and_another_in_time() {
    let acme = Acme::start(30);
    acme.enrol(NAME, "set acme-ca-cert company.pem");
    until("the authority gives a certificate", || {
        acme.serial().is_some()
    });
    acme.pebble.root(&acme.company);
    acme.home
        .console("config system global\nset admin-server-cert web\nend")
        .ok();
    assert_eq!(acme.browse(), "200");

    let first = acme.serial().unwrap();
    until("it gives another one", || acme.serial().unwrap() != first);
    assert_eq!(acme.browse(), "200");
    let shown = acme.home.console("show certificate local").ok();
    assert!(shown.contains("set acme-account ENC "), "{shown}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    let log = acme
        .home
        .console("execute log filter category event\nexecute log display")
        .ok();
    assert!(log.contains("the authority gave a certificate"), "{log}");
}

#[test]
fn a_failure_says_why_and_what_to_do_and_a_change_tries_again() {
    let acme = Acme::start(3_600);
    // Nobody vouches for the authority.
    acme.enrol(NAME, "");
    until("the authority is not trusted", || {
        acme.details()
            .contains("'set acme-ca-cert' for an authority of your own")
    });
    // A name that the authority does not certify.
    acme.enrol("blocked.invalid_name", "set acme-ca-cert company.pem");
    until("the authority refuses the name", || {
        acme.details().contains("correct acme-domain")
    });
    acme.enrol(NAME, "");
    until("the authority gives a certificate", || {
        acme.serial().is_some()
    });
    assert!(!acme.details().contains("failed"), "{}", acme.details());
    // The order that failed made the account of the next one.
    let log = acme.company.read("pebble.log");
    assert!(log.contains("There are now 1 accounts"), "{log}");
    assert!(!log.contains("There are now 2 accounts"), "{log}");
}
