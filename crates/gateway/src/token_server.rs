//! The token server as this gateway reaches it: HTTPS with the gateway's own certificate.

mod connection;
mod failures;
mod question;
mod relay;
mod renewal;
mod route;
mod seen;
mod signing;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cli::debug::{Application, Place as Spot, Source};
use domain::query::ServerReach;
use domain::schema::{HA, Place};
use domain::unit::{Exchange, Own, ServerRole, Shown};
use ident::ProductSerial;
use identity::{Keeper, causes};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode};
use rustls::RootCertStore;
use softtoken::limits::{MAX_CLUSTER_MEMBERS, MAX_RESPONSE_BYTES};
use softtoken::process::{Product, Response};
use softtoken::{Echo, MessageError, PROCESS_PATH, SIGNATURE_HEADER};
use store::Undecided;
use store::gateway::GatewayStore;

use self::connection::Connections;
use self::failures::{Failures, Next};
pub(crate) use self::question::Question;
use self::route::Route;
pub(crate) use self::route::Server;
use self::seen::{Heard, Seen};
use crate::clock;
use crate::debug_log::DebugLog;
use crate::network::{HttpNames, UnitResolver};

/// The version that this gateway says it has: the described system's, since its messages are those.
const DEVICE_VERSION: &str = "7.0";
const DEVICE_BUILD: &str = "0001";

/// A server that took a question and says nothing for so long has stopped: the next is asked. An answer about
/// 10,000 tokens begins after some seconds, and a manager gives up the token server behind it sooner.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The header by which the token server knows a message that it has answered before.
const MESSAGE_ID: &str = "Symbolon-Message-Id";

/// Where the token server is and who this gateway is there.
#[derive(Debug)]
pub struct TokenServerConfig {
    /// Such as `https://tokens.example.org:8443`.
    pub url: String,
    /// Who vouches for the server.
    pub roots: RootCertStore,
    /// This gateway's key and certificate; the certificate's subject is its serial.
    pub identity: Arc<Keeper>,
    /// The other members of its cluster.
    pub partners: Vec<ProductSerial>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The server was not reached or did not answer in time.
    #[error("{url} was not reached: {why}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What failed, innermost cause last.
        why: String,
        /// Whether not even a connection was had.
        is_unsent: bool,
    },
    /// The server answered, but not with a message.
    #[error("{url} refused the request ({}): {told}", status.as_u16())]
    Refused {
        /// Where it is.
        url: String,
        /// HTTP status.
        status: StatusCode,
        /// Its words.
        told: String,
    },
    /// None of several servers answers this.
    #[error("{told}")]
    Several {
        /// What each said, or why it was not reached.
        told: String,
        /// Whether none was reached that could have answered.
        is_away: bool,
        /// Whether none of them can have done it.
        is_undone: bool,
        /// Whether none of them can have done it under this id, which one has for another body.
        is_id_taken: bool,
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
    /// The connection cannot be prepared.
    #[error("the connection to the token server cannot be prepared: {0}")]
    Unprepared(String),
}

impl AskError {
    /// Whether no server was reached that could have answered.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
            Self::Several { is_away, .. } => *is_away,
            Self::Unreachable { .. } | Self::NoServer | Self::Unprepared(_) => true,
            Self::Unreadable(_) | Self::Mismatched | Self::Undecided(_) => false,
        }
    }

    /// Whether a manager alone has what was asked for.
    fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::MISDIRECTED_REQUEST)
    }

    /// Whether the id was used for another body, which was done. This one was not, and will not be under it.
    pub(crate) fn is_id_taken(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status == StatusCode::CONFLICT,
            Self::Several { is_id_taken, .. } => *is_id_taken,
            _ => false,
        }
    }

    /// Whether the request was certainly not done. After anything else an answer may be lost.
    pub(crate) fn is_undone(&self) -> bool {
        match self {
            Self::Refused { status, .. } => status.is_client_error() && !self.is_id_taken(),
            Self::Unreachable { is_unsent, .. } => *is_unsent,
            Self::Several { is_undone, .. } => *is_undone,
            Self::NoServer | Self::Unprepared(_) => true,
            Self::Unreadable(_) | Self::Mismatched | Self::Undecided(_) => false,
        }
    }
}

/// A client of the token server.
#[derive(Debug)]
pub(crate) struct TokenServer {
    store: Arc<GatewayStore>,
    connections: Connections,
    /// The token server of the installation.
    url: String,
    partners: Vec<ProductSerial>,
    identity: Arc<Keeper>,
    seen: Seen,
    /// Whether a manager said last that it does not reach the token server.
    is_behind_manager: AtomicBool,
    debug: DebugLog,
}

impl TokenServer {
    /// `certificates` is the directory of what `set ca-cert` names.
    pub(crate) fn new(
        config: TokenServerConfig,
        certificates: PathBuf,
        store: Arc<GatewayStore>,
        resolver: Arc<UnitResolver>,
        debug: DebugLog,
    ) -> Self {
        let TokenServerConfig {
            url,
            roots,
            identity,
            partners,
        } = config;
        Self {
            store,
            connections: Connections::new(roots, certificates, HttpNames(resolver)),
            url,
            partners,
            identity,
            seen: Seen::default(),
            is_behind_manager: AtomicBool::new(false),
            debug,
        }
    }

    /// Where the token server of the installation is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// This gateway, as its requests name it: with the members of its cluster that `config system ha` names,
    /// and those that it was started with.
    pub(crate) async fn product(&self) -> Result<Product, Undecided> {
        let serial = self.identity.product();
        let mut cluster = vec![serial];
        let ha = self.store.object(Place::of_unit(&HA)).await?;
        let named = ha.iter().flat_map(|ha| ha.list("members"));
        let members = named.filter_map(|member| ProductSerial::parse(&member).ok());
        for member in members.chain(self.partners.iter().copied()) {
            if !cluster.contains(&member) {
                cluster.push(member);
            }
        }
        cluster.truncate(MAX_CLUSTER_MEMBERS);
        Ok(Product {
            serial_number: serial,
            device_version: Echo::from(DEVICE_VERSION),
            device_build: Echo::from(DEVICE_BUILD),
            cluster,
        })
    }

    /// Whether the last request was answered.
    pub(crate) fn reach(&self) -> ServerReach {
        self.seen.reach()
    }

    /// Whether a manager answered last that it cannot have this answered: another question it may answer
    /// itself.
    pub(crate) fn is_behind_manager(&self) -> bool {
        self.is_behind_manager.load(Ordering::Relaxed)
    }

    /// Who was asked last and why nobody answered, if nobody did.
    pub(crate) fn trouble(&self) -> Option<Box<str>> {
        self.seen.trouble()
    }

    /// Asks and reads the answer. The same question under an id gets the same answer.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Response, AskError> {
        let source = Source::Fortitoken;
        let request = question.request();
        self.debug.raw(source, || {
            format!("POST {PROCESS_PATH} HTTP/1.1\n\n{}", request.debug_text())
        });
        let (at, began) = (clock::now(), Instant::now());
        let (server, answer) = self.first_answer(question).await;
        let result: Result<Duration, Box<str>> = match &answer {
            Ok(_) => Ok(began.elapsed()),
            Err(error) => Err(error.to_string().into()),
        };
        self.connection_debug(|| match &result {
            Ok(took) => format!("answered after {} ms", took.as_millis()),
            Err(why) => why.to_string(),
        });
        self.seen.exchanged(Exchange {
            at,
            what: question.name(),
            server,
            result,
        });
        self.reached(&answer);
        let response = answer.inspect_err(|error| {
            self.debug.raw(source, || error.to_string());
        })?;
        self.debug.at(source, Spot::RECEIVE, || {
            "receive packet success.".to_owned()
        });
        self.debug.raw(source, || response.debug_text());
        Ok(response)
    }

    /// The answer of the first server that gives one, and which was asked last.
    async fn first_answer(
        &self,
        question: &Question,
    ) -> (Option<Box<str>>, Result<Response, AskError>) {
        let route = match self.route().await {
            Ok(route) => route,
            Err(error) => return (None, Err(error)),
        };
        let mut failures = Failures::default();
        self.is_behind_manager.store(false, Ordering::Relaxed);
        for server in self.seen.in_turn(&route.servers) {
            self.connection_debug(|| format!("asking {}", server.url));
            let began = Instant::now();
            let answer = self.post(&route, server, question).await;
            let is_answered = !matches!(answer, Err(AskError::Unreachable { .. }));
            let heard = if is_answered {
                Heard::Something
            } else {
                Heard::Nothing
            };
            self.seen.answered(&server.url, heard, began);
            let error = match answer {
                Ok(response) => return (Some(server.url.clone()), Ok(response)),
                Err(error) => error,
            };
            self.connection_debug(|| error.to_string());
            let is_answered = matches!(error, AskError::Refused { .. });
            if is_answered && error.is_away() && server.role == ServerRole::Manager {
                self.is_behind_manager.store(true, Ordering::Relaxed);
            }
            if failures.add(&server.url, error) == Next::Nobody {
                break;
            }
        }
        (failures.last(), Err(failures.conclude()))
    }

    fn connection_debug(&self, text: impl FnOnce() -> String) {
        let source = Source::Application(Application::Forticldd);
        self.debug.raw(source, || format!("forticldd: {}", text()));
    }

    /// The servers as they are configured now.
    pub(crate) async fn route(&self) -> Result<Route, AskError> {
        Ok(Route::configured(&self.store, &self.url).await?)
    }

    /// Asks every server for nothing, in their order. What comes of it is the status from then on.
    pub(crate) async fn probe_all(
        &self,
        route: &Route,
    ) -> Vec<Result<(Duration, Shown), AskError>> {
        let mut probed = Vec::new();
        for server in &route.servers {
            probed.push(self.probe(route, server).await);
        }
        let away = |probe: &Result<_, AskError>| {
            let error = probe.as_ref().err().filter(|error| error.is_away());
            error.map(ToString::to_string)
        };
        let failures: Option<Vec<String>> = probed.iter().map(away).collect();
        self.seen.reached(match failures {
            None => Ok(()),
            Some(failures) if failures.is_empty() => Err(AskError::NoServer.to_string().into()),
            Some(failures) => Err(failures.join("; ").into()),
        });
        probed
    }

    /// Asks a server for nothing, to see whether it takes this gateway for one: after how long it answered
    /// and what it shows, or why not.
    async fn probe(&self, route: &Route, server: &Server) -> Result<(Duration, Shown), AskError> {
        let began = Instant::now();
        let http = self.client(route, server).await?;
        let url = &*server.url;
        let answer = http.post(format!("{url}{PROCESS_PATH}")).send().await;
        let answer = answer.map_err(|error| unreachable(url, &error))?;
        let (status, shown) = (answer.status(), seen::shown(&answer, clock::now()));
        let body = body(url, answer).await?;
        // It is no message, which is looked at after who sends it.
        match status {
            StatusCode::BAD_REQUEST => Ok((began.elapsed(), shown)),
            _ => Err(refused(url, status, &body)),
        }
    }

    /// The latest request and what came of it.
    pub(crate) fn last(&self) -> Option<Exchange> {
        self.seen.last()
    }

    /// Who this gateway is there.
    pub(crate) fn own(&self) -> Own {
        Own {
            certificate: self.identity.identity().certificate().clone(),
            renewal: self.identity.next(),
            latest: self.identity.latest(),
        }
    }

    fn reached<T>(&self, answer: &Result<T, AskError>) {
        let reach = match answer {
            Err(AskError::Undecided(_)) => return,
            Err(error) if error.is_away() => Err(error.to_string().into()),
            _ => Ok(()),
        };
        self.seen.reached(reach);
    }

    async fn client(&self, route: &Route, server: &Server) -> Result<Client, AskError> {
        let identity = self.identity.identity();
        let client = self.connections.client(route, server.role, &identity);
        client.await.map_err(AskError::Unprepared)
    }

    async fn post(
        &self,
        route: &Route,
        server: &Server,
        question: &Question,
    ) -> Result<Response, AskError> {
        let url = format!("{}{PROCESS_PATH}", server.url);
        let identity = self.identity.identity();
        let client = self.connections.client(route, server.role, &identity);
        let mut post = client.await.map_err(AskError::Unprepared)?.post(url);
        if let Some(id) = question.id() {
            post = post.header(MESSAGE_ID, id);
        }
        // A manager passes it on: the token server is to see that it comes from here.
        if server.role == ServerRole::Manager {
            let signature = question.signed(&identity, clock::now());
            let signature = signature.map_err(|why| AskError::Unprepared(why.to_string()))?;
            post = post.header(SIGNATURE_HEADER, signature.to_string());
        }
        let body = answered(server, post, question.body()).await?;
        Ok(Response::parse(&body)?)
    }
}

/// What a server answers to this message.
async fn answered(
    server: &Server,
    post: RequestBuilder,
    message: &[u8],
) -> Result<Vec<u8>, AskError> {
    let url = &*server.url;
    let post = post.header(CONTENT_TYPE, "application/json");
    let answer = identity::answer_to(post, message.to_vec(), SILENCE_MAX).await;
    let answer = answer.map_err(|error| AskError::Unreachable {
        url: url.to_owned(),
        why: error.to_string(),
        is_unsent: error.is_unsent(),
    })?;
    let status = answer.status();
    let body = body(url, answer).await?;
    if status != StatusCode::OK {
        return Err(refused(url, status, &body));
    }
    Ok(body)
}

fn refused(url: &str, status: StatusCode, body: &[u8]) -> AskError {
    let told = identity::refusal(body).unwrap_or_else(|| {
        let body = String::from_utf8_lossy(body);
        body.trim().chars().take(200).collect()
    });
    AskError::Refused {
        url: url.to_owned(),
        status,
        told,
    }
}

/// The body, as far as a message may be long.
async fn body(url: &str, answer: reqwest::Response) -> Result<Vec<u8>, AskError> {
    let body = identity::body_within(answer, MAX_RESPONSE_BYTES).await;
    body.map_err(|error| unreachable(url, &error))
}

fn unreachable(url: &str, error: &reqwest::Error) -> AskError {
    AskError::Unreachable {
        url: url.to_owned(),
        why: causes(error),
        is_unsent: error.is_connect(),
    }
}
