//! The token server behind a manager.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use identity::{Identity, Keeper, Way};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};
use softtoken::{ENROLMENT_PATH, PROCESS_PATH};
use tokio::sync::Notify;

/// The gateway waits for the manager: it is to hear why before it takes the manager for silent, and a SYN that
/// is lost once is sent again after a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// An answer about 10,000 tokens takes the registry some seconds at most, and as long again on its way.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);
/// A token server that took a question and says nothing for so long has stopped. Gateways wait longer for the
/// manager.
const SILENCE_MAX: Duration = Duration::from_secs(7);

/// Whoever refuses or answers with a failure does so sooner.
const SILENCE: Duration = Duration::from_secs(2);

/// Connections to the token server, as whoever the manager is at the moment.
#[derive(Debug)]
pub(super) struct Upstream {
    url: String,
    roots: RootCertStore,
    keeper: Arc<Keeper>,
    /// A session that is resumed would go on with the old certificate.
    kept: Mutex<Option<(Arc<Identity>, Client)>>,
    /// Connections as nobody.
    nameless: Client,
    /// Why the token server was not heard, if it was silent last: whoever asks meanwhile is not to wait.
    silent: Mutex<Option<String>>,
    falls_silent: Notify,
}

impl Upstream {
    /// Why there are no connections.
    pub(super) fn new(
        url: String,
        roots: RootCertStore,
        keeper: Arc<Keeper>,
    ) -> Result<Self, String> {
        let tls = identity::trusting(roots.clone()).map_err(|error| error.to_string())?;
        Ok(Self {
            url,
            roots,
            keeper,
            kept: Mutex::default(),
            nameless: client(tls.with_no_client_auth())?,
            silent: Mutex::default(),
            falls_silent: Notify::new(),
        })
    }

    /// Posts a gateway's request as the manager; why there is no answer. While the token server is silent, that is
    /// said at once: the manager asks it again and again, and learns first when it is back.
    pub(super) async fn pass(&self, headers: HeaderMap, body: Vec<u8>) -> Result<Response, String> {
        match self.silence() {
            Some(why) => Err(why),
            None => self.post(PROCESS_PATH, headers, body).await,
        }
    }

    /// Posts a body as the manager; why there is no answer.
    pub(super) async fn post(
        &self,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, String> {
        let post = self.client()?.post(format!("{}{path}", self.url));
        let began = Instant::now();
        let answer = identity::answer_to(post.headers(headers), body, SILENCE_MAX).await;
        let answer = answer.map_err(|error| error.to_string());
        let is_silent = began.elapsed() >= SILENCE;
        let silence = answer.as_ref().err().filter(|_| is_silent);
        if silence.is_some() {
            self.falls_silent.notify_one();
        }
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = silence.cloned();
        answer
    }

    /// The token server was not heard: it is to be asked soon whether it is back.
    pub(super) async fn falls_silent(&self) {
        self.falls_silent.notified().await;
    }

    /// Why the token server was not heard, if it was silent when it was asked last.
    pub(super) fn silence(&self) -> Option<String> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.clone()
    }

    /// Posts what anybody wants certified. Under the manager's certificate it would pass for the manager's
    /// own renewal.
    pub(super) async fn enrol(&self, body: Vec<u8>) -> Result<Response, String> {
        let post = self.nameless.post(format!("{}{ENROLMENT_PATH}", self.url));
        let answer = post.body(body).send().await;
        answer.map_err(|error| identity::causes(&error))
    }

    fn client(&self) -> Result<Client, String> {
        let identity = self.keeper.identity();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = kept
            .as_ref()
            .filter(|(whose, _)| Arc::ptr_eq(whose, &identity))
        {
            return Ok(client.clone());
        }
        let client = self.connect(&identity)?;
        *kept = Some((identity, client.clone()));
        Ok(client)
    }
}

/// Status and body of an answer that is not longer than `max_bytes`; why there is none.
pub(super) async fn read(
    answer: Response,
    max_bytes: usize,
) -> Result<(StatusCode, Vec<u8>), String> {
    let status = answer.status();
    let body = identity::body_within(answer, max_bytes).await;
    let body = body.map_err(|error| identity::causes(&error))?;
    if body.len() > max_bytes {
        return Err("its answer is too long".to_owned());
    }
    Ok((status, body))
}

impl Way for Upstream {
    fn url(&self) -> &str {
        &self.url
    }

    fn connect(&self, identity: &Identity) -> Result<Client, String> {
        let tls = identity.tls(self.roots.clone());
        client(tls.map_err(|error| error.to_string())?)
    }
}

fn client(tls: ClientConfig) -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        // Seeds go over these connections: nothing that the environment or an answer names may see them.
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .map_err(|error| error.to_string())
}
