//! The token server as this gateway reaches it: HTTPS with the gateway's own certificate.

mod route;
mod seen;

use std::sync::Arc;
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
use store::Undecided;
use store::gateway::GatewayStore;
use tokio::sync::Mutex;

use self::route::{ProxyServer, Route};
use self::seen::Seen;
use crate::clock;
use crate::debug_log::DebugLog;
use crate::network::{HttpNames, UnitResolver};

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
    /// The manager's list has no server, and the installation's is excluded.
    #[error(
        "no server provides tokens: 'show system central-management' lists none for updates and \
         excludes the default one"
    )]
    NoServer,
    /// The configuration cannot be read.
    #[error(transparent)]
    Undecided(#[from] Undecided),
    /// The proxy cannot be used.
    #[error("the proxy of 'config system fortiguard' cannot be used: {0}")]
    Proxy(reqwest::Error),
}

/// A client of the token server.
#[derive(Debug)]
pub(crate) struct TokenServer {
    store: Arc<GatewayStore>,
    /// The connection's settings, and the connections that were made with them.
    tls: ClientConfig,
    names: HttpNames,
    http: Mutex<Connections>,
    /// The token server of the installation.
    url: String,
    product: Product,
    reach: AtomicU8,
    seen: Seen,
    debug: DebugLog,
}

/// Connections, kept for as long as the way to the server stays the same.
#[derive(Debug)]
struct Connections {
    proxy: Option<ProxyServer>,
    client: Client,
}

const UNKNOWN: u8 = 0;
const REACHABLE: u8 = 1;
const UNREACHABLE: u8 = 2;

impl TokenServer {
    pub(crate) fn new(
        config: TokenServerConfig,
        store: Arc<GatewayStore>,
        resolver: Arc<UnitResolver>,
        debug: DebugLog,
    ) -> Result<Self, reqwest::Error> {
        let TokenServerConfig {
            url,
            tls,
            serial,
            cluster,
        } = config;
        let names = HttpNames(resolver);
        let http = Mutex::new(Connections {
            proxy: None,
            client: client(&tls, &names, None)?,
        });
        let product = Product {
            serial_number: serial,
            device_version: Echo::from(DEVICE_VERSION),
            device_build: Echo::from(DEVICE_BUILD),
            cluster,
        };
        let reach = AtomicU8::new(UNKNOWN);
        Ok(Self {
            store,
            tls,
            names,
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
        let (at, began) = (clock::now(), Instant::now());
        let answer = self.first_answer(request, message_id).await;
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

    /// The answer of the first server that gives one.
    async fn first_answer(
        &self,
        request: &Request,
        message_id: Option<&str>,
    ) -> Result<Response, AskError> {
        let (urls, http) = self.way().await?;
        let connection = Source::Application(Application::Forticldd);
        let mut last = Err(AskError::NoServer);
        for url in urls {
            self.debug
                .raw(connection, || format!("forticldd: asking {url}"));
            last = self.post(&http, &url, request, message_id).await;
            if !matches!(last, Err(AskError::Unreachable { .. })) {
                break;
            }
        }
        last
    }

    /// The servers as they are configured now, and the connections to them.
    async fn way(&self) -> Result<(Vec<String>, Client), AskError> {
        let Route { urls, proxy } = Route::configured(&self.store, &self.url).await?;
        let mut http = self.http.lock().await;
        if http.proxy != proxy {
            let client = client(&self.tls, &self.names, proxy.as_ref()).map_err(AskError::Proxy)?;
            *http = Connections { proxy, client };
        }
        Ok((urls, http.client.clone()))
    }

    /// Asks for nothing, to see whether the first server answers: after how long, or why not.
    pub(crate) async fn probe(&self) -> Result<Duration, AskError> {
        let began = Instant::now();
        let (urls, http) = self.way().await?;
        let url = urls.first().ok_or(AskError::NoServer)?;
        let answer = http.get(url).send().await;
        let answer = answer.map_err(|error| unreachable(url, &error));
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
        http: &Client,
        url: &str,
        request: &Request,
        message_id: Option<&str>,
    ) -> Result<Response, AskError> {
        let mut post = http
            .post(format!("{url}{PROCESS_PATH}"))
            .header(CONTENT_TYPE, "application/json")
            .body(request.to_json().as_str().to_owned());
        if let Some(id) = message_id {
            post = post.header(MESSAGE_ID, id);
        }
        let answer = post
            .send()
            .await
            .map_err(|error| unreachable(url, &error))?;
        self.seen.answered(&answer, clock::now());
        let status = answer.status();
        let body = body(url, answer).await?;
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
}

/// Connections to token servers.
fn client(
    tls: &ClientConfig,
    names: &HttpNames,
    proxy: Option<&ProxyServer>,
) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .dns_resolver(names.clone())
        // Seeds go over this connection: nothing that the environment or an answer names may see it.
        .no_proxy()
        // An administrator wants to see the server's certificate.
        .tls_info(true)
        .redirect(Policy::none());
    match proxy {
        Some(proxy) => builder.proxy(proxy.build()?).build(),
        None => builder.build(),
    }
}

/// The body, as far as a message may be long.
async fn body(url: &str, mut answer: reqwest::Response) -> Result<Vec<u8>, AskError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| unreachable(url, &error))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_RESPONSE_BYTES {
            break;
        }
    }
    Ok(body)
}

fn unreachable(url: &str, error: &reqwest::Error) -> AskError {
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
        url: url.to_owned(),
        why,
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
