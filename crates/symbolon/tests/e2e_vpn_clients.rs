//! Logins of VPN clients over HTTPS: openconnect and curl against `/remote/logincheck`.
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
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use common::https_gateway::Gateway;
use common::phone::enrol;
use common::{PASSWORD, Running, Said, run, tool};
use socket2::{Domain, Socket, Type};

trait VpnClients {
    /// openconnect logs in; its password and its answers stand on lines of their own.
    fn openconnect(&self, user: &str, typed: &str) -> Said;

    /// What is posted to `/remote/logincheck` is answered with: status, cookie, body.
    fn post(&self, form: &str) -> String;
}

const LOGINCHECK: &str = "/remote/logincheck";

impl VpnClients for Gateway {
    fn openconnect(&self, user: &str, typed: &str) -> Said {
        let mut command = tool("openconnect", "openconnect");
        command
            .args(["--protocol=fortinet", "--authenticate", "--passwd-on-stdin"])
            .args(["--user", user])
            .arg(format!("--servercert=pin-sha256:{}", self.pin()))
            .arg(self.url("/"));
        run(&mut command, typed)
    }

    fn post(&self, form: &str) -> String {
        run(&mut self.curl(LOGINCHECK), form).ok()
    }
}

/// The value behind `name=`, up to the next comma.
fn value<'a>(answer: &'a str, name: &str) -> &'a str {
    let (_, rest) = answer.split_once(&format!(",{name}=")).expect(answer);
    rest.split(',').next().unwrap().trim_end()
}

fn is_let_in(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 OK\r\n")
        && answer.ends_with("\r\n\r\nret=1,redir=/remote/fortisslvpn_xml")
        && answer.contains("\r\nSet-Cookie: SVPNCOOKIE=")
        && !answer.contains("SVPNCOOKIE=;")
}

fn is_refused(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 405 ")
        && answer.contains("\r\n\r\nret=0,")
        && answer.contains("\r\nSet-Cookie: SVPNCOOKIE=;")
}

#[test]
fn openconnect_logs_in_with_a_token() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.user_without_token("bob");
    let said = gateway.openconnect("bob", &format!("{PASSWORD}\n")).ok();
    assert!(said.contains("COOKIE='SVPNCOOKIE="), "{said}");

    let token = home.import(1).remove(0);
    let phone = enrol(home, "alice", &token);
    let typed = format!("{PASSWORD}\n{}\n", phone.code("alice"));
    let said = gateway.openconnect("alice", &typed);
    assert!(
        said.err.contains("Please enter your token code"),
        "{said:?}"
    );
    assert!(said.ok().contains("COOKIE='SVPNCOOKIE="));

    let said = gateway.openconnect("alice", &typed);
    assert!(!said.out.contains("COOKIE="), "{said:?}");
    home.login_says(
        "alice",
        "client logincheck  from 127.0.0.1  refused: code-replayed",
    );
    gateway.up.stop();
}

#[test]
fn a_challenge_is_answered_once_and_by_its_person() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.user_without_token("bob");
    let token = home.import(1).remove(0);
    let phone = enrol(home, "alice", &token);
    let challenge = || {
        let asked = gateway.post(&format!(
            "username=alice&credential={PASSWORD}&realm=&ajax=1"
        ));
        let (_, body) = asked.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with("ret=2,reqid="), "{asked}");
        assert_eq!(value(body, "chal_msg"), "Please enter your token code");
        assert!(
            body.contains(",tokeninfo=,") && asked.contains("SVPNCOOKIE=;"),
            "{asked}"
        );
        let reqid = body.strip_prefix("ret=2,reqid=").unwrap();
        format!(
            "reqid={}&polid={}",
            reqid.split(',').next().unwrap(),
            value(body, "polid")
        )
    };
    let code = phone.code("alice");
    let state = challenge();
    let of_another = gateway.post(&format!("username=bob&{state}&code={code}&code2="));
    assert!(is_refused(&of_another), "{of_another}");
    let said = home.login_says("bob", "refused: challenge-unknown");
    assert!(said.contains("the challenge is another user's"), "{said}");
    // Whoever else knows it has ended nothing.
    let right = gateway.post(&format!(
        "username=ALICE&{state}&code={code}&code2=&magic=x"
    ));
    assert!(is_let_in(&right), "{right}");
    let again = gateway.post(&format!("username=alice&{state}&code={code}&code2="));
    assert!(is_refused(&again), "{again}");
    home.login_says("alice", "refused: challenge-unknown");
    gateway.up.stop();
}

#[test]
fn a_realm_is_a_virtual_domain() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.console(&format!(
        "config system global\nset vdom-mode multi-vdom\nend\n\
         config vdom\nedit sales\nconfig user local\nedit erin\nset passwd {PASSWORD}\nend\nend"
    ))
    .ok();
    let login = |realm: &str| {
        gateway.post(&format!(
            "username=erin&credential={PASSWORD}&realm={realm}&ajax=1"
        ))
    };
    assert!(is_let_in(&login("sales")));
    for other in ["", "root", "Sales", "no+name"] {
        assert!(is_refused(&login(other)), "{other}");
    }
    gateway.up.stop();
}

#[test]
fn all_refusals_are_the_same_octets() {
    let gateway = Gateway::start();
    gateway.home.user_without_token("bob");
    let without_date = |answer: String| -> Vec<String> {
        let lines = answer.lines().filter(|line| !line.starts_with("Date: "));
        lines.map(ToOwned::to_owned).collect()
    };
    let wrong = gateway.post("username=bob&credential=wrong&realm=&ajax=1");
    assert!(is_refused(&wrong), "{wrong}");
    let stranger = gateway.post("username=nobody&credential=wrong&realm=&ajax=1");
    assert_eq!(without_date(stranger), without_date(wrong));
    gateway.home.login_says("bob", "refused: password-wrong");
    gateway.home.login_says("nobody", "refused: user-unknown");

    let nothing = gateway.post("ajax=1");
    assert!(nothing.starts_with("HTTP/1.1 400 "), "{nothing}");
    let long = gateway.post(&format!("username=bob&credential={}", "x".repeat(5_000)));
    assert!(long.starts_with("HTTP/1.1 413 "), "{long}");
    gateway.up.stop();
}

#[test]
fn connections_that_ask_for_nothing_keep_nobody_out() {
    let gateway = Gateway::start();
    gateway.home.user_without_token("bob");
    let login = format!("username=bob&credential={PASSWORD}&realm=&ajax=1");
    // All places of sixteen addresses, and then those of the person's own.
    let listener = SocketAddr::from(([127, 0, 0, 1], gateway.port));
    let mut strangers: Vec<Socket> = Vec::new();
    for source in (2..18).chain([1]) {
        for _ in 0..64 {
            let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let source = SocketAddr::from(([127, 0, 0, source], 0));
            stranger.bind(&source.into()).unwrap();
            stranger.connect(&listener.into()).unwrap();
            strangers.push(stranger);
        }
        if strangers.len() >= 16 * 64 {
            let answer = gateway.post(&login);
            assert!(is_let_in(&answer), "{answer}");
        }
    }
    gateway.up.stop();
}

#[test]
fn a_login_whose_client_has_left_is_on_record() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    // It decides nothing, and that long after the client has left.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    home.console(&format!(
        "config system global\nset remoteauthtimeout 4\nend\n\
         config user radius\nedit hq\nset server 127.0.0.1\nset secret of-the-silent-one\n\
         set radius-port {port}\nend\n\
         config user local\nedit bob\nset type radius\nset radius-server hq\nend"
    ))
    .ok();
    let mut leaving = gateway.curl(LOGINCHECK);
    let said = run(
        leaving.args(["--max-time", "2"]),
        "username=bob&credential=wrong&realm=&ajax=1",
    );
    assert!(said.err.contains("timed out"), "{said:?}");
    home.login_says("bob", "not decided: backend-unreachable");
    gateway.up.stop();
}

#[test]
fn the_certificate_stays_and_may_be_ones_own() {
    let gateway = Gateway::start();
    let identity = gateway.home.data().join("gateway/https.pem");
    assert_eq!(
        fs::metadata(&identity).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (home, pin) = (gateway.home, gateway.up.greeting.clone());
    gateway.up.stop();
    let up = Running::up(&home);
    assert_eq!(up.greeting, pin);
    up.stop();
    fs::write(&identity, "no certificate\n").unwrap();
    let refused = Running::try_start(&mut home.up(), &home).err().unwrap();
    let said = refused + &home.log();
    assert!(said.contains("https.pem holds no certificate"), "{said}");
}
