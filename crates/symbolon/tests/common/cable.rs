//! The way from a gateway to its token server, as a proxy (RFC 9110, section 9.3.6) that can be cut, and
//! that can lose an answer.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::Home;

/// How soon a connection notices that the cable was cut.
const NOTICE: Duration = Duration::from_millis(20);

/// From the first octet of an answer that is lost until its connection breaks: by then the token server
/// has done what it was asked.
const LOST_FOR: Duration = Duration::from_millis(700);

const WHOLE: u8 = 0;
const CUT: u8 = 1;
const LOSES_ONE: u8 = 2;

/// A running proxy.
pub(crate) struct Cable {
    port: u16,
    state: Arc<AtomicU8>,
}

impl Cable {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(AtomicU8::new(WHOLE));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(carry(stream, &state)));
            }
        });
        Self { port, state }
    }

    /// Has the gateway reach its token server through it.
    pub(crate) fn lay(&self, home: &Home) {
        home.console(&format!(
            "config system fortiguard\nset proxy-server-ip 127.0.0.1\n\
             set proxy-server-port {}\nend",
            self.port
        ))
        .ok();
    }

    /// No connection holds, none begins.
    pub(crate) fn cut(&self) {
        self.state.store(CUT, Ordering::Release);
        thread::sleep(NOTICE * 2);
    }

    pub(crate) fn mend(&self) {
        self.state.store(WHOLE, Ordering::Release);
    }

    /// The next answer does not arrive, although its question does.
    pub(crate) fn lose_an_answer(&self) {
        self.state.store(LOSES_ONE, Ordering::Release);
    }

    /// Whether that has happened.
    pub(crate) fn has_lost_it(&self) -> bool {
        self.state.load(Ordering::Acquire) == WHOLE
    }
}

fn carry(mut client: TcpStream, state: &AtomicU8) -> io::Result<()> {
    if state.load(Ordering::Acquire) == CUT {
        return Ok(());
    }
    let target = requested(&mut client)?;
    let server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(NOTICE))?;
        stream.set_nodelay(true)?;
    }
    // Of a handshake the client's first flight is the greeting; its requests come after that.
    let flights = AtomicUsize::new(0);
    thread::scope(|threads| {
        threads.spawn(|| drop(questions(&client, &server, state, &flights)));
        drop(answers(&server, &client, state, &flights));
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// Where `CONNECT host:port` wants to go.
fn requested(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        client.read_exact(&mut octet)?;
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap();
    Ok(head.split(' ').nth(1).unwrap().to_owned())
}

fn questions(
    mut from: &TcpStream,
    mut to: &TcpStream,
    state: &AtomicU8,
    flights: &AtomicUsize,
) -> io::Result<()> {
    let mut octets = [0; 16 << 10];
    while let Some(length) = next(&mut from, &mut octets, state)? {
        flights.fetch_add(1, Ordering::AcqRel);
        to.write_all(&octets[..length])?;
    }
    Ok(())
}

fn answers(
    mut from: &TcpStream,
    mut to: &TcpStream,
    state: &AtomicU8,
    flights: &AtomicUsize,
) -> io::Result<()> {
    let mut octets = [0; 16 << 10];
    while let Some(length) = next(&mut from, &mut octets, state)? {
        if state.load(Ordering::Acquire) == LOSES_ONE && flights.load(Ordering::Acquire) > 1 {
            thread::sleep(LOST_FOR);
            state.store(WHOLE, Ordering::Release);
            return Ok(());
        }
        to.write_all(&octets[..length])?;
    }
    Ok(())
}

/// The next octets, until the end or the cut.
fn next(from: &mut &TcpStream, into: &mut [u8], state: &AtomicU8) -> io::Result<Option<usize>> {
    loop {
        if state.load(Ordering::Acquire) == CUT {
            return Ok(None);
        }
        match from.read(into) {
            Ok(0) => return Ok(None),
            Ok(length) => return Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
