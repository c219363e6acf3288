//! A foreign client accepts what this crate answers, and this crate reads what it sends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by panicking, and meets the foreign client over a real socket"
)]

use std::io::Write;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use radius::{
    AccessRequest, AccountingRequest, Code, MAX_LENGTH, MessageAuthenticator, Packet, Reply,
    Secret, StatusServer,
};

const SECRET: &str = "xyzzy5461";

/// A server of one request: a login of nemo with `password`, a Status-Server or a Start.
fn serve_one(socket: &UdpSocket, secret: &Secret, password: &[u8]) {
    let mut buffer = [0; MAX_LENGTH];
    let (octets, source) = socket
        .recv_from(&mut buffer)
        .expect("no request within the time-out");
    let packet = Packet::parse(&buffer[..octets]).unwrap();
    let reply = match packet.code() {
        Code::AccessRequest => {
            let login = AccessRequest::new(packet).unwrap();
            assert_eq!(
                login.message_authenticator(secret),
                MessageAuthenticator::Valid
            );
            assert_eq!(login.user_name(), Some(&b"nemo"[..]));
            let right = **login.user_password(secret).unwrap() == *password;
            if right {
                Reply::accept()
            } else {
                Reply::reject()
            }
            .reply_message("Hello, nemo")
        }
        Code::AccountingRequest => {
            AccountingRequest::verify(packet, secret).unwrap();
            Reply::accounting()
        }
        _ => {
            StatusServer::verify(packet, secret).unwrap();
            Reply::accept()
        }
    };
    socket
        .send_to(&reply.encode(&packet, secret).unwrap(), source)
        .unwrap();
}

/// What `radclient` prints, errors included, when a server that knows `secret` answers it.
fn radclient(kind: &str, attributes: &str, secret: &str, password: &str) -> String {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let (known, expected) = (Secret::new(secret.as_bytes()).unwrap(), password.to_owned());
    let server = thread::spawn(move || serve_one(&socket, &known, expected.as_bytes()));

    let mut client = Command::new("radclient")
        .args(["-x", "-r", "1", "-t", "5", &address, kind, secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("radclient is missing: install the package freeradius-utils");
    client
        .stdin
        .take()
        .unwrap()
        .write_all(attributes.as_bytes())
        .unwrap();
    let output = client.wait_with_output().unwrap();
    server.join().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    String::from_utf8(printed).unwrap()
}

fn login(secret: &str, sent: &str, expected: &str) -> String {
    let attributes =
        format!("User-Name = nemo\nUser-Password = \"{sent}\"\nMessage-Authenticator = 0x00\n");
    radclient("auth", &attributes, secret, expected)
}

#[test]
fn radclient_accepts_an_accept() {
    let printed = login(SECRET, "arctangent", "arctangent");
    assert!(printed.contains("Received Access-Accept"), "{printed}");
    assert!(printed.contains("Message-Authenticator = 0x"), "{printed}");
    assert!(
        printed.contains("Reply-Message = \"Hello, nemo\""),
        "{printed}"
    );
}

#[test]
fn radclient_accepts_a_reject() {
    let printed = login(SECRET, "arctangent", "cotangent");
    assert!(printed.contains("Received Access-Reject"), "{printed}");
}

#[test]
fn passwords_and_secrets_of_every_length_agree() {
    for (secret, password) in [
        ("s", "p"),
        (&*"s".repeat(16), &*"p".repeat(16)),
        (&*"s".repeat(64), &*"p".repeat(17)),
        (&*"s".repeat(65), &*"p".repeat(32)),
        (&*"s".repeat(128), &*"p".repeat(128)),
    ] {
        let printed = login(secret, password, password);
        assert!(printed.contains("Received Access-Accept"), "{printed}");
    }
}

#[test]
fn radclient_accepts_status_and_accounting() {
    let printed = radclient("status", "Message-Authenticator = 0x00\n", SECRET, "");
    assert!(printed.contains("Received Access-Accept"), "{printed}");
    let start = "User-Name = nemo\nAcct-Status-Type = Start\nAcct-Session-Id = 7\n";
    let printed = radclient("acct", start, SECRET, "");
    assert!(
        printed.contains("Received Accounting-Response"),
        "{printed}"
    );
}

#[test]
fn radclient_gets_its_proxy_states_back() {
    let attributes = "User-Name = nemo\nUser-Password = arctangent\n\
                      Message-Authenticator = 0x00\nProxy-State = 0x6f75746572\n\
                      Proxy-State = 0x696e6e6572\n";
    let printed = radclient("auth", attributes, SECRET, "arctangent");
    let received = printed
        .split("Received Access-Accept")
        .nth(1)
        .expect(&printed);
    let outer = received.find("Proxy-State = 0x6f75746572").expect(&printed);
    let inner = received.find("Proxy-State = 0x696e6e6572").expect(&printed);
    assert!(outer < inner, "{printed}");
}
