//! `symbolon bench oracle`: whether the time of a refusal tells its reason.
//!
//! A stranger sees only the reply, whose octets are the same for every reason, and when it comes. Each
//! kind of refusal is asked for by people of its own, in an order without pattern, and compared with the
//! refusal of a wrong password: by its median, and by how well the best threshold tells the two apart. One at a time also
//! by the CPU time that the gateway had taken when its reply came, which other work on the machine moves less.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fmt;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use gateway::clock;
use otp::{Period, Step};
use radius::{Code, Secret};
use tempfile::TempDir;

use super::load::{self, Login};
use super::machine;
use super::population::{self, Checked, Counted, Filling, Person};
use super::quantile;
use super::server::ServerProcess;

/// Shared with the bench's own server.
const SECRET: &str = "symbolon bench oracle";

/// Nothing takes longer: the delay of refusals and the hashes that wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two requests of the run without delay, so that what is worked out after a reply does not
/// slow the next.
const PAUSE: Duration = Duration::from_millis(10);

/// Requests under way at once in the run with the delay, each of which takes a second.
const TOGETHER: usize = 16;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct OracleArgs {
    /// Refusals of each kind
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    refusals: u32,
    /// Where the database is made
    #[arg(long, default_value = ".", value_name = "DIR")]
    directory: PathBuf,
}

/// Why a login is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    WrongPassword,
    UnknownName,
    Disabled,
    WrongCode,
    SpentCode,
    LockedToken,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::WrongPassword,
        Self::UnknownName,
        Self::Disabled,
        Self::WrongCode,
        Self::SpentCode,
        Self::LockedToken,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong password",
            Self::UnknownName => "unknown name",
            Self::Disabled => "user disabled, right password",
            Self::WrongCode => "right password, wrong code",
            Self::SpentCode => "right password, spent code",
            Self::LockedToken => "right password, token locked",
        }
    }

    /// The first number of its people, of `each` for every kind.
    fn first(self, each: u32) -> Result<u32> {
        let place = Self::ALL.iter().position(|kind| *kind == self);
        Ok(u32::try_from(place.context("a kind that is not listed")?)? * each)
    }

    const fn person(self) -> Person {
        match self {
            Self::Disabled => Person::Disabled,
            Self::LockedToken => Person::Locked,
            Self::WrongPassword | Self::UnknownName | Self::WrongCode | Self::SpentCode => {
                Person::Ordinary
            }
        }
    }

    /// A login that is refused for this reason.
    fn login(self, number: u32) -> Result<Login> {
        let code = population::code(number, this_minute())?;
        let wrong = population::code(number, this_minute().offset(FAR_STEPS).context("a step")?)?;
        let user = population::user(number);
        let (user, password) = match self {
            Self::WrongPassword => (user, format!("guess{}", code.as_str())),
            Self::UnknownName => (format!("nobody{number}"), format!("guess{}", code.as_str())),
            Self::WrongCode => (user, format!("{}{}", population::PASSWORD, wrong.as_str())),
            Self::Disabled | Self::SpentCode | Self::LockedToken => {
                (user, format!("{}{}", population::PASSWORD, code.as_str()))
            }
        };
        Ok(Login::once(user, password, Code::AccessReject))
    }
}

/// Far from every window: the code of a year ago.
const FAR_STEPS: i32 = -525_600;

fn this_minute() -> Step {
    Period::SIXTY.step_at(clock::now().unix())
}

/// Prints the machine and a table, without the delay of refusals and with it.
pub(crate) fn oracle(args: &OracleArgs) -> Result<()> {
    println!("machine  {}", machine::describe());
    for delay in [0, 1_000] {
        println!("\nreject-delay {delay} ms, {} refusals each", args.refusals);
        let times = measure(args, delay)?;
        let Some((base, _)) = times.split_first() else {
            bail!("nothing was measured");
        };
        println!("{}", Row::HEADER);
        for taken in &times {
            println!("{}", Row::of(taken, base)?);
        }
        println!(
            "chance tells kinds that do not differ apart with {:.2} or less, nineteen times in twenty",
            by_chance(args.refusals)
        );
    }
    Ok(())
}

/// Times of all refusals of a kind, sorted.
struct Taken {
    kind: Kind,
    times: Vec<Duration>,
    /// Of the gateway's CPU, where one refusal at a time is under way.
    cpu: Vec<Duration>,
}

/// What one refusal took.
struct Refusal {
    kind: Kind,
    time: Duration,
    cpu: Duration,
}

fn measure(args: &OracleArgs, delay: u32) -> Result<Vec<Taken>> {
    let directory = TempDir::new_in(&args.directory)?;
    fill(directory.path(), args.refusals, delay)?;
    let arguments: Vec<OsString> = vec![
        "bench".into(),
        "login".into(),
        "--serve".into(),
        directory.path().into(),
    ];
    let server = ServerProcess::start(&arguments)?;
    let (together, pause) = if delay == 0 {
        (1, PAUSE)
    } else {
        (TOGETHER, Duration::ZERO)
    };
    let refusals = shuffled(args.refusals)?;
    let share = refusals.len().div_ceil(together);
    let answered = thread::scope(|scope| {
        let shares: Vec<_> = refusals
            .chunks(share)
            .map(|share| scope.spawn(|| ask(&server, share, pause)))
            .collect();
        let answered = shares.into_iter().map(|share| match share.join() {
            Ok(times) => times,
            Err(_) => bail!("a share of the requests failed"),
        });
        answered.collect::<Result<Vec<_>>>()
    })?;
    server.stop()?;
    let mut taken: Vec<Taken> = Kind::ALL
        .map(|kind| Taken {
            kind,
            times: Vec::new(),
            cpu: Vec::new(),
        })
        .into();
    for refusal in answered.into_iter().flatten() {
        let of_kind = taken.iter_mut().find(|taken| taken.kind == refusal.kind);
        let of_kind = of_kind.context("a kind that is not listed")?;
        of_kind.times.push(refusal.time);
        if together == 1 {
            of_kind.cpu.push(refusal.cpu);
        }
    }
    for taken in &mut taken {
        taken.times.sort_unstable();
        taken.cpu.sort_unstable();
    }
    Ok(taken)
}

fn fill(directory: &Path, each: u32, delay: u32) -> Result<()> {
    let people: Vec<Person> = Kind::ALL
        .iter()
        .flat_map(|kind| (0..each).map(|_| kind.person()))
        .collect();
    let settings = [
        ("reject-delay", delay.to_string()),
        // What is remembered of a right password would tell the refusals behind it apart.
        ("auth-password-memory", "0".to_owned()),
    ];
    let filling = Filling {
        people: &people,
        tokens: Counted::Time,
        settings: &settings,
        secret: SECRET,
        checked: Checked::PasswordAndCode,
    };
    super::login::runtime()?.block_on(population::fill_with(directory, &filling))
}

/// Every refusal once, in an order without pattern.
fn shuffled(each: u32) -> Result<Vec<(Kind, u32)>> {
    let mut refusals = Vec::new();
    for kind in Kind::ALL {
        let first = kind.first(each)?;
        refusals.extend((first..first + each).map(|number| (kind, number)));
    }
    let chance = RandomState::new();
    refusals.sort_by_cached_key(|(_, number)| chance.hash_one(number));
    Ok(refusals)
}

fn ask(server: &ServerProcess, refusals: &[(Kind, u32)], pause: Duration) -> Result<Vec<Refusal>> {
    let timed = refusals.iter().map(|(kind, number)| {
        let refused = kind.login(*number)?;
        if *kind == Kind::SpentCode {
            let spending = Login {
                expected: Code::AccessAccept,
                ..refused.clone()
            };
            answer_time(server, &spending)?;
        }
        thread::sleep(pause);
        let before = server.cpu_time()?;
        let time = answer_time(server, &refused)?;
        Ok(Refusal {
            kind: *kind,
            time,
            cpu: server.cpu_time()?.saturating_sub(before),
        })
    });
    timed.collect()
}

fn answer_time(server: &ServerProcess, login: &Login) -> Result<Duration> {
    let secret = Secret::new(SECRET.as_bytes())?;
    load::answer_time(server.address(), &secret, PATIENCE, login)
}

/// A line of the table.
struct Row {
    name: &'static str,
    p50: Duration,
    p99: Duration,
    /// The median as a part of that of a wrong password.
    ratio: f64,
    /// How often the best threshold is right about a refusal that is of this kind or a wrong password,
    /// each as often: 0.5 is chance.
    told: f64,
    /// The same two of CPU times.
    cpu: Option<(f64, f64)>,
}

impl Row {
    const HEADER: &str = "refused because                   p50 µs    p99 µs  of a wrong password's median  told apart  by CPU time";

    fn of(taken: &Taken, base: &Taken) -> Result<Self> {
        let ratio = |some: &[Duration], others: &[Duration]| -> Result<f64> {
            Ok(quantile(some, 50)?.as_secs_f64() / quantile(others, 50)?.as_secs_f64())
        };
        let cpu = (!taken.cpu.is_empty()).then(|| -> Result<_> {
            let told = told_apart(&taken.cpu, &base.cpu);
            Ok((ratio(&taken.cpu, &base.cpu)?, told))
        });
        Ok(Self {
            name: taken.kind.name(),
            p50: quantile(&taken.times, 50)?,
            p99: quantile(&taken.times, 99)?,
            ratio: ratio(&taken.times, &base.times)?,
            told: told_apart(&taken.times, &base.times),
            cpu: cpu.transpose()?,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [self.p50, self.p99].map(|time| time.as_secs_f64() * 1e6);
        let Self {
            name, ratio, told, ..
        } = self;
        write!(
            f,
            "{name:<30}{p50:>10.0}{p99:>10.0}{ratio:>30.3}{told:>12.2}"
        )?;
        if let Some((ratio, told)) = self.cpu {
            write!(f, "{ratio:>7.3}, {told:.2}")?;
        }
        Ok(())
    }
}

/// How often the best threshold between two kinds is right; both are sorted.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 refusals")]
fn told_apart(some: &[Duration], others: &[Duration]) -> f64 {
    let below = |times: &[Duration], threshold: Duration| {
        times.partition_point(|time| *time <= threshold) as f64 / times.len() as f64
    };
    let distances = some.iter().chain(others).map(|threshold| {
        let distance = below(some, *threshold) - below(others, *threshold);
        distance.abs()
    });
    0.5 + distances.fold(0.0, f64::max) / 2.0
}

/// What [`told_apart`] stays below nineteen times in twenty for so many times of each of two kinds that
/// do not differ: the two-sample test of Kolmogorov and Smirnov.
fn by_chance(each: u32) -> f64 {
    0.5 + 1.358 * (2.0 / f64::from(each)).sqrt() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(millis: &[u64]) -> Vec<Duration> {
        millis.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn what_differs_is_told_apart_and_what_does_not_is_chance() {
        let same = times(&[1, 2, 3, 4]);
        let is = |some: &[Duration], others: &[Duration], told: f64| {
            (told_apart(some, others) - told).abs() < 1e-9
        };
        assert!(is(&same, &same, 0.5));
        assert!(is(&same, &times(&[5, 6, 7, 8]), 1.0));
        assert!(is(&times(&[5, 6, 7, 8]), &same, 1.0));
        assert!(is(&same, &times(&[3, 4, 5, 6]), 0.75));
    }
}
