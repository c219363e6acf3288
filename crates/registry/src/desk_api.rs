//! The desk over the network: agents with certificates post commands to a listener of its own.
//!
//! Which commands there are and what they do is the caller's: [`DeskCommands`]. Here it is decided who is
//! heard.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use data_encoding::HEXLOWER;
use domain::licensing::{Agent, CertificateHash, Role, RoleRefusal};
use https::body::{self, BodyError, Limit};
use https::files::Listener;
use https::{Connections, Places, Site};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Undecided;
use store::registry::MessageId;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;
use tokio_rustls::TlsAcceptor;

use crate::desk::{Desk, DeskError};
use crate::http::{JSON, MESSAGE_ID_HEADER, RETRY_AFTER, message_id};
use crate::pace::Pace;
use crate::pki;
use crate::refusals::Refusals;

/// Commands are posted to this and their name.
pub const DESK_PATH: &str = "/desk/";

/// What a client accepts that wants an answer as text for a person, too: an object of `text` and `data`.
pub const WITH_TEXT: &str = "application/vnd.symbolon.desk+json";

/// An agent has one or two, an office some dozens behind one address.
const PLACES: Places = Places {
    listener: Listener::Desk,
    connections: 256,
    of_one_host: 64,
};
/// Words and numbers have a few hundred octets, a certificate request in base64 one KiB.
const WORDS: Limit = Limit {
    bytes: 16 << 10,
    time: Duration::from_secs(15),
};
/// Files in base64: a file of the greatest length, and the key to it.
const FILES: Limit = Limit {
    bytes: 24 << 20,
    time: Duration::from_mins(2),
};
/// Bodies with files at a time, from their first octet until the command is done, so that they take less
/// than 100 MiB.
const FILES_AT_A_TIME: usize = 4;

/// What agents may ask.
pub trait DeskCommands: Send + Sync + 'static {
    /// Whether there is this command, and what its body has.
    fn content(&self, command: &str) -> Option<Content>;

    /// Carries out a command with the arguments in `body`, if the agent's role is enough; once, if it has a
    /// message id.
    fn carry_out(
        &self,
        agent: Agent,
        command: &str,
        body: &[u8],
        id: Option<MessageId>,
    ) -> impl Future<Output = Result<Done, Declined>> + Send;
}

/// What the body of a command has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Words and numbers.
    Words,
    /// Files, too: there is something to be done with them.
    Files,
}

impl Content {
    /// The role without which nobody sends it, if it takes one.
    fn role(self) -> Option<Role> {
        match self {
            Self::Words => None,
            Self::Files => Some(Role::Agent),
        }
    }
}

/// What a command answers.
#[derive(Clone, Debug)]
pub struct Done {
    /// For a person.
    pub text: String,
    /// For a program.
    pub data: Value,
    /// Whether it is done.
    pub progress: Progress,
}

/// How far a command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Progress {
    /// Done.
    Done,
    /// Kept until another agent approves it.
    Waiting,
}

/// Why a command is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// The arguments are none of this command.
    #[error("{0}")]
    Arguments(String),
    /// The agent may not.
    #[error("{0}")]
    Role(#[from] RoleRefusal),
    /// The desk does nothing.
    #[error("{0}")]
    Desk(#[from] DeskError),
}

/// The listener, bound and not answering yet.
pub struct DeskApi {
    listener: TcpListener,
    address: SocketAddr,
    site: Site<Visitor>,
}

impl std::fmt::Debug for DeskApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeskApi")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl DeskApi {
    pub(crate) fn new(
        listener: TcpListener,
        address: SocketAddr,
        tls: TlsAcceptor,
        router: Router,
    ) -> Self {
        let site = Site {
            tls,
            router,
            connections: Connections::new(PLACES),
            admits: https::anywhere(),
            peer: Visitor::of,
        };
        Self {
            listener,
            address,
            site,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is done, and lets running requests end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        https::serve(self.listener, self.site, shutdown).await;
    }
}

/// Who is at the other end.
#[derive(Clone, Copy)]
struct Visitor {
    address: IpAddr,
    certificate: Option<CertificateHash>,
}

impl Visitor {
    fn of(address: IpAddr, certificate: Option<&CertificateDer<'_>>) -> Self {
        Self {
            address,
            certificate: certificate.map(pki::hash_of),
        }
    }

    /// The certificate, for the log.
    fn shown(&self) -> String {
        self.certificate
            .map_or_else(|| "none".to_owned(), |hash| HEXLOWER.encode(&hash.0))
    }
}

pub(crate) fn router(desk: Desk, commands: impl DeskCommands) -> Router {
    let counter = Counter {
        desk,
        commands,
        pace: Pace::new(),
        refusals: Refusals::new(Instant::now()),
        files: Arc::new(Semaphore::new(FILES_AT_A_TIME)),
    };
    Router::new()
        .route(&format!("{DESK_PATH}{{command}}"), post(command))
        .method_not_allowed_fallback(|| async { Problem::Method })
        .fallback(|| async { Problem::Path })
        .with_state(Arc::new(counter))
}

/// A request whose body is worth reading.
struct Admission {
    id: Option<MessageId>,
    limit: Limit,
    /// Among bodies with files, to be held as long as the body is.
    place: Option<OwnedSemaphorePermit>,
}

/// Where agents are served.
struct Counter<C> {
    desk: Desk,
    commands: C,
    pace: Pace,
    refusals: Refusals,
    files: Arc<Semaphore>,
}

async fn command<C: DeskCommands>(
    State(counter): State<Arc<Counter<C>>>,
    Extension(visitor): Extension<Visitor>,
    Path(command): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let form = Form::of(&parts.headers);
    let answered = counter.answer(visitor, command, &parts.headers, body);
    match answered.await {
        Ok(done) => form.write(done),
        Err(problem) => problem.into_response(),
    }
}

impl<C: DeskCommands> Counter<C> {
    async fn answer(
        self: Arc<Self>,
        visitor: Visitor,
        command: String,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Done, Problem> {
        let Admission { id, limit, place } =
            match self.admit(visitor.certificate, &command, headers).await {
                Ok(admission) => admission,
                Err(problem) => {
                    self.tell(&visitor, &command, &problem);
                    body::drain(body).await;
                    return Err(problem);
                }
            };
        let body = body::read(body, limit).await?;
        // Once more: it may have been revoked while the body was on its way.
        let agent = self.agent(visitor.certificate).await;
        let agent = agent.inspect_err(|problem| self.tell(&visitor, &command, problem))?;
        // With the connection this future ends; a command that was begun goes on, and keeps its answer.
        let carried_out = tokio::spawn(async move {
            let done = self.carry_out(agent, &command, &body, id).await;
            drop(place);
            done
        });
        Ok(carried_out.await??)
    }

    async fn carry_out(
        &self,
        agent: Agent,
        command: &str,
        body: &[u8],
        id: Option<MessageId>,
    ) -> Result<Done, Declined> {
        let who = agent.name.clone();
        let done = self.commands.carry_out(agent, command, body, id).await;
        if let Ok(done) = &done {
            // What was looked up may be a code; of what kind it is says enough.
            let kind = done.data["kind"].as_str();
            tracing::info!(agent = %who, command, kind, "answered at the desk");
        }
        done.inspect_err(|why| {
            let why = logged(&why.to_string());
            tracing::info!(agent = %who, command, why, "declined at the desk");
        })
    }

    /// Tells of who is not let to a command.
    fn tell(&self, visitor: &Visitor, command: &str, problem: &Problem) {
        if problem.status() != StatusCode::FORBIDDEN {
            return;
        }
        let Some(left_out) = self.refusals.take(Instant::now()) else {
            return;
        };
        // Others' words may be long, and steer a terminal.
        let known = self.commands.content(command).map(|_| command);
        tracing::warn!(
            address = %visitor.address,
            certificate = visitor.shown(),
            command = known,
            left_out,
            why = %problem,
            "refused at the desk"
        );
    }

    /// Whether the body of a request is worth reading.
    async fn admit(
        &self,
        certificate: Option<CertificateHash>,
        command: &str,
        headers: &HeaderMap,
    ) -> Result<Admission, Problem> {
        let id = message_id(headers).map_err(|_| Problem::MessageId)?;
        let agent = self.agent(certificate).await?;
        if !self.pace.take(&agent.name, Instant::now()) {
            return Err(Problem::TooFast);
        }
        if !is_json(headers) {
            return Err(Problem::NotJson);
        }
        let content = self.commands.content(command);
        let content = content.ok_or_else(|| Problem::Command(command.into()))?;
        if let Some(role) = content.role() {
            agent.demand(role).map_err(Declined::from)?;
        }
        let (limit, place) = match content {
            Content::Words => (WORDS, None),
            Content::Files => {
                let place = Arc::clone(&self.files).try_acquire_owned();
                (FILES, Some(place.map_err(|_| Problem::Busy)?))
            }
        };
        Ok(Admission { id, limit, place })
    }

    async fn agent(&self, certificate: Option<CertificateHash>) -> Result<Agent, Problem> {
        let certificate = certificate.ok_or(Problem::NoAgent)?;
        self.desk.agent(certificate).await?.ok_or(Problem::NoAgent)
    }
}

/// Characters of a refusal that the log has: a file has one for each of its lines.
const LOGGED_MAX: usize = 300;

/// A refusal for the log, on one line. What an agent typed may steer a terminal.
fn logged(why: &str) -> String {
    let mut line: String = why.escape_debug().take(LOGGED_MAX).collect();
    let left_out = why.escape_debug().skip(LOGGED_MAX).count();
    if left_out > 0 {
        line.push_str(&format!("… ({left_out} more characters)"));
    }
    line
}

/// A page in a browser cannot send it to another site unasked (Fetch standard, CORS-safelisted request
/// headers), and agents' certificates may be in browsers.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// How an answer is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Data,
    WithText,
}

impl Form {
    fn of(headers: &HeaderMap) -> Self {
        match headers.get(header::ACCEPT) {
            Some(accepted) if accepted == WITH_TEXT => Self::WithText,
            _ => Self::Data,
        }
    }

    fn write(self, done: Done) -> Response {
        let status = match done.progress {
            Progress::Done => StatusCode::OK,
            Progress::Waiting => StatusCode::ACCEPTED,
        };
        let answer = match self {
            Self::Data => done.data,
            Self::WithText => json!({ "text": done.text, "data": done.data }),
        };
        (status, NOT_KEPT, JSON, answer.to_string()).into_response()
    }
}

/// Answers may hold codes that are told once.
const NOT_KEPT: [(header::HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// Why an agent gets no answer to a command.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("no such path; commands are posted to {DESK_PATH}COMMAND")]
    Path,
    #[error("only POST is answered here")]
    Method,
    #[error("no command '{0}'; `symbolon desk --help` lists them")]
    Command(Box<str>),
    #[error("arguments are sent as a JSON object, with Content-Type: application/json")]
    NotJson,
    #[error(
        "this certificate is no agent's of the desk, or no longer; have a manager issue one with \
         `add-agent` or `certify-agent`"
    )]
    NoAgent,
    #[error(
        "the header {MESSAGE_ID_HEADER} is wrong: a message id is 1 to 64 letters, digits, dots, hyphens or underscores"
    )]
    MessageId,
    #[error("too many requests of this agent; wait a second")]
    TooFast,
    #[error("other files are being read; try again in a few seconds")]
    Busy,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("{0}")]
    Declined(#[from] Declined),
    #[error("the token server cannot answer at the moment; try again in a minute")]
    Unavailable,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Path | Self::Command(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MessageId => StatusCode::BAD_REQUEST,
            Self::NoAgent => StatusCode::FORBIDDEN,
            Self::TooFast => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Body(why) => why.status(),
            Self::Declined(why) => why.status(),
        }
    }
}

impl Declined {
    fn status(&self) -> StatusCode {
        match self {
            Self::Arguments(_) => StatusCode::BAD_REQUEST,
            Self::Role(_) => StatusCode::FORBIDDEN,
            Self::Desk(why) => match why {
                DeskError::Refused(_) => StatusCode::CONFLICT,
                DeskError::NothingFound(_) => StatusCode::NOT_FOUND,
                DeskError::Request(_) | DeskError::Travel(_) => StatusCode::BAD_REQUEST,
                DeskError::Certificate(_) | DeskError::Undecided(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            },
        }
    }
}

/// The log learns why, the agent does not.
impl From<Undecided> for Problem {
    fn from(why: Undecided) -> Self {
        tracing::error!(%why, "request of an agent not decided");
        Self::Unavailable
    }
}

/// The command panicked.
impl From<JoinError> for Problem {
    fn from(why: JoinError) -> Self {
        tracing::error!(%why, "a command of an agent did not end in order");
        Self::Unavailable
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, shown) = match self {
            Self::Declined(why) if why.status() == StatusCode::SERVICE_UNAVAILABLE => {
                tracing::error!(%why, "command of an agent not decided");
                (StatusCode::SERVICE_UNAVAILABLE, Self::Unavailable)
            }
            problem => (problem.status(), problem),
        };
        let error = json!({ "error": { "message": shown.to_string() } });
        let mut response = (status, NOT_KEPT, JSON, error.to_string()).into_response();
        let headers = response.headers_mut();
        match shown {
            Self::Unavailable | Self::Busy | Self::TooFast => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_of_the_log_however_long_it_is() {
        assert_eq!(logged("no licence\nat all"), r"no licence\nat all");
        let lines = (0..50_000).map(|n| format!("\nline {n}: no serial"));
        let lines = lines.collect::<Vec<_>>().concat();
        let line = logged(&lines);
        assert!(line.starts_with(r"\nline 0: no serial\nline 1"), "{line}");
        assert!(line.ends_with("more characters)"), "{line}");
        assert!(
            line.len() < 2 * LOGGED_MAX && !line.contains('\n'),
            "{line}"
        );
    }
}
