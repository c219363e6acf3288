//! The load generator: keeps a fixed number of logins outstanding against a RADIUS server and
//! measures how they are answered.
//!
//! It works in rounds. The requests of a round are made before its clock runs, so that the
//! generator's own work is little more than the system calls: it shares the machine's cores with
//! the server that it measures. It keeps a slot for each outstanding request; a slot sends its next
//! request when its last is answered, and uses its share of the socket's 256 identifiers in turn, so
//! that none comes again before the server is done with it.

use std::cmp;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gateway::udp::{Batch, BatchSocket, Outgoing};
use radius::{Authenticator, Code, Identifier, Packet, Request, Secret, Type, verify_reply};

/// Requests made at a time: a quarter of a second at the highest rate measured, and 10 MiB.
const ROUND: usize = 65_536;

/// How long a client waits before it sends a request again: as long as `pam_radius`, and longer
/// than the server holds a refusal back.
const RETRANSMIT_AFTER: Duration = Duration::from_secs(3);

/// How often a request is sent before it counts as lost.
const TRIES: u8 = 5;

/// How often the slots are searched for requests to be sent again.
const SEARCH_EVERY: Duration = Duration::from_millis(100);

/// With [`Verify::Sample`], one reply of so many is verified.
const SAMPLE: u64 = 64;

/// One login and the answer that it must get.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) expected: Code,
    /// Whether the request is sent a second time at once, as by a client that does not wait.
    pub(crate) is_doubled: bool,
}

impl Login {
    /// A login whose request is sent once.
    pub(crate) fn once(user: String, password: String, expected: Code) -> Self {
        Self {
            user,
            password,
            expected,
            is_doubled: false,
        }
    }

    /// Its request; `number` makes the authenticator another for each of the same `chance`.
    pub(crate) fn request(
        &self,
        identifier: Identifier,
        secret: &Secret,
        chance: &RandomState,
        number: usize,
    ) -> Result<Vec<u8>> {
        let [high, low] = [0, 1].map(|half| u128::from(chance.hash_one((half, number))));
        let authenticator = Authenticator((high << 64 | low).to_be_bytes());
        Ok(Request::access(identifier, authenticator, secret)
            .attribute(Type::USER_NAME, self.user.as_bytes())?
            .user_password(self.password.as_bytes())?
            .encode()?)
    }
}

/// How many requests are kept outstanding: 1 to 256, the identifiers of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outstanding(u16);

impl Outstanding {
    /// So many, which is 1 to 256.
    pub(crate) const fn of(count: u16) -> Self {
        Self(count)
    }

    /// The number.
    pub(crate) fn count(self) -> u32 {
        self.0.into()
    }

    const fn slots(self) -> usize {
        self.0 as usize
    }

    /// The identifier of a request by its place in the round. Slots share none.
    fn identifier(self, request: usize) -> Result<Identifier> {
        let slots = self.slots();
        let turn = request / slots % (256 / slots);
        Ok(Identifier(u8::try_from(request % slots + turn * slots)?))
    }

    const fn slot(self, identifier: Identifier) -> usize {
        identifier.0 as usize % self.slots()
    }
}

impl FromStr for Outstanding {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let count = text.parse().context("not a number")?;
        ensure!((1..=256).contains(&count), "not between 1 and 256");
        Ok(Outstanding(count))
    }
}

impl fmt::Display for Outstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which replies are verified, by Response Authenticator and Message-Authenticator both. Verdicts
/// are compared always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Verify {
    /// Every reply.
    All,
    /// One of 64, where the generator's checking would slow the server down.
    Sample,
}

/// A load to be put on a server.
pub(crate) struct Load<'s> {
    pub(crate) server: SocketAddr,
    pub(crate) secret: &'s Secret,
    pub(crate) outstanding: Outstanding,
    /// For how long requests are kept outstanding; the making of them comes on top.
    pub(crate) duration: Duration,
    pub(crate) verify: Verify,
}

/// What a load found.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// The time in which all slots had a request outstanding.
    pub(crate) elapsed: Duration,
    /// Requests answered in that time.
    pub(crate) answered: u64,
    /// Requests answered at all: what the server spent its CPU time on.
    pub(crate) answered_in_all: u64,
    /// Answers other than the expected one, and the first of them in words.
    pub(crate) unexpected: u64,
    pub(crate) first_unexpected: Option<String>,
    /// Datagrams that were no answer to an outstanding request.
    pub(crate) unverified: u64,
    /// Requests sent again.
    pub(crate) retransmitted: u64,
    /// Requests given up after all tries.
    pub(crate) lost: u64,
    latencies: Vec<Duration>,
}

impl Measured {
    /// Requests answered per second.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 requests")]
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// The time within which `percent` of the requests were answered. `None` if none was.
    pub(crate) fn latency(&mut self, percent: usize) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        let at = (self.latencies.len() * percent / 100).min(last);
        Some(*self.latencies.select_nth_unstable(at).1)
    }

    fn count(&mut self, login: &Login, code: Code, latency: Duration, phase: Phase) {
        self.answered_in_all += 1;
        if phase == Phase::Full {
            self.answered += 1;
            self.latencies.push(latency);
        }
        if code != login.expected {
            self.unexpected += 1;
            self.first_unexpected.get_or_insert_with(|| {
                format!("{code} for {}, expected {}", login.user, login.expected)
            });
        }
    }
}

/// A row of the table that the benches print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) outstanding: Outstanding,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// The server's CPU time for one request.
    pub(crate) cpu: Duration,
    /// Requests sent and answered at all.
    pub(crate) answered: u32,
    /// Requests sent again: while one is lost, fewer are outstanding than the row says.
    pub(crate) retransmitted: u64,
}

impl Row {
    pub(crate) const HEADER: &str =
        "outstanding    rate/s    p50 µs    p99 µs  CPU µs/request  sent again";

    /// Refuses what went wrong: the speed of wrong answers says nothing.
    pub(crate) fn new(
        outstanding: Outstanding,
        mut measured: Measured,
        cpu: Duration,
    ) -> Result<Self> {
        if let Some(first) = measured.first_unexpected {
            bail!("{} wrong verdicts, the first: {first}", measured.unexpected);
        }
        ensure!(
            measured.lost == 0,
            "{} requests were never answered",
            measured.lost
        );
        // A request that was sent again may be answered twice.
        ensure!(
            measured.unverified <= measured.retransmitted,
            "{} replies did not verify",
            measured.unverified
        );
        let answered = u32::try_from(measured.answered_in_all)?;
        Ok(Row {
            outstanding,
            rate: measured.rate(),
            p50: measured.latency(50).context("no request was answered")?,
            p99: measured.latency(99).context("no request was answered")?,
            cpu: cpu / answered,
            answered,
            retransmitted: measured.retransmitted,
        })
    }

    /// The medians of rows that were measured one after the other, with the requests of all. `None` of none.
    pub(crate) fn median(rows: &[Self]) -> Option<Self> {
        fn middle<T>(
            rows: &[Row],
            of: impl Fn(&Row) -> T,
            order: fn(&T, &T) -> cmp::Ordering,
        ) -> Option<T> {
            let mut values: Vec<T> = rows.iter().map(of).collect();
            values.sort_by(order);
            values.into_iter().nth(rows.len() / 2)
        }
        Some(Row {
            outstanding: rows.first()?.outstanding,
            rate: middle(rows, |row| row.rate, f64::total_cmp)?,
            p50: middle(rows, |row| row.p50, Ord::cmp)?,
            p99: middle(rows, |row| row.p99, Ord::cmp)?,
            cpu: middle(rows, |row| row.cpu, Ord::cmp)?,
            answered: rows.iter().map(|row| row.answered).sum(),
            retransmitted: rows.iter().map(|row| row.retransmitted).sum(),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, cpu] = [self.p50, self.p99, self.cpu].map(|time| time.as_secs_f64() * 1e6);
        let Row {
            outstanding,
            rate,
            retransmitted,
            ..
        } = self;
        write!(
            f,
            "{outstanding:>11}{rate:>10.0}{p50:>10.1}{p99:>10.1}{cpu:>16.2}{retransmitted:>12}"
        )
    }
}

impl Load<'_> {
    /// Sends logins until the time is over or `login` has no more. `login` makes the login of a
    /// number: it is asked for each number from 0 once and in order, shortly before that login is
    /// sent. Each is sent once, but for the last ones when the time is over.
    pub(crate) fn run(&self, login: impl FnMut(u64) -> Option<Login>) -> Result<Measured> {
        self.run_until(&AtomicBool::new(false), login)
    }

    /// The same until `cut` becomes true; what is outstanding then is not waited for.
    pub(crate) fn run_until(
        &self,
        cut: &AtomicBool,
        mut login: impl FnMut(u64) -> Option<Login>,
    ) -> Result<Measured> {
        let socket = BatchSocket::bind(any_port_beside(self.server))?;
        let mut measured = Measured::default();
        let mut numbers = 0..u64::MAX;
        while measured.elapsed < self.duration && !cut.load(Ordering::Relaxed) {
            let logins: Vec<Login> = numbers.by_ref().take(ROUND).map_while(&mut login).collect();
            if logins.is_empty() {
                break;
            }
            let packets = self.packets(&logins)?;
            Round::new(self, &socket, &logins, &packets, &mut measured).run(cut)?;
        }
        Ok(measured)
    }

    fn packets(&self, logins: &[Login]) -> Result<Vec<Vec<u8>>> {
        let chance = RandomState::new();
        let packets = logins.iter().enumerate().map(|(number, login)| {
            let identifier = self.outstanding.identifier(number)?;
            login.request(identifier, self.secret, &chance, number)
        });
        packets.collect()
    }
}

/// How long one login takes until it is answered as it must be.
pub(crate) fn answer_time(
    server: SocketAddr,
    secret: &Secret,
    patience: Duration,
    login: &Login,
) -> Result<Duration> {
    let load = Load {
        server,
        secret,
        outstanding: Outstanding::of(1),
        duration: patience,
        verify: Verify::All,
    };
    let mut measured = load.run(|number| (number == 0).then(|| login.clone()))?;
    if let Some(first) = measured.first_unexpected {
        bail!("a wrong verdict: {first}");
    }
    measured.latency(50).context("no answer")
}

/// Requests made in advance, on their way.
struct Round<'a> {
    load: &'a Load<'a>,
    socket: &'a BatchSocket,
    logins: &'a [Login],
    packets: &'a [Vec<u8>],
    measured: &'a mut Measured,
    slots: Vec<Slot>,
    waiting: usize,
    outgoing: Outgoing,
    begun: Instant,
    phase: Phase,
}

/// Where one request at a time is outstanding.
#[derive(Clone, Copy)]
struct Slot {
    /// Its place in the round; `None` once there is nothing left to send.
    request: Option<usize>,
    sent: Instant,
    tries: u8,
}

/// How a round ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Every slot has a request outstanding: the clock runs.
    Full,
    /// A slot has nothing left to send, the others go on.
    Emptying,
    /// The time is over: nothing new is sent.
    Over,
}

impl<'a> Round<'a> {
    fn new(
        load: &'a Load<'a>,
        socket: &'a BatchSocket,
        logins: &'a [Login],
        packets: &'a [Vec<u8>],
        measured: &'a mut Measured,
    ) -> Self {
        let begun = Instant::now();
        let waiting = packets.len().min(load.outstanding.slots());
        let slots = (0..waiting)
            .map(|request| Slot {
                request: Some(request),
                sent: begun,
                tries: 1,
            })
            .collect();
        let (outgoing, phase) = (Outgoing::default(), Phase::Full);
        Round {
            load,
            socket,
            logins,
            packets,
            measured,
            slots,
            waiting,
            outgoing,
            begun,
            phase,
        }
    }

    /// Returns when every request that was sent is answered or lost, or all of it is cut.
    fn run(mut self, cut: &AtomicBool) -> Result<()> {
        let mut batch = Batch::default();
        let mut searched = self.begun;
        for request in 0..self.waiting {
            self.send(request);
        }
        while self.waiting > 0 && !cut.load(Ordering::Relaxed) {
            // What the kernel refuses is sent again like what the network loses.
            let _ = self.socket.send(&mut self.outgoing);
            self.socket.receive(&mut batch)?;
            let now = Instant::now();
            let elapsed = self.measured.elapsed + (now - self.begun);
            if self.phase == Phase::Full && elapsed >= self.load.duration {
                self.enter(Phase::Over, now);
            }
            for (source, datagram) in batch.datagrams() {
                if source == self.load.server {
                    self.take_reply(datagram, now);
                }
            }
            if now - searched >= SEARCH_EVERY {
                searched = now;
                self.retransmit(now);
            }
        }
        Ok(())
    }

    fn take_reply(&mut self, datagram: &[u8], now: Instant) {
        let Some((slot, request, code)) = self.outstanding_request(datagram) else {
            self.measured.unverified += 1;
            return;
        };
        if let (Some(login), Some(slot)) = (self.logins.get(request), self.slots.get(slot)) {
            let latency = now - slot.sent;
            self.measured.count(login, code, latency, self.phase);
        }
        self.proceed(slot, request, now);
    }

    /// The slot and the request that a datagram answers, and how.
    fn outstanding_request(&self, datagram: &[u8]) -> Option<(usize, usize, Code)> {
        let reply = Packet::parse(datagram).ok()?;
        let slot = self.load.outstanding.slot(reply.identifier());
        let request = self.slots.get(slot)?.request?;
        let packet = Packet::parse(self.packets.get(request)?).ok()?;
        let verified = match self.load.verify {
            Verify::Sample if !self.measured.answered_in_all.is_multiple_of(SAMPLE) => {
                reply.identifier() == packet.identifier()
            }
            _ => verify_reply(&packet, datagram, self.load.secret).is_ok(),
        };
        verified.then_some((slot, request, reply.code()))
    }

    /// Sends the slot's next request, unless the round is over.
    fn proceed(&mut self, slot: usize, request: usize, now: Instant) {
        let next = request + self.slots.len();
        let is_left = self.phase != Phase::Over && next < self.packets.len();
        if is_left {
            self.send(next);
        } else {
            self.waiting -= 1;
            self.enter(self.phase.max(Phase::Emptying), now);
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Slot {
                request: is_left.then_some(next),
                sent: now,
                tries: 1,
            };
        }
    }

    fn send(&mut self, request: usize) {
        let (Some(login), Some(packet)) = (self.logins.get(request), self.packets.get(request))
        else {
            return;
        };
        self.outgoing.push(self.load.server, packet);
        if login.is_doubled {
            self.measured.retransmitted += 1;
            self.outgoing.push(self.load.server, packet);
        }
    }

    fn retransmit(&mut self, now: Instant) {
        for number in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(number) else {
                continue;
            };
            let Some(request) = slot.request else {
                continue;
            };
            if now - slot.sent < RETRANSMIT_AFTER * u32::from(slot.tries) {
                continue;
            }
            if slot.tries == TRIES {
                self.measured.lost += 1;
                self.proceed(number, request, now);
            } else if let Some(packet) = self.packets.get(request) {
                slot.tries += 1;
                self.measured.retransmitted += 1;
                self.outgoing.push(self.load.server, packet);
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        if self.phase == Phase::Full && phase != Phase::Full {
            self.measured.elapsed += now - self.begun;
        }
        self.phase = phase;
    }
}

/// Any port of a local address that reaches the server.
fn any_port_beside(server: SocketAddr) -> SocketAddr {
    match (server.is_ipv6(), server.ip().is_loopback()) {
        (false, true) => (Ipv4Addr::LOCALHOST, 0).into(),
        (false, false) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        (true, true) => (Ipv6Addr::LOCALHOST, 0).into(),
        (true, false) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use radius::Reply;

    use super::*;

    const SECRET: &[u8] = b"testing123";

    /// Lets `answer` make the datagrams for each request, until `count` requests came.
    fn server(
        count: usize,
        answer: impl Fn(usize, &Packet<'_>) -> Vec<Vec<u8>> + Send + 'static,
    ) -> SocketAddr {
        let socket = BatchSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let (mut batch, mut outgoing) = (Batch::default(), Outgoing::default());
            let mut numbers = 0..count;
            while !numbers.is_empty() {
                socket.receive(&mut batch).unwrap();
                for ((source, datagram), number) in batch.datagrams().zip(&mut numbers) {
                    for reply in answer(number, &Packet::parse(datagram).unwrap()) {
                        outgoing.push(source, &reply);
                    }
                }
                let _ = socket.send(&mut outgoing);
            }
        });
        address
    }

    fn reply(reply: &Reply, request: &Packet<'_>) -> Vec<u8> {
        reply
            .encode(request, &Secret::new(SECRET).unwrap())
            .unwrap()
    }

    fn run(server: SocketAddr, outstanding: &str, logins: u64) -> Measured {
        let load = Load {
            server,
            secret: &Secret::new(SECRET).unwrap(),
            outstanding: outstanding.parse().unwrap(),
            duration: Duration::from_mins(1),
            verify: Verify::All,
        };
        let login =
            |number| Login::once(format!("user{number}"), "secret".into(), Code::AccessAccept);
        load.run(|number| (number < logins).then(|| login(number)))
            .unwrap()
    }

    #[test]
    fn every_login_is_sent_once_and_its_answer_counted() {
        for (outstanding, logins) in [
            ("1", 300),
            ("3", 1000),
            ("64", 1000),
            ("256", 1000),
            ("256", 5),
        ] {
            let count = usize::try_from(logins).unwrap();
            let server = server(count, |_, request| vec![reply(&Reply::accept(), request)]);
            let mut measured = run(server, outstanding, logins);
            assert_eq!(measured.answered_in_all, logins);
            assert_eq!(
                (
                    measured.retransmitted,
                    measured.unverified,
                    measured.unexpected
                ),
                (0, 0, 0)
            );
            assert!(measured.latency(50).unwrap() <= measured.latency(99).unwrap());
        }
    }

    #[test]
    fn a_wrong_verdict_fails_the_row_and_is_named() {
        let server = server(1, |_, request| vec![reply(&Reply::reject(), request)]);
        let measured = run(server, "1", 1);
        let error = Row::new(Outstanding(1), measured, Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 wrong verdicts, the first: Access-Reject for user0, expected Access-Accept"
        );
    }

    #[test]
    fn a_forged_reply_is_no_answer() {
        let server = server(1, |_, request| {
            let mut forged = reply(&Reply::reject(), request);
            forged[0] = Code::AccessAccept as u8;
            vec![forged, reply(&Reply::accept(), request)]
        });
        let measured = run(server, "1", 1);
        assert_eq!((measured.answered_in_all, measured.unverified), (1, 1));
    }

    #[test]
    fn a_lost_request_is_sent_again() {
        let server = server(2, |number, request| match number {
            0 => vec![],
            _ => vec![reply(&Reply::accept(), request)],
        });
        let measured = run(server, "1", 1);
        assert_eq!((measured.answered_in_all, measured.retransmitted), (1, 1));
    }

    #[test]
    fn what_is_cut_waits_for_no_answer() {
        // It answers nothing: without the cut each request is sent again for 45 s, and then lost.
        let server = server(64, |_, _| vec![]);
        let load = Load {
            server,
            secret: &Secret::new(SECRET).unwrap(),
            outstanding: Outstanding(64),
            duration: Duration::from_mins(1),
            verify: Verify::All,
        };
        let cut = AtomicBool::new(false);
        let measured = load.run_until(&cut, |number| {
            // What is made by then is sent, and nobody waits for it.
            cut.fetch_or(number == 63, Ordering::Relaxed);
            let login = Login::once("user".into(), "secret".into(), Code::AccessAccept);
            (number < 64).then_some(login)
        });
        let measured = measured.unwrap();
        assert_eq!((measured.answered_in_all, measured.lost), (0, 0));
    }

    #[test]
    fn slots_share_no_identifier_and_none_comes_back_at_once() {
        for slots in 1..=256 {
            let outstanding = Outstanding(slots);
            for request in 0..1000 {
                let identifier = outstanding.identifier(request).unwrap();
                assert_eq!(outstanding.slot(identifier), request % outstanding.slots());
                let next = outstanding
                    .identifier(request + outstanding.slots())
                    .unwrap();
                assert_eq!(identifier == next, slots > 128);
            }
        }
    }
}
