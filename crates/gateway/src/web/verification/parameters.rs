//! What a request brings: a form or JSON, whatever its content type says, since plug-ins label either as they
//! like.

use std::fmt;

use axum::http::Uri;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// The fields that mean anything here, by either interface's names.
#[derive(Default)]
pub(super) struct Parameters {
    /// `user`, `username`.
    pub(super) user: Option<String>,
    /// `pass`, `password`.
    pub(super) password: Option<Zeroizing<String>>,
    /// `token_code`.
    pub(super) code: Option<Zeroizing<String>>,
    /// `transaction_id`, `state`.
    pub(super) state: Option<String>,
    /// `client`, `user_ip`: the person's own address.
    pub(super) address: Option<String>,
}

/// Why a request cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Malformed {
    /// A number has lost the zeros that a code begins with.
    #[error("'{0}' is no text: it belongs between quotation marks")]
    NotText(&'static str),
    /// Who looked at the request before may have looked at the other.
    #[error("'{0}' comes twice")]
    Twice(&'static str),
}

impl Parameters {
    /// Fields of the body come before those of the query.
    pub(super) fn parse(body: &[u8], uri: &Uri) -> Result<Self, Malformed> {
        let mut parameters = match serde_json::from_slice(body) {
            Ok(Json(fields)) => Self::of_json(fields)?,
            Err(_) => Self::of_form(body)?,
        };
        // A secret in an address would stand in the logs of whatever is between.
        let query = Self::of_form(uri.query().unwrap_or_default().as_bytes())?;
        parameters.user = parameters.user.or(query.user);
        parameters.state = parameters.state.or(query.state);
        parameters.address = parameters.address.or(query.address);
        Ok(parameters)
    }

    fn of_json(fields: Vec<(String, Value)>) -> Result<Self, Malformed> {
        let mut parameters = Self::default();
        for (name, value) in fields {
            match (value, known(&name)) {
                (Value::String(value), _) => parameters.take(&name, value)?,
                (Value::Null, _) | (_, None) => {}
                (_, Some(name)) => return Err(Malformed::NotText(name)),
            }
        }
        Ok(parameters)
    }

    fn of_form(form: &[u8]) -> Result<Self, Malformed> {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            parameters.take(&name, value.into_owned())?;
        }
        Ok(parameters)
    }

    fn take(&mut self, name: &str, mut value: String) -> Result<(), Malformed> {
        let Some(name) = known(name) else {
            value.zeroize();
            return Ok(());
        };
        let is_first = match name {
            "pass" | "password" => set(&mut self.password, Zeroizing::new(value)),
            "token_code" => set(&mut self.code, Zeroizing::new(value)),
            "transaction_id" | "state" => set(&mut self.state, value),
            "client" | "user_ip" => set(&mut self.address, value),
            _ => set(&mut self.user, value),
        };
        is_first.ok_or(Malformed::Twice(name))
    }

    /// A state that says something.
    pub(super) fn take_state(&mut self) -> Option<String> {
        self.state.take().filter(|state| !state.is_empty())
    }
}

const KNOWN: [&str; 9] = [
    "user",
    "username",
    "pass",
    "password",
    "token_code",
    "transaction_id",
    "state",
    "client",
    "user_ip",
];

fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// An object with all its fields: which of two of one name counts is each reader's own (RFC 8259, 4).
struct Json(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secret: Option<&Zeroizing<String>>) -> Option<&str> {
        secret.map(|it| it.as_str())
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        let form = b"user=alice&pass=p%2Bw&transaction_id=ab&client=192.0.2.9&extra=1".as_slice();
        let json =
            br#"{"user":"alice","pass":"p+w","transaction_id":"ab","client":"192.0.2.9","n":1}"#;
        for body in [form, json.as_slice()] {
            let mut parsed = Parameters::parse(body, &Uri::default()).unwrap();
            assert_eq!(parsed.user.as_deref(), Some("alice"));
            assert_eq!(text(parsed.password.as_ref()), Some("p+w"));
            assert_eq!(parsed.address.as_deref(), Some("192.0.2.9"));
            assert_eq!(parsed.take_state().as_deref(), Some("ab"));
        }
    }

    #[test]
    fn a_query_brings_no_secret_and_the_body_counts_before_it() {
        let uri = Uri::from_static("/validate/check?user=carol&pass=x&token_code=1");
        let parsed = Parameters::parse(b"user=alice", &uri).unwrap();
        assert_eq!(parsed.user.as_deref(), Some("alice"));
        assert!(parsed.password.is_none() && parsed.code.is_none());
        let mut parsed = Parameters::parse(b"transaction_id=", &uri).unwrap();
        assert_eq!(parsed.user.as_deref(), Some("carol"));
        assert!(parsed.take_state().is_none());
    }

    #[test]
    fn a_field_that_is_no_text_or_comes_twice_is_not_left_out() {
        let why = |body: &str| Parameters::parse(body.as_bytes(), &Uri::default()).err();
        for number in ["123456", "[\"1\"]", "true"] {
            let body = format!(r#"{{"username":"bob","password":"p","token_code":{number}}}"#);
            assert_eq!(why(&body), Some(Malformed::NotText("token_code")), "{body}");
        }
        for (body, name) in [
            (r#"{"username":"a","username":"b"}"#, "username"),
            (r#"{"username":"a","user":"b"}"#, "user"),
            ("user=alice&user=bob", "user"),
            ("pass=1&password=2", "password"),
        ] {
            assert_eq!(why(body), Some(Malformed::Twice(name)), "{body}");
        }
        assert_eq!(why(r#"{"user":"a","token_code":null,"n":1,"n":2}"#), None);
    }
}
