//! Syslog servers of every kind, and what they get when they come, go and come back.
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

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use common::{Home, PATIENCE, Running, free_port, run, tool};

/// Tells the gateway of a server.
fn configure(home: &Home, name: &str, settings: &str) {
    home.console(&format!(
        "config log {name} setting\nset server 127.0.0.1\nset status enable\n{settings}\nend"
    ))
    .ok();
}

fn add_user(home: &Home, name: &str) {
    home.user_without_token(name);
}

/// The field of a line that the program wrote.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = line.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

fn receive(socket: &UdpSocket) -> String {
    let mut datagram = [0; 8_192];
    let length = socket.recv(&mut datagram).unwrap();
    String::from_utf8(datagram[..length].to_vec()).unwrap()
}

#[test]
fn datagrams_have_fortioss_form_and_follow_the_configuration() {
    let home = Home::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let up = Running::up(&home);
    configure(
        &home,
        "syslogd",
        &format!("set port {port}\nset facility local3"),
    );
    add_user(&home, "alice");
    let line = loop {
        let line = receive(&socket);
        if field(&line, "cfgobj") == Some("alice") {
            break line;
        }
    };
    // local3 is 19, information is 6.
    assert!(line.starts_with("<158>date="), "{line}");
    let serial = common::after(&up.greeting, "gateway").to_owned();
    assert_eq!(field(&line, "devname"), Some("symbolon"));
    assert_eq!(field(&line, "devid"), Some(&*serial));
    assert_eq!(field(&line, "tz"), Some("+0000"));
    assert_eq!(field(&line, "logid"), Some("0100044547"));
    assert_eq!(field(&line, "cfgpath"), Some("user.local"));
    assert!(!line.contains('\n'), "{line:?}");

    configure(&home, "syslogd", "set format cef");
    home.console("config log syslogd filter\nset severity warning\nend")
        .ok();
    add_user(&home, "bob");
    home.console("execute log delete-all\ny").ok();
    let line = receive_until(&socket, "event:system delete success");
    assert!(line.starts_with("<156>"), "{line}");
    assert!(line.contains(" CEF:0|Symbolon|"), "{line}");
    configure(&home, "syslogd", "set format rfc5424");
    home.console("config log syslogd filter\nset severity information\nend")
        .ok();
    add_user(&home, "carol");
    let line = receive_until(&socket, "user.local carol");
    assert!(line.starts_with("<158>1 "), "{line}");
    up.stop();
}

/// The first datagram that says something; those before it say nothing of bob.
fn receive_until(socket: &UdpSocket, wanted: &str) -> String {
    loop {
        let line = receive(socket);
        assert!(!line.contains("user.local bob"), "{line}");
        if line.contains(wanted) {
            return line;
        }
    }
}

/// Reads one message of counted octets.
fn frame(stream: &mut impl BufRead) -> Option<String> {
    let mut length = Vec::new();
    stream.read_until(b' ', &mut length).ok()?;
    let length: usize = std::str::from_utf8(&length).ok()?.trim().parse().ok()?;
    let mut message = vec![0; length];
    stream.read_exact(&mut message).ok()?;
    String::from_utf8(message).ok()
}

fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

/// Reads until the user of this name was made; all users on the way.
fn users_until(stream: &mut impl BufRead, last: &str, seen: &mut BTreeSet<String>) {
    while !seen.contains(last) {
        let line = frame(stream).expect("the connection ends too early");
        assert!(line.starts_with('<'), "{line}");
        seen.extend(field(&line, "cfgobj").map(str::to_owned));
    }
}

#[test]
fn over_tcp_nothing_is_lost_to_broken_connections_and_restarts() {
    let home = Home::new();
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let up = Running::up(&home);
    configure(
        &home,
        "syslogd3",
        &format!("set mode reliable\nset port {port}"),
    );
    let mut connection = accept(&listener);
    let mut seen = BTreeSet::new();
    add_user(&home, "u0");
    users_until(&mut connection, "u0", &mut seen);

    // The server goes away before it has read what is on the way to it.
    add_user(&home, "u1");
    drop(connection);
    add_user(&home, "u2");
    let mut connection = accept(&listener);
    users_until(&mut connection, "u2", &mut seen);
    drop(connection);
    drop(listener);

    // It is down for a while, and the gateway is killed meanwhile, and stopped.
    add_user(&home, "u3");
    up.kill();
    let up = Running::up(&home);
    add_user(&home, "u4");
    up.stop();
    let up = Running::up(&home);
    add_user(&home, "u5");
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut connection = accept(&listener);
    users_until(&mut connection, "u5", &mut seen);
    let all: BTreeSet<String> = (0..6).map(|number| format!("u{number}")).collect();
    assert!(seen.is_superset(&all), "{seen:?}");

    // A server that reads to the end hears nothing twice after an orderly end.
    let ending = thread::spawn(move || while frame(&mut connection).is_some() {});
    up.stop();
    ending.join().unwrap();
    let _up = Running::up(&home);
    let mut connection = accept(&listener);
    add_user(&home, "u6");
    let mut again = BTreeSet::new();
    users_until(&mut connection, "u6", &mut again);
    assert!(again.is_disjoint(&all), "{again:?}");
}

/// A running `openssl s_server` that prints what it gets.
struct TlsServer {
    child: Child,
    lines: Receiver<String>,
}

impl TlsServer {
    /// Starts it with a certificate for this name; the certificate signs itself.
    fn start(home: &Home, port: u16, subject: &str) -> Self {
        let (certificate, key) = (home.path("syslog.pem"), home.path("syslog.key"));
        run(
            tool("openssl", "openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
                .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
                .args(["-subj", "/CN=syslog", "-addext"])
                .arg(format!("subjectAltName={subject}"))
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
            "",
        )
        .ok();
        let mut child = tool("openssl", "openssl")
            .args(["s_server", "-quiet", "-port", &port.to_string(), "-cert"])
            .arg(&certificate)
            .arg("-key")
            .arg(&key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let mut output = child.stdout.take().unwrap();
        thread::spawn(move || {
            let mut octets = [0; 8_192];
            while let Ok(got @ 1..) = output.read(&mut octets) {
                // The test may have ended.
                let _ = sender.send(String::from_utf8_lossy(&octets[..got]).into_owned());
            }
        });
        Self { child, lines }
    }

    fn certificate(home: &Home) -> PathBuf {
        home.path("syslog.pem")
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn over_tls_a_server_is_believed_only_with_a_certificate_for_its_name() {
    for (subject, is_believed) in [("IP:127.0.0.1", true), ("DNS:other.example.org", false)] {
        let home = Home::new();
        let port = free_port();
        let server = TlsServer::start(&home, port, subject);
        let mut up = home.up();
        up.env("SSL_CERT_FILE", TlsServer::certificate(&home));
        let up = Running::start(&mut up, &home);
        configure(
            &home,
            "syslogd",
            &format!("set mode reliable\nset enc-algorithm high\nset port {port}"),
        );
        add_user(&home, "alice");
        if is_believed {
            let mut got = String::new();
            while !got.contains("Add user.local alice") {
                got += &server.lines.recv_timeout(PATIENCE).unwrap();
            }
        } else {
            common::until("the refusal is logged", || {
                home.log().contains("a syslog server is not reached")
            });
            assert!(home.log().contains("certificate"), "{}", home.log());
            let got = server.lines.recv_timeout(Duration::from_millis(500));
            assert!(got.is_err(), "{got:?}");
        }
        up.stop();
    }
}
