//! How fast each agent asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::licensing::AgentName;

/// A script that goes through a list at full speed has as many at once, and then one every
/// [`INTERVAL`].
const BURST: u32 = 100;
/// Ten a second: faster than anybody works, and a thousandth of what the store does.
const INTERVAL: Duration = Duration::from_millis(100);

/// When each agent's requests would be through at one every [`INTERVAL`]. It has no more entries than there
/// are agents.
pub(crate) struct Pace(Mutex<HashMap<AgentName, Instant>>);

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Takes a request, unless too many came.
    pub(crate) fn take(&self, agent: &AgentName, now: Instant) -> bool {
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        agents.retain(|_, through| *through > now);
        let through = agents.get(agent).copied().unwrap_or(now);
        if through.duration_since(now) >= INTERVAL * BURST {
            return false;
        }
        agents.insert(agent.clone(), through + INTERVAL);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_a_burst_and_then_a_pace() {
        let [carol, dave]: [AgentName; 2] = ["carol", "dave"].map(|name| name.parse().unwrap());
        let (pace, now) = (Pace::new(), Instant::now());
        for _ in 0..BURST {
            assert!(pace.take(&carol, now));
        }
        assert!(!pace.take(&carol, now));
        assert!(pace.take(&dave, now));
        assert!(pace.take(&carol, now + INTERVAL));
        assert!(!pace.take(&carol, now + INTERVAL));
        let rested = now + INTERVAL * (BURST + 2);
        assert!(pace.take(&carol, rested));
        assert_eq!(pace.0.lock().unwrap().len(), 1);
    }
}
