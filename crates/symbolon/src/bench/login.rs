//! `symbolon bench login`: the whole login path, durable, next to its floor.
//!
//! Each login is a correct password that is remembered and a correct code that was never used, over
//! RADIUS, sealed seed opened, one audit record synced before its Accept. The server is a process of
//! its own; the load generator shares its cores.

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
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

use super::floor::{Floor, Work};
use super::hashes::{self, Crowd};
use super::load::{Load, Login, Outstanding, Row, Verify};
use super::machine;
use super::population::{self, Checked, Counted, Filling, Person};
use super::restart::{self, Restarted};
use super::server::{LISTENING, ServerProcess, until_input_ends};
use super::turns::{self, TURNS, Turns};

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
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
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
    /// Give tokens that count their codes: there are always more, so that a row of few tokens lasts as long as one of
    /// many. Such rows compare with each other and not with the floor
    #[arg(long, conflicts_with = "verdicts")]
    counters: bool,
    /// Then send more logins with passwords that are hashed than the cores can do, beside a few that are remembered
    #[arg(long, conflicts_with = "code_only")]
    hashes: bool,
    /// Seconds for which each row is measured, in up to five turns with its floor, if there are codes for as long
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
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
    fn users(&self) -> Users {
        Users {
            checked: if self.code_only {
                Checked::Code
            } else {
                Checked::PasswordAndCode
            },
            counted: if self.counters {
                Counted::Codes
            } else {
                Counted::Time
            },
        }
    }
}

/// Prints the machine, the disk, for each population a table next to the durable floor, and how the rows compare.
pub(crate) fn login(args: &LoginArgs) -> Result<()> {
    if let Some(directory) = &args.serve {
        return serve(directory);
    }
    println!("machine  {}", machine::describe());
    let mut tables = Vec::new();
    for &tokens in &args.tokens {
        let sync = machine::sync_latency(&args.directory)?;
        println!(
            "\nsync     {:.3} ms, the median of fdatasync",
            sync.as_secs_f64() * 1e3
        );
        if let Some(time) = machine::hand_over() {
            let nanos = time.as_nanos();
            println!("shared   {nanos} ns for a line of memory to another processor and back");
        }
        tables.push(Table {
            tokens,
            rows: measure(args, tokens)?,
        });
    }
    let compared = compared(&tables);
    if !compared.is_empty() {
        println!("\n{}", compared.join("\n"));
    }
    Ok(())
}

/// The rows of a population.
struct Table {
    tokens: u32,
    rows: Vec<Row>,
}

/// Each table's last row against its first, and the rows of each against those of the first table.
fn compared(tables: &[Table]) -> Vec<String> {
    let ends = tables.iter().filter_map(|table| {
        let (first, last) = (table.rows.first()?, table.rows.last()?);
        (first.outstanding != last.outstanding).then(|| {
            format!(
                "{} tokens: {} outstanding against {}: {:.1} times the rate",
                table.tokens,
                last.outstanding,
                first.outstanding,
                last.rate / first.rate
            )
        })
    });
    let Some((first, others)) = tables.split_first() else {
        return Vec::new();
    };
    let sizes = others.iter().flat_map(|table| {
        table.rows.iter().zip(&first.rows).map(|(row, base)| {
            format!(
                "{} tokens against {}: {} outstanding: {:.2} of the rate",
                table.tokens,
                first.tokens,
                row.outstanding,
                row.rate / base.rate
            )
        })
    });
    ends.chain(sizes).collect()
}

/// The people of a store by their numbers.
struct People {
    /// Of the rows.
    tokens: u32,
    /// Of the first login after each start.
    starting: Range<u32>,
    /// With remembered passwords beside those that are hashed.
    others: Range<u32>,
    /// With passwords that are hashed.
    hashed: Range<u32>,
}

/// Starts that are measured.
const STARTS: u32 = 2;

impl People {
    fn new(args: &LoginArgs, tokens: u32) -> Self {
        let after = |range: &Range<u32>, more: u32| range.end..range.end.saturating_add(more);
        let hashed = |people: u32| if args.hashes { people } else { 0 };
        let starting = after(&(0..tokens), STARTS);
        let others = after(&starting, hashed(hashes::other_people(args.seconds)));
        Self {
            tokens,
            hashed: after(&others, hashed(hashes::hashed_people(args.seconds))),
            starting,
            others,
        }
    }

    fn kinds(&self) -> Vec<Person> {
        let mut kinds = vec![Person::Quick; self.others.end as usize];
        kinds.resize(self.hashed.end as usize, Person::Dear);
        kinds
    }
}

fn measure(args: &LoginArgs, tokens: u32) -> Result<Vec<Row>> {
    let directory = TempDir::new_in(&args.directory)?;
    let users = args.users();
    let people = People::new(args, tokens);
    let began = Instant::now();
    let filling = Filling {
        people: &people.kinds(),
        tokens: users.counted,
        settings: &population::quick_settings(),
        secret: SECRET,
        checked: users.checked,
    };
    runtime()?.block_on(population::fill_with(directory.path(), &filling))?;
    println!(
        "tokens   {tokens}, made in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    // The first start of all writes down what interfaces the machine has; no other does.
    ServerProcess::start(&arguments(directory.path()))?.stop()?;
    let starting = |start: u32| users.right(people.starting.start + start, users.first_step());
    let (server, orderly) = restart::start(directory.path(), || starting(0))?;
    println!("start    {orderly}");
    let first = users.warming_step();
    warm_up(&server, users, &people, first)?;
    // Everybody's code was the current one, so nobody's clock counts as slow; the rows use the codes
    // of the next minute and of the one after.
    let step = users.step_after(first)?;
    println!(
        "memory   {} MiB, {}",
        server.memory()? >> 20,
        match users.checked {
            Checked::PasswordAndCode => "all passwords remembered",
            Checked::Code => "everybody logged in",
        }
    );
    let (rows, refused) = measure_rows(args, &server, tokens, step)?;
    if args.verdicts > 0 {
        let counted = verdicts(&server, users, tokens, args.verdicts)?;
        println!(
            "verdicts {counted} of right, wrong, repeated and doubled logins, none of them wrong"
        );
    }
    if args.hashes {
        let crowd = Crowd {
            server: &server,
            users,
            hashed: people.hashed.clone(),
            others: people.others.clone(),
            step: users.later_step(first)?,
            seconds: args.seconds,
        };
        println!("{}", crowd.measure()?);
    }
    let load = last_load(args, tokens)?;
    let (server, killed) = restart::after_kill(server, directory.path(), load, || starting(1))?;
    println!("killed   {}", Restarted { orderly, killed });
    server.stop()?;
    print_rows(&rows)?;
    print_refused(&refused)?;
    let row = |turns: &Turns| turns.row().context("nothing was measured");
    rows.iter().map(row).collect()
}

/// The logins under which the server is killed: with codes that nobody has used yet, and then with used ones.
fn last_load(
    args: &LoginArgs,
    tokens: u32,
) -> Result<impl FnMut(u64) -> Option<Login> + Send + use<>> {
    let users = args.users();
    let place = u32::try_from(args.outstanding.len())?;
    let counters = Counters::new(args, tokens, place, restart::OUTSTANDING)?;
    let step = match users.counted {
        // The rows may have used the codes of this minute.
        Counted::Time => next_minute().offset(1).context("the end of time")?,
        Counted::Codes => Users::FIRST_CODE,
    };
    Ok(move |number| match users.counted {
        Counted::Time => users.right(u32::try_from(number % u64::from(tokens)).ok()?, step),
        Counted::Codes => counters.login(number),
    })
}

/// Logins that are refused, and why.
type RefusedTurns = (Refused, Turns);

fn measure_rows(
    args: &LoginArgs,
    server: &ServerProcess,
    tokens: u32,
    step: Step,
) -> Result<(Vec<Turns>, Vec<RefusedTurns>)> {
    let users = args.users();
    let mut codes = Codes {
        users,
        tokens,
        step,
        next: 0,
    };
    let rows_wanted = u32::try_from(args.outstanding.len())?;
    let work = Work::durable_codes(tokens, &args.directory);
    let mut rows = Vec::new();
    // Whose code of `step` the largest turn used up.
    let mut used = 0..0;
    for (&outstanding, place) in args.outstanding.iter().zip(0..) {
        let mut turns = Turns::default();
        if args.counters {
            let counters = Counters::new(args, tokens, place, outstanding)?;
            let login = |number| counters.login(number);
            let row = run(server, outstanding, seconds(args), Verify::Sample, login)?;
            turns.push(row, None);
            rows.push(turns);
            continue;
        }
        let logins = share(args, outstanding).min(tokens * 2 / rows_wanted);
        let count = turns::count(logins, outstanding);
        let (logins, duration) = (logins / count, seconds(args) / count);
        let mut floor = Floor::start(&work)?;
        for _ in 0..count {
            let first = codes.next;
            let login = |number| codes.next().filter(|_| number < u64::from(logins));
            let row = run(server, outstanding, duration, Verify::Sample, login)?;
            // Of a turn that its time ended some slots are ahead of others, though none by so much.
            let sent = if row.answered < logins {
                row.answered / 2
            } else {
                logins
            };
            let of_turn = first..first.saturating_add(sent).min(tokens);
            if of_turn.len() > used.len() {
                used = of_turn;
            }
            let floor = floor.row(outstanding, duration, Verify::Sample, logins.into())?;
            turns.push(row, Some(floor));
        }
        floor.stop()?;
        rows.push(turns);
    }
    let (used, step) = match users.counted {
        Counted::Time => (used, step),
        // All have used the code of the warming.
        Counted::Codes => (0..tokens, Users::FIRST_CODE),
    };
    // Where the passwords are checked here, an unknown name costs as much as a wrong one: a hash.
    let refused = if users.checked == Checked::Code {
        measure_refused(args, server, tokens, used, step)?
    } else {
        Vec::new()
    };
    Ok((rows, refused))
}

/// `used` are the people whose code of `step` was used.
fn measure_refused(
    args: &LoginArgs,
    server: &ServerProcess,
    tokens: u32,
    used: Range<u32>,
    step: Step,
) -> Result<Vec<RefusedTurns>> {
    ensure!(!used.is_empty(), "nobody used a code");
    let duration = seconds(args) / TURNS;
    let mut refused = Refused::ALL.map(|why| (why, Turns::default()));
    let work = Work::passwords(tokens, &args.directory);
    let mut floor = Floor::start(&work)?;
    for _ in 0..TURNS {
        let base = floor.row(REFUSED_OUTSTANDING, duration, Verify::Sample, u64::MAX)?;
        for (why, turns) in &mut refused {
            let login = |number| {
                let place = number % u64::try_from(used.len()).ok()?;
                why.login(args.users(), used.start + u32::try_from(place).ok()?, step)
            };
            let row = run(server, REFUSED_OUTSTANDING, duration, Verify::Sample, login)?;
            turns.push(row, Some(base));
        }
    }
    floor.stop()?;
    Ok(refused.into())
}

fn print_rows(rows: &[Turns]) -> Result<()> {
    let compares = rows.iter().any(|turns| turns.floor().is_some());
    let heading = if compares {
        "  of the floor: rate, CPU (from turn to turn)"
    } else {
        ""
    };
    println!("{}{heading}", Row::HEADER);
    for turns in rows {
        print_turns(turns, "")?;
        if let Some(floor) = turns.floor() {
            println!("{floor}  the floor itself");
        }
    }
    Ok(())
}

fn print_refused(refused: &[RefusedTurns]) -> Result<()> {
    let Some(floor) = refused.first().and_then(|(_, turns)| turns.floor()) else {
        return Ok(());
    };
    println!("refused, next to a server that checks a password and records nothing:");
    for (why, turns) in refused {
        print_turns(turns, &format!("  {why}"))?;
    }
    println!("{floor}  the floor itself");
    Ok(())
}

fn print_turns(turns: &Turns, note: &str) -> Result<()> {
    let row = turns.row().context("nothing was measured")?;
    match (turns.rates(), turns.cpu_times()) {
        (Some(rates), Some(cpu)) => println!("{row}  {rates}, {cpu}{note}"),
        _ => println!("{row}{note}"),
    }
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

    fn login(self, users: Users, number: u32, step: Step) -> Option<Login> {
        let right = users.right(number, step)?;
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

pub(super) fn arguments(directory: &Path) -> Vec<OsString> {
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

/// Everybody whose password is to be remembered logs in once.
fn warm_up(server: &ServerProcess, users: Users, people: &People, step: Step) -> Result<()> {
    let minute = Duration::from_secs(MINUTE_S);
    let mut numbers = (0..people.tokens).chain(people.others.clone());
    run(server, WARMING, minute, Verify::Sample, |_| {
        users.right(numbers.next()?, step)
    })
    .map(drop)
}

/// Has everybody log in again in each minute until so many verdicts were as expected; says how many were.
fn verdicts(server: &ServerProcess, users: Users, tokens: u32, wanted: u64) -> Result<u64> {
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
            users,
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
    users: Users,
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
        let right = self.users.right(user, self.step)?;
        Some(match kind {
            0 => Login {
                is_doubled: true,
                ..right
            },
            14 => Login {
                password: self.users.checked.presented(&self.wrong_code(user)?),
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
    server.row(&load, login).context("the gateway")
}

/// How the users of a store log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Users {
    checked: Checked,
    counted: Counted,
}

impl Users {
    /// The first code of a token that counts them.
    const FIRST_CODE: Step = Step(0);

    /// A login that must be accepted.
    pub(super) fn right(self, number: u32, step: Step) -> Option<Login> {
        let code = population::code_with(number, step, self.counted.parameters()).ok()?;
        Some(Login::once(
            population::user(number),
            self.checked.presented(&code),
            Code::AccessAccept,
        ))
    }

    /// What somebody's token shows who has not logged in yet.
    fn first_step(self) -> Step {
        match self.counted {
            Counted::Time => Period::SIXTY.step_at(clock::now().unix()),
            Counted::Codes => Self::FIRST_CODE,
        }
    }

    /// The same, good for as long as everybody takes to log in.
    fn warming_step(self) -> Step {
        match self.counted {
            Counted::Time => next_minute(),
            Counted::Codes => Self::FIRST_CODE,
        }
    }

    /// What tokens show next after `before`, good for all rows.
    fn step_after(self, before: Step) -> Result<Step> {
        match self.counted {
            Counted::Time => Ok(next_minute()),
            Counted::Codes => self.later_step(before),
        }
    }

    /// What tokens show now that showed `before` in an earlier minute.
    fn later_step(self, before: Step) -> Result<Step> {
        match self.counted {
            Counted::Time => Ok(self.first_step()),
            Counted::Codes => before.offset(1).context("the end of all codes"),
        }
    }
}

/// The codes of this minute and of the next, each of which is good once.
struct Codes {
    users: Users,
    tokens: u32,
    step: Step,
    next: u32,
}

impl Codes {
    fn next(&mut self) -> Option<Login> {
        let (number, later) = (self.next % self.tokens, self.next / self.tokens);
        self.next += 1;
        self.users.right(
            number,
            self.step
                .offset(i32::try_from(later).ok().filter(|later| *later < 2)?)?,
        )
    }
}

/// The codes of tokens that count them, after the first. Each row has people of its own, since nobody knows which of the
/// codes that were made for a row were sent before its end; and all logins of one of them come from one slot of the load,
/// which sends one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counters {
    users: Users,
    first: u32,
    slots: u32,
    /// People of a slot.
    each: u32,
}

impl Counters {
    /// For the row at this place; one more than there are rows is for the load under which the server is killed.
    fn new(args: &LoginArgs, tokens: u32, place: u32, outstanding: Outstanding) -> Result<Self> {
        let shares = u32::try_from(args.outstanding.len())? + 1;
        let (people, slots) = (tokens / shares, outstanding.count());
        ensure!(
            people >= slots || !args.counters,
            "{slots} outstanding need as many tokens for each of {shares} loads"
        );
        Ok(Self {
            users: args.users(),
            first: place * people,
            slots,
            each: people / slots,
        })
    }

    fn login(&self, number: u64) -> Option<Login> {
        let (slots, each) = (u64::from(self.slots), u64::from(self.each));
        let (turn, slot) = (number / slots, number % slots);
        let (codes, person) = (turn.checked_div(each)?, turn.checked_rem(each)?);
        let number = u64::from(self.first) + person * slots + slot;
        let code = Step(Users::FIRST_CODE.0 + 1 + codes);
        self.users.right(u32::try_from(number).ok()?, code)
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LoginArgs,
    }

    fn args(line: &str) -> LoginArgs {
        Line::parse_from(line.split(' ')).args
    }

    #[test]
    fn a_counting_token_shows_one_code_after_the_other_in_one_slot_of_one_load() {
        let args = args("login --counters --outstanding 1,64");
        let mut owners = HashMap::new();
        for (place, slots) in [(0, 1), (1, 64), (2, 64)] {
            let counters = Counters::new(&args, 300, place, Outstanding::of(slots)).unwrap();
            let mut shown: HashMap<String, (u64, Vec<String>)> = HashMap::new();
            for number in 0..3_000 {
                let login = counters.login(number).unwrap();
                let slot = number % u64::from(slots);
                let (of, codes) = shown.entry(login.user).or_insert((slot, Vec::new()));
                assert_eq!(*of, slot);
                codes.push(login.password);
            }
            for (user, (_, codes)) in shown {
                assert_eq!(owners.insert(user.clone(), place), None, "{user}");
                let number = user.trim_start_matches("user").parse().unwrap();
                let expected = (1..).map_while(|code| args.users().right(number, Step(code)));
                let expected = expected.take(codes.len()).map(|login| login.password);
                assert_eq!(codes, expected.collect::<Vec<_>>());
            }
        }
        assert!(Counters::new(&args, 100, 0, Outstanding::of(64)).is_err());
    }

    #[test]
    fn nobody_is_of_two_kinds_and_those_with_dear_passwords_come_last() {
        let args = args("login --hashes --seconds 2");
        let people = People::new(&args, 10);
        assert_eq!(people.starting, 10..12);
        assert_eq!(people.others.start, 12);
        assert_eq!(people.hashed.start, people.others.end);
        let kinds = people.kinds();
        let dear = kinds.iter().position(|kind| *kind == Person::Dear);
        assert_eq!(dear, Some(people.hashed.start as usize));
        assert_eq!(kinds.len(), people.hashed.end as usize);
    }

    #[test]
    fn rows_are_compared_with_those_of_the_first_table() {
        let row = |outstanding, rate| Row {
            outstanding: Outstanding::of(outstanding),
            rate,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            cpu: Duration::ZERO,
            answered: 0,
            retransmitted: 0,
        };
        let table = |tokens, rates: [f64; 2]| Table {
            tokens,
            rows: vec![row(1, rates[0]), row(256, rates[1])],
        };
        let tables = [table(1_000, [10.0, 200.0]), table(5_000, [9.0, 100.0])];
        assert_eq!(
            compared(&tables),
            [
                "1000 tokens: 256 outstanding against 1: 20.0 times the rate",
                "5000 tokens: 256 outstanding against 1: 11.1 times the rate",
                "5000 tokens against 1000: 1 outstanding: 0.90 of the rate",
                "5000 tokens against 1000: 256 outstanding: 0.50 of the rate",
            ]
        );
        let alone = Table {
            tokens: 1_000,
            rows: vec![row(64, 10.0)],
        };
        assert!(compared(&[alone]).is_empty());
    }
}
