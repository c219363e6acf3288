//! What a request brings: a form or JSON, whatever its content type says, since plug-ins label either as they
//! like.

use axum::http::Uri;
use serde_json::{Map, Value};
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

impl Parameters {
    /// Fields that come twice count the first time, and those of the body before those of the query.
    pub(super) fn parse(body: &[u8], uri: &Uri) -> Self {
        let mut parameters = Self::default();
        match serde_json::from_slice::<Map<String, Value>>(body) {
            Ok(fields) => fields.into_iter().for_each(|(name, value)| {
                if let Value::String(value) = value {
                    parameters.take(&name, value);
                }
            }),
            Err(_) => parameters.form(body),
        }
        // A secret in an address would stand in the logs of whatever is between.
        let secrets = (parameters.password.take(), parameters.code.take());
        parameters.form(uri.query().unwrap_or_default().as_bytes());
        (parameters.password, parameters.code) = secrets;
        parameters
    }

    fn form(&mut self, form: &[u8]) {
        for (name, value) in form_urlencoded::parse(form) {
            self.take(&name, value.into_owned());
        }
    }

    fn take(&mut self, name: &str, mut value: String) {
        match name {
            "user" | "username" => set(&mut self.user, value),
            "pass" | "password" => set(&mut self.password, Zeroizing::new(value)),
            "token_code" => set(&mut self.code, Zeroizing::new(value)),
            "transaction_id" | "state" => set(&mut self.state, value),
            "client" | "user_ip" => set(&mut self.address, value),
            _ => value.zeroize(),
        }
    }

    /// A state that says something.
    pub(super) fn take_state(&mut self) -> Option<String> {
        self.state.take().filter(|state| !state.is_empty())
    }
}

fn set<T>(field: &mut Option<T>, value: T) {
    field.get_or_insert(value);
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
            let mut parsed = Parameters::parse(body, &Uri::default());
            assert_eq!(parsed.user.as_deref(), Some("alice"));
            assert_eq!(text(parsed.password.as_ref()), Some("p+w"));
            assert_eq!(parsed.address.as_deref(), Some("192.0.2.9"));
            assert_eq!(parsed.take_state().as_deref(), Some("ab"));
        }
    }

    #[test]
    fn the_first_counts_and_a_query_brings_no_secret() {
        let uri = Uri::from_static("/validate/check?user=carol&pass=x&token_code=1");
        let parsed = Parameters::parse(b"user=alice&user=bob", &uri);
        assert_eq!(parsed.user.as_deref(), Some("alice"));
        assert!(parsed.password.is_none() && parsed.code.is_none());
        let mut parsed = Parameters::parse(b"transaction_id=", &uri);
        assert!(parsed.take_state().is_none());
    }
}
