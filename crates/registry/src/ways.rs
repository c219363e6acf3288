//! Places for phones' requests that wait for gateways: one gateway that is silent takes few of them.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that wait for gateways at once: gateways that are silent hold back no other service.
const IN_ALL: usize = 64;
/// Those that wait for one gateway. One that answers takes a second for each, and people move few tokens.
const OF_GATEWAY: usize = 4;
/// Those of one source. Many phones may stand behind one address, and none may take every place.
const OF_SOURCE: usize = 16;

/// The ways to gateways.
#[derive(Default)]
pub(crate) struct Ways(Mutex<Vec<Errand>>);

#[derive(Clone, PartialEq, Eq)]
struct Errand {
    source: IpAddr,
    gateway: Box<str>,
}

/// A request's place; it is given back when dropped.
pub(crate) struct Place<'w> {
    ways: &'w Ways,
    errand: Errand,
}

impl Ways {
    /// A place for a request from this source to the gateway at this address, if there is one.
    pub(crate) fn enter(&self, source: IpAddr, gateway: &str) -> Option<Place<'_>> {
        let errand = Errand {
            source: https::host_of(source),
            gateway: gateway.into(),
        };
        let mut errands = self.lock();
        let count = |same: fn(&Errand, &Errand) -> bool| {
            errands.iter().filter(|other| same(other, &errand)).count()
        };
        if errands.len() >= IN_ALL
            || count(|one, other| one.gateway == other.gateway) >= OF_GATEWAY
            || count(|one, other| one.source == other.source) >= OF_SOURCE
        {
            return None;
        }
        errands.push(errand.clone());
        Some(Place { ways: self, errand })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Errand>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut errands = self.ways.lock();
        if let Some(own) = errands.iter().position(|errand| *errand == self.errand) {
            errands.swap_remove(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()])
    }

    #[test]
    fn a_silent_gateway_takes_its_own_places_and_no_others() {
        let ways = Ways::default();
        let silent = "https://silent.example.org";
        let mut waiting: Vec<_> = (0..OF_GATEWAY)
            .filter_map(|number| ways.enter(source(number), silent))
            .collect();
        assert_eq!(waiting.len(), OF_GATEWAY);
        assert!(ways.enter(source(99), silent).is_none());
        assert!(
            ways.enter(source(99), "https://other.example.org")
                .is_some()
        );
        waiting.pop();
        assert!(ways.enter(source(99), silent).is_some());
    }

    #[test]
    fn a_source_takes_its_own_places_and_no_others() {
        let ways = Ways::default();
        let gateway = |number: usize| format!("https://{number}.example.org");
        let waiting: Vec<_> = (0..IN_ALL)
            .filter_map(|number| ways.enter(source(1), &gateway(number)))
            .collect();
        assert_eq!(waiting.len(), OF_SOURCE);
        assert!(ways.enter(source(2), &gateway(99)).is_some());
    }

    #[test]
    fn all_of_them_are_so_many() {
        let ways = Ways::default();
        let waiting: Vec<_> = (0..2 * IN_ALL)
            .filter_map(|number| ways.enter(source(number), &format!("https://{number}")))
            .collect();
        assert_eq!(waiting.len(), IN_ALL);
    }
}
