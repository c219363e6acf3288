//! `symbolon bench foreign`: the load of `bench login` on another RADIUS server that has the same users. The scripts
//! in `bench/` run it beside Debian's FreeRADIUS.
//!
//! Its `rlm_totp` knows periods of 30 seconds and no window, so a row begins with a step and ends before its end.

use std::collections::hash_map::RandomState;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use data_encoding::BASE32_NOPAD;
use gateway::clock;
use nix::unistd::Pid;
use otp::{Parameters, Period, Step};
use radius::{Code, Identifier, Packet, Secret, verify_reply};

use super::load::{Load, Login, Outstanding, Row, Verify};
use super::{login, machine, population};

/// What of a step a row may use, so that the requests made before its end are answered before it too.
const USABLE: Duration = Duration::from_secs(20);

/// Between two requests to a server that starts: what its start took is known this exactly.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// A server that takes longer does not start.
const START_MAX: Duration = Duration::from_mins(2);

/// What to do with the other server.
#[derive(Debug, Clone, Args)]
pub(crate) struct ForeignArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Print the users with their seeds, as FreeRADIUS' module `files` reads them
    Users {
        /// How many
        #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        users: u32,
    },
    /// Put the load on it and print its row
    Load(LoadArgs),
    /// Have the first user log in as soon as it is there, and wait for the Accept
    First {
        /// Where it will listen
        #[arg(long, value_name = "ADDRESS")]
        server: SocketAddr,
    },
}

/// A load on a server that somebody else has started.
#[derive(Debug, Clone, Args)]
struct LoadArgs {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS")]
    server: SocketAddr,
    /// Its process, for the CPU time
    #[arg(long, value_name = "PID")]
    pid: i32,
    /// How many users it has
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// Requests kept outstanding (1 to 256)
    #[arg(long, default_value = "64", value_name = "N")]
    outstanding: Outstanding,
    /// Seconds for which it is measured, at most 20
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Whether it keeps nothing: then everybody's code is sent again once all were
    #[arg(long)]
    repeat: bool,
}

/// Prints users, or one row.
pub(crate) fn foreign(args: &ForeignArgs) -> Result<()> {
    match &args.what {
        What::Users { users } => print_users(*users),
        What::Load(args) => measure(args),
        What::First { server } => first(*server),
    }
}

fn print_users(users: u32) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for number in 0..users {
        let secret = BASE32_NOPAD.encode(&population::seed(number));
        writeln!(
            out,
            "{} TOTP-Secret := \"{secret}\"",
            population::user(number)
        )?;
    }
    Ok(out.flush()?)
}

fn measure(args: &LoadArgs) -> Result<()> {
    let duration = Duration::from_secs(args.seconds.into());
    ensure!(duration <= USABLE, "a step lasts 30 seconds: at most 20");
    let secret = Secret::new(login::SECRET.as_bytes())?;
    let process = Pid::from_raw(args.pid);
    let load = Load {
        server: args.server,
        secret: &secret,
        outstanding: args.outstanding,
        duration,
        verify: Verify::Sample,
    };
    let step = next_step();
    let before = machine::cpu_time_of(process)?;
    let measured = load.run(|number| right(args, number, step))?;
    let cpu = machine::cpu_time_of(process)?.saturating_sub(before);
    println!("{}", Row::HEADER);
    println!("{}", Row::new(args.outstanding, measured, cpu)?);
    Ok(())
}

/// Asks again and again, since nobody tells when it listens.
fn first(server: SocketAddr) -> Result<()> {
    let secret = Secret::new(login::SECRET.as_bytes())?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(ASK_EVERY))?;
    let began = Instant::now();
    let mut reply = [0; 4_096];
    while began.elapsed() < START_MAX {
        let step = Period::THIRTY.step_at(clock::now().unix());
        let login = shown(0, step).context("a code")?;
        let request = login.request(Identifier(0), &secret, &RandomState::new(), 0)?;
        // While nothing listens, the system refuses the one or the other.
        let answered = socket.send(&request).and_then(|_| socket.recv(&mut reply));
        let datagram = answered.ok().and_then(|octets| reply.get(..octets));
        let request = Packet::parse(&request)?;
        let verified = datagram.map(|datagram| verify_reply(&request, datagram, &secret));
        match verified {
            Some(Ok(reply)) if reply.code() == login.expected => return Ok(()),
            Some(Ok(reply)) => bail!("{} for {}", reply.code(), login.user),
            // A late answer to what was asked before has another authenticator.
            Some(Err(_)) | None => thread::sleep(ASK_EVERY),
        }
    }
    bail!("it accepted nobody within {} s", START_MAX.as_secs())
}

/// Waits for a new step.
fn next_step() -> Step {
    let period = Period::THIRTY;
    let seconds = u64::from(period.secs());
    thread::sleep(Duration::from_secs(seconds - clock::now().unix() % seconds));
    period.step_at(clock::now().unix())
}

/// The login of a number, a user each.
fn right(args: &LoadArgs, number: u64, step: Step) -> Option<Login> {
    let users = u64::from(args.users);
    let fresh = number < users || args.repeat;
    let user = u32::try_from(number % users).ok().filter(|_| fresh)?;
    shown(user, step)
}

/// The login of a user with the code of a step.
fn shown(user: u32, step: Step) -> Option<Login> {
    let parameters = Parameters {
        kind: otp::Kind::Totp(Period::THIRTY),
        ..Parameters::default()
    };
    let code = population::code_with(user, step, parameters).ok()?;
    Some(Login::once(
        population::user(user),
        code.as_str().to_owned(),
        Code::AccessAccept,
    ))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn a_code_is_sent_once_unless_nothing_is_kept() {
        let args = |repeat| LoadArgs {
            server: ([127, 0, 0, 1], 1812).into(),
            pid: 1,
            users: 2,
            outstanding: Outstanding::from_str("64").unwrap(),
            seconds: 3,
            repeat,
        };
        let sent = |repeat| -> Vec<String> {
            let logins = (0..3).filter_map(|number| right(&args(repeat), number, Step(1)));
            logins.map(|login| login.user + &login.password).collect()
        };
        assert_eq!(sent(false).len(), 2);
        assert_eq!(sent(true).len(), 3);
        assert_eq!(sent(true).first(), sent(true).last());
    }
}
