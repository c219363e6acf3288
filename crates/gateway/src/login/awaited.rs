//! Logins whose protocol waits for the answer on a task of its own.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::vdom::Vdom;
use https::{Hosts, Place};
use store::gateway::{Decision, GatewayStore, Granted, Outcome};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::{
    Attempt, Backends, Explainer, Hashing, Judged, Logins, Pool, Progress, Question, SecondFactors,
    Standing, State, Turn, Wanted, recorded,
};
use crate::clock;
use crate::seldom::Seldom;

/// Logins of one host at a time: half of the hashes that may wait, so that whoever comes from elsewhere is
/// heard. The delay of a refusal is none of it.
const OF_ONE_HOST_MAX: usize = 128;

/// What became of an attempt.
pub(crate) enum Decided {
    /// In, by the proof that it is on record.
    In(Granted),
    /// The password was right; the code is asked for.
    Challenge(State, Wanted),
    /// No. The delay of refusals is over.
    Refused,
    /// Nobody can tell now.
    Undecided,
}

/// The login path, a step after the other.
pub(crate) struct AwaitedLogins {
    store: Arc<GatewayStore>,
    logins: Logins,
    pool: Pool,
    explainer: Explainer,
    under_way: Arc<Hosts>,
    undecided: Seldom,
}

impl AwaitedLogins {
    /// Must be called within a tokio runtime, on which refusals are explained.
    pub(crate) fn start(
        store: &Arc<GatewayStore>,
        backends: &Arc<Backends>,
        factors: &SecondFactors,
    ) -> io::Result<Self> {
        let logins = Logins::new(Arc::clone(store), Arc::clone(backends), factors);
        Ok(Self {
            store: Arc::clone(store),
            logins: logins.map_err(io::Error::other)?,
            pool: Pool::start()?,
            explainer: Explainer::start(Arc::clone(store)),
            under_way: Arc::new(Hosts::new(OF_ONE_HOST_MAX)),
            undecided: Seldom::default(),
        })
    }

    /// Takes an attempt to its end, on a task of its own: who stops waiting for it changes nothing of what is
    /// counted and on record. A host with too many under way hears at once that nobody can tell now; it is the
    /// person's own, where somebody who is believed says which.
    pub(crate) async fn decide(self: &Arc<Self>, attempt: Attempt, host: IpAddr) -> Decided {
        let Some(place) = self.under_way.enter(host) else {
            return self.undecided(&"too many logins of one host are under way");
        };
        let this = Arc::clone(self);
        let task = tokio::spawn(async move { this.decided(attempt, place).await });
        let decided = task.await;
        decided.unwrap_or_else(|error| self.undecided(&error))
    }

    /// How a client's transaction stands.
    pub(crate) fn standing(&self, state: &str, client: &str) -> Standing {
        self.logins.standing(state, client, clock::now())
    }

    /// Whoever waits for a phone, or for a refusal's delay, gives the place back: that takes nothing from others.
    async fn decided(&self, attempt: Attempt, place: Place) -> Decided {
        let mut place = Some(place);
        let arrived = Instant::now();
        let vdom = attempt.realm.vdom();
        let mut progress = self.logins.start(attempt, clock::now());
        loop {
            progress = match progress {
                Progress::Hash(hashing) => match self.hashed(hashing).await {
                    Some(progress) => progress,
                    None => return self.undecided(&"too many passwords wait for their hash"),
                },
                Progress::Ask(asking) => self.logins.ask(*asking).await,
                Progress::Later(later) => {
                    drop(place.take());
                    self.logins.later(*later).await
                }
                Progress::Challenge(state, asked) => return Decided::Challenge(state, asked),
                Progress::Undecided(why) => return self.undecided(&why),
                Progress::Record(decision, judged) => {
                    return match self.recorded(decision, judged).await {
                        Decided::Refused => {
                            drop(place.take());
                            self.wait(arrived, vdom).await;
                            Decided::Refused
                        }
                        decided => decided,
                    };
                }
            };
        }
    }

    /// What comes after the hash; nothing if too many wait for theirs.
    async fn hashed(&self, hashing: Box<Hashing>) -> Option<Progress> {
        let (answer, computed) = oneshot::channel();
        let submitted = self
            .pool
            .submit_for(hashing.claim(), hashing, |hashing, turn| {
                let computed = match turn {
                    Turn::Come => Ok(hashing.compute()),
                    Turn::Lost => Err(hashing),
                };
                // Nobody may be waiting any more.
                let _ = answer.send(computed);
            });
        let computed = match submitted {
            Ok(()) => computed.await.ok()?,
            Err(hashing) => Err(hashing),
        };
        match computed {
            Ok(hashed) => Some(self.logins.hashed(hashed, clock::now())),
            Err(hashing) => {
                self.logins.not_hashed(*hashing);
                None
            }
        }
    }

    async fn recorded(&self, decision: Decision, judged: Judged) -> Decided {
        match recorded(&self.store, decision).await {
            Some(Outcome::Granted(granted)) => {
                if let Some(anew) = judged.anew {
                    anew.granted(&granted);
                }
                Decided::In(granted)
            }
            Some(Outcome::Refused(refused)) => {
                let code = judged.code;
                self.explainer.ask(Question { refused, code });
                match judged.ask {
                    Some((state, wanted)) => Decided::Challenge(state, wanted),
                    None => Decided::Refused,
                }
            }
            Some(Outcome::Undecided(why, consume)) => {
                self.logins.undecided(judged, consume);
                self.undecided(&why)
            }
            Some(Outcome::Resynchronised | Outcome::ResyncRefused) => {
                error!("a login was answered as a resynchronisation");
                Decided::Undecided
            }
            None => self.undecided(&"the store has no answer"),
        }
    }

    /// All refusals leave as late, so that their time tells nothing.
    async fn wait(&self, arrived: Instant, vdom: Vdom) {
        let delay = self.store.settings(vdom).reject_delay.micros();
        let delay = Duration::from_micros(u64::try_from(delay).unwrap_or(0));
        tokio::time::sleep(delay.saturating_sub(arrived.elapsed())).await;
    }

    fn undecided(&self, why: &dyn std::fmt::Display) -> Decided {
        if let Some(left_out) = self.undecided.due(clock::now()) {
            warn!(%why, left_out, "a login cannot be decided");
        }
        Decided::Undecided
    }
}
