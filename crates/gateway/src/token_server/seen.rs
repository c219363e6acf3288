//! What was last seen of the token server.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::query::ServerReach;
use domain::time::{Span, Timestamp};
use domain::unit::{Exchange, Shown};
use identity::certificate_of;
use reqwest::header::DATE;
use reqwest::tls::TlsInfo;

use super::Server;

/// A server that says nothing for so long is silent: who is there answers or refuses sooner.
const SILENCE: Duration = Duration::from_secs(2);
/// For how long a silent server is asked after the others: each request would wait for it first.
const PASSED_OVER: Duration = Duration::from_mins(1);

/// The latest request, and whether it was answered.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    exchange: Option<Exchange>,
    /// Why there was no answer, if there was none.
    reach: Option<Result<(), Box<str>>>,
    /// Since when servers are silent, by their URL.
    silent: HashMap<Box<str>, Instant>,
}

/// What came of a question to one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    Something,
    Nothing,
}

impl Seen {
    pub(super) fn exchanged(&self, exchange: Exchange) {
        self.lock().exchange = Some(exchange);
    }

    pub(super) fn reached(&self, reach: Result<(), Box<str>>) {
        self.lock().reach = Some(reach);
    }

    /// Whether a server was heard to a question that `began` then.
    pub(super) fn answered(&self, url: &str, heard: Heard, began: Instant) {
        let silent = &mut self.lock().silent;
        if heard == Heard::Nothing && began.elapsed() >= SILENCE {
            silent.insert(url.into(), Instant::now());
        } else {
            silent.remove(url);
        }
    }

    /// Servers in the order in which they are asked: those that were silent a moment ago come last.
    pub(super) fn in_turn<'s>(&self, servers: &'s [Server]) -> Vec<&'s Server> {
        let silent = &self.lock().silent;
        let is_silent = |server: &&Server| {
            let since = silent.get(&server.url);
            since.is_some_and(|since| since.elapsed() < PASSED_OVER)
        };
        let mut servers: Vec<&Server> = servers.iter().collect();
        servers.sort_by_key(is_silent);
        servers
    }

    pub(super) fn last(&self) -> Option<Exchange> {
        self.lock().exchange.clone()
    }

    pub(super) fn reach(&self) -> ServerReach {
        match self.lock().reach {
            Some(Ok(())) => ServerReach::Reachable,
            Some(Err(_)) => ServerReach::Unreachable,
            None => ServerReach::Unknown,
        }
    }

    pub(super) fn trouble(&self) -> Option<Box<str>> {
        self.lock().reach.clone()?.err()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer shows that came at `now`.
pub(super) fn shown(answer: &reqwest::Response, now: Timestamp) -> Shown {
    let tls = answer.extensions().get::<TlsInfo>();
    let certificate = tls
        .and_then(TlsInfo::peer_certificate)
        .and_then(certificate_of);
    let date = answer
        .headers()
        .get(DATE)
        .and_then(|date| date.to_str().ok());
    Shown {
        certificate,
        clock_ahead: date.and_then(|date| ahead(date, now)),
    }
}

/// How far the clock behind a `Date` is ahead. HTTP tells whole seconds, rounded down.
fn ahead(date: &str, now: Timestamp) -> Option<Span> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(Span::from_secs(date.as_second().saturating_sub(now.secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_silent_is_asked_after_the_others() {
        use domain::unit::ServerRole::{Direct, Manager};
        let servers = [("first", Manager), ("second", Manager), ("third", Direct)];
        let servers = servers.map(|(url, role)| Server {
            url: url.into(),
            role,
        });
        let seen = Seen::default();
        let turn = || -> Vec<String> {
            let turn = seen.in_turn(&servers).into_iter();
            turn.map(|server| server.url.to_string()).collect()
        };
        let long_ago = Instant::now().checked_sub(SILENCE).unwrap();
        // One that refuses at once costs nobody time.
        seen.answered("first", Heard::Nothing, Instant::now());
        assert_eq!(turn(), ["first", "second", "third"]);
        seen.answered("first", Heard::Nothing, long_ago);
        seen.answered("third", Heard::Something, long_ago);
        assert_eq!(turn(), ["second", "third", "first"]);
        seen.answered("first", Heard::Something, Instant::now());
        assert_eq!(turn(), ["first", "second", "third"]);
    }

    #[test]
    fn a_date_of_http_tells_the_difference() {
        let now = Timestamp::from_secs(784_111_777);
        let ahead = |date: &str| ahead(date, now);
        assert_eq!(ahead("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Span::ZERO));
        assert_eq!(
            ahead("Sun, 06 Nov 1994 08:48:37 GMT"),
            Some(Span::from_secs(-60))
        );
        assert_eq!(ahead("yesterday"), None);
    }
}
