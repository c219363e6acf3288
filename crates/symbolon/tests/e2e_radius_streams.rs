//! RADIUS by connections: over TCP by `radclient`, over TLS by `FreeRADIUS` as proxy and by `openssl`.
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
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use ::radius::{Authenticator, Code, Identifier, Packet, Request, Secret};
use common::phone::enrol;
use common::radius::{Answer, Vpn};
use common::radsec::{Authority, Proxy};
use common::{Home, PASSWORD, Running, SECRET, free_port, tool, until};

const CLIENT: &str = "127.0.0.1";

/// A home that serves RADIUS by connections too.
fn home(tcp: SocketAddr, tls: Option<SocketAddr>) -> Home {
    let home = Home::new();
    let toml = home.data().join("symbolon.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let text = text.replace("radius-tcp = []", &format!("radius-tcp = [\"{tcp}\"]"));
    let tls: Vec<String> = tls.iter().map(ToString::to_string).collect();
    let text = text.replace("radius-tls = []", &format!("radius-tls = {tls:?}"));
    fs::write(toml, text).unwrap();
    home
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn over_tcp(server: SocketAddr) -> Vpn {
    Vpn {
        server,
        source: CLIENT,
        secret: SECRET,
        transport: "tcp",
    }
}

fn status(secret: &str) -> Vec<u8> {
    let secret = Secret::new(secret.as_bytes()).unwrap();
    let request = Request::status_server(Identifier(7), Authenticator([7; 16]), &secret);
    request.encode().unwrap()
}

#[test]
fn a_login_over_tcp_is_a_login() {
    let tcp = free_address();
    let home = home(tcp, None);
    let up = Running::up(&home);
    assert!(
        up.greeting.contains(&format!("{tcp} (tcp)")),
        "{}",
        up.greeting
    );
    home.radius_client("vpn1", CLIENT, "set transport tcp");
    let vpn = over_tcp(tcp);
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    assert_eq!(vpn.status(), Answer::Accept);
    assert_eq!(vpn.ask("alice", "guess"), Answer::Reject);
    let code = phone.code("alice");
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    assert_eq!(vpn.log_in("alice", &code), Answer::Reject);
    home.login_says("alice", "refused: code-replayed");
    assert_eq!(Vpn::new(&home, CLIENT).status(), Answer::Silence);
    up.stop();
}

#[test]
fn a_connection_takes_packets_until_one_is_none_and_a_host_has_its_places() {
    let tcp = free_address();
    let home = home(tcp, None);
    let up = Running::up(&home);
    home.radius_client("vpn1", CLIENT, "");
    assert!(is_closed(&mut connect(tcp)), "a client by UDP alone");
    let log = home.log();
    for said in [
        "client 'vpn1' has this address and comes by tcp, but has 'set transport udp'",
        "config user radius-client / edit vpn1 / append transport tcp",
    ] {
        assert!(log.contains(said), "{log}");
    }
    home.console("config user radius-client\ndelete vpn1\nend")
        .ok();
    assert!(is_closed(&mut connect(tcp)), "a stranger");
    home.radius_client("vpn1", CLIENT, "append transport tcp");
    let mut connection = connect(tcp);
    let packet = status(SECRET);
    connection.write_all(&packet[..9]).unwrap();
    connection
        .write_all(&[&packet[9..], &packet].concat())
        .unwrap();
    for _ in 0..2 {
        assert_eq!(answer(&mut connection), Code::AccessAccept);
    }
    connection.write_all(&[1, 1, 0, 19]).unwrap();
    assert!(is_closed(&mut connection));

    let mut held: Vec<TcpStream> = (0..64).map(|_| connect(tcp)).collect();
    for connection in &mut held {
        connection.write_all(&packet).unwrap();
        assert_eq!(answer(connection), Code::AccessAccept);
    }
    assert!(is_closed(&mut connect(tcp)));
    drop(held);
    until("places are free again", || {
        over_tcp(tcp).status() == Answer::Accept
    });
    up.stop();
}

fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len() + 2).unwrap();
    [&[kind, length], value].concat()
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream
}

fn is_closed(connection: &mut TcpStream) -> bool {
    matches!(connection.read(&mut [0]), Ok(0)) || connection.write_all(&status(SECRET)).is_err()
}

fn answer(connection: &mut impl Read) -> Code {
    let mut packet = vec![0; 20];
    connection.read_exact(&mut packet).unwrap();
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    packet.resize(length, 0);
    connection.read_exact(&mut packet[20..]).unwrap();
    Packet::parse(&packet).unwrap().code()
}

#[test]
fn a_proxy_with_a_certificate_logs_people_in_over_tls() {
    let tls = free_address();
    let home = home(free_address(), Some(tls));
    let refused = Running::try_start(&mut home.up(), &home).err().unwrap();
    assert!(refused.is_empty());
    assert!(home.log().contains("radius-client-ca"), "{}", home.log());
    let authority = Authority::new(&home);
    let up = Running::up(&home);
    assert!(
        up.greeting.contains(&format!("{tls} (tls)")),
        "{}",
        up.greeting
    );
    home.radius_client(
        "proxy",
        CLIENT,
        "set transport tls\nset certificate-name Proxy.example.org",
    );
    let token = &home.import(1)[0];
    let phone = enrol(&home, "alice", token);
    let proxy = Proxy::start(&home, tls, &authority.issue("proxy.example.org"));
    let vpn = proxy.vpn();
    assert_eq!(vpn.ask("alice", "guess"), Answer::Reject);
    home.login_says("alice", "refused: password-wrong");
    let code = phone.code("alice");
    assert_eq!(vpn.log_in("alice", &code), Answer::Accept);
    home.login_says("alice", &format!("accepted: token {token}"));
    assert_eq!(vpn.log_in("alice", &code), Answer::Reject);
    home.user_without_token("bob");
    assert_eq!(vpn.ask("bob", PASSWORD), Answer::Accept);
    up.stop();
}

#[test]
fn who_has_no_certificate_or_another_name_hears_nothing_over_tls() {
    let tls = free_address();
    let home = home(free_address(), Some(tls));
    let authority = Authority::new(&home);
    let up = Running::up(&home);
    home.radius_client(
        "proxy",
        CLIENT,
        "set transport tls\nset certificate-name proxy.example.org",
    );
    let right = authority.issue("proxy.example.org");
    let other = authority.issue("other.example.org");
    let said = |packet: &[u8], more: &[&str]| {
        let mut client = tool("openssl", "openssl")
            .args(["s_client", "-quiet", "-connect", &tls.to_string()])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut to = client.stdin.take().unwrap();
        // Whoever is refused may be gone already.
        let _ = to.write_all(packet);
        let mut head = [0; 20];
        let heard = client.stdout.take().unwrap().read_exact(&mut head);
        drop(to);
        client.kill().unwrap();
        client.wait().unwrap();
        heard.is_ok().then(|| head[0])
    };
    let certificate = |it: &common::radsec::Certificate| {
        ["-cert".to_owned(), it.chain(), "-key".to_owned(), it.key()]
    };
    let asks = |packet: &[u8], it: &common::radsec::Certificate, more: &[&str]| {
        let words = certificate(it);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        said(packet, &[&words[..], more].concat())
    };
    let status = status("radsec");
    let with = |it: &common::radsec::Certificate, more: &[&str]| asks(&status, it, more);
    assert_eq!(with(&other, &[]), None);
    assert!(
        home.log().contains("certificate-name other.example.org"),
        "{}",
        home.log()
    );
    assert_eq!(with(&right, &[]), Some(Code::AccessAccept as u8));
    assert_eq!(with(&right, &["-alpn", "radius/1.0"]), Some(2));
    assert_eq!(with(&right, &["-alpn", "radius/9"]), None);
    home.user_without_token("bob");
    let by_token = |password: &str| {
        let attributes = [attribute(1, b"bob"), attribute(2, password.as_bytes())].concat();
        let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
        let head = [&[1, 0][..], &length, b"\x01\x02\x03\x04", &[0; 12]].concat();
        let packet = [head, attributes].concat();
        asks(&packet, &right, &["-alpn", "radius/1.1", "-tls1_3"])
    };
    assert_eq!(by_token("guess"), Some(Code::AccessReject as u8));
    assert_eq!(by_token(PASSWORD), Some(Code::AccessAccept as u8));
    let older = ["-alpn", "radius/1.1", "-tls1_2"];
    assert_eq!(with(&right, &older), None);
    assert_eq!(said(&status, &[]), None);
    up.stop();
}
