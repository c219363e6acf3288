//! A configuration as one transaction: all of it, or nothing.

use std::sync::Arc;

use domain::access::Authority;
use domain::admin::{Entropy, Report, Restore, Restoring};
use domain::time::Timestamp;
use zeroize::Zeroizing;

use super::GatewayStore;
use super::administer::{self, Done, Standing, Touched};
use super::loading::Whole;
use super::memory::Memory;
use crate::engine::{Failure, SqlError, Tx, Undecided, Work};

/// How far a configuration is taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All the way.
    Apply,
    /// To the end, and back: only the report stays.
    Rehearse,
}

struct TakeIn {
    memory: Arc<Memory>,
    _whole: Whole,
    restore: Restore,
    extent: Extent,
    by: Authority,
    now: Timestamp,
}

impl Work for TakeIn {
    type Out = (Done, Report);
    /// What a rehearsal finds: to refuse takes everything back.
    type Err = Box<Report>;

    async fn run<T: Tx>(self, tx: &mut T) -> Result<(Done, Report), Failure<Box<Report>>> {
        let Self {
            memory,
            _whole,
            restore,
            extent,
            by,
            now,
        } = self;
        let mut standing = Standing::read(tx).await?;
        let mut restoring = Restoring::new(restore, by);
        let mut touched = Touched::default();
        while let Some(reads) = restoring.reads() {
            let facts = administer::gather(tx, reads, &memory, &standing).await?;
            let plan = restoring.decide(facts, &entropy()?, now);
            let is_other = plan.changes.iter().any(Standing::depends_on);
            administer::carry_out_all(tx, plan.changes, &memory, &mut touched, now).await?;
            if is_other {
                standing = Standing::read(tx).await?;
            }
        }
        let (event, report) = restoring.finish(now);
        if extent == Extent::Rehearse {
            return Err(Failure::Refused(Box::new(report)));
        }
        let done = administer::conclude(tx, touched, &[event], now).await?;
        Ok((done, report))
    }
}

impl GatewayStore {
    /// Takes a configuration in: all that can be taken in one transaction, or nothing. `extent` may be
    /// that nothing is: then only the report is made.
    pub async fn restore(
        &self,
        restore: Restore,
        extent: Extent,
        by: Authority,
        now: Timestamp,
    ) -> Result<Report, Undecided> {
        let memory = Arc::clone(&self.memory);
        let work = TakeIn {
            memory: Arc::clone(&self.memory),
            _whole: self.memory.whole().await?,
            restore,
            extent,
            by,
            now,
        };
        let taken = self
            .database
            .write_then(work, move |(done, _): &(Done, Report)| done.apply(&memory));
        match taken.await {
            Ok((_, report)) => Ok(report),
            Err(Failure::Refused(report)) => Ok(*report),
            Err(Failure::Undecided(why)) => Err(why),
        }
    }
}

fn entropy() -> Result<Entropy, SqlError> {
    let mut entropy = Entropy {
        seed: Zeroizing::default(),
        salt: Default::default(),
    };
    let unavailable = |_| SqlError::damaged("random", "source", "octets");
    aws_lc_rs::rand::fill(entropy.seed.as_mut()).map_err(unavailable)?;
    aws_lc_rs::rand::fill(&mut entropy.salt).map_err(unavailable)?;
    Ok(entropy)
}
