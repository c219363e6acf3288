//! `execute ping` and `execute telnet`, with sockets.
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

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use common::terminal::Terminal;
use common::{Home, Running, Said, symbolon};
use domain::answered_names::NAMES;

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

/// Echoes come back, or the system lets nobody here ask for them; then the way out is told.
fn echoes(said: Said) -> String {
    if said.out.contains("no socket for ICMP") {
        assert!(
            said.out.contains("net.ipv4.ping_group_range"),
            "{}",
            said.out
        );
        return said.refused();
    }
    let text = said.ok();
    assert!(
        text.contains("64 bytes from 127.0.0.1: icmp_seq=0 ttl="),
        "{text}"
    );
    assert!(
        text.contains("2 packets transmitted, 2 packets received, 0% packet loss"),
        "{text}"
    );
    assert!(text.contains("round-trip min/avg/max = "), "{text}");
    text
}

#[test]
fn the_token_server_answers_for_the_names_that_administrators_know() {
    let (home, up) = system();
    for name in NAMES {
        for written in [name.to_owned(), name.to_uppercase(), format!("{name}.")] {
            let line = format!("{name} stands for token server 127.0.0.1 here");
            let said = home.console(&format!(
                "execute ping-options repeat-count 2\nexecute ping {written}"
            ));
            let text = echoes(said);
            assert!(text.starts_with(&line), "{text}");
            let head = format!("PING {written} (127.0.0.1): 56 data bytes");
            assert!(text.contains(&head) || text.contains("ICMP"), "{text}");
        }
        let said = home.console(&format!("execute ping6 {name}")).refused();
        let hint = format!("127.0.0.1 has no IPv6 address; try: execute ping {name}\n");
        assert!(said.contains(&hint), "{said}");
        let said = home
            .console(&format!("execute telnet {name} 443 | grep -v ^$"))
            .ok();
        let lines: Vec<&str> = said.lines().take(3).collect();
        let port = home.https.port();
        let line = format!("{name} stands for token server 127.0.0.1 here, at port {port}");
        assert_eq!(
            lines,
            [&*line, "Trying 127.0.0.1...", "Connected to 127.0.0.1."]
        );
    }
    up.stop();
}

#[test]
fn telnet_shows_the_greeting_and_says_who_hung_up() {
    let (home, up) = system();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
    });
    let said = home
        .console(&format!("execute telnet 127.0.0.1 {port}"))
        .ok();
    server.join().unwrap();
    assert_eq!(
        said,
        "Trying 127.0.0.1...\nConnected to 127.0.0.1.\n220 mail.example.org ESMTP\n\n\
         Connection closed by foreign host.\n"
    );
    let said = home
        .console(&format!("execute telnet 127.0.0.1 {port}"))
        .refused();
    assert!(
        said.contains("telnet: can't connect to remote host (127.0.0.1): Connection refused"),
        "{said}"
    );
    up.stop();
}

#[test]
fn an_interrupt_ends_telnet_and_the_session_goes_on() {
    let (home, up) = system();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let mut command = symbolon();
    command.arg("console").arg("--data").arg(home.data());
    let mut terminal = Terminal::open(&mut command);
    terminal.expect("symbolon # ");
    terminal.type_in(&format!("execute telnet 127.0.0.1 {port}\r"));
    terminal.expect("Connected to 127.0.0.1.");
    terminal.type_in("\x03");
    terminal.expect("Connection closed.");
    terminal.type_in("execute date\r");
    terminal.expect("current date is:");
    assert!(server.join().unwrap().is_empty());
    up.stop();
}
