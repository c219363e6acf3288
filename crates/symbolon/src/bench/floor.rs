//! `symbolon bench floor`: the least that a correct RADIUS server must do, as fast as this machine
//! does it. What the gateway adds to it is the price of the gateway.
//!
//! The server receives and answers in batches, demands and makes Message-Authenticators and checks
//! the password. With `--codes` the password is a TOTP code, searched for in a window of one step
//! either way. With `--sync` a code is accepted once, and its Accept leaves after a record of it is
//! on the disk, one sync being shared by all that wait. It runs as a process of its own, so that
//! its CPU time is not the load generator's.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, mem, thread};

use anyhow::{Context, Result, bail};
use clap::Args;
use gateway::udp::{Batch, BatchSocket, Outgoing};
use otp::{Drift, Found, Parameters, Period, Seed, Step, Window};
use radius::{AccessRequest, Code, MessageAuthenticator, Packet, Reply, Secret};
use subtle::ConstantTimeEq;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::load::{Load, Login, Outstanding, Row, Verify};
use super::machine::{self, RECORD};
use super::server::{LISTENING, ServerProcess, stop_when_input_ends};

/// Known to the server and the load generator alone, and to whoever reads this.
const SECRET: &[u8] = b"symbolon bench floor";

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct FloorArgs {
    #[command(flatten)]
    work: Work,
    /// Requests kept outstanding, each a row of the table (1 to 256)
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,64,256",
        value_name = "N"
    )]
    outstanding: Vec<Outstanding>,
    /// Seconds for which each row is measured
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Which replies' authenticators the load generator verifies
    #[arg(long, value_enum, default_value_t = Verify::All)]
    verify: Verify,
    /// Be the server, on this address, until standard input ends
    #[arg(long, hide = true, value_name = "ADDRESS")]
    serve: Option<SocketAddr>,
}

/// What the server has to do for a login.
#[derive(Debug, Clone, Args)]
pub(crate) struct Work {
    /// Check a TOTP code, one step either way, in place of a password
    #[arg(long)]
    pub(crate) codes: bool,
    /// Answer an Accept after its record is on the disk; with --codes, accept a code once
    #[arg(long)]
    pub(crate) sync: bool,
    /// Users in the server's memory
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: u32,
    /// Where the records of --sync are written, on the disk that is to be measured
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Prints the machine, the disk and a row for each number of outstanding requests.
pub(crate) fn floor(args: &FloorArgs) -> Result<()> {
    if let Some(address) = args.serve {
        return serve(address, &args.work);
    }
    let sync = machine::sync_latency(&args.work.directory)?;
    println!("machine  {}", machine::describe());
    println!(
        "sync     {:.3} ms, the median of fdatasync",
        sync.as_secs_f64() * 1e3
    );
    println!("floor    {}", args.work);
    println!("{}", Row::HEADER);
    for &outstanding in &args.outstanding {
        let seconds = Duration::from_secs(args.seconds.into());
        println!(
            "{}",
            measure(&args.work, outstanding, seconds, args.verify)?
        );
    }
    Ok(())
}

/// Measures one row against a server process of its own.
fn measure(
    work: &Work,
    outstanding: Outstanding,
    duration: Duration,
    verify: Verify,
) -> Result<Row> {
    let mut floor = Floor::start(work)?;
    let row = floor.row(outstanding, duration, verify, u64::MAX)?;
    floor.stop()?;
    Ok(row)
}

/// A server process that does no more than the work, and the logins that it has not seen yet.
pub(crate) struct Floor<'w> {
    work: &'w Work,
    server: ServerProcess,
    next: u64,
}

impl<'w> Floor<'w> {
    pub(crate) fn start(work: &'w Work) -> Result<Self> {
        Ok(Self {
            work,
            server: ServerProcess::start(&work.arguments())?,
            next: 0,
        })
    }

    /// Measures a row of so many logins at most.
    pub(crate) fn row(
        &mut self,
        outstanding: Outstanding,
        duration: Duration,
        verify: Verify,
        logins: u64,
    ) -> Result<Row> {
        let secret = Secret::new(SECRET)?;
        let load = Load {
            server: self.server.address(),
            secret: &secret,
            outstanding,
            duration,
            verify,
        };
        let next_login = |number| {
            let login = self.work.login(self.next).filter(|_| number < logins)?;
            self.next += 1;
            Some(login)
        };
        self.server.row(&load, next_login).context("the floor")
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.server.stop()
    }
}

impl Work {
    /// The command line of a server that does this work.
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["bench", "floor", "--serve", "127.0.0.1:0", "--users"]
            .map(Into::into)
            .into();
        arguments.push(self.users.to_string().into());
        arguments.extend([
            "--directory".into(),
            self.directory.clone().into_os_string(),
        ]);
        arguments.extend(self.codes.then(|| "--codes".into()));
        arguments.extend(self.sync.then(|| "--sync".into()));
        arguments
    }

    /// The work of a login with a password, of which nothing is kept.
    pub(crate) fn passwords(users: u32, directory: &Path) -> Self {
        Self {
            codes: false,
            sync: false,
            users,
            directory: directory.to_owned(),
        }
    }

    /// The work of a login with a code that is accepted once: the durable floor.
    pub(crate) fn durable_codes(users: u32, directory: &Path) -> Self {
        Self {
            codes: true,
            sync: true,
            users,
            directory: directory.to_owned(),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.codes {
            "TOTP, window of 1"
        } else {
            "PAP"
        })?;
        f.write_str(if self.sync {
            ", recorded and synced"
        } else {
            ""
        })?;
        write!(f, ", {} users", self.users)
    }
}

impl Work {
    /// The login of a number, each by the next user. With codes that are accepted once there are
    /// two for each user: of this step, and then of the one ahead.
    fn login(&self, number: u64) -> Option<Login> {
        let user = number % u64::from(self.users);
        let password = if self.codes {
            let ahead = if self.sync {
                number / u64::from(self.users)
            } else {
                0
            };
            let step = otp::centre(
                Period::SIXTY,
                unix_seconds(),
                Drift(i32::try_from(ahead).ok()?),
            );
            if ahead > 1 {
                return None;
            }
            otp::code_at(&seed(user)?, Parameters::default(), step)
                .as_str()
                .to_owned()
        } else {
            password(user)
        };
        Some(Login::once(name(user), password, Code::AccessAccept))
    }
}

fn name(user: u64) -> String {
    format!("user{user:07}")
}

fn password(user: u64) -> String {
    format!("password{user:07}")
}

/// 20 octets, another seed for each user.
fn seed(user: u64) -> Option<Seed> {
    let octets = format!("seed of user {user:07}").into_bytes();
    Seed::from_bytes(Zeroizing::new(octets)).ok()
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn serve(address: SocketAddr, work: &Work) -> Result<()> {
    let socket = BatchSocket::bind(address)?;
    let mut verifier = Verifier::new(work)?;
    println!("{LISTENING}{}", socket.local_addr()?);
    let stop = stop_when_input_ends();
    if !work.sync {
        return receive(&socket, &mut verifier, &stop, |accepted| {
            accepted.records.clear();
            // What the kernel refuses is asked for again.
            let _ = socket.send(&mut accepted.replies);
        });
    }
    let journal = Journal::default();
    let file = NamedTempFile::new_in(&work.directory)?;
    thread::scope(|scope| {
        let syncing = scope.spawn(|| {
            let ended = journal.write(file.as_file(), &socket);
            stop.store(true, Ordering::Relaxed);
            ended
        });
        let received = receive(&socket, &mut verifier, &stop, |accepted| {
            journal.hand_over(accepted);
        });
        journal.close();
        received.and(
            syncing
                .join()
                .unwrap_or_else(|_| bail!("the syncing thread panicked")),
        )
    })
}

/// Accepts that have not left yet, and their records.
#[derive(Default)]
struct Accepted {
    replies: Outgoing,
    records: Vec<u8>,
}

fn receive(
    socket: &BatchSocket,
    verifier: &mut Verifier,
    stop: &AtomicBool,
    mut finish: impl FnMut(&mut Accepted),
) -> Result<()> {
    let mut batch = Batch::default();
    let (mut accepted, mut refused) = (Accepted::default(), Outgoing::default());
    let mut reply = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        socket.receive(&mut batch)?;
        let now = unix_seconds();
        for (source, datagram) in batch.datagrams() {
            match verifier.answer(datagram, now, &mut reply) {
                Some(Verdict::Accept(record)) => {
                    accepted.records.extend_from_slice(&record);
                    accepted.replies.push(source, &reply);
                }
                Some(Verdict::Reject) => refused.push(source, &reply),
                None => {}
            }
        }
        if !refused.is_empty() {
            let _ = socket.send(&mut refused);
        }
        finish(&mut accepted);
    }
    Ok(())
}

/// The users in memory, and the check of a login.
struct Verifier {
    secret: Secret,
    accounts: HashMap<Box<[u8]>, Account>,
    reuse: Reuse,
    accept: Reply,
    reject: Reply,
}

enum Account {
    Password(Box<[u8]>),
    Token { seed: Seed, spent: Option<Step> },
}

/// Whether a code can be used again within its window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Accepted,
    Refused,
}

enum Verdict {
    Accept([u8; RECORD]),
    Reject,
}

impl Verifier {
    fn new(work: &Work) -> Result<Self> {
        let account = |user| -> Result<_> {
            let account = if work.codes {
                let seed = seed(user).context("the seed has a wrong length")?;
                Account::Token { seed, spent: None }
            } else {
                Account::Password(password(user).into_bytes().into())
            };
            Ok((name(user).into_bytes().into(), account))
        };
        Ok(Verifier {
            secret: Secret::new(SECRET)?,
            accounts: (0..u64::from(work.users))
                .map(account)
                .collect::<Result<_>>()?,
            reuse: if work.sync {
                Reuse::Refused
            } else {
                Reuse::Accepted
            },
            accept: Reply::accept(),
            reject: Reply::reject(),
        })
    }

    /// Decides a login and writes the reply. `None` for what deserves no answer.
    fn answer(&mut self, datagram: &[u8], now: u64, reply: &mut Vec<u8>) -> Option<Verdict> {
        let request = AccessRequest::new(Packet::parse(datagram).ok()?).ok()?;
        if request.message_authenticator(&self.secret) != MessageAuthenticator::Valid {
            return None;
        }
        let user = request.user_name()?;
        let password = request.user_password(&self.secret)?;
        let account = self.accounts.get_mut(user);
        let step = account.and_then(|account| account.check(&password, now, self.reuse));
        let answer = if step.is_some() {
            &self.accept
        } else {
            &self.reject
        };
        answer
            .encode_into(request.packet(), &self.secret, reply)
            .ok()?;
        Some(step.map_or(Verdict::Reject, |step| {
            Verdict::Accept(record(user, step, now))
        }))
    }
}

impl Account {
    /// The step whose code it was, 0 for a password; `None` if it is wrong.
    fn check(&mut self, password: &[u8], now: u64, reuse: Reuse) -> Option<Step> {
        match self {
            Account::Password(right) => bool::from(right.ct_eq(password)).then_some(Step(0)),
            Account::Token { seed, spent } => {
                let parameters = Parameters::default();
                let text = str::from_utf8(password).ok()?;
                let code = otp::Code::parse(text, parameters.digits).ok()?;
                let centre = otp::centre(Period::SIXTY, now, Drift(0));
                let found = otp::search(seed, parameters, centre, Window::LOGIN, &code, *spent);
                let Found::Fresh { step, .. } = found else {
                    return None;
                };
                if reuse == Reuse::Refused {
                    *spent = Some(step);
                }
                Some(step)
            }
        }
    }
}

/// Who logged in with which step, and when: as many octets as an audit event needs, and a hash.
fn record(user: &[u8], step: Step, now: u64) -> [u8; RECORD] {
    let fields = step.0.to_be_bytes().into_iter().chain(now.to_be_bytes());
    let mut record = [0; RECORD];
    let octets = fields.chain(user.iter().copied());
    record
        .iter_mut()
        .zip(octets)
        .for_each(|(slot, octet)| *slot = octet);
    record
}

/// Accepts on their way to the disk.
#[derive(Default)]
struct Journal {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    accepted: Accepted,
    closed: bool,
}

impl Journal {
    /// Takes all of `accepted`; its replies leave when its records are on the disk.
    fn hand_over(&self, accepted: &mut Accepted) {
        if accepted.records.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        waiting.accepted.records.append(&mut accepted.records);
        waiting.accepted.replies.append(&mut accepted.replies);
        self.arrived.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Writes all that waits, syncs once, answers all, until closed.
    fn write(&self, mut file: &File, socket: &BatchSocket) -> Result<()> {
        let mut accepted = Accepted::default();
        loop {
            self.take(&mut accepted);
            if accepted.records.is_empty() {
                return Ok(());
            }
            file.write_all(&accepted.records)?;
            file.sync_data()?;
            accepted.records.clear();
            // What the kernel refuses is asked for again.
            let _ = socket.send(&mut accepted.replies);
        }
    }

    /// Waits for something to write. Nothing comes once the journal is closed and empty.
    fn take(&self, accepted: &mut Accepted) {
        let idle = |waiting: &mut Waiting| waiting.accepted.records.is_empty() && !waiting.closed;
        let waiting = self.arrived.wait_while(self.lock(), idle);
        mem::swap(
            accepted,
            &mut waiting.unwrap_or_else(PoisonError::into_inner).accepted,
        );
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::UdpSocket;

    use radius::{Authenticator, Identifier, Request, Type};

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn work(codes: bool, sync: bool) -> Work {
        Work {
            codes,
            sync,
            users: 2,
            directory: PathBuf::from("."),
        }
    }

    fn request(user: &str, password: &str) -> Vec<u8> {
        let secret = Secret::new(SECRET).unwrap();
        Request::access(Identifier(1), Authenticator([7; 16]), &secret)
            .attribute(Type::USER_NAME, user.as_bytes())
            .unwrap()
            .user_password(password.as_bytes())
            .unwrap()
            .encode()
            .unwrap()
    }

    fn answer(verifier: &mut Verifier, user: &str, password: &str) -> Option<Code> {
        let mut reply = Vec::new();
        verifier.answer(&request(user, password), NOW, &mut reply)?;
        Some(Packet::parse(&reply).unwrap().code())
    }

    fn code(user: u64, offset: i32) -> String {
        let step = otp::centre(Period::SIXTY, NOW, Drift(offset));
        otp::code_at(&seed(user).unwrap(), Parameters::default(), step)
            .as_str()
            .to_owned()
    }

    #[test]
    fn passwords_are_checked() {
        let mut verifier = Verifier::new(&work(false, false)).unwrap();
        assert_eq!(
            answer(&mut verifier, &name(1), &password(1)),
            Some(Code::AccessAccept)
        );
        assert_eq!(
            answer(&mut verifier, &name(1), &password(0)),
            Some(Code::AccessReject)
        );
        assert_eq!(
            answer(&mut verifier, &name(2), &password(2)),
            Some(Code::AccessReject)
        );
    }

    #[test]
    fn without_a_valid_message_authenticator_nothing_is_said() {
        let mut verifier = Verifier::new(&work(false, false)).unwrap();
        let mut forged = request(&name(1), &password(1));
        forged[22] ^= 1;
        assert!(verifier.answer(&forged, NOW, &mut Vec::new()).is_none());
    }

    #[test]
    fn codes_are_found_one_step_either_way_and_with_sync_accepted_once() {
        let mut verifier = Verifier::new(&work(true, false)).unwrap();
        for offset in [-1, 0, 1, 1, 0] {
            let answer = answer(&mut verifier, &name(1), &code(1, offset));
            assert_eq!(answer, Some(Code::AccessAccept));
        }
        for offset in [-2, 2] {
            let answer = answer(&mut verifier, &name(1), &code(1, offset));
            assert_eq!(answer, Some(Code::AccessReject));
        }
        let mut verifier = Verifier::new(&work(true, true)).unwrap();
        let expected = [Code::AccessAccept, Code::AccessReject, Code::AccessAccept];
        for (offset, expected) in [0, 0, 1].into_iter().zip(expected) {
            assert_eq!(
                answer(&mut verifier, &name(1), &code(1, offset)),
                Some(expected)
            );
        }
    }

    #[test]
    fn the_work_makes_logins_that_are_accepted() {
        let once = work(true, true);
        assert_eq!((0..9).map_while(|number| once.login(number)).count(), 4);
        let again = work(true, false);
        assert_eq!((0..9).map_while(|number| again.login(number)).count(), 9);
    }

    #[test]
    fn an_accept_leaves_after_its_record_and_a_closed_journal_still_answers() {
        let socket = BatchSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let client = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        let file = NamedTempFile::new().unwrap();
        let journal = Journal::default();
        let mut accepted = Accepted::default();
        for user in [0, 1] {
            accepted
                .records
                .extend(record(name(user).as_bytes(), Step(1), NOW));
            accepted
                .replies
                .push(client.local_addr().unwrap(), b"accept");
        }
        journal.hand_over(&mut accepted);
        assert!(accepted.records.is_empty() && accepted.replies.is_empty());
        journal.close();
        journal.write(file.as_file(), &socket).unwrap();
        let mut buffer = [0; 16];
        for _ in [0, 1] {
            assert_eq!(client.recv(&mut buffer).unwrap(), 6);
        }
        assert_eq!(fs::read(file.path()).unwrap().len(), 2 * RECORD);
    }
}
