//! The interface that plug-ins of other open token servers speak: PAM modules, Keycloak, ADFS, web
//! applications. They know a verdict by `result.value`, a challenge by `detail.transaction_id`, and a
//! failure of the server by `result.status`.
//!
//! ```text
//! POST /validate/check             user, pass[, transaction_id]
//! POST /validate/triggerchallenge  user                          applications that have codes alone checked
//! GET  /validate/polltransaction   transaction_id                whether the phone said yes
//! POST /validate/simplecheck       user, pass[, state]           `:-)`, `:-(`, `:-( STATE QUESTION`
//! POST /auth                       username, password            the application's own; a ticket
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::contact::Channel;
use domain::login::CodePosition;
use domain::verification::PushAt;
use https::body;
use serde_json::{Value, json};
use store::gateway::Granted;

use super::credentials::Claim;
use super::parameters::Parameters;
use super::{Asked, BODY, Door, Submission, Unheard, Visitor, answered, whole};
use crate::clock;
use crate::login::{CodeOf, Decided, Exchange, Standing, Wanted};

/// Numbers of errors that plug-ins show and some look at.
const PARAMETER: i32 = 905;
const NOT_PERMITTED: i32 = 303;
const NOT_AUTHENTICATED: i32 = 4031;
const UNDECIDED: i32 = 401;

type At = Path<HashMap<String, String>>;

pub(super) fn routes(base: &str) -> Router<Arc<Door>> {
    let poll = format!("{base}/validate/polltransaction");
    Router::new()
        .route(&format!("{base}/validate/check"), post(check))
        .route(&format!("{base}/validate/simplecheck"), post(simple_check))
        .route(&format!("{base}/validate/triggerchallenge"), post(trigger))
        .route(&poll, get(polled))
        .route(&format!("{poll}/{{transaction}}"), get(polled))
        .route(&format!("{base}/auth"), post(authenticate))
}

async fn check(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Visitor>,
    path: At,
    request: Request,
) -> Response {
    let mut asked = match door.heard(path, visitor, request).await {
        Ok(asked) => asked,
        Err(unheard) => return not_heard(&unheard),
    };
    match submission(&mut asked) {
        Ok(submission) => told(decide(&asked, submission).await),
        Err(missing) => missing.into_response(),
    }
}

async fn trigger(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Visitor>,
    path: At,
    request: Request,
) -> Response {
    let asked = match door.heard(path, visitor, request).await {
        Ok(asked) => asked,
        Err(unheard) => return not_heard(&unheard),
    };
    // Elsewhere the password comes first: nobody without it has codes sent to others.
    if asked.application.position != CodePosition::CodeOnly {
        let why = "challenges are triggered without a password for applications with code-position code-only alone";
        return failed(StatusCode::FORBIDDEN, NOT_PERMITTED, why);
    }
    let Some(name) = asked.parameters.user.clone() else {
        return Missing("user").into_response();
    };
    let submission = Submission {
        name,
        presented: whole(""),
        state: None,
        exchange: Exchange::Transaction,
    };
    told(decide(&asked, submission).await)
}

/// A login as plug-ins have it: if the application is set so, its person is asked on the phone as soon as the code
/// would be asked for. If nobody can be, the code is asked for.
async fn decide(asked: &Asked, submission: Submission) -> Decided {
    let name = submission.name.clone();
    let decided = asked.decide(submission).await;
    let Decided::Challenge(state, Wanted::CodeOrPush) = decided else {
        return decided;
    };
    if asked.application.push == PushAt::OnRequest {
        return Decided::Challenge(state, Wanted::CodeOrPush);
    }
    let no_code = Submission {
        name,
        presented: whole(""),
        state: Some(state.clone()),
        exchange: Exchange::Transaction,
    };
    match asked.decide(no_code).await {
        Decided::Refused => Decided::Challenge(state, Wanted::Code(CodeOf::Token)),
        decided => decided,
    }
}

/// Whether the phone said yes. A login is let in by `check` alone, which is asked next.
async fn polled(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Visitor>,
    path: At,
    request: Request,
) -> Response {
    let transaction = path.get("transaction").cloned();
    let mut asked = match door.heard(path, visitor, request).await {
        Ok(asked) => asked,
        Err(unheard) => return not_heard(&unheard),
    };
    let Some(state) = transaction.or_else(|| asked.parameters.take_state()) else {
        return Missing("transaction_id").into_response();
    };
    let standing = asked.door.logins.standing(&state, &asked.application.label);
    let status = match standing {
        Standing::Pending => "pending",
        Standing::Approved => "accept",
        Standing::Over => "declined",
    };
    let said = json!({"status": true, "value": standing == Standing::Approved});
    let detail = json!({"detail": {"challenge_status": status}});
    result(StatusCode::OK, &said, detail)
}

async fn authenticate(
    State(door): State<Arc<Door>>,
    Extension(Visitor(address)): Extension<Visitor>,
    Path(path): At,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = match body::read(body, BODY).await {
        Ok(body) => body,
        Err(why) => return not_heard(&Unheard::Body(why)),
    };
    let parameters = match Parameters::parse(&body, &head.uri) {
        Ok(parameters) => parameters,
        Err(why) => return not_heard(&Unheard::Malformed(why)),
    };
    let Some(name) = parameters.user else {
        return Missing("username").into_response();
    };
    let Some(secret) = parameters.password else {
        return Missing("password").into_response();
    };
    let claim = Claim::of_form(&path, name.clone(), secret);
    let now = clock::now();
    let issued = door.known(&claim, address, |it| door.tickets.issue(it, now));
    match issued.await {
        Some(ticket) => result(
            StatusCode::OK,
            &json!({"status": true, "value": {"token": ticket, "username": name, "role": "admin", "rights": ["triggerchallenge"]}}),
            json!({"time": now.unix()}),
        ),
        None => {
            door.stranger(address).await;
            not_heard(&Unheard::Stranger)
        }
    }
}

async fn simple_check(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Visitor>,
    path: At,
    request: Request,
) -> Response {
    let mut asked = match door.heard(path, visitor, request).await {
        Ok(asked) => asked,
        Err(unheard) => return simple(unheard.status(), ":-/".to_owned()),
    };
    let Ok(submission) = submission(&mut asked) else {
        return simple(StatusCode::BAD_REQUEST, ":-/".to_owned());
    };
    match decide(&asked, submission).await {
        Decided::In(granted) => simple_yes(&granted),
        Decided::Challenge(state, code) => {
            simple(StatusCode::OK, format!(":-( {state} {}", code.question()))
        }
        Decided::Refused => simple(StatusCode::OK, ":-(".to_owned()),
        Decided::Undecided => simple(StatusCode::SERVICE_UNAVAILABLE, ":-/".to_owned()),
    }
}

fn submission(asked: &mut Asked) -> Result<Submission, Missing> {
    let state = asked.parameters.take_state();
    let Parameters { user, password, .. } = &asked.parameters;
    let name = user.clone().ok_or(Missing("user"))?;
    let password = password.as_ref().ok_or(Missing("pass"))?;
    Ok(Submission {
        name,
        presented: whole(password),
        state,
        exchange: Exchange::Transaction,
    })
}

fn told(decided: Decided) -> Response {
    match decided {
        Decided::In(granted) => accepted(&granted),
        Decided::Challenge(state, wanted) => challenge(&state, &wanted),
        Decided::Refused => not_accepted(&json!({"message": "wrong user, password or code"})),
        Decided::Undecided => failed(
            StatusCode::SERVICE_UNAVAILABLE,
            UNDECIDED,
            "nobody can decide now; nothing was counted",
        ),
    }
}

/// With [`simple_yes`] the one place of this interface that lets somebody in.
fn accepted(granted: &Granted) -> Response {
    tracing::debug!(person = %granted.person(), "accepted");
    let said = json!({"authentication": "ACCEPT", "status": true, "value": true});
    result(
        StatusCode::OK,
        &said,
        json!({"detail": {"message": "accepted"}}),
    )
}

fn simple_yes(granted: &Granted) -> Response {
    tracing::debug!(person = %granted.person(), "accepted");
    simple(StatusCode::OK, ":-)".to_owned())
}

fn challenge(state: &str, wanted: &Wanted) -> Response {
    let question = wanted.question();
    let kind = match wanted {
        Wanted::Code(CodeOf::Token) | Wanted::NextCode(_) | Wanted::CodeOrPush => "totp",
        // Asked of nobody who speaks of transactions.
        Wanted::NewPassword(_) | Wanted::NewPasswordAgain | Wanted::NewPasswordBefore => "pw",
        Wanted::Code(CodeOf::Sent(Channel::Email)) => "email",
        Wanted::Code(CodeOf::Sent(Channel::Sms)) => "sms",
        Wanted::Number(_) | Wanted::Tap => "push",
    };
    let mode = if kind == "push" {
        "poll"
    } else {
        "interactive"
    };
    let one = json!({
        "attributes": null,
        "client_mode": mode,
        "message": question,
        "transaction_id": state,
        "type": kind,
    });
    let detail = json!({
        "attributes": null,
        "client_mode": mode,
        "message": question,
        "messages": [question],
        "multi_challenge": [one],
        "preferred_client_mode": mode,
        "transaction_id": state,
        "transaction_ids": [state],
        "type": kind,
    });
    let said = json!({"authentication": "CHALLENGE", "status": true, "value": false});
    result(StatusCode::OK, &said, json!({"detail": detail}))
}

fn not_accepted(detail: &Value) -> Response {
    let said = json!({"authentication": "REJECT", "status": true, "value": false});
    result(StatusCode::OK, &said, json!({"detail": detail}))
}

/// A parameter that is not there.
struct Missing(&'static str);

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        let what = format!("ERR{PARAMETER}: Missing parameter: '{}'", self.0);
        failed(StatusCode::BAD_REQUEST, PARAMETER, &what)
    }
}

impl Unheard {
    fn status(&self) -> StatusCode {
        match self {
            Self::Stranger => StatusCode::UNAUTHORIZED,
            Self::Body(why) => why.status(),
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn number(&self) -> i32 {
        match self {
            Self::Stranger => NOT_AUTHENTICATED,
            Self::Body(_) | Self::Malformed(_) => PARAMETER,
        }
    }
}

fn not_heard(unheard: &Unheard) -> Response {
    let what = match unheard {
        Unheard::Stranger => "no application of this name, secret and address".to_owned(),
        Unheard::Body(why) => why.to_string(),
        Unheard::Malformed(why) => why.to_string(),
    };
    failed(unheard.status(), unheard.number(), &what)
}

fn failed(status: StatusCode, code: i32, message: &str) -> Response {
    let said = json!({"status": false, "error": {"code": code, "message": message}});
    result(status, &said, json!({"detail": null}))
}

/// The envelope that every answer has.
fn result(status: StatusCode, said: &Value, beside: Value) -> Response {
    let mut body = json!({
        "id": 1,
        "jsonrpc": "2.0",
        "result": said,
        "version": concat!("Symbolon ", env!("CARGO_PKG_VERSION")),
        "versionnumber": env!("CARGO_PKG_VERSION"),
    });
    if let (Value::Object(body), Value::Object(beside)) = (&mut body, beside) {
        body.extend(beside);
    }
    answered(status, &body)
}

fn simple(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_TYPE, "text/plain"),
    ];
    (status, headers, body).into_response()
}
