//! The host's interfaces as the command line shows them.
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
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use common::ssh::PORT;
use common::{Home, Running, free_port};

#[test]
fn every_interface_of_the_host_has_an_entry_with_its_address() {
    let home = Home::new();
    let up = Running::up(&home);
    let loopback = home.console("show system interface lo").ok();
    assert!(
        loopback.contains("    edit \"lo\"\n        set ip 127.0.0.1 255.0.0.0\n"),
        "{loopback}"
    );
    home.console("config system interface\nedit lo\nset alias here\nend\n")
        .ok();
    up.stop();
    let up = Running::up(&home);
    let loopback = home
        .console("config system interface\nedit lo\nget\nend\n")
        .ok();
    assert!(
        loopback.contains("alias               : here"),
        "{loopback}"
    );
    up.stop();
}

/// What an SSH server says first, if it says anything.
fn greeting(home: &Home) -> String {
    let address = (home.ssh_address(), PORT);
    let mut greeting = [0; 4];
    let mut stream = TcpStream::connect(address).unwrap();
    match stream.read(&mut greeting) {
        Ok(octets) => String::from_utf8_lossy(&greeting[..octets]).into_owned(),
        Err(_) => String::new(),
    }
}

#[test]
fn an_interface_without_ssh_lets_no_ssh_in() {
    let home = Home::with_ssh();
    let up = Running::up(&home);
    assert_eq!(greeting(&home), "SSH-");
    let set = |words: &str| {
        let lines = format!("config system interface\nedit lo\n{words}\nend\n");
        home.console(&lines).ok();
    };
    set("unselect allowaccess ssh");
    assert_eq!(greeting(&home), "");
    set("unset allowaccess");
    assert_eq!(greeting(&home), "SSH-");
    up.stop();
}

/// Whether an HTTPS server waits for a handshake, or has gone at once.
fn waits_for_a_handshake(port: u16) -> bool {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let patience = Duration::from_millis(500);
    stream.set_read_timeout(Some(patience)).unwrap();
    let ended = stream.read(&mut [0]);
    ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn an_interface_without_https_lets_no_vpn_client_in() {
    let home = Home::new();
    let port = free_port();
    let served = format!("\nhttps = [\"127.0.0.1:{port}\"]");
    let toml = home.configuration().replace("\nhttps = []", &served);
    fs::write(home.data().join("symbolon.toml"), toml).unwrap();
    let up = Running::up(&home);
    assert!(waits_for_a_handshake(port));
    let set = |words: &str| {
        let lines = format!("config system interface\nedit lo\n{words}\nend\n");
        home.console(&lines).ok();
    };
    set("set allowaccess ping ssh");
    assert!(!waits_for_a_handshake(port));
    // The token server's listener is not the gateway's.
    assert!(waits_for_a_handshake(home.https.port()));
    set("append allowaccess https");
    assert!(waits_for_a_handshake(port));
    up.stop();
}

#[test]
fn the_entry_of_an_interface_stays_as_long_as_the_host_has_it() {
    let home = Home::with_ssh();
    let up = Running::up(&home);
    let change = |line: &str| home.console(&format!("config system interface\n{line}\nend\n"));
    change("edit lo\nset allowaccess ping\nnext").ok();
    for line in ["delete lo", "rename lo to lo9", "purge\ny"] {
        let said = change(line);
        assert!(
            said.out.contains("' is an interface of the host\n"),
            "{line}: {said:?}"
        );
        assert_eq!(greeting(&home), "", "{line}");
    }
    for line in ["edit newif\nset alias wan\nnext", "clone lo to newif"] {
        let said = change(line);
        assert!(
            said.out.contains("the host has no interface 'newif'"),
            "{line}: {said:?}"
        );
    }
    let shown = home.console("show system interface").ok();
    assert!(!shown.contains("newif"), "{shown}");
    up.stop();
}
