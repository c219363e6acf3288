//! Logins that applications have checked: a small interface of this unit's own (`api`), and that of the
//! plug-ins of other open token servers (`validate`). Both ask the login path that RADIUS asks; what is
//! decided there is only said in other words here.
//!
//! An application is an entry of `config user verification-client`. It says who it is by HTTP Basic, by its
//! secret or a ticket in `Authorization`, or, where its address is enough, by its name in the path.

mod api;
mod credentials;
mod parameters;
mod ticket;
mod validate;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::audit::{Actor, Event};
use domain::client::Secret;
use domain::login::{CodePosition, Origin};
use domain::name::Realm;
use domain::password::Presented;
use domain::source::LoginSource;
use domain::time::{Span, Timestamp};
use domain::vdom::Vdom;
use domain::verification::{
    ApplicationName, Credentials, Guesses, PREFIX, PushAt, VerificationClient,
};
use https::body::{self, BodyError, Limit};
use serde_json::Value;
use store::gateway::GatewayStore;
use tracing::{info, warn};
use zeroize::Zeroizing;

use self::credentials::Claim;
use self::parameters::{Malformed, Parameters};
use self::ticket::Tickets;
use super::Visitor;
use crate::clock::{self, NoEntropy};
use crate::login::{Attempt, AwaitedLogins, Decided, Exchange, Presentation};
use crate::seldom::Seldom;

/// What stands before the paths of both interfaces: nothing, or who asks.
const BASES: [&str; 3] = ["", "/client/{name}", "/vdom/{vdom}/client/{name}"];
/// Name, password, code and state with all their octets escaped stay below half of it.
const BODY: Limit = Limit {
    bytes: 4_096,
    time: Duration::from_secs(10),
};
/// When to try again after nobody could decide.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// What answers applications.
pub(super) struct Door {
    logins: Arc<AwaitedLogins>,
    store: Arc<GatewayStore>,
    tickets: Tickets,
    strangers: Seldom,
    guesses: Arc<CredentialGuesses>,
}

impl Door {
    pub(super) fn new(
        logins: Arc<AwaitedLogins>,
        store: Arc<GatewayStore>,
        guesses: Arc<CredentialGuesses>,
    ) -> Result<Self, NoEntropy> {
        Ok(Self {
            logins,
            store,
            tickets: Tickets::new()?,
            strangers: Seldom::default(),
            guesses,
        })
    }
}

pub(super) fn router(door: Door) -> Router {
    let door = Arc::new(door);
    BASES
        .into_iter()
        .fold(Router::new(), |router, base| {
            router
                .merge(validate::routes(base))
                .route(&format!("{base}/api/v1/auth"), post(api::authenticate))
                .route(&format!("{base}/api/v1/auth/"), post(api::authenticate))
        })
        .with_state(door)
}

/// Wrong secrets of applications, since the start.
#[derive(Debug, Default)]
pub(crate) struct CredentialGuesses(Mutex<Guesses>);

impl CredentialGuesses {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Guesses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of an application, with who it is.
struct Asked {
    door: Arc<Door>,
    application: Application,
    parameters: Parameters,
    /// From where.
    address: IpAddr,
}

/// An application, as far as a login needs it.
struct Application {
    vdom: Vdom,
    /// What events call it.
    label: Box<str>,
    position: CodePosition,
    /// When a plug-in's person is asked on the phone.
    push: PushAt,
    /// Without one, whoever is in its network speaks for it.
    has_secret: bool,
}

impl Application {
    fn of(client: &VerificationClient) -> Self {
        Self {
            vdom: client.vdom,
            label: client.label(),
            position: client.position,
            push: client.push,
            has_secret: secret_of(client).is_some(),
        }
    }
}

/// Why a request is none that can be looked at.
enum Unheard {
    /// It is nobody's who may ask.
    Stranger,
    /// It did not come in whole.
    Body(BodyError),
    /// It says what cannot be understood.
    Malformed(Malformed),
}

impl Door {
    /// Who asks what.
    async fn heard(
        self: Arc<Self>,
        Path(path): Path<HashMap<String, String>>,
        Visitor(address): Visitor,
        request: Request,
    ) -> Result<Asked, Unheard> {
        let (head, body) = request.into_parts();
        let known = match Claim::of(&path, &head.headers) {
            Some(claim) => self.known(&claim, address, Application::of).await,
            None => None,
        };
        let Some(application) = known else {
            body::drain(body).await;
            self.stranger(address).await;
            return Err(Unheard::Stranger);
        };
        let body = body::read(body, BODY).await.map_err(Unheard::Body)?;
        Ok(Asked {
            door: self,
            application,
            parameters: Parameters::parse(&body, &head.uri).map_err(Unheard::Malformed)?,
            address: address.to_canonical(),
        })
    }

    /// The application that a claim is true of. A wrong secret is counted, and who showed too many is not heard.
    async fn known<R>(
        &self,
        claim: &Claim,
        address: IpAddr,
        take: impl FnOnce(&VerificationClient) -> R,
    ) -> Option<R> {
        let now = clock::now();
        let applications = self.store.applications();
        let profile = self.store.settings(Vdom::ROOT).profile;
        let named = || applications.iter().filter(|it| claim.names(it));
        let said = named().next().map(name_of);
        let locked_for = {
            let mut guesses = self.guesses.lock();
            guesses.admit(address, said.as_ref(), now).ok()?;
            let found = named().find(|it| claim.proves(it, address, profile, &self.tickets));
            if let Some(application) = found {
                if claim.is_a_guess() {
                    guesses.succeeded(address, &name_of(application), now);
                }
                return Some(take(application));
            }
            let is_wrong = claim.is_a_guess();
            is_wrong.then(|| guesses.failed(address, said.as_ref(), now))?
        };
        self.locked_out(address, said, locked_for?, now).await;
        None
    }

    /// Puts on record that nothing is heard from there for a while.
    async fn locked_out(
        &self,
        address: IpAddr,
        application: Option<ApplicationName>,
        span: Span,
        now: Timestamp,
    ) {
        let seconds = span.secs_rounded_up();
        let vdom = application.as_ref().map_or(Vdom::ROOT, |it| it.vdom);
        let name = application.map_or_else(|| "*".into(), |it| it.name);
        let detail =
            format!("nothing is heard from {address} for {seconds} s: too many wrong secrets");
        warn!(%address, application = %name, seconds, "too many wrong secrets of an application");
        let actor = Actor::system("verification");
        let object = format!("{PREFIX}{name}");
        let event = Event::changed(&actor, vdom, "verification.lockout", &object, &detail, now);
        // A store that fails tells of it itself.
        let _ = self.store.record(event).await;
    }

    /// Whoever guesses names and secrets waits as long as whoever guesses passwords.
    async fn stranger(&self, address: IpAddr) {
        if let Some(left_out) = self.strangers.due(clock::now()) {
            info!(%address, left_out, "a request over HTTPS with no application's name, secret and address; if it should have one: config user verification-client");
        }
        let delay = self.store.settings(Vdom::ROOT).reject_delay.micros();
        tokio::time::sleep(Duration::from_micros(u64::try_from(delay).unwrap_or(0))).await;
    }
}

fn name_of(application: &VerificationClient) -> ApplicationName {
    ApplicationName {
        vdom: application.vdom,
        name: application.name.clone(),
    }
}

impl Asked {
    /// Takes a login to its end.
    async fn decide(&self, what: Submission) -> Decided {
        let host = self.host();
        let attempt = Attempt {
            realm: Realm::Vdom(self.application.vdom),
            name: what.name.into_bytes(),
            presented: what.presented,
            state: what.state.map(String::into_bytes),
            origin: Origin {
                client: self.application.label.clone(),
                source: LoginSource::of(host),
            },
            position: self.application.position,
            exchange: what.exchange,
        };
        self.door.logins.decide(attempt, host).await
    }

    /// The person's own address as an application with a secret reports it, else the application's. The counters
    /// go by it: whoever may name any has a new one for each guess, or keeps another's from being heard.
    fn host(&self) -> IpAddr {
        let reported = self.parameters.address.as_deref();
        let reported = reported.filter(|_| self.application.has_secret);
        let reported = reported.and_then(|text| text.parse::<IpAddr>().ok());
        reported.map_or(self.address, |address| address.to_canonical())
    }
}

/// What is to be checked.
struct Submission {
    name: String,
    presented: Presentation,
    state: Option<String>,
    exchange: Exchange,
}

/// Password, code, or both, as the application's entry has them.
fn whole(text: &str) -> Presentation {
    Presentation::Password(octets(text))
}

fn octets(text: &str) -> Presented {
    Presented::new(Zeroizing::new(text.as_bytes().to_vec()))
}

/// The secret of an application that has one.
fn secret_of(application: &VerificationClient) -> Option<&Secret> {
    match &application.credentials {
        Credentials::Secret(secret) => Some(secret),
        Credentials::Subnet => None,
    }
}

/// An answer that no cache keeps.
fn answered(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
    ];
    let mut answer = (status, headers, body.to_string()).into_response();
    let extra = match status {
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, RETRY_AFTER)),
        // HTTP libraries answer it by sending the request again: it is for strangers alone, not for people.
        StatusCode::UNAUTHORIZED => Some((
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"verification\""),
        )),
        _ => None,
    };
    if let Some((name, value)) = extra {
        answer.headers_mut().insert(name, value);
    }
    answer
}
