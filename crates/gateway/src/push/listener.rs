//! This unit's own address for answers: `config system ftm-push`, `set server` and `set server-port`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::interface::Service;
use https::body::{self, Limit};
use https::files::Listener;
use https::{Connections, Places, Site};
use softtoken::push::{PushAcceptedResponse, PushRequest, PushResponse};
use softtoken::{PUSH_PATH, ServerError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{error, info};

use super::Pushes;
use crate::seldom::Seldom;
use crate::web::{self, Identity};
use crate::{allow_access, clock, stopped};

/// An answer takes a second; people behind one address share it.
const PLACES: Places = Places {
    listener: Listener::PushAnswers,
    connections: 1_024,
    of_one_host: 256,
};
const BODY: Limit = Limit {
    bytes: PushRequest::MAX_BYTES,
    time: Duration::from_secs(10),
};
/// How soon a changed setting is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Pages of any origin may answer: what counts is inside what is sealed.
const ANY_ORIGIN: (HeaderName, HeaderValue) = (
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    HeaderValue::from_static("*"),
);

/// Listens where the settings say, until told to stop.
pub(super) async fn run(
    pushes: Arc<Pushes>,
    beside: Router,
    identity: Identity,
    mut stop: watch::Receiver<bool>,
) {
    let mut failed_on = None;
    loop {
        let Some(port) = wanted(&pushes) else {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => continue,
                () = stopped(&mut stop) => return,
            }
        };
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        match TcpListener::bind(address).await {
            Ok(listener) => {
                info!(%address, "phones answer pushes here");
                failed_on = None;
                let change = changed(Arc::clone(&pushes), port, stop.clone());
                serve(listener, &pushes, beside.clone(), &identity, change).await;
            }
            Err(why) if failed_on != Some(port) => {
                error!(
                    "answers to pushes are not taken on {address}: {why}; free that port, or: \
                     config system ftm-push / set server-port"
                );
                failed_on = Some(port);
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// The port on which answers or wishes are wanted, if they are.
fn wanted(pushes: &Pushes) -> Option<u16> {
    let settings = pushes.settings();
    let answers = settings.is_enabled() && settings.server.is_some();
    (answers || settings.transfers().is_ok()).then_some(settings.port)
}

/// Ends when the port is no longer wanted, or everything stops.
async fn changed(pushes: Arc<Pushes>, port: u16, mut stop: watch::Receiver<bool>) {
    while wanted(&pushes) == Some(port) {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn serve(
    listener: TcpListener,
    pushes: &Arc<Pushes>,
    beside: Router,
    identity: &Identity,
    end: impl Future<Output = ()>,
) {
    let tls = match web::acceptor(
        identity.chain.clone(),
        identity.key.clone_key(),
        // A push names the key of what is shown.
        pushes.chosen.clone(),
    ) {
        Ok(tls) => tls,
        Err(why) => {
            error!(%why, "answers to pushes are not taken");
            return end.await;
        }
    };
    let site = Site {
        tls,
        router: Router::new()
            .route(PUSH_PATH, post(answer).options(preflight))
            .with_state(Arc::clone(pushes))
            .merge(beside),
        connections: Connections::new(PLACES),
        admits: admits(Arc::clone(pushes)),
        peer: |source: IpAddr, _| source,
    };
    https::serve(listener, site, end).await;
}

fn admits(pushes: Arc<Pushes>) -> Arc<dyn Fn(IpAddr) -> bool + Send + Sync> {
    let refusals = Seldom::default();
    Arc::new(move |local| {
        let admitted = allow_access::permits(&pushes.store, local, Service::Ftm);
        if !admitted && let Some(left_out) = refusals.due(clock::now()) {
            info!(%local, left_out, "an answer to a push came to an interface without 'allowaccess ftm'");
        }
        admitted
    })
}

async fn answer(State(pushes): State<Arc<Pushes>>, request: Request) -> Response {
    let body = match body::read(request.into_body(), BODY).await {
        Ok(body) => body,
        Err(error) => return (error.status(), [ANY_ORIGIN], error.to_string()).into_response(),
    };
    match PushRequest::parse(&body) {
        Ok(PushRequest::Answer(answer)) => {
            let error = if pushes.waits_for(answer.session) {
                pushes.answered(answer).await;
                None
            } else {
                // Another unit behind this address may have asked: the relay knows which.
                Some(ServerError::PushMailboxUnknown.into())
            };
            let taken = PushResponse::from(PushAcceptedResponse { error });
            let json = (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            ([ANY_ORIGIN, json], taken.to_json().as_str().to_owned()).into_response()
        }
        Ok(_) => {
            let why = "answers alone are taken here; ask the push relay";
            (StatusCode::BAD_REQUEST, [ANY_ORIGIN], why).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, [ANY_ORIGIN], error.to_string()).into_response(),
    }
}

async fn preflight() -> Response {
    let allowed = [
        ANY_ORIGIN,
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type"),
        ),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}
