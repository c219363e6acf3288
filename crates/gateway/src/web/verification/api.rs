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
use domain::login::CodePosition;
use serde_json::json;
use store::gateway::Granted;
use zeroize::Zeroizing;

use super::parameters::Parameters;
use super::{Asked, Door, Submission, Unheard, Visitor, answered, octets};
use crate::login::Decided;

/// What stands between password and code that come in fields of their own. A user without a token, whose
/// password has no code behind it, is refused then: nobody looked at the code.
const BETWEEN: char = '\u{1f}';

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
    let Some(submission) = submission(&mut asked) else {
        return error(
            StatusCode::BAD_REQUEST,
            "username, and password or token_code, are missing",
        );
    };
    match asked.decide(submission).await {
        Decided::In(granted) => accepted(&granted),
        Decided::Challenge(state, code) => answered(
            StatusCode::ACCEPTED,
            &json!({"status": "challenge", "state": state, "message": code.question()}),
        ),
        Decided::Refused => answered(StatusCode::UNAUTHORIZED, &json!({"status": "refused"})),
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

/// A code with a state answers its challenge, one with a password stands behind it. An application that has
/// codes alone checked may ask with none: then one is asked for.
fn submission(asked: &mut Asked) -> Option<Submission> {
    let is_code_only = asked.application.position == CodePosition::CodeOnly;
    let state = asked.parameters.take_state();
    let Parameters {
        user,
        password,
        code,
        ..
    } = &asked.parameters;
    let name = user.clone()?;
    let (secret, position) = match (password, code) {
        (_, Some(code)) if state.is_some() || is_code_only => (octets(code), None),
        (Some(password), Some(code)) => {
            let position = CodePosition::Separator(BETWEEN);
            (both(password, code), Some(position))
        }
        (_, None) if is_code_only => (Zeroizing::default(), None),
        (Some(password), None) => (octets(password), None),
        (None, _) => return None,
    };
    Some(Submission {
        name,
        secret,
        state,
        position,
    })
}

fn both(password: &str, code: &str) -> Zeroizing<Vec<u8>> {
    let mut between = [0; 4];
    let between = BETWEEN.encode_utf8(&mut between);
    let parts = [password.as_bytes(), between.as_bytes(), code.as_bytes()];
    Zeroizing::new(parts.concat())
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
