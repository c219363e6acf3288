//! `config certificate local`: what browsers are shown, by curl and openssl.
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
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::apart::{Apart, invite};
use common::authority::Authority;
use common::https_gateway::Gateway;
use common::phone::{Phone, activation_code, enrol};
use common::{Home, Running, Said, run, tool};

/// The name under which phones reach the unit.
const NAME: &str = "tokens.example.net";
const NAMES: &str = "DNS:tokens.example.net,DNS:vpn.example.net";

/// Types an entry; the answer.
fn set(home: &Home, name: &str, fields: &[(&str, &str)]) -> Said {
    let lines: Vec<String> = fields
        .iter()
        .map(|(field, text)| format!("set {field} \"{}\"\n", text.trim_end()))
        .collect();
    home.console(&format!(
        "config certificate local\nedit {name}\n{}end\n",
        lines.concat()
    ))
}

fn show(home: &Home, name: &str) -> Said {
    home.console(&format!(
        "config system global\nset admin-server-cert {name}\nend\n"
    ))
}

/// curl by name, trusting one authority; whether it believes the certificate.
fn curl(authority: &Path, name: &str, port: u16, path: &str) -> Command {
    let mut command = tool("curl", "curl");
    command
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg("--cacert")
        .arg(authority)
        .arg("--resolve")
        .arg(format!("{name}:{port}:127.0.0.1"))
        .arg(format!("https://{name}:{port}{path}"));
    command
}

trait Distrust {
    /// curl does not believe the certificate.
    fn distrusts(self);
}

impl Distrust for Said {
    #[track_caller]
    fn distrusts(self) {
        // CURLE_PEER_FAILED_VERIFICATION
        assert_eq!(self.status.code(), Some(60), "{}", self.err);
    }
}

/// A connection that stays open over `openssl s_client`.
struct Open(Child);

impl Open {
    fn to(port: u16) -> Self {
        let mut command = tool("openssl", "openssl");
        command
            .args([
                "s_client",
                "-quiet",
                "-connect",
                &format!("127.0.0.1:{port}"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut open = Self(command.spawn().unwrap());
        assert!(open.asks().starts_with("HTTP/1.1 "));
        open
    }

    /// One more request over it.
    fn asks(&mut self) -> String {
        let request = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
        self.0
            .stdin
            .as_mut()
            .unwrap()
            .write_all(request.as_bytes())
            .unwrap();
        let mut answer = BufReader::new(self.0.stdout.as_mut().unwrap());
        let mut status = String::new();
        answer.read_line(&mut status).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        while answer.read_line(&mut line).unwrap() > 2 {
            if let Some(octets) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = octets.trim().parse().unwrap();
            }
            line.clear();
        }
        answer.read_exact(&mut vec![0; length]).unwrap();
        status
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn an_imported_certificate_is_shown_to_browsers_without_a_restart() {
    let gateway = Gateway::start();
    let company = Authority::new(&gateway.home.path(""));
    company.certify("web", NAMES, "90");
    let trusted = company.path("company.pem");
    let app = gateway.home.https.port();
    let believed = |name: &str, port| run(&mut curl(&trusted, name, port, "/app/"), "");

    believed(NAME, app).distrusts();
    let mut open = Open::to(gateway.port);
    let (key, certificate) = (company.read("web.key"), company.read("web.pem"));
    set(
        &gateway.home,
        "web",
        &[("private-key", &key), ("certificate", &certificate)],
    )
    .ok();
    show(&gateway.home, "web").ok();

    assert_eq!(believed(NAME, app).ok(), "200");
    assert_eq!(believed("vpn.example.net", gateway.port).ok(), "404");
    assert!(
        open.asks().starts_with("HTTP/1.1 404"),
        "the connection from before is open"
    );

    // What the installation's own clients trust stays: browsers by address, the app by its pin.
    let own = gateway.home.authority();
    assert_eq!(
        run(&mut curl(&own, "localhost", app, "/app/"), "").ok(),
        "200"
    );
    let serials = gateway.home.import(1);
    enrol(&gateway.home, "alice", &serials[0]);

    let shown = gateway
        .home
        .console("show certificate local\nget vpn certificate local details")
        .ok();
    assert!(
        shown.contains("set private-key ENC ") && shown.contains("-----BEGIN CERTIFICATE-----\n"),
        "{shown}"
    );
    assert!(
        !shown.contains("PRIVATE KEY") && shown.contains("89 days left"),
        "{shown}"
    );
    assert!(
        shown.contains("Used by:        system global admin-server-cert"),
        "{shown}"
    );

    let refused = gateway
        .home
        .console("config certificate local\ndelete web\nend")
        .refused();
    assert!(
        refused.contains("system global names it in admin-server-cert"),
        "{refused}"
    );
    let gateway = gateway.restarted();
    assert_eq!(believed(NAME, app).ok(), "200");

    gateway.home.console("config system global\nunset admin-server-cert\nend\nconfig certificate local\ndelete web\nend").ok();
    believed(NAME, app).distrusts();
}

#[test]
fn a_certificate_that_tls_cannot_use_is_refused_with_the_reason() {
    let gateway = Gateway::start();
    let company = Authority::new(&gateway.home.path(""));
    company.certify("web", NAMES, "90");
    company.certify("other", NAMES, "90");
    let (key, certificate) = (company.read("web.key"), company.read("web.pem"));

    let other = set(
        &gateway.home,
        "web",
        &[
            ("private-key", &company.read("other.key")),
            ("certificate", &certificate),
        ],
    );
    let other = other.refused();
    assert!(
        other.contains("the certificate belongs to another key"),
        "{other}"
    );
    show(&gateway.home, "web").refused();

    set(&gateway.home, "web", &[("certificate", &certificate)]).ok();
    let lacking = show(&gateway.home, "web").refused();
    assert!(
        lacking.contains("'set private-key' is missing"),
        "{lacking}"
    );

    company.openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        "web.key",
        "-passout",
        "pass:open sesame",
        "-out",
        "sealed.key",
    ]);
    let sealed = company.read("sealed.key");
    let wrong = set(
        &gateway.home,
        "web",
        &[("private-key", &sealed), ("password", "closed")],
    )
    .refused();
    assert!(
        wrong.contains("the password does not open the private key"),
        "{wrong}"
    );
    assert!(!wrong.contains("closed"), "{wrong}");
    set(
        &gateway.home,
        "web",
        &[("private-key", &sealed), ("password", "open sesame")],
    )
    .ok();
    show(&gateway.home, "web").ok();

    let damaged = set(
        &gateway.home,
        "web",
        &[("certificate", &certificate.replace("MII", "AAA"))],
    )
    .refused();
    assert!(damaged.contains("no certificate in PEM"), "{damaged}");
    let none = gateway
        .home
        .console("config certificate local\nedit web\nunset private-key\nend")
        .refused();
    assert!(none.contains("'set private-key' is missing"), "{none}");
    set(&gateway.home, "web", &[("private-key", &key)]).ok();
}

#[test]
fn a_signing_request_leads_to_a_certificate_whose_key_never_left() {
    let gateway = Gateway::start();
    let company = Authority::new(&gateway.home.path(""));
    let trusted = company.path("company.pem");
    for (kind, size) in [("ec", "secp384r1"), ("rsa", "2048")] {
        let generated = gateway.home.console(&format!(
            "execute vpn certificate local generate {kind} {kind} {size} {NAME} CA Ontario Ottawa Example IT \
             it@example.net DNS:vpn.example.net"
        ));
        assert!(
            generated
                .ok()
                .contains("-----BEGIN CERTIFICATE REQUEST-----")
        );
        let exported = gateway
            .home
            .console(&format!(
                "execute vpn certificate local export terminal {kind}"
            ))
            .ok();
        let request = &exported[exported.find("-----BEGIN").unwrap()..];
        fs::write(company.path(&format!("{kind}.csr")), request).unwrap();
        let read = company.openssl(&[
            "req",
            "-noout",
            "-verify",
            "-text",
            "-in",
            &format!("{kind}.csr"),
        ]);
        assert!(
            read.contains("DNS:tokens.example.net, DNS:vpn.example.net"),
            "{read}"
        );
        assert!(
            read.contains("C = CA") && read.contains("O = Example"),
            "{read}"
        );
        company.sign(kind, NAMES, "90");
        set(
            &gateway.home,
            kind,
            &[("certificate", &company.read(&format!("{kind}.pem")))],
        )
        .ok();
        show(&gateway.home, kind).ok();
        let believed = curl(&trusted, NAME, gateway.home.https.port(), "/app/");
        assert_eq!(run(&mut { believed }, "").ok(), "200");
    }
    let twice = gateway.home.console(&format!(
        "execute vpn certificate local generate ec ec secp256r1 {NAME}"
    ));
    twice.refused();
}

#[test]
fn a_gateway_elsewhere_enrols_at_a_token_server_that_shows_browsers_another_certificate() {
    let home = Home::new();
    let url = format!("https://localhost:{}", home.https.port());
    let toml = home
        .configuration()
        .replace(&format!("https://{}", home.https), &url);
    fs::write(home.data().join("symbolon.toml"), toml).unwrap();
    let _up = Running::up(&home);
    let company = Authority::new(&home.path(""));
    company.openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "own.key",
    ]);
    company.openssl(&[
        "req",
        "-x509",
        "-key",
        "own.key",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-out",
        "own.pem",
    ]);
    set(
        &home,
        "own",
        &[
            ("private-key", &company.read("own.key")),
            ("certificate", &company.read("own.pem")),
        ],
    )
    .ok();
    show(&home, "own").ok();
    let mut browser = curl(
        &company.path("own.pem"),
        "localhost",
        home.https.port(),
        "/app/",
    );
    assert_eq!(run(&mut browser, "").ok(), "200");

    let mut apart = Apart::of(&home);
    apart.server = url.clone();
    home.desk(&["register-product", "FGVMTEST00000001"]).ok();
    apart.enrol(Some(&invite(&home, "FGVMTEST00000001"))).ok();
    let elsewhere = apart.start();
    assert!(apart.connection("status").starts_with("reachable"));
    assert_eq!(apart.reach(), "reachable");
    elsewhere.stop();

    let serials = home.import(1);
    let shown = home.user("alice", &serials[0]);
    let phone = Phone::new(&home, "alice").at_server(url, home.authority());
    phone.add(&activation_code(&shown), "alice").ok();
}

#[test]
fn a_phone_that_trusts_nobody_here_is_told_what_to_do() {
    let home = Home::new();
    let _up = Running::up(&home);
    let fetch = |path: &str, to: &str| {
        let mut command = tool("curl", "curl");
        command.args(["-sS", "--insecure", "-o"]).arg(home.path(to));
        command.arg(format!("https://{}{path}", home.https));
        run(&mut command, "").ok();
    };
    fetch("/phone", "page");
    fetch("/phone/ca.crt", "ca.crt");
    let mut openssl = tool("openssl", "openssl");
    openssl.args([
        "x509",
        "-inform",
        "DER",
        "-noout",
        "-fingerprint",
        "-sha256",
        "-in",
    ]);
    let said = run(openssl.arg(home.path("ca.crt")), "").ok();
    let (_, fingerprint) = said.trim().split_once('=').unwrap();
    let page = fs::read_to_string(home.path("page")).unwrap();
    assert!(page.contains(fingerprint), "{page}");
    assert!(page.contains("Certificate Trust Settings"), "{page}");
}
