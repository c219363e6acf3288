//! What was last seen of the token server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::query::ServerReach;
use domain::time::{Span, Timestamp};
use domain::unit::{Exchange, Shown};
use identity::certificate_of;
use reqwest::header::DATE;
use reqwest::tls::TlsInfo;

/// The latest request, and whether it was answered.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    exchange: Option<Exchange>,
    /// Why there was no answer, if there was none.
    reach: Option<Result<(), Box<str>>>,
}

impl Seen {
    pub(super) fn exchanged(&self, exchange: Exchange) {
        self.lock().exchange = Some(exchange);
    }

    pub(super) fn reached(&self, reach: Result<(), Box<str>>) {
        self.lock().reach = Some(reach);
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
