//! The token server as this gateway reaches it: HTTPS with the gateway's own certificate.

mod seen;

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use cli::debug::{Application, Place, Source};
use domain::query::ServerReach;
use domain::unit::{Exchange, Shown};
use ident::ProductSerial;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use rustls::ClientConfig;
use softtoken::limits::MAX_RESPONSE_BYTES;
use softtoken::process::{Product, Request, Response};
use softtoken::{Echo, MessageError, PROCESS_PATH};

use self::seen::Seen;
use crate::clock;
use crate::debug_log::DebugLog;

/// The version that this gateway says it has: the described system's, since its messages are those.
const DEVICE_VERSION: &str = "7.0";
const DEVICE_BUILD: &str = "0001";

/// A connection that takes longer is dead: the described round trip is a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer about 10,000 tokens takes the registry some seconds at most.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The header by which the token server knows a message that it has answered before.
const MESSAGE_ID: &str = "Symbolon-Message-Id";

/// Where the token server is and who this gateway is there.
#[derive(Clone, Debug)]
pub struct TokenServerConfig {
    /// Such as `https://tokens.example.org:8443`.
    pub url: String,
    /// Trust in the server's certificate, and the gateway's own.
    pub tls: ClientConfig,
    /// This gateway's serial: the subject of its certificate.
    pub serial: ProductSerial,
    /// All members of its cluster, itself among them.
    pub cluster: Vec<ProductSerial>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The server was not reached or did not answer in time.
    #[error("the token server {url} was not reached: {why}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What failed, innermost cause last.
        why: String,
    },
    /// The server answered, but not with a message.
    #[error("the token server refused the request ({status}): {body}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// Its words.
        body: String,
    },
    /// The message cannot be read.
    #[error("the token server's answer cannot be read: {0}")]
    Unreadable(#[from] MessageError),
    /// The answer belongs to another question.
    #[error("the token server answered another question")]
    Mismatched,
}

/// A client of the token server.
#[derive(Debug)]
pub(crate) struct TokenServer {
    http: Client,
    url: String,
    product: Product,
    reach: AtomicU8,
    seen: Seen,
    debug: DebugLog,
}

const UNKNOWN: u8 = 0;
const REACHABLE: u8 = 1;
const UNREACHABLE: u8 = 2;

impl TokenServer {
    pub(crate) fn new(config: TokenServerConfig, debug: DebugLog) -> Result<Self, reqwest::Error> {
        let TokenServerConfig {
            url,
            tls,
            serial,
            cluster,
        } = config;
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            // Seeds go over this connection: nothing that the environment or an answer names may see it.
            .no_proxy()
            // An administrator wants to see the server's certificate.
            .tls_info(true)
            .redirect(Policy::none())
            .build()?;
        let product = Product {
            serial_number: serial,
            device_version: Echo::from(DEVICE_VERSION),
            device_build: Echo::from(DEVICE_BUILD),
            cluster,
        };
        let reach = AtomicU8::new(UNKNOWN);
        Ok(Self {
            http,
            url,
            product,
            reach,
            seen: Seen::default(),
            debug,
        })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// This gateway, as its requests name it.
    pub(crate) fn product(&self) -> Product {
        self.product.clone()
    }

    /// Whether the last request was answered.
    pub(crate) fn reach(&self) -> ServerReach {
        match self.reach.load(Ordering::Relaxed) {
            REACHABLE => ServerReach::Reachable,
            UNREACHABLE => ServerReach::Unreachable,
            _ => ServerReach::Unknown,
        }
    }

    /// Asks and reads the answer. With the same `message_id`, the same question gets the same answer.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        message_id: Option<&str>,
    ) -> Result<Response, AskError> {
        let source = Source::Fortitoken;
        self.debug.raw(source, || {
            format!("POST {PROCESS_PATH} HTTP/1.1\n\n{}", request.debug_text())
        });
        let connection = Source::Application(Application::Forticldd);
        self.debug
            .raw(connection, || format!("forticldd: asking {}", self.url));
        let (at, began) = (clock::now(), Instant::now());
        let answer = self.post(request, message_id).await;
        let result = match &answer {
            Ok(_) => Ok(began.elapsed()),
            Err(error) => Err(error.to_string().into()),
        };
        self.debug.raw(connection, || match &result {
            Ok(took) => format!("forticldd: answered after {} ms", took.as_millis()),
            Err(why) => format!("forticldd: {why}"),
        });
        let what = named(request);
        self.seen.exchanged(Exchange { at, what, result });
        self.reached(&answer);
        let response = answer.inspect_err(|error| {
            self.debug.raw(source, || error.to_string());
        })?;
        self.debug.at(source, Place::RECEIVE, || {
            "receive packet success.".to_owned()
        });
        self.debug.raw(source, || response.debug_text());
        Ok(response)
    }

    /// Asks for nothing, to see whether the server answers: after how long, or why not.
    pub(crate) async fn probe(&self) -> Result<Duration, AskError> {
        let began = Instant::now();
        let answer = self.http.get(&self.url).send().await;
        let answer = answer.map_err(|error| self.unreachable(&error));
        self.reached(&answer);
        self.seen.answered(&answer?, clock::now());
        Ok(began.elapsed())
    }

    /// What the latest answer showed.
    pub(crate) fn shown(&self) -> Shown {
        self.seen.shown()
    }

    /// The latest request and what came of it.
    pub(crate) fn last(&self) -> Option<Exchange> {
        self.seen.last()
    }

    fn reached<T>(&self, answer: &Result<T, AskError>) {
        let reach = match answer {
            Err(AskError::Unreachable { .. }) => UNREACHABLE,
            _ => REACHABLE,
        };
        self.reach.store(reach, Ordering::Relaxed);
    }

    async fn post(
        &self,
        request: &Request,
        message_id: Option<&str>,
    ) -> Result<Response, AskError> {
        let mut post = self
            .http
            .post(format!("{}{PROCESS_PATH}", self.url))
            .header(CONTENT_TYPE, "application/json")
            .body(request.to_json().as_str().to_owned());
        if let Some(id) = message_id {
            post = post.header(MESSAGE_ID, id);
        }
        let answer = post
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        self.seen.answered(&answer, clock::now());
        let status = answer.status();
        let body = self.body(answer).await?;
        if status != StatusCode::OK {
            let body = String::from_utf8_lossy(&body)
                .trim()
                .chars()
                .take(200)
                .collect();
            return Err(AskError::Refused { status, body });
        }
        Ok(Response::parse(&body)?)
    }

    /// The body, as far as a message may be long.
    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, AskError> {
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_RESPONSE_BYTES {
                break;
            }
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> AskError {
        let mut why = Vec::new();
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(error) = cause {
            why.push(error.to_string());
            cause = error.source();
        }
        let why = if why.is_empty() {
            error.to_string()
        } else {
            why.join(": ")
        };
        AskError::Unreachable {
            url: self.url.clone(),
            why,
        }
    }
}

/// A request, in the protocol's words.
fn named(request: &Request) -> &'static str {
    match request {
        Request::ActivationLicense(_) => "ActivationLicenseRequest",
        Request::Provision(_) => "ProvisionRequest",
        Request::Polling(_) => "PollingRequest",
        Request::HardwareActivation(_) => "HardwareActivationRequest",
    }
}
