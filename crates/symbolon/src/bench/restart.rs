//! How long a gateway takes from its start to the first Accept: after it ended in order, and after it was killed under
//! load, when its memory is rebuilt from the rows and all that was recorded since the last checkpoint.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use radius::Secret;

use super::load::{self, Load, Login, Outstanding, Verify};
use super::login;
use super::server::ServerProcess;

/// Requests outstanding when it is killed.
pub(super) const OUTSTANDING: Outstanding = Outstanding::of(64);

/// How much it has worked by then, in CPU time: the making of the first requests does not count.
const WORKED: Duration = Duration::from_secs(1);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// No first Accept takes longer.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a start took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    listening: Duration,
    accepted: Duration,
}

impl Start {
    /// How many times as long as another it took to the first Accept.
    fn times(self, other: Self) -> f64 {
        self.accepted.as_secs_f64() / other.accepted.as_secs_f64()
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [listening, accepted] =
            [self.listening, self.accepted].map(|it| it.as_secs_f64() * 1e3);
        write!(
            f,
            "{listening:.0} ms until it listens, {accepted:.0} ms until the first Accept"
        )
    }
}

/// Starts a gateway and has somebody log in.
pub(super) fn start(
    directory: &Path,
    login: impl FnOnce() -> Option<Login>,
) -> Result<(ServerProcess, Start)> {
    let secret = Secret::new(login::SECRET.as_bytes())?;
    let began = Instant::now();
    let server = ServerProcess::start(&login::arguments(directory))?;
    let listening = began.elapsed();
    let login = login().context("nobody to log in")?;
    load::answer_time(server.address(), &secret, PATIENCE, &login)?;
    let accepted = began.elapsed();
    let start = Start {
        listening,
        accepted,
    };
    Ok((server, start))
}

/// Kills a gateway while it is asked for `load` and starts it again. Of what the dead one owed nothing is checked: the
/// soak does that.
pub(super) fn after_kill(
    server: ServerProcess,
    directory: &Path,
    load: impl FnMut(u64) -> Option<Login> + Send,
    login: impl FnOnce() -> Option<Login>,
) -> Result<(ServerProcess, Start)> {
    let secret = Secret::new(login::SECRET.as_bytes())?;
    let cut = AtomicBool::new(false);
    let asked = Load {
        server: server.address(),
        secret: &secret,
        outstanding: OUTSTANDING,
        duration: PATIENCE,
        verify: Verify::Sample,
    };
    thread::scope(|scope| {
        let asking = scope.spawn(|| asked.run_until(&cut, load));
        let worked = until_worked(&server, || asking.is_finished());
        let is_loaded = !asking.is_finished();
        let killed = worked.and_then(|()| server.kill());
        cut.store(true, Ordering::Relaxed);
        match asking.join() {
            Ok(Ok(measured)) if is_loaded && measured.answered_in_all > 0 => killed,
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) => bail!("it was killed without load"),
            Err(_) => bail!("the load failed"),
        }
    })?;
    start(directory, login)
}

/// Waits until a server has worked enough, or its load is over.
fn until_worked(server: &ServerProcess, is_over: impl Fn() -> bool) -> Result<()> {
    let before = server.cpu_time()?;
    while !is_over() && server.cpu_time()?.saturating_sub(before) < WORKED {
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// The line that tells both.
pub(super) struct Restarted {
    pub(super) orderly: Start,
    pub(super) killed: Start,
}

impl fmt::Display for Restarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orderly, killed } = self;
        write!(f, "{killed}: {:.2} times as long", killed.times(*orderly))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_after_a_kill_is_told_next_to_the_one_in_order() {
        let start = |listening, accepted| Start {
            listening: Duration::from_millis(listening),
            accepted: Duration::from_millis(accepted),
        };
        let restarted = Restarted {
            orderly: start(390, 400),
            killed: start(490, 500),
        };
        assert_eq!(
            restarted.to_string(),
            "490 ms until it listens, 500 ms until the first Accept: 1.25 times as long"
        );
    }
}
