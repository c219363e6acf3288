//! What was last seen of the token server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::time::{Span, Timestamp};
use domain::unit::{Certificate, Exchange, Shown};
use reqwest::header::DATE;
use reqwest::tls::TlsInfo;
use x509_cert::der::{DateTime, Decode};

/// What was last seen.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    shown: Shown,
    exchange: Option<Exchange>,
}

impl Seen {
    pub(super) fn exchanged(&self, exchange: Exchange) {
        self.lock().exchange = Some(exchange);
    }

    /// Takes an answer that came at `now`.
    pub(super) fn answered(&self, answer: &reqwest::Response, now: Timestamp) {
        let tls = answer.extensions().get::<TlsInfo>();
        let certificate = tls
            .and_then(TlsInfo::peer_certificate)
            .and_then(certificate);
        let date = answer
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok());
        self.lock().shown = Shown {
            certificate,
            clock_ahead: date.and_then(|date| ahead(date, now)),
        };
    }

    pub(super) fn shown(&self) -> Shown {
        self.lock().shown.clone()
    }

    pub(super) fn last(&self) -> Option<Exchange> {
        self.lock().exchange.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the clock behind a `Date` is ahead. HTTP tells whole seconds, rounded down.
fn ahead(date: &str, now: Timestamp) -> Option<Span> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(Span::from_secs(date.as_second().saturating_sub(now.secs())))
}

fn certificate(der: &[u8]) -> Option<Certificate> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let certificate = certificate.tbs_certificate();
    let moment = |time: DateTime| {
        let seconds = i64::try_from(time.unix_duration().as_secs());
        Timestamp::from_secs(seconds.unwrap_or(i64::MAX))
    };
    let validity = certificate.validity();
    Some(Certificate {
        subject: certificate.subject().to_string().into(),
        issuer: certificate.issuer().to_string().into(),
        not_before: moment(validity.not_before.to_date_time()),
        not_after: moment(validity.not_after.to_date_time()),
    })
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
