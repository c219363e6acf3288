//! `config system sms-server`, and whether people can be reached as they are to be.

use super::AdminError;
use super::configure::required;
use crate::contact::{Contact, SmsServer};
use crate::schema::Object;

/// What is filled in for the number.
const PHONE: &str = "%%PHONE%%";
/// What is filled in for the text.
const MESSAGE: &str = "%%MESSAGE%%";

/// An entry of `config system sms-server`: a domain, or an HTTP gateway that is told number and text.
pub(super) fn sms_server(object: &Object) -> Result<(), AdminError> {
    let url = object.text("url");
    if url.is_empty() {
        let why = "the domain that makes mails into SMS, or 'set url' for an HTTP gateway";
        return required(object, "mail-server", why);
    }
    let refused = |field, why: &str| {
        let why = why.into();
        Err(AdminError::Field { field, why })
    };
    if !["http://", "https://"].iter().any(|scheme| {
        url.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with("%%"))
    }) {
        return refused(
            "url",
            "takes https://HOST/PATH, or http:// in a network of its own",
        );
    }
    if object.list("header").iter().any(|line| !is_header(line)) {
        return refused("header", "takes lines of the form \"NAME: VALUE\"");
    }
    let is_told = |what: &str| {
        url.contains(what)
            || (object.text("method") != "get" && object.text("body").contains(what))
            || object.list("header").iter().any(|line| line.contains(what))
    };
    if is_told(PHONE) && is_told(MESSAGE) {
        return Ok(());
    }
    refused(
        "body",
        "must have %%PHONE%% and %%MESSAGE%%, which are filled in, unless the URL has them",
    )
}

/// A field name is a token (RFC 9110, 5.1).
fn is_header(line: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    line.split_once(": ")
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_token))
}

/// Whoever has a server of their own must say which, and a number is one.
pub(super) fn reachable(contact: &Contact) -> Result<(), AdminError> {
    if let Some(phone) = &contact.phone
        && !is_number(phone)
    {
        return Err(AdminError::Field {
            field: "sms-phone",
            why:
                "a telephone number: digits, with a '+' before the country's, such as +491701234567"
                    .into(),
        });
    }
    if contact.sms_server == SmsServer::Custom && contact.custom_server.is_none() {
        return Err(AdminError::Incomplete {
            field: "sms-custom-server",
            why: "the entry of 'config system sms-server' that carries the messages",
        });
    }
    Ok(())
}

/// ITU-T E.164, 6: at most 15 digits. Separators are people's habit.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '/'))
}
