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
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use common::apart::{Apart, import, invite, registry};
use common::authority::Authority;
use common::https_gateway::Gateway;
use common::phone::{Phone, activation_code, enrol};
use common::radius::{Answer, Vpn};
use common::relay::Relay;
use common::{Home, PASSWORD, Running, Said, run, tool, until};
use registry::pki::Pki;

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

/// A certificate of an authority that the installation does not have, and its key, in files that a configuration
/// names.
struct Files<'h> {
    home: &'h Home,
    company: Authority,
}

impl<'h> Files<'h> {
    fn of(home: &'h Home) -> Self {
        let company = Authority::new(&home.path(""));
        let files = Self { home, company };
        files.put(&files.made("web"), "web.key");
        files
    }

    /// A certificate for `localhost` in `NAME.pem`, its key in `NAME.key`; with those of its authorities.
    fn made(&self, name: &str) -> String {
        self.company.certify(name, "DNS:localhost", "90");
        self.company.read(&format!("{name}.pem")) + &self.company.read("company.pem")
    }

    /// Replaces the files.
    fn put(&self, chain: &str, key: &str) {
        fs::copy(self.home.path(key), self.home.path("shown.key")).unwrap();
        fs::write(self.home.path("shown.pem"), chain).unwrap();
    }

    /// The configuration with these lines where the template has those of `TEMPLATE.pem` and `TEMPLATE.key`.
    fn configure(&self, template: &str, lines: &str) {
        let commented = format!(
            "# certificate = \"certificates/{template}.pem\"\n# key = \"certificates/{template}.key\"\n"
        );
        let (tokens, relay) = (self.home.https, self.home.relay);
        let configuration = self.home.configuration();
        assert!(configuration.contains(&commented));
        let toml = configuration
            .replace(&commented, lines)
            .replace(&format!("https://{tokens}"), &local(tokens.port()))
            .replace(&format!("https://{relay}"), &local(relay.port()));
        fs::write(self.home.data().join("symbolon.toml"), toml).unwrap();
    }

    fn lines(&self) -> String {
        let [certificate, key] = ["shown.pem", "shown.key"].map(|file| self.home.path(file));
        let (certificate, key) = (certificate.display(), key.display());
        format!("certificate = \"{certificate}\"\nkey = \"{key}\"\n")
    }

    fn is_believed(&self, port: u16, path: &str) -> Said {
        let trusted = self.company.path("company.pem");
        run(&mut curl(&trusted, "localhost", port, path), "")
    }
}

/// By a name, which is what certificates are chosen by.
fn local(port: u16) -> String {
    format!("https://localhost:{port}")
}

/// The certificates that a browser is shown.
fn shown(port: u16) -> String {
    let mut command = tool("openssl", "openssl");
    command.args(["s_client", "-showcerts", "-servername", "localhost"]);
    run(command.args(["-connect", &format!("127.0.0.1:{port}")]), "").ok()
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
fn a_token_server_apart_shows_browsers_what_its_files_are_replaced_by() {
    let tokens = Home::new();
    let files = Files::of(&tokens);
    files.configure("tokens", &files.lines());
    let server = Running::start(&mut registry(&tokens), &tokens);
    let port = tokens.https.port();
    assert_eq!(files.is_believed(port, "/app/").ok(), "200");
    assert_eq!(
        shown(port).matches("BEGIN CERTIFICATE").count(),
        2,
        "the chain"
    );

    // Gateways and phones that know the installation's authority go on with it.
    let mut gateway = Apart::of(&tokens);
    gateway.server = local(port);
    let gateway = gateway.enrolled(&tokens, "FGVMTEST00000001");
    let running = gateway.start();
    let token = import(&gateway, &tokens.issue(1)).remove(0);
    let code = activation_code(&gateway.home.user("alice", &token));
    let phone = Phone::new(&tokens, "alice").at_server(local(port), tokens.authority());
    phone.add(&code, "alice").ok();
    running.stop();

    let renewed = files.made("renewed");
    files.put(&renewed, "renewed.key");
    let is_shown = |name: &str| {
        let certificate = files.company.read(&format!("{name}.pem"));
        shown(port).contains(certificate.trim())
    };
    until("the renewed certificate is shown", || is_shown("renewed"));

    // What cannot be used is told of, and changes nothing.
    let other = files.made("other");
    files.put(&other, "web.key");
    let wrong = || {
        let log = tokens.log();
        let lines = log.lines();
        let lines = lines.filter(|it| it.contains("browsers are shown the certificate of before"));
        let lines = lines.filter(|it| it.contains("shown.pem: it belongs to another key"));
        lines.count()
    };
    until("the log says what is wrong", || wrong() > 0);
    assert!(is_shown("renewed"));
    // It is tried again, and told once.
    let told = wrong();
    thread::sleep(Duration::from_secs(12));
    assert_eq!(wrong(), told);
    files.put(&other, "other.key");
    until("what was put right is shown", || is_shown("other"));
    assert_eq!(files.is_believed(port, "/app/").ok(), "200");
    server.stop();
}

#[test]
fn a_role_does_not_start_with_files_that_tls_cannot_use() {
    let home = Home::new();
    let files = Files::of(&home);
    let refused = || run(&mut registry(&home), "").refused();
    let lines = files.lines();
    let alone = lines.split_inclusive('\n').next().unwrap();
    files.configure("tokens", alone);
    let said = refused();
    assert!(
        said.contains("[registry] has 'certificate' and no 'key'"),
        "{said}"
    );

    files.configure("tokens", &lines.replace("shown.pem", "none.pem"));
    let said = refused();
    assert!(
        said.contains("none.pem: No such file or directory"),
        "{said}"
    );

    files.configure("tokens", &lines);
    let chain = fs::read_to_string(home.path("shown.pem")).unwrap();
    files.made("other");
    let reversed = files.company.read("company.pem") + &files.company.read("web.pem");
    for (chain, key, why) in [
        (&*chain, "other.key", "it belongs to another key than that"),
        (&*reversed, "web.key", "the server's own certificate first"),
        (
            "nothing",
            "web.key",
            "there is no certificate (PEM) in it: name the file",
        ),
        (
            &chain.repeat(5),
            "web.key",
            "there are more than 8 certificates in it",
        ),
        (
            &*chain,
            "web.pem",
            "shown.key: its mode is 0644, others may read it",
        ),
    ] {
        files.put(chain, key);
        let said = refused();
        assert!(said.contains("[registry] "), "{said}");
        assert!(said.contains(why), "{said}");
    }
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(home.path("shown.key"), owner_only).unwrap();
    let said = refused();
    assert!(
        said.contains("there is no private key (PEM) in it"),
        "{said}"
    );

    // Where a gateway is in the process, its configuration says what is shown.
    for (template, section) in [("tokens", "[registry]"), ("push", "[relay]")] {
        files.configure(template, &lines);
        let said = run(&mut home.up(), "").refused();
        assert!(
            said.contains(section) && said.contains("'config certificate local'"),
            "{said}"
        );
    }
}

#[test]
fn files_in_a_section_that_a_role_does_not_read_are_warned_of() {
    let (tokens, own) = (Home::new(), Home::new());
    let gateway = Apart::of(&tokens);
    for (home, template) in [(&tokens, "push"), (&own, "tokens"), (&gateway.home, "push")] {
        let files = Files::of(home);
        files.configure(template, &files.lines());
    }
    let warned = |home: &Home, section: &str| {
        let told = format!("certificate and key under {section} are not read here");
        until("the log says so", || home.log().contains(&told));
    };
    let server = Running::start(&mut registry(&tokens), &tokens);
    warned(&tokens, "[relay]");
    let pki = Pki::open_or_create(&tokens.data().join("registry/pki"), &[]).unwrap();
    let relay = Relay::start(&own, &pki, own.relay, "info");
    warned(&own, "[registry]");
    let gateway = gateway.enrolled(&tokens, "FGVMTEST00000001");
    let running = gateway.start();
    warned(&gateway.home, "[relay]");
    running.stop();
    drop(relay);
    server.stop();
}

#[test]
fn a_relay_apart_shows_browsers_a_certificate_and_phones_another() {
    const CLIENT: &str = "127.0.0.1";
    let (home, own) = (Home::new(), Home::new());
    let files = Files::of(&own);
    files.configure("push", &files.lines());
    let (port, dialled) = (own.relay.port(), local(own.relay.port()));
    let toml = home.configuration();
    let toml = toml.replace(&format!("https://{}", home.relay), &dialled);
    fs::write(home.data().join("symbolon.toml"), toml).unwrap();
    let up = Running::up(&home);
    let pki = Pki::open_or_create(&home.data().join("registry/pki"), &[]).unwrap();
    let relay = Relay::start(&own, &pki, format!("localhost:{port}"), "info");
    files.is_believed(port, "/").ok();
    let renewed = files.made("renewed");
    files.put(&renewed, "renewed.key");
    let leaf = files.company.read("renewed.pem");
    until("the renewed certificate is shown", || {
        shown(port).contains(leaf.trim())
    });

    home.radius_client("vpn1", CLIENT, "");
    home.console("config system ftm-push\nset status enable\nend")
        .ok();
    let token = home.import(1).remove(0);
    let phone = enrol(&home, "alice", &token);
    let vpn = Vpn::new(&home, CLIENT);
    let offer = vpn.ask("alice", PASSWORD);
    let asked = vpn.answer("alice", "push", &offer);
    let Answer::Challenge(_, prompt) = &asked else {
        panic!("{asked:?}");
    };
    let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
    phone.app(&["push", "--approve", &number]).ok();
    assert_eq!(
        vpn.answer_patiently("alice", "push", &asked),
        Answer::Accept
    );
    drop(relay);
    up.stop();
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
