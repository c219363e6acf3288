//! Half-open connections without end, and an administrator who logs in all the same.
//!
//! A thousand strangers, each from an address of its own, hold connections that never get in: a third says
//! nothing, a third stops in the key exchange, a third knows no password. A crowd from one more address has as
//! many as one host may. At first whoever is dropped stays away, until the server holds as many as it does at most;
//! then they come back. Meanwhile the administrator logs in again and again, also from the address of the crowd,
//! and with a pause for thought.
//!
//! `SYMBOLON_SOAK_STRANGERS` is the number of strangers.
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

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::ssh::{PORT, first_login};
use common::{Home, Running};
use https::files::{self, Listener};
use russh::client;
use russh::keys::PublicKeyOrCertificate;
use soak::{LogOnFailure, found, size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Half-open connections that the server holds at most, where it may have as many files.
const HELD_MAX: usize = 768;

/// Those of them that come from one address.
const OF_ONE_HOST_MAX: usize = 64;

/// Connections that are tried from one address.
const CROWD: usize = 100;

/// How often the administrator logs in.
const LOGINS: usize = 20;

/// Longest login that an administrator accepts.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long somebody looks for the password.
const PAUSE: Duration = Duration::from_secs(5);

/// How soon somebody who was dropped comes back. Of a thousand some three hundred have no place: thirty come in a
/// second, and each who comes takes the place of another.
const AWAY: Duration = Duration::from_secs(10);

/// How soon somebody tries again who did not come as far as he goes.
const AGAIN: Duration = Duration::from_secs(1);

/// How long somebody tries: he may be dropped on the way, and not hear so.
const TRIAL_MAX: Duration = Duration::from_secs(10);

/// How long nobody comes or goes once all strangers are there.
const SETTLED: Duration = Duration::from_secs(1);

/// The address that the crowd shares.
const CROWDED: [u8; 4] = [127, 250, 0, 1];

#[test]
fn half_open_connections_stop_no_administrator() {
    let strangers = size("SYMBOLON_SOAK_STRANGERS", 1_000);
    // Each stranger is a file of this process, and the server gets the limit of its parent.
    files::raise_limit();
    let held_max = Listener::Ssh.share(HELD_MAX);
    let home = Home::with_ssh();
    let running = Running::up(&home);
    let _log = LogOnFailure(&home);
    let admin = first_login(&home, &running);

    let siege = Siege::begin(SocketAddr::new(home.ssh_address(), PORT), strangers);
    let held = siege.settled();
    assert_eq!(held, held_max.min(strangers + OF_ONE_HOST_MAX));
    siege.come_back();

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
    let opened = siege.end();
    found(format!(
        "{held} half-open connections of {strangers} strangers and a crowd held at once, {opened} opened in all; \
         {LOGINS} logins and 2 with a pause, the slowest {:.0} ms",
        slowest.as_secs_f64() * 1e3
    ));
    assert!(slowest < PATIENCE, "{slowest:?}");
    running.stop();
}

/// How far a stranger goes.
#[derive(Clone, Copy)]
enum Stop {
    /// He says nothing.
    Silent,
    /// He says that he speaks SSH, and no more.
    InKeyExchange,
    /// Keys are exchanged, and he has no password.
    AfterAuthNone,
}

/// All strangers.
struct Siege {
    runtime: Runtime,
    strangers: usize,
    count: Arc<Count>,
    returns: watch::Sender<bool>,
}

#[derive(Default)]
struct Count {
    opened: AtomicUsize,
    came: AtomicUsize,
    held: AtomicUsize,
}

impl Siege {
    fn begin(server: SocketAddr, strangers: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let count = Arc::new(Count::default());
        let returns = watch::Sender::new(false);
        for number in 0..strangers + CROWD {
            let (source, stop) = stranger(number, strangers);
            let (count, mut returns) = (Arc::clone(&count), returns.subscribe());
            // They do not all come back at once.
            let (place, of) = (u32::try_from(number), u32::try_from(strangers + CROWD));
            let later = AWAY * place.unwrap() / of.unwrap();
            runtime.spawn(async move {
                visit(server, source, stop, &count).await;
                if returns.wait_for(|returns| *returns).await.is_err() {
                    return;
                }
                sleep(later).await;
                loop {
                    visit(server, source, stop, &count).await;
                    sleep(AWAY).await;
                }
            });
        }
        Self {
            runtime,
            strangers: strangers + CROWD,
            count,
            returns,
        }
    }

    /// How many the server holds when all have come and nobody comes back.
    fn settled(&self) -> usize {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let mut before = usize::MAX;
        loop {
            let held = read(&self.count.held);
            if read(&self.count.came) == self.strangers && held == before {
                return held;
            }
            before = held;
            thread::sleep(SETTLED);
        }
    }

    fn come_back(&self) {
        self.returns.send_replace(true);
    }

    /// How many connections were opened in all.
    fn end(self) -> usize {
        self.runtime.shutdown_background();
        self.count.opened.load(Ordering::Relaxed)
    }
}

/// From where a stranger comes, and how far; the loopback network has plenty of addresses.
fn stranger(number: usize, strangers: usize) -> (IpAddr, Stop) {
    if number >= strangers {
        return (IpAddr::from(CROWDED), Stop::Silent);
    }
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    let stop = match number % 3 {
        0 => Stop::Silent,
        1 => Stop::InKeyExchange,
        _ => Stop::AfterAuthNone,
    };
    (IpAddr::from([127, 251, high, low]), stop)
}

/// Comes, and stays until the server has enough of it.
async fn visit(server: SocketAddr, source: IpAddr, stop: Stop, count: &Count) {
    let held = loop {
        count.opened.fetch_add(1, Ordering::Relaxed);
        match timeout(TRIAL_MAX, come(server, source, stop)).await {
            Ok(Some(held)) => break held,
            _ => sleep(AGAIN).await,
        }
    };
    count.came.fetch_add(1, Ordering::Relaxed);
    count.held.fetch_add(1, Ordering::Relaxed);
    held.outlast().await;
    count.held.fetch_sub(1, Ordering::Relaxed);
}

/// A connection that came as far as it goes.
enum Held {
    Raw(TcpStream),
    Client(client::Handle<Trusting>),
}

impl Held {
    /// Stays until the server has enough of it.
    async fn outlast(self) {
        match self {
            Self::Raw(mut stream) => while read(&mut stream).await {},
            // However it ends.
            Self::Client(handle) => drop(handle.await),
        }
    }
}

async fn come(server: SocketAddr, source: IpAddr, stop: Stop) -> Option<Held> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::new(source, 0)).ok()?;
    let mut stream = socket.connect(server).await.ok()?;
    if let Stop::AfterAuthNone = stop {
        let config = Arc::new(client::Config::default());
        let client = client::connect_stream(config, stream, Trusting).await;
        let mut client = client.ok()?;
        client.authenticate_none("nobody").await.ok()?;
        return Some(Held::Client(client));
    }
    // The server greets whom it has taken in.
    if !read(&mut stream).await {
        return None;
    }
    if let Stop::InKeyExchange = stop {
        stream.write_all(b"SSH-2.0-stranger\r\n").await.ok()?;
    }
    Some(Held::Raw(stream))
}

/// Whether there was something to read.
async fn read(stream: &mut TcpStream) -> bool {
    let mut octets = [0; 1_024];
    matches!(stream.read(&mut octets).await, Ok(1..))
}

/// Takes any host for the right one.
struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }
}
