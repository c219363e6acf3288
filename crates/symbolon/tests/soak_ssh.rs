//! Half-open connections without end, and an administrator who logs in all the same.
//!
//! A thousand strangers hold connections that never get past the greeting, from one address and from
//! many, some of them silent, some of them slow; whoever is dropped comes back at once. Meanwhile the
//! administrator logs in again and again, also from the address of the many, and with a pause for thought.
//!
//! `SYMBOLON_SOAK_STRANGERS` is the number of connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs processes"
)]

mod common;
mod soak;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::ssh::{PORT, first_login};
use common::{Home, Running};
use soak::{LogOnFailure, found, size};
use socket2::{Domain, Socket, Type};

/// Strangers that one thread looks after.
const PER_THREAD: usize = 50;

/// How often the administrator logs in.
const LOGINS: usize = 20;

/// Longest login that an administrator accepts.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long somebody looks for the password.
const PAUSE: Duration = Duration::from_secs(5);

/// The address that half of the strangers share.
const CROWDED: [u8; 4] = [127, 250, 0, 1];

#[test]
fn half_open_connections_stop_no_administrator() {
    let strangers = size("SYMBOLON_SOAK_STRANGERS", 200);
    let home = Home::with_ssh();
    let running = Running::up(&home);
    let _log = LogOnFailure(&home);
    let admin = first_login(&home, &running);
    let server = SocketAddr::new(home.ssh_address(), PORT);

    let stop = Arc::new(AtomicBool::new(false));
    let opened = Arc::new(AtomicUsize::new(0));
    let crowds: Vec<_> = (0..strangers)
        .step_by(PER_THREAD)
        .map(|first| {
            let (stop, opened) = (Arc::clone(&stop), Arc::clone(&opened));
            let numbers = first..strangers.min(first + PER_THREAD);
            thread::spawn(move || crowd(server, numbers, &stop, &opened))
        })
        .collect();
    while opened.load(Ordering::Relaxed) < strangers {
        thread::sleep(Duration::from_millis(10));
    }

    let crowded = format!("-oBindAddress={}", Ipv4Addr::from(CROWDED));
    let neighbour = admin.clone().option(&crowded);
    let mut slowest = Duration::ZERO;
    for number in 0..LOGINS {
        let began = Instant::now();
        let who = if number % 2 == 0 { &admin } else { &neighbour };
        who.exec("get system status").ok();
        slowest = slowest.max(began.elapsed());
    }
    for who in [&admin, &neighbour] {
        let began = Instant::now();
        who.clone().pausing(PAUSE).exec("get system status").ok();
        slowest = slowest.max(began.elapsed().saturating_sub(PAUSE));
    }
    stop.store(true, Ordering::Relaxed);
    for crowd in crowds {
        crowd.join().unwrap();
    }
    found(format!(
        "{strangers} half-open connections held, {} opened in all; {LOGINS} logins and 2 with a pause, the slowest {:.0} ms",
        opened.load(Ordering::Relaxed),
        slowest.as_secs_f64() * 1e3
    ));
    assert!(slowest < PATIENCE, "{slowest:?}");
    running.stop();
}

/// Holds its connections open; whoever is dropped comes back.
fn crowd(
    server: SocketAddr,
    numbers: std::ops::Range<usize>,
    stop: &AtomicBool,
    opened: &AtomicUsize,
) {
    let mut held: Vec<(usize, Option<TcpStream>)> = numbers.map(|number| (number, None)).collect();
    while !stop.load(Ordering::Relaxed) {
        for (number, stream) in &mut held {
            if stream
                .as_mut()
                .is_none_or(|stream| is_dropped(*number, stream))
            {
                *stream = stranger(server, *number);
                opened.fetch_add(1, Ordering::Relaxed);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Every other stranger has an address of its own, which the loopback network has plenty of.
fn stranger(server: SocketAddr, number: usize) -> Option<TcpStream> {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    let source = match number % 2 {
        0 => IpAddr::from(CROWDED),
        _ => IpAddr::from([127, 251, high, low]),
    };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).ok()?;
    socket.connect(&server.into()).ok()?;
    socket.set_nonblocking(true).unwrap();
    Some(socket.into())
}

/// A slow stranger sends an octet of a greeting now and then.
fn is_dropped(number: usize, stream: &mut TcpStream) -> bool {
    if number.is_multiple_of(3) && stream.write(b"S").is_err() {
        return true;
    }
    let mut greeting = [0; 256];
    match stream.read(&mut greeting) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}
