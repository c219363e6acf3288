//! SMS by the entries of `config system sms-server`: through a domain that makes mails into SMS, or
//! through an HTTP gateway that is described there.

use std::error::Error;
use std::time::Duration;

use domain::client::Secret;
use domain::schema::{Object, Place, SMS_SERVER};
use domain::vdom::Vdom;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use store::gateway::GatewayStore;
use zeroize::Zeroizing;

use super::template::{fill, json, percent, plain};
use super::{CourierError, Dialogue, Retry};
use crate::network::HttpNames;

/// A gateway that takes longer, from the connection to its answer, is dead.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer: it says in some words whether the message was taken.
const ANSWER_MAX: usize = 2_048;
/// What is shown of it.
const SHOWN_MAX: usize = 200;

/// The entry that carries messages.
pub(super) async fn entry(store: &GatewayStore, server: &str) -> Result<Object, CourierError> {
    let place = Place::new(Vdom::ROOT, &SMS_SERVER, server);
    let object = store.object(place).await?;
    object.ok_or_else(|| CourierError::NoSmsServer {
        server: server.into(),
    })
}

/// Where a mail goes that becomes an SMS.
pub(super) fn mail_address(number: &str, domain: &str) -> String {
    format!("{}@{domain}", dialled(number))
}

/// A number without what people put between its digits.
fn dialled(number: &str) -> String {
    let is_dialled = |c: &char| c.is_ascii_digit() || *c == '+';
    number.chars().filter(is_dialled).collect()
}

/// Asks HTTP gateways.
#[derive(Debug)]
pub(super) struct SmsGateways(Client);

/// What an HTTP gateway is asked.
pub(super) struct Request {
    name: Box<str>,
    method: Method,
    /// As configured, for those who watch.
    shown_url: Box<str>,
    url: Zeroizing<String>,
    headers: Vec<(String, Zeroizing<String>)>,
    body: Option<(&'static str, Zeroizing<String>)>,
}

impl Request {
    /// The request that an entry describes.
    pub(super) fn new(entry: &Object, number: &str, message: &str, key: Option<&Secret>) -> Self {
        let number = dialled(number);
        let key = key.map(|key| Zeroizing::new(String::from_utf8_lossy(key.expose()).into_owned()));
        let values = [
            ("PHONE", number.as_str()),
            ("MESSAGE", message),
            ("KEY", key.as_ref().map_or("", |key| key.as_str())),
        ];
        let filled = |template: &str, escape: fn(&str) -> String| {
            Zeroizing::new(fill(template, &values, escape))
        };
        let method = match entry.text("method") {
            "get" => Method::GET,
            "put" => Method::PUT,
            _ => Method::POST,
        };
        let (content, escape): (_, fn(&str) -> String) = match entry.text("content") {
            "form" => ("application/x-www-form-urlencoded", percent),
            "text" => ("text/plain; charset=utf-8", plain),
            _ => ("application/json", json),
        };
        let headers = entry.list("header");
        let headers = headers.iter().filter_map(|line| line.split_once(": "));
        Self {
            name: entry.key.clone(),
            shown_url: entry.text("url").into(),
            url: filled(entry.text("url"), percent),
            headers: headers
                .map(|(name, value)| (name.to_owned(), filled(value, plain)))
                .collect(),
            body: (method != Method::GET).then(|| (content, filled(entry.text("body"), escape))),
            method,
        }
    }

    fn refused(&self, why: impl Into<String>, retry: Retry) -> CourierError {
        CourierError::Server {
            what: "SMS server",
            server: self.name.to_string(),
            why: why.into(),
            retry,
        }
    }
}

impl SmsGateways {
    pub(super) fn new(names: HttpNames) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .dns_resolver(names)
            // Codes go over this connection: nothing that the environment or an answer names may see
            // them.
            .no_proxy()
            .redirect(Policy::none())
            .build()?;
        Ok(Self(client))
    }

    /// Sends a message; what the gateway says to it.
    pub(super) async fn ask(
        &self,
        request: &Request,
        dialogue: &Dialogue<'_>,
    ) -> Result<String, CourierError> {
        dialogue.line(|| {
            format!(
                "send SMS through {}: {} {}",
                request.name, request.method, request.shown_url
            )
        });
        let mut asked = self.0.request(request.method.clone(), request.url.as_str());
        for (name, value) in &request.headers {
            asked = asked.header(name, value.as_str());
        }
        if let Some((content, body)) = &request.body {
            asked = asked.header(CONTENT_TYPE, *content).body(body.to_string());
        }
        let answer = asked.send().await.map_err(|error| {
            let (why, retry) = unsent(&error);
            request.refused(dialogue.masked(&why), retry)
        })?;
        let status = answer.status();
        let said = format!("SMS server: {status} {}", words(answer, dialogue).await);
        if status.is_success() {
            return Ok(said);
        }
        Err(request.refused(said, retry(status)))
    }
}

/// Whether an answer is worth another try. Who is not let in is, once the key is put right.
fn retry(status: StatusCode) -> Retry {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Retry::Later,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Retry::Seldom,
        status if status.is_server_error() => Retry::Seldom,
        _ => Retry::Never,
    }
}

/// Why a request has no answer.
fn unsent(error: &reqwest::Error) -> (String, Retry) {
    let retry = if error.is_connect() {
        Retry::Later
    } else if error.is_builder() {
        Retry::Never
    } else {
        Retry::Seldom
    };
    // The outermost text repeats the URL, and the URL has the message in it.
    let mut why = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        why.push(inner.to_string());
        cause = inner.source();
    }
    let why = match why.is_empty() {
        true if error.is_timeout() => format!("no answer within {} s", TIMEOUT.as_secs()),
        true => "the request cannot be made".to_owned(),
        false => why.join(": "),
    };
    (why, retry)
}

/// The beginning of an answer, in one line. What is secret is left out before it is cut, or the half of a
/// key would be shown.
async fn words(mut answer: reqwest::Response, dialogue: &Dialogue<'_>) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            break;
        }
    }
    let text = dialogue.masked(&String::from_utf8_lossy(&body));
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(fields: &[(&str, &str)]) -> Object {
        let mut object = Object::new(&SMS_SERVER, "gate");
        for (name, text) in fields {
            let field = SMS_SERVER.field(name).unwrap();
            object.set(field, field.parse(&[(*text).to_owned()]).unwrap());
        }
        object
    }

    fn key() -> Secret {
        Secret::new(Zeroizing::new(b"k&y".to_vec()))
    }

    #[test]
    fn number_text_and_key_are_escaped_for_where_they_stand() {
        let entry = gateway(&[
            ("url", "https://sms.example.net/%%KEY%%/send"),
            ("header", "Authorization: Bearer %%KEY%%"),
            ("body", r#"{"to":"%%PHONE%%","text":"%%MESSAGE%%"}"#),
        ]);
        let request = Request::new(&entry, "+49 (170) 1", "say \"hi\"", Some(&key()));
        assert_eq!(request.url.as_str(), "https://sms.example.net/k%26y/send");
        let (name, value) = &request.headers[0];
        assert_eq!(
            (name.as_str(), value.as_str()),
            ("Authorization", "Bearer k&y")
        );
        let (content, body) = request.body.unwrap();
        assert_eq!(content, "application/json");
        assert_eq!(*body, r#"{"to":"+491701","text":"say \"hi\""}"#);
    }

    #[test]
    fn a_get_has_no_body() {
        let entry = gateway(&[
            (
                "url",
                "https://sms.example.net/?to=%%PHONE%%&text=%%MESSAGE%%",
            ),
            ("method", "get"),
            ("body", "x"),
        ]);
        let request = Request::new(&entry, "0170", "a b", None);
        assert_eq!(
            request.url.as_str(),
            "https://sms.example.net/?to=0170&text=a%20b"
        );
        assert!(request.body.is_none());
    }

    #[test]
    fn what_may_have_been_taken_is_not_tried_often() {
        for (status, expected) in [
            (401, Retry::Later),
            (429, Retry::Seldom),
            (400, Retry::Never),
            (503, Retry::Seldom),
        ] {
            assert_eq!(retry(StatusCode::from_u16(status).unwrap()), expected);
        }
    }
}
