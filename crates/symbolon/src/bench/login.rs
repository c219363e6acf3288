//! `symbolon bench login`: the whole login path, durable, next to its floor.
//!
//! Each login is a correct password that is remembered and a correct code that was never used, over
//! RADIUS, sealed seed opened, one audit record synced before its Accept. The server is a process of
//! its own; the load generator shares its cores.

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use gateway::radius_server::RadiusConfig;
use gateway::ssh::SshConfig;
use gateway::web::WebConfig;
use gateway::{Gateway, GatewayConfig, TokenServerConfig, clock};
use ident::ProductSerial;
use identity::{Identity, Keeper};
use otp::{Parameters, Period, Step, Window};
use radius::{Code, Secret};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::RootCertStore;
use tempfile::TempDir;

use super::floor::{self, Work};
use super::load::{Load, Login, Outstanding, Row, Verify};
use super::machine;
use super::population::{self, Checked};
use super::server::{LISTENING, ServerProcess, until_input_ends};

/// Shared with the bench's own server.
pub(super) const SECRET: &str = "symbolon bench login";

/// The population's logins before anything is measured: they fill the memory of passwords.
const WARMING: Outstanding = Outstanding::of(128);

/// Requests outstanding where verdicts are checked: an identifier comes again after four.
const MIXED_OUTSTANDING: Outstanding = Outstanding::of(64);

/// Requests outstanding that are refused.
const REFUSED_OUTSTANDING: Outstanding = Outstanding::of(64);

/// Logins a second that one outstanding request can make at most: each waits for a sync, and no disk
/// measured takes less than 0.15 ms for it.
const RATE_OF_ONE: u32 = 6_000;

/// Seconds of a minute that are left for the rows: the codes of two steps are used up in it.
const MINUTE_S: u64 = 60;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoginArgs {
    /// Tokens in the store, each a table of its own
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000,100000",
        value_name = "N"
    )]
    tokens: Vec<u32>,
    /// Requests kept outstanding, each a row of the table (1 to 256)
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,64,256",
        value_name = "N"
    )]
    outstanding: Vec<Outstanding>,
    /// Have the codes alone checked, as by a client that checks passwords itself
    #[arg(long)]
    code_only: bool,
    /// Seconds for which each row is measured, if there are codes for as long
    #[arg(long, default_value_t = 3, value_name = "N")]
    seconds: u32,
    /// Then check so many verdicts or more, of right, wrong, repeated and doubled logins mixed: minutes
    #[arg(long, default_value_t = 0, value_name = "N")]
    verdicts: u64,
    /// Where the databases are made, on the disk that is to be measured
    #[arg(long, default_value = ".", value_name = "DIR")]
    directory: PathBuf,
    /// Be the server over this directory, until standard input ends
    #[arg(long, hide = true, value_name = "DIR")]
    serve: Option<PathBuf>,
}

impl LoginArgs {
    fn checked(&self) -> Checked {
        if self.code_only {
            Checked::Code
        } else {
            Checked::PasswordAndCode
        }
    }
}

/// Prints the machine, the disk, and for each population a table next to the durable floor.
pub(crate) fn login(args: &LoginArgs) -> Result<()> {
    if let Some(directory) = &args.serve {
        return serve(directory);
    }
    println!("machine  {}", machine::describe());
    for &tokens in &args.tokens {
        let sync = machine::sync_latency(&args.directory)?;
        println!(
            "\nsync     {:.3} ms, the median of fdatasync",
            sync.as_secs_f64() * 1e3
        );
        measure(args, tokens)?;
    }
    Ok(())
}

fn measure(args: &LoginArgs, tokens: u32) -> Result<()> {
    let directory = TempDir::new_in(&args.directory)?;
    let began = Instant::now();
    runtime()?.block_on(population::fill(
        directory.path(),
        tokens,
        SECRET,
        args.checked(),
    ))?;
    println!(
        "tokens   {tokens}, made in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let server = ServerProcess::start(&arguments(directory.path()))?;
    println!(
        "start    {:.0} ms until it listens",
        began.elapsed().as_secs_f64() * 1e3
    );
    let checked = args.checked();
    warm_up(&server, checked, tokens, next_minute())?;
    // Everybody's code was the current one, so nobody's clock counts as slow; the rows use the codes
    // of the next minute and of the one after.
    let step = next_minute();
    println!(
        "memory   {} MiB, {}",
        server.memory()? >> 20,
        match checked {
            Checked::PasswordAndCode => "all passwords remembered",
            Checked::Code => "everybody logged in",
        }
    );
    let mut codes = Codes {
        checked,
        tokens,
        step,
        next: 0,
    };
    let rows_wanted = u32::try_from(args.outstanding.len())?;
    let mut rows = Vec::new();
    for &outstanding in &args.outstanding {
        let mut left = share(args, outstanding).min(tokens * 2 / rows_wanted);
        rows.push(run(
            &server,
            outstanding,
            seconds(args),
            Verify::Sample,
            |_| {
                left = left.checked_sub(1)?;
                codes.next()
            },
        )?);
    }
    let used = codes.next.clamp(1, tokens);
    // Where the passwords are checked here, an unknown name costs as much as a wrong one: a hash.
    let of_codes = Refused::ALL
        .into_iter()
        .filter(|_| checked == Checked::Code);
    let refused: Vec<_> = of_codes
        .map(|why| {
            let row = run(
                &server,
                REFUSED_OUTSTANDING,
                seconds(args),
                Verify::Sample,
                |number| why.login(checked, u32::try_from(number % u64::from(used)).ok()?, step),
            );
            (why, row)
        })
        .collect();
    if args.verdicts > 0 {
        let counted = verdicts(&server, checked, tokens, args.verdicts)?;
        println!(
            "verdicts {counted} of right, wrong, repeated and doubled logins, none of them wrong"
        );
    }
    server.stop()?;
    // Floors come afterwards: the codes would grow old while they are measured.
    println!("{}  of the floor: rate, CPU", Row::HEADER);
    for row in rows {
        let work = Work::durable_codes(tokens, &args.directory);
        let floor = floor::measure(&work, row.outstanding, seconds(args), Verify::Sample)?;
        let cpu = row.cpu.as_secs_f64() / floor.cpu.as_secs_f64();
        println!("{row}  {:.2}, {cpu:.1}", row.rate / floor.rate);
        println!("{floor}  the floor itself");
    }
    if refused.is_empty() {
        return Ok(());
    }
    println!("refused, next to a server that checks a password and records nothing:");
    let work = Work::passwords(tokens, &args.directory);
    let floor = floor::measure(&work, REFUSED_OUTSTANDING, seconds(args), Verify::Sample)?;
    for (why, row) in refused {
        let row = row?;
        let cpu = row.cpu.as_secs_f64() / floor.cpu.as_secs_f64();
        println!("{row}  {:.2}, {cpu:.1}  {why}", row.rate / floor.rate);
    }
    println!("{floor}  the floor itself");
    Ok(())
}

/// Why logins are refused that an attacker can send as fast as the network takes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refused {
    UnknownName,
    UsedCode,
}

impl Refused {
    const ALL: [Self; 2] = [Self::UnknownName, Self::UsedCode];

    fn login(self, checked: Checked, number: u32, step: Step) -> Option<Login> {
        let right = right(checked, number, step)?;
        let user = match self {
            Self::UnknownName => format!("nobody{number}"),
            Self::UsedCode => right.user,
        };
        Some(Login {
            user,
            expected: Code::AccessReject,
            ..right
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "unknown name",
            Self::UsedCode => "code used before",
        })
    }
}

/// The logins that a row may use, so that the codes suffice for all rows.
fn share(args: &LoginArgs, outstanding: Outstanding) -> u32 {
    args.seconds
        .saturating_mul(RATE_OF_ONE)
        .saturating_mul(outstanding.count())
}

fn seconds(args: &LoginArgs) -> Duration {
    Duration::from_secs(args.seconds.into())
}

fn arguments(directory: &Path) -> Vec<OsString> {
    vec![
        "bench".into(),
        "login".into(),
        "--serve".into(),
        directory.into(),
    ]
}

/// Waits for a new minute, so that its codes and those of the next are good for all that follows.
fn next_minute() -> Step {
    let now = clock::now().unix();
    thread::sleep(Duration::from_secs(MINUTE_S - now % MINUTE_S));
    Period::SIXTY.step_at(clock::now().unix())
}

/// Everybody logs in once, with the code of this minute.
fn warm_up(server: &ServerProcess, checked: Checked, tokens: u32, step: Step) -> Result<()> {
    let minute = Duration::from_secs(MINUTE_S);
    run(server, WARMING, minute, Verify::Sample, |number| {
        let number = u32::try_from(number)
            .ok()
            .filter(|number| *number < tokens)?;
        right(checked, number, step)
    })
    .map(drop)
}

/// Has everybody log in again in each minute until so many verdicts were as expected; says how many were.
fn verdicts(server: &ServerProcess, checked: Checked, tokens: u32, wanted: u64) -> Result<u64> {
    let secret = Secret::new(SECRET.as_bytes())?;
    let load = Load {
        server: server.address(),
        secret: &secret,
        outstanding: MIXED_OUTSTANDING,
        duration: Duration::from_secs(MINUTE_S),
        // A doubled request has two answers: each is told from that to the next one.
        verify: Verify::All,
    };
    let mut counted = 0;
    while counted < wanted {
        let mut mixed = Mixed {
            checked,
            tokens,
            step: next_minute(),
        };
        let measured = load.run(|number| mixed.login(number))?;
        counted += measured.answered_in_all;
        // Refuses what went wrong.
        Row::new(load.outstanding, measured, Duration::ZERO)?;
    }
    Ok(counted)
}

/// Logins of all kinds.
struct Mixed {
    checked: Checked,
    tokens: u32,
    step: Step,
}

impl Mixed {
    /// Of sixteen logins one has a wrong code, one a code that was used, and one is sent twice. All of one user come
    /// from one slot of the load, which sends one after the other.
    fn login(&mut self, number: u64) -> Option<Login> {
        let slots = u64::from(MIXED_OUTSTANDING.count());
        let (turn, slot) = (number / slots, number % slots);
        let (sixteenth, kind) = (turn / 16, turn % 16);
        let user = u32::try_from((sixteenth * 14 + kind.min(13)) * slots + slot).ok()?;
        if user >= self.tokens {
            return None;
        }
        let right = right(self.checked, user, self.step)?;
        Some(match kind {
            0 => Login {
                is_doubled: true,
                ..right
            },
            14 => Login {
                password: self.checked.presented(&self.wrong_code(user)?),
                expected: Code::AccessReject,
                ..right
            },
            15 => Login {
                expected: Code::AccessReject,
                ..right
            },
            _ => right,
        })
    }

    /// A code that the token shows neither now nor within the hours in which its clock may stand.
    fn wrong_code(&self, user: u32) -> Option<otp::Code> {
        let reach = i32::from(Window::SYNC.ahead) + 2;
        let shown: Vec<otp::Code> = (-reach..=reach)
            .map(|offset| population::code(user, self.step.offset(offset)?).ok())
            .collect::<Option<_>>()?;
        let is_shown = |code: &otp::Code| shown.iter().any(|it| it.as_str() == code.as_str());
        let digits = Parameters::default().digits;
        let candidates = (0..1_000_000_u32).map(|number| format!("{number:06}"));
        candidates
            .filter_map(|text| otp::Code::parse(&text, digits).ok())
            .find(|code| !is_shown(code))
    }
}

fn run(
    server: &ServerProcess,
    outstanding: Outstanding,
    duration: Duration,
    verify: Verify,
    login: impl FnMut(u64) -> Option<Login>,
) -> Result<Row> {
    let secret = Secret::new(SECRET.as_bytes())?;
    let load = Load {
        server: server.address(),
        secret: &secret,
        outstanding,
        duration,
        verify,
    };
    let before = server.cpu_time()?;
    let measured = load.run(login)?;
    let cpu = server.cpu_time()?.saturating_sub(before);
    Row::new(outstanding, measured, cpu)
}

/// A login that must be accepted.
fn right(checked: Checked, number: u32, step: Step) -> Option<Login> {
    let code = population::code(number, step).ok()?;
    Some(Login::once(
        population::user(number),
        checked.presented(&code),
        Code::AccessAccept,
    ))
}

/// The codes of this minute and of the next, each of which is good once.
struct Codes {
    checked: Checked,
    tokens: u32,
    step: Step,
    next: u32,
}

impl Codes {
    fn next(&mut self) -> Option<Login> {
        let (number, later) = (self.next % self.tokens, self.next / self.tokens);
        self.next += 1;
        right(
            self.checked,
            number,
            self.step
                .offset(i32::try_from(later).ok().filter(|later| *later < 2)?)?,
        )
    }
}

/// The gateway over a directory that [`population::fill`] has made.
fn serve(directory: &Path) -> Result<()> {
    let serial = ProductSerial::parse("SYMBVM0000000000")?;
    let config = GatewayConfig {
        location: population::location(directory),
        root_key: population::root_key(directory)?,
        radius: RadiusConfig {
            addresses: vec![(Ipv4Addr::LOCALHOST, 0).into()],
            identity: directory.join("radius.pem"),
            ..RadiusConfig::default()
        },
        web: WebConfig {
            addresses: Vec::new(),
            identity: directory.join("https.pem"),
            chosen: https::Chosen::default(),
        },
        console: directory.join("console.sock"),
        last_end: None,
        ssh: SshConfig::default(),
        certificates: directory.join("certificates"),
        token_server: TokenServerConfig {
            // Nothing is sent: the outbox is empty.
            url: "https://127.0.0.1:9".into(),
            roots: RootCertStore::empty(),
            identity: Arc::new(identity(serial)?),
            partners: Vec::new(),
        },
    };
    let runtime = runtime()?;
    runtime.block_on(async {
        let gateway = Gateway::start(config).await?;
        let address = gateway
            .radius_addresses()
            .first()
            .copied()
            .context("no RADIUS")?;
        println!("{LISTENING}{address}");
        until_input_ends().await;
        gateway.stop().await;
        Ok(())
    })
}

/// Nobody vouches for it, and nobody is asked to.
fn identity(serial: ProductSerial) -> Result<Keeper> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, serial.as_str());
    let key = KeyPair::generate()?;
    let pem = key.serialize_pem() + &params.self_signed(&key)?.pem();
    Ok(Keeper::fixed(Identity::of_pem(&pem)?))
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
