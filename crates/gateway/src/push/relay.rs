//! The push relay, as this unit reaches it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::vdom::Vdom;
use ident::RegistrationId;
use identity::causes;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use softtoken::address::ServerUrl;
use softtoken::device::DeviceKeys;
use softtoken::limits::MAX_PUSH_BYTES;
use softtoken::push::{
    Addressed, MailboxSecret, PushAcceptedResponse, PushCollectRequest, PushDeviceRequest,
    PushError, PushLoginRequest, PushRequest, PushResponse, PushSession, PushWithdrawRequest,
    SealedPush,
};
use softtoken::{MessageError, PUSH_PATH, ServerError, WireError};

use super::{DEBUG, Pushes};
use crate::debug_log::DebugLog;
use crate::supply::Supply;
use crate::token_server::AskError;

/// A person waits; a relay answers in milliseconds, a slow network in seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Above the life of a stream, which the relay ends.
const STREAM_TIMEOUT: Duration = Duration::from_mins(11);
/// A stream says something every 20 s; one that does not is dead.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// How long it is believed that the relay is where the token server said.
const REMEMBERED: Duration = Duration::from_mins(5);

/// Why nothing is carried.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("the token server was not asked for the push relay: {0}")]
    TokenServer(#[from] AskError),
    #[error("the token server names no push relay: it has no section [relay] in its symbolon.toml")]
    None,
    #[error("the push relay {0} was not reached: {1}")]
    Unreachable(ServerUrl, String),
    #[error("the push relay {0} answered with status {1}")]
    Status(ServerUrl, StatusCode),
    #[error("the answer of the push relay cannot be read: {0}")]
    Message(#[from] MessageError),
    #[error("the push relay answered another question")]
    Mismatched,
    #[error("the push relay refused: {0}")]
    Refused(WireError),
    #[error("{0}")]
    Sealing(PushError),
}

/// The relay.
pub(super) struct Relay {
    supply: Arc<Supply>,
    url: Mutex<Option<(ServerUrl, Instant)>>,
    debug: DebugLog,
}

impl Relay {
    pub(super) fn new(supply: Arc<Supply>, debug: DebugLog) -> Self {
        Self {
            supply,
            url: Mutex::default(),
            debug,
        }
    }

    /// The keys of a phone, if the relay knows it. Whether they are its keys is checked here: the relay is not
    /// believed.
    pub(super) async fn keys(
        &self,
        device: RegistrationId,
    ) -> Result<Option<DeviceKeys>, RelayError> {
        let request = PushRequest::from(PushDeviceRequest { device });
        match self.ask(&request).await? {
            PushResponse::Device(answer) => match answer.outcome {
                Ok(keys) if keys.registration_id() == device => Ok(Some(keys)),
                Ok(_) => Err(RelayError::Mismatched),
                Err(error) if is_unknown(&error) => Ok(None),
                Err(error) => Err(RelayError::Refused(error)),
            },
            _ => Err(RelayError::Mismatched),
        }
    }

    /// Has a request carried to its phone.
    pub(super) async fn carry(
        &self,
        addressed: Addressed,
        sealed: SealedPush,
    ) -> Result<(), RelayError> {
        self.accepted(&PushLoginRequest { addressed, sealed }.into())
            .await
    }

    /// Has a request forgotten. One that is not is forgotten when it expires.
    pub(super) async fn withdraw(&self, device: RegistrationId, session: PushSession) {
        let request = PushWithdrawRequest { device, session };
        if let Err(why) = self.accepted(&request.into()).await {
            self.debug.raw(DEBUG, || {
                format!("ftm-push: a message is not withdrawn: {why}")
            });
        }
    }

    async fn accepted(&self, request: &PushRequest) -> Result<(), RelayError> {
        match self.ask(request).await? {
            PushResponse::Accepted(PushAcceptedResponse { error: None }) => Ok(()),
            PushResponse::Accepted(PushAcceptedResponse { error: Some(error) }) => {
                Err(RelayError::Refused(error))
            }
            _ => Err(RelayError::Mismatched),
        }
    }

    /// Hands every answer on until the stream ends.
    pub(super) async fn collect(
        &self,
        pushes: &Pushes,
        secret: &MailboxSecret,
    ) -> Result<(), RelayError> {
        let request = PushRequest::from(PushCollectRequest {
            secret: secret.clone(),
        });
        let url = self.url().await?;
        let mut stream = self.post(&url, &request, STREAM_TIMEOUT).await?;
        self.debug
            .raw(DEBUG, || format!("ftm-push: collecting answers at {url}"));
        let unreachable = |why: String| RelayError::Unreachable(url.clone(), why);
        let mut lines = Lines::default();
        loop {
            let chunk = tokio::time::timeout(SILENCE_MAX, stream.chunk()).await;
            let chunk = chunk.map_err(|_| unreachable("it went silent".to_owned()))?;
            let Some(chunk) = chunk.map_err(|error| unreachable(causes(&error)))? else {
                return Ok(());
            };
            for data in lines.take(&chunk) {
                if let PushRequest::Answer(answer) = PushRequest::parse(&data)? {
                    pushes.answered(answer).await;
                }
            }
        }
    }

    async fn ask(&self, request: &PushRequest) -> Result<PushResponse, RelayError> {
        let url = self.url().await?;
        let answer = self.post(&url, request, ANSWER_TIMEOUT).await?;
        let body = identity::body_within(answer, MAX_PUSH_BYTES).await;
        let body = body.map_err(|error| RelayError::Unreachable(url.clone(), causes(&error)))?;
        Ok(PushResponse::parse(&body)?)
    }

    async fn post(
        &self,
        url: &ServerUrl,
        request: &PushRequest,
        timeout: Duration,
    ) -> Result<reqwest::Response, RelayError> {
        let settings = self.supply.store().settings(Vdom::ROOT);
        let client = self
            .supply
            .server()
            .relay_client(settings.push.proxy)
            .await?;
        let sent = client
            .post(url.endpoint(PUSH_PATH))
            .header(CONTENT_TYPE, "application/json")
            .timeout(timeout)
            .body(request.to_json().as_str().to_owned())
            .send()
            .await;
        let answer = sent.map_err(|error| {
            // It may have moved.
            self.remember(None);
            RelayError::Unreachable(url.clone(), causes(&error))
        })?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => Err(RelayError::Status(url.clone(), status)),
        }
    }

    async fn url(&self) -> Result<ServerUrl, RelayError> {
        if let Some(url) = self.remembered() {
            return Ok(url);
        }
        let url = self.supply.server().relay().await?;
        let url = url.ok_or(RelayError::None)?;
        self.remember(Some((url.clone(), Instant::now())));
        Ok(url)
    }

    fn remembered(&self) -> Option<ServerUrl> {
        let remembered = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, at) = remembered.as_ref()?;
        (at.elapsed() < REMEMBERED).then(|| url.clone())
    }

    fn remember(&self, url: Option<(ServerUrl, Instant)>) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
}

fn is_unknown(error: &WireError) -> bool {
    error.known() == Some(ServerError::PushDeviceUnknown)
}

/// The `data` lines of server-sent events, from octets as they come.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
        self.0.extend_from_slice(chunk);
        let mut found = Vec::new();
        while let Some(end) = self.0.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data: ") {
                found.push(data.trim_ascii_end().to_vec());
            }
        }
        // What is longer than any message is none.
        if self.0.len() > 2 * MAX_PUSH_BYTES {
            self.0.clear();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_lines_are_found_however_they_are_cut() {
        let mut lines = Lines::default();
        assert!(lines.take(b":\n\nda").is_empty());
        assert!(lines.take(b"ta: one").is_empty());
        assert_eq!(
            lines.take(b"\n\ndata: two\n\n: \n"),
            [b"one".to_vec(), b"two".to_vec()]
        );
        assert!(lines.take(&vec![b'x'; 3 * MAX_PUSH_BYTES]).is_empty());
        assert_eq!(lines.take(b"\ndata: three\n"), [b"three".to_vec()]);
    }
}
