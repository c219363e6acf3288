//! The interface of this unit's own: `POST /api/v1/auth/`.
//!
//! ```text
//! {"username": "alice", "password": "…", "token_code": "123456"}     200 {"status": "accepted"}
//! {"username": "alice", "password": "…"}                             202 {"status": "challenge", "state": "…", "message": "…"}
//! {"username": "alice", "state": "…", "token_code": "123456"}        200 {"status": "accepted"}
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::login::{CodePosition, Submitted};
use serde_json::json;
use store::gateway::Granted;

use super::parameters::Parameters;
use super::{Asked, Door, Submission, Unheard, Visitor, answered, octets, whole};
use crate::login::{Decided, Exchange, Presentation};

pub(super) async fn authenticate(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Visitor>,
    path: Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    let mut asked = match door.heard(path, visitor, request).await {
        Ok(asked) => asked,
        Err(unheard) => return not_heard(&unheard),
    };
    let submission = match submission(&mut asked) {
        Ok(submission) => submission,
        Err(missing) => return error(StatusCode::BAD_REQUEST, missing),
    };
    match asked.decide(submission).await {
        Decided::In(granted) => accepted(&granted),
        Decided::Challenge(state, code) => answered(
            StatusCode::ACCEPTED,
            &json!({"status": "challenge", "state": state, "message": code.question()}),
        ),
        Decided::Refused => answered(StatusCode::FORBIDDEN, &json!({"status": "refused"})),
        Decided::Undecided => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "nobody can decide now; nothing was counted",
        ),
    }
}

/// The one place of this interface that lets somebody in.
fn accepted(granted: &Granted) -> Response {
    tracing::debug!(person = %granted.person(), "accepted");
    answered(StatusCode::OK, &json!({"status": "accepted"}))
}

/// A code with a state answers its challenge, one with a password stands beside it. An application that has
/// codes alone checked may ask with none: then one is asked for.
fn submission(asked: &mut Asked) -> Result<Submission, &'static str> {
    let is_code_only = asked.application.position == CodePosition::CodeOnly;
    let state = asked.parameters.take_state();
    let Parameters {
        user,
        password,
        code,
        ..
    } = &asked.parameters;
    let name = user.clone().ok_or("username is missing")?;
    let presented = match (password, code) {
        (_, Some(code)) if state.is_some() || is_code_only => whole(code),
        (Some(password), Some(code)) => {
            let code = Submitted::new(code.as_bytes());
            Presentation::PasswordAndCode(octets(password), code)
        }
        (_, None) if is_code_only => whole(""),
        (_, None) if state.is_some() => return Err("token_code is missing: it answers the state"),
        (Some(password), None) => whole(password),
        (None, None) => return Err("password is missing"),
        (None, Some(_)) => return Err("password, or the state of a challenge, is missing"),
    };
    Ok(Submission {
        name,
        presented,
        state,
        exchange: Exchange::Challenge,
    })
}

fn not_heard(unheard: &Unheard) -> Response {
    match unheard {
        Unheard::Stranger => error(
            StatusCode::UNAUTHORIZED,
            "no application of this name, secret and address",
        ),
        Unheard::Body(why) => error(why.status(), &why.to_string()),
        Unheard::Malformed(why) => error(StatusCode::BAD_REQUEST, &why.to_string()),
    }
}

fn error(status: StatusCode, what: &str) -> Response {
    answered(status, &json!({"status": "error", "error": what}))
}
