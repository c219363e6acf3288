//! `/remote/logincheck`: the login of VPN clients over HTTPS, as `FortiClient`, openfortivpn and openconnect
//! ask for it. There is no tunnel behind it: whoever is let in gets a cookie that opens nothing here.
//!
//! ```text
//! username=alice&credential=PASSWORD&realm=&ajax=1
//!   ret=2,reqid=…,polid=…,grp=,portal=,magic=…,tokeninfo=,chal_msg=Please enter your token code
//! username=alice&realm=&reqid=…&polid=…&grp=&portal=&magic=…&code=123456&code2=
//!   ret=1,redir=/remote/fortisslvpn_xml           Set-Cookie: SVPNCOOKIE=…
//! ```
//!
//! `ftmpush=1` in the place of the code has the person asked on the phone; so does a code that is empty. Where
//! `tokeninfo` is `ftm_push`, some clients send it by themselves, and show nothing that comes back: it is said only
//! where the person needs no number for it, or has seen it.
//!
//! The state of a challenge stands in `reqid` and `polid`, half in each: some clients send back nothing
//! else, and keep no more than 31 characters of either.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use data_encoding::HEXLOWER;
use domain::client::LOGINCHECK;
use domain::login::{CodePosition, Origin};
use domain::name::Realm;
use domain::password::Presented;
use domain::source::LoginSource;
use domain::user::Switch;
use domain::vdom::Vdom;
use https::body::{self, Limit};
use store::gateway::{GatewayStore, Granted};
use zeroize::{Zeroize, Zeroizing};

use super::Visitor;
use crate::clock;
use crate::login::{Attempt, AwaitedLogins, Decided, Exchange, Presentation, Wanted};

/// Where VPN clients begin, and are sent back to.
const LOGIN_PATH: &str = "/remote/login";
/// Name, password and code with all their octets escaped stay below half of it.
const FORM: Limit = Limit {
    bytes: 4_096,
    time: Duration::from_secs(10),
};
const REFUSED: &str = "ret=0,redir=/remote/login?&err=sslvpn_login_permission_denied&lang=en";
const LET_IN: &str = "ret=1,redir=/remote/fortisslvpn_xml";
/// The word by which clients know that a push may be asked for.
const PUSH: &str = "ftm_push";
const NO_COOKIE: &str =
    "SVPNCOOKIE=; path=/; expires=Sun, 11 Mar 1984 12:00:00 GMT; secure; httponly";
/// What a browser sees; VPN clients look at the status alone.
const PAGE: &str = "<!DOCTYPE html><html lang=\"en\"><title>Symbolon</title>\
    <p>VPN clients log in here: POST /remote/logincheck.</p></html>\n";
/// When to try again after nobody could decide.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// What answers VPN clients.
#[derive(Clone)]
struct Door {
    logins: Arc<AwaitedLogins>,
    store: Arc<GatewayStore>,
}

pub(super) fn router(logins: Arc<AwaitedLogins>, store: Arc<GatewayStore>) -> Router {
    let login = get(|| async { ([(header::CACHE_CONTROL, "no-store")], Html(PAGE)) });
    Router::new()
        .route("/", get(|| async { Redirect::to(LOGIN_PATH) }))
        .route(LOGIN_PATH, login)
        .route("/remote/logincheck", post(check))
        .route("/remote/logout", get(|| async { over() }))
        .with_state(Door { logins, store })
}

async fn check(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let body = match body::read(request.into_body(), FORM).await {
        Ok(body) => body,
        Err(error) => return (error.status(), format!("{error}\n")).into_response(),
    };
    let mut form = Form::parse(&body);
    let realm = door.realm(form.realm.as_deref());
    let next = form.next_code();
    let Some(attempt) = form.attempt(realm, visitor) else {
        let why = "username and credential, or code, are missing\n";
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    match door.decide(attempt, next, visitor).await {
        Decided::In(granted) => let_in(&granted),
        Decided::Challenge(state, asked) => challenge(&state, &asked, door.token_info(&asked)),
        Decided::Refused => refused(),
        Decided::Undecided => not_now(),
    }
}

impl Door {
    /// The virtual domain that the realm names; the first for one that names none.
    fn realm(&self, name: Option<&str>) -> Realm {
        let named = name.and_then(|name| self.store.vdom(name));
        Realm::Vdom(named.unwrap_or(Vdom::ROOT))
    }

    fn token_info(&self, asked: &Wanted) -> &'static str {
        let number_entry = || self.store.settings(Vdom::ROOT).push.number_entry;
        match asked {
            Wanted::Number(_) | Wanted::Tap => PUSH,
            Wanted::CodeOrPush if number_entry() == Switch::Disable => PUSH,
            Wanted::CodeOrPush
            | Wanted::Code(_)
            | Wanted::NextCode(_)
            | Wanted::NewPassword(_)
            | Wanted::NewPasswordAgain
            | Wanted::NewPasswordBefore => "",
        }
    }

    /// What becomes of an attempt, and of the next code with it if that is asked for.
    async fn decide(
        &self,
        attempt: Attempt,
        next: Option<Zeroizing<String>>,
        visitor: Visitor,
    ) -> Decided {
        let (realm, name) = (attempt.realm, attempt.name.clone());
        let decided = self.logins.decide(attempt, visitor.0).await;
        match (decided, next) {
            (Decided::Challenge(state, Wanted::NextCode(_)), Some(code)) => {
                let answer = attempt_of(realm, name, &code, Some(state.into_bytes()), visitor);
                self.logins.decide(answer, visitor.0).await
            }
            (decided, _) => decided,
        }
    }
}

/// What is asked. Fields that come twice count the first time.
#[derive(Default)]
struct Form {
    username: Option<String>,
    realm: Option<String>,
    credential: Option<Zeroizing<String>>,
    code: Option<Zeroizing<String>>,
    /// The place of the next code, where one is asked for.
    code2: Option<Zeroizing<String>>,
    ftmpush: Option<String>,
    reqid: Option<String>,
    polid: Option<String>,
}

impl Form {
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let mut value = value.into_owned();
            match &*name {
                "username" => set(&mut form.username, value),
                "credential" => set(&mut form.credential, Zeroizing::new(value)),
                "code" => set(&mut form.code, Zeroizing::new(value)),
                "code2" => set(&mut form.code2, Zeroizing::new(value)),
                "ftmpush" => set(&mut form.ftmpush, value),
                "realm" => set(&mut form.realm, value),
                "reqid" => set(&mut form.reqid, value),
                "polid" => set(&mut form.polid, value),
                _ => value.zeroize(),
            }
        }
        // No code asks for a push.
        if form.ftmpush.as_deref() == Some("1") {
            set(&mut form.code, Zeroizing::default());
        }
        form
    }

    /// The second of two codes. Where it comes alone it is the one that answers.
    fn next_code(&mut self) -> Option<Zeroizing<String>> {
        let next = self.code2.take().filter(|code| !code.is_empty())?;
        if self.code.as_ref().is_some_and(|code| !code.is_empty()) {
            return Some(next);
        }
        self.code = Some(next);
        None
    }

    fn attempt(self, realm: Realm, visitor: Visitor) -> Option<Attempt> {
        let state = self.state();
        let secret = if state.is_some() {
            self.code
        } else {
            self.credential
        };
        let name = self.username?.into_bytes();
        Some(attempt_of(realm, name, &secret?, state, visitor))
    }

    /// The state of the challenge that it answers.
    fn state(&self) -> Option<Vec<u8>> {
        self.code.as_ref()?;
        let halves = [&self.reqid, &self.polid];
        let halves = halves.map(|half| half.as_deref().unwrap_or_default().as_bytes());
        Some(halves.concat())
    }
}

/// A form that is a login, written again; `None` for what is none.
pub(crate) fn again(body: &[u8]) -> Option<String> {
    let mut form = Form::parse(body);
    let next = form.next_code();
    let visitor = Visitor(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let Attempt {
        name,
        presented: Presentation::Password(secret),
        state,
        ..
    } = form.attempt(Realm::Vdom(Vdom::ROOT), visitor)?
    else {
        return None;
    };
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("username", &text(&name));
    match &state {
        Some(state) => form
            .append_pair("reqid", &text(state))
            .append_pair("code", &text(secret.as_bytes())),
        None => form.append_pair("credential", &text(secret.as_bytes())),
    };
    if let Some(next) = next {
        form.append_pair("code2", &next);
    }
    Some(form.finish())
}

fn attempt_of(
    realm: Realm,
    name: Vec<u8>,
    secret: &str,
    state: Option<Vec<u8>>,
    Visitor(source): Visitor,
) -> Attempt {
    let octets = Zeroizing::new(secret.as_bytes().to_vec());
    Attempt {
        realm,
        name,
        presented: Presentation::Password(Presented::new(octets)),
        state,
        origin: Origin {
            client: LOGINCHECK.into(),
            source: LoginSource::of(source),
        },
        position: CodePosition::Challenge,
        exchange: Exchange::Challenge,
    }
}

fn set<T>(field: &mut Option<T>, value: T) {
    field.get_or_insert(value);
}

fn challenge(state: &str, asked: &Wanted, token_info: &str) -> Response {
    let question = asked.question();
    let (reqid, polid) = state.split_at(state.len() / 2);
    let body = format!(
        "ret=2,reqid={reqid},polid={polid},grp=,portal=,magic={reqid},tokeninfo={token_info},chal_msg={question}"
    );
    answered(body, NO_COOKIE)
}

/// The one place that lets somebody in: it takes the proof that the step is spent and on disk.
fn let_in(granted: &Granted) -> Response {
    tracing::debug!(person = %granted.person(), "let in");
    match clock::random::<32>() {
        Ok(random) => {
            let cookie = HEXLOWER.encode(&random);
            let cookie = format!("SVPNCOOKIE={cookie}; path=/; secure; httponly");
            answered(LET_IN.to_owned(), &cookie)
        }
        Err(_) => not_now(),
    }
}

/// With the status by which clients know a refusal; 200 makes some ask for the code again and again.
fn refused() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    (status, answered(REFUSED.to_owned(), NO_COOKIE)).into_response()
}

fn not_now() -> Response {
    let headers = [(header::RETRY_AFTER, RETRY_AFTER)];
    (StatusCode::SERVICE_UNAVAILABLE, headers).into_response()
}

fn over() -> Response {
    answered(String::new(), NO_COOKIE)
}

fn answered(body: String, cookie: &str) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 2] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
    ];
    (HEADERS, [(header::SET_COOKIE, cookie.to_owned())], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_come_twice_count_the_first_time() {
        let fields = ["username", "realm", "credential", "code", "reqid", "polid"];
        let body = fields.map(|name| format!("{name}={name}1&{name}={name}2"));
        let form = Form::parse(body.join("&").as_bytes());
        assert_eq!(form.username.as_deref(), Some("username1"));
        assert_eq!(form.realm.as_deref(), Some("realm1"));
        assert_eq!(
            form.credential.as_ref().map(|it| it.as_str()),
            Some("credential1")
        );
        assert_eq!(form.code.as_ref().map(|it| it.as_str()), Some("code1"));
        assert_eq!(form.state().as_deref(), Some(&b"reqid1polid1"[..]));
    }

    #[test]
    fn a_push_is_asked_for_by_its_word_and_a_code_goes_before_it() {
        let code = |body: &str| Form::parse(body.as_bytes()).code.map(|it| it.to_string());
        assert_eq!(code("reqid=a&polid=b&ftmpush=1").as_deref(), Some(""));
        assert_eq!(code("ftmpush=1&code=123456").as_deref(), Some("123456"));
        for none in ["", "ftmpush=", "ftmpush=0", "ftmpush=push"] {
            assert_eq!(code(none), None, "{none}");
        }
    }

    #[test]
    fn the_second_of_two_codes_is_the_next_and_one_alone_is_the_answer() {
        let codes = |body: &str| {
            let mut form = Form::parse(body.as_bytes());
            let next = form.next_code().map(|it| it.to_string());
            (form.code.map(|it| it.to_string()), next)
        };
        let some = |code: &str| Some(code.to_owned());
        assert_eq!(codes("code=1&code2=2"), (some("1"), some("2")));
        assert_eq!(codes("code=1&code2="), (some("1"), None));
        assert_eq!(codes("code=&code2=2"), (some("2"), None));
        assert_eq!(codes("code2=2"), (some("2"), None));
        assert_eq!(codes("credential=1"), (None, None));
    }
}
