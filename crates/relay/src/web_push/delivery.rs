//! One message to one push service: RFC 8030 section 5.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, StatusCode};
use softtoken::push::{ApplicationServerKey, PushMessage, PushWakeUp, Subscription};

use super::message::{Fresh, encrypt};
use super::services::Services;
use super::vapid::Vapid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the name's look-up to the answer's headers. A login waits for a minute or so.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept to one service for the next message.
const IDLE_MAX: usize = 4;
/// How long a service is left alone that says 429 and not how long.
const LATER_S: u64 = 60;
/// No login waits as long; what says longer means it no more than this.
const LATER_MAX_S: u64 = 3_600;

const TTL: HeaderName = HeaderName::from_static("ttl");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
const TOPIC: HeaderName = HeaderName::from_static("topic");

/// What came of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The service has it.
    Taken,
    /// The subscription has ended.
    Gone,
    /// The service wants no more for that subscription for so many seconds.
    Later(u64),
    /// It does not want this message, and will not.
    Refused(StatusCode),
    /// It was not reached, or is in trouble.
    Failed(String),
}

/// Carries messages to push services.
pub(super) struct Courier {
    http: Client,
    vapid: Vapid,
}

impl Courier {
    /// `authorities` are trusted beside those of the system.
    pub(super) fn new(
        vapid: Vapid,
        services: &Services,
        authorities: impl IntoIterator<Item = Certificate>,
    ) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .https_only(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .dns_resolver(services.addresses())
            .tls_certs_merge(authorities)
            // A proxy would connect to addresses that nobody has looked at; so would whoever is pointed to.
            .no_proxy()
            .redirect(Policy::none())
            .build()?;
        Ok(Self { http, vapid })
    }

    pub(super) fn key(&self) -> ApplicationServerKey {
        self.vapid.public()
    }

    /// The body of the answer is never read, however long it is.
    pub(super) async fn send(
        &self,
        subscription: &Subscription,
        wake_up: PushWakeUp,
        now: u64,
    ) -> Outcome {
        let text = PushMessage::from(wake_up).to_json();
        let sealed = Fresh::draw().and_then(|fresh| encrypt(&text, subscription, &fresh));
        let origin = format!("https://{}", subscription.endpoint.server());
        let (Ok(body), Ok(sender)) = (sealed, self.vapid.authorization(&origin, now)) else {
            return Outcome::Failed("the message cannot be sealed or signed".to_owned());
        };
        let asked = self
            .http
            .post(subscription.endpoint.as_str())
            .header(TTL, wake_up.expires_unix.saturating_sub(now))
            .header(URGENCY, "high")
            .header(TOPIC, wake_up.session.to_base64url())
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(AUTHORIZATION, sender)
            .body(body);
        match asked.send().await {
            Ok(answer) => outcome(answer.status(), answer.headers()),
            Err(error) => Outcome::Failed(cause(&error)),
        }
    }
}

fn outcome(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let after = headers.get(RETRY_AFTER).map(|after| {
        let seconds = after.to_str().ok().and_then(|it| it.parse().ok());
        seconds.unwrap_or(LATER_S).min(LATER_MAX_S)
    });
    match (status, after) {
        (status, _) if status.is_success() => Outcome::Taken,
        (StatusCode::NOT_FOUND | StatusCode::GONE, _) => Outcome::Gone,
        (StatusCode::TOO_MANY_REQUESTS, after) => Outcome::Later(after.unwrap_or(LATER_S)),
        (StatusCode::SERVICE_UNAVAILABLE, Some(after)) => Outcome::Later(after),
        (status, _) if status.is_server_error() => Outcome::Failed(status.to_string()),
        (status, _) => Outcome::Refused(status),
    }
}

/// The innermost reason; the outermost has the address in it, which is a secret of the phone's.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(
        || "the request cannot be made".to_owned(),
        ToString::to_string,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_of_a_message() {
        let said = |status: u16, after: Option<&str>| {
            let after = after.map(|it| (RETRY_AFTER, it.parse().unwrap()));
            outcome(
                StatusCode::from_u16(status).unwrap(),
                &after.into_iter().collect(),
            )
        };
        assert_eq!(said(201, None), Outcome::Taken);
        for gone in [404, 410] {
            assert_eq!(said(gone, None), Outcome::Gone);
        }
        for (after, seconds) in [
            (Some("7"), 7),
            (None, LATER_S),
            (Some("Mon, 23 Nov 2026 01:00:00 GMT"), LATER_S),
            (Some("-1"), LATER_S),
            (Some("99999999999"), LATER_MAX_S),
        ] {
            assert_eq!(said(429, after), Outcome::Later(seconds), "{after:?}");
        }
        assert_eq!(said(503, Some("7")), Outcome::Later(7));
        assert!(matches!(said(503, None), Outcome::Failed(_)));
        for refused in [301, 307, 400, 401, 403, 413] {
            assert!(
                matches!(said(refused, None), Outcome::Refused(_)),
                "{refused}"
            );
        }
    }
}
