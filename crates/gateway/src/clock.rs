//! The clocks and the random source of this machine: read here and handed on as arguments.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use cli::render::Zone;
use domain::admin::Entropy;
use domain::password::SALT_LEN;
use domain::time::{Span, Timestamp};
use radius::duplicates::Monotonic;
use zeroize::Zeroizing;

/// The wall clock.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clock that never goes back; its zero is the first call.
pub(crate) fn monotonic(moment: Instant) -> Monotonic {
    let since_start = moment.saturating_duration_since(*START);
    Monotonic(u64::try_from(since_start.as_micros()).unwrap_or(u64::MAX))
}

/// Local time as this machine is set.
pub fn zone() -> Zone {
    Zone::ahead_by(|moment| {
        let offset = jiff::Timestamp::from_microsecond(moment.micros()).map_or(0, |moment| {
            jiff::tz::TimeZone::system().to_offset(moment).seconds()
        });
        Span::from_secs(offset.into())
    })
}

/// The random source failed: nothing that needs it may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the random source of the system failed")]
pub struct NoEntropy;

/// Random octets.
pub fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut octets = [0; N];
    rand::fill(&mut octets).map_err(|_| NoEntropy)?;
    Ok(octets)
}

/// What an administrative operation may need of chance.
pub fn entropy() -> Result<Entropy, NoEntropy> {
    Ok(Entropy {
        seed: Zeroizing::new(random()?),
        salt: random::<SALT_LEN>()?,
    })
}
